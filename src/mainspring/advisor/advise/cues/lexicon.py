"""The form of a lexicon: cues, each a pattern with the answers that it stands for.

A cue is *said* where the words answer the question themselves ("every night"), and *implied* where they only name work of which the answer
is usually true ("mail": another system, which may be away). What is said wins over what is implied. Some cues take their words away, so
that no later one reads them: of "the client polls every second" no rhythm of the work is left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from mainspring.advisor.advise.answers import Length, Question


class Special(StrEnum):
    """What is more than an answer: a shape that has advice of its own."""

    POLLS_USER_WORK = "polls-user-work"  # a clock is to look for what people have asked for
    WAITS_FOR_PERSON = "waits-for-person"  # an approval, a payment: a wait of days in the middle
    DEBOUNCE = "debounce"  # asked for often, done once in a while
    DELAYED = "delayed"  # once, some time before or after something
    OWN_INFRASTRUCTURE = "own-infrastructure"  # a queue, a thread, a lock of one's own


@dataclass(frozen=True, slots=True)
class Cue:
    """Words and what they mean. ``weight`` counts towards "several steps" where the pattern is a mark of order."""

    pattern: str
    answers: tuple[tuple[Question, bool | Length], ...] = ()
    special: Special | None = None
    is_said: bool = True
    takes: bool = False  # its words are read by no later cue
    weight: int = 0

    def __post_init__(self) -> None:
        re.compile(self.pattern)  # a lexicon with a slip does not even import


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All cues of a language, in the order in which they are read.

    ``negation`` stands before what it denies. ``common`` are words by which the language is known. ``numbers`` are numerals in words,
    ``units`` patterns of units with their seconds. ``takes`` says that a duration is how long the work takes, ``lasting`` may stand before one
    that is named without a number.
    """

    language: str
    cues: tuple[Cue, ...]
    negation: str
    common: frozenset[str]
    numbers: Mapping[str, float]
    units: tuple[tuple[str, float], ...]
    takes: str
    lasting: str


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a cue's pattern, ready to search whatever the case, and in words that are typed without their marks ("auftraege", "zostanie oplacona")."""
    return re.compile(_IN_CLASS.sub(_unmarked, pattern), re.IGNORECASE)


_PLAIN = {"ä": "ae a", "ö": "oe o", "ü": "ue u", "ß": "ss"} | dict(zip("ąćęłńóśźż", "acelnoszz", strict=True))
_IN_CLASS = re.compile(rf"\[[^\]]*\]|[{''.join(_PLAIN)}]")


def _unmarked(found: re.Match[str]) -> str:
    """Let a letter with a mark stand for the letters that are typed in its place; classes of letters stay what they are."""
    letter = found[0]
    return letter if letter not in _PLAIN else f"(?:{'|'.join([letter, *_PLAIN[letter].split()])})"


# Thousands of anything take their time; years and codes of answers are no such number.
MANY = r"(?<![\d.,:#])(?:[1-9]\d{0,2}(?:[.,  ]000)+|[1-9]\d{0,2}[.,]\d{3}|(?!19\d\d\b|20\d\d\b)[1-9]\d{3,})\b(?! ?(?:ms|px|bytes?|%))"


def said(pattern: str, *answers: tuple[Question, bool | Length], takes: bool = False, special: Special | None = None) -> Cue:
    """Return a cue whose words answer by themselves."""
    return Cue(pattern, answers, special, takes=takes)


def implied(pattern: str, *answers: tuple[Question, bool | Length], takes: bool = False) -> Cue:
    """Return a cue whose words name work that usually is so."""
    return Cue(pattern, answers, is_said=False, takes=takes)


def marks(pattern: str, weight: int) -> Cue:
    """Return a cue that speaks of an order of steps; at `describe.ENOUGH` together they are several."""
    return Cue(pattern, weight=weight)
