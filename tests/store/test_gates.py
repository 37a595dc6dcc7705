"""Gates: who may go while others of its key are active, and who waits for another task."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import DedupePolicy
from mainspring.core.dependency import Dependency, dump_dependencies
from mainspring.core.event import EventKind
from mainspring.core.limit import Maximum, own_key, task_key
from mainspring.core.overlap import Overlap, overlap_key, parse_overlap
from mainspring.core.run import Completed, Failed, Lost, Skipped, Snoozed
from mainspring.core.state import RunState
from mainspring.store.gates import Answers
from tests.store.harness import Stage

KEY = overlap_key("t", "")


def gated(policy: str | Overlap, **fields: Any) -> dict[str, Any]:
    """Return the fields of a run whose task says this about overlaps."""
    overlap = parse_overlap(policy)
    key = overlap_key(fields.get("task", "t"), fields.get("tenant", ""))
    return {"overlap": overlap, "is_asked": overlap.is_gate, "overlap_key": key, **fields}


async def ask(stage: Stage, *, is_full: bool = False) -> Answers:
    """Ask whoever is due, once, as a gatekeeper does, without its cancels."""
    look = await stage.store.gates.look(is_full=is_full)
    return await stage.store.gates.ask(look.keys)


async def add(stage: Stage, policy: str | Overlap, n: int = 1, **fields: Any) -> list[str]:
    ids = []
    for _ in range(n):
        await stage.clock.advance(0.001)  # ids of one moment have no order
        ids += await stage.add_new(**gated(policy, **fields))
    return ids


async def start(stage: Stage, policy: str, **fields: Any) -> Any:
    """Add a run, let it through and claim it."""
    [run_id] = await add(stage, policy, **fields)
    answers = await ask(stage)
    assert answers.passed == (run_id,)
    [run] = [run for run in await stage.claim(await stage.node()) if run.id == run_id]
    return run


async def states(stage: Stage, ids: list[str]) -> list[tuple[str, str | None]]:
    runs = await stage.runs.get_many(ids, scope=EVERYTHING)
    return [(str(runs[id_].state), runs[id_].reason) for id_ in ids]


async def test_a_gated_run_is_neither_ready_nor_promoted_before_it_is_asked(stage: Stage) -> None:
    [first] = await add(stage, "skip")
    await stage.clock.advance(1)
    assert not await stage.runs.promote()
    assert await stage.runs.next_due() is None
    assert not await stage.runs.lanes()
    answers = await ask(stage)
    assert answers.passed == (first,)
    assert [lane.queue for lane in answers.lanes] == ["default"]
    assert [run.id for run in await stage.claim(await stage.node())] == [first]
    assert await ask(stage) == Answers()


async def test_skip_ends_what_is_due_beside_an_active_run_and_says_which(stage: Stage) -> None:
    active = await start(stage, "skip")
    later = await add(stage, "skip", 3)
    answers = await ask(stage)
    assert sorted(answers.skipped) == sorted(later)
    assert await states(stage, later) == [("skipped", "previous_instance_running")] * 3
    assert {(await stage.get(id_)).blocked_by for id_ in later} == {active.id}
    assert {(await stage.get(id_)).finished_at for id_ in later} == {stage.clock.now}
    assert (await stage.kinds(later[0]))[-1] == EventKind.SKIPPED
    await stage.complete(active)
    [next_one] = await add(stage, "skip")
    assert (await ask(stage)).passed == (next_one,)
    counted = await stage.sql("select sum(n) as n from mainspring.stats where state = 14")
    assert int(counted[0]["n"]) == 3


async def test_of_several_that_are_due_at_once_the_first_goes_and_is_in_the_others_way(stage: Stage) -> None:
    ids = await add(stage, "skip", 3)
    assert (await ask(stage)).passed == (ids[0],)
    assert (await stage.get(ids[2])).blocked_by == ids[0]


async def test_queue_holds_as_many_as_it_says_and_lets_them_go_in_order(stage: Stage) -> None:
    active = await start(stage, "queue:2")
    ids = await add(stage, "queue:2", 3)
    answers = await ask(stage)
    assert sorted(answers.blocked) == sorted(ids[:2])
    assert answers.skipped == (ids[2],)
    assert await states(stage, ids) == [("blocked", "overlap"), ("blocked", "overlap"), ("skipped", "overlap_queue_full")]
    assert (await stage.get(ids[0])).blocked_by == active.id
    assert await ask(stage) == Answers(), "whoever waits is not asked while the one in the way is there"
    for id_ in ids[:2]:
        await stage.complete(active)
        assert (await ask(stage)).passed == (id_,)
        [active] = await stage.claim(await stage.node())
        assert active.id == id_
    assert (await stage.kinds(ids[0]))[:3] == [EventKind.QUEUED, EventKind.BLOCKED, EventKind.UNBLOCKED]


async def test_the_one_behind_in_a_queue_is_told_who_is_in_the_way_now(stage: Stage) -> None:
    active = await start(stage, "queue:2")
    first, second = await add(stage, "queue:2", 2)
    await ask(stage)
    await stage.complete(active)
    answers = await ask(stage)
    assert (answers.passed, answers.blocked) == ((first,), (second,))
    assert (await stage.get(second)).blocked_by == first


async def test_replace_names_the_active_to_cancel_and_keeps_only_the_newest(stage: Stage) -> None:
    active = await start(stage, "replace")
    old, new = await add(stage, "replace", 2)
    answers = await ask(stage)
    assert answers.to_cancel == (active.id,)
    assert await states(stage, [old, new]) == [("skipped", "replaced"), ("blocked", "overlap")]
    assert (await stage.get(old)).blocked_by == new
    assert (await stage.get(new)).blocked_by == active.id
    [newest] = await add(stage, "replace")
    await ask(stage)
    assert await states(stage, [new, newest]) == [("skipped", "replaced"), ("blocked", "overlap")]
    stopped = await stage.runs.cancel([active.id], actor="overlap", reason="replaced")
    assert stopped[active.id].was_running
    assert (await ask(stage, is_full=True)).to_cancel == (), "asked once"
    await stage.settle(active, Failed({"kind": "execution"}))
    assert (await stage.get(active.id)).state is RunState.CANCELLED
    assert (await ask(stage)).passed == (newest,)


async def test_replace_while_the_active_run_ends_by_itself(stage: Stage) -> None:
    active = await start(stage, "replace")
    [new] = await add(stage, "replace")
    answers = await ask(stage)
    await stage.complete(active)
    assert await stage.runs.cancel(answers.to_cancel) == {}
    assert (await ask(stage)).passed == (new,)
    assert (await stage.get(active.id)).state is RunState.COMPLETED


async def test_replace_is_taken_up_by_another_gatekeeper_when_the_first_died_before_it_cancelled(stage: Stage) -> None:
    active = await start(stage, "replace")
    await add(stage, "replace")
    assert (await ask(stage)).to_cancel == (active.id,)
    assert (await ask(stage)).to_cancel == ()
    assert (await ask(stage, is_full=True)).to_cancel == (active.id,)


async def test_allow_lets_as_many_go_as_it_says(stage: Stage) -> None:
    ids = await add(stage, "allow:2", 3)
    answers = await ask(stage)
    assert sorted(answers.passed) == sorted(ids[:2])
    assert await states(stage, ids[2:]) == [("skipped", "previous_instance_running")]
    [first, _] = await stage.claim(await stage.node())
    await stage.complete(first)
    [another] = await add(stage, "allow:2")
    assert (await ask(stage)).passed == (another,)


async def test_allow_alone_is_no_gate(stage: Stage) -> None:
    ids = await add(stage, "allow", 3)
    assert len(await stage.claim(await stage.node())) == len(ids)


@pytest.mark.parametrize("outcome", [
    Failed({"kind": "execution"}),
    Snoozed(timedelta(minutes=1)),
    Lost("lost", {"kind": "crash"}, is_alone=True),
], ids=["retry", "snooze", "rescue"])  # fmt: skip
async def test_a_run_that_has_begun_stays_active_and_is_not_asked_again(stage: Stage, outcome: Any) -> None:
    active = await start(stage, "skip")
    assert await stage.settle(active, outcome) is RunState.PENDING
    [other] = await add(stage, "skip")
    assert (await ask(stage)).skipped == (other,)
    await stage.clock.advance(120)
    await stage.runs.promote()
    [again] = await stage.claim(await stage.node())
    assert again.id == active.id
    [other] = await add(stage, "skip")
    assert (await ask(stage)).skipped == (other,)
    await stage.settle(again, Completed())
    [other] = await add(stage, "skip")
    assert (await ask(stage)).passed == (other,)


async def test_a_run_that_passed_and_is_held_by_a_switch_is_active(stage: Stage) -> None:
    [first] = await add(stage, "skip")
    await ask(stage)
    await stage.store.switches.hold("t")
    [second] = await add(stage, "skip")
    assert (await ask(stage)).skipped == (second,)
    await stage.store.switches.free(["t"])
    assert [run.id for run in await stage.claim(await stage.node())] == [first]


async def test_a_delayed_run_is_asked_when_it_is_due(stage: Stage) -> None:
    active = await start(stage, "skip")
    [later] = await add(stage, "skip", delay=timedelta(minutes=5))
    assert await ask(stage) == Answers()
    look = await stage.store.gates.look(is_full=True)
    assert look.due is not None and 299 < look.due <= 300
    await stage.complete(active)
    await stage.clock.advance(301)
    assert (await ask(stage)).passed == (later,)


async def test_a_run_that_is_cancelled_while_it_waits_is_gone_and_says_who_was_in_the_way(stage: Stage) -> None:
    active = await start(stage, "queue")
    [waiting] = await add(stage, "queue")
    await ask(stage)
    await stage.runs.cancel([waiting], actor="ann")
    ended = await stage.get(waiting)
    assert (ended.state, ended.blocked_by) == (RunState.CANCELLED, active.id)
    await stage.complete(active)
    assert await ask(stage) == Answers()


async def test_a_deadline_ends_a_run_that_waits_at_the_gate(stage: Stage) -> None:
    await start(stage, "queue")
    [waiting] = await add(stage, "queue", deadline=timedelta(seconds=30))
    await ask(stage)
    await stage.clock.advance(31)
    assert await stage.runs.expire() == 1
    assert await states(stage, [waiting]) == [("timeout", "deadline")]


async def test_tenants_and_keys_do_not_meet(stage: Stage) -> None:
    await start(stage, "skip")
    [other] = await add(stage, "skip", tenant="acme")
    [own] = await add(stage, "skip", overlap_key=overlap_key("t", "", "repo"))
    assert sorted((await ask(stage)).passed) == sorted([other, own])


async def test_what_passes_and_has_a_limit_waits_for_it(stage: Stage) -> None:
    key = own_key("", "k")
    await stage.store.limits.set(key, Maximum(1).fields())
    [run_id] = await add(stage, "skip", limit_task=task_key("t"), limit_key=key)
    answers = await ask(stage)
    assert answers.passed == (run_id,)
    assert not answers.lanes
    assert answers.limits == {task_key("t")}
    assert (await states(stage, [run_id])) == [("blocked", "limit")]
    [other] = await add(stage, "skip", limit_task=task_key("t"), limit_key=key)
    assert (await ask(stage)).skipped == (other,), "who waits for a limit is active"
    assert (await stage.store.limits.admit([task_key("t")])).ids == (run_id,)


# -- policies that operators set


@pytest.mark.parametrize(("policy", "expected"), [
    ("skip", [("skipped", "previous_instance_running"), ("skipped", "previous_instance_running")]),
    ("queue:1", [("blocked", "overlap"), ("skipped", "overlap_queue_full")]),
    ("replace", [("skipped", "replaced"), ("blocked", "overlap")]),
    ("allow", [("pending", None), ("pending", None)]),
    ("allow:2", [("pending", None), ("skipped", "previous_instance_running")]),
])  # fmt: skip
async def test_a_policy_that_is_set_while_runs_wait_is_what_they_are_asked_by(
    stage: Stage, policy: str, expected: list[tuple[str, str | None]]
) -> None:
    await start(stage, "queue:2")
    ids = await add(stage, "queue:2", 2)
    await ask(stage)
    await stage.store.gates.put("t", parse_overlap(policy), actor="ann", reason="incident 4")
    await ask(stage, is_full=True)
    assert await states(stage, ids) == expected


async def test_a_choice_stands_until_it_is_taken_back(stage: Stage) -> None:
    gates = stage.store.gates
    await gates.put("t", parse_overlap("queue:3"), actor="ann", reason="why")
    await gates.put("t", parse_overlap("allow"), actor="bob")
    [choice] = await gates.choices()
    assert (choice.task, str(choice.overlap), choice.changed_by, choice.reason) == ("t", "allow", "bob", None)
    assert choice.changed_at == stage.clock.now
    assert await gates.clear("t")
    assert not await gates.clear("t")
    assert await gates.choices() == []


async def test_a_policy_counts_runs_that_began_without_one_and_asks_those_that_have_not(stage: Stage) -> None:
    active = await stage.claim_new()
    ready, delayed = await stage.add_one(), await stage.add_one(delay=timedelta(minutes=1))
    [other] = await stage.add_new(task="u")
    assert await stage.store.gates.adopt() == 0
    await stage.store.gates.put("t", parse_overlap("skip"))
    assert await stage.store.gates.adopt() == 3
    assert (await ask(stage)).skipped == (ready,)
    assert (await stage.get(ready)).blocked_by == active.id
    await stage.complete(active)
    await stage.clock.advance(61)
    assert (await ask(stage)).passed == (delayed,)
    assert await stage.store.gates.adopt() == 0
    assert (await stage.get(other)).state is RunState.PENDING


# -- dedupe decides before the gate


async def test_a_run_that_is_replaced_by_its_dedupe_key_keeps_its_gate(stage: Stage) -> None:
    active = await start(stage, "queue")
    [waiting] = await add(stage, "queue", key="k", dedupe=DedupePolicy.REPLACE)
    await ask(stage)
    [answer] = await stage.add(stage.new(**gated("queue", key="k", dedupe=DedupePolicy.REPLACE, params='{"n":2}')))
    assert (answer.id, answer.is_new) == (waiting, False)
    assert (await stage.get(waiting)).state is RunState.PENDING
    assert not await stage.runs.promote()
    assert (await ask(stage)).blocked == (waiting,)
    await stage.complete(active)
    assert (await ask(stage)).passed == (waiting,)
    [answer] = await stage.add(stage.new(**gated("queue", key="k", dedupe=DedupePolicy.REPLACE, params='{"n":3}')))
    [run] = await stage.claim(await stage.node())
    assert (run.id, run.params) == (waiting, '{"n":3}'), "who has passed is not asked again"


# -- dependencies


async def depend(stage: Stage, *, is_full: bool = True, tasks: tuple[str, ...] = ()) -> Answers:
    return await stage.store.gates.depend(is_full=is_full, tasks=tasks)


async def add_dependent(stage: Stage, *dependencies: str | Dependency, **fields: Any) -> str:
    wanted = [each if isinstance(each, Dependency) else Dependency(each) for each in dependencies]
    return await stage.add_one(**{"task": "late", "depends": dump_dependencies(wanted), **fields})


async def run_to(stage: Stage, task: str, outcome: Any = None, **fields: Any) -> str:
    """Carry out a run of a task, and return its id."""
    await stage.clock.advance(1)
    run = await stage.claim_new(task=task, max_retries=0, **fields)
    await stage.settle(run, Completed() if outcome is None else outcome)
    return run.id


FAILURE = Failed({"kind": "execution", "type": "ValueError", "message": "no"})


async def test_a_run_goes_when_the_last_run_of_what_it_needs_has_succeeded(stage: Stage) -> None:
    await run_to(stage, "backup", FAILURE)
    await run_to(stage, "backup")
    run_id = await add_dependent(stage, "backup")
    assert (await stage.store.gates.look(is_full=False)).depends
    assert (await depend(stage)).passed == (run_id,)
    assert (await stage.kinds(run_id)) == [EventKind.QUEUED]


@pytest.mark.scenario("D6", part="store")
async def test_a_run_waits_for_a_success_and_names_who_is_to_blame(stage: Stage) -> None:
    await run_to(stage, "backup")
    failed = await run_to(stage, "backup", FAILURE)
    run_id = await add_dependent(stage, "backup")
    assert (await depend(stage)).blocked == (run_id,)
    run = await stage.get(run_id)
    assert (run.state, run.reason, run.blocked_on, run.blocked_by) == (RunState.BLOCKED, "dependency", "backup", failed)
    assert await depend(stage) == Answers(), "nothing new, nothing written"
    await run_to(stage, "backup")
    assert await depend(stage, is_full=False, tasks=("other",)) == Answers()
    assert (await depend(stage, is_full=False, tasks=("backup",))).passed == (run_id,)
    assert await stage.kinds(run_id) == [EventKind.QUEUED, EventKind.BLOCKED, EventKind.UNBLOCKED]
    assert (await stage.get(run_id)).blocked_on is None


async def test_what_never_ran_is_waited_for_and_skipped_runs_do_not_count(stage: Stage) -> None:
    run_id = await add_dependent(stage, "backup")
    assert (await depend(stage)).blocked == (run_id,)
    assert (await stage.get(run_id)).blocked_by is None
    await run_to(stage, "backup")
    await run_to(stage, "backup", Skipped("nothing to do"))
    assert (await depend(stage)).passed == (run_id,)


async def test_a_required_run_that_is_due_is_waited_for_and_its_success_is_enough(stage: Stage) -> None:
    await run_to(stage, "backup")
    active = await stage.claim_new(task="backup")
    run_id = await add_dependent(stage, "backup")
    await depend(stage)
    assert (await stage.get(run_id)).blocked_by == active.id
    await stage.clock.advance(1)
    await stage.claim_new(task="backup")  # another has begun when the first ends
    await stage.complete(active)
    assert (await depend(stage)).passed == (run_id,)


async def test_a_required_run_that_is_not_due_is_not_waited_for(stage: Stage) -> None:
    await run_to(stage, "backup")
    await stage.add_one(task="backup", delay=timedelta(days=1))
    run_id = await add_dependent(stage, "backup")
    assert (await depend(stage)).passed == (run_id,)


async def test_a_success_counts_only_within_the_window(stage: Stage) -> None:
    await run_to(stage, "load")
    await stage.clock.advance(3601)
    run_id = await add_dependent(stage, Dependency("load", within="1h"))
    assert (await depend(stage)).blocked == (run_id,)
    await run_to(stage, "load")
    assert (await depend(stage)).passed == (run_id,)


async def test_every_required_task_has_to_have_succeeded_and_each_for_its_own_tenant(stage: Stage) -> None:
    run_id = await add_dependent(stage, "one", "two", tenant="acme")
    await run_to(stage, "one", tenant="acme")
    await run_to(stage, "two")
    await depend(stage)
    assert (await stage.get(run_id)).blocked_on == "two"
    await run_to(stage, "two", tenant="acme")
    assert (await depend(stage)).passed == (run_id,)


async def test_who_waits_for_a_task_holds_its_overlap_key_so_that_nothing_piles_up(stage: Stage) -> None:
    depends = dump_dependencies([Dependency("backup")])
    [first] = await add(stage, "skip", depends=depends)
    answers = await ask(stage)
    assert answers.depends and not answers.passed
    assert (await depend(stage)).blocked == (first,)
    [second] = await add(stage, "skip", depends=depends)
    assert (await ask(stage)).skipped == (second,)
    assert (await stage.get(second)).blocked_by == first
    await run_to(stage, "backup")
    assert (await depend(stage)).passed == (first,)


async def test_many_that_wait_are_asked_page_by_page(stage: Stage) -> None:
    ids = sorted([await add_dependent(stage, "backup") for _ in range(5)])
    first = await stage.store.gates.depend(is_full=True, n=3)
    assert sorted(first.blocked) == ids[:3]
    assert first.more == (ids[2],)
    second = await stage.store.gates.depend(is_full=True, n=3, after=first.more[0])
    assert (sorted(second.blocked), second.more) == (ids[3:], ())


# -- bodies that wait for a task


@pytest.mark.scenario("R2", part="Dependency")
async def test_a_body_that_waits_for_a_task_burns_nothing_and_goes_on_with_its_next_success(stage: Stage) -> None:
    await run_to(stage, "backup")
    run = await stage.claim_new(task="late", max_retries=0)
    await stage.clock.advance(1)
    assert await stage.settle(run, Snoozed(waits_for="backup")) is RunState.BLOCKED
    waiting = await stage.get(run.id)
    assert (waiting.reason, waiting.blocked_on, waiting.retries, waiting.rescues) == ("dependency", "backup", 0, 0)
    assert (await stage.store.gates.look(is_full=True)).awaits == {"backup"}
    await depend(stage)
    assert (await stage.get(run.id)).state is RunState.BLOCKED, "a success from before its attempt is not what it waits for"
    await run_to(stage, "backup", FAILURE)
    await depend(stage)
    assert (await stage.get(run.id)).state is RunState.BLOCKED
    await run_to(stage, "backup")
    assert (await depend(stage)).passed == (run.id,)
    [again] = await stage.claim(await stage.node())
    assert (again.id, again.attempt, again.retries) == (run.id, 2, 0)
    await stage.complete(again)
    assert (await stage.get(run.id)).state is RunState.COMPLETED
    assert [str(each.outcome) for each in await stage.runs.attempts(run.id, scope=EVERYTHING)] == ["snoozed", "completed"]


async def test_a_success_between_the_start_of_a_body_and_its_wait_is_not_missed(stage: Stage) -> None:
    run = await stage.claim_new(task="late")
    await run_to(stage, "backup")
    await stage.clock.advance(1)
    await stage.settle(run, Snoozed(waits_for="backup"))
    assert (await depend(stage)).passed == (run.id,)


async def test_who_waits_for_a_task_in_its_body_stays_active_for_its_overlap_key(stage: Stage) -> None:
    active = await start(stage, "skip")
    await stage.settle(active, Snoozed(waits_for="backup"))
    [other] = await add(stage, "skip")
    assert (await ask(stage)).skipped == (other,)
    await stage.runs.cancel([active.id], actor="ann")
    assert (await stage.get(active.id)).blocked_on == "backup"
    [other] = await add(stage, "skip")
    assert (await ask(stage)).passed == (other,)


# -- an older release beside this one


async def promoted_by_an_older_release(stage: Stage) -> None:
    """Make due runs ready as the release before gates does: it knows nothing of them."""
    ready = "public.manual_now()" if stage.kind == "postgres" else str(stage.clock.read())
    await stage.sql(f"update mainspring.hot_runs set state = 3, ready_at = {ready} where state = 2 and run_at <= {ready}")


async def test_what_an_older_release_lets_pass_is_active_and_is_asked_no_more(stage: Stage) -> None:
    [first] = await add(stage, "skip")
    await promoted_by_an_older_release(stage)
    [second] = await add(stage, "skip")
    assert (await ask(stage)).skipped == (second,)
    assert (await stage.get(second)).blocked_by == first
    [run] = await stage.claim(await stage.node())
    await stage.settle(run, FAILURE)
    await stage.clock.advance(60)
    assert (await stage.store.gates.look(is_full=True)).keys == ()
    await stage.runs.promote()
    [again] = await stage.claim(await stage.node())
    assert again.id == first
    await stage.complete(again)


async def test_what_waits_at_a_gate_is_left_alone_by_an_older_release(stage: Stage) -> None:
    active = await start(stage, "queue")
    [waiting] = await add(stage, "queue")
    await ask(stage)
    await promoted_by_an_older_release(stage)
    assert not await stage.runs.unblock_known(["t"])
    assert (await stage.get(waiting)).state is RunState.BLOCKED
    await stage.complete(active)
    assert (await ask(stage)).passed == (waiting,)


# -- many at once


async def test_a_crowd_at_one_key_is_asked_in_rounds_until_all_have_an_answer(stage: Stage) -> None:
    ids = (await add(stage, "queue:3"))[:1]
    ids += await stage.add_new(30, **gated("queue:3"))
    rounds, look = 0, await stage.store.gates.look(is_full=True)
    while (answers := await stage.store.gates.ask(look.keys, n=10)).more:
        rounds += 1
        assert answers.skipped, "each round ends some"
        assert rounds < 10
    ended = Counter(state for state, _ in await states(stage, ids))
    assert ended == {"pending": 1, "blocked": 3, "skipped": 27}


async def test_a_newer_run_wins_whatever_the_order_in_which_a_crowd_is_read(stage: Stage) -> None:
    await start(stage, "replace")
    ids = []
    for _ in range(12):
        ids += await add(stage, "replace")
    look = await stage.store.gates.look(is_full=True)
    for _ in range(6):
        await stage.store.gates.ask(look.keys, n=5)
    assert await states(stage, ids) == [("skipped", "replaced")] * 11 + [("blocked", "overlap")]


async def test_an_enqueue_that_is_asked_again_makes_no_second_run(stage: Stage) -> None:
    run = stage.new(**gated("skip"))
    await stage.add(run)
    assert not (await stage.runs.add_again(run)).is_new
    await start_of(stage, run.id)
    other = stage.new(**gated("skip"))
    await stage.add(other)
    await ask(stage)
    assert (await stage.get(other.id)).state is RunState.SKIPPED
    assert not (await stage.runs.add_again(other)).is_new, "also when it has been skipped meanwhile"


async def start_of(stage: Stage, run_id: str) -> None:
    assert (await ask(stage)).passed == (run_id,)
    assert [run.id for run in await stage.claim(await stage.node())] == [run_id]


# -- looks


async def test_a_look_from_a_watermark_on_leaves_out_what_lies_behind_it(stage: Stage) -> None:
    look = await stage.store.gates.look(is_full=False)
    assert (look.keys, look.depends, look.due, look.is_cut) == ((), False, None, False)
    await stage.clock.advance(10)
    look = await stage.store.gates.look(is_full=False)
    await add(stage, "skip")
    await stage.add_new(**gated("skip", task="old", run_at=stage.clock.now - timedelta(minutes=5)))
    assert (await stage.store.gates.look(is_full=False, since=look.since)).keys == (KEY,)
    assert (await stage.store.gates.look(is_full=False)).keys == (overlap_key("old", ""), KEY)
    cut = await stage.store.gates.look(is_full=False, n=1)
    assert (cut.is_cut, len(cut.keys)) == (True, 1)
