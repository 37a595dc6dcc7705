"""Sizes: as people write them and as people read them."""

from __future__ import annotations

import re

from mainspring.core.errors import ConfigurationError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE)
_POWER = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def parse_size(value: object, field_name: str) -> int:
    """Return bytes: a whole number, or a text such as ``512k``, ``50MB``, ``1.5 GiB`` (each step is 1,024).

    Raises `ConfigurationError` that names the field, the value and the remedy.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = 0 if found is None else int(float(found[1]) * 2 ** _POWER[found[2].lower()])
    if size < 1:
        raise ConfigurationError(f"{field_name}={value!r} is no size: write for instance 256k, 50MB or 2G")
    return size


def describe_size(size: int) -> str:
    """Return a size for people: ``812 bytes``, ``1.5 MiB``."""
    if size < 1024:
        return f"{size} bytes"
    for unit, power in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 2**power:
            return f"{size / 2**power:.1f}".removesuffix(".0") + f" {unit}"
    raise AssertionError
