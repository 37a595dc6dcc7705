"""The guard: closed by default, which names and origins it knows, proxies, request ids, and headers on every answer."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from mainspring.core.access import User, UserRole, Verb
from mainspring.core.errors import ConfigurationError
from mainspring.web.access.cookies import SESSION
from mainspring.web.access.origin import is_same_origin
from tests.web.door import HOST, SAME, Answer, Browser, Door, door, people, quick_hashes, say

__all__ = ["quick_hashes"]
pytestmark = pytest.mark.usefixtures("quick_hashes")

ADA = User("ada", UserRole.ADMIN, kind="host")
PUBLIC = ("/static/", "/login", "/livez", "/readyz", "/api/pulse")


def known(folder: Path, **more: Any) -> Any:
    """Give a console whose host application says that everybody is ada."""
    return door(folder, authenticate=lambda request: ADA, **more)


def paths_of(inner: Any) -> set[tuple[str, str]]:
    """Return every path of the console with a method that it takes."""
    found: set[tuple[str, str]] = set()
    for route in inner.routes:
        if isinstance(route, Mount):
            continue
        path = route.path
        for slot in ("{path:path}", "{name:path}"):
            path = path.replace(slot, "x")
        while "{" in path:
            path = path[: path.index("{")] + "x" + path[path.index("}") + 1 :]
        if isinstance(route, WebSocketRoute):
            found.add(("WS", path))
        else:
            found |= {(method, path) for method in route.methods or {"GET"}}
    return found


# -- closed


def test_no_route_is_open_to_strangers(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        assert isinstance(house.guard.inner, Starlette)
        paths = paths_of(house.guard.inner)
        assert len(paths) > 60
        for method, path in sorted(paths):
            if path.startswith(PUBLIC):
                continue
            if method == "WS":
                assert house.shake(path, origin=f"http://{HOST}") == "websocket.close", path
                continue
            answer = house.ask(method, path, SAME)
            assert answer.status in (303, 401), (method, path, answer.status)
            if answer.status == 303:
                assert answer["location"].startswith("/login"), path
        assert house.get("/no/such/page").status == 303  # nobody learns what there is
        assert house.get("/api/v1/nothing").status == 401


def test_what_strangers_see_is_the_door_and_whether_we_live(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        for path in ("/login", "/static/app.css", "/livez", "/readyz"):
            found = house.get(path)
            assert found.status in (200, 301, 307, 404, 503), path
            assert found.status != 401
        assert house.get("/healthz").status in (303, 401)
        assert house.get("/metrics").status in (303, 401)
        assert house.post("/api/pulse").status == 401
        page = house.get("/login").text
        assert "greet" not in page
        assert 'href="/runs"' not in page


def test_a_page_sends_strangers_to_the_door_and_back_and_a_program_a_problem(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        assert house.get("/runs?state=failed")["location"] == "/login?next=%2Fruns%3Fstate%3Dfailed"
        assert house.get("/")["location"] == "/login"
        told = house.get("/api/v1/runs")
        assert (told.status, told["content-type"], told["www-authenticate"]) == (401, "application/problem+json", "Bearer")
        assert json.loads(told.body)["code"] == "unauthorized"
        partial = house.get("/runs", hx_request="true")
        assert (partial.status, partial["hx-redirect"]) == (401, "/login?next=%2Fruns")
        house.root = "/a/b"
        assert house.get("/runs")["location"] == "/a/b/login?next=%2Fa%2Fb%2Fruns"


# -- the house's names


HOSTS = [
    ("127.0.0.1:8080", True), ("localhost", True), ("LOCALHOST:1", True), ("[::1]:8080", True), ("localhost.", True),
    ("tasks.example.com", True), ("tasks.example.com:443", True), ("a.wild.example.com", True), ("a.b.wild.example.com", True),
    ("evil.com", False), ("127.0.0.1.evil.com", False), ("localhost.evil.com", False), ("evil.com:8080", False), ("", False),
    ("wild.example.com", False), ("xwild.example.com", False), ("tasks.example.com.evil.com", False), ("127.0.0.1 evil", False),
    ("user@localhost", False), ("localhost/", False), ("[::1", False), ("127.0.0.1:x", False), ("*", False),
]  # fmt: skip


def test_a_request_has_to_call_the_house_by_its_name(tmp_path: Path) -> None:
    with known(tmp_path, settings={"hosts": "tasks.example.com, *.wild.example.com"}) as house:
        for host, is_ours in HOSTS:
            answer = house.get("/settings", host=host)
            assert answer.status == (200 if is_ours else 421), host
            if not is_ours:
                assert "MAINSPRING_HOSTS" in answer.text
                assert house.shake(host=host, origin=f"http://{host}") == "websocket.close", host


def test_two_names_are_none_and_no_name_neither_but_probes_need_none(tmp_path: Path) -> None:
    with known(tmp_path) as house:
        assert house.ask("GET", "/settings", [("host", HOST), ("host", "evil.com")]).status == 421
        assert house.get("/livez", host="10.1.2.3:8080").status in (200, 503)
        assert house.get("/readyz", host="10.1.2.3:8080").status in (200, 503)
        assert house.get("/healthz", host="10.1.2.3:8080").status == 421
        assert house.get("/settings", host="evil.com", x_forwarded_host=HOST).status == 421  # nobody has made that peer a proxy
    with known(tmp_path, hosts="*") as house:  # a host application that checks them itself
        assert house.get("/settings", host="whatever.example.org").status == 200
    with known(tmp_path, bound="10.1.2.3:8080") as house:
        assert house.get("/settings", host="10.1.2.3:8080").status == 200
        assert house.get("/settings", host="10.1.2.4:8080").status == 421


# -- pages of somebody else's


ORIGINS = {
    "ours": f"http://{HOST}", "tls": f"https://{HOST}", "port": "http://127.0.0.1:9999", "theirs": "https://evil.com", "null": "null",
}  # fmt: skip
# what Sec-Fetch-Site says, Origin, whether cookies come along, whether it may change something
MATRIX = [
    ("same-origin", None, True, True), ("same-origin", "ours", True, True), ("same-origin", "theirs", True, True),
    ("none", None, True, True), ("same-site", None, True, False), ("same-site", "ours", True, False), ("cross-site", None, True, False),
    ("cross-site", "ours", True, False), ("cross-site", "theirs", True, False), ("cross-site", None, False, False),
    ("nonsense", None, True, False), ("", "ours", True, False), (None, "ours", True, True), (None, "tls", True, True),
    (None, "port", True, False), (None, "theirs", True, False), (None, "null", True, False), (None, "null", False, False),
    (None, "theirs", False, False), (None, None, True, False), (None, None, False, True),
]  # fmt: skip


def test_only_pages_of_this_house_change_something(tmp_path: Path) -> None:
    """Whatever method and content type: what counts is where the request comes from."""
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "text/plain")
    with known(tmp_path) as house:
        for (site, origin, has_cookie, may), kind in itertools.product(MATRIX, kinds):
            headers = {"content-type": kind}
            headers |= {} if site is None else {"sec-fetch-site": site}
            headers |= {} if origin is None else {"origin": ORIGINS[origin]}
            headers |= {"cookie": "a=b"} if has_cookie else {}
            for method in ("POST", "PUT", "PATCH", "DELETE", "PURGE"):
                status = house.ask(method, "/settings/access/password", headers).status
                assert (status != 403) is may, (method, headers)
            assert house.ask("HEAD", "/login", headers).status != 403
            told = house.ask("POST", "/api/v1/nothing", headers)
            assert (told.status != 403) is may, headers
            if not may:
                assert json.loads(told.body)["code"] == "forbidden"
        assert house.audit("access.refused")[0]["data"]["why"] == "origin"


@pytest.mark.parametrize(
    ("origin", "host", "is_same"),
    [
        ("http://a", "a", True), ("http://a", "a:80", True), ("https://a", "a", True), ("https://a", "a:443", True),
        ("http://a:80", "a", True), ("http://A.example", "a.example", True), ("https://[::1]:8080", "[::1]:8080", True),
        ("https://a:8443", "a:8443", True), ("https://a", "a:80", False), ("http://a", "b", False), ("http://a:81", "a", False),
        ("null", "null", False), ("a", "a", False), ("file://", "", False), ("chrome-extension://a", "a", False),
        ("http://a.evil", "a", False), ("http://a:x", "a", False), ("", "", False),
    ],
)  # fmt: skip
def test_an_origin_is_a_name_and_a_port(origin: str, host: str, is_same: bool) -> None:
    assert is_same_origin(origin, host) is is_same


def test_sockets_are_opened_by_pages_of_this_house_alone(tmp_path: Path) -> None:
    with known(tmp_path) as house:
        assert house.shake(origin=f"http://{HOST}", cookie="a=b") == "websocket.accept"
        assert house.shake() == "websocket.accept"  # no browser: all of them say an origin
        for origin in ("https://evil.com", "null", "http://127.0.0.1:9999", "http://localhost:8080", ""):
            assert house.shake(origin=origin) == "websocket.close", origin
        assert house.shake(cookie="a=b") == "websocket.close"
        assert house.shake(cookie="a=b", sec_fetch_site="same-origin") == "websocket.close"
    with door(tmp_path) as house:
        assert house.shake(origin=f"http://{HOST}") == "websocket.close"


def test_the_way_in_is_closed_to_other_pages_too(tmp_path: Path) -> None:
    """Nobody is signed in as somebody else by a page of theirs."""
    with door(tmp_path) as house:
        for path in ("/login", "/login/link"):
            assert house.ask("POST", path, {"sec-fetch-site": "cross-site"}).status == 403


# -- this machine


def open_address(house: Door) -> str:
    said = house.do(house.guard.announce())
    assert said is not None
    assert said.address is not None
    return said.address


def test_this_machines_people_come_in_by_the_printed_address(tmp_path: Path) -> None:
    with door(tmp_path, bound=HOST) as house:
        address = open_address(house)
        browser = Browser(house)
        assert not browser.is_in()
        assert not Browser(house).get("/?token=wrong").cookies
        first = browser.get(address.replace("/?", "/settings?tab=1&"))
        assert (first.status, first["location"]) == (303, "/settings?tab=1")  # the token leaves the address
        (cookie,) = first.cookies.values()
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (True, "lax", "/", "")
        assert address.partition("=")[2] not in first["set-cookie"]
        assert browser.is_in()
        assert browser.post("/settings/prefs", {"theme": "dark"}).status == 303
        assert browser.get(address).status == 303  # as often as one likes: other local users do not know it
        assert house.do(house.guard.announce()) is None  # said once


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Other", "Via", "X-Real-IP", "CF-Connecting-IP",
     "True-Client-IP", "X-Original-URL"],
)  # fmt: skip
def test_whoever_was_passed_on_is_not_at_this_machine(tmp_path: Path, header: str) -> None:
    with door(tmp_path, bound=HOST) as house:
        browser = Browser(house)
        browser.get(open_address(house))
        assert browser.is_in()
        assert browser.get("/settings", **{header.replace("-", "_"): "127.0.0.1"}).status == 303


def test_the_printed_address_is_for_this_machine_alone(tmp_path: Path) -> None:
    with door(tmp_path, bound=HOST) as house:
        browser = Browser(house)
        browser.get(open_address(house))
        house.peer = "10.0.0.9"
        assert not browser.is_in()
        house.peer = None
        assert not browser.is_in()
        house.peer = "127.0.0.1"
        assert browser.is_in()
    for bound in (None, "0.0.0.0:8080", "10.1.2.3:8080", "[::]:8080"):
        with door(tmp_path, bound=bound) as house:
            assert house.guard.open_token is None, bound
    for bound in ("127.0.0.1:1", "localhost:1", "[::1]:1", "127.1.2.3:1"):
        with door(tmp_path, bound=bound) as house:
            assert house.guard.open_token is not None, bound


@pytest.mark.parametrize(
    ("settings", "is_open"),
    [
        ({}, True), ({"access": "closed"}, False), ({"access": "open"}, True), ({"runner_environment": "production"}, False),
        ({"runner_environment": "production", "access": "open"}, True),
    ],
)  # fmt: skip
def test_access_says_when_the_printed_address_lets_in(tmp_path: Path, settings: dict[str, str], is_open: bool) -> None:
    with door(tmp_path, settings, bound=HOST) as house:
        assert (house.guard.open_token is not None) is is_open


def test_a_token_of_ones_own_outlives_a_restart(tmp_path: Path) -> None:
    settings = {"access_token": "a-token-that-stays-the-same"}
    with door(tmp_path, settings, bound=HOST) as house:
        browser = Browser(house)
        assert open_address(house).endswith("?token=a-token-that-stays-the-same")
        browser.get("/?token=a-token-that-stays-the-same")
    with door(tmp_path, settings, bound=HOST) as house:
        browser.door = house
        assert browser.is_in()
    with door(tmp_path, bound=HOST) as house:
        browser.door = house
        assert not browser.is_in()


# -- proxies


def test_what_proxies_say_counts_from_listed_peers_alone(tmp_path: Path) -> None:
    seen: list[Request] = []

    def who(request: Request) -> User:
        seen.append(request)
        return ADA

    with door(tmp_path, {"trusted_proxies": "10.0.0.0/8, unix", "hosts": "tasks.example.com"}, authenticate=who) as house:
        said = {
            "x_forwarded_for": "6.6.6.6, 203.0.113.7, 10.0.0.2", "x_forwarded_proto": "https", "x_forwarded_prefix": "/Tasks",
            "x_forwarded_host": "tasks.example.com",
        }  # fmt: skip
        for peer in ("10.0.0.1", None):
            house.peer = peer
            answer = house.get("/settings", **said)
            assert answer.status == 200
            assert 'href="/Tasks/runs"' in answer.text
            request = seen[-1]
            assert (request.client and request.client.host, request.url.scheme, request.headers["host"]) == (
                "203.0.113.7", "https", "tasks.example.com",
            )  # fmt: skip
        house.peer = "11.0.0.1"
        assert 'href="/runs"' in house.get("/settings", **said).text
        request = seen[-1]
        assert (request.client and request.client.host, request.url.scheme, request.headers["host"]) == ("11.0.0.1", "http", HOST)


def test_a_prefix_that_is_no_path_is_none(tmp_path: Path) -> None:
    with known(tmp_path, settings={"trusted_proxies": "127.0.0.1"}) as house:
        for prefix in ("//evil.com", "evil", "/a/../b", "/a b", "/a//b", "/"):
            assert 'href="/runs"' in house.get("/settings", x_forwarded_prefix=prefix).text


def test_a_header_says_who_asks_where_a_listed_proxy_sends_it(tmp_path: Path) -> None:
    settings = {
        "trusted_proxies": "10.0.0.1", "trust_header_user": "X-User", "trust_header_groups": "X-Groups",
        "access_roles": "ops=operator, user:root=admin, *=viewer", "access_tenants": "acme-staff=acme, ops=*",
    }  # fmt: skip
    with door(tmp_path, settings) as house:
        house.peer = "10.0.0.1"
        assert "ada" in house.get("/settings/access", x_user="ada", x_groups="acme-staff").text
        assert house.get("/settings", x_user="eve", x_groups="others").status == 403  # a viewer, but of no tenant
        assert house.get("/settings", x_groups="ops").status == 303  # nobody at all
        caller = caller_in(house, {"x-user": "bob", "x-groups": "ops, acme-staff"})
        assert (caller.user.role, caller.user.tenants, caller.user.teams) == ("operator", None, {"ops", "acme-staff"})
        caller = caller_in(house, {"x-user": "root", "x-groups": "acme-staff,user:bob,*"})
        assert (caller.user.role, caller.user.tenants, caller.tenant) == ("admin", {"acme"}, "acme")
        assert caller.user.teams == {"acme-staff"}  # no group makes somebody another person
        house.peer = "10.0.0.2"
        for _ in range(3):
            assert house.get("/settings", x_user="root", x_groups="ops").status == 303
        rows = [row for row in house.audit("access.refused") if row["object"] == "peer:10.0.0.2"]
        assert len(rows) == 1  # once, however often
        house.peer = None
        assert house.get("/settings", x_user="root").status == 303


def caller_in(house: Door, headers: dict[str, str]) -> Any:
    found: list[Any] = []

    async def show(request: Request) -> Response:
        found.append(request.scope["mainspring.caller"])
        return Response()

    inner, house.guard.inner = house.guard.inner, Starlette(routes=[Route("/who", show)])
    try:
        assert house.ask("GET", "/who", headers).status == 200
    finally:
        house.guard.inner = inner
    return found[0]


def test_settings_that_open_a_door_too_far_are_refused(tmp_path: Path) -> None:
    for settings, said in (
        ({"trust_header_user": "X-User"}, "MAINSPRING_TRUSTED_PROXIES"),
        ({"trusted_proxies": "0.0.0.0/0"}, "would trust everybody"),
        ({"trusted_proxies": "proxy.local"}, "no address or network"),
        ({"access": "wide"}, "auto, open, closed"),
        ({"hosts": "https://a.example"}, "without scheme"),
        ({"access_roles": "ops=king"}, "no role 'king'"),
        ({"access_roles": "ops"}, "GROUP=WHAT"),
        ({"oidc_issuer": "https://id.example"}, "MAINSPRING_OIDC_CLIENT_ID"),
        ({"oidc_issuer": "http://id.example", "oidc_client_id": "a"}, "https://"),
        ({"session_idle": "8d"}, "longer than MAINSPRING_SESSION_LIFE"),
        ({"trust_header_groups": "X-G"}, "says nothing without"),
    ):
        with pytest.raises(ConfigurationError, match=said), door(tmp_path, settings):
            pass


# -- the host application


def test_a_host_application_says_who_asks(tmp_path: Path) -> None:
    people: dict[str, Any] = {"ada": ADA, "away": RedirectResponse("/their/login"), "nobody": None}

    async def who(request: Request) -> User | Response | None:
        found: User | Response | None = people[request.headers["x-theirs"]]
        return found

    with door(tmp_path, authenticate=who, bound=HOST) as house:
        assert house.get("/settings", x_theirs="ada").status == 200
        assert house.get("/settings", x_theirs="away")["location"] == "/their/login"
        assert house.get("/settings", x_theirs="nobody").status == 401  # it has a login of its own
        assert house.shake(x_theirs="ada") == "websocket.accept"
        assert house.shake(x_theirs="away") == "websocket.close"
        assert house.guard.open_token is None
        assert house.do(house.guard.announce()) is None
        assert "<form" not in house.get("/login", x_theirs="nobody").text
        until = caller_in(house, {"x-theirs": "ada"}).user.until
        assert until is not None  # on a socket it is asked again


def test_a_host_application_has_a_second_opinion(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def agrees(user: User, verb: Verb, object_: str) -> bool:
        asked.append((user.name, verb))
        return verb is not Verb.MANAGE_ACCESS

    with door(tmp_path, authenticate=lambda request: ADA, authorize=agrees) as house:
        answer = house.post("/settings/access/users", {"name": "bob"})
        assert answer.status == 403
        assert ("ada", Verb.MANAGE_ACCESS) in asked
        assert house.do(house.app.store()) is not None
    with door(tmp_path, authenticate=lambda request: ADA) as house:
        assert house.post("/settings/access/users", {"name": "bob"}).status == 303


# -- every answer


def everything(house: Door) -> list[Answer]:
    return [
        house.get("/settings"), house.get("/no/such/page"), house.get("/login"), house.get("/static/nothing.css"), house.get("/livez"),
        house.get("/api/v1/runs"), house.get("/settings", host="evil.com"), house.ask("DELETE", "/settings"),
        house.ask("POST", "/settings/prefs", {"sec-fetch-site": "cross-site"}),
    ]  # fmt: skip


def test_headers_are_on_every_answer(tmp_path: Path) -> None:
    for stage in (known(tmp_path), door(tmp_path)):
        with stage as house:
            for answer in everything(house):
                csp = answer["content-security-policy"]
                assert "default-src 'none'" in csp
                assert "'unsafe" not in csp
                assert "frame-ancestors 'none'" in csp
                assert answer["x-content-type-options"] == "nosniff"
                assert answer["referrer-policy"] in ("same-origin", "no-referrer")
                assert answer["x-frame-options"] == "DENY"
                assert answer["cross-origin-resource-policy"] == "same-origin"
                assert len(answer["x-request-id"]) == 16
                if answer.get(
                    "content-type",
                ).__class__ is str and answer["content-type"].startswith("text/html"):
                    assert answer["cache-control"] == "no-store"


def test_a_house_may_be_framed_by_whom_it_names(tmp_path: Path) -> None:
    with known(tmp_path, frame_ancestors=("https://portal.example",)) as house:
        answer = house.get("/settings")
        assert "frame-ancestors https://portal.example" in answer["content-security-policy"]
        assert answer.get("x-frame-options") is None


def test_an_answer_keeps_a_policy_of_its_own(tmp_path: Path) -> None:
    async def file(request: Request) -> Response:
        return Response("x", headers={"Content-Security-Policy": "sandbox", "Cache-Control": "max-age=9"})

    with known(tmp_path) as house:
        house.guard.inner = Starlette(routes=[Route("/file", file)])
        answer = house.get("/file")
        assert [value for name, value in answer.headers if name == "content-security-policy"] == ["sandbox"]
        assert answer["cache-control"] == "max-age=9"
        assert answer["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("given", "is_kept"), [("abc-123._X", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("<x>", False), ("-a", False)]
)
def test_a_request_has_an_id_of_its_own(tmp_path: Path, given: str, is_kept: bool) -> None:
    with known(tmp_path) as house:
        answer = house.post("/settings/access/users", {"name": "bob"}, x_request_id=given)
        assert (answer["x-request-id"] == given) is is_kept
        row = house.audit("users.add")[0]
        assert (row["request_id"], row["address"], row["actor"], row["source"]) == (answer["x-request-id"], "127.0.0.1", "ada", "web")


def test_strangers_cannot_fill_the_audit_trail(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        for number in range(300):
            house.get("/", host=f"evil-{number}.com")
        rows = house.audit("access.refused")
        assert len(rows) == 100
        house.guard.trail._at -= 60  # two minutes of quiet would let two more in
        house.get("/", host="evil.com")
        assert house.audit("access.refused")[0]["data"]["not_written"] == 200


# -- later


def test_still_tells_what_holds_now(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        browser = Browser(house)
        browser.sign_in("ada")
        caller = caller_in(house, {"cookie": f"{SESSION}_8080={browser.jar[SESSION + '_8080']}"})
        clock = [0.0]
        house.guard.recogniser.clock = lambda: clock[0]
        assert house.do(house.guard.still(caller))
        house.do(say(house, "users.role", name="ada", role="viewer"))
        assert not house.do(house.guard.still(caller))  # what this process has changed is known at once
        house.do(say(house, "users.role", name="ada", role="admin"))
        assert house.do(house.guard.still(caller))
        other = door(tmp_path)
        with other as elsewhere:  # what another process changes, within two seconds
            elsewhere.do(say(elsewhere, "users.disable", name="ada"))
        assert house.do(house.guard.still(caller))
        clock[0] += 2.1
        assert not house.do(house.guard.still(caller))
        assert not browser.is_in()
