"""Variants: another task around the same function, and the first one as it was."""

import inspect
from datetime import timedelta
from typing import Any

import pytest

from mainspring import Context, Priority, Retry, task
from mainspring.core.errors import ConfigurationError
from mainspring.core.task import Task, TaskOptions
from mainspring.registry import Registry


def check(database: str) -> None: ...


@task(title="Database backup", tags=["db"], queue="slow", timeout="5m", retry=Retry(retries=1), validate=check, danger="Overwrites.")
async def backup(ctx: Context, database: str, keep: int = 3) -> int:
    """Dump a database."""
    return keep


weekly = backup.variant(name="backup_weekly", tags=["db", "weekly"], queue="weekly", timeout=None, priority="low")
LINE = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]


@pytest.mark.scenario("S3-08")
def test_the_variant_has_its_own_options_and_the_original_keeps_its() -> None:
    before = backup.spec
    assert (weekly.spec.tags, weekly.spec.queue, weekly.spec.timeout, weekly.spec.priority) == (
        ("db", "weekly"), "weekly", None, Priority.LOW,
    )  # fmt: skip
    again = weekly.variant(name="backup_yearly", tags=["yearly"], danger=None)
    assert (again.spec.queue, again.spec.tags, again.spec.danger, again.spec.variant_of) == ("weekly", ("yearly",), None, "backup_weekly")
    assert (backup.spec.tags, backup.spec.queue, backup.spec.timeout) == (("db",), "slow", timedelta(minutes=5))
    assert backup.spec is before
    assert weekly.spec.tags == ("db", "weekly")


def test_what_is_not_overridden_is_inherited() -> None:
    assert (weekly.spec.description, weekly.spec.danger, weekly.spec.retry) == ("Dump a database.", "Overwrites.", Retry(retries=1))
    assert weekly.hooks.validate is check
    assert weekly.fn is backup.fn
    assert type(weekly) is type(backup)
    assert weekly.params.names == ("database", "keep")
    assert weekly.spec.variant_of == "backup"


def test_its_title_comes_from_its_own_name_unless_given() -> None:
    assert weekly.spec.title == "Backup weekly"
    assert backup.variant(name="x", title="X!").spec.title == "X!"


def test_it_stands_where_it_was_made() -> None:
    assert (weekly.spec.source.module, weekly.spec.source.file, weekly.spec.source.line) == (__name__, __file__, LINE)


def test_the_registry_takes_both_and_names_a_mistake_in_the_variant() -> None:
    assert [each.name for each in Registry.build([backup, weekly])] == ["backup", "backup_weekly"]
    (problem,) = backup.variant(name="not allowed!").problems()
    assert "name='not allowed!'" in problem.what
    assert problem.where.startswith(__file__)


@pytest.mark.parametrize("overrides", [{}, {"name": None}, {"name": ""}])
def test_a_name_is_needed(overrides: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"a variant of 'backup' needs a name of its own"):
        backup.variant(**overrides)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"variant\(colour=…\) is no option of a task"):
        backup.variant(name="x", colour="red")  # type: ignore[call-arg]


def test_every_option_of_a_task_can_be_overridden() -> None:
    assert set(TaskOptions.__annotations__) == set(inspect.signature(task).parameters) - {"fn"}


def test_a_variant_of_a_bare_task() -> None:
    @task
    def plain(n: int = 1) -> int:
        return n

    other: Task[..., int] = plain.variant(name="other", expensive=True)
    assert (other.spec.queue, plain.spec.queue) == ("expensive", "default")
