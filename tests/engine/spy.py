"""A worker's stand-in: takes the reports of pools and lets a test wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.run import ClaimedRun, Outcome, Suspicion
from mainspring.core.task import Task
from mainspring.engine.nursery import Nursery, Plan, open_nursery
from mainspring.engine.pools import EnqueueReply, EnqueueRequest, Limits, Pool, PoolName, Unlocked
from mainspring.engine.process_pools import DefPool, LoopPool, SoloPool
from mainspring.engine.records import Record
from tests.aio import PATIENCE
from tests.engine import bodies

_ids = IdMaker()
T = TypeVar("T")


def claimed(
    task: Task[..., Any] | str, params: str = "{}", *, timeout: float | None = None, is_repeatable: bool = True,
    suspicion: Suspicion = Suspicion.NONE, attempt: int = 1,
) -> ClaimedRun:  # fmt: skip
    """Return a run as a worker has it after a claim; ``timeout`` in seconds."""
    return ClaimedRun(
        id=_ids.make(1_700_000_000_000), claim_id=make_claim_id(), task=task if isinstance(task, str) else task.name,
        params=params, attempt=attempt, retries=0, max_retries=3, rescues=0, max_rescues=3,
        timeout_ms=None if timeout is None else int(timeout * 1000), is_repeatable=is_repeatable, suspicion=suspicion,
    )  # fmt: skip


class Spy:
    """A `Report` that keeps everything and refuses a second end."""

    def __init__(self) -> None:
        self.ends: dict[str, tuple[Outcome, float, list[Record]]] = {}
        self.said: dict[str, list[Record]] = {}
        self.requests: list[EnqueueRequest] = []
        self.secrets: dict[str, str] = {}
        self.unlocked: list[tuple[str, tuple[str, ...]]] = []
        self.answer = EnqueueReply(id="a-run", is_new=True)
        self._changed = asyncio.Event()
        self.patience = PATIENCE

    def finished(self, run: ClaimedRun, outcome: Outcome, ran_ms: float, tail: list[Record]) -> None:
        assert run.id not in self.ends, f"{run.task} was reported twice"
        self.ends[run.id] = (outcome, ran_ms, tail)
        self._changed.set()

    def recorded(self, run: ClaimedRun, records: list[Record]) -> None:
        assert records
        self.said.setdefault(run.id, []).extend(records)
        self._changed.set()

    def finishing(self, run: ClaimedRun, records: list[Record], reply: Callable[[Sequence[Record]], None]) -> None:
        reply(records)

    def unlocking(self, run: ClaimedRun, references: Sequence[str], reply: Unlocked) -> None:
        self.unlocked.append((run.id, tuple(references)))
        reply({each: self.secrets[each] for each in references if each in self.secrets}, {})

    def asked(self, run: ClaimedRun, request: EnqueueRequest, reply: Callable[[EnqueueReply], None]) -> None:
        self.requests.append(request)
        reply(self.answer)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until what was reported makes something true."""
        while not holds():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), self.patience)

    async def end_of(self, run: ClaimedRun) -> Outcome:
        """Wait for the end of a run and return its outcome."""
        await self.until(lambda: run.id in self.ends)
        return self.ends[run.id][0]

    def words_of(self, run: ClaimedRun) -> list[Record]:
        """Return all records of a run so far, the last ones included."""
        tail = self.ends[run.id][2] if run.id in self.ends else []
        return self.said.get(run.id, []) + tail


async def perform(pool: Pool, spy: Spy, run: ClaimedRun) -> Outcome:
    """Submit a run and wait for its end."""
    pool.submit(run)
    return await spy.end_of(run)


@asynccontextmanager
async def ticking(pool: Pool) -> AsyncIterator[None]:
    """Tick a pool, as a node's loop does."""

    async def tick_for_ever() -> None:
        loop = asyncio.get_running_loop()
        while True:
            pool.tick(loop.time())
            await asyncio.sleep(0.05)  # oftener than a node does: these tests have short timeouts

    ticks = asyncio.create_task(tick_for_ever())
    try:
        yield
        assert not ticks.done(), ticks.result()
    finally:
        ticks.cancel()


ALL = [each for each in vars(bodies).values() if isinstance(each, Task)]
TASKS = {each.name: each for each in ALL}
QUICK = Limits(grace=0.4)


class _Shared:
    """One loop and one template for the tests of a module: to import everything anew for each takes most of their time."""

    runner: asyncio.Runner | None = None
    nursery: Nursery | None = None


@pytest.fixture(scope="module", autouse=True)
def shared_template() -> Iterator[None]:
    """Keep a template and its loop for the tests of this module."""
    with asyncio.Runner() as runner:
        nursery = open_nursery(Plan.of(ALL))
        runner.run(nursery.start())
        _Shared.runner, _Shared.nursery = runner, nursery
        yield
        _Shared.runner = _Shared.nursery = None
        runner.run(nursery.stop())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the loop of the shared template."""
    assert _Shared.runner is not None, "import the fixture shared_template"
    return _Shared.runner.run(asyncio.wait_for(work, 2 * PATIENCE))


@asynccontextmanager
async def open_pool(name: PoolName, limits: Limits = QUICK, *, size: int = 1, plan: Plan | None = None) -> AsyncIterator[tuple[Any, Spy]]:
    """Open a pool of child processes with a spy behind it, tick it, and stop it."""
    spy, nursery = Spy(), _Shared.nursery if plan is None else open_nursery(plan)
    assert nursery is not None
    pool: LoopPool | DefPool | SoloPool
    if name == "async":
        pool = LoopPool(nursery, spy, limits)
    elif name == "def":
        pool = DefPool(nursery, spy, limits, size)
    else:
        pool = SoloPool(nursery, spy, limits, TASKS, size)
    await pool.start()
    try:
        async with ticking(pool):
            yield pool, spy
    finally:
        await pool.stop(0.2)
    assert pool.holding == 0
