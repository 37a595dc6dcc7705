"""Programs from the command line: parameters become arguments, streams stay apart, and the exit code decides."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.faces.conftest import Cli

PROGRAMS = ("-A", "tests.faces.programs:app")


@pytest.fixture
def programs(cli: Cli) -> Cli:
    return replace(cli, app=PROGRAMS)


@pytest.mark.scenario("S3-60", part="cli")
def test_arguments_environment_and_streams(programs: Cli) -> None:
    result = programs("run", "program", "--what", "tell", "--rest", "a", "--rest", "two words", "--env", "COLOUR=blue")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stderr.splitlines()[0])
    assert (told["args"], told["env"]) == (["a", "two words"], "blue")
    assert "and this is an error" in result.stderr
    assert json.loads(result.stdout)["exit_code"] == 0
    (run,) = programs.objects("runs", "list")
    streams = {event["data"].get("stream") for event in programs.objects("runs", "events", run["id"]) if event["kind"] == "log"}
    assert streams == {"stdout", "stderr"}


@pytest.mark.scenario("S3-60", part="cli")
def test_exit_code_decides(programs: Cli) -> None:
    result = programs("run", "program", "end", "--rest", "3")
    assert result.exit_code == 1
    assert "exited with code 3: what went wrong" in result.stderr


@pytest.mark.scenario("D4", part="cli")
def test_what_validate_refuses_is_not_enqueued(programs: Cli) -> None:
    for verb in ("run", "enqueue"):
        result = programs(verb, "halve", "--n", "3")
        assert (result.exit_code, "3 is odd" in result.stderr) == (2, True)
    assert programs.objects("runs", "list") == []


def test_a_check_asks_validate_too(programs: Cli) -> None:
    found = programs("tasks", "check", "halve", "--params", '{"n": 3}')
    assert "3 is odd" in found.output


@pytest.mark.scenario("D4", part="cli")
def test_both_errors_of_a_rollback_that_failed_are_shown(programs: Cli) -> None:
    found = programs.run_object("fails_twice")
    assert (found["state"], found["reason"]) == ("failed", "rollback failed")
    shown = programs.ok("runs", "show", found["id"])
    assert "OSError: no line" in shown
    assert "KeyError: 'no way back'" in shown
