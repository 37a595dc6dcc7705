"""Reading files whose syntax is newer than the Python that runs the checker: what is new is written as it used to be, place by place.

Lines and columns stay as they are, so that findings point to the right place. What this gives is approximate, and the file is told as one
that was not wholly read; but a spawn in it is found all the same.
"""

from __future__ import annotations

import ast
import re
import warnings

from mainspring.advisor.patterns import pattern

_TYPE = pattern(r"^([ \t]*)type[ \t]+([^\W\d]\w*)[ \t]*(?=[\[=])", re.MULTILINE)
_NAMED = pattern(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+[^\W\d]\w*[ \t]*(?=\[)", re.MULTILINE)
_EXCEPT = pattern(r"^([ \t]*except\*?[ \t]+)([\w.]+(?:[ \t]*,[ \t]*[\w.]+)+)(?=[ \t]*:)", re.MULTILINE)
_FORMATTED = pattern(r"\b(?:[ft]r?|r[ft])(?=['\"])", re.IGNORECASE)
_CLOSES = {"(": ")", "[": "]", "{": "}"}
MOST_STRINGS = 20_000


def lowered(text: str) -> str | None:
    """Return a text as an older Python would have it, with every line and column in its place; None where that is no Python either.

    Known are type parameters and ``type`` statements (PEP 695, 696), f-strings with anything inside (PEP 701), t-strings (PEP 750) and
    ``except A, B:`` (PEP 758).
    """
    for change in (_plain, _without_strings):
        text = change(text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return text
    return None


def _plain(text: str) -> str:
    """Write type parameters, type statements and lists of exceptions as they used to be."""
    text = _EXCEPT.sub(lambda found: found[1] + found[2].replace(",", "|"), text)
    for found in reversed(list(_TYPE.finditer(text))):
        text = _blank(text, found.end()) if text[found.end()] == "[" else text
        text = text[: found.end(1)] + found[2].ljust(found.end() - found.end(1)) + text[found.end() :]
    for found in reversed(list(_NAMED.finditer(text))):
        text = _blank(text, found.end())
    return text


def _blank(text: str, begin: int) -> str:
    """Write spaces where brackets are; an end of a line inside of them becomes one that goes on."""
    end = _end_of(text, begin)
    if end is None:
        return text
    empty = re.sub(r".(?=\n)", "\\\\", re.sub(r"[^\r\n]", " ", text[begin:end]))
    return text[:begin] + empty + text[end:]


def _end_of(text: str, begin: int) -> int | None:
    """Return where brackets end that begin at a place; None where they do not."""
    wanted: list[str] = []
    for at in range(begin, min(len(text), begin + 5_000)):
        letter = text[at]
        if letter in _CLOSES:
            wanted.append(_CLOSES[letter])
        elif letter in ")]}":
            if not wanted or wanted.pop() != letter:
                return None
            if not wanted:
                return at + 1
    return None


def _without_strings(text: str) -> str:
    """Write every f-string and t-string as a plain one of the same length: what is called inside of it is not seen."""
    parts: list[str] = []
    at = 0
    for _ in range(MOST_STRINGS):
        found = _FORMATTED.search(text, at)
        if found is None:
            break
        end = _string_end(text, found.end())
        if end is None:
            parts.append(text[at : found.end()])
            at = found.end()
            continue
        quote = text[found.end()] * (3 if text.startswith(text[found.end()] * 3, found.end()) else 1)
        inner = text[found.end() + len(quote) : end - len(quote)]
        plain = re.sub(r"[^\r\n]", "-", inner)
        prefix = "br" if found.end() - found.start() == 2 else "r"
        if "\n" in plain and len(quote) == 1:  # nothing older has several lines but brackets
            parts += [text[at : found.start()], "(".ljust(len(prefix) + 1), plain[:-1].replace("-", " "), "0)"]
        else:
            parts += [text[at : found.start()], prefix, quote, plain, quote]
        at = end
    return "".join([*parts, text[at:]])


def _string_end(text: str, begin: int) -> int | None:
    """Return where a formatted string ends whose quote stands at a place; strings inside of its braces may have the same quotes."""
    quote = text[begin] * (3 if text.startswith(text[begin] * 3, begin) else 1)
    at, depth = begin + len(quote), 0
    last = min(len(text), begin + 20_000)
    while at < last:
        letter = text[at]
        if depth == 0 and text.startswith(quote, at):
            return at + len(quote)
        if depth == 0 and letter == "\n" and len(quote) == 1:
            return None
        if depth == 0 and (letter == "\\" or text.startswith(("{{", "}}"), at)):
            at += 2
        elif letter == "{":
            depth += 1
            at += 1
        elif letter == "}":
            depth = max(depth - 1, 0)
            at += 1
        elif depth and letter in "'\"":
            inner = _string_end(text, at)
            if inner is None:
                return None
            at = inner
        else:
            at += 1
    return None
