"""Answers that are kept, of questions that lead to one another: what somebody is told must not depend on what was asked before.

In a circle of questions the one that comes back to itself gets an answer for the time being. What was found out on its strength holds only
as long as that question is open: another way into the circle would have found something else. So it is forgotten then, and what was found
for the question that a circle was entered by is not taken where another question of that circle is open.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, ParamSpec, TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")

_NOTHING: frozenset[object] = frozenset()
_NONE_OPEN = 1 << 30


class Memory:
    """Which questions are open, of all kinds together, and what was found out for the time being."""

    __slots__ = ("circle", "open", "passing", "rests_on")

    def __init__(self) -> None:
        self.open: dict[object, int] = {}  # questions, and how many were open before
        self.passing: dict[object, tuple[object, int]] = {}  # answers that hold as long as so many questions are open
        self.rests_on = _NONE_OPEN  # the outermost open question whose answer for the time being was taken
        self.circle = _NOTHING  # the questions from there on

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
        self._kept: dict[K, tuple[V, frozenset[object]]] = {}  # and the circle that was entered by a question

    def ask(self, key: K, otherwise: V, find: Callable[P, V], *args: P.args, **kwargs: P.kwargs) -> V:
        """Return an answer, found where it is not known. ``otherwise``: what it is while it is being found."""
        known = self._kept.get(key)
        if known is not None and (not known[1] or known[1].isdisjoint(self._memory.open)):
            return known[0]
        question, memory = (self, key), self._memory
        if (depth := memory.open.get(question)) is not None:
            memory.take(depth)
            return otherwise
        if (passing := memory.passing.get(question)) is not None:
            memory.take(passing[1])
            return cast("V", passing[0])
        depth, since, around = len(memory.open), len(memory.passing), (memory.rests_on, memory.circle)
        memory.open[question] = depth
        memory.rests_on, memory.circle = _NONE_OPEN, _NOTHING
        try:
            found = find(*args, **kwargs)
        finally:
            del memory.open[question]
            rests_on, circle = memory.rests_on, memory.circle
            memory.rests_on, memory.circle = around
            if rests_on <= depth:
                memory.forget(since, depth)
            if rests_on < depth:
                memory.rests_on, memory.circle = min(rests_on, memory.rests_on), memory.circle | circle
        if rests_on < depth:
            memory.passing[question] = found, rests_on
        else:
            self._kept.setdefault(key, (found, circle))
        return found
