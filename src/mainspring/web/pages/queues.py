"""Queues: what waits in each, how much of it may run, and who has paused it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.i18n import t
from mainspring.operations.limits import LimitView
from mainspring.operations.queues import QueueView
from mainspring.web.access import caller_of
from mainspring.web.pages.search import FINDERS, Hit, fits
from mainspring.web.site import Page, Site, page_of

RECENT = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A queue with its limit, if it has one, and how many nodes take from it."""

    queue: QueueView
    limit: LimitView | None
    consumers: int

    @property
    def depth(self) -> int:
        """How many wait."""
        return self.queue.ready + self.queue.later + self.queue.blocked


async def find_queues(site: Site, page: Page, words: str) -> list[Hit]:
    """Find queues by name."""
    view = await site.ask(page.caller, "queues.list")
    return [Hit(each.name, f"/queues/{each.name}", "web.search.queue", "table") for each in view.items if fits(words, each.name)]


FINDERS.append(find_queues)


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def rows_for(request: Request, only: str | None = None) -> list[Row]:
        caller = caller_of(request)
        found = (await site.ask(caller, "queues.list")).items if only is None else [await site.ask(caller, "queues.show", name=only)]
        known = {each.key: each for each in (await site.ask(caller, "limits.list", limit=1000)).items}
        living = [each for each in (await site.ask(caller, "nodes.list")).items if each.role in ("all", "worker")]
        return [
            Row(each, known.get(f"queue:{each.name}"), sum(not node.queues or each.name in node.queues for node in living))
            for each in found
        ]

    async def list_page(request: Request) -> Response:
        words = request.query_params.get("q", "")
        rows = [each for each in await rows_for(request) if fits(words, each.queue.name)]
        title = t("web.queues.title", language=page_of(request).language)
        return site.render(request, "queues/list.html", title=title, rows=rows, q=words)

    async def show_page(request: Request) -> Response:
        return await shown(request)

    async def shown(request: Request, status: int = 200, problem: str = "", **given: Any) -> Response:
        name, caller = request.path_params["name"], caller_of(request)
        (row,) = await rows_for(request, name)
        recent = await site.ask(caller, "runs.list", queue=name, limit=RECENT)
        return site.render(request, "queues/show.html", status, title=name, row=row, recent=recent.items, problem=problem, given=given)

    async def pause(request: Request) -> Response:
        form, name = await request.form(), request.path_params["name"]
        await site.ask(caller_of(request), "queues.pause", name=name, reason=form.get("reason"), until=form.get("until"))
        return site.see(request, f"/queues/{name}", done="paused")

    async def resume(request: Request) -> Response:
        form, name = await request.form(), request.path_params["name"]
        await site.ask(caller_of(request), "queues.resume", name=name, reason=form.get("reason"))
        return site.see(request, f"/queues/{name}", done="resumed")

    async def limit(request: Request) -> Response:
        form, name = await request.form(), request.path_params["name"]
        most, rate = str(form.get("concurrency") or "").strip(), str(form.get("rate") or "").strip()
        reason = str(form.get("reason") or "") or None
        if not most and not rate:
            await site.ask(caller_of(request), "limits.clear", key=f"queue:{name}", reason=reason)
        else:
            if most and not (most.isdigit() and int(most) > 0):
                words = t("web.queues.limit.wrong", language=page_of(request).language, value=most)
                return await shown(request, 422, words, concurrency=most, rate=rate)
            bound = int(most) if most else None
            await site.ask(caller_of(request), "limits.set", key=f"queue:{name}", concurrency=bound, rate=rate, reason=reason)
        return site.see(request, f"/queues/{name}", done="saved")

    return [
        Route("/queues", list_page, methods=["GET"]),
        Route("/queues/{name}", show_page, methods=["GET"]),
        Route("/queues/{name}/pause", pause, methods=["POST"]),
        Route("/queues/{name}/resume", resume, methods=["POST"]),
        Route("/queues/{name}/limit", limit, methods=["POST"]),
    ]
