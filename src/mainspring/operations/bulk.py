"""The verb that does one thing to many runs: some at once, more by a run of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.app.bulk import BULK, Action, Outcome, Selection
from mainspring.core.access import Scope, Verb
from mainspring.core.errors import InvalidParams, NotConfirmed, Problem
from mainspring.operations.operation import Caller, View, entry_of, operation
from mainspring.operations.permit import may
from mainspring.operations.run_search import wanted_of
from mainspring.operations.runs import FilterRequest

MOST, MOST_EVER = 1000, 100_000  # runs at once: where nothing is said, and where it is
LATER = 500  # from so many on, a run of its own does it
CONFIRMED = 100  # above so many, the number has to be accepted
NEEDS: Mapping[Action, Verb] = {
    "cancel": Verb.CANCEL, "retry": Verb.RETRY, "requeue": Verb.RETRY, "pin": Verb.RETRY, "delete": Verb.DELETE,
}  # fmt: skip
ActionWord = Literal["cancel", "retry", "requeue", "pin", "delete"]


class BulkRequest(FilterRequest):
    """What is to be done, and to which runs: those that are named, else those that the conditions let through, the newest first."""

    action: ActionWord = Field(description="cancel, retry (as new runs), requeue (let later ones be due now), pin or delete")
    id: list[str] | None = Field(None, description="only these runs; may be repeated", max_length=MOST)
    all: bool = Field(False, description="every run there is, where there is neither an id nor a condition")
    limit: int = Field(MOST, ge=1, le=MOST_EVER, description="how many at most")
    at_most: int | None = Field(None, ge=0, description="accept that it is done to so many; needed above 100")
    is_confirmed: bool = Field(False, description="the danger of dangerous tasks was accepted")
    dry_run: bool = Field(False, description="only say which and how many runs these are")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class BulkRow(View):
    """What became of one run: ``done``, ``skipped`` (there was nothing to do) or ``failed`` with the problem; ``made`` does it again."""

    id: str
    outcome: Outcome
    problem: str | None
    made: str | None


class BulkView(View):
    """What was done, or would be. ``n`` runs are meant; ``is_capped``: there are more. ``tasks`` says how many there are of each.

    ``run_id`` is the run that does it, where there are many: the results are there. ``dangers`` are of tasks that are to be retried.
    """

    action: ActionWord
    n: int
    is_capped: bool
    is_dry_run: bool
    tasks: dict[str, int]
    dangers: dict[str, str]
    newest: str | None
    run_id: str | None
    done: int
    skipped: int
    failed: int
    results: list[BulkRow]


@operation("runs.bulk", changes="runs", dangerous=True, keeps_own_audit=True, needs=Verb.BULK)
async def act_on_many(app: Mainspring, request: BulkRequest, caller: Caller) -> BulkView:
    """Do one thing to many runs: cancel, retry, requeue, pin or delete."""
    store = await app.store()
    wanted, scope = await _selection(app, request, caller), _reach(app, request.action, caller)
    ids = await app.bulk.select(replace(wanted, scope=scope, limit=request.limit + 1))
    is_capped = len(ids) > request.limit
    ids = ids[: request.limit]
    tasks: Counter[str] = Counter()
    for start in range(0, len(ids), MOST):
        tasks.update(each.task for each in await store.run_lists.briefs(ids[start : start + MOST]))
    known = app.registry
    dangers = {name: known.get(name).spec.danger or "" for name in sorted(tasks) if name in known and known.get(name).spec.danger}
    dangers = dangers if request.action == "retry" else {}
    answer = BulkView(
        action=request.action, n=len(ids), is_capped=is_capped, is_dry_run=request.dry_run, tasks=dict(sorted(tasks.items())),
        dangers=dangers, results=[], newest=max(ids, default=None), run_id=None, done=0, skipped=0, failed=0,
    )  # fmt: skip
    if request.dry_run or not ids:
        return answer
    if len(ids) > CONFIRMED and (request.at_most is None or request.at_most < len(ids)):
        what = f"has to be {len(ids)} or more, as so many runs are meant"
        raise InvalidParams("so many runs have to be accepted", [Problem("at_most", what, str(request.at_most))])
    if answer.dangers and not request.is_confirmed:
        name, danger = next(iter(answer.dangers.items()))
        raise NotConfirmed(f"the task {name!r} is dangerous and has not been confirmed: {danger}", task=name, danger=danger)
    actor, reason = caller.actor, request.reason
    if len(ids) >= LATER:
        chosen = replace(wanted, scope=scope, newest=answer.newest, limit=len(ids))
        run_id = await app.bulk.begin(request.action, chosen, actor=actor, reason=reason, tenant=caller.tenant)
        answer = answer.model_copy(update={"run_id": run_id})
    else:
        results = await app.bulk.apply(request.action, ids, actor=actor, reason=reason)
        counts = Counter(each.outcome for each in results)
        rows = [BulkRow(id=each.id, outcome=each.outcome, problem=each.problem, made=each.made) for each in results]
        answer = answer.model_copy(update={**{each: counts[each] for each in ("done", "skipped", "failed")}, "results": rows})
    asked = request.model_dump(exclude_defaults=True, exclude={"reason", "action", "id", "is_confirmed", "at_most"}, mode="json")
    data = {"action": request.action, "n": len(ids), "done": answer.done, "failed": answer.failed, "run": answer.run_id, **asked}
    about = "runs" if answer.run_id is None else f"run:{answer.run_id}"
    told = {name: each for name, each in data.items() if each is not None}
    await store.audit.add_entry(entry_of("runs.bulk", about, request, caller, told))
    return answer


async def _selection(app: Mainspring, request: BulkRequest, caller: Caller) -> Selection:
    if request.id is not None:
        store = await app.store()
        return Selection(ids=tuple([await store.runs.find(each, scope=caller.scope) for each in request.id]))
    # Its reason is why this is done, and no condition; a run's own reason is looked for by the query.
    wanted = await wanted_of(app, await app.store(), request.model_copy(update={"reason": None}), caller)
    is_anything = not wanted.terms and wanted.errors is None and wanted.filter == type(wanted.filter)()
    if is_anything and not request.all:
        what = "name runs, or say what they have in common; all=true means every run there is"
        raise InvalidParams("which runs?", [Problem("query", what)])
    return Selection(filter=wanted.filter, terms=wanted.terms, errors=wanted.errors)


def _reach(app: Mainspring, action: Action, caller: Caller) -> Scope:
    """Return which runs somebody may do this to: those that they see, without tasks whose rules say no, and without runs like this one."""
    refused = {task.name for task in app.registry if not may(app, caller.user, NEEDS[action], task.name)}
    return replace(caller.scope, hidden=caller.scope.hidden | refused | {BULK})
