"""Schedules in real runners: killed, frozen, started again; every slot has exactly one run."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mainspring.core.access import EVERYTHING
from tests.chaos.stage import Stage, WorkerProcess

MODULE = "tests.chaos.schedule_tasks"
SECOND = timedelta(seconds=1)


async def runner(stage: Stage, name: str, **env: str) -> WorkerProcess:
    """Start a runner and wait until it lives."""
    command = [sys.executable, "-m", "mainspring", "runner", "--url", stage.url, "--discover", MODULE, "--name", name]
    process = WorkerProcess(stage, name, command, env)
    stage.processes.append(process)
    await process.alive()
    return process


async def slots(stage: Stage, task: str = "each_second") -> list[datetime]:
    """Return the slots that have been accounted for, by a run or by a record, in order."""
    schedule = await stage.store.schedules.get(task)
    rows = stage.rows(
        f"select slot_at from mainspring.hot_runs where schedule_id = {schedule.id} "
        f"union all select slot_at from mainspring.history where schedule_id = {schedule.id}"
    )
    found = [stage.store.database.from_time(row["slot_at"]) for row in rows]
    return sorted(slot.astimezone(UTC) for slot in found if slot is not None)


async def until_slots(stage: Stage, n: int) -> list[datetime]:
    async def are_there() -> bool:
        return len(await slots(stage)) >= n

    await stage.until(are_there, f"{n} slots")
    return await slots(stage)


@pytest.mark.scenario("S2", part="processes")
@pytest.mark.failure(27)
async def test_runners_that_are_killed_and_started_lose_no_slot(stage: Stage) -> None:
    first, second = await runner(stage, "first"), await runner(stage, "second")
    await until_slots(stage, 3)
    first.kill()
    await until_slots(stage, 6)
    third = await runner(stage, "third")
    second.freeze()
    await until_slots(stage, 9)
    second.thaw()
    third.kill()
    await until_slots(stage, 12)
    second.kill()
    await second.gone()
    last = await runner(stage, "last")
    found = await until_slots(stage, 15)
    assert found == [found[0] + n * SECOND for n in range(len(found))]  # each once, and none is missing
    assert await stage.stopped(last) == 0
    stage.committed |= {each.id for each in await stage.store.runs.page(task="each_second", n=1000, scope=EVERYTHING)}


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.scenario("D5", part="runner")
async def test_predicates_are_asked_beside_the_engine(stage: Stage) -> None:
    process = await runner(stage, "only")
    await stage.until(lambda: len(stage.journal("wanted")) >= 2, "two runs that a predicate wanted")
    assert all(int(line.facts["pid"]) != process.pid for line in stage.journal("wanted"))
    asked = (stage.folder / "journal").read_text().count("asked engine=")
    assert asked >= 2 and f"asked engine={process.pid}" in (stage.folder / "journal").read_text()
    assert process.pid != os.getpid()
    assert await stage.stopped(process) == 0
