"""Dead letters, errors that nobody looks at, and pauses that end by themselves, on every database."""

from __future__ import annotations

from datetime import timedelta

from mainspring.core.access import EVERYTHING
from mainspring.core.run import Failed
from tests.store.harness import START, Stage

FINGERPRINT = "1a" * 8


async def _fail(stage: Stage) -> str:
    run = await stage.claim_new()
    error = {"kind": "execution", "type": "ValueError", "message": "broken", "fingerprint": FINGERPRINT}
    await stage.settle(run, Failed(error, is_terminal=True))
    return run.id


async def test_a_failed_run_is_given_up_once_and_an_unfinished_one_never(stage: Stage) -> None:
    dead = stage.store.dead
    failed, other, waiting = await _fail(stage), await _fail(stage), await stage.add_one()
    assert await dead.discard([failed, waiting], actor="ada", reason="the customer is gone") == {failed}
    assert await dead.discard([failed]) == set(), "it was given up already"
    assert await dead.discarded([failed, other, waiting]) == {failed}
    assert await dead.discarded([]) == set()


async def test_what_was_said_about_a_run_goes_with_the_run(stage: Stage) -> None:
    failed, other = await _fail(stage), await _fail(stage)
    await stage.store.dead.discard([failed, other])
    assert await stage.store.dead.prune() == 0
    await stage.store.retention.delete([failed])
    stage.forgotten.add(failed)
    assert await stage.store.dead.prune() == 1
    assert await stage.store.dead.discarded([failed, other]) == {other}


async def test_an_ignored_error_is_counted_on_and_no_open_one(stage: Stage) -> None:
    errors = stage.store.errors
    await _fail(stage)
    assert await errors.open_count() == 1
    assert await errors.ignore(FINGERPRINT, actor="ada", reason="a known flake")
    assert not await errors.ignore("2b" * 8), "there is no such error"
    await _fail(stage)
    (seen,) = await errors.list(is_ignored=True, scope=EVERYTHING)
    assert (seen.n, seen.ignored_by, seen.is_open) == (2, "ada", True)
    assert await errors.list(is_open=True, is_ignored=False, scope=EVERYTHING) == []
    assert await errors.open_count() == 0
    assert await errors.heed(FINGERPRINT)
    assert not await errors.heed(FINGERPRINT)
    assert await errors.open_count() == 1


async def test_a_pause_ends_by_itself_at_its_time_and_not_before(stage: Stage) -> None:
    queues = stage.store.queues
    await queues.pause("default", actor="ada", until=START + timedelta(minutes=30))
    await queues.pause("other", actor="ada")
    await stage.clock.advance(29 * 60)
    assert await queues.wake() == []
    assert await queues.paused() == {"default", "other"}
    await stage.clock.advance(60)
    assert await queues.wake() == ["default"]
    assert await queues.paused() == {"other"}, "who named no time has to resume it"
    (default, _) = await queues.list()
    assert (default["paused_by"], default["paused_until"]) == (None, None)


async def test_resuming_and_pausing_anew_forget_the_time(stage: Stage) -> None:
    queues = stage.store.queues
    await queues.pause("default", until=START + timedelta(minutes=1))
    await queues.pause("default", reason="for good")
    await stage.clock.advance(3600)
    assert await queues.wake() == []
    assert await queues.resume("default")
    assert await queues.paused() == set()
