"""What becomes of slots: on time, missed, made up for, dropped, skipped once, paused; and how much of it is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring import Misfire, at, cron, every, manual
from mainspring.core.schedule import Schedule
from mainspring.core.slots import RECORDED, Verdict, plan

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TOLERANCE = timedelta(seconds=60)
FIRE, MISSED, DROPPED = Verdict.FIRE, Verdict.MISSED, Verdict.DROPPED


def on(hour: int, minute: int = 0, second: int = 0, *, day: int = 1) -> datetime:
    return datetime(2026, 5, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.scenario("S5", part="core")
@pytest.mark.parametrize(
    ("misfire", "verdicts"),
    [
        ("skip", [MISSED, MISSED, MISSED, MISSED]),
        ("once", [MISSED, MISSED, MISSED, FIRE]),
        (Misfire("all", most=3), [DROPPED, FIRE, FIRE, FIRE]),
    ],
)
def test_an_hourly_task_after_three_and_a_half_hours(misfire: Misfire | str, verdicts: list[Verdict]) -> None:
    found = plan(cron("@hourly", misfire=misfire), cursor=on(9), now=on(13, 30), tolerance=TOLERANCE)
    assert [slot.at for slot in found.slots] == [on(10), on(11), on(12), on(13)]
    assert [slot.verdict for slot in found.slots] == verdicts
    assert (found.next_slot, found.cursor, found.left_out, found.has_ended) == (on(14), on(13), 0, False)


@pytest.mark.failure(26)
@pytest.mark.parametrize("away", [MINUTE, HOUR, timedelta(days=7)])
@pytest.mark.parametrize("misfire", ["skip", "once", "all:5"])
def test_a_minutely_task_after_a_minute_an_hour_a_week(away: timedelta, misfire: str) -> None:
    cursor = on(9)
    now = cursor + away + timedelta(seconds=30)
    found = plan(cron("* * * * *", misfire=misfire), cursor=cursor, now=now, tolerance=TOLERANCE)
    minutes, newest = away // MINUTE, cursor + away
    fired = {"skip": 1, "once": 1, "all:5": min(5, minutes)}[misfire]  # the newest is half a minute old: on time
    assert found.fires == tuple(newest - n * MINUTE for n in reversed(range(fired)))
    silent = [slot for slot in found.slots if slot.verdict is not FIRE]
    assert {slot.verdict for slot in silent} <= {DROPPED if misfire == "all:5" else MISSED}
    assert len(silent) == min(minutes - fired, RECORDED)
    assert len(found.slots) + found.left_out == minutes
    assert (found.cursor, found.next_slot) == (newest, newest + MINUTE)
    if found.left_out:
        assert found.left is not None and (found.left.first, found.left.last) == (cursor + MINUTE, found.slots[0].at - MINUTE)


@pytest.mark.failure(26)
@pytest.mark.parametrize(("misfire", "fired"), [("skip", 0), ("once", 1), ("all:5", 5)])
def test_what_is_late_is_the_policys_business(misfire: str, fired: int) -> None:
    found = plan(every("5m", misfire=misfire), cursor=on(9), now=on(12, 3), tolerance=TOLERANCE)
    assert found.fires == tuple(on(12) - n * 5 * MINUTE for n in reversed(range(fired)))
    assert [slot.is_late for slot in found.slots if slot.verdict is FIRE] == [True] * fired


@pytest.mark.scenario("S4", part="core")
@pytest.mark.parametrize("now", [on(0), on(0, 0, 59) + timedelta(milliseconds=999)])
def test_both_ends_of_a_minute_see_its_slot_once(now: datetime) -> None:
    midnight = cron("0 0 * * *", misfire="skip")
    found = plan(midnight, cursor=on(0) - timedelta(days=1), now=now, tolerance=TOLERANCE)
    assert [(slot.at, slot.verdict, slot.is_late) for slot in found.slots] == [(on(0), FIRE, False)]
    again = plan(midnight, cursor=found.cursor, now=on(0, 0, 59) + timedelta(milliseconds=999), tolerance=TOLERANCE)
    assert (again.slots, again.next_slot) == ((), on(0, day=2))


@pytest.mark.scenario("S1", part="core")
def test_a_year_of_midnights_seen_every_91_seconds() -> None:
    midnight = cron("0 0 * * *", misfire="skip")
    cursor = now = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    fired: list[datetime] = []
    while now < datetime(2027, 1, 1, 0, 5, tzinfo=UTC):
        found = plan(midnight, cursor=cursor, now=now, tolerance=timedelta(seconds=182))
        assert all(slot.verdict is FIRE for slot in found.slots)
        fired += found.fires
        cursor = found.cursor
        upcoming = found.next_slot
        assert upcoming is not None
        now += timedelta(seconds=91) * max((upcoming - now) // timedelta(seconds=91), 1)  # the looks between find nothing
    assert fired == [datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=n) for n in range(365)]


@pytest.mark.scenario("B-02", part="core")
@pytest.mark.parametrize(("misfire", "fired"), [("skip", 0), ("once", 0), ("all:3", 0)])
def test_a_weekly_task_after_three_days(misfire: str, fired: int) -> None:
    weekly = cron("0 9 * * MON", tz="Europe/Paris", misfire=misfire)
    monday = datetime(2026, 5, 4, 7, tzinfo=UTC)
    found = plan(weekly, cursor=monday - timedelta(days=7), now=monday + timedelta(days=3), tolerance=TOLERANCE)
    assert (len(found.fires), found.next_slot) == (fired, monday + timedelta(days=7))  # three days are more than the grace of one
    patient = weekly.with_changes(grace="4d")
    found = plan(patient, cursor=monday - timedelta(days=7), now=monday + timedelta(days=3), tolerance=TOLERANCE)
    assert found.fires == (() if misfire == "skip" else (monday,))


def test_grace_bounds_what_is_made_up_for() -> None:
    hourly = cron("@hourly", grace="90m", misfire="all:9")
    found = plan(hourly, cursor=on(6), now=on(12, 15), tolerance=TOLERANCE)
    assert found.fires == (on(11), on(12))
    strict = cron("@hourly", grace="5m")
    assert plan(strict, cursor=on(6), now=on(12, 5), tolerance=TOLERANCE).fires == (on(12),)
    assert plan(strict, cursor=on(6), now=on(12, 5, 1), tolerance=TOLERANCE).fires == ()


def test_on_time_ends_with_the_tolerance() -> None:
    strict = cron("@hourly", misfire="skip")
    assert plan(strict, cursor=on(9), now=on(10, 1), tolerance=TOLERANCE).fires == (on(10),)
    assert plan(strict, cursor=on(9), now=on(10, 1, 1), tolerance=TOLERANCE).fires == ()


def test_one_slot_is_left_out_on_demand_and_only_one() -> None:
    minutely = cron("* * * * *")
    found = plan(minutely, cursor=on(9), now=on(9, 1), tolerance=TOLERANCE, skip_next=on(9, 1))
    assert [slot.verdict for slot in found.slots] == [Verdict.SKIPPED_ONCE]
    assert plan(minutely, cursor=found.cursor, now=on(9, 2), tolerance=TOLERANCE, skip_next=on(9, 1)).fires == (on(9, 2),)
    found = plan(minutely, cursor=on(9), now=on(23), tolerance=TOLERANCE, skip_next=on(9, 0, 30))  # long ago, and told all the same
    assert (found.slots[0].at, found.slots[0].verdict) == (on(9, 1), Verdict.SKIPPED_ONCE)
    assert (len(found.slots), found.left_out) == (1 + RECORDED + 1, 14 * 60 - RECORDED - 2)
    assert found.left is not None and found.left.first == on(9, 2)


@pytest.mark.scenario("S13", part="core")
def test_slots_of_a_pause_follow_the_policy_and_are_told_as_paused() -> None:
    hourly = cron("@hourly")
    found = plan(hourly, cursor=on(9), now=on(13, 30), tolerance=TOLERANCE, paused=(on(10, 30), on(13, 30)))
    assert [slot.verdict for slot in found.slots] == [MISSED, Verdict.PAUSED, Verdict.PAUSED, FIRE]
    found = plan(hourly.with_changes(misfire="skip"), cursor=on(9), now=on(13, 30), tolerance=TOLERANCE, paused=(on(9), on(13, 30)))
    assert {slot.verdict for slot in found.slots} == {Verdict.PAUSED}


@pytest.mark.scenario("S16", part="core")
def test_a_clock_that_jumps_back_and_forth_doubles_nothing() -> None:
    hourly = cron("@hourly")
    back = plan(hourly, cursor=on(12), now=on(10, 1), tolerance=TOLERANCE)
    assert (back.slots, back.cursor, back.next_slot) == ((), on(12), on(13))
    forth = plan(hourly, cursor=back.cursor, now=on(12, 1), tolerance=TOLERANCE)
    assert (forth.slots, forth.next_slot) == ((), on(13))


@pytest.mark.scenario("B-09", part="core")
def test_what_has_ended_says_so() -> None:
    once = at(on(10))
    assert plan(once, cursor=on(9), now=on(9, 30), tolerance=TOLERANCE).next_slot == on(10)
    found = plan(once, cursor=on(9), now=on(10), tolerance=TOLERANCE)
    assert (found.fires, found.next_slot, found.has_ended) == ((on(10),), None, True)
    again = plan(once, cursor=found.cursor, now=on(10, 0, 30), tolerance=TOLERANCE)
    assert (again.fires, again.has_ended) == ((), True)
    past = cron("* * * * *", end=on(8))
    assert plan(past, cursor=on(9), now=on(9, 30), tolerance=TOLERANCE).has_ended
    assert not plan(manual(), cursor=on(9), now=on(23), tolerance=TOLERANCE).has_ended
    assert plan(manual(), cursor=on(9), now=on(23), tolerance=TOLERANCE).next_slot is None


@pytest.mark.parametrize("misfire", ["skip", "once", "all:1000"])
def test_a_year_of_minutes_is_jumped(misfire: str) -> None:
    now = on(12, 0, 30)
    found = plan(
        cron("* * * * *", tz="Europe/Berlin", misfire=misfire, grace="365d"), cursor=now - timedelta(days=365), now=now, tolerance=TOLERANCE
    )
    assert len(found.slots) + found.left_out == 365 * 24 * 60
    assert len(found.slots) == RECORDED + len(found.fires)


schedules: st.SearchStrategy[Schedule] = st.builds(
    lambda text, misfire, grace: cron(text, tz="Europe/Berlin", misfire=misfire, grace=grace),
    st.sampled_from(["* * * * *", "*/7 * * * *", "@hourly", "30 2 * * *", "0 9 * * MON", "0 0 29 2 *"]),
    st.sampled_from(["skip", "once", "all:1", "all:4"]),
    st.sampled_from([None, "0s", "10m", "2d"]),
)


@given(schedules, st.lists(st.integers(0, 400_000), min_size=1, max_size=6), st.data())
def test_every_slot_is_accounted_for_exactly_once(schedule: Schedule, steps: list[int], data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([on(0), datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)]))
    cursor, now, told, counted = start, start, [], 0
    for step in steps:
        now += timedelta(seconds=step)
        found = plan(schedule, cursor=cursor, now=now, tolerance=TOLERANCE)
        told += [slot.at for slot in found.slots]
        counted += found.left_out
        cursor = found.cursor
        assert found.next_slot == schedule.next_slot(now)
    assert told == sorted(set(told))
    assert all(start < slot <= now for slot in told)
    assert len(told) + counted == schedule.count_slots(start, now) == len(schedule.slots_between(start, now, 10**6))
