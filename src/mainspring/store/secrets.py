"""Secrets that the store keeps. It never sees one: what comes here is encrypted, and what is listed are names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mainspring.store.database import Database, sure


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret as people see it: all but what it says."""

    name: str
    key_id: str
    created_at: datetime
    changed_at: datetime
    changed_by: str | None
    reason: str | None


class SecretStore:
    """Keeping and finding sealed texts by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, name: str, sealed: str, key_id: str, *, actor: str | None, reason: str | None) -> bool:
        """Keep one in the place of what was there; answers whether it is new."""
        rows = await self._database.write("secrets_put", name=name, sealed=sealed, key_id=key_id, actor=actor, reason=reason)
        return bool(rows[0][0])

    async def page_sealed(self, *, after: str = "", n: int = 100) -> list[tuple[str, str, str]]:
        """Return (name, sealed, key) past a name, to be encrypted anew."""
        return [(row["name"], row["sealed"], row["key_id"]) for row in await self._database.read("secrets_page", after=after, n=n)]

    async def list(self, *, after: str = "", n: int = 100) -> list[SecretRow]:
        """Return what there is past a name, sorted by it."""
        time = self._database.from_time
        return [
            SecretRow(
                row["name"], row["key_id"], sure(time(row["created_at"])), sure(time(row["changed_at"])), row["changed_by"], row["reason"]
            )
            for row in await self._database.read("secrets_list", after=after, n=n)
        ]

    async def sealed(self, name: str) -> str | None:
        """Return what is kept under a name, encrypted; None where nothing is."""
        rows = await self._database.read("secrets_get", name=name)
        return rows[0]["sealed"] if rows else None

    async def reseal(self, name: str, before: str, sealed: str, key_id: str) -> bool:
        """Put another encryption in the place of one; answers False where it was changed meanwhile."""
        return bool(await self._database.write("secrets_reseal", name=name, before=before, sealed=sealed, key_id=key_id))

    async def remove(self, name: str) -> bool:
        """Forget one; answers whether it was there."""
        return bool(await self._database.write("secrets_remove", name=name))
