"""What the store gathers about a run that waits, on the databases themselves."""

from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import UnknownRun
from mainspring.core.explanation import Explanation, Why, explain
from mainspring.core.limit import Maximum, task_key
from mainspring.core.policy import Priority, Retry
from mainspring.core.run import Failed, Released
from tests.store.harness import START, Stage

ERROR = {"kind": "execution", "type": "ValueError", "message": "broken", "fingerprint": "ab" * 8}


async def why(stage: Stage, run_id: str) -> Explanation:
    return explain(await stage.store.explain.facts(run_id, scope=EVERYTHING))


async def test_ready_runs_know_who_goes_before_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await stage.add_one()
    assert (await why(stage, first)).code is Why.NO_WORKERS
    await stage.node(tasks=["t"], queues=[])
    assert (await why(stage, first)).code is Why.NEXT
    await stage.clock.advance(1)
    second = await stage.add_one()
    urgent = await stage.add_one(priority=Priority.CRITICAL)
    other = await stage.add_one(queue="other")
    assert dict((await why(stage, second)).values) == {"queue": "default", "ahead": 2, "is_more": False}
    assert (await why(stage, first)).values["ahead"] == 1  # the urgent one
    assert (await why(stage, urgent)).code is Why.NEXT
    assert (await why(stage, other)).code is Why.NEXT
    monkeypatch.setattr("mainspring.store.explain.BOUND", 2)
    assert dict((await why(stage, second)).values) == {"queue": "default", "ahead": 2, "is_more": True}


async def test_queues_nodes_and_switches_are_looked_at(stage: Stage) -> None:
    run_id = await stage.add_one()
    await stage.node(tasks=["u"], queues=["default"])
    assert (await why(stage, run_id)).code is Why.NO_CAPABLE_NODE
    await stage.node("mail", tasks=["t"], queues=["mail"])
    assert (await why(stage, run_id)).code is Why.NO_CAPABLE_NODE
    await stage.store.switches.put("t", False, actor="ada", reason="leaks")
    told = await why(stage, run_id)
    assert (told.code, told.values["by"], told.values["reason"], told.values["at"]) == (Why.DISABLED, "ada", "leaks", START)
    await stage.store.queues.pause("default", actor="bob", reason="flood")
    told = await why(stage, run_id)
    assert (told.code, told.values["by"], told.values["reason"], told.values["at"]) == (Why.PAUSED, "bob", "flood", START)
    await stage.store.queues.resume("default")
    await stage.store.switches.hold("t")
    assert (await why(stage, run_id)).code is Why.DISABLED


async def test_runs_that_wait_for_a_time_say_for_which_and_why(stage: Stage) -> None:
    later = await stage.add_one(delay=timedelta(minutes=5))
    told = await why(stage, later)
    assert (told.code, told.values["at"]) == (Why.SCHEDULED, START + timedelta(minutes=5))
    run = await stage.claim_new()
    assert (await why(stage, run.id)).code is Why.RUNNING
    await stage.settle(run, Failed(ERROR), Retry(delay="10s", jitter=False))
    told = await why(stage, run.id)
    assert (told.code, told.values["type"], told.values["retry"], told.values["at"]) == (
        Why.RETRYING, "ValueError", 1, START + timedelta(seconds=10)
    )  # fmt: skip
    await stage.clock.advance(20)
    assert (await why(stage, run.id)).code is Why.NO_WORKERS  # it is due, and nobody makes it ready
    back = await stage.claim_new()
    await stage.settle(back, Released("unknown_task", timedelta(seconds=30)))
    assert (await why(stage, back.id)).code is Why.GIVEN_BACK
    stopping = await stage.claim_new()
    await stage.runs.cancel([stopping.id], actor="ada")
    assert (await why(stage, stopping.id)).values["by"] == "ada"
    await stage.clock.advance(120)
    assert (await why(stage, stopping.id)).code is Why.NODE_GONE
    await stage.runs.cancel([later], actor="ada", reason="wrong day")
    told = await why(stage, later)
    assert (told.code, told.values["by"], told.values["reason"]) == (Why.CANCELLED, "ada", "wrong day")
    with pytest.raises(UnknownRun):
        await why(stage, stage.new_id())


async def test_a_limit_says_its_key_and_the_place_in_its_list(stage: Stage) -> None:
    key = task_key("t")
    await stage.store.limits.declare({key: Maximum(1)})
    await stage.node(tasks=["t"], queues=[])
    runs = await stage.add_new(3, limit_task=key)
    await stage.store.limits.admit({key})
    assert (await why(stage, runs[0])).code is Why.NEXT
    told = await why(stage, runs[2])
    assert told.code is Why.LIMITED
    assert dict(told.values) == {"key": key, "concurrency": 1, "rate": None, "running": 1, "position": 2, "is_more": False}
