"""The server's half of the contract: what browsers are tested with (``tests/web/frames``) is what a server sends, to the letter.

After a change of the protocol run this with ``MAINSPRING_TEST_RECORD=1``, look at the difference, and let the browser's tests run.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring.core.event import EventKind
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import Retry
from mainspring.core.run import Failed, decide
from mainspring.operations.operation import Caller
from mainspring.store.runs import Appended, Entry, Settlement
from tests import aio
from tests.web.live.stage import Message, Run, Stage, open_stage, talks

FRAMES = Path(__file__).parents[1] / "frames"
AT = 1_795_000_000_000


def plain(frames: list[Message], run: Run | None) -> list[Message]:
    """Return frames without what differs from one time to the next."""
    text = json.dumps(frames)
    tokens: dict[str, str] = {}
    found: list[Message] = json.loads(text if run is None else text.replace(run.id, "RUN"))
    for each in (message for frame in found for message in frame["m"]):
        for row in each.get("l", ()):
            row[0] = AT
        if "token" in each:
            each["token"] = tokens.setdefault(each["token"], f"T{len(tokens) + 1}")
        each |= {key: value for key, value in (("at", AT), ("node", "NODE"), ("eta", 1.0), ("retry_at", "LATER")) if key in each}
    return found


def keep(name: str, frames: list[Message]) -> None:
    """Compare with what is kept, or keep it."""
    file = FRAMES / f"{name}.json"
    if os.environ.get("MAINSPRING_TEST_RECORD"):
        file.write_text(json.dumps(frames, indent=1) + "\n", "utf-8")
    assert json.loads(file.read_text("utf-8")) == frames


async def again(stage: Stage, run: Run) -> None:
    """Fail the try in hand, and take the run anew."""
    store = await stage.app.store()
    error = {"kind": "error", "type": "ValueError", "message": "no", "traceback": "long"}
    decision = decide(run.claimed, Failed(error, after=timedelta(0)), Retry(3))
    assert await store.runs.settle([Settlement(run.id, run.claimed.claim_id, decision, 1.0)])
    await store.runs.promote()
    node = make_claim_id()
    await store.nodes.register(node, name="n-2", host="here", pid=1, lease=timedelta(minutes=5), facts={})
    taken = await store.runs.take(run.id, node, make_claim_id(), timedelta(minutes=5))
    assert taken is not None
    run.claimed = taken


@pytest.mark.scenario("B-28", part="the server's half")
def test_a_whole_journey(tmp_path: Path) -> None:
    async def record() -> None:
        stage = await open_stage(f"sqlite:///{tmp_path}/s.db")
        run = await stage.begin()
        store = await stage.app.store()
        async with stage.socket((f"run:{run.id}", 0)) as tab:
            await tab.until("state")
            await run.say("\x1b[31mred", "still red\x1b[0m", progress={"current": 1, "total": 2, "message": "half"})
            await tab.until("p")
            assert await store.runs.append([Appended(run.id, run.claimed.claim_id, [Entry(0.0, EventKind.GAP, {"dropped": 7})])])
            stage.told(run.id)
            await tab.until("gap")
            await run.say("<b>plain</b>", level="error")
            await tab.until("log")
            await again(stage, run)
            stage.told(run.id)
            while not any(each.get("e") == "started" and each["attempt"] == 2 for frame in tab.frames for each in frame["m"]):
                await tab.frame()
            await run.say("again")
            await tab.until("log")
            await run.say("done", progress={"current": 2, "total": 2})
            await tab.until("p")
            await run.complete()
            await tab.until("end")
        keep("journey", plain(_joined(tab.frames), run))
        await stage.close()

    aio.run(record())


def _joined(frames: list[Message]) -> list[Message]:
    """Return frames of one message each: how many came together is not part of the contract."""
    return [{"t": frame["t"], "m": [message]} for frame in frames for message in frame["m"]]


@pytest.mark.scenario("B-28", part="the server's half: a slow viewer")
def test_a_slow_viewer(tmp_path: Path) -> None:
    async def record() -> None:
        stage = await open_stage(f"sqlite:///{tmp_path}/s.db", buffer_size=5)
        run = await stage.begin()
        slow = stage.hub.open_viewer(Caller("slow", "test"))
        await slow.watch(run.id, 0)
        frames = slow.frames()
        found: list[Any] = [json.loads(await anext(frames))]
        await run.say("first")
        found.append(json.loads(await anext(frames)))
        async with stage.socket((f"run:{run.id}", 4)) as quick:
            for n in range(40):
                await run.say(f"line {n}")
                await quick.until("log")
        found.append(json.loads(await anext(frames)))
        slow.close()
        keep("slow", plain(_joined(found), run))
        await stage.close()

    aio.run(record())


@pytest.mark.scenario("B-28", part="the server's half: changes")
def test_changes(tmp_path: Path) -> None:
    async def record() -> None:
        stage = await open_stage(f"sqlite:///{tmp_path}/s.db")
        async with stage.socket(("list", "")) as tab:
            await tab.until("at")
            await stage.app.enqueue(talks)
            await tab.until("tick")
        keep("changes", plain(tab.frames, None))
        await stage.close()

    aio.run(record())
