"""The small integers that rows carry instead of words. Their meaning never changes; new ones get new numbers."""

from __future__ import annotations

from mainspring.core.event import EventKind
from mainspring.core.node import NodeCommand, NodeState
from mainspring.core.overlap import Policy
from mainspring.core.run import AttemptOutcome
from mainspring.core.state import RunState

# Sub-states that only the store knows: `scheduled` and `ready` are both pending, `waiting` (for other runs) and
# `blocked` both blocked.
WAITING, BLOCKED, SCHEDULED, READY, RUNNING, SUSPENDED = range(6)
FIRST_FINAL = 10

STATE_OF = {
    WAITING: RunState.BLOCKED, BLOCKED: RunState.BLOCKED, SCHEDULED: RunState.PENDING, READY: RunState.PENDING,
    RUNNING: RunState.RUNNING, SUSPENDED: RunState.SUSPENDED,
    10: RunState.COMPLETED, 11: RunState.FAILED, 12: RunState.TIMEOUT, 13: RunState.CANCELLED, 14: RunState.SKIPPED,
}  # fmt: skip
CODES_OF = {state: [code for code, each in STATE_OF.items() if each is state] for state in RunState}
FINAL_CODE = {state: codes[0] for state, codes in CODES_OF.items() if state.is_final}

OUTCOME_CODE = {
    AttemptOutcome.COMPLETED: 10, AttemptOutcome.FAILED: 11, AttemptOutcome.TIMEOUT: 12, AttemptOutcome.CANCELLED: 13,
    AttemptOutcome.SKIPPED: 14, AttemptOutcome.SNOOZED: 20, AttemptOutcome.RELEASED: 21, AttemptOutcome.LOST: 22,
}  # fmt: skip
OUTCOME_OF = {code: outcome for outcome, code in OUTCOME_CODE.items()}

EVENT_CODE = {
    EventKind.QUEUED: 1, EventKind.CLAIMED: 2, EventKind.STARTED: 3, EventKind.LOG: 4, EventKind.PROGRESS: 5,
    EventKind.CANCEL_REQUESTED: 6, EventKind.GAP: 7, EventKind.BLOCKED: 8, EventKind.UNBLOCKED: 9,
    EventKind.REPAIRED: 10, EventKind.REPLACED: 11, EventKind.SUPERSEDED: 12, EventKind.ARTIFACT: 13,
    EventKind.RETRY_SCHEDULED: 20, EventKind.SNOOZED: 21, EventKind.RELEASED: 22,
    EventKind.LOST: 23, EventKind.COMPLETED: 30, EventKind.FAILED: 31, EventKind.TIMED_OUT: 32,
    EventKind.CANCELLED: 33, EventKind.SKIPPED: 34,
}  # fmt: skip
EVENT_OF = {code: kind for kind, code in EVENT_CODE.items()}
FINAL_EVENT = {
    RunState.COMPLETED: EventKind.COMPLETED, RunState.FAILED: EventKind.FAILED, RunState.TIMEOUT: EventKind.TIMED_OUT,
    RunState.CANCELLED: EventKind.CANCELLED, RunState.SKIPPED: EventKind.SKIPPED,
}  # fmt: skip

NODE_STATE = {1: NodeState.ALIVE, 2: NodeState.DRAINING, 3: NodeState.DEAD, 4: NodeState.STOPPED}
NODE_CODE = {state: code for code, state in NODE_STATE.items()}
COMMAND_OF = {1: NodeCommand.RUN, 2: NodeCommand.PAUSE, 3: NodeCommand.QUIET, 4: NodeCommand.STOP}  # 0: nothing was said
COMMAND_CODE = {command: code for code, command in COMMAND_OF.items()}

POLICY_OF = {1: Policy.SKIP, 2: Policy.QUEUE, 3: Policy.REPLACE, 4: Policy.ALLOW}
POLICY_CODE = {policy: code for code, policy in POLICY_OF.items()}
