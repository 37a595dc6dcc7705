"""The verb that does many finished runs again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import parse_duration
from mainspring.core.run import Run
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, entry_of, operation
from mainspring.operations.permit import may, owner_of
from mainspring.operations.runs import check_danger
from mainspring.operations.tasks import visible

PAGE = 500

BadWord = Literal["failed", "timeout", "cancelled", "skipped"]


class RetryManyRequest(Request):
    """Which runs are to be done again, and with what changed."""

    state: list[BadWord] = Field(["failed", "timeout"], description="only runs that ended so; may be repeated")
    task: str | None = Field(None, description="only runs of this task")
    queue: str | None = Field(None, description="only runs of this queue")
    label: str | None = Field(None, description="only runs with this label")
    error: str | None = Field(None, description="only runs whose last error has this fingerprint")
    since: str | None = Field(None, description="only runs that ended in the last while, as 1h")
    limit: int = Field(1000, ge=1, le=10_000, description="how many at most, the newest first")
    edit: dict[str, Any] | None = Field(None, description="parameters to change, as a JSON object; the others stay as they were")
    is_confirmed: bool = Field(False, description="the danger of dangerous tasks was accepted")
    again: bool = Field(False, description="also runs that were retried already")
    dry_run: bool = Field(False, description="only say which runs these are")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class RetriedRow(View):
    """One old run: the run that does it again, or why there is none. ``is_new`` is False where an unfinished run has its key."""

    retry_of: str
    task: str
    id: str | None
    is_new: bool
    problem: str | None


class RetriedMany(View):
    """The runs that were found, the newest first, and how many of them are done again. ``what`` names the object for the audit trail."""

    what: str
    n: int
    is_dry_run: bool
    runs: list[RetriedRow]


@operation("runs.retrymany", changes="{what}", dangerous=True, keeps_own_audit=True, needs=Verb.BULK)
async def retry_many(app: Mainspring, request: RetryManyRequest, caller: Caller) -> RetriedMany:
    """Do many finished runs again, each as a new run that points at the old."""
    store = await app.store()
    old = [run async for run in _found(app, request, caller)]
    what = "runs" if request.task is None else f"task:{request.task}"
    if request.dry_run:
        rows = [RetriedRow(retry_of=run.id, task=run.task, id=None, is_new=False, problem=None) for run in old]
        return RetriedMany(what=what, n=0, is_dry_run=True, runs=rows)
    for name in sorted({run.task for run in old if run.task in app.registry}):
        await check_danger(app, visible(app, name, caller), "runs.retrymany", caller, is_confirmed=request.is_confirmed)
    if owner_of(caller) is not None and old:
        await store.owners.know(caller.user)
    answers = await app.retry_many([run.id for run in old], edit=request.edit or None, actor=caller.actor)
    rows = [
        RetriedRow(retry_of=run.id, task=run.task, id=answer.id, is_new=answer.is_new, problem=answer.problem)
        for run, answer in zip(old, answers, strict=True)
    ]
    n = sum(each.is_new for each in answers)
    filters = request.model_dump(exclude_defaults=True, exclude={"edit", "reason", "is_confirmed"}, mode="json")
    data = {"n": n, "problems": sum(each.problem is not None for each in answers), "edited": sorted(request.edit or ()), **filters}
    await store.audit.add_entry(entry_of("runs.retrymany", what, request, caller, data))
    return RetriedMany(what=what, n=n, is_dry_run=False, runs=rows)


async def _found(app: Mainspring, request: RetryManyRequest, caller: Caller) -> AsyncIterator[Run]:
    """Yield the runs that are meant, the newest first; those that the caller may not retry are none of them."""
    store = await app.store()
    fingerprint = None if request.error is None else await store.errors.find(request.error, scope=caller.scope)
    since = None if request.since is None else await store.database.now() - parse_duration(request.since, "since")
    left, before = request.limit, None
    while True:
        page = await store.runs.page(
            states=[RunState(each) for each in request.state], task=request.task, queue=request.queue, label=request.label, before=before,
            n=PAGE, scope=caller.scope,
        )  # fmt: skip
        found = [
            run for run in page
            if (since is None or (run.finished_at is not None and run.finished_at >= since))
            and (fingerprint is None or (run.error or {}).get("fingerprint") == fingerprint)
            and may(app, caller.user, Verb.RETRY, run.task, owner=run.actor)
        ]  # fmt: skip
        retried = set() if request.again else await store.runs.retried(run.id for run in found)
        for run in found:
            if run.id not in retried:
                yield run
                left -= 1
                if left == 0:
                    return
        if len(page) < PAGE:
            return
        before = page[-1].id
