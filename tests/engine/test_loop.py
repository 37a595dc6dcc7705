"""The driver: the only place that waits between rounds, and that survives whatever a round raises."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest

from mainspring.core.errors import StoreUnavailable
from mainspring.engine.loop import JITTER, LONGEST_BACKOFF, Driver, Loop
from mainspring.testing.virtual import VirtualLoop
from tests.fleet import Fleet


class Counting:
    """A loop that writes down when it was ticked, and does as it is told."""

    name = "counting"

    def __init__(self, *answers: float | Exception) -> None:
        self.answers = list(answers)
        self.ticked_at: list[float] = []

    async def tick(self) -> float:
        self.ticked_at.append(asyncio.get_running_loop().time())
        answer = self.answers.pop(0) if self.answers else 60.0
        if isinstance(answer, Exception):
            raise answer
        return answer


class Driven:
    """A driver under way."""

    def __init__(self, loop: Loop) -> None:
        self.stop = asyncio.Event()
        self.driver = Driver(loop)
        self.task = asyncio.get_running_loop().create_task(self.driver.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        self.driver.wake.set()
        await self.task


async def test_it_waits_as_long_as_a_round_asks_for_give_or_take(fleet: Fleet) -> None:
    loop = Counting(*[10.0] * 50)
    driven = Driven(loop)
    await fleet.advance(400)
    await driven.end()
    waits = [after - before for before, after in pairwise(loop.ticked_at)]
    assert all(10 * (1 - JITTER) <= wait <= 10 * (1 + JITTER) for wait in waits[:30])
    assert len({round(wait, 3) for wait in waits}) > 20  # nodes that start together do not stay together


async def test_a_round_that_asks_for_nothing_is_followed_at_once(fleet: Fleet) -> None:
    loop = Counting(*[0.0] * 5)
    driven = Driven(loop)
    await fleet.loop.settle()
    assert loop.ticked_at == [0.0] * 6
    await driven.end()


async def test_a_wake_ends_the_wait(fleet: Fleet) -> None:
    loop = Counting()
    driven = Driven(loop)
    await fleet.advance(1)
    driven.driver.wake.set()
    await fleet.loop.settle()
    assert loop.ticked_at == [0.0, 1.0]
    await driven.end()


async def test_a_wake_during_a_round_is_not_lost(fleet: Fleet) -> None:
    class Slow(Counting):
        async def tick(self) -> float:
            wait = await super().tick()
            await asyncio.sleep(1)
            return wait

    loop = Slow()
    driven = Driven(loop)
    await fleet.advance(0.5)
    driven.driver.wake.set()
    await fleet.advance(1)
    assert loop.ticked_at == [0.0, 1.0]
    await driven.end()


async def test_failures_are_counted_waited_out_and_told(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mainspring")
    loop = Counting(*[StoreUnavailable("gone")] * 9, 10.0)
    told: list[str] = []
    driven = Driven(loop)
    driven.driver.on_error = lambda loop, error: told.append(str(error))
    await fleet.advance(2)
    assert driven.driver.health.failures >= 3
    assert driven.driver.health.error == "StoreUnavailable: gone"
    assert driven.driver.health.age(fleet.loop.time()) == 2.0
    await fleet.advance(40)
    waits = [after - before for before, after in pairwise(loop.ticked_at)][:9]
    assert all(before <= after * 1.3 for before, after in pairwise(waits))
    assert max(waits) <= LONGEST_BACKOFF * (1 + JITTER)
    health = driven.driver.health
    assert (health.failures, health.error or "") == (0, "")
    assert told == ["gone"] * 9
    assert [record.message for record in caplog.records] == [
        "counting failed, it will be tried again: gone",
        "counting works again after 9 failed rounds",
    ]
    await driven.end()


async def test_an_error_of_the_engine_itself_does_not_end_a_loop(fleet: Fleet) -> None:
    loop = Counting(ZeroDivisionError("a bug"), 1.0)
    driven = Driven(loop)
    await fleet.advance(0.5)
    assert len(loop.ticked_at) == 2
    await driven.end()


async def test_stop_is_honoured_between_rounds(fleet: Fleet) -> None:
    loop = Counting(*[0.0] * 1000)
    driven = Driven(loop)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await driven.end()
    assert 1 <= len(loop.ticked_at) < 10


def test_the_virtual_loop_knows_a_deadlock() -> None:
    loop = VirtualLoop()
    with pytest.raises(Exception, match="no timer is set"):
        loop.run_until_complete(loop.create_future())
    loop.close()
