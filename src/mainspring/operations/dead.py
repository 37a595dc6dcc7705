"""Verbs about dead letters: runs that failed for good and that nobody has done again or given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Scope, Verb
from mainspring.core.errors import Conflict
from mainspring.core.run import Run
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation, tell
from mainspring.store.store import Store

STATES = (RunState.FAILED, RunState.TIMEOUT)
PAGE = 250  # failed runs that are looked at together
MOST = 1000  # failed runs that groups are made of, the newest
SERVICE = "service"  # the origin of a service's starts
TOGETHER = 500  # runs that are given up in one call
AGES = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))


class DeadRow(View):
    """One dead letter."""

    id: str
    task: str
    tenant: str
    state: str
    reason: str | None
    queue: str
    attempt: int
    error_type: str | None
    message: str | None
    fingerprint: str | None
    created_at: datetime
    finished_at: datetime | None


class DeadPage(View):
    """Dead letters, the newest first; ``next`` is where the following page begins."""

    items: list[DeadRow]
    next: str | None


class DeadGroup(View):
    """Dead letters of one task with one error; ``ages`` counts those of the last hour, of the day, of the week, and older ones."""

    task: str
    error_type: str | None
    message: str | None
    fingerprint: str | None
    n: int
    ages: list[int]
    last_at: datetime | None


class DeadGroups(View):
    """Groups, the largest first, of the newest dead letters; ``is_all`` is False where there are older ones that were not counted."""

    items: list[DeadGroup]
    n: int
    is_all: bool


class DeadRequest(Request):
    """Which dead letters."""

    task: str | None = Field(None, description="only of this task")
    error: str | None = Field(None, description="only with this error: a fingerprint, or its first characters")
    before: str | None = Field(None, description="only runs older than this id: the next page")
    limit: int = Field(50, ge=1, le=500, description="how many at most")


class DeadGroupsRequest(Request):
    """All dead letters."""


class DiscardRequest(Request):
    """Which failed runs are given up, and why."""

    runs: list[str] = Field(default_factory=list, description="runs by id or by the end of it")
    task: str | None = Field(None, description="instead of ids: dead letters of this task")
    error: str | None = Field(None, description="instead of ids: dead letters with this error")
    reason: str = Field(min_length=1, max_length=500, description="why; kept with the runs and in the audit trail")


class Discarded(View):
    """What was given up: ``n`` runs that were dead letters until now. The runs themselves stay until retention takes them."""

    what: str
    n: int
    runs: list[str]


@dataclass(frozen=True, slots=True)
class _Wanted:
    task: str | None
    fingerprint: str | None
    scope: Scope


@operation("dead.list")
async def list_dead(app: Mainspring, request: DeadRequest, caller: Caller) -> DeadPage:
    """List the runs that failed for good and that nobody has done again or given up, newest first."""
    store = await app.store()
    before = None if request.before is None else await store.runs.find(request.before, scope=caller.scope)
    found, is_all = await _find(store, await _wanted(store, request.task, request.error, caller), before, request.limit)
    return DeadPage(items=[_row(run) for run in found], next=None if is_all or not found else found[-1].id)


@operation("dead.groups")
async def group_dead(app: Mainspring, request: DeadGroupsRequest, caller: Caller) -> DeadGroups:
    """Count dead letters by task, error and age."""
    store = await app.store()
    found, is_all = await _find(store, _Wanted(None, None, caller.scope), None, MOST)
    now = await store.database.now()
    groups: dict[tuple[str, str | None], list[Run]] = {}
    for run in found:
        groups.setdefault((run.task, (run.error or {}).get("fingerprint")), []).append(run)
    items = [_group(runs, now) for runs in groups.values()]
    return DeadGroups(items=sorted(items, key=lambda each: (-each.n, each.task)), n=len(found), is_all=is_all)


@operation("dead.discard", changes="{what}", dangerous=True, needs=Verb.MANAGE_DEAD)
async def discard_dead(app: Mainspring, request: DiscardRequest, caller: Caller) -> Discarded:
    """Give failed runs up: they are no dead letters any more."""
    store = await app.store()
    if bool(request.runs) == bool(request.task or request.error):
        raise Conflict("say which runs are given up: either runs, or task and error")
    if request.runs:
        ids = [await store.runs.find(each, scope=caller.scope) for each in request.runs[:TOGETHER]]
        known = await store.runs.get_many(ids, scope=caller.scope)
        wrong = [each for each in ids if each not in known or known[each].state not in STATES]
        if wrong:
            raise Conflict(f"only runs that have failed can be given up, and {wrong[0]} has not")
        what = f"run:{ids[0]}" if len(ids) == 1 else "runs"
    else:
        found, _ = await _find(store, await _wanted(store, request.task, request.error, caller), None, TOGETHER)
        ids = [run.id for run in found]
        what = "runs" if request.task is None else f"task:{request.task}"
    tell(what, runs=len(ids))
    gone = await store.dead.discard(ids, actor=caller.actor, reason=request.reason)
    return Discarded(what=what, n=len(gone), runs=[each for each in ids if each in gone])


async def _wanted(store: Store, task: str | None, error: str | None, caller: Caller) -> _Wanted:
    return _Wanted(task, None if error is None else await store.errors.find(error, scope=caller.scope), caller.scope)


async def _find(store: Store, wanted: _Wanted, before: str | None, n: int) -> tuple[list[Run], bool]:
    """Return up to ``n`` dead letters below an id, and whether those were all. Looks at four times `MOST` failed runs at the most."""
    found: list[Run] = []
    for _ in range(4 * MOST // PAGE):
        page = await store.runs.page(states=STATES, task=wanted.task, before=before, n=PAGE, scope=wanted.scope)
        found += await _dead_of(store, [run for run in page if _fits(run, wanted.fingerprint)])
        if len(found) > n:
            return found[:n], False
        if len(page) < PAGE:
            return found, True
        before = page[-1].id
    return found, False


def _fits(run: Run, fingerprint: str | None) -> bool:
    if run.origin == SERVICE:  # its supervisor sees to it
        return False
    return fingerprint is None or (run.error or {}).get("fingerprint") == fingerprint


async def _dead_of(store: Store, runs: Sequence[Run]) -> list[Run]:
    ids = [run.id for run in runs]
    gone = await store.runs.retried(ids) | await store.dead.discarded(ids)
    return [run for run in runs if run.id not in gone]


def _row(run: Run) -> DeadRow:
    error = run.error or {}
    return DeadRow(
        id=run.id, task=run.task, tenant=run.tenant, state=run.state, reason=run.reason, queue=run.queue, attempt=run.attempt,
        error_type=error.get("type"), message=error.get("message"), fingerprint=error.get("fingerprint"), created_at=run.created_at,
        finished_at=run.finished_at,
    )  # fmt: skip


def _group(runs: Sequence[Run], now: datetime) -> DeadGroup:
    newest = _row(runs[0])
    old = [now - (run.finished_at or run.created_at) for run in runs]
    places = Counter(next((place for place, age in enumerate(AGES) if each < age), len(AGES)) for each in old)
    return DeadGroup(
        task=newest.task, error_type=newest.error_type, message=newest.message, fingerprint=newest.fingerprint, n=len(runs),
        ages=[places[place] for place in range(len(AGES) + 1)],
        last_at=max((run.finished_at or run.created_at for run in runs), default=None),
    )  # fmt: skip
