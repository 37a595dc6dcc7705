"""The pruner: partitions ahead of time, retention in small steps, and a vacuum of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

from mainspring.core.retention import Keeping, Retention
from mainspring.core.task import Task
from mainspring.store.notices import PRUNED_TOGETHER
from mainspring.store.retention import Pruned
from mainspring.store.store import Store

EVERY = 10.0
PARTITIONS_EVERY = 360  # rounds: an hour
SWEEP_EVERY = 60  # rounds between the beginnings of two passes of retention: ten minutes
FORGET_EVERY = 6  # rounds between two looks for keys of `once` whose time is over: a minute, for an expired key is free in any case
STEPS = 20  # of retention in one round, each of at most a thousand runs: two thousand deletes a second, and room for others
ERRORS_KEPT = timedelta(days=90)  # past its last occurrence; a group of errors is small, and people ask "was that there before?"


class Pruner:
    """Keeps the store small and fast. Any node may; every step is idempotent."""

    name = "pruner"
    patience = 600.0  # a vacuum of our own, or a partition that others hold, takes its time

    def __init__(self, store: Store, keeping: Keeping, tasks: Mapping[str, Task[..., Any]], node: str) -> None:
        self._store, self._keeping, self._tasks, self._node = store, keeping, tasks, node
        self._told: dict[str, Retention | None] = {}
        self._pass: AsyncIterator[Pruned] | None = None
        self._rounds = 0

    async def tick(self) -> float:
        """Do one round."""
        is_hourly = self._rounds % PARTITIONS_EVERY == 0
        if is_hourly:
            await self._store.upkeep.make_partitions()
            await self._store.errors.forget(ERRORS_KEPT)
            await self._store.dead.prune()
            while await self._store.notices.prune() == PRUNED_TOGETHER:
                continue
        if self._pass is None and self._rounds % SWEEP_EVERY == 0:
            await self._tell()
            self._pass = self._store.retention.steps(await self._store.retention.policies(self._keeping))
        if self._rounds % FORGET_EVERY == 0:
            await self._store.runs.dedupe.sweep()
            await self._store.idempotency.sweep()
        self._rounds += 1
        if self._pass is not None:
            await self._prune(self._pass)
        await self._store.upkeep.vacuum()
        if is_hourly:
            await self._store.files.sweep()  # last: a place for files that does not answer keeps nothing else from being done
        return EVERY

    async def _prune(self, steps: AsyncIterator[Pruned]) -> None:
        self._pass = None  # a step that fails ends the pass; another begins in time
        for _ in range(STEPS):
            if await anext(steps, None) is None:
                return
        self._pass = steps

    async def _tell(self) -> None:
        """Let the store know what our definitions say, once, and again when tasks have joined."""
        own = {name: task.spec.retention for name, task in self._tasks.items()}
        if own != self._told:
            await self._store.retention.tell(own, self._node)
            self._told = own
