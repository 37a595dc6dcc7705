"""The recorder: what a node has to say, in batches, in order, bounded, and whatever the store does."""

from __future__ import annotations

import asyncio

import pytest

from mainspring import Context, Fail, Retry, task
from mainspring.core.access import EVERYTHING
from mainspring.core.event import Event
from tests.fleet import Fleet


@task
async def quick() -> None:
    await asyncio.sleep(0)  # an empty body would say so in its log


@task(timeout="1h")
async def chatty(ctx: Context, lines: int, seconds: float = 1.0) -> str:
    for number in range(lines):
        ctx.log(f"line {number}")
    await asyncio.sleep(seconds)
    ctx.log("the end")
    return "said"


@task(timeout="1h")
async def climbing(ctx: Context, steps: int, every: float) -> None:
    for step in range(1, steps + 1):
        ctx.progress(step, steps, message=f"step {step}")
        if every:
            await asyncio.sleep(every)


async def told(fleet: Fleet, run: object) -> list[Event]:
    events: list[Event] = []
    while more := await fleet.store.events.after(run.id, len(events), scope=EVERYTHING):  # type: ignore[attr-defined]
        events += more
    return events


async def test_what_ends_together_is_written_together(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    runs = await node.app.enqueue_many(quick, [{}] * 60)
    await node.tick("worker")
    assert set(await fleet.states(runs)) == {"completed"}
    assert node.line.calls["runs_complete"] <= 2


async def test_words_of_a_run_that_goes_on_are_written_soon_and_the_rest_rides_along(fleet: Fleet) -> None:
    node = await fleet.node("a", [chatty])
    run = await node.app.enqueue(chatty, lines=3)
    await node.tick("worker")
    await fleet.advance(0.5)
    assert [event.kind.value for event in await told(fleet, run)] == ["queued", "claimed", "started", "log", "log", "log"]
    await fleet.advance(1)
    events = await told(fleet, run)
    assert [event.data.get("message") for event in events if event.kind.value == "log"] == ["line 0", "line 1", "line 2", "the end"]
    assert events[-1].kind.value == "completed"
    assert node.line.calls["runs_append"] == 1
    assert [event.at for event in events] == sorted(event.at for event in events)


@pytest.mark.scenario("E5")
@pytest.mark.parametrize("every", [0.0, 0.0001])
async def test_a_flood_of_progress_is_coalesced_and_its_last_value_exact(fleet: Fleet, every: float) -> None:
    node = await fleet.node("a", [climbing])
    run = await node.app.enqueue(climbing, steps=10_000, every=every)
    await node.tick("worker")
    await fleet.advance(3)
    seen = await fleet.get(run)
    assert seen.state == "completed"
    events = [event for event in await told(fleet, run) if event.kind.value == "progress"]
    assert len(events) <= 8  # one second, four a second
    assert events[-1].data["current"] == 10_000
    assert seen.progress is not None
    assert seen.progress["current"] == 10_000
    assert node.line.calls["runs_append"] <= 10


@pytest.mark.scenario("E6")
async def test_words_that_do_not_fit_are_dropped_counted_and_shown_as_a_gap(fleet: Fleet) -> None:
    node = await fleet.node("a", [chatty], buffer_size=1000)
    run = await node.app.enqueue(chatty, lines=5000)
    await node.tick("worker")
    await fleet.advance(2)
    events = await told(fleet, run)
    logs = [event for event in events if event.kind.value == "log"]
    dropped = sum(event.data["dropped"] for event in events if event.kind.value == "gap")
    assert dropped > 0
    assert len(logs) + dropped == 5001
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].kind.value == "completed"


@task(timeout="1h")
async def torrent(ctx: Context, bursts: int, each: int, every: float) -> None:
    for burst in range(bursts):
        for number in range(burst * each, (burst + 1) * each):
            ctx.progress(number + 1, bursts * each)
            ctx.log(f"line {number}")
        await asyncio.sleep(every)


@pytest.mark.failure(40)
@pytest.mark.scenario("E5", part="100,000 reports and lines in a second")
@pytest.mark.parametrize("neighbours", [0, 40])
async def test_a_hundred_thousand_events_a_second_leave_the_database_alone(fleet: Fleet, neighbours: int) -> None:
    """What one run says is bounded by time, not by how much it says; others on the node end as if it were silent."""
    node = await fleet.node("a", [torrent, quick], buffer_size=100)
    flood = await node.app.enqueue(torrent, bursts=100, each=1000, every=0.01)
    await node.tick("worker")
    runs = await node.app.enqueue_many(quick, [{}] * neighbours) if neighbours else []
    await node.tick("worker")
    await fleet.advance(0.2)  # the flood has the most of its second before it
    assert set(await fleet.states(runs)) <= {"completed"}
    await fleet.advance(3)
    assert (await fleet.get(flood)).state == "completed"
    events = await told(fleet, flood)
    kinds = [event.kind.value for event in events]
    # A second has ten flushes, and four of them may carry a report; the end brings what was said last.
    assert kinds.count("progress") <= 6
    assert kinds.count("log") <= 11 * 100
    assert kinds.count("gap") <= 11
    dropped = sum(event.data["dropped"] for event in events if event.kind.value == "gap")
    assert kinds.count("log") + dropped == 100_000  # every line is there, or counted
    assert [event for event in events if event.kind.value == "progress"][-1].data["current"] == 100_000
    assert (await fleet.rows("select count(*) as n from mainspring.events"))[0]["n"] <= 11 * 100 + 6 + 11
    assert node.line.calls["runs_append"] <= 11
    assert node.line.calls["runs_complete"] <= 3
    assert node.worker.recorder.dropped == 0  # the bound of the run held: the node's own was not needed


@pytest.mark.scenario("E6")
async def test_while_the_store_is_away_words_are_kept_up_to_a_bound(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.engine.recorder.MOST_RECORDS", 50)

    @task(timeout="1h")
    async def steady(ctx: Context) -> None:
        for number in range(100):
            ctx.log(f"line {number}")
            await asyncio.sleep(1)

    node = await fleet.node("a", [steady])
    run = await node.app.enqueue(steady)
    await node.tick("worker")
    await fleet.advance(5)
    node.line.is_cut = True
    await fleet.advance(85)
    assert node.worker.recorder.dropped > 0
    node.line.is_cut = False
    await fleet.advance(30)
    await node.worker.recorder.flushed()
    events = await told(fleet, run)
    gaps = [event.data["dropped"] for event in events if event.kind.value == "gap"]
    assert sum(gaps) == node.worker.recorder.dropped
    lines = {event.data["message"] for event in events if event.kind.value == "log"}  # a lost acknowledgement may double a line
    assert len(lines) + sum(gaps) == 100
    assert events[-1].kind.value == "completed"


@pytest.mark.failure(1, 10)
async def test_results_outlive_an_outage(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    runs = await node.app.enqueue_many(quick, [{}] * 3)
    node.line.fail("runs_complete", "before")
    node.line.fail("runs_complete", "before")
    await node.tick("worker")
    assert set(await fleet.states(runs)) == {"running"}
    assert node.worker.in_hand == 0
    assert node.worker.recorder.backlog == 3
    await fleet.advance(1)
    assert set(await fleet.states(runs)) == {"completed"}
    assert node.worker.recorder.is_idle


@pytest.mark.failure(1)
async def test_a_result_whose_acknowledgement_was_lost_is_written_once(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    run = await node.app.enqueue(quick)
    waiting = fleet.loop.create_task(run.result())
    node.line.fail("runs_complete", "after")
    await node.tick("worker")
    await fleet.advance(5)
    assert [event.kind.value for event in await told(fleet, run)] == ["queued", "claimed", "started", "completed"]
    assert node.worker.recorder.is_idle
    assert node.worker.recorder.lost_leases == 0
    await waiting
    [stat] = await fleet.rows("select sum(n) as n from mainspring.stats")
    assert stat["n"] == 1


@pytest.mark.failure(1)
async def test_a_batch_of_every_kind_whose_answers_were_lost_counts_as_written(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    @task(retry=Retry(retries=1, delay=0.5, jitter=False))
    async def flaky(ctx: Context) -> None:
        if ctx.attempt == 1:
            raise ValueError("not yet")

    @task
    async def broken() -> None:
        raise Fail("never")

    node = await fleet.node("a", [quick, flaky, broken])
    runs = [await node.app.enqueue(each) for each in (quick, flaky, broken)]
    ended: list[str] = []
    node.worker.on_ended = ended.extend
    put_back: list[str] = []
    node.worker.on_put_back = lambda held: put_back.extend(run.id for run in held)
    node.line.fail("runs_settle", "after")  # behind a runs_complete that went well: its answer is forgotten as well
    await node.tick("worker")
    await fleet.advance(0.3)
    assert node.worker.recorder.lost_leases == 0
    assert "no longer this node's" not in caplog.text
    assert sorted(ended) == sorted([runs[0].id, runs[2].id])
    assert put_back == [runs[1].id]
    await fleet.advance(5)
    await node.tick("heartbeat", "promoter", "worker")
    assert await fleet.states(runs) == ["completed", "completed", "failed"]


@pytest.mark.failure(1, 6)
async def test_what_a_rescuer_took_while_the_answer_was_lost_is_no_result_of_the_node(fleet: Fleet) -> None:
    node, other = await fleet.node("a", [quick]), await fleet.node("b", [quick])
    run = await node.app.enqueue(quick)
    node.line.fail("runs_complete", "before")
    await node.tick("worker")
    assert (await fleet.get(run)).state == "running"
    await fleet.store.nodes.reap(other.id, found=[node.id])
    await other.once("rescuer")
    assert (await fleet.get(run)).state == "pending"
    await fleet.advance(5)  # the second try finds a try of this node that ended, but not as it says
    assert node.worker.recorder.lost_leases == 1
    await other.tick("heartbeat", "worker")
    assert (await fleet.get(run)).node_id == other.id


async def test_a_finish_never_overtakes_its_own_words(fleet: Fleet) -> None:
    fleet.weather.latency = 0.3
    node = await fleet.node("a", [chatty])
    run = await node.app.enqueue(chatty, lines=3, seconds=0.25)
    await node.tick("worker")
    await fleet.advance(5)
    events = await told(fleet, run)
    assert [event.data.get("message") for event in events if event.kind.value == "log"] == ["line 0", "line 1", "line 2", "the end"]
    assert events[-1].kind.value == "completed"
    assert node.worker.recorder.lost_leases == 0
