"""Random lives at the gates, on all three databases at once, against a model that knows no SQL: the same answers, and never two at once."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from mainspring.core.access import EVERYTHING
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.overlap import REPLACER, Overlap, Policy, overlap_key, parse_overlap
from mainspring.core.policy import Retry
from mainspring.core.run import Completed, Failed, NewRun, Outcome, Snoozed, decide
from mainspring.store.runs import Settlement
from tests.store.harness import Stage, check_consistency
from tests.store.test_machine import EXAMPLES, LANES, Everywhere

TASKS = ("a", "b")
POLICIES = ("skip", "queue:1", "queue:2", "replace", "allow:2")
RETRY = Retry(retries=1, delay=timedelta(seconds=1), jitter=False)
SECOND = 1_000_000


@dataclass
class Life:
    """One run. ``place`` is where it stands: gated, blocked, ready, running, delayed (it has begun, and goes on later) or ended."""

    id: str
    task: str
    overlap: Overlap
    run_at: int
    created_at: int
    place: str = "gated"
    state: str = "pending"
    reason: str | None = None
    blocked_by: str | None = None
    cancelled_by: str | None = None
    is_to_stop: bool = False
    retries: int = 0

    @property
    def is_active(self) -> bool:
        return self.place in ("ready", "running", "delayed")

    @property
    def turn(self) -> tuple[int, str]:
        return (self.run_at, self.id)

    def view(self) -> tuple[object, ...]:
        return (self.id, self.state, self.reason, self.blocked_by, self.cancelled_by)

    def end(self, state: str, reason: str | None, way: str | None = None) -> None:
        self.place, self.state, self.reason = "ended", state, reason
        self.blocked_by = way if state == "skipped" else self.blocked_by
        if state != "cancelled":
            self.cancelled_by = None

    def go(self) -> None:
        self.place, self.state, self.reason, self.blocked_by = "ready", "pending", None, None

    def wait(self, way: str) -> None:
        self.place, self.state, self.reason, self.blocked_by = "blocked", "blocked", "overlap", way


class Gates(RuleBasedStateMachine):
    """Runs come with whatever policy their code has, operators choose others, and everything ends in all the ways there are."""

    everywhere: Everywhere

    @initialize()
    def begin(self) -> None:
        self.everywhere.wipe()
        self.everywhere.ask(lambda stage: stage.sql("delete from mainspring.task_overlaps"))
        self.clock = self.everywhere.stages[0].clock
        self.now = self.clock.read()
        self.ids = IdMaker()
        self.lives: dict[str, Life] = {}
        self.chosen: dict[str, Overlap] = {}
        self.most: dict[str, int] = dict.fromkeys(TASKS, 1)  # that may be active at once, by every policy that was ever asked
        self.claims: dict[str, object] = {}
        self.node = make_claim_id()
        self.everywhere.ask(
            lambda stage: stage.nodes.register(self.node, name="n", host="h", pid=1, lease=timedelta(days=9), facts={})
        )  # fmt: skip

    def teardown(self) -> None:
        if hasattr(self, "lives"):
            self.everywhere.runner.run(self._check())

    async def _check(self) -> None:
        for stage in self.everywhere.stages:
            await check_consistency(stage)

    def of(self, task: str) -> list[Life]:
        return [life for life in self.lives.values() if life.task == task]

    @rule(task=st.sampled_from(TASKS), policy=st.sampled_from(POLICIES), delay=st.sampled_from([0, 0, 5]), n=st.integers(1, 3))
    def enqueue(self, task: str, policy: str, delay: int, n: int) -> None:
        overlap = parse_overlap(policy)
        for _ in range(n):
            new = NewRun(
                self.ids.make(self.now // 1000), task, delay=timedelta(seconds=delay) if delay else None, max_retries=1, overlap=overlap,
                overlap_key=overlap_key(task, ""), is_asked=True,
            )  # fmt: skip
            self.everywhere.ask(lambda stage, new=new: stage.runs.add(new))  # type: ignore[misc]
            self.lives[new.id] = Life(new.id, task, overlap, self.now + delay * SECOND, self.now)

    @rule(task=st.sampled_from(TASKS), policy=st.sampled_from([*POLICIES, "allow", None]))
    def choose(self, task: str, policy: str | None) -> None:
        if policy is None:
            assert self.everywhere.ask(lambda stage: stage.store.gates.clear(task)) is (self.chosen.pop(task, None) is not None)
            return
        self.chosen[task] = overlap = parse_overlap(policy)
        self.everywhere.ask(lambda stage: stage.store.gates.put(task, overlap))

    @rule()
    def ask(self) -> None:
        async def round_(stage: Stage) -> tuple[list[str], list[str], list[str]]:
            look = await stage.store.gates.look(is_full=True)
            answers = await stage.store.gates.ask(look.keys)
            if answers.to_cancel:
                await stage.runs.cancel(answers.to_cancel, actor=REPLACER, reason="replaced")
            return sorted(answers.passed), sorted(answers.skipped), sorted(answers.to_cancel)

        found = self.everywhere.ask(round_)
        passed: list[str] = []
        skipped: list[str] = []
        cancelled: list[str] = []
        for task in TASKS:
            self._ask(task, passed, skipped, cancelled)
        assert found == (sorted(passed), sorted(skipped), sorted(cancelled))

    def _ask(self, task: str, passed: list[str], skipped: list[str], cancelled: list[str]) -> None:
        """Judge one key as the words of the policies say it, run after run."""
        waiting = [life for life in self.of(task) if life.place in ("gated", "blocked")]
        due = sorted((each for each in waiting if each.run_at <= self.now), key=lambda each: (each.place != "blocked", each.turn))
        if not due:
            return
        overlap = self.chosen.get(task) or max(waiting, key=lambda each: each.id).overlap
        active = sorted((each for each in self.of(task) if each.is_active), key=lambda each: (each.created_at, each.id))
        first, room = (active or due)[0].id, len(active)
        newest = max(due, key=lambda each: each.turn)
        self.most[task] = max(self.most[task], overlap.most or 99 if overlap.policy is Policy.ALLOW else 1)
        queued = 0
        patient = 0
        for number, life in enumerate(due):
            is_patient = life.overlap.policy is Policy.QUEUE and (number > 0 or room > 0)
            patient += is_patient
            match overlap.policy:
                case Policy.ALLOW if overlap.most is None or room < overlap.most:
                    verdict = "go"
                case Policy.SKIP | Policy.QUEUE if room == 0:
                    verdict = "go"
                case Policy.REPLACE if life is newest:
                    verdict = "go" if room == 0 else "wait"
                case Policy.SKIP if is_patient and task not in self.chosen and patient <= (life.overlap.most or 1):
                    verdict = "wait"  # it was to wait, and goes on
                case Policy.QUEUE if queued < (overlap.most or 1):
                    verdict, queued = "wait", queued + 1
                case _:
                    verdict = "skip"
            if verdict == "go":
                life.go()
                room += 1
                passed.append(life.id)
            elif verdict == "wait":
                life.wait(first)
            else:
                reasons = {Policy.QUEUE: "overlap_queue_full", Policy.REPLACE: "replaced"}
                life.end(
                    "skipped",
                    reasons.get(overlap.policy, "previous_instance_running"),
                    newest.id if overlap.policy is Policy.REPLACE else first,
                )
                skipped.append(life.id)
        if overlap.policy is Policy.REPLACE:
            for life in active:
                if life.is_to_stop:
                    continue
                cancelled.append(life.id)
                life.cancelled_by = REPLACER
                if life.place == "running":
                    life.is_to_stop = True
                else:
                    life.end("cancelled", "replaced")

    @rule(n=st.integers(1, 3))
    def claim(self, n: int) -> None:
        claim_id = make_claim_id()

        async def claim(stage: Stage) -> list[str]:
            found = await stage.runs.claim(self.node, claim_id, LANES, n, timedelta(seconds=5))
            self.claims.update({run.id: run for run in found})
            return sorted(run.id for run in found)

        found = self.everywhere.ask(claim)
        assert len(found) == min(n, sum(life.place == "ready" for life in self.lives.values()))
        for run_id in found:
            assert self.lives[run_id].place == "ready"
            self.lives[run_id].place, self.lives[run_id].state = "running", "running"

    @precondition(lambda self: any(life.place == "running" for life in self.lives.values()))
    @rule(data=st.data(), outcome=st.sampled_from([Completed(), Completed(), Failed({"kind": "execution"}), Snoozed(timedelta(seconds=1))]))
    def settle(self, data: st.DataObject, outcome: Outcome) -> None:
        run_id = data.draw(st.sampled_from(sorted(each.id for each in self.lives.values() if each.place == "running")), "run")
        run, life = self.claims[run_id], self.lives[run_id]
        decision = decide(run, outcome, RETRY)  # type: ignore[arg-type]
        self.everywhere.ask(lambda stage: stage.runs.settle([Settlement(run_id, run.claim_id, decision)]))  # type: ignore[attr-defined]
        if decision.state.is_final:
            life.end(str(decision.state), decision.reason)
        elif life.is_to_stop:
            life.end("cancelled", "requested")
        else:
            life.place, life.state, life.run_at = "delayed", "pending", self.now + SECOND
            life.reason = decision.reason

    @precondition(lambda self: self.lives)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.lives)), "run")
        self.everywhere.ask(lambda stage: stage.runs.cancel([run_id], actor="ann"))
        life = self.lives[run_id]
        if life.place == "running":
            life.cancelled_by, life.is_to_stop = life.cancelled_by if life.is_to_stop else "ann", True
        elif life.place != "ended":
            life.cancelled_by = "ann"
            life.end("cancelled", "requested")

    @rule(by=st.sampled_from([1, 5]))
    def advance(self, by: int) -> None:
        self.now += by * SECOND
        for stage in self.everywhere.stages:
            self.everywhere.runner.run(stage.clock.advance(by))
        self.everywhere.ask(lambda stage: stage.runs.promote())
        for life in self.lives.values():
            if life.place == "delayed" and life.run_at <= self.now:
                life.place, life.reason = "ready", None

    @invariant()
    def everything_looks_as_the_model_says(self) -> None:
        if not hasattr(self, "lives"):
            return

        async def look(stage: Stage) -> list[tuple[object, ...]]:
            return [
                (run.id, str(run.state), run.reason, run.blocked_by, run.cancelled_by)
                for run in reversed(await stage.runs.page(n=1000, scope=EVERYTHING))
            ]

        assert self.everywhere.ask(look) == [life.view() for _, life in sorted(self.lives.items())]

    @invariant()
    def no_more_are_active_than_any_policy_has_allowed(self) -> None:
        for task in TASKS if hasattr(self, "lives") else ():
            assert sum(life.is_active for life in self.of(task)) <= self.most[task]


@pytest.mark.scenario("C3", part="model")
@pytest.mark.failure(29)
def test_random_lives_at_the_gates_agree_with_the_model_on_every_database() -> None:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        Gates.everywhere = Everywhere(runner, Path(folder))
        try:
            run_state_machine_as_test(
                Gates,
                settings=settings(
                    max_examples=EXAMPLES // 2,
                    stateful_step_count=30,
                    deadline=None,
                    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            Gates.everywhere.wipe()
            Gates.everywhere.close()
