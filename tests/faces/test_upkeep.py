"""What stays and what goes, by the command line: prune, pin, delete, export."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest

from tests.faces.conftest import Cli
from tests.faces.test_catalog import audit_rows

SOURCE = """
from mainspring import Context, Mainspring, Retention, task

@task
async def plain(text: str = "") -> str:
    return text

@task(retry=0)
async def fails() -> None:
    raise ValueError("=1+1")

@task(retention=Retention(keep_last=20))
async def hoard(ctx: Context) -> None:
    ctx.log("kept")

app = Mainspring("sqlite://", tasks=[plain, fails, hoard], isolation="inline", retention="7d", retention_completed="1d")
"""


@pytest.fixture
def house(project: Cli) -> Cli:
    """A project whose runs can be made older."""
    (project.cwd / "house.py").write_text(SOURCE)
    project.app = ("-A", "house:app")
    return project


def made(cli: Cli, task: str, n: int = 1) -> list[str]:
    """Enqueue runs and have them done; answers their ids, the oldest first."""
    ids = [cli.ok("enqueue", task).strip() for _ in range(n)]
    worker = cli.start("worker", "--burst")
    assert worker.end() == 0, worker.said
    return ids


def expired(cli: Cli, *args: str) -> list[str]:
    return [row["id"] for row in cli.objects("prune", "--dry-run", *args)]


def left(cli: Cli) -> set[str]:
    return {row["id"] for row in cli.objects("runs", "--limit", "1000")}


@pytest.mark.scenario("S3-56", part="cli")
def test_what_is_past_its_time_goes_with_its_log_and_nothing_else(house: Cli) -> None:
    old, failed, hoard = made(house, "plain", 3), made(house, "fails", 2), made(house, "hoard", 22)
    house.ok("runs", "pin", old[0], "--reason", "evidence")
    waiting = house.ok("enqueue", "--delay", "1h", "plain").strip()
    assert expired(house) == []
    assert house.object("prune")["runs"] == 0
    of_completed = expired(house, "--older-than", "1ms", "--state", "completed")
    assert of_completed == sorted([*old[1:], *hoard[:2]])
    assert expired(house, "--older-than", "1ms", "--task", "fails") == failed
    assert set(expired(house, "--older-than", "1ms")) == {*old[1:], *failed, *hoard[:2]}
    told = house.ok("prune", "--dry-run", "--older-than", "1ms", "-t", "hoard")
    assert [line.split()[0] for line in told.splitlines()] == hoard[:2]
    assert left(house) == {*old, *failed, *hoard, waiting}

    unsure = house("prune", "--older-than", "1ms")
    assert unsure.exit_code == 2
    assert "Everything that finished more than 1ms ago goes" in unsure.stderr
    assert left(house) == {*old, *failed, *hoard, waiting}
    done = house.object("prune", "--older-than", "1ms", "--yes", "--reason", "spring")
    assert (done["runs"], done["days"]) == (6, 0)
    assert left(house) == {old[0], *hoard[2:], waiting}
    assert {row["run_id"] for row in _rows(house, "events")} == set(hoard[2:])
    row = audit_rows(house.url)[0]
    assert (row["verb"], row["object"], row["reason"], row["data"]) == ("runs.prune", "runs", "spring", {"runs": 6, "days": 0})
    assert {row["task"]: row["failed"] for row in house.object("stats")["tasks"]}["fails"] == 2  # statistics outlive their runs
    assert house("prune", "--older-than", "soon").exit_code == 2
    assert house("prune", "--state", "running").exit_code == 2


def _rows(cli: Cli, table: str) -> list[sqlite3.Row]:
    connection = sqlite3.connect(cli.cwd / "store.db")
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute(f"select * from mainspring_{table}").fetchall()
    finally:
        connection.close()


def test_pins_are_shown_and_only_finished_runs_without_one_are_deleted(house: Cli) -> None:
    (run_id,) = made(house, "hoard")
    assert "stays until it is unpinned" in house.ok("runs", "pin", run_id)
    assert "was pinned already" in house.ok("runs", "pin", run_id[-8:])
    assert house.object("runs", "show", run_id)["is_pinned"]
    assert "pinned" in house.ok("runs", "show", run_id)
    refused = house("runs", "delete", run_id, "--yes")
    assert refused.exit_code == 2
    assert "unpin it first" in refused.stderr
    assert house.object("runs", "unpin", run_id) == {"v": 1, "id": run_id, "is_pinned": False, "has_changed": True}
    unsure = house("runs", "delete", run_id)
    assert unsure.exit_code == 2
    assert "say --yes to mean it" in unsure.stderr
    assert f"{run_id} of hoard is gone" in house.ok("runs", "delete", run_id, "--yes", "--reason", "private")
    assert house("runs", "show", run_id).exit_code == 2
    assert _rows(house, "events") == []
    row = audit_rows(house.url)[0]
    assert (row["verb"], row["object"], row["reason"], row["data"]) == ("runs.delete", f"run:{run_id}", "private", {"task": "hoard"})
    waiting = house.ok("enqueue", "--delay", "1h", "plain").strip()
    refused = house("runs", "delete", waiting, "--yes")
    assert refused.exit_code == 2
    assert "only a finished run can be deleted; cancel it first" in refused.stderr


# -- exports


def test_runs_are_exported_as_lines_as_a_list_and_as_a_table(house: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.operations.export.PAGE", 2)
    plain = [house.ok("enqueue", "--label", "l", "plain", "--text", text).strip() for text in ('a,b\n"c"', "=cmd()", "ü")]
    failed = made(house, "fails", 2)
    lines = [json.loads(line) for line in house.ok("runs", "export").splitlines()]
    assert [line["id"] for line in lines] == [*failed[::-1], *plain[::-1]]
    assert lines[-1]["params"] == {"text": 'a,b\n"c"'}
    assert json.loads(house.ok("runs", "export", "-f", "json", "-s", "failed")) == lines[:2]
    assert json.loads(house.ok("runs", "export", "-f", "json", "-t", "nobody")) == []
    assert [json.loads(line)["id"] for line in house.ok("runs", "export", "--label", "l", "-n", "3").splitlines()] == plain[::-1]
    assert house.ok("runs", "export", "--since", "1h").count("\n") == 5
    table = list(csv.DictReader(io.StringIO(house.ok("runs", "export", "-f", "csv"))))
    assert [row["id"] for row in table] == [line["id"] for line in lines]
    assert json.loads(table[-1]["params"]) == {"text": 'a,b\n"c"'}
    assert table[0]["created_at"] == lines[0]["created_at"]
    assert table[0]["label"] == ""
    target = house.cwd / "runs.csv"
    house.ok("runs", "export", "-f", "csv", "-o", str(target))
    assert target.read_bytes().count(b"\r\n") == 6
    assert target.stat().st_mode & 0o777 == 0o600
    nowhere = house("runs", "export", "-o", str(house.cwd / "none" / "x"))
    assert nowhere.exit_code == 2
    assert "cannot write" in nowhere.stderr


def test_a_cell_that_a_spreadsheet_would_calculate_is_defused(house: Cli) -> None:
    for label in ("=1+1", "+1", "-1", "@sum", "\t=1", "plain", "1-1"):
        house.ok("enqueue", "--label", label, "plain")
    table = list(csv.DictReader(io.StringIO(house.ok("runs", "export", "-f", "csv"))))
    assert [row["label"] for row in reversed(table)] == ["'=1+1", "'+1", "'-1", "'@sum", "'\t=1", "plain", "1-1"]


def test_everything_can_be_taken_out(house: Cli, tmp_path: Path) -> None:
    (failed,) = made(house, "fails")
    (hoard,) = made(house, "hoard")
    waiting = house.ok("enqueue", "--delay", "1h", "plain", "--text", "später").strip()
    house.ok("runs", "pin", hoard)
    house.ok("queues", "pause", "mail", "--reason", "flood")
    lines = [json.loads(line) for line in house.ok("export").splitlines()]
    head, *records, end = lines
    assert (head["record"], head["format"], head["database"]) == ("header", 1, "sqlite")
    assert {"mainspring", "schema", "exported_at"} <= head.keys()
    by_record: dict[str, list[dict[str, object]]] = {}
    for each in records:
        by_record.setdefault(str(each["record"]), []).append(each)
    assert end == {"record": "end", "counts": {name: len(by_record.get(name, ())) for name in end["counts"]}}
    runs = {each["id"]: each for each in by_record["run"]}
    assert {run_id: (each["state"], each["task"]) for run_id, each in runs.items()} == {
        failed: ("failed", "fails"), hoard: ("completed", "hoard"), waiting: ("pending", "plain"),
    }  # fmt: skip
    assert runs[waiting]["params"] == {"text": "später"}
    assert str(runs[waiting]["run_at"]).startswith("20")
    assert [(each["run_id"], each["outcome"], each["number"]) for each in by_record["attempt"]] == [(failed, "failed", 1)]
    assert [(each["run_id"], each["kind"], each["data"]) for each in by_record["event"]] == [
        (hoard, "log", {"level": "info", "message": "kept"})
    ]
    assert [each["verb"] for each in by_record["audit"]][:1] == ["runs.enqueue"]
    assert [each["run_id"] for each in by_record["pin"]] == [hoard]
    assert [each["task"] for each in by_record["error"]] == ["fails"]
    assert [(each["name"], each["pause_reason"]) for each in by_record["queue"]] == [("mail", "flood")]
    assert [(each["task"], each["keep_last"]) for each in by_record["retention"]] == [("hoard", 20)]
    target = tmp_path / "out.jsonl"
    house.ok("export", "--output", str(target))
    assert len(target.read_text("utf-8").splitlines()) == len(lines)
    assert target.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part"))
