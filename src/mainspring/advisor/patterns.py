"""Regular expressions that are compiled when they are first asked: a look at one small file asks few of the two hundred."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

__all__ = ["pattern"]

if TYPE_CHECKING:
    from re import compile as pattern
else:

    class pattern:  # noqa: N801 - called as `re.compile` is
        """A regular expression; from the first question on as quick as a compiled one."""

        def __init__(self, text, flags=0):
            self._said = text, flags

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            compiled = re.compile(*self._said)
            for each in _METHODS:
                setattr(self, each, getattr(compiled, each))
            return getattr(compiled, name)

    _METHODS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split")
