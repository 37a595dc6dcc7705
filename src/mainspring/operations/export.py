"""Streams out of the store: some runs for a spreadsheet or a script, or everything, as the way out. No operations: an answer has no end.

Nothing is held but a page at a time, and nothing is locked: what changes meanwhile is in it as it was when its page was read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.errors import Forbidden
from mainspring.core.event import EventKind
from mainspring.core.version import VERSION
from mainspring.operations.live import must_look
from mainspring.operations.operation import Caller, settled
from mainspring.operations.permit import is_host, may
from mainspring.operations.run_search import wanted_of
from mainspring.operations.runs import FilterRequest, run_view
from mainspring.store.export import SMALL

FORMAT = 1  # of the lines: it grows when a key goes or changes its meaning
PAGE = 500


class ExportRequest(FilterRequest):
    """Which runs."""

    limit: int | None = Field(None, ge=1, description="how many at most; all, when it is not given")


async def runs(app: Mainspring, request: ExportRequest, caller: Caller) -> AsyncIterator[dict[str, Any]]:
    """Yield runs as plain values, newest first."""
    must_look(caller)
    caller = await settled(app, caller)
    store = await app.store()
    wanted = await wanted_of(app, store, request, caller)
    left = request.limit
    walk = store.run_lists.walk(wanted.filter, scope=caller.scope, together=PAGE, terms=wanted.terms, errors=wanted.errors)
    async for ids in walk:
        page = await store.runs.get_with_claim(ids[:left], scope=caller.scope)
        for run, _ in sorted(page, key=lambda each: each[0].id, reverse=True):
            yield run_view(run, app, shows=may(app, caller.user, Verb.PAYLOAD, run.task, owner=run.actor)).model_dump(mode="json")
        left = None if left is None else left - len(ids)
        if left is not None and left <= 0:
            return


async def log(app: Mainspring, run_id: str, caller: Caller) -> AsyncIterator[dict[str, Any]]:
    """Yield the lines of a run's log, with their numbers; where lines are missing, one says how many were ``dropped``."""
    must_look(caller)
    caller = await settled(app, caller)
    events, after = (await app.store()).events, 0
    while page := await events.after(run_id, after, PAGE, scope=caller.scope):
        for event in page:
            if event.kind in (EventKind.LOG, EventKind.GAP):
                yield {
                    "seq": event.seq, "at": event.at.isoformat(), "attempt": event.attempt, "level": event.data.get("level"),
                    "stream": event.data.get("stream"), "message": event.data.get("message"), "dropped": event.data.get("dropped"),
                }  # fmt: skip
        after = page[-1].seq


async def everything(app: Mainspring, caller: Caller) -> AsyncIterator[dict[str, Any]]:
    """Yield a header, every run, try, event, audit row and small thing, and an end that counts them: without it, the export was cut off."""
    if not is_host(caller):
        raise Forbidden(f"{caller.user.name!r} sees a part of the store only: everything can be exported by the host's people")
    store = await app.store()
    status = await store.migrations.status()
    yield {
        "record": "header", "format": FORMAT, "mainspring": VERSION, "schema": status.applied, "database": store.database.dialect,
        "exported_at": (await store.database.now()).isoformat(),
    }  # fmt: skip
    counts: dict[str, int] = {}
    parts = {"run": store.export.runs(), "attempt": store.export.attempts(), "event": store.export.events(), "audit": store.export.audit()}
    parts |= {record: store.export.small(query) for record, query in SMALL.items()}
    for record, rows in parts.items():
        counts[record] = 0
        async for row in rows:
            counts[record] += 1
            yield {"record": record, **row}
    yield {"record": "end", "counts": counts}
