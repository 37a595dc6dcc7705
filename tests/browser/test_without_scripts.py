"""The console with JavaScript switched off: everything that matters works by links, forms and reload."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Loop, Pages, Stands
from tests.browser.stand import Stand
from tests.browser.watch import Watch


@pytest.fixture
def plain(pages: Pages, loop: Loop) -> Page:
    """A page without scripts."""

    async def one() -> Page:
        return await pages(java_script_enabled=False)

    return loop.run(one())


@pytest.mark.scenario("S3-18")
@pytest.mark.slow
async def test_start_look_reload_and_cancel(stands: Stands, plain: Page) -> None:
    stand = await stands(works=True)
    await plain.goto(stand.url("/tasks/ticks"))
    await plain.locator("[name=n]").fill("3")
    await plain.locator("main form:has([name=n]) button.primary").last.click()
    await plain.wait_for_url("**/runs/*")
    run = stand.app.handle(await stand.app.read_run(plain.url.partition("?")[0].rpartition("/")[2]))
    assert await run.result(timeout=60) == 3
    await plain.reload()  # the page refreshes by nothing else
    await expect(plain.locator("main")).to_contain_text(re.compile("completed|succeeded", re.IGNORECASE))
    await plain.goto(plain.url.partition("?")[0] + "?tab=output")
    await expect(plain.locator("main")).to_contain_text("tick 3")


@pytest.mark.scenario("S3-18", part="a mistake")
async def test_a_mistake_is_told_beside_its_field_and_nothing_is_lost(seeded: Stand, plain: Page, watch: Watch) -> None:
    watch.expect("status of 422")
    await plain.goto(seeded.url("/tasks/widgets"))
    await plain.locator("[name=name]").fill("Ada")
    await plain.locator("[name=jobs]").fill("900")
    async with plain.expect_response(lambda answer: answer.request.method == "POST") as answered:
        await plain.locator("main form:has([name=jobs]) button.primary").last.click()
    assert (await answered.value).status == 422
    assert await plain.title() != "" and (await plain.title()).startswith("Error:")
    await expect(plain.locator("[name=name]")).to_have_value("Ada")
    await expect(plain.locator("[name=jobs]")).to_have_value("900")
    await expect(plain.locator("[name=jobs]")).to_have_attribute("aria-invalid", "true")


async def test_search_and_pages_work_by_links(seeded: Stand, plain: Page) -> None:
    await plain.goto(seeded.url("/runs"))
    first = await plain.locator("main table tbody tr").first.get_attribute("id")
    await plain.locator("main input[type=search][name=q]").fill("task:backup")
    await plain.locator("main input[type=search][name=q]").press("Enter")
    await plain.wait_for_url("**/runs?*q=task*")
    names = await plain.locator("main table tbody tr").all_inner_texts()
    assert names and all("backup" in each.lower() for each in names)
    await plain.goto(seeded.url("/runs"))
    await plain.locator("nav.pager").get_by_role("link", name="Older").click()
    await plain.wait_for_url("**/runs?*before=*")
    assert await plain.locator("main table tbody tr").first.get_attribute("id") != first
