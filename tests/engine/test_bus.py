"""Waiting for runs and following them, from this process and from others; and the hints between processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from mainspring import Context, Mainspring, RetryLater, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import RunFailed, StillRunning, UnknownRun
from mainspring.core.event import Event, EventKind
from mainspring.engine.bus import LATER, WATCHED_FOR
from mainspring.engine.capture import FLUSH_EVERY
from mainspring.engine.recorder import BRIEFLY, GATHER
from tests import aio
from tests.fleet import Fleet


@task(timeout="1h")
async def telling(ctx: Context, lines: int = 3) -> str:
    for number in range(lines):
        ctx.log(f"line {number}")
        ctx.progress(number + 1, lines)
        await asyncio.sleep(1)
    return "told"


@task
async def twice(ctx: Context) -> str:
    ctx.log(f"try {ctx.attempt}")
    if ctx.attempt == 1:
        raise RetryLater("10s")
    return "at last"


@task
async def quick(n: int = 0) -> int:
    return n * 2


async def collect(app: Mainspring, run_id: str, after: int = 0) -> list[Event]:
    return [event async for event in app.follow(run_id, after)]


def is_whole(events: list[Event], after: int = 0) -> bool:
    return [event.seq for event in events] == list(range(after + 1, after + 1 + len(events)))


@pytest.mark.scenario("E1")
async def test_following_replays_and_goes_on_live_until_the_end(fleet: Fleet) -> None:
    node = await fleet.node("a", [telling], drives=True)
    client = await fleet.client([telling])
    run = await client.enqueue(telling)
    early = asyncio.create_task(collect(client, run.id))
    await fleet.advance(2.5)
    midway = asyncio.create_task(collect(client, run.id))
    later = asyncio.create_task(collect(node.app, run.id, after=4))
    await fleet.advance(5)
    late = await collect(client, run.id)
    assert await early == await midway == late
    assert await later == late[4:]
    kinds = [event.kind.value for event in late]
    assert kinds[:3] == ["queued", "claimed", "started"]
    assert kinds[-1] == "completed"
    assert is_whole(late)
    assert kinds.count("log") == 3
    assert sum(event.kind.is_final for event in late) == 1


@pytest.mark.scenario("E1")
async def test_events_come_while_they_happen(fleet: Fleet) -> None:
    await fleet.node("a", [telling], drives=True)
    client = await fleet.client([telling])
    run = await client.enqueue(telling)
    came: list[tuple[float, str]] = []

    async def watch() -> None:
        async for event in client.follow(run.id):
            came.append((fleet.clock.monotonic(), event.kind.value))  # noqa: PERF401 - when it came is the point

    watching = asyncio.create_task(watch())
    await fleet.advance(6)
    await watching
    logs = [at for at, kind in came if kind == "log"]
    assert [round(at) for at in logs] == pytest.approx([0, 1, 2], abs=1)
    assert logs[1] - logs[0] > 0.4


@pytest.mark.scenario("E4")
async def test_a_new_attempt_leaves_earlier_events_as_they_were(fleet: Fleet) -> None:
    await fleet.node("a", [twice], drives=True)
    client = await fleet.client([twice])
    run = await client.enqueue(twice)
    await fleet.advance(3)
    before = await fleet.store.events.after(run.id, scope=EVERYTHING)
    events = await collect(client, run.id)
    assert events[: len(before)] == before
    assert is_whole(events)
    kinds = [(event.attempt, event.kind.value) for event in events]
    assert kinds == [
        (0, "queued"), (1, "claimed"), (1, "started"), (1, "log"), (1, "retry_scheduled"), (2, "claimed"), (2, "started"), (2, "log"),
        (2, "completed"),
    ]  # fmt: skip


@pytest.mark.scenario("E4")
async def test_a_rescue_leaves_earlier_events_as_they_were(fleet: Fleet) -> None:
    one = await fleet.node("one", [telling], drives=True)
    client = await fleet.client([telling])
    run = await client.enqueue(telling)
    await fleet.advance(1.5)
    before = await fleet.store.events.after(run.id, scope=EVERYTHING)
    one.crash()
    await fleet.node("other", [telling], drives=True)
    events = await collect(client, run.id)
    assert events[: len(before)] == before
    assert is_whole(events)
    assert [event.kind.value for event in events].count("lost") == 1
    assert {event.attempt for event in events if event.kind.value == "log"} == {1, 2}


async def test_waiting_ends_with_the_run_or_with_the_time(fleet: Fleet) -> None:
    await fleet.node("a", [telling], drives=True)
    client = await fleet.client([telling])
    run = await client.enqueue(telling, lines=10)
    with pytest.raises(StillRunning) as info:
        await run.result(timeout=2)
    assert info.value.state == "running"
    assert await run.result() == "told"
    assert (await run.progress() or {})["current"] == 10
    with pytest.raises(UnknownRun):
        await client.wait_for("00000000-0000-7000-8000-000000000000")


async def test_many_waiters_cost_one_query_a_round(fleet: Fleet) -> None:
    client, line = fleet.app("client", [quick])
    await fleet.database.open()
    runs = await client.enqueue_many(quick, [{"n": n} for n in range(50)])
    waiting = [asyncio.create_task(run.result()) for run in runs]
    await fleet.advance(1)
    before = line.calls["runs_get"]
    await fleet.advance(10)
    assert line.calls["runs_get"] - before <= 10 / 0.4
    await fleet.node("a", [quick], drives=True)
    assert await asyncio.gather(*waiting) == [n * 2 for n in range(50)]
    before = line.calls["runs_get"]
    await fleet.advance(60)
    assert line.calls["runs_get"] == before  # nobody waits: nobody looks


async def test_hints_are_gathered(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], drives=True)
    client = await fleet.client([quick])
    await fleet.advance(2)
    heard: list[str] = []
    hear = node.line.hear
    assert hear is not None

    def hear_and_count(payload: str) -> None:
        heard.append(payload)
        hear(payload)

    node.line.hear = hear_and_count
    runs = [await client.enqueue(quick, n=n) for n in range(100)]
    await fleet.advance(0.05)
    assert set(await fleet.states(runs)) == {"completed"}
    assert 1 <= len(heard) <= 3


@pytest.mark.failure(43)
async def test_a_lost_hint_is_a_late_one(fleet: Fleet) -> None:
    fleet.weather.lost_hints = 1.0
    await fleet.node("a", [quick], drives=True)
    client = await fleet.client([quick])
    await fleet.advance(20)
    run = await client.enqueue(quick)
    await fleet.advance(5.6)
    assert (await fleet.get(run)).state == "completed"


async def test_a_hint_of_another_version_means_look_everywhere(fleet: Fleet) -> None:
    fleet.weather.lost_hints = 1.0
    node = await fleet.node("a", [quick], drives=True)
    client = await fleet.client([quick])
    await fleet.advance(20)
    run = await client.enqueue(quick)
    assert node.line.hear is not None
    node.line.hear('{"what": "is this"}')
    await fleet.loop.settle()
    assert (await fleet.get(run)).state == "completed"


def test_another_process_on_the_same_file_waits_and_follows(tmp_path: Path) -> None:
    """Two apps, each with its own connections, as two processes have."""
    url = f"sqlite:///{tmp_path / 'store.db'}?durability=relaxed"

    @task
    async def failing() -> None:
        raise ValueError("on purpose")

    async def both() -> None:
        async with Mainspring(url, tasks=[quick, failing], isolation="inline", default_retries=0) as working:
            async with Mainspring(url, tasks=[quick, failing], isolation="inline", default_retries=0) as asking:
                run = await asking.enqueue(quick, n=21)
                other = await asking.enqueue(failing)
                following = asyncio.create_task(collect(asking, run.id))
                async with working.worker():
                    assert await run.result(aio.PATIENCE) == 42
                    with pytest.raises(RunFailed, match="on purpose"):
                        await other.result(aio.PATIENCE)
                    assert [event.kind.value for event in await following] == ["queued", "claimed", "started", "completed"]

    aio.run(both())


@task(timeout="1h")
async def chatty(ctx: Context, lines: int = 20) -> str:
    for number in range(lines):
        ctx.log(f"line {number}", data={"at": asyncio.get_running_loop().time()})
        await asyncio.sleep(0.7)
    return "said"


async def lateness(fleet: Fleet, client: Mainspring) -> list[float]:
    """Return how late a client in another process hears of each line, by virtual time."""
    run = await client.enqueue(chatty)
    late: list[float] = []
    async for event in client.follow(run.id):
        if event.kind is EventKind.LOG:
            late.append(fleet.clock.monotonic() - event.data["data"]["data"]["at"])  # noqa: PERF401 - when it came is the point
    return late


async def test_the_node_of_a_followed_run_writes_sooner_and_says_when_it_has(fleet: Fleet) -> None:
    await fleet.node("a", [chatty], drives=True)
    late = await lateness(fleet, await fleet.client([chatty]))
    assert len(late) == 20
    assert max(late) <= FLUSH_EVERY + BRIEFLY + 0.01  # no round of looking, no waiting for company


async def test_without_hints_a_followed_run_is_looked_at(fleet: Fleet) -> None:
    fleet.weather.lost_hints = 1.0
    await fleet.node("a", [chatty], drives=True)
    late = await lateness(fleet, await fleet.client([chatty]))
    assert len(late) == 20
    assert max(late) <= FLUSH_EVERY + GATHER + LATER + 0.01


async def test_a_run_that_nobody_follows_is_written_as_seldom_as_ever(fleet: Fleet) -> None:
    node = await fleet.node("a", [chatty], drives=True)
    client = await fleet.client([chatty])
    hints: list[str] = []
    node.app._opening.now.bus._send = _kept(hints)  # type: ignore[union-attr, method-assign]
    run = await client.enqueue(chatty)
    await fleet.advance(20)
    assert (await fleet.get(run)).state == "completed"
    assert node.line.calls["runs_append"] <= 20
    assert not [each for each in hints if "said" in each]


def _kept(hints: list[str]) -> Callable[[str], Coroutine[Any, Any, None]]:
    async def keep(payload: str) -> None:
        hints.append(payload)

    return keep


async def test_an_announcement_holds_for_a_while_and_is_made_anew_while_somebody_follows(fleet: Fleet) -> None:
    node = await fleet.node("a", [telling], drives=True)
    client = await fleet.client([telling])
    run = await client.enqueue(telling, lines=90)
    bus = (await node.app._opening.opened()).bus
    following = asyncio.create_task(collect(client, run.id))
    await fleet.advance(60)
    assert bus.is_followed(run.id)
    following.cancel()
    await fleet.advance(1)
    assert bus.is_followed(run.id)
    await fleet.advance(WATCHED_FOR)
    assert not bus.is_followed(run.id)


async def test_events_that_are_gone_do_not_hold_up_those_that_follow(fleet: Fleet) -> None:
    await fleet.node("a", [telling], drives=True)
    client = await fleet.client([telling])
    run = await client.enqueue(telling)
    await fleet.advance(6)
    whole = await collect(client, run.id)
    await fleet.database.execute("delete from mainspring_events where seq between 4 and 6")
    events = await collect(client, run.id)
    assert [event.seq for event in events] == [event.seq for event in whole if not 4 <= event.seq <= 6]
    assert events[-1].kind.is_final
