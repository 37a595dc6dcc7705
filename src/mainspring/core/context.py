"""What a body may say while it runs: the context parameter, and free functions that do nothing outside a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any, Protocol, runtime_checkable

from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import Conflict
from mainspring.core.file import File

LEVELS = ("debug", "info", "warning", "error", "critical")


class Sink(Protocol):
    """Where the words of a body go: the recorder of its executor."""

    def log(self, level: str, message: str, data: Mapping[str, Any] | None) -> None:
        """Take one line; never blocks, drops and counts when full."""

    def progress(self, current: float, total: float | None, message: str | None, stage: str | None) -> None:
        """Take the latest progress; only the last of a short while is kept."""

    def attach(self, source: Any, name: str | None, media_type: str | None) -> File:
        """Take a file that the body leaves behind."""


@runtime_checkable
class Completer(Protocol):
    """A sink that can complete its run: that of a body that runs."""

    def complete(self, context: Context, connection: object, result: object) -> Awaitable[None]:
        """Write the completion in the transaction of a connection."""


@runtime_checkable
class Teller(Protocol):
    """A sink that hears more of a body than words: that of a body that runs."""

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take a fact for the engine."""

    def rest(self, context: Context, seconds: float) -> Awaitable[bool]:
        """Wait, or return what waits."""


class Context:
    """A body's view of its own run.

    ``claim_id`` is new with every attempt and can serve other systems as a fencing token; ``run_id`` stays the same and
    can serve them as an idempotency key.
    """

    __slots__ = (
        "_ends",
        "_failure",
        "_is_ready",
        "_served",
        "_sink",
        "_stopping",
        "_wakers",
        "_who",
        "attempt",
        "claim_id",
        "queue",
        "run_id",
        "task",
        "tenant",
    )

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
    def error(self) -> Mapping[str, Any] | None:
        """What went wrong, in ``rollback`` and ``on_error``: ``kind``, ``type``, ``message``, ``traceback`` and more; None in bodies."""
        return self._told()[0]

    @property
    def will_retry(self) -> bool:
        """Whether another attempt follows, in ``on_error``; False elsewhere."""
        return self._told()[1]

    def _told(self) -> tuple[Mapping[str, Any] | None, bool]:
        return getattr(self, "_failure", (None, False))  # not set for each body: contexts are made by the ten thousand a second

    def tell(self, error: Mapping[str, Any], *, will_retry: bool) -> None:
        """Say what went wrong; used by the engine before it calls a hook."""
        self._failure = (error, will_retry)

    @property
    def user(self) -> str | None:
        """Who has started the run, as a face or the caller named them; None where nobody was named."""
        return getattr(self, "_who", (None, None))[0]

    @property
    def locale(self) -> str | None:
        """The language of who has started the run, as ``de``; None where nobody said one."""
        return getattr(self, "_who", (None, None))[1]

    def introduce(self, user: str | None, locale: str | None) -> None:
        """Say who has started the run; used by the engine."""
        self._who = (user, locale)

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop: cancelled, out of time, or its node is shutting down.

        Poll it in long ``def`` bodies.
        """
        return self._stopping

    def stop(self) -> None:
        """Ask the body to stop; used by the engine."""
        self._stopping = True
        for wake in getattr(self, "_wakers", ()):  # rarely there, as the two above: not set for each body
            wake()

    def sleep(self, duration: Duration) -> Awaitable[bool]:
        """Wait for a while (timedelta, seconds, ``"30s"``), or until the run is asked to stop; answers whether it goes on.

        ``while await ctx.sleep(5): …`` is a service's loop. Await it in an ``async def`` body; in a ``def`` body it has waited when it
        returns, and ``ctx.stopping`` says the rest.
        """
        if not isinstance(self._sink, Teller):
            raise Conflict("ctx.sleep works in a body that runs")
        return self._sink.rest(self, parse_duration(duration, "ctx.sleep").total_seconds())

    def on_stop(self, wake: Callable[[], None] | None, *, no_more: Callable[[], None] | None = None) -> None:
        """Have something called when the body is asked to stop, or no more; used by the engine."""
        kept = [each for each in getattr(self, "_wakers", ()) if each is not no_more]
        self._wakers = kept if wake is None else [*kept, wake]

    @property
    def fence(self) -> int | None:
        """In a service: the number of this start, which grows with every start of the service in the fleet; None elsewhere.

        Hand it to systems that the service writes to: they refuse a writer with a lower one, which has been replaced and does not know yet.
        """
        return getattr(self, "_served", None)

    def serve(self, fence: int) -> None:
        """Say that the body is a service's, and with which number; used by the engine."""
        self._served = fence

    def ready(self) -> None:
        """Say that a service can do its work now. It counts from the first time; in other bodies it says nothing."""
        if not self.is_ready and self.fence is not None:
            self._is_ready = True
            if isinstance(self._sink, Teller):
                self._sink.tell("ready", {})

    @property
    def is_ready(self) -> bool:
        """Whether the body has said that it is ready."""
        return getattr(self, "_is_ready", False)

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

    def attach(self, source: Any, *, name: str | None = None, media_type: str | None = None) -> File:
        """Leave a file behind, an artifact of the run: listed by ``run.artifacts()``, kept as long as the run.

        ``source`` is a path (text or `Path`), bytes, a binary file object or chunks of bytes; name and media type are guessed from a path.
        It blocks until the content is stored: an ``async def`` body hands large ones to ``await asyncio.to_thread(ctx.attach, …)``. Raises
        `FileRefused` for what cannot be read, `ConfigurationError` where there is no place for files.
        """
        return self._sink.attach(source, name, media_type)

    def complete_in(self, connection: object, result: object = None) -> Awaitable[None]:
        """Complete the run in the body's own transaction, for an effect that must happen exactly once.

        ``connection`` leads to the app's database (as in ``task.options(connection=…)``) and is in the transaction that holds the effect.
        When that commits, the run has completed with ``result``, whatever becomes of this process; what the body does or returns
        afterwards changes nothing, and its later log lines are not kept. When it rolls back, nothing has happened, and the run ends as the
        body does. Await it in an ``async def`` body; in a ``def`` body it is written when this returns. Raises `LeaseLost` when the run is
        no longer this attempt's: let it out, so that the transaction rolls back.
        """
        if not isinstance(self._sink, Completer):
            raise Conflict("complete_in works in a body that runs")
        return self._sink.complete(self, connection, result)

    def at_end(self, call: Callable[[], object]) -> None:
        """Have something called when the attempt has ended; used by the engine."""
        self._ends = [*getattr(self, "_ends", ()), call]

    def end(self) -> None:
        """Call what is to be called now that the attempt has ended; used by the engine."""
        for call in getattr(self, "_ends", ()):
            call()


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
