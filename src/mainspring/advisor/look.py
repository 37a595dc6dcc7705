"""One look at one project: its files are read, and the rules judge what was read.

A second look finds the callers of wrappers, which hold none of the rules' words themselves. Nothing here imports the code that it reads.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mainspring.advisor.cache import Entry, digest_of
from mainspring.advisor.finding import Finding, Role
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.reading import Outcome, bytes_of, read_file, read_one, word_of
from mainspring.advisor.report import Unscanned
from mainspring.advisor.settings import Settings
from mainspring.advisor.shelf import Shelf
from mainspring.advisor.walk import Found, Walker, places_of

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

ROUNDS = 3  # wrappers of wrappers of wrappers
MOST_CALLERS = 40  # of a function that is called by a name of its own
MOST_SEARCHED = 400  # files that one word may lead to: it is no name of theirs then


@dataclass(slots=True)
class Part:
    """What was found in one project: small enough to be handed from process to process."""

    findings: list[Finding] = field(default_factory=list)
    unscanned: list[Unscanned] = field(default_factory=list)
    entries: list[tuple[str, Entry, tuple[str, ...]]] = field(default_factory=list)  # for the cache: path, entry, names


@dataclass(frozen=True, slots=True)
class Question:
    """How a tree is looked at: plain values, which every process is given."""

    root: Path
    settings: Settings
    is_strict: bool = False
    instead: Mapping[str, bytes] = field(default_factory=dict)  # contents of files that are not read from the disk


class Look:
    """One look at one project."""

    def __init__(
        self,
        question: Question,
        folder: str,
        files: Sequence[Found],
        known: Mapping[str, Entry],
        names: Callable[[str], Sequence[str]],
        walker: Walker | None = None,
        beside: Mapping[str, Entry] | None = None,
    ) -> None:
        self._question, self._folder, self._files, self._known, self._names = question, folder, files, known, names
        self._beside = beside or {}
        self._walker = walker or Walker(question.root, question.settings.exclude)
        self._by_module = {each.module: each for each in files}
        self._shelf = Shelf(self._facts)
        self._part = Part()
        self._entries: dict[str, tuple[Entry, tuple[str, ...]]] = {}
        self._wrappers: set[str] = set()
        self._words: tuple[bytes, ...] = tuple(sorted({word_of(each).encode() for each in question.settings.spawn_wrappers}))
        self._missing: set[str] = set()
        self._packages: dict[str, Sequence[str]] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self._found: dict[str, tuple[str, ...]] = {}

    def look(self, tell: Callable[[int], None] | None = None) -> Part:
        """Read the files and let the rules judge them."""
        with patiently():
            return self._look(tell)

    def _look(self, tell: Callable[[int], None] | None) -> Part:
        from mainspring.advisor.project import Project
        from mainspring.advisor.versions import read_versions

        silent = self._read(self._files, tell)
        searched = {word.decode() for word in self._words}
        for _ in range(ROUNDS):
            fresh = self._wrappers - searched
            if not fresh or not silent:
                break
            searched |= fresh
            self._words = tuple(sorted(word.encode() for word in searched))
            silent = self._read(silent, None, is_second=True)
        if all(each.is_asked for each in self._files):
            self._look_beside()
        project = Project(self._shelf, settings=self._question.settings, load=self._load, search=self._search, spawners=self._wrappers)
        project.versions = read_versions(Path(self._folder))
        for each in self._files:
            if each.module in self._shelf:
                self._judge(project, self._shelf[each.module])
        self._shelf.clear()  # what a project remembers goes in circles: the garbage collector would walk through all facts
        self._part.entries = [(path, entry, names) for path, (entry, names) in self._entries.items()]
        return self._part

    # Reading

    def _read(self, files: Sequence[Found], tell: Callable[[int], None] | None, *, is_second: bool = False) -> list[Found]:
        """Put what files say on the shelf; returns those that hold none of the words."""
        silent = []
        for n, each in enumerate(files, 1):
            entry = None if each.file in self._question.instead else self._known.get(each.path)
            if entry is None or entry.module != each.module or self._is_too_little(entry, each, is_second=is_second):
                is_silent = self._note(each, self._outcome(each, is_second=is_second))
            else:
                is_silent = self._take(each, entry)
            if is_silent:
                silent.append(each)
            if tell is not None:
                tell(n)
        return silent

    def _is_too_little(self, entry: Entry, each: Found, *, is_second: bool) -> bool:
        """Tell whether a file was passed over for words, and is now asked for others, or for all that it says."""
        if entry.has_facts or entry.problem or entry.is_whole:
            return False
        return each.is_asked or self._question.is_strict or (is_second and entry.searched != self._searched())

    def _searched(self) -> str:
        return digest_of(b"\0".join(self._words))

    def _outcome(self, each: Found, *, is_whole: bool = False, is_second: bool = False, is_asked: bool = True) -> Outcome:
        is_whole = is_whole or each.is_asked or self._question.is_strict
        if (data := self._question.instead.get(each.file)) is not None:
            return read_one(each.path, each.module, data, self._words, is_whole=True, is_asked=is_asked)
        return read_file(each.file, each.path, each.module, self._words, is_whole=is_whole, is_second=is_second, is_asked=is_asked)

    def _take(self, each: Found, entry: Entry) -> bool:
        """Believe what is known of a file; tells whether it holds nothing."""
        if entry.problem:
            self._part.unscanned.append(Unscanned(each.path, entry.problem_line, entry.problem))
        if entry.has_facts:
            self._shelf.expect(each.module, lambda: self._names(each.path))
            self._wrappers.update(entry.wrappers)
        return not (entry.has_facts or entry.problem)

    def _note(self, each: Found, outcome: Outcome) -> bool:
        """Keep what was read of a file; tells whether it holds nothing."""
        facts = outcome.facts
        if each.file not in self._question.instead and outcome.digest:
            entry = Entry(
                each.mtime, each.size, outcome.digest, each.module, each.project, facts is not None,
                facts is not None and bool(facts.comments), each.is_asked or self._question.is_strict, outcome.wrappers, self._searched(),
                outcome.problem, outcome.problem_line,
            )  # fmt: skip
            self._entries[each.path] = entry, outcome.names
        if outcome.problem:
            self._part.unscanned.append(Unscanned(each.path, outcome.problem_line, outcome.problem))
        if facts is not None:
            self._shelf.put(facts)
            self._wrappers.update(outcome.wrappers)
        return facts is None and not outcome.problem

    def _look_beside(self) -> None:
        """Put what single files are judged by on the shelf: what they import, wrappers that they call, and who calls them.

        The first is found on the disk; the others are known from an earlier look at the whole tree, where there was one.
        """
        wanted: set[str] = set()
        spoken: set[str] = set()
        for facts in [self._shelf[module] for module in self._shelf]:
            wanted |= {function.name.rpartition(".")[2] for function in facts.outermost}
            spoken |= facts.says
        callers: dict[str, list[Found]] = {}
        for path, entry in self._beside.items():
            if entry.project != self._folder or not entry.has_facts or entry.module in self._shelf:
                continue
            found = Found(os.path.join(self._walker.root, path), path, entry.module, entry.project, entry.mtime, entry.size)
            if any(word.partition(" ")[0] in spoken for word in entry.wrappers):
                self._expect(found)
            for name in wanted.intersection(self._names(path)):
                callers.setdefault(name, []).append(found)
        for others in callers.values():
            if len(others) <= MOST_CALLERS:
                for found in others:
                    self._expect(found)
        for _ in range(2):  # a wrapper that is imported, and one that it hands on to
            for facts in [self._shelf[module] for module in self._shelf]:
                for module in dict.fromkeys(part for _, ref in facts.names for part in (ref, ref.rpartition(".")[0]) if part):
                    self._load(module, is_whole=False)

    def _expect(self, found: Found) -> None:
        """Know of a file that was read before, unless it has changed or gone since."""
        try:
            now = os.stat(found.file)
        except OSError:
            return
        self._by_module[found.module] = found
        if (now.st_mtime_ns, now.st_size) == (found.mtime, found.size):
            self._shelf.expect(found.module, lambda: self._names(found.path))
        else:
            self._load(found.module)

    # What the project asks for

    def _facts(self, module: str) -> FileFacts:
        """Return facts that had to make room, or that were only known to be there."""
        outcome = self._outcome(self._by_module[module], is_whole=True)
        if outcome.facts is None:  # it was readable a moment ago
            return FileFacts(self._by_module[module].path, module, problem=outcome.problem or "gone")
        return outcome.facts

    def _load(self, module: str, *, is_whole: bool = True) -> FileFacts | None:
        """Return the facts of a module that somebody's names lead to; None where there is none in this tree.

        Unless ``is_whole``, one that holds no word of the rules is none either, for now; any other is known as if it had been asked for.
        """
        if (held := self._shelf.find(module)) is not None:
            return held
        if module in self._missing:
            return None
        found = self._by_module.get(module) or self._on_disk(module)
        outcome = None if found is None else self._outcome(found, is_whole=is_whole, is_asked=not is_whole)
        if found is None or outcome is None or outcome.facts is None:
            if is_whole or found is None:
                self._missing.add(module)
            return None
        self._by_module[module] = found
        if is_whole:
            self._shelf.hold(outcome.facts)
        else:
            self._shelf.put(outcome.facts)
        return outcome.facts

    def _on_disk(self, module: str) -> Found | None:
        package, _, name = module.rpartition(".")
        for folder in self._folders_of(package) if name.isidentifier() else ():
            for file in (os.path.join(folder, f"{name}.py"), os.path.join(folder, name, "__init__.py")):
                if self._is_there(file) and os.path.isfile(file):
                    return Found(file, self._walker.shown(file), module, self._folder, 0, 0)
        return None

    def _folders_of(self, package: str) -> Sequence[str]:
        """Return the folders that may hold the modules of a package: none for most, whose first name is nobody's here."""
        if (known := self._packages.get(package)) is None:
            if package:
                above, _, name = package.rpartition(".")
                inside = [os.path.join(folder, name) for folder in self._folders_of(above)] if name.isidentifier() else []
                known = [each for each in inside if self._is_there(each)]
            else:
                known = places_of(self._folder, self._walker.root)
            self._packages[package] = known
        return known

    def _is_there(self, path: str) -> bool:
        """Tell whether a folder lists a name; each folder is listed once."""
        folder, name = os.path.split(path)
        if (names := self._listed.get(folder)) is None:
            try:
                names = frozenset(os.listdir(folder))
            except OSError:
                names = frozenset()
            self._listed[folder] = names
        return name in names

    def _search(self, word: str) -> Sequence[str]:
        """Return the modules whose text holds a word, each read; none for a word that nearly every file holds."""
        if word not in self._found:
            wanted = word.encode("utf-8", "surrogatepass")
            holding = [each for each in self._files if wanted in (self._question.instead.get(each.file) or bytes_of(each.file)[0])]
            modules = [each.module for each in holding] if len(holding) <= MOST_SEARCHED else []
            self._found[word] = tuple(module for module in modules if self._load(module) is not None)
        return self._found[word]

    # Judging

    def _judge(self, project: Project, facts: FileFacts) -> None:
        from mainspring.advisor.rules import FAMILIES

        seen: set[tuple[str, str, object]] = set()
        for judge in FAMILIES:
            try:
                found = list(judge(project, facts))
            except Exception as error:  # noqa: BLE001 - rules that fail at one file must not hide all others: it is told as not scanned
                why = f"the rules {judge.__module__.rpartition('.')[2]} failed: {type(error).__name__}: {error}"
                self._part.unscanned.append(Unscanned(facts.path, 0, why[:300]))
                continue
            for finding in found:
                known = (finding.code, finding.path, finding.place)
                if known not in seen and self._is_told(finding):
                    seen.add(known)
                    self._part.findings.append(finding)

    def _is_told(self, finding: Finding) -> bool:
        if finding.role is Role.TEST:
            return self._question.settings.include_tests
        return finding.role is not Role.VENDORED


@contextmanager
def patiently() -> Iterator[None]:
    """Look for no garbage: facts are many objects and no circles, so that a tenth of the time would go for nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
