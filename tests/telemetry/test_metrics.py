"""What a scrape of Prometheus sees of a node."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mainspring import Context, Mainspring, Skip, every, service, task
from mainspring.core.errors import ConfigurationError, RunError
from mainspring.telemetry.address import parse_address
from mainspring.telemetry.metrics import NodeMetrics, ServiceLook, Waiting
from tests.aio import run


@task(category="report", retry=0)
async def weigh(grams: int) -> int:
    if grams < 0:
        raise ValueError("nothing weighs less than nothing")
    if grams == 0:
        raise Skip("nothing to weigh")
    return grams


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text)
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for family in families for each in family.samples}


@pytest.mark.scenario("S3-58", part="metrics")
def test_a_scrape_counts_attempts_by_outcome_and_duration(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        caplog.set_level(logging.INFO, "mainspring")
        app = Mainspring("sqlite://", tasks=[weigh], isolation="inline", metrics="127.0.0.1:0")
        async with app, app.worker() as runner:
            for grams in (1, 2, 0, -1):
                handle = await app.enqueue(weigh, grams=grams)
                try:
                    await handle.result()
                except RunError as error:
                    assert error.state in ("failed", "skipped")
            await app.enqueue(weigh.options(queue="elsewhere", delay="1h"), grams=3)
            assert runner.meter is not None
            await runner.meter.tick()
            address = re.search(r"http://[\d.:]+/metrics", caplog.text)
            assert address is not None
            text = (await asyncio.to_thread(lambda: urllib.request.urlopen(address[0]).read())).decode()
        found = samples(text)
        for outcome, n in (("completed", 2.0), ("failed", 1.0), ("skipped", 1.0)):
            labels = (("category", "report"), ("outcome", outcome), ("queue", "default"), ("task", "weigh"))
            assert found["mainspring_attempts_total", labels] == n
            assert found["mainspring_attempt_seconds_count", labels] == n
        assert found["mainspring_nodes", (("state", "alive"),)] == 1.0
        assert found["mainspring_node", (("figure", "ready"),)] == 1.0
        assert found["mainspring_node", (("figure", "claimed"),)] == 4.0
        with pytest.raises(OSError, match="refused"):  # nobody answers once the node has stopped
            await asyncio.to_thread(lambda: urllib.request.urlopen(address[0]))

    run(scenario())


def test_lanes_that_are_empty_now_vanish_from_the_scrape() -> None:
    metrics = NodeMetrics()
    metrics.look([Waiting("mail", "", 1, 2, 4.5)], {"alive": 2}, {})
    labels = (("pool", "def"), ("priority", "medium"), ("queue", "mail"), ("tenant", ""))
    assert samples(metrics.text())["mainspring_ready_seconds", labels] == 4.5
    metrics.look([], {}, {})
    assert not [name for name, _ in samples(metrics.text()) if name in ("mainspring_ready_seconds", "mainspring_nodes")]


@task(schedule=every("1s"))
async def tick() -> None: ...


@service(restart="always", backoff="1s")
async def watch(ctx: Context) -> None:
    while await ctx.sleep("1h"):
        pass


@service(enabled=False)
async def never(ctx: Context) -> None: ...


@pytest.mark.scenario("S3-58", part="schedules, services and pulses")
def test_a_scrape_shows_schedules_services_loops_and_pulses() -> None:
    async def scenario() -> None:
        app = Mainspring("sqlite://", tasks=[tick, watch, never], isolation="inline", metrics="127.0.0.1:0")
        async with app:
            await app.pulse(budget="5s")
            async with app.runner(name="one") as runner:
                assert runner.meter is not None and runner.metrics is not None and runner.scheduler is not None
                store = await app.store()
                while not (runner.scheduler.counts["fired"] and any(row.is_running for row in await store.services.list())):
                    await asyncio.sleep(0)
                await runner.meter.tick()
                fired = runner.scheduler.counts["fired"]
                found = samples(runner.metrics.text())
                await runner.meter.tick()
                again = samples(runner.metrics.text())
        assert found["mainspring_schedule_slots_total", (("outcome", "fired"),)] == fired
        assert again["mainspring_schedule_slots_total", (("outcome", "fired"),)] <= fired + 2  # the same slots are not counted twice
        assert 0 <= found["mainspring_schedule_lag_seconds", ()] < 30
        up = {dict(labels)["service"]: value for (name, labels), value in found.items() if name == "mainspring_service_up"}
        assert up == {"watch": 1.0, "never": 0.0}
        assert found["mainspring_service_restarts", (("node", ""), ("service", "watch"))] == 0.0
        loops = {dict(labels)["loop"] for name, labels in found if name == "mainspring_loop_age_seconds"}
        assert loops >= {"worker", "scheduler", "supervisor", "heartbeat", "rescuer", "sweeper", "gatekeeper"}
        assert 0 <= found["mainspring_pulse_age_seconds", ()] < 60
        assert found["mainspring_pulse_failed_in_a_row", ()] == 0.0

    run(scenario())


def test_counts_of_slots_only_grow_and_services_that_are_gone_vanish() -> None:
    metrics = NodeMetrics()
    metrics.look_at_schedules(0.5, {"fired": 3, "missed": 1})
    metrics.look_at_schedules(0.25, {"fired": 5, "missed": 1})
    metrics.look_at_services([ServiceLook("mail", "one", True, 2)])
    found = samples(metrics.text())
    assert found["mainspring_schedule_slots_total", (("outcome", "fired"),)] == 5.0
    assert found["mainspring_schedule_slots_total", (("outcome", "missed"),)] == 1.0
    assert found["mainspring_schedule_lag_seconds", ()] == 0.25
    assert found["mainspring_service_restarts", (("node", "one"), ("service", "mail"))] == 2.0
    assert not [name for name, _ in found if name.startswith("mainspring_pulse")]  # nobody pulses here
    metrics.look_at_services([])
    assert not [name for name, _ in samples(metrics.text()) if name == "mainspring_service_up"]


@pytest.mark.scenario("K4", part="metrics")
def test_without_the_setting_nothing_is_measured() -> None:
    async def scenario() -> None:
        app = Mainspring("sqlite://", tasks=[weigh], isolation="inline")
        async with app, app.worker() as runner:
            assert (runner.metrics, runner.meter, runner.worker.observe) == (None, None, None)
            assert "meter" not in [loop.name for loop in runner.loops()]

    run(scenario())


@pytest.mark.parametrize(
    ("text", "address"),
    [("9464", ("127.0.0.1", 9464)), (":9464", ("127.0.0.1", 9464)), ("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:80", ("::1", 80))],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "here", "localhost", "1:2:x", "99999"])
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="MAINSPRING_METRICS"):
        parse_address(text)


def test_a_port_that_is_taken_is_told() -> None:
    first, second = NodeMetrics(), NodeMetrics()
    port = first.serve("127.0.0.1", 0)
    try:
        with pytest.raises(ConfigurationError, match="choose another port"):
            second.serve("127.0.0.1", port)
    finally:
        first.close()


def test_a_node_whose_port_is_taken_does_not_stay_behind() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            app = Mainspring("sqlite://", tasks=[weigh], isolation="inline", metrics=f"127.0.0.1:{taken.getsockname()[1]}")
            async with app:
                with pytest.raises(ConfigurationError, match="choose another port"):
                    await app.start_worker()
                (node,) = await (await app.store()).nodes.list()
                assert node.state == "stopped"

    run(scenario())
