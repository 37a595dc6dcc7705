"""Where files of one project are read and judged: one desk in each process, which keeps the facts that it has read.

What one desk is asked by another process, and what it answers, is small: words, names, findings. Facts stay where they are; those that
somebody else has read are read again when a rule asks for them. Nothing here imports the code that it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mainspring.advisor.disk import Disk
from mainspring.advisor.finding import Finding, Role
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.reading import Outcome, bytes_of, read_file, read_one
from mainspring.advisor.record import record
from mainspring.advisor.report import Unscanned
from mainspring.advisor.settings import Settings
from mainspring.advisor.shelf import Shelf
from mainspring.advisor.walk import Found, Walker

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

Speaks = Callable[[], Sequence[str]]  # the last parts of all names that a file says

MOST_SEARCHED = 400  # files that one word may lead to: it is no name of theirs then


@record(frozen=True, slots=True)
class Question:
    """How a tree is looked at: plain values, which every process is given."""

    root: Path
    settings: Settings
    is_strict: bool = False
    instead: Mapping[str, bytes] = field(default_factory=dict)  # contents of files that are not read from the disk


@record(frozen=True, slots=True)
class Told:
    """What reading a file has given, without its facts."""

    digest: str
    has_facts: bool
    has_comments: bool
    names: tuple[str, ...]
    wrappers: tuple[str, ...]
    problem: str
    problem_line: int


@record(slots=True)
class Judged:
    """What the rules say of some files."""

    findings: list[Finding] = field(default_factory=list)
    unscanned: list[Unscanned] = field(default_factory=list)


class Desk:
    """The files of one project that one process has read."""

    def __init__(self, question: Question, folder: str, files: Sequence[Found], walker: Walker | None = None) -> None:
        self._question, self._folder, self._files = question, folder, files
        self._disk = Disk(folder, walker or Walker(question.root, question.settings.exclude))
        self._by_module = {each.module: each for each in files}
        self.shelf = Shelf(self._facts)
        self._words: tuple[bytes, ...] = ()
        self._missing: set[str] = set()
        self._found: dict[str, tuple[str, ...]] = {}
        self._project: Project | None = None

    # Reading

    def read(self, files: Iterable[Found], words: tuple[bytes, ...], is_second: bool) -> list[Told]:
        """Read files that hold one of the rules' words or of these; ``is_second``: the rules' own are not looked for again."""
        self._words = words
        return [self._read(each, is_second=is_second) for each in files]

    def _read(self, each: Found, *, is_second: bool) -> Told:
        outcome = self._outcome(each, is_second=is_second)
        facts = outcome.facts
        if facts is not None:
            self.shelf.hold(facts)
        has_comments = facts is not None and bool(facts.comments)
        return Told(outcome.digest, facts is not None, has_comments, outcome.names, outcome.wrappers, outcome.problem, outcome.problem_line)

    def _outcome(self, each: Found, *, is_whole: bool = False, is_second: bool = False, is_judged: bool = True) -> Outcome:
        is_whole = is_whole or each.is_asked or self._question.is_strict
        if (data := self._question.instead.get(each.file)) is not None:
            return read_one(each.path, each.module, data, self._words, is_whole=True, is_judged=is_judged)
        return read_file(each.file, each.path, each.module, self._words, is_whole=is_whole, is_second=is_second, is_judged=is_judged)

    def leave(self) -> None:
        """Forget all facts: what a project remembers goes in circles, and the garbage collector would walk through every one."""
        self.shelf.clear()

    # What rules ask for

    def expect(self, found: Found) -> None:
        """Know where a module lies that nobody has walked to."""
        self._by_module[found.module] = found

    def _facts(self, module: str) -> FileFacts:
        """Return facts that had to make room, or that were only known to be there."""
        outcome = self._outcome(self._by_module[module], is_whole=True)
        if outcome.facts is None:  # it was readable a moment ago
            return FileFacts(self._by_module[module].path, module, problem=outcome.problem or "gone")
        return outcome.facts

    def load(self, module: str) -> FileFacts | None:
        """Return the facts of a module that somebody's names lead to; None where there is none in this tree."""
        if (held := self.shelf.find(module)) is not None:
            return held
        outcome = self.look_up(module)
        if outcome is None or outcome.facts is None:
            self._missing.add(module)
            return None
        self.shelf.hold(outcome.facts)
        return outcome.facts

    def look_up(self, module: str, *, is_whole: bool = True) -> Outcome | None:
        """Read a module that is on no shelf; unless ``is_whole``, only where it holds a word."""
        found = None if module in self._missing else self._by_module.get(module) or self._disk.find(module)
        if found is None:
            self._missing.add(module)
            return None
        self._by_module[module] = found
        return self._outcome(found, is_whole=is_whole, is_judged=not is_whole)

    def _search(self, word: str) -> Sequence[str]:
        """Return the modules whose text holds a word, each read; none for a word that nearly every file holds."""
        if word not in self._found:
            wanted = word.encode("utf-8", "surrogatepass")
            holding = [each for each in self._files if wanted in (self._question.instead.get(each.file) or bytes_of(each.file)[0])]
            modules = [each.module for each in holding] if len(holding) <= MOST_SEARCHED else []
            self._found[word] = tuple(module for module in modules if self.load(module) is not None)
        return self._found[word]

    # Judging

    def know(self, names: Mapping[str, Speaks | tuple[str, ...]], wrappers: frozenset[str]) -> None:
        """Know of all files that hold words, wherever they were read, and what each speaks of; in the order of the tree."""
        from mainspring.advisor.project import Project
        from mainspring.advisor.versions import read_versions

        for module, speaks in names.items():
            self.shelf.expect(module, partial(tuple, speaks) if isinstance(speaks, tuple) else speaks)
        project = Project(self.shelf, settings=self._question.settings, load=self.load, search=self._search, spawners=wrappers)
        project.versions = read_versions(Path(self._folder))
        self._project = project

    def starting(self, modules: Iterable[str]) -> list[str]:
        """Return those of the modules that define functions which start what they are given: every file is judged by these."""
        from mainspring.advisor.rules.wrappers import starting

        assert self._project is not None
        return starting(self._project, modules)

    def start_with(self, modules: frozenset[str]) -> None:
        """Believe that no other modules define such functions."""
        assert self._project is not None
        self._project.starting = modules

    def judge(self, modules: Iterable[str]) -> Judged:
        """Let the rules judge modules."""
        judged = Judged()
        for module in modules:
            self._judge(module, judged)
        return judged

    def _judge(self, module: str, judged: Judged) -> None:
        from mainspring.advisor.rules import FAMILIES

        assert self._project is not None
        facts = self.shelf[module]
        seen: set[tuple[str, str, object]] = set()
        for judge in FAMILIES:
            try:
                found = list(judge(self._project, facts))
            except Exception as error:  # noqa: BLE001 - rules that fail at one file must not hide all others: it is told as not scanned
                why = f"the rules {judge.__module__.rpartition('.')[2]} failed: {type(error).__name__}: {error}"
                judged.unscanned.append(Unscanned(facts.path, 0, why[:300]))
                continue
            for finding in found:
                known = (finding.code, finding.path, finding.place)
                if known not in seen and self._is_told(finding):
                    seen.add(known)
                    judged.findings.append(finding)

    def _is_told(self, finding: Finding) -> bool:
        if finding.role is Role.TEST:
            return self._question.settings.include_tests
        return finding.role is not Role.VENDORED
