"""The overview: how it goes, what needs somebody, what is being done, what comes next. Its address says which window, task and queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import Forbidden
from mainspring.i18n import t
from mainspring.operations import errors, health, overview, runs, schedules, services, tasks
from mainspring.operations.health import HealthView
from mainspring.operations.operation import Caller
from mainspring.operations.overview import OverviewView, WindowWord
from mainspring.web.access import caller_of
from mainspring.web.shell import formats
from mainspring.web.shell.recent import Recent
from mainspring.web.site import Page, Site, page_of

FRESH = 5.0  # seconds that one answer serves everybody who asks the same: a thousand viewers cost no more than one
FRESH_WIDE = 30.0  # likewise for windows of a day and more, whose last point is as wide as many minutes
SOON = 0.3  # seconds that the first paint waits for figures; they are fetched into their place after that
PATIENCE = 10.0  # seconds for those who fetch them
SKEW = 30.0  # seconds that this machine's clock may be off the database's
STALLED = 900.0  # seconds that a run may be ready in a queue that nobody has paused
LATE = 60.0  # seconds past which a schedule that was due is late
SHOWN = 8  # rows of each list
MOST_NAMES = 300  # of tasks that the filter suggests


@dataclass(frozen=True, slots=True)
class Trouble:
    """One line of the banner: how bad, in words, and where one looks further."""

    level: str
    text: str
    path: str | None


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""
    app, figures, states = site.app, Recent[OverviewView](), Recent[HealthView]()

    async def show(request: Request) -> Response:
        page, caller, asked = page_of(request), caller_of(request), _asked(request)
        is_part = request.headers.get("hx-request") is not None
        user = caller.user
        key = (user.name, user.kind, user.role, user.tenants, user.sees_own_only, user.teams, user.tasks)
        patience = PATIENCE if is_part else SOON
        view, state, *rest = await asyncio.gather(
            figures.get(
                (asked, key), lambda: overview.show_overview(app, asked, caller), patience=patience,
                fresh=FRESH_WIDE if asked.window in ("24h", "7d") else FRESH,
            ),
            states.get(key, lambda: health.show_health(app, health.HealthRequest(patience=2.0), caller), fresh=FRESH, patience=patience),
            *(_allowed(each) for each in _lists(app, asked, caller)),
        )  # fmt: skip
        open_errors, going, coming, recent, kept, known = ([] if each is None else each.items for each in rest)
        return site.render(
            request, "overview/index.html", title=t("web.overview.title", language=page.language), asked=asked,
            windows=get_args(WindowWord), view=view, chart=None if view is None else _chart(page, asked, view),
            depth=[] if view is None else [sum(each.ready[n] or 0.0 for each in view.depths) for n in range(len(view.points))],
            troubles=_troubles(page, state, view, coming, kept), errors=open_errors, going=going,
            coming=[each for each in coming if each.next_at is not None], recent=recent,
            rate=lambda per: formats.decimal(f"{per:.1f}" if per >= 0.1 else f"{per:.2f}", page.language),
            names=[each.name for each in known[:MOST_NAMES]], late=LATE,
        )  # fmt: skip

    return [Route("/", show, methods=["GET"])]


def _asked(request: Request) -> overview.OverviewRequest:
    """Return what the address asks for; a window that there is not is the usual one."""
    window = request.query_params.get("window", "")
    return overview.OverviewRequest(
        window=cast("WindowWord", window) if window in get_args(WindowWord) else "1h",
        task=request.query_params.get("task", "")[:200] or None, queue=request.query_params.get("queue", "")[:200] or None,
    )  # fmt: skip


async def _allowed(asked: Awaitable[Any]) -> Any:
    """Return an answer, or None where the caller may not know."""
    try:
        return await asked
    except Forbidden:
        return None


def _lists(app: Any, asked: overview.OverviewRequest, caller: Caller) -> list[Awaitable[Any]]:
    only = {"task": asked.task, "queue": asked.queue}
    coming = {"sort": "next", "state": ["active"], "task": asked.task, "limit": SHOWN}
    return [
        errors.list_errors(app, errors.ErrorsRequest.model_validate({"task": asked.task, "limit": SHOWN}), caller),
        runs.list_runs(app, runs.ListRequest.model_validate({"state": ["running"], "limit": SHOWN, **only}), caller),
        schedules.list_schedules(app, schedules.ListRequest.model_validate(coming), caller),
        runs.list_runs(app, runs.ListRequest.model_validate({"limit": SHOWN + 2, **only}), caller),
        services.list_services(app, services.ServicesRequest(category=None), caller),
        tasks.list_tasks(app, tasks.TasksRequest(category=None, tag=None), caller),
    ]


def _troubles(page: Page, state: HealthView | None, view: OverviewView | None, coming: Any, kept: Any) -> list[Trouble]:
    """Return what is wrong, the worst first; nothing while all is well."""
    language, found = page.language, list[Trouble]()

    def add(level: str, key: str, path: str | None, **values: object) -> None:
        found.append(Trouble(level, t(f"web.overview.trouble.{key}", language=language, **values), path))

    for each in [] if state is None else state.problems:
        path = {"no-workers": "/nodes", "nodes-died": "/nodes", "leases-expired": "/nodes", "node": "/nodes", "success-rate": "/errors",
                "slots-late": "/schedules?late=1", "not-swept": "/nodes"}.get(each.code)  # fmt: skip
        add("bad" if each.level == "critical" else "warn", each.code, path, **each.values)
    if view is not None:
        skew = abs((page.now - view.until).total_seconds())
        if skew > SKEW + FRESH_WIDE:
            add("warn", "clock-skew", None, length=formats.duration(skew * 1000, language))
        for queue in view.queues:
            has_stalled = not queue.is_paused and queue.ready and (queue.oldest_seconds or 0.0) > STALLED
            if has_stalled and not any(each.code == "no-workers" for each in (state.problems if state else [])):
                add("warn", "queue-stalled", f"/queues/{queue.name}", queue=queue.name,
                    length=formats.duration((queue.oldest_seconds or 0.0) * 1000, language))  # fmt: skip
    late = [each for each in coming if each.next_at is not None and (page.now - each.next_at).total_seconds() > LATE]
    if late:
        add("warn", "schedules-late", "/schedules?sort=next", name=late[0].name, n=len(late))
    for each in kept:
        if each.state == "failed":
            add("bad", "service-failed", f"/services/{each.name}", name=each.name)
    return sorted(found, key=lambda each: each.level != "bad")


def _chart(page: Page, asked: overview.OverviewRequest, view: OverviewView) -> dict[str, Any]:
    """Return what the charts are drawn from. Families name colours, so that a theme needs no other data."""
    language = page.language

    def named(key: str) -> str:
        return t(f"web.overview.{key}", language=language)

    def line(label: str, family: str, values: list[Any], **look: Any) -> dict[str, Any]:
        return {"label": label, "family": family, "values": values, **look}

    states: list[tuple[str, str, dict[str, Any]]] = [
        ("completed", "ok", {"fill": 1}), ("failed", "bad", {"dash": [6, 3]}), ("timeout", "warn", {"dash": [2, 3]}),
              ("cancelled", "stop", {"dash": [8, 3, 2, 3]}), ("skipped", "wait", {"dash": [1, 4]})]  # fmt: skip
    ended = [
        line(t(f"web.state.{name}", language=language), family, [getattr(each, name) for each in view.points], **look)
        for name, family, look in states
        if name in ("completed", "failed") or any(getattr(each, name) for each in view.points)
    ]
    lengths = [
        line("p50", "run", [_seconds(each.p50_ms) for each in view.points], fill=1),
        line("p95", "warn", [_seconds(each.p95_ms) for each in view.points], dash=[4, 3]),
    ]
    looks = [("run", []), ("ok", [6, 3]), ("warn", [2, 3]), ("stop", [8, 3, 2, 3]), ("bad", [1, 4]), ("wait", [10, 4])]
    depths = [
        line(named("others") if each.name == "*" else each.name, family, each.ready, **({"dash": dash} if dash else {"fill": 1}))
        for each, (family, dash) in zip(view.depths, looks, strict=False)
    ]
    filters = " ".join(f"{name}:{value}" for name, value in (("task", asked.task), ("queue", asked.queue)) if value)
    return {
        "at": [round(each.at.timestamp()) for each in view.points], "width": view.width_seconds, "zone": page.zone.key,
        "lang": "en" if language == "qps" else language, "clock": page.prefs.clock,
        "to": f"{page.root}/runs?q=", "filter": filters,
        "marks": [{"at": round(each.at.timestamp()), "text": _mark(each.kind, each.about, language)} for each in view.marks],
        "charts": {"ended": ended, "lengths": lengths, "depths": depths},
    }  # fmt: skip


def _mark(kind: str, about: str, language: str) -> str:
    return t(f"web.overview.mark.{kind}", language=language, about=about or formats.DASH)


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 3)
