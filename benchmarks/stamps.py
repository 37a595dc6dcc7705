"""Time stamps that bodies leave, so that every system is clocked alike and none has to be asked.

A stamp is one short line appended to a file, with the label and the machine's monotonic clock, which all processes
share. Bodies of a drain stamp twice in all (the first and the last run that was enqueued); those of a latency test
stamp each time, for two microseconds.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

READY = -1  # a worker is connected and waits for the gate
SILENT = 0  # an ordinary run of a drain: no stamp
FIRST = 1
LAST = 2


def mark_of(index: int, count: int) -> int:
    """Return the label that the run at ``index`` of ``count`` carries as its parameter."""
    if index == 0:
        return FIRST
    return LAST if index == count - 1 else SILENT


class Stamps:
    """The writing side, one per process that runs bodies."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def write(self, label: int) -> None:
        """Append a stamp; atomic, as any short append is."""
        os.write(self._descriptor, b"%d %d\n" % (label, time.monotonic_ns()))


def read(path: Path) -> list[tuple[int, int]]:
    """Return all stamps as (label, nanoseconds), in order of writing."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    return [(int(label), int(at)) for label, at in (line.split() for line in text.splitlines())]


async def wait_for(path: Path, label: int, *, times: int = 1, within: float = 60.0) -> int:
    """Wait for a label's ``times``-th stamp and return its nanoseconds. Raises `TimeoutError`."""
    async with asyncio.timeout(within):
        while True:
            found = [at for stamped, at in read(path) if stamped == label]
            if len(found) >= times:
                return found[times - 1]
            await asyncio.sleep(0.004)
