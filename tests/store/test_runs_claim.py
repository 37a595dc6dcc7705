"""Claims: which runs, in which order, by whom."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mainspring.core.ids import make_claim_id
from mainspring.core.policy import PoolKind, Priority
from mainspring.core.run import Released
from mainspring.core.state import RunState
from mainspring.store.runs import Lane
from tests.store.harness import Kind, Stage, priorities

GRACE = timedelta(seconds=5)


@pytest.mark.scenario("L2", part="the claim")
async def test_a_claim_writes_owner_claim_and_times_by_the_clock_of_the_store(stage: Stage) -> None:
    run_id = await stage.add_one(timeout=timedelta(seconds=60), params='{"a": "ä"}')
    node, claim_id = await stage.node(), make_claim_id()
    (run,) = await stage.claim(node, claim_id=claim_id)
    assert (run.id, run.claim_id, run.task, run.params, run.attempt) == (run_id, claim_id, "t", '{"a": "ä"}', 1)
    found = await stage.get(run_id)
    assert (found.state, found.node_id, found.attempt, found.started_at) == (RunState.RUNNING, node, 1, stage.clock.now)
    await stage.clock.advance(64.9)
    assert await stage.runs.overdue() == []
    await stage.clock.advance(0.2)
    assert [orphan.run.id for orphan in await stage.runs.overdue()] == [run_id]


@pytest.mark.scenario("L1", "C5", part="order")
async def test_order_is_priority_then_ready_time_then_id(stage: Stage) -> None:
    order = []
    for priority in (Priority.BACKGROUND, Priority.CRITICAL, Priority.MEDIUM):
        for _ in range(2):
            late, early = stage.new(priority=priority), stage.new(priority=priority)
            await stage.add(early, late)
            order.append((priority, stage.clock.now, late.id))
            order.append((priority, stage.clock.now, early.id))
            await stage.clock.advance(1)
    claimed = await stage.claim(await stage.node())
    assert [run.id for run in claimed] == [id_ for _, _, id_ in sorted(order)]


async def test_no_more_than_asked_for_and_each_run_once(stage: Stage) -> None:
    ids = await stage.add_new(5, priority=Priority.HIGH) + await stage.add_new(5)
    node = await stage.node()
    claimed = [run.id for _ in range(5) for run in await stage.claim(node, 3)]
    assert claimed == ids
    assert await stage.claim(node) == []


async def test_lanes_are_served_in_the_order_given(stage: Stage) -> None:
    await stage.add_new(3, priority=Priority.CRITICAL)
    await stage.add_new(3, priority=Priority.BACKGROUND)
    lanes = [Lane("default", "", PoolKind.ASYNC, p) for p in (Priority.BACKGROUND, Priority.CRITICAL)]
    claimed = await stage.runs.claim(await stage.node(), make_claim_id(), lanes, 4, GRACE)
    assert priorities(claimed) == [Priority.BACKGROUND] * 3 + [Priority.CRITICAL]


async def test_a_lane_is_a_queue_a_tenant_a_pool_and_a_priority(stage: Stage) -> None:
    runs = [
        stage.new(), stage.new(queue="other"), stage.new(tenant="x"), stage.new(pool=PoolKind.DEF), stage.new(priority=Priority.LOW),
    ]  # fmt: skip
    await stage.add(*runs)
    found = {lane for lane, _ in await stage.runs.lanes()}
    assert found == {Lane(run.queue, run.tenant, run.pool, run.priority) for run in runs}
    node = await stage.node()
    for run in runs:
        lane = Lane(run.queue, run.tenant, run.pool, run.priority)
        claimed = await stage.runs.claim(node, make_claim_id(), [lane], 10, GRACE)
        assert [each.id for each in claimed] == [run.id]


async def test_lanes_tell_since_when_their_oldest_is_ready(stage: Stage) -> None:
    await stage.add_new(2)
    first = stage.clock.now
    await stage.clock.advance(5)
    await stage.add_new(1)
    ((_, oldest),) = await stage.runs.lanes()
    assert stage.database.from_time(oldest) == first


@pytest.mark.scenario("C8", part="pausing")
async def test_a_paused_queue_has_no_lanes(stage: Stage) -> None:
    await stage.add_new(1, queue="mail")
    await stage.add_new(1)
    await stage.store.queues.pause("mail", actor="ada", reason="maintenance")
    assert [lane.queue for lane in await stage.lanes()] == ["default"]
    assert await stage.store.queues.resume("mail")
    assert [lane.queue for lane in await stage.lanes()] == ["default", "mail"]


async def test_a_dead_stopped_or_unknown_node_claims_nothing(stage: Stage) -> None:
    await stage.add_new(1)
    dead, stopped, alive = await stage.node(), await stage.node(), await stage.node()
    await stage.nodes.reap(alive, found=[dead])
    await stage.nodes.stop(stopped)
    for node in (dead, stopped, make_claim_id()):
        assert await stage.claim(node) == []
    assert len(await stage.claim(alive)) == 1


@pytest.mark.failure(39)
async def test_a_watermark_skips_what_came_late_and_a_full_pass_finds_it(stage: Stage) -> None:
    """A transaction that inserted at t and committed later leaves a row below the watermark of those who looked before."""
    late = stage.new()
    await stage.clock.advance(10)
    await stage.add_new(1)
    node = await stage.node()
    (first,) = await stage.claim(node)
    await stage.clock.advance(-10)
    await stage.add(late)
    await stage.clock.advance(10)
    lane = Lane("default", "", PoolKind.ASYNC, Priority.MEDIUM, since=first.ready_at)
    assert await stage.runs.claim(node, make_claim_id(), [lane], 10, GRACE) == []
    full = replace(lane, since=None)
    assert [run.id for run in await stage.runs.claim(node, make_claim_id(), [full], 10, GRACE)] == [late.id]


async def test_what_becomes_ready_again_is_above_every_watermark(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node)
    await stage.clock.advance(1)
    await stage.settle(run, Released("shutdown"))
    lane = Lane("default", "", PoolKind.ASYNC, Priority.MEDIUM, since=run.ready_at)
    (again,) = await stage.runs.claim(node, make_claim_id(), [lane], 10, GRACE)
    assert (again.id, again.attempt, again.retries) == (run.id, 2, 0)


@pytest.mark.scenario("R6", part="no attempt starts past the deadline")
async def test_a_run_past_its_deadline_is_not_claimed(stage: Stage) -> None:
    late = await stage.add_one(deadline=timedelta(seconds=10))
    other = await stage.add_one(deadline=timedelta(seconds=30))
    await stage.clock.advance(11)
    assert [run.id for run in await stage.claim(await stage.node())] == [other]
    assert await stage.runs.expire() == 1
    assert (await stage.get(late)).state is RunState.TIMEOUT


@pytest.mark.failure(14)
async def test_a_claim_whose_answer_was_lost_is_found_by_its_id(stage: Stage) -> None:
    ids = await stage.add_new(3)
    node, claim_id = await stage.node(), make_claim_id()
    taken = await stage.claim(node, claim_id=claim_id)
    adopted = await stage.runs.claimed_under(claim_id, node)
    assert sorted(adopted, key=lambda run: run.id) == sorted(taken, key=lambda run: run.id)
    assert await stage.runs.claimed_under(make_claim_id(), node) == []
    assert await stage.runs.held_by(node) == dict.fromkeys(ids, claim_id)
    assert await stage.complete(*adopted) == set(ids)
    assert await stage.runs.held_by(node) == {}


async def test_promotion_makes_due_runs_ready_in_their_order(stage: Stage, kind: Kind) -> None:
    later = await stage.add_one(delay=timedelta(seconds=20))
    sooner = await stage.add_one(delay=timedelta(seconds=10))
    assert await stage.runs.promote() == set()
    await stage.clock.advance(15)
    assert await stage.runs.next_due() == timedelta(seconds=-5)
    assert await stage.runs.promote() == {Lane("default", "", PoolKind.ASYNC, Priority.MEDIUM)}
    assert await stage.runs.next_due() == timedelta(seconds=5)
    node = await stage.node()
    assert [run.id for run in await stage.claim(node)] == [sooner]
    await stage.clock.advance(15)
    await stage.runs.promote()
    assert [run.id for run in await stage.claim(node)] == [later]
    assert await stage.runs.next_due() is None


async def test_promotion_takes_no_more_than_asked_for(stage: Stage) -> None:
    await stage.add_new(7, delay=timedelta(seconds=1))
    await stage.clock.advance(2)
    promoted = []
    for _ in range(3):
        await stage.runs.promote(3)
        promoted.append(len(await stage.claim(await stage.node())))
    assert promoted == [3, 3, 1]
