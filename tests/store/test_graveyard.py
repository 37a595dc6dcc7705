"""Beside a held snapshot: dead index entries that nobody can clean away pile up, and no statement of a busy node walks over them.

What is asserted is how many pages a statement touches, never how long it takes. It holds whatever the planner has been told: an ANALYZE may
come when the table is empty, when it is full, and when it holds nothing but the dead.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
from psycopg import sql

from mainspring.core.ids import make_claim_id
from mainspring.core.overlap import SKIP
from mainspring.core.policy import PoolKind, Priority
from mainspring.store.postgres import _SETTINGS, PostgresDatabase
from mainspring.store.runs import Lane
from tests.store.harness import Kind, Stage, open_stage

Moment = Literal["empty", "left", "ready", "running", "gone"]
MOMENTS: tuple[Moment, ...] = ("empty", "left", "ready", "running", "gone")

pytestmark = [pytest.mark.parametrize("kind", ["postgres"]), pytest.mark.failure(39)]

BURIED = (
    6000  # runs that come and go while the snapshot is held; their entries fill more than a hundred pages of each index and of the table
)
FEW = 60  # pages: the way down an index, and the rows that are found

# A run a millisecond, each of which waits for its time, is ready, runs on a node and is gone.
COME = """
insert into mainspring.hot_runs (id, created_at, run_at, state, task)
select gen_random_uuid(), {start}, {start} + n * interval '1 ms', 2, 'gone' from generate_series(1, {n}) n
"""
BE_READY = "update mainspring.hot_runs set state = 3, ready_at = run_at where task = 'gone'"
RUN = """
update mainspring.hot_runs set state = 4, node_id = {node}, claim_id = gen_random_uuid(), attempt_until = {start} + interval '1 day'
where task = 'gone'
"""
GO = "delete from mainspring.hot_runs where task = 'gone'"
ANALYZE = "analyze mainspring.hot_runs"  # of all columns, as autovacuum does it


@pytest.fixture
def stage(kind: Kind, tmp_path: Path, runner: asyncio.Runner) -> Iterator[Stage]:
    """A store on a database whose hot table has never been analyzed, and is not until a test does it."""
    context = open_stage(kind, tmp_path, is_fresh=True)
    stage = runner.run(context.__aenter__())
    with psycopg.connect(_url(stage), autocommit=True) as connection:
        connection.execute("alter table mainspring.hot_runs set (autovacuum_enabled = off)")
    yield stage
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture(params=MOMENTS, ids=[f"analyzed when {each}" for each in MOMENTS])
def analyzed(request: pytest.FixtureRequest, stage: Stage) -> Moment:
    """When the planner's statistics are taken: before there was any run, when nothing but dead rows of others is left, or when those to be
    buried are ready, are running, or are gone.
    """
    moment: Moment = request.param
    if moment == "left":
        bury(stage, make_claim_id())
    if moment in ("empty", "left"):
        with psycopg.connect(_url(stage), autocommit=True) as connection:
            connection.execute(ANALYZE)
    return moment


@asynccontextmanager
async def held_snapshot(stage: Stage) -> AsyncIterator[None]:
    """Hold a snapshot, as a long report does."""
    async with await psycopg.AsyncConnection.connect(_url(stage)) as connection:
        await connection.execute("set transaction isolation level repeatable read")
        await connection.execute("select 1")
        try:
            yield
        finally:
            await connection.rollback()


def bury(stage: Stage, node: str, n: int = BURIED, analyzed: Moment = "empty") -> None:
    """Let runs come and go, in a second or so of the stage's clock for each thousand."""
    values = {"start": sql.Literal(stage.clock.now), "n": sql.Literal(n), "node": sql.Literal(node)}
    with psycopg.connect(_url(stage), autocommit=True) as connection:
        for text, moment in ((COME, None), (BE_READY, "ready"), (RUN, "running"), (GO, "gone")):
            connection.execute(sql.SQL(text).format(**values))
            if analyzed == moment:
                connection.execute(ANALYZE)
        connection.execute("select pg_stat_force_next_flush()")  # or the count of dead rows comes when it likes


async def pages(stage: Stage, query: str, **values: Any) -> int:
    """Return how many pages a statement touches, as the engine sends it, null for what is not given; nothing that it does stays."""
    statement = stage.database.query(query)
    async with await psycopg.AsyncConnection.connect(_url(stage)) as connection:
        for name, value in _SETTINGS.items():
            await connection.execute(f"set local {name} = '{value}'".encode())
        await connection.execute(f"prepare asked as {statement.numbered}".encode())
        arguments = sql.SQL(", ").join(sql.Literal(values.get(name)) for name in statement.parameters)
        call = sql.SQL("({})").format(arguments) if statement.parameters else sql.SQL("")
        answer = await connection.execute(
            sql.SQL("explain (analyze, buffers, timing off, summary off, format json) execute asked{}").format(call)
        )
        row = await answer.fetchone()
        await connection.rollback()
    assert row is not None
    plan = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _url(stage: Stage) -> str:
    assert isinstance(stage.database, PostgresDatabase)
    return stage.database.url


async def _claim(stage: Stage, node: str, since: datetime | None) -> int:
    return await pages(
        stage, "runs_claim", queues=["default"], tenants=[""], pools=[0], priorities=[2], n=1, node=node, claim=make_claim_id(), grace_ms=0,
        watermarks=["-infinity" if since is None else since.isoformat()],
    )  # fmt: skip


async def test_a_claim_and_the_one_after_a_full_pass_start_past_the_graveyard(stage: Stage, kind: Kind, analyzed: Moment) -> None:
    node = await stage.node()
    async with held_snapshot(stage):
        bury(stage, node, analyzed=analyzed)
        await stage.clock.advance(60)
        await stage.add_new(20)
        ((lane, oldest),) = await stage.runs.lanes()
        assert await _claim(stage, node, None) > 100  # the graveyard is there
        assert await _claim(stage, node, oldest) < FEW
        (first, *_) = await stage.runs.claim(node, make_claim_id(), [Lane(lane.queue, "", 0, 2, since=oldest)], 5, timedelta(1))
        assert await _claim(stage, node, first.ready_at) < FEW


async def test_a_look_for_due_runs_starts_past_those_that_were(stage: Stage, kind: Kind, analyzed: Moment) -> None:
    node = await stage.node()
    async with held_snapshot(stage):
        bury(stage, node, analyzed=analyzed)
        await stage.clock.advance(60)
        await stage.add_new(2, delay=timedelta(seconds=30))
        assert await pages(stage, "runs_next_due", since="-infinity") > 100
        due, since = await stage.runs.next_due_from(None)
        assert due == timedelta(seconds=30)
        assert await pages(stage, "runs_next_due", since=since.isoformat()) < FEW
        await stage.clock.advance(31)
        assert (await stage.runs.next_due_from(since))[0] == timedelta(seconds=-1)
        assert await pages(stage, "runs_promote", since="-infinity", n=500) > 100
        assert await pages(stage, "runs_promote", since=since.isoformat(), n=500) < FEW
        assert await stage.runs.promote(500, since) == {Lane("default", "", PoolKind.ASYNC, Priority.MEDIUM)}


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["never analyzed", "analyzed"])
async def test_a_look_at_the_gates_starts_past_those_that_have_passed(stage: Stage, kind: Kind, is_analyzed: bool) -> None:
    come = COME.replace("state, task)", "state, task, gate, overlap_key)").replace("2, 'gone'", "2, 'gone', 1, 'gone/' || n")
    async with held_snapshot(stage):
        with psycopg.connect(_url(stage), autocommit=True) as connection:
            connection.execute(sql.SQL(come).format(start=sql.Literal(stage.clock.now), n=sql.Literal(BURIED)))
            connection.execute("update mainspring.hot_runs set state = 3, ready_at = run_at, gate = 0 where task = 'gone'")
            connection.execute(GO)
            if is_analyzed:
                connection.execute(ANALYZE)
        await stage.clock.advance(60)
        look = await stage.store.gates.look(is_full=False)
        await stage.add_new(2, overlap=SKIP, overlap_key="t/", is_asked=True)
        assert await pages(stage, "gates_look", is_full=False, since="-infinity", n=500) > 100
        assert await pages(stage, "gates_look", is_full=False, since=look.since, n=500) < FEW
        assert (await stage.store.gates.look(is_full=False, since=look.since)).keys == ("t/",)


async def test_the_dead_are_looked_through_and_the_living_are_not(stage: Stage, kind: Kind, analyzed: Moment) -> None:
    busy, dead = await stage.node("busy"), await stage.node("dead")
    await stage.add_new(3)
    await stage.claim(dead)
    async with held_snapshot(stage):
        bury(stage, busy, analyzed=analyzed)
        assert await pages(stage, "runs_overdue", n=500) > 100
        assert await stage.nodes.reap(busy, found=[dead]) == [dead]
        assert await pages(stage, "runs_orphans", n=500) < FEW
        assert [orphan.together for orphan in await stage.runs.orphans()] == [3, 3, 3]


async def test_what_nobody_holds_any_more_is_looked_through_once(stage: Stage, kind: Kind, analyzed: Moment) -> None:
    """Whoever finds a dead entry marks it for all who come after, until a vacuum comes: an index scan does, a bitmap scan never."""
    busy, other = await stage.node("busy"), await stage.node("other")
    await stage.add_new(3)
    await stage.claim(other)
    bury(stage, busy, analyzed=analyzed)
    assert await pages(stage, "runs_overdue", n=500) > 100
    for query, values in (("runs_overdue", {"n": 500}), ("runs_held_by", {"node": busy}), ("runs_running", {})):
        assert await pages(stage, query, **values) < FEW, query


async def test_many_orphans_of_a_node_that_was_busy_cost_one_walk(stage: Stage, kind: Kind, analyzed: Moment) -> None:
    """To count for each of them who went down with it was a walk for each: rescue would never have come to its end."""
    busy, other = await stage.node("busy"), await stage.node("other")
    async with held_snapshot(stage):
        bury(stage, busy, analyzed=analyzed)
        await stage.add_new(50)
        assert len(await stage.claim(busy)) == 50
        assert await stage.nodes.reap(other, found=[busy]) == [busy]
        one_walk = await pages(stage, "runs_held_by", node=busy)
        assert one_walk > 100
        assert await pages(stage, "runs_orphans", n=500) < 2 * one_walk


async def test_what_a_busy_node_asks_all_the_time_does_not_grow(stage: Stage, kind: Kind, analyzed: Moment) -> None:
    node = await stage.node()
    await stage.add_new(8)
    runs = await stage.claim(node, 4)
    batch = [{"id": run.id, "claim": run.claim_id, "ms": 1, "result": None, "records": None} for run in runs]
    ends = [
        {"id": run.id, "claim": run.claim_id, "state": 2, "outcome": 11, "delay_ms": 1e6, "burns_retry": True, "burns_rescue": False}
        for run in runs
    ]

    async def asked() -> dict[str, int]:
        return {
            "runs_complete": await pages(stage, "runs_complete", batch=json.dumps(batch), shard=0),
            "runs_settle": await pages(stage, "runs_settle", batch=json.dumps(ends), shard=0, late="{}", is_owner=True),
            "nodes_beat": await pages(
                stage, "nodes_beat", id=node, lease_ms=60_000, running=4, state=1, facts=None, is_direct=False,
            ),
        }  # fmt: skip

    before = await asked()
    async with held_snapshot(stage):
        bury(stage, node, analyzed=analyzed)
        after = await asked()
    for name, n in after.items():
        assert n < before[name] + FEW, name


async def test_a_vacuum_that_may_take_nothing_is_not_repeated_for_nothing(stage: Stage, kind: Kind) -> None:
    node, upkeep = await stage.node(), stage.store.upkeep
    async with held_snapshot(stage):
        bury(stage, node, 1000)
        assert await upkeep.vacuum(dead_rows=500)
        assert not await upkeep.vacuum(dead_rows=500)
        bury(stage, node, 200)
        assert not await upkeep.vacuum(dead_rows=500)
        bury(stage, node, 2000)
        assert await upkeep.vacuum(dead_rows=500)  # twice as many: worth a look
    bury(stage, node, 6000)
    assert await upkeep.vacuum(dead_rows=500)  # nobody holds them any more
    bury(stage, node, 200)
    assert await upkeep.vacuum(dead_rows=500)
