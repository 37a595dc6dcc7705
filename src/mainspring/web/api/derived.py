"""The operations of the catalogue, each answering at its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from mainspring.app import Mainspring
from mainspring.core.errors import VersionConflict
from mainspring.operations.operation import View
from mainspring.operations.runs import EnqueueRequest, PlannedRequest
from mainspring.web.api.endpoint import ADDS, BASE, Endpoint
from mainspring.web.api.exchange import as_json, checked, expected_version, next_link, no_query, read_object, read_query, root_of, who
from mainspring.web.api.once import once
from mainspring.web.paths import Handler, fill
from mainspring.web.problems import Refused, fault


def handlers(app: Mainspring, places: Iterable[Endpoint]) -> dict[str, dict[str, Handler]]:
    """Return who answers where: by path, then by method."""
    found: dict[str, dict[str, Handler]] = {}
    for each in places:
        found.setdefault(each.path, {})[each.method] = _handler(app, each)
    return found


def _handler(app: Mainspring, place: Endpoint) -> Handler:
    operation = place.operation

    async def read(request: Request) -> Response:
        values = read_query(request, operation.request, without=[place.key] if place.key else [])
        asked = checked(operation.request, {**values, **_key(request, place)}, is_text=True)
        view = await operation(app, asked, who(request))
        headers = {}
        if place.cursor is not None and (following := getattr(view, "next", None)) is not None:
            headers["Link"] = next_link(request, **{place.cursor: following})
        return as_json(request, view, version=_version(view), headers=headers)

    async def change(request: Request) -> Response:
        no_query(request)
        values = await read_object(request)
        if place.key is not None and place.key in values:
            raise Refused("invalid-params", "the path says it already", [fault(place.key, "belongs into the path")])
        expected = expected_version(request) if place.is_versioned else None

        async def perform(run_id: str | None) -> Response:
            more = {} if expected is None else {"version": expected}
            asked = checked(operation.request, {**values, **more, **_key(request, place)}, is_text=False)
            if run_id is not None and isinstance(asked, EnqueueRequest):
                asked = PlannedRequest(**asked.model_dump(), run_id=run_id)
            try:
                view = await operation(app, asked, who(request))
            except VersionConflict as error:
                if expected is None:
                    raise
                raise Refused("precondition-failed", str(error), more={"version": error.version}) from None
            headers = {"Location": run_url(request, str(getattr(view, "id", "")))} if place.starts else {}
            return as_json(request, view, place.status, version=_version(view), headers=headers)

        if operation.is_read_only:
            return await perform(None)
        what = to_json(values) + str(expected).encode()
        return await once(app, request, what, perform, may_repeat=operation.name not in ADDS)

    return read if place.method == "GET" else change


def _key(request: Request, place: Endpoint) -> dict[str, Any]:
    return {} if place.key is None else {place.key: request.path_params[place.key]}


def _version(view: View) -> int | None:
    """Return the version that a view shows, if it is of something that is edited."""
    version = getattr(view, "version", None)
    return version if isinstance(version, int) else None


def run_url(request: Request, run_id: str) -> str:
    """Return where a run is, as this request reaches it."""
    return root_of(request) + fill(f"{BASE}/runs/{{id}}", id=run_id)
