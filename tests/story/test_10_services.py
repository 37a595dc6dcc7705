"""Ten: what never ends by itself, and is looked after for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mainspring import Context, errors, service
from mainspring.testing import Kit

feed: list[str] = []  # what the market says; the line is cut where it says "cut"
heard: list[str] = []
fences: list[int | None] = []


@service(backoff="5s")
async def watch_market(ctx: Context) -> None:
    """Hear what the market says, every second."""
    fences.append(ctx.fence)
    while await ctx.sleep(1):
        while feed:
            if (price := feed.pop(0)) == "cut":
                raise ConnectionError("the line was cut")
            heard.append(price)
    heard.append("good night")


@pytest.fixture
def ms() -> Iterator[Kit]:
    """An app with a service, and a node, which starts it."""
    for each in (feed, heard, fences):
        each.clear()
    with Kit(tasks=[watch_market]) as kit:
        kit.drain()
        yield kit


def goes_on(ms: Kit, duration: str) -> None:
    """Let time pass, while the node does what nodes do."""
    ms.advance(duration)
    ms.drain()


def state(ms: Kit) -> str:
    [row] = ms.do(ms.app.services.list("watch_market"))
    return str(row.state)


def test_a_node_starts_it_and_it_goes_on(ms: Kit) -> None:
    """Nobody enqueues a service, and nobody waits for its result."""
    feed.append("wheat 210")
    goes_on(ms, "2s")
    assert (state(ms), heard) == ("running", ["wheat 210"])
    untyped: Any = watch_market  # a type checker says it before
    with pytest.raises(errors.Conflict, match="is a service"):
        ms.enqueue(untyped)


def test_a_crash_is_followed_by_a_restart(ms: Kit) -> None:
    """Each start is a run with its log, its end and its error; the wait before the next one grows with every failure."""
    feed.append("cut")
    goes_on(ms, "2s")
    assert state(ms) == "backoff"
    feed.append("wheat 211")
    goes_on(ms, "6s")
    goes_on(ms, "2s")
    assert (state(ms), heard) == ("running", ["wheat 211"])
    assert [str(run.state) for run in ms.runs("watch_market")] == ["failed", "running"]


def test_each_start_has_a_higher_number(ms: Kit) -> None:
    """The fence: what you write to can refuse an instance that was given up for dead, and does not know it."""
    ms.do(ms.app.services.restart("watch_market"))
    goes_on(ms, "2s")
    goes_on(ms, "2s")
    assert fences == [1, 2]


def test_it_is_asked_before_it_is_stopped(ms: Kit) -> None:
    """``ctx.sleep`` returns at once and says that it is over; then there is time to say good-bye."""
    ms.do(ms.app.services.stop("watch_market", reason="holidays"))
    goes_on(ms, "2s")
    assert (state(ms), heard) == ("stopped", ["good night"])
    goes_on(ms, "1h")
    assert state(ms) == "stopped"  # until somebody starts it: over restarts and deploys
    ms.do(ms.app.services.start("watch_market"))
    goes_on(ms, "2s")
    assert state(ms) == "running"


def test_what_crashes_again_and_again_is_left_alone(ms: Kit) -> None:
    """Five restarts in ten minutes are enough. It has failed then, which is an alert, and waits for a person."""
    for _ in range(20):
        feed.append("cut")
        goes_on(ms, "20s")
    assert state(ms) == "failed"
    ms.do(ms.app.services.start("watch_market"))
    feed.clear()
    goes_on(ms, "2s")
    assert state(ms) == "running"


def test_another_node_takes_over(ms: Kit) -> None:
    """The power fails. One node at a time has it: the next begins when the lease of the first is over, with a higher fence."""
    ms.crash_at("before_beat")
    goes_on(ms, "1m")
    assert ms.deaths
    goes_on(ms, "2m")
    goes_on(ms, "2m")
    assert (state(ms), fences) == ("running", [1, 2])
