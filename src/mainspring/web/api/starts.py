"""Tasks that are started over HTTP: at once, or with a wait for the result.

The body is the task's parameters and nothing else, so that a parameter may have any name; how the run is to be done is said in headers
(``Mainspring-Delay``, ``Mainspring-Key`` …), and how long to wait in ``?wait=``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from pydantic import Field, ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.dedupe import How
from mainspring.core.errors import InvalidParams, NotConfirmed, Problem, StillRunning
from mainspring.core.file import File, limit_in
from mainspring.core.state import RunState
from mainspring.operations.live import must_look
from mainspring.operations.operation import Request as Asked
from mainspring.operations.operation import View
from mainspring.operations.permit import may
from mainspring.operations.runs import Enqueued, EnqueueRequest, PlannedRequest, RunRequest, enqueue_run, show_run
from mainspring.operations.tasks import visible
from mainspring.web.api.derived import run_url
from mainspring.web.api.endpoint import BASE
from mainspring.web.api.exchange import (
    MOST_BODY,
    as_json,
    checked,
    media_of,
    object_of,
    read_body,
    read_query,
    root_of,
    unless_gone,
    who,
)
from mainspring.web.api.files import take, told_by_content
from mainspring.web.api.multipart import parts
from mainspring.web.api.once import PATIENCE, once
from mainspring.web.paths import Handler, fill
from mainspring.web.problems import Refused, errors_of, fault

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
PREFIX = "Mainspring-"
CONFIRM = "Mainspring-Confirm"
LONGEST_WAIT = 300.0  # seconds: past it proxies give up
USUAL_WAIT = 30.0
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


class OptionRequest(Asked):
    """How a run is to be done, header by header."""

    delay: str | None = Field(None, description="not before this while has passed, as 10m")
    run_at: str | None = Field(None, description="not before this time, with its zone, as 2030-01-31T08:00:00Z")
    key: str | None = Field(None, description="while an unfinished run has this key, no other is added")
    dedupe: str | None = Field(None, description="what a taken key means: existing, reject, replace, debounce, once")
    window: str | None = Field(None, description="debounce: how long nobody may ask again; once: how long the key stays taken")
    priority: str | None = Field(None, description="critical, high, medium, low or background")
    queue: str | None = Field(None, description="another queue than the task's")
    timeout: str | None = Field(None, description="how long one attempt may take, as 5m")
    deadline: str | None = Field(None, description="how long the run may take with all attempts, as 1h")
    retries: str | None = Field(None, description="how many retries")
    label: str | None = Field(None, description="a word of yours to find the run by")
    reason: str | None = Field(None, description="why; kept in the audit trail")
    confirm: str | None = Field(None, description="a dangerous task: its name, as a sign that its danger is accepted")


HEADERS: Mapping[str, str] = {
    PREFIX + "-".join(part.capitalize() for part in name.split("_")): name for name in OptionRequest.model_fields
}  # fmt: skip
_BY_LOWER = {header.lower(): header for header in HEADERS}


class WaitRequest(Asked):
    """How long to wait for the end."""

    wait: float = Field(USUAL_WAIT, ge=0, le=LONGEST_WAIT, description="seconds to wait for the end; the run goes on when they are over")


class NoRequest(Asked):
    """Nothing is read from the query."""


class Started(View):
    """The run that is to be done, or another with the same key (``is_new`` is False then, and ``how`` says more).

    ``url`` is where it is told of, ``events_url`` what happens to it, ``page_url`` its page in the console.
    """

    id: str
    task: str
    is_new: bool
    how: How
    url: str
    events_url: str
    page_url: str


class Performed(Started):
    """A run that was waited for, in the ``state`` in which it was then. ``is_final``: it has ended; else it goes on, and ``url`` will tell.

    ``result`` is of a run that completed, ``error`` of one that did not.
    """

    state: RunState
    is_final: bool
    reason: str | None
    result: Any
    error: dict[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: float | None


def handlers(app: Mainspring) -> dict[str, dict[str, Handler]]:
    """Return who answers where."""

    async def start_named(request: Request) -> Response:
        return await start(app, request, request.path_params["name"])

    async def run_named(request: Request) -> Response:
        return await run(app, request, request.path_params["name"])

    return {f"{BASE}/tasks/{{name}}/start": {"POST": start_named}, f"{BASE}/tasks/{{name}}/run": {"POST": run_named}}


async def start(app: Mainspring, request: Request, name: str) -> Response:
    """Add a run of a task and answer 202 once it is durable, and before it is begun."""
    checked(NoRequest, read_query(request, NoRequest), is_text=True)

    async def answer(made: Enqueued) -> Response:
        told = Started.model_validate({**made.model_dump(), **_urls(request, made.id)})
        return as_json(request, told, 202, headers={"Location": told.url})

    return await _started(app, request, name, answer, PATIENCE)


async def run(app: Mainspring, request: Request, name: str) -> Response:
    """Add a run of a task and wait for its end: 200 with how it ended, or 202 where it takes longer; it goes on then."""
    seconds = checked(WaitRequest, read_query(request, WaitRequest), is_text=True).wait
    must_look(who(request))  # before anything is done: the answer tells of it

    async def answer(made: Enqueued) -> Response:
        try:
            await unless_gone(request, app.wait_for(made.id, seconds))
        except StillRunning:
            pass
        seen = await show_run(app, RunRequest(id=made.id), who(request))
        values = {name: getattr(seen, name) for name in Performed.model_fields if name in type(seen).model_fields}
        told = Performed.model_validate({**values, **made.model_dump(), **_urls(request, made.id)})
        return as_json(request, told, 200 if told.is_final else 202, headers={"Location": told.url})

    return await _started(app, request, name, answer, PATIENCE + timedelta(seconds=seconds))


def _urls(request: Request, run_id: str) -> dict[str, str]:
    url = run_url(request, run_id)
    return {"url": url, "events_url": f"{url}/events", "page_url": root_of(request) + fill("/runs/{id}", id=run_id)}


async def _started(app: Mainspring, request: Request, name: str, answer: Any, patience: timedelta) -> Response:
    caller = who(request)
    task = visible(app, name, caller)  # before anything is taken in
    options = _options(request)
    is_confirmed = _confirms(options.pop("confirm", None), name)
    params: dict[str, Any] = {}
    what = to_json(options) + bytes([is_confirmed])
    is_refused = not may(app, caller.user, Verb.START, name, owner=caller.user.name)  # by the operation, which writes it down
    if not is_refused and (task.spec.danger is None or is_confirmed):
        params, told = await _parameters(app, request, name, task.params.schema())
        what += told

    async def perform(run_id: str | None) -> Response:
        values = {"task": name, "params": params, "is_confirmed": is_confirmed, **options}
        model = EnqueueRequest if run_id is None else PlannedRequest
        try:
            asked = model.model_validate_json(to_json(values if run_id is None else {**values, "run_id": run_id}), strict=True)
        except ValidationError as error:
            raise Refused("invalid-params", "an option makes no sense", [_of_header(each) for each in errors_of(error)]) from None
        try:
            made = await enqueue_run(app, asked, caller)
        except NotConfirmed as error:
            remedy = f"send the header '{CONFIRM}: {name}'"
            more = {"task": name, "danger": error.danger, "remedy": remedy}
            raise Refused(error.code, f"{error}; to have it done all the same, {remedy}", more=more) from None
        response: Response = await answer(made)
        return response

    return await once(app, request, what, perform, patience=patience)


def _confirms(text: str | None, name: str) -> bool:
    if text is None:
        return False
    if text != name:
        raise Refused(
            "invalid-params", "an option makes no sense", [fault(CONFIRM, f"is to be the name of the task, {name!r}", repr(text))]
        )
    return True


def _options(request: Request) -> dict[str, Any]:
    """Return the options in the headers; raises `Refused` for one that is unknown or given twice."""
    found: dict[str, Any] = {}
    errors = []
    for lower in dict.fromkeys(request.headers.keys()):
        if lower.startswith(PREFIX.lower()):
            values = request.headers.getlist(lower)
            header = _BY_LOWER.get(lower)
            if header is None:
                errors.append(fault(lower, f"is unknown: there are {', '.join(HEADERS)}"))
            elif len(values) > 1:
                errors.append(fault(header, "is given twice"))
            else:
                text = _header_text(values[0])
                if HEADERS[header] == "run_at" and not _MOMENT.match(text):  # a bare number would be taken for seconds since 1970
                    errors.append(fault(header, "is to be a time with its zone, as 2030-01-31T08:00:00Z", repr(text)))
                found[HEADERS[header]] = int(text) if HEADERS[header] == "retries" and text.isascii() and text.isdigit() else text
    if errors:
        raise Refused("invalid-params", "an option is not understood", errors)
    return found


def _header_text(value: str) -> str:
    """Return a header as text: UTF-8 where it is that, as most clients send it."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _of_header(error: Mapping[str, Any]) -> dict[str, Any]:
    name = str(error["field"])
    header = next((header for header, field in HEADERS.items() if field == name), name)
    return {**error, "field": header, "path": f"/{header}"}


# -- parameters --------------------------------------------------------------------------------------------------------


async def _parameters(app: Mainspring, request: Request, name: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the parameters that were sent, and what they are, for who asks again; files are taken in."""
    media = media_of(request)
    if media in FORMS:
        return await _form(app, request, name, schema, media)
    body = await read_body(request)
    if not body.strip():
        return {}, b""
    if media != "application/json" and not media.endswith("+json"):
        raise Refused(
            "unsupported-media-type", f"the body is {media or 'of no type'}: send application/json or multipart/form-data",
            headers={"Accept-Post": ", ".join(("application/json", *FORMS))},
        )  # fmt: skip
    return object_of(body), hashlib.sha256(body).digest()


async def _form(
    app: Mainspring, request: Request, name: str, schema: Mapping[str, Any], media: str
) -> tuple[dict[str, Any], bytes]:  # fmt: skip
    """Read a form: a part with a file name is a file, one of type application/json is JSON, every other a text.

    Fields that may be repeated are those whose parameter is a list.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    found: dict[str, Any] = {}
    told: list[Any] = []

    def put(field: str, value: Any, meant: Any) -> None:
        told.append([field, meant])
        if is_many(properties.get(field, {}), schema):
            found.setdefault(field, []).extend(value if isinstance(value, list) else [value])
        elif field in found:
            raise InvalidParams(f"wrong parameters for {name}", [Problem(field, "given twice")])
        else:
            found[field] = value

    if media == FORMS[1]:
        text = (await read_body(request, MOST_BODY)).decode("utf-8", "replace")
        for field, value in parse_qsl(text, keep_blank_values=True, max_num_fields=1000):
            put(field, value, value)
        return found, hashlib.sha256(to_json(told)).digest()
    async for part in parts(request, most=app.settings.max_upload):
        if part.filename is not None:
            file: File = await take(app, request, part, limit_in(properties.get(part.name, {})))
            put(part.name, file.as_json(), told_by_content([file]).decode())
        else:
            text = await part.text()
            put(part.name, _json(part.name, text) if part.media_type == "application/json" else text, text)
    return found, hashlib.sha256(to_json(told)).digest()


def _json(name: str, text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Refused("malformed", f"the field {name!r} is no JSON: {error}") from None


def is_many(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    """Tell whether a parameter is a list."""
    if reference := schema.get("$ref"):
        return is_many(whole.get("$defs", {}).get(str(reference).rpartition("/")[2], {}), whole)
    return schema.get("type") == "array" or any(is_many(each, whole) for each in schema.get("anyOf", ()))
