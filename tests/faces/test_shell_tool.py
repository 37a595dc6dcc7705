"""The shell tool from end to end: the same verbs, checks and answers for a person and, with ``--json``, for a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faces.conftest import Cli


@pytest.mark.scenario("S3-59")
def test_list_show_run_submit_watch_cancel_retry_and_export(cli: Cli, tmp_path: Path) -> None:
    assert "add" in cli.ok("tasks", "list")
    assert "add" in {each["name"] for each in cli.objects("tasks", "list")}
    assert "--a" in cli.ok("run", "add", "--help")
    assert cli.object("tasks", "show", "add")["name"] == "add"

    ran = cli.run_object("add", "--a", "1", "--b", "2")  # waits, and is carried out here
    assert (ran["state"], ran["result"]) == ("completed", 3)
    assert cli("run", "fails").exit_code == 1, "the task failed"

    waiting = cli.object("enqueue", "add", "--a", "5", "--b", "6")["id"]
    assert cli.object("runs", "show", waiting)["state"] == "blocked"  # it is expensive, and its lane asks first
    assert cli.object("runs", "cancel", waiting)["state"] == "cancelled"
    watched = cli("--json", "runs", "watch", waiting)
    assert watched.exit_code == 1, "it did not complete"
    told = [json.loads(line) for line in watched.stdout.splitlines()]
    assert [each["seq"] for each in told] == sorted({each["seq"] for each in told}), "in order, none twice"

    again = cli.object("runs", "retry", waiting)["id"]
    assert again != waiting
    assert cli.object("runs", "show", again)["retry_of"] == waiting

    file = tmp_path / "runs.jsonl"
    cli.ok("runs", "export", "--output", str(file))
    assert {waiting, again, ran["id"]} <= {json.loads(line)["id"] for line in file.read_text().splitlines()}


@pytest.mark.scenario("S3-59")
@pytest.mark.parametrize("verb", ["run", "enqueue"])
def test_what_is_wrong_is_told_alike_by_every_verb_and_nothing_is_queued(cli: Cli, verb: str) -> None:
    wrong = cli(verb, "add", "--a", "one", "--c", "3")
    assert wrong.exit_code == 2
    assert "a" in wrong.output
    assert "c" in wrong.output
    problem = cli("--json", verb, "add", "--a", "one")
    assert problem.exit_code == 2
    told = json.loads(problem.stdout)
    assert told["error"]["code"] == "invalid-params"
    assert cli.objects("runs", "list") == []
