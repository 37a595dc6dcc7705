"""``mainspring pulse``: what people and scripts are told."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.faces.conftest import Cli, Process

APP = """
import time
from mainspring import Mainspring, cron, task

@task(timeout="3s")
def brisk(n: int = 0) -> int:
    return n

@task(timeout="10m")
def lengthy() -> None: ...

@task(timeout="2s", retry=0)
def fails() -> None:
    raise ValueError("no")

@task(timeout="20s")
def napping() -> None:
    time.sleep(15)

@task(timeout="3s", schedule=cron("0 0 1 1 *", params={"n": 4}))
def yearly(n: int) -> int:
    return n

app = Mainspring(tasks=[brisk, lengthy, fails, napping, yearly])
"""


@pytest.fixture
def pulsed(project: Cli) -> Cli:
    Path(project.cwd, "pulsed.py").write_text(APP, "utf-8")
    project.app = ("-A", "pulsed:app")
    return project


@pytest.mark.scenario("V1", "V2", "U3", part="cli")
def test_a_pulse_tells_what_ran_what_remains_and_why(pulsed: Cli) -> None:
    for _ in range(3):
        pulsed.ok("enqueue", "brisk")
    pulsed.ok("enqueue", "lengthy")
    told = pulsed.ok("pulse", "execute", "--budget", "10s")
    assert told.startswith("3 attempts in ")
    assert "1 runs that are due remain" in told
    assert "lengthy (1): never in 10s, its timeout is 10m" in told
    pulsed.ok("enqueue", "brisk")
    view = pulsed.object("pulse", "execute", "--budget", "10s")
    assert (view["executed"], view["succeeded"], view["remaining"], view["source"], view["is_more"]) == (1, 1, 1, "cli", False)
    assert view["deferred"] == [{"task": "lengthy", "runs": 1, "reason": "timeout_exceeds_budget", "timeout": "10m"}]
    assert [each["task"] for each in view["ran"]] == ["brisk"]
    assert view["next_in_seconds"] > 0


@pytest.mark.scenario("V5", part="cli")
def test_a_dry_run_lists_names_choose_and_unknown_ones_are_errors(pulsed: Cli) -> None:
    pulsed.ok("enqueue", "brisk")
    assert "would begin: brisk (1)" in pulsed.ok("pulse", "execute", "--dry-run")
    assert pulsed.objects("pulse", "history") == []
    wrong = pulsed("pulse", "execute", "--force", "brisque")
    assert (wrong.exit_code, "brisk" in wrong.output) == (2, True)
    assert pulsed("pulse", "execute", "--only", "nothing").exit_code == 2
    assert pulsed("pulse", "execute", "--budget", "3h").exit_code == 2
    view = pulsed.object("pulse", "execute", "--only", "yearly", "--force", "yearly", "--reason", "asked for")
    assert [each["task"] for each in view["ran"]] == ["yearly"]
    (row,) = [each for each in pulsed.objects("audit", "list") if each["verb"] == "pulse.execute"]
    assert (row["object"], row["reason"]) == (f"pulse:{view['id']}", "asked for")
    run = pulsed.object("runs", "show", view["forced"][0])
    assert (run["state"], run["result"], run["origin"]) == ("completed", 4, "pulse")


@pytest.mark.scenario("V7", "U3", part="cli")
def test_status_and_history_tell_how_pulses_are_doing(pulsed: Cli) -> None:
    assert pulsed.object("pulse", "status")["state"] == "unused"
    pulsed.ok("enqueue", "fails")
    view = pulsed.object("pulse", "execute")
    assert (view["executed"], view["failed"], view["is_ok"]) == (1, 1, True)  # the pulse went well, whatever became of the run
    status = pulsed.object("pulse", "status")
    assert (status["state"], status["success_rate"], status["last_pulse_at"] is not None) == ("healthy", 1.0, True)
    assert "1/1 (100%)" in pulsed.ok("pulse")
    pulsed.ok("pulse", "execute")
    page = pulsed.objects("pulse", "history", "--limit", "1")
    assert [each["executed"] for each in page] == [0]
    assert [each["failed"] for each in pulsed.objects("pulse", "history", "--before", str(page[0]["id"]))] == [1]
    assert "more: --before" in pulsed.ok("pulse", "history", "--limit", "1")


@pytest.mark.scenario("V3", part="cli")
def test_a_pulse_that_is_killed_is_made_up_for_by_the_next_one(pulsed: Cli) -> None:
    run = pulsed.ok("enqueue", "napping").strip()
    first: Process = pulsed.start("--json", "pulse", "execute", "--budget", "60s")
    while pulsed.object("runs", "show", run)["state"] != "running":
        pass
    first.signal(signal.SIGKILL)
    first.end()
    view = pulsed.object("pulse", "execute", "--budget", "10s")  # the kernel freed its lock file: no lease has to be waited for
    assert view["is_ok"], view
    again = pulsed.object("runs", "show", run)
    assert (again["state"], again["attempt"]) == ("pending", 1)
    assert [each["reason"] for each in view["deferred"]] == ["timeout_exceeds_budget"]


@pytest.mark.scenario("V4", part="cli")
def test_two_processes_at_once_do_everything_once(pulsed: Cli) -> None:
    for n in range(6):
        pulsed.ok("enqueue", "brisk", "--n", str(n))
    both = [pulsed.start("--json", "pulse", "execute", "--budget", "20s") for _ in range(2)]
    assert [each.end() for each in both] == [0, 0]
    views = [json.loads(each.said.splitlines()[-1]) for each in both]
    assert sum(view["executed"] for view in views) == 6
    runs = pulsed.objects("runs", "list", "--task", "brisk")
    assert [(each["state"], each["attempt"]) for each in runs] == [("completed", 1)] * 6
