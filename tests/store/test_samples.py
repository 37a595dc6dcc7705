"""Samples and what charts are drawn from: one row a minute whoever comes, thinned out with age, and lengths as the log has them."""

from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.policy import Retry
from mainspring.core.run import Failed, decide
from mainspring.core.state import RunState
from mainspring.store.runs import Settlement
from mainspring.store.samples import ALL
from mainspring.store.stats import whole_minute
from tests.store.harness import Stage

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def test_a_minute_is_counted_once_whoever_asks(stage: Stage) -> None:
    samples = stage.store.samples
    await stage.add_new(3, queue="mail")
    await stage.add_new(2, queue="files", delay=timedelta(hours=2))
    since = whole_minute(stage.clock.now)
    assert await samples.take()
    await stage.add_new(5, queue="mail")
    assert not await samples.take(), "the minute has been seen to"
    found = {each.queue: each for each in await samples.list(since, MINUTE)}
    assert {name: (each.ready, each.later) for name, each in found.items()} == {ALL: (3, 2), "mail": (3, 0), "files": (0, 2)}
    await stage.clock.advance(60)
    assert await samples.take()
    [_, late] = await samples.list(since, MINUTE, "mail")
    assert late.ready == 8
    assert late.oldest_ms == pytest.approx(60_000, abs=1)
    [mean] = await samples.list(since - HOUR, timedelta(hours=100), "mail")
    assert mean.ready == 5.5, "a span has the mean of its samples"


@pytest.mark.scenario("S0-21", part="samples")
async def test_where_nothing_waits_one_row_says_so_and_no_other_follows(stage: Stage) -> None:
    samples, since = stage.store.samples, whole_minute(stage.clock.now)
    assert not await samples.take(), "nothing has ever waited"
    run = await stage.claim_new(queue="mail")
    await stage.clock.advance(60)
    assert await samples.take()
    await stage.complete(run)
    for is_first in (True, False, False):
        await stage.clock.advance(60)
        assert await samples.take() is is_first
    found = await samples.list(since, MINUTE)
    assert [(each.queue, each.running) for each in found] == [(ALL, 1), ("mail", 1), (ALL, 0)]


async def test_old_samples_are_thinned_out_and_then_forgotten(stage: Stage) -> None:
    samples = stage.store.samples
    await stage.clock.advance(60 * (10 - stage.clock.now.minute % 10))
    start = whole_minute(stage.clock.now)
    await stage.add_new()
    for _ in range(21):
        await samples.take()
        await stage.clock.advance(60)
    assert await samples.prune(older=timedelta(days=1), thinned=timedelta(minutes=11)) == 18, "minutes 1 to 9; the tenth stays"
    kept = [(each.at - start) // MINUTE for each in await samples.list(start, MINUTE, ALL)]
    assert kept == [0, *range(10, 21)]
    assert await samples.prune(older=timedelta(minutes=5)) == 16
    assert await samples.prune() == 0


async def test_lengths_are_drawn_out_of_every_span(stage: Stage) -> None:
    start = whole_minute(stage.clock.now) + MINUTE
    await stage.clock.advance((start - stage.clock.now).total_seconds() + 1)
    node = await stage.node(lease=timedelta(days=1))
    for minute in range(3):
        for _ in range(4):
            run = await stage.claim_new(node, task="quick" if minute else "slow")
            await stage.clock.advance(1 + minute)
            await stage.complete(run)
        await stage.clock.advance((start + (minute + 1) * MINUTE - stage.clock.now).total_seconds() + 1)
    starts = [start + n * MINUTE for n in range(4)]
    drawn = await stage.store.trends.draw(starts, start + 4 * MINUTE, each=3)
    assert [(each.at - start) // MINUTE for each in drawn] == [0, 1, 2], "a span without runs is left out"
    assert all(len(each.ran) == len(each.waited) == 3 for each in drawn), "no more than asked for"
    of_task = await stage.store.trends.draw(starts, start + 4 * MINUTE, task="slow")
    assert [len(each.ran) for each in of_task] == [4]


async def test_of_a_queue_or_for_somebody_the_newest_are_looked_at(stage: Stage) -> None:
    node = await stage.node(lease=timedelta(days=1))
    since = stage.clock.now - MINUTE
    for queue, tenant in (("mail", "acme"), ("mail", ""), ("files", "acme"), ("mail", "other")):
        run = await stage.claim_new(node, queue=queue, tenant=tenant)
        await stage.clock.advance(2)
        if queue == "files":
            outcome = decide(run, Failed({"type": "E"}, is_terminal=True), Retry())
            await stage.runs.settle([Settlement(run.id, run.claim_id, outcome, 2000.0)])
        else:
            await stage.complete(run)
    trends = stage.store.trends
    mail, is_cut = await trends.latest(since, scope=EVERYTHING, queue="mail")
    assert ([each.state for each in mail], is_cut) == ([RunState.COMPLETED] * 3, False)
    acme, _ = await trends.latest(since, scope=Scope(frozenset({"acme"})))
    assert [each.state for each in acme] == [RunState.FAILED, RunState.COMPLETED], "of its own tenant, newest first"
    assert await trends.latest(since, scope=Scope(frozenset())) == ([], False)
    few, is_cut = await trends.latest(since, scope=EVERYTHING, bound=2)
    assert (len(few), is_cut) == (2, True)
    _, is_cut = await trends.latest(since, scope=EVERYTHING, queue="mail", bound=3)
    assert is_cut, "more ended than were looked at, whichever queue they were of"
