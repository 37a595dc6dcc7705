"""Verbs about runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from mainspring.app import Mainspring
from mainspring.core.dedupe import Dedupe, How
from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError, Conflict, InvalidParams, Problem
from mainspring.core.event import Event, EventKind
from mainspring.core.policy import Priority
from mainspring.core.run import Run
from mainspring.core.run_filter import RunFilter
from mainspring.core.state import RunState
from mainspring.core.task import Task, TaskSpec
from mainspring.core.template import literal
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.tasks import visible
from mainspring.store.store import Store

PriorityWord = Literal["critical", "high", "medium", "low", "background"]
StateWord = Literal["pending", "blocked", "running", "suspended", "completed", "failed", "timeout", "cancelled", "skipped", "lost"]
DedupeWord = Literal["existing", "reject", "replace", "debounce", "once"]
Definition = Literal["present", "missing"]


class RunRow(View):
    """A run in a list. ``definition`` is missing when the app no longer has the task.

    ``duration_ms`` is from the start of the last try to the end, ``slot_at`` the time of its schedule that it is for, ``blocked_by`` the
    run that is or was in its way, ``blocked_on`` the task that it waits or waited for.
    """

    id: str
    task: str
    definition: Definition
    state: RunState
    reason: str | None
    queue: str
    priority: str
    attempt: int
    label: str | None
    created_at: datetime
    run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    progress: dict[str, Any] | None
    duration_ms: float | None = None
    node_id: str | None
    origin: str
    schedule: str | None = None
    slot_at: datetime | None = None
    blocked_by: str | None = None
    blocked_on: str | None = None


class WaitingView(View):
    """The limit that holds a run back, and its place in the list; ``is_bounded``: at least so many stand before it."""

    key: str
    position: int
    is_bounded: bool
    running: int
    concurrency: int | None
    rate: str | None


class RunView(RunRow):
    """A run with everything that is known about it.

    ``params_text`` is set instead of ``params`` where what is stored is not even JSON; ``result`` likewise.
    """

    retries: int
    max_retries: int
    rescues: int
    params: Any
    params_text: str | None
    result: Any
    error: dict[str, Any] | None
    key: str | None
    actor: str | None
    retry_of: str | None
    cancel_requested: bool
    cancelled_by: str | None
    is_final: bool
    is_pinned: bool = False
    waits_for: WaitingView | None = None


class RunPage(View):
    """Runs, newest first; ``next`` is the cursor of the following page, if there is one, ``total`` how many there are in all pages."""

    items: list[RunRow]
    next: str | None
    total: int | None = None


class RunCount(View):
    """How many runs there are."""

    total: int


class AttemptView(View):
    """One finished try of a run."""

    number: int
    outcome: str
    reason: str | None
    node_id: str | None
    started_at: datetime | None
    finished_at: datetime
    retry_at: datetime | None
    error: dict[str, Any] | None


class AttemptList(View):
    """The tries of a run, in order."""

    items: list[AttemptView]


class EventView(View):
    """One fact about a run."""

    run_id: str
    seq: int
    kind: EventKind
    at: datetime
    attempt: int
    data: dict[str, Any]


class EventPage(View):
    """Events in order; ``next`` is where the following page begins, or None when these were the last so far."""

    items: list[EventView]
    next: int | None


class Enqueued(View):
    """The run that won: a new one, or another with the same key; ``how`` says what the dedupe policy did about that one."""

    id: str
    task: str
    is_new: bool
    how: How


class Stopped(View):
    """What a cancel did: ``cancelled`` (it was waiting), ``requested`` (it is running), ``already`` (it was final)."""

    id: str
    answer: Literal["cancelled", "requested", "already"]
    state: RunState


class ArtifactView(View):
    """A file that a run has left behind; ``size`` is in bytes, ``sha256`` of the content."""

    id: str
    name: str
    size: int
    media_type: str
    sha256: str
    attempt: int
    created_at: datetime


class ArtifactList(View):
    """What a run has left behind, in order."""

    items: list[ArtifactView]


class FilterRequest(Request):
    """Which runs; conditions are joined by *and*. Times are of the enqueue."""

    state: list[StateWord] | None = Field(None, description="only runs in this state, or lost ones; may be repeated")
    task: str | None = Field(None, description="only runs of this task")
    queue: str | None = Field(None, description="only runs of this queue")
    label: str | None = Field(None, description="only runs with this label")
    priority: PriorityWord | None = Field(None, description="only runs of this priority")
    reason: str | None = Field(None, description="only runs with this reason, as lost or previous_instance_running")
    schedule: str | None = Field(None, description="only runs of this schedule")
    origin: str | None = Field(None, description="only runs from here, as api, cli, schedule, pulse, manual or service")
    since: str | None = Field(None, description="only runs enqueued since then: 24h ago, or a date or time as 2026-05-01")
    until: str | None = Field(None, description="only runs enqueued before that, written likewise")
    where: list[str] | None = Field(None, description="only runs with this parameter, as name=value; may be repeated")


class ListRequest(FilterRequest):
    """Which runs, and which of them."""

    total: bool = Field(False, description="also say how many there are in all")
    before: str | None = Field(None, description="only runs older than this id: the next page")
    limit: int = Field(50, ge=1, le=1000, description="how many at most")


class RunRequest(Request):
    """Which run."""

    id: str = Field(description="the run's id, or its last characters")


class PageRequest(RunRequest):
    """Which events of a run."""

    after: int = Field(0, ge=0, description="only events past this number")
    limit: int = Field(1000, ge=1, le=10_000, description="how many at most")


class CancelRequest(RunRequest):
    """Which run is to stop, and why."""

    reason: str | None = Field(None, description="why; kept with the run and in the audit trail")


class RetryRequest(RunRequest):
    """Which finished run is to be done again."""

    params: dict[str, Any] | None = Field(None, description="other parameters than last time, as a JSON object")
    edit: dict[str, Any] | None = Field(None, description="parameters to change, as a JSON object; the others stay as they were")
    is_confirmed: bool = Field(False, description="the danger of the task was accepted")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class EnqueueRequest(Request):
    """What is to be done, and how. Durations are words such as ``90s``, ``5m``, ``1h 30m``."""

    task: str = Field(description="the task's name")
    params: dict[str, Any] = Field(default_factory=dict, description="parameters by name")
    delay: str | None = Field(None, description="not before this while has passed, as 10m")
    run_at: AwareDatetime | None = Field(None, description="not before this time, with its zone")
    key: str | None = Field(None, description="while an unfinished run has this key, no other is added")
    dedupe: DedupeWord | None = Field(None, description="what a taken key means: existing, reject, replace, debounce, once")
    window: str | None = Field(None, description="debounce: how long nobody may ask again; once: how long the key stays taken")
    priority: PriorityWord | None = Field(None, description="critical, high, medium, low or background")
    queue: str | None = Field(None, description="another queue than the task's")
    timeout: str | None = Field(None, description="how long one attempt may take, as 5m")
    deadline: str | None = Field(None, description="how long the run may take with all attempts, as 1h")
    retries: int | None = Field(None, ge=0, le=1000, description="how many retries")
    label: str | None = Field(None, description="a word of yours to find the run by")
    is_confirmed: bool = Field(False, description="the danger of the task was accepted")
    reason: str | None = Field(None, description="why; kept in the audit trail")


def run_view(run: Run, app: Mainspring) -> RunView:
    """Return a run with its texts read."""
    params, params_text = _read(run.params)
    result, _ = _read(run.result)
    return RunView(
        **row_of(run, app),
        retries=run.retries,
        max_retries=run.max_retries,
        rescues=run.rescues,
        params=params,
        params_text=params_text,
        result=result,
        error=None if run.error is None else dict(run.error),
        key=run.key,
        actor=run.actor,
        retry_of=run.retry_of,
        cancel_requested=run.cancel_requested,
        cancelled_by=run.cancelled_by,
        is_final=run.is_final,
    )


def event_view(event: Event) -> EventView:
    """Return an event as plain values."""
    return EventView(run_id=event.run_id, seq=event.seq, kind=event.kind, at=event.at, attempt=event.attempt, data=dict(event.data))


def row_of(run: Run, app: Mainspring) -> dict[str, Any]:
    return {
        "id": run.id,
        "task": run.task,
        "definition": "present" if run.task in app.registry or run.task in app.registry.services else "missing",
        "state": run.state,
        "reason": run.reason,
        "queue": run.queue,
        "priority": run.priority.name.lower(),
        "attempt": run.attempt,
        "label": run.label,
        "created_at": run.created_at,
        "run_at": run.run_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "progress": None if run.progress is None else dict(run.progress),
        "duration_ms": _duration_ms(run),
        "node_id": run.node_id,
        "origin": run.origin,
        "slot_at": run.slot_at,
        "blocked_by": run.blocked_by,
        "blocked_on": run.blocked_on,
    }


def _duration_ms(run: Run) -> float | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return round((run.finished_at - run.started_at) / timedelta(milliseconds=1), 3)


def _read(text: str | None) -> tuple[Any, str | None]:
    if text is None:
        return None, None
    try:
        return json.loads(text), None
    except ValueError:
        return None, text


@operation("runs.enqueue", changes="run:{id}")
async def enqueue_run(app: Mainspring, request: EnqueueRequest, caller: Caller) -> Enqueued:
    """Enqueue a task and print the id of its run."""
    task = visible(app, request.task, caller)
    await check_danger(app, task, "runs.enqueue", caller, is_confirmed=request.is_confirmed)
    dedupe = _dedupe_of(task.spec, request)
    bound = task.options(
        delay=request.delay,
        run_at=request.run_at,
        key=request.key if dedupe is None else None,
        dedupe=dedupe,
        priority=request.priority,
        queue=request.queue,
        retry=request.retries,
        timeout=request.timeout,
        deadline=request.deadline,
        label=request.label,
    )
    handle = await app.enqueue_json(bound, json.dumps(request.params), origin=caller.source, actor=caller.actor)
    return Enqueued(id=handle.id, task=task.name, is_new=handle.is_new, how=handle.how)


async def check_danger(app: Mainspring, task: Task[..., Any], verb: str, caller: Caller, *, is_confirmed: bool) -> None:
    """Raise `Conflict` for a dangerous task whose danger nobody has accepted; that it was tried is written down."""
    danger = task.spec.danger
    if danger is None or is_confirmed:
        return
    audit = (await app.store()).audit
    await audit.add(verb, f"task:{task.name}", actor=caller.actor, source=caller.source, reason=danger, data={"refused": "unconfirmed"})
    raise Conflict(f"the task {task.name!r} is dangerous and has not been confirmed: {danger}")


def _dedupe_of(spec: TaskSpec, request: EnqueueRequest) -> Dedupe | None:
    """Return the policy that is asked for, on the key that is asked for or on the task's own; None where only the task decides."""
    own = spec.dedupe
    if request.dedupe is None:
        if request.window is not None:
            raise ConfigurationError(f"window={request.window!r} goes with dedupe=debounce or dedupe=once: name one of them")
        return None
    if request.key is not None:
        key = literal(request.key)
    elif own is not None:
        key = own.key.text
    else:
        raise ConfigurationError(f"dedupe={request.dedupe} needs a key, and the task {spec.name!r} has none of its own: give key= as well")
    is_own = own is not None and own.policy == request.dedupe and request.window is None
    return Dedupe(key, request.dedupe, window=own.window if own is not None and is_own else request.window)


@operation("runs.list")
async def list_runs(app: Mainspring, request: ListRequest, caller: Caller) -> RunPage:
    """List runs, newest first."""
    store = await app.store()
    before = None if request.before is None else await store.runs.find(request.before)
    wanted, where = await _filter_of(app, store, request)
    page = await store.runs.filtered(wanted, before=before, n=request.limit, where=where)
    names = await store.runs.schedule_names(page)
    items = [RunRow(**row_of(run, app), schedule=names.get(run.schedule_id or 0)) for run in page]
    total = await store.runs.count(wanted, where=where) if request.total else None
    return RunPage(items=items, next=items[-1].id if len(items) == request.limit else None, total=total)


@operation("runs.count")
async def count_runs(app: Mainspring, request: FilterRequest, caller: Caller) -> RunCount:
    """Count runs."""
    store = await app.store()
    wanted, where = await _filter_of(app, store, request)
    return RunCount(total=await store.runs.count(wanted, where=where))


async def _filter_of(app: Mainspring, store: Store, request: FilterRequest) -> tuple[RunFilter, list[tuple[str, str]]]:
    now = await store.database.now() if request.since or request.until else None
    states = [RunState(each) for each in request.state or () if each != "lost"]
    wanted = RunFilter(
        states=states or None, is_lost="lost" in (request.state or ()), task=request.task, queue=request.queue, label=request.label,
        reason=request.reason, origin=request.origin, priority=None if request.priority is None else Priority.parse(request.priority),
        schedule_id=None if request.schedule is None else (await store.schedules.get(request.schedule)).id,
        since=_moment(request.since, "since", now), until=_moment(request.until, "until", now),
    )  # fmt: skip
    return wanted, [_term(app, each) for each in request.where or ()]


def _moment(text: str | None, field: str, now: datetime | None) -> datetime | None:
    """Return the time that a person has written: so long ago, or a date or time of UTC or with its zone."""
    if text is None or now is None:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - parse_duration(text, field)
        except ConfigurationError:
            what = "is neither a while such as 24h or 7d nor a date or time such as 2026-05-01 or 2026-05-01T08:30+02:00"
            raise InvalidParams("wrong time", [Problem(field, what, text)]) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _term(app: Mainspring, text: str) -> tuple[str, str]:
    """Return name and value of a condition; raises `InvalidParams` where no task marks the parameter for search."""
    name, has_value, value = text.partition("=")
    known = sorted({each for task in app.registry for each in task.params.marks.searched})
    if not has_value or name not in known:
        what = f"is no parameter for search, known are {', '.join(known) or 'none'}: mark it with Param(search=True)"
        problem = Problem(name, what) if has_value else Problem("where", "is to be written as name=value", text)
        raise InvalidParams("wrong condition", [problem])
    return name, value


@operation("runs.show")
async def show_run(app: Mainspring, request: RunRequest, caller: Caller) -> RunView:
    """Show a run with its parameters, its outcome and its error."""
    store = await app.store()
    run = await store.runs.get(await store.runs.find(request.id))
    more = {
        "is_pinned": await store.retention.pin_of(run.id) is not None, "waits_for": await _waits_for(store, run),
        "schedule": (await store.runs.schedule_names([run])).get(run.schedule_id or 0),
    }  # fmt: skip
    return run_view(run, app).model_copy(update=more)


async def _waits_for(store: Store, run: Run) -> WaitingView | None:
    if run.state is not RunState.BLOCKED or (found := await store.limits.waiting_for(run.id)) is None:
        return None
    most = found.maximum
    return WaitingView(
        key=found.key, position=found.position, is_bounded=found.is_bounded, running=found.running, concurrency=most.concurrency,
        rate=None if most.rate is None else str(most.rate),
    )  # fmt: skip


@operation("runs.artifacts")
async def list_artifacts(app: Mainspring, request: RunRequest, caller: Caller) -> ArtifactList:
    """List the files that a run has left behind."""
    run_id = await (await app.store()).runs.find(request.id)
    return ArtifactList(
        items=[
            ArtifactView(**each.as_json(), attempt=each.attempt, created_at=each.created_at)  # the handle itself is for programs
            for each in await app.artifacts(run_id)
        ]
    )


@operation("runs.attempts")
async def list_attempts(app: Mainspring, request: RunRequest, caller: Caller) -> AttemptList:
    """List the finished tries of a run."""
    runs = (await app.store()).runs
    run = await runs.get(await runs.find(request.id))
    return AttemptList(
        items=[
            AttemptView(
                number=each.number,
                outcome=str(each.outcome),
                reason=each.reason,
                node_id=each.node_id,
                started_at=each.started_at,
                finished_at=each.finished_at,
                retry_at=each.retry_at,
                error=None if each.error is None else dict(each.error),
            )
            for each in await runs.attempts(run.id)
        ]
    )


@operation("runs.events")
async def list_events(app: Mainspring, request: PageRequest, caller: Caller) -> EventPage:
    """List what happened to a run, in order."""
    events = await _events(app, request)
    return EventPage(
        items=[event_view(each) for each in events[: request.limit]],
        next=events[request.limit - 1].seq if len(events) > request.limit else None,
    )


@operation("runs.logs")
async def list_logs(app: Mainspring, request: PageRequest, caller: Caller) -> EventPage:
    """Print what a run wrote to its log."""
    shown: list[EventView] = []
    after = request.after
    while len(shown) <= request.limit:
        page = await _events(app, request.model_copy(update={"after": after}))
        if not page:
            break
        after = page[-1].seq
        shown += [event_view(each) for each in page if each.kind in (EventKind.LOG, EventKind.GAP)]
    return EventPage(items=shown[: request.limit], next=shown[request.limit - 1].seq if len(shown) > request.limit else None)


async def _events(app: Mainspring, request: PageRequest) -> list[Event]:
    store = await app.store()
    return await store.events.after(await store.runs.find(request.id), request.after, request.limit + 1)


@operation("runs.cancel", changes="run:{id}", dangerous=True)
async def cancel_run(app: Mainspring, request: CancelRequest, caller: Caller) -> Stopped:
    """Ask a run to stop; one that waits is cancelled at once."""
    runs = (await app.store()).runs
    run_id = await runs.find(request.id)
    answer = await app.cancel(run_id, reason=request.reason, actor=caller.actor)
    return Stopped.model_validate({"id": run_id, "answer": answer, "state": (await runs.get(run_id)).state})


@operation("runs.retry", changes="run:{id}")
async def retry_run(app: Mainspring, request: RetryRequest, caller: Caller) -> Enqueued:
    """Do a finished run again, as a new run that points at the old."""
    runs = (await app.store()).runs
    run_id = await runs.find(request.id)
    old = await runs.get(run_id)
    if old.task in app.registry:
        await check_danger(app, visible(app, old.task, caller), "runs.retry", caller, is_confirmed=request.is_confirmed)
    params = None if request.params is None else json.dumps(request.params)
    if request.edit:
        given, text = _read(old.params) if request.params is None else (request.params, None)
        if not isinstance(given, dict):
            raise Conflict(f"the parameters of {run_id} are not readable ({text!r}): give all of them with params instead of edit")
        params = json.dumps({**given, **request.edit})
    handle = await app.retry(run_id, actor=caller.actor, params=params)
    return Enqueued(id=handle.id, task=(await runs.get(handle.id)).task, is_new=handle.is_new, how=handle.how)
