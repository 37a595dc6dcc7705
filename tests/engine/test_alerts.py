"""Alerts: the app's own function, and runs that were lost for good."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

import pytest

from mainspring import Mainspring, task
from mainspring.core.notice import Notice, Severity
from mainspring.testing.clock import START
from tests.fleet import Fleet


@task(max_rescues=1, timeout="1h", schedule="* * * * *")
async def deadly() -> None:
    await asyncio.sleep(1000)


@pytest.mark.scenario("L9", part="the alert, and the schedule")
async def test_a_run_that_is_lost_for_good_raises_an_alert(fleet: Fleet) -> None:
    for number in range(3):
        node = await fleet.node(f"n{number}", [deadly])
        if number == 0:
            await fleet.advance(60)
        await node.tick("heartbeat", "rescuer", "scheduler", "gatekeeper", "promoter", "worker")
        await fleet.advance(2)
        if number == 0:
            assert node.worker.in_hand == 1
        if number < 2:
            node.crash()
    [alert] = await fleet.store.notices.list(severity_from=Severity.ALERT)
    record = await fleet.store.schedules.get("deadly")
    assert record.last_run_id is not None
    run = await fleet.get(record.last_run_id)  # the schedule's last run is not "executing" for ever
    assert (str(run.state), run.reason) == ("failed", "lost")
    assert (alert.object, alert.kind, alert.run_id, alert.data["reason"]) == ("task:deadly", "run_lost", run.id, "lost")
    assert run.slot_at is not None and run.slot_at > START


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("kind", ["async", "def"])
def test_the_apps_function_hears_of_alerts_alone(kind: str) -> None:
    heard: list[tuple[str, bool]] = []

    async def hear(notice: Notice) -> None:
        heard.append((notice.kind, threading.current_thread() is threading.main_thread()))

    def hear_in_a_thread(notice: Notice) -> None:
        heard.append((notice.kind, threading.current_thread() is threading.main_thread()))

    on_alert: Callable[[Notice], Awaitable[None]] | Callable[[Notice], None] = hear if kind == "async" else hear_in_a_thread

    async def scenario() -> None:
        async with Mainspring("sqlite://", on_alert=on_alert) as app:
            store = await app.store()
            await store.notices.add("runner", "calm", Severity.WARNING)
            await store.notices.add("runner", "loud", Severity.ALERT)
        assert heard == [("loud", kind == "async")]  # closing waits for what is under way

    asyncio.run(scenario())


def test_what_the_function_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(notice: Notice) -> None:
        raise RuntimeError("the pager is away")

    async def scenario() -> None:
        async with Mainspring("sqlite://", on_alert=broken) as app:
            await (await app.store()).notices.add("runner", "loud", Severity.ALERT)
            await _until(lambda: caplog.records)

    with caplog.at_level(logging.ERROR, "mainspring"):
        asyncio.run(scenario())
    assert "on_alert failed for the notice loud of runner" in caplog.text and "the pager is away" in caplog.text
