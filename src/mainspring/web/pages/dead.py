"""Dead letters: what failed for good and waits for somebody to do it again or to give it up."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import Conflict
from mainspring.i18n import t
from mainspring.web.access import caller_of
from mainspring.web.site import Site, page_of

CAP = 99  # dead letters that the side bar counts
NO_REASON = "no reason was given"


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def list_page(request: Request) -> Response:
        params, caller = request.query_params, caller_of(request)
        task, error, before = params.get("task") or None, params.get("error") or None, params.get("before") or None
        groups = await site.ask(caller, "dead.groups")
        found = await site.ask(caller, "dead.list", task=task, error=error, before=before)
        title = t("web.dead.title", language=page_of(request).language)
        return site.render(request, "dead/list.html", title=title, groups=groups, page_of_dead=found, task=task, error=error)

    async def discard(request: Request) -> Response:
        form = await request.form()
        ids, reason = form.getlist("id"), str(form.get("reason") or "").strip() or NO_REASON
        wanted = {"task": form.get("task"), "error": form.get("error")}
        await site.ask(caller_of(request), "dead.discard", **({"runs": ids} if ids else wanted), reason=reason)
        return site.see(request, "/dead", done="discarded")

    async def requeue(request: Request) -> Response:
        form, caller = await request.form(), caller_of(request)
        reason, is_confirmed = str(form.get("reason") or "") or None, bool(form.get("confirmed"))
        if ids := [str(each) for each in form.getlist("id")]:
            for each in ids:
                await site.ask(caller, "runs.retry", id=each, reason=reason, is_confirmed=is_confirmed)
        else:
            task, error = str(form.get("task") or "") or None, str(form.get("error") or "") or None
            if task is None and error is None:
                raise Conflict("nothing was selected: choose dead letters, or a group of them")
            await site.ask(caller, "runs.retrymany", task=task, error=error, reason=reason, is_confirmed=is_confirmed)
        return site.see(request, "/dead", done="requeued")

    async def badge(request: Request) -> Response:
        found = await site.ask(caller_of(request), "dead.list", limit=CAP)
        return site.render(request, "errors/badge.html", n=len(found.items), cap=CAP, is_bad=True)

    return [
        Route("/dead", list_page, methods=["GET"]),
        Route("/dead/badge", badge, methods=["GET"]),
        Route("/dead/discard", discard, methods=["POST"]),
        Route("/dead/requeue", requeue, methods=["POST"]),
    ]
