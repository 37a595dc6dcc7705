"""Tasks that need what is not here are not registered, and whoever asks for one is told what to do."""

from __future__ import annotations

from typing import Any

import pytest

from mainspring import task
from mainspring.core import active
from mainspring.core.capability import Facts
from mainspring.core.errors import DefinitionError, UnknownTask
from mainspring.core.task import Task
from mainspring.registry import Registry
from mainspring.testing import Kit

FACTS = Facts(engine="1.1", schema=3, python="3.11.0", backend="sqlite", platform="linux", has_module=lambda name: False)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the apps of these tests be nobody's active one."""
    monkeypatch.setattr(active, "_apps", [])


def needing(name: str, *requires: str) -> Task[..., Any]:
    @task(name=name, requires=requires)
    async def body() -> None: ...

    return body


@pytest.mark.scenario("S0-32")
def test_what_fails_is_left_out_and_told_apart_from_what_is_unknown() -> None:
    registry = Registry.build([needing("old"), needing("fits", "engine>=1.0"), needing("new", "engine>=1.2", "module:numpy")], facts=FACTS)
    assert [each.name for each in registry] == ["fits", "old"]
    assert list(registry.unmet) == ["new"]
    assert len(registry.unmet["new"]) == 2
    with pytest.raises(UnknownTask, match=r"'new' is not registered here: needs engine >= 1\.2, this is 1\.1; install it.*numpy"):
        registry.get("new")
    with pytest.raises(UnknownTask, match="there is no task named 'other'"):
        registry.get("other")


def test_without_facts_nothing_is_compared() -> None:
    assert [each.name for each in Registry.build([needing("new", "engine>=99")])] == ["new"]


def test_a_task_whose_requirement_fails_keeps_its_name() -> None:
    """So that a second task of the name is a mistake on every machine, not only where the requirement holds."""
    with pytest.raises(DefinitionError, match="is taken by"):
        Registry.build([needing("same", "engine>=99"), needing("same")], facts=FACTS)


@pytest.mark.scenario("S0-32", part="app")
def test_an_app_compares_with_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    tasks = [needing("here", "backend=sqlite", "schema>=1", "engine>=0.0.1"), needing("there", "backend=postgres else export by hand")]
    with Kit(tasks=tasks) as kit:
        kit.run(kit.app.task_named("here"))
        assert "'there' is not registered here: needs backend postgres, this is sqlite; export by hand" in caplog.text
        with pytest.raises(UnknownTask, match="export by hand"):
            kit.app.task_named("there")
        with pytest.raises(UnknownTask, match="export by hand"):
            kit.enqueue(tasks[1])
        assert kit.nodes[-1].runner.presence.facts["tasks"] == ["here", "mainspring.bulk"]  # every node has the second
