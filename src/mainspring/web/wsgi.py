"""The console under WSGI, for Flask, Django and whatever else has no event loop: ``console_wsgi(app)`` is a WSGI application.

The ASGI application lives on the thread of ``app.blocking``, where the store is open; the server's own threads carry bytes to it and from
it, piece by piece in both directions, so an upload is never held in memory. There are no sockets under WSGI, and a request that waits would
hold a whole worker: pages ask from time to time (`POLLING`).
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from starlette.types import ASGIApp

    from mainspring.app import Mainspring
    from mainspring.app.app import App

POLLING: Final = "mainspring.polling"  # in a scope: neither sockets nor streams nor long polls, please
PIECE = 64 * 1024  # bytes of a body that are read at once
LOOK_EVERY = 1.0  # seconds between looks whether the other thread is still there
NOT_PASSED_ON = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})  # hop by hop: the server's business (PEP 3333)

Message = MutableMapping[str, Any]
log = logging.getLogger("mainspring")


def console_wsgi(app: Mainspring, **options: Any) -> ConsoleWsgi:
    """Return the console as a WSGI application; the options are those of `mainspring.web.console.console`.

    Mount it under any path; the server's ``SCRIPT_NAME`` says which. It needs no event loop and starts nothing before its first request.
    """

    def make(twin: App) -> ASGIApp:
        from mainspring.web.console import console

        return console(cast("Mainspring", twin), **options)

    return ConsoleWsgi(app, make)


def mounted(host: WSGIApplication, path: str, console: WSGIApplication) -> WSGIApplication:
    """Return a WSGI application that is the host's, but for what is below ``path``: that is the console's."""
    prefix = path.rstrip("/")

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = str(environ.get("PATH_INFO", ""))
        if asked != prefix and not asked.startswith(f"{prefix}/"):
            return host(environ, start_response)
        moved = {**environ, "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + prefix, "PATH_INFO": asked.removeprefix(prefix)}
        return console(moved, start_response)

    return answer


class ConsoleWsgi:
    """Answers WSGI requests by an ASGI application that ``make`` builds for the app of the other thread, once a process."""

    def __init__(self, app: Mainspring, make: Callable[[App], ASGIApp]) -> None:
        self._app, self._make = app, make
        self._made: tuple[App, ASGIApp] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        """Answer one request."""

        async def begin(twin: App) -> _Exchange:
            if self._made is None or self._made[0] is not twin:
                self._made = (twin, self._make(twin))
            return _Exchange(self._made[1], environ)

        answer = _Answer(self._app.blocking.do(begin), environ)
        status, headers = answer.head()
        start_response(status, headers)
        return answer


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the server's thread is to do: send a message, or read a piece of the request where there is none; ``done`` is told of it."""

    message: Message | None
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _End:
    """The application has returned, or raised."""

    error: Exception | None


class _Exchange:
    """One request and its answer, on the loop's side; `wanted` is the line to the server's thread."""

    def __init__(self, application: ASGIApp, environ: WSGIEnvironment) -> None:
        self.loop = asyncio.get_running_loop()
        self.wanted: queue.SimpleQueue[_Wish | _End] = queue.SimpleQueue()
        self._is_read = False
        self._gone = asyncio.Event()
        self._pending: set[asyncio.Future[Any]] = set()
        self.task = self.loop.create_task(self._run(application, scope_of(environ)), name="mainspring-wsgi")

    async def _run(self, application: ASGIApp, scope: Message) -> None:
        end = _End(None)
        try:
            await application(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - carried to the server's thread, which tells of it
            end = _End(error)
        finally:
            self.wanted.put(end)

    async def _receive(self) -> Message:
        if self._is_read or self._gone.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        piece, is_more = await self._ask(None)
        self._is_read = not is_more
        return {"type": "http.request", "body": piece, "more_body": is_more}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            raise OSError("the client has gone")
        await self._ask(message)

    async def _ask(self, what: Message | None) -> Any:
        future: asyncio.Future[Any] = self.loop.create_future()
        self._pending.add(future)
        try:
            self.wanted.put(_Wish(what, future))
            return await future
        finally:
            self._pending.discard(future)

    def leave(self) -> None:
        """Say, on the loop, that nobody listens any more."""
        self._gone.set()
        for each in self._pending:
            if not each.done():
                each.set_exception(OSError("the client has gone"))


class _Answer:
    """The answer, on the server's thread: an iterator that does whatever the application wants done until it has a piece of the body."""

    def __init__(self, exchange: _Exchange, environ: WSGIEnvironment) -> None:
        self._exchange, self._environ = exchange, environ
        self._left = _length(environ)
        self._written: asyncio.Future[Any] | None = None
        self._first: bytes | None = None
        self._is_last = False

    def head(self) -> tuple[str, list[tuple[str, str]]]:
        """Wait for status and headers, and for the first piece of the body: what fails before that still becomes a 500."""
        head: Message = {"status": 500, "headers": [(b"content-type", b"text/plain; charset=utf-8")]}
        while True:
            wish = self._next()
            if isinstance(wish, _End):
                if wish.error is not None:
                    path = self._environ.get("PATH_INFO", "")
                    log.error("the console could not answer %s %s", self._environ["REQUEST_METHOD"], path, exc_info=wish.error)
                self._first, self._is_last = b"Internal Server Error", True
                return _line(500), [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
            message, done = wish
            if message["type"] == "http.response.body":
                break
            if message["type"] == "http.response.start":
                head = message
            self._tell(done, None)
        self._take(message, done)
        found = [(name, value) for name, value in head.get("headers", ()) if name.lower() not in NOT_PASSED_ON]
        return _line(head["status"]), [(name.decode("latin-1"), value.decode("latin-1")) for name, value in found]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        if self._written is not None:
            written, self._written = self._written, None
            self._tell(written, None)
        if self._is_last:
            raise StopIteration
        while True:
            wish = self._next()
            if isinstance(wish, _End):
                if wish.error is not None:
                    raise wish.error  # the server cuts the connection: half an answer must not look whole
                raise StopIteration
            message, done = wish
            if message["type"] == "http.response.body":
                self._take(message, done)
                return self.__next__()
            self._tell(done, None)

    def close(self) -> None:
        """Called by the server when the answer is out, or its client has gone: what the application still does is told so."""
        self._call(self._exchange.leave)

    def _take(self, message: Message, done: asyncio.Future[Any]) -> None:
        self._first, self._is_last, self._written = message.get("body", b""), not message.get("more_body", False), done

    def _next(self) -> tuple[Message, asyncio.Future[Any]] | _End:
        """Return the next message of the application, or its end; what it wants to read it is given meanwhile."""
        while True:
            try:
                wish = self._exchange.wanted.get(timeout=LOOK_EVERY)
            except queue.Empty:
                if not self._exchange.loop.is_running():
                    return _End(RuntimeError("the app was closed while it answered"))
                continue
            if isinstance(wish, _End):
                return wish
            if wish.message is not None:
                return wish.message, wish.done
            try:
                self._tell(wish.done, self._read())
            except OSError as error:  # the client went while it sent
                self._tell(wish.done, error)

    def _read(self) -> tuple[bytes, bool]:
        """Read a piece of the request's body; answers it, and whether there is more."""
        size = PIECE if self._left is None else min(PIECE, self._left)
        piece: bytes = self._environ["wsgi.input"].read(size) if size else b""
        if self._left is not None:
            if size and not piece:
                raise OSError("the request's body is shorter than it said")
            self._left -= len(piece)
            return piece, self._left > 0
        return piece, bool(piece)

    def _tell(self, done: asyncio.Future[Any], answer: object) -> None:
        def tell() -> None:
            if done.done():
                return
            if isinstance(answer, OSError):
                done.set_exception(answer)
            else:
                done.set_result(answer)

        self._call(tell)

    def _call(self, what: Callable[[], None]) -> None:
        try:
            self._exchange.loop.call_soon_threadsafe(what)
        except RuntimeError:  # the loop is closed: nobody is there to be told
            pass


def scope_of(environ: WSGIEnvironment) -> Message:
    """Return the ASGI scope of a WSGI request."""
    root = _text(environ.get("SCRIPT_NAME", "")).rstrip("/")
    path = root + _text(environ.get("PATH_INFO", "") or "/")
    headers = [(name[5:].lower().replace("_", "-"), str(value)) for name, value in environ.items() if name.startswith("HTTP_")]
    headers += [(name.lower().replace("_", "-"), str(environ[name])) for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)]
    client = environ.get("REMOTE_ADDR")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2] or "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": path,
        "raw_path": quote(path, safe="/!$&'()*+,;=:@~-._").encode("ascii"),
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "root_path": root,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": (client, int(environ.get("REMOTE_PORT") or 0)) if client else None,
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        "extensions": {},
        "state": {},
        POLLING: True,
        "wsgi.environ": environ,  # what the host's own middleware has left there: `authenticate` may look
    }


def _text(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")  # WSGI carries bytes as latin-1 (PEP 3333)


def _length(environ: WSGIEnvironment) -> int | None:
    """Return how many bytes the body has; None where only its end will tell (chunked, from a server that says so)."""
    given = environ.get("CONTENT_LENGTH")
    if given:
        return max(int(given), 0) if str(given).isdigit() else 0
    return None if environ.get("wsgi.input_terminated") else 0


def _line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


__all__ = ["POLLING", "ConsoleWsgi", "console_wsgi", "mounted", "scope_of"]
