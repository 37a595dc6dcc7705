"""A browser for the tests: the system's Chromium, a server of the console, and pages that fail their test by whatever they complain of.

Tests here are coroutines, and all of a process share one loop: it carries the browser's connection and the servers.

    async def test_it(stand: Stand, page: Page) -> None:      # an empty store of its own
        await page.goto(stand.url("/runs"))
        await expect(page.get_by_role("heading", level=1)).to_have_text("Runs")

``stands(seeded=True, prefix="/a/b", works=True)`` opens others. ``looked_at`` has stands that tests share which only look.
"""

from __future__ import annotations

import asyncio
import inspect
import subprocess
from collections.abc import Awaitable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright
from playwright.async_api import expect as _expect

from tests import postgres
from tests.browser.seed import fill
from tests.browser.stand import Stand, open_stand
from tests.browser.watch import Watch

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds that one test may take on a loaded machine
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)
_expect.set_options(timeout=10_000)


class Loop:
    """The loop that everything of a browser test lives on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""

        async def bounded() -> T:
            return await asyncio.wait_for(work, PATIENCE)

        return self._loop.run_until_complete(bounded())

    def close(self) -> None:
        """End it."""
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """The loop of this process's browser tests."""
    made = Loop()
    yield made
    made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    found = pyfuncitem._request.getfixturevalue("loop")
    assert isinstance(found, Loop)
    names = inspect.signature(pyfuncitem.obj).parameters
    found.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def chromium_path() -> str:
    """Return where Chromium is; a test that cannot have one fails."""
    found = subprocess.run(["sh", str(ROOT / "tools" / "chromium.sh")], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.fail(found.stderr.strip(), pytrace=False)
    return found.stdout.strip()


@pytest.fixture(scope="session")
def chromium(loop: Loop) -> Iterator[Browser]:
    """One browser a process; each test has a profile of its own in it."""
    path = chromium_path()

    async def start() -> tuple[Any, Browser]:
        manager = async_playwright()
        playwright = await manager.start()
        return manager, await playwright.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))

    manager, browser = loop.run(start())
    yield browser

    async def stop() -> None:
        await browser.close()
        await manager.__aexit__()

    loop.run(stop())


class Stands(Protocol):
    """Opens a stand; see `open_stand`."""

    def __call__(self, *, seeded: bool = False, **options: Any) -> Awaitable[Stand]: ...


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with something of everything in it; stands begin with a copy."""
    path = tmp_path_factory.mktemp("seed") / "seed.db"
    fill(path)
    return path


@pytest.fixture
def stands(tmp_path: Path, loop: Loop, seed: Path) -> Iterator[Stands]:
    """Open stands of this test's own: ``await stands(seeded=True, prefix="/a/b", works=True)``."""
    made: list[Stand] = []

    async def open_one(*, seeded: bool = False, url: str | None = None, **options: Any) -> Stand:
        stand = await open_stand(url or f"sqlite:///{tmp_path}/stand-{len(made)}.db", seed=seed if seeded else None, **options)
        made.append(stand)
        return stand

    yield open_one

    async def close() -> None:
        for each in made:
            await each.close()

    loop.run(close())


@pytest.fixture
def stand(stands: Stands, loop: Loop) -> Stand:
    """A console over an empty store, without a node."""

    async def open_one() -> Stand:
        return await stands()

    return loop.run(open_one())


@pytest.fixture
def seeded(stands: Stands, loop: Loop) -> Stand:
    """A console over a store of one's own with something of everything in it, without a node."""

    async def open_one() -> Stand:
        return await stands(seeded=True)

    return loop.run(open_one())


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database."""
    url = postgres.fresh_database(postgres.server())
    yield url
    postgres.drop_database(url)


class LookedAt(Protocol):
    """Opens a stand that tests share."""

    def __call__(self, is_seeded: bool, prefix: str = "") -> Awaitable[Stand]: ...


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory, seed: Path, loop: Loop) -> Iterator[LookedAt]:
    """Stands that many tests share, none of which changes anything: ``await looked_at(True, "/a/b")``."""
    made: dict[tuple[bool, str], Stand] = {}

    async def one(is_seeded: bool, prefix: str = "") -> Stand:
        key = (is_seeded, prefix)
        if key not in made:
            path = tmp_path_factory.mktemp("looked") / "at.db"
            made[key] = await open_stand(f"sqlite:///{path}", prefix=prefix, seed=seed if is_seeded else None)
        return made[key]

    yield one

    async def close() -> None:
        for each in made.values():
            await each.close()

    loop.run(close())


@pytest.fixture
def watch() -> Watch:
    """What the pages of this test complain of; a test says here what it expects."""
    return Watch()


class Pages(Protocol):
    """Opens a page in a profile of its own; the options are those of a browser context."""

    def __call__(self, **options: Any) -> Awaitable[Page]: ...


@pytest.fixture
def pages(chromium: Browser, watch: Watch, loop: Loop) -> Iterator[Pages]:
    """Open pages, each in a profile of its own: ``await pages(viewport=PHONE, color_scheme="dark", java_script_enabled=False)``."""
    contexts: list[BrowserContext] = []

    async def open_one(**options: Any) -> Page:
        chosen = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin", "reduced_motion": "reduce", **options}
        context = await chromium.new_context(**chosen)
        contexts.append(context)
        await watch.over(context)
        return await context.new_page()

    yield open_one

    async def close() -> None:
        for each in contexts:
            await each.close()

    loop.run(close())
    watch.judge()


@pytest.fixture
def page(pages: Pages, loop: Loop) -> Page:
    """A page of 1280 x 800 pixels."""
    return loop.run(_one(pages))


@pytest.fixture
def phone(pages: Pages, loop: Loop) -> Page:
    """A page of a phone, 390 pixels wide."""
    return loop.run(_one(pages, viewport=PHONE, has_touch=True, is_mobile=True))


@pytest.fixture
def dark(pages: Pages, loop: Loop) -> Page:
    """A page for somebody who likes it dark."""
    return loop.run(_one(pages, color_scheme="dark"))


async def _one(pages: Pages, **options: Any) -> Page:
    return await pages(**options)
