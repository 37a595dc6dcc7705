"""The runner: every loop of a node, for ever, from the first beat to the last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainspring.core.definition import Definition, definition_of
from mainspring.core.errors import StoreError
from mainspring.core.run import ClaimedRun
from mainspring.core.switch import Switches
from mainspring.core.task import Task
from mainspring.core.version import VERSION
from mainspring.engine.bus import Bus
from mainspring.engine.crew import make_pools
from mainspring.engine.heartbeat import Heartbeat
from mainspring.engine.limiter import Limiter
from mainspring.engine.loop import Driver, Loop, Pulse, log
from mainspring.engine.meter import Meter
from mainspring.engine.options import NodeOptions
from mainspring.engine.pools import Pool, PoolName
from mainspring.engine.presence import Presence, lock_folder
from mainspring.engine.promoter import Promoter
from mainspring.engine.pruner import Pruner
from mainspring.engine.rescuer import Rescuer
from mainspring.engine.switcher import SwitchBoard, Switcher
from mainspring.engine.worker import Spawn, Worker
from mainspring.store.runs import Lane
from mainspring.store.store import Store

if TYPE_CHECKING:
    from mainspring.telemetry.metrics import NodeMetrics

CLAIM_AGE = 10.0  # seconds since the last good claim round past which a node is not ready
SAFETY = ("heartbeat", "rescuer", "promoter", "limiter", "pruner", "switches")  # without these a node does harm or none is helped
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
        beside: Path | None = None, board: SwitchBoard | None = None,
    ) -> None:  # fmt: skip
        clock = asyncio.get_running_loop().time
        board = board or SwitchBoard(store, Switches(), clock=clock)
        self._store, self._bus, self._options, self._clock, self._known = store, bus, options, clock, tasks
        name = options.name or f"{socket.gethostname()}-{os.getpid()}"
        facts = {"tasks": sorted(tasks) if options.claims else [], "queues": list(options.queues), "version": VERSION}
        self.presence = Presence(name, lock_folder(beside), lease=options.lease, facts=facts)
        self.worker = Worker(
            store, tasks, self.presence, clock=clock, spawn=spawn, default_retry=options.default_retry, isolation=options.isolation,
            queues=options.queues, claims=options.claims, switches=board.switches,
        )  # fmt: skip
        self.pools = make_pools(tasks, self.worker, options, store.foreign)
        self.worker.equip(self.pools)
        self.heartbeat = Heartbeat(store.nodes, self.presence, self.worker, clock=clock, every=options.beat)
        self.rescuer = Rescuer(store, tasks, self.presence, clock=clock, default_retry=options.default_retry)
        self.promoter = Promoter(store.runs, self.presence, sorted(tasks) if options.claims else [])
        self.limiter = Limiter(store.limits, tasks, expensive=options.expensive, clock=clock)
        self.limiter.on_slots = self._resize
        self.switcher = Switcher(store, tasks, self.presence, board, claims=options.claims)
        self.pruner = Pruner(store, options.retention, tasks, name)
        self.worker.stages.traces = options.traces
        self.metrics: NodeMetrics | None = None
        self.meter: Meter | None = None
        if options.metrics is not None:
            self._measure()
        self._drivers: dict[str, Driver] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._is_stopping = False
        self.slots: int | None = None  # those that an operator has set for every node
        self.stopped = asyncio.Event()

    def loops(self) -> Sequence[Loop]:
        """Return the loops of a node: what the runner drives for ever, and a test by hand."""
        loops = (self.worker, self.heartbeat, self.rescuer, self.promoter, self.limiter, self.pruner, self.switcher, PoolKeeper(self.pools))
        return loops if self.meter is None else (*loops, self.meter)

    def _measure(self) -> None:
        """Make the metrics and let every attempt count; prometheus-client is imported by nobody else."""
        from mainspring.telemetry.metrics import NodeMetrics

        self.metrics = NodeMetrics()
        self.meter = Meter(self._store, self._known, self.metrics, self._figures)
        self.worker.observe = self.meter.ended

    def _figures(self) -> Mapping[str, float]:
        health = self.health()
        recorder = self.worker.recorder
        return {
            "ready": float(health.is_ready), "in_hand": health.in_hand, "claim_age_seconds": health.claim_age,
            "claimed": self.worker.claimed,
            "lost_leases": recorder.lost_leases, "dropped_log_lines": recorder.dropped,
            "slots": sum(pool.slots for pool in self.pools.values()),
        }  # fmt: skip

    async def start(self, *, drives: bool = True) -> None:
        """Register the node, make its pools ready and start every loop; raises where a safety loop cannot start.

        Without ``drives`` nothing moves by itself: a test calls the ticks of `loops`.
        """
        await self.heartbeat.register(os.getpid())
        try:
            if self._options.claims:
                await self._store.definitions.register(self._definitions())
            await asyncio.gather(*(pool.start() for pool in self.pools.values()))
            await self.limiter.declare()
            if drives:
                for safety in (loop for loop in self.loops() if loop.name in SAFETY):  # one that cannot: no node
                    await safety.tick()
            if self.metrics is not None and self._options.metrics is not None:
                host, port = self._options.metrics
                log.info("metrics are at http://%s:%d/metrics", host, self.metrics.serve(host, port))
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

    def _definitions(self) -> list[Definition]:
        options = self._options
        timeout, retries = options.default_timeout, options.default_retry.retries
        return [definition_of(task.spec, isolation=options.isolation, timeout=timeout, retries=retries) for task in self._known.values()]

    def _wire(self) -> None:
        """Let loops wake each other: hints that shorten waits, and nothing else."""
        worker, drivers = self.worker, self._drivers
        worker.wake = drivers["worker"].wake.set
        worker.on_ended = self._bus.ended
        worker.on_put_back = self._put_back
        self._bus.on_hint = self._hinted
        self.promoter.on_ready = self.switcher.on_ready = self._ready
        self._bus.on_switched = drivers["switches"].wake.set
        self.rescuer.on_released = self._released
        self.limiter.wake = drivers["limiter"].wake.set
        self.limiter.on_ready = self._let_go
        self.limiter.on_admitted = self._bus.ended  # who carries such a run out here has waited for that
        self.limiter.on_slots = self._resize
        self.promoter.on_waiting = worker.on_let_go = self.limiter.poke
        self._bus.on_limited = self._limited
        self.heartbeat.on_renewed = worker.wake

    def _hinted(self, lane: Lane | None) -> None:
        if self._options.claims:
            self.worker.hint(lane)
        if lane is None:
            self.limiter.look_again()
        else:
            self.limiter.hinted(lane)

    def _limited(self, keys: Collection[str]) -> bool:
        self.limiter.poke(keys)
        return True

    def _let_go(self, lane: Lane) -> None:
        """Let this node and others look for what a limit has let go; the limiter itself knows of it."""
        if self._options.claims and not self.presence.is_quiet:
            self.worker.hint(lane)
        self._bus.hint(lane, is_local=False)

    def _released(self) -> None:
        self.worker.hint(None)
        self.limiter.look_again()

    def _resize(self, slots: int | None) -> None:
        """Give the pools the slots that an operator wants, or those of this node's settings."""
        options = self._options
        own: dict[PoolName, int] = {
            "async": options.limits.slots, "def": options.def_children, "thread": options.def_children, "inline": options.async_slots,
        }  # fmt: skip
        for name, usual in own.items():
            if name in self.pools:
                self.worker.resize(name, usual if slots is None else slots)
        self.slots = slots

    def _put_back(self, runs: Sequence[ClaimedRun]) -> None:
        """Let this node and others look at once for runs that wait again for a moment or not at all."""
        self.due_soon()
        for lane in sorted({(run.queue, run.tenant, run.pool, run.priority) for run in runs}):
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
            self.worker.stages.is_leaving = True
            await asyncio.gather(*(pool.stop(self._options.grace) for pool in self.pools.values()))
            try:
                async with asyncio.timeout(10):
                    await self.worker.settled()  # what a claim brings now goes back, too
                    await self.worker.recorder.flushed()
            except TimeoutError:
                log.error("the store did not take the last results within 10 s: a rescuer will give those runs back")
        except asyncio.CancelledError:
            await self._give_back_now()
            raise
        finally:
            self._stop.set()
            if self.metrics is not None:
                self.metrics.close()
            for driver in self._drivers.values():
                driver.wake.set()
            for task in self._tasks:
                task.cancel()
            try:
                await asyncio.gather(*self._tasks, self.worker.close(), return_exceptions=True)
                await self.heartbeat.stop()
            except StoreError as error:
                log.warning("the node could not say good-bye: %s", error)
            finally:  # whoever else waits for the end must not wait for ever, also where this was cancelled a second time
                self._bus.on_hint, self._bus.on_switched = lambda lane: None, lambda: None
                self._bus.on_limited = lambda keys: False
                self.stopped.set()

    async def _give_back_now(self) -> None:
        """Force every body to end and give its run back, unburnt, as far as a few seconds go."""
        self.worker.stages.is_leaving = True
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
