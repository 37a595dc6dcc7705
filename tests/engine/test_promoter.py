"""The promoter: due runs become ready, deadlines end what still waits. And the pruner, who keeps the store small."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from mainspring import Retry, RetryLater, Snooze, task
from mainspring.core.access import EVERYTHING
from tests.fleet import Fleet

tries: list[float] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    tries.clear()


@task
async def quick() -> None: ...


@task(retry=Retry(retries=5, delay=120, factor=1, jitter=False), deadline="5m")
async def failing() -> None:
    raise ValueError("no")


@task(retry=Retry(retries=3, delay=1, factor=2, cap=10, seed="s"))
async def backing_off() -> None:
    raise ValueError("no")


async def test_a_run_is_ready_when_it_is_due_and_not_before(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    run = await node.app.enqueue(quick.options(delay="10m"))
    assert await node.tick("promoter") == [1.0]
    await fleet.advance(599.5)
    [wait] = await node.tick("promoter")
    assert wait == pytest.approx(0.5)
    await node.tick("heartbeat", "worker")
    assert (await fleet.get(run)).state == "pending"
    await fleet.advance(0.5)
    await node.tick("promoter", "worker")
    assert (await fleet.get(run)).state == "completed"


@pytest.mark.scenario("R6")
async def test_no_retry_starts_past_the_deadline(fleet: Fleet) -> None:
    node = await fleet.node("a", [failing])
    run = await node.app.enqueue(failing)
    for _ in range(10):
        await node.tick("heartbeat", "promoter", "worker")
        await fleet.advance(60)
    seen = await fleet.get(run)
    assert (seen.state, seen.reason, seen.attempt) == ("timeout", "deadline", 3)
    assert seen.finished_at is not None
    assert seen.finished_at - seen.created_at <= timedelta(minutes=5)  # known as soon as the next try would be too late
    events = await fleet.store.events.after(run.id, scope=EVERYTHING)
    assert events[-1].kind.value == "timed_out"


@pytest.mark.scenario("R6")
async def test_a_run_that_waits_past_its_deadline_ends_without_a_try(fleet: Fleet) -> None:
    node = await fleet.node("a", [failing])
    client = await fleet.client([failing])
    await fleet.store.queues.pause("default")
    run = await client.enqueue(failing)
    await fleet.advance(301)
    for _ in range(5):
        await node.once("promoter")
    seen = await fleet.get(run)
    assert (seen.state, seen.reason, seen.attempt) == ("timeout", "deadline", 0)
    await fleet.store.queues.resume("default")
    await node.tick("heartbeat", "worker")
    assert (await fleet.get(run)).attempt == 0


@pytest.mark.scenario("R1")
async def test_delays_are_the_published_ones_and_stored(fleet: Fleet) -> None:
    node = await fleet.node("a", [backing_off])
    run = await node.app.enqueue(backing_off)
    policy = backing_off.spec.retry
    assert policy is not None
    for number in (1, 2, 3):
        await node.tick("heartbeat", "promoter", "worker")
        seen = await fleet.get(run)
        delay = policy.delay_before(number, run.id)
        assert seen.run_at is not None
        assert seen.run_at - fleet.clock.now() == pytest.approx(delay, abs=timedelta(milliseconds=1))
        if number == 2:  # a crash during backoff loses nothing: it is a stored time
            node.crash()
            node = await fleet.node("b", [backing_off])
        await fleet.advance(delay.total_seconds() + 0.001)
    await node.tick("heartbeat", "promoter", "worker")
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt, seen.retries) == ("failed", 4, 3)


@pytest.mark.scenario("R2")
async def test_a_body_may_say_when_and_a_snooze_burns_nothing(fleet: Fleet) -> None:
    @task(retry=Retry(retries=1, jitter=False))
    async def asking() -> str:
        tries.append(fleet.clock.monotonic())
        if len(tries) <= 3:
            raise Snooze("40s")
        if len(tries) == 4:
            raise RetryLater("30s")
        return "at last"

    node = await fleet.node("a", [asking])
    run = await node.app.enqueue(asking)
    for _ in range(400):
        await node.tick("heartbeat", "promoter", "worker")
        await fleet.advance(0.5)
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt, seen.retries) == ("completed", 5, 1)
    waits = [after - before for before, after in pairwise(tries)]
    assert waits == pytest.approx([40, 40, 40, 30], abs=1)


async def test_a_due_run_wakes_the_worker_of_its_own_node(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], drives=True)
    await fleet.advance(5)
    run = await node.app.enqueue(quick.options(delay=3.3))
    await fleet.advance(3.25)
    assert (await fleet.get(run)).state == "pending"
    await fleet.advance(0.3)
    assert (await fleet.get(run)).state == "completed"


async def test_a_short_wait_is_short(fleet: Fleet) -> None:
    """A retry after a moment does not wait for those who look once a second, nor does what a stopping node gives back."""

    @task(retry=Retry(retries=3, delay=0.05, factor=1, jitter=False))
    async def hiccup() -> None:
        tries.append(fleet.clock.monotonic())
        if len(tries) < 4:
            raise ValueError("once more")

    @task(timeout="1h")
    async def lasting() -> None:
        tries.append(fleet.clock.monotonic())
        await asyncio.sleep(1000)

    one = await fleet.node("one", [hiccup, lasting], drives=True)
    await fleet.advance(10)
    await one.app.enqueue(hiccup)
    await fleet.advance(1)
    assert tries == pytest.approx([10, 10.05, 10.1, 10.15], abs=0.04)
    await one.app.enqueue(lasting)
    await fleet.advance(1)
    await fleet.node("two", [hiccup, lasting], drives=True)
    await fleet.advance(20)
    tries.clear()
    await one.do(one.runner.stop(0.0))
    stopped_at = fleet.clock.monotonic()
    await fleet.advance(1)
    assert tries == pytest.approx([stopped_at], abs=0.1)


@pytest.mark.scenario("K4")
@pytest.mark.failure(54)
async def test_retention_drops_what_is_old_enough_and_never_unfinished_work(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], retention=timedelta(hours=1))
    waiting = await node.app.enqueue(quick.options(delay="30d"))
    old = await node.app.enqueue(quick)
    await node.tick("worker")
    await fleet.advance(3000)
    young = await node.app.enqueue(quick)
    await node.tick("heartbeat", "worker")
    await fleet.advance(1000)
    await node.once("pruner")
    kept = {row["id"] for row in await fleet.rows("select id from mainspring.history")}
    assert kept == {young.id}
    assert old.id not in kept
    assert (await fleet.get(waiting)).state == "pending"
