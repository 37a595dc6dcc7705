"""What a call carries beside plain JSON: files, and references to secrets.

Their types tell it here while parameters are checked, so that whoever asked knows which there were, however deep in a model they lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_heard: ContextVar[list[object] | None] = ContextVar("mainspring_carried", default=None)


@contextmanager
def carried() -> Iterator[list[object]]:
    """Collect the files and secrets of the parameters or results that are checked or read inside the block."""
    found: list[object] = []
    token = _heard.set(found)
    try:
        yield found
    finally:
        _heard.reset(token)


def tell(value: object) -> None:
    """Tell of a value that was met; does nothing where nobody listens."""
    if (heard := _heard.get()) is not None:
        heard.append(value)
