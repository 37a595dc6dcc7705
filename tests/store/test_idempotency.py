"""Idempotency keys: one answer for who asks twice, one run for who asked and died, and no key for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mainspring.store.idempotency import Claimed, Held
from tests.store.harness import Stage

PATIENCE = timedelta(seconds=30)


async def claim(stage: Stage, key: str = "k", *, what: str = "a", caller: str = "me", may_repeat: bool = True) -> Claimed | Held:
    return await stage.store.idempotency.claim(caller, key, what, patience=PATIENCE, may_repeat=may_repeat)


async def taken(stage: Stage, key: str = "k", *, what: str = "a", caller: str = "me", may_repeat: bool = True) -> Claimed:
    found = await claim(stage, key, what=what, caller=caller, may_repeat=may_repeat)
    assert isinstance(found, Claimed), found
    return found


async def held(stage: Stage, key: str = "k", *, what: str = "a", may_repeat: bool = True) -> Held:
    found = await claim(stage, key, what=what, may_repeat=may_repeat)
    assert isinstance(found, Held), found
    return found


async def test_the_first_takes_the_key_and_the_others_hear_its_answer(stage: Stage) -> None:
    keys = stage.store.idempotency
    first = await taken(stage)
    under_way = await held(stage)
    assert (under_way.fingerprint, under_way.status, under_way.is_interrupted) == ("a", None, False)
    assert await keys.answer(first, 202, {"location": "/runs/1"}, '{"id": "1"}')
    assert not await keys.answer(first, 500, {}, "")
    told = await held(stage, what="b")
    assert (told.fingerprint, told.status, told.headers, told.body) == ("a", 202, {"location": "/runs/1"}, '{"id": "1"}')
    other = await taken(stage, caller="you")
    assert other.run_id != first.run_id


async def test_of_many_at_once_one_takes_it(stage: Stage) -> None:
    found = await asyncio.gather(*(claim(stage) for _ in range(20)))
    assert sum(isinstance(each, Claimed) for each in found) == 1


async def test_an_interrupted_request_is_taken_over_with_its_run_where_it_may_be_done_twice(stage: Stage) -> None:
    keys = stage.store.idempotency
    first = await taken(stage)
    await stage.clock.advance(31)
    assert (await held(stage, may_repeat=False)).is_interrupted
    assert (await held(stage, what="b")).is_interrupted  # somebody who asks for something else takes nothing over
    second = await taken(stage)
    assert (second.run_id, second.claim == first.claim) == (first.run_id, False)
    assert not await keys.answer(first, 202, {}, "late")
    assert await keys.answer(second, 202, {}, "in time")
    assert (await held(stage)).body == "in time"


async def test_who_knows_that_it_was_interrupted_need_not_wait(stage: Stage) -> None:
    first = await taken(stage)
    await stage.store.idempotency.interrupt(first)
    assert (await taken(stage)).run_id == first.run_id


async def test_a_key_under_which_nothing_was_done_is_free_again(stage: Stage) -> None:
    first = await taken(stage)
    await stage.store.idempotency.release(first)
    second = await taken(stage, what="something else")
    assert second.run_id != first.run_id
    await stage.store.idempotency.release(first)  # not its any more
    assert (await held(stage)).fingerprint == "something else"


async def test_keys_are_forgotten_after_a_day(stage: Stage) -> None:
    keys = stage.store.idempotency
    first = await taken(stage)
    assert await keys.answer(first, 202, {}, "yesterday")
    await taken(stage, "young")
    await stage.clock.advance(24 * 3600 - 60)
    assert await keys.sweep() == 0
    assert (await held(stage)).body == "yesterday"
    await taken(stage, "younger")
    await stage.clock.advance(61)
    again = await taken(stage, what="b")  # free before anybody has swept
    assert again.run_id != first.run_id
    assert await keys.sweep() == 1
    assert (await held(stage)).status is None
    assert (await held(stage, "younger", may_repeat=False)).is_interrupted
