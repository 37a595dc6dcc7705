"""Tokens: what programs show at the door. A row keeps the hash, what it is for, and when it was used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mainspring.core.access import UserRole, Verb
from mainspring.core.door import Rights
from mainspring.store.database import Database, sure
from mainspring.store.users import Doors, listed, rights_of, unlisted


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a token is for; None leaves nothing out."""

    role: UserRole
    verbs: frozenset[Verb] | None = None
    tenants: frozenset[str] | None = None
    tasks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as people see it: never what opens the door."""

    id: str
    label: str
    user: str | None
    scope: TokenScope
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    has_expired: bool
    revoked_at: datetime | None
    revoked_by: str | None
    used_at: datetime | None
    used_from: str | None


@dataclass(frozen=True, slots=True)
class OpenToken:
    """A token that opens the door now. ``owner`` has the rights of its owner at this moment, None where it is its own."""

    id: str
    label: str
    user: str | None
    scope: TokenScope
    owner: Rights | None
    expires_at: datetime | None
    used_at: datetime | None


class TokenStore:
    """Adding, finding by hash (one look by an index), revoking."""

    def __init__(self, database: Database, doors: Doors) -> None:
        self._database, self._doors = database, doors

    async def add(
        self, token_id: str, hash_: str, label: str, scope: TokenScope, *, user: str | None, expires_at: datetime | None, actor: str | None
    ) -> None:
        """Keep a token."""
        await self._database.write(
            "tokens_add", id=token_id, hash=hash_, label=label, user_name=user, role=scope.role.value, verbs=unlisted(scope.verbs),
            tenants=unlisted(scope.tenants), tasks=unlisted(scope.tasks), expires_at=self._database.to_time(expires_at), actor=actor,
        )  # fmt: skip

    async def open(self, hash_: str) -> OpenToken | None:
        """Return the token with this hash where it opens the door: not revoked, not expired, its owner not disabled."""
        rows = await self._database.read("tokens_get", hash=hash_)
        if not rows:
            return None
        row, time = rows[0], self._database.from_time
        owner = None if row["owner_role"] is None else rights_of(row["owner_role"], row["owner_tenants"], row["owner_teams"])
        return OpenToken(
            row["id"], row["label"], row["user_name"], _scope(row), owner, time(row["expires_at"]), time(row["used_at"])
        )  # fmt: skip

    async def used(self, hash_: str, address: str | None) -> None:
        """Note that the one with this hash is used, from where."""
        await self._database.write("tokens_used", hash=hash_, address=address)

    async def list(self, *, after: str = "", n: int = 100) -> list[TokenRow]:
        """Return tokens past an id, sorted by it; the revoked and the expired as well."""
        return [self._row(row) for row in await self._database.read("tokens_list", after=after, n=n)]

    async def get(self, token_id: str) -> TokenRow | None:
        """Return one by its id."""
        rows = await self._database.read("tokens_find", id=token_id)
        return self._row(rows[0]) if rows else None

    async def revoke(self, token_id: str, *, actor: str | None) -> bool:
        """Let it open nothing any more; answers False where it did not before."""
        was_open = bool(await self._database.write("tokens_revoke", id=token_id, actor=actor))
        self._doors.changed()
        return was_open

    def _row(self, row: Mapping[str, Any]) -> TokenRow:
        time = self._database.from_time
        return TokenRow(
            row["id"], row["label"], row["user_name"], _scope(row), sure(time(row["created_at"])), row["created_by"],
            time(row["expires_at"]), bool(row["has_expired"]), time(row["revoked_at"]), row["revoked_by"], time(row["used_at"]),
            row["used_from"],
        )  # fmt: skip


def _scope(row: Mapping[str, Any]) -> TokenScope:
    verbs, tasks = listed(row["verbs"]), listed(row["tasks"])
    known = None if verbs is None else _known(verbs)
    return TokenScope(UserRole(row["role"]), known, listed(row["tenants"]), None if tasks is None else tuple(sorted(tasks)))


def _known(verbs: Iterable[str]) -> frozenset[Verb]:
    """Return those that this release knows: one that a later release gave is nothing here."""
    return frozenset(Verb(each) for each in verbs if each in Verb.__members__.values())
