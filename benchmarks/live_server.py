"""A process that serves who watches: ``python -m benchmarks.live_server``; it writes its address beside the store."""

from __future__ import annotations

import asyncio

from jinja2 import ChoiceLoader, DictLoader, PackageLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.live_tasks import app, place
from benchmarks.place import Place
from mainspring.web import live
from mainspring.web.access import caller_of
from mainspring.web.server import Server
from mainspring.web.site import Site

PAGE = """{% extends "base.html" %}{% import "macros/log.html" as logs with context %}
{% block head %}<script src="{{ static('log.js') }}" type="module"></script>{% endblock %}
{% block main %}<h1>Log</h1>{{ logs.log_view(tail, "/look") }}{% endblock %}"""


async def main() -> None:
    """Serve until somebody ends it."""
    assert place is not None
    async with app:
        site = Site(app, hub=live.Hub(app))

        site.templates = site.templates.overlay(loader=ChoiceLoader([DictLoader({"look.html": PAGE}), PackageLoader("mainspring.web")]))

        async def look(request: Request) -> Response:
            tail = await live.tail_of(site, request.path_params["id"], caller_of(request))
            return site.render(request, "look.html", tail=tail, title="Log")

        server = Server(Starlette(routes=[*site.assets.routes(), *live.routes(site), Route("/look/{id}", look)]), "127.0.0.1", 0)
        address = await server.open()
        file = Place.load(place).folder / "address"
        file.with_suffix(".new").write_text(address, "utf-8")
        file.with_suffix(".new").rename(file)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
