"""Polish: what a schedule says. What else is said stands in `pl_faces`.

Days of the week are masculine or feminine, and stand in the accusative (on), the genitive (from, to) and behind ordinals; months in the
locative (in) and the genitive. Lengths are written with the symbols of their units, which no case changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from mainspring.i18n.pl_faces import FACES

_ON = ("w niedzielę", "w poniedziałek", "we wtorek", "w środę", "w czwartek", "w piątek", "w sobotę")
_OF_DAYS = ("niedzieli", "poniedziałku", "wtorku", "środy", "czwartku", "piątku", "soboty")
_FEMININE = frozenset({0, 3, 6})
_NTH = ("pierwszy", "drugi", "trzeci", "czwarty", "piąty")
_NTH_FEMININE = ("pierwszą", "drugą", "trzecią", "czwartą", "piątą")
_IN = (
    "w styczniu", "w lutym", "w marcu", "w kwietniu", "w maju", "w czerwcu", "w lipcu", "w sierpniu", "we wrześniu", "w październiku",
    "w listopadzie", "w grudniu",
)  # fmt: skip
_OF_MONTHS = (
    "stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia",
)  # fmt: skip


def _named(number: int) -> str:
    """Return a day of the week in the accusative, without its preposition."""
    return _ON[number].partition(" ")[2]


MESSAGES: Mapping[str, str] = {
    **FACES,
    "list.and": "{before} i {last}",
    "schedule.list": "{list}",
    "schedule.manual": "tylko na żądanie",
    "schedule.at": "raz, {at} {zone}",
    "schedule.when": "gdy {predicate} odpowie twierdząco; pytanie: {times}",
    "schedule.window": "w dowolnej chwili okna o długości {length}",
    "schedule.jitter": "z losowym opóźnieniem do {length}",
    "schedule.from": "od {at} {zone}",
    "schedule.until": "do {at} {zone}",
    "schedule.anchor": "licząc od {at} {zone}",
    "schedule.utc": "czasu UTC",
    "schedule.zone": "czasu {zone}",
    "schedule.between": "w dowolnej chwili między {begins} a {ends}",
    "schedule.times": "o {list}",
    "schedule.second.ones.one": "w sekundzie {list}",
    "schedule.second.ones.few": "w sekundach {list}",
    "schedule.second.ones.many": "w sekundach {list}",
    "schedule.second.step.one": "co sekundę",
    "schedule.second.step.few": "co {n} sekundy",
    "schedule.second.step.many": "co {n} sekund",
    "schedule.second.uneven.few": "co {n} sekundy, z każdą minutą od nowa",
    "schedule.second.uneven.many": "co {n} sekund, z każdą minutą od nowa",
    "schedule.second.range": "co sekundę od sekundy {low} do {high}",
    "schedule.second.range-step.few": "co {n} sekundy od sekundy {low} do {high}",
    "schedule.second.range-step.many": "co {n} sekund od sekundy {low} do {high}",
    "schedule.minute.ones.one": "w minucie {list}",
    "schedule.minute.ones.few": "w minutach {list}",
    "schedule.minute.ones.many": "w minutach {list}",
    "schedule.minute.step.one": "co minutę",
    "schedule.minute.step.few": "co {n} minuty",
    "schedule.minute.step.many": "co {n} minut",
    "schedule.minute.uneven.few": "co {n} minuty, z każdą godziną od nowa",
    "schedule.minute.uneven.many": "co {n} minut, z każdą godziną od nowa",
    "schedule.minute.range": "co minutę od minuty {low} do {high}",
    "schedule.minute.range-step.few": "co {n} minuty od minuty {low} do {high}",
    "schedule.minute.range-step.many": "co {n} minut od minuty {low} do {high}",
    "schedule.hour.all": "w każdej godzinie",
    "schedule.hour.ones.one": "w godzinie {list}",
    "schedule.hour.ones.few": "w godzinach {list}",
    "schedule.hour.ones.many": "w godzinach {list}",
    "schedule.hour.step.few": "co {n} godziny od północy",
    "schedule.hour.step.many": "co {n} godzin od północy",
    "schedule.hour.uneven.few": "co {n} godziny, każdego dnia od północy",
    "schedule.hour.uneven.many": "co {n} godzin, każdego dnia od północy",
    "schedule.hour.range": "od {low:02}:00 do {high:02}:59",
    "schedule.hour.range-step.few": "co {n} godziny od {low:02}:00 do {high:02}:59",
    "schedule.hour.range-step.many": "co {n} godzin od {low:02}:00 do {high:02}:59",
    "schedule.days.all": "codziennie",
    "schedule.days.or": "{month_days} lub {weekdays} (wystarczy jedno z dwojga)",
    "schedule.days.and": "{month_days}, ale tylko jeśli wypada {weekdays}",
    "schedule.day.ones.one": "w dniu {list} miesiąca",
    "schedule.day.ones.few": "w dniach {list} miesiąca",
    "schedule.day.ones.many": "w dniach {list} miesiąca",
    "schedule.day.last": "w ostatnim dniu miesiąca",
    "schedule.day.range": "każdego dnia od {low} do {high} dnia miesiąca",
    "schedule.day.range-step": "co {n} dni od {low} do {high} dnia miesiąca",
    "schedule.weekday.range": "{low} {high}",
    "schedule.month.range": "{low} {high}",
    "schedule.every.day.one": "codziennie",
    "schedule.every.day.few": "co {n} dni",
    "schedule.every.day.many": "co {n} dni",
    "schedule.every.hour.one": "co godzinę",
    "schedule.every.hour.few": "co {n} godziny",
    "schedule.every.hour.many": "co {n} godzin",
    "schedule.every.minute.one": "co minutę",
    "schedule.every.minute.few": "co {n} minuty",
    "schedule.every.minute.many": "co {n} minut",
    "schedule.every.second.one": "co sekundę",
    "schedule.every.second.few": "co {n} sekundy",
    "schedule.every.second.many": "co {n} sekund",
    "schedule.every.length": "co {length}",
    "schedule.length.day": "{n} d",
    "schedule.length.hour": "{n} h",
    "schedule.length.minute": "{n} min",
    "schedule.length.second": "{n} s",
    "schedule.length.millisecond": "{n} ms",
    **{f"schedule.weekday.on.{number}": on for number, on in enumerate(_ON)},
    **{f"schedule.weekday.from.{number}": f"od {day}" for number, day in enumerate(_OF_DAYS)},
    **{f"schedule.weekday.to.{number}": f"do {day}" for number, day in enumerate(_OF_DAYS)},
    **{
        f"schedule.weekday.last.{number}": f"w {'ostatnią' if number in _FEMININE else 'ostatni'} {_named(number)} miesiąca"
        for number in range(7)
    },
    **{
        f"schedule.weekday.nth.{number}.{nth}": f"w {word} {_named(number)} miesiąca"
        for number in range(7)
        for nth, word in enumerate(_NTH_FEMININE if number in _FEMININE else _NTH, 1)
    },
    **{f"schedule.month.in.{number}": month for number, month in enumerate(_IN, 1)},
    **{f"schedule.month.from.{number}": f"od {month}" for number, month in enumerate(_OF_MONTHS, 1)},
    **{f"schedule.month.to.{number}": f"do {month}" for number, month in enumerate(_OF_MONTHS, 1)},
}
