"""Supervisors at work in whole nodes, ticked by hand or running, on virtual time: one in the fleet, restarts, health, hand-over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from mainspring import Context, Depends, service
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import Conflict, Fail, UnknownService
from mainspring.core.notice import Severity
from mainspring.core.role import Role
from mainspring.core.service import ServiceState
from mainspring.core.task import Task
from mainspring.testing import Kit
from tests.fleet import Fleet, Node

told: list[tuple[str, Any]] = []
alive: Counter[str] = Counter()
most: Counter[str] = Counter()
sick: set[str] = set()


@pytest.fixture(autouse=True)
def fresh() -> None:
    for each in (told, alive, most, sick):
        each.clear()


async def live(ctx: Context, name: str) -> None:
    """Do what a good service does, and count who is at it."""
    alive[name] += 1
    most[name] = max(most[name], alive[name])
    told.append(("begins", ctx.fence))
    try:
        while await ctx.sleep(5):
            pass
        told.append(("ends", ctx.fence))
    finally:
        alive[name] -= 1


async def shut(ctx: Context) -> None:
    told.append(("shutdown", ctx.fence))


@service(on_shutdown=shut)
async def mailer(ctx: Context) -> None:
    ctx.log("here I am")
    await live(ctx, "mailer")


def heard(ctx: Context) -> None:
    assert ctx.error is not None
    told.append(("error", (ctx.error["message"], ctx.will_retry)))


@service(on_error=heard)
async def fails(ctx: Context) -> None:
    told.append(("begins", ctx.fence))
    raise ValueError("no luck")


@service(restart="on-failure")
async def returns() -> str:
    return "done"


@service(restart="always")
async def comes_again() -> None:
    told.append(("begins", None))


@service
async def gives_up() -> None:
    raise Fail("for good")


async def is_well() -> bool:
    if "slow" in sick:
        await asyncio.sleep(100)
    if "raises" in sick:
        raise ConnectionError("gone")
    return "probe" not in sick


@service(probe=is_well, probe_every="10s", on_error=heard)
async def checked(ctx: Context) -> None:
    await live(ctx, "checked")


@service(instances="per-node")
async def each_node(ctx: Context) -> None:
    await live(ctx, "each_node")


@service(ready_timeout="1m", switch="ready-first", stop_within="5s")
async def handed(ctx: Context) -> None:
    await ctx.sleep(10)
    if "handed" not in sick:
        ctx.ready()
    await live(ctx, "handed")


@service(stop_within="3s")
async def deaf(ctx: Context) -> None:
    try:
        await asyncio.sleep(1e6)
    finally:
        told.append(("interrupted", asyncio.get_running_loop().time()))


def opened() -> Iterator[str]:
    told.append(("open", None))
    yield "thing"
    told.append(("close", None))


@service
async def with_thing(ctx: Context, thing: str = Depends(opened)) -> None:
    await live(ctx, thing)


async def node(fleet: Fleet, name: str, *tasks: Task[..., Any], drives: bool = True, host: str = "host", **settings: Any) -> Node:
    return await fleet.node(name, tasks, drives=drives, host=host, **settings)


async def row(fleet: Fleet, name: str, place: str = "") -> Any:
    (found,) = [each for each in await fleet.store.services.list(name=name) if each.place == place]
    return found


async def state(fleet: Fleet, name: str, place: str = "") -> ServiceState:
    found: ServiceState = (await row(fleet, name, place)).state
    return found


async def notices(fleet: Fleet, name: str) -> list[tuple[str, Severity]]:
    return [(each.kind, each.severity) for each in reversed(await fleet.store.notices.list(object_=f"service:{name}"))]


async def ended(fleet: Fleet) -> list[tuple[str, str | None]]:
    """Return how the runs that are over have ended, in the order of their ids."""
    ids = [each["id"] for each in await fleet.rows("select id from mainspring.history order by id")]
    return [(str(run.state), run.reason) for run in [await fleet.get(each) for each in ids]]


@pytest.mark.scenario("P1", part="python")
async def test_a_stop_fires_the_token_calls_on_shutdown_once_and_waits_for_the_end(fleet: Fleet) -> None:
    one = await node(fleet, "one", mailer, drives=False)
    await one.tick("supervisor")
    assert await state(fleet, "mailer") is ServiceState.RUNNING
    assert told == [("begins", 1)]
    client = await fleet.client()
    assert await client.services.stop("mailer", actor="ada", reason="quiet please") == 1
    await one.tick("supervisor")
    assert told == [("begins", 1), ("shutdown", 1), ("ends", 1)] or told == [("begins", 1), ("ends", 1), ("shutdown", 1)]
    await one.tick("supervisor")
    found = await row(fleet, "mailer")
    assert (found.state, found.is_running, found.changed_by, found.change_reason) == (ServiceState.STOPPED, False, "ada", "quiet please")
    assert await ended(fleet) == [("cancelled", "stopped")]
    assert await notices(fleet, "mailer") == [("service_stopped", Severity.INFO)]
    assert alive["mailer"] == 0
    await fleet.advance(100)
    await one.tick("supervisor")
    assert await state(fleet, "mailer") is ServiceState.STOPPED  # until somebody starts it
    await client.services.start("mailer")
    await one.tick("heartbeat", "supervisor")
    assert (await row(fleet, "mailer")).fence == 2
    await fleet.advance(1)
    events = await fleet.store.events.after((await row(fleet, "mailer")).run_id, scope=EVERYTHING)
    assert [str(each.kind) for each in events] == ["queued", "claimed", "started", "log"]  # as of any run


@pytest.mark.scenario("P2", part="python")
async def test_a_service_that_raises_is_started_again_with_growing_waits_until_it_has_failed(fleet: Fleet) -> None:
    await node(fleet, "one", fails)
    starts: list[float] = []
    began = fleet.clock.monotonic()
    for _ in range(400):
        await fleet.advance(1)
        if len([each for each in told if each[0] == "begins"]) > len(starts):
            starts.append(fleet.clock.monotonic() - began)
    assert len(starts) == 6
    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert all(wait <= found <= wait + 3 for wait, found in zip((5, 10, 20, 40, 80), waits, strict=True)), waits
    assert [each[1] for each in told if each[0] == "begins"] == [1, 2, 3, 4, 5, 6]  # the fence only grows
    assert [each[1] for each in told if each[0] == "error"] == [("no luck", True)] * 5 + [("no luck", False)]
    found = await row(fleet, "fails")
    assert (found.state, found.reason, found.restarts, found.error["message"]) == (ServiceState.FAILED, "crash_loop", 5, "no luck")
    assert await notices(fleet, "fails") == [("service_restarts", Severity.WARNING)] * 5 + [("service_failed", Severity.ALERT)]
    assert await ended(fleet) == [("failed", None)] * 6
    client = await fleet.client()
    await client.services.start("fails")
    await fleet.advance(3)
    assert (await row(fleet, "fails")).crashes == 1  # a start by hand begins a window of its own


@pytest.mark.scenario("P6")
async def test_a_return_is_the_end_unless_the_policy_says_always(fleet: Fleet) -> None:
    await node(fleet, "one", returns, comes_again, gives_up)
    await fleet.advance(4)
    assert await state(fleet, "returns") is ServiceState.COMPLETED
    assert await state(fleet, "gives_up") is ServiceState.FAILED
    await fleet.advance(30)
    assert (await row(fleet, "returns")).starts == (await row(fleet, "gives_up")).starts == 1
    assert (await row(fleet, "comes_again")).starts == 3
    assert [run.result for run in [await fleet.get((await row(fleet, "returns")).run_id)]] == ['"done"']


@pytest.mark.scenario("P3", part="python")
async def test_one_of_three_nodes_has_it_and_another_when_that_one_is_gone(fleet: Fleet) -> None:
    """With the lock file of a dead process it takes seconds; where a whole host is gone, its lease has to end. Never two."""
    nodes = [await node(fleet, f"n{number}", mailer, host=f"host-{number}") for number in range(3)]
    nodes.append(await node(fleet, "beside", mailer, host="host-0"))
    await fleet.advance(5)
    assert told == [("begins", 1)]
    names = Counter[str]()
    for hosts_stay in (True, False, False):
        holder_id = (await row_of(fleet))["node_id"]
        holder = next(each for each in nodes if each.id == holder_id)
        names[holder.name] += 1
        fence = (await row(fleet, "mailer")).fence
        is_beside = sum(each.runner.presence.host == holder.runner.presence.host for each in nodes if each.lives) > 1
        holder.crash(host_stays=hosts_stay)
        alive.clear()  # its body is gone with it
        began = fleet.clock.monotonic()
        while (await row(fleet, "mailer")).fence == fence:
            await fleet.advance(0.5)
            assert fleet.clock.monotonic() - began < 100  # a second loss within the window waits a little, too
        took = fleet.clock.monotonic() - began
        assert took < 8 if hosts_stay and is_beside else took > 45
        await fleet.advance(5)
        assert alive["mailer"] == 1
    assert most["mailer"] == 1
    assert len(names) == 3


async def row_of(fleet: Fleet) -> dict[str, Any]:
    (found,) = await fleet.rows("select * from mainspring.services")
    return found


@pytest.mark.scenario("P3", part="frozen")
async def test_a_node_that_was_frozen_and_comes_back_finds_its_place_taken_and_stops(fleet: Fleet) -> None:
    old = await node(fleet, "old", mailer, host="a")
    await fleet.advance(3)
    new = await node(fleet, "new", mailer, host="b")
    await fleet.advance(70)
    old.freeze()
    await fleet.advance(90)
    found = await row_of(fleet)
    assert (found["node_id"], found["fence"]) == (new.id, 2)
    assert most["mailer"] == 2  # the frozen one has not moved, but it is there
    old.thaw()
    await fleet.advance(20)
    assert alive["mailer"] == 1
    assert [each for each in told if each[0] == "begins"] == [("begins", 1), ("begins", 2)]
    assert (await row_of(fleet))["node_id"] == new.id
    assert [reason for _, reason in await ended(fleet)] == ["interrupted"]
    assert old.lives


async def test_a_node_that_cannot_reach_the_store_stops_what_the_fleet_has_one_of_and_keeps_what_each_has(fleet: Fleet) -> None:
    cut = await node(fleet, "cut", mailer, each_node, host="a")
    await fleet.advance(3)
    other = await node(fleet, "other", mailer, each_node, host="b")
    await fleet.advance(70)
    cut.line.is_cut = True
    for _ in range(100):
        await fleet.advance(1)
        assert alive["mailer"] <= 1  # it is over there before it begins here
    assert (await row_of_fleet(fleet, "mailer"))["node_id"] == other.id
    assert alive["each_node"] == 2
    cut.line.is_cut = False
    await fleet.advance(30)
    assert (alive["mailer"], alive["each_node"], most["mailer"]) == (1, 2, 1)


async def row_of_fleet(fleet: Fleet, name: str) -> dict[str, Any]:
    (found,) = await fleet.rows(f"select * from mainspring.services where name = '{name}' and node = ''")
    return found


async def test_when_the_store_is_away_for_all_everything_goes_on_after_it(fleet: Fleet) -> None:
    nodes = [await node(fleet, name, mailer, each_node, host=name) for name in ("a", "b")]
    await fleet.advance(70)
    for each in nodes:
        each.line.is_cut = True
    await fleet.advance(300)
    assert (alive["mailer"], alive["each_node"]) == (0, 2)
    for each in nodes:
        each.line.is_cut = False
    await fleet.advance(30)
    assert (alive["mailer"], alive["each_node"], most["mailer"]) == (1, 2, 1)


@pytest.mark.scenario("P4", part="python")
@pytest.mark.parametrize("how", ["probe", "raises", "slow"])
async def test_three_bad_answers_in_a_row_are_a_restart(fleet: Fleet, how: str) -> None:
    await node(fleet, "one", checked)
    await fleet.advance(35)
    found = await row(fleet, "checked")
    assert (found.is_healthy, found.fence) == (True, 1)
    samples = await fleet.store.services.samples("checked")
    assert [each.is_ok for each in samples] == [True] * 3
    sick.add(how)
    await fleet.advance(20)
    sick.clear()  # two bad ones, then a good one: nothing happens
    await fleet.advance(40)
    assert (await row(fleet, "checked")).fence == 1
    sick.add(how)
    while await state(fleet, "checked") is ServiceState.RUNNING:
        await fleet.advance(1)
    sick.clear()
    await fleet.advance(10)
    found = await row(fleet, "checked")
    assert (found.fence, found.restarts, found.reason) == (2, 1, None)
    assert await ended(fleet) == [("failed", "unhealthy")]
    assert [each for each in told if each[0] == "error"] == [("error", ("the service was stopped: its probe failed too often", True))]
    said = {each.message for each in await fleet.store.services.samples("checked") if not each.is_ok}
    assert said == {{"probe": None, "raises": "ConnectionError: gone", "slow": "no answer within 10 s"}[how]}


async def test_answers_that_never_come_are_bad_answers(fleet: Fleet) -> None:
    one = await node(fleet, "one", checked)
    await fleet.advance(25)
    (held,) = one.runner.supervisor._mine.values()
    keep = one.runner.supervisor.heard
    one.runner.supervisor.heard = lambda run, records: []  # type: ignore[method-assign]  # as when its process is stuck
    while await state(fleet, "checked") is ServiceState.RUNNING:
        await fleet.advance(1)
        assert fleet.clock.monotonic() < 300
    one.runner.supervisor.heard = keep  # type: ignore[method-assign]
    assert held.said == "no answer"
    await fleet.advance(10)
    assert await ended(fleet) == [("failed", "unhealthy")]
    assert (await row(fleet, "checked")).fence == 2


@pytest.mark.scenario("P5", part="python")
@pytest.mark.parametrize(("settings", "why"), [
    ({"side_tasks_enabled": "false"}, "SIDE_TASKS_ENABLED is false"), ({"runner_environment": "serverless"}, "serverless"),
])  # fmt: skip
async def test_where_services_are_off_none_starts_and_the_api_says_why(fleet: Fleet, settings: dict[str, Any], why: str) -> None:
    off = await node(fleet, "off", mailer, **settings)
    await fleet.advance(30)
    assert told == []
    assert await fleet.store.services.list() == []
    assert not off.app.supports_services
    assert why in off.app.capabilities()["services"].why
    assert off.line.calls["services_look"] == 0
    on = await node(fleet, "on", mailer)
    await fleet.advance(5)
    assert on.app.supports_services
    assert told == [("begins", 1)]
    assert (await row_of(fleet))["node_id"] == on.id


async def test_each_node_has_its_own_and_operators_reach_one_or_all(fleet: Fleet) -> None:
    for name in ("a", "b"):
        await node(fleet, name, each_node, host=name)
    await fleet.advance(5)
    assert alive["each_node"] == 2
    client = await fleet.client()
    await client.services.stop("each_node", node="a")
    await fleet.advance(5)
    assert [await state(fleet, "each_node", place) for place in ("a", "b")] == [ServiceState.STOPPED, ServiceState.RUNNING]
    await client.services.disable("each_node")
    await fleet.advance(5)
    assert alive["each_node"] == 0
    await node(fleet, "c", each_node, host="c")
    await fleet.advance(5)
    assert alive["each_node"] == 0
    await client.services.enable("each_node")
    await fleet.advance(5)
    assert [await state(fleet, "each_node", place) for place in ("a", "b", "c")] == [
        ServiceState.STOPPED, ServiceState.RUNNING, ServiceState.RUNNING,
    ]  # fmt: skip


async def test_disabled_while_it_waits_for_its_restart_it_stays_where_it_is(fleet: Fleet) -> None:
    await node(fleet, "one", fails)
    await fleet.advance(2)
    assert await state(fleet, "fails") is ServiceState.BACKOFF
    client = await fleet.client()
    await client.services.disable("fails", reason="broken")
    await fleet.advance(60)
    found = await row(fleet, "fails")
    assert (found.state, found.starts, found.is_enabled, found.is_enabled_in_code) == (ServiceState.STOPPED, 1, False, True)
    await client.services.enable("fails")
    await fleet.advance(3)
    assert (await row(fleet, "fails")).starts == 2


async def test_stopped_while_it_starts_it_stops(fleet: Fleet) -> None:
    one = await node(fleet, "one", handed, drives=False)
    await one.tick("supervisor")
    assert await state(fleet, "handed") is ServiceState.STARTING
    client = await fleet.client()
    await client.services.stop("handed")
    await one.tick("supervisor")
    await fleet.advance(1)
    await one.tick("supervisor")
    assert await state(fleet, "handed") is ServiceState.STOPPED
    assert await ended(fleet) == [("cancelled", "stopped")]


async def test_a_restart_by_hand_replaces_it_at_once_and_a_cancel_of_its_run_too(fleet: Fleet) -> None:
    await node(fleet, "one", mailer)
    await fleet.advance(5)
    client = await fleet.client()
    await client.services.restart("mailer", actor="ada")
    await fleet.advance(5)
    assert [each for each in told if each[0] != "shutdown"] == [("begins", 1), ("ends", 1), ("begins", 2)]
    await client.cancel((await row(fleet, "mailer")).run_id)
    await fleet.advance(10)
    found = await row(fleet, "mailer")
    assert (found.fence, found.crashes, found.restarts) == (3, 0, 0)
    assert await ended(fleet) == [("cancelled", "restart"), ("cancelled", "requested")]


async def test_one_that_does_not_get_ready_is_started_anew(fleet: Fleet) -> None:
    sick.add("handed")
    await node(fleet, "one", handed)
    await fleet.advance(50)
    assert await state(fleet, "handed") is ServiceState.STARTING
    await fleet.advance(14)
    sick.clear()
    assert await ended(fleet) == [("failed", "not_ready")]
    await fleet.advance(20)
    found = await row(fleet, "handed")
    assert (found.state, found.fence, found.restarts) == (ServiceState.RUNNING, 2, 1)


async def test_on_a_deploy_the_old_one_goes_on_until_the_new_one_is_ready(fleet: Fleet) -> None:
    old = await node(fleet, "old", handed, host="a")
    await fleet.advance(15)
    assert await state(fleet, "handed") is ServiceState.RUNNING
    new = await node(fleet, "new", handed, host="b")
    await fleet.advance(5)
    assert (await row_of(fleet))["fence"] == 1
    old.runner.quiet()
    await fleet.advance(5)
    found = await row_of(fleet)
    assert (found["node_id"], found["fence"], found["leaving_id"] is not None) == (new.id, 2, True)
    assert alive["handed"] == 1  # the old one: the new one is not there yet
    await fleet.advance(15)
    assert (alive["handed"], old.worker.in_hand) == (1, 0)
    found = await row_of(fleet)
    assert (found["node_id"], found["leaving_id"]) == (new.id, None)
    assert await ended(fleet) == [("cancelled", "handed_over")]


async def test_a_successor_that_cannot_begin_leaves_the_old_one_where_it_is(fleet: Fleet) -> None:
    old = await node(fleet, "old", handed, host="a")
    await fleet.advance(15)
    new = await node(fleet, "new", handed, host="b")
    sick.add("handed")
    old.runner.quiet()
    await fleet.advance(40)
    assert alive["handed"] == 2
    new.crash(host_stays=False)
    alive["handed"] = 1
    await fleet.advance(30)
    assert old.worker.in_hand == 1
    third = await node(fleet, "third", handed, host="c")
    sick.clear()
    await fleet.advance(90)
    found = await row_of(fleet)
    assert (found["node_id"], found["leaving_id"], old.worker.in_hand) == (third.id, None, 0)


async def test_without_anybody_to_take_over_a_leaving_node_does_not_wait(fleet: Fleet) -> None:
    one = await node(fleet, "one", handed, mailer)
    await fleet.advance(15)
    one.runner.quiet()
    await fleet.advance(5)
    assert one.worker.in_hand == 0
    assert await ended(fleet) == [("cancelled", "shutdown")] * 2
    found = await row(fleet, "handed")
    assert found.state in (ServiceState.WAITING, ServiceState.STOPPING)
    await node(fleet, "two", handed, mailer)
    await fleet.advance(5)
    assert (await row(fleet, "mailer")).fence == 2  # at once: nothing had crashed


async def test_stop_first_never_has_two_on_a_deploy(fleet: Fleet) -> None:
    old = await node(fleet, "old", mailer, host="a")
    await fleet.advance(5)
    await node(fleet, "new", mailer, host="b")
    await fleet.advance(5)
    stopping = old.spawn(old.runner.stop(25.0))
    await fleet.advance(8)
    assert stopping.done()
    assert (alive["mailer"], most["mailer"]) == (1, 1)
    assert (await row(fleet, "mailer")).fence == 2


async def test_a_body_that_does_not_listen_is_interrupted_when_its_time_is_over(fleet: Fleet) -> None:
    await node(fleet, "one", deaf)
    await fleet.advance(3)
    client = await fleet.client()
    await client.services.stop("deaf")
    began = asyncio.get_running_loop().time()
    await fleet.advance(8)
    [(what, at)] = told
    assert what == "interrupted"
    assert 3 <= at - began < 3.5
    assert await state(fleet, "deaf") is ServiceState.STOPPED


async def test_what_a_service_depends_on_is_closed_after_it(fleet: Fleet) -> None:
    await node(fleet, "one", with_thing)
    await fleet.advance(3)
    client = await fleet.client()
    await client.services.stop("with_thing")
    await fleet.advance(3)
    assert [each[0] for each in told] == ["open", "begins", "ends", "close"]


async def test_a_service_that_this_node_does_not_know_is_left_to_others(fleet: Fleet) -> None:
    await node(fleet, "knows", mailer, host="a")
    await fleet.advance(3)
    stranger = await node(fleet, "stranger", returns, host="b")
    fleet.nodes[0].crash()
    await fleet.advance(120)
    found = await row(fleet, "mailer")
    assert (found.fence, found.is_running) == (1, False)
    assert stranger.lives
    await node(fleet, "later", mailer, host="c")
    await fleet.advance(10)
    assert (await row(fleet, "mailer")).fence == 2


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_start_whose_answer_is_lost_is_found_again(fleet: Fleet, when: Any) -> None:
    one = await node(fleet, "one", mailer, drives=False)
    one.line.fail("services_start", when)
    with pytest.raises(Exception, match="was to fail"):
        await one.tick("supervisor")
    assert told == []
    await one.tick("supervisor")
    assert told == [("begins", 1)]
    assert (await row(fleet, "mailer")).is_running


@pytest.mark.scenario("P5", part="roles")
@pytest.mark.parametrize("role", Role)
async def test_only_roles_that_supervise_do(fleet: Fleet, role: Role) -> None:
    client = await fleet.client([mailer])
    runner = client._make_runner(await client._opening.opened(), role=role)
    names = {loop.name for loop in runner.loops()}
    assert ("supervisor" in names) is (role in (Role.ALL, Role.SCHEDULER))
    assert (runner.presence.facts["services"] == ["mailer"]) is ("supervisor" in names)
    assert ("service" in runner.pools) is ("supervisor" in names)
    if "supervisor" not in names:
        assert runner.supervisor.services == {}


async def test_a_service_that_no_code_has_any_more_is_forgotten(fleet: Fleet) -> None:
    one = await node(fleet, "one", mailer)
    await fleet.advance(3)
    client = await fleet.client()
    with pytest.raises(Conflict, match="mailer is known to one: take it out of the code there, or disable it"):
        await client.services.forget("mailer")
    await one.do(one.runner.stop(0.0))
    await client.services.forget("mailer")
    assert await client.services.list() == []
    assert await ended(fleet) == [("cancelled", "shutdown")]
    with pytest.raises(UnknownService, match="there is no service named 'mailer'"):
        await client.services.forget("mailer")


def test_in_tests_a_service_is_up_and_a_drain_ends() -> None:
    with Kit(tasks=[mailer]) as kit:
        kit.drain()
        assert told == [("begins", 1)]
        kit.advance(30)
        kit.drain()
        assert alive["mailer"] == 1
    assert alive["mailer"] == 0


async def test_services_are_not_enqueued_by_any_way(fleet: Fleet) -> None:
    client = await fleet.client([mailer])
    untyped: Any = mailer
    for way in (client.enqueue(untyped), client.run(untyped), client.enqueue_many(mailer, [{}]), client.enqueue_json(mailer, "{}")):
        with pytest.raises(Conflict, match="is a service"):
            await way
    await node(fleet, "one", mailer)
    await fleet.advance(3)
    run_id = (await row(fleet, "mailer")).run_id
    await client.services.stop("mailer")
    await fleet.advance(3)
    with pytest.raises(Conflict, match="is a service"):
        await client.retry(run_id)
    with pytest.raises(Conflict, match="mainspring services disable mailer"):
        await client.switch("mailer", False)
    assert client.registry.services.keys() == {"mailer"}
    assert len(client.registry) == 0
    assert client.task_named("mailer") is mailer


async def test_a_node_without_services_asks_the_store_nothing(fleet: Fleet) -> None:
    one = await fleet.node("one", [], drives=True)
    await fleet.advance(300)
    assert not [name for name in one.line.calls if name.startswith("services")]
