"""The guide about the checker names every option, key and ground that there is, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mainspring.advisor.allow import parse
from mainspring.advisor.catalogue import RULES
from mainspring.advisor.finding import Ground, Severity
from mainspring.advisor.settings import read_settings
from mainspring.cli.check import check

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
GUIDE = (GUIDES / "check.md").read_text("utf-8")


def test_every_option_is_in_the_guide() -> None:
    """Nobody has to read `--help` to learn what there is, and nothing is promised that is not."""
    table = GUIDE.partition("## Options")[2].partition("\n## ")[0]
    told = (
        set(re.findall(r"`(?:-\w, )?(--[a-z-]+)", table))
        | set(re.findall(r"`(-[a-z])\b", table))
        | set(re.findall(r", `(--[a-z-]+)", table))
    )
    house = {"--help", "-h", "--json", "--debug", "--app", "-A", "--discover", "--url"}  # of every command
    there = {name for each in check.params for name in (*each.opts, *each.secondary_opts) if name.startswith("-")} - house
    long = {name for name in there if name.startswith("--")}
    assert {name for name in told if name.startswith("--")} == long - {"--output", "--jobs"}, long ^ told
    assert {"-f", "-o", "-j"} <= told


def test_the_settings_of_the_guide_are_read(tmp_path: Path) -> None:
    """The example is one that works, and shows every kind of table."""
    (example,) = (
        block for block in re.findall(r"^```toml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE) if "[tool.mainspring.check" in block
    )
    (tmp_path / "pyproject.toml").write_text(example, "utf-8")
    settings = read_settings(tmp_path)
    given = tomllib.loads(example)["tool"]["mainspring"]["check"]
    assert settings.exclude == tuple(given["exclude"])
    assert settings.fail_on is Severity.WARNING
    assert settings.roles
    assert settings.effects
    assert settings.per_file_allow


@pytest.mark.parametrize("ground", Ground)
def test_every_ground_is_in_the_guide(ground: Ground) -> None:
    """Each with what is checked of it."""
    assert re.search(rf"^\| `{ground}` \| \S", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("page", ["check.md", "adopting.md"])
def test_the_codes_of_the_guides_exist(page: str) -> None:
    """A code that is renamed or gone is not recommended any more."""
    text = (GUIDES / page).read_text("utf-8")
    assert {code for code in re.findall(r"\bMS\d{3}\b", text) if code not in RULES} == set()


def test_the_exceptions_of_the_guide_are_well_formed() -> None:
    """Directives that readers copy are accepted as they stand."""
    written = re.findall(r"# mainspring: allow\[MS[^\n`]*", GUIDE.partition("```py\n")[2].partition("```")[0])
    assert len(written) == 2
    for each in written:
        assert parse(each) is not None, each
