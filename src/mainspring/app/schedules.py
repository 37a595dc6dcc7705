"""The schedules of an app: what they will do, what they have done, and what operators want of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mainspring.app.definitions import Definitions
from mainspring.app.enqueuer import Enqueuer
from mainspring.app.opening import Opened, Opening
from mainspring.core.access import EVERYTHING
from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import InvalidParams, UnknownSchedule
from mainspring.core.handle import RunHandle
from mainspring.core.run import Added
from mainspring.core.schedule import Schedule, parse_schedule
from mainspring.core.schedule_record import ScheduleRecord

if TYPE_CHECKING:
    from mainspring.core.pauses import Pause
    from mainspring.core.preview import Upcoming
    from mainspring.core.run import Run

MOST_NOTICES = 1000  # of one schedule, that its pauses are looked for in


class Schedules:
    """Reaches every node by the store: what is changed here holds everywhere at once.

    A schedule is named as its task, unless its definition gives it a name. One that only this code knows, because no node has been started
    with it yet, is listed as well; the first verb that changes it writes it down. Raises `UnknownSchedule` with the names that come close.
    """

    def __init__(self, opening: Opening, definitions: Definitions, enqueuer: Enqueuer) -> None:
        self._opening, self._definitions, self._enqueuer = opening, definitions, enqueuer
        self._unwritten: tuple[int, frozenset[str]] | None = None

    # -- looking

    @property
    def in_code(self) -> Mapping[str, tuple[str, Schedule]]:
        """The schedules that the code here declares, by name: the task and the definition of each."""
        from mainspring.engine.scheduler import schedules_among

        return schedules_among({task.name: task for task in self._definitions.registry})

    async def list(
        self, *, task: str | None = None, tenant: str | None = None, after: tuple[str, str] = ("", ""), n: int = 1000
    ) -> Sequence[ScheduleRecord]:  # fmt: skip
        """Return schedules in the order of their names (and tenants), past one."""
        store = (await self._opening.opened()).store.schedules
        rows = await store.list(task=task, tenant=tenant, after=after, n=n)
        told = {name: said for name, said in self.in_code.items() if task in (None, said[0])} if tenant in (None, "") else {}
        known = await store.named(sorted(told)) if told else {}
        now = (await store.look()).now
        new = [_not_yet(name, *said, now) for name, said in told.items() if name not in known and (name, "") > after]
        return sorted([*rows, *new], key=lambda record: (record.name, record.tenant))[:n]

    async def unwritten(self) -> Sequence[ScheduleRecord]:
        """Return the schedules that only this code knows, because no node has been started with it yet, in the order of their names.

        Who has a row is asked once: of the others, only those that had none then are looked for again.
        """
        store, told = (await self._opening.opened()).store.schedules, self.in_code
        names = set(told) if self._unwritten is None or self._unwritten[0] != len(told) else set(self._unwritten[1])
        missing = frozenset(names - (await store.named(sorted(names))).keys()) if names else frozenset[str]()
        self._unwritten = (len(told), missing)
        now = (await store.look()).now if missing else None
        return [_not_yet(name, *told[name], now) for name in sorted(missing) if now is not None]

    async def get(self, name: str, *, tenant: str = "") -> ScheduleRecord:
        """Return a schedule: what holds (``effective``), what the code says, whether they differ (``drift``), and how far it has come."""
        store = (await self._opening.opened()).store.schedules
        try:
            return await store.get(name, tenant)
        except UnknownSchedule:
            if tenant or (said := self.in_code.get(name)) is None:
                raise await self._unknown(name) from None
            return _not_yet(name, *said, (await store.look()).now)

    async def preview(
        self, name: str, n: int = 5, *, zone: str = "UTC", after: datetime | None = None, tenant: str = ""
    ) -> tuple[Upcoming, ...]:  # fmt: skip
        """Return the next slots past a moment (now), in the schedule's zone and in a reader's, with the oddities of clocks marked.

        They are what the definition names, also while the schedule is paused or off.
        """
        from mainspring.core.preview import preview

        record = await self.get(name, tenant=tenant)
        moment = (await (await self._opening.opened()).store.schedules.look()).now if after is None else after
        return preview(record.effective, n, moment, zone, name)

    async def history(self, name: str, *, n: int = 50, before: str | None = None, tenant: str = "") -> Sequence[Run]:
        """Return the schedule's runs, newest first, below an id; slots without a run are skipped runs, whose reason says why."""
        from mainspring.core.run_filter import RunFilter

        record = await self.get(name, tenant=tenant)
        if not record.id:
            return []
        runs = (await self._opening.opened()).store.runs
        ids = await runs.lists.ids(RunFilter(schedule_id=record.id), scope=EVERYTHING, start=before, n=n)
        return sorted((run for run, _ in await runs.get_with_claim(ids, scope=EVERYTHING)), key=lambda run: run.id, reverse=True)

    async def pauses(self, name: str) -> Sequence[Pause]:
        """Return the spans in which it was or is paused, the oldest first, as far back as notices are kept."""
        from mainspring.core.pauses import TELLING, pauses

        store = (await self._opening.opened()).store
        found = [each for kind in TELLING for each in await store.notices.list(object_=f"schedule:{name}", kind=kind, n=MOST_NOTICES)]
        return pauses(found, (await store.schedules.look()).now)

    # -- what people want

    async def pause(
        self, name: str, *, until: datetime | Duration | None = None, reason: str | None = None, tenant: str = "", actor: str | None = None
    ) -> ScheduleRecord:  # fmt: skip
        """Let nothing fire until `resume`, or until a time (or for so long). The misfire policy then says what becomes of the slots."""
        held = await self._written(name, tenant)
        if until is not None and not isinstance(until, datetime):
            until = (await held.store.schedules.look()).now + parse_duration(until, "until")
        return await self._told(held, await held.store.schedules.pause(name, until=until, reason=reason, tenant=tenant, actor=actor))

    async def resume(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """End a pause; raises `Conflict` where there is none."""
        held = await self._written(name, tenant)
        return await self._told(held, await held.store.schedules.resume(name, tenant=tenant, actor=actor))

    async def skip(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Leave the next slot out: it gets a record, and no run. Raises `Conflict` where none is to come."""
        held = await self._written(name, tenant)
        return await self._told(held, await held.store.schedules.skip(name, tenant=tenant, actor=actor))

    async def unskip(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Take `skip` back."""
        held = await self._written(name, tenant)
        return await self._told(held, await held.store.schedules.unskip(name, tenant=tenant, actor=actor))

    async def run_now(self, name: str, *, tenant: str = "", actor: str | None = None) -> RunHandle[Any]:
        """Add one run with the schedule's parameters, at once and for no slot; what is due next stays as it is.

        Raises what an enqueue of its task does, `TaskDisabled` for one. The task's overlap policy holds for this run as for any other.
        """
        held = await self._written(name, tenant)
        record = await held.store.schedules.get(name, tenant)
        task = self._definitions.registry.get(record.task)
        await self._enqueuer.opened_for(task)
        run = await self._enqueuer.checked(self._enqueuer.scheduled(record, None), task)
        added = await held.store.schedules.run_now(name, lambda record, slot: run, tenant=tenant, actor=actor)
        self._enqueuer.hint(held, added)
        return self._enqueuer.handle(Added(added.id, True), task)

    async def backfill(
        self, name: str, since: datetime, until: datetime, *, most: int = 1000, tenant: str = "", actor: str | None = None
    ) -> Sequence[RunHandle[Any]]:  # fmt: skip
        """Add a run for each slot of a span of the past that has none yet, the oldest first; those that only were missed count as none.

        Where the task's overlap policy would skip them, they wait for each other instead. Raises `ConfigurationError` for more than
        ``most`` slots, and for a span that is not over; then nothing is added.
        """
        held = await self._written(name, tenant)
        record = await held.store.schedules.get(name, tenant)
        task = self._definitions.registry.get(record.task)
        await self._enqueuer.opened_for(task)
        make_run = self._enqueuer.scheduled
        added = await held.store.schedules.backfill(name, since, until, make_run, most=most, tenant=tenant, actor=actor)
        if added:
            self._enqueuer.hint(held, added[0])  # they all go the same way
        return [self._enqueuer.handle(Added(run.id, True), task) for run in added]

    async def edit(
        self, name: str, schedule: Schedule | str, *, tenant: str = "", actor: str | None = None, version: int | None = None
    ) -> ScheduleRecord:  # fmt: skip
        """Let another definition hold from now on, over what the code says and its later versions, until `reset`.

        ``schedule`` is a whole one (``(await app.schedules.get(name)).effective.with_changes(tz="UTC")``) or what `parse_schedule` reads.
        Runs that go on are not touched; slots that were due before are accounted for by the old definition. Raises `InvalidParams` where
        its parameters do not fit the task, and `VersionConflict` where ``version`` is given and is no longer the record's.
        """
        held = await self._written(name, tenant)
        record = await held.store.schedules.get(name, tenant)
        wanted = parse_schedule(schedule) if isinstance(schedule, str) else schedule
        if record.problem is None and wanted.name is None and record.effective.name is not None:
            wanted = wanted.with_changes(name=record.effective.name)
        self._check_params(record.task, wanted, is_demanded=False)
        store = held.store.schedules
        expected = 1 if version == 0 else version  # it was shown before anybody had written it down, which has just been done
        make_run = self._enqueuer.scheduled
        return await self._told(held, await store.override(name, wanted, make_run, tenant=tenant, actor=actor, version=expected))

    async def reset(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Go back to what the code says, its on and off as well. Raises `Conflict` for a schedule that no code declares."""
        held = await self._written(name, tenant)
        return await self._told(held, await held.store.schedules.reset(name, self._enqueuer.scheduled, tenant=tenant, actor=actor))

    async def enable(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Switch it on, whatever its definition says. What passed while it was off is not made up for."""
        return await self._switch(name, True, tenant, actor)

    async def disable(self, name: str, *, tenant: str = "", actor: str | None = None) -> ScheduleRecord:
        """Switch it off: times that pass are no slots. To have them made up for later, `pause` it."""
        return await self._switch(name, False, tenant, actor)

    async def create(
        self, name: str, task: str, schedule: Schedule | str, *, tenant: str = "", actor: str | None = None, owner: str | None = None
    ) -> ScheduleRecord:  # fmt: skip
        """Add a schedule of a task that no code declares; its runs have the rights of its ``owner`` (None: of the host).

        Raises `Conflict` where the name is taken, `UnknownTask`, `InvalidParams`."""
        held = await self._opening.opened()
        self._definitions.registry.get(task)
        wanted = parse_schedule(schedule, name=name) if isinstance(schedule, str) else schedule.with_changes(name=name)
        self._check_params(task, wanted, is_demanded=True)
        if not tenant and name in self.in_code:
            await self._written(name, tenant)  # so that the name is taken, and stays so
        return await self._told(held, await held.store.schedules.create(name, task, wanted, tenant=tenant, actor=actor, owner=owner))

    async def delete(self, name: str, *, tenant: str = "", actor: str | None = None) -> None:
        """Forget a schedule that an operator has made, or whose code is gone; its runs stay. Raises `Conflict` for one of living code."""
        held = await self._written(name, tenant)
        await held.store.schedules.delete(name, tenant=tenant, actor=actor)
        self._unwritten = None
        await held.bus.scheduled()

    # -- inside

    async def _switch(self, name: str, is_enabled: bool, tenant: str, actor: str | None) -> ScheduleRecord:
        held = await self._written(name, tenant)
        store = held.store.schedules
        return await self._told(held, await store.enable(name, is_enabled, self._enqueuer.scheduled, tenant=tenant, actor=actor))

    async def _written(self, name: str, tenant: str) -> Opened:
        """Return what is open, once the schedule has a row."""
        held = await self._opening.opened()
        if name not in await held.store.schedules.named([name], tenant):
            if tenant or (said := self.in_code.get(name)) is None:
                raise await self._unknown(name)
            await held.store.schedules.declare({name: said}, self._enqueuer.scheduled)
        return held

    async def _told(self, held: Opened, record: ScheduleRecord) -> ScheduleRecord:
        """Let schedulers look at once, and return the record."""
        await held.bus.scheduled()
        return record

    def _check_params(self, task: str, schedule: Schedule, *, is_demanded: bool) -> None:
        registry = self._definitions.registry
        if not is_demanded and task not in registry:
            return
        try:
            registry.get(task).params.dump_json_text(schedule.params_json)
        except InvalidParams as error:
            raise InvalidParams(f"the schedule cannot call {task!r} with its parameters", error.problems) from None

    async def _unknown(self, name: str) -> UnknownSchedule:
        known = {record.name for record in await self.list(n=10_000)}
        near = difflib.get_close_matches(name, known, n=2)
        guess = (
            f", did you mean {' or '.join(repr(each) for each in near)}?" if near else ": 'mainspring schedules' lists those that there are"
        )
        return UnknownSchedule(f"there is no schedule named {name!r}{guess}")


def _not_yet(name: str, task: str, schedule: Schedule, now: datetime) -> ScheduleRecord:
    """Return the record that a schedule of the code will have once somebody writes it down; its id is 0."""
    next_slot = schedule.next_slot(now)
    nothing: dict[str, Any] = dict.fromkeys(_UNKNOWN)
    return ScheduleRecord(
        id=0, name=name, tenant="", task=task, code=schedule, code_digest=schedule.digest, cursor_at=now, next_slot=next_slot,
        next_at=None if next_slot is None or not schedule.is_enabled else schedule.due_at(next_slot, name), version=0, created_at=now,
        changed_at=now, **nothing,
    )  # fmt: skip


_UNKNOWN = (
    "code_seen_at", "override", "is_enabled", "fired_at", "last_slot", "last_run_id", "looked_at", "skip_slot", "paused_at", "paused_by",
    "pause_reason", "paused_until", "resumed_at", "asked_slot", "asked_until", "unknown_at", "orphaned_at", "created_by", "changed_by",
)  # fmt: skip
