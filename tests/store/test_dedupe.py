"""Dedupe policies on every database: who wins, what the loser hears, and what is left behind, in every state of the run that is there."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import LONGEST_WAIT, DedupePolicy, How
from mainspring.core.errors import Conflict, StoreUnavailable
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import PoolKind, Priority, Retry
from mainspring.core.run import Added, ClaimedRun, Failed, Lost, NewRun, Released
from mainspring.core.state import RunState
from mainspring.store import dedupe
from mainspring.store.sqlite import SqliteDatabase
from tests.store.harness import Kind, Stage

EXISTING, REJECT, REPLACE, DEBOUNCE, ONCE = DedupePolicy
SECOND = timedelta(seconds=1)
WINDOW = 30 * SECOND
WAITING = ("queued", "scheduled", "limited", "waits for a retry", "blocked")
FINISHED = ("succeeded", "failed", "dead", "cancelled")


def ask(stage: Stage, policy: DedupePolicy, **fields: Any) -> NewRun:
    """Return a run with the key that all tests here are about."""
    window = fields.pop("window", WINDOW if policy is DEBOUNCE else None)
    return stage.new(key=fields.pop("key", "k"), dedupe=policy, window=window, **fields)


async def add(stage: Stage, policy: DedupePolicy, **fields: Any) -> Added:
    (answer,) = await stage.add(ask(stage, policy, **fields))
    return answer


async def bring(stage: Stage, state: str, policy: DedupePolicy = EXISTING, **fields: Any) -> tuple[str, ClaimedRun | None]:
    """Bring a run with the key to a state; answers its id, and the claim of one that has begun."""
    waits: dict[str, dict[str, Any]] = {"scheduled": {"delay": 3600 * SECOND}, "limited": {"limit_task": "task:t"}}
    run_id = (await add(stage, policy, **waits.get(state, {}), **fields)).id
    if state in ("queued", "scheduled", "limited"):
        return run_id, None
    if policy is DEBOUNCE:
        await stage.clock.advance(31)
        await stage.runs.promote()
    if state == "cancelled":
        await stage.runs.cancel([run_id])
        return run_id, None
    (claimed,) = await stage.claim(await stage.node())
    assert claimed.id == run_id
    if state == "succeeded":
        await stage.complete(claimed)
    elif state == "failed":
        await stage.settle(claimed, Failed({"type": "E"}, is_terminal=True))
    elif state == "dead":
        await stage.settle(claimed, Lost("lost", {}, is_alone=True))
    elif state == "waits for a retry":
        await stage.settle(claimed, Failed({"type": "E"}), Retry(delay=60 * SECOND, jitter=False))
    elif state == "blocked":
        await stage.settle(claimed, Released("no capable node"))
    else:
        assert state == "running"
    return run_id, claimed


# -- every policy against every state


@pytest.mark.scenario("I2", part="the answers")
@pytest.mark.scenario("I3", part="return existing, reject")
@pytest.mark.parametrize("state", [*WAITING, "running"])
async def test_an_unfinished_run_is_the_answer_and_stays_as_it_is(stage: Stage, state: str) -> None:
    run_id, _ = await bring(stage, state)
    before = await stage.get(run_id)
    assert await add(stage, EXISTING, params='{"n":2}') == Added(run_id, False, How.EXISTING)
    assert await add(stage, REJECT, params='{"n":2}') == Added(run_id, False, How.REJECTED, before.state)
    assert await add(stage, ONCE, params='{"n":2}') == Added(run_id, False, How.EXISTING)
    assert await stage.get(run_id) == before


@pytest.mark.scenario("I3", part="finished runs")
@pytest.mark.parametrize("state", FINISHED)
@pytest.mark.parametrize("policy", [EXISTING, REJECT, REPLACE, DEBOUNCE])
async def test_a_finished_run_holds_no_key(stage: Stage, policy: DedupePolicy, state: str) -> None:
    run_id, _ = await bring(stage, state, policy, max_rescues=1)
    before = await stage.get(run_id)
    assert before.is_final
    again = await add(stage, policy)
    assert (again.is_new, again.how, again.id == run_id) == (True, How.NEW, False)
    assert await stage.get(run_id) == before


@pytest.mark.scenario("I3", part="replace queued")
@pytest.mark.scenario("K4", part="dedupe replace")
@pytest.mark.parametrize("state", WAITING)
async def test_replace_gives_a_waiting_run_new_words_in_one_write(stage: Stage, state: str) -> None:
    run_id, _ = await bring(stage, state, REPLACE, params='{"n":1}', label="old", max_retries=5)
    before = await stage.get(run_id)
    new = ask(stage, REPLACE, params='{"n":2}', label="new", priority=Priority.HIGH, queue="fast", max_retries=1, actor="ada", origin="cli")
    assert await stage.add(new) == [Added(run_id, False, How.REPLACED)]
    after = await stage.get(run_id)
    assert (after.params, after.label, after.priority, after.queue, after.max_retries) == ('{"n":2}', "new", Priority.HIGH, "fast", 1)
    assert (after.actor, after.origin, after.key, after.retries, after.rescues) == ("ada", "cli", "k", 0, 0)
    assert (after.created_at, after.attempt, after.seq) == (before.created_at, before.attempt, before.seq + 1)
    fact = (await stage.store.events.after(run_id, scope=EVERYTHING))[-1]
    assert (str(fact.kind), fact.data) == ("replaced", {"policy": "replace", "by": new.id, "actor": "ada", "origin": "cli"})
    if state == "blocked":
        assert after.state is RunState.BLOCKED  # a new word makes no node capable
        await stage.runs.unblock_known(["t"])
    (claimed,) = await stage.claim(await stage.node())
    assert (claimed.id, claimed.params, claimed.queue) == (run_id, '{"n":2}', "fast")
    assert len(await stage.runs.page(scope=EVERYTHING)) == 1


@pytest.mark.scenario("I4")
@pytest.mark.scenario("I3", part="while it runs")
@pytest.mark.parametrize("policy", [REPLACE, DEBOUNCE])
async def test_a_run_that_has_begun_is_left_alone_and_one_follows_it(stage: Stage, policy: DedupePolicy) -> None:
    run_id, claimed = await bring(stage, "running", policy, params='{"n":1}')
    assert claimed is not None
    before = await stage.get(run_id)
    first = await add(stage, policy, params='{"n":2}')
    assert (first.is_new, first.how) == (True, How.NEW)
    held = await stage.get(run_id)
    assert (held.state, held.attempt, held.params, held.started_at) == (RunState.RUNNING, 1, '{"n":1}', before.started_at)
    fact = (await stage.store.events.after(run_id, scope=EVERYTHING))[-1]
    assert (str(fact.kind), fact.data) == ("superseded", {"key": "k", "by": first.id})
    for n in (3, 4):  # there is one follower, whoever asks
        assert await add(stage, policy, params=f'{{"n":{n}}}') == Added(
            first.id, False, How.REPLACED if policy is REPLACE else How.DEBOUNCED
        )
    assert await add(stage, EXISTING) == Added(first.id, False)
    assert await stage.complete(claimed) == {run_id}  # the claim still holds: one delivery
    assert (await stage.get(run_id)).attempt == 1
    await stage.clock.advance(31)
    await stage.runs.promote()
    (follower,) = await stage.claim(await stage.node())
    assert (follower.id, follower.params) == (first.id, '{"n":4}')


@pytest.mark.scenario("I4", part="same id")
@pytest.mark.parametrize("policy", list(DedupePolicy))
async def test_nothing_re_arms_a_running_run(stage: Stage, policy: DedupePolicy) -> None:
    new = ask(stage, policy)
    await stage.add(new)
    await stage.clock.advance(31)
    await stage.runs.promote()
    (claimed,) = await stage.claim(await stage.node())
    before = await stage.get(new.id)
    assert await stage.runs.add(new) == await stage.runs.add_again(new) == Added(new.id, False)
    assert await stage.get(new.id) == before
    assert await stage.complete(claimed) == {new.id}
    assert await stage.runs.add_again(new) == Added(new.id, False)
    assert (await stage.get(new.id)).attempt == 1


async def test_a_run_that_handed_its_key_over_goes_on_to_its_own_end(stage: Stage) -> None:
    """Its retries are its own affair: it is put back without a key, and meets nobody."""
    run_id, claimed = await bring(stage, "running", REPLACE)
    assert claimed is not None
    follower = await add(stage, REPLACE)
    assert await stage.settle(claimed, Failed({"type": "E"})) is RunState.PENDING
    assert await add(stage, REPLACE) == Added(follower.id, False, How.REPLACED)
    assert {run.id for run in await stage.claim(await stage.node())} == {follower.id}
    await stage.clock.advance(5)
    await stage.runs.promote()
    (again,) = await stage.claim(await stage.node())
    assert (again.id, again.attempt) == (run_id, 2)


async def test_the_enqueue_of_a_run_that_handed_its_key_over_is_still_its_own(stage: Stage) -> None:
    new = ask(stage, EXISTING)
    await stage.add(new)
    await stage.claim(await stage.node())
    follower = await add(stage, REPLACE)
    assert await stage.runs.add(new) == await stage.runs.add_again(new) == Added(new.id, False)
    assert await add(stage, EXISTING) == Added(follower.id, False)


# -- replace, to the letter


async def test_who_is_replaced_in_its_line_keeps_its_turn(stage: Stage) -> None:
    """Or a key that is asked for faster than the queue moves would never come to run."""
    first = await add(stage, REPLACE)
    await stage.clock.advance(1)
    (second,) = await stage.add_new()
    await stage.clock.advance(1)
    assert await add(stage, REPLACE) == Added(first.id, False, How.REPLACED)
    assert [run.id for run in await stage.claim(await stage.node())] == [first.id, second]


async def test_replace_moves_between_time_line_and_limit(stage: Stage) -> None:
    async def look() -> tuple[int, str | None, bool]:
        (row,) = await stage.sql("select state, waits_for, ready_at from mainspring.hot_runs")
        return row["state"], row["waits_for"], row["ready_at"] is not None

    await add(stage, REPLACE)
    seen = [await look()]
    for fields in (
        {"delay": 60 * SECOND},
        {"limit_key": "key::a"},
        {"limit_key": "key::a"},
        {"limit_queue": "queue:b"},
        {"delay": SECOND},
        {},
    ):
        await add(stage, REPLACE, **fields)
        seen.append(await look())
    ready, timed = (3, None, True), (2, None, False)
    assert seen == [ready, timed, (0, "key::a", False), (0, "key::a", False), (0, "queue:b", False), timed, ready]


async def test_a_limit_that_let_a_run_go_is_not_asked_again_for_its_new_words(stage: Stage) -> None:
    run = await add(stage, REPLACE, limit_task="task:t")
    await stage.sql(f"update mainspring.hot_runs set state = 3, waits_for = null, ready_at = {_now(stage)} where id = '{run.id}'")
    await add(stage, REPLACE, limit_task="task:t", params='{"n":2}')
    assert [each.params for each in await stage.claim(await stage.node())] == ['{"n":2}']


def _now(stage: Stage) -> str:
    return "public.manual_now()" if stage.kind == "postgres" else str(stage.clock.read())


async def test_replace_sets_timeout_deadline_and_budget_anew(stage: Stage) -> None:
    run = await add(stage, REPLACE, deadline=10 * SECOND)
    await stage.clock.advance(9)
    await add(stage, REPLACE, deadline=10 * SECOND, timeout=7 * SECOND, is_repeatable=False, pool=PoolKind.DEF)
    await stage.clock.advance(9)
    (claimed,) = await stage.claim(await stage.node())
    assert (claimed.id, claimed.timeout_ms, claimed.is_repeatable, claimed.pool) == (run.id, 7000, False, PoolKind.DEF)


async def test_doubles_within_a_batch_come_one_after_the_other(stage: Stage) -> None:
    runs = [ask(stage, REPLACE, params=f'{{"n":{n}}}', key=key) for n, key in enumerate("abaab")]
    answers = await stage.add(*runs)
    assert [answer.how for answer in answers] == [How.NEW, How.NEW, How.REPLACED, How.REPLACED, How.REPLACED]
    assert [answer.id for answer in answers] == [runs[0].id, runs[1].id, runs[0].id, runs[0].id, runs[1].id]
    assert [(await stage.get(runs[n].id)).params for n in (0, 1)] == ['{"n":3}', '{"n":4}']
    rejected = await stage.add(*(ask(stage, REJECT, key="c") for _ in range(3)))
    assert [answer.how for answer in rejected] == [How.NEW, How.REJECTED, How.REJECTED]


async def test_policies_and_plain_runs_share_a_batch(stage: Stage) -> None:
    runs = [stage.new(), ask(stage, ONCE, key="o"), stage.new(key="e"), ask(stage, DEBOUNCE, key="d"), stage.new(limit_task="task:t")]
    assert await stage.add(*runs) == [Added(run.id, True) for run in runs]
    answers = await asyncio.gather(*(stage.runs.add(ask(stage, run.dedupe, key=run.key)) for run in runs if run.key is not None))
    assert answers == [
        Added(runs[1].id, False), Added(runs[2].id, False), Added(runs[3].id, False, How.DEBOUNCED),
    ]  # fmt: skip


async def test_a_key_belongs_to_its_task_and_tenant_whatever_the_policy(stage: Stage) -> None:
    for policy in DedupePolicy:
        key = f"k-{policy}"
        others: tuple[dict[str, Any], ...] = ({}, {"task": "b"}, {"tenant": "x"}, {"key": key.upper()})
        runs = [ask(stage, policy, **{"key": key} | fields) for fields in others]
        assert all(answer.how is How.NEW for answer in await stage.add(*runs))


async def test_a_key_with_odd_characters_is_a_key(stage: Stage) -> None:
    key = 'ä"\\{} \N{PILE OF POO}\t'
    first = await add(stage, REPLACE, key=key)
    assert await add(stage, REPLACE, key=key) == Added(first.id, False, How.REPLACED)
    (claimed,) = await stage.claim(await stage.node())
    follower = await add(stage, REPLACE, key=key)
    assert (await stage.store.events.after(claimed.id, scope=EVERYTHING))[-1].data == {"key": key, "by": follower.id}


# -- debounce


@pytest.mark.scenario("I3", part="debounce")
@pytest.mark.scenario("K4", part="dedupe debounce, window")
async def test_debounce_starts_when_nobody_has_asked_for_the_window(stage: Stage) -> None:
    first = await add(stage, DEBOUNCE, params='{"n":0}')
    assert first.how is How.NEW
    for n in range(1, 4):
        await stage.clock.advance(29)
        await stage.runs.promote()
        assert await stage.claim(await stage.node()) == []
        assert await add(stage, DEBOUNCE, params=f'{{"n":{n}}}') == Added(first.id, False, How.DEBOUNCED)
        assert (await stage.get(first.id)).run_at == stage.clock.now + WINDOW
    await stage.clock.advance(30)
    await stage.runs.promote()
    (claimed,) = await stage.claim(await stage.node())
    assert (claimed.id, claimed.params) == (first.id, '{"n":3}')
    assert (await stage.kinds(first.id)).count("replaced") == 3


async def test_debounce_starts_after_ten_windows_however_often_somebody_asks(stage: Stage) -> None:
    first = await add(stage, DEBOUNCE)
    began = stage.clock.now
    while not await stage.claim(await stage.node()):
        await stage.clock.advance(10)
        assert (await add(stage, DEBOUNCE)).how is How.DEBOUNCED
        await stage.runs.promote()
    assert stage.clock.now == began + LONGEST_WAIT * WINDOW
    assert (await add(stage, DEBOUNCE)).id != first.id


async def test_debounce_never_starts_before_the_time_that_a_call_asks_for(stage: Stage) -> None:
    late = stage.clock.now + timedelta(hours=2)
    first = await add(stage, DEBOUNCE, run_at=late)
    assert (await stage.get(first.id)).run_at == late
    await add(stage, DEBOUNCE, delay=timedelta(hours=3))
    assert (await stage.get(first.id)).run_at == stage.clock.now + timedelta(hours=3)


# -- once


@pytest.mark.scenario("I3", part="once ever")
@pytest.mark.scenario("S3-30", part="store")
@pytest.mark.scenario("K4", part="dedupe once")
@pytest.mark.parametrize("state", [*WAITING, "running", *FINISHED])
@pytest.mark.parametrize("window", [None, 3600 * SECOND])
async def test_once_counts_finished_runs_too(stage: Stage, state: str, window: timedelta | None) -> None:
    run_id, _ = await bring(stage, state, ONCE, window=window, max_rescues=1)
    before = await stage.get(run_id)
    assert before.is_final == (state in FINISHED)
    await stage.clock.advance(3599)
    for _ in range(2):
        assert await add(stage, ONCE, window=window) == Added(run_id, False, How.EXISTING)
    assert await stage.get(run_id) == before
    await stage.clock.advance(1)
    late = await add(stage, ONCE, window=window)
    assert late.is_new == (window is not None and before.is_final)


async def test_once_remembers_a_run_that_others_had_enqueued(stage: Stage) -> None:
    """Whoever was told that it is this run is told so again when it has finished."""
    run_id, claimed = await bring(stage, "running")
    assert claimed is not None
    assert await add(stage, ONCE) == Added(run_id, False)
    await stage.complete(claimed)
    assert await add(stage, ONCE) == Added(run_id, False)
    assert (await add(stage, EXISTING)).is_new  # who does not ask for once is not bound by it


async def test_a_window_that_is_over_frees_no_key_of_an_unfinished_run(stage: Stage) -> None:
    run_id, claimed = await bring(stage, "running", ONCE, window=WINDOW)
    assert claimed is not None
    await stage.clock.advance(60)
    assert await add(stage, ONCE, window=WINDOW) == Added(run_id, False)
    await stage.complete(claimed)
    assert (await add(stage, ONCE, window=WINDOW)).is_new


@pytest.mark.failure(17)
async def test_a_key_is_free_at_the_instant_of_its_expiry_and_not_before(stage: Stage) -> None:
    first = await add(stage, ONCE, window=WINDOW)
    (claimed,) = await stage.claim(await stage.node())
    await stage.complete(claimed)
    await stage.clock.advance(29.999999)
    assert await add(stage, ONCE, window=WINDOW) == Added(first.id, False)
    await stage.clock.advance(0.000001)
    runs = [ask(stage, ONCE, window=WINDOW) for _ in range(10)]
    answers = await asyncio.gather(*(stage.runs.add(run) for run in runs))
    stage.added |= {answer.id for answer in answers}
    (winner,) = {answer.id for answer in answers}
    assert winner in {run.id for run in runs} and [answer.is_new for answer in answers].count(True) == 1


@pytest.mark.scenario("I3", part="once ever, retention")
async def test_expired_keys_are_swept_and_others_stay(stage: Stage) -> None:
    for key, window in (("short", SECOND), ("long", 60 * SECOND), ("ever", None)):
        await add(stage, ONCE, key=key, window=window)
    replaced = await add(stage, REPLACE)
    await add(stage, REPLACE)
    assert await stage.runs.dedupe.sweep() == 0
    await stage.clock.advance(1)
    assert await stage.runs.dedupe.sweep() == 1
    assert await _keys(stage) == ["ever", "long"]
    assert [row["run_id"] for row in await stage.sql("select run_id from mainspring.dedupe_requests")] == [replaced.id]
    await stage.clock.advance(3600)
    assert await stage.runs.dedupe.sweep() == 1
    assert await _keys(stage) == ["ever"]
    assert await stage.sql("select * from mainspring.dedupe_requests") == []


async def _keys(stage: Stage) -> list[str]:
    return [row["key"] for row in await stage.sql("select key from mainspring.dedupe order by key")]


async def test_a_sweep_takes_as_many_steps_as_it_needs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedupe, "SWEPT_TOGETHER", 3)
    await stage.add(*(ask(stage, ONCE, key=f"k{n}", window=SECOND) for n in range(10)))
    await stage.clock.advance(1)
    assert await stage.runs.dedupe.sweep() == 10
    assert await _keys(stage) == []


@pytest.mark.parametrize("policy", [EXISTING, ONCE])
async def test_a_retry_by_a_person_takes_the_place_of_the_run_that_it_repeats(stage: Stage, policy: DedupePolicy) -> None:
    run_id, _ = await bring(stage, "failed", policy)
    retry = stage.new(key="k", retry_of=run_id)
    assert await stage.add(retry) == [Added(retry.id, True)]
    assert await add(stage, policy) == Added(retry.id, False)
    (claimed,) = await stage.claim(await stage.node())
    await stage.complete(claimed)
    again = await add(stage, policy)
    assert again == (Added(retry.id, False) if policy is ONCE else Added(again.id, True))


async def test_a_retry_finds_an_unfinished_run_of_its_key(stage: Stage) -> None:
    old, _ = await bring(stage, "failed")
    held = await add(stage, EXISTING)
    assert await stage.add(stage.new(key="k", retry_of=old)) == [Added(held.id, False)]
    assert await stage.add(ask(stage, REJECT, retry_of=old)) == [Added(held.id, False, How.REJECTED, RunState.PENDING)]


# -- answers that were lost


class _Lost:
    """The store's connection dies right after its next commit."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.write, self.is_armed = stage.database.write, True
        monkeypatch.setattr(stage.database, "write", self)

    async def __call__(self, query: str, /, **values: Any) -> Any:
        rows = await self.write(query, **values)
        if self.is_armed and query in ("runs_add", "dedupe_add"):
            self.is_armed = False
            raise StoreUnavailable("the connection died after the commit")
        return rows


async def _twice(stage: Stage, new: NewRun, monkeypatch: pytest.MonkeyPatch, between: Any = None) -> Added:
    """Enqueue, lose the answer, let something happen, and ask again as the app does."""
    with monkeypatch.context() as patched:
        _Lost(stage, patched)
        with pytest.raises(StoreUnavailable):
            await stage.runs.add(new)
    if between is not None:
        await between()
    answer = await stage.runs.add_again(new)
    stage.added.add(answer.id)
    return answer


@pytest.mark.failure(2)
@pytest.mark.scenario("X2", part="enqueue by every policy")
@pytest.mark.parametrize("fate", ["waits", "runs", "has finished", "its key went on"])
@pytest.mark.parametrize("policy", list(DedupePolicy))
async def test_a_lost_answer_of_a_new_run_is_heard_the_second_time(
    stage: Stage, policy: DedupePolicy, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = ask(stage, policy)

    async def live() -> None:
        if fate == "waits":
            return
        await stage.clock.advance(31)
        await stage.runs.promote()
        (claimed,) = await stage.claim(await stage.node())
        if fate != "runs":
            await stage.complete(claimed)
        if fate == "its key went on":
            await stage.add(stage.new(key="k"))

    assert (await _twice(stage, new, monkeypatch, live)).id == new.id
    assert len(await stage.runs.page(scope=EVERYTHING)) == (2 if fate == "its key went on" else 1)


@pytest.mark.failure(2)
@pytest.mark.parametrize("fate", ["waits", "runs", "has finished", "was replaced again"])
@pytest.mark.parametrize("policy", [REPLACE, DEBOUNCE])
async def test_a_lost_answer_of_a_replacement_is_heard_the_second_time(
    stage: Stage, policy: DedupePolicy, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is done once: what runs or has run with the new words is not followed by another run with the same."""
    first = await add(stage, policy, params='{"n":1}')

    async def live() -> None:
        if fate == "was replaced again":
            await add(stage, policy, params='{"n":3}')
        if fate in ("runs", "has finished"):
            await stage.clock.advance(31)
            await stage.runs.promote()
            (claimed,) = await stage.claim(await stage.node())
            assert claimed.params == '{"n":2}'
            if fate == "has finished":
                await stage.complete(claimed)

    answer = await _twice(stage, ask(stage, policy, params='{"n":2}'), monkeypatch, live)
    assert answer == Added(first.id, False, How.REPLACED if policy is REPLACE else How.DEBOUNCED)
    (run,) = await stage.runs.page(scope=EVERYTHING)
    assert run.params == ('{"n":3}' if fate == "was replaced again" else '{"n":2}')


@pytest.mark.failure(2)
@pytest.mark.parametrize("policy", [REPLACE, DEBOUNCE])
async def test_a_lost_answer_of_a_follower_makes_no_second_one(stage: Stage, policy: DedupePolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, claimed = await bring(stage, "running", policy)
    assert claimed is not None
    new = ask(stage, policy)
    assert (await _twice(stage, new, monkeypatch, lambda: stage.complete(claimed))).id == new.id
    assert {run.id for run in await stage.runs.page(scope=EVERYTHING)} == {run_id, new.id}


@pytest.mark.failure(2)
async def test_a_lost_answer_of_a_refusal_tells_the_truth_of_the_second_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, claimed = await bring(stage, "running", ONCE, window=WINDOW)
    assert claimed is not None
    assert await _twice(stage, ask(stage, REJECT), monkeypatch) == Added(run_id, False, How.REJECTED, RunState.RUNNING)
    assert await _twice(stage, ask(stage, ONCE), monkeypatch, lambda: stage.complete(claimed)) == Added(run_id, False)
    new = ask(stage, REJECT)
    assert await _twice(stage, new, monkeypatch) == Added(new.id, False)  # the holder has finished: this one was added


async def test_a_key_at_which_too_much_happens_is_a_conflict(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    write, asked = stage.database.write, []

    async def blind(query: str, /, **values: Any) -> Any:
        asked.append(json.loads(values["batch"]))
        return [(row[0], None, None, None) for row in await write(query, **values)]

    run = ask(stage, REPLACE)
    stage.added.add(run.id)
    with monkeypatch.context() as patched:
        patched.setattr(stage.database, "write", blind)
        with pytest.raises(Conflict, match="key 'k'"):
            await stage.runs.dedupe.add([(run, stage.runs.many_values(run))], is_repeated=False)
    assert len(asked) == 1 + dedupe.AGAIN


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_policy_that_fails_half_way_leaves_nothing_behind(stage: Stage, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite one enqueue is several statements in one transaction: each may be the last that the disk took."""
    import sqlite3

    from mainspring.core.errors import StoreError
    from mainspring.store import sqlite

    assert isinstance(stage.database, SqliteDatabase)
    await add(stage, REPLACE, key="waits")
    await add(stage, REPLACE, key="runs", queue="other")
    node = await stage.node()
    lanes = [lane for lane in await stage.lanes() if lane.queue == "other"]
    (running,) = await stage.runs.claim(node, make_claim_id(), lanes, 1, SECOND)
    batch = [ask(stage, REPLACE, key="waits"), ask(stage, REPLACE, key="runs"), ask(stage, ONCE, key="new")]
    tables = ("hot_runs", "events", "dedupe", "dedupe_requests")

    async def everything() -> list[Any]:
        return [await stage.sql(f"select * from mainspring.{table}") for table in tables]

    before = await everything()
    statements = stage.database.query("dedupe_add").statements
    for last in range(len(statements)):

        def failing(connection: sqlite3.Connection, query: Any, values: Any, last: int = last) -> Any:
            for statement in query.statements[: last + 1]:
                connection.execute(statement, values)
            raise sqlite3.OperationalError("injected: disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(sqlite, "_run", failing)
            with pytest.raises(StoreError):
                await stage.add(*batch)
        assert await everything() == before
    assert [answer.how for answer in await stage.add(*batch)] == [How.REPLACED, How.NEW, How.NEW]
    assert await stage.complete(running) == {running.id}
