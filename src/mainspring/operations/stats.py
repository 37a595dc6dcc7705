"""Verbs about statistics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.duration import parse_duration
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.queues import QueueView, read_queues
from mainspring.store.stats import Durations, Spread, whole_minute

_ENDS = ("completed", "failed", "timeout", "cancelled", "skipped")
_WIDTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class SpreadView(View):
    """How durations are spread, in milliseconds, over ``n`` runs of the log; percentiles are interpolated."""

    n: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Ends(View):
    """How many runs ended how. ``success_rate`` is the part of those that were carried out which completed; None where none was.

    ``ran`` and ``waited`` (ready, until the last try began) are of the runs that are still in the log, and None where there are none.
    """

    completed: int
    failed: int
    timeout: int
    cancelled: int
    skipped: int
    success_rate: float | None
    ran: SpreadView | None
    waited: SpreadView | None


class TaskStats(Ends):
    """What finished of one task; the means are in milliseconds, over all ends, and outlive the runs."""

    task: str
    mean_ran_ms: float
    mean_waited_ms: float


class SpanStats(Ends):
    """What finished between ``at`` and the next hour or day, of UTC."""

    at: datetime


class StuckStats(View):
    """Runs of a task that no live node can carry out (blocked, reason ``no capable node``)."""

    task: str
    runs: int
    oldest_seconds: float


class StatsView(View):
    """What has finished since a time, and what waits now; ``stuck`` waits for a node that knows its task.

    ``since`` is a whole minute. Durations are of what ended since ``measured_since``: later than that where it is more than half a million
    runs. ``trend`` is the same by hour or day, the oldest first; empty where nobody asked for it.
    """

    since: datetime
    measured_since: datetime
    tasks: list[TaskStats]
    trend: list[SpanStats]
    queues: list[QueueView]
    stuck: list[StuckStats]


class StatsRequest(Request):
    """How far back, and of what."""

    since: str = Field("24h", description="how far back, as 15m, 24h or 7d")
    task: str | None = Field(None, description="only runs of this task")
    by: Literal["hour", "day"] | None = Field(None, description="also hour by hour, or day by day")


def success_rate(counts: Mapping[RunState, int]) -> float | None:
    """Return which part of the runs that were carried out has completed; None where none was."""
    completed = counts.get(RunState.COMPLETED, 0)
    tried = completed + counts.get(RunState.FAILED, 0) + counts.get(RunState.TIMEOUT, 0)
    return round(completed / tried, 4) if tried else None


def _spread(found: Spread) -> SpreadView:
    figures = (found.mean, found.p50, found.p95, found.p99, found.most)
    mean, p50, p95, p99, most = (round(each, 3) for each in figures)
    return SpreadView(n=found.n, mean_ms=mean, p50_ms=p50, p95_ms=p95, p99_ms=p99, max_ms=most)


def _ends(counts: Mapping[RunState, int], durations: Durations | None) -> Ends:
    ran = None if durations is None else _spread(durations.ran)
    waited = None if durations is None else _spread(durations.waited)
    return Ends(**{each: counts.get(RunState(each), 0) for each in _ENDS}, success_rate=success_rate(counts), ran=ran, waited=waited)


@operation("stats.show", of_host=True)
async def show_stats(app: Mainspring, request: StatsRequest, caller: Caller) -> StatsView:
    """Show what has finished lately, by task, with how long it took, and what waits."""
    store = await app.store()
    since = whole_minute(await store.database.now() - parse_duration(request.since, "since"))
    rows = [row for row in await store.stats.by_task(since) if request.task in (None, row.task) and row.task not in caller.hidden]
    measured = await store.stats.reach(since, request.task)
    durations = await store.stats.durations(measured, request.task)
    tasks = []
    for name in sorted({row.task for row in rows}):
        own = [row for row in rows if row.task == name]
        total = sum(row.n for row in own)
        ends = _ends({row.state: row.n for row in own}, durations.get(name))
        tasks.append(
            TaskStats(
                task=name,
                **dict(ends),
                mean_ran_ms=round(sum(row.mean_ran_ms * row.n for row in own) / total, 3),
                mean_waited_ms=round(sum(row.mean_waited_ms * row.n for row in own) / total, 3),
            )
        )
    spans = [] if request.by is None else await store.stats.trend(since, _WIDTHS[request.by], request.task, measured)
    trend = [SpanStats(at=span.at, **dict(_ends(span.counts, span.durations))) for span in spans]
    found, queues = await store.runs.stuck(scope=caller.scope), await read_queues(app, caller.scope)
    stuck = [StuckStats(task=each.task, runs=each.n, oldest_seconds=round(each.since_ms / 1000, 3)) for each in found]
    return StatsView(since=since, measured_since=measured, tasks=tasks, trend=trend, queues=queues, stuck=stuck)
