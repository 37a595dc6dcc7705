"""Mainspring: the composition root. It wires the parts and holds the verbs of the Python face; it knows how to do nothing itself."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from mainspring.config import read_settings
from mainspring.core import active
from mainspring.core.dedupe import DedupePolicy
from mainspring.core.errors import ConfigurationError, Conflict, DefinitionError, MainspringError, StoreUnavailable
from mainspring.core.handle import RunHandle
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.limit import own_key, task_key
from mainspring.core.policy import Isolation, PoolKind, Retry
from mainspring.core.run import Added, ClaimedRun, NewRun, Run
from mainspring.core.state import RunState
from mainspring.core.task import Bound, CallOptions, Task
from mainspring.engine.faults import FAULT

if TYPE_CHECKING:
    from mainspring.core.event import Event
    from mainspring.engine.bus import Bus
    from mainspring.engine.pools import EnqueueReply, EnqueueRequest
    from mainspring.engine.runner import Health, Runner
    from mainspring.registry.registry import Registry
    from mainspring.store.runs import Lane
    from mainspring.store.store import Store

P = ParamSpec("P")
R = TypeVar("R")
Clocked = Any  # a database made by a test, with a clock of its own

_NOTHING = CallOptions()
WAIT_FOR_DUE = 0.1  # seconds between looks at a run that is to be carried out here but is not ready yet


@dataclass(slots=True)
class _Open:
    """What belongs to one event loop of one process."""

    loop: asyncio.AbstractEventLoop
    pid: int
    store: Store
    bus: Bus
    bus_task: asyncio.Task[None]
    stop: asyncio.Event
    is_listening: bool = False
    runner: Runner | None = None


class Mainspring:
    """An app: a store, the tasks of some packages, and the ways to enqueue, wait and work.

    ``url`` names the store: ``sqlite:///mainspring.db``, ``postgresql://…``, ``sqlite://`` for one in memory; it and every other setting
    may come from the environment or ``mainspring.toml`` instead. ``discover`` names packages whose ``task.py``, ``tasks.py`` and
    ``*_tasks.py`` are imported when the app is first used; ``tasks`` are added to them. ``isolation`` is where bodies run
    unless their task says otherwise.
    ``on_child_start`` names functions (``module:function``) that every executor child calls first.

    It opens itself when first used; ``async with app`` closes it as well.
    """

    def __init__(
        self, url: str | None = None, *, discover: Sequence[str] = (), tasks: Iterable[Task[..., Any]] = (),
        isolation: Isolation | str | None = None, on_child_start: Sequence[str] = (), database: Clocked | None = None,
        **settings: Any,
    ) -> None:  # fmt: skip
        chosen = None if isolation is None else Isolation(isolation)
        self.settings, self.warnings = read_settings(url=url, isolation=chosen, **settings)
        self._discover = tuple(discover)
        self._given = tuple(tasks)
        self._extra: dict[str, Task[..., Any]] = {}
        self._on_child_start = tuple(on_child_start)
        self._database = database
        self._registry: Registry | None = None
        self._live: dict[str, Task[..., Any]] = {}  # what a running node looks into: tasks may still join
        self._open_now: _Open | None = None
        self._opening: asyncio.Lock | None = None
        self._ids = IdMaker()
        self.blocking = Blocking(self)
        active.announce(self)

    # -- definitions

    @property
    def registry(self) -> Registry:
        """Every task of the app; the packages are imported on first use. Raises `DefinitionError` with all problems at once."""
        if self._registry is None:
            from mainspring.registry.discovery import discover
            from mainspring.registry.registry import Registry

            found = discover(self._discover)
            self._registry = Registry.build([*found.tasks, *self._given, *self._extra.values()], found.problems)
            self._live.update(self._registry.by_name)
        return self._registry

    def _known(self, task: Task[..., Any]) -> Task[..., Any]:
        """Take a task that is handed in directly: one that discovery has not found becomes part of the app."""
        known = self.registry.by_name.get(task.name)
        if known is task:
            return task
        if known is not None:
            if known.spec.source == task.spec.source:
                return known  # the same definition, imported twice
            raise DefinitionError(f"two tasks are named {task.name!r}: {known.spec.source} and {task.spec.source}")
        self._extra[task.name] = task
        self._registry = None
        try:
            return self.registry.get(task.name)
        except DefinitionError:
            del self._extra[task.name]
            self._registry = None
            raise

    def task_named(self, name: str) -> Task[..., Any]:
        """Return a task; raises `UnknownTask` with the names that come close."""
        return self.registry.get(name)

    # -- opening and closing

    async def open(self) -> None:
        """Connect, bring an SQLite file to this schema, and check that database and code fit."""
        await self._opened()

    async def store(self) -> Store:
        """Return the open store, for operations."""
        return (await self._opened()).store

    @asynccontextmanager
    async def unchecked_store(self) -> AsyncIterator[Store]:
        """Open the store as it is, without a look at tasks or schema, for ``doctor`` and ``migrate``; it closes with the block."""
        from mainspring.store.store import Store, database_for

        store = Store(self._database if self._database is not None else database_for(self.settings.url))
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def _opened(self) -> _Open:
        held = self._open_now
        loop = asyncio.get_running_loop()
        if held is not None and held.loop is loop and held.pid == os.getpid():
            return held
        if held is not None and not held.loop.is_closed() and held.pid == os.getpid() and held.loop.is_running():
            raise ConfigurationError(
                "this app is open in another event loop of this process: use app.blocking there, or one app for each loop"
            )
        if self._opening is None or held is not None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._open_now is None or self._open_now is held:
                self._open_now = await self._open_fresh(loop)
        return self._open_now

    async def _open_fresh(self, loop: asyncio.AbstractEventLoop) -> _Open:
        from mainspring.engine.bus import Bus
        from mainspring.engine.loop import Driver
        from mainspring.store.store import Store, database_for

        registry = self.registry  # bad definitions stop the start before anything is touched
        del registry
        database = self._database if self._database is not None else database_for(self.settings.url)
        store = Store(database)
        await store.open()
        try:
            is_ours_to_migrate = database.dialect == "sqlite" if self.settings.auto_migrate is None else self.settings.auto_migrate
            if is_ours_to_migrate and (await store.migrations.status()).waiting:
                await store.migrations.apply(phase="pre")
                await store.upkeep.make_partitions()
            await store.migrations.check()
        except BaseException:
            await store.close()
            raise
        bus = Bus(store)
        driver = Driver(bus)
        bus.wake = driver.wake.set
        stop = asyncio.Event()
        return _Open(loop, os.getpid(), store, bus, loop.create_task(driver.run(stop), name="mainspring-bus"), stop)

    async def close(self) -> None:
        """Stop this process's own node, if it has one, and let the store go. Runs in hand are given back."""
        held, self._open_now = self._open_now, None
        self.blocking.close()
        if held is None or held.pid != os.getpid():
            return
        if held.runner is not None:
            await held.runner.stop(drain=0.0)
        held.stop.set()
        held.bus_task.cancel()
        await asyncio.gather(held.bus_task, return_exceptions=True)
        await held.bus.close()
        await held.store.close()

    async def __aenter__(self) -> Mainspring:
        await self.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    # -- enqueueing

    async def enqueue(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunHandle[R]:
        """Add a run and return its handle once it is durable; parameters are checked before anything is written.

        Raises `InvalidParams` with every wrong field, `Conflict` for a disabled task, `StoreUnavailable`. With a key, the handle may
        be that of an earlier unfinished run (``is_new`` is False then).
        """
        if (pipe := active.child_pipe()) is not None:
            return cast("RunHandle[R]", await pipe.enqueue(task, *args, **kwargs))
        run, definition, options = self.prepare(task, args, kwargs)
        held = await self._opened()
        if options.connection is not None:
            added = await self._add_on(held.store, run, options.connection)
        else:
            added = await self._add(held, run)
        return RunHandle(self, added.id, definition.result, added.is_new)

    async def enqueue_many(self, task: Task[P, R] | Bound[P, R], params: Iterable[Mapping[str, Any]], /) -> list[RunHandle[R]]:
        """Add many runs of one task, in large batches; answers in the order given. All parameters are checked before the first write."""
        given = list(params)
        if not given:
            return []
        first, definition, options = self.prepare(task, (), given[0])
        if options.connection is not None:
            raise ConfigurationError("connection= goes with one enqueue at a time: call app.enqueue in a loop within your transaction")
        held = await self._opened()
        dump, make_id, now = definition.params.dump, self._ids.make, time.time_ns() // 1_000_000
        if not first.is_plain:
            runs = [self.prepare(task, (), each)[0] for each in given]
            try:
                added = await held.store.runs.add_many(runs)
            except StoreUnavailable:  # as in `_add`: some may be there already
                added = await self._add_many_again(held, runs)
        else:
            rows = [(first.id, first.params), *((make_id(now), dump((), each)) for each in given[1:])]
            try:
                await held.store.runs.add_alike(first, rows)
                added = [Added(id_, True) for id_, _ in rows]
            except StoreUnavailable:
                added = await self._add_many_again(held, [replace(first, id=id_, params=params) for id_, params in rows])
        self._hint(held, first)
        return [RunHandle(self, each.id, definition.result, each.is_new) for each in added]

    async def enqueue_json(
        self, task: Task[..., Any] | Bound[..., Any], params: str, *, origin: str = "api", actor: str | None = None
    ) -> RunHandle[Any]:
        """Add a run whose parameters arrive as JSON text, for faces; see `enqueue`. ``origin`` and ``actor`` are kept with the run."""
        checked = self._known(task.task if isinstance(task, Bound) else task).params.dump_json_text(params)
        run, definition, _ = self.prepare(task, (), {}, origin=origin, actor=actor, params=checked)
        added = await self._add(await self._opened(), run)
        return RunHandle(self, added.id, definition.result, added.is_new)

    def prepare(
        self, task: Task[..., Any] | Bound[..., Any], args: Sequence[object], kwargs: Mapping[str, object], *, origin: str = "api",
        actor: str | None = None, retry_of: str | None = None, params: str | None = None,
    ) -> tuple[NewRun, Task[..., Any], CallOptions]:  # fmt: skip
        """Check parameters and resolve every policy to a plain value; nothing is written.

        ``params`` is checked JSON text instead of arguments.
        """
        options = _NOTHING
        if isinstance(task, Bound):
            options, plain = task.call, task.task
        else:
            plain = task
        definition = self._known(plain)
        spec = definition.spec
        if not spec.is_enabled:
            raise Conflict(f"the task {spec.name!r} is disabled: nothing is enqueued (enabled=False at {spec.source})")
        retry = options.retry or spec.retry
        text = definition.params.dump(args, kwargs) if params is None else params
        tenant = options.tenant or ""
        dedupe = None if options.key is not None else options.dedupe or spec.dedupe
        limit = spec.limit
        plain_values = json.loads(text) if dedupe is not None or limit is not None else {}
        isolation = self.settings.isolation if spec.isolation is Isolation.PROCESS else spec.isolation
        run = NewRun(
            id=self._ids.make(time.time_ns() // 1_000_000),
            task=spec.name,
            params=text,
            queue=options.queue or spec.queue,
            tenant=tenant,
            pool=PoolKind.of(isolation, is_async=spec.is_async, is_repeatable=spec.is_repeatable),
            priority=spec.priority if options.priority is None else options.priority,
            delay=options.delay,
            run_at=options.run_at,
            key=options.key if dedupe is None else dedupe.key.fill(plain_values),
            timeout=options.timeout or spec.timeout or self.settings.default_timeout,
            deadline=options.deadline or spec.deadline,
            max_retries=self.settings.default_retries if retry is None else retry.retries,
            max_rescues=spec.max_rescues,
            is_repeatable=spec.is_repeatable,
            label=options.label,
            origin=origin,
            actor=actor,
            retry_of=retry_of,
            params_version=spec.params_version,
            limit_task=task_key(spec.name) if spec.concurrency is not None or spec.rate is not None else None,
            limit_key=None if limit is None else own_key(tenant, limit.key.fill(plain_values)),
            dedupe=DedupePolicy.EXISTING if dedupe is None else dedupe.policy,
            window=None if dedupe is None else dedupe.window,
        )
        return run, definition, options

    async def _add(self, held: _Open, run: NewRun) -> Added:
        FAULT("before_enqueue")
        lane = _lane(run)
        hint = None if lane is None else held.bus.hint_to_ride(lane)
        try:
            added = await held.store.runs.add(run, hint)
            FAULT("after_enqueue_commit")
        except StoreUnavailable:
            # The commit may have happened and only its answer been lost: the same id asked again is never a second run.
            added = await held.store.runs.add_again(run)
            added = Added(added.id, added.is_new or added.id == run.id)
        if added.is_new and hint is not None and lane is not None:
            held.bus.on_hint(lane)  # other processes know already
        elif added.is_new:
            self._hint(held, run)
        return added

    async def _add_many_again(self, held: _Open, runs: Sequence[NewRun]) -> list[Added]:
        again = await held.store.runs.add_many_again(runs)
        return [Added(added.id, added.is_new or added.id == run.id) for added, run in zip(again, runs, strict=True)]

    def _hint(self, held: _Open, run: NewRun) -> None:
        if (lane := _lane(run)) is not None:
            held.bus.hint(lane)
        elif held.runner is not None:
            held.runner.due_soon()

    async def _add_on(self, store: Store, run: NewRun, connection: object) -> Added:
        """Add in the caller's own transaction: the same statement, where their connection lives. No hint: the commit is theirs."""
        from mainspring.store.foreign import add_on

        return await add_on(store, run, connection)

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
        held = await self._opened()
        watch = held.bus.watch(run_id)
        try:
            while True:
                watch.changed.clear()
                run = await held.store.runs.get(run_id)
                if run.is_final:
                    return run
                watch.seq = run.seq
                if run.state is RunState.PENDING and not await self.carry_out(run_id):
                    await asyncio.sleep(WAIT_FOR_DUE)  # a retry is due in a while, or a worker is just taking it
                    continue
                await watch.changed.wait()
        finally:
            held.bus.unwatch(watch)

    async def carry_out(self, run_id: str) -> bool:
        """Take a ready run into this process's own node; answers False where another was faster or it is not due."""
        held = await self._opened()
        runner = await self._own_runner(held)
        run = await held.store.runs.take(run_id, runner.presence.id, make_claim_id(), timedelta(seconds=30))
        if run is None:
            return False
        runner.worker.take([run])
        return True

    async def _own_runner(self, held: _Open) -> Runner:
        if held.runner is None:
            held.runner = self._make_runner(held, claims=False)
            await held.runner.start()
        return held.runner

    def handle(self, run: Run) -> RunHandle[Any]:
        """Return a handle for a run that was looked up."""
        return RunHandle(self, run.id, self.task_named(run.task).result, False)

    async def read_run(self, run_id: str) -> Run:
        """Return a run as it is now; raises `UnknownRun`."""
        return await (await self._opened()).store.runs.get(run_id)

    async def wait_for(self, run_id: str, timeout: float | None = None) -> Run:
        """Return a run once it is final; raises `StillRunning`, `UnknownRun`."""
        return await (await self._opened()).bus.wait_for(run_id, timeout)

    async def follow(self, run_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Yield a run's events past a number, then follow it until its final event, from any process."""
        held = await self._opened()
        async for event in held.bus.follow(run_id, after):
            yield event

    async def cancel(self, run_id: str, *, reason: str | None = None, actor: str | None = None) -> str:
        """Ask a run to stop; answers ``cancelled`` (it was waiting), ``requested`` (it is running) or ``already`` (it was final)."""
        held = await self._opened()
        for attempt in range(50):
            stopped = (await held.store.runs.cancel([run_id], actor=actor, reason=reason)).get(run_id)
            if stopped is not None:
                if stopped.was_running and held.runner is not None and stopped.node_id == held.runner.presence.id:
                    held.runner.worker.cancel([run_id])
                elif not stopped.was_running:
                    held.bus.ended([run_id])
                return "requested" if stopped.was_running else "cancelled"
            if (await held.store.runs.get(run_id)).is_final:
                return "already"
            await asyncio.sleep(0.02 * (attempt + 1))  # it is being written right now
        raise Conflict(f"the run {run_id} is being written all the time: ask again")

    async def retry(self, run_id: str, *, actor: str | None = None, params: str | None = None) -> RunHandle[Any]:
        """Run a finished run again, as a new run that points at the old, with a fresh budget; ``params`` is other JSON text.

        Raises `Conflict` while the run is unfinished.
        """
        held = await self._opened()
        old = await held.store.runs.get(run_id)
        if not old.is_final:
            raise Conflict(f"the run {run_id} is {old.state}: only a finished run can be retried")
        task = self.task_named(old.task)
        checked = task.params.dump_json_text(old.params if params is None else params)
        bound = task.options(queue=old.queue, priority=old.priority, label=old.label)
        run, definition, _ = self.prepare(bound, (), {}, origin="retry", actor=actor, retry_of=old.id, params=checked)
        added = await self._add(held, run)
        return RunHandle(self, added.id, definition.result, added.is_new)

    # -- working

    @asynccontextmanager
    async def worker(self, *, queues: Sequence[str] = (), name: str | None = None) -> AsyncIterator[Runner]:
        """Work in this process: a node that claims, until the block ends (then it drains)."""
        runner = await self.start_worker(queues=queues, name=name)
        try:
            yield runner
        finally:
            await runner.stop(self.settings.drain.total_seconds())
            if self._open_now is not None and self._open_now.runner is runner:
                self._open_now.runner = None

    async def start_worker(self, *, queues: Sequence[str] = (), name: str | None = None) -> Runner:
        """Start a node that claims in this process; stop it with ``runner.stop(drain)``."""
        held = await self._opened()
        if held.runner is not None:
            raise Conflict("this app works already: one node for each app and process")
        held.runner = self._make_runner(held, claims=True, queues=tuple(queues), name=name)
        try:
            await held.runner.start()
        except BaseException:
            held.runner = None
            raise
        if not held.is_listening:
            await held.bus.listen()
            held.is_listening = True
        return held.runner

    def _make_runner(self, held: _Open, *, claims: bool, queues: tuple[str, ...] = (), name: str | None = None) -> Runner:
        from mainspring.engine.options import NodeOptions
        from mainspring.engine.pools import Limits
        from mainspring.engine.runner import Runner

        settings = self.settings
        options = NodeOptions(
            name=name, queues=queues, isolation=settings.isolation, def_children=settings.def_children, async_slots=settings.slots,
            limits=Limits(
                slots=settings.slots, grace=settings.grace.total_seconds(), memory=settings.memory_limit, runs=settings.max_runs_per_child,
                log_level=settings.log_level, buffer=settings.buffer_size,
            ),
            lease=settings.lease.total_seconds(), beat=settings.beat.total_seconds(), grace=settings.grace.total_seconds(),
            retention=settings.retention, default_retry=Retry(retries=settings.default_retries), claims=claims,
            on_child_start=self._on_child_start,
        )  # fmt: skip
        database = held.store.database
        return Runner(
            held.store, self._live, held.bus, spawn=self._spawn, options=options,
            beside=getattr(database, "path", None),
        )  # fmt: skip

    async def _spawn(self, request: EnqueueRequest, parent: ClaimedRun) -> EnqueueReply:
        """Enqueue for a body in an executor child; its errors travel back as values."""
        from mainspring.engine.pools import EnqueueReply

        try:
            task = self.task_named(request.task)
            bound = Bound(task, request.call or _NOTHING)
            run, _, _ = self.prepare(
                bound, (), {}, origin="task", actor=f"run:{parent.id}", params=task.params.dump_json_text(request.params)
            )
            added = await self._add(await self._opened(), run)
        except MainspringError as error:
            return EnqueueReply(code=error.code, message=str(error))
        return EnqueueReply(id=added.id, is_new=added.is_new)

    def health(self) -> Health | None:
        """Say how this process's node is doing, or None where it has none."""
        held = self._open_now
        return held.runner.health() if held is not None and held.runner is not None else None


class Blocking:
    """The verbs for callers without an event loop: Flask and Django views, scripts.

    They run on one thread of this app with a loop of its own, which starts with the first call.
    """

    def __init__(self, app: Mainspring) -> None:
        self._app = app
        self._twin: Mainspring | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def enqueue(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunHandle[R]:
        """Add a run and return its handle; see `Mainspring.enqueue`. The handle's own methods need a loop: use `result` here."""
        return self._do(self._other().enqueue(task, *args, **kwargs))

    def run(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do a task the durable way and wait for its result; see `Mainspring.run`."""
        return self._do(self._other().run(task, *args, **kwargs))

    def result(self, handle: RunHandle[R], timeout: float | None = None) -> R:
        """Wait for a run's end and return its typed result; see `RunHandle.result`."""
        return self._do(handle.result(timeout))

    def status(self, run_id: str) -> Run:
        """Return a run as it is now."""
        return self._do(self._other().read_run(run_id))

    def cancel(self, run_id: str, *, reason: str | None = None) -> str:
        """Ask a run to stop; see `Mainspring.cancel`."""
        return self._do(self._other().cancel(run_id, reason=reason))

    def close(self) -> None:
        """End the thread. The next call starts another."""
        with self._lock:
            loop, thread, twin = self._loop, self._thread, self._twin
            self._loop = self._thread = self._twin = None
        if loop is None or thread is None or twin is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(twin.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _other(self) -> Mainspring:
        """Return the app's twin, whose store is opened in the thread's loop."""
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                app = self._app
                self._twin = Mainspring.__new__(Mainspring)
                self._twin.__dict__.update(app.__dict__ | {"_open_now": None, "_opening": None, "blocking": self})
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                self._thread = threading.Thread(target=self._loop.run_forever, name="mainspring-blocking", daemon=True)
                self._thread.start()
            assert self._twin is not None
            return self._twin

    def _do(self, work: Awaitable[R]) -> R:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(_awaited(work), self._loop).result()


async def _awaited(work: Awaitable[R]) -> R:
    return await work


def _lane(run: NewRun) -> Lane | None:
    """Return the lane that a run makes longer now, or None where it waits for a time or a limit."""
    from mainspring.store.runs import Lane

    if run.delay is not None or run.run_at is not None or run.is_limited:
        return None
    return Lane(run.queue, run.tenant, int(run.pool), int(run.priority))
