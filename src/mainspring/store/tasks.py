"""What tasks have done lately, for lists of them: each look is bounded, however long the history is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.access import Scope
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import Database, seen_by

FURTHER = 4  # times as many runs are looked at where a scope may hide some


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended. ``started_at`` is that of its last try, None where it never started."""

    id: str
    task: str
    state: RunState
    started_at: datetime | None
    finished_at: datetime

    @property
    def took_ms(self) -> float | None:
        """How long the last try took, in milliseconds; None where there was none."""
        return None if self.started_at is None else max((self.finished_at - self.started_at) / timedelta(milliseconds=1), 0.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """How many schedules a task has, and when the next of them is due."""

    schedules: int = 0
    next_at: datetime | None = None


class TaskStore:
    """Reads what runs and schedules say about tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def outcomes(self, tasks: Sequence[str], n: int, *, scope: Scope) -> dict[str, list[Outcome]]:
        """Return the latest ``n`` finished runs of each task that has any, the newest first; bounded by what was enqueued last."""
        given = self._database.to_list(list(tasks))
        if scope.is_everything:
            rows = await self._database.read("tasks_outcomes", tasks=given, n=n)
        else:
            seen = seen_by(self._database, scope)
            rows = await self._database.read("tasks_outcomes_seen", tasks=given, n=n, bound=n * FURTHER, **seen)
        found: dict[str, list[Outcome]] = {}
        time = self._database.from_time
        for row in rows:
            finished = time(row["finished_at"])
            assert finished is not None
            outcome = Outcome(str(row["id"]), row["task"], codes.STATE_OF[row["state"]], time(row["started_at"]), finished)
            found.setdefault(outcome.task, []).append(outcome)
        return found

    async def planned(self, *, scope: Scope) -> dict[str, Planned]:
        """Return what is planned of each task that has a schedule, in the tenants of a scope."""
        found: dict[str, Planned] = {}
        for row in await self._database.read("tasks_next"):
            if scope.tenants is not None and row["tenant"] not in scope.tenants:
                continue
            before, at = found.get(row["task"], Planned()), self._database.from_time(row["next_at"])
            times = [each for each in (before.next_at, at) if each is not None]
            found[row["task"]] = Planned(before.schedules + row["n"], min(times, default=None))
        return found
