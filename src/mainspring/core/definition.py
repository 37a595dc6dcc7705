"""What a run's row takes from its task, as plain values: for those who make runs without the code at hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mainspring.core.dependency import dump_dependencies
from mainspring.core.overlap import Overlap
from mainspring.core.policy import Isolation, PoolKind
from mainspring.core.task import TaskSpec
from mainspring.core.template import Template


@dataclass(frozen=True, slots=True)
class Definition:
    """A task's policies, with the app's defaults filled in."""

    task: str
    queue: str
    pool: PoolKind
    priority: int
    timeout: timedelta | None
    deadline: timedelta | None
    max_retries: int
    max_rescues: int
    is_repeatable: bool
    is_enabled: bool
    params_version: int
    limit_task: str | None
    limit_key: Template | None
    dedupe_key: Template | None
    dedupe_policy: str | None
    overlap: Overlap | None = None
    depends: str | None = None


def definition_of(spec: TaskSpec, *, isolation: Isolation, timeout: timedelta | None, retries: int) -> Definition:
    """Return a task's policies; isolation, timeout and retries are those of the app, where the task does not say."""
    return Definition(
        task=spec.name,
        queue=spec.queue,
        pool=spec.pool_in(isolation),
        priority=int(spec.priority),
        timeout=spec.timeout or timeout,
        deadline=spec.deadline,
        max_retries=retries if spec.retry is None else spec.retry.retries,
        max_rescues=spec.max_rescues,
        is_repeatable=spec.is_repeatable,
        is_enabled=spec.is_enabled,
        params_version=spec.params_version,
        limit_task=spec.limit_task,
        limit_key=None if spec.limit is None else spec.limit.key,
        dedupe_key=None if spec.dedupe is None else spec.dedupe.key,
        dedupe_policy=None if spec.dedupe is None else spec.dedupe.policy,
        overlap=spec.overlap_policy,
        depends=dump_dependencies(spec.depends_on),
    )
