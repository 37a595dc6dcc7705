"""The prober: asks predicates of schedules, in child processes, so that none of them can hold the engine up or bring it down.

A few children answer one question at a time each. One that takes too long, or dies, goes; the others do not notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mainspring.core.policy import Isolation
from mainspring.core.schedule import Predicate
from mainspring.core.task import Task
from mainspring.engine.asking import ask, predicate_of, told
from mainspring.engine.frames import Message
from mainspring.engine.nursery import Child, Nursery, Plan, open_nursery
from mainspring.engine.pools import is_importable

AT_ONCE = 16  # questions: one that is stuck must not keep others from being asked
IDLE = 2  # children that stay for the next one
START_WITHIN = 10.0  # seconds for a child to be ready; the first one imports the application


@dataclass(frozen=True, slots=True)
class Answer:
    """What a predicate said; without an ``error`` it is True or False."""

    is_wanted: bool = False
    error: str | None = None


class Prober:
    """Asks. Nothing is started before the first question, or where no task has a predicate."""

    def __init__(
        self, tasks: Mapping[str, Task[..., Any]], *, isolation: Isolation, hooks: tuple[str, ...] = (), before_import: tuple[str, ...] = ()
    ) -> None:  # fmt: skip
        self._tasks, self._isolation, self._hooks, self._before_import = tasks, isolation, hooks, before_import
        self._nursery: Nursery | None = None
        self._starting: asyncio.Task[None] | None = None
        self._idle: list[Child] = []
        self._room = asyncio.Semaphore(AT_ONCE)

    def knows(self, task: str, predicate: str | None) -> bool:
        """Tell whether this node's code has a task's predicate."""
        return predicate is not None and predicate_of(self._tasks, task, predicate) is not None

    async def ask(self, task: str, name: str, timeout: timedelta) -> Answer:
        """Ask a task's predicate; whatever goes wrong is an answer, too."""
        predicate = predicate_of(self._tasks, task, name)
        if predicate is None:
            return Answer(error=f"the task {task!r} has no predicate {name!r} in this code")
        seconds = timeout.total_seconds()
        held = self._tasks[task]
        isolation = held.spec.isolation_in(self._isolation)
        async with self._room:
            if isolation is Isolation.INLINE or not is_importable(held):
                return await _ask_here(predicate, seconds)
            if isolation is Isolation.THREAD:
                return await _ask_in_thread(predicate, seconds)
            return await self._ask_child(task, name, seconds)

    async def close(self) -> None:
        """Let every child go."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        nursery, self._nursery, self._idle = self._nursery, None, []
        if nursery is not None:
            await nursery.stop()

    async def _ask_child(self, task: str, name: str, seconds: float) -> Answer:
        try:
            async with asyncio.timeout(START_WITHIN):
                child = await self._take()
        except TimeoutError:
            why = None if self._nursery is None else self._nursery.problem
            return Answer(error=f"no process to ask in was ready within {START_WITHIN:g} s: {why or 'the machine is busy'}")
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def hear(message: Message) -> None:
            if not answered.done():
                _, _, wanted, error = message
                answered.set_result(Answer(bool(wanted), error))

        def lose() -> None:
            if not answered.done():
                answered.set_result(Answer(error="the process in which the predicate was asked died"))

        child.channel.listen(hear, lose)
        child.channel.send(["ask", 0, task, name])
        is_whole = False
        try:
            async with asyncio.timeout(seconds):
                answer = await answered
            is_whole = not child.channel.is_closed
        except TimeoutError:
            answer = Answer(error=_late(seconds))
        finally:
            if is_whole and len(self._idle) < IDLE:
                self._idle.append(child)
            else:
                child.kill()
        return answer

    async def _take(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if not child.channel.is_closed:
                return child
        nursery = self._nursery
        if nursery is None:
            tasks = [task for task in self._tasks.values() if is_importable(task) and any(each.predicate for each in task.spec.schedules)]
            nursery = self._nursery = open_nursery(Plan.of(tasks, hooks=self._hooks, before_import=self._before_import))
            self._starting = asyncio.get_running_loop().create_task(nursery.start(), name="mainspring-prober")
        if self._starting is not None:
            await asyncio.shield(self._starting)
        child = await nursery.take()
        child.channel.send(["be", "ask", {"leased": False}])
        return child


async def _ask_here(predicate: Predicate, seconds: float) -> Answer:
    try:
        async with asyncio.timeout(seconds):
            return Answer(await ask(predicate))
    except TimeoutError:
        return Answer(error=_late(seconds))
    except Exception as error:  # noqa: BLE001 - a call into user code
        return Answer(error=told(error))


async def _ask_in_thread(predicate: Predicate, seconds: float) -> Answer:
    """Ask in a thread, with an event loop of its own; one that is late is left to itself."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(lambda: asyncio.run(_ask_here(predicate, seconds)))
    except TimeoutError:
        return Answer(error=_late(seconds))


def _late(seconds: float) -> str:
    return f"the predicate did not answer within {seconds:g} s"
