"""Signing in and out: passwords, sessions, links, tokens; what is guessed, what is revoked, and what the audit trail says of it."""

from __future__ import annotations

import re
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.access import UserRole, Verb
from mainspring.core.keys import hash_of
from mainspring.operations import passwords
from mainspring.operations.entry import SLOTS, TRIES_OF_ADDRESS, TRIES_OF_NAME, Visit, make_link, place_of_link, slot_of_name
from mainspring.web.access.cookies import SESSION
from tests.web.door import HOST, LONG, SAME, Browser, Door, door, people, query_of, quick_hashes, say, token_in

__all__ = ["quick_hashes"]
pytestmark = pytest.mark.usefixtures("quick_hashes")

COOKIE = f"{SESSION}_8080"


def sql(folder: Path, text: str) -> list[Any]:
    with sqlite3.connect(folder / "store.db") as database:
        return database.execute(text).fetchall()


# -- passwords and sessions


def test_a_password_lets_in_and_the_cookie_is_out_of_reach(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "Ada")
        browser = Browser(house)
        answer = browser.sign_in(" ADA ")  # capitals and spaces make no difference
        assert (answer.status, answer["location"]) == (303, "/")
        cookie = answer.cookies[COOKIE]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "lax", "/", "")
        assert 6 * 86400 < int(cookie["max-age"]) <= 7 * 86400
        assert browser.is_in()
        row = house.audit("access.sign-in")[0]
        assert (row["actor"], row["object"], row["address"], row["data"]) == ("ada", "user:ada", "127.0.0.1", {"kind": "local"})
        # Nothing that the database holds opens the door.
        held = "\n".join(sqlite3.connect(tmp_path / "store.db").iterdump())
        assert cookie.value not in held
        assert hash_of(cookie.value) in held
        assert LONG not in held
        assert "$argon2id$v=19$m=" in held
        assert house.get("/settings", cookie=f"{COOKIE}={hash_of(cookie.value)}").status == 303


def test_cookies_belong_to_the_mount_and_are_secure_where_tls_is(tmp_path: Path) -> None:
    with door(tmp_path, {"trusted_proxies": "127.0.0.1", "hosts": "tasks.example.com"}) as house:
        people(house, "ada")
        house.root = "/a/b"
        answer = house.post("/login", {"name": "ada", "password": LONG})
        assert (answer["location"], answer.cookies[COOKIE]["path"]) == ("/a/b/", "/a/b")
        said = {"x_forwarded_proto": "https", "x_forwarded_host": "tasks.example.com"}
        cookie = house.post("/login", {"name": "ada", "password": LONG}, **said).cookies[SESSION]
        assert cookie["secure"] is True


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/runs?state=failed", "/runs?state=failed"), ("//evil.com", "/"), ("https://evil.com/", "/"), ("/\\evil.com", "/"), ("", "/"),
        ("/\tevil.com", "/"), ("javascript:alert(1)", "/"), ("/login?next=/x", "/"), ("/logout", "/"), ("runs", "/"), ("/ //evil.com", "/"),
    ],
)  # fmt: skip
def test_whoever_signs_in_goes_where_they_wanted_and_never_elsewhere(tmp_path: Path, wanted: str, goes: str) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        browser = Browser(house)
        assert browser.post("/login", {"name": "ada", "password": LONG, "next": wanted})["location"] == goes


def test_wrong_ones_are_told_alike_and_take_as_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody has, one without a password and one that is disabled cost a hash each, and say the same."""
    hashed: list[bool] = []
    fits = passwords.fits

    async def counted(kept: str | None, password: str) -> bool:
        hashed.append(kept is not None)
        return await fits(kept, password)

    monkeypatch.setattr(passwords, "fits", counted)
    with door(tmp_path) as house:
        people(house, "ada", "bob")
        house.do(say(house, "users.add", name="eve"))
        house.do(say(house, "users.disable", name="bob"))
        pages = set()
        for name, password in (("ada", "wrong-wrong-wrong"), ("nobody", LONG), ("bob", LONG), ("eve", LONG)):
            answer = Browser(house).sign_in(name, password)
            assert answer.status == 401
            assert not answer.cookies
            pages.add(re.sub(f'value="{name}"', "", answer.text))
        assert len(pages) == 1
        assert hashed == [True, False, False, False]
        rows = house.audit("access.refused")
        assert [(row["object"], row["data"]["why"]) for row in reversed(rows)] == [
            ("user:ada", "password"), ("user:?", "unknown"), ("user:bob", "disabled"), ("user:eve", "password"),
        ]  # fmt: skip


def test_a_password_in_the_wrong_field_is_written_down_nowhere(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        Browser(house).sign_in("my-secret-password", "ada")
        assert "my-secret" not in "\n".join(sqlite3.connect(tmp_path / "store.db").iterdump())


def test_signing_in_never_takes_over_what_a_browser_brings(tmp_path: Path) -> None:
    """Fixation: a session that somebody else has put into the browser stays theirs, and ends."""
    with door(tmp_path) as house:
        people(house, "ada")
        people(house, "eve", role="viewer")
        eve, ada = Browser(house), Browser(house)
        eve.sign_in("eve")
        ada.jar[COOKIE] = planted = eve.jar[COOKIE]
        ada.sign_in("ada")
        assert ada.jar[COOKIE] != planted
        assert not eve.is_in()  # it was this browser's, and has been traded
        ada.jar[COOKIE] = "made-up-by-somebody"
        ada.sign_in("ada")
        assert ada.jar[COOKIE] != "made-up-by-somebody"
        first = ada.jar[COOKIE]
        ada.sign_in("ada")
        assert ada.jar[COOKIE] != first
        assert house.get("/settings", cookie=f"{COOKIE}={first}").status == 303


def test_signing_out_ends_the_session_itself(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        browser = Browser(house)
        browser.sign_in("ada")
        kept = browser.jar[COOKIE]
        answer = browser.post("/logout")
        assert (answer.status, answer["location"]) == (303, "/login?done=out")
        assert COOKIE not in browser.jar
        assert house.get("/settings", cookie=f"{COOKIE}={kept}").status == 303
        assert house.audit("access.sign-out")[0]["actor"] == "ada"
        assert browser.get("/logout").status == 303  # a page, a preview or a prefetch signs nobody out


def test_a_session_ends_by_itself(tmp_path: Path) -> None:
    with door(tmp_path, {"session_idle": "1h", "session_life": "1d"}) as house:
        people(house, "ada")
        browser = Browser(house)
        assert 86000 < int(browser.sign_in("ada").cookies[COOKIE]["max-age"]) <= 86400
        clock = [100.0]
        house.guard.recogniser.clock = lambda: clock[0]
        assert browser.is_in()
        sql(tmp_path, "update mainspring_sessions set idle_at = idle_at - 3700 * 1000000")
        clock[0] += 3
        assert not browser.is_in()
        browser.sign_in("ada")
        sql(tmp_path, "update mainspring_sessions set expires_at = expires_at - 90000 * 1000000")
        clock[0] += 3
        assert not browser.is_in()


def test_use_keeps_a_session_alive_and_is_written_once_a_minute(tmp_path: Path) -> None:
    with door(tmp_path, {"session_idle": "1h"}) as house:
        people(house, "ada")
        browser, clock = Browser(house), [100.0]
        house.guard.recogniser.clock = lambda: clock[0]
        browser.sign_in("ada")
        browser.is_in()
        (before,) = sql(tmp_path, "select idle_at from mainspring_sessions")
        for _ in range(5):
            clock[0] += 10
            browser.is_in()
        assert sql(tmp_path, "select idle_at from mainspring_sessions") == [before]
        clock[0] += 20
        browser.is_in()
        assert sql(tmp_path, "select idle_at from mainspring_sessions") > [before]


def test_what_lets_in_is_looked_up_once_in_two_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        browser, clock = Browser(house), [100.0]
        house.guard.recogniser.clock = lambda: clock[0]
        browser.sign_in("ada")
        store = house.do(house.app.store())
        looks: list[str] = []
        look = store.sessions.open

        async def counted(hash_: str) -> Any:
            looks.append(hash_)
            return await look(hash_)

        monkeypatch.setattr(store.sessions, "open", counted)
        for _ in range(5):
            assert browser.is_in()
        assert len(looks) == 1
        clock[0] += 2.1
        browser.is_in()
        assert len(looks) == 2


@pytest.mark.parametrize(
    ("verb", "fields"),
    [("users.disable", {}), ("users.remove", {}), ("users.password", {"password": "another long password"})],
)
def test_revoking_holds_at_once(tmp_path: Path, verb: str, fields: dict[str, str]) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        browser = Browser(house)
        browser.sign_in("ada")
        assert browser.is_in()
        house.do(say(house, verb, name="ada", **fields))
        assert not browser.is_in()


def test_ones_own_password_needs_the_old_one_and_ends_the_other_browsers(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada", role="viewer")
        here, there = Browser(house), Browser(house)
        here.sign_in("ada")
        there.sign_in("ada")
        new = "another long password"
        refused = here.post("/settings/access/password", {"old": "wrong-wrong-wrong", "password": new})
        assert refused.status == 422
        assert "this is not your password" in refused.text
        assert here.post("/settings/access/password", {"old": LONG, "password": "short"}).status == 422
        assert there.is_in()
        assert here.post("/settings/access/password", {"old": LONG, "password": new}).status == 303
        assert here.is_in()
        assert not there.is_in()
        assert there.sign_in("ada").status == 401
        assert there.sign_in("ada", new).status == 303
        assert [row["object"] for row in house.audit("users.password")] == ["user:ada"]


# -- guessing


def test_too_many_tries_for_a_name_are_told_when_to_come_back(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        browser = Browser(house)
        for number in range(TRIES_OF_NAME):
            house.peer = f"10.0.{number}.1"  # from everywhere
            assert browser.sign_in("ada", "wrong-wrong-wrong").status == 401
        house.peer = "10.1.0.1"
        answer = browser.sign_in("ada")  # the right one as well: guesses would not know
        assert answer.status == 429
        assert 800 < int(answer["retry-after"]) <= 900
        assert "15 min" in answer.text
        assert len(house.audit("access.lockout")) == 1
        browser.sign_in("ada")
        assert len(house.audit("access.lockout")) == 1  # once in a window
        sql(tmp_path, "update mainspring_sign_ins set since = since - 901 * 1000000")
        assert browser.sign_in("ada").status == 303


def test_too_many_tries_of_an_address_whatever_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def quick(kept: str | None, password: str) -> bool:
        return False

    monkeypatch.setattr(passwords, "fits", quick)
    with door(tmp_path) as house:
        people(house, "ada")
        house.peer = "2001:db8:1:2:3:4:5:6"
        statuses = [Browser(house).sign_in(f"name-{number}", "wrong").status for number in range(TRIES_OF_ADDRESS + 2)]
        assert statuses == [401] * TRIES_OF_ADDRESS + [429] * 2
        house.peer = "2001:db8:1:2:ffff::1"  # the same customer's
        assert Browser(house).sign_in("ada", "wrong").status == 429
        house.peer = "2001:db8:1:3::1"
        assert Browser(house).sign_in("ada", "wrong").status == 401
        assert len(house.audit("access.refused")) <= TRIES_OF_ADDRESS + 1


def test_a_success_is_no_try(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        for _ in range(TRIES_OF_NAME + 3):
            assert Browser(house).sign_in("ada").status == 303
        assert sql(tmp_path, "select max(tries) from mainspring_sign_ins") == [(0,)]


def test_guesses_cannot_fill_the_table() -> None:
    assert len({slot_of_name(str(number)) for number in range(200_000)}) <= SLOTS
    assert slot_of_name("ada") == slot_of_name("ada")


# -- links


def link(house: Door, **more: Any) -> str:
    return f"/login/link?t={house.do(make_link(house.app, Visit(), actor='grace', **more))}"


def key_of(address: str) -> dict[str, str]:
    return {"t": address.partition("t=")[2]}


def test_a_link_lets_one_browser_in_and_no_scanner_burns_it(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        address = link(house)
        page = house.get(address)
        for _ in range(5):  # mail scanners, previews, prefetches
            page = house.get(address, sec_purpose="prefetch")
            assert page.status == 200
            assert not page.cookies
            assert house.ask("HEAD", address).status == 200
        assert page["referrer-policy"] == "no-referrer"
        assert 'action="/login/link"' in page.text
        first, second = Browser(house), Browser(house)
        assert first.post("/login/link", key_of(address)).status == 303
        assert first.is_in()
        assert second.post("/login/link", key_of(address)).status == 410
        assert not second.is_in()
        assert second.get(address).status == 410
        assert "mainspring access link" in second.get(address).text
        assert first.get("/settings/access").text.count("Add somebody") >= 1  # an administrator's page


def test_a_link_is_over_after_a_quarter_of_an_hour(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        address = link(house)
        sql(tmp_path, "update mainspring_links set expires_at = expires_at - 901 * 1000000")
        assert house.get(address).status == 410
        assert Browser(house).post("/login/link", key_of(address)).status == 410
        assert house.audit("access.refused")[0]["data"]["why"] == "link"
        assert address.partition("t=")[2] not in "\n".join(sqlite3.connect(tmp_path / "store.db").iterdump())


def test_the_first_link_is_shown_on_a_terminal_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with door(tmp_path, {"runner_environment": "production"}, bound=HOST) as house:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        said = house.do(house.guard.announce("http://127.0.0.1:8080"))
        assert said is not None
        assert (said.address, said.file) == (None, None)
        shown = capsys.readouterr()
        found = re.search(r"http://127\.0\.0\.1:8080(/login/link\?t=\S+)", shown.err)
        assert found is not None
        assert not shown.out
        assert not place_of_link(house.app).exists()
        browser = Browser(house)
        browser.post("/login/link", key_of(found[1]))
        assert browser.is_in()
        assert house.do(house.guard.announce()) is None


def test_without_a_terminal_it_is_in_a_file_of_ones_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    with door(tmp_path) as house:
        file = place_of_link(house.app)
        file.write_text("left by somebody")
        file.chmod(0o644)
        assert house.get("/runs").status == 303  # mounted somewhere: the first stranger is when it is made
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        address = query_of(file.read_text().strip())
        assert str(file) in caplog.text
        key = key_of(address)["t"]
        assert key not in caplog.text + "".join(capsys.readouterr())
        before = file.stat().st_mtime_ns
        house.get("/runs")
        assert file.stat().st_mtime_ns == before
        assert Browser(house).post("/login/link", {"t": key}).status == 303


def test_nobody_gets_a_link_where_somebody_can_sign_in(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada")
        assert house.do(house.guard.announce()) is None
        house.get("/")
        assert not place_of_link(house.app).exists()
        assert sql(tmp_path, "select count(*) from mainspring_links") == [(0,)]
    with door(tmp_path / "..", authenticate=lambda request: None) as house:
        assert house.do(house.guard.announce()) is None


# -- tokens


def make(house: Door, **fields: Any) -> str:
    made: str = house.do(say(house, "tokens.add", label="ci", **fields)).token
    return made


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_lets_a_program_in_whatever_made_it_ask(tmp_path: Path) -> None:
    """A page elsewhere cannot send the header: who has it is asked for no origin, and for no cookie."""
    with door(tmp_path) as house:
        token = make(house, role="operator")
        assert re.fullmatch(r"msp_[A-Za-z0-9_-]{43}", token)
        assert house.ask("GET", "/settings", bearer(token)).status == 200
        assert (
            house.ask("POST", "/settings/prefs", {**bearer(token), "sec-fetch-site": "cross-site", "origin": "https://evil.com"}).status
            == 303
        )
        assert house.shake(authorization=f"Bearer {token}", origin="https://evil.com") == "websocket.accept"
        held = "\n".join(sqlite3.connect(tmp_path / "store.db").iterdump())
        assert token not in held
        assert hash_of(token) in held
        assert token not in str(house.audit())


def test_whoever_shows_a_token_is_nobody_else(tmp_path: Path) -> None:
    """A wrong token beside a good cookie is refused, or it would be a way around the origin."""
    with door(tmp_path) as house:
        people(house, "ada")
        browser = Browser(house)
        browser.sign_in("ada")
        assert browser.is_in()
        for wrong in ("msp_wrong", "wrong", "", "msp_" + "x" * 43):
            answer = browser.get("/settings", authorization=f"Bearer {wrong}")
            assert (answer.status, answer["www-authenticate"]) == (401, "Bearer")
            jar = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
            assert house.ask("POST", "/settings/prefs", {**bearer(wrong), "cookie": jar, "sec-fetch-site": "cross-site"}).status == 401
        assert house.ask("POST", "/settings/prefs", {"authorization": "Basic x", **SAME}).status == 401


def test_a_token_can_do_what_it_is_for_and_never_more_than_its_owner(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada", role="operator", tenants=["acme", "umbrella"])
        token = make(house, role="admin", user="ada", tenants=["acme", "other"], verbs=["view", "runs.start"], tasks=["gre*"])
        user = house.do(house.guard.recogniser.by_token(token))
        assert user is not None
        assert (user.name, user.role, user.tenants) == ("ada", UserRole.OPERATOR, frozenset({"acme"}))
        assert (user.verbs, user.tasks) == (frozenset({Verb.VIEW, Verb.START}), ("gre*",))
        assert user.covers("greet")
        assert not user.covers("backup")
        house.do(say(house, "users.role", name="ada", role="viewer"))
        user = house.do(house.guard.recogniser.by_token(token))
        assert user is not None
        assert user.role == "viewer"
        house.do(say(house, "users.disable", name="ada"))
        assert house.do(house.guard.recogniser.by_token(token)) is None
        assert house.ask("GET", "/settings", bearer(token)).status == 401


def test_a_token_is_over_when_it_expires_or_is_revoked(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        clock = [0.0]
        house.guard.recogniser.clock = lambda: clock[0]
        short, long = make(house, expires="1h"), make(house, expires="never")
        sql(tmp_path, "update mainspring_tokens set expires_at = expires_at - 3700 * 1000000")
        clock[0] += 3
        assert house.ask("GET", "/settings", bearer(short)).status == 401
        assert house.ask("GET", "/settings", bearer(long)).status == 200
        page = house.do(say(house, "tokens.list"))
        (still_open,) = [each for each in page.items if each.is_open]
        assert still_open.used_at is not None
        assert still_open.used_from == "127.0.0.1"
        house.do(say(house, "tokens.revoke", id=still_open.id))
        assert house.ask("GET", "/settings", bearer(long)).status == 401


def test_nobody_makes_a_token_that_can_do_more_than_they_may(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada", role="operator", tenants=["acme"])
        browser = Browser(house)
        browser.sign_in("ada")
        made = browser.post("/settings/access/tokens", {"label": "mine", "token_role": "operator", "token_tenants": "acme"})
        assert made.status == 201
        token = token_in(made.text)
        assert house.ask("GET", "/settings", bearer(token)).status == 200
        for fields in ({"token_role": "admin", "token_tenants": "acme"}, {"token_tenants": "umbrella"}, {"token_tenants": ""}):
            assert browser.post("/settings/access/tokens", {"label": "more", **fields}).status == 422, fields
        assert token not in browser.get("/settings/access").text  # told once
        # A token makes no tokens for its owner: what is for one task would make one for all.
        assert house.ask(
            "POST", "/settings/access/tokens", {**bearer(token), "content-type": "application/x-www-form-urlencoded"}, b"label=x"
        ).status in (403, 422)
        assert len(house.do(say(house, "tokens.list")).items) == 1


def test_everybody_finds_their_own_and_administrators_all(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "grace")
        people(house, "ada", "boris", role="viewer")
        make(house, user="boris")
        ada, grace = Browser(house), Browser(house)
        ada.sign_in("ada")
        grace.sign_in("grace")
        ada.post("/settings/access/tokens", {"label": "adas"})
        text = ada.get("/settings/access").text
        assert "adas" in text
        assert "boris" not in text
        assert "Stored secrets" not in text
        boris_one = next(each for each in house.do(say(house, "tokens.list")).items if each.user == "boris")
        assert ada.post(f"/settings/access/tokens/{boris_one.id}/revoke").status == 404
        assert ada.post("/settings/access/users", {"name": "x"}).status == 403
        assert ada.post("/settings/access/secrets", {"name": "X", "value": "long enough"}).status == 403
        graces = next(each for each in house.do(say(house, "sessions.list")).items if each.name == "grace")
        assert ada.post(f"/settings/access/sessions/{graces.id}/revoke").status == 403
        assert grace.is_in()
        text = grace.get("/settings/access").text
        assert all(name in text for name in ("ada", "boris", "grace", "adas", "Stored secrets"))
        adas = next(each for each in house.do(say(house, "sessions.list")).items if each.name == "ada")
        assert grace.post(f"/settings/access/sessions/{adas.id}/revoke").status == 303
        assert not ada.is_in()
        assert grace.post("/settings/access/users/ada/disable").status == 303
        assert ada.sign_in("ada").status == 401


def test_an_administrator_of_a_tenant_is_not_one_of_the_house(tmp_path: Path) -> None:
    """Else they would make themselves one."""
    with door(tmp_path) as house:
        people(house, "grace")
        people(house, "ada", role="admin", tenants=["acme"])
        browser = Browser(house)
        browser.sign_in("ada")
        for path, fields in (
            ("users", {"name": "x", "role": "admin"}), ("users/grace/role", {"role": "viewer"}), ("users/grace/disable", {}),
            ("users/ada/role", {"role": "admin"}), ("secrets", {"name": "X", "value": "long enough"}),
            ("tokens", {"label": "x", "token_role": "admin"}),
        ):  # fmt: skip
            assert browser.post(f"/settings/access/{path}", fields).status in (403, 422), path
        assert len(house.do(say(house, "users.list")).items) == 2


def test_what_is_refused_is_written_down(tmp_path: Path) -> None:
    with door(tmp_path) as house:
        people(house, "ada", role="viewer")
        browser = Browser(house)
        browser.sign_in("ada")
        assert browser.post("/settings/access/users", {"name": "x"}).status == 403
        row = house.audit("users.add")[0]
        assert (row["actor"], row["address"], row["data"]["refused"]) == ("ada", "127.0.0.1", "forbidden")


def test_people_are_kept_by_the_page_without_scripts(tmp_path: Path) -> None:
    with door(tmp_path, {"vault_keys": None}) as house:
        people(house, "grace")
        grace = Browser(house)
        grace.sign_in("grace")
        page = "/settings/access"
        assert grace.post(f"{page}/users", {"name": "Bob", "role": "operator", "password": LONG, "tenants": "acme, umbrella"}).status == 303
        again = grace.post(f"{page}/users", {"name": "bob", "password": LONG})
        assert again.status == 409
        assert LONG not in again.text  # nothing secret is shown again
        assert grace.post(f"{page}/users", {"name": "x y", "password": ""}).status == 422
        assert grace.post(f"{page}/users", {"name": "carl", "role": "king"}).status == 422
        assert grace.post(f"{page}/users", {"name": "system"}).status == 422
        assert grace.post(f"{page}/users/bob/role", {"role": "viewer"}).status == 303
        bob = next(each for each in house.do(say(house, "users.list")).items if each.name == "bob")
        assert (bob.role, bob.tenants) == ("viewer", ["acme", "umbrella"])
        row = house.audit("users.role")[0]
        assert (row["actor"], row["object"], row["data"]["role"]) == ("grace", "user:bob", "viewer")
        assert grace.post(f"{page}/users/bob/remove").status == 303
        assert grace.post(f"{page}/users/bob/remove").status == 404
        for verb in ("role", "disable", "remove"):
            assert grace.get(f"{page}/users/grace/{verb}").status in (404, 405)  # no GET changes anything
        refused = grace.post(f"{page}/secrets", {"name": "API", "value": "a value of some length"})
        assert refused.status == 400
        assert "MAINSPRING_VAULT_KEY" in refused.text
        assert "a value of some length" not in refused.text
