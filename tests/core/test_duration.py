"""Durations at the edge."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.duration import describe, parse_duration
from mainspring.core.errors import ConfigurationError

CENTURY = timedelta(days=36500)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5m", timedelta(minutes=5)),
        ("1h 30m", timedelta(hours=1, minutes=30)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        (" 2 d ", timedelta(days=2)),
        ("1w", timedelta(days=7)),
        ("1.5s", timedelta(seconds=1.5)),
        ("250ms", timedelta(milliseconds=250)),
        ("90", timedelta(seconds=90)),
        ("5M", timedelta(minutes=5)),
        (90, timedelta(seconds=90)),
        (0.25, timedelta(milliseconds=250)),
        (0, timedelta(0)),
        (timedelta(hours=3), timedelta(hours=3)),
    ],
)
def test_many_ways_to_say_a_duration(value: timedelta | float | str, expected: timedelta) -> None:
    assert parse_duration(value, "timeout") == expected


@pytest.mark.parametrize(
    "value",
    ["", "  ", "m", "5 parsecs", "5m3", "-5m", "1h, 2m", -1, float("nan"), float("inf"), True, None, [5],
     "9" * 30 + "w", timedelta(days=-1), timedelta(days=36501), "5200w 5w 1000d"],
)  # fmt: skip
def test_what_is_no_duration_is_refused_by_name(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^timeout="):
        parse_duration(value, "timeout")  # type: ignore[arg-type]


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(seconds=59.999)))
def test_below_a_minute_a_description_is_exact_to_the_millisecond(duration: timedelta) -> None:
    assert abs(parse_duration(describe(duration), "d") - duration) <= timedelta(milliseconds=0.5)


@given(st.timedeltas(min_value=timedelta(0), max_value=CENTURY))
def test_a_description_reads_back_as_what_it_describes(duration: timedelta) -> None:
    read = parse_duration(describe(duration), "d")
    assert describe(read) == describe(duration)
    assert read <= duration + timedelta(seconds=0.5)
    assert read >= duration - max(duration / 24, timedelta(seconds=0.5))  # 1d 59m 59s is told as 1d 59m


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_number_with_a_unit_survives_the_round(count: int, unit: str) -> None:
    sizes = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    if timedelta(seconds=count * sizes[unit]) <= CENTURY:
        assert parse_duration(f"{count}{unit}", "d") == timedelta(seconds=count * sizes[unit])
