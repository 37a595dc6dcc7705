"""Statistics: counts are kept in the statements that finish runs, so that they outlive them; how long runs took is asked of the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import Database, Record, sure

MEASURED = 500_000  # runs of which durations are computed at once: a few seconds


@dataclass(frozen=True, slots=True)
class TaskStat:
    """Finished runs of one task in one final state; means are in milliseconds."""

    task: str
    state: RunState
    n: int
    mean_ran_ms: float
    mean_waited_ms: float


@dataclass(frozen=True, slots=True)
class Spread:
    """How something is spread, in milliseconds. A percentile between two values is interpolated, as ``percentile_cont`` does."""

    n: int
    mean: float
    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Durations:
    """How long runs took (from the start of the last try to the end) and how long they had been ready before it."""

    ran: Spread
    waited: Spread


@dataclass(frozen=True, slots=True)
class Span:
    """What finished between ``at`` and the next span; ``durations`` is None where no run of it is in the log (any more)."""

    at: datetime
    counts: Mapping[RunState, int]
    durations: Durations | None


def whole_minute(moment: datetime) -> datetime:
    """Return the minute that a moment is in: statistics begin with whole ones."""
    return moment.replace(second=0, microsecond=0)


class StatStore:
    """Reads statistics. Each look back begins with the minute that ``since`` is in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_task(self, since: datetime) -> list[TaskStat]:
        """Return counts and means by task and state, for finishes since a minute."""
        rows = await self._database.read("stats_by_task", since=self._database.to_time(whole_minute(since)))
        return [
            TaskStat(
                row["task"],
                codes.STATE_OF[row["state"]],
                int(row["n"]),
                float(row["ran_ms"]) / int(row["n"]),
                float(row["waited_ms"]) / int(row["n"]),
            )
            for row in rows
        ]

    async def reach(self, since: datetime, task: str | None = None, most: int = MEASURED) -> datetime:
        """Return from when on durations can be asked for at a bearable price: ``since``, or later where more than ``most`` runs ended."""
        began = whole_minute(since)
        rows = await self._database.read("stats_reach", since=self._database.to_time(began), task=task, most=most)
        found = self._database.from_time(rows[0]["since"])
        if found is None or sum(stat.n for stat in await self.by_task(began) if task in (None, stat.task)) <= most:
            return began
        return found

    async def durations(self, since: datetime, task: str | None = None) -> dict[str, Durations]:
        """Return how long the runs took that ended since a minute, by task, exactly: from those that retention has left in the log."""
        return {row["task"]: _durations(row) for row in await self._spread(since, task, None)}

    async def trend(self, since: datetime, width: timedelta, task: str | None = None, measured: datetime | None = None) -> list[Span]:
        """Return what finished since a minute in spans of UTC, the oldest first; spans in which nothing did are left out.

        ``measured`` is from when on durations are looked for.
        """
        time = self._database.from_time
        began, seconds = self._database.to_time(whole_minute(since)), width.total_seconds()
        durations = {sure(time(row["at"])): _durations(row) for row in await self._spread(measured or since, task, seconds)}
        counts: dict[datetime, dict[RunState, int]] = {}
        for row in await self._database.read("stats_trend", since=began, width=seconds, task=task):
            counts.setdefault(sure(time(row["at"])), {})[codes.STATE_OF[row["state"]]] = int(row["n"])
        return [Span(at, found, durations.get(at)) for at, found in counts.items()]

    async def _spread(self, since: datetime, task: str | None, width: float | None) -> list[Record]:
        return await self._database.read("stats_spread", since=self._database.to_time(whole_minute(since)), task=task, width=width)


def _durations(row: Record) -> Durations:
    return Durations(_read(row, "ran"), _read(row, "waited"))


def _read(row: Record, what: str) -> Spread:
    given = row[what]
    p50, p95, p99 = json.loads(given) if isinstance(given, str) else given
    return Spread(int(row["n"]), float(row[f"{what}_mean"]), float(p50), float(p95), float(p99), float(row[f"{what}_max"]))
