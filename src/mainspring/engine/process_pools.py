"""The pools of child processes: many ``async def`` bodies in one, one ``def`` body in each of several, one alone."""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mainspring.core.run import ClaimedRun, Reason, Released
from mainspring.core.service import Instances, Service
from mainspring.core.task import Task
from mainspring.engine.executor import TICK, Executor, Kind
from mainspring.engine.nursery import Nursery
from mainspring.engine.pools import Limits, PoolName, Report, StopReason, not_begun, take_out
from mainspring.engine.proc import processor_seconds, resident_bytes
from mainspring.engine.serving import LAST

_SHORT = 5.0  # milliseconds: tasks whose bodies are shorter may queue in a def child, so that a frame carries several
_AHEAD_MS = 20.0  # of expected work that may stand before a run in a def child while another is free
_AHEAD_RUNS = 128
_STUCK = 0.25  # seconds that a body may run before what queues behind it is taken back
_HELPLESS = 3.0  # seconds without any child after which waiting runs are given back
MOST_SERVICES = 10_000  # in one process: no bound that anybody meets
_PAUSE = 1.0  # before a child is hired again when the last one ended by itself, at once and without work


class ProcessPool:
    """What the three have in common: a queue, executors from the nursery, and the way out."""

    name: PoolName
    kind: Kind

    def __init__(self, nursery: Nursery, report: Report, limits: Limits) -> None:
        self._nursery, self._report, self._limits = nursery, report, limits
        self._queue: deque[ClaimedRun] = deque()
        self._executors: list[Executor] = []
        self._hires: set[asyncio.Task[None]] = set()
        self._is_quiet = False  # what comes back is given back
        self._pumping = False
        self._is_empty = asyncio.Event()
        self._helpless_at: float | None = None
        self.last_lag = 0.0  # seconds that a body held a loop, the last time that one did

    @property
    def problem(self) -> str | None:
        return self._nursery.problem

    @property
    def holding(self) -> int:
        return len(self._queue) + sum(each.load for each in self._executors)

    async def start(self) -> None:
        await self._nursery.start()
        for _ in range(self._wanted()):
            self._hire()
        while self._nursery.problem is None and self._hires and not self._executors:
            await asyncio.wait(self._hires, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)

    def submit(self, run: ClaimedRun) -> None:
        self._queue.append(run)
        self._pump()

    def cancel(self, run_id: str, why: StopReason) -> None:
        for executor in self._executors:
            if (serial := executor.find(run_id)) is not None:
                executor.stop_run(serial, why)
                return
        if (run := take_out(self._queue, run_id)) is not None:
            self._report.finished(run, not_begun(why), 0.0, [])

    def surplus(self) -> list[ClaimedRun]:
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def unstarted(self) -> list[ClaimedRun]:
        self._is_quiet = True
        taken = self.surplus()
        for executor in self._executors:
            executor.take_back()
        return taken

    def tick(self, now: float) -> float:
        for executor in list(self._executors):
            executor.tick(now)
            if executor.is_open and self._is_worn(executor, now):
                self._replace(executor)
        self._pump()
        self._release_if_helpless(now)
        return TICK if any(each.load for each in self._executors) or self._queue else 4 * TICK

    async def stop(self, grace: float) -> None:
        loop = asyncio.get_running_loop()
        self._release_queue()
        self.unstarted()
        for hire in self._hires:
            hire.cancel()
        for executor in self._executors:
            executor.stop_all("shutdown", grace)
        # A tick more than the grace: the ladder of each executor ends by itself.
        if not await self._empty_until(loop.time() + grace + 4 * TICK):
            for executor in self._executors:
                executor.kill()
            await self._empty_until(loop.time() + 10)
        for executor in self._executors:
            executor.retire()
        await self._gone_until(loop.time() + grace + 10)
        await self._nursery.stop()

    def _release_if_helpless(self, now: float) -> None:
        """Give back what waits when no child can be started for a while: other nodes may be able to."""
        if self._nursery.problem is None or any(each.is_open for each in self._executors):
            self._helpless_at = None
        elif self._helpless_at is None:
            self._helpless_at = now
        elif now - self._helpless_at > _HELPLESS:
            self._release_queue()

    def _release_queue(self) -> None:
        while self._queue:
            self._report.finished(self._queue.popleft(), Released(Reason.NOT_STARTED), 0.0, [])

    async def _empty_until(self, deadline: float) -> bool:
        loop = asyncio.get_running_loop()
        while self.holding and loop.time() < deadline:
            self.tick(loop.time())
            self._is_empty.clear()
            try:
                await asyncio.wait_for(self._is_empty.wait(), TICK / 2)
            except TimeoutError:
                pass
        return not self.holding

    async def _gone_until(self, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        while self._executors and loop.time() < deadline:
            self._is_empty.clear()
            try:
                await asyncio.wait_for(self._is_empty.wait(), TICK)
            except TimeoutError:
                pass

    # -- what an executor tells

    def ended(self, executor: Executor, run: ClaimedRun, ran_ms: float) -> None:
        if self._queue:
            self._pump_soon()
        elif self._is_quiet and not executor.load:
            self._is_empty.set()

    def returned(self, executor: Executor, runs: list[ClaimedRun]) -> None:
        if self._is_quiet:
            for run in runs:
                self._report.finished(run, Released(Reason.NOT_STARTED), 0.0, [])
            self._is_empty.set()
        else:
            self._queue.extendleft(reversed(runs))
            self._pump_soon()

    def gone(self, executor: Executor) -> None:
        self._executors.remove(executor)
        self._is_empty.set()
        if not self._is_quiet:
            loop = asyncio.get_running_loop()
            is_restless = not executor.taken and not executor.is_retiring and loop.time() - executor.born_at < _PAUSE
            if is_restless:
                loop.call_later(_PAUSE, self._hire_missing)
            else:
                self._hire_missing()

    def lagged(self, seconds: float) -> None:
        self.last_lag = seconds

    # -- hiring

    def _wanted(self) -> int:
        """How many executors this pool wants to have."""
        raise NotImplementedError

    def _hire_missing(self) -> None:
        able = sum(1 for each in self._executors if each.is_open)
        for _ in range(self._wanted() - able - len(self._hires)):
            self._hire()

    def _hire(self) -> None:
        if not self._is_quiet:
            hire = asyncio.get_running_loop().create_task(self._take_one())
            self._hires.add(hire)
            hire.add_done_callback(self._hires.discard)

    async def _take_one(self) -> None:
        child = await self._nursery.take()
        self._executors.append(Executor(child, self.kind, self._limits, self._report, self))
        self._pump_soon()

    def _replace(self, executor: Executor) -> None:
        """Let a fresh child take over; the old one finishes what it has begun."""
        executor.retire()
        self._hire()

    def _is_worn(self, executor: Executor, now: float) -> bool:
        limits = self._limits
        return (
            (limits.runs is not None and executor.taken >= limits.runs)
            or (limits.age is not None and now - executor.born_at >= limits.age)
            or (limits.soft_memory is not None and executor.memory >= limits.soft_memory)
        )

    # -- handing over

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        raise NotImplementedError


class LoopPool(ProcessPool):
    """``async def`` bodies, up to ``limits.slots`` at once in one child. As many again wait in the child itself."""

    name: PoolName = "async"
    kind: Kind = "async"

    @property
    def slots(self) -> int:
        return 0 if self._active() is None else self._limits.slots

    @property
    def size(self) -> int:
        return self._limits.slots

    def resize(self, slots: int) -> None:
        self._limits = replace(self._limits, slots=slots)
        for executor in self._executors:
            executor.resize(slots)
        self._pump_soon()

    @property
    def free(self) -> int:
        executor = self._active()
        return 0 if executor is None else max(self._limits.slots - executor.load - len(self._queue), 0)

    def _wanted(self) -> int:
        return 1

    def _active(self) -> Executor | None:
        return next((each for each in self._executors if each.is_open), None)

    def _pump(self) -> None:
        self._pumping = False
        executor = self._active()
        if executor is None:
            if not self._hires:
                self._hire_missing()
            return
        queue, room = self._queue, 2 * self._limits.slots - executor.load
        while queue and room > 0:
            executor.submit(queue.popleft())
            room -= 1


class DefPool(ProcessPool):
    """``def`` bodies, one at a time in each of ``size`` children.

    Tasks that proved short may queue in a child, so that a system call serves several of them.
    """

    name: PoolName = "def"
    kind: Kind = "def"

    def __init__(self, nursery: Nursery, report: Report, limits: Limits, size: int | None = None) -> None:
        super().__init__(nursery, report, limits)
        self._size = size or os.cpu_count() or 1
        self._lasting: dict[str, float] = {}  # milliseconds that a task's bodies take, lately
        self._ahead: dict[Executor, float] = {}  # milliseconds of expected work with each child

    @property
    def slots(self) -> int:
        return min(sum(1 for each in self._executors if each.is_open), self._size)

    @property
    def size(self) -> int:
        return self._size

    def resize(self, slots: int) -> None:
        self._size = slots
        self._hire_missing()
        self._trim()

    def _trim(self) -> None:
        """Let children go that are too many, those without a body first."""
        able = sorted((each for each in self._executors if each.is_open), key=_load_of)
        for executor in able[: max(len(able) - self._size, 0)]:
            executor.retire()

    @property
    def free(self) -> int:
        return max(min(sum(1 for each in self._executors if each.is_open and not each.load), self._size) - len(self._queue), 0)

    def _wanted(self) -> int:
        return self._size

    def _pump(self) -> None:
        self._pumping = False
        queue = self._queue
        able = [each for each in self._executors if each.is_open] if queue else ()
        while queue and able:
            executor = min(able, key=_load_of)
            expected = self._lasting.get(queue[0].task, float("inf"))
            if executor.load and not self._may_queue(executor, expected):
                return
            if not executor.load:
                self._ahead[executor] = 0.0
            self._ahead[executor] += expected
            executor.submit(queue.popleft())

    def _may_queue(self, executor: Executor, expected: float) -> bool:
        ahead = self._ahead.get(executor, 0.0)
        return expected <= _SHORT and ahead + expected <= _AHEAD_MS and executor.load < _AHEAD_RUNS

    def ended(self, executor: Executor, run: ClaimedRun, ran_ms: float) -> None:
        before = self._lasting.get(run.task, ran_ms)
        self._lasting[run.task] = before + (ran_ms - before) * 0.2
        if executor in self._ahead:
            self._ahead[executor] -= before
        super().ended(executor, run, ran_ms)

    def gone(self, executor: Executor) -> None:
        self._ahead.pop(executor, None)
        super().gone(executor)

    def tick(self, now: float) -> float:
        self._trim()
        for executor in self._executors:
            if executor.load > 1 and executor.is_open and executor.longest(now) > _STUCK:
                executor.take_back()
                self._ahead[executor] = float("inf")  # nothing queues behind this body any more
        return super().tick(now)


class SoloPool(ProcessPool):
    """One run in a fresh child, which ends with it: for suspects, and for bodies that must not be repeated."""

    name: PoolName = "solo"

    def __init__(
        self,
        nursery: Nursery,
        report: Report,
        limits: Limits,
        tasks: Mapping[str, Task[..., Any]],
        size: int | None = None,
    ) -> None:
        super().__init__(nursery, report, limits)
        self._tasks, self._size = tasks, size or max(os.cpu_count() or 1, 2)
        self._given: set[Executor] = set()

    @property
    def slots(self) -> int:
        return self._size if self._nursery.problem is None else 0

    @property
    def size(self) -> int:
        return self._size

    def resize(self, slots: int) -> None:
        self._size = slots
        self._pump_soon()

    @property
    def free(self) -> int:
        return max(self.slots - self.holding, 0)

    def _wanted(self) -> int:
        return 0

    def _pump(self) -> None:
        self._pumping = False
        room = self._size - len(self._executors) - len(self._hires)
        for _ in range(min(room, len(self._queue) - len(self._hires))):
            self._hire()

    async def _take_one(self) -> None:
        child = await self._nursery.take()
        task = self._tasks.get(self._queue[0].task) if self._queue else None
        kind: Kind = "async" if task is not None and task.spec.is_async else "def"
        executor = Executor(child, kind, self._limits, self._report, self)
        self._executors.append(executor)
        if self._queue:
            executor.submit(self._queue.popleft())
        else:
            executor.retire()  # its run was cancelled meanwhile

    def ended(self, executor: Executor, run: ClaimedRun, ran_ms: float) -> None:
        super().ended(executor, run, ran_ms)
        if not executor.is_gone:
            executor.retire()

    def gone(self, executor: Executor) -> None:
        super().gone(executor)
        self._pump()


class ServicePool(SoloPool):
    """Instances of services: each in a child of its own, as long as it goes on. Nothing is claimed for it, so it has no slots.

    ``lease_left`` answers for how many seconds this node may still run what the fleet has one of: the child of such an instance ends itself
    when nobody extends that, so that it is over by the time at which others may begin, also where this process is stopped.
    """

    name: PoolName = "service"

    def __init__(self, nursery: Nursery, report: Report, limits: Limits, tasks: Mapping[str, Task[..., Any]]) -> None:
        super().__init__(nursery, report, limits, tasks, MOST_SERVICES)
        self.lease_left: Callable[[], float] = lambda: math.inf

    @property
    def slots(self) -> int:
        return 0

    @property
    def size(self) -> int:
        return 0

    @property
    def free(self) -> int:
        return 0

    def resize(self, slots: int) -> None:
        """Do nothing: services take no slots."""

    def _is_worn(self, executor: Executor, now: float) -> bool:
        return False  # it goes with its only body

    def surplus(self) -> list[ClaimedRun]:
        return []

    def usage(self, run_id: str) -> tuple[int | None, float | None]:
        """Return memory in bytes and processor seconds of the process that an instance runs in; None where that is not known."""
        for executor in self._executors:
            if executor.find(run_id) is not None:
                return resident_bytes(executor.pid) or None, processor_seconds(executor.pid)
        return None, None

    def unstarted(self) -> list[ClaimedRun]:
        """Take back what waits for a child. A node that only rests goes on with its services."""
        taken = list(self._queue)
        self._queue.clear()
        return taken

    async def stop(self, grace: float) -> None:
        self._is_quiet = True
        await super().stop(grace)

    def tick(self, now: float) -> float:
        left = self.lease_left()
        for executor in self._executors:
            if executor.is_leased and left < math.inf:
                executor.extend(left)
        return super().tick(now)

    async def _take_one(self) -> None:
        child = await self._nursery.take()
        run = self._queue.popleft() if self._queue else None
        task = self._tasks.get(run.task) if run is not None else None
        kind: Kind = "async" if task is not None and task.spec.is_async else "def"
        limits = self._limits
        if isinstance(task, Service):
            stop_within = task.policy.stop_within.total_seconds()
            is_leased = task.policy.instances is Instances.ONE and self.lease_left() < math.inf
            limits = replace(limits, grace=stop_within + LAST + TICK, polite=stop_within, is_leased=is_leased, runs=None, age=None, slots=1)
        executor = Executor(child, kind, limits, self._report, self)
        self._executors.append(executor)
        if executor.is_leased:
            executor.extend(self.lease_left())
        if run is not None:
            executor.submit(run)
        else:
            executor.retire()  # its run was cancelled meanwhile


def _load_of(executor: Executor) -> int:
    return executor.load
