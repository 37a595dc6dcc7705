"""The text of one file: decoding as Python does it, and slices and places of nodes of its syntax tree."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from mainspring.advisor.finding import Place
from mainspring.advisor.patterns import pattern

_WORD = pattern(r"[^\W\d]\w*")
_ASCII_WORD = pattern(r"[A-Za-z_][A-Za-z_0-9]*")  # in two thirds of the time

Def = ast.FunctionDef | ast.AsyncFunctionDef


_MOST_AT_HAND = 200
_AT_HAND: deque[Source] = deque()  # files whose lines are kept, no more of them: they take as much as their facts


class Unreadable(Exception):
    """A file that is no text."""


def decode(data: bytes) -> str:
    """Decode a source file by its byte order mark or coding line, UTF-8 otherwise. Raises `Unreadable`."""
    head = data[:200]
    try:
        if b"coding" not in head and not head.startswith(b"\xef\xbb\xbf"):
            return data.decode("utf-8")
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (UnicodeError, SyntaxError, LookupError) as error:
        raise Unreadable(str(error)) from error


def parsed(text: str) -> ast.Module:
    """Parse a text without a word about escapes and the like: that is other people's code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


class Source:
    """Lines of a file. The parser counts bytes of UTF-8, people count characters: the difference stays in here."""

    __slots__ = ("_begins", "_is_ascii", "_lines", "_odd", "text")

    def __init__(self, text: str) -> None:
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.text = text
        self._lines: list[str] | None = text.split("\n")
        self._begins: Sequence[int] | None = None
        self._is_ascii = text.isascii()
        self._odd = set() if self._is_ascii else {number for number, line in enumerate(self._lines, 1) if not line.isascii()}

    @property
    def lines(self) -> list[str]:
        """Return the lines of the file."""
        if self._lines is None:
            self._lines = self.text.split("\n")
            _AT_HAND.append(self)
            if len(_AT_HAND) > _MOST_AT_HAND:
                _AT_HAND.popleft().rest()
        return self._lines

    def rest(self) -> None:
        """Forget what can be had again: nobody may ask for a long time."""
        self._lines = self._begins = None

    def words(self) -> frozenset[str]:
        """Return all words of the text: names, keywords, and those of comments and texts."""
        return frozenset((_ASCII_WORD if self._is_ascii else _WORD).findall(self.text))

    def lines_with(self, words: Iterable[str]) -> set[int]:
        """Return the numbers of the lines that hold one of some words, for every word at least."""
        text = self.text
        begins = self._begins
        if begins is None:
            begins = self._begins = array("l", [0, *accumulate([len(line) + 1 for line in self.lines])])
        found = set()
        for word in words:
            at = text.find(word)
            while at >= 0:
                line = bisect_right(begins, at)
                found.add(line)
                at = text.find(word, begins[line])
        return found

    def lines_that_begin(self, mark: str) -> Iterator[int]:
        """Return the numbers of the lines that begin with a mark."""
        return (line for line in self.lines_with((mark,)) if self.lines[line - 1].lstrip().startswith(mark))

    def definition(self, first: int, last: int) -> Def:
        """Parse the function that fills some lines, without its decorators: each node keeps its place."""
        lines = self.lines[first - 1 : last]
        is_inside = lines[0][:1].isspace()
        head = "\n" * (first - 2) + "class _:\n" if is_inside else "\n" * (first - 1)
        statement = parsed(head + "\n".join(lines) + "\n").body[0]
        if is_inside and isinstance(statement, ast.ClassDef):
            statement = statement.body[0]
        assert isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        return statement

    def _column(self, line: int, offset: int) -> int:
        if line not in self._odd:
            return offset
        return len(self.lines[line - 1].encode()[:offset].decode(errors="ignore"))

    def place(self, node: ast.expr | ast.stmt | ast.excepthandler | ast.arg) -> Place:
        """Say where a node stands."""
        line, end = node.lineno, node.end_lineno or node.lineno
        if self._is_ascii or (line not in self._odd and end not in self._odd):
            return Place(line, node.col_offset + 1, end, (node.end_col_offset or 0) + 1)
        return Place(line, self._column(line, node.col_offset) + 1, end, self._column(end, node.end_col_offset or 0) + 1)

    def cut(self, node: ast.expr | ast.stmt | ast.arg, longest: int) -> str:
        """Return a node as written, on one line."""
        line, end = node.lineno, node.end_lineno or node.lineno
        if line == end:
            text = self.lines[line - 1]
            if self._is_ascii or line not in self._odd:
                return text[node.col_offset : min(node.end_col_offset or 0, node.col_offset + longest)]
            return text[self._column(line, node.col_offset) : self._column(end, node.end_col_offset or 0)][:longest]
        first = self.lines[line - 1][self._column(line, node.col_offset) :]
        last = self.lines[end - 1][: self._column(end, node.end_col_offset or 0)]
        middle = self.lines[line : end - 1] if end - line < 100 else self.lines[line : line + 100]
        whole = [first, *middle, last]
        text = " ".join(whole)
        if "#" in text:
            return _without_comments(node, whole)[:longest]
        return " ".join(text.split())[:longest]

    def head(self, node: ast.stmt, first: ast.AST) -> str:
        """Return the head of a statement with blocks, up to the first statement in it."""
        end = getattr(first, "lineno", node.lineno)
        if end == node.lineno:
            return self.lines[node.lineno - 1].strip()
        lines = self.lines[node.lineno - 1 : min(end - 1, node.lineno + 9)]
        return " ".join(" ".join(line.partition(" #")[0] for line in lines).split())


def _without_comments(node: ast.AST, parts: list[str]) -> str:
    """A comment inside an expression is no part of it."""
    if len(parts) > 50:  # what unparse takes for a long literal is not worth it
        return " ".join(parts[0].split())
    return ast.unparse(node).split("\n", 1)[0]
