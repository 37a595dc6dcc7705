"""A node that supervises, as a program of its own: ``python -m tests.chaos.service_node URL NAME SERVICE…``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from mainspring import Context, Mainspring, service
from tests.chaos.chaos_tasks import FOLDER, write_down

TICK = 0.02


def _says(what: str) -> bool:
    return (Path(os.environ[FOLDER]) / what).exists()


def note_shutdown(ctx: Context) -> None:
    write_down("shutdown", fence=ctx.fence)


async def note_error(ctx: Context) -> None:
    write_down("error", fence=ctx.fence, what=(ctx.error or {}).get("type"))


def is_well() -> bool:
    return not _says("sick")


@service(backoff="1s", stop_within="3s", on_shutdown=note_shutdown, on_error=note_error, probe=is_well, probe_every="300ms")
async def keeper(ctx: Context) -> None:
    """Say again and again that it is there, until it is told to stop; do as the files say that a test puts there."""
    write_down("up", fence=ctx.fence)
    while await ctx.sleep(TICK):
        write_down("tick", fence=ctx.fence, at=time.monotonic_ns())
        if _says(f"die-{ctx.fence}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if _says(f"raise-{ctx.fence}"):
            raise RuntimeError("as the test wants it")
    write_down("down", fence=ctx.fence)


@service(backoff="1s", stop_within="3s", on_shutdown=note_shutdown, probe=is_well, probe_every="300ms")
def keeper_def(ctx: Context) -> None:
    """Do the same as a plain function."""
    write_down("up", fence=ctx.fence)
    while not ctx.stopping:
        write_down("tick", fence=ctx.fence, at=time.monotonic_ns())
        ctx.sleep(TICK)
    write_down("down", fence=ctx.fence)


@service(stop_within="500ms")
def stubborn(ctx: Context) -> None:
    """Heed nothing but force."""
    write_down("up", fence=ctx.fence)
    while True:
        with contextlib.suppress(BaseException):
            while True:
                time.sleep(0.05)


@service(instances="per-node", stop_within="3s")
async def everywhere(ctx: Context) -> None:
    write_down("up", fence=ctx.fence)
    while await ctx.sleep(TICK):
        write_down("tick", fence=ctx.fence, at=time.monotonic_ns())
    write_down("down", fence=ctx.fence)


async def main(url: str, name: str, wanted: list[str]) -> None:
    from tests.chaos import service_node as here  # not __main__, which no other process could import

    app = Mainspring(url, tasks=[getattr(here, each) for each in wanted])
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with app:
        runner = await app.start_runner(name=name)
        print(f"{name} works on {url}", file=sys.stderr, flush=True)
        await over.wait()
        await runner.stop(20.0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
