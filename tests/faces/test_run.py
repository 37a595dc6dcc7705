"""``mainspring run`` and ``enqueue``: parameters, results, exit codes, and what is refused before anything is written."""

from __future__ import annotations

import json
import signal

import pytest

from tests.faces.conftest import Cli


@pytest.mark.scenario("U3", part="cli")
def test_run_waits_and_prints_the_result_on_stdout_and_the_log_on_stderr(cli: Cli) -> None:
    result = cli("run", "add", "--a", "40")
    assert (result.exit_code, result.stdout) == (0, "42\n")
    assert "adding 40 and 2" in result.stderr
    assert "add completed in" in result.stderr


def test_json_is_one_object_with_the_outcome(cli: Cli) -> None:
    found = cli.run_object("add", "1", "3")
    assert found | {"v": 1, "state": "completed", "result": 4, "params": {"a": 1, "b": 3}, "origin": "cli"} == found
    assert "@" in found["actor"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["fails"], 1, "fails failed after"),
        (["fails", "--why", "no luck"], 1, "ValueError: no luck"),
        (["gives_up"], 1, "Fail: for good"),
        (["skips"], 0, "skips was skipped: nothing to do"),
        (["--timeout", "20ms", "--retries", "0", "sleeps"], 1, "sleeps took too long"),
        (["flaky"], 0, "attempt 1 ended badly, it is tried again at"),
    ],
)
def test_the_exit_code_tells_the_end(cli: Cli, words: list[str], code: int, said: str) -> None:
    result = cli("run", *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.scenario("S0-11")
def test_a_failure_has_class_message_and_traceback_and_is_no_matter_of_text(cli: Cli) -> None:
    found = cli.run_object("fails", "--why", "completed successfully")
    assert found["state"] == "failed"
    assert found["error"]["type"] == "ValueError"
    assert found["error"]["message"] == "completed successfully"
    assert "in fails" in found["error"]["traceback"]
    shown = cli.ok("runs", "show", found["id"])
    assert "ValueError: completed successfully" in shown
    assert "raise ValueError(why)" in shown


@pytest.mark.scenario("S3-12", part="cli")
def test_defaults_arrive_typed(cli: Cli) -> None:
    found = cli.run_object("shapes", "--box", '{"width": 2}')
    assert found["result"] == {
        "box": {"width": 2, "height": 1}, "colours": [], "sizes": [1], "mode": "fit", "scale": 1.0, "dry_run": False,
        "note": None, "price": "1.50", "level": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["--box", '{"width": 2}', "--colours", "red", "--colours", "blue", "--sizes", "3", "--sizes=4", "--dry-run", "--level", "2",
         "--mode=fill", "--scale", "2.5", "--note", "-5", "--price", "0.10"],
        ['{"width": 2}', "--sizes", "[3, 4]", "--dry_run", "true", "fill", "--colours=red", "--colours=blue", "--scale=2.5", "--note=-5",
         "--price", "0.10", "--level=2"],
        ['{"width": 2}', "--colours", '["red", "blue"]', "--sizes", "3", "--sizes", "4", "fill", "2.5", "yes", "--level", "2", "--",
         "-5", "0.10"],
    ],
)  # fmt: skip
def test_parameters_are_options_or_values_in_order(cli: Cli, words: list[str]) -> None:
    assert cli.run_object("shapes", *words)["result"] == {
        "box": {"width": 2, "height": 1}, "colours": ["red", "blue"], "sizes": [3, 4], "mode": "fill", "scale": 2.5, "dry_run": True,
        "note": "-5", "price": "0.10", "level": 2,
    }  # fmt: skip


def test_a_flag_can_be_denied(cli: Cli) -> None:
    assert cli.run_object("shapes", '{"width": 1}', "--no-dry-run")["result"]["dry_run"] is False
    assert cli.run_object("shapes", '{"width": 1}', "--dry-run", "false")["result"]["dry_run"] is False


@pytest.mark.scenario("S3-11", part="cli")
def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_written(cli: Cli) -> None:
    words = [
        "shapes", "--sizes", "many", "--mode", "stretch", "--scale", "99", "--colours", "pink", "--level", "3", "--wdith", "5",
        "--price", "x",
    ]  # fmt: skip
    for verb in ("run", "enqueue"):
        result = cli(verb, *words)
        assert (result.exit_code, result.stdout) == (2, "")
        for field in ("box: is missing", "sizes.0:", "mode:", "scale:", "colours.0:", "level:", "wdith: unknown parameter", "price:"):
            assert f"\n  {field}" in result.stderr
        assert "(got 'many')" in result.stderr
    told = json.loads(cli("enqueue", "--json", *words).stdout)
    assert told["error"]["code"] == "invalid-params"
    assert {"field": "mode", "what": "input should be 'fit' or 'fill'", "value": "'stretch'"} in told["error"]["problems"]
    assert cli("runs").stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "--a"], "a: needs a value"),
        (["add", "1", "2", "3"], "one value too many, the task has a, b ('3')"),
        (["add", "--a", "1", "--a", "2"], "a: given twice"),
        (["add", "-x", "1"], "-x: unknown parameter, the task has a, b"),
        (["shapes", "--colour=red"], "did you mean --colours?"),
        (["shapes", "--box", "{"], "box: is no JSON"),
        (["wipe", "--yes"], "--yes: belongs to mainspring, not to the task: put it before the task's name"),
        (["shapes", "--box", '{"width": 0, "depth": 1}'], "box.width: input should be greater than or equal to 1"),
        (["fails", "--why", "\udcff"], "why: is no valid UTF-8"),
    ],
)
def test_what_is_wrong_is_named(cli: Cli, words: list[str], said: str) -> None:
    result = cli("run", *words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_an_unknown_task_is_refused_with_a_guess(cli: Cli) -> None:
    for verb in ("run", "enqueue"):
        result = cli(verb, "shaeps")
        assert result.exit_code == 2
        assert "did you mean 'shapes'" in result.stderr
    assert cli("tasks", "show", "nothing-like-it").exit_code == 2


def test_a_disabled_task_is_refused(cli: Cli) -> None:
    result = cli("enqueue", "old")
    assert result.exit_code == 2
    assert "disabled" in result.stderr


def test_a_dangerous_task_wants_to_be_confirmed(cli: Cli) -> None:
    for verb in ("run", "enqueue"):
        result = cli(verb, "wipe")
        assert result.exit_code == 2
        assert "Everything in it is lost." in result.stderr
        assert "--yes" in result.stderr
    assert cli("runs").stdout == ""
    assert cli.ok("run", "--yes", "wipe", "--path", "/x") == "wiped /x\n"


def test_on_a_terminal_the_danger_is_asked_about(cli: Cli) -> None:
    refused = cli.start("run", "wipe", terminal=True)
    refused.expect("Go on?")
    refused.type("n\n")
    assert refused.end() == 2
    accepted = cli.start("run", "wipe", terminal=True)
    accepted.expect("Go on?")
    accepted.type("y\n")
    assert accepted.end() == 0
    assert "wiped /" in accepted.said


def test_the_help_of_a_task_shows_its_parameters(cli: Cli) -> None:
    told = cli.ok("run", "shapes", "--help")
    for words in ("Take parameters of many types.", "--box JSON object", "[required]", "--mode fit|fill", "--dry-run / --no-dry-run",
                  "default fit", "> 0", "≤ 10", "may be repeated"):  # fmt: skip
        assert words in told
    assert "Danger: Everything in it is lost." in cli.ok("run", "wipe", "--help")
    assert cli("runs").stdout == ""


def test_enqueue_options_end_up_in_the_run(cli: Cli) -> None:
    run_id = cli.ok(
        "enqueue", "--delay", "1h", "--key", "k1", "--priority", "low", "--queue", "mail", "--label", "night", "--timeout", "7s",
        "--retries", "1", "add", "1",
    ).strip()  # fmt: skip
    found = cli.object("runs", "show", run_id)
    expected = {
        "id": run_id, "key": "k1", "priority": "low", "queue": "mail", "label": "night", "max_retries": 1, "state": "pending",
    }  # fmt: skip
    assert expected.items() <= found.items()
    assert found["run_at"] > found["created_at"]
    again = cli("enqueue", "--key", "k1", "add", "5")
    assert again.stdout.strip() == run_id
    assert "exists already" in again.stderr
    due = cli.ok("enqueue", "--run-at", "2100-01-01T00:00:00+01:00", "add", "1").strip()
    assert cli.object("runs", "show", due)["run_at"] == "2099-12-31T23:00:00Z"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--delay", "soon"], "delay='soon' is no duration"),
        (["--timeout", "-1s"], "timeout='-1s' is no duration"),
        (["--run-at", "tomorrow"], "run_at: "),
        (["--run-at", "2030-01-01T00:00:00"], "run_at: input should have timezone info"),
        (["--retries", "-1"], "retries: input should be greater than or equal to 0"),
        (["--delay", "1s", "--run-at", "2030-01-01T00:00:00Z"], "delay and run_at exclude each other"),
        (["--queue", "no good"], "queue='no good' is not allowed"),
    ],
)
def test_bad_options_are_refused(cli: Cli, options: list[str], said: str) -> None:
    result = cli("enqueue", *options, "add", "1")
    assert result.exit_code == 2
    assert said in result.stderr
    assert cli("runs").stdout == ""


def test_progress_is_a_live_line_on_a_terminal(cli: Cli) -> None:
    seen = cli.start("run", "add", "1", terminal=True)
    assert seen.end() == 0
    assert "\x1b[" in seen.said
    assert "adding 1 and 2" in seen.said
    plain = cli.start("run", "add", "1", terminal=True, env={"NO_COLOR": "1"})
    assert plain.end() == 0
    assert "\x1b[32m" not in plain.said


@pytest.mark.scenario("S3-29", part="cli")
def test_ctrl_c_asks_the_run_to_stop(cli: Cli) -> None:
    process = cli.start("run", "sleeps")
    process.expect("asleep")
    process.signal(signal.SIGINT)
    assert process.end() == 1
    assert "asked the run to stop" in process.said
    assert "Traceback" not in process.said
    (run,) = cli.objects("runs", "list")
    assert run["state"] == "cancelled"
    assert "Ctrl-C" in json.dumps(cli.objects("runs", "events", run["id"]))


def test_the_second_ctrl_c_leaves(cli: Cli) -> None:
    (cli.cwd / "stubborn.py").write_text(
        "import asyncio\nfrom mainspring import Mainspring, task\n"
        "@task\nasync def stays() -> None:\n    print('deaf')\n    while True:\n"
        "        try:\n            await asyncio.sleep(600)\n        except asyncio.CancelledError:\n            print('no')\n"
        "app = Mainspring(tasks=[stays], isolation='inline')\n"
    )
    cli.app = ("-A", "stubborn:app")
    process = cli.start("run", "stays")
    process.expect("deaf")
    process.signal(signal.SIGINT)
    process.expect("press Ctrl-C again")
    assert process.insist(signal.SIGINT) == 130
    assert "left the run" in process.said
    assert "Traceback" not in process.said
