"""Words of the console, one table a room: each key with its English, German and Polish text side by side."""

from __future__ import annotations

from mainspring.i18n.tables import TAGS, Texts, read

__all__ = ["TAGS", "tables"]


def tables() -> Texts:
    """Return all texts of the console by key, read with the first page."""
    return read(__name__)
