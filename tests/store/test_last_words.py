"""What comes with the end of a try, and what a claim leaves alone whatever a node remembers."""

from datetime import timedelta

import pytest

from mainspring.core.event import EventKind
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import Retry
from mainspring.core.run import Failed, Skipped, decide
from mainspring.store.runs import Appended, Completion, Entry, Lane, Settlement
from tests.store.harness import Stage


def progress(current: int) -> Entry:
    return Entry(0.0, EventKind.PROGRESS, {"current": current, "total": 9})


WORDS = [progress(5), Entry(0.0, EventKind.LOG, {"level": "info", "message": "nearly"}), progress(9)]
SILENT = [Entry(0.0, EventKind.LOG, {"level": "info", "message": "done"})]


@pytest.mark.scenario("E5")
@pytest.mark.parametrize(("words", "last"), [(WORDS, 9), (SILENT, 2), ([], 2)])
async def test_the_last_progress_is_exact_though_it_comes_with_the_end(stage: Stage, words: list[Entry], last: int) -> None:
    completed, skipped, retried = [await stage.claim_new() for _ in range(3)]
    for run in (completed, skipped, retried):
        assert await stage.runs.append([Appended(run.id, run.claim_id, [progress(2)], {"current": 2, "total": 9})]) == {run.id}
    await stage.runs.complete([Completion(completed.id, completed.claim_id, 1.0, None, words)])
    again = decide(retried, Failed({"type": "E", "message": "no"}), Retry())
    await stage.runs.settle([
        Settlement(skipped.id, skipped.claim_id, decide(skipped, Skipped("nothing"), Retry()), 1.0, words),
        Settlement(retried.id, retried.claim_id, again, 1.0, words),
    ])  # fmt: skip
    for run in (completed, skipped, retried):
        assert (await stage.get(run.id)).progress == {"current": last, "total": 9}


async def test_a_paused_queue_gives_nothing_even_where_its_lane_is_known(stage: Stage) -> None:
    node = await stage.node()
    await stage.add_one()
    [(lane, _)] = await stage.runs.lanes()
    await stage.store.queues.pause("default")
    assert await stage.runs.claim(node, make_claim_id(), [Lane(lane.queue, lane.tenant, lane.pool, lane.priority)], 5, timedelta(0)) == []
    await stage.store.queues.resume("default")
    assert len(await stage.runs.claim(node, make_claim_id(), [lane], 5, timedelta(0))) == 1
