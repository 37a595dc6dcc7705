"""The pools inside the engine's own process: bodies that nobody can stop by force.

The inline pool runs on the engine's loop, for tests, notebooks, ``__main__`` and simulation: it starts no thread and reads
no clock but the loop's, so that whole nodes can run on virtual time. The thread pool is for bodies that must share the
engine's memory and promise to behave.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from mainspring.core.run import ClaimedRun, Outcome, Reason, Released
from mainspring.core.task import Task
from mainspring.engine.attempt import AttemptContext, Bodies, Body, perform, perform_def, stopped, under_stop
from mainspring.engine.capture import FLUSH_EVERY, MOST_RECORDS, Capture, Tape, Tapes
from mainspring.engine.finish import Finisher, Way
from mainspring.engine.frames import Message, packed
from mainspring.engine.means import NO_MEANS, Means
from mainspring.engine.page import Why
from mainspring.engine.pools import GRACE, PoolName, Report, StopReason, give_back, not_begun, take_out
from mainspring.engine.records import Record, from_wire, to_wire
from mainspring.store.foreign import Foreigners

_TICK = 0.25
_RARELY = 60.0


class _Held:
    """A run whose body has begun."""

    __slots__ = ("began_at", "context", "has_ended", "loop", "run", "stop_at", "tape", "task", "unlocked", "why")

    def __init__(self, run: ClaimedRun, tape: Tape, began_at: float) -> None:
        self.run, self.tape, self.began_at = run, tape, began_at
        self.context = AttemptContext(
            run_id=run.id, task=run.task, attempt=run.attempt, claim_id=run.claim_id, queue=run.queue,
            tenant=run.tenant, sink=tape,
        )  # fmt: skip
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[Any] | None = None
        self.why: Why | None = None
        self.stop_at = 0.0
        self.has_ended = False
        self.unlocked: tuple[Mapping[str, str], Mapping[str, str]] | None = None  # what a body needs that cannot wait for an answer

    def ask_to_stop(self, why: Why, now: float) -> None:
        """Ask the body to stop. Who asks again (each beat does) interrupts its cleaning up only when that takes longer than the grace."""
        if self.why is None:
            self.why, self.stop_at = why, now
        elif now < self.stop_at + GRACE:
            return
        self.context.stop()
        if self.task is not None and self.loop is not None:
            with suppress(RuntimeError):  # a thread's loop is closed: the body has ended, and its report is on the way
                self.loop.call_soon_threadsafe(self.task.cancel)

    def judge(self, outcome: Outcome) -> Outcome:
        """Return what an outcome means, now that the body may have been asked to stop."""
        if self.why is None:
            return outcome
        has_noticed = self.context.has_noticed or self.task is not None
        return under_stop(outcome, self.why, self.run.task, self.run.timeout, has_noticed=has_noticed)


class LocalPool:
    """What the two have in common: a queue, what runs, and the words of the bodies."""

    name: PoolName
    problem: str | None = None
    foreign: Foreigners | None = None  # the way into the transactions of bodies; given before the start
    buffer = MOST_RECORDS  # unsent records that a run may have (TASK_BUFFER_SIZE); likewise

    def __init__(
        self, tasks: Mapping[str, Task[..., Any]], report: Report, slots: int, clock: Callable[[], float] | None, level: str,
        means: Means,
    ) -> None:  # fmt: skip
        self._bodies, self._report, self._slots, self._clock = Bodies(tasks, means), report, slots, clock
        self._means = means
        self._queue: deque[ClaimedRun] = deque()
        self._running: dict[str, _Held] = {}
        self._capture = Capture(level=level)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_flushing = self._is_pumping = False
        self._serial = 0

    async def start(self) -> None:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._tapes = Tapes(self._clock or self._loop.time, self._wake, most=self.buffer, keeper=self._means)
        if self.foreign is not None:
            self._tapes.finisher = Finisher(self._bodies, self.foreign, self._make_way, self._tapes.clock)
        self._tapes.unlocker = self._unlock
        self._capture.install()

    @property
    def slots(self) -> int:
        return 0 if self._loop is None else self._slots

    @property
    def size(self) -> int:
        return self._slots

    def resize(self, slots: int) -> None:
        self._slots = slots
        self._pump_soon()

    @property
    def free(self) -> int:
        return max(self.slots - self.holding, 0)

    @property
    def holding(self) -> int:
        return len(self._queue) + len(self._running)

    def submit(self, run: ClaimedRun) -> None:
        self._queue.append(run)
        self._pump_soon()

    def cancel(self, run_id: str, why: StopReason) -> None:
        held = self._running.get(run_id)
        if held is not None:
            held.ask_to_stop(why, self._tapes.clock())
            return
        if (run := take_out(self._queue, run_id)) is not None:
            self._report.finished(run, not_begun(why), 0.0, [])

    def surplus(self) -> list[ClaimedRun]:
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def unstarted(self) -> list[ClaimedRun]:
        return self.surplus()

    def tick(self, now: float) -> float:
        return _RARELY

    async def stop(self, grace: float) -> None:
        for run in self.unstarted():
            self._report.finished(run, Released(Reason.NOT_STARTED), 0.0, [])
        for held in list(self._running.values()):
            held.ask_to_stop("shutdown", self._tapes.clock())
        await self._emptied(grace)
        for held in list(self._running.values()):  # these bodies ignore everything, and there is no force here
            self._end(held, give_back(held.run))
        self._capture.uninstall()
        self._loop = None

    async def _emptied(self, grace: float) -> None:
        raise NotImplementedError

    # -- beginning and ending

    def _pump_soon(self) -> None:
        if not self._is_pumping and self._loop is not None:
            self._is_pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        raise NotImplementedError

    def _open(self, run: ClaimedRun) -> _Held:
        self._serial += 1
        held = self._running[run.id] = _Held(run, self._tapes.open(self._serial), self._tapes.clock())
        return held

    def _end(self, held: _Held, outcome: Outcome, more: list[Record] | None = None) -> None:
        """Report a run once, whoever comes first: its body, or whoever lost patience with it."""
        if held.has_ended:
            return
        held.has_ended = True
        if held.tape.mask is not None:
            outcome = held.tape.mask.outcome(outcome)
        if self._running.get(held.run.id) is held:
            del self._running[held.run.id]
        if isinstance(outcome, Released) and outcome.reason == Reason.SHUTDOWN:
            outcome = give_back(held.run)
        ran_ms = (self._tapes.clock() - held.began_at) * 1000
        self._report.finished(held.run, outcome, ran_ms, from_wire(held.tape.close()) + (more or []))
        if self._queue:
            self._pump_soon()

    # -- bodies that complete their runs themselves

    def _make_way(self, tape: Tape) -> Way:
        held = next(held for held in self._running.values() if held.tape is tape)
        ran_ms, loop, run = (self._tapes.clock() - held.began_at) * 1000, self._loop, held.run
        assert loop is not None
        promise: Future[Message] = Future()
        records = from_wire(tape.take())

        def ask() -> None:
            self._report.finishing(run, records, lambda unwritten: promise.set_result(["told", 0, to_wire(unwritten)]))

        if threading.get_ident() == self._thread:
            ask()  # at once: a def body holds the loop, and is answered here or never
        else:
            loop.call_soon_threadsafe(ask)
        return promise, ran_ms

    def _unlock(self, tape: Tape, references: list[str]) -> Future[Message]:
        held = next(held for held in self._running.values() if held.tape is tape)
        loop, promise = self._loop, Future[Message]()
        assert loop is not None

        def answer(values: Mapping[str, str], problems: Mapping[str, str]) -> None:
            if not promise.done():
                promise.set_result(["told", 0, dict(values), dict(problems)])

        if held.unlocked is not None:
            answer(*held.unlocked)
        else:
            loop.call_soon_threadsafe(lambda: self._report.unlocking(held.run, references, answer))
        return promise

    # -- words of bodies that go on

    def _wake(self) -> None:
        if not self._is_flushing and (loop := self._loop) is not None:
            self._is_flushing = True
            loop.call_soon_threadsafe(lambda: loop.call_later(FLUSH_EVERY, self._flush))

    def _flush(self) -> None:
        self._is_flushing = False
        runs = {held.tape.serial: held.run for held in self._running.values()}
        for serial, rows in self._tapes.drain():
            if (run := runs.get(serial)) is not None:
                self._report.recorded(run, from_wire(rows))
        if self._tapes.is_waiting:
            self._wake()


class InlinePool(LocalPool):
    """Runs bodies on the engine's event loop. A ``def`` body holds it from end to end."""

    name: PoolName = "inline"

    def __init__(
        self, tasks: Mapping[str, Task[..., Any]], report: Report, *, slots: int = 100, log_level: str = "info", means: Means = NO_MEANS
    ) -> None:  # fmt: skip
        super().__init__(tasks, report, slots, None, log_level, means)
        self._tasks: set[asyncio.Task[None]] = set()

    async def _emptied(self, grace: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)

    def _pump(self) -> None:
        self._is_pumping = False
        while self._queue and len(self._running) < self._slots and self._loop is not None:
            run = self._queue.popleft()
            body = self._bodies.find(run.task)
            if not isinstance(body, Body):
                self._report.finished(run, body, 0.0, [])
            elif body.is_async:
                self._begin(run, body, self._loop)
            elif body.carries and (wanted := self._means.has_stored(run.task, run.tenant)):
                self._begin_unlocked(run, body, wanted)
            else:
                held = self._open(run)
                self._end(held, perform_def(body, held.context, packed(run)))
                if self._queue:
                    self._pump_soon()  # the loop breathes between two bodies
                return

    def _begin(self, run: ClaimedRun, body: Body, loop: asyncio.AbstractEventLoop) -> None:
        task = loop.create_task(self._perform(self._open(run), body, loop), name=f"run {run.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin_unlocked(self, run: ClaimedRun, body: Body, wanted: list[str]) -> None:
        """Ask for the secrets of a ``def`` body before it holds the loop, on which the answer comes."""
        held = self._open(run)

        def answer(values: Mapping[str, str], problems: Mapping[str, str]) -> None:
            if held.why is not None:
                self._end(held, not_begun(held.why))
            elif not held.has_ended:
                held.unlocked = (values, problems)
                self._end(held, perform_def(body, held.context, packed(run)))

        self._report.unlocking(run, wanted, answer)

    async def _perform(self, held: _Held, body: Body, loop: asyncio.AbstractEventLoop) -> None:
        if held.why is not None:  # asked to stop between its turn and its first step
            self._end(held, stopped(held.why, body.name, None))
            return
        held.loop, held.task, timer = loop, asyncio.current_task(), None
        if held.run.timeout is not None:
            timer = loop.call_later(held.run.timeout, lambda: held.ask_to_stop("timeout", loop.time()))
        outcome = await perform(body, held.context, packed(held.run))
        if timer is not None:
            timer.cancel()
        self._end(held, held.judge(outcome))


class ThreadPool(LocalPool):
    """Runs bodies in threads of this process.

    A thread cannot be killed: past its timeout and grace a run is reported as timed out, and its slot stays taken until the
    thread ends by itself.
    """

    name: PoolName = "thread"

    def __init__(
        self, tasks: Mapping[str, Task[..., Any]], report: Report, *, slots: int | None = None, grace: float = GRACE,
        log_level: str = "info", means: Means = NO_MEANS,
    ) -> None:  # fmt: skip
        super().__init__(tasks, report, slots or os.cpu_count() or 1, time.monotonic, log_level, means)
        self._grace = grace
        self._work: queue.SimpleQueue[tuple[_Held, Body] | None] = queue.SimpleQueue()
        self._threads = self._busy = 0
        self._is_empty = asyncio.Event()

    @property
    def free(self) -> int:
        return max(self.slots - self._busy - len(self._queue), 0)

    def tick(self, now: float) -> float:
        now = self._tapes.clock()
        for held in list(self._running.values()):
            timeout = held.run.timeout
            if held.why is None and timeout is not None and now >= held.began_at + timeout:
                held.ask_to_stop("timeout", now)
            if held.why is not None and now >= held.stop_at + self._grace:
                said = "the body does not stop, and a thread cannot be killed: it goes on, and keeps its slot"
                record = Record("log", now, "warning", message=said)
                self._end(held, stopped(held.why, held.run.task, timeout), [record])
        return _TICK if self._running else 4 * _TICK

    async def _emptied(self, grace: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        while self._running and loop.time() < deadline:
            self._is_empty.clear()
            try:
                await asyncio.wait_for(self._is_empty.wait(), deadline - loop.time())
            except TimeoutError:
                pass
        for _ in range(self._threads):
            self._work.put(None)
        self._threads = 0

    def _pump(self) -> None:
        self._is_pumping = False
        while self._queue and self._busy < self._slots:
            run = self._queue.popleft()
            body = self._bodies.find(run.task)
            if not isinstance(body, Body):
                self._report.finished(run, body, 0.0, [])
                continue
            self._busy += 1
            if self._threads < self._busy:
                self._threads += 1
                name = f"mainspring-thread-{self._threads}"
                threading.Thread(target=self._serve, args=(self._loop,), daemon=True, name=name).start()
            self._work.put((self._open(run), body))

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        while (work := self._work.get()) is not None:
            held, body = work
            outcome = self._perform(held, body)
            try:
                loop.call_soon_threadsafe(self._leave, held, outcome)
            except RuntimeError:
                return  # the loop is closed, and nobody listens any more
            del work, held, body, outcome

    def _perform(self, held: _Held, body: Body) -> Outcome:
        if not body.is_async:
            return perform_def(body, held.context, packed(held.run))

        async def call() -> Outcome:
            held.loop, held.task = asyncio.get_running_loop(), asyncio.current_task()
            if held.why is not None and held.task is not None:  # asked to stop before there was anything to cancel
                held.task.cancel()
            return await perform(body, held.context, packed(held.run))

        with asyncio.Runner() as runner:
            return runner.run(call())

    def _leave(self, held: _Held, outcome: Outcome) -> None:
        self._busy -= 1
        if self._loop is not None:
            self._end(held, held.judge(outcome))
            if self._queue:
                self._pump_soon()
        self._is_empty.set()
