"""A stage for live tests: a real store, a line of log at a time at the test's own word, a real server, and viewers of every kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from websockets.asyncio.client import ClientConnection

from mainspring import Mainspring, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import MainspringError
from mainspring.core.event import EventKind
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import Retry
from mainspring.core.run import ClaimedRun, Completed, decide
from mainspring.store.runs import Appended, Completion, Entry
from mainspring.web import live
from mainspring.web.live import Hub
from mainspring.web.problems import code_of, status_of
from mainspring.web.server import Server
from mainspring.web.site import Site
from tests.web.who import YOU

Message = dict[str, Any]


@task
async def talks() -> None:
    """Is never carried out: the test says what it says."""


class House(Protocol):
    """Where runs are begun: an app, and a way to let those know who look."""

    app: Mainspring

    def told(self, run_id: str) -> None: ...


@dataclass
class Run:
    """A run in hand, written to by the test as its node would."""

    stage: House
    claimed: ClaimedRun
    written: int = 0

    @property
    def id(self) -> str:
        return self.claimed.id

    async def say(self, *lines: str, level: str = "info", progress: dict[str, Any] | None = None) -> None:
        """Append lines in one batch, and tell the bus as the recorder does."""
        entries = [Entry(0.0, EventKind.LOG, {"level": level, "message": line}) for line in lines]
        if progress is not None:
            entries.append(Entry(0.0, EventKind.PROGRESS, progress))
        store = await self.stage.app.store()
        assert await store.runs.append([Appended(self.id, self.claimed.claim_id, entries, progress)])
        self.written += len(entries)
        self.stage.told(self.id)

    async def count(self, n: int, *, start: int = 0, together: int = 1000) -> None:
        """Append ``n`` numbered lines."""
        for first in range(start, start + n, together):
            await self.say(*[f"line {number}" for number in range(first, min(first + together, start + n))])

    async def complete(self) -> None:
        """End it."""
        store = await self.stage.app.store()
        assert await store.runs.complete([Completion(self.id, self.claimed.claim_id, 1.0, None)])
        self.stage.told(self.id)


async def begin(house: House, what: Any) -> Run:
    """Enqueue a run and take it: the test is its node."""
    handle = await house.app.enqueue(what)
    store = await house.app.store()
    node = make_claim_id()
    await store.nodes.register(node, name=f"n-{node[-4:]}", host="here", pid=1, lease=timedelta(minutes=5), facts={})
    taken = await store.runs.take(handle.id, node, make_claim_id(), timedelta(minutes=5))
    assert taken is not None
    return Run(house, taken)


@dataclass
class Stage:
    """One process of a fleet: an app on a store, its hub, its server."""

    app: Mainspring
    site: Site
    server: Server
    address: str = ""
    fellows: list[Stage] = field(default_factory=list)

    @property
    def hub(self) -> Hub:
        hub: Hub = self.site.hub
        return hub

    @property
    def ws(self) -> str:
        return self.address.replace("http", "ws", 1)

    def told(self, run_id: str) -> None:
        """Let this process and the others know that something was written; what they do without is tested elsewhere."""
        for each in (self, *self.fellows):
            if (held := each.app._opening.now) is not None:
                held.bus.ended([run_id])

    async def begin(self, tenant: str = "") -> Run:
        """Start a run; the test is its node."""
        return await begin(self, talks.options(tenant=tenant) if tenant else talks)

    @asynccontextmanager
    async def socket(self, *subs: tuple[str, Any], path: str = "/ws", **options: Any) -> AsyncIterator[Tab]:
        """Open a socket and subscribe."""
        async with websockets.connect(f"{self.ws}{path}", max_size=None, **options) as connection:
            tab = Tab(connection)
            for topic, after in subs:
                await tab.subscribe(topic, after)
            yield tab

    async def close(self) -> None:
        await self.server.close()
        await self.app.close()


@dataclass
class Tab:
    """A client of the socket that keeps what it hears."""

    connection: ClientConnection
    frames: list[Message] = field(default_factory=list)

    async def subscribe(self, topic: str, after: Any = 0) -> None:
        await self.connection.send(json.dumps({"sub": topic, "after": after}))

    async def frame(self) -> Message:
        """Return the next frame."""
        found: Message = json.loads(await self.connection.recv())
        self.frames.append(found)
        return found

    async def until(self, kind: str) -> list[Message]:
        """Return the messages that come, up to the first of a kind."""
        heard: list[Message] = []
        while True:
            heard += (await self.frame())["m"]
            if any(each["k"] == kind for each in heard):
                return heard

    async def lines(self, n: int) -> list[Message]:
        """Return the messages that come, up to the n-th line."""
        heard: list[Message] = []
        while len(texts(heard)) < n:
            heard += (await self.frame())["m"]
        return heard


def texts(heard: Sequence[Message]) -> list[str]:
    """Return the texts of the lines in messages."""
    return [row[3] for each in heard if each["k"] == "log" for row in each["l"]]


def numbers(heard: Sequence[Message]) -> list[int]:
    """Return the numbers of the events that messages stand for, in their order."""
    found: list[int] = []
    for each in heard:
        if each["k"] == "log":
            found += range(each["s"], each["s"] + len(each["l"]))
        elif "s" in each:
            found.append(each["s"])
    return found


async def _problem(request: Request, error: Exception) -> Response:

    return Response(json.dumps({"code": code_of(error)}), status_of(error), media_type="application/problem+json")


async def open_stage(url: str, *, guard: Any = None, caller: Any = None, **settings: Any) -> Stage:
    """Open a process: its own app, hub and server."""
    app = Mainspring(url, tasks=[talks], **settings)
    await app.open()
    site = Site(app, guard=guard, hub=Hub(app))
    made = Starlette(routes=live.routes(site), exception_handlers={MainspringError: _problem})

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        scope = {**scope, "mainspring.caller": (caller() if callable(caller) else caller) or YOU}
        await made(scope, receive, send)

    server = Server(asked, "127.0.0.1", 0)
    stage = Stage(app, site, server)
    stage.address = await server.open()
    return stage


def same(stages: Sequence[Stage]) -> None:
    """Let processes hear of each other."""
    for each in stages:
        each.fellows = [other for other in stages if other is not each]


__all__ = ["EVERYTHING", "Completed", "Retry", "Run", "Stage", "Tab", "asyncio", "decide", "numbers", "open_stage", "same", "texts"]
