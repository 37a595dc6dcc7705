"""What happens in between: while a claim, a look or a write is under way and something else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mainspring import Context, task
from mainspring.core.errors import StoreUnavailable
from mainspring.core.ids import make_claim_id
from mainspring.core.run import ClaimedRun
from mainspring.core.switch import Switch
from mainspring.engine.pools import EnqueueReply, EnqueueRequest
from tests.fleet import Fleet

done: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    done.clear()


@task
async def quick(name: str = "") -> str:
    done.append(name)
    return name


@task(timeout="1h")
async def tidy() -> None:
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        await asyncio.sleep(4)
        done.append("tidied")
        raise


def _of_one(name: str) -> None:
    if name == "missing":
        raise KeyError(name)  # no refusal: a mistake of whoever wrote it


@task(validate=_of_one)
async def checked(ctx: Context, name: str = "") -> None:
    done.append(name)


async def test_a_run_that_was_lost_while_it_was_looked_at_is_carried_out_here_when_it_comes_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await fleet.node("a", [checked])
    run = await node.app.enqueue(checked)
    look, dead = node.worker.stages.look, node.id

    async def look_meanwhile(runs: Sequence[ClaimedRun]) -> list[ClaimedRun]:
        monkeypatch.setattr(node.worker.stages, "look", look)
        await fleet.store.nodes.reap("another", found=[dead], may_expire=False)
        await node.runner.heartbeat.tick()
        return await look(runs)

    monkeypatch.setattr(node.worker.stages, "look", look_meanwhile)
    await node.tick("worker")
    assert node.id != dead
    assert (node.worker.in_hand, done) == (0, [])
    for _ in range(5):
        await fleet.advance(5)
        await node.tick("heartbeat", "rescuer", "promoter", "worker")
    assert await fleet.states([run]) == ["completed"]
    assert len(done) == 1


async def test_a_claim_that_is_under_way_when_the_node_stops_is_given_back_unburnt(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await fleet.node("a", [quick])
    run = await node.app.enqueue(quick)
    claim, is_claimed, may_answer = node.worker._store.runs.claim, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **more: Any) -> list[ClaimedRun]:
        runs = await claim(*args, **more)
        is_claimed.set()
        await may_answer.wait()
        return runs

    monkeypatch.setattr(node.worker._store.runs, "claim", slow)
    round_ = node.spawn(node.worker.tick())
    await is_claimed.wait()
    stop = node.spawn(node.runner.stop(5))
    await fleet.loop.settle()
    assert not stop.done()
    may_answer.set()
    await asyncio.wait([round_, stop])
    found = await fleet.get(run)
    assert (found.state, found.retries, found.rescues, done) == ("pending", 0, 0, [])


async def test_a_node_that_stops_while_the_store_is_away_leaves_nothing_running(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await fleet.node("a", [quick])
    await node.app.enqueue(quick)

    async def away(*args: Any) -> list[str]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(node.worker.recorder._runs, "complete", away)
    await node.tick("worker")
    assert node.worker.recorder.backlog == 1
    await node.do(node.runner.stop(0.0))
    assert not [each.get_name() for each in asyncio.all_tasks() if each.get_name() == "mainspring-finish"]


async def test_whoever_else_waits_for_the_end_of_a_node_hears_of_it_although_the_stop_was_cancelled_at_its_last_step(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await fleet.node("a", [quick])
    is_leaving = asyncio.Event()

    async def hang() -> None:
        is_leaving.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(node.runner.heartbeat, "stop", hang)
    first, other = node.spawn(node.runner.stop(0.0)), node.spawn(node.runner.stop(0.0))
    await is_leaving.wait()
    first.cancel()
    await asyncio.wait_for(other, 1)
    assert first.cancelled()


async def test_what_a_cancelled_body_does_to_clean_up_is_not_interrupted_by_the_next_beats(fleet: Fleet) -> None:
    node = await fleet.node("a", [tidy])
    run = await node.app.enqueue(tidy)
    await node.tick("worker")
    await run.cancel()
    for _ in range(4):  # each beat brings the wish again
        await node.tick("heartbeat")
        await fleet.advance(1.5)
    assert done == ["tidied"]
    assert await fleet.states([run]) == ["cancelled"]


async def test_a_body_hears_of_whatever_goes_wrong_when_it_enqueues(fleet: Fleet) -> None:
    node = await fleet.node("a", [checked])
    run = await node.app.enqueue(checked)
    parent = await node.app._opening.opened()
    claimed = await parent.store.runs.take(run.id, node.id, make_claim_id(), node.app.settings.grace)
    assert claimed is not None
    replies: list[EnqueueReply] = []
    node.worker.asked(claimed, EnqueueRequest("checked", '{"name":"missing"}'), replies.append)
    await fleet.loop.settle()
    assert [(each.id, each.message) for each in replies] == [(None, "checked is not enqueued: KeyError: 'missing'")]


async def test_a_result_that_the_store_refuses_is_told_of_after_an_outage(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await fleet.node("a", [quick])
    run = await node.app.enqueue(quick)

    async def refuse(completions: object) -> list[str]:
        raise ValueError("not this one")

    monkeypatch.setattr(node.worker.recorder._runs, "complete", refuse)
    node.line.fail("runs_settle", "before")
    await node.tick("worker")
    await fleet.advance(1)
    found = await fleet.get(run)
    assert found.state == "failed"
    assert found.error is not None
    assert "not this one" in found.error["message"]


async def test_limits_that_were_named_before_a_failed_round_are_looked_at_in_the_next(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick])
    limiter = node.runner.limiter
    await node.tick("limiter")
    assert not limiter._sweeps.is_due(fleet.loop.time())
    limiter.poke(["task:quick"])
    limiter._is_adopting = True
    limiter._adopts.renew()
    node.line.fail("limits_stray", "before")
    with pytest.raises(StoreUnavailable):
        await node.tick("limiter")
    assert limiter._sweeps.is_due(fleet.loop.time())


async def test_an_old_look_at_the_switches_does_not_hide_a_newer_one(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await fleet.node("a", [quick])
    board, switches = (await node.app._opening.opened()).board, (await node.app._opening.opened()).store.switches
    ask, may_answer = switches.list, asyncio.Event()

    async def slow() -> Sequence[Switch]:
        found = await ask()
        await may_answer.wait()
        return found

    monkeypatch.setattr(switches, "list", slow)
    old = node.spawn(board.look())
    await fleet.advance(0.1)
    monkeypatch.setattr(switches, "list", ask)
    await node.app.switch("quick", False, reason="moving")
    assert board.switches.is_off(quick.spec)
    may_answer.set()
    await old
    assert board.switches.is_off(quick.spec)
