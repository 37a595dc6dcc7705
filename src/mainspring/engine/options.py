"""How a node is to behave, as plain values; the composition root reads them from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from mainspring.core.policy import Isolation, Retry
from mainspring.core.retention import Keeping
from mainspring.engine.pools import Limits


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """How a node is to behave; durations are seconds."""

    name: str | None = None
    queues: tuple[str, ...] = ()
    isolation: Isolation = Isolation.PROCESS
    def_children: int = 2
    async_slots: int = 100
    limits: Limits = field(default_factory=Limits)
    lease: float = 60.0
    beat: float = 3.0
    grace: float = 5.0
    retention: Keeping = Keeping(None, None)  # noqa: RUF009 - a frozen value
    default_retry: Retry = field(default_factory=Retry)
    default_timeout: timedelta | None = None  # for what is told about tasks to those who make runs in SQL
    claims: bool = True  # False: only runs that are handed over (app.run) are carried out
    expensive: int = 1  # expensive runs at once in the whole fleet, where no operator says otherwise
    on_child_start: tuple[str, ...] = ()
    before_import: tuple[str, ...] = ()
    traces: bool = False  # attempts get spans of OpenTelemetry
    metrics: tuple[str, int] | None = None  # where scrapes are answered
