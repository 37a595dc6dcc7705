"""Programs that die while they enqueue: a run is there when its commit is, and a second try is no second run."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.stage import Stage

PROGRAM = "tests.chaos.enqueuer"
SQLITE_FIRST = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.chaos)])


def added(stage: Stage) -> list[str]:
    return [row["id"] for row in stage.rows("select id from mainspring.hot_runs order by id")]


@SQLITE_FIRST
@pytest.mark.failure(2)
@pytest.mark.scenario("I1", part="the caller dies")
async def test_an_enqueuer_that_dies_before_and_after_its_commit(stage: Stage) -> None:
    async def die(name: str, *more: str, **env: str) -> None:
        assert await stage.script(name, PROGRAM, stage.url, "the key", *more, **env).gone() == -signal.SIGKILL

    await die("before", MAINSPRING_FAULT="before_enqueue=kill")
    await die("open", "before-commit")
    assert added(stage) == []
    await die("after", MAINSPRING_FAULT="after_enqueue_commit=kill")
    [run_id] = added(stage)  # nobody was told, and it is there
    stage.committed.add(run_id)
    again = stage.script("again", PROGRAM, stage.url, "the key")
    assert await again.gone() == 0
    assert again.said.strip() == run_id
    assert added(stage) == [run_id]


@pytest.mark.chaos
@pytest.mark.failure(2)
async def test_a_transaction_that_was_committed_by_a_program_that_died(stage: Stage) -> None:
    program = stage.script("program", PROGRAM, stage.url, "the key", "after-commit")
    assert await program.gone() == -signal.SIGKILL
    [run_id] = added(stage)
    assert stage.rows("select task from mainspring.hot_runs") == [{"task": "touch"}]
    stage.committed.add(run_id)


@SQLITE_FIRST
@pytest.mark.failure(2)
@pytest.mark.scenario("I1", part="the caller dies")
async def test_a_session_that_dies_before_and_after_its_commit(stage: Stage) -> None:
    for dies in ("by-session-before-commit", "by-session-after-commit"):
        program = stage.script(dies, PROGRAM, stage.url, "the key", dies)
        assert await program.gone() == -signal.SIGKILL
        if dies == "by-session-before-commit":
            assert added(stage) == []
    [run_id] = added(stage)  # the hint behind the commit died with the program, and the run is there
    stage.committed.add(run_id)
    again = stage.script("again", PROGRAM, stage.url, "the key")
    assert await again.gone() == 0
    assert again.said.strip() == run_id
