"""The audit trail: who did what, to which object, from where and why. It only grows.

The row of a change is written in the change's own transaction, see `AuditStore.with_next_change`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mainspring.core.access import Scope
from mainspring.store.along import Along, Row, going_along
from mainspring.store.database import Database, Record

REFUSED_ONCE = timedelta(minutes=1)  # the same refusal to the same person is written down so often
REFUSALS_LOOKED_AT = 20  # rows about an object among which the same refusal is looked for


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: who, what, to which object, by which door, why; ``data`` is what else is to be known, ``tenant`` that of who did it."""

    verb: str
    object: str
    actor: str | None
    source: str
    reason: str | None = None
    data: Mapping[str, Any] | None = None
    tenant: str = ""
    address: str | None = None
    request_id: str | None = None

    def values(self) -> dict[str, Any]:
        """Return it as the values of a query."""
        return {
            "verb": self.verb, "object": self.object, "actor": self.actor, "source": self.source, "reason": self.reason,
            "data": None if self.data is None else json.dumps(dict(self.data), default=str), "tenant": self.tenant,
            "address": self.address, "request_id": self.request_id,
        }  # fmt: skip


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
        """Write one row, in a transaction of its own."""
        await self.add_entry(Entry(verb, object_, actor, source, reason, data))

    async def add_entry(self, entry: Entry) -> None:
        """Write one row, in a transaction of its own."""
        await self._database.write("audit_add", **entry.values())

    async def refuse(self, entry: Entry) -> bool:
        """Write down that somebody was refused something; answers False where the same was written down a moment ago."""
        once_ms = REFUSED_ONCE.total_seconds() * 1000
        return bool(await self._database.write("audit_refuse", once_ms=once_ms, looked_at=REFUSALS_LOOKED_AT, **entry.values()))

    @contextmanager
    def with_next_change(self, describe: Callable[[str, Mapping[str, Any], Sequence[Row]], Entry | None]) -> Iterator[Along]:
        """Let the first change within take its row along: both are committed, or neither is.

        ``describe`` makes the row when the change has answered, or None where that was not the change yet; it is told the query, its values
        and its rows.
        """

        def make(query: str, values: Mapping[str, Any], rows: Sequence[Row]) -> tuple[str, Mapping[str, Any]] | None:
            entry = describe(query, values, rows)
            return None if entry is None else ("audit_add", entry.values())

        with going_along(make) as along:
            yield along

    async def page(
        self,
        *,
        scope: Scope,
        object_: str | None = None,
        actor: str | None = None,
        verb: str | None = None,
        source: str | None = None,
        since: datetime | None = None,
        before: int = 2**62,
        n: int = 100,
    ) -> list[Record]:
        """Return rows, newest first, below an id; filters are joined by *and*. Of a tenant's trail its own people's rows are seen."""
        tenants = None if scope.tenants is None else self._database.to_list(sorted(scope.tenants))
        values = {"object": object_, "actor": actor, "verb": verb, "source": source, "since": self._database.to_time(since)}
        if scope.owner is not None:
            values["actor"] = scope.owner if actor in (None, scope.owner) else ""
        rows = await self._database.read("audit_page", before=before, n=n, tenants=tenants, **values)
        return [
            {**row, "at": self._database.from_time(row["at"]), "data": json.loads(row["data"]) if row["data"] else None} for row in rows
        ]
