"""Workers that are asked to leave: in phases, at once, and one after the other under load."""

from __future__ import annotations

import asyncio

import pytest

from mainspring import RunHandle
from mainspring.core.access import EVERYTHING
from mainspring.core.node import NodeState
from tests.chaos.chaos_tasks import deaf, hold, hold_def, touch
from tests.chaos.stage import Stage, WorkerProcess
from tests.chaos.test_database_away import enqueue_for_ever, until_taken

ONE_WORKER = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.chaos)])


async def until_node_is(stage: Stage, worker: WorkerProcess, state: NodeState) -> None:
    async def is_so() -> bool:
        node = await worker.node()
        return node is not None and node.state is state

    await stage.until(is_so, f"{worker.name} to be {state}")


@ONE_WORKER
@pytest.mark.failure(51)
@pytest.mark.scenario("X1")
async def test_the_phases_of_leaving_and_the_second_signal(stage: Stage) -> None:
    first = await stage.worker("first", "--drain", "3s", MAINSPRING_GRACE="1s", MAINSPRING_BEAT="300ms")
    soon = await stage.enqueue_many(hold, [{"gate": "soon", "n": n} for n in range(3)])
    never = await stage.enqueue_many(hold, [{"gate": "later", "n": n} for n in range(2)])
    stubborn = [await stage.enqueue(deaf, gate="later"), await stage.enqueue(hold_def, gate="later")]
    await stage.until_journal("held", 7)
    first.terminate()
    await until_node_is(stage, first, NodeState.DRAINING)
    left = await stage.enqueue(touch)  # claimed by nobody
    node = await first.node()
    assert node is not None
    seen = node.beat_at

    async def beats() -> bool:
        now = await first.node()
        return now is not None and now.beat_at > seen and now.state is NodeState.DRAINING

    await stage.until(beats, "a beat while it drains")
    stage.open("soon")
    ended = await stage.until_final(soon)
    assert {(str(run.state), run.attempt) for run in ended} == {("completed", 1)}
    assert await first.gone() == 0
    await until_node_is(stage, first, NodeState.STOPPED)
    for run in await stage.runs([*never, *stubborn]):
        assert (str(run.state), run.attempt, run.retries, run.rescues) == ("pending", 1, 0, 0)
        [attempt] = await stage.store.runs.attempts(run.id, scope=EVERYTHING)
        assert (str(attempt.outcome), attempt.reason) == ("released", "shutdown")
    assert len([line for line in stage.journal("stopped") if line.run in {each.id for each in never}]) == 2
    assert (await left.status()).attempt == 0

    second = await stage.worker("second")
    await stage.until_final([left])
    await stage.until_journal("held", 11)
    second.terminate()
    await until_node_is(stage, second, NodeState.DRAINING)

    def is_gone_when_asked_again() -> bool:  # two signals within a tenth of a second count as one
        if second.code is None:
            second.terminate()
        return second.code is not None

    await stage.until(is_gone_when_asked_again, "the second signal to end it")
    assert second.code == 130
    await until_node_is(stage, second, NodeState.STOPPED)  # it had the time to say so: nobody waits for its lease
    third = await stage.worker("third")
    stage.open("later")
    ended = await stage.until_final([*never, *stubborn])
    assert {(str(run.state), run.attempt, run.retries, run.rescues) for run in ended} == {("completed", 3, 0, 0)}
    assert await stage.stopped(third) == 0


async def rolling_deploy(stage: Stage, fleet: int, before: int) -> None:
    """Replace every worker of a fleet by a fresh one while runs come in."""
    taken: list[RunHandle[int]] = []
    workers = [await stage.worker(f"old-{n}") for n in range(fleet)]
    load = asyncio.create_task(enqueue_for_ever(stage, taken, 0.01))
    try:
        for n in range(fleet):
            fresh = await stage.worker(f"new-{n}")
            await until_taken(stage, taken, before)
            assert await stage.stopped(workers[n]) == 0
            workers[n] = fresh
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
    ended = await stage.until_final(taken)
    assert {str(run.state) for run in ended} == {"completed"}
    assert {(run.retries, run.rescues) for run in ended} == {(0, 0)}
    assert len(stage.journal("touched")) == len(ended)  # a deploy repeats nothing
    waited = sorted((run.started_at - run.created_at).total_seconds() for run in ended if run.started_at is not None)
    assert waited[int(len(waited) * 0.99)] < 5
    for worker in workers:
        assert await stage.stopped(worker) == 0


@pytest.mark.chaos
@pytest.mark.scenario("X2")
@pytest.mark.failure(52)
async def test_a_rolling_deploy_of_three_nodes_under_load(stage: Stage) -> None:
    await rolling_deploy(stage, 3, 150)
