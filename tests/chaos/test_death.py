"""Workers that die: at every named point, in the middle of bodies, by their own runs. Nothing is lost, nothing is accepted twice."""

from __future__ import annotations

import random
from typing import Literal, get_args

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.node import NodeState
from tests.chaos.chaos_tasks import (
    hog,
    hold,
    hold_gil,
    hold_once,
    kill_node,
    kill_node_once,
    segfault,
    talk,
    touch,
    touch_by_twos,
    touch_in_turn,
)
from tests.chaos.stage import KINDS, SHORT_LEASE, Stage, WorkerProcess

ENGINE_POINTS = (
    "before_claim", "after_claim_commit:2", "before_finish:2", "after_finish_commit:2", "before_append", "after_append_commit",
    "before_beat", "after_beat_commit", "after_promote_commit", "after_admit_commit", "after_gate_commit",
)  # fmt: skip
CHILD_POINTS = ("child_before_call:5", "child_after_call:5", "child_before_send:2")


SQLITE, POSTGRES = (pytest.mark.parametrize("kind", [kind]) for kind in KINDS)
SQLITE_FIRST = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.chaos)])


async def killed_one_after_the_other(stage: Stage, points: tuple[str, ...], runs: int) -> None:
    """Let workers die, each at one point, and one last worker finish what they left."""
    handles = await stage.enqueue_many(touch, [{"n": n} for n in range(runs)])
    for number, point in enumerate(points):
        name, _, count = point.partition(":")
        worker = stage.start(f"w{number}", "-c", "5", fault=f"{name}=kill:{count or 1}")
        await stage.enqueue_many(touch.options(delay="1ms"), [{"n": n} for n in range(5)])  # something to promote, claim and finish
        handles += await stage.enqueue_many(touch_by_twos, [{"n": n} for n in range(3)])  # a limit has to let them go
        handles += await stage.enqueue_many(touch_in_turn, [{"n": n} for n in range(3)])  # and a gatekeeper these
        talking = await stage.enqueue(talk, gate="open")
        handles.append(talking)
        assert await worker.gone() == -9, worker.said
    stage.open("open")
    last = await stage.worker("last")
    ended = await stage.until_final(handles)
    assert {str(run.state) for run in ended} == {"completed"}
    assert all(run.retries == 0 for run in ended)  # a loss is no failure of the body
    assert await stage.stopped(last) == 0


@pytest.mark.failure(1)
@POSTGRES
async def test_a_worker_killed_at_a_named_point_loses_nothing(stage: Stage) -> None:
    await killed_one_after_the_other(stage, ("after_claim_commit:2", "before_finish:2", "after_admit_commit", "after_gate_commit"), 40)


@pytest.mark.chaos
@pytest.mark.failure(1)
async def test_a_worker_killed_at_every_named_point_loses_nothing(stage: Stage) -> None:
    await killed_one_after_the_other(stage, ENGINE_POINTS, 200)


@pytest.mark.chaos
@pytest.mark.failure(1)
@pytest.mark.parametrize("point", CHILD_POINTS)
async def test_an_executor_killed_at_a_named_point_loses_nothing(stage: Stage, point: str) -> None:
    name, _, count = point.partition(":")
    worker = await stage.worker("w", fault=f"{name}=kill:{count}")
    for n in range(12):  # one after the other, so that nobody else is in the executor and the loss is the run's own
        handle = await stage.enqueue(touch, n=n)
        [run] = await stage.until_final([handle])
        assert run.state == "completed"
        assert run.retries == 0
    assert sum(run["rescues"] for run in stage.rows("select rescues from mainspring.history")) >= 1
    assert await stage.stopped(worker) == 0


@SQLITE_FIRST
@pytest.mark.scenario("L8", "S0-13")
async def test_a_worker_killed_in_the_middle_of_bodies(stage: Stage) -> None:
    a = await stage.worker("a")
    many = await stage.enqueue_many(hold, [{"gate": "open", "n": n} for n in range(20)])
    once = await stage.enqueue(hold_once, gate="open")
    await stage.until_states([*many, once], running=21)
    lost = await a.node()
    a.kill()
    await a.gone()
    stage.open("open")
    b = await stage.worker("b")
    ended = await stage.until_final([*many, once])
    assert {(str(run.state), run.attempt, run.rescues, run.retries) for run in ended[:-1]} == {("completed", 2, 0, 0)}
    assert (str(ended[-1].state), ended[-1].reason, ended[-1].attempt) == ("failed", "interrupted", 1)
    first, second = await stage.store.runs.attempts(many[0].id, scope=EVERYTHING)
    assert lost is not None
    assert (str(first.outcome), first.reason, first.node_id) == ("lost", "lost", lost.id)
    assert str(second.outcome) == "completed" and second.node_id != lost.id
    assert [each.state for each in await stage.store.nodes.list() if each.id == lost.id] == [NodeState.DEAD]
    assert not list(stage.folder.rglob(f"{lost.id}.lock"))
    assert await stage.stopped(b) == 0
    assert not list(stage.folder.rglob("*.lock"))


async def fleet_of_survivors(stage: Stage, run_id: str, gate: str | None = None) -> None:
    """Keep a worker alive until a run is final, whoever kills it; a gate is opened when the second worker is dead."""
    number = 0
    worker: WorkerProcess | None = None
    while not (await stage.store.runs.get(run_id, scope=EVERYTHING)).is_final:
        if worker is None or worker.code is not None:
            number += 1
            if number == 3 and gate is not None:
                stage.open(gate)
            assert number < 12, "workers die for ever"
            worker = stage.start(f"w{number}")
        ended = worker

        async def is_over(ended: WorkerProcess = ended) -> bool:
            return ended.code is not None or (await stage.store.runs.get(run_id, scope=EVERYTHING)).is_final

        await stage.until(is_over, "the worker or the run to end")


@pytest.mark.chaos
@pytest.mark.scenario("L9")
async def test_a_run_that_kills_its_node_every_time_ends(stage: Stage) -> None:
    culprit = await stage.enqueue(kill_node)
    await fleet_of_survivors(stage, culprit.id)
    [run] = await stage.until_final([culprit])
    assert (str(run.state), run.reason, run.rescues) == ("failed", "lost", 2)
    assert len(stage.journal("fatal")) == run.attempt == 2
    for worker in stage.processes:
        worker.kill()
        await worker.gone()
    again = await stage.app.retry(culprit.id, actor="somebody")  # only a person gives it another chance, with a fresh budget
    stage.committed.add(again.id)
    fresh = await again.status()
    assert (fresh.rescues, fresh.retry_of) == (0, culprit.id)
    assert await again.cancel() == "cancelled"


@pytest.mark.chaos
@pytest.mark.scenario("L9", part="among neighbours")
async def test_a_run_that_kills_its_node_is_found_among_its_neighbours(stage: Stage) -> None:
    neighbours = await stage.enqueue_many(hold, [{"gate": "open", "n": n} for n in range(50)])
    culprit = await stage.enqueue(kill_node)
    await fleet_of_survivors(stage, culprit.id, "open")
    last = await stage.worker("last")
    ended = await stage.until_final([*neighbours, culprit])
    assert (str(ended[-1].state), ended[-1].reason, ended[-1].rescues) == ("failed", "lost", 2)
    assert {(str(run.state), run.rescues, run.retries) for run in ended[:-1]} == {("completed", 0, 0)}  # nothing is charged to them
    assert sum(run.attempt for run in ended) < 5 * len(ended)  # looked at one by one, and not handed to and fro
    assert await stage.stopped(last) == 0


Harm = Literal["segfault", "gil", "memory"]


async def poison(stage: Stage, worker: WorkerProcess, harm: Harm, neighbours: int) -> None:
    """Let one run bring its executor down among async neighbours."""
    before = len(stage.journal("held"))
    held = await stage.enqueue_many(hold, [{"gate": harm, "n": n} for n in range(neighbours)])
    await stage.until_journal("held", before + neighbours)
    culprits = {"segfault": segfault, "gil": hold_gil, "memory": hog}
    culprit = await (stage.enqueue(culprits[harm], seconds=5.0) if harm == "gil" else stage.enqueue(culprits[harm]))
    await stage.until_journal("held", before + neighbours + 1)  # they run again already, each alone where anybody may have been it
    stage.open(harm)
    [run] = await stage.until_final([culprit])
    expected = {"segfault": ("failed", "crashed", 3), "memory": ("failed", "memory", 2), "gil": ("timeout", None, 0)}
    assert (str(run.state), run.reason, run.rescues) == expected[harm], run.error
    ended = await stage.until_final(held)
    assert {(str(each.state), each.rescues, each.retries) for each in ended} == {("completed", 0, 0)}
    assert worker.code is None
    node = await worker.node()
    assert node is not None
    assert {each.node_id for each in ended} == {node.id}  # the node lived through it


@SQLITE_FIRST
@pytest.mark.failure(11)
@pytest.mark.scenario("S3-28", part="among async neighbours, to the end")
async def test_a_run_that_takes_the_executor_down_hurts_itself_only(stage: Stage) -> None:
    worker = await stage.worker("w", MAINSPRING_GRACE="1s", MAINSPRING_MEMORY_LIMIT="400M")
    for harm in get_args(Harm):
        await poison(stage, worker, harm, 99)
    assert await stage.stopped(worker) == 0


async def random_kills(stage: Stage, runs: int, kills: int, seed: int) -> None:
    """Keep three workers at work while they are killed at random."""
    chance = random.Random(seed)
    handles = await stage.enqueue_many(touch, [{"n": n} for n in range(runs)])
    workers = [stage.start(f"w{number}", **SHORT_LEASE) for number in range(3)]
    for number in range(kills):
        victim = chance.randrange(3)
        done = runs * (number + 1) // (kills + 2)

        async def has_come_so_far(done: int = done, victim: int = victim) -> bool:
            ended = int(stage.rows("select count(*) as n from mainspring.history")[0]["n"])
            return ended >= done or " works on " in workers[victim].said

        await stage.until(has_come_so_far, f"{done} runs to end")
        workers[victim].kill()
        await workers[victim].gone()
        workers[victim] = stage.start(f"w{victim}-{number}", **SHORT_LEASE)
    ended = await stage.until_final(handles, 300)
    assert {str(run.state) for run in ended} == {"completed"}
    assert {run.rescues for run in ended} <= {0, 1, 2}
    for worker in workers:
        await worker.alive()
        assert await stage.stopped(worker) == 0


@pytest.mark.failure(1)
@pytest.mark.scenario("S0-14", part="fewer runs")
@POSTGRES
async def test_three_workers_and_random_kills(stage: Stage) -> None:
    await random_kills(stage, runs=3000, kills=1, seed=7)


@pytest.mark.chaos
@pytest.mark.scenario("S0-14")
@pytest.mark.parametrize("seed", [1, 2])
async def test_three_workers_ten_thousand_runs_and_random_kills(stage: Stage, seed: int) -> None:
    await random_kills(stage, runs=10_000, kills=8, seed=seed)


@pytest.mark.chaos
async def test_a_run_that_kills_its_node_once_survives_alone(stage: Stage) -> None:
    handle = await stage.enqueue(kill_node_once)
    await fleet_of_survivors(stage, handle.id)
    assert await handle.result() == "survived"
    assert (await handle.status()).rescues == 1


@pytest.mark.chaos
@pytest.mark.failure(1, 15)
async def test_rescuers_that_die_over_a_rescue(stage: Stage) -> None:
    a = await stage.worker("a")
    held = await stage.enqueue_many(hold, [{"gate": "open", "n": n} for n in range(10)])
    await stage.until_states(held, running=10)
    a.kill()
    await a.gone()
    for name, point in (("b", "after_reap"), ("c", "after_rescue_commit")):
        assert await stage.start(name, fault=f"{point}=kill").gone() == -9
    d = await stage.worker("d")
    stage.open("open")
    ended = await stage.until_final(held)
    assert {(str(run.state), run.rescues, run.retries) for run in ended} == {("completed", 0, 0)}
    assert await stage.stopped(d) == 0
    assert not list(stage.folder.rglob("*.lock"))
