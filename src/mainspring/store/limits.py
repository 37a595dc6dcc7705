"""Limits in the store: who waits in which list, who may go, and what code and operators say of each key.

`LimitStore.waiting_for` says for one run which limit holds it back and how many stand before it: what ``runs show`` and ``explain`` tell.

A run with limit keys waits in the list of one of them (state 0, ``waits_for``). `LimitStore.admit` lets runs go. It holds the rows of all
keys concerned while it counts what goes, so that any number of limiters never let more go than a key allows; the counts come from the rows
of the runs, so a crash leaks nothing. No other statement makes a run with keys ready.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mainspring.core.access import Scope
from mainspring.core.limit import NODE_KEY, Maximum
from mainspring.store.database import Database, seen_by, sure
from mainspring.store.runs import Lane

BOUND = 10_000  # runs that are counted in a list: nobody should wait for an exact large number


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where a run waits. ``position`` is 1 for the first of the list; ``is_bounded``: at least so many stand before it."""

    key: str
    position: int
    is_bounded: bool
    running: int
    maximum: Maximum


@dataclass(frozen=True, slots=True)
class LimitState:
    """What is known of a key. ``running`` and ``waiting`` stop at a bound; ``override`` is what an operator set, as fields."""

    key: str
    maximum: Maximum
    code: Maximum | None
    override: Mapping[str, int | None] | None
    running: int
    waiting: int
    changed_at: datetime
    changed_by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What operators have set that nodes must know: the slots of each, and the queues and tasks whose runs may not carry their key."""

    slots: int | None = None
    queues: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a limiter's round did. ``waits`` has the seconds until a rate may have a token, by key.

    ``is_more``: another round is useful now. ``is_busy``: another limiter held one of the keys.
    """

    ids: tuple[str, ...]
    lanes: frozenset[Lane]
    waits: Mapping[str, float]
    is_more: bool
    is_busy: bool


class LimitStore:
    """Lists, keys, and what they allow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- what limiters do

    async def look(self, after: str = "", n: int = 100) -> list[tuple[str, float | None]]:
        """Return up to ``n`` keys past one in whose lists runs wait, in order.

        With each: the seconds until it may have room (zero: now), or None where it is full.
        """
        rows = await self._database.read("limits_look", after=after, n=n)
        return [(row["key"], None if row["ms"] is None else float(row["ms"]) / 1000) for row in rows]

    async def admit(self, keys: Collection[str], n: int = 8) -> Admitted:
        """Let runs go from the lists of these keys: up to ``n`` of each, in order of priority and age.

        As far as all their keys have room: a run that finds another of its keys full waits in that one's list from then on. Never waits.
        """
        rows = await self._database.write("limits_admit", keys=self._database.to_list(sorted(keys)), n=n)
        freed = [row for row in rows if row[0] == "run"]
        lists = [row for row in rows if row[0] == "list"]
        moved = sum(int(row[7]) for row in rows if row[0] == "moved")
        return Admitted(
            ids=tuple(row[1] for row in freed),
            lanes=frozenset(Lane(*row[2:6]) for row in freed),
            waits={row[1]: float(row[6]) / 1000 for row in lists if row[6] is not None},
            is_more=bool(freed or moved) and any(row[7] for row in lists),
            is_busy=any(row[7] > 0 for row in rows if row[0] == "busy"),
        )

    async def adopt(self, n: int = 500) -> set[str]:
        """Give runs that a limit binds, and that do not know of it, the key: ready ones wait from then on, running ones count.

        Answers the keys in whose lists they are.
        """
        strays = sorted({row["id"] for row in await self._database.read("limits_stray", n=n)})  # one may lack two keys
        if not strays:
            return set()
        rows = await self._database.write("limits_adopt", ids=self._database.to_list(strays))
        return {row[0] for row in rows if row[0] is not None}

    async def forget(self, older: timedelta, n: int = 1000) -> int:
        """Forget keys that nobody set and that no unfinished run has used for a while; answers how many."""
        older_ms = round(older.total_seconds() * 1000)
        return len(await self._database.write("limits_forget", after="", older_ms=older_ms, n=n))

    # -- what code and operators say

    async def declare(self, said: Mapping[str, Maximum | None]) -> list[str]:
        """Write down what the code of a starting node says of its keys; None takes back what an older version said.

        The last start wins. What an operator set stays, and so do the keys of other apps. Answers the keys that the code limits.
        """
        batch = [
            {"key": key, "code": None if most is None else json.dumps(most.fields()), "binds_task": _binds(key)["binds_task"]}
            for key, most in sorted(said.items())
        ]  # a queue binds only when an operator says so: whoever enqueues into one of the code's knows its key
        return sorted(row[0] for row in await self._database.write("limits_declare", batch=json.dumps(batch)))

    async def set(self, key: str, fields: Mapping[str, int | None], *, actor: str | None = None, reason: str | None = None) -> None:
        """Set what an operator wants of a key: fields of `Maximum.fields`; those left out stay what the code says."""
        override = json.dumps(dict(fields))
        await self._database.write("limits_set", key=key, override=override, actor=actor, reason=reason, **_binds(key))

    async def clear(self, key: str, *, actor: str | None = None, reason: str | None = None) -> bool:
        """Take back what an operator set; answers whether anything was."""
        return bool(await self._database.write("limits_clear", key=key, actor=actor, reason=reason))

    async def told(self) -> Told:
        """Return what operators have set that nodes must know."""
        rows = [row for row in await self._database.read("limits_told") if row["override"] is not None]
        slots = next((json.loads(row["override"]).get("concurrency") for row in rows if row["key"] == NODE_KEY), None)
        queues = frozenset(row["binds_queue"] for row in rows if row["binds_queue"] is not None)
        return Told(slots, queues, frozenset(row["binds_task"] for row in rows if row["binds_task"] is not None))

    # -- looking

    async def list(self, *, after: str = "", key: str | None = None, n: int = 100) -> list[LimitState]:
        """Return keys past one, in order, with what goes and what waits; ``key`` asks for one alone."""
        rows = await self._database.read("limits_list", after=after, key=key, n=n, bound=BOUND)
        return [
            LimitState(
                key=row["key"],
                maximum=_maximum(row["shared_code"], row["code"], row["shared_override"], row["override"]),
                code=None if row["code"] is None and row["shared_code"] is None else _maximum(row["shared_code"], row["code"]),
                override=_fields(row["shared_override"], row["override"]) or None,
                running=int(row["going"]),
                waiting=int(row["waiting"]),
                changed_at=sure(self._database.from_time(row["changed_at"])),
                changed_by=row["changed_by"],
                reason=row["change_reason"],
            )
            for row in rows
        ]

    async def waiting_for(self, run_id: str, *, scope: Scope) -> Waiting | None:
        """Return which limit holds a run back, its position in the list, and how many go; None for a run that waits for no limit.

        Within a scope only what is seen there is counted: how busy others are is their business.
        """
        if not scope.is_everything:
            return await self._waiting_within(run_id, scope)
        rows = await self._database.read("limits_waiting_for", id=run_id, bound=BOUND)
        if not rows:
            return None
        key, ahead = rows[0]["key"], int(rows[0]["ahead"])
        known = await self.list(key=key, n=1)
        running, maximum = (known[0].running, known[0].maximum) if known else (0, Maximum())
        return Waiting(key, ahead + 1, ahead >= BOUND, running, maximum)

    async def _waiting_within(self, run_id: str, scope: Scope) -> Waiting | None:
        rows = await self._database.read("limits_waiting_within", id=run_id, bound=BOUND, **seen_by(self._database, scope))
        if not rows:
            return None
        key, ahead = rows[0]["key"], int(rows[0]["ahead"])
        known = await self.list(key=key, n=1)
        return Waiting(key, ahead + 1, ahead >= BOUND, int(rows[0]["going"]), known[0].maximum if known else Maximum())


def _binds(key: str) -> dict[str, str | None]:
    kind, _, name = key.partition(":")
    return {"binds_queue": name if kind == "queue" else None, "binds_task": name if kind == "task" else None}


def _fields(*texts: str | None) -> dict[str, int | None]:
    found: dict[str, Any] = {}
    for text in texts:
        found |= json.loads(text) if text is not None else {}
    return found


def _maximum(*texts: str | None) -> Maximum:
    return Maximum.of(_fields(*texts))
