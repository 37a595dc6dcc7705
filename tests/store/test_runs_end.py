"""The ends of tries: completed, or settled in any other way; each fenced by its claim."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.event import EventKind
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import PoolKind, Retry
from mainspring.core.run import (
    AttemptOutcome,
    CancelledByRequest,
    ClaimedRun,
    Completed,
    Failed,
    Lost,
    Outcome,
    Reason,
    Released,
    Skipped,
    Snoozed,
    Suspicion,
    TimedOut,
    decide,
)
from mainspring.core.state import RunState
from mainspring.store.runs import Appended, Completion, Entry, Settlement
from tests.store.harness import Stage

ERROR = {"type": "ValueError", "message": "no", "fingerprint": "f1"}
LOG = Entry(250.0, EventKind.LOG, {"level": "info", "message": "100% 🎈"})
PROGRESS = Entry(100.0, EventKind.PROGRESS, {"current": 1, "total": 2})


async def test_completion_moves_the_run_into_history_with_its_result(stage: Stage) -> None:
    run = await stage.claim_new(key="k", label="l")
    await stage.clock.advance(2)
    accepted = await stage.runs.complete([Completion(run.id, run.claim_id, 1500.0, '{"rows": 3}', [LOG])])
    assert accepted == {run.id}
    found = await stage.get(run.id)
    assert (found.state, found.result, found.reason, found.error, found.is_final) == (
        RunState.COMPLETED, '{"rows": 3}', None, None, True,
    )  # fmt: skip
    assert found.finished_at == stage.clock.now
    assert found.started_at == stage.clock.now - timedelta(milliseconds=1500)
    assert (found.key, found.label, found.attempt) == ("k", "l", 1)
    assert await stage.sql("select * from mainspring.hot_runs") == []
    (attempt,) = await stage.runs.attempts(run.id, scope=EVERYTHING)
    assert (attempt.number, attempt.outcome, attempt.node_id) == (1, AttemptOutcome.COMPLETED, found.node_id)


async def test_a_batch_completes_the_runs_of_several_claims(stage: Stage) -> None:
    node = await stage.node()
    runs = [await stage.claim_new(node) for _ in range(5)]
    assert await stage.complete(*reversed(runs)) == {run.id for run in runs}


async def test_only_the_holder_of_the_claim_completes_and_the_rest_of_the_batch_does(stage: Stage) -> None:
    node = await stage.node()
    mine, taken = await stage.claim_new(node), await stage.claim_new(node)
    waiting = await stage.add_one()
    strangers = [
        Completion(taken.id, make_claim_id(), 1.0, '"stolen"'),
        Completion(waiting, make_claim_id(), 1.0, '"stolen"'),
        Completion(stage.new_id(), make_claim_id(), 1.0, None),
    ]
    accepted = await stage.runs.complete([*strangers, Completion(mine.id, mine.claim_id, 1.0, None)])
    assert accepted == {mine.id}
    assert (await stage.get(taken.id)).state is RunState.RUNNING
    assert (await stage.get(waiting)).state is RunState.PENDING


async def test_a_completion_is_accepted_once_and_the_store_knows_whose_it_was(stage: Stage) -> None:
    node, other = await stage.node(), await stage.node()
    run, lost = await stage.claim_new(node), await stage.claim_new(node)
    await stage.complete(run)
    assert await stage.complete(run) == set()
    assert await stage.runs.outcome_of(node, {run.id: 1, lost.id: 1}) == {run.id: RunState.COMPLETED}
    assert await stage.runs.outcome_of(other, {run.id: 1}) == {}
    assert await stage.runs.outcome_of(node, {run.id: 2}) == {}
    assert await stage.runs.outcome_of(node, {}) == {}
    await stage.settle(lost, Failed(ERROR))
    assert await stage.runs.outcome_of(node, {lost.id: 1}) == {lost.id: RunState.PENDING}
    assert await stage.runs.outcome_of(node, {lost.id: 1}, {lost.id: AttemptOutcome.FAILED}) == {lost.id: RunState.PENDING}
    assert await stage.runs.outcome_of(node, {lost.id: 1}, {lost.id: AttemptOutcome.COMPLETED}) == {}


SETTLED: list[tuple[Outcome, RunState, AttemptOutcome, str | None, timedelta | None]] = [
    (Failed(ERROR), RunState.PENDING, AttemptOutcome.FAILED, None, timedelta(seconds=1)),
    (Failed(ERROR, after=timedelta(seconds=9)), RunState.PENDING, AttemptOutcome.FAILED, None, timedelta(seconds=9)),
    (Failed(ERROR, is_terminal=True), RunState.FAILED, AttemptOutcome.FAILED, None, None),
    (TimedOut(ERROR), RunState.PENDING, AttemptOutcome.TIMEOUT, None, timedelta(seconds=1)),
    (CancelledByRequest(), RunState.CANCELLED, AttemptOutcome.CANCELLED, "requested", None),
    (Skipped("no rows"), RunState.SKIPPED, AttemptOutcome.SKIPPED, "no rows", None),
    (Snoozed(timedelta(hours=1)), RunState.PENDING, AttemptOutcome.SNOOZED, None, timedelta(hours=1)),
    (Released("shutdown"), RunState.PENDING, AttemptOutcome.RELEASED, "shutdown", None),
    (Released("unknown_task", timedelta(seconds=5)), RunState.PENDING, AttemptOutcome.RELEASED, "unknown_task",
     timedelta(seconds=5)),
    (Released(Reason.NO_CAPABLE_NODE), RunState.BLOCKED, AttemptOutcome.RELEASED, "no capable node", None),
    (Lost("lost", ERROR, is_alone=False), RunState.PENDING, AttemptOutcome.LOST, "lost", None),
    (Completed('"late"'), RunState.COMPLETED, AttemptOutcome.COMPLETED, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("outcome", "state", "word", "reason", "delay"), SETTLED)
async def test_every_outcome_is_settled_as_decided(
    stage: Stage, outcome: Outcome, state: RunState, word: AttemptOutcome, reason: str | None, delay: timedelta | None
) -> None:
    run = await stage.claim_new()
    await stage.clock.advance(2)
    assert await stage.settle(run, outcome, entries=[LOG]) is state
    found = await stage.get(run.id)
    assert (found.state, found.reason, found.attempt) == (state, reason, 1)
    (attempt,) = await stage.runs.attempts(run.id, scope=EVERYTHING)
    assert (attempt.outcome, attempt.number, attempt.reason, attempt.finished_at) == (word, 1, reason, stage.clock.now)
    has_error = isinstance(outcome, (Failed, TimedOut, Lost))
    assert attempt.error == (ERROR if has_error else None) == found.error
    if state.is_final:
        assert (found.finished_at, attempt.retry_at) == (stage.clock.now, None)
    else:
        due = stage.clock.now + (delay or timedelta(0))
        assert (attempt.retry_at, found.finished_at, found.node_id) == (due, None, None)
        is_claimable = any(each.id == run.id for each in await stage.claim(await stage.node()))
        assert is_claimable == (state is RunState.PENDING and delay is None)
        if delay is not None:
            assert found.run_at == due
            await stage.clock.advance(delay.total_seconds())
            await stage.runs.promote()
            assert [each.attempt for each in await stage.claim(await stage.node())] == [2]


@pytest.mark.scenario("R1", part="stored times")
async def test_a_backoff_is_a_stored_time_and_its_budget_ends(stage: Stage) -> None:
    retry = Retry(retries=2, delay=timedelta(seconds=4), factor=3, jitter=False)
    node = await stage.node()
    run = await stage.claim_new(node, max_retries=2)
    for wait in (4, 12):
        assert await stage.settle(run, Failed(ERROR), retry) is RunState.PENDING
        assert (await stage.get(run.id)).run_at == stage.clock.now + timedelta(seconds=wait)
        await stage.clock.advance(wait)
        await stage.runs.promote()
        (run,) = await stage.claim(node)
    assert (run.attempt, run.retries) == (3, 2)
    assert await stage.settle(run, Failed(ERROR), retry) is RunState.FAILED
    found = await stage.get(run.id)
    assert (found.attempt, found.retries, found.error) == (3, 2, ERROR)


@pytest.mark.scenario("R5")
async def test_every_try_keeps_its_own_outcome(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node)
    outcomes: list[Outcome] = [
        TimedOut({"type": "Timeout"}), Failed(ERROR), Snoozed(timedelta(0)), Released("shutdown"),
        Lost("crashed", {"signal": 11}, is_alone=True), Completed("1"),
    ]  # fmt: skip
    for outcome in outcomes:
        assert await stage.settle(run, outcome, Retry(delay=timedelta(0))) is not None
        if not isinstance(outcome, Completed):
            await stage.runs.promote()
            (run,) = await stage.claim(node)
    tries = await stage.runs.attempts(run.id, scope=EVERYTHING)
    assert [each.outcome for each in tries] == ["timeout", "failed", "snoozed", "released", "lost", "completed"]
    assert [each.number for each in tries] == [1, 2, 3, 4, 5, 6]
    assert [each.error for each in tries] == [{"type": "Timeout"}, ERROR, None, None, {"signal": 11}, None]
    found = await stage.get(run.id)
    assert (found.state, found.attempt, found.retries, found.rescues) == (RunState.COMPLETED, 6, 2, 1)


async def test_a_completion_after_failures_leaves_a_row_of_its_own(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node)
    await stage.settle(run, Released("shutdown"))
    (run,) = await stage.claim(node)
    await stage.clock.advance(3)
    assert await stage.complete(run) == {run.id}
    assert [each.outcome for each in await stage.runs.attempts(run.id, scope=EVERYTHING)] == ["released", "completed"]
    assert await stage.kinds(run.id) == ["queued", "claimed", "started", "released", "claimed", "started", "completed"]


@pytest.mark.scenario("L9", part="the count of rescues")
async def test_a_run_that_is_lost_alone_again_and_again_ends(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node, max_rescues=3)
    loss = Lost("lost", {"message": "the node vanished"}, is_alone=True, suspicion=Suspicion.NODE)
    for rescues in (1, 2):
        assert await stage.settle(run, loss) is RunState.PENDING
        (run,) = await stage.claim(node)
        assert (run.rescues, run.suspicion) == (rescues, Suspicion.NODE)
    assert await stage.settle(run, loss) is RunState.FAILED
    found = await stage.get(run.id)
    assert (found.reason, found.rescues, found.attempt, found.retries) == ("lost", 3, 3, 0)
    assert [each.outcome for each in await stage.runs.attempts(run.id, scope=EVERYTHING)] == ["lost"] * 3


async def test_a_loss_in_company_marks_and_a_success_of_another_kind_clears(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node)
    await stage.settle(run, Lost("crashed", ERROR, is_alone=False))
    (run,) = await stage.claim(node)
    assert (run.suspicion, run.rescues) == (Suspicion.EXECUTOR, 0)
    await stage.settle(run, Lost("crashed", ERROR, is_alone=False, is_innocent=True))
    (run,) = await stage.claim(node)
    assert run.suspicion == Suspicion.EXECUTOR
    await stage.settle(run, Snoozed(timedelta(0)))
    (run,) = await stage.claim(node)
    assert run.suspicion == Suspicion.NONE


@pytest.mark.parametrize("suspicion", [Suspicion.EXECUTOR, Suspicion.NODE])
async def test_a_run_that_is_suspected_no_more_goes_back_to_its_pool(stage: Stage, suspicion: Suspicion) -> None:
    node = await stage.node()
    run = await stage.claim_new(node, pool=PoolKind.DEF)
    lone = PoolKind.SOLO if suspicion is Suspicion.EXECUTOR else PoolKind.QUARANTINE
    await stage.settle(run, Lost("crashed", ERROR, is_alone=False, suspicion=suspicion))
    assert [lane.pool for lane in await stage.lanes()] == [lone]
    (run,) = await stage.claim(node)
    await stage.settle(run, Released("shutdown"))  # nothing was shown
    assert [lane.pool for lane in await stage.lanes()] == [lone]
    (run,) = await stage.claim(node)
    cleared = replace(decide(run, Snoozed(timedelta(0)), Retry()), pool=PoolKind.DEF)
    assert await stage.runs.settle([Settlement(run.id, run.claim_id, cleared)]) == {run.id: RunState.PENDING}
    assert [lane.pool for lane in await stage.lanes()] == [PoolKind.DEF]
    (run,) = await stage.claim(node)
    assert (run.suspicion, run.pool) == (Suspicion.NONE, PoolKind.DEF)
    await stage.settle(run, Lost("crashed", ERROR, is_alone=False, suspicion=suspicion))  # and may be suspected again
    assert [lane.pool for lane in await stage.lanes()] == [lone]


async def test_a_run_that_must_not_be_repeated_is_interrupted_by_a_loss(stage: Stage) -> None:
    run = await stage.claim_new(is_repeatable=False)
    assert await stage.settle(run, Lost("lost", ERROR, is_alone=False)) is RunState.FAILED
    assert (await stage.get(run.id)).reason == "interrupted"


@pytest.mark.scenario("F9", part="the store")
@pytest.mark.parametrize("outcome", [each[0] for each in SETTLED if not each[1].is_final])
async def test_a_requested_cancel_overrules_every_way_back(stage: Stage, outcome: Outcome) -> None:
    run = await stage.claim_new()
    stopped = await stage.runs.cancel([run.id], actor="ada", reason="wrong file")
    assert stopped[run.id].was_running
    assert await stage.settle(run, outcome) is RunState.CANCELLED
    found = await stage.get(run.id)
    assert (found.state, found.reason, found.cancelled_by) == (RunState.CANCELLED, "requested", "ada")
    await stage.clock.advance(10_000)
    assert await stage.runs.promote() == set()
    assert await stage.lanes() == []
    assert (await stage.kinds(run.id))[-2:] == ["cancel_requested", "cancelled"]


@pytest.mark.parametrize("outcome", [Completed("1"), Failed(ERROR, is_terminal=True), Skipped("done")])
async def test_an_end_that_came_first_wins_over_a_requested_cancel(stage: Stage, outcome: Outcome) -> None:
    run = await stage.claim_new()
    await stage.runs.cancel([run.id])
    assert await stage.settle(run, outcome) is decide(run, outcome, Retry()).state


@pytest.mark.scenario("R6", part="no retry past the deadline")
async def test_a_retry_past_the_deadline_is_a_timeout(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node, deadline=timedelta(minutes=5))
    within = Retry(delay=timedelta(minutes=4), jitter=False)
    assert await stage.settle(run, Failed(ERROR), within) is RunState.PENDING
    await stage.clock.advance(240)
    await stage.runs.promote()
    (run,) = await stage.claim(node)
    assert await stage.settle(run, Failed(ERROR), within) is RunState.TIMEOUT
    found = await stage.get(run.id)
    assert (found.state, found.reason, found.error) == (RunState.TIMEOUT, "deadline", ERROR)
    assert (await stage.kinds(run.id))[-1] == "timed_out"


async def test_a_try_that_ends_past_the_deadline_is_not_followed_by_another(stage: Stage) -> None:
    run = await stage.claim_new(deadline=timedelta(minutes=5))
    await stage.clock.advance(301)
    assert await stage.settle(run, Released("shutdown")) is RunState.TIMEOUT


async def test_a_snooze_until_a_time(stage: Stage) -> None:
    run = await stage.claim_new()
    until = stage.clock.now + timedelta(days=2)
    await stage.settle(run, Snoozed(until=until))
    assert (await stage.get(run.id)).run_at == until


async def test_a_batch_settles_each_in_its_own_way_and_refuses_strangers(stage: Stage) -> None:
    node = await stage.node()
    outcomes = [each[0] for each in SETTLED]
    runs = [await stage.claim_new(node) for _ in outcomes]
    stranger = await stage.claim_new(node)
    decided = [
        Settlement(run.id, run.claim_id, decide(run, outcome, Retry()), 1.0, [LOG]) for run, outcome in zip(runs, outcomes, strict=True)
    ]
    refused = Settlement(stranger.id, make_claim_id(), decide(stranger, Skipped("x"), Retry()))
    states = await stage.runs.settle([refused, *decided])
    assert states == {run.id: each[1] for run, each in zip(runs, SETTLED, strict=True)}


async def test_records_keep_their_order_and_their_age(stage: Stage) -> None:
    run = await stage.claim_new()
    await stage.clock.advance(10)
    accepted = await stage.runs.append([Appended(run.id, run.claim_id, [LOG, PROGRESS], {"current": 1, "total": 2})])
    assert accepted == {run.id}
    assert (await stage.get(run.id)).progress == {"current": 1, "total": 2}
    await stage.runs.append([Appended(run.id, run.claim_id, [LOG])])
    assert (await stage.get(run.id)).progress == {"current": 1, "total": 2}
    await stage.runs.append([Appended(run.id, run.claim_id, [], {"current": 2})])
    await stage.complete(run, entries=[LOG])
    events = await stage.store.events.after(run.id, scope=EVERYTHING)
    assert [str(each.kind) for each in events] == [
        "queued", "claimed", "started", "log", "progress", "log", "log", "completed",
    ]  # fmt: skip
    assert events[3].data == LOG.data
    assert events[3].at == stage.clock.now - timedelta(milliseconds=250)
    assert (await stage.get(run.id)).progress == {"current": 2}


async def test_in_one_batch_some_say_something_and_some_nothing(stage: Stage) -> None:
    node = await stage.node()
    silent, chatty, other = [await stage.claim_new(node) for _ in range(3)]
    await stage.runs.complete([
        Completion(silent.id, silent.claim_id, 1.0, None),
        Completion(chatty.id, chatty.claim_id, 1.0, None, [LOG, PROGRESS, LOG]),
        Completion(other.id, other.claim_id, 1.0, None),
    ])  # fmt: skip
    assert [await stage.kinds(run.id) for run in (silent, other)] == [["queued", "claimed", "started", "completed"]] * 2
    assert await stage.kinds(chatty.id) == ["queued", "claimed", "started", "log", "progress", "log", "completed"]
    assert (await stage.get(chatty.id)).progress == PROGRESS.data
    assert (await stage.get(silent.id)).progress is None


async def test_what_bodies_put_into_records_does_not_bring_a_batch_down(stage: Stage) -> None:
    """NaN, half characters, NUL: each would make one database or the other refuse the whole statement."""
    node = await stage.node()
    run, other = await stage.claim_new(node), await stage.claim_new(node)
    nasty: dict[str, Any] = {
        "nan": float("nan"), "inf": float("inf"), "half": "x\ud800y", "nul": "a\0b", "set": {1}, "none": None, "%s": "'%(x)s:y",
    }  # fmt: skip
    entry = Entry(0.0, EventKind.LOG, nasty)
    assert await stage.runs.append([Appended(run.id, run.claim_id, [entry], nasty)]) == {run.id}
    assert await stage.settle(run, Failed({"type": "E", "message": "a\0b\ud800"}), entries=[entry]) is not None
    assert await stage.settle(other, Skipped("a\0b")) is RunState.SKIPPED
    kept = (await stage.store.events.after(run.id, scope=EVERYTHING))[3].data
    assert kept["nan"] == "NaN" and kept["none"] is None and kept["%s"] == "'%(x)s:y" and "\ud800" not in kept["half"]


async def _rescued(stage: Stage) -> tuple[str, ClaimedRun, ClaimedRun]:
    """A node that was stopped past its lease, the claim that it still believes in, and the one of its successor."""
    old, new = await stage.node("old"), await stage.node("new")
    run_id = await stage.add_one()
    claimed = await stage.claim(old)
    (first,) = [run for run in claimed if run.id == run_id]
    await stage.clock.advance(61)
    await stage.nodes.beat(new, lease=timedelta(seconds=60), running=0)
    assert await stage.nodes.reap(new) == [old]
    (orphan,) = await stage.runs.orphans()
    assert (orphan.run.id, orphan.node_id, orphan.together) == (run_id, old, 1)
    decision = decide(orphan.run, Lost("lost", {"message": "node lost"}, is_alone=True), Retry())
    await stage.runs.settle([Settlement(run_id, orphan.run.claim_id, decision)], is_owner=False)
    (second,) = await stage.claim(new)
    return old, first, second


@pytest.mark.scenario("L3", part="the store")
@pytest.mark.failure(6)
async def test_all_six_writes_of_a_node_that_lost_its_lease_are_refused(stage: Stage) -> None:
    old, first, second = await _rescued(stage)
    run_before, events_before = await stage.get(first.id), await stage.store.events.after(first.id, scope=EVERYTHING)
    row_before = await stage.sql("select * from mainspring.hot_runs")

    assert await stage.nodes.beat(old, lease=timedelta(seconds=60), running=1) is None
    assert await stage.runs.append([Appended(first.id, first.claim_id, [], {"current": 9})]) == set()
    assert await stage.runs.append([Appended(first.id, first.claim_id, [LOG])]) == set()
    assert await stage.complete(first, result='"stale"', entries=[LOG]) == set()
    assert await stage.settle(first, Failed(ERROR), entries=[LOG]) is None
    assert await stage.settle(first, CancelledByRequest()) is None

    assert await stage.get(first.id) == run_before
    assert await stage.store.events.after(first.id, scope=EVERYTHING) == events_before
    assert await stage.sql("select * from mainspring.hot_runs") == row_before
    assert await stage.runs.outcome_of(old, {first.id: first.attempt}) == {first.id: RunState.RUNNING}
    assert await stage.complete(second) == {second.id}


@pytest.mark.scenario("L8", part="the store")
async def test_a_rescued_run_tells_who_lost_it_and_who_finished_it(stage: Stage) -> None:
    old, first, second = await _rescued(stage)
    await stage.complete(second, result="2")
    tries = await stage.runs.attempts(first.id, scope=EVERYTHING)
    assert [(each.number, each.outcome, each.node_id == old) for each in tries] == [
        (1, "lost", True), (2, "completed", False),
    ]  # fmt: skip
    assert (await stage.get(first.id)).result == "2"
    assert await stage.kinds(first.id) == [
        "queued", "claimed", "started", "lost", "claimed", "started", "completed",
    ]  # fmt: skip


async def test_a_rescuer_tells_how_many_went_down_together(stage: Stage) -> None:
    node, other = await stage.node(), await stage.node()
    await stage.add_new(3)
    runs = await stage.claim(node)
    await stage.nodes.beat(node, lease=timedelta(seconds=60), running=4)
    await stage.complete(runs[0])
    await stage.nodes.reap(other, found=[node])
    orphans = await stage.runs.orphans()
    assert {orphan.run.id for orphan in orphans} == {run.id for run in runs[1:]}
    assert {orphan.together for orphan in orphans} == {4}
    assert [orphan.run.claim_id for orphan in orphans] == [runs[1].claim_id] * 2
    for orphan in orphans:
        await stage.settle(orphan.run, Lost("lost", ERROR, is_alone=False))


async def test_a_run_of_a_node_that_nobody_remembers_is_a_stray(stage: Stage) -> None:
    run = await stage.claim_new(await stage.node())
    assert await stage.runs.strays() == []
    await stage.sql("delete from mainspring.nodes")
    assert await stage.runs.orphans() == []
    (orphan,) = await stage.runs.strays()
    assert orphan.run.id == run.id
    assert await stage.settle(orphan.run, Lost("lost", ERROR, is_alone=True)) is RunState.PENDING
