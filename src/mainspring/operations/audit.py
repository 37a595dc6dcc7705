"""Verbs about the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import parse_duration
from mainspring.operations.operation import Caller, Request, View, operation


class AuditRow(View):
    """Who did what, to which object, by which door, when and why. ``is_refused``: it was asked for and not done."""

    id: int
    at: datetime
    actor: str | None
    verb: str
    object: str
    source: str
    reason: str | None
    is_refused: bool
    data: dict[str, Any] | None


class AuditPage(View):
    """Audit rows, newest first; ``next`` is where the following page begins, if there is one."""

    items: list[AuditRow]
    next: int | None


class AuditRequest(Request):
    """Which rows."""

    object: str | None = Field(None, description="only this object, as run:ID, queue:NAME, task:NAME")
    actor: str | None = Field(None, description="only by this actor")
    verb: str | None = Field(None, description="only this verb, as runs.cancel")
    source: str | None = Field(None, description="only by this door, as cli")
    since: str | None = Field(None, description="only of the last while, as 1h")
    before: int | None = Field(None, description="only rows before this number: the next page")
    limit: int = Field(50, ge=1, le=1000, description="how many at most")


@operation("audit.list", needs=Verb.VIEW_AUDIT)
async def list_audit(app: Mainspring, request: AuditRequest, caller: Caller) -> AuditPage:
    """List who did what, to which object and why, newest first."""
    store = await app.store()
    since = None if request.since is None else await store.database.now() - parse_duration(request.since, "since")
    rows = await store.audit.page(
        object_=request.object, actor=request.actor, verb=request.verb, source=request.source, since=since, n=request.limit,
        before=2**62 if request.before is None else request.before, scope=caller.scope,
    )  # fmt: skip
    items = [AuditRow.model_validate({**row, "is_refused": bool((row["data"] or {}).get("refused"))}) for row in rows]
    return AuditPage(items=items, next=items[-1].id if len(items) == request.limit else None)
