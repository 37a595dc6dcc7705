"""The bridge to WSGI: paths, headers and bodies arrive as they are, piece by piece and both ways, and nobody waits for who has gone."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from mainspring import Mainspring
from mainspring.web.wsgi import PIECE, POLLING, ConsoleWsgi, scope_of

Scope = Mapping[str, Any]


class Asked:
    """What a WSGI server would see."""

    status = ""
    headers: dict[str, str]

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        self.status, self.headers = status, dict(headers)
        return lambda _: None


@pytest.fixture
def app() -> Iterator[Mainspring]:
    made = Mainspring("sqlite://")
    yield made
    made.blocking.close()


def environ(path: str = "/", *, method: str = "GET", body: bytes = b"", script: str = "", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": script,
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(body),
    }
    if body:
        made["CONTENT_LENGTH"] = str(len(body))
    made |= more
    setup_testing_defaults(made)
    return made


def ask(app: Mainspring, asgi: Any, given: dict[str, Any]) -> tuple[Asked, bytes]:
    """Ask as a strict server does."""
    asked = Asked()
    answer = validator(ConsoleWsgi(app, lambda _: asgi))(given, asked)
    try:
        return asked, b"".join(answer)
    finally:
        answer.close()  # type: ignore[attr-defined]  # a server calls it where there is one


async def echo(scope: Scope, receive: Any, send: Any) -> None:
    total, digest, pieces = 0, hashlib.sha256(), 0
    while True:
        message = await receive()
        total, pieces = total + len(message["body"]), pieces + 1
        digest.update(message["body"])
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": f"{total} {pieces} {digest.hexdigest()}".encode()})


def test_a_scope_is_what_the_request_was() -> None:
    more = {"QUERY_STRING": "q=%C3%A4", "HTTP_X_TWO_WORDS": "yes", "CONTENT_TYPE": "text/plain", "REMOTE_ADDR": "203.0.113.9"}
    scope = scope_of(environ("/r\u00c3\u00a4ume", script="/under", method="POST", body=b"x", SERVER_PROTOCOL="HTTP/1.0", **more))
    assert (scope["path"], scope["root_path"], scope["query_string"]) == ("/under/räume", "/under", b"q=%C3%A4")
    assert scope["raw_path"] == b"/under/r%C3%A4ume"
    assert {b"x-two-words": b"yes", b"content-type": b"text/plain", b"content-length": b"1"}.items() <= dict(scope["headers"]).items()
    assert (scope["client"], scope["http_version"], scope["method"]) == (("203.0.113.9", 0), "1.0", "POST")
    assert scope[POLLING] is True


def test_a_body_arrives_in_pieces_and_whole(app: Mainspring) -> None:
    body = bytes(range(256)) * 2000
    asked, answer = ask(app, echo, environ("/up", method="POST", body=body, CONTENT_TYPE="application/octet-stream"))
    total, pieces, digest = answer.decode().split()
    assert (int(total), digest) == (len(body), hashlib.sha256(body).hexdigest())
    assert int(pieces) == -(-len(body) // PIECE)
    assert (asked.status, "connection" in {each.lower() for each in asked.headers}) == ("200 OK", False)


def test_only_what_belongs_to_the_request_is_read(app: Mainspring) -> None:
    line = io.BytesIO(b"first" + b"GET / HTTP/1.1 the next request")
    given = environ("/", method="POST", CONTENT_LENGTH="5", CONTENT_TYPE="text/plain")
    given["wsgi.input"] = line
    answer = b"".join(ConsoleWsgi(app, lambda _: echo)(given, Asked()))
    assert answer.startswith(b"5 1 ")
    assert line.read().startswith(b"GET /")


def test_a_body_that_breaks_off_is_a_client_that_has_gone(app: Mainspring) -> None:
    ends: list[str] = []

    async def reads(scope: Scope, receive: Any, send: Any) -> None:
        try:
            while (await receive())["more_body"]:
                pass
        except OSError as error:
            ends.append(str(error))
            raise

    given = environ("/", method="POST", CONTENT_LENGTH="500", CONTENT_TYPE="text/plain")
    given["wsgi.input"] = io.BytesIO(b"half")
    asked = Asked()
    assert b"".join(ConsoleWsgi(app, lambda _: reads)(given, asked)) == b"Internal Server Error"
    assert (asked.status, ends) == ("500 Internal Server Error", ["the request's body is shorter than it said"])


def test_an_answer_is_sent_as_it_is_made(app: Mainspring) -> None:
    """The second piece is asked for only when the first has gone out, so nothing piles up."""
    made: list[int] = []

    async def stream(scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 206, "headers": []})
        for number in range(3):
            made.append(number)
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    asked = Asked()
    answer = ConsoleWsgi(app, lambda _: stream)(environ(), asked)
    assert (next(answer), made) == (b"0", [0])
    assert (next(answer), made) == (b"1", [0, 1])
    assert (b"".join(answer), made, asked.status) == (b"2", [0, 1, 2], "206 Partial Content")


def test_who_streams_hears_that_nobody_listens(app: Mainspring) -> None:
    over, told = threading.Event(), list[str]()

    async def stream(scope: Scope, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        except OSError:
            told.append((await receive())["type"])
            over.set()

    answer = ConsoleWsgi(app, lambda _: stream)(environ(), Asked())
    assert (next(answer), next(answer)) == (b"tick", b"tick")
    answer.close()  # type: ignore[attr-defined]  # as servers do
    assert over.wait(30)
    assert told == ["http.disconnect"]


@pytest.mark.parametrize("after", ["nothing", "start", "body"])
def test_what_fails_is_a_500_or_a_cut_answer(app: Mainspring, after: str) -> None:
    async def fails(scope: Scope, receive: Any, send: Any) -> None:
        if after != "nothing":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if after == "body":
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("broken")

    asked = Asked()
    answer = ConsoleWsgi(app, lambda _: fails)(environ(), asked)
    if after == "body":
        assert next(answer) == b"half"
        with pytest.raises(ValueError, match="broken"):
            next(answer)
    else:
        assert (asked.status, b"".join(answer)) == ("500 Internal Server Error", b"Internal Server Error")


def test_an_app_that_says_nothing_is_a_500(app: Mainspring) -> None:
    async def silent(scope: Scope, receive: Any, send: Any) -> None: ...

    assert ask(app, silent, environ())[0].status == "500 Internal Server Error"


def test_requests_of_many_threads_are_answered_side_by_side(app: Mainspring) -> None:
    everybody = threading.Barrier(4, timeout=30)
    answers: list[bytes] = []
    arrived, met = list[str](), asyncio.Event()

    async def meets(scope: Scope, receive: Any, send: Any) -> None:
        arrived.append(scope["path"])
        if len(arrived) == 4:
            met.set()
        await met.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    bridge = ConsoleWsgi(app, lambda _: meets)

    def one(number: int) -> None:
        everybody.wait()
        answers.append(b"".join(bridge(environ(f"/{number}"), Asked())))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert sorted(answers) == [b"/0", b"/1", b"/2", b"/3"]


def test_the_application_is_made_once_and_anew_after_the_app_was_closed(app: Mainspring) -> None:
    made: list[object] = []

    def make(twin: object) -> Any:
        made.append(twin)
        return echo

    bridge = ConsoleWsgi(app, make)
    for _ in range(2):
        b"".join(bridge(environ(), Asked()))
    assert len(made) == 1
    app.blocking.close()
    b"".join(bridge(environ(), Asked()))
    assert len(made) == 2
