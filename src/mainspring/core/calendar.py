"""Calendars: which instants a cron expression, an interval or a single time names, in a zone.

The rule of the two odd days of a year, in one sentence each:

- An expression of fixed times (``30 2 * * *``) names each of its walls once: a wall that the clocks leave out is the first instant after
  the gap, of one that they show twice it is the first. Walls that fall on the same instant are one slot.
- An expression with a second, minute or hour that begins with ``*`` follows real time: every instant at which the clock shows what it
  says, and no other. So does every expression with ``dst="wall"``.

This is what Debian's cron does, for jumps of any length. All is arithmetic on whole seconds between the changes of a zone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mainspring.core.cron import DAY, Cron

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EARLIEST, LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)  # zones need room on both sides
_FOREVER = 1 << 60
_MARGIN = 2 * DAY  # no clock was ever put forward or back by more than a day


class Calendar(Protocol):
    """Slots as aware UTC times, in order and without end unless said otherwise."""

    def after(self, moment: datetime) -> datetime | None:
        """Return the first slot strictly after a moment, or None."""
        ...

    def until(self, moment: datetime) -> datetime | None:
        """Return the last slot at or before a moment, or None."""
        ...

    def count(self, after: datetime, until: datetime) -> int:
        """Count the slots strictly after one moment and not after another, without walking them."""
        ...


class Stretch(NamedTuple):
    """A time without a change of the clocks: from ``start`` to, and without, ``end`` (Unix seconds) they are ``offset`` ahead of UTC.

    ``unseen`` is the first wall that no clock showed, or left out, before ``start``: after a gap it lies before what the clock shows then,
    in a fold behind it.
    """

    start: int
    end: int
    offset: int
    unseen: int

    @property
    def left_out(self) -> tuple[int, int]:
        """The walls that were left out when the stretch began: from one to, and without, another."""
        shown = self.start + self.offset
        return min(self.unseen, shown), shown


_ALWAYS = Stretch(-_FOREVER, _FOREVER, 0, -_FOREVER)


class Zone:
    """The changes of one zone, learned year by year as they are asked for."""

    __slots__ = ("_info", "_years", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._info: ZoneInfo | None = None
        self._years: dict[int, tuple[list[int], list[Stretch]]] = {}
        if name != "UTC":
            from zoneinfo import ZoneInfo  # only where a zone is asked for

            self._info = ZoneInfo(name)

    def stretch_at(self, second: int) -> Stretch:
        """Return the stretch of a Unix second; a year's end ends it too."""
        if self._info is None:
            return _ALWAYS
        year = _year_of(second)
        found = self._years.get(year)
        if found is None:
            stretches = list(self._stretches(year))
            found = self._years[year] = ([each.start for each in stretches], stretches)
        starts, stretches = found
        return stretches[bisect_right(starts, second) - 1]

    def local(self, moment: datetime) -> datetime:
        """Return a moment as the zone's clocks show it; ``fold`` is set as `datetime` does."""
        return moment.astimezone(self._info or UTC)

    def first_instant(self, wall: datetime) -> datetime:
        """Return the first instant at which the clocks show a naive time, or the first after the gap that leaves it out."""
        second = _seconds(wall.replace(tzinfo=UTC, microsecond=0))
        stretch = self.stretch_at(second - _MARGIN)
        while second >= stretch.end + stretch.offset:
            stretch = self.stretch_at(stretch.end)
        return _moment(max(second - stretch.offset, stretch.start))

    def _stretches(self, year: int) -> Iterator[Stretch]:
        """Yield the stretches of a year, which see back over its beginning: a change in the last night may still be felt."""
        first, end = _seconds(datetime(year, 1, 1, tzinfo=UTC)), _seconds(datetime(year + 1, 1, 1, tzinfo=UTC))
        offset = self._offset(first - _MARGIN)
        start, unseen = first - _MARGIN, first - _MARGIN + offset
        for changed in (*self._changes(first - _MARGIN, first), first, *self._changes(first, end)):
            if start >= first:
                yield Stretch(start, changed, offset, unseen)
            start, unseen, offset = changed, max(unseen, changed + offset), self._offset(changed)
        yield Stretch(start, end, offset, unseen)

    def _changes(self, low: int, high: int) -> Iterator[int]:
        """Yield the seconds after ``low`` and before ``high`` at which the clocks change; only days that end otherwise are searched."""
        for day in range(low, high, DAY):
            after, night = day, min(day + DAY, high - 1)
            while (changed := self._change(after, night)) is not None:
                yield changed
                after = changed

    def _change(self, low: int, high: int) -> int | None:
        """Return the second of a change after ``low`` and not after ``high``, the first by bisection; None where both offsets are alike."""
        offset = self._offset(low)
        if self._offset(high) == offset:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
        return high

    def _offset(self, second: int) -> int:
        found = _moment(second).astimezone(self._info or UTC).utcoffset()
        assert found is not None
        return found // SECOND


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """Return a zone by its name in the tz database, always the same object; raises `ValueError` where there is none.

    A tz database that changes under a running process is seen by the next one.
    """
    if name in _NO_ZONES or name.startswith(("posix/", "right/")):
        raise ValueError(name)
    try:
        return Zone(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(name) from None


_NO_ZONES = frozenset({"", "localtime", "posixrules", "Factory"})  # another zone on another machine, or none


def zones_like(name: str) -> list[str]:
    """Return up to three names of zones that somebody may have meant, the likeliest first."""
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    by_small = {each.lower(): each for each in available_timezones()}
    by_city = {each.rpartition("/")[2]: each for each in sorted(by_small, reverse=True)}
    wanted = name.strip().lower().replace(" ", "_")
    if wanted in by_small:
        return [by_small[wanted]]
    if wanted in by_city:
        return [by_small[by_city[wanted]]]
    return [by_small[each] for each in get_close_matches(wanted, by_small, n=3, cutoff=0.7)]


class CronCalendar:
    """The instants of a cron expression in a zone. ``is_literal``: exactly those at which the clock shows what it says."""

    __slots__ = ("cron", "is_literal", "zone")

    def __init__(self, cron: Cron, zone: Zone, *, is_literal: bool) -> None:
        self.cron, self.zone = cron, zone
        self.is_literal = is_literal or cron.is_interval_like

    def after(self, moment: datetime) -> datetime | None:
        """Return the first slot strictly after a moment; None where there is none in the next 45 years."""
        second, last = _seconds(max(moment, EARLIEST)) + 1, _seconds(LATEST)
        while second < last:
            stretch = self.zone.stretch_at(second)
            wall = self.cron.next_wall(self._first_wall(stretch, second))
            if wall is None:
                return None
            found = max(wall - stretch.offset, second)
            if found < stretch.end:
                return _moment(found)
            second = stretch.end if self.is_literal else max(stretch.end, wall - _MARGIN)  # no clock goes back to before it
        return None

    def until(self, moment: datetime) -> datetime | None:
        """Return the last slot at or before a moment; None where there is none in the 45 years before."""
        second, first = _seconds(min(moment, LATEST)), _seconds(EARLIEST)
        while second > first:
            stretch = self.zone.stretch_at(second)
            wall = self.cron.last_wall(second + stretch.offset)
            if wall is None:
                return None
            if wall >= self._first_wall(stretch, stretch.start):
                return _moment(max(wall - stretch.offset, stretch.start))
            second = stretch.start - 1 if self.is_literal else min(stretch.start - 1, wall + _MARGIN)
        return None

    def count(self, after: datetime, until: datetime) -> int:
        """Count the slots strictly after one moment and not after another."""
        second, end, counted = _seconds(max(after, EARLIEST)) + 1, _seconds(min(until, LATEST)) + 1, 0
        while second < end:
            stretch = self.zone.stretch_at(second)
            stop = min(stretch.end, end)
            wall, shown = self._first_wall(stretch, second), second + stretch.offset
            if wall < shown and self.cron.count_walls(wall, shown):  # all of the gap are one slot, and that may be a wall of its own
                counted += self.cron.count_walls(shown, shown + 1) == 0
            counted += self.cron.count_walls(max(wall, shown), max(wall, stop + stretch.offset))
            second = stop
        return counted

    def is_shifted(self, slot: datetime) -> bool:
        """Tell whether the clock does not show what the expression says at a slot: it is the first instant after a gap."""
        wall = _seconds(slot) + self.zone.stretch_at(_seconds(slot)).offset
        return self.cron.next_wall(wall) != wall

    def leaves_out(self, after: datetime, until: datetime) -> bool:
        """Tell whether between two moments clocks were put forward over a wall of the expression, and no slot stands for it."""
        second, end = _seconds(after), _seconds(until)
        while self.is_literal and second <= end:
            stretch = self.zone.stretch_at(second)
            if _seconds(after) < stretch.start and self.cron.count_walls(*stretch.left_out):
                return True
            second = stretch.end
        return False

    def _first_wall(self, stretch: Stretch, second: int) -> int:
        """Return the wall from which on the expression is asked for the slots of a stretch from a second on."""
        shown = second + stretch.offset
        if self.is_literal:
            return shown
        return stretch.unseen if second == stretch.start else max(shown, stretch.unseen)


class Interval:
    """Every so often, counted from an anchor; real time, in no zone."""

    __slots__ = ("anchor", "period")

    def __init__(self, anchor: datetime, period: timedelta) -> None:
        self.anchor, self.period = anchor, period

    def after(self, moment: datetime) -> datetime | None:
        """Return the first slot strictly after a moment."""
        return _in_time(self.anchor, ((moment - self.anchor) // self.period + 1) * self.period)

    def until(self, moment: datetime) -> datetime | None:
        """Return the last slot at or before a moment."""
        return _in_time(self.anchor, (moment - self.anchor) // self.period * self.period)

    def count(self, after: datetime, until: datetime) -> int:
        """Count the slots strictly after one moment and not after another."""
        return max((until - self.anchor) // self.period - (after - self.anchor) // self.period, 0)


class Once:
    """One single time, or none at all."""

    __slots__ = ("at",)

    def __init__(self, at: datetime | None) -> None:
        self.at = at

    def after(self, moment: datetime) -> datetime | None:
        """Return the time if it is still to come."""
        return self.at if self.at is not None and self.at > moment else None

    def until(self, moment: datetime) -> datetime | None:
        """Return the time if it has come."""
        return self.at if self.at is not None and self.at <= moment else None

    def count(self, after: datetime, until: datetime) -> int:
        """Return 1 if the time is in between, else 0."""
        return int(self.at is not None and after < self.at <= until)


def _in_time(anchor: datetime, distance: timedelta) -> datetime | None:
    try:
        return anchor + distance
    except OverflowError:
        return None


def _seconds(moment: datetime) -> int:
    return (moment - EPOCH) // SECOND


def _moment(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def _year_of(second: int) -> int:
    return _moment(second).year
