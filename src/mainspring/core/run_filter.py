"""Which runs a person looks for, as one value: pages, totals and searches ask it the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mainspring.core.policy import Priority
from mainspring.core.run import Reason, Run
from mainspring.core.state import RunState

LOST = (Reason.LOST, Reason.INTERRUPTED)  # why runs failed whose node or executor went down; the second must not be repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Conditions, joined by *and*; None lets all through. ``since`` counts in, ``until`` does not; both are of the enqueue.

    ``is_lost`` lets those through besides ``states`` that failed because their node or executor went down. ``tasks`` and ``nodes`` are ids
    of which any will do; ``longer`` and ``shorter`` are of the time since the start of the last try, of those that have started.
    """

    states: Sequence[RunState] | None = None
    is_lost: bool = False
    task: str | None = None
    queue: str | None = None
    label: str | None = None
    reason: str | None = None
    origin: str | None = None
    priority: Priority | None = None
    schedule_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    tasks: Sequence[str] | None = None
    nodes: Sequence[str] | None = None
    key: str | None = None
    actor: str | None = None
    tenant: str | None = None
    longer: timedelta | None = None
    shorter: timedelta | None = None

    @property
    def asked(self) -> RunFilter:
        """The same, with a single task in its own place."""
        if self.tasks is None or len(self.tasks) != 1 or self.task not in (None, self.tasks[0]):
            return self
        return replace(self, task=self.tasks[0], tasks=None)

    def _lasts(self, run: Run, now: datetime | None) -> bool:
        if self.longer is None and self.shorter is None:
            return True
        ended = run.finished_at or now
        if run.started_at is None or ended is None:
            return False
        lasted = ended - run.started_at
        return (self.longer is None or lasted >= self.longer) and (self.shorter is None or lasted < self.shorter)

    def lets(self, run: Run, now: datetime | None = None) -> bool:
        """Tell whether a run is one of those; ``now`` is what running ones are measured by."""
        is_state = (self.states is None and not self.is_lost) or run.state in (self.states or ())
        return (
            (is_state or (self.is_lost and run.state is RunState.FAILED and run.reason in LOST))
            and self.task in (None, run.task) and self.queue in (None, run.queue) and self.label in (None, run.label)
            and self.reason in (None, run.reason) and self.origin in (None, run.origin) and self.priority in (None, run.priority)
            and self.schedule_id in (None, run.schedule_id)
            and (self.since is None or run.created_at >= self.since) and (self.until is None or run.created_at < self.until)
            and (self.tasks is None or run.task in self.tasks) and (self.nodes is None or run.node_id in self.nodes)
            and self.key in (None, run.key) and self.actor in (None, run.actor) and self.tenant in (None, run.tenant)
            and self._lasts(run, now)
        )  # fmt: skip
