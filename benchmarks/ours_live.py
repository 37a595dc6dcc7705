"""Those who watch: a node in one process, a server in another, viewers here or in Chromium. Each line carries the time of its saying."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import run
from typing import Any

from benchmarks.ours import VARIABLE
from benchmarks.place import Place
from benchmarks.processes import started, tree_seconds
from benchmarks.readings import Reading, Unavailable, percentile
from mainspring import Mainspring

WORKER = [sys.executable, "-m", "mainspring", "worker", "-A", "benchmarks.live_tasks:app"]
SERVER = [sys.executable, "-m", "benchmarks.live_server"]
TOOL = Path(__file__).parents[1] / "tools" / "chromium.sh"
WARM_UP = 2  # seconds that are not measured
STAMP = re.compile(r"^(\d+\.\d+) ")
WATCH_FRAMES = """() => {
  window.frames_ = []; window.late = []; let last = performance.now()
  const turn = now => { frames_.push(now - last); last = now; requestAnimationFrame(turn) }
  requestAnimationFrame(turn)
  new MutationObserver(changes => {
    const at = Date.now() / 1000
    for (const change of changes) for (const node of change.addedNodes) {
      const said = node.matches(".l") && /\\d+\\.\\d{6} /.exec(node.textContent)
      if (said) late.push([at, (at - said[0]) * 1000])
    }
  }).observe(document.querySelector("#log .lines"), {childList: true, subtree: true})
}"""


async def viewers_hundred(place: Place, count: int) -> Reading:
    """100 viewers at 2,000 lines a second: what the server uses, and how late a viewer hears of a line."""
    return await _viewers(place, 100, 2_000, count)


async def viewers_thousand(place: Place, count: int) -> Reading:
    """1,000 viewers at 10 lines a second."""
    return await _viewers(place, 1_000, 10, count)


async def _viewers(place: Place, viewers: int, rate: int, seconds: int) -> Reading:
    from websockets.asyncio.client import connect

    late: list[float] = []
    heard = [0] * viewers

    async def look(number: int, url: str, run_id: str, there: asyncio.Semaphore) -> None:
        async with connect(url, max_size=None, compression=None, open_timeout=60, ping_interval=None) as socket:
            await socket.send(json.dumps({"sub": f"run:{run_id}", "after": 0}))
            there.release()
            async for text in socket:
                heard[number] += len(text)
                if number == 0:
                    now = time.time()
                    rows = [row for each in json.loads(text)["m"] for row in each.get("l", ())]
                    late.extend((now - float(found[1])) * 1000 for row in rows if (found := STAMP.match(row[3])))

    async with _stage(place) as (app, address, server):
        from benchmarks.live_tasks import talk

        handle = await app.enqueue(talk, rate=rate, seconds=seconds + 2 * WARM_UP + viewers // 50)
        url, there = f"ws{address.removeprefix('http')}/ws", asyncio.Semaphore(0)
        looking = [asyncio.create_task(look(number, url, handle.id, there)) for number in range(viewers)]
        for _ in looking:
            await there.acquire()
        await asyncio.sleep(WARM_UP)
        late.clear()
        before, began = tree_seconds(server) or 0.0, time.monotonic()
        await asyncio.sleep(seconds)
        used, took = (tree_seconds(server) or 0.0) - before, time.monotonic() - began
        lines = list(late)
        for each in looking:
            each.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
    note = "" if min(heard) else f"{heard.count(0)} VIEWERS HAVE HEARD NOTHING"
    return Reading(_spread(lines) | {"cpu_percent": used / took * 100, "per_second": len(lines) / took}, note)


async def paint(place: Place, count: int) -> Reading:
    """20 lines a second: from the moment that a body says a line to the moment that it is in the page."""
    return await _in_chromium(place, 20, count)


async def burst(place: Place, count: int) -> Reading:
    """5,000 lines a second in the page, and the longest of its frames meanwhile."""
    return await _in_chromium(place, 5_000, count)


async def _in_chromium(place: Place, rate: int, seconds: int) -> Reading:
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise Unavailable(f"Playwright is not installed ({error})") from None
    found = run(["sh", str(TOOL)], capture_output=True, text=True, check=False)
    if found.returncode:
        raise Unavailable(found.stderr.strip())
    async with _stage(place) as (app, address, _), async_playwright() as playwright:
        from benchmarks.live_tasks import talk

        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path=found.stdout.strip(), headless=True, args=arguments)
        page = await browser.new_page()
        handle = await app.enqueue(talk, rate=rate, seconds=seconds + 2 * WARM_UP + 4)
        await page.goto(f"{address}/look/{handle.id}")
        await asyncio.sleep(WARM_UP)
        await page.evaluate(WATCH_FRAMES)
        await asyncio.sleep(seconds)
        late: list[list[float]] = await page.evaluate("late")
        frames: list[float] = await page.evaluate("frames_")
        await browser.close()
    lines = [ms for _, ms in late]
    took = late[-1][0] - late[0][0]
    return Reading(_spread(lines) | {"per_second": len(lines) / took, "longest_ms": max(frames)})


@asynccontextmanager
async def _stage(place: Place) -> AsyncIterator[tuple[Mainspring, str, int]]:
    """Start a node and a server; yields an app to enqueue with, the server's address and its process."""
    environment: dict[str, Any] = {VARIABLE: place.dump(), "TASK_BUFFER_SIZE": "10000"}
    async with Mainspring(place.url, auto_migrate=True):
        pass
    async with started(WORKER, place, environment=environment), started(SERVER, place, environment=environment) as (server,):
        address = place.folder / "address"
        async with asyncio.timeout(60):
            while not address.exists():
                await asyncio.sleep(0.05)
        from benchmarks import live_tasks

        async with Mainspring(place.url, tasks=[live_tasks.talk]) as app:
            yield app, address.read_text("utf-8"), server.pid


def _spread(milliseconds: list[float]) -> dict[str, float]:
    return {f"p{percent}_ms": percentile(milliseconds, percent) for percent in (50, 95, 99)}
