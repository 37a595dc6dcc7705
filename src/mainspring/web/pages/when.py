"""When: the form in which people say it (each so many minutes, every day at three …), and back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

HOWS = ("minute", "hour", "day", "week", "month", "once", "interval", "cron")
WEEKDAYS = ("1", "2", "3", "4", "5", "6", "0")  # Monday first; the numbers are those of cron
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_USUAL = {"n_minutes": "5", "n_hours": "1", "minute": "0", "time": "03:00", "day": "1", "once": "", "interval": "90s", "cron": "0 3 * * *"}
_LONGEST = 500  # letters of anything that is typed in here


@dataclass(frozen=True, slots=True)
class When:
    """What the form says: which way, and the fields of all ways, so that changing one's mind loses nothing."""

    how: str = "day"
    fields: Mapping[str, str] = field(default_factory=lambda: dict(_USUAL))
    weekdays: tuple[str, ...] = ("1",)

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, _USUAL[name])

    @property
    def expression(self) -> str:
        """The expression; raises `ValueError` with the name of the field that is wrong. What is typed in is not judged here."""
        match self.how:
            case "minute":
                return f"every {_number(self['n_minutes'], 'n_minutes', 1, 10_000)}m"
            case "hour":
                n, minute = _number(self["n_hours"], "n_hours", 1, 23), _number(self["minute"], "minute", 0, 59)
                return f"{minute} * * * *" if n == 1 else f"{minute} */{n} * * *"
            case "day":
                return f"{self._clock()} * * *"
            case "week":
                if not self.weekdays or not set(self.weekdays) <= set(WEEKDAYS):
                    raise ValueError("weekdays")
                return f"{self._clock()} * * {','.join(sorted(self.weekdays))}"
            case "month":
                day = self["day"].strip().upper()
                return f"{self._clock()} {day if day == 'L' else _number(day, 'day', 1, 31)} * *"
            case "once":
                return f"at {_bounded(self['once'], 'once')}"
            case "interval":
                return f"every {_bounded(self['interval'], 'interval')}"
            case "cron":
                return _bounded(self["cron"], "cron")
            case _:
                raise ValueError("how")

    def _clock(self) -> str:
        found = _TIME.fullmatch(self["time"].strip())
        if found is None:
            raise ValueError("time")
        return f"{int(found[2])} {int(found[1])}"


def from_form(given: Mapping[str, str], weekdays: tuple[str, ...]) -> When:
    """Return what was sent; what is missing is as usual."""
    how = given.get("how", "day")
    fields = {name: given.get(name, usual)[: _LONGEST + 1] for name, usual in _USUAL.items()}
    return When(how if how in HOWS else "day", fields, weekdays)


def from_definition(kind: str, expression: str, tz: str = "UTC") -> When:
    """Return the form for an expression: one of the plain ways where it is one, else as it is written. ``tz`` is that of the definition."""
    text = " ".join(expression.split())
    if kind in ("every", "when"):
        minutes = re.fullmatch(r"(\d+)m", text)
        return _when("minute", n_minutes=minutes[1]) if minutes and kind == "every" else _when("interval", interval=text)
    if kind == "at":
        return _when("once", once=_local(text, tz))
    if kind == "manual":
        return _when("cron", cron="manual")
    if found := re.fullmatch(r"(\d+) \*(?:/(\d+))? \* \* \*", text):
        return _when("hour", minute=found[1], n_hours=found[2] or "1")
    if found := re.fullmatch(r"(\d+) (\d+) (\*|\d+|L) \* (\*|[0-6](?:,[0-6])*)", text):
        minute, hour, day, weekdays = found.groups()
        clock = f"{int(hour):02}:{int(minute):02}"
        if day == "*":
            return _when("day", time=clock) if weekdays == "*" else When("week", {**_USUAL, "time": clock}, tuple(weekdays.split(",")))
        if weekdays == "*":
            return _when("month", time=clock, day=day)
    return _when("cron", cron=text)


def _local(text: str, tz: str) -> str:
    """Return a time as the clocks of a zone show it, where that says it all."""
    moment = datetime.fromisoformat(text)
    local = moment.astimezone(ZoneInfo(tz))
    shown = f"{local:%Y-%m-%dT%H:%M}"
    return shown if datetime.fromisoformat(shown).replace(tzinfo=ZoneInfo(tz)).astimezone(UTC) == moment else text


def _when(how: str, **fields: str) -> When:
    return When(how, {**_USUAL, **fields})


def _number(text: str, name: str, least: int, most: int) -> int:
    if not text.strip().isascii() or not text.strip().isdigit() or not least <= int(text[:20]) <= most:
        raise ValueError(name)
    return int(text)


def _bounded(text: str, name: str) -> str:
    if not text.strip() or len(text) > _LONGEST:
        raise ValueError(name)
    return text.strip()
