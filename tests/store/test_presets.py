"""Presets, favourites, and what tasks did lately, on every database."""

from __future__ import annotations

import pytest

from mainspring.core.access import EVERYTHING, Scope
from mainspring.core.state import RunState
from mainspring.store.store import Store
from tests.store.harness import ManualClock, Stage


async def test_a_preset_is_its_owner_s_unless_it_is_shared(store: Store) -> None:
    presets = store.presets
    first = await presets.put("backup", "ada", "nightly", {"jobs": 2}, is_shared=False, tenant="")
    other = await presets.put("backup", "bob", "nightly", {"jobs": 3, "text": "zażółć"}, is_shared=True, tenant="")
    await presets.put("backup", "bob", "elsewhere", {}, is_shared=True, tenant="acme")
    await presets.put("prune", "ada", "nightly", {}, is_shared=False, tenant="")
    mine = await presets.list("backup", "ada", tenant="")
    assert [(each.id, each.owner, each.is_shared, each.params) for each in mine] == [
        (first, "ada", False, {"jobs": 2}), (other, "bob", True, {"jobs": 3, "text": "zażółć"}),
    ]  # fmt: skip
    assert [each.id for each in await presets.list("backup", "eve", tenant="")] == [other]
    assert await presets.put("backup", "ada", "nightly", {"jobs": 9}, is_shared=True, tenant="") == first
    assert next(each for each in await presets.list("backup", "eve", tenant="") if each.id == first).params == {"jobs": 9}


async def test_a_preset_is_deleted_by_its_owner_or_by_who_may_anything(store: Store) -> None:
    presets = store.presets
    made = await presets.put("backup", "ada", "nightly", {}, is_shared=True, tenant="")
    assert await presets.drop("backup", made, "bob", is_any=False, tenant="") is None
    assert await presets.drop("prune", made, "ada", is_any=True, tenant="") is None
    assert await presets.drop("backup", made, "ada", is_any=True, tenant="acme") is None
    assert await presets.drop("backup", made, "bob", is_any=True, tenant="") == "nightly"
    assert await presets.list("backup", "ada", tenant="") == []


async def test_stars_are_put_once_and_taken_off(store: Store) -> None:
    for task in ("b", "a", "b"):
        await store.favourites.add("ada", task)
    await store.favourites.add("bob", "c")
    assert await store.favourites.list("ada") == ["a", "b"]
    await store.favourites.remove("ada", "a")
    await store.favourites.remove("ada", "nothing")
    assert await store.favourites.list("ada") == ["b"]


@pytest.mark.scenario("S3-51", part="store")
async def test_the_latest_runs_of_each_task_are_found_however_many_there_are(stage: Stage, clock: ManualClock) -> None:
    store = stage.store
    for number in range(12):
        await clock.advance(1)
        await stage.complete(await stage.claim_new(task="rare" if number == 0 else "often", tenant="acme" if number % 2 else ""))
    found = await store.tasks.outcomes(["often", "rare", "never"], 5, scope=EVERYTHING)
    assert {name: len(each) for name, each in found.items()} == {"often": 5, "rare": 1}
    assert [each.id for each in found["often"]] == sorted((each.id for each in found["often"]), reverse=True)
    assert found["rare"][0].state is RunState.COMPLETED and found["rare"][0].took_ms is not None
    seen = await store.tasks.outcomes(["often", "rare"], 5, scope=Scope(tenants=frozenset({"acme"})))
    assert {name: len(each) for name, each in seen.items()} == {"often": 5}
    assert await store.tasks.planned(scope=EVERYTHING) == {}
