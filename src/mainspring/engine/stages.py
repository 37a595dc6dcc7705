"""Stages: what a node does about a run besides its body. The worker asks here before it hands a run over, and when one comes back.

Most runs have one stage. Those of tasks with hooks may have more: parameters that are upgraded or checked first, ``on_error`` after a
failed attempt, while the run is still in hand and nothing is written about it, and the rollback, which is a try of its own (see
``docs/decisions/0008``). What the executor has to know for them travels in an envelope around the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mainspring.core.policy import PoolKind
from mainspring.core.run import LOCALE, ClaimedRun, Completed, Decision, Failed, Lost, Outcome, Released, Suspicion, TimedOut
from mainspring.core.state import RunState
from mainspring.core.task import Task
from mainspring.engine.attempt import CHECKED
from mainspring.engine.records import Record
from mainspring.store.runs import RunStore
from mainspring.telemetry.tracing import note

ON_ERROR_MS = 20_000  # less than the time that a rescuer gives a node past a run's own: the attempt is over already


@dataclass(slots=True)
class _Told:
    """A decision that waits until ``on_error`` was told of it."""

    decision: Decision
    ran_ms: float


class Stages:
    """The stages of one node's runs."""

    def __init__(self, runs: RunStore, tasks: Mapping[str, Task[..., Any]], clock: Callable[[], float]) -> None:
        self._runs, self._tasks, self._clock = runs, tasks, clock
        self._told: dict[str, _Told] = {}
        self.traces = False  # attempts get spans: what the enqueue has left for them is read as well
        self.knows_people: Callable[[], bool] = lambda: False  # whether runs of people are about, whose names bodies may want
        self.is_leaving = False  # the node is about to stop: nothing new is begun

    def must_look(self, run: ClaimedRun, task: Task[..., Any]) -> bool:
        """Tell whether a claim's answer is not all that there is to know about a run."""
        return (
            self.traces
            or run.pool == PoolKind.ROLLBACK
            or run.suspicion >= Suspicion.EXECUTOR  # an older node's rescuer may have taken it out of the lane of the rollbacks
            or (run.retries == 0 and task.hooks.validate is not None)
            or (task.spec.takes_context and (run.tenant != "" or self.knows_people()))
        )

    async def look(self, runs: Sequence[ClaimedRun]) -> list[ClaimedRun]:
        """Read what else there is to know about runs and put it into their envelopes; answers those that are still running."""
        found = await self._runs.besides([run.id for run in runs])
        for run in runs:
            if (besides := found.get(run.id)) is None:
                continue
            run.ending, run.error = besides.ending, besides.error
            task = self._tasks[run.task]
            extras: dict[str, Any] = {}
            if (besides.actor is not None or LOCALE in besides.meta) and task.spec.takes_context:
                extras["who"] = {"user": besides.actor, "locale": besides.meta.get(LOCALE)}
            if self.traces:
                extras["trace"] = note(
                    besides.meta, category=task.spec.category, key=besides.key, origin=besides.origin, schedule_id=besides.schedule_id,
                    slot_at=besides.slot_at,
                )  # fmt: skip
            if run.ending is not None:
                self._enclose(run, stage="rollback", error=dict(run.error or {}), attempt=run.ending.attempt, **extras)
            elif task.hooks.validate is not None and run.retries == 0 and besides.meta.get(CHECKED) != run.params_version:
                self._enclose(run, check=True, **extras)
            else:
                self._enclose(run, **extras)
        return [run for run in runs if run.id in found]

    def enclose(self, run: ClaimedRun) -> None:
        """Make the envelope of a run of which everything is known."""
        self._enclose(run)

    def _enclose(self, run: ClaimedRun, **extras: Any) -> None:
        if run.params_version != self._tasks[run.task].spec.params_version:
            extras["version"] = run.params_version
        run.extras = extras or None

    # -- after a failed attempt

    def begins_on_error(self, run: ClaimedRun, outcome: Outcome, decision: Decision, ran_ms: float) -> bool:
        """Tell whether ``on_error`` is to be called now, and make the run ready for it; the decision waits."""
        task = self._tasks.get(run.task)
        if task is None or task.hooks.on_error is None or self.is_leaving or run.ending is not None or not decision.is_try:
            return False
        if not isinstance(outcome, (Failed, TimedOut, Lost)):
            return False
        self._told[run.id] = _Told(decision, ran_ms)
        will_retry = decision.state is RunState.PENDING and decision.ending is None
        self._enclose(run, stage="on_error", error=dict(decision.error or {}), will_retry=will_retry)
        run.timeout_ms = ON_ERROR_MS
        return True

    def is_telling(self, run_id: str) -> bool:
        """Tell whether what a run does now is its ``on_error``."""
        return run_id in self._told

    def ends_on_error(self, run: ClaimedRun, outcome: Outcome, tail: list[Record]) -> tuple[Decision, float, list[Record]] | None:
        """Take the end of ``on_error`` and return the decision that waited for it; None for what is none. It changes nothing."""
        told = self._told.pop(run.id, None)
        if told is None:
            return None
        if not isinstance(outcome, (Completed, Released)):
            error = getattr(outcome, "error", None) or {}
            said = f"on_error failed: {error.get('type', type(outcome).__name__)}: {error.get('message', '')}"
            tail = [*tail, Record("log", self._clock(), "warning", message=said[:8000])]
        return told.decision, told.ran_ms, tail

    def forget(self, run_id: str) -> None:
        """Drop what is known about a run that is no longer this node's."""
        self._told.pop(run_id, None)
