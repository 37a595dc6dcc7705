"""pgqueuer: the fastest durable Python queue on PostgreSQL that we know.

Configured for speed by its own guide: asyncpg (1.7 times psycopg, it says), its recommended autovacuum settings,
durable tables (its default), batches of 1,000 for the drains (200 to 5,000 are alike), ten plain connections for
concurrent producers (they are twice as fast as its pool driver, which resets the connection after each call; more of
them are slower, since every insert notifies).
"""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager, nullcontext

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from benchmarks import clock, stamps, startup
from benchmarks.beside import open_transaction
from benchmarks.place import Place
from benchmarks.processes import program, ready
from benchmarks.readings import Reading

DRAIN_BATCH = 1_000
BULK_BATCH = 5_000
CONNECTIONS = 10
WORKER = "benchmarks.peers.pgqueuer_worker"


async def drain(place: Place, count: int) -> Reading:
    """One worker empties a filled queue."""
    return await _drain(place, count, workers=1)


async def drain_two(place: Place, count: int) -> Reading:
    """Two workers empty a filled queue."""
    return await _drain(place, count, workers=2)


async def drain_beside_transaction(place: Place, count: int) -> Reading:
    """One worker empties a filled queue while somebody holds a transaction open."""
    return await _drain(place, count, workers=1, beside=open_transaction(place))


async def enqueue_one(place: Place, count: int) -> Reading:
    """One caller, one call at a time, on one connection."""
    queries = await _install(place)
    return await clock.time_calls(count, lambda number: queries.enqueue("noop", b"%d" % number))


async def enqueue_concurrent(place: Place, count: int) -> Reading:
    """A hundred callers share ten connections."""
    await _install(place)
    queries = [Queries(AsyncpgDriver(await asyncpg.connect(place.url))) for _ in range(CONNECTIONS)]
    for each in queries:
        await each.enqueue("noop", b"0")
    return await clock.time_calls(
        count,
        lambda number: queries[number % CONNECTIONS].enqueue("noop", b"%d" % number),
        callers=100,
        note=f"{CONNECTIONS} connections",
    )


async def enqueue_bulk(place: Place, count: int) -> Reading:
    """Lists of runs, one statement a list."""
    queries = await _install(place)
    payloads: list[bytes | None] = [b"0"] * BULK_BATCH

    async def enqueue() -> int:
        return len(await queries.enqueue(["noop"] * BULK_BATCH, payloads, [0] * BULK_BATCH))

    return await clock.time_batches(count, BULK_BATCH, enqueue, note=f"lists of {BULK_BATCH:,}")


async def latency(place: Place, count: int) -> Reading:
    """From the call to the body, the worker being idle."""
    queries = await _install(place)
    async with ready(program(WORKER, place, 10), place):
        place.gate.touch()
        return await clock.time_starts(place, count, lambda label: queries.enqueue("stamp", b"%d" % label))


async def idle(place: Place, count: int) -> Reading:
    """CPU of a worker without work."""
    await _install(place)
    async with ready(program(WORKER, place, 10), place) as (worker,):
        place.gate.touch()
        return await clock.time_idleness(worker.pid, count)


async def import_time(place: Place, count: int) -> Reading:
    """Importing what a user imports first."""
    return await startup.import_time("pgqueuer", count)


async def help_time(place: Place, count: int) -> Reading:
    """The command line's help."""
    return await startup.command_time([sys.executable, "-m", "pgqueuer", "--help"], count)


async def _install(place: Place) -> Queries:
    queries = Queries(AsyncpgDriver(await asyncpg.connect(place.url)))
    await queries.install()
    await queries.optimize_autovacuum()
    return queries


async def _drain(place: Place, count: int, *, workers: int, beside: AbstractAsyncContextManager[None] | None = None) -> Reading:
    queries = await _install(place)
    marks: list[bytes | None] = [b"%d" % stamps.mark_of(index, count) for index in range(count)]
    for start in range(0, count, BULK_BATCH):
        part = marks[start : start + BULK_BATCH]
        await queries.enqueue(["noop"] * len(part), part, [0] * len(part))
    watch = await asyncpg.connect(place.url)
    await watch.execute("vacuum analyze")

    async def is_empty() -> bool:
        return not await watch.fetchval("select exists (select from pgqueuer)")

    async with beside or nullcontext(), ready(program(WORKER, place, DRAIN_BATCH), place, copies=workers):
        place.gate.touch()
        return await clock.time_drain(place, count, is_empty, note=f"batches of {DRAIN_BATCH:,}")
