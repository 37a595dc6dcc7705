"""Every page of the map, empty and full, at the root and under a path: it is there, has one heading, and complains of nothing."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.browser.conftest import LookedAt
from tests.browser.places import PLACES

# Addresses within this host that do not begin with the path of the mount.
STRANGERS = """(prefix) => [...document.querySelectorAll("[href], [src], [action], [hx-get], [hx-post]")]
  .flatMap((each) => ["href", "src", "action", "hx-get", "hx-post"].map((name) => each.getAttribute(name)))
  .filter((address) => address && address.startsWith("/") && !address.startsWith(prefix + "/"))"""


@pytest.mark.scenario("B-25", part="pages under a path")
@pytest.mark.parametrize("prefix", ["", "/a/b"])
@pytest.mark.parametrize("is_seeded", [False, True], ids=["empty", "seeded"])
async def test_every_page_is_there(looked_at: LookedAt, page: Page, is_seeded: bool, prefix: str) -> None:
    house = await looked_at(is_seeded, prefix)
    wrong: list[str] = []
    for place in PLACES:
        if not place.is_bare and not is_seeded:
            continue
        path = await place.on(house)
        answered = await page.goto(house.url(path), wait_until="load")
        assert answered is not None
        title, headings = await page.title(), await page.locator("h1").count()
        if answered.status != 200 or headings != 1 or len(title) < 5:
            wrong.append(f"{place.name} ({path}): {answered.status}, {headings} h1, title {title!r}")
        strangers = await page.evaluate(STRANGERS, house.prefix)
        wrong += [f"{place.name} ({path}): leaves the mount by {each}" for each in strangers]
    assert wrong == []
