"""A reverse proxy as small as can be: it moves a path, tells so in a header or keeps it, and lets sockets through."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """Passes what is below ``prefix`` on to a port; ``strips`` the prefix, and names it in ``X-Forwarded-Prefix``, or keeps it."""

    def __init__(self, port: int, prefix: str, *, strips: bool) -> None:
        self._port, self._prefix, self._strips = port, prefix.encode(), strips
        self._server: asyncio.Server | None = None
        self.asked: list[bytes] = []

    async def open(self) -> str:
        """Listen; answers the address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                line, _, rest = head.partition(b"\r\n")
                method, path, version = line.split(b" ")
                self.asked.append(path)
                if not path.startswith(self._prefix):
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                if self._strips:
                    path = path[len(self._prefix) :] or b"/"
                    rest = b"X-Forwarded-Prefix: " + self._prefix + b"\r\n" + rest
                if b"upgrade: websocket" not in rest.lower():
                    kept = [each for each in rest.split(b"\r\n") if not each.lower().startswith(b"connection:")]
                    rest = b"\r\n".join([b"Connection: close", *kept])
                await self._through(b" ".join((method, path, version)) + b"\r\n" + rest, reader, writer)
        finally:
            writer.close()

    async def _through(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        ours.write(head)
        try:
            ways = [asyncio.create_task(_pipe(reader, ours)), asyncio.create_task(_pipe(theirs, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if not ways[1].done():
                await asyncio.wait({ways[1]}, timeout=1)  # the client has said all, the answer is on its way
            for each in ways:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            ours.close()


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
