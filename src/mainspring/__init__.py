"""Mainspring: a typed Python function becomes a durable task.

The public names, listed by hand. Rooms are imported when a name of theirs is first used, so that nobody pays for what others need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mainspring.core.version import VERSION

if TYPE_CHECKING:
    from mainspring.advisor.guard import UnfinishedWork
    from mainspring.app import Blocking, Mainspring
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
    from mainspring.core.run import Attempt, Run
    from mainspring.core.schedule import Misfire, Schedule, at, cron, every, manual, when
    from mainspring.core.secret import Secret
    from mainspring.core.service import Service, service
    from mainspring.core.state import RunState
    from mainspring.core.status import TaskStatus
    from mainspring.core.task import Task, task

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
    "UnfinishedWork",
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


_ROOMS = {
    "mainspring.advisor.guard": ("UnfinishedWork",),
    "mainspring.app": ("Blocking", "Mainspring"),
    "mainspring.core.capability": ("Capability",),
    "mainspring.core.command": ("Command", "CommandFailed", "CommandResult", "EnvVar", "command"),
    "mainspring.core.context": ("Context", "current_run", "log", "progress"),
    "mainspring.core.dedupe": ("Dedupe",),
    "mainspring.core.dependency": ("Dependency",),
    "mainspring.core.depends": ("Depends",),
    "mainspring.core.errors": ("Fail", "MainspringError", "RetryLater", "Skip", "Snooze", "WaitFor"),
    "mainspring.core.event": ("Event", "EventKind"),
    "mainspring.core.file": ("Artifact", "File", "FileLimit"),
    "mainspring.core.handle": ("RunHandle",),
    "mainspring.core.limit": ("Limit", "Rate"),
    "mainspring.core.overlap": ("Overlap",),
    "mainspring.core.param": ("Param",),
    "mainspring.core.policy": ("Isolation", "Priority", "Retry"),
    "mainspring.core.retention": ("Retention",),
    "mainspring.core.run": ("Attempt", "Run"),
    "mainspring.core.schedule": ("Misfire", "Schedule", "at", "cron", "every", "manual", "when"),
    "mainspring.core.secret": ("Secret",),
    "mainspring.core.service": ("Service", "service"),
    "mainspring.core.state": ("RunState",),
    "mainspring.core.status": ("TaskStatus",),
    "mainspring.core.task": ("Task", "task"),
}
_LATER = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Bring a name's room along when somebody needs it: ``mainspring check`` needs no task, a definition neither app nor asyncio."""
    if name == "errors":
        value: Any = import_module("mainspring.core.errors")
    elif (room := _LATER.get(name)) is not None:
        value = getattr(import_module(room), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
