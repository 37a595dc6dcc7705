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


@dataclass(frozen=True, slots=True)
class Waiting:
    """One lane: since how many seconds its oldest run is ready."""

    queue: str
    tenant: str
    pool: int
    priority: int
    oldest: float


class NodeMetrics:
    """What a node counts and measures, in a registry of its own. Labels are bounded: tasks, queues and lanes, never runs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._attempts = Counter("mainspring_attempts", "Attempts that ended on this node.", _TASK, registry=self.registry)
        self._seconds = Histogram("mainspring_attempt_seconds", "How long attempts took.", _TASK, buckets=BUCKETS, registry=self.registry)
        self._oldest = Gauge("mainspring_ready_seconds", "Since when the oldest run of a lane is ready.", _LANE, registry=self.registry)
        self._nodes = Gauge("mainspring_nodes", "Nodes of the fleet by state.", ("state",), registry=self.registry)
        self._figures = Gauge("mainspring_node", "Figures of this node.", ("figure",), registry=self.registry)
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
