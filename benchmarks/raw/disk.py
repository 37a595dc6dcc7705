"""The disk: how long it takes until 4 KiB are safe. Every durable commit waits for about this long."""

from __future__ import annotations

import mmap
import os
import time

from benchmarks.place import Place
from benchmarks.readings import Reading, percentile

BLOCK = 4096
BLOCKS = 4096  # the file is written round and round, as a database reuses its log files


async def flush(place: Place, count: int) -> Reading:
    """Write 4 KiB and `fdatasync` them (as PostgreSQL does), then again with `fsync` (as SQLite does here)."""
    block = mmap.mmap(-1, BLOCK)
    block.write(os.urandom(BLOCK))
    descriptor = os.open(place.folder / "flush", os.O_RDWR | os.O_CREAT)
    try:
        for position in range(BLOCKS):
            os.pwrite(descriptor, block, position * BLOCK)
        os.fsync(descriptor)
        data = [_flush(descriptor, block, number, os.fdatasync) for number in range(count)]
        full = [_flush(descriptor, block, number, os.fsync) for number in range(count)]
    finally:
        os.close(descriptor)
    return Reading({"fdatasync_us": percentile(data, 50), "fsync_us": percentile(full, 50), "fsync_p99_us": percentile(full, 99)})


def _flush(descriptor: int, block: mmap.mmap, number: int, sync: object) -> float:
    assert callable(sync)
    began = time.perf_counter_ns()
    os.pwrite(descriptor, block, number % BLOCKS * BLOCK)
    sync(descriptor)
    return (time.perf_counter_ns() - began) / 1000
