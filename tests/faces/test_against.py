"""``mainspring check --against``: what waits in a store, held against the code that is to take it over."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

from tests.faces.conftest import Cli
from tests.store.harness import new_postgres

BEFORE = """
from mainspring import Mainspring, task

@task
async def export(number: int, format: str = "csv", note: str = "") -> None: ...

@task
async def greet(name: str) -> None: ...

@task
async def send_mail(to: str) -> None: ...

@task
async def same(n: int) -> None: ...

app = Mainspring(tasks=[export, greet, send_mail, same])
"""
AFTER = """
from typing import Literal
from mainspring import Mainspring, task

@task
async def export(number: int, format: Literal["json", "xlsx"], owner: str, note: str = "") -> None: ...

@task(params_version=2)
async def greet(name: str) -> None: ...

@task
async def send_mails(to: str) -> None: ...

@task
async def same(n: int, more: bool = False) -> None: ...

app = Mainspring(tasks=[export, greet, send_mails, same])
"""
GONE = "the code has no task of this name: keep it until they are done, or cancel them (there is send_mails: was it renamed?)"


@pytest.fixture
def shop(project: Cli) -> Cli:
    """A store with runs and schedules of the code before, in a checkout with the code after."""
    (project.cwd / "before.py").write_text(BEFORE)
    (project.cwd / "after.py").write_text(AFTER)
    project.app = ("-A", "before:app")
    return project


def against(shop: Cli, *args: str) -> dict[str, object]:
    """Return what the gate says of the code after."""
    shop.app = ("-A", "after:app")
    result = shop("check", "--against", shop.url, "--json", *args)
    found: dict[str, object] = json.loads(result.stdout)
    assert result.exit_code == (0 if found["is_safe"] else 1), result.output
    return found


def test_what_would_break_is_told_by_task_with_causes_counts_and_ids(shop: Cli) -> None:
    ids = [shop.ok("enqueue", "export", "--number", str(n), "--note", "hunter2").strip() for n in range(4)]
    shop.ok("enqueue", "--delay", "1d", "greet", "--name", "ada")
    shop.ok("enqueue", "send_mail", "--to", "ada")
    shop.ok("enqueue", "same", "--n", "1")
    shop.ok("schedules", "create", "nightly", "send_mail", "0 3 * * *", "--params", '{"to": "bob"}')
    shop.app = ("-A", "after:app")
    result = shop("check", "--against", shop.url)
    assert result.exit_code == 1, result.output
    assert result.stdout.splitlines() == [
        "export",
        "  4 runs: owner is missing: give it a default, or raise params_version and declare upgrade=",
        f"    {ids[0]}, {ids[1]}, {ids[2]}, …",
        "  4 runs: format no longer fits (input should be 'json' or 'xlsx'): raise params_version and declare upgrade=",
        f"    {ids[0]}, {ids[1]}, {ids[2]}, …",
        "greet",
        "  1 run: their parameters are of an older version (1 < 2) and the task declares no upgrade=",
        f"    {against(shop)['groups'][2]['examples'][0]}",  # type: ignore[index]
        "send_mail",
        f"  1 run: {GONE}",
        f"    {against(shop)['groups'][3]['examples'][0]}",  # type: ignore[index]
        f"  1 schedule: {GONE}",
        "    nightly",
        "6 of 7 waiting runs and 1 of 1 schedules would break",
    ]
    assert "hunter2" not in result.output and "bob" not in result.output


def test_a_store_that_fits_lets_the_release_go(shop: Cli) -> None:
    shop.ok("enqueue", "same", "--n", "1")
    found = against(shop)
    assert found["is_safe"] is True and found["looked"] == {"runs": 1, "schedules": 0} and found["groups"] == []
    assert shop.ok("check", "--against", shop.url) == "Nothing would break: 1 waiting runs and 0 schedules fit this code\n"


def test_a_fleet_on_postgresql_is_held_against_the_code_as_well(shop: Cli) -> None:
    shop.url = new_postgres()
    shop.ok("enqueue", "send_mail", "--to", "ada")
    shop.ok("schedules", "create", "nightly", "send_mail", "0 3 * * *", "--params", '{"to": "bob"}')
    found = against(shop)
    assert found["broken"] == {"runs": 1, "schedules": 1} and found["schema"]["state"] == "fits"  # type: ignore[index]


def test_the_manifest_of_the_checkout_is_enough(shop: Cli) -> None:
    shop.ok("enqueue", "send_mail", "--to", "ada")
    shop.app = ("-A", "after:app")
    shop.ok("index", "--module", "-")
    shop.app = ()
    (shop.cwd / "after.py").write_text("raise SystemExit('nobody imports this')")
    result = shop("check", "--against", shop.url)
    assert result.exit_code == 1 and "send_mails: was it renamed?" in result.stdout
    (shop.cwd / "mainspring.json").write_text("{}")
    assert shop("check", "--against", shop.url).exit_code == 2


def test_a_database_that_is_behind_or_ahead_is_told(shop: Cli) -> None:
    shop.ok("enqueue", "same", "--n", "1")
    with sqlite3.connect(shop.cwd / "store.db") as connection:
        (newest,) = connection.execute("select max(number) from mainspring_migrations").fetchone()
        connection.execute(
            "insert into mainspring_migrations (number, phase, name, checksum, version) values (9000, 'post', 'x', 'x', '99.0')"
        )
    result = shop("check", "--against", shop.url)
    assert result.exit_code == 1 and result.stdout.startswith(f"The database's schema is at 9000, this code knows {newest}: upgrade")
    with sqlite3.connect(shop.cwd / "store.db") as connection:
        connection.execute("delete from mainspring_migrations where number in (9000, ?)", (newest,))
    result = shop("check", "--against", shop.url)
    assert result.exit_code == 1 and "run 'mainspring migrate' first" in result.stdout


def test_a_task_that_is_slower_than_its_schedule_is_told_and_stops_no_release(shop: Cli) -> None:
    source = (
        "from mainspring import Mainspring, every, task\n"
        "@task(schedule=every('{}'), overlap='allow')\n"
        "def tidy() -> None: ...\n"
        "app = Mainspring(tasks=[tidy])\n"
    )
    (shop.cwd / "tidied.py").write_text(source.format("5m"))
    shop.app = ("-A", "tidied:app")
    for _ in range(5):
        shop.ok("enqueue", "tidy")
    assert shop.start("worker", "--burst").end() == 0
    with sqlite3.connect(shop.cwd / "store.db") as connection:
        connection.execute("update mainspring_history set started_at = started_at - 400 * 1000000, ready_at = ready_at - 400 * 1000000")
    result = shop("check", "--against", shop.url)
    assert result.exit_code == 0, result.output
    told = result.stdout.splitlines()
    assert told[1].startswith("MS502 tidy: of its last 5 runs one in twenty took longer than ")
    assert told[1].endswith("and 5m fires every 5m: a longer interval, or work on demand")
    (slow,) = json.loads(shop("check", "--against", shop.url, "--json").stdout)["slow"]
    assert (slow["rule"], slow["task"], slow["period_ms"], slow["runs"]) == ("MS502", "tidy", 300_000, 5) and slow["p95_ms"] >= 400_000
    (shop.cwd / "rarely.py").write_text(source.format("10m"))
    shop.app = ("-A", "rarely:app")
    assert "MS502" not in shop.ok("check", "--against", shop.url)


def test_a_database_that_is_not_there_is_not_made(shop: Cli) -> None:
    result = shop("check", "--against", f"sqlite:///{shop.cwd}/other.db")
    assert result.exit_code == 2 and "there is no database" in result.stderr
    assert not (shop.cwd / "other.db").exists()


def test_a_gate_changes_nothing(shop: Cli) -> None:
    shop.ok("enqueue", "send_mail", "--to", "ada")

    def dumped() -> list[str]:
        with sqlite3.connect(shop.cwd / "store.db") as connection:
            return list(connection.iterdump())

    before = dumped()
    against(shop)
    assert dumped() == before


def test_nothing_but_this_option_loads_the_store(shop: Cli) -> None:
    (shop.cwd / "plain.py").write_text("x = 1\n")
    code = (
        "import sys\nfrom mainspring.cli.main import root\n"
        "root.main(['check', 'plain.py'], standalone_mode=False)\n"
        "print([each for each in sys.modules if each.startswith(('mainspring.store', 'mainspring.engine', 'mainspring.app', 'pydantic'))])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=shop.cwd, capture_output=True, text=True)
    assert told.stdout.splitlines()[-1:] == ["[]"], told.stdout + told.stderr
