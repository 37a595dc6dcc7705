"""What this engine can do here: asked of code, schema, backend and environment, in Python and on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring
from mainspring.core import active
from mainspring.core.capability import NEEDS_SCHEMA, Capability, Facts
from mainspring.core.environment import Environment
from mainspring.engine.abilities import ALIASES, Place, capabilities, capability
from mainspring.operations.operation import Caller
from mainspring.operations.system import HasRequest, show_capability

FACTS = Facts(engine="1.10.0", schema=14, python="3.12.1", backend="sqlite", platform="linux", has_module=lambda name: name == "uvloop")
POSTGRES = Facts(engine="1.10.0", schema=14, python="3.12.1", backend="postgres", platform="darwin")
HERE = Place()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the apps of these tests be nobody's active one."""
    monkeypatch.setattr(active, "_apps", [])


def ask(name: str, facts: Facts = FACTS, place: Place = HERE, applied: int | None = None) -> Capability:
    return capability(name, facts, capabilities(facts, place, applied))


@pytest.mark.scenario("S0-33", part="python")
@pytest.mark.parametrize(
    ("name", "facts", "place", "applied", "told"),
    [
        ("services", FACTS, HERE, None, None),
        ("side-tasks", FACTS, HERE, None, None),
        ("Side Tasks", FACTS, Place(services_problem="disabled"), None, "SIDE_TASKS_ENABLED is false"),
        ("services", FACTS, Place(Environment.SERVERLESS, "serverless"), None, "TASK_RUNNER_ENVIRONMENT is serverless"),
        ("services", FACTS, HERE, 10, "the database's schema is 10, this needs 11: run 'mainspring migrate'"),
        ("schedules", FACTS, Place(Environment.SERVERLESS), None, None),
        ("cron", FACTS, HERE, 8, "this needs 9"),
        ("pulse", FACTS, Place(Environment.SERVERLESS), 14, None),
        ("pulse", FACTS, HERE, 12, "this needs 13"),
        ("pulse-endpoint", FACTS, HERE, None, "MAINSPRING_PULSE_SECRET is not set"),
        ("pulse-endpoint", FACTS, Place(has_pulse_secret=True), None, None),
        ("runner", FACTS, Place(Environment.SERVERLESS), None, "let something call the pulse"),
        ("unified-runner", FACTS, Place(runner_enabled=False), None, "TASK_RUNNER_ENABLED is false"),
        ("overlap-prevention", FACTS, Place(overlap_prevention=False), None, "TASK_OVERLAP_PREVENTION is false"),
        ("overlap", FACTS, HERE, None, None),
        ("many_hosts", FACTS, HERE, None, "need PostgreSQL"),
        ("many_hosts", POSTGRES, HERE, None, None),
        ("fork", POSTGRES, HERE, None, "spawned here"),
        ("uvloop", FACTS, HERE, None, None),
        ("uvloop", POSTGRES, HERE, None, "pip install 'mainspring[uvloop]'"),
        ("engine>=1.9", FACTS, HERE, None, None),
        ("engine>=1.11", FACTS, HERE, None, "needs engine >= 1.11, this is 1.10.0"),
        ("schema>=14", FACTS, HERE, 9, "needs schema >= 14, this is 9"),
        ("backend=postgres", FACTS, HERE, None, "needs backend postgres, this is sqlite"),
        ("module:numpy", FACTS, HERE, None, "needs the module numpy"),
        ("scheduls", FACTS, HERE, None, "knows nothing of that name; did you mean schedules?"),
        ("teleport", FACTS, HERE, None, "knows nothing of that name; known are"),
    ],
)
def test_an_answer_says_what_is_installed_what_is_needed_and_what_to_do(
    name: str, facts: Facts, place: Place, applied: int | None, told: str | None
) -> None:
    found = ask(name, facts, place, applied)
    assert found.is_available is (told is None)
    assert (told or "") in found.why
    assert not (found.is_available and found.why)


def test_every_refusal_has_a_reason_and_every_name_stands_for_something() -> None:
    worst = capabilities(Facts("1", 1, "3", "sqlite", "windows"), Place(Environment.SERVERLESS, "serverless", False, False), 1)
    assert {each.name for each in worst.values() if not each.is_available} >= set(NEEDS_SCHEMA)
    assert all(each.why for each in worst.values() if not each.is_available)
    assert set(ALIASES.values()) | set(NEEDS_SCHEMA) <= worst.keys()
    assert worst["environment"].value == "serverless"


@pytest.mark.scenario("S0-33", part="app")
def test_an_app_answers_for_its_own_place() -> None:
    app = Mainspring("sqlite://")
    assert app.has("services") and app.has("schedules") and app.supports_services
    assert not app.has("many_hosts")
    assert Mainspring("postgresql://nobody@nowhere/x").has("many_hosts")
    serverless = Mainspring("sqlite://", runner_environment="serverless")
    assert not serverless.supports_services
    assert serverless.has("pulse") and not serverless.has("runner")
    assert "serverless" in serverless.capability("services").why
    assert not Mainspring("sqlite://", side_tasks_enabled=False).has("side-tasks")


@pytest.mark.scenario("S0-33", part="schema")
def test_a_store_that_is_behind_is_asked_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"

    async def ask_it(app: Mainspring, name: str) -> Any:
        return await show_capability(app, HasRequest(name=name), Caller("ada", "cli"))

    async def scene() -> None:
        app = Mainspring(url, auto_migrate=False)
        found = await ask_it(app, "schedules")
        assert not found.is_available
        assert "schema is 0, this needs 9: run 'mainspring migrate'" in found.why
        assert (await ask_it(Mainspring(url), "schedules")).is_available  # that one brings the schema with it
        async with Mainspring(url):
            pass
        assert (await ask_it(app, "schedules")).is_available
        assert (await ask_it(app, "schema")).value == (app.capabilities()["schema"]).value

    asyncio.run(scene())
