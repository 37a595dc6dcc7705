"""Facts of many files, within bounds: those that nobody has asked for lately are read anew when somebody does.

Reading a file takes no longer than decoding its facts from anywhere would, so a file is the only form in which they are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from weakref import WeakValueDictionary

from mainspring.advisor.memory import Memory, word_noted
from mainspring.advisor.read.facts import FileFacts

ROOM = 1500  # files whose facts are held: some 120 KB each


class Shelf(Mapping[str, FileFacts]):
    """Facts by module name. ``read`` returns those of a module that had to make room, or that were never read yet."""

    def __init__(self, read: Callable[[str], FileFacts] | None = None, room: int = ROOM) -> None:
        self._read, self._room = read, room
        self._held: OrderedDict[str, FileFacts] = OrderedDict()
        self._alive: WeakValueDictionary[str, FileFacts] = WeakValueDictionary()  # what somebody holds must stay the same thing
        self._names: dict[str, Callable[[], Iterable[str]]] = {}  # what each module speaks of
        self._mentions: dict[str, list[str]] | None = None
        self._indexed: set[str] = set()
        self.memory: Memory | None = None  # which notes what is looked at

    def put(self, facts: FileFacts) -> None:
        """Hold the facts of a module."""
        self.expect(facts.module, lambda: facts.says)
        self.hold(facts)

    def expect(self, module: str, names: Callable[[], Iterable[str]]) -> None:
        """Know of a module, whose facts are read when somebody asks for them."""
        self._names[module] = names
        if self._mentions is not None:
            self._add_mentions(module)

    def __getitem__(self, module: str) -> FileFacts:
        if self.memory is not None:
            self.memory.noted.add(module)
        return self._get(module)

    def _get(self, module: str) -> FileFacts:
        if (held := self._held.get(module)) is not None:
            self._held.move_to_end(module)
            return held
        facts = self._alive.get(module)
        if facts is None:
            if module not in self._names or self._read is None:
                raise KeyError(module)
            facts = self._read(module)
        self.hold(facts)
        return facts

    def __contains__(self, module: object) -> bool:
        return module in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def mentioning(self, word: str) -> Sequence[str]:
        """Return the modules that speak of something whose last part is this word."""
        if self.memory is not None:
            self.memory.noted.add(word_noted(word))
        if self._mentions is None:
            self._mentions = {}
            for module in self._names:
                self._add_mentions(module)
        return self._mentions.get(word, ())

    def _add_mentions(self, module: str) -> None:
        assert self._mentions is not None
        is_new = module not in self._indexed  # else it is looked for in each list, which are long for common words
        self._indexed.add(module)
        for name in self._names[module]():
            modules = self._mentions.setdefault(name, [])
            if is_new or module not in modules:
                modules.append(module)

    def find(self, module: str) -> FileFacts | None:
        """Return the facts of a module, None where nobody knows of it."""
        held = self._held.get(module)
        if held is None:
            return self._get(module) if module in self._names or module in self._alive else None
        self._held.move_to_end(module)
        return held

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._alive.clear()
        self._names.clear()
        self._indexed.clear()
        self._mentions = None

    def hold(self, facts: FileFacts) -> None:
        """Keep facts as long as there is room. What came only because somebody asked speaks of nothing."""
        self._held[facts.module] = self._alive[facts.module] = facts
        self._held.move_to_end(facts.module)
        if len(self._held) > self._room and self._read is not None:
            self._held.popitem(last=False)


def mentioning(files: Mapping[str, FileFacts], word: str) -> Sequence[str]:
    """Return the modules whose facts call or name something whose last dotted part is ``word``: all that may be its callers."""
    if isinstance(files, Shelf):
        return files.mentioning(word)
    return [module for module, facts in files.items() if word in facts.says]
