"""The pulse: one bounded round of a node's loops, on virtual time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterable
from typing import Any

import pytest

from mainspring import Context, Mainspring, Retry, Task, cron, every, service, task, when
from mainspring.core.errors import Conflict, InvalidParams, StoreUnavailable, UnknownTask
from mainspring.core.pulse import LEASE_BEYOND, PulseReport, PulseState, Why
from mainspring.core.role import Role
from mainspring.engine.runner import Runner
from mainspring.testing.virtual import Place, place
from tests.fleet import Fleet, Line

done: list[Any] = []
here: list[Mainspring] = []  # the app of a test, for bodies that enqueue


@pytest.fixture(autouse=True)
def _fresh() -> None:
    done.clear()
    here.clear()


@task(timeout="2s")
async def short(n: int = 0) -> int:
    await asyncio.sleep(1.0)
    done.append(n)
    return n


@task(timeout="5s")
async def middling() -> None:
    done.append("middling")


@task(timeout="1m")
async def long() -> None:
    done.append("long")


@task
async def bare() -> None:
    """Has no timeout of its own: that of the settings."""
    done.append("bare")


@task(timeout="3s")
async def stuck(ctx: Context) -> None:
    for _ in range(10):  # more often than anybody asks
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            done.append(ctx.attempt)


@task(timeout="2s")
async def chain(n: int) -> None:
    done.append(n)
    if n:
        await here[0].enqueue(chain, n - 1)


@task(timeout="2s", concurrency=1)
async def lone(n: int) -> None:
    done.append(n)


@task(timeout="2s", retry=Retry(retries=2, delay="0s", jitter=False))
async def shaky(ctx: Context) -> None:
    done.append(ctx.attempt)
    if ctx.attempt < 3:
        raise RuntimeError("not yet")


@task(timeout="1s")
async def needs(what: str) -> None:
    done.append(what)


@service
async def watch(ctx: Context) -> None:
    done.append("watch")


class Function:
    """One instance of a serverless function: an app, its line to the store, and a process that may be killed."""

    def __init__(self, fleet: Fleet, name: str, tasks: Iterable[Task[..., Any]], **settings: Any) -> None:
        self.fleet = fleet
        self.app: Mainspring
        self.line: Line
        self.app, self.line = fleet.app(name, tasks, **settings)
        self.place = Place(name)
        self._context = contextvars.copy_context()
        self._context.run(place.set, self.place)

    def begin(self, **options: Any) -> asyncio.Task[PulseReport]:
        return self.fleet.loop.create_task(self.app.pulse(**options), context=self._context)

    @property
    def runner(self) -> Runner:
        held = self.app._opening.now
        assert held is not None
        assert held.runner is not None
        return held.runner

    def kill(self) -> None:
        """End the process, with its whole host: nobody can ask for its lock file."""
        lock = self.runner.heartbeat.lock
        assert lock is not None
        lock.path.unlink()
        self.fleet.loop.kill(self.place)


async def made(fleet: Fleet, *tasks: Task[..., Any], name: str = "function", **settings: Any) -> Function:
    await fleet.database.open()
    return Function(fleet, name, tasks or (short, middling, long, bare), **settings)


def reasons(report: PulseReport) -> dict[str, tuple[int, Why]]:
    return {each.task: (each.runs, each.reason) for each in report.deferred}


@pytest.mark.scenario("V1")
async def test_a_hundred_due_tasks_and_ten_seconds(fleet: Fleet) -> None:
    function = await made(fleet, max_concurrent=5)
    runs = await function.app.enqueue_many(short, [{"n": n} for n in range(100)])
    began = fleet.loop.time()
    report = await function.app.pulse(budget="10s")
    assert fleet.loop.time() - began < 10
    assert report.duration.total_seconds() < 10
    assert report.is_ok
    assert (report.executed, report.succeeded, report.failed, report.given_back) == (len(done), len(done), 0, 0)
    assert 25 <= report.executed <= 40  # five at a time for eight seconds, and none is begun that might not end
    assert report.remaining == 100 - report.executed
    assert reasons(report) == {"short": (report.remaining, Why.NO_ROOM)}
    assert report.is_more
    assert sorted(await fleet.states(runs)) == ["completed"] * report.executed + ["pending"] * report.remaining
    pulses = 1
    while (await function.app.pulse(budget="10s")).is_more:
        pulses += 1
    assert pulses <= 4
    assert sorted(done) == list(range(100))
    assert set(await fleet.states(runs)) == {"completed"}
    assert {(await fleet.get(run)).attempt for run in runs} == {1}


@pytest.mark.scenario("V2")
async def test_what_might_not_end_in_time_is_not_begun_and_the_reason_is_told(fleet: Fleet) -> None:
    function = await made(fleet, max_concurrent=1)
    runs = [await function.app.enqueue(each) for each in (long, bare, short, middling)]
    report = await function.app.pulse(budget="6s")  # 4.8 s of work
    assert done == [0]
    assert reasons(report) == {"long": (1, Why.TOO_LONG), "bare": (1, Why.TOO_LONG), "middling": (1, Why.TOO_LONG)}
    assert not report.is_more  # a pulse of this budget would never begin them
    assert next(each.timeout for each in report.deferred if each.task == "middling") == middling.spec.timeout
    report = await function.app.pulse(budget="8s")
    assert done == [0, "middling"]
    assert reasons(report) == {"long": (1, Why.TOO_LONG), "bare": (1, Why.TOO_LONG)}
    states = [await fleet.get(run) for run in runs]
    assert [(run.state, run.attempt) for run in states[:2]] == [("pending", 0)] * 2


@pytest.mark.scenario("V2")
async def test_a_fresh_pulse_has_room_again(fleet: Fleet) -> None:
    function = await made(fleet, max_concurrent=1)
    for task_ in (short, short, middling):
        await function.app.enqueue(task_)
    report = await function.app.pulse(budget="8s")  # 6.4 s of work: two are left for the third after the first two
    assert reasons(report) == {"middling": (1, Why.NO_ROOM)}
    assert report.is_more
    assert not (await function.app.pulse(budget="8s")).is_more
    assert done == [0, 0, "middling"]


@pytest.mark.scenario("V3")
@pytest.mark.parametrize("budget", [10, 30])
async def test_what_a_killed_function_had_in_hand_is_recovered_by_the_next_pulse(fleet: Fleet, budget: int) -> None:
    first = await made(fleet, short, name="first")
    runs = await first.app.enqueue_many(short, [{"n": n} for n in range(3)])
    began = fleet.loop.time()
    beating = first.begin(budget=f"{budget}s")
    await fleet.advance(0.5)
    assert await fleet.states(runs) == ["running"] * 3
    first.kill()
    second = await made(fleet, short, name="second")
    await second.app.pulse(budget="10s")  # too early: nobody can know whether the first one still works
    assert await fleet.states(runs) == ["running"] * 3
    await fleet.advance(60 - (fleet.loop.time() - began))  # the platform calls once a minute
    report = await second.app.pulse(budget="10s")
    assert (report.executed, report.succeeded) == (3, 3)
    assert await fleet.states(runs) == ["completed"] * 3
    assert sorted(done) == [0, 1, 2]
    assert not beating.done()
    health = await second.app.pulse_health()
    assert (health.state, health.judged, health.succeeded) == (PulseState.HEALTHY, 3, 2)
    killed = (await fleet.store.pulses.page())[-1]
    assert (killed.is_ok, killed.error, killed.finished_at) == (False, "killed", None)
    (notice,) = await fleet.store.notices.list(object_="pulse")
    assert (notice.kind, notice.data) == ("pulse_killed", {"pulses": [killed.id]})


async def test_a_pulse_that_lives_is_never_taken_for_dead(fleet: Fleet) -> None:
    first = await made(fleet, short, stuck, name="first")
    await first.app.enqueue(short, 7)
    first.begin(budget="20s")
    await fleet.advance(0.5)
    second = await made(fleet, short, stuck, name="second")
    await second.app.pulse(budget="2s")
    await fleet.advance(5)
    assert done == [7]


@pytest.mark.scenario("V4")
@pytest.mark.failure(31)
async def test_pulses_at_once_carry_out_each_run_once(fleet: Fleet) -> None:
    functions = [await made(fleet, short, name=f"f{n}", max_concurrent=3) for n in range(4)]
    runs = await functions[0].app.enqueue_many(short, [{"n": n} for n in range(40)])
    reports = await asyncio.gather(*(each.begin(budget="10s") for each in functions))
    assert sum(report.executed for report in reports) == 40
    assert sorted(done) == list(range(40))
    assert set(await fleet.states(runs)) == {"completed"}
    assert all(report.is_ok for report in reports)


@pytest.mark.scenario("V4")
async def test_pulses_at_once_in_one_process_take_turns_within_their_budgets(fleet: Fleet) -> None:
    function = await made(fleet, short, max_concurrent=1)
    await function.app.enqueue_many(short, [{"n": n} for n in range(20)])
    began = fleet.loop.time()
    reports = await asyncio.gather(function.begin(budget="6s"), function.begin(budget="6s"), function.begin(budget="12s"))
    assert fleet.loop.time() - began < 12
    assert all(report.duration < report.budget for report in reports)
    executed = [report.executed for report in reports]
    assert executed[1] == 0  # all its time had gone to the first, which did the same
    assert reports[1].is_more
    assert sum(executed) == len(done) == len(set(done))
    assert executed[2] > 0


@pytest.mark.scenario("V5")
async def test_a_dry_run_tells_what_is_due_and_writes_nothing(fleet: Fleet) -> None:
    function = await made(fleet, short, long, lone)
    app = function.app
    await app.open()
    runs = [await app.enqueue(short), await app.enqueue(long), await app.enqueue(short.options(delay="1s"))]
    await app.enqueue(lone, 1)
    await fleet.advance(2)
    await (await app.store()).queues.pause("other")
    await app.enqueue(short.options(queue="other"))
    before = [await fleet.get(run) for run in runs]
    tables = [row["name"] for row in await fleet.rows("select name from sqlite_master where type = 'table'")]
    was = {table: await fleet.rows(f"select * from {table}") for table in tables}
    report = await app.pulse(budget="10s", dry_run=True)
    assert {table: await fleet.rows(f"select * from {table}") for table in tables} == was
    assert (report.id, report.is_dry_run, report.executed, report.is_more) == (None, True, 0, True)
    assert [(each.task, each.runs) for each in report.due] == [("short", 2)]
    assert {(each.task, each.runs, each.reason) for each in report.deferred} == {
        ("long", 1, Why.TOO_LONG), ("short", 1, Why.PAUSED), ("lone", 1, Why.WAITS),
    }  # fmt: skip
    assert [await fleet.get(run) for run in runs] == before
    assert done == []


@pytest.mark.scenario("V5")
async def test_names_choose_and_force_and_are_checked(fleet: Fleet) -> None:
    function = await made(fleet, short, middling, needs)
    app = function.app
    for each in (short, middling):
        await app.enqueue(each)
    with pytest.raises(UnknownTask, match="midling"):
        await app.pulse(only=["midling"])
    with pytest.raises(UnknownTask, match="nothing"):
        await app.pulse(force=["short", "nothing"])
    with pytest.raises(InvalidParams, match="what"):
        await app.pulse(force=["short", "needs"])
    assert (await fleet.store.pulses.page(), done) == ([], [])
    report = await app.pulse(budget="10s", only=["middling"])
    assert done == ["middling"]
    assert reasons(report) == {"short": (1, Why.LEFT_OUT)}
    assert not report.is_more
    report = await app.pulse(budget="10s", only=["middling"], force=["middling"])
    assert done == ["middling", "middling"]
    assert [(await fleet.get(run)).origin for run in report.forced] == ["pulse"]
    await app.pulse(budget="10s")
    assert done == ["middling", "middling", 0]


@pytest.mark.scenario("V5")
async def test_force_respects_the_switch(fleet: Fleet) -> None:
    function = await made(fleet, short, middling)
    await function.app.switch("short", False)
    report = await function.app.pulse(budget="10s", force=["short", "middling"])
    assert done == ["middling"]
    assert reasons(report) == {"short": (1, Why.DISABLED)}
    assert len(report.forced) == 1


@pytest.mark.scenario("P5")
async def test_services_never_run_in_a_pulse(fleet: Fleet) -> None:
    function = await made(fleet, short, watch)
    await function.app.enqueue(short)
    report = await function.app.pulse(budget="10s")
    assert (done, report.is_ok) == ([0], True)
    assert "supervisor" not in {
        loop.name for loop in function.app._make_runner(await function.app._opening.opened(), role=_pulse()).loops()
    }


def _pulse() -> Any:
    from mainspring.core.role import Role

    return Role.PULSE


async def test_a_body_that_does_not_end_cannot_hold_up_the_answer(fleet: Fleet) -> None:
    function = await made(fleet, stuck, short)
    run = await function.app.enqueue(stuck)
    began = fleet.loop.time()
    report = await function.app.pulse(budget="5s")
    assert fleet.loop.time() - began < 5
    assert report.duration < report.budget
    assert (await fleet.get(run)).state != "running"


async def test_what_follows_at_once_belongs_to_the_same_pulse(fleet: Fleet) -> None:
    function = await made(fleet, chain, lone, shaky)
    here.append(function.app)
    await function.app.enqueue(chain, 3)
    await function.app.enqueue_many(lone, [{"n": 100 + n} for n in range(5)])
    report = await function.app.pulse(budget="10s")
    assert sorted(done) == [0, 1, 2, 3, 100, 101, 102, 103, 104]
    assert (report.remaining, report.is_more, report.next_in) == (0, False, None)
    done.clear()
    await function.app.enqueue(shaky)
    report = await function.app.pulse(budget="10s")
    assert done == [1, 2, 3]
    assert (report.executed, report.succeeded, report.failed, report.is_ok) == (3, 1, 2, True)


async def test_what_is_due_later_is_not_waited_for_but_told(fleet: Fleet) -> None:
    function = await made(fleet, short)
    await function.app.enqueue(short.options(delay="3s"))
    began = fleet.loop.time()
    report = await function.app.pulse(budget="10s")
    assert fleet.loop.time() - began < 0.5
    assert report.next_in is not None
    assert 2.5 < report.next_in.total_seconds() <= 3
    assert (report.executed, report.remaining) == (0, 0)


async def test_a_pulse_leaves_nothing_behind(fleet: Fleet) -> None:
    function = await made(fleet, short)
    await function.app.enqueue(short)
    await function.app.pulse(budget="10s")
    (node,) = await fleet.store.nodes.list()
    assert (node.state, node.facts["role"]) == ("stopped", "pulse")
    assert not list(fleet.locks.glob("*.lock"))
    (record,) = await fleet.store.pulses.page()
    assert (record.source, record.executed, record.is_ok) == ("api", 1, True)


async def test_an_empty_pulse_asks_little_of_the_store(fleet: Fleet) -> None:
    function = await made(fleet, short)
    await function.app.pulse(budget="10s")
    function.line.calls.clear()
    report = await function.app.pulse(budget="10s")
    assert report.executed == 0
    assert sum(function.line.calls.values()) <= 40
    assert max(function.line.calls.values()) <= 2, function.line.calls


async def test_old_things_are_cleared_away_at_times(fleet: Fleet) -> None:
    function = await made(fleet, short)

    async def asked() -> set[str]:
        function.line.calls.clear()
        assert (await function.app.pulse(budget="5s")).is_ok
        return set(function.line.calls)

    seen = [await asked() for _ in range(11)]
    upkeep = seen[0] - seen[1]
    assert {"retention_look", "notices_prune", "sweep_page"} <= upkeep
    assert [upkeep <= calls for calls in seen] == [True, *[False] * 9, True]
    await fleet.advance(300)  # who beats rarely does it each time
    assert upkeep <= await asked()


async def test_a_process_that_only_serves_beats_and_goes_on_serving(fleet: Fleet) -> None:
    function = await made(fleet, short)
    serving = await function.app.start_runner(role=Role.SERVE)
    assert (await function.app.pulse(budget="5s", force=["short"])).executed == 1
    assert function.runner is serving
    held = await function.app._opening.opened()
    assert held.bus.on_commanded == serving.drivers["heartbeat"].wake.set
    assert not serving.stopped.is_set()
    await function.app.close()


async def test_a_store_that_goes_away_is_told_and_remembered_where_that_is_possible(fleet: Fleet) -> None:
    function = await made(fleet, short)
    await function.app.pulse(budget="10s")
    function.line.fail("runs_next_due", "before")
    with pytest.raises(StoreUnavailable):
        await function.app.pulse(budget="10s")
    latest = (await fleet.store.pulses.page())[0]
    assert (latest.is_ok, "StoreUnavailable" in (latest.error or "")) == (False, True)
    assert (await function.app.pulse_health()).state is PulseState.WARNING
    assert [notice.kind for notice in await fleet.store.notices.list(object_="pulse")] == ["pulse_failed"]
    for _ in range(2):
        function.line.fail("runs_next_due", "before")
        with pytest.raises(StoreUnavailable):
            await function.app.pulse(budget="10s")
    assert (await function.app.pulse_health()).state is PulseState.CRITICAL
    assert (await function.app.pulse(budget="10s")).is_ok
    kinds = [notice.kind for notice in await fleet.store.notices.list(object_="pulse")]
    assert kinds == ["pulse_recovered", "pulse_critical", "pulse_failed"]


async def test_a_loop_that_fails_does_not_keep_the_others_from_turning(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    function = await made(fleet, short)
    await function.app.enqueue(short)

    async def broken(self: Any) -> float:
        raise ValueError("a bug")

    monkeypatch.setattr("mainspring.engine.promoter.Promoter.tick", broken)
    report = await function.app.pulse(budget="10s")
    assert (report.executed, report.is_ok, dict(report.errors)) == (1, False, {"promoter": "ValueError: a bug"})


@pytest.mark.scenario("V7")
async def test_missed_pulses_are_told_by_the_next_one(fleet: Fleet) -> None:
    function = await made(fleet, short)
    await function.app.pulse(budget="10s")
    await fleet.advance(600)
    health = await function.app.pulse_health()
    assert (health.state, health.missed) == (PulseState.STALE, 10)
    await function.app.pulse(budget="10s")
    (notice,) = await fleet.store.notices.list(object_="pulse")
    assert (notice.kind, notice.data["missed"]) == ("pulse_missed", 10)
    assert (await function.app.pulse_health()).state is PulseState.HEALTHY
    await fleet.advance(600)
    runner = await fleet.node("runner", [short], drives=True)  # it does all of it all the time
    assert (await function.app.pulse_health()).state is PulseState.HEALTHY
    assert runner.lives


async def test_a_process_that_works_needs_no_pulse_and_one_that_waits_for_runs_gets_one(fleet: Fleet) -> None:
    function = await made(fleet, short)
    async with function.app.worker():
        with pytest.raises(Conflict, match="works already"):
            await function.app.pulse(budget="10s")
    assert await function.app.run(short, 5) == 5
    await function.app.enqueue(short, 6)
    await function.app.pulse(budget="10s")
    assert await function.app.run(short, 7) == 7
    assert done == [5, 6, 7]
    await function.app.close()


async def test_a_request_counts_once(fleet: Fleet) -> None:
    function = await made(fleet, short)
    await function.app.pulse(budget="10s", request="mark")
    with pytest.raises(Conflict, match="taken before"):
        await function.app.pulse(budget="10s", request="mark")
    assert len(await fleet.store.pulses.page()) == 1


def test_the_lease_is_short_enough_for_a_pulse_a_minute() -> None:
    longest_of_a_minute = 50
    assert longest_of_a_minute + LEASE_BEYOND <= 60


@pytest.mark.parametrize(
    "query", ["pulses_begin", "nodes_register", "runs_next_due", "limits_look", "runs_lanes", "runs_complete", "nodes_stop"]
)
async def test_a_store_that_does_not_answer_cannot_hold_up_the_caller(
    fleet: Fleet, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    function = await made(fleet, short)
    await function.app.enqueue(short)
    await function.app.open()
    through = function.line._through

    async def hang(name: str, call: Any) -> Any:
        if name == query:
            await asyncio.sleep(1000)
        return await through(name, call)

    monkeypatch.setattr(function.line, "_through", hang)
    began = fleet.loop.time()
    try:
        report = await function.app.pulse(budget="8s")
    except StoreUnavailable as error:
        assert "nothing is left of the budget" in str(error)
    else:
        assert report.is_ok == (query == "runs_lanes")  # the worker's own question, at the end of whose patience the time is over
        if query == "limits_look":
            assert (report.executed, list(report.errors)) == (1, ["limiter"])  # the others had their turn
    assert fleet.loop.time() - began <= 8.1
    monkeypatch.undo()
    await fleet.advance(20)
    report = await function.app.pulse(budget="8s")  # and nothing is lost by it
    assert report.is_ok
    assert 0 in done
    assert (await fleet.rows("select count(*) as n from mainspring.hot_runs"))[0]["n"] == 0


@task(timeout="2s", overlap="queue:5")
async def in_line(n: int) -> None:
    done.append(n)


@task(timeout="2s", overlap="skip")
async def alone(ctx: Context) -> None:
    done.append(ctx.run_id)
    await asyncio.sleep(1)


async def test_overlap_policies_hold_in_a_pulse(fleet: Fleet) -> None:
    function = await made(fleet, in_line, alone)
    for n in range(4):
        await function.app.enqueue(in_line, n)
    report = await function.app.pulse(budget="10s")
    assert (done, report.remaining) == ([0, 1, 2, 3], 0)
    done.clear()
    other = await made(fleet, in_line, alone, name="other")
    reports = await asyncio.gather(function.begin(budget="10s", force=["alone"]), other.begin(budget="10s", force=["alone"]))
    assert len(done) == 1
    states = await fleet.states(run for report in reports for run in report.forced)
    assert sorted(states) == ["completed", "skipped"]


# -- schedules


@task(timeout="2s", schedule=every("1m", params={"n": 9}))
async def minutely(n: int) -> None:
    done.append(n)


@task(timeout="2s", schedule=cron("0 3 * * *"))
async def nightly() -> None:
    done.append("nightly")


wanted = [True]


async def is_wanted() -> bool:
    await asyncio.sleep(4)  # longer than a round of a loop may take in a pulse of ten seconds
    return wanted[0]


@task(timeout="2s", schedule=when(is_wanted, every="1m"))
async def asked() -> None:
    done.append("asked")


@pytest.mark.scenario("V4", "S2", part="pulse")
@pytest.mark.failure(31)
async def test_slots_fire_once_whatever_number_of_pulses_comes_at_once(fleet: Fleet) -> None:
    functions = [await made(fleet, minutely, nightly, name=f"f{n}") for n in range(3)]
    assert (await functions[0].app.pulse(budget="5s")).fired == 0  # declared now: the first slot is to come
    for minutes in range(1, 6):
        await fleet.advance(60)
        reports = await asyncio.gather(*(each.begin(budget="5s") for each in functions))
        assert sum(report.fired for report in reports) == 1
        assert done == [9] * minutes
    rows = await fleet.rows("select origin, slot_at from mainspring.history where schedule_id is not null")
    assert {row["origin"] for row in rows} == {"pulse"}
    assert len({row["slot_at"] for row in rows}) == len(rows) == 5


async def test_a_pulse_says_when_the_next_slot_is_due(fleet: Fleet) -> None:
    function = await made(fleet, minutely)
    report = await function.app.pulse(budget="5s")
    assert report.next_in is not None
    assert 0 < report.next_in.total_seconds() <= 60
    assert not report.is_more


@pytest.mark.scenario("V5")
async def test_a_dry_run_lists_the_slots_that_are_due(fleet: Fleet) -> None:
    function = await made(fleet, minutely, nightly)
    await function.app.pulse(budget="5s")
    await fleet.advance(61)
    tables = [row["name"] for row in await fleet.rows("select name from sqlite_master where type = 'table'")]
    was = {table: await fleet.rows(f"select * from {table}") for table in tables}
    report = await function.app.pulse(budget="5s", dry_run=True)
    assert {table: await fleet.rows(f"select * from {table}") for table in tables} == was
    assert [(each.schedule, each.task, each.verdict) for each in report.slots] == [("minutely", "minutely", "fire")]
    assert (report.fired, report.is_more, done) == (0, True, [])
    await function.app.pulse(budget="5s", only=["nightly"])
    assert done == []
    await function.app.pulse(budget="5s", only=["minutely"])
    assert done == [9]


@pytest.mark.scenario("V5")
async def test_force_runs_a_scheduled_task_with_the_parameters_of_its_schedule(fleet: Fleet) -> None:
    function = await made(fleet, minutely, nightly)
    report = await function.app.pulse(budget="5s", force=["minutely", "nightly"])
    assert sorted(map(str, done)) == ["9", "nightly"]
    assert (report.fired, len(report.forced)) == (0, 2)


async def test_a_predicate_is_asked_and_what_it_wants_is_done_in_the_same_pulse(fleet: Fleet) -> None:
    function = await made(fleet, asked)
    await function.app.pulse(budget="10s")
    await fleet.advance(60)
    report = await function.app.pulse(budget="10s")
    assert (done, report.fired, report.executed) == (["asked"], 1, 1)
    wanted[0] = False
    try:
        await fleet.advance(60)
        assert (await function.app.pulse(budget="10s")).fired == 0
    finally:
        wanted[0] = True
    await fleet.advance(60)
    report = await function.app.pulse(budget="2s")  # no time for an answer, which may take five seconds: left to one that has it
    assert (report.fired, report.is_ok) == (0, True)
    assert (await function.app.pulse(budget="10s")).fired == 1


@pytest.mark.scenario("V8", part="pulse")
async def test_under_maintenance_a_pulse_begins_nothing(fleet: Fleet) -> None:
    function = await made(fleet, minutely, short)
    await function.app.pulse(budget="5s")
    await function.app.enqueue(short)
    await fleet.store.modes.put("maintenance", {"is_on": True}, actor="ada", reason="upgrade")
    await fleet.advance(60)
    report = await function.app.pulse(budget="5s")
    assert (done, report.executed, report.fired) == ([], 0, 0)
    assert reasons(report) == {"short": (1, Why.MAINTENANCE)}
