"""Reads answers out of a description in words. No model: a lexicon, so that the same words always mean the same, and each is named.

What contradicts itself is left open and said; what is denied is denied ("need not survive a restart"). Where words are silent, the form of
the clauses speaks (`leanings`), more softly than any word; what neither says stays unknown here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module

from mainspring.advisor.advise.answers import NO, NOTHING, YES, Answers, Length, Question, length_of
from mainspring.advisor.advise.clauses import Clause, Sense, clauses
from mainspring.advisor.advise.cues.lexicon import Cue, Lexicon, Special, compiled
from mainspring.advisor.advise.leanings import leanings

LANGUAGES = ("en", "de", "pl")
ENOUGH = 2  # marks of order that make several steps of it
MOST_CHARACTERS = 8_000  # a description is no novel: what comes behind is not read
_DENIABLE = frozenset({
    Question.RECURRING, Question.SURVIVE, Question.RETRIED, Question.POLLED, Question.NETWORK, Question.SCHEDULE, Question.MULTI_STEP,
})  # fmt: skip
_SPACE = re.compile(r"\s+")
_QUOTED = re.compile(r"[\"„”“»«][^\"„”“»«]*[\"„”“»«]")  # an example, and nothing that is said of the work
_MILLISECONDS = re.compile(r"m(?:illi)?s", re.IGNORECASE)
_NEAR = 48  # characters before a duration within which something must say that the work takes it


# What words of a language are made of: headlines have no common words, and often no marks.
_MARKS = {"de": "äöüß", "pl": "ąćęłńóśźż"}
_TRAITS = {
    "en": r"th|wh|ck|ght|ing$|tion|ed$|ly$|[^aeiouy]s$",
    "de": r"sch|cht|ung|pf|tz|(?<=..)(?:en|ern|eln)$|ei|heit|lich",
    "pl": r"cz|sz|rz|dz|(?:ego|emu|ych|ymi|nie|nia|ach|ami|aje|uje|owa|amy|emy|imy|ek|ka|ki|ow|ie|ej)$|j[aeu]$|^(?:w|z|o|i)$|yw|w[szc]",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """A cue that was found: the words, and what they say of a question."""

    words: str
    question: Question
    value: bool | Length
    is_said: bool


@dataclass(frozen=True, slots=True)
class Description:
    """What a text says. ``conflicts`` are questions that it answers in two ways, with the words of each; they stay open."""

    text: str
    language: str
    answers: Answers
    specials: tuple[tuple[Special, str], ...]
    conflicts: tuple[tuple[Question, tuple[str, ...]], ...]

    def special(self, which: Special) -> str | None:
        """Return the words of a special shape, or None where the text has none of it."""
        return dict(self.specials).get(which)


def describe(text: str, language: str | None = None) -> Description:
    """Read a description in one of `LANGUAGES`; which one is found out from its common words where none is named."""
    plain = _SPACE.sub(" ", text[:MOST_CHARACTERS]).strip()
    lexicon = lexicon_of(language if language in LANGUAGES else guess_language(plain))
    heard, specials, marked = _hear(plain, lexicon)
    if (length := _length(plain, lexicon)) is not None:
        seconds, words = length
        heard = [each for each in heard if each.question is not Question.DURATION or each.value is Length.FOREVER]
        heard.append(Heard(words, Question.DURATION, length_of(seconds), is_said=True))
    parts = clauses(plain, lexicon.language)
    heard = _without_matter(heard, parts)
    weight = sum(cue.weight for cue, _ in marked)
    # Order and resumption together are several steps, one alone is not: what has no parts is not resumed.
    weight += any(each.question is Question.SURVIVE and each.value is YES and each.is_said for each in heard) and weight > 0
    if weight >= ENOUGH:
        words = ", ".join(dict.fromkeys(each for _, each in marked))
        # One word may name several steps; what only adds up to them is heard, and is said to be assumed.
        heard.append(Heard(words, Question.MULTI_STEP, YES, is_said=any(cue.weight >= ENOUGH for cue, _ in marked)))
    specials, heard = _sorted_out(specials, heard)
    answers, conflicts = _settled(heard)
    disputed = {question for question, _ in conflicts}
    amounts = [(seconds, words) for seconds, words, _ in _amounts(_QUOTED.sub("", plain), lexicon)]
    for each in leanings(parts, answers, amounts, has_shape=bool(specials)):
        if each.question not in disputed:
            answers = answers.given(each.question, each.value, each.words, is_said=False)
    if length is not None:
        answers = replace(answers, seconds=length[0])
    return Description(plain, lexicon.language, answers, tuple(specials), tuple(conflicts))


def lexicon_of(language: str) -> Lexicon:
    """Return the lexicon of a language."""
    found: Lexicon = import_module(f"mainspring.advisor.advise.cues.{language}").LEXICON
    return found


def guess_language(text: str) -> str:
    """Return the language whose common words and letters the text has most of; English where none stands out."""
    words = re.findall(r"(?<![\d.])(?<!\d )[^\W\d_]+", text.lower())  # "5 am" is no German

    def score(language: str) -> float:
        common, marks, traits = lexicon_of(language).common, _MARKS.get(language, ""), compiled(_TRAITS[language])
        return sum(
            (word in common) + 0.7 * any(mark in word for mark in marks) + 0.35 * (traits.search(word) is not None) for word in words
        )

    scores = {language: score(language) for language in LANGUAGES}
    best = [language for language in LANGUAGES if scores[language] == max(scores.values())]
    if len(best) == 1 or not text:
        return best[0]
    return max(
        best, key=lambda language: len(_hear(text, lexicon_of(language))[0])
    )  # a headline has no common words, only those of its matter


def _hear(text: str, lexicon: Lexicon) -> tuple[list[Heard], list[tuple[Special, str]], list[tuple[Cue, str]]]:
    heard, specials, marked = list[Heard](), list[tuple[Special, str]](), list[tuple[Cue, str]]()
    rest = text
    denies = compiled(lexicon.negation)
    for cue in lexicon.cues:
        # Marks of order are read in the whole text: "carry on from the last finished stage" says two things at once.
        for found in compiled(cue.pattern).finditer(text if cue.weight else rest):
            words = text[found.start() : found.end()].strip(" ,.;:")
            is_denied = denies.search(_clause_before(text, found.start())) is not None
            if cue.special is not None and not is_denied:
                specials.append((cue.special, words))
            if cue.weight and not is_denied:
                marked.append((cue, words))
            for question, value in cue.answers:
                if is_denied and isinstance(value, bool) and not cue.takes:
                    if question not in _DENIABLE or not cue.is_said:
                        continue
                    value = not value
                heard.append(Heard(words, question, value, cue.is_said))
            if cue.takes:
                rest = rest[: found.start()] + "\x00" * (found.end() - found.start()) + rest[found.end() :]
    return heard, specials, marked


def _clause_before(text: str, end: int) -> str:
    """Return what stands before a place in its own clause: a denial does not reach over a comma or a full stop."""
    start = max((text.rfind(stop, 0, end) for stop in ",.;:("), default=-1)
    return text[start + 1 : end]


def _amounts(text: str, lexicon: Lexicon) -> Iterator[tuple[float, str, str]]:
    """Yield each time that the text names: its seconds, its words, and those before it in its clause."""
    numbers = "|".join(sorted(map(re.escape, lexicon.numbers), key=len, reverse=True))
    for unit, seconds in lexicon.units:
        pattern = compiled(rf"\b(?:(?P<figure>\d+(?:[.,]\d+)?)\s?|(?P<word>{numbers})\s(?:(?:an?|of)\s)?)(?:{unit})\b")
        for each in pattern.finditer(text):
            number = (each["figure"] or each["word"]).lower().replace(",", ".")
            value = next((size for name, size in lexicon.numbers.items() if compiled(name).fullmatch(number)), None)
            value = float(number) if value is None else value
            yield value * seconds, each[0], re.split(r"[.;()]", text[max(0, each.start() - _NEAR) : each.start()])[-1]


def _length(text: str, lexicon: Lexicon) -> tuple[float, str] | None:
    """Return the longest time that the text says the work takes, in seconds, and the words that say so."""
    # Milliseconds leave nothing else to mean.
    found = [
        (seconds, words) for seconds, words, before in _amounts(text, lexicon) if _takes(before, lexicon) or _MILLISECONDS.search(words)
    ]
    for each in compiled(rf"(?:{lexicon.lasting})[^.;,]{{0,20}}\b(?P<unit>{'|'.join(unit for unit, _ in lexicon.units)})\b").finditer(text):
        seconds = next(size for unit, size in lexicon.units if re.fullmatch(unit, each["unit"], re.IGNORECASE))
        if not re.search(r"\d", each[0]) and len(each["unit"]) > 2 and _takes(each[0], lexicon) and seconds > 1:
            found.append((seconds * 3, each[0]))
    return max(found, default=None)


def _takes(clause: str, lexicon: Lexicon) -> bool:
    return compiled(lexicon.takes).search(clause) is not None


def _without_matter(heard: Iterable[Heard], parts: Iterable[Clause]) -> list[Heard]:
    """Return what was heard without what only names the matter of a small act: "the format of a mail address" reaches nobody."""
    small = [(each.words, Sense.AT_HAND in each.senses) for each in parts if Sense.SMALL in each.senses]

    def is_matter(each: Heard) -> bool:
        if each.is_said or each.value not in (YES, Length.LONG):
            return False
        if each.question in (Question.NETWORK, Question.RETRIED):
            return any(each.words in words for words, _ in small)
        return each.question is Question.DURATION and any(each.words in words for words, is_at_hand in small if is_at_hand)

    return [each for each in heard if not is_matter(each)]


def _sorted_out(specials: list[tuple[Special, str]], heard: list[Heard]) -> tuple[list[tuple[Special, str]], list[Heard]]:
    """Let one shape give way to another: a clock that looks for what people asked for, and a delay inside something that recurs anyway."""
    named = {which for which, _ in specials}
    recurs = any(each.question is Question.RECURRING and each.value is YES and each.is_said for each in heard)
    is_loop = any(each.question is Question.DURATION and each.value is Length.FOREVER for each in heard)
    if Special.POLLS_USER_WORK in named:
        if recurs or is_loop:
            clock = (Question.RECURRING, Question.SCHEDULE, Question.HOUSEKEEPING)
            heard = [each for each in heard if each.question not in clock and each.value is not Length.FOREVER]
            heard = [each for each in heard if each.question is not Question.USER_TRIGGERED or each.value is YES]
            heard.append(Heard(dict(specials)[Special.POLLS_USER_WORK], Question.RECURRING, NO, is_said=True))
        else:
            specials = [each for each in specials if each[0] is not Special.POLLS_USER_WORK]
    elif recurs and Special.DELAYED in named:
        late = {words for which, words in specials if which is Special.DELAYED}
        specials = [each for each in specials if each[0] is not Special.DELAYED]
        heard = [each for each in heard if each.words not in late]
    elif recurs and Special.DEBOUNCE in named:
        specials = [each for each in specials if each[0] is not Special.DEBOUNCE]
        heard = [each for each in heard if each.question is not Question.RECURRING or each.value is YES]
    return specials, heard


def _apart(words: Iterable[str]) -> list[str]:
    """Return the words of several cues without those that are part of others."""
    found = list(dict.fromkeys(words))
    return [each for each in found if not any(each is not other and each in other for other in found)]


def _settled(heard: list[Heard]) -> tuple[Answers, list[tuple[Question, tuple[str, ...]]]]:
    """Return one answer a question: what is said before what is implied; of what is said in two ways, none."""
    answers, conflicts = NOTHING, list[tuple[Question, tuple[str, ...]]]()
    recurs = any(each.question is Question.RECURRING and each.value is YES and each.is_said for each in heard)
    goes_on = not recurs and any(each.question is Question.DURATION and each.value is Length.FOREVER for each in heard)
    is_bound = any(each.question is Question.STREAM and each.is_said for each in heard)
    for question in Question:
        found = [each for each in heard if each.question is question]
        if question is Question.USER_TRIGGERED and (recurs or goes_on):
            found = [each for each in found if each.is_said]  # "when …" is no event of its own beside a rhythm
        if question is Question.RECURRING and goes_on:
            found = [each for each in found if not each.is_said] or found
        if question is Question.DURATION and recurs:
            found = [each for each in found if each.value is not Length.FOREVER]  # each round ends, whatever it talks to
        if question is Question.RETRIED and is_bound:
            found = [each for each in found if each.is_said]  # who waits on the connection hears of the error
        if question is Question.HOUSEKEEPING and any(each.question is Question.USER_TRIGGERED for each in heard):
            continue
        of_weight = [each for each in found if each.is_said] or found
        values = list(dict.fromkeys(each.value for each in of_weight))
        if not values:
            continue
        if len(values) > 1:
            if question is Question.DURATION:
                values = [max((each for each in values if isinstance(each, Length)), key=list(Length).index)]  # the longest that is named
            elif not of_weight[0].is_said:
                values = [YES]  # two sorts of work are named: the heavier one counts
            else:
                conflicts.append((question, tuple(dict.fromkeys(each.words for each in of_weight))))
                continue
        chosen = [each for each in of_weight if each.value == values[0]]
        words = ", ".join(_apart(each.words for each in chosen)[:3])
        answers = answers.given(question, values[0], words, is_said=chosen[0].is_said)
    return answers, conflicts
