"""Worker processes that a measurement starts, and the CPU time and memory that they use (from /proc, so on Linux)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path

from benchmarks import stamps
from benchmarks.place import Place

TICK = 1 / os.sysconf("SC_CLK_TCK")


def program(module: str, place: Place, *arguments: object) -> list[str]:
    """Return the command that runs a module of this package as a worker at a place."""
    return [sys.executable, "-m", module, place.dump(), *map(str, arguments)]


@asynccontextmanager
async def started(
    command: Sequence[str],
    place: Place,
    *,
    copies: int = 1,
    environment: Mapping[str, str] | None = None,
    may_end: bool = False,
) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    """Run a worker command for the length of a block; its output goes to the place's ``worker.log``.

    A worker that ends before the block does breaks it off, unless it ``may_end``.
    """
    with (place.folder / "worker.log").open("ab") as log:
        workers = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
            for _ in range(copies)
        ]
    try:
        async with nullcontext() if may_end else _watched(workers, place):
            yield workers
    finally:
        for worker in workers:
            stop(worker)


@asynccontextmanager
async def ready(command: Sequence[str], place: Place, *, copies: int = 1) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    """Like `started` for our own worker programs, once each of them waits at the gate."""
    async with started(command, place, copies=copies) as workers:
        await stamps.wait_for(place.stamps, stamps.READY, times=copies)
        yield workers


@asynccontextmanager
async def _watched(workers: Sequence[subprocess.Popen[bytes]], place: Place) -> AsyncIterator[None]:
    """Break off the block when a worker dies, with the end of what it printed."""

    async def watch() -> None:
        while all(worker.poll() is None for worker in workers):
            await asyncio.sleep(0.05)
        raise RuntimeError(f"a worker ended early: {tail(place)}")

    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(watch())
            yield
            watcher.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def tail(place: Place) -> str:
    """Return the end of what the workers printed."""
    with suppress(FileNotFoundError):
        return (place.folder / "worker.log").read_text(errors="replace")[-2000:]
    return ""


def stop(worker: subprocess.Popen[bytes], within: float = 5.0) -> None:
    """End a process that we started: politely, then not."""
    if worker.poll() is None:
        worker.terminate()
        try:
            worker.wait(within)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def wait_at_gate(place: Place, within: float = 60.0) -> None:
    """Tell the measurement that this worker is ready, and wait until it opens the gate (called in a worker program)."""
    stamps.Stamps(place.stamps).write(stamps.READY)
    until = time.monotonic() + within
    while not place.gate.exists():
        if time.monotonic() > until:
            raise TimeoutError("nobody opened the gate")
        time.sleep(0.002)


def machine_seconds() -> float | None:
    """Return the CPU seconds that everybody on the machine has used, or None where /proc does not tell."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except FileNotFoundError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, fields)
    return (user + nice + system + irq + softirq + steal) * TICK


def tree_seconds(root: int) -> float | None:
    """Return the CPU seconds that a process and its descendants have used, or None where /proc does not tell."""
    family = _family(root)
    return sum(sum(map(int, fields[11:15])) for fields in family) * TICK if family else None


def tree_resident(root: int) -> float | None:
    """Return the bytes of memory that a process and its descendants keep resident, or None where /proc does not tell."""
    family = _family(root)
    return sum(int(fields[21]) for fields in family) * os.sysconf("SC_PAGE_SIZE") if family else None


def _family(root: int) -> list[list[str]]:
    """Return the fields of /proc/PID/stat, from the state on, of a process and its living descendants."""
    everybody: dict[int, list[str]] = {}
    with suppress(FileNotFoundError):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(FileNotFoundError, ProcessLookupError):
                    everybody[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
    family = {root} & everybody.keys()
    while more := {child for child, fields in everybody.items() if int(fields[1]) in family} - family:
        family |= more
    return [everybody[member] for member in family]
