"""Definitions on the command line: what is hidden, switched, shown to other surfaces, and written down for nodes without the code."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring
from mainspring.core.errors import InvalidParams, UnknownTask
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller
from mainspring.operations.tasks import TaskRequest, TasksRequest, list_tasks, show_task
from tests.faces.conftest import Cli

DOORS = """
from mainspring import Mainspring, task

@task(no_cli=True)
async def inner(n: int = 1) -> int:
    return n

@task(no_web=True, no_mcp=True, danger="It is loud.")
async def outer(n: int = 1) -> int:
    '''Shout.'''
    return n

app = Mainspring("sqlite://", tasks=[inner, outer], isolation="inline")
"""

SHOP = """
import json
from typing import Literal
from pydantic import BaseModel
from mainspring import Context, task

class Report(BaseModel):
    rows: int

@task(title="Database backup", queue="slow", priority="high")
async def backup(ctx: Context, database: str, format: Literal["sql", "tar"] = "sql") -> Report:
    '''Dump a database.'''
    return Report(rows=3)

@task
def prune(keep: int = 14, *, tags: list[str] | None = None) -> int:
    return keep
"""


@pytest.fixture
def doors(project: Cli, tmp_path: Path) -> Cli:
    (tmp_path / "doors.py").write_text(DOORS)
    project.app = ("-A", "doors:app")
    return project


# -- hidden


@pytest.mark.scenario("K4", part="no_cli")
@pytest.mark.parametrize(
    "words", [["tasks", "show", "inner"], ["tasks", "check", "inner"], ["run", "inner"], ["enqueue", "inner"], ["run", "inner", "--n", "2"]]
)
def test_a_task_that_is_kept_off_the_command_line_is_not_there(doors: Cli, words: list[str]) -> None:
    result = doors(*words)
    assert result.exit_code == 3
    assert "the task 'inner' is kept off the command line (no_cli=True at " in result.stderr
    assert "doors.py:4" in result.stderr
    assert doors("--json", "runs").stdout == ""


@pytest.mark.scenario("K4", part="no_cli")
def test_it_is_in_no_list_either_and_its_runs_cannot_be_done_again_there(doors: Cli) -> None:
    assert [row["name"] for row in doors.objects("tasks")] == ["outer"]

    async def elsewhere() -> str:
        import importlib

        async with Mainspring(doors.url, tasks=[importlib.import_module("doors").inner], isolation="inline") as app:
            run = await app.enqueue(app.task_named("inner"))
            await app.see_through(run.id)
            return run.id

    run_id = asyncio.run(elsewhere())
    result = doors("runs", "retry", run_id)
    assert result.exit_code == 3
    assert doors.object("runs", "show", run_id)["task"] == "inner"  # what happened is no secret


@pytest.mark.scenario("K4", part="no_web and no_mcp")
def test_other_doors_see_what_is_not_kept_off_them(doors: Cli) -> None:
    sys.path.insert(0, str(doors.cwd))
    import doors as module  # type: ignore[import-not-found]

    async def seen(source: str) -> list[str]:
        view = await list_tasks(module.app, TasksRequest(category=None, tag=None), Caller("ada", source))
        return [each.name for each in view.items]

    async def all_seen() -> dict[str, list[str]]:
        async with Mainspring("sqlite://", tasks=[module.inner, module.outer]) as app:
            module.app = app
            return {source: await seen(source) for source in ("cli", "http", "mcp", "api")}

    found = asyncio.run(all_seen())
    assert found == {"cli": ["outer"], "http": ["inner"], "mcp": ["inner"], "api": ["inner", "outer"]}
    with pytest.raises(Exception, match="kept off agents"):
        asyncio.run(show_task(module.app, TaskRequest(name="outer"), Caller("ada", "mcp")))


# -- types


def test_types_shows_what_each_surface_sees(doors: Cli) -> None:
    inner, outer = doors.objects("types")
    assert inner["cli"] is None
    assert inner["http"]["params"]["properties"]["n"]["default"] == 1
    assert inner["form"] == [
        {"name": "n", "label": "N", "widget": "integer", "is_required": False, "is_nullable": False, "has_default": True, "default": 1}
    ]
    assert inner["mcp"]["inputSchema"]["properties"].keys() == {"n"}
    assert outer["cli"] == "mainspring run outer [--n]"
    assert (outer["http"], outer["form"], outer["mcp"]) == (None, None, None)
    assert outer["python"] == "outer(n: int = 1) -> int"
    told = doors.ok("types", "outer")
    assert "kept off it" in told
    assert doors("types", "nobody").exit_code == 2


# -- switches


@pytest.mark.scenario("K4", part="tasks disable")
def test_an_operator_disables_and_enables(cli: Cli) -> None:
    waiting = cli.ok("enqueue", "add", "--a", "1").strip()
    answer = cli.object("tasks", "disable", "add", "--reason", "too many sums")
    assert (answer["is_enabled"], answer["has_changed"], answer["has_drifted"], answer["moved"]) == (False, True, True, 1)
    result = cli("enqueue", "add", "--a", "1")
    assert result.exit_code == 2
    assert "too many sums" in result.stderr
    assert "mainspring tasks enable add" in result.stderr
    shown = cli.object("tasks", "show", "add")
    assert (shown["is_enabled"], shown["is_enabled_by_default"], shown["has_drifted"]) == (False, True, True)
    assert (shown["switch"]["reason"], "@" in shown["switch"]["changed_by"]) == ("too many sums", True)
    told = cli.ok("tasks", "show", "add")
    assert "too many sums" in told and "enabled in code" in told
    assert "disabled" in cli.ok("tasks")
    assert cli.object("runs", "show", waiting)["reason"] == "disabled"
    answer = cli.object("tasks", "enable", "add")
    assert (answer["is_enabled"], answer["has_drifted"], answer["moved"]) == (True, False, 1)
    assert cli.object("tasks", "show", "add")["switch"] is None
    assert cli.object("tasks", "enable", "add")["has_changed"] is False
    assert cli.object("runs", "show", waiting)["reason"] != "disabled"


@pytest.mark.scenario("K4", part="tasks overlap")
@pytest.mark.scenario("C2", part="cli")
def test_an_operator_says_what_becomes_of_overlaps_and_takes_it_back(cli: Cli) -> None:
    answer = cli.object("tasks", "overlap", "add", "queue:2", "--reason", "they pile up")
    assert (answer["policy"], answer["was"], answer["by_default"], answer["has_changed"], answer["has_drifted"]) == (
        "queue:2", None, None, True, True,
    )  # fmt: skip
    run_id = cli.ok("enqueue", "add", "--a", "1").strip()
    assert cli.object("runs", "show", run_id)["state"] == "pending"
    shown = cli.object("tasks", "show", "add")
    assert (shown["overlap"], shown["overlap_by_default"]) == ("queue:2", None)
    told = cli.ok("tasks", "show", "add")
    assert "queue:2" in told and "overlap in code" in told
    said = cli.ok("tasks", "overlap", "add", "queue:2")
    assert "as before" in said and "mainspring tasks overlap add code" in said
    assert cli.object("tasks", "overlap", "add", "code")["policy"] is None
    assert "meet the policy allow, as before" in cli.ok("tasks", "overlap", "add", "code")
    refused = cli("tasks", "overlap", "add", "sometimes")
    assert refused.exit_code == 2
    assert "policy='sometimes' is no overlap policy: write skip, queue" in refused.stderr
    assert cli("tasks", "overlap", "nobody", "skip").exit_code == 2


def test_what_the_code_disables_can_be_switched_on(cli: Cli) -> None:
    assert cli("run", "old").exit_code == 2
    cli.ok("tasks", "enable", "old")
    assert cli("run", "old").exit_code == 0
    shown = cli.object("tasks", "show", "old")
    assert (shown["is_enabled"], shown["is_enabled_by_default"], shown["has_drifted"]) == (True, False, True)


def test_tasks_are_listed_where_the_store_cannot_be_reached(cli: Cli) -> None:
    cli.url = "postgresql://nobody@127.0.0.1:9/none?connect_timeout=1"
    (row,) = [each for each in cli.objects("tasks") if each["name"] == "add"]
    assert row["switch"] is None


# -- the manifest and the index


@pytest.fixture
def shop(project: Cli, tmp_path: Path) -> Cli:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "shop_tasks.py").write_text(SHOP)
    sys.path.insert(0, str(tmp_path / "code"))
    project.app = ("--discover", "shop_tasks")
    return project


def test_index_writes_both_files_and_check_tells_when_they_are_stale(shop: Cli, tmp_path: Path) -> None:
    result = shop("index", "--check")
    assert result.exit_code == 1
    assert "mainspring.json is missing" in result.stdout
    assert not (tmp_path / "mainspring.json").exists()
    shop.ok("index")
    assert "mainspring.json is fresh" in shop.ok("index", "--check")
    assert [each["name"] for each in json.loads((tmp_path / "mainspring.json").read_text())["tasks"]] == ["backup", "prune"]
    (tmp_path / "code" / "shop_tasks.py").write_text(SHOP.replace("keep: int = 14", "keep: int = 15"))
    del sys.modules["shop_tasks"]
    result = shop("index", "--check")
    assert result.exit_code == 1
    assert "mainspring.json is stale" in result.stdout and "mainspring_index.py is stale" in result.stdout
    shop.ok("index")
    assert shop("index", "--check").exit_code == 0
    answers = shop.objects("index", "--check", "--module", "-")
    assert [(each["path"], each["is_fresh"]) for each in answers] == [("mainspring.json", True)]


def test_the_files_may_lie_elsewhere(shop: Cli, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    shop.ok("index", "--manifest", "web/deploy.json", "--module", "web/handles.py")
    assert 'Index(__file__, "deploy.json")' in (tmp_path / "web" / "handles.py").read_text()
    result = shop("index", "--module", "nowhere/handles.py")
    assert result.exit_code == 2
    assert "cannot write nowhere/handles.py: " in result.stderr


@pytest.fixture
def frontend(shop: Cli, tmp_path: Path) -> Cli:
    """A node that has the manifest and not the code."""
    shop.ok("index")
    sys.path.remove(str(tmp_path / "code"))
    del sys.modules["shop_tasks"]
    shop.app = ()
    (tmp_path / "mainspring.toml").write_text('manifest = "mainspring.json"\n')
    return shop


@pytest.mark.scenario("D10", "I8", part="cli")
def test_a_node_without_the_code_lists_validates_and_enqueues_and_never_executes(frontend: Cli, tmp_path: Path) -> None:
    rows = {row["name"]: row for row in frontend.objects("tasks")}
    assert {name: row["is_here"] for name, row in rows.items()} == {"backup": False, "prune": False}
    assert rows["backup"]["title"] == "Database backup"
    assert "elsewhere" in frontend.ok("tasks")
    result = frontend("enqueue", "backup", "--format", "zip")
    assert result.exit_code == 2
    assert "database: is missing" in result.stderr and "input should be 'sql' or 'tar'" in result.stderr
    run_id = frontend.ok("enqueue", "backup", "--database", "orders").strip()
    assert "shop_tasks" not in sys.modules
    shown = frontend.object("runs", "show", run_id)
    assert (shown["queue"], shown["priority"], shown["params"], shown["state"]) == (
        "slow", "high", {"format": "sql", "database": "orders"}, "pending",
    )  # fmt: skip
    worker = frontend.work("--burst")
    assert worker.end() == 0
    left = frontend.object("runs", "show", run_id)
    assert (left["state"], left["reason"], left["result"]) == ("blocked", "no capable node", None)

    sys.path.insert(0, str(tmp_path / "code"))  # a node with the code
    frontend.app = ("--discover", "shop_tasks")
    worker = frontend.start("worker", "--burst", env={"PYTHONPATH": f"{tmp_path / 'code'}:{Path(__file__).parents[2]}"})
    assert worker.end() == 0, worker.said
    assert frontend.object("runs", "show", run_id)["result"] == {"rows": 3}


@pytest.mark.scenario("I8", "S0-04", part="cli")
@pytest.mark.parametrize("name", ["unknown", "os.system", "shop_tasks.backup", "shop_tasks:backup", "../../etc/passwd", "__import__('os')"])
def test_only_registered_names_are_taken(frontend: Cli, name: str) -> None:
    result = frontend("enqueue", name)
    assert result.exit_code == 2
    assert f"there is no task named {name!r}" in result.stderr
    assert "shop_tasks" not in sys.modules
    assert frontend("--json", "runs").stdout == ""


@pytest.mark.scenario("S0-04", part="python")
def test_no_payload_can_name_code(shop: Cli) -> None:
    async def asked() -> None:
        async with Mainspring(shop.url, discover=["shop_tasks"]) as app:
            for name in ("subprocess.run", "shop_tasks.Report", "builtins.eval"):
                with pytest.raises(UnknownTask):
                    app.task_named(name)
            with pytest.raises(InvalidParams, match="unknown parameter"):
                await app.enqueue_json(app.task_named("prune"), '{"keep": 1, "__class__": "os.system"}')
            with pytest.raises(InvalidParams):
                await app.enqueue_json(app.task_named("prune"), '{"keep": {"py/object": "os.system"}}')

    asyncio.run(asked())


@pytest.mark.scenario("D10", part="python")
def test_python_callers_enqueue_by_handles_and_by_name(frontend: Cli, tmp_path: Path) -> None:
    sys.path.insert(0, str(tmp_path))
    import mainspring_index as index  # type: ignore[import-not-found]

    async def enqueued() -> Any:
        async with Mainspring(frontend.url, manifest="mainspring.json") as app:
            by_handle = await app.enqueue(index.backup, database="orders", format="tar")
            by_name = await app.enqueue(app.task_named("prune").options(key="k"), keep=3)
            again = await app.enqueue(index.prune.options(key="k"), keep=4)
            with pytest.raises(InvalidParams, match="database: is missing"):
                await app.enqueue(index.backup)
            assert not app._definitions.live
            return await app.read_run(by_handle.id), by_name.id, again

    run, by_name, again = asyncio.run(enqueued())
    assert (run.task, run.state, run.params) == ("backup", RunState.PENDING, '{"format":"tar","database":"orders"}')
    assert (again.id, again.is_new) == (by_name, False)
    assert "shop_tasks" not in sys.modules


@pytest.mark.scenario("D10", part="python")
def test_an_app_without_the_manifest_takes_the_handles_too_and_with_the_code_its_own_task(frontend: Cli, tmp_path: Path) -> None:
    sys.path[:0] = [str(tmp_path), str(tmp_path / "code")]
    import mainspring_index as index
    import shop_tasks  # type: ignore[import-not-found]

    async def enqueued() -> None:
        async with Mainspring(frontend.url) as app:
            await app.enqueue(index.prune)
            assert not app.task_named("prune").is_here
            await app.enqueue(shop_tasks.prune)  # the code comes later: it wins
            assert app.task_named("prune") is shop_tasks.prune
        async with Mainspring(frontend.url, tasks=[shop_tasks.backup], isolation="inline") as app:
            assert (await app.run(index.backup, database="x")).rows == 3

    asyncio.run(enqueued())


def test_the_index_imports_neither_the_code_nor_the_validator(frontend: Cli, tmp_path: Path) -> None:
    script = "import sys, mainspring_index; print([m for m in ('shop_tasks', 'jsonschema', 'starlette', 'asyncpg') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


CALLS = """
from typing import assert_type
from mainspring import Mainspring, RunHandle
from mainspring_index import backup, prune, ReportResultDict

async def good(app: Mainspring) -> None:
    assert_type(await app.enqueue(backup, database="orders", format="tar"), RunHandle[ReportResultDict])
    assert_type((await app.run(backup, "orders"))["rows"], int)
    assert_type(await app.run(prune.options(delay="5m"), 3, tags=["a"]), int)

async def bad(app: Mainspring) -> None:
    await app.enqueue(backup, database=3)  # E
    await app.enqueue(backup)  # E
    await app.enqueue(backup, "orders", "zip")  # E
    await app.enqueue(prune, keeep=3)  # E
    await app.enqueue(prune, 3, ["a"])  # E
    await prune.enqueue(keep="x")  # E
    backup("orders")  # E
"""


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_check_calls_against_the_index(frontend: Cli, tmp_path: Path, checker: str) -> None:
    (tmp_path / "calls.py").write_text(CALLS)
    wanted = {number for number, line in enumerate(CALLS.splitlines(), 1) if line.endswith("# E")}
    options = {
        "mypy": ["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache")],
        "pyright": ["--pythonpath", sys.executable],
    }[checker]
    done = subprocess.run(
        [sys.executable, "-m", checker, *options, "calls.py", "mainspring_index.py"], cwd=tmp_path, capture_output=True, text=True
    )
    told = [line for line in done.stdout.splitlines() if "error:" in line or " - error" in line]
    places = [line.partition(".py:")[0].rpartition("/")[2].strip() for line in told]
    assert set(places) == {"calls"}, done.stdout + done.stderr
    assert {int(line.partition(".py:")[2].partition(":")[0]) for line in told} == wanted, done.stdout


# -- requirements


def test_doctor_tells_what_is_missing_and_what_is_there(project: Cli, tmp_path: Path) -> None:
    text = "from mainspring import task\n@task(requires='engine>=99 else export by hand')\nasync def future() -> None: ...\n"
    (tmp_path / "tasks.py").write_text(text)
    view = project.object("doctor")
    (finding,) = [each for each in view["findings"] if each["code"] == "task-unmet"]
    assert finding["values"]["task"] == "future"
    assert {each["name"]: each["is_available"] for each in view["capabilities"]}.items() >= {"services": True, "many_hosts": False}.items()
    assert "export by hand" in project.ok("doctor")
    result = project("run", "future")
    assert result.exit_code == 2
    assert "is not registered here" in result.stderr
