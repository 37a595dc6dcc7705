"""The manual clock: one pair of hands for the store's time and for the loop's, which nobody moves but a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mainspring.core.duration import Duration, parse_duration

START = datetime(2030, 1, 1, tzinfo=UTC)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class ManualClock:
    """Time that stands still until it is moved.

    ``monotonic`` is what nodes measure durations with, ``microseconds`` what the store writes down. They advance
    together; `step` moves the store's alone, as a correction of a server's clock does.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = (start - _EPOCH) // _MICROSECOND
        self._passed = 0.0
        self._step = 0.0

    def monotonic(self) -> float:
        """Return the seconds that have passed since the clock was made."""
        return self._passed

    def microseconds(self) -> int:
        """Return the store's time, as microseconds since 1970."""
        return self._start + round((self._passed + self._step) * 1_000_000)

    def now(self) -> datetime:
        """Return the store's time."""
        return _EPOCH + self.microseconds() * _MICROSECOND

    def advance(self, duration: Duration) -> None:
        """Let time pass (timedelta, seconds, ``"5m"``). Only the hands move: whoever waits must still be woken."""
        self._passed += parse_duration(duration, "advance(duration)").total_seconds()

    def advance_to(self, monotonic: float) -> None:
        """Let time pass up to a moment; one that has passed already changes nothing."""
        self._passed = max(self._passed, monotonic)

    def step(self, seconds: float) -> None:
        """Move the store's clock against everybody's durations, forwards or (below zero) backwards."""
        self._step += seconds
