"""The handle that an enqueue answers with: a run's id, and the ways to wait for it from any process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from mainspring.core.carried import carried
from mainspring.core.dedupe import How
from mainspring.core.errors import UnknownFile, end_error
from mainspring.core.event import Event
from mainspring.core.file import Artifact, File
from mainspring.core.payload import is_reference
from mainspring.core.state import RunState

if TYPE_CHECKING:
    from mainspring.core.params import Result  # which brings pydantic along
    from mainspring.core.run import Run

R_co = TypeVar("R_co", covariant=True)


class Follower(Protocol):
    """What a handle needs of the app that made it."""

    async def read_run(self, run_id: str) -> Run:
        """Return the run as it is now."""

    async def wait_for(self, run_id: str, timeout: float | None) -> Run:
        """Return the run once it is final, or raise `StillRunning`."""

    def follow(self, run_id: str, after: int) -> AsyncIterator[Event]:
        """Yield events past a sequence number until the final one."""

    async def cancel(self, run_id: str, *, reason: str | None = None) -> str:
        """Ask the run to stop."""

    async def artifacts(self, run_id: str) -> list[Artifact]:
        """Return what the run has left behind."""

    def place(self, file: File) -> None:
        """Let a file of a result be read."""


class RunHandle(Generic[R_co]):
    """One run, seen from whoever asked for it.

    ``is_new`` is False when another run with the same key won. ``how`` says what became of the call: ``new``, ``existing`` (that
    run, as it was), ``replaced`` (that run, with this call's parameters), ``debounced`` (likewise, and later) or, of many enqueued at
    once, ``rejected``.
    """

    __slots__ = ("_app", "_result", "how", "id", "is_new")

    def __init__(self, app: Follower, run_id: str, result: Result, is_new: bool, how: How | None = None) -> None:
        self._app, self.id, self._result, self.is_new = app, run_id, result, is_new
        self.how = how or (How.NEW if is_new else How.EXISTING)

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    async def status(self) -> Run:
        """Return the run as it is now."""
        return await self._app.read_run(self.id)

    async def progress(self) -> dict[str, Any] | None:
        """Return the latest progress (current, total, message, stage), or None where the body reported none."""
        found = (await self.status()).progress
        return None if found is None else dict(found)

    async def result(self, timeout: float | None = None) -> R_co:
        """Wait for the end and return the typed result.

        Raises `RunFailed`, `RunTimeout`, `RunCancelled` or `RunSkipped` for other ends, `StillRunning` when ``timeout``
        seconds pass first (the run goes on), and `InvalidResult` where what is stored no longer fits the task's
        annotation.
        """
        run = await self._app.wait_for(self.id, timeout)
        if run.state is not RunState.COMPLETED:
            raise end_error(run_id=run.id, task=run.task, state=run.state, reason=run.reason, error=run.error)
        if is_reference(run.result):
            raise UnknownFile(f"the result of the run {run.id} lies among the files, and cannot be read here now")
        with carried() as found:
            result = self._result.load(run.result)
        for file in (each for each in found if isinstance(each, File)):
            self._app.place(file)
        return cast("R_co", result)

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.result().__await__()

    def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield the run's events past ``after``, then follow it until its final event, from any process."""
        return self._app.follow(self.id, after)

    async def artifacts(self) -> list[Artifact]:
        """Return the files that the run has left behind so far, in order; each can be read (see `File`)."""
        return await self._app.artifacts(self.id)

    async def cancel(self, reason: str | None = None) -> str:
        """Ask the run to stop; answers ``cancelled``, ``requested`` (it is running) or ``already`` (it was final)."""
        return await self._app.cancel(self.id, reason=reason)
