"""``mainspring dev``: new code takes over while old runs end in theirs, and broken code changes nothing."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.faces.conftest import Cli, Process

TASKS = """
import asyncio, pathlib
from mainspring import task

@task(timeout="10m")
async def says(wait: str = "") -> str:
    print("began")
    while wait and not pathlib.Path(wait).exists():
        await asyncio.sleep(0.02)
    return {word!r}
"""


@pytest.fixture
def watched(project: Cli, tmp_path: Path) -> Process:
    (tmp_path / "tasks.py").write_text(TASKS.format(word="old"))
    (tmp_path / "mainspring.toml").write_text('discover = ["tasks"]\n')
    process = project.start("dev")
    process.expect("ready; Ctrl-C ends it")
    return process


def _result(project: Cli, *words: str) -> str:
    ended = project.start("--json", "run", "says", *words)
    assert ended.end() == 0, ended.said
    return str(json.loads(next(line for line in ended.said.splitlines() if line.startswith("{")))["result"])


def _ask(project: Cli, *words: str) -> str:
    process = project.start("enqueue", "says", *words)
    assert process.end() == 0, process.said
    return process.said.strip().splitlines()[-1]


def _show(project: Cli, run_id: str) -> dict[str, object]:
    process = project.start("--json", "runs", "show", run_id)
    assert process.end() == 0, process.said
    found: dict[str, object] = json.loads(process.said)
    return found


def test_new_code_takes_over_and_old_runs_end_in_theirs(project: Cli, watched: Process, tmp_path: Path) -> None:
    held = _ask(project, str(tmp_path / "go"))
    watch = project.start("runs", "watch", held)
    watch.expect("began")
    (tmp_path / "tasks.py").write_text(TASKS.format(word="new"))
    watched.expect("changed: tasks.py")
    watched.expect("the new code has taken over")
    later = _ask(project)
    assert project.start("runs", "watch", later).end() == 0
    assert _show(project, later)["result"] == "new"
    assert _show(project, held)["state"] == "running"
    (tmp_path / "go").touch()
    assert watch.end() == 0
    assert (_show(project, held)["result"], _show(project, held)["attempt"]) == ("old", 1)
    watched.signal(signal.SIGINT)
    assert watched.end() == 0
    assert "Traceback" not in watched.said


def test_ctrl_c_does_not_hurry_the_node_that_leaves_already(project: Cli, watched: Process, tmp_path: Path) -> None:
    held = _ask(project, str(tmp_path / "go"))
    watch = project.start("runs", "watch", held)
    watch.expect("began")
    (tmp_path / "tasks.py").write_text(TASKS.format(word="new"))
    watched.expect("the new code has taken over")
    watched.signal(signal.SIGINT)
    watched.expect("stopped", times=1)
    (tmp_path / "go").touch()
    assert watched.end() == 0, watched.said
    assert watch.end() == 0
    assert _show(project, held)["result"] == "old"


def test_code_that_does_not_compile_or_start_changes_nothing(project: Cli, watched: Process, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("def broken(:\n")
    watched.expect("tasks.py, line 1: ")
    watched.expect("what runs goes on as it was")
    (tmp_path / "tasks.py").write_text("import nothing_of_that_name\n")
    watched.expect("the new code does not start")
    assert "the new code has taken over" not in watched.said
    (tmp_path / "tasks.py").write_text(TASKS.format(word="mended"))
    watched.expect("the new code has taken over")
    later = _ask(project)
    assert project.start("runs", "watch", later).end() == 0
    assert _show(project, later)["result"] == "mended"
    watched.signal(signal.SIGTERM)
    assert watched.end() == 0


def test_a_node_that_ends_unasked_is_started_again(project: Cli, watched: Process) -> None:
    listing = project.start("--json", "nodes")
    assert listing.end() == 0
    pid = json.loads(listing.said)["pid"]
    os.kill(pid, signal.SIGKILL)
    watched.expect("the node ended unasked (SIGKILL)")
    watched.expect("ready; Ctrl-C ends it", times=2)
    watched.signal(signal.SIGTERM)
    assert watched.end() == 0


def test_a_store_in_memory_is_refused(project: Cli) -> None:
    project.url = "sqlite://"
    process = project.start("dev")
    assert process.end() == 2
    assert "a store in memory is lost with its process" in process.said


def test_code_that_is_broken_from_the_beginning_is_waited_for(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("def broken(:\n")
    (tmp_path / "mainspring.toml").write_text('discover = ["tasks"]\n')
    process = project.start("dev")
    process.expect("the code does not start")
    (tmp_path / "tasks.py").write_text(TASKS.format(word="well"))
    process.expect("ready; Ctrl-C ends it")
    process.signal(signal.SIGINT)
    assert process.end() == 0


def test_only_what_is_watched_and_not_ignored_counts(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS.format(word="old"))
    (tmp_path / "mainspring.toml").write_text('discover = ["tasks"]\n')
    (tmp_path / "inside").mkdir()
    process = project.start("dev", "--watch", "inside", "--ignore", "^skipped_")
    process.expect("ready; Ctrl-C ends it")
    (tmp_path / "tasks.py").write_text(TASKS.format(word="new"))
    (tmp_path / "inside" / "skipped_one.py").write_text("x = 1\n")
    (tmp_path / "inside" / "notes.txt").write_text("x\n")
    (tmp_path / "inside" / "counts.py").write_text("x = 1\n")
    process.expect("changed: inside/counts.py; ")
    process.expect("the new code has taken over")
    assert process.said.count("changed: ") == 1
    process.signal(signal.SIGTERM)
    assert process.end() == 0
    assert project.start("dev", "--ignore", "(").end() == 2
