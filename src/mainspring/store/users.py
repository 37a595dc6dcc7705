"""People with a row of ours: their rights, and what their passwords hash to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mainspring.core.access import UserRole
from mainspring.core.door import Rights
from mainspring.store.database import Database, sure


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody. ``password`` is as argon2 writes it, and only read where one is checked; ``has_password`` everywhere."""

    name: str
    rights: Rights
    has_password: bool
    is_enabled: bool
    created_at: datetime
    created_by: str | None
    changed_at: datetime
    changed_by: str | None
    seen_at: datetime | None
    password: str | None = None


@dataclass(slots=True)
class Doors:
    """Counts what this process has changed about who may come in, so that what it remembers of that is asked anew at once."""

    number: int = 0

    def changed(self) -> None:
        """Count one more."""
        self.number += 1


class UserStore:
    """Adding, changing, reading. Names are compared as they are given: whoever calls writes them in lower case."""

    def __init__(self, database: Database, doors: Doors) -> None:
        self._database, self._doors = database, doors

    async def _change(self, query: str, **values: Any) -> bool:
        has_changed = bool(await self._database.write(query, **values))
        self._doors.changed()
        return has_changed

    async def add(self, name: str, rights: Rights, *, password: str | None, actor: str | None) -> bool:
        """Add somebody; answers False where the name is taken."""
        return bool(await self._database.write("users_add", name=name, password=password, actor=actor, **_packed(rights)))

    async def get(self, name: str) -> Person | None:
        """Return somebody with the password's hash, None where nobody is called so."""
        rows = await self._database.read("users_get", name=name)
        return self._person({**rows[0], "has_password": rows[0]["password"] is not None}) if rows else None

    async def list(self, *, after: str = "", n: int = 100) -> list[Person]:
        """Return people past a name, sorted by it."""
        return [self._person(row) for row in await self._database.read("users_list", after=after, n=n)]

    async def has_admin(self) -> bool:
        """Tell whether somebody can sign in who may let others in."""
        return bool(await self._database.read("users_any"))

    async def set_rights(self, name: str, rights: Rights, *, actor: str | None) -> bool:
        """Say what somebody may do from now on; answers whether there is such a person."""
        return await self._change("users_rights", name=name, actor=actor, **_packed(rights))

    async def set_password(self, name: str, password: str, *, but: str = "", actor: str | None) -> bool:
        """Give another password, and sign out every browser of theirs but the one whose session has the hash ``but``."""
        return await self._change("users_password", name=name, password=password, but=but, actor=actor)

    async def rehash(self, name: str, old: str, new: str) -> None:
        """Write the same password as it is hashed today."""
        await self._database.write("users_rehash", name=name, old=old, password=new)

    async def set_enabled(self, name: str, is_enabled: bool, *, actor: str | None) -> bool:
        """Let somebody in again, or no longer; answers whether there is such a person."""
        return await self._change("users_enable", name=name, is_enabled=is_enabled, actor=actor)

    async def remove(self, name: str) -> bool:
        """Remove somebody, with sessions and tokens; answers whether there was such a person."""
        return await self._change("users_remove", name=name)

    async def seen(self, name: str) -> None:
        """Note a sign-in."""
        await self._database.write("users_seen", name=name)

    def _person(self, row: Mapping[str, Any]) -> Person:
        time = self._database.from_time
        return Person(
            row["name"], rights_of(row["role"], row["tenants"], row["teams"]), bool(row["has_password"]), bool(row["is_enabled"]),
            sure(time(row["created_at"])), row["created_by"], sure(time(row["changed_at"])), row["changed_by"], time(row["seen_at"]),
            row.get("password"),
        )  # fmt: skip


def rights_of(role: str, tenants: str | None, teams: str | None) -> Rights:
    """Return rights as columns hold them."""
    return Rights(UserRole(role), listed(tenants), listed(teams) or frozenset())


def listed(text: str | None) -> frozenset[str] | None:
    """Return a column's JSON list as a set; None says that nothing is left out."""
    return None if text is None else frozenset(json.loads(text))


def unlisted(names: Iterable[str] | None) -> str | None:
    """Return a set as a column holds it."""
    return None if names is None else json.dumps(sorted(names))


def _packed(rights: Rights) -> dict[str, str | None]:
    return {"role": rights.role.value, "tenants": unlisted(rights.tenants), "teams": unlisted(rights.teams)}
