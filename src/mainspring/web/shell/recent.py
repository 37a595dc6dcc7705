"""Answers that serve everybody who asks the same within a few seconds, so that many viewers cost no more than one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

V = TypeVar("V")
KEPT = 200  # answers


class Recent(Generic[V]):
    """Answers of a few seconds, by what was asked: those who ask the same at once wait for one and the same."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._asked = clock, dict[object, tuple[float, asyncio.Future[V]]]()

    async def get(self, key: object, make: Callable[[], Awaitable[V]], *, fresh: float, patience: float) -> V | None:
        """Return an answer that is not older than ``fresh`` seconds, or None where it takes longer than ``patience`` to find one."""
        now = self._clock()
        found = self._asked.get(key)
        if found is None or now - found[0] > fresh or (found[1].done() and (found[1].cancelled() or found[1].exception() is not None)):
            if len(self._asked) >= KEPT:
                self._asked = {each: held for each, held in self._asked.items() if now - held[0] <= fresh}
            found = self._asked[key] = (now, asyncio.ensure_future(make()))
        done, _ = await asyncio.wait([found[1]], timeout=patience)
        return found[1].result() if done else None
