"""Verbs about notices: what schedules, services, nodes and pulses have to tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.notice import Notice, Severity
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.store.store import Store

SeverityWord = Literal["info", "warning", "alert"]


class NoticeRow(View):
    """One fact: ``object`` is what it is about (``schedule:NAME``, ``run:ID`` …), ``kind`` a code, ``data`` its values."""

    id: int
    at: datetime
    severity: SeverityWord
    object: str
    kind: str
    run_id: str | None
    data: dict[str, Any]


class NoticePage(View):
    """Notices, newest first; ``next`` is where the following page begins, if there is one."""

    items: list[NoticeRow]
    next: int | None


class NoticesRequest(Request):
    """Which notices."""

    object: str | None = Field(None, description="only about this, as schedule:NAME, service:NAME, node:NAME, task:NAME, run:ID")
    kind: str | None = Field(None, description="only of this kind, as schedule_orphaned")
    severity: SeverityWord = Field("info", description="only as bad as this, or worse")
    before: int | None = Field(None, description="only notices before this number: the next page")
    limit: int = Field(50, ge=1, le=1000, description="how many at most")


@operation("notices.list")
async def list_notices(app: Mainspring, request: NoticesRequest, caller: Caller) -> NoticePage:
    """List what schedules, services, nodes and pulses have to tell, newest first."""
    store = await app.store()
    found = await store.notices.list(
        object_=request.object, kind=request.kind, severity_from=Severity[request.severity.upper()], before=request.before, n=request.limit
    )
    items = [
        NoticeRow.model_validate({
            "id": each.id, "at": each.at, "severity": str(each.severity), "object": each.object, "kind": each.kind, "run_id": each.run_id,
            "data": dict(each.data),
        })
        for each in await _seen(store, found, caller)
    ]  # fmt: skip
    return NoticePage(items=items, next=found[-1].id if len(found) == request.limit else None)


async def _seen(store: Store, found: Sequence[Notice], caller: Caller) -> Sequence[Notice]:
    """Return those notices that a caller may see: people of one tenant those about their runs, and nobody those about hidden tasks."""
    scope = caller.scope
    if scope.is_everything:
        return found
    runs = await store.runs.get_many([each.run_id for each in found if each.run_id is not None], scope=scope)
    is_hosts = scope.tenants is None and scope.owner is None
    return [
        each for each in found
        if each.run_id in runs or (is_hosts and each.run_id is None and each.object.removeprefix("task:") not in scope.hidden)
    ]  # fmt: skip
