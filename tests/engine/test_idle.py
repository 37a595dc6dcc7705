"""A node that has nothing to do leaves nothing behind, however long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainspring import every, task
from mainspring.core.access import EVERYTHING
from tests.fleet import Fleet

TABLES = ("events", "attempts", "history", "hot_runs", "audit", "notices", "stats", "errors", "pulses", "service_samples", "samples")


@task
async def quick() -> None: ...


@task(schedule=every("1d"))
async def daily() -> None: ...


async def _rows(fleet: Fleet) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        (row,) = await fleet.database.execute(f"select count(*) as n from mainspring.{table}")
        counts[table] = row["n"]
    return counts


@pytest.mark.scenario("S0-21")
async def test_empty_rounds_write_no_rows_and_the_last_runs_stay_however_long(fleet: Fleet) -> None:
    node = await fleet.node("a", [quick, daily], drives=True, retention=timedelta(minutes=5), keep_last=2)
    handles = [await node.app.enqueue(quick) for _ in range(4)]
    await fleet.advance(30)
    assert await fleet.states(handles) == ["completed"] * 4
    before = await _rows(fleet)
    await fleet.advance(240)
    assert await _rows(fleet) == before  # minutes without work
    await fleet.advance(3 * 3600)
    after = await _rows(fleet)
    assert after["history"] == 2
    assert [name for name in TABLES if after[name] > before[name]] == []  # what went with the pruned runs went
    kept = {run.id for run in await fleet.store.runs.page(task=quick.name, n=10, scope=EVERYTHING)}
    assert kept == {each.id for each in handles[2:]}
