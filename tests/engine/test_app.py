"""The app: enqueueing that survives lost answers, carrying runs out on the spot, and options that do what they say."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from mainspring import Context, Mainspring, Retry, current_run, task
from mainspring.core import active
from mainspring.core.errors import Conflict, InvalidParams, RunFailed, RunTimeout, StoreUnavailable
from mainspring.engine.again import PATIENCE
from mainspring.testing import Kit
from tests.fleet import Fleet, When

tries: list[float] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    tries.clear()


@task
async def double(n: int) -> int:
    return n * 2


@task(retry=Retry(retries=2, delay=5, jitter=False))
async def flaky() -> str:
    tries.append(0)
    if len(tries) < 3:
        raise ValueError("not yet")
    return "at last"


@task(timeout=3, retry=0)
async def slow(seconds: float = 10) -> None:
    await asyncio.sleep(seconds)


@pytest.mark.scenario("B-20", "K2")
@pytest.mark.failure(2)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_enqueue_whose_answer_was_lost_is_one_run(fleet: Fleet, when: str) -> None:
    app, line = fleet.app("app", [double])
    await fleet.database.open()
    await app.open()
    line.fail("runs_add_one", when)  # type: ignore[arg-type]
    run = await app.enqueue(double, n=2)
    assert run.is_new
    assert [row["n"] for row in await fleet.rows("select count(*) as n from mainspring.hot_runs")] == [1]
    await fleet.node("a", [double], drives=True)
    assert await run.result() == 4


@pytest.mark.failure(2)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_enqueue_waits_for_a_store_that_is_away_for_a_moment(fleet: Fleet, when: When) -> None:
    app, line = fleet.app("app", [double])
    await fleet.database.open()
    await app.open()
    line.fail("runs_add_one", "before")
    for _ in range(5):
        line.fail("runs_add", when)
    run = await app.enqueue(double, n=2)
    assert run.is_new
    assert line.calls["runs_add"] == 6
    assert 1 < fleet.loop.time() < PATIENCE
    for _ in range(5):
        line.fail("runs_add_alike", when)
        line.fail("runs_add", when)
    assert [each.is_new for each in await app.enqueue_many(double, [{"n": n} for n in range(3)])] == [True] * 3
    assert [row["n"] for row in await fleet.rows("select count(*) as n from mainspring.hot_runs")] == [4]


@pytest.mark.failure(2)
async def test_an_enqueue_gives_up_after_a_few_seconds_and_at_once_when_the_app_closes(fleet: Fleet) -> None:
    app, line = fleet.app("app", [double])
    await fleet.database.open()
    await app.enqueue(double, n=1)
    fleet.weather.refused = 1.0
    began = fleet.loop.time()
    with pytest.raises(StoreUnavailable):
        await app.enqueue(double, n=2)
    assert PATIENCE * 0.6 < fleet.loop.time() - began < PATIENCE * 1.2
    assert 6 <= line.calls["runs_add"] <= 12  # growing pauses: nobody hammers at a door
    waiting = asyncio.create_task(app.enqueue(double, n=2))
    await fleet.loop.settle()
    began = fleet.loop.time()
    await app.close()
    with pytest.raises(StoreUnavailable):
        await waiting
    assert fleet.loop.time() - began < 0.2


@pytest.mark.failure(2)
async def test_an_answer_lost_until_the_run_has_ended_is_still_one_run(fleet: Fleet) -> None:
    node = await fleet.node("a", [double])
    line = node.line
    line.fail("runs_add_one", "after")
    for _ in range(100):
        line.fail("runs_add", "before")
    with pytest.raises(StoreUnavailable):
        await node.app.enqueue(double, n=2)  # nobody was promised anything, though the run is there
    await node.tick("heartbeat")
    await node.tick("heartbeat", "worker")
    assert [row["n"] for row in await fleet.rows("select count(*) as n from mainspring.history")] == [1]


@pytest.mark.failure(2)
async def test_a_batch_of_callers_whose_answer_was_lost_is_one_run_each_even_when_they_have_ended(fleet: Fleet) -> None:
    """Concurrent callers share a commit. Its answer is lost, and whoever asks again says so: the runs may have ended meanwhile."""
    await fleet.node("a", [double], drives=True)
    app, line = fleet.app("app", [double])
    await app.open()
    line.fail("runs_add_alike", "after")
    fleet.weather.latency = 0.05  # so that the later ones gather while the first is under way
    asking = [asyncio.create_task(app.enqueue(double, n=n)) for n in range(5)]
    runs = await asyncio.gather(*asking)
    await fleet.advance(30)
    assert [row["n"] for row in await fleet.rows("select count(*) as n from mainspring.history")] == [5]
    assert len({run.id for run in runs}) == 5
    assert line.calls["runs_add_one"] <= 1  # that of the first caller: the others ask in the way that looks into history as well


async def test_wrong_params_write_nothing(fleet: Fleet) -> None:
    client = await fleet.client([double])
    with pytest.raises(InvalidParams):
        await client.enqueue(double, n="many")  # type: ignore[arg-type]
    with pytest.raises(InvalidParams):
        await client.enqueue_many(double, [{"n": 1}, {"n": "many"}])
    assert await client.enqueue_many(double, []) == []


async def test_run_carries_out_here_where_nobody_else_works(fleet: Fleet) -> None:
    client = await fleet.client([double, flaky, slow])
    assert await client.run(double, n=4) == 8
    assert await client.run(flaky) == "at last"
    assert len(tries) == 3
    with pytest.raises(RunTimeout):
        await client.run(slow)
    [node] = await fleet.store.nodes.list()
    other = await (await fleet.client([double], "other")).enqueue(double, n=1)
    await fleet.advance(10)
    assert (await fleet.get(other)).state == "pending"  # what nobody handed over is left alone
    await client.close()
    assert [each.state for each in await fleet.store.nodes.list()] == ["stopped"]
    assert node.facts["tasks"] == []


async def test_a_task_that_joins_later_is_known_to_the_node_that_runs(fleet: Fleet) -> None:
    client = await fleet.client()

    @task
    async def first() -> int:
        return 1

    @task
    async def second() -> int:
        return 2

    async with asyncio.timeout(60):
        assert await client.run(first) == 1
        assert await client.run(second) == 2
    await client.close()


async def test_run_waits_where_a_worker_was_faster(fleet: Fleet) -> None:
    node = await fleet.node("a", [double], drives=True)
    client = await fleet.client([double])
    await fleet.advance(1)
    run = await client.enqueue(double, n=4)
    await fleet.loop.settle()
    assert (await client.see_through(run.id)).node_id == node.id
    assert await run.result() == 8


async def test_a_retry_by_a_person_is_a_new_run(fleet: Fleet) -> None:
    node = await fleet.node("a", [slow, double], drives=True)
    run = await node.app.enqueue(slow)
    with pytest.raises(RunTimeout):
        await run.result()
    again = await node.app.retry(run.id, params='{"seconds": 1}')
    assert await again.result() is None
    seen = await fleet.get(again)
    assert (seen.retry_of, seen.attempt, seen.params) == (run.id, 1, '{"seconds":1.0}')
    waiting = await node.app.enqueue(double.options(delay="1h"), n=1)
    with pytest.raises(Conflict, match="only a finished run"):
        await node.app.retry(waiting.id)


async def test_one_node_for_each_app_and_process(fleet: Fleet) -> None:
    node = await fleet.node("a", [double], drives=True)
    with pytest.raises(Conflict, match="works already"):
        await node.app.start_worker()


def test_closing_gives_back_what_is_in_hand() -> None:
    with Kit(tasks=[slow]) as ms:
        run = ms.enqueue(slow.options(timeout="1h"), seconds=1000)
        ms.until(run, "running")
        node = ms.nodes[-1]
        ms.do(node.runner.stop(0.0))
        seen = ms.get(run)
        assert (seen.state, seen.retries) == ("pending", 0)


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("K4")
def test_options_of_a_call_change_what_happens(ms: Kit) -> None:
    seen = ms.get(
        ms.enqueue(double.options(queue="mail", priority="high", label="for ann", delay="1h", timeout="7s", retry=0, key="k"), n=1)
    )
    assert (seen.queue, seen.priority.name, seen.label, seen.max_retries, seen.key) == ("mail", "HIGH", "for ann", 0, "k")
    assert seen.run_at is not None
    assert seen.run_at - seen.created_at == timedelta(hours=1)
    again = ms.enqueue(double.options(key="k"), n=2)
    assert (again.id, again.is_new) == (seen.id, False)
    at = ms.clock.now() + timedelta(minutes=10)
    later = ms.enqueue(double.options(run_at=at), n=1)
    ms.advance("9m")
    ms.drain()
    assert ms.state(later) == "pending"
    ms.advance("1m")
    ms.drain()
    assert ms.state(later) == "completed"


@pytest.mark.scenario("K4")
@pytest.mark.parametrize(
    ("settings", "retries", "waits"), [({}, 3, 300), ({"default_retries": 1, "default_timeout": timedelta(seconds=9)}, 1, 9)]
)
def test_defaults_come_from_settings(settings: dict[str, Any], retries: int, waits: float) -> None:
    @task
    async def hanging() -> None:
        tries.append(1)
        await asyncio.sleep(10_000)

    with Kit(**settings) as ms:
        run = ms.enqueue(hanging)
        before = ms.clock.monotonic()
        ms.drain()
        assert waits <= ms.clock.monotonic() - before <= waits + 10
        with pytest.raises(RunTimeout):
            ms.until(run)
            ms.result(run)
        assert len(tries) == retries + 1


@pytest.mark.scenario("K4")
def test_a_disabled_task_is_not_enqueued(ms: Kit) -> None:
    @task(enabled=False)
    def asleep() -> None: ...

    with pytest.raises(Conflict, match="disabled"):
        ms.enqueue(asleep)
    assert ms.runs() == []


@pytest.mark.scenario("K4", "L9")
def test_max_rescues_is_how_often_a_task_may_take_its_node_down() -> None:
    @task(max_rescues=1)
    async def deadly() -> None: ...

    with Kit() as ms:
        run = ms.enqueue(deadly)
        ms.crash_at("child_before_call")
        ms.drain()
        ms.advance("2m")
        ms.drain()
        seen = ms.get(run)
        assert (seen.state, seen.reason, seen.attempt) == ("failed", "lost", 1)


@pytest.mark.scenario("K4")
@pytest.mark.parametrize(("level", "kept"), [("info", 1), ("error", 0)])
def test_the_log_level_decides_what_is_kept(level: str, kept: int) -> None:
    @task
    async def talking() -> None:
        logging.getLogger("app").warning("look out")

    with Kit(log_level=level) as ms:
        run = ms.enqueue(talking)
        ms.drain()
        assert len(ms.logs(run)) == kept


def test_an_app_is_found_by_definitions_until_it_is_retired() -> None:
    app = Mainspring("sqlite://", tasks=[double])
    assert active.active_enqueuer("x") is app
    active.retire(app)


def test_a_body_may_ask_which_run_it_is(ms: Kit) -> None:
    @task
    def curious(ctx: Context) -> list[str]:
        here = current_run()
        return [ctx.run_id, "" if here is None else here.run_id]

    run = ms.enqueue(curious)
    ms.drain()
    assert ms.result(run) == [run.id, run.id]
    assert current_run() is None


def test_a_failure_is_raised_with_its_kind_and_kept_with_its_trace(ms: Kit) -> None:
    with pytest.raises(RunFailed, match="ValueError: not yet") as info:
        ms.run(flaky.options(retry=0))
    assert info.value.error is not None
    assert "not yet" in str(info.value.error["traceback"])
