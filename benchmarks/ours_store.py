"""What a measurement asks of our store, or puts into it, behind the engine's back: it knows the tables."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import psycopg

from benchmarks.place import Place

UNFINISHED = "select count(*) from {prefix}hot_runs where state <> 2 and queue <> 'held'"  # 2: waits for its time
COMPLETED = "select count(*) from {prefix}history where state = 10"
HISTORY = 5_000_000
FUTURE = 1_000_000
BLOCKED = 1_000_000
ROUND = 250_000  # rows of one statement

# Ids as ours are: the milliseconds of their making first, so that old rows lie together, in front of new ones.
OLD_ID = """
(lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3)
    || '8' || substr(md5(n::text), 4, 15))::uuid
"""
FILL_HISTORY = f"""
insert into mainspring.history (id, created_at, ready_at, started_at, finished_at, seq, attempt, state, pool, priority,
    retries, max_retries, rescues, params_version, queue, tenant, task, origin, params)
select {OLD_ID}, now(), now(), now(), now(), 3, 1, 10, 0, 2, 0, 3, 0, 1, 'default', '', 'old', 'api', '{{"mark":0}}'
from generate_series(%s::bigint, %s::bigint) n
"""
FILL_FUTURE = f"""
insert into mainspring.hot_runs (id, created_at, run_at, state, task, params)
select {OLD_ID}, now(), now() + interval '30 days' + n * interval '1 second', 2, 'noop', '{{"mark":0}}'
from generate_series(%s::bigint, %s::bigint) n
"""

# A full key and whoever waits for it, in a queue of its own that is paused: one of them goes, for ever.
FILL_BLOCKED = f"""
insert into mainspring.hot_runs (id, created_at, ready_at, state, queue, task, params, limit_key, waits_for, reason)
select {OLD_ID}, now(), case when n = 0 then now() end, case when n = 0 then 3 else 0 end, 'held', 'noop', '{{"mark":0}}', 'key::held',
       case when n > 0 then 'key::held' end, case when n > 0 then 'limit' end
from generate_series(%s::bigint, %s::bigint) n
"""
FULL_KEY = """
insert into mainspring.limits (key, code, created_at, changed_at) values ('key::held', '{"concurrency": 1}', now(), now());
insert into mainspring.queues (name, created_at, paused_at) values ('held', now(), now())
"""


async def is_empty(place: Place) -> bool:
    """Say whether no run is unfinished but those that wait for a time to come."""
    return _count(place, UNFINISHED) == 0


def completed(place: Place) -> int:
    """Return how many runs ended well."""
    return _count(place, COMPLETED)


def fill_with_history(place: Place, scale: float = 1.0) -> None:
    """Put millions of finished and of future runs around what is to be drained (PostgreSQL)."""
    with psycopg.connect(place.url, autocommit=True) as connection:
        for statement, rows in ((FILL_HISTORY, HISTORY), (FILL_FUTURE, FUTURE)):
            for start in range(0, int(rows * scale), ROUND):
                connection.execute(statement, (start, min(start + ROUND, int(rows * scale)) - 1))
        connection.execute("vacuum analyze")


def fill_with_blocked(place: Place, scale: float = 1.0) -> None:
    """Put a million runs beside what is to be drained that wait for a limit (PostgreSQL)."""
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(FULL_KEY)
        for start in range(0, int(BLOCKED * scale), ROUND):
            connection.execute(FILL_BLOCKED, (start, min(start + ROUND, int(BLOCKED * scale)) - 1))
        connection.execute("vacuum analyze")


class Shop:
    """An application's own connection: a transaction holds a row of its own."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def order(self) -> None:
        """Write a row; the transaction begins."""
        await self._do(self.connection.execute("insert into bench_orders (article) values ('lamp')"))

    async def commit(self) -> None:
        """Commit it, with what was enqueued."""
        await self._do(self.connection.commit())

    async def _do(self, answer: Any) -> None:
        if inspect.isawaitable(answer):
            await answer


@asynccontextmanager
async def shop(place: Place) -> AsyncIterator[Shop]:
    """Make a table beside ours, and a connection to write into it."""
    table = "create table bench_orders (id integer {identity} primary key, article text not null)"
    if place.store == "postgres":
        async with await psycopg.AsyncConnection.connect(place.url) as connection:
            await connection.execute(table.format(identity="generated always as identity").encode())
            await connection.commit()
            yield Shop(connection)
        return
    with closing(sqlite3.connect(place.file)) as file:
        file.execute(f"pragma synchronous={place.synchronous}")
        file.execute(table.format(identity=""))
        yield Shop(file)


def _count(place: Place, query: str) -> int:
    if place.store == "postgres":
        with psycopg.connect(place.url, autocommit=True) as connection:
            return int(connection.execute(query.format(prefix="mainspring.").encode()).fetchall()[0][0])
    with closing(sqlite3.connect(place.file)) as file:
        return int(file.execute(query.format(prefix="mainspring_")).fetchone()[0])
