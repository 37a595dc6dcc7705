"""How a description is taken apart, and what the form of its clauses speaks for where no word of it is known."""

from __future__ import annotations

from dataclasses import fields

import pytest

from mainspring.advisor.advise.advice import advise
from mainspring.advisor.advise.answers import Length, Question
from mainspring.advisor.advise.assume import HEARD
from mainspring.advisor.advise.clauses import Part, Sense, clauses
from mainspring.advisor.advise.cues.forms import FORMS
from mainspring.advisor.advise.cues.lexicon import compiled
from mainspring.advisor.advise.describe import LANGUAGES, describe, guess_language
from mainspring.advisor.finding import Kind


def parts(text: str, language: str) -> list[tuple[str, Part]]:
    return [(each.words, each.part) for each in clauses(text, language)]


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Bake the cake, ice it and box it.", "en", [("Bake the cake", Part.ACT), ("ice it", Part.ACT), ("box it", Part.ACT)]),
        ("12,000 rows of a.csv", "en", [("12,000 rows of a.csv", Part.ACT)]),
        ("plot the survey that a surveyor sent", "en", [("plot the survey", Part.ACT), ("that a surveyor sent", Part.OCCASION)]),
        ("die Karte zeichnen, die eine Geometerin geschickt hat", "de",
         [("die Karte zeichnen", Part.ACT), ("die eine Geometerin geschickt hat", Part.OCCASION)]),
        ("narysować plan, który geodeta przysłał", "pl", [("narysować plan", Part.ACT), ("który geodeta przysłał", Part.OCCASION)]),
        ("A violinist returns the bow", "en", [("A violinist returns the bow", Part.DEED)]),
        ("Die Geigerin bringt den Bogen zurück", "de", [("Die Geigerin bringt den Bogen zurück", Part.DEED)]),
        ("skrzypaczka oddaje smyczek", "pl", [("skrzypaczka oddaje smyczek", Part.DEED)]),
        ("Antrag wird bewilligt", "de", [("Antrag wird bewilligt", Part.DEED)]),
        ("wniosek zostaje rozpatrzony", "pl", [("wniosek zostaje rozpatrzony", Part.DEED)]),
        ("the drawer that nobody opened", "en", [("the drawer", Part.ACT), ("that nobody opened", Part.ACT)]),
        ("ring the bell as soon as the ferry lands and the pilot waves", "en",
         [("ring the bell", Part.ACT), ("as soon as the ferry lands", Part.OCCASION), ("the pilot waves", Part.OCCASION)]),
        ("fehlt die Unterschrift, alles zurück", "de", [("fehlt die Unterschrift", Part.OCCASION), ("alles zurück", Part.ACT)]),
        ("Ist der Deckel zu?", "de", [("Ist der Deckel zu", Part.ACT)]),
        ("zapytać, jeśli któregoś brak", "pl", [("zapytać", Part.ACT), ("jeśli któregoś brak", Part.OCCASION)]),
        ("Something that sits on the river gauge", "en", [("Something", Part.ACT), ("that sits on the river gauge", Part.ACT)]),
        ("write each splash from the river gauge", "en", [("write each splash from the river gauge", Part.BEARER)]),
        ("Pegelstände vom MQTT-Broker", "de", [("Pegelstände vom MQTT-Broker", Part.BEARER)]),
        ("pilnować poziomu wody", "pl", [("pilnować poziomu wody", Part.BEARER)]),
    ],
)  # fmt: skip
def test_clauses_are_told_apart_by_their_form(text: str, language: str, found: list[tuple[str, Part]]) -> None:
    assert parts(text, language) == found


def test_a_clause_knows_its_sentence_and_what_else_it_is() -> None:
    title, remove, state = clauses("Attic: remove boxes that are empty", "en")
    assert Sense.TITLE in title.senses
    assert remove.is_act(Sense.REMOVAL)
    assert state.is_act(Sense.RELATIVE)
    assert [each.sentence for each in (title, remove, state)] == [0, 1, 1]
    assert clauses("give the keys back", "en")[0].is_act(Sense.UNDO)
    assert clauses("Farben sortieren", "de")[0].is_act(Sense.SMALL)


@pytest.mark.parametrize(
    "text",
    [
        "A juggler breaks a plate and we have to order another one",
        "rehang the painting that a curator moved",
        "glaze the pot chosen by the potter",
        "Every juggler who joins gets a costume of their own",
        "As a curator I want to hang forty paintings at once",
        "re-tune the organ after the sexton has dusted it",
        "Die Töpferin wählt einen Krug, wir brennen ihn",
        "Bilder umhängen, die eine Kuratorin verschoben hat",
        "Orgel stimmen, nachdem der Küster sie abgestaubt hat",
        "kustosz przesuwa obraz, a my go wieszamy",
        "przewiesić obraz wybrany przez kustoszkę",
    ],
)
def test_whoever_acts_asks_for_the_work(text: str) -> None:
    found = describe(text)
    assert found.answers[Question.USER_TRIGGERED] is True
    assert advise(description=found).kind is Kind.ADHOC


@pytest.mark.parametrize(
    "text",
    [
        "MQTT client for the lighthouse lamps",
        "stay logged in at the harbour office",
        "Accept TCP connections from buoys and file their heights",
        "log each splash of the fountain",
        "SMTP-Senke für die Leuchttürme",
        "am Hafenamt angemeldet bleiben",
        "jede Welle protokollieren",
        "odbiornik SMTP dla latarni morskich",
        "przepisywać fale z brokera MQTT",
        "notować każdy plusk",
    ],
)
def test_what_goes_on_is_asked_for_by_nobody(text: str) -> None:
    found = describe(text)
    assert (found.answers[Question.DURATION], found.answers[Question.USER_TRIGGERED]) == (Length.FOREVER, False)
    assert advise(description=found).kind is Kind.SIDE


@pytest.mark.parametrize(
    "text",
    [
        "Barn: draw it, the carpenter frowns, draw it anew",
        "draw the barn, the carpenter nods, raise the beams",
        "Barn: beams, walls, roof, door",
        "saw the beam, raise it, paint it, and if the paint peels take it down and give the beam back",
        "Balken sägen, aufstellen, streichen; blättert die Farbe, Balken zurückgeben",
        "Scheune: zeichnen, Zimmerin nickt kurz, Balken aufrichten",
        "Stodoła: narysować, cieśla kiwa głową, postawić belki",
        "uciąć belkę, postawić, pomalować; jeśli farba odpadnie, oddać belkę",
    ],
)
def test_what_others_do_between_our_acts_makes_steps_of_them_and_so_does_taking_back(text: str) -> None:
    advice = advise(description=describe(text))
    assert advice.kind is Kind.WORKFLOW
    assert (Question.MULTI_STEP, HEARD) in {(each.question, each.why) for each in advice.assumptions}


def test_a_deed_at_the_end_or_in_another_sentence_makes_no_steps() -> None:
    for text in (
        "A carpenter draws the barn. We are only two people, the village is small.",
        "raise the beams, paint them, a carpenter nods",
    ):
        assert describe(text).answers[Question.MULTI_STEP] is None


@pytest.mark.parametrize(
    "text", ["remove nests that are empty", "Nester entfernen, die leer sind", "usuwać gniazda, które są puste",
             "warn owners of nests that crumble within 30 days", "prune branches beyond 18 months"],
)  # fmt: skip
def test_what_is_thrown_away_in_some_state_or_at_some_age_comes_by_itself(text: str) -> None:
    assert advise(description=describe(text)).kind is Kind.CRON


def test_minutes_named_in_passing_are_how_long_it_takes_unless_they_are_quoted() -> None:
    assert describe("the shortest tour of the lighthouses, half an hour").answers[Question.DURATION] is Length.LONG
    assert describe('write a time as "3 minutes"').answers[Question.DURATION] is Length.INSTANT
    assert describe("paint it as soon as it rains").answers.seconds is None  # "as" is no second


@pytest.mark.parametrize("text", ["strip the accents of a surname", "Umlaute eines Namens ersetzen", "usunąć akcenty z nazwiska"])
def test_what_nobody_begins_and_no_clock_is_a_call_and_that_is_assumed_aloud(text: str) -> None:
    advice = advise(description=describe(text))
    assert advice.kind is Kind.NONE
    [assumption] = [each for each in advice.assumptions if each.question is Question.DURATION]
    assert (assumption.why, assumption.words, Kind.ADHOC in assumption.otherwise) == (HEARD, text, True)


def test_small_acts_stay_small_when_somebody_has_asked_for_them_and_others_do_not() -> None:
    assert advise(description=describe("sort the cards when a player draws one")).kind is Kind.NONE
    assert advise(description=describe("reprint the cards when a player tears one")).kind is Kind.ADHOC


@pytest.mark.parametrize(
    "text",
    [
        "check the format of a mail address",
        "shorten the API key for the log",
        "generate a random token",
        "E-Mail-Adresse auf Format prüfen",
        "zufälliges Token erzeugen",
        "sprawdzić format adresu e-mail",
        "wygenerować losowy token",
    ],
)
def test_what_only_names_the_matter_of_a_small_act_reaches_nobody_and_takes_no_time(text: str) -> None:
    assert advise(description=describe(text)).kind is Kind.NONE


@pytest.mark.parametrize(
    "text",
    [
        "check a mail address with the provider's API when a guest leaves it",
        "generate a report when a guest asks for it",
        "send the token to the guest who asked",
        "E-Mail-Adresse bei einem externen Dienst prüfen, wenn ein Gast sie hinterlässt",
        "sprawdzić adres e-mail w usłudze dostawcy, gdy gość go zostawi",
    ],
)
def test_what_goes_to_another_system_reaches_it_however_small_the_act(text: str) -> None:
    assert advise(description=describe(text)).kind is Kind.ADHOC


def test_forms_give_way_to_cues_to_shapes_and_to_contradictions() -> None:
    assert describe("every hour, a miller weighs the flour").answers[Question.RECURRING] is True
    assert describe("weigh the flour 3 days after the harvest").answers[Question.DURATION] is None
    disputed = describe("A miller came. It must not be lost. Losing it is fine.")
    assert disputed.answers[Question.SURVIVE] is None
    assert describe("flour").answers.known == {}


@pytest.mark.parametrize(
    "text",
    [
        "at the end of every shift weigh the flour",
        "Sunday evening flour report",
        "mill wheels, four times per day",
        "5 am UTC: open the sluice",
        "the mill's books when the fiscal year is over",
        "flour figures no older than an hour",
        "grease the wheel before it runs out",
        "Schleuse quartalsweise fetten",
        "sonntagabends Mehl wiegen",
        "zum Schichtende Mehl wiegen",
        "Mehl wiegen, immer am 15.",
        "nach Ende des Wirtschaftsjahres Mehl zählen",
        "Mehlzahlen sollen nie älter als eine Stunde sein",
        "Monatsbericht der Mühle",
        "na koniec każdej zmiany zważyć mąkę",
        "ważyć mąkę zawsze 15. dnia miesiąca",
        "kwartalny przegląd młyna",
        "smarować koło, zanim się skończy",
        "mąka nie może być starsza niż doba, ważyć ją rano",
    ],
)
def test_times_are_read_by_what_they_are_composed_of(text: str) -> None:
    assert advise(description=describe(text)).kind is Kind.CRON


@pytest.mark.parametrize(
    "text",
    [
        "grind a sack for each customer who brings one",
        "a miller asks for a sack, the scale's service is down every other afternoon",
        "jedes Mal, wenn eine Müllerin klingelt, einen Sack mahlen",
        "jede bezahlte Bestellung an die Mühle melden, die nimmt nur eine pro Sekunde",
        "za każdym razem, gdy młynarz zadzwoni, zmielić worek",
    ],
)
def test_each_of_something_is_no_time(text: str) -> None:
    assert advise(description=describe(text)).kind is Kind.ADHOC


@pytest.mark.parametrize(
    "text",
    [
        "a cron runs each 30 s and looks in table `sacks` for rows people have created",
        "ein Cronjob schaut alle 30 s in die Tabelle saecke, ob da wer was reingeschrieben hat",
        "cron co 30 s zagląda do tabeli worki, czy ktoś coś dopisał",
    ],
)
def test_a_clock_that_looks_into_a_table_for_what_people_wrote_is_refused(text: str) -> None:
    assert advise(description=describe(text)).kind is Kind.ADHOC


def test_thousands_of_anything_take_their_time_and_years_do_not() -> None:
    for text in ("grind 12,000 sacks", "12.000 Säcke mahlen", "zmielić 12 000 worków"):
        assert describe(text).answers[Question.DURATION] is Length.LONG, text
    assert describe("print the vintage of 2019").answers[Question.DURATION] is Length.INSTANT


@pytest.mark.parametrize(
    ("text", "language"),
    [("student oddaje prace, a my odpalamy testy w kontenerze", "pl"), ("dbt run, 5 am UTC", "en"), ("Preise in Listen umschreiben", "de")],
)
def test_a_language_is_known_by_what_its_words_are_made_of(text: str, language: str) -> None:
    assert guess_language(text) == language


def test_every_form_of_every_language_is_a_pattern() -> None:
    """Marks are unfolded into what is typed in their place, so a pattern that looks right may still be none."""
    for forms in FORMS.values():
        for value in (getattr(forms, each.name) for each in fields(forms)):
            for pattern in (value,) if isinstance(value, str) else value:
                assert compiled(pattern).search("") is None, pattern
    assert set(FORMS) == set(LANGUAGES)


def test_an_answer_quotes_what_it_rests_on_and_not_the_whole_text() -> None:
    found = describe("Barn: beams, walls, roof, door, a weathercock")
    assert found.answers.known[Question.MULTI_STEP].because == "beams, walls, roof …"
