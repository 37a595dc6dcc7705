"""Runs with gates in transactions of the caller's: nobody is asked about a run that is not there, and its locks are in nobody's way."""

from __future__ import annotations

from typing import Any

import pytest

from mainspring import Mainspring, task
from mainspring.core.errors import UnknownRun
from mainspring.core.state import RunState
from tests.aio import run
from tests.transactions.callers import ASYNC_POSTGRES, ASYNC_SQLITE, Place, async_caller


@task(overlap="queue:2")
async def queued(n: int = 0) -> int:
    return n


@task
async def plain() -> None: ...


@task(depends_on=plain)
async def after() -> None: ...


TASKS: list[Any] = [queued, plain, after]
CALLERS = [("postgres", ASYNC_POSTGRES[0]), ("postgres", ASYNC_POSTGRES[1]), ("sqlite", ASYNC_SQLITE[0])]


@pytest.mark.parametrize(("dialect", "kind"), CALLERS)
def test_a_run_of_an_open_transaction_holds_up_nobody_and_is_asked_once_it_is_there(place: Place, kind: str) -> None:
    async def main() -> None:
        async with Mainspring(place.url, tasks=TASKS, isolation="inline") as app, app.worker(), async_caller(kind, place) as caller:
            await caller.begin()
            later = await app.enqueue(queued.options(connection=caller.given), n=2)
            if place.url.startswith("postgres"):  # an SQLite file has one writer, and that is the caller now
                assert await app.run(queued, n=1) == 1
            with pytest.raises(UnknownRun):
                await app.read_run(later.id)
            await caller.commit()
            ended = await app.wait_for(later.id, 30)
            assert (ended.state, ended.result) == (RunState.COMPLETED, "2")

    run(main())


@pytest.mark.parametrize(("dialect", "kind"), CALLERS)
def test_a_run_of_a_transaction_that_is_rolled_back_was_never_in_the_way(place: Place, kind: str) -> None:
    async def main() -> None:
        async with (
            Mainspring(place.url, tasks=TASKS, isolation="inline") as app,
            app.worker() as runner,
            async_caller(kind, place) as caller,
        ):
            await caller.begin()
            never = [await app.enqueue(each.options(connection=caller.given)) for each in (queued, after)]
            await caller.rollback()
            await runner.gatekeeper.tick()
            assert await app.run(queued, n=3) == 3
            for each in never:
                with pytest.raises(UnknownRun):
                    await app.read_run(each.id)

    run(main())
