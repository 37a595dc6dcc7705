"""Loops: one bounded round of work behind one verb, and the only place that waits between rounds."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mainspring.core.errors import MainspringError

log = logging.getLogger("mainspring")

LONGEST_BACKOFF = 5.0  # seconds between tries while rounds fail: a database that comes back is found within them
JITTER = 0.1  # a tenth either way, so that nodes started together do not stay together
chance = random.Random()  # for jitter alone, so that a simulation can seed it and nobody else draws from it


class Loop(Protocol):
    """Something that moves the engine on, one round at a time. Level-triggered: a missed or doubled round does no harm."""

    name: str

    async def tick(self) -> float:
        """Do one bounded round; answer after how many seconds the next is useful (zero: at once)."""


@dataclass(slots=True)
class Pulse:
    """How a driven loop is doing. Times are of the event loop's clock."""

    name: str
    started_at: float
    last_good_at: float
    rounds: int = 0
    failures: int = 0
    error: str | None = None

    def age(self, now: float) -> float:
        """Return the seconds since the last round that went well."""
        return now - self.last_good_at


@dataclass(slots=True)
class Driver:
    """Drives one loop for ever: waits, wakes, jitters, backs off after errors and honours the stop."""

    loop: Loop
    on_error: Callable[[Loop, Exception], None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    pulse: Pulse = field(init=False)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.loop.name, 0.0, 0.0)

    async def run(self, stop: asyncio.Event) -> None:
        """Run rounds until ``stop`` is set. Errors are counted and waited out, never raised: this is a safety loop's floor."""
        clock = asyncio.get_running_loop().time
        self.pulse.started_at = self.pulse.last_good_at = clock()
        while not stop.is_set():
            self.wake.clear()
            try:
                wait = await self.loop.tick()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - the loop driver is one of the three places that must survive anything
                wait = self._failed(error)
            else:
                if self.pulse.failures:
                    log.info("%s works again after %d failed rounds", self.loop.name, self.pulse.failures)
                self.pulse.rounds += 1
                self.pulse.failures, self.pulse.error = 0, None
                self.pulse.last_good_at = clock()
            await self._rest(wait, stop)

    def _failed(self, error: Exception) -> float:
        self.pulse.failures += 1
        self.pulse.error = f"{type(error).__name__}: {error}"
        if self.pulse.failures == 1:
            log.warning(
                "%s failed, it will be tried again: %s",
                self.loop.name,
                error,
                exc_info=None if isinstance(error, MainspringError) else error,
            )
        if self.on_error is not None:
            self.on_error(self.loop, error)
        return min(0.1 * 2.0 ** min(self.pulse.failures, 10), LONGEST_BACKOFF)

    async def _rest(self, wait: float, stop: asyncio.Event) -> None:
        if wait <= 0:
            await asyncio.sleep(0)
            return
        if self.wake.is_set() or stop.is_set():
            return
        wait *= 1 + chance.uniform(-JITTER, JITTER)
        handle = asyncio.get_running_loop().call_later(wait, self.wake.set)  # cheaper than wait_for, which makes a task for each wait
        try:
            await self.wake.wait()
        finally:
            handle.cancel()
