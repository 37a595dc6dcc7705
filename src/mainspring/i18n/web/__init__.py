"""Words of the console, one table a room: each key with its English, German and Polish text side by side."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module

TAGS = ("en", "de", "pl")
PREFIX = "web."


@lru_cache(maxsize=1)
def tables() -> Mapping[str, tuple[str, str, str]]:
    """Return all texts by key, read with the first page. Two rooms with one key are a bug and raise `ValueError`."""
    found: dict[str, tuple[str, str, str]] = {}
    for module in sorted(each.name for each in pkgutil.iter_modules(__path__)):
        texts: Mapping[str, tuple[str, str, str]] = import_module(f"{__name__}.{module}").TEXTS
        if again := found.keys() & texts.keys():
            raise ValueError(f"i18n.web.{module} has texts that another room has as well: {sorted(again)}")
        found |= texts
    return found


def text_of(key: str, language: str) -> str:
    """Return the text of a key; raises `KeyError` for one that nobody has written. ``qps`` is the pseudo-locale, which tests read with."""
    texts = tables()[key]
    if language == "qps":
        return _strange(texts[0])
    return texts[TAGS.index(language)] if language in TAGS else texts[0]


_STRANGE = str.maketrans("aeiouAEIOUcnsyz", "åéïøûÅÉÏØÛçñšýž")


def _strange(text: str) -> str:
    """Return English that cannot be mistaken for text that nobody sent through `t`: ``[Štårt]``. What stands in braces stays."""
    parts, depth, out = text, 0, []
    for letter in parts:
        depth += (letter == "{") - (letter == "}")
        out.append(letter if depth or letter == "}" else letter.translate(_STRANGE))
    return "[" + "".join(out) + "]"
