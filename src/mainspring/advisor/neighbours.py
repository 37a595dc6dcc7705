"""What single files are judged by, when the tree around them is not looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from mainspring.advisor.cache import Cache, Entry
from mainspring.advisor.desk import Desk, Speaks
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.walk import Found, Walker

MOST_CALLERS = 40  # of a function that is called by a name of its own
_HANDED_ON = 2  # a wrapper that is imported, and one that it hands on to

Names = dict[str, Speaks]


class Neighbours:
    """The files around some single ones: what they import, wrappers that they call, and who calls them.

    The first is found on the disk; the others are known from an earlier look at the whole tree, where there was one. What is known is not
    read before a rule asks: of forty files that call something of the same name, a rule may ask for two.
    """

    def __init__(self, desk: Desk, folder: str, walker: Walker, names: Names) -> None:
        self._desk, self._folder, self._walker, self._names = desk, folder, walker, names
        self.starting = set(names)  # modules that may define functions which start what they are given
        self.wrappers: set[str] = set()  # what the callers of those functions hold

    def add(self, cache: Cache | None) -> None:
        """Add what each of them speaks of to the names that are known."""
        asked: list[FileFacts] = []
        for module, speaks in self._names.items():
            self._desk.shelf.expect(module, speaks)
            asked.append(self._desk.shelf[module])
        reading = asked
        if cache is not None:
            wanted = {function.name.rpartition(".")[2] for facts in asked for function in facts.outermost}
            spoken = {word for facts in asked for word in facts.says}
            wrapping = [found for word in sorted(spoken) for found in self._known(cache, cache.starting(word))]
            for found in wrapping:
                self._expect(found, cache)
            for name in sorted(wanted):
                if len(paths := cache.speaking(name)) <= MOST_CALLERS:
                    for found in self._known(cache, paths):
                        self._expect(found, cache)
            reading = [*asked, *(self._desk.shelf[found.module] for found in wrapping if found.module in self._names)]
        for _ in range(_HANDED_ON):
            reading = [each for facts in reading for each in self._imported(facts, cache)]

    def _known(self, cache: Cache, paths: Iterable[str]) -> Iterator[Found]:
        """Yield the files of this project that hold something and that nobody has come to yet."""
        for path in paths:
            entry = cache.entries.get(path)
            if entry is None or entry.project != self._folder or not entry.has_facts or entry.module in self._names:
                continue
            yield Found(os.path.join(self._walker.root, path), path, entry.module, entry.project, entry.mtime, entry.size)

    def _imported(self, facts: FileFacts, cache: Cache | None) -> Iterator[FileFacts]:
        """Yield the facts of what a file imports, where something may be started there that others hand on to it."""
        for module in dict.fromkeys(part for _, ref in facts.names for part in (ref, ref.rpartition(".")[0]) if part):
            if module in self._names or (found := self._desk.find(module)) is None:
                continue
            entry = cache.entries.get(found.path) if cache is not None else None
            if cache is not None and entry is not None and entry.module == module and self._is_as_it_was(found.file, entry):
                if entry.has_facts:
                    self._take(found, entry, cache)
                    if entry.is_starting:
                        yield self._desk.shelf[module]
            elif self._read(module, is_whole=False):
                yield self._desk.shelf[module]

    def _expect(self, found: Found, cache: Cache) -> None:
        """Know of a file that was read before, unless it has changed or gone since."""
        entry = cache.entries.get(found.path)
        if entry is None or found.module in self._names or not os.path.exists(found.file):
            return
        if self._is_as_it_was(found.file, entry):
            self._take(found, entry, cache)
        else:
            self._desk.expect(found)
            self._read(found.module, is_whole=True)

    def _is_as_it_was(self, file: str, entry: Entry) -> bool:
        try:
            now = os.stat(file)
        except OSError:
            return False
        return (now.st_mtime_ns, now.st_size) == (entry.mtime, entry.size)

    def _take(self, found: Found, entry: Entry, cache: Cache) -> None:
        """Believe what is known of a file."""
        self._desk.expect(found)
        self._know(found.module, lambda: cache.names(found.path))
        self.wrappers.update(entry.wrappers)
        if entry.is_starting:
            self.starting.add(found.module)

    def _read(self, module: str, *, is_whole: bool) -> bool:
        outcome = self._desk.look_up(module, is_whole=is_whole)
        if outcome is None or outcome.facts is None:
            return False
        self._desk.shelf.hold(outcome.facts)
        self._know(module, lambda: outcome.names)
        self.starting.add(module)
        self.wrappers.update(outcome.wrappers)
        return True

    def _know(self, module: str, names: Callable[[], Sequence[str]]) -> None:
        self._names[module] = names
        self._desk.shelf.expect(module, names)
