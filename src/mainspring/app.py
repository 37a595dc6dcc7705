"""Mainspring: the composition root. It wires the parts and holds the verbs of the Python face; it knows how to do nothing itself."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from mainspring.config import read_settings
from mainspring.core import active
from mainspring.core.context import current_run
from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.errors import AlreadyEnqueued, ConfigurationError, Conflict, DefinitionError, MainspringError, StoreUnavailable
from mainspring.core.handle import RunHandle
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.limit import own_key, queue_key, task_key
from mainspring.core.policy import Isolation, PoolKind, Retry
from mainspring.core.run import Added, Attempt, Beside, ClaimedRun, NewRun, Reason, Retried, Run
from mainspring.core.state import RunState
from mainspring.core.status import TaskStatus
from mainspring.core.switch import Switches
from mainspring.core.task import EXPENSIVE_QUEUE, Bound, CallOptions, Task
from mainspring.engine import carry
from mainspring.engine.again import insist
from mainspring.engine.faults import FAULT
from mainspring.telemetry.address import parse_address
from mainspring.telemetry.tracing import marked, submitting

if TYPE_CHECKING:
    from mainspring.core.capability import Capability, Facts
    from mainspring.core.event import Event
    from mainspring.core.explanation import Explanation
    from mainspring.core.file import Artifact, File, FileLimit
    from mainspring.engine.bus import Bus
    from mainspring.engine.means import Means
    from mainspring.engine.pools import EnqueueReply, EnqueueRequest
    from mainspring.engine.runner import Health, Runner
    from mainspring.engine.switcher import SwitchBoard
    from mainspring.registry.registry import Registry
    from mainspring.store.caller import Caller
    from mainspring.store.file_store import Source
    from mainspring.store.runs import Lane
    from mainspring.store.store import Store

P = ParamSpec("P")
R = TypeVar("R")
Clocked = Any  # a database made by a test, with a clock of its own

_NOTHING = CallOptions()
RETRIED_TOGETHER = 500  # runs in one statement of a retry of many: their parameters are in memory then
WAIT_FOR_DUE = 0.1  # seconds between looks at a run that is to be carried out here but is not ready yet


@dataclass(slots=True)
class _Open:
    """What belongs to one event loop of one process."""

    loop: asyncio.AbstractEventLoop
    pid: int
    store: Store
    bus: Bus
    board: SwitchBoard
    bus_task: asyncio.Task[None]
    stop: asyncio.Event
    is_listening: bool = False
    runner: Runner | None = None


class Mainspring:
    """An app: a store, the tasks of some packages, and the ways to enqueue, wait and work.

    ``url`` names the store: ``sqlite:///mainspring.db``, ``postgresql://…``, ``sqlite://`` for one in memory; it and every other setting
    may come from the environment or ``mainspring.toml`` instead. ``discover`` names packages whose ``task.py``, ``tasks.py`` and
    ``*_tasks.py`` are imported when the app is first used; ``tasks`` are added to them. ``manifest`` names a file that ``mainspring index``
    wrote where the code is: its tasks can be listed, checked and enqueued here, and are carried out elsewhere. ``isolation`` is where
    bodies run unless their task says otherwise.
    ``on_child_start`` names functions (``module:function``) that every executor child calls first, ``before_import``
    those that are called before tasks are imported for them (as ``django:setup``).

    It opens itself when first used; ``async with app`` closes it as well.
    """

    def __init__(
        self, url: str | None = None, *, discover: Sequence[str] = (), tasks: Iterable[Task[..., Any]] = (),
        isolation: Isolation | str | None = None, on_child_start: Sequence[str] = (), before_import: Sequence[str] = (),
        database: Clocked | None = None,
        **settings: Any,
    ) -> None:  # fmt: skip
        chosen = None if isolation is None else Isolation(isolation)
        self.settings, self.warnings = read_settings(url=url, isolation=chosen, **settings)
        self._discover = tuple(discover)
        self._given = tuple(tasks)
        self._extra: dict[str, Task[..., Any]] = {}
        self._on_child_start, self._before_import = tuple(on_child_start), tuple(before_import)
        self._database = database
        self._registry: Registry | None = None
        self._live: dict[str, Task[..., Any]] = {}  # what a running node looks into: tasks may still join
        self._open_now: _Open | None = None
        self._opening: asyncio.Lock | None = None
        self._switches = Switches()  # what operators have switched, as this process last read it
        self._ids = IdMaker()
        self._scratch: Path | None = None  # where the files of a store in memory lie
        self.files = Files(self)
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
            remote: list[Task[..., Any]] = [task for task in self._extra.values() if not task.is_here]
            if self.settings.manifest is not None:
                from mainspring.registry.manifest import read_manifest

                remote = [*read_manifest(self.settings.manifest), *remote]
            here = [*found.tasks, *self._given, *(task for task in self._extra.values() if task.is_here)]
            self._registry = Registry.build(here, found.problems, facts=self._facts(), remote=remote)
            for said in carry.named_like_secrets([task for task in self._registry if task.is_here]):
                if said not in self.warnings:
                    self.warnings.append(said)
                    carry.log.warning("%s", said)
            self._live.update((task.name, task) for task in self._registry if task.is_here)
            for name, why in self._registry.unmet.items():
                logging.getLogger("mainspring").warning("the task %r is not registered here: %s", name, "; ".join(why))
        return self._registry

    def _known(self, task: Task[..., Any]) -> Task[..., Any]:
        """Take a task that is handed in directly: one that discovery has not found becomes part of the app."""
        known = self.registry.by_name.get(task.name)
        if known is task:
            return task
        if known is not None and (known.is_here or not task.is_here):
            if known.spec.source == task.spec.source or not task.is_here:
                return known  # the same definition, imported twice, or a handle of the index
            raise DefinitionError(f"two tasks are named {task.name!r}: {known.spec.source} and {task.spec.source}")
        self._extra[task.name] = task
        self._registry = None
        try:
            return self.registry.get(task.name)
        except DefinitionError:
            del self._extra[task.name]
            self._registry = None
            raise

    def _facts(self) -> Facts:
        from mainspring.engine.abilities import dialect_of, facts_of

        return facts_of(dialect_of(self.settings.url) if self._database is None else self._database.dialect)

    def capabilities(self) -> Mapping[str, Capability]:
        """Return what this engine can do here, by name, from code, schema and backend; what is missing says why."""
        from mainspring.engine.abilities import capabilities

        return capabilities(self._facts())

    @property
    def supports_services(self) -> bool:
        """Whether side tasks can run here; ``capabilities()["services"].why`` says why not."""
        return self.capabilities()["services"].is_available

    def task_named(self, name: str) -> Task[..., Any]:
        """Return a task; raises `UnknownTask` with the names that come close."""
        return self.registry.get(name)

    # -- opening and closing

    async def provide(self) -> Mainspring:
        """Return this app, opened: a dependency for the routes of a web framework, as ``Depends(app.provide)``."""
        await self.open()
        return self

    async def open(self) -> None:
        """Connect, bring an SQLite file to this schema, and check that database and code fit."""
        await self._opened()

    def closed_store(self) -> Store:
        """Return the store that the settings name, not opened, for what needs to know it only."""
        from mainspring.store.store import Store, database_for

        return Store(self._database if self._database is not None else database_for(self.settings.url))

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
        from mainspring.engine.means import blobs_for
        from mainspring.engine.switcher import SwitchBoard
        from mainspring.store.store import Store, database_for

        registry = self.registry  # bad definitions stop the start before anything is touched
        del registry
        database = self._database if self._database is not None else database_for(self.settings.url)
        store = Store(database)
        store.files.settle(lambda: blobs_for(self._place_of_files()))
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
        board = SwitchBoard(store, self._switches, clock=loop.time)
        bus = Bus(store)
        driver = Driver(bus)
        bus.wake = driver.wake.set
        stop = asyncio.Event()
        return _Open(loop, os.getpid(), store, bus, board, loop.create_task(driver.run(stop), name="mainspring-bus"), stop)

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
        await held.board.close()
        await held.store.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    async def __aenter__(self) -> Mainspring:
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
        if _connection_of(task) is None:
            if (pipe := active.child_pipe()) is not None:
                return cast("RunHandle[R]", await pipe.enqueue(task, *args, **kwargs))
            self._warn_if_open(task)
        return await self._enqueue(task, args, kwargs)

    async def _enqueue(self, task: Task[..., R] | Bound[..., R], args: Sequence[object], kwargs: Mapping[str, object]) -> RunHandle[R]:
        if (connection := _connection_of(task)) is not None:
            run, definition = self._prepare_within(task, args, kwargs)
            run = await self._checked(run, definition)
            [added] = await self._add_within([run], definition, connection)
            added = _accepted(run, added)
        else:
            run, definition, _ = self.prepare(task, args, kwargs)
            run = await self._checked(run, definition)
            added = await self._add(await self._opened_for(definition), run)
        return RunHandle(self, added.id, definition.result, added.is_new, added.how)

    async def enqueue_many(self, task: Task[P, R] | Bound[P, R], params: Iterable[Mapping[str, Any]], /) -> list[RunHandle[R]]:
        """Add many runs of one task, in large batches; answers in the order given. All parameters are checked before the first write.

        What the policy `reject` refuses is answered by the handle of the run in the way, with ``how`` being ``rejected``: the others
        are added all the same.
        """
        given = list(params)
        if not given:
            return []
        if (connection := _connection_of(task)) is not None:
            prepared = [self._prepare_within(task, (), each) for each in given]
            definition = prepared[0][1]
            added = await self._add_within([await self._checked(run, definition) for run, _ in prepared], definition, connection)
            return [RunHandle(self, each.id, definition.result, each.is_new, each.how) for each in added]
        self._warn_if_open(task)
        return await self._enqueue_many(task, given)

    async def _enqueue_many(self, task: Task[..., R] | Bound[..., R], given: Sequence[Mapping[str, Any]]) -> list[RunHandle[R]]:
        first, definition, _ = self.prepare(task, (), given[0])
        held = await self._opened_for(definition)
        make_id, now = self._ids.make, time.time_ns() // 1_000_000
        runs: Sequence[NewRun] = ()
        is_plain = first.is_plain and definition.hooks.validate is None and definition.params.marks.is_plain
        texts = [definition.params.dump((), each) for each in given[1:]] if is_plain else []
        if not is_plain or max(map(len, texts), default=0) > self.settings.surely_small:
            runs = [await self._checked(self.prepare(task, (), each)[0], definition) for each in given]
            with submitting(runs) as runs:
                try:
                    added = [_owned(run, each) for run, each in zip(runs, await held.store.runs.add_many(runs), strict=True)]
                except StoreUnavailable:  # as in `_add`: some may be there already
                    added = await self._add_many_again(held, runs)
        else:
            rows = [(first.id, first.params), *((make_id(now), text) for text in texts)]
            with submitting([first], len(rows)) as [first]:
                try:
                    await held.store.runs.add_alike(first, rows)
                    added = [Added(id_, True) for id_, _ in rows]
                except StoreUnavailable:
                    added = await self._add_many_again(held, [replace(first, id=id_, params=params) for id_, params in rows])
        self._hint(held, first)
        if first.limit_key is not None and first.limit_task is None and first.limit_queue is None and first.delay is None:
            held.bus.limited({run.limit_key for run in runs if run.limit_key is not None})
        return [RunHandle(self, each.id, definition.result, each.is_new, each.how) for each in added]

    async def enqueue_json(
        self, task: Task[..., Any] | Bound[..., Any], params: str, *, origin: str = "api", actor: str | None = None
    ) -> RunHandle[Any]:
        """Add a run whose parameters arrive as JSON text, for faces; see `enqueue`. ``origin`` and ``actor`` are kept with the run."""
        checked = self._known(task.task if isinstance(task, Bound) else task).params.dump_json_text(params)
        run, definition, _ = self.prepare(task, (), {}, origin=origin, actor=actor, params=checked)
        run = await self._checked(run, definition)
        added = await self._add(await self._opened_for(definition), run)
        return RunHandle(self, added.id, definition.result, added.is_new, added.how)

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
        retry = options.retry or spec.retry
        tenant, settings = options.tenant or "", self.settings
        beside: Beside | None = None
        if definition.params.marks.is_plain:
            text = definition.params.dump(args, kwargs) if params is None else params
        else:
            text, beside = carry.dump(definition, args, kwargs, params, tenant, settings.secrets, is_from_body=origin == "task")
        if len(text) > settings.surely_small and carry.weigh(spec.name, text, settings.max_payload, spills=settings.spill):
            beside = replace(beside or Beside(), is_large=True)
        carry.warn_of_raw_secrets(definition, text)
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
            limit_queue=queue_key(EXPENSIVE_QUEUE) if (options.queue or spec.queue) == EXPENSIVE_QUEUE else None,
            limit_task=task_key(spec.name) if spec.concurrency is not None or spec.rate is not None else None,
            limit_key=None if limit is None else own_key(tenant, limit.key.fill(plain_values)),
            dedupe=DedupePolicy.EXISTING if dedupe is None else dedupe.policy,
            window=None if dedupe is None else dedupe.window,
            beside=beside,
        )
        return run, definition, options

    async def _opened_for(self, task: Task[..., Any]) -> _Open:
        """Open, and refuse a task that the code or an operator has disabled; raises `TaskDisabled`."""
        held = await self._opened()
        if not held.board.is_fresh:
            await insist(held.board.fresh, is_over=held.stop.is_set)
        if self._switches.is_off(task.spec):
            self._switches.refuse(task.spec, task.spec.source)
        return held

    async def check(self, task: Task[..., Any], params: str) -> None:
        """Check parameters, given as JSON text, as an enqueue would, the task's ``validate`` included; nothing is written.

        Raises `InvalidParams` with every wrong field.
        """
        definition = self._known(task)
        checked = definition.params.dump_json_text(params)
        version = definition.spec.params_version
        await self._checked(NewRun(self._ids.make(0), definition.name, checked, params_version=version), definition)

    async def _checked(self, run: NewRun, task: Task[..., Any]) -> NewRun:
        """Ask the task's ``validate`` about a run that is to be added, and note that it passed; raises `InvalidParams`."""
        if task.hooks.validate is None:
            return run
        from mainspring.engine.attempt import check_new

        return await check_new(run, task)

    async def _upgraded(self, held: _Open, old: Run) -> str | None:
        """Return an old run's parameters as its task's ``upgrade`` makes them; None where they are of the code's version."""
        task = self.task_named(old.task)
        if task.hooks.upgrade is None or (stored := await held.store.runs.params_version(old.id)) >= task.spec.params_version:
            return None
        from mainspring.engine.attempt import upgrade_params
        from mainspring.engine.provide import call_here

        return await upgrade_params(task.hooks.upgrade, old.params, stored, call_here)

    async def _add(self, held: _Open, run: NewRun) -> Added:
        with submitting([run]) as [run]:
            return await self._add_marked(held, run)

    async def _add_marked(self, held: _Open, run: NewRun) -> Added:
        FAULT("before_enqueue")
        lane = _lane(run)
        hint = None if lane is None else held.bus.hint_to_ride(lane)
        try:
            added = await held.store.runs.add(run, hint)
            FAULT("after_enqueue_commit")
        except StoreUnavailable:
            # The commit may have happened and only its answer been lost: the same id asked again is never a second run.
            added = await insist(lambda: held.store.runs.add_again(run), is_over=held.stop.is_set)
        added = _owned(run, added)
        if added.is_new and hint is not None and lane is not None:
            held.bus.on_hint(lane)  # other processes know already
        elif added.is_new or added.how in _CHANGED:
            self._hint(held, run)
        return _accepted(run, added)

    async def _add_many_again(self, held: _Open, runs: Sequence[NewRun]) -> list[Added]:
        again = await insist(lambda: held.store.runs.add_many_again(runs), is_over=held.stop.is_set)
        return [_owned(run, added) for added, run in zip(again, runs, strict=True)]

    def _hint(self, held: _Open, run: NewRun) -> None:
        if (lane := _lane(run)) is not None:
            held.bus.hint(lane)
        elif run.delay is None and run.run_at is None and (key := run.limit_queue or run.limit_task or run.limit_key) is not None:
            held.bus.limited((key,))
        elif held.runner is not None:
            held.runner.due_soon()

    # -- files

    def _place_of_files(self) -> str | None:
        """Return where files lie: as the settings say, beside an SQLite file, or for a store in memory in a folder that goes with it."""
        if self.settings.files is not None:
            return self.settings.files
        database = self.closed_store().database
        if database.dialect != "sqlite":
            return None
        path: Path | None = getattr(database, "path", None)
        if path is not None:
            return f"{path.absolute()}.files"
        if self._scratch is None:
            self._scratch = Path(tempfile.gettempdir()) / f"mainspring-files-{make_claim_id()}"
        return str(self._scratch)

    def _means(self) -> Means:
        from mainspring.engine.means import Means

        settings = self.settings
        return Means(files=self._place_of_files(), secrets=settings.secrets, max_payload=settings.max_payload, spill=settings.spill)

    async def artifacts(self, run_id: str) -> list[Artifact]:
        """Return the files that a run has left behind, in order; they can be read."""
        return await (await self._opened()).store.files.artifacts(run_id)

    def place(self, file: File) -> None:
        """Let a file of a result be read from this app's store of files; for handles."""
        if self._open_now is not None:
            file.at(self._open_now.store.files.source)

    # -- within the caller's own transaction

    async def poke(self) -> None:
        """Let every worker look for runs now: after a commit of your own that no library tells us of.

        Without it a run that was enqueued in such a transaction is found within a second.
        """
        (await self._opened()).bus.poke()

    def _prepare_within(
        self, task: Task[..., Any] | Bound[..., Any], args: Sequence[object], kwargs: Mapping[str, object]
    ) -> tuple[NewRun, Task[..., Any]]:
        parent = current_run() if active.child_pipe() is not None else None
        origin, actor = ("api", None) if parent is None else ("task", f"run:{parent.run_id}")
        return self.prepare(task, args, kwargs, origin=origin, actor=actor)[:2]

    async def _add_within(self, runs: Sequence[NewRun], task: Task[..., Any], connection: object) -> list[Added]:
        from mainspring.engine.within import hint_behind
        from mainspring.store.foreign import adopt

        caller = adopt(connection)
        if active.child_pipe() is not None:
            return await self._add_in_child(runs, task, caller)
        held = await self._opened_for(task)
        with submitting(runs) as runs:
            added = await held.store.foreign.add(caller, runs, held.store.foreign.learn)
        FAULT("after_enqueue_within")
        hint_behind(caller, held.loop, held.bus, _lane(runs[0]))
        return added

    async def _add_in_child(self, runs: Sequence[NewRun], task: Task[..., Any], caller: Caller) -> list[Added]:
        """Add on a body's own connection: its process has none of ours, and needs none."""
        from mainspring.store.store import Store, database_for

        self._switches.refuse(task.spec, task.spec.source)
        return await Store(self._database if self._database is not None else database_for(self.settings.url)).foreign.add(caller, runs)

    def _warn_if_open(self, task: Task[..., Any] | Bound[..., Any]) -> None:
        """Warn where a transaction is open that was not given; where no library is about that tells of any, this costs next to nothing."""
        modules = sys.modules
        if "sqlalchemy.orm" in modules or "django.db" in modules:
            from mainspring.engine.within import warn_if_open

            warn_if_open(self.settings.url, task.name if isinstance(task, Task) else task.task.name)

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
                if run.state is RunState.BLOCKED and run.reason == Reason.LIMIT and run.task in self._live:
                    await self._own_runner(held)  # without a worker about, nobody else would let it go
                    await _at_most(WAIT_FOR_DUE, watch.changed)
                    continue
                if run.state is RunState.PENDING and run.task in self._live and not await self.carry_out(run_id):
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

    async def attempts(self, run_id: str) -> list[Attempt]:
        """Return the finished tries of a run, the oldest first; a run that completed at once has none to tell of."""
        return await (await self._opened()).store.runs.attempts(run_id)

    async def wait_for(self, run_id: str, timeout: float | None = None) -> Run:
        """Return a run once it is final; raises `StillRunning`, `UnknownRun`."""
        return await (await self._opened()).bus.wait_for(run_id, timeout)

    async def follow(self, run_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Yield a run's events past a number, then follow it until its final event, from any process."""
        held = await self._opened()
        async for event in held.bus.follow(run_id, after):
            yield event

    async def task_status(self, name: str) -> TaskStatus:
        """Return what the runs of a task are doing now, in the whole fleet; raises `UnknownTask`."""
        spec = self.task_named(name).spec
        held = await self._opened()
        counts = await held.store.runs.of_task(name)
        newest = await held.store.runs.page(task=name, n=1)
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
        return name in await (await self._opened()).store.runs.running()

    async def running(self) -> list[str]:
        """Return the names of the tasks of which runs are being carried out now, on any node, sorted."""
        return list(await (await self._opened()).store.runs.running())

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

        Raises `Conflict` while the run is unfinished. Its key is no obstacle, even where a task is to be done once; only where another
        run with the key is unfinished, that one is the answer (or `AlreadyEnqueued`, by the policy `reject`).
        """
        held = await self._opened()
        old = await held.store.runs.get(run_id)
        run, definition = self._prepare_again(old, params or await self._upgraded(held, old), actor)
        run = await self._checked(run, definition)
        added = await self._add(await self._opened_for(definition), run)
        return RunHandle(self, added.id, definition.result, added.is_new, added.how)

    async def retry_many(self, run_ids: Sequence[str], *, edit: Mapping[str, Any] | None = None, actor: str | None = None) -> list[Retried]:
        """Run finished runs again as `retry` does, in few statements; ``edit`` names parameters that change, the others stay.

        What cannot be retried (unfinished, unknown here, parameters that no longer fit) is answered with its problem, and keeps back none
        of the others. Answers in the order given.
        """
        held = await self._opened()
        answers: list[Retried] = []
        for start in range(0, len(run_ids), RETRIED_TOGETHER):
            answers += await self._retry_some(held, run_ids[start : start + RETRIED_TOGETHER], edit, actor)
        return answers

    async def _retry_some(self, held: _Open, ids: Sequence[str], edit: Mapping[str, Any] | None, actor: str | None) -> list[Retried]:
        old = await held.store.runs.get_many(ids)
        prepared: list[tuple[str, NewRun]] = []
        problems: dict[str, str] = {id_: f"there is no run {id_}" for id_ in ids if id_ not in old}
        for id_, run in old.items():
            try:
                params = await self._upgraded(held, run)
                params = params if edit is None else json.dumps({**json.loads(params or run.params), **edit})
                new, definition = self._prepare_again(run, params, actor)
                await self._opened_for(definition)
                prepared.append((id_, await self._checked(new, definition)))
            except (MainspringError, ValueError) as error:
                problems[id_] = str(error)
        new_runs = [new for _, new in prepared]
        try:
            added = await held.store.runs.add_many(new_runs)
        except StoreUnavailable:  # as in `_add`: some may be there already
            added = await self._add_many_again(held, new_runs)
        for lane in sorted({lane for new in new_runs if (lane := _lane(new)) is not None}):
            held.bus.hint(lane)
        made = {id_: each for (id_, _), each in zip(prepared, added, strict=True)}
        return [
            Retried(id_, made[id_].id, made[id_].is_new) if id_ in made else Retried(id_, None, False, problems.get(id_)) for id_ in ids
        ]

    def _prepare_again(self, old: Run, params: str | None, actor: str | None) -> tuple[NewRun, Task[..., Any]]:
        """Return the run that does an old one again, and its task. Its key is no obstacle but for an unfinished run."""
        if not old.is_final:
            raise Conflict(f"the run {old.id} is {old.state}: only a finished run can be retried")
        task = self.task_named(old.task)
        checked = task.params.dump_json_text(old.params if params is None else params)
        bound = task.options(queue=old.queue, priority=old.priority, label=old.label, tenant=old.tenant or None)
        run, definition, _ = self.prepare(bound, (), {}, origin="retry", actor=actor, retry_of=old.id, params=checked)
        key = old.key if params is None and old.key is not None else run.key
        policy = DedupePolicy.REJECT if run.dedupe is DedupePolicy.REJECT else DedupePolicy.EXISTING
        return replace(run, key=key, dedupe=policy, window=None), definition

    async def explain(self, run_id: str) -> Explanation:
        """Say why a run has not started, or why it stopped: a code with values, true at this moment; raises `UnknownRun`."""
        from mainspring.core.explanation import explain

        return explain(await (await self._opened()).store.explain.facts(run_id))

    async def switch(self, name: str, is_enabled: bool, *, actor: str | None = None, reason: str | None = None) -> int:
        """Enable or disable a task at run time, for every node and enqueuer; what the code says is only the default.

        While it is disabled nothing of it is enqueued or started; what waits is held (blocked, reason ``disabled``), what runs goes on.
        Answers how many waiting runs were held or let go. Raises `UnknownTask`.
        """
        task = self.task_named(name)
        held = await self._opened()
        moved, lanes = await held.board.throw(task.spec, is_enabled, actor=actor, reason=reason)
        await held.bus.switched()
        for lane in sorted(lanes):
            held.bus.hint(lane)
        return moved

    async def switches(self) -> Switches:
        """Return what operators have enabled and disabled, as the store has it now. A file that does not exist has no switches."""
        from mainspring.store.store import database_for

        if self._open_now is None and self._database is None:
            path = getattr(database_for(self.settings.url), "path", None)
            if path is not None and not path.exists():
                return self._switches
        return await (await self._opened()).board.read()

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
        from mainspring.store.foreign import home_of

        settings = self.settings
        options = NodeOptions(
            name=name, queues=queues, isolation=settings.isolation, def_children=settings.def_children, async_slots=settings.slots,
            limits=Limits(
                slots=settings.slots, grace=settings.grace.total_seconds(), memory=settings.memory_limit, runs=settings.max_runs_per_child,
                log_level=settings.log_level, buffer=settings.buffer_size, home=home_of(held.store.database),
                means=self._means().as_json(),
            ),
            lease=settings.lease.total_seconds(), beat=settings.beat.total_seconds(), grace=settings.grace.total_seconds(),
            retention=settings.keeping, default_retry=Retry(retries=settings.default_retries),
            default_timeout=settings.default_timeout, claims=claims,
            on_child_start=self._on_child_start, before_import=self._before_import, traces=settings.tracing,
            metrics=None if settings.metrics is None or not claims else parse_address(settings.metrics),
            expensive=settings.expensive_concurrent,
        )  # fmt: skip
        database = held.store.database
        return Runner(
            held.store, self._live, held.bus, spawn=self._spawn, options=options,
            beside=getattr(database, "path", None), board=held.board,
        )  # fmt: skip

    async def _spawn(self, request: EnqueueRequest, parent: ClaimedRun) -> EnqueueReply:
        """Enqueue for a body in an executor child; its errors travel back as values."""
        from mainspring.engine.pools import EnqueueReply

        try:
            task = self.task_named(request.task)
            bound = Bound(task, request.call or _NOTHING)
            run, definition, _ = self.prepare(
                bound, (), {}, origin="task", actor=f"run:{parent.id}", params=task.params.dump_json_text(request.params)
            )
            run = await self._checked(run, definition)
            added = await self._add(await self._opened_for(definition), marked(run, request.trace))
        except AlreadyEnqueued as error:
            return EnqueueReply(id=error.run_id, code=error.code, message=str(error), state=error.state)
        except MainspringError as error:
            return EnqueueReply(code=error.code, message=str(error))
        return EnqueueReply(id=added.id, is_new=added.is_new, how=added.how)

    async def limits_changed(self, key: str) -> None:
        """Let every node look at once at a limit that was set or cleared; without, they see it within a second."""
        (await self._opened()).bus.limited((key,), is_for_all=True)

    def health(self) -> Health | None:
        """Say how this process's node is doing, or None where it has none."""
        held = self._open_now
        return held.runner.health() if held is not None and held.runner is not None else None


class Files:
    """The files of an app: put here, handed over as parameters, read where they are needed."""

    def __init__(self, app: Mainspring) -> None:
        self._app = app

    async def put(
        self, source: Source, *, name: str | None = None, media_type: str | None = None, limit: FileLimit | None = None,
        tenant: str | None = None,
    ) -> File:  # fmt: skip
        """Store a file and return its handle, to be handed over as a parameter: ``enqueue(report, template=await app.files.put(path))``.

        ``source`` is a path (text or `Path`), bytes, a binary file object, or chunks of bytes, async or not; it is streamed. Name and media
        type are taken or guessed from a path. Raises `FileRefused` as soon as ``limit`` is passed, and then nothing is left behind;
        `ConfigurationError` where there is no place for files. A file belongs to a tenant, goes with the last run that holds it, and is
        swept after a day when none does.
        """
        files = (await self._app._opened()).store.files
        return await files.put(source, name=name, media_type=media_type, limit=limit, tenant=tenant or "")

    async def get(self, file_id: str, *, tenant: str | None = None) -> File:
        """Return the handle of a file that was put; raises `UnknownFile`, also for one of another tenant."""
        return await (await self._app._opened()).store.files.get(file_id, tenant=tenant or "")


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
        """Add a run and return its handle; see `Mainspring.enqueue`. The handle's own methods need a loop: use `result` here.

        With ``connection=`` the statement runs on this very thread, on that connection.
        """
        other = self._other()
        if (connection := _connection_of(task)) is not None:
            run, definition = other._prepare_within(task, args, kwargs)
            [added] = self._add_within(other, [_checked_here(run, definition)], definition, connection)
            added = _accepted(run, added)
            return RunHandle(other, added.id, definition.result, added.is_new, added.how)
        other._warn_if_open(task)
        if (pipe := active.child_pipe()) is not None:
            return cast("RunHandle[R]", self._do(pipe.enqueue(task, *args, **kwargs)))
        return self._do(other._enqueue(task, args, kwargs))

    def enqueue_many(self, task: Task[P, R] | Bound[P, R], params: Iterable[Mapping[str, Any]], /) -> list[RunHandle[R]]:
        """Add many runs of one task; see `Mainspring.enqueue_many`, and `enqueue` for ``connection=``."""
        given, other = list(params), self._other()
        if not given:
            return []
        if (connection := _connection_of(task)) is not None:
            prepared = [other._prepare_within(task, (), each) for each in given]
            definition = prepared[0][1]
            added = self._add_within(other, [_checked_here(run, definition) for run, _ in prepared], definition, connection)
            return [RunHandle(other, each.id, definition.result, each.is_new, each.how) for each in added]
        other._warn_if_open(task)
        return self._do(other._enqueue_many(task, given))

    def poke(self) -> None:
        """Let every worker look for runs now; see `Mainspring.poke`."""
        self._do(self._other().poke())

    def _add_within(self, other: Mainspring, runs: Sequence[NewRun], task: Task[..., Any], connection: object) -> list[Added]:
        """Add on the caller's connection and thread. What is asked beforehand of our own goes by the other thread, the statement never."""
        from mainspring.engine.within import hint_behind
        from mainspring.store.caller import at_once
        from mainspring.store.foreign import adopt

        caller = adopt(connection)
        if caller.is_async:
            raise ConfigurationError(f"{caller.title} needs an event loop, which app.blocking has not: 'await app.enqueue(...)' instead")
        if active.child_pipe() is not None:
            return at_once(other._add_in_child(runs, task, caller))
        held = self._do(other._opened_for(task))
        foreign = held.store.foreign

        async def learn() -> str:
            return self._do(foreign.learn())

        with submitting(runs) as runs:
            added = at_once(foreign.add(caller, runs, learn))
        FAULT("after_enqueue_within")
        hint_behind(caller, held.loop, held.bus, _lane(runs[0]))
        return added

    def put_file(
        self, source: Source, *, name: str | None = None, media_type: str | None = None, limit: FileLimit | None = None,
        tenant: str | None = None,
    ) -> File:  # fmt: skip
        """Store a file and return its handle; see `Files.put`."""
        return self._do(self._other().files.put(source, name=name, media_type=media_type, limit=limit, tenant=tenant))

    def artifacts(self, run_id: str) -> list[Artifact]:
        """Return the files that a run has left behind; see `Mainspring.artifacts`."""
        return self._do(self._other().artifacts(run_id))

    def run(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do a task the durable way and wait for its result; see `Mainspring.run`."""
        return self._do(self._other().run(task, *args, **kwargs))

    def result(self, handle: RunHandle[R], timeout: float | None = None) -> R:
        """Wait for a run's end and return its typed result; see `RunHandle.result`."""
        return self._do(handle.result(timeout))

    def status(self, run_id: str) -> Run:
        """Return a run as it is now."""
        return self._do(self._other().read_run(run_id))

    def attempts(self, run_id: str) -> list[Attempt]:
        """Return the finished tries of a run; see `Mainspring.attempts`."""
        return self._do(self._other().attempts(run_id))

    def progress(self, run_id: str) -> dict[str, Any] | None:
        """Return the latest progress of a run, or None where its body reported none; see `RunHandle.progress`."""
        found = self.status(run_id).progress
        return None if found is None else dict(found)

    def task_status(self, name: str) -> TaskStatus:
        """Return what the runs of a task are doing now; see `Mainspring.task_status`."""
        return self._do(self._other().task_status(name))

    def is_running(self, name: str) -> bool:
        """Tell whether a run of a task is being carried out now; see `Mainspring.is_running`."""
        return self._do(self._other().is_running(name))

    def running(self) -> list[str]:
        """Return the names of the tasks of which runs are being carried out now; see `Mainspring.running`."""
        return self._do(self._other().running())

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
                self._twin.__dict__.update(
                    app.__dict__ | {"_open_now": None, "_opening": None, "blocking": self, "files": Files(self._twin)}
                )
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                self._thread = threading.Thread(target=self._loop.run_forever, name="mainspring-blocking", daemon=True)
                self._thread.start()
            assert self._twin is not None
            return self._twin

    def _do(self, work: Awaitable[R]) -> R:
        """Have the loop's thread do some work in the caller's context, in which for instance a span is open."""
        assert self._loop is not None
        context = contextvars.copy_context()
        return asyncio.run_coroutine_threadsafe(_in_context(work, context), self._loop).result()


def _checked_here(run: NewRun, task: Task[..., Any]) -> NewRun:
    """Ask the task's ``validate`` on this very thread, where the caller's transaction is; see `Mainspring._checked`."""
    if task.hooks.validate is None:
        return run
    from mainspring.engine.attempt import check_new_here

    return check_new_here(run, task)


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _in_context(work: Awaitable[R], context: contextvars.Context) -> R:
    return await asyncio.create_task(_awaited(work), context=context)


async def _awaited(work: Awaitable[R]) -> R:
    return await work


_CHANGED = (How.REPLACED, How.DEBOUNCED)


def _owned(run: NewRun, added: Added) -> Added:
    """Take a run of this call's id for new: ids are made here, so an earlier try of the call has added it."""
    return Added(added.id, True) if added.id == run.id else added


def _accepted(run: NewRun, added: Added) -> Added:
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


def _connection_of(task: Task[..., Any] | Bound[..., Any]) -> object | None:
    return task.call.connection if isinstance(task, Bound) else None


def _lane(run: NewRun) -> Lane | None:
    """Return the lane that a run makes longer now, or None where it waits for a time or a limit."""
    from mainspring.store.runs import Lane

    if run.delay is not None or run.run_at is not None or run.is_limited or run.dedupe is DedupePolicy.DEBOUNCE:
        return None
    return Lane(run.queue, run.tenant, int(run.pool), int(run.priority))
