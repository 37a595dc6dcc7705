"""What another process asks of a run that a worker carries out: events, results, cancels; and runs that join a caller's transaction."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import pytest

from mainspring import EventKind
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import RunCancelled
from tests.chaos.chaos_tasks import deaf, fail, hold, hold_def, parent, talk, touch
from tests.chaos.stage import Stage

BOTH = pytest.mark.parametrize("kind", ["postgres", pytest.param("sqlite", marks=pytest.mark.chaos)])


@BOTH
@pytest.mark.scenario("F8", "S3-29", part="real processes")
@pytest.mark.scenario("E1", "E4", part="real processes")
@pytest.mark.failure(14)
async def test_events_results_and_cancels_across_processes(stage: Stage) -> None:
    worker = await stage.worker("w", MAINSPRING_GRACE="1s", MAINSPRING_BEAT="500ms")
    other = stage.client()
    async with other:
        # A stream that somebody follows while the run goes on.
        talking = await stage.enqueue(talk, gate="talked")
        seen: list[EventKind] = []
        async for event in other.follow(talking.id):
            seen.append(event.kind)
            if event.kind is EventKind.LOG and seen.count(EventKind.LOG) == 3:
                stage.open("talked")
        assert await talking.result() == "said"
        assert seen[:3] == [EventKind.QUEUED, EventKind.CLAIMED, EventKind.STARTED]
        assert seen[-1] is EventKind.COMPLETED
        assert seen.count(EventKind.LOG) == 3 and EventKind.PROGRESS in seen
        progress = await talking.progress()
        assert progress is not None and (progress["current"], progress["total"]) == (3, 3)
        children = await (await stage.enqueue(parent, children=5)).result()
        stage.committed |= set(children)
        assert sorted([await other.handle(await other.read_run(each)).result() for each in children]) == list(range(5))

        # Cancels from a process that holds none of the runs.
        running = [
            await stage.enqueue(hold, gate="never"),
            await stage.enqueue(hold_def, gate="never"),
            await stage.enqueue(deaf, gate="never"),
        ]
        retrying = await stage.enqueue(fail)
        waiting = await stage.enqueue(touch.options(delay="1h"))
        await stage.until_journal("held", 4)

        async def has_failed() -> bool:
            return (await retrying.status()).retries == 1

        await stage.until(has_failed, "the first failure")
        for handle in running:
            assert await other.cancel(handle.id, reason="enough", actor="ann") == "requested"
        for handle in (retrying, waiting):
            assert await other.cancel(handle.id, reason="enough", actor="ann") == "cancelled"
        for run in await stage.until_final([*running, retrying, waiting]):
            assert (str(run.state), run.cancelled_by, run.retries) == ("cancelled", "ann", int(run.id == retrying.id))
        with pytest.raises(RunCancelled):
            await running[0].result()
        assert await other.cancel(talking.id) == "already"
        kinds = [event.kind async for event in other.follow(running[2].id)]
        assert kinds.count(EventKind.CANCEL_REQUESTED) == 1 and kinds[-1] is EventKind.CANCELLED
    assert await stage.stopped(worker) == 0


async def in_own_transaction(stage: Stage, connection: Any, finish: Any) -> None:
    """Enqueue on a caller's connection: a rollback leaves nothing, a commit exactly one."""
    await stage.app.enqueue(touch.options(connection=connection), n=1)
    assert stage.rows("select id from mainspring.hot_runs") == [] or stage.kind == "sqlite"
    await finish("rollback")
    assert stage.rows("select id from mainspring.hot_runs") == []
    handle = await stage.app.enqueue(touch.options(connection=connection, key="the one"), n=2)
    await finish("commit")
    stage.committed.add(handle.id)
    assert [row["id"] for row in stage.rows("select id from mainspring.hot_runs union all select id from mainspring.history")] == [
        handle.id
    ]


@BOTH
@pytest.mark.scenario("I1")
@pytest.mark.failure(39, 43)
async def test_a_run_joins_the_callers_transaction_and_is_found_without_a_hint(stage: Stage) -> None:
    if stage.kind == "sqlite":
        with sqlite3.connect(stage.url.removeprefix("sqlite:///"), isolation_level=None) as connection:

            async def finish(word: str) -> None:
                connection.execute(word)
                if word == "rollback":
                    connection.execute("begin immediate")

            connection.execute("begin immediate")
            await in_own_transaction(stage, connection, finish)
        connection.close()
    else:
        async with await psycopg.AsyncConnection.connect(stage.url) as async_connection:

            async def finish_async(word: str) -> None:
                await async_connection.execute(word.encode())

            await in_own_transaction(stage, async_connection, finish_async)
    worker = await stage.worker("w")
    await stage.until_final([stage.app.handle(await stage.store.runs.get(each, scope=EVERYTHING)) for each in stage.committed])

    # A transaction that commits long after others have overtaken it, and tells nobody: only the full pass can find its run.
    if stage.kind == "postgres":
        with psycopg.connect(stage.url) as late:
            handle = await stage.app.enqueue(touch.options(connection=late), n=3)
            overtaking = await stage.enqueue_many(touch, [{"n": n} for n in range(200)])
            await stage.until_final(overtaking)
            assert stage.rows("select id from mainspring.hot_runs") == []
            late.commit()
        stage.committed.add(handle.id)
        [run] = await stage.until_final([handle])
        assert run.created_at < (await overtaking[-1].status()).created_at

    # No hint arrives anywhere, and the worker is idle.
    async def say_nothing(payload: str) -> None:
        pass

    stage.store.database.notify = say_nothing  # type: ignore[method-assign]
    quiet = await stage.enqueue_many(touch, [{"n": n} for n in range(3)])
    assert {str(run.state) for run in await stage.until_final(quiet)} == {"completed"}
    assert await stage.stopped(worker) == 0


@pytest.mark.chaos
@pytest.mark.scenario("S0-05")
async def test_an_idle_system_starts_what_is_submitted_at_once(stage: Stage) -> None:
    worker = await stage.worker("w")
    waited = []
    for n in range(40):
        [run] = await stage.until_final([await stage.enqueue(touch, n=n)])
        assert run.started_at is not None
        waited.append((run.started_at - run.created_at).total_seconds())
    assert sorted(waited)[37] < 1.0
    assert await stage.stopped(worker) == 0
