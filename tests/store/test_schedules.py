"""Schedules: slots are accounted for once, whoever does it; and what code and people change."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import ConfigurationError, Conflict, UnknownSchedule
from mainspring.core.firing import SlotReason, account
from mainspring.core.run import NewRun, Run
from mainspring.core.schedule import Schedule, at, cron, every, manual, when
from mainspring.core.schedule_record import ScheduleRecord, ScheduleState
from mainspring.core.state import RunState
from mainspring.store.schedules import TOLERANCE, Fired, ScheduleStore
from tests.store.harness import START, Stage

HOUR = timedelta(hours=1)
TEN = datetime(2031, 3, 4, 10, tzinfo=UTC)  # the first full hour after the clock's start


async def is_backlog_high() -> bool:
    return True


class Book:
    """The schedules of a stage, and a scheduler's round by hand."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.store = stage, stage.store.schedules
        self.refuses: str | None = None

    def make(self, record: ScheduleRecord, slot: datetime | None) -> NewRun:
        if self.refuses is not None:
            raise Conflict(self.refuses)
        return self.stage.new(record.task, params=record.effective.params_json, tenant=record.tenant)

    async def declare(self, **said: Schedule) -> None:
        await self.store.declare({name: (name, schedule) for name, schedule in said.items()}, self.make)

    async def to(self, moment: datetime) -> None:
        await self.stage.clock.advance((moment - self.stage.clock.now).total_seconds())

    async def tick(self, silent: SlotReason | None = None, records: Sequence[ScheduleRecord] | None = None) -> Fired:
        look = await self.store.look()
        due = await self.store.due(look.now) if records is None else records
        fired = await self.store.fire([account(each, look.now, TOLERANCE, silent=silent) for each in due], self.make)
        self.stage.added |= {run.id for run in fired.runs}
        return fired

    async def runs(self) -> list[Run]:
        """Return everything that is or was a run or a record, by slot."""
        found = await self.stage.runs.page(n=1000, scope=EVERYTHING)
        return sorted(found, key=lambda run: (run.slot_at or run.created_at, run.id))

    async def told(self) -> list[tuple[str, str]]:
        """Return what became of each slot: its time, and ``run`` or the reason of its record."""
        return [
            (f"{run.slot_at:%d %H:%M:%S}" if run.slot_at else "-", str(run.reason) if run.state is RunState.SKIPPED else "run")
            for run in await self.runs()
        ]

    async def meta(self) -> list[Any]:
        rows = await self.stage.sql("select meta from mainspring.history where meta is not null order by slot_at")
        return [json.loads(row["meta"]) for row in rows]


@pytest.fixture
def book(stage: Stage) -> Book:
    return Book(stage)


async def test_a_slot_fires_once_and_the_next_is_known(book: Book) -> None:
    await book.declare(report=cron("0 * * * *", params={"a": 1}))
    record = await book.store.get("report")
    assert (record.state, record.cursor_at, record.next_slot, record.next_at) == (ScheduleState.ACTIVE, START, TEN, TEN)
    assert (await book.tick()).won == frozenset()
    assert (await book.store.look()).next_at == TEN
    await book.to(TEN)
    fired = await book.tick()
    [run] = await book.runs()
    assert [each.id for each in fired.runs] == [run.id]
    assert (run.task, run.params, run.slot_at, run.run_at) == ("report", '{"a":1}', TEN, TEN)
    assert (run.origin, run.schedule_id) == ("schedule", record.id)
    assert run.state is RunState.PENDING
    record = await book.store.get("report")
    assert (record.cursor_at, record.next_slot) == (TEN, TEN + HOUR)
    assert (record.last_slot, record.last_run_id, record.fired_at) == (TEN, run.id, TEN)
    assert (await book.tick()).won == frozenset()
    assert len(await book.stage.claim(await book.stage.node())) == 1  # it is ready at once


@pytest.mark.scenario("S4", part="store")
@pytest.mark.parametrize("late", [0.0, 59.999])
async def test_a_slot_is_due_from_its_first_instant_on(book: Book, late: float) -> None:
    await book.declare(daily=cron("0 0 * * *"))
    midnight = datetime(2031, 3, 5, tzinfo=UTC)
    await book.to(midnight - timedelta(microseconds=1))
    assert not (await book.tick()).runs
    await book.to(midnight + timedelta(seconds=late))
    assert [run.slot_at for run in (await book.tick()).runs] == [midnight]
    assert await book.told() == [("05 00:00:00", "run")]


@pytest.mark.scenario("S3")
async def test_a_restart_does_not_repeat_a_slot(book: Book) -> None:
    said = {"daily": cron("0 0 * * *")}
    await book.declare(**said)
    midnight = datetime(2031, 3, 5, tzinfo=UTC)
    await book.to(midnight + timedelta(seconds=1))
    await book.tick()
    [run] = await book.stage.claim(await book.stage.node())
    await book.to(midnight + timedelta(seconds=5))
    await book.stage.complete(run)
    await book.to(midnight + timedelta(seconds=20))
    await book.declare(**said)
    assert not (await book.tick()).won
    assert await book.told() == [("05 00:00:00", "run")]


@pytest.mark.scenario("B-04", part="store")
@pytest.mark.failure(28)
async def test_whoever_comes_second_with_an_old_view_writes_nothing(book: Book) -> None:
    await book.declare(report=cron("0 * * * *"))
    await book.to(TEN)
    stale = [await book.store.get("report")]
    for _ in range(5):
        await book.tick(records=stale)
    assert await book.told() == [("04 10:00:00", "run")]
    await book.to(TEN + 5 * HOUR)
    assert not (await book.tick(records=stale)).won  # however late it comes
    assert await book.told() == [("04 10:00:00", "run")]


@pytest.mark.scenario("S5", part="store")
@pytest.mark.scenario("B-02", part="store")
@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (cron("0 * * * *", misfire="skip"), [("10", "missed"), ("11", "missed"), ("12", "missed"), ("13", "missed")]),
        (cron("0 * * * *", misfire="once"), [("10", "missed"), ("11", "missed"), ("12", "missed"), ("13", "run")]),
        (cron("0 * * * *", misfire="all:3"), [("10", "dropped"), ("11", "run"), ("12", "run"), ("13", "run")]),
    ],
)
async def test_slots_that_nobody_was_there_for_follow_the_policy(book: Book, schedule: Schedule, expected: list[tuple[str, str]]) -> None:
    await book.declare(hourly=schedule)
    await book.to(TEN + timedelta(hours=3, minutes=30))
    fired = await book.tick()
    assert [(slot[3:5], what) for slot, what in await book.told()] == expected
    assert [run.slot_at for run in fired.runs] == sorted(run.slot_at for run in fired.runs if run.slot_at)
    assert (await book.store.get("hourly")).next_slot == TEN + timedelta(hours=4)
    assert not (await book.tick()).won
    claimed = await book.stage.claim(await book.stage.node())
    by_id = {run.id: run.slot_at for run in await book.runs()}
    assert [by_id[run.id] for run in claimed] == [run.slot_at for run in fired.runs]  # and they go in the order of their slots


@pytest.mark.failure(26)
@pytest.mark.parametrize("policy", ["skip", "once", "all:3"])
@pytest.mark.parametrize("gone", [timedelta(minutes=1), HOUR, timedelta(days=7)])
async def test_every_missed_slot_is_accounted_for(book: Book, policy: str, gone: timedelta) -> None:
    await book.declare(minutely=every("1m", misfire=policy))
    await book.to(TEN)
    await book.tick()
    before = len(await book.runs())
    await book.to(TEN + gone)
    fired = await book.tick()
    number = gone // timedelta(minutes=1)
    told = (await book.runs())[before:]
    recorded = [run for run in told if run.state is RunState.SKIPPED]
    left_out = [meta for meta in await book.meta() if meta["slots"] > 1 and meta["until"] > TEN.isoformat()]
    assert len(recorded) <= 101
    assert len(fired.runs) + len(recorded) - len(left_out) + sum(meta["slots"] for meta in left_out) == number
    assert len(fired.runs) == (min(3, number) if policy == "all:3" else 1)  # the newest is on time, whatever the policy


async def test_slots_past_a_hundred_are_one_record(book: Book) -> None:
    await book.declare(minutely=every("1m"))
    await book.to(TEN)
    await book.tick()
    await book.to(TEN + timedelta(days=365))
    await book.tick()
    assert len(await book.runs()) < 220
    metas = await book.meta()
    assert metas[-1]["slots"] == 365 * 1440 - 100 - 1
    assert metas[-1]["from"] == "2031-03-04T10:01:00Z"


@pytest.mark.scenario("S16", part="store")
async def test_a_clock_that_goes_back_fires_nothing_twice(book: Book) -> None:
    await book.declare(hourly=cron("0 * * * *"))
    await book.to(TEN)
    await book.tick()
    await book.to(TEN - timedelta(hours=2))
    assert not (await book.tick()).won
    for minutes in range(-120, 121, 30):
        await book.to(TEN + timedelta(minutes=minutes))
        await book.tick()
    assert await book.told() == [("04 10:00:00", "run"), ("04 11:00:00", "run"), ("04 12:00:00", "run")]


async def test_nothing_fires_under_maintenance_and_it_says_so(book: Book) -> None:
    await book.stage.store.modes.put("maintenance", {"is_on": True}, actor="ada", reason="move")
    assert (await book.store.look()).is_maintenance
    await book.declare(hourly=cron("0 * * * *"))
    await book.to(TEN)
    assert not (await book.tick(silent=SlotReason.MAINTENANCE)).runs
    assert await book.told() == [("04 10:00:00", "maintenance")]
    await book.stage.store.modes.clear("maintenance")
    assert not (await book.store.look()).is_maintenance


# -- jitter and windows


async def test_a_slot_waits_for_its_place_in_the_window(book: Book) -> None:
    schedule = cron("0 1 * * *", window="01:00-05:00")
    await book.declare(night=schedule)
    slot = datetime(2031, 3, 5, 1, tzinfo=UTC)
    due = schedule.due_at(slot, "night")
    assert slot < due < slot + 4 * HOUR
    assert (await book.store.get("night")).next_at == due
    await book.to(due - timedelta(milliseconds=1))
    assert not (await book.tick(records=[await book.store.get("night")])).runs
    await book.to(due)
    [run] = (await book.tick()).runs
    found = await book.stage.get(run.id)
    assert (found.slot_at, found.run_at) == (slot, due)
    following = slot + timedelta(days=1)
    assert (await book.store.get("night")).next_at == schedule.due_at(following, "night")


async def test_a_change_takes_a_slot_along_that_waits_in_its_window(book: Book) -> None:
    schedule = cron("0 1 * * *", window="01:00-05:00")
    await book.declare(night=schedule)
    slot = datetime(2031, 3, 5, 1, tzinfo=UTC)
    due = schedule.due_at(slot, "night")
    await book.to(slot + timedelta(minutes=1))
    await book.store.override("night", cron("0 12 * * *"), book.make)
    [run] = await book.runs()
    assert (run.slot_at, run.run_at, run.state) == (slot, due, RunState.PENDING)
    assert not await book.stage.claim(await book.stage.node())  # its time is still to come
    book.stage.added.add(run.id)


# -- pausing, skipping, switching


@pytest.mark.scenario("S13")
@pytest.mark.parametrize(
    ("policy", "expected"),
    [("skip", ["paused", "paused", "paused"]), ("once", ["paused", "paused", "run"]), ("all:2", ["paused", "run", "run"])],
)
async def test_slots_of_a_pause_follow_the_misfire_policy(book: Book, policy: str, expected: list[str]) -> None:
    await book.declare(hourly=cron("0 * * * *", misfire=policy))
    await book.to(TEN - timedelta(minutes=1))
    paused = await book.store.pause("hourly", reason="audit", actor="ada")
    assert (paused.state, paused.paused_by, paused.pause_reason, paused.next_at) == (ScheduleState.PAUSED, "ada", "audit", None)
    await book.to(TEN + timedelta(hours=2, minutes=10))
    assert not (await book.tick()).won
    resumed = await book.store.resume("hourly", actor="bob")
    assert resumed.state is ScheduleState.ACTIVE
    await book.tick()
    assert [what for _, what in await book.told()] == expected
    record = await book.store.get("hourly")
    assert (record.paused_at, record.resumed_at, record.next_slot) == (None, None, TEN + 3 * HOUR)
    told = [(each.kind, each.data["by"]) for each in await book.stage.store.notices.list(object_="schedule:hourly")]
    assert told == [("resumed", "bob"), ("paused", "ada")]
    with pytest.raises(Conflict, match="not paused"):
        await book.store.resume("hourly")


@pytest.mark.scenario("B-06", part="store")
async def test_a_paused_schedule_fires_nothing_also_for_who_has_read_it_before(book: Book) -> None:
    await book.declare(hourly=cron("0 * * * *"))
    before = await book.store.get("hourly")
    await book.store.pause("hourly")
    await book.to(TEN)
    assert not (await book.tick(records=[before])).won
    assert not (await book.tick()).won
    assert not await book.runs()


async def test_a_pause_may_end_by_itself(book: Book) -> None:
    await book.declare(hourly=cron("0 * * * *"))
    with pytest.raises(ConfigurationError, match="past"):
        await book.store.pause("hourly", until=START)
    until = TEN + timedelta(minutes=30)
    assert (await book.store.pause("hourly", until=until)).next_at == until
    await book.to(TEN + timedelta(minutes=29))
    assert not (await book.tick()).won
    await book.to(until)
    await book.tick()
    assert await book.told() == [("04 10:00:00", "run")]  # once: the newest of the pause, within its grace
    assert (await book.store.get("hourly")).state is ScheduleState.ACTIVE


async def test_the_next_slot_can_be_left_out(book: Book) -> None:
    await book.declare(hourly=cron("0 * * * *"))
    assert (await book.store.skip("hourly", actor="ada")).skip_slot == TEN
    assert (await book.store.unskip("hourly")).skip_slot is None
    await book.store.skip("hourly", actor="ada")
    for hours in range(2):
        await book.to(TEN + hours * HOUR)
        await book.tick()
    assert await book.told() == [("04 10:00:00", "skipped_by_operator"), ("04 11:00:00", "run")]
    assert (await book.store.get("hourly")).skip_slot is None
    await book.declare(by_hand=manual())
    with pytest.raises(Conflict, match="no slot to come"):
        await book.store.skip("by_hand")


async def test_the_next_slot_of_a_pause_is_the_first_after_it(book: Book) -> None:
    await book.declare(hourly=cron("0 * * * *", misfire="skip"))
    await book.store.pause("hourly", until=TEN + 2 * HOUR + timedelta(minutes=1))
    await book.to(TEN + HOUR + timedelta(minutes=1))
    assert (await book.store.skip("hourly")).skip_slot == TEN + 2 * HOUR
    await book.to(TEN + 2 * HOUR + timedelta(minutes=1))
    await book.tick()
    assert [what for _, what in await book.told()] == ["paused", "paused", "skipped_by_operator"]


async def test_times_while_it_is_off_are_no_slots(book: Book) -> None:
    await book.declare(hourly=cron("0 * * * *"), off=cron("0 * * * *", enabled=False))
    assert (await book.store.enable("hourly", False, actor="ada")).state is ScheduleState.DISABLED
    assert (await book.store.get("off")).state is ScheduleState.DISABLED
    await book.to(TEN + 2 * HOUR)
    assert not (await book.tick()).won
    assert (await book.store.enable("hourly", True)).next_slot == TEN + 3 * HOUR
    assert (await book.store.enable("off", True)).next_at == TEN + 3 * HOUR
    await book.to(TEN + 3 * HOUR)
    await book.tick()
    assert [run.slot_at for run in await book.runs()] == [TEN + 3 * HOUR] * 2


# -- definitions: code, operators, both


@pytest.mark.scenario("D7", part="store")
async def test_changed_code_counts_from_now_unless_an_operator_has_said_otherwise(book: Book) -> None:
    hourly, daily = cron("0 * * * *"), cron("0 0 * * *")
    await book.declare(report=hourly, other=hourly)
    await book.store.override("other", every("2h"), book.make, actor="ada")
    await book.declare(report=daily, other=daily)
    record = await book.store.get("report")
    assert (record.effective, record.drift, record.next_slot) == (replace(daily), False, datetime(2031, 3, 5, tzinfo=UTC))
    other = await book.store.get("other")
    assert (other.effective, other.code, other.drift) == (every("2h"), daily, True)
    assert (await book.store.reset("other", book.make, actor="ada")).effective == daily
    assert not (await book.store.get("other")).drift
    kinds = [each.kind for each in await book.stage.store.notices.list(object_="schedule:other")]
    assert kinds == ["reset", "definition_changed", "edited"]


@pytest.mark.failure(30)
async def test_old_and_new_processes_side_by_side_lose_no_slot_and_double_none(book: Book) -> None:
    old, new = cron("0 * * * *"), cron("0,30 * * * *")
    await book.declare(report=old)
    await book.to(TEN + timedelta(seconds=1))  # due by the old one, and nobody has fired it
    await book.declare(report=new)  # a new process starts
    stale = await book.store.get("report")
    for minutes in range(30, 181, 30):
        await book.to(TEN + timedelta(minutes=minutes))
        await book.tick(records=[stale])  # an old process that has read before
        await book.tick()
        if minutes == 90:
            await book.declare(report=old)  # an old process starts once more …
            await book.declare(report=new)  # … and a new one
    assert [slot for slot, _ in await book.told()] == [f"04 {10 + n // 2}:{n % 2 * 30:02}:00" for n in range(7)]
    assert {what for _, what in await book.told()} == {"run"}
    book.stage.added |= {run.id for run in await book.runs()}


@pytest.mark.scenario("S14")
async def test_an_edit_leaves_active_runs_alone_and_the_next_slot_is_the_new_ones(book: Book) -> None:
    await book.declare(report=cron("0 * * * *"))
    await book.to(TEN)
    await book.tick()
    [active] = await book.stage.claim(await book.stage.node())
    before = await book.store.get("report")
    await book.to(TEN + timedelta(minutes=1))
    edited = await book.store.override("report", cron("0 * * * *", tz="Asia/Kathmandu"), book.make, actor="ada")
    assert edited.next_slot == edited.next_at == TEN + timedelta(minutes=15)  # at 16:00 there
    assert edited.version == before.version + 1
    assert (await book.stage.get(active.id)).state is RunState.RUNNING
    await book.to(TEN + HOUR)
    assert not (await book.tick(records=[before])).won  # who still has the old one in mind cannot fire it
    await book.tick()
    assert [slot for slot, _ in await book.told()] == ["04 10:00:00", "04 10:15:00"]


@pytest.mark.scenario("B-08", part="store")
async def test_an_edit_survives_restarts(book: Book) -> None:
    await book.declare(report=cron("0 * * * *"))
    await book.store.override("report", cron("*/5 * * * *"), book.make)
    await book.declare(report=cron("0 * * * *"))
    record = await book.store.get("report")
    assert (record.effective, record.drift) == (cron("*/5 * * * *"), True)


@pytest.mark.scenario("B-09", part="store")
async def test_what_has_ended_never_fires_again(book: Book) -> None:
    minutes = cron("* * * * *", start=TEN, end=TEN + timedelta(minutes=2))
    await book.declare(once=at(TEN), past=cron("0 * * * *", end=START - HOUR), week=minutes)
    assert (await book.store.get("past")).state is ScheduleState.ENDED
    for seconds in (0, 0.5, 30, 61, 125, 3600):
        await book.to(TEN + timedelta(seconds=seconds))
        await book.tick()
    assert await book.told() == [("04 10:00:00", "run"), ("04 10:00:00", "run"), ("04 10:01:00", "run")]
    for name in ("once", "week"):
        assert (await book.store.get(name)).state is ScheduleState.ENDED
    assert (await book.store.look()).next_at is None


@pytest.mark.scenario("B-11", part="store")
async def test_what_this_code_does_not_name_is_not_touched(book: Book) -> None:
    await book.declare(here=cron("0 * * * *"), elsewhere=cron("0 * * * *"))
    before = await book.store.get("elsewhere")
    await book.declare(here=cron("5 * * * *"))
    await book.store.list()
    assert await book.store.get("elsewhere") == before


@pytest.mark.scenario("B-10", part="store")
async def test_fifty_schedules_are_two_statements_and_no_duplicates(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {f"s{number:02}": cron(f"{number} * * * *") for number in range(50)}
    asked: list[str] = []
    write, read = type(book.stage.database).write, type(book.stage.database).read

    async def counting_write(self: Any, query: str, /, **values: Any) -> Any:
        asked.append(query)
        return await write(self, query, **values)

    async def counting_read(self: Any, query: str, /, **values: Any) -> Any:
        asked.append(query)
        return await read(self, query, **values)

    monkeypatch.setattr(type(book.stage.database), "write", counting_write)
    monkeypatch.setattr(type(book.stage.database), "read", counting_read)
    for _ in range(2):
        asked.clear()
        await book.declare(**said)
        assert asked == ["schedules_look", "schedules_named", "schedules_declare"]
    monkeypatch.undo()
    assert [record.name for record in await book.store.list()] == sorted(said)
    page = await book.store.list(n=20)
    rest = await book.store.list(after=(page[-1].name, page[-1].tenant))
    assert [each.name for each in (*page, *rest)] == sorted(said)


async def test_an_operators_own_schedule(book: Book) -> None:
    made = await book.store.create("extra", "report", cron("0 * * * *"), actor="ada")
    assert (made.code, made.state, made.created_by) == (None, ScheduleState.ACTIVE, "ada")
    with pytest.raises(Conflict, match="already"):
        await book.store.create("extra", "report", cron("0 * * * *"))
    with pytest.raises(Conflict, match="no code to go back to"):
        await book.store.reset("extra")
    await book.to(TEN)
    assert [run.task for run in (await book.tick()).runs] == ["report"]
    await book.store.delete("extra")
    with pytest.raises(UnknownSchedule, match="extra"):
        await book.store.get("extra")
    await book.declare(mine=cron("0 * * * *"))
    with pytest.raises(Conflict, match="declared in code"):
        await book.store.delete("mine")


# -- runs by hand


@pytest.mark.scenario("B-07", part="store")
async def test_run_now_is_one_more_run_and_moves_nothing(book: Book) -> None:
    await book.declare(report=cron("0 * * * *", params={"a": 1}))
    before = await book.store.get("report")
    run = await book.store.run_now("report", book.make, actor="ada")
    found = await book.stage.get(run.id)
    assert (found.origin, found.actor, found.slot_at, found.schedule_id, found.params) == ("manual", "ada", None, before.id, '{"a":1}')
    after = await book.store.get("report")
    assert (after.next_slot, after.cursor_at, after.version) == (before.next_slot, before.cursor_at, before.version)
    assert after.last_run_id == run.id
    await book.to(TEN)
    assert len((await book.tick()).runs) == 1


async def test_a_backfill_makes_the_runs_that_are_missing(book: Book) -> None:
    await book.declare(hourly=cron("0 * * * *", misfire="once"))
    await book.to(TEN + timedelta(hours=4, minutes=1))
    await book.tick()  # 10 to 13 are missed, 14 fires
    with pytest.raises(ConfigurationError, match="future"):
        await book.store.backfill("hourly", TEN, TEN + 5 * HOUR, book.make)
    with pytest.raises(ConfigurationError, match="earlier"):
        await book.store.backfill("hourly", TEN + HOUR, TEN, book.make)
    with pytest.raises(ConfigurationError, match="shorter span"):
        await book.store.backfill("hourly", TEN, TEN + 4 * HOUR, book.make, most=4)
    await book.stage.complete(*await book.stage.claim(await book.stage.node()))  # what 14 o'clock has done is in the history now
    runs = await book.store.backfill("hourly", TEN - HOUR, TEN + 4 * HOUR, book.make, actor="ada")
    assert [run.slot_at for run in runs] == [TEN + n * HOUR for n in range(-1, 4)]
    assert {(await book.stage.get(run.id)).origin for run in runs} == {"backfill"}
    assert await book.store.backfill("hourly", TEN - HOUR, TEN + 4 * HOUR, book.make) == []
    await book.stage.finish_all()
    assert await book.store.backfill("hourly", TEN - HOUR, TEN + 4 * HOUR, book.make) == []


async def test_a_slot_that_cannot_have_a_run_says_why(book: Book) -> None:
    await book.declare(report=cron("0 * * * *"))
    await book.to(TEN)
    book.refuses = "a: is missing"
    fired = await book.tick()
    assert [why for _, why in fired.refused] == ["a: is missing"]
    assert await book.told() == [("04 10:00:00", "refused")]
    assert await book.meta() == [{"why": "a: is missing"}]


async def test_a_slot_that_has_a_run_already_is_recorded(book: Book) -> None:
    await book.declare(report=cron("0 * * * *"))
    await book.to(TEN)
    await book.tick()
    moment = book.stage.database.to_time(START)
    quoted = f"'{moment}'" if isinstance(moment, str) else str(moment)
    due = book.stage.database.to_time(TEN)
    quoted_due = f"'{due}'" if isinstance(due, str) else str(due)
    await book.stage.sql(f"update mainspring.schedules set cursor_at = {quoted}, next_at = {quoted_due}")  # by whatever way
    await book.tick()
    assert sorted(await book.told()) == [("04 10:00:00", "duplicate"), ("04 10:00:00", "run")]


# -- predicates


@pytest.mark.scenario("D5", part="store")
async def test_a_predicate_is_asked_by_one_and_answered_once(book: Book) -> None:
    schedule = when(is_backlog_high, every="1h")
    await book.declare(check=schedule)
    await book.to(TEN)
    stale = await book.store.get("check")
    [firing] = [account(stale, TEN, TOLERANCE)]
    assert (firing.asks, firing.fires) == (TEN, ())
    assert (await book.store.fire([firing], book.make)).won
    assert not (await book.store.fire([firing], book.make)).won  # another node loses, and does not ask
    record = await book.store.get("check")
    assert (record.asked_slot, record.looked_at) == (TEN, TEN)
    fired = await book.store.answer(record, TEN, book.make)
    book.stage.added |= {run.id for run in fired.runs}
    assert [run.slot_at for run in fired.runs] == [TEN]
    assert not (await book.store.answer(record, TEN, book.make)).won
    record = await book.store.get("check")
    assert (record.asked_slot, record.last_slot, record.next_slot) == (None, TEN, TEN + HOUR)
    await book.to(TEN + HOUR)
    await book.tick()
    await book.store.answer(await book.store.get("check"), TEN + HOUR, None)  # False
    assert await book.told() == [("04 10:00:00", "run")]


async def test_who_dies_while_asking_leaves_a_missed_slot(book: Book) -> None:
    await book.declare(check=when(is_backlog_high, every="1h"))
    await book.to(TEN)
    await book.tick()
    record = await book.store.get("check")
    assert record.asked_until is not None and record.next_at == record.asked_until < TEN + HOUR
    await book.to(record.asked_until)
    await book.tick()
    assert await book.told() == [("04 10:00:00", "missed")]
    assert await book.meta() == [{"asked": True}]
    assert not (await book.store.answer(record, TEN, book.make)).won  # it was alive after all, and comes too late
    assert (await book.store.get("check")).next_at == TEN + HOUR


async def test_missed_looks_of_a_predicate_are_one_record(book: Book) -> None:
    await book.declare(check=when(is_backlog_high, every="1m"))
    await book.to(TEN)
    await book.tick()
    await book.store.answer(await book.store.get("check"), TEN, None)
    await book.to(TEN + HOUR)
    await book.tick()
    assert (await book.store.get("check")).asked_slot == TEN + HOUR
    metas = await book.meta()
    assert metas[-1] == {"slots": 59, "from": "2031-03-04T10:01:00Z", "until": "2031-03-04T10:59:00Z"}


# -- others


async def test_a_definition_of_a_newer_release_is_left_to_newer_nodes(book: Book) -> None:
    await book.declare(report=cron("0 * * * *"), plain=cron("0 * * * *"))
    await book.stage.sql("""update mainspring.schedules set code = '{"kind": "moon", "expression": "full"}' where name = 'report'""")
    record = await book.store.get("report")
    assert record.problem is not None and "moon" in record.problem
    with pytest.raises(ConfigurationError, match="newer release"):
        _ = record.effective
    await book.to(TEN)
    due = await book.store.due(TEN)
    assert [each.name for each in due if each.problem is None] == ["plain"]
    assert [each.name for each in await book.store.due(TEN, [record.id])] == ["plain"]
    assert (await book.store.look([each.id for each in due])).next_at is None


def test_the_store_is_one_of_the_nouns(store: Any) -> None:
    assert isinstance(store.schedules, ScheduleStore)


async def test_two_who_give_up_the_same_question_leave_one_record(book: Book) -> None:
    await book.declare(high=when(is_backlog_high, every="1h"))
    await book.to(TEN)
    await book.tick()  # it is being asked, and who asks dies
    await book.to(TEN + timedelta(minutes=1))
    stale = [await book.store.get("high")]
    await book.tick(records=stale)
    await book.tick(records=stale)  # neither cursor nor version has moved
    assert await book.told() == [("04 10:00:00", "missed")]


async def test_a_backfill_leaves_alone_what_is_still_to_fire(book: Book) -> None:
    await book.declare(spread=cron("0 * * * *", jitter="40m", seed="late"))
    due_at = cron("0 * * * *", jitter="40m", seed="late").due_at(TEN)
    assert due_at > TEN + timedelta(minutes=1)
    await book.to(TEN + timedelta(minutes=1))
    assert await book.store.backfill("spread", TEN, TEN + timedelta(minutes=1), book.make) == []  # it would run once more when it is due
    await book.to(due_at)
    assert [run.slot_at for run in (await book.tick()).runs] == [TEN]
