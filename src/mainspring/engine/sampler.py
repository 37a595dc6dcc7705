"""The sampler: writes down once a minute what waits in each queue, so that charts have a past.

Any node may; the first of a minute does. A fleet that has nothing to do writes nothing.
"""

from __future__ import annotations

from mainspring.store.store import Store

EVERY = 60.0  # seconds: one row a queue and minute
PRUNE_EVERY = 60  # rounds: an hour


class Sampler:
    """One node's hand on the samples."""

    name = "sampler"
    patience = 600.0

    def __init__(self, store: Store) -> None:
        self._store, self._rounds, self._minute = store, 0, -1
        self.taken = 0  # minutes that this node has seen to

    async def tick(self) -> float:
        """See to this minute, if it is a new one and nobody was faster; answers how long until the next begins."""
        now = (await self._store.database.now()).timestamp()
        minute = int(now // EVERY)
        if minute != self._minute:
            self.taken += await self._store.samples.take()
            self._minute = minute
            if self._rounds % PRUNE_EVERY == 0:
                await self._store.samples.prune()
            self._rounds += 1
        return EVERY - now % EVERY + 1.0  # a second into it, as nodes' clocks and the driver's waits are not exact
