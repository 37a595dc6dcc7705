"""Through a pooler in transaction mode: nothing of ours outlives a transaction, and everything works."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from mainspring import Context, Mainspring, Retry, errors, task
from mainspring.store.postgres import PostgresDatabase
from tests.pooler import Pooler
from tests.store.harness import new_postgres


@pytest.fixture
def url() -> str:
    return new_postgres()


@pytest.fixture
def pooler(url: str) -> Iterator[Pooler]:
    """Fewer connections than anybody here has clients."""
    with Pooler(url, servers=2) as pooler:
        yield pooler


@task
async def double(ctx: Context, n: int) -> int:
    ctx.log(f"doubling {n}")
    ctx.progress(1, 1)
    return 2 * n


@task(retry=Retry(retries=1, delay="1ms", jitter=False))
def once_wrong(ctx: Context) -> int:
    if ctx.attempt == 1:
        raise OSError("the first time")
    return ctx.attempt


@task
async def waits(ctx: Context) -> None:
    await asyncio.sleep(60)


@pytest.mark.failure(42)
@pytest.mark.scenario("K4", part="pooler=")
@pytest.mark.parametrize("told", ["", "?pooler=transaction"])
async def test_a_fleet_works_through_a_pooler_and_leaves_nothing_behind(pooler: Pooler, url: str, told: str) -> None:
    tasks: list[Any] = [double, once_wrong, waits]
    async with (
        Mainspring(pooler.url + told, tasks=tasks, isolation="inline") as app,
        Mainspring(pooler.url + told, tasks=tasks, isolation="inline") as other,
        app.worker(), other.worker(),
    ):  # fmt: skip
        database = (await app.store()).database
        assert isinstance(database, PostgresDatabase) and database.is_pooled
        runs = await asyncio.gather(*[app.enqueue(double, n) for n in range(40)])
        runs += await other.enqueue_many(double, [{"n": n} for n in range(40, 120)])
        assert [await run.result(30) for run in runs] == [2 * n for n in range(120)]
        first, second = await asyncio.gather(*[app.enqueue(double.options(key="k", delay="1h"), n) for n in (1, 2)])
        assert first.id == second.id
        assert await (await app.enqueue(once_wrong)).result(30) == 2
        held = await app.enqueue(waits)
        async for event in held.events():
            if event.kind == "started":
                await other.cancel(held.id)
        assert str((await held.status()).state) == "cancelled"
        async with await psycopg.AsyncConnection.connect(pooler.url) as connection:
            inside = await app.enqueue(double.options(connection=connection), 5)
        assert await inside.result(30) == 10  # found without an ear: by the next look
    assert pooler.session_state == []
    assert pooler.most_lent == 2
    with psycopg.connect(url) as direct:
        assert direct.execute("select count(*) from mainspring.nodes where backend_pid is not null").fetchone() == (0,)


@pytest.mark.failure(42)
async def test_what_is_told_of_a_session_breaks_and_the_message_names_the_remedy(pooler: Pooler) -> None:
    """The proof that the pooler of these tests is strict enough to find what the other test says is not there."""
    database = PostgresDatabase(pooler.url, is_pooled=False, connections=1)  # one client alone: it meets every connection in turn
    await database.open()
    with pytest.raises(errors.StoreUnavailable, match=r"a pooler in transaction mode stands between; add pooler=transaction to the URL"):
        await database.read("runs_get", ids=[], lowest=None, highest=None)
    await database.close()
    assert pooler.session_state != []


async def test_without_a_pooler_nothing_is_taken_for_one(url: str) -> None:
    for told, is_pooled in (("", False), ("pooler=session", False), ("pooler=transaction", True)):
        async with Mainspring(f"{url}&{told}", tasks=[double], isolation="inline") as app:
            database = (await app.store()).database
            assert isinstance(database, PostgresDatabase) and database.is_pooled == is_pooled
            assert await app.run(double, 4) == 8
    with pytest.raises(errors.ConfigurationError, match="pooler='statement' is unknown: choose transaction or session"):
        await Mainspring(f"{url}&pooler=statement").open()


async def test_an_error_leaves_a_pooled_wire_usable(url: str) -> None:
    database = PostgresDatabase(url, is_pooled=True, connections=1)
    await database.open()
    with pytest.raises(errors.StoreError):
        await database.read("runs_get", ids=["no id"], lowest="no", highest="id")
    assert await database.read("runs_get", ids=[], lowest=None, highest=None) == []
    assert database._wires is not None and database._wires._n == 1
    await database.close()
