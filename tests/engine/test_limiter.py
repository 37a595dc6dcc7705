"""The limiter at work in whole nodes: limits over the fleet, hints, rates, expensive runs, tenants, and limits at run time."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from mainspring import Limit, Retry, task
from mainspring.core.access import EVERYTHING
from mainspring.core.limit import Maximum, queue_key, task_key
from mainspring.engine.limiter import SWEEP
from tests.fleet import Fleet, Node

now_running: Counter[str] = Counter()
most_running: Counter[str] = Counter()
starts: list[tuple[float, str]] = []


@pytest.fixture(autouse=True)
def nobody_runs() -> None:
    now_running.clear()
    most_running.clear()
    starts.clear()


async def busy(name: str, seconds: float) -> None:
    starts.append((asyncio.get_running_loop().time(), name))
    now_running[name] += 1
    most_running[name] = max(most_running[name], now_running[name])
    try:
        await asyncio.sleep(seconds)
    finally:
        now_running[name] -= 1


@task(concurrency=2)
async def pair(seconds: float = 5.0) -> None:
    await busy("pair", seconds)


@task(limit=Limit("tenant:{tenant_id}", concurrency=2), concurrency=10, timeout="10m", retry=Retry(retries=3, delay=1))
async def of_tenant(tenant_id: str, seconds: float = 5.0) -> None:
    await busy(tenant_id, seconds)


@task(rate="10/s", queue="mail")
async def letter() -> None:
    await busy("letter", 0.01)


@task
async def plain(name: str = "plain", seconds: float = 5.0) -> None:
    await busy(name, seconds)


@task(expensive=True, timeout="2h")
async def costly(seconds: float = 100.0) -> None:
    await busy("costly", seconds)


TASKS = (pair, of_tenant, letter, plain, costly)


async def nodes_of(fleet: Fleet, n: int) -> list[Node]:
    return [await fleet.node(f"node-{number}", TASKS, drives=True, host=f"host-{number}") for number in range(n)]


async def going(fleet: Fleet, column: str = "limit_task") -> Counter[str]:
    rows = await fleet.rows(f"select {column} as key from mainspring.hot_runs where state in (3, 4) and {column} is not null")
    return Counter(row["key"] for row in rows)


@pytest.mark.scenario("S3-23", part="python")
async def test_two_at_once_over_three_processes_and_the_others_say_why_and_where(fleet: Fleet) -> None:
    await nodes_of(fleet, 3)
    clients = [await fleet.client(TASKS, f"client-{n}") for n in range(3)]
    runs = [await clients[n % 3].enqueue(pair) for n in range(5)]
    await fleet.advance(1)
    assert sorted(await fleet.states(runs)) == ["blocked"] * 3 + ["running"] * 2
    waiting = [run for run in runs if (await fleet.get(run)).state == "blocked"]
    told = [await fleet.store.limits.waiting_for(run.id, scope=EVERYTHING) for run in waiting]
    assert sorted((each.key, each.position, each.running, each.maximum.concurrency) for each in told if each) == [
        ("task:pair", 1, 2, 2), ("task:pair", 2, 2, 2), ("task:pair", 3, 2, 2),
    ]  # fmt: skip
    assert {(await fleet.get(run)).reason for run in waiting} == {"limit"}
    await fleet.advance(20)
    assert await fleet.states(runs) == ["completed"] * 5
    assert most_running["pair"] == 2


async def test_the_next_goes_within_moments_of_the_last_one_ending_and_not_at_the_next_look(fleet: Fleet) -> None:
    [node] = await nodes_of(fleet, 1)
    await fleet.advance(10)
    client = await fleet.client(TASKS)
    began = fleet.clock.monotonic()
    for _ in range(6):
        await client.enqueue(pair, seconds=0.1)
    await fleet.advance(0.5)
    assert len(starts) == 6
    assert starts[-1][0] - starts[0][0] == pytest.approx(0.2, abs=0.05)
    assert fleet.clock.monotonic() - began < SWEEP
    assert node.line.calls["limits_admit"] < 15


@pytest.mark.scenario("C4")
@pytest.mark.failure(20)
async def test_a_crash_frees_its_places_and_leaks_none(fleet: Fleet) -> None:
    """A key with 2 and a task with 10: never more, and never a place that nobody fills while runs wait, but for the time of a lease."""
    nodes = await nodes_of(fleet, 2)
    client = await fleet.client(TASKS)
    await client.enqueue_many(of_tenant, [{"tenant_id": f"t{n % 8}", "seconds": 20} for n in range(48)])
    idle_since: dict[str, float] = {}
    for second in range(400):
        await fleet.advance(1)
        keys = await going(fleet, "limit_key")
        assert max(keys.values(), default=0) <= 2
        assert sum((await going(fleet)).values()) <= 10
        if second == 5:
            nodes[0].crash(host_stays=False)
        if sum((await going(fleet)).values()) == 10:
            idle_since.clear()
        else:
            for row in await fleet.rows("select distinct limit_key as key from mainspring.hot_runs where state = 0"):
                if keys[row["key"]] < 2:
                    assert second - idle_since.setdefault(row["key"], second) <= 1, f"{row['key']} is idle"
    counted = await fleet.rows("select state, count(*) as n from mainspring.history group by state")
    assert counted == [{"state": 10, "n": 48}]
    assert await going(fleet) == {}


@pytest.mark.scenario("C7")
@pytest.mark.failure(21)
async def test_ten_a_second_over_three_nodes(fleet: Fleet) -> None:
    await fleet.database.open()
    nodes = await nodes_of(fleet, 3)
    await fleet.store.limits.set(queue_key("mail"), Maximum(None, letter.spec.rate).fields())  # both keys have the rate
    client = await fleet.client(TASKS)
    await client.enqueue_many(letter, [{}] * 60)
    await fleet.advance(5)
    nodes[1].crash()
    await fleet.advance(10)
    times = [at for at, name in starts if name == "letter"]
    assert len(times) == 60
    for at in times:
        assert sum(at <= other < at + 1 - 1e-6 for other in times) <= 10
    assert times[-1] - times[0] < 6.5  # and it is used


async def test_a_rate_wakes_the_limiter_when_its_token_comes_and_no_oftener(fleet: Fleet) -> None:
    [node] = await nodes_of(fleet, 1)
    await fleet.advance(5)
    await (await fleet.client(TASKS)).enqueue_many(letter, [{}] * 20)
    before = node.line.calls["limits_admit"]
    await fleet.advance(2.5)
    gaps = [after - at for (at, _), (after, _) in pairwise(starts)]
    assert len(starts) == 20 and min(gaps) >= 0.1 - 1e-9
    assert node.line.calls["limits_admit"] - before <= 20 * 4


# -- at run time -------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("K4")
async def test_a_queue_is_limited_and_freed_while_everything_runs(fleet: Fleet) -> None:
    await nodes_of(fleet, 2)
    client = await fleet.client(TASKS)
    await fleet.store.limits.set(queue_key("default"), {"concurrency": 1})
    await fleet.advance(SWEEP * 1.2)
    await client.enqueue_many(plain, [{"seconds": 10}] * 6)  # they know nothing of the limit
    await fleet.advance(5)
    assert most_running["plain"] == 1
    await fleet.store.limits.clear(queue_key("default"))
    await fleet.advance(2)
    assert now_running["plain"] == 6


async def test_a_task_without_a_limit_gets_one_and_running_bodies_count(fleet: Fleet) -> None:
    await nodes_of(fleet, 1)
    client = await fleet.client(TASKS)
    await client.enqueue_many(plain, [{"seconds": 10}] * 3)
    await fleet.advance(2)
    assert now_running["plain"] == 3
    await fleet.store.limits.set(task_key("plain"), {"concurrency": 2})
    await client.enqueue_many(plain, [{"seconds": 10}] * 3)
    await fleet.advance(6)
    assert now_running["plain"] == 3  # nothing is killed, nothing more let go
    await fleet.advance(4)
    assert now_running["plain"] == 2


@pytest.mark.scenario("S3-24", part="python")
async def test_the_slots_of_every_node_change_without_a_restart(fleet: Fleet) -> None:
    nodes = [await fleet.node(f"n{n}", TASKS, drives=True, host=f"h{n}", max_concurrent=2) for n in range(2)]
    client = await fleet.client(TASKS)
    await client.enqueue_many(plain, [{"seconds": 10}] * 40)
    await fleet.advance(2)
    assert now_running["plain"] == 4
    await fleet.store.limits.set("node", {"concurrency": 5})
    await fleet.advance(3)
    assert now_running["plain"] == 10
    assert [node.runner.slots for node in nodes] == [5, 5]
    await fleet.store.limits.clear("node")
    await fleet.advance(25)
    assert now_running["plain"] <= 4


async def test_the_code_of_the_last_start_counts_and_its_limits_hold_on_nodes_without_it(fleet: Fleet) -> None:
    @task(name="pair", concurrency=1)
    async def other_pair(seconds: float = 5.0) -> None:
        await busy("pair", seconds)

    await nodes_of(fleet, 1)
    await fleet.node("later", [other_pair], drives=True)
    client = await fleet.client(TASKS)
    await client.enqueue_many(pair, [{}] * 4)
    await fleet.advance(30)
    assert most_running["pair"] == 1
    assert len(starts) == 4


# -- ways to run ---------------------------------------------------------------------------------------------------------


async def test_app_run_waits_for_its_turn_and_needs_no_worker(fleet: Fleet) -> None:
    app = await fleet.client(TASKS)
    await asyncio.gather(*(app.run(pair, seconds=3.0) for _ in range(5)))
    assert most_running["pair"] == 2
    assert len(starts) == 5
    await app.close()


async def test_a_paused_queue_lets_nothing_start_and_a_limit_does_not_change_that(fleet: Fleet) -> None:
    await nodes_of(fleet, 1)
    await fleet.store.queues.pause("default")
    client = await fleet.client(TASKS)
    await client.enqueue_many(pair, [{"seconds": 1}] * 3)
    await fleet.advance(5)
    assert starts == []
    await fleet.store.queues.resume("default")
    await fleet.advance(5)
    assert len(starts) == 3


# -- expensive runs ------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("S3-33", part="python")
async def test_expensive_runs_go_one_at_a_time_and_take_no_slot_of_others(fleet: Fleet) -> None:
    await fleet.node("only", TASKS, drives=True, max_concurrent=2)
    client = await fleet.client(TASKS)
    await client.enqueue_many(costly, [{}] * 3)
    await client.enqueue_many(plain, [{"seconds": 5}] * 20)
    await fleet.advance(4)
    assert (now_running["costly"], now_running["plain"]) == (1, 2)
    await fleet.advance(60)
    assert Counter(name for _, name in starts)["plain"] == 20
    await fleet.advance(300)
    assert Counter(name for _, name in starts)["costly"] == 3
    assert (most_running["costly"], most_running["plain"]) == (1, 2)


async def test_how_many_expensive_runs_go_is_a_setting_and_an_operators_choice(fleet: Fleet) -> None:
    await fleet.node("only", TASKS, drives=True, expensive_concurrent=2)
    client = await fleet.client(TASKS)
    await client.enqueue_many(costly, [{}] * 5)
    await fleet.advance(2)
    assert now_running["costly"] == 2
    await fleet.store.limits.set(queue_key("expensive"), {"concurrency": 3})
    await fleet.advance(2)
    assert now_running["costly"] == 3


async def test_full_slots_do_not_keep_expensive_runs_waiting(fleet: Fleet) -> None:
    await fleet.node("only", TASKS, drives=True, max_concurrent=1)
    client = await fleet.client(TASKS)
    await client.enqueue(plain, seconds=50)
    await fleet.advance(2)
    await client.enqueue(costly)
    await fleet.advance(2)
    assert (now_running["costly"], now_running["plain"]) == (1, 1)


# -- tenants and ages ----------------------------------------------------------------------------------------------------


@pytest.mark.scenario("S0-06", part="engine")
async def test_a_tenant_waits_for_one_turn_however_much_another_has_in_line(fleet: Fleet) -> None:
    await fleet.node("only", TASKS, drives=True, max_concurrent=4)
    client = await fleet.client(TASKS)
    await client.enqueue_many(plain.options(tenant="a"), [{"name": "a", "seconds": 30 + n % 7} for n in range(1000)])
    await fleet.advance(65)
    enqueued_at = fleet.clock.monotonic()
    await client.enqueue(plain.options(tenant="b"), name="b", seconds=1)
    await fleet.advance(40)
    [started_at] = [at for at, name in starts if name == "b"]
    between = [name for at, name in starts if enqueued_at < at < started_at]
    assert len(between) <= 1  # the next slot that frees, or the one after


async def test_tenants_that_come_together_share_a_free_node(fleet: Fleet) -> None:
    client = await fleet.client(TASKS)
    for tenant in "abcd":
        await client.enqueue_many(plain.options(tenant=tenant), [{"name": tenant, "seconds": 100}] * 50)
    await fleet.node("only", TASKS, drives=True, max_concurrent=40)
    await fleet.advance(5)
    assert set(now_running.values()) == {10}


@pytest.mark.failure(38)
@pytest.mark.scenario("C5", part="flood")
async def test_a_flood_of_critical_runs_does_not_stop_the_background(fleet: Fleet) -> None:
    await fleet.node("only", TASKS, drives=True, max_concurrent=2)
    client = await fleet.client(TASKS)
    await client.enqueue_many(plain.options(priority="background"), [{"name": "background", "seconds": 1}] * 5)
    for _ in range(120):  # always more critical ones than can be done
        await client.enqueue_many(plain.options(priority="critical"), [{"name": "critical", "seconds": 1}] * 5)
        await fleet.advance(1)
    done = Counter(name for _, name in starts)
    assert done["background"] == 5
    assert done["critical"] > 10 * done["background"]
