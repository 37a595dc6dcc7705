"""Which language and zone a person at a terminal has: as told, else as the environment says."""

from __future__ import annotations

import os
from pathlib import Path

from mainspring.i18n import ENGLISH, LANGUAGES

_LOCALTIME = Path("/etc/localtime")
_UTC = ("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu", "Etc/GMT", "GMT")


def language(chosen: str | None = None) -> str:
    """Return the language to speak: that which was chosen, else the first that the environment names (POSIX), else English."""
    for said in (chosen, *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))):
        if said:
            known = said.replace("_", "-").partition("-")[0].partition(".")[0].lower()
            return known if known in LANGUAGES else ENGLISH
    return ENGLISH


def local_zone() -> str:
    """Return the name of this machine's zone, ``UTC`` where it has none that is known by a name."""
    from mainspring.core.calendar import zone

    told = os.environ.get("TZ", "").removeprefix(":")
    names = [told] if told else [str(_LOCALTIME.resolve()).partition("zoneinfo/")[2]] if _LOCALTIME.is_symlink() else []
    for name in names:
        try:
            zone(name)
        except ValueError:
            continue
        return "UTC" if name in _UTC else name
    return "UTC"
