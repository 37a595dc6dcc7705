"""Rollbacks in the store: a run that has finally failed goes on in a lane of its own, with its ending written on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.policy import PoolKind, Retry
from mainspring.core.rollback import after_rollback, decide_whole
from mainspring.core.run import AttemptOutcome, ClaimedRun, Completed, Ending, Failed, Lost, Outcome, Reason, Released
from mainspring.core.state import RunState
from mainspring.store.runs import Lane, Settlement
from tests.store.harness import Stage

ERROR = {"kind": "execution", "type": "ValueError", "message": "no", "fingerprint": "f1"}
WORSE = {"kind": "execution", "type": "KeyError", "message": "no way back", "fingerprint": "f2"}
SECOND = Retry(delay=timedelta(seconds=1), jitter=False)


async def settle(stage: Stage, run: ClaimedRun, outcome: Outcome, *, is_owner: bool = True) -> RunState | None:
    """Write what a node with the task's code decides."""
    decision = decide_whole(run, outcome, SECOND, may_owe=True)
    return (await stage.runs.settle([Settlement(run.id, run.claim_id, decision, 2.0)], is_owner=is_owner)).get(run.id)


async def failing(stage: Stage, **fields: Any) -> ClaimedRun:
    """Return a run whose body has finally failed, claimed again for its rollback."""
    run = await stage.claim_new(max_retries=0, **fields)
    assert await settle(stage, run, Failed(ERROR)) is RunState.PENDING
    return await claim_rollback(stage, run.id)


async def claim_rollback(stage: Stage, run_id: str) -> ClaimedRun:
    (lane,) = [lane for lane in await stage.lanes() if lane.pool == PoolKind.ROLLBACK]
    (run,) = await stage.runs.claim(await stage.node(), stage.new_id(), [lane], 5, timedelta(seconds=5))
    besides = (await stage.runs.besides([run_id]))[run_id]
    run.ending, run.error = besides.ending, besides.error
    return run


async def test_final_failure_waits_for_its_rollback_in_a_lane_of_its_own(stage: Stage) -> None:
    run = await stage.claim_new(max_retries=0, deadline=timedelta(hours=1))
    assert await settle(stage, run, Failed(ERROR)) is RunState.PENDING
    assert await stage.lanes() == [Lane("default", "", PoolKind.ROLLBACK, 2)]
    assert (await stage.get(run.id)).reason == "rollback"
    again = await claim_rollback(stage, run.id)
    assert (again.ending, again.error) == (Ending(RunState.FAILED, None, 1), ERROR)
    assert await settle(stage, run, Failed(WORSE)) is None  # the claim that is over is fenced off
    assert await settle(stage, again, Completed()) is RunState.FAILED
    found = await stage.get(run.id)
    assert (found.state, found.reason, found.error, found.attempt) == (RunState.FAILED, None, ERROR, 2)
    assert [(each.outcome, each.reason, each.error) for each in await stage.runs.attempts(run.id, scope=EVERYTHING)] == [
        (AttemptOutcome.FAILED, None, ERROR), (AttemptOutcome.COMPLETED, "rollback", None),
    ]  # fmt: skip
    assert await stage.kinds(run.id) == ["queued", "claimed", "started", "retry_scheduled", "claimed", "started", "failed"]


async def test_rollback_that_fails_keeps_both_errors(stage: Stage) -> None:
    run = await failing(stage)
    assert await settle(stage, run, Failed(WORSE)) is RunState.FAILED
    found = await stage.get(run.id)
    assert (found.state, found.reason, found.error) == (RunState.FAILED, "rollback failed", {**ERROR, "rollback": WORSE})
    assert (await stage.runs.attempts(run.id, scope=EVERYTHING))[-1].error == WORSE


async def test_rollback_that_is_lost_begins_again_until_it_may_not(stage: Stage) -> None:
    run = await failing(stage, max_rescues=2)
    lost = Lost(Reason.LOST, WORSE, is_alone=True)
    assert await settle(stage, run, lost, is_owner=False) is RunState.PENDING
    again = await claim_rollback(stage, run.id)
    assert (again.ending, again.error) == (Ending(RunState.FAILED, None, 1, losses=1), ERROR)
    assert await settle(stage, again, Released(Reason.SHUTDOWN)) is RunState.PENDING
    third = await claim_rollback(stage, run.id)
    assert third.ending == again.ending  # a shutdown costs nothing
    assert await settle(stage, third, lost, is_owner=False) is RunState.FAILED
    assert (await stage.get(run.id)).reason == "rollback failed"


async def test_nobody_cancels_or_expires_a_rollback(stage: Stage) -> None:
    run = await stage.claim_new(max_retries=0, deadline=timedelta(seconds=30))
    assert (await stage.runs.cancel([run.id]))[run.id].was_running
    await settle(stage, run, Failed(ERROR))  # it did not heed the cancel, and failed: what it did is to be undone
    assert (await stage.runs.cancel([run.id]))[run.id].was_running  # waiting, and not to be had
    await stage.clock.advance(100)
    assert await stage.runs.expire() == 0
    again = await claim_rollback(stage, run.id)
    assert (await stage.runs.cancel([run.id]))[run.id].was_running
    # Whoever knows nothing of rollbacks gives it back: neither the old cancel nor anything else ends it then.
    again.ending = None
    assert await settle(stage, again, Released(Reason.NOT_STARTED)) is RunState.PENDING
    again = await claim_rollback(stage, run.id)
    assert again.ending == Ending(RunState.FAILED, None, 1)
    assert await settle(stage, again, Completed()) is RunState.FAILED


@pytest.mark.parametrize("how", ["waiting", "settling"])
async def test_a_deadline_comes_after_the_rollback_that_a_run_owes(stage: Stage, how: str) -> None:
    run = await stage.claim_new(max_retries=3, deadline=timedelta(seconds=30))
    if how == "settling":
        await stage.clock.advance(29.5)
    assert await settle(stage, run, Failed(ERROR)) is RunState.PENDING
    if how == "waiting":
        await stage.clock.advance(40)
        assert await stage.runs.expire() == 1
    again = await claim_rollback(stage, run.id)
    assert again.ending == Ending(RunState.TIMEOUT, "deadline", 1)
    assert await stage.runs.expire() == 0
    assert await settle(stage, again, Completed()) is RunState.TIMEOUT
    found = await stage.get(run.id)
    assert (found.state, found.reason, found.error) == (RunState.TIMEOUT, "deadline", ERROR)


async def test_a_run_that_no_body_began_owes_nothing(stage: Stage) -> None:
    run = await stage.claim_new(deadline=timedelta(seconds=30))
    assert await settle(stage, run, Released(Reason.NOT_STARTED)) is RunState.PENDING
    await stage.clock.advance(40)
    await stage.runs.expire()
    found = await stage.get(run.id)
    assert (found.state, found.reason) == (RunState.TIMEOUT, "deadline")
    assert found.error is not None
    assert (found.error["kind"], found.error["type"]) == ("timeout", "DeadlineExceeded")


@pytest.mark.scenario("D4", part="no attempt row")
async def test_what_was_refused_leaves_no_attempt(stage: Stage) -> None:
    run = await stage.claim_new(max_retries=3)
    refused = Failed({**ERROR, "kind": "validation"}, is_terminal=True, reason=Reason.INVALID)
    assert await settle(stage, run, refused) is RunState.FAILED
    assert await stage.runs.attempts(run.id, scope=EVERYTHING) == []
    assert await stage.kinds(run.id) == ["queued", "claimed", "started", "failed"]
    found = await stage.get(run.id)
    assert (found.reason, found.retries) == ("invalid", 0)


async def test_versions_are_answered(stage: Stage) -> None:
    run = await stage.claim_new(params_version=3)
    assert run.params_version == 3
    assert await stage.runs.params_version(run.id) == 3
    await stage.complete(run)
    assert await stage.runs.params_version(run.id) == 3


def test_after_rollback_is_pure() -> None:
    run = ClaimedRun("r", "c", "t", "{}", 3, 0, 0, 0, 3, None, True, 0, ending=Ending(RunState.TIMEOUT, "deadline", 2), error=ERROR)
    assert after_rollback(run, Completed()) == after_rollback(run, Completed())
    assert after_rollback(run, Completed()).state is RunState.TIMEOUT
