"""Error records: what is kept of an exception, bounded, whatever the exception does when it is looked at."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from hashlib import blake2b
from types import TracebackType
from typing import Any

from mainspring.core.run import ErrorKind

MOST_MESSAGE = 4_000  # characters: enough for a pydantic error, too few to flood a row
MOST_TRACEBACK = 16_000
MOST_FRAMES = 60  # of one exception; of a deeper stack both ends are kept
MOST_CAUSES = 8
_USER_FRAMES = 3  # of the innermost frames of the user, as many make the fingerprint

_HERE = os.path.dirname(os.path.abspath(__file__))
_NOT_THE_USERS = tuple({os.path.dirname(_HERE), *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))})


def error_record(error: BaseException, kind: ErrorKind, task: str, *, message: str | None = None) -> dict[str, Any]:
    """Return what is stored of an error, bounded; equal errors of a task share the fingerprint."""
    chain = list(_chain(error))
    return {
        "kind": str(kind),
        "type": type(error).__name__,
        "class": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": shorten(said_by(error) if message is None else message, MOST_MESSAGE),
        "traceback": keep_ends("".join(_format(chain)), MOST_TRACEBACK),
        "causes": [{"type": type(each).__name__, "message": shorten(said_by(each), MOST_MESSAGE)} for each, _ in chain[1:]],
        "fingerprint": fingerprint(error, task),
    }


def plain_error(kind: ErrorKind, type_: str, message: str, task: str) -> dict[str, Any]:
    """Return the record of something that no exception tells of, such as the death of an executor."""
    mark = blake2b(f"{task}\0{type_}".encode(), digest_size=8).hexdigest()
    return {"kind": str(kind), "type": type_, "message": message, "traceback": "", "causes": [], "fingerprint": mark}


def said_by(error: BaseException) -> str:
    """Return an exception's text, even of one whose ``__str__`` raises."""
    if isinstance(error, SystemExit):
        return f"the body called sys.exit({_text(error.code)})"
    try:
        text = str(error)
    except Exception as other:  # noqa: BLE001 - __str__ of a user's exception is user code
        return f"<no text: {type(other).__name__} in its __str__>"
    return text


def fingerprint(error: BaseException, task: str) -> str:
    """Return a short hash of task, type and innermost frames of the user, without lines, so that an edit keeps it."""
    frames = [(code.co_filename, code.co_name) for code in (each.tb_frame.f_code for each in _walk(error.__traceback__))]
    users = [frame for frame in frames if not frame[0].startswith(_NOT_THE_USERS)] or frames
    where = [f"{os.path.basename(file)}:{name}" for file, name in users[-_USER_FRAMES:]]
    said = "\0".join([task, f"{type(error).__module__}.{type(error).__qualname__}", *where])
    return blake2b(said.encode("utf-8", "replace"), digest_size=8).hexdigest()


def shorten(text: str, most: int) -> str:
    """Return a text of at most so many characters, with a mark that says how many are missing."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… [{len(text) - most} more characters]"


def keep_ends(text: str, most: int) -> str:
    """Return a text of about so many characters: its head, and its longer tail, where the error stands."""
    if len(text) <= most:
        return text
    head, tail = most // 4, most - most // 4
    return f"{text[:head]}\n… [{len(text) - most} characters] …\n{text[-tail:]}"


def user_frame(frame: Any) -> str:
    """Return ``file:line in function`` of the innermost frame of the user above a frame, else of the frame itself."""
    found = frame
    while found is not None and found.f_code.co_filename.startswith(_NOT_THE_USERS):
        found = found.f_back
    shown = found or frame
    return f"{shown.f_code.co_filename}:{shown.f_lineno} in {shown.f_code.co_name}"


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield the error and its causes, each with the sentence that ties it to the one before; circles end."""
    seen: set[int] = set()
    current, tie = error, ""
    while id(current) not in seen and len(seen) <= MOST_CAUSES:
        seen.add(id(current))
        yield current, tie
        if isinstance(current, BaseExceptionGroup):
            for each in current.exceptions[:MOST_CAUSES]:
                if id(each) not in seen:
                    seen.add(id(each))
                    yield each, "It held this exception:"
        if current.__cause__ is not None:
            current, tie = current.__cause__, "The above exception was caused by this one:"
        elif current.__context__ is not None and not current.__suppress_context__:
            current, tie = current.__context__, "The above exception was raised while this one was handled:"
        else:
            return


def _format(chain: list[tuple[BaseException, str]]) -> Iterator[str]:
    for error, tie in chain:
        if tie:
            yield f"\n{tie}\n\n"
        frames = list(_walk(error.__traceback__))
        if frames:
            yield "Traceback (most recent call last):\n"
            yield from _stack(frames)
        yield f"{type(error).__qualname__}: {shorten(said_by(error), MOST_MESSAGE)}\n"
        for note in getattr(error, "__notes__", None) or ():
            yield f"{shorten(_text(note), MOST_MESSAGE)}\n"


def _stack(frames: list[TracebackType]) -> Iterator[str]:
    half = MOST_FRAMES // 2
    parts = [frames] if len(frames) <= MOST_FRAMES else [frames[:half], frames[-half:]]
    for number, part in enumerate(parts):
        if number:
            yield f"  … [{len(frames) - MOST_FRAMES} frames] …\n"
        try:
            yield from traceback.StackSummary.extract((each.tb_frame, each.tb_lineno) for each in part).format()
        except Exception as error:  # noqa: BLE001 - source lines come from the user's loaders
            yield f"  <no frames: {type(error).__name__}>\n"


def _walk(tb: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the traceback's entries without the engine's own: how it got there helps nobody."""
    deepest = 2 * sys.getrecursionlimit()
    while tb is not None and deepest:
        if not tb.tb_frame.f_code.co_filename.startswith(_HERE):
            yield tb
        tb, deepest = tb.tb_next, deepest - 1


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - __str__ of a user's object is user code
        return f"<no text: {type(error).__name__}>"
