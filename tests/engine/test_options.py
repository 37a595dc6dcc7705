"""Settings reach the node: each that is about nodes changes what its loops and pools are made with."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring, task
from mainspring.core.policy import Isolation
from mainspring.engine.runner import Runner
from tests.fleet import Fleet


@task
async def quick() -> None: ...


def _seen(runner: Runner) -> dict[str, Any]:
    """Return what the parts of a node hold, not what they were told."""
    inline = runner.pools["inline"]
    limits = runner._options.limits
    return {
        "lease": runner.presence.lease, "beat": runner.heartbeat._every, "grace": limits.grace, "drain": runner._options.drain,
        "memory_limit": limits.memory, "max_runs_per_child": limits.runs, "async_slots": inline.slots, "max_concurrent": inline.slots,
        "log_level": limits.log_level, "buffer_size": limits.buffer, "isolation": runner.worker._isolation,
        "retention": runner.pruner._keeping.others, "retention_completed": runner.pruner._keeping.completed,
        "keep_last": runner.pruner._keeping.last, "expensive_concurrent": runner._options.expensive,
        "default_retries": runner.worker._default_retry.retries, "health": runner.metrics is not None,
        "side_tasks_enabled": runner._options.has_services, "runner_environment": runner.presence.facts["environment"],
    }  # fmt: skip


@pytest.mark.scenario("K4", part="settings of nodes")
@pytest.mark.parametrize(("name", "value", "there"), [
    ("lease", timedelta(minutes=2), 120.0),
    ("beat", timedelta(seconds=7), 7.0),
    ("grace", timedelta(seconds=9), 9.0),
    ("drain", timedelta(seconds=11), 11.0),
    ("memory_limit", "400M", 400 << 20),
    ("max_runs_per_child", 17, 17),
    ("async_slots", 12, 12),
    ("max_concurrent", 3, 3),
    ("log_level", "error", "error"),
    ("buffer_size", 77, 77),
    ("retention", timedelta(days=3), timedelta(days=3)),
    ("retention_completed", timedelta(days=2), timedelta(days=2)),
    ("keep_last", 5, 5),
    ("expensive_concurrent", 4, 4),
    ("default_retries", 1, 1),
    ("health", "127.0.0.1:0", True),
    ("side_tasks_enabled", False, False),
    ("runner_environment", "production", "production"),
])  # fmt: skip
async def test_a_setting_reaches_the_node(fleet: Fleet, name: str, value: Any, there: Any) -> None:
    usual = await fleet.node("usual", [quick])
    other = await fleet.node("other", [quick], **{name: value})
    assert _seen(other.runner)[name] == there
    assert _seen(usual.runner)[name] != there


@pytest.mark.scenario("K4", part="the setting isolation")
@pytest.mark.parametrize("isolation", list(Isolation))
def test_isolation_is_where_bodies_run_that_say_nothing(isolation: Isolation, tmp_path: Path) -> None:
    async def look() -> Isolation:
        async with Mainspring(f"sqlite:///{tmp_path}/s.db", tasks=[quick], isolation=isolation.value) as app, app.worker() as runner:
            return runner.worker._isolation

    assert asyncio.run(look()) is isolation


@pytest.mark.scenario("K4", part="the setting pulse_budget")
async def test_a_pulse_that_is_not_told_its_budget_has_that_of_the_settings(fleet: Fleet) -> None:
    for number, seconds in enumerate((4, 9)):
        app, _ = fleet.app(f"function-{number}", [quick], pulse_budget=timedelta(seconds=seconds))
        if not number:
            await fleet.database.open()
        report = await app.pulse()
        assert report.budget == timedelta(seconds=seconds)
        await app.close()
