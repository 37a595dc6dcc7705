"""Overview, schedules and services in a browser: charts under the strict policy, times in zones, previews, dialogs and what is live."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from mainspring.core.schedule import parse_schedule
from tests.browser import shop
from tests.browser.conftest import DESKTOP, Pages, Stands
from tests.browser.stand import Stand

STILL = datetime(2031, 3, 29, 12, tzinfo=UTC)


async def test_charts_are_drawn_without_a_report_and_have_their_data_as_tables(seeded: Stand, page: Page) -> None:
    await page.goto(seeded.url("/?window=24h"))
    await expect(page.locator("#chart-ended canvas")).to_be_visible()
    await expect(page.locator("#chart-lengths canvas")).to_be_visible()
    await expect(page.locator("#chart-ended .u-legend")).to_contain_text("Succeeded")
    await page.locator("#data-ended summary").click()
    table = page.locator("#data-ended table")
    await expect(table.get_by_role("columnheader", name="Failed")).to_be_visible()
    rows = table.locator("tbody tr")
    assert await rows.count() == 72
    figures = [int(each) for each in await rows.locator("td:nth-child(2)").all_inner_texts()]
    island = await page.evaluate("JSON.parse(document.getElementById('chart-data').textContent).charts.ended[0].values")
    assert figures == island[::-1], "the table says what the chart draws, the newest first"
    assert sum(figures) > 20
    # Under the table there are links to the runs of each point, and a click on the chart leads there as well.
    await expect(rows.first.get_by_role("link")).to_have_attribute("href", re.compile(r"/runs\?q=after%3A.*before%3A"))
    box = await page.locator("#chart-ended .u-over").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    await page.wait_for_url(re.compile(r"/runs\?q="))


async def test_charts_follow_the_theme(seeded: Stand, page: Page) -> None:
    await page.goto(seeded.url("/?window=24h"))
    marker = page.locator("#chart-ended .u-legend .u-marker").nth(0)
    await expect(marker).to_be_visible()
    before = await marker.evaluate("e => getComputedStyle(e).borderTopColor")
    await page.keyboard.press("t")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(marker).not_to_have_css("border-top-color", before)


@pytest.mark.scenario("U16", part="the overview is live")
async def test_the_overview_changes_by_itself_and_keeps_what_was_opened(stand: Stand, page: Page) -> None:
    await page.goto(stand.url("/"))
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await page.locator("#data-ended summary").click()
    handle = await stand.app.enqueue(shop.backup, database="orders")
    await expect(page.locator(f"#ov-{handle.id}")).to_contain_text("backup")
    await expect(page.locator("#data-ended")).to_have_attribute("open", "")
    await expect(page.locator("#chart-ended canvas")).to_be_visible()
    await stand.app.cancel(handle.id)
    await expect(page.locator(f"#ov-{handle.id}")).to_contain_text("Cancelled")


async def test_windows_and_filters_are_in_the_address(seeded: Stand, page: Page) -> None:
    await page.goto(seeded.url("/"))
    await page.get_by_role("link", name="7 d").click()
    await page.wait_for_url(re.compile("window=7d"))
    await page.get_by_label("Only this task").fill("backup")
    await page.get_by_role("button", name="Filter").click()
    await page.wait_for_url(re.compile("task=backup"))
    assert "window=7d" in page.url
    await expect(page.locator(".head p")).to_have_text("Last 7 days · all queues · backup")


@pytest.mark.scenario("B-01", part="pages, in a browser")
@pytest.mark.scenario("B-26", part="pages")
async def test_a_preview_follows_the_form_with_the_jump_of_clocks_in_both_zones(stand: Stand, pages: Pages) -> None:
    page = await pages(viewport=DESKTOP, timezone_id="America/New_York")
    await page.goto(stand.url("/schedules"))  # the browser says its zone with the first page
    await page.goto(stand.url("/schedules/new"))
    await page.get_by_role("radio", name="Cron").check()
    await expect(page.get_by_role("spinbutton")).to_have_count(0)
    await page.get_by_label("Cron expression").fill("30 2 28-31 3 *")
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    preview = page.locator("#preview")
    await expect(preview).to_contain_text("At 02:30")
    await expect(preview).to_contain_text("Your time (America/New_York)")
    await expect(preview.locator("tbody tr")).to_have_count(10)
    await expect(preview).to_contain_text("clocks leave this time out")
    shifted = preview.locator("tr", has_text="clocks leave this time out").first
    await expect(shifted).to_contain_text("03:00")
    await expect(shifted).to_contain_text("+02:00")
    await expect(shifted.locator("time")).to_have_attribute("title", re.compile(r"01:00:00 UTC$"))
    await page.get_by_label("Cron expression").fill("61 * * * *")
    await expect(preview).to_contain_text("minute")
    await expect(preview.locator("tbody tr")).to_have_count(0)


async def test_times_stand_still_with_a_frozen_clock_and_tick_with_a_moved_one(stand: Stand, page: Page) -> None:
    await stand.app.schedules.create("soon", "backup", parse_schedule("every 12h"))
    await page.clock.install()
    await page.goto(stand.url("/schedules"))
    shown = page.locator("#s--soon time").first
    text = await shown.inner_text()
    assert re.fullmatch(r"in \d+\s?(h|m)", text.replace("\u00a0", " ")), text
    await page.clock.fast_forward("13:00:00")
    await expect(shown).to_have_text(re.compile("ago"))
    assert await shown.get_attribute("title") is not None


async def test_a_schedule_is_made_without_scripts(stand: Stand, pages: Pages) -> None:
    page = await pages(java_script_enabled=False)
    await page.goto(stand.url("/schedules/new?task=send_newsletter&name=letters"))
    await page.locator("#how-week").check()
    await page.locator("input[name=weekday][value='5']").check()
    await page.locator("#f-time").fill("09:15")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("#preview")).to_contain_text("At 09:15")
    await expect(page.locator("#how-week")).to_be_checked()
    await page.get_by_role("button", name="Create").click()
    await page.wait_for_url(re.compile("/schedules/letters"))
    record = await stand.app.schedules.get("letters")
    assert record.effective.expression == "15 9 * * 1,5"


async def test_dialogs_name_what_they_do_and_take_a_reason(seeded: Stand, page: Page) -> None:
    await page.goto(seeded.url("/schedules"))
    row = page.locator("#s--report")
    await row.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("report fires nothing until it is resumed")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert not (await seeded.app.schedules.get("report")).is_paused
    await row.get_by_role("button", name="Pause").click()
    await dialog.get_by_label("Reason").fill("the source is away")
    await dialog.get_by_role("button", name="Pause").click()
    await page.wait_for_url(re.compile("/schedules/report"))
    await expect(page.locator("main")).to_contain_text("the source is away")
    record = await seeded.app.schedules.get("report")
    assert (record.is_paused, record.pause_reason) == (True, "the source is away")


@pytest.mark.scenario("D7", part="pages, in a browser")
async def test_what_was_edited_can_be_reset_to_code(seeded: Stand, page: Page) -> None:
    await page.goto(seeded.url("/schedules/prune_dumps/edit"))
    await page.locator("#f-time").fill("05:45")
    await expect(page.locator("#preview")).to_contain_text("At 05:45")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("h1 ~ .badge", has_text="Differs from code")).to_be_visible()
    await page.get_by_role("button", name="Reset to code").click()
    await page.get_by_role("dialog").get_by_role("button", name="Reset to code").click()
    await expect(page.locator(".head p")).to_contain_text("At 03:00")
    assert not (await seeded.app.schedules.get("prune_dumps")).drift


@pytest.mark.scenario("U7", part="pages, in a browser")
async def test_two_who_edit_at_once_lose_nothing(stands: Stands, pages: Pages, watch: object) -> None:
    stand = await stands(seeded=True)
    watch.expect(r"409")  # type: ignore[attr-defined]  # the answer is one, and Chromium says so
    first, second = await pages(), await pages()
    for page in (first, second):
        await page.goto(stand.url("/schedules/prune_dumps/edit"))
    await first.locator("#f-time").fill("04:00")
    await first.get_by_role("button", name="Save").click()
    await first.wait_for_url(re.compile("done=saved|/prune_dumps$"))
    await second.locator("#f-time").fill("05:00")
    await second.get_by_role("button", name="Save").click()
    await expect(second.locator("#conflict")).to_contain_text("At 04:00")
    await expect(second.locator("#conflict")).to_contain_text("At 05:00")
    await second.get_by_role("button", name="Save mine").click()
    await expect(second.locator(".head p")).to_contain_text("At 05:00")


async def test_lanes_calendar_and_services_are_drawn_on_a_phone_as_well(seeded: Stand, phone: Page) -> None:
    for path in ("/", "/schedules", "/schedules?view=lanes", "/schedules?view=calendar", "/schedules/report", "/schedules/new", "/services",
                 "/services/unlucky"):  # fmt: skip
        await phone.goto(seeded.url(path))
        await expect(phone.locator("h1")).to_have_count(1)
        too_wide = await phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, path


async def test_a_service_is_stopped_with_a_reason(seeded: Stand, page: Page) -> None:
    await page.goto(seeded.url("/services"))
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    row = page.locator("tr", has_text="watch_inbox")
    await row.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("stays down until it is started again")
    await dialog.get_by_label("Reason").fill("the mailbox moves")
    await dialog.get_by_role("button", name="Stop").click()
    await page.wait_for_url(re.compile("/services/watch_inbox"))
    [kept] = [each for each in await seeded.app.services.list("watch_inbox") if not each.place]
    assert (kept.is_wanted, kept.change_reason) == (False, "the mailbox moves")
