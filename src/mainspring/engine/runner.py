"""The runner: every loop of a node, for ever, from the first beat to the last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainspring.core.errors import StoreError
from mainspring.core.run import ClaimedRun
from mainspring.core.task import Task
from mainspring.core.version import VERSION
from mainspring.engine.bus import Bus
from mainspring.engine.crew import make_pools
from mainspring.engine.heartbeat import Heartbeat
from mainspring.engine.loop import Driver, Loop, Pulse, log
from mainspring.engine.options import NodeOptions
from mainspring.engine.pools import Pool, PoolName
from mainspring.engine.presence import Presence, lock_folder
from mainspring.engine.promoter import Promoter
from mainspring.engine.pruner import Pruner
from mainspring.engine.rescuer import Rescuer
from mainspring.engine.worker import Spawn, Worker
from mainspring.store.runs import Lane
from mainspring.store.store import Store

CLAIM_AGE = 10.0  # seconds since the last good claim round past which a node is not ready
SAFETY = ("heartbeat", "rescuer", "promoter", "pruner")  # without these a node does harm or none is helped
LAST_SECONDS = 3.0  # for giving runs back after the second signal


@dataclass(frozen=True, slots=True)
class Health:
    """How a node is doing. ``problems`` are sentences; ready means that it claims or could."""

    node_id: str
    is_ready: bool
    in_hand: int
    claim_age: float
    pulses: tuple[Pulse, ...]
    problems: tuple[str, ...]


class Runner:
    """One node of the fleet inside this process."""

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., Any]], bus: Bus, *, spawn: Spawn, options: NodeOptions,
        beside: Path | None = None,
    ) -> None:  # fmt: skip
        clock = asyncio.get_running_loop().time
        self._store, self._bus, self._options, self._clock = store, bus, options, clock
        name = options.name or f"{socket.gethostname()}-{os.getpid()}"
        facts = {"tasks": sorted(tasks) if options.claims else [], "queues": list(options.queues), "version": VERSION}
        self.presence = Presence(name, lock_folder(beside), lease=options.lease, facts=facts)
        self.worker = Worker(
            store, tasks, self.presence, clock=clock, spawn=spawn, default_retry=options.default_retry, isolation=options.isolation,
            queues=options.queues, claims=options.claims,
        )  # fmt: skip
        self.pools = make_pools(tasks, self.worker, options)
        self.worker.equip(self.pools)
        self.heartbeat = Heartbeat(store.nodes, self.presence, self.worker, clock=clock, every=options.beat)
        self.rescuer = Rescuer(store, tasks, self.presence, clock=clock, default_retry=options.default_retry)
        self.promoter = Promoter(store.runs, self.presence, sorted(tasks) if options.claims else [])
        self.pruner = Pruner(store.upkeep, options.retention)
        self._drivers: dict[str, Driver] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._is_stopping = False
        self.stopped = asyncio.Event()

    def loops(self) -> Sequence[Loop]:
        """Return the loops of a node: what the runner drives for ever, and a test by hand."""
        return (self.worker, self.heartbeat, self.rescuer, self.promoter, self.pruner, PoolKeeper(self.pools))

    async def start(self, *, drives: bool = True) -> None:
        """Register the node, make its pools ready and start every loop; raises where a safety loop cannot start.

        Without ``drives`` nothing moves by itself: a test calls the ticks of `loops`.
        """
        await self.heartbeat.register(os.getpid())
        try:
            await asyncio.gather(*(pool.start() for pool in self.pools.values()))
            if drives:
                for safety in (loop for loop in self.loops() if loop.name in SAFETY):  # one that cannot: no node
                    await safety.tick()
        except BaseException:
            await asyncio.gather(*(pool.stop(0.0) for pool in self.pools.values()), return_exceptions=True)
            with contextlib.suppress(StoreError):  # what went wrong first is what is told
                await self.heartbeat.stop()
            raise
        for loop in self.loops():
            driver = Driver(loop)
            self._drivers[loop.name] = driver
        self._wire()
        for driver in self._drivers.values() if drives else ():
            self._tasks.append(asyncio.get_running_loop().create_task(driver.run(self._stop), name=f"mainspring-{driver.loop.name}"))

    def _wire(self) -> None:
        """Let loops wake each other: hints that shorten waits, and nothing else."""
        worker, drivers = self.worker, self._drivers
        worker.wake = drivers["worker"].wake.set
        worker.on_ended = self._bus.ended
        worker.on_put_back = self._put_back
        self._bus.on_hint = self._hinted
        self.promoter.on_ready = self._ready
        self.rescuer.on_released = lambda: worker.hint(None)
        self.heartbeat.on_renewed = worker.wake

    def _hinted(self, lane: Lane | None) -> None:
        if self._options.claims:
            self.worker.hint(lane)

    def _put_back(self, runs: Sequence[ClaimedRun]) -> None:
        """Let this node and others look at once for runs that wait again for a moment or not at all."""
        self.due_soon()
        for lane in {(run.queue, run.tenant, run.pool, run.priority) for run in runs}:
            self._bus.hint(Lane(*lane), is_local=self._options.claims and not self.presence.is_quiet)

    def _ready(self, lane: Lane) -> None:
        self._bus.hint(lane, is_local=self._options.claims)

    def due_soon(self) -> None:
        """Let the promoter look: a run was put here that is due in a while."""
        if (driver := self._drivers.get("promoter")) is not None:
            driver.wake.set()

    def health(self) -> Health:
        """Say how the node is doing."""
        now = self._clock()
        problems = [f"{pool.name}: {pool.problem}" for pool in self.pools.values() if pool.problem]
        pulses = tuple(driver.pulse for driver in self._drivers.values())
        problems += [f"{pulse.name}: {pulse.error}" for pulse in pulses if pulse.error]
        age = now - self.worker.claimed_at
        is_late = age > CLAIM_AGE and self._options.claims
        if is_late:
            problems.append(f"no claim round went well for {age:.0f} s")
        problems += [
            f"the loop {name} does not run"
            for name, task in zip(self._drivers, self._tasks, strict=False)
            if task.done() and not self._is_stopping
        ]
        is_ready = not is_late and not self.presence.is_quiet and self.presence.may_start(now) and len(self._tasks) == len(self._drivers)
        return Health(self.presence.id, is_ready, self.worker.in_hand, age, pulses, tuple(problems))

    def quiet(self) -> None:
        """Claim nothing more; what is in hand goes on."""
        self.presence.is_quiet = self.presence.is_draining = True
        if (driver := self._drivers.get("heartbeat")) is not None:
            driver.wake.set()

    async def stop(self, drain: float) -> None:
        """Stop: quiet, drain for up to ``drain`` seconds, ask bodies to stop, then force; everything unfinished goes back unburnt.

        Beats go on until the last write. Cancelling this coroutine is the second signal: what is in hand is given back as far as it goes.
        """
        if self._is_stopping:
            await self.stopped.wait()
            return
        self._is_stopping = True
        self.quiet()
        try:
            self.worker.release_unstarted()
            if not await self.worker.drained(drain):
                log.warning("%d bodies still run after %g s: they are asked to stop", self.worker.in_hand, drain)
            await asyncio.gather(*(pool.stop(self._options.grace) for pool in self.pools.values()))
            try:
                async with asyncio.timeout(10):
                    await self.worker.recorder.flushed()
            except TimeoutError:
                log.error("the store did not take the last results within 10 s: a rescuer will give those runs back")
        except asyncio.CancelledError:
            await self._give_back_now()
            raise
        finally:
            self._stop.set()
            for driver in self._drivers.values():
                driver.wake.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            try:
                await self.heartbeat.stop()
            except StoreError as error:
                log.warning("the node could not say good-bye: %s", error)
            self._bus.on_hint = lambda lane: None
            self.stopped.set()

    async def _give_back_now(self) -> None:
        """Force every body to end and give its run back, unburnt, as far as a few seconds go."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await asyncio.gather(*(pool.stop(0.0) for pool in self.pools.values()))
                await self.worker.recorder.flushed()
        except TimeoutError:
            log.error("not everything could be given back in time: a rescuer will")


class PoolKeeper:
    """Looks after the pools from outside: deadlines, memory, recycling. A loop like the others."""

    name = "pools"

    def __init__(self, pools: Mapping[PoolName, Pool]) -> None:
        self._pools = pools

    async def tick(self) -> float:
        """Let each pool look once."""
        now = asyncio.get_running_loop().time()
        return min((pool.tick(now) for pool in self._pools.values()), default=1.0)
