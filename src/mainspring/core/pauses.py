"""Spans in which a schedule was paused, put together from the notices about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mainspring.core.notice import Notice

TELLING = ("paused", "resumed")  # the kinds of notices that say when a pause began and ended


@dataclass(frozen=True, slots=True)
class Pause:
    """One span. ``ended_at`` is None while it lasts; ``until`` is when it was to end by itself, if so; ``ended_by`` None: by itself."""

    began_at: datetime
    ended_at: datetime | None
    by: str | None
    reason: str | None
    until: datetime | None
    ended_by: str | None = None


def pauses(notices: Iterable[Notice], now: datetime) -> list[Pause]:
    """Return the spans that notices about one schedule tell of, the oldest first. Pausing again changes the reason and the end of a span.

    A pause whose beginning is no longer kept begins when its end says that it did.
    """
    found: list[Pause] = []
    open_: Pause | None = None
    for notice in sorted(notices, key=lambda each: each.id):
        said = notice.data
        if notice.kind == "paused":
            until = _moment(said.get("until"))
            if open_ is not None and open_.until is not None and open_.until <= notice.at:
                found.append(replace(open_, ended_at=open_.until))
                open_ = None
            if open_ is None:
                open_ = Pause(notice.at, None, said.get("by"), said.get("reason"), until)
            else:
                open_ = replace(open_, by=said.get("by"), reason=said.get("reason"), until=until)
        elif notice.kind == "resumed":
            since = _moment(said.get("since"))
            span = open_ or (None if since is None else Pause(since, None, None, None, None))
            open_ = None
            if span is not None:
                is_over = span.until is not None and span.until <= notice.at
                ended_at = span.until if is_over else notice.at
                found.append(replace(span, ended_at=ended_at, ended_by=None if is_over else said.get("by")))
    if open_ is not None:
        found.append(replace(open_, ended_at=open_.until) if open_.until is not None and open_.until <= now else open_)
    return found


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
