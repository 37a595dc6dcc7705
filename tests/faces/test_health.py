"""Health over HTTP, in a process without a network: what is looked at, when it is bad, and when it is well again."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from mainspring import task
from mainspring.core.ids import make_claim_id
from mainspring.core.role import Role
from mainspring.operations.health import UNSERVED
from mainspring.web.health import FRESH, HealthApp
from tests.fleet import Fleet


@task
async def quick() -> None: ...


@task(timeout="1h")
async def lasting() -> None:
    await asyncio.sleep(1000)


async def _get(app: HealthApp, path: str, method: str = "GET") -> tuple[int, Any]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nobody reads a body")

    await app({"type": "http", "path": path, "method": method}, receive, send)
    text = b"".join(each.get("body", b"") for each in sent).decode()
    return sent[0]["status"], json.loads(text) if text.startswith("{") else text


def _codes(seen: Any) -> list[str]:
    return [each["code"] for each in seen["problems"]]


@pytest.mark.scenario("U15")
async def test_health_goes_bad_and_back(fleet: Fleet) -> None:
    app = await fleet.client([quick, lasting])
    health = HealthApp(app)
    assert (await _get(health, "/healthz"))[1]["status"] == "healthy"  # nothing waits, so nobody is missed
    await app.enqueue(quick)
    await fleet.advance(FRESH + 1)
    seen = (await _get(health, "/healthz"))[1]
    assert (seen["status"], _codes(seen), seen["waiting"]["ready"]) == ("warning", ["no-workers"], 1)
    await fleet.advance(UNSERVED)
    status, seen = await _get(health, "/healthz")
    assert (status, seen["status"]) == (503, "critical")
    assert seen["waiting"]["oldest_seconds"] >= UNSERVED
    node = await fleet.node("a", [quick, lasting], drives=True)
    await fleet.advance(5)
    status, seen = await _get(health, "/healthz")
    assert (status, seen["status"], seen["problems"]) == (200, "healthy", [])
    assert (seen["fleet"]["roles"], seen["waiting"]["oldest_seconds"]) == ({"all": 1}, None)
    assert 0 <= seen["fleet"]["sweep_age_seconds"] < 30
    assert seen["fleet"]["scheduler_lag_seconds"] == 0

    await app.enqueue(lasting)
    await fleet.advance(2)
    node.line.is_cut = True  # it lives on, and its lease runs out
    await fleet.advance(61)
    seen = (await _get(health, "/healthz"))[1]
    assert (seen["fleet"]["expired_leases"], "leases-expired" in _codes(seen)) == (1, True)
    await fleet.node("b", [quick, lasting], drives=True)
    await fleet.advance(70)
    seen = (await _get(health, "/healthz"))[1]
    assert (seen["fleet"]["expired_leases"], seen["fleet"]["died_lately"]) == (0, ["a"])
    assert _codes(seen) == ["nodes-died"]


@pytest.mark.scenario("U15")
async def test_a_node_that_is_cut_off_lives_and_is_not_ready(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], drives=True)
    node.app._opening.now.runner = node.runner  # type: ignore[union-attr]
    health = HealthApp(node.app)
    await fleet.advance(5)
    assert await _get(health, "/readyz") == (200, {"is_ready": True, "problems": []})
    node.line.is_cut = True
    await fleet.advance(30)
    asked = asyncio.get_running_loop().create_task(_get(health, "/readyz"))
    await fleet.advance(10)
    status, seen = await asked
    assert status == 503
    assert any("the line of a is cut" in each or "no answer within" in each for each in seen["problems"])
    assert (await _get(health, "/livez"))[0] == 200
    asked = asyncio.get_running_loop().create_task(_get(health, "/healthz"))
    await fleet.advance(10)
    status, seen = await asked
    assert (status, seen["status"], seen["is_ready"]) == (503, "critical", False)
    assert seen["node"]["claim_age_seconds"] > 10
    node.line.is_cut = False
    await fleet.advance(20)
    assert (await _get(health, "/readyz"))[0] == 200


@pytest.mark.scenario("U15", "P7")
async def test_a_loop_that_hangs_ends_liveness(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick], drives=True)
    node.app._opening.now.runner = node.runner  # type: ignore[union-attr]
    health = HealthApp(node.app)
    await fleet.advance(5)
    assert (await _get(health, "/livez"))[0] == 200
    for running in node.runner._tasks:
        if running.get_name() == "mainspring-scheduler":
            running.cancel()
    await fleet.loop.settle()
    status, seen = await _get(health, "/livez")
    assert (status, seen) == (503, {"is_alive": False, "problems": ["the loop scheduler does not run"]})
    assert (await _get(health, "/healthz"))[1]["status"] == "critical"


@pytest.mark.scenario("U15", part="off the task path")
async def test_questions_that_come_together_are_one_look(fleet: Fleet) -> None:
    app, line = fleet.app("front", [quick])
    await fleet.database.open()
    async with app.runner(role=Role.SERVE):
        health = HealthApp(app)
        before = line.calls["nodes_list"]
        answers = await asyncio.gather(*(_get(health, path) for path in ("/healthz", "/readyz") * 20))
        assert {status for status, _ in answers} == {200}
        assert line.calls["nodes_list"] == before + 1
        await _get(health, "/livez")
        await _get(health, "/metrics")
        await _get(health, "/readyz")
        assert line.calls["nodes_list"] == before + 1
        await fleet.advance(FRESH + 0.1)
        await _get(health, "/readyz")
        assert line.calls["nodes_list"] == before + 2
    await app.close()


async def test_a_fleet_that_nobody_sweeps_is_told(fleet: Fleet) -> None:
    app = await fleet.client([quick])
    await app.open()
    node_id = make_claim_id()
    await fleet.store.nodes.register(node_id, name="old", host="h", pid=1, lease=timedelta(hours=2), facts={"role": "worker"})
    await fleet.store.nodes.beat(node_id, lease=timedelta(hours=2), running=0, vitals={"loops": {"sweeper": 1.0}})
    await fleet.advance(1000)
    seen = (await _get(HealthApp(app), "/healthz"))[1]
    assert _codes(seen) == ["not-swept"]


async def test_only_known_paths_and_ways_to_ask(fleet: Fleet) -> None:
    health = HealthApp(await fleet.client([quick]))
    assert (await _get(health, "/healthz", "POST"))[0] == 405
    assert (await _get(health, "/livez", "DELETE"))[0] == 405
    assert (await _get(health, "/else"))[0] == 404
    assert await _get(health, "/healthz", "HEAD") == (200, "")
    status, seen = await _get(health, "/metrics")
    assert (status, "mainspring[metrics]" in seen["problems"][0]) == (404, True)


@task(retry=0)
async def fails_if(bad: bool) -> None:
    if bad:
        raise OSError("the disk is full")


@pytest.mark.scenario("U15", part="success rate")
async def test_health_tells_how_the_work_goes_and_recovers_with_it(fleet: Fleet) -> None:
    app = await fleet.client([fails_if])
    health = HealthApp(app)
    await fleet.node("a", [fails_if], drives=True)

    async def work(good: int, bad: int) -> tuple[int, Any]:
        for handle in await app.enqueue_many(fails_if, [{"bad": n < bad} for n in range(good + bad)]):
            await app.wait_for(handle.id)
        await fleet.advance(FRESH + 1)
        return await _get(health, "/healthz")

    status, seen = await work(good=0, bad=5)
    assert (status, seen["status"], seen["work"]["success_rate"]) == (200, "healthy", 0.0)  # too few to judge by
    status, seen = await work(good=5, bad=10)
    assert (status, seen["status"], _codes(seen), seen["work"]["failed"]) == (503, "critical", ["success-rate"], 15)
    status, seen = await work(good=30, bad=0)
    assert (status, seen["status"], _codes(seen), seen["work"]["success_rate"]) == (200, "warning", ["success-rate"], 0.7)
    status, seen = await work(good=100, bad=0)
    assert (status, seen["status"], seen["work"]["completed"]) == (200, "healthy", 135)
    assert seen["work"]["mean_ran_ms"] >= 0
    await fleet.advance(3700)
    assert (await _get(health, "/healthz"))[1]["work"] | {"since": None} == {
        "since": None, "completed": 0, "failed": 0, "success_rate": None, "mean_ran_ms": None,
    }  # fmt: skip


@pytest.mark.scenario("V7", part="health")
async def test_health_tells_of_pulses_where_there_are_any(fleet: Fleet) -> None:
    app = await fleet.client([quick], pulse_interval="1m")
    health = HealthApp(app)
    assert (await _get(health, "/healthz"))[1]["pulse"] is None
    await app.pulse(budget="5s")
    await fleet.advance(FRESH + 1)
    seen = (await _get(health, "/healthz"))[1]
    assert (seen["status"], seen["pulse"]["state"], seen["pulse"]["missed"]) == ("healthy", "healthy", 0)
    await fleet.advance(150)
    seen = (await _get(health, "/healthz"))[1]
    assert (seen["status"], _codes(seen), seen["pulse"]["missed"]) == ("warning", ["pulse-stale"], 2)
    await app.pulse(budget="5s")
    await fleet.advance(FRESH + 1)
    assert (await _get(health, "/healthz"))[1]["status"] == "healthy"
