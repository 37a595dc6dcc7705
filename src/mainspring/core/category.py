"""Categories: four that everybody knows, with their order and icons, and any other that somebody thinks of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mainspring.core.words import humanise

DEFAULT_CATEGORY = "general"
DEFAULT_ICON = "gear"
ICON = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LONGEST = 50  # characters of an icon's or a category's name


@dataclass(frozen=True, slots=True)
class Category:
    """A category as pages and lists show it; lists go by ``order``, then by name."""

    name: str
    title: str
    icon: str = DEFAULT_ICON
    order: int = 100


_ICONS = {"maintenance": "wrench", "data": "database", "admin": "shield", "report": "chart-column"}  # in their order
KNOWN: Mapping[str, Category] = {name: Category(name, humanise(name), icon, order) for order, (name, icon) in enumerate(_ICONS.items(), 1)}


def category_of(name: str) -> Category:
    """Return a category by its name; one that is not known has its name for a title and the usual icon."""
    return KNOWN.get(name) or Category(name, humanise(name))
