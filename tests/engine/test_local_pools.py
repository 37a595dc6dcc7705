"""The pools inside the engine's process: threads, and the loop itself, also on a virtual clock."""

from __future__ import annotations

import asyncio
import heapq
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.context import Context
from mainspring.core.run import CancelledByRequest, Completed, Failed, Lost, Reason, Released, TimedOut
from mainspring.core.task import Task, task
from mainspring.engine.local_pools import InlinePool, ThreadPool
from tests.aio import run
from tests.engine import bodies
from tests.engine.spy import TASKS, Spy, claimed, perform, ticking


@asynccontextmanager
async def inline(tasks: dict[str, Task[..., Any]] = TASKS, slots: int = 100) -> AsyncIterator[tuple[InlinePool, Spy]]:
    spy = Spy()
    pool = InlinePool(tasks, spy, slots=slots)
    await pool.start()
    yield pool, spy
    await pool.stop(0.2)


@asynccontextmanager
async def threads(slots: int = 2, grace: float = 0.2) -> AsyncIterator[tuple[ThreadPool, Spy]]:
    spy = Spy()
    pool = ThreadPool(TASKS, spy, slots=slots, grace=grace)
    await pool.start()
    async with ticking(pool):
        yield pool, spy
    await pool.stop(0.2)


class TestInline:
    def test_outcomes(self) -> None:
        async def story() -> None:
            async with inline() as (pool, spy):
                assert await perform(pool, spy, claimed(bodies.add, '{"a":1}')) == Completed("2")
                assert await perform(pool, spy, claimed(bodies.add_def, '{"a":1}')) == Completed("2")
                for body in (bodies.boom, bodies.boom_def, bodies.leave, bodies.leave_def):
                    assert isinstance(await perform(pool, spy, claimed(body)), Failed)
                assert await perform(pool, spy, claimed("nobody")) == Released(Reason.UNKNOWN_TASK)
                assert isinstance(await perform(pool, spy, claimed(bodies.cancel_itself)), CancelledByRequest)
                assert pool.free == pool.slots == 100

        run(story())

    def test_slots_and_queue(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with inline(slots=2) as (pool, spy):
                go = tmp_path / "go"
                runs = [claimed(bodies.wait_for_file, f'{{"path":"{go}"}}') for _ in range(5)]
                for each in runs:
                    pool.submit(each)
                await asyncio.sleep(0)
                assert (pool.free, pool.holding) == (0, 5)
                assert pool.unstarted() == runs[2:]
                go.touch()
                for each in runs[:2]:
                    assert await spy.end_of(each) == Completed('"seen"')

        run(story())

    def test_timeout_and_cancel(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with inline() as (pool, spy):
                late, unwanted, early = claimed(bodies.wait, timeout=0.05), claimed(bodies.wait), claimed(bodies.wait)
                for each in (late, unwanted):
                    pool.submit(each)
                assert isinstance(await spy.end_of(late), TimedOut)
                pool.cancel(unwanted.id, "requested")
                assert isinstance(await spy.end_of(unwanted), CancelledByRequest)
                pool.submit(early)
                pool.cancel(early.id, "requested")
                assert isinstance(await spy.end_of(early), CancelledByRequest)

        run(story())

    def test_stop_reports_everything(self) -> None:
        async def story() -> None:
            async with inline(slots=3) as (pool, spy):
                runs = [claimed(bodies.wait), claimed(bodies.wait, is_repeatable=False), claimed(bodies.half_deaf), claimed(bodies.wait)]
                for each in runs:
                    pool.submit(each)
                await asyncio.sleep(0)
            found = [spy.ends[each.id][0] for each in runs]
            assert found[0] == found[2] == Released(Reason.SHUTDOWN)
            assert isinstance(found[1], Lost)
            assert found[3] == Released(Reason.NOT_STARTED)

        run(story())

    def test_words_belong_to_their_runs(self) -> None:
        async def story() -> None:
            async with inline() as (pool, spy):
                out = sys.stdout
                runs = [claimed(bodies.talk), claimed(bodies.flood, '{"lines":3}')]
                for each in runs:
                    pool.submit(each)
                for each in runs:
                    await spy.end_of(each)
                assert "printed" in [record.message for record in spy.words_of(runs[0])]
                assert [record.message for record in spy.words_of(runs[1])] == ["line 0", "line 1", "line 2"]
            assert sys.stdout is not out

        run(story())

    def test_virtual_time(self) -> None:
        """An hour of waiting takes no time, no thread and no clock of this machine."""

        async def story() -> None:
            async with inline() as (pool, spy):
                each, late = claimed(bodies.wait, '{"seconds":3600}'), claimed(bodies.wait, timeout=600)
                pool.submit(each)
                pool.submit(late)
                spy.patience = 2 * bodies.HOUR
                await spy.until(lambda: len(spy.ends) == 2)
                assert spy.ends[each.id][0] == Completed('"waited"')
                assert spy.ends[each.id][1] == pytest.approx(3_600_000)
                assert isinstance(spy.ends[late.id][0], TimedOut)
                assert spy.ends[late.id][1] == pytest.approx(600_000)

        threads_before, begun = threading.active_count(), time.monotonic()
        loop = VirtualLoop()
        try:
            loop.run_until_complete(story())
        finally:
            loop.close()
        assert time.monotonic() - begun < 10
        assert threading.active_count() == threads_before


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer as soon as nothing is left to do."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]  # how a loop keeps its timers
            self._now = max(self._now, heapq.nsmallest(1, self._scheduled)[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class TestThreads:
    def test_outcomes_of_both_kinds(self) -> None:
        async def story() -> None:
            async with threads() as (pool, spy):
                assert await perform(pool, spy, claimed(bodies.add, '{"a":1}')) == Completed("2")
                assert await perform(pool, spy, claimed(bodies.add_def, '{"a":1}')) == Completed("2")
                for body in (bodies.boom, bodies.boom_def, bodies.leave_def):
                    assert isinstance(await perform(pool, spy, claimed(body)), Failed)
                assert await perform(pool, spy, claimed("nobody")) == Released(Reason.UNKNOWN_TASK)

        run(story())

    def test_many_through_few_threads(self) -> None:
        async def story() -> None:
            async with threads(slots=3) as (pool, spy):
                runs = [claimed(bodies.add_def, f'{{"a":{n}}}') for n in range(200)]
                for each in runs:
                    pool.submit(each)
                for n, each in enumerate(runs):
                    assert await spy.end_of(each) == Completed(str(n + 1))

        run(story())

    def test_bodies_that_can_be_stopped(self) -> None:
        async def story() -> None:
            async with threads(grace=20) as (pool, spy):
                assert isinstance(await perform(pool, spy, claimed(bodies.heed, timeout=0.1)), TimedOut)
                assert isinstance(await perform(pool, spy, claimed(bodies.wait, timeout=0.1)), TimedOut)
                for body in (bodies.heed, bodies.wait):
                    each = claimed(body)
                    pool.submit(each)
                    await asyncio.sleep(0.05)
                    pool.cancel(each.id, "requested")
                    assert isinstance(await spy.end_of(each), CancelledByRequest)

        run(story())

    @pytest.mark.scenario("S3-26", part="a blocking thread: reported in time, its slot stays taken until it ends")
    def test_body_that_cannot_be_stopped_keeps_its_slot(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with threads(slots=1) as (pool, spy):
                go = tmp_path / "go"
                each, after = claimed(bodies.wait_for_file_def, f'{{"path":"{go}"}}', timeout=0.1), claimed(bodies.noop_def)
                assert isinstance(await perform(pool, spy, each), TimedOut)
                assert "cannot be killed" in spy.words_of(each)[-1].message
                assert pool.free == 0
                pool.submit(after)
                go.touch()
                assert await spy.end_of(after) == Completed()
                assert pool.free == 1

        run(story())

    def test_words_of_two_threads_are_told_apart(self) -> None:
        @task
        def speak(ctx: Context, word: str) -> None:
            for _ in range(50):
                print(word)

        async def story() -> None:
            spy = Spy()
            pool = ThreadPool({"speak": speak}, spy, slots=2)
            await pool.start()
            runs = [claimed(speak, f'{{"word":"{word}"}}') for word in ("left", "right")]
            for each in runs:
                pool.submit(each)
            for each, word in zip(runs, ("left", "right"), strict=True):
                await spy.end_of(each)
                assert [record.message for record in spy.words_of(each)] == [word] * 50
            await pool.stop(1)

        run(story())
