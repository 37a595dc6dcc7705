"""Colours of a terminal, for pages without scripts: the sixteen that have names, bold, faint, italic, underlined and struck out.

Whatever else a line brings along is dropped. What comes out is text and names of classes; nothing of a line becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ESCAPES = re.compile(
    r"\x1b\[([\d;:]*)m"  # colours
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links, clipboards
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # movements
    r"|\x1b.|[\0-\x08\x0b-\x1f\x7f\x80-\x9f]"
)
_COLOURS = re.compile(r"\x1b\[[\d;:]*m")
_PLAIN = frozenset((1, 2, 3, 4, 9))

Style = dict[str, str]


def last_of_returns(text: str) -> str:
    """Return what is left of a line where a carriage return begins it anew."""
    return text.rstrip("\r").rpartition("\r")[2]


def plain(text: str) -> str:
    """Return a line without any control sequence."""
    return _ESCAPES.sub("", last_of_returns(text))


def coloured(text: str) -> str:
    """Return a line with its colours and without any other control sequence: safe to print."""
    return _ESCAPES.sub(lambda found: found[0] if _COLOURS.fullmatch(found[0]) else "", last_of_returns(text))


def spans(text: str, style: Style) -> Iterator[tuple[str, str]]:
    """Yield pieces of a line with the classes that they are to have; ``style`` goes on from line to line."""
    text, at = last_of_returns(text), 0
    for found in _ESCAPES.finditer(text):
        if found.start() > at:
            yield " ".join(style.values()), text[at : found.start()]
        at = found.end()
        if found[1] is not None:
            _change(style, found[1])
    if at < len(text):
        yield " ".join(style.values()), text[at:]


def _change(style: Style, codes: str) -> None:
    numbers = iter([int(each) if each.isdigit() and len(each) < 4 else 0 for each in re.split("[;:]", codes)])
    for code in numbers:
        if code == 0:
            style.clear()
        elif code in _PLAIN:
            style[f"a{code}"] = f"a{code}"
        elif code == 22:
            style.pop("a1", None)
            style.pop("a2", None)
        elif 22 < code < 30:
            style.pop(f"a{code - 20}", None)
        elif code in (38, 48):  # one of very many: scripts show it, without them it is left out
            for _ in range(3 if next(numbers, 0) == 2 else 1):
                next(numbers, None)
            style.pop("fg" if code == 38 else "bg", None)
        elif code in (39, 49):
            style.pop("fg" if code == 39 else "bg", None)
        elif 30 <= code < 38 or 90 <= code < 98:
            style["fg"] = f"f{code - 30 if code < 38 else code - 82}"
        elif 40 <= code < 48 or 100 <= code < 108:
            style["bg"] = f"g{code - 40 if code < 48 else code - 92}"
