"""Nodes: the living processes, what each is doing, and what an operator wants of them."""

from __future__ import annotations

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import UnknownNode
from mainspring.i18n import t
from mainspring.operations.nodes import NodeView
from mainspring.web.access import caller_of
from mainspring.web.pages.search import FINDERS, Hit, fits
from mainspring.web.site import Page, Site, page_of

LATE = timedelta(seconds=12)  # past four beats a node is late, past its lease it is gone
COMMANDS = ("pause", "resume", "quiet", "stop")


def state_of(node: NodeView, page: Page) -> str:
    """Return the word for how a node is: what it says of itself, or what its silence says."""
    if node.state == "stopped":
        return "stopped"
    if node.state == "dead":
        return "dead"
    if page.now > node.lease_until:
        return "dead"
    if page.now - node.beat_at > LATE:
        return "suspect"
    if node.state == "draining":
        return "stopping" if node.command == "stop" else "quiet"
    if node.is_paused:
        return "paused"
    return "degraded" if node.is_alive is False or node.is_ready is False or node.problems else "healthy"


async def find_nodes(site: Site, page: Page, words: str) -> list[Hit]:
    """Find nodes by name."""
    view = await site.ask(page.caller, "nodes.list")
    return [Hit(each.name, f"/nodes/{each.id}", "web.search.node", "server") for each in view.items if fits(words, each.name, each.host)]


FINDERS.append(find_nodes)


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def list_page(request: Request) -> Response:
        caller, page = caller_of(request), page_of(request)
        is_all = request.query_params.get("all") == "1"
        view = await site.ask(caller, "runner.status", all=is_all)
        rows = [(each, state_of(each, page)) for each in view.nodes]
        title = t("web.nodes.title", language=page.language)
        return site.render(request, "nodes/list.html", title=title, rows=rows, maintenance=view.maintenance, is_all=is_all)

    async def show_page(request: Request) -> Response:
        caller, page, node_id = caller_of(request), page_of(request), request.path_params["id"]
        found = next((each for each in (await site.ask(caller, "nodes.list", all=True)).items if each.id == node_id), None)
        if found is None:
            raise UnknownNode(f"there is no node {node_id}")
        about = await site.ask(caller, "notices.list", object=f"node:{found.name}", limit=20)
        return site.render(request, "nodes/show.html", title=found.name, node=found, state=state_of(found, page), notices=about.items)

    async def command(request: Request) -> Response:
        form, verb = await request.form(), request.path_params["verb"]
        if verb not in COMMANDS:
            raise HTTPException(404)
        await site.ask(caller_of(request), f"runner.{verb}", nodes=[request.path_params["id"]], reason=form.get("reason"))
        return site.see(request, f"/nodes/{request.path_params['id']}", done=f"node-{verb}")

    async def rest(request: Request) -> Response:
        form, caller = await request.form(), caller_of(request)
        reason = str(form.get("reason") or "") or None
        if form.get("on") == "1":
            await site.ask(caller, "maintenance.on", reason=reason)
        else:
            await site.ask(caller, "maintenance.off", reason=reason)
        return site.see(request, "/nodes", done="saved")

    return [
        Route("/nodes", list_page, methods=["GET"]),
        Route("/nodes/maintenance", rest, methods=["POST"]),
        Route("/nodes/{id}", show_page, methods=["GET"]),
        Route("/nodes/{id}/{verb}", command, methods=["POST"]),
    ]
