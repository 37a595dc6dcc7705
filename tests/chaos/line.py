"""A line between processes and their PostgreSQL that can go dead without a word, lose answers, or be cut."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from urllib.parse import urlsplit


class Line:
    """A TCP proxy on the loopback; ``url`` leads through it to the same database.

    Use it as a context on the test's loop.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._up.set()
        self._down.set()
        self.url = ""

    async def __aenter__(self) -> Line:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        parts = self._parts
        self.url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        self.cut()

    # -- what can happen to a line

    def go_dead(self) -> None:
        """Forward nothing more, in either direction, and say nothing: no reset, no end."""
        self._up.clear()
        self._down.clear()

    def lose_answers(self) -> None:
        """Forward what is asked and keep what is answered."""
        self._down.clear()

    def heal(self) -> None:
        """Forward again, first what has gathered meanwhile."""
        self._up.set()
        self._down.set()

    def cut(self) -> None:
        """Break every connection; what has gathered is lost. New ones are taken."""
        for writer in list(self._writers):
            with contextlib.suppress(Exception):
                writer.transport.abort()
        self._writers.clear()

    # -- carrying

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._parts.port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        self._pump(reader, far_writer, self._up)
        self._pump(far_reader, writer, self._down)

    def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_pass: asyncio.Event) -> None:
        pump = asyncio.get_running_loop().create_task(self._forward(reader, writer, may_pass))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_pass: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await may_pass.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(Exception):
            writer.close()
