"""Schedules in the store: their rows, the slots that are accounted for, and what people change.

A slot is accounted for by moving the row's cursor, together with what becomes of the slot (a run, or the record of a skipped one), in one
statement that demands the row to be as it was read. Any number of schedulers may try: one of them writes, the others change nothing. So
there is no leader, nothing to hand over, and a crash at any point leaves a slot either whole or still to be done.

A change of what holds (another expression, switched on or off) accounts for the old definition's slots first, in the same statement.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from mainspring.core.access import Scope
from mainspring.core.errors import ConfigurationError, Conflict, MainspringError, UnknownSchedule, VersionConflict
from mainspring.core.firing import Firing, SlotReason, Unfired, account
from mainspring.core.ids import IdMaker
from mainspring.core.notice import Severity
from mainspring.core.overlap import MOST as MOST_WAITING
from mainspring.core.overlap import Overlap, Policy
from mainspring.core.run import NewRun
from mainspring.core.schedule import Schedule, ScheduleKind
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.beside import write_beside
from mainspring.store.database import Database, Record, seen_by, sure
from mainspring.store.modes import is_maintenance
from mainspring.store.notices import NoticeStore
from mainspring.store.runs import RunStore

TOLERANCE = timedelta(seconds=60)  # how late the newest slot is still on time, for those who do not look every so often
TRIES = 20  # of a person's change against schedulers that account for slots meanwhile
MOST_BACKFILLED = 1000
_INSTANT = timedelta(microseconds=1)

MakeRun = Callable[[ScheduleRecord, datetime | None], NewRun]
"""Makes the run of a schedule's slot (None: of no slot), with everything that the task's definition says. Raises `MainspringError`."""


@dataclass(frozen=True, slots=True)
class Look:
    """The database's clock, when the next schedule is due, and whether the fleet is under maintenance.

    ``soon``: how many are due in a while, counted up to a bound.
    """

    now: datetime
    next_at: datetime | None
    is_maintenance: bool
    soon: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is ready to be written about the slots of some schedules: the values of the query, and what they stand for."""

    values: Mapping[str, Any]
    runs: tuple[NewRun, ...]
    unfired: tuple[tuple[Firing, Unfired], ...]
    refused: tuple[tuple[ScheduleRecord, str], ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """What was written: the schedules that nobody else was faster with, the runs that were added, and the slots without a run.

    ``refused`` are those for which no run could be made, each with why.
    """

    won: frozenset[int]
    runs: tuple[NewRun, ...] = ()
    unfired: tuple[tuple[Firing, Unfired], ...] = ()
    refused: tuple[tuple[ScheduleRecord, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """What became of the schedules of some code: those that are new, those that are different now, and the runs of slots due before."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    runs: tuple[NewRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """One run of a schedule, as a strip shows it."""

    id: str
    state: RunState
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What a look at who knows what has changed: the schedules that are out of use now, and those that are in use again.

    ``is_waiting``: some are unknown, but not for long enough yet.
    """

    orphaned: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class _Definition:
    """What a row says that people and code can change."""

    task: str
    code: Schedule | None
    override: Schedule | None
    is_enabled: bool | None

    @property
    def effective(self) -> Schedule | None:
        return self.override or self.code

    @property
    def is_on(self) -> bool:
        held = self.effective
        return held is not None and (held.is_enabled if self.is_enabled is None else self.is_enabled)


class ScheduleStore:
    """Looking, firing, declaring, and what operators do."""

    def __init__(self, database: Database, runs: RunStore, notices: NoticeStore, shard: int = 0) -> None:
        self._database, self._runs, self._notices, self._shard = database, runs, notices, shard
        self._ids = IdMaker()

    # -- what schedulers do

    async def look(self, others: Sequence[int] = (), *, ahead: timedelta = timedelta(0), bound: int = 1) -> Look:
        """Return the clock, when the next schedule is due, and how many are within ``ahead`` (counted up to ``bound``).

        ``others`` are ids that this node has no code for.
        """
        [row] = await self._database.read(
            "schedules_look", others=self._database.to_list(list(others)), ahead_ms=ahead.total_seconds() * 1000, bound=bound
        )
        time_of = self._database.from_time
        value = None if row["maintenance"] is None else json.loads(row["maintenance"])
        return Look(sure(time_of(row["now"])), time_of(row["next_at"]), is_maintenance(value), int(row["soon"]))

    async def due(self, until: datetime, others: Sequence[int] = (), n: int = 500) -> list[ScheduleRecord]:
        """Return schedules that are due up to a time, the longest due first."""
        values = {"until": self._database.to_time(until), "others": self._database.to_list(list(others)), "n": n}
        return [self._record(row) for row in await self._database.read("schedules_due", **values)]

    async def fire(self, firings: Sequence[Firing], make_run: MakeRun, *, origin: str = "schedule") -> Fired:
        """Write down what looks came to, as far as nobody else was faster: cursors, runs, and the records of slots without one."""
        return await self.commit(await self.prepare(firings, make_run, origin=origin))

    async def prepare(self, firings: Sequence[Firing], make_run: MakeRun, *, origin: str = "schedule") -> Prepared:
        """Make ready what `commit` will write, so that in the moment of the slots nothing else is left to do."""
        return await self._prepare([(firing, None) for firing in firings], make_run, origin, None)

    async def commit(self, prepared: Prepared) -> Fired:
        """Write what was prepared. A schedule that was changed meanwhile, or that somebody else has seen to, is left out."""
        rows = await self._database.write("schedules_fire", **prepared.values)
        won = frozenset(int(id_) for what, id_ in rows if what == "schedule")
        added = {id_ for what, id_ in rows if what == "run"}
        return Fired(
            won,
            tuple(run for run in prepared.runs if run.id in added),
            tuple((firing, each) for firing, each in prepared.unfired if firing.record.id in won),
            tuple((record, why) for record, why in prepared.refused if record.id in won),
        )

    async def answer(self, record: ScheduleRecord, slot: datetime, make_run: MakeRun | None, *, origin: str = "schedule") -> Fired:
        """Write down what a predicate has said about a slot: with ``make_run`` a run is added. Nothing where the question is void."""
        firing = Firing(record, record.cursor_at, None, None, fires=() if make_run is None else (slot,), drops_question=True)
        return await self.commit(await self._prepare([(firing, None)], make_run or _no_run, origin, None, answers=slot))

    async def _prepare(
        self, changes: Sequence[tuple[Firing, _Definition | None]], make_run: MakeRun, origin: str, by: str | None, *,
        answers: datetime | None = None,
    ) -> Prepared:  # fmt: skip
        time_of = self._database.to_time
        batch: list[dict[str, Any]] = []
        runs: list[NewRun] = []
        unfired: list[tuple[Firing, Unfired]] = []
        refused: list[tuple[ScheduleRecord, str]] = []
        for firing, definition in changes:
            record = firing.record
            last: NewRun | None = None
            told = list(firing.unfired)
            for slot in firing.fires:
                try:
                    last = replace(make_run(record, slot), schedule_id=record.id, slot_at=slot, origin=origin, run_at=_due(record, slot))
                except MainspringError as error:
                    told.append(Unfired(slot, SlotReason.REFUSED, {"why": str(error)}))
                    refused.append((record, str(error)))
                else:
                    runs.append(last if len(firing.fires) == 1 else _patient(last))
            unfired += [(firing, each) for each in told]
            said: dict[str, Any] = {
                "id": record.id, "version": record.version, "was": time_of(record.cursor_at),
                "cursor": None if answers is not None else time_of(firing.cursor),
                "next_slot": time_of(firing.next_slot), "next_at": time_of(firing.next_at), "answers": time_of(answers),
                "asks": time_of(firing.asks), "asked_until": time_of(firing.asked_until), "drops": firing.drops_question or None,
                "asked": time_of(record.asked_slot) if firing.drops_question and answers is None else None,
                "ends_pause": firing.ends_pause or None, "ends_skip": firing.ends_skip or None,
            }  # fmt: skip
            if last is not None:
                said |= {"last_slot": time_of(last.slot_at), "run": last.id}
            if definition is not None:
                said |= {"changes": True, "by": by} | _columns(definition)
            batch.append({key: value for key, value in said.items() if value is not None})
        if any(run.beside is not None for run in runs):
            runs = await write_beside(self._runs.files, self._runs.search, runs)
        now_ms = time.time_ns() // 1_000_000
        records = [
            {
                "schedule": firing.record.id, "slot_at": time_of(each.slot), "id": self._ids.make(now_ms), "reason": str(each.reason),
                "params": _params_of(firing.record), "meta": None if each.meta is None else json.dumps(dict(each.meta), ensure_ascii=False),
            }
            for firing, each in unfired
        ]  # fmt: skip
        values = {
            "batch": json.dumps(sorted(batch, key=_by_id)), "records": json.dumps(records), "shard": self._shard, "origin": origin,
        } | self._dump(runs)  # fmt: skip
        return Prepared(values, tuple(runs), tuple(unfired), tuple(refused))

    def _dump(self, runs: Sequence[NewRun]) -> dict[str, str]:
        """Return runs as values of a query: what many have in common is said once."""
        shapes: dict[tuple[Any, ...], int] = {}
        said: list[dict[str, Any]] = []
        rows: list[list[Any]] = []
        for run in runs:
            values = self._runs.many_values(run)
            id_, run_at, slot_at, schedule = values.pop("id"), values.pop("run_at"), values.pop("slot_at"), values.pop("schedule_id")
            shape = tuple(values.values())
            if (place := shapes.get(shape)) is None:
                place = shapes[shape] = len(said)
                said.append({"shape": place} | values)
            rows.append([schedule, slot_at, id_, run_at, place])
        return {"runs": json.dumps(rows), "shapes": json.dumps(said, ensure_ascii=False)}

    # -- what code says

    async def declare(
        self, said: Mapping[str, tuple[str, Schedule]], make_run: MakeRun, *, by: str | None = None, origin: str = "schedule"
    ) -> Declared:
        """Write down the schedules of this node's code, by name: the task of each and its definition.

        New ones count from now. Of one that is different, the slots that were due before fire first, then the new one counts from now; what
        an operator has set stays. Rows that are not named are not touched.
        """
        if not said:
            return Declared()
        look = await self.look()
        rows = await self._database.read("schedules_named", tenant="", names=self._database.to_list(sorted(said)))
        known = {record.name: record for record in map(self._record, rows)}
        new = [
            {"name": name, "task": task, "code": _text(schedule), "digest": schedule.digest} | self._begin(name, schedule, look.now)
            for name, (task, schedule) in sorted(said.items())
            if name not in known
        ]
        added = await self._database.write(
            "schedules_declare", batch=json.dumps(new), seen=self._database.to_list(sorted(known)),
            cursor=self._database.to_time(look.now), by=by,
        )  # fmt: skip
        changed: list[str] = []
        runs: list[NewRun] = []
        for name, record in sorted(known.items()):
            task, schedule = said[name]
            if record.code_digest != schedule.digest or record.task != task:
                done, fired = await self._change(name, "", make_run, origin=origin, by=by, task=task, code=schedule)
                runs += fired
                if done:
                    changed.append(name)
                    await self._notices.add(
                        f"schedule:{name}", "definition_changed", data={"by": by, "is_overridden": record.override is not None},
                    )  # fmt: skip
        return Declared(tuple(row[0] for row in added), tuple(changed), tuple(runs))

    def _begin(self, name: str, schedule: Schedule, now: datetime) -> dict[str, Any]:
        next_slot, next_at = _next(name, schedule, now, is_on=schedule.is_enabled)
        return {"next_slot": self._database.to_time(next_slot), "next_at": self._database.to_time(next_at)}

    async def mark_unknown(self, names: Collection[str], tasks: Collection[str], after: timedelta) -> Known:
        """Say which schedules (by name, where code declares them) and tasks living nodes know.

        What none of them has known for so long is due no more; what one knows again is.
        """
        rows = await self._database.write(
            "schedules_mark_unknown", names=self._database.to_list(sorted(names)), tasks=self._database.to_list(sorted(tasks)),
            after_ms=after.total_seconds() * 1000,
        )  # fmt: skip
        return Known(
            orphaned=tuple(sorted(name for name, is_known, _, is_orphaned in rows if not is_known and is_orphaned)),
            back=tuple(sorted(name for name, is_known, was_orphaned, _ in rows if is_known and was_orphaned)),
            is_waiting=any(not is_known and not is_orphaned for _, is_known, _, is_orphaned in rows),
        )

    # -- what operators say

    async def create(
        self, name: str, task: str, schedule: Schedule, *, tenant: str = "", actor: str | None = None, owner: str | None = None
    ) -> ScheduleRecord:  # fmt: skip
        """Add a schedule that no code knows; raises `Conflict` where the name is taken."""
        now = (await self.look()).now
        rows = await self._database.write(
            "schedules_create", tenant=tenant, name=name, task=task, override=_text(schedule), cursor=self._database.to_time(now),
            by=actor, owner=owner, **self._begin(name, schedule, now),
        )  # fmt: skip
        if not rows:
            raise Conflict(f"there is a schedule named {name!r} already: choose another name, or edit that one")
        await self._tell(name, "created", actor)
        return await self.get(name, tenant)

    async def delete(self, name: str, *, tenant: str = "", actor: str | None = None) -> None:
        """Forget a schedule that an operator has made; its runs stay. Raises `Conflict` for one that the code of a living node declares."""
        for _ in range(TRIES):
            record = await self.get(name, tenant)
            if record.code is not None and record.orphaned_at is None:
                raise Conflict(f"the schedule {name!r} is declared in code and would come back: disable it, or take it out of the code")
            if await self._database.write("schedules_delete", id=record.id, version=record.version):
                await self._tell(name, "deleted", actor)
                return
        raise _busy(name)

    async def override(
        self, name: str, schedule: Schedule, make_run: MakeRun | None = None, *, tenant: str = "", actor: str | None = None,
        version: int | None = None,
    ) -> ScheduleRecord:  # fmt: skip
        """Let another definition hold from now on, whatever the code says; slots that were due before are accounted for by the old one.

        Runs that go on are not touched. ``make_run`` makes the runs of slots that are due in this very moment; without it they are recorded
        as refused. Raises `VersionConflict` where ``version`` is given and somebody has changed the record since.
        """
        await self._change(name, tenant, make_run or _no_run, by=actor, version=version, override=schedule)
        await self._tell(name, "edited", actor)
        return await self.get(name, tenant)

    async def reset(self, name: str, make_run: MakeRun | None = None, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Let the code's definition hold again; raises `Conflict` for a schedule without code."""
        record = await self.get(name, tenant)
        if record.code is None:
            raise Conflict(f"the schedule {name!r} was made by an operator: there is no code to go back to; edit or delete it")
        await self._change(name, tenant, make_run or _no_run, by=actor, override=None, is_enabled=None)
        await self._tell(name, "reset", actor)
        return await self.get(name, tenant)

    async def enable(
        self, name: str, is_enabled: bool, make_run: MakeRun | None = None, *, tenant: str = "", actor: str | None = None
    ) -> ScheduleRecord:  # fmt: skip
        """Switch a schedule on or off, whatever its definition says. Times that pass while it is off are no slots."""
        await self._change(name, tenant, make_run or _no_run, by=actor, is_enabled=is_enabled)
        await self._tell(name, "enabled" if is_enabled else "disabled", actor)
        return await self.get(name, tenant)

    async def pause(
        self, name: str, *, until: datetime | None = None, reason: str | None = None, tenant: str = "", actor: str | None = None
    ) -> ScheduleRecord:  # fmt: skip
        """Let nothing fire until somebody resumes, or until a time; what becomes of slots meanwhile is up to the misfire policy then.

        Pausing what is paused changes who, why and until when. Raises `ConfigurationError` for a time that is past.
        """
        now = (await self.look()).now
        if until is not None and until <= now:
            raise ConfigurationError(f"until={until.isoformat()} is past: it is {now.isoformat(timespec='seconds')}")
        await self._mark("schedules_pause", name, tenant, by=actor, reason=reason, until=self._database.to_time(until))
        await self._tell(name, "paused", actor, reason=reason, until=until)
        return await self.get(name, tenant)

    async def resume(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """End a pause; raises `Conflict` where there is none. Slots of the pause follow the misfire policy as soon as a node looks."""
        record = await self._mark("schedules_resume", name, tenant, by=actor, demands=_paused)
        await self._tell(name, "resumed", actor, since=record.paused_at)
        return await self.get(name, tenant)

    async def skip(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Leave the next slot out: it will have a record and no run. Raises `Conflict` where none is to come."""
        now = (await self.look()).now
        record = await self._mark("schedules_skip", name, tenant, by=actor, demands=_coming, slot_of=lambda each: _coming_slot(each, now))
        await self._tell(name, "skip_asked", actor, slot=_coming_slot(record, now))
        return await self.get(name, tenant)

    async def unskip(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Take back `skip`."""
        await self._mark("schedules_skip", name, tenant, by=actor, slot_of=lambda each: None)
        await self._tell(name, "skip_taken_back", actor)
        return await self.get(name, tenant)

    async def run_now(self, name: str, make_run: MakeRun, *, tenant: str = "", actor: str | None = None) -> NewRun:
        """Add one run with the schedule's parameters, for no slot; what is due next stays as it is."""
        record = await self.get(name, tenant)
        run = replace(make_run(record, None), schedule_id=record.id, origin="manual", actor=actor)
        added = await self._add(record, [run])
        if not added:
            raise Conflict(f"the run of {name!r} could not be added: {run.id} is taken")
        return added[0]

    async def backfill(
        self, name: str, since: datetime, until: datetime, make_run: MakeRun, *, most: int = MOST_BACKFILLED, tenant: str = "",
        actor: str | None = None,
    ) -> list[NewRun]:  # fmt: skip
        """Add runs for the slots of a span of the past (both ends belong to it) that have none, oldest first.

        A slot that was only skipped or missed counts as one without; one that is still to be accounted for (its jitter has not passed, or
        the schedule is paused) is left to the scheduler. Overlap: where the task's policy would skip or replace runs that
        come while another goes, these wait for each other instead. With ``replace`` a regular slot that comes meanwhile still takes the
        place of those that wait. Raises `ConfigurationError` for a span that reaches into the future or has more than ``most`` slots,
        before anything is written.
        """
        record = await self.get(name, tenant)
        now = (await self.look()).now
        if until > now:
            raise ConfigurationError(f"until={until.isoformat()} lies in the future: what is still to come fires by itself")
        if since > until:
            raise ConfigurationError(f"since={since.isoformat()} lies after until={until.isoformat()}: give the earlier time first")
        schedule = record.effective
        until = min(until, record.cursor_at)  # what is not accounted for yet may still fire by itself, and would run twice
        number = schedule.count_slots(since - _INSTANT, until)
        if number > most:
            span = f"from {since.isoformat()} to {until.isoformat()}"
            raise ConfigurationError(f"{name} has {number} slots {span}, and most={most}: take a shorter span")
        time_of = self._database.to_time
        rows = await self._database.read("schedules_taken", id=record.id, since=time_of(since), until=time_of(until))
        taken = {self._database.from_time(row["slot_at"]) for row in rows}
        slots = [slot for slot in schedule.slots_between(since - _INSTANT, until, most) if slot not in taken]
        runs = [
            replace(make_run(record, slot), schedule_id=record.id, slot_at=slot, origin="backfill", actor=actor) for slot in slots
        ]  # fmt: skip
        added = await self._add(record, [_patient(run) for run in runs])
        await self._tell(name, "backfilled", actor, since=since, until=until, runs=len(added))
        return added

    async def _add(self, record: ScheduleRecord, runs: Sequence[NewRun]) -> list[NewRun]:
        if not runs:
            return []
        if any(run.beside is not None for run in runs):
            runs = await write_beside(self._runs.files, self._runs.search, runs)
        rows = await self._database.write("schedules_add", id=record.id, **self._dump(runs))
        added = {row[0] for row in rows}
        return [run for run in runs if run.id in added]

    async def _mark(
        self, query: str, name: str, tenant: str, *, by: str | None, demands: Callable[[ScheduleRecord], None] = lambda record: None,
        slot_of: Callable[[ScheduleRecord], datetime | None] | None = None, **values: Any,
    ) -> ScheduleRecord:  # fmt: skip
        """Change a row if it is still as it was read; returns it as it was before."""
        for _ in range(TRIES):
            record = await self.get(name, tenant)
            demands(record)
            more = {} if slot_of is None else {"slot": self._database.to_time(slot_of(record))}
            if await self._database.write(query, id=record.id, version=record.version, by=by, **values, **more):
                return record
        raise _busy(name)

    async def _change(
        self, name: str, tenant: str, make_run: MakeRun, *, by: str | None, origin: str = "schedule", version: int | None = None,
        **fields: Any,
    ) -> tuple[bool, tuple[NewRun, ...]]:  # fmt: skip
        """Let another definition hold; slots that are due by the old one are accounted for with it.

        Answers whether anything had to change, and the runs of those slots.
        """
        for _ in range(TRIES):
            record = await self.get(name, tenant)
            if version is not None and record.version != version:
                raise VersionConflict(
                    f"the schedule {name!r} is at version {record.version} by now, and not at {version}: somebody else has changed it; "
                    "look at it again",
                    version=record.version,
                )
            now = (await self.look()).now
            old = _Definition(record.task, record.code, record.override, record.is_enabled)
            new = replace(old, **fields)
            if new == old and record.problem is None:
                return False, ()
            is_same = record.problem is None and (new.effective, new.is_on, new.task) == (old.effective, old.is_on, old.task)
            if is_same:  # what holds stays: nothing to account for
                firing = Firing(record, record.cursor_at, record.next_slot, record.next_at)
            else:
                firing = Firing(record, now, None, None) if record.problem is not None else account(record, now, TOLERANCE, is_last=True)
                firing = replace(firing, cursor=max(now, firing.cursor), asks=None)
                next_slot, next_at = _next(name, new.effective, firing.cursor, is_on=new.is_on)
                if record.is_paused and record.paused_at is not None:
                    next_at = record.paused_until if next_slot is not None else None
                firing = replace(firing, next_slot=next_slot, next_at=next_at)
            fired = await self.commit(await self._prepare([(firing, new)], make_run, origin, by))
            if fired.won:
                return True, fired.runs
        raise _busy(name)

    async def _tell(self, name: str, kind: str, actor: str | None, **data: Any) -> None:
        said = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in data.items() if value is not None}
        await self._notices.add(f"schedule:{name}", kind, Severity.INFO, {"by": actor, **said})

    # -- looking

    async def get(self, name: str, tenant: str = "") -> ScheduleRecord:
        """Return a schedule; raises `UnknownSchedule`."""
        rows = await self._database.read("schedules_named", tenant=tenant, names=self._database.to_list([name]))
        if not rows:
            raise UnknownSchedule(f"there is no schedule named {name!r}: 'mainspring schedules list' names them")
        return self._record(rows[0])

    async def named(self, names: Sequence[str], tenant: str = "") -> dict[str, ScheduleRecord]:
        """Return those that there are of some names, by name."""
        rows = await self._database.read("schedules_named", tenant=tenant, names=self._database.to_list(list(names)))
        return {record.name: record for record in map(self._record, rows)}

    async def list(
        self, *, task: str | None = None, tenant: str | None = None, after: tuple[str, str] = ("", ""), n: int = 100
    ) -> list[ScheduleRecord]:  # fmt: skip
        """Return schedules in the order of their names, past one (its name and tenant)."""
        rows = await self._database.read("schedules_list", task=task, tenant=tenant, after=after[0], after_tenant=after[1], n=n)
        return [self._record(row) for row in rows]

    async def find(
        self, *, scope: Scope, words: Sequence[str] = (), task: str | None = None, tenant: str | None = None,
        states: Sequence[str] | None = None, is_drifted: bool = False, sort: str = "name", past: tuple[int, str, str] | None = None,
        n: int = 100,
    ) -> Sequence[tuple[int, ScheduleRecord]]:  # fmt: skip
        """Return schedules that somebody looks for, each with its place in an order: ``name``, ``next`` (the soonest first) or ``last``.

        ``words`` are looked for in names and tasks, all of them; ``past`` is a place, name and tenant: the next page begins behind it.
        """
        place, after, after_tenant = past or (-(2**62), "", "")
        rows = await self._database.read(
            "schedules_find", states=self._database.to_list(None if states is None else list(states)), drifted=is_drifted, sort=sort,
            place=place, after=after, after_tenant=after_tenant, n=n, **self._wanted(scope, words, task, tenant),
        )  # fmt: skip
        return [(int(row["place"]), self._record(row)) for row in rows]

    async def states(
        self, *, scope: Scope, words: Sequence[str] = (), task: str | None = None, tenant: str | None = None, late: timedelta = TOLERANCE
    ) -> dict[str, int]:  # fmt: skip
        """Return how many of those schedules are in each state; ``late`` and ``drifted`` count those besides."""
        rows = await self._database.read(
            "schedules_states", late_ms=late.total_seconds() * 1000, **self._wanted(scope, words, task, tenant)
        )
        found = {str(row["word"]): int(row["n"]) for row in rows}
        return found | {key: sum(int(row[key] or 0) for row in rows) for key in ("late", "drifted")}

    def _wanted(self, scope: Scope, words: Sequence[str], task: str | None, tenant: str | None) -> dict[str, Any]:
        seen = seen_by(self._database, scope)
        only = {key: seen[key] for key in ("tenants", "owner", "hidden")}
        return {"words": self._database.to_list([word.lower() for word in words]), "task": task, "tenant": tenant} | only

    async def strips(self, ids: Sequence[int], *, scope: Scope, n: int = 60) -> dict[int, Sequence[Strip]]:
        """Return the latest runs of some schedules by the schedule's id, the oldest first; slots without a run are skipped ones."""
        if not ids:
            return {}
        rows = await self._database.read("schedules_strips", ids=self._database.to_list(list(ids)), n=n, **seen_by(self._database, scope))
        found: dict[int, list[Strip]] = {}
        for row in rows:
            one = Strip(str(row["id"]), codes.STATE_OF[row["state"]], row["reason"], sure(self._database.from_time(row["at"])))
            found.setdefault(int(row["schedule_id"]), []).append(one)
        return {id_: runs[-n:] for id_, runs in found.items()}

    async def told(self, schedule_id: int, lowest: str, highest: str) -> dict[str, Mapping[str, Any]]:
        """Return what is told of slots without a run beside their reason (``slots``, ``from``, ``until``, ``why``), by ids of records."""
        rows = await self._database.read("schedules_metas", id=schedule_id, lowest=lowest, highest=highest)
        return {row["id"]: json.loads(row["meta"]) for row in rows}

    def _record(self, row: Record) -> ScheduleRecord:
        time_of = self._database.from_time
        problem = None
        code = override = None
        try:
            code, override = _loaded(row["code"]), _loaded(row["override"])
        except (ConfigurationError, ValueError, TypeError, LookupError) as error:
            problem = str(error)
        times = {key: time_of(row[key]) for key in _TIMES}
        return ScheduleRecord(
            id=int(row["id"]), name=row["name"], tenant=row["tenant"], task=row["task"], code=code, code_digest=row["code_digest"],
            override=override, is_enabled=None if row["is_enabled"] is None else bool(row["is_enabled"]),
            cursor_at=sure(time_of(row["cursor_at"])), last_run_id=row["last_run_id"], paused_by=row["paused_by"],
            pause_reason=row["pause_reason"], version=int(row["version"]), created_at=sure(time_of(row["created_at"])),
            created_by=row["created_by"], changed_at=sure(time_of(row["changed_at"])), changed_by=row["changed_by"], problem=problem,
            owner=row["owner"], **times,
        )  # fmt: skip


_TIMES = (
    "code_seen_at", "next_slot", "next_at", "fired_at", "last_slot", "looked_at", "skip_slot", "paused_at", "paused_until", "resumed_at",
    "asked_slot", "asked_until", "unknown_at", "orphaned_at",
)  # fmt: skip


@lru_cache(maxsize=20_000)
def _load(text: str) -> Schedule:
    return Schedule.load(json.loads(text))


def _loaded(text: str | None) -> Schedule | None:
    return None if text is None else _load(text)


def _text(schedule: Schedule) -> str:
    return json.dumps(schedule.dump(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _columns(definition: _Definition) -> dict[str, Any]:
    code, override = definition.code, definition.override
    return {
        "task": definition.task, "code": None if code is None else _text(code), "digest": None if code is None else code.digest,
        "override": None if override is None else _text(override), "is_enabled": definition.is_enabled,
    }  # fmt: skip


def _next(name: str, schedule: Schedule | None, now: datetime, *, is_on: bool) -> tuple[datetime | None, datetime | None]:
    """Return the first slot past a moment, and when somebody is to look."""
    if schedule is None or schedule.kind is ScheduleKind.MANUAL:
        return None, None
    next_slot = schedule.next_slot(now)
    return next_slot, schedule.due_at(next_slot, name) if is_on and next_slot is not None else None


def _due(record: ScheduleRecord, slot: datetime) -> datetime:
    return record.effective.due_at(slot, record.name)


def _params_of(record: ScheduleRecord) -> str:
    return "{}" if record.problem is not None else record.effective.params_json


def _patient(run: NewRun) -> NewRun:
    """Return one of several runs that are made up for together: it waits for its turn where it would be skipped, or push others out."""
    if run.overlap is None or not run.is_asked or run.overlap.policy is Policy.ALLOW:
        return run
    return replace(run, overlap=Overlap(Policy.QUEUE, most=MOST_WAITING))


def _no_run(record: ScheduleRecord, slot: datetime | None) -> NewRun:
    raise Conflict(f"the schedule {record.name} was changed in the moment when the slot was due, where the code of {record.task} is not")


def _paused(record: ScheduleRecord) -> None:
    if not record.is_paused:
        raise Conflict(f"the schedule {record.name!r} is not paused: there is nothing to resume")


def _coming(record: ScheduleRecord) -> None:
    if record.next_slot is None:
        raise Conflict(f"the schedule {record.name!r} has no slot to come ({record.state}): there is nothing to skip")


def _coming_slot(record: ScheduleRecord, now: datetime) -> datetime | None:
    """Return the slot that fires next: of a paused one, the first that is still to come."""
    return record.effective.next_slot(max(now, record.cursor_at)) if record.is_paused else record.next_slot


def _busy(name: str) -> Conflict:
    return Conflict(f"the schedule {name!r} is being written all the time: ask again")


def _by_id(row: Mapping[str, Any]) -> int:
    return int(row["id"])
