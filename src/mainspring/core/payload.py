"""Payloads: the JSON text of parameters and results, how large it may be, and what stands in its place when it lies among the files.

That is ``@`` and the file as JSON: no JSON text begins like this, so nothing that a body returns can be taken for it.
"""

from __future__ import annotations

import json

from mainspring.core.errors import PayloadTooLarge
from mainspring.core.file import File
from mainspring.core.size import describe_size

HARD_CAP = 64 * 2**20  # bytes, wherever it lies: it passes through memory and one frame as a whole
_MARK = "@"


def is_reference(text: str | None) -> bool:
    """Tell whether a stored text stands for one that lies among the files."""
    return text is not None and text[:1] == _MARK


def to_reference(file: File) -> str:
    """Return what stands for a text that lies in a file."""
    return _MARK + json.dumps(file.as_json(), separators=(",", ":"), ensure_ascii=False)


def reference_of(text: str) -> File:
    """Return the file in which the text lies."""
    return File(**json.loads(text[1:]))


def check_payload(what: str, size: int, cap: int, *, spills: bool) -> None:
    """Raise `PayloadTooLarge` for a text of ``size`` bytes past the cap: the hard one, where larger ones go among the files."""
    if size <= (HARD_CAP if spills else cap):
        return
    remedy = "hand the data over as a File, or as a reference to where it lies"
    if not spills and size <= HARD_CAP:
        remedy += "; or set MAINSPRING_SPILL=true, which puts it among the files, or a larger MAINSPRING_MAX_PAYLOAD"
    raise PayloadTooLarge(f"{what} has {describe_size(size)}, {describe_size(HARD_CAP if spills else cap)} at most are taken: {remedy}")
