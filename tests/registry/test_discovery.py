"""Discovery: which modules are walked, what is collected, and how broken ones are told."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from mainspring.core.errors import DefinitionError
from mainspring.core.policy import Priority, Retry
from mainspring.registry import Registry, discover

Write = Callable[[str, str], Path]
TASK = "from mainspring.core.task import task\n\n@task\ndef {0}(x: int = 1) -> int:\n    return x\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write modules of a fresh place on the path; what they import is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        for parent in path.relative_to(tmp_path).parents:
            (tmp_path / parent).mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        importlib.invalidate_caches()
        return path

    yield written
    for name in set(sys.modules) - before:
        del sys.modules[name]


def names(*packages: str) -> list[str]:
    found = discover(packages)
    assert found.problems == ()
    return sorted(task.name for task in found.tasks)


@pytest.mark.scenario("D1", part="without schedule")
def test_a_discovered_task_is_found_by_name_category_and_all_with_its_schemas(write: Write) -> None:
    write("shop/__init__.py", "")
    write(
        "shop/tasks.py",
        """
        from pydantic import BaseModel
        from mainspring.core.task import task

        class Order(BaseModel):
            count: int

        class Receipt(BaseModel):
            total: float

        @task(category="sales", priority="high", timeout="5m", retry=2, tags=["money"])
        async def sell(order: Order, note: str = "") -> Receipt:
            return Receipt(total=order.count)
        """,
    )
    registry = Registry.build(discover(["shop"]).tasks)
    sell = registry.get("sell")
    assert registry.all == registry.by_category["sales"] == (sell,)
    spec = sell.spec
    assert (spec.priority, spec.tags, spec.retry) == (Priority.HIGH, ("money",), Retry(retries=2))
    parameters = sell.params.schema()
    assert parameters["properties"]["note"] == {"default": "", "title": "Note", "type": "string"}
    assert parameters["$defs"]["Order"]["properties"]["count"]["type"] == "integer"
    assert sell.result.schema()["properties"]["total"]["type"] == "number"


def test_task_modules_are_found_at_any_depth_and_others_are_not_imported(write: Write) -> None:
    write("shop/__init__.py", TASK.format("in_package"))
    write("shop/task.py", TASK.format("in_task"))
    write("shop/tasks.py", TASK.format("in_tasks"))
    write("shop/night_tasks.py", TASK.format("in_night_tasks"))
    write("shop/deep/er/__init__.py", "")
    write("shop/deep/__init__.py", "")
    write("shop/deep/er/more_tasks.py", TASK.format("deep"))
    write("shop/bare/tasks.py", TASK.format("in_bare"))  # a package without __init__.py
    write("shop/tasks_old.py", "raise RuntimeError('not a task module')")
    write("shop/mytasks.py", "raise RuntimeError('not a task module')")
    write("shop/deep/views.py", "raise RuntimeError('not a task module')")
    write("shop/not-a-package/tasks.py", "raise RuntimeError('cannot be imported by name')")
    assert names("shop") == ["deep", "in_bare", "in_night_tasks", "in_package", "in_task", "in_tasks"]
    assert discover(["shop"]).modules == (
        "shop", "shop.bare.tasks", "shop.deep.er.more_tasks", "shop.night_tasks", "shop.task", "shop.tasks",
    )  # fmt: skip


def test_a_package_named_tasks_counts_as_a_whole(write: Write) -> None:
    write("shop/__init__.py", "")
    write("shop/tasks/__init__.py", TASK.format("outer"))
    write("shop/tasks/helpers.py", TASK.format("helper"))
    write("shop/tasks/mail_tasks.py", TASK.format("mail"))
    assert names("shop") == ["mail", "outer"]


def test_a_single_module_of_any_name_may_be_named(write: Write) -> None:
    write("jobs.py", TASK.format("a"))
    write("shop/__init__.py", "")
    write("shop/work.py", TASK.format("b"))
    assert names("jobs", "shop.work") == ["a", "b"]


def test_only_what_a_module_defines_is_collected_and_once(write: Write) -> None:
    write("shop/__init__.py", "from shop.tasks import sell")
    write("shop/tasks.py", TASK.format("sell") + "\nalias = sell\nfrom library import lent\n")
    write("library.py", TASK.format("lent"))
    assert names("shop", "shop.tasks", "shop") == ["sell"]


def test_a_link_that_leads_back_up_ends(write: Write, tmp_path: Path) -> None:
    write("shop/__init__.py", "")
    write("shop/tasks.py", TASK.format("sell"))
    (tmp_path / "shop" / "again").symlink_to(tmp_path / "shop", target_is_directory=True)
    assert names("shop") == ["sell"]


BROKEN = {
    "raising": ("x = 1\nx / 0\n", 2, "ZeroDivisionError: division by zero"),
    "missing": ("\n\nimport nothing_of_that_name\n", 3, "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    "garbled": ("def f(:\n", 1, "SyntaxError: "),
    "leaving": ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
    "far": ("import json\n\njson.loads('{')\n", 3, "json.decoder.JSONDecodeError: "),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_module_that_cannot_be_imported_is_told_with_file_line_and_last_words(write: Write, kind: str) -> None:
    text, line, words = BROKEN[kind]
    write("shop/__init__.py", "")
    path = write(f"shop/{kind}_tasks.py", text)
    write("shop/tasks.py", TASK.format("sell"))
    found = discover(["shop"])
    (problem,) = found.problems
    assert problem.where == f"{path}:{line}"
    assert problem.what.startswith(f"shop.{kind}_tasks cannot be imported: {words}")
    assert "Traceback" not in str(problem) and "\n" not in str(problem)
    assert [task.name for task in found.tasks] == ["sell"]


def test_problems_of_all_kinds_come_together(write: Write) -> None:
    write("shop/__init__.py", "")
    broken = write("shop/broken_tasks.py", "1 / 0")
    bad = write("shop/bad_tasks.py", "from mainspring.core.task import task\n@task\ndef bad(x) -> None: ...\n")
    one = write("shop/one_tasks.py", TASK.format("same"))
    two = write("shop/two_tasks.py", TASK.format("same"))
    found = discover(["shop", "nothing_here", "../etc"])
    with pytest.raises(DefinitionError) as caught:
        Registry.build(found.tasks, found.problems)
    told = str(caught.value)
    assert len(caught.value.problems) == 5
    for place in (f"{broken}:1", f"{bad}:2", f"{one}:3", f"{two}:3", "'nothing_here'", "'../etc'"):
        assert place in told


@pytest.mark.parametrize("name", ["nothing_here", "shop.nothing_here", "nothing.at.all"])
def test_an_unknown_package_is_told_with_a_remedy(write: Write, name: str) -> None:
    write("shop/__init__.py", "")
    (problem,) = discover([name]).problems
    assert repr(name) in problem.where
    assert "install it" in problem.what


@pytest.mark.parametrize("name", ["", "shop/tasks.py", ".shop", "shop..tasks", "a b"])
def test_what_is_no_module_name_is_told(name: str) -> None:
    (problem,) = discover([name]).problems
    assert "dotted module name" in problem.what


def test_a_broken_package_is_told_once_and_hides_no_other(write: Write) -> None:
    broken = write("shop/__init__.py", "\nraise ValueError('closed')")
    write("shop/tasks.py", TASK.format("sell"))
    write("shop/night_tasks.py", TASK.format("clean"))
    write("bank/__init__.py", "")
    write("bank/tasks.py", TASK.format("pay"))
    found = discover(["shop", "shop.inner", "bank"])
    (problem,) = found.problems
    assert str(problem) == f"{broken}:2: shop cannot be imported: ValueError: closed"
    assert [task.name for task in found.tasks] == ["pay"]


def test_a_broken_parent_below_is_told_and_its_neighbours_are_kept(write: Write) -> None:
    write("shop/__init__.py", "")
    broken = write("shop/inner/__init__.py", "import nothing_of_that_name")
    write("shop/inner/a_tasks.py", TASK.format("a"))
    write("shop/inner/b_tasks.py", TASK.format("b"))
    write("shop/tasks.py", TASK.format("sell"))
    found = discover(["shop"])
    (problem,) = found.problems
    assert problem.where == f"{broken}:1"
    assert [task.name for task in found.tasks] == ["sell"]


def test_a_single_text_is_one_package(write: Write) -> None:
    write("jobs.py", TASK.format("a"))
    assert [task.name for task in discover("jobs").tasks] == ["a"]
