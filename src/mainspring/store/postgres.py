"""PostgreSQL 15 and newer, by psycopg 3.

Every call is one round trip and one commit, and nearly every one a single statement. Engine connections force generic plans
(twice the rate at small batches) and forbid sequential, merge and bitmap scans, so that a plan made on an empty table is still
right on a full one, and one made in a graveyard does no harm; the plan tests run that way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal

import psycopg
from psycopg import errors, sql
from psycopg.rows import dict_row

from mainspring.core.errors import ConfigurationError, Conflict, StoreError, StoreUnavailable
from mainspring.store.along import Joined, along_with
from mainspring.store.database import Record, Row
from mainspring.store.queries import Query, load, render
from mainspring.store.wire import Wire, Wires, read_as_text

OLDEST = 150000
CHANNEL = "mainspring"
NOTIFY = "select pg_notify($1, $2)"
CALL_SECONDS = 15.0  # by our own clock, on every call: a server that vanished without a word must not hang the engine
# What the server has undone as a whole, so that it may be run again as it is: a deadlock (our statements lock in one order, see
# docs/decisions/0011; other people's transactions need not), or an isolation that somebody has made the database's default.
_UNDONE = (errors.DeadlockDetected, errors.SerializationFailure)
TRIES = 3
_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_mergejoin": "off",  # on empty tables it looks cheap, and reads an index from end to end when they have filled
    "enable_bitmapscan": "off",  # it reads all that matches before the first row, and never marks an entry as dead for those who come after
    "jit": "off",
    "timezone": "UTC",
    "statement_timeout": "10s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
}
log = logging.getLogger("mainspring")
_SCHEMA = re.compile(r"^[a-z_][a-z0-9_]{0,50}$")


class PostgresDatabase:
    """A `Database` in one schema of a PostgreSQL database.

    ``clock`` is an SQL expression that replaces the server's clock; tests use it. ``is_pooled``: whether a pooler in transaction mode
    stands between; None finds out.
    """

    dialect: Literal["postgres"] = "postgres"

    def __init__(
        self, url: str, *, schema: str = "mainspring", connections: int = 8, clock: str | None = None, is_pooled: bool | None = None
    ) -> None:  # fmt: skip
        if not _SCHEMA.match(schema):
            raise ConfigurationError(f"schema={schema!r} is not allowed: lower-case letters, digits and _")
        self.url, self.schema, self.own_clock = url, schema, clock
        self._told_pooled = is_pooled
        self.is_pooled = bool(is_pooled)  # behind a pooler that lends its connections for a transaction
        self._now, self._clock = (clock, clock) if clock else ("statement_timestamp()", "clock_timestamp()")
        self._connections = connections
        self._queries: dict[str, Query] = {}
        self._wires: Wires | None = None
        self._beats: Wires | None = None  # beats keep one connection: others look for its backend to tell whether we live
        self._listening: asyncio.Task[None] | None = None
        self._process = os.getpid()

    async def open(self) -> None:
        if self._process != os.getpid():  # a forked child: pool and sockets stayed with the parent
            self._process, self._wires, self._beats, self._listening = os.getpid(), None, None, None
        if self._wires is not None:
            return
        try:
            async with await psycopg.AsyncConnection.connect(self.url, connect_timeout=10, autocommit=True) as first:
                version = first.info.server_version
                if self._told_pooled is None:
                    self.is_pooled = await _is_pooled(first)
        except psycopg.OperationalError as error:
            raise StoreUnavailable(
                f"cannot reach PostgreSQL at {_hide(self.url)}: {_first_line(error)}; check that it runs and that the URL is right"
            ) from error
        except psycopg.ProgrammingError as error:
            raise ConfigurationError(f"the URL {_hide(self.url)} is not understood: {_first_line(error)}") from error
        if version < OLDEST:
            raise StoreError(f"PostgreSQL {version // 10000} is too old: 15 or newer is needed")
        self._wires = Wires(self.url, _SETTINGS, self._connections, is_pooled=self.is_pooled)
        self._beats = Wires(self.url, _SETTINGS, 1, is_pooled=self.is_pooled)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._listening
            self._listening = None
        wires, beats, self._wires, self._beats = self._wires, self._beats, None, None
        for each in (wires, beats):
            if each is not None:
                await each.close()

    def query(self, name: str) -> Query:
        found = self._queries.get(name)
        if found is None:
            found = self._queries[name] = load("postgres", name, prefix=f"{self.schema}.", now=self._now, clock=self._clock)
        return found

    async def write(self, query: str, /, *, behind: str | None = None, **values: Any) -> list[Row]:
        if (along := along_with(query)) is not None:
            rows = await self._write_along(Joined(self.query(query), values, along, self.query))
            if behind is not None:
                await self.notify(behind)
            return rows
        return (await self._run(self.query(query), values, behind))[0]

    async def read(self, query: str, /, **values: Any) -> list[Record]:
        rows, columns = await self._run(self.query(query), values)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    async def _run(self, query: Query, values: Mapping[str, Any], behind: str | None = None) -> tuple[list[Row], list[str]]:
        with _translated(self.url):
            opened = self._opened()
            wires = self._beats if query.name == "nodes_beat" and self._beats is not None else opened
            async with asyncio.timeout(CALL_SECONDS), wires.one() as wire:
                tries = 1
                while True:
                    try:
                        if query.together:
                            return await wire.run_together([(text, [values[name] for name in names]) for text, names in query.together])
                        hint = None if behind is None else (NOTIFY, (f"{CHANNEL}_{self.schema}", behind))
                        return await wire.run(query.numbered, [values[name] for name in query.parameters], hint)
                    except _UNDONE as error:  # never the hint's: it holds one lock and waits for none
                        if tries == TRIES:
                            raise
                        log.warning("PostgreSQL has undone %s (%s): nothing of it is left, it runs again", query.name, _first_line(error))
                    tries += 1

    async def _write_along(self, joined: Joined) -> list[Row]:
        """Run a write and what goes along with it in one transaction: a person waits for it, so a few more round trips are nothing."""

        async def run(wire: Wire, query: Query, values: Mapping[str, Any]) -> list[Row]:
            rows: list[Row] = []
            for text, names in query.together or ((query.numbered, query.parameters),):
                rows = (await wire.run(text, [values[name] for name in names]))[0]
            return rows

        with _translated(self.url):
            opened = self._opened()
            async with asyncio.timeout(CALL_SECONDS), opened.one() as wire:
                tries = 1
                while True:
                    try:
                        async with wire.transaction():
                            rows = await run(wire, joined.query, joined.values)
                            if (second := joined.second(rows)) is not None:
                                await run(wire, *second)
                        joined.committed()
                        return rows
                    except _UNDONE as error:
                        if tries == TRIES:
                            raise
                        log.warning("PostgreSQL has undone %s (%s): it runs again", joined.query.name, _first_line(error))
                    tries += 1

    async def execute(self, text: str) -> list[Record]:
        filled = render("postgres", text, prefix=f"{self.schema}.", now=self._now, clock=self._clock)
        with _translated(self.url):
            self._opened()
            connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True, connect_timeout=10)
            read_as_text(connection)
            # No settings of ours, so no time-out: an index or a vacuum takes what it takes.
            async with connection, connection.cursor(row_factory=dict_row) as cursor:
                await cursor.execute(filled.encode(), prepare=False)
                records: list[Record] = []
                while True:  # several statements in one text answer one after the other; the last answer counts
                    if cursor.description is not None:
                        records = await cursor.fetchall()
                    if not cursor.nextset():
                        return records

    def exclusive(self, name: str) -> AbstractAsyncContextManager[None]:
        return self._exclusive(name)

    @asynccontextmanager
    async def _exclusive(self, name: str) -> AsyncIterator[None]:
        number = int.from_bytes(blake2b(f"{self.schema}:{name}".encode(), digest_size=8).digest(), "big", signed=True)
        with _translated(self.url):
            connection = await psycopg.AsyncConnection.connect(self.url)
        try:
            with _translated(self.url):
                # The lock of a transaction, not of a session, which a pooler would hand to somebody else.
                await connection.execute("select pg_advisory_xact_lock(%s)", (number,))
            yield
        finally:
            await connection.close()

    async def notify(self, payload: str) -> None:
        with _translated(self.url):
            async with asyncio.timeout(CALL_SECONDS), self._opened().one() as wire:
                await wire.run(NOTIFY, (f"{CHANNEL}_{self.schema}", payload))

    async def listen(self, hear: Callable[[str], None]) -> None:
        if self.is_pooled:
            return  # the ears would be another client's: those who wait look by themselves, every second or sooner
        self._listening = asyncio.get_running_loop().create_task(self._listen_for_ever(hear), name="mainspring-listen")

    async def _listen_for_ever(self, hear: Callable[[str], None]) -> None:
        """Listen on a connection of its own; come back after every failure, for hints only shorten waits."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.url, autocommit=True, connect_timeout=10) as connection:
                    await connection.execute(sql.SQL("listen {}").format(sql.Identifier(f"{CHANNEL}_{self.schema}")))
                    hear("")  # something may have been missed while nobody listened
                    async for notice in connection.notifies():
                        hear(notice.payload)
            except (psycopg.Error, OSError):
                await asyncio.sleep(1)

    def to_time(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

    def to_list(self, values: list[Any] | None) -> list[Any] | None:
        return values

    def from_time(self, value: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    async def now(self) -> datetime:
        row = (await self.execute("select {CLOCK} as now"))[0]
        return row["now"].astimezone(UTC)  # type: ignore[no-any-return]

    def _opened(self) -> Wires:
        if self._process != os.getpid():
            raise StoreError("this process was forked from the one that opened the store: open it here as well")
        if self._wires is None:
            raise StoreUnavailable("the store is closed")
        return self._wires


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise StoreUnavailable(f"PostgreSQL at {_hide(url)} did not answer within {CALL_SECONDS:.0f} s") from error
    except (errors.ReadOnlySqlTransaction, errors.DiskFull) as error:
        raise StoreUnavailable(f"PostgreSQL at {_hide(url)} takes no writes now: {_first_line(error)}") from error
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise StoreUnavailable(
            f"PostgreSQL at {_hide(url)} has no tables of ours ({_first_line(error)}): run 'mainspring migrate'"
        ) from error
    except errors.InsufficientPrivilege as error:
        raise StoreUnavailable(f"PostgreSQL at {_hide(url)} refuses: {_first_line(error)}; grant the role its rights") from error
    except (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement) as error:
        raise StoreUnavailable(
            f"PostgreSQL at {_hide(url)} mixes up prepared statements ({_first_line(error)}): a pooler in transaction mode stands between; "
            "add pooler=transaction to the URL"
        ) from error
    except errors.UniqueViolation as error:
        raise Conflict(f"PostgreSQL at {_hide(url)} holds that already ({_first_line(error)})") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise StoreUnavailable(f"PostgreSQL at {_hide(url)} cannot be used now: {_first_line(error)}") from error
    except (psycopg.DataError, ValueError) as error:
        raise StoreError(f"PostgreSQL at {_hide(url)} cannot keep a value: {_first_line(error)}") from error


async def _is_pooled(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Tell whether a pooler stands between: it makes up the process number for its clients, the server knows its own."""
    row = await (await connection.execute("select pg_backend_pid()")).fetchone()
    return row is not None and row[0] != connection.info.backend_pid


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _hide(url: str) -> str:
    """Return a URL without its password, for messages."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", url)
