"""Errors that are alike, in the store. They are counted in the statement that settles a try; nothing is counted when one looks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from mainspring.core.errors import Conflict, UnknownError
from mainspring.core.trouble import ErrorGroup, Occurrence
from mainspring.store import codes
from mainspring.store.database import NEWEST, Database, Record, sure

FORGOTTEN_TOGETHER = 500
_FINGERPRINT = re.compile(r"[0-9a-f]{4,16}")


class ErrorStore:
    """Reads, resolves and forgets groups of errors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, *, task: str | None = None, is_open: bool | None = None, n: int = 100) -> list[ErrorGroup]:
        """Return groups, the latest first: of one task, only open or only resolved ones, where these are asked for."""
        rows = await self._database.read("errors_list", task=task, fingerprint=None, is_open=is_open, n=n)
        return [self._group(row) for row in rows]

    async def get(self, fingerprint: str) -> ErrorGroup:
        """Return one group; raises `UnknownError`."""
        rows = await self._database.read("errors_list", task=None, fingerprint=fingerprint, is_open=None, n=1)
        if not rows:
            raise UnknownError(f"there is no error with the fingerprint {fingerprint!r}")
        return self._group(rows[0])

    async def find(self, text: str) -> str:
        """Return the fingerprint that a person means by its beginning; raises `UnknownError` and, where several fit, `Conflict`."""
        given = text.strip().lower()
        if not _FINGERPRINT.fullmatch(given):
            raise UnknownError(f"{text!r} is no fingerprint of an error: give all of it or at least its first four characters")
        rows = await self._database.read("errors_find", beginning=f"{given}%")
        if not rows:
            raise UnknownError(f"there is no error whose fingerprint begins with {given!r}")
        if len(rows) > 1:
            several = ", ".join(row["fingerprint"] for row in rows)
            raise Conflict(f"several errors begin with {given!r}: give more characters of one of {several}")
        return str(rows[0]["fingerprint"])

    async def open_count(self) -> int:
        """Return how many groups are open."""
        return int((await self._database.read("errors_open"))[0]["n"])

    async def occurrences(self, fingerprint: str, *, before: str = NEWEST, n: int = 20) -> Sequence[Occurrence]:
        """Return the tries with this error that are still kept, those of the latest runs first, below a run's id."""
        rows = await self._database.read("errors_runs", fingerprint=fingerprint, before=before, n=n)
        return [
            Occurrence(
                row["run_id"],
                row["number"],
                codes.OUTCOME_OF[row["outcome"]],
                row["reason"],
                row["node_id"],
                sure(self._database.from_time(row["finished_at"])),
            )
            for row in rows
        ]

    async def resolve(self, fingerprint: str, *, actor: str | None = None, reason: str | None = None) -> bool:
        """Say that an error is mended; it is open again as soon as it occurs again. Answers False where there is none."""
        return bool(await self._database.write("errors_resolve", fingerprint=fingerprint, actor=actor, reason=reason))

    async def forget(self, older: timedelta) -> int:
        """Forget groups that have not occurred for so long, some at a time; answers how many rows went."""
        return len(await self._database.write("errors_forget", older_ms=older.total_seconds() * 1000, n=FORGOTTEN_TOGETHER))

    def _group(self, row: Record) -> ErrorGroup:
        time = self._database.from_time
        return ErrorGroup(
            fingerprint=row["fingerprint"],
            task=row["task"],
            kind=row["kind"],
            type=row["type"],
            message=row["message"],
            n=int(row["n"]),
            first_at=sure(time(row["first_at"])),
            last_at=sure(time(row["last_at"])),
            last_run=row["last_run"],
            resolved_at=time(row["resolved_at"]),
            resolved_by=row["resolved_by"],
            reason=row["reason"],
            reopened=int(row["reopened"]) + (1 if row["resolved_at"] is not None and row["last_at"] > row["resolved_at"] else 0),
        )
