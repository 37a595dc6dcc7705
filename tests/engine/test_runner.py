"""The runner: every loop by default, health that tells their age, and an orderly end."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from mainspring import Context, Mainspring, Retry, Skip, Task, task
from mainspring.core.errors import RunCancelled, StoreUnavailable
from mainspring.core.node import NodeState
from mainspring.core.run import ClaimedRun
from mainspring.engine.runner import CLAIM_AGE, SAFETY
from tests.fleet import Fleet

ended: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ended.clear()


@task
async def quick() -> None: ...


@task(timeout="1h")
async def lasting(ctx: Context, seconds: float = 1000.0) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        ended.append(ctx.run_id)
        raise
    return "rested"


@task(timeout="1h", repeatable=False)
async def once(ctx: Context) -> None:
    await asyncio.sleep(1000)


@task(timeout="1h")
async def stubborn() -> str:
    for _ in range(10):  # more often than anybody asks
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue
    return "never"


LOOPS = {"worker", "heartbeat", "rescuer", "promoter", "limiter", "pruner", "switches", "pools"}


@pytest.mark.scenario("X5", "K4")
async def test_the_default_entry_point_starts_every_loop(fleet: Fleet) -> None:
    app, _ = fleet.app("app", [quick])
    await fleet.database.open()
    async with app.worker() as runner:
        await fleet.advance(15)
        pulses = {pulse.name: pulse for pulse in runner.health().pulses}
        assert pulses.keys() == LOOPS
        assert set(SAFETY) <= LOOPS
        assert all(pulse.rounds >= 1 for pulse in pulses.values())
        assert all(pulse.age(fleet.loop.time()) <= 15 for pulse in pulses.values())
        assert pulses["heartbeat"].rounds >= 4
        assert runner.health().is_ready
        assert runner.health().problems == ()
    await app.close()


@pytest.mark.scenario("X5")
async def test_health_names_a_loop_that_fails_or_is_gone(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], drives=True)
    await fleet.advance(5)
    node.line.is_cut = True
    await fleet.advance(30)
    health = node.runner.health()
    assert not health.is_ready
    assert any(problem.startswith("heartbeat: StoreUnavailable") for problem in health.problems)
    assert any("no claim round went well" in problem for problem in health.problems)
    assert health.claim_age > CLAIM_AGE
    node.line.is_cut = False
    await fleet.advance(30)
    assert node.runner.health().is_ready
    for running in node.runner._tasks:
        if running.get_name() == "mainspring-rescuer":
            running.cancel()
    await fleet.loop.settle()
    assert "the loop rescuer does not run" in node.runner.health().problems


@pytest.mark.scenario("X5")
async def test_a_node_that_cannot_register_does_not_start(fleet: Fleet) -> None:
    app, line = fleet.app("app", [quick])
    await fleet.database.open()
    await app.open()
    line.fail("nodes_register", "before")
    with pytest.raises(StoreUnavailable):
        await app.start_worker()
    assert app.health() is None
    await app.start_worker()  # and can be started again
    assert app.health() is not None
    await app.close()


@pytest.mark.scenario("X1")
@pytest.mark.failure(51)
async def test_stopping_claims_nothing_more_drains_asks_and_gives_back(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick, lasting], drives=True, max_concurrent=4)
    short = await node.app.enqueue(lasting, seconds=5)
    long = await node.app.enqueue(lasting, seconds=1000)
    await fleet.advance(1)
    stopping = node.spawn(node.runner.stop(drain=20))
    await fleet.loop.settle()
    assert not node.runner.health().is_ready
    late = await (await fleet.client([quick])).enqueue(quick)
    await fleet.advance(10)
    assert await fleet.states([short, long, late]) == ["completed", "running", "pending"]
    [row] = await fleet.store.nodes.list()
    assert row.state is NodeState.DRAINING
    assert (fleet.clock.now() - row.beat_at).total_seconds() < 4  # it beats to the last
    await stopping
    seen = await fleet.get(long)
    assert (seen.state, seen.attempt, seen.retries, seen.rescues) == ("pending", 1, 0, 0)  # refunded
    assert ended == [long.id]
    assert 19 <= fleet.clock.monotonic() <= 27
    [row] = await fleet.store.nodes.list()
    assert row.state is NodeState.STOPPED
    other = await fleet.node("b", [quick, lasting], drives=True)
    await fleet.advance(3)
    assert (await fleet.get(long)).node_id == other.id


@pytest.mark.scenario("X1")
async def test_what_has_not_begun_goes_back_at_once(fleet: Fleet) -> None:
    node = await fleet.node("a", [lasting], max_concurrent=2)
    runs = await node.app.enqueue_many(lasting, [{}] * 2)
    pool = node.runner.pools["inline"]
    submit = pool.submit

    def submit_and_stop(run: ClaimedRun) -> None:
        submit(run)
        node.worker.release_unstarted()

    pool.submit = submit_and_stop  # type: ignore[method-assign]
    while not node.worker.claimed:
        await node.once("worker")
    await fleet.loop.settle()
    assert [(seen.state, seen.retries) for seen in [await fleet.get(run) for run in runs]] == [("pending", 0)] * 2
    assert ended == []
    kinds = [event.kind.value for event in await fleet.store.events.after(runs[0].id)]
    assert kinds == ["queued", "claimed", "started", "released"]


@pytest.mark.scenario("X1")
async def test_a_body_that_ignores_everything_does_not_keep_the_node(fleet: Fleet) -> None:
    node = await fleet.node("a", [stubborn], drives=True)
    run = await node.app.enqueue(stubborn)
    await fleet.advance(1)
    await node.do(node.runner.stop(drain=2))
    assert fleet.clock.monotonic() < 20
    assert (await fleet.get(run)).state == "pending"


@pytest.mark.scenario("X1")
async def test_an_interrupted_run_that_must_not_be_repeated_says_so(fleet: Fleet) -> None:
    node = await fleet.node("a", [once], drives=True)
    run = await node.app.enqueue(once)
    await fleet.advance(1)
    await node.do(node.runner.stop(drain=0))
    seen = await fleet.get(run)
    assert (seen.state, seen.reason) == ("failed", "interrupted")


@pytest.mark.scenario("X1")
async def test_a_second_signal_leaves_at_once_and_still_says_good_bye(fleet: Fleet) -> None:
    node = await fleet.node("a", [lasting], drives=True)
    await node.app.enqueue(lasting)
    await fleet.advance(1)
    stopping = node.spawn(node.runner.stop(drain=1000))
    await fleet.advance(1)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert fleet.clock.monotonic() < 5
    [row] = await fleet.store.nodes.list()
    assert row.state is NodeState.STOPPED


async def test_stopping_twice_is_stopping_once(fleet: Fleet) -> None:
    node = await fleet.node("a", [lasting], drives=True)
    await node.app.enqueue(lasting, seconds=3)
    await fleet.advance(1)
    await asyncio.gather(node.do(node.runner.stop(drain=10)), node.do(node.runner.stop(drain=10)))
    assert fleet.clock.monotonic() < 5


@pytest.mark.scenario("X3")
@pytest.mark.parametrize("seed", range(12))
def test_a_shutdown_never_touches_what_has_ended(seed: int) -> None:
    """Bodies that end, cancels, deadlines and a shutdown in any order: who is first has the last word, and counts add up."""
    fleet = Fleet(seed=seed)
    chance = random.Random(seed)

    @task(timeout="1h", retry=Retry(retries=1, delay=1))
    async def any_end(ctx: Context, n: int) -> int:
        await asyncio.sleep(chance.choice((0, 0.1, 1.0, 2.0, 50)))
        if n % 5 == 1 and ctx.attempt == 1:
            raise ValueError("once more")
        if n % 5 == 2:
            raise Skip("nothing")
        return n

    async def play() -> None:
        fleet.weather.latency = 0.2
        node = await fleet.node("a", [any_end], drives=True, max_concurrent=8)
        client = await fleet.client([any_end])
        runs = await client.enqueue_many(any_end, [{"n": n} for n in range(30)])

        async def cancel_some() -> None:
            for run in runs[::4]:
                await asyncio.sleep(chance.random() * 0.4)
                await run.cancel()

        async def stop() -> None:
            await asyncio.sleep(chance.random() * 3)
            await node.do(node.runner.stop(drain=chance.choice((0, 0.5, 3))))

        watching = [asyncio.create_task(_watch(client, run.id)) for run in runs]
        await asyncio.gather(cancel_some(), stop())
        fleet.weather.latency = 0.0
        await fleet.node("b", [any_end], drives=True)
        for run, seen in zip(runs, await asyncio.gather(*watching), strict=True):
            final = await fleet.get(run)
            assert final.is_final
            assert seen == final.state  # what was final once stayed so
            if final.state == "cancelled":
                assert run in runs[::4]

    try:
        fleet.loop.run_until_complete(play())
    finally:
        fleet.close()
    assert fleet.problems == []


async def _watch(app: Mainspring, run_id: str) -> str:
    return str((await app.wait_for(run_id)).state)


@pytest.mark.scenario("F8")
async def test_cancel_ends_waiting_running_and_retrying_runs(fleet: Fleet) -> None:
    @task(retry=Retry(retries=3, delay=1000, jitter=False))
    async def retrying() -> None:
        raise ValueError("no")

    tasks: list[Task[..., Any]] = [quick, lasting, retrying]
    node = await fleet.node("a", tasks, drives=True)
    client = await fleet.client(tasks)  # another process
    waiting = await client.enqueue(quick.options(delay="1h"))
    running = await client.enqueue(lasting)
    again = await client.enqueue(retrying)
    done = await client.enqueue(quick)
    await fleet.advance(2)
    assert await fleet.states([waiting, running, again, done]) == ["pending", "running", "pending", "completed"]
    asked_at = fleet.clock.monotonic()
    assert [await run.cancel("enough") for run in (waiting, running, again, done)] == ["cancelled", "requested", "cancelled", "already"]
    with pytest.raises(RunCancelled):
        await running.result()
    assert fleet.clock.monotonic() - asked_at <= 3 * 1.1 + 5  # a beat and the grace
    assert ended == [running.id]
    assert await fleet.states([waiting, running, again, done]) == ["cancelled"] * 3 + ["completed"]
    kinds = [event.kind.value for event in await fleet.store.events.after(running.id)]
    assert kinds == ["queued", "claimed", "started", "cancel_requested", "cancelled"]
    assert await running.cancel() == "already"
    assert node.worker.in_hand == 0


@pytest.mark.scenario("F9")
async def test_what_was_cancelled_never_runs_again(fleet: Fleet) -> None:
    one = await fleet.node("one", [lasting], drives=True, host="gone")
    client = await fleet.client([lasting])
    run = await client.enqueue(lasting)
    await fleet.advance(1)
    one.freeze()
    assert await run.cancel() == "requested"
    one.crash(host_stays=False)  # its node dies with the request unheard
    await fleet.node("two", [lasting], drives=True)
    await fleet.advance(180)
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt) == ("cancelled", 1)
    await fleet.advance(300)
    assert (await fleet.get(run)).attempt == 1


@pytest.mark.scenario("X4")
async def test_a_rescued_run_can_be_cancelled(fleet: Fleet) -> None:
    one = await fleet.node("one", [lasting], drives=True)
    run = await one.app.enqueue(lasting)
    await fleet.advance(1)
    one.crash()
    two = await fleet.node("two", [lasting], drives=True)
    await fleet.advance(5)
    assert (await fleet.get(run)).node_id == two.id
    client = await fleet.client([lasting])
    assert await client.cancel(run.id) == "requested"
    await fleet.advance(4)
    assert (await fleet.get(run)).state == "cancelled"


async def test_a_node_that_only_enqueues_holds_nothing(fleet: Fleet) -> None:
    client = await fleet.client([quick])
    await client.enqueue(quick)
    assert await fleet.store.nodes.list() == []
    assert client.health() is None
