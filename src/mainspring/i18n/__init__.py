"""Words for people, by key. Only faces enter here; below them travel codes and values.

Shaped like gettext: a key is looked up in the catalogue of the language and filled in with values. English is the
only language yet.
"""

from __future__ import annotations

import string
from typing import Any

from mainspring.i18n.en import MESSAGES


class _Texts(string.Formatter):
    """Formats as `str.format` does; and ``{n:run is|runs are}`` is a number with the words that go with one, or with any other."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, has_words, many = format_spec.partition("|")
        if not has_words:
            return str(super().format_field(value, format_spec))
        return f"{value} {one if str(value) == '1' else many}"


_TEXTS = _Texts()


def t(key: str, /, **values: object) -> str:
    """Return the text of a key with its ``{values}`` filled in. An unknown key is a bug and raises `KeyError`."""
    return _TEXTS.vformat(MESSAGES[key], (), values)


def has(key: str) -> bool:
    """Tell whether there is a text for a key."""
    return key in MESSAGES
