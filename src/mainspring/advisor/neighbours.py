"""What single files are judged by, when the tree around them is not looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from mainspring.advisor.cache import Entry
from mainspring.advisor.desk import Desk, Speaks
from mainspring.advisor.walk import Found, Walker

MOST_CALLERS = 40  # of a function that is called by a name of its own
_HANDED_ON = 2  # a wrapper that is imported, and one that it hands on to

Names = dict[str, Speaks]


class Neighbours:
    """The files around some single ones: what they import, wrappers that they call, and who calls them.

    The first is found on the disk; the others are known from an earlier look at the whole tree, where there was one.
    """

    def __init__(self, desk: Desk, folder: str, walker: Walker, names: Names) -> None:
        self._desk, self._folder, self._walker, self._names = desk, folder, walker, names

    def add(self, entries: Mapping[str, Entry], names: Callable[[str], Sequence[str]]) -> None:
        """Add what each of them speaks of to the names that are known."""
        wanted: set[str] = set()
        spoken: set[str] = set()
        for module, speaks in self._names.items():
            self._desk.shelf.expect(module, speaks)
            facts = self._desk.shelf[module]
            wanted |= {function.name.rpartition(".")[2] for function in facts.outermost}
            spoken |= facts.says
        callers: dict[str, list[Found]] = {}
        for path, entry in entries.items():
            if entry.project != self._folder or not entry.has_facts or entry.module in self._names:
                continue
            found = Found(os.path.join(self._walker.root, path), path, entry.module, entry.project, entry.mtime, entry.size)
            if any(word.partition(" ")[0] in spoken for word in entry.wrappers):
                self._expect(found, names)
            for name in wanted.intersection(names(path)):
                callers.setdefault(name, []).append(found)
        for others in callers.values():
            if len(others) <= MOST_CALLERS:
                for found in others:
                    self._expect(found, names)
        for _ in range(_HANDED_ON):
            for facts in [self._desk.shelf[module] for module in self._names]:
                for module in dict.fromkeys(part for _, ref in facts.names for part in (ref, ref.rpartition(".")[0]) if part):
                    self._read(module, is_whole=False)

    def _expect(self, found: Found, names: Callable[[str], Sequence[str]]) -> None:
        """Know of a file that was read before, unless it has changed or gone since."""
        try:
            now = os.stat(found.file)
        except OSError:
            return
        self._desk.expect(found)
        if (now.st_mtime_ns, now.st_size) == (found.mtime, found.size):
            self._know(found.module, lambda: names(found.path))
        else:
            self._read(found.module, is_whole=True)

    def _read(self, module: str, *, is_whole: bool) -> None:
        if module in self._names:
            return
        outcome = self._desk.look_up(module, is_whole=is_whole)
        if outcome is not None and outcome.facts is not None:
            self._desk.shelf.hold(outcome.facts)
            self._know(module, lambda: outcome.names)

    def _know(self, module: str, names: Callable[[], Sequence[str]]) -> None:
        self._names[module] = names
        self._desk.shelf.expect(module, names)
