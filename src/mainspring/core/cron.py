"""Cron expressions: their fields, what is wrong with them, and the walls that match.

A *wall* is what a clock on a wall shows: seconds since 1970-01-01T00:00 on a calendar without zones. Which instants they are is
the business of `calendar`. Everything is found by bisection and months, never minute by minute: a step costs some microseconds
whether the next match is a second or a leap day away.

Five fields (minute, hour, day of month, month, day of week), or six with the second in front. Each is a list of ``*``, ``n``,
``n-m``, any of them with ``/step``; months and days of the week have names; 0 and 7 are Sunday. ``L`` is the last day of the month,
``5L`` its last Friday, ``5#2`` its second. Two days fields that both say something are joined by OR, as every cron since Vixie's does;
one that begins with ``*`` says nothing of its own and is joined by AND (crontab(5) of Debian).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from mainspring.core.errors import Problem

DAY = 86_400
EPOCH_DAY = 719_163  # date(1970, 1, 1).toordinal()
# A fifth Monday in February comes every 28 years, and once in 40 where a century without a leap day lies between.
MOST_MONTHS = 45 * 12
LAST_MONTH = 9998 * 12  # datetime ends with the year 9999
REMEMBERED_MONTHS = 64

MACROS: Mapping[str, str] = MappingProxyType(
    {
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    }
)  # fmt: skip
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class ItemKind(StrEnum):
    """What one part of a field's list is."""

    ALL = "all"  # * or */step
    ONE = "one"  # n
    RANGE = "range"  # n-m or n-m/step
    FROM = "from"  # n/step: from n to the end of the field
    LAST = "last"  # L, the last day of the month
    LAST_WEEKDAY = "last-weekday"  # 5L
    NTH_WEEKDAY = "nth-weekday"  # 5#2


class Item(NamedTuple):
    """One part of a field's list; ``nth`` belongs to `ItemKind.NTH_WEEKDAY` alone."""

    kind: ItemKind
    low: int = 0
    high: int = 0
    step: int = 1
    nth: int = 0


class FieldKind(NamedTuple):
    """A field of an expression: its name for people, its bounds, and the names of its values from the least on."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


SECOND, MINUTE, HOUR = FieldKind("second", 0, 59), FieldKind("minute", 0, 59), FieldKind("hour", 0, 23)
DAY_OF_MONTH, MONTH = FieldKind("day of month", 1, 31), FieldKind("month", 1, 12, _MONTHS)
DAY_OF_WEEK = FieldKind("day of week", 0, 7, _DAYS)
FIELDS = (SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it was read: its parts in the order in which they stand, and the plain values that they name."""

    items: tuple[Item, ...]
    values: tuple[int, ...]
    begins_with_star: bool

    @property
    def is_free(self) -> bool:
        """Tell whether the field says nothing: ``*``."""
        return self.items == (_ALL,)


_ALL = Item(ItemKind.ALL)


class Cron:
    """A parsed expression. Two of the same text are the same object as long as they are remembered."""

    __slots__ = (
        "_days", "_minutes", "_months", "_seconds", "_weekdays", "day", "days_are_joined_by_or", "has_seconds", "hour", "is_interval_like",
        "minute", "month", "second", "text", "weekday",
    )  # fmt: skip

    def __init__(self, text: str, fields: Sequence[Field], *, has_seconds: bool) -> None:
        self.text, self.has_seconds = text, has_seconds
        self.second, self.minute, self.hour, self.day, self.month, self.weekday = fields
        self.days_are_joined_by_or = not (self.day.begins_with_star or self.weekday.begins_with_star)
        # Follows real time when clocks are put forward or back: cron(8) of Debian asks the same of minute and hour.
        self.is_interval_like = any(each.begins_with_star for each in (self.second, self.minute, self.hour))
        self._months, self._seconds = frozenset(self.month.values), self.second.values
        self._minutes = tuple(hour * 60 + minute for hour in self.hour.values for minute in self.minute.values)
        self._weekdays = frozenset(value % 7 for value in self.weekday.values)
        self._days: dict[int, tuple[int, ...]] = {}

    def __repr__(self) -> str:
        return f"<cron {self.text}>"

    def next_wall(self, wall: int) -> int | None:
        """Return the first matching wall at or after one; None where there is none in the next 45 years."""
        day, second = divmod(wall, DAY)
        month = _month_of(day)
        days = self._days_of(month)
        at = bisect_left(days, day)
        if at < len(days) and days[at] == day:
            found = self._next_time(second)
            if found is not None:
                return day * DAY + found
            at += 1
        for _ in range(MOST_MONTHS):
            if at < len(days):
                return days[at] * DAY + self._minutes[0] * 60 + self._seconds[0]
            month, at = month + 1, 0
            if month > LAST_MONTH:
                return None
            days = self._days_of(month)
        return None

    def last_wall(self, wall: int) -> int | None:
        """Return the last matching wall at or before one; None where there is none in the 45 years before."""
        day, second = divmod(wall, DAY)
        month = _month_of(day)
        days = self._days_of(month)
        at = bisect_right(days, day) - 1
        if at >= 0 and days[at] == day:
            found = self._last_time(second)
            if found is not None:
                return day * DAY + found
            at -= 1
        for _ in range(MOST_MONTHS):
            if at >= 0:
                return days[at] * DAY + self._minutes[-1] * 60 + self._seconds[-1]
            month -= 1
            if month < 13:
                return None
            days = self._days_of(month)
            at = len(days) - 1
        return None

    def count_walls(self, first: int, end: int) -> int:
        """Count the matching walls from one up to, and without, another."""
        return self._count_before(end, since=_month_of(first // DAY)) - self._count_before(first, since=_month_of(first // DAY))

    def _count_before(self, wall: int, *, since: int) -> int:
        """Count the matching walls before one, from the first of the month ``since`` on."""
        day, second = divmod(wall, DAY)
        month = _month_of(day)
        whole = sum(len(self._days_of(each)) for each in range(since, month))
        days = self._days_of(month)
        at = bisect_left(days, day)
        counted = (whole + at) * len(self._minutes) * len(self._seconds)
        if at < len(days) and days[at] == day:
            minute, rest = divmod(second, 60)
            before = bisect_left(self._minutes, minute)
            counted += before * len(self._seconds)
            if before < len(self._minutes) and self._minutes[before] == minute:
                counted += bisect_left(self._seconds, rest)
        return counted

    def _next_time(self, second: int) -> int | None:
        minute, rest = divmod(second, 60)
        at = bisect_left(self._minutes, minute)
        if at < len(self._minutes) and self._minutes[at] == minute:
            within = bisect_left(self._seconds, rest)
            if within < len(self._seconds):
                return minute * 60 + self._seconds[within]
            at += 1
        return self._minutes[at] * 60 + self._seconds[0] if at < len(self._minutes) else None

    def _last_time(self, second: int) -> int | None:
        minute, rest = divmod(second, 60)
        at = bisect_right(self._minutes, minute) - 1
        if at >= 0 and self._minutes[at] == minute:
            within = bisect_right(self._seconds, rest) - 1
            if within >= 0:
                return minute * 60 + self._seconds[within]
            at -= 1
        return self._minutes[at] * 60 + self._seconds[-1] if at >= 0 else None

    def _days_of(self, month: int) -> tuple[int, ...]:
        """Return the matching days of a month (year * 12 + month - 1), counted from 1970-01-01."""
        if month % 12 + 1 not in self._months:
            return ()
        found = self._days.get(month)
        if found is None:
            if len(self._days) >= REMEMBERED_MONTHS:
                self._days.clear()
            found = self._days[month] = tuple(self._matching_days(*divmod(month, 12)))
        return found

    def _matching_days(self, year: int, month: int) -> Iterator[int]:
        weekday, length = monthrange(year, month + 1)  # Monday is 0
        first = _first_day(year, month + 1)
        days, kinds = set(self.day.values), {item.kind for item in self.day.items}
        if ItemKind.LAST in kinds:
            days.add(length)
        for day in range(1, length + 1):
            of_month, of_week = day in days, self._is_weekday(day, (weekday + day) % 7, length)
            if (of_month or of_week) if self.days_are_joined_by_or else (of_month and of_week):
                yield first + day - 1

    def _is_weekday(self, day: int, weekday: int, length: int) -> bool:
        """Tell whether a day of a month is one that the last field names; Sunday is 0."""
        if weekday in self._weekdays:
            return True
        for item in self.weekday.items:
            if item.kind is ItemKind.LAST_WEEKDAY and item.low % 7 == weekday and day + 7 > length:
                return True
            if item.kind is ItemKind.NTH_WEEKDAY and item.low % 7 == weekday and (day + 6) // 7 == item.nth:
                return True
        return False


@lru_cache(maxsize=4096)
def parse(text: str) -> Cron:
    """Return the parsed expression; raises `ValueError` for one in which `problems_of` finds something."""
    fields, found = _read(text)
    if found:
        raise ValueError("; ".join(map(str, found)))
    return Cron(text, fields, has_seconds=len(_words(text)) == len(FIELDS))


def problems_of(text: object) -> tuple[Problem, ...]:
    """Return everything that is wrong with an expression, field by field; empty for a good one."""
    if not isinstance(text, str):
        return (Problem("expression", "must be a text such as '*/5 * * * *'", repr(text)),)
    return _problems_of(text)


@lru_cache(maxsize=4096)
def _problems_of(text: str) -> tuple[Problem, ...]:
    fields, found = _read(text)
    if found:
        return tuple(found)
    made = Cron(text, fields, has_seconds=False)
    start = _first_day(2000, 1) * DAY  # any: what fires once in 45 years fires after it
    if made.next_wall(start) is None:
        return (Problem("day of month", "never fires: no month that the expression names has such a day", repr(text)),)
    return ()


def normalised(text: str) -> str:
    """Return an expression as it is kept: single spaces, names in capitals, macros in small letters."""
    joined = " ".join(text.split())
    return joined.lower() if joined.startswith("@") else joined.upper()


def _words(text: str) -> list[str]:
    return MACROS.get(text.strip().lower(), text).upper().split()


def _read(text: str) -> tuple[list[Field], list[Problem]]:
    """Read the six fields; with problems, the fields are of no use."""
    if not text.strip():
        return [], [Problem("expression", "is empty: write five fields, as '*/5 * * * *' for every five minutes", repr(text))]
    if text.strip().startswith("@") and text.strip().lower() not in MACROS:
        return [], [Problem("expression", _remedy_for_macro(text.strip().lower()), repr(text))]
    words = _words(text)
    if len(words) not in (5, 6):
        return [], [Problem("expression", _remedy_for_count(len(words)), repr(text))]
    if len(words) == 5:
        words = ["0", *words]
    fields: list[Field] = []
    problems: list[Problem] = []
    for kind, word in zip(FIELDS, words, strict=True):
        try:
            fields.append(_field(kind, word))
        except _Refused as refused:
            problems.append(Problem(kind.name, str(refused), repr(word)))
    return fields, problems


class _Refused(Exception):
    """Why a field is not read."""


def _field(kind: FieldKind, word: str) -> Field:
    items = tuple(_item(kind, part) for part in word.split(","))
    values = sorted({value for item in items for value in _values(kind, item)})
    return Field(items, tuple(values), word.startswith("*"))


def _values(kind: FieldKind, item: Item) -> range:
    if item.kind is ItemKind.ALL:
        return range(kind.least, (6 if kind is DAY_OF_WEEK else kind.most) + 1, item.step)
    if item.kind in (ItemKind.ONE, ItemKind.RANGE, ItemKind.FROM):
        return range(item.low, item.high + 1, item.step)
    return range(0)


def _item(kind: FieldKind, part: str) -> Item:
    body, slash, step_text = part.partition("/")
    step = _step(kind, step_text) if slash else 1
    if body == "*":
        return Item(ItemKind.ALL, step=step)
    if not slash and (special := _special(kind, body)) is not None:
        return special
    low_text, dash, high_text = body.partition("-")
    low = _value(kind, low_text)
    if dash:
        high = _value(kind, high_text)
        if kind is DAY_OF_WEEK and high == 0 < low:
            high = 7  # FRI-SUN
        if high < low:
            raise _Refused(f"the range ends before it begins: write it as two, {low_text}-{kind.most} and {kind.least}-{high_text}")
        return Item(ItemKind.RANGE, low, high, step)
    return Item(ItemKind.FROM, low, 6 if kind is DAY_OF_WEEK else kind.most, step) if slash else Item(ItemKind.ONE, low, low)


def _special(kind: FieldKind, body: str) -> Item | None:
    """Read ``L``, ``5L`` and ``5#2``, each where it belongs."""
    if kind is DAY_OF_MONTH and body == "L":
        return Item(ItemKind.LAST)
    if kind is not DAY_OF_WEEK:
        return None
    if "#" in body:
        day, _, nth = body.partition("#")
        if nth not in ("1", "2", "3", "4", "5"):
            raise _Refused("after # the number of the week is needed, from 1 to 5, as MON#1 for the first Monday")
        return Item(ItemKind.NTH_WEEKDAY, _value(kind, day) % 7, nth=int(nth))
    if body == "L":
        raise _Refused("L alone is a day of the month; for a last day of the week write which, as 5L for the last Friday")
    if body.endswith("L"):
        return Item(ItemKind.LAST_WEEKDAY, _value(kind, body[:-1]) % 7)
    return None


def _value(kind: FieldKind, text: str) -> int:
    if text in kind.names:
        return kind.names.index(text) + kind.least
    if not (text.isascii() and text.isdigit()):
        raise _Refused(_remedy_for_token(kind, text))
    value = int(text[:9])
    if not kind.least <= value <= kind.most:
        raise _Refused(f"{text} is out of range: {_allowed(kind)}")
    return value


def _step(kind: FieldKind, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= kind.most:
        raise _Refused(f"the step after / must be a whole number from 1 to {kind.most}")
    return int(text)


def _allowed(kind: FieldKind) -> str:
    names = f", or {kind.names[0]} to {kind.names[-1]}" if kind.names else ""
    return f"{kind.least} to {kind.most}{names} are allowed"


def _remedy_for_token(kind: FieldKind, text: str) -> str:
    if not text:
        return f"a value is missing: {_allowed(kind)}"
    if "?" in text:
        return "? is not supported: write *"
    if text.startswith("H") and text not in kind.names:
        return "H is not supported: write a value, and spread the load with jitter= or window="
    if "W" in text and not any(name in text for name in kind.names):
        return "W (the nearest working day) is not supported: name days, or ask for it in the task"
    if "L" in text and kind not in (DAY_OF_MONTH, DAY_OF_WEEK):
        return "L is only for days: in the day of month, or behind a day of the week"
    if "L" in text and kind is DAY_OF_MONTH:
        return "only L alone, the last day of the month, is supported"
    if "#" in text:
        return "# is only for days of the week, as MON#1"
    return f"{text!r} is not understood: {_allowed(kind)}; also *, ranges 1-5, lists 1,3 and steps */2"


def _remedy_for_macro(text: str) -> str:
    if text == "@reboot":
        return "@reboot is no time: make it a service, or enqueue the task where the app starts"
    if text.startswith("@every"):
        return "an interval is no cron expression: write every('90s')"
    return f"is unknown: the macros are {', '.join(MACROS)}"


def _remedy_for_count(count: int) -> str:
    needed = "five are needed (minute, hour, day of month, month, day of week), or six with the second in front"
    fields = f"has {count} field{'' if count == 1 else 's'}: {needed}"
    return fields + ("; for years give start= and end=" if count > 6 else "")


def _month_of(day: int) -> int:
    """Return the month (year * 12 + month - 1) of a day that is counted from 1970-01-01."""
    # Civil from days, after Howard Hinnant's "chrono-compatible low-level date algorithms".
    shifted = day + 719_468
    era, of_era = divmod(shifted, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153 + 2  # March is 2: months are counted from 0
    return (era * 400 + year) * 12 + month


def _first_day(year: int, month: int) -> int:
    """Return the first day of a month (1 to 12), counted from 1970-01-01."""
    shifted, of_year = (year, month - 3) if month > 2 else (year - 1, month + 9)
    return shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + (153 * of_year + 2) // 5 - 719_468
