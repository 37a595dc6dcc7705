"""Pools: where runs are carried out, behind one contract, so that the worker knows no processes, threads or loops.

A pool takes runs, says exactly once how each ended, and keeps every promise about stopping. There are five: ``async``
(one child with an event loop and many slots), ``def`` (children with one body each), ``solo`` (a fresh child for one
run), ``thread`` and ``inline`` (inside this process: they cannot be stopped by force).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mainspring.core.policy import Isolation
from mainspring.core.run import CancelledByRequest, ClaimedRun, ErrorKind, Lost, Outcome, Reason, Released
from mainspring.core.task import CallOptions, Task
from mainspring.engine.blame import plain_error
from mainspring.engine.page import Why
from mainspring.engine.records import Record

PoolName = Literal["async", "def", "solo", "thread", "inline", "service"]
StopReason = Literal["requested", "shutdown"]

GRACE = 5.0  # seconds between asking a body to stop and force


@dataclass(frozen=True, slots=True)
class EnqueueRequest:
    """A body wants a run: the parameters are checked JSON text already, the options are those of the call."""

    task: str
    params: str
    call: CallOptions | None = None
    trace: Mapping[str, str] | None = None  # headers of the body's span


@dataclass(frozen=True, slots=True)
class EnqueueReply:
    """The answer: the run's id, or the ``code`` and the text of the error that the body shall see.

    ``how`` says what the dedupe policy did. Where it rejects, ``id`` and ``state`` are those of the run in the way.
    """

    id: str | None = None
    is_new: bool = False
    code: str | None = None
    message: str | None = None
    how: str | None = None
    state: str | None = None


Unlocked = Callable[[Mapping[str, str], Mapping[str, str]], None]  # values, and why there is none, by reference


class Report(Protocol):
    """The worker's side. Called on the engine's loop; must not block and must not raise."""

    def finished(self, run: ClaimedRun, outcome: Outcome, ran_ms: float, tail: list[Record]) -> None:
        """Take the end of an attempt, exactly once for every run that was submitted; ``tail`` is what it said last."""

    def recorded(self, run: ClaimedRun, records: list[Record]) -> None:
        """Take what a run says that goes on."""

    def finishing(self, run: ClaimedRun, records: list[Record], reply: Callable[[Sequence[Record]], None]) -> None:
        """Hear that a body is about to complete its run itself, and what it said last; ``reply`` with all that is not written yet."""

    def unlocking(self, run: ClaimedRun, references: Sequence[str], reply: Unlocked) -> None:
        """Open secrets that the store keeps, for a run; ``reply`` now or later, once."""

    def asked(self, run: ClaimedRun, request: EnqueueRequest, reply: Callable[[EnqueueReply], None]) -> None:
        """Enqueue for a body; ``reply`` may be called now or later, once."""


class Pool(Protocol):
    """A place where bodies run."""

    name: PoolName

    async def start(self) -> None:
        """Make ready to take runs; returns when the first may begin, or when ``problem`` says why it cannot yet."""

    @property
    def problem(self) -> str | None:
        """Why nothing can run here at the moment, as a sentence, or None."""

    @property
    def slots(self) -> int:
        """How many bodies may run at once; 0 while the pool is not ready."""

    @property
    def size(self) -> int:
        """How many slots it has when it is ready."""

    def resize(self, slots: int) -> None:
        """Have so many slots from now on; bodies beyond them go on to their end."""

    @property
    def free(self) -> int:
        """Slots that are free now; 0 when the pool is not ready."""

    @property
    def holding(self) -> int:
        """Runs that were submitted and not reported yet."""

    def submit(self, run: ClaimedRun) -> None:
        """Take a run, also beyond the free slots: it waits its turn. Calls of one loop iteration travel together."""

    def cancel(self, run_id: str, why: StopReason) -> None:
        """Ask a run to stop, and force it after the grace; unknown runs are ignored."""

    def surplus(self) -> list[ClaimedRun]:
        """Take back the runs that wait here, in this process; they are not reported, and the pool goes on."""

    def unstarted(self) -> list[ClaimedRun]:
        """Take back, for good, the runs that wait here; they are not reported. What waits in a child follows as ``Released``."""

    def tick(self, now: float) -> float:
        """Enforce deadlines, memory limits and recycling from outside; returns the seconds to the next useful call."""

    async def stop(self, grace: float) -> None:
        """Ask all bodies to stop, wait up to ``grace`` seconds, then use force. All runs are reported by then."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an executor child may take. ``None`` means no limit.

    ``memory`` kills, ``soft_memory`` (bytes, like it), ``runs`` and ``age`` (seconds) let a fresh child take over
    gracefully.
    """

    slots: int = 100
    grace: float = GRACE
    memory: int | None = None
    soft_memory: int | None = None
    runs: int | None = None
    age: float | None = None
    polite: float | None = None  # seconds between the flag and SIGTERM for a def body; None: a second, or a fifth of a short grace
    is_leased: bool = False  # the child ends itself when the engine stops extending its lease
    log_level: str = "info"
    buffer: int = 1000
    home: Mapping[str, Any] = field(default_factory=dict)  # which database is ours, as `store.foreign` packs it
    means: Mapping[str, Any] = field(default_factory=dict)  # what bodies may have beside parameters, as `engine.means` packs it


def is_importable(task: Task[..., object]) -> bool:
    """Tell whether another process can import the task: not from ``__main__``, and not from inside a function."""
    source = task.spec.source
    return source.module not in ("__main__", "__mp_main__", "?") and "<locals>" not in source.qualname


def pool_for(task: Task[..., object], run: ClaimedRun, default: Isolation = Isolation.PROCESS) -> PoolName:
    """Return the pool of a run. What must not be repeated, and what is suspected of a crash, runs alone."""
    if task.is_service:
        return "service"
    isolation = default if task.spec.isolation is Isolation.PROCESS else task.spec.isolation
    if isolation is Isolation.INLINE or not is_importable(task):
        return "inline"
    if isolation is Isolation.THREAD:
        return "thread"
    if run.is_suspect or not run.is_repeatable:
        return "solo"
    return "async" if task.spec.is_async else "def"


def not_begun(why: Why) -> Outcome:
    """Return the outcome of a run that was asked to stop before its body began."""
    return CancelledByRequest() if why == "requested" else Released(Reason.NOT_STARTED)


def take_out(queue: deque[ClaimedRun], run_id: str) -> ClaimedRun | None:
    """Take a run out of those that wait for their turn; None where it is not among them."""
    found = next((run for run in queue if run.id == run_id), None)
    if found is not None:
        queue.remove(found)
    return found


def give_back(run: ClaimedRun) -> Outcome:
    """Return the outcome of a body that a shutdown interrupted: refunded, but not begun again where it must not be."""
    if run.is_repeatable:
        return Released(Reason.SHUTDOWN)
    error = plain_error(ErrorKind.SYSTEM, "Interrupted", "the node was shut down while the body ran", run.task)
    return Lost(Reason.LOST, error, is_alone=True, is_innocent=True)
