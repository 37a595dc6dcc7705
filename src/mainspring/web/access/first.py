"""The first link: how the first person comes in, where nobody could otherwise. Shown on this terminal, or to this user's files alone."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from mainspring.app import Mainspring
from mainspring.operations.entry import LINK_LIFE, Visit, make_link, place_of_link, write_private

log = logging.getLogger("mainspring.access")


@dataclass(frozen=True, slots=True)
class Announcement:
    """How to come in. ``address`` is the open one; a link is told nowhere but where `announce_link` says, ``file`` is its place if any."""

    address: str | None = None
    file: Path | None = None


async def announce_link(app: Mainspring, base: str) -> Announcement | None:
    """Make a link and show it: on the terminal where there is one, else in a file that only this user can read, whose place is logged."""
    key = await make_link(app, Visit(source="start"), actor=None)
    address = f"{base}/login/link?{urlencode({'t': key})}"
    minutes = int(LINK_LIFE.total_seconds() // 60)
    if sys.stderr is not None and sys.stderr.isatty():
        told = f"Nobody can sign in here yet. This link lets one browser in as administrator, once, within {minutes} minutes:"
        sys.stderr.write(f"\n{told}\n\n    {address}\n\n")
        sys.stderr.flush()
        return Announcement()
    file = place_of_link(app)
    write_private(file, f"{address}\n")
    log.warning("nobody can sign in here yet: %s has a link that lets one browser in, once, within %d minutes", file, minutes)
    return Announcement(file=file)
