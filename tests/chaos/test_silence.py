"""Nodes that are silent and not dead: frozen past their lease, held up by a body, with a wall clock of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.event import EventKind
from mainspring.core.node import NodeState
from tests.chaos.chaos_tasks import block, fail, hold, talk, touch
from tests.chaos.stage import ROOT, SHORT_LEASE, Stage
from tests.chaos.test_database_away import reborn

SKEW = Path(__file__).parent / "skew"


@pytest.mark.failure(6, 13)
@pytest.mark.scenario("L3", part="real processes")
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.chaos)])
async def test_a_worker_frozen_past_its_lease_is_refused_and_comes_back(stage: Stage) -> None:
    a = await stage.worker("a", **SHORT_LEASE)
    held = await stage.enqueue_many(hold, [{"gate": "open", "n": n} for n in range(10)])
    late = await stage.enqueue(hold, gate="late")
    talking = await stage.enqueue(talk, gate="open", lines=2)
    asked = await stage.enqueue(hold, gate="late")
    await stage.until_journal("held", 13)
    before = await a.node()
    assert before is not None
    a.freeze()
    b = await stage.worker("b", **SHORT_LEASE)

    async def are_taken_over() -> bool:
        return len(stage.journal("held")) == 26

    await stage.until(are_taken_over, "the other node to begin everything again")
    assert await asked.cancel() == "requested"  # of the node that holds it now
    stage.open("open")  # bodies under the frozen engine end as well: they have what they want to write, and may not
    ended = await stage.until_final([*held, talking, asked])
    a.thaw()
    after = await reborn(stage, a, before.id)
    await stage.until_journal("stopped", 3)  # the bodies of the runs that it lost, and the cancelled one of the other node
    stopped = {(line.run, line.attempt) for line in stage.journal("stopped")}
    assert {(late.id, 1), (asked.id, 1), (asked.id, 2)} == stopped
    assert [str(run.state) for run in ended] == ["completed"] * 11 + ["cancelled"]
    assert str((await late.status()).state) == "running"
    stage.open("late")
    runs = [*ended, *await stage.until_final([late])]
    assert {run.attempt for run in runs} == {2}
    assert before.id not in {run.node_id for run in runs}
    for run in runs:
        first, *more = await stage.store.runs.attempts(run.id, scope=EVERYTHING)
        assert (str(first.outcome), first.node_id) == ("lost", before.id)
        assert len(more) == 1
    stream = [event async for event in talking.events()]
    assert sum(event.kind is EventKind.LOG for event in stream if event.attempt == 2) == 2
    assert "no longer this node's" in a.said
    assert await stage.stopped(b) == 0
    fresh = await stage.enqueue_many(touch, [{"n": n} for n in range(5)])
    assert {run.node_id for run in await stage.until_final(fresh)} == {after}
    assert await stage.stopped(a) == 0


@pytest.mark.chaos
@pytest.mark.failure(8, 23)
@pytest.mark.scenario("L4")
@pytest.mark.parametrize("kind", ["postgres"])
async def test_neither_wrong_clocks_nor_a_held_loop_end_a_lease(stage: Stage) -> None:
    """Two nodes with clocks ten minutes apart and a short lease; on each a body holds the event loop for longer than that."""
    workers = [
        stage.start(name, PYTHONPATH=f"{SKEW}:{ROOT}", CHAOS_SKEW=skew, **SHORT_LEASE)
        for name, skew in (("early", "-300"), ("late", "300"))
    ]
    nodes = {(await worker.alive()).id for worker in workers}
    beaten = {node.id: node.beat_at for node in await stage.store.nodes.list()}
    blocking = await stage.enqueue_many(block, [{"seconds": 4.0}, {"seconds": 4.0}])
    retried = await stage.enqueue(fail)
    due = await stage.enqueue_many(touch.options(delay="2s"), [{"n": n} for n in range(10)])
    ended = await stage.until_final([*blocking, *due])
    assert {(str(run.state), run.attempt, run.rescues) for run in ended} == {("completed", 1, 0)}
    for run in ended[2:]:
        assert run.run_at is not None and run.started_at is not None and run.finished_at is not None
        assert run.created_at < run.run_at <= run.started_at <= run.finished_at  # all by one clock: the database's
    again = await retried.status()
    assert str(again.state) == "pending" and again.run_at is not None
    assert 590 < (again.run_at - again.created_at).total_seconds() < 660  # ten minutes, and no five more or less
    assert {node.id: node.state for node in await stage.store.nodes.list()} == dict.fromkeys(nodes, NodeState.ALIVE)
    assert all((node.beat_at - beaten[node.id]).total_seconds() > 3 for node in await stage.store.nodes.list())
    for worker in workers:
        assert await stage.stopped(worker) == 0


@pytest.mark.chaos
@pytest.mark.failure(13, 15)
@pytest.mark.scenario("L13", "L12", part="real processes")
async def test_nodes_that_start_together_leave_leases_alone_and_rescue_once(stage: Stage) -> None:
    a = await stage.worker("a")
    held = await stage.enqueue_many(hold, [{"gate": "open", "n": n} for n in range(30)])
    await stage.until_states(held, running=30)
    owner = await a.node()
    others = [stage.start(name) for name in ("b", "c")]
    for each in others:
        await each.alive()
    assert owner is not None
    assert {(run.node_id, run.attempt) for run in await stage.runs(held)} == {(owner.id, 1)}
    a.kill()
    await stage.until_journal("held", 60)  # both rescuers saw it; each run began once more, and no more than once
    stage.open("open")
    ended = await stage.until_final(held)
    assert {(str(run.state), run.attempt, run.rescues) for run in ended} == {("completed", 2, 0)}
    assert len(stage.rows("select run_id from mainspring.attempts where outcome = 22")) == 30
    assert len(stage.journal("held")) == 60
    assert not list(stage.folder.rglob(f"{owner.id}.lock"))
    await asyncio.gather(*(stage.stopped(each) for each in others))
