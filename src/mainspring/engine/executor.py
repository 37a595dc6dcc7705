"""The executor: one child, as the engine sees it. It hands over runs, enforces from outside, and knows whom to blame.

Who is charged when a child goes down:

=======================================  =====================================================================
a body was past its time and grace       it timed out (or was cancelled); its neighbours are innocent
somebody else held the loop meanwhile    past its own time it timed out, else it is suspected; nobody else is
the child crashed, or took the memory    who was alone is charged; several are suspects, each to be run alone
whoever had not begun                    goes back to the pool, as if nothing had happened
=======================================  =====================================================================
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mainspring.core.run import CancelledByRequest, ClaimedRun, ErrorKind, Lost, Outcome, Reason, Released, TimedOut
from mainspring.engine.attempt import timeout_error
from mainspring.engine.blame import plain_error
from mainspring.engine.frames import Message, encode, pack_run, unpack_call, unpack_outcome
from mainspring.engine.nursery import Child
from mainspring.engine.page import BEAT, BLAMED, LEASE, REASONS, STARTED, STEP, STOP, VOID, WHY, Why
from mainspring.engine.pools import EnqueueReply, EnqueueRequest, Limits, Report, StopReason, give_back, not_begun
from mainspring.engine.proc import count_oom_kills, how_it_ended, resident_bytes
from mainspring.engine.records import Record, from_wire, to_wire

Kind = Literal["async", "def"]

TICK = 0.25
_SLACK = 0.25  # a tick's length: the child itself is given the chance to keep to the grace
_HELD_AFTER = 1.0  # seconds without a beat after which the loop counts as held by somebody
_POLITE = 1.0  # seconds between the flag and SIGTERM for a def body, or a fifth of a shorter grace
_LOOK_AT_MEMORY_EVERY = 0.5
_SETTLED = 0.05  # seconds after which a child has certainly seen what was written on the page


class Owner(Protocol):
    """The pool that an executor belongs to."""

    def ended(self, executor: Executor, run: ClaimedRun, ran_ms: float) -> None:
        """Hear that a run is over and reported."""

    def returned(self, executor: Executor, runs: list[ClaimedRun]) -> None:
        """Take back runs that had not begun."""

    def gone(self, executor: Executor) -> None:
        """Hear that the child is no more and everything about its runs is reported."""

    def lagged(self, seconds: float) -> None:
        """Hear that a body held a child's loop."""


@dataclass(slots=True)
class _Stop:
    """A run that shall stop: why, since when, and what was done about it."""

    why: Why
    at: float
    steps: list[str] = field(default_factory=list)
    is_flagged: bool = False
    is_termed: bool = False


@dataclass(slots=True)
class _Doom:
    """Why the engine ends a child: the verdicts that are certain, and what the others are then."""

    reason: Reason
    said: str
    verdicts: dict[int, Outcome]
    is_known: bool  # whether the culprit is, so that the others are innocent


class Executor:
    """A child at work. Several runs that are submitted within one loop iteration travel in one frame."""

    def __init__(self, child: Child, kind: Kind, limits: Limits, report: Report, owner: Owner) -> None:
        self.kind, self._child, self._limits, self._report, self._owner = kind, child, limits, report, owner
        self._loop = asyncio.get_running_loop()
        self._cells = child.page.cells
        self.grace, self.is_leased = limits.grace, limits.is_leased
        self._runs: dict[int, ClaimedRun] = {}  # by serial number, in the order in which they begin
        self._began: dict[int, float] = {}  # when a run that has begun was first seen to have
        self._stops: dict[int, _Stop] = {}
        self._outbox: list[list[Any]] = []
        self._serial = 0
        self._voided_at: float | None = None
        self._doom: _Doom | None = None
        self._oom_kills = count_oom_kills()
        self._looked_at = 0.0
        self.born_at, self.taken = self._loop.time(), 0
        self.memory = 0  # resident bytes, as last seen
        self.is_retiring = self.is_gone = self._is_lost = self._must_retire = False
        options = {
            "slots": limits.slots, "log_level": limits.log_level, "buffer": limits.buffer, "grace": limits.grace, "means": limits.means,
            "home": limits.home, "leased": limits.is_leased,
        }  # fmt: skip
        child.channel.send(["be", kind, options])
        child.channel.listen(self._hear, self._lose)

    # -- taking runs

    @property
    def pid(self) -> int:
        """The process."""
        return self._child.pid

    @property
    def load(self) -> int:
        """How many runs are with the child."""
        return len(self._runs)

    @property
    def is_open(self) -> bool:
        """Whether it may be given runs."""
        return not (self.is_retiring or self._is_lost or self._doom is not None or self._voided_at is not None)

    def extend(self, seconds: float) -> None:
        """Let a leased child go on for so long from now."""
        if not self.is_gone:
            self._cells[LEASE] = time.monotonic_ns() + int(max(seconds, 0.0) * 1e9)

    def resize(self, slots: int) -> None:
        """Tell the child how many bodies it may run at once from now on."""
        if not self.is_gone:
            self._child.channel.send(["slots", slots])

    def submit(self, run: ClaimedRun) -> None:
        """Hand a run over; it begins when the ones before it leave room."""
        self._serial = serial = self._serial + 1
        self._runs[serial] = run
        self._outbox.append(pack_run(serial, run))
        if len(self._outbox) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        if outbox:
            self.taken += len(outbox)
            self._child.channel.send_bytes(encode(["run", outbox]))

    def longest(self, now: float) -> float:
        """Return how long the oldest body has been running, in seconds, as far as it was seen."""
        return max((now - began for began in self._began.values()), default=0.0)

    def take_back(self) -> None:
        """Ask for the runs that have not begun; they come by `Owner.returned`."""
        if self._runs:
            self._flush()
            if self.kind == "async":
                self._child.channel.send(["void"])
            else:
                self._cells[VOID], self._voided_at = self._serial, self._loop.time()

    # -- hearing from the child

    def _hear(self, message: Message) -> None:
        match message[0]:
            case "done":
                for serial, micros, packed, rows in message[1]:
                    self._finish(serial, micros / 1000, unpack_outcome(packed), from_wire(rows))
                if self.is_retiring or self._must_retire:
                    self.retire()
            case "said":
                for serial, rows in message[1]:
                    if (run := self._runs.get(serial)) is not None:
                        self._report.recorded(run, from_wire(rows))
            case "back":
                self._return([int(serial) for serial in message[1]])
            case "ask":
                self._ask(*message[1:])
            case "finish":
                self._make_way(*message[1])
            case "unlock":
                self._unlock(*message[1:])
            case "lag":
                self._owner.lagged(message[2])

    def _finish(self, serial: int, ran_ms: float, outcome: Outcome, tail: list[Record]) -> None:
        if type(outcome) is Released and outcome.reason == Reason.NOT_STARTED:
            self._return([serial])
            return
        run = self._runs.pop(serial, None)
        if run is None:
            return  # taken back meanwhile
        if self._began:
            self._began.pop(serial, None)
        if self._stops and (stop := self._stops.pop(serial, None)) is not None:
            tail = tail + self._steps_of(stop)
        if type(outcome) is Released and outcome.reason == Reason.SHUTDOWN:
            outcome = give_back(run)
        self._report.finished(run, outcome, ran_ms, tail)
        self._owner.ended(self, run, ran_ms)

    def _return(self, serials: list[int]) -> None:
        returned = []
        for serial in serials:
            run = self._runs.pop(serial, None)
            if run is not None:
                stop = self._stops.pop(serial, None)
                if stop is None:
                    returned.append(run)
                else:  # it was to stop, and shall not begin again here
                    self._report.finished(run, not_begun(stop.why), 0.0, [])
                    self._owner.ended(self, run, 0.0)
        if returned:
            self._owner.returned(self, returned)

    def _ask(self, number: int, serial: int, task: str, params: str, call: dict[str, Any], trace: dict[str, str] | None) -> None:
        def answer(reply: EnqueueReply) -> None:
            told = ["told", number, reply.id, reply.is_new, reply.code, reply.message, reply.how, reply.state]
            self._child.channel.send(told)

        run = self._runs.get(serial)
        if run is None:
            answer(EnqueueReply(code="conflict", message=f"{task} cannot be enqueued: the run that asks is over"))
        else:
            self._report.asked(run, EnqueueRequest(task, params, unpack_call(call), trace), answer)

    def _unlock(self, number: int, serial: int, references: list[str]) -> None:
        def answer(values: Mapping[str, str], problems: Mapping[str, str]) -> None:
            if not self.is_gone:
                self._child.channel.send(["told", number, dict(values), dict(problems)])

        run = self._runs.get(serial)
        if run is None:
            answer({}, {})
        else:
            self._report.unlocking(run, references, answer)

    def _make_way(self, number: int, serial: int, rows: list[Any]) -> None:
        def answer(unwritten: Sequence[Record]) -> None:
            self._child.channel.send(["told", number, to_wire(unwritten)])

        run = self._runs.get(serial)
        if run is None:
            answer([])  # the run is over here, and its claim refuses what comes
        else:
            self._report.finishing(run, from_wire(rows), answer)

    # -- stopping bodies

    def find(self, run_id: str) -> int | None:
        """Return the serial number of a run that is with this child."""
        return next((serial for serial, run in self._runs.items() if run.id == run_id), None)

    def stop_run(self, serial: int, why: StopReason) -> None:
        """Ask a body to stop, once: what it does to clean up is not interrupted. A run that has not begun comes back instead."""
        if serial in self._stops:
            return  # `tick` goes on with the ladder
        self._stops[serial] = _Stop(why, self._loop.time())
        self._flush()
        if self.kind == "async":
            self._child.channel.send(["cancel", serial, why])
        elif serial > self._cells[STARTED]:
            self.take_back()
        else:
            self._urge(serial, self._loop.time())

    def stop_all(self, why: StopReason, grace: float) -> None:
        """Ask everything to stop within ``grace`` seconds."""
        self.grace = grace
        self.take_back()
        for serial in list(self._runs):
            self.stop_run(serial, why)

    def _urge(self, serial: int, now: float) -> None:
        """Take the next step of the ladder with a ``def`` body: flag, SIGTERM, SIGKILL of its process group."""
        stop = self._stops[serial]
        waited = now - stop.at
        if not stop.is_flagged:
            stop.is_flagged = True
            self._cells[WHY], self._cells[STOP] = REASONS.index(stop.why), serial
            stop.steps.append("ctx.stopping was set")
        elif not stop.is_termed and waited >= self._polite:
            stop.is_termed = self._must_retire = True  # what a body leaves when it is torn out, nobody knows
            stop.steps.append(f"SIGTERM after {waited:.1f} s")
            self._child.signal(signal.SIGTERM)
        elif waited >= self.grace:
            stop.steps.append(f"SIGKILL of the process group after {waited:.1f} s")
            self._condemn_overdue([serial], now)

    @property
    def _polite(self) -> float:
        polite = self._limits.polite
        return min(_POLITE, self.grace / 5) if polite is None else min(polite, self.grace)

    def _steps_of(self, stop: _Stop) -> list[Record]:
        """Return the record of what was done to stop a body; asking kindly is not worth a line."""
        if len(stop.steps) < 2:
            return []
        said = f"stopped ({stop.why}): " + ", ".join(stop.steps)
        return [Record("log", time.monotonic(), "warning", message=said, data={"steps": list(stop.steps)})]

    # -- enforcing from outside

    def tick(self, now: float) -> None:
        """Look whether a body is past its time, the child past its memory, or a take-back has settled."""
        if self.is_gone or self._doom is not None:
            return
        started = self._cells[STARTED]
        for serial in self._runs:
            if serial > started:
                break
            self._began.setdefault(serial, now)
        self._settle_void(now, started)
        self._look_at_memory(now)
        if self.kind == "def":
            for serial, began in list(self._began.items()):
                self._tick_def(serial, began, now)
        elif overdue := [serial for serial, began in self._began.items() if self._is_overdue(serial, began, now)]:
            self._condemn_overdue(overdue, now)

    def _tick_def(self, serial: int, began: float, now: float) -> None:
        if serial not in self._stops:
            timeout = self._runs[serial].timeout
            if timeout is None or now < began + timeout:
                return
            self._stops[serial] = _Stop("timeout", now)
        self._urge(serial, now)

    def _is_overdue(self, serial: int, began: float, now: float) -> bool:
        """Tell whether the child had its chance to stop a body: it cancels at the timeout, and grace is over."""
        stop = self._stops.get(serial)
        if stop is not None and now >= stop.at + self.grace + _SLACK:
            return True
        timeout = self._runs[serial].timeout
        return timeout is not None and now >= began + timeout + self.grace + _SLACK

    def _settle_void(self, now: float, started: int) -> None:
        if self._voided_at is not None and now - self._voided_at >= _SETTLED:
            self._voided_at = None
            void = self._cells[VOID]
            self._return([serial for serial in self._runs if started < serial <= void])
            if self.is_retiring:
                self.retire()

    def _look_at_memory(self, now: float) -> None:
        if now - self._looked_at < _LOOK_AT_MEMORY_EVERY:
            return
        self._looked_at, self.memory = now, resident_bytes(self._child.pid)
        limit = self._limits.memory
        if limit is not None and self.memory > limit:
            said = f"the executor took {self.memory >> 20} MiB of memory, {limit >> 20} MiB are allowed"
            self._condemn(_Doom(Reason.MEMORY, said, {}, is_known=False))

    def _condemn_overdue(self, overdue: list[int], now: float) -> None:
        """End the child for bodies that cannot be stopped otherwise, having found out which of them it was."""
        cells = self._cells
        holder = 0
        if self.kind == "async" and self._is_held():
            holder = cells[STEP] or cells[BLAMED]
            if holder not in self._runs:
                holder = 0
            if not holder and len(self._began) > 1:
                # Somebody holds the loop and nobody can tell who: everybody may be it, and nobody is charged yet.
                said = "the event loop was held until a body was past its timeout"
                self._condemn(_Doom(Reason.LOST, said, {}, is_known=False))
                return
        said = f"run {self._runs[holder or overdue[0]].id} could not be stopped otherwise"
        if holder and holder not in overdue and not self._is_to_stop(holder, now):
            error = self._lost_error(self._runs[holder], "this run held its event loop and others could not be stopped")
            lost = Lost(Reason.LOST, error, is_alone=False)
            self._condemn(_Doom(Reason.LOST, said, {holder: lost}, is_known=True))
            return
        culprits = [holder] if holder else overdue
        self._condemn(_Doom(Reason.LOST, said, {each: self._verdict(each) for each in culprits}, is_known=True))

    def _is_to_stop(self, serial: int, now: float) -> bool:
        """Tell whether a body should have ended, grace or not: that is for tidying up, and who holds the loop has not even begun to.

        Of runs that begin together one may be seen a tick after the other; the one that was seen first is overdue alone then.
        """
        if serial in self._stops:
            return True
        began, timeout = self._began.get(serial), self._runs[serial].timeout
        return began is not None and timeout is not None and now >= began + timeout

    def _is_held(self) -> bool:
        beat = self._cells[BEAT]
        return beat > 0 and time.monotonic_ns() - beat > _HELD_AFTER * 1e9

    def _verdict(self, serial: int) -> Outcome:
        run, stop = self._runs[serial], self._stops.get(serial)
        if stop is not None and stop.why == "requested":
            return CancelledByRequest()
        if stop is not None and stop.why == "shutdown":
            return give_back(run)
        return TimedOut(timeout_error(run.task, run.timeout))

    def _condemn(self, doom: _Doom) -> None:
        self._doom = doom
        self._child.kill()

    # -- going

    def retire(self) -> None:
        """Take nothing more, give back what has not begun, and leave after the last body."""
        if not self.is_retiring:
            self.is_retiring = True
            self.take_back()
        if not self._runs:
            self._child.channel.close()

    def kill(self) -> None:
        """End the child now; the runs in it were interrupted by a shutdown."""
        if not self.is_gone and self._doom is None:
            verdicts: dict[int, Outcome] = {serial: give_back(run) for serial, run in self._runs.items()}
            self._condemn(_Doom(Reason.SHUTDOWN, "the node was shut down", verdicts, is_known=True))

    def _lose(self) -> None:
        self._is_lost = True
        self._job = self._loop.create_task(self._bury())

    async def _bury(self) -> None:
        """Wait for the exit status, then say how everything ended that was in the child."""
        self._child.channel.close()
        try:
            status = await asyncio.wait_for(asyncio.shield(self._child.exited), 5)
        except TimeoutError:
            self._child.kill()
            status = None
        self._settle(status)
        self._cells = memoryview(bytearray(8 * 16)).cast("q")  # whoever asks late finds zeros
        self._child.page.remove()
        self._owner.gone(self)

    def _settle(self, status: int | None) -> None:
        self.is_gone = True
        started = self._cells[STARTED]
        unsent = {row[0] for row in self._outbox}
        begun = [serial for serial in self._runs if serial <= started and serial not in unsent]
        said = self._doom.said if self._doom is not None else _describe(status)
        fates = [(serial, self._fate(serial, status, said, len(begun))) for serial in begun]
        for serial, fate in fates:
            self._bury_run(serial, fate)
        self._return(list(self._runs))

    def _bury_run(self, serial: int, outcome: Outcome) -> None:
        run = self._runs.pop(serial)
        began, stop = self._began.pop(serial, None), self._stops.pop(serial, None)
        ran_ms = 0.0 if began is None else (self._loop.time() - began) * 1000
        self._report.finished(run, outcome, ran_ms, [] if stop is None else self._steps_of(stop))
        self._owner.ended(self, run, ran_ms)

    def _fate(self, serial: int, status: int | None, said: str, together: int) -> Outcome:
        """Return how a run ended whose child went down under it."""
        doom, run = self._doom, self._runs[serial]
        if doom is not None and serial in doom.verdicts:
            return doom.verdicts[serial]
        if (stop := self._stops.get(serial)) is not None and stop.why != "timeout":
            return self._verdict(serial)  # it was to stop and has stopped
        if stop is not None and self.kind == "def":
            return self._verdict(serial)
        error = self._lost_error(run, said)
        if doom is not None:
            return Lost(doom.reason, error, is_alone=together == 1, is_innocent=doom.is_known)
        if status is None:  # the template died, and with it everything that it had forked
            return Lost(Reason.LOST, error, is_alone=together == 1, is_innocent=True)
        out_of_memory = status == -signal.SIGKILL and count_oom_kills() > self._oom_kills
        return Lost(Reason.MEMORY if out_of_memory else Reason.CRASHED, error, is_alone=together == 1)

    def _lost_error(self, run: ClaimedRun, said: str) -> dict[str, Any]:
        told = f"the executor process {self.pid} went down: {said}"
        return plain_error(ErrorKind.CRASH, "ExecutorLost", told, run.task)


def _describe(status: int | None) -> str:
    if status is None:
        return "it ended together with its template"
    hint = " (often the kernel's, when memory runs out)" if status == -signal.SIGKILL else ""
    return f"it {how_it_ended(status)}{hint}"
