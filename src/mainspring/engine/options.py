"""How a node is to behave, as plain values; the composition root reads them from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from mainspring.core.policy import Isolation, Retry
from mainspring.core.retention import Keeping
from mainspring.core.role import Role
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
    role: Role = Role.ALL
    environment: str = "development"  # what the place of this node is called, for lists
    drain: float = 25.0  # for bodies, when an operator stops the node
    sweeps: bool = True  # False, for tests alone: what is inconsistent stays so
    pulse_interval: float = 60.0  # the longest time between rounds that is usual: schedules that are late by twice that are on time
    services_problem: str | None = None  # why services do not start on this node: disabled, serverless, role
    expensive: int = 1  # expensive runs at once in the whole fleet, where no operator says otherwise
    on_child_start: tuple[str, ...] = ()
    before_import: tuple[str, ...] = ()
    traces: bool = False  # attempts get spans of OpenTelemetry
    metrics: tuple[str, int] | None = None  # where scrapes are answered
    measures: bool = False  # keeps metrics for somebody else to answer scrapes with

    @property
    def claims(self) -> bool:
        """Whether runs are taken that wait; without, those alone are carried out that are handed over (``app.run``)."""
        return self.role.claims

    @property
    def has_services(self) -> bool:
        """Whether services may start on this node."""
        return self.role.supervises and self.services_problem is None
