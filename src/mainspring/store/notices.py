"""Notices in the store: written by loops and verbs, read by people, and forgotten after a while."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from mainspring.core.notice import Notice, Severity
from mainspring.store.database import Database, sure

KEPT_FOR, MOST_KEPT = timedelta(days=90), 100_000
PRUNED_TOGETHER = 1000


class NoticeStore:
    """Adding, reading, pruning. ``on_alert`` hears of every alert that this process has written; it returns at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.on_alert: Callable[[Notice], None] = lambda notice: None

    async def add(
        self, object_: str, kind: str, severity: Severity = Severity.INFO, data: Mapping[str, Any] | None = None, *,
        run_id: str | None = None, once: timedelta | None = None,
    ) -> Notice | None:  # fmt: skip
        """Write one down and return it.

        ``once``: None is returned, and nothing written, where one of its kind about the same object is younger than that.
        """
        rows = await self._database.write(
            "notices_add", object=object_, kind=kind, severity=int(severity), run_id=run_id,
            data=None if data is None else json.dumps(dict(data), ensure_ascii=False, default=str),
            once_ms=None if once is None else once.total_seconds() * 1000,
        )  # fmt: skip
        if not rows:
            return None
        notice = Notice(int(rows[0][0]), sure(self._database.from_time(rows[0][1])), object_, kind, severity, dict(data or {}), run_id)
        if severity is Severity.ALERT:
            self.on_alert(notice)
        return notice

    async def list(
        self, *, object_: str | None = None, kind: str | None = None, severity_from: Severity | None = None, before: int | None = None,
        n: int = 100,
    ) -> list[Notice]:  # fmt: skip
        """Return notices, newest first, below an id; filters are joined by *and*."""
        rows = await self._database.read(
            "notices_list", object=object_, kind=kind, severity=None if severity_from is None else int(severity_from),
            before=2**62 if before is None else before, n=n,
        )  # fmt: skip
        return [
            Notice(
                row["id"], sure(self._database.from_time(row["at"])), row["object"], row["kind"], Severity(row["severity"]),
                json.loads(row["data"]) if row["data"] else {}, row["run_id"],
            )
            for row in rows
        ]  # fmt: skip

    async def prune(self, older: timedelta = KEPT_FOR, most: int = MOST_KEPT, n: int = PRUNED_TOGETHER) -> int:
        """Forget up to ``n`` that are too old or too many; answers how many."""
        rows = await self._database.write("notices_prune", older_ms=older.total_seconds() * 1000, most=most, n=n)
        return len(rows)
