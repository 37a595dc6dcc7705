"""Cancels, deadlines, and runs that wait for a node which knows their task."""

from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.policy import PoolKind, Retry
from mainspring.core.run import CancelledByRequest, Failed, Reason, Released
from mainspring.core.state import RunState
from mainspring.store.runs import Lane, Stopped
from tests.store.harness import Stage


@pytest.mark.scenario("F8", part="waiting, retrying, running, finished")
async def test_cancel_ends_what_waits_and_flags_what_runs(stage: Stage) -> None:
    node = await stage.node()
    running = await stage.claim_new(node)
    retrying = await stage.claim_new(node)
    await stage.settle(retrying, Failed({"type": "E"}))
    blocked = await stage.claim_new(node, task="unknown")
    await stage.settle(blocked, Released(Reason.NO_CAPABLE_NODE))
    done = await stage.claim_new(node)
    await stage.complete(done)
    ready, scheduled = await stage.add_one(key="k"), await stage.add_one(delay=timedelta(hours=1))
    before = await stage.get(done.id)

    ids = [running.id, retrying.id, blocked.id, done.id, ready, scheduled, stage.new_id()]
    stopped = await stage.runs.cancel(ids, actor="ada", reason="enough")
    waiting = [retrying.id, blocked.id, ready, scheduled]
    assert stopped == {running.id: Stopped(running.id, True, node)} | {run_id: Stopped(run_id, False, None) for run_id in waiting}
    for run_id in waiting:
        found = await stage.get(run_id)
        assert (found.state, found.reason, found.cancelled_by, found.finished_at) == (
            RunState.CANCELLED, "enough", "ada", stage.clock.now,
        )  # fmt: skip
        assert (await stage.kinds(run_id))[-1] == "cancelled"
    found = await stage.get(running.id)
    assert (found.state, found.cancel_requested, found.cancelled_by) == (RunState.RUNNING, True, "ada")
    assert await stage.get(done.id) == before
    assert await stage.add(stage.new(key="k")) != []

    beat = await stage.nodes.beat(node, lease=timedelta(seconds=60), running=1)
    assert beat is not None and beat.cancels == (running.id,)
    assert await stage.settle(running, CancelledByRequest()) is RunState.CANCELLED
    beat = await stage.nodes.beat(node, lease=timedelta(seconds=60), running=0)
    assert beat is not None and beat.cancels == ()


async def test_cancelling_twice_tells_it_once(stage: Stage) -> None:
    run = await stage.claim_new()
    for actor in ("ada", "bob"):
        stopped = await stage.runs.cancel([run.id], actor=actor)
        assert stopped[run.id].was_running
    found = await stage.get(run.id)
    assert found.cancelled_by == "ada"
    assert await stage.kinds(run.id) == ["queued", "claimed", "started", "cancel_requested"]
    events = await stage.store.events.after(run.id, 3, scope=EVERYTHING)
    assert events[0].data == {"actor": "ada"}


async def test_a_cancel_without_a_reason_says_requested(stage: Stage) -> None:
    run_id = await stage.add_one()
    await stage.runs.cancel([run_id, run_id])
    assert (await stage.get(run_id)).reason == "requested"
    assert await stage.runs.cancel([run_id]) == {}
    assert await stage.runs.cancel([]) == {}


@pytest.mark.scenario("R6", part="waiting runs")
async def test_waiting_runs_past_their_deadline_end_without_another_attempt(stage: Stage) -> None:
    node = await stage.node()
    deadline = timedelta(minutes=1)
    running = await stage.claim_new(node, deadline=deadline)
    retrying = await stage.claim_new(node, deadline=deadline)
    await stage.settle(retrying, Failed({"type": "E"}), Retry(delay=timedelta(seconds=50), jitter=False))
    ready = await stage.add_one(deadline=deadline)
    scheduled = await stage.add_one(deadline=deadline, delay=timedelta(hours=1))
    later = await stage.add_one(deadline=timedelta(minutes=2))
    assert await stage.runs.expire() == 0
    await stage.clock.advance(60.001)
    assert await stage.runs.expire() == 3
    for run_id in (retrying.id, ready, scheduled):
        found = await stage.get(run_id)
        assert (found.state, found.reason, found.cancelled_by) == (RunState.TIMEOUT, "deadline", None)
        assert (await stage.kinds(run_id))[-1] == "timed_out"
    assert (await stage.get(later)).state is RunState.PENDING
    found = await stage.get(running.id)
    assert (found.state, found.cancel_requested) == (RunState.RUNNING, False)


async def test_expiry_takes_no_more_than_asked_for(stage: Stage) -> None:
    await stage.add_new(5, deadline=timedelta(seconds=1))
    await stage.clock.advance(2)
    assert [await stage.runs.expire(2) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.scenario("S0-15", "B-27", part="the store")
async def test_a_run_that_no_node_knows_waits_blocked_until_one_does(stage: Stage) -> None:
    node = await stage.node(tasks=["a"])
    run = await stage.claim_new(node, task="gone")
    other = await stage.claim_new(node, task="gone too")
    for each in (run, other):
        assert await stage.settle(each, Released(Reason.NO_CAPABLE_NODE)) is RunState.BLOCKED
    found = await stage.get(run.id)
    assert (found.state, found.reason, found.retries, found.rescues) == (RunState.BLOCKED, "no capable node", 0, 0)
    assert await stage.lanes() == []
    assert await stage.runs.unblock_known(["a", "b"]) == set()
    assert await stage.runs.unblock_known(["b", "gone"]) == {Lane("default", "", PoolKind.ASYNC, 2)}
    (again,) = await stage.claim(node)
    assert (again.id, again.attempt) == (run.id, 2)
    await stage.complete(again)
    assert await stage.kinds(run.id) == [
        "queued", "claimed", "started", "blocked", "unblocked", "claimed", "started", "completed",
    ]  # fmt: skip
    assert (await stage.get(other.id)).state is RunState.BLOCKED


async def test_unblocking_takes_no_more_than_asked_for(stage: Stage) -> None:
    node = await stage.node()
    for _ in range(3):
        await stage.settle(await stage.claim_new(node), Released(Reason.NO_CAPABLE_NODE))
    freed = []
    for _ in range(3):
        await stage.runs.unblock_known(["t"], 2)
        freed.append(len(await stage.claim(node)))
    assert freed == [2, 1, 0]


async def test_runs_past_their_own_time_are_found_although_their_node_breathes(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node, timeout=timedelta(seconds=10))
    await stage.claim_new(node)
    await stage.clock.advance(16)
    (orphan,) = await stage.runs.overdue()
    assert (orphan.run.id, orphan.run.claim_id, orphan.node_id, orphan.together) == (run.id, run.claim_id, node, 1)
