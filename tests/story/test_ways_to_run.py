"""Waiting for a run, not waiting for it, waiting only so long, and waiting from a thread without a loop."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from mainspring import Mainspring, RunState, errors, task
from mainspring.core.errors import DefinitionError
from mainspring.core.ids import make_claim_id
from tests.aio import run

_gates: dict[str, asyncio.Event] = {}
_done: list[str] = []


@task(retry=0)
async def add(left: int, right: int) -> int:
    """Add two numbers."""
    _done.append("async")
    return left + right


@task(retry=0)
def subtract(left: int, right: int) -> int:
    """Subtract one number from another."""
    _done.append("def")
    return left - right


@task(retry=0)
async def fall(why: str) -> None:
    """Fail, and say why."""
    raise RuntimeError(why)


@task(retry=0)
async def wait_at(gate: str) -> str:
    """Go on when the gate opens."""
    await _gates[gate].wait()
    return f"through {gate}"


def app(url: str = "sqlite://") -> Mainspring:
    return Mainspring(url, tasks=[add, subtract, fall, wait_at], isolation="inline")


@pytest.mark.scenario("S3-20", part="python")
def test_the_synchronous_way_answers_with_the_result_the_error_or_that_it_goes_on() -> None:
    async def story() -> None:
        async with app() as here, here.worker():
            assert await here.run(add, 1, right=2) == 3
            with pytest.raises(errors.RunFailed, match="it rains") as failed:
                await here.run(fall, "it rains")
            assert failed.value.state == "failed"
            assert failed.value.error is not None
            assert failed.value.error["type"] == "RuntimeError"

            _gates["slow"] = asyncio.Event()
            slow = await here.enqueue(wait_at, "slow")
            with pytest.raises(errors.StillRunning, match=slow.id):
                await slow.result(timeout=0.01)
            _gates["slow"].set()  # the wait was over, the run was not
            assert await slow.result() == "through slow"

    run(story())


@pytest.mark.scenario("S3-21", part="python")
def test_the_asynchronous_way_answers_before_any_work_starts() -> None:
    async def story() -> None:
        async with app() as here:
            handle = await here.enqueue(add, 2, 2)
            found = await handle.status()
            assert (found.state, found.attempt) == (RunState.PENDING, 0)
            async with here.worker():
                assert await handle.result() == 4
            assert [event.kind for event in [each async for each in handle.events()]] == ["queued", "claimed", "started", "completed"]

    run(story())


@pytest.mark.scenario("S0-10")
def test_one_body_a_run_whatever_its_colour_and_one_definition_a_name() -> None:
    async def story() -> None:
        async with app() as here:
            _done.clear()
            assert await here.run(add, 1, 1) == 2
            assert await here.run(subtract, 1, 1) == 0
            assert _done == ["async", "def"]

    run(story())

    @task(name="twice")
    def first() -> None: ...

    @task(name="twice")
    async def second() -> None: ...

    with pytest.raises(DefinitionError, match="twice"):
        Mainspring("sqlite://", tasks=[first, second]).registry  # noqa: B018 - reading it builds it


@pytest.mark.scenario("X4")
def test_a_rescued_run_can_still_be_cancelled() -> None:
    async def story() -> None:
        async with app() as here:
            store = await here.store()
            handle = await here.enqueue(add, 1, 2)
            node = make_claim_id()
            await store.nodes.register(node, name="gone", host="elsewhere", pid=1, lease=timedelta(seconds=60), facts={})
            assert await store.runs.take(handle.id, node, make_claim_id(), timedelta(seconds=30)) is not None
            await store.nodes.stop(node)
            async with here.worker(queues=["another"]) as runner:  # rescues, and claims from another queue only
                await runner.rescuer.tick()
                assert (await handle.status()).state is RunState.PENDING
                assert await handle.cancel("not needed") == "cancelled"
            assert (await handle.status()).state is RunState.CANCELLED
            assert await handle.cancel() == "already"

    run(story())


def test_callers_without_a_loop(tmp_path: Path) -> None:
    here = app(f"sqlite:///{tmp_path}/app.db")
    try:
        assert here.blocking.run(add, 1, right=2) == 3
        handle = here.blocking.enqueue(add.options(key="one"), 5, 5)
        assert here.blocking.enqueue(add.options(key="one"), 5, 5).id == handle.id
        assert here.blocking.status(handle.id).state is RunState.PENDING
        assert here.blocking.cancel(handle.id) == "cancelled"
    finally:
        here.blocking.close()
