"""Reads a rhythm out of a description, as code: ``every("10m")`` or ``cron("30 7 * * *", tz=…)``. Only what is plainly said."""

from __future__ import annotations

import re

ZONE = "Europe/Berlin"  # stands for the zone that a reader has to put there: the text says none
_ZONE = re.compile(r"\b((?:Africa|America|Asia|Atlantic|Australia|Europe|Pacific|Indian)/[A-Z][A-Za-z_]+|UTC)\b")
_UNITS = {
    "en": (("s", r"seconds?|secs?"), ("m", r"minutes?|mins?"), ("h", r"hours?|hrs?"), ("d", r"days?")),
    "de": (("s", r"sekunden?"), ("m", r"minuten?"), ("h", r"stunden?"), ("d", r"tage?n?")),
    "pl": (("s", r"sekund\w*"), ("m", r"minut\w*"), ("h", r"godzin\w*"), ("d", r"dni|dzień")),
}
_EACH = {"en": r"every|each", "de": r"alle|jede[nrsm]?", "pl": r"co|każd\w+"}
_AT = {
    "en": r"at\s(\d{1,2})(?::(\d\d))?\s?(am|pm|o'clock)?\b", "de": r"um\s(\d{1,2})(?::(\d\d))?()\suhr\b",
    "pl": r"o\s(\d{1,2})(?::(\d\d))?()\b",
}  # fmt: skip
_DAYS = {
    "en": ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"),
    "de": ("sonntag", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag"),
    "pl": ("niedziel", "poniedział", "wtor", "środ", "czwart", "piąt", "sobot"),
}
_HOURLY = {"en": r"\bhourly\b", "de": r"\bstündlich", "pl": r"\bcogodzinn"}
_MONTHLY = {"en": r"\bmonthly|each month|every month|first of (?:the|each)", "de": r"\bmonatlich|monatsersten", "pl": r"\bcomiesi|miesiąc"}
_NIGHT, _MORNING = 3, 8


def rhythm_of(text: str, language: str) -> str | None:
    """Return the schedule that a description names, or None. Without a time of day a day means three in the night."""
    low = text.lower()
    for unit, names in _UNITS[language]:
        if found := re.search(rf"\b(?:{_EACH[language]})\s(?:(\d+)\s)?(?:{names})\b", low):
            if unit == "d":
                break
            return f'every("{found[1] or 1}{unit}")'
    if re.search(_HOURLY[language], low):
        return 'every("1h")'
    hour, minute, is_said = _NIGHT, 0, False
    if at := re.search(rf"\b{_AT[language]}", low):
        hour, minute = int(at[1]) + (12 if at[3] == "pm" and int(at[1]) < 12 else 0), int(at[2] or 0)
        is_said = hour < 24 and minute < 60
        hour, minute = (hour, minute) if is_said else (_NIGHT, 0)
    zone = found[1] if (found := _ZONE.search(text)) else ZONE
    days = [str(number) for number, name in enumerate(_DAYS[language]) if name in low]
    if days:
        return f'cron("{minute} {hour if is_said else _MORNING} * * {",".join(days)}", tz="{zone}")'
    if re.search(_MONTHLY[language], low):
        return f'cron("{minute} {hour} 1 * *", tz="{zone}")'
    return f'cron("{minute} {hour} * * *", tz="{zone}")' if is_said else None
