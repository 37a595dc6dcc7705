"""Random calls with two keys by all policies, while time passes and runs begin and end: the three databases agree with the model."""

import asyncio
import contextlib
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import DedupePolicy
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.policy import Priority
from mainspring.core.run import Added, ClaimedRun, Failed, NewRun, Outcome, Released, decide
from mainspring.store.runs import Completion, Settlement
from tests.store.harness import Stage, check_consistency
from tests.store.model import SECOND, Model, ModelNode
from tests.store.test_machine import CHANGED, EXAMPLES, LANES, LEASE, RETRY, Everywhere, _bare

WINDOWS = [timedelta(seconds=10), timedelta(seconds=30)]
ENDS: list[Outcome] = [Failed({"type": "E"}), Failed({"type": "E"}, is_terminal=True), Released("no capable node")]


class Keys(RuleBasedStateMachine):
    """Callers and one node, on one task of one tenant."""

    everywhere: Everywhere

    @initialize()
    def begin(self) -> None:
        self.everywhere.wipe()
        self.clock = self.everywhere.stages[0].clock
        self.model = Model(self.clock.read())
        self.ids = IdMaker()
        self.asked: list[NewRun] = []
        self.hands: list[ClaimedRun] = []
        self.node = make_claim_id()
        self.everywhere.ask(lambda stage: stage.nodes.register(self.node, name="n", host="h", pid=1, lease=LEASE, facts={}))
        self.model.nodes[self.node] = ModelNode(self.model.now + 60 * SECOND)

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.everywhere.runner.run(self._check())
            for run_id, run in self.model.runs.items():
                assert self.everywhere.ask(lambda stage, id_=run_id: stage.kinds(id_)) == [str(kind) for kind in run.events]  # type: ignore[misc]

    async def _check(self) -> None:
        for stage in self.everywhere.stages:
            await check_consistency(stage)

    @rule(
        data=st.data(), policy=st.sampled_from(DedupePolicy), priority=st.sampled_from([Priority.MEDIUM, Priority.MEDIUM, Priority.HIGH]),
        delay=st.sampled_from([None, None, timedelta(seconds=20)]), n=st.integers(1, 3),
    )  # fmt: skip
    def enqueue(self, data: st.DataObject, policy: DedupePolicy, priority: Priority, delay: timedelta | None, n: int) -> None:
        window = None
        if policy in (DedupePolicy.DEBOUNCE, DedupePolicy.ONCE):
            window = data.draw(st.sampled_from(WINDOWS if policy is DedupePolicy.DEBOUNCE else [None, *WINDOWS]), "window")
        keys = data.draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n), "keys")
        runs = [
            NewRun(
                self.ids.make(self.model.now // 1000), "t", params=f'{{"n":{len(self.asked) + place}}}', priority=priority, delay=delay,
                key=key, dedupe=policy, window=window, max_retries=1,
            )
            for place, key in enumerate(keys)
        ]  # fmt: skip
        answers = self.everywhere.ask(lambda stage: stage.runs.add_many(runs))
        assert answers == [self.model.add(run) for run in runs]
        self.asked += [run for run, answer in zip(runs, answers, strict=True) if answer.id == run.id or answer.how in CHANGED]

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.asked), "run")
        answer = self.everywhere.ask(lambda stage: stage.runs.add_again(run))
        assert answer == self.model.add(run)
        assert answer == Added(run.id, False) or answer.how in CHANGED

    @rule(data=st.data(), by=st.sampled_from([1, 10, 20, 30]), n=st.integers(0, 2))
    def live(self, data: st.DataObject, by: int, n: int) -> None:
        """Let time pass, and a node claim, and end some of what it has. One rule, for Hypothesis likes to leave rules out."""
        self.model.now += by * SECOND
        for stage in self.everywhere.stages:
            self.everywhere.runner.run(stage.clock.advance(by))
        self.everywhere.ask(lambda stage: stage.runs.promote())
        self.model.promote()
        claim_id = make_claim_id()

        async def claim(stage: Stage) -> list[ClaimedRun]:
            return [_bare(run) for run in await stage.runs.claim(self.node, claim_id, LANES, n, timedelta(seconds=5))]

        claimed = self.everywhere.ask(claim)
        assert claimed == self.model.claim(self.node, claim_id, n)
        self.hands += claimed
        for _ in range(data.draw(st.integers(0, len(self.hands)), "ends")):
            self._end(self.hands.pop(0), data.draw(st.sampled_from([None, None, *ENDS]), "outcome"))

    def _end(self, hand: ClaimedRun, outcome: Outcome | None) -> None:
        if outcome is None:
            done = [Completion(hand.id, hand.claim_id, 1.0, None)]
            assert self.everywhere.ask(lambda stage: stage.runs.complete(done)) == self.model.complete([hand], 0) == {hand.id}
        else:
            decision = decide(hand, outcome, RETRY)
            settled = [Settlement(hand.id, hand.claim_id, decision)]
            assert self.everywhere.ask(lambda stage: stage.runs.settle(settled)) == self.model.settle(hand, decision, 0)

    @precondition(lambda self: self.model.runs)
    @rule(data=st.data(), what=st.sampled_from(["sweep", "unblock", "cancel"]))
    def tidy(self, data: st.DataObject, what: str) -> None:
        if what == "sweep":
            assert self.everywhere.ask(lambda stage: stage.runs.dedupe.sweep()) == self.model.sweep()
        elif what == "unblock":
            self.everywhere.ask(lambda stage: stage.runs.unblock_known(["t"]))
            self.model.unblock()
        else:
            run_id = data.draw(st.sampled_from(list(self.model.runs)[-3:]), "run")
            assert self.everywhere.ask(lambda stage: stage.runs.cancel([run_id])) == self.model.cancel([run_id], None)

    @invariant()
    def everything_looks_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return

        async def look(stage: Stage) -> list[tuple[object, ...]]:
            return [
                (run.id, run.state, run.reason, run.attempt, run.retries, run.params, run.priority, run.key, run.seq)
                for run in await stage.runs.page(n=1000, scope=EVERYTHING)
            ]  # fmt: skip

        assert self.everywhere.ask(look) == [
            (id_, run.state, run.reason, run.attempt, run.retries, run.new.params, run.new.priority, run.key, len(run.events))
            for id_, run in sorted(self.model.runs.items(), reverse=True)
        ]
        waiting = [run.key for run in self.model.runs.values() if run.key is not None and not run.state.is_final]
        assert len(waiting) == len(set(waiting)), "a key is held twice"


@pytest.mark.scenario("I3", part="random")
@pytest.mark.failure(56)
def test_random_calls_with_keys_agree_with_the_model_on_every_database() -> None:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        Keys.everywhere = Everywhere(runner, Path(folder))
        with contextlib.closing(Keys.everywhere):
            run_state_machine_as_test(
                Keys,
                settings=settings(
                    max_examples=2 * EXAMPLES,
                    stateful_step_count=40,
                    deadline=None,
                    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
            Keys.everywhere.wipe()
