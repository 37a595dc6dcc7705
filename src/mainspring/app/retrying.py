"""Finished runs, done again as new runs that point at the old."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mainspring.app.definitions import Definitions
from mainspring.app.enqueuer import Enqueuer, lane_of
from mainspring.app.opening import Opened, Opening
from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import DedupePolicy
from mainspring.core.errors import Conflict, MainspringError, StoreUnavailable
from mainspring.core.handle import RunHandle
from mainspring.core.run import NewRun, Retried, Run
from mainspring.core.task import Task

RETRIED_TOGETHER = 500  # runs in one statement of a retry of many: their parameters are in memory then


class Retrying:
    """Makes the new runs of finished ones, with the parameters as the code's version has them."""

    def __init__(self, definitions: Definitions, opening: Opening, enqueuer: Enqueuer) -> None:
        self._definitions, self._opening, self._enqueuer = definitions, opening, enqueuer

    async def retry(self, run_id: str, *, actor: str | None = None, params: str | None = None) -> RunHandle[Any]:
        """Run a finished run again; see `Mainspring.retry`."""
        held = await self._opening.opened()
        old = await held.store.runs.get(run_id, scope=EVERYTHING)
        run, definition = self._prepare_again(old, params or await self._upgraded(held, old), actor)
        return self._enqueuer.handle(await self._enqueuer.add(run, definition), definition)

    async def retry_many(self, run_ids: Sequence[str], *, edit: Mapping[str, Any] | None = None, actor: str | None = None) -> list[Retried]:
        """Run finished runs again, in few statements; see `Mainspring.retry_many`."""
        held = await self._opening.opened()
        answers: list[Retried] = []
        for start in range(0, len(run_ids), RETRIED_TOGETHER):
            answers += await self._retry_some(held, run_ids[start : start + RETRIED_TOGETHER], edit, actor)
        return answers

    async def _retry_some(self, held: Opened, ids: Sequence[str], edit: Mapping[str, Any] | None, actor: str | None) -> list[Retried]:
        old = await held.store.runs.get_many(ids, scope=EVERYTHING)
        prepared: list[tuple[str, NewRun]] = []
        problems: dict[str, str] = {id_: f"there is no run {id_}" for id_ in ids if id_ not in old}
        for id_, run in old.items():
            try:
                params = await self._upgraded(held, run)
                params = params if edit is None else json.dumps({**json.loads(params or run.params), **edit})
                new, definition = self._prepare_again(run, params, actor)
                await self._enqueuer.opened_for(definition)
                if new.tenant:
                    await self._enqueuer.admit(held, new, 1 + sum(other.tenant == new.tenant for _, other in prepared))
                prepared.append((id_, self._enqueuer.gated(await self._enqueuer.checked(new, definition))))
            except (MainspringError, ValueError) as error:
                problems[id_] = str(error)
        new_runs = [new for _, new in prepared]
        try:
            added = await held.store.runs.add_many(new_runs)
        except StoreUnavailable:  # as in `Enqueuer.add`: some may be there already
            added = await self._enqueuer.add_many_again(held, new_runs)
        for lane in sorted({lane for new in new_runs if (lane := lane_of(new)) is not None}):
            held.bus.hint(lane)
        if any(new.gate for new in new_runs):
            held.bus.gated()
        made = {id_: each for (id_, _), each in zip(prepared, added, strict=True)}
        return [
            Retried(id_, made[id_].id, made[id_].is_new) if id_ in made else Retried(id_, None, False, problems.get(id_)) for id_ in ids
        ]

    def _prepare_again(self, old: Run, params: str | None, actor: str | None) -> tuple[NewRun, Task[..., Any]]:
        """Return the run that does an old one again, and its task. Its key is no obstacle but for an unfinished run."""
        if not old.is_final:
            raise Conflict(f"the run {old.id} is {old.state}: only a finished run can be retried")
        task = self._definitions.registry.get(old.task)
        checked = task.params.dump_json_text(old.params if params is None else params)
        bound = task.options(queue=old.queue, priority=old.priority, label=old.label, tenant=old.tenant or None)
        run, definition = self._enqueuer.prepare(bound, (), {}, origin="retry", actor=actor, retry_of=old.id, params=checked)
        key = old.key if params is None and old.key is not None else run.key
        policy = DedupePolicy.REJECT if run.dedupe is DedupePolicy.REJECT else DedupePolicy.EXISTING
        return replace(run, key=key, dedupe=policy, window=None), definition

    async def _upgraded(self, held: Opened, old: Run) -> str | None:
        """Return an old run's parameters as its task's ``upgrade`` makes them; None where they are of the code's version."""
        task = self._definitions.registry.get(old.task)
        if task.hooks.upgrade is None or (stored := await held.store.runs.params_version(old.id)) >= task.spec.params_version:
            return None
        from mainspring.engine.attempt import upgrade_params
        from mainspring.engine.provide import call_here

        return await upgrade_params(task.hooks.upgrade, old.params, stored, call_here)
