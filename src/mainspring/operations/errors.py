"""Verbs about errors that are alike."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.trouble import ErrorGroup
from mainspring.operations.operation import Caller, Request, View, operation, tell


class ErrorRow(View):
    """Failed tries that are alike: same task, type and place. ``n`` counts also those whose runs are gone."""

    fingerprint: str
    is_open: bool
    task: str
    kind: str
    type: str
    message: str
    n: int
    first_at: datetime
    last_at: datetime
    last_run: str
    resolved_at: datetime | None
    resolved_by: str | None
    reason: str | None
    reopened: int
    ignored_at: datetime | None
    ignored_by: str | None


class OccurrenceView(View):
    """One try that ended with the error."""

    run_id: str
    attempt: int
    outcome: str
    reason: str | None
    node_id: str | None
    at: datetime


class ErrorView(ErrorRow):
    """An error with the tries that are still kept, the latest first; ``traceback`` is that of the last run, where it is kept."""

    traceback: str | None
    occurrences: list[OccurrenceView]
    next: str | None


class ErrorList(View):
    """Errors, the latest first."""

    items: list[ErrorRow]


class ErrorsRequest(Request):
    """Which errors."""

    status: Literal["open", "resolved", "ignored", "all"] = Field(
        "open", description="open: never resolved, or seen again since, and not ignored; resolved; ignored; all"
    )
    task: str | None = Field(None, description="only errors of this task")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class ErrorRequest(Request):
    """Which error."""

    fingerprint: str = Field(description="the error's fingerprint, or its first characters")
    before: str | None = Field(None, description="only tries of runs older than this id: the next page")
    limit: int = Field(20, ge=1, le=1000, description="how many tries at most")


class ResolveRequest(Request):
    """Which error is mended, and how."""

    fingerprint: str = Field(description="the error's fingerprint, or its first characters")
    reason: str | None = Field(None, description="what was done; kept with the error and in the audit trail")


class Resolved(View):
    """The error that is resolved until it occurs again; ``was_open`` is False where it was resolved already."""

    fingerprint: str
    task: str
    was_open: bool


def _row(group: ErrorGroup) -> dict[str, object]:
    return {name: getattr(group, name) for name in ErrorRow.model_fields}


@operation("errors.list")
async def list_errors(app: Mainspring, request: ErrorsRequest, caller: Caller) -> ErrorList:
    """List errors that are alike, with how often and when they occurred."""
    is_open = None if request.status in ("all", "ignored") else request.status == "open"
    is_ignored = {"open": False, "ignored": True}.get(request.status)
    errors = (await app.store()).errors
    groups = await errors.list(task=request.task, is_open=is_open, is_ignored=is_ignored, n=request.limit, scope=caller.scope)
    return ErrorList(items=[ErrorRow.model_validate(_row(each)) for each in groups])


@operation("errors.show")
async def show_error(app: Mainspring, request: ErrorRequest, caller: Caller) -> ErrorView:
    """Show an error with the runs in which it occurred."""
    store = await app.store()
    group = await store.errors.get(await store.errors.find(request.fingerprint, scope=caller.scope), scope=caller.scope)
    before = {} if request.before is None else {"before": await store.runs.find(request.before, scope=caller.scope)}
    found = await store.errors.occurrences(group.fingerprint, n=request.limit, scope=caller.scope, **before)
    tries = [
        each
        for run_id in dict.fromkeys(each.run_id for each in found[:1])
        for each in await store.runs.attempts(run_id, scope=caller.scope)
    ]
    traceback = next((each.error.get("traceback") for each in tries if each.error and each.number == found[0].attempt), None)
    return ErrorView.model_validate(
        {
            **_row(group),
            "traceback": traceback,
            "occurrences": [OccurrenceView.model_validate(each, from_attributes=True) for each in found],
            "next": found[-1].run_id if len(found) == request.limit else None,
        }
    )


@operation("errors.resolve", changes="error:{fingerprint}", needs=Verb.MANAGE_DEAD)
async def resolve_error(app: Mainspring, request: ResolveRequest, caller: Caller) -> Resolved:
    """Say that an error is mended; it opens again by itself when it occurs again."""
    errors = (await app.store()).errors
    group = await errors.get(await errors.find(request.fingerprint, scope=caller.scope), scope=caller.scope)
    tell(f"error:{group.fingerprint}")
    await errors.resolve(group.fingerprint, actor=caller.actor, reason=request.reason)
    return Resolved(fingerprint=group.fingerprint, task=group.task, was_open=group.is_open)


class IgnoreRequest(Request):
    """Which error is not to be looked at, and why."""

    fingerprint: str = Field(description="the error's fingerprint, or its first characters")
    reason: str | None = Field(None, description="why; kept with the error and in the audit trail")


class Ignored(View):
    """The error, and whether it is ignored now."""

    fingerprint: str
    task: str
    is_ignored: bool


@operation("errors.ignore", changes="error:{fingerprint}", needs=Verb.MANAGE_DEAD)
async def ignore_error(app: Mainspring, request: IgnoreRequest, caller: Caller) -> Ignored:
    """Look at an error no more: it is counted on, and no open error."""
    errors = (await app.store()).errors
    group = await errors.get(await errors.find(request.fingerprint, scope=caller.scope), scope=caller.scope)
    tell(f"error:{group.fingerprint}")
    await errors.ignore(group.fingerprint, actor=caller.actor, reason=request.reason)
    return Ignored(fingerprint=group.fingerprint, task=group.task, is_ignored=True)


@operation("errors.heed", changes="error:{fingerprint}", needs=Verb.MANAGE_DEAD)
async def heed_error(app: Mainspring, request: IgnoreRequest, caller: Caller) -> Ignored:
    """Look at an ignored error again."""
    errors = (await app.store()).errors
    group = await errors.get(await errors.find(request.fingerprint, scope=caller.scope), scope=caller.scope)
    tell(f"error:{group.fingerprint}")
    await errors.heed(group.fingerprint)
    return Ignored(fingerprint=group.fingerprint, task=group.task, is_ignored=False)
