"""Mainspring, in its default configuration but for what a row says, its workers started from the command line."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from types import ModuleType

from benchmarks import clock, ours_store, stamps, startup
from benchmarks.beside import open_transaction
from benchmarks.place import Place
from benchmarks.processes import started, tree_resident
from benchmarks.readings import Reading
from mainspring import Dedupe

BULK_BATCH = 1_000
SETTLE = 3.0  # seconds until workers that are to wait for work are surely up
VARIABLE = "MAINSPRING_BENCH_PLACE"
WORKER = [sys.executable, "-m", "mainspring", "worker", "-A", "benchmarks.ours_tasks:app"]
FIRST_RUNS = 10_000  # memory is compared with what it was after so many


async def drain(place: Place, count: int) -> Reading:
    """One worker with its executor empties a filled store; log capture is on, the bodies are silent."""
    return await _drain(place, count, "noop")


async def drain_two(place: Place, count: int) -> Reading:
    """Two workers empty a filled store."""
    return await _drain(place, count, "noop", workers=2)


async def drain_logging(place: Place, count: int) -> Reading:
    """The same as `drain` with two log lines a run."""
    return await _drain(place, count, "talk")


async def drain_processes(place: Place, count: int) -> Reading:
    """The same with plain functions, which run in child processes."""
    return await _drain(place, count, "noop_in_process")


async def drain_beside_transaction(place: Place, count: int) -> Reading:
    """The same while somebody holds a transaction open."""
    return await _drain(place, count, "noop", beside=open_transaction(place))


async def drain_after_history(place: Place, count: int) -> Reading:
    """The same among 5,000,000 finished and 1,000,000 future rows."""
    async with _tasks(place):
        ours_store.fill_with_history(place)
    before = ours_store.completed(place)
    return await _drain(place, count, "noop", completed_before=before)


async def drain_limited(place: Place, count: int) -> Reading:
    """The same through one limit of a hundred at once."""
    return await _drain(place, count, "noop_limited")


async def drain_keyed(place: Place, count: int) -> Reading:
    """The same through ten keys of ten at once."""
    return await _drain(place, count, "noop_keyed", lanes=10)


async def drain_beside_blocked(place: Place, count: int) -> Reading:
    """The same beside 1,000,000 runs that wait for a limit."""
    async with _tasks(place):
        ours_store.fill_with_blocked(place)
    return await _drain(place, count, "noop")


async def enqueue_one(place: Place, count: int) -> Reading:
    """One caller, one call at a time."""
    async with _tasks(place) as tasks:
        return await clock.time_calls(count, lambda _: tasks.app.enqueue(tasks.noop, mark=0))


async def enqueue_keyed(place: Place, count: int) -> Reading:
    """One caller, each call with a key of its own."""
    return await _enqueue_by(place, count, "k{mark}", "existing")


async def enqueue_colliding(place: Place, count: int) -> Reading:
    """One caller, all calls with one key, which a waiting run holds: nothing is written."""
    return await _enqueue_by(place, count, "k", "existing")


async def enqueue_replacing(place: Place, count: int) -> Reading:
    """One caller, all calls with one key, each changing the waiting run."""
    return await _enqueue_by(place, count, "k", "replace")


async def enqueue_once(place: Place, count: int) -> Reading:
    """One caller, each call with a key of its own that is good for ever: a row in the ledger besides."""
    return await _enqueue_by(place, count, "k{mark}", "once")


async def _enqueue_by(place: Place, count: int, key: str, policy: str) -> Reading:
    async with _tasks(place) as tasks:
        bound = tasks.noop.options(dedupe=Dedupe(key, policy))
        return await clock.time_calls(count, lambda number: tasks.app.enqueue(bound, mark=number))


async def enqueue_concurrent(place: Place, count: int) -> Reading:
    """A hundred callers."""
    async with _tasks(place) as tasks:
        return await clock.time_calls(count, lambda _: tasks.app.enqueue(tasks.noop, mark=0), callers=100)


async def enqueue_within(place: Place, count: int) -> Reading:
    """One caller, each call in a transaction of the caller's own, which writes a row besides."""
    async with _tasks(place) as tasks, ours_store.shop(place) as shop:

        async def call(number: int) -> None:
            await shop.order()
            await tasks.app.enqueue(tasks.noop.options(connection=shop.connection), mark=0)
            await shop.commit()

        return await clock.time_calls(count, call)


async def enqueue_bulk(place: Place, count: int) -> Reading:
    """Lists of runs, their parameters validated."""
    async with _tasks(place) as tasks:
        batch = [{"mark": stamps.SILENT}] * BULK_BATCH

        async def enqueue() -> int:
            return len(await tasks.app.enqueue_many(tasks.noop, batch))

        return await clock.time_batches(count, BULK_BATCH, enqueue, note=f"lists of {BULK_BATCH:,}")


async def latency(place: Place, count: int) -> Reading:
    """From the call to the body, the worker being idle."""
    async with _tasks(place) as tasks, _workers(place):
        return await clock.time_starts(place, count, lambda label: tasks.app.enqueue(tasks.stamp, mark=label))


async def idle(place: Place, count: int) -> Reading:
    """CPU of a worker and its children without work, once one run has gone through."""
    async with _tasks(place) as tasks, _workers(place) as (worker,):
        await tasks.app.enqueue(tasks.stamp, mark=1)
        await stamps.wait_for(place.stamps, 1)
        return await clock.time_idleness(worker.pid, count)


async def takeover(place: Place, count: int) -> Reading:
    """kill -9 of a worker with ``count`` runs in hand; a second one, which came later, begins them again."""
    async with _tasks(place) as tasks, _workers(place, may_end=True) as (first,):
        for label in range(1, count + 1):
            await tasks.app.enqueue(tasks.hold, mark=label)
        for label in range(1, count + 1):
            await stamps.wait_for(place.stamps, label)
        async with _workers(place):
            await asyncio.sleep(SETTLE)
            return await clock.time_takeover(place, count, first.kill)


async def memory(place: Place, count: int) -> Reading:
    """A worker's resident memory, with its children, after ``count`` runs against what it was after 10,000."""
    async with _tasks(place) as tasks, _workers(place) as (worker,):
        sizes = []
        for runs in (FIRST_RUNS, count - FIRST_RUNS):
            for _ in range(0, runs, BULK_BATCH):
                await tasks.app.enqueue_many(tasks.noop, [{"mark": stamps.SILENT}] * BULK_BATCH)
            while not await ours_store.is_empty(place):
                await asyncio.sleep(0.2)
            sizes.append(tree_resident(worker.pid) or 0.0)
        early, late = sizes
        return Reading({"growth_percent": (late / early - 1) * 100}, f"{early / 2**20:.0f} → {late / 2**20:.0f} MiB")


async def import_time(place: Place, count: int) -> Reading:
    """Importing the package."""
    return await startup.import_time("mainspring", count)


async def help_time(place: Place, count: int) -> Reading:
    """The command line's help."""
    return await startup.command_time([sys.executable, "-m", "mainspring", "--help"], count)


async def _drain(
    place: Place,
    count: int,
    name: str,
    *,
    workers: int = 1,
    beside: AbstractAsyncContextManager[None] | None = None,
    completed_before: int = 0,
    lanes: int = 0,
) -> Reading:
    """Clock a drain, and see that every run ended well. Two workers are up before the queue is opened to both."""
    params = [{"mark": stamps.mark_of(index, count), **({"lane": index % lanes} if lanes else {})} for index in range(count)]
    async with _tasks(place) as tasks:
        queues = (await tasks.app.store()).queues
        await queues.pause("default")
        await tasks.app.enqueue_many(getattr(tasks, name), params)
        async with beside or nullcontext(), _workers(place, copies=workers):
            await asyncio.sleep(SETTLE)
            await queues.resume("default")
            reading = await clock.time_drain(place, count, lambda: ours_store.is_empty(place))
    found = ours_store.completed(place) - completed_before
    return reading if found == count else replace(reading, note=f"ONLY {found:,} OF {count:,} ENDED WELL")


@asynccontextmanager
async def _tasks(place: Place) -> AsyncIterator[ModuleType]:
    """Give the module of our tasks with its app open."""
    os.environ[VARIABLE] = place.dump()
    tasks = importlib.import_module("benchmarks.ours_tasks")
    async with tasks.app:
        yield tasks


@asynccontextmanager
async def _workers(place: Place, *, copies: int = 1, may_end: bool = False) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    """Run workers as a user would."""
    environment = {VARIABLE: place.dump()}
    async with started(WORKER, place, copies=copies, environment=environment, may_end=may_end) as workers:
        yield workers
