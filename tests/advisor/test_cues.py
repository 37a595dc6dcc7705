"""Descriptions in words: what is heard, what is denied, what contradicts itself, and how often the kind is right."""

from __future__ import annotations

import pytest

from benchmarks.governance.descriptions import FLOOR, measure, read
from mainspring.advisor.advise.advice import advise
from mainspring.advisor.advise.answers import Length, Question
from mainspring.advisor.advise.cues.lexicon import Special
from mainspring.advisor.advise.describe import LANGUAGES, MOST_CHARACTERS, describe, guess_language, lexicon_of
from mainspring.advisor.advise.rhythm import rhythm_of
from mainspring.advisor.finding import Kind


@pytest.mark.scenario("G-26", part="text")
def test_descriptions_are_right_far_oftener_than_keywords_are_and_never_wrong_in_silence() -> None:
    """Those by which the lexicons were extended, and those that were kept aside: for these the bar is four in five."""
    got = measure("tune")
    assert got.n > 400
    assert got.right / got.n > 0.93 > FLOOR
    assert got.silent == 0
    for language in LANGUAGES:
        own = measure("tune", language)
        assert own.right / own.n > 0.9, language
    aside = measure("held")
    assert (aside.silent, aside.right / aside.n > 0.8) == (0, True)


def test_the_descriptions_are_many_labelled_and_distinct() -> None:
    labelled = list(read())
    assert len({each.id for each in labelled}) == len({each.text for each in labelled}) == len(labelled)
    assert {each.kind for each in labelled} == set(Kind)
    counts = {language: sum(each.language == language for each in labelled) for language in LANGUAGES}
    assert counts["en"] >= 150
    assert min(counts["de"], counts["pl"]) >= 40


@pytest.mark.parametrize(
    ("text", "question", "value"),
    [
        ("It does not need to survive a restart.", Question.SURVIVE, False),
        ("needs to survive a deploy", Question.SURVIVE, True),
        ("it must not be lost", Question.SURVIVE, True),
        ("losing it is fine", Question.SURVIVE, False),
        ("no retries please", Question.RETRIED, False),
        ("should be retried with backoff", Question.RETRIED, True),
        ("This is not recurring.", Question.RECURRING, False),
        ("the client polls every 2 seconds", Question.POLLED, True),
        ("every 2 hours", Question.RECURRING, True),
        ("nothing to do with a network, but every day it must call the API", Question.RECURRING, True),
        ("Muss einen Neustart nicht überleben", Question.SURVIVE, False),
        ("darf nicht verloren gehen", Question.SURVIVE, True),
        ("nie może zginąć", Question.SURVIVE, True),
        ("nie musi przetrwać restartu", Question.SURVIVE, False),
    ],
)
def test_what_is_said_and_what_is_denied(text: str, question: Question, value: bool) -> None:
    assert describe(text).answers[question] is value


def test_the_rhythm_of_a_poll_is_none_of_the_work() -> None:
    found = describe("Transcribe the voice message; the client polls every second for the status")
    assert found.answers[Question.RECURRING] is not True
    assert found.answers[Question.POLLED] is True


@pytest.mark.parametrize(
    ("text", "length", "seconds"),
    [
        ("takes 20 to 40 seconds", Length.LONG, 40),
        ("it takes 3 seconds", Length.SHORT, 3),
        ("around 100 ms", Length.INSTANT, 0.1),
        ("runs for 2 hours", Length.LONG, 7200),
        ("dauert 10 Minuten", Length.LONG, 600),
        ("trwa 5 minut", Length.LONG, 300),
        ("takes a few minutes", Length.LONG, 180),
    ],
)
def test_how_long_it_takes(text: str, length: Length, seconds: float) -> None:
    found = describe(text).answers
    assert (found[Question.DURATION], found.seconds) == (length, seconds)


def test_a_delay_is_not_how_long_it_takes() -> None:
    found = describe("close the ticket 3 days after the last reply")
    assert found.answers[Question.DURATION] is None
    assert found.special(Special.DELAYED) == "3 days after the last reply"


def test_what_contradicts_itself_stays_open_and_is_asked_with_both_words() -> None:
    found = describe("Clear the log. It must not be lost. Losing it is fine.")
    assert found.answers[Question.SURVIVE] is None
    assert [question for question, _ in found.conflicts] == [Question.SURVIVE]
    advice = advise(
        description=describe("When a user clicks, count it within 2 seconds; it takes 2 seconds, must not be lost, losing it is fine")
    )
    assert Question.SURVIVE in [each.question for each in advice.questions]
    assert set(dict(advice.conflicts)[Question.SURVIVE]) == {"must not be lost", "losing it is fine"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("send the mail after the user has paid", "en"),
        ("nach der Zahlung eine Mail senden", "de"),
        ("wysłać mail po płatności", "pl"),
        ("", "en"),
        ("Datensicherung jeden Sonntag", "de"),
        ("kopia zapasowa co noc", "pl"),
        ("12345 !!", "en"),
    ],
)
def test_the_language_is_found_out(text: str, language: str) -> None:
    assert guess_language(text) == language


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        ("every 10 minutes", "en", 'every("10m")'),
        ("hourly", "en", 'every("1h")'),
        ("at 7:30 every day", "en", 'cron("30 7 * * *", tz="Europe/Berlin")'),
        ("every Monday at 5 pm", "en", 'cron("0 17 * * 1", tz="Europe/Berlin")'),
        ("jede Nacht um 2 Uhr", "de", 'cron("0 2 * * *", tz="Europe/Berlin")'),
        ("co 15 minut", "pl", 'every("15m")'),
        ("monthly", "en", 'cron("0 3 1 * *", tz="Europe/Berlin")'),
        ("now and then", "en", None),
        ("at 99:99", "en", None),
    ],
)
def test_a_rhythm_becomes_code_where_it_is_plain(text: str, language: str, code: str | None) -> None:
    assert rhythm_of(text, language) == code


def test_every_lexicon_answers_every_question() -> None:
    for language in LANGUAGES:
        cues = lexicon_of(language).cues
        answered = {question for cue in cues for question, _ in cue.answers}
        assert answered >= set(Question) - {Question.MULTI_STEP, Question.HOUSEKEEPING}
        assert any(cue.weight for cue in cues)
        assert {cue.special for cue in cues} >= set(Special)


def test_hostile_texts_are_bounded() -> None:
    for text in ("a" * 500_000, "check if user " * 50_000, ": a, b, " * 50_000, "\x00\ud800 every night", "takes " * 9000 + "5 hours"):
        found = describe(text)
        assert len(found.text) <= MOST_CHARACTERS
