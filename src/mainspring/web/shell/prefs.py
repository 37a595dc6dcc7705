"""How somebody likes the console: one cookie, read with every page, so that the first paint is right and scripts are not asked."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Literal, get_args
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo, available_timezones

from starlette.requests import HTTPConnection
from starlette.responses import Response

from mainspring.i18n.web import TAGS

COOKIE, LOCAL_ZONE = "mainspring_prefs", "mainspring_zone"  # the second is what the browser says of itself
AGE = 400 * 24 * 3600  # seconds; browsers keep none for longer

Theme = Literal["auto", "light", "dark"]
Density = Literal["normal", "compact", "comfortable"]
Clock = Literal["24", "12"]
Motion = Literal["auto", "reduced"]
Keys = Literal["on", "off"]
Refresh = Literal["live", "5", "30", "60", "paused"]


@dataclass(frozen=True, slots=True)
class Prefs:
    """Choices of one browser. ``zone``: ``local``, ``UTC`` or a name; ``language``: a tag, or ``auto`` for the browser's."""

    theme: Theme = "auto"
    density: Density = "normal"
    zone: str = "local"
    language: str = "auto"
    clock: Clock = "24"
    motion: Motion = "auto"
    keys: Keys = "on"
    refresh: Refresh = "live"

    def with_(self, given: dict[str, str]) -> Prefs:
        """Return these with what is valid among the given ones; anything else is left out, as a cookie may come from anywhere."""
        known = {name: text for name, text in given.items() if _is_valid(name, text)}
        return replace(self, **known)  # type: ignore[arg-type]  # each was checked against its Literal

    def remember(self, response: Response, path: str, *, is_secure: bool) -> None:
        """Put them into the answer."""
        text = urlencode({each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default})
        response.set_cookie(COOKIE, text, max_age=AGE, path=path or "/", samesite="lax", secure=is_secure)


_CHOICES: dict[str, tuple[str, ...]] = {
    "theme": get_args(Theme), "density": get_args(Density), "clock": get_args(Clock), "motion": get_args(Motion),
    "keys": get_args(Keys), "refresh": get_args(Refresh), "language": ("auto", *TAGS, "qps"),
}  # fmt: skip
CHOICES = _CHOICES
"""What each may be; zones are besides."""


def _is_valid(name: str, text: str) -> bool:
    return is_zone(text) if name == "zone" else text in _CHOICES.get(name, ())


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(text: str) -> bool:
    """Tell whether this can be read in: ``local``, ``UTC`` or a name of the zone database."""
    return text in ("local", "UTC") or text in _zones()


def prefs_of(request: HTTPConnection) -> Prefs:
    """Return the choices that came with a request."""
    return Prefs().with_(dict(parse_qsl(request.cookies.get(COOKIE, ""))))


def zone_of(request: HTTPConnection, prefs: Prefs) -> ZoneInfo:
    """Return the zone that times are told in: the chosen one, else the browser's own, else UTC."""
    name = prefs.zone if prefs.zone != "local" else request.cookies.get(LOCAL_ZONE, "UTC").replace("%2F", "/")
    return ZoneInfo(name if name != "local" and is_zone(name) else "UTC")


def language_of(request: HTTPConnection, prefs: Prefs) -> str:
    """Return the language: the chosen one, else the best of Accept-Language that there is."""
    if prefs.language != "auto":
        return prefs.language
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        wanted.append((-weight, tag.lower().partition("-")[0]))
    return next((tag for _, tag in sorted(wanted, key=lambda each: each[0]) if tag in TAGS), TAGS[0])
