"""Reading one file: words first, and a syntax tree only where there are any."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache

from mainspring.advisor.cache import digest_of
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import FileFacts
from mainspring.advisor.read.words import words_of
from mainspring.advisor.record import record

LARGEST_PARSED = 2 * 2**20  # bytes: a syntax tree takes some hundred times as much, and nobody writes such files by hand
LARGEST_READ = 64 * 2**20  # bytes of a file that is at least searched for words
SHORTEST_WRAPPER = 4  # characters: "run" and "do" stand in every file


@record(frozen=True, slots=True)
class Outcome:
    """What reading one file has given. ``facts`` are None where it holds no word that a rule looks for, or no Python.

    With both facts and a ``problem`` the facts are approximate.
    """

    digest: str
    facts: FileFacts | None = None
    names: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()
    problem: str = ""
    problem_line: int = 0


def read_one(
    path: str, module: str, data: bytes, words: Sequence[bytes], *, is_whole: bool, is_second: bool = False, is_judged: bool = True
) -> Outcome:
    """Read the facts of one file, unless it holds none of the words; ``is_second``: none of the rules' own were found before.

    Unless ``is_judged`` rules do not judge it: it is read because others speak of it.
    """
    from mainspring.advisor.project import wrappers_of
    from mainspring.advisor.read.reader import read_source

    digest = digest_of(data)
    held = words_of(data) if is_judged and not is_second else ()
    if not (is_whole or held or (not is_second and _is_hidden(data)) or calls_any(data, words)):
        return Outcome(digest)
    if len(data) > LARGEST_PARSED:
        return Outcome(digest, problem=f"{len(data)} bytes are too many to be parsed; at most {LARGEST_PARSED} are")
    try:
        facts = read_source(path, module, data, words=held, is_judged=is_judged)
    except (RecursionError, MemoryError):
        return Outcome(digest, problem="nested too deeply")
    problem, line = facts.problem, facts.problem_line
    if problem:
        if (guessed := _approximately(path, module, data)) is None:
            return Outcome(digest, problem=problem, problem_line=line)
        facts, problem = guessed, f"{problem}: syntax of a newer Python, read approximately"
    if not is_judged and not problem:
        return Outcome(digest, facts)
    return Outcome(digest, facts, tuple(sorted(facts.says)), _words_of(facts, wrappers_of(facts)), problem, line)


def _approximately(path: str, module: str, data: bytes) -> FileFacts | None:
    """Read a file whose syntax this Python does not know as if it were older; None where it is no Python at all."""
    from mainspring.advisor.approximate import lowered
    from mainspring.advisor.read.reader import read_source

    try:
        text = lowered(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return None
    facts = None if text is None else read_source(path, module, text.encode())
    if facts is None or facts.problem:
        return None
    facts.is_approximate = True
    return facts


def _words_of(facts: FileFacts, wrappers: Sequence[str]) -> tuple[str, ...]:
    """Return what the callers of a file's wrappers hold."""
    names = frozenset(each for each in wrappers if len(each) >= SHORTEST_WRAPPER)
    defined = (*(each.name for each in facts.outermost), *(each.name for each in facts.classes))
    return tuple(dict.fromkeys(word_of(f"{facts.module}.{name}") for name in defined if name.rpartition(".")[2] in names))


def _is_hidden(data: bytes) -> bool:
    """Tell whether a file is written in an encoding in which nobody sees words."""
    head = data[:200]
    return b"coding" in head and not any(known in head.lower() for known in (b"utf-8", b"utf8", b"latin", b"ascii", b"8859", b"125"))


def calls_any(data: bytes, words: Sequence[bytes]) -> bool:
    """Tell whether a file may call one of the functions that `word_of` gave words of."""
    if not words:
        return False
    called = _by_name(words)
    return any(
        any(each in data for where in called[name] for each in where) and (name + b"(" in data or b"@" in data)
        for name in called.keys() & set(_NAME.findall(data))
    )


_NAME = pattern(rb"[A-Za-z_][A-Za-z_0-9]*")


@lru_cache(maxsize=64)
def _by_name(words: Sequence[bytes]) -> Mapping[bytes, Sequence[Sequence[bytes]]]:
    found: dict[bytes, list[Sequence[bytes]]] = {}
    for name, *where in (word.split() for word in words):
        found.setdefault(name, []).append(where or [name])
    return found


def word_of(ref: str) -> str:
    """Return what files are searched for that may call a function: its name, and the names of which one must stand beside it.

    Whoever calls a function has imported it from somewhere: its module or the package around that. Whoever calls a method knows the class
    or, through an object that is made there, its module.
    """
    *where, name = ref.split(".")
    is_method = len(where) > 1 and where[-1].lstrip("_")[:1].isupper()
    beside = [where[-1], *([] if where[-2] in _COMMON else where[-2:-1])] if is_method else [*where[-1:], *where[1:-1][-1:]]
    return " ".join([name, *dict.fromkeys(each for each in beside if each.isidentifier())])


_COMMON = frozenset(
    {"types", "utils", "base", "core", "sync", "common", "models", "services", "helpers", "main", "app", "client", "server", "api"}
)


def read_file(
    file: str, path: str, module: str, words: Sequence[bytes], *, is_whole: bool, is_second: bool = False, is_judged: bool = True
) -> Outcome:
    """Read a file from the disk; what cannot be opened is an outcome as well."""
    data, problem = bytes_of(file)
    if problem:
        return Outcome("", problem=problem)
    return read_one(path, module, data, words, is_whole=is_whole, is_second=is_second, is_judged=is_judged)


def bytes_of(file: str) -> tuple[bytes, str]:
    """Return what a file holds, or why nobody can say."""
    try:
        # It may have become a pipe since it was looked at: nobody waits for its other end.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(descriptor, "rb") as opened:
            data = opened.read(LARGEST_READ + 1)
    except (OSError, ValueError) as error:
        return b"", getattr(error, "strerror", None) or type(error).__name__
    return (b"", f"more than {LARGEST_READ} bytes") if len(data) > LARGEST_READ else (data, "")
