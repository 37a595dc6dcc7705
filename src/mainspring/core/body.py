"""What can be told from a body without running it."""

from __future__ import annotations

import dis
from collections.abc import Callable
from typing import Any


def _nothing() -> None: ...


async def _nothing_async() -> None: ...


def is_empty(function: Callable[..., Any]) -> bool:
    """Tell whether a body does no work: a docstring, ``...``, ``pass`` or a bare ``return``, and nothing else.

    Its code is compared with that of an empty function of this very interpreter, so that no table of instructions has to be kept.
    """
    code = getattr(function, "__code__", None)
    return code is not None and _steps(code) in _EMPTY


def _steps(code: Any) -> list[tuple[str, object]]:
    """Return the instructions; what they load counts, and where it is kept does not."""
    return [(each.opname, each.argval if each.opname in _LOADS else each.arg) for each in dis.get_instructions(code)]


_LOADS = frozenset({"LOAD_CONST", "RETURN_CONST"})
_EMPTY = (_steps(_nothing.__code__), _steps(_nothing_async.__code__))
