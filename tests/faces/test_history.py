"""``mainspring runs list|count`` and ``mainspring stats``: what was, with its totals, and how long it took."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from mainspring import cron
from tests.faces.conftest import Cli

FIVE = json.dumps(cron("*/5 * * * *").dump())


@pytest.fixture
def past(cli: Cli) -> Cli:
    """A store with a few runs of every kind."""
    for number in range(3):
        cli.ok("enqueue", "--priority", "critical", "add", str(number))
    cli.ok("enqueue", "--delay", "1h", "add", "7")
    cli("run", "fails")
    assert cli.start("worker", "--burst").end() == 0
    return cli


def mark(cli: Cli, change: str) -> None:
    """Make history by hand."""
    with sqlite3.connect(cli.url.removeprefix("sqlite:///")) as connection:
        connection.execute(f"update mainspring_history set {change}")


@pytest.mark.scenario("U9", part="cli")
def test_history_is_filtered_by_name_priority_state_and_date_with_right_totals(past: Cli) -> None:
    def total(*args: str) -> int:
        found = int(past.object("runs", "count", *args)["total"])
        assert found == len(past.objects("runs", "list", *args))
        assert past.ok("runs", "count", *args) == f"{found}\n"
        return found

    now = datetime.now(UTC)
    assert total() == 5
    assert total("--task", "add") == 4
    assert total("--priority", "critical") == 3
    assert total("--state", "failed") == 1
    assert total("--state", "completed", "--state", "pending") == 4
    assert total("--origin", "cli") == 5
    assert total("--origin", "schedule") == 0
    assert total("--since", "1h") == 5
    assert total("--until", "1h") == 0
    assert total("--since", (now + timedelta(days=1)).date().isoformat()) == 0
    assert total("--since", "2026-01-01", "--until", (now + timedelta(hours=1)).isoformat()) == 5
    assert total("--state", "running") == total("--state", "skipped") == total("--state", "blocked") == total("--state", "lost") == 0
    mark(past, "reason = 'lost' where task = 'fails'")
    assert total("--state", "lost") == total("--reason", "lost") == 1
    assert [row["reason"] for row in past.objects("runs", "--state", "lost")] == ["lost"]
    mark(past, "state = 14, reason = 'previous_instance_running', blocked_by = id where task = 'fails'")
    (row,) = past.objects("runs", "--state", "skipped")
    assert (row["reason"], row["blocked_by"]) == ("previous_instance_running", row["id"])
    assert total("--task", "add", "--state", "completed", "--priority", "critical", "--since", "1h") == 3


def test_a_page_tells_the_total_of_all_pages(past: Cli) -> None:
    result = past("runs", "list", "--total", "--limit", "2")
    assert result.exit_code == 0
    assert "5 in all" in result.stderr
    assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--since", "yesterday"), "since"),
        (("--until", "2026-13-01"), "until"),
        (("--schedule", "nobody"), "there is no schedule named 'nobody'"),
        (("--priority", "urgent"), "--priority"),
        (("--state", "executing"), "--state"),
    ],
)
def test_a_wrong_condition_is_named(cli: Cli, args: tuple[str, str], said: str) -> None:
    result = cli("runs", "count", *args)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.scenario("B-12")
def test_each_row_of_a_schedule_shows_its_own_state_duration_node_and_outcome(past: Cli) -> None:
    with sqlite3.connect(past.url.removeprefix("sqlite:///")) as connection:
        columns = "id, name, task, code, cursor_at, created_at, changed_at"
        connection.execute(f"insert into mainspring_schedules ({columns}) values (7, 'nightly', 'add', '{FIVE}', 0, 0, 0)")
    mark(past, "schedule_id = 7, slot_at = started_at where task = 'add'")
    mark(past, "schedule_id = 7, reason = 'lost' where task = 'fails'")
    rows = past.objects("runs", "--schedule", "nightly")
    assert [(row["task"], row["state"], row["reason"]) for row in rows] == [("fails", "failed", "lost")] + [("add", "completed", None)] * 3
    nodes = {row["id"] for row in past.objects("nodes", "--all")}
    assert all(row["node_id"] in nodes and row["duration_ms"] > 0 and row["finished_at"] for row in rows)
    assert {row["schedule"] for row in rows} == {"nightly"}
    assert [row["slot_at"] is not None for row in rows] == [False, True, True, True]
    shown = past.ok("runs", "--schedule", "nightly")
    assert "nightly" in shown and "lost" in shown
    assert "executing" not in shown
    assert past.object("runs", "show", rows[1]["id"])["schedule"] == "nightly"


@pytest.mark.scenario("U10", part="cli")
def test_stats_have_percentiles_rates_and_a_trend(past: Cli) -> None:
    found = past.object("stats", "show", "--by", "hour")
    by_task = {row["task"]: row for row in found["tasks"]}
    assert (by_task["add"]["completed"], by_task["add"]["success_rate"]) == (3, 1.0)
    assert (by_task["fails"]["failed"], by_task["fails"]["success_rate"]) == (1, 0.0)
    ran = by_task["add"]["ran"]
    assert ran["n"] == 3
    assert 0 < ran["p50_ms"] <= ran["p95_ms"] <= ran["p99_ms"] <= ran["max_ms"]
    assert by_task["add"]["waited"]["n"] == 3
    assert sum(row["completed"] for row in found["trend"]) == 3
    assert all(row["at"].endswith(":00:00Z") for row in found["trend"])
    only = past.object("stats", "--task", "fails", "--by", "day")
    assert [row["task"] for row in only["tasks"]] == ["fails"]
    assert [(row["failed"], row["completed"]) for row in only["trend"]] == [(1, 0)]
    assert past.object("stats")["trend"] == []
    table = past.ok("stats", "--by", "hour")
    assert "p95" in table and "100.0%" in table
    assert past("stats", "--by", "month").exit_code == 2


@pytest.mark.scenario("S0-33", part="cli")
def test_the_exit_code_of_has_is_the_answer(cli: Cli) -> None:
    assert cli.ok("has", "services") == "services: yes\n"
    assert cli.ok("has", "backend") == "backend: yes, sqlite\n"
    elsewhere = cli.start("has", "side-tasks", env={"SIDE_TASKS_ENABLED": "false"})
    assert elsewhere.end() == 1
    assert "services: no. SIDE_TASKS_ENABLED is false here" in elsewhere.said
    answer = cli("--json", "has", "engine>=99")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["is_available"] is False
    told = {each["name"]: each for each in cli.object("doctor")["capabilities"]}
    assert told["schedules"]["is_available"]
