"""Asking again: what a caller does whose write may or may not have been carried out, while the store is away for a moment.

Waits go by the event loop's clock, so that virtual time passes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mainspring.core.errors import StoreUnavailable
from mainspring.engine.loop import JITTER, chance

PATIENCE = 5.0  # seconds: a restart or a failover of the database takes less, and a person behind a page waits no longer
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0

T = TypeVar("T")


async def insist(ask: Callable[[], Awaitable[T]], *, is_over: Callable[[], bool] = lambda: False) -> T:
    """Ask until the store answers, with short growing pauses, for what may be carried out twice.

    Raises the latest `StoreUnavailable` when patience is over, or as soon as ``is_over`` says that nobody will answer any more.
    """
    clock = asyncio.get_running_loop().time
    until, pause = clock() + PATIENCE, FIRST_PAUSE
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            if is_over() or clock() + pause > until:
                raise
        await asyncio.sleep(pause * (1 + chance.uniform(-JITTER, JITTER)))
        pause = min(pause * 2, LONGEST_PAUSE)
