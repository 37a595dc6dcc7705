"""Looks that grow dear with what others leave behind, made so rarely that they take only a small share of the time.

While somebody holds a snapshot, dead index entries pile up, and a look from an index's beginning walks over all of them: 75 ms for half a
million. Each loop that cannot do without such a look gives it a ration.
"""

from __future__ import annotations

COST_FACTOR = 20  # a look takes at most a twentieth of the time between two


class Ration:
    """When a look is due again: after ``shortest`` seconds, later the longer it took, after ``longest`` at the latest."""

    __slots__ = ("_longest", "_next", "_shortest")

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest, self._longest = shortest, longest
        self._next = float("-inf")

    def is_due(self, now: float) -> bool:
        """Tell whether it is time."""
        return now >= self._next

    def took(self, cost: float, now: float) -> None:
        """Note a look that took ``cost`` seconds and ended ``now``."""
        self._next = now + min(max(self._shortest, COST_FACTOR * cost), self._longest)

    def renew(self) -> None:
        """Make a look due now, whatever the last one cost."""
        self._next = float("-inf")
