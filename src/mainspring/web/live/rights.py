"""Rights of who is connected already: they end, or are taken away, while a socket or a stream stays open."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol

from mainspring.core.errors import StoreError
from mainspring.operations.operation import Caller

LOOK_EVERY = 5.0  # seconds between two questions whether somebody may still look


class Guard(Protocol):
    """Who can say so (`mainspring.web.access.guard`)."""

    async def still(self, caller: Caller) -> bool:
        """Tell whether a caller has the rights that they came with."""


async def holds(guard: Guard | None, caller: Caller) -> bool:
    """Tell whether a caller may still look. A store that is away takes nobody's rights."""
    if caller.user.until is not None and caller.user.until <= datetime.now(UTC):
        return False
    try:
        return guard is None or await guard.still(caller)
    except StoreError:
        return True


async def lapse(guard: Guard | None, caller: Caller) -> None:
    """Return when a caller may look no more."""
    while await holds(guard, caller):
        until = caller.user.until
        left = LOOK_EVERY if until is None else (until - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(min(max(left, 0.0), LOOK_EVERY))
