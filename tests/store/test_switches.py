"""Switches, and the runs behind them."""

from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.event import EventKind
from mainspring.core.run import Reason, Released
from mainspring.core.state import RunState
from mainspring.core.switch import Switch
from mainspring.store.runs import Lane
from tests.store.harness import Stage


async def test_a_switch_stands_until_another_or_until_it_is_taken_back(stage: Stage) -> None:
    switches = stage.store.switches
    assert await switches.list() == []
    await switches.put("mail", False, actor="ada", reason="spam")
    first = stage.clock.now
    await stage.clock.advance(5)
    await switches.put("backup", True)
    assert await switches.list() == [Switch("backup", True, stage.clock.now), Switch("mail", False, first, "ada", "spam")]
    await switches.put("mail", True, actor="bob")
    assert (await switches.list())[1] == Switch("mail", True, stage.clock.now, "bob", None)
    assert await switches.clear("mail")
    assert not await switches.clear("mail")
    assert [each.task for each in await switches.list()] == ["backup"]


async def test_what_is_ready_is_held_and_let_go_again(stage: Stage) -> None:
    node = await stage.node()
    switches = stage.store.switches
    mail = await stage.add_new(3, task="mail")
    other = await stage.add_new(1, task="other")
    assert [await switches.hold("mail", 2), await switches.hold("mail", 2), await switches.hold("mail", 2)] == [2, 1, 0]
    for run in mail:
        found = await stage.get(run)
        assert (found.state, found.reason) == (RunState.BLOCKED, "disabled")
    assert [run.id for run in await stage.claim(node, 10)] == other
    assert await switches.free(["other", "backup"]) == (0, set())
    moved, lanes = await switches.free(["mail"], 2)
    assert (moved, len(lanes)) == (2, 1)
    assert isinstance(next(iter(lanes)), Lane)
    assert await switches.free(["mail"]) == (1, lanes)
    assert {run.id for run in await stage.claim(node, 10)} == set(mail)
    kinds = [event.kind for event in await stage.store.events.after(mail[0], scope=EVERYTHING)]
    assert kinds[:4] == [EventKind.QUEUED, EventKind.BLOCKED, EventKind.UNBLOCKED, EventKind.CLAIMED]


async def test_what_runs_waits_for_its_time_or_for_another_reason_is_not_touched(stage: Stage) -> None:
    node = await stage.node()
    running = await stage.add_one(task="mail")
    await stage.claim(node)
    later = await stage.add_one(task="mail", delay=timedelta(hours=1))
    claimed = await stage.claim_new(node, task="mail")
    await stage.settle(claimed, Released(Reason.NO_CAPABLE_NODE))
    assert await stage.store.switches.hold("mail") == 0
    assert await stage.store.switches.free(["mail"]) == (0, set())
    states = [(await stage.get(each)).state for each in (running, later, claimed.id)]
    assert states == [RunState.RUNNING, RunState.PENDING, RunState.BLOCKED]


async def test_a_held_run_that_has_a_limit_asks_it_again(stage: Stage) -> None:
    node = await stage.node()
    await stage.add_one(task="mail", limit_task="task:mail")
    assert await stage.store.switches.hold("mail") == 1
    (row,) = await stage.sql("select state, waits_for, reason from mainspring.hot_runs")
    assert (row["state"], row["waits_for"], row["reason"]) == (1, None, "disabled")
    assert await stage.store.switches.free(["mail"]) == (1, set())
    (row,) = await stage.sql("select state, waits_for, reason from mainspring.hot_runs")
    assert (row["state"], row["waits_for"], row["reason"]) == (0, "task:mail", "limit")
    assert await stage.claim(node) == []


async def test_a_held_run_can_be_cancelled(stage: Stage) -> None:
    run = await stage.add_one(task="mail")
    await stage.store.switches.hold("mail")
    assert run in await stage.runs.cancel([run])
    assert (await stage.get(run)).state is RunState.CANCELLED


async def test_what_a_task_is_doing_is_counted(stage: Stage) -> None:
    node = await stage.node()
    await stage.add_new(2, task="mail")
    await stage.claim(node, 1)
    await stage.add_new(1, task="mail", delay=timedelta(hours=1))
    await stage.add_new(4, task="other")
    await stage.store.switches.hold("other", 1)
    assert await stage.runs.of_task("mail", scope=EVERYTHING) == {RunState.RUNNING: 1, RunState.PENDING: 2}
    assert await stage.runs.of_task("other", scope=EVERYTHING) == {RunState.BLOCKED: 1, RunState.PENDING: 3}
    assert await stage.runs.of_task("nothing", scope=EVERYTHING) == {}
    assert await stage.runs.running(scope=EVERYTHING) == {"mail": 1}


@pytest.mark.scenario("L10", part="gauge")
async def test_what_no_node_can_do_is_a_number(stage: Stage) -> None:
    node = await stage.node()
    claimed = await stage.claim_new(node, task="mail")
    await stage.add_new(1, task="mail")
    assert await stage.runs.stuck(scope=EVERYTHING) == []
    await stage.settle(claimed, Released(Reason.NO_CAPABLE_NODE))
    await stage.clock.advance(90)
    (stuck,) = await stage.runs.stuck(scope=EVERYTHING)
    assert (stuck.task, stuck.n, round(stuck.since_ms)) == ("mail", 1, 90_000)
