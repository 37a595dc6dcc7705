"""The pool of services with real children: one each, a lease on what is one in the fleet, and every way to stop."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mainspring.core.policy import PoolKind
from mainspring.core.run import CancelledByRequest, ClaimedRun, Lost, Reason
from mainspring.core.task import Task
from mainspring.engine.nursery import Nursery, Plan, open_nursery
from mainspring.engine.pools import Limits, pool_for
from mainspring.engine.process_pools import ServicePool
from tests.aio import PATIENCE, until
from tests.engine import serving
from tests.engine.spy import Spy, claimed, ticking

SERVICES = {each.name: each for each in vars(serving).values() if isinstance(each, Task)}
FENCE = 7


class _Shared:
    runner: asyncio.Runner
    nursery: Nursery


@pytest.fixture(scope="module", autouse=True)
def template() -> Iterator[None]:
    """Keep one template for the tests of this module."""
    with asyncio.Runner() as runner:
        _Shared.runner, _Shared.nursery = runner, open_nursery(Plan.of(SERVICES.values()))
        runner.run(_Shared.nursery.start())
        yield
        runner.run(_Shared.nursery.stop())


def run(work: Any) -> None:
    _Shared.runner.run(asyncio.wait_for(work, 2 * PATIENCE))


@asynccontextmanager
async def open_pool(limits: Limits | None = None) -> AsyncIterator[tuple[ServicePool, Spy]]:
    spy = Spy()
    pool = ServicePool(_Shared.nursery, spy, limits or Limits(), SERVICES)
    await pool.start()
    try:
        async with ticking(pool):
            yield pool, spy
    finally:
        await pool.stop(0.0)


def instance(name: str) -> ClaimedRun:
    """Return the run of an instance as a supervisor hands it over."""
    made = claimed(name, is_repeatable=False)
    made.pool, made.extras = PoolKind.SERVICE, {"service": FENCE}
    return made


async def begun(pool: ServicePool, spy: Spy, name: str) -> ClaimedRun:
    """Begin a service and wait for its first word."""
    made = instance(name)
    pool.submit(made)
    await spy.until(lambda: bool(spy.words_of(made)))
    return made


def words(spy: Spy, made: ClaimedRun) -> list[str]:
    return [each.message for each in spy.words_of(made) if each.kind == "log"]


def answers(spy: Spy, made: ClaimedRun) -> list[bool]:
    return [each.data["ok"] for each in spy.words_of(made) if each.kind == "probe" and each.data is not None]


def test_each_has_a_process_of_its_own_and_takes_no_slot() -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            one, other = await begun(pool, spy, "waits"), await begun(pool, spy, "waits_def")
            pids = {words(spy, each)[0] for each in (one, other)}
            assert len(pids) == 2
            assert f"pid {os.getpid()}" not in pids
            assert (pool.slots, pool.size, pool.free, pool.holding) == (0, 0, 0, 2)
            memory, cpu = pool.usage(one.id)
            assert (memory or 0) > 1_000_000
            assert cpu is not None
            assert pool.usage("nobody") == (None, None)
            assert {pool_for(each, one) for each in SERVICES.values()} == {"service"}

    run(story())


@pytest.mark.scenario("P1", part="engine")
@pytest.mark.parametrize(
    ("name", "said"), [("waits", ["shutdown", "on_shutdown failed: RuntimeError: not like this"]), ("waits_def", ["shutdown", "shut"])]
)
def test_asked_to_stop_it_wakes_shuts_and_ends_within_its_time(name: str, said: list[str]) -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            made = await begun(pool, spy, name)
            began = time.monotonic()
            pool.cancel(made.id, "requested")
            assert await spy.end_of(made) == CancelledByRequest(None)
            assert time.monotonic() - began < 10  # of the minute that it would have slept
            assert words(spy, made)[1:] == said

    run(story())


def test_an_error_on_the_way_out_is_a_line_of_its_log() -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            made = await begun(pool, spy, "raises_when_stopped")
            pool.cancel(made.id, "requested")
            assert await spy.end_of(made) == CancelledByRequest(None)
            assert words(spy, made)[1:] == ["it ended with an error when it was asked to stop: ValueError: on the way out"]

    run(story())


def test_one_that_swallows_its_interruption_goes_with_its_process() -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            made = await begun(pool, spy, "swallows")
            pool.cancel(made.id, "requested")
            assert await spy.end_of(made) == CancelledByRequest()
            assert words(spy, made)[1] == "not over 0.3 s after it was asked to stop: it is interrupted"
            assert "no" in words(spy, made)

    run(story())


@pytest.mark.scenario("P3", part="engine")
@pytest.mark.parametrize("name", ["waits", "waits_def"])
def test_what_the_fleet_has_one_of_ends_itself_when_nobody_extends_its_lease(name: str) -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            pool.lease_left = lambda: 3600.0
            made = await begun(pool, spy, name)
            until_ = time.monotonic() + 0.5
            pool.lease_left = lambda: until_ - time.monotonic()
            outcome = await spy.end_of(made)
            assert isinstance(outcome, Lost)
            assert outcome.reason == Reason.CRASHED
            assert time.monotonic() >= until_

    run(story())


def test_what_each_node_has_needs_no_lease() -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            pool.lease_left = lambda: 3600.0
            one, own = await begun(pool, spy, "waits"), await begun(pool, spy, "waits_everywhere")
            pool.lease_left = lambda: -1.0
            await spy.end_of(one)
            assert own.id not in spy.ends
            assert pool.holding == 1

    run(story())


def test_without_a_lease_it_just_runs() -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            assert pool.lease_left() == math.inf
            made = await begun(pool, spy, "waits")
            pool.cancel(made.id, "requested")
            await spy.end_of(made)

    run(story())


def test_a_pool_that_rested_goes_on_and_old_age_is_no_reason_to_end() -> None:
    async def story() -> None:
        async with open_pool(Limits(runs=1, age=0.0, soft_memory=1)) as (pool, spy):
            first = await begun(pool, spy, "waits")
            assert pool.surplus() == pool.unstarted() == []
            second = await begun(pool, spy, "waits")
            assert pool.holding == 2
            pool.cancel(first.id, "requested")
            await spy.end_of(first)
            await until(lambda: pool.holding == 1, "the first to go")
            assert second.id not in spy.ends

    run(story())


@pytest.mark.scenario("P4", part="engine")
def test_a_plain_probe_is_asked_in_a_thread_once_the_service_is_ready() -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            made = await begun(pool, spy, "probed_beside")
            await spy.until(lambda: len(answers(spy, made)) >= 3)
            assert answers(spy, made)[:3] == [False] * 3  # it answers False outside the main thread: it was asked beside
            kinds = [each.kind for each in spy.words_of(made)]
            assert kinds.index("ready") < kinds.index("probe")
            assert kinds.count("ready") == 1

    run(story())


@pytest.mark.scenario("P4", part="engine")
def test_the_probe_of_a_def_may_be_async_and_has_context_and_dependencies() -> None:
    async def story() -> None:
        async with open_pool() as (pool, spy):
            made = instance("probed_def")
            pool.submit(made)
            await spy.until(lambda: answers(spy, made).count(True) >= 3)
            told = [each.data for each in spy.words_of(made) if each.kind == "probe" and each.data is not None]
            # It has 50 ms, which a loaded machine may take: but it never says no, and never fails.
            assert all(each["ok"] or each["said"].startswith("no answer within") for each in told), told

    run(story())
