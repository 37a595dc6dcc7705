"""Dead letters in the store: failed runs that nobody has done again or given up. Only what was given up is written down."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.store.database import Database

FORGOTTEN_TOGETHER = 500


class DeadStore:
    """Knows which failed runs were given up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def discard(self, ids: Sequence[str], *, actor: str | None = None, reason: str | None = None) -> set[str]:
        """Give failed runs up; answers those that were dead letters until now."""
        rows = await self._database.write("dead_discard", ids=self._database.to_list(list(ids)), actor=actor, reason=reason)
        return {str(row[0]) for row in rows}

    async def discarded(self, ids: Sequence[str]) -> set[str]:
        """Return those of these runs that were given up."""
        if not ids:
            return set()
        return {str(row["run_id"]) for row in await self._database.read("dead_discarded", ids=self._database.to_list(list(ids)))}

    async def prune(self) -> int:
        """Forget what was said about runs that are gone, some at a time; answers how many rows went."""
        return len(await self._database.write("dead_prune", n=FORGOTTEN_TOGETHER))
