"""Answers that are kept, of questions that lead to one another: what somebody is told must not depend on what was asked before.

In a circle of questions the one that comes back to itself gets an answer for the time being. What was found out on its strength holds only
as long as that question is open: another way into the circle would have found something else. So it is forgotten then, and what was found
for the question that a circle was entered by is not taken where another question of that circle is open.

With each answer is kept what was looked at to find it: the modules whose facts were taken, and the words that the project was searched for
(`word_noted`). Who is given an answer rests on that as well. So it is known which modules must be judged anew when a file changes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, ParamSpec, TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")

_NOTHING: frozenset[object] = frozenset()
_NONE_OPEN = 1 << 30
_UNNOTED: set[str] = set()  # of all answers that nothing was looked at for


def word_noted(word: str) -> str:
    """Return how it is noted that somebody asked who speaks of a word: no module is called so."""
    return f"\t{word}"


SEARCHED = "\n"  # noted where texts of all files were searched: by nothing that is known of a file can be told what that would find now


class Memory:
    """Which questions are open, of all kinds together, and what was found out for the time being."""

    __slots__ = ("circle", "noted", "open", "passing", "rests_on")

    def __init__(self) -> None:
        self.open: dict[object, int] = {}  # questions, and how many were open before
        self.noted: set[str] = set()  # what the answer that is being found was taken from so far
        self.passing: dict[object, tuple[object, int, set[str]]] = {}  # answers that hold as long as so many questions are open
        self.rests_on = _NONE_OPEN  # the outermost open question whose answer for the time being was taken
        self.circle = _NOTHING  # the questions from there on

    @contextmanager
    def noting(self) -> Iterator[set[str]]:
        """Note by itself what is looked at meanwhile, for nobody around."""
        around, self.noted = self.noted, set()
        try:
            yield self.noted
        finally:
            self.noted = around

    def take(self, depth: int) -> None:
        """Note that an answer rests on an open question."""
        self.rests_on = min(self.rests_on, depth)
        self.circle = self.circle.union(list(self.open)[depth:])

    def forget(self, since: int, depth: int) -> None:
        """Forget what was found out on the strength of a question that is answered now."""
        for each in list(self.passing)[since:]:
            if self.passing[each][1] >= depth:
                del self.passing[each]


class Answers(Generic[K, V]):
    """The answers to questions of one kind."""

    __slots__ = ("_kept", "_memory")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._kept: dict[K, tuple[V, frozenset[object], set[str]]] = {}  # and the circle that it was entered by, and what was noted

    def ask(self, key: K, otherwise: V, find: Callable[P, V], *args: P.args, **kwargs: P.kwargs) -> V:
        """Return an answer, found where it is not known. ``otherwise``: what it is while it is being found."""
        known = self._kept.get(key)
        memory = self._memory
        if known is not None and (not known[1] or known[1].isdisjoint(memory.open)):
            if known[2]:
                memory.noted |= known[2]
            return known[0]
        question = (self, key)
        if (depth := memory.open.get(question)) is not None:
            memory.take(depth)
            return otherwise
        if (passing := memory.passing.get(question)) is not None:
            memory.take(passing[1])
            memory.noted |= passing[2]
            return cast("V", passing[0])
        depth, since, around = len(memory.open), len(memory.passing), (memory.rests_on, memory.circle)
        memory.open[question] = depth
        above, memory.noted = memory.noted, set()
        memory.rests_on, memory.circle = _NONE_OPEN, _NOTHING
        try:
            found = find(*args, **kwargs)
        finally:
            del memory.open[question]
            noted, memory.noted = memory.noted, above
            above |= noted
            rests_on, circle = memory.rests_on, memory.circle
            memory.rests_on, memory.circle = around
            if rests_on <= depth:
                memory.forget(since, depth)
            if rests_on < depth:
                memory.rests_on, memory.circle = min(rests_on, memory.rests_on), memory.circle | circle
        if rests_on < depth:
            memory.passing[question] = found, rests_on, noted
        else:
            self._kept.setdefault(key, (found, circle, noted or _UNNOTED))
        return found
