"""Tasks for real workers: each writes down what it does, and waits for files instead of for a while."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

from mainspring import Context, Retry, current_run, task

FOLDER = "CHAOS_FOLDER"  # where the test keeps its journal and opens its gates
LOOK = 0.02


def write_down(event: str, **facts: object) -> None:
    """Add a line to the test's journal; short appends of several processes do not mix."""
    run = current_run()
    told = {"run": run.run_id, "attempt": run.attempt, "claim": run.claim_id, "pid": os.getpid()} if run is not None else {}
    line = " ".join([event, *(f"{name}={value}" for name, value in {**told, **facts}.items())])
    with (_folder() / "journal").open("a") as journal:
        journal.write(line + "\n")


def _folder() -> Path:
    return Path(os.environ[FOLDER])


def engine_pid() -> int:
    """Return the process of the node that this body runs on: an executor's parent is the template, whose parent is the engine."""
    fields = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


@task(retry=Retry(retries=3, delay="50ms"))
async def touch(n: int = 0) -> int:
    """Do next to nothing."""
    write_down("touched", n=n)
    return n


@task(concurrency=2, retry=Retry(retries=3, delay="50ms"))
async def touch_by_twos(n: int = 0) -> int:
    """Do next to nothing, two at a time."""
    write_down("touched", n=n)
    return n


@task(overlap="queue:1000", retry=Retry(retries=3, delay="50ms"))
async def touch_in_turn(n: int = 0) -> int:
    """Do next to nothing, one after the other."""
    write_down("touched", n=n)
    return n


@task
async def hold(gate: str, n: int = 0) -> int:
    """Wait until a gate is open."""
    write_down("held", n=n)
    try:
        while not (_folder() / gate).exists():
            await asyncio.sleep(LOOK)
    except asyncio.CancelledError:
        write_down("stopped", n=n)
        raise
    write_down("let_go", n=n)
    return n


@task
def hold_def(ctx: Context, gate: str, n: int = 0) -> int:
    """Wait until a gate is open, in a process of its own."""
    write_down("held", n=n)
    while not (_folder() / gate).exists() and not ctx.stopping:
        time.sleep(LOOK)
    return n


@task(repeatable=False)
async def hold_once(gate: str) -> str:
    """Wait until a gate is open; not to be repeated."""
    write_down("held")
    try:
        while not (_folder() / gate).exists():
            await asyncio.sleep(LOOK)
    except asyncio.CancelledError:
        write_down("stopped")
        raise
    return "done"


@task
async def deaf(gate: str) -> str:
    """Wait until a gate is open, whoever asks it to stop."""
    write_down("held")
    while not (_folder() / gate).exists():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(LOOK)
    return "done"


@task(retry=Retry(retries=5, delay="10m", jitter=False))
async def fail() -> None:
    """Fail, and be retried much later."""
    write_down("touched")
    raise RuntimeError("on purpose")


@task
async def talk(gate: str, lines: int = 3) -> str:
    """Say something, report progress, and wait until a gate is open."""
    from mainspring import log, progress

    for n in range(lines):
        log("line", n=n)
        progress(n + 1, lines, message=f"step {n + 1}")
    write_down("held")
    while not (_folder() / gate).exists():
        await asyncio.sleep(LOOK)
    return "said"


@task
async def block(seconds: float) -> str:
    """Hold the event loop, as a body must not."""
    write_down("held")
    time.sleep(seconds)
    return "done"


@task(max_rescues=3)
async def segfault() -> None:
    """Take the executor down."""
    write_down("fatal")
    ctypes.string_at(0)


@task(timeout="1s", retry=Retry(retries=0))
async def hold_gil(seconds: float) -> None:
    """Hold the interpreter itself, heartbeat threads and all."""
    write_down("fatal")
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


@task(max_rescues=2)
async def hog() -> int:
    """Take ever more memory."""
    write_down("fatal")
    taken = []
    while True:
        taken.append(bytearray(16 * 1024 * 1024))
        await asyncio.sleep(0.01)


@task(max_rescues=2)
async def kill_node() -> None:
    """Kill the node that carries it out, every time."""
    write_down("fatal")
    os.kill(engine_pid(), signal.SIGKILL)
    await asyncio.sleep(60)


@task
async def kill_node_once() -> str:
    """Kill the node that carries it out, the first time."""
    run = current_run()
    assert run is not None
    write_down("touched")
    if run.attempt == 1:
        os.kill(engine_pid(), signal.SIGKILL)
        await asyncio.sleep(60)
    return "survived"


@task
async def parent(children: int) -> list[str]:
    """Enqueue runs from a body."""
    handles = [await touch.enqueue(n=n) for n in range(children)]
    return [each.id for each in handles]
