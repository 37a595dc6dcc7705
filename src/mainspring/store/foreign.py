"""Writing in the caller's own transaction: SQL and values are ours, connection and commit are theirs.

What is written is there when the caller commits, and is not when they roll back. The store is the very same, bound to their connection
(`ForeignDatabase`); nothing of ours needs to be connected. Whose connections are understood stands in `adopt`; no library is imported
but that of the connection at hand.
"""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from mainspring.core.errors import ConfigurationError, LeaseLost, MainspringError, SchemaMismatch, StoreUnavailable, TransactionConflict
from mainspring.core.run import Added, NewRun
from mainspring.store.caller import Answer, Caller, state_of
from mainspring.store.database import Database, Record, Row
from mainspring.store.queries import Dialect, Query
from mainspring.store.runs import Completion, RunStore

UNDERSTOOD = (
    "give a connection of psycopg, psycopg2, asyncpg, sqlite3 or aiosqlite, a Session, AsyncSession, Connection or AsyncConnection of "
    "SQLAlchemy, or Django's connection or its alias"
)
_TEMPORARY = "temp_held"  # tables of a connection, which a caller's does not have yet
_FILE = Query("database_list", ("select file from pragma_database_list where name = 'main'",), ())
Learn = Callable[[], Awaitable[str]]


def adopt(connection: object) -> Caller:
    """Return what a connection is as a `Caller`; raises `ConfigurationError` for what is not understood, with what is."""
    found: Caller | None = None
    kinds = {each.__module__.partition(".")[0]: each for each in reversed(type(connection).__mro__)}
    if "sqlalchemy" in kinds:
        from mainspring.store import caller_sqlalchemy

        found = caller_sqlalchemy.adopt(connection)
    elif "django" in kinds or isinstance(connection, str):
        found = _of_django(connection)
    elif kinds.keys() & {"psycopg", "psycopg2", "asyncpg", "sqlite3", "aiosqlite"}:
        found = _of_driver(connection, kinds)
    if found is None:
        kind = type(connection)
        told = repr(connection) if isinstance(connection, str) else f"{kind.__module__}.{kind.__qualname__}"
        raise ConfigurationError(f"connection={told} is not understood: {UNDERSTOOD}")
    return found


def _of_django(connection: object) -> Caller | None:
    try:
        from mainspring.store import caller_django

        return caller_django.adopt(connection)
    except ImportError:
        return None  # a text, and no Django about


def _of_driver(connection: object, kinds: Mapping[str, type]) -> Caller | None:
    from mainspring.store import caller_drivers as drivers

    if "sqlite3" in kinds:
        return drivers.Sqlite(connection) if kinds["sqlite3"].__name__ == "Connection" else None
    if "psycopg" in kinds:
        from psycopg import AsyncConnection, Connection

        if isinstance(connection, AsyncConnection):
            return drivers.AsyncPsycopg(connection)
        return drivers.Psycopg(connection) if isinstance(connection, Connection) else None
    # What has the methods is one: a pool, a cursor and a transaction have others.
    if "psycopg2" in kinds:
        return drivers.Psycopg2(connection) if hasattr(connection, "get_transaction_status") else None
    if "asyncpg" in kinds:
        return drivers.Asyncpg(connection) if hasattr(connection, "is_in_transaction") else None
    return drivers.Aiosqlite(connection) if hasattr(connection, "in_transaction") else None


class ForeignDatabase:
    """A `Database` whose statements run on a caller's connection, in whatever transaction that is."""

    def __init__(self, home: Database, caller: Caller) -> None:
        self._home, self._caller = home, caller
        self.dialect: Dialect = caller.dialect

    async def write(self, query: str, /, *, behind: str | None = None, **values: Any) -> list[Row]:
        return (await self._run(query, values))[0]

    async def read(self, query: str, /, **values: Any) -> list[Record]:
        rows, columns = await self._run(query, values)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    async def _run(self, name: str, values: dict[str, Any]) -> Answer:
        query = self._home.query(name)
        if self.dialect == "sqlite":
            values["now"] = self._home.to_time(await self._home.now())
            if "temp." in "".join(query.statements):
                query = Query(name, (*self._home.query(_TEMPORARY).statements, *query.statements), query.parameters)
        rows, columns = await self._caller.run(query, values)
        return [tuple([str(value) if isinstance(value, uuid.UUID) else value for value in row]) for row in rows], columns

    def query(self, name: str) -> Query:
        return self._home.query(name)

    def to_time(self, moment: datetime | None) -> Any:
        return moment if self._caller.takes_moments else self._home.to_time(moment)

    def to_list(self, values: list[Any] | None) -> Any:
        return self._home.to_list(values)

    def from_time(self, value: Any) -> datetime | None:
        return self._home.from_time(value)

    async def now(self) -> datetime:
        return await self._home.now()

    def _refuse(self) -> NoReturn:
        raise NotImplementedError("a caller's connection only runs statements")

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def execute(self, sql: str) -> list[Record]:
        self._refuse()

    def exclusive(self, name: str) -> AbstractAsyncContextManager[None]:
        self._refuse()

    async def notify(self, payload: str) -> None:
        """Send nothing: a hint never travels in somebody's transaction."""

    async def listen(self, hear: Callable[[str], None]) -> None:
        self._refuse()


def home_of(database: Database) -> dict[str, Any]:
    """Return which database is ours as plain values, without a password: for processes that have no connection of ours."""
    if database.dialect == "sqlite":
        path = getattr(database, "path", None)
        return {"dialect": "sqlite", "path": None if path is None else str(path)}
    return {"dialect": "postgres", "schema": getattr(database, "schema", "mainspring"), "clock": getattr(database, "own_clock", None)}


def database_of(home: Mapping[str, Any]) -> Database:
    """Return the database that `home_of` told of; it is never opened."""
    if home.get("dialect") == "postgres":
        from mainspring.store.postgres import PostgresDatabase

        return PostgresDatabase("", schema=home["schema"], clock=home["clock"])
    from mainspring.store.sqlite import SqliteDatabase

    path = home.get("path")
    return SqliteDatabase(None if path is None else Path(path))


class Foreigners:
    """Writes on callers' connections for one database of ours, and remembers which of them lead to it."""

    def __init__(self, home: Database, shard: int = 0) -> None:
        self._home, self._shard = home, shard
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        self._identity: str | None = None

    async def add(self, caller: Caller, runs: Sequence[NewRun], learn: Learn | None = None) -> list[Added]:
        """Add runs in the caller's transaction, in order.

        ``learn`` asks our own connection which database it is on (see `learn`); without it only the tables have to be there. Raises
        `ConfigurationError` for another database, `TransactionConflict` where the caller's transaction has to begin anew; what else goes
        wrong on their connection is their driver's own error.
        """
        try:
            await self._same(caller, learn)
            return await RunStore(ForeignDatabase(self._home, caller), self._shard).add_within(runs)
        except Exception as error:
            self._explain(error, caller, f"enqueueing {runs[0].task}")
            raise

    async def complete(self, caller: Caller, completion: Completion) -> None:
        """Finish a run that completed, fenced by its claim, in the caller's transaction.

        Raises `LeaseLost` when the run is no longer the claim's: the caller's transaction is to be rolled back.
        """
        try:
            self._same_dialect(caller)
            accepted = await RunStore(ForeignDatabase(self._home, caller), self._shard).complete([completion])
        except Exception as error:
            self._explain(error, caller, f"completing the run {completion.id}")
            raise
        if not accepted:
            raise LeaseLost(
                f"the run {completion.id} is no longer this attempt's (it was lost, or completed already, or {caller.title} leads to "
                "another database): roll the transaction back, its effect belongs to somebody else"
            )

    # -- is it our database?

    async def learn(self) -> str:
        """Ask our own connection which database it is on."""
        if self._home.dialect == "sqlite":
            return str(getattr(self._home, "path", None) or "")
        [row] = await self._home.read("store_identity")
        self._identity = str(row["identity"])
        return self._identity

    def _same_dialect(self, caller: Caller) -> None:
        if caller.dialect != self._home.dialect:
            raise ConfigurationError(
                f"{caller.title} is {_NAMES[caller.dialect]}'s, but the app's store is {_NAMES[self._home.dialect]}: both must be the same "
                "database; give the app its URL, or enqueue without connection="
            )

    async def _same(self, caller: Caller, learn: Learn | None) -> None:
        """Make sure that a connection leads to our database; asked once for each connection of PostgreSQL's."""
        self._same_dialect(caller)
        if self._home.dialect == "sqlite":
            await self._same_file(caller)
            return
        if caller.driver is not None and caller.driver in self._known:
            return
        rows, _ = await caller.run(self._home.query("store_identity"), {})
        there, has_tables = str(rows[0][0]), bool(rows[0][1])
        if not has_tables:
            raise ConfigurationError(
                f"{caller.title} leads to the database {_name_of(there)!r}, which has no tables of ours in the schema "
                f"{getattr(self._home, 'schema', '')!r}: give a connection to the app's own database, or run 'mainspring migrate' there"
            )
        if learn is not None and there != self._identity and there != (ours := await learn()):
            raise ConfigurationError(
                f"{caller.title} leads to another database ({_name_of(there)!r}) than the app's store ({_name_of(ours)!r}), which no "
                "transaction spans: give a connection to the app's own, or enqueue without connection="
            )
        if learn is not None and (driver := caller.driver) is not None:
            self._known.add(driver)

    async def _same_file(self, caller: Caller) -> None:
        ours = getattr(self._home, "path", None)
        if ours is None:
            raise ConfigurationError(
                "the app's store is in memory, where no other connection reaches it: use a file, sqlite:///mainspring.db"
            )
        rows, _ = await caller.run(_FILE, {})
        theirs = rows[0][0] or ""
        if not theirs or not _is_same_file(theirs, ours):
            raise ConfigurationError(
                f"{caller.title} leads to {theirs or 'a database in memory'}, but the app's store is {ours}: both must be the same file"
            )

    # -- what went wrong

    def _explain(self, error: Exception, caller: Caller, doing: str) -> None:
        """Raise an error of ours for what we can say more about than the driver."""
        if isinstance(error, MainspringError):
            return
        match state_of(error):
            case "40001" | "40P01" | "SQLITE_BUSY_SNAPSHOT":
                raise TransactionConflict(
                    f"{doing}: somebody else has written what this transaction would have to see ({_first_line(error)}). Roll it back and "
                    "run it again; under READ COMMITTED the other run would simply be answered"
                ) from error
            case "42P01" | "3F000":
                raise ConfigurationError(
                    f"{doing}: {caller.title} leads to a database without our tables in the schema {getattr(self._home, 'schema', '')!r} "
                    f"({_first_line(error)}): give a connection to the app's own database, or run 'mainspring migrate' there"
                ) from error
            case "SQLITE_ERROR" if "no such table: mainspring_" in str(error):
                raise ConfigurationError(f"{doing}: {caller.title} leads to a file without our tables ({_first_line(error)})") from error
            case "42703":
                raise SchemaMismatch(f"{doing}: the database is behind ({_first_line(error)}); run 'mainspring migrate'") from error
            case "42501":
                raise StoreUnavailable(
                    f"{doing}: the role of {caller.title} may not write our tables ({_first_line(error)}); grant it what "
                    "'mainspring migrate' prints"
                ) from error


_NAMES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


def _is_same_file(theirs: str, ours: os.PathLike[str] | str) -> bool:
    return os.path.exists(theirs) and os.path.exists(ours) and os.path.samefile(theirs, ours)


def _name_of(identity: str) -> str:
    return identity.rpartition("@")[0] or identity


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
