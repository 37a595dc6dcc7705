"""One look at one project: its files are read, and the rules judge what was read.

Further rounds find the callers of wrappers, which hold none of the rules' words themselves. Files are read and judged at one desk here, or
at several, each in a process of its own: what is found does not depend on that.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Protocol

from mainspring.advisor.cache import Entry, digest_of
from mainspring.advisor.desk import Desk, Judged, Question, Told
from mainspring.advisor.neighbours import Names, Neighbours
from mainspring.advisor.reading import word_of
from mainspring.advisor.record import record
from mainspring.advisor.report import Unscanned
from mainspring.advisor.walk import Found, Walker

ROUNDS = 3  # wrappers of wrappers of wrappers
SHARED_FROM = 2 * 2**20  # bytes to be read: for fewer, starting processes takes longer than they save


@record(slots=True)
class Part(Judged):
    """What was found in one project: small enough to be handed from process to process."""

    entries: list[tuple[str, Entry, tuple[str, ...]]] = field(default_factory=list)  # for the cache: path, entry, names


class Desks(Protocol):
    """Whoever reads and judges the files of a project."""

    def read(self, files: Sequence[Found], words: tuple[bytes, ...], *, is_second: bool) -> Iterable[tuple[Found, Told | None]]: ...
    def judge(self, names: Names, wrappers: frozenset[str], modules: Sequence[str]) -> Iterable[Judged]: ...


class Alone:
    """One desk, in this process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read(self, files: Sequence[Found], words: tuple[bytes, ...], *, is_second: bool) -> Iterable[tuple[Found, Told | None]]:
        """Yield what each file has told."""
        for each in files:
            yield each, self._desk.read((each,), words, is_second)[0]

    def judge(self, names: Names, wrappers: frozenset[str], modules: Sequence[str]) -> Iterable[Judged]:
        """Yield what the rules say of the modules, where these names and wrappers are known."""
        self._desk.know(names, wrappers)
        yield self._desk.judge(modules)


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
        jobs: int = 1,
    ) -> None:
        self._question, self._folder, self._files, self._known, self._names_of = question, folder, files, known, names
        self._beside, self._jobs = beside or {}, jobs
        self._walker = walker or Walker(question.root, question.settings.exclude)
        self._are_single = all(each.is_asked for each in files)  # the tree around them is not looked at
        self._part = Part()
        self._names: Names = {}
        self._wrappers: set[str] = set()
        self._words: tuple[bytes, ...] = tuple(sorted({word_of(each).encode() for each in question.settings.spawn_wrappers}))

    def look(self, tell: Callable[[int], None] | None = None) -> Part:
        """Read the files and let the rules judge them."""
        with patiently():
            if self._jobs > 1 and self._bytes_to_read() >= SHARED_FROM and not self._are_single:
                from mainspring.advisor.pool import Shared

                with Shared(self._question, self._folder, self._files, self._jobs) as shared:
                    return self._look(shared, tell)
            desk = Desk(self._question, self._folder, self._files, self._walker)
            try:
                return self._look(Alone(desk), tell, desk)
            finally:
                desk.leave()

    def _bytes_to_read(self) -> int:
        """Return the bytes of all files but those that are known to hold nothing: what is known of the others is not what they say."""
        return sum(each.size for each in self._files if not self._is_known(each, is_second=False) or self._known[each.path].has_facts)

    def _look(self, desks: Desks, tell: Callable[[int], None] | None, desk: Desk | None = None) -> Part:
        silent = self._read(desks, self._files, tell)
        searched = {word.decode() for word in self._words}
        for _ in range(ROUNDS):
            fresh = self._wrappers - searched
            if not fresh or not silent:
                break
            searched |= fresh
            self._words = tuple(sorted(word.encode() for word in searched))
            silent = self._read(desks, silent, None, is_second=True)
        self._names = {
            each.module: self._names[each.module] for each in self._files if each.module in self._names
        }  # in the order of the tree
        modules = list(self._names)
        if desk is not None and self._are_single:
            Neighbours(desk, self._folder, self._walker, self._names).add(self._beside, self._names_of)
        for each in desks.judge(self._names, frozenset(self._wrappers), modules):
            self._part.findings += each.findings
            self._part.unscanned += each.unscanned
        return self._part

    # Reading

    def _read(self, desks: Desks, files: Sequence[Found], tell: Callable[[int], None] | None, *, is_second: bool = False) -> list[Found]:
        """Learn what files speak of; returns those that hold none of the words."""
        unknown, loud = [], set()
        for each in files:
            if not self._is_known(each, is_second=is_second):
                unknown.append(each)
            elif self._take(each, self._known[each.path]):
                loud.add(each.module)
        n = len(files) - len(unknown)
        for each, told in desks.read(unknown, self._words, is_second=is_second):
            if told is None:
                self._part.unscanned.append(Unscanned(each.path, 0, "the process that read this file died"))
                loud.add(each.module)
            elif self._note(each, told):
                loud.add(each.module)
            n += 1
            if tell is not None:
                tell(n)
        return [each for each in files if each.module not in loud]

    def _is_known(self, each: Found, *, is_second: bool) -> bool:
        """Tell whether nothing more need be read of a file: neither has it changed, nor is it asked for other words than it was."""
        entry = None if each.file in self._question.instead else self._known.get(each.path)
        if entry is None or entry.module != each.module:
            return False
        if entry.has_facts or entry.problem or entry.is_whole:
            return True
        return not (each.is_asked or self._question.is_strict or (is_second and entry.searched != self._searched()))

    def _searched(self) -> str:
        return digest_of(b"\0".join(self._words))

    def _take(self, each: Found, entry: Entry) -> bool:
        """Believe what is known of a file; tells whether it holds anything."""
        if entry.problem:
            self._part.unscanned.append(Unscanned(each.path, entry.problem_line, entry.problem))
        if entry.has_facts:
            self._names[each.module] = lambda: self._names_of(each.path)
            self._wrappers.update(entry.wrappers)
        return bool(entry.has_facts or entry.problem)

    def _note(self, each: Found, told: Told) -> bool:
        """Keep what was read of a file; tells whether it holds anything."""
        if each.file not in self._question.instead and told.digest:
            entry = Entry(
                each.mtime, each.size, told.digest, each.module, each.project, told.has_facts, told.has_comments,
                each.is_asked or self._question.is_strict, told.wrappers, self._searched(), told.problem, told.problem_line,
            )  # fmt: skip
            self._part.entries.append((each.path, entry, told.names))
        if told.problem:
            self._part.unscanned.append(Unscanned(each.path, told.problem_line, told.problem))
        if told.has_facts:
            self._names[each.module] = lambda: told.names
            self._wrappers.update(told.wrappers)
        return told.has_facts or bool(told.problem)


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
