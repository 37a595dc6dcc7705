"""Words in tables, one a room: each key with its English, German and Polish text side by side."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module

TAGS = ("en", "de", "pl")
PACKAGES = {
    "web": "mainspring.i18n.web",
    "check": "mainspring.i18n.governance",
    "advise": "mainspring.i18n.governance",
    "rules": "mainspring.i18n.governance",
    "guard": "mainspring.i18n.governance",
}  # where the texts stand whose keys begin with these words

Texts = Mapping[str, tuple[str, str, str]]


@lru_cache(maxsize=4)
def read(package: str) -> Texts:
    """Return all texts of a package of tables. Two rooms with one key are a bug and raise `ValueError`."""
    found: dict[str, tuple[str, str, str]] = {}
    path: Sequence[str] = import_module(package).__path__
    for module in sorted(each.name for each in pkgutil.iter_modules(path)):
        texts: Texts = import_module(f"{package}.{module}").TEXTS
        if again := found.keys() & texts.keys():
            raise ValueError(f"{package}.{module} has texts that another room has as well: {sorted(again)}")
        found |= texts
    return found


def text_of(package: str, key: str, language: str) -> str:
    """Return the text of a key; raises `KeyError` for one that nobody has written. ``qps`` is the pseudo-locale, which tests read with."""
    texts = read(package)[key]
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
