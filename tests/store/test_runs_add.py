"""Adding runs: one, many, keyed, again."""

from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import Conflict, StoreError
from mainspring.core.policy import PoolKind, Priority
from mainspring.core.run import Added
from mainspring.core.state import RunState
from mainspring.store.runs import CHUNK
from tests.store.harness import Kind, Stage


async def test_a_run_keeps_everything_that_it_was_given(stage: Stage) -> None:
    run = stage.new(
        "report", params='{"n": 1}', queue="slow", tenant="x", pool=PoolKind.DEF, priority=Priority.LOW,
        timeout=timedelta(seconds=90), max_retries=5, max_rescues=2, label="nightly",
        origin="cli", actor="ada", meta='{"trace": "1"}',
    )  # fmt: skip
    assert await stage.add(run) == [Added(run.id, True)]
    found = await stage.get(run.id)
    assert (found.task, found.params, found.queue, found.tenant, found.priority) == (
        "report", '{"n": 1}', "slow", "x", Priority.LOW,
    )  # fmt: skip
    assert (found.state, found.attempt, found.retries, found.rescues, found.max_retries) == (
        RunState.PENDING, 0, 0, 0, 5,
    )  # fmt: skip
    assert (found.label, found.origin, found.actor, found.retry_of) == ("nightly", "cli", "ada", None)
    assert found.created_at == stage.clock.now
    assert (found.started_at, found.finished_at, found.node_id, found.result, found.seq) == (None, None, None, None, 1)
    (claimed,) = await stage.claim(await stage.node())
    assert (claimed.timeout_ms, claimed.pool, claimed.max_rescues, claimed.is_repeatable) == (
        90_000, PoolKind.DEF, 2, True,
    )  # fmt: skip


async def test_one_and_many_are_stored_alike(stage: Stage) -> None:
    """The short way of one run without a key is another statement than the batch: both must write the same row."""
    fields: dict[str, Any] = {"timeout": timedelta(seconds=3), "deadline": timedelta(hours=1), "delay": timedelta(seconds=7)}
    one, many = stage.new(**fields), stage.new(**fields)
    assert await stage.runs.add(one) == Added(one.id, True)
    await stage.add(many, stage.new())
    stage.added |= {one.id}
    rows = await stage.sql("select * from mainspring.hot_runs order by id limit 2")
    first, second = ({**row, "id": None} for row in rows)
    assert first == second
    assert first["timeout_ms"] == 3000


async def test_a_delay_is_counted_by_the_clock_of_the_store(stage: Stage) -> None:
    run_id = await stage.add_one(delay=timedelta(seconds=30))
    found = await stage.get(run_id)
    assert found.run_at == stage.clock.now + timedelta(seconds=30)
    assert await stage.lanes() == []
    assert await stage.runs.next_due() == timedelta(seconds=30)


async def test_a_run_for_a_time_waits_for_it_and_one_for_the_past_does_not(stage: Stage) -> None:
    later = stage.clock.now + timedelta(hours=2)
    waits = await stage.add_one(run_at=later)
    ready = await stage.add_one(run_at=stage.clock.now - timedelta(days=1))
    assert (await stage.get(waits)).run_at == later
    assert [run.id for run in await stage.claim(await stage.node())] == [ready]


async def test_a_key_is_held_while_its_run_is_unfinished(stage: Stage) -> None:
    first = stage.new(key="orders")
    second = stage.new(key="orders")
    assert await stage.runs.add(first) == Added(first.id, True)
    assert await stage.runs.add(second) == Added(first.id, False)
    stage.added.add(first.id)
    (claimed,) = await stage.claim(await stage.node())
    assert await stage.runs.add(stage.new(key="orders")) == Added(first.id, False)
    await stage.complete(claimed)
    third = stage.new(key="orders")
    assert await stage.add(third) == [Added(third.id, True)]


async def test_a_key_belongs_to_its_task_and_tenant(stage: Stage) -> None:
    runs = [stage.new("a", key="k"), stage.new("b", key="k"), stage.new("a", key="k", tenant="x"), stage.new("a", key="K")]
    assert all(answer.is_new for answer in await stage.add(*runs))


async def test_doubles_within_a_batch_follow_the_first(stage: Stage) -> None:
    held = stage.new(key="held")
    await stage.add(held)
    runs = [
        stage.new(key="a"), stage.new(), stage.new(key="a"), stage.new(key="held"), stage.new(key="b"), stage.new(key="a"),
    ]  # fmt: skip
    answers = await stage.add(*runs, runs[1])
    assert answers == [
        Added(runs[0].id, True), Added(runs[1].id, True), Added(runs[0].id, False), Added(held.id, False),
        Added(runs[4].id, True), Added(runs[0].id, False), Added(runs[1].id, False),
    ]  # fmt: skip
    assert len(await stage.runs.page(scope=EVERYTHING)) == 4


async def test_the_same_id_is_added_once(stage: Stage) -> None:
    run = stage.new()
    assert await stage.add(run) == [Added(run.id, True)]
    assert await stage.runs.add(run) == Added(run.id, False)
    assert await stage.runs.add_again(run) == Added(run.id, False)
    other = stage.new()
    assert await stage.add(run, other) == [Added(run.id, False), Added(other.id, True)]


@pytest.mark.failure(2)
async def test_an_enqueue_whose_answer_was_lost_may_be_repeated_after_the_run_has_finished(stage: Stage) -> None:
    run = stage.new()
    await stage.add(run)
    (claimed,) = await stage.claim(await stage.node())
    await stage.complete(claimed)
    assert await stage.runs.add_again(run) == Added(run.id, False)
    assert (await stage.get(run.id)).state is RunState.COMPLETED
    assert await stage.lanes() == []
    fresh = stage.new()
    assert await stage.runs.add_again(fresh) == Added(fresh.id, True)


async def test_a_repeated_enqueue_with_a_key_that_another_took_meanwhile(stage: Stage) -> None:
    """The first try was committed and is over, and its key went to another run: the first try still counts."""
    run = stage.new(key="k")
    await stage.add(run)
    (claimed,) = await stage.claim(await stage.node())
    await stage.complete(claimed)
    await stage.add(stage.new(key="k"))
    assert await stage.runs.add_again(run) == Added(run.id, False)


async def test_a_retry_points_at_the_old_run(stage: Stage) -> None:
    old = await stage.claim_new()
    await stage.complete(old)
    new = await stage.add_one(retry_of=old.id)
    assert (await stage.get(new)).retry_of == old.id


@pytest.mark.scenario("I9")
async def test_ten_thousand_in_one_round_trip_a_chunk_with_each_conflict_answered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    held = await stage.add(*(stage.new(key=f"k{n}") for n in range(0, 10_000, 1000)))
    calls: list[str] = []
    write = stage.database.write

    async def counted(query: str, /, **values: Any) -> object:
        calls.append(query)
        return await write(query, **values)

    monkeypatch.setattr(stage.database, "write", counted)
    runs = [stage.new(key=f"k{n}" if n % 2 == 0 else None) for n in range(10_000)]
    answers = await stage.add(*runs)
    assert calls == ["runs_add"] * (10_000 // CHUNK)
    assert [n for n, answer in enumerate(answers) if not answer.is_new] == list(range(0, 10_000, 1000))
    assert [answers[n].id for n in range(0, 10_000, 1000)] == [answer.id for answer in held]
    assert all(answer.id == run.id for answer, run in zip(answers, runs, strict=True) if answer.is_new)
    (counts,) = await stage.runs.waiting(scope=EVERYTHING)
    assert counts["n"] == 10_000


@pytest.mark.scenario("I9")
async def test_a_bad_run_fails_its_own_call_and_not_its_neighbours(stage: Stage) -> None:
    """Concurrent callers share a commit; what one of them sent wrong is not the others' business."""
    import asyncio

    bad = stage.new(params_version=2**70)
    good = [stage.new(key=f"k{n}") for n in range(5)]
    answers = await asyncio.gather(*(stage.runs.add(run) for run in [*good[:2], bad, *good[2:]]), return_exceptions=True)
    assert isinstance(answers.pop(2), StoreError)
    assert answers == [Added(run.id, True) for run in good]
    stage.added |= {run.id for run in good}


@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_key_whose_run_comes_and_goes_for_ever_is_a_conflict(kind: Kind, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A winner may commit after our snapshot; the next statement sees it. Only endless bad luck gives up."""
    write, answers = stage.database.write, iter([None, None, None])

    async def blind(query: str, /, **values: Any) -> object:
        rows = await write(query, **values)
        return [(row[0], next(answers), row[2]) for row in rows]

    run = stage.new(key="k")
    stage.added.add(run.id)
    with monkeypatch.context() as patched:
        patched.setattr(stage.database, "write", blind)
        with pytest.raises(Conflict, match="key 'k'"):
            await stage.runs.add(run)


@pytest.mark.parametrize("kind", ["memory"])
async def test_others_are_woken_for_a_batch_of_which_a_run_was_there_already(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def hear(payload: str) -> None:
        told.append(payload)

    monkeypatch.setattr(stage.database, "notify", hear)
    there, fresh = stage.new(), stage.new()
    await stage.add(there)
    assert await stage.runs._add_batch([there, fresh], "a hint") == [Added(there.id, False), Added(fresh.id, True)]
    stage.added.add(fresh.id)
    assert told == ["a hint"]
