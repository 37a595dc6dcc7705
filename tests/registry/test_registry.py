"""The registry: all tasks or all problems."""
# mypy: disable-error-code="no-untyped-def"

from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from mainspring.core.errors import DefinitionError, Problem, UnknownTask
from mainspring.core.service import service
from mainspring.core.task import Task, task
from mainspring.registry import Registry, RegistryBuilder


def make(name: str, category: str = "general") -> Task[..., Any]:
    def body(x: int = 1) -> int:
        return x

    return task(name=name, category=category)(body)


@task
def backup(database: str) -> str:
    return database


@task(name="backup")
def other_backup(database: str) -> str:
    return database


@pytest.mark.scenario("D1", part="registry")
def test_tasks_are_found_by_name_by_category_and_all_sorted() -> None:
    b, a, c = make("b", "x"), make("a", "y"), make("c", "x")
    registry = Registry.build([b, a, c])
    assert registry.all == (a, b, c) == tuple(registry)
    assert dict(registry.by_name) == {"a": a, "b": b, "c": c}
    assert dict(registry.by_category) == {"x": (b, c), "y": (a,)}
    assert list(registry.by_category) == ["x", "y"]
    assert registry.get("b") is b
    assert "b" in registry and "d" not in registry and len(registry) == 3


@pytest.mark.scenario("D2", "S3-03")
def test_a_name_taken_twice_is_told_with_both_places_and_nothing_changes() -> None:
    before = Registry.build([backup])
    with pytest.raises(DefinitionError) as caught:
        Registry.build([*before, make("fine"), other_backup])
    (problem,) = caught.value.problems
    assert "'backup'" in problem.what
    assert str(backup.spec.source) in str(problem) and str(other_backup.spec.source) in str(problem)
    assert before.all == (backup,)


def test_one_file_under_two_names_is_told_as_such() -> None:
    namespace_one: dict[str, Any] = {"__name__": "shop.tasks", "task": task}
    namespace_two: dict[str, Any] = {"__name__": "tasks", "task": task}
    code = compile("@task\ndef f() -> None: ...", "/x/shop/tasks.py", "exec")
    exec(code, namespace_one)
    exec(code, namespace_two)
    with pytest.raises(DefinitionError, match=r"imported as shop\.tasks and as tasks"):
        Registry.build([namespace_one["f"], namespace_two["f"]])


def test_the_same_object_twice_is_fine() -> None:
    assert Registry.build([backup, backup]).all == (backup,)


@pytest.mark.scenario("D2", "D3", "D9")
def test_everything_that_is_wrong_is_told_in_one_error() -> None:
    @task
    def unannotated(a, b: int = "x") -> None: ...  # type: ignore[assignment]

    @task(timeout="soon", priority="urgent")
    def unplanned() -> None: ...

    with pytest.raises(DefinitionError) as caught:
        Registry.build([unannotated, backup, other_backup, unplanned], [Problem("shop/tasks.py:3", "cannot be imported")])
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == 6
    assert told[0].startswith("shop/tasks.py:3")
    assert all(f"{__file__}:" in each for each in told[1:])
    for words in ("unannotated(a)", "unannotated(b)", "timeout=", "priority=", "is taken by"):
        assert sum(words in each for each in told) == 1, words
    assert str(caught.value).startswith("6 problems")


@pytest.mark.scenario("S3-04", part="registry")
def test_a_task_that_is_gone_leaves_the_others() -> None:
    a, b, c = make("a"), make("b"), make("c")
    assert Registry.build([a, b, c]).get("b") is b
    without = Registry.build([a, c])
    assert without.all == (a, c)
    assert without.get("a") is a
    with pytest.raises(UnknownTask):
        without.get("b")


@pytest.mark.scenario("S3-05")
def test_two_hundred_registrations_from_twenty_threads_lose_nothing() -> None:
    tasks = [make(f"task_{number:03}", f"category {number % 7}") for number in range(200)]
    builder = RegistryBuilder()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(builder.add, reversed(tasks)))
    registry = builder.build()
    assert registry.all == tuple(tasks)
    assert registry == builder.build() == Registry.build(tasks)
    assert sum(len(group) for group in registry.by_category.values()) == 200


def test_an_unknown_name_is_answered_with_the_close_ones() -> None:
    registry = Registry.build([make("backup"), make("restore"), make("Report")])
    with pytest.raises(UnknownTask, match="named 'bakcup', did you mean 'backup'"):
        registry.get("bakcup")
    with pytest.raises(UnknownTask, match="did you mean 'Report'"):
        registry.get("REPORT")
    with pytest.raises(UnknownTask, match=r"^there is no task named 'xyz'$"):
        registry.get("xyz")
    with pytest.raises(UnknownTask, match="no task is registered at all"):
        Registry().get("x")


def test_a_registry_is_frozen() -> None:
    registry = Registry.build([backup])
    with pytest.raises(TypeError):
        registry.by_name["x"] = backup  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        registry.by_name = {}  # type: ignore[misc]
    assert repr(registry) == "<registry of 1 tasks>"


# -- dependencies


def needing(name: str, *tasks: Any) -> Task[..., Any]:
    def body() -> None: ...

    return task(name=name, depends_on=tasks)(body)


def told(*tasks: Task[..., Any], remote: tuple[Task[..., Any], ...] = ()) -> list[Problem]:
    with pytest.raises(DefinitionError) as caught:
        Registry.build(tasks, remote=remote)
    return list(caught.value.problems)


@pytest.mark.scenario("D6", part="registry")
def test_a_cycle_stops_the_start_and_prints_itself() -> None:
    a, b, c = needing("a", "b"), needing("b", "c"), needing("c", "a")
    (problem,) = told(needing("outside", "a"), a, b, c)
    assert problem.what.endswith("a -> b -> c -> a")
    assert str(a.spec.source) in problem.where


def test_a_task_that_needs_itself_is_a_cycle() -> None:
    (problem,) = told(needing("a", "a"))
    assert "a -> a" in problem.what


def test_a_cycle_through_tasks_of_a_manifest_is_one_too() -> None:
    (problem,) = told(needing("a", "b"), remote=(needing("b", "a"),))
    assert "a -> b -> a" in problem.what


def test_a_task_that_needs_an_unknown_one_is_told_the_close_names() -> None:
    (problem,) = told(needing("a", "bakcup"), backup)
    assert "no task named 'bakcup', did you mean 'backup'?" in problem.what
    assert str(problem.where).endswith(" a")


def test_a_service_cannot_be_needed() -> None:
    @service
    async def listen() -> None: ...

    (problem,) = told(needing("a", "listen"), listen)
    assert "is a service, which does not end" in problem.what


def test_dependencies_that_hold_leave_no_word() -> None:
    late = needing("late", backup, "early")
    registry = Registry.build([late, backup, needing("early", backup)])
    assert [each.task for each in registry.get("late").spec.depends_on] == ["backup", "early"]
