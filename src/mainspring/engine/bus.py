"""The bus: tells who waits for a run, in whatever process, that something happened to it; and carries hints between processes.

Hints only shorten waits. They are sent after the commit, gathered per process, never in a caller's transaction.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence

from mainspring.core.errors import StillRunning, StoreError
from mainspring.core.event import Event
from mainspring.core.run import Run
from mainspring.store.runs import Lane
from mainspring.store.store import Store

SOON, LATER = 0.05, 0.5  # seconds between looks at watched runs: quick at first, calmer the longer nothing happens
FASTEST_HINTS, CALM_HINTS = 0.01, 0.1  # seconds between hints: ten milliseconds, a tenth of a second while they keep coming
BUSY_HINTS = 20  # hints in a row past which the calm pace holds


class Watch:
    """Somebody's interest in one run."""

    __slots__ = ("changed", "run_id", "seq")

    def __init__(self, run_id: str, seq: int = 0) -> None:
        self.run_id, self.seq = run_id, seq
        self.changed = asyncio.Event()


class Bus:
    """Watches runs for this process: one query a round, however many wait."""

    name = "bus"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watches: dict[str, set[Watch]] = {}
        self._quiet_rounds = 0
        self._is_fresh = False
        self._hints: set[Lane] = set()
        self._hint_timer: asyncio.TimerHandle | None = None
        self._hinted_at = float("-inf")
        self._in_a_row = 0
        self._sending: set[asyncio.Task[None]] = set()
        self.wake: Callable[[], None] = lambda: None
        self.on_hint: Callable[[Lane | None], None] = lambda lane: None

    # -- watching

    async def tick(self) -> float:
        """Look at every watched run once, and tell who waits for one that has changed."""
        if not self._watches:
            return 60.0
        if self._is_fresh:  # who has just begun to watch has just looked
            self._is_fresh = False
            return SOON
        runs = await self._store.runs.get_many(list(self._watches))
        is_changed = False
        for run_id, watches in list(self._watches.items()):
            run = runs.get(run_id)
            for watch in watches:
                if run is None or run.seq != watch.seq or run.is_final:
                    watch.changed.set()
                    is_changed = True
        self._quiet_rounds = 0 if is_changed else self._quiet_rounds + 1
        return min(SOON * 1.2**self._quiet_rounds, LATER)

    def ended(self, run_ids: Sequence[str]) -> None:
        """Hear from this process's own node that runs have ended: who waits for them need not wait for a round."""
        if self._watches:
            for run_id in run_ids:
                for watch in self._watches.get(run_id, ()):
                    watch.changed.set()

    def watch(self, run_id: str) -> Watch:
        """Begin to watch a run; give the watch back to `unwatch`."""
        watch = Watch(run_id)
        if not self._watches:
            self._is_fresh = True
            self.wake()
        self._watches.setdefault(run_id, set()).add(watch)
        self._quiet_rounds = 0
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Stop watching."""
        watches = self._watches.get(watch.run_id)
        if watches is not None:
            watches.discard(watch)
            if not watches:
                del self._watches[watch.run_id]

    async def wait_for(self, run_id: str, timeout: float | None) -> Run:
        """Return a run once it is final; raises `StillRunning` when the time is over, `UnknownRun` when there is none."""
        watch = self.watch(run_id)
        run: Run | None = None
        try:
            async with asyncio.timeout(timeout):
                while True:
                    watch.changed.clear()
                    run = await self._store.runs.get(run_id)
                    if run.is_final:
                        return run
                    watch.seq = run.seq
                    await watch.changed.wait()
        except TimeoutError:
            state = run.state if run is not None else "pending"
            raise StillRunning(f"the run {run_id} is {state} after {timeout:g} s; it goes on", run_id=run_id, state=state) from None
        finally:
            self.unwatch(watch)

    async def follow(self, run_id: str, after: int) -> AsyncIterator[Event]:
        """Yield a run's events past a number, and go on until its final one."""
        watch = self.watch(run_id)
        seq = after
        try:
            while True:
                watch.changed.clear()
                events = await self._store.events.after(run_id, seq)
                for event in events:
                    seq = event.seq
                    yield event
                    if event.kind.is_final:
                        return
                if not events:
                    run = await self._store.runs.get(run_id)
                    if run.is_final and run.seq <= seq:
                        return
                    watch.seq = seq
                    if run.seq == seq:
                        await watch.changed.wait()
                    else:
                        await asyncio.sleep(SOON)  # a number is taken whose row we cannot see yet
        finally:
            self.unwatch(watch)

    # -- hints

    async def listen(self) -> None:
        """Hear the hints of other processes."""
        await self._store.database.listen(self._hear)

    def _hear(self, payload: str) -> None:
        try:
            rows = json.loads(payload) if payload else []
            lanes = [Lane(str(queue), str(tenant), int(pool), int(priority)) for queue, tenant, pool, priority in rows]
        except (ValueError, TypeError):
            lanes = []  # a hint of another version: something changed
        for lane in lanes:
            self.on_hint(lane)
        if not lanes:
            self.on_hint(None)

    def hint_to_ride(self, lane: Lane) -> str | None:
        """Return a hint that may travel right behind a commit, or None where another was sent just now: then `hint` gathers it."""
        loop = asyncio.get_running_loop()
        if self._hint_timer is not None or loop.time() - self._hinted_at < (CALM_HINTS if self._in_a_row > BUSY_HINTS else FASTEST_HINTS):
            return None
        self._in_a_row, self._hinted_at = 0, loop.time()
        return _payload([lane])

    def hint(self, lane: Lane, *, is_local: bool = True) -> None:
        """Say that a lane grew: to this process's worker at once, to others gathered and in a moment."""
        if is_local:
            self.on_hint(lane)
        self._hints.add(lane)
        if self._hint_timer is None:
            loop = asyncio.get_running_loop()
            pace = CALM_HINTS if self._in_a_row > BUSY_HINTS else FASTEST_HINTS
            wait = self._hinted_at + pace - loop.time()
            self._in_a_row = self._in_a_row + 1 if wait > -pace else 0
            self._hint_timer = loop.call_later(max(wait, 0.0), self._send_soon)

    def _send_soon(self) -> None:
        loop = asyncio.get_running_loop()
        self._hint_timer, self._hinted_at = None, loop.time()
        lanes, self._hints = self._hints, set()
        payload = _payload(list(lanes)[:20])
        task = loop.create_task(self._send(payload))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, payload: str) -> None:
        try:
            await self._store.database.notify(payload)
        except StoreError:
            pass  # a lost hint is a late one

    async def close(self) -> None:
        """Send what is left and stop."""
        if self._hint_timer is not None:
            self._hint_timer.cancel()
            self._send_soon()
        for task in list(self._sending):
            await task


def _payload(lanes: Sequence[Lane]) -> str:
    return json.dumps([[lane.queue, lane.tenant, lane.pool, lane.priority] for lane in lanes])
