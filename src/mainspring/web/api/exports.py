"""What is stored, as files to take away: runs, a result, a log. Nothing is done again for it, and however much it is, little is held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal

from pydantic import Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from mainspring.app import Mainspring
from mainspring.core.ids import short
from mainspring.operations import export
from mainspring.operations.operation import Request as Asked
from mainspring.operations.runs import RunRequest, show_run
from mainspring.operations.writing import pieces, table_lines, table_of
from mainspring.web.api.endpoint import BASE
from mainspring.web.api.exchange import checked, read_query, stream, who
from mainspring.web.api.files import attachment
from mainspring.web.paths import Handler

GATHERED = 32 * 1024  # characters that are sent together
TYPES = {
    "json": ("application/json", "json"), "ndjson": ("application/x-ndjson", "ndjson"),
    "csv": ("text/csv; charset=utf-8; header=present", "csv"), "text": ("text/plain; charset=utf-8", "log"),
}  # fmt: skip
_FORMS = {"json": "json", "ndjson": "jsonl", "csv": "csv"}


class RunsRequest(export.ExportRequest):
    """Which runs, and how they are written."""

    format: Literal["json", "ndjson", "csv"] = Field("json", description="json, ndjson (one run a line) or csv")


class ResultRequest(Asked):
    """How a result is written."""

    format: Literal["json", "ndjson", "csv"] = Field("json", description="json as it is, ndjson (one item a line) or csv (a table)")


class LogRequest(Asked):
    """How a log is written."""

    format: Literal["ndjson", "text", "json", "csv"] = Field("ndjson", description="ndjson (one line each), text, json or csv")


def handlers(app: Mainspring) -> dict[str, dict[str, Handler]]:
    """Return who answers where."""

    async def runs(request: Request) -> Response:
        asked = checked(RunsRequest, read_query(request, RunsRequest), is_text=True)
        rows = export.runs(app, asked, who(request))
        return await _sent(pieces(rows, _FORMS[asked.format]), asked.format, "runs")

    async def result(request: Request) -> Response:
        asked = checked(ResultRequest, read_query(request, ResultRequest), is_text=True)
        run = await show_run(app, RunRequest(id=request.path_params["id"]), who(request))
        return await _sent(_written(run.result, asked.format), asked.format, f"{run.task}-{short(run.id)}")

    async def log(request: Request) -> Response:
        asked = checked(LogRequest, read_query(request, LogRequest), is_text=True)
        run = await show_run(app, RunRequest(id=request.path_params["id"]), who(request))
        rows = export.log(app, run.id, who(request))
        text = _as_text(rows) if asked.format == "text" else pieces(rows, _FORMS[asked.format])
        return await _sent(text, asked.format, f"{run.task}-{short(run.id)}-log")

    return {
        f"{BASE}/runs/export": {"GET": runs}, f"{BASE}/runs/{{id}}/result": {"GET": result}, f"{BASE}/runs/{{id}}/log": {"GET": log},
    }  # fmt: skip


async def _sent(text: AsyncIterator[str], form: str, name: str) -> Response:
    """Send text as it comes; what goes wrong before its first piece is a problem, and not a file that is cut off."""
    media_type, ending = TYPES[form]
    first = await anext(text, "")

    async def gathered() -> AsyncIterator[bytes]:
        held, size = [first], len(first)
        async for piece in text:
            held.append(piece)
            size += len(piece)
            if size >= GATHERED:
                yield "".join(held).encode()
                held, size = [], 0
        if held:
            yield "".join(held).encode()

    headers = {
        "Content-Disposition": attachment(f"{name}.{ending}"), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    return stream(gathered(), headers, media_type)


async def _written(value: Any, form: str) -> AsyncIterator[str]:
    """Yield a stored value as text."""
    if form == "json":
        yield to_json(value, indent=2).decode() + "\n"
        return
    lines: Iterable[str]
    if form == "csv":
        lines = table_lines(*table_of(value))
    else:
        lines = (to_json(each).decode() + "\n" for each in (value if isinstance(value, list) else [value]))
    for each in lines:
        yield each


async def _as_text(rows: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    async for row in rows:
        message = row["message"] if row["message"] is not None else f"({row['dropped']} lines dropped)"
        yield f"{row['at']} {(row['level'] or '').upper():8} {message}\n"
