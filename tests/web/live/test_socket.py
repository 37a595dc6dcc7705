"""The socket: replay, then follow, gapless and without a double; slow viewers, rights, and the end."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import websockets

from mainspring import Mainspring
from mainspring.core.access import EVERYTHING, User, UserRole
from mainspring.operations.operation import Caller
from mainspring.web.live import hub, rights
from mainspring.web.server import Server
from tests import aio
from tests.web.live.stage import Run, Stage, numbers, open_stage, same, talks, texts


@asynccontextmanager
async def stages(url: str, n: int = 1, **options: Any) -> AsyncIterator[list[Stage]]:
    made = [await open_stage(url, **options) for _ in range(n)]
    same(made)
    try:
        yield made
    finally:
        for each in made:
            await each.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/s.db"


def is_whole(heard: list[dict[str, Any]], after: int = 0) -> bool:
    found = numbers(heard)
    return found == list(range(after + 1, after + 1 + len(found)))


@pytest.mark.scenario("S3-42", part="socket")
@pytest.mark.scenario("E2", part="socket")
def test_who_comes_late_or_to_another_process_hears_all_of_it_once_and_no_run_begins(url: str) -> None:
    async def watch() -> None:
        async with stages(url, 2) as (here, there):
            run = await here.begin()
            await run.count(40)
            async with here.socket((f"run:{run.id}", 0)) as first:
                heard = await first.lines(40)
                assert is_whole(heard)
            last = numbers(heard)[-1]  # it goes away, and what happens meanwhile is there when it comes back, elsewhere
            await run.count(25, start=40)
            async with there.socket((f"run:{run.id}", last)) as again, here.socket((f"run:{run.id}", 0)) as second:
                more = await again.lines(25)
                assert numbers(more) == list(range(last + 1, last + 26))
                await run.say("live", progress={"current": 1, "total": 2, "message": "half"})
                await run.complete()
                more += await again.until("end")
                all_of_it = await second.until("end")
            assert is_whole(more, last)
            assert is_whole(all_of_it)
            assert texts(all_of_it) == [*(f"line {n}" for n in range(65)), "live"]
            assert all_of_it[-1] == {"k": "end", "last": numbers(all_of_it)[-1]}
            assert all_of_it[-2]["e"] == "completed"
            assert [each["c"] for each in all_of_it if each["k"] == "p"] == [1]
            store = await here.app.store()
            assert len(await store.runs.page(scope=EVERYTHING)) == 1

    aio.run(watch())


@pytest.mark.scenario("S3-41", part="socket")
def test_a_fast_run_is_told_gapless_in_the_order_of_the_store_and_its_end_comes_last(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            async with stage.socket((f"run:{run.id}", 0)) as tab:
                writing = asyncio.create_task(write(run))
                heard = await tab.until("end")
                await writing
            assert is_whole(heard)
            assert texts(heard) == [f"line {n}" for n in range(10_000)]
            assert heard[-1]["k"] == "end" and heard[-2]["e"] == "completed"
            biggest = max(sum(len(each.get("l", ())) for each in frame["m"]) for frame in tab.frames)
            assert biggest <= 2_000

    async def write(run: Run) -> None:
        await run.count(10_000, together=500)
        await run.complete()

    aio.run(watch())


@pytest.mark.scenario("E3")
def test_a_hundred_viewers_share_one_reader_and_all_hear_the_end_within_a_second(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            await run.count(100)
            loop = asyncio.get_running_loop()
            ends: list[float] = []

            async def look() -> list[dict[str, Any]]:
                async with stage.socket((f"run:{run.id}", 0)) as tab:
                    heard = await tab.lines(100)
                    there.release()
                    heard += await tab.until("end")
                    ends.append(loop.time())
                    return heard

            there = asyncio.Semaphore(0)
            looking = [asyncio.create_task(look()) for _ in range(100)]
            for _ in looking:
                await there.acquire()
            watched = stage.hub.feeds[run.id]
            assert len(watched.wakes) == 100
            assert watched.reads <= 2  # the past was read once for all
            await run.complete()
            began = loop.time()
            heard = await asyncio.gather(*looking)
            assert max(ends) - began < 1.0 * aio.PATIENCE / 30
            assert {json.dumps(numbers(each)) for each in heard} == {json.dumps(numbers(heard[0]))}
            assert is_whole(heard[0])

    aio.run(watch())


@pytest.mark.scenario("S3-45")
@pytest.mark.scenario("U13", part="streaming: the buffer")
def test_a_slow_viewer_loses_the_middle_is_told_so_and_can_fetch_it_and_nobody_else_waits(url: str) -> None:
    async def watch() -> None:
        async with stages(url, buffer_size=5) as (stage,):
            run = await stage.begin()
            slow = stage.hub.open_viewer(Caller("slow", "test"))
            await slow.watch(run.id, 3)
            frames = slow.frames()
            await run.say("first")
            heard = json.loads(await anext(frames))["m"]
            async with stage.socket((f"run:{run.id}", 3)) as quick:
                for n in range(40):  # the slow one does not ask; the others hear each, and the writer waits for nobody
                    await run.say(f"line {n}")
                    while not any(f"line {n}" in texts(each["m"]) for each in quick.frames):
                        await quick.frame()
            heard += json.loads(await anext(frames))["m"]
            assert texts(heard) == ["first", "line 39"]
            (skip,) = [each for each in heard if each["k"] == "skip"]
            assert (skip["from"], skip["to"]) == (5, 43)
            polled = await stage.hub.between(run.id, Caller("slow", "test"), skip["from"] - 1, skip["to"])
            assert texts(json.loads(polled.text)["m"]) == [f"line {n}" for n in range(39)]
            assert len(stage.hub.feeds[run.id]._frames) <= 5
            slow.close()

    aio.run(watch())


def test_a_viewer_that_reads_nothing_is_let_go(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.web.live.socket.BLOCKED", 0.2)
    monkeypatch.setattr("mainspring.web.server.GRACE", 0.2)

    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            for _ in range(12):
                await run.say(*["x" * 8000] * 250)  # more than sockets and buffers take
            host, port = stage.address.removeprefix("http://").split(":")
            raw = sockets.socket()
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            raw.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(raw, (host, int(port)))
            request = f"GET /ws/task/{run.id} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            await loop.sock_sendall(raw, (request + key).encode())
            await aio.until(lambda: bool(stage.hub._viewers), "it is there")
            await aio.until(lambda: not stage.hub._viewers, "it was let go")
            with pytest.raises((ConnectionError, EOFError)):  # and the line is cut, not left half open
                while await loop.sock_recv(raw, 1 << 16):
                    pass
                raise EOFError
            raw.close()

    aio.run(watch())


@pytest.mark.scenario("S0-18", part="the seed's socket")
def test_the_seeds_socket_tells_of_one_run_and_closes_at_its_end(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            await run.say("one")
            async with stage.socket(path=f"/ws/task/{run.id}?after=3") as tab:
                await tab.subscribe("list")  # nothing that it says is heard
                assert texts(await tab.lines(1)) == ["one"]
                await run.complete()
                heard = await tab.until("end")
                with pytest.raises(websockets.ConnectionClosedOK):
                    await tab.frame()
            assert heard[-1]["k"] == "end"
            with pytest.raises(websockets.InvalidStatus):
                async with stage.socket(path="/ws/task/01a1f8ea-0000-7000-8000-000000000000"):
                    pass

    aio.run(watch())


@pytest.mark.scenario("E7", part="streams")
def test_a_run_of_another_tenant_does_not_exist_for_any_of_the_ways(url: str) -> None:
    caller = Caller("eve", "web", User("eve", UserRole.VIEWER, frozenset({"other"})))

    async def watch() -> None:
        async with stages(url, caller=caller) as (stage,):
            run = await stage.begin(tenant="mine")
            async with stage.socket((f"run:{run.id}", 0)) as tab:
                assert (await tab.frame())["m"] == [{"k": "no", "code": "unknown-run"}]
            with pytest.raises(websockets.InvalidStatus):
                async with stage.socket(path=f"/ws/task/{run.id}"):
                    pass
            for path in (f"/api/v1/runs/{run.id}/events", f"/api/v1/runs/{run.id}/stream", f"/runs/{run.id}/log"):
                assert (await get(stage, path))[0] == 404
            assert not stage.hub.feeds

    aio.run(watch())


def test_rights_that_lapse_or_are_taken_end_what_is_open(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "LOOK_EVERY", 0.02)

    class Door:
        is_open = True

        async def still(self, caller: Caller) -> bool:
            return self.is_open

    door = Door()

    async def watch() -> None:
        async with stages(url, guard=door) as (stage,):
            run = await stage.begin()
            async with stage.socket((f"run:{run.id}", 0)) as tab:
                await tab.frame()
                door.is_open = False
                with pytest.raises(websockets.ConnectionClosedError) as closed:
                    await tab.frame()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401

    aio.run(watch())


@pytest.mark.parametrize("said", ["{", "[]", "x" * 2000, '{"sub": 7}', '{"sub": "run:nobody"}', '{"sub": "weather"}', '{"unsub": "run:x"}'])
def test_nonsense_is_refused_and_harms_nobody(url: str, said: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            async with stage.socket() as tab:
                await tab.connection.send(said)
                try:
                    await tab.subscribe(f"run:{run.id}")
                    heard = await tab.until("state")
                    assert heard
                except websockets.ConnectionClosedError as closed:
                    assert closed.rcvd is not None and closed.rcvd.code == 1008
            async with stage.socket((f"run:{run.id}", 0)) as tab:
                assert is_whole((await tab.frame())["m"])

    aio.run(watch())


@pytest.mark.scenario("E8", part="sockets")
def test_a_server_that_closes_says_so_and_leaves_nothing_open(url: str) -> None:
    async def watch() -> None:
        stage = await open_stage(url)
        run = await stage.begin()
        async with stage.socket((f"run:{run.id}", 0), ("list", "")) as tab:
            await tab.lines(0)
            await tab.frame()
            closing = asyncio.create_task(stage.server.close())
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                while True:
                    await tab.frame()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
            async with asyncio.timeout(2 * aio.PATIENCE / 30):
                await closing
        assert not stage.hub.feeds and not stage.hub._viewers
        await stage.app.close()

    aio.run(watch())


@pytest.mark.scenario("U16", part="live, from any process")
def test_lists_hear_that_something_has_changed_wherever_it_happened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "LOOK_EVERY", 0.05)

    async def watch() -> None:
        async with stages(url, 2) as (here, there):
            async with here.socket(("list", "")) as tab:
                (at,) = (await tab.frame())["m"]
                assert at["k"] == "at"
                run = await there.begin()
                (tick,) = (await tab.frame())["m"]
                assert tick["k"] == "tick" and tick["token"] != at["token"]
                seen = {at["token"], tick["token"]}
                await run.say("a line", progress={"current": 1, "total": 2})
                while (tick := (await tab.frame())["m"][0])["token"] in seen:
                    pass
                await run.complete()
                await tab.frame()
            async with here.socket(("list", "stale")) as tab:  # the page was rendered before the last change
                assert (await tab.frame())["m"][0]["k"] == "tick"

    aio.run(watch())


def test_a_page_of_another_site_gets_no_socket(url: str) -> None:
    """The console's guard stands before ours."""
    from mainspring.web.console import console

    async def watch() -> None:
        app = Mainspring(url, tasks=[talks])
        await app.open()
        with patch("mainspring.web.console.ROOMS", ("mainspring.web.live",)):
            guard = console(app, authenticate=lambda request: User("anna", UserRole.VIEWER))
        server = Server(guard, "127.0.0.1", 0)
        address = await server.open()
        ws = address.replace("http", "ws", 1)
        async with websockets.connect(f"{ws}/ws", origin=websockets.Origin(address)) as socket:
            await socket.send('{"sub": "list", "after": ""}')
            assert json.loads(await socket.recv())["t"] == "list"
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(f"{ws}/ws", origin=websockets.Origin("https://evil.example")):
                pass
        assert refused.value.response.status_code == 403
        await server.close()
        await app.close()

    aio.run(watch())


@pytest.mark.scenario("B-29", part="a thousand viewers")
def test_a_thousand_viewers_cost_the_store_and_the_run_what_one_costs(url: str) -> None:
    async def reads(viewers: int) -> tuple[int, int]:
        """Return how often the store was read, and how many frames were made, while a run said twenty lines to so many."""
        async with stages(url) as (stage,):
            run = await stage.begin()
            crowd = [stage.hub.open_viewer(Caller(f"v{number}", "test")) for number in range(viewers)]
            for viewer in crowd:
                await viewer.watch(run.id, 3)
            heard: list[list[str]] = [[] for _ in crowd]

            async def look(number: int) -> None:
                async for text in crowd[number].frames():
                    heard[number].append(text)

            looking = [asyncio.create_task(look(number)) for number in range(viewers)]
            database = (await stage.app.store()).database
            feed = stage.hub.feeds[run.id]
            asked: list[str] = []
            read = database.read

            async def counted(query: str, /, **values: Any) -> Any:
                asked.append(query)
                return await read(query, **values)

            with patch.object(database, "read", counted), patch.object(feed._encoder, "frames", wraps=feed._encoder.frames) as made:
                for number in range(20):
                    await run.say(f"line {number}")
                    await aio.until(lambda number=number: all(each and f'line {number}"' in each[-1] for each in heard))  # type: ignore[misc]
            for viewer in crowd:
                viewer.close()
                viewer.leave()
            await asyncio.gather(*looking)
            assert {json.dumps(each) for each in heard} == {json.dumps(heard[0])}
            return asked.count("events_after"), made.call_count

    async def watch() -> None:
        one, many = await reads(1), await reads(1000)
        assert many[1] <= 20 and one[1] <= 20  # each batch is made into a frame once, however many look
        assert many[0] <= one[0] + 20  # the reader is one; its rounds differ by what came together

    aio.run(watch())


async def get(stage: Stage, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with httpx.AsyncClient(base_url=stage.address, timeout=aio.PATIENCE) as client:
        answer = await client.get(path, headers=headers)
        return answer.status_code, dict(answer.headers), answer.content
