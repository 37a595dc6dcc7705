"""Asking the API in a test: an app on a fresh store, its routes as an application of their own, and an event loop that runs while asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from mainspring import Mainspring, Task
from mainspring.core.access import EVERYTHING
from mainspring.core.run_filter import RunFilter
from mainspring.operations.operation import Caller
from mainspring.web.api import routes
from mainspring.web.live.hub import Hub
from mainspring.web.site import Site
from tests.web.who import YOU

V = TypeVar("V")
PATIENCE = 60.0  # seconds that anything may take on a loaded machine before a test gives up
Body = bytes | str | Mapping[str, Any] | Sequence[Any] | None


@dataclass
class Answer:
    """What was answered, as it was sent."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Asking:
    """``asking.get("/api/v1/runs")``, ``asking.post("/api/v1/tasks/add/start", {"a": 1}, mainspring_label="x")``.

    `headers` are sent with every request; names of keyword arguments become headers, ``_`` for ``-``.
    """

    def __init__(self, app: Mainspring, asgi: Any = None, *, root: str = "") -> None:
        self.app, self.root = app, root
        made = routes(Site(app, hub=Hub(app)))
        self.asgi = asgi or Starlette(routes=[Mount(root, routes=made)] if root else made)
        self.runner = asyncio.Runner()
        self.caller: Caller | None = YOU

    def do(self, work: Coroutine[Any, Any, V]) -> V:
        """Let the loop run until something is done."""

        async def bounded() -> V:
            return await asyncio.wait_for(work, PATIENCE)

        return self.runner.run(bounded())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Body = None, **headers: str) -> Answer:
        return self.ask("POST", path, body, **headers)

    def ask(self, method: str, path: str, body: Body = None, **headers: str) -> Answer:
        return self.do(self.asked(method, path, body, **headers))

    async def asked(self, method: str, path: str, body: Body = None, **headers: str) -> Answer:
        """Ask from within the loop."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if isinstance(body, (bytes, str)):
            sent = body.encode() if isinstance(body, str) else body
        else:
            sent = b"" if body is None else json.dumps(body).encode()
        if sent:
            named.setdefault("content-type", "application/json")
        return await self.exchange(method, path, [sent], named)

    async def exchange(
        self, method: str, path: str, pieces: Sequence[bytes] | Iterator[bytes], headers: Mapping[str, str],
        leaving: asyncio.Event | None = None, seen: Callable[[bytes], None] | None = None,
    ) -> Answer:  # fmt: skip
        """Ask with a body in pieces, each taken only when the application wants it; ``leaving`` is when the caller goes away."""
        ahead, over = iter(pieces), False
        answer = Answer(0, {})

        async def receive() -> dict[str, Any]:
            nonlocal over
            if not over:
                piece = next(ahead, None)
                over = piece is None
                return {"type": "http.request", "body": piece or b"", "more_body": not over}
            await (leaving or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            elif message.get("body"):
                if seen is not None:
                    seen(message["body"])
                else:
                    answer.pieces.append(message["body"])

        await self.asgi(self.scope(method, path, headers), receive, send)
        return answer

    def scope(self, method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        raw, _, query = path.partition("?")
        full = self.root + raw
        found: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": unquote(full),
            "raw_path": full.encode(), "query_string": query.encode(), "root_path": "", "server": ("testserver", 80),
            "client": ("127.0.0.1", 1),
            "headers": [(name.encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()],
        }  # fmt: skip
        if self.caller is not None:
            found["mainspring.caller"] = self.caller
        return found

    # -- what else tests want

    def work(self) -> None:
        """Let a node in this process carry out what is there, whenever the loop runs."""
        self.do(self.app.start_worker())

    def runs(self) -> int:
        """Return how many runs there are."""

        async def count() -> int:
            return await (await self.app.store()).run_lists.count(RunFilter(), scope=EVERYTHING)

        return self.do(count())

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit trail, newest first."""

        async def read() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = await (await self.app.store()).audit.page(scope=EVERYTHING)
            return rows

        return self.do(read())

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.do(self.app.close())
        self.runner.close()


@contextlib.contextmanager
def asking(folder: Path, tasks: Sequence[Task[..., Any]], *, root: str = "", **settings: Any) -> Iterator[Asking]:
    """Give an API of some tasks, on a store in a folder."""
    settings = {"isolation": "inline", **settings}
    made = Asking(Mainspring(f"sqlite:///{folder}/store.db", tasks=tasks, **settings), root=root)
    try:
        yield made
    finally:
        made.close()


def walk(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Yield the paths of an application, with something in their slots."""
    for each in routes:
        if isinstance(each, Mount):
            yield from walk(each.routes, prefix + each.path)
        elif isinstance(each, Route):
            yield prefix + each.path


def look_at_everything(api: Asking, slots: Mapping[str, str], routes: Sequence[BaseRoute]) -> dict[str, int]:
    """Ask for every page by GET and HEAD, as a browser and as what fetches ahead; return the statuses by path."""
    found: dict[str, int] = {}
    for path in dict.fromkeys(walk(routes)):
        filled = re.sub(r"\{(\w+)(:\w+)?\}", lambda slot: slots.get(slot[1], "add"), path)
        for method in ("GET", "HEAD"):
            for ahead in ({}, {"sec_purpose": "prefetch;prerender", "purpose": "prefetch"}, {"accept": "text/html"}):
                for query in ("", "?a=1&wait=0", "?async=true&a=1"):
                    found[filled] = api.ask(method, filled + query, **ahead).status
    return found
