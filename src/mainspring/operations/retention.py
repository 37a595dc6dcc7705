"""Verbs about what stays and what goes: pins, deleting, pruning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Scope, Verb
from mainspring.core.duration import parse_duration
from mainspring.core.errors import Conflict
from mainspring.core.retention import Policies
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, audit, operation, tell
from mainspring.operations.permit import permitted
from mainspring.operations.runs import RunRequest

FinalWord = Literal["completed", "failed", "timeout", "cancelled", "skipped"]


class PinRequest(RunRequest):
    """Which run, and why."""

    reason: str | None = Field(None, description="why; kept in the audit trail")


class Pinned(View):
    """What became of a run's pin; ``has_changed`` is False where it was so already."""

    id: str
    is_pinned: bool
    has_changed: bool


class Deleted(View):
    """The run that is gone, with its events, attempts and files."""

    id: str
    task: str

    def trace(self) -> Mapping[str, Any]:
        """Tell which task it was: nobody can look it up any more."""
        return {"task": self.task}


class PruneRequest(Request):
    """What is to go: without anything else, what is past its time by the policies of app and tasks."""

    older_than: str | None = Field(None, description="in place of all policies: what finished longer ago than this, as 7d")
    state: list[FinalWord] | None = Field(None, description="only runs that ended so; may be repeated")
    task: str | None = Field(None, description="only runs of this task")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class ExpiredRequest(Request):
    """What would go; as for a prune, a page at a time."""

    older_than: str | None = Field(None, description="in place of all policies: what finished longer ago than this, as 7d")
    state: list[FinalWord] | None = Field(None, description="only runs that ended so; may be repeated")
    task: str | None = Field(None, description="only runs of this task")
    after: str | None = Field(None, description="only runs made after this id: the next page")


class ExpiredRow(View):
    """A run that would go."""

    id: str
    task: str
    state: RunState
    finished_at: datetime


class ExpiredPage(View):
    """Runs that would go, the oldest first; ``next`` is where the following page begins, if there is one."""

    items: list[ExpiredRow]
    next: str | None


class PruneDone(View):
    """How many runs went; ``days`` of them as a whole (PostgreSQL). ``what`` names the object for the audit trail."""

    what: str
    runs: int
    days: int

    def trace(self) -> Mapping[str, Any]:
        """Tell how many went."""
        return {"runs": self.runs, "days": self.days}


async def _policies(app: Mainspring, request: PruneRequest | ExpiredRequest, scope: Scope) -> Policies:
    """Return what holds: what nodes have told of their tasks, what our own code says now, and what was asked for."""
    age: timedelta | None = None if request.older_than is None else parse_duration(request.older_than, "older_than")
    retention = (await app.store()).retention
    told = await retention.policies(app.settings.keeping)
    own = {**told.own, **{task.name: task.spec.retention for task in app.registry}}
    policies = replace(told, own={name: each for name, each in own.items() if each is not None})
    states = None if not request.state else frozenset(map(RunState, request.state))
    return policies.only(older_than=age, states=states, task=request.task, scope=scope)


@operation("runs.pin", changes="run:{id}", needs=Verb.RETRY, asks_tasks=True)
async def pin_run(app: Mainspring, request: PinRequest, caller: Caller) -> Pinned:
    """Keep a run for good: no retention takes it."""
    store = await app.store()
    run = await permitted(app, caller, Verb.RETRY, request.id)
    has_changed = await store.retention.pin(run.id, actor=caller.actor, reason=request.reason)
    return Pinned(id=run.id, is_pinned=True, has_changed=has_changed)


@operation("runs.unpin", changes="run:{id}", needs=Verb.RETRY, asks_tasks=True)
async def unpin_run(app: Mainspring, request: PinRequest, caller: Caller) -> Pinned:
    """Let retention have a pinned run again."""
    store = await app.store()
    run = await permitted(app, caller, Verb.RETRY, request.id)
    return Pinned(id=run.id, is_pinned=False, has_changed=await store.retention.unpin(run.id))


@operation("runs.delete", changes="run:{id}", dangerous=True, needs=Verb.DELETE, asks_tasks=True)
async def delete_run(app: Mainspring, request: PinRequest, caller: Caller) -> Deleted:
    """Delete a finished run with its events, attempts and files; statistics keep it."""
    store = await app.store()
    run = await permitted(app, caller, Verb.DELETE, request.id)
    tell(task=run.task)
    if not run.is_final:
        raise Conflict(f"the run {run.id} is {run.state}: only a finished run can be deleted; cancel it first")
    if not await store.retention.delete([run.id]):
        if (pin := await store.retention.pin_of(run.id)) is not None:
            by = f" by {pin.actor}" if pin.actor else ""
            raise Conflict(f"the run {run.id} was pinned{by}: unpin it first")
        await store.runs.get(run.id, scope=caller.scope)  # somebody else has deleted it just now: say so
    return Deleted(id=run.id, task=run.task)


@operation("runs.expired")
async def list_expired(app: Mainspring, request: ExpiredRequest, caller: Caller) -> ExpiredPage:
    """List the runs that a prune would take now."""
    policies = await _policies(app, request, caller.scope)
    found, after = await (await app.store()).retention.expired(policies, request.after)
    return ExpiredPage(
        items=[ExpiredRow(id=each.id, task=each.task, state=each.state, finished_at=each.finished_at) for each in found], next=after
    )


@operation("runs.prune", changes="{what}", dangerous=True, keeps_own_audit=True, needs=Verb.DELETE)
async def prune_runs(app: Mainspring, request: PruneRequest, caller: Caller) -> PruneDone:
    """Delete the runs that are past their time, with everything that belongs to them."""
    policies = await _policies(app, request, caller.scope)
    store = await app.store()
    await store.retention.tell({task.name: task.spec.retention for task in app.registry}, caller.actor)
    done = await store.retention.prune(policies)
    view = PruneDone(what="runs" if request.task is None else f"task:{request.task}", runs=done.runs, days=done.days)
    await audit(store, prune_runs, request, view, caller)  # here, for it has taken many transactions
    return view
