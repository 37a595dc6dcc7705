"""What a browser posts: texts as they are, and files that are stored while they arrive, so that none is ever held in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request

from mainspring.app import Mainspring
from mainspring.core.errors import FileRefused
from mainspring.core.file import PLAIN_TYPE, FileLimit
from mainspring.core.form import FormField
from mainspring.operations import files
from mainspring.operations.operation import Caller
from mainspring.web.api.multipart import parts
from mainspring.web.problems import Refused

MOST_BODY = 16 * 2**20  # bytes of a form without files
MOST_FIELDS = 20_000
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")


@dataclass(slots=True)
class Received:
    """What came: texts and handles of files by name, and the files that were not taken, each with its reason."""

    data: dict[str, list[Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return the first text of a name, or nothing."""
        return next((each for each in self.data.get(name, ()) if isinstance(each, str)), "")


async def receive(app: Mainspring, request: Request, specs: Sequence[FormField], caller: Caller) -> Received:
    """Take in a posted form; raises `Refused` for one that is too large, or is none."""
    found = Received()
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "multipart/form-data":
        async for part in parts(request, most=app.settings.max_upload):
            if part.filename is None:
                found.data.setdefault(part.name, []).append(await part.text())
            elif part.filename:
                try:
                    kind = None if part.media_type in (None, PLAIN_TYPE) else part.media_type
                    limit = _limit(find(specs, part.name))
                    file = await files.receive(app, part, caller, name=part.filename, media_type=kind, limit=limit)
                    found.data.setdefault(part.name, []).append(file.as_json())
                except FileRefused as error:
                    found.refused[part.name] = str(error)
        return found
    if media != "application/x-www-form-urlencoded":
        raise Refused("unsupported-media-type", "a form is sent as multipart/form-data or application/x-www-form-urlencoded")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            raise Refused("payload-too-large", f"a form without files has at most {MOST_BODY} bytes")
    try:
        for name, text in parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS):
            found.data.setdefault(name, []).append(text)
    except ValueError:
        raise Refused("malformed", "the form is not understood") from None
    return found


def find(specs: Sequence[FormField], name: str) -> FormField | None:
    """Return the field that a control's name is of, or None."""
    at: FormField | None = None
    inside = specs
    for step in _STEP.finditer(name):
        if step[1] is not None:
            if at is None:
                return None
            number = int(step[1])
            if at.widget == "variants":
                inside = at.variants[number].fields if number < len(at.variants) else ()
            elif at.item is not None:
                at = at.item
                inside = at.fields
        else:
            at = next((each for each in inside if each.name == unquote(step[2])), None)
            if at is None:
                return None
            inside = at.fields
    return at


def _limit(spec: FormField | None) -> FileLimit | None:
    if spec is None or spec.widget != "file":
        raise FileRefused("no file is taken here")
    if not spec.limits.get("max_size") and not spec.limits.get("types"):
        return None
    return FileLimit(max_size=spec.limits.get("max_size"), types=spec.limits.get("types", ()))
