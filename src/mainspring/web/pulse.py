"""The pulse over HTTP: ``POST /api/pulse``, for platforms that start nothing but an HTTP request. Plain ASGI, and plain WSGI.

Who calls has to know the shared secret (``MAINSPRING_PULSE_SECRET``), and shows it in one of two ways:

* ``Authorization: Bearer SECRET``
* ``X-Mainspring-Timestamp: SECONDS`` and ``X-Mainspring-Signature: HEX``, an HMAC-SHA256 of timestamp, method, path and body (`sign` makes
  both). It holds for five minutes and counts once, wherever it arrives.

Without a secret everybody is refused. Only POST does anything: GET and all others are answered by 405, before anything is looked at.

The body may be empty, or a JSON object with ``budget``, ``dry_run``, ``only``, ``force`` and ``reason``: the operation ``pulse.execute``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from pydantic import ValidationError

from mainspring.app import Mainspring
from mainspring.core.errors import Conflict, MainspringError, StoreError
from mainspring.operations.operation import Caller
from mainspring.operations.pulse import ExecuteRequest, PulseView, beat
from mainspring.operations.wrong import problems_of

PATH, METHOD = "/api/pulse", "POST"
AUTHORIZATION, SCHEME = "Authorization", "Bearer"
TIMESTAMP, SIGNATURE = "X-Mainspring-Timestamp", "X-Mainspring-Signature"
WINDOW = 300  # seconds for which a signature holds, and by which the clocks of both sides may differ
MOST_BODY = 64 * 1024  # bytes
CALLER = Caller(actor="pulse-endpoint", source="http")

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: a status, a JSON object, and headers besides those that every answer has."""

    status: HTTPStatus
    body: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> bytes:
        """The body as bytes."""
        return json.dumps(self.body, default=str).encode()

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        """Every header."""
        length = str(len(self.text))
        return [("Content-Type", "application/json"), ("Content-Length", length), ("Cache-Control", "no-store"), *self.headers]


def sign(secret: str, body: bytes = b"", *, at: float | None = None) -> dict[str, str]:
    """Return the headers that sign a request with this body; ``at`` is the time (seconds since 1970), that of now where it is not given."""
    timestamp = str(int(time.time() if at is None else at))
    return {TIMESTAMP: timestamp, SIGNATURE: _signature(secret, timestamp, body)}


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.{METHOD}.{PATH}.".encode() + body, hashlib.sha256).hexdigest()


def pulse_asgi(app: Mainspring, *, path: str | None = PATH) -> PulseAsgi:
    """Return an ASGI application that answers at ``path``; None: wherever a framework has mounted it."""
    return PulseAsgi(app, path=path)


def pulse_wsgi(app: Mainspring, *, path: str | None = PATH) -> PulseWsgi:
    """Return a WSGI application that answers at ``path``; None: wherever a framework has mounted it."""
    return PulseWsgi(app, path=path)


class _Door:
    """What both have in common: who may come in, what is asked for, and what becomes of it."""

    def __init__(self, app: Mainspring, *, path: str | None) -> None:
        self._app, self._path = app, path

    def refuse(self, method: str, path: str) -> Answer | None:
        """Return the answer to what is no request for a pulse, before anything else of it is looked at."""
        if self._path is not None and path.rstrip("/") != self._path:
            return Answer(HTTPStatus.NOT_FOUND, {"code": "not-found", "message": f"there is {METHOD} {self._path}"})
        if method != METHOD:
            message = f"a pulse is asked for by {METHOD}: nothing else does anything here"
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, {"code": "method-not-allowed", "message": message}, (("Allow", METHOD),))
        return None

    def identify(self, headers: Mapping[str, str], body: bytes) -> tuple[Answer | None, str | None]:
        """Return the refusal of who is not known, or the mark of a signed request. Names of headers are lower case."""
        configured = self._app.settings.pulse_secret
        if configured is None:
            return _unknown("MAINSPRING_PULSE_SECRET is not set in this place: until it is, everybody is refused"), None
        secrets = [each.strip() for each in configured.split(",")]
        if (given := headers.get(SIGNATURE.lower())) is not None:
            timestamp = headers.get(TIMESTAMP.lower(), "")
            if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp)) > WINDOW:
                return _unknown(f"{TIMESTAMP} is missing, or more than {WINDOW} seconds from now"), None
            is_known = _is_one_of(given, [_signature(secret, timestamp, body) for secret in secrets])
            return (None, given) if is_known else (_unknown(f"{SIGNATURE} is not the signature of this request"), None)
        scheme, _, token = headers.get(AUTHORIZATION.lower(), "").partition(" ")
        if scheme.lower() != SCHEME.lower() or not _is_one_of(token.strip(), secrets):
            return _unknown(f"send '{AUTHORIZATION}: {SCHEME} …' with the shared secret, or sign the request"), None
        return None, None

    def read(self, body: bytes) -> ExecuteRequest | Answer:
        """Return what is asked for, or the answer that says what is wrong with it."""
        try:
            return ExecuteRequest.model_validate_json(body or b"{}")
        except ValidationError as error:
            problems = [{"field": each.where, "message": each.what} for each in problems_of(error)]
            return Answer(HTTPStatus.BAD_REQUEST, {"code": "invalid-params", "message": "the body is not understood", "problems": problems})


def _unknown(message: str) -> Answer:
    return Answer(HTTPStatus.UNAUTHORIZED, {"code": "unauthorized", "message": message}, (("WWW-Authenticate", SCHEME),))


def _is_one_of(given: str, known: Iterable[str]) -> bool:
    """Compare in a time that says nothing, with each of them."""
    return sum(hmac.compare_digest(given.encode("utf-8", "surrogateescape"), each.encode()) for each in known) > 0


def _answer(view: PulseView) -> Answer:
    return Answer(HTTPStatus.OK, view.model_dump(mode="json"))


def _problem(error: MainspringError) -> Answer:
    """Return the answer for what the engine refuses."""
    body = {"code": error.code, "message": str(error)}
    if isinstance(error, StoreError):
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, body, (("Retry-After", "30"),))
    return Answer(HTTPStatus.CONFLICT if isinstance(error, Conflict) else HTTPStatus.BAD_REQUEST, body)


_TOO_LARGE = Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"code": "too-large", "message": f"a body has at most {MOST_BODY} bytes"})


class PulseAsgi(_Door):
    """The endpoint for an event loop: the store stays open from one request to the next."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; as the whole application of a server, close the store at its end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope, receive)
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.all_headers]
            await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.text})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._app.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if (refused := self.refuse(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))) is not None:
            return refused
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > MOST_BODY:
                return _TOO_LARGE
            if not message.get("more_body", False):
                break
        refused, mark = self.identify({name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}, body)
        if refused is not None:
            return refused
        request = self.read(body)
        if isinstance(request, Answer):
            return request
        try:
            return _answer(await beat(self._app, request, CALLER, mark=mark))
        except MainspringError as error:
            return _problem(error)


class PulseWsgi(_Door):
    """The endpoint for servers without an event loop; pulses beat on the thread of ``app.blocking``, where the store stays open."""

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> list[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        start_response(f"{int(answer.status)} {answer.status.phrase}", answer.all_headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.text]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        if (refused := self.refuse(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))) is not None:
            return refused
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > MOST_BODY:
            return _TOO_LARGE
        body = environ["wsgi.input"].read(int(length)) if int(length) else b""
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }  # fmt: skip
        refused, mark = self.identify(headers, body)
        if refused is not None:
            return refused
        request = self.read(body)
        if isinstance(request, Answer):
            return request
        try:
            return _answer(self._app.blocking.do(lambda app: beat(cast("Mainspring", app), request, CALLER, mark=mark)))
        except MainspringError as error:
            return _problem(error)
