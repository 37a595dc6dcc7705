"""Retention: how long finished runs of a task are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import check_whole


@dataclass(frozen=True, slots=True, init=False)
class Retention:
    """By age for runs that completed and for those that did not, and how many of the newest stay whatever their age.

    What is None is as the app says (`Settings.retention`). Pinned runs stay; statistics outlive all of them.
    """

    completed: timedelta | None
    others: timedelta | None
    keep_last: int

    def __init__(self, completed: Duration | None = None, *, others: Duration | None = None, keep_last: int = 0) -> None:
        if completed is None and others is None and not keep_last:
            raise ConfigurationError("Retention() says nothing: give completed=, others= or keep_last=")
        check_whole(keep_last, 0, 1_000_000, "Retention(keep_last)")
        object.__setattr__(self, "completed", None if completed is None else parse_duration(completed, "Retention(completed)"))
        object.__setattr__(self, "others", None if others is None else parse_duration(others, "Retention(others)"))
        object.__setattr__(self, "keep_last", keep_last)
