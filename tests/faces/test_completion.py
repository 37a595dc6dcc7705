"""Shell completion: what may follow which words, and that a Tab is answered at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mainspring.cli import completion
from mainspring.cli.main import root
from tests.faces.conftest import ROOT, Cli

HERE = ("-A", "tests.faces.shop:app")
Complete = Callable[..., list[str]]


@pytest.fixture
def complete(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Answer what may stand for the last word after the others, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def ask(*words: str, app: tuple[str, ...] = HERE) -> list[str]:
        found = completion.complete(root, [*app, "--url", cli.url, *words[:-1]], words[-1])
        return [str(item.value) for item in found]

    return ask


def test_commands_and_their_options(complete: Complete) -> None:
    assert complete("ru") == ["run", "runner", "runs", "rules"]
    assert {"list", "show", "retry", "pin", "export", "explain"} <= set(complete("runs", ""))
    assert complete("runs", "retr") == ["retry"]
    assert complete("runs", "list", "--sta") == ["--state"]
    assert "completed" in complete("runs", "list", "--state", "")
    assert complete("runs", "--state", "fa") == ["failed"]  # no command: behind an option the group means its list
    assert complete("runs", "--state", "failed", "--li") == complete("runs", "list", "--li") == ["--limit"]
    assert complete("enqueue", "--pri") == ["--priority"]
    assert complete("enqueue", "--priority", "h") == ["high"]
    assert complete("completion", "") == ["bash", "zsh", "fish", "powershell"]
    assert complete("nonsense", "") == complete("")  # a wrong word is the next command's to tell


def test_tasks_and_their_parameters(complete: Complete) -> None:
    assert complete("run", "sh") == ["shapes", "shouts"]
    assert complete("tasks", "show", "fl") == ["flaky"]
    assert complete("runs", "list", "--task", "fl") == ["flaky"]
    assert {"--box", "--colours", "--dry-run", "--no-dry-run"} <= set(complete("run", "shapes", ""))
    assert complete("run", "--label", "x", "shapes", "--mo") == ["--mode"]
    assert complete("run", "shapes", "--mode", "") == ["fit", "fill"]
    assert complete("run", "shapes", "--mode=fi") == ["--mode=fit", "--mode=fill"]
    assert complete("run", "shapes", "--colours", "b") == ["blue"]
    assert complete("run", "shapes", "--level", "") == ["1", "2"]
    once = complete("run", "shapes", "--mode", "fit", "--colours", "red", "--")
    assert "--mode" not in once and "--colours" in once  # a list may be said again
    assert complete("run", "nobody", "--") == []


def test_runs_queues_and_errors_come_from_the_store(complete: Complete, cli: Cli) -> None:
    assert complete("runs", "show", "") == []  # there is no store yet
    assert not Path(cli.url.removeprefix("sqlite:///")).exists()
    first, second = cli.ok("enqueue", "--queue", "mail", "counts").strip(), cli.run_object("fails")["id"]
    assert complete("runs", "show", "") == [second, first]
    assert complete("explain", first[:35]) == [first]
    assert complete("runs", "pin", first[-8:-2]) == [first[-8:]]  # people type ends
    cli.ok("queues", "pause", "slow")
    assert complete("queues", "resume", "") == ["mail", "slow"]
    assert complete("worker", "--queues", "mail,s") == ["mail,slow"]
    cli.ok("schedules", "create", "nightly", "counts", "@daily")
    assert complete("schedules", "pause", "nig") == complete("runs", "list", "--schedule", "n") == ["nightly"]
    assert complete("schedules", "create", "nig") == []
    assert complete("schedules", "create", "x", "coun") == ["counts"]
    (error,) = cli.objects("errors")
    assert complete("errors", "show", "") == [error["fingerprint"]]
    assert complete("runs", "retry", "--error", error["fingerprint"][:3]) == [error["fingerprint"]]


def test_what_is_remembered_follows_the_code(complete: Complete, project: Cli) -> None:
    source = "from mainspring import task\n@task\nasync def one(a: int) -> None: ...\n"
    file = project.cwd / "tasks.py"
    file.write_text(source)
    assert complete("run", "", app=()) == ["one"]
    file.write_text(source.replace("a: int", "a: int, beta: int = 1"))
    del sys.modules["tasks"]
    assert complete("run", "one", "--", app=()) == ["--a", "--beta"]
    kept = sorted(each.name.partition("-")[0] for each in (project.cwd / "cache" / "mainspring").iterdir())
    assert kept == ["app", "commands.json"]


def test_a_broken_app_is_no_trouble_of_a_tab(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("print('loud')\nraise RuntimeError('broken')\n")
    done = _ask(tmp_path, "mainspring run ", 2)
    assert (done.returncode, done.stdout) == (0, "")


def _ask(cwd: Path, words: str, number: int) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cwd / "cache"), "_MAINSPRING_COMPLETE": "bash_complete",
        "COMP_WORDS": words, "COMP_CWORD": str(number),
    }  # fmt: skip
    return subprocess.run([sys.executable, "-m", "mainspring"], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_tab_costs_little_more_than_help(cli: Cli, tmp_path: Path) -> None:
    """No clock of a loaded machine is trusted: neither pydantic nor the user's modules may be imported for a Tab that was asked before."""
    cli.ok("enqueue", "counts")
    words = f"mainspring {' '.join(HERE)} --url {cli.url} "
    for what, number in (("runs show ", 7), ("run shapes --mo", 7), ("ru", 5)):
        assert _ask(tmp_path, words + what, number).stdout  # the first one makes what is remembered
        script = (
            "import os, sys; sys.argv = ['mainspring']\n"
            "from mainspring.cli.main import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "heavy = {'pydantic', 'rich', 'psycopg', 'asyncio', 'mainspring.app', 'mainspring.operations.catalog', 'tests.faces.shop'}\n"
            "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
        )
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache"), "_MAINSPRING_COMPLETE": "bash_complete",
            "COMP_WORDS": words + what, "COMP_CWORD": str(number),
        }  # fmt: skip
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert "HEAVY []" in done.stdout, (what, done.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_its_script(cli: Cli, shell: str) -> None:
    script = cli.ok("completion", shell)
    assert "_MAINSPRING_COMPLETE" in script
    assert f"{shell}_complete" in script
    assert "mainspring" in script
    assert cli("completion", "tcsh").exit_code == 2


def test_bash_asks_and_understands(cli: Cli, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    launcher = tmp_path / "bin" / "mainspring"
    launcher.parent.mkdir()
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -m mainspring "$@"\n')
    launcher.chmod(0o755)
    script = tmp_path / "completion.sh"
    script.write_text(cli.ok("completion", "bash"))
    asked = (
        f"source {script}; COMP_WORDS=(mainspring {' '.join(HERE)} run shapes --mode f); COMP_CWORD=6; "
        "_mainspring_completion mainspring; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    environment = {
        **os.environ,
        "PATH": f"{launcher.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    done = subprocess.run([bash, "-c", asked], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fit", "fill"], done.stderr


def test_powershell_speaks_json(cli: Cli, tmp_path: Path) -> None:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path), "_MAINSPRING_COMPLETE": "powershell_complete",
        "COMP_WORDS": json.dumps(["mainspring", *HERE, "run", "it's \"quoted\"", ""]),
    }  # fmt: skip
    run = [sys.executable, "-m", "mainspring"]
    assert subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout == ""
    environment["COMP_WORDS"] = json.dumps(["mainspring", *HERE, "run", "sh"])
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["shapes\tShapes", "shouts\tShouts"]
    environment["_MAINSPRING_COMPLETE"] = "tcsh_complete"
    assert subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode == 1
