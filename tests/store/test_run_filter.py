"""Looking for runs: every combination of conditions gives the right page and the right total, page by page."""

import itertools
import random
from datetime import datetime, timedelta

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.policy import Priority
from mainspring.core.run import Completed, Failed, Lost, Outcome, Run, Skipped
from mainspring.core.run_filter import RunFilter
from mainspring.core.state import RunState
from tests.store.harness import Stage

LOST = Lost("lost", {"message": "the node vanished"}, is_alone=True)
ENDS: tuple[Outcome | None, ...] = (None, None, Completed(), Failed({"type": "E"}, is_terminal=True), Skipped("nothing to do"), LOST)


async def fill(stage: Stage) -> list[Run]:
    """Leave runs of every kind; answers them newest first."""
    draw = random.Random(5)
    node = await stage.node(lease=timedelta(days=30))
    for n in range(90):
        limit = "task:held" if draw.random() < 0.1 else None
        run_id = await stage.add_one(
            task=draw.choice("ab"), queue=draw.choice(("default", "mail")), label=draw.choice((None, "l")), max_rescues=0,
            origin=draw.choice(("api", "schedule", "cli")), priority=draw.choice((Priority.HIGH, Priority.LOW)),
            delay=draw.choice((None, None, timedelta(days=30))), limit_task=limit,
            schedule_id=(schedule := draw.choice((None, 1, 2))),
            slot_at=None if schedule is None else stage.clock.now + n * timedelta(minutes=1),
        )  # fmt: skip
        await stage.clock.advance(draw.choice((1, 600)))
        if limit is None:
            await stage.runs.promote()
        outcome = draw.choice(ENDS)
        for run in [run for run in await stage.claim(node) if run.id == run_id]:
            if outcome is not None:
                await stage.settle(run, outcome)
    return sorted((await stage.runs.get_many(sorted(stage.added), scope=EVERYTHING)).values(), key=lambda run: run.id, reverse=True)


def filters(times: list[datetime]) -> list[RunFilter]:
    """Return conditions, alone and in pairs."""
    ones: list[dict[str, object]] = [
        {}, {"states": [RunState.RUNNING]}, {"states": [RunState.SKIPPED]}, {"states": [RunState.BLOCKED]}, {"is_lost": True},
        {"states": [RunState.PENDING, RunState.FAILED]}, {"states": [RunState.SKIPPED], "is_lost": True}, {"states": [RunState.COMPLETED]},
        {"task": "a"}, {"task": "none"}, {"queue": "mail"}, {"label": "l"}, {"reason": "lost"}, {"origin": "schedule"},
        {"priority": Priority.HIGH}, {"schedule_id": 2}, {"since": times[0]}, {"until": times[0]}, {"since": times[0], "until": times[1]},
    ]  # fmt: skip
    pairs = [one | other for one, other in itertools.combinations(ones, 2)]
    return [RunFilter(**each) for each in ones + pairs]  # type: ignore[arg-type]  # drawn from a table


@pytest.mark.scenario("U9", part="store")
async def test_every_filter_gives_its_runs_and_their_total(stage: Stage) -> None:
    runs = await fill(stage)
    seen = {(run.state, run.reason if run.state is RunState.FAILED else None) for run in runs}
    assert {state for state, _ in seen} >= set(RunState) - {RunState.SUSPENDED, RunState.TIMEOUT, RunState.CANCELLED}
    assert (RunState.FAILED, "lost") in seen
    times = sorted(run.created_at for run in runs)
    found_any = 0
    for wanted in filters([times[30], times[60]]):
        expected = [run.id for run in runs if wanted.lets(run)]
        assert await stage.runs.lists.ids(wanted, n=500, scope=EVERYTHING) == expected, wanted
        assert await stage.runs.lists.count(wanted, scope=EVERYTHING) == len(expected), wanted
        found_any += bool(expected)
    assert found_any > 100


@pytest.mark.scenario("U9", part="paging")
@pytest.mark.parametrize("wanted", [RunFilter(origin="schedule"), RunFilter(task="a", origin="schedule"), RunFilter(schedule_id=1)])
async def test_pages_hold_still_while_runs_are_added_and_end(stage: Stage, wanted: RunFilter) -> None:
    runs = await fill(stage)
    expected = [run.id for run in runs if wanted.lets(run)]
    assert len(expected) > 8
    found: list[str] = []
    before = None
    while page := await stage.runs.lists.ids(wanted, start=before, n=3, scope=EVERYTHING):
        assert len(page) <= 3
        found += page
        before = found[-1]
        await stage.add_one(task="a", origin="schedule", schedule_id=1, slot_at=stage.clock.now + timedelta(days=len(found)))
        await stage.runs.cancel(expected[-2:])  # what moves into history stays where it was
    assert found == expected


async def test_a_filter_says_which_runs_it_lets_through(stage: Stage) -> None:
    run = await stage.get(await stage.add_one(task="a", label="l", origin="cli"))
    assert RunFilter().lets(run)
    assert RunFilter(since=run.created_at).lets(run)
    assert not RunFilter(until=run.created_at).lets(run)
    assert not RunFilter(is_lost=True).lets(run)
    assert (run.schedule_id, run.slot_at, run.blocked_by, run.blocked_on) == (None, None, None, None)
    slot = stage.clock.now + timedelta(hours=1)
    scheduled = await stage.get(await stage.add_one(schedule_id=7, slot_at=slot))
    assert (scheduled.schedule_id, scheduled.slot_at) == (7, slot)
