"""PostgreSQL with no engine above it: one plain table, psycopg's async connection, prepared statements."""

from __future__ import annotations

import psycopg
from psycopg import AsyncConnection, sql

from benchmarks import clock
from benchmarks.place import Place
from benchmarks.processes import program, ready
from benchmarks.readings import Reading

BATCH = 100
BULK_BATCH = 1_000
CONNECTIONS = 10
PARAMETERS = '{"mark": 0}'
TABLE = """
create table job (
    id bigint generated always as identity primary key, state smallint not null default 0, params text not null,
    claimed_at timestamptz, finished_at timestamptz
) with (fillfactor = 70);
create index job_ready on job (id) where state = 0;
"""
INSERT = "insert into job (params) values (%s)"
INSERT_MANY = "insert into job (params) select * from unnest(%s::text[])"
COPY = "copy job (params) from stdin"
# The shape that keeps its plan while the table fills and empties: an array of ids, and no sequential scans.
CLAIM = """
update job set state = 1, claimed_at = now()
where id = any (array (select id from job where state = 0 order by id limit %s for update skip locked))
returning id, params
"""
FINISH = "update job set state = 2, finished_at = now() where id = any (%s)"


async def drain(place: Place, count: int) -> Reading:
    """Claim and finish in batches of 100, on one connection: two commits a batch."""
    connection = await _open(place)
    await connection.execute("insert into job (params) select %s from generate_series(1, %s)", (PARAMETERS, count), prepare=True)
    await connection.execute("vacuum analyze job")
    return await clock.time_batches(count, BATCH, lambda: _claim_and_finish(connection))


async def enqueue_one(place: Place, count: int) -> Reading:
    """One row a commit, one connection."""
    connection = await _open(place)
    return await clock.time_calls(count, lambda _: connection.execute(INSERT, (PARAMETERS,), prepare=True))


async def enqueue_concurrent(place: Place, count: int) -> Reading:
    """One row a commit, ten connections at a time: PostgreSQL flushes for several of them at once."""
    await _open(place)
    connections = [await _connect(place) for _ in range(CONNECTIONS)]

    return await clock.time_calls(
        count,
        lambda number: connections[number % CONNECTIONS].execute(INSERT, (PARAMETERS,), prepare=True),
        callers=CONNECTIONS,
        note=f"{CONNECTIONS} connections",
    )


async def enqueue_bulk(place: Place, count: int) -> Reading:
    """A thousand rows a commit, by UNNEST; beside it all of them by one COPY."""
    connection = await _open(place)
    rows = [PARAMETERS] * BULK_BATCH

    async def insert() -> int:
        await connection.execute(INSERT_MANY, (rows,), prepare=True)
        return BULK_BATCH

    async def copy() -> int:
        async with connection.cursor() as cursor, cursor.copy(COPY) as rows:
            for _ in range(count):
                await rows.write_row((PARAMETERS,))
        return count

    unnest = await clock.time_batches(count, BULK_BATCH, insert)
    copied = await clock.time_batches(count, count, copy)
    return Reading(unnest.values, f"by UNNEST; {copied.values['per_second']:,.0f}/s by COPY")


async def latency(place: Place, count: int) -> Reading:
    """Insert and notify in one statement; another process, woken, claims."""
    connection = await _open(place)
    insert = "with job as (insert into job (params) values (%s) returning id) select pg_notify('job', '') from job"
    async with ready(program("benchmarks.raw.postgres_worker", place), place):
        place.gate.touch()
        return await clock.time_starts(
            place,
            count,
            lambda label: connection.execute(insert, (str(label),), prepare=True),
            note="insert, notify, claim",
        )


async def _open(place: Place) -> AsyncConnection:
    connection = await _connect(place)
    for statement in filter(str.strip, TABLE.split(";")):
        await connection.execute(sql.SQL(statement))
    return connection


async def _connect(place: Place) -> AsyncConnection:
    connection = await psycopg.AsyncConnection.connect(place.url, autocommit=True)
    await connection.execute("set enable_seqscan = off")
    return connection


async def _claim_and_finish(connection: AsyncConnection) -> int:
    claimed = await (await connection.execute(CLAIM, (BATCH,), prepare=True)).fetchall()
    await connection.execute(FINISH, ([row[0] for row in claimed],), prepare=True)
    return len(claimed)
