"""Limits, rates, dedupe and retention as values."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainspring import Dedupe, Limit, Rate, Retention
from mainspring.core.dedupe import DedupePolicy
from mainspring.core.errors import ConfigurationError
from mainspring.core.limit import own_key, parse_rate


@pytest.mark.parametrize(
    ("text", "count", "per", "shown"),
    [
        ("10/s", 10, 1, "10/s"),
        ("100/minute", 100, 60, "100/m"),
        ("5/10s", 5, 10, "5/10s"),
        (" 3 / 2 hours ", 3, 7200, "3/2h"),
        ("1/250ms", 1, 0.25, "1/250ms"),
        ("7/day", 7, 86_400, "7/d"),
        ("4/90s", 4, 90, "4/90s"),
        ("4/1500ms", 4, 1.5, "4/1500ms"),
        ("2/10d", 2, 864_000, "2/10d"),
    ],
)
def test_rates_are_read_and_written(text: str, count: int, per: float, shown: str) -> None:
    rate = parse_rate(text)
    assert (rate.count, rate.per, rate.burst) == (count, timedelta(seconds=per), 1)
    assert str(rate) == shown
    assert parse_rate(str(rate)) == rate
    assert rate.interval == timedelta(seconds=per) / count


@pytest.mark.parametrize("text", ["", "10", "10/", "/s", "x/s", "0/s", "10/0s", "10/fortnight", 3, "10/-1s"])
def test_what_is_no_rate_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="rate|Rate"):
        parse_rate(text)


def test_a_limit_limits_something() -> None:
    limit = Limit("tenant:{id}", concurrency=2, rate="5/s")
    assert (limit.concurrency, limit.rate) == (2, Rate(5, timedelta(seconds=1)))
    assert limit.key.parameters == ("id",)
    for wrong in ({}, {"concurrency": 0}, {"concurrency": True}, {"rate": "soon"}):
        with pytest.raises(ConfigurationError, match="Limit"):
            Limit("k", **wrong)


def test_tenants_never_share_a_key() -> None:
    assert own_key("a", "x") != own_key("b", "x")


def test_dedupe_says_what_a_window_is_for() -> None:
    assert Dedupe("k").policy is DedupePolicy.EXISTING
    assert Dedupe("k", "once").window is None
    assert Dedupe("k", "debounce", window="30s").window == timedelta(seconds=30)
    with pytest.raises(ConfigurationError, match="choose one of existing, reject, replace, debounce, once"):
        Dedupe("k", "always")
    with pytest.raises(ConfigurationError, match="needs window="):
        Dedupe("k", "debounce")
    with pytest.raises(ConfigurationError, match="no meaning"):
        Dedupe("k", "reject", window="1h")


def test_retention_says_something() -> None:
    kept = Retention("1d", others="7d", keep_last=20)
    assert (kept.completed, kept.others, kept.keep_last) == (timedelta(days=1), timedelta(days=7), 20)
    with pytest.raises(ConfigurationError, match="says nothing"):
        Retention()
    with pytest.raises(ConfigurationError, match="keep_last"):
        Retention(keep_last=-1)
