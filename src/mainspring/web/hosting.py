"""How the console is hosted: by a node of ours, under a path that a proxy keeps, and with the plain endpoints beside the pages.

``console(app)`` mounted in another application needs nothing of this: its addresses follow ``root_path``, whoever sets it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import BaseRoute, Route

from mainspring.web import pulse
from mainspring.web.health import PATHS, HealthApp

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send
    from uvicorn._types import ASGIApplication

    from mainspring.app import Mainspring
    from mainspring.web.site import Site


def routes(site: Site) -> list[BaseRoute]:
    """Return the endpoints that programs ask: health, and pulses for those who know their secret."""
    health = HealthApp(site.app)
    return [*(Route(path, health) for path in PATHS), Route(pulse.PATH, pulse.pulse_asgi(site.app, path=None))]


class Under:
    """An application below a path: what proxies pass on that keep the path. Probes of health are answered without it as well."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one socket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        outer = scope.get("root_path", "").rstrip("/")
        path = scope["path"].removeprefix(outer)
        if path.startswith(f"{self._prefix}/"):
            await self._app({**scope, "root_path": outer + self._prefix}, receive, send)
        elif path in PATHS or scope["type"] != "http":
            await self._app(scope, receive, send)
        elif path in ("/", self._prefix) and scope["method"] in ("GET", "HEAD"):
            await RedirectResponse(f"{quote(outer + self._prefix)}/", 307)(scope, receive, send)
        else:
            await PlainTextResponse(f"everything here is under {self._prefix}/", 404)(scope, receive, send)


class Hosted:
    """The console of a node of ours, which listens at ``bound``, under the path of the app's settings."""

    def __init__(self, app: Mainspring, bound: str) -> None:
        from mainspring.web.console import console

        self._base = app.settings.base_path
        self._guard = console(app, bound=bound)
        self.asgi = under(self._guard, self._base)

    async def announce(self, address: str, page: str = "/") -> str:
        """Return what to open in a browser, for whoever reads this process's log; the first link is written elsewhere (see `Guard`)."""
        base = address + self._base
        told = await self._guard.announce(base)
        return told.address.replace(f"{base}/", base + page, 1) if told is not None and told.address is not None else base + page


@asynccontextmanager
async def serving(app: Mainspring, host: str = "127.0.0.1", port: int = 8080, *, page: str = "/") -> AsyncIterator[str]:
    """Serve the console of an app from a program of your own for as long as the block lasts; yields the address of a page to open.

    Port 0 is any that is free. Raises `ConfigurationError` where the address is taken.
    """
    from mainspring.web.server import Server

    hosted = Hosted(app, f"{f'[{host}]' if ':' in host else host}:{port}")
    server = Server(cast("ASGIApplication", hosted.asgi), host, port)
    try:
        yield await hosted.announce(await server.open(), page)
    finally:
        await server.close()


def under(app: ASGIApp, prefix: str) -> ASGIApp:
    """Return an application that answers below a path such as ``/tasks``; an empty one changes nothing."""
    return Under(app, prefix) if prefix else app


def mounted(host: Callable[..., Awaitable[None]], path: str, console: ASGIApp) -> ASGIApp:
    """Return an ASGI application that is the host's, but for what is below ``path``: that is the console's.

    For hosts that have no mounting of their own, as Django. The lifespan stays the host's.
    """
    prefix = path.rstrip("/")

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        outer = scope.get("root_path", "").rstrip("/")
        asked = scope.get("path", "").removeprefix(outer)
        if scope["type"] == "lifespan" or (asked != prefix and not asked.startswith(f"{prefix}/")):
            await host(scope, receive, send)
        else:
            await console({**scope, "root_path": outer + prefix}, receive, send)

    return answer
