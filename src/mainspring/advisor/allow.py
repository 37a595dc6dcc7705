"""The grammar of a written exception: ``# mainspring: allow[CODE, …] GROUND [until=DATE] -- REASON``."""

from __future__ import annotations

import re

from mainspring.advisor.patterns import pattern
from mainspring.advisor.record import record

_SAID = pattern(r"#\s*mainspring:\s*(?P<word>[A-Za-z-]+)(?P<rest>.*)", re.DOTALL)
_REST = pattern(r"\s*(?:\[(?P<codes>[^\]]*)\])?(?P<head>(?:(?!--).)*)(?:--(?P<reason>.*))?$", re.DOTALL)
_NEVER = ("ignore", "noqa", "skip", "suppress", "off", "nosec")  # what people try who know other checkers
_WIDE = ("disable", "enable", "allow-file", "file-allow", "allow-all")


@record(frozen=True, slots=True)
class Directive:
    """A comment that wants to be an exception, as written. ``is_wide``: it asks for a whole file or a block, which no comment may."""

    codes: tuple[str, ...]
    ground: str
    until: str
    reason: str
    extra: str = ""  # what stands where the ground should, beyond one word
    is_allow: bool = True
    is_wide: bool = False


def parse(comment: str) -> Directive | None:
    """Return what a comment asks for, None where it asks the checker for nothing."""
    if (said := _SAID.search(comment)) is None:
        return None
    word = said["word"]
    if word != "allow":
        wide = word.lower() in _WIDE
        return Directive((), "", "", "", is_allow=False, is_wide=wide) if wide or word.lower() in _NEVER else None
    rest = _REST.match(said["rest"])
    assert rest is not None  # it matches anything
    codes = tuple(dict.fromkeys(part.strip() for part in (rest["codes"] or "").split(",") if part.strip()))
    words = rest["head"].split()
    until = next((word.removeprefix("until=") for word in words if word.startswith("until=")), "")
    grounds = [word for word in words if not word.startswith("until=")]
    return Directive(codes, grounds[0] if grounds else "", until, (rest["reason"] or "").strip(), " ".join(grounds[1:]))
