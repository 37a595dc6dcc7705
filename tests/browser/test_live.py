"""The live log in a real browser: complete, in order and in colours, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from jinja2 import ChoiceLoader, DictLoader
from playwright.async_api import Page, Route, WebSocketRoute, expect
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Place

from mainspring import Mainspring
from mainspring.core.access import EVERYTHING, User, UserRole
from mainspring.web.access import caller_of
from mainspring.web.console import console
from mainspring.web.live import tail_of
from mainspring.web.server import Server
from mainspring.web.site import Site
from tests.browser import shop
from tests.browser.conftest import Loop, Pages
from tests.browser.stand import Stand
from tests.browser.watch import Watch
from tests.web.live.stage import Run, begin

FRAMES = Path(__file__).parents[1] / "web" / "frames"
LINES = "#log .l[id] .t"
# What is under test and nothing else: the shell, the macro of the log, and its scripts.
PAGE = """{% extends "base.html" %}{% import "macros/ui.html" as ui with context %}{% import "macros/log.html" as logs with context %}
{% block head %}<script src="{{ static('log.js') }}" type="module"></script>{% endblock %}
{% block main %}<h1>Log</h1><div id="progress">{{ ui.progress({"current": 0, "total": 10}) }}</div>
<p id="ticks" hx-get="{{ here() }}" hx-trigger="ms:tick from:body" hx-select="#none"></p>
{{ logs.log_view(tail, "/look/" ~ tail.run_id) }}{% endblock %}"""


@dataclass
class House:
    """A process that serves the console; it can go and come back at the same address."""

    app: Mainspring
    served: Any
    server: Server
    origin: str
    fellows: list[House] = field(default_factory=list)

    def told(self, run_id: str) -> None:
        """Let who looks here know; nodes of other processes tell by hints."""
        for each in (self, *self.fellows):
            if (held := each.app._opening.now) is not None:
                held.bus.ended([run_id])

    def url(self, run: Run | str) -> str:
        return f"{self.origin}/look/{run if isinstance(run, str) else run.id}"

    async def begin(self) -> Run:
        return await begin(self, shop.ticks)

    async def stop(self) -> None:
        """Let the server go; the app stays."""
        await self.server.close()

    async def start(self) -> None:
        """Come back at the same address."""
        port = urlsplit(self.origin).port
        assert port is not None
        self.server = Server(self.served, "127.0.0.1", port)
        await self.server.open()


class Houses(Protocol):
    def __call__(self, **settings: Any) -> Awaitable[House]: ...


async def open_house(url: str, **settings: Any) -> House:
    app = Mainspring(url, tasks=shop.TASKS, **settings)
    await app.open()
    with patch("mainspring.web.console.ROOMS", ("mainspring.web.live",)):  # what is under test, with the shell and the guard around it
        served = console(app, authenticate=lambda request: User("anna", UserRole.ADMIN))
    inner: Any = served.inner
    site: Site = inner.state.site

    async def look(request: Request) -> Response:
        before = request.query_params.get("before")
        tail = await tail_of(site, request.path_params["id"], caller_of(request), before=int(before) if before else None)
        return site.render(request, "look.html", tail=tail, title="Log")

    async def nothing(request: Request) -> Response:
        return Response("", media_type="text/html")

    loader = site.templates.loader
    assert loader is not None
    site.templates = site.templates.overlay(loader=ChoiceLoader([DictLoader({"look.html": PAGE}), loader]))
    inner.router.routes[:0] = [Place("/look/{id}", look), *(Place(f"/{each}/badge", nothing) for each in ("errors", "dead"))]
    server = Server(served, "127.0.0.1", 0)
    return House(app, served, server, await server.open())


@pytest.fixture
def houses(tmp_path: Path, loop: Loop) -> Iterator[Houses]:
    """Open processes on one store."""
    made: list[House] = []

    async def open_one(**settings: Any) -> House:
        house = await open_house(f"sqlite:///{tmp_path}/live.db", **settings)
        made.append(house)
        for each in made:
            each.fellows = [other for other in made if other is not each]
        return house

    yield open_one

    async def close() -> None:
        for each in made:
            await each.server.close()
            await each.app.close()

    loop.run(close())


@pytest.fixture
def house(houses: Houses, loop: Loop) -> House:
    async def open_one() -> House:
        return await houses()

    return loop.run(open_one())


async def texts(page: Page) -> list[str]:
    """Return the lines of the page."""
    found: list[str] = await page.locator(LINES).all_text_contents()
    return found


async def state(page: Page, name: str) -> None:
    await expect(page.locator("#live")).to_have_attribute("data-state", name, timeout=20_000)


@pytest.mark.scenario("S3-40", part="browser")
async def test_lines_have_numbers_colours_that_go_on_and_no_markup(house: House, page: Page) -> None:
    run = await house.begin()
    await page.goto(house.url(run))
    await state(page, "live")
    bad = "\x1b]8;;javascript:alert(1)\x07bad\x1b]8;;\x07"
    await run.say("one \x1b[31mred", "still red \x1b[1;4mand bold", "\x1b[0mplain <b>no</b> &amp;")
    await run.say(
        f"\x1b[38;5;226myellow\x1b[0m \x1b[38;2;0;0;1mdark\x1b[0m \x1b]8;;https://example.org\x07link\x1b]8;;\x07 {bad}", "10%\r20%\r30%"
    )
    await expect(page.locator(LINES)).to_have_text(
        ["one red", "still red and bold", "plain <b>no</b> &amp;", "yellow dark link bad", "30%"]
    )
    assert await page.locator("#log .l .n").evaluate_all("all => all.map(each => each.ariaLabel)") == ["4", "5", "6", "7", "8"]
    red = "rgb(168, 32, 31)"
    for text in ("red", "still red "):
        assert await page.locator(LINES).get_by_text(text, exact=True).last.evaluate("each => getComputedStyle(each).color") == red
    bold = page.locator("#log .l .a1.a4", has_text="and bold")
    assert await bold.evaluate("each => getComputedStyle(each).color + getComputedStyle(each).fontWeight") == f"{red}700"
    for text in ("yellow", "dark"):  # what nobody could read is darkened, or lightened, until they can
        for theme in ("light", "dark"):
            await page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            ratio = await page.locator(LINES).get_by_text(text, exact=True).evaluate(CONTRAST)
            assert ratio >= 4.4, (text, theme, ratio)
    assert await page.locator("#log .t a").evaluate_all("all => all.map(each => each.href)") == ["https://example.org/"]
    assert await page.locator("#log .t b").count() == 0


CONTRAST = """element => {
  const part = v => (v /= 255) <= .04 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(part); return .2126 * r + .7152 * g + .0722 * b }
  const a = light(getComputedStyle(element).color), b = light(getComputedStyle(document.querySelector("#log .lines")).backgroundColor)
  return (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
}"""


@pytest.mark.scenario("S3-41", part="browser")
async def test_two_thousand_coloured_lines_are_complete_and_in_order(house: House, page: Page) -> None:
    run = await house.begin()
    await page.goto(house.url(run))
    await state(page, "live")
    for start in range(0, 2000, 100):
        await run.say(*[f"\x1b[{31 + n % 7}mline {n}\x1b[0m" for n in range(start, start + 100)])
    await run.complete()
    await expect(page.locator("#log .state")).to_have_text("Completed")
    assert await texts(page) == [f"line {n}" for n in range(2000)]
    assert await page.locator(LINES).first.locator("span").get_attribute("class") == "f1"


async def contiguous(page: Page, n: int) -> None:
    """Fail unless the page has so many lines, each once and in order."""
    await expect(page.locator(LINES).last).to_have_text(f"line {n - 1}", timeout=30_000)
    assert await texts(page) == [f"line {number}" for number in range(n)]


@pytest.mark.scenario("S3-43", part="browser")
async def test_a_server_that_goes_and_comes_back_costs_no_line(house: House, page: Page, watch: Watch) -> None:
    watch.expect("htmx|WebSocket|ERR_CONNECTION|Failed to load|ERR_INCOMPLETE|ERR_NETWORK|ERR_EMPTY")
    run = await house.begin()
    await run.count(10)
    await page.goto(house.url(run))
    await state(page, "live")
    await contiguous(page, 10)
    for turn in range(3):
        await house.stop()
        await state(page, "waiting")
        await run.count(10, start=10 + turn * 20)
        await house.start()
        await run.count(10, start=20 + turn * 20)
        await contiguous(page, 30 + turn * 20)
    await state(page, "live")
    await run.complete()
    await expect(page.locator("#log .state")).to_have_text("Completed")


@pytest.mark.scenario("S3-49")
async def test_a_restart_of_the_server_leaves_a_run_on_a_node_alone(house: House, page: Page, watch: Watch) -> None:
    watch.expect("htmx|WebSocket|ERR_CONNECTION|Failed to load|ERR_INCOMPLETE|ERR_NETWORK|ERR_EMPTY")
    node = Stand(house.app, house.origin, "")
    await node.work()  # in a process of its own
    try:
        handle = await house.app.enqueue(shop.ticks, n=60, pause=0.1)
        await page.goto(house.url(handle.id))
        await expect(page.locator(LINES).first).to_have_text("tick 1")
        await house.stop()
        await state(page, "waiting")
        await house.start()
        await expect(page.locator("#log .state").last).to_have_text("Completed", timeout=30_000)
        assert await texts(page) == [f"tick {n}" for n in range(1, 61)]
        ended = await handle.status()
        assert (ended.attempt, await handle.result()) == (1, 60)
    finally:
        await node.close()


@pytest.mark.scenario("S3-43", part="offline")
async def test_a_network_that_goes_and_comes_back_costs_no_line(house: House, page: Page, watch: Watch) -> None:
    watch.expect("htmx|WebSocket|ERR_INTERNET|Failed to load|ERR_NETWORK")
    run = await house.begin()
    await run.count(10)
    await page.goto(house.url(run))
    await contiguous(page, 10)
    await page.context.set_offline(True)
    await state(page, "waiting")
    await run.count(30, start=10)
    await page.context.set_offline(False)
    await contiguous(page, 40)
    await run.count(10, start=40)
    await contiguous(page, 50)
    await state(page, "live")


@pytest.mark.scenario("S3-42", part="browser")
async def test_a_reload_a_second_reader_and_a_second_node_see_the_same_and_no_run_begins(houses: Houses, pages: Pages) -> None:
    here, there = await houses(), await houses()
    run = await here.begin()
    await run.count(20)
    one, two, three = await pages(), await pages(), await pages()
    await one.goto(here.url(run))
    await contiguous(one, 20)
    await run.count(10, start=20)
    await one.reload()
    await two.goto(here.url(run))
    await three.goto(there.url(run))
    await run.count(10, start=30)
    for each in (one, two, three):
        await contiguous(each, 40)
    await run.complete()
    for each in (one, two, three):
        await expect(each.locator("#log .state")).to_have_text("Completed")
    assert len(await (await here.app.store()).runs.page(scope=EVERYTHING)) == 1


@pytest.mark.scenario("S3-44", part="browser")
@pytest.mark.parametrize("how", ["setting", "no sockets", "polling"])
async def test_without_sockets_streams_and_without_those_polls_tell_the_same(houses: Houses, page: Page, watch: Watch, how: str) -> None:
    watch.expect("htmx|WebSocket|ERR_|EventSource|Failed to load")
    house = await houses(**({"websocket_enabled": "false"} if how == "setting" else {}))
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    if how != "setting":
        await page.add_init_script(
            "window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.({}), 5) } send() {} close() {} }"
        )
    if how == "polling":

        async def refuse(route: Route) -> None:
            await route.abort()

        await page.route("**/stream?*", refuse)
    run = await house.begin()
    await run.count(10)
    await page.goto(house.url(run))
    await contiguous(page, 10)
    await state(page, "polling" if how == "polling" else "live")
    await run.count(10, start=10)
    await contiguous(page, 20)
    await run.complete()
    await expect(page.locator("#log .state")).to_have_text("Completed")
    assert not sockets
    assert any("/stream?" in each for each in requests)
    assert any("/events?" in each for each in requests) == (how == "polling")


@pytest.mark.scenario("S3-46", part="the run's page, live")
async def test_progress_goes_on_in_place(house: House, page: Page) -> None:
    run = await house.begin()
    await page.goto(house.url(run))
    await state(page, "live")
    await run.say(progress={"current": 3, "total": 10, "stage": "copy", "message": "orders"})
    bar = page.locator("#progress progress")
    await expect(bar).to_have_attribute("value", "3")
    await expect(page.locator("#progress .row")).to_contain_text(re.compile(r"copy orders.*3 / 10 · 30 %.*left"))
    await run.say(progress={"current": 42})
    await expect(bar).not_to_have_attribute("value", re.compile(".*"))
    await expect(page.locator("#progress .row")).to_contain_text("42")


@pytest.mark.scenario("S3-47", part="browser")
async def test_who_scrolls_up_is_left_alone_and_comes_back_by_a_button(house: House, page: Page) -> None:
    run = await house.begin()
    await run.count(200)
    await page.goto(house.url(run))
    await contiguous(page, 200)
    box = page.locator("#log .lines")
    at_end = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 24"
    assert await box.evaluate(at_end)
    await box.hover()
    await page.mouse.wheel(0, -900)
    await expect(page.locator("#log .newer")).to_be_hidden()
    top = await _still(box)
    await run.count(50, start=200)
    await expect(page.locator("#log .newer")).to_have_text("New lines: 50 ↓")
    assert await box.evaluate("box => box.scrollTop") == top
    await page.locator("#log .newer").click()
    await expect(page.locator("#log .newer")).to_be_hidden()
    assert await box.evaluate(at_end)
    await run.count(10, start=250)
    await contiguous(page, 260)
    assert await box.evaluate(at_end)


async def _still(box: Any) -> float:
    """Return where a scroll has come to rest."""
    before, now = -1.0, float(await box.evaluate("box => box.scrollTop"))
    while before != now:
        await box.page.evaluate("() => new Promise(requestAnimationFrame)")
        before, now = now, float(await box.evaluate("box => box.scrollTop"))
    return now


@pytest.mark.scenario("S3-47", part="tools")
async def test_the_tools_of_the_log(house: House, page: Page) -> None:
    run = await house.begin()
    await run.say("alpha", "beta", "gamma needle", "delta", "epsilon")
    await run.say("broken", level="error")
    await run.say("::group::many", "inside", "::endgroup::", "after")
    await run.say("worse", level="critical")
    await page.goto(house.url(run))
    lines = page.locator(LINES).filter(visible=True)
    everything = ["alpha", "beta", "gamma needle", "delta", "epsilon", "broken", "many", "inside", "after", "worse"]
    await expect(lines).to_have_text(everything)
    await page.locator("[name=find]").fill("NEEDLE")
    await expect(lines).to_have_text(["beta", "gamma needle", "delta"])  # with what stands around it
    assert await page.evaluate("CSS.highlights.get('found').size") == 1
    await page.locator("[name=find]").fill("")
    await page.locator("[name=level]").select_option("error")
    await expect(lines).to_have_text(["broken", "worse"])
    await page.locator("[name=level]").select_option("debug")
    await expect(lines).to_have_text(everything)
    await page.get_by_role("button", name="many").click()
    await expect(lines).to_have_text([each for each in everything if each != "inside"])
    await page.get_by_role("button", name="many").click()
    await expect(lines).to_have_text(everything)
    await page.locator("h1").click()
    await page.keyboard.press("n")
    await expect(page.locator("#log .current .t")).to_have_text("broken")
    await page.keyboard.press("n")
    await expect(page.locator("#log .current .t")).to_have_text("worse")
    await page.keyboard.press("p")
    await expect(page.locator("#log .current .t")).to_have_text("broken")
    await page.locator("[name=time]").select_option("absolute")
    await expect(page.locator("#log time").first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    await page.locator("[name=time]").select_option("relative")
    await expect(page.locator("#log time").first).to_have_text("+0.0 s")
    await page.locator("[name=wrap]").uncheck()
    await page.locator("[name=size]").select_option("16")
    assert await page.locator("#log .lines").evaluate("box => getComputedStyle(box).fontSize") == "16px"
    await page.reload()  # what a reader likes is kept
    await expect(page.locator("[name=size]")).to_have_value("16")
    await expect(page.locator("[name=wrap]")).not_to_be_checked()
    await expect(page.locator("#log time").first).to_have_text("+0.0 s")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator("#log").get_by_role("button", name="Copy").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == everything  # no numbers, no times
    async with page.expect_download() as loading:
        await page.get_by_role("link", name="Text").click()
    assert Path(await (await loading.value).path()).read_text("utf-8").splitlines()[:3] == everything[:3]


async def test_lines_are_linked_alone_and_as_ranges(house: House, page: Page) -> None:
    run = await house.begin()
    await run.count(60)
    await page.goto(house.url(run))
    await contiguous(page, 60)
    await page.locator("#L10 .n").click()
    assert page.url.endswith("#L10")
    await page.locator("#L13 .n").click(modifiers=["Shift"])
    assert page.url.endswith("#L10-L13")
    assert await page.locator("#log .marked").evaluate_all("all => all.map(each => each.id)") == ["L10", "L11", "L12", "L13"]
    await page.reload()
    await expect(page.locator("#log .marked")).to_have_count(4)
    await expect(page.locator("#L10")).to_be_in_viewport()


@pytest.mark.scenario("S3-48")
async def test_two_hundred_thousand_lines_stay_a_window_that_says_so(house: House, page: Page) -> None:
    run = await house.begin()
    await run.count(200_000, together=5000)
    await page.goto(house.url(run))
    await expect(page.locator(LINES).last).to_have_text("line 199999")
    assert await page.locator("#log .l").count() <= 600  # a page brings no more along
    earlier = page.locator("#log .earlier")
    await expect(earlier).to_contain_text("199503")
    for _ in range(4):
        was = await earlier.text_content()
        await earlier.click()
        await expect(earlier).not_to_have_text(was or "")
    numbers = await page.locator("#log .l .n").evaluate_all("all => all.map(each => Number(each.ariaLabel))")
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))  # nothing is missing in what is shown
    assert 3000 <= len(numbers) <= 5500  # and it is not more for having been asked for
    await page.locator("#log .newer").click()  # the newest went for it, and comes back
    await expect(page.locator(LINES).last).to_have_text("line 199999")
    await run.count(20_000, start=200_000, together=2000)
    await expect(page.locator(LINES).last).to_have_text("line 219999", timeout=60_000)
    assert await page.locator("#log .l").count() <= 5500


async def test_without_scripts_there_are_the_last_lines_and_ways_to_the_others(house: House, pages: Pages) -> None:
    run = await house.begin()
    await run.count(700)
    await run.say("\x1b[32mgreen\x1b[0m <i>")
    page = await pages(java_script_enabled=False)
    await page.goto(house.url(run))
    await expect(page.locator(LINES).last).to_have_text("green <i>")
    assert await page.locator(LINES).count() == 500
    assert await page.locator(f"{LINES} .f2").evaluate("each => getComputedStyle(each).color") == "rgb(10, 107, 52)"
    await page.get_by_role("link", name="Earlier lines").click()
    await expect(page.locator(LINES).last).to_have_text("line 200")
    await page.get_by_role("link", name="Reload for what is new").click()
    await expect(page.locator(LINES).last).to_have_text("green <i>")


# -- the browser's half of the contract: frames that a real server has sent (tests/web/live/test_frames.py keeps them current)


def recorded(name: str) -> list[str]:
    found: list[Any] = json.loads((FRAMES / f"{name}.json").read_text("utf-8"))
    return [json.dumps(each) for each in found]


async def feed(page: Page, house: House, frames: list[str], run: Run, *, cut: int | None = None) -> list[Any]:
    """Let recorded frames come in place of a server's; answers what the page has asked for. ``cut``: frames until the line breaks once."""
    asked: list[Any] = []

    def connected(socket: WebSocketRoute) -> None:
        def hear(text: str | bytes) -> None:
            wish = json.loads(text)
            asked.append(wish)
            if not str(wish.get("sub")).startswith("run:"):
                return
            is_first = sum(str(each.get("sub")).startswith("run:") for each in asked) == 1
            for frame in frames[: cut if is_first else None]:
                socket.send(frame.replace("RUN", run.id))
            if cut is not None and is_first:
                asyncio.get_running_loop().create_task(socket.close(code=1012))

        socket.on_message(hear)

    await page.route_web_socket(re.compile("/ws$"), connected)
    await page.goto(house.url(run))
    return asked


@pytest.mark.scenario("B-28")
async def test_recorded_frames_of_a_whole_journey(house: House, page: Page) -> None:
    await feed(page, house, recorded("journey"), await house.begin())
    await expect(page.locator("#log .state")).to_have_count(3)
    assert await texts(page) == ["red", "still red", "<b>plain</b>", "again", "done"]
    assert await page.locator("#log .state").all_text_contents() == [
        "It will be tried again. ValueError: no", "Attempt 2 started", "Completed",
    ]  # fmt: skip
    await expect(page.locator("#log .gap")).to_have_text("7 lines were dropped: the run said more than could be written.")
    await expect(page.locator("#progress progress")).to_have_attribute("value", "2")


@pytest.mark.scenario("B-28", part="a cut line")
async def test_recorded_frames_that_come_twice_are_shown_once(house: House, page: Page) -> None:
    frames = recorded("journey")
    asked = await feed(page, house, frames, await house.begin(), cut=len(frames) // 2)
    await expect(page.locator("#log .state").last).to_have_text("Completed")
    assert await texts(page) == ["red", "still red", "<b>plain</b>", "again", "done"]
    first, again = [each["after"] for each in asked if each["sub"].startswith("run:")]
    assert first == 0 < again  # it asks for what it lacks, though the server tells all of it anew


@pytest.mark.scenario("S3-45", part="browser")
@pytest.mark.scenario("B-28", part="a slow viewer")
async def test_what_was_left_out_is_marked_and_can_be_fetched(house: House, page: Page) -> None:
    run = await house.begin()
    await run.say("first", *[f"line {n}" for n in range(40)])
    await feed(page, house, recorded("slow"), run)
    await expect(page.locator("#log .left")).to_contain_text("39 events were left out")
    assert await texts(page) == ["first", "line 39"]
    await page.get_by_role("button", name="Fetch").click()
    await expect(page.locator("#log .left")).to_have_count(0)
    assert await texts(page) == ["first", *[f"line {n}" for n in range(40)]]


@pytest.mark.scenario("U16", part="lists refresh without a reload")
@pytest.mark.scenario("B-28", part="changes")
async def test_ticks_come_and_wait_while_the_reader_is_busy(house: House, page: Page) -> None:
    frames = recorded("changes")
    sockets: list[WebSocketRoute] = []

    def connected(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.on_message(lambda text: socket.send(frames[0]) if "list" in str(text) else None)

    await page.route_web_socket(re.compile("/ws$"), connected)
    await page.goto(house.url(await house.begin()))
    await state(page, "live")
    await page.evaluate("() => { window.ticks = 0; document.body.addEventListener('ms:tick', () => { window.ticks++ }) }")
    turns = iter(range(100))

    async def change() -> None:
        sockets[-1].send(frames[1].replace("T2", f"T2-{next(turns)}"))

    async def ticks(n: int) -> None:
        for _ in range(200):
            if await page.evaluate("ticks") >= n:
                break
            await page.evaluate("() => new Promise(requestAnimationFrame)")
        assert await page.evaluate("ticks") == n

    await change()
    await ticks(1)
    await page.keyboard.press(".")
    await state(page, "paused")
    await change()
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    await ticks(1)
    await page.keyboard.press(".")
    await ticks(2)
    await page.evaluate("() => document.body.dispatchEvent(new CustomEvent('ms:selection', {detail: 3}))")
    await state(page, "paused")
    await change()
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    await ticks(2)
    await page.evaluate("() => document.body.dispatchEvent(new CustomEvent('ms:selection', {detail: 0}))")
    await ticks(3)
    await page.keyboard.press("?")
    await change()
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    await ticks(3)
    await page.keyboard.press("Escape")
    await ticks(4)
