"""A view of the runs that somebody has saved: what is looked for, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RunView:
    """``query`` as it is written in the search field; a shared one is seen by everybody, and changed by its owner alone."""

    id: str
    owner: str
    name: str
    query: str
    sort: str
    is_shared: bool
    created_at: datetime
