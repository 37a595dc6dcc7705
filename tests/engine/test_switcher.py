"""Tasks that operators disable and enable at run time: every node and every enqueuer sees it, and no run is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mainspring import Mainspring, task
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import TaskDisabled, UnknownTask
from mainspring.core.state import RunState
from mainspring.testing import Kit
from tests.fleet import Fleet

done: list[int] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    done.clear()


@task
async def mail(n: int = 0) -> int:
    done.append(n)
    return n


@task
async def other() -> str:
    return "other"


@task(enabled=False)
async def retired(n: int = 0) -> int:
    done.append(n)
    return n


@pytest.mark.scenario("K4", part="tasks disable")
async def test_a_disabled_task_is_refused_everywhere_with_who_and_why(fleet: Fleet) -> None:
    one, two = await fleet.client([mail], "one"), await fleet.client([mail], "two")
    await two.enqueue(mail, n=1)
    assert await one.switch("mail", False, actor="ada", reason="the provider is down") == 1
    with pytest.raises(
        TaskDisabled, match=r"the task 'mail' is disabled.*switched off by ada at .*: the provider is down.*tasks enable mail"
    ):
        await one.enqueue(mail, n=2)
    await fleet.advance(31)  # no hint reached the other one, which only enqueues; it reads again before it surprises anybody
    for asking in (two.enqueue(mail, n=2), two.enqueue_many(mail, [{"n": 2}]), two.enqueue_json(mail, '{"n": 2}')):
        with pytest.raises(TaskDisabled):
            await asking
    assert await one.switch("mail", True) == 1
    await one.enqueue(mail, n=3)
    await fleet.advance(31)
    await two.enqueue(mail, n=4)


async def test_who_enqueues_all_the_time_sees_a_switch_within_seconds_and_waits_for_nothing(fleet: Fleet) -> None:
    one, (two, line) = await fleet.client([mail], "one"), fleet.app("two", [mail])
    await two.enqueue(mail)
    await one.switch("mail", False)
    before = line.calls["switches_list"]
    await two.enqueue(mail)  # believes what it has read a moment ago; a node would hold the run
    assert line.calls["switches_list"] == before
    await fleet.advance(3)
    await two.enqueue(mail)  # looks beside it
    await fleet.loop.settle()
    assert line.calls["switches_list"] == before + 1
    with pytest.raises(TaskDisabled):
        await two.enqueue(mail)


async def test_a_store_that_does_not_answer_leaves_what_is_known(fleet: Fleet) -> None:
    app, line = fleet.app("app", [mail])
    await fleet.database.open()
    await app.enqueue(mail)
    await fleet.advance(3)
    line.fail("switches_list", "before")
    await app.enqueue(mail)
    await fleet.loop.settle()
    await app.enqueue(mail)
    await fleet.advance(40)
    line.fail("switches_list", "before")
    before = line.calls["switches_list"]
    await app.enqueue(mail)  # too old to be believed: it asks again
    assert line.calls["switches_list"] == before + 2


@pytest.mark.scenario("K4", part="tasks disable")
async def test_what_waits_is_held_and_goes_on_once_the_task_is_enabled(fleet: Fleet) -> None:
    node = await fleet.node("a", [mail, other])
    runs = [await node.app.enqueue(mail, n=n) for n in range(3)]
    boss = await fleet.client([mail])
    await boss.switch("mail", False, reason="later")
    status = await boss.task_status("mail")
    assert (status.is_enabled, status.blocked, status.state) == (False, 3, RunState.BLOCKED)
    await node.tick("switches", "worker")
    assert done == []
    assert {(run.state, run.reason) for run in [await fleet.get(each) for each in runs]} == {(RunState.BLOCKED, "disabled")}
    await node.app.enqueue(other)
    await node.tick("worker")
    assert await boss.switch("mail", True) == 3
    await node.tick("switches", "worker")
    await fleet.loop.settle()
    assert sorted(done) == [0, 1, 2]
    await node.tick("worker")
    assert await fleet.states(runs) == ["completed"] * 3
    assert {(await fleet.get(each)).retries for each in runs} == {0}


async def test_what_slips_in_beside_a_switch_is_given_back_unburnt(fleet: Fleet) -> None:
    node, late = await fleet.node("a", [mail]), await fleet.client([mail], "late")
    await late.switches()
    boss = await fleet.client([mail], "boss")
    await boss.switch("mail", False)
    await node.tick("switches")
    run = await late.enqueue(mail)  # it had read the switches just before
    await node.tick("worker")
    await fleet.loop.settle()
    found = await fleet.get(run)
    assert (done, found.state, found.reason, found.retries) == ([], RunState.BLOCKED, "disabled", 0)
    (attempt,) = await fleet.store.runs.attempts(run.id, scope=EVERYTHING)
    assert (attempt.outcome, attempt.reason) == ("released", "disabled")


async def test_a_node_that_starts_knows_the_switches_before_it_claims(fleet: Fleet) -> None:
    boss = await fleet.client([mail], "boss")
    late = await fleet.client([mail], "late")
    await late.switches()
    await boss.switch("mail", False)
    run = await late.enqueue(mail)
    await fleet.node("a", [mail], drives=True)
    await fleet.advance(10)
    assert (done, (await fleet.get(run)).reason) == ([], "disabled")
    await boss.switch("mail", True)
    await fleet.advance(5)
    assert done == [0]


async def test_a_running_body_goes_on(fleet: Fleet) -> None:
    gate = asyncio.Event()

    @task(name="mail")
    async def waits() -> str:
        await gate.wait()
        return "whole"

    node = await fleet.node("a", [waits], drives=True)
    run = await node.app.enqueue(waits)
    await fleet.advance(1)
    await node.app.switch("mail", False)
    await fleet.advance(5)
    gate.set()
    assert await run.result() == "whole"


async def test_a_hint_makes_a_node_look_at_once(fleet: Fleet) -> None:
    node = await fleet.node("a", [mail], drives=True)
    await fleet.advance(5)
    boss = await fleet.client([mail])
    await boss.open()
    before = node.line.calls["switches_list"]
    await boss.switch("mail", False)
    await fleet.advance(0.1)
    assert node.line.calls["switches_list"] > before


async def test_what_the_code_disables_an_operator_can_switch_on(fleet: Fleet) -> None:
    node = await fleet.node("a", [retired], drives=True)
    with pytest.raises(TaskDisabled, match=rf"enabled=False at {__file__}"):
        await node.app.enqueue(retired)
    await node.app.switch("retired", True, actor="ada")
    run = await node.app.enqueue(retired, n=7)
    assert await run.result() == 7
    await node.app.switch("retired", False)  # as the code has it: the switch is taken back
    assert (await node.app.switches()).of("retired") is None
    with pytest.raises(TaskDisabled, match="enabled=False"):
        await node.app.enqueue(retired)


async def test_runs_of_a_task_that_the_new_code_disables_are_held_until_it_is_enabled_again(fleet: Fleet) -> None:
    @task(name="mail", enabled=False)
    async def off() -> None: ...

    client = await fleet.client([mail])
    run = await client.enqueue(mail)
    newer = await fleet.node("a", [off], drives=True)
    await fleet.advance(5)
    assert (await fleet.get(run)).reason == "disabled"
    newer.crash()
    await fleet.node("b", [mail], drives=True)
    await fleet.advance(15)
    assert (done, await fleet.states([run])) == ([0], ["completed"])


async def test_an_unknown_task_cannot_be_switched(fleet: Fleet) -> None:
    app = await fleet.client([mail])
    with pytest.raises(UnknownTask, match="did you mean 'mail'"):
        await app.switch("mial", False)


def test_the_kit_sees_switches_too() -> None:
    with Kit(tasks=[mail]) as kit:
        kit.do(kit.app.switch("mail", False))
        with pytest.raises(TaskDisabled):
            kit.enqueue(mail)
        kit.do(kit.app.switch("mail", True))
        assert kit.run(mail, n=5) == 5


def test_a_file_that_does_not_exist_is_not_made_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    app = Mainspring(f"sqlite:///{path}", tasks=[mail])
    active.retire(app)
    assert asyncio.run(app.switches()).of("mail") is None
    assert not path.exists()
