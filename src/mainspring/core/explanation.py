"""Why a run has not started, or why it stopped: one answer, as a code with values. Faces make the sentence of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mainspring.core.firing import SlotReason
from mainspring.core.limit import Maximum
from mainspring.core.node import Node, NodeState
from mainspring.core.overlap import REPLACER
from mainspring.core.run import Attempt, AttemptOutcome, Reason, Run
from mainspring.core.state import RunState
from mainspring.core.switch import Switch


class Why(StrEnum):
    """Everything that can be the answer. A code never changes its meaning."""

    SCHEDULED = "scheduled"  # at
    RETRYING = "retrying"  # at, attempt, retry, retries, type, message
    SNOOZED = "snoozed"  # at, attempt
    GIVEN_BACK = "given-back"  # at, attempt, reason
    DUE = "due"  # at
    LIMITED = "limited"  # key, concurrency, rate, running, position, is_more
    WAITS = "waits"  # reason
    OVERLAPS = "overlaps"  # run, state: it waits for that run to end
    AWAITS = "awaits"  # task: it waits for a success of a task that has not run
    AWAITS_RUN = "awaits-run"  # task, run, state: it waits for that run
    AWAITS_SUCCESS = "awaits-success"  # task, run, state, type, message: the task's latest run was no success
    AWAITS_FRESH = "awaits-fresh"  # task, run, at: the task's latest success does not count, it is too long ago
    ASKED = "asked"  # at: it is due, and a gatekeeper is to let it go
    DISABLED = "disabled"  # task, by, at, reason
    TENANT_SUSPENDED = "tenant-suspended"  # tenant, by, at, reason
    OWNER_GONE = "owner-gone"  # owner, task, is_gone, at, reason: they may start it no more
    PAUSED = "paused"  # queue, by, at, reason
    MAINTENANCE = "maintenance"  # by, at, reason: the whole fleet rests
    NODES_PAUSED = "nodes-paused"  # workers, names: all that work are paused
    NO_WORKERS = "no-workers"
    QUEUE_UNSERVED = "queue-unserved"  # queue, workers
    NO_CAPABLE_NODE = "no-capable-node"  # task, workers
    BEHIND = "behind"  # queue, ahead, is_more
    BUSY = "busy"  # workers, running
    NEXT = "next"  # workers
    RUNNING = "running"  # since, attempt, node
    STOPPING = "stopping"  # since, attempt, node, by
    NODE_GONE = "node-gone"  # since, node, node_state
    SUSPENDED = "suspended"  # reason
    COMPLETED = "completed"  # at, attempts
    FAILED = "failed"  # at, attempts, kind, type, message
    FAILED_FOR_GOOD = "failed-for-good"  # at, attempts, kind, type, message: retries were left, but none would mend it
    LOST = "lost"  # at, attempts, losses, reason, message
    INTERRUPTED = "interrupted"  # at, reason: lost, and must not be repeated
    INVALID = "invalid"  # at, message
    TIMED_OUT = "timed-out"  # at, attempts, message
    DEADLINE = "deadline"  # at, attempts
    CANCELLED = "cancelled"  # at, by, reason, attempts
    SKIPPED = "skipped"  # at, reason
    SLOT_MISSED = "slot-missed"  # schedule, slot, slots, since: as all that follow, the record of a slot that has no run
    SLOT_DROPPED = "slot-dropped"
    SLOT_PAUSED = "slot-paused"
    SLOT_LEFT_OUT = "slot-left-out"
    SLOT_IN_MAINTENANCE = "slot-in-maintenance"
    SLOT_DISABLED = "slot-disabled"  # task
    SLOT_REFUSED = "slot-refused"  # message
    SLOT_TAKEN = "slot-taken"
    OVERLAPPED = "overlapped"  # at, run, schedule, slot: skipped, because that run had not ended
    QUEUE_FULL = "queue-full"  # at, run, schedule, slot: skipped, because enough waited for that run
    SUPERSEDED = "superseded"  # at, run, schedule, slot: skipped, because that one is newer
    REPLACED = "replaced"  # at, attempts: cancelled, because a newer one came


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer about one run; which ``values`` there are depends on the code, times among them are aware UTC."""

    run_id: str
    code: Why
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """A queue that somebody has paused, or the whole fleet."""

    at: datetime
    by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Hold:
    """The limit that a run waits for: what its key allows, how many go now, and its place among those that wait (1 is the first)."""

    key: str
    maximum: Maximum
    running: int
    position: int
    is_bounded: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a run and its surroundings, at one moment.

    ``is_ready``: nothing but a worker is missing. ``ahead`` counts up to ``bound``. ``is_off`` says whether its task is disabled now.
    """

    run: Run
    now: datetime
    is_ready: bool = False
    last: Attempt | None = None
    nodes: Sequence[Node] = ()
    ahead: int = 0
    bound: int = 1000
    pause: Pause | None = None
    maintenance: Pause | None = None  # that of the fleet
    tenant: Pause | None = None  # its tenant is suspended
    owner: Mapping[str, Any] | None = None  # of a run that is held because of them: is_gone, at, reason
    is_off: bool = False
    switch: Switch | None = None
    hold: Hold | None = None
    culprit: Run | None = None  # the run in the way, where it is known still
    is_gated: bool = False  # somebody has to be asked whether it may go
    schedule: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)  # what the record of a slot without a run tells beside its reason


def explain(facts: Facts) -> Explanation:
    """Return the one answer that helps most."""
    run = facts.run
    match run.state:
        case RunState.RUNNING:
            code, values = _running(facts)
        case RunState.SUSPENDED:
            code, values = Why.SUSPENDED, {"reason": run.reason}
        case RunState.BLOCKED:
            code, values = _blocked(facts)
        case RunState.PENDING:
            held = _tenant(facts) if facts.tenant is not None else None
            code, values = held or (_for_a_worker(facts) if facts.is_ready else _for_a_time(facts))
        case _:
            code, values = _skipped(facts) if run.state is RunState.SKIPPED else _ended(run)
    return Explanation(run.id, code, values)


_Answer = tuple[Why, dict[str, Any]]


def _for_a_time(facts: Facts) -> _Answer:
    run, last = facts.run, facts.last
    at = run.run_at or run.created_at
    if at <= facts.now and facts.maintenance is not None:
        return _in_maintenance(facts.maintenance)
    if at <= facts.now and facts.is_gated and any(_works(node) for node in facts.nodes):
        return Why.ASKED, {"at": at}
    if at <= facts.now:
        return (Why.DUE, {"at": at}) if any(_works(node) for node in facts.nodes) else (Why.NO_WORKERS, {})
    if last is None:
        return Why.SCHEDULED, {"at": at}
    if last.outcome in (AttemptOutcome.FAILED, AttemptOutcome.TIMEOUT):
        told = {"at": at, "attempt": last.number, "retry": run.retries, "retries": run.max_retries}
        return Why.RETRYING, told | _said(last.error)
    if last.outcome == AttemptOutcome.SNOOZED:
        return Why.SNOOZED, {"at": at, "attempt": last.number}
    return Why.GIVEN_BACK, {"at": at, "attempt": last.number, "reason": last.reason}


def _blocked(facts: Facts) -> _Answer:
    run = facts.run
    if run.reason == Reason.TENANT_SUSPENDED or facts.tenant is not None:
        return _tenant(facts)
    if run.reason == Reason.OWNER_GONE:
        return Why.OWNER_GONE, {"owner": run.actor, "task": run.task, **(facts.owner or {"is_gone": True, "at": None, "reason": None})}
    if run.reason == Reason.DISABLED or (facts.is_off and run.reason is None):
        return _disabled(facts)
    if facts.hold is not None:
        hold = facts.hold
        rate = hold.maximum.rate
        told = {"concurrency": hold.maximum.concurrency, "rate": None if rate is None else str(rate)}
        place = {"running": hold.running, "position": hold.position, "is_more": hold.is_bounded}
        return Why.LIMITED, {"key": hold.key, **told, **place}
    if run.reason == Reason.NO_CAPABLE_NODE:
        return _without_a_node(facts) or (Why.DUE, {"at": facts.now})  # one has come, and will find it in a moment
    if run.reason == Reason.OVERLAP:
        return Why.OVERLAPS, {"run": run.blocked_by, "state": _state_of(facts.culprit)}
    if run.reason == Reason.DEPENDENCY:
        return _awaits(facts)
    return Why.WAITS, {"reason": run.reason}


def _tenant(facts: Facts) -> _Answer:
    rest = facts.tenant or Pause(facts.now, None, None)
    return Why.TENANT_SUSPENDED, {"tenant": facts.run.tenant, "by": rest.by, "at": rest.at, "reason": rest.reason}


def _awaits(facts: Facts) -> _Answer:
    run, culprit = facts.run, facts.culprit
    if culprit is None:
        return Why.AWAITS, {"task": run.blocked_on}
    if culprit.state is RunState.COMPLETED:
        return Why.AWAITS_FRESH, {"task": run.blocked_on, "run": culprit.id, "at": culprit.finished_at}
    told = {"task": run.blocked_on, "run": culprit.id, "state": str(culprit.state)}
    return (Why.AWAITS_SUCCESS, told | _said(culprit.error)) if culprit.is_final else (Why.AWAITS_RUN, told)


def _state_of(run: Run | None) -> str | None:
    return None if run is None else str(run.state)


_UNFIRED = {
    SlotReason.MISSED: Why.SLOT_MISSED, SlotReason.DROPPED: Why.SLOT_DROPPED, SlotReason.PAUSED: Why.SLOT_PAUSED,
    SlotReason.SKIPPED: Why.SLOT_LEFT_OUT, SlotReason.MAINTENANCE: Why.SLOT_IN_MAINTENANCE, SlotReason.DISABLED: Why.SLOT_DISABLED,
    SlotReason.REFUSED: Why.SLOT_REFUSED, SlotReason.DUPLICATE: Why.SLOT_TAKEN,
}  # fmt: skip
_SKIPS = {
    Reason.PREVIOUS_RUNNING: Why.OVERLAPPED, Reason.QUEUE_FULL: Why.QUEUE_FULL, Reason.REPLACED: Why.SUPERSEDED,
}  # fmt: skip


def _disabled(facts: Facts) -> _Answer:
    switch = facts.switch
    told: dict[str, Any] = {"task": facts.run.task, "by": None, "at": None, "reason": None}
    if switch is not None and not switch.is_enabled:
        told |= {"by": switch.changed_by, "at": switch.changed_at, "reason": switch.reason}
    return Why.DISABLED, told


def _in_maintenance(maintenance: Pause) -> _Answer:
    return Why.MAINTENANCE, {"by": maintenance.by, "at": maintenance.at, "reason": maintenance.reason}


def _for_a_worker(facts: Facts) -> _Answer:
    run = facts.run
    if facts.maintenance is not None:
        return _in_maintenance(facts.maintenance)
    if facts.pause is not None:
        return Why.PAUSED, {"queue": run.queue, "by": facts.pause.by, "at": facts.pause.at, "reason": facts.pause.reason}
    if facts.is_off:
        return _disabled(facts)
    if (missing := _without_a_node(facts)) is not None:
        return missing
    if facts.ahead > 0:
        return Why.BEHIND, {"queue": run.queue, "ahead": min(facts.ahead, facts.bound), "is_more": facts.ahead >= facts.bound}
    able = [
        node
        for node in facts.nodes
        if _works(node) and not node.vitals.get("is_paused") and _serves(node, run.queue) and run.task in node.facts.get("tasks", ())
    ]
    running = sum(node.running for node in able)
    return (Why.BUSY, {"workers": len(able), "running": running}) if running else (Why.NEXT, {"workers": len(able)})


def _without_a_node(facts: Facts) -> _Answer | None:
    run = facts.run
    working = [node for node in facts.nodes if _works(node)]
    if not working:
        return Why.NO_WORKERS, {}
    serving = [node for node in working if _serves(node, run.queue)]
    if not serving:
        return Why.QUEUE_UNSERVED, {"queue": run.queue, "workers": len(working)}
    if not any(run.task in node.facts.get("tasks", ()) for node in serving):
        return Why.NO_CAPABLE_NODE, {"task": run.task, "workers": len(serving)}
    able = [node for node in serving if run.task in node.facts.get("tasks", ())]
    if all(node.vitals.get("is_paused") for node in able):
        return Why.NODES_PAUSED, {"workers": len(able), "names": ", ".join(sorted({node.name for node in able}))}
    return None


def _works(node: Node) -> bool:
    return node.state is NodeState.ALIVE and bool(node.facts.get("tasks"))


def _serves(node: Node, queue: str) -> bool:
    queues = node.facts.get("queues") or ()
    return not queues or queue in queues


def _running(facts: Facts) -> _Answer:
    run = facts.run
    node = next((node for node in facts.nodes if node.id == run.node_id), None)
    name = run.node_id if node is None else node.name
    since = run.started_at or facts.now
    if node is None or node.state in (NodeState.DEAD, NodeState.STOPPED) or node.lease_until < facts.now:
        state = NodeState.DEAD if node is None or node.state is NodeState.ALIVE else node.state
        return Why.NODE_GONE, {"since": since if node is None else node.beat_at, "node": name, "node_state": str(state)}
    if run.cancel_requested:
        return Why.STOPPING, {"since": since, "attempt": run.attempt, "node": name, "by": run.cancelled_by}
    return Why.RUNNING, {"since": since, "attempt": run.attempt, "node": name}


def _skipped(facts: Facts) -> _Answer:
    """Say what kept a run from being one; what a body says about itself (it has an attempt) are its own words."""
    run = facts.run
    about: dict[str, Any] = {"schedule": facts.schedule, "slot": run.slot_at}
    if run.attempt == 0 and run.slot_at is not None and run.reason in _UNFIRED:
        said = facts.about
        told = about | {"slots": said.get("slots", 1), "since": said.get("from"), "task": run.task, "message": said.get("why")}
        return _UNFIRED[SlotReason(run.reason)], told
    if run.attempt == 0 and run.reason in _SKIPS and run.blocked_by is not None:
        return _SKIPS[Reason(run.reason)], about | {"at": run.finished_at, "run": run.blocked_by}
    return Why.SKIPPED, {"at": run.finished_at, "reason": run.reason}


def _ended(run: Run) -> _Answer:
    told: dict[str, Any] = {"at": run.finished_at, "attempts": run.attempt}
    said = _said(run.error)
    match run.state:
        case RunState.COMPLETED:
            return Why.COMPLETED, told
        case RunState.CANCELLED if run.cancelled_by == REPLACER:
            return Why.REPLACED, told
        case RunState.CANCELLED:
            reason = None if run.reason == Reason.REQUESTED else run.reason
            return Why.CANCELLED, told | {"by": run.cancelled_by, "reason": reason}
        case RunState.TIMEOUT if run.reason == Reason.DEADLINE:
            return Why.DEADLINE, told
        case RunState.TIMEOUT:
            return Why.TIMED_OUT, told | {"message": said["message"]}
    match run.reason:
        case Reason.INTERRUPTED:
            return Why.INTERRUPTED, told | {"message": said["message"]}
        case Reason.LOST | Reason.CRASHED | Reason.MEMORY:
            return Why.LOST, told | {"losses": run.rescues, "reason": run.reason, "message": said["message"]}
        case Reason.INVALID | Reason.UNDECODABLE:
            return Why.INVALID, {"at": run.finished_at, "message": said["message"]}
    told |= {"kind": (run.error or {}).get("kind"), **said}
    return (Why.FAILED_FOR_GOOD if run.retries < run.max_retries else Why.FAILED), told


def _said(error: Mapping[str, Any] | None) -> dict[str, Any]:
    held = error or {}
    return {"type": held.get("type"), "message": held.get("message")}
