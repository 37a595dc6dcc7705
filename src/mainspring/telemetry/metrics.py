"""Metrics of one node, for Prometheus: attempts by outcome and duration, what waits, and how the node is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import PoolKind, Priority

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
except ImportError as error:  # pragma: no cover - the extra is part of our own environment
    raise ConfigurationError("metrics need the package prometheus-client: pip install 'mainspring[metrics]'") from error

# From a millisecond to an hour: attempts are anything from a look-up to a night's backup.
BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_LANE = ("queue", "tenant", "pool", "priority")
_TASK = ("task", "category", "queue", "outcome")
_SERVICE = ("service", "node")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One lane: since how many seconds its oldest run is ready."""

    queue: str
    tenant: str
    pool: int
    priority: int
    oldest: float


@dataclass(frozen=True, slots=True)
class ServiceLook:
    """One instance of a service: whether it runs and is not known to be ill, and how often it has been started again."""

    service: str
    node: str
    is_up: bool
    restarts: int


@dataclass(frozen=True, slots=True)
class PulseLook:
    """The pulses of the fleet: seconds since the latest began, and how many of the latest failed in a row."""

    age: float
    failed_in_a_row: int


class NodeMetrics:
    """What a node counts and measures, in a registry of its own. Labels are bounded: tasks, queues and lanes, never runs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._attempts = Counter("mainspring_attempts", "Attempts that ended on this node.", _TASK, registry=self.registry)
        self._seconds = Histogram("mainspring_attempt_seconds", "How long attempts took.", _TASK, buckets=BUCKETS, registry=self.registry)
        self._oldest = Gauge("mainspring_ready_seconds", "Since when the oldest run of a lane is ready.", _LANE, registry=self.registry)
        self._nodes = Gauge("mainspring_nodes", "Nodes of the fleet by state.", ("state",), registry=self.registry)
        self._figures = Gauge("mainspring_node", "Figures of this node.", ("figure",), registry=self.registry)
        self._slots = Counter(
            "mainspring_schedule_slots", "Slots of schedules by what became of them here.", ("outcome",), registry=self.registry
        )
        self._lag = Gauge("mainspring_schedule_lag_seconds", "How late slots fire here, at the 99th percentile.", registry=self.registry)
        self._loops = Gauge("mainspring_loop_age_seconds", "Since each loop's last good round.", ("loop",), registry=self.registry)
        self._up = Gauge("mainspring_service_up", "Services of the fleet that run and are not ill.", _SERVICE, registry=self.registry)
        self._restarts = Gauge("mainspring_service_restarts", "Restarts of services so far.", _SERVICE, registry=self.registry)
        self._pulse_age = Gauge("mainspring_pulse_age_seconds", "Since the latest pulse began.", (), registry=None)
        self._pulse_failed = Gauge("mainspring_pulse_failed_in_a_row", "Latest pulses that failed.", (), registry=None)
        self._seen_slots: dict[str, int] = {}
        self._has_pulses = False
        self._server: Any = None

    def attempt_ended(self, task: str, category: str, queue: str, outcome: str, ran_ms: float) -> None:
        """Count one attempt."""
        labels = (task, category, queue, outcome)
        self._attempts.labels(*labels).inc()
        self._seconds.labels(*labels).observe(ran_ms / 1000)

    def look(self, lanes: Sequence[Waiting], nodes: Mapping[str, int], figures: Mapping[str, float]) -> None:
        """Take what a round has found; lanes and states that are empty now vanish."""
        self._oldest.clear()
        for lane in lanes:
            self._oldest.labels(lane.queue, lane.tenant, PoolKind(lane.pool).name.lower(), Priority(lane.priority).name.lower()).set(
                lane.oldest
            )
        self._nodes.clear()
        for state, n in nodes.items():
            self._nodes.labels(state).set(n)
        for name, value in figures.items():
            self._figures.labels(name).set(value)

    def look_at_schedules(self, lag: float, counts: Mapping[str, int]) -> None:
        """Take how late slots fire on this node, and what became of them so far: ``fired``, or why not."""
        self._lag.set(lag)
        for outcome, n in counts.items():
            self._slots.labels(outcome).inc(n - self._seen_slots.get(outcome, 0))
            self._seen_slots[outcome] = n

    def look_at_loops(self, ages: Mapping[str, float]) -> None:
        """Take the seconds since each loop's last good round."""
        for name, age in ages.items():
            self._loops.labels(name).set(age)

    def look_at_services(self, services: Sequence[ServiceLook]) -> None:
        """Take how the services of the fleet are; those that are gone vanish."""
        self._up.clear()
        self._restarts.clear()
        for each in services:
            self._up.labels(each.service, each.node).set(each.is_up)
            self._restarts.labels(each.service, each.node).set(each.restarts)

    def look_at_pulses(self, pulses: PulseLook) -> None:
        """Take how the pulses are; a fleet that has none shows nothing of them."""
        if not self._has_pulses:
            self.registry.register(self._pulse_age)
            self.registry.register(self._pulse_failed)
            self._has_pulses = True
        self._pulse_age.set(pulses.age)
        self._pulse_failed.set(pulses.failed_in_a_row)

    def text(self) -> str:
        """Return everything in the format that Prometheus reads."""
        return generate_latest(self.registry).decode()

    def serve(self, host: str, port: int) -> int:
        """Answer scrapes on a thread of their own; answers the port. Raises `ConfigurationError` where it is taken."""
        try:
            self._server, _ = start_http_server(port, host, self.registry)
        except OSError as error:
            raise ConfigurationError(
                f"MAINSPRING_METRICS={host}:{port} cannot be listened on ({error.strerror}): choose another port"
            ) from None
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
