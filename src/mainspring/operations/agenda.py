"""What is due in the time to come, over all schedules: when each fires, and how full every hour is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.duration import parse_duration
from mainspring.core.errors import InvalidParams, Problem
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.operations.operation import Caller, Request, View, operation

MOST_SCHEDULES = 500  # those that are due first
MOST_SLOTS = 300  # of one schedule that are named one by one; of more, only how many there are in each hour is told
LONGEST = timedelta(days=8)
MEASURED = timedelta(days=1)  # what the usual length of a run is the mean of
HOUR = timedelta(hours=1)


class AgendaRow(View):
    """A schedule and its slots to come, in order; empty where they are too many to be named. ``runs`` is how many there are.

    ``usual_ms`` is how long a run of the task takes, None where none has ended lately. ``overlaps`` counts the slots that come before the
    run of the slot before would be over.
    """

    name: str
    tenant: str
    task: str
    slots: list[datetime]
    runs: int
    usual_ms: float | None
    overlaps: int


class AgendaView(View):
    """What is due between ``since`` and ``until``: the schedules that are due first, and how many runs begin in each hour of it.

    The first hour begins with the whole hour before ``since``. ``is_cut``: there are more schedules than were looked at.
    """

    since: datetime
    until: datetime
    items: list[AgendaRow]
    hours: list[int]
    is_cut: bool


class AgendaRequest(Request):
    """How far ahead, and of what."""

    within: str = Field("24h", description="how far ahead, as 24h or 7d")
    task: str | None = Field(None, description="only schedules of this task")
    words: str | None = Field(None, max_length=200, description="only schedules whose name and task have all of these words in them")
    limit: int = Field(MOST_SCHEDULES, ge=1, le=MOST_SCHEDULES, description="how many schedules at most, those that are due first")


@operation("schedules.agenda")
async def show_agenda(app: Mainspring, request: AgendaRequest, caller: Caller) -> AgendaView:
    """Show what is due in the time to come, over all schedules."""
    span = parse_duration(request.within, "within")
    if not timedelta(0) < span <= LONGEST:
        raise InvalidParams("wrong span", [Problem("within", "must be a while of at most 8 days", repr(request.within))])
    store = await app.store()
    now = await store.database.now()
    words = (request.words or "").lower().split()
    found = [record for _, record in await store.schedules.find(
        scope=caller.scope, words=words, task=request.task, states=["active"], sort="next", n=request.limit + 1
    )]  # fmt: skip
    found += [
        record for record in await app.schedules.unwritten()
        if record.next_at is not None and request.task in (None, record.task) and caller.scope.sees("", None, record.task)
        and all(word in f"{record.name} {record.task}".lower() for word in words)
    ]  # fmt: skip
    found.sort(key=lambda record: (record.next_at or now, record.name))
    usual: dict[str, tuple[float, int]] = {}
    for row in await store.stats.by_task(now - MEASURED):
        total, n = usual.get(row.task, (0.0, 0))
        usual[row.task] = (total + row.mean_ran_ms * row.n, n + row.n)
    first = now.replace(minute=0, second=0, microsecond=0)
    hours = [0] * (int((now + span - first) / HOUR) + 1)
    items: list[AgendaRow] = []
    for record in found[: request.limit]:
        if record.problem is not None:
            continue
        length = usual[record.task][0] / usual[record.task][1] if record.task in usual else None
        slots = _slots(record, now, now + span)
        for place, n in _per_hour(record, slots, first, now, now + span, len(hours)):
            hours[place] += n
        is_many = len(slots) > MOST_SLOTS
        items.append(AgendaRow(
            name=record.name, tenant=record.tenant, task=record.task, slots=[] if is_many else list(slots), usual_ms=length,
            runs=record.effective.count_slots(now, now + span) if is_many else len(slots), overlaps=_overlaps(slots, length),
        ))  # fmt: skip
    return AgendaView(since=now, until=now + span, items=items, hours=hours, is_cut=len(found) > request.limit)


def _slots(record: ScheduleRecord, since: datetime, until: datetime) -> tuple[datetime, ...]:
    """Return the slots of a span, one more than are named where there are too many."""
    skipped = record.skip_slot
    return tuple(each for each in record.effective.slots_between(since, until, MOST_SLOTS + 1) if each != skipped)


def _per_hour(
    record: ScheduleRecord, slots: tuple[datetime, ...], first: datetime, since: datetime, until: datetime, n: int
) -> Iterator[tuple[int, int]]:  # fmt: skip
    if len(slots) <= MOST_SLOTS:
        yield from ((int((each - first) / HOUR), 1) for each in slots)
        return
    # Of what fires often, a day is like the next: an hour is counted, not walked through.
    for place in range(n):
        begins, ends = max(first + place * HOUR, since), min(first + (place + 1) * HOUR, until)
        if begins < ends:
            yield place, record.effective.count_slots(begins, ends)


def _overlaps(slots: tuple[datetime, ...], usual_ms: float | None) -> int:
    if usual_ms is None:
        return 0
    length = timedelta(milliseconds=usual_ms)
    return sum(later - earlier < length for earlier, later in pairwise(slots))
