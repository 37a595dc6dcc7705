"""When schedules fire, from what stands in the code: periods, and what happens on the days when clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from mainspring.advisor.record import record
from mainspring.advisor.rules.definitions import ScheduleFact, Unknown
from mainspring.core import cron as crons
from mainspring.core.calendar import CronCalendar, zone

# A whole year with both changes of the clocks, and a leap day two years before it: findings must not change with the day of the check.
_FROM, _UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
_MOST_SLOTS = 2000  # a day of minutes; what is denser than that has the same gap everywhere


@lru_cache(maxsize=1024)
def parsed(text: str) -> crons.Cron | None:
    """Return a cron expression that fires, None for what is none."""
    return None if crons.problems_of(text) else crons.parse(text)


def shortest_period(schedule: ScheduleFact) -> float | None:
    """Return the least seconds between two slots, None where it has at most one or nobody knows."""
    if schedule.kind == "every" or (schedule.kind == "when" and schedule.seconds is not None):
        return schedule.seconds
    cron = parsed(schedule.text) if schedule.kind in ("cron", "when") and schedule.text is not None else None
    return None if cron is None else _gap(cron)


@lru_cache(maxsize=1024)
def _gap(cron: crons.Cron) -> float | None:
    wall: int | None = int(_FROM.timestamp())
    least: int | None = None
    last: int | None = None
    end = int(_UNTIL.timestamp())
    for _ in range(_MOST_SLOTS):
        wall = cron.next_wall(wall) if wall is not None else None
        if wall is None or (wall > end and last is not None and least is not None):
            break
        if last is not None:
            least = wall - last if least is None else min(least, wall - last)
        last, wall = wall, wall + 1
    return None if least is None else float(least)


def fixed_times(schedule: ScheduleFact) -> tuple[tuple[int, int], ...]:
    """Return the (hour, minute) at which a cron expression with a fixed hour fires each day that it names; () for anything else."""
    cron = parsed(schedule.text) if schedule.kind in ("cron", "when") and schedule.text is not None else None
    if cron is None or cron.hour.begins_with_star or cron.minute.begins_with_star or cron.second.begins_with_star:
        return ()
    times = [(hour, minute) for hour in cron.hour.values for minute in cron.minute.values]
    return tuple(times) if len(times) < 24 else ()


@record(frozen=True, slots=True)
class Oddity:
    """A slot on a day when clocks change. ``kind``: "gap" where the clocks leave its time out, "fold" where they show it twice."""

    kind: str
    time: str
    day: str


@lru_cache(maxsize=512)
def oddities(text: str, tz: str) -> tuple[Oddity, ...]:
    """Return what the changes of a zone's clocks do to the fixed times of an expression; () for one that follows real time."""
    cron = parsed(text)
    if cron is None or cron.is_interval_like:
        return ()
    try:
        clocks = zone(tz)
    except ValueError:
        return ()
    return tuple(_oddities(CronCalendar(cron, clocks, is_literal=False)))


def _oddities(calendar: CronCalendar) -> Iterator[Oddity]:
    slot = calendar.after(_FROM - timedelta(seconds=1))
    for _ in range(_MOST_SLOTS):
        if slot is None or slot >= _UNTIL:
            return
        local = calendar.zone.local(slot)
        if calendar.is_shifted(slot):
            yield Oddity("gap", _wall_before(calendar, slot), f"{local:%Y-%m-%d}")
        elif calendar.zone.local(slot + timedelta(hours=1)).replace(tzinfo=None, fold=0) == local.replace(tzinfo=None, fold=0):
            yield Oddity("fold", f"{local:%H:%M}", f"{local:%Y-%m-%d}")
        slot = calendar.after(slot)


def _wall_before(calendar: CronCalendar, slot: datetime) -> str:
    """Return the time that the clocks left out: the last that the expression names before what they show at the slot."""
    local = calendar.zone.local(slot).replace(tzinfo=None, fold=0)
    wall = calendar.cron.last_wall(int(local.replace(tzinfo=UTC).timestamp()))
    return "" if wall is None else f"{datetime.fromtimestamp(wall, UTC):%H:%M}"


def zone_of(schedule: ScheduleFact) -> str | None:
    """Return the zone that a schedule names, None where it names none or only a running program knows."""
    return None if schedule.tz is None or isinstance(schedule.tz, Unknown) else schedule.tz


def has_clocks(tz: str) -> bool:
    """Tell whether a zone's clocks change in the course of a year."""
    try:
        stretch = zone(tz).stretch_at(int(datetime(2026, 1, 15, tzinfo=UTC).timestamp()))
        other = zone(tz).stretch_at(int(datetime(2026, 7, 15, tzinfo=UTC).timestamp()))
    except ValueError:
        return False
    return stretch.offset != other.offset
