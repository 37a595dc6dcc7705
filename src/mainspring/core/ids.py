"""Identifiers: UUIDv7 (RFC 9562, section 5.7) as text, made by the client so that a retried insert is the same run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

# rand_a carries a counter, so that ids of one millisecond keep the order in which they were made (RFC 9562, 6.2).
_COUNTER_BITS = 12
_SHORT = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")
_WHOLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


_draw: Callable[[int], bytes] = os.urandom


def seed_ids(draw: Callable[[int], bytes] | None) -> None:
    """Draw random bytes from another source, so that a simulation repeats itself to the letter; None is the system's."""
    global _draw
    _draw = os.urandom if draw is None else draw


class IdMaker:
    """Make ids that grow: by the millisecond handed in and, within one, by a counter that starts at random."""

    __slots__ = ("_counter", "_millisecond")

    def __init__(self) -> None:
        self._millisecond = -1
        self._counter = 0

    def make(self, milliseconds: int, entropy: bytes | None = None) -> str:
        """Return the next id for a time in Unix milliseconds; ``entropy`` is 10 random bytes (drawn when absent).

        A clock that steps back keeps the last millisecond, so that order survives it. Threads that share a maker get
        unique ids, but not always in order.
        """
        noise = int.from_bytes(entropy if entropy is not None else _draw(10), "big")
        if milliseconds > self._millisecond:
            self._millisecond = milliseconds
            # The top bits stay free, so that a busy millisecond has room to count.
            self._counter = (noise >> 64) & 0x3FF
        else:
            self._counter += 1
            if self._counter >> _COUNTER_BITS:
                self._millisecond += 1
                self._counter = 0
        high = (self._millisecond << 16) | 0x7000 | self._counter
        low = (noise & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        text = f"{high:016x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def make_claim_id() -> str:
    """Return a fresh 128-bit random id; a claim is known by nothing else, so it carries no time."""
    text = _draw(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def made_at(id_: str) -> datetime:
    """Return the time inside a UUIDv7, to the millisecond."""
    return _EPOCH + int(id_[:8] + id_[9:13], 16) * _MILLISECOND


def first_id_of(moment: datetime) -> str:
    """Return the smallest UUIDv7 of a moment (aware): a lower bound for look-ups and partitions."""
    text = f"{(moment - _EPOCH) // _MILLISECOND:012x}"
    return f"{text[:8]}-{text[8:]}-7000-8000-000000000000"


def next_id(id_: str) -> str:
    """Return the smallest id above one."""
    text = f"{int(id_.replace('-', ''), 16) + 1:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def short(id_: str) -> str:
    """Return the eight last characters: the random end, which people can tell apart."""
    return id_[-8:]


def looks_like_id(text: str) -> bool:
    """Tell whether a text may be an id or a piece of one (at least four hexadecimal digits)."""
    return _SHORT.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Tell whether a text has the whole form of an id, so that it may stand in a path or in a query."""
    return _WHOLE.fullmatch(text) is not None
