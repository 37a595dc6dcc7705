"""What goes wrong, as a page: a sentence, the detail that helps, and a report to copy where the fault is ours."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainspring.core.errors import InvalidParams, MainspringError
from mainspring.i18n import t
from mainspring.i18n.web import tables
from mainspring.web.problems import status_of
from mainspring.web.site import Site, page_of

log = logging.getLogger("mainspring.web")
Handler = Callable[[Request, Exception], Awaitable[Response]]


class ErrorPages:
    """Handlers for the console; rooms that speak JSON have their own."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def handlers(self) -> Mapping[type[Exception], Handler]:
        """Return them as Starlette takes them."""
        return {HTTPException: self.http, MainspringError: self.known, Exception: self.unknown}

    async def http(self, request: Request, error: Exception) -> Response:
        """Answer what the router refuses: 404, 405."""
        assert isinstance(error, HTTPException)
        if error.status_code in (204, 304):
            return Response(status_code=error.status_code, headers=error.headers)
        detail = "" if error.status_code in (404, 405) else error.detail
        return self._page(request, error.status_code, detail, headers=dict(error.headers or {}))

    async def known(self, request: Request, error: Exception) -> Response:
        """Answer an error of the house with its own words."""
        assert isinstance(error, MainspringError)
        status = status_of(error)
        problems = [(each.where, each.what) for each in error.problems] if isinstance(error, InvalidParams) else []
        if status >= 500:
            log.warning("%s %s: %s", request.method, request.url.path, error)
        return self._page(request, status, str(error), problems=problems)

    async def unknown(self, request: Request, error: Exception) -> Response:
        """Answer a bug: what happened is logged, the page has what a report needs and nothing of the program's insides."""
        mark = str(request.scope.get("mainspring.request_id", ""))
        log.error("%s %s [%s]\n%s", request.method, request.url.path, mark, "".join(traceback.format_exception(error)))
        report = f"{request.method} {request.url.path}\n{type(error).__name__}\n{mark}"
        return self._page(request, 500, "", report=report)

    def refusal(self, request: Request, status: int, detail: str) -> Response:
        """Answer what the guard refuses."""
        return self._page(request, status, detail)

    def _page(
        self, request: Request, status: int, detail: str, *, report: str = "", problems: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:  # fmt: skip
        key = f"web.error.{status}"
        if key not in tables():
            key = "web.error.500" if status >= 500 else "web.error.400"
        text = t(key, language=page_of(request).language)
        if status == 401:
            headers = {**(headers or {}), "WWW-Authenticate": "Bearer"}
        return self._site.render(
            request, "shell/error.html", status, headers, text=text, detail=detail, problems=problems or [], report=report
        )
