"""What the form of a description speaks for, where no cue says how the work begins, or what it is.

Whoever acts in a clause asks for the work. A thing that goes on is asked for by nobody. What others do between our acts makes steps of
them. What is left when nothing happens, no time is named and no thing goes on, is an act that its caller does at once. All of this is
weaker than any cue, and is said to be assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mainspring.advisor.advise.answers import NO, YES, Answers, Length, Question, length_of
from mainspring.advisor.advise.clauses import Clause, Part, Sense
from mainspring.advisor.advise.decide import by_clock

_FEWEST = 2  # words from which a form can be read: one alone is a name
_LISTED = 4  # things that stand behind a title are its steps; fewer may be its parts
_QUOTED = 3  # clauses that stand for all: an answer quotes what it rests on, and not the whole text
_DAY = 86_400.0  # no work is said to take days in passing: so many are an age, a limit or a period
_EVENTS = (Part.OCCASION, Part.DEED)
_HEAVY = (Question.SURVIVE, Question.RETRIED, Question.POLLED, Question.NETWORK, Question.MULTI_STEP, Question.STREAM)


@dataclass(frozen=True, slots=True)
class Leaning:
    """An answer that the form of a text speaks for, and the words whose form it is."""

    question: Question
    value: bool | Length
    words: str


def leanings(
    parts: Sequence[Clause], answers: Answers, amounts: Sequence[tuple[float, str]] = (), *, has_shape: bool = False
) -> tuple[Leaning, ...]:
    """Return what the forms say of questions that are open; what a cue has answered stays as it is.

    ``amounts`` are times that the text names, in seconds and words. ``has_shape``: the text has a shape that has advice of its own, as a
    delay; then nothing is taken for a mere call.
    """
    if sum(len(each.words.split()) for each in parts) < _FEWEST:
        return ()
    found = (*_steps(parts, answers), *_beginning(parts, answers))
    if has_shape:
        return found
    found += tuple(_amount(amounts, answers, found))
    return (*found, *_at_once(parts, answers, found))


def _quoted(parts: Sequence[Clause]) -> str:
    return ", ".join(each.words for each in parts[:_QUOTED]) + (" …" if len(parts) > _QUOTED else "")


def _steps(parts: Sequence[Clause], answers: Answers) -> Iterator[Leaning]:
    """Acts of ours with a deed of others between them, a title with the list of what belongs to it, an act that takes back others."""
    if answers[Question.MULTI_STEP] is not None or by_clock(answers) is YES or answers[Question.DURATION] is Length.FOREVER:
        return
    title = next((place for place, each in enumerate(parts) if Sense.TITLE in each.senses), None)
    listed = parts if title is None else [each for each in parts if each.sentence == parts[title].sentence + 1]
    is_shared = any(_is_between(listed, place, is_titled=title is not None) for place in range(len(listed)))
    is_listed = title is not None and len(listed) >= _LISTED
    is_undone = any(_is_undone(parts, place) for place in range(len(parts)))
    if is_shared or is_listed or is_undone:
        yield Leaning(Question.MULTI_STEP, YES, _quoted(listed))


def _is_between(parts: Sequence[Clause], place: int, *, is_titled: bool) -> bool:
    """Whether somebody else acts there after what we have done, or what a title speaks of, and before what we do then."""
    here = parts[place]
    ours = [each.part is Part.ACT and each.sentence == here.sentence for each in parts]
    return here.part is Part.DEED and (is_titled or any(ours[:place])) and any(ours[place + 1 :]) and len(parts) > _FEWEST


def _is_undone(parts: Sequence[Clause], place: int) -> bool:
    """Whether what we have done before is taken back there, on some occasion."""
    on_occasion = any(each.part is Part.OCCASION for each in parts[max(0, place - 1) : place + 1])
    return Sense.UNDO in parts[place].senses and on_occasion and any(each.part is Part.ACT for each in parts[: max(0, place - 1)])


def _beginning(parts: Sequence[Clause], answers: Answers) -> Iterator[Leaning]:
    """Whoever acts in a clause asks for the work; what goes on, and what throws away whatever is in some state, is asked for by nobody."""
    if answers[Question.USER_TRIGGERED] is not None or answers[Question.STREAM] is YES or answers[Question.DURATION] is Length.FOREVER:
        return
    if not _has_clock(answers) and (bearer := next((each for each in parts if each.part is Part.BEARER), None)):
        yield Leaning(Question.DURATION, Length.FOREVER, bearer.words)
        yield Leaning(Question.USER_TRIGGERED, NO, bearer.words)
    elif by_clock(answers) is YES:
        return
    elif act := _thrown_away(parts):
        yield Leaning(Question.RECURRING, YES, act.words)
    elif event := next((each for each in parts if each.part in _EVENTS), None):
        yield Leaning(Question.USER_TRIGGERED, YES, event.words)


def _has_clock(answers: Answers) -> bool:
    """Whether a time is named, and not only work that usually comes back."""
    known = [answers.known.get(each) for each in (Question.RECURRING, Question.SCHEDULE)]
    return any(each is not None and each.value is YES and each.is_said for each in known)


def _begins(answers: Answers) -> bool:
    return answers[Question.USER_TRIGGERED] is not None or by_clock(answers) is YES


def _thrown_away(parts: Sequence[Clause]) -> Clause | None:
    """Return an act that throws away whatever is in some state: "sessions that are dead"."""
    return next((act for act, state in pairwise(parts) if act.is_act(Sense.REMOVAL) and state.is_act(Sense.RELATIVE)), None)


def _amount(amounts: Sequence[tuple[float, str]], answers: Answers, found: Sequence[Leaning]) -> Iterator[Leaning]:
    """A time that is named in passing: days are an age that a clock has to look for, minutes are how long it takes."""
    is_open = answers[Question.DURATION] is None and not any(each.question is Question.DURATION for each in found)
    if not amounts or not is_open or by_clock(answers) is YES:
        return
    seconds, words = max(amounts)
    if seconds < _DAY and length_of(seconds) is Length.LONG:
        yield Leaning(Question.DURATION, length_of(seconds), words)
    elif seconds >= _DAY and not (found or _begins(answers)):
        yield Leaning(Question.RECURRING, YES, words)


def _at_once(parts: Sequence[Clause], answers: Answers, found: Sequence[Leaning]) -> Iterator[Leaning]:
    """An act of which nothing is known that would make more of it than a call: small by its word, or begun by nobody and no clock."""
    told = {each.question for each in found}
    if answers[Question.DURATION] is not None or by_clock(answers) is YES or told - {Question.USER_TRIGGERED}:
        return
    if any(answers[each] is YES for each in _HEAVY):
        return
    acts = [each for each in parts if (each.part is Part.ACT and Sense.RELATIVE not in each.senses) or Sense.SMALL in each.senses]
    if not (told or _begins(answers)) or (acts and all(Sense.SMALL in each.senses for each in acts)):
        words = _quoted(acts or parts)
        yield Leaning(Question.DURATION, Length.INSTANT, words)
        yield Leaning(Question.NETWORK, NO, words)
