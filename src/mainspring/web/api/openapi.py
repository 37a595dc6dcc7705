"""The API's description (OpenAPI 3.1), made from the models that requests and answers are checked and written with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from mainspring.core.param import OURS, scalars
from mainspring.core.version import VERSION
from mainspring.operations.operation import View
from mainspring.operations.tasks import TaskView
from mainspring.web.api.endpoint import ADDS, BASE, Endpoint
from mainspring.web.api.exports import LogRequest, ResultRequest, RunsRequest
from mainspring.web.api.files import FileList, UploadRequest
from mainspring.web.api.live import ChangesRequest, EventsRequest, StreamRequest
from mainspring.web.api.once import HEADER as IDEMPOTENCY_KEY
from mainspring.web.api.once import KEY as IDEMPOTENCY_PATTERN
from mainspring.web.api.schemas import Schemas
from mainspring.web.api.starts import CONFIRM, FORMS, HEADERS, OptionRequest, Performed, Started, WaitRequest
from mainspring.web.problems import KINDS, MEDIA_TYPE

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
JSON, LINES, CSV, TEXT = "application/json", "application/x-ndjson", "text/csv", "text/plain"
READING, CHANGING = (400, 401, 403, 404, 409, 422, 429, 503), (400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503)
_ABOUT = (
    "Durable background tasks: definitions, runs, schedules and services, as the command line and the console have them. "
    "Errors are problem documents (RFC 9457) with a stable `code` and, where values are wrong, one entry a field."
)
_TITLES = {
    400: "Malformed", 401: "Not signed in", 403: "Forbidden", 404: "Not found", 409: "Not possible in this state",
    412: "Changed since it was read", 413: "Too large", 415: "Unsupported content type", 416: "No such range", 422: "Wrong values",
    429: "Too many requests", 503: "Store unavailable",
}  # fmt: skip
_NOUNS = {
    "audit": "Who did what.", "changes": "Whether anything looks different.", "errors": "Errors, grouped by what they have in common.",
    "files": "Files to be handed over, and files that runs left behind.", "health": "How everything is.",
    "limits": "How much runs at once, and how fast.", "nodes": "Processes that work.", "notices": "What operators should know.",
    "queues": "Lanes of runs.", "runner": "Nodes, and what is wanted of them.", "runs": "What was asked for, and what became of it.",
    "schedules": "Work that is done by itself.", "services": "Work that goes on until it is stopped.",
    "tasks": "Definitions, and how they are started.",
}  # fmt: skip
_HEADERS = {
    "ETag": "Changes when the answer does; a version stands at its beginning where there is one.",
    "Link": "The following page, with rel=next.",
    "Location": "Where the run is told of.",
    "Retry-After": "Seconds after which to ask again.",
}
_PARAMETERS: Mapping[str, Schema] = {
    "IdempotencyKey": {
        "name": IDEMPOTENCY_KEY, "in": "header", "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_PATTERN}$"},
        "description": "A word of yours for this request: sent again within a day, it is answered again, and nothing is done twice.",
    },
    "IfMatch": {
        "name": "If-Match", "in": "header", "schema": {"type": "string"},
        "description": "The ETag of what was shown: 412 where somebody has changed it since.",
    },
    "IfNoneMatch": {
        "name": "If-None-Match", "in": "header", "schema": {"type": "string"},
        "description": "The ETag of an earlier answer: 304 where nothing is different.",
    },
    "Range": {
        "name": "Range", "in": "header", "schema": {"type": "string"},
        "description": "One range, as `bytes=0-1023`; anything else is not looked at.",
    },
}  # fmt: skip
_PROBLEM: Schema = {
    "type": "object",
    "description": "What is wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": f"A stable word: {', '.join(KINDS)}, or a closer one of the same kind."},
        "request_id": {"type": "string", "description": "By which logs and the audit trail know the request."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "path", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Which value, with dots."},
                    "path": {"type": "string", "description": "Which value, as a JSON pointer; empty: the whole."},
                    "message": {"type": "string"},
                    "value": {"type": "string", "description": "What was given, shortened."},
                },
            },
        },
    },
}
_TASK, _RUN, _FILE = (
    {"type": "string", "description": "the task's name"},
    {"type": "string", "description": "the run's id, or its last characters"},
    {"type": "string", "description": "the file's id"},
)
_ASKED: tuple[type[BaseModel], ...] = (
    OptionRequest, WaitRequest, RunsRequest, ResultRequest, LogRequest, UploadRequest, StreamRequest, EventsRequest, ChangesRequest,
)  # fmt: skip
_ANSWERED: tuple[type[BaseModel], ...] = (Started, Performed, FileList, TaskView)


def document(places: Sequence[Endpoint], tasks: Iterable[TaskView], *, root: str = "") -> Schema:
    """Return the document; ``tasks`` get paths of their own, with their own parameters and results."""
    schemas = Schemas(
        (*_ASKED, *(each.operation.request for each in places)), (*_ANSWERED, *(each.operation.response for each in places))
    )  # fmt: skip
    paths: dict[str, Schema] = {}
    for path, method, described in (*_derived(places, schemas), *_starts(schemas), *_exports(schemas), *_files(schemas), *_live(schemas)):
        paths.setdefault(path, {})[method] = described
    for task in tasks:
        for path, method, described in _of_task(task, schemas):
            paths.setdefault(path, {})[method] = described
    nouns = sorted({each["tags"][0] for methods in paths.values() for each in methods.values()})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mainspring", "version": VERSION, "description": _ABOUT},
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": root or "/"}],
        "security": [{}, {"token": []}],
        "tags": [{"name": noun, **({"description": _NOUNS[noun]} if noun in _NOUNS else {})} for noun in nouns],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**schemas.all, "Problem": _PROBLEM},
            "responses": {f"Problem{status}": _problem(status) for status in _TITLES},
            "parameters": dict(_PARAMETERS),
            "headers": {name: {"schema": {"type": "string"}, "description": about} for name, about in _HEADERS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An API token."}},
        },
    }  # fmt: skip


# -- operations of the catalogue ---------------------------------------------------------------------------------------

Described = Iterator[tuple[str, str, Schema]]


def _derived(places: Sequence[Endpoint], schemas: Schemas) -> Described:
    for place in places:
        described = _reading(place, schemas) if place.method == "GET" else _changing(place, schemas)
        yield place.path, place.method.lower(), described


def _described(place: Endpoint, schemas: Schemas, headers: Sequence[str], problems: Sequence[int]) -> Schema:
    operation = place.operation
    good = _json(schemas, operation.response, headers)
    parameters = []
    if place.key is not None:
        parameters.append(_in_path(place.key, schemas.properties(operation.request)[place.key]))
    return {
        "operationId": operation.name.replace(".", "_"), "tags": [operation.noun], "summary": operation.summary, "parameters": parameters,
        "responses": {str(place.status): good, **_problems(problems)},
        "x-mainspring-operation": operation.name, "x-mainspring-needs": str(operation.needs),
    }  # fmt: skip


def _reading(place: Endpoint, schemas: Schemas) -> Schema:
    headers = ["ETag", *(["Link"] if place.cursor else [])]
    described = _described(place, schemas, headers, READING)
    described["parameters"] += [*_in_query(schemas, place.operation.request, place.key), _shared("IfNoneMatch")]
    described["responses"]["304"] = {"description": "Nothing is different", "headers": {"ETag": _header("ETag")}}
    return described


def _changing(place: Endpoint, schemas: Schemas) -> Schema:
    operation = place.operation
    described = _described(place, schemas, ["Location"] if place.starts else [], CHANGING)
    if not operation.is_read_only:
        described["parameters"].append(_shared("IdempotencyKey"))
    if place.is_versioned:
        described["parameters"].append(_shared("IfMatch"))
    if operation.name in ADDS:
        described["description"] = "Where it was interrupted, its idempotency key answers 409: nobody knows how many runs were added."
    is_required = any(each.is_required() for each in place.fields.values())
    described["requestBody"] = _body({JSON: schemas.without(operation.request, place.key)}, is_required=is_required)
    return described


# -- tasks -------------------------------------------------------------------------------------------------------------


def _starts(schemas: Schemas) -> Described:
    params = {JSON: {"type": "object", "description": "The task's parameters, as `GET /tasks/{name}` tells them under `params`."}}
    name = [_in_path("name", _TASK)]
    yield f"{BASE}/tasks/{{name}}/start", "post", _start("tasks_start", "Start a task.", _body(params), schemas, name)
    yield f"{BASE}/tasks/{{name}}/run", "post", _run("tasks_run", "Start a task and wait for its end.", _body(params), schemas, name)


def _of_task(task: TaskView, schemas: Schemas) -> Described:
    params, result = schemas.adopt(task.params, f"{task.name}.params"), schemas.adopt(task.result, f"{task.name}.result")
    id_ = re.sub(r"[^A-Za-z0-9_]", "_", task.name)
    body = _body(_of_params(params), is_required=bool(params.get("required")))
    described = {
        "start": _start(f"start_{id_}", f"{task.title}: start it.", body, schemas),
        "run": _run(f"run_{id_}", f"{task.title}: do it and wait for its end.", body, schemas, result=result),
    }
    danger = None if task.danger is None else f"**Danger**: {task.danger} Send `{CONFIRM}: {task.name}`."
    about = "\n\n".join(filter(None, [danger, task.description]))
    for verb, each in described.items():
        yield f"{BASE}/tasks/{task.name}/{verb}", "post", each | ({"description": about} if about else {})


def _start(id_: str, summary: str, body: Schema, schemas: Schemas, parameters: Sequence[Schema] = ()) -> Schema:
    return {
        "operationId": id_, "tags": ["tasks"], "summary": summary, "parameters": [*parameters, *_of_headers(), _shared("IdempotencyKey")],
        "requestBody": body, "responses": {"202": _json(schemas, Started, ["Location"]), **_problems(CHANGING)},
    }  # fmt: skip


def _run(
    id_: str, summary: str, body: Schema, schemas: Schemas, parameters: Sequence[Schema] = (), *, result: Schema | None = None
) -> Schema:  # fmt: skip
    described = _start(id_, summary, body, schemas, [*parameters, *_in_query(schemas, WaitRequest)])
    told = _json(schemas, Performed, ["Location"])
    if result:
        narrowed = {"type": "object", "properties": {"result": {"anyOf": [result, {"type": "null"}]}}}
        told["content"][JSON]["schema"] = {"allOf": [told["content"][JSON]["schema"], narrowed]}
    described["responses"]["200"] = {**told, "description": "How it ended, well or not"}
    described["responses"]["202"] = {**told, "description": "It takes longer, and goes on"}
    return described


def _of_headers() -> Iterator[Schema]:
    patterns: Mapping[str, Schema] = {
        "retries": {"pattern": "^[0-9]{1,3}$"}, "priority": {"enum": ["critical", "high", "medium", "low", "background"]},
        "dedupe": {"enum": ["existing", "reject", "replace", "debounce", "once"]}, "run_at": {"format": "date-time"},
    }  # fmt: skip
    for header, name in HEADERS.items():
        about = OptionRequest.model_fields[name].description
        yield {"name": header, "in": "header", "description": about, "schema": {"type": "string", **patterns.get(name, {})}}


def _of_params(params: Schema) -> dict[str, Schema]:
    """Return what a body may be: parameters as JSON and, where there are files among them, a form that brings these along."""
    properties: Mapping[str, Schema] = params.get("properties", {})
    files = {name: _as_upload(each) for name, each in properties.items() if any("file" in one.get(OURS, {}) for one in scalars(each))}
    found = {JSON: params}
    if files:
        found[FORMS[0]] = {**params, "properties": {**properties, **files}}
    return found


def _as_upload(schema: Schema) -> Schema:
    one: Schema = {"type": "string", "format": "binary"}
    is_many = any(each.get("type") == "array" for each in (schema, *schema.get("anyOf", ())))
    return {"type": "array", "items": one} if is_many else one


# -- files and streams -------------------------------------------------------------------------------------------------


def _exports(schemas: Schemas) -> Described:
    run = [_in_path("id", _RUN)]
    yield f"{BASE}/runs/export", "get", _export("runs_export", "Export runs.", [*_in_query(schemas, RunsRequest)], (JSON, LINES, CSV))
    yield f"{BASE}/runs/{{id}}/result", "get", _export(
        "runs_result", "Export the result of a run; nothing is run again.", [*run, *_in_query(schemas, ResultRequest)], (JSON, LINES, CSV)
    )  # fmt: skip
    yield f"{BASE}/runs/{{id}}/log", "get", _export(
        "runs_log", "Export the log of a run.", [*run, *_in_query(schemas, LogRequest)], (JSON, LINES, CSV, TEXT)
    )  # fmt: skip


def _export(id_: str, summary: str, parameters: Sequence[Schema], kinds: Sequence[str]) -> Schema:
    content: Schema = {kind: {"schema": {} if kind == JSON else {"type": "string"}} for kind in kinds}
    return {
        "operationId": id_, "tags": ["runs"], "summary": summary, "parameters": list(parameters),
        "responses": {"200": {"description": "A file", "content": content}, **_problems(READING)},
    }  # fmt: skip


def _files(schemas: Schemas) -> Described:
    form = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
    yield f"{BASE}/files", "post", {
        "operationId": "files_put", "tags": ["files"], "summary": "Send files, to be handed over as parameters.",
        "parameters": [*_in_query(schemas, UploadRequest), _shared("IdempotencyKey")],
        "requestBody": _body({FORMS[0]: form}, is_required=True), "responses": {"201": _json(schemas, FileList), **_problems(CHANGING)},
    }  # fmt: skip
    yield f"{BASE}/files/{{id}}", "get", _fetch("files_fetch", "Fetch a file that was sent.", [_in_path("id", _FILE)])
    name = _in_path("name", {"type": "string", "description": "the file's name or id"})
    yield f"{BASE}/runs/{{id}}/artifacts/{{name}}", "get", _fetch(
        "runs_artifact", "Fetch a file that a run has left behind.", [_in_path("id", _RUN), name]
    )  # fmt: skip


def _fetch(id_: str, summary: str, parameters: Sequence[Schema]) -> Schema:
    content = {"description": "The content, or the range of it that was asked for", "content": {"*/*": {"schema": {}}}}
    return {
        "operationId": id_, "tags": ["files"], "summary": summary, "parameters": [*parameters, _shared("Range"), _shared("IfNoneMatch")],
        "responses": {"200": content, "206": content, "304": {"description": "Nothing is different"}, **_problems((*READING, 416))},
    }  # fmt: skip


def _live(schemas: Schemas) -> Described:
    frame = {"type": "object", "description": "Messages, as the live socket sends them.", "properties": {"m": {"type": "array"}}}
    yield f"{BASE}/runs/{{id}}/events", "get", {
        "operationId": "runs_events", "tags": ["runs"], "summary": "List what happened to a run, waiting for what is new.",
        "parameters": [_in_path("id", _RUN), *_in_query(schemas, EventsRequest)],
        "responses": {"200": {"description": "Events in order", "content": {JSON: {"schema": frame}}}, **_problems(READING)},
    }  # fmt: skip
    yield f"{BASE}/runs/{{id}}/stream", "get", {
        "operationId": "runs_stream", "tags": ["runs"], "summary": "Follow a run by server-sent events, until its last one.",
        "parameters": [_in_path("id", _RUN), *_in_query(schemas, StreamRequest)],
        "responses": {
            "200": {"description": "Events as they come", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "204": {"description": "There is nothing more to come"}, **_problems(READING),
        },
    }  # fmt: skip
    yield f"{BASE}/changes", "get", {
        "operationId": "changes_show", "tags": ["changes"], "summary": "Tell whether any list looks different, waiting until one does.",
        "parameters": list(_in_query(schemas, ChangesRequest)),
        "responses": {"200": {"description": "A token", "content": {JSON: {"schema": frame}}}, **_problems(READING)},
    }  # fmt: skip
    yield f"{BASE}/openapi.json", "get", {
        "operationId": "openapi", "tags": ["openapi"], "summary": "Show this document.", "parameters": [_shared("IfNoneMatch")],
        "responses": {
            "200": {"description": "This document", "content": {JSON: {"schema": {"type": "object"}}}},
            "304": {"description": "Nothing is different"}, **_problems((401, 403, 422, 429, 503)),
        },
    }  # fmt: skip


# -- parts -------------------------------------------------------------------------------------------------------------


def _in_path(name: str, schema: Schema) -> Schema:
    kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {"name": name, "in": "path", "required": True, "description": schema.get("description", ""), "schema": {"minLength": 1, **kept}}


def _in_query(schemas: Schemas, model: type[BaseModel], without: str | None = None) -> Iterator[Schema]:
    for name, schema in schemas.properties(model).items():
        if name != without:
            kept = _not_null({key: value for key, value in schema.items() if key not in ("title", "description")})
            about, is_required = schema.get("description", ""), model.model_fields[name].is_required()
            yield {"name": name, "in": "query", "required": is_required, "description": about, "schema": kept}


def _not_null(schema: Schema) -> Schema:
    """Return a schema without its null: what is left out of a query is not there."""
    kept = {key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and value is None)}
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return {**kept, **options[0]} if len(options) == 1 else {**kept, **({"anyOf": options} if options else {})}


def _body(content: Mapping[str, Schema], *, is_required: bool = False) -> Schema:
    return {"required": is_required, "content": {kind: {"schema": schema} for kind, schema in content.items()}}


def _json(schemas: Schemas, view: type[View], headers: Sequence[str] = ()) -> Schema:
    about = (view.__doc__ or "").strip().partition("\n")[0]
    told = {"description": about, "content": {JSON: {"schema": schemas.reference(view, "serialization")}}}
    return {**told, "headers": {name: _header(name) for name in headers}} if headers else told


def _problems(statuses: Iterable[int]) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}


def _problem(status: int) -> Schema:
    told = {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {**told, "headers": {"Retry-After": _header("Retry-After")}} if status in (429, 503) else told


def _header(name: str) -> Schema:
    return {"$ref": f"#/components/headers/{name}"}


def _shared(name: str) -> Schema:
    return {"$ref": f"#/components/parameters/{name}"}
