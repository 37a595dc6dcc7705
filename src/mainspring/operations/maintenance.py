"""Verbs about maintenance: the whole fleet rests, while everything stays up."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.notice import Severity
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.store.modes import MAINTENANCE, is_maintenance
from mainspring.store.store import Store


class MaintenanceView(View):
    """Whether the fleet rests; since when, by whom and why (None while it does not). ``has_changed``: this call did it."""

    is_on: bool
    since_at: datetime | None = None
    by: str | None = None
    reason: str | None = None
    has_changed: bool = False


class MaintenanceRequest(Request):
    """Nothing to say."""


class SwitchRequest(Request):
    """Why."""

    reason: str | None = Field(None, description="why; kept, shown beside health, and in the audit trail")


async def read_maintenance(store: Store) -> MaintenanceView:
    """Return whether the fleet rests."""
    mode = await store.modes.get(MAINTENANCE)
    if mode is None or not is_maintenance(mode.value):
        return MaintenanceView(is_on=False)
    return MaintenanceView(is_on=True, since_at=mode.changed_at, by=mode.changed_by, reason=mode.reason)


@operation("maintenance.show")
async def show_maintenance(app: Mainspring, request: MaintenanceRequest, caller: Caller) -> MaintenanceView:
    """Say whether the fleet is in maintenance, since when and why."""
    return await read_maintenance(await app.store())


@operation("maintenance.on", changes="maintenance", dangerous=True, needs=Verb.CONTROL_NODES)
async def begin_maintenance(app: Mainspring, request: SwitchRequest, caller: Caller) -> MaintenanceView:
    """Let the fleet rest: nothing is claimed, schedules skip their slots, what runs goes on to its end."""
    store = await app.store()
    was = await read_maintenance(store)
    if not was.is_on:
        await store.modes.put(MAINTENANCE, {"is_on": True}, actor=caller.actor, reason=request.reason)
        data = {"by": caller.actor, "reason": request.reason}
        await store.notices.add("runner", "maintenance_began", Severity.WARNING, data)
        await app.nodes_told()
    return (await read_maintenance(store)).model_copy(update={"has_changed": not was.is_on})


@operation("maintenance.off", changes="maintenance", needs=Verb.CONTROL_NODES)
async def end_maintenance(app: Mainspring, request: SwitchRequest, caller: Caller) -> MaintenanceView:
    """Let the fleet go on: runs are claimed again, schedules fire from their next slot."""
    store = await app.store()
    has_changed = (await read_maintenance(store)).is_on and await store.modes.clear(MAINTENANCE)
    if has_changed:
        await store.notices.add("runner", "maintenance_ended", Severity.INFO, {"by": caller.actor, "reason": request.reason})
        await app.nodes_told()
    return (await read_maintenance(store)).model_copy(update={"has_changed": has_changed})
