"""Takes a description apart: clauses, and what each of them is by its form.

A cue knows words; a form knows who acts. "A tenant leaves the platform and wants all of its data" has no word of any lexicon, and yet tells
of somebody else who acts. What that speaks for is said in `leanings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from mainspring.advisor.advise.cues.forms import FORMS, Forms
from mainspring.advisor.advise.cues.lexicon import compiled

_STOPS = re.compile(r"\s*([;!?()\"„”“»«→]|[.,:](?=\s|$)|\s[–—-]\s|\s->\s)\s*")  # none between digits, nor in names of files
_MOST = 200  # clauses: nobody describes a piece of work by more, and each is held against all others
_ENDS = frozenset(".!?:")
_CONDITIONAL = frozenset((",", ""))  # a verb in front makes a condition of what a main clause follows, and a question of the rest


class Part(StrEnum):
    """What a clause is for."""

    OCCASION = "occasion"  # under another clause: somebody or something else acts, or has acted
    DEED = "deed"  # a clause of its own in which somebody else acts
    BEARER = "bearer"  # a thing of ours that goes on by itself, or an act that never ends
    ACT = "act"  # what is to be done, and anything else


class Sense(StrEnum):
    """What else a clause is."""

    TITLE = "title"  # it stands before a colon
    RELATIVE = "relative"  # it is about a thing of the clause before
    UNDO = "undo"  # it takes back what others have done
    REMOVAL = "removal"  # it throws away
    SMALL = "small"  # it names an operation that takes no time
    AT_HAND = "at-hand"  # it is done to parts of a page, a text, a request


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause, what it is by its form, and the number of its sentence."""

    words: str
    part: Part
    sentence: int = 0
    senses: frozenset[Sense] = frozenset()

    def is_act(self, sense: Sense) -> bool:
        """Say whether it is something to be done, of that sort."""
        return self.part is Part.ACT and sense in self.senses


def clauses(text: str, language: str) -> tuple[Clause, ...]:
    """Return the clauses of a text in their order, the first `_MOST` of them."""
    forms, found, sentence, is_joined = FORMS[language], list[Clause](), 0, False
    for words, stop in islice(_split(text, forms), _MOST):
        part = _part(words, stop, forms, is_first=not found or Sense.TITLE in found[-1].senses)
        if part is Part.DEED and is_joined and found[-1].part is Part.OCCASION:
            part = Part.OCCASION  # "as soon as the bus arrives and the host taps": what is joined to an occasion belongs to it
        found.append(Clause(words, part, sentence, frozenset(_senses(words, stop, forms))))
        is_joined, sentence = not stop, sentence + (stop in _ENDS)
    return tuple(found)


def _split(text: str, forms: Forms) -> Iterator[tuple[str, str]]:
    """Yield the words of each clause and the stop behind them, empty where a word joins it to the next.

    A clause has at least one word besides those that begin it.
    """
    pieces = [*_STOPS.split(text), ""]
    first, joins = compiled(rf"^(?:(?:{forms.joins})\s+)+"), compiled(rf"\s+(?:(?:{forms.joins})\s+)+|\s+(?=(?:{forms.under})\s)")
    alone = compiled(forms.under)
    for piece, stop in zip(pieces[::2], pieces[1::2], strict=True):
        begun, joined = "", joins.split(first.sub("", piece))
        for place, words in enumerate(joined, 1):
            whole = f"{begun} {words}".strip()
            begun = whole if alone.fullmatch(whole) else ""
            if whole and not begun:
                yield whole, stop.strip() if place == len(joined) else ""


def _part(words: str, stop: str, forms: Forms, *, is_first: bool) -> Part:
    def has(*patterns: str) -> bool:
        return any(compiled(each).search(words) for each in patterns)

    if has(forms.nobody):
        return Part.ACT
    if has(*forms.lasts) or (is_first and has(*forms.bearer)):
        return Part.BEARER
    if has(forms.door):
        return Part.OCCASION
    if stop != ":" and has(forms.keeps) and has(forms.source):
        return Part.BEARER
    if has(*forms.occasion) or (stop in _CONDITIONAL and has(*forms.inverted)) or (stop == ":" and has(*forms.request)):
        return Part.OCCASION
    return Part.DEED if has(*forms.deed) or any(re.search(each, words) for each in forms.cased) else Part.ACT


def _senses(words: str, stop: str, forms: Forms) -> Iterator[Sense]:
    if stop == ":":
        yield Sense.TITLE
    patterns = ((Sense.RELATIVE, forms.relative), (Sense.UNDO, forms.undo), (Sense.REMOVAL, forms.removal))
    yield from (sense for sense, pattern in patterns if compiled(pattern).search(words))
    if compiled(forms.reaches).search(words) is None:
        is_at_hand = compiled(forms.matter).search(words) is not None
        if compiled(forms.small).search(words) or (is_at_hand and compiled(forms.makes).search(words)):
            yield Sense.SMALL
            yield from (Sense.AT_HAND,) if is_at_hand else ()
