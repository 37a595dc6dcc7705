"""Services in real processes: their node is killed or stopped, they die, are sick, or do not listen. Never two of what is one."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.service import ServiceState
from tests.chaos.stage import KINDS, SHORT_LEASE, Stage, WorkerProcess

SQLITE, POSTGRES = (pytest.mark.parametrize("kind", [kind]) for kind in KINDS)


async def node(stage: Stage, name: str, *services: str, **env: str) -> WorkerProcess:
    """Start a node that supervises, and wait until it lives."""
    process = WorkerProcess(stage, name, [sys.executable, "-m", "tests.chaos.service_node", stage.url, name, *services], env)
    stage.processes.append(process)
    await process.alive()
    return process


async def row(stage: Stage, name: str = "keeper", place: str = "") -> Any:
    (found,) = [each for each in await stage.store.services.list(name=name) if each.place == place]
    return found


async def until_fence(stage: Stage, fence: int, name: str = "keeper") -> Any:
    """Wait until the body of a start says something."""
    await stage.until(lambda: any(int(each.facts["fence"]) == fence for each in stage.journal("up")), f"{name} to be up with fence {fence}")
    return await row(stage, name)


async def until_state(stage: Stage, state: ServiceState, name: str = "keeper") -> Any:
    async def is_there() -> bool:
        return (await row(stage, name)).state is state

    await stage.until(is_there, f"{name} to be {state}")
    return await row(stage, name)


def never_two(stage: Stage) -> None:
    """Fail where two starts have worked side by side: the last word of one stands before the first of the next."""
    spans: dict[int, tuple[int, int]] = {}
    for line in stage.journal("tick"):
        fence, at = int(line.facts["fence"]), int(line.facts["at"])
        first, last = spans.get(fence, (at, at))
        spans[fence] = (min(first, at), max(last, at))
    for fence in sorted(spans):
        if fence + 1 in spans:
            assert spans[fence][1] < spans[fence + 1][0], f"fence {fence} went on beside {fence + 1}: {spans}"


async def reasons(stage: Stage) -> list[str | None]:
    return [each["reason"] for each in stage.rows("select reason from mainspring.history order by id")]


@pytest.mark.scenario("P3", part="processes")
@POSTGRES
async def test_the_node_that_has_it_is_killed_and_another_takes_over(stage: Stage) -> None:
    nodes = {name: await node(stage, name, "keeper") for name in ("a", "b")}
    holder = (await until_fence(stage, 1)).node
    nodes[holder].kill()
    await nodes[holder].gone()
    found = await until_fence(stage, 2)
    assert found.node != holder
    never_two(stage)
    assert await reasons(stage) == ["interrupted"]
    assert await stage.stopped(nodes[found.node]) == 0
    never_two(stage)
    assert await reasons(stage) == ["interrupted", "shutdown"]


@pytest.mark.scenario("P3", part="sqlite")
@SQLITE
async def test_the_same_beside_one_file_and_a_deploy_moves_it_on_at_once(stage: Stage) -> None:
    first = await node(stage, "first", "keeper")
    await until_fence(stage, 1)
    second = await node(stage, "second", "keeper")
    first.kill()
    await first.gone()
    await until_fence(stage, 2)
    third = await node(stage, "third", "keeper")
    assert await stage.stopped(second) == 0
    await until_fence(stage, 3)
    assert [each.facts["fence"] for each in stage.journal("shutdown")] == ["2"]
    assert await stage.stopped(third) == 0
    never_two(stage)
    assert await reasons(stage) == ["interrupted", "shutdown", "shutdown"]


@pytest.mark.scenario("P3", part="stopped")
@POSTGRES
@pytest.mark.parametrize("name", ["keeper", pytest.param("keeper_def", marks=pytest.mark.chaos)])
async def test_the_engine_is_stopped_and_its_service_is_over_before_another_begins(stage: Stage, name: str) -> None:
    """SIGSTOP reaches the engine alone: its child would go on. It has a lease that nobody extends."""
    holder = await node(stage, "holder", name, **SHORT_LEASE)
    await until_fence(stage, 1, name)
    other = await node(stage, "other", name, **SHORT_LEASE)
    holder.freeze()
    await until_fence(stage, 2, name)
    never_two(stage)
    holder.thaw()
    ticks = len(stage.journal("tick"))
    await stage.until(lambda: len(stage.journal("tick")) > ticks + 50, "some more words")
    never_two(stage)
    assert (await row(stage, name)).node == "other"
    assert holder.code is None
    assert await stage.stopped(other) == 0
    await until_fence(stage, 3, name)  # the one that was stopped is a node like any other again
    assert await stage.stopped(holder) == 0
    never_two(stage)


@pytest.mark.chaos
@pytest.mark.scenario("P1", part="processes")
@SQLITE
@pytest.mark.parametrize("name", ["keeper", "keeper_def"])
async def test_stop_and_start_from_another_process(stage: Stage, name: str) -> None:
    one = await node(stage, "one", name)
    await until_fence(stage, 1, name)
    assert await stage.app.services.stop(name) == 1
    await until_state(stage, ServiceState.STOPPED, name)
    assert sorted(each.event for each in stage.journal() if each.event != "tick") == ["down", "shutdown", "up"]
    assert await reasons(stage) == ["stopped"]
    await stage.app.services.start(name)
    await until_fence(stage, 2, name)
    await stage.app.services.restart(name)
    await until_fence(stage, 3, name)
    assert await stage.stopped(one) == 0
    assert await reasons(stage) == ["stopped", "restart", "shutdown"]
    never_two(stage)


@pytest.mark.chaos
@pytest.mark.scenario("P2", part="processes")
@POSTGRES
async def test_it_dies_by_itself_and_by_an_error_and_is_started_again(stage: Stage) -> None:
    one = await node(stage, "one", "keeper")
    await until_fence(stage, 1)
    stage.open("die-1")
    await until_fence(stage, 2)
    stage.open("raise-2")
    found = await until_fence(stage, 3)
    assert (found.crashes, found.restarts) == (2, 2)
    assert [(each.facts["fence"], each.facts["what"]) for each in stage.journal("error")] == [
        ("None", "ExecutorLost"),
        ("None", "RuntimeError"),
    ]
    assert (await reasons(stage))[0] == "crashed"
    kinds = [each.kind for each in await stage.store.notices.list(object_="service:keeper")]
    assert kinds == ["service_restarts"] * 2
    assert await stage.stopped(one) == 0


@pytest.mark.chaos
@pytest.mark.scenario("P4", part="processes")
@SQLITE
@pytest.mark.parametrize("name", ["keeper", "keeper_def"])
async def test_a_sick_one_is_replaced_and_its_samples_tell_of_its_process(stage: Stage, name: str) -> None:
    one = await node(stage, "one", name)
    await until_fence(stage, 1, name)

    async def has_answered() -> bool:
        return len(await stage.store.services.samples(name)) >= 2

    await stage.until(has_answered, "two answers of the probe")
    sample = (await stage.store.services.samples(name))[0]
    assert sample.is_ok
    assert (sample.memory or 0) > 1_000_000
    assert sample.cpu is not None
    stage.open("sick")
    await stage.until(lambda: len(stage.journal("shutdown")) > 0, "it to be stopped")
    (stage.folder / "sick").unlink()
    found = await until_fence(stage, 2, name)
    assert found.reason is None
    assert (await reasons(stage))[:1] == ["unhealthy"]
    assert await stage.stopped(one) == 0


@pytest.mark.chaos
@SQLITE
async def test_one_that_heeds_nothing_is_killed_when_its_time_is_over(stage: Stage) -> None:
    one = await node(stage, "one", "stubborn")
    await until_fence(stage, 1, "stubborn")
    await stage.app.services.stop("stubborn")
    await until_state(stage, ServiceState.STOPPED, "stubborn")
    run = await stage.app.read_run((await row(stage, "stubborn")).run_id)
    assert (str(run.state), run.reason) == ("cancelled", "stopped")
    events = await stage.store.events.after(run.id, scope=EVERYTHING)
    said = [str(event.data.get("message")) for event in events if event.kind == "log" and event.data]
    assert any("SIGKILL" in each for each in said), said
    assert await stage.stopped(one) == 0


@pytest.mark.chaos
@SQLITE
async def test_every_node_has_its_own(stage: Stage) -> None:
    nodes = [await node(stage, name, "everywhere") for name in ("a", "b")]
    await stage.until_journal("up", 2)
    rows = [each for each in await stage.store.services.list(name="everywhere") if each.place]
    assert [(each.place, each.node, each.fence) for each in rows] == [("a", "a", 1), ("b", "b", 1)]
    for each in nodes:
        assert await stage.stopped(each) == 0
    assert await reasons(stage) == ["shutdown"] * 2
