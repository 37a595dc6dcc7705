"""Bad days: each ends with a message that names the thing and the remedy, the documented exit code, and no traceback."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring.store import sqlite as sqlite_module
from tests.faces.conftest import ROOT, SHOP, Cli
from tests.postgres import drop_database, fresh_database, server


def check(cli: Cli, code: int, *said: str, words: tuple[str, ...] = ("runs",)) -> None:
    result = cli(*words)
    assert "Traceback" not in result.output
    assert result.exit_code == code, result.output
    for each in said:
        assert each in result.stderr


def test_an_unreachable_postgres(cli: Cli) -> None:
    cli.url = "postgresql://me:opensesame@127.0.0.1:1/nothing"
    check(cli, 4, "cannot reach PostgreSQL", "check that it runs", words=("enqueue", "add", "1"))
    assert "opensesame" not in cli("runs").output
    doctor = cli("doctor")
    assert doctor.exit_code == 4
    assert "opensesame" not in doctor.output
    assert "cannot reach PostgreSQL" in doctor.output


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://localhost/x", "is not understood: write sqlite:///"),
        ("sqlite://store.db", "write sqlite:///store.db"),
        ("sqlite:///store.db?speed=high", "unknown option 'speed'"),
        ("nonsense", "is not understood"),
    ],
)
def test_a_bad_url(cli: Cli, url: str, said: str) -> None:
    cli.url = url
    check(cli, 2, said)


def test_a_missing_directory(cli: Cli) -> None:
    cli.url = "sqlite:////nowhere/at/all/store.db"
    check(cli, 4, "does not exist; create it first")


def test_a_directory_without_rights(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sqlite_module, "FileLock", refused)  # root, who may run this, is refused nothing
    check(cli, 4, "check the rights of the file and of its directory", words=("enqueue", "add", "1"))


def test_a_read_only_database(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("enqueue", "add", "1")
    connect = sqlite_module.SqliteDatabase._connect

    def read_only(self: sqlite_module.SqliteDatabase, target: str) -> sqlite3.Connection:
        connection = connect(self, target)
        connection.execute("pragma query_only = on")  # what SQLite answers is the same as for a file without rights
        return connection

    monkeypatch.setattr(sqlite_module.SqliteDatabase, "_connect", read_only)
    check(cli, 4, "is read-only", words=("enqueue", "add", "1"))


def test_a_locked_file(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("enqueue", "add", "1")
    monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0.1)
    other = sqlite3.connect(tmp_path / "store.db")
    other.execute("begin immediate")
    check(cli, 4, "locked by another program", "close what holds it", words=("enqueue", "add", "2"))
    other.rollback()
    other.close()
    assert len(cli.objects("runs")) == 1


def test_a_file_that_is_no_database(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("Dear diary, " * 500)
    check(cli, 4, "is not an SQLite database: choose another file")
    assert (tmp_path / "store.db").read_text().startswith("Dear diary")


def test_a_database_of_another_program(cli: Cli, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("pragma application_id = 252006673")
        connection.execute("create table notes (text)")
    connection.close()
    check(cli, 4, "belongs to another program")


def test_a_full_disk(cli: Cli) -> None:
    cli.ok("enqueue", "add", "1")

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    command = [sys.executable, "-m", "mainspring", *SHOP, "--url", cli.url, "enqueue", "fails", "--why", "x" * 100_000]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.CompletedProcess(command, 0, "", "")
    for _ in range(5):  # fills the log beside the file up to the limit
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, preexec_fn=no_room, check=False)
        if ended.returncode:
            break
    assert ended.returncode == 4
    assert "check the disk" in ended.stderr or "is full" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert {row["state"] for row in cli.objects("runs")} <= {"pending", "blocked"}  # an expensive one waits for its lane


def test_a_schema_newer_than_the_code(cli: Cli, tmp_path: Path) -> None:
    cli.ok("enqueue", "add", "1")
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute(
            "insert into mainspring_migrations (number, phase, name, checksum, version) values (9999, 'post', 'future', 'x', '99')"
        )
    connection.close()
    check(cli, 4, "the code is behind", "pip install --upgrade mainspring")
    check(cli, 4, words=("migrate",))
    assert cli("doctor").exit_code == 4


def test_a_schema_older_than_the_code(cli: Cli) -> None:
    cli.url = fresh_database(server())
    try:
        check(cli, 4, "run 'mainspring migrate'")
        doctor = cli("doctor")
        assert doctor.exit_code == 4
        assert "run 'mainspring migrate'" in doctor.output
        assert cli.object("migrate", "--status")["is_current"] is False
        assert "0001_pre_first_schema" in cli.ok("migrate")
        assert cli.object("migrate", "--status")["is_current"] is True
        assert cli.run_object("add", "1")["result"] == 3
        healthy = cli.object("doctor")
        assert healthy["is_healthy"]
        assert healthy["database"]["dialect"] == "postgres"
        assert healthy["database"]["partitions"] > 10
        assert healthy["database"]["threats"].keys() == {"oldest_transaction", "idle_slots", "dead_rows", "live_rows"}
    finally:
        drop_database(cli.url)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("from mainspring import task\nx = 1 / 0\n", "tasks.py:2"),
        ("def broken(:\n", "tasks.py:1"),
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
        ("raise SystemExit(0)\n", "tasks.py:1"),
        ("from mainspring import task\n@task\nasync def f(x) -> None: ...\n", "has no annotation"),
        ("from mainspring import task\n@task(timeout='soon')\nasync def f() -> None: ...\n", "timeout='soon' is no duration"),
    ],
)
def test_a_broken_task_module(project: Cli, tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "tasks.py").write_text(source)
    for words in (("tasks",), ("enqueue", "f"), ("worker", "--burst")):
        check(project, 2, said, words=words)
    doctor = project("doctor")
    assert doctor.exit_code == 2
    assert said in doctor.output
    assert project.object("migrate")["schema"]["is_current"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TASK_TIMEOUT", "soon", "TASK_TIMEOUT='soon' is no duration"),
        ("TASK_DEFAULT_TIMEOUT", "300", "would be 300 milliseconds"),
        ("TASK_MAX_CONCURRENT", "many", "a whole number is needed"),
        ("MAINSPRING_URL", "mysql://x", "is not understood"),
    ],
)
def test_a_bad_setting(project: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    result = project("runs") if name != "MAINSPRING_URL" else Cli("", project.cwd, app=())("--url", "", "runs")
    assert result.exit_code == 2
    assert said in result.stderr


def test_an_unknown_setting_is_a_warning_of_the_doctor(project: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASK_MAX_CONCURENT", "3")
    told = project("doctor")
    assert told.exit_code == 0
    assert "did you mean TASK_MAX_CONCURRENT?" in told.stdout


def test_a_configuration_file_that_cannot_be_read(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "mainspring.toml").write_text("url = \n")
    check(project, 2, "mainspring.toml cannot be read")


def test_debug_shows_the_traceback(cli: Cli) -> None:
    cli.url = "nonsense"
    assert "Traceback" in cli("--debug", "runs").stderr
    assert "Traceback" in cli("runs", "--debug").stderr


def test_a_bug_is_told_as_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*given: object, **named: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("mainspring.cli.nouns.print_table", breaks)
    result = cli("tasks")
    assert result.exit_code == 70
    assert "ZeroDivisionError: oops" in result.stderr
    assert "Traceback" not in result.output
