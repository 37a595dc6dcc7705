"""The catalogue: every operation by name. Faces read it; what is not in here nobody can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mainspring.operations import nodes, queues, runs, stats, system, tasks
from mainspring.operations.operation import Operation

_ALL: tuple[Operation[Any, Any], ...] = (
    tasks.list_tasks,
    tasks.show_task,
    tasks.check_params,
    runs.enqueue_run,
    runs.list_runs,
    runs.show_run,
    runs.cancel_run,
    runs.retry_run,
    runs.list_logs,
    runs.list_events,
    runs.list_attempts,
    nodes.list_nodes,
    stats.show_stats,
    queues.list_queues,
    queues.pause_queue,
    queues.resume_queue,
    system.diagnose,
    system.show_schema,
    system.migrate,
)

CATALOG: Mapping[str, Operation[Any, Any]] = MappingProxyType({each.name: each for each in _ALL})
