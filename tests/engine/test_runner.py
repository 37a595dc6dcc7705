"""The runner: every loop by default, health that tells their age, and an orderly end."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import random
from typing import Any

import pytest

import mainspring.engine
from mainspring import Context, Mainspring, Retry, Skip, Task, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import RunCancelled, StoreUnavailable
from mainspring.core.node import NodeState
from mainspring.core.role import Role
from mainspring.core.run import ClaimedRun
from mainspring.engine.runner import CLAIM_AGE, SAFETY, Runner
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


KEEPING = {
    "heartbeat", "rescuer", "promoter", "limiter", "gatekeeper", "pruner", "switches", "steward", "sweeper", "sampler",
}  # fmt: skip
LOOPS = {
    Role.ALL: KEEPING | {"worker", "pools", "scheduler", "supervisor"},
    Role.WORKER: KEEPING | {"worker", "pools"},
    Role.SCHEDULER: KEEPING | {"worker", "pools", "scheduler", "supervisor"},
    Role.LOCAL: KEEPING | {"worker", "pools"},
    Role.SERVE: {"heartbeat"},
}


def _loops_of_the_engine() -> set[str]:
    """Return the names of all loops that the engine has, whether anybody starts them or not."""
    found = set()
    for module in pkgutil.iter_modules(mainspring.engine.__path__):
        if module.name == "child":  # imports what only a child has
            continue
        for value in vars(importlib.import_module(f"mainspring.engine.{module.name}")).values():
            if (
                inspect.isclass(value)
                and isinstance(getattr(value, "name", None), str)
                and inspect.iscoroutinefunction(getattr(value, "tick", None))
            ):
                found.add(str(getattr(value, "name", "")))
    return found


@pytest.mark.scenario("K4", part="no loop that nothing starts")
def test_every_loop_that_there_is_belongs_to_the_default_node() -> None:
    # The bus is driven by whoever opens the store, the meter where metrics are asked for.
    assert _loops_of_the_engine() - {"bus", "meter"} == LOOPS[Role.ALL]
    assert LOOPS[Role.ALL] - {"worker", "pools", "scheduler", "supervisor"} == set(SAFETY)


@pytest.mark.scenario("X5", part="no start without a safety loop")
@pytest.mark.parametrize("name", [*SAFETY, "scheduler", "supervisor"])
async def test_a_node_does_not_start_where_one_of_its_loops_cannot(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    app, _ = fleet.app("app", [quick])
    await fleet.database.open()
    other = await fleet.node("other", [quick])
    loop = type(_loop_of(other.runner, name))

    async def fail(self: Any, *args: Any) -> float:
        raise StoreUnavailable(f"{name} cannot")

    with monkeypatch.context() as broken:
        broken.setattr(loop, "declare" if name in ("scheduler", "supervisor") else "tick", fail)
        with pytest.raises(StoreUnavailable, match=name):
            await app.start_runner()
    assert app.health() is None
    await app.start_runner()
    assert app.health() is not None
    await app.close()


@pytest.mark.scenario("X5", "K4")
@pytest.mark.parametrize("role", LOOPS)
async def test_the_entry_point_starts_every_loop_of_its_role(fleet: Fleet, role: Role) -> None:
    app, _ = fleet.app("app", [quick])
    await fleet.database.open()
    async with app.runner(role=role) as runner:
        await fleet.advance(15)
        pulses = {pulse.name: pulse for pulse in runner.health().loops}
        assert pulses.keys() == LOOPS[role]
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
    assert not node.runner.health().is_alive


def _loop_of(runner: Runner, name: str) -> Any:
    return next(loop for loop in runner.loops() if loop.name == name)


@pytest.mark.scenario("P7")
async def test_a_loop_that_crashes_is_driven_on_and_one_that_cannot_ends_liveness(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await fleet.node("a", [quick], drives=True)
    await fleet.advance(5)
    loop, rounds = _loop_of(node.runner, "scheduler"), []
    tick = type(loop).tick

    async def crash(self: Any) -> float:
        rounds.append(fleet.loop.time())
        if len(rounds) == 2:
            raise asyncio.CancelledError  # what it waited for was cancelled
        if len(rounds) <= 3 or rounds[-1] > 100:
            raise ValueError("a bug")
        return float(await tick(self))

    monkeypatch.setattr(type(loop), "tick", crash)
    await fleet.advance(30)
    pulse = next(pulse for pulse in node.runner.health().loops if pulse.name == "scheduler")
    assert len(rounds) >= 4  # it crashed three times, in three ways to end, and goes on
    assert (pulse.failures, pulse.error) == (0, None)
    assert node.runner.health().is_alive

    await fleet.advance(100)  # from now on each round crashes
    assert any(problem.startswith("scheduler: ValueError: a bug") for problem in node.runner.health().problems)
    await fleet.advance(60 + 5)
    health = node.runner.health()
    assert not health.is_alive
    assert "the loop scheduler does not turn" in health.problems


@pytest.mark.scenario("P7")
async def test_a_round_that_never_ends_ends_liveness_and_an_outage_does_not(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await fleet.node("a", [quick], drives=True)
    await fleet.advance(5)
    node.line.is_cut = True
    await fleet.advance(300)
    assert node.runner.health().problems
    assert node.runner.health().is_alive  # starting it again would mend nothing
    node.line.is_cut = False
    await fleet.advance(70)
    assert not node.runner.health().problems

    async def hang(self: Any) -> float:
        await asyncio.Event().wait()
        return 0.0

    monkeypatch.setattr(type(_loop_of(node.runner, "scheduler")), "tick", hang)
    await fleet.advance(200)
    assert "the loop scheduler does not turn" in node.runner.health().problems
    assert not node.runner.health().is_alive


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
    kinds = [event.kind.value for event in await fleet.store.events.after(runs[0].id, scope=EVERYTHING)]
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
    kinds = [event.kind.value for event in await fleet.store.events.after(running.id, scope=EVERYTHING)]
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
