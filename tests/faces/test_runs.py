"""``mainspring runs``: listing, showing, following, cancelling, retrying."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.faces.conftest import PATIENCE, Cli


def wait_for_state(cli: Cli, run_id: str, state: str) -> dict[str, object]:
    """Follow a run until it is in a state."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = cli.object("runs", "show", run_id)
        if found["state"] == state:
            return found
        assert time.monotonic() < deadline, found
        assert not found["is_final"], found


def test_lists_page_and_filter(cli: Cli) -> None:
    ids = [cli.ok("enqueue", "--label", f"l{number % 2}", "add", str(number)).strip() for number in range(4)]
    cli("run", "fails")
    assert [row["task"] for row in cli.objects("runs", "list")] == ["fails", "add", "add", "add", "add"]
    assert [row["id"] for row in cli.objects("runs", "list", "--task", "add", "--label", "l1")] == [ids[3], ids[1]]
    assert [row["id"] for row in cli.objects("runs", "-n", "2", "--before", ids[2])] == [ids[1], ids[0]]
    assert [row["state"] for row in cli.objects("runs", "--state", "failed", "-s", "cancelled")] == ["failed"]
    table = cli.ok("runs", "--task", "add").splitlines()
    assert table[0].split()[:3] == ["id", "task", "state"]
    assert len(table) == 5
    assert cli("runs", "--state", "odd").exit_code == 2
    assert cli("runs", "--limit", "0").exit_code == 2


def test_an_id_may_be_its_end(cli: Cli) -> None:
    run_id = cli.ok("enqueue", "add", "1").strip()
    assert cli.object("runs", "show", run_id[-8:])["id"] == run_id
    for bad, said in (("ffff0000ffff", "there is no run"), ("zz", "no run id"), ("0" * 36, "is no run id")):
        result = cli("runs", "show", bad)
        assert result.exit_code == 2, result.output
        assert said in result.stderr or "there is no run" in result.stderr


@pytest.mark.scenario("F8", part="cli")
def test_cancel_a_waiting_a_retrying_and_a_finished_run(cli: Cli) -> None:
    waiting = cli.ok("enqueue", "--delay", "1h", "add", "1").strip()
    assert cli.object("runs", "cancel", waiting) == {"v": 1, "id": waiting, "answer": "cancelled", "state": "cancelled"}
    retrying = cli.ok("enqueue", "backs_off").strip()
    assert cli.start("worker", "--burst").end() == 0
    assert cli.object("runs", "show", retrying)["attempt"] == 1
    assert cli.object("runs", "cancel", retrying, "--reason", "enough")["answer"] == "cancelled"
    shown = cli.object("runs", "show", retrying)
    assert (shown["state"], shown["cancelled_by"]) == ("cancelled", shown["actor"])
    done = cli.run_object("add", "1")["id"]
    assert cli.object("runs", "cancel", done) == {"v": 1, "id": done, "answer": "already", "state": "completed"}
    assert cli.object("runs", "cancel", waiting)["answer"] == "already"


@pytest.mark.scenario("F8", part="cli")
@pytest.mark.scenario("S3-29", part="cli")
def test_a_running_run_outlives_its_viewer_and_is_cancelled_from_another_process(cli: Cli) -> None:
    worker = cli.work()
    run_id = cli.ok("enqueue", "sleeps").strip()
    viewer = cli.start("runs", "watch", run_id)
    viewer.expect("asleep")
    viewer.signal(signal.SIGKILL)
    assert viewer.end() == -signal.SIGKILL
    assert cli.object("runs", "show", run_id)["state"] == "running"
    follower = cli.start("runs", "watch", run_id)
    follower.expect("asleep")
    assert cli.object("runs", "cancel", run_id, "--reason", "wrong day")["answer"] == "requested"
    assert follower.end() == 1
    assert "cancelled" in follower.said
    shown = wait_for_state(cli, run_id, "cancelled")
    assert shown["cancelled_by"] == shown["actor"]
    assert shown["finished_at"]
    assert "wrong day" in json.dumps(cli.objects("runs", "events", run_id))
    worker.signal(signal.SIGTERM)
    assert worker.end() == 0


@pytest.mark.scenario("R9", part="cli")
def test_a_failed_run_is_retried_with_other_parameters(cli: Cli) -> None:
    old = cli.run_object("fails", "--why", "first")["id"]
    new = cli.object("runs", "retry", old, "--params", '{"why": "second"}')
    shown = cli.object("runs", "show", new["id"])
    assert (shown["retry_of"], shown["params"], shown["origin"], shown["attempt"]) == (old, {"why": "second"}, "retry", 0)
    assert cli.object("runs", "show", old)["state"] == "failed"
    pending = cli("runs", "retry", new["id"])
    assert pending.exit_code == 2
    assert "only a finished run can be retried" in pending.stderr
    wrong = cli("runs", "retry", old, "--params", '{"what": 1}')
    assert wrong.exit_code == 2
    assert "what: unknown parameter" in wrong.stderr
    assert cli("runs", "retry", old, "--params", "{").exit_code == 2


def test_attempts_and_events_tell_the_story(cli: Cli) -> None:
    run_id = cli.run_object("flaky", "--good-from", "3")["id"]
    tries = cli.objects("runs", "attempts", run_id)
    assert [(each["number"], each["outcome"]) for each in tries] == [(1, "failed"), (2, "failed"), (3, "completed")]
    assert tries[0]["error"]["message"] == "attempt 1 got no answer"
    events = cli.objects("runs", "events", run_id)
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    assert [each["kind"] for each in events].count("retry_scheduled") == 2
    assert cli.objects("runs", "events", run_id, "--after", "3", "--limit", "2") == events[3:5]
    told = cli.ok("runs", "events", run_id)
    assert "attempt 2 ended badly, it is tried again at" in told


def test_logs_are_complete_and_harmless(cli: Cli) -> None:
    run_id = cli.run_object("shouts")["id"]
    (line,) = cli.objects("runs", "logs", run_id)
    assert "\x1b[31mred" in line["data"]["message"]
    told = cli.ok("runs", "logs", run_id)
    assert "title red " in told
    for bad in ("\x1b", "\x07", "\x9b", "owned"):
        assert bad not in told
    assert "\x1b" not in cli.ok("run", "shouts")
    followed = cli("runs", "logs", "-f", run_id)
    assert followed.exit_code == 0
    assert followed.stdout == told


def test_on_a_terminal_logs_keep_their_colours_and_nothing_else(cli: Cli) -> None:
    run_id = cli.run_object("shouts")["id"]
    seen = cli.start("runs", "logs", run_id, terminal=True)
    assert seen.end() == 0
    assert "title \x1b[31mred\x1b[0m" in seen.said
    assert "\x1b[2J" not in seen.said
    assert "\x07" not in seen.said


def test_watch_ends_with_the_exit_code_of_the_run(cli: Cli) -> None:
    good, bad = cli.run_object("add", "1")["id"], cli.run_object("fails")["id"]
    assert cli("runs", "watch", good).exit_code == 0
    assert cli("runs", "watch", bad).exit_code == 1
    kinds = [json.loads(line)["kind"] for line in cli("--json", "runs", "watch", bad).stdout.splitlines()]
    assert (kinds[0], kinds[-1]) == ("queued", "failed")


@pytest.mark.scenario("S3-04", part="cli")
def test_runs_of_a_removed_task_stay_readable_and_are_marked(project: Cli, tmp_path: Path) -> None:
    source = "from mainspring import task\n" + "".join(f"@task\nasync def {name}() -> str:\n    return '{name}'\n" for name in "abc")
    (tmp_path / "tasks.py").write_text(source)
    for name in "abc":
        first = project.start("run", name)
        assert first.end() == 0, first.said
    (tmp_path / "tasks.py").write_text(source.replace("@task\nasync def b", "async def b"))
    for name in "ac":
        assert project.run_object(name)["result"] == name
    assert project("run", "b").exit_code == 2
    (row,) = project.objects("runs", "list", "--task", "b")
    assert (row["definition"], row["state"]) == ("missing", "completed")
    assert project.object("runs", "show", row["id"])["result"] == "b"
    assert "definition missing" in project.ok("runs", "show", row["id"])
    assert "b (definition missing)" in project.ok("runs", "list", "--task", "b")
    assert project("runs", "retry", row["id"]).exit_code == 2


@pytest.mark.scenario("L11", part="cli")
def test_what_cannot_be_read_is_shown_and_hurts_nobody(cli: Cli, tmp_path: Path) -> None:
    bad, good = cli.ok("enqueue", "add", "1").strip(), cli.ok("enqueue", "add", "2").strip()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("update mainspring_hot_runs set params = '{\"a\": \x1b[2J' where id = ?", [bad])
    connection.close()
    assert cli.start("worker", "--burst").end() == 0
    shown = cli.object("runs", "show", bad)
    assert (shown["state"], shown["reason"], shown["params"]) == ("failed", "undecodable", None)
    assert shown["params_text"].startswith('{"a": ')
    told = cli.ok("runs", "show", bad)
    assert 'not readable as JSON: {"a": ' in told
    assert "\x1b" not in told
    assert cli.object("runs", "show", good)["state"] == "completed"
