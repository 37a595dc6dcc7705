"""What operators ask for when something went wrong: retry, errors, audit, explain, danger, doctor."""

from __future__ import annotations

import json

import pytest

from tests.faces.conftest import Cli
from tests.faces.test_catalog import audit_rows

# -- retry


@pytest.mark.scenario("R9", part="cli")
def test_one_run_is_retried_with_one_parameter_changed(cli: Cli) -> None:
    old = cli.run_object("shapes", "--box", '{"width": 0}', "--note", "x")
    assert "error" in old  # refused before anything was enqueued
    old = cli.run_object("fails", "--why", "first")
    new = cli.object("runs", "retry", old["id"], "--param", "why=second = third", "--reason", "typo")
    shown = cli.object("runs", "show", new["id"])
    assert (shown["retry_of"], shown["params"], shown["origin"]) == (old["id"], {"why": "second = third"}, "retry")
    row = audit_rows(cli.url)[0]
    assert (row["verb"], row["object"], row["reason"], row["source"]) == ("runs.retry", f"run:{new['id']}", "typo", "cli")
    assert row["actor"] == shown["actor"]
    counted = cli.run_object("counts", "--n", "1")["id"]
    again = cli.object("runs", "retry", counted, "-p", "n=7")["id"]
    assert cli.object("runs", "show", again)["params"] == {"n": 7}  # an integer, as the schema wants it
    for words, said in (
        (["-p", "what=1"], "what: unknown parameter, the task has why"),
        (["-p", "why"], "why: needs a value"),
        (["--task", "fails"], "name a run, or say which runs"),
    ):
        result = cli("runs", "retry", old["id"], *words)
        assert result.exit_code == 2
        assert said in result.stderr
    assert cli("runs", "retry").exit_code == 2


@pytest.mark.scenario("R9", part="cli")
def test_all_that_failed_are_retried_once_and_audited(cli: Cli) -> None:
    old = [cli.run_object("fails", "--why", str(n))["id"] for n in range(3)]
    gave_up = cli.run_object("gives_up")["id"]
    good = cli.run_object("counts")["id"]
    assert {row["retry_of"] for row in cli.object("runs", "retry", "-s", "failed", "--dry-run")["runs"]} == {*old, gave_up}
    assert [line.split()[0] for line in cli.ok("runs", "retry", "--task", "fails", "-n", "2", "--dry-run").splitlines()[1:]] == old[:0:-1]
    unsure = cli("runs", "retry", "-s", "failed")
    assert unsure.exit_code == 2
    assert "4 runs are done again. Nothing was done; say --yes" in unsure.stderr
    assert len(cli.objects("runs")) == 5

    view = cli.object("runs", "retry", "--task", "fails", "--since", "1h", "-p", "why=again", "--yes", "--reason", "mended")
    assert (view["n"], view["what"]) == (3, "task:fails")
    assert [row["retry_of"] for row in view["runs"]] == old[::-1]
    for row in view["runs"]:
        shown = cli.object("runs", "show", row["id"])
        assert (shown["retry_of"], shown["params"], shown["state"]) == (row["retry_of"], {"why": "again"}, "pending")
    audit = audit_rows(cli.url)[0]
    assert (audit["verb"], audit["object"], audit["reason"]) == ("runs.retrymany", "task:fails", "mended")
    assert audit["data"]["n"] == 3
    assert audit["data"]["edited"] == ["why"]

    assert [row["retry_of"] for row in cli.object("runs", "retry", "-s", "failed", "--dry-run")["runs"]] == [gave_up]
    assert len(cli.object("runs", "retry", "-s", "failed", "--again", "--dry-run")["runs"]) == 4
    assert cli.object("runs", "retry", "--since", "1ms", "--yes")["n"] == 0
    fingerprint = cli.object("runs", "show", gave_up)["error"]["fingerprint"]
    wrong = cli("runs", "retry", "--error", fingerprint, "-p", "n=1", "--yes")
    assert wrong.exit_code == 1  # the task has no such parameter
    assert "n: unknown parameter" in wrong.stdout
    assert "1 run is done again" in cli("runs", "retry", "--error", fingerprint, "--yes").stderr
    assert cli.object("runs", "show", good)["state"] == "completed"


@pytest.mark.scenario("S3-32", part="cli retry")
def test_a_dangerous_run_is_confirmed_again(cli: Cli) -> None:
    run_id = cli.run_object("--yes", "wipe")["id"]
    refused = cli("runs", "retry", run_id)
    assert refused.exit_code == 2
    assert "Everything in it is lost." in refused.stderr
    assert audit_rows(cli.url)[0]["data"] == {"refused": "unconfirmed"}
    assert cli.object("runs", "retry", run_id, "--yes")["is_new"]
    asked = cli.start("runs", "retry", run_id, terminal=True)
    asked.expect("Everything in it is lost.")
    asked.type("n\n")
    assert asked.end() == 2


# -- errors and audit


@pytest.mark.scenario("R10", part="cli")
def test_errors_are_listed_shown_resolved_and_open_again(cli: Cli) -> None:
    assert cli.objects("errors") == []
    runs = [cli.run_object("fails", "--why", f"no. {n}")["id"] for n in range(2)]
    cli.run_object("gives_up")
    gave_up, failed = cli.objects("errors")
    assert (failed["task"], failed["type"], failed["message"], failed["n"], failed["is_open"]) == ("fails", "ValueError", "no. 1", 2, True)
    assert (gave_up["task"], gave_up["n"]) == ("gives_up", 1)
    fingerprint = failed["fingerprint"]
    shown = cli.object("errors", "show", fingerprint[:6])
    assert [each["run_id"] for each in shown["occurrences"]] == runs[::-1]
    assert "in fails" in shown["traceback"]
    assert shown["last_run"] == runs[1]
    told = cli.ok("errors", "show", fingerprint)
    assert "ValueError: no. 1" in told and runs[0] in told and "open" in told
    assert "opens again by itself" in cli.ok("errors", "resolve", fingerprint, "--reason", "mended")
    assert "was resolved already" in cli.ok("errors", "resolve", fingerprint)
    row = audit_rows(cli.url)[1]
    assert (row["verb"], row["object"], row["reason"]) == ("errors.resolve", f"error:{fingerprint}", "mended")
    assert [each["task"] for each in cli.objects("errors")] == ["gives_up"]
    assert [each["task"] for each in cli.objects("errors", "--status", "resolved")] == ["fails"]
    cli.run_object("fails")
    again, _ = cli.objects("errors", "list", "--status", "all")
    assert (again["task"], again["is_open"], again["reopened"], again["n"]) == ("fails", True, 1, 3)
    assert "reopened" in cli.ok("errors")
    assert [each["task"] for each in cli.objects("errors", "--task", "fails", "--limit", "1")] == ["fails"]
    assert cli("errors", "show", "ffffffff").exit_code == 2


def test_the_audit_trail_is_listed_by_object_actor_verb_door_and_time(cli: Cli) -> None:
    run_id = cli.ok("enqueue", "counts").strip()
    cli.ok("queues", "pause", "mail", "--reason", "flood")
    cli("run", "wipe")
    cli.ok("queues", "resume", "mail")
    rows = cli.objects("audit")
    assert [(row["verb"], row["object"]) for row in rows] == [
        ("queues.resume", "queue:mail"), ("runs.enqueue", "task:wipe"), ("queues.pause", "queue:mail"), ("runs.enqueue", f"run:{run_id}"),
    ]  # fmt: skip
    assert [row["is_refused"] for row in rows] == [False, True, False, False]
    assert [row["id"] for row in cli.objects("audit", "--object", "queue:mail")] == [rows[0]["id"], rows[2]["id"]]
    assert [row["id"] for row in cli.objects("audit", "--verb", "runs.enqueue", "--source", "cli")] == [rows[1]["id"], rows[3]["id"]]
    assert cli.objects("audit", "--actor", "nobody") == []
    assert len(cli.objects("audit", "--actor", rows[0]["actor"], "--since", "1h")) == 4
    assert cli.objects("audit", "--since", "1ms") == []
    assert [row["id"] for row in cli.objects("audit", "-n", "1", "--before", str(rows[1]["id"]))] == [rows[2]["id"]]
    told = cli.ok("audit")
    assert "runs.enqueue (refused)" in told and "flood" in told


# -- explain


def test_explain_says_why_in_one_sentence(cli: Cli) -> None:
    later = cli.ok("enqueue", "--delay", "1h", "counts").strip()
    assert cli.ok("explain", later).startswith("It is scheduled for 20")
    assert cli.object("runs", "explain", later[-8:])["code"] == "scheduled"
    waiting = cli.ok("enqueue", "counts").strip()
    assert cli.ok("explain", waiting) == "No worker is alive; start one with `mainspring worker`.\n"
    cli.ok("queues", "pause", "default", "--reason", "flood")
    paused = cli.object("explain", waiting)
    assert (paused["code"], paused["values"]["queue"], paused["values"]["reason"]) == ("paused", "default", "flood")
    assert ": flood." in cli.ok("explain", waiting)
    cli.ok("queues", "resume", "default")
    cli.ok("runs", "cancel", waiting, "--reason", "wrong day")
    assert ": wrong day." in cli.ok("explain", waiting)
    failed = cli.run_object("fails", "--why", "\x1b[2Jgone")["id"]
    assert "after one attempt (ValueError: gone)." in cli.ok("explain", failed)
    assert cli("explain", "ffff0000").exit_code == 2


# -- danger and expense


@pytest.mark.scenario("S3-32", part="cli")
def test_danger_without_a_yes_is_refused_and_audited(cli: Cli) -> None:
    for verb in ("run", "enqueue"):
        result = cli(verb, "wipe")
        assert result.exit_code == 2
        assert "Everything in it is lost." in result.stderr and "--yes" in result.stderr
        row = audit_rows(cli.url)[0]
        assert (row["verb"], row["object"], row["data"]) == ("runs.enqueue", "task:wipe", {"refused": "unconfirmed"})
        assert "@" in row["actor"]
    told = json.loads(cli("--json", "run", "wipe").stdout)
    assert told["error"]["code"] == "conflict"
    assert len(audit_rows(cli.url)) == 3
    assert cli.objects("runs") == []
    assert cli.ok("run", "--yes", "wipe") == "wiped /\n"


@pytest.mark.scenario("S3-33", part="cli")
def test_an_expensive_task_says_what_it_usually_takes(cli: Cli) -> None:
    first = cli("run", "add", "1")
    assert "add is expensive: it goes by the queue expensive; none has finished in the last 30 days" in first.stderr
    second = cli("enqueue", "add", "1")
    assert "add is expensive: it goes by the queue expensive and takes " in second.stderr
    assert "(of 1 run in the last 30 days)" in second.stderr
    assert "expensive" not in cli("run", "counts").stderr
    assert "expensive" not in cli("--json", "enqueue", "add", "1").stderr


def test_doctor_tells_of_retention_pins_and_open_errors(cli: Cli) -> None:
    run_id = cli.run_object("fails")["id"]
    cli.ok("runs", "pin", run_id)
    view = cli.object("doctor")
    assert view["upkeep"] == {"completed": "7d", "others": "7d", "keep_last": 0, "own": [], "pins": 1, "open_errors": 1}
    assert "1 run is pinned, 1 error is open" in cli.ok("doctor")
    names = {each["name"]: each for each in view["settings"]}
    assert {"TASK_RETENTION_DAYS", "MAINSPRING_RETENTION_COMPLETED", "MAINSPRING_KEEP_LAST"} <= names.keys()


def test_every_setting_has_its_value_and_source_and_unknown_names_are_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSPRING_RETENTION_COMPLETED", "1")
    monkeypatch.setenv("MAINSPRING_KEEP_LAST", "20")
    monkeypatch.setenv("TASK_RETENTION_DAY", "9")
    (cli.cwd / "house.py").write_text("from mainspring import Mainspring\napp = Mainspring('sqlite://')\n")
    cli.app = ("-A", "house:app")
    cli.ok("nodes")  # brings the file to this schema
    view = cli.object("doctor")
    told = {each["name"]: (each["value"], each["source"]) for each in view["settings"]}
    assert told["MAINSPRING_RETENTION_COMPLETED"] == ("1d", "environment (MAINSPRING_RETENTION_COMPLETED)")
    assert told["MAINSPRING_KEEP_LAST"] == ("20", "environment (MAINSPRING_KEEP_LAST)")
    assert told["TASK_RETENTION_DAYS"] == ("7d", "default")
    said = [each["values"]["message"] for each in view["findings"] if each["code"] == "setting"]
    assert said == ["environment: the setting TASK_RETENTION_DAY is unknown; did you mean TASK_RETENTION_DAYS?"]
    assert view["upkeep"]["completed"] == "1d"
    assert view["upkeep"]["keep_last"] == 20
