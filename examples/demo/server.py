"""A small web server that fails at times, so that the demo has something to retry."""

from __future__ import annotations

import asyncio
from collections import Counter

PAGES = {"/news": "Water found on the moon.", "/weather": "Sunny, 21 degrees.", "/prices": "A coffee is 2.80."}


class FlakyServer:
    """Serves each page well only now and then: the first request is dropped, the second gets a 503, the third the page."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self.host, self.port = "127.0.0.1", 0

    async def __aenter__(self) -> FlakyServer:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split()[1]
            self._asked[path] += 1
            if path not in PAGES:
                self._answer(writer, "404 Not Found", "no such page")
            elif self._asked[path] % 3 == 0:
                self._answer(writer, "200 OK", PAGES[path])
            elif self._asked[path] % 3 == 2:
                self._answer(writer, "503 Service Unavailable", "not now")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, writer: asyncio.StreamWriter, status: str, body: str) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
