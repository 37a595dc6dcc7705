"""Enqueueing inside the caller's own transaction: the run is there when that commits, and is not when it rolls back."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import sqlalchemy

from mainspring import Mainspring, Task, task
from tests.transactions.callers import (
    ASYNC_POSTGRES,
    ASYNC_SQLITE,
    BLOCKING_POSTGRES,
    BLOCKING_SQLITE,
    INSERT,
    Place,
    async_caller,
    blocking_caller,
    django_alias,
)


@task
async def send(n: int) -> None: ...


@task(dedupe="order:{n}")
async def send_once(n: int) -> None: ...


BLOCKING = [("postgres", kind) for kind in BLOCKING_POSTGRES] + [("sqlite", kind) for kind in BLOCKING_SQLITE]
ASYNC = [("postgres", kind) for kind in ASYNC_POSTGRES] + [("sqlite", kind) for kind in ASYNC_SQLITE]


@pytest.mark.scenario("I1", part="every connection")
@pytest.mark.parametrize(("dialect", "kind"), BLOCKING)
@pytest.mark.parametrize("what", [send, send_once])
def test_a_blocking_caller_commits_its_rows_and_its_run_together(place: Place, kind: str, what: Task[[int], None]) -> None:
    app = Mainspring(place.url, tasks=[send, send_once])
    with blocking_caller(kind, place) as caller:
        ids = []
        for n, is_committed in enumerate((False, True), 1):
            caller.begin()
            caller.execute(INSERT.format(n=n))
            run = app.blocking.enqueue(what.options(connection=caller.given), n)
            ids.append(run.id)
            assert run.is_new
            assert place.runs() == []
            (caller.commit if is_committed else caller.rollback)()
        assert place.orders() == [2]
        assert place.runs() == ids[1:]
        assert app.blocking.status(ids[1]).params == '{"n":2}'
    app.blocking.close()


@pytest.mark.scenario("I1", part="every connection")
@pytest.mark.parametrize(("dialect", "kind"), ASYNC)
@pytest.mark.parametrize("what", [send, send_once])
def test_an_async_caller_commits_its_rows_and_its_run_together(place: Place, kind: str, what: Task[[int], None]) -> None:
    async def main() -> None:
        async with Mainspring(place.url, tasks=[send, send_once]) as app, async_caller(kind, place) as caller:
            runs = []
            for n, is_committed in enumerate((False, True), 1):
                await caller.begin()
                await caller.execute(INSERT.format(n=n))
                runs.append(await app.enqueue(what.options(connection=caller.given), n))
                assert runs[-1].is_new
                assert place.runs() == []
                await (caller.commit if is_committed else caller.rollback)()
            assert place.orders() == [2]
            assert place.runs() == [runs[1].id]
            assert (await runs[1].status()).params == '{"n":2}'

    asyncio.run(main())


@pytest.mark.parametrize(("dialect", "kind"), BLOCKING)
def test_many_runs_and_a_delayed_one_go_into_one_transaction(place: Place, kind: str) -> None:
    app = Mainspring(place.url, tasks=[send, send_once])
    with blocking_caller(kind, place) as caller:
        caller.begin()
        bound: Any = send.options(connection=caller.given, delay="1h", label="late", priority="high", deadline="2h", timeout="3s")
        runs = app.blocking.enqueue_many(bound, [{"n": n} for n in range(3)])
        again = app.blocking.enqueue_many(send_once.options(connection=caller.given), [{"n": 1}, {"n": 2}, {"n": 1}])
        assert place.runs() == []
        caller.commit()
        assert [run.is_new for run in again] == [True, True, False]
        assert place.runs() == sorted({run.id for run in [*runs, *again]})
        found = app.blocking.status(runs[2].id)
        assert (found.params, found.label, found.priority.name, str(found.state)) == ('{"n":2}', "late", "HIGH", "pending")
        assert found.run_at is not None and (found.run_at - found.created_at).total_seconds() == 3600
    app.blocking.close()


@pytest.mark.parametrize(("dialect", "kind"), ASYNC)
def test_many_runs_go_into_one_async_transaction(place: Place, kind: str) -> None:
    async def main() -> None:
        async with Mainspring(place.url, tasks=[send]) as app, async_caller(kind, place) as caller:
            await caller.begin()
            [alone] = await app.enqueue_many(send.options(connection=caller.given, delay="1h"), [{"n": 5}])
            runs = await app.enqueue_many(send.options(connection=caller.given), [{"n": n} for n in range(3)])
            assert place.runs() == []
            await caller.commit()
            assert place.runs() == [alone.id, *[run.id for run in runs]]

    asyncio.run(main())


@pytest.mark.parametrize(("dialect", "kind"), [("sqlite", "sqlite3"), ("sqlite", "django"), ("postgres", "django")])
def test_the_statement_runs_on_the_callers_own_thread(place: Place, kind: str) -> None:
    """sqlite3 and Django refuse a connection that comes from another thread; a loop on this thread is not needed either."""
    app = Mainspring(place.url, tasks=[send])
    told: list[object] = []

    def elsewhere() -> None:
        with blocking_caller(kind, place) as caller:
            caller.begin()
            app.blocking.enqueue(send.options(connection=caller.given), 1)
            caller.commit()
            told.append(threading.get_ident())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert told == [thread.ident]
    assert len(place.runs()) == 1
    app.blocking.close()


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
@pytest.mark.parametrize("what", [send, send_once])
def test_a_caller_who_wants_no_transaction_gets_a_whole_run_at_once(place: Place, dialect: str, what: Task[[int], None]) -> None:
    """Django outside of atomic, and SQLAlchemy in autocommit."""
    app = Mainspring(place.url, tasks=[send, send_once])
    with django_alias(place) as connection:
        first = app.blocking.enqueue(what.options(connection=connection), 1)
        assert place.runs() == [first.id]
        assert not connection.in_atomic_block
    engine = sqlalchemy.create_engine(place.url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as bare:
        second = app.blocking.enqueue(what.options(connection=bare), 2)
        assert place.runs() == [first.id, second.id]
    engine.dispose()
    app.blocking.close()
