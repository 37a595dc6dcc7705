"""Which runs a person looks for, as one value: pages, totals and searches ask it the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mainspring.core.policy import Priority
from mainspring.core.run import Reason, Run
from mainspring.core.state import RunState

LOST = (Reason.LOST, Reason.INTERRUPTED)  # why runs failed whose node or executor went down; the second must not be repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Conditions, joined by *and*; None lets all through. ``since`` counts in, ``until`` does not; both are of the enqueue.

    ``is_lost`` lets those through besides ``states`` that failed because their node or executor went down.
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

    def lets(self, run: Run) -> bool:
        """Tell whether a run is one of those."""
        is_state = (self.states is None and not self.is_lost) or run.state in (self.states or ())
        return (
            (is_state or (self.is_lost and run.state is RunState.FAILED and run.reason in LOST))
            and self.task in (None, run.task) and self.queue in (None, run.queue) and self.label in (None, run.label)
            and self.reason in (None, run.reason) and self.origin in (None, run.origin) and self.priority in (None, run.priority)
            and self.schedule_id in (None, run.schedule_id)
            and (self.since is None or run.created_at >= self.since) and (self.until is None or run.created_at < self.until)
        )  # fmt: skip
