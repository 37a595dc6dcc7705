"""Races, on an SQLite file and on PostgreSQL: several stores on one database, as several processes would have them."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Json

from mainspring.core.access import EVERYTHING
from mainspring.core.ids import make_claim_id
from mainspring.core.limit import Maximum
from mainspring.core.policy import Priority, Retry
from mainspring.core.run import Added, ClaimedRun, Failed, Lost, Reason, Released, decide
from mainspring.core.state import RunState
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Completion, Settlement
from mainspring.store.sqlite import SqliteDatabase
from mainspring.store.store import Store
from tests.store.harness import CLOCK_FUNCTION, MINUTE, Kind, Stage

pytestmark = pytest.mark.parametrize("kind", ["file", "postgres"])

LOSS = Lost("lost", {"message": "the node vanished"}, is_alone=False)
RETRY = Retry(delay=timedelta(0))
SEED = 20_310_304


@contextlib.asynccontextmanager
async def peers(stage: Stage, n: int) -> AsyncIterator[list[Stage]]:
    """Further stores on the database of a stage, by the same clock."""
    stores = [Store(_peer(stage), shard=0) for _ in range(n)]  # one shard: they meet at the statistics too
    try:
        for store in stores:
            await store.open()
        others = [Stage(stage.kind, store, stage.clock) for store in stores]
        for other in others:
            other.added = stage.added
        yield others
    finally:
        for store in stores:
            await store.close()


def _peer(stage: Stage) -> PostgresDatabase | SqliteDatabase:
    if isinstance(stage.database, PostgresDatabase):
        return PostgresDatabase(stage.database.url, clock=CLOCK_FUNCTION, connections=2)
    assert isinstance(stage.database, SqliteDatabase)
    return SqliteDatabase(stage.database.path, clock=stage.clock.read, durability="relaxed")


def by_node(runs: Sequence[ClaimedRun], rng: random.Random) -> list[ClaimedRun]:
    """Return the same runs in another order, so that two batches meet in the middle."""
    shuffled = list(runs)
    rng.shuffle(shuffled)
    return shuffled


async def claimed(stage: Stage, node: str, n: int) -> list[ClaimedRun]:
    await stage.add_new(n)
    runs = await stage.claim(node, n)
    assert len(runs) == n
    return runs


async def claimed_by(stage: Stage, node: str, ids: set[str]) -> list[ClaimedRun]:
    runs = await stage.claim(node, len(ids) + 10)
    assert {run.id for run in runs} == ids
    return runs


def finished(run: ClaimedRun) -> Completion:
    return Completion(run.id, run.claim_id, 1.0, None)


def lost(run: ClaimedRun) -> Settlement:
    return Settlement(run.id, run.claim_id, decide(run, LOSS, RETRY))


@pytest.mark.scenario("L1", part="2,000 runs")
async def test_twenty_workers_run_each_task_once_and_in_order(stage: Stage, kind: Kind) -> None:
    runs = [stage.new(priority=Priority(n % 5), task=f"t{n % 7}") for n in range(2000)]
    for start in range(0, 2000, 500):
        await stage.add(*runs[start : start + 500])
        await stage.clock.advance(0.001)
    executed: Counter[str] = Counter()
    accepted: list[str] = []

    async def work(peer: Stage) -> None:
        node = await peer.node()
        while batch := await peer.claim(node, 23):
            assert batch == sorted(batch, key=lambda run: (run.priority, run.ready_at, run.id))
            executed.update(run.id for run in batch)
            accepted.extend(await peer.complete(*batch))

    async with peers(stage, 20 if kind == "postgres" else 6) as workers:
        await asyncio.gather(*(work(peer) for peer in workers))
    assert executed == Counter({run.id: 1 for run in runs})
    assert sorted(accepted) == sorted(executed)


@pytest.mark.failure(13)
async def test_a_rescue_and_a_completion_of_the_same_runs(stage: Stage, kind: Kind) -> None:
    rng = random.Random(SEED)
    async with peers(stage, 2) as (owner, rescuer):
        for _ in range(15):
            node = await stage.node()
            runs = await claimed(stage, node, 40)
            await stage.nodes.reap(make_claim_id(), found=[node])
            orphans = [orphan.run for orphan in await stage.runs.orphans()]
            completed, rescued = await asyncio.gather(
                owner.runs.complete([finished(run) for run in by_node(runs, rng)]),
                rescuer.runs.settle([lost(run) for run in by_node(orphans, rng)], is_owner=False),
            )
            assert completed.isdisjoint(rescued)
            # What the rescuer found locked, it leaves to the next round: here the owner was faster with all of them.
            assert completed | rescued.keys() == {run.id for run in runs}
            for run_id in completed:
                assert (await stage.get(run_id)).attempt == 1
            await stage.finish_all()


@pytest.mark.failure(13)
async def test_rescues_against_completions_in_many_small_batches(stage: Stage, kind: Kind) -> None:
    async with peers(stage, 3) as (owner, *rescuers):
        node = await stage.node()
        runs = await claimed(stage, node, 300)
        await stage.nodes.reap(make_claim_id(), found=[node])
        completed: list[str] = []
        rescued: list[str] = []

        async def complete() -> None:
            for start in range(0, 300, 10):
                completed.extend(await owner.runs.complete([finished(run) for run in runs[start : start + 10]]))

        async def rescue(peer: Stage) -> None:
            while orphans := await peer.runs.orphans(25):
                rescued.extend(await peer.runs.settle([lost(each.run) for each in reversed(orphans)], is_owner=False))

        await asyncio.gather(complete(), *(rescue(peer) for peer in rescuers))
        assert sorted([*completed, *rescued]) == sorted(run.id for run in runs)


@pytest.mark.failure(22)
async def test_runs_given_back_unstarted_while_their_node_is_taken_for_dead(stage: Stage, kind: Kind) -> None:
    """What a node had taken ahead goes back to its lane once, whoever is quicker, and nothing is charged for it."""
    rng = random.Random(SEED)
    async with peers(stage, 2) as (owner, rescuer):
        for _ in range(10):
            node = await stage.node()
            runs = await claimed(stage, node, 40)
            await stage.nodes.reap(make_claim_id(), found=[node])
            orphans = [orphan.run for orphan in await stage.runs.orphans()]
            ahead = [Settlement(run.id, run.claim_id, decide(run, Released(Reason.NOT_STARTED), RETRY)) for run in by_node(runs, rng)]
            given_back, rescued = await asyncio.gather(
                owner.runs.settle(ahead),
                rescuer.runs.settle([lost(run) for run in by_node(orphans, rng)], is_owner=False),
            )
            assert given_back.keys().isdisjoint(rescued)
            assert given_back.keys() | rescued.keys() == {run.id for run in runs}
            again = await claimed_by(stage, await stage.node(), {run.id for run in runs})
            assert len(again) == 40  # each is in its lane once
            assert {(run.retries, run.rescues) for run in again} == {(0, 0)}
            late = await owner.runs.settle(ahead)  # a node that did not notice asks once more: its claim is gone
            assert late == {}
            await stage.complete(*again)


@pytest.mark.scenario("L12", part="two rescuers")
@pytest.mark.failure(15)
async def test_two_reapers_and_two_rescuers_take_each_run_over_once(stage: Stage, kind: Kind) -> None:
    async with peers(stage, 4) as (*reapers, first, second):
        nodes = [await stage.node() for _ in range(4)]
        runs = [run for node in nodes for run in await claimed(stage, node, 30)]
        await stage.clock.advance(61)
        me = await stage.node()
        rescued: list[str] = []

        async def rescue(peer: Stage) -> None:
            for _ in range(60):
                orphans = await peer.runs.orphans(20)
                rescued.extend(await peer.runs.settle([lost(each.run) for each in orphans], is_owner=False))

        buried = await asyncio.gather(*(peer.nodes.reap(me) for peer in reapers), rescue(first), rescue(second), return_exceptions=False)
        assert sorted([*(buried[0] or []), *(buried[1] or [])]) == sorted(nodes)
        assert sorted(rescued) == sorted(run.id for run in runs)
        for run in runs[::10]:
            found = await stage.get(run.id)
            assert (found.state, found.attempt, found.rescues) == (RunState.PENDING, 1, 0)
            assert len(await stage.runs.attempts(run.id, scope=EVERYTHING)) == 1


@pytest.mark.failure(14)
async def test_a_cancel_and_a_completion_of_the_same_runs(stage: Stage, kind: Kind) -> None:
    rng = random.Random(SEED)
    node = await stage.node()
    async with peers(stage, 2) as (owner, person):
        for _ in range(15):
            runs = await claimed(stage, node, 40)
            ids = [run.id for run in by_node(runs, rng)]
            completed, stopped = await asyncio.gather(
                owner.runs.complete([finished(run) for run in by_node(runs, rng)]), person.runs.cancel(ids, actor="ada")
            )
            assert completed == set(ids)  # an end that is under way wins
            for run_id in stopped:
                assert (await stage.kinds(run_id))[-1] == "completed"


@pytest.mark.failure(14)
async def test_a_cancel_and_a_claim_of_the_same_runs(stage: Stage, kind: Kind) -> None:
    rng = random.Random(SEED)
    node = await stage.node()
    async with peers(stage, 3) as (first, second, person):
        for _ in range(15):
            ids = await stage.add_new(40)
            stopped, *claims = await asyncio.gather(person.runs.cancel(rng.sample(ids, 40)), first.claim(node, 30), second.claim(node, 30))
            taken = {run.id: run for claim in claims for run in claim}
            ended = {run_id for run_id, each in stopped.items() if not each.was_running}
            assert ended.isdisjoint(taken)
            flagged = {run_id for run_id, each in stopped.items() if each.was_running}
            assert flagged <= taken.keys()
            # What the cancel did not answer was being claimed: the second question finds it running.
            again = await person.runs.cancel([run_id for run_id in ids if run_id not in stopped])
            assert all(each.was_running for each in again.values() if each.id in taken)
            states = await first.runs.settle([lost(run) for run in taken.values()])
            assert states == dict.fromkeys(taken, RunState.CANCELLED)
            found = await stage.runs.get_many(ids, scope=EVERYTHING)
            assert {run.state for run in found.values()} == {RunState.CANCELLED}


@pytest.mark.scenario("X3", part="cancel against retry")
@pytest.mark.failure(14)
async def test_a_cancel_and_a_retry_leave_no_run_without_an_owner(stage: Stage, kind: Kind) -> None:
    """The obvious statement (delete where cancelled, update where not) strands rows here: both arms see the old version."""
    rng = random.Random(SEED)
    node = await stage.node()
    async with peers(stage, 2) as (owner, person):
        for _ in range(25):
            runs = await claimed(stage, node, 40)
            ids = [run.id for run in by_node(runs, rng)]
            failed = [Settlement(run.id, run.claim_id, decide(run, Failed({"type": "E"}), RETRY)) for run in by_node(runs, rng)]
            states, stopped = await asyncio.gather(owner.runs.settle(failed), person.runs.cancel(ids))
            assert states.keys() == set(ids)
            assert set(states.values()) <= {RunState.PENDING, RunState.CANCELLED}
            found = await stage.runs.get_many(ids, scope=EVERYTHING)
            assert RunState.RUNNING not in {run.state for run in found.values()}
            for run_id in stopped:
                assert found[run_id].state is RunState.CANCELLED
            await person.runs.cancel(ids)
            found = await stage.runs.get_many(ids, scope=EVERYTHING)
            assert {run.state for run in found.values()} == {RunState.CANCELLED}


@pytest.mark.failure(18)
async def test_overlapping_keyed_enqueues_in_opposite_order_do_not_deadlock(stage: Stage, kind: Kind) -> None:
    async with peers(stage, 4) as callers:
        for turn in range(10):
            keys = [f"{turn}-{n}" for n in range(60)]

            async def enqueue(peer: Stage, keys: list[str]) -> list[Added]:
                return await peer.add(*(peer.new(key=key) for key in keys))

            orders = [keys, keys[::-1], keys[30:] + keys[:30], keys[10:50]]
            answers = await asyncio.gather(*(enqueue(peer, order) for peer, order in zip(callers, orders, strict=True)))
            won: dict[str, set[str]] = {}
            for order, added in zip(orders, answers, strict=True):
                for key, answer in zip(order, added, strict=True):
                    won.setdefault(key, set()).add(answer.id)
            assert all(len(ids) == 1 for ids in won.values())
            assert sum(answer.is_new for added in answers for answer in added) == 60


@pytest.mark.failure(16)
async def test_fifty_enqueues_with_one_key_create_one_run(stage: Stage, kind: Kind) -> None:
    async with peers(stage, 10) as callers:
        for turn in range(5):
            runs = [peer.new(key=f"k{turn}") for peer in callers for _ in range(5)]
            answers = await asyncio.gather(
                *(callers[n % 10].runs.add(run) for n, run in enumerate(runs)),
            )
            assert len({answer.id for answer in answers}) == 1
            assert sum(answer.is_new for answer in answers) == 1
            stage.added.add(answers[0].id)


@pytest.mark.failure(16)
async def test_a_key_in_an_open_transaction_is_waited_for_and_free_when_it_is_rolled_back(stage: Stage, kind: Kind) -> None:
    if not isinstance(stage.database, PostgresDatabase):
        return  # one writer at a time: nobody can look at a key while a transaction is open
    query = stage.database.query("runs_add")
    async with peers(stage, 5) as callers, await psycopg.AsyncConnection.connect(stage.database.url) as user:
        for is_committed in (False, True):
            mine = stage.new(key=f"k{is_committed}")
            batch = stage.runs.many_values(mine) | {"ord": 0}
            await user.execute(query.statements[0].encode(), {"batch": Json([batch]), "is_repeated": False})
            waiting = [asyncio.create_task(peer.runs.add(peer.new(key=mine.key))) for peer in callers]
            await _all_wait(stage.database.url, len(waiting))
            await (user.commit() if is_committed else user.rollback())
            answers = await asyncio.gather(*waiting)
            winners = {answer.id for answer in answers}
            assert len(winners) == 1
            assert (winners == {mine.id}) == is_committed
            assert sum(answer.is_new for answer in answers) == (0 if is_committed else 1)
            stage.added |= winners


async def _all_wait(url: str, n: int) -> None:
    """Return when so many sessions wait for a lock."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for _ in range(2000):
            cursor = await connection.execute(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            )
            row = await cursor.fetchone()
            if row is not None and row[0] == n:
                return
            await connection.execute("select pg_sleep(0.002)")
    raise AssertionError("nobody waits")


@pytest.mark.scenario("X3", part="random interleavings")
async def test_whatever_meets_the_books_balance(stage: Stage, kind: Kind, tmp_path: Path) -> None:
    """Workers, a person who cancels, and rescuers who bury living nodes, all at once."""
    rng = random.Random(SEED)
    await stage.add_new(300, max_retries=1)
    accepted: Counter[str] = Counter()

    async def work(peer: Stage) -> None:
        for _ in range(40):
            node = await peer.node()
            runs = await peer.claim(node, 12)
            half = len(runs) // 2
            accepted.update(await peer.complete(*runs[:half]))
            failed = [Settlement(run.id, run.claim_id, decide(run, Failed({"type": "E"}), RETRY)) for run in runs[half:]]
            states = await peer.runs.settle(failed)
            accepted.update(run_id for run_id, state in states.items() if state.is_final)
            await peer.runs.promote()

    async def bury(peer: Stage) -> None:
        for _ in range(40):
            nodes = [node.id for node in await peer.nodes.list() if node.state == "alive"]
            await peer.nodes.reap(make_claim_id(), found=rng.sample(nodes, min(1, len(nodes))))
            orphans = await peer.runs.orphans()
            await peer.runs.settle([lost(each.run) for each in orphans], is_owner=False)

    async def cancel(peer: Stage) -> None:
        for _ in range(20):
            await peer.runs.cancel(rng.sample(sorted(stage.added), 5))
            await asyncio.sleep(0)

    async with peers(stage, 5) as (one, two, three, four, five):
        await asyncio.gather(work(one), work(two), bury(three), bury(four), cancel(five))
    assert all(n == 1 for n in accepted.values())
    me = await stage.node("last", lease=MINUTE)
    nodes = [node.id for node in await stage.nodes.list() if node.id != me]
    await stage.nodes.reap(me, found=nodes)
    for orphan in await stage.runs.orphans():
        await stage.settle(orphan.run, LOSS)
    await stage.finish_all()
    states = Counter(run.state for run in await stage.runs.page(n=1000, scope=EVERYTHING))
    assert sum(states.values()) == 300
    assert states.keys() <= {RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED}


@pytest.mark.scenario("C4", part="limiters beside each other")
@pytest.mark.failure(20)
async def test_limiters_beside_each_other_never_let_more_go_than_a_limit_allows(stage: Stage, kind: Kind) -> None:
    """Four of them, with claims, ends and cancels between: never above at any instant, and in the end everything has run."""
    chance = random.Random(SEED)
    most = {"task:t": 3, "key::a": 1, "key::b": 2}
    await stage.store.limits.declare({key: Maximum(n) for key, n in most.items()})
    runs = [stage.new(limit_task="task:t", limit_key=chance.choice(["key::a", "key::b", None])) for _ in range(60)]
    await stage.add(*runs)
    done: set[str] = set()
    over: list[Counter[str]] = []

    async def watch(peer: Stage) -> None:
        while len(done) < 60:
            rows = await peer.sql("select limit_task, limit_key from mainspring.hot_runs where state in (3, 4)")
            now = Counter(key for row in rows for key in row.values() if key is not None)
            if any(now[key] > n for key, n in most.items()):
                over.append(now)
            await asyncio.sleep(0.001)

    async def let_go(peer: Stage) -> None:
        while len(done) < 60:
            await peer.store.limits.admit(chance.sample(sorted(most), chance.randint(1, 3)), chance.choice((1, 2, 8)))

    async def work(peer: Stage) -> None:
        node = await peer.node()
        while len(done) < 60:
            held = await peer.claim(node, 4)
            for run in held:
                done.update(await peer.complete(run))
            if not held:
                await asyncio.sleep(0)

    async with peers(stage, 7) as others:
        async with asyncio.timeout(60):
            await asyncio.gather(watch(others[0]), *map(let_go, others[1:5]), *map(work, others[5:]))
    assert over == []
    assert done == {run.id for run in runs}
