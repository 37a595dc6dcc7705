"""The colours of app.css, recomputed: text on every ground it stands on is readable, whatever the theme. No browser needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

CSS = (files("mainspring.web") / "static" / "app.css").read_text("utf-8")
FAMILIES = ("wait", "run", "ok", "warn", "bad", "stop")
Theme = dict[str, str]


def themes() -> dict[str, Theme]:
    """Return the tokens of the light theme and of the dark one: each is written once, with both."""
    found = re.findall(r"--([\w-]+):\s*light-dark\((#[0-9a-fA-F]{3,8}), (#[0-9a-fA-F]{3,8})\)", CSS)
    assert len(found) > 40, "app.css has no tokens"
    return {"light": {name: light for name, light, _ in found}, "dark": {name: dark for name, _, dark in found}}


THEMES = themes()


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2, section 1.4.3)."""
    digits = colour.removeprefix("#")
    if len(digits) in (3, 4):
        digits = "".join(each * 2 for each in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return how much two colours differ, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def pairs() -> Iterator[tuple[str, str, float]]:
    """Yield which token stands on which, and the least contrast that it needs."""
    for ground in ("canvas", "surface", "raised", "hover"):
        yield "ink", ground, 7.0
        yield "muted", ground, 4.5
        yield "accent", ground, 4.5
        yield "danger", ground, 4.5
    for ground in ("canvas", "surface"):
        yield "control", ground, 3.0  # the border of a control
    yield "on-accent", "accent", 4.5
    for family in FAMILIES:
        yield family, f"{family}-tint", 4.5
        yield family, "surface", 4.5
        yield f"{family}-solid", "surface", 3.0


@pytest.mark.scenario("B-24", part="contrast")
@pytest.mark.parametrize("theme", THEMES)
def test_every_pair_is_readable(theme: str) -> None:
    tokens = THEMES[theme]
    wrong = [f"--{text} on --{ground}: {contrast(tokens[text], tokens[ground]):.2f}, needs {least}"
             for text, ground, least in pairs() if contrast(tokens[text], tokens[ground]) < least]  # fmt: skip
    assert wrong == []


def test_the_terminal_is_readable() -> None:
    """The sixteen colours of a log, on its own ground."""
    for theme in THEMES.values():
        colours = {name: value for name, value in theme.items() if re.fullmatch(r"f\d", name)}
        assert len(colours) == 9, "app.css has no tokens --f0 … --f8 for what logs are coloured with"
        ground = theme["log-bg"]
        wrong = [f"--{name}: {contrast(value, ground):.2f}" for name, value in colours.items() if contrast(value, ground) < 4.5]
        assert wrong == []


def test_the_measure_is_that_of_the_standard() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777", "#fff") == pytest.approx(4.48, abs=0.01)
