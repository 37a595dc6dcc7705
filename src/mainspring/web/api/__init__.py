"""The HTTP API: ``/api/v1``, derived from the catalogue of operations, and the paths of the task engine that it takes the place of.

`routes` is the room for the console; `mainspring.web.api.exchange` is what all of it has in common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.operations.tasks import TasksRequest, list_tasks
from mainspring.web.api import derived, exports, files, live, openapi, seed, starts
from mainspring.web.api.endpoint import BASE, endpoints
from mainspring.web.api.exchange import as_json, no_query, not_found, root_of, route, who
from mainspring.web.paths import Handler

if TYPE_CHECKING:
    from mainspring.web.site import Site

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def routes(site: Site) -> list[BaseRoute]:
    """Return the routes of the API, those without slots first."""
    app, places = site.app, endpoints()

    async def describe(request: Request) -> Response:
        no_query(request)
        tasks = (await list_tasks(app, TasksRequest.model_validate({}), who(request))).items
        return as_json(request, to_json(openapi.document(places, tasks, root=root_of(request))))

    found: dict[str, dict[str, Handler]] = {f"{BASE}/openapi.json": {"GET": describe}}
    for part in (
        derived.handlers(app, places), starts.handlers(app), live.handlers(site), exports.handlers(app), files.handlers(app),
        seed.handlers(app),
    ):  # fmt: skip
        for path, methods in part.items():
            found.setdefault(path, {}).update(methods)
    ordered = sorted(found, key=lambda path: (path.count("{"), path))
    known: list[BaseRoute] = [route(path, **found[path]) for path in ordered]
    return [*known, Route("/api/{rest:path}", not_found, methods=_METHODS)]
