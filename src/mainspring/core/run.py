"""Runs: what is asked for, how a try ended, and what becomes of the run then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.file import File
from mainspring.core.overlap import Gate, Overlap
from mainspring.core.policy import PoolKind, Priority, Retry
from mainspring.core.state import RunState


class Reason(StrEnum):
    """Codes that stand beside a state and say the rest."""

    LOST = "lost"  # the node or executor vanished with the run
    CRASHED = "crashed"  # the executor died under the body; the signal is in the error
    MEMORY = "memory"  # the executor was killed for its memory
    INTERRUPTED = "interrupted"  # lost, and the task must not be repeated
    DEADLINE = "deadline"  # the run's overall deadline
    INVALID = "invalid"  # stored parameters are not accepted by the code
    UNDECODABLE = "undecodable"  # stored parameters are not even JSON
    REQUESTED = "requested"  # a person or program asked for it
    SHUTDOWN = "shutdown"
    UNKNOWN_TASK = "unknown_task"  # this node does not know the task
    NEWER_PARAMS = "newer_params"  # the parameters were stored by newer code than this node's
    NO_CAPABLE_NODE = "no capable node"
    LIMIT = "limit"  # waits in the list of a limit
    NOT_STARTED = "not_started"  # claimed, but never handed to a body
    DISABLED = "disabled"
    TENANT_SUSPENDED = "tenant_suspended"  # held until its tenant is restored
    TENANT_DELETED = "tenant_deleted"  # cancelled with its tenant
    OWNER_GONE = "owner_gone"  # held: who started it may do so no more
    ROLLBACK = "rollback"  # the run waits for its rollback; of a try: it was the rollback
    OVERLAP = "overlap"  # waits for the active runs of its overlap key
    DEPENDENCY = "dependency"  # waits for a success of another task
    PREVIOUS_RUNNING = "previous_instance_running"  # skipped: an earlier run of its overlap key had not ended
    QUEUE_FULL = "overlap_queue_full"  # skipped: as many as the policy allows were waiting already
    REPLACED = "replaced"  # skipped, or cancelled: a newer run of its overlap key took the place
    ROLLBACK_FAILED = "rollback failed"  # the run failed, and so did its rollback; both errors are kept


LOCALE = "locale"  # in what a run has besides: the language of who has started it


class Suspicion(IntEnum):
    """Whether a run may be what brought others down with it. A suspect runs alone until that is known.

    A node dies for many reasons, most of them no body's fault, so its runs go on as usual the first time; those that were there the second
    time too are looked at one by one.
    """

    NONE = 0
    WITNESS = 1  # its node died with several runs on it, once: it runs as usual
    EXECUTOR = 2  # its executor died with several runs in it: it gets a fresh executor of its own
    NODE = 3  # its node died under it again: besides, only one such run is on a node at a time


class ErrorKind(StrEnum):
    """The closed list of kinds of errors."""

    TIMEOUT = "timeout"
    EXECUTION = "execution"
    CRASH = "crash"
    VALIDATION = "validation"
    DEPENDENCY = "dependency"
    CONFIGURATION = "configuration"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Beside:
    """What a call carries beside its JSON: files, and terms by which its run is found (parameter, value).

    ``is_large``: the parameters go among the files, as ``spilled`` then. ``is_from_body``: the call comes from a body, which may hand over
    a file that it has just attached.
    """

    files: tuple[File, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    is_large: bool = False
    is_from_body: bool = False
    spilled: File | None = None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be added: policies are resolved, parameters are checked JSON text.

    ``delay`` is counted by the store's clock. ``overlap`` is what the code says, ``is_asked`` whether a policy is to be asked (an
    operator's may be another); ``overlap_key`` stands there either way, so that others see the run. ``depends`` is made by
    `dump_dependencies`.
    """

    id: str
    task: str
    params: str = "{}"
    queue: str = "default"
    tenant: str = ""
    pool: PoolKind = PoolKind.ASYNC
    priority: Priority = Priority.MEDIUM
    delay: timedelta | None = None
    run_at: datetime | None = None
    key: str | None = None
    timeout: timedelta | None = None
    deadline: timedelta | None = None
    max_retries: int = 3
    max_rescues: int = 3
    is_repeatable: bool = True
    label: str | None = None
    origin: str = "api"
    actor: str | None = None
    retry_of: str | None = None
    params_version: int = 1
    meta: str | None = None
    limit_queue: str | None = None
    limit_task: str | None = None
    limit_key: str | None = None
    dedupe: DedupePolicy = DedupePolicy.EXISTING
    window: timedelta | None = None
    beside: Beside | None = None
    schedule_id: int | None = None
    slot_at: datetime | None = None
    overlap: Overlap | None = None
    overlap_key: str | None = None
    is_asked: bool = False
    depends: str | None = None

    @property
    def gate(self) -> Gate:
        """What it has to be asked before it is ready."""
        if self.is_asked:
            return Gate.OVERLAP
        return Gate.OPEN if self.depends is None else Gate.DEPENDENCY

    @property
    def is_limited(self) -> bool:
        """Tell whether a limit has to let the run go before it is ready."""
        return self.limit_task is not None or self.limit_key is not None or self.limit_queue is not None

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing that is in the store already matters to it."""
        return (
            self.key is None and self.retry_of is None and not self.is_limited and self.beside is None
            and self.overlap_key is None and self.depends is None and self.schedule_id is None
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Added:
    """Answer to an enqueue: the id of the run that won, and whether it is the new one.

    ``how`` says what the dedupe policy did; without it, it is ``new`` or ``existing``. ``state`` is that of the run in the way of a
    rejected one.
    """

    id: str
    is_new: bool
    how: How = How.NEW
    state: RunState | None = None

    def __post_init__(self) -> None:
        if not self.is_new and self.how is How.NEW:
            object.__setattr__(self, "how", How.EXISTING)


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of one run that was to be done again: the new run (or the unfinished one that has its key), or the problem."""

    retry_of: str
    id: str | None
    is_new: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run will end once its rollback is over; ``attempt`` is the last try of its body, ``losses`` how often its rollback was lost."""

    state: RunState
    reason: str | None
    attempt: int
    losses: int = 0

    def dump(self) -> str:
        """Return it as the store keeps it."""
        return json.dumps({"state": self.state, "reason": self.reason, "attempt": self.attempt, "losses": self.losses})

    @classmethod
    def load(cls, text: str | None) -> Ending | None:
        """Return what `dump` made, or the store itself; None for None."""
        if text is None:
            return None
        held = json.loads(text)
        return cls(RunState(held["state"]), held.get("reason"), held["attempt"], held.get("losses", 0))


@dataclass(slots=True)
class ClaimedRun:
    """A run in the hands of a node: what its executor needs, and no more. Never leaves the node.

    ``ending`` and ``error`` (why the body failed) are there when what is left to do is the rollback; ``extras`` is what the executor of a
    task with hooks has to know besides.
    """

    id: str
    claim_id: str
    task: str
    params: str
    attempt: int
    retries: int
    max_retries: int
    rescues: int
    max_rescues: int
    timeout_ms: int | None
    is_repeatable: bool
    suspicion: int
    queue: str = "default"
    tenant: str = ""
    pool: int = PoolKind.ASYNC
    priority: int = Priority.MEDIUM
    ready_at: Any = None  # opaque: the lane's watermark, as the database gave it
    params_version: int = 1
    limits: tuple[str | None, ...] = ()  # the keys of a run that a limit had to let go
    ending: Ending | None = None
    error: Mapping[str, Any] | None = None
    extras: Mapping[str, Any] | None = None

    @property
    def is_suspect(self) -> bool:
        """Tell whether the run went down with others and must show alone whether it was the cause."""
        return self.suspicion >= Suspicion.EXECUTOR

    @property
    def timeout(self) -> float | None:
        """Seconds that one attempt may take, or None."""
        return None if self.timeout_ms is None else self.timeout_ms / 1000


@dataclass(frozen=True, slots=True)
class Run:
    """A run as people and programs read it; times are aware UTC by the store's clock."""

    id: str
    task: str
    state: RunState
    reason: str | None
    queue: str
    tenant: str
    priority: Priority
    attempt: int
    retries: int
    max_retries: int
    rescues: int
    created_at: datetime
    run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    node_id: str | None
    params: str
    result: str | None
    error: Mapping[str, Any] | None
    progress: Mapping[str, Any] | None
    key: str | None
    label: str | None
    origin: str
    actor: str | None
    retry_of: str | None
    cancel_requested: bool
    cancelled_by: str | None
    seq: int
    schedule_id: int | None = None
    slot_at: datetime | None = None  # the slot of its schedule that it is for; None where somebody asked for it
    blocked_by: str | None = None  # the run that is, or was, in its way
    blocked_on: str | None = None  # the task whose success it waits for, or waited for

    @property
    def is_final(self) -> bool:
        """Tell whether nothing will change any more."""
        return self.state.is_final


@dataclass(frozen=True, slots=True)
class Attempt:
    """One finished try. ``outcome`` is a word of `AttemptOutcome`."""

    run_id: str
    number: int
    outcome: str
    reason: str | None
    node_id: str | None
    started_at: datetime | None
    finished_at: datetime
    retry_at: datetime | None
    error: Mapping[str, Any] | None


class AttemptOutcome(StrEnum):
    """How one try ended, as kept in its attempt row."""

    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    SNOOZED = "snoozed"
    RELEASED = "released"
    LOST = "lost"


# -- outcomes: how a try ended


@dataclass(frozen=True, slots=True)
class Completed:
    """The body returned; ``result`` is JSON text or None."""

    result: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The body raised. ``after`` is the delay that it asked for."""

    error: Mapping[str, Any]
    is_terminal: bool = False
    after: timedelta | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt took longer than its timeout."""

    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CancelledByRequest:
    """The body was stopped because somebody had asked for it."""

    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """There was nothing to do."""

    why: str


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The body asked to be tried later; ``until`` wins over ``delay``. With ``waits_for`` it waits for a success of that task instead."""

    delay: timedelta | None = None
    until: datetime | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """The executor or the node went down.

    ``is_alone``: nothing else ran in it, so the loss is this run's own; ``is_innocent``: the culprit is known to be
    another; ``suspicion`` is how a run is marked that was not alone.
    """

    reason: str
    error: Mapping[str, Any]
    is_alone: bool
    is_innocent: bool = False
    suspicion: Suspicion = Suspicion.EXECUTOR


@dataclass(frozen=True, slots=True)
class Released:
    """The node gave the run back (shutdown, unknown task, never started)."""

    reason: str
    delay: timedelta | None = None


Outcome = Completed | Failed | TimedOut | CancelledByRequest | Skipped | Snoozed | Lost | Released


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run keeps when its rollback is over: why it failed. The decision around it tells of the rollback."""

    reason: str | None
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the run now.

    A final ``state`` ends it; ``pending`` puts it back after ``delay`` (at once when None).
    The store has the last word in two cases, both under the row's lock: a requested cancel turns *pending* into
    *cancelled*, and a delay past the run's deadline turns it into *timeout* with reason ``deadline``.
    """

    state: RunState
    outcome: AttemptOutcome
    reason: str | None = None
    result: str | None = None
    error: Mapping[str, Any] | None = None
    delay: timedelta | None = None
    until: datetime | None = None
    burns_retry: bool = False
    burns_rescue: bool = False
    suspicion: Suspicion | None = field(default=None)  # None leaves the mark as it is
    pool: PoolKind | None = None  # where a run waits that is suspected no more; None leaves it where it is
    is_try: bool = True  # False leaves no attempt row: the body was never begun
    owes_rollback: bool = False  # if the store ends the run by its deadline, the rollback comes first
    ending: Ending | None = None  # what is left to do is the rollback; the run then ends like this
    rolled_back: Conclusion | None = None
    waits_for: str | None = None  # blocked: the task of which a success is waited for


def decide(run: ClaimedRun, outcome: Outcome, retry: Retry) -> Decision:
    """Say what becomes of a run whose try ended like this. Pure; the same inputs always give the same answer."""
    match outcome:
        case Completed(result):
            return Decision(RunState.COMPLETED, AttemptOutcome.COMPLETED, result=result)
        case Failed(error, is_terminal, after, reason):
            if is_terminal:
                is_try = reason not in (Reason.INVALID, Reason.UNDECODABLE)  # what is refused before the body is no try of it
                return Decision(RunState.FAILED, AttemptOutcome.FAILED, reason, error=error, is_try=is_try)
            return _retried(run, retry, RunState.FAILED, AttemptOutcome.FAILED, reason, error, after)
        case TimedOut(error):
            return _retried(run, retry, RunState.TIMEOUT, AttemptOutcome.TIMEOUT, None, error, None)
        case CancelledByRequest(error):
            return Decision(RunState.CANCELLED, AttemptOutcome.CANCELLED, Reason.REQUESTED, error=error)
        case Skipped(why):
            return Decision(RunState.SKIPPED, AttemptOutcome.SKIPPED, why)
        case Snoozed(waits_for=str(task)):
            return Decision(
                RunState.BLOCKED, AttemptOutcome.SNOOZED, Reason.DEPENDENCY, suspicion=Suspicion.NONE, waits_for=task
            )  # fmt: skip
        case Snoozed(delay, until):
            return Decision(RunState.PENDING, AttemptOutcome.SNOOZED, delay=delay, until=until, suspicion=Suspicion.NONE)
        case Released(reason, delay):
            if reason in (Reason.NO_CAPABLE_NODE, Reason.DISABLED, Reason.OWNER_GONE):
                return Decision(RunState.BLOCKED, AttemptOutcome.RELEASED, reason)
            return Decision(RunState.PENDING, AttemptOutcome.RELEASED, reason, delay=delay)
        case Lost():
            return _after_loss(run, outcome)


def _retried(
    run: ClaimedRun, retry: Retry, final: RunState, outcome: AttemptOutcome, reason: str | None,
    error: Mapping[str, Any], after: timedelta | None,
) -> Decision:  # fmt: skip
    if run.retries >= run.max_retries:
        return Decision(final, outcome, reason, error=error)
    delay = after if after is not None else retry.delay_before(run.retries + 1, run.id)
    return Decision(RunState.PENDING, outcome, reason, error=error, delay=delay, burns_retry=True, suspicion=Suspicion.NONE)


def _after_loss(run: ClaimedRun, loss: Lost) -> Decision:
    if not run.is_repeatable:
        reason = Reason.INTERRUPTED if loss.reason == Reason.LOST else loss.reason
        return Decision(RunState.FAILED, AttemptOutcome.LOST, reason, error=loss.error)
    if loss.is_innocent:
        return Decision(RunState.PENDING, AttemptOutcome.LOST, loss.reason, error=loss.error)
    if not loss.is_alone:
        return Decision(RunState.PENDING, AttemptOutcome.LOST, loss.reason, error=loss.error, suspicion=loss.suspicion)
    if run.rescues + 1 >= run.max_rescues:
        return Decision(RunState.FAILED, AttemptOutcome.LOST, loss.reason, error=loss.error, burns_rescue=True)
    return Decision(
        RunState.PENDING,
        AttemptOutcome.LOST,
        loss.reason,
        error=loss.error,
        burns_rescue=True,
        suspicion=loss.suspicion,
    )
