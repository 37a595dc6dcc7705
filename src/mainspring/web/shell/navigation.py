"""Where one can go: the pages of the side bar, in groups; the palette and the search know the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: the key of its text, its path, its icon, the letter behind ``g`` that leads there; ``badge``: where its number is told."""

    key: str
    path: str
    icon: str
    letter: str | None = None
    verb: str = "view"
    badge: str | None = None


_OVERVIEW = Place("web.nav.overview", "/", "gauge", "o")
_WORK = (Place("web.nav.tasks", "/tasks", "list-checks", "t"), Place("web.nav.runs", "/runs", "layers", "r"))
_AUTOMATION = (
    Place("web.nav.schedules", "/schedules", "calendar-clock", "s"),
    Place("web.nav.services", "/services", "heart-pulse", "v"),
)
_FLEET = (Place("web.nav.queues", "/queues", "table", "q"), Place("web.nav.nodes", "/nodes", "server", "w"))
_TROUBLE = (
    Place("web.nav.errors", "/errors", "bug", "e", badge="/errors/badge"),
    Place("web.nav.dead", "/dead", "skull", "d", badge="/dead/badge"),
)
_HOUSE = (
    Place("web.nav.events", "/events", "activity", "l", "events.tap"),
    Place("web.nav.audit", "/audit", "scroll-text", "a", "audit.view"),
    Place("web.nav.settings", "/settings", "settings", ","),
)
NAVIGATION: tuple[tuple[str | None, tuple[Place, ...]], ...] = (
    (None, (_OVERVIEW,)), ("web.nav.work", _WORK), ("web.nav.automation", _AUTOMATION), ("web.nav.fleet", _FLEET),
    ("web.nav.trouble", _TROUBLE), ("web.nav.house", _HOUSE),
)  # fmt: skip
"""Groups, each with the key of its name."""
