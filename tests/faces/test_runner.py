"""Whole nodes from the command line: roles, commands through the database, maintenance, health over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.faces.conftest import PATIENCE, Cli, Process


def _get(address: str, path: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(address + path, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


PROBED = {"MAINSPRING_HEALTH": "127.0.0.1:0"}  # health at an address of its own, where nobody has to say who asks


def _address(process: Process) -> str:
    process.expect("HTTP is answered at http://")
    found = re.search(r"answered at (http://\S+)", process.said)
    assert found is not None
    return found[1]


def _ended(process: Process) -> None:
    process.signal(signal.SIGTERM)
    assert process.end() == 0


@pytest.fixture
def node(cli: Cli) -> Process:
    process = cli.start("runner", "--name", "one", "--drain", "10m")
    process.expect("works on")
    return process


@pytest.mark.scenario("U5")
def test_nodes_are_paused_resumed_and_stopped_from_elsewhere(cli: Cli, node: Process, tmp_path: Path) -> None:
    held = cli.ok("enqueue", "waits_for", str(tmp_path / "go")).strip()
    watch = cli.start("runs", "watch", held)
    watch.expect("waiting")

    assert "one" in cli.ok("runner", "pause", "one", "--reason", "look at it", "--wait", "30s")
    (told,) = cli.object("runner", "status")["nodes"]
    assert (told["is_paused"], told["state"], told["command"], told["command_reason"]) == (True, "alive", "pause", "look at it")
    node.expect("this node is paused")
    later = cli.ok("enqueue", "add", "1").strip()
    (tmp_path / "go").touch()
    assert watch.end() == 0  # what it held went on
    assert cli.object("runs", "show", later)["state"] == "pending"

    assert cli("runner", "resume", "one", "--wait", "30s").exit_code == 0
    node.expect("this node goes on")
    assert cli.start("runs", "watch", later).end() == 0

    assert cli("runner", "stop", "--all", "--wait", "60s").exit_code == 0
    assert node.end() == 0
    assert [each["state"] for each in cli.objects("nodes", "--all")] == ["stopped"]
    verbs = [each["verb"] for each in cli.objects("audit")]
    assert {"runner.pause", "runner.resume", "runner.stop"} <= set(verbs)


@pytest.mark.scenario("U5")
def test_quiet_is_the_first_half_of_a_stop_and_is_not_taken_back(cli: Cli, node: Process) -> None:
    assert cli("runner", "quiet", "one", "--wait", "30s").exit_code == 0
    assert [each["state"] for each in cli.objects("nodes")] == ["draining"]
    refused = cli("runner", "resume", "one")
    assert refused.exit_code == 2
    assert "not taken back" in refused.output
    assert cli("runner", "stop", "one", "--wait", "60s").exit_code == 0
    assert node.end() == 0


def test_a_node_that_nobody_knows_is_named_with_those_there_are(cli: Cli, node: Process) -> None:
    refused = cli("runner", "pause", "two")
    assert refused.exit_code == 2
    assert "no living node is called 'two': there are one" in refused.output
    assert "say which node" in cli("runner", "stop").output
    _ended(node)


@pytest.mark.scenario("Q6")
def test_serve_enqueues_and_executes_nothing(cli: Cli) -> None:
    serving = cli.start("serve", "--listen", "127.0.0.1:0", "--name", "front", env=PROBED)
    serving.expect("nothing is executed here")
    address = _address(serving)
    run_id = cli.ok("enqueue", "--queue", "front", "add", "1").strip()
    seen = json.loads(_get(address, "/healthz")[1])
    assert (seen["node"]["role"], seen["fleet"]["roles"], seen["waiting"]["ready"]) == ("serve", {"serve": 1}, 1)
    assert {each["name"] for each in seen["node"]["loops"]} & {"worker", "scheduler", "supervisor"} == set()
    assert cli.object("runs", "show", run_id)["attempt"] == 0

    worker = cli.start("worker", "--name", "back", "--burst")
    assert worker.end() == 0
    assert cli.object("runs", "show", run_id)["state"] == "completed"
    roles = {each["name"]: each["role"] for each in cli.objects("nodes", "--all")}
    assert roles == {"front": "serve", "back": "worker"}
    _ended(serving)


@pytest.mark.scenario("Q6")
@pytest.mark.parametrize(("words", "role", "there", "absent"), [
    (["runner"], "all", {"worker", "scheduler", "gatekeeper", "sweeper", "rescuer"}, set()),
    (["worker"], "worker", {"worker", "gatekeeper", "sweeper", "rescuer"}, {"scheduler", "supervisor"}),
    (["runner", "--role", "scheduler"], "scheduler", {"scheduler", "rescuer"}, set()),
])  # fmt: skip
def test_a_role_decides_which_loops_a_node_has(cli: Cli, words: list[str], role: str, there: set[str], absent: set[str]) -> None:
    process = cli.start(*words, "--health-port", "127.0.0.1:0")
    seen: dict[str, Any] = json.loads(_get(_address(process), "/healthz")[1])
    names = {each["name"] for each in seen["node"]["loops"]}
    assert seen["node"]["role"] == role
    assert there <= names
    assert not absent & names
    _ended(process)


@pytest.mark.scenario("Q6")
def test_a_scheduler_leaves_runs_to_workers(cli: Cli) -> None:
    run_id = cli.ok("enqueue", "add", "1").strip()
    process = cli.start("runner", "--role", "scheduler")
    process.expect("works on")
    assert cli.object("runs", "show", run_id)["attempt"] == 0
    _ended(process)
    assert cli.object("runs", "show", run_id)["state"] == "pending"


def test_a_runner_that_is_switched_off_says_so_and_moves_nothing(cli: Cli) -> None:
    run_id = cli.ok("enqueue", "add", "1").strip()
    process = cli.start("runner", "--health-port", "127.0.0.1:0", env={"TASK_RUNNER_ENABLED": "false"})
    process.expect("TASK_RUNNER_ENABLED is false here")
    seen = json.loads(_get(_address(process), "/healthz")[1])
    assert seen["node"]["role"] == "serve"
    assert cli.object("runs", "show", run_id)["attempt"] == 0
    _ended(process)


@pytest.mark.scenario("U15")
def test_a_worker_answers_how_it_is(cli: Cli) -> None:
    worker = cli.start("worker", "--health-port", "127.0.0.1:0", "--name", "w", "--drain", "10m")
    address = _address(worker)
    assert _get(address, "/livez")[0] == 200
    status, text = _get(address, "/readyz")
    assert (status, json.loads(text)) == (200, {"is_ready": True, "problems": []})
    status, text = _get(address, "/healthz")
    seen = json.loads(text)
    assert (status, seen["status"], seen["problems"]) == (200, "healthy", [])
    assert seen["versions"]["schema_applied"] == seen["versions"]["schema_needed"]
    assert seen["versions"]["engine"]
    assert seen["waiting"]["oldest_seconds"] is None
    assert seen["fleet"]["expired_leases"] == 0
    assert all(each["is_turning"] for each in seen["node"]["loops"])
    status, text = _get(address, "/metrics")
    assert status == 200
    assert "mainspring_" in text
    assert _get(address, "/livez", "POST")[0] == 405
    assert _get(address, "/nothing")[0] == 404
    assert _get(address, "/livez", "HEAD") == (200, "")

    watch = cli.start("runs", "watch", cli.ok("enqueue", "sleeps").strip())
    watch.expect("asleep")
    worker.signal(signal.SIGTERM)
    worker.expect("stopping")
    status, text = _get(address, "/readyz")
    assert (status, json.loads(text)["problems"]) == (503, ["the node is leaving"])
    assert _get(address, "/livez")[0] == 200
    assert worker.insist(signal.SIGTERM) in (0, 130)


@pytest.mark.scenario("V8")
def test_maintenance_lets_work_end_and_begins_none(cli: Cli, tmp_path: Path) -> None:
    process = cli.start("start", "--listen", "127.0.0.1:0", "--name", "one", env=PROBED)
    address = _address(process)
    held = cli.ok("enqueue", "waits_for", str(tmp_path / "go")).strip()
    watch = cli.start("runs", "watch", held)
    watch.expect("waiting")
    assert "maintenance" in cli.ok("maintenance", "on", "--reason", "new disks")
    process.expect("rests while the fleet is in maintenance")
    later = cli.ok("enqueue", "add", "1").strip()
    (tmp_path / "go").touch()
    assert watch.end() == 0
    assert cli.object("runs", "show", later)["attempt"] == 0
    status, text = _get(address, "/healthz")
    seen = json.loads(text)
    assert (status, seen["status"], seen["maintenance"]["reason"]) == (200, "warning", "new disks")
    assert _get(address, "/readyz")[0] == 200
    assert "new disks" in cli.ok("health")
    assert "new disks" in cli.ok("runner", "status")
    assert "the fleet works" in cli.ok("maintenance", "off")
    assert cli.start("runs", "watch", later).end() == 0
    kinds = [each["verb"] for each in cli.objects("audit")]
    assert {"maintenance.on", "maintenance.off"} <= set(kinds)
    _ended(process)


def test_an_address_that_is_taken_ends_the_start(cli: Cli) -> None:
    first = cli.start("serve", "--listen", "127.0.0.1:0", env=PROBED)
    port = _address(first).rpartition(":")[2]
    second = cli.start("worker", "--health-port", port)
    assert second.end() == 2
    assert f"127.0.0.1:{port} cannot be listened on" in second.said
    assert "Traceback" not in second.said
    _ended(first)


@pytest.mark.parametrize("words", [["--health-port", "soon"], ["--role", "boss"], ["--processes", "0"]])
def test_bad_options_end_before_anything_starts(cli: Cli, words: list[str]) -> None:
    process = cli.start("runner", *words)
    assert process.end() == 2
    assert "Traceback" not in process.said
    assert cli("nodes", "--all").stdout == ""


# -- several processes under one parent


def _events(process: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.said.splitlines() if line.startswith("{") and '"event"' in line]


def test_processes_are_nodes_of_their_own_and_one_that_crashes_comes_back(cli: Cli) -> None:
    parent = cli.start("--json", "runner", "--processes", "2", "--name", "pair")
    parent.expect('"event": "ready"')
    living = {each["name"]: each["pid"] for each in cli.objects("nodes")}
    assert living.keys() == {"pair-1", "pair-2"}
    assert sorted(living.values()) == sorted(next(each for each in _events(parent) if each["event"] == "ready")["pids"])
    os.kill(living["pair-1"], signal.SIGKILL)
    parent.expect('"event": "crashed"')
    parent.expect('"event": "started"', times=3)
    again = {each["name"]: each["pid"] for each in cli.objects("nodes") if each["pid"] != living["pair-1"]}
    assert again.keys() == {"pair-1", "pair-2"}
    assert again["pair-2"] == living["pair-2"]
    run_id = cli.ok("enqueue", "add", "1").strip()
    assert cli.start("runs", "watch", run_id).end() == 0
    _ended(parent)
    last = _events(parent)[-1]
    assert (last["event"], last["codes"], last["restarts"]) == ("stopped", [0, 0], 1)
    assert {each["state"] for each in cli.objects("nodes", "--all")} <= {"stopped", "dead"}


def test_a_parent_hands_the_second_signal_on(cli: Cli) -> None:
    parent = cli.start("--json", "worker", "--name", "w", "--drain", "10m")
    parent.expect('"event": "started"')
    _ended(parent)
    parent = cli.start("--json", "runner", "--processes", "2", "--drain", "10m")
    parent.expect('"event": "ready"')
    watch = cli.start("runs", "watch", cli.ok("enqueue", "sleeps").strip())
    watch.expect("asleep")
    parent.signal(signal.SIGTERM)
    parent.expect('"event": "stopping"', times=2)
    assert parent.insist(signal.SIGTERM) == 130


def test_processes_that_are_told_to_stop_stay_stopped(cli: Cli) -> None:
    parent = cli.start("runner", "--processes", "2", "--name", "pair")
    parent.expect("2 processes are ready")
    assert cli("runner", "stop", "pair-1", "pair-2", "--wait", "60s").exit_code == 0
    assert parent.end() == 0


def test_processes_that_cannot_start_are_not_tried_again(cli: Cli) -> None:
    parent = cli.start("runner", "--processes", "2", env={"MAINSPRING_METRICS": "soon"})
    assert parent.end() == 2
    assert "Traceback" not in parent.said


# -- the version gate


@pytest.mark.scenario("S0-31")
@pytest.mark.parametrize(("change", "behind", "command"), [
    ("delete from mainspring_migrations where number = (select max(number) from mainspring_migrations)",
     "the database is behind", "mainspring migrate"),
    ("insert into mainspring_migrations (number, phase, name, checksum, version) values (9999, 'post', 'later', 'x', '99.0')",
     "the code is behind", "pip install --upgrade mainspring"),
])  # fmt: skip
def test_code_and_schema_that_do_not_fit_are_told_and_nothing_is_claimed(
    cli: Cli, tmp_path: Path, change: str, behind: str, command: str
) -> None:
    run_id = cli.ok("enqueue", "add", "1").strip()
    fits = cli.object("health")["versions"]
    assert fits["schema_applied"] == fits["schema_needed"]
    with sqlite3.connect(tmp_path / "store.db") as database:
        database.execute(change)
    database.close()
    environment = {"MAINSPRING_AUTO_MIGRATE": "false"}
    for words in (["runner"], ["worker"], ["start", "--listen", "127.0.0.1:0"]):
        process = cli.start(*words, env=environment)
        assert process.end() == 4
        assert behind in process.said
        assert command in process.said
        assert "Traceback" not in process.said
    told = cli.start("--json", "health", env=environment)
    assert told.end() == 4
    seen = json.loads(told.said)
    assert seen["status"] == "critical"
    assert seen["versions"]["engine"] == fits["engine"]
    assert seen["versions"]["schema_needed"] == fits["schema_needed"]
    assert seen["versions"]["schema_applied"] != fits["schema_applied"]
    assert behind in seen["problems"][0]["values"]["message"]
    with sqlite3.connect(tmp_path / "store.db") as database:
        assert database.execute("select attempt from mainspring_hot_runs where id = ?", [run_id]).fetchone() == (0,)
    database.close()


def test_nodes_whose_parent_is_killed_stop_by_themselves(cli: Cli) -> None:
    parent = cli.start("--json", "runner", "--processes", "2", "--name", "pair")
    parent.expect('"event": "ready"')
    parent.signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while [each["state"] for each in cli.objects("nodes", "--all")] != ["stopped", "stopped"]:
        assert time.monotonic() < deadline
