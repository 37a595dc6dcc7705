"""Retention in the store: who stays, who goes, and how. Small steps that any node may take, at any time, any number of times.

Most runs go with their day, as a dropped partition (PostgreSQL); what outlives its day there (pins, the newest of a task, longer policies,
unfinished work) moves into the default partition first. What is to go before its day, or has none, is deleted in batches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mainspring.core.errors import StoreUnavailable
from mainspring.core.ids import first_id_of
from mainspring.core.retention import Keeping, Policies, Retention
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.database import LOWEST, Database, sure
from mainspring.store.file_store import FileStore
from mainspring.store.upkeep import PARTITIONED, Upkeep

LOOKED_AT_TOGETHER = 1000  # runs in one look, so at most as many in one delete: short enough for others to write in between
MOST_MOVED = 10_000  # runs that outlive their day, past which it is not dropped: they are copied while nobody can finish a run
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run, as far as retention looks at it."""

    id: str
    task: str
    state: RunState
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one step took: runs, and days as a whole (their runs are among the runs)."""

    runs: int = 0
    days: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.runs + other.runs, self.days + other.days)


@dataclass(frozen=True, slots=True)
class Pin:
    """Why a run stays for good."""

    run_id: str
    at: datetime
    actor: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Range:
    """Ids that are looked at one after another; ``task`` has an index of its own, and so has ``tenant``."""

    low: str
    high: str
    task: str | None = None
    tenant: str | None = None


@dataclass(slots=True)
class _Sweep:
    """One pass with one set of policies. ``newest`` remembers from which id on runs of a task stay."""

    policies: Policies
    now: datetime
    newest: dict[str, str | None] = field(default_factory=dict)


class RetentionStore:
    """Pins, policies, and the deleting of runs with everything that belongs to them."""

    def __init__(self, database: Database, upkeep: Upkeep, files: FileStore) -> None:
        self._database, self._upkeep, self._files = database, upkeep, files

    # -- pins

    async def pin(self, run_id: str, *, actor: str | None = None, reason: str | None = None) -> bool:
        """Keep a run, finished or not, whatever the policies say; answers False where it is pinned already or does not exist."""
        return bool(await self._database.write("kept_pin", id=run_id, actor=actor, reason=reason))

    async def unpin(self, run_id: str) -> bool:
        """Let policies have a run again; answers whether it was pinned."""
        return bool(await self._database.write("kept_unpin", id=run_id))

    async def pin_of(self, run_id: str) -> Pin | None:
        """Return the pin of a run, if it has one."""
        rows = await self._database.read("kept_get", id=run_id)
        if not rows:
            return None
        return Pin(rows[0]["run_id"], sure(self._database.from_time(rows[0]["at"])), rows[0]["actor"], rows[0]["reason"])

    async def pins(self) -> int:
        """Return how many runs are pinned."""
        return int((await self._database.read("kept_count"))[0]["n"])

    # -- policies

    async def tell(self, own: Mapping[str, Retention | None], node: str | None = None) -> None:
        """Write down what definitions say about their runs (None: nothing), so that nodes without their code know it too."""
        known = await self._own()
        for task, retention in own.items():
            if retention is None:
                if task in known:
                    await self._database.write("retention_forget", task=task)
            elif known.get(task) != retention:
                await self._database.write(
                    "retention_tell",
                    task=task,
                    completed_ms=_milliseconds(retention.completed),
                    others_ms=_milliseconds(retention.others),
                    keep_last=retention.keep_last,
                    node=node,
                )

    async def policies(self, default: Keeping) -> Policies:
        """Return what holds now: an app's default, and what the tasks of all nodes and the tenants have said for themselves."""
        rows = await self._database.read("tenants_keeping")
        tenants = {row["name"]: Retention(_duration(row["completed_ms"]), others=_duration(row["others_ms"])) for row in rows}
        return Policies(default, await self._own(), tenants=tenants)

    async def _own(self) -> dict[str, Retention]:
        rows = await self._database.read("retention_list")
        return {
            row["task"]: Retention(_duration(row["completed_ms"]), others=_duration(row["others_ms"]), keep_last=row["keep_last"])
            for row in rows
        }

    # -- what would go, and what goes

    async def expired(self, policies: Policies, after: str | None = None) -> tuple[list[Finished], str | None]:
        """Return some of the runs that a `prune` now would take, the oldest first, and from where to go on (None: these were the last).

        ``after`` is what an earlier call has answered; None begins.
        """
        sweep = _Sweep(policies, await self._database.now())
        while True:
            found, after_this = await self._look(sweep, self._everything(sweep), after or LOWEST)
            if found or after_this is None:
                return found, after_this
            after = after_this

    async def prune(self, policies: Policies) -> Pruned:
        """Take all runs that are past their time, now."""
        total = Pruned()
        async for step in self.steps(policies, at_once=True):
            total += step
        return total

    async def steps(self, policies: Policies, *, at_once: bool = False) -> AsyncIterator[Pruned]:
        """Take the runs that are past their time, one small step for each turn of the iteration.

        Without ``at_once`` runs that will go with their day soon are left to that (PostgreSQL).
        """
        sweep = _Sweep(policies, await self._database.now())
        crowded: list[datetime] = []
        if not policies.is_partial:
            async for step in self._drop_days(sweep, crowded):
                yield step
        for part in await self._ranges(sweep, crowded, at_once=at_once):
            after: str | None = part.low
            while after is not None:
                found, after = await self._look(sweep, part, after)
                yield Pruned(len(await self.delete([each.id for each in found])) if found else 0)

    async def delete(self, ids: Sequence[str]) -> list[str]:
        """Delete finished runs with their events, attempts and files; answers which went. Pinned and unfinished ones stay."""
        if not ids:
            return []
        values = {"ids": self._database.to_list(list(ids))}
        if self._database.dialect == "postgres":
            values |= {"lowest": min(ids), "highest": max(ids)}
        gone = [row[0] for row in await self._database.write("retention_delete", **values)]
        await self._files.purge(gone)
        return gone

    async def _look(self, sweep: _Sweep, part: _Range, after: str) -> tuple[list[Finished], str | None]:
        """Look at the next runs of a range: those that are to go, and from where to go on (None: that was the end)."""
        values: dict[str, object] = {"after": after, "before": part.high, "n": LOOKED_AT_TOGETHER}
        if part.tenant is not None:
            rows = await self._database.read("retention_look_tenant", tenant=part.tenant, **values)
        elif part.task is None:
            rows = await self._database.read("retention_look", **values)
        else:
            rows = await self._database.read("retention_look_task", task=part.task, **values)
        found = []
        for row in rows:
            run = Finished(row["id"], row["task"], codes.STATE_OF[row["state"]], sure(self._database.from_time(row["finished_at"])))
            is_old = sweep.policies.has_expired(run.task, run.state, run.finished_at, sweep.now, row["tenant"])
            is_old = is_old and sweep.policies.scope.sees(row["tenant"], row["actor"], run.task)
            if is_old and not row["is_pinned"] and not await self._is_among_the_newest(sweep, run):
                found.append(run)
        return found, rows[-1]["id"] if len(rows) == LOOKED_AT_TOGETHER else None

    async def _is_among_the_newest(self, sweep: _Sweep, run: Finished) -> bool:
        last = sweep.policies.of(run.task).last
        if last == 0:
            return False
        if run.task not in sweep.newest:
            rows = await self._database.read("retention_newest", task=run.task, skip=last - 1)
            sweep.newest[run.task] = rows[0]["id"] if rows else None
        newest = sweep.newest[run.task]  # it may be older than now by a while: then one more run stays until the next pass
        return newest is None or run.id >= newest

    def _everything(self, sweep: _Sweep) -> _Range:
        """Return the ids among which all are that may go: a run is made before it ends, and ids tell when it was made."""
        policies = sweep.policies
        names = [policies.task] if policies.task is not None else list(policies.own)
        keepings = [*([policies.default] if policies.task is None else []), *(policies.of(name) for name in names)]
        keepings += [policies.default.refined(each) for each in policies.tenants.values()]
        ages = [each.shortest for each in keepings if each.shortest is not None]
        return _Range(LOWEST, first_id_of(sweep.now - min(ages)) if ages else LOWEST, policies.task)

    async def _ranges(self, sweep: _Sweep, crowded: Sequence[datetime], *, at_once: bool) -> list[_Range]:
        policies = sweep.policies
        if policies.task is not None:
            return [self._everything(sweep)]
        default, ranges = policies.default.shortest, list[_Range]()
        if default is not None:
            fall_as_days = self._database.dialect == "postgres" and policies.default.longest == default and not at_once
            days = await self._days() if fall_as_days else []
            if days:
                ranges.append(_Range(LOWEST, first_id_of(days[0])))
                ranges += [_Range(first_id_of(day), first_id_of(day + _DAY)) for day in crowded]
            else:
                ranges.append(_Range(LOWEST, first_id_of(sweep.now - default)))
        for task in policies.own:
            age = policies.of(task).shortest
            if age is not None and (default is None or age < default):
                ranges.append(_Range(LOWEST, first_id_of(sweep.now - age), task))
        for tenant, own in policies.tenants.items():
            age = policies.default.refined(own).shortest
            if age is not None and (default is None or age < default):
                ranges.append(_Range(LOWEST, first_id_of(sweep.now - age), tenant=tenant))
        return ranges

    # -- days (PostgreSQL)

    async def _days(self) -> list[datetime]:
        """Return the days that have a partition of any table, the oldest first."""
        digits = {name.rpartition("_")[2] for name in await self._upkeep.partitions()}
        return sorted(datetime.strptime(each, "%Y%m%d").replace(tzinfo=UTC) for each in digits)

    async def _drop_days(self, sweep: _Sweep, crowded: list[datetime]) -> AsyncIterator[Pruned]:
        """Drop the days that are past every default age; those that cannot fall are added to ``crowded``: too many runs outlive them."""
        longest = sweep.policies.default.longest
        if self._database.dialect == "sqlite" or longest is None:
            return
        for day in await self._days():
            if day + _DAY >= sweep.now - longest:
                return
            try:
                async with self._database.exclusive("partitions"):
                    gone = await self._drop_day(sweep, day)
            except StoreUnavailable:  # somebody holds a table for long: another round comes
                return
            if gone is None:
                crowded.append(day)
            else:
                yield Pruned(gone, 1)

    async def _drop_day(self, sweep: _Sweep, day: datetime) -> int | None:
        """Drop one day, after moving what outlives it; answers how many runs went, or None where too many would have to move.

        The history goes first: a run that is gone cannot be pinned any more. Where this ends in between, the next round goes on.
        """
        if not await self._upkeep.may_change_schema():
            return None  # row by row, then
        low, high = first_id_of(day), first_id_of(day + _DAY)
        try:
            await self._database.execute(_survivors(sweep.policies.default, low, high))
        except StoreUnavailable:  # this login may not make tables, so it may not drop any either: rows it may delete
            return None
        (found,) = await self._database.execute(
            "select (select count(*)::int from mainspring.survivors) as moved, "
            f"(select count(*)::int from mainspring.history where id >= '{low}' and id < '{high}') as n, "
            f"(select count(*)::int from mainspring.survivors join mainspring.history using (id)) as stays"
        )
        if found["moved"] > MOST_MOVED:
            await self._database.execute("drop table mainspring.survivors")
            return None
        there = set(await self._upkeep.partitions())
        for table in PARTITIONED:
            if f"{table}_{day:%Y%m%d}" in there:
                await self._database.execute(_drop(table, f"{table}_{day:%Y%m%d}", low, high))
        await self._database.execute("drop table mainspring.survivors")
        await self._purge_files(low, high)
        return int(found["n"]) - int(found["stays"])

    async def _purge_files(self, low: str, high: str) -> None:
        """Let the runs of a day that fell go of their files; what a crash leaves here the sweep of files finds."""
        after: str | None = low
        while after is not None:
            rows = await self._database.read("files_runs", after=after, before=high, n=LOOKED_AT_TOGETHER)
            await self._files.purge([row["run_id"] for row in rows if not row["is_there"]])
            after = rows[-1]["run_id"] if len(rows) == LOOKED_AT_TOGETHER else None


def _survivors(default: Keeping, low: str, high: str) -> str:
    """Return the SQL that finds the runs of a day that outlive it; nobody is kept waiting meanwhile.

    Nothing is added to a day that is over but the ends of its unfinished runs, which are among them.
    """

    def milliseconds(age: timedelta | None) -> str:
        return "null::float8" if age is None else str(age.total_seconds() * 1000)

    return (
        "drop table if exists mainspring.survivors; create unlogged table mainspring.survivors (id uuid primary key); "
        f"with task as (select task as name from mainspring.history where id >= '{low}' and id < '{high}' group by task), "
        "saying as (select task.name, "
        f"    coalesce(own.completed_ms, {milliseconds(default.completed)}) as completed_ms, "
        f"    coalesce(own.others_ms, {milliseconds(default.others)}) as others_ms, "
        f"    coalesce(nullif(own.keep_last, 0), {default.last}) as last "
        "    from task left join mainspring.retention own on own.task = task.name), "
        "keeping as (select saying.*, (select id from mainspring.history newest where newest.task = saying.name "
        "    order by id desc limit 1 offset greatest(saying.last - 1, 0)) as newest from saying) "
        "insert into mainspring.survivors "
        "select run.id from mainspring.history run join keeping on keeping.name = run.task "
        "left join mainspring.tenants tenant on tenant.name = run.tenant "
        "cross join lateral (select case when run.state = 10 then coalesce(tenant.completed_ms, keeping.completed_ms) "
        "    else coalesce(tenant.others_ms, keeping.others_ms) end as ms) age "
        f"where run.id >= '{low}' and run.id < '{high}' and ("
        "    (keeping.last > 0 and (keeping.newest is null or run.id >= keeping.newest)) "
        "    or age.ms is null or run.finished_at >= {NOW} - age.ms * interval '1 millisecond' "
        "    or exists (select 1 from mainspring.kept where run_id = run.id)) "
        f"union select id from mainspring.hot_runs where id >= '{low}' and id < '{high}' "
        f"limit {MOST_MOVED + 1}"
    )


def _drop(table: str, partition: str, low: str, high: str) -> str:
    """Return the SQL that moves what outlives a day into the default partition and drops the day, in one transaction.

    One table at a time: a statement that writes to all of them holds some and wants others. It waits a moment only, for all finishes
    wait behind it.
    """
    id_ = "id" if table == "history" else "run_id"
    return (
        f"set local lock_timeout = '1s'; lock table only mainspring.{table} in access exclusive mode; "
        f"insert into mainspring.survivors select run_id from mainspring.kept where run_id >= '{low}' and run_id < '{high}' "
        "on conflict do nothing; "
        f"create temp table moved on commit drop as select * from mainspring.{partition} "
        f"where {id_} in (select id from mainspring.survivors); "
        f"drop table mainspring.{partition}; insert into mainspring.{table} select * from moved"
    )


def _milliseconds(age: timedelta | None) -> int | None:
    return None if age is None else round(age.total_seconds() * 1000)


def _duration(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)
