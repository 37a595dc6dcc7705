"""The def host: a child that runs ``def`` bodies, one at a time, on its main thread.

Nothing else runs while a body does: that it shall stop is written on the page, and a SIGTERM raises `Stopped` inside
it. The result of each body is sent before the next begins, so that the engine knows what was running when a child dies.
"""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from mainspring.core.active import enter_child
from mainspring.core.run import Outcome, Reason, Released
from mainspring.core.task import Task
from mainspring.engine.attempt import AttemptContext, Bodies, Body, Packed, classify, perform_def, under_stop
from mainspring.engine.capture import FLUSH_EVERY, Capture, Row, Tape, Tapes, current_tape
from mainspring.engine.faults import FAULT
from mainspring.engine.finish import Finisher, Way, foreigners_of
from mainspring.engine.frames import Message, Wire, encode, pack_outcome, tolerant
from mainspring.engine.means import Means
from mainspring.engine.page import REASONS, STARTED, STOP, VOID, WHY, Page, Why
from mainspring.engine.pipe import Answer, Pipe


class Stopped(BaseException):
    """Raised inside a ``def`` body that did not heed ``ctx.stopping``.

    No Exception, so that a body that goes on after any error ends all the same.
    """


def serve_defs(wire: Wire, page: Page, tasks: Mapping[str, Task[..., Any]], options: Mapping[str, Any]) -> None:
    """Be a def host until the engine closes the socket."""
    DefHost(wire, page, tasks, options).serve()


class PageContext(AttemptContext):
    """A context that reads on the page, or from its deadline, that its body shall stop."""

    __slots__ = ("_cells", "_deadline", "_serial")

    def __init__(self, cells: memoryview[int], serial: int, deadline: float | None, **fields: Any) -> None:
        super().__init__(**fields)
        self._cells, self._serial, self._deadline = cells, serial, deadline

    def _is_asked(self) -> bool:
        return self._cells[STOP] == self._serial or (self._deadline is not None and time.monotonic() > self._deadline)

    def why_ended(self) -> Why | None:
        """Return why the body was asked to stop; None when nobody asked, or it never looked at its deadline."""
        if self._cells[STOP] == self._serial:
            return REASONS[self._cells[WHY]]
        return "timeout" if self.has_noticed else None


class DefHost:
    """Takes runs from the engine, runs one body after the other, and sends how each ended before the next."""

    def __init__(self, wire: Wire, page: Page, tasks: Mapping[str, Task[..., Any]], options: Mapping[str, Any]) -> None:
        self._wire, self._cells = wire, page.cells
        means = Means.from_json(options["means"])
        self._bodies = Bodies(tasks, means)
        self._tapes = Tapes(wake=self._wake, most=options["buffer"], grace=options["grace"], keeper=means)
        self._tapes.finisher = Finisher(self._bodies, foreigners_of(options["home"]), self._make_way, time.monotonic)
        self._tapes.unlocker = self._unlock
        self._began_at = 0.0
        self._capture = Capture(level=options["log_level"], is_child=True, owner=lambda: self._tape)
        self._queue: deque[list[Any]] = deque()
        self._tape: Tape | None = None
        self._serial = 0  # of the body that may be stopped by a signal now, 0 outside bodies
        self._is_asking = self._must_stop = False
        self._asking = threading.Lock()
        self._numbers = itertools.count(1)
        self._has_words = threading.Event()
        self._flusher: threading.Thread | None = None

    def serve(self) -> None:
        """Run bodies until the engine closes the socket."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        enter_child(Pipe(self._current, self._ask))
        self._capture.install()
        while (message := self._wire.receive()) is not None:
            self._take(message)
            while self._queue:
                self._perform(self._queue.popleft())

    def _take(self, message: Message) -> None:
        if message[0] == "run":
            self._queue.extend(message[1])

    def _perform(self, row: list[Any]) -> None:
        serial, run_id, claim_id, name, attempt, queue, tenant, timeout_ms, params = row
        cells = self._cells
        cells[STARTED] = serial
        if serial <= cells[VOID]:  # after STARTED is written: the engine looks at it long after it wrote VOID
            self._send_done(serial, 0, Released(Reason.NOT_STARTED), None)
            return
        body = self._bodies.find(name)
        if not isinstance(body, Body):
            self._send_done(serial, 0, body, None)
            return
        began_at = self._began_at = time.monotonic()
        tape = self._tape = Tape(self._tapes, serial)
        timeout = None if timeout_ms is None else timeout_ms / 1000
        deadline = None if timeout is None else began_at + timeout
        context = PageContext(
            cells, serial, deadline,
            run_id=run_id, task=name, attempt=attempt, claim_id=claim_id, queue=queue, tenant=tenant, sink=tape,
        )  # fmt: skip
        outcome = self._call(serial, body, context, params)
        if (why := context.why_ended()) is not None:
            outcome = under_stop(outcome, why, name, timeout, has_noticed=context.has_noticed)
        if tape.mask is not None:
            outcome = tape.mask.outcome(outcome)
        micros = int((time.monotonic() - began_at) * 1_000_000)
        if tape.threads:
            tape.tell_threads()
        self._tape = None
        self._send_done(serial, micros, outcome, tape.close())

    def _call(self, serial: int, body: Body, context: PageContext, params: Packed) -> Outcome:
        self._must_stop = False
        try:
            self._serial = serial
            return perform_def(body, context, params)
        except Stopped as stop:  # it came while the attempt was already being concluded
            return classify(stop, body)
        finally:
            self._serial = 0

    def _on_sigterm(self, number: int, frame: object) -> None:
        serial = self._serial
        if not serial or self._cells[STOP] != serial:
            return  # a service manager's: the engine knows what to do
        if self._is_asking:
            self._must_stop = True  # half a frame may have been read
            return
        self._serial = 0  # once: what the body does to clean up is not interrupted
        raise Stopped(f"asked to stop: {REASONS[self._cells[WHY]]}")

    def _send_done(self, serial: int, micros: int, outcome: Outcome, rows: list[Row] | None) -> None:
        FAULT("child_before_send")
        self._wire.send_frame(tolerant("done", [[serial, micros, pack_outcome(outcome), rows]]))

    # -- words of a body that goes on

    def _wake(self) -> None:
        if self._flusher is None:
            self._flusher = threading.Thread(target=self._flush_for_ever, daemon=True, name="mainspring-flusher")
            self._flusher.start()
        if not self._has_words.is_set():
            self._has_words.set()

    def _flush_for_ever(self) -> None:
        while True:
            self._has_words.wait()
            time.sleep(FLUSH_EVERY)
            self._has_words.clear()
            if said := self._tapes.drain():
                self._wire.send_frame(tolerant("said", said))
            if self._tapes.is_waiting:
                self._has_words.set()

    # -- enqueueing

    def _current(self) -> Tape | None:
        return current_tape() or self._tape

    def _ask(self, serial: int, request: list[Any]) -> Future[Answer]:
        """Ask and wait here: the body's thread is the one that reads the socket, and it has nothing else to do."""
        return self._tell(lambda number: encode(["ask", number, serial, *request]))

    def _unlock(self, tape: Tape, references: list[str]) -> Future[Answer]:
        return self._tell(lambda number: encode(["unlock", number, tape.serial, references]))

    def _make_way(self, tape: Tape) -> Way:
        ran_ms = (time.monotonic() - self._began_at) * 1000
        rows = tape.take()
        return self._tell(lambda number: tolerant("finish", [number, tape.serial, rows])), ran_ms

    def _tell(self, frame: Callable[[int], bytes]) -> Future[Answer]:
        promise: Future[Answer] = Future()
        self._is_asking = True
        try:
            with self._asking:
                number = next(self._numbers)
                self._wire.send_frame(frame(number))
                promise.set_result(self._await_answer(number))
        finally:
            self._is_asking = False
        if self._must_stop:
            self._must_stop, self._serial = False, 0
            raise Stopped(f"asked to stop: {REASONS[self._cells[WHY]]}")
        return promise

    def _await_answer(self, number: int) -> Answer:
        while (message := self._wire.receive()) is not None:
            if message[0] == "told" and message[1] == number:
                return message
            self._take(message)
        return ["told", number, None, False, "store-unavailable", "the engine is gone", None, None]
