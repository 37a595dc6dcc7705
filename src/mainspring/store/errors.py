"""Errors that are alike, in the store. They are counted in the statement that settles a try; nothing is counted when one looks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from mainspring.core.access import Scope
from mainspring.core.errors import Conflict, UnknownError
from mainspring.core.run import Run
from mainspring.core.state import RunState
from mainspring.core.trouble import ErrorGroup, Occurrence
from mainspring.store import codes
from mainspring.store.database import NEWEST, Database, Record, sure
from mainspring.store.runs import RunStore

FORGOTTEN_TOGETHER = 500
LOOKED_AT_WITHIN = 1000  # runs that did not succeed, among which somebody who does not see all finds errors
_FINGERPRINT = re.compile(r"[0-9a-f]{4,16}")


class ErrorStore:
    """Reads, resolves and forgets groups of errors."""

    def __init__(self, database: Database, runs: RunStore) -> None:
        self._database, self._runs = database, runs

    async def list(
        self, *, scope: Scope, task: str | None = None, is_open: bool | None = None, is_ignored: bool | None = None, n: int = 100
    ) -> list[ErrorGroup]:
        """Return groups, the latest first: of one task, only open or resolved ones, only ignored or other ones, where these are asked for.

        The kept counts are of everybody's errors; for who sees a part of the runs the latest that have not succeeded are counted.
        """
        if not scope.is_everything:
            groups = (await self._within(scope, task)).values()
            found = [each for each in groups if is_open in (None, each.is_open) and is_ignored in (None, each.ignored_at is not None)]
            return found[:n]
        rows = await self._database.read("errors_list", task=task, fingerprint=None, is_open=is_open, is_ignored=is_ignored, n=n)
        return [self._group(row) for row in rows]

    async def _within(self, scope: Scope, task: str | None = None) -> dict[str, ErrorGroup]:
        """Return the groups of the latest runs that somebody sees, by fingerprint, the latest first."""
        states = [RunState.FAILED, RunState.TIMEOUT]
        alike: dict[str, list[Run]] = {}
        for run in await self._runs.page(scope=scope, states=states, task=task, n=LOOKED_AT_WITHIN):
            if run.error is not None and run.finished_at is not None and (fingerprint := run.error.get("fingerprint")):
                alike.setdefault(fingerprint, []).append(run)
        groups = [await self._group_of(fingerprint, runs) for fingerprint, runs in alike.items()]
        return {each.fingerprint: each for each in sorted(groups, key=lambda each: each.last_at, reverse=True)}

    async def _group_of(self, fingerprint: str, runs: Sequence[Run]) -> ErrorGroup:
        newest, ends = max(runs, key=lambda run: sure(run.finished_at)), [sure(run.finished_at) for run in runs]
        error = newest.error or {}
        group = ErrorGroup(
            fingerprint=fingerprint, task=newest.task, kind=str(error.get("kind", "")), type=str(error.get("type", "")),
            message=str(error.get("message", "")), n=len(runs), first_at=min(ends), last_at=max(ends), last_run=newest.id,
            resolved_at=None, resolved_by=None, reason=None, reopened=0,
        )  # fmt: skip
        rows = await self._database.read("errors_list", task=None, fingerprint=fingerprint, is_open=None, is_ignored=None, n=1)
        if not rows:
            return group
        mark = self._group(rows[0])
        marks = ("resolved_at", "resolved_by", "reason", "reopened", "ignored_at", "ignored_by")
        return replace(group, **{name: getattr(mark, name) for name in marks})

    async def get(self, fingerprint: str, *, scope: Scope) -> ErrorGroup:
        """Return one group; raises `UnknownError`, also for one of runs that are not seen."""
        if not scope.is_everything:
            if (group := (await self._within(scope)).get(fingerprint)) is None:
                raise UnknownError(f"there is no error with the fingerprint {fingerprint!r}")
            return group
        rows = await self._database.read("errors_list", task=None, fingerprint=fingerprint, is_open=None, is_ignored=None, n=1)
        if not rows:
            raise UnknownError(f"there is no error with the fingerprint {fingerprint!r}")
        return self._group(rows[0])

    async def find(self, text: str, *, scope: Scope) -> str:
        """Return the fingerprint that a person means by its beginning; raises `UnknownError` and, where several fit, `Conflict`."""
        given = text.strip().lower()
        if not _FINGERPRINT.fullmatch(given):
            raise UnknownError(f"{text!r} is no fingerprint of an error: give all of it or at least its first four characters")
        if scope.is_everything:
            found = [str(row["fingerprint"]) for row in await self._database.read("errors_find", beginning=f"{given}%")]
        else:
            found = [each for each in await self._within(scope) if each.startswith(given)]
        if not found:
            raise UnknownError(f"there is no error whose fingerprint begins with {given!r}")
        if len(found) > 1:
            raise Conflict(f"several errors begin with {given!r}: give more characters of one of {', '.join(found[:3])}")
        return found[0]

    async def open_count(self) -> int:
        """Return how many groups are open."""
        return int((await self._database.read("errors_open"))[0]["n"])

    async def occurrences(self, fingerprint: str, *, scope: Scope, before: str = NEWEST, n: int = 20) -> Sequence[Occurrence]:
        """Return the tries with this error that are still kept, those of the latest runs first, below a run's id."""
        rows = await self._database.read("errors_runs", fingerprint=fingerprint, before=before, n=n)
        while rows and not scope.is_everything:
            visible = {run.id for run, _ in await self._runs.get_with_claim([row["run_id"] for row in rows], scope=scope)}
            last, is_end = rows[-1]["run_id"], len(rows) < n
            rows = [row for row in rows if row["run_id"] in visible]
            if rows or is_end:
                break
            rows = await self._database.read("errors_runs", fingerprint=fingerprint, before=last, n=n)
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

    async def ignore(self, fingerprint: str, *, actor: str | None = None, reason: str | None = None) -> bool:
        """Look at an error no more, until `heed`; it is counted on. Answers False where there is none."""
        return bool(await self._database.write("errors_ignore", fingerprint=fingerprint, actor=actor, reason=reason))

    async def heed(self, fingerprint: str) -> bool:
        """Look at an error again; answers whether it was ignored."""
        return bool(await self._database.write("errors_heed", fingerprint=fingerprint))

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
            ignored_at=time(row["ignored_at"]),
            ignored_by=row["ignored_by"],
            reopened=int(row["reopened"]) + (1 if row["resolved_at"] is not None and row["last_at"] > row["resolved_at"] else 0),
        )
