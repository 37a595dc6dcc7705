"""Services: one start at a time, whoever asks; ends that one node writes down; what operators say; what probes answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.ids import make_claim_id
from mainspring.core.node import NodeState
from mainspring.core.policy import PoolKind, Priority
from mainspring.core.run import ClaimedRun, Completed
from mainspring.core.service import Ended, Instances, ServicePolicy, ServiceState, Standing, StopReason, after_end, decide_service
from mainspring.core.state import RunState
from mainspring.store.runs import Settlement
from mainspring.store.services import Answer, Declared, Seen
from tests.store.harness import Stage

SECOND = timedelta(seconds=1)


def says(name: str = "mail", place: str = "", instances: Instances = Instances.ONE, is_enabled: bool = True, **facts: Any) -> Declared:
    return Declared(name, place, instances, is_enabled, facts)


async def see(stage: Stage, name: str = "mail", place: str = "") -> Seen:
    (found,) = [
        each for each in await stage.store.services.look(place or "nobody") if (each.standing.name, each.standing.place) == (name, place)
    ]
    return found


async def at(stage: Stage, name: str = "mail", place: str = "") -> Standing:
    return (await see(stage, name, place)).standing


async def start(stage: Stage, node: str, standing: Standing | None = None, **how: Any) -> tuple[ClaimedRun, int] | None:
    run_id = stage.new_id()
    standing = standing or await at(stage)
    begun = await stage.store.services.start(standing, run_id, make_claim_id(), node, **how)
    if begun is not None:
        stage.added.add(run_id)
    return begun


async def started(stage: Stage, node: str, **how: Any) -> ClaimedRun:
    begun = await start(stage, node, **how)
    assert begun is not None
    return begun[0]


async def over(stage: Stage, run: ClaimedRun, why: StopReason | None = StopReason.SHUTDOWN) -> None:
    decision = decide_service(Completed(), why)
    assert await stage.runs.settle([Settlement(run.id, run.claim_id, decision)])


async def row(stage: Stage, place: str = "") -> Any:
    (found,) = [each for each in await stage.store.services.list() if each.place == place]
    return found


async def test_what_the_code_says_is_written_once_and_what_operators_say_stays(stage: Stage) -> None:
    services = stage.store.services
    await services.declare([says(title="Mail"), says("sweep", is_enabled=False)], by="one")
    assert [(each.name, each.state, each.is_enabled, each.facts) for each in await services.list()] == [
        ("mail", ServiceState.WAITING, True, {"title": "Mail"}), ("sweep", ServiceState.WAITING, False, {}),
    ]  # fmt: skip
    await services.enable("mail", False, actor="ada", reason="spam")
    await services.enable("sweep", True)
    before = await at(stage)
    await services.declare([says(title="Mail")])
    assert (await at(stage)).version == before.version
    await services.declare([says(title="Post", is_enabled=False)])
    mail, sweep = await services.list()
    assert (mail.is_enabled, mail.is_enabled_in_code, mail.facts, mail.changed_by, mail.change_reason) == (
        False, False, {"title": "Post"}, "ada", "spam",
    )  # fmt: skip
    assert (sweep.is_enabled, sweep.is_enabled_in_code) == (True, False)
    await services.enable("sweep", None)
    assert not (await at(stage, "sweep")).is_enabled


async def test_a_start_is_a_run_in_its_nodes_hands_with_a_number_that_grows(stage: Stage) -> None:
    node = await stage.node("one")
    await stage.store.services.declare([says()])
    begun = await start(stage, node, priority=Priority.HIGH)
    assert begun is not None
    run, fence = begun
    assert fence == 1
    found = await stage.get(run.id)
    assert (found.state, found.task, found.origin, found.node_id, found.attempt, found.priority) == (
        RunState.RUNNING, "mail", "service", node, 1, Priority.HIGH,
    )  # fmt: skip
    assert await stage.kinds(run.id) == ["queued", "claimed", "started"]
    assert await stage.claim(node) == []
    standing = await at(stage)
    assert (standing.state, standing.run_id, standing.run_state, standing.node_id, standing.holder, standing.fence) == (
        ServiceState.RUNNING, run.id, RunState.RUNNING, node, NodeState.ALIVE, 1,
    )  # fmt: skip
    assert (await see(stage)).claim_id == run.claim_id
    assert [each.id for each in await stage.runs.claimed_under(run.claim_id, node)] == [run.id]
    assert run.pool == PoolKind.SERVICE
    await over(stage, run)
    second = await start(stage, node)
    assert second is not None
    assert second[1] == 2
    await over(stage, second[0])


@pytest.mark.scenario("P3", part="store")
async def test_of_many_that_start_it_at_once_one_does(stage: Stage) -> None:
    nodes = [await stage.node(f"node-{n}") for n in range(5)]
    await stage.store.services.declare([says()])
    standing = await at(stage)
    begun = [each for each in await asyncio.gather(*(start(stage, node, standing) for node in nodes)) if each is not None]
    assert len(begun) == 1
    (count,) = await stage.sql("select count(*) as n from mainspring.hot_runs")
    assert count["n"] == 1
    assert await start(stage, nodes[0]) is None  # also for who has seen the newest row: it runs
    await over(stage, begun[0][0])


async def test_nothing_starts_under_a_node_that_is_dead_leaving_or_gone(stage: Stage) -> None:
    leaving, dead = await stage.node("leaving"), await stage.node("dead", lease=SECOND)
    await stage.store.services.declare([says()])
    await stage.nodes.beat(leaving, lease=timedelta(minutes=1), running=0, state=NodeState.DRAINING)
    await stage.clock.advance(2)
    assert await stage.nodes.reap(leaving) == [dead]
    for node in (leaving, dead, make_claim_id()):
        assert await start(stage, node) is None
    assert (await at(stage)).fence == 0
    assert await stage.sql("select id from mainspring.hot_runs") == []


@pytest.mark.scenario("P3", part="store")
async def test_after_a_death_it_waits_for_the_end_of_the_lease_unless_the_lock_was_seen_free(stage: Stage) -> None:
    """A node that only lost its connection may still run it, until its lease is over: then it stops itself."""
    services = stage.store.services
    old, new = await stage.node("old"), await stage.node("new")
    await services.declare([says()])
    first = await started(stage, old)
    await stage.sql(f"update mainspring.nodes set state = 3 where id = '{old}'")  # as when its connection was found gone
    await over(stage, first, None)
    standing = await at(stage)
    assert standing.holder is NodeState.DEAD
    assert standing.holder_until is not None
    assert await start(stage, new) is None
    await stage.clock.advance(61)
    new = await stage.node("new")
    second = await started(stage, new)
    other = await stage.node("other")
    await stage.sql(f"update mainspring.nodes set state = 3 where id = '{new}'")
    assert await stage.nodes.reap(other, found=[new], may_expire=False) == [new]  # its lock was free, seen late: its process is gone
    assert await stage.nodes.reap(other, found=[new], may_expire=False) == []
    await over(stage, second, None)
    third = await started(stage, other)
    last = await stage.node("last")
    assert await stage.nodes.reap(last, found=[other], may_expire=False) == [other]  # or in time
    await over(stage, third, None)
    await over(stage, await started(stage, last))


async def test_who_has_not_seen_the_last_change_changes_nothing(stage: Stage) -> None:
    services = stage.store.services
    node = await stage.node()
    await services.declare([says()])
    old = await at(stage)
    await services.stop("mail", actor="ada")
    assert await start(stage, node, old) is None
    assert not await services.end(old, Ended(ServiceState.FAILED))
    assert await start(stage, node) is None  # seen, and not wanted
    stopped = await at(stage)
    ended = Ended(ServiceState.STOPPED, StopReason.STOPPED)
    assert sorted(await asyncio.gather(services.end(stopped, ended), services.end(stopped, ended))) == [False, True]


async def test_an_end_is_written_with_its_crashes_and_the_time_of_the_next_start(stage: Stage) -> None:
    services, policy = stage.store.services, ServicePolicy()
    node = await stage.node()
    await services.declare([says()])
    for n, delay in enumerate((5, 10, 20, 40, 80), 1):
        await over(stage, await started(stage, node), StopReason.UNHEALTHY)
        standing = await at(stage)
        assert (standing.run_state, standing.run_reason) == (RunState.FAILED, "unhealthy")
        assert standing.run_error is not None
        assert await services.end(standing, after_end(policy, standing))
        found = await row(stage)
        assert (found.state, found.reason, found.restarts, found.crashes) == (ServiceState.BACKOFF, "unhealthy", n, n)
        assert found.error is not None
        assert found.next_start_at - stage.clock.now == timedelta(seconds=delay)
        await stage.clock.advance(delay)
    await over(stage, await started(stage, node), StopReason.UNHEALTHY)
    standing = await at(stage)
    ended = after_end(policy, standing)
    assert ended.is_alert
    await services.end(standing, ended)
    assert ((await row(stage)).state, (await row(stage)).reason) == (ServiceState.FAILED, "crash_loop")
    assert await services.start_anew("mail", actor="ada") == [""]
    found = await row(stage)
    assert (found.state, found.reason, found.crashes, found.next_start_at) == (ServiceState.WAITING, None, 0, None)
    await over(stage, await started(stage, node))


async def test_a_successor_begins_beside_the_one_that_is_leaving_and_takes_its_place_when_it_is_ready(stage: Stage) -> None:
    services = stage.store.services
    old, new = await stage.node("old"), await stage.node("new")
    await services.declare([says()])
    first = await started(stage, old, is_ready=False)
    assert await services.ready("mail", "", first.id)
    assert not await services.ready("mail", "", first.id)
    second = await started(stage, new, is_ready=False, succeeds=True)
    standing = await at(stage)
    assert (standing.run_id, standing.leaving_id, standing.leaving_is_running, standing.state) == (
        second.id, first.id, True, ServiceState.STARTING,
    )  # fmt: skip
    await over(stage, second, StopReason.NOT_READY)  # the new one does not get there; the old one still stands by
    third = await started(stage, new, is_ready=False, succeeds=True)
    assert (await at(stage)).leaving_id == first.id
    assert not await services.ready("mail", "", second.id)
    assert await services.ready("mail", "", third.id)
    standing = await at(stage)
    assert (standing.run_id, standing.leaving_id, standing.state, standing.fence) == (third.id, None, ServiceState.RUNNING, 3)
    await over(stage, first, StopReason.HANDED_OVER)
    await over(stage, third)


async def test_what_operators_want_of_one_node_or_of_all(stage: Stage) -> None:
    services = stage.store.services
    each = Instances.PER_NODE
    await services.declare([says(instances=each), says(place="a", instances=each), says(place="b", instances=each)])
    assert await services.stop("mail", "a", actor="ada", reason="hot") == ["a"]
    assert [(row.place, row.is_wanted) for row in await services.list()] == [("", True), ("a", False), ("b", True)]
    assert await services.stop("mail") == ["", "a", "b"]
    await services.declare([says(place="c", instances=each)])
    assert not (await at(stage, place="c")).is_wanted  # a node that comes later follows what was said of all
    assert await services.start_anew("mail") == ["", "a", "b", "c"]
    assert {row.is_wanted for row in await services.list()} == {True}
    assert await services.stop("mail", "nowhere") == []
    assert await services.stop("unknown") == []


async def test_a_restart_names_the_run_that_it_is_about(stage: Stage) -> None:
    services = stage.store.services
    node = await stage.node()
    await services.declare([says()])
    run = await started(stage, node)
    await services.restart("mail", actor="ada")
    assert (await at(stage)).restart_of == run.id
    await over(stage, run, StopReason.RESTART)
    again = await started(stage, node)
    assert (await at(stage)).restart_of is None
    assert await services.stopping("mail", "", again.id)
    assert (await row(stage)).state is ServiceState.STOPPING
    await services.restart("mail")  # it is on its way out: nothing more is to be asked of it
    assert (await at(stage)).restart_of is None
    await over(stage, again)


@pytest.mark.scenario("P4", part="store")
async def test_answers_of_probes_are_kept_for_a_while(stage: Stage) -> None:
    services = stage.store.services
    node = await stage.node()
    await services.declare([says()])
    run = await started(stage, node)
    await services.sample(
        [Answer("mail", "", run.id, age, ok, 1.5, said, 1000, 0.5) for age, ok, said in ((3, True, None), (1, False, "no"))]
    )
    samples = await services.samples("mail")
    assert [(each.is_ok, each.message, stage.clock.now - each.at) for each in samples] == [(False, "no", SECOND), (True, None, 3 * SECOND)]
    assert (samples[0].ms, samples[0].memory, samples[0].cpu, samples[0].run_id) == (1.5, 1000, 0.5, run.id)
    assert ((await row(stage)).is_healthy, (await row(stage)).probed_at) == (False, stage.clock.now - SECOND)
    await services.sample([Answer("mail", "", make_claim_id(), 0, True, 1.0)])  # of a run that is no more: kept, and no news
    assert (await row(stage)).is_healthy is False
    await stage.clock.advance(7 * 86400 + 1)
    await services.sample([Answer("mail", "", run.id, n, True, 1.0) for n in range(5)])
    assert await services.prune() == 3
    assert await services.prune(most=2) == 3
    assert len(await services.samples("mail")) == 2
    await over(stage, run)


async def test_rows_of_nodes_that_are_no_more_are_forgotten(stage: Stage) -> None:
    services = stage.store.services
    node = await stage.node("here")
    await services.declare([says(place=place, instances=Instances.PER_NODE) for place in ("", "here", "gone")])
    await services.prune()
    assert len(await services.list()) == 3
    await stage.clock.advance(2 * 86400)
    await services.prune()
    assert [each.place for each in await services.list()] == ["", "here"]
    assert await start(stage, node, replace(await at(stage, place="here"), version=99)) is None


async def test_instances_go_when_the_fleet_has_one_of_them_and_a_service_is_forgotten_whole_once_it_does_not_run(stage: Stage) -> None:
    services = stage.store.services
    node = await stage.node("here")
    await services.declare([says(place=place, instances=Instances.PER_NODE) for place in ("", "here")])
    await services.declare([says()])
    await stage.clock.advance(2 * 86400)
    await services.prune()
    assert [each.place for each in await services.list()] == [""]
    run = await started(stage, await stage.node("fresh"))
    await services.sample([Answer("mail", "", run.id, 0, True, 1.0)])
    assert not await services.drop("mail")
    await over(stage, run)
    assert await services.drop("mail")
    assert (await services.list(), await services.samples("mail"), node != "") == ([], [], True)


async def test_a_look_has_the_fleets_and_the_own_instances_only(stage: Stage) -> None:
    services = stage.store.services
    each = Instances.PER_NODE
    await services.declare([says("one"), says("two", instances=each), says("two", "a", each), says("two", "b", each)])
    seen: list[Mapping[str, str]] = [{each.standing.name: each.standing.place} for each in await services.look("b")]
    assert seen == [{"one": ""}, {"two": ""}, {"two": "b"}]
