"""A store with something of everything: runs of each state, logs, errors, schedules, services, limits, nodes and an audit trail.

A whole engine on a clock of its own lives through half a day before now, so that every row is one that production would have written.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mainspring.core.ids import seed_ids
from mainspring.operations import catalog
from mainspring.operations.operation import Caller
from mainspring.testing.clock import ManualClock
from mainspring.testing.kit import Kit
from tests.browser import shop

HALF_A_DAY = timedelta(hours=10, minutes=43)  # what `_live` lives through: 10 h 42 min, so that it ends now
SEED = 20


def fill(path: Path, now: datetime | None = None) -> None:
    """Make a SQLite store at a path. The ids and what happens are always the same; the times end now."""
    with _drawn_alike(), Kit(tasks=shop.TASKS, clock=ManualClock((now or datetime.now(UTC)) - HALF_A_DAY)) as kit:
        _live(kit)
        with contextlib.closing(sqlite3.connect(path)) as file:
            database = kit.app._opening._database
            assert database is not None
            database._opened().backup(file)
            file.execute("pragma journal_mode=wal")  # as every store in a file


@contextmanager
def _drawn_alike() -> Iterator[None]:
    seed_ids(random.Random(SEED).randbytes)
    try:
        yield
    finally:
        seed_ids(None)


def _live(kit: Kit) -> None:
    kit.drain()
    for hour in range(11):
        kit.enqueue(shop.backup, database=("orders", "customers")[hour % 2])
        kit.enqueue(shop.send_newsletter, to=f"group {hour}", luck=1 + hour % 3)
        if hour % 3 == 0:
            kit.enqueue(shop.fails)
            kit.enqueue(shop.gives_up, order=hour)
        if hour % 4 == 0:
            kit.enqueue(shop.dawdles)
            kit.enqueue(shop.train)
        kit.drain()
        kit.advance("58m")
    kit.enqueue(shop.fails, why="disk quota exceeded on /var/backups")
    kit.enqueue(shop.chatters)
    kit.enqueue(shop.hostile)
    kit.enqueue(shop.hostile, ends=False, text=shop.XSS[2])
    kit.enqueue(shop.widgets, name="Ada", labels={"team": "data"})
    kit.drain()
    for number in range(3):
        kit.cancel(kit.enqueue(shop.backup.options(delay="1h"), database=f"old-{number}"), "not needed any more")
    kit.enqueue(shop.backup.options(delay="6h", label="tonight"), database="orders")
    kit.enqueue(shop.backs_off)
    kit.drain()
    _ask(kit, "queues.pause", name="imports", reason="the source is being moved")
    kit.enqueue(shop.backup.options(queue="imports"), database="waits")
    _ask(kit, "tasks.disable", name="send_newsletter", reason="the text is wrong")
    _ask(kit, "limits.set", key="queue:mail", concurrency=2)
    kit.enqueue(shop.ticks, n=1000, pause=3600.0)
    kit.advance("1m")
    kit.do(_begin(kit))


async def _begin(kit: Kit) -> None:
    """Let what is ready begin, and not wait for its end."""
    for _ in range(8):
        await kit._round()


def _ask(kit: Kit, name: str, /, **fields: object) -> None:
    operation = catalog.CATALOG[name]
    kit.do(operation(kit.app, operation.request(**fields), Caller("ada", "web")))
