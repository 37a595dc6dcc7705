"""Browsers that have signed in, links that let one in, and how often somebody tried. Of what opens a door only hashes are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.access import UserRole
from mainspring.core.door import Rights
from mainspring.store.database import Database, sure
from mainspring.store.users import Doors, rights_of

LONG_AGO = timedelta(days=7)  # for which a link stays in the table when it is over: who asks why it does not work is told


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that is signed in, as people see it."""

    id: str
    kind: str
    name: str
    created_at: datetime
    seen_at: datetime
    idle_at: datetime
    expires_at: datetime
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is not over, with the rights of this moment; ``rights`` None: whoever had them is gone."""

    id: str
    kind: str
    name: str
    rights: Rights | None
    seen_at: datetime
    idle_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tries:
    """How often it was tried since a time, the latest included."""

    number: int
    since: datetime


class SessionStore:
    """Signing in, being recognised (one look by the primary key), signing out."""

    def __init__(self, database: Database, doors: Doors) -> None:
        self._database, self._doors = database, doors

    async def add(
        self, session_id: str, hash_: str, kind: str, name: str, rights: Rights | None, *, idle: timedelta, longest: timedelta,
        before: str | None, address: str | None, agent: str | None,
    ) -> datetime:  # fmt: skip
        """Keep a session, in the place of the one with the hash ``before``; answers when it ends in any case."""
        database, now = self._database, await self._database.now()
        packed = None if rights is None else json.dumps({
            "role": rights.role.value, "tenants": None if rights.tenants is None else sorted(rights.tenants), "teams": sorted(rights.teams),
        })  # fmt: skip
        await database.write(
            "sessions_add", id=session_id, hash=hash_, kind=kind, name=name, rights=packed, before=before, address=address, agent=agent,
            idle_at=database.to_time(now + min(idle, longest)), expires_at=database.to_time(now + longest),
        )  # fmt: skip
        self._doors.changed()
        return now + longest

    async def open(self, hash_: str) -> OpenSession | None:
        """Return the session with this hash where it is not over and its user may come in."""
        rows = await self._database.read("sessions_get", hash=hash_)
        if not rows:
            return None
        row, time = rows[0], self._database.from_time
        rights: Rights | None = None
        if row["rights"] is not None:
            said = json.loads(row["rights"])
            rights = Rights(
                UserRole(said["role"]), None if said["tenants"] is None else frozenset(said["tenants"]), frozenset(said["teams"])
            )
        elif row["user_role"] is not None:
            rights = rights_of(row["user_role"], row["user_tenants"], row["user_teams"])
        seen_at, idle_at, expires_at = (sure(time(row[each])) for each in ("seen_at", "idle_at", "expires_at"))
        return OpenSession(row["id"], row["kind"], row["name"], rights, seen_at, idle_at, expires_at)

    async def seen(self, hash_: str, idle: timedelta, expires_at: datetime) -> None:
        """Note that it is used: from now on it may be idle for so long."""
        idle_at = min(await self._database.now() + idle, expires_at)
        await self._database.write("sessions_seen", hash=hash_, idle_at=self._database.to_time(idle_at))

    async def list(self, n: int = 200) -> list[SessionRow]:
        """Return those that are not over, the latest used first."""
        time = self._database.from_time
        return [
            SessionRow(
                row["id"], row["kind"], row["name"], sure(time(row["created_at"])), sure(time(row["seen_at"])), sure(time(row["idle_at"])),
                sure(time(row["expires_at"])), row["address"], row["agent"],
            )
            for row in await self._database.read("sessions_list", n=n)
        ]  # fmt: skip

    async def end(self, hash_: str) -> bool:
        """End the one with this hash; answers whether there was one."""
        was_there = bool(await self._database.write("sessions_end", hash=hash_))
        self._doors.changed()
        return was_there

    async def revoke(self, session_id: str) -> str | None:
        """End the one with this id; answers whose it was, None where there is none."""
        rows = await self._database.write("sessions_revoke", id=session_id)
        self._doors.changed()
        return rows[0][0] if rows else None

    async def sweep(self) -> None:
        """Forget sessions that are over, and links that have long been."""
        now = await self._database.now()
        await self._database.write("sessions_sweep", long_ago=self._database.to_time(now - LONG_AGO))


class LinkStore:
    """Links that let one browser in, once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, hash_: str, role: UserRole, life: timedelta, *, actor: str | None) -> datetime:
        """Keep a link; answers until when it is good."""
        expires_at = await self._database.now() + life
        await self._database.write("links_add", hash=hash_, role=role.value, expires_at=self._database.to_time(expires_at), actor=actor)
        return expires_at

    async def is_open(self, hash_: str) -> bool:
        """Tell whether it is good still; changes nothing."""
        return bool(await self._database.read("links_open", hash=hash_))

    async def use(self, hash_: str, address: str | None) -> UserRole | None:
        """Take it: of any number who try at once one gets the role, all others None."""
        rows = await self._database.write("links_use", hash=hash_, address=address)
        return UserRole(rows[0][0]) if rows else None


class SignInStore:
    """Counts tries in slots. There are only so many slots, so that nobody can fill the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def charge(self, slot: str, window: timedelta) -> tuple[Tries, datetime]:
        """Count one more try and answer how many there are in this window, and the time it is."""
        now = await self._database.now()
        rows = await self._database.write("sign_ins_charge", slot=slot, cutoff=self._database.to_time(now - window))
        return Tries(rows[0][0], sure(self._database.from_time(rows[0][1]))), now

    async def refund(self, slot: str) -> None:
        """Take one try back."""
        await self._database.write("sign_ins_refund", slot=slot)

    async def clear(self, slot: str) -> None:
        """Begin anew."""
        await self._database.write("sign_ins_clear", slot=slot)
