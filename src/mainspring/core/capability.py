"""What this engine can do here, and what a task needs of it.

A requirement is one text: ``engine>=1.2``, ``schema>=3``, ``python>=3.12`` (a version, compared by number), ``backend=postgres``,
``platform=linux`` (a word), or ``module:numpy`` (that can be imported). Behind ``else`` may stand what to do where it does not hold:
``engine>=1.2 else use export_rows``. A task whose requirement fails is not registered, and whoever asks for it is told why and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mainspring.core.errors import ConfigurationError

# From which step of the schema on a store has what they stand on. Whoever asks what can be done here looks here: the engine for its own
# abilities, the advisor and the checker before they speak of a feature.
NEEDS_SCHEMA: Mapping[str, int] = {
    "limits": 2, "dedupe": 3, "files": 5, "schedules": 9, "overlap": 10, "dependencies": 10, "services": 11, "runner": 12, "pulse": 13,
    "pulse_endpoint": 13, "views": 14,
}  # fmt: skip
_VERSIONS = ("engine", "schema", "python")
_WORDS: Mapping[str, tuple[str, ...]] = {"backend": ("sqlite", "postgres"), "platform": ("linux", "darwin", "windows")}
_REQUIREMENT = re.compile(r"(?P<name>[a-z]+)\s*(?P<sign>>=|<=|==|!=|>|<|=)\s*(?P<wanted>[A-Za-z0-9.]+)")
_MODULE = re.compile(r"module:(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_GRAMMAR = (
    "write engine>=1.2, schema>=3 or python>=3.12 (>= > <= < == !=), backend=postgres, platform=linux (= or !=) or module:numpy, "
    "and behind it, if you like, else with what to do instead"
)


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that this engine can or cannot do here; ``value`` is its version or name, ``why`` says what is missing."""

    name: str
    is_available: bool
    value: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What requirements are compared with. ``schema`` is the schema that this code brings, which every open store has."""

    engine: str
    schema: int
    python: str
    backend: str
    platform: str
    has_module: Callable[[str], bool] = lambda name: False


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement, taken apart. ``sign`` is empty for a module."""

    text: str
    name: str
    sign: str
    wanted: str
    otherwise: str = ""

    def problem(self, facts: Facts) -> str | None:
        """Say why it does not hold, and what to do; None where it holds."""
        if self.name == "module":
            is_met, has = facts.has_module(self.wanted), "it cannot be imported here"
            what = f"needs the module {self.wanted}"
        else:
            found = str(getattr(facts, self.name))
            is_met, has = self._holds(found), f"this is {found}"
            what = f"needs {self.name} {'' if self.sign in ('=', '==') else self.sign + ' '}{self.wanted}"
        return None if is_met else f"{what}, {has}; {self.otherwise or self._remedy()}"

    def _holds(self, found: str) -> bool:
        if self.name in _WORDS:
            return (found == self.wanted) is (self.sign != "!=")
        here, there = version_key(found), version_key(self.wanted)
        return {
            ">=": here >= there, "<=": here <= there, ">": here > there, "<": here < there, "!=": here != there,
        }.get(self.sign, here == there)  # fmt: skip

    def _remedy(self) -> str:
        at_least = f"'mainspring{self.sign}{self.wanted}'"
        is_wanted = self.sign != "!="
        return {
            "engine": f"install it with pip install {at_least}, or leave the task to a node that has it",
            "schema": "install a mainspring that brings that schema, and run 'mainspring migrate'",
            "python": "start a node with that Python, and leave the task to it",
            "backend": f"point MAINSPRING_URL at {'such a' if is_wanted else 'another'} store",
            "platform": f"start a worker on {self.wanted if is_wanted else 'another platform'}, and leave the task to it",
            "module": f"install what brings {self.wanted}, or leave the task to a node that has it",
        }[self.name]


def parse_requirement(text: str) -> Requirement:
    """Take a requirement apart; raises `ConfigurationError` with the grammar."""
    plain, _, otherwise = text.partition(" else ")
    plain, otherwise = plain.strip(), otherwise.strip()
    if found := _MODULE.fullmatch(plain):
        return Requirement(text, "module", "", found["module"], otherwise)
    parts = _REQUIREMENT.fullmatch(plain)
    if parts is None:
        raise ConfigurationError(f"requires={text!r} is not understood: {_GRAMMAR}")
    name, sign, wanted = parts["name"], parts["sign"], parts["wanted"]
    if name in _VERSIONS:
        if not _NUMBERS.fullmatch(wanted):
            raise ConfigurationError(f"requires={text!r}: {wanted!r} is no version; {_GRAMMAR}")
        return Requirement(text, name, "==" if sign == "=" else sign, wanted, otherwise)
    if name in _WORDS:
        if sign not in ("=", "==", "!="):
            raise ConfigurationError(f"requires={text!r}: {name} has no order; {_GRAMMAR}")
        if wanted not in _WORDS[name]:
            raise ConfigurationError(f"requires={text!r}: {name} is one of {', '.join(_WORDS[name])}")
        return Requirement(text, name, sign, wanted, otherwise)
    known = ", ".join((*_VERSIONS, *_WORDS, "module:"))
    raise ConfigurationError(f"requires={text!r}: {name!r} is unknown, known are {known}; {_GRAMMAR}")


def unmet(requirements: Sequence[str], facts: Facts) -> list[str]:
    """Return why each requirement that fails does; empty where all hold. They were parsed when the task was defined."""
    return [told for each in requirements if (told := parse_requirement(each).problem(facts)) is not None]


def version_key(text: str) -> tuple[tuple[int, ...], int]:
    """Return what to compare a version by: its numbers (1.10 is above 1.9, 1.2 equals 1.2.0), and below its release a pre-release."""
    found = _NUMBERS.match(text)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    rest = text[found.end() :] if found else text
    is_early = re.match(r"\.?(?:a|b|rc|dev)\d*", rest.lower()) is not None
    return tuple(numbers), 0 if is_early else 1
