"""Schedulers at once, on an SQLite file and on PostgreSQL: every slot of every schedule gets exactly one run or one record."""

import asyncio
import contextlib
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from mainspring.core.errors import MainspringError
from mainspring.core.firing import account
from mainspring.core.schedule import every
from mainspring.core.state import RunState
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.schedules import TOLERANCE
from tests.store.harness import Kind, Stage
from tests.store.test_races import peers
from tests.store.test_schedules import Book

pytestmark = pytest.mark.parametrize("kind", ["file", "postgres"])

SEED = 27
MINUTE = timedelta(minutes=1)
TEN = datetime(2031, 3, 4, 10, tzinfo=UTC)


async def rounds(stage: Stage, rng: random.Random, is_over: asyncio.Event) -> None:
    """Be a scheduler that is broken off at random, in the middle of whatever it does."""
    book = Book(stage)
    while not is_over.is_set():
        with contextlib.suppress(TimeoutError, MainspringError):
            look = await book.store.look()
            due = await book.store.due(look.now, n=rng.choice([3, 50]))
            rng.shuffle(due)
            await asyncio.sleep(rng.choice([0.0, 0.0, 0.01]))  # its view grows old
            firings = [account(each, look.now, TOLERANCE) for each in due]
            async with asyncio.timeout(rng.choice([0.001, 0.003, 0.01, 5.0])):
                await book.store.fire(firings, book.make)
        await asyncio.sleep(rng.uniform(0, 0.004))


async def terminate(url: str, rng: random.Random, is_over: asyncio.Event) -> None:
    """Break connections, as a server that restarts does."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while not is_over.is_set():
            await connection.execute(
                "select pg_terminate_backend(pid) from (select pid from pg_stat_activity where datname = current_database() "
                "and pid <> pg_backend_pid() and query like '%schedules%' order by random() limit 1) victims"
            )
            await asyncio.sleep(rng.uniform(0.02, 0.08))


@pytest.mark.scenario("S2", part="schedulers at once")
@pytest.mark.failure(27)
async def test_sixteen_schedulers_with_random_aborts_account_for_every_slot_once(stage: Stage, kind: Kind) -> None:
    rng = random.Random(SEED)
    book = Book(stage)
    said = {f"s{n:02}": every(f"{1 + n % 2}m", misfire=("skip", "once", "all:5")[n % 3]) for n in range(12)}
    await book.to(TEN - timedelta(seconds=1))
    await book.declare(**said)
    is_over = asyncio.Event()
    hops = [1, 59, 30, 30, 180, 60, 1, 59, 600, 45, 75]
    async with peers(stage, 16) as others:
        work = [asyncio.create_task(rounds(other, random.Random(rng.random()), is_over)) for other in others]
        if isinstance(stage.database, PostgresDatabase):
            work.append(asyncio.create_task(terminate(stage.database.url, rng, is_over)))
        for seconds in hops:
            await stage.clock.advance(seconds)
            await _until_accounted(stage)
        is_over.set()
        await asyncio.gather(*work)
    end = stage.clock.now
    for name, schedule in said.items():
        record = await book.store.get(name)
        rows = await stage.sql(
            f"select slot_at, state, meta from mainspring.hot_runs where schedule_id = {record.id} "
            f"union all select slot_at, state, meta from mainspring.history where schedule_id = {record.id}"
        )
        found = Counter(stage.database.from_time(row["slot_at"]) for row in rows)
        expected = schedule.slots_between(TEN - timedelta(seconds=1), end, 1000)
        assert found.keys() == set(expected), f"{name}: a slot is missing, or one too many"
        assert set(found.values()) == {1}, f"{name}: a slot was accounted for twice"
    assert any(run.state is RunState.SKIPPED for run in await book.runs())
    stage.added |= {run.id for run in await book.runs()}


async def _until_accounted(stage: Stage) -> None:
    async def nothing_due() -> bool:
        with contextlib.suppress(MainspringError):
            look = await stage.store.schedules.look()
            return look.next_at is not None and look.next_at > look.now
        return False

    async with asyncio.timeout(30):
        while not await nothing_due():
            await asyncio.sleep(0.005)


@pytest.mark.scenario("S14", part="at once")
async def test_edits_and_schedulers_at_once(stage: Stage, kind: Kind) -> None:
    """Whoever is first: a slot fires by the definition that held when it was due, once."""
    rng = random.Random(SEED)
    book = Book(stage)
    await book.to(TEN - timedelta(seconds=1))
    await book.declare(report=every("1m"))
    async with peers(stage, 6) as others:
        for minute in range(30):
            await stage.clock.advance(60 if minute else 1)
            work: list[Any] = [Book(other).tick() for other in others[:4]]
            work.append(others[4].store.schedules.override("report", every("1m", params={"minute": minute}), Book(others[4]).make))
            work.append(others[5].store.schedules.skip("report") if minute == 10 else Book(others[5]).tick())
            rng.shuffle(work)
            await asyncio.gather(*work)
            await book.tick()
    runs = await book.runs()
    stage.added |= {run.id for run in runs}
    slots = Counter(run.slot_at for run in runs)
    assert slots.keys() == {TEN + n * MINUTE for n in range(30)}
    assert set(slots.values()) == {1}
    assert sum(run.state is RunState.SKIPPED for run in runs) == 1


async def test_backfills_at_once_make_each_run_once(stage: Stage, kind: Kind) -> None:
    book = Book(stage)
    await book.declare(report=every("1m"))
    await book.to(TEN + timedelta(hours=1))
    await book.tick()
    async with peers(stage, 5) as others:
        made = await asyncio.gather(
            *(other.store.schedules.backfill("report", TEN, TEN + timedelta(minutes=40), Book(other).make) for other in others)
        )
    assert sum(map(len, made)) == 41
    slots = Counter(run.slot_at for run in await book.runs() if run.origin == "backfill")
    assert slots == Counter(TEN + n * MINUTE for n in range(41))
