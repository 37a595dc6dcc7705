"""``mainspring worker``: its options, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces.conftest import ROOT, Cli


@pytest.mark.scenario("X1", part="cli")
def test_sigterm_lets_bodies_end_and_claims_nothing_more(cli: Cli, tmp_path: Path) -> None:
    worker = cli.work("--drain", "10m")
    first = cli.ok("enqueue", "waits_for", str(tmp_path / "go")).strip()
    watch = cli.start("runs", "watch", first)
    watch.expect("waiting")
    worker.signal(signal.SIGTERM)
    worker.expect("stopping: nothing more is claimed, 1 body has 10m to end")
    second = cli.ok("enqueue", "add", "1").strip()
    assert [node["state"] for node in cli.objects("nodes")] in (["draining"], ["alive"])  # the beat may be on its way
    (tmp_path / "go").touch()
    assert worker.end() == 0
    assert watch.end() == 0
    assert cli.object("runs", "show", first)["result"] == "found"
    assert cli.object("runs", "show", second)["attempt"] == 0
    assert [node["state"] for node in cli.objects("nodes", "--all")] == ["stopped"]


@pytest.mark.scenario("X1", part="cli")
def test_past_the_drain_budget_runs_go_back_unburnt(cli: Cli) -> None:
    worker = cli.work("--drain", "100ms")
    run_id = cli.ok("enqueue", "sleeps").strip()
    watch = cli.start("runs", "watch", run_id)
    watch.expect("asleep")
    worker.signal(signal.SIGTERM)
    assert worker.end() == 0
    watch.expect("given back by its node")
    shown = cli.object("runs", "show", run_id)
    assert (shown["state"], shown["retries"], shown["rescues"]) == ("pending", 0, 0)
    assert "Traceback" not in worker.said


@pytest.mark.scenario("X1", part="cli")
def test_a_second_signal_ends_it_at_once_and_another_takes_over(cli: Cli) -> None:
    worker = cli.work("--drain", "10m")
    run_id = cli.ok("enqueue", "sleeps").strip()
    watch = cli.start("runs", "watch", run_id)
    watch.expect("asleep")
    worker.signal(signal.SIGTERM)
    worker.expect("stopping")
    assert worker.insist(signal.SIGTERM) == 130
    assert [node["state"] for node in cli.objects("nodes", "--all")] == ["stopped"]
    other = cli.work("--drain", "0s")
    watch.expect("asleep", times=2)
    other.signal(signal.SIGINT)
    assert other.end() == 0


def test_a_burst_does_what_is_ready_and_leaves_what_is_not(cli: Cli) -> None:
    now, later = cli.ok("enqueue", "add", "1").strip(), cli.ok("enqueue", "--delay", "1h", "add", "2").strip()
    worker = cli.start("--json", "worker", "--burst", "--name", "burster")
    assert worker.end() == 0
    events = [json.loads(line) for line in worker.said.splitlines() if '"event"' in line]
    assert [each["event"] for each in events] == ["started", "drained", "stopped"]
    assert events[0]["name"] == "burster"
    assert [cli.object("runs", "show", each)["state"] for each in (now, later)] == ["completed", "pending"]
    (node,) = cli.objects("nodes", "--all")
    assert node["name"] == "burster"


def test_queues_and_concurrency_bound_what_is_claimed(cli: Cli) -> None:
    elsewhere = cli.ok("enqueue", "--queue", "elsewhere", "add", "1").strip()
    ids = [cli.ok("enqueue", "--queue", "mail", "sleeps").strip() for _ in range(2)]
    worker = cli.work("-q", "mail,other", "-q", "third", "-c", "1", "--drain", "0s")
    watch = cli.start("runs", "watch", ids[0])
    watch.expect("asleep")
    (queue,) = [each for each in cli.objects("queues") if each["name"] == "mail"]
    assert (queue["running"], queue["ready"]) == (1, 1)
    assert cli.object("runs", "show", elsewhere)["attempt"] == 0
    (node,) = cli.objects("nodes")
    assert node["queues"] == ["mail", "other", "third"]
    worker.signal(signal.SIGTERM)
    assert worker.end() == 0


def test_sigusr1_dumps_all_stacks(cli: Cli) -> None:
    worker = cli.work()
    worker.signal(signal.SIGUSR1)
    worker.expect("Stack for <Task")
    worker.expect("most recent call first")
    worker.signal(signal.SIGTERM)
    assert worker.end() == 0


@pytest.mark.parametrize("words", [["--drain", "soon"], ["-c", "0"], ["--log-level", "loud"]])
def test_bad_options_end_before_anything_starts(cli: Cli, words: list[str]) -> None:
    worker = cli.start("worker", *words)
    assert worker.end() == 2
    assert "Traceback" not in worker.said
    assert cli("nodes", "--all").stdout == ""


def test_bodies_run_in_children_by_default(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(
        "import os\nfrom mainspring import task\n@task\ndef pid() -> int:\n    return os.getpid()\n"
        "@task(max_rescues=1)\ndef crashes() -> None:\n    os.abort()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "mainspring", "--url", project.url, "--json", "run", "pid"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ended.stdout)["state"] == "completed"
    crashed = project.start("run", "crashes")
    assert crashed.end() == 1
    assert "crashes failed" in crashed.said
    assert "Traceback" not in crashed.said
