"""The pools of ``def`` bodies and of single runs, with real children: every body can be stopped, and only it is hurt."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mainspring.core.run import CancelledByRequest, Completed, Failed, Lost, Reason, Released, Suspicion, TimedOut
from mainspring.core.task import Task
from mainspring.engine.pools import Limits
from tests.aio import until
from tests.engine import bodies
from tests.engine.spy import Spy, claimed, open_pool, perform, run, shared_template

__all__ = ["shared_template"]  # a fixture that pytest finds here


def path_of(path: Path) -> str:
    return f'{{"path":"{path}"}}'


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def pid_in(path: Path) -> int:
    await until(lambda: path.exists() and bool(path.read_text()), "the program's start")
    return int(path.read_text())


async def prove_short(pool: object, spy: Spy, task: Task[..., None]) -> None:
    """Let a task run until the pool knows it as a short one."""
    for _ in range(3):
        assert await perform(pool, spy, claimed(task)) == Completed()  # type: ignore[arg-type]  # any pool


class TestOutcomes:
    @pytest.mark.scenario("S3-28", part="a task that raises or calls sys.exit, def")
    def test_returning_raising_leaving(self) -> None:
        async def story() -> None:
            async with open_pool("def", size=2) as (pool, spy):
                await until(lambda: pool.slots == 2)
                assert pool.free == 2
                assert await perform(pool, spy, claimed(bodies.add_def, '{"a":1,"b":2}')) == Completed("3")
                for body, kind in ((bodies.boom_def, "ValueError"), (bodies.leave_def, "SystemExit")):
                    outcome = await perform(pool, spy, claimed(body))
                    assert isinstance(outcome, Failed)
                    assert outcome.error["type"] == kind
                assert await perform(pool, spy, claimed("nobody")) == Released(Reason.UNKNOWN_TASK)
                assert await perform(pool, spy, claimed(bodies.signal_itself)) == Completed('"still here"')

        run(story())

    def test_thousands_of_short_ones(self) -> None:
        async def story() -> None:
            async with open_pool("def", size=2) as (pool, spy):
                runs = [claimed(bodies.add_def, f'{{"a":{n}}}') for n in range(5000)]
                for each in runs:
                    pool.submit(each)
                assert pool.holding == 5000
                for n, each in enumerate(runs):
                    assert await spy.end_of(each) == Completed(str(n + 1))

        run(story())

    def test_bodies_run_side_by_side(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("def", size=2) as (pool, spy):
                go = tmp_path / "go"
                slow = claimed(bodies.wait_for_file_def, path_of(go))
                pool.submit(slow)
                for _ in range(5):
                    assert await perform(pool, spy, claimed(bodies.noop_def)) == Completed()
                assert pool.free == 1
                go.touch()
                assert await spy.end_of(slow) == Completed('"seen"')

        run(story())

    def test_body_enqueues_through_the_engine(self) -> None:
        async def story() -> None:
            async with open_pool("def") as (pool, spy):
                each = claimed(bodies.enqueue_child_def, '{"a":5}')
                assert await perform(pool, spy, each) == Completed('["a-run",true]')
                assert [(request.task, request.params) for request in spy.requests] == [("add", '{"a":5,"b":1}')]

        run(story())

    def test_words(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("def") as (pool, spy):
                each = claimed(bodies.talk_def)
                await perform(pool, spy, each)
                said = [(record.stream, record.message) for record in spy.words_of(each)]
                assert said == [("log", "100%"), ("stdout", "printed"), ("log", "logged"), ("stdout", "from a thread")]
                go = tmp_path / "go"
                each = claimed(bodies.report_then_wait_def, path_of(go))
                pool.submit(each)
                await spy.until(lambda: len(spy.said.get(each.id, ())) == 2)
                go.touch()
                assert await spy.end_of(each) == Completed()

        run(story())

    @pytest.mark.scenario("S3-28", part="printing far beyond the buffer")
    def test_flood(self) -> None:
        async def story() -> None:
            async with open_pool("def") as (pool, spy):
                each = claimed(bodies.flood_def, '{"mebibytes":200}')
                assert await perform(pool, spy, each) == Completed()
                words = spy.words_of(each)
                dropped = sum(record.data["dropped"] for record in words if record.kind == "gap" and record.data)
                kept = sum(record.kind == "log" for record in words)
                assert dropped + kept == 200 * 1024
                assert kept < 20_000

        run(story())


@pytest.mark.scenario("S3-26", part="def: cooperative, blocking, with a program of its own")
class TestStops:
    def test_body_that_heeds_ctx_stopping(self) -> None:
        async def story() -> None:
            async with open_pool("def", Limits(grace=20)) as (pool, spy):
                each = claimed(bodies.heed, timeout=0.2)
                assert isinstance(await perform(pool, spy, each), TimedOut)
                assert spy.ends[each.id][1] < 5000
                assert spy.words_of(each) == []
                assert await perform(pool, spy, claimed(bodies.noop_def)) == Completed()

        run(story())

    def test_body_that_sleeps_is_interrupted(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("def", Limits(grace=2)) as (pool, spy):
                told = tmp_path / "told"
                each = claimed(bodies.sleep_def, path_of(told), timeout=0.2)
                outcome = await perform(pool, spy, each)
                assert isinstance(outcome, TimedOut)
                assert "in sleep_def" in outcome.error["traceback"]
                assert told.read_text() == "Stopped"
                (record,) = spy.words_of(each)
                assert "SIGTERM" in record.message
                assert "SIGKILL" not in record.message
                assert await perform(pool, spy, claimed(bodies.noop_def)) == Completed()

        run(story())

    def test_body_that_ignores_everything_is_killed_with_its_program(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("def") as (pool, spy):
                told = tmp_path / "pid"
                each = claimed(bodies.stubborn, path_of(told), timeout=0.5)
                pool.submit(each)
                program = await pid_in(told)
                assert isinstance(await spy.end_of(each), TimedOut)
                await until(lambda: not lives(program), "the end of the program")
                (record,) = spy.words_of(each)
                assert record.message.index("ctx.stopping") < record.message.index("SIGTERM") < record.message.index("SIGKILL")
                assert await perform(pool, spy, claimed(bodies.noop_def)) == Completed()

        run(story())

    @pytest.mark.scenario("S3-29", part="cancel, def")
    @pytest.mark.parametrize("body", [bodies.heed, bodies.sleep_def, bodies.stubborn])
    def test_cancel_on_request(self, body: Task[..., object], tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("def") as (pool, spy):
                told = tmp_path / "pid"
                each = claimed(body, path_of(told) if body is bodies.stubborn else "{}")
                pool.submit(each)
                await until(lambda: pool._executors[0]._cells[0] > 0)
                if body is bodies.stubborn:
                    await pid_in(told)
                pool.cancel(each.id, "requested")
                assert isinstance(await spy.end_of(each), CancelledByRequest)

        run(story())

    def test_cancel_of_a_run_that_waits_behind_another(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("def", Limits(grace=20)) as (pool, spy):
                await prove_short(pool, spy, bodies.maybe_sleep_def)
                slow = claimed(bodies.maybe_sleep_def, '{"seconds":1}')
                behind, last = claimed(bodies.maybe_sleep_def), claimed(bodies.noop_def)
                for each in (slow, behind, last):
                    pool.submit(each)
                pool.cancel(behind.id, "requested")
                assert isinstance(await spy.end_of(behind), CancelledByRequest)
                assert slow.id not in spy.ends
                assert await spy.end_of(slow) == Completed()
                assert await spy.end_of(last) == Completed()

        run(story())

    def test_program_that_a_body_left_goes_with_its_child(self, tmp_path: Path) -> None:
        async def story() -> None:
            told = tmp_path / "pid"
            async with open_pool("def") as (pool, spy):
                await perform(pool, spy, claimed(bodies.start_program, path_of(told)))
                program = await pid_in(told)
                assert lives(program)
            await until(lambda: not lives(program), "the end of the program")

        run(story())

    def test_shutdown_gives_back(self) -> None:
        async def story() -> None:
            async with open_pool("def") as (pool, spy):
                runs = [claimed(bodies.sleep_def), claimed(bodies.sleep_def)]
                for each in runs:
                    pool.submit(each)
                await until(lambda: pool._executors[0]._cells[0] > 0)
            assert spy.ends[runs[0].id][0] == Released(Reason.SHUTDOWN)
            assert spy.ends[runs[1].id][0] == Released(Reason.NOT_STARTED)

        run(story())


class TestLosses:
    @pytest.mark.scenario("S3-28", part="a segfault, def")
    def test_segfault_is_charged_to_its_own_run_and_what_waited_behind_it_runs(self) -> None:
        async def story() -> None:
            async with open_pool("def") as (pool, spy):
                await prove_short(pool, spy, bodies.maybe_crash_def)
                runs = [claimed(bodies.maybe_crash_def, f'{{"crash":{"true" if n == 3 else "false"}}}') for n in range(20)]
                for each in runs:
                    pool.submit(each)
                for n, each in enumerate(runs):
                    outcome = await spy.end_of(each)
                    if n == 3:
                        assert isinstance(outcome, Lost)
                        assert (outcome.reason, outcome.is_alone) == (Reason.CRASHED, True)
                        assert "SIGSEGV" in outcome.error["message"]
                    else:
                        assert outcome == Completed()

        run(story())

    @pytest.mark.scenario("S3-28", part="memory exhausted, def")
    def test_memory_limit(self) -> None:
        async def story() -> None:
            async with open_pool("def", Limits(memory=160 << 20)) as (pool, spy):
                outcome = await perform(pool, spy, claimed(bodies.eat_def))
                assert isinstance(outcome, Lost)
                assert (outcome.reason, outcome.is_alone) == (Reason.MEMORY, True)
                assert await perform(pool, spy, claimed(bodies.noop_def)) == Completed()

        run(story())

    def test_runs_behind_a_body_that_turns_out_long_are_taken_back(self) -> None:
        async def story() -> None:
            async with open_pool("def", size=2) as (pool, spy):
                await until(lambda: pool.slots == 2)
                await prove_short(pool, spy, bodies.maybe_sleep_def)
                slow = claimed(bodies.maybe_sleep_def, '{"seconds":20}')
                others = [claimed(bodies.maybe_sleep_def) for _ in range(10)]
                pool.submit(slow)
                for each in others:
                    pool.submit(each)
                for each in others:
                    assert await spy.end_of(each) == Completed()
                assert slow.id not in spy.ends

        run(story())

    def test_recycling_by_age(self) -> None:
        async def story() -> None:
            async with open_pool("def", Limits(age=0.1)) as (pool, spy):
                pids: set[str | None] = set()
                while len(pids) < 3:
                    outcome = await perform(pool, spy, claimed(bodies.pid_def))
                    assert isinstance(outcome, Completed)
                    pids.add(outcome.result)
                    await asyncio.sleep(0.02)

        run(story())


class TestSolo:
    def test_each_run_has_a_child_of_its_own(self) -> None:
        async def story() -> None:
            async with open_pool("solo", size=2) as (pool, spy):
                assert pool.slots == pool.free == 2
                runs = [claimed(body) for body in (bodies.pid, bodies.pid_def) * 3]
                for each in runs:
                    pool.submit(each)
                pids = {await spy.end_of(each) for each in runs}
                assert len(pids) == 6
                assert Completed(str(os.getpid())) not in pids

        run(story())

    @pytest.mark.parametrize("body", [bodies.crash, bodies.crash_def])
    def test_suspect_that_crashes_again_was_alone(self, body: Task[..., None]) -> None:
        async def story() -> None:
            async with open_pool("solo", size=2) as (pool, spy):
                runs = [claimed(body, suspicion=Suspicion.EXECUTOR), claimed(bodies.noop, is_repeatable=False)]
                for each in runs:
                    pool.submit(each)
                outcome = await spy.end_of(runs[0])
                assert isinstance(outcome, Lost)
                assert outcome.is_alone
                assert await spy.end_of(runs[1]) == Completed()

        run(story())

    @pytest.mark.parametrize("body", [bodies.deaf, bodies.block, bodies.sleep_def])
    def test_deadline(self, body: Task[..., None]) -> None:
        async def story() -> None:
            async with open_pool("solo") as (pool, spy):
                assert isinstance(await perform(pool, spy, claimed(body, timeout=0.2)), TimedOut)

        run(story())

    def test_cancel_before_a_child_is_there(self) -> None:
        async def story() -> None:
            async with open_pool("solo") as (pool, spy):
                each = claimed(bodies.wait)
                pool.submit(each)
                pool.cancel(each.id, "requested")
                assert isinstance(await spy.end_of(each), CancelledByRequest)
                assert await perform(pool, spy, claimed(bodies.noop)) == Completed()

        run(story())
