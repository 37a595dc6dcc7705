"""An event loop on virtual time: it never waits for a timer, it moves the clock to it.

An hour of retries passes in milliseconds, and in the same order on every machine. With a seed, steps of tasks that could
run in any order do run in any order (trio's scheduler does so on purpose): a test that passes only by luck fails.
Threads and sockets still work: while something outside is under way the loop waits for it in real time, and time stands still.
Only a loop with a seed starts no threads: when one is done is nobody's to replay.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar
from typing import Any, TypeVar, TypeVarTuple

from mainspring.testing.clock import ManualClock

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

MOST_BURIALS = 100  # times that a task is cancelled before it counts as one that cannot be
SILENCE = 0.05  # real seconds for which sockets must be silent before virtual time goes on past them


class Deadlock(Exception):
    """Everybody waits, and no timer, thread or socket will ever wake anybody."""


class Place:
    """A process that is played inside this loop: code that runs in its context stops, for a while or for ever, with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = self.is_frozen = False
        self.held: list[asyncio.Handle] = []

    def __repr__(self) -> str:
        return f"<place {self.name}>"


class PlaceDied(BaseException):
    """Raised inside a place that dies, to get out of the step that killed it; nothing may catch it."""


place: ContextVar[Place | None] = ContextVar("mainspring_place", default=None)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a manual clock's. ``seed`` shuffles the steps of tasks that are ready together.

    With a seed, what is handed to an executor is done at once, on the loop's own thread, so that the seed is one history on every machine
    and under every load. Such a function must not wait for the loop.
    """

    _ready: Any  # the machinery of asyncio's own base class, which typeshed does not tell of
    _scheduled: Any
    _selector: Any

    def __init__(self, clock: ManualClock | None = None, *, seed: int | None = None) -> None:
        self.clock = clock if clock is not None else ManualClock()
        self._random = None if seed is None else random.Random(seed)
        self._quiet: list[asyncio.Future[None]] = []
        self._jumped: list[asyncio.Future[None]] = []
        self._stopped: list[Place] = []
        self._outside = 0
        super().__init__()
        self._descriptors = len(self._selector.get_map())  # its own, to be woken from other threads

    def time(self) -> float:
        return self.clock.monotonic()

    # -- waiting without a while

    async def settle(self) -> None:
        """Return when everything that can happen without time passing has happened."""
        waiter: asyncio.Future[None] = self.create_future()
        self._quiet.append(waiter)
        await waiter

    async def step(self, most: float) -> None:
        """Let time pass to the next timer, but ``most`` seconds at most, and settle."""
        limit = self.call_later(most, lambda: None)
        waiter: asyncio.Future[None] = self.create_future()
        self._jumped.append(waiter)
        try:
            await waiter
        finally:
            limit.cancel()
        await self.settle()

    def freeze(self, where: Place) -> None:
        """Stop a place, as SIGSTOP does; time goes on without it."""
        where.is_frozen = True
        self._stopped.append(where)

    def thaw(self, where: Place) -> None:
        """Let a stopped place go on; its timers that passed meanwhile are due now."""
        where.is_frozen = False
        held, where.held = where.held, []
        self._ready.extend(held)

    def kill(self, where: Place) -> None:
        """End a place between two of its steps: no ``finally`` of it runs any more."""
        where.is_dead = True
        self._stopped.append(where)

    def bury(self) -> None:
        """End whatever is left of dead places, so that nothing of theirs outlives a test. Their database must be closed."""
        for where in self._stopped:
            where.is_dead = False
            self.thaw(where)
        rounds = 0
        while left := asyncio.all_tasks(self):
            for task in left:
                task.cancel()
            self.run_until_complete(asyncio.wait(left, timeout=1.0))
            if (rounds := rounds + 1) < MOST_BURIALS:
                continue
            raise AssertionError(f"tasks that cannot be ended: {left}")

    # -- the machinery

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T]
        if self._random is not None:
            future = self.create_future()
            try:
                future.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 - as a thread would, it hands over whatever is raised
                future.set_exception(error)
            return future
        future = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._came_back)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        self._outside += 1  # the base class lets a thread wait for the executor's
        try:
            await super().shutdown_default_executor()
        finally:
            self._outside -= 1

    async def subprocess_exec(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:  # as the base class, whose types are long
        transport, protocol = await super().subprocess_exec(protocol_factory, *args, **kwargs)
        self._outside += 1  # a program takes the time that it takes
        tell = protocol.process_exited

        def exited() -> None:
            self._outside -= 1
            tell()

        if transport.get_returncode() is None:
            protocol.process_exited = exited
        else:
            self._outside -= 1
        return transport, protocol

    def _came_back(self, future: asyncio.Future[Any]) -> None:
        self._outside -= 1

    def _run_once(self) -> None:
        """Do one round, as the base class does, but for the waiting."""
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        if self._is_open:
            self._hear(0)
        if not self._ready:
            self._wait()
        moment = self.time() + 1e-9
        while self._scheduled and self._scheduled[0]._when <= moment:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)
        if self._random is not None and len(self._ready) > 1:
            self._shuffle(self._random)
        for _ in range(len(self._ready)):
            self._run(self._ready.popleft())

    @property
    def _is_open(self) -> bool:
        return self._outside > 0 or len(self._selector.get_map()) > self._descriptors

    def _hear(self, timeout: float | None) -> None:
        self._process_events(self._selector.select(timeout))  # type: ignore[attr-defined]

    def _wait(self) -> None:
        if self._outside:
            self._hear(None)
            return
        if self._is_open:
            self._hear(SILENCE)
            if self._ready:
                return
        else:
            self._hear(0)  # a thread nobody told us of, or a signal
            if self._ready:
                return
        if self._quiet:
            quiet, self._quiet = self._quiet, []
            _wake(quiet)
        elif self._scheduled:
            self.clock.advance_to(self._scheduled[0]._when)
            jumped, self._jumped = self._jumped, []
            _wake(jumped)
        elif self._is_open:
            self._hear(None)
        else:
            raise Deadlock("every task waits for another, and no timer is set")

    def _shuffle(self, chance: random.Random) -> None:
        # Steps of tasks only: asyncio promises the order of call_soon, and libraries lean on it.
        places = [index for index, handle in enumerate(self._ready) if _is_step(handle)]
        if len(places) > 1:
            handles = list(self._ready)
            order = places[:]
            chance.shuffle(order)
            self._ready.clear()
            moved = dict(zip(places, order, strict=True))
            self._ready.extend(handles[moved.get(index, index)] for index in range(len(handles)))

    def _run(self, handle: Any) -> None:
        if handle._cancelled:
            return
        where: Place | None = handle._context.get(place)
        if where is not None and (where.is_dead or where.is_frozen):
            where.held.append(handle)  # of the dead as well: what has begun must end some time, in `bury`
        else:
            handle._run()


def _is_step(handle: Any) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
