"""Verbs about schedules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError, InvalidParams, Problem, UnknownSchedule
from mainspring.core.preview import Upcoming, preview
from mainspring.core.schedule import (
    DEFAULT_TIMEOUT,
    Misfire,
    Schedule,
    ScheduleKind,
    check_schedule,
    parse_schedule,
    problems_in,
)
from mainspring.core.schedule_record import ScheduleRecord, ScheduleState
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation, tell
from mainspring.operations.permit import owner_of, permit, tenant_of
from mainspring.operations.runs import RunRow, check_danger, row_of
from mainspring.operations.tasks import visible

StateWord = Literal["new", "active", "paused", "ended", "disabled", "orphaned", "manual"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_LETTERS = 500  # of an expression, before anybody reads it: no list of numbers that means anything is longer
MOST_SHOWN = 5  # next times that are shown with a schedule

_NAME = "the schedule's name: that of its task, unless it has one of its own"
_TENANT = "the tenant whose schedule it is"
_REASON = "why; kept in the audit trail"
_ZONE = "the zone of whoever reads, in which times are shown beside those of the schedule's own"


class ScheduleRow(View):
    """A schedule in a list.

    ``state`` is ``new`` for one that this code declares and no node has been started with yet. ``definition`` is what holds: ``kind``,
    ``expression``, ``tz`` and what else is not as usual; None where a newer release wrote it (``problem`` says so). ``has_drifted``: an
    operator has set something else than the code says. ``next_at`` is ``next_slot`` and what jitter or window add, None where
    nothing will be due by itself.
    """

    name: str
    tenant: str
    task: str
    state: StateWord
    definition: dict[str, Any] | None
    source: Literal["code", "operator"]
    has_drifted: bool
    next_slot: datetime | None
    next_at: datetime | None
    skip_slot: datetime | None
    last_slot: datetime | None
    last_run_id: str | None
    fired_at: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    paused_until: datetime | None
    problem: str | None


class StripView(View):
    """One run of a schedule, as a strip shows it; ``at`` is its slot."""

    id: str
    state: RunState
    reason: str | None
    at: datetime


class UpcomingView(View):
    """One slot to come. ``local`` is as the schedule's clocks show it, ``viewer`` as the reader's; ``due_at`` has jitter or window added.

    ``oddity`` says what is odd about it where clocks change: ``shifted``, ``gap``, ``first-of-two``, ``second-of-two``. ``is_skipped``:
    somebody has asked for it to be left out.
    """

    slot: datetime
    due_at: datetime
    local: str
    viewer: str
    oddity: str | None
    is_skipped: bool


class ScheduleView(ScheduleRow):
    """A schedule with everything that is known about it, and its next times in ``zone``; ``code`` is what the code says."""

    code: dict[str, Any] | None
    is_enabled: bool
    is_enabled_by_operator: bool | None
    zone: str
    upcoming: list[UpcomingView]
    looked_at: datetime | None
    orphaned_at: datetime | None
    created_at: datetime
    created_by: str | None
    changed_at: datetime
    changed_by: str | None
    version: int


class SchedulePage(View):
    """Schedules in the order that was asked for; ``next`` is where the following page begins.

    ``strips`` are the latest runs of each, the oldest first, where somebody asked for them. ``counts`` says how many there are in
    each state, whatever states were asked for, and besides how many are ``late`` or ``drifted``; None where nobody asked.
    """

    items: list[ScheduleRow]
    next: str | None
    counts: dict[str, int] | None = None
    strips: list[list[StripView]] | None = None


class UpcomingList(View):
    """The next times of a schedule, in its own zone (of the definition) and in ``zone``; fewer than asked for where it ends."""

    name: str | None
    state: StateWord | None
    definition: dict[str, Any]
    zone: str
    items: list[UpcomingView]


class HistoryRun(RunRow):
    """A run of a schedule, or the record of a slot that had none: its state is ``skipped`` then, and its reason says why.

    ``slots`` is more than one where a record stands for several, from ``slots_from`` to ``slot_at``. ``node`` is the node's name.
    """

    record: Literal["run"] = "run"
    node: str | None = None
    slots: int = 1
    slots_from: datetime | None = None
    why: str | None = None


class HistoryPause(View):
    """A span in which the schedule was paused; ``ended_at`` is None while it lasts."""

    record: Literal["pause"] = "pause"
    began_at: datetime
    ended_at: datetime | None
    by: str | None
    pause_reason: str | None
    until: datetime | None
    ended_by: str | None


class HistoryPage(View):
    """Runs, records of slots without a run, and pauses, newest first; ``next`` is the cursor of the following page, if there is one."""

    items: list[HistoryRun | HistoryPause]
    next: str | None


class ScheduleChanged(View):
    """What became of a schedule. ``has_changed`` is False where it was so already; ``definition`` is what holds now."""

    name: str
    tenant: str
    task: str
    state: StateWord
    definition: dict[str, Any] | None
    before: dict[str, Any] | None
    has_changed: bool
    has_drifted: bool
    next_slot: datetime | None
    next_at: datetime | None
    skip_slot: datetime | None
    slot_after: datetime | None
    paused_until: datetime | None
    pause_reason: str | None

    def trace(self) -> Mapping[str, Any] | None:
        """Return the definitions before and after, where they differ."""
        return None if self.before == self.definition else {"before": self.before, "after": self.definition}


class ScheduledRun(View):
    """The run that was added; ``next_slot`` is the schedule's next, as it was before."""

    id: str
    name: str
    tenant: str
    task: str
    next_slot: datetime | None


class Backfilled(View):
    """The runs that were added, by slot, the oldest first; ``slots`` is how many slots the span has."""

    name: str
    tenant: str
    task: str
    since: datetime
    until: datetime
    slots: int
    runs: list[str]

    def trace(self) -> Mapping[str, Any] | None:
        """Return the span, and how many runs there were."""
        return {"since": self.since.isoformat(), "until": self.until.isoformat(), "runs": len(self.runs)}


class Deleted(View):
    """The schedule that is gone; its runs stay."""

    name: str
    tenant: str


class ListRequest(Request):
    """Which schedules."""

    task: str | None = Field(None, description="only schedules of this task")
    state: list[StateWord] | None = Field(None, description="only schedules in this state; may be repeated")
    drifted: bool = Field(False, description="only those for which an operator has set something else than the code says")
    tenant: str | None = Field(None, description="only schedules of this tenant")
    words: str | None = Field(None, max_length=200, description="only schedules whose name and task have all of these words in them")
    sort: Literal["name", "next", "last"] = Field("name", description="by name, by what is due next, or by what fired last")
    counts: bool = Field(False, description="also say how many there are in each state")
    strips: int = Field(0, ge=0, le=100, description="also the latest runs of each, so many at most")
    after: str | None = Field(None, max_length=600, description="only those past this name, or past the cursor of the page before")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class ScheduleRequest(Request):
    """Which schedule."""

    name: str = Field(min_length=1, max_length=220, description=_NAME)
    tenant: str = Field("", description=_TENANT)


class ShowRequest(ScheduleRequest):
    """Which schedule, and for whom."""

    zone: str = Field("UTC", description=_ZONE)


class NextRequest(ShowRequest):
    """Which times of which schedule."""

    after: str | None = Field(None, description="times past this one instead of now, as 2030-03-31 or 2030-03-31T02:00")
    limit: int = Field(MOST_SHOWN, ge=1, le=10_000, description="how many")


class HistoryRequest(ScheduleRequest):
    """Which page of whose history."""

    before: str | None = Field(None, description="only runs older than this id: the next page")
    limit: int = Field(50, ge=1, le=1000, description="how many runs at most")


class ChangeRequest(ScheduleRequest):
    """Which schedule, and why."""

    reason: str | None = Field(None, description=_REASON)


class PauseRequest(ScheduleRequest):
    """Which schedule, until when, and why."""

    until: str | None = Field(None, description="when it goes on by itself: a while as 2h, or a time as 2030-01-31T08:00 in its zone")
    reason: str | None = Field(None, description="why; kept with the schedule and in the audit trail")


class SkipRequest(ChangeRequest):
    """Whose next slot."""

    undo: bool = Field(False, description="take it back: the slot fires after all")


class RunNowRequest(ChangeRequest):
    """Whose task is to be done now."""

    is_confirmed: bool = Field(False, description="the danger of the task was accepted")


class BackfillRequest(RunNowRequest):
    """Which span of the past."""

    since: str = Field(description="from then on: a while ago as 3d, or a date or time as 2030-01-31T08:00 in the schedule's zone")
    until: str | None = Field(None, description="up to then, written likewise; now, when it is not given")
    most: int = Field(1000, ge=1, le=1000, description="refuse a span with more slots than this")


class Options(Request):
    """What a definition says beside the expression."""

    tz: str | None = Field(None, description="the zone in which the expression is read, as Europe/Berlin")
    misfire: str | None = Field(None, description="what becomes of missed slots: skip, once, all, or all:N for the newest N")
    grace: str | None = Field(None, description="how late a missed slot may be made up for, as 2h")
    start: str | None = Field(None, description="no slot before this date or time")
    end: str | None = Field(None, description="no slot after this date, or from this time on")
    jitter: str | None = Field(None, description="put each run off by a draw of up to so long, as 30s")
    seed: str | None = Field(None, description="other draws than those of the schedule's name")
    window: str | None = Field(None, description="any time within: a span of the day as 01:00-05:00, or a while as 4h")
    dst: str | None = Field(None, description="fixed times on days when clocks change: once, or wall for the literal reading")
    anchor: str | None = Field(None, description="what intervals are counted from, a date or time")
    params: dict[str, Any] | None = Field(None, description="parameters of the runs, as a JSON object")


class PreviewRequest(Options):
    """What is asked about."""

    expression: str = Field(max_length=MOST_LETTERS, description="cron as '0 3 * * *', 'every 90s', 'at 2030-01-31T08:00', or 'manual'")
    zone: str = Field("UTC", description=_ZONE)
    after: str | None = Field(None, description="times past this one instead of now")
    limit: int = Field(MOST_SHOWN, ge=1, le=10_000, description="how many")


class CreateRequest(Options):
    """What is to be done, and when."""

    name: str = Field(min_length=1, max_length=220, description="a name that no other schedule has")
    task: str = Field(description="the task's name")
    expression: str = Field(max_length=MOST_LETTERS, description="cron as '0 3 * * *', 'every 90s', 'at 2030-01-31T08:00', or 'manual'")
    tenant: str = Field("", description=_TENANT)
    is_confirmed: bool = Field(False, description="the danger of the task was accepted")
    reason: str | None = Field(None, description=_REASON)


class EditRequest(Options):
    """What is to be different; what is left out stays, and ``none`` takes an option back."""

    name: str = Field(min_length=1, max_length=220, description=_NAME)
    expression: str | None = Field(
        None, max_length=MOST_LETTERS, description="cron, 'every 90s', 'at 2030-01-31T08:00' or 'manual'; of a predicate: when it is asked"
    )
    tenant: str = Field("", description=_TENANT)
    timeout: str | None = Field(None, description="of a predicate: how long one answer may take")
    version: int | None = Field(None, ge=0, description="only if this is still its version, so that nobody's change is lost")
    reason: str | None = Field(None, description=_REASON)


# -- looking


@operation("schedules.list")
async def list_schedules(app: Mainspring, request: ListRequest, caller: Caller) -> SchedulePage:
    """List the schedules: what each does, in which state it is, and when it is due next."""
    store = (await app.store()).schedules
    words = (request.words or "").lower().split()
    places, past = _places(request.sort), _read_cursor(request.after)
    new = [
        (places(record), record)
        for record in await app.schedules.unwritten()
        if request.task in (None, record.task) and request.tenant in (None, "")
        and all(word in f"{record.name} {record.task}".lower() for word in words) and caller.scope.sees("", None, record.task)
    ]  # fmt: skip
    found = list(await store.find(
        scope=caller.scope, words=words, task=request.task, tenant=request.tenant, states=request.state, is_drifted=request.drifted,
        sort=request.sort, past=past, n=request.limit + 1,
    ))  # fmt: skip
    if not request.drifted:
        found += [(place, each) for place, each in new if (request.state is None or _state(each) in request.state)
                  and (past is None or (place, each.name, each.tenant) > past)]  # fmt: skip
    found.sort(key=lambda each: (each[0], each[1].name, each[1].tenant))
    counts = None
    if request.counts:
        counts = await store.states(scope=caller.scope, words=words, task=request.task, tenant=request.tenant)
        for _, record in new:
            counts[_state(record)] = counts.get(_state(record), 0) + 1
    page, rest = found[: request.limit], found[request.limit :]
    strips = None
    if request.strips:
        runs = await store.strips([record.id for _, record in page if record.id], scope=caller.scope, n=request.strips)
        strips = [[StripView.model_validate(run, from_attributes=True) for run in runs.get(each.id, ())] for _, each in page]
    return SchedulePage(
        items=[_row(record) for _, record in page], next=_cursor(*page[-1]) if rest else None, counts=counts, strips=strips
    )  # fmt: skip


_NEVER = 2**63 - 1  # microseconds since 1970: behind everything that is due


def _places(sort: str) -> Callable[[ScheduleRecord], int]:
    """Return what gives a record its place in an order, as the store does."""
    match sort:
        case "next":
            return lambda record: _NEVER if record.next_at is None else (record.next_at - _EPOCH) // timedelta(microseconds=1)
        case "last":
            return lambda record: 0 if record.fired_at is None else -((record.fired_at - _EPOCH) // timedelta(microseconds=1))
        case _:
            return lambda record: 0


def _cursor(place: int, record: ScheduleRecord) -> str:
    return record.name if place == 0 and not record.tenant and "~" not in record.name else f"{place}~{record.tenant}~{record.name}"


def _read_cursor(text: str | None) -> tuple[int, str, str] | None:
    """Return place, name and tenant of a cursor; a plain name is that of nobody's tenant, in the order of names."""
    if not text:
        return None
    place, _, rest = text.partition("~")
    tenant, has_name, name = rest.partition("~")
    if not has_name or not place.lstrip("-").isdigit() or abs(int(place)) > _NEVER:
        return 0, text, ""
    return int(place), name, tenant


@operation("schedules.show")
async def show_schedule(app: Mainspring, request: ShowRequest, caller: Caller) -> ScheduleView:
    """Show a schedule: what it does, what the code says, its pause, its next times."""
    record = await _seen(app, caller, request.name, request.tenant)
    upcoming: list[UpcomingView] = []
    if record.problem is None:
        now = await (await app.store()).database.now()
        upcoming = _upcoming(record.effective, MOST_SHOWN, now, request.zone, record.name, record.skip_slot)
    return ScheduleView(
        **_row_values(record), code=None if record.code is None else _definition(record.code),
        is_enabled=record.problem is None and record.is_on, is_enabled_by_operator=record.is_enabled, zone=request.zone, upcoming=upcoming,
        looked_at=record.looked_at, orphaned_at=record.orphaned_at, created_at=record.created_at, created_by=record.created_by,
        changed_at=record.changed_at, changed_by=record.changed_by, version=record.version,
    )  # fmt: skip


@operation("schedules.next")
async def list_upcoming(app: Mainspring, request: NextRequest, caller: Caller) -> UpcomingList:
    """List the next times of a schedule, in its zone and in yours."""
    record = await _seen(app, caller, request.name, request.tenant)
    schedule = record.effective
    now = await (await app.store()).database.now()
    after = now if request.after is None else _moment(request.after, "after", schedule, now, ahead=True)
    items = _upcoming(schedule, request.limit, after, request.zone, record.name, record.skip_slot)
    return UpcomingList(name=record.name, state=_state(record), definition=_definition(schedule), zone=request.zone, items=items)


@operation("schedules.preview")
async def preview_schedule(app: Mainspring, request: PreviewRequest, caller: Caller) -> UpcomingList:
    """Say in words what an expression means, and when it would be due; nothing is written."""
    schedule = _parsed(request.expression, request)
    now = await (await app.store()).database.now()
    after = now if request.after is None else _moment(request.after, "after", schedule, now, ahead=True)
    items = _upcoming(schedule, request.limit, after, request.zone, None, None)
    return UpcomingList(name=None, state=None, definition=_definition(schedule), zone=request.zone, items=items)


@operation("schedules.history")
async def list_history(app: Mainspring, request: HistoryRequest, caller: Caller) -> HistoryPage:
    """List the runs of a schedule, the slots that had none and why, and the times when it was paused."""
    store = await app.store()
    record = await _seen(app, caller, request.name, request.tenant)
    before = None if request.before is None else await store.runs.find(request.before, scope=caller.scope)
    runs = await app.schedules.history(request.name, n=request.limit, before=before, tenant=tenant_of(caller, request.tenant))
    is_full = len(runs) == request.limit
    told = await store.schedules.told(record.id, runs[-1].id, runs[0].id) if runs else {}
    nodes = {node.id: node.name for node in await store.nodes.list()} if any(run.node_id for run in runs) else {}
    items: list[tuple[tuple[datetime, datetime], HistoryRun | HistoryPause]] = []
    for run in runs:
        about = told.get(run.id, {})
        row = HistoryRun(
            **row_of(run, app), schedule=record.name, node=nodes.get(run.node_id or ""), slots=about.get("slots", 1),
            slots_from=about.get("from"), why=about.get("why"),
        )  # fmt: skip
        items.append(((run.created_at, run.slot_at or run.created_at), row))  # what was written together stands by its slots
    oldest = runs[-1].created_at if is_full else None
    newest = None if before is None else (await store.runs.get(before, scope=caller.scope)).created_at
    for span in await app.schedules.pauses(request.name):
        if (oldest is None or span.began_at >= oldest) and (newest is None or span.began_at < newest):
            pause = HistoryPause(
                began_at=span.began_at,
                ended_at=span.ended_at,
                by=span.by,
                pause_reason=span.reason,
                until=span.until,
                ended_by=span.ended_by,
            )
            items.append(((span.began_at, span.began_at), pause))
    items.sort(key=lambda each: each[0], reverse=True)
    return HistoryPage(items=[row for _, row in items], next=runs[-1].id if is_full else None)


# -- changing


@operation("schedules.pause", changes="schedule:{name}", dangerous=True, needs=Verb.CONTROL_SCHEDULES)
async def pause_schedule(app: Mainspring, request: PauseRequest, caller: Caller) -> ScheduleChanged:
    """Let nothing fire until somebody resumes, or until a time."""
    before = await _seen(app, caller, request.name, request.tenant)
    until = None
    if request.until is not None:
        until = _moment(request.until, "until", before.effective, await (await app.store()).database.now(), ahead=True)
    try:
        record = await app.schedules.pause(
            request.name, until=until, reason=request.reason, tenant=tenant_of(caller, request.tenant), actor=caller.actor
        )  # fmt: skip
    except ConfigurationError as error:
        raise InvalidParams("wrong time", [Problem("until", str(error).partition(" ")[2], request.until)]) from None
    return _changed(before, record, has_changed=True)


@operation("schedules.resume", changes="schedule:{name}", needs=Verb.CONTROL_SCHEDULES)
async def resume_schedule(app: Mainspring, request: ChangeRequest, caller: Caller) -> ScheduleChanged:
    """End a pause; missed slots follow the misfire policy."""
    before = await _seen(app, caller, request.name, request.tenant)
    record = await app.schedules.resume(request.name, tenant=tenant_of(caller, request.tenant), actor=caller.actor)
    return _changed(before, record, has_changed=True)


@operation("schedules.skip", changes="schedule:{name}", needs=Verb.CONTROL_SCHEDULES)
async def skip_slot(app: Mainspring, request: SkipRequest, caller: Caller) -> ScheduleChanged:
    """Leave the next slot out, or take that back."""
    before = await _seen(app, caller, request.name, request.tenant)
    verb = app.schedules.unskip if request.undo else app.schedules.skip
    record = await verb(request.name, tenant=tenant_of(caller, request.tenant), actor=caller.actor)
    return _changed(before, record, has_changed=record.skip_slot != before.skip_slot)


@operation("schedules.run", changes="schedule:{name}", needs=Verb.CONTROL_SCHEDULES)
async def run_schedule(app: Mainspring, request: RunNowRequest, caller: Caller) -> ScheduledRun:
    """Do its task once, now, with its parameters; what is due next stays."""
    record = await _seen(app, caller, request.name, request.tenant)
    await _confirm(app, record.task, "schedules.run", caller, is_confirmed=request.is_confirmed)
    handle = await app.schedules.run_now(request.name, tenant=tenant_of(caller, request.tenant), actor=caller.actor)
    after = await _seen(app, caller, request.name, request.tenant)
    return ScheduledRun(id=handle.id, name=record.name, tenant=record.tenant, task=record.task, next_slot=after.next_slot)


@operation("schedules.backfill", changes="schedule:{name}", dangerous=True, needs=Verb.CONTROL_SCHEDULES)
async def backfill_schedule(app: Mainspring, request: BackfillRequest, caller: Caller) -> Backfilled:
    """Make up for the slots of a span of the past that have no run, the oldest first."""
    record = await _seen(app, caller, request.name, request.tenant)
    schedule = record.effective
    await _confirm(app, record.task, "schedules.backfill", caller, is_confirmed=request.is_confirmed)
    now = await (await app.store()).database.now()
    since = _moment(request.since, "since", schedule, now, ahead=False)
    until = now if request.until is None else _moment(request.until, "until", schedule, now, ahead=False)
    tell(since=since.isoformat(), until=until.isoformat())
    try:
        handles = await app.schedules.backfill(
            request.name, since, until, most=request.most, tenant=tenant_of(caller, request.tenant), actor=caller.actor
        )  # fmt: skip
    except ConfigurationError as error:
        raise InvalidParams("this span cannot be made up for", [_span_problem(str(error), request)]) from None
    slots = schedule.count_slots(since - timedelta(microseconds=1), until)
    return Backfilled(
        name=record.name, tenant=record.tenant, task=record.task, since=since, until=until, slots=slots, runs=[each.id for each in handles]
    )


@operation("schedules.edit", changes="schedule:{name}", needs=Verb.EDIT_SCHEDULES)
async def edit_schedule(app: Mainspring, request: EditRequest, caller: Caller) -> ScheduleChanged:
    """Let another definition hold from now on, over what the code says; runs that go on are not touched."""
    before = await _seen(app, caller, request.name, request.tenant)
    await permit(app, caller, Verb.START, before.task, owner=before.owner)
    wanted = _edited(before.effective, request)
    if wanted != before.effective:
        tell(before=_definition(before.effective), after=_definition(wanted))
    record = await app.schedules.edit(request.name, wanted, tenant=before.tenant, actor=caller.actor, version=request.version)
    return _changed(before, record, has_changed=wanted != before.effective)


@operation("schedules.reset", changes="schedule:{name}", needs=Verb.EDIT_SCHEDULES)
async def reset_schedule(app: Mainspring, request: ChangeRequest, caller: Caller) -> ScheduleChanged:
    """Go back to what the code says."""
    before = await _seen(app, caller, request.name, request.tenant)
    if before.code is not None and before.code != before.effective:
        tell(before=_definition(before.effective), after=_definition(before.code))
    record = await app.schedules.reset(request.name, tenant=tenant_of(caller, request.tenant), actor=caller.actor)
    return _changed(before, record, has_changed=(before.override, before.is_enabled) != (None, None))


@operation("schedules.enable", changes="schedule:{name}", needs=Verb.CONTROL_SCHEDULES)
async def enable_schedule(app: Mainspring, request: ChangeRequest, caller: Caller) -> ScheduleChanged:
    """Switch a schedule on, whatever its code says."""
    before = await _seen(app, caller, request.name, request.tenant)
    record = await app.schedules.enable(request.name, tenant=tenant_of(caller, request.tenant), actor=caller.actor)
    return _changed(before, record, has_changed=not before.is_on)


@operation("schedules.disable", changes="schedule:{name}", dangerous=True, needs=Verb.CONTROL_SCHEDULES)
async def disable_schedule(app: Mainspring, request: ChangeRequest, caller: Caller) -> ScheduleChanged:
    """Switch a schedule off: times that pass are not made up for."""
    before = await _seen(app, caller, request.name, request.tenant)
    record = await app.schedules.disable(request.name, tenant=tenant_of(caller, request.tenant), actor=caller.actor)
    return _changed(before, record, has_changed=before.is_on)


@operation("schedules.create", changes="schedule:{name}", needs=Verb.EDIT_SCHEDULES)
async def create_schedule(app: Mainspring, request: CreateRequest, caller: Caller) -> ScheduleChanged:
    """Add a schedule that no code declares."""
    wanted = _parsed(request.expression, request, request.name)
    await _confirm(app, visible(app, request.task, caller).name, "schedules.create", caller, is_confirmed=request.is_confirmed)
    record = await app.schedules.create(
        request.name, request.task, wanted, tenant=tenant_of(caller, request.tenant), actor=caller.actor, owner=owner_of(caller)
    )  # fmt: skip
    return _changed(None, record, has_changed=True)


@operation("schedules.delete", changes="schedule:{name}", dangerous=True, needs=Verb.EDIT_SCHEDULES)
async def delete_schedule(app: Mainspring, request: ChangeRequest, caller: Caller) -> Deleted:
    """Forget a schedule that an operator has made, or whose code is gone; its runs stay."""
    await _seen(app, caller, request.name, request.tenant)
    await app.schedules.delete(request.name, tenant=tenant_of(caller, request.tenant), actor=caller.actor)
    return Deleted(name=request.name, tenant=tenant_of(caller, request.tenant))


# -- views of records


def _state(record: ScheduleRecord) -> StateWord:
    if record.id == 0 and record.state is ScheduleState.ACTIVE:
        return "new"
    return record.state.value


def _definition(schedule: Schedule) -> dict[str, Any]:
    return {"kind": str(schedule.kind), "expression": schedule.expression, "tz": schedule.tz, **schedule.dump()}


def _row_values(record: ScheduleRecord) -> dict[str, Any]:
    is_paused = record.is_paused
    return {
        "name": record.name, "tenant": record.tenant, "task": record.task, "state": _state(record),
        "definition": None if record.problem is not None else _definition(record.effective),
        "source": "operator" if record.override is not None else "code", "has_drifted": record.drift,
        "next_slot": record.next_slot, "next_at": record.next_at, "skip_slot": record.skip_slot, "last_slot": record.last_slot,
        "last_run_id": record.last_run_id, "fired_at": record.fired_at, "paused_at": record.paused_at if is_paused else None,
        "paused_by": record.paused_by if is_paused else None, "pause_reason": record.pause_reason if is_paused else None,
        "paused_until": record.paused_until if is_paused else None, "problem": record.problem,
    }  # fmt: skip


def _row(record: ScheduleRecord) -> ScheduleRow:
    return ScheduleRow(**_row_values(record))


def _changed(before: ScheduleRecord | None, after: ScheduleRecord, *, has_changed: bool) -> ScheduleChanged:
    row = _row_values(after)
    old = None if before is None or before.problem is not None else _definition(before.effective)
    skipped = None if after.skip_slot is None or after.problem is not None else after.effective.next_slot(after.skip_slot)
    values = {name: row[name] for name in ScheduleChanged.model_fields if name in row}
    return ScheduleChanged(**values, before=old, has_changed=has_changed, slot_after=skipped)


def _upcoming(
    schedule: Schedule, n: int, after: datetime, zone: str, name: str | None, skipped: datetime | None
) -> list[UpcomingView]:  # fmt: skip
    try:
        return [_upcoming_view(each, skipped) for each in preview(schedule, n, after, zone, name)]
    except ConfigurationError as error:
        raise InvalidParams("wrong zone", [Problem("zone", str(error).partition(" ")[2], repr(zone))]) from None


def _upcoming_view(each: Upcoming, skipped: datetime | None) -> UpcomingView:
    return UpcomingView(
        slot=each.slot, due_at=each.due_at, local=each.local.isoformat(), viewer=each.viewer.isoformat(),
        oddity=None if each.oddity is None else str(each.oddity), is_skipped=each.slot == skipped,
    )  # fmt: skip


# -- what people write


def _parsed(expression: str, options: Options, name: str | None = None) -> Schedule:
    """Return the schedule that somebody asks for; raises `InvalidParams` with a problem for each field that makes no sense."""
    given = {field: value for field, value in _given(options, options.tz or "UTC").items() if not _is_none(value)}
    text = _with_zone(expression.strip(), options.tz or "UTC")
    if name is not None:
        given["name"] = name
    anchor = given.pop("anchor", None)
    if problems := check_schedule(text, **given):
        raise InvalidParams("this schedule makes no sense", problems)
    found = parse_schedule(text, **given)
    if anchor is not None:
        if problems := found.problems_with(anchor=anchor):
            raise InvalidParams("this schedule makes no sense", problems)
        found = found.with_changes(anchor=anchor)
    return found


_USUAL: Mapping[str, Any] = {
    "tz": "UTC", "misfire": Misfire(), "grace": None, "start": None, "end": None, "jitter": timedelta(0), "seed": None, "window": None,
    "dst": "once", "anchor": "1970-01-01", "timeout": DEFAULT_TIMEOUT,
}  # fmt: skip


def _edited(schedule: Schedule, request: EditRequest) -> Schedule:
    tz = schedule.tz if request.tz is None else request.tz
    changes = {field: _USUAL[field] if _is_none(value) else value for field, value in _given(request, tz).items()}
    if request.expression is not None:
        text = request.expression.strip()
        if schedule.kind is ScheduleKind.WHEN:  # its predicate stays: this says when it is asked
            changes["expression"] = text.removeprefix("every ").strip()
        else:
            changes |= _read(text, tz)
    if not changes:
        raise InvalidParams("nothing is changed", [Problem("expression", "give another expression, or an option such as tz")])
    if problems := schedule.problems_with(**changes):
        raise InvalidParams("this schedule makes no sense", problems)
    return schedule.with_changes(**changes)


def _read(text: str, tz: str) -> dict[str, Any]:
    """Return kind and expression of a text; raises `InvalidParams` where it is none."""
    try:
        found = parse_schedule(_with_zone(text, tz))
    except ConfigurationError as error:
        raise InvalidParams("this schedule makes no sense", problems_in(error)) from None
    return {"kind": found.kind, "expression": found.expression}


def _given(options: Options, tz: str) -> dict[str, Any]:
    """Return the options that are given, times without a zone of their own in that of the schedule."""
    fields = (*Options.model_fields, *(["timeout"] if isinstance(options, EditRequest) else []))
    found = {field: getattr(options, field) for field in fields if getattr(options, field) is not None}
    return {field: _zoned(value, tz) if field in ("start", "end", "anchor") else value for field, value in found.items()}


def _is_none(value: object) -> bool:
    return value == "none"


def _with_zone(text: str, tz: str) -> str:
    head, _, moment = text.partition(" ")
    return f"at {_zoned(moment.strip(), tz)}" if head.lower() == "at" else text


def _zoned(text: str, tz: str) -> str:
    """Return a time that has no zone of its own as one in a zone; everything else as it is, for others to judge."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and len(text) > 10:
            return Schedule(kind=ScheduleKind.MANUAL, tz=tz).zone.first_instant(moment).isoformat()
    except ValueError:  # no time, or no zone
        pass
    return text


def _moment(text: str, field: str, schedule: Schedule, now: datetime, *, ahead: bool) -> datetime:
    """Return the time that a person means: a while from now (or ago), or a date or time in the schedule's zone unless it names another."""
    given = text.strip()
    try:
        moment = datetime.combine(date.fromisoformat(given), datetime.min.time()) if len(given) <= 10 else datetime.fromisoformat(given)
    except ValueError:
        try:
            return now + parse_duration(given, field) * (1 if ahead else -1)
        except ConfigurationError:
            what = "is neither a while such as 2h or 3d nor a date or time such as 2030-01-31 or 2030-01-31T08:00"
            raise InvalidParams("wrong time", [Problem(field, what, repr(text))]) from None
    return moment if moment.tzinfo is not None else schedule.zone.first_instant(moment)


def _span_problem(message: str, request: BackfillRequest) -> Problem:
    field, is_field, what = message.partition("=")
    if is_field and field in ("since", "until"):
        return Problem(field, what.partition(" ")[2], getattr(request, field))
    return Problem("since", message, request.since)


async def _seen(app: Mainspring, caller: Caller, name: str, tenant: str) -> ScheduleRecord:
    """Return a schedule that a caller may see; raises `UnknownSchedule`, also for one of another tenant, owner or hidden task."""
    if caller.scope.is_everything:
        return await app.schedules.get(name, tenant=tenant)
    with suppress(UnknownSchedule):
        record = await app.schedules.get(name, tenant=tenant_of(caller, tenant))
        if caller.scope.sees(record.tenant, record.owner, record.task):
            return record
    raise UnknownSchedule(f"there is no schedule named {name!r}")


async def _confirm(app: Mainspring, task: str, verb: str, caller: Caller, *, is_confirmed: bool) -> None:
    await permit(app, caller, Verb.START, task)  # what a schedule starts, its people may start
    await check_danger(app, visible(app, task, caller), verb, caller, is_confirmed=is_confirmed)
