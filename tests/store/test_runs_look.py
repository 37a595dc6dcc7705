"""Looking at runs: by id, by the end of an id, page by page, counted."""

from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import Conflict, UnknownRun
from mainspring.core.run import Failed, Skipped
from mainspring.core.state import RunState
from mainspring.store.sqlite import SqliteDatabase
from tests.store.harness import Stage


async def test_runs_are_found_wherever_they_are(stage: Stage) -> None:
    node = await stage.node()
    done, waiting = await stage.claim_new(node), await stage.add_one()
    await stage.complete(done)
    found = await stage.runs.get_many([waiting, done.id, stage.new_id()], scope=EVERYTHING)
    assert {run_id: run.state for run_id, run in found.items()} == {
        waiting: RunState.PENDING, done.id: RunState.COMPLETED,
    }  # fmt: skip
    assert await stage.runs.get_many([], scope=EVERYTHING) == {}


@pytest.mark.parametrize("run_id", ["no id at all", "01900000", "01900000-0000-7000-8000-00000000000g"])
async def test_what_is_no_id_names_no_run(stage: Stage, run_id: str) -> None:
    with pytest.raises(UnknownRun, match=run_id):
        await stage.store.runs.get(run_id, scope=EVERYTHING)


async def test_an_unknown_run_is_named(stage: Stage) -> None:
    run_id = stage.new_id()
    with pytest.raises(UnknownRun, match=run_id):
        await stage.get(run_id)
    with pytest.raises(UnknownRun, match=run_id):
        await stage.store.events.after(run_id, scope=EVERYTHING)
    assert await stage.runs.attempts(run_id, scope=EVERYTHING) == []


async def test_the_end_of_an_id_is_enough(stage: Stage) -> None:
    done, waiting = await stage.claim_new(), await stage.add_one()
    await stage.complete(done)
    for run_id in (done.id, waiting):
        assert await stage.runs.find(run_id[-8:], scope=EVERYTHING) == run_id
        assert await stage.runs.find(f" {run_id[-8:].upper()} ", scope=EVERYTHING) == run_id
        assert await stage.runs.find(run_id, scope=EVERYTHING) == run_id
    with pytest.raises(UnknownRun, match="at least its last four characters"):
        await stage.runs.find("xyz", scope=EVERYTHING)
    with pytest.raises(UnknownRun, match="ends with '00000000'"):
        await stage.runs.find("00000000", scope=EVERYTHING)


async def test_an_ambiguous_end_lists_those_that_fit(stage: Stage) -> None:
    first, second = stage.new_id(), stage.new_id()
    twin = second[:-4] + first[-4:]
    await stage.add(stage.new(id=first), stage.new(id=twin))
    with pytest.raises(Conflict, match=rf"{twin}, {first}"):
        await stage.runs.find(first[-4:], scope=EVERYTHING)


async def _paged(stage: Stage, n: int, **filters: object) -> list[str]:
    ids: list[str] = []
    while True:
        page = await stage.runs.page(n=n, before=ids[-1] if ids else None, **filters, scope=EVERYTHING)  # type: ignore[arg-type]
        ids += [run.id for run in page]
        if len(page) < n:
            return ids


async def test_pages_are_newest_first_over_both_tables(stage: Stage) -> None:
    ids: list[str] = []
    node = await stage.node()
    for n in range(9):
        if n % 3:
            run = await stage.claim_new(node)
            await (stage.complete(run) if n % 3 == 1 else stage.settle(run, Failed({"type": "E"}, is_terminal=True)))
            ids.append(run.id)
        else:
            ids.append(await stage.add_one(delay=timedelta(hours=1)))
        await stage.clock.advance(0.01)
    for n in (1, 2, 4, 9, 50):
        assert await _paged(stage, n) == ids[::-1]


FILTERS: list[dict[str, object]] = [
    {"task": "a"},
    {"queue": "y"},
    {"label": "l1"},
    {"states": [RunState.COMPLETED]},
    {"states": [RunState.PENDING, RunState.FAILED]},
    {"states": [RunState.FAILED, RunState.SKIPPED], "task": "b"},
    {"states": [RunState.COMPLETED, RunState.SKIPPED], "queue": "x", "label": "l0"},
    {"task": "a", "label": "l2", "queue": "x"},
    {"states": [RunState.RUNNING]},
    {"states": []},
    {"task": "nothing"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
async def test_filters_are_joined_by_and_and_stable_over_pages(stage: Stage, filters: dict[str, object]) -> None:
    node = await stage.node()
    for n in range(16):
        fields = {"task": "ab"[n % 2], "queue": "xy"[n // 2 % 2], "label": f"l{n % 3}"}
        if n % 4 == 0:
            await stage.add_one(**fields, delay=timedelta(hours=1))
            continue
        run = await stage.claim_new(node, **fields)
        if n % 4 == 1:
            await stage.complete(run)
        else:
            outcome = Failed({"type": "E"}, is_terminal=True) if n % 4 == 2 else Skipped("nothing")
            await stage.settle(run, outcome)
    wanted = [
        run.id
        for run in await stage.runs.page(n=100, scope=EVERYTHING)
        if all(
            run.state in value if name == "states" else getattr(run, name) == value  # type: ignore[operator]
            for name, value in filters.items()
        )
    ]
    assert await _paged(stage, 2, **filters) == wanted
    assert await _paged(stage, 100, **filters) == wanted


@pytest.mark.parametrize("kind", ["memory"])
@pytest.mark.parametrize("states", [[RunState.FAILED], [RunState.COMPLETED], [RunState.FAILED, RunState.COMPLETED]], ids=str)
@pytest.mark.parametrize("task", [None, "t"])
async def test_a_page_of_finished_runs_looks_at_none_that_wait(stage: Stage, states: list[RunState], task: str | None) -> None:
    await stage.add_new(2000)
    database = stage.database
    assert isinstance(database, SqliteDatabase) and database._connection is not None
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    database._connection.set_progress_handler(count, 1000)
    assert await stage.runs.page(states=states, task=task, scope=EVERYTHING) == []
    database._connection.set_progress_handler(None, 0)
    assert steps <= 1


async def test_pages_stay_stable_while_runs_are_added_and_move(stage: Stage) -> None:
    ids = await stage.add_new(6)
    first = await stage.runs.page(n=3, scope=EVERYTHING)
    await stage.add_new(4)
    await stage.complete(*[run for run in await stage.claim(await stage.node()) if run.id in ids])
    second = await stage.runs.page(n=3, before=first[-1].id, scope=EVERYTHING)
    assert [run.id for run in [*first, *second]] == ids[::-1]


async def test_waiting_runs_are_counted_by_queue_and_state(stage: Stage) -> None:
    await stage.add_new(3, queue="a")
    since = stage.clock.now
    await stage.clock.advance(4)
    await stage.add_new(2, queue="a")
    await stage.add_new(2, queue="b", delay=timedelta(hours=1))
    counts = await stage.runs.waiting(scope=EVERYTHING)
    assert [(row["queue"], row["state"], row["n"], row["oldest_at"]) for row in counts] == [
        ("a", RunState.PENDING, 5, since), ("b", RunState.PENDING, 2, None),
    ]  # fmt: skip
    await stage.claim(await stage.node(), 1)
    counts = await stage.runs.waiting(scope=EVERYTHING)
    assert {(row["queue"], row["state"]): row["n"] for row in counts} == {
        ("a", RunState.PENDING): 4, ("a", RunState.RUNNING): 1, ("b", RunState.PENDING): 2,
    }  # fmt: skip
    assert sum(row["n"] for row in await stage.runs.waiting(bound=3, scope=EVERYTHING)) == 3
