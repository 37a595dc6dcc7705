"""The console: pages, API and live socket as one ASGI application, to be mounted wherever one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import cast

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from mainspring.app import Mainspring
from mainspring.web.access.guard import Authenticate, Authorize, Guard
from mainspring.web.error_pages import ErrorPages
from mainspring.web.live.hub import Hub
from mainspring.web.site import Site

ROOMS = (
    "mainspring.web.hosting",  # before the API: the pulse is under /api, too
    "mainspring.web.api",
    "mainspring.web.live",
    "mainspring.web.pages.login",
    "mainspring.web.pages.people",
    "mainspring.web.pages.overview",
    "mainspring.web.pages.schedules",
    "mainspring.web.pages.services",
    "mainspring.web.pages.tasks",
    "mainspring.web.pages.start",
    "mainspring.web.pages.bulk",
    "mainspring.web.pages.runs",
    "mainspring.web.pages.run",
    "mainspring.web.pages.queues",
    "mainspring.web.pages.nodes",
    "mainspring.web.pages.errors",
    "mainspring.web.pages.dead",
    "mainspring.web.pages.events",
    "mainspring.web.pages.audit",
    "mainspring.web.pages.settings",
    "mainspring.web.pages.house",
    "mainspring.web.pages.search",
)
"""Modules with ``routes(site)``, in the order in which paths are looked for."""


def console(
    app: Mainspring, *, authenticate: Authenticate | None = None, authorize: Authorize | None = None, hosts: str | Iterable[str] = (),
    bound: str | None = None, frame_ancestors: Sequence[str] = (),
) -> Guard:  # fmt: skip
    """Return the console of an app as an ASGI application: give it to a server, or mount it under any path of your own.

    It opens the app's store with the first request, in the loop that it is called in; closing is the host's. Nobody comes in whom the
    guard does not know: ``authenticate(request)`` says who asks, where the host application has people of its own (see `Guard`).
    """
    guard = Guard(app, authenticate=authenticate, authorize=authorize, hosts=hosts, bound=bound, frame_ancestors=frame_ancestors)
    site = Site(app, guard=guard, hub=Hub(app))
    routes = site.assets.routes()
    for room in ROOMS:
        make = cast("Callable[[Site], list[BaseRoute]]", import_module(room).routes)
        routes += make(site)
    pages = ErrorPages(site)
    guard.inner = made = Starlette(routes=routes, exception_handlers=dict(pages.handlers()))
    guard.refusal = pages.refusal
    made.state.site = site
    return guard
