"""`mainspring advise` and `mainspring new` as people and programs call them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mainspring.core.version import VERSION
from mainspring.store.migrate import newest
from tests import postgres
from tests.faces.conftest import Cli

EXPORT = "export the customer list as xlsx when somebody clicks the button"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a project that has this version and a schema, and nothing else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\nversion = '1'\n")
    (tmp_path / "mainspring.lock").write_text(f'engine = "{VERSION}"\nschema = 21\n')


def told(cli: Cli, *args: str, code: int = 0) -> dict[str, Any]:
    """Return the JSON of an advice that ends with a code."""
    result = cli("advise", "--json", *args)
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.scenario("Q5")
@pytest.mark.scenario("S0-34", part="cli")
def test_a_description_gets_its_kind_and_the_sentence_with_both_versions(cli: Cli) -> None:
    said = cli.ok("advise", EXPORT)
    assert said.startswith("on demand [adhoc]\nThis is an ad hoc workload: somebody or something asks for it (“")
    assert f"In mainspring ≥ 0.1.0 (installed {VERSION}, schema 21) the right kind is an ad hoc task, not a cron task, because " in said
    assert "dedupe=Dedupe(" in said


def test_json_has_stable_names_and_is_english_whatever_the_terminal_speaks(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    found = told(cli, EXPORT)
    assert set(found) == {
        "v",
        "kind",
        "sentence",
        "is_settled",
        "reasons",
        "rejected",
        "assumptions",
        "gates",
        "refused",
        "fallback",
        "questions",
        "checklist",
        "shapes",
        "versions",
        "scaffold",
    }
    assert found["kind"] == "adhoc"
    assert found["sentence"].startswith("This is an ad hoc workload")
    assert {item["name"] for item in found["checklist"]} >= {"timeout", "retry", "dedupe", "secrets", "overlap", "tests"}
    assert all(set(each) == {"feature", "need", "have", "ok"} for each in found["gates"])
    assert found["versions"]["sources"] == {"engine": "mainspring.lock", "schema": "mainspring.lock"}


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (("--user-triggered", "--no-recurring", "--duration", "20m"), "adhoc"),
        (("--recurring", "--no-user-triggered", "--duration", "minutes"), "cron"),
        (("--duration", "forever", "--no-user-triggered", "--survive-restart"), "side"),
        (("--multi-step", "--retried"), "workflow"),
        (("--user-triggered", "--no-recurring", "--duration", "100ms", "--no-network", "--no-retried", "--no-polled"), "none"),
    ],
)
def test_flags_alone_lead_to_each_kind(cli: Cli, flags: tuple[str, ...], kind: str) -> None:
    found = told(cli, *flags)
    assert (found["kind"], found["is_settled"]) == (kind, True)
    assert any(flag.split()[0] in json.dumps(found["reasons"]) for flag in flags) or kind == "none"


def test_what_is_open_is_returned_as_questions_and_ends_with_one(cli: Cli) -> None:
    found = told(cli, "--user-triggered", "--no-recurring", code=1)
    assert found["questions"][0]["question"] == "duration"
    [long] = [each for each in found["questions"][0]["leads"] if each["answer"] == "long"]
    assert long["kinds"] == ["adhoc"]
    assert "provisional" in found["sentence"]
    said = cli("advise", "--user-triggered", "--no-recurring", "--no-input")
    assert said.exit_code == 1
    assert "How long does it take at most" in said.stdout
    assert "    longer: on demand" in said.stdout


def test_nothing_said_is_no_kind(cli: Cli) -> None:
    found = told(cli, code=1)
    assert found["kind"] is None
    assert found["sentence"].startswith("Nothing says yet")


def test_text_comes_from_standard_input_too(cli: Cli) -> None:
    result = cli("advise", "--json", "-", input="every night at 3 delete expired tokens\n")
    assert json.loads(result.stdout)["kind"] == "cron"
    result = cli("advise", "--json", input="listen on the mqtt broker")
    assert json.loads(result.stdout)["kind"] == "side"


def test_answers_come_from_a_file_and_flags_win(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({"user_triggered": False, "recurring": True, "duration": "5m"}))
    assert told(cli, "--answers", str(file))["kind"] == "cron"
    assert told(cli, "--answers", str(file), "--user-triggered", "--no-recurring")["kind"] == "adhoc"
    piped = cli("advise", "--json", "--answers", "-", input=file.read_text())
    assert json.loads(piped.stdout)["kind"] == "cron"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--answers", "none.json"), "--answers='none.json' cannot be read"),
        (("--duration", "soon"), "--duration='soon' is no length"),
        (("--engine", "newest"), "--engine='newest' is no version"),
        (("--project", "nowhere"), "--project='nowhere' is no folder"),
        (("--finding", "MS104"), "a code, a path and a line are needed"),
        (("--finding", "MS104@gone.py:1"), "there is no file gone.py"),
        (("--database", "mysql://x/y"), "a URL is needed"),
        (("--database", "sqlite:///gone.db"), "there is no such file"),
    ],
)
def test_what_cannot_be_is_named_with_the_remedy(cli: Cli, args: tuple[str, ...], message: str) -> None:
    result = cli("advise", "--no-input", *args)
    assert result.exit_code == 2
    assert message in result.output
    assert not Path("gone.db").exists()


@pytest.mark.scenario("G-27")
def test_a_clock_for_user_work_is_named_and_rejected(cli: Cli) -> None:
    found = told(cli, "every 5 minutes check whether a user asked for a report")
    assert found["kind"] == "adhoc"
    assert found["rejected"][0]["kind"] == "cron"
    assert "a clock that looks for what users have asked for is a queue made by hand" in found["sentence"]


def test_the_language_of_the_terminal_and_that_of_the_text_are_two_things(cli: Cli) -> None:
    told_in = "import sys; from mainspring.cli.main import main; main(sys.argv[1:])"
    ran = subprocess.run(
        [sys.executable, "-c", told_in, "advise", "--no-input", "send the welcome mail after registration"],
        env={"LC_ALL": "pl_PL.UTF-8", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.startswith("na żądanie [adhoc]\nTo praca na żądanie:"), ran.stdout + ran.stderr


def test_versions_are_the_projects_and_can_be_overruled(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mainspring.lock").write_text('engine = "0.0.4"\nschema = 1\n')
    old = told(cli, "--project", "other", EXPORT)
    assert old["refused"]["installed"] == "0.0.4"
    assert "needs engine>=0.1.0, and installed is 0.0.4 (schema 1)" in old["sentence"]
    assert told(cli, "--project", "other", "--engine", "0.1.0", EXPORT)["refused"] is None
    assert told(cli, "--profile", "serverless", "listen on the broker")["refused"]["missing"] == ["deployment=single-host, fleet"]
    assert told(cli, "--backend", "sqlite", "--profile", "fleet", EXPORT)["refused"]["missing"] == ["backend=postgres"]


def test_the_schema_is_looked_up_in_a_database_and_can_be_written_down(cli: Cli, tmp_path: Path) -> None:
    cli.ok("migrate")
    (tmp_path / "mainspring.lock").unlink()
    before = {path.name for path in Path(cli.url.partition(":///")[2]).parent.iterdir()}
    found = told(cli, "--database", cli.url, "--engine", VERSION, "--write-lock", EXPORT)
    assert (found["versions"]["schema"], found["versions"]["backend"]) == (newest("sqlite"), "sqlite")
    assert found["versions"]["sources"]["schema"] == "--database"
    lock = (tmp_path / "mainspring.lock").read_text()
    assert f"schema = {newest('sqlite')}" in lock and f'engine = "{VERSION}"' in lock
    assert told(cli, EXPORT)["versions"]["schema"] == newest("sqlite")
    assert {path.name for path in Path(cli.url.partition(":///")[2]).parent.iterdir()} - before <= {"mainspring.lock"}
    (tmp_path / "mainspring.lock").unlink()
    assert "nothing is known that could be written" in cli("advise", "--write-lock", EXPORT).output


def test_a_finding_of_the_checker_is_explained(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "views.py").write_text(
        "from fastapi import BackgroundTasks, FastAPI\nimport requests\n\napp = FastAPI()\n\n\ndef export(order: int) -> None:\n"
        "    requests.post('https://x.example', json={'order': order})\n\n\n@app.post('/export')\n"
        "def start(order: int, tasks: BackgroundTasks) -> None:\n    tasks.add_task(export, order)\n"
    )
    found = told(cli, "--finding", "MS104@views.py:13")
    assert found["kind"] == "adhoc"
    assert "MS104@views.py:13" in json.dumps(found["reasons"])
    nothing = cli("advise", "--finding", "MS101@views.py:13")
    assert nothing.exit_code == 2
    assert "MS104 [adhoc]" in nothing.output


def test_a_terminal_is_asked_until_the_kind_holds(cli: Cli) -> None:
    process = cli.start("advise", "--user-triggered", "--no-recurring", terminal=True)
    process.expect("How long does it take")
    process.type("soonish\n")
    process.expect("no length")
    process.type("2s\n")
    process.expect("Must it be done even if the process goes away?")
    process.type("perhaps\n")
    process.expect("Write yes or no")
    process.type("yes\n")
    process.expect("on demand")
    assert process.end() == 0


@pytest.mark.scenario("Q4", part="cli")
def test_new_writes_a_definition_and_its_tests_and_never_over_something(cli: Cli, tmp_path: Path) -> None:
    said = cli.ok("new", "send-invoice", "--dir", "shop")
    assert said.splitlines() == ["wrote shop/send_invoice_tasks.py", "wrote shop/test_send_invoice_tasks.py"]
    (tmp_path / "shop" / "test_send_invoice_tasks.py").unlink()
    kept = (tmp_path / "shop" / "send_invoice_tasks.py").read_text()
    again = cli("new", "send_invoice", "--kind", "cron", "--dir", "shop")
    assert again.exit_code == 2
    assert "is there already and is left as it is" in again.output
    assert (tmp_path / "shop" / "send_invoice_tasks.py").read_text() == kept
    assert not (tmp_path / "shop" / "test_send_invoice_tasks.py").exists()
    (tmp_path / "shop" / "jobs").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "jobs" / "__init__.py").touch()
    found = cli.object("new", "tidy", "--kind", "cron", "--dir", "shop/jobs")
    assert found["files"] == ["shop/jobs/tidy_tasks.py", "shop/jobs/test_tidy_tasks.py"]
    assert "import shop.jobs.tidy_tasks as module" in (tmp_path / "shop" / "jobs" / "test_tidy_tasks.py").read_text()
    assert cli("new", "Bad Name").exit_code == 2


def test_advice_scaffolds_what_it_advises_with_its_reason(cli: Cli, tmp_path: Path) -> None:
    found = told(cli, EXPORT, "--name", "export_customers", "--scaffold", "jobs")
    assert found["scaffold"]["files"] == ["jobs/export_customers_tasks.py", "jobs/test_export_customers_tasks.py"]
    text = (tmp_path / "jobs" / "export_customers_tasks.py").read_text()
    assert "# This is an ad hoc workload: somebody or something asks for it" in text
    open_ = cli("advise", "--json", "--user-triggered", "--no-recurring", "--scaffold", "later")
    assert open_.exit_code == 1
    assert json.loads(open_.stdout)["scaffold"] is None
    assert not (tmp_path / "later").exists()
    plain = cli("advise", "set a cookie", "--name", "cookie", "--scaffold", "jobs", "--no-input")
    assert plain.exit_code == 2
    assert "needs no definition" in plain.output


@pytest.mark.scenario("S0-34", part="nothing is generated that is not installed")
def test_nothing_is_written_for_what_is_not_installed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mainspring.lock").write_text('engine = "0.1.0"\nschema = 21\ndeployment = "serverless"\n')
    refused = cli("new", "watch", "--kind", "side", "--dir", "jobs")
    assert refused.exit_code == 2
    assert "needs deployment=single-host, fleet (here serverless)" in refused.output
    advised = cli("advise", "--no-input", "listen on the broker", "--name", "watch", "--scaffold", "jobs")
    assert advised.exit_code == 2
    assert "nothing is written for what is not installed. This is work without an end" in advised.output
    assert not (tmp_path / "jobs").exists()
    chain = cli("new", "onboard", "--kind", "workflow", "--dir", "jobs")
    assert chain.exit_code == 0
    assert "a chain of tasks on demand" in chain.stderr
    steps = told(cli, "charge, then provision, then notify; must resume after a crash", "--name", "order", "--scaffold", "jobs")
    assert steps["refused"]["feature"] == "workflows"
    assert "steps as a chain of tasks on demand" in (tmp_path / "jobs" / "order_tasks.py").read_text()


def test_a_database_without_a_schema_is_left_without_one(cli: Cli) -> None:
    """The question what is there creates nothing: no schema in PostgreSQL, no table in a file."""
    url = postgres.fresh_database(postgres.server())
    found = told(cli, "--database", url, "--engine", VERSION, "listen on the broker")
    assert (found["versions"]["schema"], found["versions"]["backend"]) == (0, "postgres")
    assert found["refused"]["missing"] == ["schema>=11"]
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from pg_namespace where nspname = 'mainspring'").fetchone() == (0,)
    Path("empty.db").touch()
    assert told(cli, "--database", "sqlite:///empty.db", EXPORT)["versions"]["schema"] == 0
    with contextlib.closing(sqlite3.connect("empty.db")) as connection:
        assert connection.execute("select count(*) from sqlite_master").fetchone() == (0,)
