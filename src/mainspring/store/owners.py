"""Owners in the store: people as they were when they last acted, for their runs and schedules go on with the rights that they have now.

People with a row of ours (`mainspring.store.users`) are looked up there; of others (another house's, a header's) the last known rights hold
until they come again, or until somebody says that they are gone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mainspring.core.access import User, UserRole, Verb
from mainspring.core.run import Reason
from mainspring.store.database import LOWEST, Database, Record, sure
from mainspring.store.runs import Grown, Lane

TOGETHER = 500
NOTED_FOR = 30.0  # seconds for which somebody is not looked at again
MOST_NOTED = 10_000  # people that are remembered so


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody with the rights known last. ``lost_at``: since then these are less than they once were; ``is_gone``: none at all."""

    user: User
    seen_at: datetime
    lost_at: datetime | None
    is_gone: bool
    reason: str | None
    changed_by: str | None


@dataclass(frozen=True, slots=True)
class OwnersRun:
    """An unfinished run of somebody; ``is_held``: because of its owner."""

    id: str
    task: str
    tenant: str
    is_held: bool


@dataclass(frozen=True, slots=True)
class Started:
    """Who has started a run, and for whom."""

    run_id: str
    owner: str | None
    tenant: str


class OwnerStore:
    """Knowing people, and moving their runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, tuple[User, float]] = {}

    async def get(self, name: str) -> Owner | None:
        """Return somebody who has acted; None for anybody else."""
        rows = await self._database.read("owners_get", name=name)
        return self._owner(rows[0]) if rows else None

    async def list(self, *, after: str = "", n: int = 100) -> list[Owner]:
        """Return people past a name, sorted by it."""
        return [self._owner(row) for row in await self._database.read("owners_list", after=after, n=n)]

    async def lost(self) -> dict[str, Owner]:
        """Return those who may do less than they once could, by name: mostly nobody."""
        return {row["name"]: self._owner(row) for row in await self._database.read("owners_lost")}

    async def moving(self) -> dict[str, Owner]:
        """Return those whose runs and schedules are still to be looked at, by name."""
        return {row["name"]: self._owner(row) for row in await self._database.read("owners_moving")}

    async def know(self, user: User) -> None:
        """Note somebody's rights as they are now; what was noted a moment ago is not looked at again."""
        noted = self._noted.get(user.name)
        if noted is not None and noted[0] == user and time.monotonic() - noted[1] < NOTED_FOR:
            return
        if len(self._noted) > MOST_NOTED:
            self._noted.clear()
        before = await self.get(user.name)
        self._noted[user.name] = (user, time.monotonic())
        if before is not None and not before.is_gone and _same(before.user, user):
            return
        has_less = before is not None and _has_less(before.user, user)
        await self._database.write("owners_know", name=user.name, kind=user.kind, has_less=has_less, **_packed(user))

    async def gone(self, name: str, *, reason: str | None = None, actor: str | None = None) -> bool:
        """Say that somebody may do nothing any more; answers False for one who is gone already, or never acted."""
        self._noted.pop(name, None)
        return bool(await self._database.write("owners_gone", name=name, reason=reason, actor=actor))

    async def runs_of(self, name: str, after: str | None = None) -> Sequence[OwnersRun]:
        """Return unfinished runs of somebody that wait for a place, or are held, past an id."""
        rows = await self._database.read("owners_runs", name=name, after=after or LOWEST, n=TOGETHER)
        return [OwnersRun(row["id"], row["task"], row["tenant"], row["reason"] == Reason.OWNER_GONE) for row in rows]

    async def started(self, ids: Sequence[str]) -> Sequence[Started]:
        """Return who has started running runs, and for whom; what the command line has started nobody owns."""
        rows = await self._database.read("owners_started", ids=self._database.to_list(list(ids)))
        return [Started(row["id"], row["actor"] if row["origin"] != "cli" else None, row["tenant"]) for row in rows]

    async def schedules_of(self, name: str) -> Sequence[Record]:
        """Return the rows of somebody's schedules."""
        return await self._database.read("owners_schedules", name=name)

    async def hold(self, ids: Sequence[str]) -> int:
        """Take runs out of the lanes and lists; answers how many."""
        reason = str(Reason.OWNER_GONE)
        return len(await self._database.write("runs_hold_some", ids=self._database.to_list(list(ids)), reason=reason))

    async def free(self, ids: Sequence[str]) -> set[Lane]:
        """Let runs go on that were held because of their owner; answers the lanes that grew."""
        reason = str(Reason.OWNER_GONE)
        return Grown(await self._database.write("runs_free_some", ids=self._database.to_list(list(ids)), reason=reason))

    async def free_strays(self) -> set[Lane]:
        """Let runs go on that are held for an owner who has all their rights, or a tenant that is active; answers the lanes that grew.

        They were held by who had looked a moment before that changed.
        """
        grown = set[Lane]()
        for row in await self._database.read("owners_strays", n=TOGETHER):
            values = {"ids": self._database.to_list([row["id"]]), "reason": row["reason"]}
            grown |= Grown(await self._database.write("runs_free_some", **values))
        return grown

    async def moved(self, owner: Owner, *, has_held: bool) -> None:
        """Note that somebody's runs and schedules are where they belong; where none is held, nobody has to ask for their rights again."""
        seen_at = self._database.to_time(owner.seen_at)
        is_over = not has_held and not owner.is_gone
        await self._database.write("owners_moved", name=owner.user.name, seen_at=seen_at, is_gone=owner.is_gone, is_over=is_over)

    def _owner(self, row: Record) -> Owner:
        def names(text: str | None) -> frozenset[str] | None:
            return None if text is None else frozenset(json.loads(text))

        verbs = names(row["verbs"])
        user = User(
            row["name"], UserRole(row["role"]), names(row["tenants"]), None if verbs is None else frozenset(map(Verb, verbs)),
            names(row["teams"]) or frozenset(), row["kind"],
            tasks=None if row["tasks"] is None else tuple(json.loads(row["tasks"])),
        )  # fmt: skip
        moment = self._database.from_time
        return Owner(user, sure(moment(row["seen_at"])), moment(row["lost_at"]), bool(row["is_gone"]), row["reason"], row["changed_by"])


def _packed(user: User) -> dict[str, Any]:
    def text(names: Any) -> str | None:
        return None if names is None else json.dumps(sorted(map(str, names)))

    return {
        "role": str(user.role), "teams": text(user.teams), "tenants": text(user.tenants), "verbs": text(user.verbs),
        "tasks": text(user.tasks),
    }  # fmt: skip


def _same(one: User, other: User) -> bool:
    return one.kind == other.kind and _packed(one) == _packed(other)


def _has_less(before: User, now: User) -> bool:
    """Tell whether somebody may do less than before, in any respect."""

    def lost(was: Any, is_: Any) -> bool:
        return is_ is not None and (was is None or not frozenset(was) <= frozenset(is_))

    return (
        now.role.rank < before.role.rank
        or not before.teams <= now.teams
        or lost(before.tenants, now.tenants)
        or lost(before.verbs, now.verbs)
        or lost(before.tasks, now.tasks)
    )
