"""Mainspring: a typed Python function becomes a durable task.

The public names, listed by hand. Heavy rooms are imported when they are first used, so that a definition costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mainspring.core import errors
from mainspring.core.capability import Capability
from mainspring.core.command import Command, CommandFailed, CommandResult, EnvVar, command
from mainspring.core.context import Context, current_run, log, progress
from mainspring.core.dedupe import Dedupe
from mainspring.core.dependency import Dependency
from mainspring.core.depends import Depends
from mainspring.core.errors import Fail, MainspringError, RetryLater, Skip, Snooze, WaitFor
from mainspring.core.event import Event, EventKind
from mainspring.core.file import Artifact, File, FileLimit
from mainspring.core.handle import RunHandle
from mainspring.core.limit import Limit, Rate
from mainspring.core.overlap import Overlap
from mainspring.core.param import Param
from mainspring.core.policy import Isolation, Priority, Retry
from mainspring.core.retention import Retention
from mainspring.core.secret import Secret
from mainspring.core.service import Service, service
from mainspring.core.state import RunState
from mainspring.core.task import Task, task
from mainspring.core.version import VERSION

if TYPE_CHECKING:
    from mainspring.app import Blocking, Mainspring
    from mainspring.core.run import Attempt, Run
    from mainspring.core.schedule import Misfire, Schedule, at, cron, every, manual, when
    from mainspring.core.status import TaskStatus

__version__ = VERSION

__all__ = [
    "Artifact",
    "Attempt",
    "Blocking",
    "Capability",
    "Command",
    "CommandFailed",
    "CommandResult",
    "Context",
    "Dedupe",
    "Dependency",
    "Depends",
    "EnvVar",
    "Event",
    "EventKind",
    "Fail",
    "File",
    "FileLimit",
    "Isolation",
    "Limit",
    "Mainspring",
    "MainspringError",
    "Misfire",
    "Overlap",
    "Param",
    "Priority",
    "Rate",
    "Retention",
    "Retry",
    "RetryLater",
    "Run",
    "RunHandle",
    "RunState",
    "Schedule",
    "Secret",
    "Service",
    "Skip",
    "Snooze",
    "Task",
    "TaskStatus",
    "WaitFor",
    "__version__",
    "at",
    "command",
    "cron",
    "current_run",
    "errors",
    "every",
    "log",
    "manual",
    "progress",
    "service",
    "task",
    "when",
]


_LATER = {
    "Attempt": "mainspring.core.run",
    "Blocking": "mainspring.app",
    "Mainspring": "mainspring.app",
    "Run": "mainspring.core.run",
    "TaskStatus": "mainspring.core.status",
    **dict.fromkeys(("Misfire", "Schedule", "at", "cron", "every", "manual", "when"), "mainspring.core.schedule"),
}


def __getattr__(name: str) -> Any:
    """Bring the app, asyncio and what is told of runs along when somebody needs them: definitions and ``mainspring --help`` do without."""
    if (room := _LATER.get(name)) is not None:
        return getattr(import_module(room), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
