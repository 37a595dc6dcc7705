"""What operators want of nodes: told through the store, done with the next beat or at once by a hint, seen by everybody."""

from __future__ import annotations

import asyncio

import pytest

from mainspring import Mainspring, task
from mainspring.core.node import NodeCommand, NodeState
from mainspring.core.role import Role
from mainspring.operations.operation import Caller
from mainspring.operations.runner import CommandRequest, RunnerRequest, pause_nodes, show_runner
from tests.fleet import Fleet


@task
async def quick() -> str:
    return "done"


@task(timeout="1h")
async def lasting(seconds: float = 5.0) -> str:
    await asyncio.sleep(seconds)
    return "rested"


async def _maintain(app: Mainspring, is_on: bool) -> None:
    modes = (await app.store()).modes
    await (modes.put("maintenance", {"is_on": True}) if is_on else modes.clear("maintenance"))
    await app.nodes_told()


@pytest.mark.scenario("U5", part="python")
async def test_a_paused_node_leaves_what_comes_to_others_and_keeps_what_it_has(fleet: Fleet) -> None:
    one = await fleet.node("one", [quick, lasting], drives=True)
    held = await one.app.enqueue(lasting, seconds=20)
    await fleet.advance(1)
    await fleet.store.nodes.command([one.id], NodeCommand.PAUSE)
    await fleet.advance(4)
    late = await one.app.enqueue(quick)
    await fleet.advance(5)
    assert await fleet.states([held, late]) == ["running", "pending"]
    health = one.runner.health()
    assert (health.is_paused, health.is_ready, health.is_alive) == (True, True, True)
    (seen,) = await fleet.store.nodes.list()
    assert (seen.state, seen.vitals["is_paused"]) == (NodeState.ALIVE, True)

    other = await fleet.node("other", [quick, lasting], drives=True)
    await fleet.advance(12)
    assert await fleet.states([held, late]) == ["completed", "completed"]
    assert (await fleet.get(late)).node_id == other.id

    await fleet.store.nodes.command([one.id], NodeCommand.RUN)
    await fleet.store.nodes.command([other.id], NodeCommand.QUIET)
    await fleet.advance(4)
    after = await other.app.enqueue(quick)
    await fleet.advance(3)
    assert (await fleet.get(after)).node_id == one.id


@pytest.mark.scenario("U5", part="python")
async def test_a_node_that_comes_back_under_a_new_id_stays_paused(fleet: Fleet) -> None:
    node = await fleet.node("one", [quick], drives=True)
    await fleet.store.nodes.command([node.id], NodeCommand.PAUSE)
    await fleet.advance(4)
    before = node.id
    await fleet.database.execute(f"update mainspring.nodes set state = 3 where id = '{before}'")  # others took it for dead
    await fleet.advance(10)
    assert node.runner.presence.id != before
    late = await node.app.enqueue(quick)
    await fleet.advance(5)
    assert await fleet.states([late]) == ["pending"]


@pytest.mark.scenario("U5", part="python")
async def test_a_node_inside_a_program_stops_when_it_is_told_to(fleet: Fleet) -> None:
    app, _ = fleet.app("app", [quick, lasting])
    await fleet.database.open()
    async with app.runner() as runner:
        held = await app.enqueue(lasting, seconds=8)
        await fleet.advance(1)
        await fleet.store.nodes.command([runner.presence.id], NodeCommand.STOP)
        await fleet.advance(5)
        assert not runner.stopped.is_set()  # it drains
        await fleet.advance(10)
        assert runner.stopped.is_set()
        assert await fleet.states([held]) == ["completed"]
    await app.start_worker()  # what has stopped is in nobody's way
    assert app.health() is not None
    await app.close()


@pytest.mark.scenario("V8", part="python")
async def test_in_maintenance_what_runs_ends_and_nothing_begins(fleet: Fleet) -> None:
    nodes = [await fleet.node(name, [quick, lasting], drives=True) for name in ("a", "b")]
    app = nodes[0].app
    held = await app.enqueue(lasting, seconds=20)
    await fleet.advance(1)
    await _maintain(app, True)
    await fleet.advance(4)
    late = await app.enqueue(quick)
    await fleet.advance(20)
    assert await fleet.states([held, late]) == ["completed", "pending"]
    for node in nodes:
        health = node.runner.health()
        assert (health.is_maintained, health.is_ready, health.is_alive) == (True, True, True)
        assert health.problems == ()
    await _maintain(app, False)
    await fleet.advance(4)
    assert await fleet.states([late]) == ["completed"]


@pytest.mark.scenario("V8", part="app.run")
async def test_who_waits_for_a_run_of_its_own_waits_for_the_end_of_maintenance(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], drives=True)
    app = await fleet.client([quick])
    assert await app.run(quick) == "done"
    await _maintain(node.app, True)
    await fleet.advance(4)
    waiting = asyncio.get_running_loop().create_task(app.run(quick))
    await fleet.advance(10)
    assert not waiting.done()
    await _maintain(node.app, False)
    await fleet.advance(10)
    assert await waiting == "done"


@pytest.mark.scenario("Q6", part="app.run")
async def test_what_a_serving_process_runs_is_carried_out_by_the_fleet(fleet: Fleet) -> None:
    front, _ = fleet.app("front", [quick])
    await fleet.database.open()
    async with front.runner(role=Role.SERVE) as runner:
        assert not runner.pools
        waiting = asyncio.get_running_loop().create_task(front.run(quick))
        await fleet.advance(10)
        assert not waiting.done()
        back = await fleet.node("back", [quick], drives=True)
        await fleet.advance(5)
        assert await waiting == "done"
        roles = {each.name: each.facts["role"] for each in await fleet.store.nodes.list()}
        assert roles[back.runner.presence.name] == "all"
        assert "serve" in roles.values()
    await front.close()


@pytest.mark.scenario("U5", part="who is meant by all")
async def test_all_are_those_that_stay_and_not_who_waits_for_a_run_of_its_own(fleet: Fleet) -> None:
    caller = Caller(actor="ada", source="test")
    app = await fleet.client([quick])
    assert await app.run(quick) == "done"  # nobody else works, so this process does
    node = await fleet.node("stays", [quick], drives=True)
    told = await pause_nodes(node.app, CommandRequest(nodes=[], all=True, reason=None, wait=None), caller)
    assert [each.name for each in told.nodes] == ["stays"]
    await fleet.advance(5)
    status = await show_runner(node.app, RunnerRequest(all=False), caller)
    assert {each.role: each.is_paused for each in status.nodes} == {"all": True, "local": False}
    assert await app.run(quick) == "done"
