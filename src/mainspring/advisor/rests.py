"""What the findings of each module rest on: so that after a change only those are judged again that may come out otherwise.

A module rests on the modules whose facts were looked at, on who speaks of the words that were asked for, and on what all modules are judged
by: which modules there are, the wrappers, the settings and the versions. Where any of these has changed, or more than a few files have, all
are judged again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import field
from typing import TYPE_CHECKING, Any

from mainspring.advisor import codec
from mainspring.advisor.desk import Judged
from mainspring.advisor.finding import Finding
from mainspring.advisor.memory import SEARCHED, word_noted
from mainspring.advisor.record import record

if TYPE_CHECKING:
    from mainspring.advisor.rules.wrapped import Named

MOST_CHANGED = 50  # files; where more have changed, nearly all is judged again anyway


@record(slots=True)
class Module:
    """One module that was judged."""

    noted: frozenset[str]
    findings: tuple[Finding, ...]


@record(slots=True)
class Rests:
    """All modules of a project, as they were judged."""

    frame: str  # what is known of the question, and of which files there are
    digests: dict[str, str] = field(default_factory=dict)  # of all files, by their modules; nothing of one that could not be read
    spawners: tuple[str, ...] = ()  # what calls of wrappers hold
    named: tuple[Named, ...] = ()  # the wrappers
    prints: dict[str, str] = field(default_factory=dict)  # what those of each module are known by
    modules: dict[str, Module] = field(default_factory=dict)  # in the order of the tree
    words: dict[str, frozenset[str]] = field(default_factory=dict)  # asked for, and the modules that speak of them
    given: dict[str, frozenset[str]] = field(default_factory=dict)  # what was looked at to say what a module gives to all
    starting: frozenset[str] = frozenset()  # modules with functions that start what they are given
    outside: tuple[tuple[str, int, int], ...] = ()

    def changed(self, digests: Mapping[str, str]) -> frozenset[str] | None:
        """Return the modules whose files hold something else now; None where files came or went, or one of them could not be read."""
        if digests.keys() != self.digests.keys():
            return None
        found = frozenset(module for module, digest in digests.items() if digest != self.digests[module])
        return None if any(not digests[module] or not self.digests[module] for module in found) else found

    def is_outside_as_it_was(self) -> bool:
        """Tell whether the files that nobody walks to are what they were."""
        for file, mtime, size in self.outside:
            try:
                now = os.stat(file)
            except OSError:
                return False
            if (now.st_mtime_ns, now.st_size) != (mtime, size):
                return False
        return True

    def resting(self, noted: Mapping[str, Set[str]], changed: Set[str], says: Mapping[str, Set[str]]) -> set[str]:
        """Return what rests on changed modules, or on who speaks of a word that one of them has begun or ceased to speak of."""
        turned = {
            word_noted(word) for word, modules in self.words.items() if any((word in says[each]) != (each in modules) for each in says)
        }
        gone = changed | turned
        return {module for module, those in noted.items() if module in changed or SEARCHED in those or not those.isdisjoint(gone)}


def of_judged(judged: Iterable[Judged], order: Sequence[str]) -> tuple[dict[str, Module], Judged]:
    """Return modules with their findings in the order of the tree, and what else was told."""
    modules: dict[str, Module] = {}
    common = Judged()
    for each in judged:
        at = 0
        for rested in each.rested:
            modules[rested.module] = Module(frozenset(rested.noted), tuple(each.findings[at : at + rested.findings]))
            at += rested.findings
        common.unscanned += each.unscanned
        common.outside += each.outside
        common.named, common.prints = common.named or each.named, common.prints or each.prints
        for module, noted in each.given.items():
            common.given[module] = [*common.given.get(module, ()), *noted]
    return {module: modules[module] for module in order if module in modules}, common


def plain_of(rests: Rests) -> list[Any]:
    """Return it as plain things: what is noted as numbers of what was noted anywhere."""
    numbers: dict[str, int] = {}

    def numbered(noted: Iterable[str]) -> list[int]:
        return sorted(numbers.setdefault(each, len(numbers)) for each in noted)

    return [
        rests.frame,
        rests.digests,
        rests.spawners,
        [codec.plain_of(each) for each in rests.named],
        rests.prints,
        {name: [numbered(each.noted), [codec.plain_of(finding) for finding in each.findings]] for name, each in rests.modules.items()},
        {word: numbered(modules) for word, modules in rests.words.items()},
        {module: numbered(noted) for module, noted in rests.given.items()},
        numbered(rests.starting),
        rests.outside,
        list(numbers),
    ]


def rests_of(plain: Any) -> Rests:
    """Return what `plain_of` has made plain; raises `ValueError` for anything else."""
    from mainspring.advisor.rules.wrapped import Named

    try:
        frame, digests, spawners, wrappers, prints, modules, words, given, starting, outside, names = plain

        def named(numbers: Iterable[int]) -> frozenset[str]:
            return frozenset([names[number] for number in numbers])

        def judged(plain: tuple[list[int], list[Any]]) -> Module:
            noted, findings = plain
            return Module(named(noted), tuple(codec.value_of(Finding, each) for each in findings))

        return Rests(
            frame, dict(digests), tuple(spawners), tuple(codec.value_of(Named, each) for each in wrappers), dict(prints),
            {name: judged(each) for name, each in modules.items()},
            {word: named(each) for word, each in words.items()}, {module: named(each) for module, each in given.items()},
            named(starting), tuple((file, mtime, size) for file, mtime, size in outside),
        )  # fmt: skip
    except (TypeError, AttributeError, IndexError, KeyError) as error:
        raise ValueError(f"nothing that was kept: {error}") from None
