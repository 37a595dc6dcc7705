"""``mainspring services``: what people see of services, and what they do with them from another process."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.faces.conftest import Cli

SERVICES = '''
from pathlib import Path
from mainspring import Context, service, task


def is_well() -> None:
    if Path("sick").exists():
        raise ConnectionError("the server is gone")


@service(title="Inbox", category="mail", probe=is_well, probe_every="200ms", backoff="100ms")
async def inbox(ctx: Context) -> None:
    """Watch the inbox."""
    ctx.log("watching", fence=ctx.fence)
    while await ctx.sleep("50ms"):
        pass


@service(restart="never")
def broken() -> None:
    raise RuntimeError("no such server")


@service(instances="per-node", enabled=False)
def beacon(ctx: Context) -> None:
    while not ctx.stopping:
        ctx.sleep(0.05)


@task
def ping() -> str:
    return "pong"
'''


@pytest.fixture
def office(project: Cli) -> Cli:
    """A project with services of its own."""
    (project.cwd / "tasks.py").write_text(SERVICES)
    return project


def told(cli: Cli, name: str, **facts: Any) -> dict[str, Any]:
    """Return a service once these facts are told of it."""
    while True:  # a test that waits for ever is stopped by its own time
        (found,) = [each for each in cli.objects("services") if each["name"] == name]
        if facts.items() <= found.items():
            return found


@pytest.mark.scenario("P1", part="cli")
@pytest.mark.scenario("U3", part="services")
def test_from_the_first_start_to_the_last_stop(office: Cli) -> None:
    assert {each["name"]: (each["state"], each["reason"]) for each in office.objects("services")} == dict.fromkeys(
        ("beacon", "broken", "inbox"), ("waiting", "no_node")
    )
    assert "no node that knows it lives" in office.ok("services")
    node = office.start("runner", "--name", "n1")
    node.expect("works on")
    found = told(office, "inbox", state="running", is_healthy=True)
    assert (found["on"], found["fence"], found["category"]) == ("n1", 1, "mail")
    assert [each["name"] for each in office.objects("services", "list", "--category", "mail")] == ["inbox"]
    told(office, "broken", state="failed", error="no such server")
    assert "no such server" in office.ok("services")
    told(office, "beacon", state="stopped", is_enabled=False)

    assert "Watch the inbox." in office.ok("services", "show", "inbox")
    assert "watching" in office.ok("services", "logs", "inbox")
    samples = office.objects("services", "samples", "inbox")
    assert samples[0]["is_ok"]
    office.ok("services", "enable", "beacon", "--reason", "try it")
    found = told(office, "beacon", state="running")
    assert (found["node"], found["is_enabled_in_code"], found["change_reason"]) == ("n1", False, "try it")

    assert "inbox is replaced" in office.ok("services", "restart", "inbox")
    told(office, "inbox", state="running", fence=2)
    assert "inbox stops, until it is started again" in office.ok("services", "stop", "inbox", "--reason", "moving")
    told(office, "inbox", state="stopped", reason="stopped")
    history = office.objects("services", "history", "inbox")
    assert [(each["state"], each["reason"], each["definition"]) for each in history] == [
        ("cancelled", "stopped", "present"), ("cancelled", "restart", "present"),
    ]  # fmt: skip
    assert office.object("runs", "show", history[0]["id"])["origin"] == "service"
    assert office.ok("explain", history[0]["id"])
    office.ok("services", "start", "inbox")
    told(office, "inbox", state="running", fence=3)
    verbs = [(each["verb"], each["object"], each["reason"]) for each in office.objects("audit")]
    assert verbs == [
        ("services.start", "service:inbox", None),
        ("services.stop", "service:inbox", "moving"),
        ("services.restart", "service:inbox", None),
        ("services.enable", "service:beacon", "try it"),
    ]  # fmt: skip
    node.signal(signal.SIGTERM)
    assert node.end() == 0
    assert {each["name"]: each["on"] for each in office.objects("services")} == {"inbox": None, "broken": None, "beacon": None}


@pytest.mark.scenario("P4", part="cli")
def test_a_sick_one_is_replaced_and_says_why(office: Cli) -> None:
    node = office.start("runner", "--name", "n1")
    node.expect("works on")
    told(office, "inbox", state="running", is_healthy=True)
    (office.cwd / "sick").touch()
    while not any(each["reason"] == "unhealthy" for each in office.objects("services", "history", "inbox")):
        pass
    (office.cwd / "sick").unlink()
    messages = {each["message"] for each in office.objects("services", "samples", "inbox", "-n", "100") if not each["is_ok"]}
    assert messages == {"ConnectionError: the server is gone"}
    assert "ConnectionError: the server is gone" in office.ok("services", "samples", "inbox", "-n", "100")


@pytest.mark.scenario("P5", part="cli")
def test_where_none_starts_the_list_says_why(office: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDE_TASKS_ENABLED", "false")
    result = office("services")
    assert result.exit_code == 0
    assert "no service starts here: SIDE_TASKS_ENABLED is false" in result.output
    monkeypatch.delenv("SIDE_TASKS_ENABLED")
    monkeypatch.setenv("TASK_RUNNER_ENVIRONMENT", "serverless")
    assert "where no process stays" in office("services").output


def test_what_cannot_be_is_said_with_its_remedy(office: Cli) -> None:
    assert "'inbox' is a service: it is started, not enqueued" in office("enqueue", "inbox").output
    assert "'inbox' is a service" in office("run", "inbox").output
    assert "mainspring services show inbox" in office("tasks", "show", "inbox").output
    assert "mainspring services disable inbox" in office("tasks", "disable", "inbox").output
    assert "there is no service named 'inbx', did you mean 'inbox'?" in office("services", "stop", "inbx").output
    assert "no node has told of the service 'inbox' yet" in office("services", "start", "inbox").output
    assert "inbox has never been started" in office("services", "logs", "inbox").output
    assert office("services", "stop", "inbox").exit_code == 2
    assert [each["name"] for each in office.objects("tasks")] == ["ping"]  # what cannot be enqueued is in no list of it
