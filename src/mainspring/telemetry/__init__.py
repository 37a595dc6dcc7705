"""Telemetry: what other systems are told of runs.

Log lines with ids, OpenTelemetry spans, Prometheus metrics; each only where it is asked for.
"""
