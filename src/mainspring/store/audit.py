"""The audit trail: who did what, to which object, from where and why. It only grows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mainspring.store.database import Database, Record


class AuditStore:
    """Writes and reads audit rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        verb: str,
        object_: str,
        *,
        actor: str | None,
        source: str,
        reason: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one row."""
        await self._database.write(
            "audit_add",
            verb=verb,
            object=object_,
            actor=actor,
            source=source,
            reason=reason,
            data=None if data is None else json.dumps(data),
        )

    async def page(
        self,
        *,
        object_: str | None = None,
        actor: str | None = None,
        verb: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        before: int = 2**62,
        n: int = 100,
    ) -> list[Record]:
        """Return rows, newest first, below an id; filters are joined by *and*."""
        values = {"object": object_, "actor": actor, "verb": verb, "source": source, "since": self._database.to_time(since)}
        rows = await self._database.read("audit_page", before=before, n=n, **values)
        return [
            {**row, "at": self._database.from_time(row["at"]), "data": json.loads(row["data"]) if row["data"] else None} for row in rows
        ]
