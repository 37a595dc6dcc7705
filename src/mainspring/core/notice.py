"""Notices: facts about schedules, services, nodes and pulses that people want to know. What happens to one run is an event of that run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How much a notice wants to be read."""

    INFO = 0
    WARNING = 1
    ALERT = 2  # somebody is to be woken: the app's ``on_alert`` hears of it

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Notice:
    """One fact. ``object`` is what it is about (``schedule:NAME``, ``service:NAME``, ``node:NAME``, ``task:NAME``, ``run:ID``, ``runner``,
    ``pulse``), ``kind`` a code in snake case whose meaning never changes, ``data`` its values."""

    id: int
    at: datetime
    object: str
    kind: str
    severity: Severity
    data: Mapping[str, Any]
    run_id: str | None = None
