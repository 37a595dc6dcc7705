"""The promoter: makes due runs claimable, ends those whose deadline passed while they waited, and lets blocked ones go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from mainspring.engine.faults import FAULT
from mainspring.engine.presence import Presence
from mainspring.engine.ration import Ration
from mainspring.store.runs import Lane, RunStore

LONGEST = 1.0  # seconds between looks: a run that another process put here is found within them
BATCH = 500
UNBLOCK_EVERY = 5  # rounds


class Promoter:
    """Moves waiting runs on when their time has come."""

    name = "promoter"

    def __init__(self, runs: RunStore, presence: Presence, tasks: Sequence[str]) -> None:
        self._runs, self._presence, self._tasks = runs, presence, tasks
        self._rounds = 0
        self._since: Any = None  # what waits and is no late commit is due from here on: past the graveyard of those that waited
        self._from_the_beginning = Ration(0.5, 20.0)
        self._deadlines = Ration(0.0, 60.0)
        self.on_ready: Callable[[Lane], None] = lambda lane: None
        self.on_waiting: Callable[[Collection[str]], None] = lambda keys: None  # they wait for a limit now

    async def tick(self) -> float:
        """Do one round; answers when the next run is due."""
        grown, keys = set[Lane](), set[str]()
        due = await self._look()
        if due is not None and due <= timedelta(0):  # one look a round is all that an idle node costs
            ready = await self._runs.promote(BATCH, self._since)
            grown, keys = set(ready), ready.keys
            FAULT("after_promote_commit")
            due, self._since = await self._runs.next_due_from(self._since)
        if self._rounds % UNBLOCK_EVERY == 0:
            clock = asyncio.get_running_loop().time
            if self._deadlines.is_due(began := clock()):
                await self._runs.expire(BATCH)
                self._deadlines.took(clock() - began, clock())
            if self._tasks and not self._presence.is_quiet:
                ready = await self._runs.unblock_known(self._tasks, BATCH)
                grown, keys = grown | ready, keys | ready.keys
        self._rounds += 1
        for lane in sorted(grown):
            self.on_ready(lane)
        if keys:
            self.on_waiting(keys)
        return LONGEST if due is None else min(max(due.total_seconds(), 0.0), LONGEST)

    async def _look(self) -> timedelta | None:
        """Return when the next run is due; from the beginning, for late commits, as often as that is cheap."""
        clock = asyncio.get_running_loop().time
        began = clock()
        is_full = self._from_the_beginning.is_due(began)
        due, self._since = await self._runs.next_due_from(None if is_full else self._since)
        if is_full:
            self._from_the_beginning.took(clock() - began, clock())
        return due
