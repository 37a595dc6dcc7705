"""Around the caller's own transaction: the hint that goes out behind their commit, and the warning about one that was not given."""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from contextlib import suppress

from mainspring.core.errors import TransactionNotGiven
from mainspring.engine.bus import Bus
from mainspring.store.caller import Caller
from mainspring.store.open_transactions import find
from mainspring.store.runs import Lane

BRIEF = 0.1  # seconds between enqueue and commit up to which nobody has looked past the run's ready time, most probably


def hint_behind(caller: Caller, loop: asyncio.AbstractEventLoop, bus: Bus, lane: Lane | None, *, is_gated: bool = False) -> None:
    """Wake workers once the caller's transaction is committed, where that can be known; else they find the run within a second."""
    if lane is None and not is_gated:
        return  # it waits for a time or a limit: others look for that
    began = time.monotonic()

    def hint() -> None:
        # A run that was written long before it was committed lies behind what workers have seen since.
        is_brief = time.monotonic() - began < BRIEF
        with suppress(RuntimeError):  # the app was closed meanwhile
            if lane is None:
                loop.call_soon_threadsafe(bus.gated)
            elif is_brief:
                loop.call_soon_threadsafe(bus.hint, lane)
            else:
                loop.call_soon_threadsafe(bus.poke)

    if caller.is_committed:
        hint()
    else:
        caller.after_commit(hint)


def warn_if_open(url: str, task: str) -> None:
    """Warn, once for each place in the code, where a transaction is open on our database and was not given."""
    if (found := find(url)) is None:
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("mainspring."):
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"{task} is enqueued at once, beside a transaction that is not committed: {found}, or enqueue after its commit. "
        "Where this is meant, silence it: warnings.filterwarnings('ignore', category=mainspring.errors.TransactionNotGiven)",
        TransactionNotGiven,
        stacklevel=level,
    )
