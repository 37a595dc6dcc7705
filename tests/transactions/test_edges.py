"""What may go wrong around a caller's transaction: other databases, stricter isolation, commits that come late, connections not given."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from mainspring import Mainspring, errors, task
from mainspring.app.app import App
from mainspring.store.runs import Lane
from tests.aio import run, until
from tests.store.harness import new_postgres
from tests.transactions.callers import ASYNC_POSTGRES, BLOCKING_POSTGRES, Place, async_caller, blocking_caller, django_alias, make_place

POSTGRES = pytest.mark.parametrize("dialect", ["postgres"])
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])
BOTH = pytest.mark.parametrize("dialect", ["postgres", "sqlite"])


@task
async def send(n: int = 1) -> int:
    return n


@task(dedupe="order:{n}")
async def send_once(n: int) -> None: ...


@contextlib.contextmanager
def opened(place: Place, **settings: Any) -> Iterator[Mainspring]:
    app = Mainspring(place.url, tasks=[send, send_once], isolation="inline", **settings)
    yield app
    app.blocking.close()


# -- other databases


@POSTGRES
def test_another_server_database_is_named(place: Place) -> None:
    other = Place("postgres", new_postgres())
    with opened(place) as app, psycopg.connect(other.url) as connection:
        with pytest.raises(errors.ConfigurationError, match=r"leads to another database \('ms_\w+'\) than the app's store \('ms_\w+'\)"):
            app.blocking.enqueue(send.options(connection=connection))
        connection.execute("drop schema mainspring cascade")
        with pytest.raises(
            errors.ConfigurationError, match=r"has no tables of ours in the schema 'mainspring'.*run 'mainspring migrate' there"
        ):
            app.blocking.enqueue(send.options(connection=connection))
        connection.rollback()


@POSTGRES
def test_a_server_that_started_again_is_still_ours(place: Place) -> None:
    """The app remembers when its server started; that is asked again before anybody is sent away."""
    with opened(place) as app, psycopg.connect(place.url) as connection:
        held = app.blocking._do(app.blocking._other()._opening.opened())
        held.store.foreign._identity = "the server as it was before"
        app.blocking.enqueue(send.options(connection=connection))
        connection.commit()
    assert len(place.runs()) == 1


@POSTGRES
def test_the_other_kind_of_database_is_named(place: Place) -> None:
    with opened(place) as app, contextlib.closing(sqlite3.connect(":memory:")) as connection:
        with pytest.raises(errors.ConfigurationError, match=r"a sqlite3 connection is SQLite's, but the app's store is PostgreSQL"):
            app.blocking.enqueue(send.options(connection=connection))


@SQLITE
def test_another_file_is_named(place: Place, tmp_path: Path) -> None:
    with opened(place) as app:
        for path in (":memory:", str(tmp_path / "other.db")):
            with contextlib.closing(sqlite3.connect(path)) as connection:
                with pytest.raises(
                    errors.ConfigurationError, match=r"leads to .*, but the app's store is .*shop\.db: both must be the same file"
                ):
                    app.blocking.enqueue(send.options(connection=connection))
    app = Mainspring("sqlite://", tasks=[send])
    with (
        contextlib.closing(sqlite3.connect(place.path)) as connection,
        pytest.raises(errors.ConfigurationError, match="store is in memory"),
    ):
        app.blocking.enqueue(send.options(connection=connection))
    app.blocking.close()


@SQLITE
@pytest.mark.parametrize("given", [object(), 5, "nowhere", sqlite3.Cursor])
def test_what_is_no_connection_is_told_with_what_is_one(place: Place, given: object) -> None:
    with opened(place) as app:
        with pytest.raises(
            errors.ConfigurationError, match=r"connection=.*(is not understood: give a connection of psycopg|no alias of Django's)"
        ):
            app.blocking.enqueue(send.options(connection=given))


@SQLITE
def test_a_driver_that_is_not_known_is_told(place: Place) -> None:
    engine = sqlalchemy.create_engine(place.url)
    engine.dialect.driver = "unheard_of"
    with opened(place) as app, Session(engine) as session:
        with pytest.raises(errors.ConfigurationError, match=r"uses the driver sqlite\+unheard_of: choose one of psycopg"):
            app.blocking.enqueue(send.options(connection=session))
    engine.dispose()


# -- isolation


@POSTGRES
@pytest.mark.failure(16)
@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize("kind", BLOCKING_POSTGRES)
def test_a_key_that_was_taken_after_the_snapshot_is_an_error_to_try_again(place: Place, kind: str, level: str) -> None:
    with opened(place) as app, blocking_caller(kind, place) as caller:
        for is_second in (False, True):
            caller.begin()
            caller.execute(f"set transaction isolation level {level}")
            caller.execute("select 1 from orders")
            if is_second:
                assert not app.blocking.enqueue(send_once.options(connection=caller.given), 7).is_new
                caller.commit()
                return
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", errors.TransactionNotGiven)
                first = app.blocking.enqueue(send_once, 7)
            with pytest.raises(errors.TransactionConflict, match=r"enqueueing send_once: .*Roll it back and run it again") as caught:
                app.blocking.enqueue(send_once.options(connection=caller.given), 7)
            assert caught.value.__cause__ is not None
            caller.rollback()
            assert place.runs() == [first.id]


@POSTGRES
@pytest.mark.parametrize("kind", ["psycopg-async", "asyncpg", "sa-async-session-asyncpg", "sa-async-session-psycopg"])
def test_the_same_for_async_callers(place: Place, kind: str) -> None:
    async def main() -> None:
        async with Mainspring(place.url, tasks=[send_once]) as app, async_caller(kind, place) as caller:
            await caller.begin()
            await caller.execute("set transaction isolation level repeatable read")
            await caller.execute("select 1 from orders")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", errors.TransactionNotGiven)
                await app.enqueue(send_once, 7)
            with pytest.raises(errors.TransactionConflict):
                await app.enqueue(send_once.options(connection=caller.given), 7)
            await caller.rollback()

    run(main())


@POSTGRES
def test_under_read_committed_the_winner_is_answered_once_it_commits(place: Place) -> None:
    """The second transaction waits for the first: it gets that one's run, or a run of its own when the first rolls back."""
    with opened(place) as app:
        for is_committed in (False, True):
            with psycopg.connect(place.url) as first, psycopg.connect(place.url) as second:
                winner = app.blocking.enqueue(send_once.options(connection=first), 7)
                answers: list[Any] = []
                thread = threading.Thread(target=lambda: answers.append(app.blocking.enqueue(send_once.options(connection=second), 7)))  # noqa: B023
                thread.start()
                run(until(lambda: bool(place.rows("select 1 from pg_stat_activity where wait_event_type = 'Lock'")), "waiting"))
                (first.commit if is_committed else first.rollback)()
                thread.join()
                second.commit()
                assert (answers[0].id == winner.id, answers[0].is_new) == (is_committed, not is_committed)
                first.execute("delete from mainspring.hot_runs")


@SQLITE
def test_a_read_transaction_that_would_write_after_somebody_else_is_told_to_begin_anew(place: Place) -> None:
    with opened(place) as app, contextlib.closing(sqlite3.connect(place.path, isolation_level=None)) as connection:
        connection.execute("begin")
        connection.execute("select * from orders").fetchall()
        app.blocking.enqueue(send)
        with pytest.raises(errors.TransactionConflict, match="Roll it back and run it again"):
            app.blocking.enqueue(send.options(connection=connection))
        connection.execute("rollback")


@SQLITE
@pytest.mark.parametrize("library", ["sqlalchemy", "django", "sqlite3"])
def test_a_failure_outside_of_a_transaction_leaves_none_open(place: Place, library: str) -> None:
    """What the caller writes afterwards, without a commit, would be lost with it."""
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(opened(place))
        app.blocking.enqueue(send)
        given: Any
        if library == "sqlalchemy":
            engine = sqlalchemy.create_engine(f"sqlite:///{place.path}", isolation_level="AUTOCOMMIT")
            stack.callback(engine.dispose)
            given = stack.enter_context(engine.connect())
            raw = given.connection.dbapi_connection
        elif library == "django":
            given = stack.enter_context(django_alias(place))
            given.ensure_connection()
            raw = given.connection
        else:
            given = raw = stack.enter_context(contextlib.closing(sqlite3.connect(place.path, isolation_level=None)))
        place.rows("alter table mainspring.hot_runs rename to away")
        with pytest.raises(errors.ConfigurationError, match="without our tables"):
            app.blocking.enqueue(send_once.options(connection=given), 1)
        assert not raw.in_transaction
        place.rows("alter table away rename to mainspring.hot_runs")
        app.blocking.enqueue(send_once.options(connection=given), 1)
        assert len(place.runs()) == 2


@POSTGRES
def test_an_error_of_their_connection_stays_their_drivers(place: Place) -> None:
    with opened(place) as app, psycopg.connect(place.url) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("select * from nowhere")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            app.blocking.enqueue(send.options(connection=connection))


# -- the wake-up behind their commit


async def hints_of(app: App) -> list[Lane | None]:
    """Collect what this app's bus hears."""
    held = await app._opening.opened()
    heard: list[Lane | None] = []
    held.bus.on_hint = heard.append
    return heard


@POSTGRES
@pytest.mark.scenario("I1", part="workers are woken after the commit")
@pytest.mark.parametrize("kind", ["sa-async-session-asyncpg", "sa-async-session-psycopg"])
def test_a_session_wakes_workers_behind_its_commit_and_never_before(place: Place, kind: str) -> None:
    async def main() -> None:
        async with Mainspring(place.url, tasks=[send]) as app, async_caller(kind, place) as caller:
            heard = await hints_of(app)
            for end, n in ((caller.rollback, 0), (caller.commit, 2)):
                for _ in range(2):
                    await app.enqueue(send.options(connection=caller.given))
                async with caller.given.begin_nested():
                    pass  # the end of a savepoint is no commit
                await asyncio.sleep(0)
                assert heard == []
                await end()
                await until(lambda: len(heard) == n)  # noqa: B023
            await caller.execute("select 1")
            await caller.commit()
            await asyncio.sleep(0)
            assert len(heard) == 2

    run(main())


@BOTH
@pytest.mark.parametrize("kind", ["django", "session"])
def test_blocking_callers_wake_workers_behind_their_commit(place: Place, dialect: str, kind: str) -> None:
    driver = {"postgres": "psycopg", "sqlite": "pysqlite"}[dialect]
    with opened(place) as app, blocking_caller("django" if kind == "django" else f"sa-session-{driver}", place) as caller:
        heard = app.blocking._do(hints_of(app.blocking._other()))
        for is_committed in (False, True):
            caller.begin()
            app.blocking.enqueue(send.options(connection=caller.given))
            app.blocking._do(asyncio.sleep(0))
            assert heard == []
            (caller.commit if is_committed else caller.rollback)()
        run(until(lambda: len(heard) == 1))


@BOTH
def test_without_a_transaction_the_run_is_there_at_once_and_workers_are_woken(place: Place, dialect: str) -> None:
    with opened(place) as app, contextlib.closing(place.new()) as connection:
        heard = app.blocking._do(hints_of(app.blocking._other()))
        first = app.blocking.enqueue(send.options(connection=connection))
        second = app.blocking.enqueue(send_once.options(connection=connection), 1)
        assert place.runs() == [first.id, second.id]
        run(until(lambda: len(heard) == 2))
        app.blocking.poke()
        run(until(lambda: len(heard) == 3))
        assert heard[2] is None


@POSTGRES
@pytest.mark.failure(39)
@pytest.mark.parametrize("kind", ["psycopg", "sa-session-psycopg", "django"])
@pytest.mark.slow
def test_a_transaction_that_commits_late_is_found_within_a_second(place: Place, kind: str) -> None:
    """The run lies behind what the worker has seen since: a hint with the commit, or the next full look, finds it."""

    async def main() -> None:
        async with Mainspring(place.url, tasks=[send], isolation="inline") as app, app.worker():
            ready, goes = threading.Event(), threading.Event()
            ids: list[str] = []

            def late() -> None:
                with opened(place) as mine, blocking_caller(kind, place) as caller:
                    caller.begin()
                    ids.append(mine.blocking.enqueue(send.options(connection=caller.given), 5).id)
                    ready.set()
                    goes.wait(30)
                    caller.commit()

            thread = asyncio.create_task(asyncio.to_thread(late))
            await asyncio.to_thread(ready.wait, 30)
            for n in range(3):  # the lane moves on past the run that nobody sees
                assert await app.run(send, n) == n
            committed_at = asyncio.get_running_loop().time()
            goes.set()
            await thread
            await app.wait_for(ids[0], 30)
            assert asyncio.get_running_loop().time() - committed_at < 3.0  # a second, on a machine that is busy
            found = place.rows(f"select result from mainspring.history where id = '{ids[0]}'")
            assert found == [("5",)]

    run(main())


# -- transactions that were not given


class Base(DeclarativeBase): ...


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)


@BOTH
def test_an_atomic_block_that_was_not_given_is_warned_of_once_a_place(place: Place, dialect: str) -> None:
    from django.db import transaction

    with opened(place) as app, django_alias(place):
        app.blocking.enqueue(send)  # none is open
        with transaction.atomic(using="shop"), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for _ in range(3):
                if dialect == "postgres":  # on SQLite the block would hold the file against the enqueue
                    app.blocking.enqueue(send)
                else:
                    app.blocking._other()._enqueuer.warn_if_open(send)
        assert [each.category for each in caught] == [errors.TransactionNotGiven]
        assert "transaction.atomic() is open on Django's connection 'shop': enqueue with task.options(connection='shop')" in str(
            caught[0].message
        )
        if dialect == "postgres":
            assert caught[0].filename == __file__
        with transaction.atomic(using="shop"):
            app.blocking.enqueue(send.options(connection="shop"))  # given by its alias: nothing to warn of
        elsewhere = Mainspring(place.url + "_other", tasks=[send])
        with transaction.atomic(using="shop"):
            elsewhere._enqueuer.warn_if_open(send)  # another database


@BOTH
def test_a_session_with_work_that_was_not_given_is_warned_of(place: Place, dialect: str, tmp_path: Path) -> None:
    app = Mainspring(place.url, tasks=[send])
    url = place.url.replace("postgresql://", "postgresql+psycopg://")

    def warned() -> bool:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            app._enqueuer.warn_if_open(send)
        return [each.category for each in caught] == [errors.TransactionNotGiven]

    engine = sqlalchemy.create_engine(url)
    assert not warned()
    with Session(engine) as session:
        session.execute(sqlalchemy.select(Order)).all()
        assert not warned()  # it only reads
        session.add(Order(id=5))
        assert warned()
        session.flush()
        assert warned()
        session.commit()
        session.execute(sqlalchemy.select(Order)).all()
        assert not warned()
        session.add(Order(id=6))
        (tmp_path / "other").mkdir()
        elsewhere = make_place(dialect, tmp_path / "other")
        app.settings, kept = Mainspring(elsewhere.url).settings, app.settings
        assert not warned()
        app.settings = kept
        session.rollback()
    assert not warned()
    engine.dispose()


@POSTGRES
def test_an_async_session_that_was_not_given_is_warned_of_where_the_call_stands(place: Place) -> None:
    async def main() -> None:
        engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(place.url))
        async with Mainspring(place.url, tasks=[send]) as app, AsyncSession(engine) as session:
            session.add(Order(id=5))
            await session.flush()
            # The engine was made by a function: its URL says nothing, and what is not said counts as the same.
            app_url = app.settings.url
            engine.sync_engine.url = sqlalchemy.make_url(app_url)
            with pytest.warns(errors.TransactionNotGiven, match="AsyncSession|Session") as caught:
                await app.enqueue(send)
            assert caught[0].filename == __file__
            with pytest.warns(errors.TransactionNotGiven) as caught:
                await send.enqueue(1)
            assert caught[0].filename == __file__
            await app.enqueue(send.options(connection=session))
            await session.rollback()
        await engine.dispose()

    run(main())


def test_every_kind_of_caller_is_listed() -> None:
    """The message that refuses a connection names each library that is tested here."""
    from mainspring.store.foreign import UNDERSTOOD

    for kind in (*BLOCKING_POSTGRES, *ASYNC_POSTGRES):
        assert {"sa": "SQLAlchemy", "django": "Django"}.get(kind.split("-")[0], kind.split("-")[0]) in UNDERSTOOD
