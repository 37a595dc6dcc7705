"""Pauses of a schedule, out of the notices about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from mainspring.core.notice import Notice, Severity
from mainspring.core.pauses import Pause, pauses

NOON = datetime(2031, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def told(*said: tuple[int, str, Mapping[str, object]]) -> list[Notice]:
    """Return notices of so many minutes past noon, the newest first, as the store answers them."""
    found = [
        Notice(number, NOON + minutes * MINUTE, "schedule:x", kind, Severity.INFO, data)
        for number, (minutes, kind, data) in enumerate(said)
    ]
    return found[::-1]


def at(minutes: int) -> datetime:
    return NOON + minutes * MINUTE


def test_nothing_was_paused() -> None:
    assert pauses([], NOON) == []


def test_a_pause_lasts_until_somebody_ends_it() -> None:
    began = ("paused", {"by": "ada", "reason": "repairs"})
    assert pauses(told((0, *began)), at(9)) == [Pause(at(0), None, "ada", "repairs", None)]
    ended = told((0, *began), (5, "resumed", {"by": "bob", "since": at(0).isoformat()}))
    assert pauses(ended, at(9)) == [Pause(at(0), at(5), "ada", "repairs", None, "bob")]


def test_a_pause_with_an_end_is_over_then_whoever_notices_it_and_when() -> None:
    began = (0, "paused", {"by": "ada", "until": at(5).isoformat()})
    over = Pause(at(0), at(5), "ada", None, at(5))
    assert pauses(told(began), at(4)) == [Pause(at(0), None, "ada", None, at(5))]
    assert pauses(told(began), at(6)) == [over]
    assert pauses(told(began, (7, "resumed", {"by": None})), at(9)) == [over]
    assert pauses(told(began, (8, "paused", {"by": "bob"})), at(9)) == [over, Pause(at(8), None, "bob", None, None)]


def test_pausing_again_changes_why_and_until_when_and_not_since_when() -> None:
    found = told((0, "paused", {"by": "ada", "until": at(5).isoformat()}), (3, "paused", {"by": "bob", "reason": "longer"}))
    assert pauses(found, at(9)) == [Pause(at(0), None, "bob", "longer", None)]


def test_a_beginning_that_is_no_longer_kept_is_told_by_the_end() -> None:
    assert pauses(told((5, "resumed", {"by": "ada", "since": at(1).isoformat()})), at(9)) == [Pause(at(1), at(5), None, None, None, "ada")]
    assert pauses(told((5, "resumed", {"by": "ada"})), at(9)) == []
