"""Schedules as values: what they say, refuse, keep, and when their runs are due."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mainspring
from mainspring import Misfire, Schedule, at, cron, every, manual, when
from mainspring.core.errors import ConfigurationError
from mainspring.core.preview import Oddity, preview
from mainspring.core.schedule import as_schedules, check_schedule, parse_schedule, problems_in

HOUR = timedelta(hours=1)
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


async def is_backlog_high() -> bool:
    return True


def test_a_predicate_is_named_where_it_stands() -> None:
    asked = when(is_backlog_high, every="*/5 * * * *", timeout="2s")
    assert asked.predicate is is_backlog_high
    assert asked.predicate_name == f"{__name__}:is_backlog_high"
    assert asked.next_slot(NEW_YEAR) == NEW_YEAR + timedelta(minutes=5)
    assert asyncio.iscoroutinefunction(asked.predicate)
    held = Schedule.load(json.loads(json.dumps(asked.dump())))
    assert held == asked
    assert held.predicate is None
    assert Schedule.load(asked.dump(), is_backlog_high).predicate is is_backlog_high
    assert when(is_backlog_high).next_slot(NEW_YEAR) == NEW_YEAR + timedelta(minutes=1)
    with pytest.raises(ConfigurationError, match="predicate: must be an async function"):
        when(lambda: True)  # type: ignore[arg-type,return-value]  # the mistake that is refused


@pytest.mark.scenario("S11", part="core")
def test_intervals_hang_on_their_anchor_and_on_nothing_else() -> None:
    often = every("90s")
    assert often.slots_between(NEW_YEAR, NEW_YEAR + timedelta(minutes=5), 9) == tuple(
        NEW_YEAR + n * timedelta(seconds=90) for n in (1, 2, 3)
    )
    assert often.next_slot(NEW_YEAR + timedelta(seconds=91)) == NEW_YEAR + timedelta(seconds=180)  # whenever one asks
    anchored = every("36h", anchor=datetime(2030, 1, 1, 6, tzinfo=UTC))
    assert anchored.slots_between(NEW_YEAR - timedelta(days=2), NEW_YEAR + timedelta(days=2), 9) == (
        NEW_YEAR - 30 * HOUR, NEW_YEAR + 6 * HOUR, NEW_YEAR + 42 * HOUR,
    )  # fmt: skip
    assert every("1d", anchor=date(2030, 1, 1), tz="Asia/Kathmandu").next_slot(NEW_YEAR) == datetime(2030, 1, 1, 18, 15, tzinfo=UTC)
    assert (often.period, cron("@daily").period) == (timedelta(seconds=90), None)


@pytest.mark.scenario("S11", part="core")
def test_one_shots_and_manual_ones() -> None:
    once = at("2030-01-01T01:00:00+01:00")
    assert once == at(NEW_YEAR)
    assert (once.next_slot(NEW_YEAR - HOUR), once.next_slot(NEW_YEAR)) == (NEW_YEAR, None)
    assert manual().next_slot(NEW_YEAR) is None
    assert (parse_schedule("at 2030-01-01T00:00:00Z"), parse_schedule("every 90s"), parse_schedule("manual")) == (once, every(90), manual())


@pytest.mark.scenario("S8", part="core")
@pytest.mark.scenario("S14", part="core")
@pytest.mark.parametrize(
    ("make", "where", "what"),
    [
        (lambda: cron("60 * * * *"), "minute", "60 is out of range"),
        (lambda: cron("0 0 31 2 *"), "day of month", "never fires"),
        (lambda: cron("@daily", tz="Europe/Berln"), "tz", "did you mean Europe/Berlin"),
        (lambda: cron("@daily", tz="europe/berlin"), "tz", r"did you mean Europe/Berlin\?"),
        (lambda: cron("@daily", tz="new york"), "tz", r"did you mean America/New_York\?"),
        (lambda: cron("@daily", tz="localtime"), "tz", "no known zone"),
        (lambda: cron("@daily", tz="../etc/passwd"), "tz", "no known zone"),
        (lambda: cron("@daily", misfire="sometimes"), "misfire", "choose one of skip, once, all"),
        (lambda: cron("@daily", misfire="all:0"), "misfire", "from 1 to 1000"),
        (lambda: cron("@daily", grace="soon"), "grace", "is no duration"),
        (lambda: cron("@daily", jitter="2d"), "jitter", "longer than a day"),
        (lambda: cron("@daily", jitter="1m", window="1h"), "jitter", "excludes window"),
        (lambda: cron("@daily", window="25:00-26:00"), "window", "from 00:00 to 23:59"),
        (lambda: cron("@daily", window="01:00-01:00"), "window", "begins when it ends"),
        (lambda: cron("0 3 * * *", window="01:00-05:00"), "window", r"write 0 1 \* \* \*"),
        (lambda: every("1d", window="01:00-05:00"), "window", "@daily"),
        (lambda: cron("@daily", start="2030-01-02", end="2030-01-01"), "end", "never fires: the end must lie after the start"),
        (lambda: cron("0 0 1 1 *", start="2030-02-01", end="2030-03-01"), "end", "never fires: no slot lies between"),
        (lambda: at(NEW_YEAR, end=NEW_YEAR), "end", "never fires: no slot lies before the end"),
        (lambda: cron("@daily", start=datetime(2030, 1, 1)), "start", "has no zone"),  # noqa: DTZ001 the mistake that is refused
        (lambda: cron("@daily", end="tomorrow"), "end", "is no time"),
        (lambda: cron("@daily", dst="never"), "dst", "choose one of once, wall"),
        (lambda: cron("@daily", seed=""), "seed", "1 to 200"),
        (lambda: cron("@daily", name="no spaces"), "name", "is not allowed"),
        (lambda: cron("@daily", params={"at": NEW_YEAR}), "params", "JSON"),
        (lambda: cron("@daily", enabled="yes"), "enabled", "True or False"),  # type: ignore[arg-type]
        (lambda: cron("@daily", overlap="skip"), "overlap", "is no field of a schedule"),  # type: ignore[call-arg]
        (lambda: every("0s"), "every", "from a second"),
        (lambda: every("a while"), "every", "is no duration"),
        (lambda: at("2030-01-01"), "at", "a time is needed"),
        (lambda: when(is_backlog_high, timeout="1h"), "timeout", "at most five minutes"),
    ],
)
def test_each_field_is_refused_by_its_name(make: Any, where: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as caught:
        make()
    assert [each.where for each in problems_in(caught.value)] == [where]


@pytest.mark.scenario("S8", part="core")
def test_all_problems_are_told_at_once_to_whoever_only_asks() -> None:
    found = check_schedule("60 * 32 * *", tz="Moon", grace="x")
    assert [each.where for each in found] == ["tz", "minute", "day of month", "grace"]
    assert check_schedule("*/5 * * * *", tz="Europe/Berlin") == []
    assert [each.where for each in check_schedule(7)] == ["expression"]
    daily = cron("@daily")
    assert [each.where for each in daily.problems_with(tz="Moon", expression="* *")] == ["tz", "expression"]
    assert daily.problems_with(tz="Europe/Berlin") == []


def test_equal_schedules_are_equal_whatever_they_looked_like() -> None:
    one, two = cron(" 0  3 * * mon ", grace="90m", params={"b": 1, "a": 2}), cron("0 3 * * MON", grace=5400, params={"a": 2, "b": 1})
    assert one == two
    assert (hash(one), one.digest) == (hash(two), two.digest)
    assert one != two.with_changes(grace=None)
    assert one.digest != two.with_changes(grace=None).digest
    assert len(one.digest) == 16
    assert cron("@daily").dump() == {"kind": "cron", "expression": "@daily"}
    with pytest.raises(AttributeError):
        one.tz = "UTC"  # type: ignore[misc]  # frozen


made = st.one_of(
    st.builds(cron, st.sampled_from(["@daily", "*/5 * * * *", "0 9 * * MON#1"]), tz=st.sampled_from(["UTC", "Asia/Kathmandu"]),
              misfire=st.sampled_from(["skip", "once", "all", "all:7"]), grace=st.sampled_from([None, "0s", "1h 30m 5s", 0.25]),
              jitter=st.sampled_from([0, "30s"]), dst=st.sampled_from(["once", "wall"]), enabled=st.booleans()),
    st.builds(every, st.sampled_from(["90s", "1d 2h 3m 4s", 1.5, timedelta(weeks=2)]), anchor=st.sampled_from(["2020-01-01", NEW_YEAR]),
              window=st.sampled_from([None, "20m"]), seed=st.sampled_from([None, "s"]), start=st.sampled_from([None, "2029-01-01"])),
    st.builds(at, st.just(NEW_YEAR), params=st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5))),
    st.builds(manual, name=st.sampled_from([None, "nightly-2"])),
    st.builds(cron, st.just("@daily"), window=st.just("22:00-02:00"), end=st.sampled_from([None, date(2031, 1, 1), NEW_YEAR])),
)  # fmt: skip


@given(made)
def test_what_is_dumped_is_loaded(schedule: Schedule) -> None:
    held = Schedule.load(json.loads(json.dumps(schedule.dump())))
    assert held == schedule
    assert held.dump() == schedule.dump()
    assert held.with_changes() == schedule
    assert held.next_slot(datetime(2029, 6, 1, tzinfo=UTC)) == schedule.next_slot(datetime(2029, 6, 1, tzinfo=UTC))


def test_a_dump_of_another_world_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="lunar"):
        Schedule.load({"kind": "cron", "expression": "@daily", "lunar": True})
    with pytest.raises(ConfigurationError, match="kind: is unknown"):
        Schedule.load({"kind": "moon"})


def test_changes_are_checked_and_leave_the_rest() -> None:
    daily = cron("@daily", tz="Europe/Berlin", start="2030-01-01", params={"a": 1})
    moved = daily.with_changes(tz="America/New_York")
    assert (daily.starts_at, moved.starts_at) == (datetime(2029, 12, 31, 23, tzinfo=UTC), datetime(2030, 1, 1, 5, tzinfo=UTC))
    assert moved.params == {"a": 1}
    assert daily.with_changes(kind="every", expression="10m").next_slot(NEW_YEAR) == NEW_YEAR + timedelta(minutes=10)
    for text, kind in (("every 10m", "every"), ("at 2030-01-01T00:00Z", "at"), ("manual", "manual"), ("*/5 * * * *", "cron")):
        for before in (daily, every("1h"), at(NEW_YEAR), manual()):
            assert before.with_changes(expression=text).kind == kind
    assert every("1h").with_changes(expression="5m") == every("5m")
    asked = when(is_backlog_high, every="1m")
    assert asked.with_changes(expression="5m").predicate is is_backlog_high
    assert asked.with_changes(kind="cron", expression="@daily").predicate_name is None
    with pytest.raises(ConfigurationError, match="minute: 99"):
        daily.with_changes(expression="99 * * * *")


@pytest.mark.scenario("B-09", part="core")
def test_start_is_in_and_end_is_out() -> None:
    hourly = cron("@hourly", start=NEW_YEAR, end=NEW_YEAR + 3 * HOUR)
    assert hourly.slots_between(NEW_YEAR - 9 * HOUR, NEW_YEAR + 9 * HOUR, 9) == (NEW_YEAR, NEW_YEAR + HOUR, NEW_YEAR + 2 * HOUR)
    assert (hourly.last_slot(NEW_YEAR + 9 * HOUR), hourly.last_slot(NEW_YEAR - HOUR)) == (NEW_YEAR + 2 * HOUR, None)
    assert hourly.count_slots(NEW_YEAR - 9 * HOUR, NEW_YEAR + 9 * HOUR) == 3
    assert hourly.period_at(NEW_YEAR + 2 * HOUR) == HOUR
    days = cron("0 12 * * *", tz="Pacific/Auckland", start=date(2030, 1, 1), end=date(2030, 1, 2))
    assert [slot.day for slot in days.slots_between(NEW_YEAR - 99 * HOUR, NEW_YEAR + 99 * HOUR, 9)] == [31, 1]  # noon there, 23:00 in UTC


def test_grace_is_a_period_and_a_day_at_the_most() -> None:
    slot = NEW_YEAR
    graces = [
        each.grace_at(slot) for each in (cron("@hourly"), cron("@weekly"), at(slot), cron("@hourly", misfire="all"), every("90s", grace=5))
    ]
    assert graces == [HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR, timedelta(seconds=5)]


@pytest.mark.scenario("S12", part="core")
def test_jitter_spreads_runs_and_leaves_slots_alone() -> None:
    spread = cron("*/5 * * * *", jitter="30s", seed="fleet-a")
    slots = spread.slots_between(NEW_YEAR, NEW_YEAR + 9 * HOUR, 100)
    assert slots == cron("*/5 * * * *").slots_between(NEW_YEAR, NEW_YEAR + 9 * HOUR, 100)
    late = [(spread.due_at(slot) - slot).total_seconds() for slot in slots]
    assert all(0 <= each <= 30 for each in late)
    assert [sum(low <= each < low + 10 for each in late) > 15 for low in (0, 10, 20)] == [True] * 3  # evenly: 33 expected in each third
    assert late == [(spread.due_at(slot) - slot).total_seconds() for slot in slots]
    assert late != [(spread.with_changes(seed="fleet-b").due_at(slot) - slot).total_seconds() for slot in slots]
    unseeded = spread.with_changes(seed=None)
    assert unseeded.due_at(slots[0], "a") != unseeded.due_at(slots[0], "b")


@pytest.mark.scenario("S12", part="core")
def test_jitter_never_overtakes_the_next_slot() -> None:
    dense = every("2s", jitter="1m")
    slots = dense.slots_between(NEW_YEAR, NEW_YEAR + HOUR, 200)
    due = [dense.due_at(slot) for slot in slots]
    assert due == sorted(due)
    assert all(slot <= each <= slot + timedelta(seconds=2) for slot, each in zip(slots, due, strict=True))


def test_a_window_of_the_day_holds_on_the_days_when_clocks_change() -> None:
    nightly = cron("@daily", tz="Europe/Berlin", window="01:00-05:00")
    assert nightly.expression == "0 1 * * *"
    hours = set()
    for first in (datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
        for name in map(str, range(60)):
            for one in preview(nightly, 4, first, name=name):
                local = nightly.zone.local(one.due_at)
                assert (local.date(), 1 <= local.hour < 5 or (local.hour, local.minute) == (5, 0)) == (one.local.date(), True)
                hours.add(local.hour)
    assert hours >= {1, 2, 3, 4}
    over_midnight = cron("0 0 * * FRI", window="22:00-02:00")
    (slot,) = over_midnight.slots_between(NEW_YEAR, NEW_YEAR + timedelta(days=7), 9)
    assert (slot, over_midnight.spread_at(slot)) == (datetime(2030, 1, 4, 22, tzinfo=UTC), 4 * HOUR)
    flexible = every("1h", window="20m")
    assert {
        flexible.due_at(slot) - slot <= timedelta(minutes=20) for slot in flexible.slots_between(NEW_YEAR, NEW_YEAR + 99 * HOUR, 99)
    } == {True}


@pytest.mark.scenario("B-01", part="core")
@pytest.mark.scenario("S9", part="core")
def test_the_preview_shows_both_zones() -> None:
    found = preview(cron("0 9 13 * FRI", tz="Europe/Paris"), 5, datetime(2026, 2, 1, tzinfo=UTC), viewer_zone="America/New_York")
    assert [f"{one.local:%a %d %H:%M} {one.viewer:%H:%M}" for one in found] == [
        "Fri 06 09:00 03:00", "Fri 13 09:00 03:00", "Fri 20 09:00 03:00", "Fri 27 09:00 03:00", "Fri 06 09:00 03:00",
    ]  # fmt: skip
    assert len(preview(at(NEW_YEAR), 5, NEW_YEAR - HOUR)) == 1
    with pytest.raises(ConfigurationError, match="viewer_zone='Moon'"):
        preview(manual(), 5, NEW_YEAR, viewer_zone="Moon")


@pytest.mark.scenario("B-01", part="oddities")
@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        (cron("30 2 * * *", tz="Europe/Berlin"), datetime(2026, 3, 28, tzinfo=UTC), [None, Oddity.SHIFTED, None]),
        (cron("30 2 * * *", tz="Europe/Berlin"), datetime(2026, 10, 24, tzinfo=UTC), [None, Oddity.FIRST_OF_TWO, None]),
        (cron("30 2 * * *", tz="Europe/Berlin", dst="wall"), datetime(2026, 3, 28, tzinfo=UTC), [None, Oddity.GAP, None]),
        (
            cron("30 2 * * *", tz="Europe/Berlin", dst="wall"),
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            [Oddity.FIRST_OF_TWO, Oddity.SECOND_OF_TWO, None],
        ),
        (cron("*/30 * * * *", tz="Europe/Berlin"), datetime(2026, 3, 29, 0, 10, tzinfo=UTC), [None, Oddity.GAP, None]),
        (cron("0 3 * * *", tz="Europe/Berlin"), datetime(2026, 3, 28, tzinfo=UTC), [None, None, None]),
        (cron("0 3 * * *"), datetime(2026, 3, 28, tzinfo=UTC), [None, None, None]),
        (every("1h", tz="Europe/Berlin"), datetime(2026, 10, 24, 23, tzinfo=UTC), [Oddity.FIRST_OF_TWO, Oddity.SECOND_OF_TWO, None]),
    ],
)
def test_the_preview_marks_what_clocks_do(schedule: Schedule, after: datetime, expected: list[Oddity | None]) -> None:
    assert [one.oddity for one in preview(schedule, 3, after)] == expected


def test_a_definition_has_one_schedule_or_several_with_names() -> None:
    assert as_schedules(None, "tidy") == ()
    assert as_schedules("*/5 * * * *", "tidy") == (cron("*/5 * * * *", name="tidy"),)
    found = as_schedules([cron("@daily"), every("1h", name="often"), "@weekly"], "tidy")
    assert [each.name for each in found] == ["tidy", "often", "tidy#3"]
    with pytest.raises(ConfigurationError, match="two have the name 'x'"):
        as_schedules([cron("@daily", name="x"), every("1h", name="x")], "tidy")
    with pytest.raises(ConfigurationError, match="schedule=5: a cron text"):
        as_schedules(5, "tidy")
    assert Misfire("all", most=3) == Misfire("all", 3) != Misfire("all")
    assert as_schedules(cron("@daily", misfire=Misfire("all", most=3)), "tidy")[0].dump()["misfire"] == "all:3"


def test_zones_are_learned_by_whoever_has_a_zone() -> None:
    code = "import sys, mainspring; mainspring.cron('@daily'); print('zoneinfo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
    assert mainspring.cron is cron
