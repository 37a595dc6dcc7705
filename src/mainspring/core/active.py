"""The way from a definition to whoever can enqueue it: the app of this process, or the pipe of an executor child.

Definitions are inert and know no app; they ask here. An app announces itself when it is made, a child when it starts.
"""

from __future__ import annotations

from typing import Any, Protocol

from mainspring.core.errors import NoActiveApp


class Enqueuer(Protocol):
    """What ``task.enqueue(...)`` needs of an app."""

    async def enqueue(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Enqueue a task or a task with options, and return the run's handle."""


_apps: list[Enqueuer] = []
_child: list[Enqueuer] = []


def announce(app: Enqueuer) -> None:
    """Make an app the one that definitions find; the last one wins."""
    retire(app)
    _apps.append(app)


def retire(app: Enqueuer) -> None:
    """Forget an app; the one before it is active again."""
    _apps[:] = [each for each in _apps if each is not app]


def enter_child(pipe: Enqueuer) -> None:
    """Say that this process is an executor child: everything is enqueued through its pipe, whatever app is used."""
    _child[:] = [pipe]


def child_pipe() -> Enqueuer | None:
    """Return the pipe of this executor child, or None in any other process."""
    return _child[0] if _child else None


def active_enqueuer(task_name: str) -> Enqueuer:
    """Return who enqueues for this process; raises `NoActiveApp` with the remedy."""
    if _child:
        return _child[0]
    if not _apps:
        raise NoActiveApp(
            f"{task_name}.enqueue() found no app: make one first "
            f"(app = Mainspring('sqlite:///mainspring.db', discover=[...])) or call app.enqueue({task_name}, ...)"
        )
    return _apps[-1]
