"""huey on SQLite: the fastest Python queue on an embedded file.

It takes a task out of the file before it runs it, so a crash loses the tasks in hand; it has no batches, no bulk
enqueue and no asyncio, and it polls. We give it: no log lines, no scheduler, no results (its tasks return None), the
fastest of its workers for tasks that do nothing (tried anew in each round), real threads as concurrent callers, and a
poll every 10 ms where latency counts (its default of 100 ms and more uses less CPU; the row on idleness shows what 10
ms costs).
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks import clock, stamps
from benchmarks.peers import huey_app
from benchmarks.place import Place
from benchmarks.processes import program, ready
from benchmarks.readings import Reading

POLL = 0.01
WORKER = "benchmarks.peers.huey_worker"
WORKERS = (("thread", 1), ("process", 2))  # of 1, 2 and 4 threads or processes only these are ever the fastest


async def drain(place: Place, count: int) -> Reading:
    """One consumer empties a filled queue, with each candidate for its fastest workers; the better one counts."""
    readings = []
    for kind, workers in WORKERS:
        folder = place.folder / kind
        folder.mkdir()
        readings.append(await _drain(replace(place, folder=folder), count, kind, workers))
    return max(readings, key=lambda reading: reading.values["per_second"])


async def enqueue_one(place: Place, count: int) -> Reading:
    """One caller, one call at a time."""
    _, noop = huey_app.make(place)

    async def call(number: int) -> None:
        noop(number)

    return await clock.time_calls(count, call)


async def enqueue_concurrent(place: Place, count: int) -> Reading:
    """A hundred threads."""
    _, noop = huey_app.make(place)
    return clock.time_threads(count, noop, callers=100)


async def latency(place: Place, count: int) -> Reading:
    """From the call to the body, the consumer being idle."""
    _, stamp = huey_app.make(place)

    async def call(label: int) -> None:
        stamp(label)

    async with ready(program(WORKER, place, "thread", 1, POLL), place):
        place.gate.touch()
        return await clock.time_starts(place, count, call, note="polls every 10 ms")


async def idle(place: Place, count: int) -> Reading:
    """CPU of a consumer without work."""
    huey_app.make(place)
    async with ready(program(WORKER, place, "thread", 1, POLL), place) as (worker,):
        place.gate.touch()
        return await clock.time_idleness(worker.pid, count, note="polls every 10 ms")


async def _drain(place: Place, count: int, kind: str, workers: int) -> Reading:
    _, fill = huey_app.make(replace(place, synchronous="OFF"))
    for index in range(count):
        fill(stamps.mark_of(index, count))
    queue, _ = huey_app.make(place)

    async def is_empty() -> bool:
        return bool(queue.pending_count() == 0)

    async with ready(program(WORKER, place, kind, workers, POLL), place):
        place.gate.touch()
        return await clock.time_drain(place, count, is_empty, note=f"{kind} workers: {workers}")
