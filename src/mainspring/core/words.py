"""Words made from names, for whatever has no title of its own."""

from __future__ import annotations

import re


def humanise(name: str) -> str:
    """Return a title made from a name: ``prune_old_dumps`` becomes ``Prune old dumps``."""
    words = re.sub(r"[_.:-]+", " ", name).strip()
    return words[:1].upper() + words[1:]
