"""The loop host: a child that runs many ``async def`` bodies at once on one event loop.

The hot path of the engine's speed: a run costs a task of its own and little else. One timer serves all timeouts,
outcomes leave once a loop iteration, and silence costs nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import time
import types
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Future
from typing import Any, cast

from mainspring.core.active import enter_child
from mainspring.core.context import Context
from mainspring.core.run import CancelledByRequest, Outcome, Reason, Released
from mainspring.core.task import Task
from mainspring.engine.attempt import Bodies, Body, Packed, perform, under_stop
from mainspring.engine.blame import user_frame
from mainspring.engine.capture import FLUSH_EVERY, Capture, Row, Tape, Tapes, current_tape
from mainspring.engine.faults import FAULT
from mainspring.engine.finish import Finisher, Way, foreigners_of
from mainspring.engine.frames import Channel, Message, Wire, encode, pack_outcome, tolerant
from mainspring.engine.means import Means
from mainspring.engine.page import BEAT, BLAMED, STARTED, STEP, Page, Why
from mainspring.engine.pipe import Answer, Pipe

LAG = 0.25  # seconds that a body may hold the loop before it is told so
BEAT_EVERY = 0.1
_LINGER = 10  # beats: how long the watch stays up after the last body, so that a trickle of runs does not toggle it
_SHED = 8 * 1024 * 1024  # bytes that the engine has not taken yet, above which lines of running bodies are dropped


def serve_loop(wire: Wire, page: Page, tasks: Mapping[str, Task[..., Any]], options: Mapping[str, Any]) -> None:
    """Be a loop host until the engine closes the socket."""
    loop = _new_loop()
    asyncio.set_event_loop(loop)
    host = LoopHost(wire, page, tasks, options, loop)
    serving = loop.create_task(host.serve())
    while not serving.done():
        try:
            loop.run_until_complete(serving)
        except (SystemExit, KeyboardInterrupt):
            continue  # from a task that a body started: it has its exception, and the loop goes on
    serving.result()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class _Held:
    """A run whose body has begun."""

    __slots__ = ("began_at", "context", "deadline", "has_begun", "host", "row", "serial", "tape", "task", "why")

    def __init__(self, host: LoopHost, row: list[Any], tape: Tape, context: Context, began_at: float) -> None:
        self.host, self.row, self.serial, self.tape, self.context = host, row, row[0], tape, context
        self.began_at = began_at
        self.deadline = began_at + row[7] / 1000 if row[7] is not None else None
        self.task: asyncio.Task[None] | None = None
        self.has_begun = False
        self.why: Why | None = None

    @types.coroutine
    def step(self, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Drive a body, noting on the page whose step is executing: who never comes back from it can still be named."""
        cells, serial, clock = self.host.cells, self.serial, time.monotonic
        wanted: Any
        cells[STEP], begun = serial, clock()
        try:
            wanted = coroutine.send(None)
            while True:
                cells[STEP] = 0
                if clock() - begun > LAG:
                    self.host.watch.explain(self.tape, clock() - begun)
                try:
                    answer = yield wanted
                except BaseException as error:  # noqa: BLE001 - handed on to the body
                    cells[STEP], begun = serial, clock()
                    wanted = coroutine.throw(error)
                else:
                    cells[STEP], begun = serial, clock()
                    wanted = coroutine.send(answer)
        except StopIteration as stop:
            return stop.value
        finally:
            cells[STEP] = 0
            if clock() - begun > LAG:
                self.host.watch.explain(self.tape, clock() - begun)


class LoopHost:
    """Takes runs, has up to ``slots`` bodies running at once, first come first served, and sends how they ended."""

    def __init__(
        self, wire: Wire, page: Page, tasks: Mapping[str, Task[..., Any]], options: Mapping[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:  # fmt: skip
        self._wire, self._loop, self._slots = wire, loop, options["slots"]
        self.cells = page.cells
        means = Means.from_json(options["means"])
        self._bodies = Bodies(tasks, means)
        self._tapes = Tapes(wake=self._wake, most=options["buffer"], grace=options["grace"], keeper=means)
        self._tapes.finisher = Finisher(self._bodies, foreigners_of(options["home"]), self._make_way, time.monotonic)
        self._tapes.unlocker = self._unlock
        self._capture = Capture(level=options["log_level"], is_child=True)
        self._queue: deque[list[Any]] = deque()
        self._running: dict[int, _Held] = {}
        self._outbox: list[list[Any]] = []
        self._promises: dict[int, Future[Answer]] = {}
        self._numbers = itertools.count(1)
        self._flushing = False
        self._check: asyncio.TimerHandle | None = None  # the one timer of all timeouts
        self._check_at = float("inf")
        self._thread = threading.get_ident()
        self.watch = Watch(self)

    async def serve(self) -> None:
        """Run until the engine closes the socket."""
        self._closed = asyncio.Event()
        self._channel = await Channel.over(self._wire.sock, self._wire.reader, self._wire.unread)
        self._loop.set_task_factory(cast("Any", _make_task))  # typeshed's protocol asks for more than loops do
        enter_child(Pipe(current_tape, self._ask))
        self._capture.install()
        self._channel.listen(self._on_message, self._closed.set)
        await self._closed.wait()

    # -- runs

    def _on_message(self, message: Message) -> None:
        match message[0]:
            case "run":
                self._queue.extend(message[1])
                self._fill()
            case "cancel":
                self._cancel(message[1], message[2])
            case "slots":
                self._slots = message[1]
                self._fill()
            case "void":
                self._channel.send(["back", [row[0] for row in self._queue]])
                self._queue.clear()
            case "told":
                if (promise := self._promises.pop(message[1], None)) is not None:
                    promise.set_result(message)

    def _fill(self) -> None:
        queue, running, slots = self._queue, self._running, self._slots
        now = time.monotonic()
        while queue and len(running) < slots:
            self._begin(queue.popleft(), now)

    def _begin(self, row: list[Any], now: float) -> None:
        serial, run_id, claim_id, name, attempt, queue, tenant, _, params = row
        self.cells[STARTED] = serial
        body = self._bodies.find(name)
        if not isinstance(body, Body):
            self._send_done(serial, 0, body, None)
            return
        tape = Tape(self._tapes, serial)
        context = Context(run_id=run_id, task=name, attempt=attempt, claim_id=claim_id, queue=queue, tenant=tenant, sink=tape)
        held = _Held(self, row, tape, context, now)
        self._running[serial] = held
        held.task = asyncio.Task(self._perform(held, body, params), loop=self._loop, name=name)
        if held.deadline is not None and held.deadline < self._check_at:
            self._check_in(held.deadline, now)
        if not self.watch.is_up:
            self.watch.stand_up()

    async def _perform(self, held: _Held, body: Body, params: Packed) -> None:
        held.has_begun = True
        if held.why is not None:  # asked to stop between its turn and its first step
            outcome: Outcome = CancelledByRequest() if held.why == "requested" else Released(Reason.NOT_STARTED)
            self._end(held, outcome)
            return
        outcome = await perform(body, held.context, params, held.step)
        if held.why is not None:
            timeout = None if held.row[7] is None else held.row[7] / 1000
            outcome = under_stop(outcome, held.why, body.name, timeout, has_noticed=True)
        self._end(held, outcome)

    def _end(self, held: _Held, outcome: Outcome) -> None:
        del self._running[held.serial]
        now, tape = time.monotonic(), held.tape
        if tape.mask is not None:
            outcome = tape.mask.outcome(outcome)
        if tape.tasks or tape.threads:
            _clear_up(tape)
        self._send_done(held.serial, int((now - held.began_at) * 1_000_000), outcome, tape.close())
        if self._queue:
            self._begin(self._queue.popleft(), now)

    def _send_done(self, serial: int, micros: int, outcome: Outcome, rows: list[Row] | None) -> None:
        self._outbox.append([serial, micros, pack_outcome(outcome), rows])
        if len(self._outbox) == 1:
            self._loop.call_soon(self._flush_done)

    def _flush_done(self) -> None:
        FAULT("child_before_send")
        outbox, self._outbox = self._outbox, []
        self._channel.send_bytes(tolerant("done", outbox))

    # -- stops

    def _check_in(self, deadline: float, now: float) -> None:
        if self._check is not None:
            self._check.cancel()
        self._check_at = deadline
        self._check = self._loop.call_later(max(deadline - now, 0.001), self._check_deadlines)

    def _check_deadlines(self) -> None:
        # At most `slots` runs are looked at, and a timer of its own for each of them would cost every run of a fast queue.
        self._check, self._check_at = None, float("inf")
        now, following = time.monotonic(), float("inf")
        for held in list(self._running.values()):
            if held.deadline is None or held.why is not None:
                continue
            if held.deadline <= now:
                self._stop(held, "timeout")
            else:
                following = min(following, held.deadline)
        if following < float("inf"):
            self._check_in(following, now)

    def _cancel(self, serial: int, why: Why) -> None:
        if (held := self._running.get(serial)) is not None:
            self._stop(held, why)
            return
        for row in self._queue:
            if row[0] == serial:
                self._queue.remove(row)
                outcome: Outcome = CancelledByRequest() if why == "requested" else Released(Reason.NOT_STARTED)
                self._send_done(serial, 0, outcome, None)
                return

    def _stop(self, held: _Held, why: Why) -> None:
        held.why = held.why or why
        held.context.stop()
        if held.has_begun and held.task is not None:  # a task that is cancelled before its first step never takes it
            held.task.cancel()

    # -- words

    def _wake(self) -> None:
        if self._flushing:
            return
        self._flushing = True
        if threading.get_ident() == self._thread:
            self._loop.call_later(FLUSH_EVERY, self._flush_words)
        else:
            self._loop.call_soon_threadsafe(lambda: self._loop.call_later(FLUSH_EVERY, self._flush_words))

    def _flush_words(self) -> None:
        self._flushing = False
        said = self._tapes.drain()
        if said and self._channel.backlog < _SHED:
            self._channel.send_bytes(tolerant("said", said))
        if self._tapes.is_waiting:
            self._wake()

    def _ask(self, serial: int, request: list[Any]) -> Future[Answer]:
        return self._tell(lambda number: encode(["ask", number, serial, *request]))

    def _unlock(self, tape: Tape, references: list[str]) -> Future[Answer]:
        return self._tell(lambda number: encode(["unlock", number, tape.serial, references]))

    def _make_way(self, tape: Tape) -> Way:
        ran_ms = (time.monotonic() - self._running[tape.serial].began_at) * 1000
        rows = tape.take()
        return self._tell(lambda number: tolerant("finish", [number, tape.serial, rows])), ran_ms

    def _tell(self, frame: Callable[[int], bytes]) -> Future[Answer]:
        """Send what the engine shall answer, from any thread."""
        number, promise = next(self._numbers), Future[Answer]()
        self._promises[number] = promise
        if threading.get_ident() == self._thread:
            self._channel.send_bytes(frame(number))
        else:
            self._loop.call_soon_threadsafe(self._channel.send_bytes, frame(number))
        return promise

    # -- the watch's questions

    @property
    def is_busy(self) -> bool:
        """Whether a body is running."""
        return bool(self._running)

    def tape_of(self, serial: int) -> Tape | None:
        """Return the tape of a run that is running."""
        held = self._running.get(serial)
        return None if held is None else held.tape

    def executing(self) -> int:
        """Return the serial of the run whose code the loop executes now, 0 for none; asked from the watch's thread."""
        if step := self.cells[STEP]:
            return int(step)
        try:
            task = asyncio.current_task(self._loop)
        except RuntimeError:
            return 0
        if task is None:
            return 0
        owners = (held.serial for held in list(self._running.values()) if held.tape.tasks and task in held.tape.tasks)
        return next(owners, 0)

    def later(self, seconds: float, what: Any) -> None:
        """Call something on the loop after a while."""
        self._loop.call_later(seconds, what)

    def tell_lag(self, serial: int, seconds: float) -> None:
        """Tell the engine that a body held the loop."""
        self._channel.send(["lag", serial, seconds])

    @property
    def thread(self) -> int:
        """The thread of the loop."""
        return self._thread


class Watch:
    """Sees that the loop is held, and by whom. It beats on the page, so that the engine sees it too."""

    def __init__(self, host: LoopHost) -> None:
        self._host = host
        self.is_up = False
        self._idle_beats = 0
        self._expected_at = 0.0
        self._explained_at = 0.0
        self._seen: tuple[int, str] | None = None  # whom the monitor met in the act, and where
        self._up = threading.Event()
        self._monitor: threading.Thread | None = None

    def stand_up(self) -> None:
        """Begin to watch; called when a body begins."""
        self.is_up, self._idle_beats = True, 0
        self._beat_again(time.monotonic())
        if self._monitor is None:
            self._monitor = threading.Thread(target=self._look, daemon=True, name="mainspring-monitor")
            self._monitor.start()
        self._up.set()

    def explain(self, tape: Tape, seconds: float) -> None:
        """Tell a run that one of its steps held the loop, and where if the monitor saw it."""
        self._explained_at = time.monotonic()
        seen, self._seen = self._seen, None
        where = f", last seen at {seen[1]}" if seen is not None and seen[0] == tape.serial else ""
        message = f"this body held the event loop for {seconds:.2f} s{where}: every other body had to wait"
        remedy = "await instead, use asyncio.to_thread(...), or declare the task with def"
        data = {"lag": round(seconds, 3)} | ({"at": seen[1]} if seen and where else {})
        tape.note(f"{message}; {remedy}", data)
        self._host.tell_lag(tape.serial, seconds)

    def _beat(self) -> None:
        now = time.monotonic()
        late, seen = now - self._expected_at, self._seen
        if late > LAG and self._explained_at < self._expected_at and seen is not None:
            self._explain_seen(seen[0], late)
        self._seen = None
        self._host.cells[BLAMED] = 0
        self._idle_beats = 0 if self._host.is_busy else self._idle_beats + 1
        if self._idle_beats > _LINGER:
            self._host.cells[BEAT] = 0
            self.is_up = False
            self._up.clear()
        else:
            self._beat_again(now)

    def _explain_seen(self, serial: int, seconds: float) -> None:
        if (tape := self._host.tape_of(serial)) is not None:
            self.explain(tape, seconds)

    def _beat_again(self, now: float) -> None:
        self._host.cells[BEAT] = time.monotonic_ns()
        self._expected_at = now + BEAT_EVERY
        self._host.later(BEAT_EVERY, self._beat)

    def _look(self) -> None:
        """Look from outside the loop, on a thread of its own: who is executing while the beat is late?"""
        while True:
            self._up.wait()
            time.sleep(BEAT_EVERY)
            if self.is_up and self._seen is None and time.monotonic() - self._expected_at > LAG - BEAT_EVERY:
                serial = self._host.executing()
                frame = sys._current_frames().get(self._host.thread)
                if serial and frame is not None:
                    self._seen = (serial, user_frame(frame))
                    self._host.cells[BLAMED] = serial
                del frame


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Make a task as the loop would, and note which run it belongs to."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    tape = current_tape()
    if tape is not None:
        if tape.tasks is None:
            tape.tasks = weakref.WeakSet()
        tape.tasks.add(task)
    return task


def _clear_up(tape: Tape) -> None:
    """Cancel tasks that a body left behind, name threads, and say so in the run's log."""
    left = [task for task in tape.tasks or () if not task.done()]
    for task in left:
        task.cancel()
    if left:
        names = ", ".join(sorted(task.get_name() for task in left)[:10])
        said = f"the body ended and left {len(left)} asyncio tasks running, which were cancelled: {names}"
        tape.note(said)
    tape.tell_threads()
