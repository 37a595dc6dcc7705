"""What charts are made of: how finished runs are spread over time, at a price that does not grow with how many there are.

Counts come from the kept statistics. How long runs took is drawn: a few runs out of each of many spans of ids, which are in the order of
their enqueue. For one queue, and for people who do not see everything, nothing is counted ahead: they get the newest runs, up to a bound.
Starts of services are no work that comes and goes: they are left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.access import Scope
from mainspring.core.ids import first_id_of
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import Database, seen_by, sure

LOOKED_AT = 5000  # runs, where nothing is counted ahead
DRAWN = 40  # runs of each span, of which some may have ended without ever having begun


@dataclass(frozen=True, slots=True)
class Drawn:
    """Some runs of a span: how long each took and had waited, in milliseconds."""

    at: datetime
    ran: tuple[float, ...]
    waited: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A finished run as a chart needs it; the lengths are None where its last try never began."""

    id: str
    state: RunState
    finished_at: datetime
    ran_ms: float | None
    waited_ms: float | None


class TrendStore:
    """Reads what charts show."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(
        self, since: datetime, width: timedelta, task: str | None = None, besides: Collection[str] = ()
    ) -> dict[datetime, dict[RunState, int]]:  # fmt: skip
        """Return how many runs ended how, by spans of a width, from the kept statistics; spans in which none did are left out.

        Runs of the tasks ``besides`` count nowhere.
        """
        rows = await self._database.read(
            "stats_ends", since=self._database.to_time(since), width=width.total_seconds(), task=task,
            besides=self._database.to_list(sorted(besides)),
        )  # fmt: skip
        found: dict[datetime, dict[RunState, int]] = {}
        for row in rows:
            found.setdefault(sure(self._database.from_time(row["at"])), {})[codes.STATE_OF[row["state"]]] = int(row["n"])
        return found

    async def draw(self, starts: Sequence[datetime], until: datetime, *, task: str | None = None, each: int = DRAWN) -> list[Drawn]:
        """Return a few runs of each span, the newest of it; spans begin where they are said to, and follow each other up to ``until``."""
        ends = [*starts[1:], until]
        slices = [
            {"k": k, "low": first_id_of(low), "high": first_id_of(high)} for k, (low, high) in enumerate(zip(starts, ends, strict=True))
        ]
        values = {"slices": json.dumps(slices), "each": each}
        if task is None:
            rows = await self._database.read("stats_drawn", **values)
        else:
            rows = await self._database.read("stats_drawn_of_task", task=task, **values)
        found: list[Drawn] = []
        for row in rows:
            pairs = json.loads(row["drawn"]) if isinstance(row["drawn"], str) else row["drawn"]
            found.append(Drawn(starts[int(row["k"])], tuple(float(ran) for ran, _ in pairs), tuple(float(waited) for _, waited in pairs)))
        return found

    async def latest(
        self, since: datetime, *, scope: Scope, queue: str | None = None, task: str | None = None, bound: int = LOOKED_AT
    ) -> tuple[list[Seen], bool]:  # fmt: skip
        """Return finished runs that were added since a time, newest first, and whether there may be more than were looked at."""
        values = {"lowest": first_id_of(since), "queue": queue, "task": task, "bound": bound} | seen_by(self._database, scope)
        if scope.tenants is not None and not scope.tenants:
            return [], False
        if scope.owner is not None:
            asked: list[tuple[str, dict[str, str]]] = [("stats_latest_of_owner", {})]
        elif scope.tenants is not None and "" not in scope.tenants:
            asked = [("stats_latest_of_tenant", {"tenant": tenant}) for tenant in sorted(scope.tenants)]
        else:
            asked = [("stats_latest" if task is None else "stats_latest_of_task", {})]
        time_of = self._database.from_time
        found: list[Seen] = []
        for query, more in asked:
            for row in await self._database.read(query, **values, **more):
                began, ready, ended = time_of(row["started_at"]), time_of(row["ready_at"]), sure(time_of(row["finished_at"]))
                state = codes.STATE_OF[row["state"]]
                has_run = began is not None and (state is RunState.COMPLETED or ready is None or began >= ready)
                ran = (ended - began) / _MS if began is not None and has_run else None
                waited = max((began - ready) / _MS, 0.0) if began is not None and ready is not None and has_run else None
                found.append(Seen(str(row["id"]), state, ended, ran, 0.0 if waited is None and has_run else waited))
        found.sort(key=lambda each: each.id, reverse=True)
        return found, len(found) >= bound or (queue is not None and await self._has_more(values["lowest"], bound))

    async def marks(self, since: datetime, verbs: Sequence[str], bound: int = LOOKED_AT) -> list[tuple[datetime, str, str]]:
        """Return when people did some things since a time, and to what; the oldest first. What they were refused is left out."""
        rows = await self._database.read("audit_marks", since=self._database.to_time(since), verbs=f",{','.join(verbs)},", bound=bound)
        told = [(row, json.loads(row["data"]) if row["data"] else {}) for row in rows]
        return [(sure(self._database.from_time(row["at"])), row["verb"], row["object"]) for row, data in told if "refused" not in data]

    async def _has_more(self, lowest: object, bound: int) -> bool:
        """Tell whether there are more finished runs since an id than are looked at, of whichever queue."""
        rows = await self._database.read("stats_latest_more", lowest=lowest, bound=bound)
        return bool(rows)


_MS = timedelta(milliseconds=1)
