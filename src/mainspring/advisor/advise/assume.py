"""What may be taken for granted, aloud, and what has to be asked.

A description says what is special and leaves out what is not: who describes one effect means one step. Such an absence is assumed and told
(`Assumption`), with the kind that would be right if it were otherwise. What is usually said and was not, as how the work begins, is asked:
then the kind that comes with the questions is provisional. Whoever answers by flags is asked for everything that changes the kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mainspring.advisor.advise.answers import NO, YES, Answers, Length, Question
from mainspring.advisor.advise.decide import Open, by_clock, kinds, open_questions
from mainspring.advisor.finding import Kind

HEARD = "heard"  # the code of what is understood from the sort of work that is named


@dataclass(frozen=True, slots=True)
class Assumption:
    """An answer that nobody gave. ``why`` is a code; ``otherwise`` are the kinds that another answer would have led to.

    ``words`` are those of the text that name a sort of work of which the answer is usually true; empty where the text says nothing.
    """

    question: Question
    value: bool | Length
    why: str
    otherwise: tuple[Kind, ...]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Assumed:
    """Answers with everything assumed, what of that matters, and what is to be asked first. Open: the kind is provisional."""

    answers: Answers
    assumptions: tuple[Assumption, ...]
    questions: tuple[Open, ...]
    is_hopeless: bool = False  # nothing at all is known of how it begins or of what it does: any kind would be a guess

    @property
    def is_open(self) -> bool:
        """Whether somebody has to answer before the kind is more than provisional."""
        return bool(self.questions)


def assumed(answers: Answers, *, is_text: bool, conflicts: Iterable[Question] = ()) -> Assumed:
    """Return the answers with what may be assumed. ``is_text``: they come from a description and not from flags alone."""
    disputed = frozenset(conflicts)
    spoken = _spoken(answers) if is_text else _silent(answers)
    stated = _filled(answers, [each for each in spoken if each[0] not in disputed])
    questions = tuple(open_questions(stated))
    whole = _filled(stated, _guesses(stated))
    reasons = {question: why for question, _, why in (*spoken, *_guesses(stated))}
    assumptions = []
    for question, known in whole.known.items():
        given = answers.known.get(question)
        if given is not None and (given.is_said or not is_text):
            continue
        others: tuple[bool | Length, ...] = tuple(Length) if question is Question.DURATION else (YES, NO)
        ways = [kinds(whole.given(question, other)) for other in others if other is not known.value]
        otherwise = tuple(dict.fromkeys(kind for way in ways for kind in way if kind not in kinds(whole)))
        if otherwise:
            why = reasons[question] if given is None else HEARD
            assumptions.append(Assumption(question, known.value, why, otherwise, "" if given is None else given.because))
    return Assumed(whole, tuple(assumptions), questions, is_hopeless=not answers.known)


_Guess = tuple[Question, bool | Length, str]


def _silent(answers: Answers) -> list[_Guess]:
    """What a person who answers by flags means by leaving it out: two things that they would have said."""
    return [(Question.MULTI_STEP, NO, "one-step"), (Question.STREAM, NO, "no-stream")]


def _spoken(answers: Answers) -> list[_Guess]:
    """What a description means by not saying it."""
    user, clock, length = answers[Question.USER_TRIGGERED], by_clock(answers), answers[Question.DURATION]
    found = list[_Guess]()
    if user is None and (clock is YES or length is Length.FOREVER):
        found.append((Question.USER_TRIGGERED, NO, "by-itself"))
    if clock is None and (user is YES or length is Length.FOREVER):
        found.append((Question.RECURRING, NO, "no-rhythm"))
    found += _silent(answers)
    found += [(Question.POLLED, NO, "nobody-looks"), (Question.NETWORK, NO, "no-other-system")]
    steps, retried = answers[Question.MULTI_STEP], answers[Question.RETRIED]
    if answers[Question.STREAM] is YES and retried is not YES:
        found += [(Question.SURVIVE, NO, "bound"), (Question.RETRIED, NO, "bound"), (Question.RECURRING, NO, "no-rhythm")]
    elif steps is YES or length is Length.FOREVER or clock is YES:
        found.append((Question.SURVIVE, YES, "shared"))
    elif length in (Length.INSTANT, Length.SHORT) and retried is not YES:
        found.append((Question.SURVIVE, NO, "cheap"))
    elif length is Length.LONG or retried is YES:
        found.append((Question.SURVIVE, YES, "worth-keeping"))
    found.append((Question.RETRIED, NO, "may-fail-for-good"))
    if clock is YES or retried is YES or answers[Question.SURVIVE] is YES or answers[Question.POLLED] is YES:
        found.append((Question.DURATION, Length.LONG, "may-take-long"))
    return found


def _guesses(answers: Answers) -> list[_Guess]:
    """The safe side of what is to be asked: durable, and for whoever asks."""
    found = list[_Guess]()
    clock, user = by_clock(answers), answers[Question.USER_TRIGGERED]
    found.append((Question.USER_TRIGGERED, NO if clock is YES else YES, "asked-for" if clock is not YES else "by-itself"))
    if clock is None:
        found.append((Question.RECURRING, user is NO, "no-rhythm" if user is not NO else "by-itself"))
    found += [
        (Question.DURATION, Length.LONG, "may-take-long"), (Question.SURVIVE, YES, "worth-keeping"),
        (Question.RETRIED, NO, "may-fail-for-good"),
        (Question.POLLED, NO, "nobody-looks"), (Question.NETWORK, NO, "no-other-system"), (Question.MULTI_STEP, NO, "one-step"),
        (Question.STREAM, NO, "no-stream"),
    ]  # fmt: skip
    return found


def _filled(answers: Answers, guesses: Iterable[_Guess]) -> Answers:
    for question, value, why in guesses:
        if answers[question] is None:
            answers = answers.given(question, value, why, is_said=False)
    return answers
