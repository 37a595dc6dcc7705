"""The log of a run for who wants it at once: the last lines for a page, and all of it as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mainspring.core.errors import InvalidParams, Problem
from mainspring.core.event import Event, EventKind
from mainspring.operations.live import Watched, find_watched, read_events, read_tail
from mainspring.operations.operation import Caller
from mainspring.web.access import caller_of
from mainspring.web.live import ansi
from mainspring.web.live.messages import encode, lines_in, milliseconds

if TYPE_CHECKING:
    from mainspring.web.site import Site

FIRST_PAINT = 500  # lines that a page brings along
PAGE = 1000  # events that are read for a file at once
STATES = (
    "started", "retry_scheduled", "snoozed", "released", "lost", "blocked", "cancel_requested", "completed", "failed", "timed_out",
    "cancelled", "skipped",
)  # fmt: skip
"""Events that a log shows between its lines."""
WORDS = ("fetch", "skip", "gap", "dropped", "newer", "latest", "earlier")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a log on a page; its pieces have classes. ``dropped`` lines are missing in its place where it is none."""

    seq: int
    at_ms: int
    level: str
    stream: str
    pieces: Sequence[tuple[str, str]]
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of a run, with the numbers of the events around them: those to ``after`` lie before, up to ``last`` it goes."""

    run_id: str
    rows: Sequence[Row]
    after: int
    last: int
    is_final: bool
    is_latest: bool


async def tail_of(site: Site, run_id: str, caller: Caller, *, lines: int = FIRST_PAINT, before: int | None = None) -> Tail:
    """Return the last lines of a run, or those before a number, for `log_view` of ``macros/log.html``. Raises `UnknownRun`, `Forbidden`."""
    watched = await find_watched(site.app, run_id, caller)
    events = await read_tail(site.app, watched, lines=lines, before=before)
    styles: dict[str, ansi.Style] = {}
    rows = [_row(each, styles) for each in lines_in(events)]
    after = events[0].seq - 1 if events else max(0, (before or watched.seq + 1) - 1)
    return Tail(watched.id, rows, after, events[-1].seq if events else after, watched.is_final, before is None)


def _row(event: Event, styles: dict[str, ansi.Style]) -> Row:
    data = event.data
    if event.kind is EventKind.GAP:
        return Row(event.seq, milliseconds(event.at), "warning", "log", (), int(data.get("dropped", 0)))
    stream = data.get("stream", "log")
    pieces = tuple(ansi.spans(data.get("message", ""), styles.setdefault(stream, {})))
    return Row(event.seq, milliseconds(event.at), data.get("level", "info"), stream, pieces)


def _as_text(event: Event) -> str:
    return f"{ansi.plain(event.data.get('message', ''))}\n" if event.kind is EventKind.LOG else _missing(event)


def _as_ansi(event: Event) -> str:
    return f"{ansi.coloured(event.data.get('message', ''))}\x1b[0m\n" if event.kind is EventKind.LOG else _missing(event)


def _missing(event: Event) -> str:
    return f"[… {event.data.get('dropped', 0)}]\n"


def _as_object(event: Event) -> str:
    told = {"seq": event.seq, "at": event.at, "attempt": event.attempt, "kind": event.kind.value, **event.data}
    return f"{encode(told)}\n"


FORMS: dict[str, tuple[Callable[[Event], str], str, str]] = {
    "text": (_as_text, "log", "text/plain; charset=utf-8"),
    "ansi": (_as_ansi, "ansi", "text/plain; charset=utf-8"),
    "ndjson": (_as_object, "ndjson", "application/x-ndjson"),
}


class Logs:
    """Answers for files of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def download(self, request: Request) -> Response:
        """Answer ``GET /runs/{id}/log?as=text|ansi|ndjson``: all lines so far as a file, in constant memory."""
        wanted = request.query_params.get("as", "text")
        if wanted not in FORMS:
            raise InvalidParams("wrong form", [Problem("as", f"is to be one of {', '.join(FORMS)}", wanted)])
        form, ending, media_type = FORMS[wanted]
        watched = await find_watched(self._site.app, request.path_params["id"], caller_of(request))
        headers = {
            "Content-Disposition": f'attachment; filename="{watched.id}.{ending}"', "Content-Security-Policy": "sandbox",
            "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
        }  # fmt: skip
        return StreamingResponse(self._pieces(watched, form), media_type=media_type, headers=headers)

    async def _pieces(self, watched: Watched, form: Callable[[Event], str]) -> AsyncIterator[str]:
        after = 0
        while after < watched.seq:
            events = await read_events(self._site.app, watched, after, PAGE, over_gap=watched.is_final)
            if not events:
                return
            after = events[-1].seq
            if text := "".join(form(each) for each in lines_in(events)):
                yield text
