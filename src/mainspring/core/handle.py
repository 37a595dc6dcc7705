"""The handle that an enqueue answers with: a run's id, and the ways to wait for it from any process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from mainspring.core.errors import end_error
from mainspring.core.event import Event
from mainspring.core.run import Run
from mainspring.core.state import RunState

if TYPE_CHECKING:
    from mainspring.core.params import Result  # which brings pydantic along

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


class RunHandle(Generic[R_co]):
    """One run, seen from whoever asked for it. ``is_new`` is False when an unfinished run with the same key won."""

    __slots__ = ("_app", "_result", "id", "is_new")

    def __init__(self, app: Follower, run_id: str, result: Result, is_new: bool) -> None:
        self._app, self.id, self._result, self.is_new = app, run_id, result, is_new

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
        return cast("R_co", self._result.load(run.result))

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.result().__await__()

    def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield the run's events past ``after``, then follow it until its final event, from any process."""
        return self._app.follow(self.id, after)

    async def cancel(self, reason: str | None = None) -> str:
        """Ask the run to stop; answers ``cancelled``, ``requested`` (it is running) or ``already`` (it was final)."""
        return await self._app.cancel(self.id, reason=reason)
