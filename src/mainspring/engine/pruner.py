"""The pruner: partitions ahead of time, retention, and a vacuum of our own."""

from __future__ import annotations

from datetime import timedelta

from mainspring.store.upkeep import Upkeep

EVERY = 10.0
PARTITIONS_EVERY = 360  # rounds: an hour


class Pruner:
    """Keeps the store small and fast. Any node may; every step is idempotent."""

    name = "pruner"

    def __init__(self, upkeep: Upkeep, keep: timedelta | None) -> None:
        self._upkeep, self._keep = upkeep, keep
        self._rounds = 0

    async def tick(self) -> float:
        """Do one round."""
        if self._rounds % PARTITIONS_EVERY == 0:
            await self._upkeep.make_partitions()
            if self._keep is not None:
                await self._upkeep.prune(self._keep)
        self._rounds += 1
        await self._upkeep.vacuum()
        return EVERY
