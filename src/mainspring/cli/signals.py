"""Ctrl-C and SIGTERM as things that a coroutine waits for, in the order in which they came."""

from __future__ import annotations

import asyncio
import signal
import time
from types import FrameType, TracebackType
from typing import Any

SAME = 0.1  # seconds within which a second signal is the first one twice: timeout(1) sends to the process and to its group
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Signals:
    """While it is open, the signals that ask a process to end do not end it.

    ``is_last``: nor do they afterwards, because the process is about to end by itself and is to say how.
    """

    def __init__(self, *, is_last: bool = False) -> None:
        self._is_last = is_last
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[str] = asyncio.Queue()
        self._before: dict[signal.Signals, Any] = {}
        self._heard_at = float("-inf")

    def __enter__(self) -> Signals:
        for each in _NAMES:
            self._before[each] = signal.signal(each, self._hear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for each, before in self._before.items():
            signal.signal(each, signal.SIG_IGN if self._is_last else before)

    async def next(self) -> str:
        """Wait for the next signal and return its name."""
        return await self._came.get()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._heard_at < SAME:
            return
        self._heard_at = now
        # A handler of Python's runs between two bytecodes of the loop's thread; only this call wakes a loop that sleeps.
        self._loop.call_soon_threadsafe(self._came.put_nowait, _NAMES[signal.Signals(number)])
