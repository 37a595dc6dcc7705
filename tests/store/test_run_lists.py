"""Lists of runs: pages, counts and the longest, against what is true of every single run; by windows, in both directions, under inserts."""

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.errors import NotFound
from mainspring.core.policy import Priority
from mainspring.core.run import Completed, Failed, Lost, Outcome, Run, Skipped
from mainspring.core.run_filter import LOST, RunFilter
from mainspring.core.state import RunState
from mainspring.store.run_lists import RunSlice, Way
from tests.store.harness import Stage

GONE = Lost("lost", {"message": "the node vanished"}, is_alone=True)
ENDS: tuple[Outcome | None, ...] = (
    None, None, Completed(), Completed(), Skipped("no"), GONE,
    Failed({"type": "E", "message": "m", "fingerprint": "ab12"}, is_terminal=True),
)  # fmt: skip


async def fill(stage: Stage, n: int = 90) -> list[Run]:
    """Leave runs of every kind; answers them newest first."""
    draw = random.Random(7)
    nodes = [await stage.node(name, lease=timedelta(days=30)) for name in ("one", "two")]
    for number in range(n):
        limit = "task:held" if draw.random() < 0.1 else None
        run_id = await stage.add_one(
            task=draw.choice(("a_b", "axb", "c")), queue=draw.choice(("default", "mail")), label=draw.choice((None, None, "l")),
            max_rescues=0, origin=draw.choice(("api", "cli")), priority=draw.choice((Priority.HIGH, Priority.LOW)), limit_task=limit,
            delay=draw.choice((None, None, timedelta(days=30))), tenant=draw.choice(("", "acme", "globex")),
            actor=draw.choice((None, "ada", "bob")), key=draw.choice((None, None, f"k{number}")),
            schedule_id=(schedule := draw.choice((None, 1, 2))),
            slot_at=None if schedule is None else stage.clock.now + number * timedelta(minutes=1),
        )  # fmt: skip
        await stage.clock.advance(draw.choice((0, 1, 600)))  # some at the same time
        if limit is None:
            await stage.runs.promote()
        outcome = draw.choice(ENDS)
        claimed = [run for run in await stage.claim(draw.choice(nodes)) if run.id == run_id]
        await stage.clock.advance(draw.choice((0, 5, 40)))
        for run in claimed:
            if outcome is not None:
                await stage.settle(run, outcome)
    return await everything(stage)


async def everything(stage: Stage) -> list[Run]:
    return sorted((await stage.runs.get_many(sorted(stage.added), scope=EVERYTHING)).values(), key=lambda run: run.id, reverse=True)


def filters(runs: Sequence[Run]) -> list[RunFilter]:
    """Return conditions, alone and in pairs."""
    times = sorted(run.created_at for run in runs)
    keyed = next(run for run in runs if run.key is not None)
    held = next(run for run in runs if run.node_id is not None)
    ones: list[dict[str, object]] = [
        {}, {"states": [RunState.RUNNING]}, {"states": [RunState.SKIPPED]}, {"is_lost": True}, {"states": [RunState.COMPLETED]},
        {"states": [RunState.PENDING, RunState.FAILED]}, {"states": [RunState.SKIPPED, RunState.BLOCKED], "is_lost": True},
        {"task": "a_b"}, {"tasks": ["a_b"]}, {"tasks": ["a_b", "c"]}, {"tasks": []}, {"queue": "mail"}, {"queue": "default"},
        {"label": "l"},
        {"reason": "lost"}, {"origin": "cli"}, {"priority": Priority.HIGH}, {"schedule_id": 2}, {"key": keyed.key}, {"actor": "ada"},
        {"tenant": "acme"}, {"nodes": [held.node_id]}, {"longer": timedelta(seconds=5)}, {"shorter": timedelta(seconds=30)},
        {"since": times[20]}, {"until": times[40]},
    ]  # fmt: skip
    pairs = [one | other for one, other in itertools.combinations(ones, 2)]
    return [RunFilter(**each) for each in ones + pairs]  # type: ignore[arg-type]  # drawn from a table


SCOPES = (
    EVERYTHING, Scope(frozenset({"acme"})), Scope(frozenset({"acme", ""})), Scope(frozenset({"acme", "globex"}), hidden=frozenset({"c"})),
    Scope(owner="ada"), Scope(private=frozenset({"a_b"}), viewer="bob"), Scope(frozenset()),
)  # fmt: skip


@pytest.mark.scenario("S3-55", part="store")
@pytest.mark.scenario("U8", part="store")
async def test_every_filter_gives_its_runs_and_its_counts(stage: Stage) -> None:
    runs = await fill(stage)
    now = stage.clock.now
    found_any = 0
    for number, wanted in enumerate(filters(runs)):
        scope = SCOPES[number % len(SCOPES)] if number % 3 else EVERYTHING
        seen = [run for run in runs if scope.sees(run.tenant, run.actor, run.task)]
        expected = [run.id for run in seen if wanted.lets(run, now)]
        page = await stage.store.run_lists.page(wanted, scope=scope, n=500)
        assert [run.id for run in page.runs] == expected, (wanted, scope)
        assert (page.edge, page.is_whole) == (None, True)
        rising = await stage.store.run_lists.page(wanted, scope=scope, n=500, way="up")
        assert [run.id for run in rising.runs] == expected[::-1], (wanted, scope)
        tally = await stage.store.run_lists.tally(wanted, scope=scope)
        free = replace(wanted, states=None, is_lost=False)
        states = Counter(str(run.state) for run in seen if free.lets(run, now))
        lost = sum(free.lets(run, now) and run.state is RunState.FAILED and run.reason in LOST for run in seen)
        assert {name: each.n for name, each in tally.items() if each.n} == {**states, **({"lost": lost} if lost else {})}, (wanted, scope)
        assert not any(each.is_bounded for each in tally.values())
        found_any += bool(expected)
    assert found_any > 150


@pytest.mark.scenario("U8", part="paging")
@pytest.mark.parametrize("window", [3, 7, 20_000])
@pytest.mark.parametrize(
    "wanted",
    [RunFilter(), RunFilter(origin="cli"), RunFilter(task="a_b", origin="cli"), RunFilter(states=[RunState.FAILED, RunState.RUNNING])],
)
async def test_pages_in_both_directions_have_everything_once(stage: Stage, wanted: RunFilter, window: int) -> None:
    """Whatever the window, and while runs are added and end: none is left out, and none comes twice."""
    runs = await fill(stage, 60)
    expected = [run.id for run in runs if wanted.lets(run)]
    assert len(expected) > 8

    async def step(start: str | None, way: Way) -> RunSlice:
        return await stage.store.run_lists.page(wanted, scope=EVERYTHING, start=start, way=way, n=4, window=window)

    found: list[str] = []
    start = None
    looks = 0
    while True:
        page = await step(start, "down")
        assert len(page.runs) <= 4 and (page.is_whole or page.edge is not None)
        found += [run.id for run in page.runs]
        looks += 1
        assert looks < 200
        await stage.add_one(task="a_b", origin="cli")  # newer than all: it moves nothing
        if (start := page.edge) is None:
            break
    assert found == expected
    rising: list[str] = []
    start = runs[-1].id
    while start is not None and len(rising) < len(expected):
        page = await step(start, "up")
        rising += [run.id for run in page.runs]
        start = page.edge
    older = [each for each in expected[::-1] if each > runs[-1].id]
    assert [each for each in rising if each in set(expected)][: len(older)] == older


@pytest.mark.scenario("U8", part="equal times")
async def test_runs_of_one_moment_are_neither_skipped_nor_repeated(stage: Stage) -> None:
    ids = sorted([await stage.add_one() for _ in range(25)], reverse=True)
    assert len({run.created_at for run in await everything(stage)}) == 1
    found: list[str] = []
    start = None
    for _ in range(9):
        page = await stage.store.run_lists.page(RunFilter(), scope=EVERYTHING, start=start, n=3)
        found += [run.id for run in page.runs]
        start = page.edge
    assert found == ids and start is None
    back = await stage.store.run_lists.page(RunFilter(), scope=EVERYTHING, start=ids[10], way="up", n=3)
    assert [run.id for run in back.runs] == ids[9:6:-1]


async def test_counts_stop_at_their_bound_and_say_so(stage: Stage) -> None:
    node = await stage.node()
    for _ in range(12):
        run = await stage.claim_new(node)
        await stage.settle(run, Failed({"type": "E"}, is_terminal=True))
    await stage.add_new(5)
    tally = await stage.store.run_lists.tally(RunFilter(), scope=EVERYTHING, cap=10, window=6)
    assert (tally["failed"].n, tally["failed"].is_bounded) == (10, True)
    assert (tally["pending"].n, tally["pending"].is_bounded) == (5, False)
    assert (tally["completed"].n, tally["completed"].is_bounded) == (0, True)
    narrow = await stage.store.run_lists.tally(RunFilter(queue="default"), scope=EVERYTHING, cap=10, window=6)
    assert (narrow["failed"].n, narrow["failed"].is_bounded) == (6, True)
    assert (narrow["completed"].n, narrow["completed"].is_bounded) == (0, True)


async def test_the_longest_come_first(stage: Stage) -> None:
    runs = await fill(stage, 60)
    ended = [run for run in runs if run.finished_at and run.started_at]
    spans = sorted(((run.finished_at - run.started_at, run.id) for run in ended if run.finished_at and run.started_at), reverse=True)
    found = await stage.store.run_lists.longest(RunFilter(), scope=EVERYTHING, n=7)
    assert [run.id for run in found] == [id_ for _, id_ in spans[:7]]


@pytest.mark.scenario("S3-55", part="search")
async def test_runs_are_found_by_parameters_and_errors(stage: Stage) -> None:
    node = await stage.node()
    by_tenant: dict[str, list[str]] = {"1": [], "2": []}
    wrong: list[str] = []
    for number in range(20):
        run_id = stage.new_id()
        value = "1" if number % 2 else "2"
        await stage.store.search.add([(run_id, "t", [("customer", value)])])
        await stage.add(stage.new("t", id=run_id))
        by_tenant[value].append(run_id)
        (claimed,) = [each for each in await stage.claim(node) if each.id == run_id]
        is_wrong = number % 5 == 0
        error = {"type": "E", "message": "m", "fingerprint": "feed"}
        await stage.settle(claimed, Failed(error, is_terminal=True) if is_wrong else Completed())
        wrong += [run_id] * is_wrong
    lists = stage.store.run_lists
    page = await lists.page(RunFilter(), scope=EVERYTHING, terms=[("customer", "1")], n=4)
    assert [run.id for run in page.runs] == by_tenant["1"][::-1][:4] and page.edge is not None
    rest = await lists.page(RunFilter(), scope=EVERYTHING, terms=[("customer", "1")], n=20, start=page.edge)
    assert [run.id for run in rest.runs] == by_tenant["1"][::-1][4:] and rest.edge is None
    newer = await lists.page(RunFilter(), scope=EVERYTHING, terms=[("customer", "1")], n=3, start=rest.runs[-1].id, way="up")
    assert [run.id for run in newer.runs] == by_tenant["1"][1:4]
    failed = await lists.page(RunFilter(), scope=EVERYTHING, errors=["feed"], n=10)
    assert [run.id for run in failed.runs] == wrong[::-1]
    both = await lists.page(RunFilter(), scope=EVERYTHING, terms=[("customer", "1")], errors=["feed"], n=10)
    assert [run.id for run in both.runs] == sorted(set(wrong) & set(by_tenant["1"]), reverse=True)
    assert (await lists.page(RunFilter(), scope=EVERYTHING, errors=[], n=10)).runs == []
    assert (await lists.page(RunFilter(), scope=Scope(frozenset({"other"})), errors=["feed"], n=10)).runs == []
    tally = await lists.tally(RunFilter(), scope=EVERYTHING, terms=[("customer", "1")])
    assert (tally["completed"].n, tally["failed"].n) == (8, 2)
    assert set(await lists.ids(RunFilter(states=[RunState.FAILED]), scope=EVERYTHING)) == set(wrong)


async def test_a_list_brings_no_payloads(stage: Stage) -> None:
    run_id = await stage.add_one(params='{"secret": "in the parameters"}')
    (brief,) = await stage.store.run_lists.briefs([run_id])
    assert not hasattr(brief, "params") and "in the parameters" not in str(brief)
    assert brief.id == run_id and brief.error_type is None


@pytest.mark.scenario("U8", part="saved views")
async def test_views_are_saved_for_oneself_or_for_all(stage: Stage) -> None:
    views = stage.store.run_views
    mine = await views.save("ada", "mine", "status:failed", "new", is_shared=False)
    await views.save("ada", "ours", "task:a", "new", is_shared=True)
    assert await views.save("ada", "mine", "status:lost", "new", is_shared=False) == mine
    assert [(each.name, each.query, each.is_shared) for each in await views.list("ada")] == [
        ("mine", "status:lost", False), ("ours", "task:a", True),
    ]  # fmt: skip
    assert [each.name for each in await views.list("bob")] == ["ours"]
    with pytest.raises(NotFound, match="only its owner"):
        await views.remove("bob", mine)
    assert await views.remove("ada", mine) == "mine"
    assert [each.name for each in await views.list("ada")] == ["ours"]
