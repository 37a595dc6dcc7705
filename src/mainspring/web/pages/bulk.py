"""Many runs at once: what would be done to how many, the confirmation, and what became of each."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.i18n import t
from mainspring.operations.bulk import CONFIRMED, LATER, MOST_EVER, BulkView
from mainspring.web.access import caller_of
from mainspring.web.pages.runs import line_of
from mainspring.web.site import Site, page_of

LISTED = 20  # of the runs that are meant


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    def fields_of(form: FormData) -> dict[str, Any]:
        ids = [str(each) for each in form.getlist("id")]
        query = str(form.get("query", ""))
        if form.get("all") or not ids:
            return {"query": query, "all": True}
        return {"id": ids}

    async def ask(request: Request) -> Response:
        """Show what would be done; the list posts here."""
        form = await request.form()
        return await shown(request, form, str(form.get("action", "")))

    async def shown(request: Request, form: FormData, action: str, status: int = 200, problem: str = "") -> Response:
        caller, page = caller_of(request), page_of(request)
        fields = fields_of(form)
        view: BulkView = await site.ask(caller, "runs.bulk", action=action, dry_run=True, limit=MOST_EVER, **fields)
        rows: list[Any] = []
        if "query" in fields:
            rows = (await site.ask(caller, "runs.list", query=fields["query"], limit=LISTED, quick=True)).items
        verb = t(f"web.runs.act.{action}", language=page.language)
        return site.render(
            request, "runs/bulk.html", status, title=t("web.bulk.title", language=page.language, verb=verb, n=view.n), view=view, verb=verb,
            ids=fields.get("id", []), query=fields.get("query", ""), is_all="query" in fields, lines=[line_of(each, page) for each in rows],
            must_type=view.n > CONFIRMED, is_later=view.n >= LATER, most=MOST_EVER, problem=problem,
        )  # fmt: skip

    async def perform(request: Request) -> Response:
        form, caller, page = await request.form(), caller_of(request), page_of(request)
        action, n = str(form.get("action", "")), str(form.get("n", "0"))
        if int(n) > CONFIRMED and str(form.get("typed", "")).strip() != n:
            return await shown(request, form, action, 422, t("web.bulk.wrong", language=page.language, n=n))
        view: BulkView = await site.ask(
            caller, "runs.bulk", action=action, limit=max(1, int(n)), at_most=int(n), is_confirmed=True,
            reason=str(form.get("reason", "")) or None, **fields_of(form),
        )  # fmt: skip
        if view.run_id is not None:
            return site.see(request, f"/runs/{view.run_id}", tab="output")
        verb = t(f"web.runs.act.{action}", language=page.language)
        title = t("web.bulk.title", language=page.language, verb=verb, n=view.n)
        return site.render(request, "runs/bulk_done.html", title=title, view=view, verb=verb, query=str(form.get("query", "")))

    return [Route("/runs/bulk", ask, methods=["POST"]), Route("/runs/bulk/perform", perform, methods=["POST"])]
