"""What other people's code may say in ours: one line of characters that do nothing."""

from __future__ import annotations

import re

from mainspring.advisor.patterns import pattern

# C0, DEL, C1; marks that turn the direction of text around, that join, or that nobody sees (Unicode TR 36 and 55); line and paragraph
# separators; halves of surrogate pairs, which are what undecodable bytes of a file's name become.
_ACTIVE = pattern("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")


def plain(text: str) -> str:
    """Return a text with every character that does more than stand there written as its escape, ``\\x1b``."""
    return _ACTIVE.sub(_escaped, text)


def cut(text: str, most: int) -> str:
    """Return a text of ``most`` characters at most."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
