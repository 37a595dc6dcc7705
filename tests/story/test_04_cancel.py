"""Four: whatever waits or runs can be asked to stop."""

import asyncio

import pytest

from mainspring import Context, errors, task
from mainspring.testing import Kit


@task(timeout="1h")
async def count_sheep(ctx: Context) -> int:
    for sheep in range(1000):
        ctx.progress(sheep, 1000)
        await asyncio.sleep(1)
    return 1000


def test_what_waits_is_cancelled_at_once(ms: Kit) -> None:
    run = ms.enqueue(count_sheep)
    assert ms.cancel(run) == "cancelled"
    ms.drain()
    assert (ms.state(run), ms.get(run).attempt) == ("cancelled", 0)


def test_what_runs_is_asked_to_stop(ms: Kit) -> None:
    """From any process: the node that has the run hears of it with its next beat, and cancels the body."""
    run = ms.enqueue(count_sheep)
    ms.until(run, "running")
    assert ms.cancel(run, reason="enough") == "requested"
    ms.drain()
    assert ms.state(run) == "cancelled"
    with pytest.raises(errors.RunCancelled):
        ms.result(run)


def test_a_body_may_tidy_up(ms: Kit) -> None:
    """It is cancelled as any asyncio code is; ``finally`` runs."""
    tidied: list[bool] = []

    @task(timeout="1h")
    async def cook() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            tidied.append(True)

    run = ms.enqueue(cook)
    ms.until(run, "running")
    ms.cancel(run)
    ms.drain()
    assert tidied == [True]


def test_what_has_ended_has_ended(ms: Kit) -> None:
    @task
    async def quick() -> None: ...

    run = ms.enqueue(quick)
    ms.drain()
    assert ms.cancel(run) == "already"
    assert ms.state(run) == "completed"
