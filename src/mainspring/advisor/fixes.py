"""Safe edits of a tree: what rules propose becomes text, whole files or not at all.

Edits that touch each other are made one after the other, in rounds with a fresh look between. A file that would no longer be Python, or
that lies elsewhere behind a link, stays as it is.
"""

from __future__ import annotations

import ast
import difflib
import io
import os
import stat
import tokenize
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mainspring.advisor.finding import Edit, Finding
from mainspring.advisor.patterns import pattern

_LINE = pattern(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A file and what becomes of it. ``edits``: how many of them."""

    path: str
    file: str
    before: bytes
    after: bytes
    edits: int

    def diff(self) -> str:
        """Return the change as a unified diff."""
        old, new = (_decoded(text)[0].splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(old, new, f"a/{self.path}", f"b/{self.path}"))


def plan(findings: Iterable[Finding], on_disk: Mapping[str, str], root: Path) -> list[Fixed]:
    """Return what would be written: for each file as many of its edits as do not touch one another, in the order of the findings."""
    by_path: dict[str, list[tuple[Edit, ...]]] = {}
    for finding in findings:
        if finding.edits:
            paths = {edit.path or finding.path for edit in finding.edits}
            if len(paths) == 1:  # what needs two files at once is nothing that can be written whole
                by_path.setdefault(paths.pop(), []).append(finding.edits)
    planned = []
    for path, groups in by_path.items():
        file = on_disk.get(path) or str(root / path)
        if not _is_ours(file, root):
            continue
        try:
            before = Path(file).read_bytes()
            after, n = edited(before, groups)
        except (OSError, ValueError, SyntaxError):
            continue
        if n and after != before:
            planned.append(Fixed(path, file, before, after, n))
    return planned


def write(fixed: Sequence[Fixed]) -> int:
    """Write files, each whole or not at all, with their rights; returns how many edits were made. One that has changed is left alone."""
    n = 0
    for each in fixed:
        target = Path(os.path.realpath(each.file))
        if target.read_bytes() != each.before:
            continue
        aside = target.with_name(f".{target.name}.{os.getpid():x}")
        try:
            aside.write_bytes(each.after)
            os.chmod(aside, stat.S_IMODE(target.stat().st_mode))
            os.replace(aside, target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        n += each.edits
    return n


def edited(before: bytes, groups: Sequence[tuple[Edit, ...]]) -> tuple[bytes, int]:
    """Return a file with groups of edits made, each group whole or not at all, and how many groups were.

    Encoding, line ends and a byte order mark stay. Raises `ValueError` or `SyntaxError` where text or result are no Python.
    """
    text, encoding = _decoded(before)
    starts = _starts(text)
    taken: list[tuple[int, int, str]] = []
    n = 0
    newline = next((end for end in ("\r\n", "\n", "\r") if end in text), "\n")
    for group in groups:
        mine = [(_offset(starts, text, each.place.line, each.place.column),
                 _offset(starts, text, each.place.end_line, each.place.end_column),
                 each.text.replace("\r\n", "\n").replace("\n", newline)) for each in group]  # fmt: skip
        if any(_touch(a, b) for a in mine for b in taken) or any(begin > end for begin, end, _ in mine):
            continue
        new = [each for each in mine if each not in taken]
        taken += new
        n += 1
    for begin, end, new_text in sorted(taken, key=lambda each: each[:2], reverse=True):
        text = text[:begin] + new_text + text[end:]
    after = text.encode(encoding)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ast.parse(after)
    return after, n


def _touch(a: tuple[int, int, str], b: tuple[int, int, str]) -> bool:
    """Tell whether two edits cannot both be made. The very same one, as an import that two fixes need, is made once."""
    if a == b:
        return False
    if a[0] == a[1] and b[0] == b[1]:
        return a[0] == b[0]  # which of two new texts comes first, nobody has said
    return a[0] < b[1] and b[0] < a[1]


def _decoded(data: bytes) -> tuple[str, str]:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding), encoding


def _starts(text: str) -> list[int]:
    """Return where each line begins. Lines end as Python's do: a form feed or a separator of Unicode ends none."""
    found, at = [0], 0
    while at < len(text):
        match = _LINE.match(text, at)
        assert match is not None  # it matches anything
        at = match.end()
        found.append(at)
    return found


def _offset(starts: Sequence[int], text: str, line: int, column: int) -> int:
    if line > len(starts):
        return len(text)
    return min(starts[line - 1] + column - 1, len(text))


def _is_ours(file: str, root: Path) -> bool:
    """Tell whether a file really lies below the root."""
    real = os.path.realpath(file)
    return real.startswith(os.path.realpath(root).rstrip(os.sep) + os.sep)
