"""What the store should do, in plain Python: the rules of runs, claims and nodes without a word of SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from mainspring.core.dedupe import LONGEST_WAIT, DedupePolicy, How
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


def _microseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration.total_seconds() * SECOND)


_POOL_OF = {Suspicion.EXECUTOR: PoolKind.SOLO, Suspicion.NODE: PoolKind.QUARANTINE}


@dataclass
class ModelRun:
    """One run. ``ready_at`` is set while it can be claimed, ``due_at`` while it waits for a time."""

    new: NewRun
    key: str | None = None
    created_at: int = 0
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
        self.ledger: dict[str | None, tuple[str, int | None]] = {}  # keys of `once`: the run, and until when
        self.requests: dict[str, Added] = {}  # what became of those that changed another's run

    # -- adding and claiming

    def add(self, new: NewRun) -> Added:
        if new.id in self.runs:
            return Added(new.id, False)
        if new.id in self.requests:
            return self.requests[new.id]
        holder = next((run for run in self.runs.values() if new.key is not None and run.key == new.key and not run.state.is_final), None)
        if holder is not None and (answer := self._meet(new, holder)) is not None:
            return answer
        window = _microseconds(new.window)
        if new.dedupe is DedupePolicy.ONCE:
            if (taken := self._taken(new.key)) is not None:
                return Added(taken, False)
            self.ledger[new.key] = (new.id, None if window is None else self.now + window)
        due = self.now + (_microseconds(new.delay) or 0)
        if new.dedupe is DedupePolicy.DEBOUNCE:
            due = max(due, self.now + (window or 0))
        run = self.runs[new.id] = ModelRun(new, key=new.key, created_at=self.now)
        self._line_up(run, due)
        return Added(new.id, True)

    def _meet(self, new: NewRun, holder: ModelRun) -> Added | None:
        """Say what becomes of a call whose key is held, or None where the holder has let it go."""
        window = _microseconds(new.window)
        if new.dedupe is DedupePolicy.REJECT:
            return Added(holder.new.id, False, How.REJECTED, holder.state)
        if new.dedupe is DedupePolicy.ONCE and self._taken(new.key) is None:
            until = None if window is None else holder.created_at + window
            if until is None or until > self.now:
                self.ledger[new.key] = (holder.new.id, until)
        if new.dedupe in (DedupePolicy.EXISTING, DedupePolicy.ONCE):
            return Added(holder.new.id, False)
        if holder.state is RunState.RUNNING:
            holder.key = None
            holder.events.append(EventKind.SUPERSEDED)
            return None
        due, how = self.now + (_microseconds(new.delay) or 0), How.REPLACED
        if new.dedupe is DedupePolicy.DEBOUNCE:
            due, how = max(due, min(self.now + (window or 0), holder.created_at + LONGEST_WAIT * (window or 0))), How.DEBOUNCED
        is_in_line = (holder.new.priority, holder.pool) == (new.priority, new.pool)
        holder.new = replace(new, id=holder.new.id)
        holder.pool = holder.pool if holder.suspicion >= Suspicion.EXECUTOR else new.pool
        holder.retries = holder.rescues = 0
        holder.events.append(EventKind.REPLACED)
        if holder.state is not RunState.BLOCKED or due > self.now:
            holder.state, holder.reason = RunState.PENDING, None
            self._line_up(holder, due, since=holder.ready_at if is_in_line else None)
        else:
            self._line_up(holder, due)
            holder.ready_at = None
        answer = self.requests[new.id] = Added(holder.new.id, False, how)
        return answer

    def _line_up(self, run: ModelRun, due: int, since: int | None = None) -> None:
        run.due_at, run.ready_at = (due, None) if due > self.now else (None, self.now if since is None else since)
        deadline = _microseconds(run.new.deadline)
        run.deadline_at = None if deadline is None else self.now + deadline

    def _taken(self, key: str | None) -> str | None:
        run_id, until = self.ledger.get(key, (None, None))
        return run_id if until is None or until > self.now else None

    def sweep(self) -> int:
        over = [key for key, (_, until) in self.ledger.items() if until is not None and until <= self.now]
        for key in over:
            del self.ledger[key]
        return len(over)

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
                run.pool = _POOL_OF.get(decision.suspicion, run.pool if decision.pool is None else decision.pool)
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
