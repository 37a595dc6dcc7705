"""The store under real load: snapshots that are held, days without partitions, retention, repairs, migrations."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.run import NewRun
from mainspring.store.runs import Completion, Lane, RunStore
from tests import postgres
from tests.chaos import checker
from tests.chaos.chaos_tasks import touch
from tests.chaos.stage import MODULE, Stage, until

POSTGRES = pytest.mark.parametrize("kind", ["postgres"])
MANY = 5000


async def drive(store: RunStore, node: str, runs: list[NewRun], lane: Lane) -> Any:
    """Add, claim and complete runs, batch by batch, as a worker does; answers the watermark."""
    since: Any = None
    for start in range(0, len(runs), 500):
        await store.add_many(runs[start : start + 500])
        watermark = Lane(lane.queue, lane.tenant, lane.pool, lane.priority, since)
        claimed = await store.claim(node, make_claim_id(), [watermark], 500, timedelta(seconds=30))
        assert len(claimed) == min(500, len(runs) - start)
        assert len(await store.complete([Completion(run.id, run.claim_id, 1.0, None) for run in claimed])) == len(claimed)
        since = max(run.ready_at for run in claimed)
    return since


def searched(stage: Stage, node: str, lane: Lane) -> tuple[int, str]:
    """Return how many pages a claim looks at to find its runs, and its plan; nothing is changed."""
    query = stage.store.database.query("runs_claim")
    values = {
        "node": node, "claim": make_claim_id(), "n": 100, "grace_ms": 30_000, "queues": [lane.queue], "tenants": [lane.tenant],
        "pools": [lane.pool], "priorities": [lane.priority], "watermarks": ["-infinity" if lane.since is None else lane.since.isoformat()],
    }  # fmt: skip
    with psycopg.connect(stage.url) as connection:
        connection.execute("set enable_seqscan = off")
        text = query.statements[0]
        [(plan,)] = connection.execute(f"explain (analyze, buffers, format json) {text}".encode(), values).fetchall()
        connection.rollback()
    [scan] = [each for each in _nodes(plan[0]["Plan"]) if each.get("Index Name") == "hot_runs_lane"]
    return int(scan["Shared Hit Blocks"]) + int(scan["Shared Read Blocks"]), json.dumps(plan)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


@POSTGRES
@pytest.mark.failure(32)
async def test_a_snapshot_that_is_held_does_not_slow_claims_down(stage: Stage) -> None:
    store, lane = stage.store, Lane("default", "", 0, 2)
    node = make_claim_id()
    await store.nodes.register(node, name="n", host="h", pid=1, lease=timedelta(hours=1), facts={})
    ids = [NewRun(stage.app._enqueuer.ids.make(n), "touch", '{"n": 1}') for n in range(MANY + 100)]
    with psycopg.connect(stage.url) as holder:
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select count(*) from mainspring.hot_runs")  # from here on no dead row may go away
        since = await drive(store.runs, node, ids[:MANY], lane)
        await store.runs.add_many(ids[MANY:])
        graveyard, _ = searched(stage, node, lane)
        watermark, plan = searched(stage, node, Lane(lane.queue, lane.tenant, lane.pool, lane.priority, since))
        assert graveyard > MANY / 60, "the graveyard is there: the test means something"
        assert watermark < graveyard / 5, plan
    claimed = await store.runs.claim(node, make_claim_id(), [lane], 200, timedelta(seconds=30))
    assert len(claimed) == 100
    await store.runs.complete([Completion(run.id, run.claim_id, 1.0, None) for run in claimed])


@POSTGRES
@pytest.mark.failure(37)
async def test_a_day_without_a_partition_fails_nothing(stage: Stage) -> None:
    worker = await stage.worker("w")
    before = await stage.enqueue_many(touch, [{"n": n} for n in range(20)])
    await stage.until_final(before)
    stage.rows("delete from mainspring.history returning id")
    for table in ("history", "attempts", "events"):
        for name in await stage.store.upkeep.partitions():
            if name.startswith(table):
                await stage.store.database.execute(f"drop table mainspring.{name}")
    stage.committed.clear()
    handles = await stage.enqueue_many(touch, [{"n": n} for n in range(50)])
    ended = await stage.until_final(handles)
    assert {str(run.state) for run in ended} == {"completed"}
    assert len(stage.rows("select id from mainspring.history_rest")) == 50
    load = await stage.enqueue_many(touch, [{"n": n} for n in range(300)])
    assert await stage.store.upkeep.make_partitions()  # while runs finish
    await stage.until_final(load)
    assert stage.rows("select id from mainspring.history_rest") == []
    assert await stage.stopped(worker) == 0


@pytest.mark.failure(54)
@pytest.mark.scenario("X5", part="a run without a living node")
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.chaos)])
async def test_a_starting_worker_repairs_and_prunes(stage: Stage) -> None:
    long_ago = time.time_ns() // 1_000_000 - 10 * 86_400_000
    ids = IdMaker()
    old = [NewRun(ids.make(long_ago), "touch", '{"n": 1}') for _ in range(20)]  # their day has no partition
    await stage.store.runs.add_many(old)
    strange = await stage.enqueue(touch, n=99)
    waiting = await stage.enqueue(touch.options(delay="1h"))
    claim, nobody = make_claim_id(), make_claim_id()
    assert len(await stage.store.runs.cancel([run.id for run in old])) == 20
    is_sqlite = stage.kind == "sqlite"
    ago = f"finished_at - {10 * 86400 * 1_000_000}" if is_sqlite else "finished_at - interval '10 days'"
    await stage.store.database.execute(f"update mainspring.history set finished_at = {ago}")
    await stage.store.database.execute(
        f"update mainspring.hot_runs set state = 4, claim_id = '{claim}', node_id = '{nobody}', attempt = 1, claim_seq = seq + 1, "
        f"seq = seq + 2 where id = '{strange.id}'"
    )
    worker = await stage.worker("w", TASK_RETENTION_DAYS="7")
    [run] = await stage.until_final([strange])
    assert (str(run.state), run.attempt) == ("completed", 2)  # repaired once, with a fact that says so
    [lost, _] = await stage.store.runs.attempts(strange.id, scope=EVERYTHING)
    assert (str(lost.outcome), lost.node_id) == ("lost", nobody)

    def are_gone() -> bool:
        return len(stage.rows("select id from mainspring.history")) == 1

    await stage.until(are_gone, "old runs to fall")
    assert str((await waiting.status()).state) == "pending"
    assert await stage.stopped(worker) == 0


@pytest.mark.scenario("X6")
@pytest.mark.parametrize("kind", ["postgres", pytest.param("sqlite", marks=pytest.mark.chaos)])
async def test_processes_that_migrate_together_do_it_once(stage: Stage) -> None:
    url = postgres.fresh_database(postgres.server()) if stage.kind == "postgres" else f"sqlite:///{stage.folder}/fresh.db"
    scripts = [stage.script(f"m{n}", "mainspring", "migrate", "--url", url, "--discover", MODULE) for n in range(3)]
    for script in scripts:
        assert await script.gone() == 0, script.said
    applied = [str(row) for row in checker.rows(url, "select * from mainspring.migrations")]
    assert len(applied) == len(set(applied)) > 0
    app = stage.client(url)
    async with app:
        handle = await app.enqueue(touch)
        assert str((await handle.status()).state) == "pending"
    if stage.kind == "postgres":
        postgres.drop_database(url)


@pytest.mark.chaos
@pytest.mark.failure(33)
async def test_our_own_vacuum_bounds_the_hot_table(fragile: Stage) -> None:
    stage = fragile
    await stage.store.database.execute("alter table mainspring.hot_runs set (autovacuum_enabled = off)")
    worker = await stage.worker("w")
    for _ in range(6):
        handles = await stage.enqueue_many(touch, [{"n": n} for n in range(10_000)])
        await stage.until_final(handles[-1:])
    counts = "select n_dead_tup, vacuum_count from pg_stat_user_tables where relname = 'hot_runs'"

    def is_vacuumed() -> bool:
        [row] = stage.rows(counts)
        return int(row["vacuum_count"]) >= 1

    await until(is_vacuumed, "a vacuum of our own", 90, worker)
    await stage.until(lambda: stage.rows("select id from mainspring.hot_runs") == [], "the queue to be empty")
    assert await stage.stopped(worker) == 0
