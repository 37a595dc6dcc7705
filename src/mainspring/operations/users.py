"""Verbs about people of our own: who there is, what they may do, their passwords."""

from __future__ import annotations

import re
from datetime import datetime

from pydantic import Field, SecretStr

from mainspring.app import Mainspring
from mainspring.core.access import UserRole, Verb
from mainspring.core.door import Rights
from mainspring.core.errors import Conflict, Forbidden, InvalidParams, NotFound, Problem
from mainspring.core.keys import folded
from mainspring.operations import passwords
from mainspring.operations.entry import PROOF, TRIES_OF_NAME, WINDOW, slot_of_name
from mainspring.operations.operation import Caller, Request, View, operation, tell
from mainspring.store.users import Person

NAME = re.compile(r"^[\w][\w.@+-]{0,63}$")
RESERVED = frozenset({"system", "nobody", "link", "pulse", "pulse-endpoint"})


class UserView(View):
    """Somebody. ``tenants`` None: all of them; times are UTC."""

    name: str
    role: UserRole
    tenants: list[str] | None
    teams: list[str]
    has_password: bool
    is_enabled: bool
    created_at: datetime
    created_by: str | None
    changed_at: datetime
    changed_by: str | None
    seen_at: datetime | None


class UserPage(View):
    """People, sorted by name; ``next`` is where the following page begins."""

    items: list[UserView]
    next: str | None


class UserChanged(View):
    """What somebody is now; never a password."""

    name: str
    role: UserRole
    tenants: list[str] | None
    teams: list[str]
    is_enabled: bool


class PasswordChanged(View):
    """Whose password is another one."""

    name: str


class UserRemoved(View):
    """Who is gone, with all sessions and tokens."""

    name: str


class UsersRequest(Request):
    """Which people."""

    after: str = Field("", description="only names past this one: the next page")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class AddUserRequest(Request):
    """Somebody new."""

    name: str = Field(min_length=1, max_length=64, description="letters, digits and . _ @ + -; capitals make no difference")
    role: UserRole = Field(UserRole.VIEWER, description="viewer, operator or admin")
    tenants: list[str] | None = Field(None, description="whose runs they see; all of them where it is left out")
    teams: list[str] = Field(default_factory=list, description="teams that rules of tasks may mention")
    password: SecretStr | None = Field(None, description="without one nobody signs in so")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class RoleRequest(Request):
    """What somebody is from now on; what is left out stays as it is."""

    name: str = Field(min_length=1, description="whose")
    role: UserRole | None = Field(None, description="viewer, operator or admin")
    tenants: list[str] | None = Field(None, description="whose runs they see")
    sees_all: bool = Field(False, description="the runs of all tenants")
    teams: list[str] | None = Field(None, description="teams that rules of tasks may mention")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class PasswordRequest(Request):
    """Another password. Who is signed in with the old one elsewhere is signed out."""

    name: str = Field(min_length=1, description="whose")
    password: SecretStr = Field(description="the new one")
    old: SecretStr | None = Field(None, description="the one before: needed from whoever changes their own")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class UserRequest(Request):
    """Who is meant."""

    name: str = Field(min_length=1, description="who")
    reason: str | None = Field(None, description="why; kept in the audit trail")


def user_view(person: Person) -> UserView:
    """Return somebody as plain values."""
    rights = person.rights
    return UserView(
        name=person.name, role=rights.role, tenants=_sorted(rights.tenants), teams=sorted(rights.teams), has_password=person.has_password,
        is_enabled=person.is_enabled, created_at=person.created_at, created_by=person.created_by, changed_at=person.changed_at,
        changed_by=person.changed_by, seen_at=person.seen_at,
    )  # fmt: skip


def of_the_house(caller: Caller) -> None:
    """Raise `Forbidden` for who is somebody within a tenant, or for some tasks or verbs only: doors are the whole house's."""
    user = caller.user
    if user.tenants is not None or user.tasks is not None or (user.verbs is not None and Verb.MANAGE_ACCESS not in user.verbs):
        raise Forbidden(f"{user.name!r} may not say who comes in: that is for administrators who see all tenants")


def _taken(name: str) -> Conflict:
    return Conflict(f"somebody is called {name!r} already: choose another name, or change that one with 'mainspring users role'")


async def _person(app: Mainspring, name: str) -> Person:
    found = await (await app.store()).users.get(folded(name))
    if found is None:
        raise NotFound(f"nobody is called {name!r}")
    return found


def _tell(name: str, rights: Rights) -> None:
    tell(f"user:{name}", role=rights.role.value, tenants=_sorted(rights.tenants), teams=sorted(rights.teams))


async def _changed(app: Mainspring, name: str) -> UserChanged:
    person = await _person(app, name)
    rights = person.rights
    return UserChanged(
        name=person.name, role=rights.role, tenants=_sorted(rights.tenants), teams=sorted(rights.teams), is_enabled=person.is_enabled
    )  # fmt: skip


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


@operation("users.list", needs=Verb.MANAGE_ACCESS)
async def list_users(app: Mainspring, request: UsersRequest, caller: Caller) -> UserPage:
    """List the people who have a name here."""
    of_the_house(caller)
    found = await (await app.store()).users.list(after=request.after, n=request.limit + 1)
    page = found[: request.limit]
    return UserPage(items=[user_view(each) for each in page], next=page[-1].name if len(found) > request.limit else None)


@operation("users.add", changes="user:{name}", needs=Verb.MANAGE_ACCESS)
async def add_user(app: Mainspring, request: AddUserRequest, caller: Caller) -> UserChanged:
    """Add somebody."""
    of_the_house(caller)
    name = folded(request.name)
    if not NAME.match(name) or name in RESERVED:
        what = "is a name of the house itself" if name in RESERVED else "letters, digits and . _ @ + - are allowed, 64 at most"
        raise InvalidParams("nobody can be called so", [Problem("name", what, repr(request.name))])
    if await (await app.store()).users.get(name) is not None:
        raise _taken(name)
    hashed = None
    if request.password is not None:
        passwords.check_strength(request.password.get_secret_value(), name)
        hashed = await passwords.hash_password(request.password.get_secret_value())
    rights = Rights(request.role, None if request.tenants is None else frozenset(request.tenants), frozenset(request.teams))
    _tell(name, rights)
    if not await (await app.store()).users.add(name, rights, password=hashed, actor=caller.actor):
        raise _taken(name)
    return await _changed(app, name)


@operation("users.role", changes="user:{name}", needs=Verb.MANAGE_ACCESS)
async def set_role(app: Mainspring, request: RoleRequest, caller: Caller) -> UserChanged:
    """Say what somebody may do and see from now on; it holds at once, where they are signed in as well."""
    of_the_house(caller)
    if request.sees_all and request.tenants is not None:
        raise InvalidParams("all tenants, or some", [Problem("tenants", "say either these or sees_all")])
    person = await _person(app, request.name)
    tenants = None if request.sees_all else person.rights.tenants if request.tenants is None else frozenset(request.tenants)
    teams = person.rights.teams if request.teams is None else frozenset(request.teams)
    rights = Rights(request.role or person.rights.role, tenants, teams)
    _tell(person.name, rights)
    await (await app.store()).users.set_rights(person.name, rights, actor=caller.actor)
    return await _changed(app, person.name)


@operation("users.password", changes="user:{name}")
async def set_password(app: Mainspring, request: PasswordRequest, caller: Caller) -> PasswordChanged:
    """Give somebody another password; everybody may change their own."""
    name, user = folded(request.name), caller.user
    is_own = user.kind == "local" and user.name == name
    if not is_own:
        if not user.may(Verb.MANAGE_ACCESS):
            raise Forbidden(f"{user.name!r} may not change the password of {name!r}")
        of_the_house(caller)
    person, store = await _person(app, name), await app.store()
    if is_own:
        tries, _ = await store.sign_ins.charge(slot_of_name(name), WINDOW)
        old = request.old.get_secret_value() if request.old is not None else ""
        if tries.number > TRIES_OF_NAME or not await passwords.fits(person.password, old):
            raise InvalidParams("the password stays as it is", [Problem("old", "this is not your password")])
    passwords.check_strength(request.password.get_secret_value(), name)
    hashed = await passwords.hash_password(request.password.get_secret_value())
    but = user.facts.get(PROOF, "").removeprefix("session:") if is_own else ""
    tell(f"user:{name}")
    await store.users.set_password(name, hashed, but=but, actor=caller.actor)
    await store.sign_ins.clear(slot_of_name(name))
    return PasswordChanged(name=name)


@operation("users.disable", changes="user:{name}", dangerous=True, needs=Verb.MANAGE_ACCESS)
async def disable_user(app: Mainspring, request: UserRequest, caller: Caller) -> UserChanged:
    """Let somebody in no longer: their sessions and tokens open nothing until they are enabled again."""
    return await _enable(app, request, caller, is_enabled=False)


@operation("users.enable", changes="user:{name}", needs=Verb.MANAGE_ACCESS)
async def enable_user(app: Mainspring, request: UserRequest, caller: Caller) -> UserChanged:
    """Let somebody in again who was disabled."""
    return await _enable(app, request, caller, is_enabled=True)


async def _enable(app: Mainspring, request: UserRequest, caller: Caller, *, is_enabled: bool) -> UserChanged:
    of_the_house(caller)
    person = await _person(app, request.name)
    tell(f"user:{person.name}")
    await (await app.store()).users.set_enabled(person.name, is_enabled, actor=caller.actor)
    return await _changed(app, person.name)


@operation("users.remove", changes="user:{name}", dangerous=True, needs=Verb.MANAGE_ACCESS)
async def remove_user(app: Mainspring, request: UserRequest, caller: Caller) -> UserRemoved:
    """Remove somebody, with all sessions and tokens."""
    of_the_house(caller)
    person = await _person(app, request.name)
    tell(f"user:{person.name}")
    await (await app.store()).users.remove(person.name)
    return UserRemoved(name=person.name)
