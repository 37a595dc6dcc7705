"""The executor's verdicts, tick by tick: a child that only says what a test writes on its page, and a clock that a test reads out."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import cast

import pytest

from mainspring.core.run import CancelledByRequest, ClaimedRun, Lost, Outcome, TimedOut
from mainspring.engine.executor import Executor
from mainspring.engine.frames import Message
from mainspring.engine.nursery import Child
from mainspring.engine.page import BEAT, STARTED, STEP, Page
from mainspring.engine.pools import Limits
from tests.aio import run
from tests.engine import bodies
from tests.engine.spy import Spy, claimed

GRACE = 2.0
TIMEOUT = 5.0
OVERDUE = TIMEOUT + GRACE + 0.3  # seconds after a tick has seen a body begin: it should be gone by then


class StillChild:
    """A child that does nothing by itself, and goes when it is killed: at once, and its socket closes first."""

    def __init__(self) -> None:
        self.page, self.pid, self.channel = Page.create(), os.getpid(), self
        self.exited: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._closed: Callable[[], None] = lambda: None

    def listen(self, on_message: Callable[[Message], None], on_closed: Callable[[], None]) -> None:
        self._closed = on_closed

    def send(self, message: Message) -> None: ...

    def send_bytes(self, frames: bytes) -> None: ...

    def close(self) -> None: ...

    def kill(self) -> None:
        self._closed()
        self.exited.set_result(-signal.SIGKILL)


class Nobody:
    """A pool that needs to know nothing."""

    def ended(self, executor: Executor, run: ClaimedRun, ran_ms: float) -> None: ...

    def returned(self, executor: Executor, runs: list[ClaimedRun]) -> None: ...

    def gone(self, executor: Executor) -> None: ...

    def lagged(self, seconds: float) -> None: ...


class Scene:
    """An executor of ``async def`` bodies with three runs, the third of which holds the loop; ``at`` are seconds since the scene began."""

    def __init__(self, *, holder_timeout: float = TIMEOUT) -> None:
        self.child, self.spy, self.began_at = StillChild(), Spy(), asyncio.get_running_loop().time()
        self.executor = Executor(cast("Child", self.child), "async", Limits(grace=GRACE), self.spy, Nobody())
        self.neighbour, self.late = claimed(bodies.wait, timeout=600), claimed(bodies.wait, timeout=TIMEOUT)
        self.holder = claimed(bodies.block, timeout=holder_timeout)
        for each in (self.neighbour, self.late, self.holder):
            self.executor.submit(each)

    async def hand_over(self) -> None:
        """Let the frame go."""
        await asyncio.sleep(0)

    def begin(self, *, upto: int, at: float) -> None:
        """Let the child have begun the first runs, and the engine look at it."""
        self.child.page.cells[STARTED] = upto
        self.executor.tick(self.began_at + at)

    def hold(self) -> None:
        """Let the third run be in a step since long ago."""
        self.child.page.cells[STEP], self.child.page.cells[BEAT] = 3, time.monotonic_ns() - 60 * 10**9

    async def ends(self) -> tuple[Outcome, Outcome, Outcome]:
        """Return how the neighbour, the late run and the holder ended."""
        return await self.spy.end_of(self.neighbour), await self.spy.end_of(self.late), await self.spy.end_of(self.holder)


def is_innocent(outcome: Outcome) -> bool:
    return isinstance(outcome, Lost) and outcome.is_innocent


@pytest.mark.scenario("S3-26", part="an async body that blocks the loop")
@pytest.mark.parametrize("seen_at", [0.0, 0.25, GRACE + 0.2], ids=["in one tick", "a tick later", "much later, and past its time"])
def test_who_holds_the_loop_past_its_time_has_timed_out_whenever_its_beginning_was_seen(seen_at: float) -> None:
    async def story() -> None:
        scene = Scene()
        await scene.hand_over()
        scene.begin(upto=3 if seen_at == 0 else 2, at=0)
        scene.begin(upto=3, at=seen_at)
        scene.hold()
        scene.executor.tick(scene.began_at + OVERDUE - 0.1)
        assert not scene.spy.ends, "grace is not over"
        scene.executor.tick(scene.began_at + OVERDUE)
        neighbour, late, holder = await scene.ends()
        assert isinstance(holder, TimedOut)
        assert is_innocent(neighbour)
        assert is_innocent(late)  # which could not be told that its time was over

    run(story())


@pytest.mark.parametrize("timeout", [TIMEOUT + GRACE + 1, 600.0])
def test_who_holds_the_loop_within_its_time_is_suspected(timeout: float) -> None:
    async def story() -> None:
        scene = Scene(holder_timeout=timeout)
        await scene.hand_over()
        scene.begin(upto=3, at=0)
        scene.hold()
        scene.executor.tick(scene.began_at + OVERDUE)
        neighbour, late, holder = await scene.ends()
        assert isinstance(holder, Lost)
        assert not (holder.is_alone or holder.is_innocent)
        assert is_innocent(neighbour)
        assert is_innocent(late)

    run(story())


def test_who_holds_the_loop_and_was_to_stop_is_cancelled() -> None:
    async def story() -> None:
        scene = Scene(holder_timeout=600)
        await scene.hand_over()
        scene.begin(upto=3, at=0)
        scene.hold()
        scene.executor.stop_run(3, "requested")
        scene.executor._stops[3].at = scene.began_at + OVERDUE - 1  # its grace is not over when another's is
        scene.executor.tick(scene.began_at + OVERDUE)
        neighbour, late, holder = await scene.ends()
        assert isinstance(holder, CancelledByRequest)
        assert is_innocent(neighbour)
        assert is_innocent(late)

    run(story())
