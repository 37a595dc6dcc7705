"""Signing in with another house: a small OpenID provider on this machine, which can lie in every way."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from tests.web.door import HOST, Answer, Browser, Door, door

CLIENT, SECRET = "mainspring", "a-secret-of-this-client"


@dataclass
class House:
    """An OpenID provider: what it knows of ada, what it gives out, and how it lies when it is told to."""

    address: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}))
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "ada", "groups": ["ops", "staff"]})
    wrong: dict[str, Any] = field(default_factory=dict)  # claims that are not what they should be; None leaves one out
    about: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    signer: Any = None
    asked: dict[str, str] = field(default_factory=dict)  # the latest authorization request
    tokens: list[dict[str, str]] = field(default_factory=list)

    def discovery(self) -> dict[str, Any]:
        at = self.address
        return {
            "issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token", "jwks_uri": f"{at}/keys",
            "end_session_endpoint": f"{at}/leave", "userinfo_endpoint": f"{at}/me", "id_token_signing_alg_values_supported": ["RS256"],
            **self.about,
        }  # fmt: skip

    def grant(self, given: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Trade a code, as RFC 6749 and 7636 say."""
        self.tokens.append(dict(given))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        known = [base64.b64encode(f"{CLIENT}:{each}".encode()).decode() for each in (SECRET, quote(SECRET), quote_plus(SECRET))]
        if authorization.removeprefix("Basic ") not in known or given.get("code") != "the-code":
            return 400, {"error": "invalid_grant"}
        if challenge != self.asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if given.get("redirect_uri") != self.asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": CLIENT, "sub": "4711", "exp": now + 300, "iat": now, "nonce": self.asked["nonce"], **self.claims,
        } | self.wrong  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": self.sign(claims)}

    def sign(self, claims: dict[str, Any]) -> str:
        if self.header["alg"] == "none":
            parts = (json.dumps({"alg": "none"}), json.dumps(claims))
            return ".".join(base64.urlsafe_b64encode(each.encode()).decode().rstrip("=") for each in parts) + "."
        algorithms = [self.header["alg"]]
        return jwt.encode(self.header, claims, self.signer or self.key, algorithms=algorithms)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match urlsplit(self.path).path:
                case "/.well-known/openid-configuration":
                    self._send(200, made.discovery())
                case "/keys":
                    self._send(200, dict(KeySet([made.key]).as_dict(private=False)))
                case "/me" if made.userinfo is not None and self.headers.get("Authorization") == "Bearer at":
                    self._send(200, made.userinfo)
                case _:
                    self._send(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            self._send(*made.grant(given, self.headers.get("Authorization", "")))

        def _send(self, status: int, what: dict[str, Any]) -> None:
            text = json.dumps(what).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settings(house: House, **more: str) -> dict[str, Any]:
    return {
        "oidc_issuer": house.address, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET,
        "access_roles": "ops=operator, user:root=admin", "access_tenants": "staff=acme", **more,
    }  # fmt: skip


@pytest.fixture
def here(house: House, tmp_path: Path) -> Iterator[Door]:
    with door(tmp_path, settings(house)) as made:
        yield made


def sent(browser: Browser, house: House, path: str = "/login/oidc") -> dict[str, str]:
    """Send a browser to the provider; answers what it was sent with."""
    answer = browser.get(path)
    assert answer.status == 303, answer.text
    address = answer["location"]
    assert address.startswith(f"{house.address}/authorize?")
    house.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    return house.asked


def back(browser: Browser, house: House, **said: str) -> Answer:
    given = {"code": "the-code", "state": house.asked["state"], **said}
    return browser.get("/login/oidc/callback?" + "&".join(f"{name}={value}" for name, value in given.items()))


def test_somebody_of_another_house_comes_in_with_what_configuration_says(here: Door, house: House) -> None:
    browser = Browser(here)
    assert "/login/oidc?next=%2Fruns" in browser.get("/login?next=/runs").text
    asked = sent(browser, house, "/login/oidc?next=/runs")
    assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
    assert asked["redirect_uri"] == f"http://{HOST}/login/oidc/callback"
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    answer = back(browser, house)
    assert (answer.status, answer["location"]) == (303, "/runs")
    assert browser.is_in()
    assert "mainspring_oidc_8080" not in browser.jar
    row = here.audit("access.sign-in")[0]
    assert (row["actor"], row["data"]) == ("ada", {"kind": "oidc"})
    session = here.do(_sessions(here))[0]
    assert (session.kind, session.name) == ("oidc", "ada")
    opened = here.do(_opened(here, browser))
    assert (opened.role, opened.tenants, opened.teams, opened.kind) == (
        "operator",
        frozenset({"acme"}),
        frozenset({"ops", "staff"}),
        "oidc",
    )


async def _sessions(here: Door) -> Any:
    return await (await here.app.store()).sessions.list()


async def _opened(here: Door, browser: Browser) -> Any:
    return await here.guard.recogniser.by_session(browser.jar["mainspring_session_8080"])


def test_signing_out_here_leads_to_signing_out_there(here: Door, house: House) -> None:
    browser = Browser(here)
    sent(browser, house)
    back(browser, house)
    answer = browser.post("/logout")
    assert answer.status == 200
    assert f"{house.address}/leave?client_id={CLIENT}" in answer.text
    assert not browser.is_in()


Wrong = dict[str, Any]
LIES: dict[str, tuple[Wrong, str]] = {
    "another nonce": ({"nonce": "somebody-elses"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "another audience": ({"aud": "another-client"}, "aud"),
    "no audience": ({"aud": None}, "aud"),
    "for many, and not for us": ({"aud": [CLIENT, "another"], "azp": "another"}, "somebody else"),
    "for many, and does not say for whom": ({"aud": [CLIENT, "another"]}, "somebody else"),
    "asked for by another": ({"azp": "another"}, "somebody else"),
    "another issuer": ({"iss": "https://evil.com"}, "iss"),
    "expired": ({"exp": 1_600_000_000}, "expired"),
    "no end": ({"exp": None}, "exp"),
    "not yet": ({"nbf": 4_000_000_000}, "not valid yet"),
    "nobody": ({"sub": None}, "sub"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_hold_lets_nobody_in(here: Door, house: House, lie: str) -> None:
    house.wrong, said = LIES[lie]
    browser = Browser(here)
    sent(browser, house)
    answer = back(browser, house)
    assert answer.status == 401
    assert not browser.is_in()
    why = here.audit("access.refused")[0]["data"]["why"]
    assert said in why or "does not hold" in why
    assert here.audit("access.sign-in") == []


@pytest.mark.parametrize("how", ["none", "a shared secret", "a key of somebody else's", "a key of that name", "nonsense"])
def test_a_token_has_to_be_signed_by_the_provider(here: Door, house: House, how: str) -> None:
    match how:
        case "none":
            house.header = {"alg": "none"}
        case "a shared secret":  # the public key, or the client's secret, taken for a secret of an HMAC
            house.header, house.signer = {"alg": "HS256", "kid": "one"}, OctKey.import_key(SECRET.encode() * 2)
        case "a key of somebody else's":
            house.header, house.signer = {"alg": "RS256", "kid": "two"}, RSAKey.generate_key(2048)
        case "a key of that name":
            house.signer = RSAKey.generate_key(2048)
        case "nonsense":
            house.sign = lambda claims: "a.b.c"  # type: ignore[method-assign]  # a lie of one test
    browser = Browser(here)
    sent(browser, house)
    assert back(browser, house).status == 401
    assert not browser.is_in()


def test_a_provider_may_change_its_keys(here: Door, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Browser(here)
    sent(first, house)
    assert back(first, house).status == 303
    house.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})
    house.header = {"alg": "RS256", "kid": "two"}
    monkeypatch.setattr("mainspring.web.access.oidc.KEYS_EVERY", 0.0)
    second = Browser(here)
    sent(second, house)
    assert back(second, house).status == 303
    assert second.is_in()


def test_an_answer_belongs_to_the_attempt_of_this_browser(here: Door, house: House) -> None:
    browser, other = Browser(here), Browser(here)
    sent(other, house)
    theirs = house.asked["state"]
    sent(browser, house)
    assert back(browser, house, state=theirs).status == 401  # somebody else's code, slipped under
    sent(browser, house)
    assert back(browser, house, state="").status == 401
    sent(browser, house)
    assert back(Browser(here), house).status == 401  # a browser that was never sent
    sent(browser, house)
    assert back(browser, house, iss="https://evil.com").status == 401
    sent(browser, house)
    assert back(browser, house).status == 303
    assert back(browser, house).status == 401  # once
    assert back(browser, house, code="another").status == 401


def test_what_the_provider_refuses_is_told(here: Door, house: House) -> None:
    browser = Browser(here)
    sent(browser, house)
    answer = back(browser, house, error="access_denied")
    assert answer.status == 401
    assert "access_denied" in answer.text
    sent(browser, house)
    answer = back(browser, house, code="wrong")
    assert "invalid_grant" in answer.text
    assert "<script" not in back(browser, house, error="<script>").text


def test_whom_nothing_lets_in_is_told_so(here: Door, house: House) -> None:
    browser = Browser(here)
    for claims in ({"preferred_username": "eve", "groups": ["others", "staff"]}, {"preferred_username": "eve", "groups": ["ops"]}):
        house.claims = claims
        sent(browser, house)
        answer = back(browser, house)
        assert answer.status == 403
        assert "MAINSPRING_ACCESS_ROLES" in answer.text
        assert not browser.is_in()
    house.claims = {"groups": ["ops", "staff"]}
    sent(browser, house)
    answer = back(browser, house)
    assert "MAINSPRING_OIDC_CLAIM_NAME" in answer.text


def test_claims_may_stand_beside_the_token(here: Door, house: House) -> None:
    house.claims, house.userinfo = {}, {"sub": "4711", "preferred_username": "ada", "groups": ["ops", "staff"]}
    browser = Browser(here)
    sent(browser, house)
    assert back(browser, house).status == 303
    house.userinfo = {**house.userinfo, "sub": "another"}
    browser = Browser(here)
    sent(browser, house)
    assert back(browser, house).status == 401


def test_an_address_has_to_be_verified_to_be_a_name(house: House, tmp_path: Path) -> None:
    with door(tmp_path, settings(house, oidc_claim_name="email")) as here:
        for verified, status in ((None, 401), (False, 401), ("true", 401), (True, 303)):
            house.claims = {"email": "ada@example.com", "email_verified": verified, "groups": ["ops", "staff"]}
            browser = Browser(here)
            sent(browser, house)
            assert back(browser, house).status == status, verified


def test_a_provider_that_is_not_what_it_should_be_is_not_asked(here: Door, house: House) -> None:
    browser = Browser(here)
    house.about = {"issuer": "https://evil.com"}
    assert browser.get("/login/oidc").status == 503
    house.about = {"token_endpoint": "ftp://evil.com/token"}
    assert browser.get("/login/oidc").status == 503
    house.about = {}
    sent(browser, house)


def test_without_a_provider_there_is_no_such_way(tmp_path: Path) -> None:
    with door(tmp_path) as here:
        assert here.get("/login/oidc")["location"] == "/login"
        assert here.get("/login/oidc/callback?code=x&state=y")["location"] == "/login"
        assert "oidc" not in here.get("/login").text


def test_what_is_asked_for_and_believed_is_configured(house: House, tmp_path: Path) -> None:
    with door(tmp_path, settings(house, oidc_scopes="openid roles", oidc_claim_groups="roles")) as here:
        house.claims = {"preferred_username": "ada", "groups": [], "roles": "ops staff"}
        browser = Browser(here)
        assert sent(browser, house)["scope"] == "openid roles"
        assert back(browser, house).status == 303
        assert here.do(_opened(here, browser)).teams == {"ops", "staff"}


def test_a_client_without_a_secret_is_a_public_one(house: House, tmp_path: Path) -> None:
    with door(tmp_path, {**settings(house), "oidc_client_secret": None}) as here:
        browser = Browser(here)
        sent(browser, house)
        assert back(browser, house).status == 401  # this provider wants one
        assert house.tokens[-1]["client_id"] == CLIENT
        assert "client_secret" not in house.tokens[-1]
