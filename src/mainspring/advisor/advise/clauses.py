"""Takes a description apart: clauses, and what each of them is by its form. Read where no cue says how the work begins, or what it is.

A cue knows words; a form knows who acts. "A tenant leaves the platform and wants all of its data" has no word of any lexicon, and yet tells
of somebody else who acts: an event. What is left of a description when nothing happens in it, no time is named and no thing goes on, is an
act that its caller does at once. All of this is weaker than any cue, and is said to be assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mainspring.advisor.advise.answers import NO, YES, Answers, Length, Question
from mainspring.advisor.advise.cues.forms import FORMS, Forms
from mainspring.advisor.advise.cues.lexicon import compiled
from mainspring.advisor.advise.decide import by_clock

_STOPS = re.compile(r"\s*([;!?()\"„”“»«→]|[.,:](?=\s|$)|\s[–—-]\s|\s->\s)\s*")  # none between digits, nor in names of files
_ENDS = frozenset(".!?:")
_FEWEST = 2  # words from which a form can be read: one alone is a name
_LISTED = 4  # things that stand behind a title are its steps; fewer may be its parts
_HEAVY = (Question.SURVIVE, Question.RETRIED, Question.POLLED, Question.NETWORK, Question.MULTI_STEP, Question.STREAM)


class Part(StrEnum):
    """What a clause is for."""

    OCCASION = "occasion"  # under another clause: somebody or something else acts, or has acted
    DEED = "deed"  # a clause of its own in which somebody else acts
    BEARER = "bearer"  # a thing of ours that goes on by itself
    TITLE = "title"  # what stands before a colon
    ACT = "act"  # what is to be done, and anything else


_EVENTS = (Part.OCCASION, Part.DEED)


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause, and what it is by its form. ``sentence`` is the number of its sentence; ``undoes``: it takes back what others have done; ``is_small``: it names
    an operation that takes no time; ``removes``: one that throws away. ``is_relative``: it is about a thing of the clause before.
    """

    words: str
    part: Part
    sentence: int = 0
    undoes: bool = False
    is_small: bool = False
    removes: bool = False
    is_relative: bool = False


@dataclass(frozen=True, slots=True)
class Leaning:
    """What the form of a text speaks for: an answer, and the words whose form it is."""

    question: Question
    value: bool | Length
    words: str


def clauses(text: str, language: str) -> tuple[Clause, ...]:
    """Return the clauses of a text in their order."""
    forms, found, sentence, is_joined = FORMS[language], list[Clause](), 0, False
    for words, stop in _split(text, forms):
        part = _part(words, stop, forms)
        if part is Part.DEED and is_joined and found[-1].part is Part.OCCASION:
            part = Part.OCCASION  # "as soon as the bus arrives and the host taps": what is joined to an occasion belongs to it
        is_joined = not stop
        acts = [part is Part.ACT and compiled(each).search(words) is not None for each in (forms.undo, forms.small, forms.removes)]
        found.append(Clause(words, part, sentence, *acts, compiled(forms.relative).search(words) is not None))
        sentence += stop in _ENDS
    return tuple(found)


def leanings(parts: Sequence[Clause], answers: Answers, *, has_shape: bool = False) -> tuple[Leaning, ...]:
    """Return what the forms say of questions that are open; what a cue has answered stays as it is.

    ``has_shape``: the text has a shape that has advice of its own, as a delay; then nothing is taken for a mere call.
    """
    if sum(len(each.words.split()) for each in parts) < _FEWEST:
        return ()
    found = [*_steps(parts, answers), *_beginning(parts, answers)]
    return tuple(found) if has_shape else (*found, *_at_once(parts, answers, found))


def _steps(parts: Sequence[Clause], answers: Answers) -> Iterator[Leaning]:
    """Acts of ours with a deed of others between them, a title with the list of what belongs to it, an act that takes back others."""
    if answers[Question.MULTI_STEP] is not None or by_clock(answers) is YES or answers[Question.DURATION] is Length.FOREVER:
        return
    kinds = [each.part for each in parts]
    is_titled = Part.TITLE in kinds
    listed = parts[kinds.index(Part.TITLE) + 1 :] if is_titled else parts
    undone = [place for place, each in enumerate(parts) if each.undoes and place > 1 and parts[place - 1].part is Part.OCCASION]
    if any(_is_between(listed, place, is_titled=is_titled) for place in range(len(listed))) or (is_titled and len(listed) >= _LISTED) or undone:
        yield Leaning(Question.MULTI_STEP, YES, ", ".join(each.words for each in listed))


def _is_between(parts: Sequence[Clause], place: int, *, is_titled: bool) -> bool:
    """Whether somebody else acts there after what we have done, or what a title speaks of, and before what we do then."""
    here = parts[place]
    around = [each.part is Part.ACT and each.sentence == here.sentence for each in parts]
    return here.part is Part.DEED and (is_titled or any(around[:place])) and any(around[place + 1 :]) and len(parts) > _FEWEST


def _throws_away(parts: Sequence[Clause]) -> Clause | None:
    """Return an act that throws away whatever is in some state ("sessions that are dead"): nobody asks for that."""
    pairs = zip(parts, parts[1:], strict=False)
    return next((act for act, state in pairs if act.removes and state.part is Part.ACT and state.is_relative), None)


def _beginning(parts: Sequence[Clause], answers: Answers) -> Iterator[Leaning]:
    """Whoever acts in a clause asks for the work; a thing that goes on is asked for by nobody."""
    is_told = answers[Question.USER_TRIGGERED] is not None or by_clock(answers) is YES
    if is_told or answers[Question.STREAM] is YES or answers[Question.DURATION] is Length.FOREVER:
        return
    if bearer := next((each for each in parts if each.part is Part.BEARER), None):
        yield Leaning(Question.DURATION, Length.FOREVER, bearer.words)
        yield Leaning(Question.USER_TRIGGERED, NO, bearer.words)
    elif act := _throws_away(parts):
        yield Leaning(Question.RECURRING, YES, act.words)
    elif event := next((each for each in parts if each.part in _EVENTS), None):
        yield Leaning(Question.USER_TRIGGERED, YES, event.words)


def _at_once(parts: Sequence[Clause], answers: Answers, found: Sequence[Leaning]) -> Iterator[Leaning]:
    """An act of which nothing is known that would make more of it than a call: small by its word, or nobody asks for it and no clock does."""
    if answers[Question.DURATION] is not None or any(answers[each] is YES for each in _HEAVY) or by_clock(answers) is YES:
        return
    told = {each.question for each in found}
    begins = answers[Question.USER_TRIGGERED] is not None or bool(told)
    if told & {Question.MULTI_STEP, Question.DURATION}:
        return
    acts = [each for each in parts if each.part is Part.ACT]
    if not begins or (acts and all(each.is_small for each in acts)):
        words = ", ".join(each.words for each in acts or parts)
        yield Leaning(Question.DURATION, Length.INSTANT, words)
        yield Leaning(Question.NETWORK, NO, words)


def _split(text: str, forms: Forms) -> Iterator[tuple[str, str]]:
    """Yield the words of each clause and the stop behind them, empty where a word joins it to the next. A clause has at least one word besides the one that begins it."""
    pieces = [*_STOPS.split(text), ""]
    first, joins = compiled(rf"^(?:(?:{forms.joins})\s+)+"), compiled(rf"\s+(?:(?:{forms.joins})\s+)+|\s+(?=(?:{forms.under})\s)")
    alone = compiled(forms.under)
    for piece, stop in zip(pieces[::2], pieces[1::2], strict=True):
        begun, joined = "", joins.split(first.sub("", piece))
        for place, words in enumerate(joined, 1):
            whole = f"{begun} {words}".strip()
            begun = whole if alone.fullmatch(whole) else ""
            if whole and not begun:
                yield whole, stop if place == len(joined) else ""


def _part(words: str, stop: str, forms: Forms) -> Part:
    def has(*patterns: str) -> bool:
        return any(compiled(each).search(words) for each in patterns)

    is_title = stop == ":"
    if has(forms.nobody):
        return Part.TITLE if is_title else Part.ACT
    if has(*forms.bearer):
        return Part.BEARER
    if has(forms.door, *forms.occasion):
        return Part.OCCASION
    if not is_title and has(forms.lasting) and has(forms.source):
        return Part.BEARER
    if has(*forms.deed) or any(re.search(each, words) for each in forms.cased):
        return Part.DEED
    return Part.TITLE if is_title else Part.ACT
