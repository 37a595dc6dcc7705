"""Texts of sorted lines that are asked for a few of them: found by halving, never taken apart whole.

A line is a key, a tab, and words with spaces between them. The first line says what the text belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


class Lines:
    """What `written` has written."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._begin = text.find(b"\n") + 1

    @property
    def head(self) -> str:
        """What it belongs to."""
        return self._text[: max(self._begin - 1, 0)].decode("utf-8", "replace")

    def __len__(self) -> int:
        return len(self._text)

    def words(self, key: str) -> Sequence[str]:
        """Return the words behind a key, none of one that is not there."""
        wanted, text = key.encode("utf-8", "surrogatepass"), self._text
        low, high = self._begin, len(text)
        while low < high:
            begin = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
            end = text.find(b"\n", begin)
            end = len(text) if end < 0 else end
            tab = text.find(b"\t", begin, end)
            found = text[begin:tab]
            if found == wanted:
                return text[tab + 1 : end].decode("utf-8", "surrogatepass").split(" ")
            if found < wanted:
                low = end + 1
            else:
                high = begin
        return ()

    def __iter__(self) -> Iterator[tuple[str, Sequence[str]]]:
        for line in self._text[self._begin :].decode("utf-8", "surrogatepass").split("\n")[:-1]:
            key, _, words = line.partition("\t")
            yield key, words.split(" ")


def written(head: str, of: Iterable[tuple[str, Iterable[str]]]) -> bytes:
    """Return the text that `Lines` reads, of keys and words that `is_plain`; a key without words is left out."""
    lines = [(key.encode("utf-8", "surrogatepass"), " ".join(words).encode("utf-8", "surrogatepass")) for key, words in of]
    return b"\n".join([head.encode(), *(key + b"\t" + words for key, words in sorted(lines) if words)]) + b"\n"


def is_plain(text: str, *, is_key: bool = False) -> bool:
    """Tell whether a text can be a word or, with spaces in it, a key: nothing in it ends a key, a word or a line."""
    return bool(text) and "\n" not in text and "\t" not in text and (is_key or " " not in text)
