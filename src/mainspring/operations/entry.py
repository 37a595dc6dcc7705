"""At the door: who is it that shows a session, a token, a link or a password? Asked by the guard of the web, before any operation.

None of these are operations: nobody who is inside asks for them. What happens here is written into the audit trail as far as it is worth
it; strangers cannot make it grow faster than `Trail` lets them.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final

from mainspring.app import Mainspring
from mainspring.core.access import User, UserRole
from mainspring.core.door import Rights
from mainspring.core.errors import TooManyRequests, Unauthorized
from mainspring.core.keys import TOKEN_PREFIX, folded, hash_of, make_key, make_name
from mainspring.operations import passwords
from mainspring.store.audit import Entry
from mainspring.store.files import private_folder
from mainspring.store.sessions import OpenSession
from mainspring.store.tokens import OpenToken

FRESH: Final = 2.0  # seconds for which an answer about a session or a token is good
NOTED: Final = 60.0  # seconds between two notes that one is used
REMEMBERED: Final = 4096  # answers that are kept; a stranger's guesses push each other out
LINK_LIFE: Final = timedelta(minutes=15)
WINDOW: Final = timedelta(minutes=15)
TRIES_OF_NAME: Final = 10  # in a window, wherever they come from
TRIES_OF_ADDRESS: Final = 30  # in a window, whatever names they try
SLOTS: Final = 65536  # of tries, for names and for addresses: so many rows there can be, whatever is tried
PROOF: Final = "proof"  # among a user's facts: what was shown, so that it can be looked up anew


@dataclass(frozen=True, slots=True)
class Visit:
    """From where somebody comes."""

    address: str | None = None
    agent: str | None = None
    source: str = "web"
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser that has just signed in: what goes into its cookie, and until when that is good."""

    key: str
    name: str
    expires_at: datetime


class Trail:
    """Audit rows about strangers: so many at once, and then one every while. What is left out is counted and told with the next."""

    def __init__(self, *, burst: int = 100, every: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._every, self._clock = burst, every, clock
        self._left, self._at, self._unwritten = float(burst), clock(), 0

    async def add(self, app: Mainspring, verb: str, object_: str, visit: Visit, data: Mapping[str, Any] | None = None) -> bool:
        """Write a row, unless there were too many lately; answers whether it did."""
        now = self._clock()
        self._left, self._at = min(self._burst, self._left + (now - self._at) / self._every), now
        if self._left < 1:
            self._unwritten += 1
            return False
        self._left -= 1
        told = dict(data or {}) | ({"agent": visit.agent[:200]} if visit.agent else {})
        if self._unwritten:
            told["not_written"], self._unwritten = self._unwritten, 0
        await note(app, verb, object_, visit, told)
        return True


async def note(
    app: Mainspring, verb: str, object_: str, visit: Visit, data: Mapping[str, Any] | None = None, *, actor: str | None = None
) -> None:
    """Write an audit row about what happened at the door."""
    entry = Entry(verb, object_, actor, visit.source, data=data or None, address=visit.address, request_id=visit.request_id)
    await (await app.store()).audit.add_entry(entry)


# -- being recognised


@dataclass(slots=True)
class _Answer:
    user: User | None
    at: float
    change: int


@dataclass(slots=True)
class Recogniser:
    """Tells who shows a session or a token, with one indexed look at the database, or none where the last one is fresh."""

    app: Mainspring
    clock: Callable[[], float] = time.monotonic
    _answers: dict[str, _Answer] = field(default_factory=dict)
    _noted: dict[str, float] = field(default_factory=dict)

    async def by_session(self, key: str) -> User | None:
        """Return whose session a cookie is, None where it is over or was never one."""
        return await self.by_proof(f"session:{hash_of(key)}")

    async def by_token(self, key: str) -> User | None:
        """Return whose token it is, None where it opens nothing."""
        return await self.by_proof(f"token:{hash_of(key)}") if key.startswith(TOKEN_PREFIX) else None

    async def by_proof(self, proof: str) -> User | None:
        """Return who has shown this, with the rights of now (at most `FRESH` seconds old, at once where this process has changed them)."""
        store = await self.app.store()
        now, change = self.clock(), store.doors.number
        answer = self._answers.get(proof)
        if answer is not None and now - answer.at < FRESH and answer.change == change:
            return answer.user
        kind, _, hash_ = proof.partition(":")
        if kind == "token":
            token = await store.tokens.open(hash_)
            user = None if token is None else _user_of_token(token, proof)
        else:
            session = await store.sessions.open(hash_)
            user = None if session is None else _user_of_session(session, proof)
        self._keep(proof, _Answer(user, now, change))
        return user

    async def used(self, user: User, visit: Visit) -> None:
        """Note, once a minute, that a session or token is used. A note that cannot be made is none."""
        proof, now = user.facts.get(PROOF, ""), self.clock()
        if not proof or now - self._noted.get(proof, -math.inf) < NOTED:
            return
        if len(self._noted) >= REMEMBERED:
            self._noted.clear()
        self._noted[proof] = now
        kind, _, hash_ = proof.partition(":")
        store = await self.app.store()
        if kind == "token":
            await store.tokens.used(hash_, visit.address)
        elif user.until is not None:
            await store.sessions.seen(hash_, self.app.settings.session_idle, user.until)

    def _keep(self, proof: str, answer: _Answer) -> None:
        self._answers.pop(proof, None)
        while len(self._answers) >= REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[proof] = answer


def _user_of_session(session: OpenSession, proof: str) -> User | None:
    rights = session.rights
    if rights is None:
        return None
    return User(
        session.name, rights.role, rights.tenants, teams=rights.teams, kind=session.kind, until=session.expires_at, facts={PROOF: proof}
    )


def _user_of_token(token: OpenToken, proof: str) -> User | None:
    """Return who a token stands for: with what it is for, and never more than its owner may now."""
    scope, owner = token.scope, token.owner
    if token.user is not None and owner is None:
        return None  # its owner is gone
    role, tenants, teams = scope.role, scope.tenants, frozenset[str]()
    if owner is not None:
        role = min(scope.role, owner.role, key=lambda each: each.rank)
        tenants = owner.tenants if tenants is None else tenants if owner.tenants is None else tenants & owner.tenants
        teams = owner.teams
    facts = {PROOF: proof, "token": token.label, "token_id": token.id}
    name = token.user or f"token:{token.label}"
    return User(name, role, tenants, scope.verbs, teams, "token", token.expires_at, facts=facts, tasks=scope.tasks)


# -- signing in


async def sign_in(app: Mainspring, name: str, password: str, visit: Visit, trail: Trail, *, before: str | None = None) -> SignedIn:
    """Let a browser in whose user knows a name and its password; ``before`` is the session that it had, which ends.

    Raises `Unauthorized`, in the same time for names that nobody has, and `TooManyRequests` after too many tries by this address or for
    this name: they are counted before the password is looked at.
    """
    store, name = await app.store(), folded(name)
    slots = {slot_of_name(name): TRIES_OF_NAME, _slot("address", _network(visit.address)): TRIES_OF_ADDRESS}
    for slot, most in slots.items():
        tries, now = await store.sign_ins.charge(slot, WINDOW)
        if tries.number > most:
            if tries.number == most + 1:
                await trail.add(app, "access.lockout", f"{slot.partition(':')[0]}:{visit.address or '?'}", visit, {"tries": most})
            wait = math.ceil((tries.since + WINDOW - now).total_seconds())
            raise TooManyRequests(f"too many tries: wait {math.ceil(wait / 60)} min", retry_after=max(wait, 1))
    person = await store.users.get(name)
    kept = None if person is None or not person.is_enabled else person.password
    if not await passwords.fits(kept, password) or person is None or kept is None:
        # A name that nobody has is not written down: it may be a password that went into the wrong field.
        why = "unknown" if person is None else "disabled" if not person.is_enabled else "password"
        await trail.add(app, "access.refused", "user:?" if person is None else f"user:{name}", visit, {"why": why})
        raise Unauthorized("name or password is wrong")
    for slot in slots:
        await store.sign_ins.refund(slot)
    if passwords.is_outdated(kept):
        await store.users.rehash(name, kept, await passwords.hash_password(password))
    await store.users.seen(name)
    return await open_session(app, "local", name, None, visit, before=before)


async def open_session(
    app: Mainspring, kind: str, name: str, rights: Rights | None, visit: Visit, *, before: str | None = None
) -> SignedIn:  # fmt: skip
    """Give a browser a session of its own, whatever it brought: a key that somebody else may know is never taken over."""
    store, settings, key = await app.store(), app.settings, make_key()
    await store.sessions.sweep()
    expires_at = await store.sessions.add(
        make_name(), hash_of(key), kind, name, rights, idle=settings.session_idle, longest=settings.session_life,
        before=None if before is None else hash_of(before), address=visit.address, agent=None if visit.agent is None else visit.agent[:200],
    )  # fmt: skip
    await note(app, "access.sign-in", f"user:{name}", visit, {"kind": kind}, actor=name)
    return SignedIn(key, name, expires_at)


async def sign_out(app: Mainspring, key: str, name: str, visit: Visit) -> None:
    """End a browser's session."""
    if await (await app.store()).sessions.end(hash_of(key)):
        await note(app, "access.sign-out", f"user:{name}", visit, actor=name)


def slot_of_name(name: str) -> str:
    """Return the slot in which tries for a name are counted."""
    return _slot("name", name)


def _slot(kind: str, what: str) -> str:
    number = int.from_bytes(hashlib.sha256(what.encode("utf-8", "surrogatepass")).digest()[:2], "big")
    return f"{kind}:{number % SLOTS:04x}"


def _network(address: str | None) -> str:
    """Return what tries are counted by: an address, of version 6 the /64 that one customer has."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or "-"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped is not None else found.exploded[:19]
    return str(found)


# -- links


async def make_link(
    app: Mainspring, visit: Visit, *, role: UserRole = UserRole.ADMIN, life: timedelta = LINK_LIFE, actor: str | None
) -> str:
    """Return the key of a link that lets one browser in, once; to be shown to one person."""
    key, store = make_key(), await app.store()
    expires_at = await store.links.add(hash_of(key), role, life, actor=actor)
    await note(app, "access.link", f"role:{role}", visit, {"expires_at": expires_at.isoformat()}, actor=actor)
    return key


async def is_link(app: Mainspring, key: str) -> bool:
    """Tell whether a link is good; it stays so."""
    return await (await app.store()).links.is_open(hash_of(key))


async def take_link(app: Mainspring, key: str, visit: Visit, trail: Trail, *, before: str | None = None) -> SignedIn:
    """Trade a link for a session; raises `Unauthorized` for one that is used, over, or was never one."""
    role = await (await app.store()).links.use(hash_of(key), visit.address)
    if role is None:
        await trail.add(app, "access.refused", "link:?", visit, {"why": "link"})
        raise Unauthorized("this link has been used or is over: make another with 'mainspring access link'")
    return await open_session(app, "link", "link", Rights(role), visit, before=before)


def place_of_link(app: Mainspring) -> Path:
    """Return where a link is written that no terminal shows: beside an SQLite file, else in this user's folder of temporary files."""
    database = app.closed_store().database
    if (path := getattr(database, "path", None)) is not None:
        return Path(f"{path}.link")
    folder = Path(tempfile.gettempdir()) / f"mainspring-{os.getuid() if hasattr(os, 'getuid') else getpass.getuser()}"
    private_folder(folder)
    return folder / f"{hash_of(app.settings.url)[:12]}.link"


def write_private(file: Path, text: str) -> None:
    """Write a file that only its user can read, in the place of one that was there; a link of somebody else's is not followed."""
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)


async def has_people(app: Mainspring) -> bool:
    """Tell whether anybody can sign in with a password."""
    return any(each.has_password and each.is_enabled for each in await (await app.store()).users.list(n=100))


async def needs_link(app: Mainspring) -> bool:
    """Tell whether nobody could come in otherwise: no administrator has a password, and no other house sends people."""
    settings = app.settings
    if settings.oidc_issuer is not None or settings.trust_header_user is not None:
        return False
    return not await (await app.store()).users.has_admin()
