"""The server: uvicorn inside a process that has other things to do. It leaves signals alone, and listens before it answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from mainspring.core.errors import ConfigurationError

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

GRACE = 2  # seconds for answers that are under way when the server is closed


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to who owns the process."""
        yield


class Server:
    """Answers HTTP with an ASGI application, in the event loop that opens it."""

    def __init__(self, app: ASGIApplication, host: str, port: int) -> None:
        self._app, self._host, self._port = app, host, port
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> str:
        """Listen; answers the address. Raises `ConfigurationError` where that is taken or not this machine's."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listening = socket.create_server((self._host, self._port), family=family)
        except OSError as error:
            raise ConfigurationError(
                f"{self._host}:{self._port} cannot be listened on ({error.strerror}): choose another address"
            ) from None
        self._listening = listening
        port = listening.getsockname()[1]
        # The store is the application's business, not the server's: no lifespan. Logging is this process's own.
        config = uvicorn.Config(self._app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=GRACE, ws="none")
        self._server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listening]), name="mainspring-http")
        return f"http://{f'[{self._host}]' if family == socket.AF_INET6 else self._host}:{port}"

    @property
    def is_up(self) -> bool:
        """Whether it answers, or is about to."""
        return self._task is not None and not self._task.done()

    async def close(self) -> None:
        """Let answers end that are under way, and listen no more."""
        if self._task is None:
            return
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)
        self._listening.close()
