"""Gates in the store: runs that are asked before they are ready, and what operators have set instead of the code's overlap policy.

A run with a gate is added as scheduled, due or not. Once it is due, `GateStore.ask` asks the overlap policy of its key, under a lock of
that key, and `GateStore.depend` the tasks that it depends on. A run that has passed the first is active until it has ended, whatever it
does meanwhile, and is never asked again. No other statement lets a run through.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from mainspring.core.overlap import Overlap, OverlapChoice
from mainspring.store import codes
from mainspring.store.database import LOWEST, Database, Row, sure
from mainspring.store.runs import Lane

# Unfinished runs, the newest first, among which a needed task's are looked for that are neither running nor blocked: for those there is an
# index. Behind a longer backlog only they count.
BOUND = 10_000
ASKED = 2000  # runs of a key in one statement: more than may wait at once, so that each round ends some where there are so many


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to do: keys to ask, whether runs are to be asked what they depend on, and seconds until more are due (None: unknown).

    ``awaits`` are the tasks for which runs wait, where the look was a full one. ``since`` is where the next look may begin, opaque: what is
    committed late lies behind it, and so may what was not asked; ``is_cut``: there may be more than this.
    """

    keys: tuple[str, ...]
    depends: bool
    due: float | None
    awaits: frozenset[str] = frozenset()
    since: Any = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """What a round at a gate did.

    ``passed`` are ids that are ready or wait for a limit now, in ``lanes`` and behind ``limits``; ``skipped`` and ``blocked`` are ids, and
    ``to_cancel`` those of active runs that the policy replaces. ``depends``: some of those that passed have dependencies to be asked about.
    ``more`` are keys with more runs than were looked at, ``busy`` those that another gatekeeper held.
    """

    passed: tuple[str, ...] = ()
    lanes: frozenset[Lane] = frozenset()
    limits: frozenset[str] = frozenset()
    skipped: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    to_cancel: tuple[str, ...] = ()
    depends: bool = False
    more: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()


class GateStore:
    """Asking, and what is asked by."""

    def __init__(self, database: Database, shard: int = 0) -> None:
        self._database, self._shard = database, shard

    # -- asking

    async def look(self, *, is_full: bool, since: Any = None, n: int = 500) -> Look:
        """Return what there is to do at or after a watermark (None: everywhere); ``is_full`` names also keys whose runs wait for an active
        one that is still there.
        """
        is_sqlite = self._database.dialect == "sqlite"
        first: Any = 0 if is_sqlite else "-infinity"
        rows = await self._database.read("gates_look", is_full=is_full, since=first if since is None else since, n=n)
        told = {row["kind"]: row for row in rows}
        return Look(
            keys=tuple(sorted(row["key"] for row in rows if row["kind"] == "overlap")),
            depends="depends" in told,
            due=float(told["due"]["ms"]) / 1000 if "due" in told else None,
            awaits=frozenset(row["key"] for row in rows if row["kind"] == "awaits" and row["key"] is not None),
            since=told["since"]["key"],
            is_cut="many" in told,
        )

    async def ask(self, keys: Collection[str], n: int = ASKED) -> Answers:
        """Ask the policies of keys about their due runs, up to ``n`` of each, and write what becomes of them. Never waits."""
        values: dict[str, Any] = {"keys": self._database.to_list(sorted(keys)), "n": n, "shard": self._shard}
        return _answers(await self._database.write("gates_ask", **values))

    async def depend(
        self, *, is_full: bool, has_new: bool = True, tasks: Collection[str] = (), after: str | None = None, n: int = 500
    ) -> Answers:  # fmt: skip
        """Ask up to ``n`` runs with ids past one what they depend on: due ones that are new (unless ``has_new`` is False), and those that
        wait already for one of ``tasks`` or, with ``is_full``, for any. ``more`` has the id behind which the next page begins.
        """
        values: dict[str, Any] = {"is_full": is_full, "has_new": has_new, "tasks": self._database.to_list(sorted(tasks))}
        return _answers(await self._database.write("gates_depend", **values, after=after or LOWEST, n=n, bound=BOUND))

    async def adopt(self, *, is_full: bool = True, n: int = 500) -> int:
        """Give runs the key of their task that do not carry it, where an operator's policy is about them; answers how many.

        What has begun counts from then on, what has not is asked. Without ``is_full`` only the youngest are looked at.
        """
        return len(await self._database.write("overlaps_adopt", n=n, bound=2**31 if is_full else BOUND))

    # -- what operators say

    async def choices(self) -> list[OverlapChoice]:
        """Return the policies that operators have set, sorted by task."""
        time = self._database.from_time
        return [
            OverlapChoice(
                row["task"], Overlap(codes.POLICY_OF[row["policy"]], most=row["most"]), sure(time(row["changed_at"])), row["changed_by"],
                row["reason"],
            )
            for row in await self._database.read("overlaps_list")
        ]  # fmt: skip

    async def put(self, task: str, overlap: Overlap, *, actor: str | None = None, reason: str | None = None) -> None:
        """Set a task's policy, over what the code says and over an earlier choice; the key stays the code's."""
        policy = codes.POLICY_CODE[overlap.policy]
        await self._database.write("overlaps_set", task=task, policy=policy, most=overlap.most, actor=actor, reason=reason)

    async def clear(self, task: str) -> bool:
        """Let the code decide again; answers whether there was a choice."""
        return bool(await self._database.write("overlaps_clear", task=task))


def _answers(rows: Iterable[Row]) -> Answers:
    named: dict[str, list[Row]] = {}
    for row in rows:
        named.setdefault(row[0], []).append(row)

    def names(kind: str) -> tuple[str, ...]:
        return tuple(row[1] for row in named.get(kind, ()))

    passed = named.get("passed", ())
    return Answers(
        passed=names("passed"),
        lanes=frozenset(Lane(*row[2:6]) for row in passed if row[6] is None),
        limits=frozenset(row[6] for row in passed if row[6] is not None),
        skipped=names("skipped"),
        blocked=names("blocked"),
        to_cancel=names("cancel"),
        depends="asks" in named,
        more=names("more"),
        busy=names("busy"),
    )
