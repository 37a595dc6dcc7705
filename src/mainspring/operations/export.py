"""Streams out of the store: some runs for a spreadsheet or a script, or everything, as the way out. No operations: an answer has no end.

Nothing is held but a page at a time, and nothing is locked: what changes meanwhile is in it as it was when its page was read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.duration import parse_duration
from mainspring.core.ids import first_id_of
from mainspring.core.state import RunState
from mainspring.core.version import VERSION
from mainspring.operations.operation import Request
from mainspring.operations.runs import run_view
from mainspring.store.export import SMALL

FORMAT = 1  # of the lines: it grows when a key goes or changes its meaning
PAGE = 500


class ExportRequest(Request):
    """Which runs."""

    state: list[RunState] | None = Field(None, description="only runs in this state; may be repeated")
    task: str | None = Field(None, description="only runs of this task")
    queue: str | None = Field(None, description="only runs of this queue")
    label: str | None = Field(None, description="only runs with this label")
    since: str | None = Field(None, description="only runs made in the last while, as 7d")
    limit: int | None = Field(None, ge=1, description="how many at most; all, when it is not given")


async def runs(app: Mainspring, request: ExportRequest) -> AsyncIterator[dict[str, Any]]:
    """Yield runs as plain values, newest first."""
    store = await app.store()
    since = None
    if request.since is not None:
        since = first_id_of(await store.database.now() - parse_duration(request.since, "since"))
    left, before = request.limit, None
    while True:
        n = PAGE if left is None else min(PAGE, left)
        page = await store.runs.page(
            states=request.state or None, task=request.task, queue=request.queue, label=request.label, before=before, n=n
        )
        for run in page:
            if since is not None and run.id < since:
                return
            yield run_view(run, app).model_dump(mode="json")
        left = None if left is None else left - len(page)
        if len(page) < n or left == 0:
            return
        before = page[-1].id


async def everything(app: Mainspring) -> AsyncIterator[dict[str, Any]]:
    """Yield a header, every run, try, event, audit row and small thing, and an end that counts them: without it, the export was cut off."""
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
