"""Pulses in the store: that they began, what they have done and had to leave; and burying nodes for who lives too briefly to judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from mainspring.core.pulse import Deferred, PulseRecord, PulseReport, Why
from mainspring.store.database import Database, Record, sure

KEPT_FOR = timedelta(days=7)
MOST_COUNTED = 10_000  # due runs of each kind
MOST_TOLD = 200  # reasons that are kept with a pulse
_NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class Due:
    """Runs alike that are due: ready, due but not ready yet, or waiting for a limit or behind their gate."""

    kind: Literal["ready", "due", "waits"]
    task: str
    queue: str
    timeout: timedelta | None
    runs: int
    is_paused: bool


class PulseStore:
    """The record of pulses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, source: str, node_id: str | None, budget: timedelta, *, request: str | None = None) -> int | None:
        """Write down that a pulse begins and return its number; None where its request, by its mark, has been taken before."""
        rows = await self._database.write("pulses_begin", source=source, node=node_id, budget_ms=_milliseconds(budget), request=request)
        return int(rows[0][0]) if rows else None

    async def end(self, pulse_id: int, report: PulseReport) -> bool:
        """Write down what a pulse has done; answers False where that has been done before."""
        deferred = [[each.task, each.runs, each.reason.value, _or_none(each.timeout)] for each in report.deferred[:MOST_TOLD]]
        rows = await self._database.write(
            "pulses_end", id=pulse_id, is_ok=report.is_ok, fired=report.fired, executed=report.executed, succeeded=report.succeeded,
            failed=report.failed, given_back=report.given_back, remaining=report.remaining, deferred=json.dumps(deferred),
            error="; ".join(f"{name}: {text}" for name, text in report.errors.items()) or None,
        )  # fmt: skip
        return bool(rows)

    async def killed(self, pulse_id: int) -> bool:
        """Write down that a pulse did not come back; answers False where somebody else has, or where it has come back after all."""
        return bool(await self._database.write("pulses_killed", id=pulse_id, is_ok=False))

    async def page(self, *, before: int = _NEWEST, n: int = 100) -> list[PulseRecord]:
        """Return pulses below a number, the latest first."""
        return (await self.latest(before=before, n=n))[0]

    async def latest(self, *, before: int = _NEWEST, n: int = 100) -> tuple[list[PulseRecord], datetime | None]:
        """Return pulses below a number, the latest first, with the time by the clock that wrote theirs; None where there are none."""
        rows = await self._database.read("pulses_page", before=before, n=n)
        return [self._record(row) for row in rows], self._database.from_time(rows[0]["now"]) if rows else None

    async def is_covered(self) -> bool:
        """Tell whether a runner lives that does all the time what a pulse does at times."""
        return bool((await self._database.read("pulses_covered"))[0]["is_covered"])

    async def due(self) -> list[Due]:
        """Return what is due and has not begun, alike by alike; of each kind 10,000 are counted at most."""
        return [
            Due(row["kind"], row["task"], row["queue"], _timedelta(row["timeout_ms"]), int(row["runs"]), bool(row["is_paused"]))
            for row in await self._database.read("pulses_due", most=MOST_COUNTED)
        ]

    async def bury(self, me: str) -> list[str]:
        """Declare nodes dead whose leases leave no doubt, and return their ids: pulses past theirs, others past four."""
        return [row[0] for row in await self._database.write("pulses_bury", me=me)]

    async def prune(self, older: timedelta = KEPT_FOR, n: int = 1000) -> int:
        """Forget pulses of long ago; answers how many."""
        return len(await self._database.write("pulses_prune", older_ms=older.total_seconds() * 1000, n=n))

    def _record(self, row: Record) -> PulseRecord:
        time = self._database.from_time
        return PulseRecord(
            id=row["id"], source=row["source"], node_id=None if row["node_id"] is None else str(row["node_id"]),
            started_at=sure(time(row["started_at"])), finished_at=time(row["finished_at"]),
            budget=timedelta(milliseconds=row["budget_ms"]), is_ok=None if row["is_ok"] is None else bool(row["is_ok"]),
            fired=row["fired"], executed=row["executed"], succeeded=row["succeeded"], failed=row["failed"],
            given_back=row["given_back"], remaining=row["remaining"], deferred=_deferred(row["deferred"]), error=row["error"],
        )  # fmt: skip


def _deferred(text: str | None) -> tuple[Deferred, ...]:
    found: Sequence[Any] = json.loads(text) if text else ()
    return tuple(Deferred(task, runs, Why(reason), _timedelta(timeout)) for task, runs, reason, timeout in found)


def _milliseconds(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)


def _or_none(span: timedelta | None) -> int | None:
    return None if span is None else _milliseconds(span)


def _timedelta(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)
