"""The crew: the pools of a node, made from its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainspring.core.policy import Isolation
from mainspring.core.task import Task
from mainspring.engine.local_pools import InlinePool, ThreadPool
from mainspring.engine.means import Means
from mainspring.engine.nursery import Plan, open_nursery
from mainspring.engine.options import NodeOptions
from mainspring.engine.pools import Pool, PoolName, Report, is_importable
from mainspring.engine.process_pools import MOST_SERVICES, DefPool, LoopPool, ServicePool, SoloPool
from mainspring.engine.service_pools import ServicePools, services_among
from mainspring.store.foreign import Foreigners

FOREVER = 30 * 86400.0  # a thread cannot be killed: an instance in one is over when its body says so
SOLO_SLOTS = 16  # neighbours of a crash run again at once, each alone; forked children share most of their memory


def make_pools(
    tasks: Mapping[str, Task[..., Any]], report: Report, options: NodeOptions, foreign: Foreigners | None = None
) -> Mapping[PoolName, Pool]:
    """Return the pools that a node needs for its tasks: no child is started for tasks that all run inline."""
    limits = options.limits
    means = Means.from_json(limits.means)
    inline = InlinePool(tasks, report, slots=options.async_slots, log_level=limits.log_level, means=means)
    inline.foreign, inline.buffer = foreign, limits.buffer
    pools: dict[PoolName, Pool] = {"inline": inline}
    isolations = {_isolation(task, options.isolation) for task in tasks.values() if not task.is_service}
    services = services_among(tasks) if options.has_services else {}
    processes: ServicePool | None = None
    if Isolation.THREAD in isolations:
        slots, level = options.def_children, limits.log_level
        pools["thread"] = thread = ThreadPool(tasks, report, slots=slots, grace=limits.grace, log_level=level, means=means)
        thread.foreign, thread.buffer = foreign, limits.buffer
    every = [task for task in tasks.values() if not task.is_service or task.name in services]
    apart = [task for task in every if _isolation(task, options.isolation) is Isolation.PROCESS]
    plan = Plan.of(apart, hooks=options.on_child_start, before_import=options.before_import)
    nursery = open_nursery(plan) if apart else None
    if nursery is not None and any(task.is_service for task in apart):
        processes = ServicePool(nursery, report, limits, tasks)
    apart = [task for task in apart if not task.is_service]
    if nursery is not None and apart:
        pools["solo"] = SoloPool(nursery, report, limits, tasks, SOLO_SLOTS)
        if any(task.spec.is_async for task in apart):
            pools["async"] = LoopPool(nursery, report, limits)
        if not all(task.spec.is_async for task in apart):
            pools["def"] = DefPool(nursery, report, limits, options.def_children)
    if services:
        own = InlinePool(services, report, slots=MOST_SERVICES, log_level=limits.log_level, means=means)
        threads = ThreadPool(services, report, slots=MOST_SERVICES, grace=FOREVER, log_level=limits.log_level, means=means)
        pools["service"] = ServicePools(services, options.isolation, processes, own, threads)
    return pools


def _isolation(task: Task[..., Any], default: Isolation) -> Isolation:
    chosen = default if task.spec.isolation is Isolation.PROCESS else task.spec.isolation
    return chosen if is_importable(task) else Isolation.INLINE
