"""A wrong argument is found while it is being typed: by mypy --strict and by pyright, on exactly the marked lines."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = ("correct.py", "mistakes.py")


def marked(file: str) -> set[int]:
    lines = (HERE / file).read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if re.search(r"# E\b", line)}


def told_by_mypy(cache: Path) -> Iterator[tuple[str, int, str]]:
    paths = [f"tests/typing/{file}" for file in FILES]
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(cache), *paths]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode in (0, 1), found.stderr
    for line in found.stdout.splitlines():
        match = re.match(r"(.+?):(\d+): (error|note): (.*)", line)
        assert match, line
        if match[3] == "error":
            yield match[1], int(match[2]), match[4]


def told_by_pyright(place: Path) -> Iterator[tuple[str, int, str]]:
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(HERE)]
    # The checker comes with the wheel; a name server that does not exist proves that nothing is fetched.
    offline = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "HTTPS_PROXY": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin"}
    found = subprocess.run(command, cwd=place, capture_output=True, text=True, env={**offline, "HOME": str(place)})
    assert found.returncode in (0, 1), found.stdout + found.stderr
    report = json.loads(found.stdout)
    assert report["summary"]["filesAnalyzed"] == len(FILES)
    for each in report["generalDiagnostics"]:
        if each["severity"] == "error":
            yield each["file"], each["range"]["start"]["line"] + 1, each["message"]


@pytest.mark.slow
@pytest.mark.parametrize("checker", [told_by_mypy, told_by_pyright], ids=["mypy", "pyright"])
def test_exactly_the_marked_lines_are_mistakes(checker: type, tmp_path: Path) -> None:
    told = [(Path(file).name, line, words) for file, line, words in checker(tmp_path)]
    assert [each for each in told if each[0] == "correct.py"] == []
    found = {line for file, line, _ in told if file == "mistakes.py"}
    wanted = marked("mistakes.py")
    assert len(wanted) >= 30
    assert [each for each in told if each[0] == "mistakes.py" and each[1] not in wanted] == []
    assert wanted - found == set()
    assert {file for file, _, _ in told} == {"mistakes.py"}
