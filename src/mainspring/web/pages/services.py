"""Services: what is to run all the time, whether it does, and what operators want of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import Conflict, Forbidden, UnknownRun
from mainspring.i18n import t
from mainspring.operations import services
from mainspring.operations.services import ServiceView, UptimeView
from mainspring.web.access import caller_of
from mainspring.web.pages.search import FINDERS, Hit, fits
from mainspring.web.site import Page, Site, page_of

CRASH_LOOP = "crash_loop"
_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
STARTS, SAMPLES, LINES = 20, 120, 200
_WORDS = {
    "waiting": "pending", "starting": "starting", "running": "healthy", "stopping": "stopping", "backoff": "backing_off",
    "stopped": "stopped",
    "completed": "completed", "failed": "failed",
}  # fmt: skip
FACTS = (
    "restart", "switch", "backoff", "max_restarts", "within", "probe_every", "stop_within", "defined_at",
)  # fmt: skip
"""What is told of a service's policy; words for each are in the catalogue."""
_BAD, _GOOD = 0.5, 0.999  # parts of a slot: below the first it counts as down, from the second on as up


async def find_services(site: Site, page: Page, words: str) -> list[Hit]:
    """Find services by name and title."""
    try:
        view = await services.list_services(site.app, services.ServicesRequest(category=None), page.caller)
    except Forbidden:  # who sees one tenant's runs alone is not told of the fleet
        return []
    named = {each.name: each.title for each in view.items}
    return [Hit(name, _path(name), "web.search.service", "heart-pulse") for name, title in named.items() if fits(words, name, title)]


FINDERS.append(find_services)


def state_of(each: ServiceView) -> str:
    """Return the word for what an instance is doing, as badges show it."""
    if not each.is_enabled:
        return "disabled"
    if each.state == "failed" and each.reason == CRASH_LOOP:
        return "crash_loop"
    if each.state == "running" and each.is_healthy is False:
        return "degraded"
    return _WORDS[each.state]


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""
    app = site.app

    async def list_page(request: Request) -> Response:
        caller, page = caller_of(request), page_of(request)
        words = request.query_params.get("q", "")
        found = await services.list_services(app, services.ServicesRequest(category=None), caller)
        uptime = await services.show_uptime(app, services.UptimeRequest.model_validate({}), caller)
        known = {(each.name, each.node): each for each in uptime.items}
        rows = [
            (each, state_of(each), known.get((each.name, each.node)), _strip(page, known.get((each.name, each.node)), uptime.slot_seconds))
            for each in found.items
            if fits(words, each.name, each.title, each.category)
        ]
        title = t("web.services.title", language=page.language)
        return site.render(request, "services/list.html", title=title, rows=rows, q=words, why=found.why, problem=found.problem)

    async def show_page(request: Request) -> Response:
        caller, page, name = caller_of(request), page_of(request), request.path_params["name"]
        node = request.query_params.get("node") or None
        found = await services.show_service(app, services.ServiceRequest(name=name), caller)
        listed = await services.list_services(app, services.ServicesRequest(category=None), caller)
        uptime = await services.show_uptime(app, services.UptimeRequest.model_validate({"name": name}), caller)
        known = {(each.name, each.node): each for each in uptime.items}
        one = next((each for each in found.instances if each.node == node), found.instances[0] if found.instances else None)
        before = request.query_params.get("before") or None
        starts = await services.list_starts(app, services.HistoryRequest(name=name, before=before, limit=STARTS), caller)
        samples: Sequence[Any] = []
        lines: Sequence[Any] = []
        if one is not None:
            place = {"name": name, "node": one.node}
            samples = (await services.list_samples(app, services.SamplesRequest.model_validate({**place, "limit": SAMPLES}), caller)).items
            try:
                view = await services.list_service_logs(app, services.LogRequest.model_validate({**place, "limit": 10_000}), caller)
                lines = view.items[-LINES:]
            except (Conflict, UnknownRun):  # it has never been started, or retention has taken that start
                lines = []
        rows = [
            (each, state_of(each), known.get((each.name, each.node)), _strip(page, known.get((each.name, each.node)), uptime.slot_seconds))
            for each in found.instances
        ]
        return site.render(
            request, "services/show.html", title=name, s=found, rows=rows, one=one,
            state=None if one is None else state_of(one), starts=starts,
            samples=samples, lines=lines, shown_facts=FACTS, plain_line=_line, why=listed.why, problem=listed.problem,
        )  # fmt: skip

    async def act(request: Request, verb: str) -> Response:
        form, name, caller = await request.form(), request.path_params["name"], caller_of(request)
        reason, node = str(form.get("reason") or "")[:500] or None, str(form.get("node") or "") or None
        change = services.ChangeRequest(name=name, node=node, reason=reason)
        switch = services.SwitchRequest(name=name, reason=reason)
        match verb:
            case "start" | "clear":  # a fresh start forgets the crashes that keep it down
                await services.start_service(app, change, caller)
            case "stop":
                await services.stop_service(app, change, caller)
            case "restart":
                await services.restart_service(app, change, caller)
            case "enable":
                await services.enable_service(app, switch, caller)
            case "disable":
                await services.disable_service(app, switch, caller)
            case _:
                await services.forget_service(app, switch, caller)
                return site.see(request, "/services", done="forgotten")
        return site.see(request, _path(name), node=node, done=f"service-{verb}")

    def route(verb: str) -> Route:
        async def call(request: Request) -> Response:
            return await act(request, verb)

        return Route(f"/services/{{name}}/{verb}", call, methods=["POST"])

    return [
        Route("/services", list_page, methods=["GET"]),
        Route("/services/{name}", show_page, methods=["GET"]),
        *(route(verb) for verb in ("start", "stop", "restart", "enable", "disable", "clear", "forget")),
    ]


def _path(name: str) -> str:
    return f"/services/{quote(name, safe='')}"


def _line(data: Mapping[str, Any]) -> str:
    """Return a line of a log as plain text, without its colours."""
    level, text = str(data.get("level", "info")), _COLOURS.sub("", str(data.get("message", "")))
    more = " ".join(f"{name}={value}" for name, value in (data.get("data") or {}).items())
    return " ".join(each for each in ("" if level == "info" else f"{level}:", text, more) if each)


def _strip(page: Page, known: UptimeView | None, slot_seconds: float) -> list[tuple[str, str]]:
    """Return the slots of a strip: up, partly up, down, or unknown, each with its words."""
    if known is None:
        return []
    found: list[tuple[str, str]] = []
    for n, (part, crashes) in enumerate(zip(known.slots, known.crashes, strict=True)):
        ago = t("web.services.slot", language=page.language, minutes=round((len(known.slots) - n) * slot_seconds / 60))
        if part is None:
            found.append(("pending", ago))
            continue
        word = "completed" if part >= _GOOD and not crashes else "failed" if crashes or part < _BAD else "degraded"
        said = t("web.services.slot.up", language=page.language, percent=round(part * 100), crashes=crashes)
        found.append((word, f"{ago}: {said}"))
    return found
