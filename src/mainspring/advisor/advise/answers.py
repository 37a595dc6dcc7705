"""What is known of a piece of work: yes, no or unknown to each question, and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError


class Length(StrEnum):
    """How long the work takes. The boundaries are those of the rule: a second, and five."""

    INSTANT = "instant"  # less than a second
    SHORT = "short"  # up to five seconds
    LONG = "long"  # longer, and then it is over
    FOREVER = "forever"  # it never ends by itself


class Question(StrEnum):
    """What can be asked of a piece of work, in the order in which it is asked. All but `DURATION` are answered by yes or no."""

    USER_TRIGGERED = "user_triggered"  # somebody or something asks for it: a person, a request, an event
    RECURRING = "recurring"  # it comes back by itself, in a rhythm
    SCHEDULE = "schedule"  # a clock or a calendar says when
    HOUSEKEEPING = "housekeeping"  # maintenance that nobody asks for
    DURATION = "duration"
    SURVIVE = "survive_restart"  # it must be done even if the process goes away
    RETRIED = "retried"  # it may fail for a while and be tried again
    POLLED = "polled"  # somebody looks later how it is going
    NETWORK = "network"  # it talks to another system: network, mail, a model
    MULTI_STEP = "multi_step"  # several effects that depend on each other
    STREAM = "stream"  # it belongs to one open connection, and is worth nothing when that closes


YES, NO = True, False
_WORDS: Mapping[str, Length] = MappingProxyType({
    "instant": Length.INSTANT, "milliseconds": Length.INSTANT, "short": Length.SHORT, "seconds": Length.SHORT, "long": Length.LONG,
    "minutes": Length.LONG, "hours": Length.LONG, "days": Length.LONG, "forever": Length.FOREVER,
})  # fmt: skip
_WORD_SECONDS: Mapping[str, float] = MappingProxyType({"minutes": 600.0, "hours": 4 * 3600.0, "days": 3 * 86400.0})
_SUB_SECOND, _SHORT = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Known:
    """One answer and what says so: a flag, words of the text, or an assumption. ``is_said``: not merely implied by the sort of work."""

    value: bool | Length
    because: str = ""
    is_said: bool = True


@dataclass(frozen=True, slots=True)
class Answers:
    """What is known. A question that is not in ``known`` is open. ``seconds`` is the longest that was named, None where nothing was."""

    known: Mapping[Question, Known]
    seconds: float | None = None

    def __getitem__(self, question: Question) -> bool | Length | None:
        found = self.known.get(question)
        return None if found is None else found.value

    def given(self, question: Question, value: bool | Length, because: str = "", *, is_said: bool = True) -> Answers:
        """Return these answers and one more, which replaces what was there."""
        return replace(self, known=MappingProxyType({**self.known, question: Known(value, because, is_said)}))

    def over(self, other: Answers) -> Answers:
        """Return these answers, and the other's where these are open."""
        return Answers(MappingProxyType({**other.known, **self.known}), other.seconds if self.seconds is None else self.seconds)


NOTHING = Answers(MappingProxyType({}))


def length_of(seconds: float) -> Length:
    """Return the length of so many seconds: a full second is short, five are still short."""
    return Length.INSTANT if seconds < _SUB_SECOND else Length.SHORT if seconds <= _SHORT else Length.LONG


def parse_length(text: str, field: str = "duration") -> tuple[Length, float | None]:
    """Return a length and its seconds from a word (``instant``, ``minutes``, ``hours``, ``forever`` …) or a duration (``5s``, ``20m``).

    Raises `ConfigurationError` for what is neither.
    """
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word], _WORD_SECONDS.get(word)
    try:
        seconds = parse_duration(word, field).total_seconds()
    except ConfigurationError:
        known = ", ".join(_WORDS)
        raise ConfigurationError(f"{field}={text!r} is no length: write a duration such as 500ms, 5s or 20m, or one of {known}") from None
    return length_of(seconds), seconds


def read_answers(given: Mapping[str, object]) -> Answers:
    """Return the answers of a mapping as programs write it: names of questions with true, false, null or, of the duration, a text.

    Raises `ConfigurationError` that names each wrong field. Null and what is left out stay open.
    """
    answers, wrong = NOTHING, []
    names = {str(each): each for each in Question}
    for name, value in given.items():
        question = names.get(name.replace("-", "_"))
        if question is None:
            wrong.append(f"{name!r} is no question: there are {', '.join(names)}")
        elif value is None:
            continue
        elif question is Question.DURATION:
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                wrong.append(f"{name}={value!r}: a duration such as '5s' or a word such as 'minutes' is needed")
                continue
            try:
                length, seconds = parse_length(str(value), name)
            except ConfigurationError as error:
                wrong.append(str(error))
                continue
            answers = replace(answers.given(question, length, f"{name}={value}"), seconds=seconds)
        elif isinstance(value, bool):
            answers = answers.given(question, value, f"{name}={'yes' if value else 'no'}")
        else:
            wrong.append(f"{name}={value!r}: true, false or null is needed")
    if wrong:
        raise ConfigurationError("; ".join(wrong))
    return answers
