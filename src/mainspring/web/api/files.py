"""Files: taken in as they arrive, given out piece by piece, and never shown as a page of this site."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import BinaryIO
from urllib.parse import quote

from pydantic import Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from mainspring.app import Mainspring
from mainspring.core.file import File, FileLimit
from mainspring.operations import files
from mainspring.operations.operation import Request as Asked
from mainspring.operations.operation import View
from mainspring.web.api.endpoint import BASE
from mainspring.web.api.exchange import as_json, checked, media_of, no_query, read_query, stream, unless_known, who
from mainspring.web.api.multipart import Part, parts
from mainspring.web.api.once import once
from mainspring.web.paths import Handler
from mainspring.web.problems import Refused, fault

PIECE = 256 * 1024  # bytes of one read
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_PLAIN = re.compile(r"[A-Za-z0-9._ -]{1,150}")
SANDBOX = "sandbox; default-src 'none'"  # whatever is in it, it is no page of ours


class FileView(View):
    """A file that was taken in, as the handle that a parameter takes; ``size`` is in bytes."""

    id: str
    name: str
    size: int
    media_type: str
    sha256: str


class FileList(View):
    """The files of a form, in its order. They are swept after a day, unless a run holds them by then."""

    items: list[FileView]


class UploadRequest(Asked):
    """What the files are for; their size and type are checked by what the parameter takes, before and while they arrive."""

    task: str | None = Field(None, description="the task that is to have them")
    parameter: str | None = Field(None, description="its parameter")


def handlers(app: Mainspring) -> dict[str, dict[str, Handler]]:
    """Return who answers where."""

    async def put(request: Request) -> Response:
        asked = checked(UploadRequest, read_query(request, UploadRequest), is_text=True)
        if (asked.task is None) != (asked.parameter is None):
            missing = "task" if asked.task is None else "parameter"
            raise Refused("invalid-params", "a parameter belongs to a task", [fault(missing, "is missing")])
        if media_of(request) != "multipart/form-data":
            raise Refused("unsupported-media-type", "files are sent as multipart/form-data", headers={"Accept-Post": "multipart/form-data"})
        limit = None
        if asked.task is not None and asked.parameter is not None:
            limit = files.limit_of(app, asked.task, asked.parameter, who(request))
        taken = []
        async for part in parts(request, most=app.settings.max_upload):
            if part.filename is None:
                raise Refused("invalid-params", "only files are taken here", [fault(part.name, "is no file: give it a file name")])
            taken.append(await take(app, request, part, limit))
        if not taken:
            raise Refused("invalid-params", "there is no file in the form", [fault("", "is empty")])

        async def perform(run_id: str | None) -> Response:
            return as_json(request, FileList(items=[FileView(**each.as_json()) for each in taken]), 201)

        return await once(app, request, told_by_content(taken), perform)

    async def give_artifact(request: Request) -> Response:
        no_query(request)
        found = await files.artifact(app, request.path_params["id"], request.path_params["name"], who(request))
        return await give(request, found)

    async def give_file(request: Request) -> Response:
        no_query(request)
        return await give(request, await files.file(app, request.path_params["id"], who(request)))

    return {
        f"{BASE}/files": {"POST": put},
        f"{BASE}/files/{{id}}": {"GET": give_file},
        f"{BASE}/runs/{{id}}/artifacts/{{name}}": {"GET": give_artifact},
    }


async def take(app: Mainspring, request: Request, part: Part, limit: FileLimit | None) -> File:
    """Take in the file that a part is."""
    return await files.receive(
        app, part, who(request), name=part.filename or part.name, media_type=_named_type(part.media_type), limit=limit
    )  # fmt: skip


def _named_type(media_type: str | None) -> str | None:
    """Return what the sender says, unless that is what is said where nothing is known."""
    return None if media_type in (None, "application/octet-stream") else media_type


def told_by_content(taken: list[File]) -> bytes:
    """Return what files are, whatever their ids: who sends them again sends the same."""
    return to_json([[each.name, each.size, each.sha256] for each in taken])


# -- giving out --------------------------------------------------------------------------------------------------------


def attachment(name: str) -> str:
    """Return the header that saves an answer under a name (RFC 6266)."""
    if _PLAIN.fullmatch(name):
        return f'attachment; filename="{name}"'
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:150]
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def give(request: Request, file: File) -> Response:
    """Answer with the content of a file, or with the range of it that is asked for."""
    tag = f'"{file.sha256}"'
    headers = {
        "Content-Disposition": attachment(file.name), "Content-Security-Policy": SANDBOX, "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-cache", "Cross-Origin-Resource-Policy": "same-origin",
    }  # fmt: skip
    first, last, status = 0, file.size - 1, 200
    wanted = request.headers.get("range")
    if wanted is not None and request.headers.get("if-range") in (None, tag) and (found := _RANGE.fullmatch(wanted.strip())) is not None:
        first, last = _span(found[1], found[2], file.size)
        status = 206
        headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    headers["Content-Length"] = str(last - first + 1)
    bare = Response(status_code=status, headers=headers, media_type=file.media_type)
    if (known := unless_known(request, bare, tag)) is not bare or request.method == "HEAD":
        return known
    content = await asyncio.to_thread(file.open)  # before anything is said: it may be gone
    response = stream(_pieces(content, first, last - first + 1), headers, file.media_type)
    response.status_code = status
    return response


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    start = int(first) if first else max(size - int(last or 0), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end or (not first and not last):
        raise Refused("range-not-satisfiable", f"there are {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return start, end


async def _pieces(content: BinaryIO, start: int, left: int) -> AsyncIterator[bytes]:
    try:
        if start:
            await asyncio.to_thread(content.seek, start)
        while left > 0 and (piece := await asyncio.to_thread(content.read, min(PIECE, left))):
            left -= len(piece)
            yield piece
    finally:
        content.close()
