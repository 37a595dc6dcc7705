"""Queues in the store. A queue exists by being used; a row is needed only to pause it."""

from __future__ import annotations

from mainspring.store.database import Database, Record


class QueueStore:
    """Pausing and resuming."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pause(self, name: str, *, actor: str | None = None, reason: str | None = None) -> None:
        """Stop claims from a queue; its runs stay."""
        await self._database.write("queues_pause", name=name, actor=actor, reason=reason)

    async def resume(self, name: str) -> bool:
        """Let claims go on; answers whether the queue was paused."""
        return bool(await self._database.write("queues_resume", name=name))

    async def list(self) -> list[Record]:
        """Return the queues that were ever paused."""
        rows = await self._database.read("queues_list")
        return [{**row, "paused_at": self._database.from_time(row["paused_at"])} for row in rows]

    async def paused(self) -> set[str]:
        """Return the names of paused queues."""
        return {row["name"] for row in await self.list() if row["paused_at"] is not None}
