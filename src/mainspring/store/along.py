"""What goes along with the next write of a verb, in its transaction: the row that the audit trail keeps of it.

A verb says beforehand what is to be written down; the first statement of its own that changes something takes that along, whichever store
it belongs to, and both are committed or neither is. Nothing has to be handed through the layers between, and statements of the engine,
which nobody audits, pay one look at a context variable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from mainspring.store.queries import Query

Row = tuple[Any, ...]
Made = tuple[str, Mapping[str, Any]]
Make = Callable[[str, Mapping[str, Any], Sequence[Row]], Made | None]

# What only makes ready for a change, and is worth nothing without it: files that a run will hold, search terms, what code says of itself.
PREPARING = frozenset({
    "files_put", "files_hold", "files_doom", "files_forget", "search_add", "search_replace", "retention_tell", "retention_forget",
    "notices_add", "audit_add", "audit_refuse", "definitions_register", "idempotency_claim", "idempotency_answer",
    "idempotency_release", "schedules_declare", "owners_know", "sign_ins_charge", "sign_ins_refund", "sign_ins_clear",
})  # fmt: skip


@dataclass(slots=True)
class Along:
    """A statement that waits for its write; ``make`` is told that write's query, values and answer, and says name and values of its own,
    or None where this was not the change yet.

    Only writes of the very task that has asked for it count: what runs beside, or outlives the verb, is no part of it.
    """

    make: Make
    is_written: bool = False
    is_made: bool = False
    _task: asyncio.Task[Any] | None = field(default_factory=asyncio.current_task)

    def is_for(self, query: str) -> bool:
        """Tell whether a write is the one to go with."""
        return not self.is_written and query not in PREPARING and asyncio.current_task() is self._task


_along: ContextVar[Along | None] = ContextVar("mainspring_along", default=None)


@contextmanager
def going_along(make: Make) -> Iterator[Along]:
    """Let the first write within take a statement along."""
    along = Along(make)
    token = _along.set(along)
    try:
        yield along
    finally:
        _along.reset(token)


def along_with(query: str) -> Along | None:
    """Return what is to go along with a write, if anything is. Asked by every write."""
    found = _along.get()
    return found if found is not None and found.is_for(query) else None


@dataclass(frozen=True, slots=True)
class Joined:
    """A write and what goes along with it: two queries of one transaction, the second made when the first has answered."""

    query: Query
    values: Mapping[str, Any]
    along: Along
    find: Callable[[str], Query]

    def second(self, rows: Sequence[Row]) -> tuple[Query, Mapping[str, Any]] | None:
        """Return the query that follows, and its values; None where nothing does."""
        made = self.along.make(self.query.name, self.values, rows)
        self.along.is_made = made is not None
        return None if made is None else (self.find(made[0]), made[1])

    def committed(self) -> None:
        """Hear that both are durable."""
        self.along.is_written = self.along.is_made
