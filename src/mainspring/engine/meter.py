"""The meter: looks every few seconds at what a scrape is to show, so that a scrape asks no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mainspring.core.node import NodeState
from mainspring.core.run import ClaimedRun, Outcome
from mainspring.core.task import Task
from mainspring.store.store import Store

if TYPE_CHECKING:
    from mainspring.telemetry.metrics import NodeMetrics

EVERY = 5.0  # seconds between looks: a scrape comes each fifteen
_WORDS = {
    "Completed": "completed", "Failed": "failed", "TimedOut": "timeout", "CancelledByRequest": "cancelled", "Skipped": "skipped",
    "Snoozed": "snoozed", "Released": "released", "Lost": "lost",
}  # fmt: skip


class Meter:
    """Feeds the metrics of one node."""

    name = "meter"

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., Any]], metrics: NodeMetrics, figures: Callable[[], Mapping[str, float]]
    ) -> None:
        self._store, self._tasks, self._metrics, self._figures = store, tasks, metrics, figures

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
        return EVERY

    def ended(self, run: ClaimedRun, outcome: Outcome, ran_ms: float) -> None:
        """Count one attempt of this node."""
        task = self._tasks.get(run.task)
        category = task.spec.category if task is not None else ""
        self._metrics.attempt_ended(run.task, category, run.queue, _WORDS.get(type(outcome).__name__, "other"), ran_ms)
