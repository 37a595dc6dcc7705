"""What the README shows and `make run` starts does what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces.conftest import ROOT, Cli, Process

DEMO = ROOT / "examples" / "demo"


BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


def run_script(path: Path, cwd: Path) -> str:
    """Run a file as its reader would, and return what it prints."""
    ended = subprocess.run([sys.executable, path], cwd=cwd, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_the_first_example_of_the_readme_is_the_quickstart_and_runs(tmp_path: Path) -> None:
    def lines(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.strip()]

    quickstart = ROOT / "examples" / "quickstart.py"
    assert lines(BLOCKS[0]) == lines(quickstart.read_text("utf-8"))
    assert run_script(quickstart, tmp_path) == "hello Ada, hello Ada\n"


@pytest.mark.parametrize("number", range(1, len(BLOCKS)))
def test_the_other_examples_of_the_readme_run(tmp_path: Path, number: int) -> None:
    (tmp_path / "example.py").write_text(BLOCKS[number])
    run_script(tmp_path / "example.py", tmp_path)


def test_the_demo_does_a_round_and_sums_up(tmp_path: Path) -> None:
    environment = {**os.environ, "DEMO_FOLDER": str(tmp_path)}
    ended = subprocess.run([sys.executable, DEMO / "run.py"], env=environment, capture_output=True, text=True, check=False)
    told = ended.stdout
    assert ended.returncode == 0, told + ended.stderr
    assert "Traceback" not in told + ended.stderr
    for line in (
        "import_customers   1 completed",
        "fetch              3 completed, 1 failed",
        "thumbnail          6 completed",
        "crash_once         1 completed",
        "dawdle             1 cancelled",
        "13 completed, 1 failed, 1 cancelled; 6 retries, 1 crash survived, 13 warnings",
        "line 18: email 'grace.hopper(at)example.org' is none",
        "tried again soon: ConnectionError: the server hung up",
        "it was killed by SIGSEGV",
        '{"rows":320,"imported":308,"refused":12}',
        "ConnectionError: the camera does not answer",
        "watch_pictures was started 2 times",
        '{"customers":308,"euros":',
    ):
        assert line in told, told
    assert re.search(r"by its schedule, add_up ran (once|\d+ times)", told), told
    small = sorted((tmp_path / "pictures" / "small").glob("*.png"))
    assert len(small) == 6


def test_the_demo_on_a_terminal_goes_on_until_ctrl_c(tmp_path: Path) -> None:
    process = Process([sys.executable, str(DEMO / "run.py")], tmp_path, {"DEMO_FOLDER": str(tmp_path), "LINES": "60"}, terminal=True)
    try:
        process.expect("what they say")
        process.expect("survived")
        process.signal(signal.SIGINT)
        assert process.end() == 0
        assert "Summary" in process.said
        assert "Traceback" not in process.said
    finally:
        process.kill()


def test_the_command_line_works_in_the_demo(cli: Cli) -> None:
    process = Process([sys.executable, "-m", "mainspring", "tasks"], DEMO, {})
    try:
        assert process.end() == 0
        assert "import_customers" in process.said
    finally:
        process.kill()
