"""Errors that are alike: counted where tries are settled, resolved by people, open again by themselves."""

from datetime import timedelta
from functools import partial

import psycopg
import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import Conflict, UnknownError
from mainspring.core.policy import Retry
from mainspring.core.run import CancelledByRequest, Failed, Lost, Released, TimedOut, decide
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Settlement
from mainspring.store.store import Store
from tests.store.harness import START, Stage

ONE, TWO = "1a" * 8, "1b" * 8


def boom(fingerprint: str = ONE, message: str = "broken", type_: str = "ValueError") -> dict[str, str]:
    return {"kind": "execution", "type": type_, "message": message, "traceback": "…", "fingerprint": fingerprint}


async def fail(stage: Stage, fingerprint: str = ONE, message: str = "broken", *, task: str = "t") -> str:
    """Let a run fail once and for all."""
    run = await stage.claim_new(task=task)
    await stage.settle(run, Failed(boom(fingerprint, message), is_terminal=True))
    return run.id


@pytest.mark.scenario("R10", part="python")
async def test_failures_are_grouped_counted_resolved_and_open_again_when_they_come_again(stage: Stage) -> None:
    errors = stage.store.errors
    assert await errors.list(scope=EVERYTHING) == []
    first = await fail(stage)
    await stage.clock.advance(60)
    other = await fail(stage, TWO, "gone", task="u")
    await stage.clock.advance(60)
    last = await fail(stage, message="broken again")
    one, two = await errors.list(scope=EVERYTHING)
    assert (one.fingerprint, one.task, one.kind, one.type, one.message, one.n) == (ONE, "t", "execution", "ValueError", "broken again", 2)
    assert (one.first_at, one.last_at, one.last_run) == (START, START + timedelta(seconds=120), last)
    assert (two.n, two.last_run, two.task) == (1, other, "u")
    assert one.is_open
    assert [(each.run_id, each.attempt, each.outcome) for each in await errors.occurrences(ONE, scope=EVERYTHING)] == [
        (last, 1, "failed"),
        (first, 1, "failed"),
    ]
    assert [each.run_id for each in await errors.occurrences(ONE, before=last, scope=EVERYTHING)] == [first]
    assert [each.run_id for each in await errors.occurrences(ONE, n=1, scope=EVERYTHING)] == [last]
    assert await errors.list(task="u", scope=EVERYTHING) == [two]
    assert await errors.open_count() == 2

    assert await errors.resolve(ONE, actor="ada", reason="mended in 1.2")
    resolved = await errors.get(ONE, scope=EVERYTHING)
    assert (resolved.is_open, resolved.resolved_by, resolved.reason, resolved.reopened) == (False, "ada", "mended in 1.2", 0)
    assert [each.fingerprint for each in await errors.list(is_open=True, scope=EVERYTHING)] == [TWO]
    assert [each.fingerprint for each in await errors.list(is_open=False, scope=EVERYTHING)] == [ONE]
    assert await errors.open_count() == 1

    await stage.clock.advance(1)
    await fail(stage)
    reopened = await errors.get(ONE, scope=EVERYTHING)
    assert (reopened.is_open, reopened.reopened, reopened.n) == (True, 1, 3)
    assert await errors.open_count() == 2
    await stage.clock.advance(1)
    assert await errors.resolve(ONE, actor="bob")
    again = await errors.get(ONE, scope=EVERYTHING)
    assert (again.is_open, again.reopened, again.resolved_by, again.reason) == (False, 1, "bob", None)
    assert await errors.resolve(ONE)
    assert (await errors.get(ONE, scope=EVERYTHING)).reopened == 1
    assert not await errors.resolve("ff" * 8)


async def test_every_bad_try_counts_and_nothing_else_does(stage: Stage) -> None:
    node = await stage.node()
    run = await stage.claim_new(node)
    await stage.settle(run, Failed(boom()), Retry(delay=0, jitter=False))
    await stage.clock.advance(1)
    (run,) = await stage.claim(node)
    await stage.settle(run, TimedOut(boom(TWO, type_="TimeoutError")), Retry(delay=0, jitter=False))
    await stage.clock.advance(1)
    (run,) = await stage.claim(node)
    await stage.settle(run, Lost("lost", boom("1c" * 8), is_alone=True))
    (run,) = await stage.claim(node)
    await stage.settle(run, Released("shutdown"))
    (run,) = await stage.claim(node)
    await stage.settle(run, CancelledByRequest(boom("1d" * 8)))
    plain = await stage.claim_new(node)
    await stage.settle(plain, Failed({"type": "E"}, is_terminal=True))  # no fingerprint: nothing to group by
    good = await stage.claim_new(node)
    await stage.complete(good)
    assert {each.fingerprint: each.n for each in await stage.store.errors.list(scope=EVERYTHING)} == {ONE: 1, TWO: 1, "1c" * 8: 1}
    assert [each.attempt for each in await stage.store.errors.occurrences(TWO, scope=EVERYTHING)] == [2]


async def test_one_batch_with_many_of_a_kind_is_counted_right(stage: Stage) -> None:

    await stage.add_new(9)
    claimed = await stage.claim(await stage.node())
    outcomes = [Failed(boom((ONE, TWO)[n % 2], f"no. {n} \x00 \udc80 🙂 {'x' * 9000}"), is_terminal=True) for n in range(9)]
    batch = [Settlement(run.id, run.claim_id, decide(run, outcome, Retry())) for run, outcome in zip(claimed, outcomes, strict=True)]
    assert len(await stage.runs.settle(batch)) == 9
    groups = {each.fingerprint: each for each in await stage.store.errors.list(scope=EVERYTHING)}
    assert {name: each.n for name, each in groups.items()} == {ONE: 5, TWO: 4}
    assert all(len(each.message) <= 500 and each.message.startswith("no. ") for each in groups.values())
    assert groups[ONE].last_run == max(run.id for run in claimed[::2])


async def test_writers_in_different_shards_add_up(stage: Stage) -> None:
    await fail(stage, message="from here")
    await stage.clock.advance(5)
    there = Store(stage.database, shard=7)
    run = await stage.claim_new()

    await there.runs.settle([Settlement(run.id, run.claim_id, decide(run, Failed(boom(message="from there"), is_terminal=True), Retry()))])
    (group,) = await stage.store.errors.list(scope=EVERYTHING)
    assert (group.n, group.message, group.last_run, group.first_at) == (2, "from there", run.id, START)
    await stage.store.errors.resolve(ONE)
    assert not (await stage.store.errors.get(ONE, scope=EVERYTHING)).is_open


async def test_a_group_is_found_by_its_beginning(stage: Stage) -> None:
    await fail(stage)
    await fail(stage, TWO)
    find = partial(stage.store.errors.find, scope=EVERYTHING)
    assert await find("1A1a") == ONE
    assert await find(TWO) == TWO
    for bad, said in (("zz", "no fingerprint"), ("1a", "no fingerprint"), ("ffff", "there is no error")):
        with pytest.raises(UnknownError, match=said):
            await find(bad)
    await fail(stage, "1a1a" + "0" * 12)
    with pytest.raises(Conflict, match="give more characters of one of 1a1a0000"):
        await find("1a1a")
    with pytest.raises(UnknownError):
        await stage.store.errors.get("ff" * 8, scope=EVERYTHING)


async def test_errors_outlive_their_runs_and_are_forgotten_when_nobody_has_seen_them_for_long(stage: Stage) -> None:
    old = await fail(stage)
    await stage.store.errors.resolve(ONE)
    await stage.store.retention.delete([old])
    stage.forgotten = {old}
    assert (await stage.store.errors.get(ONE, scope=EVERYTHING)).n == 1
    assert await stage.store.errors.occurrences(ONE, scope=EVERYTHING) == []
    await stage.clock.advance(50 * 86400)
    await fail(stage, TWO)
    assert await stage.store.errors.forget(timedelta(days=60)) == 0
    await stage.clock.advance(20 * 86400)
    assert await stage.store.errors.forget(timedelta(days=60)) == 1
    assert [each.fingerprint for each in await stage.store.errors.list(scope=EVERYTHING)] == [TWO]
    assert await stage.sql("select * from mainspring.error_marks") == []


@pytest.mark.parametrize("kind", ["postgres"])
async def test_an_error_that_comes_again_while_it_is_being_forgotten_stays(stage: Stage) -> None:
    for fingerprint in (ONE, TWO):
        await fail(stage, fingerprint)
    await stage.clock.advance(61 * 86400)
    assert isinstance(stage.database, PostgresDatabase)
    with psycopg.connect(stage.database.url) as other:
        other.execute("update mainspring.errors set n = n + 1, last_at = public.manual_now() where fingerprint = %s", (ONE,))
        assert await stage.store.errors.forget(timedelta(days=60)) == 1
    assert [(each.fingerprint, each.n) for each in await stage.store.errors.list(scope=EVERYTHING)] == [(ONE, 2)]
