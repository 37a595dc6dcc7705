"""The tap: everything that happens, as one stream. Facts of schedules, services and nodes, what people did, and the life of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Scope, Verb
from mainspring.core.notice import Severity
from mainspring.core.run import Run
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.store.store import Store

Source = Literal["run", "notice", "audit"]


class TapEvent(View):
    """One thing that happened: ``kind`` is a code, ``object`` what it happened to, ``who`` the actor, ``data`` its values."""

    at: datetime
    source: Source
    kind: str
    object: str
    severity: Literal["info", "warning", "alert"]
    who: str | None
    run_id: str | None
    data: dict[str, Any]


class TapPage(View):
    """The latest that happened, newest first."""

    items: list[TapEvent]


class TapRequest(Request):
    """What is to be seen."""

    source: list[Source] | None = Field(None, description="only of these: run, notice, audit; may be repeated")
    text: str | None = Field(None, max_length=200, description="only where this is in kind, object or actor")
    severity: Literal["info", "warning", "alert"] = Field("info", description="only as bad as this, or worse")
    limit: int = Field(100, ge=1, le=500, description="how many at most")


@operation("events.list", needs=Verb.TAP)
async def list_events(app: Mainspring, request: TapRequest, caller: Caller) -> TapPage:
    """List the latest of everything that happened: to runs, schedules, services and nodes, and what people did."""
    store, wanted = await app.store(), request.source or ["run", "notice", "audit"]
    n = request.limit if request.text is None else 500
    found: list[TapEvent] = []
    if "notice" in wanted and caller.scope.is_everything:
        found += await _notices(store, n, request.severity)
    if "audit" in wanted and caller.user.may(Verb.VIEW_AUDIT):
        found += await _audit(store, n, caller.scope)
    if "run" in wanted:
        found += [event for run in await store.runs.page(n=min(n, 200), scope=caller.scope) for event in _life(run)]
    worst = ("info", "warning", "alert")
    found = [each for each in found if worst.index(each.severity) >= worst.index(request.severity) and _says(each, request.text)]
    return TapPage(items=sorted(found, key=lambda each: each.at, reverse=True)[: request.limit])


def _says(event: TapEvent, text: str | None) -> bool:
    return text is None or text.strip().lower() in f"{event.kind} {event.object} {event.who or ''}".lower()


async def _notices(store: Store, n: int, severity: str) -> list[TapEvent]:
    found = await store.notices.list(severity_from=Severity[severity.upper()], n=n)
    return [
        TapEvent.model_validate({
            "at": each.at, "source": "notice", "kind": each.kind, "object": each.object, "severity": str(each.severity), "who": None,
            "run_id": each.run_id, "data": dict(each.data),
        })
        for each in found
    ]  # fmt: skip


async def _audit(store: Store, n: int, scope: Scope) -> list[TapEvent]:
    return [
        TapEvent.model_validate({
            "at": row["at"], "source": "audit", "kind": row["verb"], "object": row["object"],
            "severity": "warning" if (row["data"] or {}).get("refused") else "info", "who": row["actor"], "run_id": None,
            "data": {**(row["data"] or {}), **({"reason": row["reason"]} if row["reason"] else {}), "by": row["source"]},
        })
        for row in await store.audit.page(n=n, scope=scope)
    ]  # fmt: skip


def _life(run: Run) -> list[TapEvent]:
    """Return what the columns of a run tell: it came, it started, it ended."""

    def event(at: datetime | None, kind: str, who: str | None = None, severity: str = "info", **data: Any) -> TapEvent | None:
        if at is None:
            return None
        return TapEvent.model_validate({
            "at": at, "source": "run", "kind": f"run.{kind}", "object": f"task:{run.task}", "severity": severity, "who": who,
            "run_id": run.id, "data": {name: value for name, value in data.items() if value is not None},
        })  # fmt: skip

    severity = "warning" if run.state in (RunState.FAILED, RunState.TIMEOUT) else "info"
    steps = (
        event(run.created_at, "enqueued", run.actor), event(run.started_at, "started", attempt=run.attempt),
        event(run.finished_at, str(run.state), severity=severity, reason=run.reason),
    )  # fmt: skip
    return [each for each in steps if each is not None]
