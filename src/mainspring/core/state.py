"""The state machine of a run, as the one table that knows what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class RunState(StrEnum):
    """State of a run, as people see it. The store keeps small integers; `mainspring.store.codes` maps them."""

    PENDING = "pending"
    BLOCKED = "blocked"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Tell whether the state absorbs: nothing follows it, ever."""
        return self in FINAL


class Trigger(StrEnum):
    """What makes a run change its state."""

    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    TIME_OUT = "time_out"
    SKIP = "skip"
    CANCEL = "cancel"
    RETRY = "retry"
    SNOOZE = "snooze"
    RELEASE = "release"
    RESCUE = "rescue"
    BLOCK = "block"
    UNBLOCK = "unblock"
    SUSPEND = "suspend"
    RESUME = "resume"


FINAL = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.TIMEOUT, RunState.CANCELLED, RunState.SKIPPED})

_S, _T = RunState, Trigger
TRANSITIONS: Mapping[tuple[RunState, Trigger], RunState] = MappingProxyType({
    (_S.PENDING, _T.CLAIM): _S.RUNNING,
    (_S.PENDING, _T.BLOCK): _S.BLOCKED,
    (_S.PENDING, _T.CANCEL): _S.CANCELLED,
    (_S.PENDING, _T.SKIP): _S.SKIPPED,
    (_S.PENDING, _T.FAIL): _S.FAILED,
    (_S.PENDING, _T.TIME_OUT): _S.TIMEOUT,
    (_S.BLOCKED, _T.UNBLOCK): _S.PENDING,
    (_S.BLOCKED, _T.CANCEL): _S.CANCELLED,
    (_S.BLOCKED, _T.SKIP): _S.SKIPPED,
    (_S.BLOCKED, _T.FAIL): _S.FAILED,
    (_S.BLOCKED, _T.TIME_OUT): _S.TIMEOUT,
    (_S.RUNNING, _T.COMPLETE): _S.COMPLETED,
    (_S.RUNNING, _T.FAIL): _S.FAILED,
    (_S.RUNNING, _T.TIME_OUT): _S.TIMEOUT,
    (_S.RUNNING, _T.SKIP): _S.SKIPPED,
    (_S.RUNNING, _T.CANCEL): _S.CANCELLED,
    (_S.RUNNING, _T.RETRY): _S.PENDING,
    (_S.RUNNING, _T.SNOOZE): _S.PENDING,
    (_S.RUNNING, _T.RELEASE): _S.PENDING,
    (_S.RUNNING, _T.RESCUE): _S.PENDING,
    (_S.RUNNING, _T.BLOCK): _S.BLOCKED,
    (_S.RUNNING, _T.SUSPEND): _S.SUSPENDED,
    (_S.SUSPENDED, _T.RESUME): _S.PENDING,
    (_S.SUSPENDED, _T.CANCEL): _S.CANCELLED,
    (_S.SUSPENDED, _T.FAIL): _S.FAILED,
    (_S.SUSPENDED, _T.TIME_OUT): _S.TIMEOUT,
})  # fmt: skip


def next_state(state: RunState, trigger: Trigger) -> RunState | None:
    """Return the state that follows, or None where the trigger is not allowed (always None for final states)."""
    return TRANSITIONS.get((state, trigger))


def draw() -> str:
    """Return the machine as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    lines += [f"    {source} --> {target}: {trigger}" for (source, trigger), target in TRANSITIONS.items()]
    lines += [f"    {state} --> [*]" for state in RunState if state.is_final]
    return "\n".join(lines)
