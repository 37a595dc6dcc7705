"""Bodies that are asked to stop more than once: by a person, with each beat, and by a node that stops meanwhile."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mainspring.core.run import CancelledByRequest
from mainspring.engine.local_pools import ThreadPool
from mainspring.engine.pools import Limits
from tests.aio import until
from tests.engine import bodies
from tests.engine.spy import TASKS, Spy, claimed, open_pool, run, shared_template

__all__ = ["shared_template"]  # a fixture that pytest finds here


def test_the_cleaning_up_of_a_body_in_a_child_is_not_interrupted(tmp_path: Path) -> None:
    async def story() -> None:
        paths = {name: tmp_path / name for name in ("begun", "go", "done")}
        async with open_pool("async", Limits(grace=20)) as (pool, spy):
            each = claimed(bodies.clean_up, json.dumps({name: str(path) for name, path in paths.items()}))
            pool.submit(each)
            await until(lambda: bool(pool._executors[0]._began), "the body's start")
            pool.cancel(each.id, "requested")
            await until(paths["begun"].exists, "the body's cleaning up")
            pool.cancel(each.id, "requested")
            pool.cancel(each.id, "shutdown")
            other = claimed(bodies.noop)  # what the child says of it comes after all that was asked
            pool.submit(other)
            await spy.end_of(other)
            assert each.id not in spy.ends
            paths["go"].touch()
            assert isinstance(await spy.end_of(each), CancelledByRequest)
            assert paths["done"].exists()

    run(story())


@pytest.mark.parametrize("why", ["requested", "shutdown"])
def test_a_body_in_a_thread_that_has_just_ended_can_be_asked(why: str) -> None:
    async def story() -> None:
        spy = Spy()
        pool = ThreadPool(TASKS, spy, slots=1)
        await pool.start()
        each = claimed(bodies.noop)
        pool.submit(each)
        pool._pump()
        held, patience = pool._running[each.id], time.monotonic() + 20
        while held.loop is None or not held.loop.is_closed():  # its report waits until this loop goes on
            assert time.monotonic() < patience
        pool.cancel(each.id, why)  # type: ignore[arg-type]  # one of the two
        await spy.end_of(each)
        await pool.stop(0.2)

    run(story())
