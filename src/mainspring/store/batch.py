"""Group commit: the first caller goes at once, those who come while it is under way go together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from mainspring.core.errors import StoreUnavailable

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """Gathers items of concurrent callers into one flush, in the order in which they came.

    ``flush`` gets the items and answers one result each. ``width`` flushes may be under way at once. When a flush of
    several fails, each is tried alone, so that one caller's bad item does not fail the others; but not when the store was away.
    """

    def __init__(self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, most: int, width: int = 1) -> None:
        self._flush, self._most, self._width = flush, most, width
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, item: T) -> R:
        if not self._under_way and not self._waiting:
            return await self._alone(item)
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._start()
        return await future

    async def _alone(self, item: T) -> R:
        """Flush one item on the caller's own task: the way of an idle system, without a hop."""
        mark = asyncio.current_task()
        assert mark is not None
        self._under_way.add(mark)
        try:
            return (await self._flush([item]))[0]
        finally:
            self._under_way.discard(mark)
            self._start()

    def _start(self) -> None:
        while self._waiting and len(self._under_way) < self._width:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._start()

    async def _run(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
        except StoreUnavailable as error:
            # It may have been carried out, and only the answer been lost: to try again is for callers who know how to do that twice.
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever the flush raises belongs to its callers
            if len(batch) > 1:
                for each in batch:
                    await self._run([each])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
