"""People, tokens, sessions, links, tries and sealed secrets, on every database."""

import asyncio
from datetime import timedelta

from mainspring.core.access import UserRole, Verb
from mainspring.core.door import Rights
from mainspring.store.sessions import SessionStore
from mainspring.store.tokens import TokenScope
from tests.store.harness import Stage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ADMIN = Rights(UserRole.ADMIN)
NARROW = Rights(UserRole.OPERATOR, frozenset({"acme"}), frozenset({"ops"}))


async def signed_in(
    sessions: SessionStore,
    hash_: str = "h1",
    name: str = "ada",
    rights: Rights | None = None,
    kind: str = "local",
    before: str | None = None,
) -> None:
    await sessions.add(
        f"id-{hash_}", hash_, kind, name, rights, idle=HOUR, longest=DAY, before=before, address="127.0.0.1", agent="Lynx"
    )  # fmt: skip


async def test_somebody_is_added_once_changed_and_removed(stage: Stage) -> None:
    users = stage.store.users
    assert not await users.has_admin()
    assert await users.add("ada", ADMIN, password="x", actor="root")
    assert not await users.add("ada", NARROW, password=None, actor="eve")
    added = await users.get("ada")
    assert added is not None
    assert (added.rights, added.password, added.has_password, added.created_by) == (ADMIN, "x", True, "root")
    assert (added.created_at, added.seen_at, added.is_enabled) == (stage.clock.now, None, True)
    assert await users.has_admin()
    assert await users.set_rights("ada", NARROW, actor="root")
    await users.seen("ada")
    (listed,) = await users.list()
    assert (listed.rights, listed.password, listed.has_password, listed.seen_at) == (NARROW, None, True, stage.clock.now)
    assert not await users.has_admin()
    assert await users.remove("ada")
    assert not await users.remove("ada")
    assert await users.get("ada") is None
    assert [await users.set_rights("ada", ADMIN, actor=None), await users.set_enabled("ada", True, actor=None)] == [False, False]


async def test_whoever_is_disabled_opens_no_door_and_whoever_is_removed_leaves_none(stage: Stage) -> None:
    store = stage.store
    await store.users.add("ada", NARROW, password="x", actor=None)
    await signed_in(store.sessions)
    await store.tokens.add("t1", "th", "ci", TokenScope(UserRole.ADMIN), user="ada", expires_at=None, actor="ada")
    session, token = await store.sessions.open("h1"), await store.tokens.open("th")
    assert session is not None
    assert session.rights == NARROW
    assert token is not None
    assert token.owner == NARROW
    await store.users.set_enabled("ada", False, actor="root")
    assert await store.sessions.open("h1") is None
    assert await store.tokens.open("th") is None
    await store.users.set_enabled("ada", True, actor="root")
    await store.users.set_rights("ada", ADMIN, actor="root")
    session = await store.sessions.open("h1")
    assert session is not None
    assert session.rights == ADMIN
    await store.users.remove("ada")
    assert await store.sessions.open("h1") is None
    assert await store.tokens.open("th") is None
    assert await store.tokens.list() == []


async def test_another_password_ends_all_other_sessions(stage: Stage) -> None:
    store = stage.store
    await store.users.add("ada", ADMIN, password="x", actor=None)
    for each in ("h1", "h2"):
        await signed_in(store.sessions, each)
    await signed_in(store.sessions, "h3", rights=ADMIN, kind="oidc")  # somebody of another house who is called so
    assert await store.users.set_password("ada", "y", but="h2", actor="ada")
    assert [await store.sessions.open(each) is not None for each in ("h1", "h2", "h3")] == [False, True, True]
    await store.users.rehash("ada", "x", "z")
    ada = await store.users.get("ada")
    assert ada is not None
    assert ada.password == "y"


async def test_a_session_ends_when_it_is_idle_and_in_any_case(stage: Stage) -> None:
    sessions = stage.store.sessions
    await signed_in(sessions, rights=NARROW, kind="oidc")
    for _ in range(26):
        await stage.clock.advance(50 * 60)
        opened = await sessions.open("h1")
        assert opened is not None
        assert opened.rights == NARROW
        await sessions.seen("h1", HOUR, opened.expires_at)
    await stage.clock.advance(50 * 60)
    assert await sessions.open("h1") is not None
    await stage.clock.advance(100 * 60)
    assert await sessions.open("h1") is None
    await signed_in(sessions, "h2", rights=ADMIN, kind="link")
    await stage.clock.advance(61 * 60)
    assert await sessions.open("h2") is None
    assert await sessions.list() == []
    await sessions.sweep()
    assert not await sessions.end("h2")


async def test_signing_in_takes_the_place_of_the_session_before(stage: Stage) -> None:
    sessions = stage.store.sessions
    await signed_in(sessions, "h1", rights=ADMIN, kind="link")
    await signed_in(sessions, "h2", rights=ADMIN, kind="link", before="h1")
    assert [each.id for each in await sessions.list()] == ["id-h2"]
    assert await sessions.revoke("id-h2") == "ada"
    assert await sessions.revoke("id-h2") is None


async def test_a_token_is_found_by_its_hash_until_it_is_revoked_or_expires(stage: Stage) -> None:
    tokens = stage.store.tokens
    scope = TokenScope(UserRole.OPERATOR, frozenset({Verb.VIEW, Verb.START}), frozenset({"acme"}), ("mail*",))
    await tokens.add("t1", "h1", "ci", scope, user=None, expires_at=stage.clock.now + HOUR, actor="ada")
    await tokens.add("t2", "h2", "cd", TokenScope(UserRole.VIEWER), user=None, expires_at=None, actor="ada")
    opened = await tokens.open("h1")
    assert opened is not None
    assert (opened.scope, opened.owner, opened.used_at) == (scope, None, None)
    await tokens.used("h1", "10.0.0.1")
    first, second = await tokens.list()
    assert (first.used_at, first.used_from, first.has_expired, second.used_at) == (stage.clock.now, "10.0.0.1", False, None)
    await stage.clock.advance(3600)
    assert await tokens.open("h1") is None
    assert (await tokens.list())[0].has_expired
    assert await tokens.revoke("t2", actor="bob")
    assert not await tokens.revoke("t2", actor="eve")
    assert await tokens.open("h2") is None
    revoked = await tokens.get("t2")
    assert revoked is not None
    assert (revoked.revoked_by, revoked.revoked_at) == ("bob", stage.clock.now)


async def test_of_many_who_take_a_link_one_gets_it(stage: Stage) -> None:
    links = stage.store.links
    assert await links.add("h", UserRole.ADMIN, timedelta(minutes=15), actor="cli") == stage.clock.now + timedelta(minutes=15)
    assert await links.is_open("h")
    assert await links.is_open("h")  # looking takes nothing
    taken = await asyncio.gather(*(links.use("h", "127.0.0.1") for _ in range(8)))
    assert sorted(map(str, taken)) == ["None"] * 7 + ["admin"]
    assert not await links.is_open("h")
    await links.add("late", UserRole.ADMIN, timedelta(minutes=15), actor="cli")
    await stage.clock.advance(15 * 60)
    assert await links.use("late", None) is None


async def test_tries_are_counted_in_a_window_that_does_not_move(stage: Stage) -> None:
    tries = stage.store.sign_ins
    began = stage.clock.now
    together = await asyncio.gather(*(tries.charge("name:1", HOUR) for _ in range(5)))
    assert sorted(each.number for each, _ in together) == [1, 2, 3, 4, 5]
    await stage.clock.advance(3599)
    charged, now = await tries.charge("name:1", HOUR)
    assert (charged.number, charged.since, now) == (6, began, stage.clock.now)
    await tries.refund("name:1")
    await stage.clock.advance(1)
    charged, _ = await tries.charge("name:1", HOUR)
    assert (charged.number, charged.since) == (1, stage.clock.now)
    await tries.clear("name:1")
    assert (await tries.charge("name:1", HOUR))[0].number == 1


async def test_what_is_sealed_is_kept_under_its_name_and_listed_without_it(stage: Stage) -> None:
    secrets = stage.store.secrets
    assert await secrets.put("API", "sealed-1", "k1", actor="ada", reason="first")
    await stage.clock.advance(1)
    assert not await secrets.put("API", "sealed-2", "k1", actor="bob", reason=None)
    assert await secrets.sealed("API") == "sealed-2"
    (row,) = await secrets.list()
    assert (row.changed_by, row.changed_at, row.created_at < row.changed_at) == ("bob", stage.clock.now, True)
    assert "sealed" not in repr(row)
    assert not await secrets.reseal("API", "sealed-1", "other", "k2")
    assert await secrets.reseal("API", "sealed-2", "sealed-3", "k2")
    assert await secrets.page_sealed() == [("API", "sealed-3", "k2")]
    assert await secrets.remove("API")
    assert not await secrets.remove("API")
    assert await secrets.sealed("API") is None
