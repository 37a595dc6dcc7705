"""Procrastinate: the established asyncio queue on PostgreSQL.

It fetches and finishes one job at a time, each a transaction; its speed is bound by round trips and commits, so it
gets a pool, concurrent jobs (`concurrency`) and uvloop. Finished jobs stay, as by default.
"""

from __future__ import annotations

import sys

from procrastinate import App
from procrastinate.types import JSONValue

from benchmarks import clock, stamps, startup
from benchmarks.peers import procrastinate_app
from benchmarks.place import Place
from benchmarks.processes import program, ready
from benchmarks.readings import Reading

BULK_BATCH = 1_000
WORKER = "benchmarks.peers.procrastinate_worker"
NOTE = f"concurrency {procrastinate_app.CONCURRENCY}"


async def drain(place: Place, count: int) -> Reading:
    """One worker empties a filled queue."""
    return await _drain(place, count, workers=1)


async def drain_two(place: Place, count: int) -> Reading:
    """Two workers empty a filled queue."""
    return await _drain(place, count, workers=2)


async def enqueue_one(place: Place, count: int) -> Reading:
    """One caller, one call at a time."""
    app = await _install(place)
    task = app.tasks["noop"]
    return await clock.time_calls(count, lambda _: task.defer_async(mark=0))


async def enqueue_concurrent(place: Place, count: int) -> Reading:
    """A hundred callers on the pool."""
    app = await _install(place)
    task = app.tasks["noop"]
    return await clock.time_calls(count, lambda _: task.defer_async(mark=0), callers=100, note=f"pool of {procrastinate_app.POOL}")


async def enqueue_bulk(place: Place, count: int) -> Reading:
    """Lists of runs, one statement a list."""
    app = await _install(place)
    task = app.tasks["noop"]
    batch: list[dict[str, JSONValue]] = [{"mark": 0}] * BULK_BATCH

    async def enqueue() -> int:
        return len(await task.batch_defer_async(*batch))

    return await clock.time_batches(count, BULK_BATCH, enqueue, note=f"lists of {BULK_BATCH:,}")


async def latency(place: Place, count: int) -> Reading:
    """From the call to the body, the worker being idle."""
    app = await _install(place)
    task = app.tasks["stamp"]
    async with ready(program(WORKER, place), place):
        place.gate.touch()
        return await clock.time_starts(place, count, lambda label: task.defer_async(mark=label))


async def idle(place: Place, count: int) -> Reading:
    """CPU of a worker without work."""
    await _install(place)
    async with ready(program(WORKER, place), place) as (worker,):
        place.gate.touch()
        return await clock.time_idleness(worker.pid, count)


async def import_time(place: Place, count: int) -> Reading:
    """Importing what a user imports first."""
    return await startup.import_time("procrastinate", count)


async def help_time(place: Place, count: int) -> Reading:
    """The command line's help."""
    return await startup.command_time([sys.executable, "-m", "procrastinate", "--help"], count)


async def _install(place: Place) -> App:
    app = procrastinate_app.make(place)
    await app.open_async()
    await app.schema_manager.apply_schema_async()
    return app


async def _drain(place: Place, count: int, *, workers: int) -> Reading:
    app = await _install(place)
    marks: list[dict[str, JSONValue]] = [{"mark": stamps.mark_of(index, count)} for index in range(count)]
    for start in range(0, count, BULK_BATCH):
        await app.tasks["noop"].batch_defer_async(*marks[start : start + BULK_BATCH])
    await app.connector.execute_query_async("analyze")

    async def is_empty() -> bool:
        row = await app.connector.execute_query_one_async(
            "select exists (select from procrastinate_jobs where status in ('todo', 'doing')) as busy"
        )
        return not row["busy"]

    async with ready(program(WORKER, place), place, copies=workers):
        place.gate.touch()
        return await clock.time_drain(place, count, is_empty, note=NOTE)
