"""Where services run: one pool for the worker; behind it a process for each, or a place in this one where a definition asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from mainspring.core.policy import Isolation
from mainspring.core.run import ClaimedRun
from mainspring.core.service import Service
from mainspring.core.task import Task
from mainspring.engine.local_pools import InlinePool, ThreadPool
from mainspring.engine.pools import Pool, PoolName, StopReason, is_importable
from mainspring.engine.process_pools import ServicePool
from mainspring.engine.serving import LAST


class ServicePools:
    """The pool of all services of a node. It has no slots: whoever submits has decided that the instance runs here."""

    name: PoolName = "service"

    def __init__(
        self, tasks: Mapping[str, Task[..., Any]], isolation: Isolation, processes: ServicePool | None, inline: InlinePool,
        threads: ThreadPool,
    ) -> None:  # fmt: skip
        self._tasks, self._isolation = tasks, isolation
        self.processes, self._inline, self._threads = processes, inline, threads

    def _pools(self) -> Iterable[Pool]:
        return [each for each in (self.processes, self._inline, self._threads) if each is not None]

    def _pool_of(self, run: ClaimedRun) -> Pool:
        task = self._tasks[run.task]
        if self.processes is not None and isolation_of(task, self._isolation) is Isolation.PROCESS:
            return self.processes
        is_inline = task.spec.is_async and isolation_of(task, self._isolation) is Isolation.INLINE
        return self._inline if is_inline else self._threads  # a def body that goes on for ever would hold the loop

    async def start(self) -> None:
        await asyncio.gather(*(pool.start() for pool in self._pools()))

    @property
    def problem(self) -> str | None:
        return next((pool.problem for pool in self._pools() if pool.problem is not None), None)

    @property
    def slots(self) -> int:
        return 0

    @property
    def size(self) -> int:
        return 0

    @property
    def free(self) -> int:
        return 0

    @property
    def holding(self) -> int:
        return sum(pool.holding for pool in self._pools())

    def resize(self, slots: int) -> None:
        """Do nothing: services take no slots."""

    def submit(self, run: ClaimedRun) -> None:
        self._pool_of(run).submit(run)

    def cancel(self, run_id: str, why: StopReason) -> None:
        for pool in self._pools():
            pool.cancel(run_id, why)

    def surplus(self) -> list[ClaimedRun]:
        return []

    def unstarted(self) -> list[ClaimedRun]:
        return [run for pool in self._pools() for run in pool.unstarted()]

    def tick(self, now: float) -> float:
        return min(pool.tick(now) for pool in self._pools())

    async def stop(self, grace: float) -> None:
        """Stop; where there is time at all, each instance has what its definition gives it."""
        longest = max((each.policy.stop_within.total_seconds() + LAST for each in services_among(self._tasks).values()), default=0.0)
        await asyncio.gather(*(pool.stop(max(grace, longest) if grace > 0 else 0.0) for pool in self._pools()))

    def usage(self, run_id: str) -> tuple[int | None, float | None]:
        """Return memory and processor seconds of an instance's process; None for what shares this one."""
        return (None, None) if self.processes is None else self.processes.usage(run_id)


def isolation_of(task: Task[..., Any], default: Isolation) -> Isolation:
    """Return where the body of a service runs: in a process of its own, if that can import it."""
    chosen = default if task.spec.isolation is Isolation.PROCESS else task.spec.isolation
    if not is_importable(task):
        return Isolation.INLINE
    return chosen


def services_among(tasks: Mapping[str, Task[..., Any]]) -> dict[str, Service[..., Any]]:
    """Return the services among definitions, by name."""
    return {name: task for name, task in tasks.items() if isinstance(task, Service)}
