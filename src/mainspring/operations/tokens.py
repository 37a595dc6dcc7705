"""Verbs about tokens, with which programs come in: each is for what it was made for, until it expires or is revoked."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import User, UserRole, Verb
from mainspring.core.duration import parse_duration
from mainspring.core.errors import Forbidden, InvalidParams, NotFound, Problem
from mainspring.core.keys import TOKEN_PREFIX, folded, hash_of, make_key, make_name
from mainspring.operations.operation import Caller, Request, View, operation, tell
from mainspring.operations.users import of_the_house
from mainspring.store.tokens import TokenRow, TokenScope

NEVER = "never"


class TokenView(View):
    """A token without what opens the door. None of ``verbs``, ``tenants``, ``tasks``: nothing is left out."""

    id: str
    label: str
    user: str | None
    role: UserRole
    verbs: list[Verb] | None
    tenants: list[str] | None
    tasks: list[str] | None
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    is_open: bool
    revoked_at: datetime | None
    revoked_by: str | None
    used_at: datetime | None
    used_from: str | None


class TokenPage(View):
    """Tokens, sorted by id; ``next`` is where the following page begins."""

    items: list[TokenView]
    next: str | None


class TokenMade(View):
    """A new token. ``token`` is told this once, and kept nowhere."""

    is_told_once: ClassVar[bool] = True

    id: str
    label: str
    user: str | None
    token: str = Field(repr=False)
    expires_at: datetime | None


class TokenRevoked(View):
    """The token that opens nothing any more; ``was_open`` is False where it did not before."""

    id: str
    label: str
    was_open: bool


class TokensRequest(Request):
    """Which tokens."""

    after: str = Field("", description="only ids past this one: the next page")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class AddTokenRequest(Request):
    """What a token is to be for."""

    label: str = Field(min_length=1, max_length=64, description="what it is for, as people call it")
    role: UserRole = Field(UserRole.VIEWER, description="viewer, operator or admin")
    verbs: list[Verb] | None = Field(None, description="only these of what the role may do")
    tenants: list[str] | None = Field(None, description="only the runs of these")
    tasks: list[str] | None = Field(None, description="only these tasks; a star at the end stands for anything")
    expires: str = Field("90d", description="how long it is good, as 90d, or never")
    user: str | None = Field(None, description="whose it is: it can do no more than they may, and goes with them")
    reason: str | None = Field(None, description="why; kept in the audit trail")


class RevokeTokenRequest(Request):
    """Which token."""

    id: str = Field(min_length=1, description="its id, as the list shows it")
    reason: str | None = Field(None, description="why; kept in the audit trail")


def token_view(row: TokenRow) -> TokenView:
    """Return a token as plain values."""
    scope = row.scope
    return TokenView(
        id=row.id, label=row.label, user=row.user, role=scope.role, verbs=None if scope.verbs is None else sorted(scope.verbs),
        tenants=None if scope.tenants is None else sorted(scope.tenants), tasks=None if scope.tasks is None else list(scope.tasks),
        created_at=row.created_at, created_by=row.created_by, expires_at=row.expires_at,
        is_open=row.revoked_at is None and not row.has_expired, revoked_at=row.revoked_at, revoked_by=row.revoked_by, used_at=row.used_at,
        used_from=row.used_from,
    )  # fmt: skip


def _manages(user: User) -> bool:
    return user.may(Verb.MANAGE_ACCESS)


@operation("tokens.list")
async def list_tokens(app: Mainspring, request: TokensRequest, caller: Caller) -> TokenPage:
    """List tokens: administrators see all, everybody else their own."""
    own = None
    if _manages(caller.user):
        of_the_house(caller)
    elif caller.user.kind == "local":
        own = caller.user.name
    else:
        raise Forbidden(f"{caller.user.name!r} has no tokens here")
    store, items, after = await app.store(), list[TokenRow](), request.after
    while len(items) <= request.limit:  # tables of tokens are small; only somebody's own may take several looks
        found = await store.tokens.list(after=after, n=request.limit + 1)
        items += [each for each in found if own is None or each.user == own]
        if len(found) <= request.limit:
            break
        after = found[-1].id
    page = items[: request.limit]
    return TokenPage(items=[token_view(each) for each in page], next=page[-1].id if len(items) > request.limit else None)


@operation("tokens.add", changes="token:{id}")
async def add_token(app: Mainspring, request: AddTokenRequest, caller: Caller) -> TokenMade:
    """Make a token and tell it once; nobody makes one that can do more than they may."""
    user = caller.user
    owner = folded(request.user) if request.user is not None else user.name if user.kind == "local" else None
    if owner is None or owner != user.name or user.kind != "local":
        if not _manages(user):
            raise Forbidden(f"{user.name!r} may make tokens for nobody else")
        of_the_house(caller)
    store = await app.store()
    if owner is not None and await store.users.get(owner) is None:
        raise NotFound(f"nobody is called {owner!r}")
    verbs, tenants = None if request.verbs is None else frozenset(request.verbs), request.tenants
    tasks = None if request.tasks is None else tuple(sorted(set(request.tasks)))
    scope = TokenScope(request.role, verbs, None if tenants is None else frozenset(tenants), tasks)
    if problems := _beyond(scope, user):
        raise InvalidParams("a token can do no more than who makes it", problems)
    expires_at = None
    if request.expires.strip().lower() != NEVER:
        expires_at = await store.database.now() + parse_duration(request.expires, "expires")
    key, token_id = make_key(TOKEN_PREFIX), make_name()
    tell(f"token:{token_id}", label=request.label, user=owner, role=scope.role.value, expires_at=expires_at)
    await store.tokens.add(token_id, hash_of(key), request.label, scope, user=owner, expires_at=expires_at, actor=caller.actor)
    return TokenMade(id=token_id, label=request.label, user=owner, token=key, expires_at=expires_at)


def _beyond(scope: TokenScope, user: User) -> list[Problem]:
    problems = []
    if scope.role.rank > user.role.rank:
        problems.append(Problem("role", f"you are {user.role}", scope.role))
    if user.tenants is not None and (scope.tenants is None or not scope.tenants <= user.tenants):
        problems.append(Problem("tenants", f"you see {', '.join(sorted(user.tenants)) or 'none'}: name some of these"))
    if user.verbs is not None and (scope.verbs is None or not scope.verbs <= user.verbs):
        problems.append(Problem("verbs", f"you have {', '.join(sorted(user.verbs)) or 'none'}: name some of these"))
    if user.tasks is not None and (scope.tasks is None or not all(user.covers(each) for each in scope.tasks)):
        problems.append(Problem("tasks", f"you are here for {', '.join(user.tasks) or 'none'}: name some of these"))
    return problems


@operation("tokens.revoke", changes="token:{id}")
async def revoke_token(app: Mainspring, request: RevokeTokenRequest, caller: Caller) -> TokenRevoked:
    """Let a token open nothing any more; everybody may revoke their own."""
    store, user = await app.store(), caller.user
    row = await store.tokens.get(request.id)
    is_own = row is not None and user.kind == "local" and row.user == user.name
    if not is_own and not _manages(user):
        raise NotFound(f"there is no token {request.id!r} of yours")
    if not is_own:
        of_the_house(caller)
    if row is None:
        raise NotFound(f"there is no token {request.id!r}: 'mainspring tokens list' shows their ids")
    was_open = await store.tokens.revoke(row.id, actor=caller.actor)
    return TokenRevoked(id=row.id, label=row.label, was_open=was_open)
