"""What a limit holds back, and what is due in the future, costs those that are ready nothing: work is counted, not time."""

import json
from typing import Any

import psycopg
import pytest

from mainspring.core.ids import make_claim_id
from mainspring.core.limit import Maximum, task_key
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.sqlite import SqliteDatabase
from tests.store.harness import Kind, Stage

T, FULL = task_key("t"), task_key("full")
SIZES = [
    pytest.param(1_000, 3_000, id="short"),
    pytest.param(100_000, 1_000_000, id="long", marks=[pytest.mark.chaos, pytest.mark.slow]),
]
MOST_BUFFERS = 200  # pages of eight kilobytes that a statement may look at, whatever lies around its rows
MOST_STEPS = 10_000  # instructions of SQLite's machine

FILL = {
    "postgres": """
insert into mainspring.hot_runs (id, created_at, state, task, limit_task, waits_for, reason)
select gen_random_uuid(), '2031-01-01', 0, 'full', 'task:full', 'task:full', 'limit' from generate_series(1, {blocked});
insert into mainspring.hot_runs (id, created_at, run_at, state, task)
select gen_random_uuid(), '2031-01-01', timestamptz '2032-01-01' + n * interval '1 s', 2, 'later' from generate_series(1, {future}) n;
analyze mainspring.hot_runs""",
    "file": """
insert into mainspring.hot_runs (id, created_at, run_at, state, task, limit_task, waits_for, reason)
with recursive n(n) as (select 1 union all select n + 1 from n where n < {blocked})
select 'b' || n, 0, null, 0, 'full', 'task:full', 'task:full', 'limit' from n;
insert into mainspring.hot_runs (id, created_at, run_at, state, task)
with recursive n(n) as (select 1 union all select n + 1 from n where n < {future})
select 'f' || n, 0, 4000000000000000 + n, 2, 'later' from n""",
}


class Meter:
    """Counts what statements look at: pages on PostgreSQL, instructions on SQLite."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self.most = stage, MOST_BUFFERS if stage.kind == "postgres" else MOST_STEPS
        self.found: dict[str, int] = {}

    async def run(self, name: str, **values: Any) -> None:
        database = self._stage.database
        if isinstance(database, PostgresDatabase):
            self.found[name] = self._buffers(database, name, values)
            return
        assert isinstance(database, SqliteDatabase)
        connection, steps = database._opened(), [0]

        def step() -> None:
            steps[0] += 100

        connection.set_progress_handler(step, 100)
        try:
            await database.write(name, **values)
        finally:
            connection.set_progress_handler(None, 0)
        self.found[name] = steps[0]

    def _buffers(self, database: PostgresDatabase, name: str, values: dict[str, Any]) -> int:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("set enable_seqscan = off")
            connection.execute("set enable_mergejoin = off")
            pages = 0
            with connection.transaction():
                for statement in database.query(name).statements:
                    rows = connection.execute(f"explain (analyze, buffers, format json) {statement}".encode(), values).fetchone()
                    assert rows is not None
                    plan = rows[0][0]["Plan"]
                    pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            return pages

    def check(self) -> None:
        assert all(found <= self.most for found in self.found.values()), self.found


@pytest.mark.failure(35)
@pytest.mark.parametrize("kind", ["file", "postgres"])
@pytest.mark.parametrize(("blocked", "future"), SIZES)
async def test_what_is_held_back_costs_those_that_are_ready_nothing(stage: Stage, kind: Kind, blocked: int, future: int) -> None:
    limits = stage.store.limits
    await limits.declare({T: Maximum(1), FULL: Maximum(1)})
    going = await stage.add_new(2, task="full", limit_task=FULL)
    await limits.admit([FULL])
    await stage.sql(FILL[kind].format(blocked=blocked, future=future))
    ready = await stage.add_one(task="free")
    admissible = await stage.add_one(limit_task=T)
    node, meter = await stage.node(), Meter(stage)
    stage.added -= {going[1]}
    lanes = [["default", "", 0, 2, 0]]
    claim: dict[str, Any] = {"node": node, "claim": make_claim_id(), "n": 100, "grace_ms": 0}
    if kind == "postgres":
        claim |= {"queues": ["default"], "tenants": [""], "pools": [0], "priorities": [2], "watermarks": ["-infinity"]}
    else:
        claim["lanes"] = json.dumps(lanes)
    keys = stage.database.to_list([T, FULL])
    await meter.run("limits_look", after="", n=100)
    await meter.run("limits_admit", keys=keys, n=8)
    await meter.run("limits_stray", n=100)
    await meter.run("limits_waiting_for", id=going[1], bound=100)
    await meter.run("runs_lanes")
    await meter.run("runs_claim", **claim)
    meter.check()
    rows = await stage.sql("select id from mainspring.hot_runs where state = 4")
    assert {row["id"] for row in rows} == {ready, admissible, going[0]}
    # Away with what was filled in behind the store's back: it has no events to be checked.
    await stage.sql("delete from mainspring.hot_runs where task in ('full', 'later')")
    stage.added -= set(going)
