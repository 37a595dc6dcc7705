"""Three: what fails is tried again, later, and a body may say so in its own words."""

import asyncio

import pytest

from mainspring import Context, Fail, Retry, RetryLater, Skip, Snooze, errors, task
from mainspring.testing import Kit


@task(retry=Retry(retries=3, delay="10s", factor=2, jitter=False))
async def call_the_bank(ctx: Context, answers_at: int = 3) -> str:
    if ctx.attempt < answers_at:
        raise ConnectionError("the line is busy")
    return f"answered at attempt {ctx.attempt}"


def test_a_failure_is_followed_by_another_attempt(ms: Kit) -> None:
    """The wait is a time in the store, not a sleep: it holds no slot, and survives a restart."""
    run = ms.enqueue(call_the_bank)
    ms.drain()
    seen = ms.get(run)
    assert (seen.state, seen.attempt) == ("pending", 1)
    assert seen.run_at is not None
    assert (seen.run_at - ms.clock.now()).total_seconds() == pytest.approx(10, abs=0.01)
    ms.advance("10s")
    ms.drain()
    assert ms.get(run).attempt == 2
    ms.advance("20s")
    ms.drain()
    assert ms.result(run) == "answered at attempt 3"


def test_every_attempt_is_kept(ms: Kit) -> None:
    """How it ended, when, and with which error."""
    run = ms.enqueue(call_the_bank)
    ms.until(run)
    attempts = ms.attempts(run)
    assert [attempt.outcome for attempt in attempts] == ["failed", "failed", "completed"]
    assert attempts[0].error is not None
    assert attempts[0].error["message"] == "the line is busy"


def test_some_day_it_is_enough(ms: Kit) -> None:
    """Three retries are four attempts; then the run has failed, and the caller gets the error."""
    with pytest.raises(errors.RunFailed, match="the line is busy"):
        ms.run(call_the_bank, answers_at=100)
    [run] = ms.runs()
    assert (run.state, run.attempt, run.retries) == ("failed", 4, 3)


def test_a_person_may_ask_again(ms: Kit) -> None:
    """A finished run never changes: asking again makes a new one that points at the old."""
    old = ms.enqueue(call_the_bank.options(retry=0))
    ms.drain()
    assert ms.state(old) == "failed"
    new = ms.retry(old)
    assert ms.get(new).retry_of == old.id
    assert ms.until(new).state == "completed"


def test_a_body_can_say_that_it_is_no_use(ms: Kit) -> None:
    """``Fail`` ends the run; no retry follows."""

    @task
    async def open_account(age: int) -> None:
        if age < 18:
            raise Fail("too young")

    run = ms.enqueue(open_account, age=12)
    ms.drain()
    assert (ms.state(run), ms.get(run).attempt) == ("failed", 1)


def test_a_body_can_say_when_to_try_again(ms: Kit) -> None:
    """``RetryLater`` counts as a retry; ``Snooze`` counts as nothing."""

    @task(retry=1)
    async def fetch(ctx: Context) -> str:
        if ctx.attempt <= 5:
            raise Snooze("1h")  # the shop is closed
        if ctx.attempt == 6:
            raise RetryLater("30s")  # it asked us to wait
        return "here it is"

    run = ms.enqueue(fetch)
    assert ms.until(run).state == "completed"
    assert ms.get(run).retries == 1
    assert ms.clock.monotonic() == pytest.approx(5 * 3600 + 30, abs=60)


def test_a_body_can_say_that_there_was_nothing_to_do(ms: Kit) -> None:
    """``Skip`` is no failure."""

    @task
    async def send_news(readers: list[str]) -> None:
        if not readers:
            raise Skip("nobody reads")

    run = ms.enqueue(send_news, readers=[])
    ms.drain()
    assert (ms.state(run), ms.get(run).reason) == ("skipped", "nobody reads")


def test_an_attempt_has_a_limit_and_so_has_the_whole_run(ms: Kit) -> None:
    """``timeout`` is for one attempt, ``deadline`` for all of them together."""

    @task(timeout="5s", deadline="1m", retry=Retry(retries=100, delay="10s", factor=1, jitter=False))
    async def wait_for_godot() -> None:
        await asyncio.sleep(10_000)

    run = ms.enqueue(wait_for_godot)
    seen = ms.until(run)
    assert (seen.state, seen.reason) == ("timeout", "deadline")
    assert seen.attempt == 4
