"""Tasks that are a program, with real children: streams, environment, exit codes, and a kill that escalates to all that it started."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

import pytest

from mainspring.core.command import Command, CommandResult, EnvVar, command
from mainspring.core.errors import DefinitionError, InvalidParams
from mainspring.core.run import CancelledByRequest, Completed, Failed, Outcome, TimedOut
from mainspring.engine.attempt import Body, perform, take_apart
from mainspring.engine.capture import Tape
from mainspring.testing import Kit
from tests.aio import run as run_here
from tests.aio import until
from tests.engine import bodies
from tests.engine.spy import claimed, open_pool, run, shared_template
from tests.engine.spy import perform as perform_in
from tests.engine.test_attempt import context

__all__ = ["shared_template"]  # a fixture that pytest finds here


def asked(what: str, *rest: str, **more: object) -> str:
    return json.dumps({"what": what, "rest": rest, **more})


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def here(params: str, task: object = bodies.program) -> Outcome:
    """Run a command in this process."""
    body = take_apart(task)  # type: ignore[arg-type]
    assert isinstance(body, Body), body
    return run_here(perform(body, context(), params))


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed), outcome
    return outcome


@pytest.mark.scenario("S3-60", part="engine: streams, environment, result")
def test_streams_are_told_apart_and_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    nasty = ["$HOME; rm -rf *", "two words", "ünï", ""]

    async def story() -> None:
        async with open_pool("async") as (pool, spy):
            env = [{"name": "COLOUR", "value": "blue"}]
            each = claimed(bodies.program, asked("tell", *nasty, env=env, cwd=str(tmp_path)))
            outcome = await perform_in(pool, spy, each)
            assert isinstance(outcome, Completed), outcome
            result = CommandResult(**json.loads(outcome.result or ""))
            assert result.exit_code == 0
            words = {record.stream: record.message for record in spy.words_of(each)}
            told = json.loads(words["stdout"])
            assert told == {"args": nasty, "env": "blue", "cwd": str(tmp_path), "stdin": ""}
            assert words["stderr"] == "and this is an error"
            assert json.loads(result.output) == told

    run(story())


@pytest.mark.scenario("S3-60", part="engine: exit code decides")
def test_exit_code_decides() -> None:
    assert isinstance(here(asked("end", "7")), Completed)  # the task calls it a success
    outcome = failed(here(asked("end", "3")))
    assert (outcome.error["kind"], outcome.error["type"], outcome.is_terminal) == ("execution", "CommandFailed", False)
    assert outcome.error["message"].endswith("exited with code 3: what went wrong\nand where")
    assert "killed by SIGSEGV" in failed(here(asked("die"))).error["message"]


@pytest.mark.scenario("K4", part="options of a Command")
@pytest.mark.parametrize("inherits", [True, False])
def test_environment_is_added_to_or_all_there_is(inherits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSPRING_TEST_COLOUR", "red")

    @command
    def environment() -> Command:
        return Command("/usr/bin/env", env={"SHAPE": "round"}, inherit_env=inherits)

    outcome = here("{}", environment)
    assert isinstance(outcome, Completed), outcome
    told = json.loads(outcome.result or "")["output"].splitlines()
    assert "SHAPE=round" in told
    assert ("MAINSPRING_TEST_COLOUR=red" in told) is inherits


def test_what_cannot_be_started_is_an_error_of_configuration(tmp_path: Path) -> None:
    outcome = failed(here("{}", bodies.no_such_program))
    assert (outcome.error["kind"], outcome.is_terminal) == ("configuration", True)
    assert "'mainspring-has-no-such-program'" in outcome.error["message"]
    outcome = failed(here(asked("tell", cwd=str(tmp_path / "gone"))))
    assert outcome.error["kind"] == "configuration"
    assert "gone" in outcome.error["message"]


def test_a_flood_is_bounded_and_counted() -> None:
    body = take_apart(bodies.program)
    assert isinstance(body, Body)
    held = context()
    outcome = run_here(perform(body, held, asked("flood", "50000")))
    assert isinstance(outcome, Completed)
    assert isinstance(held.sink, Tape)
    rows = held.sink.close() or []
    gap = rows[-1]
    assert gap[0] == "gap"
    assert len(rows) - 1 + (gap[5] or {})["dropped"] == 50_000
    assert len(json.loads(outcome.result or "")["output"]) == 4000


@pytest.mark.scenario("S3-60", part="engine: kill escalates")
@pytest.mark.parametrize("what", ["wait", "wait for ever"])
@pytest.mark.parametrize("why", ["requested", "timeout"])
def test_a_stop_ends_the_whole_group(tmp_path: Path, what: str, why: str) -> None:
    async def story() -> None:
        async with open_pool("async") as (pool, spy):
            neighbour = claimed(bodies.wait_for_file, json.dumps({"path": str(tmp_path / "go")}))
            pool.submit(neighbour)
            each = claimed(bodies.program, asked(what, str(tmp_path / "pids")), timeout=1.5 if why == "timeout" else None)
            pool.submit(each)
            await until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count(" ") == 1, "the program's start")
            pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
            assert all(map(lives, pids))
            if why == "requested":
                pool.cancel(each.id, "requested")
            outcome = await spy.end_of(each)
            assert isinstance(outcome, CancelledByRequest if why == "requested" else TimedOut)
            await until(lambda: not any(map(lives, pids)), "the end of the group")
            by = "SIGTERM" if what == "wait" else "SIGKILL"
            assert [record.message for record in spy.words_of(each) if f"was stopped by {by}" in record.message]
            (tmp_path / "go").touch()
            assert isinstance(await spy.end_of(neighbour), Completed)  # its neighbours in the executor are not touched

    run(story())


def test_a_second_cancel_ends_the_patience_and_not_only_the_waiting(tmp_path: Path) -> None:
    async def story() -> None:
        body = take_apart(bodies.program)
        assert isinstance(body, Body)
        performing = asyncio.create_task(perform(body, context(), asked("wait for ever", str(tmp_path / "pids"))))
        await until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count(" ") == 1, "the program's start")
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        for _ in range(2):
            performing.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert isinstance(await performing, CancelledByRequest)
        await until(lambda: not any(map(lives, pids)), "the end of the group")
        await until(lambda: not any(each.name.startswith("waitpid-") for each in threading.enumerate()), "the loop's own notice of it")

    run_here(story())


def test_what_a_program_leaves_behind_is_killed_and_told(tmp_path: Path) -> None:
    body = take_apart(bodies.program)
    assert isinstance(body, Body)
    held = context()
    assert isinstance(run_here(perform(body, held, asked("leave", str(tmp_path / "pids")))), Completed)
    left = int((tmp_path / "pids").read_text().split()[1])
    run_here(until(lambda: not lives(left), "the end of what was left"))
    assert isinstance(held.sink, Tape)
    assert any("left processes running" in row[4] for row in held.sink.close() or [])


def test_a_command_says_what_it_would_run() -> None:
    assert bodies.program("tell", ["x"], env=[EnvVar("A", "1")]).args[-2:] == ("tell", "x")
    assert Command("ls", 1, Path("/tmp")) == Command("ls", "1", "/tmp")
    assert bodies.program.params.names == ("what", "rest", "env", "cwd")
    with pytest.raises(InvalidParams, match="no name of a variable"):
        bodies.program.params.dump((), {"what": "tell", "env": [{"name": "A=B", "value": ""}]})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Command("ls", None), "argument 1 is None"),  # type: ignore[arg-type]
        (lambda: Command("ls", "a\0b"), "cannot be given"),
        (lambda: Command(""), "no name"),
        (lambda: Command("ls", success=()), "success"),
    ],
)
def test_what_no_program_can_be_given(wrong: object, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        wrong()  # type: ignore[operator]


def test_a_function_that_does_the_work_itself_is_no_command() -> None:
    @command  # type: ignore[arg-type]
    async def wrong() -> Command:
        return Command("ls")

    with pytest.raises(DefinitionError, match="make it a plain def"):
        _ = wrong.params

    @command
    def not_a_command() -> Command:
        return "ls -l"  # type: ignore[return-value]

    assert "return Command(" in failed(here("{}", not_a_command)).error["message"]


def test_options_are_those_of_a_task() -> None:
    @command(title="List", timeout="5s", retry=0)
    def listing(path: str = ".") -> Command:
        return Command("ls", path)

    assert (listing.spec.title, listing.spec.is_async, listing.params.names) == ("List", True, ("path",))
    other = listing.variant(name="other", title="Other")
    assert other("x") == Command("ls", "x")
    assert other.result.schema()["title"] == "CommandResult"


def test_in_the_kit_time_stands_still_meanwhile(ms: Kit) -> None:
    @command(timeout="2s", retry=0)
    def slow(seconds: float) -> Command:
        return Command(sys.executable, "-c", "import sys, time; time.sleep(float(sys.argv[1])); print('done')", seconds)

    run = ms.enqueue(slow, seconds=0.3)
    assert ms.until(run).state == "completed"
    assert ms.result(run).output == "done\n"
    assert ms.logs(run) == ["done"]
