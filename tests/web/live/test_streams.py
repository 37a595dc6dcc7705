"""Where no socket is to be had: event streams and polls bring the very same messages, and end as cleanly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from mainspring.web.live import streams
from tests import aio
from tests.web.live.stage import Message, Stage, numbers, open_stage, same, texts
from tests.web.who import YOU


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/s.db"


@asynccontextmanager
async def stages(url: str, n: int = 1, **options: Any) -> AsyncIterator[list[Stage]]:
    made = [await open_stage(url, **options) for _ in range(n)]
    same(made)
    try:
        yield made
    finally:
        for each in made:
            await each.close()


@dataclass
class Events:
    """A client of server-sent events, as browsers are."""

    lines: AsyncIterator[str]
    headers: httpx.Headers
    last_id: str = ""
    comments: list[str] = field(default_factory=list)

    async def event(self) -> dict[str, str]:
        """Return the next event by its fields; raises `StopAsyncIteration` at the end of the stream."""
        found: dict[str, str] = {}
        while True:
            line = await anext(self.lines)
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                found[name] = value
            elif found:
                self.last_id = found.get("id", self.last_id)
                return found

    async def until(self, kind: str) -> list[Message]:
        """Return the messages up to the first of a kind."""
        heard: list[Message] = []
        while not any(each["k"] == kind for each in heard):
            if "data" in (found := await self.event()):
                heard += json.loads(found["data"])["m"]
        return heard


@asynccontextmanager
async def listening(stage: Stage, run_id: str, after: int | None = None, last_id: str | None = None) -> AsyncIterator[Events]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    query = {} if after is None else {"after": str(after)}
    async with (
        httpx.AsyncClient(base_url=stage.address, timeout=aio.PATIENCE) as client,
        client.stream("GET", f"/api/v1/runs/{run_id}/stream", params=query, headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.status_code
        yield Events(answer.aiter_lines(), answer.headers)


async def poll(stage: Stage, path: str, **query: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=stage.address, timeout=aio.PATIENCE) as client:
        answer = await client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.mark.scenario("E2")
@pytest.mark.scenario("S3-43", part="event streams")
def test_a_stream_that_broke_off_goes_on_at_another_node_behind_its_last_id(url: str) -> None:
    async def watch() -> None:
        async with stages(url, 2) as (here, there):
            run = await here.begin()
            await run.count(37)  # the events 4 to 40
            async with listening(here, run.id) as events:
                heard = await events.until("log")
                while not numbers(heard) or numbers(heard)[-1] < 40:
                    heard += await events.until("log")
                assert events.last_id == "40"
            await run.count(10, start=37)
            async with listening(there, run.id, last_id="40") as again:
                more = await again.until("log")
                await run.say("live")
                await run.complete()
                more += await again.until("end")
                with pytest.raises(StopAsyncIteration):
                    await again.event()
            assert numbers(more) == list(range(41, 41 + len(numbers(more))))
            assert texts(more) == [*(f"line {n}" for n in range(37, 47)), "live"]
            assert [each["k"] for each in more][-2:] == ["state", "end"]
            async with httpx.AsyncClient(base_url=here.address) as client:  # 204 tells a browser to come no more
                done = await client.get(f"/api/v1/runs/{run.id}/stream", headers={"Last-Event-ID": str(more[-1]["last"])})
                assert done.status_code == 204

    aio.run(watch())


@pytest.mark.scenario("S3-44", part="the same messages")
def test_socket_stream_and_poll_tell_the_same(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            await run.say("a \x1b[31mred", "<b>", progress={"current": 1, "total": 3, "stage": "s"})
            await run.say("c", level="error")
            await run.complete()
            async with stage.socket((f"run:{run.id}", 0)) as tab:
                by_socket = await tab.until("end")
            async with listening(stage, run.id, after=0) as events:
                by_stream = await events.until("end")
            polled = await poll(stage, f"/api/v1/runs/{run.id}/events", after=0)
            assert by_socket == by_stream == polled["m"]
            assert (polled["t"], polled["last"], polled["is_over"]) == (f"run:{run.id}", by_socket[-1]["last"], True)
            rest = await poll(stage, f"/api/v1/runs/{run.id}/events", after=4)
            assert numbers(rest["m"])[0] == 5 and texts(rest["m"]) == ["<b>", "c"]

    aio.run(watch())


def test_a_poll_waits_for_what_comes_and_no_longer(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            path = f"/api/v1/runs/{run.id}/events"
            assert await poll(stage, path, after=3) == {"t": f"run:{run.id}", "m": [], "last": 3, "is_over": False}
            waiting = asyncio.create_task(poll(stage, path, after=3, wait=20))
            await aio.until(lambda: bool(stage.hub._viewers), "the poll is there")
            await run.say("now")
            assert texts((await waiting)["m"]) == ["now"]
            between = await poll(stage, path, after=0, until=2)
            assert numbers(between["m"]) == [1, 2] and between["last"] == 2
            async with httpx.AsyncClient(base_url=stage.address) as client:
                for query in ("after=x", "after=-1", "wait=soon", "after=5&until=4"):
                    assert (await client.get(f"{path}?{query}")).status_code == 422

    aio.run(watch())


def test_changes_are_told_to_who_polls(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            first = await poll(stage, "/api/v1/changes")
            same_still = await poll(stage, "/api/v1/changes", after=first["token"])
            assert same_still["m"] == [{"k": "at", "token": first["token"]}]
            waiting = asyncio.create_task(poll(stage, "/api/v1/changes", after=first["token"], wait=20))
            await aio.until(lambda: bool(stage.hub._viewers), "the poll is there")
            await stage.begin()
            told = await waiting
            assert told["m"][0]["k"] == "tick" and told["token"] != first["token"]

    aio.run(watch())


@pytest.mark.scenario("B-25", part="hints against buffering")
def test_nobody_on_the_way_is_to_gather_keep_or_squeeze(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            async with listening(stage, run.id) as events:
                headers = events.headers
                assert headers["content-type"].startswith("text/event-stream")
            async with httpx.AsyncClient(base_url=stage.address, headers={"Accept-Encoding": "gzip"}) as client:
                polled = (await client.get(f"/api/v1/runs/{run.id}/events")).headers
            for each in (headers, polled):
                assert each["x-accel-buffering"] == "no"
                assert "no-store" in each["cache-control"] and "no-transform" in each["cache-control"]
                assert each.get("content-encoding", "identity") == "identity"
            async with stage.socket((f"run:{run.id}", 0)) as tab:
                assert tab.connection.protocol.extensions == []  # frames made once are not squeezed for each viewer

    aio.run(watch())


def test_a_silent_stream_shows_that_it_lives(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SILENCE", 0.01)

    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            async with listening(stage, run.id, after=3) as events:
                assert await events.event() == {"retry": "1000"}
                waiting = asyncio.create_task(events.event())
                await aio.until(lambda: bool(events.comments), "a comment")
                await run.say("and then")
                assert texts(json.loads((await waiting)["data"])["m"]) == ["and then"]

    aio.run(watch())


@pytest.mark.scenario("E8", part="streams and polls")
def test_a_server_that_closes_tells_streams_when_to_come_again_and_answers_polls(url: str) -> None:
    async def watch() -> None:
        stage = await open_stage(url)
        run = await stage.begin()
        async with listening(stage, run.id, after=3) as events:
            assert await events.event() == {"retry": "1000"}
            waiting = asyncio.create_task(poll(stage, f"/api/v1/runs/{run.id}/events", after=3, wait=30))
            changed = asyncio.create_task(poll(stage, "/api/v1/changes", after=(await poll(stage, "/api/v1/changes"))["token"], wait=30))
            await aio.until(lambda: len(stage.hub._viewers) == 3, "all are there")
            closing = asyncio.create_task(stage.server.close())
            assert await events.event() == {"retry": "1000", "event": "bye", "data": "{}"}
            with pytest.raises(StopAsyncIteration):
                await events.event()
            assert (await waiting)["m"] == []
            assert (await changed)["m"][0]["k"] == "at"
        async with asyncio.timeout(2 * aio.PATIENCE / 30):
            await closing
        assert not stage.hub._viewers and not stage.hub.feeds
        await stage.app.close()

    aio.run(watch())


@pytest.mark.scenario("U13", part="streaming: the socket")
@pytest.mark.scenario("S3-44", part="socket disabled")
def test_without_sockets_they_are_refused_and_all_else_goes_on(url: str) -> None:
    import websockets

    async def watch() -> None:
        async with stages(url, websocket_enabled="false") as (stage,):
            run = await stage.begin()
            for path in ("/ws", f"/ws/task/{run.id}"):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    async with stage.socket(path=path):
                        pass
                assert refused.value.response.status_code == 403
            async with listening(stage, run.id) as events:
                assert numbers(await events.until("state"))[0] == 1

    aio.run(watch())


def test_a_server_that_holds_no_connections_is_polled(url: str) -> None:
    """Under WSGI: neither streams nor waiting polls."""

    async def watch() -> None:
        from starlette.applications import Starlette

        from mainspring.core.errors import MainspringError
        from mainspring.web import live
        from tests.web.live.stage import _problem

        async with stages(url) as (stage,):
            run = await stage.begin()
            made = Starlette(routes=live.routes(stage.site), exception_handlers={MainspringError: _problem})

            async def polled(scope: Any, receive: Any, send: Any) -> None:
                await made({**scope, "mainspring.polling": True, "mainspring.caller": YOU}, receive, send)

            async with httpx.AsyncClient(transport=httpx.ASGITransport(polled), base_url="http://here") as client:
                assert (await client.get(f"/api/v1/runs/{run.id}/stream")).status_code == 409
                answer = await client.get(f"/api/v1/runs/{run.id}/events?after=3&wait=30")  # answered at once, though nothing is new
                assert answer.json()["m"] == []

    aio.run(watch())


def test_the_log_as_a_file(url: str) -> None:
    async def watch() -> None:
        async with stages(url) as (stage,):
            run = await stage.begin()
            await run.say("\x1b[31mred\x1b[0m \x1b]0;title\x07and \x1b[2Jplain", "1%\r2%", "\x1b]8;;http://x\x07link\x1b]8;;\x07")
            await run.count(1500)
            async with httpx.AsyncClient(base_url=stage.address) as client:
                got = {kind: await client.get(f"/runs/{run.id}/log", params={"as": kind}) for kind in ("text", "ansi", "ndjson")}
                wrong = await client.get(f"/runs/{run.id}/log?as=pdf")
            assert wrong.status_code == 422
            lines = got["text"].text.splitlines()
            assert lines[:3] == ["red and plain", "2%", "link"] and len(lines) == 1503
            assert got["ansi"].text.splitlines()[0] == "\x1b[31mred\x1b[0m and plain\x1b[0m"
            rows = [json.loads(each) for each in got["ndjson"].text.splitlines()]
            assert [row["seq"] for row in rows] == list(range(4, 1507))
            assert rows[0]["message"].startswith("\x1b[31mred")
            for each, ending in zip(got.values(), ("log", "ansi", "ndjson"), strict=True):
                assert each.headers["content-disposition"] == f'attachment; filename="{run.id}.{ending}"'
                assert each.headers["content-security-policy"] == "sandbox"

    aio.run(watch())
