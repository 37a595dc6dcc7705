"""The state table and `decide` agree, whatever happens to a run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.policy import Retry
from mainspring.core.run import (
    AttemptOutcome,
    CancelledByRequest,
    ClaimedRun,
    Completed,
    Decision,
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
from mainspring.core.state import FINAL, TRANSITIONS, RunState, Trigger, draw, next_state

ERROR = {"type": "ValueError", "message": "no"}


def claimed(**changes: object) -> ClaimedRun:
    run = ClaimedRun(
        id="r", claim_id="c", task="t", params="{}", attempt=1, retries=0, max_retries=3, rescues=0, max_rescues=3,
        timeout_ms=None, is_repeatable=True, suspicion=Suspicion.NONE,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(run, name, value)
    return run


durations = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))
moments = st.datetimes(timezones=st.just(UTC))
reasons = st.sampled_from(list(Reason))
runs = st.builds(
    ClaimedRun,
    id=st.text(min_size=1, max_size=5), claim_id=st.just("c"), task=st.just("t"), params=st.just("{}"),
    attempt=st.integers(1, 50), retries=st.integers(0, 5), max_retries=st.integers(0, 5), rescues=st.integers(0, 4),
    max_rescues=st.integers(1, 4), timeout_ms=st.none(), is_repeatable=st.booleans(),
    suspicion=st.sampled_from(list(Suspicion)),
)  # fmt: skip
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Completed, st.none() | st.just("1")),
    st.builds(Failed, st.just(ERROR), st.booleans(), st.none() | durations, st.none() | reasons),
    st.builds(TimedOut, st.just(ERROR)),
    st.builds(CancelledByRequest, st.none() | st.just(ERROR)),
    st.builds(Skipped, st.text(max_size=5)),
    st.builds(Snoozed, st.none() | durations, st.none() | moments),
    st.builds(Lost, reasons, st.just(ERROR), st.booleans(), st.booleans(), st.sampled_from(list(Suspicion))),
    st.builds(Released, reasons, st.none() | durations),
)
policies = st.builds(Retry, retries=st.integers(0, 5), delay=st.integers(0, 100), jitter=st.booleans())


def triggers_of(decision: Decision) -> Iterator[Trigger]:
    """The triggers that a decision may be carried out with."""
    ends = {
        RunState.COMPLETED: Trigger.COMPLETE, RunState.FAILED: Trigger.FAIL, RunState.TIMEOUT: Trigger.TIME_OUT,
        RunState.SKIPPED: Trigger.SKIP, RunState.CANCELLED: Trigger.CANCEL, RunState.BLOCKED: Trigger.BLOCK,
    }  # fmt: skip
    again = {
        AttemptOutcome.FAILED: Trigger.RETRY, AttemptOutcome.TIMEOUT: Trigger.RETRY,
        AttemptOutcome.SNOOZED: Trigger.SNOOZE, AttemptOutcome.RELEASED: Trigger.RELEASE,
        AttemptOutcome.LOST: Trigger.RESCUE,
    }  # fmt: skip
    yield again[decision.outcome] if decision.state is RunState.PENDING else ends[decision.state]


@given(runs, outcomes, policies)
def test_decide_never_asks_for_a_transition_that_the_table_does_not_allow(run: ClaimedRun, outcome: Outcome, retry: Retry) -> None:
    decision = decide(run, outcome, retry)
    for trigger in triggers_of(decision):
        assert next_state(RunState.RUNNING, trigger) is decision.state


@given(runs, outcomes, policies)
def test_decide_is_a_function_of_its_inputs(run: ClaimedRun, outcome: Outcome, retry: Retry) -> None:
    assert decide(run, outcome, retry) == decide(run, outcome, retry)


@given(runs, outcomes, policies)
def test_a_final_decision_waits_for_nothing_and_a_budget_is_burnt_once_at_most(run: ClaimedRun, outcome: Outcome, retry: Retry) -> None:
    decision = decide(run, outcome, retry)
    assert not (decision.burns_retry and decision.burns_rescue)
    if decision.state.is_final:
        assert (decision.delay, decision.until, decision.burns_retry) == (None, None, False)
    if decision.burns_retry:
        assert run.retries < run.max_retries


@given(runs, st.lists(outcomes, max_size=60), policies)
def test_only_free_outcomes_can_keep_a_run_going_for_ever(run: ClaimedRun, happened: list[Outcome], retry: Retry) -> None:
    """Every retry and every charged loss brings the end nearer; innocent losses, releases and snoozes cost nothing."""
    budget = max(0, run.max_retries - run.retries) + max(0, run.max_rescues - run.rescues)
    burnt = 0
    for outcome in happened:
        decision = decide(run, outcome, retry)
        run.retries += decision.burns_retry
        run.rescues += decision.burns_rescue
        burnt += decision.burns_retry + decision.burns_rescue
        if decision.state.is_final:
            break
    assert burnt <= budget + 1


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("trigger", list(Trigger))
def test_final_states_absorb(state: RunState, trigger: Trigger) -> None:
    assert next_state(state, trigger) is None


def test_every_state_but_the_first_is_reached_and_every_unfinished_one_is_left() -> None:
    reached = set(TRANSITIONS.values())
    left = {source for source, _ in TRANSITIONS}
    assert reached == set(RunState)
    assert left == set(RunState) - FINAL


def test_every_unfinished_run_can_be_ended_by_a_person() -> None:
    assert all(next_state(state, Trigger.CANCEL) is RunState.CANCELLED for state in set(RunState) - FINAL)


def test_the_drawing_names_every_transition() -> None:
    drawing = draw()
    assert drawing.count("-->") == len(TRANSITIONS) + 1 + len(FINAL)
    assert "    running --> completed: complete" in drawing


# -- the rules, one by one ---------------------------------------------------------------------------------------------


def test_a_failure_is_retried_until_the_budget_is_spent() -> None:
    retry = Retry(retries=3, delay="2s", jitter=False)
    again = decide(claimed(retries=2), Failed(ERROR), retry)
    assert (again.state, again.burns_retry, again.delay) == (RunState.PENDING, True, timedelta(seconds=32))
    assert decide(claimed(retries=3), Failed(ERROR), retry).state is RunState.FAILED


def test_a_terminal_failure_is_not_retried() -> None:
    assert decide(claimed(), Failed(ERROR, is_terminal=True), Retry()).state is RunState.FAILED


def test_the_delay_that_a_body_asks_for_wins_and_counts() -> None:
    decision = decide(claimed(), Failed(ERROR, after=timedelta(seconds=7)), Retry())
    assert (decision.delay, decision.burns_retry) == (timedelta(seconds=7), True)


def test_a_timeout_is_retried_and_ends_as_one() -> None:
    assert decide(claimed(), TimedOut(ERROR), Retry()).outcome is AttemptOutcome.TIMEOUT
    assert decide(claimed(retries=3), TimedOut(ERROR), Retry()).state is RunState.TIMEOUT


def test_snooze_and_release_burn_nothing() -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC)
    for outcome in (Snoozed(until=until), Released(Reason.SHUTDOWN)):
        decision = decide(claimed(retries=3, rescues=2), outcome, Retry())
        assert (decision.state, decision.burns_retry, decision.burns_rescue) == (RunState.PENDING, False, False)


def test_a_run_that_no_node_can_do_is_blocked() -> None:
    assert decide(claimed(), Released(Reason.NO_CAPABLE_NODE), Retry()).state is RunState.BLOCKED


def test_losses_in_company_are_free_and_make_suspects() -> None:
    decision = decide(claimed(rescues=2), Lost(Reason.LOST, ERROR, is_alone=False, suspicion=Suspicion.NODE), Retry())
    assert (decision.state, decision.burns_rescue, decision.suspicion) == (RunState.PENDING, False, Suspicion.NODE)


def test_a_loss_by_a_known_other_leaves_no_mark() -> None:
    decision = decide(claimed(), Lost(Reason.LOST, ERROR, is_alone=False, is_innocent=True), Retry())
    assert (decision.state, decision.burns_rescue, decision.suspicion) == (RunState.PENDING, False, None)


def test_the_third_loss_of_its_own_ends_a_run() -> None:
    lost = Lost(Reason.LOST, ERROR, is_alone=True)
    states = [decide(claimed(rescues=n), lost, Retry()).state for n in range(3)]
    assert states == [RunState.PENDING, RunState.PENDING, RunState.FAILED]


def test_a_body_that_must_not_be_repeated_is_interrupted_by_a_loss() -> None:
    decision = decide(claimed(is_repeatable=False), Lost(Reason.LOST, ERROR, is_alone=True), Retry())
    assert (decision.state, decision.reason) == (RunState.FAILED, Reason.INTERRUPTED)
    crashed = decide(claimed(is_repeatable=False), Lost(Reason.CRASHED, ERROR, is_alone=True), Retry())
    assert crashed.reason == Reason.CRASHED
