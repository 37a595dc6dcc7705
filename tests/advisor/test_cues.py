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
    """Those by which the lexicons were extended, and those that were kept aside: for these the bar is higher than four in five."""
    got = measure("tune")
    assert got.n > 400
    assert got.right / got.n > 0.93 > FLOOR
    assert got.silent == 0
    for language in LANGUAGES:
        own = measure("tune", language)
        assert own.right / own.n > 0.9, language
    aside = measure("held")
    assert (aside.silent, aside.right / aside.n > 0.85) == (0, True)


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


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("anulowac rezerwacje jesli nie zostanie oplacona w ciagu 20 minut", Kind.ADHOC),
        ("alle 30 Sekunden in der Tabelle auftraege nachschauen, ob jemand einen neuen angelegt hat", Kind.ADHOC),
        ("taeglich um 7 Uhr die Waehrungskurse abrufen", Kind.CRON),
        ("Bericht erzeugen, wenn der Kunde klickt, dauert fuenf Minuten", Kind.ADHOC),
    ],
)
def test_words_are_known_without_their_marks(text: str, kind: Kind) -> None:
    assert advise(description=describe(text)).kind is kind


def test_a_number_without_its_marks_is_the_same_number() -> None:
    assert describe("Der Import dauert fuenf Minuten").answers.seconds == 300
    assert describe("Der Import dauert fünf Minuten").answers.seconds == 300


@pytest.mark.parametrize(
    "text",
    [
        "A broker hands in the papers, we read them and store what they say, it takes two minutes",
        "Bei jedem Abschluss die Akte an das Archiv übergeben, nachdem sie geprüft wurde",
        "Klient składa wniosek, a my liczymy ryzyko, trwa to minutę",
        "the store manager has changed the assortment and all shelf labels must be exported",
    ],
)
def test_what_happens_is_an_event_whoever_does_it(text: str) -> None:
    described = describe(text)
    assert described.answers[Question.USER_TRIGGERED] is True
    assert advise(description=described).kind is Kind.ADHOC


@pytest.mark.parametrize(
    "text",
    [
        "a loop that wakes up every 2 sec and looks for rows which the clerks have entered",
        "endless loop, checks whether a customer has ordered an export",
    ],
)
def test_a_loop_that_looks_for_what_people_asked_for_is_no_service(text: str) -> None:
    described = describe(text)
    assert described.special(Special.POLLS_USER_WORK) is not None
    assert advise(description=described).kind is Kind.ADHOC


def test_steps_that_only_add_up_are_said_to_be_assumed() -> None:
    heard = advise(description=describe("Plan a tour: book rooms, rent a bus, hire a guide, then send the bill"))
    assert heard.kind is Kind.WORKFLOW
    assert Question.MULTI_STEP in {each.question for each in heard.assumptions}
    named = advise(description=describe("A workflow of four steps that must resume after a crash"))
    assert Question.MULTI_STEP not in {each.question for each in named.assumptions}


def test_what_belongs_to_whoever_types_or_waits_needs_no_task() -> None:
    for text in ("suggest names while the clerk is typing", "Namen vorschlagen während der Eingabe", "podpowiadać nazwy przy wpisywaniu",
                 "pass the answer to the waiting visitor token by token"):  # fmt: skip
        assert advise(description=describe(text)).kind is Kind.NONE, text
