"""The pulse: one bounded round of a node's loops, for places where no process lives on: serverless functions, a line in a crontab.

It is the runner's own node with the runner's own loops, turned by hand: each once, and again for as long as one has something to do, and
then no more. Work ends when the budget says so. A run is begun only if its timeout ends before that, so that nothing has to be broken off
but what overruns; what is in hand all the same goes back unburnt. A pulse that is killed is recovered by whoever comes next: its lease
reaches a little past its budget, and needs no beat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mainspring.core.errors import StoreUnavailable
from mainspring.core.pulse import Budget, Deferred, Ran, Why
from mainspring.core.run import ClaimedRun, Completed, Outcome, Released
from mainspring.core.schedule import ScheduleKind
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.core.switch import Switches
from mainspring.core.task import Task
from mainspring.engine.loop import Driver, Loop, log
from mainspring.engine.runner import Runner
from mainspring.store.pulses import Due
from mainspring.store.runs import Within
from mainspring.store.store import Store

# The heartbeat first, which brings what operators want; then what makes runs ready, in the order in which they pass through it.
FIRST = ("heartbeat", "switches", "steward", "rescuer", "scheduler", "prober", "promoter", "gatekeeper", "limiter")
UPKEEP = ("pruner", "sweeper", "sampler", "meter")  # when everything else is done, and there is time
NEVER = ("supervisor",)  # services live longer than a pulse
PART_OF_ONE = 0.25  # of the budget, that one round of one loop may take
MOST_UPKEEP = 20  # rounds of each, where one does not suffice
LINGER = 0.05  # seconds that are waited for what will be due
MOST_TOLD = 100  # attempts in a report
DEFAULT_TIMEOUT = timedelta(minutes=5)  # of runs that have none, where the settings have none either
IN_PROCESS = ("inline", "thread")  # pools that cost nothing to make ready


class Round:
    """The round of one pulse, over a runner that was started without being driven."""

    def __init__(
        self, store: Store, runner: Runner, tasks: Mapping[str, Task[..., Any]], budget: Budget, *, clock: Callable[[], float],
        default_timeout: timedelta | None, only: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._store, self._runner, self._budget, self._clock = store, runner, budget, clock
        self._tasks = sorted(set(tasks) & set(only)) if only else sorted(tasks)
        self._default = default_timeout or DEFAULT_TIMEOUT
        self._moved = asyncio.Event()  # an attempt has ended
        self._has_pools = False
        self._also = runner.worker.observe
        self.ran: list[Ran] = []
        self.executed = self.succeeded = self.given_back = 0
        self.errors: dict[str, str] = {}
        self._failed: Exception | None = None
        self._next: dict[str, float] = dict.fromkeys(runner.drivers, 0.0) | {"pools": float("inf")}  # pools: once there are any
        for driver in runner.drivers.values():
            driver.on_error = self._note
        if runner.scheduler is not None:
            runner.scheduler.accepts = self._fires
        runner.worker.within = self._within
        runner.worker.observe = self._ended

    def _within(self) -> Within:
        return Within(self._tasks, timedelta(seconds=self._budget.room(self._clock())), self._default)

    def _fires(self, record: ScheduleRecord) -> bool:
        """Tell whether a schedule is this pulse's business: of a task that was asked for, and with time for an answer of its predicate."""
        schedule = record.effective
        if schedule.kind is ScheduleKind.WHEN and schedule.timeout.total_seconds() > self._budget.room(self._clock()):
            return False
        return record.task in self._tasks

    @property
    def fired(self) -> int:
        """How many runs schedules have made."""
        return 0 if self._runner.scheduler is None else self._runner.scheduler.counts["fired"]

    def _ended(self, run: ClaimedRun, outcome: Outcome, ran_ms: float) -> None:
        """Count an attempt that ended here."""
        if self._also is not None:
            self._also(run, outcome, ran_ms)
        self._moved.set()
        if isinstance(outcome, Released):
            self.given_back += 1
            return
        self.executed += 1
        self.succeeded += isinstance(outcome, Completed)
        if len(self.ran) < MOST_TOLD:
            self.ran.append(Ran(run.id, run.task, type(outcome).__name__.lower(), ran_ms))

    # -- turning

    async def turn(self, *, keeps_up: bool = True) -> None:
        """Turn the loops until nothing is left that may be begun, or until the time for work is over.

        With ``keeps_up`` those loops turn once, at the end, that clear away what is old and repair what should never be broken.
        Raises `StoreUnavailable`; any other error of a loop is noted in ``errors``, and that loop turns no more.
        """
        drivers = self._in_order()
        waiters: dict[str, asyncio.Task[Any]] = {}
        is_kept_up = not keeps_up
        try:
            while (now := self._clock()) < self._budget.stops_at:
                if due := [each for each in drivers if each.wake.is_set() or self._next[each.loop.name] <= now]:
                    for driver in due:
                        await self._tick(driver)
                elif self._is_at_rest(drivers, now):
                    if is_kept_up:
                        return
                    is_kept_up = True
                    for driver in self._named(UPKEEP) * MOST_UPKEEP:
                        if self._next[driver.loop.name] <= self._clock():
                            await self._tick(driver)
                else:
                    await self._wait(drivers, waiters, now)
        finally:
            for waiter in waiters.values():
                waiter.cancel()

    def _in_order(self) -> list[Driver]:
        rest = [name for name in self._runner.drivers if name not in (*FIRST, *UPKEEP, *NEVER)]
        return self._named((*FIRST, *rest))

    def _named(self, names: Sequence[str]) -> list[Driver]:
        return [self._runner.drivers[name] for name in names if name in self._runner.drivers]

    async def _tick(self, driver: Driver) -> None:
        """Do one round of a loop, broken off where the time for work is over."""
        name, now = driver.loop.name, self._clock()
        if now >= self._budget.stops_at:
            return
        if (
            name == "worker"
        ):  # a claim that is broken off may have taken runs all the same: it may answer late, and what it brings goes back
            most = self._budget.stops_at + self._budget.reserve / 2 - now
        else:
            part = 1.0 if name in UPKEEP else PART_OF_ONE
            most = min(self._budget.stops_at - now, max(self._budget.seconds * part, 1.0))
        patience = asyncio.timeout(most)
        try:
            async with patience:
                await self._prepare(name, now)
                wait = await driver.once()
        except TimeoutError:
            if not patience.expired():
                raise
            log.warning("%s was broken off after %.1f s", name, most)
            if self._clock() < self._budget.stops_at:  # it hangs: the others are to have their turn
                self.errors[name], self._next[name] = f"it did not answer within {most:.1f} s", float("inf")
            return
        if isinstance(self._failed, StoreUnavailable):
            raise self._failed
        if driver.health.error is not None:
            self.errors[name] = driver.health.error
            wait = float("inf")
        if name == "worker" and not self._runner.worker.lanes.is_empty:
            wait = min(wait, LINGER)  # a pool is not ready yet, for instance: nothing but the next look would find that it is
        self._next[name] = self._clock() + wait

    def _note(self, loop: Loop, error: Exception) -> None:
        self._failed = error

    async def _prepare(self, name: str, now: float) -> None:
        """Do what belongs to a loop's round in a pulse, and not elsewhere."""
        if name == "heartbeat":
            self._runner.presence.lease = self._budget.lease(now)
        elif name == "rescuer":
            if buried := await self._store.pulses.bury(self._runner.presence.id):
                log.warning("dead nodes: %s", ", ".join(id_[-8:] for id_ in buried))
        elif name == "worker" and not self._has_pools and (self._is_in_process or await self._store.runs.lanes()):
            # Not before there is something for them: executor children cost more than everything else that a round does.
            await self._runner.open_pools()
            self._has_pools, self._next["pools"] = True, 0.0

    @property
    def _is_in_process(self) -> bool:
        return all(pool in IN_PROCESS for pool in self._runner.pools)

    def _is_at_rest(self, drivers: Sequence[Driver], now: float) -> bool:
        """Tell whether nothing is under way, and nothing due in a moment."""
        worker = self._runner.worker
        if worker.in_hand or not worker.recorder.is_idle or self._is_asking:
            return False
        return all(self._next[each.loop.name] - now > LINGER for each in drivers)

    @property
    def _is_asking(self) -> bool:
        return self._runner.scheduler is not None and self._runner.scheduler.is_asking

    async def _wait(self, drivers: Sequence[Driver], waiters: dict[str, asyncio.Task[Any]], now: float) -> None:
        """Wait until a loop is woken or due, an attempt ends, or what has ended is written."""
        self._moved.clear()
        wanted: dict[str, Callable[[], Any]] = {each.loop.name: each.wake.wait for each in drivers} | {"": self._moved.wait}
        if not (recorder := self._runner.worker.recorder).is_idle:
            wanted["recorder"] = recorder.flushed
        if (scheduler := self._runner.scheduler) is not None and scheduler.is_asking:
            wanted["questions"] = scheduler.settled
        for name, wait in wanted.items():
            if name not in waiters or waiters[name].done():
                waiters[name] = asyncio.ensure_future(wait())
        until = min(self._budget.stops_at, *(self._next[each.loop.name] for each in drivers))
        await asyncio.wait([waiters[name] for name in wanted], timeout=max(until - now, 0.0), return_when=asyncio.FIRST_COMPLETED)

    # -- stopping

    async def stop(self) -> None:
        """Give back what is in hand, write what has ended, and sign the node off; not longer than the budget allows."""
        budget = self._budget
        if in_hand := self._runner.worker.in_hand:
            log.warning("%d bodies still run at the end of a pulse: they are asked to stop, and their runs go back", in_hand)
        stopping = asyncio.create_task(self._runner.stop(0.0), name="mainspring-pulse-stop")
        await asyncio.wait({stopping}, timeout=max(budget.ends_at - self._clock() - budget.reserve / 8, 0.01))
        if not stopping.done():
            stopping.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody waits for it any more
            stopping.cancel()
            self.errors["pulse"] = "the store did not take the last results in time: what is unwritten goes back once the lease is over"
            return
        stopping.result()


async def next_of(store: Store) -> timedelta | None:
    """Return how long until something is due that nothing is known to hold back: a run or a schedule's slot; None where nothing waits."""
    due, _ = await store.runs.next_due_from(None)
    look = await store.schedules.look()
    slot = None if look.next_at is None else look.next_at - look.now
    waits = [each for each in (due, slot) if each is not None]
    return max(min(waits), timedelta()) if waits else None


def deferred_of(
    due: Sequence[Due], tasks: Mapping[str, Task[..., Any]], switches: Switches, budget: Budget, *, room: float,
    default_timeout: timedelta | None, only: Collection[str] = (), is_maintained: bool = False,
) -> tuple[list[Deferred], list[Deferred]]:  # fmt: skip
    """Return what is due but cannot be begun, with the reason, and what could be; both by task. ``room`` is seconds."""
    default = default_timeout or DEFAULT_TIMEOUT
    reasons: dict[tuple[str, Why | None], tuple[int, timedelta]] = {}
    for each in due:
        timeout = each.timeout or default
        why = _why(each, tasks, switches, only, is_maintained=is_maintained)
        if why is None and timeout.total_seconds() > budget.longest:
            why = Why.TOO_LONG
        elif why is None and timeout.total_seconds() > room:
            why = Why.NO_ROOM
        runs, shortest = reasons.get((each.task, why), (0, timeout))
        reasons[each.task, why] = (runs + each.runs, min(shortest, timeout))
    kept, could = list[Deferred](), list[Deferred]()
    for (task, why), (runs, timeout) in sorted(reasons.items(), key=lambda each: (each[0][0], each[0][1] or "")):
        told = timeout if why in (Why.TOO_LONG, Why.NO_ROOM) else None
        (could if why is None else kept).append(Deferred(task, runs, why or Why.NO_TIME, told))
    return kept, could


def _why(due: Due, tasks: Mapping[str, Task[..., Any]], switches: Switches, only: Collection[str], *, is_maintained: bool) -> Why | None:
    task = tasks.get(due.task)
    if task is None:
        return Why.ELSEWHERE
    if only and due.task not in only:
        return Why.LEFT_OUT
    if is_maintained:
        return Why.MAINTENANCE
    if switches.is_off(task.spec):
        return Why.DISABLED
    if due.is_paused:
        return Why.PAUSED
    return Why.WAITS if due.kind == "waits" else None
