"""axe-core on every page: light and dark, desktop and phone, empty and seeded, dialogs open; and that pages fit where room is scarce."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.browser.axe import findings
from tests.browser.conftest import DESKTOP, PHONE, LookedAt
from tests.browser.places import PLACES, Place

NARROW = ViewportSize(width=320, height=640)  # WCAG 1.4.10: 1280 pixels at 400 %
ZOOMED = ViewportSize(width=640, height=400)  # and at 200 %
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOOKS: tuple[tuple[ViewportSize, Literal["light", "dark"]], ...] = (
    (DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light"),
)  # fmt: skip
HOUSES = [pytest.param(is_seeded, place, id=f"{'seeded' if is_seeded else 'empty'}-{place.name}") for is_seeded in (True, False)
          for place in PLACES if is_seeded or place.is_bare]  # fmt: skip


@pytest.mark.scenario("B-24", part="axe, reflow")
@pytest.mark.parametrize(("is_seeded", "place"), HOUSES)
async def test_axe_finds_nothing(looked_at: LookedAt, page: Page, is_seeded: bool, place: Place) -> None:
    house = await looked_at(is_seeded)
    answered = await page.goto(house.url(await place.on(house)), wait_until="load")
    assert answered is not None and answered.status == 200
    wrong: list[str] = []
    for size, scheme in LOOKS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        wrong += [f"{scheme} {size['width']}: {each}" for each in await findings(page) if not any(each in known for known in wrong)]
    for size in (PHONE, NARROW, ZOOMED):
        await page.set_viewport_size(size)
        if (too_wide := await page.evaluate(OVERFLOW)) > 0:
            wrong.append(f"at {size['width']} px it is {too_wide} px too wide: {await page.evaluate(WIDE)}")
    assert wrong == [], "\n".join(wrong)


# The outermost elements that stand out on the right, and scroll within nothing.
WIDE = """() => [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 4).map((each) => each.outerHTML.slice(0, 120)).join(" … ")"""


@pytest.mark.scenario("B-24", part="forced colours")
async def test_forced_colours_leave_everything_to_be_seen(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    await page.emulate_media(forced_colors="active")
    for path in ("/", "/runs", "/tasks", "/settings"):
        await page.goto(house.url(path), wait_until="load")
        assert await findings(page, off=("color-contrast",)) == []  # the colours are the user's own
        unseen = await page.evaluate(UNSEEN)
        assert unseen == [], f"{path}: in forced colours nothing shows where these are"


# Controls that only a background colour tells from what is around them: forced colours take it away.
UNSEEN = """() => [...document.querySelectorAll("button, input:not([type=hidden]), select, textarea")].filter((each) => {
  const style = getComputedStyle(each);
  if (!each.offsetParent) return false;
  const bordered = parseFloat(style.borderTopWidth) > 0 || parseFloat(style.outlineWidth) > 0;
  return !bordered && !each.textContent.trim() && !each.querySelector("svg") && !["checkbox", "radio", "range", "file"].includes(each.type);
}).map((each) => each.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.scenario("B-24", part="dialogs")
async def test_palette_and_sheet_are_accessible(looked_at: LookedAt, page: Page, scheme: str) -> None:
    house = await looked_at(True)
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.goto(house.url("/runs"), wait_until="load")
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette")).to_be_visible()
    await page.keyboard.type("back")
    await expect(page.locator("#palette-list [role=option]").first).to_be_visible()
    assert await findings(page) == []
    await page.keyboard.press("Escape")
    await expect(page.locator("#palette")).to_be_hidden()
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    assert await findings(page) == []


async def test_an_error_page_is_accessible(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    answered = await page.request.get(house.url("/no-such-page"))
    assert answered.status == 404
    await page.set_content(await answered.text())
    assert await page.locator("h1").count() == 1


async def test_the_copy_is_the_one_that_was_vendored_and_axe_sees_what_is_wrong(page: Page) -> None:
    await page.set_content("<html><body><img src='data:,'><p style='color:#aaa;background:#fff'>pale</p></body></html>")
    told = "\n".join(await findings(page))
    assert "image-alt" in told and "color-contrast" in told and "html-has-lang" in told
