"""``mainspring limits``: setting limits while everything runs, and what people see of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faces.conftest import Cli

TASKS = """
import asyncio
from pathlib import Path
from mainspring import task


@task(concurrency=2)
async def thumb(until: str = "go") -> None:
    while not Path(until).exists():
        await asyncio.sleep(0.02)


@task
async def note(n: int = 0) -> int:
    return n


@task(expensive=True)
async def render(frames: int = 1) -> int:
    return frames
"""


@pytest.fixture
def studio(project: Cli) -> Cli:
    """A project with tasks of its own."""
    (project.cwd / "tasks.py").write_text(TASKS)
    return project


@pytest.mark.scenario("S3-23", part="cli")
def test_a_waiting_run_says_why_and_where(studio: Cli) -> None:
    studio.work("--name", "only")
    runs = [studio.ok("enqueue", "thumb").strip() for _ in range(5)]
    states: list[str] = []
    while states.count("running") < 2:
        states = [studio.object("runs", "show", run)["state"] for run in runs]
    assert states == ["running"] * 2 + ["blocked"] * 3
    last = studio.object("runs", "show", runs[4])
    assert (last["reason"], last["waits_for"]) == (
        "limit", {"key": "task:thumb", "position": 3, "is_bounded": False, "running": 2, "concurrency": 2, "rate": None},
    )  # fmt: skip
    assert "task:thumb (2 at once): place 3 of the list, 2 running" in studio.ok("runs", "show", runs[4])
    (told,) = [each for each in studio.objects("limits") if each["key"] == "task:thumb"]
    assert (told["running"], told["waiting"], told["source"]) == (2, 3, "code")
    studio.ok("limits", "set", "task:thumb", "--concurrency", "4", "--reason", "hurry")
    while studio.object("runs", "show", runs[3])["state"] != "running":
        pass
    assert studio.object("runs", "show", runs[4])["state"] == "blocked"
    Path("go").touch()
    while studio.object("runs", "show", runs[4])["state"] != "completed":
        pass


@pytest.mark.scenario("K4")
def test_limits_are_set_listed_and_cleared_and_who_did_it_is_written_down(studio: Cli) -> None:
    assert "queue:mail: 10 at once, 10/s, 3 in a burst" in studio.ok(
        "limits", "set", "queue:mail", "--concurrency", "10", "--rate", "10/s", "--burst", "3", "--reason", "their server is slow"
    )
    studio.ok("limits", "set", "queue:mail", "--concurrency", "5", "--rate", "10/s")
    listed = studio.ok("limits")
    assert "5 at once, 10/s" in listed and "operator" in listed
    (told,) = [each for each in studio.objects("limits", "list") if each["key"] == "queue:mail"]
    assert (told["concurrency"], told["rate"], told["burst"], told["waiting"]) == (5, "10/s", 1, 0)
    assert "no bound" in studio.ok("limits", "clear", "queue:mail")
    assert "nothing was set" in studio.ok("limits", "clear", "queue:mail")
    verbs = [(each["verb"], each["object"], each["reason"]) for each in studio.objects("audit")]
    assert ("limits.set", "limit:queue:mail", "their server is slow") in verbs
    assert ("limits.clear", "limit:queue:mail", None) in verbs


def test_a_task_of_the_code_is_freed_of_its_limit(studio: Cli) -> None:
    assert "task:thumb: no bound" in studio.ok("limits", "set", "task:thumb", "--unlimited")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["queue:a b", "--concurrency", "1"], "no limit key: write queue:NAME"),
        (["mail", "--concurrency", "1"], "no limit key: write queue:NAME"),
        (["queue:mail"], "nothing is set for queue:mail: give concurrency, rate"),
        (["queue:mail", "--rate", "often"], "is no rate"),
        (["queue:mail", "--burst", "3", "--concurrency", "1"], "burst=3 says nothing without a rate"),
        (["queue:mail", "--unlimited", "--rate", "1/s"], "excludes"),
        (["queue:mail", "--concurrency", "0"], "greater than or equal to 1"),
        (["node", "--rate", "1/s"], "a node has slots only"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(studio: Cli, arguments: list[str], said: str) -> None:
    result = studio("limits", "set", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert [each["key"] for each in studio.objects("limits") if each["source"] == "operator"] == []


@pytest.mark.scenario("S3-24", part="cli")
def test_the_slots_of_every_node_are_set_and_doctor_tells(studio: Cli) -> None:
    studio.ok("limits", "set", "node", "--concurrency", "3")
    (setting,) = [each for each in studio.object("doctor")["settings"] if each["name"] == "TASK_MAX_CONCURRENT"]
    assert (setting["value"], setting["source"]) == ("3", "database (mainspring limits set node)")
    studio.ok("limits", "clear", "node")
    (setting,) = [each for each in studio.object("doctor")["settings"] if each["name"] == "TASK_MAX_CONCURRENT"]
    assert setting["source"] == "default"


@pytest.mark.scenario("S3-33", part="cli")
def test_who_enqueues_something_expensive_is_told_what_it_usually_takes(studio: Cli) -> None:
    first = studio("run", "render")
    assert first.exit_code == 0 and "expensive" in first.stderr
    second = studio("enqueue", "render")
    assert second.exit_code == 0
    assert "usually" in second.stderr or "took" in second.stderr or "takes" in second.stderr, second.stderr
    assert studio.object("runs", "show", second.stdout.strip())["queue"] == "expensive"


def test_app_run_on_the_command_line_waits_for_its_turn_without_a_worker(studio: Cli) -> None:
    Path("go").touch()
    assert studio("run", "thumb").exit_code == 0
