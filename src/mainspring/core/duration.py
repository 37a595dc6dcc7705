"""Durations at the edge: ``timedelta``, seconds as a number, or words such as ``"5m"`` and ``"1h 30m"``."""

from __future__ import annotations

import re
from datetime import timedelta

from mainspring.core.errors import ConfigurationError

Duration = timedelta | float | int | str

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(\.\d+)?")
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST = timedelta(days=36500)


def parse_duration(value: Duration, field: str) -> timedelta:
    """Return a non-negative ``timedelta``; ``field`` names the culprit in the error.

    Raises `ConfigurationError` for words that are no duration, for negative ones and for more than a century.
    """
    if isinstance(value, timedelta):
        found = value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            found = timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise ConfigurationError(f"{field}={value!r} is no duration: it must be a finite number of seconds") from None
    elif isinstance(value, str):
        found = _parse_words(value, field)
    else:
        raise ConfigurationError(f"{field}={value!r} is no duration: give a timedelta, seconds, or a text such as '5m'")
    if found < timedelta(0):
        raise ConfigurationError(f"{field}={value!r} is negative: a duration is zero or more")
    if found > _LONGEST:
        raise ConfigurationError(f"{field}={value!r} is longer than a century")
    return found


def _parse_words(text: str, field: str) -> timedelta:
    position, seconds = 0, 0.0
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        return _seconds(float(stripped), text, field)
    while position < len(stripped):
        part = _PART.match(stripped, position)
        if part is None:
            break
        seconds += float(part[1]) * _UNITS[part[2].lower()]
        position = part.end()
    if not stripped or position < len(stripped):
        raise ConfigurationError(f"{field}={text!r} is no duration: write for instance '90s', '5m', '1h 30m' or '2d'")
    return _seconds(seconds, text, field)


def _seconds(seconds: float, text: str, field: str) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ConfigurationError(f"{field}={text!r} is longer than a century") from None


def describe(duration: timedelta) -> str:
    """Return a short text such as ``1h 30m`` that `parse_duration` reads.

    Exact to the millisecond below a minute; from there on the two largest units are kept.
    """
    milliseconds = round(duration / _MILLISECOND)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:g}s"
    rest, parts = round(milliseconds / 1000), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
