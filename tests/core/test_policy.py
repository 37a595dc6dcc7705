"""Retries, priorities and isolation."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import Priority, Retry

SECONDS = st.floats(0, 1e6, allow_nan=False)
FACTORS = st.floats(1, 100, allow_nan=False)
RETRIES = st.integers(1, 1000)


@pytest.mark.scenario("R1", part="core")
def test_delays_equal_the_published_sequence() -> None:
    retry = Retry(retries=3, delay="1s", factor=2, cap="10s", seed="s")
    # blake2b of "s:1", "s:2", "s:3" as fractions of 1, 2 and 4 seconds: a contract, the docs print the same numbers.
    delays = [retry.delay_before(number, "any run") for number in (1, 2, 3)]
    assert delays == [
        timedelta(microseconds=287_132),
        timedelta(microseconds=1_709_008),
        timedelta(microseconds=462_350),
    ]


@pytest.mark.scenario("R1", part="core")
def test_without_jitter_delays_double_up_to_the_cap() -> None:
    retry = Retry(retries=6, delay="1s", factor=2, cap="10s", jitter=False)
    assert [retry.delay_before(n, "").total_seconds() for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(SECONDS, FACTORS, SECONDS, RETRIES, st.text(max_size=20))
def test_a_delay_lies_between_nothing_and_its_unjittered_self(delay: float, factor: float, cap: float, number: int, seed: str) -> None:
    drawn = Retry(delay=delay, factor=factor, cap=cap).delay_before(number, seed)
    bound = Retry(delay=delay, factor=factor, cap=cap, jitter=False).delay_before(number, seed)
    assert timedelta(0) <= drawn <= bound <= timedelta(seconds=cap)


@given(SECONDS, FACTORS, SECONDS, st.integers(1, 999))
def test_without_jitter_delays_never_shrink(delay: float, factor: float, cap: float, number: int) -> None:
    retry = Retry(delay=delay, factor=factor, cap=cap, jitter=False)
    assert retry.delay_before(number, "") <= retry.delay_before(number + 1, "")


@given(RETRIES, st.text(max_size=20))
def test_the_same_run_and_retry_always_wait_the_same_time(number: int, seed: str) -> None:
    assert Retry().delay_before(number, seed) == Retry().delay_before(number, seed)


def test_runs_wait_different_times() -> None:
    assert len({Retry().delay_before(1, f"run {n}") for n in range(100)}) == 100


@pytest.mark.parametrize(
    "wrong",
    [{"retries": -1}, {"retries": 1001}, {"retries": "3"}, {"retries": True}, {"retries": 2.5}, {"factor": 0.5},
     {"factor": float("nan")}, {"factor": float("inf")}, {"factor": "2"}, {"delay": "soon"}, {"cap": -1},
     {"terminal": ValueError}, {"terminal": (ValueError, 3)}],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Retry(**wrong)  # type: ignore[arg-type]


def test_priorities_have_five_names_in_any_case() -> None:
    assert [Priority.parse(name) for name in ("critical", "HIGH", "Medium", "low", "background")] == list(Priority)
    assert Priority.parse(Priority.LOW) is Priority.LOW
    with pytest.raises(ConfigurationError, match="critical, high, medium, low, background"):
        Priority.parse("urgent")
