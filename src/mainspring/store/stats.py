"""Statistics: kept in the statements that finish runs, never counted from rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import Database


@dataclass(frozen=True, slots=True)
class TaskStat:
    """Finished runs of one task in one final state; means are in milliseconds."""

    task: str
    state: RunState
    n: int
    mean_ran_ms: float
    mean_waited_ms: float


class StatStore:
    """Reads statistics."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_task(self, since: datetime) -> list[TaskStat]:
        """Return counts and means by task and state, for finishes since a minute."""
        rows = await self._database.read("stats_by_task", since=self._database.to_time(since.replace(second=0, microsecond=0)))
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
