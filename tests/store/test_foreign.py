"""The store bound to somebody else's connection: what it adds and completes there is in that one's transaction."""

import contextlib
import sqlite3
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import ConfigurationError, LeaseLost, UnknownRun
from mainspring.core.run import Added
from mainspring.core.state import RunState
from mainspring.store.foreign import adopt, database_of, home_of
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Completion
from mainspring.store.sqlite import SqliteDatabase
from tests.store.harness import Kind, Stage

FILES = pytest.mark.parametrize("kind", ["file", "postgres"])


def connect(stage: Stage) -> contextlib.closing[Any]:
    """Return a connection with rows of its owner's liking."""
    connection: Any
    if isinstance(stage.database, PostgresDatabase):
        connection = psycopg.connect(stage.database.url, row_factory=dict_row)
    else:
        assert isinstance(stage.database, SqliteDatabase) and stage.database.path is not None
        connection = sqlite3.connect(stage.database.path)
        connection.row_factory = sqlite3.Row
    return contextlib.closing(connection)


@FILES
@pytest.mark.parametrize("key", [None, "k"])
async def test_a_run_exists_when_its_caller_commits(stage: Stage, kind: Kind, key: str | None) -> None:
    with connect(stage) as connection:
        run = stage.new(key=key)
        for is_committed in (False, True):
            assert await stage.store.foreign.add(adopt(connection), [run]) == [Added(run.id, True)]
            with pytest.raises(UnknownRun):
                await stage.get(run.id)
            (connection.commit if is_committed else connection.rollback)()
            assert bool(await stage.runs.get_many([run.id], scope=EVERYTHING)) == is_committed
        stage.added.add(run.id)
        if key is not None:
            [again] = await stage.store.foreign.add(adopt(connection), [stage.new(key=key)])
            assert (again.id, again.is_new) == (run.id, False)
            connection.rollback()


@FILES
async def test_a_completion_is_the_callers_and_fenced_by_the_claim(stage: Stage, kind: Kind) -> None:
    run = await stage.claim_new()
    done = Completion(run.id, run.claim_id, 1.5, '"done"')
    with connect(stage) as connection:
        await stage.store.foreign.complete(adopt(connection), done)
        connection.rollback()
        assert (await stage.get(run.id)).state is RunState.RUNNING
        with pytest.raises(LeaseLost, match="no longer this attempt's"):
            await stage.store.foreign.complete(adopt(connection), Completion(run.id, stage.new_id(), 1.5, None))
        connection.rollback()
        await stage.store.foreign.complete(adopt(connection), done)
        connection.commit()
        assert (await stage.get(run.id)).result == '"done"'
        with pytest.raises(LeaseLost):
            await stage.store.foreign.complete(adopt(connection), done)
        connection.rollback()


@pytest.mark.parametrize("kind", ["memory"])
async def test_other_connections_are_refused_by_name(stage: Stage, kind: Kind) -> None:
    with pytest.raises(ConfigurationError, match="builtins.object is not understood"):
        adopt(object())
    postgres = Stage("postgres", type(stage.store)(PostgresDatabase("postgresql://")), stage.clock)
    with contextlib.closing(sqlite3.connect(":memory:")) as connection, pytest.raises(ConfigurationError, match="must be the same"):
        await postgres.store.foreign.add(adopt(connection), [stage.new()])


async def test_what_a_process_is_told_of_the_store_makes_the_same_statements(stage: Stage) -> None:
    told = database_of(home_of(stage.database))
    for name in ("runs_add_one", "runs_add", "runs_complete"):
        assert told.query(name) == stage.database.query(name)
    assert "postgresql://" not in str(home_of(stage.database))
