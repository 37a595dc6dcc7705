"""German: what a schedule says. What else is said stands in `de_faces`."""

from __future__ import annotations

from collections.abc import Mapping

from mainspring.i18n.de_faces import FACES

_DAYS = ("Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag")
_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip
_NTH = ("ersten", "zweiten", "dritten", "vierten", "fünften")

MESSAGES: Mapping[str, str] = {
    **FACES,
    "list.and": "{before} und {last}",
    "schedule.list": "{list}",
    "schedule.manual": "nur, wenn jemand ihn auslöst",
    "schedule.at": "einmal, am {at} {zone}",
    "schedule.when": "wenn {predicate} zustimmt; gefragt wird: {times}",
    "schedule.window": "irgendwann innerhalb von: {length}",
    "schedule.jitter": "zufällig verschoben um höchstens: {length}",
    "schedule.from": "ab {at} {zone}",
    "schedule.until": "bis {at} {zone}",
    "schedule.anchor": "gezählt ab {at} {zone}",
    "schedule.utc": "in UTC",
    "schedule.zone": "in der Zeitzone {zone}",
    "schedule.between": "irgendwann zwischen {begins} und {ends} Uhr",
    "schedule.times": "um {list} Uhr",
    "schedule.second.ones.one": "zur Sekunde {list}",
    "schedule.second.ones.other": "zu den Sekunden {list}",
    "schedule.second.step.one": "jede Sekunde",
    "schedule.second.step.other": "alle {n} Sekunden",
    "schedule.second.uneven": "alle {n} Sekunden, mit jeder Minute von vorn",
    "schedule.second.range": "jede Sekunde von Sekunde {low} bis {high}",
    "schedule.second.range-step": "alle {n} Sekunden von Sekunde {low} bis {high}",
    "schedule.minute.ones.one": "zur Minute {list}",
    "schedule.minute.ones.other": "zu den Minuten {list}",
    "schedule.minute.step.one": "jede Minute",
    "schedule.minute.step.other": "alle {n} Minuten",
    "schedule.minute.uneven": "alle {n} Minuten, mit jeder Stunde von vorn",
    "schedule.minute.range": "jede Minute von Minute {low} bis {high}",
    "schedule.minute.range-step": "alle {n} Minuten von Minute {low} bis {high}",
    "schedule.hour.all": "in jeder Stunde",
    "schedule.hour.ones.one": "in der Stunde {list}",
    "schedule.hour.ones.other": "in den Stunden {list}",
    "schedule.hour.step.other": "alle {n} Stunden ab Mitternacht",
    "schedule.hour.uneven": "alle {n} Stunden, jeden Tag ab Mitternacht von vorn",
    "schedule.hour.range": "von {low:02}:00 bis {high:02}:59 Uhr",
    "schedule.hour.range-step": "alle {n} Stunden von {low:02}:00 bis {high:02}:59 Uhr",
    "schedule.days.all": "jeden Tag",
    "schedule.days.or": "{month_days} oder {weekdays} (eines von beiden genügt)",
    "schedule.days.and": "{month_days}, aber nur, wenn es auch {weekdays} ist",
    "schedule.day.ones.one": "am Tag {list} des Monats",
    "schedule.day.ones.other": "an den Tagen {list} des Monats",
    "schedule.day.last": "am letzten Tag des Monats",
    "schedule.day.range": "an jedem Tag von Tag {low} bis {high} des Monats",
    "schedule.day.range-step": "alle {n} Tage von Tag {low} bis {high} des Monats",
    "schedule.weekday.range": "{low} {high}",
    "schedule.month.range": "{low} {high}",
    "schedule.every.day.one": "jeden Tag",
    "schedule.every.day.other": "alle {n} Tage",
    "schedule.every.hour.one": "jede Stunde",
    "schedule.every.hour.other": "alle {n} Stunden",
    "schedule.every.minute.one": "jede Minute",
    "schedule.every.minute.other": "alle {n} Minuten",
    "schedule.every.second.one": "jede Sekunde",
    "schedule.every.second.other": "alle {n} Sekunden",
    "schedule.every.length": "immer nach: {length}",
    "schedule.length.day.one": "{n} Tag",
    "schedule.length.day.other": "{n} Tage",
    "schedule.length.hour.one": "{n} Stunde",
    "schedule.length.hour.other": "{n} Stunden",
    "schedule.length.minute.one": "{n} Minute",
    "schedule.length.minute.other": "{n} Minuten",
    "schedule.length.second.one": "{n} Sekunde",
    "schedule.length.second.other": "{n} Sekunden",
    "schedule.length.millisecond.one": "{n} Millisekunde",
    "schedule.length.millisecond.other": "{n} Millisekunden",
    **{f"schedule.weekday.on.{number}": f"am {day}" for number, day in enumerate(_DAYS)},
    **{f"schedule.weekday.from.{number}": f"von {day}" for number, day in enumerate(_DAYS)},
    **{f"schedule.weekday.to.{number}": f"bis {day}" for number, day in enumerate(_DAYS)},
    **{f"schedule.weekday.last.{number}": f"am letzten {day} des Monats" for number, day in enumerate(_DAYS)},
    **{
        f"schedule.weekday.nth.{number}.{nth}": f"am {word} {day} des Monats"
        for number, day in enumerate(_DAYS)
        for nth, word in enumerate(_NTH, 1)
    },
    **{f"schedule.month.in.{number}": f"im {month}" for number, month in enumerate(_MONTHS, 1)},
    **{f"schedule.month.from.{number}": f"von {month}" for number, month in enumerate(_MONTHS, 1)},
    **{f"schedule.month.to.{number}": f"bis {month}" for number, month in enumerate(_MONTHS, 1)},
}
