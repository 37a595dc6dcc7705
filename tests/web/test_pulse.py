"""The pulse over HTTP: who may ask, how, and what is answered; by ASGI and by WSGI."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring, task
from mainspring.core.errors import ConfigurationError
from mainspring.web import pulse
from mainspring.web.routes import routes

SECRET = "a-secret-of-some-length"
BEARER = {"Authorization": f"Bearer {SECRET}"}
done: list[str] = []


@task(timeout="2s", isolation="thread")
def tidy() -> None:
    done.append("tidy")


@task(timeout="2s", isolation="inline")
async def greet(name: str = "you") -> None:
    done.append(name)


@dataclass
class Answered:
    status: int
    headers: Mapping[str, str]
    body: Any


Ask = Callable[..., Answered]


def asgi(app: Any, method: str, path: str, headers: Mapping[str, str], body: bytes, root: str = "") -> Answered:
    """Ask an ASGI application in an event loop of its own; the body comes in two parts."""
    sent: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = [
        {"type": "http.request", "body": body[:5], "more_body": True},
        {"type": "http.request", "body": body[5:]},
    ]

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await app({"type": "http", "method": method, "path": path, "root_path": root, "headers": raw}, receive, send)

    asyncio.run(ask())
    start, content = sent
    return Answered(
        start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, json.loads(content["body"] or b"null")
    )  # fmt: skip


def wsgi(app: Any, method: str, path: str, headers: Mapping[str, str], body: bytes, root: str = "") -> Answered:
    """Ask a WSGI application."""
    told: list[tuple[int, Mapping[str, str]]] = []
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": root, "PATH_INFO": path.removeprefix(root), "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body), **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }  # fmt: skip

    def start(status: str, answered: list[tuple[str, str]]) -> None:
        told.append((int(status[:3]), {name.lower(): value for name, value in answered}))

    content = b"".join(app(environ, start))
    return Answered(*told[0], json.loads(content or b"null"))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    done.clear()
    monkeypatch.delenv("MAINSPRING_PULSE_SECRET", raising=False)


@pytest.fixture
def app(tmp_path: Path) -> Mainspring:
    return Mainspring(f"sqlite:///{tmp_path}/store.db", tasks=[tidy, greet], pulse_secret=SECRET)


@pytest.fixture(params=["asgi", "wsgi"])
def ask(request: pytest.FixtureRequest, app: Mainspring) -> Iterator[Ask]:
    """Ask the app's endpoint: by one protocol, and by the other."""

    def ask(method: str = "POST", path: str = pulse.PATH, body: object = None, raw: bytes | None = None, **headers: str) -> Answered:
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if request.param == "asgi":
            return asgi(pulse.pulse_asgi(app), method, path, named, sent)
        return wsgi(pulse.pulse_wsgi(app), method, path, named, sent)

    yield ask
    app.blocking.close()


def pulses_of(app: Mainspring) -> int:
    """Return how many pulses there have been."""

    async def count() -> int:
        twin = app._make_twin()
        try:
            return len(await (await twin.store()).pulses.page())
        finally:
            await twin.close()

    return asyncio.run(count())


@pytest.mark.scenario("V6")
def test_a_post_with_the_shared_secret_beats_once(ask: Ask, app: Mainspring) -> None:
    answered = ask(body={"budget": "5s", "force": ["tidy", "greet"]}, Authorization=f"Bearer {SECRET}")
    assert answered.status == 200, answered.body
    assert sorted(done) == ["tidy", "you"]
    assert (answered.body["executed"], answered.body["source"], answered.body["is_ok"]) == (2, "http", True)
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["cache-control"] == "no-store"
    assert ask(Authorization=f"bearer   {SECRET}").status == 200
    assert pulses_of(app) == 2


@pytest.mark.scenario("V6")
@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET}, {"Authorization": f"Basic {SECRET}"},
        {"Authorization": f"Bearer {SECRET}x"}, {"Authorization": f"Bearer {SECRET[:-1]}"}, {"Authorization": "Bearer \u00e4\u00f6"},
        {"X_Mainspring_Signature": "00"}, {"X_Mainspring_Signature": "00", "Authorization": f"Bearer {SECRET}"},
    ],
)  # fmt: skip
def test_who_does_not_know_the_secret_is_refused(ask: Ask, app: Mainspring, headers: dict[str, str]) -> None:
    answered = ask(body={"force": ["tidy"]}, **headers)
    assert (answered.status, answered.body["code"]) == (401, "unauthorized")
    assert answered.headers["www-authenticate"] == "Bearer"
    assert SECRET not in json.dumps(answered.body)
    assert (done, pulses_of(app)) == ([], 0)


@pytest.mark.scenario("V6")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_post_does_anything(ask: Ask, app: Mainspring, method: str) -> None:
    answered = ask(method, body={"force": ["tidy"]}, Authorization=f"Bearer {SECRET}")
    assert (answered.status, answered.headers["allow"]) == (405, "POST")
    assert (done, pulses_of(app)) == ([], 0)


@pytest.mark.scenario("V6")
def test_a_signed_request_counts_once_and_not_for_ever(ask: Ask, app: Mainspring) -> None:
    body = json.dumps({"force": ["tidy"], "budget": "5s"}).encode()

    def signed(raw: bytes = body, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
        return {name.replace("-", "_"): value for name, value in pulse.sign(secret, raw, at=at).items()}

    good = signed()
    assert ask(raw=body, **good).status == 200
    assert done == ["tidy"]
    again = ask(raw=body, **good)
    assert (again.status, again.body["code"]) == (409, "conflict")
    for wrong in (
        ask(raw=body + b" ", **good),
        ask(raw=body, **signed(at=time.time() - pulse.WINDOW - 5)),
        ask(raw=body, **signed(at=time.time() + pulse.WINDOW + 5)),
        ask(raw=body, **signed(secret="another-secret-of-that-length")),
        ask(raw=body, **{**good, "X_Mainspring_Timestamp": "soon"}),
        ask(raw=body, X_Mainspring_Signature=good["X_Mainspring_Signature"]),
    ):
        assert wrong.status == 401
    assert (done, pulses_of(app)) == (["tidy"], 1)
    assert ask(raw=body, **signed(at=time.time() - 60)).status == 200


def test_the_signature_is_what_the_guide_says() -> None:
    made = pulse.sign(SECRET, b'{"budget": "5s"}', at=1_900_000_000)
    text = b'1900000000.POST./api/pulse.{"budget": "5s"}'
    assert made == {
        "X-Mainspring-Timestamp": "1900000000",
        "X-Mainspring-Signature": hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest(),
    }


@pytest.mark.scenario("V6")
def test_without_a_secret_everybody_is_refused_and_told_why(tmp_path: Path) -> None:
    bare = Mainspring(f"sqlite:///{tmp_path}/bare.db", tasks=[tidy])
    for headers in (BEARER, {"Authorization": "Bearer "}, pulse.sign("", b"")):
        answered = asgi(pulse.pulse_asgi(bare), "POST", pulse.PATH, headers, b"")
        assert answered.status == 401
        assert "MAINSPRING_PULSE_SECRET" in answered.body["message"]


def test_two_secrets_hold_while_they_are_exchanged(tmp_path: Path) -> None:
    app = Mainspring(f"sqlite:///{tmp_path}/two.db", tasks=[greet], pulse_secret=f"{SECRET}, another-secret-of-that-length")
    for secret in (SECRET, "another-secret-of-that-length"):
        assert asgi(pulse.pulse_asgi(app), "POST", pulse.PATH, {"Authorization": f"Bearer {secret}"}, b"").status == 200
        assert asgi(pulse.pulse_asgi(app), "POST", pulse.PATH, pulse.sign(secret), b"").status == 200
    assert asgi(pulse.pulse_asgi(app), "POST", pulse.PATH, {"Authorization": f"Bearer {app.settings.pulse_secret}"}, b"").status == 401


@pytest.mark.parametrize("value", ["short", "", f"{SECRET},", "a" * 15])
def test_a_secret_that_can_be_guessed_is_refused_without_being_repeated(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters") as caught:
        Mainspring(f"sqlite:///{tmp_path}/x.db", pulse_secret=value)
    assert not value or value not in str(caught.value)


def test_the_secret_is_shown_nowhere(app: Mainspring) -> None:
    from mainspring.config import explain

    assert SECRET not in repr(app.settings)
    assert SECRET not in str(explain(app.settings))
    assert ("MAINSPRING_PULSE_SECRET", "***") in [each[:2] for each in explain(app.settings)]


@pytest.mark.parametrize(
    ("raw", "code", "part"),
    [
        (b"{", "invalid-params", "JSON"), (b"[]", "invalid-params", "object"), (b'{"nothing": 1}', "invalid-params", "nothing"),
        (b'{"force": "tidy"}', "invalid-params", "force"), (b'{"only": ["tidi"]}', "unknown-task", "tidy"),
        (b'{"budget": "0s"}', "configuration", "budget"), (b'{"budget": "soon"}', "configuration", "budget"),
        (b'{"budget": "3h"}', "configuration", "budget"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_request_is_told(ask: Ask, raw: bytes, code: str, part: str) -> None:
    answered = ask(raw=raw, **BEARER)
    assert (answered.status, answered.body["code"]) == (400, code)
    assert part in json.dumps(answered.body)
    assert done == []


def test_a_body_that_is_too_large_is_not_read(ask: Ask) -> None:
    assert ask(raw=b" " * (pulse.MOST_BODY + 1), **BEARER).status == 413


def test_another_path_is_another_matter(ask: Ask) -> None:
    answered = ask(path="/api/other", **BEARER)
    assert (answered.status, "POST /api/pulse" in answered.body["message"]) == (404, True)
    assert ask(path="/api/pulse/", **BEARER).status == 200


def test_it_can_be_mounted_anywhere(app: Mainspring) -> None:
    assert asgi(pulse.pulse_asgi(app, path=None), "POST", "/jobs/beat", BEARER, b"", root="/jobs").status == 200
    assert asgi(pulse.pulse_asgi(app), "POST", "/jobs/api/pulse", BEARER, b"", root="/jobs").status == 200
    assert wsgi(pulse.pulse_wsgi(app, path=None), "POST", "/jobs/beat", BEARER, b"", root="/jobs").status == 200
    app.blocking.close()


def test_a_store_that_is_away_is_for_later(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    app = Mainspring(f"sqlite:///{tmp_path}/folder", tasks=[tidy], pulse_secret=SECRET)
    answered = asgi(pulse.pulse_asgi(app), "POST", pulse.PATH, BEARER, b"")
    assert (answered.status, answered.headers["retry-after"]) == (503, "30")


def test_a_dry_run_tells_and_does_nothing(ask: Ask, app: Mainspring) -> None:
    app.blocking.enqueue(tidy)
    answered = ask(body={"dry_run": True}, **BEARER)
    assert [each["task"] for each in answered.body["due"]] == ["tidy"]
    assert (answered.body["is_dry_run"], done, pulses_of(app)) == (True, [], 0)


def test_a_server_of_ours_has_it_beside_health(app: Mainspring) -> None:
    ours = routes(app)
    assert asgi(ours, "POST", pulse.PATH, BEARER, b"").status == 200
    assert asgi(ours, "GET", pulse.PATH, BEARER, b"").status == 405
    assert asgi(ours, "GET", "/livez", {}, b"").status == 200


def test_as_a_whole_application_it_closes_the_store(app: Mainspring) -> None:
    said: list[str] = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        said.append(message["type"])

    async def live() -> None:
        await app.open()
        await pulse.pulse_asgi(app)({"type": "lifespan"}, receive, send)
        assert app._opening.now is None

    asyncio.run(live())
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
