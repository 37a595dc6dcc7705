"""SQLite: one writing thread a process that gathers concurrent writes into one transaction, readers beside it.

Several processes on one file take turns at a lock-file gate, which is fair where SQLite's own busy waiting starves
(measured: 36-80 ms against 0.8-2.2 s), and wake each other by datagrams to the sockets beside the file. In memory
everything runs on the caller's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from mainspring.core.errors import Conflict, StoreError, StoreForeign, StoreUnavailable
from mainspring.store.along import Joined, along_with
from mainspring.store.database import Record, Row
from mainspring.store.files import FileLock, Gate, Sockets, is_network_path
from mainspring.store.queries import Query, load

OLDEST = (3, 40, 0)
MOST_TOGETHER = 256  # requests in one transaction: enough to pay for the fsync, few enough that nobody waits long
BRIEF = 0.001  # seconds up to which a statement, or a commit, may run on the event loop's thread: two hops to another cost as much
BUSY_SECONDS = 10.0  # how long a foreign writer may hold the file before a call gives up
BUSY_MILLISECONDS = int(BUSY_SECONDS * 1000)
_PRAGMAS = (
    "journal_mode=wal",
    "journal_size_limit=67108864",  # the log shrinks to this after a reader that held it long
    "wal_autocheckpoint=4000",  # pages; four times the default, because every batch of ours is some hundred pages
    "temp_store=memory",
    "cache_size=-65536",
)

Durability = Literal["full", "relaxed"]
Clock = Callable[[], int]

_INHERITED: list[object] = []  # what forked children must neither use nor close
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def wall_microseconds() -> int:
    """Return the host's clock, which all processes on one file share."""
    return time.time_ns() // 1000


@dataclass(slots=True)
class _Request:
    """One write on its way to the writing thread and back."""

    query: Query
    values: Mapping[str, Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[Row]]
    rows: list[Row] | None = None
    error: BaseException | None = None
    joined: Joined | None = None


class SqliteDatabase:
    """A `Database` on one file, or in memory when ``path`` is None."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(
        self,
        path: Path | None,
        *,
        durability: Durability = "full",
        clock: Clock = wall_microseconds,
        network_ok: bool = False,
    ) -> None:
        self.path = path
        self._durability, self._clock, self._network_ok = durability, clock, network_ok
        self._queries: dict[str, Query] = {}
        self._seconds: dict[str, float] = {}  # how long each query took the last time
        self._commit_seconds = 0.0  # how long commits take lately
        self._busy_milliseconds = BUSY_MILLISECONDS
        self._connection: sqlite3.Connection | None = None
        self._pending: deque[_Request] = deque()
        self._wanted = threading.Condition()
        self._closing = False
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._gate: Gate | None = None
        self._sockets: Sockets | None = None
        self._process = os.getpid()

    async def open(self) -> None:
        if self._process != os.getpid():
            self._forget_parent()
        if self._connection is not None:
            return
        if sqlite3.sqlite_version_info < OLDEST:
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: 3.40 or newer is needed")
        if self.path is None:
            self._connection = self._connect(":memory:")
            self._prepare_temporary(self._connection)
            return
        await asyncio.to_thread(self._open_file, self.path)
        self._closing = False
        self._readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mainspring-sqlite-read")
        self._writer = threading.Thread(target=self._write_for_ever, name="mainspring-sqlite-write", daemon=True)
        self._writer.start()

    def _open_file(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise StoreUnavailable(f"cannot open {path}: the directory {path.parent} does not exist; create it first")
        if not self._network_ok and (kind := is_network_path(path)):
            raise StoreUnavailable(
                f"{path} is on a network file system ({kind}), where SQLite's locks are not reliable: use a local path or PostgreSQL"
            )
        is_new = not path.exists()
        # Asked for, not tried: closing a second descriptor of the file would drop the locks of this process on it.
        if not is_new and not os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise StoreUnavailable(f"{path} is read-only: check the rights of the file and of its directory")
        try:
            self._gate = Gate(path.with_name(path.name + ".gate"))
            with self._gate:
                if is_new:
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
                self._connection = self._connect(str(path))
                mode = self._connection.execute("pragma journal_mode").fetchone()[0]
                self._prepare_temporary(self._connection)
            if mode != "wal":
                raise StoreUnavailable(
                    f"{path} cannot use write-ahead logging (its journal mode is {mode}): check the rights of the file and of its directory"
                )
        except BaseException as error:
            self._let_go()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise self._translate(error) from error
            raise

    def _let_go(self) -> None:
        for connection in [*self._open_readers, self._connection]:
            if connection is not None:
                connection.close()
        if self._gate is not None:
            self._gate.close()
        self._open_readers, self._connection, self._gate, self._local = [], None, None, threading.local()

    def _forget_parent(self) -> None:
        """Begin anew in a forked child: connections, threads and locks are the parent's, whom closing would hurt."""
        _INHERITED.append((self._connection, self._open_readers, self._gate, self._sockets))
        self.__init__(  # type: ignore[misc]
            self.path, durability=self._durability, clock=self._clock, network_ok=self._network_ok
        )

    def _connect(self, target: str) -> sqlite3.Connection:
        connection = sqlite3.connect(target, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256)
        try:
            self._refuse_foreign(connection)  # before anything is written into it
            for pragma in _PRAGMAS:
                connection.execute(f"pragma {pragma}")
            connection.execute(f"pragma synchronous={'full' if self._durability == 'full' else 'normal'}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_foreign(self, connection: sqlite3.Connection) -> None:
        """Let an application's own tables stand beside ours, but not a program whose files carry its mark."""
        mark = connection.execute("pragma application_id").fetchone()[0]
        if mark != 0:
            raise StoreForeign(f"{self.path} belongs to another program (its application id is {mark}): choose another file")

    def _prepare_temporary(self, connection: sqlite3.Connection) -> None:
        for name in ("temp_held", "temp_limits", "temp_schedules", "temp_gates"):
            for statement in self.query(name).statements:
                connection.execute(statement)

    async def close(self) -> None:
        if self._process != os.getpid():
            self._forget_parent()
        if self._writer is not None:
            with self._wanted:
                self._closing = True
                self._wanted.notify()
            await asyncio.to_thread(self._writer.join)
            self._writer = None
        if self._readers is not None:
            self._readers.shutdown(wait=True)
            self._readers = None
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None
        self._let_go()

    # -- queries

    def query(self, name: str) -> Query:
        found = self._queries.get(name)
        if found is None:
            found = self._queries[name] = load("sqlite", name, prefix="mainspring_", now=":now", clock=":now")
        return found

    async def write(self, query: str, /, *, behind: str | None = None, **values: Any) -> list[Row]:
        rows = await self._write(query, values)
        if behind is not None:
            await self.notify(behind)
        return rows

    async def _write(self, query: str, values: Mapping[str, Any]) -> list[Row]:
        if (along := along_with(query)) is not None:
            return await self._write_along(Joined(self.query(query), values, along, self.query))
        if self._writer is None:
            return self._run_here(self.query(query), values)
        self._opened()
        if self._is_brief(query):
            await asyncio.sleep(0)  # who comes in the same round joins the batch, and a caller in a loop lets others live
            rows = self._write_at_once(query, values)
            if rows is not None:
                return rows
        return await self._hand_over(self.query(query), values)

    async def _hand_over(self, query: Query, values: Mapping[str, Any], joined: Joined | None = None) -> list[Row]:
        loop = asyncio.get_running_loop()
        request = _Request(query, values, loop, loop.create_future(), joined=joined)
        with self._wanted:
            if self._closing:
                raise StoreUnavailable("the store is closed")
            self._pending.append(request)
            self._wanted.notify()
        return await request.future

    async def _write_along(self, joined: Joined) -> list[Row]:
        if self._writer is None:
            rows = self._run_here(joined.query, joined.values, joined)
        else:
            self._opened()
            rows = await self._hand_over(joined.query, joined.values, joined)
        joined.committed()
        return rows

    async def read(self, query: str, /, **values: Any) -> list[Record]:
        found, connection = self.query(query), self._opened()
        if self._readers is None:
            with self._guarded():
                return _records(connection.execute(found.statements[0], {**values, "now": self._clock()}))
        if self._seconds.get(query, 0.0) < BRIEF:
            return self._read_here(found, values)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_here, found, values)

    async def execute(self, sql: str) -> list[Record]:
        statements = _split(sql.replace("mainspring.", "mainspring_"))

        def perform() -> list[Record]:
            connection, records = self._opened(), []
            with self._guarded(), self._turn():
                self._wait_at_most(BUSY_MILLISECONDS)
                connection.execute("begin immediate")
                try:
                    for statement in statements:
                        records = _records(connection.execute(statement))
                    connection.execute("commit")
                except BaseException:
                    if connection.in_transaction:  # a full disk has undone it already
                        connection.execute("rollback")
                    raise
            return records

        def look() -> list[Record]:
            with self._guarded():
                return [_records(self._reader().execute(statement)) for statement in statements][-1]

        if self.path is None:
            return perform()
        if self._readers is not None and all(statement.lower().startswith("select") for statement in statements):
            # A look takes no turn: whoever opens the app in the middle of a transaction of their own would wait for themselves.
            return await asyncio.get_running_loop().run_in_executor(self._readers, look)
        return await asyncio.to_thread(perform)

    def exclusive(self, name: str) -> AbstractAsyncContextManager[None]:
        return self._exclusive(name)

    @asynccontextmanager
    async def _exclusive(self, name: str) -> AsyncIterator[None]:
        if self.path is None:
            yield
            return
        with self._guarded():
            lock = FileLock(self.path.with_name(f"{self.path.name}.{name}"))
        try:  # whoever gives up while waiting closes it, too: the thread that waits on would keep it for good
            await asyncio.to_thread(lock.acquire)
            yield
        finally:
            lock.close()

    # -- the ways to run

    def _is_brief(self, query: str) -> bool:
        """Tell whether a write is worth no hop to another thread: it was quick lately, commits are, and nobody waits for the writer."""
        return not self._pending and self._commit_seconds < BRIEF and self._seconds.get(query, 0.0) < BRIEF

    def _write_at_once(self, query: str, values: Mapping[str, Any]) -> list[Row] | None:
        """Write on the loop's own thread, or answer None where that would mean to wait: for the gate, or for a foreign writer."""
        gate = self._gate
        if gate is None or self._closing or not gate.try_acquire():
            return None
        try:
            self._wait_at_most(0)
            return self._run_one(self.query(query), values)
        except sqlite3.OperationalError as error:
            if (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_BUSY"):
                return None
            raise self._translate(error) from error
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            raise self._translate(error) from error
        finally:
            gate.release()

    def _wait_at_most(self, milliseconds: int) -> None:
        """Say how long the writing connection waits for foreign writers; asked of SQLite only when it changes."""
        if self._busy_milliseconds != milliseconds:
            self._opened().execute(f"pragma busy_timeout={milliseconds}")
            self._busy_milliseconds = milliseconds

    def _run_one(self, query: Query, values: Mapping[str, Any], joined: Joined | None = None) -> list[Row]:
        """Run one write in a transaction of its own, and remember how long its parts took."""
        connection = self._opened()
        began = time.perf_counter()
        connection.execute("begin immediate")
        try:
            rows = _run(connection, query, {**values, "now": self._clock()})
            self._run_along(connection, joined, rows)
            done = time.perf_counter()
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:  # a commit that failed leaves it open too
                connection.execute("rollback")
            raise
        self._seconds[query.name] = done - began
        self._committed_in(time.perf_counter() - done)
        return rows

    def _committed_in(self, seconds: float) -> None:
        self._commit_seconds += (seconds - self._commit_seconds) * 0.2

    def _opened(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            raise StoreError("this process was forked from the one that opened the store: open it here as well")
        if self._connection is None:
            raise StoreUnavailable("the store is closed")
        return self._connection

    def _run_here(self, query: Query, values: Mapping[str, Any], joined: Joined | None = None) -> list[Row]:
        with self._guarded(), self._turn():
            self._wait_at_most(BUSY_MILLISECONDS)
            return self._run_one(query, values, joined)

    def _run_along(self, connection: sqlite3.Connection, joined: Joined | None, rows: list[Row]) -> None:
        """Run what goes along with a write that has just answered, in its transaction."""
        if joined is not None and (second := joined.second(rows)) is not None:
            _run(connection, second[0], {**second[1], "now": self._clock()})

    def write_now(self, query: str, /, **values: Any) -> list[Row]:
        """Run a write on the caller's own thread: for blocking callers, who have no loop to wait on."""
        return self._run_here(self.query(query), values)

    def _turn(self) -> contextlib.AbstractContextManager[object]:
        return self._gate if self._gate is not None else contextlib.nullcontext()

    def _write_for_ever(self) -> None:
        while True:
            with self._wanted:
                while not self._pending and not self._closing:
                    self._wanted.wait()
                if not self._pending:
                    return
                batch = [self._pending.popleft() for _ in range(min(len(self._pending), MOST_TOGETHER))]
            try:
                with self._turn():
                    self._write_together(batch)
            except BaseException as error:  # noqa: BLE001 - this thread answers for everything, or callers wait for ever
                for request in batch:
                    request.rows, request.error = None, self._translate(error)
            by_loop: dict[asyncio.AbstractEventLoop, list[_Request]] = {}
            for request in batch:
                by_loop.setdefault(request.loop, []).append(request)
            for loop, requests in by_loop.items():
                with contextlib.suppress(RuntimeError):  # the loop was closed while its caller waited
                    loop.call_soon_threadsafe(_answer, requests)

    def _write_together(self, batch: list[_Request]) -> None:
        connection = self._opened()
        self._wait_at_most(BUSY_MILLISECONDS)
        connection.execute("begin immediate")
        try:
            for request in batch:
                began = time.perf_counter()
                if len(batch) > 1:
                    connection.execute("savepoint one")
                try:
                    request.rows = _run(connection, request.query, {**request.values, "now": self._clock()})
                    self._run_along(connection, request.joined, request.rows)
                except (sqlite3.Error, ValueError, OverflowError) as error:  # the request's own fault spares the others
                    request.error = self._translate(error)
                    if len(batch) == 1 or not connection.in_transaction:
                        raise
                    connection.execute("rollback to one")
                self._seconds[request.query.name] = time.perf_counter() - began
                if len(batch) > 1:
                    connection.execute("release one")
            began = time.perf_counter()
            connection.execute("commit")
            self._committed_in(time.perf_counter() - began)
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise

    def _read_here(self, query: Query, values: Mapping[str, Any]) -> list[Record]:
        with self._guarded():
            began = time.perf_counter()
            records = _records(self._reader().execute(query.statements[0], {**values, "now": self._clock()}))
            self._seconds[query.name] = time.perf_counter() - began
            return records

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect(str(self.path))
            self._local.connection = connection
            self._open_readers.append(connection)
        return connection

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            raise self._translate(error) from error

    def _translate(self, error: BaseException) -> BaseException:
        where = self.path or "the database in memory"
        if isinstance(error, sqlite3.IntegrityError) and "UNIQUE" in str(error):
            return Conflict(f"{where} holds that already ({error})")
        if isinstance(error, sqlite3.Error):
            name = getattr(error, "sqlite_errorname", "") or ""
            text = str(error)
            if text.startswith("no such table: mainspring_"):
                return StoreUnavailable(f"{where} has no tables of ours ({text}): run 'mainspring migrate'")
            if name.startswith("SQLITE_NOTADB"):
                return StoreForeign(f"{where} is not an SQLite database: choose another file")
            if name.startswith("SQLITE_CORRUPT"):
                return StoreUnavailable(f"{where} is damaged ({text}): restore it from a backup")
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                return StoreUnavailable(
                    f"{where} has been locked by another program for {BUSY_SECONDS:g} s: close what holds it, then try again"
                )
            if name.startswith("SQLITE_FULL"):
                return StoreUnavailable(f"the disk of {where} is full: free some space; nothing was half written")
            if name.startswith("SQLITE_READONLY"):
                return StoreUnavailable(f"{where} is read-only: check the rights of the file and of its directory")
            if name.startswith("SQLITE_CANTOPEN"):
                return StoreUnavailable(f"cannot open {where}: check that its directory exists and may be written")
            if name.startswith("SQLITE_IOERR"):
                return StoreUnavailable(f"reading or writing {where} failed ({text}): check the disk")
            return StoreError(f"{where}: {text}")
        if isinstance(error, PermissionError):
            return StoreUnavailable(f"{where} may not be written ({error.strerror}): check the rights of the file and of its directory")
        if isinstance(error, (ValueError, OverflowError)):
            return StoreError(f"{where} cannot keep a value: {error}")
        if isinstance(error, OSError):
            return StoreUnavailable(f"cannot use {where}: {error.strerror or error}")
        return error

    # -- hints, lists, times

    async def notify(self, payload: str) -> None:
        if self.path is not None:
            if self._sockets is None:
                self._sockets = Sockets(self.path)
            self._sockets.send(payload.encode())

    async def listen(self, hear: Callable[[str], None]) -> None:
        if self.path is not None:
            if self._sockets is None:
                self._sockets = Sockets(self.path)
            self._sockets.listen(asyncio.get_running_loop(), lambda message: hear(message.decode("utf-8", "replace")))

    def to_time(self, moment: datetime | None) -> int | None:
        return None if moment is None else (moment - _EPOCH) // _MICROSECOND

    def to_list(self, values: list[Any] | None) -> str | None:
        return None if values is None else json.dumps(values)

    def from_time(self, value: Any) -> datetime | None:
        return None if value is None else _EPOCH + value * _MICROSECOND

    async def now(self) -> datetime:
        return _EPOCH + self._clock() * _MICROSECOND


def _run(connection: sqlite3.Connection, query: Query, values: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for statement in query.statements:
        rows = connection.execute(statement, values).fetchall()
    return rows


def _records(cursor: sqlite3.Cursor) -> list[Record]:
    if cursor.description is None:
        return []
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _answer(requests: list[_Request]) -> None:
    for request in requests:
        if request.future.done():
            continue
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.rows or [])


def _split(script: str) -> list[str]:
    statements, held = [], ""
    for line in script.splitlines():
        held += line + "\n"
        if sqlite3.complete_statement(held):
            statements.append(held.strip())
            held = ""
    return [*statements, held.strip()] if held.strip() else statements
