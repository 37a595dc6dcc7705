"""What pages weigh and what they ask the database for: budgets, not times."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from playwright.async_api import Error, Page, Response

from mainspring.store.sqlite import SqliteDatabase
from tests.browser.conftest import LookedAt
from tests.browser.places import PLACES
from tests.browser.stand import Stand

KILOBYTE = 1000
MOST_PAGE, MOST_COLD, MOST_SCRIPT, MOST_STYLE, MOST_WHEEL = 60, 60, 40, 30, 300
MOST_QUERIES, MOST_FOR_ALL = 8, 20
HEAVY = ("uplot", "log.js")  # charts and terminals may bring more
STATIC = Path(str(files("mainspring.web") / "static"))
LISTS = ("/", "/tasks", "/runs", "/schedules", "/services", "/queues", "/nodes", "/errors", "/dead", "/events", "/audit")


def _kilobytes(paths: Iterator[Path]) -> float:
    return sum(each.stat().st_size for each in paths) / KILOBYTE


def test_what_is_shipped_stays_small() -> None:
    scripts = _kilobytes(each for each in STATIC.rglob("*.js") if "vendor" not in each.parts)
    style = _kilobytes(each for each in STATIC.rglob("*.css") if "vendor" not in each.parts)
    templates = (each for each in (STATIC.parent / "templates").rglob("*.html"))
    shipped = [*(each for each in STATIC.rglob("*") if each.is_file()), *templates]
    everything = sum(len(zlib.compress(each.read_bytes(), 6)) for each in shipped) / KILOBYTE  # as a wheel keeps it
    assert scripts <= MOST_SCRIPT, f"our own scripts are {scripts:.1f} kB"
    assert style <= MOST_STYLE, f"the style sheet is {style:.1f} kB"
    assert everything <= MOST_WHEEL, f"the console is {everything:.1f} kB of the wheel"


async def _weight(response: Response) -> float:
    """Return the kilobytes of an answer, squeezed; of what the browser keeps no copy of (an icon), as they are."""
    try:
        return len(gzip.compress(await response.body(), 6)) / KILOBYTE
    except Error:
        return (await response.request.sizes())["responseBodySize"] / KILOBYTE


async def test_pages_are_light(looked_at: LookedAt, page: Page) -> None:
    house = await looked_at(True)
    wrong: list[str] = []
    for place in PLACES:
        arrived: list[Response] = []

        def take(response: Response, into: list[Response] = arrived) -> None:
            into.append(response)

        await page.goto("about:blank")  # what the page before still asks for is not this one's
        page.on("response", take)
        session = await page.context.new_cdp_session(page)
        await session.send("Network.clearBrowserCache")
        path = await place.on(house)
        await page.goto(house.url(path), wait_until="load")
        page.remove_listener("response", take)
        alone = await page.request.get(house.url(path))  # a browser may have dropped what it has shown
        html = len(gzip.compress(await alone.body(), 6)) / KILOBYTE
        cold = 0.0
        for each in arrived:
            if each.request.resource_type in ("document", "script", "stylesheet", "image", "font", "other") and each.status == 200:
                cold += await _weight(each)
        if html > MOST_PAGE:
            wrong.append(f"{path}: {html:.1f} kB of HTML")
        if cold > MOST_COLD and not any(name in each.url for each in arrived for name in HEAVY):
            wrong.append(f"{path}: {cold:.1f} kB in all")
        await session.detach()
    assert wrong == []


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    asked: Counter[str] = Counter()
    read = SqliteDatabase.read

    async def counting(self: SqliteDatabase, query: str, /, **values: Any) -> Any:
        asked[query] += 1
        return await read(self, query, **values)

    with patch.object(SqliteDatabase, "read", counting):
        yield asked


async def test_lists_ask_little(looked_at: LookedAt, page: Page) -> None:
    house: Stand = await looked_at(True)
    wrong: dict[str, dict[str, int]] = {}
    for path in LISTS:
        await page.request.get(house.url(path))  # what a process learns once is not the page's
        with _counted() as asked:
            assert (await page.request.get(house.url(path))).status == 200
        if asked.total() > (MOST_FOR_ALL if path == "/" else MOST_QUERIES) or max(asked.values(), default=0) > 2:
            wrong[path] = dict(asked)
    assert wrong == {}


@pytest.mark.parametrize("name", ["app.css", "ops.js"])
async def test_assets_are_kept_for_ever_by_their_content(looked_at: LookedAt, page: Page, name: str) -> None:
    house = await looked_at(False)
    arrived: list[Response] = []
    page.on("response", lambda response: arrived.append(response))
    await page.goto(house.url("/tasks"), wait_until="load")
    (asset,) = [each for each in arrived if name.partition(".")[0] in each.url and each.url.endswith(name.partition(".")[2])]
    told = await asset.all_headers()
    assert "immutable" in told["cache-control"]
