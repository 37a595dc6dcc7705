"""Adding a run in the caller's own transaction: SQL and values are ours, connection and commit are theirs.

Accepted are psycopg connections (sync and async) and ``sqlite3`` connections to the same database. The run exists when the caller
commits, and does not when they roll back.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import to_json

from mainspring.core.errors import ConfigurationError, Conflict
from mainspring.core.run import Added, NewRun

if TYPE_CHECKING:
    from mainspring.store.store import Store


async def add_on(store: Store, run: NewRun, connection: object) -> Added:
    """Add a run on a caller's connection; raises `ConfigurationError` for connections that are not understood."""
    name = "runs_add_one" if run.is_plain else "runs_add"
    if name == "runs_add":
        batch = to_json([store.runs.many_values(run) | {"ord": 0}]).decode()
        values: dict[str, Any] = {"batch": batch, "is_repeated": False}
    else:
        values = store.runs.one_values(run)
    query = store.database.query(name)
    if isinstance(connection, sqlite3.Connection):
        _same(store, "sqlite", connection)
        statements = query.statements if name == "runs_add_one" else (*store.database.query("temp_held").statements, *query.statements)
        rows = _on_sqlite(connection, statements, {**values, "now": store.database.to_time(await store.database.now())})
    elif type(connection).__module__.split(".")[0] in ("psycopg", "psycopg_pool"):
        _same(store, "postgres", connection)
        rows = await _on_psycopg(connection, query.statements[0], values)
    else:
        raise ConfigurationError(
            f"connection={type(connection).__module__}.{type(connection).__qualname__} is not understood: give a psycopg connection "
            "(sync or async) or a sqlite3 connection to the app's own database"
        )
    if name == "runs_add_one":
        return Added(run.id, True)
    _, id_, is_new = rows[0]
    if id_ is None:
        raise Conflict(f"{run.task}: a run with the key {run.key!r} was added beside this transaction; roll back and try again")
    return Added(id_, bool(is_new))


def _same(store: Store, dialect: str, connection: object) -> None:
    if store.database.dialect != dialect:
        raise ConfigurationError(
            f"the connection is {type(connection).__module__}'s, but the app's store is {store.database.dialect}: "
            "both must be the same database"
        )


def _on_sqlite(connection: sqlite3.Connection, statements: tuple[str, ...], values: dict[str, Any]) -> list[Any]:
    rows: list[Any] = []
    for statement in statements:
        cursor = connection.execute(statement, values)
        cursor.row_factory = None  # callers like sqlite3.Row; we unpack plain tuples
        rows = cursor.fetchall()
    return rows


async def _on_psycopg(connection: Any, statement: str, values: dict[str, Any]) -> list[Any]:  # any of psycopg's two connection classes
    from psycopg import AsyncConnection
    from psycopg.rows import tuple_row

    if isinstance(connection, AsyncConnection):
        async with connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(statement, values)
            found = await cursor.fetchall() if cursor.description is not None else []
    else:
        with connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(statement, values)
            found = cursor.fetchall() if cursor.description is not None else []
    return [(row[0], None if row[1] is None else str(row[1]), row[2]) for row in cast("list[Any]", found)]
