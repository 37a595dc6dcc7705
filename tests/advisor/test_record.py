"""The checker's values and patterns: as dataclasses and compiled expressions are, and made when they are first needed."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from dataclasses import field, fields, replace
from pathlib import Path

import pytest

from mainspring.advisor.patterns import pattern
from mainspring.advisor.record import record


@record(frozen=True, slots=True)
class Stop:
    name: str
    minutes: int = 3
    notes: tuple[str, ...] = ()


@record(slots=True)
class Line:
    stops: list[Stop] = field(default_factory=list)


@record(slots=True)
class Night(Line):
    is_last: bool = False


class TestRecord:
    def test_it_is_a_dataclass(self) -> None:
        assert [each.name for each in fields(Stop)] == ["name", "minutes", "notes"]
        assert replace(Stop("Quay"), minutes=5) == Stop("Quay", 5)
        assert repr(Stop("Quay")) == "Stop(name='Quay', minutes=3, notes=())"

    def test_a_frozen_one_is_hashed_by_its_fields_and_another_is_not_hashed(self) -> None:
        assert {Stop("Quay"), Stop(name="Quay", minutes=3)} == {Stop("Quay")}
        assert Stop("Quay") != Stop("Mill")
        with pytest.raises(TypeError):
            hash(Line())

    def test_defaults_are_made_anew_and_slots_hold_nothing_else(self) -> None:
        first, second = Line(), Night(is_last=True)
        first.stops.append(Stop("Quay"))
        assert second.stops == [] and second.is_last and Line() != Night()
        with pytest.raises(AttributeError):
            second.driver = "somebody"  # type: ignore[attr-defined]
        with pytest.raises(TypeError):
            Stop()  # type: ignore[call-arg]

    def test_it_is_taken_apart_and_put_together_as_between_processes(self) -> None:
        assert copy.deepcopy(Night([Stop("Quay")], True)) == Night([Stop("Quay")], True)


def test_a_pattern_is_what_a_compiled_one_is() -> None:
    said = pattern(r"(a+)b", re.IGNORECASE)
    assert said.search("xAAb") is not None and said.fullmatch("xab") is None
    assert said.sub("-", "aab ab") == "- -" and said.pattern == "(a+)b" and said.findall("ab") == ["a"]
    with pytest.raises(AttributeError):
        _ = said.nothing  # type: ignore[attr-defined]


STARTED = """
import re, sys
compiled = []
real = re._compiler.compile
def compile(*args):
    compiled.append(args[0])
    return real(*args)
re._compiler.compile = compile
from mainspring.cli.main import main
try:
    main(["check", "--no-cache", "."])
finally:
    print(len(compiled), *{"hashlib", "difflib", "subprocess", "importlib.metadata", "asyncio"} & set(sys.modules), file=sys.stderr)
"""


def test_a_look_at_one_small_file_loads_and_compiles_little(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\nversion = '1'\n")
    (tmp_path / "shop.py").write_text("import asyncio\n\n\nasync def pay() -> None:\n    await asyncio.sleep(1)\n")
    done = subprocess.run([sys.executable, "-P", "-c", STARTED], cwd=tmp_path, capture_output=True, text=True)
    n, *loaded = done.stderr.strip().splitlines()[-1].split()
    assert done.returncode == 0
    assert int(n) < 100  # of more than two hundred; some thirty are those of the libraries that are used
    assert not loaded
