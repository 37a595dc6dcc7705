"""Runs: the list, by search and state, with what can be done to many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2s
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import InvalidParams, StoreUnavailable
from mainspring.core.run_filter import LOST
from mainspring.core.run_query import ORIGINS, STATES, QueryProblem, suggest, value_of, with_qualifier
from mainspring.i18n import t
from mainspring.operations.changes import ChangesRequest, show_changes
from mainspring.operations.run_search import searched
from mainspring.operations.runs import RunPage, RunRow
from mainspring.web.access import caller_of
from mainspring.web.site import Page, Site, page_of

SHOWN = 50
NEW = 100  # new runs are counted so far
PATIENCE = 2.0  # seconds that a list may take, and its counts; then it says so
LATE = timedelta(minutes=5)  # past its time, without having begun
COLUMNS = ("id", "origin", "queue", "node", "attempt", "wait", "duration", "age")
CHIPS = ("pending", "blocked", "running", "suspended", "completed", "failed", "timeout", "lost", "cancelled", "skipped")
ALWAYS = frozenset({"pending", "running", "completed", "failed"})
ORIGIN_ICONS = {
    "schedule": "calendar-clock", "api": "code", "http": "globe", "web": "monitor", "cli": "terminal", "task": "git-branch",
    "retry": "rotate-ccw", "service": "heart-pulse", "manual": "play", "pulse": "activity",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A run as a row: the word of its badge, and what is to be known of it in a line."""

    run: RunRow
    look: str
    summary: str
    is_bad: bool
    icon: str


def look_of(run: RunRow, page: Page) -> str:
    """Return the word that a run's badge has: its state, or what that means here and now."""
    if run.state == "failed" and run.reason in LOST:
        return "lost"
    if run.state == "running" and run.cancel_requested:
        return "cancelling"
    if run.state == "pending" and run.run_at is not None:
        if run.run_at < page.now - LATE:
            return "late"
        if run.attempt:
            return "retrying"
        if run.run_at > page.now:
            return "scheduled"
    return str(run.state)


def line_of(run: RunRow, page: Page) -> Line:
    """Return a run with its line."""
    look, error = look_of(run, page), ": ".join(filter(None, (run.error_type, run.error_message)))
    is_bad = look in ("failed", "timeout", "lost", "retrying") and bool(error)
    told = [error] if is_bad else []
    if not run.finished_at and run.progress:
        told.append(" ".join(str(run.progress[each]) for each in ("stage", "message") if run.progress.get(each)))
    if not told and run.state in ("blocked", "suspended", "skipped", "cancelled") and run.reason:
        told.append(run.reason.replace("_", " "))
    told += [each for each in (run.schedule, run.label) if each]
    return Line(run, look, " · ".join(filter(None, told))[:200], is_bad, ORIGIN_ICONS.get(run.origin, "play"))


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def list_page(request: Request) -> Response:
        caller, page, asked = caller_of(request), page_of(request), request.query_params
        token = (await show_changes(site.app, ChangesRequest(), caller)).token
        etag = blake2s(f"{token} {request.url.query} {page.language} {caller.actor}".encode(), digest_size=9).hexdigest()
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"Cache-Control": "no-store"})
        q, sort = asked.get("q", "")[:1000], asked.get("sort", "new")
        sort = sort if sort in ("new", "old", "longest") else "new"
        view, problems, problem = RunPage(items=[], next=None), list[tuple[str, str]](), ""
        try:
            async with asyncio.timeout(PATIENCE):
                view = await _look(request, q, sort)
        except InvalidParams as error:
            problems = _told(error, q, page)
        except (TimeoutError, StoreUnavailable):
            problem = t("web.runs.slow", language=page.language, n=int(PATIENCE))
        counts = None if problems or problem else await _counts(request, q)
        lines = [line_of(each, page) for each in view.items]
        columns = [each for each in asked.getlist("col") if each in COLUMNS] or list(COLUMNS)
        user = caller.user
        return site.render(
            request, "runs/list.html", 422 if problems else 200, {"ETag": etag}, title=t("web.runs.title", language=page.language),
            q=q, sort=sort, lines=lines, view=view, problems=problems, problem=problem, counts=counts, chips=_chips(q, counts),
            columns=columns, etag=etag, all_columns=COLUMNS, facets=_facets(site), views=(await site.ask(caller, "views.list")).items,
            token=token, newer_n=await _newer(request, q), value_of=value_of, with_qualifier=with_qualifier, most_new=NEW,
            has_tenants=(user.tenants is None or len(user.tenants) > 1) and any(line.run.tenant for line in lines),
        )  # fmt: skip

    async def _look(request: Request, q: str, sort: str) -> RunPage:
        asked = request.query_params
        caller = caller_of(request)
        # A page that is looked at again keeps its first row: what is newer waits behind a bar.
        where = {"before": asked.get("before"), "after": asked.get("after")}
        if not any(where.values()):
            where["top"] = asked.get("top")
        view: RunPage = await site.ask(caller, "runs.list", query=q, sort=sort, limit=SHOWN, quick=True, **where)
        if where["after"] and sort == "new" and len(view.items) < SHOWN and view.searched_back_to is None:
            view = await site.ask(caller, "runs.list", query=q, sort=sort, limit=SHOWN, quick=True)
        return view

    async def _newer(request: Request, q: str) -> int:
        """Return how many runs have come above the row that a page begins with."""
        top = request.query_params.get("top")
        if not top:
            return 0
        try:
            async with asyncio.timeout(PATIENCE):
                return len((await site.ask(caller_of(request), "runs.list", query=q, after=top, limit=1000, quick=True)).items)
        except (TimeoutError, StoreUnavailable, InvalidParams):
            return 0

    async def _counts(request: Request, q: str) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(PATIENCE):
                view = await site.ask(caller_of(request), "runs.tally", query=with_qualifier(q, "status", None))
                return {each.state: each for each in view.items}
        except (TimeoutError, StoreUnavailable, InvalidParams):
            return None

    async def suggestions(request: Request) -> Response:
        q = request.query_params.get("q", "")[:1000]
        facets = _facets(site)
        known: dict[str, Sequence[str]] = {
            **facets, "status": STATES, "origin": ORIGINS, "args.": searched(site.app), "args": searched(site.app),
            "after": ("-1h", "-24h", "-7d"), "before": ("-1h", "-24h", "-7d"), "dur": (">10s", ">1m", ">1h"),
            "priority": ("critical", "high", "medium", "low", "background"),
        }  # fmt: skip
        if q.rpartition(" ")[2].lower().startswith("error:"):
            known["error"] = sorted({each.type for each in (await site.ask(caller_of(request), "errors.list", status="all")).items})
        if q.rpartition(" ")[2].lower().startswith("node:"):
            known["node"] = sorted({each.name for each in (await site.ask(caller_of(request), "nodes.list")).items})
        return site.render(request, "runs/suggestions.html", found=suggest(q, known))

    async def save_view(request: Request) -> Response:
        form = await request.form()
        fields = {name: str(form.get(name, "")) for name in ("name", "query", "sort")}
        await site.ask(caller_of(request), "views.save", **fields, is_shared=bool(form.get("shared")))
        return site.see(request, "/runs", q=fields["query"], sort=fields["sort"], done="view-saved")

    async def remove_view(request: Request) -> Response:
        await site.ask(caller_of(request), "views.remove", id=request.path_params["id"])
        return site.see(request, "/runs", done="view-removed")

    return [
        Route("/runs", list_page, methods=["GET"]),
        Route("/runs/suggestions", suggestions, methods=["GET"]),
        Route("/runs/views", save_view, methods=["POST"]),
        Route("/runs/views/{id}/remove", remove_view, methods=["POST"]),
    ]


def _chips(q: str, counts: Mapping[str, Any] | None) -> list[tuple[str, str, Any, bool]]:
    """Return the states as a filter: word, the search with only it, its count, whether it is the one."""
    current = value_of(q, "status")
    shown = [each for each in CHIPS if each in ALWAYS or each == current or (counts and each in counts and counts[each].n)]
    return [(each, with_qualifier(q, "status", each), (counts or {}).get(each), each == current) for each in shown]


def _facets(site: Site) -> dict[str, Sequence[str]]:
    """Return what there is to choose from without asking the store."""
    registry = site.app.registry
    return {
        "task": [task.name for task in registry], "tag": sorted({tag for task in registry for tag in task.spec.tags}),
        "queue": sorted({task.spec.queue or "default" for task in registry}),
    }  # fmt: skip


def _told(error: InvalidParams, q: str, page: Page) -> list[tuple[str, str]]:
    """Return what is wrong with a search, in the reader's language, each with the search that was perhaps meant."""
    from mainspring.core.run_query import parse

    found = parse(q, page.now).problems
    if not found:
        return [(each.what, "") for each in error.problems]
    return [(_sentence(each, page), _mended(each, q)) for each in found]


def _sentence(problem: QueryProblem, page: Page) -> str:
    return t(f"web.runs.query.{problem.code}", language=page.language, token=problem.token)


def _mended(problem: QueryProblem, q: str) -> str:
    if not problem.near:
        return ""
    near = problem.near[0]
    bad = problem.token.partition(":")[0] + ":" if problem.code == "unknown" else problem.token.rpartition(":")[2]
    return q.replace(bad, near, 1)
