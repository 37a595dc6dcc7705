"""Errors that are alike: what fails, how often, since when, and whether somebody has mended it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import Conflict
from mainspring.i18n import t
from mainspring.operations.errors import ErrorRow
from mainspring.web.access import caller_of
from mainspring.web.pages.search import FINDERS, Hit, fits
from mainspring.web.site import Page, Site, page_of

STATES = ("open", "resolved", "ignored", "all")
MOST = 200


def state_of(error: ErrorRow) -> str:
    """Return the word for what somebody has said about an error."""
    return "ignored" if error.ignored_at is not None else "open" if error.is_open else "resolved"


async def find_errors(site: Site, page: Page, words: str) -> list[Hit]:
    """Find open errors by type, message and task."""
    if not words:
        return []
    view = await site.ask(page.caller, "errors.list", limit=MOST)
    return [
        Hit(f"{each.type}: {each.message}"[:90], f"/errors/{each.fingerprint}", "web.search.error", "bug")
        for each in view.items if fits(words, each.type, each.message, each.task, each.fingerprint)
    ]  # fmt: skip


FINDERS.append(find_errors)


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def list_page(request: Request) -> Response:
        params = request.query_params
        status = params["status"] if params.get("status") in STATES else "open"
        found = (await site.ask(caller_of(request), "errors.list", status=status, task=params.get("task"), limit=MOST)).items
        words = params.get("q", "")
        rows = [(each, state_of(each)) for each in found if fits(words, each.type, each.message, each.task, each.fingerprint)]
        title = t("web.errors.title", language=page_of(request).language)
        return site.render(
            request, "errors/list.html", title=title, rows=rows, shown=status, q=words, states=STATES, is_cut=len(found) == MOST
        )

    async def show_page(request: Request) -> Response:
        before = request.query_params.get("before")
        found = await site.ask(caller_of(request), "errors.show", fingerprint=request.path_params["fingerprint"], before=before)
        return site.render(request, "errors/show.html", title=found.type, error=found, state=state_of(found))

    async def say(request: Request) -> Response:
        form, verb = await request.form(), request.path_params["verb"]
        if verb not in ("resolve", "retry", "ignore", "heed"):
            raise HTTPException(404)
        fingerprint, reason = request.path_params["fingerprint"], str(form.get("reason") or "") or None
        caller = caller_of(request)
        if verb == "retry":
            is_confirmed = bool(form.get("confirmed"))
            done = await site.ask(caller, "runs.retrymany", error=fingerprint, reason=reason, is_confirmed=is_confirmed)
            if done.runs and not done.n:
                raise Conflict("; ".join(sorted({each.problem for each in done.runs if each.problem})) or "they run again already")
        else:
            await site.ask(caller, f"errors.{verb}", fingerprint=fingerprint, reason=reason)
        return site.see(request, f"/errors/{fingerprint}", done=f"error-{verb}")

    async def badge(request: Request) -> Response:
        found = await site.ask(caller_of(request), "errors.list", limit=100)
        return site.render(request, "errors/badge.html", n=len(found.items), cap=100, is_bad=True)

    return [
        Route("/errors", list_page, methods=["GET"]),
        Route("/errors/badge", badge, methods=["GET"]),
        Route("/errors/{fingerprint}", show_page, methods=["GET"]),
        Route("/errors/{fingerprint}/{verb}", say, methods=["POST"]),
    ]
