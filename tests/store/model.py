"""What the store should do, in plain Python: the rules of runs, claims and nodes without a word of SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mainspring.core.event import EventKind
from mainspring.core.policy import PoolKind
from mainspring.core.run import Added, AttemptOutcome, ClaimedRun, Decision, NewRun, Suspicion
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.runs import Stopped

SECOND = 1_000_000  # times are microseconds
GRACE = 5 * SECOND

_END = {
    AttemptOutcome.FAILED: EventKind.RETRY_SCHEDULED,
    AttemptOutcome.TIMEOUT: EventKind.RETRY_SCHEDULED,
    AttemptOutcome.SNOOZED: EventKind.SNOOZED,
    AttemptOutcome.RELEASED: EventKind.RELEASED,
    AttemptOutcome.LOST: EventKind.LOST,
}
_POOL_OF = {Suspicion.EXECUTOR: PoolKind.SOLO, Suspicion.NODE: PoolKind.QUARANTINE}


@dataclass
class ModelRun:
    """One run. ``ready_at`` is set while it can be claimed, ``due_at`` while it waits for a time."""

    new: NewRun
    state: RunState = RunState.PENDING
    ready_at: int | None = None
    due_at: int | None = None
    deadline_at: int | None = None
    until: int | None = None
    claim_id: str | None = None
    node_id: str | None = None
    reason: str | None = None
    cancelled_by: str | None = None
    cancel_requested: bool = False
    attempt: int = 0
    retries: int = 0
    rescues: int = 0
    suspicion: int = 0
    pool: int = PoolKind.ASYNC
    events: list[EventKind] = field(default_factory=lambda: [EventKind.QUEUED])
    outcomes: list[AttemptOutcome] = field(default_factory=list)

    def view(self) -> tuple[object, ...]:
        return (
            self.new.id, self.state, self.reason, self.attempt, self.retries, self.rescues, self.node_id,
            self.cancel_requested and not self.state.is_final, self.cancelled_by, len(self.events),
        )  # fmt: skip

    def claimed(self) -> ClaimedRun:
        assert self.claim_id is not None
        timeout = self.new.timeout
        return ClaimedRun(
            self.new.id, self.claim_id, self.new.task, self.new.params, self.attempt, self.retries, self.new.max_retries,
            self.rescues, self.new.max_rescues, None if timeout is None else round(timeout.total_seconds() * 1000),
            self.new.is_repeatable, self.suspicion, self.new.queue, self.new.tenant, self.pool, self.new.priority,
        )  # fmt: skip

    def end(self, state: RunState, reason: str | None) -> None:
        self.state, self.reason = state, reason
        if state is not RunState.CANCELLED:
            self.cancelled_by = None
        self.ready_at = self.due_at = self.until = self.claim_id = None
        self.events.append(codes.FINAL_EVENT[state])


@dataclass
class ModelNode:
    """One node; alive until others or itself say otherwise."""

    lease_until: int
    is_alive: bool = True
    running: int = 0


class Model:
    """The whole store."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.runs: dict[str, ModelRun] = {}
        self.nodes: dict[str, ModelNode] = {}

    # -- adding and claiming

    def add(self, new: NewRun) -> Added:
        if new.id in self.runs:
            return Added(new.id, False)
        if new.key is not None:
            for run in self.runs.values():
                if run.new.key == new.key and not run.state.is_final:
                    return Added(run.new.id, False)
        due = self.now + (0 if new.delay is None else round(new.delay.total_seconds() * SECOND))
        run = self.runs[new.id] = ModelRun(new)
        if due > self.now:
            run.due_at = due
        else:
            run.ready_at = self.now
        if new.deadline is not None:
            run.deadline_at = self.now + round(new.deadline.total_seconds() * SECOND)
        return Added(new.id, True)

    def claim(self, node_id: str, claim_id: str, n: int) -> list[ClaimedRun]:
        if not self.nodes[node_id].is_alive:
            return []
        ready = [run for run in self.runs.values() if run.ready_at is not None and (run.deadline_at is None or run.deadline_at > self.now)]
        ready.sort(key=lambda run: (run.new.priority, run.pool, run.ready_at, run.new.id))
        for run in ready[:n]:
            run.state, run.claim_id, run.node_id, run.reason = RunState.RUNNING, claim_id, node_id, None
            run.ready_at = None
            run.attempt += 1
            if run.new.timeout is not None:
                run.until = self.now + round(run.new.timeout.total_seconds() * SECOND) + GRACE
            run.events += [EventKind.CLAIMED, EventKind.STARTED]
        return [run.claimed() for run in ready[:n]]

    def _held(self, hand: ClaimedRun) -> ModelRun | None:
        run = self.runs[hand.id]
        return run if run.state is RunState.RUNNING and run.claim_id == hand.claim_id else None

    # -- the ends of tries

    def complete(self, hands: Sequence[ClaimedRun], logs: int) -> set[str]:
        accepted = set()
        for hand in hands:
            if run := self._held(hand):
                accepted.add(hand.id)
                run.events += [EventKind.LOG] * logs
                if run.attempt > 1:
                    run.outcomes.append(AttemptOutcome.COMPLETED)
                run.end(RunState.COMPLETED, None)
        return accepted

    def settle(self, hand: ClaimedRun, decision: Decision, logs: int) -> Mapping[str, RunState]:
        run = self._held(hand)
        if run is None:
            return {}
        due = self.now + (0 if decision.delay is None else round(decision.delay.total_seconds() * SECOND))
        run.events += [EventKind.LOG] * logs
        run.outcomes.append(decision.outcome)
        run.rescues += decision.burns_rescue
        if decision.state.is_final:
            run.end(decision.state, decision.reason)
        elif run.cancel_requested:
            run.end(RunState.CANCELLED, "requested")
        elif run.deadline_at is not None and run.deadline_at <= due:
            run.end(RunState.TIMEOUT, "deadline")
        else:
            run.retries += decision.burns_retry
            if decision.suspicion is not None:
                run.suspicion = decision.suspicion
                run.pool = _POOL_OF.get(decision.suspicion, run.pool)
            run.state, run.reason, run.node_id = decision.state, decision.reason, None
            run.claim_id = run.until = None
            if decision.state is RunState.BLOCKED:
                run.events.append(EventKind.BLOCKED)
            else:
                run.events.append(_END[decision.outcome])
                if due > self.now:
                    run.due_at = due
                else:
                    run.ready_at = self.now
        return {hand.id: run.state}

    def append(self, hand: ClaimedRun, logs: int) -> set[str]:
        run = self._held(hand)
        if run is None:
            return set()
        run.events += [EventKind.LOG] * logs
        return {hand.id}

    def outcome_of(self, node_id: str, hand: ClaimedRun) -> Mapping[str, RunState]:
        run = self.runs[hand.id]
        is_over = run.attempt > hand.attempt or run.claim_id is None
        return {hand.id: run.state} if is_over else {}

    # -- stopping

    def cancel(self, ids: Sequence[str], actor: str | None) -> Mapping[str, Stopped]:
        stopped = {}
        for run_id in ids:
            run = self.runs[run_id]
            if run.state is RunState.RUNNING:
                stopped[run_id] = Stopped(run_id, True, run.node_id)
                if not run.cancel_requested:
                    run.cancel_requested, run.cancelled_by = True, actor
                    run.events.append(EventKind.CANCEL_REQUESTED)
            elif not run.state.is_final:
                stopped[run_id] = Stopped(run_id, False, None)
                run.cancelled_by = actor
                run.end(RunState.CANCELLED, "requested")
        return stopped

    def expire(self) -> int:
        late = [
            run
            for run in self.runs.values()
            if run.state in (RunState.PENDING, RunState.BLOCKED) and run.deadline_at is not None and run.deadline_at <= self.now
        ]
        for run in late:
            run.end(RunState.TIMEOUT, "deadline")
        return len(late)

    def promote(self) -> set[int]:
        due = [run for run in self.runs.values() if run.due_at is not None and run.due_at <= self.now]
        for run in due:
            run.due_at, run.ready_at, run.reason = None, self.now, None
        return {int(run.new.priority) for run in due}

    def next_due(self) -> int | None:
        """Return microseconds."""
        times = [run.due_at for run in self.runs.values() if run.due_at is not None]
        return min(times) - self.now if times else None

    def unblock(self) -> set[int]:
        blocked = [run for run in self.runs.values() if run.state is RunState.BLOCKED]
        for run in blocked:
            run.state, run.ready_at, run.reason = RunState.PENDING, self.now, None
            run.events.append(EventKind.UNBLOCKED)
        return {int(run.new.priority) for run in blocked}

    # -- nodes

    def beat(self, node_id: str, lease: int, running: int) -> set[str] | None:
        """Return the runs that are asked to stop, or None where the node is dead."""
        node = self.nodes[node_id]
        if not node.is_alive:
            return None
        node.lease_until, node.running = self.now + lease, running
        return {run.new.id for run in self.runs.values() if run.node_id == node_id and run.claim_id and run.cancel_requested}

    def reap(self, me: str, found: Sequence[str], may_expire: bool) -> set[str]:
        dead = {
            node_id
            for node_id, node in self.nodes.items()
            if node.is_alive and node_id != me and (node_id in found or (may_expire and node.lease_until < self.now))
        }
        for node_id in dead:
            self.nodes[node_id].is_alive = False
        return dead

    def stop(self, node_id: str) -> None:
        node = self.nodes[node_id]
        if node.is_alive:
            node.is_alive, node.running = False, 0

    def orphans(self) -> dict[str, int]:
        """Return runs without a living node, with how many went down together."""
        running = [run for run in self.runs.values() if run.claim_id is not None and run.node_id is not None]
        gone = [run for run in running if run.node_id is not None and not self.nodes[run.node_id].is_alive]
        return {
            run.new.id: max(sum(other.node_id == run.node_id for other in running), self.nodes[run.node_id or ""].running) for run in gone
        }

    def overdue(self) -> set[str]:
        return {run.new.id for run in self.runs.values() if run.until is not None and run.until < self.now}
