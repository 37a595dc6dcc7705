"""Switches: what operators have enabled or disabled, over what the code says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mainspring.core.errors import TaskDisabled
from mainspring.core.overlap import Overlap, OverlapChoice


@dataclass(frozen=True, slots=True)
class Switch:
    """An operator's word about a task. It stands until another one, or until it is taken back."""

    task: str
    is_enabled: bool
    changed_at: datetime
    changed_by: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        by, why = self.changed_by or "an operator", f": {self.reason}" if self.reason else ""
        return f"by {by} at {self.changed_at:%Y-%m-%d %H:%M}Z{why}"


class Definition(Protocol):
    """What a switch needs to know of a task's definition."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def is_enabled(self) -> bool:
        """What the code says."""


class Switches:
    """All switches as they were last read. A value that loops and callers share: whoever reads the store updates it."""

    __slots__ = ("_by_task", "is_known", "overlaps")

    def __init__(self) -> None:
        self._by_task: dict[str, Switch] = {}
        self.overlaps: Mapping[str, Overlap] = {}  # the overlap policies that operators have set, by task
        self.is_known = False  # whether the store was ever read: before, only the code is known

    def update(self, switches: Iterable[Switch], overlaps: Iterable[OverlapChoice] = ()) -> None:
        """Take what the store says now."""
        self._by_task = {each.task: each for each in switches}
        self.overlaps = {each.task: each.overlap for each in overlaps}
        self.is_known = True

    def of(self, name: str) -> Switch | None:
        """Return the switch of a task, or None where the code decides."""
        return self._by_task.get(name)

    def is_off(self, spec: Definition) -> bool:
        """Tell whether a task is disabled now."""
        if not self._by_task:
            return not spec.is_enabled
        switch = self._by_task.get(spec.name)
        return not (spec.is_enabled if switch is None else switch.is_enabled)

    def refuse(self, spec: Definition, where: object) -> None:
        """Raise `TaskDisabled` for a task that is disabled, saying by whom and why, or where the code (``where``) says so."""
        if not self.is_off(spec):
            return
        switch = self._by_task.get(spec.name)
        why = f"enabled=False at {where}" if switch is None else f"switched off {switch}"
        remedy = f"'mainspring tasks enable {spec.name}' switches it on"
        raise TaskDisabled(f"the task {spec.name!r} is disabled: nothing is enqueued ({why}); {remedy}")
