"""Verbs about runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AliasChoices, AwareDatetime, Field

from mainspring.app import Mainspring
from mainspring.core.access import Scope, Verb
from mainspring.core.dedupe import Dedupe, How
from mainspring.core.errors import ConfigurationError, Conflict, NotConfirmed
from mainspring.core.event import Event, EventKind
from mainspring.core.ids import made_at, next_id
from mainspring.core.run import Run
from mainspring.core.run_filter import RunFilter
from mainspring.core.state import RunState
from mainspring.core.task import Task, TaskSpec
from mainspring.core.template import literal
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.permit import may, permit, permitted, seen, tenant_of
from mainspring.operations.run_search import Wanted, wanted_of
from mainspring.operations.tasks import visible
from mainspring.store.run_lists import RunBrief, Way
from mainspring.store.store import Store

PriorityWord = Literal["critical", "high", "medium", "low", "background"]
StateWord = Literal["pending", "blocked", "running", "suspended", "completed", "failed", "timeout", "cancelled", "skipped", "lost"]
DedupeWord = Literal["existing", "reject", "replace", "debounce", "once"]
Definition = Literal["present", "missing"]
SortWord = Literal["new", "old", "longest"]
BULK = "mainspring.bulk"  # the task of runs that do something to many others
FAMILY = 50  # runs of each kind around one
DEEP = 5  # windows that a look goes through


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
    tenant: str = ""
    actor: str | None = None
    key: str | None = None
    retry_of: str | None = None
    max_attempts: int | None = None
    cancel_requested: bool = False
    waited_ms: float | None = None
    node: str | None = None
    error_type: str | None = None
    error_message: str | None = None


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

    ``params_text`` is set instead of ``params`` where what is stored is not even JSON. ``is_redacted``: who asks may see neither parameters
    nor result.
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
    is_redacted: bool = False
    is_pinned: bool = False
    waits_for: WaitingView | None = None


class FamilyView(View):
    """Runs around one: ``above`` the run that started it, ``below`` those that it has started, ``tries`` it and those that did it again.

    Each oldest first; ``has_more``: of those below not all are named.
    """

    above: list[RunRow]
    below: list[RunRow]
    tries: list[RunRow]
    has_more: bool


class RunPage(View):
    """Runs in the order that was asked for; ``next`` is the cursor of the following page, if there is one, ``total`` how many there are.

    ``older`` and ``newer`` are the ids from which the pages in both directions begin. ``searched_back_to`` is there where what was asked
    for is so rare that the look ended before the page was full: ``next`` goes on from that time.
    """

    items: list[RunRow]
    next: str | None
    total: int | None = None
    older: str | None = None
    newer: str | None = None
    searched_back_to: datetime | None = None


class TallyRow(View):
    """How many runs are in a state; ``is_bounded``: at least so many. Lost ones are among the failed."""

    state: str
    n: int
    is_bounded: bool


class TallyView(View):
    """Counts of all states, whichever of them the filter asks for."""

    items: list[TallyRow]


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

    query: str | None = Field(
        None, validation_alias=AliasChoices("query", "q"), description="a search as in the console: task:backup status:failed dur:>30s"
    )
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
    after: str | None = Field(None, description="only runs newer than this id, the nearest to it")
    top: str | None = Field(None, description="this run first, then older ones")
    sort: SortWord = Field("new", description="new or old ones first, or of the latest 20,000 those that took the longest")
    quick: bool = Field(False, description="look through 20,000 runs for what is rare, and not through 100,000")
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
    tenant: str = Field("", max_length=200, description="on whose behalf; your own tenant, when it is not given")
    is_confirmed: bool = Field(False, description="the danger of the task was accepted")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class PlannedRequest(EnqueueRequest):
    """A run whose id was given out before: to ask again with it is never a second run. No face lets callers choose it."""

    run_id: str = Field(description="the run's id, made up for this request")
    retry_of: str | None = Field(None, description="the run that this one does again, perhaps with other values")


def run_view(run: Run, app: Mainspring, *, shows: bool = True) -> RunView:
    """Return a run with its texts read; unless ``shows`` without what went in and what came out."""
    params, params_text = _read(run.params) if shows else (None, None)
    result, _ = _read(run.result) if shows else (None, None)
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
        is_redacted=not shows,
    )


def event_view(event: Event) -> EventView:
    """Return an event as plain values."""
    return EventView(run_id=event.run_id, seq=event.seq, kind=event.kind, at=event.at, attempt=event.attempt, data=dict(event.data))


def row_of(run: Run | RunBrief, app: Mainspring) -> dict[str, Any]:
    return {
        "id": run.id,
        "task": run.task,
        "definition": "present" if run.task in app.registry or run.task in app.registry.services or run.task == BULK else "missing",
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
        "tenant": run.tenant,
        "max_attempts": run.max_retries + 1,
    }


def _duration_ms(run: Run | RunBrief) -> float | None:
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


@operation("runs.enqueue", changes="run:{id}", needs=Verb.START, asks_tasks=True)
async def enqueue_run(app: Mainspring, request: EnqueueRequest, caller: Caller) -> Enqueued:
    """Enqueue a task and print the id of its run."""
    task = visible(app, request.task, caller)
    await permit(app, caller, Verb.START, task)
    await check_danger(app, task, "runs.enqueue", caller, is_confirmed=request.is_confirmed)
    dedupe = _dedupe_of(task.spec, request)
    bound = task.options(
        tenant=tenant_of(caller, request.tenant) or None,
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
    planned = request if isinstance(request, PlannedRequest) else None
    if planned is not None and planned.retry_of is not None:
        old = await seen(app, caller, planned.retry_of)
        if old.task != task.name:
            raise Conflict(f"the run {old.id} is one of {old.task!r}, and cannot be done again as {task.name!r}")
    handle = await app.enqueue_json(
        bound, json.dumps(request.params), origin=caller.source, actor=caller.actor, run_id=None if planned is None else planned.run_id,
        retry_of=None if planned is None else planned.retry_of, locale=caller.locale,
    )  # fmt: skip
    return Enqueued(id=handle.id, task=task.name, is_new=handle.is_new, how=handle.how)


async def check_danger(app: Mainspring, task: Task[..., Any], verb: str, caller: Caller, *, is_confirmed: bool) -> None:
    """Raise `NotConfirmed` for a dangerous task whose danger nobody has accepted; that it was tried is written down."""
    danger = task.spec.danger
    if danger is None or is_confirmed:
        return
    audit = (await app.store()).audit
    await audit.add(verb, f"task:{task.name}", actor=caller.actor, source=caller.source, reason=danger, data={"refused": "unconfirmed"})
    raise NotConfirmed(f"the task {task.name!r} is dangerous and has not been confirmed: {danger}", task=task.name, danger=danger)


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
    before = None if request.before is None else await store.runs.find(request.before, scope=caller.scope)
    after = None if request.after is None else await store.runs.find(request.after, scope=caller.scope)
    if request.top is not None and before is None and after is None:
        before = next_id(await store.runs.find(request.top, scope=caller.scope))
    wanted = await wanted_of(app, store, request, caller)
    total = await _count(store, wanted, caller) if request.total else None
    if request.sort == "longest":
        longest = await store.run_lists.longest(
            wanted.filter, scope=caller.scope, n=request.limit, terms=wanted.terms, errors=wanted.errors
        )
        return RunPage(items=await rows_of(app, store, longest), next=None, total=total)
    way: Way = "up" if after is not None or (request.sort == "old" and before is None) else "down"
    start = after if way == "up" else before
    runs: list[RunBrief] = []
    edge, windows = start, 1 if request.quick else DEEP
    for _ in range(windows):
        page = await store.run_lists.page(
            wanted.filter, scope=caller.scope, start=edge, way=way, n=request.limit - len(runs), terms=wanted.terms,
            errors=wanted.errors,
        )  # fmt: skip
        runs += page.runs
        edge = page.edge
        if page.is_whole or edge is None:
            break
    is_cut = edge is not None and len(runs) < request.limit
    ids = [run.id for run in runs]
    older, newer = (edge, max(ids, default=start)) if way == "down" else (min(ids, default=start), edge)
    if start is None:  # the end that it began at
        older, newer = (older, None) if way == "down" else (None, newer)
    runs.sort(key=lambda run: run.id, reverse=request.sort == "new")
    return RunPage(
        items=await rows_of(app, store, runs), next=older if request.sort == "new" else newer, total=total, older=older, newer=newer,
        searched_back_to=made_at(edge) if is_cut and edge is not None else None,
    )  # fmt: skip


async def rows_of(app: Mainspring, store: Store, runs: Sequence[RunBrief]) -> list[RunRow]:
    """Return runs as lists show them, with the names of their schedules and nodes."""
    schedules = await store.runs.schedule_names(runs)
    nodes = {node.id: node.name for node in await store.nodes.list()} if any(run.node_id for run in runs) else {}
    return [
        RunRow(
            **row_of(run, app), schedule=schedules.get(run.schedule_id or 0), actor=run.actor, key=run.key, retry_of=run.retry_of,
            cancel_requested=run.cancel_requested, waited_ms=_waited_ms(run),
            node=nodes.get(run.node_id or ""), error_type=run.error_type, error_message=run.error_message,
        )
        for run in runs
    ]  # fmt: skip


def _waited_ms(run: RunBrief) -> float | None:
    if run.ready_at is None or run.started_at is None:
        return None
    return max(0.0, round((run.started_at - run.ready_at) / timedelta(milliseconds=1), 3))


@operation("runs.count")
async def count_runs(app: Mainspring, request: FilterRequest, caller: Caller) -> RunCount:
    """Count runs."""
    store = await app.store()
    return RunCount(total=await _count(store, await wanted_of(app, store, request, caller), caller))


async def _count(store: Store, wanted: Wanted, caller: Caller) -> int:
    return await store.run_lists.count(wanted.filter, scope=caller.scope, terms=wanted.terms, errors=wanted.errors)


@operation("runs.tally")
async def tally_runs(app: Mainspring, request: FilterRequest, caller: Caller) -> TallyView:
    """Count the runs of each state, up to 10,000 of each."""
    store = await app.store()
    wanted = await wanted_of(app, store, request, caller)
    found = await store.run_lists.tally(wanted.filter, scope=caller.scope, terms=wanted.terms, errors=wanted.errors)
    return TallyView(items=[TallyRow(state=name, n=each.n, is_bounded=each.is_bounded) for name, each in found.items()])


@operation("runs.show")
async def show_run(app: Mainspring, request: RunRequest, caller: Caller) -> RunView:
    """Show a run with its parameters, its outcome and its error."""
    store = await app.store()
    run = await store.runs.get(await store.runs.find(request.id, scope=caller.scope), scope=caller.scope)
    more = {
        "is_pinned": await store.retention.pin_of(run.id) is not None, "waits_for": await _waits_for(store, run, caller.scope),
        "schedule": (await store.runs.schedule_names([run])).get(run.schedule_id or 0),
        "node": next((each.name for each in await store.nodes.list() if each.id == run.node_id), None) if run.node_id else None,
        "error_type": (run.error or {}).get("type"), "error_message": (run.error or {}).get("message"),
    }  # fmt: skip
    shows = may(app, caller.user, Verb.PAYLOAD, run.task, owner=run.actor)
    return run_view(run, app, shows=shows).model_copy(update=more)


@operation("runs.family")
async def show_family(app: Mainspring, request: RunRequest, caller: Caller) -> FamilyView:
    """Show where a run came from, what it has started, and how often it was done again."""
    store = await app.store()
    run = await seen(app, caller, request.id)
    children = await store.run_lists.page(RunFilter(actor=f"run:{run.id}"), scope=caller.scope, way="up", n=FAMILY)
    parent = [run.actor.removeprefix("run:")] if run.actor is not None and run.actor.startswith("run:") else []
    chain, first = {run.id}, run.retry_of
    while first is not None and first not in chain and len(chain) < FAMILY:
        chain.add(first)
        earlier = await store.runs.get_many([first], scope=caller.scope)
        first = earlier[first].retry_of if first in earlier else None
    later = [run.id]
    while later and len(chain) < FAMILY:
        later = [each for each in await store.run_lists.retries_of(later.pop()) if each not in chain] + later
        chain.update(later)
    visible_ids = [each.id for each, _ in await store.runs.get_with_claim([*parent, *chain], scope=caller.scope)]
    briefs = {each.id: each for each in await store.run_lists.briefs(visible_ids)}
    rows = {name: [briefs[each] for each in sorted(ids) if each in briefs] for name, ids in (("above", parent), ("tries", chain))}
    return FamilyView(
        above=await rows_of(app, store, rows["above"]), below=await rows_of(app, store, children.runs),
        tries=await rows_of(app, store, rows["tries"]) if len(rows["tries"]) > 1 else [], has_more=children.edge is not None,
    )  # fmt: skip


async def _waits_for(store: Store, run: Run, scope: Scope) -> WaitingView | None:
    if run.state is not RunState.BLOCKED or (found := await store.limits.waiting_for(run.id, scope=scope)) is None:
        return None
    most = found.maximum
    return WaitingView(
        key=found.key, position=found.position, is_bounded=found.is_bounded, running=found.running, concurrency=most.concurrency,
        rate=None if most.rate is None else str(most.rate),
    )  # fmt: skip


@operation("runs.artifacts")
async def list_artifacts(app: Mainspring, request: RunRequest, caller: Caller) -> ArtifactList:
    """List the files that a run has left behind."""
    run_id = (await permitted(app, caller, Verb.PAYLOAD, request.id)).id
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
    run = await runs.get(await runs.find(request.id, scope=caller.scope), scope=caller.scope)
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
            for each in await runs.attempts(run.id, scope=caller.scope)
        ]
    )


@operation("runs.events")
async def list_events(app: Mainspring, request: PageRequest, caller: Caller) -> EventPage:
    """List what happened to a run, in order."""
    events = await _events(app, request, caller)
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
        page = await _events(app, request.model_copy(update={"after": after}), caller)
        if not page:
            break
        after = page[-1].seq
        shown += [event_view(each) for each in page if each.kind in (EventKind.LOG, EventKind.GAP)]
    return EventPage(items=shown[: request.limit], next=shown[request.limit - 1].seq if len(shown) > request.limit else None)


async def _events(app: Mainspring, request: PageRequest, caller: Caller) -> list[Event]:
    store = await app.store()
    run_id = await store.runs.find(request.id, scope=caller.scope)
    return await store.events.after(run_id, request.after, request.limit + 1, scope=caller.scope)


@operation("runs.cancel", changes="run:{id}", dangerous=True, needs=Verb.CANCEL, asks_tasks=True)
async def cancel_run(app: Mainspring, request: CancelRequest, caller: Caller) -> Stopped:
    """Ask a run to stop; one that waits is cancelled at once."""
    run = await permitted(app, caller, Verb.CANCEL, request.id)
    answer = await app.cancel(run.id, reason=request.reason, actor=caller.actor)
    return Stopped.model_validate({"id": run.id, "answer": answer, "state": (await seen(app, caller, run.id)).state})


@operation("runs.retry", changes="run:{id}", needs=Verb.RETRY, asks_tasks=True)
async def retry_run(app: Mainspring, request: RetryRequest, caller: Caller) -> Enqueued:
    """Do a finished run again, as a new run that points at the old."""
    old = await seen(app, caller, request.id)
    run_id = old.id
    await permit(app, caller, Verb.RETRY, old.task, owner=old.actor)
    if old.task in app.registry:
        await check_danger(app, visible(app, old.task, caller), "runs.retry", caller, is_confirmed=request.is_confirmed)
    params = None if request.params is None else json.dumps(request.params)
    if request.edit:
        given, text = _read(old.params) if request.params is None else (request.params, None)
        if not isinstance(given, dict):
            raise Conflict(f"the parameters of {run_id} are not readable ({text!r}): give all of them with params instead of edit")
        params = json.dumps({**given, **request.edit})
    handle = await app.retry(run_id, actor=caller.actor, params=params)
    return Enqueued(id=handle.id, task=old.task, is_new=handle.is_new, how=handle.how)
