"""A pooler in transaction mode, as small as it can be: PgBouncer's rules on a loopback port, for tests.

A client has a connection of the server's for the length of a transaction, and the next one it gets is another: they are lent in turn. So
whatever somebody left on a connection (a prepared statement, a setting, an ear) is met by somebody else, and missed by whom it belongs to.
Everything that is said is remembered, so that a test can see that nothing of the kind is even tried.

    with Pooler(url, servers=2) as pooler:
        app = Mainspring(pooler.url)
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import socket
import struct
import threading
from collections import deque
from types import TracebackType
from urllib.parse import urlsplit

import psycopg
from psycopg import pq

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_REPORTED = (
    "server_version", "server_encoding", "client_encoding", "application_name", "is_superuser", "session_authorization", "DateStyle",
    "IntervalStyle", "TimeZone", "integer_datetimes", "standard_conforming_strings", "in_hot_standby", "default_transaction_read_only",
)  # fmt: skip


class Pooler:
    """The pooler of one database. Its clients need no password."""

    def __init__(self, url: str, *, servers: int = 2) -> None:
        self._server_url, self._n = url, servers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pooler", daemon=True)
        self._free: deque[_Server] = deque()
        self._wanted: deque[asyncio.Future[None]] = deque()
        self._all: list[_Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._keys = itertools.count(900_000)
        self._listener: asyncio.Server | None = None
        self.said: list[str] = []  # every statement, as text
        self.named: list[str] = []  # those that were prepared under a name
        self.most_lent = 0
        self.clients = 0

    def __enter__(self) -> Pooler:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """Where clients connect."""
        assert self._listener is not None
        port = self._listener.sockets[0].getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}{urlsplit(self._server_url).path}"

    @property
    def session_state(self) -> list[str]:
        """What was said that would have to outlive a transaction."""
        lasting = re.compile(r"^\s*(listen|unlisten|set\s+(?!local)|prepare|deallocate|declare .* with hold|create temp)|"
                             r"set_config\([^)]*,\s*false\)|pg_(try_)?advisory_lock", re.IGNORECASE)  # fmt: skip
        return [text for text in self.said if lasting.search(text)] + [f"prepared: {text}" for text in self.named]

    async def _start(self) -> None:
        for _ in range(self._n):
            self._add(await _Server.connect(self._server_url))
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._all:
            server.close()

    def _add(self, server: _Server) -> None:
        self._all.append(server)
        self._free.append(server)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.clients += 1
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self.clients -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            size, code = struct.unpack("!II", await reader.readexactly(8))
            rest = await reader.readexactly(size - 8)
            if code in (_SSL, _GSS):
                writer.write(b"N")
            elif code == _CANCEL:
                return
            else:
                break
        del rest
        greeting = _message(b"R", struct.pack("!I", 0))
        for name, value in self._all[0].parameters.items():
            greeting += _message(b"S", name.encode() + b"\0" + value.encode() + b"\0")
        # As PgBouncer does: a number of its own, for a connection is not one process.
        greeting += _message(b"K", struct.pack("!II", next(self._keys), 1)) + _message(b"Z", b"I")
        writer.write(greeting)
        while True:
            first = await _read(reader)
            if first[:1] == b"X":
                return
            server = await self._lend()
            is_clean = False
            try:
                await self._carry(first, reader, writer, server)
                is_clean = True
            finally:
                await self._take_back(server, is_clean=is_clean)

    async def _lend(self) -> _Server:
        while not self._free:
            turn: asyncio.Future[None] = self._loop.create_future()
            self._wanted.append(turn)
            await turn
        server = self._free.popleft()
        self.most_lent = max(self.most_lent, self._n - len(self._free))
        return server

    async def _take_back(self, server: _Server, *, is_clean: bool) -> None:
        if not is_clean:  # its client went in the middle of a transaction
            self._all.remove(server)
            server.close()
            server = await _Server.connect(self._server_url)
            self._all.append(server)
        self._free.append(server)
        while self._wanted:
            turn = self._wanted.popleft()
            if not turn.done():
                turn.set_result(None)
                break

    async def _carry(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: _Server) -> None:
        """Carry messages to and fro until the server stands idle, outside any transaction, with nothing asked of it."""
        asked, answered = 0, 0
        incoming: asyncio.Task[bytes] | None = None
        outgoing = self._loop.create_task(_read(server.reader))
        try:
            asked += self._note(first)
            server.writer.write(first)
            while True:
                if incoming is None:
                    incoming = self._loop.create_task(_read(reader))
                await asyncio.wait({incoming, outgoing}, return_when=asyncio.FIRST_COMPLETED)
                if outgoing.done():
                    message = outgoing.result()
                    writer.write(message)
                    if message[:1] == b"Z":
                        answered += 1
                        if message[5:6] == b"I" and asked == answered and not incoming.done():
                            incoming.cancel()
                            with contextlib.suppress(asyncio.CancelledError):
                                # A message that came in this very moment is not lost: the reader gives whole ones or none.
                                await incoming
                            return
                    outgoing = self._loop.create_task(_read(server.reader))
                elif incoming.done():
                    message = incoming.result()
                    if message[:1] == b"X":
                        raise ConnectionError("the client left")
                    asked += self._note(message)
                    server.writer.write(message)
                    incoming = None
        finally:
            for task in (incoming, outgoing):
                if task is not None and not task.done():
                    task.cancel()
                    with contextlib.suppress(BaseException):
                        await task

    def _note(self, message: bytes) -> int:
        """Remember what is said; answers 1 for what the server ends with ReadyForQuery."""
        kind, body = message[:1], message[5:]
        if kind == b"Q":
            self.said.append(body.rstrip(b"\0").decode())
        elif kind == b"P":
            name, _, rest = body.partition(b"\0")
            text = rest.partition(b"\0")[0].decode()
            self.said.append(text)
            if name:
                self.named.append(text)
        return int(kind in (b"Q", b"S", b"F"))


class _Server:
    """A connection to the server. libpq logs in; from then on only its socket is used."""

    def __init__(self, connection: pq.abc.PGconn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connection, self.reader, self.writer = connection, reader, writer
        found = ((name, connection.parameter_status(name.encode())) for name in _REPORTED)
        self.parameters = {name: value.decode() for name, value in found if value is not None}

    @classmethod
    async def connect(cls, url: str) -> _Server:
        conninfo = psycopg.conninfo.make_conninfo(url, sslmode="disable", gssencmode="disable").encode()
        connection = await asyncio.to_thread(pq.PGconn.connect, conninfo)
        if connection.status != pq.ConnStatus.OK:
            raise ConnectionError(connection.get_error_message())
        raw = socket.socket(fileno=os.dup(connection.socket))
        raw.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=raw)
        return cls(connection, reader, writer)

    def close(self) -> None:
        self.writer.close()
        self._connection.finish()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read one message. Cancelled while it waits for the first byte it has taken nothing."""
    while len(reader._buffer) < 5:  # type: ignore[attr-defined]
        if reader.at_eof():
            raise asyncio.IncompleteReadError(b"", 5)
        await reader._wait_for_data("read")  # type: ignore[attr-defined]
    head = bytes(reader._buffer[:5])  # type: ignore[attr-defined]
    return await reader.readexactly(1 + struct.unpack("!I", head[1:])[0])


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body
