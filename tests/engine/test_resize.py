"""Pools whose slots change while they work, with real children."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainspring.engine.pools import Limits
from tests.aio import until
from tests.engine import bodies
from tests.engine.spy import claimed, open_pool, run, shared_template

__all__ = ["shared_template"]  # a fixture that pytest finds here


@pytest.mark.scenario("S3-24", part="children")
def test_def_children_come_and_go_and_no_body_is_hurt(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_pool("def", size=1) as (pool, spy):
            gos = [tmp_path / f"go{n}" for n in range(3)]
            runs = [claimed(bodies.wait_for_file_def, f'{{"path":"{go}"}}', timeout=60) for go in gos]
            for each in runs:
                pool.submit(each)
            assert pool.slots == pool.size == 1
            pool.resize(3)
            await until(lambda: pool.slots == 3 and sum(each.load for each in pool._executors) == 3, "three at once")
            pool.resize(1)
            assert (pool.size, pool.holding) == (1, 3)  # they go on to their end
            for go in gos:
                go.touch()
            for each in runs:
                assert str(await spy.end_of(each)).startswith("Completed")
            await until(lambda: len(pool._executors) == 1 and pool.free == 1, "one child again")

    run(story())


@pytest.mark.scenario("S3-24", part="children")
def test_the_child_of_async_bodies_learns_of_its_slots(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_pool("async", Limits(slots=1, grace=0.4)) as (pool, spy):
            go = tmp_path / "go"
            runs = [claimed(bodies.wait_for_file, f'{{"path":"{go}"}}', timeout=60) for _ in range(3)]
            for each in runs[:2]:
                pool.submit(each)
            executor = pool._executors[0]
            await until(lambda: executor._cells[0] >= 1, "the first body")
            pool.resize(3)
            pool.submit(runs[2])
            await until(lambda: executor._cells[0] >= 3, "all three")
            pool.resize(1)
            assert (pool.slots, pool.free) == (1, 0)
            go.touch()
            for each in runs:
                assert str(await spy.end_of(each)).startswith("Completed")

    run(story())
