"""The switcher: lets a node see what operators have enabled and disabled, and moves the runs that wait behind a switch.

A disabled task's runs are held, not lost: those that are ready leave the lanes (blocked, reason ``disabled``), a worker that had claimed
one gives it back unburnt, and all of them go on once the task is enabled. What runs already is not touched. A switch is read every few
seconds and whenever a hint says that one was thrown, by every node and by every process that enqueues. A queue that was paused until a
time is resumed here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from mainspring.core.overlap import Overlap
from mainspring.core.switch import Definition, Switches
from mainspring.core.task import Task
from mainspring.engine.presence import Presence
from mainspring.store.runs import Lane
from mainspring.store.store import Store

EVERY = 2.0  # seconds between a node's looks
FREE_EVERY = 5  # looks after which what is blocked is looked at although no switch was thrown here
BATCH = 500
FRESH = 2.0  # seconds for which an enqueuing process believes what it has read
SURE = 30.0  # seconds past which it reads before it enqueues, instead of beside it


class Switcher:
    """One node's eye on the switches: a `Loop`. Level-triggered, and any node may do it."""

    name = "switches"

    def __init__(self, store: Store, tasks: Mapping[str, Task[..., Any]], presence: Presence, board: SwitchBoard, *, claims: bool) -> None:
        self._store, self._tasks, self._presence, self._board, self._claims = store, tasks, presence, board, claims
        self._off: frozenset[str] = frozenset()
        self._to_hold: set[str] = set()  # tasks whose ready runs are still to be taken out of the lanes; later ones the worker gives back
        self._rounds = 0
        self.on_ready: Callable[[Lane], None] = lambda lane: None
        self.on_resumed: Callable[[], None] = lambda: None

    async def tick(self) -> float:
        """Read the switches; hold what is disabled, free what is enabled."""
        switches = await self._board.look()
        off = frozenset(name for name, task in self._tasks.items() if switches.is_off(task.spec))
        was, self._off = self._off, off
        if not self._claims or self._presence.is_quiet:
            return EVERY
        self._to_hold = (self._to_hold | (off - was)) & off
        for name in sorted(self._to_hold):
            if await self._store.switches.hold(name, BATCH) < BATCH:
                self._to_hold.discard(name)
        is_more = bool(self._to_hold)
        if self._rounds % FREE_EVERY == 0 and await self._store.queues.wake():
            self.on_resumed()
        if was - off or self._rounds % FREE_EVERY == 0:
            freed, lanes = await self._store.switches.free([name for name in self._tasks if name not in off], BATCH)
            is_more |= freed == BATCH
            for lane in sorted(lanes):
                self.on_ready(lane)
        self._rounds = 0 if is_more else self._rounds + 1
        return 0.0 if is_more else EVERY


class SwitchBoard:
    """The switches of one process, as fresh as its callers need them, and never read twice at once."""

    def __init__(self, store: Store, switches: Switches, *, clock: Callable[[], float]) -> None:
        self._store, self._switches, self._clock = store, switches, clock
        self._read_at = float("-inf")
        self._reading: asyncio.Task[Switches] | None = None

    @property
    def switches(self) -> Switches:
        """What was read last."""
        return self._switches

    async def read(self) -> Switches:
        """Read now, or wait for who is reading already."""
        return await asyncio.shield(self._start())

    @property
    def is_fresh(self) -> bool:
        """Whether an enqueue may believe what was read last. Asked by each."""
        return self._clock() - self._read_at <= FRESH

    async def fresh(self) -> Switches:
        """Return the switches for an enqueue: read beside it when they are a little old, before it when they are so old as to surprise."""
        if self._clock() - self._read_at > SURE:
            return await self.read()
        if not self.is_fresh:
            self._start()
        return self._switches

    async def throw(self, task: Definition, is_enabled: bool, *, actor: str | None, reason: str | None) -> tuple[int, set[Lane]]:
        """Enable or disable a task for everybody; where the code says the same, an earlier switch is taken back.

        Answers how many runs were held or let go, and the lanes that grew. What is added in this very moment a node holds.
        """
        if is_enabled is task.is_enabled:
            await self._store.switches.clear(task.name)
        else:
            await self._store.switches.put(task.name, is_enabled, actor=actor, reason=reason)
        if self._reading is not None:  # begun before the switch was thrown
            await asyncio.wait({self._reading})
        await self.read()
        moved, grown = 0, set[Lane]()
        while True:
            if is_enabled:
                n, lanes = await self._store.switches.free([task.name], BATCH)
                grown |= lanes
            else:
                n = await self._store.switches.hold(task.name, BATCH)
            moved += n
            if n < BATCH:
                return moved, grown

    async def choose(self, task: str, overlap: Overlap | None, *, actor: str | None, reason: str | None) -> None:
        """Set a task's overlap policy for everybody, or let the code say again."""
        if overlap is None:
            await self._store.gates.clear(task)
        else:
            await self._store.gates.put(task, overlap, actor=actor, reason=reason)
        if self._reading is not None:  # begun before it was chosen
            await asyncio.wait({self._reading})
        await self.read()

    async def close(self) -> None:
        """Let go of a reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _start(self) -> asyncio.Task[Switches]:
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self.look(), name="mainspring-switches")
            self._reading.add_done_callback(self._done)
        return self._reading

    async def look(self) -> Switches:
        """Read now, whoever else is reading."""
        asked_at = self._clock()
        found, overlaps = await self._store.switches.list(), await self._store.gates.choices()
        if asked_at >= self._read_at:  # else who asked later was answered earlier, and knows better
            self._switches.update(found, overlaps)
            self._read_at = asked_at
        return self._switches

    def _done(self, reading: asyncio.Task[Switches]) -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # whoever waits is told; who does not goes on with what is known, and asks again
