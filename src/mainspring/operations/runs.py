"""Verbs about runs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from mainspring.app import Mainspring
from mainspring.core.errors import Conflict
from mainspring.core.event import Event, EventKind
from mainspring.core.run import Run
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation

PriorityWord = Literal["critical", "high", "medium", "low", "background"]
Definition = Literal["present", "missing"]


class RunRow(View):
    """A run in a list. ``definition`` is missing when the app no longer has the task."""

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


class RunView(RunRow):
    """A run with everything that is known about it.

    ``params_text`` is set instead of ``params`` where what is stored is not even JSON; ``result`` likewise.
    """

    retries: int
    max_retries: int
    rescues: int
    node_id: str | None
    params: Any
    params_text: str | None
    result: Any
    error: dict[str, Any] | None
    key: str | None
    origin: str
    actor: str | None
    retry_of: str | None
    cancel_requested: bool
    cancelled_by: str | None
    is_final: bool


class RunPage(View):
    """Runs, newest first; ``next`` is the cursor of the following page, if there is one."""

    items: list[RunRow]
    next: str | None


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
    """The run that won: a new one, or the unfinished one that has the same key."""

    id: str
    task: str
    is_new: bool


class Stopped(View):
    """What a cancel did: ``cancelled`` (it was waiting), ``requested`` (it is running), ``already`` (it was final)."""

    id: str
    answer: Literal["cancelled", "requested", "already"]
    state: RunState


class ListRequest(Request):
    """Which runs."""

    state: list[RunState] | None = Field(None, description="only runs in this state; may be repeated")
    task: str | None = Field(None, description="only runs of this task")
    queue: str | None = Field(None, description="only runs of this queue")
    label: str | None = Field(None, description="only runs with this label")
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
    reason: str | None = Field(None, description="why; kept in the audit trail")


class EnqueueRequest(Request):
    """What is to be done, and how. Durations are words such as ``90s``, ``5m``, ``1h 30m``."""

    task: str = Field(description="the task's name")
    params: dict[str, Any] = Field(default_factory=dict, description="parameters by name")
    delay: str | None = Field(None, description="not before this while has passed, as 10m")
    run_at: AwareDatetime | None = Field(None, description="not before this time, with its zone")
    key: str | None = Field(None, description="while an unfinished run has this key, no other is added")
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
        **_row_of(run, app),
        retries=run.retries,
        max_retries=run.max_retries,
        rescues=run.rescues,
        node_id=run.node_id,
        params=params,
        params_text=params_text,
        result=result,
        error=None if run.error is None else dict(run.error),
        key=run.key,
        origin=run.origin,
        actor=run.actor,
        retry_of=run.retry_of,
        cancel_requested=run.cancel_requested,
        cancelled_by=run.cancelled_by,
        is_final=run.is_final,
    )


def event_view(event: Event) -> EventView:
    """Return an event as plain values."""
    return EventView(run_id=event.run_id, seq=event.seq, kind=event.kind, at=event.at, attempt=event.attempt, data=dict(event.data))


def _row_of(run: Run, app: Mainspring) -> dict[str, Any]:
    return {
        "id": run.id,
        "task": run.task,
        "definition": "present" if run.task in app.registry else "missing",
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
    }


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
    task = app.task_named(request.task)
    if task.spec.danger is not None and not request.is_confirmed:
        raise Conflict(f"the task {task.name!r} is dangerous and has not been confirmed: {task.spec.danger}")
    bound = task.options(
        delay=request.delay,
        run_at=request.run_at,
        key=request.key,
        priority=request.priority,
        queue=request.queue,
        retry=request.retries,
        timeout=request.timeout,
        deadline=request.deadline,
        label=request.label,
    )
    handle = await app.enqueue_json(bound, json.dumps(request.params), origin=caller.source, actor=caller.actor)
    return Enqueued(id=handle.id, task=task.name, is_new=handle.is_new)


@operation("runs.list")
async def list_runs(app: Mainspring, request: ListRequest, caller: Caller) -> RunPage:
    """List runs, newest first."""
    runs = (await app.store()).runs
    before = None if request.before is None else await runs.find(request.before)
    page = await runs.page(
        states=request.state or None,
        task=request.task,
        queue=request.queue,
        label=request.label,
        before=before,
        n=request.limit,
    )
    items = [RunRow(**_row_of(run, app)) for run in page]
    return RunPage(items=items, next=items[-1].id if len(items) == request.limit else None)


@operation("runs.show")
async def show_run(app: Mainspring, request: RunRequest, caller: Caller) -> RunView:
    """Show a run with its parameters, its outcome and its error."""
    runs = (await app.store()).runs
    return run_view(await runs.get(await runs.find(request.id)), app)


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
    params = None if request.params is None else json.dumps(request.params)
    handle = await app.retry(run_id, actor=caller.actor, params=params)
    return Enqueued(id=handle.id, task=(await runs.get(handle.id)).task, is_new=handle.is_new)
