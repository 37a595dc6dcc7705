"""What the sweep finds and puts right, on each database."""

import pytest

from mainspring.core.event import EventKind
from mainspring.core.state import RunState
from mainspring.store.runs import Lane
from mainspring.store.sweep import Found
from tests.store.harness import Stage

COPIED = (
    "id, created_at, run_at, ready_at, started_at, seq, claim_seq, attempt, pool, priority, retries, max_retries, rescues, params_version, "
    "queue, tenant, task, origin, params"
)


async def _end_twice(stage: Stage, run_id: str) -> None:
    """Give a run a final record beside its unfinished row, as no statement of ours would."""
    at = stage.clock.read() if stage.kind != "postgres" else f"'{stage.clock.now.isoformat()}'"
    await stage.sql(
        f"insert into mainspring.history ({COPIED}, finished_at, state) "
        f"select {COPIED}, {at}, 10 from mainspring.hot_runs where id = '{run_id}'"
    )


@pytest.mark.scenario("X5", part="a final run with an unfinished row")
async def test_a_final_record_stands_and_the_unfinished_row_goes_once(stage: Stage) -> None:
    sweep = stage.store.sweep
    run_id, other = await stage.add_new(2)
    await _end_twice(stage, run_id)
    page = await sweep.page()
    assert page.found == (Found(run_id, "t", "ended"),)
    assert page.last_id is None
    assert await sweep.repair(page.found[0]) == (True, set())
    assert await sweep.repair(page.found[0]) == (False, set())
    assert (await sweep.page()).found == ()
    assert (await stage.get(run_id)).state is RunState.COMPLETED
    assert (await stage.get(other)).state is RunState.PENDING
    await stage.sql(f"delete from mainspring.history where id = '{run_id}'")  # no statistics count it
    stage.forgotten.add(run_id)


@pytest.mark.scenario("X5", part="a blocked run that waits for nothing")
async def test_who_waits_for_nothing_goes_on_once_with_an_event(stage: Stage) -> None:
    sweep = stage.store.sweep
    (run_id,) = await stage.add_new(1, task="lost")
    await stage.sql(f"update mainspring.hot_runs set state = 1, ready_at = null, reason = null where id = '{run_id}'")
    found = Found(run_id, "lost", "forgotten")
    assert (await sweep.page()).found == (found,)
    assert await sweep.repair(found) == (True, {Lane("default", "", 0, 2)})
    assert await sweep.repair(found) == (False, set())
    assert (await stage.get(run_id)).state is RunState.PENDING
    assert (await stage.kinds(run_id)).count(str(EventKind.REPAIRED)) == 1


async def test_what_waits_for_something_is_left_to_who_knows_it(stage: Stage) -> None:
    await stage.add_new(2, task="mail")
    assert await stage.store.switches.hold("mail") == 2
    assert (await stage.store.sweep.page()).found == ()
    await stage.store.switches.free(["mail"])


async def test_the_way_goes_page_by_page(stage: Stage) -> None:
    ids = await stage.add_new(5)
    first = await stage.store.sweep.page(n=2)
    second = await stage.store.sweep.page(str(first.last_id), 2)
    assert [first.last_id, second.last_id] == [sorted(ids)[1], sorted(ids)[3]]
    assert (await stage.store.sweep.page(str(second.last_id), 2)).last_id is None
    assert (await stage.store.sweep.page(max(ids))).last_id is None
