"""Numbers, times and sizes as people read them, in the language of the page."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mainspring.i18n import t

DASH = "–"
_COMMA = ("de", "pl")


def decimal(text: str, language: str) -> str:
    """Return a number's text with the language's own decimal mark."""
    return text.replace(".", ",") if language in _COMMA else text


def grouped(n: int, language: str) -> str:
    """Return a whole number with its thousands set apart."""
    text = f"{n:,}"
    return text.replace(",", "." if language == "de" else "\N{NO-BREAK SPACE}") if language in _COMMA else text


def count(n: int | None, language: str, *, cap: int | None = None) -> str:
    """Return a count: exact below 10,000, then 12.3 k; ``10 k+`` from a cap on, a dash where nobody knows."""
    if n is None:
        return DASH
    more = "+" if cap is not None and n >= cap else ""
    if n < 10_000:
        return grouped(n, language) + more
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if n >= size:
            shown = f"{n / size:.1f}".removesuffix(".0")
            return f"{decimal(shown, language)}\N{NO-BREAK SPACE}{unit}{more}"
    raise AssertionError(n)


def duration(ms: float | None, language: str = "en") -> str:
    """Return a length of time: ``820 ms``, ``1.24 s``, ``4 m 12 s``, ``3 h 05 m``, ``2 d 4 h``."""
    if ms is None:
        return DASH
    ms = max(ms, 0)
    space = "\N{NO-BREAK SPACE}"
    if ms < 999.5:
        return f"{ms:.0f}{space}ms"
    seconds = ms / 1000
    if seconds < 59.995:
        return decimal(f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}", language) + f"{space}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{space}m {whole % 60:02d}{space}s"
    if whole < 86400:
        return f"{whole // 3600}{space}h {whole % 3600 // 60:02d}{space}m"
    return f"{whole // 86400}{space}d {whole % 86400 // 3600}{space}h"


def size(n: int | None, language: str = "en") -> str:
    """Return a number of bytes: ``512 B``, ``1.4 MB`` (of 1024)."""
    if n is None:
        return DASH
    value = float(n)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1024 or unit == "TB":
            return decimal(f"{value:.0f}" if unit == "B" or value >= 100 else f"{value:.1f}", language) + f"\N{NO-BREAK SPACE}{unit}"
        value /= 1024
    raise AssertionError(n)


def percent(part: float | None, language: str = "en") -> str:
    """Return a share of one: ``97.4 %``."""
    if part is None:
        return DASH
    text = f"{part * 100:.1f}".removesuffix(".0")
    return decimal(text, language) + "\N{NO-BREAK SPACE}%"


def ago(at: datetime, now: datetime, language: str) -> str:
    """Return how far a moment is from now: ``12 s ago``, ``in 4 m``."""
    seconds = (now - at).total_seconds()
    far = abs(seconds)
    if far < 1:
        return t("web.time.now", language=language)
    for length, unit in ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if far >= length:
            words = f"{int(far // length)}\N{NO-BREAK SPACE}{t(f'web.time.{unit}', language=language)}"
            return t("web.time.ago" if seconds > 0 else "web.time.in", language=language, length=words)
    raise AssertionError(far)


def moment(at: datetime, zone: ZoneInfo, *, clock: str = "24", has_offset: bool = False, has_seconds: bool = True) -> str:
    """Return a moment as ``2026-05-01 08:30:00``; with its offset where an hour happens twice, or where asked."""
    local = at.astimezone(zone)
    pattern = "%H:%M:%S" if clock == "24" else "%I:%M:%S %p"
    if not has_seconds:
        pattern = pattern.replace(":%S", "")
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    tail = f" {local.strftime('%z')[:3]}:{local.strftime('%z')[3:]}" if has_offset or is_twice else ""
    return local.strftime(f"%Y-%m-%d {pattern}") + tail


def in_utc(at: datetime) -> str:
    """Return a moment in UTC, for the tooltip."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(at: datetime) -> str:
    """Return what ``datetime=`` carries."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
