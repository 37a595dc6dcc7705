"""Runs found by their parameters."""

from mainspring.store.database import NEWEST
from mainspring.store.store import Store
from tests.store.harness import Stage


async def test_by_one_term_and_by_several(store: Store, stage: Stage) -> None:
    ids = await stage.add_new(6)
    terms = [[("colour", "red"), ("size", str(number % 3))] for number in range(6)]
    await store.search.add(
        [(run_id, "a" if number < 3 else "b", pairs) for number, (run_id, pairs) in enumerate(zip(ids, terms, strict=True))]
    )
    await store.search.add([(ids[0], "a", [("colour", "red")])])  # again: nothing
    find = store.search.find
    assert await find([("colour", "red")], before=NEWEST, task=None, n=10) == ids[::-1]
    assert await find([("colour", "red")], before=ids[3], task=None, n=2) == [ids[2], ids[1]]
    assert await find([("colour", "red"), ("size", "1")], before=NEWEST, task=None, n=10) == [ids[4], ids[1]]
    assert await find([("size", "1"), ("colour", "red")], before=NEWEST, task="a", n=10) == [ids[1]]
    assert await find([("size", "1"), ("colour", "blue")], before=NEWEST, task=None, n=10) == []
    assert await find([("size", "red")], before=NEWEST, task=None, n=10) == []


async def test_terms_are_replaced_and_go_with_their_run(store: Store, stage: Stage) -> None:
    one, other = await stage.add_new(2)
    await store.search.add([(one, "t", [("a", "1"), ("b", "1")]), (other, "t", [("a", "1")])])
    await store.search.replace(one, "t", [("a", "2"), ("b", "1")])
    find = store.search.find
    assert await find([("a", "1")], before=NEWEST, task=None, n=10) == [other]
    assert await find([("a", "2"), ("b", "1")], before=NEWEST, task=None, n=10) == [one]
    await store.files.purge([one])
    assert await find([("a", "2")], before=NEWEST, task=None, n=10) == []


async def test_terms_of_runs_that_were_never_added_are_swept(store: Store, stage: Stage) -> None:
    (there,) = await stage.add_new(1)
    never = stage.new_id()
    await store.search.add([(never, "t", [("a", "1")]), (there, "t", [("a", "1")])])
    await stage.clock.advance(7200)
    assert (await store.files.sweep()).runs == 1
    assert await store.search.find([("a", "1")], before=NEWEST, task=None, n=10) == [there]
