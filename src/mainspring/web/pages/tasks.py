"""Tasks: the catalogue, and what there is to see and to set of each. Its form is `mainspring.web.pages.start`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.access import Verb
from mainspring.core.errors import InvalidParams, MainspringError, UnknownTask
from mainspring.core.limit import task_key
from mainspring.core.task import Surface, Task
from mainspring.i18n import t
from mainspring.operations.operation import Caller
from mainspring.operations.permit import may
from mainspring.operations.tasks import visible
from mainspring.web.access import caller_of
from mainspring.web.forms import markdown
from mainspring.web.problems import status_of
from mainspring.web.site import Site, page_of

TABS = ("", "runs", "stats", "schedules", "code", "settings")
ON_A_PAGE = 100
RECENT = 30
_FILTERS = ("q", "category", "tag", "danger", "expensive", "last", "scheduled", "health", "enabled", "favourite")


def task_of(site: Site, caller: Caller, name: str) -> Task[..., Any]:
    """Return a task that has pages; one that is kept off the web is answered as one that does not exist."""
    task = site.app.registry.by_name.get(name)
    if task is not None and Surface.WEB in task.spec.hidden_from:
        raise UnknownTask(f"there is no task named {name!r}")
    found = visible(site.app, name, caller)
    if found.is_service:
        raise UnknownTask(f"{name!r} is a service, which is started and watched, not enqueued: see /services")
    return found


def refusal_of(site: Site, caller: Caller, task: Task[..., Any]) -> str | None:
    """Return the key of the reason why somebody may not start a task; None where they may."""
    if may(site.app, caller.user, Verb.START, task.name):
        return None
    access = task.spec.access
    is_for_admins = access is not None and access.verbs.get(Verb.START) == frozenset({"admin"})
    return "web.tasks.refused.admin" if is_for_admins else "web.tasks.refused.role"


def frame_of(site: Site, request: Request, task: Task[..., Any], tab: str) -> dict[str, Any]:
    """Return what the head of each of a task's pages needs."""
    language = page_of(request).language
    refusal = refusal_of(site, caller_of(request), task)
    base = f"/tasks/{task.name}"
    return {
        "title": task.spec.title, "task": task, "tab": tab, "path": base,
        "refusal": None if refusal is None else t(refusal, language=language), "description": markdown.render(task.spec.description),
        "tabs": [(each, t(f"web.tasks.tab.{each or 'run'}", language=language), base + (f"/{each}" if each else "")) for each in TABS],
    }  # fmt: skip


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""

    async def catalogue(request: Request) -> Response:
        given = {name: request.query_params.get(name, "").strip()[:200] for name in _FILTERS}
        try:
            view = await site.ask(caller_of(request), "tasks.overview", **given)
        except InvalidParams:  # a word of an old or a mistyped address
            given = {name: text if name in ("q", "category", "tag") else "" for name, text in given.items()}
            view = await site.ask(caller_of(request), "tasks.overview", **{name: given[name] for name in ("q", "category", "tag")})
        number = request.query_params.get("page", "1")
        at = min(max(int(number) if number.isdecimal() else 1, 1), max(-(-len(view.items) // ON_A_PAGE), 1))
        looks = "table" if request.query_params.get("as") == "table" else "cards"
        return site.render(
            request, "tasks/list.html", title=t("web.tasks.title", language=page_of(request).language), view=view, given=given,
            rows=view.items[(at - 1) * ON_A_PAGE : at * ON_A_PAGE], at=at, n_pages=-(-len(view.items) // ON_A_PAGE), looks=looks,
            plain=markdown.plain,
        )  # fmt: skip

    async def star(request: Request) -> Response:
        task = task_of(site, caller_of(request), request.path_params["name"])
        form = await request.form()
        verb = "favourites.add" if form.get("on") == "1" else "favourites.remove"
        await site.ask(caller_of(request), verb, task=task.name)
        return site.see(request, f"/tasks/{task.name}" if form.get("back") == "task" else "/tasks")

    async def tab(request: Request, name: str) -> Response:
        caller = caller_of(request)
        task = task_of(site, caller, request.path_params["name"])
        frame = frame_of(site, request, task, name)
        if name == "runs":
            page = await site.ask(caller, "runs.list", task=task.name, limit=RECENT)
            return site.render(request, "tasks/runs.html", **frame, runs=page.items, has_more=page.next is not None)
        if name == "stats":
            return site.render(request, "tasks/stats.html", **frame, figures=await site.ask(caller, "tasks.measure", name=task.name))
        if name == "schedules":
            page = await site.ask(caller, "schedules.list", task=task.name, limit=100)
            return site.render(request, "tasks/schedules.html", **frame, schedules=page.items)
        if name == "code":
            view = await site.ask(caller, "tasks.show", name=task.name)
            types = (await site.ask(caller, "tasks.types", name=task.name)).items[0]
            return site.render(request, "tasks/code.html", **frame, view=view, types=types, doc=_doc(task))
        return await settings(request, task, frame)

    async def settings(request: Request, task: Task[..., Any], frame: dict[str, Any], status: int = 200, problem: str = "") -> Response:
        caller = caller_of(request)
        view = await site.ask(caller, "tasks.show", name=task.name)
        limits = await site.ask(caller, "limits.list", after=task_key(task.name)[:-1], limit=5)
        limit = next((each for each in limits.items if each.key == task_key(task.name)), None)
        return site.render(
            request, "tasks/settings.html", status, **frame, view=view, limit=limit, problem=problem,
            is_allowed=may(site.app, caller.user, Verb.CONFIGURE, task.name),
        )  # fmt: skip

    async def change(request: Request) -> Response:
        caller = caller_of(request)
        task = task_of(site, caller, request.path_params["name"])
        form = {name: str(text).strip() for name, text in (await request.form()).items() if isinstance(text, str)}
        reason, what = form.get("reason"), form.get("what")
        try:
            if what in ("enable", "disable"):
                await site.ask(caller, f"tasks.{what}", name=task.name, reason=reason)
            elif what == "overlap":
                await site.ask(caller, "tasks.overlap", name=task.name, policy=form.get("policy", ""), reason=reason)
            elif what == "limit":
                key = task_key(task.name)
                if form.get("concurrency") or form.get("rate"):
                    values = {"concurrency": form.get("concurrency"), "rate": form.get("rate")}
                    await site.ask(caller, "limits.set", key=key, reason=reason, **values)
                else:
                    await site.ask(caller, "limits.clear", key=key, reason=reason)
            else:
                raise InvalidParams("nothing is changed: name what is to be set")
        except MainspringError as error:
            if status_of(error) not in (400, 422):
                raise
            return await settings(request, task, frame_of(site, request, task, "settings"), status_of(error), str(error))
        return site.see(request, f"/tasks/{task.name}/settings", done="saved")

    return [
        Route("/tasks", catalogue, methods=["GET"]),
        Route("/tasks/{name}/star", star, methods=["POST"]),
        Route("/tasks/{name}/settings", change, methods=["POST"]),
        *(Route(f"/tasks/{{name}}/{each}", _with(tab, each), methods=["GET"]) for each in TABS[1:]),
    ]


def _with(show: Callable[[Request, str], Awaitable[Response]], name: str) -> Callable[[Request], Awaitable[Response]]:
    async def shown(request: Request) -> Response:
        return await show(request, name)

    return shown


def _doc(task: Task[..., Any]) -> str:
    import inspect

    return inspect.getdoc(task.fn) or "" if task.is_here else ""
