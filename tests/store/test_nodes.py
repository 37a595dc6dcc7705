"""Nodes: presence, leases, and who may declare whom dead."""

import asyncio
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from mainspring.core.ids import make_claim_id
from mainspring.core.node import NodeCommand, NodeState
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.store import Store
from tests import postgres
from tests.store.harness import CLOCK_FUNCTION, MINUTE, Kind, Stage


async def test_a_node_says_who_it_is_and_until_when_it_lives(stage: Stage) -> None:
    node_id = make_claim_id()
    facts = {"tasks": ["a", "b"], "version": "1"}
    await stage.nodes.register(node_id, name="web-1", host="h:boot", pid=42, lease=MINUTE, facts=facts)
    (node,) = await stage.nodes.list()
    assert (node.id, node.name, node.host, node.pid, node.state) == (node_id, "web-1", "h:boot", 42, NodeState.ALIVE)
    assert (node.started_at, node.beat_at, node.lease_until) == (
        stage.clock.now, stage.clock.now, stage.clock.now + MINUTE,
    )  # fmt: skip
    assert (node.facts, node.running) == (facts, 0)


async def test_a_beat_renews_the_lease_whatever_the_number_of_runs(stage: Stage) -> None:
    node = await stage.node(tasks=["a"])
    await stage.clock.advance(30)
    beat = await stage.nodes.beat(node, lease=MINUTE, running=7, state=NodeState.DRAINING)
    assert beat is not None and beat.cancels == ()
    (found,) = await stage.nodes.list()
    assert (found.beat_at, found.lease_until) == (stage.clock.now, stage.clock.now + MINUTE)
    assert (found.running, found.state, found.facts) == (7, NodeState.DRAINING, {"tasks": ["a"]})
    await stage.nodes.beat(node, lease=MINUTE, running=0, facts={"tasks": []})
    (found,) = await stage.nodes.list()
    assert found.facts == {"tasks": []}


async def test_the_youngest_node_is_listed_first(stage: Stage) -> None:
    first = await stage.node()
    await stage.clock.advance(1)
    second = await stage.node()
    assert [node.id for node in await stage.nodes.list()] == [second, first]


async def test_only_leases_that_are_over_are_reaped_and_never_the_own(stage: Stage) -> None:
    me, late, live = await stage.node(), await stage.node(), await stage.node()
    await stage.clock.advance(30)
    await stage.nodes.beat(live, lease=MINUTE, running=0)
    await stage.clock.advance(30)
    assert await stage.nodes.reap(me) == []
    await stage.clock.advance(0.001)
    assert await stage.nodes.reap(me) == [late]
    assert await stage.nodes.reap(me) == []
    states = {node.id: node.state for node in await stage.nodes.list()}
    assert states == {me: NodeState.ALIVE, late: NodeState.DEAD, live: NodeState.ALIVE}


async def test_a_dead_node_stays_dead_and_hears_it(stage: Stage) -> None:
    me, other = await stage.node(), await stage.node()
    await stage.nodes.reap(me, found=[other, make_claim_id()])
    assert await stage.nodes.beat(other, lease=MINUTE, running=0) is None
    await stage.nodes.stop(other)
    assert {node.id: node.state for node in await stage.nodes.list()}[other] is NodeState.DEAD


@pytest.mark.failure(9)
async def test_after_an_outage_nobody_is_reaped_by_the_clock_alone(stage: Stage) -> None:
    """Whoever has not held its own beats for a lease may bury only those that it has found dead."""
    me, other, found = await stage.node(), await stage.node(), await stage.node()
    await stage.clock.advance(600)
    assert await stage.nodes.reap(me, may_expire=False) == []
    assert await stage.nodes.reap(me, found=[found], may_expire=False) == [found]
    await stage.nodes.beat(other, lease=MINUTE, running=0)
    assert await stage.nodes.reap(me) == []


@pytest.mark.scenario("L13", part="the store")
async def test_nodes_that_start_together_leave_the_others_leases_alone(stage: Stage) -> None:
    run = await stage.claim_new()
    before = await stage.nodes.list()
    started = [await stage.node(f"n{n}") for n in range(5)]
    for node in started:
        await stage.nodes.beat(node, lease=MINUTE, running=0)
        assert await stage.nodes.reap(node, may_expire=False) == []
        assert await stage.runs.orphans() == []
    assert [node for node in await stage.nodes.list() if node.id not in started] == before
    assert await stage.complete(run) == {run.id}


@pytest.mark.scenario("L12", part="the store")
@pytest.mark.failure(15)
async def test_two_reapers_bury_a_node_once(stage: Stage) -> None:
    reapers, late = [await stage.node() for _ in range(2)], await stage.node()
    await stage.clock.advance(61)
    for reaper in reapers:
        await stage.nodes.beat(reaper, lease=MINUTE, running=0)
    buried = await asyncio.gather(*(stage.nodes.reap(reaper) for reaper in reapers))
    assert sorted(buried) == [[], [late]]


async def test_nodes_of_a_host_and_their_tasks(stage: Stage) -> None:
    me = await stage.node(host="a", tasks=["x"])
    peer, elsewhere = await stage.node(host="a", tasks=["y"]), await stage.node(host="b", tasks=["z"])
    assert await stage.nodes.alive_on("a", me) == [peer]
    assert await stage.nodes.known_tasks() == {"x", "y", "z"}
    await stage.nodes.reap(me, found=[peer])
    await stage.nodes.stop(elsewhere)
    assert await stage.nodes.alive_on("a", me) == []
    assert await stage.nodes.known_tasks() == {"x"}


async def test_what_is_gone_is_forgotten_when_it_holds_nothing(stage: Stage) -> None:
    me, empty, holding, stopped = await stage.node(), await stage.node(), await stage.node(), await stage.node()
    run = await stage.claim_new(holding)
    await stage.nodes.reap(me, found=[empty, holding])
    await stage.nodes.stop(stopped)
    assert await stage.nodes.forget(timedelta(hours=1)) == 0
    await stage.clock.advance(3601)
    assert await stage.nodes.forget(timedelta(hours=1)) == 2
    assert {node.id for node in await stage.nodes.list()} == {me, holding}
    await stage.complete(run)
    assert await stage.nodes.forget(timedelta(hours=1)) == 1


async def test_a_stopped_node_leaves_its_runs_to_the_rescuers(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node)
    await stage.nodes.stop(node)
    (orphan,) = await stage.runs.orphans()
    assert orphan.run.id == run.id


# -- PostgreSQL: the connection of the beats tells of death before the lease does --------------------------------------


async def _gone(url: str, backend: int) -> None:
    """Return when a backend is gone, which it is a moment after its connection."""

    def wait() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for _ in range(2000):
                if connection.execute("select from pg_stat_activity where pid = %s", (backend,)).fetchone() is None:
                    return
                connection.execute("select pg_sleep(0.005)")
        raise AssertionError("the backend stays")

    await asyncio.to_thread(wait)


async def _beat_of_a_short_life(stage: Stage, node: str, *directs: bool) -> None:
    """Beat from a process of its own, whose connection is gone afterwards."""
    assert isinstance(stage.database, PostgresDatabase)
    other = Store(PostgresDatabase(stage.database.url, clock=CLOCK_FUNCTION))
    await other.open()
    backends = set()
    for is_direct in directs:
        beat = await other.nodes.beat(node, lease=MINUTE, running=0, is_direct=is_direct)
        assert beat is not None
        backends.add(beat.backend)
    await other.nodes.list()
    (backend,) = backends
    assert await stage.nodes.reap(make_claim_id(), may_expire=False) == []
    await other.close()
    await _gone(stage.database.url, backend)


@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_node_whose_backend_is_gone_is_dead(stage: Stage, kind: Kind) -> None:
    me, node = await stage.node(), await stage.node()
    await _beat_of_a_short_life(stage, node, False, True)
    assert await stage.nodes.reap(me, may_expire=False) == [node]


@pytest.mark.parametrize("kind", ["postgres"])
async def test_behind_a_pooler_a_backend_says_nothing(stage: Stage, kind: Kind) -> None:
    me, node = await stage.node(), await stage.node()
    await _beat_of_a_short_life(stage, node, True, False)
    assert await stage.nodes.reap(me, may_expire=False) == []


@pytest.mark.failure(9)
@pytest.mark.scenario("L5", part="the server was away")
async def test_a_restart_of_the_server_kills_nobody(tmp_path: Path) -> None:
    """All backends are gone then, but the server is younger than every beat: only the lease may tell."""
    cluster = await asyncio.to_thread(postgres.Cluster)
    store = Store(PostgresDatabase(cluster.url))
    try:
        await store.open()
        await store.migrations.apply()
        me, node, gone = make_claim_id(), make_claim_id(), make_claim_id()
        for each in (me, node, gone):
            await store.nodes.register(each, name="n", host="h", pid=1, lease=MINUTE, facts={})
            for _ in range(2):
                await store.nodes.beat(each, lease=MINUTE, running=1, is_direct=True)
        await asyncio.to_thread(cluster.crash)
        await asyncio.to_thread(cluster.start)
        assert await store.nodes.reap(me, may_expire=False) == []
        assert await store.nodes.beat(node, lease=MINUTE, running=1) is not None
        states = {each.id: each.state for each in await store.nodes.list()}
        assert set(states.values()) == {NodeState.ALIVE}
    finally:
        await store.close()
        await asyncio.to_thread(cluster.close)


@pytest.mark.scenario("U5", part="store")
async def test_what_operators_want_is_told_with_the_beat_until_they_want_something_else(stage: Stage) -> None:
    one, other = await stage.node("one"), await stage.node("other")
    nodes = stage.nodes

    async def told(node_id: str) -> NodeCommand | None:
        beat = await nodes.beat(node_id, lease=MINUTE, running=0)
        assert beat is not None
        return beat.command

    assert await told(one) is None
    assert await nodes.command([one], NodeCommand.PAUSE, actor="ada", reason="look") == [one]
    assert (await told(one), await told(one), await told(other)) == (NodeCommand.PAUSE, NodeCommand.PAUSE, None)
    (found,) = [each for each in await nodes.list() if each.id == one]
    assert (found.command, found.commanded_by, found.command_reason) == (NodeCommand.PAUSE, "ada", "look")
    assert found.commanded_at == stage.clock.now
    assert sorted(await nodes.command([one, other], NodeCommand.RUN)) == sorted([one, other])
    assert await told(one) is NodeCommand.RUN


async def test_who_is_told_to_leave_is_not_called_back(stage: Stage) -> None:
    node = await stage.node()
    assert await stage.nodes.command([node], NodeCommand.QUIET) == [node]
    assert await stage.nodes.command([node], NodeCommand.RUN) == []
    assert await stage.nodes.command([node], NodeCommand.PAUSE) == []
    assert await stage.nodes.command([node], NodeCommand.STOP) == [node]
    assert await stage.nodes.command([node], NodeCommand.QUIET) == []
    await stage.nodes.stop(node)
    assert await stage.nodes.command([node], NodeCommand.STOP) == []


async def test_a_beat_brings_how_the_node_is_and_whether_the_fleet_rests(stage: Stage) -> None:
    node = await stage.node()
    beat = await stage.nodes.beat(node, lease=MINUTE, running=0, vitals={"is_ready": True, "loops": {"worker": 0.5}})
    assert beat is not None
    assert not beat.is_maintained
    (found,) = await stage.nodes.list()
    assert found.vitals == {"is_ready": True, "loops": {"worker": 0.5}}
    await stage.store.modes.put("maintenance", {"is_on": True})
    beat = await stage.nodes.beat(node, lease=MINUTE, running=0)
    assert beat is not None
    assert beat.is_maintained
    (found,) = await stage.nodes.list()
    assert found.vitals == {"is_ready": True, "loops": {"worker": 0.5}}
    await stage.store.modes.clear("maintenance")
