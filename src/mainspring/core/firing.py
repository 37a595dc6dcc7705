"""What one look at a schedule comes to: which slots fire, what is written down about the others, and when to look again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mainspring.core.schedule import Schedule, ScheduleKind
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.core.slots import Plan, Verdict, plan

_INSTANT = timedelta(microseconds=1)
ASKING = timedelta(seconds=15)  # beyond a predicate's timeout: for a child to start in, and for the answer to be written


class SlotReason(StrEnum):
    """Why a slot has no run: the reason of its record."""

    MISSED = "missed"  # nobody was there, and the policy or the grace does not make up for it
    DROPPED = "dropped"  # one too many, or too old, for the policy `all`
    PAUSED = "paused"  # missed, and somebody had paused the schedule
    SKIPPED = "skipped_by_operator"  # somebody asked for exactly this one to be left out
    MAINTENANCE = "maintenance"
    DISABLED = "task_disabled"  # the task is switched off
    REFUSED = "refused"  # no run could be made for it; the record's data says why
    DUPLICATE = "duplicate"  # the slot had a run already


_REASON_OF = {
    Verdict.MISSED: SlotReason.MISSED, Verdict.DROPPED: SlotReason.DROPPED, Verdict.PAUSED: SlotReason.PAUSED,
    Verdict.SKIPPED_ONCE: SlotReason.SKIPPED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unfired:
    """A slot that has no run, and why; with ``meta`` of several slots told as one (``slots``, ``from``, ``until``)."""

    slot: datetime
    reason: SlotReason
    meta: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """One look at one schedule, to be written in one go if nobody else was faster.

    ``fires`` get a run each; ``asks`` is the slot about which a predicate is asked first. ``next_at`` None: nothing will be due by itself.
    """

    record: ScheduleRecord
    cursor: datetime
    next_slot: datetime | None
    next_at: datetime | None
    fires: tuple[datetime, ...] = ()
    unfired: tuple[Unfired, ...] = ()
    asks: datetime | None = None
    asked_until: datetime | None = None
    ends_pause: bool = False
    ends_skip: bool = False
    drops_question: bool = False  # who was asking about an earlier slot is dead, or is to be ignored
    has_ended: bool = False


def account(
    record: ScheduleRecord, now: datetime, tolerance: timedelta, *, silent: SlotReason | None = None, is_last: bool = False
) -> Firing:
    """Decide about every slot that is due.

    A slot is due at its time and what jitter or window add; with ``is_last`` those that wait for that are taken too, because the
    definition is about to change. ``silent``: why nothing may fire now; what would is written down with that reason.
    """
    schedule = record.effective
    if not record.is_on or schedule.kind is ScheduleKind.MANUAL:
        return Firing(record, max(now, record.cursor_at), None if schedule.kind is ScheduleKind.MANUAL else schedule.next_slot(now), None)
    span = None
    if record.paused_at is not None:
        ended_at = record.resumed_at or record.paused_until
        if ended_at is None or ended_at > now:
            if not is_last:
                return Firing(record, record.cursor_at, record.next_slot, ended_at)
            ended_at = now + _INSTANT  # the slots of a pause that goes on under another definition: none of them fires
        span = (record.paused_at, ended_at)
    is_still_paused = span is not None and span[1] > now
    until, allowed = now, tolerance
    newest = schedule.last_slot(now)
    if newest is not None and newest > record.cursor_at and not is_last:
        due_at = schedule.due_at(newest, record.name)
        if due_at > now:
            until = newest - _INSTANT  # its time has come, but not yet what jitter or window add
        else:
            allowed += due_at - newest
    found = plan(schedule, cursor=record.cursor_at, now=until, tolerance=allowed, skip_next=record.skip_slot, paused=span)
    fires = () if is_still_paused else found.fires
    held = {slot.at: SlotReason.PAUSED for slot in found.slots if slot.verdict is Verdict.FIRE} if is_still_paused else {}
    if silent is not None:
        held |= dict.fromkeys(fires, silent)
        fires = ()
    next_slot = newest if until < now else found.next_slot
    asks = None
    if schedule.kind is ScheduleKind.WHEN and fires:  # it is about the present: one question answers for all that were missed
        asks, older = fires[-1], fires[:-1]
        held |= dict.fromkeys(older, SlotReason.MISSED)
        fires = ()
        if is_last:  # nobody will ask under this definition any more
            held[asks], asks = SlotReason.MISSED, None
    unfired = _unfired(schedule, found, held)
    drops_question = False
    if record.asked_slot is not None and record.asked_until is not None:
        if record.asked_until > now and not is_last:
            if asks is not None:  # a question is under way longer than from one slot to the next: that one has to do
                unfired, asks = (*unfired, Unfired(asks, SlotReason.MISSED)), None
        else:
            unfired, drops_question = (Unfired(record.asked_slot, SlotReason.MISSED, {"asked": True}), *unfired), True
    ends_skip = record.skip_slot is not None and record.skip_slot <= found.cursor
    next_at = None if next_slot is None else schedule.due_at(next_slot, record.name)
    asked_until = None
    if asks is not None:
        asked_until = now + schedule.timeout + ASKING
        next_at = _sooner(next_at, asked_until)
    elif record.asked_until is not None and record.asked_until > now:
        next_at = _sooner(next_at, record.asked_until)
    return Firing(
        record, found.cursor, next_slot, next_at, fires, unfired, asks, asked_until, span is not None and not is_still_paused, ends_skip,
        drops_question, found.has_ended and next_slot is None,
    )  # fmt: skip


def _sooner(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _unfired(schedule: Schedule, found: Plan, held: Mapping[datetime, SlotReason]) -> tuple[Unfired, ...]:
    """Return what is written down: each slot by itself, those past a hundred as one; of predicates' looks all that were missed as one."""
    told = [
        Unfired(slot.at, held[slot.at] if slot.at in held else _REASON_OF[slot.verdict])
        for slot in found.slots
        if slot.verdict is not Verdict.FIRE or slot.at in held
    ]
    if schedule.kind is ScheduleKind.WHEN:
        missed = [each for each in told if each.reason in (SlotReason.MISSED, SlotReason.DROPPED, SlotReason.PAUSED)]
        if missed and (found.left is not None or len(missed) > 1):
            told = [each for each in told if each not in missed]
            first = missed[0].slot if found.left is None else found.left.first
            told.insert(0, _several(first, missed[-1].slot, len(missed) + found.left_out, missed[-1].reason))
    elif found.left is not None:
        told.insert(0, _several(found.left.first, found.left.last, found.left.number, _REASON_OF[found.left.verdict]))
    return tuple(told)


def _several(first: datetime, last: datetime, number: int, reason: SlotReason) -> Unfired:
    return Unfired(last, reason, {"slots": number, "from": _text(first), "until": _text(last)})


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
