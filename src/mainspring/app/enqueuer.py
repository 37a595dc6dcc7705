"""From a call to a run: parameters checked, policies resolved to plain values, switches asked, and one row added."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from mainspring.app.definitions import Definitions
from mainspring.app.opening import Opened, Opening
from mainspring.core import active
from mainspring.core.context import current_run
from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.dependency import dump_dependencies
from mainspring.core.errors import AlreadyEnqueued, MainspringError, QuotaExceeded, StoreUnavailable, TenantClosed
from mainspring.core.handle import Follower, RunHandle
from mainspring.core.ids import IdMaker
from mainspring.core.limit import own_key, queue_key
from mainspring.core.overlap import SKIP, overlap_key
from mainspring.core.run import LOCALE, Added, Beside, ClaimedRun, NewRun
from mainspring.core.service import not_enqueued
from mainspring.core.state import RunState
from mainspring.core.task import EXPENSIVE_QUEUE, Bound, CallOptions, Task
from mainspring.core.tenant import Standing, TenantState
from mainspring.engine import carry
from mainspring.engine.again import insist
from mainspring.engine.faults import FAULT
from mainspring.telemetry.tracing import marked, submitting

if TYPE_CHECKING:
    from mainspring.config import Settings
    from mainspring.core.schedule_record import ScheduleRecord
    from mainspring.engine.pools import EnqueueReply, EnqueueRequest
    from mainspring.store.caller import Caller
    from mainspring.store.runs import Lane
    from mainspring.store.store import Store

R = TypeVar("R")

_NOTHING = CallOptions()


class Enqueuer:
    """Adds runs for one app, whose handles follow them: of this process, of a caller's transaction, of a body in a child."""

    def __init__(self, app: Follower, settings: Settings, definitions: Definitions, opening: Opening, ids: IdMaker) -> None:
        self._app, self.settings, self._definitions, self._opening, self.ids = app, settings, definitions, opening, ids

    async def enqueue(self, task: Task[..., R] | Bound[..., R], args: Sequence[object], kwargs: Mapping[str, object]) -> RunHandle[R]:
        """Add a run, on the caller's connection where one was given; see `Mainspring.enqueue`."""
        if (connection := connection_of(task)) is not None:
            run, definition = self.prepare_within(task, args, kwargs)
            run = await self.checked(run, definition)
            [added] = await self._add_within([run], definition, connection)
            added = accepted(run, added)
        else:
            run, definition = self.prepare(task, args, kwargs)
            added = await self.add(run, definition)
        return self.handle(added, definition)

    async def enqueue_many(self, task: Task[..., R] | Bound[..., R], given: Sequence[Mapping[str, Any]]) -> list[RunHandle[R]]:
        """Add many runs; see `Mainspring.enqueue_many`."""
        if (connection := connection_of(task)) is not None:
            prepared = [self.prepare_within(task, (), each) for each in given]
            definition = prepared[0][1]
            added = await self._add_within([await self.checked(run, definition) for run, _ in prepared], definition, connection)
            return [self.handle(each, definition) for each in added]
        first, definition = self.prepare(task, (), given[0])
        held = await self.opened_for(definition)
        first = self.gated(first)
        if first.tenant:
            await self.admit(held, first, len(given))
        make_id, now = self.ids.make, time.time_ns() // 1_000_000
        runs: Sequence[NewRun] = ()
        is_plain = first.is_plain and definition.hooks.validate is None and definition.params.marks.is_plain
        texts = [definition.params.dump((), each) for each in given[1:]] if is_plain else []
        if not is_plain or max(map(len, texts), default=0) > self.settings.surely_small:
            runs = [await self.checked(self.gated(self.prepare(task, (), each)[0]), definition) for each in given]
            with submitting(runs) as runs:
                try:
                    added = [_owned(run, each) for run, each in zip(runs, await held.store.runs.add_many(runs), strict=True)]
                except StoreUnavailable:  # as in `add`: some may be there already
                    added = await self.add_many_again(held, runs)
        else:
            rows = [(first.id, first.params), *((make_id(now), text) for text in texts)]
            with submitting([first], len(rows)) as [first]:
                try:
                    await held.store.runs.add_alike(first, rows)
                    added = [Added(id_, True) for id_, _ in rows]
                except StoreUnavailable:
                    added = await self.add_many_again(held, [replace(first, id=id_, params=params) for id_, params in rows])
        self.hint(held, first)
        if first.limit_key is not None and first.limit_task is None and first.limit_queue is None and first.delay is None:
            held.bus.limited({run.limit_key for run in runs if run.limit_key is not None})
        return [self.handle(each, definition) for each in added]

    async def enqueue_json(
        self, task: Task[..., Any] | Bound[..., Any], params: str, *, origin: str = "api", actor: str | None = None,
        run_id: str | None = None, retry_of: str | None = None, locale: str | None = None,
    ) -> RunHandle[Any]:  # fmt: skip
        """Add a run whose parameters arrive as JSON text, for faces; see `Mainspring.enqueue_json`."""
        checked = self._definitions.known(task.task if isinstance(task, Bound) else task).params.dump_json_text(params)
        run, definition = self.prepare(task, (), {}, origin=origin, actor=actor, params=checked, retry_of=retry_of)
        if run_id is not None:
            run = replace(run, id=run_id)
        if locale is not None:
            run = replace(run, meta=json.dumps({LOCALE: locale}))
        return self.handle(await self.add(run, definition, is_repeated=run_id is not None), definition)

    async def spawn(self, request: EnqueueRequest, parent: ClaimedRun) -> EnqueueReply:
        """Enqueue for a body in an executor child; its errors travel back as values."""
        from mainspring.engine.pools import EnqueueReply

        try:
            task = self._definitions.registry.get(request.task)
            call = request.call or _NOTHING
            if parent.tenant and call.tenant is None:  # what a run makes is its tenant's, unless it says otherwise
                call = replace(call, tenant=parent.tenant)
            bound = Bound(task, call)
            run, definition = self.prepare(
                bound, (), {}, origin="task", actor=f"run:{parent.id}", params=task.params.dump_json_text(request.params)
            )
            added = await self.add(marked(run, request.trace), definition)
        except AlreadyEnqueued as error:
            return EnqueueReply(id=error.run_id, code=error.code, message=str(error), state=error.state)
        except MainspringError as error:
            return EnqueueReply(code=error.code, message=str(error))
        return EnqueueReply(id=added.id, is_new=added.is_new, how=added.how)

    def handle(self, added: Added, task: Task[..., R]) -> RunHandle[R]:
        """Return the handle of a run that was added."""
        return RunHandle(self._app, added.id, task.result, added.is_new, added.how)

    # -- the steps

    def prepare(
        self, task: Task[..., Any] | Bound[..., Any], args: Sequence[object], kwargs: Mapping[str, object], *, origin: str = "api",
        actor: str | None = None, retry_of: str | None = None, params: str | None = None, is_scheduled: bool = False,
    ) -> tuple[NewRun, Task[..., Any]]:  # fmt: skip
        """Check parameters and resolve every policy to a plain value; nothing is written.

        ``params`` is checked JSON text instead of arguments. ``is_scheduled``: a schedule asks for it, so that it skips what would overlap
        unless the task says otherwise. What operators have set about overlaps may not be known yet: see `gated`.
        """
        options = _NOTHING
        if isinstance(task, Bound):
            options, plain = task.call, task.task
        else:
            plain = task
        definition = self._definitions.known(plain)
        if definition.is_service:
            raise not_enqueued(definition.name)
        spec, model = definition.spec, definition.params
        retry = options.retry or spec.retry
        tenant, settings = options.tenant or "", self.settings
        beside: Beside | None = None
        if model.marks.is_plain:
            text = model.dump(args, kwargs) if params is None else params
        else:
            text, beside = carry.dump(definition, args, kwargs, params, tenant, settings.secrets, is_from_body=origin == "task")
        if len(text) > settings.surely_small and carry.weigh(spec.name, text, settings.max_payload, spills=settings.spill):
            beside = replace(beside or Beside(), is_large=True)
        carry.warn_of_raw_secrets(definition, text)
        dedupe = None if options.key is not None else options.dedupe or spec.dedupe
        limit, overlap = spec.limit, spec.overlap_policy
        if overlap is None and is_scheduled and spec.overlap is None:
            overlap = SKIP
        own = None if overlap is None else overlap.key
        plain_values = json.loads(text) if dedupe is not None or limit is not None or own is not None else {}
        run = NewRun(
            id=self.ids.make(time.time_ns() // 1_000_000),
            task=spec.name,
            params=text,
            queue=options.queue or spec.queue,
            tenant=tenant,
            pool=spec.pool_in(settings.isolation),
            priority=spec.priority if options.priority is None else options.priority,
            delay=options.delay,
            run_at=options.run_at,
            key=options.key if dedupe is None else dedupe.key.fill(plain_values),
            timeout=options.timeout or spec.timeout or settings.default_timeout,
            deadline=options.deadline or spec.deadline,
            max_retries=settings.default_retries if retry is None else retry.retries,
            max_rescues=spec.max_rescues,
            is_repeatable=spec.is_repeatable,
            label=options.label,
            origin=origin,
            actor=actor,
            retry_of=retry_of,
            params_version=spec.params_version,
            limit_queue=queue_key(EXPENSIVE_QUEUE) if (options.queue or spec.queue) == EXPENSIVE_QUEUE else None,
            limit_task=spec.limit_task,
            limit_key=None if limit is None else own_key(tenant, limit.key.fill(plain_values)),
            dedupe=DedupePolicy.EXISTING if dedupe is None else dedupe.policy,
            window=None if dedupe is None else dedupe.window,
            beside=beside,
            overlap=overlap,
            overlap_key=None if overlap is None else overlap_key(spec.name, tenant, None if own is None else own.fill(plain_values)),
            depends=dump_dependencies(spec.depends_on) if spec.depends_on else None,
        )
        return (run if overlap is None and not self._opening.switches.overlaps else self.gated(run)), definition

    def scheduled(self, record: ScheduleRecord, slot: datetime | None) -> NewRun:
        """Return the run of a schedule's slot, or of none; nothing is written. Raises `UnknownTask`, `InvalidParams`.

        It has no dedupe key: its slot is its key.
        """
        task = self._definitions.registry.get(record.task)
        held = self._opening.now
        if record.tenant and held is not None and (standing := held.tenants.known(record.tenant)) is not None:
            refuse_closed(record.tenant, standing)
        params = task.params.dump_json_text(record.effective.params_json)
        target = task if not record.tenant else task.options(tenant=record.tenant)
        run, _ = self.prepare(target, (), {}, origin="schedule", actor=record.owner, params=params, is_scheduled=True)
        return run if run.key is None else replace(run, key=None, dedupe=DedupePolicy.EXISTING, window=None)

    def gated(self, run: NewRun) -> NewRun:
        """Say whether a run is to be asked about those that it would overlap, by what is known now of operators' choices.

        Where the code has a policy it always is, for what operators chose meanwhile the gatekeeper knows better. A run that need not be
        asked keeps its key all the same: who is asked later is to see it.
        """
        chosen, code = self._opening.switches.overlaps.get(run.task), run.overlap
        is_asked = self.settings.overlap_prevention and ((chosen is not None and chosen.is_gate) or (code is not None and code.is_gate))
        key = overlap_key(run.task, run.tenant) if is_asked and run.overlap_key is None else run.overlap_key
        return run if (is_asked, key) == (run.is_asked, run.overlap_key) else replace(run, is_asked=is_asked, overlap_key=key)

    def prepare_within(
        self, task: Task[..., Any] | Bound[..., Any], args: Sequence[object], kwargs: Mapping[str, object]
    ) -> tuple[NewRun, Task[..., Any]]:
        """Do as `prepare`; the run says by itself which body adds it, as it does not go through that body's pipe."""
        parent = current_run() if active.child_pipe() is not None else None
        origin, actor = ("api", None) if parent is None else ("task", f"run:{parent.run_id}")
        return self.prepare(task, args, kwargs, origin=origin, actor=actor)

    async def opened_for(self, task: Task[..., Any]) -> Opened:
        """Open, and refuse a task that the code or an operator has disabled; raises `TaskDisabled`."""
        held = await self._opening.opened()
        if not held.board.is_fresh:
            await insist(held.board.fresh, is_over=held.stop.is_set)
        if self._opening.switches.is_off(task.spec):
            self._opening.switches.refuse(task.spec, task.spec.source)
        return held

    async def admit(self, held: Opened, run: NewRun, n: int = 1) -> None:
        """Refuse runs of a tenant that is suspended or deleted, or has as much as it may; raises `TenantClosed`, `QuotaExceeded`.

        A quota is looked at before the runs are added: callers at the same moment may pass it by what they bring.
        """
        standing = await held.tenants.standing(run.tenant)
        if standing is None:
            return
        refuse_closed(run.tenant, standing)
        store = held.store.tenants
        if (most := standing.max_waiting) is not None and await store.waiting(run.tenant, bound=most + 1) + n > most:
            raise QuotaExceeded(
                f"the tenant {run.tenant!r} may have {most} unfinished runs waiting, and {n} more would be too many: "
                "wait for some to end, or let an operator raise the quota",
                quota="max_waiting",
            )
        if (room := standing.max_bytes) is not None and run.beside is not None and run.beside.is_large:
            await check_bytes(held.store, run.tenant, room, len(run.params))

    async def check(self, task: Task[..., Any], params: str) -> None:
        """Check parameters, given as JSON text, as an enqueue would; see `Mainspring.check`."""
        definition = self._definitions.known(task)
        checked = definition.params.dump_json_text(params)
        version = definition.spec.params_version
        await self.checked(NewRun(self.ids.make(0), definition.name, checked, params_version=version), definition)

    async def checked(self, run: NewRun, task: Task[..., Any]) -> NewRun:
        """Ask the task's ``validate`` about a run that is to be added, and note that it passed; raises `InvalidParams`."""
        if task.hooks.validate is None:
            return run
        from mainspring.engine.attempt import check_new

        return await check_new(run, task)

    async def add(self, run: NewRun, task: Task[..., Any], *, is_repeated: bool = False) -> Added:
        """Ask ``validate`` and the switches about a run, and add it; raises `InvalidParams`, `TaskDisabled`, `AlreadyEnqueued`.

        ``is_repeated``: it may have been added under its id before, by whoever asked first.
        """
        run = await self.checked(run, task)
        held = await self.opened_for(task)
        if run.tenant:
            await self.admit(held, run)
        if run.overlap is not None or self._opening.switches.overlaps:
            run = self.gated(run)
        with submitting([run]) as [run]:
            return await self._add_marked(held, run, is_repeated=is_repeated)

    async def _add_marked(self, held: Opened, run: NewRun, *, is_repeated: bool = False) -> Added:
        FAULT("before_enqueue")
        lane = lane_of(run)
        hint = None if lane is None or is_repeated else held.bus.hint_to_ride(lane)
        try:
            added = await held.store.runs.add_again(run) if is_repeated else await held.store.runs.add(run, hint)
            FAULT("after_enqueue_commit")
        except StoreUnavailable:
            # The commit may have happened and only its answer been lost: the same id asked again is never a second run.
            added = await insist(lambda: held.store.runs.add_again(run), is_over=held.stop.is_set)
        added = _owned(run, added)
        if added.is_new and hint is not None and lane is not None:
            held.bus.on_hint(lane)  # other processes know already
        elif added.is_new or added.how in _CHANGED:
            self.hint(held, run)
        return accepted(run, added)

    async def add_many_again(self, held: Opened, runs: Sequence[NewRun]) -> list[Added]:
        """Add runs of which some may be there already: the answer to a first try was lost."""
        again = await insist(lambda: held.store.runs.add_many_again(runs), is_over=held.stop.is_set)
        return [_owned(run, added) for added, run in zip(again, runs, strict=True)]

    def hint(self, held: Opened, run: NewRun) -> None:
        """Let those loops look whose turn it is with a run that was added."""
        if (lane := lane_of(run)) is not None:
            held.bus.hint(lane)
        elif run.gate:
            held.bus.gated()
        elif run.delay is None and run.run_at is None and (key := run.limit_queue or run.limit_task or run.limit_key) is not None:
            held.bus.limited((key,))
        elif held.runner is not None:
            held.runner.due_soon()

    # -- within the caller's own transaction

    async def _add_within(self, runs: Sequence[NewRun], task: Task[..., Any], connection: object) -> list[Added]:
        from mainspring.engine.within import hint_behind
        from mainspring.store.foreign import adopt

        caller = adopt(connection)
        if active.child_pipe() is not None:
            return await self.add_in_child(runs, task, caller)
        held = await self.opened_for(task)
        runs = [self.gated(run) for run in runs]
        with submitting(runs) as runs:
            added = await held.store.foreign.add(caller, runs, held.store.foreign.learn)
        FAULT("after_enqueue_within")
        hint_behind(caller, held.loop, held.bus, lane_of(runs[0]), is_gated=runs[0].gate > 0)
        return added

    async def add_in_child(self, runs: Sequence[NewRun], task: Task[..., Any], caller: Caller) -> list[Added]:
        """Add on a body's own connection: its process has none of ours, and needs none."""
        self._opening.switches.refuse(task.spec, task.spec.source)
        return await self._opening.closed_store().foreign.add(caller, runs)

    def warn_if_open(self, task: Task[..., Any] | Bound[..., Any]) -> None:
        """Warn where a transaction is open that was not given; where no library is about that tells of any, this costs next to nothing."""
        modules = sys.modules
        if "sqlalchemy.orm" in modules or "django.db" in modules:
            from mainspring.engine.within import warn_if_open

            warn_if_open(self.settings.url, task.name if isinstance(task, Task) else task.task.name)


def refuse_closed(tenant: str, standing: Standing) -> None:
    """Raise `TenantClosed` for a tenant that is suspended or deleted."""
    if standing.state is not TenantState.ACTIVE:
        why = f": {standing.reason}" if standing.reason else ""
        raise TenantClosed(f"the tenant {tenant!r} is {standing.state}{why}; nothing is enqueued for it until it is restored")


async def check_bytes(store: Store, tenant: str, room: int, more: int) -> None:
    """Raise `QuotaExceeded` where so many bytes more are too many for a tenant."""
    if (used := await store.tenants.bytes(tenant)) + more > room:
        raise QuotaExceeded(
            f"the tenant {tenant!r} has {used} bytes of files and may have {room}: delete runs that hold some, or raise the quota",
            quota="max_bytes",
        )


_CHANGED = (How.REPLACED, How.DEBOUNCED)


def _owned(run: NewRun, added: Added) -> Added:
    """Take a run of this call's id for new: ids are made here, so an earlier try of the call has added it."""
    return Added(added.id, True) if added.id == run.id else added


def accepted(run: NewRun, added: Added) -> Added:
    """Return the answer; raises `AlreadyEnqueued` where the policy rejects the call."""
    if added.how is not How.REJECTED:
        return added
    state = str(added.state or RunState.PENDING)
    raise AlreadyEnqueued(
        f"{run.task} with the key {run.key!r} is enqueued already and rejects a second run: run {added.id} is {state}; "
        "wait for its end, or choose another dedupe policy",
        run_id=added.id,
        state=state,
    )


def connection_of(task: Task[..., Any] | Bound[..., Any]) -> object | None:
    """Return the connection of the caller's own transaction, where a call names one."""
    return task.call.connection if isinstance(task, Bound) else None


def lane_of(run: NewRun) -> Lane | None:
    """Return the lane that a run makes longer now, or None where it waits for a time, a limit or an answer."""
    from mainspring.store.runs import Lane

    if run.delay is not None or run.run_at is not None or run.is_limited or run.dedupe is DedupePolicy.DEBOUNCE or run.gate:
        return None
    return Lane(run.queue, run.tenant, int(run.pool), int(run.priority))
