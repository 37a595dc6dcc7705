"""Loops: one bounded round of work behind one verb, and the only place that waits between rounds."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mainspring.core.errors import MainspringError, StoreError

log = logging.getLogger("mainspring")

LONGEST_BACKOFF = 5.0  # seconds between tries while rounds fail: a database that comes back is found within them
JITTER = 0.1  # a tenth either way, so that nodes started together do not stay together
STUCK = 60.0  # seconds past the time of its next round after which a loop counts as stuck, where it does not ask for more patience
chance = random.Random()  # for jitter alone, so that a simulation can seed it and nobody else draws from it


class Loop(Protocol):
    """Something that moves the engine on, one round at a time. Level-triggered: a missed or doubled round does no harm."""

    name: str

    async def tick(self) -> float:
        """Do one bounded round; answer after how many seconds the next is useful (zero: at once)."""


@dataclass(slots=True)
class LoopHealth:
    """How a driven loop is doing. Times are of the event loop's clock.

    ``turned_at`` is when the last round ended, well or not, ``waits`` how long it then rests; ``broken_since`` when rounds began to fail
    for another reason than the store's.
    """

    name: str
    started_at: float
    last_good_at: float
    rounds: int = 0
    failures: int = 0
    error: str | None = None
    turned_at: float = 0.0
    waits: float = 0.0
    broken_since: float | None = None
    patience: float = STUCK

    def age(self, now: float) -> float:
        """Return the seconds since the last round that went well."""
        return now - self.last_good_at

    def is_turning(self, now: float) -> bool:
        """Tell whether rounds come and end. A database that is away is nobody's fault here; a round that hangs, or a bug in each, is."""
        is_stuck = now - self.turned_at - self.waits > self.patience
        return not is_stuck and (self.broken_since is None or now - self.broken_since <= self.patience)


@dataclass(slots=True)
class Driver:
    """Drives one loop for ever: waits, wakes, jitters, backs off after errors and honours the stop."""

    loop: Loop
    on_error: Callable[[Loop, Exception], None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    health: LoopHealth = field(init=False)

    def __post_init__(self) -> None:
        self.health = LoopHealth(self.loop.name, 0.0, 0.0, patience=getattr(self.loop, "patience", STUCK))

    def begin(self, now: float) -> None:
        """Count the loop's age from now."""
        self.health.started_at = self.health.last_good_at = self.health.turned_at = now

    async def run(self, stop: asyncio.Event) -> None:
        """Run rounds until ``stop`` is set."""
        self.begin(asyncio.get_running_loop().time())
        while not stop.is_set():
            await self._rest(await self.once(), stop)
            self.health.waits = 0.0

    async def once(self) -> float:
        """Do one round; answers after how many seconds the next is useful.

        Errors are counted and waited out, never raised: this is a safety loop's floor.
        """
        clock = asyncio.get_running_loop().time
        self.wake.clear()
        try:
            wait = await self.loop.tick()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            wait = self._failed(RuntimeError("a round was cancelled from inside"))  # what it waited for was: it is no end of the loop
        except Exception as error:  # noqa: BLE001 - the loop driver is one of the three places that must survive anything
            wait = self._failed(error)
        else:
            if self.health.failures:
                log.info("%s works again after %d failed rounds", self.loop.name, self.health.failures)
            self.health.rounds += 1
            self.health.failures, self.health.error, self.health.broken_since = 0, None, None
            self.health.last_good_at = clock()
        self.health.turned_at = clock()
        return wait

    def _failed(self, error: Exception) -> float:
        self.health.failures += 1
        self.health.error = f"{type(error).__name__}: {error}"
        if isinstance(error, StoreError):
            self.health.broken_since = None
        elif self.health.broken_since is None:
            self.health.broken_since = asyncio.get_running_loop().time()
        if self.health.failures == 1:
            log.warning(
                "%s failed, it will be tried again: %s",
                self.loop.name,
                error,
                exc_info=None if isinstance(error, MainspringError) else error,
            )
        if self.on_error is not None:
            self.on_error(self.loop, error)
        return min(0.1 * 2.0 ** min(self.health.failures, 10), LONGEST_BACKOFF)

    async def _rest(self, wait: float, stop: asyncio.Event) -> None:
        if wait <= 0:
            await asyncio.sleep(0)
            return
        if self.wake.is_set() or stop.is_set():
            return
        if not getattr(self.loop, "is_punctual", False):
            wait *= 1 + chance.uniform(-JITTER, JITTER)
        self.health.waits = wait
        handle = asyncio.get_running_loop().call_later(wait, self.wake.set)  # cheaper than wait_for, which makes a task for each wait
        try:
            await self.wake.wait()
        finally:
            handle.cancel()
