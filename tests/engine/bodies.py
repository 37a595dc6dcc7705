"""Bodies that do what bodies do to an engine on a bad day. The children of the tests import them."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from mainspring.core.command import Command, EnvVar, command
from mainspring.core.context import Context
from mainspring.core.context import log as say
from mainspring.core.depends import Depends
from mainspring.core.errors import Fail
from mainspring.core.task import task

HOUR = 3600.0


@task
async def noop() -> None:
    """Do nothing."""


@task
def noop_def() -> None:
    """Do nothing, as a def."""


@task
async def add(a: int, b: int = 1) -> int:
    return a + b


@task
def add_def(a: int, b: int = 1) -> int:
    return a + b


@task
async def pid() -> int:
    return os.getpid()


@task
def pid_def() -> int:
    return os.getpid()


@task
async def boom() -> None:
    raise ValueError("no such table")


@task
def boom_def() -> None:
    raise ValueError("no such table")


@task
async def leave() -> None:
    sys.exit(3)


@task
def leave_def() -> None:
    sys.exit(3)


@task
async def leave_in_task() -> None:
    async def inner() -> None:
        sys.exit(4)

    await asyncio.create_task(inner())


@task
async def crash() -> None:
    await asyncio.sleep(0)
    ctypes.string_at(0)


@task
def crash_def() -> None:
    ctypes.string_at(0)


@task
async def wait(seconds: float = HOUR) -> str:
    await asyncio.sleep(seconds)
    return "waited"


@task
async def clean_up(begun: str, go: str, done: str) -> None:
    """Wait until it is cancelled, and then for a file before it ends."""
    try:
        await asyncio.sleep(HOUR)
    finally:
        Path(begun).touch()
        while not Path(go).exists():
            await asyncio.sleep(0.01)
        Path(done).touch()


@task
async def wait_for_file(path: str) -> str:
    """End well as soon as a file is there."""
    while not Path(path).exists():
        await asyncio.sleep(0.01)
    return "seen"


@task
def wait_for_file_def(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.01)
    return "seen"


@task
async def note(path: str) -> None:
    """Leave a line that says that the body ran."""
    with open(path, "a") as file:
        file.write("x")


@task
async def block(seconds: float = HOUR) -> None:
    time.sleep(seconds)


@task
async def block_in_task(seconds: float) -> None:
    async def inner() -> None:
        time.sleep(seconds)

    await asyncio.create_task(inner(), name="inner")


@task
async def hold_lock(size: int = 28) -> None:
    """Hold the interpreter lock: the match never gives it back."""
    import re

    await asyncio.sleep(0.01)
    re.match(r"(a+)+$", "a" * size + "b")


@task
async def deaf() -> None:
    """Ignore every cancellation."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(HOUR)


@task
async def half_deaf() -> None:
    """Ignore the first cancellation."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(HOUR)
    await asyncio.sleep(HOUR)


@task
async def tidy(path: str) -> None:
    """Clean up when cancelled."""
    try:
        await asyncio.sleep(HOUR)
    finally:
        Path(path).write_text("tidied")


@task
async def eat(mebibytes: int = 4096) -> None:
    held = []
    for _ in range(mebibytes // 16):
        held.append(bytearray(os.urandom(1024)) * (16 * 1024))
        await asyncio.sleep(0.01)


@task
def eat_def(mebibytes: int = 4096) -> None:
    held = []
    for _ in range(mebibytes // 16):
        held.append(bytearray(os.urandom(1024)) * (16 * 1024))
        time.sleep(0.01)


@task
def heed(ctx: Context) -> str:
    """Stop when asked to."""
    while not ctx.stopping:
        time.sleep(0.01)
    return "stopped in time"


@task
def sleep_def(path: str = "") -> None:
    """Sleep, and say what interrupted it."""
    try:
        time.sleep(HOUR)
    except BaseException as error:
        if path:
            Path(path).write_text(type(error).__name__)
        raise


@task
def stubborn(path: str) -> None:
    """Start a program, tell its process id, and ignore whatever asks to stop."""
    with subprocess.Popen(["sleep", "3600"]) as child:
        Path(path).write_text(str(child.pid))
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(HOUR)


@task
def start_program(path: str) -> None:
    """Leave a program behind."""
    Path(path).write_text(str(subprocess.Popen(["sleep", "3600"]).pid))


@task
async def talk(ctx: Context) -> None:
    ctx.log("100%")
    ctx.log({"rows": 3}, level="warning", table="orders")
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger("shop").warning("%d sold, 100%% sure", 7)
    logging.info("100%")
    say("said freely", who="nobody")
    for done in range(10_000):
        ctx.progress(done + 1, 10_000, message="going on")
    print("no line end", end="")


@task
def talk_def(ctx: Context) -> None:
    ctx.log("100%")
    print("printed")
    logging.warning("logged")
    thread = threading.Thread(target=lambda: print("from a thread"))
    thread.start()
    thread.join()
    os.system("echo from a program")


@task
async def report_then_wait(ctx: Context, path: str) -> None:
    """Say something, and end only when somebody has seen it."""
    ctx.log("halfway")
    ctx.progress(1, 2)
    while not Path(path).exists():
        await asyncio.sleep(0.01)


@task
def report_then_wait_def(ctx: Context, path: str) -> None:
    ctx.log("halfway")
    ctx.progress(1, 2)
    while not Path(path).exists():
        time.sleep(0.01)


@task
async def flood(lines: int) -> None:
    for number in range(lines):
        print("line", number)


@task
def flood_def(mebibytes: int) -> None:
    piece = "x" * 1023 + "\n"
    for _ in range(mebibytes):
        sys.stdout.write(piece * 1024)


@task
async def scatter() -> None:
    """Leave a task and a thread behind."""
    asyncio.get_running_loop().create_task(asyncio.sleep(HOUR), name="forgotten task")
    threading.Thread(target=time.sleep, args=(5,), name="forgotten thread", daemon=True).start()


@task
async def enqueue_child(a: int) -> list[object]:
    run = await add.options(key="once", delay=5).enqueue(a, b=2)
    return [run.id, run.is_new]


@task
def enqueue_child_def(a: int) -> list[object]:
    from mainspring.core.active import child_pipe

    pipe = child_pipe()
    assert pipe is not None
    run = pipe.enqueue_blocking(add, a)  # type: ignore[attr-defined]  # the pipe of a child has more than the protocol asks
    return [run.id, run.is_new]


@task
async def wait_for_child() -> None:
    run = await add.enqueue(1)
    await run.result()


@task
async def enqueue_wrongly() -> None:
    await add.enqueue("many")  # type: ignore[arg-type]  # on purpose


@task
def signal_itself() -> str:
    """Get a SIGTERM that nobody of ours sent."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)
    return "still here"


@task
async def give_up() -> None:
    raise Fail("for good")


@task
async def surrogate() -> str:
    print("bad \ud800 text")
    raise ValueError("bad \ud800 error")


@task
def maybe_crash_def(crash: bool = False) -> None:
    if crash:
        ctypes.string_at(0)


@task
def maybe_sleep_def(seconds: float = 0.0) -> None:
    time.sleep(seconds)


@task(timeout=2)
async def cancel_itself() -> None:
    raise asyncio.CancelledError


PROGRAM = str(Path(__file__).with_name("program.py"))


@command
def program(what: str, rest: list[str] = [], env: list[EnvVar] = [], cwd: str | None = None) -> Command:  # noqa: B006 - never changed
    return Command(sys.executable, PROGRAM, what, *rest, env=env, cwd=cwd, success=(0, 7))


@command
def no_such_program() -> Command:
    return Command("mainspring-has-no-such-program")


def opened(ctx: Context) -> Iterator[str]:
    """Give the run's id, for as long as the body lasts."""
    print("opened")
    yield ctx.run_id
    print("closed")


async def awaited(base: str = Depends(opened)) -> AsyncIterator[str]:
    """Give something that has to be awaited."""
    await asyncio.sleep(0)
    yield f"awaited {len(base)}"
    await asyncio.sleep(0)
    print("closed asynchronously")


@task
async def depends(n: int, base: str = Depends(opened), more: str = Depends(awaited)) -> list[object]:
    print("body")
    return [n, len(base), more]


@task
def depends_def(n: int, base: str = Depends(opened), more: str = Depends(awaited)) -> list[object]:
    print("body")
    return [n, len(base), more]


@task
async def depends_and_waits(path: str, base: str = Depends(opened)) -> None:
    Path(path).touch()
    await asyncio.sleep(HOUR)


@task
async def enqueue_keyed() -> list[object]:
    from mainspring import Dedupe, errors

    try:
        run = await add.options(dedupe=Dedupe("a:{a}", "debounce", window="90s"), tenant="acme").enqueue(1)
    except errors.AlreadyEnqueued as error:
        return [error.run_id, error.state, str(error)]
    return [run.id, run.is_new, str(run.how)]


@task
def enqueue_keyed_def() -> list[object]:
    from mainspring import Dedupe, errors
    from mainspring.core.active import child_pipe

    pipe = child_pipe()
    assert pipe is not None
    try:
        run = pipe.enqueue_blocking(add.options(dedupe=Dedupe("a:{a}", "debounce", window="90s"), tenant="acme"), 1)  # type: ignore[attr-defined]  # as above
    except errors.AlreadyEnqueued as error:
        return [error.run_id, error.state, str(error)]
    return [run.id, run.is_new, str(run.how)]
