"""Five: a body says how it is doing, and everybody can watch."""

import asyncio
import logging

from mainspring import Context, log, progress, task
from mainspring.testing import Kit


@task
async def import_rows(ctx: Context, rows: int) -> int:
    for done in range(1, rows + 1):
        ctx.progress(done, rows, message=f"row {done}")
        if done % 10 == 0:
            ctx.log("ten more", rows=done)
        await asyncio.sleep(1)
    return rows


def test_progress_is_kept_while_the_body_runs(ms: Kit) -> None:
    run = ms.enqueue(import_rows, rows=30)
    ms.until(run, "running")
    ms.advance(12)
    latest = ms.progress(run)
    assert latest is not None
    assert latest["total"] == 30
    assert 8 <= latest["current"] <= 14
    ms.drain()
    latest = ms.progress(run)
    assert latest is not None
    assert (latest["current"], latest["message"]) == (30, "row 30")


def test_whatever_a_body_says_lands_in_its_run(ms: Kit) -> None:
    """``ctx.log``, the standard library's ``logging``, and ``print``."""

    @task
    async def talk(ctx: Context) -> None:
        ctx.log("by the context", answer=42)
        logging.getLogger("anything").warning("by logging")
        print("by print")

    run = ms.enqueue(talk)
    ms.drain()
    assert ms.logs(run) == ["by the context", "by logging", "by print"]
    [first, *_] = [event for event in ms.events(run) if event.kind.value == "log"]
    assert first.data["data"] == {"answer": 42}


def test_deep_inside_nobody_needs_to_hand_the_context_down(ms: Kit) -> None:
    """The free functions find the run by themselves, and do nothing outside of one."""

    def deep_inside(step: int) -> None:
        log(f"step {step}")
        progress(step, 3)

    @task
    async def outer() -> None:
        for step in (1, 2, 3):
            deep_inside(step)

    deep_inside(0)
    run = ms.enqueue(outer)
    ms.drain()
    assert ms.logs(run) == ["step 1", "step 2", "step 3"]
    assert (ms.progress(run) or {})["current"] == 3


def test_following_a_run_is_a_loop(ms: Kit) -> None:
    """``run.events()`` replays what has happened and goes on until the end, from any process."""
    run = ms.enqueue(import_rows, rows=10)
    ms.drain()

    async def follow() -> list[str]:
        return [event.kind.value async for event in run.events()]

    kinds = ms.do(follow())
    assert kinds[0] == "queued"
    assert "progress" in kinds
    assert kinds[-1] == "completed"
