"""Knocking at the door in a test: requests and handshakes with every header and address that there can be, and a browser with a jar."""

from __future__ import annotations

import asyncio
import contextlib
import http.cookies
import re
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

import pytest
from argon2 import PasswordHasher

from mainspring import Mainspring, task
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.operations import passwords
from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from mainspring.web.access.guard import Guard
from mainspring.web.console import console

V = TypeVar("V")
HOST = "127.0.0.1:8080"
LONG = "correct horse battery staple"
LIGHT = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
SAME = {"sec-fetch-site": "same-origin"}


@task
async def greet(name: str = "you") -> str:
    return f"hello {name}"


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def __getitem__(self, name: str) -> str:
        return next(value for each, value in self.headers if each == name)

    def get(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each == name), None)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def cookies(self) -> dict[str, http.cookies.Morsel[str]]:
        found: dict[str, http.cookies.Morsel[str]] = {}
        for name, value in self.headers:
            if name == "set-cookie":
                found |= dict(http.cookies.SimpleCookie(value))
        return found


class Door:
    """A console and whoever stands before it. ``peer`` is where connections come from."""

    def __init__(self, app: Mainspring, **options: Any) -> None:
        self.app = app
        self.guard: Guard = console(app, **options)
        self.runner = asyncio.Runner()
        self.peer: str | None = "127.0.0.1"
        self.root = ""

    def do(self, work: Coroutine[Any, Any, V]) -> V:
        return self.runner.run(work)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | Sequence[tuple[str, str]] = (), body: bytes = b"") -> Answer:
        """Send one request; a Host is added where none is given."""
        return self.do(self.asked(method, path, headers, body))

    async def asked(
        self, method: str, path: str, headers: Mapping[str, str] | Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Answer:  # fmt: skip
        answer, sent = Answer(), False

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in message["headers"]]
            else:
                answer.body += message.get("body", b"")

        await self.guard({**self._scope("http", path, headers), "method": method}, receive, send)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, _named(headers))

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Post a form as a page of this origin does."""
        named = {**SAME, "content-type": "application/x-www-form-urlencoded", **_named(headers)}
        return self.ask("POST", path, named, urlencode(fields or {}).encode())

    def shake(self, path: str = "/ws", **headers: str) -> str:
        """Ask for a socket; answers the type of the first message that came back: accepted, or closed."""

        async def handshake() -> str:
            messages: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

            async def receive() -> dict[str, Any]:
                if not seen:
                    seen.append(1)
                    return {"type": "websocket.connect"}
                await asyncio.sleep(0)
                return {"type": "websocket.disconnect", "code": 1000}

            async def send(message: Mapping[str, Any]) -> None:
                messages.put_nowait(message)

            seen: list[int] = []
            serving = asyncio.ensure_future(self.guard(self._scope("websocket", path, _named(headers)), receive, send))
            first = await asyncio.wait_for(messages.get(), 10)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            return str(first["type"])

        return self.do(handshake())

    def _scope(self, kind: str, path: str, headers: Mapping[str, str] | Sequence[tuple[str, str]]) -> dict[str, Any]:
        raw, _, query = path.partition("?")
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        if not any(name == "host" for name, _ in given):
            given.insert(0, ("host", HOST))
        full = self.root + raw
        return {
            "type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws" if kind == "websocket" else "http",
            "path": unquote(full), "raw_path": full.encode(), "query_string": query.encode(), "root_path": self.root,
            "server": ("127.0.0.1", 8080), "client": None if self.peer is None else (self.peer, 50000), "subprotocols": [],
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given],
        }  # fmt: skip

    def audit(self, verb: str | None = None) -> list[dict[str, Any]]:
        """Return the audit trail, newest first."""

        async def read() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = await (await self.app.store()).audit.page(scope=EVERYTHING, verb=verb)
            return rows

        return self.do(read())

    def close(self) -> None:
        self.do(self.app.close())
        self.runner.close()
        active.retire(self.app)


class Browser:
    """Somebody's browser: keeps cookies, follows nothing by itself, and says where its requests come from."""

    def __init__(self, door: Door) -> None:
        self.door, self.jar = door, dict[str, str]()

    def get(self, path: str, **headers: str) -> Answer:
        return self._kept(self.door.get(path, **self._with(headers)))

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        return self._kept(self.door.post(path, fields, **self._with(headers)))

    def sign_in(self, name: str, password: str = LONG) -> Answer:
        return self.post("/login", {"name": name, "password": password})

    def is_in(self) -> bool:
        """Whether the console lets it in."""
        return self.get("/settings").status == 200

    def _with(self, headers: Mapping[str, str]) -> dict[str, str]:
        jar = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        return {**({"cookie": jar} if jar else {}), "user_agent": "Lynx", **headers}

    def _kept(self, answer: Answer) -> Answer:
        for name, morsel in answer.cookies.items():
            if morsel["max-age"] == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = morsel.value
        return answer


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as they are, but with a thousandth of the work."""
    monkeypatch.setattr(passwords, "_hasher", lambda: LIGHT)


async def say(house: Door, verb: str, **fields: Any) -> Any:
    operation = CATALOG[verb]
    return await operation(house.app, operation.request.model_validate(fields), Caller("root", "test"))


def people(house: Door, *names: str, role: str = "admin", **more: Any) -> None:
    for name in names:
        house.do(say(house, "users.add", name=name, role=role, password=LONG, **more))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").lower(): value for name, value in headers.items()}


def token_in(text: str) -> str:
    """Return the token that a page shows."""
    found = re.search(r"msp_[A-Za-z0-9_-]{43}", text)
    assert found is not None
    return found[0]


def query_of(address: str) -> str:
    """Return path and query of an address."""
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


@contextlib.contextmanager
def door(folder: Path, settings: Mapping[str, Any] | None = None, **options: Any) -> Iterator[Door]:
    """Give a console on a store in a folder; ``settings`` are the app's, ``options`` the console's."""
    made = Door(Mainspring(f"sqlite:///{folder}/store.db", tasks=[greet], isolation="inline", **(settings or {})), **options)
    try:
        yield made
    finally:
        made.close()
