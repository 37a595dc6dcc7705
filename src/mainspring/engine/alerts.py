"""Alerts: what wakes somebody. The app's own function hears of each that this process has written. A run that is lost for good is one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from mainspring.core.errors import StoreError
from mainspring.core.notice import Notice, Severity
from mainspring.core.run import ClaimedRun, Decision, Reason
from mainspring.core.state import RunState
from mainspring.engine.loop import log
from mainspring.store.notices import NoticeStore

OnAlert = Callable[[Notice], object] | Callable[[Notice], Awaitable[object]]

LOSSES = (Reason.LOST, Reason.CRASHED, Reason.MEMORY, Reason.INTERRUPTED)


class Alerts:
    """Calls an app's ``on_alert``: a coroutine function in the event loop, any other in a thread. What it raises is logged."""

    def __init__(self, on_alert: OnAlert) -> None:
        self._on_alert = on_alert
        self._calls: set[asyncio.Task[None]] = set()

    def __call__(self, notice: Notice) -> None:
        """Begin the call; returns at once."""
        call = asyncio.get_running_loop().create_task(self._call(notice), name="mainspring-alert")
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def settled(self, seconds: float) -> None:
        """Wait for calls that are under way, as long as that."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=seconds)

    async def _call(self, notice: Notice) -> None:
        try:
            if inspect.iscoroutinefunction(self._on_alert):
                await self._on_alert(notice)
            else:
                await asyncio.to_thread(self._on_alert, notice)
        except Exception:  # noqa: BLE001 - the call into a user's hook is one of the three places that must survive anything
            log.exception("on_alert failed for the notice %s of %s", notice.kind, notice.object)


async def tell_losses(
    notices: NoticeStore, settled: Iterable[tuple[ClaimedRun, Decision | None]], states: Mapping[str, RunState]
) -> None:  # fmt: skip
    """Write an alert for each run that has just failed because nothing that carried it out survived.

    Never raises for a store that is away: the run itself says the same.
    """
    for run, decision in settled:
        if decision is None or states.get(run.id) is not RunState.FAILED or decision.reason not in LOSSES:
            continue
        with suppress(StoreError):
            data = {"reason": str(decision.reason), "attempt": run.attempt}
            await notices.add(f"task:{run.task}", "run_lost", Severity.ALERT, data, run_id=run.id)
