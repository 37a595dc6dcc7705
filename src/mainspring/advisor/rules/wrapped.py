"""Wrappers that are known from an earlier look: which there are, and each in full only for who calls it.

Finding all wrappers of a project takes a look into every file that may hold one. As long as no file gives others than it did, it is enough
to know what they are called and where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.digest import digest_of
from mainspring.advisor.read.facts import Value, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.wrappers import DEPTH, Wrapper, Wrappers, decorated_in, handing_on, starting_in

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


@record(frozen=True, slots=True)
class Named:
    """One wrapper by its name. ``level``: how many others it hands on to; ``decorator``: the wrapper that makes one of it."""

    ref: str
    module: str
    level: int = 0
    is_decorator: bool = False
    decorator: str = ""


def named(wrappers: Wrappers) -> list[Named]:
    """Return the wrappers of a project by their names."""
    found = [Named(each.ref, each.file.module, wrappers.levels[each.ref], each.is_decorator) for each in wrappers.all()]
    return [*found, *(Named(ref, module, 0, False, decorator) for ref, (module, decorator) in wrappers.decorated.items())]


def prints_of(wrappers: Wrappers) -> dict[str, str]:
    """Return for each module that gives wrappers what these are known by, but for where they stand: who calls one rests on its file."""
    said: dict[str, list[str]] = {}
    for each in wrappers.all():
        said.setdefault(each.file.module, []).append(_said(each, wrappers.levels[each.ref]))
    for ref, (module, decorator) in wrappers.decorated.items():
        said.setdefault(module, []).append(f"{ref} {decorator}")
    return {module: _print(those) for module, those in said.items()}


def _said(each: Wrapper, level: int) -> str:
    return repr((each.ref, level, each.function.name, each.spawn, each.hold, each.param, each.position, each.is_decorator, each.fixed))


def _print(said: Iterable[str]) -> str:
    return digest_of("\n".join(sorted(said)).encode("utf-8", "surrogatepass"))


class Remembered:
    """The wrappers of a project by their names."""

    def __init__(self, project: Project, known: Sequence[Named]) -> None:
        self._project = project
        self.defined = {each.ref: each for each in known if not each.decorator}
        self.decorated = {each.ref: each for each in known if each.decorator}
        self._found: dict[str, Wrapper] = {}
        self._lasts = [frozenset(_last(ref) for ref, each in self.defined.items() if each.level == level) for level in range(DEPTH + 1)]

    def wrapper(self, ref: str) -> Wrapper:
        """Return one of them; raises `KeyError` for any other name."""
        if (found := self._found.get(ref)) is None:
            each = self.defined[ref]
            with self._project.memory.noting():  # who calls it rests on its file: `sites` notes that
                found = self._found[ref] = self.given_by(each.module, each.level)[ref]
        return found

    def given_by(self, module: str, level: int) -> Mapping[str, Wrapper]:
        """Return the wrappers of a module that hand on so often."""
        found: dict[str, Wrapper] = {}
        if level == 0:
            for each in self._project.part(module, starting_in(self._project, module)):
                found.setdefault(each.ref, each)
            return found
        inner = _Level(self, level - 1)
        for each in self._project.part(module, handing_on(self._project, module, inner, self._lasts[level - 1])):
            if (known := self.defined.get(each.ref)) is None or known.level >= level:
                found[each.ref] = each
        return found

    def print_of(self, module: str) -> str:
        """Return what the wrappers of a module are known by now, "" where it gives none."""
        said = [_said(each, level) for level in range(DEPTH + 1) for each in self.given_by(module, level).values()]
        for ref, each in self.defined.items():
            if each.is_decorator:
                said += [f"{made} {ref}" for made in self._project.part(module, decorated_in(self._project, module, ref))]
        return _print(said) if said else ""

    def wrappers(self) -> Wrappers:
        """Return them as rules ask for them."""
        called = _Called(self)
        return Wrappers(_Defined(self), called, frozenset(map(_last, called)), {}, {})


class _Level(Mapping[str, Wrapper]):
    """Those of the wrappers that hand on so often."""

    def __init__(self, wrappers: Remembered, level: int) -> None:
        self._wrappers, self._level = wrappers, level

    def __getitem__(self, ref: str) -> Wrapper:
        if self._wrappers.defined[ref].level != self._level:
            raise KeyError(ref)
        return self._wrappers.wrapper(ref)

    def __iter__(self) -> Iterator[str]:
        return (ref for ref, each in self._wrappers.defined.items() if each.level == self._level)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Called(Mapping[str, Wrapper]):
    """What starts work when it is called."""

    def __init__(self, wrappers: Remembered) -> None:
        self._wrappers = wrappers
        self._refs = {
            **{ref: "" for ref, each in wrappers.defined.items() if not each.is_decorator},
            **{ref: each.decorator for ref, each in wrappers.decorated.items()},
        }

    def __getitem__(self, ref: str) -> Wrapper:
        if decorator := self._refs[ref]:
            return replace(self._wrappers.wrapper(decorator), param="", fixed=Value(ValueForm.REF, ref, names=(ref,)))
        return self._wrappers.wrapper(ref)

    def __iter__(self) -> Iterator[str]:
        return iter(self._refs)

    def __len__(self) -> int:
        return len(self._refs)


class _Defined(Mapping[str, Sequence[Wrapper]]):
    """The wrappers that a module defines."""

    def __init__(self, wrappers: Remembered) -> None:
        self._wrappers = wrappers
        self._modules: dict[str, list[str]] = {}
        for each in wrappers.defined.values():
            self._modules.setdefault(each.module, []).append(each.ref)

    def __getitem__(self, module: str) -> Sequence[Wrapper]:
        return [self._wrappers.wrapper(ref) for ref in self._modules[module]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def _last(ref: str) -> str:
    return ref.rpartition(".")[2]
