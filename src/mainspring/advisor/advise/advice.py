"""The advice: from answers and versions to one value that a face makes words of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mainspring.advisor.advise.answers import NO, NOTHING, YES, Answers, Known, Length, Question
from mainspring.advisor.advise.assume import Assumed, Assumption, assumed
from mainspring.advisor.advise.checklist import Item, checklist, features_of
from mainspring.advisor.advise.cues.lexicon import Special
from mainspring.advisor.advise.decide import KIND_OF, Decided, Open, Rule, decided
from mainspring.advisor.advise.describe import Description
from mainspring.advisor.advise.gates import Gate, passage
from mainspring.advisor.features import Feature
from mainspring.advisor.finding import Kind
from mainspring.advisor.versions import Versions


@dataclass(frozen=True, slots=True)
class Reason:
    """An answer that led to the kind, and what says so: words of the text, a flag; empty where it was assumed."""

    question: Question
    value: bool | Length
    because: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Everything that is to be said. ``kind`` is None only where nothing is known that could decide.

    ``questions`` are open and would change the kind, which is provisional then. ``refused`` is the feature that the kind cannot do without
    and that is not installed; ``fallback`` the kind to take meanwhile. ``rejected`` are other kinds with the code of their text.
    """

    kind: Kind | None
    decided: Decided | None
    reasons: tuple[Reason, ...]
    rejected: tuple[tuple[Kind, str], ...]
    assumptions: tuple[Assumption, ...]
    questions: tuple[Open, ...]
    conflicts: tuple[tuple[Question, tuple[str, ...]], ...]
    specials: tuple[tuple[Special, str], ...]
    gates: tuple[Gate, ...]
    refused: Feature | None
    fallback: Kind | None
    losses: tuple[str, ...]
    checklist: tuple[Item, ...]
    versions: Versions
    answers: Answers

    @property
    def is_settled(self) -> bool:
        """Whether nobody has to answer anything before this holds."""
        return self.kind is not None and not self.questions


def advise(
    answers: Answers = NOTHING, versions: Versions | None = None, *, description: Description | None = None, name: str = "task_name"
) -> Advice:
    """Return the advice for answers, a description, or both; answers win over what a description says. Unknown versions stay unknown."""
    known = versions if versions is not None else Versions()
    conflicts: tuple[tuple[Question, tuple[str, ...]], ...] = ()
    specials: tuple[tuple[Special, str], ...] = ()
    said = answers
    if description is not None:
        said = answers.over(description.answers)
        conflicts = tuple(each for each in description.conflicts if answers[each[0]] is None)
        specials = description.specials
    whole = assumed(said, is_text=description is not None, conflicts=[question for question, _ in conflicts])
    # Whoever wants to build a queue of their own has said what it is for: work that is asked for.
    is_hopeless = whole.is_hopeless and not specials
    found = None if is_hopeless else decided(whole.answers)
    if found is None:
        return Advice(None, None, (), (), (), whole.questions, conflicts, specials, (), None, None, (), (), known, said)
    kind, shapes = found.kind, [which for which, _ in specials]
    text, language = (description.text, description.language) if description is not None else ("", "en")
    items = checklist(kind, whole.answers, shapes, name=name, text=text, language=language)
    passed = passage(kind, known, features_of(items))
    return Advice(
        kind=kind, decided=found, reasons=_reasons(found, said, whole), rejected=tuple(_rejected(found.rule, whole.answers, shapes)),
        assumptions=whole.assumptions, questions=whole.questions, conflicts=conflicts, specials=specials, gates=passed.gates,
        refused=passed.refused, fallback=None if passed.refused is None else passed.refused.fallback,
        losses=() if passed.refused is None else passed.refused.losses, checklist=items, versions=known, answers=said,
    )  # fmt: skip


def of_finding(code: str, kind: Kind) -> Answers:
    """Return what a finding of the checker says of the work behind it."""
    said: dict[Kind, tuple[tuple[Question, bool | Length], ...]] = {
        Kind.ADHOC: ((Question.USER_TRIGGERED, YES), (Question.RECURRING, NO), (Question.SURVIVE, YES), (Question.DURATION, Length.LONG)),
        Kind.CRON: ((Question.RECURRING, YES), (Question.USER_TRIGGERED, NO), (Question.SURVIVE, YES)),
        Kind.SIDE: ((Question.DURATION, Length.FOREVER), (Question.USER_TRIGGERED, NO), (Question.SURVIVE, YES), (Question.RECURRING, NO)),
        Kind.WORKFLOW: ((Question.MULTI_STEP, YES), (Question.SURVIVE, YES), (Question.USER_TRIGGERED, YES), (Question.RECURRING, NO)),
        Kind.NONE: ((Question.DURATION, Length.INSTANT), (Question.SURVIVE, NO), (Question.RETRIED, NO), (Question.POLLED, NO),
                    (Question.USER_TRIGGERED, YES), (Question.RECURRING, NO), (Question.NETWORK, NO)),
    }  # fmt: skip
    return Answers({question: Known(value, code) for question, value in said[kind]})


def _reasons(found: Decided, said: Answers, whole: Assumed) -> tuple[Reason, ...]:
    reasons = []
    for question in found.by:
        given = said.known.get(question)
        value = whole.answers[question]
        if value is None or (given is None and not any(each.question is question for each in whole.assumptions)):
            continue
        if _speaks_for(found.kind, question, value):
            reasons.append(Reason(question, value, "" if given is None else given.because))
    return tuple(reasons)


def _speaks_for(kind: Kind, question: Question, value: bool | Length) -> bool:
    """Whether an answer is a reason for a kind, and not merely none against it."""
    if question is Question.DURATION:
        return kind in (Kind.NONE, Kind.SIDE) or (kind is Kind.ADHOC and value is Length.LONG)
    if kind is Kind.NONE:
        return (value is NO) != (question in (Question.STREAM, Question.RECURRING))
    if question is Question.USER_TRIGGERED:
        return (value is YES) == (kind in (Kind.ADHOC, Kind.WORKFLOW))
    return value is YES


_INSTEAD = {
    Kind.CRON: (Kind.ADHOC, Kind.SIDE, Kind.NONE), Kind.SIDE: (Kind.CRON, Kind.NONE), Kind.WORKFLOW: (Kind.ADHOC, Kind.CRON),
}  # fmt: skip


def _rejected(rule: Rule, answers: Answers, specials: Iterable[Special]) -> list[tuple[Kind, str]]:
    """Return the other kinds that somebody might have taken, each with the code of the text that says why not."""
    kind, shapes = KIND_OF[rule], set(specials)
    if kind is Kind.ADHOC:
        shape = next((each for each in (Special.POLLS_USER_WORK, Special.DELAYED, Special.DEBOUNCE) if each in shapes), None)
        found = [(Kind.CRON, f"adhoc.cron.{shape}" if shape is not None else "adhoc.cron"), (Kind.NONE, "adhoc.none")]
    elif rule in (Rule.OWN_LOOP, Rule.OWN_REFRESH):
        found = [(Kind.CRON, "none.cron")]
    elif rule is Rule.STREAM:
        found = [(Kind.ADHOC, "none.adhoc.bound")]
    elif kind is Kind.NONE:
        found = [(Kind.ADHOC, "none.adhoc.kept" if answers[Question.SURVIVE] is YES else "none.adhoc")]
    else:
        found = [(other, f"{kind}.{other}") for other in _INSTEAD[kind]]
    if Special.OWN_INFRASTRUCTURE in shapes:
        found = [(Kind.NONE, "own-infrastructure"), *(each for each in found if each[0] is not Kind.NONE)]
    return found
