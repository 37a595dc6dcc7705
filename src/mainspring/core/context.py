"""What a body may say while it runs: the context parameter, and free functions that do nothing outside a run."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Any, Protocol

LEVELS = ("debug", "info", "warning", "error", "critical")


class Sink(Protocol):
    """Where the words of a body go: the recorder of its executor."""

    def log(self, level: str, message: str, data: Mapping[str, Any] | None) -> None:
        """Take one line; never blocks, drops and counts when full."""

    def progress(self, current: float, total: float | None, message: str | None, stage: str | None) -> None:
        """Take the latest progress; only the last of a short while is kept."""


class Context:
    """A body's view of its own run.

    ``claim_id`` is new with every attempt and can serve other systems as a fencing token; ``run_id`` stays the same and
    can serve them as an idempotency key.
    """

    __slots__ = ("_sink", "_stopping", "attempt", "claim_id", "queue", "run_id", "task", "tenant")

    def __init__(self, *, run_id: str, task: str, attempt: int, claim_id: str, queue: str, tenant: str, sink: Sink) -> None:
        self.run_id, self.task, self.attempt, self.claim_id = run_id, task, attempt, claim_id
        self.queue, self.tenant = queue, tenant
        self._sink = sink
        self._stopping = False

    @property
    def sink(self) -> Sink:
        """Where the words of this run go; used by the engine to find the run that a line belongs to."""
        return self._sink

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop: cancelled, out of time, or its node is shutting down.

        Poll it in long ``def`` bodies.
        """
        return self._stopping

    def stop(self) -> None:
        """Ask the body to stop; used by the engine."""
        self._stopping = True

    def log(self, message: object, /, *, level: str = "info", **fields: object) -> None:
        """Write one line to the run's log, verbatim.

        An object that is no text is kept as structured JSON beside its text.
        """
        if level not in LEVELS:
            raise ValueError(f"level={level!r} is unknown: choose one of {', '.join(LEVELS)}")
        data: dict[str, Any] = dict(fields)
        if not isinstance(message, str):
            data["value"] = message
        self._sink.log(level, message if isinstance(message, str) else str(message), data or None)

    def progress(self, current: float, total: float | None = None, message: str | None = None, stage: str | None = None) -> None:
        """Report how far the run is; unknown totals are allowed.

        Cheap: only the latest of a quarter second is stored.
        """
        self._sink.progress(current, total, message, stage)


_current: ContextVar[Context | None] = ContextVar("mainspring_run", default=None)


def current_run() -> Context | None:
    """Return the context of the run that this code belongs to, or None outside a run."""
    return _current.get()


def enter_run(context: Context) -> Token[Context | None]:
    """Make a context the current one; used by the engine. Give the token to `leave_run`."""
    return _current.set(context)


def leave_run(token: Token[Context | None]) -> None:
    """Undo `enter_run`."""
    _current.reset(token)


def log(message: object, /, *, level: str = "info", **fields: object) -> None:
    """Write to the current run's log; does nothing outside a run."""
    if (context := _current.get()) is not None:
        context.log(message, level=level, **fields)


def progress(current: float, total: float | None = None, message: str | None = None, stage: str | None = None) -> None:
    """Report the current run's progress; does nothing outside a run."""
    if (context := _current.get()) is not None:
        context.progress(current, total, message, stage)
