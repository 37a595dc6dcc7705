"""Sentences about schedules: right in three languages, and never silent about what restricts one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring import Schedule, at, cron, every, manual, when
from mainspring.core.cron import Item, ItemKind, problems_of
from mainspring.core.schedule_words import Phrase, describe_schedule
from mainspring.i18n import LANGUAGES, de, has, pl, t
from mainspring.i18n.en_schedule import SCHEDULE
from mainspring.i18n.sentence import plural, sentence
from tests.core.test_cron import expressions


def in_words(schedule: Schedule) -> list[str]:
    return [sentence(describe_schedule(schedule), language=language) for language in LANGUAGES]


async def queue_is_long() -> bool:
    return True


@pytest.mark.scenario("S15", part="core")
@pytest.mark.scenario("S9", part="words")
@pytest.mark.parametrize(
    ("schedule", "english", "german", "polish"),
    [
        (
            cron("0 3 * * *", tz="Europe/Berlin"),
            "At 03:00, every day, in Europe/Berlin time",
            "Um 03:00 Uhr, jeden Tag, in der Zeitzone Europe/Berlin",
            "O 03:00, codziennie, czasu Europe/Berlin",
        ),
        (
            cron("*/7 9-17 * * MON-FRI"),
            "Every 7 minutes anew from the beginning of each hour, from 09:00 to 17:59, from Monday to Friday, in UTC",
            "Alle 7 Minuten, mit jeder Stunde von vorn, von 09:00 bis 17:59 Uhr, von Montag bis Freitag, in UTC",
            "Co 7 minut, z każdą godziną od nowa, od 09:00 do 17:59, od poniedziałku do piątku, czasu UTC",
        ),
        (
            cron("0 9 13 * FRI"),
            "At 09:00, on day 13 of the month or on Friday (either is enough), in UTC",
            "Um 09:00 Uhr, am Tag 13 des Monats oder am Freitag (eines von beiden genügt), in UTC",
            "O 09:00, w dniu 13 miesiąca lub w piątek (wystarczy jedno z dwojga), czasu UTC",
        ),
        (
            cron("0 0 */2 * FRI"),
            "At 00:00, every 2 days from day 1 to 31 of the month, but only if that is also on Friday, in UTC",
            "Um 00:00 Uhr, alle 2 Tage von Tag 1 bis 31 des Monats, aber nur, wenn es auch am Freitag ist, in UTC",
            "O 00:00, co 2 dni od 1 do 31 dnia miesiąca, ale tylko jeśli wypada w piątek, czasu UTC",
        ),
        (
            cron("30 8 * SEP WED#2,0L"),
            "At 08:30, on the second Wednesday of the month and on the last Sunday of the month, in September, in UTC",
            "Um 08:30 Uhr, am zweiten Mittwoch des Monats und am letzten Sonntag des Monats, im September, in UTC",
            "O 08:30, w drugą środę miesiąca i w ostatnią niedzielę miesiąca, we wrześniu, czasu UTC",
        ),
        (
            cron("15 10 1,L JAN-MAR *"),
            "At 10:15, on day 1 of the month and on the last day of the month, from January to March, in UTC",
            "Um 10:15 Uhr, am Tag 1 des Monats und am letzten Tag des Monats, von Januar bis März, in UTC",
            "O 10:15, w dniu 1 miesiąca i w ostatnim dniu miesiąca, od stycznia do marca, czasu UTC",
        ),
        (
            cron("0 0 * * 7"),
            "At 00:00, on Sunday, in UTC",
            "Um 00:00 Uhr, am Sonntag, in UTC",
            "O 00:00, w niedzielę, czasu UTC",
        ),
        (cron("*/10 * * * * *"), "Every 10 seconds, in UTC", "Alle 10 Sekunden, in UTC", "Co 10 sekund, czasu UTC"),
        (
            cron("5,35 */2 * * *"),
            "At the minutes 5 and 35, every 2 hours from midnight on, in UTC",
            "Zu den Minuten 5 und 35, alle 2 Stunden ab Mitternacht, in UTC",
            "W minutach 5 i 35, co 2 godziny od północy, czasu UTC",
        ),
        (
            cron("@daily", tz="Europe/Berlin", window="01:00-05:00"),
            "At any time between 01:00 and 05:00, every day, in Europe/Berlin time",
            "Irgendwann zwischen 01:00 und 05:00 Uhr, jeden Tag, in der Zeitzone Europe/Berlin",
            "W dowolnej chwili między 01:00 a 05:00, codziennie, czasu Europe/Berlin",
        ),
        (
            every("90s", jitter="30s"),
            "Every 90 seconds, put off by up to 30 seconds at random",
            "Alle 90 Sekunden, zufällig verschoben um höchstens: 30 Sekunden",
            "Co 90 sekund, z losowym opóźnieniem do 30 s",
        ),
        (
            every("1h", window="20m", end=date(2030, 1, 1), tz="Asia/Tokyo"),
            "Every hour, at any time in the 20 minutes that follow, until 2030-01-02 00:00 in Asia/Tokyo time",
            "Jede Stunde, irgendwann innerhalb von: 20 Minuten, bis 2030-01-02 00:00 in der Zeitzone Asia/Tokyo",
            "Co godzinę, w dowolnej chwili okna o długości 20 min, do 2030-01-02 00:00 czasu Asia/Tokyo",
        ),
        (
            at(datetime(2030, 1, 1, tzinfo=UTC), tz="Europe/Berlin"),
            "Once, on 2030-01-01 01:00 in Europe/Berlin time",
            "Einmal, am 2030-01-01 01:00 in der Zeitzone Europe/Berlin",
            "Raz, 2030-01-01 01:00 czasu Europe/Berlin",
        ),
        (
            when(queue_is_long, every="1m"),
            "When queue_is_long says yes, which is asked: every minute",
            "Wenn queue_is_long zustimmt; gefragt wird: jede Minute",
            "Gdy queue_is_long odpowie twierdząco; pytanie: co minutę",
        ),
        (manual(), "Only when somebody runs it", "Nur, wenn jemand ihn auslöst", "Tylko na żądanie"),
    ],
)
def test_a_schedule_in_words(schedule: Schedule, english: str, german: str, polish: str) -> None:
    assert in_words(schedule) == [english, german, polish]


@pytest.mark.scenario("S15", part="core")
@pytest.mark.parametrize(
    ("n", "form"), [(1, "one"), (2, "few"), (4, "few"), (5, "many"), (12, "many"), (14, "many"), (22, "few"), (25, "many"), (112, "many")]
)
def test_polish_counts_in_three_forms(n: int, form: str) -> None:
    assert plural(n, "pl") == form
    assert (plural(n, "en"), plural(n, "de-AT")) == (("one",) * 2 if n == 1 else ("other",) * 2)
    minutes = {"one": "Co minutę", "few": f"Co {n} minuty", "many": f"Co {n} minut"}
    assert sentence((Phrase("schedule.every.minute", {"n": n}),), language="pl") == minutes[form]


@pytest.mark.scenario("S15", part="core")
@given(expressions, st.sampled_from(["UTC", "Europe/Berlin"]))
def test_words_never_lack_what_restricts_a_schedule(expression: str, zone: str) -> None:
    if problems_of(expression):
        return
    schedule = cron(expression, tz=zone)
    for language, said in zip(LANGUAGES, in_words(schedule), strict=True):
        assert zone in said
        for number in numbers_of(schedule):
            assert re.search(rf"(?<!\d)0?{number}(?!\d)", said), f"{number} of {expression} in {said}"
        for key in names_of(schedule):
            assert t(key, language=language) in said, f"{key} of {expression} in {said}"
        assert all(spoken(each, language) for each in describe_schedule(schedule))


def numbers_of(schedule: Schedule) -> Iterator[int]:
    """Every number that an expression has in a field that is told in numbers, but for what is every one."""
    made = schedule.cron
    assert made is not None
    for field in (made.second, made.minute, made.hour, made.day):
        if field is made.second and field.values == (0,):
            continue  # on the full minute, whoever counts in minutes says nothing about it
        for item in field.items:
            if item.kind is ItemKind.ONE:
                yield item.low
            elif item.kind in (ItemKind.RANGE, ItemKind.FROM):
                yield from (item.low, item.high)
            if item.step > 1:
                yield item.step


def names_of(schedule: Schedule) -> Iterator[str]:
    """The names of every month and day of the week that an expression has, in the form in which they are to stand."""
    made = schedule.cron
    assert made is not None
    for unit, field, preposition in (("weekday", made.weekday, "on"), ("month", made.month, "in")):
        if field.is_free:
            continue
        for item in field.items:
            yield from _names(unit, item, preposition)


def _names(unit: str, item: Item, preposition: str) -> Iterator[str]:
    modulus = 7 if unit == "weekday" else 100
    if item.kind is ItemKind.NTH_WEEKDAY:
        yield f"schedule.weekday.nth.{item.low}.{item.nth}"
    elif item.kind is ItemKind.LAST_WEEKDAY:
        yield f"schedule.weekday.last.{item.low}"
    elif item.kind is ItemKind.RANGE and item.step == 1 and item.high - item.low > 1:
        yield f"schedule.{unit}.from.{item.low % modulus}"
        yield f"schedule.{unit}.to.{item.high % modulus}"
    else:
        first, last = ((0, 6) if unit == "weekday" else (1, 12)) if item.kind is ItemKind.ALL else (item.low, item.high)
        yield from (f"schedule.{unit}.{preposition}.{value % modulus}" for value in range(first, last + 1, item.step))


def spoken(phrase: Phrase, language: str) -> bool:
    """Tell whether a language has words of its own for a phrase and all that it is made of."""
    inner = [each for value in phrase.values.values() for each in (value if isinstance(value, tuple) else (value,))]
    number = phrase.values.get("n")
    keys = [phrase.key] + ([f"{phrase.key}.{plural(number, language)}"] if isinstance(number, int) else [])
    return any(has(key, language=language) for key in keys) and all(spoken(each, language) for each in inner if isinstance(each, Phrase))


def test_every_text_of_a_schedule_is_there_in_every_language() -> None:
    def stems(keys: Iterable[str]) -> set[str]:
        return {re.sub(r"\.(one|few|many|other)$", "", key) for key in keys if key.startswith(("schedule.", "list."))}

    assert stems(SCHEDULE) == stems(de.MESSAGES) == stems(pl.MESSAGES)


def test_a_language_that_nobody_has_written_is_english() -> None:
    assert t("run.none", language="xx") == t("run.none") == "no runs"
    assert t("schedule.manual", language="de-AT") == "nur, wenn jemand ihn auslöst"
    with pytest.raises(KeyError):
        t("no.such.key", language="de")
