"""Schedules of definitions: what is wrong with one is told when the registry is built, with all the rest."""

from __future__ import annotations

from typing import Any

import pytest

from mainspring import Task, cron, every, manual, task
from mainspring.core.errors import DefinitionError
from mainspring.registry.registry import Registry


def made(schedule: Any, *, name: str = "report") -> Task[..., Any]:
    @task(name=name, schedule=schedule)
    async def body(a: int, b: int = 1) -> None: ...

    return body


def test_each_schedule_has_a_name() -> None:
    assert [each.name for each in made(None).spec.schedules] == []
    assert [(each.name, str(each.kind)) for each in made("*/5 * * * *").spec.schedules] == [("report", "cron")]
    several = made([cron("0 3 * * *", name="nightly"), every("1h"), manual()])
    assert [each.name for each in several.spec.schedules] == ["nightly", "report#2", "report#3"]


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ("60 * * * *", "minute"),
        ("0 0 31 2 *", "never fires"),
        (3, "a cron text, or cron()"),
        (every("1h"), "schedule report: it cannot call the task"),
        (every("1h", params={"a": "x"}), "schedule report: it cannot call the task"),
        (every("1h", params={"a": 1, "c": 2}), "schedule report: it cannot call the task"),
        ([every("1h", params={"a": 1}, name="x"), every("2h", params={"a": 1}, name="x")], "two have the name 'x'"),
    ],
)
def test_a_schedule_that_cannot_work_stops_the_start(schedule: Any, told: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Registry.build([made(schedule)])
    assert any(told in str(each) for each in caught.value.problems), caught.value.problems


def test_two_tasks_cannot_have_schedules_of_one_name() -> None:
    one = made(every("1h", params={"a": 1}, name="hourly"), name="one")
    with pytest.raises(DefinitionError, match="the schedule name 'hourly' is taken by one"):
        Registry.build([one, made(every("1h", params={"a": 1}, name="hourly"), name="two")])
    with pytest.raises(DefinitionError, match="the schedule name 'one' is taken by one"):
        Registry.build([made(every("1h", params={"a": 1}), name="one"), made(every("1h", params={"a": 1}, name="one"), name="two")])
    Registry.build([one])


def test_a_variant_takes_no_schedule_over() -> None:
    base = made(every("1h", params={"a": 1}))
    assert base.variant(name="other").spec.schedules == ()
    assert [each.name for each in base.variant(name="weekly", schedule=cron("0 0 * * 1", params={"a": 2})).spec.schedules] == ["weekly"]
