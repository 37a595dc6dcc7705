"""``mainspring notices``: what schedules, services, nodes and pulses have to tell."""

from __future__ import annotations

import asyncio

from mainspring import Mainspring
from mainspring.core.notice import Severity
from tests.faces.conftest import Cli


def test_notices_are_listed_filtered_and_paged(project: Cli) -> None:
    project.ok("migrate")
    assert "no notices" in project("notices").stderr

    async def tell() -> None:
        async with Mainspring(project.url) as app:
            add = (await app.store()).notices.add
            await add("schedule:nightly", "paused", data={"by": "ada", "reason": None})
            await add("runner", "clock_jumped", Severity.WARNING, {"seconds": 7200.0})
            await add("task:report", "run_lost", Severity.ALERT, {"reason": "lost"})

    asyncio.run(tell())
    shown = project.ok("notices")
    assert "run_lost" in shown and "by=ada" in shown and "reason=None" not in shown
    assert [row["kind"] for row in project.objects("notices")] == ["run_lost", "clock_jumped", "paused"]
    assert [row["severity"] for row in project.objects("notices", "--severity", "warning")] == ["alert", "warning"]
    assert [row["data"] for row in project.objects("notices", "--object", "runner")] == [{"seconds": 7200.0}]
    assert [row["object"] for row in project.objects("notices", "--kind", "paused")] == ["schedule:nightly"]
    page = project("notices", "list", "--limit", "2")
    assert "--before" in page.stdout + page.stderr
    newest = project.objects("notices", "--limit", "1")[0]["id"]
    assert [row["kind"] for row in project.objects("notices", "--before", str(newest))] == ["clock_jumped", "paused"]
