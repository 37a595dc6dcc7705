"""The environment in which a runner works: settings may differ between them, and what needs a process that stays is off in one."""

from __future__ import annotations

from enum import StrEnum


class Environment(StrEnum):
    """Where a runner works. ``serverless``: no process stays, so that only pulses move anything, and services never start."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"
    SERVERLESS = "serverless"
