"""Docstrings: what a function says about itself and about its parameters, in the three styles that people write.

Google (``Args:`` and an indented list), numpy (``Parameters`` above a line of dashes) and reST (``:param name: …``), told apart by their
own marks. What is in none of them stays part of the description: nobody's words are lost to a parser.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from dataclasses import dataclass, field

# Sections of Google's and numpy's styles. Those about parameters are read; the others end a description for people, because they
# speak to callers of the function and a form has none.
_PARAMETERS = frozenset({
    "args", "arguments", "parameters", "params", "other parameters", "keyword args", "keyword arguments", "keyword parameters",
})  # fmt: skip
_OTHERS = frozenset({"returns", "return", "yields", "yield", "raises", "raise", "receives", "warns", "attributes", "methods", "see also"})
_GOOGLE = re.compile(r"([A-Z][A-Za-z ]*):")
_GOOGLE_ITEM = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_NUMPY_ITEM = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)(?:\s*:\s*.*|\s*)")
_REST = re.compile(r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:\s]+\s+)*?\*{0,2}(\w+)\s*:\s*(.*)")
_REST_OTHER = re.compile(r":(?:type|rtype|returns?|raises?|except|exception|yields?|var|ivar|cvar)\b[^:]*:")


@dataclass(frozen=True, slots=True)
class Docs:
    """A docstring taken apart: the text for people, and what it says about each parameter (white space joined to single blanks)."""

    description: str = ""
    params: dict[str, str] = field(default_factory=dict)


def parse_docstring(text: str | None, names: Collection[str] | None = None) -> Docs:
    """Take a docstring apart. Never raises: a docstring is prose, and what is not understood stays in the description.

    With ``names``, only those are taken for parameters, so that ``Note: …`` in a list is no parameter named Note.
    """
    lines = inspect.cleandoc(text or "").splitlines()
    said: list[str] = []
    params: dict[str, list[str]] = {}
    position = 0
    while position < len(lines):
        line = lines[position]
        if (found := _REST.match(line.strip())) or _REST_OTHER.match(line.strip()):
            depth, position = _indent(line), position + 1
            more, position = _indented(lines, position, depth)
            if found and _is_wanted(found[1], names):
                params[found[1]] = [found[2], *more]
        elif (title := _google_title(lines, position)) is not None:
            block, position = _indented(lines, position + 1, _indent(line))
            if title in _PARAMETERS:
                _read_items(block, params, names)
        elif (title := _numpy_title(lines, position)) is not None:
            block, position = _numpy_block(lines, position + 2)
            if title in _PARAMETERS:
                _read_numpy(block, params, names)
        else:
            said.append(line)
            position += 1
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(said)).strip()
    return Docs(description, {name: " ".join(" ".join(words).split()) for name, words in params.items()})


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_wanted(name: str, names: Collection[str] | None) -> bool:
    return names is None or name in names


def _indented(lines: list[str], position: int, depth: int) -> tuple[list[str], int]:
    """Return the lines that are further in than ``depth``, blank ones between them too, and where they end."""
    end = position
    for number in range(position, len(lines)):
        if lines[number].strip() and _indent(lines[number]) <= depth:
            break
        if lines[number].strip():
            end = number + 1
    return lines[position:end], end


def _google_title(lines: list[str], position: int) -> str | None:
    """Return the title of a section that begins here: its name, a colon, and an indented line behind it."""
    found = _GOOGLE.fullmatch(lines[position].strip())
    if found is None or found[1].lower() not in _PARAMETERS | _OTHERS:
        return None
    block, _ = _indented(lines, position + 1, _indent(lines[position]))
    return found[1].lower() if block and block[0].strip() else None


def _numpy_title(lines: list[str], position: int) -> str | None:
    if position + 1 >= len(lines) or lines[position].strip().lower() not in _PARAMETERS | _OTHERS:
        return None
    below = lines[position + 1].strip()
    return lines[position].strip().lower() if len(below) >= 3 and set(below) <= {"-"} else None


def _numpy_block(lines: list[str], position: int) -> tuple[list[str], int]:
    end = position
    while end < len(lines) and _numpy_title(lines, end) is None:
        if end + 1 < len(lines) and lines[end].strip() and len(lines[end + 1].strip()) >= 3 and set(lines[end + 1].strip()) <= {"-"}:
            break  # a section of another name, such as Notes: prose
        if not lines[end].strip() and end + 1 < len(lines) and lines[end + 1].strip() and not _is_numpy_entry(lines, end + 1):
            break  # prose again, behind a blank line
        end += 1
    return lines[position:end], end


def _is_numpy_entry(lines: list[str], position: int) -> bool:
    """Tell whether a line goes on with the list: indented text, or a name above indented text."""
    if _indent(lines[position]):
        return True
    follows = lines[position + 1] if position + 1 < len(lines) else ""
    return bool(_NUMPY_ITEM.fullmatch(lines[position])) and bool(follows.strip()) and _indent(follows) > 0


def _read_items(block: list[str], params: dict[str, list[str]], names: Collection[str] | None) -> None:
    depth = _indent(block[0]) if block else 0
    current: list[str] | None = None
    for line in block:
        found = _GOOGLE_ITEM.fullmatch(line.strip()) if line.strip() and _indent(line) == depth else None
        if found is not None and _is_wanted(found[1], names):
            current = params.setdefault(found[1], [])
            current[:] = [found[2]]
        elif current is not None:
            current.append(line)


def _read_numpy(block: list[str], params: dict[str, list[str]], names: Collection[str] | None) -> None:
    current: list[list[str]] = []
    for line in block:
        if line.strip() and not _indent(line) and (found := _NUMPY_ITEM.fullmatch(line.strip())):
            current = []
            for name in found[1].split(","):
                if _is_wanted(plain := name.strip().lstrip("*"), names):
                    current.append(params.setdefault(plain, []))
        else:
            for each in current:
                each.append(line)
