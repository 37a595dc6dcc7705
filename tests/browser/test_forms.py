"""Forms in a browser, with scripts and without: filling in, rows, unions, files, what is wrong, and one run for two clicks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from tests.browser.axe import findings
from tests.browser.conftest import PHONE, Pages
from tests.browser.stand import Stand
from tests.browser.watch import Watch

UNFIT = r"422|409"  # what a browser says of an answer that refuses a form


async def runs(stand: Stand) -> list[Any]:
    """Return every run with all that is known of it, the newest first."""
    listing, show, caller = CATALOG["runs.list"], CATALOG["runs.show"], Caller("the test", "test")
    found = (await listing(stand.app, listing.request(limit=100), caller)).items
    return [await show(stand.app, show.request(id=each.id), caller) for each in found]


def start(page: Page) -> Any:
    return page.locator("button[name=_start]")


async def both(pages: Pages) -> list[tuple[Page, bool]]:
    """Return a page with scripts and one without."""
    return [(await pages(), True), (await pages(java_script_enabled=False), False)]


@pytest.mark.scenario("S3-10", "S3-18", "U1", part="form")
async def test_every_widget_is_filled_in_and_arrives(stand: Stand, pages: Pages, tmp_path: Path) -> None:
    upload = tmp_path / "people.csv"
    upload.write_bytes(b"name\nAda\n" * 1000)
    for page, has_scripts in await both(pages):
        await page.goto(stand.url("/tasks/widgets"))
        await page.get_by_label("Name", exact=False).first.fill("Ada, “Countess”")
        await page.get_by_text("Where to").click()
        await page.get_by_role("textbox", name="Host").fill("db1.example.org")
        await page.get_by_role("button", name="Add Targets").click()
        hosts = page.get_by_role("textbox", name="Host")
        if not has_scripts:
            await page.get_by_text("Where to").click()
        await expect(hosts).to_have_count(2)
        await hosts.nth(1).fill("db2.example.org")
        await page.get_by_role("radio", name="Transfer").check()
        await expect(page.get_by_label("Number")).to_be_hidden()
        await page.get_by_label("Iban").fill("DE02")
        await page.get_by_role("checkbox", name="Green").check()
        await page.get_by_role("radio", name="High").check()
        await page.get_by_label("Currency").select_option(label="Złoty")
        await page.get_by_label("Jobs").fill("8")
        await page.get_by_label("Day").fill("2026-05-01")
        await page.locator("input[name=at]").fill("2026-05-01T08:30")
        await page.locator("[name='at[zone]']").select_option("UTC")
        await page.get_by_label("How long").fill("1h 30m")
        await page.get_by_role("button", name="Add Words").click()
        await page.get_by_role("textbox", name="Words 3").last.fill("three")
        await page.get_by_role("button", name="Move up: Words 2").click()
        await page.get_by_role("button", name="Add Labels").click()
        await page.locator("input[aria-label=Name]").fill("team")
        await page.locator("input[aria-label=Value]").fill("red, blue")
        await page.get_by_label("Password").fill("env:SMTP_PASSWORD")
        await page.locator("input[type=file]").set_input_files(upload)
        await start(page).click()
        await page.wait_for_url("**/runs/*")
        run = (await runs(stand))[0]
        given = run.params
        assert (given["name"], given["payment"]) == ("Ada, “Countess”", {"kind": "transfer", "iban": "DE02", "is_urgent": False})
        assert given["targets"] == [{"host": "db1.example.org", "port": 5432}, {"host": "db2.example.org", "port": 5432}]
        assert (given["colours"], given["level"], given["currency"], given["jobs"]) == (["green"], 6, "PLN", 8)
        assert (given["day"], given["at"], given["how_long"]) == ("2026-05-01", "2026-05-01T08:30:00Z", "PT1H30M")
        assert (given["words"], given["labels"], given["password"]) == (["two", "one", "three"], {"team": "red, blue"}, "env:SMTP_PASSWORD")
        assert (given["template"]["name"], given["template"]["sha256"]) == ("people.csv", hashlib.sha256(upload.read_bytes()).hexdigest())


@pytest.mark.scenario("S3-11", part="form")
async def test_what_is_wrong_is_summed_up_focused_and_leads_to_its_field(stand: Stand, pages: Pages, watch: Watch) -> None:
    watch.expect(UNFIT)
    for page, has_scripts in await both(pages):
        await page.goto(stand.url("/tasks/widgets"))
        await page.get_by_label("Jobs").fill("99")
        await page.get_by_text("For experts").click()
        await page.get_by_label("Settings").fill('{"a": 1,\n')
        await page.get_by_label("Number").fill("12")
        await start(page).click()
        summary = page.get_by_role("alert")
        await expect(summary).to_be_visible()
        await expect(page).to_have_title("Error: Every widget · Mainspring")
        await expect(page.get_by_label("Jobs")).to_have_value("99")
        await expect(page.get_by_label("Jobs")).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label("Settings")).to_be_visible()  # its section is open
        if has_scripts:
            await expect(summary).to_be_focused()
            await summary.get_by_role("link", name="Number").click()
            await expect(page.get_by_label("Number")).to_be_focused()
        await expect(summary.get_by_role("link", name="line 2")).to_be_visible()
    assert await runs(stand) == []


@pytest.mark.scenario("S0-18", part="pages")
async def test_going_back_and_starting_again_opens_the_run_that_is_there(stand: Stand, page: Page) -> None:
    await page.goto(stand.url("/tasks/ticks"))
    form = await page.evaluate("new URLSearchParams([...new FormData(document.querySelector('#form')), ['_start', '1']]).toString()")
    send = "async body => (await fetch(location.pathname, {method: 'POST', body: new URLSearchParams(body)})).url"
    first, second = await page.evaluate(f"async body => Promise.all([1, 2].map(() => ({send})(body)))", form)
    assert first.partition("?")[0] == second.partition("?")[0]
    assert len(await runs(stand)) == 1


async def test_a_danger_is_confirmed_by_its_name(stand: Stand, page: Page, watch: Watch) -> None:
    watch.expect(UNFIT)
    await page.goto(stand.url("/tasks/backup"))
    await start(page).click()
    await expect(page.get_by_role("alert")).to_contain_text("type backup to confirm")
    await page.get_by_role("alert").get_by_role("link").click()
    await page.keyboard.type("backup")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/runs/*")
    assert len(await runs(stand)) == 1


async def test_links_and_commands_follow_the_form_without_a_page_in_between(stand: Stand, page: Page) -> None:
    await page.goto(stand.url("/tasks/backup"))
    await page.get_by_role("combobox", name="Database").fill("people & pets")
    await page.get_by_text("The same elsewhere").click()
    await page.get_by_role("button", name="Take the values").click()
    await expect(page.locator("#shown")).to_contain_text("--database=people & pets")
    link = await page.locator("#shown pre").first.inner_text()
    await page.goto(link)
    await expect(page.get_by_role("combobox", name="Database")).to_have_value("people & pets")
    assert await runs(stand) == []


@pytest.mark.scenario("S3-60", part="form")
async def test_rows_on_a_phone_stay_within_it(stand: Stand, pages: Pages) -> None:
    page = await pages(viewport=PHONE)
    await page.goto(stand.url("/tasks/script"))
    for name in ("PATH", "HOME"):
        await page.get_by_role("button", name="Add Env").click()
        await page.get_by_role("textbox", name="Name").last.fill(name)
        await page.get_by_role("textbox", name="Value").last.fill(f"/{name}")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await page.get_by_role("button", name="Remove: Env 1").first.click()
    await start(page).click()
    await page.wait_for_url("**/runs/*")
    assert (await runs(stand))[0].params["env"] == [{"name": "HOME", "value": "/HOME"}]


@pytest.mark.scenario("S3-50", part="browser")
async def test_the_catalogue_is_searched_by_keyboard(seeded: Stand, page: Page) -> None:
    await page.goto(seeded.url("/tasks"))
    await page.keyboard.press("/")
    await page.keyboard.type("newsletter")
    await expect(page.locator("#found article")).to_have_count(1)
    assert "q=newsletter" in page.url
    await page.get_by_role("link", name="Send newsletter").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Send newsletter")


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
@pytest.mark.parametrize(
    "path",
    ["/tasks", "/tasks?as=table", "/tasks/widgets", "/tasks/backup", "/tasks/backup/stats", "/tasks/backup/settings", "/tasks/backup/code"],
)
async def test_nothing_is_in_the_way_of_anybody(seeded: Stand, pages: Pages, watch: Watch, look: str, path: str) -> None:
    watch.expect(UNFIT)
    page = await pages(color_scheme="dark" if look == "dark" else "light", **({"viewport": PHONE} if look == "phone" else {}))
    await page.goto(seeded.url(path))
    if path in ("/tasks/widgets", "/tasks/backup"):
        await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        if path == "/tasks/widgets":
            await page.get_by_label("Jobs").fill("99")
        await start(page).click()
        await expect(page.get_by_role("alert")).to_be_visible()
    assert await findings(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= (await page.evaluate("innerWidth"))
