"""Rollbacks: once, after the final failure, with the body's context; another node goes on with one that was cut short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring, RunState
from mainspring.core.errors import InvalidParams
from mainspring.testing import Kit
from tests.aio import run as run_here
from tests.engine.hooked import broken, calls, crashes, hurry, plain_def, seen, transfer


@pytest.fixture(autouse=True)
def _fresh() -> None:
    seen.clear()
    broken.clear()


def end(ms: Kit, run: Any) -> tuple[str, str | None]:
    ended = ms.until(run)
    return str(ended.state), ended.reason


@pytest.mark.scenario("D4", part="validate refuses")
def test_validate_refuses_before_there_is_a_run(ms: Kit) -> None:
    with pytest.raises(InvalidParams, match="101 is more than there is"):
        ms.enqueue(transfer, account="a", amount=101)
    assert ms.runs() == []


@pytest.mark.scenario("K4", part="rollback")
@pytest.mark.scenario("D4", part="rollback once, its outcome recorded")
def test_rollback_is_called_once_with_the_context_of_the_body(ms: Kit) -> None:
    broken["body"] = OSError("no line")
    run = ms.enqueue(transfer, account="a", amount=1)
    ended = ms.until(run)
    assert calls("body") == [("a", 1)] * 2
    assert calls("rollback") == [("a", 2, "OSError")]  # the parameters, the attempt and the error of the body
    assert (ended.state, ended.reason, ended.attempt) == (RunState.FAILED, None, 3)
    assert ended.error is not None
    assert (ended.error["type"], ended.error["message"]) == ("OSError", "no line")
    assert [(each.number, each.outcome, each.reason) for each in ms.attempts(run)] == [
        (1, "failed", None), (2, "failed", None), (3, "completed", "rollback"),
    ]  # fmt: skip


@pytest.mark.scenario("D4", part="rollback raises")
def test_rollback_that_raises_leaves_both_errors(ms: Kit) -> None:
    broken.update(body=OSError("no line"), rollback=KeyError("no way back"))
    run = ms.enqueue(transfer, account="a", amount=1)
    ended = ms.until(run)
    assert (ended.state, ended.reason) == (RunState.FAILED, "rollback failed")
    assert ended.error is not None
    assert (ended.error["type"], ended.error["rollback"]["type"]) == ("OSError", "KeyError")
    assert len(calls("rollback")) == 1
    last = ms.attempts(run)[-1]
    assert (last.outcome, last.reason, last.error and last.error["type"]) == ("failed", "rollback", "KeyError")
    assert [event.seq for event in ms.events(run)] == list(range(1, ended.seq + 1))


def test_no_rollback_where_nothing_failed(ms: Kit) -> None:
    assert ms.run(transfer, account="a", amount=1) == "1 to a"
    assert calls("rollback") == []


def test_a_def_and_its_rollback_that_had_nothing_to_undo(ms: Kit) -> None:
    broken["body"] = ValueError("no")
    run = ms.enqueue(plain_def)
    assert end(ms, run) == ("failed", None)
    assert calls("rollback") == ["ValueError"]


@pytest.mark.scenario("D4", part="the node dies in the middle of the rollback")
@pytest.mark.parametrize("point", ["child_before_hook", "child_after_hook", "before_finish"])
def test_a_rollback_cut_short_is_done_again_and_the_body_is_not(ms: Kit, point: str) -> None:
    broken["body"] = OSError("no line")
    run = ms.enqueue(transfer.options(retry=0), account="a", amount=1)
    while not calls("body"):
        ms.do(ms._round())
    ms.do(ms.loop.settle())
    assert ms.state(run) in ("pending", "running")
    ms.crash_at(point)
    ended = ms.until(run)
    assert ms.deaths
    assert calls("body") == [("a", 1)]
    assert calls("rollback") == [("a", 1, "OSError")] * (1 if point == "child_before_hook" else 2)
    assert (ended.state, ended.reason) == (RunState.FAILED, None)
    assert ended.error is not None
    assert ended.error["type"] == "OSError"
    assert [each.outcome for each in ms.attempts(run)] == ["failed", "lost", "completed"]


def test_cancelled_runs_are_not_rolled_back_and_rollbacks_are_not_cancelled(ms: Kit) -> None:
    broken["body"] = OSError("no line")
    run = ms.enqueue(transfer, account="a", amount=1)
    ms.drain()
    assert ms.cancel(run) == "cancelled"  # it waited for its second attempt
    assert calls("rollback") == []
    second = ms.enqueue(transfer.options(retry=0), account="b", amount=1)
    while not calls("body")[1:]:
        ms.do(ms._round())
    assert ms.cancel(second) == "requested"
    assert end(ms, second) == ("failed", None)
    assert calls("rollback") == [("b", 1, "OSError")]


def test_a_deadline_that_passes_between_two_attempts_is_followed_by_the_rollback(ms: Kit) -> None:
    broken["body"] = OSError("no line")
    run = ms.enqueue(hurry.options(retry=2), account="a")
    ms.drain()
    ms.advance("100s")
    assert end(ms, run) == ("timeout", "deadline")
    assert calls("rollback") == [("a", 1, "OSError")]
    late = ms.enqueue(hurry.options(delay="2m"), account="b")
    assert end(ms, late) == ("timeout", "deadline")  # no body ever began: nothing is to be undone
    assert len(calls("rollback")) == 1
    error = ms.get(late).error
    assert error is not None
    assert error["kind"] == "timeout"


@pytest.mark.scenario("D4", part="after a crash, in another executor")
def test_after_a_crash_another_executor_is_told_and_rolls_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with Mainspring(f"sqlite:///{tmp_path}/runs.db", tasks=[crashes]) as app:
            async with app.worker():
                handle = await app.enqueue(crashes, path=str(tmp_path / "marks"))
                ended = await app.wait_for(handle.id, 60)
            assert (ended.state, ended.reason) == (RunState.FAILED, "crashed")
            pid, word, mark = (tmp_path / "marks").read_text().splitlines()
            assert word == "on_error crash False"
            assert mark.startswith("rollback of attempt 1 after crash")
            assert not mark.endswith(f" {pid}")
            attempts = await app.attempts(handle.id)
            assert [(each.outcome, each.reason) for each in attempts] == [("lost", "crashed"), ("completed", "rollback")]

    run_here(story())
