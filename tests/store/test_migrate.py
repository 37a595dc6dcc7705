"""Migrations: two phases, once whoever comes, and a message that names what is behind and the command that helps."""

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mainspring.core.errors import SchemaMismatch, StoreError, StoreForeign
from mainspring.core.ids import make_claim_id
from mainspring.core.version import VERSION
from mainspring.store.migrate import Migration, Migrations
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.sqlite import SqliteDatabase
from mainspring.store.store import Store, database_for
from tests import postgres
from tests.store.harness import Kind

WIDER = Migration(1002, "pre", "wider", "-- a comment; with a semicolon\nalter table mainspring.hot_runs add column extra text;\n")
NARROWER = Migration(1003, "post", "narrower", "alter table mainspring.hot_runs drop column extra")
NOTHING = Migration(1, "post", "nothing", "create table mainspring.nothing (n integer)")
BROKEN = Migration(1004, "pre", "broken", "create table mainspring.half (n integer);\nselect * from nowhere;")


@contextlib.asynccontextmanager
async def opened(kind: Kind, folder: Path) -> AsyncIterator[Store]:
    """A store on an empty database."""
    if kind == "postgres":
        url = await asyncio.to_thread(lambda: postgres.fresh_database(postgres.server()))
        store = Store(PostgresDatabase(url))
    else:
        url = ""
        store = Store(SqliteDatabase(folder / "m.db" if kind == "file" else None, durability="relaxed"))
    await store.open()
    try:
        yield store
    finally:
        await store.close()
        if url:
            await asyncio.to_thread(postgres.drop_database, url)


def _with(store: Store, *more: Migration) -> Migrations:
    return Migrations(store.database, [*store.migrations.steps(), *more])


async def test_an_empty_database_is_behind_and_the_message_names_the_command(kind: Kind, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        status = await store.migrations.status()
        assert (status.applied, status.waiting) == (0, store.migrations.steps())
        with pytest.raises(SchemaMismatch, match=r"the database is behind; run 'mainspring migrate'"):
            await store.migrations.check()
        assert await store.migrations.apply() == list(store.migrations.steps())
        status = await store.migrations.status()
        assert (status.applied, status.known, status.waiting) == (status.known, store.migrations.steps()[-1].number, ())
        await store.migrations.check()
        assert await store.migrations.apply() == []


@pytest.mark.scenario("X6", part="two phases")
async def test_phases_run_apart_and_only_a_missing_first_phase_stops_a_start(kind: Kind, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        new = _with(store, WIDER, NARROWER)
        await store.migrations.apply()
        with pytest.raises(SchemaMismatch, match="needs 1002"):
            await new.check()
        assert await new.apply(phase="pre") == [WIDER]
        await new.check()
        assert (await new.status()).waiting == (NARROWER,)

        await store.migrations.check()  # the previous release goes on beside the new one ...
        assert await new.apply() == [NARROWER]
        with pytest.raises(SchemaMismatch, match=r"is at 1003.*the code is behind; upgrade it with 'pip install"):
            await store.migrations.check()  # ... until the second phase has run


@pytest.mark.scenario("X6", part="no older node lives")
async def test_the_second_phase_is_refused_while_an_older_node_lives_and_names_it(kind: Kind, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        await store.migrations.apply()

        async def live(name: str, lease: float = 60, **facts: str) -> str:
            node_id = make_claim_id()
            await store.nodes.register(node_id, name=name, host="web:boot", pid=7, lease=timedelta(seconds=lease), facts=facts)
            return node_id

        nodes = [await live("old", version="0.0.10"), await live("unknown")]
        await live("same", version=VERSION)
        await live("newer", version="10.0rc1")
        await live("expired", lease=-1, version="0.0.1")  # killed, and nobody is left to say so
        await store.nodes.stop(await live("stopped", version="0.0.1"))
        new = _with(store, WIDER, NARROWER)
        for phase in (None, "post"):
            with pytest.raises(SchemaMismatch) as told:
                await new.apply(phase=phase)
            assert "step 1003 (narrower)" in str(told.value)
            assert "old (0.0.10, process 7 on web), unknown (no version told, process 7 on web)" in str(told.value)
            assert "mainspring migrate --phase post" in str(told.value)
            assert (await new.status()).waiting == (NARROWER,)  # what widens hurts nobody
        for node_id in nodes:
            await store.nodes.stop(node_id)
        assert await new.apply(phase="post") == [NARROWER]


async def test_nobody_is_asked_for_where_nothing_was_applied_before(kind: Kind, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        assert await Migrations(store.database, [NOTHING]).apply() == [NOTHING]


async def test_a_step_that_fails_leaves_nothing_behind(kind: Kind, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        await store.migrations.apply()
        for _ in range(2):
            with pytest.raises(StoreError, match="nowhere"):
                await _with(store, BROKEN).apply()
        assert (await _with(store, BROKEN).status()).waiting == (BROKEN,)
        mended = replace(BROKEN, text="create table mainspring.half (n integer)")
        assert await _with(store, mended).apply() == [mended]


async def test_another_text_under_a_known_number_is_told(kind: Kind, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        await store.migrations.apply()
        first, *others = store.migrations.steps()
        other = Migrations(store.database, [replace(first, text=first.text + "-- edited\n"), *others])
        with pytest.raises(StoreForeign, match=rf"migration {first.number} .* has another text"):
            await other.status()


@pytest.mark.scenario("X6", part="one node applies, others wait")
@pytest.mark.parametrize("kind", ["file", "postgres"])
async def test_several_at_once_apply_each_step_once(kind: Kind, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        stores = [Store(_same(store)) for _ in range(4)]
        for each in stores:
            await each.open()
        done = await asyncio.gather(*(_with(each, WIDER).apply() for each in stores))
        for each in stores:
            await each.close()
        assert sorted(len(steps) for steps in done) == [0, 0, 0, len(store.migrations.steps()) + 1]
        rows = await store.database.execute("select number from mainspring.migrations order by number")
        assert [row["number"] for row in rows] == [*(step.number for step in store.migrations.steps()), 1002]


def _same(store: Store) -> SqliteDatabase | PostgresDatabase:
    if isinstance(store.database, PostgresDatabase):
        return PostgresDatabase(store.database.url)
    assert isinstance(store.database, SqliteDatabase)
    return SqliteDatabase(store.database.path, durability="relaxed")


def _migrate_in_a_process(url: str, applied: "multiprocessing.SimpleQueue[int]") -> None:
    async def migrate() -> int:
        store = Store(database_for(url))
        await store.open()
        try:
            return len(await store.migrations.apply())
        finally:
            await store.close()

    applied.put(asyncio.run(migrate()))


@pytest.mark.scenario("X6", part="processes")
def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/m.db"
    context = multiprocessing.get_context("spawn")
    applied: multiprocessing.SimpleQueue[int] = context.SimpleQueue()
    processes = [context.Process(target=_migrate_in_a_process, args=(url, applied)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    steps = sorted(applied.get() for _ in processes)
    assert steps[0] == 0
    assert steps[1] > 0


def test_the_shipped_steps_are_the_same_on_both_databases() -> None:
    lists = [Migrations(database).steps() for database in (SqliteDatabase(None), PostgresDatabase("postgresql://"))]
    names = [[(step.number, step.phase, step.name) for step in steps] for steps in lists]
    assert names[0] == names[1]
    assert [number for number, _, _ in names[0]] == list(range(1, len(names[0]) + 1))
