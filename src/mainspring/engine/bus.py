"""The bus: tells who waits for a run, in whatever process, that something happened to it; and carries hints between processes.

Hints only shorten waits. They are sent after the commit, gathered per process, never in a caller's transaction.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.errors import StillRunning, StoreError
from mainspring.core.event import Event
from mainspring.core.run import Run
from mainspring.store.runs import Lane
from mainspring.store.store import Store

SOON, LATER = 0.05, 0.5  # seconds between looks at watched runs: quick at first, calmer the longer nothing happens
FASTEST_HINTS, CALM_HINTS = 0.01, 0.1  # seconds between hints: ten milliseconds, a tenth of a second while they keep coming
SWITCHED = '["switches"]'  # the hint that a switch was thrown; to nodes of older versions it says that something changed
SERVICES = '["services"]'  # likewise, that an operator wants something of a service
SCHEDULED = '["schedules"]'  # likewise, that somebody has changed a schedule
COMMANDED = '["nodes"]'  # the hint that an operator wants something of nodes, or of all
SAID = "said"  # such a row says that a run which others watch has something to tell, or has ended
WATCHED = "watched"  # likewise, that somebody follows a run: its node is to be quick, and to say so
MOST_LOOKS = 3  # at a run that has ended and whose next event is missing: then it is gone
ANNOUNCE_EVERY = 10.0  # seconds between two announcements of what is followed here
WATCHED_FOR = 25.0  # seconds for which an announcement holds: two of them may be lost
MOST_WATCHED = 10_000  # runs of other processes that are remembered as watched
NAMED_AT_ONCE = 100  # runs in one hint
GATED = ["gate", ""]  # such a row says that runs wait at a gate; to nodes of older versions that something changed
LIMITED = "limit"  # such a row of a hint names a limit instead of a lane
MOST_KEYS = 20  # limits in one hint, past which it says that something changed
MOST_BYTES = 7900  # PostgreSQL's bound for a notification is 8000
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
        self._watches: dict[str, dict[Watch, None]] = {}  # in the order of their coming
        self._quiet_rounds = 0
        self._is_fresh = False
        self._hints: set[Lane] = set()
        self._keys: set[str] = set()
        self._is_gated = False  # the next hint says: look at the gates
        self._is_poked = False  # the next hint says: look everywhere
        self._followed: dict[str, int] = {}  # runs that are followed here, and by how many
        self._announced_at = float("-inf")
        self._watched: dict[str, float] = {}  # runs that are followed elsewhere, and until when that is good
        self._hint_timer: asyncio.TimerHandle | None = None
        self._hinted_at = float("-inf")
        self._in_a_row = 0
        self._sending: set[asyncio.Task[None]] = set()
        self.wake: Callable[[], None] = lambda: None
        self.on_hint: Callable[[Lane | None], None] = lambda lane: None
        self.on_switched: Callable[[], None] = lambda: None
        self.on_scheduled: Callable[[], None] = lambda: None
        self.on_commanded: Callable[[], None] = lambda: None
        self.on_services: Callable[[], None] = lambda: None
        self.on_limited: Callable[[Collection[str]], bool] = lambda keys: False  # answers whether this process sees to it
        self.on_gated: Callable[[], bool] = lambda: False  # likewise

    @property
    def hooks(self) -> Mapping[str, Callable[..., object]]:
        """Who hears of hints, to be given back after another node of this process has taken the place."""
        return {name: hook for name, hook in vars(self).items() if name.startswith("on_")}

    @hooks.setter
    def hooks(self, hooks: Mapping[str, Callable[..., object]]) -> None:
        vars(self).update(hooks)

    # -- watching

    async def tick(self) -> float:
        """Look at every watched run once, and tell who waits for one that has changed."""
        if not self._watches:
            return 60.0
        self._announce_now_and_then()
        if self._is_fresh:  # who has just begun to watch has just looked
            self._is_fresh = False
            return SOON
        found = await self._store.runs.seqs(list(self._watches))
        is_changed = False
        for run_id, watches in list(self._watches.items()):
            run = found.get(run_id)
            for watch in watches:
                if run is None or run.seq != watch.seq or run.is_final:
                    watch.changed.set()
                    is_changed = True
        self._quiet_rounds = 0 if is_changed else self._quiet_rounds + 1
        return min(SOON * 1.2**self._quiet_rounds, LATER)

    def ended(self, run_ids: Sequence[str]) -> None:
        """Hear from this process's own node that runs have ended: who waits for them need not wait for a round."""
        if self._watches:
            self._tell(run_ids)
        if self._watched:
            self._say(run_ids)

    def said(self, run_ids: Collection[str]) -> None:
        """Hear from this process's own node that records of runs are written: who follows them, here or elsewhere, is told."""
        if self._watches:
            self._tell(run_ids)
        if self._watched:
            self._say(run_ids)

    def is_followed(self, run_id: str) -> bool:
        """Tell whether somebody follows a run, in this process or in another one."""
        if not self._watched and not self._followed:
            return False
        return run_id in self._followed or self._watched.get(run_id, 0.0) > asyncio.get_running_loop().time()

    def _tell(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            for watch in self._watches.get(run_id, ()):
                watch.changed.set()

    def _say(self, run_ids: Iterable[str]) -> None:
        """Hint to other processes at once: a person looks, and records come in batches already."""
        now = asyncio.get_running_loop().time()
        wanted = [run_id for run_id in run_ids if self._watched.get(run_id, 0.0) > now]
        for start in range(0, len(wanted), NAMED_AT_ONCE):
            self._send_apart(json.dumps([[SAID, run_id] for run_id in wanted[start : start + NAMED_AT_ONCE]]))

    def _announce_now_and_then(self) -> None:
        """Tell other processes what is followed here, so that they are quick about it."""
        now = asyncio.get_running_loop().time()
        if self._followed and now >= self._announced_at + ANNOUNCE_EVERY:
            self._announced_at = now
            self._announce(list(self._followed))

    def _announce(self, run_ids: Sequence[str]) -> None:
        for start in range(0, len(run_ids), NAMED_AT_ONCE):
            self._send_apart(json.dumps([[WATCHED, run_id] for run_id in run_ids[start : start + NAMED_AT_ONCE]]))

    def _send_apart(self, payload: str) -> None:
        task = asyncio.get_running_loop().create_task(self._send(payload))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _heard_watched(self, run_ids: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._watched) > MOST_WATCHED:
            self._watched = {run_id: until for run_id, until in self._watched.items() if until > now}
        for run_id in run_ids:
            self._watched[run_id] = now + WATCHED_FOR

    def watch(self, run_id: str) -> Watch:
        """Begin to watch a run; give the watch back to `unwatch`."""
        watch = Watch(run_id)
        if not self._watches:
            self._is_fresh = True
            self.wake()
        self._watches.setdefault(run_id, {})[watch] = None
        self._quiet_rounds = 0
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Stop watching."""
        watches = self._watches.get(watch.run_id)
        if watches is not None:
            watches.pop(watch, None)
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
                    run = await self._store.runs.get(run_id, scope=EVERYTHING)
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
        async for page in self.follow_pages(run_id, after, scope=EVERYTHING):
            for event in page:
                yield event

    async def follow_pages(self, run_id: str, after: int, *, scope: Scope) -> AsyncIterator[Sequence[Event]]:
        """Yield a run's events past a number as they come, those together that are there together, and go on until its final one.

        While that lasts, the run's node is told that somebody watches: it writes sooner, and says when it has.
        """
        watch = self.watch(run_id)
        self._follow(run_id)
        try:
            watch.seq, looks = after, 0
            while True:
                watch.changed.clear()
                events = await self._store.events.after(run_id, watch.seq, scope=scope, over_gap=looks >= MOST_LOOKS)
                if events:
                    watch.seq, looks = events[-1].seq, 0
                    yield events
                    if events[-1].kind.is_final:
                        return
                    continue
                run = (await self._store.runs.seqs([run_id])).get(run_id)
                if run is None or (run.is_final and run.seq <= watch.seq):
                    return
                if run.seq <= watch.seq:
                    await watch.changed.wait()
                elif looks > MOST_LOOKS:
                    return  # there is nothing more to be seen of it
                else:  # a number is taken whose row we cannot see yet; of a run that has ended it would be there by now
                    looks += run.is_final
                    await asyncio.sleep(SOON)
        finally:
            self._unfollow(run_id)
            self.unwatch(watch)

    def _follow(self, run_id: str) -> None:
        known = self._followed.get(run_id, 0)
        self._followed[run_id] = known + 1
        if not known:
            self._announce([run_id])

    def _unfollow(self, run_id: str) -> None:
        self._followed[run_id] -= 1
        if not self._followed[run_id]:
            del self._followed[run_id]

    # -- hints

    async def listen(self) -> None:
        """Hear the hints of other processes."""
        await self._store.database.listen(self._hear)

    def _hear(self, payload: str) -> None:
        if payload == SWITCHED:
            self.on_switched()
            return
        if payload == SERVICES:
            self.on_services()
            return
        if payload == SCHEDULED:
            self.on_scheduled()
            return
        if payload == COMMANDED:
            self.on_commanded()
            return
        try:
            rows = json.loads(payload) if payload else []
            keys = [str(row[1]) for row in rows if len(row) == 2 and row[0] == LIMITED]
            is_gated = GATED in rows
            lanes = [Lane(str(row[0]), str(row[1]), int(row[2]), int(row[3])) for row in rows if len(row) != 2]
            said = [str(row[1]) for row in rows if len(row) == 2 and row[0] == SAID]
            watched = [str(row[1]) for row in rows if len(row) == 2 and row[0] == WATCHED]
        except (ValueError, TypeError, LookupError):
            keys, lanes, said, watched, is_gated = [], [], [], [], False  # a hint of another version: something changed
        if said:
            self._tell(said)
        if watched:
            self._heard_watched(watched)
        for lane in lanes:
            self.on_hint(lane)
        if keys:
            self.on_limited(keys)
        if is_gated:
            self.on_gated()
        if not lanes and not keys and not is_gated and not said and not watched:
            self.on_hint(None)

    async def switched(self) -> None:
        """Say, here and to others, that an operator has enabled or disabled a task."""
        self.on_switched()
        await self._send(SWITCHED)

    async def services_changed(self) -> None:
        """Say, here and to others, that an operator wants something of a service."""
        self.on_services()
        await self._send(SERVICES)

    async def scheduled(self) -> None:
        """Say, here and to others, that a schedule was changed: who sleeps until the next slot is to look again."""
        self.on_scheduled()
        await self._send(SCHEDULED)

    async def commanded(self) -> None:
        """Say, here and to others, that an operator wants something of nodes."""
        self.on_commanded()
        await self._send(COMMANDED)

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
        self._send_in_a_while()

    def limited(self, keys: Collection[str], *, is_for_all: bool = False) -> None:
        """Say that runs wait in the lists of limits, or that limits were changed (``is_for_all``): some node is to let them go."""
        if not self.on_limited(keys) or is_for_all:
            self._keys.update(keys)
            self._send_in_a_while()

    def gated(self, *, is_for_all: bool = False) -> None:
        """Say that runs wait at a gate, or that something was done that may open one: some node is to look."""
        if not self.on_gated() or is_for_all:
            self._is_gated = True
            self._send_in_a_while()

    def poke(self) -> None:
        """Say that runs may have come anywhere, also earlier than what was seen since: everybody looks from the beginning."""
        self.on_hint(None)
        self._is_poked = True
        self._send_in_a_while()

    def _send_in_a_while(self) -> None:
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
        is_poked, self._is_poked = self._is_poked, False
        keys, self._keys = sorted(self._keys), set()
        is_gated, self._is_gated = self._is_gated, False
        is_all = is_poked or len(keys) > MOST_KEYS  # an empty hint says that anything may have changed
        payload = _payload([]) if is_all else _payload(sorted(lanes)[:20], keys, is_gated=is_gated)
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


def _payload(lanes: Sequence[Lane], keys: Iterable[str] = (), *, is_gated: bool = False) -> str:
    rows = [[lane.queue, lane.tenant, lane.pool, lane.priority] for lane in lanes]
    text = json.dumps([*rows, *([LIMITED, key] for key in keys), *([GATED] if is_gated else [])])
    return text if len(text) < MOST_BYTES else "[]"
