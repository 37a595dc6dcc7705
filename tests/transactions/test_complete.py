"""``ctx.complete_in``: the run completes in its body's own transaction, once, whatever becomes of the processes around it."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring, Run, errors
from mainspring.core.event import EventKind
from tests.aio import run, until
from tests.transactions import complete_tasks as bodies
from tests.transactions.callers import ASYNC_POSTGRES, ASYNC_SQLITE, Place

TASKS: list[Any] = [
    bodies.pay, bodies.pay_async, bodies.pay_in_thread, bodies.pay_blocking_on_the_loop, bodies.refused, bodies.talk, bodies.order_more,
]  # fmt: skip
BOTH = pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
POSTGRES = pytest.mark.parametrize("dialect", ["postgres"])
EVERYWHERE = pytest.mark.parametrize("isolation", ["process", "thread", "inline"])
HERE = pytest.mark.parametrize("isolation", ["thread", "inline"])  # what does not depend on the executor


@contextlib.asynccontextmanager
async def working(place: Place, isolation: str) -> AsyncIterator[Mainspring]:
    async with Mainspring(place.url, tasks=TASKS, isolation=isolation) as app, app.worker() as runner:
        yield app
        assert runner.worker.recorder.lost_leases == 0


async def ended(app: Mainspring, task: Any, **params: Any) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.TransactionNotGiven)
        handle = await app.enqueue(task, **params)
    return await app.wait_for(handle.id, 60)


@BOTH
@EVERYWHERE
def test_a_body_completes_its_run_together_with_its_effect(place: Place, isolation: str) -> None:
    async def main() -> None:
        async with working(place, isolation) as app:
            found = await ended(app, bodies.pay, url=place.url, n=1)
            assert (str(found.state), found.result, found.attempt) == ("completed", '{"paid":1}', 1)
            assert found.started_at is not None and found.finished_at is not None and found.started_at <= found.finished_at
        assert place.orders() == [1]
        assert place.rows("select count(*) from mainspring.hot_runs") == [(0,)]
        assert place.rows("select task, state, n from mainspring.stats") == [("pay", 10, 1)]

    run(main())


@pytest.mark.parametrize(("dialect", "kind"), [("postgres", kind) for kind in ASYNC_POSTGRES] + [("sqlite", kind) for kind in ASYNC_SQLITE])
def test_so_does_an_async_body_on_every_kind_of_connection(place: Place, kind: str) -> None:
    async def main() -> None:
        async with working(place, "inline") as app:
            found = await ended(app, bodies.pay_async, url=place.url, n=1, kind=kind)
            assert (str(found.state), found.result, found.error) == ("completed", '{"paid":1}', None)
        assert place.orders() == [1]

    run(main())


@POSTGRES
@EVERYWHERE
def test_async_bodies_in_children_and_threads(place: Place, isolation: str) -> None:
    async def main() -> None:
        async with working(place, isolation) as app:
            assert (await ended(app, bodies.pay_async, url=place.url, n=1, kind="asyncpg")).result == '{"paid":1}'
            assert str((await ended(app, bodies.pay_in_thread, url=place.url, n=2)).state) == "completed"
            assert (await ended(app, bodies.pay_blocking_on_the_loop, url=place.url, n=3)).result == "[3]"
        assert place.orders() == [1, 2, 3]

    run(main())


@BOTH
@HERE
def test_a_transaction_that_rolls_back_completes_nothing(place: Place, isolation: str) -> None:
    async def main() -> None:
        async with working(place, isolation) as app:
            again = await ended(app, bodies.pay, url=place.url, n=1, how="roll back once")
            assert (str(again.state), again.result, again.attempt, again.retries) == ("completed", '{"paid":1}', 2, 1)
            returned = await ended(app, bodies.pay, url=place.url, n=2, how="roll back and return")
            assert (str(returned.state), returned.result) == ("completed", '"returned"')
        assert place.orders() == [1]

    run(main())


@BOTH
@pytest.mark.failure(1)
@pytest.mark.parametrize(("isolation", "how"), [("process", "kill"), ("process", "raise"), ("inline", "raise"), ("thread", "raise")])
def test_what_happens_after_the_commit_changes_nothing(place: Place, isolation: str, how: str) -> None:
    async def main() -> None:
        async with working(place, isolation) as app:
            found = await ended(app, bodies.pay, url=place.url, n=1, how=how)
            assert (str(found.state), found.result, found.attempt, found.error) == ("completed", '{"paid":1}', 1, None)
            after = await ended(app, bodies.pay, url=place.url, n=2)  # the node is well
            assert str(after.state) == "completed"
        assert place.orders() == [1, 2]

    run(main())


@BOTH
@pytest.mark.failure(1)
def test_a_process_that_dies_before_the_commit_has_done_nothing(place: Place) -> None:
    async def main() -> None:
        async with working(place, "process") as app:
            found = await ended(app, bodies.pay, url=place.url, n=1, how="kill before")
            assert (str(found.state), found.result, found.attempt) == ("completed", '{"paid":1}', 2)
        assert place.orders() == [1]

    run(main())


@POSTGRES
@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_the_fence_makes_the_bodys_transaction_fail(place: Place, isolation: str, tmp_path: Path) -> None:
    told = tmp_path / "told"

    async def main() -> None:
        async with Mainspring(place.url, tasks=TASKS, isolation=isolation) as app, app.worker() as runner:
            handle = await app.enqueue(bodies.refused, url=place.url, n=1, told=str(told))
            await until(lambda: runner.worker.recorder.lost_leases == 1)
            assert "is no longer this attempt's" in told.read_text()
            assert place.orders() == []
            assert place.runs() == [handle.id]

    run(main())


@BOTH
@EVERYWHERE
def test_what_was_said_before_is_kept(place: Place, isolation: str) -> None:
    async def main() -> None:
        async with working(place, isolation) as app:
            found = await ended(app, bodies.talk, url=place.url)
            events = [event async for event in app.follow(found.id)]
            lines = [str((event.data or {}).get("message")) for event in events if event.kind is EventKind.LOG]
            assert lines == [f"line {n}" for n in range(50)]
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert events[-1].kind is EventKind.COMPLETED

    run(main())


@BOTH
def test_outside_a_body_there_is_nothing_to_complete(place: Place) -> None:
    from mainspring.core.context import Context

    class Sink:
        def log(self, *_: object) -> None: ...

        def progress(self, *_: object) -> None: ...

        def attach(self, *_: object) -> Any: ...

    context = Context(run_id="r", task="t", attempt=1, claim_id="c", queue="q", tenant="", sink=Sink())
    with pytest.raises(errors.Conflict, match="works in a body that runs"):
        context.complete_in(object())


@BOTH
def test_a_body_enqueues_in_its_own_transaction(place: Place) -> None:
    async def main() -> None:
        async with working(place, "process") as app:
            found = await ended(app, bodies.order_more, url=place.url)
            _, kept = json.loads(found.result or "[]")
            assert place.runs() == [kept]
            child = await app.read_run(kept)
            assert (child.origin, child.actor) == ("task", f"run:{found.id}")
        assert place.orders() == [2]

    run(main())
