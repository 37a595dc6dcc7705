"""How tests run coroutines: one loop a test, and waiting for events instead of for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 30.0  # seconds after which a test that waits for an event has failed; far more than a busy machine needs


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own, and fail when it takes longer than anybody's patience."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, 2 * PATIENCE)

    return asyncio.run(bounded())


async def until(holds: Callable[[], bool], what: str = "it") -> None:
    """Wait until something that no event tells of holds, such as the end of a foreign process."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not holds():
        assert loop.time() < deadline, f"{what} did not happen within {PATIENCE:.0f} s"
        await asyncio.sleep(0.01)
