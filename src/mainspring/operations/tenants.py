"""Verbs about tenants: what is known of them, holding and restoring their runs, taking everything of one away, quotas, retention."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import describe, parse_duration
from mainspring.core.errors import Conflict, UnknownTenant
from mainspring.core.size import parse_size
from mainspring.core.tenant import Tenant, TenantState
from mainspring.operations.operation import Caller, Request, View, operation

_NAME = "the tenant's name"
_REASON = "why; kept with the tenant and in the audit trail"


class TenantRow(View):
    """A tenant in a list. Durations are words that can be given back; None: as tasks and app say, or no quota.

    ``is_moving``: its runs are still being held, let go or taken away; ``purged_at`` is when nothing of a deleted one was left.
    """

    name: str
    title: str
    state: TenantState
    reason: str | None
    completed: str | None
    others: str | None
    max_waiting: int | None
    max_bytes: int | None
    is_moving: bool
    changed_at: datetime | None
    changed_by: str | None
    purged_at: datetime | None


class TenantView(TenantRow):
    """A tenant with what it has. ``is_known``: somebody has said something of it; of any other everything is as usual.

    ``waiting`` is counted up to a bound, ``bytes`` are of its files, large parameters and results among them.
    """

    is_known: bool
    waiting: int
    running: int
    bytes: int
    created_at: datetime | None
    created_by: str | None


class TenantPage(View):
    """Tenants by name; ``next`` is where the following page begins, if there is one."""

    items: list[TenantRow]
    next: str | None


class TenantChanged(View):
    """What became of a tenant. ``moved``: how many waiting runs were held, let go, or taken away at once; the rest follows."""

    name: str
    state: TenantState
    has_changed: bool
    moved: int


class ListRequest(Request):
    """Which tenants."""

    state: TenantState | None = Field(None, description="only those in this state: active, suspended or deleted")
    after: str | None = Field(None, description="only names past this one: the next page")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class TenantRequest(Request):
    """Which tenant."""

    name: str = Field(min_length=1, max_length=200, description=_NAME)


class AddRequest(TenantRequest):
    """Which tenant, and what it is called."""

    title: str | None = Field(None, max_length=200, description="what people call it")
    reason: str | None = Field(None, max_length=2000, description=_REASON)


class StateRequest(TenantRequest):
    """Which tenant, and why."""

    reason: str | None = Field(None, max_length=2000, description=_REASON)


class QuotaRequest(StateRequest):
    """How much of a tenant may wait and lie; what is not given is not limited."""

    waiting: int | None = Field(None, ge=0, description="how many unfinished runs may wait")
    bytes: str | None = Field(None, description="how many bytes its files may have, as 10GB")


class RetentionRequest(StateRequest):
    """How long a tenant's finished runs are kept; what is not given is as tasks and app say."""

    completed: str | None = Field(None, description="runs that completed, as 7d")
    others: str | None = Field(None, description="runs that failed, timed out, were cancelled or skipped, as 30d")


def _row(tenant: Tenant) -> dict[str, object]:
    def words(age: timedelta | None) -> str | None:
        return None if age is None else describe(age)

    return {
        "name": tenant.name, "title": tenant.title, "state": tenant.state, "reason": tenant.reason, "completed": words(tenant.completed),
        "others": words(tenant.others), "max_waiting": tenant.max_waiting, "max_bytes": tenant.max_bytes, "is_moving": tenant.is_moving,
        "changed_at": tenant.changed_at, "changed_by": tenant.changed_by, "purged_at": tenant.purged_at,
    }  # fmt: skip


@operation("tenants.list", of_host=True)
async def list_tenants(app: Mainspring, request: ListRequest, caller: Caller) -> TenantPage:
    """List the tenants of which somebody has said something: those that are suspended or deleted, have a quota, or were added."""
    found = await (await app.store()).tenants.list(state=request.state, after=request.after or "", n=request.limit + 1)
    items = [TenantRow.model_validate(_row(each)) for each in found[: request.limit]]
    return TenantPage(items=items, next=items[-1].name if len(found) > request.limit else None)


@operation("tenants.show")
async def show_tenant(app: Mainspring, request: TenantRequest, caller: Caller) -> TenantView:
    """Show a tenant with what waits and runs, and how much it keeps."""
    scope = caller.user.scope
    if (scope.tenants is not None and request.name not in scope.tenants) or scope.owner is not None:
        raise UnknownTenant(f"there is no tenant named {request.name!r}")
    tenants = (await app.store()).tenants
    known = await tenants.get(request.name)
    has = {"waiting": await tenants.waiting(request.name), "running": await tenants.running(request.name)}
    has["bytes"] = await tenants.bytes(request.name)
    if known is not None:
        made = {"created_at": known.created_at, "created_by": known.created_by}
        return TenantView.model_validate({**_row(known), **has, **made, "is_known": True})
    nothing = dict.fromkeys(TenantView.model_fields)
    return TenantView.model_validate({
        **nothing, **has, "name": request.name, "title": "", "state": TenantState.ACTIVE, "is_moving": False, "is_known": False,
    })  # fmt: skip


@operation("tenants.add", changes="tenant:{name}", needs=Verb.EDIT_SETTINGS)
async def add_tenant(app: Mainspring, request: AddRequest, caller: Caller) -> TenantChanged:
    """Write a tenant down, with a title; others need no row to have runs."""
    if not await (await app.store()).tenants.add(request.name, request.title, actor=caller.actor):
        raise Conflict(f"the tenant {request.name!r} is written down already")
    return TenantChanged(name=request.name, state=TenantState.ACTIVE, has_changed=True, moved=0)


async def _put(app: Mainspring, request: StateRequest, caller: Caller, state: TenantState) -> bool:
    """Let a tenant be in another state; answers whether it was in another before."""
    store = await app.store()
    known = await store.tenants.get(request.name)
    if known is not None and known.state is TenantState.DELETED and state is not TenantState.DELETED:
        raise Conflict(f"the tenant {request.name!r} was deleted, and that is for good: its runs are gone, choose another name")
    was = TenantState.ACTIVE if known is None else known.state
    if was is state:
        return False
    await store.tenants.put_state(request.name, state, actor=caller.actor, reason=request.reason)
    return True


@operation("tenants.suspend", changes="tenant:{name}", dangerous=True, needs=Verb.EDIT_SETTINGS)
async def suspend_tenant(app: Mainspring, request: StateRequest, caller: Caller) -> TenantChanged:
    """Hold a tenant's waiting runs and refuse new ones, until it is restored; what runs goes on to its end."""
    has_changed = await _put(app, request, caller, TenantState.SUSPENDED)
    moved = await (await app.store()).tenants.hold(request.name)
    return TenantChanged(name=request.name, state=TenantState.SUSPENDED, has_changed=has_changed, moved=moved)


@operation("tenants.restore", changes="tenant:{name}", needs=Verb.EDIT_SETTINGS)
async def restore_tenant(app: Mainspring, request: StateRequest, caller: Caller) -> TenantChanged:
    """Let a suspended tenant's runs go on."""
    has_changed = await _put(app, request, caller, TenantState.ACTIVE)
    moved, _ = await (await app.store()).tenants.free(request.name)
    await app.poke()
    return TenantChanged(name=request.name, state=TenantState.ACTIVE, has_changed=has_changed, moved=moved)


@operation("tenants.delete", changes="tenant:{name}", dangerous=True, needs=Verb.EDIT_SETTINGS)
async def delete_tenant(app: Mainspring, request: StateRequest, caller: Caller) -> TenantChanged:
    """Take everything of a tenant away for good: cancel what is unfinished, then delete runs, files and schedules, batch by batch."""
    store = await app.store()
    before = await store.tenants.waiting(request.name)
    has_changed = await _put(app, request, caller, TenantState.DELETED)
    if has_changed:
        await store.tenants.purge(request.name, actor=caller.actor)
        await app.nodes_told()
    return TenantChanged(name=request.name, state=TenantState.DELETED, has_changed=has_changed, moved=before)


@operation("tenants.quota", changes="tenant:{name}", needs=Verb.EDIT_SETTINGS)
async def set_quota(app: Mainspring, request: QuotaRequest, caller: Caller) -> TenantRow:
    """Set how many runs of a tenant may wait, and how many bytes its files may have; what is left out is not limited."""
    tenants = (await app.store()).tenants
    most = None if request.bytes is None else parse_size(request.bytes, "bytes")
    await tenants.set_quota(request.name, max_waiting=request.waiting, max_bytes=most, actor=caller.actor)
    return await _changed(app, request.name)


@operation("tenants.retention", changes="tenant:{name}", needs=Verb.EDIT_SETTINGS)
async def set_retention(app: Mainspring, request: RetentionRequest, caller: Caller) -> TenantRow:
    """Set how long a tenant's finished runs are kept, over what tasks and app say; what is left out is as these say."""
    completed = None if request.completed is None else parse_duration(request.completed, "completed")
    others = None if request.others is None else parse_duration(request.others, "others")
    await (await app.store()).tenants.set_retention(request.name, completed=completed, others=others, actor=caller.actor)
    return await _changed(app, request.name)


async def _changed(app: Mainspring, name: str) -> TenantRow:
    tenant = await (await app.store()).tenants.get(name)
    assert tenant is not None
    return TenantRow.model_validate(_row(tenant))
