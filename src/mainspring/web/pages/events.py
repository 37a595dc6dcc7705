"""Events: everything that happens, live, for operators."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.i18n import t
from mainspring.operations import events
from mainspring.web.access import caller_of
from mainspring.web.site import Site, page_of

SOURCES, SEVERITIES = ("run", "notice", "audit"), ("info", "warning", "alert")


def link_of(event: events.TapEvent) -> str | None:
    """Return the page of what an event is about, if it has one."""
    if event.run_id:
        return f"/runs/{event.run_id}"
    kind, _, name = event.object.partition(":")
    pages = {
        "run": "/runs/",
        "task": "/tasks/",
        "schedule": "/schedules/",
        "service": "/services/",
        "queue": "/queues/",
        "error": "/errors/",
    }
    return pages[kind] + name if kind in pages and name else None


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def list_page(request: Request) -> Response:
        params = request.query_params
        source = params["source"] if params.get("source") in SOURCES else None
        severity = params["severity"] if params.get("severity") in SEVERITIES else "info"
        words = params.get("q", "")[:200]
        chosen = [source] if source else None
        found = await site.ask(caller_of(request), "events.list", source=chosen, severity=severity, text=words)
        title = t("web.events.title", language=page_of(request).language)
        rows = [(each, link_of(each)) for each in found.items]
        return site.render(
            request, "events/list.html", title=title, rows=rows, source=source, severity=severity, q=words, sources=SOURCES,
            severities=SEVERITIES,
        )  # fmt: skip

    return [Route("/events", list_page, methods=["GET"])]
