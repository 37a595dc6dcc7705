"""The stopwatches that every subject shares."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks import stamps
from benchmarks.place import Place
from benchmarks.processes import tree_seconds
from benchmarks.readings import Reading, spread

DRAIN_LIMIT = 150.0
WARM_UP = 20  # latency samples that are thrown away: caches, prepared statements, a worker that is still starting


async def time_drain(
    place: Place, count: int, is_empty: Callable[[], Awaitable[bool]], *, note: str = "", within: float = DRAIN_LIMIT
) -> Reading:
    """Clock a drain of a filled store, whose worker is about to begin.

    The clock runs from the first body until nothing is unfinished.
    The store is asked only once the run that was enqueued last has begun, so asking costs the drain nothing. CPU is
    what everything that the benchmark started used meanwhile, the database included where it is ours.
    """
    async with asyncio.timeout(within):
        began = await stamps.wait_for(place.stamps, stamps.FIRST, within=within)
        busy_before = tree_seconds(place.owner)
        await stamps.wait_for(place.stamps, stamps.LAST, within=within)
        while not await is_empty():
            await asyncio.sleep(0.004)
        seconds = (time.monotonic_ns() - began) / 1e9
        busy_after = tree_seconds(place.owner)
    values = {"per_second": count / seconds}
    if busy_before is not None and busy_after is not None:
        values["cpu_us"] = (busy_after - busy_before) / count * 1e6
    return Reading(values, note)


async def time_calls(count: int, call: Callable[[int], Awaitable[object]], *, callers: int = 1, note: str = "") -> Reading:
    """Clock ``count`` calls, made by so many concurrent callers, each one call after the other."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await call(number)

    await call(-1)  # connects, prepares
    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return Reading({"per_second": count / (time.perf_counter() - began)}, note)


async def time_batches(count: int, size: int, batch: Callable[[], Awaitable[int]], *, note: str = "") -> Reading:
    """Clock whole batches, each of which says how many it handled, until ``count`` are done."""
    done, began = 0, time.perf_counter()
    while done < count:
        handled = await batch()
        if not handled:
            raise RuntimeError(f"only {done} of {count} were there")
        done += handled
    return Reading({"per_second": done / (time.perf_counter() - began)}, note or f"batches of {size:,}")


def time_threads(count: int, call: Callable[[int], object], *, callers: int, note: str = "") -> Reading:
    """Like `time_calls`, for blocking calls from so many threads."""
    call(0)
    with ThreadPoolExecutor(callers) as threads:
        began = time.perf_counter()
        for done in [threads.submit(lambda: [call(0) for _ in range(count // callers)]) for _ in range(callers)]:
            done.result()
        return Reading({"per_second": count / (time.perf_counter() - began)}, note)


async def time_starts(
    place: Place, count: int, enqueue: Callable[[int], Awaitable[object]], *, note: str = "", gap: float = 0.04
) -> Reading:
    """Clock an idle worker: from just before the call that enqueues until the body runs, one run at a time.

    ``enqueue`` gets the label that the body stamps. The gaps vary, so that no poller can fall into step.
    """
    calls: dict[int, int] = {}
    dice = random.Random(7)
    for label in range(1, count + WARM_UP + 1):
        await asyncio.sleep(gap * dice.uniform(0.5, 1.5))
        calls[label] = time.monotonic_ns()
        await enqueue(label)
        if label == 1:
            await stamps.wait_for(place.stamps, label)  # the worker is up
    await stamps.wait_for(place.stamps, count + WARM_UP)
    await asyncio.sleep(0.5)
    starts = dict(stamps.read(place.stamps))
    if missing := calls.keys() - starts.keys():
        raise RuntimeError(f"{len(missing)} of {len(calls)} runs never started")
    return Reading(spread([(starts[label] - calls[label]) / 1e6 for label in calls if label > WARM_UP]), note)


async def time_idleness(worker: int, seconds: int, *, settle: float = 4.0, note: str = "") -> Reading:
    """Measure which share of one core a worker process and its children use while there is nothing to do."""
    await asyncio.sleep(settle)
    before, began = tree_seconds(worker), time.monotonic()
    await asyncio.sleep(seconds)
    after, passed = tree_seconds(worker), time.monotonic() - began
    if before is None or after is None:
        raise RuntimeError("CPU time is read from /proc, which this system lacks")
    return Reading({"cpu_percent": (after - before) / passed * 100}, note)


async def time_takeover(place: Place, count: int, kill: Callable[[], object], *, within: float = 180.0) -> Reading:
    """Kill a worker that has ``count`` runs in hand, and clock how long until others have begun them all again."""
    await _until_begun(place, count, 1, within)
    killed = time.monotonic_ns()
    kill()
    await _until_begun(place, count, 2, within)
    return Reading({"seconds": (max(at for _, at in stamps.read(place.stamps)) - killed) / 1e9})


async def _until_begun(place: Place, count: int, times: int, within: float) -> None:
    """Wait until ``count`` labels have been stamped so many times."""
    async with asyncio.timeout(within):
        while True:
            begun = Counter(label for label, _ in stamps.read(place.stamps) if label > 0)
            if sum(number >= times for number in begun.values()) >= count:
                return
            await asyncio.sleep(0.01)
