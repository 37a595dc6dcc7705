"""Each row of the guide for people who come from next-vibe has a test here that shows the effect of what stands in it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from mainspring import Mainspring
from mainspring.core import active
from mainspring.core.errors import ConfigurationError
from tests.faces.conftest import PATIENCE, ROOT, Cli, Process

GUIDE = ROOT / "docs" / "guides" / "from-next-vibe.md"
PROJECT = """
import asyncio
from pathlib import Path

from mainspring import Context, cron, every, service, task


@task(category="maintenance", schedule=every("1s"), retry=0)
async def tick() -> str:
    return "tock"


@task(schedule=cron("0 3 * * *"), priority="high", timeout="5s")
async def nightly() -> None: ...


@task(timeout="5s")
async def add(a: int, b: int = 1) -> int:
    return a + b


@task
async def fails() -> None:
    raise OSError("the disk is full")


@task
async def lasts() -> None:
    await asyncio.sleep(3600)


@task(overlap="skip")
async def alone() -> None: ...


@service(category="mail")
async def inbox(ctx: Context) -> None:
    Path("inbox").write_text("began")
    while await ctx.sleep("50ms"):
        pass
    Path("inbox").write_text("ended")
"""
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
TESTED: set[str] = set()


def row(name: str) -> Callable[[F], F]:
    """Say which row of the guide a test is for."""

    def decorate(test: F) -> F:
        TESTED.add(name)
        return test

    return decorate


@pytest.fixture
def house(project: Cli) -> Cli:
    """A project with tasks, schedules and a service."""
    (project.cwd / "tasks.py").write_text(PROJECT)
    return project


@pytest.fixture
def runner(house: Cli) -> Process:
    """A runner of the project."""
    process = house.start("runner", "--name", "one")
    process.expect("works on")
    return process


def until(cli: Cli, *args: str) -> list[dict[str, Any]]:
    """Ask until there is an answer; whoever waits for ever is stopped by the test's own time."""
    while True:
        if found := cli.objects(*args):
            return found


def ended(process: Process) -> str:
    process.signal(signal.SIGTERM)
    assert process.end() == 0, process.said
    return process.said


@pytest.fixture
def make(house: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Mainspring]]:
    """Make an app of the project in this process, under variables of the environment."""
    monkeypatch.chdir(house.cwd)
    monkeypatch.syspath_prepend(str(house.cwd))
    monkeypatch.setattr(active, "_apps", [])

    def make_app(**variables: str) -> Mainspring:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        from importlib import import_module

        module = import_module("tasks")
        tasks = [module.tick, module.nightly, module.add, module.fails, module.lasts, module.alone, module.inbox]
        return Mainspring(house.url, tasks=tasks, isolation="inline")

    import sys

    sys.modules.pop("tasks", None)
    yield make_app
    sys.modules.pop("tasks", None)


def do(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(bounded())


# -- commands


@row("`vibe core:system:tasks:cron:tasks`")
@row("`vibe core:system:tasks:cron:history`")
@row("`vibe core:system:tasks:cron:stats`")
@row("`vibe core:system:tasks:unified-runner`")
def test_a_runner_fires_schedules_that_are_listed_remembered_and_counted(house: Cli, runner: Process) -> None:
    listed = {each["name"]: each for each in house.objects("schedules", "list")}
    assert listed.keys() == {"tick", "nightly"}
    assert "add" in {each["name"] for each in house.objects("tasks", "list")}
    history = until(house, "runs", "list", "--origin", "schedule", "--schedule", "tick", "--state", "completed")
    assert {each["task"] for each in history} == {"tick"}
    assert house.object("runs", "count", "--origin", "schedule", "--schedule", "nightly")["total"] == 0
    stats = house.object("stats", "--task", "tick", "--by", "hour")
    assert stats["tasks"][0]["completed"] >= 1
    assert stats["trend"]
    (node,) = house.object("runner", "status")["nodes"]
    assert (node["name"], node["state"]) == ("one", "alive")
    house.ok("runner", "stop", "one", "--wait", "30s")
    assert runner.end() == 0


@row("`vibe core:system:tasks:pulse:execute`")
@row("`vibe core:system:tasks:pulse:status`")
def test_a_pulse_does_what_is_due_and_is_remembered(house: Cli) -> None:
    run = house.ok("enqueue", "add", "--a", "1").strip()
    dry = house.object("pulse", "execute", "--dry-run")
    assert house.object("runs", "show", run)["state"] == "pending"
    report = house.object("pulse", "execute", "--budget", "20s", "--force", "nightly")
    assert (dry["executed"], report["succeeded"]) == (0, 2)
    assert house.object("runs", "show", run)["state"] == "completed"
    status = house.object("pulse", "status")
    assert status["state"] == "healthy"
    assert status["last_pulse_at"] is not None
    assert not (house.cwd / "inbox").exists()  # services are no business of a pulse


@row("`vibe core:system:tasks:types`")
def test_types_show_what_may_be_given(house: Cli) -> None:
    (told,) = house.objects("types", "add")
    assert told["python"].startswith("add(a: int, b: int = 1)")


@row("`vibe dev`")
def test_dev_works_at_once(house: Cli) -> None:
    process = house.start("dev")
    process.expect("works on")
    assert json.loads(house.ok("--json", "run", "add", "--a", "1"))["result"] == 2
    ended(process)


@row("`vibe start`")
def test_start_works_and_answers_http(house: Cli) -> None:
    process = house.start("start", "--listen", "127.0.0.1:0")
    process.expect("the console is at http://127.0.0.1:")
    until(house, "runs", "list", "--origin", "schedule", "--state", "completed")
    ended(process)


@row("`generate-all`")
def test_the_index_has_tasks_by_name_and_category_services_and_the_runner(house: Cli) -> None:
    house.start("index").end()
    text = (house.cwd / "mainspring_index.py").read_text()
    assert all(name in text for name in ("TASKS = ", "TASKS_BY_CATEGORY = ", "SERVICES = ", "RUNNER = ", "def add(a: int, b: int = 1)"))
    said = json.loads((house.cwd / "mainspring.json").read_text())
    assert said["by_category"]["maintenance"] == ["tick"]
    assert [each["name"] for each in said["services"]] == ["inbox"]


# -- settings


@row("`TASK_RUNNER_ENABLED`")
@pytest.mark.scenario("U13", part="TASK_RUNNER_ENABLED")
def test_a_runner_that_is_switched_off_executes_nothing(house: Cli) -> None:
    run = house.ok("enqueue", "add", "--a", "1").strip()
    process = house.start("runner", env={"TASK_RUNNER_ENABLED": "false"})
    process.expect("TASK_RUNNER_ENABLED")
    until(house, "nodes")
    assert [each["role"] for each in house.object("runner", "status")["nodes"]] == ["serve"]
    ended(process)
    assert house.object("runs", "show", run)["state"] == "pending"


@row("`TASK_RUNNER_ENVIRONMENT`")
@pytest.mark.scenario("U13", part="TASK_RUNNER_ENVIRONMENT")
def test_the_environment_chooses_settings_and_is_told_with_each_run(house: Cli) -> None:
    (house.cwd / "mainspring.toml").write_text("default_retries = 1\n[env.production]\ndefault_retries = 0\n")
    process = house.start("runner", env={"TASK_RUNNER_ENVIRONMENT": "production"})
    process.expect("works on")
    (done, *_) = until(house, "runs", "list", "--schedule", "tick", "--state", "completed")
    failed = house.run_object("fails")
    ended(process)
    with sqlite3.connect(house.url.removeprefix("sqlite:///")) as connection:
        (found,) = connection.execute("select execution_environment from cron_task_executions where id = ?", [done["id"]])
    assert found == ("production",)
    assert failed["state"] == "failed"
    doctor = house.start("--json", "doctor", env={"TASK_RUNNER_ENVIRONMENT": "production"})
    doctor.end()
    told = {each["name"]: (each["value"], each["source"]) for each in json.loads(doctor.said)["settings"]}
    assert told["TASK_DEFAULT_RETRIES"] == ("0", "mainspring.toml [env.production]")


@row("`TASK_DEFAULT_TIMEOUT`")
@pytest.mark.scenario("U13", part="TASK_DEFAULT_TIMEOUT")
def test_the_default_timeout_is_in_milliseconds(make: Callable[..., Mainspring]) -> None:
    async def scene() -> str:
        async with make(TASK_DEFAULT_TIMEOUT="1000", TASK_DEFAULT_RETRIES="0") as app, app.worker():
            run = await app.enqueue(app.task_named("lasts"))
            return str((await app.wait_for(run.id)).state)

    assert do(scene()) == "timeout"
    with pytest.raises(ConfigurationError, match="would be 60 milliseconds"):
        make(TASK_DEFAULT_TIMEOUT="60")


@row("`TASK_DEFAULT_RETRIES`")
@pytest.mark.scenario("U13", part="TASK_DEFAULT_RETRIES")
@pytest.mark.parametrize("retries", [0, 2])
def test_the_default_retries_are_those_of_a_task_that_says_nothing(make: Callable[..., Mainspring], retries: int) -> None:
    async def scene() -> int:
        async with make(TASK_DEFAULT_RETRIES=str(retries)) as app:
            return (await app.read_run((await app.enqueue(app.task_named("fails"))).id)).max_retries

    assert do(scene()) == retries


@row("`TASK_OVERLAP_PREVENTION`")
@pytest.mark.scenario("U13", part="TASK_OVERLAP_PREVENTION")
@pytest.mark.parametrize(("text", "states"), [("true", {"completed", "skipped"}), ("false", {"completed"})])
def test_overlap_prevention_can_be_switched_off(make: Callable[..., Mainspring], text: str, states: set[str]) -> None:
    async def scene() -> set[str]:
        async with make(TASK_OVERLAP_PREVENTION=text) as app:
            runs = [await app.enqueue(app.task_named("alone")) for _ in range(3)]
            async with app.worker():
                return {str((await app.wait_for(run.id)).state) for run in runs}

    assert do(scene()) == states


@row("`PULSE_INTERVAL`")
@pytest.mark.scenario("U13", part="PULSE_INTERVAL")
@pytest.mark.parametrize(("text", "state"), [("60000", "healthy"), ("20000", "stale")])
def test_a_pulse_is_late_by_its_interval(make: Callable[..., Mainspring], house: Cli, text: str, state: str) -> None:
    async def scene() -> str:
        async with make(PULSE_INTERVAL=text) as app:
            await app.pulse(budget="5s")
            with sqlite3.connect(house.url.removeprefix("sqlite:///")) as connection:  # as if a minute and a half had passed
                connection.execute("update mainspring_pulses set started_at = started_at - 90000000, finished_at = finished_at - 90000000")
            return str((await app.pulse_health()).state)

    assert do(scene()) == state


@row("`SIDE_TASKS_ENABLED`")
@pytest.mark.scenario("U13", part="SIDE_TASKS_ENABLED")
@pytest.mark.parametrize(("text", "starts"), [("true", True), ("false", False)])
def test_side_tasks_can_be_switched_off(make: Callable[..., Mainspring], house: Cli, text: str, starts: bool) -> None:
    async def scene() -> None:
        app = make(SIDE_TASKS_ENABLED=text)
        assert app.supports_services is starts
        async with app, app.runner():
            if starts:
                while not (house.cwd / "inbox").exists():
                    await asyncio.sleep(0)
            else:
                handle = await app.enqueue(app.task_named("add"), a=1)
                await handle.result()  # whatever a runner begins by itself has begun by now

    do(scene())
    assert (house.cwd / "inbox").exists() is starts


# -- in code


@row("`executeCronTask(task)`")
@row("`getTaskStatus(name)`")
@row("`isTaskRunning(name)`")
@row("`getRunningTasks()`")
@row("`environment`")
@row("`supportsSideTasks`")
@row("`tasksByCategory`")
def test_the_runners_questions_have_answers(make: Callable[..., Mainspring]) -> None:
    async def scene() -> None:
        app = make(TASK_RUNNER_ENVIRONMENT="serverless")
        assert app.settings.runner_environment == "serverless"
        assert not app.supports_services
        assert "serverless" in app.capability("services").why
        assert [each.name for each in app.registry.by_category["maintenance"]] == ["tick"]
        async with app:
            async with app.worker():
                assert await app.run(app.task_named("add"), a=1) == 2
                run = await app.enqueue(app.task_named("lasts"))
                while not await app.is_running("lasts"):
                    await asyncio.sleep(0)
                assert await app.running() == ["lasts"]
                assert (await app.task_status("lasts")).running == 1
                await app.cancel(run.id)
                await app.wait_for(run.id)

    do(scene())


@row("`startSideTask(task, signal)`")
@row("`stopSideTask(name)`")
def test_side_tasks_are_stopped_and_started_from_anywhere(house: Cli, runner: Process) -> None:
    def state() -> str:
        (found,) = house.objects("services", "list")
        return str(found["state"])

    def wait(wanted: str) -> None:
        while state() != wanted:
            pass

    wait("running")
    house.ok("services", "stop", "inbox")
    wait("stopped")
    assert (house.cwd / "inbox").read_text() == "ended"
    house.ok("services", "start", "inbox")
    wait("running")
    ended(runner)


# -- tables


@row("`cron_tasks`")
@row("`cron_task_executions`")
@row("`side_tasks`")
@row("`task_runner_state`")
def test_the_tables_are_there_under_their_names(house: Cli, runner: Process) -> None:
    until(house, "runs", "list", "--schedule", "tick", "--state", "completed")
    while house.objects("services", "list")[0]["state"] != "running":
        pass

    def ask(text: str) -> set[Any]:
        with sqlite3.connect(house.url.removeprefix("sqlite:///")) as connection:
            return {each[0] for each in connection.execute(text)}

    assert ask("select name from cron_tasks") == {"tick", "nightly"}
    assert ask("select priority from cron_tasks where name = 'nightly'") == {"HIGH"}
    assert "COMPLETED" in ask("select status from cron_task_executions")
    assert ask("select execution_environment from cron_task_executions where status = 'COMPLETED'") == {"development"}
    assert ask("select category from side_tasks where name = 'inbox'") == {"mail"}
    assert "side" in ask("select task_type from task_runner_state where task_name = 'inbox'")
    ended(runner)


def test_every_row_of_the_guide_has_a_test() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == len(set(rows)) > 25
    assert set(rows) == TESTED


def test_every_command_of_the_guide_exists() -> None:
    from mainspring.cli.main import root

    for said in set(re.findall(r"`mainspring ([a-z]+)", GUIDE.read_text("utf-8"))):
        assert said in root.list_commands(root.make_context("mainspring", ["--version"], resilient_parsing=True)), said
