"""The server: uvicorn inside a process that has other things to do. It leaves signals alone, and listens before it answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from mainspring.core.errors import ConfigurationError
from mainspring.web.health import Receive, Scope, Send

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

GRACE = 2  # seconds for answers that are under way when the server is closed, and for a socket to say good-bye
PING = 20.0  # seconds between pings of a socket
LONGEST_WORD = 64 * 1024  # bytes that a client may send by a socket at once
CLOSING: Final = "mainspring.closing"  # in a scope: an event that is set when the server is about to close


Application = Callable[[Any, Any, Any], Awaitable[None]]  # as frameworks type theirs


def listen_at(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises `ConfigurationError` where the address is taken or not this machine's."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigurationError(f"{host}:{port} cannot be listened on ({error.strerror}): choose another address") from None


def address_of(listening: socket.socket) -> str:
    """Return where a socket listens, as an address to open."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if listening.family == socket.AF_INET6 else host}:{port}"


class _Socket(WebSocketsSansIOProtocol):
    """A socket that does not outlive its end: a client that reads nothing would keep it open for as long as it likes."""

    async def run_asgi(self) -> None:
        """Answer, and cut the line if it is still there a while later."""
        await super().run_asgi()
        self.loop.call_later(GRACE, self.transport.abort)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to who owns the process."""
        yield


class Server:
    """Answers HTTP with an ASGI application, in the event loop that opens it."""

    def __init__(self, app: ASGIApplication | Application, host: str, port: int, *, inherited: int | None = None) -> None:
        """Make one. ``inherited`` is the descriptor of a socket that a parent already listens with, in place of host and port."""
        self._app, self._host, self._port, self._inherited = cast("Application", app), host, port, inherited
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def _told(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, with what says that this server is about to close: those who tell what happens let their clients go then."""
        await self._app({**scope, CLOSING: self._closing}, receive, send)

    async def open(self) -> str:
        """Listen; answers the address. Raises `ConfigurationError` where that is taken or not this machine's."""
        listening = listen_at(self._host, self._port) if self._inherited is None else socket.socket(fileno=os.dup(self._inherited))
        self._listening = listening
        # The store is the application's business, not the server's: no lifespan. Logging is this process's own.
        # Frames are made once and sent to many: to squeeze them anew for each viewer would cost more than all else. Who does not answer a
        # ping for as long again is gone.
        config = uvicorn.Config(
            cast("ASGIApplication", self._told), interface="asgi3", lifespan="off", log_config=None, access_log=False, proxy_headers=False,
            timeout_graceful_shutdown=GRACE, ws=_Socket, ws_per_message_deflate=False, ws_ping_interval=PING, ws_ping_timeout=PING,
            ws_max_size=LONGEST_WORD, server_header=False,
        )  # fmt: skip
        self._server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listening]), name="mainspring-http")
        return address_of(listening)

    @property
    def is_up(self) -> bool:
        """Whether it answers, or is about to."""
        return self._task is not None and not self._task.done()

    async def close(self) -> None:
        """Let answers end that are under way, and listen no more."""
        if self._task is None:
            return
        self._closing.set()
        await asyncio.sleep(0)
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)
        self._listening.close()
