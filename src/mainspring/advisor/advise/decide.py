"""The decision table: from answers to one kind. Pure, total, and the only place that knows which kind fits what.

==  ============================================================================  ========  ====================================
 1  several steps that depend on each other, and must survive or may be retried    workflow  started by a schedule when it recurs
 2  never ends, and nobody asks for each one                                       side      none where nothing shared is lost
 3  comes back by the clock, and nobody asks for each one                          cron      none: a refresh of the process's own
 4  belongs to one open connection, and is worth nothing without it                none      bound to the stream
 5  less than a second, no other system, nobody asks later, no retry               none      in the transaction if it must last
 6  up to five seconds, and need not survive, be polled or retried                 none      awaited, with a timeout
 7  everything else; an event asks as a person does                                adhoc
==  ============================================================================  ========  ====================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from mainspring.advisor.advise.answers import NO, YES, Answers, Length, Question
from mainspring.advisor.finding import Kind


class Rule(StrEnum):
    """The rows of the table."""

    STEPS = "steps"
    SERVICE = "service"
    OWN_LOOP = "own-loop"
    CLOCK = "clock"
    OWN_REFRESH = "own-refresh"
    STREAM = "stream"
    INSTANT = "instant"
    SHORT = "short"
    ON_DEMAND = "on-demand"


KIND_OF = {
    Rule.STEPS: Kind.WORKFLOW, Rule.SERVICE: Kind.SIDE, Rule.OWN_LOOP: Kind.NONE, Rule.CLOCK: Kind.CRON, Rule.OWN_REFRESH: Kind.NONE,
    Rule.STREAM: Kind.NONE, Rule.INSTANT: Kind.NONE, Rule.SHORT: Kind.NONE, Rule.ON_DEMAND: Kind.ADHOC,
}  # fmt: skip
_LENGTHS = tuple(Length)
_BOTH = (YES, NO)


@dataclass(frozen=True, slots=True)
class Decided:
    """What the table says. ``by`` are the questions whose answers led to it, the weightiest first."""

    rule: Rule
    by: tuple[Question, ...]

    @property
    def kind(self) -> Kind:
        """The kind that belongs to the row."""
        return KIND_OF[self.rule]


@dataclass(frozen=True, slots=True)
class Case:
    """A piece of work of which everything is known."""

    user: bool
    clock: bool
    length: Length
    survive: bool
    retried: bool
    polled: bool
    network: bool
    steps: bool
    stream: bool


def decide(case: Case) -> Rule:
    """Return the first row of the table that fits."""
    lasts = case.survive or case.retried
    if case.steps and lasts:
        return Rule.STEPS
    if case.length is Length.FOREVER and not case.user:
        return Rule.SERVICE if case.survive else Rule.OWN_LOOP
    if case.clock and not case.user:
        return Rule.OWN_REFRESH if case.length is Length.INSTANT and not lasts else Rule.CLOCK
    if case.stream and not (lasts or case.polled):
        return Rule.STREAM
    if case.length is Length.INSTANT and not (case.network or case.retried or case.polled):
        return Rule.INSTANT
    if case.length in (Length.INSTANT, Length.SHORT) and not (lasts or case.polled):
        return Rule.SHORT
    return Rule.ON_DEMAND


_BY = {
    Rule.STEPS: (Question.MULTI_STEP, Question.SURVIVE, Question.RETRIED),
    Rule.SERVICE: (Question.DURATION, Question.SURVIVE, Question.USER_TRIGGERED),
    Rule.OWN_LOOP: (Question.DURATION, Question.SURVIVE),
    Rule.CLOCK: (
        Question.RECURRING, Question.SCHEDULE, Question.HOUSEKEEPING, Question.USER_TRIGGERED, Question.DURATION, Question.SURVIVE,
    ),
    Rule.OWN_REFRESH: (Question.RECURRING, Question.DURATION, Question.SURVIVE),
    Rule.STREAM: (Question.STREAM, Question.SURVIVE),
    Rule.INSTANT: (Question.DURATION, Question.SURVIVE, Question.NETWORK),
    Rule.SHORT: (Question.DURATION, Question.SURVIVE, Question.RETRIED, Question.POLLED),
    Rule.ON_DEMAND: (
        Question.USER_TRIGGERED, Question.DURATION, Question.SURVIVE, Question.RETRIED, Question.POLLED, Question.NETWORK,
        Question.RECURRING, Question.SCHEDULE,
    ),
}  # fmt: skip


def decided(answers: Answers) -> Decided | None:
    """Return what the table says whatever is still open; None where that matters."""
    rules = {decide(case) for case in cases(answers)}
    if len({KIND_OF[rule] for rule in rules}) > 1:
        return None
    rule = next(each for each in Rule if each in rules)
    return Decided(rule, tuple(question for question in _BY[rule] if answers[question] is not None))


def kinds(answers: Answers) -> tuple[Kind, ...]:
    """Return the kinds that are still possible, in the order of their names in `Kind`."""
    found = {KIND_OF[decide(case)] for case in cases(answers)}
    return tuple(kind for kind in Kind if kind in found)


def cases(answers: Answers) -> Iterator[Case]:
    """Yield every complete case that the answers leave possible."""
    known = (
        answers[Question.USER_TRIGGERED], by_clock(answers), answers[Question.DURATION], answers[Question.SURVIVE],
        answers[Question.RETRIED], answers[Question.POLLED], answers[Question.NETWORK], answers[Question.MULTI_STEP],
        answers[Question.STREAM],
    )  # fmt: skip
    choices = [(value,) if value is not None else _LENGTHS if place == 2 else _BOTH for place, value in enumerate(known)]
    for values in product(*choices):
        yield Case(*values)  # type: ignore[arg-type]  # product forgets what stands in which place


def by_clock(answers: Answers) -> bool | None:
    """Say whether a clock starts it: it recurs, a time is named, or it is housekeeping that nobody has asked for."""
    told = [answers[each] for each in (Question.RECURRING, Question.SCHEDULE)]
    if answers[Question.USER_TRIGGERED] is not YES:
        told.append(answers[Question.HOUSEKEEPING])
    if YES in told:
        return YES
    # Who says that it does not recur and names no time has answered what the clock is asked for.
    return NO if answers[Question.RECURRING] is NO else None


@dataclass(frozen=True, slots=True)
class Open:
    """A question whose answer changes the kind, and the kinds that each answer leaves."""

    question: Question
    leads: tuple[tuple[bool | Length, tuple[Kind, ...]], ...]


def open_questions(answers: Answers) -> list[Open]:
    """Return the open questions that matter, in the order in which they are to be asked."""
    found = []
    for question in Question:
        if answers[question] is not None or question in (Question.SCHEDULE, Question.HOUSEKEEPING):
            continue  # these two lead where `RECURRING` does, which is the plainer question
        values: tuple[bool | Length, ...] = _LENGTHS if question is Question.DURATION else _BOTH
        # It matters where another answer changes the kind of any case that is still possible, and not only what is possible at all.
        told = [[KIND_OF[decide(case)] for case in cases(answers.given(question, value))] for value in values]
        if any(other != told[0] for other in told[1:]):
            leads = tuple((value, tuple(kind for kind in Kind if kind in each)) for value, each in zip(values, told, strict=True))
            found.append(Open(question, leads))
    return found
