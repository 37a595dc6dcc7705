"""The audit trail: who did what, to which object, when, from where and why. It only grows."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from mainspring.i18n import t
from mainspring.operations import audit
from mainspring.operations.operation import Caller
from mainspring.operations.writing import cell, line
from mainspring.web.access import caller_of
from mainspring.web.site import Site, page_of

FILTERS = ("object", "actor", "verb", "source", "since")
PAGE = 500
COLUMNS = ("id", "at", "actor", "verb", "object", "source", "reason", "is_refused", "data")


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def rows(request: Request, caller: Caller, before: int | None, limit: int) -> audit.AuditPage:
        given = {name: request.query_params.get(name) for name in FILTERS}
        page: audit.AuditPage = await site.ask(caller, "audit.list", **given, before=before, limit=limit)
        return page

    async def list_page(request: Request) -> Response:
        before = request.query_params.get("before", "")
        view = await rows(request, caller_of(request), int(before) if before.isdigit() else None, 50)
        title = t("web.audit.title", language=page_of(request).language)
        given = {name: request.query_params.get(name, "") for name in FILTERS}
        return site.render(request, "audit/list.html", title=title, view=view, given=given, filters=FILTERS, is_later=bool(before))

    async def export(request: Request) -> Response:
        caller = caller_of(request)
        first = await rows(request, caller, None, PAGE)  # what is wrong with the filter is told before the answer begins
        headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
        return StreamingResponse(_lines(request, first, caller), media_type="text/csv; charset=utf-8", headers=headers)

    async def _lines(request: Request, page: audit.AuditPage, caller: Caller) -> AsyncIterator[str]:
        yield line(COLUMNS)
        while True:
            for each in page.items:
                yield line([cell(value) for value in (each.model_dump(mode="json")[name] for name in COLUMNS)])
            if page.next is None:
                return
            page = await rows(request, caller, page.next, PAGE)

    return [Route("/audit", list_page, methods=["GET"]), Route("/audit.csv", export, methods=["GET"])]
