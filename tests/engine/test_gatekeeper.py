"""The gatekeeper at work in whole nodes: policies over the fleet, at run time, beside dead nodes; and tasks that wait for tasks."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from mainspring import Context, Dependency, Mainspring, Overlap, Retry, WaitFor, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import ConfigurationError
from mainspring.core.run import Reason
from mainspring.core.state import RunState
from mainspring.engine.gatekeeper import BUSY, EVERY, FULL
from mainspring.engine.switcher import SURE
from mainspring.testing import Kit
from tests.fleet import Fleet, Node

now_running: Counter[str] = Counter()
most_running: Counter[str] = Counter()
began: list[str] = []
fails: set[str] = set()


@pytest.fixture(autouse=True)
def nobody_runs() -> None:
    for each in (now_running, most_running, began, fails):
        each.clear()


async def busy(name: str, seconds: float) -> None:
    began.append(name)
    now_running[name] += 1
    most_running[name] = max(most_running[name], now_running[name])
    try:
        await asyncio.sleep(seconds)
    finally:
        now_running[name] -= 1


@task(overlap="skip", retry=Retry(retries=3, delay=1))
async def sync(seconds: float = 5.0) -> None:
    await busy("sync", seconds)


@task(overlap="queue:1")
async def queued(seconds: float = 5.0) -> None:
    await busy("queued", seconds)


@task(overlap="replace")
async def newest(seconds: float = 5.0) -> None:
    await busy("newest", seconds)


@task(overlap="allow:2")
async def two(seconds: float = 5.0) -> None:
    await busy("two", seconds)


@task(overlap=Overlap("skip", key="repo:{repo}"))
async def mirror(repo: str, seconds: float = 5.0) -> None:
    await busy(repo, seconds)


@task
async def free(seconds: float = 5.0) -> None:
    await busy("free", seconds)


@task(retry=0)
async def alpha() -> None:
    began.append("alpha")
    if "alpha" in fails:
        raise ValueError("no alpha today")


@task(depends_on=[alpha], retry=0)
async def beta() -> None:
    began.append("beta")
    if "beta" in fails:
        raise ValueError("no beta today")


@task(depends_on=["beta", Dependency("alpha", within="1h")])
async def gamma() -> None:
    began.append("gamma")


@task(retry=0)
async def waiter(ctx: Context) -> int:
    if ctx.attempt == 1:
        raise WaitFor(alpha)
    return ctx.attempt


TASKS = (sync, queued, newest, two, mirror, free, alpha, beta, gamma, waiter)


async def nodes_of(fleet: Fleet, n: int) -> list[Node]:
    return [await fleet.node(f"node-{number}", TASKS, drives=True, host=f"host-{number}") for number in range(n)]


@pytest.mark.scenario("C1")
@pytest.mark.failure(29)
async def test_a_run_of_five_minutes_skips_the_four_that_come_while_it_runs(fleet: Fleet) -> None:
    await nodes_of(fleet, 3)
    client = await fleet.client(TASKS)
    runs = []
    for _ in range(5):
        runs.append(await client.enqueue(sync, seconds=299))
        await fleet.advance(60)
    assert await fleet.states(runs) == ["completed", *["skipped"] * 4]
    skipped = [await fleet.get(run) for run in runs[1:]]
    assert {(run.reason, run.blocked_by) for run in skipped} == {("previous_instance_running", runs[0].id)}
    assert (await client.explain(runs[1].id)).code == "overlapped"
    assert most_running["sync"] == 1


@pytest.mark.scenario("C2", part="policies")
@pytest.mark.scenario("B-05", part="policies")
async def test_queue_replace_and_allow_do_what_they_say(fleet: Fleet) -> None:
    await nodes_of(fleet, 2)
    client = await fleet.client(TASKS)
    found: dict[str, list[str]] = {}
    for each in (queued, newest, two):
        runs = []
        for _ in range(4):
            runs.append(await client.enqueue(each))
            await fleet.advance(0.5)
        await fleet.advance(30)
        found[each.name] = await fleet.states(runs)
    assert found == {
        "queued": ["completed", "completed", "skipped", "skipped"],
        "newest": ["cancelled", "cancelled", "cancelled", "completed"],
        "two": ["completed", "completed", "skipped", "skipped"],
    }
    assert (most_running["queued"], most_running["newest"], most_running["two"]) == (1, 1, 2)
    replaced = (await client.store()).runs
    [cancelled, *_] = [run for run in await replaced.page(task="newest", scope=EVERYTHING) if run.state is RunState.CANCELLED]
    assert cancelled.cancelled_by == "overlap"
    assert (await client.explain(cancelled.id)).code == "replaced"


async def test_keys_keep_apart_what_may_go_together(fleet: Fleet) -> None:
    await nodes_of(fleet, 2)
    client = await fleet.client(TASKS)
    runs = [await client.enqueue(mirror, repo) for repo in ("one", "two", "one")]
    runs.append(await client.enqueue(mirror.options(tenant="acme"), "one"))
    await fleet.advance(1)
    assert await fleet.states(runs) == ["running", "running", "skipped", "running"]


@pytest.mark.scenario("C2", part="run time")
@pytest.mark.scenario("B-05", part="run time")
async def test_a_policy_is_changed_at_run_time_for_every_node_and_enqueuer(fleet: Fleet) -> None:
    await nodes_of(fleet, 2)
    client, operator = await fleet.client(TASKS), await fleet.client(TASKS, "operator")
    first = await client.enqueue(free, seconds=600)
    await fleet.advance(1)
    await operator.set_overlap("free", "skip", actor="ann", reason="incident 7")
    await fleet.advance(SURE)  # past that, a process looks before it enqueues; before, it may let one more go
    second = await client.enqueue(free)
    await fleet.advance(5)
    assert (await fleet.get(second)).blocked_by == first.id, "what began before the policy counts, too"
    await operator.set_overlap("free", "queue:1", actor="ann")
    await fleet.advance(5)
    third = await client.enqueue(free)
    await fleet.advance(1)
    assert await fleet.states([second, third]) == ["skipped", "blocked"]
    told = await client.explain(third.id)
    assert (told.code, told.values["run"], told.values["state"]) == ("overlaps", first.id, "running")
    await operator.set_overlap("free", None)
    await fleet.advance(5)
    assert await fleet.states([third]) == ["completed"]
    with pytest.raises(ConfigurationError, match="the key stays the code's"):
        await operator.set_overlap("free", Overlap("skip", key="repo:{repo}"))


async def test_a_choice_is_known_to_the_first_enqueue_of_a_process(fleet: Fleet) -> None:
    await nodes_of(fleet, 1)
    operator = await fleet.client(TASKS, "operator")
    await operator.set_overlap("free", "skip")
    await operator.enqueue(free)
    await fleet.advance(1)
    late = await fleet.client(TASKS, "late")
    run = await late.enqueue(free)
    await fleet.advance(1)
    assert (await fleet.get(run)).reason == Reason.PREVIOUS_RUNNING


async def test_prevention_can_be_turned_off_for_a_process(fleet: Fleet) -> None:
    await nodes_of(fleet, 1)
    client = await fleet.client(TASKS, overlap_prevention=False)
    careful = await fleet.client(TASKS, "careful")
    runs = [await client.enqueue(sync) for _ in range(2)]
    await fleet.advance(1)
    assert await fleet.states(runs) == ["running", "running"]
    other = await careful.enqueue(sync)
    await fleet.advance(1)
    assert (await fleet.get(other)).reason == Reason.PREVIOUS_RUNNING, "others see what was not asked itself"


async def test_a_node_that_dies_with_the_active_run_lets_nobody_past(fleet: Fleet) -> None:
    nodes = await nodes_of(fleet, 2)
    client = await fleet.client(TASKS)
    first = await client.enqueue(sync, seconds=30)
    await fleet.advance(1)
    now = await fleet.get(first)
    next(node for node in nodes if node.id == now.node_id).crash(host_stays=False)
    second = await client.enqueue(sync)
    await fleet.advance(2)
    assert (await fleet.get(second)).reason == Reason.PREVIOUS_RUNNING
    await fleet.advance(120)
    again = await fleet.get(first)
    assert (again.state, again.node_id != now.node_id) == (RunState.COMPLETED, True)


async def test_the_next_in_a_queue_goes_within_moments_and_not_at_the_next_look(fleet: Fleet) -> None:
    await nodes_of(fleet, 1)
    client = await fleet.client(TASKS)
    await fleet.advance(5)
    await client.enqueue(queued, seconds=0.1)
    await fleet.advance(0.05)
    await client.enqueue(queued, seconds=0.1)
    await fleet.advance(0.1 + EVERY / 4)
    assert began == ["queued", "queued"]


async def test_hints_are_only_hints(fleet: Fleet) -> None:
    await nodes_of(fleet, 2)
    fleet.weather.lost_hints = 1.0
    client = await fleet.client(TASKS)
    runs = [await client.enqueue(sync), await client.enqueue(beta)]
    await fleet.advance(2 * EVERY)
    assert await fleet.states(runs) == ["running", "blocked"]
    await client.enqueue(alpha)
    await fleet.advance(2 * FULL)
    assert await fleet.states(runs[1:]) == ["completed"]


async def test_a_crowd_of_keys_is_let_go_at_once_and_not_look_by_look(fleet: Fleet) -> None:
    node = await fleet.node("node", TASKS)
    client = await fleet.client(TASKS)
    await client.enqueue_many(mirror, [{"repo": f"r{n}", "seconds": 1000} for n in range(1300)])
    began_at = fleet.clock.monotonic()
    await node.tick("gatekeeper")
    ready = await fleet.rows("select count(*) as n from mainspring.hot_runs where state = 3")
    assert (ready[0]["n"], fleet.clock.monotonic()) == (1300, began_at)
    assert node.line.calls["gates_look"] <= 5


async def test_an_idle_node_asks_for_little(fleet: Fleet) -> None:
    [node] = await nodes_of(fleet, 1)
    await fleet.advance(5)
    before = node.line.calls.copy()
    await fleet.advance(60)
    calls = node.line.calls - before
    assert calls["gates_look"] <= 60 / EVERY * 1.2
    assert calls["gates_ask"] == calls["gates_depend"] == calls["overlaps_adopt"] == 0


async def test_a_round_by_hand_asks_cancels_and_asks_again(fleet: Fleet) -> None:
    node = await fleet.node("node", TASKS)
    client = await fleet.client(TASKS)
    old = await client.enqueue(newest, seconds=1000)
    await node.tick("gatekeeper", "worker")
    assert await fleet.states([old]) == ["running"]
    new = await client.enqueue(newest)
    assert 0 < await node.once("gatekeeper") <= BUSY, "it looks again for those that it has cancelled"
    assert await fleet.states([old, new]) == ["cancelled", "blocked"]
    await fleet.advance(BUSY)
    await node.tick("gatekeeper", "worker")
    assert await fleet.states([new]) == ["running"]
    assert [str(each.kind) for each in await fleet.store.events.after(new.id, scope=EVERYTHING)] == [
        "queued",
        "blocked",
        "unblocked",
        "claimed",
        "started",
    ]


async def test_a_gatekeeper_that_could_not_write_asks_again(fleet: Fleet) -> None:
    [node] = await nodes_of(fleet, 1)
    client = await fleet.client(TASKS)
    node.line.fail("gates_ask", "before")
    run = await client.enqueue(sync)
    await fleet.advance(2)
    node.line.fail("gates_ask", "after")
    other = await client.enqueue(sync)
    await fleet.advance(2)
    assert await fleet.states([run, other]) == ["running", "skipped"]


@pytest.mark.scenario("D6", part="fleet")
async def test_a_task_waits_for_the_success_of_what_it_needs_and_names_it(fleet: Fleet) -> None:
    await nodes_of(fleet, 2)
    client = await fleet.client(TASKS)
    await client.enqueue(alpha)
    await fleet.advance(1)
    fails.add("beta")
    failed = await client.enqueue(beta)
    await fleet.advance(1)
    run = await client.enqueue(gamma)
    await fleet.advance(1)
    found = await fleet.get(run)
    assert (found.state, found.reason, found.blocked_on, found.blocked_by) == (RunState.BLOCKED, "dependency", "beta", failed.id)
    told = await client.explain(run.id)
    assert (told.code, told.values["task"], told.values["message"]) == ("awaits-success", "beta", "no beta today")
    fails.clear()
    await client.enqueue(beta)
    await fleet.advance(0.5)
    assert await fleet.states([run]) == ["completed"]


async def test_what_depends_on_a_task_that_never_ran_says_so(fleet: Fleet) -> None:
    await nodes_of(fleet, 1)
    client = await fleet.client(TASKS)
    run = await client.enqueue(beta)
    await fleet.advance(1)
    told = await client.explain(run.id)
    assert (told.code, told.values) == ("awaits", {"task": "alpha"})


async def test_a_window_is_over_and_the_answer_says_so(fleet: Fleet) -> None:
    await nodes_of(fleet, 1)
    client = await fleet.client(TASKS)
    for each in (alpha, beta):
        await client.enqueue(each)
        await fleet.advance(1)
    await fleet.advance(3700)
    run = await client.enqueue(gamma)
    await fleet.advance(1)
    assert (await client.explain(run.id)).code == "awaits-fresh"
    await client.enqueue(alpha)
    await fleet.advance(5)
    assert await fleet.states([run]) == ["completed"]


@pytest.mark.scenario("R2", part="Dependency in a body")
async def test_a_body_waits_for_another_task(fleet: Fleet) -> None:
    await nodes_of(fleet, 2)
    client = await fleet.client(TASKS)
    run = await client.enqueue(waiter)
    await fleet.advance(5)
    found = await fleet.get(run)
    assert (found.state, found.blocked_on, found.retries) == (RunState.BLOCKED, "alpha", 0)
    await client.enqueue(alpha)
    await fleet.advance(5)
    assert (await fleet.get(run)).result == "2"


def test_a_run_that_is_carried_out_here_goes_through_the_same_gate() -> None:
    async def main() -> None:
        async with Mainspring("sqlite://", tasks=TASKS, isolation="inline") as app:
            first = asyncio.create_task(app.run(queued, seconds=0.2))
            while "queued" not in began:
                await asyncio.sleep(0)
            await app.run(queued, seconds=0.01)
            await first
            await app.run(alpha)
            await app.run(beta)

    asyncio.run(main())
    assert most_running["queued"] == 1
    assert began == ["queued", "queued", "alpha", "beta"]


def test_the_kit_lets_them_go_and_drains_them() -> None:
    with Kit(tasks=TASKS) as kit:
        blocked = kit.enqueue(beta)
        runs = [kit.enqueue(queued, seconds=1) for _ in range(3)]
        kit.drain()
        assert [kit.state(run) for run in runs] == ["completed", "completed", "skipped"]
        assert kit.state(blocked) == "blocked"
        kit.enqueue(alpha)
        kit.drain()
        assert kit.state(blocked) == "completed"
