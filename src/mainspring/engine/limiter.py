"""The limiter: lets runs go that waited for a limit. On every node; any number of them at once never let more go than a limit allows.

Level-triggered: twice a second or so it looks through all lists. Hints make it quick: a run that was enqueued into a list, and one that
ended, name their keys; a rate says itself when its next token comes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mainspring.core.limit import Maximum, each_key, queue_key, task_key
from mainspring.core.task import EXPENSIVE_QUEUE, Task
from mainspring.engine.faults import FAULT
from mainspring.engine.ration import Ration
from mainspring.store.limits import LimitStore, Told
from mainspring.store.runs import Lane

SWEEP, LONGEST_SWEEP = 0.7, 20.0  # seconds between looks at all lists; more where there are many thousands
ADOPT_SOON = 0.05  # seconds between looks for runs without their keys, while hints of such keep coming
BUSY = 0.005  # seconds until a key is tried again that another limiter held
SHORTEST = 0.002  # seconds between two looks at one rate, however quick it is
TOGETHER = 50  # keys in one transaction
FEW, MANY = 8, 500  # runs of a list in one transaction, at first and at most
PAGE = 200
FORGET_AFTER = timedelta(hours=1)
FORGET_EVERY = 600  # sweeps


def declared(tasks: Mapping[str, Task[..., Any]], expensive: int) -> dict[str, Maximum | None]:
    """Return what the code says of its keys; None where it says nothing, so that what an older version said is taken back."""
    said: dict[str, Maximum | None] = {queue_key(EXPENSIVE_QUEUE): Maximum(expensive)}
    for name, task in tasks.items():
        spec = task.spec
        is_limited = spec.concurrency is not None or spec.rate is not None
        said[task_key(name)] = Maximum(spec.concurrency, spec.rate) if is_limited else None
        said[each_key(name)] = None if spec.limit is None else Maximum(spec.limit.concurrency, spec.limit.rate)
    return said


class Limiter:
    """Lets runs go."""

    name = "limiter"

    def __init__(self, limits: LimitStore, tasks: Mapping[str, Task[..., Any]], *, expensive: int, clock: Callable[[], float]) -> None:
        self._limits, self._tasks, self._expensive, self._clock = limits, tasks, expensive, clock
        self._poked: set[str] = set()
        self._due: dict[str, float] = {}  # keys that may have room at a time: a token comes, or another limiter is done
        self._sweeps = Ration(SWEEP, LONGEST_SWEEP)
        self._adopts = Ration(ADOPT_SOON, LONGEST_SWEEP)
        self._rounds = 0
        self._is_adopting = False
        self._told = Told()
        self.wake: Callable[[], None] = lambda: None
        self.on_ready: Callable[[Lane], None] = lambda lane: None
        self.on_admitted: Callable[[Sequence[str]], None] = lambda ids: None
        self.on_slots: Callable[[int | None], None] = lambda slots: None

    async def declare(self) -> None:
        """Write down what this node's code says, before it works."""
        await self._limits.declare(declared(self._tasks, self._expensive))

    def poke(self, keys: Iterable[str | None]) -> None:
        """Hear that these keys may have room, or runs that wait for it."""
        before = len(self._poked)
        self._poked.update(key for key in keys if key is not None)
        if len(self._poked) > before:
            self.wake()

    def look_again(self) -> None:
        """Hear that something changed, but not what: look at everything now."""
        self._sweeps.renew()
        self.wake()

    def hinted(self, lane: Lane) -> None:
        """Hear that a lane grew, maybe by runs that do not carry the key of a limit that an operator has set."""
        if not self._is_adopting and (lane.queue in self._told.queues or self._told.tasks):
            self._is_adopting = True
            self.wake()

    async def tick(self) -> float:
        """Let go what may go now; answers when something more may."""
        now = self._clock()
        ripe = {key for key, at in self._due.items() if at <= now}
        for key in ripe:
            del self._due[key]
        keys, self._poked = self._poked | ripe, set()
        try:
            if self._sweeps.is_due(now):
                keys |= await self._sweep()
            elif self._is_adopting and self._adopts.is_due(now):
                keys |= await self._adopt()
            await self._admit(keys)
        except BaseException:
            self._sweeps.renew()  # nobody will poke these keys again
            raise
        now = self._clock()
        waits = [at - now for at in self._due.values()]
        if self._is_adopting:
            waits.append(ADOPT_SOON)
        return 0.0 if self._poked else max(min(waits, default=SWEEP), SHORTEST)

    async def _admit(self, keys: Collection[str]) -> None:
        ordered = sorted(keys)
        for start in range(0, len(ordered), TOGETHER):
            some, n = ordered[start : start + TOGETHER], FEW
            while True:
                admitted = await self._limits.admit(some, n)
                FAULT("after_admit_commit")
                for lane in sorted(admitted.lanes, key=_place):
                    self.on_ready(lane)
                if admitted.ids:
                    self.on_admitted(admitted.ids)
                now = self._clock()
                for key, wait in admitted.waits.items():
                    self._due[key] = now + max(wait, SHORTEST)
                if admitted.is_busy:
                    self._due |= {key: min(self._due.get(key, float("inf")), now + BUSY) for key in some}
                if not admitted.is_more:
                    break
                n = min(n * 2, MANY)

    async def _sweep(self) -> set[str]:
        """Look at all lists, and for runs that ought to be in one; answers the keys that have room."""
        began = self._clock()
        if (told := await self._limits.told()) != self._told:
            self._told = told
            self.on_slots(told.slots)
        found = await self._adopt()
        after = ""
        while True:
            page = await self._limits.look(after, PAGE)
            for key, wait in page:
                if wait == 0:
                    found.add(key)
                elif wait is not None:
                    self._due[key] = min(self._due.get(key, float("inf")), self._clock() + wait)
            if len(page) < PAGE:
                break
            after = page[-1][0]
        if self._rounds % FORGET_EVERY == FORGET_EVERY - 1:
            await self._limits.forget(FORGET_AFTER)
        self._rounds += 1
        self._sweeps.took(self._clock() - began, self._clock())
        return found

    async def _adopt(self) -> set[str]:
        began, self._is_adopting = self._clock(), False
        found = await self._limits.adopt()
        self._adopts.took(self._clock() - began, self._clock())
        if found:
            self._is_adopting = True  # there may be more
        return found


def _place(lane: Lane) -> tuple[str, str, int, int]:
    return (lane.queue, lane.tenant, lane.pool, lane.priority)
