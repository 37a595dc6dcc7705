"""The pool of ``async def`` bodies, with real children: whatever a body does, its neighbours and the node live on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mainspring.core.run import (
    CancelledByRequest,
    ClaimedRun,
    Completed,
    Failed,
    Lost,
    Outcome,
    Reason,
    Released,
    TimedOut,
)
from mainspring.core.task import Task
from mainspring.engine.nursery import Plan
from mainspring.engine.pools import EnqueueReply, Limits, StopReason
from tests.aio import until
from tests.engine import bodies
from tests.engine.spy import ALL, Spy, claimed, open_pool, perform, run, shared_template

__all__ = ["shared_template"]  # a fixture that pytest finds here


def path_of(path: Path) -> str:
    return f'{{"path":"{path}"}}'


def with_neighbours(pool: object, spy: Spy, go: Path, n: int = 20) -> list[ClaimedRun]:
    """Submit bodies that end well once a file is there."""
    runs = [claimed(bodies.wait_for_file, path_of(go), timeout=60) for _ in range(n)]
    for each in runs:
        pool.submit(each)  # type: ignore[attr-defined]  # any pool
    return runs


async def have_begun(spy: Spy, *, pool: object, n: int) -> None:
    """Wait until so many bodies are running in the pool's child."""
    executor = pool._executors[0]  # type: ignore[attr-defined]  # nothing public tells
    await until(lambda: executor._cells[0] >= n, "the start of the bodies")


class TestOutcomes:
    @pytest.mark.scenario("S3-28", part="a task that raises or calls sys.exit, async")
    def test_returning_raising_leaving(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                assert pool.slots == pool.free == 100
                assert await perform(pool, spy, claimed(bodies.add, '{"a":1,"b":2}')) == Completed("3")
                raised = await perform(pool, spy, claimed(bodies.boom))
                assert isinstance(raised, Failed)
                assert (raised.error["type"], raised.error["message"]) == ("ValueError", "no such table")
                assert "bodies.py" in raised.error["traceback"]
                assert pool.name == "async"
                before = await perform(pool, spy, claimed(bodies.pid))
                for body in (bodies.leave, bodies.leave_in_task):
                    left = await perform(pool, spy, claimed(body))
                    assert isinstance(left, Failed)
                    assert left.error["type"] == "SystemExit"
                assert await perform(pool, spy, claimed(bodies.pid)) == before
                assert before != Completed(str(os.getpid()))

        run(story())

    def test_runs_that_never_reach_a_body(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                assert await perform(pool, spy, claimed("nobody")) == Released(Reason.UNKNOWN_TASK)
                wrong = await perform(pool, spy, claimed(bodies.add, '{"a":"x"}'))
                assert isinstance(wrong, Failed)
                assert wrong.reason == Reason.INVALID
                undecodable = await perform(pool, spy, claimed(bodies.add, "{"))
                assert isinstance(undecodable, Failed)
                assert undecodable.reason == Reason.UNDECODABLE

        run(story())

    def test_thousands_through_few_slots(self) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(slots=3)) as (pool, spy):
                runs = [claimed(bodies.add, f'{{"a":{n}}}') for n in range(5000)]
                for each in runs:
                    pool.submit(each)
                assert pool.holding == 5000
                assert pool.free == 0
                for n, each in enumerate(runs):
                    assert await spy.end_of(each) == Completed(str(n + 1))
                assert pool.holding == 0

        run(story())

    def test_text_that_no_json_can_hold(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                each = claimed(bodies.surrogate)
                assert isinstance(await perform(pool, spy, each), Failed)
                assert [record.message for record in spy.words_of(each)] == ["bad ? text"]

        run(story())


class TestStops:
    @pytest.mark.scenario("S3-26", part="async")
    def test_timeout_cancels_and_frees_the_slot(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(slots=1, grace=5)) as (pool, spy):
                tidied = tmp_path / "tidied"
                each, after = claimed(bodies.tidy, path_of(tidied), timeout=0.2), claimed(bodies.noop)
                pool.submit(each)
                pool.submit(after)
                outcome = await spy.end_of(each)
                assert isinstance(outcome, TimedOut)
                assert outcome.error["kind"] == "timeout"
                assert "200ms" in outcome.error["message"]
                assert "in tidy" in outcome.error["traceback"]
                assert 200 <= spy.ends[each.id][1] < 4000
                assert tidied.read_text() == "tidied"
                assert await spy.end_of(after) == Completed()

        run(story())

    @pytest.mark.scenario("L6", part="cancelled at its timeout, killed after the grace, slot freed")
    def test_body_that_ignores_cancellation_is_killed_and_its_neighbours_are_innocent(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                neighbours = with_neighbours(pool, spy, tmp_path / "go")
                culprit = claimed(bodies.deaf, timeout=0.2)
                assert isinstance(await perform(pool, spy, culprit), TimedOut)
                for each in neighbours:
                    outcome = await spy.end_of(each)
                    assert isinstance(outcome, Lost)
                    assert outcome.is_innocent
                    assert culprit.id in outcome.error["message"]
                assert await perform(pool, spy, claimed(bodies.noop)) == Completed()

        run(story())

    @pytest.mark.scenario("S3-29", part="cancellation, then a hard stop after the grace")
    def test_cancel_on_request(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                tidied = tmp_path / "tidied"
                tidy, deaf = claimed(bodies.tidy, path_of(tidied)), claimed(bodies.deaf)
                pool.submit(tidy)
                pool.submit(deaf)
                await have_begun(spy, pool=pool, n=2)
                for each in (tidy, deaf):
                    pool.cancel(each.id, "requested")
                    assert isinstance(await spy.end_of(each), CancelledByRequest)
                assert tidied.exists()
                pool.cancel("nobody", "requested")

        run(story())

    def test_cancel_of_runs_that_wait(self) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(slots=1)) as (pool, spy):
                runs = [claimed(bodies.wait) for _ in range(5)]  # one runs, one waits in the child, three in the pool
                for each in runs:
                    pool.submit(each)
                await have_begun(spy, pool=pool, n=1)
                for each in reversed(runs):
                    pool.cancel(each.id, "requested")
                for each in runs:
                    assert isinstance(await spy.end_of(each), CancelledByRequest)

        run(story())

    @pytest.mark.parametrize("why", ["requested", "shutdown"])
    def test_stop_before_the_first_step(self, why: StopReason) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(grace=20)) as (pool, spy):
                runs = [claimed(bodies.wait) for _ in range(50)]
                for each in runs:
                    pool.submit(each)
                    pool.cancel(each.id, why)
                await spy.until(lambda: len(spy.ends) == 50)

        run(story())

    def test_shutdown_gives_back(self, tmp_path: Path) -> None:
        async def story() -> None:
            tidied = tmp_path / "tidied"
            async with open_pool("async", Limits(slots=3)) as (pool, spy):
                begun = [
                    claimed(bodies.tidy, path_of(tidied)),
                    claimed(bodies.wait, is_repeatable=False),
                    claimed(bodies.deaf),
                ]
                waiting = [claimed(bodies.wait) for _ in range(10)]
                for each in begun + waiting:
                    pool.submit(each)
                await have_begun(spy, pool=pool, n=3)
                back = pool.unstarted()
                assert 7 <= len(back) < 10
                await spy.until(lambda: len(spy.ends) == 10 - len(back))  # the rest waited in the child
            outcomes = [spy.ends[each.id][0] for each in begun]
            assert outcomes[0] == outcomes[2] == Released(Reason.SHUTDOWN)
            assert isinstance(outcomes[1], Lost)  # it has begun, and must not begin again
            assert outcomes[1].is_innocent
            for each in waiting:
                assert (each in back) != (each.id in spy.ends)
            assert tidied.exists()

        run(story())


class TestLosses:
    @pytest.mark.scenario("S3-28", part="a segfault among neighbours, async")
    def test_segfault_makes_suspects_and_charges_nobody(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                go = tmp_path / "go"
                neighbours = with_neighbours(pool, spy, go, 99)
                culprit = claimed(bodies.crash)
                await have_begun(spy, pool=pool, n=99)
                pool.submit(culprit)
                for each in [*neighbours, culprit]:
                    outcome = await spy.end_of(each)
                    assert isinstance(outcome, Lost)
                    assert (outcome.reason, outcome.is_alone, outcome.is_innocent) == (Reason.CRASHED, False, False)
                    assert "SIGSEGV" in outcome.error["message"]
                    assert outcome.error["kind"] == "crash"
                go.touch()
                for each in with_neighbours(pool, spy, go):
                    assert await spy.end_of(each) == Completed('"seen"')

        run(story())

    def test_who_was_alone_is_charged(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                outcome = await perform(pool, spy, claimed(bodies.crash))
                assert isinstance(outcome, Lost)
                assert outcome.is_alone

        run(story())

    def test_runs_that_had_not_begun_run_in_the_next_child(self) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(slots=1)) as (pool, spy):
                crash, after = claimed(bodies.crash), [claimed(bodies.noop) for _ in range(5)]
                for each in [crash, *after]:
                    pool.submit(each)
                assert isinstance(await spy.end_of(crash), Lost)
                for each in after:
                    assert await spy.end_of(each) == Completed()

        run(story())

    @pytest.mark.scenario("S3-28", part="memory exhausted, async")
    def test_memory_limit(self) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(memory=160 << 20)) as (pool, spy):
                outcome = await perform(pool, spy, claimed(bodies.eat))
                assert isinstance(outcome, Lost)
                assert (outcome.reason, outcome.is_alone) == (Reason.MEMORY, True)
                assert "160 MiB" in outcome.error["message"]
                assert await perform(pool, spy, claimed(bodies.noop)) == Completed()

        run(story())

    @pytest.mark.parametrize("body", [bodies.block, bodies.hold_lock], ids=["loop blocked", "interpreter lock held"])
    @pytest.mark.scenario("S3-26", part="an async body that blocks the loop")
    def test_body_that_holds_the_loop_times_out_and_neighbours_are_innocent(self, body: Task[..., None], tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(grace=1.2)) as (pool, spy):
                neighbours = with_neighbours(pool, spy, tmp_path / "go")
                await have_begun(spy, pool=pool, n=20)
                also_late = claimed(bodies.wait, timeout=0.3)
                pool.submit(also_late)  # the engine may see it begin a tick before the culprit, and miss its end alone
                culprit = claimed(body, '{"size":40}' if body is bodies.hold_lock else "{}", timeout=0.3)
                assert isinstance(await perform(pool, spy, culprit), TimedOut)
                for each in neighbours:
                    outcome = await spy.end_of(each)
                    assert isinstance(outcome, Lost)
                    assert outcome.is_innocent
                outcome = await spy.end_of(also_late)
                assert isinstance(outcome, (Lost, TimedOut))
                assert not isinstance(outcome, Lost) or outcome.is_innocent

        run(story())

    def test_holder_within_its_own_time_is_suspected_when_another_cannot_be_stopped(self) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(grace=1.2)) as (pool, spy):
                late, holder = claimed(bodies.wait, timeout=0.5), claimed(bodies.block, timeout=600)
                pool.submit(late)
                await have_begun(spy, pool=pool, n=1)
                pool.submit(holder)
                suspected, innocent = await spy.end_of(holder), await spy.end_of(late)
                assert isinstance(suspected, Lost)
                assert isinstance(innocent, Lost)
                assert not (suspected.is_alone or suspected.is_innocent)
                assert innocent.is_innocent

        run(story())

    def test_results_that_were_sent_before_a_crash_count(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                done = [claimed(bodies.noop) for _ in range(50)]
                for each in done:
                    pool.submit(each)
                for each in done:
                    assert await spy.end_of(each) == Completed()
                assert isinstance(await perform(pool, spy, claimed(bodies.crash)), Lost)

        run(story())

    def test_child_killed_before_it_sends(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def story() -> None:
            monkeypatch.setenv("MAINSPRING_FAULT", "child_before_send=kill")
            note = tmp_path / "note"
            async with open_pool("async", plan=Plan.of(ALL)) as (pool, spy):
                outcome = await perform(pool, spy, claimed(bodies.note, path_of(note)))
                assert isinstance(outcome, Lost)
                assert outcome.is_alone
                assert "SIGKILL" in outcome.error["message"]
            assert note.read_text() == "x"

        run(story())


class TestRecycling:
    def test_fresh_child_takes_over_and_the_old_one_drains(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async", Limits(runs=3)) as (pool, spy):
                go = tmp_path / "go"
                (slow,) = with_neighbours(pool, spy, go, 1)
                pids: set[Outcome] = set()
                while len(pids) < 2:
                    pids.add(await perform(pool, spy, claimed(bodies.pid)))
                    await asyncio.sleep(0.02)
                assert slow.id not in spy.ends
                go.touch()
                assert await spy.end_of(slow) == Completed('"seen"')
                old = {int(each.result or 0) for each in pids if isinstance(each, Completed)}
                await until(lambda: sum(os.path.exists(f"/proc/{pid}") for pid in old) <= 1, "the end of the old child")

        run(story())


class TestWords:
    @pytest.mark.scenario("S3-31")
    @pytest.mark.scenario("E5", part="last value exact")
    def test_everything_a_body_says(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                each = claimed(bodies.talk)
                await perform(pool, spy, each)
                words = spy.words_of(each)
                said = [(record.stream, record.level, record.message) for record in words if record.kind == "log"]
                assert said == [
                    ("log", "info", "100%"),
                    ("log", "warning", "{'rows': 3}"),
                    ("stdout", "info", "printed"),
                    ("stderr", "warning", "to stderr"),
                    ("log", "warning", "7 sold, 100% sure"),
                    ("log", "info", "100%"),
                    ("log", "info", "said freely"),
                    ("stdout", "info", "no line end"),
                ]
                assert words[1].data == {"table": "orders", "value": {"rows": 3}}
                progress = [record.data for record in words if record.kind == "progress"]
                assert len(progress) <= 3
                assert progress[-1] == {"current": 10_000, "total": 10_000, "stage": None}

        run(story())

    def test_words_come_while_the_body_goes_on(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                go = tmp_path / "go"
                each = claimed(bodies.report_then_wait, path_of(go))
                pool.submit(each)
                await spy.until(lambda: len(spy.said.get(each.id, ())) == 2)
                assert [record.kind for record in spy.said[each.id]] == ["log", "progress"]
                go.touch()
                assert await spy.end_of(each) == Completed()

        run(story())

    @pytest.mark.scenario("S3-28", part="printing far beyond the buffer")
    def test_flood_hurts_only_its_own_run(self, tmp_path: Path) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                go = tmp_path / "go"
                neighbours = with_neighbours(pool, spy, go)
                flood = claimed(bodies.flood, '{"lines":200000}')
                assert await perform(pool, spy, flood) == Completed()
                words = spy.words_of(flood)
                dropped = sum(record.data["dropped"] for record in words if record.kind == "gap" and record.data)
                assert dropped + sum(record.stream == "stdout" for record in words) == 200_000
                assert dropped >= 190_000
                go.touch()
                for each in neighbours:
                    assert await spy.end_of(each) == Completed('"seen"')

        run(story())

    def test_what_a_body_leaves_behind_is_told(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                each = claimed(bodies.scatter)
                assert await perform(pool, spy, each) == Completed()
                messages = " ".join(record.message for record in spy.words_of(each))
                assert "forgotten task" in messages
                assert "forgotten thread" in messages

        run(story())

    @pytest.mark.parametrize("body", [bodies.block, bodies.block_in_task])
    def test_body_that_holds_the_loop_for_a_while_is_told(self, body: Task[..., None]) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                each = claimed(body, '{"seconds":0.8}')
                assert await perform(pool, spy, each) == Completed()
                (record,) = [record for record in spy.words_of(each) if record.level == "warning"]
                assert "held the event loop" in record.message
                assert record.data is not None
                assert 0.4 < record.data["lag"] < 5
                assert "bodies.py" in record.data["at"]
                await until(lambda: pool.last_lag > 0.4, "the report of the lag")

        run(story())


class TestEnqueueing:
    def test_body_enqueues_through_the_engine(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                assert await perform(pool, spy, claimed(bodies.enqueue_child, '{"a":5}')) == Completed('["a-run",true]')
                (request,) = spy.requests
                assert (request.task, request.params) == ("add", '{"a":5,"b":2}')
                assert request.call is not None
                assert request.call.key == "once"
                assert request.call.delay is not None
                assert request.call.delay.total_seconds() == 5

        run(story())

    def test_errors_of_the_engine_are_raised_in_the_body(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                spy.answer = EnqueueReply(code="store-unavailable", message="the database is away")
                outcome = await perform(pool, spy, claimed(bodies.enqueue_child, '{"a":5}'))
                assert isinstance(outcome, Failed)
                assert (outcome.error["type"], outcome.error["message"]) == ("StoreUnavailable", "the database is away")

        run(story())

    def test_wrong_parameters_and_waiting_are_refused_at_once(self) -> None:
        async def story() -> None:
            async with open_pool("async") as (pool, spy):
                wrong = await perform(pool, spy, claimed(bodies.enqueue_wrongly))
                assert isinstance(wrong, Failed)
                assert wrong.error["type"] == "InvalidParams"
                assert not spy.requests
                waits = await perform(pool, spy, claimed(bodies.wait_for_child))
                assert isinstance(waits, Failed)
                assert "keep the handle's id" in waits.error["message"]
                assert (waits.is_terminal, waits.error["type"], waits.error["kind"]) == (True, "NotHere", "configuration")

        run(story())
