"""Pulses on real databases, with bodies in children, in threads and inline, in real time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring
from mainspring.app.pulsing import isolation_of_pulse, threads_of_pulse
from mainspring.core.policy import Isolation
from mainspring.core.pulse import Why
from tests import postgres
from tests.engine.pulsed import brisk, endless, lengthy, plain, ticking

TASKS = (brisk, plain, endless, lengthy)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    made = postgres.fresh_database(postgres.server())
    yield made
    postgres.drop_database(made)


def app_at(url: str, *tasks: Any, **settings: Any) -> Mainspring:
    return Mainspring(url, tasks=tasks or TASKS, auto_migrate=True, **settings)


@pytest.mark.scenario("V1", part="databases")
@pytest.mark.parametrize("isolation", ["process", "thread", "inline"])
def test_everything_due_is_done_wherever_bodies_run(url: str, isolation: str) -> None:
    async def beat() -> None:
        async with app_at(url, brisk, plain, lengthy, isolation=isolation) as app:
            runs = await app.enqueue_many(brisk, [{"n": n} for n in range(80)]) + await app.enqueue_many(
                plain, [{"n": n} for n in range(20)]
            )
            await app.enqueue(lengthy)
            began = time.monotonic()
            reports = [await app.pulse(budget="20s")]
            while reports[-1].is_more and len(reports) < 4:  # a starved machine may need another
                reports.append(await app.pulse(budget="20s"))
            assert time.monotonic() - began < 20 * len(reports)
            assert all(report.is_ok for report in reports), [report.errors for report in reports]
            assert sum(report.succeeded for report in reports) == 100
            assert [(each.task, each.reason) for each in reports[-1].deferred] == [("lengthy", Why.TOO_LONG)]
            places = {await run.result() for run in runs[80:]}
            assert (os.getpid() in places) == (isolation != "process")

    asyncio.run(beat())


@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_a_body_that_never_ends_is_ended_or_left_and_the_answer_comes_in_time(url: str, isolation: str) -> None:
    async def beat() -> None:
        async with app_at(url, endless, isolation=isolation, grace="200ms") as app:
            run = await app.enqueue(endless)
            began = time.monotonic()
            report = await app.pulse(budget="6s")
            assert time.monotonic() - began < 6
            assert (report.executed, report.failed, report.given_back) == (1, 1, 0)
            assert (await app.read_run(run.id)).state == "timeout"

    asyncio.run(beat())


@pytest.mark.scenario("V4", part="databases")
@pytest.mark.failure(31)
def test_pulses_at_once_from_several_connections_do_everything_once(url: str) -> None:
    async def beat() -> None:
        async with app_at(url, brisk, ticking, isolation="inline") as first:
            known = await first.pulse(budget="5s")  # the schedule is known from here on
            await first.enqueue_many(brisk, [{"n": n} for n in range(60)])
            others = [app_at(url, brisk, ticking, isolation="inline") for _ in range(3)]
            fired, executed = known.fired, known.executed
            while fired < 3 or executed < 60 + fired:  # a slot a second, by the database's clock; what a short pulse leaves, the next does
                reports = await asyncio.gather(*(app.pulse(budget="5s") for app in (first, *others)))
                assert all(report.is_ok for report in reports)
                fired += sum(report.fired for report in reports)
                executed += sum(report.executed for report in reports)
            store = await first.store()
            counted = "select count(*) as n, count(distinct slot_at) as slots from mainspring.history where task = 'ticking'"
            [row] = await store.database.execute(counted)
            [tries] = await store.database.execute("select max(attempt) as most, count(*) as n from mainspring.history where state = 10")
            assert row["n"] == row["slots"] == fired
            assert (tries["most"], tries["n"]) == (1, executed)
            assert executed == 60 + fired
            for app in others:
                await app.close()

    asyncio.run(beat())


def test_a_pulse_with_nothing_due_answers_quickly(url: str) -> None:
    """The benchmark holds the bound; this one says that nothing in it waits."""

    async def beat() -> None:
        async with app_at(url) as app:
            await app.pulse(budget="5s")
            took = []
            for _ in range(5):
                began = time.monotonic()
                assert (await app.pulse(budget="5s")).is_ok
                took.append(time.monotonic() - began)
            assert min(took) < 0.5

    asyncio.run(beat())


def test_the_blocking_face_has_it(tmp_path: Path) -> None:
    app = app_at(f"sqlite:///{tmp_path}/store.db", brisk, isolation="inline")
    app.blocking.enqueue(brisk, 3)
    report = app.blocking.pulse(budget="5s")
    assert (report.executed, report.source) == (1, "api")
    app.blocking.close()


def test_serverless_places_have_no_children() -> None:
    def chosen(**settings: Any) -> Isolation:
        return isolation_of_pulse(Mainspring("sqlite://", **settings).settings)

    assert chosen() is Isolation.PROCESS
    assert chosen(runner_environment="serverless") is Isolation.THREAD
    assert chosen(runner_environment="serverless", isolation="inline") is Isolation.INLINE
    assert chosen(isolation="thread") is Isolation.THREAD

    def at_once(**settings: Any) -> int:
        return threads_of_pulse(Mainspring("sqlite://", **settings).settings)

    assert at_once(runner_environment="serverless") == max(os.cpu_count() or 1, 8)
    assert at_once(runner_environment="serverless", max_concurrent=3) == 3
    assert at_once() == (os.cpu_count() or 1)
