"""What the store knows about why a run waits: gathered in a few small reads for `mainspring.core.explanation`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mainspring.core.access import Scope
from mainspring.core.explanation import Facts, Hold, Pause
from mainspring.core.run import Reason, Run
from mainspring.core.state import RunState
from mainspring.core.tenant import TenantState
from mainspring.store import codes
from mainspring.store.database import Database
from mainspring.store.limits import LimitStore
from mainspring.store.modes import MAINTENANCE, ModeStore, is_maintenance
from mainspring.store.nodes import NodeStore
from mainspring.store.owners import OwnerStore
from mainspring.store.queues import QueueStore
from mainspring.store.runs import RunStore
from mainspring.store.switches import SwitchStore
from mainspring.store.tenants import TenantStore

BOUND = 1000  # runs ahead that are counted: more of them make no other sentence


class ExplainStore:
    """Looks around a run. What it says may be over when it is read."""

    def __init__(
        self, database: Database, runs: RunStore, nodes: NodeStore, queues: QueueStore, limits: LimitStore, switches: SwitchStore,
        tenants: TenantStore, owners: OwnerStore,
    ) -> None:  # fmt: skip
        self._tenants, self._owners = tenants, owners
        self._database, self._runs, self._nodes, self._queues = database, runs, nodes, queues
        self._limits, self._switches, self._modes = limits, switches, ModeStore(database)

    async def facts(self, run_id: str, *, scope: Scope) -> Facts:
        """Return what is known about a run and its surroundings; raises `UnknownRun`. What is outside of the scope is not told of."""
        run = await self._runs.get(run_id, scope=scope)
        now = await self._database.now()
        if run.is_final:
            return await self._ended(run, now)
        rows = await self._database.read("explain_run", id=run_id)
        if not rows:  # it has ended meanwhile
            return await self._ended(await self._runs.get(run_id, scope=scope), now)
        nodes = await self._nodes.list()
        if run.state is RunState.RUNNING:
            return Facts(run, now, nodes=nodes)
        tries = await self._runs.attempts(run_id, scope=scope)
        paused = next((row for row in await self._queues.list() if row["name"] == run.queue and row["paused_at"] is not None), None)
        switch = next((each for each in await self._switches.list() if each.task == run.task), None)
        mode = await self._modes.get(MAINTENANCE)
        resting = mode if mode is not None and is_maintenance(mode.value) else None
        is_ready = rows[0]["state"] == codes.READY
        waiting = await self._limits.waiting_for(run_id, scope=scope) if rows[0]["state"] == codes.WAITING else None
        return Facts(
            run,
            now,
            is_ready=is_ready,
            last=tries[-1] if tries else None,
            nodes=nodes,
            ahead=int((await self._database.read("explain_ahead", id=run_id, bound=BOUND))[0]["n"]) if is_ready else 0,
            bound=BOUND,
            pause=None if paused is None else Pause(paused["paused_at"], paused["paused_by"], paused["pause_reason"]),
            maintenance=None if resting is None else Pause(resting.changed_at, resting.changed_by, resting.reason),
            tenant=await self._suspended(run),
            owner=await self._owner_of(run),
            is_off=switch is not None and not switch.is_enabled,
            switch=switch,
            culprit=None if run.blocked_by is None else (await self._runs.get_many([run.blocked_by], scope=scope)).get(run.blocked_by),
            is_gated=bool(rows[0]["gate"]),
            hold=None if waiting is None else Hold(waiting.key, waiting.maximum, waiting.running, waiting.position, waiting.is_bounded),
        )

    async def _suspended(self, run: Run) -> Pause | None:
        if not run.tenant or (tenant := await self._tenants.get(run.tenant)) is None or tenant.state is not TenantState.SUSPENDED:
            return None
        return Pause(tenant.changed_at, tenant.changed_by, tenant.reason)

    async def _owner_of(self, run: Run) -> Mapping[str, Any] | None:
        if run.reason != Reason.OWNER_GONE or run.actor is None or (owner := await self._owners.get(run.actor)) is None:
            return None
        return {"is_gone": owner.is_gone, "at": owner.lost_at, "reason": owner.reason}

    async def _ended(self, run: Run, now: datetime) -> Facts:
        if run.schedule_id is None or run.state is not RunState.SKIPPED:
            return Facts(run, now)
        rows = await self._database.read("schedules_metas", id=run.schedule_id, lowest=run.id, highest=run.id)
        name = (await self._runs.schedule_names([run])).get(run.schedule_id)
        return Facts(run, now, schedule=name, about=json.loads(rows[0]["meta"]) if rows else {})
