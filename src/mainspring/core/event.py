"""Events: what happened to a run, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The closed list. The store keeps small integers; `mainspring.store.codes` maps them."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    STARTED = "started"
    LOG = "log"
    PROGRESS = "progress"
    ARTIFACT = "artifact"  # the body left a file behind; data: file (its id), name, size, media_type
    GAP = "gap"  # records were dropped because the buffer was full or the store could not take them; data: {"dropped": n}
    CANCEL_REQUESTED = "cancel_requested"
    RETRY_SCHEDULED = "retry_scheduled"
    SNOOZED = "snoozed"
    RELEASED = "released"
    LOST = "lost"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    REPAIRED = "repaired"
    REPLACED = "replaced"  # while it waited, another enqueue of its key gave it new parameters, time and options; data: policy, by, actor
    SUPERSEDED = "superseded"  # while it ran, its key went over to the run that follows it; data: {"key": text, "by": that run's id}
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Tell whether this is the last event of its run."""
        return self in FINAL_KINDS


FINAL_KINDS = frozenset({EventKind.COMPLETED, EventKind.FAILED, EventKind.TIMED_OUT, EventKind.CANCELLED, EventKind.SKIPPED})


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about a run. ``seq`` is gapless from 1 within the run; ``attempt`` is 0 before the first claim."""

    run_id: str
    seq: int
    kind: EventKind
    at: datetime
    attempt: int
    data: Mapping[str, Any]
