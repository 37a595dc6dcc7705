"""Verbs about owners: the people whose runs and schedules go on with their rights, and what is held because these are gone."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import UserRole, Verb
from mainspring.core.errors import NotFound
from mainspring.engine.steward import settle_owner
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.store.owners import Owner


class OwnerRow(View):
    """Somebody who has started something, with the rights that are known last; ``tenants`` None: all.

    ``lost_at``: since then they may do less than they once could, and something of theirs is held; ``is_gone``: nothing at all.
    """

    name: str
    kind: str
    role: UserRole
    tenants: list[str] | None
    teams: list[str]
    seen_at: datetime
    lost_at: datetime | None
    is_gone: bool
    reason: str | None


class OwnerPage(View):
    """People by name; ``next`` is where the following page begins, if there is one."""

    items: list[OwnerRow]
    next: str | None


class OwnerGone(View):
    """Who is gone, and how many waiting runs are held because of that."""

    name: str
    has_changed: bool
    held: int


class OwnersRequest(Request):
    """Which people."""

    after: str | None = Field(None, description="only names past this one: the next page")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class OwnerRequest(Request):
    """Who, and why."""

    name: str = Field(min_length=1, max_length=200, description="the name under which they have started runs")
    reason: str | None = Field(None, max_length=2000, description="why; kept with them and in the audit trail")


def _row(owner: Owner) -> OwnerRow:
    user = owner.user
    return OwnerRow(
        name=user.name, kind=user.kind, role=user.role, tenants=None if user.tenants is None else sorted(user.tenants),
        teams=sorted(user.teams), seen_at=owner.seen_at, lost_at=owner.lost_at, is_gone=owner.is_gone, reason=owner.reason,
    )  # fmt: skip


@operation("owners.list", needs=Verb.MANAGE_ACCESS)
async def list_owners(app: Mainspring, request: OwnersRequest, caller: Caller) -> OwnerPage:
    """List the people who have started something, with the rights that their runs and schedules have."""
    found = await (await app.store()).owners.list(after=request.after or "", n=request.limit + 1)
    items = [_row(each) for each in found[: request.limit]]
    return OwnerPage(items=items, next=items[-1].name if len(found) > request.limit else None)


@operation("owners.gone", changes="owner:{name}", dangerous=True, needs=Verb.MANAGE_ACCESS)
async def say_gone(app: Mainspring, request: OwnerRequest, caller: Caller) -> OwnerGone:
    """Say that somebody of another house is gone: their waiting runs are held and their schedules paused, until they come again."""
    store = await app.store()
    known = await store.owners.get(request.name)
    if known is None:
        raise NotFound(f"nobody called {request.name!r} has started anything here")
    has_changed = await store.owners.gone(request.name, reason=request.reason, actor=caller.actor)
    owner = await store.owners.get(request.name)
    assert owner is not None
    await settle_owner(store, {task.name: task for task in app.registry}, owner)
    held = 0
    after: str | None = None
    while runs := await store.owners.runs_of(request.name, after):
        held, after = held + sum(run.is_held for run in runs), runs[-1].id
    return OwnerGone(name=request.name, has_changed=has_changed, held=held)
