"""The stand itself: a page that complains fails its test, and one that does not is shown."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stands
from tests.browser.shop import ticks
from tests.browser.stand import Stand
from tests.browser.watch import Watch


async def test_a_page_is_shown(stand: Stand, page: Page) -> None:
    answered = await page.goto(stand.url())
    assert answered is not None and answered.status == 200
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize(
    ("provoke", "said"),
    [
        ("() => console.error('broken')", "broken"),
        ("() => { setTimeout(() => { throw new Error('unheard') }) }", "unheard"),
        ("() => fetch('http://127.0.0.1:9/').catch(() => 0)", "CSP connect-src refuses http://127.0.0.1:9/"),
        ("() => { document.body.innerHTML = '<img src=/no-such.png onerror=alert(1)>' }", "404"),
    ],
)
async def test_a_complaint_fails_the_test(stand: Stand, page: Page, watch: Watch, provoke: str, said: str) -> None:
    await page.goto(stand.url())
    await page.evaluate(provoke)
    async with asyncio.timeout(10):
        while not any(said in each for each in watch.problems):
            await page.evaluate("() => new Promise(requestAnimationFrame)")
    with pytest.raises(AssertionError, match=said):
        watch.judge()
    watch.expect(".*")


async def test_a_node_works_beside_it(stands: Stands) -> None:
    stand = await stands(prefix="/a/b", works=True)
    run = await stand.app.enqueue(ticks, n=1, pause=0.0)
    assert await run.result(timeout=60) == 1
