"""The guard for development and tests: who leaves work behind that nobody looks after is told so while the code is being written.

`Guard` wraps an ASGI application and `WSGIGuard` a WSGI one. A handler whose task, thread, future, process or after-response work still
runs a second after the answer gets an `UnfinishedWork` warning, with the handler, the line that started it, how long it has lived, and what
to do instead. The guard is off, and costs one look at a flag, unless it is asked for: by ``enabled=True``, by ``MAINSPRING_GUARD=1``, by
``TASK_RUNNER_ENVIRONMENT=development`` in the environment, or by the fixture ``ms_guard`` of pytest, which turns it into a failure.

It sees what happened, where ``mainspring check`` sees what is written; both know the comment that justifies a line.
"""

from __future__ import annotations

import asyncio
import linecache
import logging
import os
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mainspring.advisor.spawned import Frame, Unit, Work, current, unwatch, watch, watch_loop

__all__ = ["Guard", "Recorder", "Unfinished", "UnfinishedWork", "WSGIGuard"]

GRACE = 1.0  # seconds after the response: less is what a counter or a line of log takes
CODES = {"task": "MS101", "thread": "MS102", "future": "MS103", "background": "MS104", "process": "MS105"}
# Grounds that say that there is nothing left by then; a guard that sees something knows better.
DISPROVED = ("sub-second", "request-scoped", "stream-scoped")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

log = logging.getLogger("mainspring.guard")


class UnfinishedWork(RuntimeWarning):
    """A handler has answered and left work behind that a restart would lose."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One thing that was left behind. ``seconds`` is how long after the response it was seen; ``is_cancelled``: it was cut off by then."""

    handler: str
    what: str
    name: str
    stack: tuple[Frame, ...]
    seconds: float
    is_cancelled: bool = False
    disproved: str = ""  # the ground of a comment that says otherwise

    @property
    def code(self) -> str:
        """The rule of ``mainspring check`` that is about it."""
        return CODES[self.what]

    @property
    def place(self) -> str:
        """The line that started it, as ``path:line``; empty where nobody knows it."""
        return f"{self.stack[0].path}:{self.stack[0].line}" if self.stack else ""

    def __str__(self) -> str:
        """Return one line: who, what, where, how long, and what to do instead."""
        from mainspring.advisor.output.plain import plain
        from mainspring.i18n import t

        fate = "cut" if self.is_cancelled else "alive"
        what = t(f"guard.{self.what}", name=self.name)
        told = [t(f"guard.{fate}", handler=self.handler, what=what, seconds=f"{self.seconds:.1f}")]
        if self.stack:
            told.append(t("guard.place", place=self.place, function=self.stack[0].function))
        if self.disproved:
            told.append(t("guard.disproved", ground=self.disproved))
        told.append(t(f"guard.instead.{self.what}", name=self.name.rpartition(".")[2], code=self.code))
        return plain(" ".join(told))

    def traceback(self) -> str:
        """Return the stack that started it, outermost first, as Python writes one."""
        lines = []
        for frame in reversed(self.stack):
            lines.append(f'  File "{frame.path}", line {frame.line}, in {frame.function}')
            if source := linecache.getline(frame.path, frame.line).strip():
                lines.append(f"    {source}")
        return "\n".join(lines)


class _Watching:
    """What both guards share: whether they are on, and what they say of a request that is over."""

    def __init__(self, *, enabled: bool | None, grace: float, on_unfinished: Callable[[Unfinished], None] | None) -> None:
        if grace < 0:
            raise ValueError(f"grace={grace} is below zero: give seconds after the response, as 1.0")
        self._enabled = _is_asked_for(os.environ) if enabled is None else enabled
        self._grace = grace
        self._tell = on_unfinished or self._warn
        self._told: set[tuple[str, str]] = set()
        if self._enabled:
            watch()

    @property
    def is_on(self) -> bool:
        """Whether requests are watched."""
        return self._enabled or bool(_recorders)

    def close(self) -> None:
        """Switch it off for good; what it put into constructors goes with the last guard."""
        if self._enabled:
            self._enabled = False
            unwatch()

    def _begin(self, handler: Callable[[], str], clock: Callable[[], float]) -> Unit:
        unit = Unit(handler, clock)
        if _recorders:
            _recorders[-1].units.append(unit)
        return unit

    def _look(self, unit: Unit) -> None:
        """Tell of everything that still runs."""
        self._say(unit, [*unit.alive(), *unit.deferred()])

    def _say(self, unit: Unit, works: Iterable[Work]) -> None:
        for work in works:
            if work.is_told:
                continue
            work.is_told = True
            if (found := unfinished(unit, work)) is not None:
                (_recorders[-1].found.append if _recorders else self._tell)(found)

    def _warn(self, found: Unfinished) -> None:
        if (key := (found.handler, found.place)) in self._told:
            return  # the next request does it again: once is enough to see it
        self._told.add(key)
        log.warning("%s", found)
        path, line = (found.stack[0].path, found.stack[0].line) if found.stack else ("<after the response>", 1)
        try:
            warnings.warn_explicit(f"{found}\n{found.traceback()}", UnfinishedWork, path, line)
        except UnfinishedWork:
            pass  # whoever makes warnings errors has read it in the log; here there is nobody to raise it to


class Guard(_Watching):
    """ASGI middleware: ``app.add_middleware(Guard)``, or ``Guard(app)`` around any application.

    ``enabled``: on or off whatever the environment says. ``grace``: seconds after the response that work may take. ``on_unfinished`` is
    called with an `Unfinished` instead of the warning. ``clock`` returns seconds; the loop's own by default.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        enabled: bool | None = None,
        grace: float = GRACE,
        on_unfinished: Callable[[Unfinished], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(enabled=enabled, grace=grace, on_unfinished=on_unfinished)
        self.app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look after it when it was answered."""
        if not self.is_on or scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        watch_loop(loop)
        unit = self._begin(lambda: _asgi_handler(scope), self._clock or loop.time)
        timer: asyncio.TimerHandle | None = None

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal timer
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body") and unit.answered is None:
                unit.answer()
                timer = loop.call_later(self._grace, self._look, unit)

        token = current.set(unit)
        try:
            await self.app(scope, receive, watched)
        finally:
            current.reset(token)
            unit.answer()
            assert unit.answered is not None
            if timer is not None:
                timer.cancel()
            spent = unit.clock() - unit.answered
            if spent > self._grace:  # also where it has kept the loop from looking
                self._say(unit, [work for work in unit.later if work.ended is None or work.ended - unit.answered > self._grace])
            unit.is_returned = True
            if unit.alive():
                loop.call_later(max(self._grace - spent, 0.0), self._look, unit)


class WSGIGuard(_Watching):
    """WSGI middleware: ``app.wsgi_app = WSGIGuard(app.wsgi_app)`` for Flask, ``WSGIGuard(get_wsgi_application())`` for Django.

    As `Guard`; ``later(seconds, function)`` calls a function after a while, in a daemon thread by default.
    """

    def __init__(
        self,
        app: WSGIApp,
        *,
        enabled: bool | None = None,
        grace: float = GRACE,
        on_unfinished: Callable[[Unfinished], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        super().__init__(enabled=enabled, grace=grace, on_unfinished=on_unfinished)
        self.app = app
        self._clock, self._later = clock, later or _in_a_thread

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a request on, and look after it when its body was closed."""
        if not self.is_on:
            return self.app(environ, start_response)
        unit = self._begin(_WsgiHandler(environ), self._clock)
        current.set(unit)
        try:
            body = self.app(environ, start_response)
        except BaseException:
            self._answered(unit)
            raise
        return _Body(body, lambda: self._answered(unit))

    def _answered(self, unit: Unit) -> None:
        if unit.is_returned:
            return  # a body is over when it has been read, and again when it is closed
        current.set(None)
        unit.answer()
        unit.is_returned = True
        if unit.alive():
            self._later(self._grace, lambda: self._look(unit))


class _Body:
    """A response's body, which says when it was read to its end, or closed before."""

    def __init__(self, body: Iterable[bytes], on_close: Callable[[], None]) -> None:
        self._body, self._on_close = body, on_close

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        self._on_close()

    def close(self) -> None:
        try:
            if (close := getattr(self._body, "close", None)) is not None:
                close()
        finally:
            self._on_close()


class Recorder:
    """For tests: while it is entered, every guard is on and writes here what it finds. The fixture ``ms_guard`` is one.

    Nobody waits in a test, so that work counts as left behind as well when it was cancelled after the response, as a test client's loop
    does with everything when it closes, and when it still runs as the recorder is asked. Threads get the rest of their second first.
    """

    def __init__(self, *, grace: float = GRACE) -> None:
        self.grace = grace
        self.units: list[Unit] = []
        self.found: list[Unfinished] = []
        self._made: list[Guard | WSGIGuard] = []

    def __call__(self, app: ASGIApp, **settings: Any) -> Guard:
        """Return an ASGI application with a guard around it."""
        return Guard(app, grace=self.grace, **settings)

    def wsgi(self, app: WSGIApp, **settings: Any) -> WSGIGuard:
        """Return a WSGI application with a guard around it."""
        return WSGIGuard(app, grace=self.grace, **settings)

    def __enter__(self) -> Recorder:
        watch()
        _recorders.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _recorders.remove(self)
        unwatch()

    def left_behind(self) -> list[Unfinished]:
        """Return everything that requests have left behind so far; waits up to ``grace`` seconds for threads that are about to end."""
        for unit in self.units:
            for work in unit.works:
                if work.is_told or not work.is_left:
                    continue
                if work.is_alive() and work.wait is not None:
                    work.wait(self.grace)
                is_lost = work.is_cancelled or (work.what == "task" and work.ended is None)  # its loop is gone, or nobody held it
                if work.is_alive() or is_lost:
                    work.is_told = True
                    if (found := unfinished(unit, work, is_cancelled=not work.is_alive())) is not None:
                        self.found.append(found)
        return self.found

    def assert_nothing_left(self) -> None:
        """Raise `AssertionError` with everything that was left behind, and the stacks that started it."""
        if found := self.left_behind():
            raise AssertionError("\n".join(f"{each}\n{each.traceback()}" for each in found))


_recorders: list[Recorder] = []


def unfinished(unit: Unit, work: Work, *, is_cancelled: bool = False) -> Unfinished | None:
    """Return what is to be told of a piece of work; None where a comment at the line that started it justifies it."""
    ground = _ground_at(work) if work.stack else ""
    if ground and ground not in DISPROVED:
        return None
    end = work.ended if work.ended is not None else unit.clock()
    seconds = max(end - (unit.answered if unit.answered is not None else end), 0.0)
    return Unfinished(unit.handler(), work.what, work.name, work.stack, seconds, is_cancelled, ground)


def _ground_at(work: Work) -> str:
    """Return the ground of the comment that justifies the line that started something, empty where none does."""
    from mainspring.advisor.allow import parse
    from mainspring.advisor.directives import FEWEST_WORDS, SHORTEST_REASON
    from mainspring.advisor.finding import Ground

    for comment in _comments_at(work.stack[0]):
        said = parse(comment)
        if said is None or not said.is_allow or CODES[work.what] not in said.codes or said.ground not in set(Ground):
            continue
        if len(said.reason) >= SHORTEST_REASON and len(said.reason.split()) >= FEWEST_WORDS:
            return said.ground
    return ""


def _comments_at(frame: Frame) -> Iterator[str]:
    """Yield the comments of the statement that a frame stands in: at its end, and on the lines directly above it."""
    import ast

    lines = linecache.getlines(frame.path)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return
    around = [each for each in ast.walk(tree) if isinstance(each, ast.stmt) and each.lineno <= frame.line <= (each.end_lineno or 0)]
    if not around:
        return
    statement = max(around, key=lambda each: (each.lineno, -(each.end_lineno or 0)))
    yield lines[statement.lineno - 1]
    yield lines[(statement.end_lineno or statement.lineno) - 1]
    above = statement.lineno - 2
    while above >= 0 and lines[above].lstrip().startswith("#"):
        yield lines[above]
        above -= 1


def _asgi_handler(scope: Scope) -> str:
    """Return who handled a request, by the router's word and by its address."""
    path = str(getattr(scope.get("route"), "path", None) or scope.get("path", ""))
    address = f"{scope.get('method', 'WEBSOCKET')} {path}"
    endpoint = scope.get("endpoint")
    name = getattr(endpoint, "__qualname__", None)
    return address if name is None else f"{getattr(endpoint, '__module__', '?')}.{name} ({address})"


class _WsgiHandler:
    """Who handles a WSGI request; remembered, since Flask lets go of its request before the guard speaks."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ, self._known = environ, ""

    def __call__(self) -> str:
        request = self._environ.get("werkzeug.request")
        rule, endpoint = getattr(request, "url_rule", None), getattr(request, "endpoint", None)
        address = f"{self._environ.get('REQUEST_METHOD', 'GET')} {rule or self._environ.get('PATH_INFO', '')}"
        if endpoint is not None:
            self._known = f"{endpoint} ({address})"
        return self._known or address


def _is_asked_for(environ: MutableMapping[str, str]) -> bool:
    said = environ.get("MAINSPRING_GUARD", "").strip().lower()
    if said:
        return said in ("1", "true", "yes", "on")
    return environ.get("TASK_RUNNER_ENVIRONMENT", "").strip().lower() == "development"


def _in_a_thread(seconds: float, function: Callable[[], None]) -> None:
    # mainspring: allow[MS109] process-local -- the guard's own look at a finished request, in development alone: nothing is lost with it
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.is_of_mainspring = True  # type: ignore[attr-defined]
    timer.start()
