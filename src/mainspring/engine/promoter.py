"""The promoter: makes due runs claimable, ends those whose deadline passed while they waited, and lets blocked ones go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from mainspring.engine.faults import FAULT
from mainspring.engine.presence import Presence
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
        self.on_ready: Callable[[Lane], None] = lambda lane: None

    async def tick(self) -> float:
        """Do one round; answers when the next run is due."""
        grown: set[Lane] = set()
        due = await self._runs.next_due()
        if due is not None and due <= timedelta(0):  # one look a round is all that an idle node costs
            grown = await self._runs.promote(BATCH)
            FAULT("after_promote_commit")
            due = await self._runs.next_due()
        if self._rounds % UNBLOCK_EVERY == 0:
            await self._runs.expire(BATCH)
            if self._tasks and not self._presence.is_quiet:
                grown |= await self._runs.unblock_known(self._tasks, BATCH)
        self._rounds += 1
        for lane in grown:
            self.on_ready(lane)
        return LONGEST if due is None else min(max(due.total_seconds(), 0.0), LONGEST)
