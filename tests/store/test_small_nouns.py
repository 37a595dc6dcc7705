"""Queues, audit and statistics."""

from datetime import timedelta

from mainspring.core.access import EVERYTHING
from mainspring.core.run import Failed, Skipped
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.runs import Completion
from mainspring.store.stats import TaskStat
from tests.store.harness import Stage


async def test_queues_remember_who_paused_them_and_why(stage: Stage) -> None:
    queues = stage.store.queues
    assert await queues.list() == []
    await queues.pause("mail", actor="ada", reason="spam")
    (row,) = await queues.list()
    assert row == {"name": "mail", "paused_at": stage.clock.now, "paused_by": "ada", "pause_reason": "spam", "paused_until": None}
    assert await queues.paused() == {"mail"}
    await stage.clock.advance(5)
    await queues.pause("mail", actor="bob")
    (row,) = await queues.list()
    assert (row["paused_by"], row["pause_reason"], row["paused_at"]) == ("bob", None, stage.clock.now)
    assert await queues.resume("mail")
    assert not await queues.resume("mail")
    assert not await queues.resume("unheard of")
    assert await queues.paused() == set()
    (row,) = await queues.list()
    assert (row["paused_at"], row["paused_by"], row["pause_reason"]) == (None, None, None)


async def test_the_audit_trail_is_read_backwards_page_by_page(stage: Stage) -> None:
    audit = stage.store.audit
    for n in range(5):
        await audit.add("runs.cancel", f"run:{n % 2}", actor="ada", source="cli", reason="why", data={"n": n})
        await stage.clock.advance(1)
    page = await audit.page(n=2, scope=EVERYTHING)
    assert [row["data"] for row in page] == [{"n": 4}, {"n": 3}]
    assert page[0]["at"] == stage.clock.now - timedelta(seconds=1)
    assert (page[0]["verb"], page[0]["object"], page[0]["actor"], page[0]["source"], page[0]["reason"]) == (
        "runs.cancel", "run:0", "ada", "cli", "why",
    )  # fmt: skip
    assert [row["data"] for row in await audit.page(before=page[-1]["id"], scope=EVERYTHING)] == [{"n": 2}, {"n": 1}, {"n": 0}]
    assert [row["data"] for row in await audit.page(object_="run:1", scope=EVERYTHING)] == [{"n": 3}, {"n": 1}]
    await audit.add("queues.pause", "queue:mail", actor=None, source="api")
    (row, *_) = await audit.page(scope=EVERYTHING)
    assert (row["actor"], row["data"]) == (None, None)


async def test_statistics_are_kept_by_task_and_state_with_their_means(stage: Stage) -> None:
    node = await stage.node()
    await stage.add_new(2)
    await stage.clock.advance(3)
    first, second = await stage.claim(node)
    await stage.runs.complete([Completion(first.id, first.claim_id, 100.0, None)])
    await stage.runs.complete([Completion(second.id, second.claim_id, 200.0, None)])
    failed = await stage.claim_new(node, task="other")
    await stage.settle(failed, Failed({"type": "E"}, is_terminal=True))
    skipped = await stage.claim_new(node, task="other")
    await stage.settle(skipped, Skipped("x"))
    cancelled = await stage.add_one(task="other")
    await stage.runs.cancel([cancelled])
    assert await stage.store.stats.by_task(stage.clock.now) == [
        TaskStat("other", RunState.FAILED, 1, 2.0, 0.0),
        TaskStat("other", RunState.CANCELLED, 1, 0.0, 0.0),
        TaskStat("other", RunState.SKIPPED, 1, 2.0, 0.0),
        TaskStat("t", RunState.COMPLETED, 2, 150.0, 3000.0),
    ]
    await stage.clock.advance(120)
    assert await stage.store.stats.by_task(stage.clock.now) == []


async def test_statistics_of_a_try_that_goes_on_are_not_counted(stage: Stage) -> None:
    run = await stage.claim_new()
    await stage.settle(run, Failed({"type": "E"}))
    assert await stage.store.stats.by_task(stage.clock.now) == []


def test_codes_are_one_to_one_and_never_change() -> None:
    """They are in people's databases: a change here is a migration."""
    assert {code: str(state) for code, state in codes.STATE_OF.items()} == {
        0: "blocked", 1: "blocked", 2: "pending", 3: "pending", 4: "running", 5: "suspended",
        10: "completed", 11: "failed", 12: "timeout", 13: "cancelled", 14: "skipped",
    }  # fmt: skip
    assert {code: str(outcome) for code, outcome in codes.OUTCOME_OF.items()} == {
        10: "completed", 11: "failed", 12: "timeout", 13: "cancelled", 14: "skipped",
        20: "snoozed", 21: "released", 22: "lost",
    }  # fmt: skip
    assert {code: str(state) for code, state in codes.NODE_STATE.items()} == {
        1: "alive", 2: "draining", 3: "dead", 4: "stopped",
    }  # fmt: skip
