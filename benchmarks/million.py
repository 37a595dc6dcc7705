"""A store with a million runs of the last week, by SQL alone: what lists and counts have to cope with. Some ten seconds.

python -m benchmarks.million sqlite:///big.db 1000000
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing

import psycopg

from mainspring import Mainspring

RUNS = 1_000_000
ROUND = 100_000  # rows of one statement
WEEK = 7 * 24 * 3600 * 1000  # milliseconds, over which the runs are spread
TASKS = 40

# One row for each n: of forty tasks, nine in ten have completed, the others failed (with one of fifty errors), timed out, were cancelled
# or skipped; one in seven carries a label, one in ten has a queue of its own, one in twenty was asked for by a schedule.
SHAPE = """
    case when n % 10 <> 0 then 10 when n % 50 = 0 then 12 when n % 70 = 0 then 13 when n % 90 = 0 then 14 else 11 end
"""
SQLITE = f"""
with recursive numbers(n) as (select :first union all select n + 1 from numbers where n < :last),
made as (
    select n, {SHAPE} as state, :began + n * :step as ms, abs(n * 2654435761 % 4294967296) as noise from numbers
)
insert into mainspring_history (id, created_at, ready_at, started_at, finished_at, seq, attempt, state, pool, priority, retries,
    max_retries, rescues, params_version, queue, tenant, task, reason, label, origin, actor, params, result, error)
select substr(printf('%012x', ms), 1, 8) || '-' || substr(printf('%012x', ms), 9) ||
        printf('-7%03x-8%03x-%012x', n % 4096, noise % 4096, n),
    ms * 1000, ms * 1000, ms * 1000 + 4000, ms * 1000 + 4000 + noise % 900000, 3, 1, state, 0, 2, 0, 3, 0, 1,
    case when n % 10 = 3 then 'queue-' || (n % 8) else 'default' end, '', 'task_' || (noise % {TASKS}),
    case state when 13 then 'user' when 14 then 'nothing_to_do' end, case when n % 7 = 0 then 'label-' || (n % 1000) end,
    case when n % 20 = 0 then 'schedule' else 'api' end, case when n % 3 = 0 then 'ada' end,
    '{{"customer":' || n || ',"mode":"full"}}', case when state = 10 then '{{"rows":' || (noise % 1000) || '}}' end,
    case when state = 11 then
        '{{"kind":"execution","type":"ValueError","message":"no such table: orders_' || (n % 50) || '","fingerprint":"' ||
        printf('%016x', n % 50) || '"}}' end
from made
"""
POSTGRES = f"""
with made as (
    select n, {SHAPE.replace("%", "%%")} as state, %(began)s + n * %(step)s as ms, abs(n * 2654435761 %% 4294967296) as noise
    from generate_series(%(first)s::bigint, %(last)s::bigint) n
), timed as (
    select *, to_timestamp(ms / 1000.0) as at, lpad(to_hex(ms), 12, '0') as hex from made
)
insert into mainspring.history (id, created_at, ready_at, started_at, finished_at, seq, attempt, state, pool, priority, retries,
    max_retries, rescues, params_version, queue, tenant, task, reason, label, origin, actor, params, result, error)
select (hex || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || lpad(to_hex(noise %% 4096), 3, '0') || lpad(to_hex(n), 12, '0'))::uuid,
    at, at, at + interval '4 milliseconds', at + (4 + noise %% 900) * interval '1 millisecond', 3, 1, state, 0, 2, 0, 3, 0, 1,
    case when n %% 10 = 3 then 'queue-' || (n %% 8) else 'default' end, '', 'task_' || (noise %% {TASKS}),
    case state when 13 then 'user' when 14 then 'nothing_to_do' end, case when n %% 7 = 0 then 'label-' || (n %% 1000) end,
    case when n %% 20 = 0 then 'schedule' else 'api' end, case when n %% 3 = 0 then 'ada' end,
    '{{"customer":' || n || ',"mode":"full"}}', case when state = 10 then '{{"rows":' || (noise %% 1000) || '}}' end,
    case when state = 11 then
        '{{"kind":"execution","type":"ValueError","message":"no such table: orders_' || (n %% 50) || '","fingerprint":"' ||
        lpad(to_hex(n %% 50), 16, '0') || '"}}' end
from timed
"""
TROUBLE = {
    "sqlite": (
        """
insert into mainspring_attempts (run_id, number, claim_seq, end_seq, outcome, reason, started_at, finished_at, fingerprint, error)
select id, 1, 2, 3, state, reason, started_at, finished_at, case when state = 11 then error ->> '$.fingerprint' end, error
from mainspring_history where state in (11, 12, 13)
""",
        """
insert into mainspring_errors (fingerprint, shard, task, kind, type, message, n, first_at, last_at, last_run)
select error ->> '$.fingerprint', 0, max(task), 'execution', 'ValueError', max(error ->> '$.message'), count(*), min(finished_at),
    max(finished_at), max(id)
from mainspring_history where state = 11 group by 1
""",
    ),
    "postgres": (
        """
insert into mainspring.attempts (run_id, number, claim_seq, end_seq, outcome, reason, started_at, finished_at, fingerprint, error)
select id, 1, 2, 3, state, reason, started_at, finished_at, case when state = 11 then error::json ->> 'fingerprint' end, error
from mainspring.history where state in (11, 12, 13)
""",
        """
insert into mainspring.errors (fingerprint, shard, task, kind, type, message, n, first_at, last_at, last_run)
select error::json ->> 'fingerprint', 0, max(task), 'execution', 'ValueError', max(error::json ->> 'message'), count(*), min(finished_at),
    max(finished_at), (array_agg(id order by id desc))[1]
from mainspring.history where state = 11 group by 1
""",
    ),
}
STATS = {
    "sqlite": """
insert into mainspring_stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select finished_at - finished_at % 60000000, task, state, 0, count(*), sum(finished_at - started_at) / 1000.0, count(*) * 4.0
from mainspring_history group by 1, 2, 3
""",
    "postgres": """
insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select date_trunc('minute', finished_at), task, state, 0, count(*), sum(extract(epoch from finished_at - started_at) * 1000), count(*) * 4.0
from mainspring.history group by 1, 2, 3
""",
}


def fill(url: str, runs: int = RUNS, *, now: float) -> None:
    """Make the schema where there is none, and put ``runs`` finished ones into it, the latest of them just before ``now`` (seconds)."""
    asyncio.run(_migrated(url))
    values = {"began": int(now * 1000) - WEEK, "step": WEEK // runs}
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            file.execute("pragma synchronous=off")
            for first in range(0, runs, ROUND):
                file.execute(SQLITE, values | {"first": first, "last": min(first + ROUND, runs) - 1})
            for statement in (STATS["sqlite"], *TROUBLE["sqlite"]):
                file.execute(statement)
            file.execute("analyze")
            file.execute("pragma wal_checkpoint(truncate)")
        return
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(0, runs, ROUND):
            connection.execute(POSTGRES.encode(), values | {"first": first, "last": min(first + ROUND, runs) - 1})
        for statement in (STATS["postgres"], *TROUBLE["postgres"]):
            connection.execute(statement.encode())
        connection.execute("vacuum analyze")


async def _migrated(url: str) -> None:
    async with Mainspring(url, tasks=(), auto_migrate=True) as app:
        await app.store()


if __name__ == "__main__":
    import time

    began = time.time()
    fill(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else RUNS, now=began)
    print(f"{time.time() - began:.0f} s")
