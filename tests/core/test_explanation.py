"""Explanations: every reason why a run may wait or have stopped, from plain facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring.cli.explain import sentence
from mainspring.core.explanation import Facts, Hold, Pause, Why, explain
from mainspring.core.limit import Maximum, parse_rate
from mainspring.core.node import Node, NodeState
from mainspring.core.policy import Priority
from mainspring.core.run import Attempt, AttemptOutcome, Reason, Run
from mainspring.core.state import RunState
from mainspring.core.switch import Switch
from mainspring.operations.explain import ExplanationView

NOW = datetime(2031, 3, 4, 9, 6, 7, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
ERROR = {"kind": "execution", "type": "ValueError", "message": "broken\x1b[2J pipe"}


def run(state: RunState = RunState.PENDING, **fields: Any) -> Run:
    values: dict[str, Any] = {
        "id": "r", "task": "t", "state": state, "reason": None, "queue": "default", "tenant": "", "priority": Priority.MEDIUM, "attempt": 0,
        "retries": 0, "max_retries": 3, "rescues": 0, "created_at": EARLIER, "run_at": None, "started_at": None,
        "finished_at": NOW if state.is_final else None, "node_id": None, "params": "{}", "result": None, "error": None, "progress": None,
        "key": None, "label": None, "origin": "api", "actor": None, "retry_of": None, "cancel_requested": False, "cancelled_by": None,
        "seq": 1,
    }  # fmt: skip
    return Run(**(values | fields))


def node(id_: str = "n1", state: NodeState = NodeState.ALIVE, *, running: int = 0, tasks: tuple[str, ...] = ("t",),
         queues: tuple[str, ...] = (), lease_until: datetime = LATER) -> Node:  # fmt: skip
    return Node(
        id_, f"name-{id_}", "host", 1, state, EARLIER, EARLIER, lease_until, running, {"tasks": list(tasks), "queues": list(queues)}
    )


def tried(outcome: AttemptOutcome, reason: str | None = None, error: dict[str, str] | None = None) -> Attempt:
    return Attempt("r", 2, outcome, reason, "n1", EARLIER, EARLIER, LATER, error)


def unfired(reason: str, about: dict[str, Any] | None = None, **fields: Any) -> Facts:
    """Return what is known of a slot of the schedule nightly that was not carried out."""
    return Facts(run(RunState.SKIPPED, reason=reason, slot_at=EARLIER, schedule_id=7, **fields), NOW, schedule="nightly", about=about or {})


WAITING = run(run_at=LATER, attempt=2, retries=2)
READY: dict[str, Any] = {"is_ready": True, "nodes": [node()]}
CASES: list[tuple[Why, Facts, str]] = [
    (Why.SCHEDULED, Facts(run(run_at=LATER), NOW), "scheduled for 2031-03-04 10:06:07Z"),
    (Why.RETRYING, Facts(WAITING, NOW, last=tried(AttemptOutcome.FAILED, error=ERROR)),
     "Attempt 2 failed (ValueError: broken pipe); retry 2 of 3 starts at 2031-03-04 10:06:07Z."),
    (Why.RETRYING, Facts(WAITING, NOW, last=tried(AttemptOutcome.TIMEOUT)), "Attempt 2 failed; retry 2 of 3"),
    (Why.SNOOZED, Facts(WAITING, NOW, last=tried(AttemptOutcome.SNOOZED)), "put it back in attempt 2"),
    (Why.GIVEN_BACK, Facts(WAITING, NOW, last=tried(AttemptOutcome.RELEASED, "unknown_task")), "gave it back in attempt 2: unknown_task"),
    (Why.DUE, Facts(run(run_at=EARLIER), NOW, nodes=[node()]), "due"),
    (Why.TENANT_SUSPENDED, Facts(run(RunState.BLOCKED, reason=Reason.TENANT_SUSPENDED, tenant="acme"), NOW,
                                 tenant=Pause(EARLIER, "ada", "unpaid")),
     "The tenant acme has been suspended by ada since 2031-03-04 08:06:07Z: unpaid."),
    (Why.OWNER_GONE, Facts(run(RunState.BLOCKED, reason=Reason.OWNER_GONE, actor="bob"), NOW), "bob, who started it, may start t no more"),
    (Why.NO_WORKERS, Facts(run(run_at=EARLIER), NOW, nodes=[node(tasks=())]), "No worker is alive"),
    (Why.LIMITED, Facts(run(RunState.BLOCKED, reason="limit"), NOW, hold=Hold("task:t", Maximum(2, parse_rate("5/m")), 2, 7, False)),
     "the limit task:t (2 at once, 5/m): 2 go now, and it is number 7 of"),
    (Why.LIMITED, Facts(run(RunState.BLOCKED, reason="limit"), NOW, hold=Hold("key::x", Maximum(), 0, 10_001, True)),
     "just lifted): 0 go now, and it is number at least 10001"),

        (Why.NO_CAPABLE_NODE,
     Facts(run(RunState.BLOCKED, reason=Reason.NO_CAPABLE_NODE), NOW, nodes=[node(tasks=("u",)), node("n2", tasks=())]),
     "No live worker of its queue knows the task t (1 does not)"),
    (Why.NO_WORKERS, Facts(run(RunState.BLOCKED, reason=Reason.NO_CAPABLE_NODE), NOW, nodes=[node(state=NodeState.STOPPED)]), "No worker"),
    (Why.DUE, Facts(run(RunState.BLOCKED, reason=Reason.NO_CAPABLE_NODE), NOW, nodes=[node()]), "in a moment"),
    (Why.DISABLED, Facts(run(RunState.BLOCKED, reason=Reason.DISABLED), NOW, switch=Switch("t", False, EARLIER, "ada", "leaks")),
     "The task t has been disabled by ada since 2031-03-04 08:06:07Z: leaks."),
    (Why.DISABLED, Facts(run(RunState.BLOCKED, reason=Reason.DISABLED), NOW), "The task t has been disabled."),
    (Why.DISABLED, Facts(run(), NOW, is_ready=True, is_off=True, switch=Switch("t", False, EARLIER)), "disabled since"),
    (Why.WAITS, Facts(run(RunState.BLOCKED, reason="something else"), NOW), "It waits: something else."),
    (Why.PAUSED, Facts(run(), NOW, is_ready=True, nodes=[node()], pause=Pause(EARLIER, "ada", "flood")),
     "The queue default has been paused by ada since 2031-03-04 08:06:07Z: flood."),
    (Why.PAUSED, Facts(run(), NOW, is_ready=True, pause=Pause(EARLIER, None, None)), "paused since 2031-03-04 08:06:07Z."),
    (Why.MAINTENANCE, Facts(run(), NOW, is_ready=True, nodes=[node()], maintenance=Pause(EARLIER, "ada", "new disks")),
     "The fleet has been in maintenance by ada since 2031-03-04 08:06:07Z: new disks."),
    (Why.MAINTENANCE, Facts(run(run_at=EARLIER), NOW, nodes=[node()], maintenance=Pause(EARLIER, None, None)), "in maintenance since"),
    (Why.NODES_PAUSED, Facts(run(), NOW, is_ready=True, nodes=[replace(node("web-1"), vitals={"is_paused": True})]),
     "1 worker could take it, and each is paused (name-web-1)"),
    (Why.NEXT, Facts(run(), NOW, is_ready=True, nodes=[replace(node("web-1"), vitals={"is_paused": True}), node("web-2")]), "It is next"),
    (Why.NO_WORKERS, Facts(run(), NOW, is_ready=True), "start one with `mainspring worker`"),
    (Why.NO_WORKERS, Facts(run(), NOW, is_ready=True, nodes=[node(state=NodeState.DRAINING), node("n2", NodeState.DEAD)]), "No worker"),
    (Why.QUEUE_UNSERVED, Facts(run(), NOW, is_ready=True, nodes=[node(queues=("mail",))]),
     "No live worker serves the queue default (1 serves others)"),
    (Why.NO_CAPABLE_NODE, Facts(run(), NOW, is_ready=True, nodes=[node(tasks=("u",))]), "knows the task t"),
    (Why.BEHIND, Facts(run(), NOW, ahead=3, **READY), "behind 3 runs of the queue default"),
    (Why.BEHIND, Facts(run(), NOW, ahead=1000, **READY), "at least 1000 runs"),
    (Why.BUSY, Facts(run(), NOW, is_ready=True, nodes=[node(running=2), node("n2", running=3), node("n3", tasks=("u",), running=9)]),
     "2 workers are busy with 5 runs"),
    (Why.NEXT, Facts(run(), NOW, **READY), "a worker is about to take it"),
    (Why.RUNNING, Facts(run(RunState.RUNNING, node_id="n1", started_at=EARLIER, attempt=2), NOW, nodes=[node()]),
     "running in attempt 2 on name-n1 since 2031-03-04 08:06:07Z"),
    (Why.STOPPING, Facts(run(RunState.RUNNING, node_id="n1", cancel_requested=True, cancelled_by="ada"), NOW, nodes=[node()]),
     "asked to stop by ada"),
    (Why.NODE_GONE, Facts(run(RunState.RUNNING, node_id="n1", started_at=EARLIER), NOW, nodes=[node(lease_until=EARLIER)]),
     "name-n1 has not been heard of since 2031-03-04 08:06:07Z"),
    (Why.NODE_GONE, Facts(run(RunState.RUNNING, node_id="n1"), NOW, nodes=[node(state=NodeState.DEAD)]), "another will take it over"),
    (Why.NODE_GONE, Facts(run(RunState.RUNNING, node_id="n9"), NOW), "n9 has not been heard of"),
    (Why.SUSPENDED, Facts(run(RunState.SUSPENDED, reason="timer"), NOW), "suspended: timer, and holds no worker"),
    (Why.COMPLETED, Facts(run(RunState.COMPLETED, attempt=2), NOW), "completed at 2031-03-04 09:06:07Z, in attempt 2"),
    (Why.FAILED, Facts(run(RunState.FAILED, attempt=4, retries=3, error=ERROR), NOW), "after 4 attempts (ValueError: broken pipe)."),
    (Why.FAILED, Facts(run(RunState.FAILED, attempt=1, max_retries=0), NOW), "after one attempt."),
    (Why.FAILED_FOR_GOOD, Facts(run(RunState.FAILED, attempt=1, error=ERROR), NOW), "an error that no retry mends (ValueError"),
    (Why.LOST, Facts(run(RunState.FAILED, attempt=3, rescues=3, reason=Reason.CRASHED, error={"message": "signal 11"}), NOW),
     "lost with its executor 3 times"),
    (Why.LOST, Facts(run(RunState.FAILED, rescues=3, reason=Reason.LOST), NOW), "(lost)"),
    (Why.LOST, Facts(run(RunState.FAILED, rescues=3, reason=Reason.MEMORY), NOW), "(memory)"),
    (Why.INTERRUPTED, Facts(run(RunState.FAILED, reason=Reason.INTERRUPTED), NOW), "must not be repeated"),
    (Why.INVALID, Facts(run(RunState.FAILED, reason=Reason.INVALID, error={"message": "a: missing"}), NOW),
     "do not fit the task any more (a: missing)"),
    (Why.INVALID, Facts(run(RunState.FAILED, reason=Reason.UNDECODABLE), NOW), "do not fit"),
    (Why.TIMED_OUT, Facts(run(RunState.TIMEOUT, attempt=4), NOW), "longer than its timeout, in 4 attempts"),
    (Why.DEADLINE, Facts(run(RunState.TIMEOUT, reason=Reason.DEADLINE, attempt=1), NOW),
     "deadline passed at 2031-03-04 09:06:07Z, after one attempt"),
    (Why.CANCELLED, Facts(run(RunState.CANCELLED, reason="requested", cancelled_by="ada"), NOW),
     "cancelled by ada at 2031-03-04 09:06:07Z."),
    (Why.CANCELLED, Facts(run(RunState.CANCELLED, reason="wrong day"), NOW), "cancelled at 2031-03-04 09:06:07Z: wrong day."),
    (Why.SKIPPED, Facts(run(RunState.SKIPPED, reason="nothing new"), NOW), "skipped it at 2031-03-04 09:06:07Z: nothing new."),
    (Why.SKIPPED, Facts(run(RunState.SKIPPED, reason="missed", attempt=1, slot_at=EARLIER), NOW), "The task skipped it at"),
    (Why.ASKED, Facts(run(run_at=EARLIER), NOW, nodes=[node()], is_gated=True), "asked in a moment whether it may go"),
    (Why.NO_WORKERS, Facts(run(run_at=EARLIER), NOW, is_gated=True), "No worker is alive"),
    (Why.OVERLAPS, Facts(run(RunState.BLOCKED, reason="overlap", blocked_by="r0"), NOW, culprit=run(RunState.RUNNING, id="r0")),
     "until run r0 of the same task has ended (running)"),
    (Why.OVERLAPS, Facts(run(RunState.BLOCKED, reason="overlap", blocked_by="r0"), NOW), "until run r0"),
    (Why.AWAITS, Facts(run(RunState.BLOCKED, reason="dependency", blocked_on="load"), NOW), "for load to succeed: no run of it has yet"),
    (Why.AWAITS_RUN,
     Facts(run(RunState.BLOCKED, reason="dependency", blocked_on="load", blocked_by="r0"), NOW, culprit=run(RunState.BLOCKED, id="r0")),
     "for load: its run r0 has not ended (blocked)"),
    (Why.AWAITS_SUCCESS,
     Facts(run(RunState.BLOCKED, reason="dependency", blocked_on="load", blocked_by="r0"), NOW,
           culprit=run(RunState.FAILED, id="r0", error=ERROR)),
     "its latest run r0 ended as failed (ValueError: broken pipe)"),
    (Why.AWAITS_FRESH,
     Facts(run(RunState.BLOCKED, reason="dependency", blocked_on="load", blocked_by="r0"), NOW, culprit=run(RunState.COMPLETED, id="r0")),
     "its last success, run r0, was at 2031-03-04 09:06:07Z"),
    (Why.OVERLAPPED, Facts(run(RunState.SKIPPED, reason="previous_instance_running", blocked_by="r0"), NOW), "run r0 of the same task had"),
    (Why.QUEUE_FULL, Facts(run(RunState.SKIPPED, reason="overlap_queue_full", blocked_by="r0"), NOW), "waiting for r0 as the task's"),
    (Why.SUPERSEDED, Facts(run(RunState.SKIPPED, reason="replaced", blocked_by="r0"), NOW), "run r0 is newer and took its place"),
    (Why.REPLACED, Facts(run(RunState.CANCELLED, reason="requested", cancelled_by="overlap"), NOW), "a newer run of the task took"),
    (Why.SLOT_MISSED, unfired("missed"), "The slot 2031-03-04 08:06:07Z of nightly has no run: no scheduler was there in time"),
    (Why.SLOT_MISSED, unfired("missed", {"slots": 12, "from": "2031-03-01T00:00:00Z", "until": "x"}),
     "The record stands for 12 slots, from 2031-03-01T00:00:00Z on."),
    (Why.SLOT_DROPPED, unfired("dropped"), "one too many, or too late, for its misfire policy."),
    (Why.SLOT_PAUSED, unfired("paused"), "the schedule was paused."),
    (Why.SLOT_LEFT_OUT, unfired("skipped_by_operator"), "an operator asked for exactly this one to be left out."),
    (Why.SLOT_IN_MAINTENANCE, unfired("maintenance"), "the fleet was in maintenance."),
    (Why.SLOT_DISABLED, unfired("task_disabled"), "the task t was disabled."),
    (Why.SLOT_REFUSED, unfired("refused", {"why": "no such parameter"}), "none could be made (no such parameter)."),
    (Why.SLOT_TAKEN, unfired("duplicate"), "of nightly had its run already."),
    (Why.OVERLAPPED, unfired("previous_instance_running", blocked_by="r0"),
     "skipped at 2031-03-04 09:06:07Z, for the slot 2031-03-04 08:06:07Z of the schedule nightly: run r0 of the same task had not ended."),
]  # fmt: skip


@pytest.mark.parametrize(("code", "facts", "words"), CASES, ids=[f"{number}-{code}" for number, (code, _, _) in enumerate(CASES)])
def test_each_reason_has_its_code_and_its_sentence(code: Why, facts: Facts, words: str) -> None:
    found = explain(facts)
    assert found.code is code
    said = sentence(ExplanationView(id=found.run_id, code=found.code, values=dict(found.values)))
    assert words in said
    assert "\x1b" not in said and "{" not in said and " None" not in said


def test_every_code_is_reached() -> None:
    assert {code for code, _, _ in CASES} == set(Why)
