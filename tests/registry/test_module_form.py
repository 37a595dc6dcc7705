"""The module form: task_definition and execute, and what brings people with files of that kind along."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring import Priority, Retry
from mainspring.core.errors import DefinitionError
from mainspring.core.task import Task
from mainspring.engine.child import import_tasks
from mainspring.registry import Registry, discover
from mainspring.testing import Kit

WHOLE = """
from enum import Enum
from pydantic import BaseModel
from mainspring import Context, Fail

class Priority(Enum):
    HIGH = "tasks.priority.high"

class Config(BaseModel):
    database: str
    keep: int = 14

class Report(BaseModel):
    kept: int

task_definition = {
    "name": "prune-dumps", "description": "Throw old dumps away.", "enabled": True, "timeout": 300000, "priority": Priority.HIGH,
    "defaultConfig": {"database": "orders"}, "configSchema": Config, "resultSchema": Report, "tags": ["db"], "retries": 2,
    "retryDelay": 1500, "category": "maintenance",
}

async def execute(ctx: Context, config: Config) -> Report:
    ctx.log(config.database)
    return Report(kept=config.keep)

def validate(config: Config) -> None:
    if config.keep < 0:
        raise ValueError("keep is negative")

async def rollback(config: Config) -> None: ...
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package to write modules into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    package = tmp_path / "formshop"
    package.mkdir()
    (package / "__init__.py").touch()
    yield package
    for name in [each for each in sys.modules if each.partition(".")[0] == "formshop"]:
        del sys.modules[name]


def one(shop: Path, text: str) -> Task[..., Any]:
    (shop / "task.py").write_text(text)
    found = discover(["formshop"])
    assert found.problems == ()
    (task,) = found.tasks
    return task


def problems(shop: Path, text: str) -> list[str]:
    (shop / "task.py").write_text(text)
    return [str(each) for each in discover(["formshop"]).problems]


def test_every_field_arrives(shop: Path) -> None:
    task = one(shop, WHOLE)
    spec = task.spec
    assert (spec.name, spec.title, spec.description, spec.category) == (
        "prune-dumps",
        "Prune dumps",
        "Throw old dumps away.",
        "maintenance",
    )
    assert (spec.timeout, spec.priority, spec.tags, spec.is_enabled) == (timedelta(minutes=5), Priority.HIGH, ("db",), True)
    assert spec.retry == Retry(retries=2, delay=timedelta(seconds=1.5))
    assert (spec.takes_context, spec.is_async) == (True, True)
    assert task.hooks.validate is not None and task.hooks.rollback is not None and task.hooks.on_error is None
    assert (spec.source.module, Path(spec.source.file).name, spec.source.line) == ("formshop.task", "task.py", 22)
    (config,) = task.form()
    assert (config.widget, config.default) == ("fieldset", {"database": "orders"})
    assert [each.name for each in Registry.build([task])] == ["prune-dumps"]


def test_it_runs_like_any_other(shop: Path) -> None:
    task = one(shop, WHOLE)
    with Kit(tasks=[task]) as kit:
        assert kit.run(task).kept == 14
        assert kit.run(task, config={"database": "x", "keep": 3}).kept == 3


def test_an_executor_child_finds_it(shop: Path) -> None:
    task = one(shop, WHOLE)
    source = task.spec.source
    (found,) = import_tasks([(task.name, source.module, source.qualname)]).values()
    assert found.spec == task.spec


def test_defaults_by_name_and_objects_instead_of_mappings(shop: Path) -> None:
    task = one(
        shop,
        "class task_definition:\n    name = 'x'\n    default_config = {'database': 'orders'}\n    timeout = '90s'\n    priority = 'LOW'\n"
        "def execute(database: str, keep: int, deep: bool = False) -> int:\n    return keep\n",
    )
    assert (task.spec.timeout, task.spec.priority, task.spec.is_async) == (timedelta(seconds=90), Priority.LOW, False)
    assert task.params.load('{"keep": 3}') == {"database": "orders", "keep": 3, "deep": False}
    assert task.params.schema()["required"] == ["keep"]
    assert task.fn(keep=4) == 4


@pytest.mark.parametrize(
    ("definition", "execute", "told"),
    [
        ("task_definition = {'name': 'x'}", None, "task_definition without a function execute beside it"),
        ("task_definition = 3", "() -> None", "is no mapping and has no attributes"),
        ("task_definition = {}", "() -> None", "task_definition has no name"),
        ("task_definition = {'name': 'x', 'colour': 1}", "() -> None", "'colour' is unknown, known are access, admin_only, category"),
        ("task_definition = {'name': 'x', 'timeout': 30}", "() -> None", "would be 30 milliseconds: write 30000 or '30s'"),
        ("task_definition = {'name': 'x', 'retries': 1, 'retry': 2}", "() -> None", "retry and retries say the same"),
        ("task_definition = {'name': 'x', 'config_schema': int}", "(n: str) -> None", "write config: int"),
        ("task_definition = {'name': 'x', 'result_schema': int}", "() -> str", "write -> int"),
        ("task_definition = {'name': 'x', 'default_config': {'m': 1}}", "(n: int) -> None", "names 'm', execute has n"),
        ("task_definition = {'name': 'x', 'default_config': 3}", "(n: int) -> None", "default_config=3"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_and_line(shop: Path, definition: str, execute: str | None, told: str) -> None:
    (said,) = problems(shop, f"\n{definition}\n" + (f"def execute{execute}: ...\n" if execute else ""))
    assert said.startswith(f"{shop / 'task.py'}:2 ")
    assert told in said


@pytest.mark.parametrize("spelling", ["dependencies", "depends", "dependsOn"])
def test_dependencies_are_named_as_they_are_in_such_files(shop: Path, spelling: str) -> None:
    definition = f"task_definition = {{'name': 'x', '{spelling}': ['y'], 'overlap': 'queue:2'}}"
    (shop / "task.py").write_text(f"{definition}\ndef execute() -> None: ...\n")
    found = discover(["formshop"])
    assert not found.problems
    assert [each.task for each in found.tasks[0].spec.depends_on] == ["y"]
    assert str(found.tasks[0].spec.overlap) == "queue:2"


def test_a_schedule_is_a_cron_text_as_in_such_files(shop: Path) -> None:
    task = one(shop, "task_definition = {'name': 'x', 'schedule': '0 3 * * *'}\ndef execute() -> None: ...\n")
    assert [(each.name, each.expression) for each in task.spec.schedules] == [("x", "0 3 * * *")]


def test_a_schedule_that_makes_no_sense_is_told(shop: Path) -> None:
    task = one(shop, "task_definition = {'name': 'x', 'schedule': '0 25 * * *'}\ndef execute() -> None: ...\n")
    (problem,) = task.problems()
    assert "hour" in problem.what and "25" in problem.what


def test_all_mistakes_come_at_once_also_those_of_other_tasks(shop: Path) -> None:
    (shop / "tasks.py").write_text("from mainspring import task\n@task(icon='No!')\ndef bad() -> None: ...\n")
    (shop / "task.py").write_text("task_definition = {'name': 'x', 'colour': 1, 'size': 2}\ndef execute() -> None: ...\n")
    found = discover(["formshop"])
    with pytest.raises(DefinitionError) as caught:
        Registry.build(found.tasks, found.problems)
    assert [each.what.split(" ")[0:2] for each in caught.value.problems] == [
        ["task_definition:", "'colour'"], ["task_definition:", "'size'"], ["icon='No!'", "is"],
    ]  # fmt: skip


def test_a_bad_option_is_told_as_in_any_definition(shop: Path) -> None:
    task = one(shop, "task_definition = {'name': 'x', 'queue': 'not allowed!'}\ndef execute() -> None: ...\n")
    (problem,) = task.problems()
    assert problem.where.startswith(f"{shop / 'task.py'}:2")
    assert "queue='not allowed!'" in problem.what


def test_other_modules_may_have_such_a_name_without_being_walked_into(shop: Path) -> None:
    (shop / "other.py").write_text("task_definition = 3\n")
    assert discover(["formshop"]).problems == ()
