"""SQLite with no engine above it: one table in WAL mode, the standard library's driver, one connection."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from benchmarks import clock
from benchmarks.place import Place
from benchmarks.readings import Reading

BATCH = 100
BULK_BATCH = 1_000
PARAMETERS = '{"mark": 0}'
TABLE = """
create table job (
    id integer primary key, state integer not null default 0, params text not null, claimed_at real, finished_at real
);
create index job_ready on job (id) where state = 0;
"""
INSERT = "insert into job (params) values (?)"
CLAIM = """
update job set state = 1, claimed_at = unixepoch('subsec')
where id in (select id from job where state = 0 order by id limit ?) returning id
"""
FINISH = "update job set state = 2, finished_at = unixepoch('subsec') where id = ?"


async def drain(place: Place, count: int) -> Reading:
    """Claim and finish in batches of 100: two commits a batch."""
    with closing(_open(place)) as connection:
        with connection:
            connection.execute("begin")
            connection.executemany(INSERT, [(PARAMETERS,)] * count)
        return await clock.time_batches(count, BATCH, lambda: _claim_and_finish(connection))


async def enqueue_one(place: Place, count: int) -> Reading:
    """One row a commit."""
    with closing(_open(place)) as connection:

        async def insert(_: int) -> None:
            connection.execute(INSERT, (PARAMETERS,))

        return await clock.time_calls(count, insert)


async def enqueue_bulk(place: Place, count: int) -> Reading:
    """A thousand rows a commit."""
    with closing(_open(place)) as connection:
        rows = [(PARAMETERS,)] * BULK_BATCH

        async def insert() -> int:
            connection.execute("begin")
            connection.executemany(INSERT, rows)
            connection.execute("commit")
            return BULK_BATCH

        return await clock.time_batches(count, BULK_BATCH, insert)


def _open(place: Place) -> sqlite3.Connection:
    connection = sqlite3.connect(place.file, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute(f"pragma synchronous = {place.synchronous}")
    connection.executescript(TABLE)
    return connection


async def _claim_and_finish(connection: sqlite3.Connection) -> int:
    claimed = connection.execute(CLAIM, (BATCH,)).fetchall()
    connection.execute("begin")
    connection.executemany(FINISH, claimed)
    connection.execute("commit")
    return len(claimed)
