"""Leases, beats and rescues: what happens to the runs of a node that dies, freezes, or cannot reach the store."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mainspring import Context, Retry, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import StoreUnavailable
from mainspring.core.event import EventKind
from mainspring.core.ids import make_claim_id
from mainspring.core.node import NodeState
from mainspring.core.policy import PoolKind
from mainspring.core.run import CancelledByRequest, Completed, Reason, decide
from mainspring.engine.presence import LEASE
from mainspring.store.runs import Appended, Completion, Entry, Settlement
from tests.fleet import Fleet, Node

gates: list[asyncio.Event] = [asyncio.Event()]
bodies: list[str] = []
stopped: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    gates[0] = asyncio.Event()
    bodies.clear()
    stopped.clear()


async def body(ctx: Context) -> str:
    bodies.append(ctx.claim_id)
    try:
        await gates[0].wait()
    except asyncio.CancelledError:
        stopped.append(ctx.claim_id)
        raise
    return ctx.claim_id


@task(timeout="1h")
async def held(ctx: Context) -> str:
    return await body(ctx)


@task(timeout="1h", repeatable=False)
async def once(ctx: Context) -> str:
    return await body(ctx)


@task(timeout="5s", retry=Retry(retries=0))
async def hurried(ctx: Context) -> str:
    return await body(ctx)


async def beats(nodes: list[Node], seconds: float, every: float = 3.0) -> None:
    """Let time pass in which these nodes beat."""
    left = seconds
    while left > 0:
        await nodes[0].fleet.advance(min(every, left))
        left -= every
        for node in nodes:
            await node.once("heartbeat")


@pytest.mark.scenario("L8")
async def test_a_dead_process_on_this_host_is_seen_in_one_round(fleet: Fleet) -> None:
    one, other = await fleet.node("one", [held]), await fleet.node("other", [held])
    run = await one.app.enqueue(held)
    await one.tick("worker")
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "running"  # its lock file is locked: it lives
    one.crash()
    await other.once("rescuer")
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt, seen.retries, seen.rescues) == ("pending", 1, 0, 1)
    [attempt] = await fleet.store.runs.attempts(run.id, scope=EVERYTHING)
    assert (attempt.outcome, attempt.reason, attempt.node_id) == ("lost", "lost", one.id)
    assert attempt.error is not None
    await other.tick("worker")
    gates[0].set()
    await fleet.loop.settle()
    seen = await fleet.get(run)
    assert seen.state == "completed"
    assert seen.node_id == other.id
    assert seen.result == f'"{bodies[1]}"'


@pytest.mark.scenario("L8", "L7")
async def test_a_dead_host_is_seen_when_its_lease_is_over(fleet: Fleet) -> None:
    one, other = await fleet.node("one", [held], host="here"), await fleet.node("other", [held], host="there")
    run = await one.app.enqueue(held)
    await one.tick("worker")
    await beats([one, other], 70)  # longer than a lease, with the body still at its start
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "running"
    one.crash(host_stays=False)
    await beats([other], LEASE - 3)
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "running"
    await beats([other], 6)
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "pending"
    assert [node.state for node in await fleet.store.nodes.list() if node.id == one.id] == [NodeState.DEAD]


@pytest.mark.scenario("L3", "L12")
@pytest.mark.failure(6)
async def test_a_node_that_was_stopped_past_its_lease_is_refused_everything(fleet: Fleet) -> None:
    one, other = await fleet.node("one", [held], host="here"), await fleet.node("other", [held], host="there")
    run = await one.app.enqueue(held)
    await one.tick("worker")
    [taken] = one.worker.runs_in_hand()
    node_id = one.id
    one.freeze()
    await beats([other], 2 * LEASE + 6)
    await other.once("rescuer")
    await other.tick("worker")
    claimed = await fleet.get(run)
    assert (claimed.state, claimed.node_id, claimed.attempt) == ("running", other.id, 2)
    events = await fleet.store.events.after(run.id, scope=EVERYTHING)

    one.thaw()
    store = fleet.store.runs
    assert await fleet.store.nodes.beat(node_id, lease=timedelta(seconds=LEASE), running=1) is None
    assert await store.append([Appended(taken.id, taken.claim_id, [Entry(0, EventKind.PROGRESS, {"current": 1})], {"current": 1})]) == set()
    assert await store.append([Appended(taken.id, taken.claim_id, [Entry(0, EventKind.LOG, {"message": "late"})])]) == set()
    assert await store.complete([Completion(taken.id, taken.claim_id, 1.0, '"late"')]) == set()
    assert await store.settle([Settlement(taken.id, taken.claim_id, decide(taken, Completed("1"), Retry()))]) == {}
    late_cancel = Settlement(taken.id, taken.claim_id, decide(taken, CancelledByRequest(), Retry()))
    assert await store.settle([late_cancel]) == {}
    assert await fleet.get(run) == claimed
    assert await fleet.store.events.after(run.id, scope=EVERYTHING) == events

    await one.once("heartbeat")  # the node itself finds out, lets go, and comes back under a new id
    assert stopped == [taken.claim_id]
    assert one.worker.in_hand == 0
    assert one.id != node_id
    gates[0].set()
    await fleet.loop.settle()
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt, seen.result) == ("completed", 2, f'"{bodies[1]}"')
    again = await one.app.enqueue(held)
    await one.tick("worker")
    await fleet.loop.settle()
    assert (await fleet.get(again)).node_id == one.id


@pytest.mark.scenario("L3")
async def test_a_refused_write_cancels_the_body(fleet: Fleet) -> None:
    @task(timeout="1h")
    async def talking(ctx: Context) -> None:
        bodies.append(ctx.claim_id)
        try:
            while True:
                ctx.log("still here")
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            stopped.append(ctx.claim_id)
            raise

    one, other = await fleet.node("one", [talking], host="here"), await fleet.node("other", [], host="there")
    run = await one.app.enqueue(talking)
    await one.tick("worker")
    one.freeze()
    await beats([other], 2 * LEASE + 6)
    await other.once("rescuer")
    one.thaw()
    await fleet.advance(3)
    assert stopped == bodies
    assert one.worker.recorder.lost_leases == 1
    kinds = [event.kind.value for event in await fleet.store.events.after(run.id, scope=EVERYTHING)]
    assert kinds[-1] == "lost"


async def test_a_run_that_comes_back_waits_until_its_old_body_here_has_ended(fleet: Fleet) -> None:
    @task(timeout="1h", retry=Retry(retries=0))
    async def stubborn(ctx: Context) -> str:
        bodies.append(ctx.claim_id)
        if ctx.attempt == 1:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                await asyncio.sleep(20)  # cleans up
                stopped.append(ctx.claim_id)
                raise
        return ctx.claim_id

    one, other = await fleet.node("one", [stubborn], host="here"), await fleet.node("other", [], host="there")
    run = await one.app.enqueue(stubborn)
    await one.tick("worker")
    one.freeze()
    await beats([other], 2 * LEASE + 6)
    await other.once("rescuer")
    one.thaw()
    await one.once("heartbeat")
    for _ in range(30):
        await fleet.advance(1)
        await one.tick("heartbeat", "promoter", "worker")
        assert len(bodies) == 1 + len(stopped)  # never two bodies of one run on one node
    seen = await fleet.get(run)
    assert (seen.state, seen.result) == ("completed", f'"{bodies[-1]}"')


@pytest.mark.scenario("L12")
@pytest.mark.failure(15)
async def test_two_rescuers_at_once_change_a_run_once(fleet: Fleet) -> None:
    nodes = [await fleet.node(name, [held]) for name in ("one", "two", "three")]
    runs = await nodes[0].app.enqueue_many(held, [{}] * 5)
    await nodes[0].tick("worker")
    nodes[0].crash()
    fleet.weather.latency = 0.05
    await asyncio.gather(*(node.once("rescuer") for node in nodes[1:]))
    assert await fleet.states(runs) == ["pending"] * 5
    for run in runs:
        assert [attempt.outcome for attempt in await fleet.store.runs.attempts(run.id, scope=EVERYTHING)] == ["lost"]
    assert sum(node.runner.rescuer.rescued for node in nodes[1:]) == 5


@pytest.mark.scenario("L13")
async def test_nodes_that_start_together_leave_live_leases_alone(fleet: Fleet) -> None:
    first = await fleet.node("first", [held])
    runs = await first.app.enqueue_many(held, [{}] * 3)
    await first.tick("worker")
    nodes = [await fleet.node(f"n{n}", [held]) for n in range(5)]
    for node in nodes:
        await node.tick("heartbeat", "rescuer", "worker", "promoter")
    assert await fleet.states(runs) == ["running"] * 3
    assert {node.state for node in await fleet.store.nodes.list()} == {NodeState.ALIVE}
    assert len(bodies) == 3


@pytest.mark.scenario("L5")
@pytest.mark.failure(7)
async def test_an_outage_shorter_than_the_lease_is_nobodys_loss(fleet: Fleet) -> None:
    one, other = await fleet.node("one", [held], host="here"), await fleet.node("other", [held], host="there")
    run = await one.app.enqueue(held)
    await one.tick("worker")
    await beats([one, other], LEASE + 3)
    one.line.is_cut = True
    for _ in range(7):
        await beats([other], 3)
        await other.once("rescuer")
        with pytest.raises(StoreUnavailable):
            await one.once("heartbeat")
    one.line.is_cut = False
    await one.once("heartbeat")
    gates[0].set()
    await fleet.loop.settle()
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt, stopped) == ("completed", 1, [])


@pytest.mark.scenario("L5")
async def test_a_body_that_must_not_run_twice_is_stopped_before_the_lease_ends(fleet: Fleet) -> None:
    one = await fleet.node("one", [once, held])
    runs = [await one.app.enqueue(once), await one.app.enqueue(held)]
    await one.tick("worker")
    one.line.is_cut = True
    claim_of_once = next(run.claim_id for run in one.worker.runs_in_hand() if run.id == runs[0].id)
    while one.fleet.clock.monotonic() < LEASE - 18:
        await fleet.advance(1)
        with pytest.raises(StoreUnavailable):
            await one.once("heartbeat")
    assert stopped == []
    while one.fleet.clock.monotonic() < LEASE - 2:
        await fleet.advance(1)
        with pytest.raises(StoreUnavailable):
            await one.once("heartbeat")
    assert stopped == [claim_of_once]


@pytest.mark.failure(9)
async def test_nobody_is_rescued_when_a_long_outage_of_all_ends(fleet: Fleet) -> None:
    nodes = [await fleet.node(name, [held], host=name) for name in ("one", "two", "three")]
    runs = await nodes[0].app.enqueue_many(held, [{}] * 4)
    await nodes[0].tick("worker")
    await beats(nodes, LEASE + 3)
    for node in nodes:
        node.line.is_cut = True
    await fleet.advance(3 * LEASE)
    for node in nodes:
        node.line.is_cut = False
    await nodes[1].once("heartbeat")  # the others come back first
    await nodes[2].once("heartbeat")
    for node in nodes[1:]:
        await node.once("rescuer")
    assert await fleet.states(runs) == ["running"] * 4
    await nodes[0].once("heartbeat")
    await beats(nodes, LEASE + 3)
    for node in nodes:
        await node.once("rescuer")
    gates[0].set()
    await fleet.loop.settle()
    assert [(seen.state, seen.attempt) for seen in [await fleet.get(run) for run in runs]] == [("completed", 1)] * 4


@pytest.mark.scenario("S0-13")
async def test_a_lost_run_that_must_not_be_repeated_fails_interrupted(fleet: Fleet) -> None:
    one, other = await fleet.node("one", [once]), await fleet.node("other", [once])
    run = await one.app.enqueue(once)
    await one.tick("worker")
    one.crash()
    await other.tick("rescuer", "worker")
    seen = await fleet.get(run)
    assert (seen.state, seen.reason, len(bodies)) == ("failed", Reason.INTERRUPTED, 1)
    fresh = await other.app.retry(run.id)  # a person decides
    assert (await fleet.get(fresh)).retry_of == run.id


@pytest.mark.scenario("L9")
async def test_a_run_that_takes_its_node_down_each_time_fails_lost_after_three(fleet: Fleet) -> None:
    run = None
    for number in range(4):
        node = await fleet.node(f"n{number}", [held])
        await node.once("rescuer")
        if run is None:
            run = await node.app.enqueue(held)
        await fleet.advance(2)
        await node.tick("heartbeat", "promoter", "worker")
        if number < 3:
            node.crash()
    assert run is not None
    seen = await fleet.get(run)
    assert (seen.state, seen.reason, seen.rescues, len(bodies)) == ("failed", "lost", 3, 3)
    assert [attempt.outcome for attempt in await fleet.store.runs.attempts(run.id, scope=EVERYTHING)] == ["lost"] * 3


@pytest.mark.scenario("L9")
async def test_runs_that_went_down_together_are_suspects_and_only_the_culprit_is_charged(fleet: Fleet) -> None:
    one = await fleet.node("one", [held])
    runs = await one.app.enqueue_many(held, [{}] * 5)
    await one.tick("worker")
    one.crash()
    other = await fleet.node("other", [held])
    await other.tick("rescuer", "worker")
    assert other.worker.in_hand == 5  # machines die: once is no suspicion
    other.crash()
    other = await fleet.node("another", [held])
    await other.once("rescuer")
    assert [(await fleet.get(run)).rescues for run in runs] == [0] * 5  # whose fault was it?
    await other.tick("worker")
    assert other.worker.in_hand == 1  # one suspect at a time
    [suspect] = other.worker.runs_in_hand()
    other.crash()
    third = await fleet.node("third", [held])
    await third.once("rescuer")
    assert {run.id: (await fleet.get(run)).rescues for run in runs} == {run.id: int(run.id == suspect.id) for run in runs}
    gates[0].set()
    for _ in range(12):
        await fleet.advance(2)
        await third.tick("heartbeat", "promoter", "worker")
    assert await fleet.states(runs) == ["completed"] * 5


@pytest.mark.scenario("L9")
async def test_a_suspect_that_ended_a_try_alone_waits_in_its_old_lane_again(fleet: Fleet) -> None:
    @task(retry=Retry(retries=3, delay=0, jitter=False))
    async def failing_once(ctx: Context) -> None:
        bodies.append(ctx.claim_id)
        if ctx.attempt < 3:
            await gates[0].wait()
        elif ctx.attempt == 3:
            raise ValueError("alone, and nothing went down")

    node = await fleet.node("n0", [failing_once])
    runs = await node.app.enqueue_many(failing_once, [{}] * 2)
    [(home, _)] = await fleet.store.runs.lanes()
    for number in (1, 2):
        await node.tick("worker")
        node.crash()
        node = await fleet.node(f"n{number}", [failing_once])
        await node.once("rescuer")
    assert [lane.pool for lane, _ in await fleet.store.runs.lanes()] == [PoolKind.QUARANTINE]
    await node.once("worker")
    await node.once("worker")
    assert node.worker.in_hand == 0
    assert {lane.pool for lane, _ in await fleet.store.runs.lanes()} == {PoolKind.QUARANTINE, home.pool}
    for _ in range(6):
        await fleet.advance(1)
        await node.tick("heartbeat", "promoter", "worker")
    assert await fleet.states(runs) == ["completed"] * 2


async def test_an_overdue_run_is_taken_from_a_node_that_breathes(fleet: Fleet) -> None:
    one, other = await fleet.node("one", [hurried]), await fleet.node("other", [hurried])
    await beats([one, other], 60)
    run = await one.app.enqueue(hurried)
    taken = await fleet.store.runs.take(run.id, one.id, make_claim_id(), timedelta(seconds=30))
    assert taken is not None  # and its body never ends, nor does its node see to it
    await beats([one, other], 30)
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "running"
    await beats([one, other], 9)
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "timeout"
    assert [node.state for node in await fleet.store.nodes.list()] == [NodeState.ALIVE] * 2


async def test_a_run_that_ended_in_an_outage_is_not_overdue_after_it(fleet: Fleet) -> None:
    """Its node could not tell anybody that it had ended in time; who has the database first must not hold that against it."""
    ended = asyncio.Event()

    @task(timeout="5s", retry=Retry(retries=0))
    async def in_time() -> str:
        await ended.wait()
        return "done"

    one, other = await fleet.node("one", [in_time]), await fleet.node("other", [in_time])
    await beats([one, other], 60)
    run = await one.app.enqueue(in_time)
    await one.tick("worker")
    one.line.is_cut = other.line.is_cut = True
    ended.set()
    await fleet.advance(90)
    other.line.is_cut = False
    await beats([other], 9)
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "running"
    one.line.is_cut = False
    await beats([one, other], 9)
    assert (await fleet.get(run)).state == "completed"


async def test_an_overdue_run_that_must_not_be_repeated_is_not_retried(fleet: Fleet) -> None:
    @task(timeout="5s", repeatable=False, retry=Retry(retries=3))
    async def only_once() -> None: ...

    one, other = await fleet.node("one", [only_once]), await fleet.node("other", [only_once])
    await beats([one, other], 60)
    run = await one.app.enqueue(only_once)
    assert await fleet.store.runs.take(run.id, one.id, make_claim_id(), timedelta(seconds=30)) is not None
    await beats([one, other], 39)
    await other.once("rescuer")
    seen = await fleet.get(run)
    assert (seen.state, seen.reason) == ("failed", "interrupted")  # its body may still run where it is


async def test_a_run_that_lost_its_node_and_its_time_is_one_loss(fleet: Fleet) -> None:
    one, other = await fleet.node("one", [held, hurried]), await fleet.node("other", [held, hurried])
    late = await one.app.enqueue(hurried)
    young = await one.app.enqueue(held)
    await one.tick("worker")
    one.crash()
    await beats([other], 60)  # nobody looks while the first of them runs out of time as well
    await other.once("rescuer")
    assert [(await fleet.get(each)).state for each in (late, young)] == ["pending", "pending"]


async def test_a_beat_tells_others_how_much_is_in_hand(fleet: Fleet) -> None:
    one = await fleet.node("one", [held])
    await one.app.enqueue_many(held, [{}] * 3)
    await one.tick("worker", "worker", "heartbeat")
    [node] = await fleet.store.nodes.list()
    assert node.running == 3
    assert (node.lease_until - node.beat_at).total_seconds() == LEASE


async def test_the_dead_are_forgotten_after_a_day(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.engine.rescuer.FORGET_EVERY", 1)
    one, other = await fleet.node("one"), await fleet.node("other")
    one.crash()
    await other.once("rescuer")
    assert len(await fleet.store.nodes.list()) == 2
    await fleet.advance(25 * 3600)
    await other.once("rescuer")
    assert len(await fleet.store.nodes.list()) == 1
