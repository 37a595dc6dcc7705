"""Dedupe under concurrency: many stores on one database, callers' transactions that are slow or roll back, claims and ends in between."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.run import Added, ClaimedRun, NewRun, Reason, Released
from mainspring.core.state import RunState
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.store import Store
from tests.store.harness import CLOCK_FUNCTION, Kind, Stage
from tests.store.test_dedupe import DEBOUNCE, EXISTING, ONCE, REJECT, REPLACE, WINDOW, ask
from tests.store.test_races import _all_wait, peers

on_both = pytest.mark.parametrize("kind", ["file", "postgres"])
on_postgres = pytest.mark.parametrize("kind", ["postgres"])  # where somebody can look at a key while another transaction is open

SEED = 20_310_304
LOSERS = {EXISTING: How.EXISTING, REJECT: How.REJECTED, REPLACE: How.REPLACED, DEBOUNCE: How.DEBOUNCED, ONCE: How.EXISTING}


async def write(user: psycopg.AsyncConnection[Any], stage: Stage, run: NewRun, *, may_wait: bool = False) -> Added | None:
    """Enqueue on a caller's own connection, in the transaction that it is in."""
    name, values = stage.runs.statement(run, may_wait=may_wait)
    cursor = await user.execute(stage.database.query(name).statements[0].encode(), values)
    return stage.runs.answer(run, await cursor.fetchall() if cursor.description is not None else [])


@contextlib.asynccontextmanager
async def slow_reader(stage: Stage) -> AsyncIterator[tuple[Stage, psycopg.AsyncConnection[Any]]]:
    """Yield a store whose statements stop between their snapshots and their locks, and the connection whose advisory lock they wait for."""
    assert isinstance(stage.database, PostgresDatabase)
    clock = f"(select {CLOCK_FUNCTION} from pg_advisory_xact_lock_shared({SEED}))"
    store = Store(PostgresDatabase(stage.database.url, clock=clock, connections=2), shard=0)
    async with await psycopg.AsyncConnection.connect(stage.database.url, autocommit=True) as gate:
        await gate.execute("select pg_advisory_lock(%s)", (SEED,))
        await store.open()
        try:
            yield Stage(stage.kind, store, stage.clock), gate
        finally:
            await store.close()


async def finish(owner: psycopg.AsyncConnection[Any], stage: Stage, run: ClaimedRun) -> None:
    """Complete a run as its node does, in a transaction that goes on."""
    done = [{"id": run.id, "claim": run.claim_id, "ms": 1.0, "result": None, "records": None}]
    text = stage.database.query("runs_complete").statements[0]
    cursor = await owner.execute(text.encode(), {"batch": json.dumps(done), "shard": 0})
    assert [str(row[0]) for row in await cursor.fetchall()] == [run.id]


@on_both
@pytest.mark.scenario("I2")
@pytest.mark.failure(16)
@pytest.mark.parametrize("policy", list(DedupePolicy))
async def test_of_fifty_enqueues_at_once_one_makes_a_run(stage: Stage, kind: Kind, policy: DedupePolicy) -> None:
    async with peers(stage, 10) as callers:
        for turn in range(4):
            runs = [ask(peer, policy, key=f"k{turn}", params=f'{{"n":{n}}}') for n in range(5) for peer in callers]
            answers = await asyncio.gather(*(callers[n % 10].runs.add(run) for n, run in enumerate(runs)))
            (winner,) = {answer.id for answer in answers}
            assert Counter(answer.how for answer in answers) == {How.NEW: 1, LOSERS[policy]: 49}
            assert {answer.state for answer in answers if answer.how is How.REJECTED} <= {RunState.PENDING}
            stage.added.add(winner)
            found = await stage.get(winner)
            assert found.seq == (50 if policy in (REPLACE, DEBOUNCE) else 1)  # nobody was forgotten, and who changes nothing writes nothing
    assert len(await stage.runs.page(scope=EVERYTHING)) == 4


@on_postgres
@pytest.mark.failure(16)
@pytest.mark.parametrize("theirs", list(DedupePolicy))
@pytest.mark.parametrize("ours", list(DedupePolicy))
async def test_a_key_in_an_open_transaction_is_waited_for_whatever_the_policies(
    stage: Stage, kind: Kind, ours: DedupePolicy, theirs: DedupePolicy
) -> None:
    """The transaction is slow, and ends in either way: it won, or it never was."""
    assert isinstance(stage.database, PostgresDatabase)
    async with peers(stage, 4) as callers, await psycopg.AsyncConnection.connect(stage.database.url) as user:
        for is_committed in (False, True):
            mine = ask(stage, theirs, key=f"k{is_committed}")
            assert await write(user, stage, mine) == Added(mine.id, True)
            waiting = [asyncio.create_task(peer.runs.add(ask(peer, ours, key=mine.key))) for peer in callers]
            await _all_wait(stage.database.url, len(waiting))
            await (user.commit() if is_committed else user.rollback())
            answers = await asyncio.gather(*waiting)
            (winner,) = {answer.id for answer in answers}
            assert (winner == mine.id) == is_committed
            assert Counter(answer.how for answer in answers) == Counter(
                {How.NEW: 0 if is_committed else 1, LOSERS[ours]: 4 if is_committed else 3}
            )
            stage.added.add(winner)
    assert len(await stage.runs.page(scope=EVERYTHING)) == 2


@on_postgres
@pytest.mark.failure(16)
@pytest.mark.parametrize("policy", [REPLACE, DEBOUNCE])
async def test_a_replacement_in_an_open_transaction_is_waited_for(stage: Stage, kind: Kind, policy: DedupePolicy) -> None:
    assert isinstance(stage.database, PostgresDatabase)
    (first,) = await stage.add(ask(stage, policy, params='"first"'))
    changed = Added(first.id, False, LOSERS[policy])
    async with (
        peers(stage, 4) as callers,
        await psycopg.AsyncConnection.connect(stage.database.url) as user,
        await psycopg.AsyncConnection.connect(stage.database.url) as other,
    ):
        for is_committed in (False, True):
            assert await write(user, stage, ask(stage, policy, params='"theirs"')) == changed
            assert await stage.claim(await stage.node()) == []  # whoever claims does not wait, and goes on
            assert await write(other, stage, ask(stage, policy)) is None  # nor does a caller, the first time it asks
            theirs = asyncio.create_task(write(other, stage, ask(stage, policy, params='"other"'), may_wait=True))
            await _all_wait(stage.database.url, 1)
            waiting = [asyncio.create_task(peer.runs.add(ask(peer, policy, params='"ours"'))) for peer in callers]
            await _all_wait(stage.database.url, 5)
            await (user.commit() if is_committed else user.rollback())
            assert await theirs == changed
            await other.commit()
            assert await asyncio.gather(*waiting) == [changed] * 4
            assert (await stage.get(first.id)).params == '"ours"'
    assert (await stage.get(first.id)).seq == 1 + (1 + 4) + (2 + 4)


@on_postgres
@pytest.mark.parametrize("policy", [REPLACE, DEBOUNCE])
async def test_a_callers_transaction_holds_up_nobody_who_finishes_runs(stage: Stage, kind: Kind, policy: DedupePolicy) -> None:
    """It leaves the running run its key, and what follows it has none: a lock on it would last until the caller commits."""
    assert isinstance(stage.database, PostgresDatabase)
    await stage.add(ask(stage, REPLACE))
    (running,) = await stage.claim(await stage.node())
    async with await psycopg.AsyncConnection.connect(stage.database.url) as user:
        new = ask(stage, policy)
        assert await write(user, stage, new) == Added(new.id, True)
        assert await stage.complete(running) == {running.id}
        await user.commit()
    assert (await stage.get(running.id)).key == "k"
    assert (await stage.get(new.id)).key is None
    stage.added.add(new.id)


@on_postgres
@pytest.mark.parametrize("policy", [REPLACE, DEBOUNCE])
async def test_a_run_that_is_given_back_while_its_key_is_asked_for_gets_the_new_words(
    stage: Stage, kind: Kind, policy: DedupePolicy
) -> None:
    """It runs in the snapshot of whoever asks, and waits when its row can be had."""
    assert isinstance(stage.database, PostgresDatabase)
    await stage.add(ask(stage, REPLACE))
    (running,) = await stage.claim(await stage.node())
    async with peers(stage, 1) as (caller,), await psycopg.AsyncConnection.connect(stage.database.url) as user:
        await user.execute("select 1 from mainspring.hot_runs for update")
        given_back = asyncio.create_task(stage.settle(running, Released(Reason.NOT_STARTED)))
        await _all_wait(stage.database.url, 1)
        asking = asyncio.create_task(caller.runs.add(ask(caller, policy, params='"new"')))
        await _all_wait(stage.database.url, 2)
        await user.commit()
        assert await given_back is RunState.PENDING
        assert await asking == Added(running.id, False, LOSERS[policy])
    assert (await stage.get(running.id)).params == '"new"'


@on_both
@pytest.mark.failure(17)
async def test_at_the_instant_of_expiry_one_gets_the_key(stage: Stage, kind: Kind) -> None:
    rng = random.Random(SEED)
    node = await stage.node()
    async with peers(stage, 6) as callers:
        for _ in range(6):
            runs = [ask(peer, ONCE, window=WINDOW) for peer in callers for _ in range(3)]
            rng.shuffle(runs)
            answers = await asyncio.gather(
                *(callers[n % 6].runs.add(run) for n, run in enumerate(runs)), *(peer.runs.dedupe.sweep() for peer in callers)
            )
            added = [answer for answer in answers if isinstance(answer, Added)]
            (winner,) = {answer.id for answer in added}
            assert Counter(answer.how for answer in added) == {How.NEW: 1, How.EXISTING: 17}
            stage.added.add(winner)
            await stage.complete(*await stage.claim(node))
            await stage.clock.advance(30)  # exactly


@on_both
@pytest.mark.failure(18)
@pytest.mark.parametrize("policy", list(DedupePolicy))
async def test_overlapping_batches_in_opposite_order_do_not_deadlock(stage: Stage, kind: Kind, policy: DedupePolicy) -> None:
    async with peers(stage, 4) as callers:
        for turn in range(5):
            keys = [f"{turn}-{n}" for n in range(60)]

            async def enqueue(peer: Stage, keys: list[str]) -> list[Added]:
                return await peer.add(*(ask(peer, policy, key=key) for key in keys))

            orders = [keys, keys[::-1], keys[30:] + keys[:30], keys[10:50]]
            answers = await asyncio.gather(*(enqueue(peer, order) for peer, order in zip(callers, orders, strict=True)))
            won: dict[str, set[str]] = {}
            for order, added in zip(orders, answers, strict=True):
                for key, answer in zip(order, added, strict=True):
                    won.setdefault(key, set()).add(answer.id)
            assert all(len(ids) == 1 for ids in won.values())
            assert Counter(answer.how for added in answers for answer in added) == {How.NEW: 60, LOSERS[policy]: 160}


@on_postgres
@pytest.mark.failure(18)
@pytest.mark.parametrize("policy", [REPLACE, DEBOUNCE])
async def test_a_batch_whose_look_is_old_does_not_hold_a_run_that_has_begun_while_it_waits_for_a_key(
    stage: Stage, kind: Kind, policy: DedupePolicy, caplog: pytest.LogCaptureFixture
) -> None:
    """What was claimed after its snapshot is locked all the same; the node that ends it has just let go of a key that the batch wants."""
    assert isinstance(stage.database, PostgresDatabase)
    (old,) = await stage.add(ask(stage, REPLACE, key="old"))
    async with (
        slow_reader(stage) as (slow, gate),
        await psycopg.AsyncConnection.connect(stage.database.url) as owner,
    ):
        asked = [ask(slow, policy, key="old"), ask(slow, policy, key="new")]
        batch = asyncio.create_task(slow.runs.add_many(asked))
        await _all_wait(stage.database.url, 1)  # it has its snapshot: "old" waits, and "new" there is not
        (new,) = await stage.add(ask(stage, REPLACE, key="new"))
        by_id = {run.id: run for run in await stage.claim(await stage.node())}
        # The node's batch of completions, stopped between its first row and its second.
        await finish(owner, stage, by_id[new.id])
        await gate.execute("select pg_advisory_unlock_all()")
        await _all_wait(stage.database.url, 1)  # for the key of the run that is being finished
        await finish(owner, stage, by_id[old.id])
        await owner.commit()
        answers = await batch
    assert [answer.how for answer in answers] == [How.NEW, How.NEW]
    stage.added |= {answer.id for answer in answers}
    assert {(await stage.get(run_id)).state for run_id in by_id} == {RunState.COMPLETED}
    assert "has undone" not in caplog.text  # the second line of defence was not needed


@on_postgres
async def test_a_batch_takes_two_statements_only_where_it_changes_and_adds(
    stage: Stage, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    write = stage.database.write

    async def counting(query: str, /, **values: Any) -> Any:
        asked.append(query)
        return await write(query, **values)

    monkeypatch.setattr(stage.database, "write", counting)
    for keys, new, statements in (("abcdef", 6, 1), ("abcdef", 0, 1), ("efghij", 4, 2)):
        answers = await stage.add(*(ask(stage, REPLACE, key=key) for key in keys))
        assert Counter(answer.how for answer in answers) == Counter({How.NEW: new, How.REPLACED: 6 - new})
        assert asked == ["dedupe_add"] * statements
        asked.clear()


@on_both
@pytest.mark.failure(18)
@pytest.mark.scenario("X3", part="dedupe")
async def test_replacing_claiming_finishing_and_retrying_all_at_once(stage: Stage, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """Every ask is either a run of its own or changed one that waited; each run is carried out once; nobody waits in a circle."""
    rng = random.Random(SEED)
    keys = [f"k{n}" for n in range(25)]
    answers: list[Added] = []
    executed: Counter[str] = Counter()
    last_words: dict[str, str] = {}
    is_over = False

    async def enqueue(peer: Stage, me: int) -> None:
        for turn in range(20):
            batch = [ask(peer, REPLACE, key=key, params=f'"{me}-{turn}"') for key in rng.sample(keys, 12)]
            answers.extend(await peer.add(*batch))

    async def work(peer: Stage) -> None:
        node = await peer.node()
        while True:
            idle = is_over
            claimed = await peer.claim(node, 9)
            rng.shuffle(claimed)
            executed.update(run.id for run in claimed)
            last_words.update({run.id: run.params for run in claimed})
            assert await peer.complete(*claimed) == {run.id for run in claimed}
            if idle and not claimed:
                return

    async with peers(stage, 7) as (*callers, first, second, third):
        workers = [asyncio.create_task(work(peer)) for peer in (first, second, third)]
        await asyncio.gather(*(enqueue(peer, n) for n, peer in enumerate(callers)))
        is_over = True
        await asyncio.gather(*workers)
    made = [answer.id for answer in answers if answer.how is How.NEW]
    assert {answer.how for answer in answers} == {How.NEW, How.REPLACED} and len(answers) == 4 * 20 * 12
    assert executed == Counter(dict.fromkeys(made, 1))
    for run in await stage.runs.page(n=1000, scope=EVERYTHING):
        assert run.state is RunState.COMPLETED and run.params == last_words[run.id]
    facts = await stage.sql("select count(*) as n from mainspring.events where kind = 11")
    assert facts[0]["n"] == len(answers) - len(made)
    assert "has undone" not in caplog.text  # a deadlock would be run again, and heard of nowhere else


@on_both
@pytest.mark.scenario("I4", part="claims in between")
async def test_a_replacement_and_a_claim_of_the_same_run(stage: Stage, kind: Kind) -> None:
    """Either the claim has the new words, or it has the old ones and a follower has the new: they are never lost."""
    node = await stage.node()
    async with peers(stage, 2) as (caller, worker):
        for turn in range(40):
            await stage.add(ask(stage, REPLACE, params='"old"'))
            (answer,), claimed = await asyncio.gather(caller.add(ask(caller, REPLACE, params='"new"')), worker.claim(node))
            rest = await worker.claim(node)
            told = [run.params for run in [*claimed, *rest]]
            assert told == (['"new"'] if answer.how is How.REPLACED else ['"old"', '"new"']), turn
            assert len(await _completed(worker, [*claimed, *rest])) == len(told)
            await stage.clock.advance(1)


async def _completed(stage: Stage, runs: list[ClaimedRun]) -> set[str]:
    return await stage.complete(*runs)


@on_postgres
async def test_a_holder_that_appears_between_look_and_gate_is_the_answer_and_the_ledger_says_so(stage: Stage, kind: Kind) -> None:
    """The gate of `once` was passed when another's run turned up in the key: the ledger is put right, and holds for later calls."""
    assert isinstance(stage.database, PostgresDatabase)
    async with peers(stage, 1) as (caller,), await psycopg.AsyncConnection.connect(stage.database.url) as user:
        mine = ask(stage, EXISTING)
        await write(user, stage, mine)
        waiting = asyncio.create_task(caller.runs.add(ask(caller, ONCE, window=WINDOW)))
        await _all_wait(stage.database.url, 1)
        await user.commit()
        assert await waiting == Added(mine.id, False)
    stage.added.add(mine.id)
    (row,) = await stage.sql("select run_id from mainspring.dedupe")
    assert row["run_id"] == mine.id
    await stage.complete(*await stage.claim(await stage.node()))
    assert await stage.add(ask(stage, ONCE, window=timedelta(days=1))) == [Added(mine.id, False)]
