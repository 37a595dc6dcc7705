"""What can be asked about a run and about a task, from any process, and what a row holds."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Any

import pytest

from mainspring import Context, Mainspring, task
from mainspring.core import active
from mainspring.core.errors import UnknownTask
from mainspring.core.state import RunState
from mainspring.core.status import TaskStatus
from mainspring.operations.operation import Caller
from mainspring.operations.stats import StatsRequest, show_stats
from mainspring.operations.system import STUCK_AFTER, NothingRequest, diagnose
from tests.fleet import Fleet

gate = asyncio.Event()


@task(params_version=4)
async def report(ctx: Context, day: date, rows: int = 3) -> int:
    ctx.progress(1, rows, message="reading")
    await gate.wait()
    return rows


@task
async def quick() -> str:
    return "done"


@pytest.fixture(autouse=True)
def _closed() -> None:
    gate.clear()


async def test_a_task_tells_what_its_runs_do(fleet: Fleet) -> None:
    node = await fleet.node("a", [report, quick], drives=True)
    client = await fleet.client([report, quick])
    assert await client.task_status("report") == TaskStatus("report", True, 0, 0, 0, 0, None)
    assert (await client.task_status("report")).state is None
    run = await client.enqueue(report, day=date(2030, 1, 2))
    later = await client.enqueue(report.options(delay="1h"), day=date(2030, 1, 2))
    await fleet.advance(2)
    status = await client.task_status("report")
    assert (status.running, status.pending, status.is_running, status.state) == (1, 1, True, RunState.RUNNING)
    assert status.last is not None and status.last.id == later.id
    assert await client.is_running("report") and not await client.is_running("quick")
    assert await client.running() == await node.app.running() == ["report"]
    assert (await run.status()).state is RunState.RUNNING
    progress = await run.progress()
    assert progress is not None and (progress["current"], progress["total"], progress["message"]) == (1, 3, "reading")
    gate.set()
    assert await run.result() == 3
    await later.cancel()
    status = await client.task_status("report")
    assert (status.is_running, status.pending, status.state) == (False, 0, RunState.CANCELLED)
    assert await client.running() == []


async def test_names_are_checked(fleet: Fleet) -> None:
    client = await fleet.client([quick])
    for asking in (client.task_status("quik"), client.is_running("quik")):
        with pytest.raises(UnknownTask, match="did you mean 'quick'"):
            await asking


def test_callers_without_a_loop_ask_the_same(tmp_path: Any) -> None:
    app = Mainspring(f"sqlite:///{tmp_path}/store.db", tasks=[quick], isolation="inline")
    active.retire(app)
    try:
        assert app.blocking.run(quick) == "done"
        status = app.blocking.task_status("quick")
        assert status.last is not None
        assert (status.state, app.blocking.is_running("quick"), app.blocking.running()) == (RunState.COMPLETED, False, [])
        assert app.blocking.progress(status.last.id) is None
    finally:
        app.blocking.close()


@pytest.mark.scenario("S0-02", part="without site and URL")
async def test_a_submission_is_a_row_with_everything_and_answered_at_once(fleet: Fleet) -> None:
    client = await fleet.client([report])
    asked_at = fleet.clock.now()
    run = await client.enqueue_json(report, '{"day": "2030-01-02"}', origin="web", actor="ada")
    (row,) = await fleet.rows("select id, task, actor, origin, params, params_version, attempt from mainspring.hot_runs")
    assert (row["id"], row["task"], row["actor"], row["origin"], row["params_version"], row["attempt"]) == (
        run.id,
        "report",
        "ada",
        "web",
        4,
        0,
    )
    assert json.loads(row["params"]) == {"day": "2030-01-02", "rows": 3}  # checked, typed, defaults filled in
    stored = await run.status()
    assert (stored.created_at, stored.state, stored.actor) == (asked_at, RunState.PENDING, "ada")
    assert fleet.clock.now() == asked_at  # nobody works here, and nobody waited


@pytest.mark.scenario("L10", part="warning and gauge")
async def test_what_nobody_can_do_is_counted_and_warned_of_after_a_while_until_somebody_can(fleet: Fleet) -> None:
    caller = Caller("ada", "api")
    node = await fleet.node("a", [quick])
    client = await fleet.client([report, quick])
    run = await client.enqueue(report, day=date(2030, 1, 2))
    mine = await client.enqueue(quick)
    await node.tick("worker")
    assert await fleet.states([run, mine]) == ["blocked", "completed"]

    async def warned() -> list[dict[str, Any]]:
        view = await diagnose(client, NothingRequest(), caller)
        return [each.values for each in view.findings if each.code == "no-capable-node"]

    (stuck,) = (await show_stats(client, StatsRequest(since="24h", task=None, by=None), caller)).stuck
    assert (stuck.task, stuck.runs) == ("report", 1)
    assert await warned() == []
    await fleet.advance(STUCK_AFTER.total_seconds() + 1)
    (values,) = await warned()
    assert (values["task"], values["count"]) == ("report", 1)
    claimed = node.worker.claimed
    for _ in range(5):
        await node.tick("heartbeat", "promoter", "worker")
    assert (node.worker.claimed, await fleet.store.runs.lanes()) == (claimed, [])  # it stands in nobody's way
    gate.set()
    other = await fleet.node("b", [report])
    await other.tick("promoter", "worker")
    assert await fleet.states([run]) == ["completed"]
    assert (await show_stats(client, StatsRequest(since="24h", task=None, by=None), caller)).stuck == []
