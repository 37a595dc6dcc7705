"""Upkeep: partitions ahead of time, vacuum."""

import psycopg
import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.event import EventKind
from mainspring.core.run import Released
from mainspring.core.state import RunState
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Entry
from tests.store.harness import Kind, Stage

DAY = 86400


@pytest.mark.parametrize("kind", ["postgres"])
async def test_partitions_are_made_ahead_and_once(stage: Stage, kind: Kind) -> None:
    upkeep = stage.store.upkeep
    before = set(await upkeep.partitions())
    assert len(before) == 9  # yesterday, today, tomorrow
    made = await upkeep.make_partitions(3)
    assert made == [f"{table}_2031030{day}" for day in (6, 7) for table in ("history", "attempts", "events")]
    assert await upkeep.make_partitions(3) == []
    assert set(await upkeep.partitions()) == before | set(made)


@pytest.mark.failure(37)
@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_day_without_a_partition_loses_nothing_and_gets_one_later(stage: Stage, kind: Kind) -> None:
    await stage.clock.advance(3 * DAY)
    run = await stage.claim_new()
    await stage.settle(run, Released("shutdown"), entries=[Entry(0.0, EventKind.LOG, {"m": "x"})])
    (run,) = await stage.claim(await stage.node())
    assert await stage.complete(run) == {run.id}
    rest = [len(await stage.sql(f"select * from mainspring.{table}_rest")) for table in ("history", "attempts", "events")]
    assert rest == [1, 2, 1]
    events = await stage.store.events.after(run.id, scope=EVERYTHING)
    await stage.store.upkeep.make_partitions(1)
    rest = [len(await stage.sql(f"select * from mainspring.{table}_rest")) for table in ("history", "attempts", "events")]
    assert rest == [0, 0, 0]
    assert await stage.store.events.after(run.id, scope=EVERYTHING) == events
    assert (await stage.get(run.id)).state is RunState.COMPLETED
    (row,) = await stage.sql("select tableoid::regclass::text as place from mainspring.history")
    assert row["place"].endswith("history_20310307")
    count = "select count(*)::int as n from pg_index where indrelid = 'mainspring.{}'::regclass"
    assert await stage.sql(count.format("history_20310307")) == await stage.sql(count.format("history"))


@pytest.mark.parametrize("kind", ["postgres"])
async def test_the_database_itself_refuses_a_second_outcome(stage: Stage, kind: Kind) -> None:
    run = await stage.claim_new()
    await stage.complete(run)
    with pytest.raises(psycopg.errors.UniqueViolation):
        assert isinstance(stage.database, PostgresDatabase)
        with psycopg.connect(stage.database.url) as connection:
            connection.execute("insert into mainspring.history select * from mainspring.history")


@pytest.mark.failure(33)
@pytest.mark.parametrize("kind", ["postgres"])
async def test_our_own_vacuum_bounds_the_hot_table_without_autovacuum(stage: Stage, kind: Kind) -> None:
    assert isinstance(stage.database, PostgresDatabase)
    await stage.sql("alter table mainspring.hot_runs set (autovacuum_enabled = off)")
    assert not await stage.store.upkeep.vacuum(dead_rows=500)
    node = await stage.node()
    sizes = []
    for _ in range(3):
        await stage.add_new(1000)
        while claimed := await stage.claim(node, 500):
            await stage.complete(*claimed)
        await _flush_statistics(stage)
        assert await _dead_rows(stage) >= 1000
        assert await stage.store.upkeep.vacuum(dead_rows=500)
        await _flush_statistics(stage)
        assert await _dead_rows(stage) < 500
        (row,) = await stage.sql("select pg_relation_size('mainspring.hot_runs') as size")
        sizes.append(row["size"])
    assert sizes[2] <= sizes[0] * 1.2


async def _dead_rows(stage: Stage) -> int:
    (row,) = await stage.database.read("upkeep_dead_rows")
    return int(row["dead"])


async def _flush_statistics(stage: Stage) -> None:
    """Counts of dead rows arrive a second late; a backend that ends leaves its own at once."""
    wires = getattr(stage.database, "_wires")  # noqa: B009 - the test ends the connections of the store
    idle, wires._idle = wires._idle, []
    wires._n -= len(idle)
    for wire in idle:
        await wire.close()
    assert isinstance(stage.database, PostgresDatabase)
    with psycopg.connect(stage.database.url, autocommit=True) as connection:
        for _ in range(1000):
            row = connection.execute(
                "select count(*) from pg_stat_activity where datname = current_database() and query like '%mainspring.hot_runs%' "
                "and pid <> pg_backend_pid()"
            ).fetchone()
            if row is not None and row[0] == 0:
                return
            connection.execute("select pg_sleep(0.005)")


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_sqlite_needs_neither_partitions_nor_vacuum(stage: Stage, kind: Kind) -> None:
    assert await stage.store.upkeep.make_partitions() == []
    assert await stage.store.upkeep.partitions() == []
    assert not await stage.store.upkeep.vacuum(0)
