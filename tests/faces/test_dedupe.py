"""Dedupe on the command line: options of a call, and answers that say which run won and how."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faces.conftest import Cli

TASKS = """
from mainspring import Dedupe, task

@task(dedupe=Dedupe("repo:{url}", "reject"))
async def clone(url: str, branch: str = "") -> str:
    return url

@task(dedupe=Dedupe("report:{day}", "debounce", window="1h"))
async def report(day: str) -> None: ...
"""


@pytest.fixture
def shop(project: Cli) -> Cli:
    (project.cwd / "shop").mkdir()
    (project.cwd / "shop" / "__init__.py").touch()
    (project.cwd / "shop" / "tasks.py").write_text(TASKS)
    project.app = ("--discover", "shop")
    return project


def enqueued(cli: Cli, *args: str) -> dict[str, Any]:
    return cli.object("enqueue", *args)


@pytest.mark.scenario("S3-30", part="cli")
@pytest.mark.scenario("I3", part="cli")
@pytest.mark.scenario("K4", part="--dedupe, --window")
def test_every_policy_says_which_run_won_and_how(shop: Cli) -> None:
    first = enqueued(shop, "clone", "a")
    assert (first["is_new"], first["how"]) == (True, "new")
    for options, how in (
        (("--dedupe", "existing"), "existing"),
        (("--dedupe", "replace"), "replaced"),
        (("--dedupe", "debounce", "--window", "1h"), "debounced"),
        (("--dedupe", "once", "--window", "1d"), "existing"),
        (("--key", "repo:a"), "existing"),
    ):
        told = enqueued(shop, *options, "clone", "a", "--branch", how)
        assert (told["id"], told["is_new"], told["how"]) == (first["id"], False, how)
    run = shop.object("runs", "show", first["id"])
    assert (run["key"], run["params"]["branch"], run["run_at"] > run["created_at"]) == ("repo:a", "debounced", True)
    own = enqueued(shop, "--key", "{x}", "--dedupe", "once", "clone", "a")
    assert shop.object("runs", "show", own["id"])["key"] == "{x}"


def test_people_read_it_in_words(shop: Cli) -> None:
    first = shop("enqueue", "clone", "a")
    run_id = first.stdout.strip()
    assert first.stderr == ""
    for options, said in (
        (("--dedupe", "existing"), f"a run with that key exists already: {run_id}"),
        (("--dedupe", "replace"), f"the run with that key still waited; it has these parameters now: {run_id}"),
        (("--dedupe", "debounce", "--window", "5m"), f"it has these parameters now and starts later: {run_id}"),
    ):
        told = shop("enqueue", *options, "clone", "a")
        assert (told.exit_code, told.stdout.strip()) == (0, run_id)
        assert said in told.stderr


def test_a_rejected_call_names_the_run_in_the_way(shop: Cli) -> None:
    first = enqueued(shop, "clone", "a")
    told = shop("enqueue", "clone", "a")
    assert (told.exit_code, told.stdout) == (2, "")
    assert f"run {first['id']} is pending" in told.stderr
    error = json.loads(shop("--json", "enqueue", "clone", "a").stdout)["error"]
    assert (error["code"], error["run_id"], error["state"]) == ("already-enqueued", first["id"], "pending")
    assert shop.ok("run", "--dedupe", "existing", "clone", "a").strip() == "a"
    assert shop.ok("run", "clone", "a").strip() == "a"  # it has finished: the key is free


def test_a_task_of_its_own_window_keeps_it(shop: Cli) -> None:
    first = enqueued(shop, "report", "mo")
    assert enqueued(shop, "--dedupe", "debounce", "report", "mo")["how"] == "debounced"
    assert enqueued(shop, "--key", "mine", "--dedupe", "debounce", "report", "mo")["how"] == "new"
    shop.ok("runs", "cancel", first["id"])
    again = shop.object("runs", "retry", first["id"])
    assert (again["is_new"], again["how"]) == (True, "new")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dedupe", "once"], "dedupe=once needs a key, and the task 'add' has none of its own"),
        (["--window", "1h"], "window='1h' goes with dedupe=debounce or dedupe=once"),
        (["--key", "k", "--dedupe", "debounce"], "needs window="),
        (["--key", "k", "--dedupe", "reject", "--window", "1h"], "has no meaning with the policy reject"),
        (["--key", "k", "--dedupe", "never"], "'never' is not one of"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(cli: Cli, options: list[str], said: str) -> None:
    told = cli("enqueue", *options, "add", "1")
    assert (told.exit_code, told.stdout) == (2, "")
    assert said in told.stderr
