"""The scheduler, round by round on a manual clock, in whole nodes: slots, crashes, predicates, clocks, orphans."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring import Schedule, Task, cron, every, task, when
from mainspring.core.access import EVERYTHING
from mainspring.core.notice import Notice
from mainspring.core.run import Run
from mainspring.core.schedule_record import ScheduleState
from mainspring.core.state import RunState
from mainspring.engine.scheduler import LONGEST
from mainspring.testing.clock import START
from tests.fleet import Fleet, Node

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
answers: list[bool | Exception] = []
asked: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_said() -> None:
    answers.clear()
    asked.clear()


async def is_high() -> bool:
    asked.append("is_high")
    answer = answers.pop(0) if answers else False
    if isinstance(answer, Exception):
        raise answer
    return answer


async def is_stuck() -> bool:
    asked.append("is_stuck")
    await asyncio.sleep(3600)
    return True


def scheduled(*schedules: Schedule, name: str = "report", seconds: float = 0.0) -> Task[..., None]:
    """Return a task that takes so long, with these schedules."""

    @task(name=name, schedule=list(schedules), timeout="1h", overlap="allow")
    async def body() -> None:
        if seconds:
            await asyncio.sleep(seconds)

    return body


async def to(fleet: Fleet, moment: datetime) -> None:
    await fleet.advance((moment - fleet.clock.now()).total_seconds())


async def runs(fleet: Fleet) -> list[Run]:
    return sorted(await fleet.store.runs.page(n=10_000, scope=EVERYTHING), key=lambda run: (run.slot_at or run.created_at, run.id))


async def told(fleet: Fleet, first: str = "%d %H:%M") -> list[tuple[str, str]]:
    """Return what became of each slot."""
    return [
        (run.slot_at.strftime(first) if run.slot_at else "-", str(run.reason) if run.state is RunState.SKIPPED else "run")
        for run in await runs(fleet)
    ]


async def notices(fleet: Fleet, kind: str | None = None) -> list[Notice]:
    return await fleet.store.notices.list(kind=kind)


async def round_of(*nodes: Node) -> None:
    for node in nodes:
        await node.tick("scheduler")


@pytest.mark.scenario("S3-61")
async def test_a_slot_becomes_an_ordinary_run(fleet: Fleet) -> None:
    node = await fleet.node("a", [scheduled(cron("0 * * * *", jitter=0))])
    assert await node.once("scheduler") == LONGEST  # nothing is due soon
    await to(fleet, START + HOUR - timedelta(seconds=1))
    assert 0.9 < await node.once("scheduler") <= 1.0  # it wakes with the slot, not a while after it
    await to(fleet, START + HOUR)
    await node.tick("heartbeat", "scheduler", "worker")
    await fleet.loop.settle()
    await node.worker.recorder.flushed()
    [run] = await runs(fleet)
    assert (run.task, run.origin, run.slot_at, run.state) == ("report", "schedule", START + HOUR, RunState.COMPLETED)
    assert (await fleet.store.schedules.get("report")).last_run_id == run.id


@pytest.mark.scenario("S1")
async def test_a_year_of_days_with_rounds_that_take_91_seconds(fleet: Fleet) -> None:
    node = await fleet.node("a", [scheduled(cron("0 0 * * *"))])
    assert node.runner.scheduler is not None
    for day in range(1, 366):
        midnight = START + day * DAY
        fleet.clock.advance(midnight - fleet.clock.now() - timedelta(seconds=day % 91 + 91))
        for _ in range(4):  # whatever part of a round lies before midnight: the one after it is up to 91 seconds late
            await node.runner.scheduler.tick()
            fleet.clock.advance(91)
    assert [(run.slot_at, run.state) for run in await runs(fleet)] == [(START + day * DAY, RunState.PENDING) for day in range(1, 366)]


@pytest.mark.scenario("S2")
@pytest.mark.scenario("B-04")
async def test_three_nodes_fire_each_slot_once(fleet: Fleet) -> None:
    nodes = [await fleet.node(name, [scheduled(cron("*/5 * * * *"))], host=name) for name in "abc"]
    for minutes in range(0, 61, 5):
        await to(fleet, START + minutes * MINUTE + timedelta(milliseconds=minutes))
        await asyncio.gather(*(node.do(node.runner.scheduler.tick()) for node in nodes if node.runner.scheduler is not None))
    assert await told(fleet, "%M") == [(f"{minutes % 60:02}", "run") for minutes in range(5, 61, 5)]
    slots = await fleet.rows("select schedule_id, slot_at from mainspring.hot_runs")
    with pytest.raises(Exception, match=r"(?i)unique"):  # and the database itself has the last word
        await fleet.rows(
            "insert into mainspring.hot_runs (id, created_at, ready_at, state, task, schedule_id, slot_at) values "
            f"('x', 1, 1, 3, 'report', {slots[0]['schedule_id']}, {slots[0]['slot_at']})"
        )


@pytest.mark.parametrize("when_", ["before", "after"])
async def test_a_statement_whose_answer_is_lost_fires_no_slot_twice(fleet: Fleet, when_: str) -> None:
    node = await fleet.node("a", [scheduled(cron("0 * * * *"))])
    await to(fleet, START + HOUR)
    node.line.fail("schedules_fire", "before" if when_ == "before" else "after")
    with pytest.raises(Exception, match="was to fail"):
        await node.once("scheduler")
    await round_of(node)
    assert await told(fleet) == [("01 01:00", "run")]


@pytest.mark.parametrize("point", ["before_fire", "after_fire_commit"])
async def test_a_scheduler_that_dies_leaves_slots_whole(fleet: Fleet, point: str) -> None:
    tasks = [scheduled(cron("0 * * * *"))]
    dead, other = await fleet.node("a", tasks), await fleet.node("b", tasks, host="b")
    await to(fleet, START + HOUR)

    def die(reached: str) -> None:
        if reached == point:
            fleet.on_fault = lambda point: None
            dead.crash()
            raise RuntimeError(reached)

    fleet.on_fault = die
    with pytest.raises(Exception, match=r"."):
        await dead.once("scheduler")
    await round_of(other)
    assert await told(fleet) == [("01 01:00", "run")]


@pytest.mark.scenario("B-13")
async def test_the_next_slot_is_on_time_after_a_crash_during_a_run(fleet: Fleet) -> None:
    tasks = [scheduled(cron("*/10 * * * *"), seconds=300)]
    first = await fleet.node("a", tasks)
    await to(fleet, START + 10 * MINUTE)
    await first.tick("heartbeat", "scheduler", "worker")
    await fleet.advance(5)
    first.crash()
    second = await fleet.node("b", tasks)
    await to(fleet, START + 20 * MINUTE)
    await second.tick("heartbeat", "scheduler")
    found = await runs(fleet)
    assert [run.slot_at for run in found] == [START + 10 * MINUTE, START + 20 * MINUTE]
    assert second.runner.scheduler is not None and second.runner.scheduler.lag < 0.1


async def test_lag_and_counts_are_told(fleet: Fleet) -> None:
    node = await fleet.node("a", [scheduled(every("10s", misfire="skip"))])
    scheduler = node.runner.scheduler
    assert scheduler is not None and scheduler.lag == 0.0
    await fleet.advance(10.5)
    await round_of(node)
    assert scheduler.lag == pytest.approx(0.5)
    await fleet.advance(300)
    await round_of(node)
    assert scheduler.counts == {"fired": 2, "missed": 29}
    await fleet.advance(301)
    assert scheduler.lag == 0.0  # that was long ago


async def test_driven_nodes_fire_at_the_moment(fleet: Fleet) -> None:
    await fleet.node("a", [scheduled(every("7s"))], drives=True)
    await fleet.advance(71)
    found = await runs(fleet)
    assert len(found) == 10
    for run in found:
        assert run.slot_at is not None and run.created_at - run.slot_at < timedelta(milliseconds=50)
        assert run.state is RunState.COMPLETED
        assert run.started_at is not None and run.started_at - run.slot_at < timedelta(milliseconds=100)


async def test_many_slots_are_prepared_shared_out_and_fired_at_once(fleet: Fleet) -> None:
    tasks = [scheduled(*(cron("* * * * *", name=f"s{number:03}") for number in range(600)), name="many")]
    nodes = [await fleet.node(name, tasks, host=name) for name in "abc"]
    await to(fleet, START + MINUTE - timedelta(seconds=2))
    for node in nodes:
        await node.once("heartbeat")
        assert 1.9 < await node.once("scheduler") <= 2.0  # each has made ready its part
    assert await runs(fleet) == []
    changed = await fleet.store.schedules.pause("s000")
    nodes[2].crash()
    await to(fleet, START + MINUTE)
    for node in nodes[:2]:
        await node.once("scheduler")
    first = await runs(fleet)
    assert 399 <= len(first) <= 400  # theirs, without what was changed meanwhile
    await fleet.advance(0.4)
    for node in nodes[:2]:  # and a moment later those of the one that is gone
        await node.tick("heartbeat", "scheduler")
    found = await runs(fleet)
    assert len(found) == len({run.schedule_id for run in found}) == 599
    assert changed.id not in {run.schedule_id for run in found}
    assert nodes[0].line.calls["schedules_fire"] + nodes[1].line.calls["schedules_fire"] <= 6


async def test_what_was_prepared_long_ago_is_thrown_away(fleet: Fleet) -> None:
    tasks = [scheduled(*(cron("* * * * *", name=f"s{number:03}", misfire="skip") for number in range(250)), name="many")]
    node = await fleet.node("a", tasks)
    await to(fleet, START + MINUTE - timedelta(seconds=2))
    await node.once("scheduler")
    await to(fleet, START + 10 * MINUTE - timedelta(seconds=50))  # it was asleep
    await node.tick("heartbeat", "scheduler")
    told_first = [(slot, what) for (slot, what), run in zip(await told(fleet), await runs(fleet), strict=True) if run.schedule_id == 1]
    assert told_first == [(f"01 00:{minute:02}", "missed" if minute < 9 else "run") for minute in range(1, 10)]


async def test_slots_fire_although_making_them_ready_takes_longer_than_it_keeps(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a process gets little time, what is ready goes at once, or all would be thrown away and made anew for ever."""
    monkeypatch.setattr("mainspring.engine.scheduler.MANY", 2)
    monkeypatch.setattr("mainspring.engine.scheduler.TOGETHER", 2)
    node = await fleet.node("a", [scheduled(*(cron("0 * * * *", name=f"report{number}") for number in range(8)))])
    assert node.runner.scheduler is not None
    schedules = node.runner.scheduler._store.schedules
    prepare = schedules.prepare

    async def slowly(*given: Any, **options: Any) -> Any:
        await asyncio.sleep(3)
        return await prepare(*given, **options)

    monkeypatch.setattr(schedules, "prepare", slowly)
    await to(fleet, START + HOUR - timedelta(seconds=1))
    for _ in range(3):
        await node.once("scheduler")
    assert await told(fleet) == [("01 01:00", "run")] * 8


async def test_a_hint_wakes_who_sleeps_until_a_later_slot(fleet: Fleet) -> None:
    body = scheduled(cron("0 0 1 1 *"))
    await fleet.node("a", [body], drives=True)
    client = await fleet.client([body])
    await fleet.advance(1)
    held = await client._opening.opened()
    await held.store.schedules.override("report", every("1s"), client._enqueuer.scheduled)
    await held.bus.scheduled()
    await fleet.advance(3.5)
    assert 3 <= len(await runs(fleet)) <= 4
    await client.close()


# -- what stands in the way


@pytest.mark.scenario("V8", part="schedules")
async def test_maintenance_is_a_reason_for_each_slot(fleet: Fleet) -> None:
    node = await fleet.node("a", [scheduled(cron("*/10 * * * *"))])
    await fleet.store.modes.put("maintenance", {"is_on": True})
    await to(fleet, START + 10 * MINUTE)
    await node.tick("heartbeat", "scheduler")
    await fleet.store.modes.clear("maintenance")
    await to(fleet, START + 20 * MINUTE)
    await node.tick("heartbeat", "scheduler")
    assert await told(fleet) == [("01 00:10", "maintenance"), ("01 00:20", "run")]


async def test_slots_of_a_task_that_is_switched_off_are_recorded(fleet: Fleet) -> None:
    node = await fleet.node("a", [scheduled(cron("*/10 * * * *"))])
    await fleet.store.switches.put("report", False)
    await to(fleet, START + 10 * MINUTE)
    await node.tick("switches", "scheduler")
    assert await told(fleet) == [("01 00:10", "task_disabled")]


async def test_a_node_that_leaves_or_is_paused_fires_nothing(fleet: Fleet) -> None:
    node = await fleet.node("a", [scheduled(cron("*/10 * * * *"))])
    node.runner.presence.is_paused = True
    await to(fleet, START + 10 * MINUTE)
    await round_of(node)
    assert await told(fleet) == []
    node.runner.presence.is_paused = False
    await round_of(node)
    assert await told(fleet) == [("01 00:10", "run")]


async def test_parameters_that_no_longer_fit_are_told(fleet: Fleet) -> None:
    @task(name="report", schedule=cron("0 * * * *", params={"a": 1}), overlap="allow")
    async def body(a: int) -> None: ...

    node = await fleet.node("a", [body])
    await fleet.store.schedules.override("report", cron("0 * * * *", params={"b": 1}))
    await to(fleet, START + HOUR)
    await round_of(node)
    assert await told(fleet) == [("01 01:00", "refused")]
    [notice] = await notices(fleet, "schedule_error")
    assert "a" in notice.data["why"] and notice.object == "schedule:report"


async def test_a_schedule_of_another_nodes_code_is_left_to_it(fleet: Fleet) -> None:
    here = await fleet.node("a", [scheduled(cron("0 * * * *"), name="here")])
    there = await fleet.node("b", [scheduled(cron("0 * * * *"), name="there")], host="b")
    await to(fleet, START + HOUR)
    await round_of(here)
    assert [run.task for run in await runs(fleet)] == ["here"]
    assert await here.once("scheduler") > 0.5  # and it does not spin over the other
    await round_of(there)
    assert sorted(run.task for run in await runs(fleet)) == ["here", "there"]


async def test_limits_hold_scheduled_runs_too(fleet: Fleet) -> None:
    @task(name="report", schedule=every("1s"), overlap="allow", concurrency=1, timeout="1h")
    async def body() -> None:
        await asyncio.sleep(1000)

    node = await fleet.node("a", [body])
    for _ in range(3):
        await fleet.advance(1)
        await node.tick("heartbeat", "scheduler", "limiter", "worker")
    states = Counter(run.state for run in await runs(fleet))
    assert states == {RunState.RUNNING: 1, RunState.BLOCKED: 2}


@pytest.mark.scenario("B-05", part="skip")
async def test_a_slot_is_skipped_while_the_run_before_it_goes_on(fleet: Fleet) -> None:
    @task(name="report", schedule=cron("*/10 * * * *"), timeout="1h")
    async def body() -> None:
        await asyncio.sleep(900)

    await fleet.node("a", [body], drives=True)
    await to(fleet, START + 21 * MINUTE)
    first, second = await runs(fleet)
    assert (first.state, second.state, second.reason) == (RunState.RUNNING, RunState.SKIPPED, "previous_instance_running")
    assert second.blocked_by == first.id
    await to(fleet, START + 31 * MINUTE)
    assert [run.state for run in await runs(fleet)] == [RunState.COMPLETED, RunState.SKIPPED, RunState.RUNNING]


# -- predicates


@pytest.mark.scenario("D5", part="loop")
async def test_a_predicate_decides_slot_by_slot(fleet: Fleet) -> None:
    plain = scheduled(cron("* * * * *"), name="plain")
    node = await fleet.node("a", [scheduled(when(is_high, every="1m")), scheduled(when(is_stuck, every="1m"), name="stuck"), plain])
    answers[:] = [False, True, RuntimeError("no backlog"), True]
    for minutes in range(1, 5):
        await to(fleet, START + minutes * MINUTE)
        await round_of(node)
    assert Counter(run.task for run in await runs(fleet)) == {"report": 2, "plain": 4}
    await fleet.advance(10)  # five seconds are enough for every answer
    found = await notices(fleet, "schedule_error")
    whys = {each.object: each.data["why"] for each in found}
    assert whys["schedule:report"].startswith("RuntimeError: no backlog")
    assert whys["schedule:stuck"] == "the predicate did not answer within 5 s"
    assert [each.object for each in found].count("schedule:stuck") == 1  # an hour's failures are one notice
    assert not [run for run in await runs(fleet) if run.state is RunState.SKIPPED]


async def test_one_node_asks_for_each_slot(fleet: Fleet) -> None:
    nodes = [await fleet.node(name, [scheduled(when(is_high, every="1m"))], host=name) for name in "abc"]
    answers[:] = [True] * 9
    for minutes in range(1, 4):
        await to(fleet, START + minutes * MINUTE)
        await asyncio.gather(*(node.once("scheduler") for node in nodes))
    assert len(asked) == 3
    assert len(await runs(fleet)) == 3


async def test_who_dies_between_question_and_answer_leaves_a_missed_slot(fleet: Fleet) -> None:
    tasks = [scheduled(when(is_high, every="10m"))]
    dead, other = await fleet.node("a", tasks), await fleet.node("b", tasks, host="b")
    answers[:] = [True]

    def die(reached: str) -> None:
        if reached == "after_ask":
            fleet.on_fault = lambda point: None
            dead.crash()

    fleet.on_fault = die
    await to(fleet, START + 10 * MINUTE)
    await dead.once("scheduler")
    await fleet.advance(60)
    await other.tick("heartbeat", "scheduler")
    assert await told(fleet) == [("01 00:10", "missed")]


# -- clocks


@pytest.mark.scenario("S16")
@pytest.mark.failure(24)
async def test_a_clock_that_jumps_doubles_nothing_and_is_noted(fleet: Fleet) -> None:
    nodes = [await fleet.node(name, [scheduled(cron("0 * * * *"))], host=name) for name in "ab"]
    for step in (0.0, -7200.0, 7200.0):
        fleet.clock.step(step)
        for _ in range(12):
            await fleet.advance(300)
            await round_of(*nodes)
    slots = [slot for slot, what in await told(fleet)]
    assert slots == [f"01 {hour:02}:00" for hour in range(1, 4)]
    assert {what for _, what in await told(fleet)} == {"run"}
    jumps = [each.data["seconds"] for each in reversed(await notices(fleet, "clock_jumped"))]
    assert jumps == [-7200.0, 7200.0]  # one for each, though two nodes saw it


# -- who knows what


@pytest.mark.scenario("D8")
async def test_a_schedule_without_code_is_orphaned_and_comes_back(fleet: Fleet) -> None:
    old = await fleet.node("old", [scheduled(cron("*/10 * * * *"), name="gone"), scheduled(cron("*/10 * * * *"), name="stays")])
    await to(fleet, START + 10 * MINUTE)
    await old.tick("heartbeat", "scheduler")
    new = await fleet.node("new", [scheduled(cron("*/10 * * * *"), name="stays")], host="new")
    for _ in range(10):
        await fleet.advance(30)
        await old.tick("heartbeat", "scheduler")
        await new.tick("heartbeat", "scheduler")
    assert (await fleet.store.schedules.get("gone")).state is ScheduleState.ACTIVE  # the old node still knows it
    await old.do(old.runner.stop(0.0))
    for _ in range(8):
        await fleet.advance(30)
        await new.tick("heartbeat", "scheduler")
    record = await fleet.store.schedules.get("gone")
    assert (record.state, record.next_at) == (ScheduleState.ORPHANED, None)
    assert (await fleet.store.schedules.get("stays")).state is ScheduleState.ACTIVE
    [alert] = await notices(fleet, "schedule_orphaned")
    assert (alert.object, str(alert.severity)) == ("schedule:gone", "alert")
    await to(fleet, START + 45 * MINUTE)
    await new.tick("heartbeat", "scheduler")
    assert [run.slot_at for run in await runs(fleet) if run.task == "gone"] == [START + 10 * MINUTE]  # its history is kept
    back = await fleet.node("back", [scheduled(cron("*/10 * * * *"), name="gone")], host="back")
    await back.tick("heartbeat", "scheduler")
    assert (await fleet.store.schedules.get("gone")).state is ScheduleState.ACTIVE
    assert len(await notices(fleet, "schedule_back")) == 1
    found = [(slot, what) for (slot, what), run in zip(await told(fleet), await runs(fleet), strict=True) if run.task == "gone"]
    assert found == [("01 00:10", "run"), ("01 00:20", "missed"), ("01 00:30", "missed"), ("01 00:40", "run")]


async def test_code_of_several_releases_side_by_side(fleet: Fleet) -> None:
    """A rolling deploy: the old node goes on beside the new one and fires by what holds now, each slot once."""
    old = await fleet.node("old", [scheduled(cron("*/10 * * * *"))])
    await to(fleet, START + 10 * MINUTE)
    await round_of(old)
    new = await fleet.node("new", [scheduled(cron("*/15 * * * *"))], host="new")
    for minutes in range(15, 61, 5):
        await to(fleet, START + minutes * MINUTE)
        await asyncio.gather(old.once("scheduler"), new.once("scheduler"))
    assert [slot for slot, _ in await told(fleet)] == ["01 00:10", "01 00:15", "01 00:30", "01 00:45", "01 01:00"]


def test_the_start_is_a_full_hour() -> None:
    assert datetime(2030, 1, 1, tzinfo=UTC) == START
