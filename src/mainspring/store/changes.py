"""Changes: whether anything that lists show is different from before. One look at the ends of a few indexes, and no count."""

from __future__ import annotations

from hashlib import blake2s

from mainspring.store.database import Database

NEWEST_SEEN = 100  # runs from the young end of each table, as many as a page shows
RUNNING_SEEN = 500  # running runs that are looked at: their numbers grow with every transition, log line and progress


class ChangeStore:
    """Answers tokens: two that are equal say that nothing was changed in between which a list would show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def token(self) -> str:
        """Return what stands for the present state: of runs, what finished, what is due, what people did, services, nodes and notices."""
        rows = await self._database.read("changes_look", newest=NEWEST_SEEN, running=RUNNING_SEEN)
        told = "\n".join(sorted(f"{row['what']} {row['a']} {row['b']}" for row in rows))
        return blake2s(told.encode(), digest_size=12).hexdigest()
