"""The sweeper: repairs once what no other loop sees, tells of it, and leaves alone what a newer release may mean."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainspring import Mainspring, task
from mainspring.core.ids import make_claim_id
from mainspring.core.notice import Severity
from mainspring.core.role import Role
from mainspring.engine.sweeper import EVERY, Sweeper
from tests.fleet import Fleet


@task
async def quick() -> None: ...


async def _forget(fleet: Fleet, app: Mainspring) -> str:
    """Leave a run waiting for nothing, as no statement of ours would."""
    handle = await app.enqueue(quick.options(delay="1h"))
    await fleet.database.execute(f"update mainspring.hot_runs set state = 1, reason = null where id = '{handle.id}'")
    return handle.id


@pytest.mark.scenario("X5", part="the sweeper")
async def test_what_lies_about_is_repaired_once_by_nodes_that_only_run(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], drives=True)
    await fleet.node("b", [quick], drives=True)
    run_id = await _forget(fleet, node.app)
    await fleet.advance(EVERY * 1.2 + 10)
    assert str((await fleet.get(run_id)).state) == "completed"
    (notice,) = await fleet.store.notices.list(kind="run_repaired")
    assert (notice.object, notice.severity, notice.data["what"]) == (f"run:{run_id}", Severity.WARNING, "forgotten")
    ages = [pulse for pulse in node.runner.health().loops if pulse.name == "sweeper"]
    assert ages
    assert ages[0].rounds >= 2


async def test_one_look_proves_nothing(fleet: Fleet) -> None:
    app = await fleet.client([quick])
    run_id = await _forget(fleet, app)
    sweeper = Sweeper(fleet.store)
    await sweeper.tick()
    assert str((await fleet.get(run_id)).state) == "blocked"
    await sweeper.tick()
    assert (str((await fleet.get(run_id)).state), sweeper.repaired) == ("pending", 1)
    assert await sweeper.tick() == EVERY


@pytest.mark.scenario("X6", part="the sweeper beside a newer release")
async def test_nothing_is_repaired_while_a_newer_release_lives(fleet: Fleet) -> None:
    app = await fleet.client([quick])
    run_id = await _forget(fleet, app)
    newer = make_claim_id()
    await fleet.store.nodes.register(newer, name="new", host="h", pid=1, lease=timedelta(hours=1), facts={"version": "99.0"})
    sweeper = Sweeper(fleet.store)
    for _ in range(4):
        await sweeper.tick()
    assert str((await fleet.get(run_id)).state) == "blocked"
    await fleet.store.nodes.stop(newer)
    for _ in range(3):
        await sweeper.tick()
    assert str((await fleet.get(run_id)).state) == "pending"


@pytest.mark.scenario("X5", part="only a flag of tests leaves it out")
async def test_only_a_flag_leaves_it_out(fleet: Fleet) -> None:
    from dataclasses import replace

    from mainspring.engine.runner import SAFETY, Runner

    node = await fleet.node("a", [quick])
    assert "sweeper" in SAFETY
    assert "sweeper" in [each.name for each in node.runner.loops()]
    options = replace(node.runner._options, sweeps=False)
    bare = Runner(fleet.store, {quick.name: quick}, node.runner._bus, spawn=node.app._enqueuer.spawn, options=options)
    assert "sweeper" not in [each.name for each in bare.loops()]
    for role in Role:
        served = Runner(fleet.store, {}, node.runner._bus, spawn=node.app._enqueuer.spawn, options=replace(options, role=role, sweeps=True))
        assert ("sweeper" in [each.name for each in served.loops()]) is (role is not Role.SERVE)
