"""Services for the pool that carries them out: each says what it meets as a log line, and does one thing to try it."""

from __future__ import annotations

import asyncio
import os
import threading
import time

from mainspring import Context, Depends, service

seconds = 0.3  # that these have to end in


async def bad_shutdown(ctx: Context) -> None:
    ctx.log("shutdown")
    raise RuntimeError("not like this")


def slow_shutdown(ctx: Context) -> None:
    ctx.log("shutdown")
    time.sleep(0.1)
    ctx.log("shut")


@service(stop_within=seconds, on_shutdown=bad_shutdown)
async def waits(ctx: Context) -> str:
    ctx.log(f"pid {os.getpid()}")
    while await ctx.sleep(60):
        pass
    return "ended"


@service(stop_within=seconds, on_shutdown=slow_shutdown)
def waits_def(ctx: Context) -> str:
    ctx.log(f"pid {os.getpid()}")
    while not ctx.stopping:
        ctx.sleep("1m")
    return "ended"


@service(instances="per-node")
async def waits_everywhere(ctx: Context) -> None:
    ctx.log(f"pid {os.getpid()}")
    await ctx.sleep(3600)


@service(stop_within=seconds)
async def swallows(ctx: Context) -> None:
    ctx.log("up")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ctx.log("no")


@service(stop_within=seconds)
async def raises_when_stopped(ctx: Context) -> None:
    ctx.log("up")
    await ctx.sleep(60)
    raise ValueError("on the way out")


def not_well() -> bool:
    return threading.current_thread() is threading.main_thread()  # a plain probe is asked beside the loop, so that it may block


def thing() -> str:
    return "thing"


async def asks(ctx: Context, what: str = Depends(thing)) -> bool:
    return what == "thing" and ctx.fence == 7


@service(probe=not_well, probe_every="50ms", ready_timeout="1m")
async def probed_beside(ctx: Context) -> None:
    ctx.log("up")
    await ctx.sleep("200ms")
    ctx.ready()
    ctx.ready()
    await ctx.sleep(60)


@service(probe=asks, probe_every="50ms")
def probed_def(ctx: Context) -> None:
    ctx.sleep(60)
