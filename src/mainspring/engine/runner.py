"""The runner: every loop of a node, for ever, from the first beat to the last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainspring.core.definition import Definition, definition_of
from mainspring.core.errors import StoreError
from mainspring.core.node import NodeCommand
from mainspring.core.role import Role
from mainspring.core.run import ClaimedRun
from mainspring.core.switch import Switches
from mainspring.core.task import Task
from mainspring.core.version import VERSION
from mainspring.engine.bus import Bus
from mainspring.engine.crew import make_pools
from mainspring.engine.gatekeeper import Gatekeeper
from mainspring.engine.heartbeat import Heartbeat
from mainspring.engine.limiter import Limiter
from mainspring.engine.loop import Driver, Loop, LoopHealth, log
from mainspring.engine.meter import Meter
from mainspring.engine.options import NodeOptions
from mainspring.engine.pools import Pool, PoolName
from mainspring.engine.presence import Presence, lock_folder
from mainspring.engine.prober import Prober
from mainspring.engine.promoter import Promoter
from mainspring.engine.pruner import Pruner
from mainspring.engine.rescuer import Rescuer
from mainspring.engine.sampler import Sampler
from mainspring.engine.scheduler import Scheduler, schedules_among
from mainspring.engine.service_pools import ServicePools, services_among
from mainspring.engine.steward import OwnerBoard, Steward
from mainspring.engine.supervisor import Supervisor
from mainspring.engine.sweeper import Sweeper
from mainspring.engine.switcher import SwitchBoard, Switcher
from mainspring.engine.worker import Spawn, Worker
from mainspring.store.runs import Lane
from mainspring.store.schedules import MakeRun
from mainspring.store.store import Store

if TYPE_CHECKING:
    from mainspring.telemetry.metrics import NodeMetrics

CLAIM_AGE = 10.0  # seconds since the last good claim round past which a node is not ready
# Without these a node does harm, or none is helped: one that cannot start keeps the node from starting.
SAFETY = ("heartbeat", "rescuer", "promoter", "limiter", "gatekeeper", "pruner", "switches", "steward", "sweeper", "sampler")
LAST_SECONDS = 3.0  # for giving runs back after the second signal


@dataclass(frozen=True, slots=True)
class Health:
    """How a node is doing. ``problems`` are sentences.

    Ready: it claims, or would if nobody had told it to rest. Alive: its loops turn; a process where they do not is to be started again.
    """

    node_id: str
    name: str
    at: float  # of the event loop's clock, which the loops are told by
    role: Role
    is_ready: bool
    is_alive: bool
    is_draining: bool
    is_paused: bool
    is_maintained: bool
    in_hand: int
    claim_age: float
    loops: tuple[LoopHealth, ...]
    problems: tuple[str, ...]


class Runner:
    """One node of the fleet inside this process."""

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., Any]], bus: Bus, *, spawn: Spawn, options: NodeOptions,
        beside: Path | None = None, board: SwitchBoard | None = None, make_run: MakeRun | None = None,
    ) -> None:  # fmt: skip
        clock = asyncio.get_running_loop().time
        board = board or SwitchBoard(store, Switches(), clock=clock)
        self._store, self._bus, self._options, self._clock, self._known = store, bus, options, clock, tasks
        name = options.name or f"{socket.gethostname()}-{os.getpid()}"
        services = sorted(services_among(tasks)) if options.has_services else []
        facts = {
            "tasks": sorted(tasks) if options.claims else [], "services": services, "queues": list(options.queues), "version": VERSION,
            "role": options.role.value, "environment": options.environment,
            "schedules": sorted(schedules_among(tasks)) if options.claims or options.role.fires else [],
            "fires": options.role.fires,
        }  # fmt: skip
        self.role = options.role
        self.presence = Presence(name, lock_folder(beside), lease=options.lease, facts=facts)
        self.worker = Worker(
            store, tasks, self.presence, clock=clock, spawn=spawn, default_retry=options.default_retry, isolation=options.isolation,
            queues=options.queues, claims=options.claims, switches=board.switches,
        )  # fmt: skip
        self.pools = make_pools(tasks, self.worker, options, store.foreign) if self.role.executes else {}
        self.worker.equip(self.pools)
        self.supervisor = self.worker.keeper = Supervisor(
            store, tasks, self.presence, self.worker, clock=clock,
            problem=options.services_problem or (None if options.role.supervises else "role"),
        )  # fmt: skip
        if isinstance(pool := self.pools.get("service"), ServicePools):
            self.supervisor.pool = pool
            if pool.processes is not None:
                pool.processes.lease_left = self.supervisor.lease_left
        self.heartbeat = Heartbeat(store.nodes, self.presence, self.worker, clock=clock, every=options.beat)
        self.rescuer = Rescuer(store, tasks, self.presence, clock=clock, default_retry=options.default_retry)
        self.promoter = Promoter(store.runs, self.presence, sorted(tasks) if options.claims else [])
        self.limiter = Limiter(store.limits, tasks, expensive=options.expensive, clock=clock)
        self.limiter.on_slots = self._resize
        self.gatekeeper = Gatekeeper(store.gates, store.runs, tasks, board.switches, clock=clock)
        self.switcher = Switcher(store, tasks, self.presence, board, claims=options.claims)
        owners = OwnerBoard(store, tasks)
        self.steward = Steward(store, tasks, self.presence, owners, moves=options.role.keeps and options.claims)
        self.worker.owners = owners
        self.worker.stages.knows_people = lambda: owners.has_people
        self.sweeper = Sweeper(store)
        self.sampler = Sampler(store)
        self.pruner = Pruner(store, options.retention, tasks, name)
        self.scheduler: Scheduler | None = None
        if options.role.fires and make_run is not None:
            prober = Prober(tasks, isolation=options.isolation, hooks=options.on_child_start, before_import=options.before_import)
            self.scheduler = Scheduler(
                store, tasks, self.presence, prober, make_run=make_run, switches=board.switches, clock=clock,
                longest=options.pulse_interval, origin="pulse" if options.role is Role.PULSE else "schedule",
            )  # fmt: skip
        self.worker.stages.traces = options.traces
        self.metrics: NodeMetrics | None = None
        self.meter: Meter | None = None
        if options.measures or options.metrics is not None:
            self._measure()
        self.heartbeat.vitals, self.heartbeat.on_told = self._vitals, self._told
        self.on_stop: Callable[[], None] = self._stop_myself  # an operator wants this node to end
        self._leaving: asyncio.Task[None] | None = None
        self._drivers: dict[str, Driver] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._is_stopping = False
        self.slots: int | None = None  # those that an operator has set for every node
        self.stopped = asyncio.Event()

    def loops(self) -> Sequence[Loop]:
        """Return the loops of a node, by its role: what the runner drives for ever, and a test by hand."""
        loops: list[Loop] = [self.heartbeat]
        if self.role.executes:
            loops += [self.worker, PoolKeeper(self.pools)]
        if self.role.keeps:
            loops += [self.rescuer, self.promoter, self.limiter, self.gatekeeper, self.pruner, self.switcher, self.steward, self.sampler]
        if self.role.supervises:
            loops.append(self.supervisor)
        if self.scheduler is not None:
            loops.append(self.scheduler)
        if self.role.keeps and self._options.sweeps:
            loops.append(self.sweeper)
        return loops if self.meter is None else [*loops, self.meter]

    def _measure(self) -> None:
        """Make the metrics and let every attempt count; prometheus-client is imported by nobody else."""
        from mainspring.telemetry.metrics import NodeMetrics

        self.metrics = NodeMetrics()
        self.meter = Meter(self._store, self._known, self.metrics, self._figures, scheduler=self.scheduler, loops=self._ages)
        self.worker.observe = self.meter.ended

    def _ages(self) -> Mapping[str, float]:
        now = self._clock()
        return {name: max(now - driver.health.last_good_at, 0.0) for name, driver in self._drivers.items()}

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
            if self.role is not Role.PULSE:  # which makes them ready when there is something for them
                await self.open_pools()
            if self.role.keeps:
                await self.limiter.declare()
            await self.supervisor.declare()
            if self.scheduler is not None:
                await self.scheduler.declare()
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
            driver.begin(self._clock())
            self._drivers[loop.name] = driver
        self._wire()
        for driver in self._drivers.values() if drives else ():
            self._tasks.append(asyncio.get_running_loop().create_task(driver.run(self._stop), name=f"mainspring-{driver.loop.name}"))

    async def open_pools(self) -> None:
        """Make every pool ready to take runs; once for each runner."""
        await asyncio.gather(*(pool.start() for pool in self.pools.values()))

    @property
    def drivers(self) -> Mapping[str, Driver]:
        """What drives each loop, by its name, from the start on; a pulse turns them itself."""
        return self._drivers

    def _definitions(self) -> list[Definition]:
        options = self._options
        timeout, retries = options.default_timeout, options.default_retry.retries
        tasks = [task.spec for task in self._known.values() if not task.is_service]
        return [definition_of(spec, isolation=options.isolation, timeout=timeout, retries=retries) for spec in tasks]

    def _wire(self) -> None:
        """Let loops wake each other: hints that shorten waits, and nothing else."""
        worker = self.worker
        worker.wake = self._waker("worker")
        worker.on_ended = self._ended
        worker.on_put_back = self._put_back
        self._bus.on_hint = self._hinted
        self.switcher.on_resumed = self._bus.poke
        self.promoter.on_ready = self.switcher.on_ready = self.steward.on_ready = self.sweeper.on_ready = self._ready
        self._bus.on_switched = self._waker("switches")
        self._bus.on_services = self.supervisor.wake = self._waker("supervisor")
        self._bus.on_commanded = self._waker("heartbeat")
        self.rescuer.on_released = self._released
        self.limiter.wake = self._waker("limiter")
        self.limiter.on_ready = self._let_go
        self.limiter.on_admitted = self._bus.ended  # who carries such a run out here has waited for that
        self.limiter.on_slots = self._resize
        self.promoter.on_waiting = worker.on_let_go = self.limiter.poke
        self._bus.on_limited = self._limited
        self._bus.on_gated = self._gated
        self._bus.on_scheduled = self._scheduled
        if self.scheduler is not None:
            self.scheduler.on_ready = self._let_go
            self.scheduler.on_waiting = self.limiter.poke
            self.scheduler.on_gated = self.gatekeeper.poke
            self.scheduler.on_due_soon = self.due_soon
        self.gatekeeper.wake = self._waker("gatekeeper")
        self.gatekeeper.on_ready = self._let_go
        self.gatekeeper.on_limited = self.limiter.poke
        self.gatekeeper.on_changed = self._bus.ended
        self.gatekeeper.on_cancelled = worker.cancel
        worker.recorder.on_tasks = self.gatekeeper.ended
        worker.recorder.is_followed, worker.recorder.on_said = self._bus.is_followed, self._bus.said
        self.heartbeat.on_renewed = worker.wake

    def _ended(self, run_ids: Sequence[str]) -> None:
        self._bus.ended(run_ids)
        self.supervisor.ended(run_ids)

    def _waker(self, name: str) -> Callable[[], None]:
        """Return what wakes a loop; nothing happens where this node does not have it."""
        driver = self._drivers.get(name)
        return _nothing if driver is None else driver.wake.set

    def _hinted(self, lane: Lane | None) -> None:
        if self._options.claims:
            self.worker.hint(lane)
        if lane is None:
            self.limiter.look_again()
            self.gatekeeper.look_again()
        else:
            self.limiter.hinted(lane)

    def _scheduled(self) -> None:
        """Let the scheduler look: somebody has changed a schedule, or what holds for all of them."""
        if self.scheduler is not None:
            self.scheduler.look_again()
        self._waker("scheduler")()

    def _limited(self, keys: Collection[str]) -> bool:
        self.limiter.poke(keys)
        return True

    def _gated(self) -> bool:
        self.gatekeeper.poke()
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
        self._waker("promoter")()

    def health(self) -> Health:
        """Say how the node is doing."""
        now = self._clock()
        problems = [f"{pool.name}: {pool.problem}" for pool in self.pools.values() if pool.problem]
        loops = tuple(driver.health for driver in self._drivers.values())
        problems += [f"{loop.name}: {loop.error}" for loop in loops if loop.error]
        presence, age = self.presence, now - self.worker.claimed_at
        is_late = age > CLAIM_AGE and self._options.claims and not presence.is_quiet
        if is_late:
            problems.append(f"no claim round went well for {age:.0f} s")
        gone = [] if self._is_stopping else [name for name, task in zip(self._drivers, self._tasks, strict=False) if task.done()]
        stuck = [] if self._is_stopping or not self._tasks else [loop.name for loop in loops if not loop.is_turning(now)]
        problems += [f"the loop {name} does not run" for name in gone]
        problems += [f"the loop {name} does not turn" for name in stuck if name not in gone]
        is_ready = not is_late and not presence.is_draining and presence.is_fresh(now) and len(self._tasks) == len(self._drivers)
        return Health(
            presence.id, presence.name, now, self.role, is_ready, not gone and not stuck,
            presence.is_draining, presence.is_paused, presence.is_maintained,
            self.worker.in_hand, age, loops, tuple(problems),
        )  # fmt: skip

    def quiet(self) -> None:
        """Claim nothing more; what is in hand goes on."""
        self.presence.is_draining = True
        self._waker("heartbeat")()
        self._waker("supervisor")()

    def _told(self, command: NodeCommand | None, is_maintained: bool) -> None:
        """Do what the store says that operators want of this node; told with every beat, so that nothing is missed or done twice."""
        presence, was_quiet = self.presence, self.presence.is_quiet
        before = (presence.is_paused, presence.is_draining, presence.is_maintained)
        presence.is_maintained = is_maintained
        if command is NodeCommand.PAUSE:
            presence.is_paused = True
        elif command is NodeCommand.RUN:
            presence.is_paused = False
        elif command in (NodeCommand.QUIET, NodeCommand.STOP):
            presence.is_draining = True
        if presence.is_quiet and not was_quiet:
            self.worker.release_unstarted()
        elif was_quiet and not presence.is_quiet:
            self.worker.hint(None)
            for driver in self._drivers.values():  # whatever has waited meanwhile is looked at now
                driver.wake.set()
        if before != (presence.is_paused, presence.is_draining, presence.is_maintained):
            log.info("this node %s", _mood(presence))
            self._waker("heartbeat")()  # lists are to say so at once
            self._waker("supervisor")()
        if command is NodeCommand.STOP and not self._is_stopping and self._leaving is None:
            self.on_stop()

    def _stop_myself(self) -> None:
        self._leaving = asyncio.get_running_loop().create_task(self.stop(self._options.drain), name="mainspring-stop")

    def _vitals(self) -> Mapping[str, Any]:
        """Return how this node is doing, for those who look from elsewhere; it goes along with every beat."""
        health, now = self.health(), self._clock()
        return {
            "is_ready": health.is_ready, "is_alive": health.is_alive, "is_paused": self.presence.is_paused,
            "is_maintained": self.presence.is_maintained, "claim_age": round(health.claim_age, 3), "problems": list(health.problems),
            "loops": {loop.name: round(loop.age(now), 3) for loop in health.loops},
            "scheduler_lag": None if self.scheduler is None else round(self.scheduler.lag, 4),
        }  # fmt: skip

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
                closing = () if self.scheduler is None else (self.scheduler.close(),)
                await asyncio.gather(*self._tasks, self.worker.close(), *closing, return_exceptions=True)
                await self.heartbeat.stop()
            except StoreError as error:
                log.warning("the node could not say good-bye: %s", error)
            finally:  # whoever else waits for the end must not wait for ever, also where this was cancelled a second time
                self._bus.on_hint, self._bus.on_switched = lambda lane: None, lambda: None
                self._bus.on_limited, self._bus.on_commanded = lambda keys: False, _nothing
                self._bus.on_services = self._bus.on_scheduled = _nothing
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


def _nothing() -> None: ...


def _mood(presence: Presence) -> str:
    if presence.is_draining:
        return "is leaving: it begins nothing more"
    if presence.is_paused:
        return "is paused: it begins nothing until it is told to go on"
    return "rests while the fleet is in maintenance" if presence.is_maintained else "goes on"


class PoolKeeper:
    """Looks after the pools from outside: deadlines, memory, recycling. A loop like the others."""

    name = "pools"

    def __init__(self, pools: Mapping[PoolName, Pool]) -> None:
        self._pools = pools

    async def tick(self) -> float:
        """Let each pool look once."""
        now = asyncio.get_running_loop().time()
        return min((pool.tick(now) for pool in self._pools.values()), default=1.0)
