"""What a hostile name or line may do on any page: be read. And the headers that keep it so where we should have slipped."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from playwright.async_api import Page

from mainspring.operations.catalog import CATALOG
from tests.browser import shop
from tests.browser.conftest import LookedAt, Pages
from tests.browser.places import LOOK, PLACES, Place, run
from tests.browser.stand import Stand

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "connect-src": "'self'",
    "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
}  # fmt: skip
HOSTILE = (
    Place("task", "/tasks/hostile"),
    Place("tasks", "/tasks"),
    Place("tasks, searched", "/tasks?q=%3Cscript%3Ealert(1)%3C/script%3E"),
    Place("runs", "/runs?q=task:hostile"),
    Place("runs, searched", "/runs?q=%22%3E%3Csvg%20onload=alert(1)%3E"),
    Place("run, completed", run(task="hostile", state=["completed"])),
    Place("run, failed", run(task="hostile", state=["failed"])),
    Place("run, result", run("?tab=result", task="hostile", state=["completed"])),
    Place("run, input", run("?tab=input", task="hostile", state=["failed"])),
    Place("run, output", run("?tab=output", task="hostile", state=["completed"])),
    Place("run, events", run("?tab=events", task="hostile", state=["completed"])),
    Place("run, error", run("?tab=error", task="hostile", state=["failed"])),
    Place("errors", "/errors"),
    Place("dead letters", "/dead"),
    Place("search", "/search?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"),
    Place("overview", "/"),
    Place("audit", "/audit?q=%3Cscript%3E"),
)

# What could only be there if a text had become markup. Our own markup has none of it.
MARKUP = """() => [
  ...[...document.querySelectorAll("main script:not([type='application/json']), main img[src='x'], main iframe, main object, main embed")],
  ...[...document.querySelectorAll("*")].filter((each) => [...each.attributes].some(({ name, value }) =>
    name.startsWith("on") || (["href", "src", "action", "formaction"].includes(name) && /^\\\\s*(javascript|data:text)/i.test(value)))),
].map((each) => each.outerHTML.slice(0, 160))"""


@pytest.mark.scenario("S0-12")
@pytest.mark.parametrize("place", HOSTILE, ids=lambda place: place.name)
async def test_what_is_hostile_is_text(looked_at: LookedAt, page: Page, place: Place) -> None:
    house = await looked_at(True)
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    answered = await page.goto(house.url(await place.on(house)), wait_until="load")
    assert answered is not None and answered.status == 200
    await page.evaluate("() => new Promise((done) => setTimeout(done, 50))")  # for an onerror that should not be
    assert await page.evaluate(MARKUP) == []
    assert asked == []
    assert "49" not in await page.title()  # {{ 7 * 7 }} is no template of ours


@pytest.mark.scenario("S0-12", part="it is shown, and not left out")
async def test_what_is_hostile_is_shown_as_it_is(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    await page.goto(house.url("/tasks/hostile"), wait_until="load")
    assert await page.locator("h1", has_text=shop.XSS[0]).count() == 1
    await page.goto(house.url(await HOSTILE[7].on(house)), wait_until="load")
    assert shop.XSS[0] in await page.locator("main").inner_text()


class _Inline(HTMLParser):
    """Finds what the policy forbids: style and handlers in attributes, scripts without an address."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"<{tag} {name}=…>" for name in given if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.found.append(f"<{tag}>")


@pytest.mark.parametrize("place", [*PLACES, Place("not there", "/no-such-page")], ids=lambda place: place.name)
async def test_headers_are_on_every_page(looked_at: LookedAt, page: Page, place: Place) -> None:
    house = await looked_at(True)
    answered = await page.request.get(house.url(await place.on(house)))
    told = answered.headers
    policy = dict(each.strip().partition(" ")[::2] for each in told["content-security-policy"].split(";") if each.strip())
    assert {name: policy.get(name) for name in POLICY} == POLICY
    assert "unsafe" not in told["content-security-policy"]
    assert (told["x-content-type-options"], told["cache-control"]) == ("nosniff", "no-store")
    assert told["referrer-policy"] in ("same-origin", "no-referrer")
    parser = _Inline()
    parser.feed(await answered.text())
    assert parser.found == []


async def test_a_page_of_somebody_else_cannot_frame_or_post(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(False)
    for site in ("cross-site", "same-site"):
        answered = await page.request.post(
            house.url("/settings/prefs"), form={"theme": "dark"}, headers={"Sec-Fetch-Site": site, "Cookie": "x=y"}, max_redirects=0
        )
        assert answered.status == 403
    answered = await page.request.get(house.url("/"), headers={"Host": "evil.example"})
    assert answered.status in (400, 421)


@pytest.mark.parametrize("path", ["/runs", "/tasks/ticks", "/"])
async def test_no_get_makes_a_run(seeded: Stand, page: Page, pages: Pages, path: str) -> None:
    async def counted() -> int:
        operation = CATALOG["runs.list"]
        return int((await operation(seeded.app, operation.request(total=True, limit=1), LOOK)).total)

    before = await counted()
    await page.goto(seeded.url(path), wait_until="load")
    links = await page.evaluate("() => [...document.querySelectorAll('a[href]')].map((each) => each.href)")
    for link in sorted({each.partition("#")[0] for each in links if each.startswith(seeded.origin)}):
        await page.request.get(link)
        await page.request.head(link)
    assert await counted() == before
