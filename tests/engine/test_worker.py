"""The worker, one round at a time: what it claims, what it leaves, and what becomes of what it holds."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mainspring import Context, Retry, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import StoreUnavailable
from mainspring.core.ids import make_claim_id
from mainspring.core.run import ClaimedRun, NewRun
from mainspring.engine.lanes import SHORTEST_PASS
from mainspring.engine.worker import AUDIT_AGAIN, AUDIT_EVERY, PROVED, UNKNOWN_DELAY
from mainspring.store.runs import RunStore
from tests.fleet import Fleet

gates: list[asyncio.Event] = [asyncio.Event()]
order: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    gates[0] = asyncio.Event()
    order.clear()


@task
async def held(name: str = "") -> str:
    order.append(name)
    await gates[0].wait()
    return name


@task
async def quick(name: str = "") -> None:
    order.append(name)


@task(retry=Retry(retries=1, delay=30, jitter=False))
async def failing() -> None:
    order.append("failing")
    raise ValueError("not yet")


@task(isolation="thread")
def in_a_thread() -> None:
    order.append("thread")


@task
def stranger() -> None:
    order.append("stranger")


@pytest.mark.scenario("C6")
async def test_it_claims_for_free_slots_only(fleet: Fleet) -> None:
    node = await fleet.node("a", [held], max_concurrent=8)
    runs = await node.app.enqueue_many(held, [{"name": str(n)} for n in range(20)])
    await node.tick("worker", "worker")
    assert node.worker.in_hand == len(order) == 8
    assert (await fleet.states(runs)).count("running") == 8
    gates[0].set()
    await fleet.loop.settle()
    assert (await fleet.states(runs)).count("completed") == 8
    gates[0].clear()
    await node.tick("worker")
    assert node.worker.in_hand == 8
    assert len(order) == 16


@pytest.mark.scenario("C6")
async def test_it_holds_more_than_its_slots_only_of_tasks_that_proved_short(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick, held], max_concurrent=8)
    most = [0]
    submit = node.runner.pools["inline"].submit

    def spy(run: ClaimedRun) -> None:
        submit(run)
        most.append(node.worker.in_hand)

    node.runner.pools["inline"].submit = spy  # type: ignore[method-assign]
    await node.app.enqueue_many(quick, [{}] * 300)
    while len(order) < PROVED:
        await node.once("worker")
    assert max(most) == 8  # nothing was known of the task yet
    while len(order) < 300:
        await fleet.advance(0.05)
        await node.once("heartbeat")
        for _ in range(3):
            await node.once("worker")
    assert max(most) > 8  # proved: a batch is worth its round trip
    await node.app.enqueue_many(held, [{}] * 300)
    await node.tick("worker")
    await fleet.advance(1)
    gates[0].set()
    await fleet.loop.settle()
    gates[0] = asyncio.Event()
    most.clear()
    await node.tick("worker")
    await fleet.advance(0.1)
    await node.tick("worker")
    assert max(most) == 8  # the latest claim brought a task that proved nothing


@pytest.mark.scenario("C5")
async def test_a_critical_run_is_next_and_the_last_lane_advances_all_the_same(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], max_concurrent=1)
    await node.app.enqueue_many(quick.options(priority="low"), [{"name": "low"}] * 1000)
    await node.once("worker")
    await node.app.enqueue(quick.options(priority="critical"), name="critical")
    await node.once("worker")
    assert order[-1] == "critical"
    # A flood of the highest lane: the oldest of another one is taken within its bound, sixteen claims.
    await node.app.enqueue_many(quick.options(priority="critical"), [{"name": "critical"}] * 60)
    order.clear()
    while len(order) < 50:
        await node.once("worker")
    assert 2 <= order.count("low") <= 5


@pytest.mark.scenario("C5")
async def test_a_lane_that_nobody_hinted_at_is_found_in_a_flood(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], max_concurrent=1)
    await node.once("worker")
    client = await fleet.client([quick])
    fleet.weather.lost_hints = 1.0
    await client.enqueue(quick.options(priority="background"), name="background")
    await fleet.advance(0.01)
    await node.app.enqueue_many(quick.options(priority="critical"), [{"name": "critical"}] * 100)
    while len(order) < 60:
        await fleet.advance(0.1)
        await node.once("heartbeat")
        await node.once("worker")
    assert "background" in order


@pytest.mark.scenario("C8")
async def test_a_run_in_backoff_holds_no_slot_and_delays_nothing(fleet: Fleet) -> None:
    node = await fleet.node("a", [failing, quick], max_concurrent=1)
    retried = await node.app.enqueue(failing)
    await node.tick("worker")
    assert node.worker.in_hand == 0
    assert (await fleet.get(retried)).state == "pending"
    runs = await node.app.enqueue_many(quick, [{}] * 3)
    await node.tick("worker", "worker", "worker")
    assert await fleet.states(runs) == ["completed"] * 3
    assert order.count("failing") == 1
    await fleet.advance(30)
    await node.tick("heartbeat", "promoter", "worker")
    assert (await fleet.get(retried)).state == "failed"
    assert order.count("failing") == 2


@pytest.mark.scenario("L10", "S0-15")
async def test_a_task_that_another_node_knows_is_left_to_it(fleet: Fleet) -> None:
    one = await fleet.node("one", [quick])
    other = await fleet.node("other", [quick, stranger])
    run = await other.app.enqueue(stranger)
    await one.tick("worker")
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt, seen.retries) == ("pending", 1, 0)
    assert seen.run_at is not None
    assert seen.run_at - fleet.clock.now() == UNKNOWN_DELAY
    await other.tick("worker")
    assert (await fleet.get(run)).state == "pending"  # it stands at no lane's head meanwhile
    mine = await one.app.enqueue(quick)
    await one.tick("worker")
    assert (await fleet.get(mine)).state == "completed"
    await fleet.advance(UNKNOWN_DELAY.total_seconds())
    await other.tick("heartbeat", "promoter", "worker")
    assert (await fleet.get(run)).state == "completed"
    assert order.count("stranger") == 1


@pytest.mark.scenario("L10", "S0-15")
async def test_a_task_that_nobody_knows_waits_blocked_until_a_node_knows_it(fleet: Fleet) -> None:
    one = await fleet.node("one", [quick])
    client = await fleet.client([stranger])
    runs = await client.enqueue_many(stranger, [{}] * 3)
    await one.tick("worker")
    seen = await fleet.get(runs[0])
    assert (seen.state, seen.reason) == ("blocked", "no capable node")
    assert await fleet.store.runs.lanes() == []  # and leaves the claimable index
    kinds = [event.kind.value for event in await fleet.store.events.after(runs[0].id, scope=EVERYTHING)]
    assert kinds == ["queued", "claimed", "started", "blocked"]
    other = await fleet.node("other", [stranger])
    await other.tick("promoter", "worker")
    assert await fleet.states(runs) == ["completed"] * 3
    kinds = [event.kind.value for event in await fleet.store.events.after(runs[0].id, scope=EVERYTHING)]
    assert kinds == ["queued", "claimed", "started", "blocked", "unblocked", "claimed", "started", "completed"]


@pytest.mark.scenario("L10", "S0-15")
async def test_a_task_that_came_too_late_for_a_pool_is_left_to_other_nodes(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    node = await fleet.node("a", [quick])
    runs = [await node.app.enqueue(each) for each in (in_a_thread, in_a_thread, quick)]  # the node has started without threads
    await node.tick("worker")
    assert await fleet.states(runs) == ["pending", "pending", "completed"]
    seen = await fleet.get(runs[0])
    assert (seen.attempt, seen.retries, seen.reason) == (1, 0, "unknown_task")
    assert seen.run_at is not None
    assert seen.run_at - fleet.clock.now() == UNKNOWN_DELAY
    [told] = [record.message for record in caplog.records if in_a_thread.name in record.message]  # once, however many runs
    assert "without a pool for thread bodies: its runs are left to other nodes" in told
    assert node.worker.in_hand == 0


@pytest.mark.failure(14)
async def test_a_claim_whose_answer_was_lost_is_adopted(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    runs = await node.app.enqueue_many(quick, [{}] * 5)
    node.line.fail("runs_claim", "after")
    with pytest.raises(StoreUnavailable):
        await node.tick("worker")
    assert set(await fleet.states(runs)) == {"running"}
    assert order == []
    await node.tick("worker")
    assert set(await fleet.states(runs)) == {"completed"}
    assert len(order) == 5


@pytest.mark.failure(14)
async def test_a_claim_that_was_refused_took_nothing(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    run = await node.app.enqueue(quick)
    node.line.fail("runs_claim", "before")
    with pytest.raises(StoreUnavailable):
        await node.tick("worker")
    assert (await fleet.get(run)).state == "pending"
    await node.tick("worker")
    assert (await fleet.get(run)).attempt == 1


async def test_an_audit_gives_back_what_the_node_holds_without_knowing(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    run = await node.app.enqueue(quick)
    taken = await fleet.store.runs.take(run.id, node.id, make_claim_id(), timedelta(seconds=30))
    assert taken is not None
    await node.tick("worker")
    assert (await fleet.get(run)).state == "running"
    await fleet.advance(AUDIT_EVERY)
    await node.tick("heartbeat", "worker")
    assert (await fleet.get(run)).state == "running"  # one look proves nothing
    await fleet.advance(AUDIT_AGAIN)
    await node.tick("heartbeat", "worker")
    assert (await fleet.get(run)).state == "pending"
    await fleet.advance(SHORTEST_PASS)
    await node.tick("worker")
    seen = await fleet.get(run)
    assert (seen.state, seen.attempt, seen.retries, seen.rescues) == ("completed", 2, 0, 0)


async def test_an_audit_leaves_alone_what_ends_or_comes_while_it_looks(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a flood hundreds of runs end during each look: to ask about each of them stood the node still for seconds."""
    node = await fleet.node("a", [quick, held])
    await fleet.advance(AUDIT_EVERY)
    await node.once("heartbeat")
    runs = await node.app.enqueue_many(quick, [{}] * 20)
    look = RunStore.held_by
    taken: list[ClaimedRun] = []

    async def slow_look(store: RunStore, node_id: str) -> dict[str, str]:
        coming = await node.app.enqueue(held)
        found = await fleet.store.runs.take(coming.id, node.id, make_claim_id(), timedelta(seconds=30))
        assert found is not None
        taken.append(found)
        answer = await look(store, node_id)
        await node.worker.recorder.flushed()  # what was under way has ended by now
        return answer

    monkeypatch.setattr(RunStore, "held_by", slow_look)
    claimed = await fleet.store.runs.claim(node.id, make_claim_id(), [lane for lane, _ in await fleet.store.runs.lanes()], 20, timedelta(1))
    node.worker.take(claimed)
    while node.worker.in_hand:
        await asyncio.sleep(0)
    assert not node.worker.recorder.is_idle
    before = node.line.calls["runs_claimed_under"]
    await node.once("worker")
    node.worker.take(taken)  # as app.run does, a moment after the store knows
    assert await fleet.states(runs) == ["completed"] * 20
    await fleet.advance(AUDIT_AGAIN)
    monkeypatch.setattr(RunStore, "held_by", look)
    await node.tick("heartbeat", "worker")
    assert node.line.calls["runs_claimed_under"] == before
    assert (await fleet.get(taken[0].id)).state == "running"
    gates[0].set()
    await fleet.loop.settle()
    assert (await fleet.get(taken[0].id)).state == "completed"


@pytest.mark.scenario("L5")
async def test_a_node_that_has_not_renewed_for_ten_seconds_starts_nothing(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    await fleet.advance(9.9)
    first = await node.app.enqueue(quick)
    await node.tick("worker")
    assert (await fleet.get(first)).state == "completed"
    await fleet.advance(0.2)
    second = await node.app.enqueue(quick)
    await node.tick("worker", "worker")
    assert (await fleet.get(second)).state == "pending"
    await node.tick("heartbeat", "worker")
    assert (await fleet.get(second)).state == "completed"


@pytest.mark.scenario("K4")
async def test_a_node_serves_the_queues_that_it_was_given(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], queues=("mail",))
    other = await node.app.enqueue(quick.options(queue="video"))
    mine = await node.app.enqueue(quick.options(queue="mail"))
    await node.tick("worker", "worker")
    assert await fleet.states([mine, other]) == ["completed", "pending"]


async def test_a_paused_queue_is_left_alone(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    await fleet.store.queues.pause("default")
    run = await (await fleet.client([quick])).enqueue(quick)
    await node.tick("worker", "worker")
    assert (await fleet.get(run)).state == "pending"
    await fleet.store.queues.resume("default")
    await fleet.advance(5)
    await node.tick("heartbeat", "worker")
    assert (await fleet.get(run)).state == "completed"


@pytest.mark.scenario("L11")
async def test_params_that_cannot_be_read_fail_their_own_run_only(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    broken = NewRun(id="01900000-0000-7000-8000-000000000001", task=quick.name, params='{"name": [1', max_retries=3)
    await fleet.store.runs.add(broken)
    wrong = NewRun(id="01900000-0000-7000-8000-000000000002", task=quick.name, params='{"name": {"no": 1}}')
    await fleet.store.runs.add(wrong)
    await fleet.advance(SHORTEST_PASS)
    fine = await node.app.enqueue(quick)
    await node.tick("worker")
    assert await fleet.states([broken.id, wrong.id, fine]) == ["failed", "failed", "completed"]
    assert (await fleet.get(broken.id)).reason == "undecodable"
    assert (await fleet.get(wrong.id)).reason == "invalid"


@pytest.mark.scenario("R2")
async def test_a_store_that_lags_far_behind_stops_the_claiming(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.engine.recorder.BACKLOG", 3)
    node = await fleet.node("a", [quick])
    await node.app.enqueue_many(quick, [{}] * 3)
    node.line.fail("runs_complete", "before")
    await node.tick("worker")
    run = await node.app.enqueue(quick)
    await node.tick("worker")
    assert (await fleet.get(run)).state == "pending"
    await node.worker.recorder.flushed()
    await node.tick("worker")
    assert (await fleet.get(run)).state == "completed"


async def test_what_a_body_enqueues_is_a_run_of_its_own(fleet: Fleet) -> None:
    @task
    async def parent(ctx: Context) -> str:
        ctx.log("begins another")
        return "done"

    node = await fleet.node("a", [parent, quick])
    run = await node.app.enqueue(parent)
    await node.tick("worker")
    assert (await fleet.get(run)).result == '"done"'
