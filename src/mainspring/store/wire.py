"""Connections for the engine's own statements.

psycopg makes and configures them, libpq carries prepared statements over them. A cursor costs as much as the round trip
of a small statement; the engine runs the same thirty statements for ever, always prepared, always one at a time on a
connection. Measured: 1.4 times the enqueues one call at a time. Values travel as text, results are read by psycopg's
own loaders.

Behind a pooler that lends its connections for a transaction nothing outlives one: there each statement travels whole, and the settings
travel with it, in the same transaction and round trip (`PooledWire`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer
from psycopg.rows import TupleRow
from psycopg.types.string import TextLoader

from mainspring.core.errors import StoreUnavailable
from mainspring.store.database import Row

CONNECT_SECONDS = 10
_DONE = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK})

_CROWDED = ("too many clients", "too many connections", "remaining connection slots", "53300")

Connection = psycopg.AsyncConnection[TupleRow]


class Wire:
    """One connection, one statement at a time.

    A wire that was interrupted is broken: nobody knows what the server is doing on it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._pg = connection, connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._prepared: dict[str, bytes] = {}
        self._waiting: asyncio.Future[None] | None = None
        self._reader = Transformer(connection)
        self._socket = self._pg.socket
        self.is_broken = False
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def connect(cls, url: str, settings: Mapping[str, str]) -> Wire:
        """Connect and configure."""
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
        try:
            read_as_text(connection)
            pairs = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
            await connection.execute(f"select {pairs}".encode())
            return cls(connection)
        except BaseException:  # also whoever is broken off here must not leave the server with a backend that nobody knows
            await connection.close()
            raise

    @property
    def is_usable(self) -> bool:
        """Whether another statement may be sent."""
        return not self.is_broken and self._pg.status == pq.ConnStatus.OK

    async def run(
        self, statement: str, values: Sequence[Any], behind: tuple[str, Sequence[Any]] | None = None
    ) -> tuple[list[Row], list[str]]:
        """Run a statement with ``$n`` slots; answers rows and the names of their columns.

        ``behind`` is another statement that follows the first one's commit in the same round trip; its answer is dropped.
        """
        name, encoded = await self._prepare(statement), [_encoded(value) for value in values]
        if behind is None or behind[0] not in self._prepared:
            self._pg.send_query_prepared(name, encoded)
            result = self._checked(await self._answer())
            if behind is not None:  # the first time it comes later: the statement that matters does not wait for it to be known
                await self.run(*behind)
        else:
            second, follows = self._prepared[behind[0]], [_encoded(value) for value in behind[1]]
            self._pg.enter_pipeline_mode()
            for each, with_values in ((name, encoded), (second, follows)):
                self._pg.send_query_prepared(each, with_values)
                self._pg.pipeline_sync()  # a commit of its own
            answers = await self._answers(2)
            self._pg.exit_pipeline_mode()
            result = self._checked(answers[0])
        return self._rows_of(result)

    def _rows_of(self, result: pq.abc.PGresult) -> tuple[list[Row], list[str]]:
        if result.nfields == 0:
            return [], []
        self._reader.set_pgresult(result)
        rows = self._reader.load_rows(0, result.ntuples, tuple)
        return rows, [(result.fname(column) or b"").decode() for column in range(result.nfields)]

    async def run_together(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> tuple[list[Row], list[str]]:
        """Run several statements as one transaction in one round trip; each sees what was committed when it began. The last one answers."""
        ready = [(await self._prepare(statement), [_encoded(value) for value in values]) for statement, values in statements]
        self._pg.enter_pipeline_mode()
        for name, encoded in ready:
            self._pg.send_query_prepared(name, encoded)
        self._pg.pipeline_sync()  # one synchronisation, so one commit
        answers = await self._answers(1)
        self._pg.exit_pipeline_mode()
        return self._rows_of([self._checked(answer) for answer in answers][-1])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Make one transaction of what is run within; a wire that cannot be sure of its end is broken."""
        await self.run("begin", ())
        try:
            yield
            await self.run("commit", ())
        except BaseException:
            try:
                if self.is_usable:
                    await self.run("rollback", ())
            except BaseException:
                self._give_up()
                raise
            raise

    async def _prepare(self, statement: str) -> bytes:
        name = self._prepared.get(statement)
        if name is None:
            name = f"ms{len(self._prepared)}".encode()
            self._pg.send_prepare(name, statement.encode())
            self._checked(await self._answer())
            self._prepared[statement] = name
        return name

    async def _answers(self, n: int) -> list[pq.abc.PGresult]:
        """Return the answers of a pipeline up to its ``n``-th synchronisation."""
        answers: list[pq.abc.PGresult] = []
        synced = 0
        try:
            if self._pg.flush():
                self._loop.add_writer(self._socket, self._writable)
            while synced < n:
                await self._until_answered()
                answer = self._pg.get_result()
                if answer is None:
                    if self._pg.status != pq.ConnStatus.OK:  # or this would turn round for ever
                        raise errors.OperationalError("the connection is gone")
                    continue  # between two statements
                if answer.status == pq.ExecStatus.PIPELINE_SYNC:
                    synced += 1
                else:
                    answers.append(answer)
        except BaseException:
            self._give_up()
            raise
        finally:
            self._waiting = None
        return answers

    async def _until_answered(self) -> None:
        """Wait until `get_result` would not: it would stop the whole loop."""
        while self._pg.is_busy():
            if self.is_broken:  # it broke before we came to wait, and nobody would wake us
                raise errors.OperationalError("the connection is gone")
            self._waiting = self._loop.create_future()
            await self._waiting

    async def _answer(self) -> pq.abc.PGresult:
        result = None
        try:
            if self._pg.flush():
                self._loop.add_writer(self._socket, self._writable)
            while True:
                await self._until_answered()
                answer = self._pg.get_result()
                if answer is None:
                    break
                result = answer
        except BaseException:
            self._give_up()
            raise
        finally:
            self._waiting = None
        if result is None:
            self._give_up()
            raise errors.OperationalError("the connection gave no answer")
        return result

    def _checked(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        if result.status not in _DONE:
            if self._pg.status != pq.ConnStatus.OK:
                self._give_up()
            raise errors.error_from_result(result, encoding="utf-8")
        return result

    def _readable(self) -> None:
        try:
            self._pg.consume_input()
            is_ready = not self._pg.is_busy()
        except psycopg.Error as error:
            self._break(error)
            return
        if is_ready and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _writable(self) -> None:
        try:
            if not self._pg.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error as error:
            self._break(error)

    def _break(self, error: psycopg.Error) -> None:
        self._give_up()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def _give_up(self) -> None:
        """Let the loop forget the socket, now and only once: libpq closes a broken one, and the next connection gets its number."""
        if not self.is_broken:
            self.is_broken = True
            with contextlib.suppress(Exception):  # the loop may be closed, the socket gone
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)

    async def close(self) -> None:
        """Hang up."""
        self._give_up()
        await self._connection.close()


class PooledWire(Wire):
    """A wire through a pooler in transaction mode: it assumes nothing of the server's connection, and leaves nothing on it."""

    def __init__(self, connection: Connection, settings: Mapping[str, str]) -> None:
        super().__init__(connection)
        pairs = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
        self._settings = f"select {pairs}".encode()

    @classmethod
    async def connect(cls, url: str, settings: Mapping[str, str]) -> Wire:
        """Connect; nothing is said to the server, for the next transaction may be another's."""
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
        read_as_text(connection)
        return cls(connection, settings)

    async def run(
        self, statement: str, values: Sequence[Any], behind: tuple[str, Sequence[Any]] | None = None
    ) -> tuple[list[Row], list[str]]:
        """Run a statement as `Wire.run` does, unnamed, and its settings before it."""
        return await self._send([(statement, values)], behind)

    async def run_together(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> tuple[list[Row], list[str]]:
        """Run several statements as `Wire.run_together` does, unnamed, and their settings before them."""
        return await self._send(statements, None)

    async def _send(
        self, statements: Sequence[tuple[str, Sequence[Any]]], behind: tuple[str, Sequence[Any]] | None
    ) -> tuple[list[Row], list[str]]:
        ready = [(text.encode(), [_encoded(value) for value in values]) for text, values in statements]
        after = None if behind is None else (behind[0].encode(), [_encoded(value) for value in behind[1]])
        self._pg.enter_pipeline_mode()
        self._pg.send_query_params(self._settings, [])
        for text, encoded in ready:
            self._pg.send_query_params(text, encoded)
        self._pg.pipeline_sync()  # what stands before one synchronisation is one transaction
        if after is not None:
            self._pg.send_query_params(*after)
            self._pg.pipeline_sync()
        answers = await self._answers(1 if after is None else 2)
        self._pg.exit_pipeline_mode()
        own = answers if after is None else answers[:-1]
        return self._rows_of([self._checked(answer) for answer in own][-1])


class Wires:
    """A handful of wires, made when they are wanted, handed out in the order of asking."""

    def __init__(self, url: str, settings: Mapping[str, str], most: int, *, is_pooled: bool = False) -> None:
        self._url, self._settings, self._most = url, settings, most
        self._kind: type[Wire] = PooledWire if is_pooled else Wire
        self._idle: list[Wire] = []
        self._n = 0
        self._queue: list[asyncio.Future[None]] = []
        self._is_closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Wire]:
        """Lend a wire; a broken one is not taken back."""
        wire = await self._take()
        try:
            yield wire
        finally:
            if not wire.is_usable or self._is_closed:
                self._n -= 1
                await wire.close()
            else:
                self._idle.append(wire)
            self._next()

    async def _take(self) -> Wire:
        while True:
            if self._is_closed:
                raise StoreUnavailable("the store is closed")
            while self._idle:
                wire = self._idle.pop()
                if not wire.is_broken:
                    return wire
                self._n -= 1
                await wire.close()
            if self._n < self._most:
                self._n += 1
                try:
                    return await self._kind.connect(self._url, self._settings)
                except BaseException as error:
                    self._n -= 1
                    if self._n == 0 or not _is_crowded(error):
                        self._next()
                        raise
                # The server has no connection left, as when an application has taken them all: ours are kept, and shared.
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._next()
                raise

    def _next(self) -> None:
        while self._queue:
            turn = self._queue.pop(0)
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        """Hang up all that are idle; those on loan follow when they come back."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        self._n -= len(idle)
        for wire in idle:
            await wire.close()
        self._next()


def _is_crowded(error: BaseException) -> bool:
    """Tell whether a server refused a connection because it has too many: then it tells us nothing but that, in its own words."""
    return isinstance(error, psycopg.OperationalError) and any(said in str(error) for said in _CROWDED)


def _encoded(value: Any) -> bytes | None:
    """Return a value in PostgreSQL's text format; its type is the statement's business."""
    if value is None:
        return None
    if value is True:
        return b"t"
    if value is False:
        return b"f"
    if isinstance(value, (list, tuple)):
        value = "{" + ",".join(["NULL" if each is None else _quoted(str(each)) for each in value]) + "}"
    encoded = str(value).encode()
    if b"\0" in encoded:  # libpq would take it for the end
        raise ValueError("a text must not hold the character NUL")
    return encoded


def _quoted(text: str) -> str:
    """Return an element of an array; two replacements are three times as quick as a translation."""
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def read_as_text(connection: Connection) -> None:
    """Leave ids and JSON the text that they are: Python objects would be made for nothing."""
    for kind in ("uuid", "json", "jsonb"):
        connection.adapters.register_loader(kind, TextLoader)
