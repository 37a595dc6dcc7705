"""Limits: who waits in which list, who may go, and that no key ever lets more go than it allows."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.ids import make_claim_id
from mainspring.core.limit import Maximum, Rate, each_key, own_key, queue_key, task_key
from mainspring.core.policy import Priority
from mainspring.core.run import ClaimedRun, Failed, Lost, Outcome, Released, Snoozed
from mainspring.core.state import RunState
from tests.store.harness import Stage

T = task_key("t")
LOST = Lost("lost", {"message": "the node vanished"}, is_alone=False)


async def admit(stage: Stage, *keys: str) -> list[str]:
    """Let runs go until nothing more may, as a limiter does; answers their ids in the order in which they went."""
    gone: list[str] = []
    while True:
        admitted = await stage.store.limits.admit(keys or [key for key, _ in await stage.store.limits.look()])
        gone += admitted.ids
        assert not admitted.is_busy
        if not admitted.is_more:
            return gone


async def going(stage: Stage) -> Counter[str]:
    """Return how many runs of each key are ready or running."""
    rows = await stage.sql("select limit_queue, limit_task, limit_key from mainspring.hot_runs where state in (3, 4)")
    return Counter(key for row in rows for key in row.values() if key is not None)


async def lists(stage: Stage) -> dict[str, str | None]:
    """Return where each waiting run waits."""
    rows = await stage.sql("select id, waits_for from mainspring.hot_runs where state = 0")
    return {row["id"]: row["waits_for"] for row in rows}


async def test_a_run_with_a_limit_waits_until_its_limit_lets_it_go_in_order(stage: Stage) -> None:
    await stage.store.limits.declare({T: Maximum(2)})
    low = await stage.add_new(2, limit_task=T, priority=Priority.LOW)
    high = await stage.add_new(3, limit_task=T, priority=Priority.HIGH)
    assert [(run.state, run.reason) for run in [await stage.get(each) for each in low + high]] == [(RunState.BLOCKED, "limit")] * 5
    assert await stage.runs.lanes() == []
    assert sorted(await admit(stage)) == high[:2]
    assert (await stage.get(high[0])).state is RunState.PENDING
    node = await stage.node()
    first = await stage.claim(node)
    assert [run.id for run in first] == high[:2]
    assert first[0].limits == (None, T, None)
    assert await admit(stage) == []  # what runs counts
    await stage.complete(first[0])
    assert await admit(stage, T) == [high[2]]
    await stage.complete(first[1])
    assert await admit(stage, T) == [low[0]]


async def test_a_run_needs_room_in_all_its_keys_and_blocks_nobody_behind_it(stage: Stage) -> None:
    key_a, key_b = own_key("", "a"), own_key("", "b")
    await stage.store.limits.declare({T: Maximum(10), queue_key("q"): Maximum(4), each_key("t"): Maximum(1)})
    runs = await stage.add_new(3, limit_queue=queue_key("q"), limit_task=T, limit_key=key_a)
    others = await stage.add_new(2, limit_queue=queue_key("q"), limit_task=T, limit_key=key_b)
    assert sorted(await admit(stage)) == sorted([runs[0], others[0]])
    assert await lists(stage) == {runs[1]: key_a, runs[2]: key_a, others[1]: key_b}
    node = await stage.node()
    claimed = await stage.claim(node)
    await stage.complete(*[run for run in claimed if run.id == runs[0]])
    assert await admit(stage, queue_key("q"), T, key_a) == [runs[1]]
    assert await going(stage) == {queue_key("q"): 2, T: 2, key_a: 1, key_b: 1}


async def test_what_an_operator_sets_goes_before_what_the_code_says_field_by_field(stage: Stage) -> None:
    limits = stage.store.limits
    await limits.declare({T: Maximum(1, Rate(10, timedelta(seconds=1), burst=5))})
    await limits.set(T, {"concurrency": 3}, actor="ada", reason="more")
    (state,) = await limits.list()
    assert (state.maximum.concurrency, str(state.maximum.rate), state.changed_by, state.reason) == (3, "10/s", "ada", "more")
    await stage.add_new(10, limit_task=T)
    assert len(await admit(stage)) == 3
    await limits.set(T, Maximum().fields())
    assert len(await admit(stage)) == 7
    assert await limits.clear(T) and not await limits.clear(T)
    (state,) = await limits.list()
    assert state.override is None and state.maximum == state.code == Maximum(1, Rate(10, timedelta(seconds=1), burst=5))


async def test_a_limit_below_what_runs_kills_nothing_and_lets_nothing_more_go(stage: Stage) -> None:
    limits = stage.store.limits
    await limits.declare({T: Maximum(3)})
    await stage.add_new(5, limit_task=T)
    await admit(stage)
    running = await stage.claim(await stage.node())
    await limits.set(T, {"concurrency": 1})
    assert await admit(stage) == []
    await stage.complete(*running[:2])
    assert await admit(stage) == []
    await stage.complete(running[2])
    assert len(await admit(stage)) == 1


async def test_the_last_start_says_what_the_code_says_and_only_of_its_own_keys(stage: Stage) -> None:
    limits = stage.store.limits
    other = task_key("other")
    await limits.declare({T: Maximum(1), other: Maximum(7)})
    await stage.add_new(3, limit_task=T)
    await limits.declare({T: None, each_key("t"): None})
    assert len(await admit(stage)) == 3
    assert {state.key: state.maximum.concurrency for state in await limits.list()} == {T: None, other: 7}


async def test_own_keys_follow_what_their_task_says_of_each_even_later(stage: Stage) -> None:
    limits = stage.store.limits
    key = own_key("acme", "x")
    await limits.declare({each_key("t"): Maximum(1)})
    await stage.add_new(5, limit_key=key)
    assert len(await admit(stage)) == 1
    await limits.declare({each_key("t"): Maximum(2)})
    assert len(await admit(stage)) == 1
    await limits.set(each_key("t"), {"concurrency": 3})
    assert len(await admit(stage)) == 1
    await limits.set(key, {"concurrency": 4})
    assert len(await admit(stage)) == 1


@pytest.mark.parametrize("outcome", [Released("shutdown"), Snoozed(timedelta(0)), Failed({"type": "E"}, after=timedelta(0))])
async def test_whatever_is_tried_again_is_let_go_again_from_its_old_place(stage: Stage, outcome: Any) -> None:
    await stage.store.limits.declare({T: Maximum(1)})
    runs = await stage.add_new(3, limit_task=T)
    await admit(stage)
    (first,) = await stage.claim(await stage.node())
    assert await stage.settle(first, outcome) is RunState.BLOCKED
    assert await going(stage) == {}
    assert (await stage.get(runs[0])).reason == "limit"
    assert await admit(stage) == [runs[0]]


async def test_a_run_in_backoff_holds_nothing_and_enters_the_list_when_it_is_due(stage: Stage) -> None:
    await stage.store.limits.declare({T: Maximum(1)})
    runs = await stage.add_new(2, limit_task=T)
    await admit(stage)
    (first,) = await stage.claim(await stage.node())
    await stage.settle(first, Failed({"type": "E"}, after=timedelta(seconds=5)))
    assert await admit(stage) == [runs[1]]
    await stage.clock.advance(5)
    grown = await stage.runs.promote()
    assert grown and grown == set() and grown.keys == {T}
    assert await lists(stage) == {runs[0]: T}
    later = await stage.add_new(limit_task=T, delay=timedelta(seconds=5))
    assert (await stage.get(later[0])).state is RunState.PENDING
    await stage.clock.advance(5)
    assert (await stage.runs.promote()).keys == {T}


async def test_what_waits_can_be_cancelled_and_ends_at_its_deadline(stage: Stage) -> None:
    await stage.store.limits.declare({T: Maximum(1)})
    runs = await stage.add_new(3, limit_task=T, deadline=timedelta(seconds=10))
    await admit(stage)
    assert (await stage.runs.cancel([runs[1]]))[runs[1]].was_running is False
    await stage.clock.advance(11)
    assert await stage.runs.expire() == 2
    assert [(await stage.get(run)).state for run in runs] == [RunState.TIMEOUT, RunState.CANCELLED, RunState.TIMEOUT]
    await stage.add_new(limit_task=T)
    assert len(await admit(stage)) == 1


async def test_a_waiting_run_is_told_which_limit_and_which_place(stage: Stage) -> None:
    limits = stage.store.limits
    await limits.declare({T: Maximum(2)})
    runs = await stage.add_new(5, limit_task=T)
    await admit(stage)
    told = await limits.waiting_for(runs[4], scope=EVERYTHING)
    assert told is not None
    assert (told.key, told.position, told.is_bounded, told.running, told.maximum) == (T, 3, False, 2, Maximum(2))
    assert await limits.waiting_for(runs[0], scope=EVERYTHING) is None


# -- limits that runs do not know of -----------------------------------------------------------------------------------


async def test_a_limit_set_at_run_time_binds_runs_that_know_nothing_of_it(stage: Stage) -> None:
    limits = stage.store.limits
    before = await stage.add_new(2)
    node = await stage.node()
    (running,) = await stage.claim(node, 1)
    for key in (queue_key("default"), T):
        await limits.set(key, {"concurrency": 1})
        later = await stage.add_new(3)
        assert await stage.claim(node) == []
        assert await stage.runs.take(later[0], node, make_claim_id(), timedelta(0)) is None
        assert await limits.adopt() == {key}
        assert (await going(stage))[key] == 1  # the one that runs counts
        assert await admit(stage) == []
        await limits.clear(key)
        assert len(await admit(stage)) >= 3
        free = await stage.claim(node)
        assert await limits.adopt() == set()
        await stage.complete(*free)
    assert running.id in before


async def test_adopting_leaves_other_queues_and_tasks_alone(stage: Stage) -> None:
    limits = stage.store.limits
    await limits.set(queue_key("slow"), {"concurrency": 1})
    await limits.set(task_key("careful"), {"concurrency": 1})
    free = await stage.add_new(3, task="free")
    slow = await stage.add_new(2, queue="slow")
    careful = await stage.add_new(2, task="careful")
    assert await limits.adopt() == {queue_key("slow"), task_key("careful")}
    assert await lists(stage) == dict.fromkeys(slow, queue_key("slow")) | dict.fromkeys(careful, task_key("careful"))
    claimed = await stage.claim(await stage.node())
    assert sorted(run.id for run in claimed) == free


# -- rates -------------------------------------------------------------------------------------------------------------


async def start(stage: Stage, node: str) -> list[ClaimedRun]:
    await admit(stage)
    return await stage.claim(node)


async def test_a_rate_lets_its_burst_go_and_then_one_at_a_time(stage: Stage) -> None:
    await stage.store.limits.declare({T: Maximum(None, Rate(10, timedelta(seconds=1), burst=3))})
    await stage.add_new(10, limit_task=T)
    node = await stage.node()
    assert len(await start(stage, node)) == 3
    answer = await stage.store.limits.admit([T])
    assert answer.ids == () and answer.waits == {T: pytest.approx(0.1)}
    await stage.clock.advance(0.099)
    assert await start(stage, node) == []
    await stage.clock.advance(0.001)
    assert len(await start(stage, node)) == 1
    await stage.clock.advance(0.2)
    assert len(await start(stage, node)) == 2


async def test_what_was_let_go_and_has_not_started_keeps_its_token(stage: Stage) -> None:
    """Otherwise a fleet that was away would start all at once what a rate let go meanwhile."""
    await stage.store.limits.declare({T: Maximum(None, Rate(1, timedelta(seconds=1), burst=2))})
    await stage.add_new(10, limit_task=T)
    node = await stage.node()
    for _ in range(20):
        await admit(stage)
        await stage.clock.advance(1)
    assert await going(stage) == {T: 2}
    first = await stage.claim(node)
    assert len(first) == 2
    await stage.complete(*first)  # it has left the hot table: when it started is read from the history
    await stage.clock.advance(0.5)
    assert await admit(stage) == []
    await stage.clock.advance(0.5)
    assert len(await start(stage, node)) == 1


async def test_a_rate_and_a_concurrency_on_one_key_both_hold(stage: Stage) -> None:
    await stage.store.limits.declare({T: Maximum(2, Rate(10, timedelta(seconds=1), burst=3))})
    await stage.add_new(10, limit_task=T)
    node = await stage.node()
    first = await start(stage, node)
    assert len(first) == 2
    await stage.complete(*first)
    second = await start(stage, node)
    assert len(second) == 1  # the burst is used up
    answer = await stage.store.limits.admit([T])
    assert answer.waits == {T: pytest.approx(0.1)}
    await stage.clock.advance(10)
    assert len(await start(stage, node)) == 1


@pytest.mark.failure(21)
@pytest.mark.parametrize("burst", [1, 4])
async def test_the_starts_in_any_window_stay_within_burst_and_rate(stage: Stage, burst: int) -> None:
    """GCRA, whatever claims, ends, releases and pauses lie between."""
    chance = random.Random(burst)
    rate = Rate(10, timedelta(seconds=1), burst=burst)
    await stage.store.limits.declare({T: Maximum(None, rate)})
    await stage.add_new(60, limit_task=T)
    node = await stage.node()
    starts: list[float] = []
    now, held = 0.0, list[ClaimedRun]()
    for _ in range(120):
        for _ in range(chance.choice((0, 1, 1, 2))):
            await admit(stage)
        if chance.random() < 0.6:
            claimed = await stage.claim(node, chance.choice((1, 2, 100)))
            starts += [now] * len(claimed)
            held += claimed
        chance.shuffle(held)
        for run in held[: chance.randrange(4)]:
            await (stage.settle(run, Released("shutdown")) if chance.random() < 0.2 else stage.complete(run))
            held.remove(run)
        step = chance.choice((0.001, 0.01, 0.05, 0.1, 0.1, 0.3, 1.0))
        await stage.clock.advance(step)
        now += step
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            assert last - first + 1 <= burst + 10 * (starts[last] - starts[first]) + 1e-6, (starts[first], starts[last])
    assert len(starts) > 20


async def test_a_rate_that_was_quiet_for_long_lets_no_more_than_its_burst_go(stage: Stage) -> None:
    await stage.store.limits.declare({T: Maximum(None, Rate(1, timedelta(hours=1)))})
    node = await stage.node()
    for _ in range(2):
        await stage.add_new(3, limit_task=T)
        started = await start(stage, node)
        assert len(started) == 1  # at once, although nobody looked when the last one started
        await stage.complete(*started)
        await stage.runs.cancel([*(await lists(stage))])
        await stage.clock.advance(100_000)


# -- keeping the table small -------------------------------------------------------------------------------------------


async def test_keys_that_nobody_uses_are_forgotten_and_others_are_not(stage: Stage) -> None:
    limits = stage.store.limits
    await limits.declare({each_key("t"): Maximum(1, Rate(1, timedelta(days=3)))})
    keys = [own_key("", name) for name in "abc"]
    for key in keys:
        await stage.add_new(2, limit_key=key)
    await admit(stage)
    node = await stage.node()
    running = await stage.claim(node)
    await stage.complete(*running[:2])
    await stage.runs.cancel([id_ for id_, key in (await lists(stage)).items() if key != keys[0]])
    await stage.clock.advance(2 * 86_400)
    assert await limits.forget(timedelta(days=1)) == 0  # their tokens are not back yet
    await stage.clock.advance(3 * 86_400)
    assert await limits.forget(timedelta(days=1)) == 1
    left = {state.key for state in await limits.list()}
    assert each_key("t") in left and len(left) == 3


async def test_look_pages_through_the_lists(stage: Stage) -> None:
    limits = stage.store.limits
    await limits.declare({each_key("t"): Maximum(1)})
    keys = [own_key("", f"{n:03}") for n in range(7)]
    for key in keys:
        await stage.add_new(limit_key=key)
    assert await limits.look(n=3) == [(key, 0) for key in keys[:3]]
    assert await limits.look(keys[2], n=100) == [(key, 0) for key in keys[3:]]
    await stage.add_new(limit_key=keys[0])
    await admit(stage, keys[0])
    assert (await limits.look(n=1)) == [(keys[0], None)]


# -- everything at once ------------------------------------------------------------------------------------------------


@pytest.mark.failure(20)
@pytest.mark.scenario("C4", part="store")
@pytest.mark.parametrize("seed", range(3))
async def test_a_random_life_never_exceeds_a_limit_and_leaves_no_key_idle(stage: Stage, seed: int) -> None:
    """1 to 5 limits, losses, releases, retries: after each step no key lets more go than it allows, and after each round none is idle."""
    chance = random.Random(seed)
    limits = stage.store.limits
    most = {key: chance.randint(1, 3) for key in ("queue:q", "task:t", "task:u", "key::a", "key::b")}
    await limits.declare({key: Maximum(n) for key, n in most.items()})
    node, held = await stage.node(), list[ClaimedRun]()

    async def check() -> None:
        now = await going(stage)
        assert all(now[key] <= n for key, n in most.items()), (now, most)

    for _ in range(25):
        for _ in range(chance.randrange(6)):
            task = chance.choice("tu")
            await stage.add_new(
                task=task, limit_task=chance.choice([f"task:{task}", None]), limit_queue=chance.choice(["queue:q", None]),
                limit_key=chance.choice(["key::a", "key::b", None]), priority=chance.choice(list(Priority)),
                delay=chance.choice([None, timedelta(seconds=2)]),
            )  # fmt: skip
        await admit(stage)
        await check()
        held += await stage.claim(node, 10)
        chance.shuffle(held)
        for run in held[: len(held) // 2]:
            outcomes: list[Outcome] = [Released("shutdown"), Failed({"type": "E"}, after=timedelta(seconds=1)), LOST]
            if chance.random() < 0.4:
                await stage.complete(run)
            else:
                await stage.settle(run, chance.choice(outcomes))
            held.remove(run)
            await check()
        await stage.clock.advance(1)
        await stage.runs.promote()
        await admit(stage)
        await check()
        now = await going(stage)
        rows = await stage.sql("select limit_queue, limit_task, limit_key from mainspring.hot_runs where state = 0")
        for row in rows:
            assert any(now[key] >= most[key] for key in row.values() if key is not None), f"{row} waits for nothing: {now}"
