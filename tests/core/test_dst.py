"""Daylight saving against an oracle that walks the minutes of real time and knows neither stretches nor bisection.

The oracle looks at what the clocks of a zone show, minute by minute, and says by the written rule which minutes fire. Whatever the engine
does otherwise is a bug of the engine.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
import tzdata

from mainspring import cron, every
from mainspring.core import calendar, schedule
from mainspring.core.cron import parse
from mainspring.core.schedule import Schedule
from mainspring.core.slots import Verdict, plan

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ODD_YEARS = [
    ("Europe/Berlin", 2026),
    ("America/New_York", 2026),
    ("Australia/Sydney", 2026),
    ("Australia/Lord_Howe", 2026),  # by 30 minutes
    ("Pacific/Chatham", 2026),  # 12:45 ahead
    ("Antarctica/Troll", 2026),  # by two hours
    ("Pacific/Apia", 2011),  # no 30 December
    ("Pacific/Kwajalein", 1993),  # no 21 August
    ("America/Sao_Paulo", 2018),  # at midnight
    ("Asia/Kathmandu", 1986),  # by 15 minutes, on New Year
    ("Africa/Casablanca", 2026),  # Ramadan
    ("Europe/Dublin", 2026),  # winter time is the one that is put back
    ("Asia/Tehran", 2022),  # for the last time
    ("America/Havana", 2026),  # at midnight
    ("Africa/Cairo", 2023),  # again after nine years
    ("America/Caracas", 2016),  # by 30 minutes for good
    ("Asia/Pyongyang", 2018),  # likewise, at 23:30
    ("Antarctica/Casey", 2010),  # by three hours
]
EXPRESSIONS = [
    "* * * * *", "*/5 * * * *", "*/30 * * * *", "15 * * * *", "0 */2 * * *", "*/15 2 * * *", "* 0-3 * * *",
    "30 2 * * *", "0 2 * * *", "0 3 * * *", "0 0 * * *", "59 23 * * *", "45 1 * * *", "0,30 1-3 * * *", "10,40 0,2,23 * * *",
    "0 0-23 * * *", "5-55/10 2,3 * * *", "30 2 * * SUN", "0 12 30 12 *", "0 0 1,L * *",
]  # fmt: skip


@lru_cache(maxsize=1)
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """The minutes before which the clocks of a zone were changed, found hour by hour and then minute by minute."""
    info, found = ZoneInfo(zone), []
    hour = datetime(year, 1, 1, tzinfo=UTC) - DAY
    while hour.year <= year:
        following = hour + 60 * MINUTE
        if hour.astimezone(info).utcoffset() != following.astimezone(info).utcoffset():
            minutes = [hour + n * MINUTE for n in range(61)]
            pairs = itertools.pairwise(minutes)
            found += [two for one, two in pairs if one.astimezone(info).utcoffset() != two.astimezone(info).utcoffset()]
        hour = following
    return tuple(found)


@lru_cache(maxsize=4)
def clock(zone: str, change: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Real minutes from 36 hours before a change until 36 after, each with what the clock shows."""
    info = ZoneInfo(zone)
    start = change - 36 * 60 * MINUTE
    return tuple((at, at.astimezone(info).replace(tzinfo=None, fold=0)) for at in (start + n * MINUTE for n in range(72 * 60)))


def named(text: str, least: int, most: int) -> set[int]:
    """The values of a field."""
    found: set[int] = set()
    for part in text.replace("SUN", "0").split(","):
        span, _, step = part.partition("/")
        low, dash, high = span.partition("-")
        first, last = (least, most) if span == "*" else (int(low), int(high) if dash else int(low))
        found |= set(range(first, last + 1, int(step or 1)))
    return found


class Oracle:
    """Says of one wall whether an expression names it."""

    def __init__(self, expression: str) -> None:
        minute, hour, self.day, self.month, self.weekday = expression.split()
        self.times = {60 * h + m for h in named(hour, 0, 23) for m in named(minute, 0, 59)}
        self.is_fixed = "*" not in (minute[0], hour[0])
        self.is_day = lru_cache(self._is_day)

    def names(self, wall: datetime) -> bool:
        return 60 * wall.hour + wall.minute in self.times and self.is_day(wall.date())

    def _is_day(self, day: date) -> bool:
        if self.month != "*" and day.month not in named(self.month, 1, 12):
            return False
        if self.day != "*":
            is_last = (day + DAY).month != day.month
            return day.day in named(self.day.replace(",L", ""), 1, 31) or ("L" in self.day and is_last)
        return self.weekday == "*" or day.isoweekday() % 7 in named(self.weekday, 0, 6)

    def fires(self, minutes: tuple[tuple[datetime, datetime], ...], *, literal: bool) -> Iterator[datetime]:
        shown: set[datetime] = set()
        previous = minutes[0][1] - MINUTE
        for at, wall in minutes:
            left_out = [previous + n * MINUTE for n in range(1, (wall - previous) // MINUTE)]
            if literal or not self.is_fixed:
                if self.names(wall):
                    yield at
            elif (self.names(wall) and wall not in shown) or any(self.names(each) for each in left_out if each not in shown):
                yield at
            shown.add(wall)
            previous = wall


@pytest.mark.scenario("S6", part="core")
@pytest.mark.failure(25)
@pytest.mark.parametrize(("zone", "year"), ODD_YEARS)
def test_three_days_round_every_change_are_as_the_oracle_says(zone: str, year: int) -> None:
    found = changes(zone, year)
    assert found, "the year is odd"
    for change in found:
        minutes = clock(zone, change)
        after, until = minutes[0][0], minutes[-1][0]
        minutes = minutes[1:]
        for expression, literal in itertools.product(EXPRESSIONS, (False, True)):
            oracle = Oracle(expression)
            if literal and not oracle.is_fixed:
                continue  # follows real time anyhow
            expected = tuple(oracle.fires(minutes, literal=literal))
            made = cron(expression, tz=zone, dst="wall" if literal else "once")
            where = f"{expression} in {zone} round {change}, literal={literal}"
            assert made.slots_between(after, until, 5000) == expected, where
            assert counted_and_walked_back(made, after, until) == expected, where
            for minute in (-60, -30, -1, 0, 1, 15, 30, 61, 119):  # whoever asks in the middle of an odd hour
                moment = change + minute * MINUTE
                assert made.next_slot(moment) == next((each for each in expected if each > moment), made.next_slot(until)), where
            middle = after + random.Random(where).randrange(72 * 60) * MINUTE
            assert made.count_slots(after, middle) == sum(each <= middle for each in expected), where
            assert made.count_slots(middle, until) == sum(each > middle for each in expected), where


def counted_and_walked_back(made: Schedule, after: datetime, until: datetime) -> tuple[datetime, ...]:
    found: list[datetime] = []
    slot = made.last_slot(until)
    while slot is not None and slot > after:
        found.append(slot)
        slot = made.last_slot(slot - timedelta(microseconds=1))
    assert made.count_slots(after, until) == len(found)
    return tuple(reversed(found))


@pytest.mark.scenario("S10", part="seconds over a change")
@pytest.mark.failure(25)
@pytest.mark.parametrize(("zone", "year"), ODD_YEARS[:6])
def test_seconds_follow_the_same_rule(zone: str, year: int) -> None:
    for change in changes(zone, year):
        after = change - timedelta(hours=3)
        minutes = [(at, wall) for at, wall in clock(zone, change) if after <= at < change + timedelta(hours=4)]
        for seconds, rest in itertools.product(("*/20", "7,52"), ("*/30 * * * *", "15,30 2 * * *", "0-29/10 1-3 * * *")):
            oracle = Oracle(rest)
            literal = seconds.startswith("*")
            names = {at for at, wall in minutes if oracle.names(wall)}
            fires = names.intersection(oracle.fires(tuple(minutes), literal=literal))
            expected = {at + timedelta(seconds=n) for at in fires for n in named(seconds, 0, 59)}
            if oracle.is_fixed and not literal and leaves_out(oracle, zone, change):
                expected.add(change)  # once for all that were left out, on the first second
            found = cron(f"{seconds} {rest}", tz=zone).slots_between(after - MINUTE / 60, change + timedelta(hours=4) - MINUTE / 60, 5000)
            assert set(found) == expected, f"{seconds} {rest} in {zone} round {change}"


def leaves_out(oracle: Oracle, zone: str, change: datetime) -> bool:
    wall = change.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    gap = (_offset(zone, change) - _offset(zone, change - MINUTE)) // MINUTE
    return any(oracle.names(wall - n * MINUTE) for n in range(1, gap + 1))


def _offset(zone: str, at: datetime) -> timedelta:
    found = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert found is not None
    return found


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.scenario("S6", part="core")
@pytest.mark.scenario("B-02", part="clocks")
@pytest.mark.failure(25)
def test_berlin_in_words() -> None:
    half_past_two = cron("30 2 * * *", tz="Europe/Berlin")
    assert half_past_two.slots_between(utc(2026, 3, 28, 12), utc(2026, 3, 30, 12), 9) == (utc(2026, 3, 29, 1), utc(2026, 3, 30, 0, 30))
    assert half_past_two.slots_between(utc(2026, 10, 24, 12), utc(2026, 10, 26, 12), 9) == (
        utc(2026, 10, 25, 0, 30),
        utc(2026, 10, 26, 1, 30),
    )
    half_hours = cron("*/30 * * * *", tz="Europe/Berlin").slots_between(utc(2026, 10, 24, 23, 59), utc(2026, 10, 25, 2), 99)
    assert half_hours == tuple(utc(2026, 10, 25) + n * timedelta(minutes=30) for n in range(5))
    literal = cron("30 2 * * *", tz="Europe/Berlin", dst="wall")
    assert literal.next_slot(utc(2026, 3, 28, 12)) == utc(2026, 3, 30, 0, 30)
    assert literal.slots_between(utc(2026, 10, 24, 12), utc(2026, 10, 25, 12), 9) == (utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30))
    paris = cron("0 9 * * MON", tz="Europe/Paris")
    mondays = paris.slots_between(utc(2026, 1, 1), utc(2027, 1, 1), 99)
    assert len(mondays) == 52
    assert {(at.astimezone(ZoneInfo("Europe/Paris")).hour, at.astimezone(ZoneInfo("Europe/Paris")).weekday()) for at in mondays} == {(9, 0)}


@pytest.mark.failure(25)
def test_the_day_that_apia_never_had() -> None:
    noon = cron("0 12 * * *", tz="Pacific/Apia")
    assert noon.slots_between(utc(2011, 12, 29), utc(2011, 12, 31), 9) == (
        utc(2011, 12, 29, 22),
        utc(2011, 12, 30, 10),  # the 30th at noon: the first instant of the 31st
        utc(2011, 12, 30, 22),
    )
    assert cron("0 12 30 12 *", tz="Pacific/Apia", dst="wall").slots_between(utc(2010, 1, 1), utc(2013, 1, 1), 9) == (
        utc(2010, 12, 30, 22),
        utc(2012, 12, 29, 22),
    )


@pytest.mark.failure(25)
def test_leap_days_and_year_ends() -> None:
    leap = cron("0 0 29 2 *").slots_between(utc(2023, 1, 1), utc(2033, 1, 1), 9)
    assert leap == (utc(2024, 2, 29), utc(2028, 2, 29), utc(2032, 2, 29))
    assert cron("0 0 29 2 *", tz="Europe/Berlin").last_slot(utc(2027, 1, 1)) == utc(2024, 2, 28, 23)
    assert cron("0 0 * 2 MON#5").slots_between(utc(2020, 1, 1), utc(2090, 1, 1), 9) == (utc(2044, 2, 29), utc(2072, 2, 29))
    minutes = cron("* * * * *", tz="Europe/Berlin").slots_between(utc(2026, 12, 31, 22, 58), utc(2026, 12, 31, 23, 2), 9)
    assert minutes == tuple(utc(2026, 12, 31, 22, 59) + n * MINUTE for n in range(4))
    assert cron("0 0 1 1 *", tz="Pacific/Auckland").next_slot(utc(2026, 6, 1)) == utc(2026, 12, 31, 11)
    assert cron("59 59 23 31 12 *").next_slot(utc(2026, 1, 1)) == utc(2026, 12, 31, 23, 59, 59)
    assert every("1h", anchor=utc(2026, 12, 31, 23, 30)).next_slot(utc(2026, 12, 31, 23, 45)) == utc(2027, 1, 1, 0, 30)


class PutBackInTheLastNight(tzinfo):
    """Two hours ahead of UTC until half an hour before a year of UTC ends, and none from then on."""

    at = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)

    def fromutc(self, dt: datetime) -> datetime:
        is_before = dt.replace(tzinfo=UTC) < self.at
        local = dt + timedelta(hours=2 if is_before else 0)
        return local.replace(fold=int(not is_before and local.replace(tzinfo=UTC) < self.at + timedelta(hours=2)))

    def utcoffset(self, dt: datetime | None) -> timedelta:
        assert dt is not None
        wall = dt.replace(tzinfo=UTC, fold=0)
        is_before = wall < self.at or (wall < self.at + timedelta(hours=2) and not dt.fold)
        return timedelta(hours=2 if is_before else 0)

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, dt: datetime | None) -> str:
        return "Nowhere"


@pytest.mark.failure(25)
def test_clocks_that_are_put_back_over_the_end_of_a_year() -> None:
    zone = calendar.Zone("UTC")
    zone._info = PutBackInTheLastNight()  # type: ignore[assignment]  # a zone that the tz database has not seen yet
    fixed = calendar.CronCalendar(parse("30 0 * * *"), zone, is_literal=False)
    assert fixed.after(utc(2025, 12, 31)) == utc(2025, 12, 31, 22, 30)
    assert fixed.after(utc(2025, 12, 31, 22, 30)) == utc(2026, 1, 2, 0, 30)  # not again at 00:30 by the clock of the new year
    assert fixed.until(utc(2026, 1, 1, 12)) == utc(2025, 12, 31, 22, 30)
    assert fixed.count(utc(2025, 12, 31), utc(2026, 1, 2)) == 1
    literal = calendar.CronCalendar(parse("30 0 * * *"), zone, is_literal=True)
    assert literal.after(utc(2025, 12, 31, 22, 30)) == utc(2026, 1, 1, 0, 30)


@pytest.fixture
def other_tz_database(tmp_path: Path) -> Iterator[None]:
    """A tz database by whose rules Berlin is where Lagos was: it is one hour ahead for ever."""
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Berlin").write_bytes((Path(tzdata.__file__).parent / "zoneinfo" / "Africa" / "Lagos").read_bytes())
    forget()
    reset_tzpath([str(tmp_path)])
    yield
    reset_tzpath()
    forget()


def forget() -> None:
    """What a new process does not know yet."""
    ZoneInfo.clear_cache()
    calendar.zone.cache_clear()
    schedule._calendar.cache_clear()


@pytest.mark.failure(25)
def test_a_new_tz_database_moves_slots_to_come_and_fires_none_again(other_tz_database: None) -> None:
    nine = cron("0 9 * * *", tz="Europe/Berlin")
    # The old database said 07:00Z, in summer time; that slot is accounted for. The new one says 08:00Z for the same day.
    found = plan(nine, cursor=utc(2026, 7, 1, 7), now=utc(2026, 7, 1, 7, 30), tolerance=MINUTE)
    assert (found.slots, found.next_slot) == ((), utc(2026, 7, 1, 8))
    found = plan(nine, cursor=utc(2026, 7, 1, 7), now=utc(2026, 7, 3, 8), tolerance=MINUTE)
    assert [(each.at, each.verdict) for each in found.slots] == [
        (utc(2026, 7, 1, 8), Verdict.MISSED), (utc(2026, 7, 2, 8), Verdict.MISSED), (utc(2026, 7, 3, 8), Verdict.FIRE),
    ]  # fmt: skip
