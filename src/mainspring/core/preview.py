"""The next times of a schedule, as people want to see them: in its zone and in theirs, with the oddities of clocks marked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mainspring.core.calendar import CronCalendar, zone
from mainspring.core.errors import ConfigurationError
from mainspring.core.schedule import Schedule


class Oddity(StrEnum):
    """What is odd about a slot, where clocks are put forward or back in the schedule's zone."""

    SHIFTED = "shifted"  # the clock leaves its time out: it is the first instant after the gap
    GAP = "gap"  # since the slot before, the clock has left out times of the expression that have no slot
    FIRST_OF_TWO = "first-of-two"  # the clock shows its time twice, this is the first
    SECOND_OF_TWO = "second-of-two"  # and this the second


@dataclass(frozen=True, slots=True)
class Upcoming:
    """One slot to come: ``slot`` and ``due_at`` in UTC, ``local`` as the schedule's clocks show the slot, ``viewer`` as the reader's do."""

    slot: datetime
    due_at: datetime
    local: datetime
    viewer: datetime
    oddity: Oddity | None = None


def preview(schedule: Schedule, n: int, after: datetime, viewer_zone: str = "UTC", name: str | None = None) -> tuple[Upcoming, ...]:
    """Return the next ``n`` slots strictly after a moment, oldest first; fewer where the schedule ends.

    ``name`` is the schedule's where it has none of its own, for its draws. Raises `ConfigurationError` for an unknown zone of the viewer.
    """
    try:
        theirs = zone(viewer_zone)
    except ValueError:
        raise ConfigurationError(
            f"viewer_zone={viewer_zone!r} is no known zone: give a name of the tz database, as Europe/Berlin"
        ) from None
    found: list[Upcoming] = []
    previous, slot = after, schedule.next_slot(after)
    while slot is not None and len(found) < n:
        odd = oddity_of(schedule, previous, slot)
        found.append(Upcoming(slot, schedule.due_at(slot, name), schedule.zone.local(slot), theirs.local(slot), odd))
        previous, slot = slot, schedule.next_slot(slot)
    return tuple(found)


def oddity_of(schedule: Schedule, previous: datetime, slot: datetime) -> Oddity | None:
    """Return what is odd about a slot that follows another moment; None for nearly all."""
    calendar = schedule.calendar
    if isinstance(calendar, CronCalendar) and calendar.is_shifted(slot):
        return Oddity.SHIFTED
    local = schedule.zone.local(slot)
    if local.fold:
        return Oddity.SECOND_OF_TWO
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        return Oddity.FIRST_OF_TWO
    if isinstance(calendar, CronCalendar) and calendar.leaves_out(previous, slot):
        return Oddity.GAP
    return None
