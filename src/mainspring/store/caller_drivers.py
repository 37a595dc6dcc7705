"""Callers' connections of the drivers themselves: psycopg, psycopg2, asyncpg, sqlite3, aiosqlite. None is imported unless it is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from mainspring.store.caller import Answer, numbered
from mainspring.store.queries import Dialect, Query

# The connections are typed Any: their classes belong to packages that may not be installed.


class _Driver:
    """What the drivers have in common: none of them tells when a transaction is committed."""

    dialect: Dialect = "postgres"
    is_async = False
    takes_moments = False
    title = "a connection"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def driver(self) -> object | None:
        return self._connection  # type: ignore[no-any-return]

    def after_commit(self, call: Callable[[], None]) -> bool:
        return False


class Psycopg(_Driver):
    """A blocking connection of psycopg 3."""

    title = "a psycopg connection"

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        from psycopg import Cursor
        from psycopg.rows import tuple_row

        # A cursor of the plain kind: the connection's own factory may speak another style of parameters.
        with Cursor(self._connection, row_factory=tuple_row) as cursor:
            for statement in query.statements:
                cursor.execute(statement, values)
            return _answer(cursor.description, cursor.fetchall() if cursor.description is not None else [])

    @property
    def is_committed(self) -> bool:
        return _is_idle(self._connection)


class AsyncPsycopg(_Driver):
    """An async connection of psycopg 3."""

    is_async = True
    title = "an async psycopg connection"

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        from psycopg import AsyncCursor
        from psycopg.rows import tuple_row

        async with AsyncCursor(self._connection, row_factory=tuple_row) as cursor:
            for statement in query.statements:
                await cursor.execute(statement, values)
            return _answer(cursor.description, await cursor.fetchall() if cursor.description is not None else [])

    @property
    def is_committed(self) -> bool:
        return _is_idle(self._connection)


class Psycopg2(_Driver):
    """A connection of psycopg2, which is blocking."""

    title = "a psycopg2 connection"

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        from psycopg2.extensions import cursor as plain

        with self._connection.cursor(cursor_factory=plain) as cursor:
            for statement in query.statements:
                cursor.execute(statement, values)
            return _answer(cursor.description, cursor.fetchall() if cursor.description is not None else [])

    @property
    def is_committed(self) -> bool:
        from psycopg2.extensions import TRANSACTION_STATUS_IDLE

        return bool(self._connection.get_transaction_status() == TRANSACTION_STATUS_IDLE)


class Asyncpg(_Driver):
    """A connection of asyncpg, or what its pool lends."""

    is_async = True
    takes_moments = True
    title = "an asyncpg connection"

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        rows: list[Any] = []
        for text, given in numbered(query, values):
            rows = await self._connection.fetch(text, *given)
        return [tuple(row) for row in rows], list(rows[0].keys()) if rows else []

    @property
    def driver(self) -> object | None:
        inner: object | None = getattr(self._connection, "_con", None)  # of what a pool lends, which is another object each time
        return inner or self._connection

    @property
    def is_committed(self) -> bool:
        return not self._connection.is_in_transaction()


class Sqlite(_Driver):
    """A connection of the standard library's sqlite3."""

    dialect: Dialect = "sqlite"
    title = "a sqlite3 connection"

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        connection: sqlite3.Connection = self._connection
        opening, is_ours = opening_of(connection, query)
        if opening:
            connection.execute(opening)
        cursor = None
        try:
            for statement in query.statements:
                cursor = connection.execute(statement, values)
                cursor.row_factory = None  # callers like sqlite3.Row; we unpack plain tuples
            assert cursor is not None
            answer = _answer(cursor.description, cursor.fetchall())
            if is_ours:
                connection.execute("commit")
        except BaseException:
            if is_ours and connection.in_transaction:
                connection.execute("rollback")
            raise
        return answer

    @property
    def driver(self) -> object | None:
        return None  # it cannot be referred to weakly

    @property
    def is_committed(self) -> bool:
        return not self._connection.in_transaction


class Aiosqlite(_Driver):
    """A connection of aiosqlite."""

    dialect: Dialect = "sqlite"
    is_async = True
    title = "an aiosqlite connection"

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        opening, is_ours = opening_of(self._connection, query)
        if opening:
            await self._connection.execute(opening)
        answer: Answer = [], []
        try:
            for statement in query.statements:
                async with self._connection.execute(statement, values) as cursor:
                    answer = _answer(cursor.description, [tuple(row) for row in await cursor.fetchall()])
            if is_ours:
                await self._connection.execute("commit")
        except BaseException:
            if is_ours and self._connection.in_transaction:
                await self._connection.execute("rollback")
            raise
        return answer

    @property
    def driver(self) -> object | None:
        return None

    @property
    def is_committed(self) -> bool:
        return not self._connection.in_transaction


def opening_of(connection: Any, query: Query) -> tuple[str, bool]:
    """Return the statement that has to go before ours on an SQLite connection, if any, and whether we commit in the end.

    The driver begins a transaction by itself only before a statement whose first word is insert, update, delete or replace; ours begin
    with others too, and would be committed at once. Where the caller wants no transaction, several statements still are one. It is begun
    for writing: a reader that turns writer is refused when somebody else has written in between.
    """
    if connection.in_transaction or query.name == "database_list":
        return "", False
    wants_transaction = connection.isolation_level is not None and getattr(connection, "autocommit", -1) == -1
    if wants_transaction or len(query.statements) > 1:
        return "begin immediate", not wants_transaction
    return "", False


def _answer(description: Any, rows: list[Any]) -> Answer:
    return rows, [] if description is None else [column[0] for column in description]


def _is_idle(connection: Any) -> bool:
    from psycopg.pq import TransactionStatus

    return bool(connection.info.transaction_status == TransactionStatus.IDLE)
