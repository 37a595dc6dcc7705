"""Everything in the store, row after row, in the words that people see: what an export is made of.

By keyset, so that memory stays constant however long the history; each page is one statement, so that a run that finishes meanwhile is
in it once, unfinished or finished.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from mainspring.core.policy import Priority
from mainspring.store import codes
from mainspring.store.database import LOWEST, Database, Record

PAGE = 500

_JSON = frozenset({"params", "result", "error", "progress", "meta", "data", "facts", "code", "override"})
_FLAGS = frozenset({"cancel_requested", "is_enabled", "is_repeatable"})


class ExportStore:
    """Reads whole tables in pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self) -> AsyncIterator[Record]:
        """Yield every run, the oldest first."""
        after = LOWEST
        while rows := await self._database.read("export_runs", after=after, n=PAGE):
            for row in rows:
                yield self._told(row, state=str(codes.STATE_OF[row["state"]]), priority=Priority(row["priority"]).name.lower())
            after = rows[-1]["id"]

    async def attempts(self) -> AsyncIterator[Record]:
        """Yield every try that left a row, by run and number."""
        after, number = LOWEST, 0
        while rows := await self._database.read("export_attempts", after=after, number=number, n=PAGE):
            for row in rows:
                yield self._told(row, outcome=str(codes.OUTCOME_OF[row["outcome"]]))
            after, number = rows[-1]["run_id"], rows[-1]["number"]

    async def events(self) -> AsyncIterator[Record]:
        """Yield every kept event, by run and number; the ordinary life of a run is in its columns."""
        after, seq = LOWEST, 0
        while rows := await self._database.read("export_events", after=after, seq=seq, n=PAGE):
            for row in rows:
                yield self._told(row, kind=str(codes.EVENT_OF[row["kind"]]))
            after, seq = rows[-1]["run_id"], rows[-1]["seq"]

    async def audit(self) -> AsyncIterator[Record]:
        """Yield the audit trail, the oldest first."""
        after = 0
        while rows := await self._database.read("export_audit", after=after, n=PAGE):
            for row in rows:
                yield self._told(row)
            after = rows[-1]["id"]

    async def small(self, query: str) -> AsyncIterator[Record]:
        """Yield what a query answers that has few rows: queues, pins, policies."""
        for row in await self._database.read(query):
            yield self._told(row)

    def _told(self, row: Record, **words: str) -> Record:
        """Return a row as plain values: times in ISO 8601, JSON as it is meant, codes as words."""
        return {name: words.get(name, self._value(name, value)) for name, value in row.items()}

    def _value(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name == "at" or name.endswith(("_at", "_until", "_slot")):
            moment = self._database.from_time(value)
            return None if moment is None else moment.isoformat()
        if name in _FLAGS:
            return bool(value)
        if name in _JSON and isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:  # what cannot be read is not lost either
                return {"undecodable": value}
        return value


SMALL: Mapping[str, str] = {
    "queue": "queues_list",
    "switch": "switches_list",
    "pin": "export_kept",
    "retention": "retention_list",
    "error": "export_errors",
    "schedule": "export_schedules",
    "notice": "export_notices",
}
