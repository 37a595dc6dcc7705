"""The recorder: what a node has to say, in batches, in order, bounded, and whatever the store does."""

from __future__ import annotations

import asyncio

import pytest

from mainspring import Context, task
from mainspring.core.event import Event
from tests.fleet import Fleet


@task
async def quick() -> None: ...


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
    while more := await fleet.store.events.after(run.id, len(events)):  # type: ignore[attr-defined]
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
    node.line.fail("runs_complete", "after")
    await node.tick("worker")
    await fleet.advance(5)
    assert [event.kind.value for event in await told(fleet, run)] == ["queued", "claimed", "started", "completed"]
    assert node.worker.recorder.is_idle
    [stat] = await fleet.rows("select sum(n) as n from mainspring.stats")
    assert stat["n"] == 1


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
