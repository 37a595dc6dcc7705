"""What is wrong with a request, as HTTP says it: the one table from codes to statuses, and problem documents (RFC 9457).

Pure: the API answers with these documents, the console's error pages with the same statuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from mainspring.core.errors import InvalidParams, MainspringError
from mainspring.core.errors import Problem as Fault
from mainspring.operations.wrong import faults_of

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:mainspring:problem:"  # followed by the code
RETRY_AFTER = 5  # seconds, where something is away or under way


@dataclass(frozen=True, slots=True)
class Kind:
    """How a code is told: with which status, and in a few words."""

    status: int
    title: str


KINDS: Mapping[str, Kind] = {
    # of the engine
    "configuration": Kind(400, "Options that make no sense"),
    "invalid-params": Kind(422, "Wrong values"),
    "undecodable-params": Kind(422, "Unreadable parameters"),
    "payload-too-large": Kind(413, "Too large"),
    "file-refused": Kind(422, "File refused"),
    "forbidden": Kind(403, "Forbidden"),
    "not-found": Kind(404, "Not found"),
    "conflict": Kind(409, "Not possible in this state"),
    "not-here": Kind(409, "Not possible here"),
    "task-disabled": Kind(409, "Task disabled"),
    "tenant-closed": Kind(409, "Tenant suspended or deleted"),
    "not-confirmed": Kind(409, "Danger not confirmed"),
    "version-conflict": Kind(409, "Changed by somebody else"),
    "already-enqueued": Kind(409, "Enqueued already"),
    "transaction-conflict": Kind(409, "Transactions met"),
    "lease-lost": Kind(409, "No longer the run's"),
    "store": Kind(503, "Store unavailable"),
    "still-running": Kind(409, "Still running"),
    # of HTTP
    "malformed": Kind(400, "Malformed request"),
    "unauthorized": Kind(401, "Not signed in"),
    "method-not-allowed": Kind(405, "Method not allowed"),
    "not-acceptable": Kind(406, "Not acceptable"),
    "precondition-failed": Kind(412, "Changed since it was read"),
    "unsupported-media-type": Kind(415, "Unsupported content type"),
    "range-not-satisfiable": Kind(416, "No such range"),
    "idempotency-key-reused": Kind(422, "Idempotency key used for something else"),
    "idempotency-under-way": Kind(409, "The first request with this key is under way"),
    "idempotency-interrupted": Kind(409, "The first request with this key was interrupted"),
    "quota-exceeded": Kind(429, "Quota used up"),
    "too-many-requests": Kind(429, "Too many requests"),
    "error": Kind(500, "Internal error"),
}  # fmt: skip
"""Codes that are not in here have the kind of the class that theirs is derived from."""


@dataclass(slots=True)
class Refused(Exception):
    """A request that is refused by HTTP's own rules, before or after anything is asked of the engine."""

    code: str
    detail: str
    errors: Sequence[Mapping[str, Any]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


def kind_of(error: BaseException) -> Kind:
    """Return status and title of an error."""
    if isinstance(error, Refused):
        return KINDS[error.code]
    if isinstance(error, ValidationError):
        return KINDS["invalid-params"]
    if isinstance(error, MainspringError):
        for each in type(error).__mro__:
            if (known := KINDS.get(getattr(each, "code", ""))) is not None:
                return known
    return KINDS["error"]


def status_of(error: BaseException) -> int:
    """Return the status of an error."""
    return kind_of(error).status


def code_of(error: BaseException) -> str:
    """Return the stable code of an error."""
    if isinstance(error, ValidationError):
        return InvalidParams.code
    return str(getattr(error, "code", MainspringError.code))


def problem_of(error: BaseException, *, instance: str | None = None, request_id: str | None = None) -> dict[str, Any]:
    """Return the problem document of an error; what is not one of ours tells nothing of itself."""
    kind, code = kind_of(error), code_of(error)
    if isinstance(error, Refused):
        detail = error.detail
    elif isinstance(error, ValidationError):
        detail = f"{len(errors_of(error))} of the values are wrong"
    else:
        detail = getattr(error, "message", None) or str(error) if isinstance(error, MainspringError) else "something went wrong here"
    document: dict[str, Any] = {"type": TYPE + code, "title": kind.title, "status": kind.status, "detail": detail, "code": code}
    document |= {"instance": instance} if instance is not None else {}
    document |= {"request_id": request_id} if request_id is not None else {}
    if errors := errors_of(error):
        document["errors"] = errors
    for name in ("run_id", "state", "task", "danger", "version"):
        if isinstance(error, MainspringError) and isinstance(value := getattr(error, name, None), (str, int)):
            document[name] = value
    return document | (dict(error.more) if isinstance(error, Refused) else {})


def headers_of(error: BaseException) -> dict[str, str]:
    """Return the headers that belong to the answer."""
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if kind_of(error).status in (429, 503):
        headers.setdefault("Retry-After", str(RETRY_AFTER))
    return headers


def errors_of(error: BaseException) -> list[dict[str, Any]]:
    """Return what is wrong, field by field: ``field`` (dotted) and ``path`` (RFC 6901), ``message``, and the ``value`` if it is told."""
    if isinstance(error, Refused):
        return [dict(each) for each in error.errors]
    if isinstance(error, ValidationError):
        return [fault("/".join(map(str, keys)), what, dotted=".".join(map(str, keys))) for keys, what in faults_of(error)]
    problems: Sequence[Fault] = getattr(error, "problems", ())
    return [fault(each.where.replace(".", "/"), each.what, each.value, dotted=each.where) for each in problems]


def fault(path: str, message: str, value: str | None = None, *, dotted: str | None = None) -> dict[str, Any]:
    """Return one entry of ``errors``; an empty path is the whole."""
    told = {"field": dotted or path or "*", "path": "" if path in ("", "*") else f"/{path}", "message": message}
    return told if value is None else {**told, "value": value}
