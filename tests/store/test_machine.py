"""Random lives on all three databases at once, against a small model: the same traces, the same answers.

`MAINSPRING_TEST_EXAMPLES` makes it longer; a failing trace is printed as Python and kept by Hypothesis.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.event import EventKind
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.policy import PoolKind, Priority, Retry
from mainspring.core.run import (
    CancelledByRequest,
    ClaimedRun,
    Completed,
    Failed,
    Lost,
    NewRun,
    Outcome,
    Reason,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
    decide,
)
from mainspring.core.state import RunState
from mainspring.store.runs import Appended, Completion, Entry, Lane, Settlement
from tests.store.harness import KINDS, Stage, check_consistency, open_stage
from tests.store.model import SECOND, Model, ModelNode

T = TypeVar("T")

EXAMPLES = int(os.environ.get("MAINSPRING_TEST_EXAMPLES", "40"))
LEASE = timedelta(seconds=60)
POOLS = (PoolKind.ASYNC, PoolKind.SOLO)
LANES = [Lane("default", "", pool, priority) for priority in Priority for pool in POOLS]
CHANGED = (How.REPLACED, How.DEBOUNCED)
RETRY = Retry(delay=timedelta(seconds=4), factor=2, jitter=False)
TABLES = ("hot_runs", "history", "attempts", "events", "nodes", "stats", "dedupe", "dedupe_requests")

seconds = st.sampled_from([1, 4, 10, 30, 61])
durations = st.sampled_from([None, None, timedelta(seconds=4), timedelta(seconds=10), timedelta(seconds=61)])
WINDOWS = {DedupePolicy.DEBOUNCE: timedelta(seconds=10), DedupePolicy.ONCE: timedelta(seconds=61)}
outcomes: st.SearchStrategy[Outcome] = st.sampled_from([
    Failed({"type": "E"}), Failed({"type": "E"}, is_terminal=True), Failed({"type": "E"}, after=timedelta(0)),
    TimedOut({"type": "T"}), CancelledByRequest(), Skipped("nothing"), Snoozed(timedelta(seconds=30)),
    Snoozed(timedelta(0)), Released("shutdown"), Released("unknown_task", timedelta(seconds=10)),
    Released(Reason.NO_CAPABLE_NODE), Completed('"x"'), Lost("crashed", {"signal": 11}, is_alone=True),
    Lost("crashed", {"signal": 11}, is_alone=False), Lost("memory", {}, is_alone=False, is_innocent=True),
])  # fmt: skip


class Everywhere:
    """The three stores, opened once and wiped between examples."""

    def __init__(self, runner: asyncio.Runner, folder: Path) -> None:
        self.runner, self.stack = runner, contextlib.AsyncExitStack()
        self.stages = runner.run(self._open(folder))

    async def _open(self, folder: Path) -> list[Stage]:
        return [await self.stack.enter_async_context(open_stage(kind, folder)) for kind in KINDS]

    def wipe(self) -> None:
        self.runner.run(self._wipe())

    async def _wipe(self) -> None:
        for stage in self.stages:
            await stage.sql(";\n".join(f"delete from mainspring.{table}" for table in TABLES) + ";")

    def ask(self, question: Callable[[Stage], Awaitable[T]]) -> T:
        """Ask all three, and return the one answer."""

        async def all_three() -> list[T]:
            return [await question(stage) for stage in self.stages]

        answers = self.runner.run(all_three())
        for stage, answer in zip(self.stages, answers, strict=True):
            assert answer == answers[0], f"{stage.kind} says {answer}, {self.stages[0].kind} says {answers[0]}"
        return answers[0]

    def close(self) -> None:
        self.runner.run(self.stack.aclose())


def _bare(run: ClaimedRun) -> ClaimedRun:
    return replace(run, ready_at=None)


class Lives(RuleBasedStateMachine):
    """Nodes come and go, runs live and end; whoever once held a claim may use it again later."""

    everywhere: Everywhere

    @initialize()
    def begin(self) -> None:
        self.everywhere.wipe()
        self.clock = self.everywhere.stages[0].clock
        self.model = Model(self.clock.read())
        self.ids = IdMaker()
        self.hands: list[tuple[str, ClaimedRun]] = []
        self.asked: list[NewRun] = []  # enqueues that left something behind: asked again, they leave nothing more
        self.start()

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.everywhere.runner.run(self._check())
            for run_id, run in self.model.runs.items():
                assert self.kinds(run_id) == run.events
                outcomes = self.everywhere.ask(lambda stage, run_id=run_id: stage.runs.attempts_with_seq(run_id))  # type: ignore[misc]
                assert [each.outcome for each, _, _ in outcomes] == run.outcomes

    async def _check(self) -> None:
        for stage in self.everywhere.stages:
            await check_consistency(stage)

    def kinds(self, run_id: str) -> list[EventKind]:
        async def read(stage: Stage) -> list[EventKind]:
            return [event.kind for event in await stage.store.events.after(run_id, scope=EVERYTHING)]

        return self.everywhere.ask(read)

    def _hand(self, data: st.DataObject) -> tuple[str, ClaimedRun]:
        """Draw a claim: mostly one that still holds, at times one that was lost or is over."""
        held = [(node, run) for node, run in self.hands if self.model.runs[run.id].claim_id == run.claim_id]
        is_held = held and data.draw(st.integers(0, 3), "held") > 0
        return data.draw(st.sampled_from(held if is_held else self.hands[-12:]), "hand")

    def _node(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.model.nodes)[-4:]), "node")

    # -- runs

    @rule(
        data=st.data(), n=st.integers(1, 3), priority=st.sampled_from(Priority), delay=durations, deadline=durations, timeout=durations,
        retries=st.integers(0, 2), is_repeatable=st.booleans(), policy=st.sampled_from(DedupePolicy), is_for_ever=st.booleans(),
    )  # fmt: skip
    def enqueue(
        self, data: st.DataObject, n: int, priority: Priority, delay: timedelta | None, deadline: timedelta | None,
        timeout: timedelta | None, retries: int, is_repeatable: bool, policy: DedupePolicy, is_for_ever: bool,
    ) -> None:  # fmt: skip
        keys = data.draw(st.lists(st.sampled_from([None, None, "a", "b"]), min_size=n, max_size=n), "keys")
        runs = [
            NewRun(
                self.ids.make(self.model.now // 1000),
                "t",
                priority=priority,
                delay=delay,
                deadline=deadline,
                timeout=timeout,
                max_retries=retries,
                max_rescues=2,
                is_repeatable=is_repeatable,
                key=key,
                params=f'{{"n":{len(self.model.runs)}}}',
                dedupe=policy if key else DedupePolicy.EXISTING,
                window=None if policy is DedupePolicy.ONCE and is_for_ever else WINDOWS.get(policy),
            )
            for key in keys
        ]
        answers = self.everywhere.ask(lambda stage: stage.runs.add_many(runs))
        assert answers == [self.model.add(run) for run in runs]
        self.asked += [run for run, answer in zip(runs, answers, strict=True) if answer.id == run.id or answer.how in CHANGED]

    @rule()
    def sweep(self) -> None:
        assert self.everywhere.ask(lambda stage: stage.runs.dedupe.sweep()) == self.model.sweep()

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def enqueue_again(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.asked), "run")
        assert self.everywhere.ask(lambda stage: stage.runs.add_again(run)) == self.model.add(run)

    @rule(data=st.data(), n=st.integers(1, 4))
    def claim(self, data: st.DataObject, n: int) -> None:
        node, claim_id = self._node(data), make_claim_id()

        async def claim(stage: Stage) -> list[ClaimedRun]:
            claimed = await stage.runs.claim(node, claim_id, LANES, n, timedelta(seconds=5))
            adopted = await stage.runs.claimed_under(claim_id, node)
            assert sorted(adopted, key=lambda run: run.id) == sorted(claimed, key=lambda run: run.id)
            return [_bare(run) for run in claimed]

        claimed = self.everywhere.ask(claim)
        assert claimed == self.model.claim(node, claim_id, n)
        self.hands += [(node, run) for run in claimed]

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), logs=st.integers(0, 2))
    def complete(self, data: st.DataObject, logs: int) -> None:
        hands = list({hand.id: hand for hand in (self._hand(data)[1] for _ in range(2))}.values())
        entries = [Entry(0.0, EventKind.LOG, {"n": 1})] * logs
        batch = [Completion(hand.id, hand.claim_id, 10.0, "1", entries) for hand in hands]
        assert self.everywhere.ask(lambda stage: stage.runs.complete(batch)) == self.model.complete(hands, logs)

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), outcome=outcomes, logs=st.integers(0, 1))
    def settle(self, data: st.DataObject, outcome: Outcome, logs: int) -> None:
        self._settle(self._hand(data)[1], outcome, logs)

    @rule(data=st.data(), n=st.integers(1, 4), is_cancelled=st.booleans())
    def work(self, data: st.DataObject, n: int, is_cancelled: bool) -> None:
        """Let a node do what nodes do most: claim, and end what it has claimed, cancelled meanwhile or not."""
        known = len(self.hands)
        self.promote()
        self.claim(data, n)
        for _, hand in self.hands[known:]:
            if is_cancelled and data.draw(st.booleans(), "this"):
                assert self.everywhere.ask(lambda stage, one=hand.id: stage.runs.cancel([one])) == self.model.cancel([hand.id], None)  # type: ignore[misc]
            self._settle(hand, data.draw(outcomes, "outcome"), 1)

    def _settle(self, hand: ClaimedRun, outcome: Outcome, logs: int) -> None:
        decision = decide(hand, outcome, RETRY)
        entries = [Entry(0.0, EventKind.LOG, None)] * logs
        settlement = Settlement(hand.id, hand.claim_id, decision, 10.0, entries)
        states = self.everywhere.ask(lambda stage: stage.runs.settle([settlement]))
        assert states == self.model.settle(hand, decision, logs)

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), logs=st.integers(1, 3))
    def append(self, data: st.DataObject, logs: int) -> None:
        _, hand = self._hand(data)
        record = Appended(hand.id, hand.claim_id, [Entry(0.0, EventKind.LOG, {"n": 1})] * logs, {"current": logs})
        assert self.everywhere.ask(lambda stage: stage.runs.append([record])) == self.model.append(hand, logs)

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def ask_for_the_outcome(self, data: st.DataObject) -> None:
        node, hand = self._hand(data)
        found = self.everywhere.ask(lambda stage: stage.runs.outcome_of(node, {hand.id: hand.attempt}))
        assert found == self.model.outcome_of(node, hand)

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data(), actor=st.sampled_from([None, "ada"]))
    def cancel(self, data: st.DataObject, actor: str | None) -> None:
        ids = data.draw(st.lists(st.sampled_from(list(self.model.runs)), max_size=3, unique=True), "ids")
        stopped = self.everywhere.ask(lambda stage: stage.runs.cancel(ids, actor=actor))
        assert stopped == self.model.cancel(ids, actor)

    @rule()
    def expire(self) -> None:
        assert self.everywhere.ask(lambda stage: stage.runs.expire()) == self.model.expire()

    @rule()
    def promote(self) -> None:
        lanes = self.everywhere.ask(lambda stage: stage.runs.promote())
        assert {lane.priority for lane in lanes} == self.model.promote()

    @rule()
    def unblock(self) -> None:
        lanes = self.everywhere.ask(lambda stage: stage.runs.unblock_known(["t"]))
        assert {lane.priority for lane in lanes} == self.model.unblock()

    @rule(by=seconds)
    def advance(self, by: int) -> None:
        self.model.now += by * SECOND
        for stage in self.everywhere.stages:
            self.everywhere.runner.run(stage.clock.advance(by))

    # -- nodes

    @rule()
    def start(self) -> None:
        node = make_claim_id()
        self.everywhere.ask(lambda stage: stage.nodes.register(node, name="n", host="h", pid=1, lease=LEASE, facts={}))
        self.model.nodes[node] = ModelNode(self.model.now + 60 * SECOND)

    @rule(data=st.data(), running=st.integers(0, 3))
    def beat(self, data: st.DataObject, running: int) -> None:
        node = self._node(data)

        async def beat(stage: Stage) -> set[str] | None:
            answer = await stage.nodes.beat(node, lease=LEASE, running=running)
            return None if answer is None else set(answer.cancels)

        assert self.everywhere.ask(beat) == self.model.beat(node, 60 * SECOND, running)

    @rule(data=st.data(), may_expire=st.booleans(), is_found=st.booleans())
    def reap(self, data: st.DataObject, may_expire: bool, is_found: bool) -> None:
        me, found = self._node(data), [self._node(data)] if is_found else []

        async def reap(stage: Stage) -> set[str]:
            return set(await stage.nodes.reap(me, found=found, may_expire=may_expire))

        assert self.everywhere.ask(reap) == self.model.reap(me, found, may_expire)

    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        node = self._node(data)
        self.everywhere.ask(lambda stage: stage.nodes.stop(node))
        self.model.stop(node)

    @rule()
    def rescue(self) -> None:
        async def find(stage: Stage) -> dict[str, tuple[int, ClaimedRun]]:
            return {orphan.run.id: (orphan.together, orphan.run) for orphan in await stage.runs.orphans()}

        found = self.everywhere.ask(find)
        assert {run_id: together for run_id, (together, _) in found.items()} == self.model.orphans()
        for together, run in found.values():
            decision = decide(run, Lost("lost", {}, is_alone=together == 1), RETRY)
            settlement = Settlement(run.id, run.claim_id, decision)
            states = self.everywhere.ask(lambda stage, one=settlement: stage.runs.settle([one], is_owner=False))  # type: ignore[misc]
            assert states == self.model.settle(run, decision, 0)

    # -- what always holds

    @invariant()
    def everything_looks_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return

        async def look(stage: Stage) -> tuple[Any, ...]:
            views = [
                (run.id, run.state, run.reason, run.attempt, run.retries, run.rescues, run.node_id, run.cancel_requested,
                 run.cancelled_by, run.seq)
                for run in await stage.runs.page(n=1000, scope=EVERYTHING)
            ]  # fmt: skip
            overdue = {orphan.run.id for orphan in await stage.runs.overdue()}
            return views, overdue, await stage.runs.next_due()

        views, overdue, due = self.everywhere.ask(look)
        assert views == [run.view() for _, run in sorted(self.model.runs.items(), reverse=True)]
        assert overdue == self.model.overdue()
        next_due = self.model.next_due()
        assert due == (None if next_due is None else timedelta(microseconds=next_due))
        for run in self.model.runs.values():
            has_driver = run.state.is_final or run.state is RunState.BLOCKED or run.ready_at or run.due_at or run.claim_id
            assert has_driver, "an unfinished run that nobody will ever look at"


@pytest.mark.scenario("K1", part="without suspension, parents, slots")
@pytest.mark.failure(56)
def test_random_lives_agree_with_the_model_on_every_database() -> None:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        Lives.everywhere = Everywhere(runner, Path(folder))
        try:
            run_state_machine_as_test(
                Lives,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=40,
                    deadline=None,
                    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            Lives.everywhere.wipe()
            Lives.everywhere.close()
