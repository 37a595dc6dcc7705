"""Our schedules and pulses. Slots are told from the rows, by the database's clock, starts by the bodies."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from contextlib import closing

import psycopg

from benchmarks import stamps
from benchmarks.ours import VARIABLE as PLACE
from benchmarks.place import Place
from benchmarks.processes import started, tree_seconds
from benchmarks.readings import Reading, percentile, spread

VARIABLE = "MAINSPRING_BENCH_SCHEDULES"  # what is scheduled: so many of every minute, or on_time
RUNNER = [sys.executable, "-m", "mainspring", "runner", "-A", "benchmarks.scheduled_tasks:app"]
NODES = 3
MINUTES = 2  # that are measured: the first full one is not
WARM_UP = 25  # starts that are thrown away
RUNS = """
(select created_at, slot_at from {prefix}hot_runs union all select created_at, slot_at from {prefix}history where state <> 14) run
"""
LAGS = {
    "postgres": f"""select extract(epoch from created_at - slot_at)::float8 * 1000 from {RUNS}
        where slot_at > to_timestamp({{since}}) and slot_at <= to_timestamp({{until}})""",
    "sqlite": f"""select (created_at - slot_at) / 1000.0 from {RUNS}
        where slot_at > {{since}} * 1000000 and slot_at <= {{until}} * 1000000""",
}


async def minutely(place: Place, count: int) -> Reading:
    """``count`` schedules, all due every minute, on three whole nodes: the time from a slot to its run, and what the nodes use."""
    environment = {PLACE: place.dump(), VARIABLE: str(count)}
    async with started(RUNNER, place, environment=environment) as first:
        await _until_declared(place, count)
        async with started(RUNNER, place, environment=environment, copies=NODES - 1) as others:
            began = (time.time() // 60 + 1) * 60 + 60  # after a whole minute for warming up
            await asyncio.sleep(began + 30 - time.time())
            nodes = [*first, *others]
            busy = _busy([node.pid for node in nodes])
            before = time.monotonic()
            await asyncio.sleep(MINUTES * 60)
            seconds = time.monotonic() - before
            used = _busy([node.pid for node in nodes]) - busy
    lags = _lags(place, began + 30, began + 30 + MINUTES * 60)
    note = "" if len(lags) == count * MINUTES else f"ONLY {len(lags):,} OF {count * MINUTES:,} SLOTS HAVE A RUN"
    return Reading(spread(lags) | {"cpu_percent": used / seconds * 100}, note)


async def on_time(place: Place, count: int) -> Reading:
    """An idle node: from a slot to the first line of its run's body, five slots a second."""
    environment = {PLACE: place.dump(), VARIABLE: "on_time"}
    async with started(RUNNER, place, environment=environment), asyncio.timeout(count + 60):
        while len(found := stamps.read(place.stamps)) < count + WARM_UP:
            await asyncio.sleep(0.5)
    late = [microseconds / 1000 for microseconds, _ in found[WARM_UP:]]
    return Reading(spread(late), f"at most {max(late):.0f} ms")


async def empty_pulse(place: Place, count: int) -> Reading:
    """A pulse with nothing due, in a process that is warm, as a function of a serverless platform mostly is."""
    os.environ[PLACE], os.environ[VARIABLE] = place.dump(), "0"
    from benchmarks.scheduled_tasks import app

    took = []
    async with app:
        for number in range(count + 3):
            began = time.perf_counter()
            report = await app.pulse(budget="10s")
            if number >= 3:
                took.append((time.perf_counter() - began) * 1000)
            assert not report.executed
    return Reading(spread(took), f"the median of five first ones is {percentile(took[:5], 50):.0f} ms")


async def _until_declared(place: Place, count: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if _ask(place, "select count(*) from {prefix}schedules")[0] == count:
                    return
            except (psycopg.Error, sqlite3.Error):
                pass  # the node is still making the schema
            await asyncio.sleep(0.5)


def _busy(processes: list[int]) -> float:
    found = [tree_seconds(process) for process in processes]
    if None in found:
        raise RuntimeError("CPU time is read from /proc, which this system lacks")
    return sum(seconds or 0.0 for seconds in found)


def _lags(place: Place, since: float, until: float) -> list[float]:
    """Return the milliseconds from each slot of a span to its run."""
    return _ask(place, LAGS[place.store], since=since, until=until)


def _ask(place: Place, query: str, **values: float) -> list[float]:
    if place.store == "postgres":
        with psycopg.connect(place.url, autocommit=True) as connection:
            return [row[0] for row in connection.execute(query.format(prefix="mainspring.", **values).encode()).fetchall()]
    with closing(sqlite3.connect(place.file)) as file:
        return [row[0] for row in file.execute(query.format(prefix="mainspring_", **values)).fetchall()]
