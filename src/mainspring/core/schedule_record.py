"""A schedule as the store keeps it: what the code says, what an operator has set instead, and how far its slots are accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mainspring.core.errors import ConfigurationError
from mainspring.core.schedule import Schedule, ScheduleKind


class ScheduleState(StrEnum):
    """What a schedule does at the moment, in one word."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"  # no slot will come any more
    DISABLED = "disabled"
    ORPHANED = "orphaned"  # no living node has its code
    MANUAL = "manual"  # never due by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRecord:
    """One row. ``code`` is None for a schedule that an operator has made; ``override`` wins over the code.

    Every slot up to ``cursor_at`` is accounted for; ``next_slot`` is the first after it, ``next_at`` when somebody is to look. ``problem``
    says why this release cannot read the definition (a newer one wrote it); then there is none, and other nodes see to it.
    """

    id: int
    name: str
    tenant: str
    task: str
    code: Schedule | None
    code_digest: str | None
    code_seen_at: datetime | None
    override: Schedule | None
    is_enabled: bool | None  # an operator's word; None: as the definition says
    cursor_at: datetime
    next_slot: datetime | None
    next_at: datetime | None
    fired_at: datetime | None
    last_slot: datetime | None
    last_run_id: str | None
    looked_at: datetime | None
    skip_slot: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    paused_until: datetime | None
    resumed_at: datetime | None
    asked_slot: datetime | None
    asked_until: datetime | None
    unknown_at: datetime | None
    orphaned_at: datetime | None
    version: int
    created_at: datetime
    created_by: str | None
    changed_at: datetime
    changed_by: str | None
    problem: str | None = None
    owner: str | None = None  # whose rights its runs have; None: the host's

    @property
    def effective(self) -> Schedule:
        """What holds: the operator's word, else the code's. Raises `ConfigurationError` where this release cannot read it."""
        held = self.override or self.code
        if held is None or self.problem is not None:
            raise ConfigurationError(f"the schedule {self.name!r} was written by a newer release: {self.problem}; update this one")
        return held

    @property
    def drift(self) -> bool:
        """Tell whether an operator has set something else than the code says."""
        return self.override is not None and self.code is not None and self.override != self.code

    @property
    def is_on(self) -> bool:
        """Tell whether it is enabled, by an operator or else by its definition."""
        return self.effective.is_enabled if self.is_enabled is None else self.is_enabled

    @property
    def is_paused(self) -> bool:
        """Tell whether somebody has paused it and nobody has resumed it."""
        return self.paused_at is not None and self.resumed_at is None

    @property
    def state(self) -> ScheduleState:
        """What it does, in one word; what stands in its way first."""
        if self.problem is not None:
            return ScheduleState.ACTIVE
        if not self.is_on:
            return ScheduleState.DISABLED
        if self.orphaned_at is not None:
            return ScheduleState.ORPHANED
        if self.effective.kind is ScheduleKind.MANUAL:
            return ScheduleState.MANUAL
        if self.next_slot is None:
            return ScheduleState.ENDED
        return ScheduleState.PAUSED if self.is_paused else ScheduleState.ACTIVE
