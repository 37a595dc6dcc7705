"""What the guide about running names is there: commands with their options, settings, and a unit file that systemd can read."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import click
import pytest

from mainspring.cli.main import root
from mainspring.config import SETTINGS

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "running.md").read_text("utf-8")


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def _named() -> set[str]:
    written = {line[2:] for block in _blocks("console") for line in block.splitlines() if line.startswith("$ ")}
    return written | set(re.findall(r"`(mainspring [a-z][^`]*)`", GUIDE))


def _follow(words: list[str]) -> None:
    """Walk down the command line's own tree; raises AssertionError at a word that it does not know."""
    command: click.Command = root
    context = click.Context(root)
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
            if isinstance(command, click.Group) and word not in known and (default := getattr(command, "default", None)) is not None:
                found = command.get_command(context, default)
                assert found is not None
                command = found
                known = {name for each in command.params for name in each.opts}
            assert word in known, f"{words}: {command.name} has no {word}"
            option = next(each for each in command.params if word in each.opts)
            if not getattr(option, "is_flag", False):
                rest.pop(0)
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            assert found is not None, f"{words}: {command.name} has no {word}"
            command = found


@pytest.mark.parametrize("line", sorted(_named()))
def test_a_command_of_the_guide_exists(line: str) -> None:
    _follow(shlex.split(line)[1:])


def test_the_unit_and_the_container_start_what_exists() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(_blocks("ini")[0])
    assert unit["Service"]["Type"] == "notify"
    _follow(shlex.split(unit["Service"]["ExecStart"])[1:])
    started = re.search(r"^CMD (\[.*\])$", _blocks("dockerfile")[0], re.MULTILINE)
    assert started is not None
    _follow([word.strip('" ') for word in started[1][1:-1].split(",")][1:])


def test_a_setting_of_the_guide_exists() -> None:
    by_variable = {variable: each.field for each in SETTINGS for variable in each.variables}
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ((?:`[A-Z_]+`(?:, )?)+) \|", GUIDE, re.MULTILINE)
    assert len(rows) >= 5
    for fields, variables in rows:
        assert [by_variable[each] for each in re.findall(r"`([A-Z_]+)`", variables)] == re.findall(r"`(\w+)`", fields)
    assert set(re.findall(r"\b(?:MAINSPRING|TASK)_[A-Z_]+\b", GUIDE)) <= by_variable.keys()
