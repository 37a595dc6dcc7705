"""Resting: how a body waits for a while and wakes when it is asked to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Generator
from typing import Any

from mainspring.core.context import Context

LOOK = 0.05  # seconds between looks of a def body, which nobody can wake


class Rested:
    """The answer to a body without a loop: it has waited already, and awaiting this takes no time."""

    __slots__ = ("_goes_on",)

    def __init__(self, goes_on: bool) -> None:
        self._goes_on = goes_on

    def __bool__(self) -> bool:
        return self._goes_on

    def __await__(self) -> Generator[Any, Any, bool]:
        return self._goes_on
        yield


def rest(context: Context, seconds: float) -> Awaitable[bool]:
    """Wait on the running loop when this is awaited, or here and now where there is none."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return Rested(_rest_here(context, seconds))
    return _rest_on(loop, context, seconds)


def _rest_here(context: Context, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not context.stopping and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, LOOK))
    return not context.stopping


async def _rest_on(loop: asyncio.AbstractEventLoop, context: Context, seconds: float) -> bool:
    if context.stopping:
        return False
    over = asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(over.set)

    timer = loop.call_later(seconds, over.set)
    context.on_stop(wake)
    try:
        await over.wait()
    finally:
        timer.cancel()
        context.on_stop(None, no_more=wake)
    return not context.stopping
