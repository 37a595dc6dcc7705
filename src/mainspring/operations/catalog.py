"""The catalogue: every operation by name. Faces read it; what is not in here nobody can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mainspring.operations import audit, errors, explain, limits, nodes, queues, retention, retry, runs, stats, system, tasks
from mainspring.operations.operation import Operation

_ALL: tuple[Operation[Any, Any], ...] = (
    tasks.list_tasks,
    tasks.show_task,
    tasks.check_params,
    tasks.enable_task,
    tasks.disable_task,
    tasks.show_types,
    tasks.write_manifest,
    runs.enqueue_run,
    runs.list_runs,
    runs.show_run,
    runs.cancel_run,
    runs.retry_run,
    runs.list_logs,
    runs.list_events,
    runs.list_attempts,
    runs.list_artifacts,
    explain.explain_run,
    retry.retry_many,
    retention.pin_run,
    retention.unpin_run,
    retention.delete_run,
    retention.list_expired,
    retention.prune_runs,
    errors.list_errors,
    errors.show_error,
    errors.resolve_error,
    audit.list_audit,
    nodes.list_nodes,
    stats.show_stats,
    queues.list_queues,
    queues.pause_queue,
    queues.resume_queue,
    limits.list_limits,
    limits.set_limit,
    limits.clear_limit,
    system.diagnose,
    system.show_schema,
    system.migrate,
    system.show_grants,
)

CATALOG: Mapping[str, Operation[Any, Any]] = MappingProxyType({each.name: each for each in _ALL})
