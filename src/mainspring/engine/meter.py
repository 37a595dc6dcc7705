"""The meter: looks every few seconds at what a scrape is to show, so that a scrape asks no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mainspring.core.node import NodeState
from mainspring.core.pulse import JUDGED, judge
from mainspring.core.run import ClaimedRun, Outcome
from mainspring.core.task import Task
from mainspring.store.store import Store

if TYPE_CHECKING:
    from mainspring.engine.scheduler import Scheduler
    from mainspring.telemetry.metrics import NodeMetrics

LONG = timedelta(days=365)  # nobody asks here whether a pulse is late
EVERY = 5.0  # seconds between looks: a scrape comes each fifteen
_WORDS = {
    "Completed": "completed", "Failed": "failed", "TimedOut": "timeout", "CancelledByRequest": "cancelled", "Skipped": "skipped",
    "Snoozed": "snoozed", "Released": "released", "Lost": "lost",
}  # fmt: skip


class Meter:
    """Feeds the metrics of one node."""

    name = "meter"

    def __init__(
        self,
        store: Store,
        tasks: Mapping[str, Task[..., Any]],
        metrics: NodeMetrics,
        figures: Callable[[], Mapping[str, float]],
        *,
        scheduler: Scheduler | None = None,
        loops: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self._store, self._tasks, self._metrics, self._figures = store, tasks, metrics, figures
        self._scheduler, self._loops = scheduler, loops

    async def tick(self) -> float:
        """Look at lanes and nodes once."""
        from mainspring.telemetry.metrics import Waiting

        database = self._store.database
        lanes, now = await self._store.runs.lanes(), await database.now()
        waiting = [
            Waiting(lane.queue, lane.tenant, lane.pool, lane.priority, max((now - since).total_seconds(), 0.0))
            for lane, oldest in lanes
            if (since := database.from_time(oldest)) is not None
        ]
        states = Counter(str(node.state) for node in await self._store.nodes.list() if node.state is not NodeState.STOPPED)
        self._metrics.look(waiting, states, self._figures())
        self._metrics.look_at_loops(self._loops())
        if self._scheduler is not None:
            self._metrics.look_at_schedules(self._scheduler.lag, self._scheduler.counts)
        await self._look_at_services()
        await self._look_at_pulses()
        return EVERY

    async def _look_at_services(self) -> None:
        from mainspring.telemetry.metrics import ServiceLook

        self._metrics.look_at_services([
            ServiceLook(row.name, row.place, row.is_running and row.is_healthy is not False, row.restarts)
            for row in await self._store.services.list()
        ])  # fmt: skip

    async def _look_at_pulses(self) -> None:
        from mainspring.telemetry.metrics import PulseLook

        latest, now = await self._store.pulses.latest(n=JUDGED)
        if latest and now is not None:
            health = judge(latest, now, LONG, is_expected=False)
            self._metrics.look_at_pulses(PulseLook((now - latest[0].started_at).total_seconds(), health.in_a_row))

    def ended(self, run: ClaimedRun, outcome: Outcome, ran_ms: float) -> None:
        """Count one attempt of this node."""
        task = self._tasks.get(run.task)
        category = task.spec.category if task is not None else ""
        self._metrics.attempt_ended(run.task, category, run.queue, _WORDS.get(type(outcome).__name__, "other"), ran_ms)
