"""What a terminal may be told: text and, where they are wanted, colours. Everything else could lie to its reader.

A log line can move the cursor, retitle the window, answer to the program's input or hide text; so all control
sequences are dropped but the SGR ones (ECMA-48 8.3.117), which only colour.
"""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"\x1b\[(?P<parameters>[0-9;:]*)m"  # SGR: kept where colours are wanted
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|(?:\x1b[PX^_\]]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links, device
    r"|\x1b[ -/]*[0-~]?"  # other escapes, and a lone one
)
# C0 but tab and line feed, DEL, C1, and the marks that turn the direction of text around (Unicode TR 36).
_CONTROL = re.compile("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SGR = re.compile(r"\x1b\[[0-9;:]*m")
RESET = "\x1b[0m"


def clean(text: str, *, colours: bool = False) -> str:
    """Return a text without control sequences; ``colours`` keeps those that colour, and ends them."""
    shown = _SEQUENCE.sub(lambda found: found[0] if colours and found["parameters"] is not None else "", text)
    parts, position = [], 0
    for found in _SGR.finditer(shown):
        parts += [_CONTROL.sub("", shown[position : found.start()]), found[0]]
        position = found.end()
    parts.append(_CONTROL.sub("", shown[position:]).replace("\x1b", ""))
    return "".join(parts) + (RESET if colours and len(parts) > 1 and not shown.endswith(RESET) else "")


def clean_line(text: str, *, colours: bool = False) -> str:
    """Return the same as one line."""
    return clean(text.replace("\r\n", "\n").replace("\n", " ⏎ "), colours=colours)
