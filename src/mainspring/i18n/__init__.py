"""Words for people, by key. Only faces enter here; below them travel codes and values.

Shaped like gettext: a key is looked up in the catalogue of the language and filled in with values. English is the
only language yet.
"""

from __future__ import annotations

from mainspring.i18n.en import MESSAGES


def t(key: str, /, **values: object) -> str:
    """Return the text of a key with its ``{values}`` filled in. An unknown key is a bug and raises `KeyError`."""
    return MESSAGES[key].format_map(values)


def has(key: str) -> bool:
    """Tell whether there is a text for a key."""
    return key in MESSAGES
