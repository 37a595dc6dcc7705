"""The verbs of an app: they wire the parts and do nothing themselves that a part can do."""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from copy import copy
from datetime import timedelta
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from mainspring.app.definitions import Definitions
from mainspring.app.enqueuer import Enqueuer, connection_of
from mainspring.app.files import Files
from mainspring.app.opening import Opened, Opening
from mainspring.app.pulsing import Pulsing, isolation_of_pulse, threads_of_pulse
from mainspring.app.retrying import Retrying
from mainspring.app.schedules import Schedules
from mainspring.app.services import Services
from mainspring.core import active
from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.errors import ConfigurationError, Conflict
from mainspring.core.handle import RunHandle
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.overlap import Overlap, parse_overlap
from mainspring.core.policy import Retry
from mainspring.core.role import Role
from mainspring.core.run import Attempt, Reason, Retried, Run
from mainspring.core.state import RunState
from mainspring.core.status import TaskStatus
from mainspring.core.switch import Switches
from mainspring.core.task import Bound, Task
from mainspring.telemetry.address import parse_address

if TYPE_CHECKING:
    from mainspring.app.bulk import Bulk
    from mainspring.config import Settings
    from mainspring.core.capability import Capability
    from mainspring.core.event import Event
    from mainspring.core.explanation import Explanation
    from mainspring.core.file import Artifact, File
    from mainspring.core.pulse import Budget, PulseHealth, PulseReport
    from mainspring.engine.means import Means
    from mainspring.engine.runner import Health, Runner
    from mainspring.registry.registry import Registry
    from mainspring.store.store import Store

P = ParamSpec("P")
R = TypeVar("R")

_LET_GO_BY_NODES = (Reason.LIMIT, Reason.OVERLAP, Reason.DEPENDENCY)
BRIEF = (Role.LOCAL, Role.PULSE)  # nodes that do not live long enough to be scraped
WAIT_FOR_DUE = 0.1  # seconds between looks at a run that is to be carried out here but is not ready yet


class App:
    """The verbs, for callers in an event loop, over the parts that `Mainspring` puts together."""

    def __init__(
        self, settings: Settings, warnings: list[str], definitions: Definitions, opening: Opening, *,
        on_child_start: tuple[str, ...], before_import: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.warnings, self._settings, self._definitions = warnings, settings, definitions
        self._on_child_start, self._before_import = on_child_start, before_import
        self._ids = IdMaker()
        self._wire(opening)

    def _wire(self, opening: Opening) -> None:
        self._opening = opening
        self._enqueuer = Enqueuer(self, self.settings, self._definitions, opening, self._ids)
        self._retrying = Retrying(self._definitions, opening, self._enqueuer)
        self.files = Files(opening)
        self._pulsing = Pulsing(self._definitions, opening, self._enqueuer, self._make_runner)
        self.services = Services(opening, self._definitions)
        self.schedules = Schedules(opening, self._definitions, self._enqueuer)

    def _make_twin(self) -> Self:
        """Return this app once more, closed, with the same tasks and switches: to be opened in another event loop."""
        twin = copy(self)
        twin._wire(self._opening.twin())
        return twin

    @property
    def settings(self) -> Settings:
        """The settings that were read when the app was made. Others may be set until it is used: a command line has the last word."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._settings = self._definitions.settings = self._opening.settings = self._enqueuer.settings = settings

    @property
    def bulk(self) -> Bulk:
        """What is done to many runs at once."""
        from mainspring.app.bulk import Bulk

        return Bulk(self, self._enqueuer)

    # -- definitions

    @property
    def registry(self) -> Registry:
        """Every task of the app; the packages are imported on first use. Raises `DefinitionError` with all problems at once."""
        return self._definitions.registry

    def capabilities(self, applied: int | None = None) -> Mapping[str, Capability]:
        """Return what this engine can do here, by name, from code, schema, backend and environment; what is missing says why.

        ``applied`` is the schema of a store that was looked at without being opened.
        """
        from mainspring.engine.abilities import Place, capabilities

        settings = self.settings
        place = Place(
            settings.runner_environment, settings.services_problem, settings.runner_enabled, settings.overlap_prevention,
            settings.pulse_secret is not None,
        )  # fmt: skip
        return capabilities(self._definitions.facts(), place, applied)

    def capability(self, name: str, applied: int | None = None) -> Capability:
        """Return what can be said of one capability, and why it is missing: ``services``, ``schedules``, ``engine>=1.2`` …"""
        from mainspring.engine.abilities import capability

        return capability(name, self._definitions.facts(), self.capabilities(applied))

    def has(self, name: str) -> bool:
        """Tell whether something can be done here, as ``app.has("services")``; `capability` says why not."""
        return self.capability(name).is_available

    @property
    def supports_services(self) -> bool:
        """Whether side tasks can run here; ``capabilities()["services"].why`` says why not."""
        return self.has("services")

    def task_named(self, name: str) -> Task[..., Any]:
        """Return a task; raises `UnknownTask` with the names that come close."""
        return self.registry.get(name)

    # -- opening and closing

    async def open(self) -> None:
        """Connect, bring an SQLite file to this schema, and check that database and code fit."""
        await self._opening.opened()

    def closed_store(self) -> Store:
        """Return the store that the settings name, not opened, for what needs to know it only."""
        return self._opening.closed_store()

    async def store(self) -> Store:
        """Return the open store, for operations."""
        return (await self._opening.opened()).store

    def unchecked_store(self) -> AbstractAsyncContextManager[Store]:
        """Open the store as it is, without a look at tasks or schema, for ``doctor`` and ``migrate``; it closes with the block."""
        return self._opening.unchecked_store()

    async def close(self) -> None:
        """Stop this process's own node, if it has one, and let the store go. Runs in hand are given back."""
        await self._opening.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    # -- enqueueing

    async def enqueue(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunHandle[R]:
        """Add a run and return its handle once it is durable; parameters are checked before anything is written.

        Raises `InvalidParams` with every wrong field, `Conflict` for a disabled task, `AlreadyEnqueued` where the dedupe policy says so,
        `StoreUnavailable`. With a key, the handle may be that of an earlier run (``is_new`` is False then, and ``how`` says more).
        """
        if connection_of(task) is None:
            if (pipe := active.child_pipe()) is not None:
                return cast("RunHandle[R]", await pipe.enqueue(task, *args, **kwargs))
            self._enqueuer.warn_if_open(task)
        return await self._enqueuer.enqueue(task, args, kwargs)

    async def enqueue_many(self, task: Task[P, R] | Bound[P, R], params: Iterable[Mapping[str, Any]], /) -> list[RunHandle[R]]:
        """Add many runs of one task, in large batches; answers in the order given. All parameters are checked before the first write.

        What the policy `reject` refuses is answered by the handle of the run in the way, with ``how`` being ``rejected``: the others
        are added all the same.
        """
        given = list(params)
        if not given:
            return []
        if connection_of(task) is None:
            self._enqueuer.warn_if_open(task)
        return await self._enqueuer.enqueue_many(task, given)

    async def enqueue_json(
        self, task: Task[..., Any] | Bound[..., Any], params: str, *, origin: str = "api", actor: str | None = None,
        run_id: str | None = None, retry_of: str | None = None, locale: str | None = None,
    ) -> RunHandle[Any]:  # fmt: skip
        """Add a run whose parameters arrive as JSON text, for faces; see `enqueue`. ``origin`` and ``actor`` are kept with the run.

        ``run_id`` is what the run is to be called, by who has made up an id (UUIDv7, of now) before: a run is never added twice under one.
        ``retry_of`` is the run that this one does again, perhaps with other values. ``locale`` is the language of who asks: ``ctx.locale``.
        """
        return await self._enqueuer.enqueue_json(task, params, origin=origin, actor=actor, run_id=run_id, retry_of=retry_of, locale=locale)

    async def check(self, task: Task[..., Any], params: str) -> None:
        """Check parameters, given as JSON text, as an enqueue would, the task's ``validate`` included; nothing is written.

        Raises `InvalidParams` with every wrong field.
        """
        await self._enqueuer.check(task, params)

    async def poke(self) -> None:
        """Let every worker look for runs now: after a commit of your own that no library tells us of.

        Without it a run that was enqueued in such a transaction is found within a second.
        """
        (await self._opening.opened()).bus.poke()

    # -- files

    async def artifacts(self, run_id: str) -> list[Artifact]:
        """Return the files that a run has left behind, in order; they can be read."""
        return await (await self._opening.opened()).store.runs.artifacts(run_id, scope=EVERYTHING)

    def place(self, file: File) -> None:
        """Let a file of a result be read from this app's store of files; for handles."""
        if self._opening.now is not None:
            file.at(self._opening.now.store.files.source)

    # -- waiting and looking

    async def run(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do a task the durable way and wait for its result: this process carries it out, unless a worker is faster.

        Raises as `RunHandle.result` does.
        """
        handle = await self.enqueue(task, *args, **kwargs)
        await self.see_through(handle.id)
        return await handle.result()

    async def see_through(self, run_id: str) -> Run:
        """Carry a run out here, with its retries, until it is final; where another node has it, wait for that."""
        held = await self._opening.opened()
        watch = held.bus.watch(run_id)
        try:
            while True:
                watch.changed.clear()
                run = await held.store.runs.get(run_id, scope=EVERYTHING)
                if run.is_final:
                    return run
                watch.seq = run.seq
                if held.runner is not None and not held.runner.role.executes:  # the fleet's workers see to it
                    await watch.changed.wait()
                    continue
                if run.state is RunState.BLOCKED and run.reason in _LET_GO_BY_NODES and run.task in self._definitions.live:
                    await self._own_runner(held)  # without a worker about, nobody else would let it go
                    await _at_most(WAIT_FOR_DUE, watch.changed)
                    continue
                if run.state is RunState.PENDING and run.task in self._definitions.live and not await self.carry_out(run_id):
                    await _at_most(WAIT_FOR_DUE, watch.changed)  # a retry is due in a while, a gate is asked, or a worker is just taking it
                    continue
                await watch.changed.wait()
        finally:
            held.bus.unwatch(watch)

    async def carry_out(self, run_id: str) -> bool:
        """Take a ready run into this process's own node; answers False where another was faster or it is not due."""
        held = await self._opening.opened()
        runner = await self._own_runner(held)
        if runner.presence.is_quiet or not runner.role.executes:
            return False
        run = await held.store.runs.take(run_id, runner.presence.id, make_claim_id(), timedelta(seconds=30))
        if run is None:
            return False
        runner.worker.take([run])
        return True

    async def _own_runner(self, held: Opened) -> Runner:
        if held.runner is None or held.runner.stopped.is_set():
            held.runner = self._make_runner(held, role=Role.LOCAL)
            await held.runner.start()
        return held.runner

    def handle(self, run: Run) -> RunHandle[Any]:
        """Return a handle for a run that was looked up."""
        return RunHandle(self, run.id, self.task_named(run.task).result, False)

    async def read_run(self, run_id: str) -> Run:
        """Return a run as it is now; raises `UnknownRun`."""
        return await (await self._opening.opened()).store.runs.get(run_id, scope=EVERYTHING)

    async def attempts(self, run_id: str) -> list[Attempt]:
        """Return the finished tries of a run, the oldest first; a run that completed at once has none to tell of."""
        return await (await self._opening.opened()).store.runs.attempts(run_id, scope=EVERYTHING)

    async def wait_for(self, run_id: str, timeout: float | None = None) -> Run:
        """Return a run once it is final; raises `StillRunning`, `UnknownRun`."""
        return await (await self._opening.opened()).bus.wait_for(run_id, timeout)

    async def follow(self, run_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Yield a run's events past a number, then follow it until its final event, from any process."""
        async for page in self.follow_pages(run_id, after, scope=EVERYTHING):
            for event in page:
                yield event

    async def follow_pages(self, run_id: str, after: int = 0, *, scope: Scope) -> AsyncIterator[Sequence[Event]]:
        """Do as `follow`, as far as a scope sees, and yield together what is there together: for those who hand many events on."""
        held = await self._opening.opened()
        await held.listen()
        async for page in held.bus.follow_pages(run_id, after, scope=scope):
            yield page

    async def task_status(self, name: str) -> TaskStatus:
        """Return what the runs of a task are doing now, in the whole fleet; raises `UnknownTask`."""
        spec = self.task_named(name).spec
        held = await self._opening.opened()
        counts = await held.store.runs.of_task(name, scope=EVERYTHING)
        newest = await held.store.runs.page(task=name, n=1, scope=EVERYTHING)
        return TaskStatus(
            name=name,
            is_enabled=not (await held.board.fresh()).is_off(spec),
            running=counts.get(RunState.RUNNING, 0),
            pending=counts.get(RunState.PENDING, 0),
            blocked=counts.get(RunState.BLOCKED, 0),
            suspended=counts.get(RunState.SUSPENDED, 0),
            last=newest[0] if newest else None,
        )

    async def is_running(self, name: str) -> bool:
        """Tell whether a run of a task is being carried out now, on any node; raises `UnknownTask`."""
        self.task_named(name)
        return name in await (await self._opening.opened()).store.runs.running(scope=EVERYTHING)

    async def running(self) -> list[str]:
        """Return the names of the tasks of which runs are being carried out now, on any node, sorted."""
        return list(await (await self._opening.opened()).store.runs.running(scope=EVERYTHING))

    async def cancel(self, run_id: str, *, reason: str | None = None, actor: str | None = None) -> str:
        """Ask a run to stop; answers ``cancelled`` (it was waiting), ``requested`` (it is running) or ``already`` (it was final)."""
        held = await self._opening.opened()
        for attempt in range(50):
            stopped = (await held.store.runs.cancel([run_id], actor=actor, reason=reason)).get(run_id)
            if stopped is not None:
                if stopped.was_running and held.runner is not None and stopped.node_id == held.runner.presence.id:
                    held.runner.worker.cancel([run_id])
                elif not stopped.was_running:
                    held.bus.ended([run_id])
                return "requested" if stopped.was_running else "cancelled"
            if (await held.store.runs.get(run_id, scope=EVERYTHING)).is_final:
                return "already"
            await asyncio.sleep(0.02 * (attempt + 1))  # it is being written right now
        raise Conflict(f"the run {run_id} is being written all the time: ask again")

    async def retry(self, run_id: str, *, actor: str | None = None, params: str | None = None) -> RunHandle[Any]:
        """Run a finished run again, as a new run that points at the old, with a fresh budget; ``params`` is other JSON text.

        Raises `Conflict` while the run is unfinished. Its key is no obstacle, even where a task is to be done once; only where another
        run with the key is unfinished, that one is the answer (or `AlreadyEnqueued`, by the policy `reject`).
        """
        return await self._retrying.retry(run_id, actor=actor, params=params)

    async def retry_many(self, run_ids: Sequence[str], *, edit: Mapping[str, Any] | None = None, actor: str | None = None) -> list[Retried]:
        """Run finished runs again as `retry` does, in few statements; ``edit`` names parameters that change, the others stay.

        What cannot be retried (unfinished, unknown here, parameters that no longer fit) is answered with its problem, and keeps back none
        of the others. Answers in the order given.
        """
        return await self._retrying.retry_many(run_ids, edit=edit, actor=actor)

    async def explain(self, run_id: str) -> Explanation:
        """Say why a run has not started, or why it stopped: a code with values, true at this moment; raises `UnknownRun`."""
        from mainspring.core.explanation import explain

        return explain(await (await self._opening.opened()).store.explain.facts(run_id, scope=EVERYTHING))

    async def switch(self, name: str, is_enabled: bool, *, actor: str | None = None, reason: str | None = None) -> int:
        """Enable or disable a task at run time, for every node and enqueuer; what the code says is only the default.

        While it is disabled nothing of it is enqueued or started; what waits is held (blocked, reason ``disabled``), what runs goes on.
        Answers how many waiting runs were held or let go. Raises `UnknownTask`, and `Conflict` for a service.
        """
        task = self.task_named(name)
        if task.is_service:
            verb = "enable" if is_enabled else "disable"
            raise Conflict(f"{name!r} is a service: app.services.{verb}(…) switches it, or 'mainspring services {verb} {name}'")
        held = await self._opening.opened()
        moved, lanes = await held.board.throw(task.spec, is_enabled, actor=actor, reason=reason)
        await held.bus.switched()
        for lane in sorted(lanes):
            held.bus.hint(lane)
        return moved

    async def set_overlap(
        self, name: str, overlap: Overlap | str | None, *, actor: str | None = None, reason: str | None = None
    ) -> None:  # fmt: skip
        """Set at run time what becomes of a task's runs that would overlap, for every node and enqueuer; None lets the code say again.

        Runs that wait already are asked by the new policy at once, and runs of the task that were never asked count from then on. A key
        template stays the code's. Raises `UnknownTask`, `ConfigurationError`.
        """
        spec = self.task_named(name).spec
        chosen = None if overlap is None else parse_overlap(overlap)
        if chosen is not None and chosen.key is not None:
            raise ConfigurationError(f"overlap={overlap!r} has a key: at run time the policy alone can be set, the key stays the code's")
        held = await self._opening.opened()
        await held.board.choose(spec.name, chosen, actor=actor, reason=reason)
        await held.bus.switched()
        held.bus.gated(is_for_all=True)

    async def switches(self) -> Switches:
        """Return what operators have enabled and disabled, as the store has it now. A file that does not exist has no switches."""
        if self._opening.now is None:
            path = getattr(self._opening.closed_store().database, "path", None)
            if path is not None and not path.exists():
                return self._opening.switches
        return await (await self._opening.opened()).board.read()

    # -- working

    @asynccontextmanager
    async def worker(self, *, queues: Sequence[str] = (), name: str | None = None) -> AsyncIterator[Runner]:
        """Work in this process: a node that carries out runs, until the block ends (then it drains). It fires no schedules."""
        runner = await self.start_worker(queues=queues, name=name)
        try:
            yield runner
        finally:
            await self._stop_runner(runner)

    @asynccontextmanager
    async def runner(self, *, role: Role = Role.ALL, queues: Sequence[str] = (), name: str | None = None) -> AsyncIterator[Runner]:
        """Be a whole node in this process until the block ends (then it drains): runs, schedules, services, safety loops."""
        runner = await self.start_runner(role=role, queues=queues, name=name)
        try:
            yield runner
        finally:
            await self._stop_runner(runner)

    async def _stop_runner(self, runner: Runner) -> None:
        await runner.stop(self.settings.drain.total_seconds())
        if self._opening.now is not None and self._opening.now.runner is runner:
            self._opening.now.runner = None

    async def start_worker(self, *, queues: Sequence[str] = (), name: str | None = None) -> Runner:
        """Start a node that carries out runs in this process; stop it with ``runner.stop(drain)``."""
        return await self.start_runner(role=Role.WORKER, queues=queues, name=name)

    async def start_runner(self, *, role: Role = Role.ALL, queues: Sequence[str] = (), name: str | None = None) -> Runner:
        """Start a node in this process; its role says what it does. Stop it with ``runner.stop(drain)``.

        Raises `Conflict` where this app has a node already, and what a safety loop raises that cannot start.
        """
        held = await self._opening.opened()
        if held.runner is not None and not held.runner.stopped.is_set():
            raise Conflict("this app works already: one node for each app and process")
        held.runner = self._make_runner(held, role=role, queues=tuple(queues), name=name)
        try:
            await held.runner.start()
        except BaseException:
            held.runner = None
            raise
        await held.listen()
        return held.runner

    async def pulse(
        self, *, budget: timedelta | str | None = None, dry_run: bool = False, only: Sequence[str] = (), force: Sequence[str] = (),
        source: str = "api", actor: str | None = None, request: str | None = None,
    ) -> PulseReport:  # fmt: skip
        """Do what a runner does, once, and answer within ``budget`` (``MAINSPRING_PULSE_BUDGET`` where it is not given).

        Due slots fire, and due runs are carried out whose timeout ends within the budget; what is left, and why, is in the report. ``only``
        names tasks that nothing else is done for; ``force`` enqueues one run of each task that it names, whatever its schedule says.
        ``dry_run`` writes nothing, and lists what is due. Several at once are harmless. ``request`` marks a request that counts once.

        Raises `UnknownTask` for a name that is unknown, `InvalidParams` for a forced task that needs parameters, `Conflict` in a process
        that works already or for a ``request`` that has been taken before, and `StoreUnavailable`.
        """
        return await self._pulsing.pulse(
            budget=budget, dry_run=dry_run, only=tuple(only), force=tuple(force), source=source, actor=actor, request=request
        )

    async def pulse_health(self) -> PulseHealth:
        """Say how pulses are doing, over the latest hundred."""
        return await self._pulsing.health()

    def _make_runner(
        self, held: Opened, *, role: Role, queues: tuple[str, ...] = (), name: str | None = None, budget: Budget | None = None
    ) -> Runner:
        from mainspring.engine.options import NodeOptions
        from mainspring.engine.pools import Limits
        from mainspring.engine.runner import Runner
        from mainspring.engine.vault import Vault
        from mainspring.store.foreign import home_of

        settings = self.settings
        lease, grace = settings.lease.total_seconds(), settings.grace.total_seconds()
        if budget is not None:
            lease, grace = budget.lease(budget.began_at), min(grace, budget.grace)
        options = NodeOptions(
            name=name, queues=queues, isolation=settings.isolation if budget is None else isolation_of_pulse(settings),
            def_children=settings.def_children if budget is None else threads_of_pulse(settings), async_slots=settings.slots,
            limits=Limits(
                slots=settings.slots, grace=grace, memory=settings.memory_limit, runs=settings.max_runs_per_child,
                log_level=settings.log_level, buffer=settings.buffer_size, home=home_of(held.store.database),
                means=self._means().as_json(),
            ),
            lease=lease, beat=settings.beat.total_seconds(), grace=grace,
            retention=settings.keeping, default_retry=Retry(retries=settings.default_retries),
            default_timeout=settings.default_timeout, role=role, environment=settings.runner_environment.value,
            services_problem=settings.services_problem, pulse_interval=settings.pulse_interval.total_seconds(),
            drain=settings.drain.total_seconds(),
            on_child_start=self._on_child_start, before_import=self._before_import, traces=settings.tracing,
            measures=settings.health is not None and role not in BRIEF and find_spec("prometheus_client") is not None,
            metrics=None if settings.metrics is None or role in BRIEF else parse_address(settings.metrics),
            expensive=settings.expensive_concurrent,
        )  # fmt: skip
        database = held.store.database
        bulk = self.bulk.task()
        runner = Runner(
            held.store, ChainMap(self._definitions.live, {bulk.name: bulk}), held.bus, spawn=self._enqueuer.spawn, options=options,
            beside=getattr(database, "path", None), board=held.board, make_run=self._enqueuer.scheduled,
        )  # fmt: skip
        runner.worker.vault = Vault(held.store.secrets, settings.secrets, settings.vault_keys, settings.vault_key_file)
        return runner

    def _means(self) -> Means:
        from mainspring.engine.means import Means

        settings = self.settings
        return Means(files=self._opening.place_of_files(), secrets=settings.secrets, max_payload=settings.max_payload, spill=settings.spill)

    async def limits_changed(self, key: str) -> None:
        """Let every node look at once at a limit that was set or cleared; without, they see it within a second."""
        (await self._opening.opened()).bus.limited((key,), is_for_all=True)

    async def nodes_told(self) -> None:
        """Let every node look at once at what operators want of it; without, it sees that with its next beat."""
        await (await self._opening.opened()).bus.commanded()

    def metrics_text(self) -> str | None:
        """Return the metrics of this process's node in the format that Prometheus reads, or None where nothing is measured."""
        held = self._opening.now
        return held.runner.metrics.text() if held is not None and held.runner is not None and held.runner.metrics is not None else None

    def health(self) -> Health | None:
        """Say how this process's node is doing, or None where it has none."""
        held = self._opening.now
        return held.runner.health() if held is not None and held.runner is not None else None


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
