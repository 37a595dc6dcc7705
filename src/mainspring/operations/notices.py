"""Verbs about notices: what schedules, services, nodes and pulses have to tell."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.notice import Severity
from mainspring.operations.operation import Caller, Request, View, operation

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
    found = await (await app.store()).notices.list(
        object_=request.object, kind=request.kind, severity_from=Severity[request.severity.upper()], before=request.before, n=request.limit
    )
    items = [
        NoticeRow.model_validate({
            "id": each.id, "at": each.at, "severity": str(each.severity), "object": each.object, "kind": each.kind, "run_id": each.run_id,
            "data": dict(each.data),
        })
        for each in found
    ]  # fmt: skip
    return NoticePage(items=items, next=items[-1].id if len(items) == request.limit else None)
