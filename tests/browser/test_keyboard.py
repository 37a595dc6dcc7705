"""The console without a mouse: where the focus goes, that it is seen, and that a task is started, stopped and looked at by keys alone."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import LookedAt, Stands
from tests.browser.places import PLACES, Place

FOCUSED = "() => { const at = document.activeElement; return at === document.body ? '' : at.id || at.textContent.trim() || at.tagName }"
# A modal dialog lets the focus leave to the browser's own controls, and nowhere else.
WITHIN = "(name) => document.querySelector(name).contains(document.activeElement) || document.activeElement === document.body"
# The ring round what has the focus: an outline, or a shadow in its stead. Of dates and times the browser marks the part that is edited.
RING = """() => {
  if (["date", "time", "datetime-local"].includes(document.activeElement.type)) return true;
  const style = getComputedStyle(document.activeElement);
  return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
}"""


@pytest.mark.scenario("B-24", part="keyboard")
async def test_the_first_stop_skips_to_the_content(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    await page.goto(house.url("/runs"), wait_until="load")
    await page.keyboard.press("Tab")
    await expect(page.locator("a.skip")).to_be_focused()
    await expect(page.locator("a.skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    assert await page.evaluate("() => document.querySelector('#main').contains(document.activeElement)")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_nothing_jumps_the_queue_and_everything_has_a_name(looked_at: LookedAt, page: Page, place: Place) -> None:
    house = await looked_at(True)
    await page.goto(house.url(await place.on(house)), wait_until="load")
    assert await page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0
    assert await page.locator("[autofocus]").count() == 0  # the focus begins where the page does


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.scenario("B-24", part="focus is seen")
async def test_the_focus_is_seen_wherever_it_goes(looked_at: LookedAt, page: Page, scheme: str) -> None:
    house = await looked_at(True)
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.goto(house.url("/tasks/widgets"), wait_until="load")
    seen: set[str] = set()
    for _ in range(60):
        await page.keyboard.press("Tab")
        where = await page.evaluate(FOCUSED)
        if not where:
            break
        seen.add(where)
        assert await page.evaluate(RING), f"{where!r} has the focus, and nothing shows it"
    assert len(seen) > 20


@pytest.mark.scenario("B-24", part="the palette")
async def test_the_palette_takes_the_focus_and_gives_it_back(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    await page.goto(house.url("/runs"), wait_until="load")
    await page.locator("#open-palette").focus()
    await page.keyboard.press("Control+k")
    palette = page.locator("#palette")
    await expect(palette.locator("input")).to_be_focused()
    for _ in range(3):
        await page.keyboard.press("Tab")
        assert await page.evaluate(
            "() => document.querySelector('#palette').contains(document.activeElement) || document.activeElement === document.body"
        )
    await page.keyboard.press("Escape")
    await expect(palette).to_be_hidden()
    await expect(page.locator("#open-palette")).to_be_focused()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("backup")
    await expect(palette.locator("[role=option]").first).to_contain_text("ackup")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await expect(palette.locator("[role=option][aria-selected=true]")).to_contain_text("ackup")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/tasks/backup*")


async def test_single_keys_go_places_but_not_while_one_writes(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    await page.goto(house.url("/"), wait_until="load")
    await page.keyboard.press("g")
    await page.keyboard.press("r")
    await page.wait_for_url("**/runs")
    await page.keyboard.press("/")
    await page.keyboard.type("gt")
    assert page.url.partition("?")[0] == house.url("/runs")
    assert await page.evaluate("() => document.activeElement.value") == "gt"


@pytest.mark.scenario("B-24", part="a task by keys alone")
@pytest.mark.slow
async def test_a_task_is_started_watched_and_cancelled_by_keys_alone(stands: Stands, page: Page) -> None:
    stand = await stands(works=True)
    await page.goto(stand.url("/"), wait_until="load")
    await page.keyboard.press("Control+k")
    await page.keyboard.type("ticks")
    await expect(page.locator("#palette [role=option]").first).to_contain_text("icks")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/tasks/ticks*")
    await page.locator("[name=n]").focus()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("500")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/runs/*")
    await expect(page.locator("main")).to_contain_text("tick 3")
    await page.evaluate("() => document.activeElement.blur()")
    await page.keyboard.press("c")
    await expect(page.locator("#confirm")).to_be_visible()
    assert await page.evaluate("() => document.querySelector('#confirm').contains(document.activeElement)")
    await page.locator("#confirm .danger").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("main .badge").first).to_contain_text("ancelled", timeout=30_000)
