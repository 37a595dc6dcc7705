"""One request and its answer: who asks, what is given, and how it is told; errors become problem documents."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from mainspring.core.errors import MainspringError
from mainspring.operations.operation import Caller
from mainspring.web.access import caller_of
from mainspring.web.paths import Handler, NamedRoute
from mainspring.web.problems import MEDIA_TYPE, Refused, fault, headers_of, problem_of, status_of

MOST_BODY = 64 * 2**20 + 64 * 1024  # bytes of JSON: parameters may have 64 MiB where large ones go among the files, and a little beside
SOURCE = "http"
M = TypeVar("M", bound=BaseModel)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_CALLER = "mainspring.api.caller"


def who(request: Request) -> Caller:
    """Return who asks by the API; the same for all of a request."""
    found = request.scope.get(_CALLER)
    if found is None:
        caller = caller_of(request)
        given = request.headers.get("x-request-id", "")
        name = caller.request_id or (given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8))
        found = request.scope[_CALLER] = replace(caller, source=SOURCE, request_id=name)
    assert isinstance(found, Caller)
    return found


def root_of(request: Request) -> str:
    """Return the path that everything is mounted at, without a slash at its end."""
    return str(request.scope.get("root_path", "")).rstrip("/")


# -- routes ------------------------------------------------------------------------------------------------------------


def route(path: str, **methods: Handler) -> NamedRoute:
    """Return the route of a path, with a handler for each of its methods: ``GET=…``, ``POST=…``."""
    allowed = sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])})

    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return _signed(request, Response(status_code=204, headers={"Allow": ", ".join(allowed)}))
        handler = methods.get(method)
        try:
            if handler is None:
                detail = f"{request.method} does nothing here: there is {', '.join(allowed)}"
                raise Refused("method-not-allowed", detail, headers={"Allow": ", ".join(allowed)})
            response = await handler(request)
        except (MainspringError, Refused, ValidationError) as error:
            response = told(request, error)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody is there to read it
        return _signed(request, _bodiless(response) if request.method == "HEAD" else response)

    return NamedRoute(path, answer, methods=allowed, name=f"api:{path}")


def told(request: Request, error: Exception) -> Response:
    """Return the answer that an error is."""
    caller = who(request)
    raw = request.scope.get("raw_path")
    instance = raw.decode("latin-1").partition("?")[0] if raw else quote(request.url.path)
    document = problem_of(error, instance=instance, request_id=caller.request_id)
    return Response(to_json(document), status_of(error), {"Cache-Control": "no-store", **headers_of(error)}, MEDIA_TYPE)


async def not_found(request: Request) -> Response:
    """Answer what is nowhere in the API."""
    error = Refused("not-found", f"there is no {request.url.path}: {root_of(request)}/api/v1/openapi.json lists what there is")
    return _signed(request, told(request, error))


def _signed(request: Request, response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = who(request).request_id or ""
    headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def _bodiless(response: Response) -> Response:
    """Return an answer without its body, and with the headers that it would have."""
    if type(response) is not Response:  # one that is written as it goes
        bare = Response(status_code=response.status_code)
        bare.raw_headers = response.raw_headers
        return bare
    response.body = b""
    return response


# -- what is given -----------------------------------------------------------------------------------------------------


def media_of(request: Request) -> str:
    """Return the media type of what was sent, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, most: int = MOST_BODY) -> bytes:
    """Return what was sent; raises `Refused` as soon as it is too much."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise Refused("payload-too-large", f"a request has at most {most} bytes here: larger things are sent as files")
        pieces.append(piece)
    return b"".join(pieces)


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; nothing at all is an empty one. Raises `Refused`."""
    body = await read_body(request)
    if not body.strip():
        return {}
    media = media_of(request)
    if media != "application/json" and not media.endswith("+json"):
        raise Refused(
            "unsupported-media-type",
            f"the body is {media or 'of no type'}: send application/json",
            headers={"Accept-Post": "application/json"},
        )
    return object_of(body)


def object_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object that bytes are; raises `Refused`."""
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused("malformed", f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refused("invalid-params", "a JSON object is needed", [fault("", f"is {_named(found)}, and should be an object")])
    return found


def _named(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "a boolean"
    return "a text" if isinstance(value, str) else "an array" if isinstance(value, list) else "a number"


def read_query(request: Request, model: type[BaseModel], *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the query as values of a model's fields; raises `Refused` for what is unknown, and for one value given twice."""
    found: dict[str, Any] = {}
    errors = []
    for name in dict.fromkeys(request.query_params.keys()):
        many = request.query_params.getlist(name)
        if name in without or name not in model.model_fields:
            errors.append(fault(name, "is unknown here"))
        elif is_list(model, name):
            found[name] = many
        elif len(many) > 1:
            errors.append(fault(name, "is given twice"))
        else:
            found[name] = many[0]
    if errors:
        raise Refused("invalid-params", "the query is not understood", errors)
    return found


def is_list(model: type[BaseModel], name: str) -> bool:
    """Tell whether a field may be repeated in a query."""
    return "list[" in str(model.model_fields[name].annotation)


def no_query(request: Request) -> None:
    """Refuse a query where none is read."""
    if request.query_params:
        names = [fault(each, "is unknown here") for each in dict.fromkeys(request.query_params.keys())]
        raise Refused("invalid-params", "no query is read here", names)


def checked(model: type[M], values: Mapping[str, Any], *, is_text: bool) -> M:
    """Return values as a request; those of a query are texts and read as such, those of JSON are taken by their types.

    Raises `ValidationError` with all that is wrong, and `Refused` for a text that no database keeps.
    """
    if any("\x00" in each for each in _texts(dict(values))):
        raise Refused("invalid-params", "a text has a character that cannot be kept", [fault("", "contains NUL")])
    if is_text:
        return model.model_validate(values)
    return model.model_validate_json(to_json(values), strict=True)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in (*_texts(key), *_texts(each))]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []


async def gone(request: Request) -> None:
    """Return when the caller has left."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


T = TypeVar("T")


async def unless_gone(request: Request, waiting: Awaitable[T]) -> T | None:
    """Wait for something, and stop waiting when the caller leaves: None then."""
    first = asyncio.ensure_future(waiting)
    leaving = asyncio.ensure_future(gone(request))
    try:
        await asyncio.wait({first, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return first.result() if first.done() else None
    finally:
        for each in (first, leaving):
            each.cancel()
        await asyncio.gather(first, leaving, return_exceptions=True)


# -- what is answered --------------------------------------------------------------------------------------------------


def as_json(
    request: Request, body: BaseModel | bytes, status: int = 200, *, version: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:  # fmt: skip
    """Return a JSON answer. To a GET it has an ETag, and is 304 where the caller has it already.

    ``version`` stands at the beginning of the tag: that of an ``If-Match``.
    """
    text = body if isinstance(body, bytes) else body.model_dump_json(by_alias=True).encode()
    made = Response(text, status, {"Cache-Control": "private, no-cache", **(headers or {})}, "application/json")
    if request.method in ("GET", "HEAD"):
        digest = hashlib.sha256(text).hexdigest()[:32]
        tag = f'"{digest}"' if version is None else f'"{version}-{digest}"'
        made.headers["ETag"] = tag
        return unless_known(request, made, tag)
    if version is not None:
        made.headers["ETag"] = f'"{version}"'
    return made


def unless_known(request: Request, response: Response, tag: str) -> Response:
    """Return 304 in place of an answer that the caller has."""
    known = request.headers.get("if-none-match")
    if known is None or not (known.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in known.split(",")]):
        return response
    kept = {name: value for name, value in response.headers.items() if name.lower() in ("etag", "cache-control", "link", "vary")}
    return Response(status_code=304, headers=kept)


def expected_version(request: Request) -> int | None:
    """Return the version that ``If-Match`` asks for; None where it is not there or says that any will do. Raises `Refused`."""
    text = request.headers.get("if-match")
    if text is None or text.strip() == "*":
        return None
    found = re.fullmatch(r'"(\d{1,18})(-[0-9a-f]+)?"', text.strip())
    if found is None:
        raise Refused("precondition-failed", f"If-Match: {text} is no tag of this: take the ETag of what was shown")
    return int(found[1])


def next_link(request: Request, **query: object) -> str:
    """Return the ``Link`` to the following page: this address with other query values."""
    url = request.url.include_query_params(**query)
    return f'<{url.path}?{url.query}>; rel="next"'


def stream(pieces: AsyncIterator[bytes], headers: Mapping[str, str], media_type: str) -> StreamingResponse:
    """Return an answer that is written while it is read."""

    async def closing() -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                yield piece
        finally:
            if (close := getattr(pieces, "aclose", None)) is not None:
                with suppress(RuntimeError):
                    await close()

    response = StreamingResponse(closing(), headers=dict(headers))
    MutableHeaders(raw=response.raw_headers)["Content-Type"] = media_type
    return response


Perform = Callable[[str | None], Awaitable[Response]]
