"""Adding a run in the caller's own transaction, on the caller's own connection."""

import contextlib
import sqlite3

import psycopg
import pytest
from psycopg.rows import dict_row

from mainspring.core.errors import ConfigurationError, UnknownRun
from mainspring.core.run import Added
from mainspring.store.foreign import add_on
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.sqlite import SqliteDatabase
from tests.store.harness import Kind, Stage


@pytest.mark.parametrize("kind", ["file"])
@pytest.mark.parametrize("key", [None, "k"])
async def test_on_sqlite_a_run_exists_when_its_caller_commits(stage: Stage, kind: Kind, key: str | None) -> None:
    assert isinstance(stage.database, SqliteDatabase) and stage.database.path is not None
    with contextlib.closing(sqlite3.connect(stage.database.path)) as connection:
        connection.row_factory = sqlite3.Row
        run = stage.new(key=key)
        for is_committed in (False, True):
            assert await add_on(stage.store, run, connection) == Added(run.id, True)
            with pytest.raises(UnknownRun):
                await stage.get(run.id)
            (connection.commit if is_committed else connection.rollback)()
            assert bool(await stage.runs.get_many([run.id])) == is_committed
        stage.added.add(run.id)
        if key is not None:
            assert await add_on(stage.store, stage.new(key=key), connection) == Added(run.id, False)
            connection.rollback()


@pytest.mark.parametrize("kind", ["postgres"])
@pytest.mark.parametrize("key", [None, "k"])
async def test_on_psycopg_a_run_exists_when_its_caller_commits(stage: Stage, kind: Kind, key: str | None) -> None:
    assert isinstance(stage.database, PostgresDatabase)
    with psycopg.connect(stage.database.url, row_factory=dict_row) as connection:
        run = stage.new(key=key)
        for is_committed in (False, True):
            assert await add_on(stage.store, run, connection) == Added(run.id, True)
            assert await stage.runs.get_many([run.id]) == {}
            (connection.commit if is_committed else connection.rollback)()
            assert bool(await stage.runs.get_many([run.id])) == is_committed
    stage.added.add(run.id)
    async with await psycopg.AsyncConnection.connect(stage.database.url) as other:
        run = stage.new(key=key)
        answer = await add_on(stage.store, run, other)
        assert answer.is_new == (key is None)
        await other.commit()
    stage.added.add(answer.id)


@pytest.mark.parametrize("kind", ["memory"])
async def test_other_connections_are_refused_by_name(stage: Stage, kind: Kind) -> None:
    with pytest.raises(ConfigurationError, match="builtins.object is not understood"):
        await add_on(stage.store, stage.new(), object())
    postgres = Stage("postgres", type(stage.store)(PostgresDatabase("postgresql://")), stage.clock)
    with contextlib.closing(sqlite3.connect(":memory:")) as connection, pytest.raises(ConfigurationError, match="must be the same"):
        await add_on(postgres.store, stage.new(), connection)
