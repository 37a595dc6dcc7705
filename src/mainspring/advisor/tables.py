"""Tables of names as people read them: words on lines."""

from __future__ import annotations


def words(*lines: str) -> tuple[str, ...]:
    """Return the words of some lines, in order."""
    return tuple(word for line in lines for word in line.split())


def names(*lines: str) -> frozenset[str]:
    """Return the words of some lines, to be looked up."""
    return frozenset(words(*lines))
