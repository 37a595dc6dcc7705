"""What a schedule says, as phrases: keys and values that a face puts into words of its language.

Derived from the parsed expression alone, item by item, so that nothing that restricts a schedule can be lost on the way: every
field that is not free has a phrase of its own, or is part of the times of the day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from mainspring.core.calendar import EPOCH
from mainspring.core.cron import Cron, Field, Item, ItemKind
from mainspring.core.schedule import Schedule, ScheduleKind

MOST_TIMES = 8  # times of the day that are told one by one
ANY_HOUR = Item(ItemKind.ALL)
_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)), ("second", timedelta(seconds=1)))
_MILLISECOND = timedelta(milliseconds=1)
_NOTHING: Mapping[str, object] = MappingProxyType({})


class Phrase(NamedTuple):
    """A key of the catalogues and its values: numbers, texts, phrases, or tuples of these, which are lists for the reader.

    Where a value is called ``n``, the key has a form for each plural of the language.
    """

    key: str
    values: Mapping[str, object] = _NOTHING


def describe_schedule(schedule: Schedule) -> tuple[Phrase, ...]:
    """Return the phrases of one sentence about a schedule, in their order."""
    return tuple(_phrases(schedule))


def _phrases(schedule: Schedule) -> Iterator[Phrase]:
    match schedule.kind:
        case ScheduleKind.MANUAL:
            yield Phrase("schedule.manual")
            return
        case ScheduleKind.AT:
            yield Phrase("schedule.at", {"at": _shown(schedule, datetime.fromisoformat(schedule.expression)), "zone": _zone(schedule)})
        case ScheduleKind.WHEN:
            _, _, predicate = (schedule.predicate_name or "").rpartition(":")
            yield Phrase("schedule.when", {"predicate": predicate, "times": tuple(_times(schedule))})
        case _:
            yield from _times(schedule)
    if isinstance(schedule.window, timedelta):
        yield Phrase("schedule.window", {"length": _length(schedule.window)})
    if schedule.jitter:
        yield Phrase("schedule.jitter", {"length": _length(schedule.jitter)})
    if schedule.starts_at is not None:
        yield Phrase("schedule.from", {"at": _shown(schedule, schedule.starts_at), "zone": _zone(schedule)})
    if schedule.ends_at is not None:
        yield Phrase("schedule.until", {"at": _shown(schedule, schedule.ends_at), "zone": _zone(schedule)})


def _times(schedule: Schedule) -> Iterator[Phrase]:
    if (cron := schedule.cron) is not None:
        window = schedule.window if isinstance(schedule.window, str) else None
        yield from _time_of_day(cron, window)
        yield from _days(cron)
        yield from _months(cron)
        yield _zone(schedule)
    elif (period := schedule.period) is not None:
        yield _every(period)
        if schedule.anchor != EPOCH:
            yield Phrase("schedule.anchor", {"at": _shown(schedule, schedule.anchor), "zone": _zone(schedule)})


def _time_of_day(cron: Cron, window: str | None) -> Iterator[Phrase]:
    if window is not None:
        begins, _, ends = window.partition("-")
        yield Phrase("schedule.between", {"begins": begins, "ends": ends})
        return
    fields = (cron.second, cron.minute, cron.hour)
    count = len(cron.second.values) * len(cron.minute.values) * len(cron.hour.values)
    if all(_is_list(each) for each in fields) and count <= MOST_TIMES:
        shape = "{0:02}:{1:02}:{2:02}" if cron.has_seconds else "{0:02}:{1:02}"
        times = (shape.format(h, m, s) for h in cron.hour.values for m in cron.minute.values for s in cron.second.values)
        yield Phrase("schedule.times", {"list": tuple(times)})
        return
    is_repeated = cron.has_seconds and cron.second.begins_with_star
    if cron.second.values != (0,):
        yield Phrase("schedule.list", {"list": tuple(_clock_items("second", cron.second, 59))})
    if not (is_repeated and cron.minute.is_free):
        yield Phrase("schedule.list", {"list": tuple(_clock_items("minute", cron.minute, 59))})
    if not cron.hour.is_free:
        yield Phrase("schedule.list", {"list": tuple(_clock_items("hour", cron.hour, 23))})
    elif not (cron.minute.begins_with_star or (is_repeated and cron.minute.is_free)):
        yield Phrase("schedule.hour.all")


def _clock_items(unit: str, field: Field, most: int) -> Iterator[Phrase]:
    """Yield phrases for seconds, minutes or hours: single ones together, then spans and steps."""
    ones = tuple(item.low for item in field.items if item.kind is ItemKind.ONE)
    if ones:
        yield Phrase(f"schedule.{unit}.ones", {"n": len(ones), "list": ones})
    for item in field.items:
        if item == ANY_HOUR and unit == "hour":
            yield Phrase("schedule.hour.all")
        elif item.kind is ItemKind.ALL:
            yield Phrase(f"schedule.{unit}.{'uneven' if (most + 1) % item.step else 'step'}", {"n": item.step})
        elif item.kind in (ItemKind.RANGE, ItemKind.FROM):
            key = f"schedule.{unit}.range" if item.step == 1 else f"schedule.{unit}.range-step"
            yield Phrase(key, {"low": item.low, "high": item.high, "n": item.step})


def _days(cron: Cron) -> Iterator[Phrase]:
    of_month, of_week = tuple(_month_days(cron.day)), tuple(_weekdays(cron.weekday))
    if of_month and of_week:
        key = "schedule.days.or" if cron.days_are_joined_by_or else "schedule.days.and"
        yield Phrase(key, {"month_days": of_month, "weekdays": of_week})
    elif of_month or of_week:
        yield Phrase("schedule.list", {"list": of_month or of_week})
    elif _is_list(cron.hour) and cron.month.is_free:
        yield Phrase("schedule.days.all")


def _month_days(field: Field) -> Iterator[Phrase]:
    if field.is_free:
        return
    ones = tuple(item.low for item in field.items if item.kind is ItemKind.ONE)
    if ones:
        yield Phrase("schedule.day.ones", {"n": len(ones), "list": ones})
    for item in field.items:
        if item.kind is ItemKind.LAST:
            yield Phrase("schedule.day.last")
        elif item.kind is not ItemKind.ONE:
            low, high = (1, 31) if item.kind is ItemKind.ALL else (item.low, item.high)
            yield Phrase(f"schedule.day.range{'' if item.step == 1 else '-step'}", {"low": low, "high": high, "n": item.step})


def _weekdays(field: Field) -> Iterator[Phrase]:
    if field.is_free:
        return
    ones: list[int] = []
    for item in field.items:
        match item.kind:
            case ItemKind.LAST_WEEKDAY:
                yield Phrase(f"schedule.weekday.last.{item.low}")
            case ItemKind.NTH_WEEKDAY:
                yield Phrase(f"schedule.weekday.nth.{item.low}.{item.nth}")
            case ItemKind.RANGE if item.step == 1 and item.high > item.low + 1:
                yield Phrase("schedule.weekday.range", _ends("weekday", item.low % 7, item.high % 7))
            case _:
                ones += (day % 7 for day in _each(item, 0, 6))
    if ones:
        yield Phrase("schedule.list", {"list": tuple(Phrase(f"schedule.weekday.on.{day}") for day in dict.fromkeys(ones))})


def _months(cron: Cron) -> Iterator[Phrase]:
    if cron.month.is_free:
        return
    phrases: list[Phrase] = []
    ones: list[int] = []
    for item in cron.month.items:
        if item.kind is ItemKind.RANGE and item.step == 1 and item.high > item.low + 1:
            phrases.append(Phrase("schedule.month.range", _ends("month", item.low, item.high)))
        else:
            ones += _each(item, 1, 12)
    phrases += (Phrase(f"schedule.month.in.{month}") for month in dict.fromkeys(ones))
    yield Phrase("schedule.list", {"list": tuple(phrases)})


def _each(item: Item, least: int, most: int) -> range:
    low, high = (least, most) if item.kind is ItemKind.ALL else (item.low, item.high)
    return range(low, high + 1, item.step)


def _ends(unit: str, low: int, high: int) -> dict[str, object]:
    return {"low": Phrase(f"schedule.{unit}.from.{low}"), "high": Phrase(f"schedule.{unit}.to.{high}")}


def _is_list(field: Field) -> bool:
    return all(item.kind is ItemKind.ONE for item in field.items)


def _every(period: timedelta) -> Phrase:
    for unit, size in _UNITS:
        if period % size == timedelta(0):
            return Phrase(f"schedule.every.{unit}", {"n": period // size})
    return Phrase("schedule.every.length", {"length": _length(period)})


def _length(duration: timedelta) -> tuple[Phrase, ...]:
    """Return a duration as a list of units, the largest first; the last has what is left, to the millisecond."""
    found: list[Phrase] = []
    rest = duration
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            found.append(Phrase(f"schedule.length.{unit}", {"n": count}))
    if rest:
        found.append(Phrase("schedule.length.millisecond", {"n": rest // _MILLISECOND}))
    return tuple(found)


def _zone(schedule: Schedule) -> Phrase:
    return Phrase("schedule.utc") if schedule.tz == "UTC" else Phrase("schedule.zone", {"zone": schedule.tz})


def _shown(schedule: Schedule, moment: datetime) -> str:
    local = schedule.zone.local(moment)
    return f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"
