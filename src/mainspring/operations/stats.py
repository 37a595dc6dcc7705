"""Verbs about statistics."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.duration import parse_duration
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.queues import QueueView, read_queues


class TaskStats(View):
    """What finished of one task; means are in milliseconds, over all ends."""

    task: str
    completed: int
    failed: int
    timeout: int
    cancelled: int
    skipped: int
    mean_ran_ms: float
    mean_waited_ms: float


class StuckStats(View):
    """Runs of a task that no live node can carry out (blocked, reason ``no capable node``)."""

    task: str
    runs: int
    oldest_seconds: float


class StatsView(View):
    """What has finished since a time, and what waits now; ``stuck`` waits for a node that knows its task."""

    since: datetime
    tasks: list[TaskStats]
    queues: list[QueueView]
    stuck: list[StuckStats]


class StatsRequest(Request):
    """How far back."""

    since: str = Field("24h", description="how far back, as 15m, 24h or 7d")


@operation("stats.show")
async def show_stats(app: Mainspring, request: StatsRequest, caller: Caller) -> StatsView:
    """Show what has finished lately, by task, and what waits."""
    store = await app.store()
    since = await store.database.now() - parse_duration(request.since, "since")
    rows = await store.stats.by_task(since)
    tasks = []
    for name in sorted({row.task for row in rows}):
        own = [row for row in rows if row.task == name]
        total = sum(row.n for row in own)
        counts = dict.fromkeys(("completed", "failed", "timeout", "cancelled", "skipped"), 0)
        counts |= {str(row.state): row.n for row in own}
        tasks.append(
            TaskStats(
                task=name,
                **counts,
                mean_ran_ms=round(sum(row.mean_ran_ms * row.n for row in own) / total, 3),
                mean_waited_ms=round(sum(row.mean_waited_ms * row.n for row in own) / total, 3),
            )
        )
    stuck = [StuckStats(task=each.task, runs=each.n, oldest_seconds=round(each.since_ms / 1000, 3)) for each in await store.runs.stuck()]
    return StatsView(since=since, tasks=tasks, queues=await read_queues(app), stuck=stuck)
