"""What controls can hold, and how values that they cannot are carried past them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from mainspring.core.duration import describe, parse_duration
from mainspring.core.errors import ConfigurationError

NO_ZONE = "none"
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_DURATION = TypeAdapter(timedelta)


def settled(text: str) -> str:
    """Return a text as it comes back from a browser: its lines end in one way, and what no page can hold is replaced."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def flat(text: str) -> str:
    """Return a text as a single line brings it back."""
    return settled(text).replace("\n", "")


def is_carried(text: str) -> bool:
    """Tell whether a text comes back from a browser as it went out."""
    return settled(text) == text


def shown_duration(value: str) -> str:
    """Return a duration as people write it, where that is exact."""
    try:
        found = _DURATION.validate_python(value)
        words = describe(found)
        return words if parse_duration(words, "") == found else value
    except (ValidationError, ConfigurationError):
        return value


def read_duration(text: str) -> str:
    """Return a duration as JSON has it; what is none stays for those who check."""
    try:
        return str(to_jsonable_python(parse_duration(text, "")))
    except ConfigurationError:
        return text


def shown_moment(value: str, zone: str) -> tuple[str, str]:
    """Return a moment as the control of a zone shows it, and the zone; one without a zone stays without."""
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            return at.isoformat(timespec="seconds"), NO_ZONE
        name = "UTC" if zone == NO_ZONE else zone
        return at.astimezone(ZoneInfo(name)).replace(tzinfo=None).isoformat(timespec="seconds"), name
    except (ValueError, OverflowError):
        return value, zone


def read_moment(text: str, zone: str) -> str:
    """Return a moment with the offset that its zone has then.

    Raises `LookupError` for one that no clock there ever shows.
    """
    if zone == NO_ZONE:
        return text
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return text
        local = at.replace(tzinfo=ZoneInfo(zone))
        if local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != at:
            raise LookupError(text)
        return local.isoformat()
    except (ValueError, OverflowError):
        return text


def number(text: str) -> Any:
    """Return a typed number; what is none, or what a float would not hold, stays a text for those who check."""
    from decimal import Decimal, InvalidOperation

    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
        return found if Decimal(text.strip()) == Decimal(repr(found)) else text
    except (ValueError, InvalidOperation):
        return text


def pretty(value: Any) -> str:
    """Return a value as JSON that people edit."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no value of JSON")


def parse_json(text: str) -> Any:
    """Return the value of JSON; raises `ValueError` (`json.JSONDecodeError` where line and column are known)."""
    try:
        return json.loads(text, parse_constant=_constant)
    except RecursionError:
        raise ValueError("too deep") from None
