"""Lists of runs for people who look at a long history: pages, counts and the longest runs, each at a bounded price.

Every look reads a window: so many rows of the index that serves its filter best, in the order of ids, which is the order of time with a
tie-breaker. What is rare may lie beyond; then the answer says how far it has looked, and the next look goes on from there. So a page of a
million runs costs what a page of ten thousand does, and nothing is counted without a bound.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from mainspring.core.access import Scope
from mainspring.core.ids import first_id_of, is_id
from mainspring.core.policy import Priority
from mainspring.core.run_filter import LOST, RunFilter
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import LOWEST, NEWEST, Database, Record, parsed, seen_by, sure
from mainspring.store.search import SearchStore

WINDOW = 20_000  # rows that one look reads at most of each table: some hundredths of a second on either database
CAP = 10_000  # counts go no further
LOST_AMONG = 2_000  # of the youngest failures, where everything is counted
TOGETHER = 1000  # ids that another index names at once
# How far the clock of who made an id may be from the database's. Less than where all is counted: what lies in it is read for nothing.
ASTRAY = timedelta(minutes=5)
EVER = datetime(1971, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
ALL = 2**62  # rows: no window at all
LOST_WORD = "lost"
Way = Literal["down", "up"]


@dataclass(frozen=True, slots=True)
class RunBrief:
    """A run as a list shows it: without parameters and result. ``error_type`` and ``error_message`` are of its last failed try."""

    id: str
    task: str
    state: RunState
    reason: str | None
    queue: str
    tenant: str
    priority: Priority
    attempt: int
    retries: int
    max_retries: int
    created_at: datetime
    run_at: datetime | None
    ready_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    node_id: str | None
    progress: Mapping[str, Any] | None
    key: str | None
    label: str | None
    origin: str
    actor: str | None
    retry_of: str | None
    cancel_requested: bool
    cancelled_by: str | None
    seq: int
    schedule_id: int | None
    slot_at: datetime | None
    blocked_by: str | None
    blocked_on: str | None
    error_type: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class RunSlice:
    """A page of runs. ``edge`` is the id from which the next page in this direction begins, None where there is none.

    ``is_whole`` is False where the look ended at its window before the page was full: further on there may be more.
    """

    runs: Sequence[RunBrief]
    edge: str | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """A count; ``is_bounded``: there are at least so many."""

    n: int
    is_bounded: bool


@dataclass(frozen=True, slots=True)
class _Stand:
    """One way to look: by an index, with the value that it is asked for, in one or both of the tables."""

    by: str
    values: Mapping[str, Any]
    in_hot: bool = True
    in_past: bool = True


class RunListStore:
    """Answers pages and counts of runs."""

    def __init__(self, database: Database, search: SearchStore) -> None:
        self._database, self._search = database, search

    async def page(
        self, wanted: RunFilter, *, scope: Scope, start: str | None = None, way: Way = "down", n: int = 50, window: int = WINDOW,
        terms: Sequence[tuple[str, str]] = (), errors: Sequence[str] | None = None,
    ) -> RunSlice:  # fmt: skip
        """Return the next runs from ``start`` on (not itself): older ones, newest first, or newer ones, oldest first.

        ``terms`` are parameters that are marked for search, ``errors`` fingerprints of which a try has had one.
        """
        ids, edge = await self._ids(wanted, scope, start, way, n, window, terms, errors)
        runs = await self.briefs(ids)
        runs.sort(key=lambda run: run.id, reverse=way == "down")
        return RunSlice(runs, ids[-1] if len(ids) == n else edge, len(ids) == n or edge is None)

    async def ids(
        self, wanted: RunFilter, *, scope: Scope, start: str | None = None, n: int = 1000, terms: Sequence[tuple[str, str]] = (),
        errors: Sequence[str] | None = None,
    ) -> list[str]:  # fmt: skip
        """Return up to ``n`` ids, newest first, however far back they are."""
        found: list[str] = []
        while len(found) < n:
            ids, start = await self._ids(wanted, scope, start, "down", n - len(found), WINDOW, terms, errors)
            found += ids
            if start is None:
                break
        return found

    async def walk(
        self, wanted: RunFilter, *, scope: Scope, together: int, terms: Sequence[tuple[str, str]] = (), errors: Sequence[str] | None = None,
    ) -> AsyncIterator[list[str]]:  # fmt: skip
        """Yield all ids, newest first, some together, however far back they are."""
        start: str | None = None
        while True:
            ids, edge = await self._ids(wanted, scope, start, "down", together, WINDOW, terms, errors)
            if ids:
                yield ids
            if edge is None:
                return
            start = edge

    async def briefs(self, ids: Sequence[str]) -> list[RunBrief]:
        """Return runs by id, in no order; whoever asks has looked at the scope before."""
        if not ids:
            return []
        rows = await self._database.read("runs_brief", ids=self._database.to_list(list(ids)), lowest=min(ids), highest=max(ids))
        return [self._brief(row) for row in rows]

    async def longest(
        self, wanted: RunFilter, *, scope: Scope, n: int = 50, window: int = WINDOW, terms: Sequence[tuple[str, str]] = (),
        errors: Sequence[str] | None = None,
    ) -> list[RunBrief]:  # fmt: skip
        """Return the finished runs that took the longest since their last start, among the newest of a window."""
        ids: list[str] = []
        if terms or errors is not None:
            ids = await self.ids(wanted, scope=scope, n=TOGETHER, terms=terms, errors=errors)
        else:
            for stand in self._stands(wanted.asked, scope):
                values = self._values(wanted, scope, None, "down", window) | dict(stand.values)
                rows = await self._database.read(by("runs_longest", stand.by), **values, n=n)
                ids += [row["id"] for row in rows]
        runs = [run for run in await self.briefs(ids) if run.finished_at is not None and run.started_at is not None]
        return sorted(runs, key=lambda run: (sure(run.finished_at) - sure(run.started_at), run.id), reverse=True)[:n]

    async def tally(
        self, wanted: RunFilter, *, scope: Scope, cap: int = CAP, window: int = CAP + 1, terms: Sequence[tuple[str, str]] = (),
        errors: Sequence[str] | None = None,
    ) -> dict[str, Counted]:  # fmt: skip
        """Return how many runs of each state there are up to a cap, and of ``lost`` ones, which are failed ones as well.

        The states that a filter asks for do not matter here: whoever looks at one wants to know of the others.
        """
        wanted = replace(wanted, states=None, is_lost=False).asked
        totals: dict[str, int] = dict.fromkeys([*map(str, RunState), "lost"], 0)
        bounded: set[str] = set()
        unfinished = [str(state) for state in RunState if not state.is_final]
        finished = [*(str(state) for state in RunState if state.is_final), "lost"]
        if terms or errors is not None:
            chosen = await self.ids(wanted, scope=scope, n=TOGETHER, terms=terms, errors=errors)
            for run in await self.briefs(chosen):
                totals[str(run.state)] += 1
                totals["lost"] += run.state is RunState.FAILED and run.reason in LOST
            return {name: Counted(count, len(chosen) == TOGETHER) for name, count in totals.items()}
        if wanted == RunFilter() and scope.is_everything:
            return await self._tally_of_all(cap)
        for stand in self._stands(wanted, scope):
            values = self._values(wanted, scope, None, "down", window) | dict(stand.values)
            values |= {"window_hot": window * stand.in_hot, "window_past": window * stand.in_past}
            looked = [0, 0]
            for row in await self._database.read(by("runs_tally", stand.by), **values):
                looked[row["part"]] += row["looked"]
                totals[str(codes.STATE_OF[row["state"]])] += int(row["n"])
                totals["lost"] += int(row["n"]) if row["is_lost"] else 0
            for part, names in enumerate((unfinished, finished)):
                bounded |= set(names) if looked[part] >= window else set()
        return {name: Counted(min(count, cap), name in bounded or count > cap) for name, count in totals.items()}

    async def count(
        self, wanted: RunFilter, *, scope: Scope, terms: Sequence[tuple[str, str]] = (), errors: Sequence[str] | None = None
    ) -> int:  # fmt: skip
        """Return how many runs there are, exactly: they are counted one by one, for a person who asks."""
        wanted = wanted.asked
        if terms or errors is not None:
            return sum([len(ids) async for ids in self.walk(wanted, scope=scope, together=TOGETHER, terms=terms, errors=errors)])
        total = 0
        for stand in self._stands(wanted, scope):
            values = self._values(wanted, scope, None, "down", ALL) | dict(stand.values)
            values |= {"window_hot": ALL * stand.in_hot, "window_past": ALL * stand.in_past}
            total += sum(int(row["n"]) for row in await self._database.read(by("runs_tally", stand.by), **values))
        return total

    async def _tally_of_all(self, cap: int) -> dict[str, Counted]:
        """Count what is asked for most, everything: by indexes alone, no row is read but of a few failures."""
        rows = await self._database.read("runs_totals", bound=cap + 1, beyond=cap, lowest=LOWEST, few=LOST_AMONG)
        found = {row["what"]: int(row["n"]) for row in rows}
        is_bounded = sum(found.get(100 + code, 0) for code in range(codes.FIRST_FINAL)) > cap
        counted: dict[str, Counted] = {}
        for state in RunState:
            n = sum(found.get(100 + code, 0) for code in codes.CODES_OF[state])
            counted[str(state)] = Counted(min(n, cap), n > cap if state.is_final else is_bounded)
        counted[str(RunState.COMPLETED)] = Counted(min(max(found[2] - found[3], 0), cap), found[2] > cap)
        return {**counted, LOST_WORD: Counted(found[5], found[4] >= LOST_AMONG)}

    async def retries_of(self, run_id: str) -> list[str]:
        """Return the runs that did a run again, oldest first."""
        rows = await self._database.read("runs_again", id=run_id)
        return sorted(row["id"] for row in rows)

    async def hasten(self, ids: Sequence[str]) -> set[str]:
        """Let runs that wait for a later time be due now; answers which did."""
        return {row[0] for row in await self._database.write("runs_hasten", ids=self._database.to_list(list(ids)))}

    async def node_ids(self, names: Sequence[str]) -> list[str]:
        """Return the ids of the nodes that are, or were, called so; a name may have had many."""
        ids = [each for each in names if is_id(each)]
        rows = await self._database.read("nodes_named", names=self._database.to_list(list(names)), n=1000)
        return ids + [row["id"] for row in rows]

    async def fingerprints(self, words: Sequence[str], n: int) -> list[str]:
        """Return the fingerprints of errors of these types, or that are these, the latest first."""
        rows = await self._database.read("errors_meant", words=self._database.to_list(list(words)), n=n)
        return [row["fingerprint"] for row in rows]

    # -- how it is looked

    async def _ids(
        self, wanted: RunFilter, scope: Scope, start: str | None, way: Way, n: int, window: int, terms: Sequence[tuple[str, str]],
        errors: Sequence[str] | None,
    ) -> tuple[list[str], str | None]:  # fmt: skip
        wanted = wanted.asked
        if terms or errors is not None:
            return await self._chosen(wanted, scope, start, way, n, terms, errors)
        found: list[str] = []
        edges: list[str] = []
        for stand in self._stands(wanted, scope):
            values = self._values(wanted, scope, start, way, window) | dict(stand.values)
            values |= {"window_hot": window * stand.in_hot, "window_past": window * stand.in_past}
            rows = await self._database.read(by("runs_window", stand.by, way), **values, n=n)
            parts = [[row["id"] for row in rows if row["part"] == part] for part in (0, 1)]
            beyond: Record = {"hot": None, "past": None}
            if any(len(part) < n for part in parts):
                values |= {"beyond": window - 1, "has_hot": int(len(parts[0]) < n), "has_past": int(len(parts[1]) < n)}
                beyond = (await self._database.read(by("runs_edge", stand.by, way), **values))[0]
            for part, edge, is_in in zip(parts, (beyond["hot"], beyond["past"]), (stand.in_hot, stand.in_past), strict=True):
                found += part
                if len(part) == n:
                    edges.append(part[-1])
                elif edge is not None and is_in:
                    edges.append(edge)
        # Below the nearest of the edges, something may be missing that one of the others has not looked at.
        edge = None if not edges else (max(edges) if way == "down" else min(edges))
        ids = sorted({id_ for id_ in found if edge is None or (id_ >= edge if way == "down" else id_ <= edge)}, reverse=way == "down")
        if len(ids) > n:
            return ids[:n], ids[n - 1]
        return ids, edge

    async def _chosen(
        self, wanted: RunFilter, scope: Scope, start: str | None, way: Way, n: int, terms: Sequence[tuple[str, str]],
        errors: Sequence[str] | None,
    ) -> tuple[list[str], str | None]:  # fmt: skip
        """Look among those that another index has named: parameters, or errors."""
        found: list[str] = []
        before, after = (start or NEWEST, LOWEST) if way == "down" else (NEWEST, start or LOWEST)
        edge: str | None = NEWEST
        looked = 0
        while edge is not None and looked < WINDOW and (way == "up" or len(found) <= n):
            ids, edge = await self._named(wanted, before, terms, errors)
            here = [each for each in ids if each > after]
            if here:
                values = self._values(wanted, scope, None, "down", TOGETHER) | {"ids": self._database.to_list(here)}
                rows = await self._database.read(by("runs_window", "ids"), **values, n=TOGETHER)
                found += sorted((row["id"] for row in rows), reverse=True)
            if edge is not None and edge <= after:
                edge = None
            looked, before = looked + TOGETHER, edge or before
        if way == "up":  # the nearest above come last: they are reached when all above were looked at
            return (found[::-1][:n], None if len(found) <= n else found[-n])
        return (found[:n], found[n - 1]) if len(found) > n else (found, edge)

    async def _named(
        self, wanted: RunFilter, before: str, terms: Sequence[tuple[str, str]], errors: Sequence[str] | None
    ) -> tuple[list[str], str | None]:  # fmt: skip
        """Return ids below an id, and where to go on, if there are more."""
        to_list = self._database.to_list
        marks = to_list(list(errors or ()))
        if terms:
            ids = await self._search.find(terms, before=before, task=wanted.task, n=TOGETHER)
        else:
            ids = [row["id"] for row in await self._database.read("runs_of_errors", fingerprints=marks, before=before, n=TOGETHER)]
        edge = ids[-1] if len(ids) == TOGETHER else None
        if terms and errors is not None and ids:
            rows = await self._database.read("runs_with_errors", fingerprints=marks, ids=to_list(ids))
            ids = [row["id"] for row in rows]
        return ids, edge

    def _stands(self, wanted: RunFilter, scope: Scope) -> list[_Stand]:
        """Return the ways to look that serve a filter and a scope best: together they see all that is asked for, and nothing twice."""
        tenants = scope.tenants if wanted.tenant is None else frozenset({wanted.tenant}) & (scope.tenants or {wanted.tenant})
        if (tenants is not None and not tenants) or wanted.tasks == [] or wanted.nodes == []:
            return []
        states = None
        if wanted.states is not None or wanted.is_lost:
            states = [code for each in wanted.states or () for code in codes.CODES_OF[each]]
        hot = states is None or any(code < codes.FIRST_FINAL for code in states)
        past = states is None or wanted.is_lost or any(code >= codes.FIRST_FINAL for code in states)
        if wanted.schedule_id is not None:
            return [_Stand("schedule", {}, hot, past)]
        if wanted.key is not None:
            return [_Stand("key", {}, hot, past)]
        if wanted.label is not None:
            return [_Stand("label", {}, hot, past)]
        if (actor := wanted.actor or scope.owner) is not None:
            return [_Stand("actor", {"actor": actor}, hot, past)]
        if wanted.task is not None:
            return [_Stand("task", {}, hot, past)]
        if tenants is not None and "" not in tenants:
            return [_Stand("tenant", {"tenant": each}, hot, past) for each in sorted(tenants)]
        if states is not None and 10 not in states:
            ended = sorted({code for code in states if code >= codes.FIRST_FINAL} | ({11} if wanted.is_lost else set()))
            return [_Stand("state", {"state": code}, in_hot=False) for code in ended] + ([_Stand("id", {}, in_past=False)] if hot else [])
        if wanted.queue not in (None, "default"):
            return [_Stand("queue", {}, hot, past)]
        return [_Stand("id", {}, hot, past)]

    def _values(self, wanted: RunFilter, scope: Scope, start: str | None, way: Way, window: int) -> dict[str, Any]:
        wanted = wanted.asked
        states = "".join(f",{code}" for state in wanted.states or () for code in codes.CODES_OF[state])
        since, until = wanted.since or EVER[0], wanted.until or EVER[1]
        lowest = LOWEST if wanted.since is None else first_id_of(since - ASTRAY)
        highest = NEWEST if wanted.until is None else first_id_of(until + ASTRAY)
        if start is not None:
            lowest, highest = (lowest, min(start, highest)) if way == "down" else (max(start, lowest), highest)
        tasks = wanted.tasks
        if wanted.task is not None:
            tasks = [each for each in (tasks if tasks is not None else [wanted.task]) if each == wanted.task]
        to_list = self._database.to_list
        return {
            "lowest": lowest, "highest": highest, "window_hot": window, "window_past": window,
            "since": self._database.to_time(since), "until": self._database.to_time(until),
            "states": None if wanted.states is None and not wanted.is_lost else f"{states},",
            "lost": f",{','.join(LOST)}," if wanted.is_lost else None,
            "has_tasks": int(tasks is not None), "tasks": to_list(list(tasks or ())), "task": wanted.task,
            "has_nodes": int(wanted.nodes is not None), "nodes": to_list(list(wanted.nodes or ())),
            "queue": wanted.queue, "label": wanted.label, "reason": wanted.reason, "origin": wanted.origin, "key": wanted.key,
            "actor": wanted.actor, "tenant": wanted.tenant, "schedule": wanted.schedule_id,
            "priority": None if wanted.priority is None else int(wanted.priority),
            "longer": self._span(wanted.longer), "shorter": self._span(wanted.shorter),
        } | seen_by(self._database, scope)  # fmt: skip

    def _span(self, span: timedelta | None) -> Any:
        if span is None:
            return None
        microseconds = span // timedelta(microseconds=1)
        return microseconds if self._database.dialect == "sqlite" else f"{microseconds} microseconds"

    def _brief(self, row: Record) -> RunBrief:
        time = self._database.from_time
        made = {
            **row, "state": codes.STATE_OF[row["state"]], "priority": Priority(row["priority"]), "progress": parsed(row["progress"]),
            "cancel_requested": bool(row["cancel_requested"]), "created_at": sure(time(row["created_at"])),
        }  # fmt: skip
        made |= {name: time(row[name]) for name in ("run_at", "ready_at", "started_at", "finished_at", "slot_at")}
        return RunBrief(**made)


def by(query: str, index: str, way: Way = "down") -> str:
    """Return the name of a query that stands on an index; see `mainspring.store.queries`."""
    return f"{query}_by_{index}_{way}"
