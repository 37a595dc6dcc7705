"""The views for people who query by hand: each column of the task system that they know, on both databases, and what stands in it."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.definition import Definition
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import PoolKind, Priority
from mainspring.core.run import Failed, NewRun, Skipped
from mainspring.core.schedule import cron, every, manual, when
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.core.service import Instances
from mainspring.store.services import Declared
from mainspring.store.sqlite import SqliteDatabase
from tests.store.harness import Stage

COLUMNS = {
    "cron_tasks": ("id", "name", "schedule", "schedule_function", "enabled", "priority", "timeout", "retries"),
    "cron_task_executions": (
        "id", "task_id", "status", "started_at", "completed_at", "duration_ms", "config", "result", "error", "skipped_reason",
        "execution_environment",
    ),
    "side_tasks": ("id", "name", "description", "category", "enabled", "priority", "created_at", "updated_at"),
    "task_runner_state": (
        "id", "task_name", "task_type", "status", "started_at", "environment", "runner_instance_id", "created_at",
    ),
}  # fmt: skip
PRIORITIES = {"CRITICAL", "HIGH", "MEDIUM", "LOW", "BACKGROUND"}


async def is_open() -> bool:
    """Say whether it is time."""
    return True


def definition(task: str, priority: Priority, timeout: timedelta | None, retries: int) -> Definition:
    return Definition(
        task, "default", PoolKind.ASYNC, priority, timeout, None, retries, 3, True, True, 1, None, None, None, None
    )  # fmt: skip


async def declare(stage: Stage) -> dict[str, int]:
    """Declare schedules of four kinds; answers their ids."""
    await stage.store.definitions.register([
        definition("backup", Priority.HIGH, timedelta(minutes=5), 3), definition("prune", Priority.BACKGROUND, None, 0),
    ])  # fmt: skip
    said = {
        "nightly": ("backup", cron("0 3 * * *", tz="Europe/Berlin")), "often": ("prune", every("5m", enabled=False)),
        "asked": ("prune", when(is_open, every="1m")), "by_hand": ("unheard_of", manual()),
    }  # fmt: skip

    def make_run(record: ScheduleRecord, slot: Any) -> NewRun:
        raise AssertionError("nothing is due")

    await stage.store.schedules.declare(said, make_run)
    return {name: (await stage.store.schedules.get(name)).id for name in said}


async def look(stage: Stage, view: str, key: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a view by one of its columns, with their JSON read."""
    rows = await stage.sql(f"select * from mainspring.{view}")
    for row in rows:
        for name in ("config", "result", "error"):
            if isinstance(row.get(name), str):
                row[name] = json.loads(row[name])
    return {str(row[key]): row for row in rows}


@pytest.mark.parametrize("view", sorted(COLUMNS))
async def test_every_column_is_there_under_its_name(stage: Stage, view: str) -> None:
    assert await stage.sql(f"select {', '.join(COLUMNS[view])} from mainspring.{view}") == []
    if stage.kind != "postgres":
        assert await stage.sql(f"select {', '.join(COLUMNS[view])} from {view}") == []


async def test_cron_tasks_are_schedules(stage: Stage) -> None:
    await declare(stage)
    found = await look(stage, "cron_tasks", "name")
    shown = {name: (row["schedule"], row["schedule_function"], bool(row["enabled"]), row["priority"]) for name, row in found.items()}
    assert shown == {
        "nightly": ("0 3 * * *", None, True, "HIGH"),
        "often": ("every 5m", None, False, "BACKGROUND"),
        "asked": (None, f"{__name__}:is_open", True, "BACKGROUND"),
        "by_hand": (None, None, True, "MEDIUM"),
    }
    assert (found["nightly"]["timeout"], found["nightly"]["retries"], found["nightly"]["timezone"]) == (300_000, 3, "Europe/Berlin")
    assert (found["often"]["timeout"], found["often"]["retries"]) == (None, 0)
    assert len({str(row["id"]) for row in found.values()}) == 4
    assert found["nightly"]["next_execution_at"] is not None
    assert found["by_hand"]["next_execution_at"] is None
    await stage.store.schedules.pause("nightly", actor="ada", reason="moving")
    await stage.store.switches.put("prune", False)
    found = await look(stage, "cron_tasks", "name")
    assert found["nightly"]["paused_by"] == "ada"
    assert found["nightly"]["next_execution_at"] is None
    assert not found["asked"]["enabled"]  # its task is switched off


async def test_executions_say_how_each_slot_went_and_where(stage: Stage) -> None:
    ids = await declare(stage)
    node = await stage.node("worker", environment="production")

    async def new(slot: int, name: str = "nightly", **fields: Any) -> str:
        return await stage.add_one(
            task="backup", schedule_id=ids[name], slot_at=stage.clock.now + timedelta(minutes=slot), origin="schedule", **fields
        )

    good, bad, out, running = [await new(slot, params='{"keep": 3}') for slot in range(4)]
    by_id = {run.id: run for run in await stage.claim(node)}
    await stage.clock.advance(2)
    await stage.complete(by_id[good], result='{"rows": 5}')
    await stage.settle(by_id[bad], Failed({"type": "ValueError", "message": "no"}, is_terminal=True))
    await stage.settle(by_id[out], Skipped("previous_instance_running"))
    later = await new(5, delay=timedelta(hours=1))
    other = await stage.add_one(task="backup")  # a person's: no execution of a schedule
    found = await look(stage, "cron_task_executions", "id")
    assert other not in found
    assert {key: row["status"] for key, row in found.items()} == {
        good: "COMPLETED", bad: "FAILED", out: "SKIPPED", running: "RUNNING", later: "PENDING",
    }  # fmt: skip
    assert {key for key, row in found.items() if row["execution_environment"] == "production"} == {good, bad, out, running}
    assert {row["runner_instance_id"] for key, row in found.items() if key != later} == {node}
    assert (found[good]["config"], found[good]["result"], found[good]["error"]) == ({"keep": 3}, {"rows": 5}, None)
    assert found[good]["duration_ms"] in (1, 2)
    assert found[bad]["error"]["message"] == "no"
    assert {key: row["skipped_reason"] for key, row in found.items() if row["skipped_reason"]} == {out: "previous_instance_running"}
    assert all(row["started_at"] is not None for row in found.values())
    assert {key for key, row in found.items() if row["completed_at"] is not None} == {good, bad, out}
    joined = await stage.sql(
        "select task.name, count(*) as n from mainspring.cron_task_executions done "
        "join mainspring.cron_tasks task on task.id = done.task_id group by task.name"
    )
    assert joined == [{"name": "nightly", "n": 5}]
    (counted,) = await stage.sql("select execution_count, success_count, error_count from mainspring.cron_tasks where name = 'nightly'")
    assert counted == {"execution_count": 3, "success_count": 1, "error_count": 1}


async def test_where_a_run_was_carried_out_outlives_its_node(stage: Stage) -> None:
    ids = await declare(stage)
    node = await stage.node("worker", environment="serverless")
    run = await stage.claim_new(node, task="backup", schedule_id=ids["nightly"], slot_at=stage.clock.now)
    await stage.complete(run)
    await stage.nodes.stop(node)
    await stage.clock.advance(100_000)
    assert await stage.nodes.forget(timedelta(days=1)) == 1
    assert await stage.nodes.list() == []
    (row,) = (await look(stage, "cron_task_executions", "id")).values()
    assert (row["execution_environment"], row["runner_instance_id"]) == ("serverless", node)
    await stage.clock.advance(101 * 86_400)
    await stage.nodes.forget(timedelta(days=1))
    (row,) = (await look(stage, "cron_task_executions", "id")).values()
    assert (row["execution_environment"], row["runner_instance_id"]) == (None, node)


async def test_a_payload_that_was_spoiled_by_hand_hides_no_other(stage: Stage) -> None:
    ids = await declare(stage)
    runs = [await stage.add_one(task="backup", schedule_id=ids["nightly"], slot_at=stage.clock.now + n * timedelta(1)) for n in (0, 1)]
    await stage.sql(f"update mainspring.hot_runs set params = 'no json' where id = '{runs[0]}'")
    rows = await stage.sql("select config from mainspring.cron_task_executions order by started_at")
    assert [row["config"] for row in rows] == (['"no json"' if stage.kind == "postgres" else "no json", "{}"])
    await stage.sql(f"update mainspring.hot_runs set params = '{{}}' where id = '{runs[0]}'")


async def test_side_tasks_are_services_once_each(stage: Stage) -> None:
    facts = {"description": "Watches the inbox.", "category": "mail", "priority": "high"}
    await stage.store.services.declare([
        Declared("watch", "", Instances.ONE, True, facts),
        Declared("scrape", "", Instances.PER_NODE, False, {}), Declared("scrape", "worker", Instances.PER_NODE, False, {}),
        Declared("wöchentlich", "", Instances.ONE, True, {}),
    ])  # fmt: skip
    found = await look(stage, "side_tasks", "name")
    assert sorted(found) == ["scrape", "watch", "wöchentlich"]
    watch, scrape = found["watch"], found["scrape"]
    assert (watch["description"], watch["category"], bool(watch["enabled"]), watch["priority"]) == (
        "Watches the inbox.", "mail", True, "HIGH",
    )  # fmt: skip
    assert (scrape["description"], scrape["category"], bool(scrape["enabled"]), scrape["priority"]) == (None, "general", False, "MEDIUM")
    ids = {name: str(row["id"]) for name, row in found.items()}
    assert len(set(ids.values())) == 3
    assert all(len(each) == 36 for each in ids.values())
    await stage.clock.advance(60)
    await stage.store.services.declare([Declared("watch", "", Instances.ONE, False, facts)])
    again = await look(stage, "side_tasks", "name")
    assert {name: str(row["id"]) for name, row in again.items()} == ids
    assert not again["watch"]["enabled"]
    assert again["watch"]["created_at"] == watch["created_at"] < again["watch"]["updated_at"]


async def test_the_runners_state_is_what_runs_now_and_where(stage: Stage) -> None:
    node = await stage.node("worker", environment="development")
    run = await stage.claim_new(node, task="backup")
    await stage.store.services.declare([Declared("watch", "", Instances.ONE, True, {})])
    (seen,) = await stage.store.services.look("worker")
    service_run = stage.new_id()
    assert await stage.store.services.start(seen.standing, service_run, make_claim_id(), node) is not None
    stage.added.add(service_run)
    await stage.add_one(task="waits")
    found = await look(stage, "task_runner_state", "task_name")
    assert {name: (row["task_type"], row["status"]) for name, row in found.items()} == {
        "backup": ("cron", "RUNNING"), "watch": ("side", "RUNNING"),
    }  # fmt: skip
    assert {(row["environment"], row["runner_instance_id"], row["runner_name"]) for row in found.values()} == {
        ("development", node, "worker")
    }
    assert str(found["backup"]["id"]) == run.id
    assert all(row["started_at"] is not None and row["created_at"] is not None for row in found.values())


def test_a_table_of_your_own_in_the_same_file_keeps_its_name(tmp_path: Any) -> None:
    async def use() -> None:
        database = SqliteDatabase(tmp_path / "shared.db")
        await database.open()
        await database.execute("create table cron_tasks (mine integer)")
        from mainspring.store.migrate import Migrations

        await Migrations(database).apply()
        assert await database.execute("select mine from cron_tasks") == []
        assert await database.execute("select name from mainspring.cron_tasks") == []
        await database.close()

    asyncio.run(use())
