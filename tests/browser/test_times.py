"""Times on pages: in the zone that one has chosen, on the days when clocks are changed too, and ticking only while somebody looks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page

from mainspring import at
from tests.browser.conftest import LookedAt, Pages, Stands
from tests.browser.shop import backup

EVERY_TIME = """() => [...document.querySelectorAll("main time:not([data-since])")].map((each) =>
  ({ at: each.getAttribute("datetime"), text: each.textContent.trim(), title: each.title || each.getAttribute("aria-label") || "" }))"""


async def test_every_time_is_a_time_for_programs_too(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    for path in ("/runs", "/schedules", "/nodes", "/audit", "/events"):
        await page.goto(house.url(path), wait_until="load")
        for each in await page.evaluate(EVERY_TIME):
            moment = datetime.fromisoformat(each["at"])
            assert moment.utcoffset() == timedelta(0), f"{path}: {each}"
            assert each["text"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
async def test_a_time_is_shown_in_the_zone_that_is_chosen(looked_at: LookedAt, page: Page, zone: str) -> None:
    house = await looked_at(True)
    await page.goto(house.url("/settings"), wait_until="load")
    await page.request.post(house.url("/settings/prefs"), form={"zone": zone}, headers={"Sec-Fetch-Site": "same-origin"})
    await page.goto(house.url("/audit"), wait_until="load")
    shown = await page.evaluate(EVERY_TIME)
    assert shown
    here = datetime.fromisoformat(shown[0]["at"]).astimezone(ZoneInfo(zone))
    told = f"{shown[0]['text']} {shown[0]['title']}"
    assert re.search(rf"\b{here:%H:%M}\b", told), (told, here)


async def test_an_hour_that_comes_twice_is_told_apart(stands: Stands, pages: Pages) -> None:
    """02:30 in Berlin on the day when clocks are put back: both have their offset beside them."""
    stand = await stands(seeded=True)
    for number, hour in enumerate((0, 1)):
        moment = datetime(2027, 10, 31, hour, 30, tzinfo=UTC)
        await stand.app.schedules.create(f"twice-{number}", backup.name, at(moment))
    page = await pages(timezone_id="Europe/Berlin")
    await page.request.post(stand.url("/settings/prefs"), form={"zone": "Europe/Berlin"}, headers={"Sec-Fetch-Site": "same-origin"})
    told = []
    for number in range(2):
        await page.goto(stand.url(f"/schedules/twice-{number}"), wait_until="load")
        told.append(await page.locator("main").inner_text())
    assert "02:30" in told[0] and "02:30" in told[1]
    assert ("+02" in told[0] or "CEST" in told[0]) and ("+01" in told[1] or "CET" in told[1])


async def test_ages_tick_while_somebody_looks_and_rest_otherwise(looked_at: LookedAt, pages: Pages) -> None:
    house = await looked_at(True)
    page = await pages()
    await page.clock.install()
    await page.goto(house.url("/runs"), wait_until="load")
    ages = "() => [...document.querySelectorAll('main time[data-rel]')].map((each) => each.textContent).join('|')"
    before = await page.evaluate(ages)
    assert before
    await page.clock.run_for(3 * 3600 * 1000)
    after = await page.evaluate(ages)
    assert after != before
    await page.evaluate("""() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    await page.clock.run_for(3 * 3600 * 1000)
    assert await page.evaluate(ages) == after
