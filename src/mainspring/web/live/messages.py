"""Messages: what viewers are told of a run. The same objects travel by socket, by server-sent events and by polling.

A frame is one text: ``{"t": topic, "m": [message, …]}``. Every message has a kind ``k``; those that stand for events say with ``s`` which
number is the (first) one of theirs. ``docs/guides/live.md`` has the list. Frames are made once for all who look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from mainspring.core.event import Event, EventKind

MOST_LINES = 2000  # in a frame; one of them is painted without a long task
MOST_CHARACTERS = 200_000  # likewise: at most about 256 kB on the wire
LONGEST_ERROR = 2000  # characters of an error in a message: the page has all of it

_STATES = {
    EventKind.QUEUED: "pending", EventKind.CLAIMED: "running", EventKind.STARTED: "running", EventKind.RETRY_SCHEDULED: "pending",
    EventKind.SNOOZED: "pending", EventKind.RELEASED: "pending", EventKind.LOST: "pending", EventKind.BLOCKED: "blocked",
    EventKind.UNBLOCKED: "pending", EventKind.COMPLETED: "completed", EventKind.FAILED: "failed", EventKind.TIMED_OUT: "timeout",
    EventKind.CANCELLED: "cancelled", EventKind.SKIPPED: "skipped",
}  # fmt: skip
_TOLD = ("node", "reason", "retry_at", "by", "actor", "queue", "priority", "policy")


@dataclass(frozen=True, slots=True)
class Frame:
    """Messages that stand for the events from ``first`` to ``last``, encoded; ``lines`` of a log are in it."""

    first: int
    last: int
    lines: int
    body: str
    is_last: bool = False


def frame_text(topic: str, body: str) -> str:
    """Return a frame as it travels."""
    return f'{{"t":"{topic}","m":[{body}]}}'


def encode(message: Mapping[str, Any]) -> str:
    """Return a message as JSON."""
    return to_json(message).decode()


def gap(first: int, last: int) -> str:
    """Say that events are gone for good."""
    return f'{{"k":"gap","from":{first},"to":{last}}}'


def skip(first: int, last: int) -> str:
    """Say that events were left out because the viewer was too slow; they can be fetched."""
    return f'{{"k":"skip","from":{first},"to":{last}}}'


def end(last: int) -> str:
    """Say that nothing more will come."""
    return f'{{"k":"end","last":{last}}}'


def refusal(code: str) -> str:
    """Say that a topic is not to be had."""
    return encode({"k": "no", "code": code})


def milliseconds(at: datetime) -> int:
    """Return a time as pages want it."""
    return round(at.timestamp() * 1000)


class Encoder:
    """Turns events of one run into frames. It remembers when the try in hand began, for the time that is left."""

    def __init__(self, started_at: datetime | None = None) -> None:
        self._started_at = started_at

    def frames(self, events: Sequence[Event], after: int) -> list[Frame]:
        """Return frames for events in order; what is missing between ``after`` and the first of them is gone, and said to be."""
        made: list[Frame] = []
        first, lines, size = after + 1, 0, 0
        bodies: list[str] = []
        if events and events[0].seq > first:
            bodies.append(gap(first, events[0].seq - 1))
        rows: list[list[Any]] = []
        row_first = 0
        last = after

        def close_rows() -> None:
            if rows:
                bodies.append(encode({"k": "log", "s": row_first, "l": rows}))
                rows.clear()

        for event in events:
            if lines >= MOST_LINES or size >= MOST_CHARACTERS:
                close_rows()
                made.append(Frame(first, last, lines, ",".join(bodies)))
                bodies, first, lines, size = [], event.seq, 0, 0
            last = event.seq
            if event.kind is EventKind.LOG:
                if not rows:
                    row_first = event.seq
                row = line_of(event)
                rows.append(row)
                lines += 1
                size += len(row[3]) + 48
                continue
            close_rows()
            bodies.append(encode(self._message(event)))
            size += len(bodies[-1])
        close_rows()
        is_last = bool(events) and events[-1].kind.is_final
        if is_last:
            bodies.append(end(last))
        if bodies:
            made.append(Frame(first, last, lines, ",".join(bodies), is_last))
        return made

    def _message(self, event: Event) -> dict[str, Any]:
        at, data = milliseconds(event.at), event.data
        if event.kind is EventKind.STARTED:
            self._started_at = event.at
        if event.kind is EventKind.PROGRESS:
            return {"k": "p", "s": event.seq, "at": at} | self._progress(event)
        if event.kind is EventKind.GAP:
            return {"k": "gap", "s": event.seq, "at": at, "n": data.get("dropped", 0)}
        if event.kind is EventKind.ARTIFACT:
            return {"k": "file", "s": event.seq, "at": at, **{key: data.get(key) for key in ("name", "size", "media_type", "file")}}
        told: dict[str, Any] = {"k": "state", "s": event.seq, "at": at, "e": event.kind.value, "attempt": event.attempt}
        if event.kind in _STATES:
            told["state"] = _STATES[event.kind]
        told |= {key: data[key] for key in _TOLD if data.get(key) is not None}
        if isinstance(error := data.get("error"), Mapping):
            told["error"] = {"type": error.get("type"), "message": str(error.get("message", ""))[:LONGEST_ERROR]}
        return told

    def _progress(self, event: Event) -> dict[str, Any]:
        current: float = event.data.get("current") or 0
        total: float | None = event.data.get("total")
        told = {"c": current, "n": total, "label": event.data.get("message"), "stage": event.data.get("stage")}
        if total is not None and 0 < current <= total and self._started_at is not None:
            passed = (event.at - self._started_at).total_seconds()
            told["eta"] = round(max(passed, 0.0) * (total - current) / current, 1)
        return {key: value for key, value in told.items() if value is not None}


def line_of(event: Event) -> list[Any]:
    """Return a line of a log: time, level, stream and text; fields that came with it stand behind."""
    data = event.data
    row = [milliseconds(event.at), data.get("level", "info"), data.get("stream", "log"), data.get("message", "")]
    if data.get("data"):
        row.append(data["data"])
    return row


def lines_in(events: Sequence[Event]) -> Iterator[Event]:
    """Yield the events that belong to a log: lines, and where lines are missing."""
    return (event for event in events if event.kind in (EventKind.LOG, EventKind.GAP))
