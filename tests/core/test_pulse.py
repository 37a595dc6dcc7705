"""Pulses: the arithmetic of a budget, and the judgement over a row of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import ConfigurationError
from mainspring.core.pulse import LEASE_BEYOND, Budget, PulseHealth, PulseRecord, PulseState, Why, judge

START = datetime(2031, 3, 4, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def pulse(at: datetime, is_ok: bool | None = True, took: float | None = 2.0, budget: float = 10.0) -> PulseRecord:
    """Return a pulse as the store would remember it; without ``took`` it has not ended."""
    finished = None if took is None else at + timedelta(seconds=took)
    return PulseRecord(
        1, "http", None, at, finished, timedelta(seconds=budget), is_ok if finished else None, 0, 0, 0, 0, 0, 0, (), None
    )  # fmt: skip


class Row:
    """Pulses of one minute each, and how they look right behind the latest."""

    def __init__(self) -> None:
        self.pulses: list[PulseRecord] = []
        self.now = START

    def beat(self, is_ok: bool) -> PulseHealth:
        self.now += MINUTE
        self.pulses.insert(0, pulse(self.now, is_ok))
        return self.look(timedelta(seconds=3))

    def look(self, after: timedelta, *, is_expected: bool = True) -> PulseHealth:
        return judge(self.pulses, self.now + after, MINUTE, is_expected=is_expected)


@pytest.mark.scenario("V7")
def test_health_follows_ten_good_three_failing_and_five_good_pulses() -> None:
    row = Row()
    seen = [row.beat(is_ok) for is_ok in [*[True] * 10, *[False] * 3, *[True] * 5]]
    assert [health.state for health in seen] == [
        *[PulseState.HEALTHY] * 10, PulseState.WARNING, PulseState.WARNING, PulseState.CRITICAL, *[PulseState.HEALTHY] * 5,
    ]  # fmt: skip
    assert [health.in_a_row for health in seen[9:14]] == [0, 1, 2, 3, 0]
    assert (seen[-1].succeeded, seen[-1].judged) == (15, 18)
    assert seen[-1].success_rate == 15 / 18
    times = [health.last_pulse_at for health in seen]
    assert times == [START + n * MINUTE for n in range(1, 19)]
    assert seen[12].last_success_at == START + 10 * MINUTE
    assert seen[-1].mean_duration == 2 * SECOND


@pytest.mark.scenario("V7")
def test_missed_pulses_are_stale_unless_a_runner_does_the_same() -> None:
    row = Row()
    row.beat(True)
    assert row.look(2 * MINUTE - SECOND).state is PulseState.HEALTHY
    late = row.look(2 * MINUTE)
    assert (late.state, late.missed) == (PulseState.STALE, 2)
    assert row.look(timedelta(hours=1)).missed == 60
    covered = row.look(timedelta(hours=1), is_expected=False)
    assert (covered.state, covered.missed) == (PulseState.HEALTHY, 0)
    assert row.beat(True).state is PulseState.HEALTHY


def test_where_there_has_never_been_one_nothing_is_missed() -> None:
    health = judge([], START, MINUTE, is_expected=True)
    assert (health.state, health.success_rate, health.last_pulse_at, health.mean_duration) == (PulseState.UNUSED, None, None, None)


def test_one_that_was_killed_has_failed_once_its_lease_is_over() -> None:
    killed = [pulse(START, took=None), pulse(START - MINUTE)]
    assert judge(killed, START + timedelta(seconds=20), MINUTE, is_expected=True).state is PulseState.HEALTHY
    late = judge(killed, START + timedelta(seconds=21), MINUTE, is_expected=True)
    assert (late.state, late.judged, late.succeeded, late.last_pulse_at) == (PulseState.WARNING, 2, 1, START)
    assert late.killed == (killed[0].id,)
    told = [replace(killed[0], is_ok=False), killed[1]]
    assert judge(told, START + timedelta(seconds=21), MINUTE, is_expected=True).killed == ()


@given(st.floats(1, 3600), st.floats(0, 5000))
def test_a_budget_leaves_time_to_give_back_and_to_write(seconds: float, passed: float) -> None:
    budget = Budget.of(timedelta(seconds=seconds), began_at=100.0)
    assert 100.0 < budget.stops_at < budget.ends_at
    assert budget.ends_at - budget.stops_at >= 0.199
    assert 0 < budget.grace < budget.ends_at - budget.stops_at
    assert budget.longest == pytest.approx(budget.room(100.0))
    assert budget.longest >= 0.6 * budget.seconds
    now = 100.0 + passed
    assert now + budget.room(now) <= max(budget.stops_at, now) + 1e-6  # what is begun now ends, by its timeout, before work does
    assert now + budget.lease(now) >= budget.ends_at + LEASE_BEYOND - 1e-6  # and nobody takes it from us before that


@pytest.mark.parametrize("given", [timedelta(seconds=0.9), timedelta(hours=2), timedelta(seconds=-5)])
def test_a_budget_that_makes_no_sense_is_refused(given: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="budget="):
        Budget.of(given, 0.0)


def test_only_what_lacked_time_is_for_a_pulse_that_follows_at_once() -> None:
    assert {why for why in Why if why.is_for_the_next} == {Why.NO_ROOM, Why.NO_TIME}
