"""Databases that crash, restart, fall silent or lose an answer on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import psycopg
import pytest

from mainspring import RunHandle
from mainspring.core.errors import StoreUnavailable
from mainspring.core.node import NodeState
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.wire import Wire
from tests.chaos.chaos_tasks import hold, hold_once, touch
from tests.chaos.line import Line
from tests.chaos.stage import SHORT_LEASE, Stage, WorkerProcess, until
from tests.postgres import Cluster, server


async def enqueue_for_ever(stage: Stage, taken: list[RunHandle[int]], pause: float) -> None:
    """Enqueue one run after the other; what is answered must exist, what is refused may be asked again."""
    n = 0
    while True:
        try:
            taken.append(await stage.enqueue(touch, n=n))
            n += 1
        except StoreUnavailable:
            await asyncio.sleep(0.05)
        await asyncio.sleep(pause)


async def until_taken(stage: Stage, taken: Sequence[object], more: int) -> None:
    """Wait until so many more enqueues were answered."""
    goal = len(taken) + more
    await stage.until(lambda: len(taken) >= goal, f"{goal} enqueues")


async def restarts_under_load(stage: Stage, cluster: Cluster, restarts: int, *, fleet: int, between: int, seed: int) -> None:
    """Crash and restart the server again and again while runs are enqueued and done."""
    chance = random.Random(seed)
    taken: list[RunHandle[int]] = []
    workers = [await stage.worker(f"w{n}") for n in range(fleet)]
    load = asyncio.create_task(enqueue_for_ever(stage, taken, 0.005))
    try:
        for _ in range(restarts):
            await until_taken(stage, taken, between)
            await asyncio.to_thread(cluster.crash if chance.random() < 0.7 else cluster.stop)
            await asyncio.to_thread(cluster.start)
        await until_taken(stage, taken, between)
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
    ended = await stage.until_final(taken)
    assert {str(run.state) for run in ended} == {"completed"}
    assert {(run.rescues, run.retries) for run in ended} == {(0, 0)}  # an outage is nobody's loss
    assert {each.state for each in await stage.store.nodes.list()} == {NodeState.ALIVE}
    for worker in workers:
        assert await stage.stopped(worker) == 0


@pytest.mark.failure(3)
async def test_the_server_crashes_under_load_and_comes_back(fragile: Stage, cluster: Cluster) -> None:
    await restarts_under_load(fragile, cluster, 1, fleet=1, between=100, seed=3)


@pytest.mark.chaos
@pytest.mark.failure(3, 5)
async def test_the_server_restarts_again_and_again(fragile: Stage, cluster: Cluster) -> None:
    await restarts_under_load(fragile, cluster, 20, fleet=2, between=300, seed=5)


@pytest.mark.chaos
@pytest.mark.failure(9)
@pytest.mark.scenario("L5", part="an outage longer than everybody's lease")
async def test_an_outage_longer_than_every_lease_is_nobodys_loss(fragile: Stage, cluster: Cluster) -> None:
    stage = fragile
    workers = [stage.start(name, **SHORT_LEASE) for name in ("a", "b")]
    nodes = [await worker.alive() for worker in workers]
    held = await stage.enqueue_many(hold, [{"gate": "open", "n": n} for n in range(150)])  # more than one node has slots
    await stage.until_states(held, running=150)
    assert {run.node_id for run in await stage.runs(held)} == {node.id for node in nodes}
    beaten = {node.id: node.beat_at for node in await stage.store.nodes.list()}
    await asyncio.to_thread(cluster.crash)
    await asyncio.sleep(3.5)  # not a wait for something: the outage outlasts the lease of three seconds
    await asyncio.to_thread(cluster.start)

    async def have_beaten() -> bool:
        return all(node.beat_at > beaten[node.id] for node in await stage.store.nodes.list())

    await stage.until(have_beaten, "both nodes to renew")
    rounds = {node.id: node.beat_at for node in await stage.store.nodes.list()}

    async def have_lived_on() -> bool:  # past the time at which they may judge each other again
        return all((node.beat_at - rounds[node.id]).total_seconds() > 4 for node in await stage.store.nodes.list())

    await stage.until(have_lived_on, "both nodes to live on")
    assert {(str(run.state), run.attempt) for run in await stage.runs(held)} == {("running", 1)}
    stage.open("open")
    ended = await stage.until_final(held)
    assert {(str(run.state), run.attempt, run.rescues) for run in ended} == {("completed", 1, 0)}
    assert {node.id for node in await stage.store.nodes.list() if node.state is NodeState.ALIVE} == {node.id for node in nodes}
    for worker in workers:
        assert await stage.stopped(worker) == 0


async def a_line_goes_dead(stage: Stage, *, is_cut: bool) -> None:
    """Let a node's line go dead, another take over, and the line come back, healed or cut."""
    async with Line(stage.url) as line:
        a = await stage.worker("a", url=line.url, **SHORT_LEASE)
        held = await stage.enqueue_many(hold, [{"gate": "open", "n": n} for n in range(10)])
        once = await stage.enqueue(hold_once, gate="open")
        await stage.until_states([*held, once], running=11)
        before = await a.node()
        assert before is not None
        b = await stage.worker("b", **SHORT_LEASE)
        line.go_dead()
        # What must not run twice is stopped while the lease still holds: the body writes it down before anybody else has the run.
        await stage.until_journal("stopped")
        assert [line.run for line in stage.journal("stopped")] == [once.id]
        assert str((await once.status()).state) == "running"

        async def are_taken_over() -> bool:
            return all(run.attempt == 2 for run in await stage.runs(held))

        await stage.until(are_taken_over, "the other node to take over")
        stage.open("open")
        ended = await stage.until_final([*held, once])
        if is_cut:
            line.cut()
        line.heal()
        after = await reborn(stage, a, before.id)
        assert {(str(run.state), run.attempt) for run in ended[:-1]} == {("completed", 2)}
        assert (str(ended[-1].state), ended[-1].reason) == ("failed", "interrupted")
        assert await stage.stopped(b) == 0
        fresh = await stage.enqueue_many(touch, [{"n": n} for n in range(10)])
        again = await stage.until_final(fresh)
        assert {(str(run.state), run.node_id) for run in again} == {("completed", after)}  # its pools have recovered
        assert [run for run in await stage.runs([*held, once]) if run.node_id == before.id and run.state == "completed"] == []
        assert await stage.stopped(a) == 0


async def reborn(stage: Stage, worker: WorkerProcess, before: str) -> str:
    """Wait until a worker lives under a new id and return it."""
    found: list[str] = []

    async def is_back() -> bool:
        found[:] = [
            each.id
            for each in await stage.store.nodes.list()
            if each.name == worker.name and each.id != before and each.state is NodeState.ALIVE
        ]
        return bool(found)

    await stage.until(is_back, f"{worker.name} to come back under a new id")
    return found[0]


@pytest.mark.chaos
@pytest.mark.failure(7)
@pytest.mark.scenario("L5", part="the node fences itself")
async def test_a_line_goes_dead_without_a_word(fragile: Stage) -> None:
    await a_line_goes_dead(fragile, is_cut=False)


@pytest.mark.chaos
@pytest.mark.failure(7)
async def test_a_line_goes_dead_and_never_carries_those_connections_again(fragile: Stage) -> None:
    await a_line_goes_dead(fragile, is_cut=True)


@pytest.mark.failure(2)
@pytest.mark.scenario("I9", part="the answer is lost and the run has finished")
async def test_an_enqueue_whose_answer_is_lost_is_one_run(fragile: Stage) -> None:
    stage = fragile
    async with Line(stage.url) as line:
        client = stage.client(line.url, database=PostgresDatabase(line.url, connections=1))
        async with client:
            worker = await stage.worker("w")
            for has_finished in (False, True):
                await client.cancel((await client.enqueue(touch.options(delay="1h"))).id)  # so that it is connected and the statement known
                stage.rows("delete from mainspring.history returning id")
                await client.switches()  # fresh, so that the enqueue is the next thing that the one connection is asked for
                line.lose_answers()
                n = 1 + has_finished
                asking = asyncio.create_task(client.enqueue(touch, n=n) if has_finished else client.enqueue(hold, gate="open", n=n))
                rows = "mainspring.history" if has_finished else "mainspring.hot_runs where state = 4"

                def is_there(rows: str = rows) -> bool:
                    return len(stage.rows(f"select id from {rows}")) == 1

                await stage.until(is_there, "the run to begin or to end")
                line.heal()
                line.cut()
                handle = await asking
                stage.committed.add(handle.id)
                places = stage.rows("select id from mainspring.hot_runs union all select id from mainspring.history")
                assert [row["id"] for row in places] == [handle.id]
                if not has_finished:
                    assert await handle.cancel() == "requested"
                    await stage.until_final([handle])
                    stage.committed.clear()
        assert await stage.stopped(worker) == 0


@pytest.mark.chaos
@pytest.mark.failure(2)
async def test_a_bulk_enqueue_whose_answer_is_lost_is_one_set_of_runs(fragile: Stage) -> None:
    stage = fragile
    async with Line(stage.url) as line:
        client = stage.client(line.url, database=PostgresDatabase(line.url, connections=1))
        async with client:
            await client.enqueue_many(touch.options(delay="1h"), [{"n": n} for n in range(2001)])  # so that it is connected
            line.lose_answers()
            asking = asyncio.create_task(client.enqueue_many(touch.options(delay="1h"), [{"n": n} for n in range(500)]))
            await stage.until(lambda: len(stage.rows("select id from mainspring.hot_runs")) == 2501, "the runs to be there")
            line.heal()
            line.cut()
            handles = await asking
            assert len({each.id for each in handles}) == 500
            assert len(stage.rows("select id from mainspring.hot_runs")) == 2501


@pytest.mark.failure(3)
def test_a_broken_connection_that_is_closed_late_leaves_its_successor_alone() -> None:
    """The next connection gets the number of the broken one's socket, which must not be taken from the event loop a second time."""

    async def check() -> None:
        broken = await Wire.connect(server(), {})
        [(pid,)], _ = await broken.run("select pg_backend_pid()", ())
        with psycopg.connect(server(), autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s)", (pid,))
        await until(lambda: broken.is_broken, "the end to be noticed")
        successors = [await Wire.connect(server(), {}) for _ in range(3)]
        assert broken._socket in [each._socket for each in successors]
        await broken.close()
        for each in successors:
            rows, _ = await asyncio.wait_for(each.run("select 1", ()), 10)
            assert rows == [(1,)]
            await each.close()

    asyncio.run(check())
