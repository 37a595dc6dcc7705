"""Words for people, by key. Only faces enter here; below them travel codes and values.

Shaped like gettext: a key is looked up in the catalogue of the language and filled in with values. English, German and Polish
have all texts; a language that nobody has written is answered in English. Whole sentences are made in `sentence`, the words of the
console, the checker and the advisor stand in `tables`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from mainspring.i18n.en import MESSAGES
from mainspring.i18n.tables import PACKAGES as _PACKAGES
from mainspring.i18n.tables import text_of

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "pl")


class _Texts(string.Formatter):
    """Formats as `str.format` does; and ``{n:run is|runs are}`` is a number with the words that go with one, or with any other.

    Three words are Polish: for one, for 2-4 (22-24 …), and for the others.
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" not in format_spec:
            return str(super().format_field(value, format_spec))
        one, *few, many = format_spec.split("|")
        if str(value) == "1":
            return f"{value} {one}"
        last = str(value)[-2:]
        is_few = bool(few) and last[-1:] in ("2", "3", "4") and not (len(last) == 2 and last[0] == "1")
        return f"{value} {few[0] if is_few else many}"


_TEXTS = _Texts()
_spoken = [ENGLISH]  # what this process says where nobody names a language: a terminal has one, a page has its reader's


def speak(language: str) -> None:
    """Say everything in this language from now on, where no other is named: for faces with one reader, as a terminal."""
    _spoken[0] = language


def t(key: str, /, *, language: str | None = None, **values: object) -> str:
    """Return the text of a key with its ``{values}`` filled in. An unknown key is a bug and raises `KeyError`.

    ``language`` is a tag such as ``de`` or ``de-AT``, what this process speaks where it is left out; English stands in for a missing text.
    """
    language = language or _spoken[0]
    if (package := _PACKAGES.get(key.partition(".")[0])) is not None:
        return _TEXTS.vformat(text_of(package, key, _known(language)), (), values)
    texts = MESSAGES if language == ENGLISH else _catalogue(language)
    return _TEXTS.vformat(texts.get(key) or MESSAGES[key], (), values)


def has(key: str, *, language: str = ENGLISH) -> bool:
    """Tell whether a language has a text of its own for a key."""
    return key in (MESSAGES if language == ENGLISH else _catalogue(language))


@lru_cache(maxsize=64)
def _catalogue(language: str) -> Mapping[str, str]:
    """Return the texts of a language, learned with its first word; none of one that nobody has written."""
    known = _known(language)
    if known not in LANGUAGES:
        return MESSAGES
    texts: Mapping[str, str] = import_module(f"mainspring.i18n.{known}").MESSAGES
    return texts


def _known(language: str) -> str:
    """Return the language of a tag such as ``de-AT``."""
    return language.replace("_", "-").partition("-")[0].lower()
