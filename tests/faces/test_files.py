"""Files, secrets and search on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faces.conftest import Cli

SECRET_APP = """
from mainspring import Context, Mainspring, Secret, task

@task(retry=0)
def charge(ctx: Context, token: Secret, amount: int = 1) -> str:
    value = token.reveal()
    print("using", value)
    ctx.progress(1, 1, message=value)
    if amount < 0:
        raise ValueError(f"{value} refuses")
    return f"{len(value)} characters: {value}"
"""
CONFIGURATION = """
discover = ["shop_tasks"]

[secrets.env.SHOP_TOKEN]
tasks = ["charge"]
"""
VALUE = "hunter2-hunter2"


@pytest.fixture
def table(cli: Cli) -> Path:
    path = cli.cwd / "Preise 1.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.mark.scenario("S3-15", part="cli")
def test_files_are_given_by_path_and_checked_before_they_are_sent(cli: Cli, table: Path) -> None:
    (cli.cwd / "x.txt").write_text("x")
    found = cli.run_object("measures", "--template", f"@{table}", "--others", "x.txt", "--others", "@x.txt")
    assert found["result"] == {"name": "Preise 1.csv", "type": "text/csv", "text": "a,b\n1,2\n", "others": ["x.txt", "x.txt"]}
    template = found["params"]["template"]
    assert (template["name"], template["size"], template["media_type"]) == ("Preise 1.csv", 8, "text/csv")
    assert cli.run_object("measures", str(table))["state"] == "completed"  # by position, without the sign
    assert cli.run_object("measures", "--template", json.dumps(template))["state"] == "completed"  # a handle from before
    stored = [path for path in (cli.cwd / "store.db.files").rglob("*") if path.is_file()]
    assert len(stored) == 3  # one of the table each, and the other once
    for words, said in (
        (["@none.csv"], "template: none.csv cannot be read: No such file"),
        ([str(cli.cwd)], "is no file"),
        (["@x.txt"], "of a type that is not taken: .csv would be"),
        ([], "template: is missing"),
        (["@large.csv"], "too large: 1 KiB at most"),
        (["--template", "{"], "is no JSON"),
    ):
        (cli.cwd / "large.csv").write_text("x" * 1025)
        result = cli("enqueue", "measures", *words)
        assert (result.exit_code, result.stdout) == (2, ""), words
        assert said in result.stderr
    assert len([path for path in (cli.cwd / "store.db.files").rglob("*") if path.is_file()]) == 3  # nothing was sent
    told = cli.ok("run", "measures", "--help")
    assert "--template @file" in told
    assert "at most 1 KiB, .csv" in told


def test_files_of_a_retry(cli: Cli, table: Path) -> None:
    first = cli.run_object("measures", str(table))
    other = cli.cwd / "other.csv"
    other.write_text("other")
    again = cli.object("runs", "retry", first["id"], "--param", f"template=@{other}")["id"]
    assert cli.start("worker", "--burst").end() == 0
    assert cli.object("runs", "show", again)["result"]["text"] == "other"


def test_artifacts_are_listed_and_fetched(cli: Cli) -> None:
    run_id = cli.run_object("leaves", "--name", "report.txt")["id"]
    (row,) = cli.objects("runs", "artifacts", run_id)
    assert (row["name"], row["size"], row["media_type"], row["attempt"]) == ("report.txt", 13, "text/plain", 1)
    table = cli.ok("runs", "artifacts", run_id[-8:]).splitlines()
    assert table[1].split()[:4] == ["report.txt", "13", "bytes", "text/plain"]
    assert "left the file report.txt behind (13 bytes)" in cli.ok("runs", "events", run_id)
    fetched = [Path(cli.ok("runs", "artifacts", run_id, "--download", "out").strip()) for _ in range(2)]
    assert fetched == [Path("out/report.txt"), Path("out/report-2.txt")]  # what was there stays
    assert [path.read_text() for path in fetched] == ["what it found"] * 2
    assert "left no files behind" in cli("runs", "artifacts", cli.run_object("add", "1")["id"]).output
    hostile = cli.run_object("leaves", "--name", "../../evil\x1b[2J.txt")["id"]
    assert cli.ok("runs", "artifacts", hostile, "--download", "out").strip() == "out/evil[2J.txt"
    assert cli("runs", "artifacts", "ffff0000ffff").exit_code == 2


def test_runs_are_found_by_parameters(cli: Cli, table: Path) -> None:
    ids = [cli.run_object("measures", str(table), "--note", note)["id"] for note in ("red", "blue", "red")]
    assert [row["id"] for row in cli.objects("runs", "list", "--where", "note=red")] == [ids[2], ids[0]]
    assert [row["id"] for row in cli.objects("runs", "--where", "note=red", "-n", "1", "--before", ids[2])] == [ids[0]]
    assert cli.objects("runs", "--where", "note=red", "--state", "failed") == []
    assert cli.objects("runs", "--where", "note=red", "--where", "note=blue") == []
    for wrong, said in (("a=1", "a: is no parameter for search, known are note"), ("note", "is to be written as name=value")):
        result = cli("runs", "--where", wrong)
        assert result.exit_code == 2
        assert said in result.stderr


@pytest.fixture
def shop(project: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    (project.cwd / "shop_tasks.py").write_text(SECRET_APP)
    (project.cwd / "mainspring.toml").write_text(CONFIGURATION)
    monkeypatch.setenv("SHOP_TOKEN", VALUE)
    return project


@pytest.mark.scenario("S3-17", part="cli")
@pytest.mark.scenario("I6", part="cli")
def test_a_secret_is_a_reference_everywhere(shop: Cli) -> None:
    told = []
    for amount in ("1", "-1"):
        result = shop("run", "charge", "--token", "env:SHOP_TOKEN", "--amount", amount)
        told.append(result.output)
        run_id = shop.objects("runs")[0]["id"]
        for words in (["show"], ["logs"], ["events"], ["attempts"], ["explain"]):
            told += [shop("runs", *words, run_id).output, shop("--json", "runs", *words, run_id).output]
    told += [shop("runs").output, shop("doctor").output, shop("runs", "export").output, shop("export").output, shop("errors").output]
    assert VALUE not in "\n".join(told)
    assert "env:SHOP_TOKEN" in "\n".join(told)
    assert "15 characters: ***" in told[0]
    for path in shop.cwd.rglob("store.db*"):
        assert not path.is_file() or VALUE.encode() not in path.read_bytes()


@pytest.mark.scenario("I6", part="refused on the command line without being repeated")
def test_a_raw_value_is_refused(shop: Cli) -> None:
    for words in (["--token", VALUE], ["--tokn", VALUE]):
        result = shop("enqueue", "charge", *words)
        assert result.exit_code == 2
        assert VALUE not in result.output
        assert VALUE not in shop("tasks", "check", "charge", "--params", json.dumps({"token": VALUE})).output
    assert "the secret env:HOME is not declared" in shop("enqueue", "charge", "--token", "env:HOME").stderr
    assert shop.objects("runs") == []


def test_parameters_called_like_secrets_are_warned_of(project: Cli) -> None:
    (project.cwd / "tasks.py").write_text(
        "from mainspring import Param, task\n"
        "from typing import Annotated\n"
        "@task\nasync def login(password: str, api_key: Annotated[str, Param(secret=False)] = '') -> None: ...\n"
    )
    told = project("doctor").output
    assert "login(password): it is called like a secret" in told
    assert "api_key" not in told


def test_a_wrong_table_of_secrets_stops_the_start(shop: Cli) -> None:
    (shop.cwd / "mainspring.toml").write_text(f"[secrets.env]\nSHOP_TOKEN = '{VALUE}'\n")
    result = shop("tasks")
    assert result.exit_code == 2
    assert "mainspring.toml: secrets.env.SHOP_TOKEN: a table is needed" in result.stderr
    assert VALUE not in result.output


def test_grants_are_printed(cli: Cli) -> None:
    told = cli("--url", "postgresql://nobody@nowhere.invalid/x?schema=jobs", "migrate", "--grants", "enqueue").stdout
    assert "create role jobs_enqueue nologin" in told
    assert "claim_id" not in told
    every = cli("--url", "postgresql://nobody@nowhere.invalid/x", "migrate", "--grants").stdout
    assert [role for role in ("own", "work", "enqueue", "read") if f"create role mainspring_{role} nologin" in every] == [
        "own", "work", "enqueue", "read",
    ]  # fmt: skip
    assert "0600" in cli.ok("migrate", "--grants", "read")
    assert cli("migrate", "--grants", "boss").exit_code == 2
