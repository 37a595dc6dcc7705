"""Cron expressions: what is read, what is refused and by which name, and which walls match."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from mainspring import cron
from mainspring.core.calendar import EPOCH
from mainspring.core.cron import MACROS, Cron, parse, problems_of

SECOND = timedelta(seconds=1)


def fields(least: int, most: int, *more: str) -> st.SearchStrategy[str]:
    """Texts of one field, as long and as odd as they may be."""
    number = st.integers(least, most)
    one = number.map(str)
    # Two ends that differ: the second opinion takes 5-5/10 for 5/10.
    span = st.tuples(number, number).filter(lambda two: two[0] != two[1]).map(lambda two: f"{min(two)}-{max(two)}")
    step = st.integers(1, most).map(lambda n: f"/{n}")
    stepped = st.tuples(st.one_of(st.just("*"), span), step).map("".join)
    part = st.one_of(one, span, stepped, *map(st.just, more))
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


expressions = st.one_of(
    st.tuples(
        fields(0, 59), fields(0, 23), fields(1, 31, "L"), fields(1, 12, "FEB", "JUN-AUG"),
        fields(0, 7, "MON", "TUE-SAT", "5L", "1#2", "SUN#5"),
    ),
    st.tuples(fields(0, 59), fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 6)),
).map(" ".join)  # fmt: skip
moments = st.integers(631_152_000, 2_840_140_800).map(lambda second: EPOCH + second * SECOND)  # 1990 to 2060


def wall(moment: datetime) -> int:
    return (moment - EPOCH) // SECOND


@given(expressions, moments)
def test_a_second_opinion_agrees_about_walls(expression: str, moment: datetime) -> None:
    if problems_of(expression):
        return
    made, other = parse(expression), CronSim(expression, moment)
    at = wall(moment)
    for _ in range(4):
        expected = next(other, None)
        found = made.next_wall(at + 1)
        if expected is None or found is None or found - at > 40 * 366 * 86_400:
            return  # both give up after some decades
        assert EPOCH + found * SECOND == expected
        at = found


@given(expressions, moments, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_backwards_and_counting_see_what_forwards_sees(expression: str, moment: datetime, length: timedelta) -> None:
    if problems_of(expression):
        return
    made, first = parse(expression), wall(moment)
    end = first + length // SECOND
    walls: list[int] = []
    at = made.next_wall(first)
    while at is not None and at < end and len(walls) < 300:
        walls.append(at)
        at = made.next_wall(at + 1)
    if len(walls) == 300:
        end = walls[-1] + 1
    assert made.count_walls(first, end) == len(walls)
    back = end - 1
    for expected in reversed(walls):
        found = made.last_wall(back)
        assert found == expected
        back = found - 1
    before = made.last_wall(back)
    assert before is None or before < first


@pytest.mark.parametrize("expression", ["0 3 * * *", "*/15 * * * *", "30 2 * * SUN", "0 12 1 * *", "17 4 L * *"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_a_second_opinion_agrees_where_an_hour_is_changed(expression: str, zone: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    other = CronSim(expression, start.astimezone(ZoneInfo(zone)))
    for slot in cron(expression, tz=zone).slots_between(start, start + timedelta(days=366), 1500):
        assert slot == next(other).astimezone(UTC)


def first_five(expression: str) -> list[str]:
    slots = cron(expression).slots_between(datetime(2026, 1, 1, tzinfo=UTC) - SECOND, datetime(2040, 1, 1, tzinfo=UTC), 5)
    return [f"{slot:%a %Y-%m-%d %H:%M:%S}" for slot in slots]


@pytest.mark.scenario("S10", part="core")
@pytest.mark.scenario("B-03", part="core")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@hourly", ["Thu 2026-01-01 00:00:00", "Thu 2026-01-01 01:00:00"]),
        ("@daily", ["Thu 2026-01-01 00:00:00", "Fri 2026-01-02 00:00:00"]),
        ("@midnight", ["Thu 2026-01-01 00:00:00", "Fri 2026-01-02 00:00:00"]),
        ("@weekly", ["Sun 2026-01-04 00:00:00", "Sun 2026-01-11 00:00:00"]),
        ("@monthly", ["Thu 2026-01-01 00:00:00", "Sun 2026-02-01 00:00:00"]),
        ("@yearly", ["Thu 2026-01-01 00:00:00", "Fri 2027-01-01 00:00:00"]),
        ("@annually", ["Thu 2026-01-01 00:00:00", "Fri 2027-01-01 00:00:00"]),
        ("*/20 * * * * *", ["Thu 2026-01-01 00:00:00", "Thu 2026-01-01 00:00:20"]),
        ("15 30 8 * * *", ["Thu 2026-01-01 08:30:15", "Fri 2026-01-02 08:30:15"]),
        ("0 0 31 * *", ["Sat 2026-01-31 00:00:00", "Tue 2026-03-31 00:00:00", "Sun 2026-05-31 00:00:00"]),  # months without it are left out
        ("0 0 L * *", ["Sat 2026-01-31 00:00:00", "Sat 2026-02-28 00:00:00", "Tue 2026-03-31 00:00:00"]),
        ("0 0 * * 5L", ["Fri 2026-01-30 00:00:00", "Fri 2026-02-27 00:00:00"]),
        ("0 0 * * 6L", ["Sat 2026-01-31 00:00:00", "Sat 2026-02-28 00:00:00"]),
        ("0 0 * * FRIL", ["Fri 2026-01-30 00:00:00", "Fri 2026-02-27 00:00:00"]),
        ("0 0 * * 2#2", ["Tue 2026-01-13 00:00:00", "Tue 2026-02-10 00:00:00"]),
        ("0 0 * * tue#2", ["Tue 2026-01-13 00:00:00", "Tue 2026-02-10 00:00:00"]),
        ("0 0 * jan-mar mon", ["Mon 2026-01-05 00:00:00", "Mon 2026-01-12 00:00:00"]),
        ("0 0 * * 7", ["Sun 2026-01-04 00:00:00", "Sun 2026-01-11 00:00:00"]),
        ("0 0 * * FRI-SUN", ["Fri 2026-01-02 00:00:00", "Sat 2026-01-03 00:00:00", "Sun 2026-01-04 00:00:00", "Fri 2026-01-09 00:00:00"]),
        ("50/5 0 * * *", ["Thu 2026-01-01 00:50:00", "Thu 2026-01-01 00:55:00", "Fri 2026-01-02 00:50:00"]),
        (
            "0 0 13 * FRI",
            ["Fri 2026-01-02 00:00:00", "Fri 2026-01-09 00:00:00", "Tue 2026-01-13 00:00:00", "Fri 2026-01-16 00:00:00"],
        ),  # OR
        ("0 0 */2 * FRI", ["Fri 2026-01-09 00:00:00", "Fri 2026-01-23 00:00:00"]),  # AND: one begins with a star
    ],
)
def test_what_is_supported(expression: str, expected: list[str]) -> None:
    assert first_five(expression)[: len(expected)] == expected


@pytest.mark.scenario("S8", part="core")
@pytest.mark.scenario("S10", part="unsupported")
@pytest.mark.parametrize(
    ("expression", "where", "what"),
    [
        ("", "expression", "is empty: write five fields"),
        ("   ", "expression", "is empty"),
        ("* * * *", "expression", "has 4 fields: five are needed"),
        ("* * * * * * *", "expression", "has 7 fields.*for years give start= and end="),
        ("60 * * * *", "minute", "60 is out of range: 0 to 59 are allowed"),
        ("* 24 * * *", "hour", "24 is out of range: 0 to 23"),
        ("* * 0 * *", "day of month", "0 is out of range: 1 to 31"),
        ("* * * 13 *", "month", "13 is out of range: 1 to 12, or JAN to DEC"),
        ("* * * * 8", "day of week", "8 is out of range: 0 to 7, or SUN to SAT"),
        ("61 * * * * *", "second", "61 is out of range"),
        ("0 0 31 2 *", "day of month", "never fires"),
        ("0 0 30,31 FEB *", "day of month", "never fires"),
        ("0 0 15W * *", "day of month", "W .* is not supported"),
        ("0 0 LW * *", "day of month", "W .* is not supported"),
        ("0 0 L-3 * *", "day of month", "L alone"),
        ("H * * * *", "minute", "H is not supported.*jitter="),
        ("0 0 ? * MON", "day of month", r"\? is not supported: write \*"),
        ("0 0 * * L", "day of week", "5L for the last Friday"),
        ("0 0 * * MON#6", "day of week", "from 1 to 5"),
        ("0 0 1#2 * *", "day of month", "only for days of the week"),
        ("0 L * * *", "hour", "L is only for days"),
        ("5-1 * * * *", "minute", "write it as two, 5-59 and 0-1"),
        ("*/0 * * * *", "minute", "from 1 to 59"),
        ("*/60 * * * *", "minute", "from 1 to 59"),
        ("*/x * * * *", "minute", "whole number"),
        ("1,,2 * * * *", "minute", "a value is missing"),
        ("a * * * *", "minute", "'A' is not understood: 0 to 59"),
        ("٣ * * * *", "minute", "is not understood"),
        ("0 0 * foo *", "month", "'FOO' is not understood"),
        ("@reboot", "expression", "make it a service"),
        ("@every 5m", "expression", r"every\('90s'\)"),
        ("@fortnightly", "expression", "the macros are @hourly"),
        (None, "expression", "must be a text"),
    ],
)
def test_what_is_refused_is_named_by_its_field(expression: str, where: str, what: str) -> None:
    (problem,) = problems_of(expression)
    assert problem.where == where
    assert re.search(what, problem.what), problem.what


@pytest.mark.scenario("S8", part="core")
def test_every_field_is_told_at_once() -> None:
    assert [each.where for each in problems_of("60 24 32 13 8")] == ["minute", "hour", "day of month", "month", "day of week"]


def test_only_what_names_its_days_exactly_once_is_fixed() -> None:
    fixed = {
        each: not parse(each).is_interval_like for each in ("0 3 * * *", "0-59/5 * * * *", "0 */2 * * *", "*/5 2 * * *", "* 0 3 * * *")
    }
    assert fixed == {"0 3 * * *": True, "0-59/5 * * * *": False, "0 */2 * * *": False, "*/5 2 * * *": False, "* 0 3 * * *": False}
    assert all(isinstance(parse(each), Cron) for each in MACROS)


def test_it_is_cheap_to_ask_for_the_next_one() -> None:
    """Counted in months looked at, which no busy machine changes: a daily expression looks at two at the most, and remembers them."""
    made = parse("0 3 * * *")
    made._days.clear()
    at = wall(datetime(2026, 5, 1, tzinfo=UTC))
    for _ in range(40):
        found = made.next_wall(at + 1)
        assert found is not None
        at = found
    assert len(made._days) == 2
