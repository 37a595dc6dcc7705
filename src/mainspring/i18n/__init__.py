"""Words for people, by key. Only faces enter here; below them travel codes and values.

Shaped like gettext: a key is looked up in the catalogue of the language and filled in with values. English has all texts; German
and Polish have those of schedules yet, and English stands in for the others. Whole sentences are made in `sentence`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from mainspring.i18n.en import MESSAGES

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de", "pl")


class _Texts(string.Formatter):
    """Formats as `str.format` does; and ``{n:run is|runs are}`` is a number with the words that go with one, or with any other."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, has_words, many = format_spec.partition("|")
        if not has_words:
            return str(super().format_field(value, format_spec))
        return f"{value} {one if str(value) == '1' else many}"


_TEXTS = _Texts()


def t(key: str, /, *, language: str = ENGLISH, **values: object) -> str:
    """Return the text of a key with its ``{values}`` filled in. An unknown key is a bug and raises `KeyError`.

    ``language`` is a tag such as ``de`` or ``de-AT``; what it has no text for is said in English.
    """
    texts = MESSAGES if language == ENGLISH else _catalogue(language)
    return _TEXTS.vformat(texts.get(key) or MESSAGES[key], (), values)


def has(key: str, *, language: str = ENGLISH) -> bool:
    """Tell whether a language has a text of its own for a key."""
    return key in (MESSAGES if language == ENGLISH else _catalogue(language))


@lru_cache(maxsize=64)
def _catalogue(language: str) -> Mapping[str, str]:
    """Return the texts of a language, learned with its first word; none of one that nobody has written."""
    known = language.replace("_", "-").partition("-")[0].lower()
    if known not in LANGUAGES:
        return MESSAGES
    texts: Mapping[str, str] = import_module(f"mainspring.i18n.{known}").MESSAGES
    return texts
