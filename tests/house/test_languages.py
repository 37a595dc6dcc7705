"""English, German and Polish: each has every text, with the same values; and what a page says came through `t`."""

from __future__ import annotations

import string

import pytest

from mainspring.i18n import speak, t
from mainspring.i18n.de import MESSAGES as GERMAN
from mainspring.i18n.en import MESSAGES as ENGLISH
from mainspring.i18n.pl import MESSAGES as POLISH
from mainspring.i18n.web import TAGS, tables

PLURALS = (".one", ".few", ".many", ".other")


def values(text: str) -> set[str]:
    """Return the names that a text is filled in with."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def stem(key: str) -> str:
    """Return a key without its plural form: languages have different ones."""
    return next((key.removesuffix(each) for each in PLURALS if key.endswith(each)), key)


@pytest.mark.scenario("U12", part="keys")
@pytest.mark.parametrize("texts", [GERMAN, POLISH], ids=["de", "pl"])
def test_every_key_has_a_text_with_the_same_values(texts: dict[str, str]) -> None:
    english, own = {stem(key) for key in ENGLISH}, {stem(key) for key in texts}
    assert english - own == set(), "not translated"
    assert own - english == set(), "translated, but nobody says it"
    assert {
        key: (values(ENGLISH[key]), values(texts[key]))
        for key in ENGLISH.keys() & texts.keys()
        if values(ENGLISH[key]) != values(texts[key])
    } == {}


@pytest.mark.scenario("U12", part="keys")
def test_every_text_of_the_console_is_there_in_three_languages_with_the_same_values() -> None:
    for key, texts in tables().items():
        assert len(texts) == len(TAGS) and all(texts), key
        assert len({frozenset(values(each)) for each in texts}) == 1, key


def test_numbers_have_the_words_of_their_language() -> None:
    assert [t("web.dead.counted", n=n, language="pl").split()[1] for n in (1, 2, 5, 12, 22, 25)] == [
        "uruchomienie", "uruchomienia", "uruchomień", "uruchomień", "uruchomienia", "uruchomień",
    ]  # fmt: skip
    assert t("web.dead.counted", n=1, language="de") == "1 Lauf"
    assert t("web.dead.counted", n=2, language="en") == "2 runs"


def test_a_terminal_speaks_one_language_and_who_names_another_gets_it() -> None:
    speak("de")
    try:
        assert t("run.none") == "keine Läufe"
        assert t("run.none", language="pl") == "brak uruchomień"
        assert t("run.none", language="xx") == "no runs"
    finally:
        speak("en")


def test_the_pseudo_locale_marks_what_went_through_a_table_and_leaves_values_alone() -> None:
    text = t("web.more", n=3, language="qps")
    assert text.startswith("[") and text.endswith("]") and "3" in text and text != "[3 more]"
