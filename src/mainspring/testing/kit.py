"""The kit: an app on a store in memory, a node whose loops are ticked by hand, and a clock that nobody but the test moves.

Everything is what production uses, but for time: parameters and results go through JSON, runs through claim, lease, attempt and fence.
Its verbs are plain calls, so that tests need no event loop of their own; inside a running one they work as well.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import shutil
import sys
import tempfile
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from mainspring.app import Mainspring
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.core.duration import Duration, parse_duration
from mainspring.core.event import Event, EventKind
from mainspring.core.handle import RunHandle
from mainspring.core.policy import PoolKind
from mainspring.core.role import Role
from mainspring.core.run import Attempt, Run
from mainspring.core.state import RunState
from mainspring.core.task import Bound, Task
from mainspring.engine.capture import RunLog, RunStream
from mainspring.engine.faults import set_fault
from mainspring.engine.loop import Loop
from mainspring.engine.runner import Runner
from mainspring.store.store import database_for
from mainspring.testing.clock import ManualClock
from mainspring.testing.virtual import Place, PlaceDied, VirtualLoop, place

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

MOST_ROUNDS = 20_000  # of one drain: far more than a test needs, few enough to end a test that would never
CALM_ROUNDS = 6  # rounds in which nothing happens before a drain is over: some loops do part of their work every fifth
STRIDE = 20.0  # seconds of virtual time after which the node is ticked at the latest while bodies run
BEATS_BEFORE = 300.0  # seconds of an advance in which the node beats, as it would have all along


class NoProgress(AssertionError):
    """A drain or a wait that will never end; says what is in the way."""


class Node:
    """One node of the kit, as a place that can die."""

    def __init__(self, runner: Runner, where: Place, context: contextvars.Context) -> None:
        self.runner, self.place, self.context = runner, where, context


class Kit:
    """A whole engine in a test. Close it when the test is over; the fixture ``ms`` does.

    Tasks need no registration: the first call that names one makes it part of the app. ``settings`` are those of `Mainspring`.
    """

    def __init__(
        self, *, tasks: Iterable[Task[..., Any]] = (), discover: Sequence[str] = (), clock: ManualClock | None = None, **settings: Any
    ) -> None:
        self.clock = clock if clock is not None else ManualClock()
        self.loop = VirtualLoop(self.clock)
        self.app = Mainspring(
            "sqlite://", tasks=tasks, discover=discover, isolation="inline",
            database=database_for("sqlite://", clock=self.clock.microseconds), **settings,
        )  # fmt: skip
        self.nodes: list[Node] = []
        self._locks: Path | None = None
        self._crash_points: list[str] = []
        self.deaths: list[str] = []

    # -- asking for runs

    def enqueue(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunHandle[R]:
        """Add a run; nothing is carried out before `drain`. Raises as `Mainspring.enqueue` does."""
        return self.do(self.app.enqueue(task, *args, **kwargs))

    def run(self, task: Task[P, R] | Bound[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Add a run, carry it out with its retries, letting their time pass, and return its typed result.

        Raises as `RunHandle.result` does: `RunFailed`, `RunTimeout`, `RunCancelled`, `RunSkipped`.
        """
        handle = self.enqueue(task, *args, **kwargs)
        self.until(handle)
        return self.result(handle)

    def cancel(self, run: RunHandle[Any] | str, reason: str | None = None) -> str:
        """Ask a run to stop; answers ``cancelled``, ``requested`` or ``already``."""
        return self.do(self.app.cancel(_id(run), reason=reason))

    def retry(self, run: RunHandle[R] | str) -> RunHandle[R]:
        """Run a finished run again, as a new run that points at the old."""
        return self.do(self.app.retry(_id(run)))

    # -- letting things happen

    def drain(self) -> None:
        """Carry out everything that is due, and what that enqueues.

        Time passes only while bodies wait (``asyncio.sleep``), as much as they ask for. What is due later stays: `advance` first.
        Raises `NoProgress` where it would never end.
        """
        self.do(self._drain())

    def advance(self, duration: Duration) -> None:
        """Let time pass (timedelta, seconds, ``"5m"``). Bodies that wait go on; nothing that becomes due is begun before `drain`."""
        self.do(self._advance(parse_duration(duration, "advance(duration)").total_seconds()))

    def until(self, run: RunHandle[Any] | str, state: RunState | str | None = None) -> Run:
        """Let things happen and time pass until a run is in a state (final, when none is named), and return it.

        Raises `NoProgress` when it ends otherwise, or waits for nothing that time alone will bring.
        """
        return self.do(self._until(_id(run), None if state is None else RunState(state)))

    def crash_at(self, point: str) -> None:
        """Let the node die at the next pass of a fault point, as a machine does that loses power: ``after_claim_commit`` and others.

        Nobody says good-bye: its runs stay in its hands until its lease is over (``advance("2m")``), then another node has them.
        """
        self._crash_points.append(point)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the kit's loop, for whatever has no verb here: ``ms.do(run.status())``."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._do_here(work)
        # Another loop runs on this thread, as in an async test: a thread of its own, for as long as the call takes.
        answer: list[T] = []
        problem: list[BaseException] = []

        def elsewhere() -> None:
            try:
                answer.append(self._do_here(work))
            except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
                problem.append(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(elsewhere,), name="mainspring-kit")
        thread.start()
        thread.join()
        if problem:
            raise problem[0]
        return answer[0]

    def _do_here(self, work: Coroutine[Any, Any, T]) -> T:
        set_fault(self._fault)
        try:
            return self.loop.run_until_complete(work)
        finally:
            set_fault(None)

    # -- looking

    def get(self, run: RunHandle[Any] | str) -> Run:
        """Return a run as it is now."""
        return self.do(self.app.read_run(_id(run)))

    def state(self, run: RunHandle[Any] | str) -> str:
        """Return a run's state as a word."""
        return str(self.get(run).state)

    def result(self, run: RunHandle[R]) -> R:
        """Return the typed result of a run that has ended; raises as `RunHandle.result` does, `StillRunning` when it has not."""
        return self.do(run.result(timeout=0.001))

    def runs(self, task: Task[..., Any] | str | None = None, state: RunState | str | None = None) -> list[Run]:
        """Return runs, the oldest first, of one task or in one state where these are named."""
        name = task.name if isinstance(task, Task) else task
        states = None if state is None else [RunState(state)]

        async def read() -> list[Run]:
            return await (await self.app.store()).runs.page(task=name, states=states, n=100_000, scope=EVERYTHING)

        return sorted(self.do(read()), key=lambda run: run.id)

    def attempts(self, run: RunHandle[Any] | str) -> list[Attempt]:
        """Return the finished tries of a run, in order."""

        async def read() -> list[Attempt]:
            return await (await self.app.store()).runs.attempts(_id(run), scope=EVERYTHING)

        return self.do(read())

    def events(self, run: RunHandle[Any] | str) -> list[Event]:
        """Return what has happened to a run so far."""

        async def read() -> list[Event]:
            store, found = await self.app.store(), list[Event]()
            while more := await store.events.after(_id(run), found[-1].seq if found else 0, scope=EVERYTHING):
                found += more
            return found

        return self.do(read())

    def logs(self, run: RunHandle[Any] | str) -> list[str]:
        """Return the lines that a run's body has logged or printed."""
        return [event.data["message"] for event in self.events(run) if event.kind is EventKind.LOG]

    def progress(self, run: RunHandle[Any] | str) -> Mapping[str, Any] | None:
        """Return the latest progress of a run."""
        return self.get(run).progress

    def assert_enqueued(self, task: Task[..., Any], /, **params: Any) -> Run:
        """Return the unfinished run of a task whose parameters are among others these; fails with what there is instead."""
        definition = self.app._definitions.known(task)
        found = [run for run in self.runs(task) if not run.is_final]
        for run in found:
            held = definition.params.load(run.params)
            if all(name in held and held[name] == value for name, value in params.items()):
                return run
        wanted = f"{task.name}({', '.join(f'{name}={value!r}' for name, value in params.items())})"
        there = [f"{run.task} {run.params} ({run.state})" for run in self.runs()] or ["nothing at all"]
        raise AssertionError(f"{wanted} was not enqueued; there is: " + "; ".join(there))

    # -- the end

    def close(self) -> None:
        """End the node, the app and the loop. Bodies that are still in hand are given back first."""
        if self.loop.is_closed():
            return
        try:
            self.do(self._close())
            self.loop.bury()
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            active.retire(self.app)
            for node in self.nodes:
                node.runner.heartbeat.let_go()
            let_output_go()
            self.loop.close()
            if self._locks is not None:
                shutil.rmtree(self._locks, ignore_errors=True)

    def __enter__(self) -> Kit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def _close(self) -> None:
        self._crash_points.clear()
        for node in self.nodes:
            if not node.place.is_dead:
                await self._inside(node, node.runner.stop(0.0))
        held = await self.app._opening.opened()
        held.runner = None
        await self.app.close()

    # -- inside

    async def node(self) -> Node:
        """Return the node that lives, after making one where none does."""
        if self.nodes and not self.nodes[-1].place.is_dead:
            return self.nodes[-1]
        held = await self.app._opening.opened()
        if self._locks is None:
            self._locks = Path(tempfile.mkdtemp(prefix="mainspring-kit-"))
        name = f"node-{len(self.nodes) + 1}"
        where = Place(name)
        context = contextvars.copy_context()
        context.run(place.set, where)
        runner = context.run(lambda: self.app._make_runner(held, role=Role.ALL, name=name))
        runner.presence.host = name  # a machine of its own: nobody sees its lock file, so only its lease can tell of its death
        runner.presence.locks = self._locks
        node = Node(runner, where, context)
        self.nodes.append(node)
        held.runner = runner
        await self._inside(node, runner.start(drives=False))
        return node

    async def _inside(self, node: Node, work: Coroutine[Any, Any, T]) -> T | None:
        """Do something as a node; answers None where it died of it."""
        task = self.loop.create_task(work, context=node.context)
        while not task.done() and not node.place.is_dead:
            await asyncio.wait([task], timeout=STRIDE)
        if node.place.is_dead:
            return None
        return await task

    def _fault(self, point: str) -> None:
        where = place.get()
        if where is None or where.is_dead or point not in self._crash_points:
            return
        self._crash_points.remove(point)
        self.deaths.append(where.name)
        self.loop.kill(where)
        raise PlaceDied(point)

    async def _round(self) -> bool:
        """Tick every loop of the node once; answers whether anything is in its hands."""
        node = await self.node()
        runner = node.runner
        runner.worker.lanes.look_again()
        # The beat first: without a fresh lease nothing is claimed. Due runs become ready before the worker looks.
        first: tuple[Loop, ...] = (runner.heartbeat, runner.promoter, runner.rescuer)
        for loop in (*first, *(each for each in runner.loops() if each not in first)):
            await self._inside(node, loop.tick())
            if node.place.is_dead:
                return True
        await self.loop.settle()
        is_at_work = any(run.pool != PoolKind.SERVICE for run in runner.worker.runs_in_hand())  # services go on for ever
        return is_at_work or not runner.worker.recorder.is_idle

    async def _drain(self) -> None:
        store = await self.app.store()
        mark: list[object] = []
        calm = 0
        for _ in range(MOST_ROUNDS):
            is_busy = await self._round()
            if is_busy:
                calm = 0
                await self.loop.step(STRIDE)
                continue
            before, mark = mark, [self.nodes[-1].runner.worker.claimed, *await store.runs.waiting(scope=EVERYTHING)]
            calm = calm + 1 if mark == before else 0
            if calm >= CALM_ROUNDS:
                return
        raise NoProgress(f"after {MOST_ROUNDS} rounds there is still work: {await self._describe()}")

    async def _advance(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        if seconds > 2 * BEATS_BEFORE:
            await asyncio.sleep(seconds - BEATS_BEFORE)
        while (left := end - self.clock.monotonic()) > 1e-9:
            await asyncio.sleep(min(left, 10.0))
            node = await self.node()
            await self._inside(node, node.runner.heartbeat.tick())
        await self.loop.settle()

    async def _until(self, run_id: str, state: RunState | None) -> Run:
        store = await self.app.store()
        idle = 0
        for _ in range(MOST_ROUNDS):
            run = await store.runs.get(run_id, scope=EVERYTHING)
            if run.state is state or (state is None and run.is_final):
                return run
            if run.is_final:
                raise NoProgress(f"the run {run_id} ended {run.state}, and will never be {state}")
            is_busy = await self._round()
            run = await store.runs.get(run_id, scope=EVERYTHING)
            if run.state is state or (state is None and run.is_final):
                return run
            if is_busy:
                await self.loop.step(STRIDE)
                idle = 0
            elif (due := await store.runs.next_due()) is not None:
                await self._advance(max(due.total_seconds(), 0.001))
            elif run.state is RunState.RUNNING:
                await self._advance(STRIDE)  # in the hands of a node that died: its lease will end
            elif (idle := idle + 1) < CALM_ROUNDS:
                await self._advance(1.0)
            else:
                raise NoProgress(f"the run {run_id} is {run.state} ({run.reason}), and time alone will not change that")
        raise NoProgress(f"after {MOST_ROUNDS} rounds the run {run_id} is still not {state or 'final'}: {await self._describe()}")

    async def _describe(self) -> str:
        store = await self.app.store()
        rows = await store.runs.page(states=[each for each in RunState if not each.is_final], n=10, scope=EVERYTHING)
        return "; ".join(f"{run.task} {run.params} is {run.state} (attempt {run.attempt})" for run in rows) or "nothing"


def let_output_go() -> None:
    """Take away what dead nodes have left in the way of output and logging."""
    while isinstance(sys.stdout, RunStream):
        sys.stdout = sys.stdout.real
    while isinstance(sys.stderr, RunStream):
        sys.stderr = sys.stderr.real
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, RunLog):
            root.removeHandler(handler)


def _id(run: RunHandle[Any] | str) -> str:
    return run if isinstance(run, str) else run.id
