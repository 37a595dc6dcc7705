"""Rollbacks: what follows when a run whose task has one has finally failed. Pure; see ``docs/decisions/0008``.

A rollback is a try of its own: the run goes back into the store with its ending written on it, in a lane that only rollbacks are in, and
whoever claims it performs the rollback and nothing else. So a node that dies in the middle leaves a run whose rollback is done again, by
another, and whose body never is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mainspring.core.policy import Retry
from mainspring.core.run import (
    AttemptOutcome,
    CancelledByRequest,
    ClaimedRun,
    Completed,
    Conclusion,
    Decision,
    Ending,
    ErrorKind,
    Failed,
    Lost,
    Outcome,
    Reason,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
    decide,
)
from mainspring.core.state import RunState

_UNTOUCHED = frozenset({
    Reason.NOT_STARTED, Reason.UNKNOWN_TASK, Reason.NO_CAPABLE_NODE, Reason.NEWER_PARAMS, Reason.DISABLED, Reason.OWNER_GONE,
})  # fmt: skip


def as_loss(outcome: Outcome) -> Outcome:
    """Take a rollback's node being past its time for its loss: it may have died, and then the rollback is still to be done."""
    if isinstance(outcome, TimedOut):
        return Lost(Reason.LOST, outcome.error, is_alone=True)
    return outcome


def decide_whole(run: ClaimedRun, outcome: Outcome, retry: Retry, *, may_owe: bool) -> Decision:
    """Say what becomes of a run, its rollback included. ``may_owe``: its task has a rollback, or is not known here."""
    if run.ending is not None:
        return after_rollback(run, outcome)
    decision = decide(run, outcome, retry)
    return owing(run, decision) if may_owe else decision


def owing(run: ClaimedRun, decision: Decision) -> Decision:
    """Put the rollback before a final failure, and note on a run that waits again that it owes one.

    What was refused before any body began owes nothing; nor does a cancelled or skipped run.
    """
    if decision.state in (RunState.FAILED, RunState.TIMEOUT):
        if not decision.is_try and run.retries == 0 and run.rescues == 0:
            return decision
        return replace(
            decision, state=RunState.PENDING, ending=Ending(decision.state, decision.reason, run.attempt - (not decision.is_try))
        )
    if decision.state in (RunState.PENDING, RunState.BLOCKED) and decision.reason not in _UNTOUCHED:
        return replace(decision, owes_rollback=True)
    return decision


def without_rollback(run: ClaimedRun) -> Decision:
    """End a run that waited for a rollback which its code does not have, or has no more."""
    assert run.ending is not None
    ended = _kept(run, run.ending)
    return Decision(run.ending.state, AttemptOutcome.COMPLETED, Reason.ROLLBACK, is_try=False, rolled_back=ended)


def after_rollback(run: ClaimedRun, outcome: Outcome) -> Decision:
    """Say what becomes of a run whose rollback ended like this. A rollback has one try; only losses and shutdowns begin it again."""
    ending = run.ending
    assert ending is not None
    match outcome:
        case Completed() | Skipped():  # skipped: there was nothing to undo
            return Decision(ending.state, AttemptOutcome.COMPLETED, Reason.ROLLBACK, rolled_back=_kept(run, ending))
        case Released(reason, delay):
            state = RunState.BLOCKED if reason == Reason.NO_CAPABLE_NODE else RunState.PENDING
            return Decision(state, AttemptOutcome.RELEASED, reason, delay=delay, ending=ending, rolled_back=_kept(run, ending))
        case Lost(is_innocent=True) | Lost(is_alone=False):
            return _lost(run, outcome, ending)
        case Lost() if ending.losses + 1 < run.max_rescues:
            return _lost(run, outcome, replace(ending, losses=ending.losses + 1))
        case Lost(error=error):
            return _failed(run, AttemptOutcome.LOST, error)
        case TimedOut(error):
            return _failed(run, AttemptOutcome.TIMEOUT, error)
        case Failed(error):
            return _failed(run, AttemptOutcome.FAILED, error)
        case CancelledByRequest(error):  # by itself: nobody else can cancel it
            return _failed(run, AttemptOutcome.FAILED, error or _told("CancelledError", "the rollback cancelled itself"))
        case Snoozed():
            return _failed(run, AttemptOutcome.FAILED, _told("Snooze", "a rollback cannot be put off"))


def _lost(run: ClaimedRun, loss: Lost, ending: Ending) -> Decision:
    return Decision(
        RunState.PENDING, AttemptOutcome.LOST, loss.reason, error=loss.error, ending=ending, rolled_back=_kept(run, ending)
    )  # fmt: skip


def _kept(run: ClaimedRun, ending: Ending) -> Conclusion:
    return Conclusion(ending.reason, run.error or {})


def _failed(run: ClaimedRun, outcome: AttemptOutcome, error: Mapping[str, Any]) -> Decision:
    both = Conclusion(Reason.ROLLBACK_FAILED, {**(run.error or {}), "rollback": dict(error)})
    return Decision(RunState.FAILED, outcome, Reason.ROLLBACK, error=error, rolled_back=both)


def _told(kind: str, message: str) -> Mapping[str, Any]:
    return {"kind": ErrorKind.EXECUTION, "type": kind, "message": message}
