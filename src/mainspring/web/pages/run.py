"""One run: what it does, what came of it, why it waits or failed, and what can be done about it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.access import Verb
from mainspring.core.errors import NotConfirmed, NotFound
from mainspring.core.event import EventKind
from mainspring.core.marks import looks_secret
from mainspring.core.state import RunState
from mainspring.i18n import t
from mainspring.i18n.explanation import explained
from mainspring.operations.changes import ChangesRequest, show_changes
from mainspring.operations.permit import may
from mainspring.operations.runs import RunView
from mainspring.operations.writing import table_of
from mainspring.web.access import caller_of
from mainspring.web.live import tail_of
from mainspring.web.pages.nodes import LATE
from mainspring.web.pages.runs import line_of
from mainspring.web.shell import formats
from mainspring.web.site import Page, Site, page_of

TABS = ("output", "result", "input", "attempts", "error", "events", "tree")
LARGE = 256 * 1024  # bytes of a result above which it is text to be downloaded, and no tree
HEAD = 16 * 1024  # characters of one that are shown
ROWS, COLUMNS = 200, 24  # of a result that is a table
FIRST_TRIES = 5
EVENTS = 200
FAMILY = 50
DONE = {"cancel": "asked-to-stop", "retry": "retried", "delete": "deleted", "pin": "pinned", "unpin": "unpinned"}
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MASK = "••••••"
_FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line \d+')
_HOUSE = str(Path(__file__).parents[2])
_LIBRARIES = re.compile(r"[/\\](site-packages|dist-packages|lib[/\\]python\d)|^<")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result as it is shown: as a table, as a tree, or where it is large as the beginning of its text."""

    text: str
    size: int
    is_large: bool
    columns: list[str]
    rows: list[list[Any]]
    n: int


def outcome_of(value: Any) -> Outcome:
    """Return how a result is shown."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    size = len(text.encode())
    is_table = isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
    if size > LARGE:
        return Outcome(text[:HEAD], size, True, [], [], 0)
    columns, rows = table_of(value) if is_table else ([], [])
    return Outcome(text, size, False, columns[:COLUMNS], [row[:COLUMNS] for row in rows[:ROWS]], len(rows))


def masked(value: Any) -> Any:
    """Return parameters without what is called like a secret."""
    if isinstance(value, Mapping):
        return {
            name: MASK if looks_secret(str(name)) and not isinstance(each, Mapping) and each else masked(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [masked(each) for each in value]
    return value


def frames_of(traceback: str) -> list[tuple[str, bool]]:
    """Return the lines of a traceback, each with whether it is of the user's own code."""
    lines: list[tuple[str, bool]] = []
    is_own = False
    for line in traceback.splitlines():
        if found := _FRAME.match(line):
            is_own = not _LIBRARIES.search(found["file"]) and not found["file"].startswith(_HOUSE)
        elif not line.startswith(" "):
            is_own = False
        lines.append((line, is_own))
    return lines


def default_tab(run: RunView) -> str:
    """Return what somebody most likely wants to see of a run."""
    if run.state in (RunState.FAILED, RunState.TIMEOUT) and run.error:
        return "error"
    if run.state is RunState.COMPLETED and run.result is not None:
        return "result"
    return "output" if run.started_at else "input"


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def show_page(request: Request) -> Response:
        caller, page = caller_of(request), page_of(request)
        given = request.path_params["id"]
        run: RunView = await site.ask(caller, "runs.show", id=given)
        if run.id != given:  # by its last characters: the address that one keeps has all of it
            return site.see(request, f"/runs/{run.id}", **dict(request.query_params))
        tab = request.query_params.get("tab", "")
        tab = tab if tab in TABS and (tab != "error" or run.error) else default_tab(run)
        line = line_of(run, page)
        word = t(f"web.state.{line.look}", language=page.language)
        values = {
            "tab": tab, "tabs": [each for each in TABS if (each != "error" or run.error) and (each != "result" or run.is_final)],
            "line": line, "why": await _why(request, run), "task": await _task(request, run), "eta_ms": _eta_ms(run, page),
            "is_aborted": await _is_aborted(request, run), "token": (await show_changes(site.app, ChangesRequest(), caller)).token,
            "has_payload": may(site.app, caller.user, Verb.PAYLOAD, run.task, owner=run.actor),
        }  # fmt: skip
        values |= await _of_tab(request, run, tab, has_payload=values["has_payload"])
        return site.render(request, "runs/show.html", title=f"{word} · {run.task} · {run.id[-4:]}", run=run, **values)

    async def _why(request: Request, run: RunView) -> str | None:
        if run.state in (RunState.COMPLETED, RunState.RUNNING) and not run.cancel_requested:
            return None
        page = page_of(request)
        view = await site.ask(page.caller, "runs.explain", id=run.id)
        return explained(
            view.code, view.values, lambda at: formats.moment(at, page.zone, clock=page.prefs.clock), language=page.language
        )  # fmt: skip

    async def _task(request: Request, run: RunView) -> Any:
        try:
            return await site.ask(caller_of(request), "tasks.show", name=run.task)
        except NotFound:
            return None

    async def _is_aborted(request: Request, run: RunView) -> bool:
        """Tell whether the node that carries a run out has missed its beats, and its lease is not over yet."""
        if run.state is not RunState.RUNNING or run.node_id is None:
            return False
        page = page_of(request)
        nodes = (await site.ask(page.caller, "nodes.list", all=True)).items
        return any(each.id == run.node_id and page.now - each.beat_at > LATE for each in nodes)

    async def _of_tab(request: Request, run: RunView, tab: str, *, has_payload: bool) -> dict[str, Any]:
        caller = caller_of(request)
        if tab == "output":
            before = request.query_params.get("before", "")
            return {"tail": await tail_of(site, run.id, caller, before=int(before) if before.isdecimal() else None)}
        if tab == "result":
            files = (await site.ask(caller, "runs.artifacts", id=run.id)).items if has_payload else []
            return {"outcome": None if run.result is None else outcome_of(run.result), "files": files, "pictures": PICTURES}
        if tab == "input":
            params = masked(run.params)
            return {"params": params, "raw": json.dumps(params, indent=2, ensure_ascii=False)}
        if tab == "attempts":
            tries = (await site.ask(caller, "runs.attempts", id=run.id)).items
            is_all = request.query_params.get("all") == "1" or len(tries) <= FIRST_TRIES
            names = {each.id: each.name for each in (await site.ask(caller, "nodes.list", all=True)).items}
            return {"tries": tries if is_all else tries[-FIRST_TRIES:], "n_tries": len(tries), "names": names}
        if tab == "error":
            return {"frames": frames_of(str((run.error or {}).get("traceback") or "")), "markdown": _markdown(run)}
        if tab == "events":
            after = request.query_params.get("after", "0")
            view = await site.ask(caller, "runs.events", id=run.id, after=int(after) if after.isdecimal() else 0, limit=EVENTS)
            return {"events": [each for each in view.items if each.kind not in (EventKind.LOG, EventKind.PROGRESS)], "next": view.next}
        family = await site.ask(caller, "runs.family", id=run.id)
        return {
            "family": {name: [line_of(each, page_of(request)) for each in getattr(family, name)] for name in ("above", "below", "tries")}
        }

    def act(verb: str) -> Callable[[Request], Awaitable[Response]]:
        async def perform(request: Request) -> Response:
            run_id, caller = request.path_params["id"], caller_of(request)
            form = await request.form()
            reason = str(form.get("reason", "")) or None
            if verb == "retry":
                try:
                    made = await site.ask(caller, "runs.retry", id=run_id, reason=reason)
                except NotConfirmed as error:  # the danger is told where it is asked for
                    return site.see(request, f"/tasks/{error.task}", **{"from": run_id})
                return site.see(request, f"/runs/{made.id}", done="retried")
            await site.ask(caller, f"runs.{verb}", id=run_id, reason=reason)
            return site.see(request, "/runs" if verb == "delete" else f"/runs/{run_id}", done=DONE[verb])

        return perform

    return [
        Route("/runs/{id}", show_page, methods=["GET"]),
        *(Route(f"/runs/{{id}}/{verb}", act(verb), methods=["POST"]) for verb in DONE),
    ]


def _eta_ms(run: RunView, page: Page) -> float | None:
    """Return how long a run takes on if it goes on as fast as until now."""
    told = run.progress or {}
    current, total = told.get("current"), told.get("total")
    if run.state is not RunState.RUNNING or run.started_at is None or not current or not total or current >= total:
        return None
    return float((page.now - run.started_at).total_seconds() * 1000 * (total - current) / current)


def _markdown(run: RunView) -> str:
    error = run.error or {}
    fence = "```"
    return (
        f"**{error.get('type')}**: {error.get('message')}\n\nTask `{run.task}`, run `{run.id}`, attempt {run.attempt}\n\n"
        f"{fence}\n{error.get('traceback') or ''}\n{fence}\n"
    )  # fmt: skip
