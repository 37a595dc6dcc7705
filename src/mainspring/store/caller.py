"""A caller's connection, whatever library it comes from: what our statements need of it, and no more.

Its methods are coroutine functions for all of them. On a blocking connection they never wait for a loop, so that whoever has none may drive
them by hand (`at_once`): the same code serves both, and a blocking caller's statement stays on the caller's own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from mainspring.store.database import Row
from mainspring.store.queries import Dialect, Query

T = TypeVar("T")
Answer = tuple[list[Row], list[str]]  # rows and the names of their columns


class Caller(Protocol):
    """One connection of a caller's, in whatever transaction it is."""

    dialect: Dialect
    is_async: bool
    title: str  # what it is called in messages: "a SQLAlchemy Session"
    takes_moments: bool  # whether times go as datetime; else as the text or number that the store uses

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        """Run a query's statements in order, and return what the last one answers."""

    @property
    def driver(self) -> object | None:
        """The driver's own connection, the same as long as the socket is; None where it cannot be remembered weakly."""

    @property
    def is_committed(self) -> bool:
        """Whether no transaction is open, so that what was run is durable already."""

    def after_commit(self, call: Callable[[], None]) -> bool:
        """Have a function called once the transaction is committed, never before; False where the library offers no such moment."""


def numbered(query: Query, values: Mapping[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return a query's statements with ``$n`` slots, each with its values in order."""
    together = query.together or ((query.numbered, query.parameters),)
    return [(text, tuple(values[name] for name in names)) for text, names in together]


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine that waits for nothing to its end, on this thread and without a loop."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    work.close()
    raise RuntimeError("a blocking connection made its caller wait for an event loop")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it wraps: SQLAlchemy and Django raise errors of their own around the driver's."""
    for _ in range(6):
        if error is None:
            return
        yield error
        error = getattr(error, "orig", None) or error.__cause__


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of a PostgreSQL error, or the name of an SQLite error; empty for anything else."""
    for each in causes(error):
        for attribute in ("sqlstate", "pgcode", "sqlite_errorname"):
            if isinstance(found := getattr(each, attribute, None), str):
                return found
    return ""
