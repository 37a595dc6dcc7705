"""The list of runs in a browser: live changes keep what somebody has in hand, many are chosen and acted on, idle lists cost nothing."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Request, expect

from tests.browser.conftest import Pages, Stands
from tests.browser.shop import backup, ticks
from tests.browser.stand import Stand

TICK = "() => document.body.dispatchEvent(new CustomEvent('ms:tick'))"


async def add(stand: Stand, n: int = 1) -> list[str]:
    return [(await stand.app.enqueue(backup.options(delay="1h"), database=f"d{each}")).id for each in range(n)]


@pytest.mark.scenario("U16", part="browser")
async def test_new_runs_come_in_by_themselves_from_another_process(stands: Stands, page: Page) -> None:
    stand = await stands(works=True)
    await page.goto(stand.url("/runs"))
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    run = await stand.app.enqueue(ticks, n=3, pause=0.05)
    row = page.locator(f"#r-{run.id}")
    await expect(row).to_be_visible()
    await expect(row.locator(".badge")).to_have_text("Succeeded")


@pytest.mark.scenario("U8", part="stable under inserts")
async def test_rows_do_not_move_under_the_pointer(stand: Stand, page: Page) -> None:
    ids = (await add(stand, 60))[::-1]
    await page.goto(stand.url("/runs"))
    third = page.locator(f"#r-{ids[2]}")
    await third.locator("a").first.focus()
    await page.locator("details", has_text="Filter and columns").locator("summary").click()
    await third.locator("a").first.focus()
    await page.evaluate("() => scrollTo(0, 300)")
    top = await third.evaluate("each => each.getBoundingClientRect().top")
    await add(stand, 2)
    await page.evaluate(TICK)
    await expect(page.locator(".new")).to_have_text("2 new runs")
    assert abs(await third.evaluate("each => each.getBoundingClientRect().top") - top) < 1, "the bar lies over the list"
    assert await third.locator("a").first.evaluate("each => each === document.activeElement"), "the focus stays"
    await expect(page.locator("details", has_text="Filter and columns")).to_have_attribute("open", "")
    assert await page.evaluate("() => scrollY") > 250
    await page.locator(".new a").click()
    await expect(page.locator("tbody tr")).to_have_count(50)
    await expect(page.locator(".new")).to_have_count(0)


@pytest.mark.scenario("U8", part="selection")
async def test_what_is_chosen_stays_chosen_and_pauses_the_list(stand: Stand, page: Page) -> None:
    ids = (await add(stand, 5))[::-1]
    await page.goto(stand.url("/runs"))
    await page.locator(f"#r-{ids[0]} input").click()
    await page.locator(f"#r-{ids[2]} input").click(modifiers=["Shift"])
    await expect(page.locator("[data-bulk] [data-n]")).to_have_text("3")
    await expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    await add(stand)
    await page.evaluate("() => document.body.dispatchEvent(new CustomEvent('ms:tick-still'))")
    await expect(page.locator(".new")).to_have_text("1 new run")
    for each in ids[:3]:
        await expect(page.locator(f"#r-{each} input")).to_be_checked()
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-bulk]")).to_be_hidden()
    await expect(page.locator(f"#r-{ids[0]} input")).not_to_be_checked()


@pytest.mark.scenario("U6", part="browser")
async def test_chosen_runs_are_cancelled_after_a_preview(stand: Stand, page: Page) -> None:
    ids = await add(stand, 4)
    await page.goto(stand.url("/runs"))
    for each in ids[:2]:
        await page.locator(f"#r-{each} input").check()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cancel: 2 runs")
    await page.get_by_role("button", name="Cancel: 2 runs").click()
    await expect(page.get_by_text("2 of 2 done.")).to_be_visible()
    await page.get_by_role("link", name="Back to the list").click()
    await expect(page.locator(f"#r-{ids[0]} .badge")).to_have_text("Cancelled")
    await expect(page.locator(f"#r-{ids[3]} .badge")).to_have_text("Scheduled")


@pytest.mark.scenario("U6", part="all matching")
async def test_all_that_match_are_meant_only_when_it_is_said(stand: Stand, page: Page) -> None:
    await add(stand, 120)
    await page.goto(stand.url("/runs?q=task:backup"))
    await page.locator("[data-select-all]").check()
    await expect(page.locator("[data-bulk] [data-n]")).to_have_text("50")
    await page.get_by_label("All that match the search").check()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cancel: 120 runs")
    await page.get_by_label("type the number 120").fill("120")
    await page.get_by_role("button", name="Cancel: 120 runs").click()
    await expect(page.get_by_text("120 of 120 done.")).to_be_visible()


@pytest.mark.scenario("U8", part="304 in a browser")
async def test_an_idle_list_is_answered_with_304(stand: Stand, page: Page) -> None:
    await add(stand, 3)
    await page.goto(stand.url("/runs"))
    answers: list[int] = []

    async def heard(request: Request) -> None:
        answered = await request.response()
        if answered is not None and request.headers.get("if-none-match"):
            answers.append(answered.status)

    page.on("requestfinished", heard)
    await page.locator("table").hover()
    etag = await page.locator("#runs").get_attribute("data-etag")
    async with page.expect_response(lambda answer: "top=" in answer.url):
        await page.evaluate(TICK)  # the address differs from the page's: it is sent once more
    await expect(page.locator("#runs")).not_to_have_attribute("data-etag", etag or "")
    async with page.expect_response(lambda answer: "top=" in answer.url and answer.status == 304):
        await page.evaluate(TICK)
    await expect(page.locator("tbody tr")).to_have_count(3)


async def test_the_search_completes_and_filters(stand: Stand, page: Page) -> None:
    await add(stand, 2)
    await page.goto(stand.url("/runs"))
    field = page.get_by_label("Search runs")
    await field.fill("task:back")
    await expect(page.locator('#run-words option[value="task:backup"]')).to_have_count(1)
    await field.fill("task:ticks")
    await field.press("Enter")
    await expect(page.get_by_text("No run is like that.")).to_be_visible()


@pytest.mark.scenario("S3-29", part="browser")
async def test_a_run_is_followed_and_cancelled_from_its_page(stands: Stands, page: Page) -> None:
    stand = await stands(works=True)
    run = await stand.app.enqueue(ticks, n=1000, pause=0.05)
    await page.goto(stand.url(f"/runs/{run.id}"))
    await expect(page.locator(".title .badge")).to_have_text("Running")
    await page.goto(stand.url("/settings"))  # whoever looks goes away, and the run goes on
    await page.goto(stand.url(f"/runs/{run.id}"))
    await expect(page.locator(".title .badge")).to_have_text("Running")
    await page.get_by_role("button", name="Cancel run").click()
    await page.get_by_label("Reason").fill("long enough")
    await page.locator("#confirm button[value=yes]").click()
    await expect(page.locator(".title .badge")).to_have_text("Cancelled")
    assert (await page.title()).startswith("Cancelled · ticks")


async def test_without_scripts_runs_are_searched_paged_and_cancelled(stand: Stand, pages: Pages) -> None:
    ids = await add(stand, 55)
    page = await pages(java_script_enabled=False)
    await page.goto(stand.url("/runs"))
    await page.get_by_role("link", name="Older").click()
    await expect(page.locator("tbody tr")).to_have_count(5)
    await page.locator(f"#r-{ids[0]} a").first.click()
    await page.get_by_role("button", name="Cancel run").click()
    await expect(page.locator(".title .badge")).to_have_text("Cancelled")
