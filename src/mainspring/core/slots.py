"""What becomes of a schedule's slots: which fire now, which were missed, dropped, skipped. A function from values to values.

The *cursor* is the last slot that is accounted for (at first, the moment of declaration). Every slot after it and not after now gets a
verdict, exactly once, since the cursor moves to the newest of them in the same transaction that writes down what the verdicts say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from mainspring.core.schedule import MisfirePolicy, Schedule, ScheduleKind

RECORDED = 100  # slots of one plan that are written down one by one although they do not fire; the others are counted
_MICROSECOND = timedelta(microseconds=1)
_Span: TypeAlias = tuple[datetime, datetime] | None


class Verdict(StrEnum):
    """What becomes of a slot."""

    FIRE = "fire"  # a run is added
    MISSED = "missed"  # nobody was there, and the policy or the grace does not make up for it
    DROPPED = "dropped"  # one too many, or too old, for the policy `all`
    PAUSED = "paused"  # as missed, and somebody had paused the schedule then
    SKIPPED_ONCE = "skipped-once"  # somebody asked for exactly this one to be left out


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot and its verdict. ``is_late``: it fires although its time has passed, by the misfire policy."""

    at: datetime
    verdict: Verdict
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Slots that do not fire and are too many to be told one by one: how many, the oldest, the newest, and what became of them."""

    number: int
    first: datetime
    last: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """Verdicts, oldest first, and what comes next.

    Of slots that do not fire the newest hundred are listed, older ones are only counted. ``cursor`` is where the next plan begins.
    ``next_slot`` is the first slot that is still to come; ``has_ended``: there will be none.
    """

    slots: tuple[Slot, ...]
    next_slot: datetime | None
    has_ended: bool
    cursor: datetime
    left: LeftOut | None = None

    @property
    def left_out(self) -> int:
        """How many slots are only counted."""
        return 0 if self.left is None else self.left.number

    @property
    def fires(self) -> tuple[datetime, ...]:
        """The slots that fire, in the order in which they are to."""
        return tuple(slot.at for slot in self.slots if slot.verdict is Verdict.FIRE)


def plan(
    schedule: Schedule, *, cursor: datetime, now: datetime, tolerance: timedelta, skip_next: datetime | None = None,
    paused: _Span = None,
) -> Plan:  # fmt: skip
    """Decide about every slot after the cursor and not after now.

    The newest slot is on time if it is at most ``tolerance`` late (a scheduler looks every so often), whatever the policy. All others are
    misfires. The first slot at or after ``skip_next`` is left out. Slots from the first moment of ``paused`` up to its second are told as
    paused where they would be missed. A clock that goes back plans nothing until it is past the cursor again.
    """
    newest = schedule.last_slot(now)
    if newest is None or newest <= cursor:
        upcoming = schedule.next_slot(max(cursor, now))
        return Plan((), upcoming, _has_ended(schedule, upcoming), cursor)
    skipped = None if skip_next is None or skip_next <= cursor else schedule.next_slot(skip_next - _MICROSECOND)
    fires = _fires(schedule, now, tolerance)
    otherwise = Verdict.DROPPED if schedule.misfire.policy is MisfirePolicy.ALL else Verdict.MISSED
    slots: list[Slot] = []
    silent = 0
    for at in _backwards(schedule, newest, cursor):
        if at == skipped:
            slots.append(Slot(at, Verdict.SKIPPED_ONCE))
        elif fires(at, is_newest=at == newest):
            slots.append(Slot(at, Verdict.FIRE, is_late=at != newest or now - at > tolerance))
        elif silent < RECORDED:
            slots.append(Slot(at, Verdict.PAUSED if _is_within(at, paused) else otherwise))
            silent += 1
        else:
            break
    left = _left_out(schedule, cursor, slots[-1].at, skipped, otherwise, paused)
    if skipped is not None and cursor < skipped < slots[-1].at:
        slots.append(Slot(skipped, Verdict.SKIPPED_ONCE))
    upcoming = schedule.next_slot(max(newest, now))
    return Plan(tuple(reversed(slots)), upcoming, _has_ended(schedule, upcoming), newest, left)


class _Fires(Protocol):
    def __call__(self, at: datetime, *, is_newest: bool) -> bool: ...


def _fires(schedule: Schedule, now: datetime, tolerance: timedelta) -> _Fires:
    """Return what says of slots, asked from the newest on, whether they fire."""
    policy = schedule.misfire.policy
    room = schedule.misfire.most if policy is MisfirePolicy.ALL else 1

    def fires(at: datetime, *, is_newest: bool) -> bool:
        nonlocal room
        is_on_time = is_newest and now - at <= tolerance
        is_made_up_for = policy is not MisfirePolicy.SKIP and room > 0 and now - at <= schedule.grace_at(at)
        # With `once` the newest has the only chance: an older one can be no younger than its grace allows, but for a grace of one's own.
        room = 0 if policy is MisfirePolicy.ONCE else room - (is_on_time or is_made_up_for)
        return is_on_time or is_made_up_for

    return fires


def _backwards(schedule: Schedule, newest: datetime, cursor: datetime) -> Iterator[datetime]:
    """Yield the slots from the newest back to, and without, the cursor."""
    at: datetime | None = newest
    while at is not None and at > cursor:
        yield at
        at = schedule.last_slot(at - _MICROSECOND)


def _left_out(
    schedule: Schedule, cursor: datetime, oldest: datetime, skipped: datetime | None, verdict: Verdict, paused: _Span
) -> LeftOut | None:
    """Return the slots after the cursor that are older than the oldest one listed."""
    number = schedule.count_slots(cursor, oldest) - 1
    if skipped is not None and cursor < skipped < oldest:
        number -= 1
    if number <= 0:
        return None
    first, last = schedule.next_slot(cursor), schedule.last_slot(oldest - _MICROSECOND)
    if first == skipped and first is not None:
        first = schedule.next_slot(first)
    if last == skipped and last is not None:
        last = schedule.last_slot(last - _MICROSECOND)
    assert first is not None
    assert last is not None
    return LeftOut(number, first, last, Verdict.PAUSED if _is_within(first, paused) and _is_within(last, paused) else verdict)


def _is_within(at: datetime, span: _Span) -> bool:
    return span is not None and span[0] <= at < span[1]


def _has_ended(schedule: Schedule, upcoming: datetime | None) -> bool:
    return upcoming is None and schedule.kind is not ScheduleKind.MANUAL
