"""What is done to many runs at once: a handful by whoever asks, more by a run of its own, a part at a time, with progress.

Every action leaves alone what it has been done to, so that such a run may begin anew wherever it stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from pydantic import TypeAdapter

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.context import Context
from mainspring.core.ids import next_id
from mainspring.core.policy import PoolKind, Priority, Retry
from mainspring.core.run import NewRun, Retried
from mainspring.core.run_filter import RunFilter
from mainspring.core.task import Task, task

if TYPE_CHECKING:
    from mainspring.app.enqueuer import Enqueuer
    from mainspring.store.store import Store

BULK = "mainspring.bulk"  # the name of the task; it is beside those of the app, on every node
TOGETHER = 200  # runs between two reports of progress
TRIES = 10
NAMED = 100  # of those that could not be done, in the result
Action = Literal["cancel", "retry", "requeue", "pin", "delete"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Outcome = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs: those named, or those that a filter let through when it was asked, up to ``newest``, at most ``limit``."""

    ids: tuple[str, ...] | None = None
    filter: RunFilter = field(default_factory=RunFilter)
    terms: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] | None = None
    scope: Scope = EVERYTHING
    newest: str | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one run; ``made`` is the run that does it again."""

    id: str
    outcome: Outcome
    problem: str | None = None
    made: str | None = None


_SELECTION = TypeAdapter(Selection)


class Acting(Protocol):
    """What an app can do to a run, or to some."""

    async def store(self) -> Store: ...
    async def cancel(self, run_id: str, *, reason: str | None = None, actor: str | None = None) -> str: ...
    async def retry_many(
        self, run_ids: Sequence[str], *, edit: Mapping[str, Any] | None = None, actor: str | None = None
    ) -> list[Retried]: ...


class Bulk:
    """Does things to many runs."""

    def __init__(self, app: Acting, enqueuer: Enqueuer) -> None:
        self._app, self._enqueuer = app, enqueuer

    async def select(self, wanted: Selection) -> list[str]:
        """Return the ids that are meant, newest first."""
        store = await self._app.store()
        if wanted.ids is not None:
            return [run.id for run, _ in await store.runs.get_with_claim(wanted.ids, scope=wanted.scope)]
        start = None if wanted.newest is None else next_id(wanted.newest)
        return await store.run_lists.ids(
            wanted.filter, scope=wanted.scope, start=start, n=wanted.limit, terms=wanted.terms, errors=wanted.errors
        )

    async def apply(self, action: Action, ids: Sequence[str], *, actor: str | None, reason: str | None) -> list[Done]:
        """Do one thing to some runs; answers in their order. What cannot be done keeps back none of the others."""
        if not ids:
            return []
        store = await self._app.store()
        if action == "cancel":
            answers = [(each, await self._app.cancel(each, reason=reason, actor=actor)) for each in ids]
            return [Done(each, "skipped" if answer == "already" else "done") for each, answer in answers]
        if action == "retry":
            again = await store.runs.retried(ids)
            made = {each.retry_of: each for each in await self._app.retry_many([each for each in ids if each not in again], actor=actor)}
            return [
                Done(each, "skipped") if each in again
                else Done(each, "failed" if made[each].problem else "done", made[each].problem, made[each].id)
                for each in ids
            ]  # fmt: skip
        if action == "requeue":
            moved = await store.run_lists.hasten(ids)
            return [Done(each, "done" if each in moved else "skipped") for each in ids]
        if action == "pin":
            return [Done(each, "done" if await store.retention.pin(each, actor=actor, reason=reason) else "skipped") for each in ids]
        gone = set(await store.retention.delete(ids))
        left = {run.id: run for run, _ in await store.runs.get_with_claim([each for each in ids if each not in gone], scope=EVERYTHING)}
        return [
            Done(each, "done") if each in gone
            else Done(each, "skipped") if each not in left
            else Done(each, "failed", "it is pinned" if left[each].is_final else f"it is {left[each].state}: cancel it first")
            for each in ids
        ]  # fmt: skip

    async def begin(self, action: Action, wanted: Selection, *, actor: str | None, reason: str | None, tenant: str = "") -> str:
        """Let a run of its own do it; answers the id of that run."""
        run_id = self._enqueuer.ids.make(time.time_ns() // 1_000_000)
        fields = {"action": action, "selection": _SELECTION.dump_python(wanted, mode="json"), "actor": actor, "reason": reason}
        definition = self.task()
        params = definition.params.dump((), fields)
        run = NewRun(
            run_id, BULK, params, pool=PoolKind.INLINE, priority=Priority.HIGH, max_retries=TRIES, origin="manual",
            actor=actor, tenant=tenant,
        )  # fmt: skip
        await self._enqueuer.add(run, definition)
        return run_id

    def task(self) -> Task[..., Any]:
        """Return the task of such a run, for this app."""

        @task(
            name=BULK,
            title="Bulk action",
            category="system",
            icon="layers",
            isolation="inline",
            retry=Retry(retries=TRIES, delay=5),
            timeout="24h",
            no_web=True,
            no_cli=True,
        )
        async def bulk(
            ctx: Context, action: Action, selection: dict[str, Any], actor: str | None = None, reason: str | None = None
        ) -> dict[str, Any]:  # fmt: skip
            """Do one thing to many runs."""
            ids = await self.select(_SELECTION.validate_python(selection))
            counts: Counter[str] = Counter()
            problems: list[dict[str, str | None]] = []
            for start in range(0, len(ids), TOGETHER):
                for each in await self.apply(action, ids[start : start + TOGETHER], actor=actor, reason=reason):
                    counts[each.outcome] += 1
                    if each.outcome == "failed":
                        ctx.log(f"{each.id}: {each.problem}", level="warning")
                        problems += [{"id": each.id, "problem": each.problem}][: NAMED - len(problems)]
                ctx.progress(min(start + TOGETHER, len(ids)), len(ids), stage=action)
            told = {each: counts[each] for each in ("done", "skipped", "failed")}
            return {"action": action, "runs": len(ids), **told, "problems": problems}

        made: Task[..., Any] = bulk
        return made
