"""Queues in the store. A queue exists by being used; a row is needed only to pause it."""

from __future__ import annotations

from datetime import datetime

from mainspring.store.database import Database, Record


class QueueStore:
    """Pausing and resuming."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pause(self, name: str, *, actor: str | None = None, reason: str | None = None, until: datetime | None = None) -> None:
        """Stop claims from a queue, until somebody resumes it or a time; its runs stay."""
        await self._database.write("queues_pause", name=name, actor=actor, reason=reason, until=self._database.to_time(until))

    async def wake(self) -> list[str]:
        """Resume the queues whose pause is over; answers their names."""
        return [row[0] for row in await self._database.write("queues_wake")]

    async def resume(self, name: str) -> bool:
        """Let claims go on; answers whether the queue was paused."""
        return bool(await self._database.write("queues_resume", name=name))

    async def list(self) -> list[Record]:
        """Return the queues that were ever paused."""
        rows = await self._database.read("queues_list")
        time = self._database.from_time
        return [{**row, "paused_at": time(row["paused_at"]), "paused_until": time(row["paused_until"])} for row in rows]

    async def paused(self) -> set[str]:
        """Return the names of paused queues."""
        return {row["name"] for row in await self.list() if row["paused_at"] is not None}
