"""Samples for charts: how much waited in each queue, once a minute, by whichever node comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.store.database import Database, sure

COUNTED = 100_000  # unfinished runs that one sample counts: nobody needs more than "a hundred thousand wait", and a node has other work
THINNED_AFTER, KEPT_FOR = timedelta(hours=48), timedelta(days=15)  # charts of a week, and the week before
ALL = ""  # the name under which all queues are summed up


@dataclass(frozen=True, slots=True)
class Sample:
    """What waited in a queue around a time; means over a span. ``oldest_ms``: how long the oldest that could start had waited, at worst."""

    at: datetime
    queue: str
    ready: float
    later: float
    running: float
    blocked: float
    oldest_ms: float


class SampleStore:
    """Taking, reading, forgetting."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, bound: int = COUNTED) -> bool:
        """Count what waits now and write it down for this minute; False where another node has done so, or nothing waits as before."""
        return bool(await self._database.write("samples_take", bound=bound))

    async def list(self, since: datetime, width: timedelta, queue: str | None = None) -> list[Sample]:
        """Return what waited since a time in spans of a width, the oldest first; the queue `ALL` is the sum of the others."""
        rows = await self._database.read("samples_list", since=self._database.to_time(since), width=width.total_seconds(), queue=queue)
        return [
            Sample(
                sure(self._database.from_time(row["at"])), row["queue"], float(row["ready"]), float(row["later"]), float(row["running"]),
                float(row["blocked"]), float(row["oldest_ms"]),
            )
            for row in rows
        ]  # fmt: skip

    async def prune(self, older: timedelta = KEPT_FOR, thinned: timedelta = THINNED_AFTER) -> int:
        """Forget what is too old, and thin out what is not young; answers how many rows went."""
        rows = await self._database.write("samples_prune", older_ms=older.total_seconds() * 1000, thinned_ms=thinned.total_seconds() * 1000)
        return len(rows)
