"""Group commit: at once when idle, together while a flush is under way."""

import asyncio
from collections.abc import Sequence

import pytest

from mainspring.core.errors import StoreUnavailable
from mainspring.store.batch import GroupCommit


class Flusher:
    """Flushes when it is told to, and remembers what went together."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error or ValueError("13")
        self.flushes: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.flushes.append(list(items))
        await self.gate.wait()
        if 13 in items:
            raise self.error
        return [item * 10 for item in items]


async def _gathered(group: GroupCommit[int, int], flusher: Flusher, items: Sequence[int]) -> list[int | BaseException]:
    """Send all items while the first is under way."""
    flusher.gate.clear()
    calls = [asyncio.create_task(group(item)) for item in items]
    while not flusher.flushes:
        await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.sleep(0)
    flusher.gate.set()
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_a_caller_alone_goes_at_once() -> None:
    flusher = Flusher()
    group = GroupCommit(flusher, most=10)
    assert [await group(1), await group(2)] == [10, 20]
    assert flusher.flushes == [[1], [2]]


async def test_those_who_come_meanwhile_go_together_in_their_order_and_no_more_than_most() -> None:
    flusher = Flusher()
    answers = await _gathered(GroupCommit(flusher, most=4), flusher, range(8))
    assert answers == [n * 10 for n in range(8)]
    assert flusher.flushes == [[0], [1, 2, 3, 4], [5, 6, 7]]


async def test_several_flushes_may_be_under_way() -> None:
    flusher = Flusher()
    group = GroupCommit(flusher, most=2, width=3)
    answers = await _gathered(group, flusher, range(6))
    assert answers == [n * 10 for n in range(6)]
    assert max(map(len, flusher.flushes)) <= 2


async def test_one_bad_item_fails_its_own_caller_only() -> None:
    flusher = Flusher()
    answers = await _gathered(GroupCommit(flusher, most=10), flusher, [1, 2, 13, 4])
    assert isinstance(answers.pop(2), ValueError)
    assert answers == [10, 20, 40]
    assert flusher.flushes == [[1], [2, 13, 4], [2], [13], [4]]


async def test_a_store_that_is_away_is_not_asked_again_for_each() -> None:
    """It may have carried the flush out: to try again is for callers who know how to do that twice."""
    flusher = Flusher(StoreUnavailable("away"))
    answers = await _gathered(GroupCommit(flusher, most=10), flusher, [1, 2, 13, 4])
    assert answers[0] == 10
    assert all(isinstance(answer, StoreUnavailable) for answer in answers[1:])
    assert flusher.flushes == [[1], [2, 13, 4]]


async def test_after_a_failure_of_one_alone_the_next_goes() -> None:
    group = GroupCommit(Flusher(), most=10)
    with pytest.raises(ValueError, match="13"):
        await group(13)
    assert await group(1) == 10


async def test_a_caller_who_gives_up_leaves_the_others_their_answers() -> None:
    flusher = Flusher()
    group = GroupCommit(flusher, most=10)
    flusher.gate.clear()
    calls = [asyncio.create_task(group(item)) for item in range(4)]
    for _ in range(3):
        await asyncio.sleep(0)
    calls[2].cancel()
    flusher.gate.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers.pop(2), asyncio.CancelledError)
    assert answers == [0, 10, 30]


async def test_when_the_first_gives_up_those_who_waited_for_it_go_on() -> None:
    flusher = Flusher()
    group = GroupCommit(flusher, most=10)
    flusher.gate.clear()
    calls = [asyncio.create_task(group(item)) for item in range(3)]
    await asyncio.sleep(0)
    calls[0].cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    flusher.gate.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [10, 20]
