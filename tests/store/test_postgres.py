"""What only PostgreSQL can do to us: URLs, schemas, servers that are away, locks that are held."""

import asyncio
import os
import warnings
from typing import Any

import psycopg
import pytest
from psycopg import errors

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import ConfigurationError, StoreError, StoreUnavailable
from mainspring.store import postgres as module
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.store import Store, database_for
from mainspring.store.wire import Wire
from tests import postgres
from tests.aio import PATIENCE
from tests.store.harness import Kind, Stage, new_postgres
from tests.store.test_races import _all_wait

pytestmark = pytest.mark.parametrize("kind", ["postgres"])


def test_urls_name_the_schema_and_keep_the_rest(kind: Kind) -> None:
    database = database_for("postgresql://ada@db/app?schema=tasks&sslmode=require&application_name=x")
    assert isinstance(database, PostgresDatabase)
    assert (database.url, database.schema) == ("postgresql://ada@db/app?sslmode=require&application_name=x", "tasks")
    with pytest.raises(ConfigurationError, match="lower-case letters"):
        database_for("postgresql:///app?schema=Robert'); drop table students;--")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://x", "is not understood: write sqlite:///"),
        ("mainspring.db", "is not understood"),
        ("sqlite:///a.db?speed=high", "unknown option 'speed'"),
        ("sqlite:///a.db?durability=some", "choose full or relaxed"),
        ("sqlite://a.db", "two slashes before the path: write sqlite:///a.db"),
    ],
)
def test_urls_that_make_no_sense_say_what_would(kind: Kind, url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        database_for(url)


async def test_a_server_that_cannot_be_reached_is_named_without_its_password(kind: Kind) -> None:
    with pytest.raises(StoreUnavailable, match="cannot reach PostgreSQL .* check that it runs") as caught:
        await PostgresDatabase("postgresql://ada:secret@127.0.0.1:1/app").open()
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="is not understood"):
        await PostgresDatabase("postgresql:///app?nonsense=1").open()


async def test_a_server_that_is_too_old_is_refused(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST", 990_000)
    with pytest.raises(StoreError, match="is too old"):
        await PostgresDatabase(await asyncio.to_thread(postgres.server)).open()


async def test_two_schemas_of_one_database_are_two_stores(kind: Kind) -> None:
    url = await asyncio.to_thread(lambda: postgres.fresh_database(postgres.server()))
    stores = [Store(PostgresDatabase(url, schema=name)) for name in ("one", "two")]
    for store in stores:
        await store.open()
        await store.migrations.apply()
        await store.upkeep.make_partitions(0)
    await stores[0].audit.add("x", "y", actor=None, source="api")
    assert len(await stores[0].audit.page(scope=EVERYTHING)) == 1
    assert await stores[1].audit.page(scope=EVERYTHING) == []
    assert await stores[1].upkeep.partitions() == await stores[0].upkeep.partitions() != []
    for store in stores:
        await store.close()
    await asyncio.to_thread(postgres.drop_database, url)


async def test_a_database_without_our_tables_names_the_command(kind: Kind) -> None:
    url = await asyncio.to_thread(lambda: postgres.fresh_database(postgres.server()))
    store = Store(PostgresDatabase(url))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.runs.page(scope=EVERYTHING)
    await store.open()
    with pytest.raises(StoreUnavailable, match="has no tables of ours .*run 'mainspring migrate'"):
        await store.runs.page(scope=EVERYTHING)
    await store.close()
    await asyncio.to_thread(postgres.drop_database, url)


async def test_a_lock_that_is_held_too_long_is_told_and_nothing_hangs(stage: Stage, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(stage.database, PostgresDatabase)
    monkeypatch.setitem(module._SETTINGS, "lock_timeout", "50ms")
    run_id = await stage.add_one()
    async with await psycopg.AsyncConnection.connect(stage.database.url) as other:
        await other.execute("lock table mainspring.hot_runs in access exclusive mode")
        store = Store(PostgresDatabase(stage.database.url))
        await store.open()
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            await store.runs.cancel([run_id])
        monkeypatch.setattr(module, "CALL_SECONDS", 0.05)
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            await stage.runs.page(scope=EVERYTHING)
        monkeypatch.undo()
    await store.close()
    assert len(await stage.runs.page(scope=EVERYTHING)) == 1


@pytest.mark.parametrize("is_broken_off", [False, True])
async def test_a_connection_that_does_not_become_ready_is_hung_up(
    stage: Stage, kind: Kind, is_broken_off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    assert isinstance(stage.database, PostgresDatabase)
    made: list[psycopg.AsyncConnection[Any]] = []
    connect = psycopg.AsyncConnection.connect

    async def remembered(*args: Any, **kwargs: Any) -> psycopg.AsyncConnection[Any]:
        made.append(await connect(*args, **kwargs))
        if is_broken_off:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return made[-1]

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", remembered)
    work = asyncio.create_task(Wire.connect(stage.database.url, {"lock_timeout": "1s" if is_broken_off else "no time"}))
    with pytest.raises(asyncio.CancelledError if is_broken_off else psycopg.errors.InvalidParameterValue):
        await work
    assert [each.closed for each in made] == [True]


@pytest.mark.failure(18)
async def test_what_a_deadlock_undid_is_run_again(stage: Stage, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody's transaction locks our rows in another order: ours is the one that the server ends."""
    assert isinstance(stage.database, PostgresDatabase)
    await stage.add_new(2)
    first, last = sorted(await stage.claim(await stage.node()), key=lambda run: run.id)
    row = "select 1 from mainspring.hot_runs where id = %s for update"
    async with await psycopg.AsyncConnection.connect(stage.database.url) as other:
        await other.execute("set deadlock_timeout = '1min'")  # it does not look for a circle: we do
        await other.execute(row, (last.id,))
        completing = asyncio.create_task(stage.complete(first, last))
        await _all_wait(stage.database.url, 1)
        await other.execute(row, (first.id,))
        assert not completing.done()
        await other.commit()
    assert await completing == {first.id, last.id}
    undone = [record.getMessage() for record in caplog.records if "has undone" in record.getMessage()]
    assert undone  # more than once, where it comes back for its first row before the other has been given that
    assert all(each.startswith("PostgreSQL has undone runs_complete (deadlock detected)") for each in undone)


@pytest.mark.parametrize("error", [errors.DeadlockDetected, errors.SerializationFailure])
async def test_what_is_undone_again_and_again_is_told(
    stage: Stage, kind: Kind, error: type[psycopg.OperationalError], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[str] = []
    left = module.TRIES - 1
    run = Wire.run

    async def undone(wire: Wire, statement: str, *rest: Any) -> Any:
        nonlocal left
        sent.append(statement)
        if left == 0:
            return await run(wire, statement, *rest)
        left -= 1
        raise error("undone by the server")

    monkeypatch.setattr(Wire, "run", undone)
    run_id = await stage.add_one()
    assert len(sent) == module.TRIES and len(set(sent)) == 1
    assert caplog.text.count("has undone runs_add_one (undone by the server)") == module.TRIES - 1
    left = module.TRIES
    with pytest.raises(StoreUnavailable, match="undone by the server"):
        await stage.runs.cancel([run_id])
    assert len(sent) == 2 * module.TRIES
    monkeypatch.undo()
    assert (await stage.get(run_id)).cancel_requested is False and len(await stage.runs.page(scope=EVERYTHING)) == 1


@pytest.mark.failure(43)
async def test_hints_reach_every_listener_and_come_again_after_a_broken_connection(stage: Stage, kind: Kind) -> None:
    assert isinstance(stage.database, PostgresDatabase)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await stage.database.listen(heard.put_nowait)
    assert await asyncio.wait_for(heard.get(), PATIENCE) == ""
    await stage.database.notify("q:ä")
    assert await asyncio.wait_for(heard.get(), PATIENCE) == "q:ä"
    url = stage.database.url

    def cut() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'")

    await asyncio.to_thread(cut)
    assert await asyncio.wait_for(heard.get(), PATIENCE) == "", "whoever listens again must look for what it missed"


async def test_large_values_travel_whole(stage: Stage, kind: Kind) -> None:
    """More than a socket's buffer in both directions: the wire must neither block the loop nor cut."""
    params = '{"text": "' + "ä" * 2_000_000 + '"}'
    ids = [await stage.add_one(params=params), await stage.add_one(params=params)]
    found = await stage.runs.get_many(ids, scope=EVERYTHING)
    assert [found[run_id].params for run_id in ids] == [params, params]


async def test_odd_texts_in_lists_and_values_arrive_as_they_are(stage: Stage, kind: Kind) -> None:
    odd = "a\"b\\c,{d} 'e' NULL %s $1 :n é\n"
    await stage.add_one(queue=odd, label=odd, tenant="NULL")
    assert [lane.queue for lane in await stage.lanes()] == [odd]
    (run,) = await stage.claim(await stage.node())
    assert (run.queue, run.tenant) == (odd, "NULL")
    with pytest.raises(StoreError, match="NUL"):
        await stage.runs.add(stage.new(label="a\0b"))


@pytest.mark.failure(50)
def test_a_forked_child_is_told_to_open_its_own(kind: Kind) -> None:
    url = new_postgres()
    store = Store(PostgresDatabase(url))
    reading, writing = os.pipe()
    with asyncio.Runner() as runner:
        runner.run(store.open())
        assert runner.run(store.runs.page(scope=EVERYTHING)) == []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            answer = "nothing"
            try:
                answer = asyncio.run(_in_the_child(store))
            except BaseException as error:
                answer = repr(error)
            finally:
                os.write(writing, answer.encode())
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert pipe.read() == "refused, then served"
        os.waitpid(child, 0)
        assert runner.run(store.runs.page(scope=EVERYTHING)) == []
        runner.run(store.close())
    postgres.drop_database(url)


async def _in_the_child(store: Store) -> str:
    try:
        await store.runs.page(scope=EVERYTHING)
    except StoreError as error:
        assert "forked" in str(error)
    else:
        return "it used the parent's connection"
    await store.open()
    await store.runs.page(scope=EVERYTHING)
    await store.close()
    return "refused, then served"
