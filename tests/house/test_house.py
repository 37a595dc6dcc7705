"""Promises of the house around the code: what is locked, what is installed, what the commands are."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED = sorted((ROOT / "requirements").glob("*.txt"))


def pins(locked: Path) -> Iterator[tuple[str, str]]:
    """Each requirement of a locked file with its hashes."""
    for block in re.split(r"\n(?=\S)", locked.read_text().strip()):
        name, _, rest = block.partition("==")
        yield name, rest


@pytest.mark.parametrize("locked", LOCKED, ids=lambda path: path.name)
def test_locked_files_name_no_place_and_carry_hashes(locked: Path) -> None:
    text = locked.read_text()
    assert not re.findall(r"^.*(?:://| @ |^[-./]).*$", text, flags=re.MULTILINE)
    assert [name for name, rest in pins(locked) if "--hash=sha256:" not in rest] == []


def test_whatever_pyproject_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    for group in project["dependency-groups"].values():
        asked += [entry for entry in group if isinstance(entry, str)]
    wanted = {canonicalize_name(Requirement(entry).name) for entry in asked} - {"mainspring"}
    assert wanted <= {name for name, _ in pins(ROOT / "requirements" / "dev.txt")}


def test_the_base_install_is_at_most_twenty_packages() -> None:
    found, ahead = set[str](), ["mainspring"]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            needed = map(Requirement, requires(name) or ())
            ahead += [canonicalize_name(r.name) for r in needed if not r.marker or r.marker.evaluate({"extra": ""})]
    assert len(found - {"mainspring"}) <= 20, sorted(found)


def test_bare_make_prints_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    documented = dict(re.findall(r"^([a-z]+):.*## (.+)$", makefile, flags=re.MULTILINE))
    printed = subprocess.run(["make", "-C", ROOT, "--no-print-directory"], check=True, capture_output=True, text=True)
    for target, words in documented.items():
        assert re.search(rf"^  make {target} +{re.escape(words)}$", printed.stdout, flags=re.MULTILINE)
    promised = {"help", "setup", "run", "test", "check", "fix", "sim", "chaos", "bench", "lock", "reference", "clean"}
    assert promised == documented.keys()


def test_continuous_integration_runs_make_test() -> None:
    ci = ROOT / ".ci" / "run"
    assert ci.stat().st_mode & 0o111
    assert ci.read_text().strip().endswith("exec make test")
