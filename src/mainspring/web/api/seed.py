"""The paths that Project Forge's task engine has: ``/admin/task``, and a task below it by its key.

Programs get what the API answers; browsers are sent to the console's pages.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainspring.app import Mainspring
from mainspring.operations.tasks import TaskRequest, TasksRequest, list_tasks, show_task
from mainspring.web.api import starts
from mainspring.web.api.exchange import as_json, checked, read_query, root_of, who
from mainspring.web.paths import Handler, fill

BASE = "/admin/task"


def handlers(app: Mainspring) -> dict[str, dict[str, Handler]]:
    """Return who answers where."""

    async def browse(request: Request) -> Response:
        if _is_browser(request):
            return RedirectResponse(root_of(request) + "/tasks", 303)
        asked = checked(TasksRequest, read_query(request, TasksRequest), is_text=True)
        return as_json(request, await list_tasks(app, asked, who(request)))

    async def show(request: Request) -> Response:
        key = request.path_params["key"]
        if _is_browser(request):
            return RedirectResponse(root_of(request) + fill("/tasks/{name}", name=key), 303)
        return as_json(request, await show_task(app, TaskRequest(name=key), who(request)))

    async def start(request: Request) -> Response:
        return _seen(request, await starts.start(app, request, request.path_params["key"]))

    async def run(request: Request) -> Response:
        return _seen(request, await starts.run(app, request, request.path_params["key"]))

    return {
        BASE: {"GET": browse}, f"{BASE}/{{key}}": {"GET": show},
        f"{BASE}/{{key}}/start": {"POST": start}, f"{BASE}/{{key}}/run": {"POST": run},
    }  # fmt: skip


def _is_browser(request: Request) -> bool:
    """Tell whether a page is wanted: named before JSON, or instead of it."""
    accept = request.headers.get("accept", "").lower()
    page, data = accept.find("text/html"), accept.find("application/json")
    return page >= 0 and (data < 0 or page < data)


def _seen(request: Request, answered: Response) -> Response:
    """Send a browser to the run's page."""
    if not _is_browser(request) or "location" not in answered.headers:
        return answered
    run_id = answered.headers["location"].rpartition("/")[2]
    return RedirectResponse(root_of(request) + fill("/runs/{id}", id=run_id), 303)
