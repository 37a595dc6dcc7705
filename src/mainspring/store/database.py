"""The one port below the store, with two implementations: SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from mainspring.core.access import Scope
from mainspring.store.queries import Dialect, Query

Row = tuple[Any, ...]  # columns in the order of the query; their types are the query's business
Record = dict[str, Any]  # the same by name

# Below and above every id: where pages begin.
LOWEST, NEWEST = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Database(Protocol):
    """What the store needs of a database. Every call is one transaction of its own, durable when it returns.

    Failures to reach or use the database are raised as `StoreUnavailable`.
    """

    @property
    def dialect(self) -> Dialect:
        """Name the SQL that it speaks."""

    async def open(self) -> None:
        """Connect; raises `StoreUnavailable` or `StoreForeign` with the remedy."""

    async def close(self) -> None:
        """Let everything go."""

    async def write(self, query: str, /, *, behind: str | None = None, **values: Any) -> list[Row]:
        """Run a named query that may change rows, and return what it answers. ``behind`` is a hint that follows the commit at once."""

    async def read(self, query: str, /, **values: Any) -> list[Record]:
        """Run a named query that changes nothing."""

    async def execute(self, sql: str) -> list[Record]:
        """Run SQL text without values: migrations and maintenance only."""

    def exclusive(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock by this name over all processes that use the database."""

    async def notify(self, payload: str) -> None:
        """Send a hint to every process that listens; may be lost."""

    async def listen(self, hear: Callable[[str], None]) -> None:
        """Call ``hear`` on the loop for every hint from now on."""

    def query(self, name: str) -> Query:
        """Return a query as this database's driver wants it, for connections of others."""

    def to_time(self, moment: datetime | None) -> Any:
        """Turn an aware datetime into a value for queries and JSON batches."""

    def to_list(self, values: list[Any] | None) -> Any:
        """Turn a list into a value for queries."""

    def from_time(self, value: Any) -> datetime | None:
        """Turn a column's time into an aware datetime in UTC."""

    async def now(self) -> datetime:
        """Return the database's clock."""


def seen_by(database: Database, scope: Scope) -> dict[str, Any]:
    """Return the values of a query whose text says ``{SEEN}``: what a scope lets through."""

    def listed(names: frozenset[str] | None) -> Any:
        return database.to_list(None if names is None else sorted(names))

    return {
        "tenants": listed(scope.tenants), "owner": scope.owner, "hidden": listed(scope.hidden or None),
        "private": listed(scope.private or None), "viewer": scope.viewer,
    }  # fmt: skip


def split_url(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL of PostgreSQL as its library understands it, and the options in it that are ours: ``schema`` and ``pooler``."""
    base, _, query = url.partition("?")
    options = [each for each in query.split("&") if each]
    ours = dict(each.split("=", 1) for each in options if each.startswith(("schema=", "pooler=")))
    rest = "&".join(each for each in options if not each.startswith(("schema=", "pooler=")))
    return base + (f"?{rest}" if rest else ""), ours


def sure(moment: datetime | None) -> datetime:
    """Return a time that a column may not lack."""
    assert moment is not None
    return moment


def parsed(text: str | None) -> dict[str, Any] | None:
    """Return what a column of JSON says, if it says anything."""
    return None if text is None else json.loads(text)
