"""Retention: exactly those go that are past their time, with everything that belongs to them; nobody else ever does."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.event import EventKind
from mainspring.core.ids import first_id_of, make_claim_id
from mainspring.core.retention import Keeping, Policies, Retention
from mainspring.core.run import Failed, Released
from mainspring.core.state import RunState
from mainspring.store.blobs import DirectoryBlobs
from mainspring.store.file_store import Role
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.retention import Pruned
from mainspring.store.runs import Appended, Entry
from mainspring.store.store import Store
from tests.store.harness import CLOCK_FUNCTION, START, Kind, Stage

DAY = 86400
WEEK = Keeping(timedelta(days=7), timedelta(days=7))
TABLES = ("history", "attempts", "events")


async def ended(stage: Stage, task: str = "t", *, is_good: bool = True, n: int = 1) -> list[str]:
    """Add runs and end them, each with a log line and a try of its own."""
    ids = await stage.add_new(n, task=task)
    node = await stage.node()
    for run in await stage.claim(node):
        await stage.settle(run, Released("shutdown"), entries=[Entry(0.0, EventKind.LOG, {"message": "first"})])
    runs = await stage.claim(node)
    if is_good:
        await stage.complete(*runs)
    for run in [] if is_good else runs:
        await stage.settle(run, Failed({"type": "E", "fingerprint": "ab" * 8}, is_terminal=True))
    return ids


async def would_go(stage: Stage, policies: Policies) -> set[str]:
    """Return what a dry run lists."""
    found, after = await stage.store.retention.expired(policies)
    ids = [each.id for each in found]
    while after is not None:
        found, after = await stage.store.retention.expired(policies, after)
        ids += [each.id for each in found]
    assert ids == sorted(set(ids))
    return set(ids)


async def prune(stage: Stage, policies: Policies) -> set[str]:
    """Prune, check that exactly what the dry run lists went, and return it."""
    before, listed = await ids_in(stage, "history"), await would_go(stage, policies)
    pruned = await stage.store.retention.prune(policies)
    gone = before - await ids_in(stage, "history")
    assert gone == listed
    assert len(gone) == pruned.runs
    for table in ("attempts", "events"):
        rows = await stage.sql(f"select distinct run_id as id from mainspring.{table}")
        assert not {row["id"] for row in rows} & gone, f"{table} of runs that went"
    stage.forgotten |= gone
    return gone


async def ids_in(stage: Stage, table: str) -> set[str]:
    return {row["id"] for row in await stage.sql(f"select id from mainspring.{table}")}


async def days(stage: Stage, n: float) -> None:
    """Let days pass, with the partitions that a pruner would make."""
    await stage.clock.advance(n * DAY)
    await stage.store.upkeep.make_partitions(1)


# -- who goes


@pytest.mark.scenario("S3-56", part="store")
async def test_exactly_the_right_runs_go_by_age_state_and_count(stage: Stage) -> None:
    policies = Policies(Keeping(timedelta(days=1), timedelta(days=7), last=3))
    old = await ended(stage, n=5)
    wrong = await ended(stage, is_good=False, n=2)
    few = await ended(stage, "rare", n=2)
    pinned = old[0]
    assert await stage.store.retention.pin(pinned, actor="ada", reason="evidence")
    unfinished = await stage.claim_new()
    await days(stage, 2)
    newer = await ended(stage, n=3)
    assert await prune(stage, policies) == set(old) - {pinned}  # what failed stays a week, the rare task's are its newest
    await days(stage, 6)
    await ended(stage, n=3)
    assert await prune(stage, policies) == {*wrong, *newer}
    assert pinned in await ids_in(stage, "history")
    assert set(few) <= await ids_in(stage, "history")
    assert (await stage.get(unfinished.id)).state is RunState.RUNNING
    assert [str(each.kind) for each in await stage.store.events.after(pinned, scope=EVERYTHING)].count("log") == 1
    assert await stage.store.retention.unpin(pinned)
    assert await prune(stage, policies) == {pinned}
    rows = await stage.sql("select sum(n) as n from mainspring.stats")
    assert int(rows[0]["n"]) == 5 + 2 + 2 + 3 + 3  # statistics outlive their runs


async def test_a_task_says_for_itself_shorter_longer_and_how_many(stage: Stage) -> None:
    retention = stage.store.retention
    await retention.tell({"short": Retention("1h"), "long": Retention("30d", others="60d"), "last": Retention(keep_last=1), "t": None})
    policies = await retention.policies(WEEK)
    assert policies.own == {"short": Retention("1h"), "long": Retention("30d", others="60d"), "last": Retention(keep_last=1)}
    short, short_bad = await ended(stage, "short"), await ended(stage, "short", is_good=False)
    long, long_bad = await ended(stage, "long"), await ended(stage, "long", is_good=False)
    last, plain = await ended(stage, "last", n=2), await ended(stage)
    await stage.clock.advance(4000)
    assert await prune(stage, policies) == set(short)
    await days(stage, 9)
    assert await prune(stage, policies) == {*short_bad, last[0], *plain}
    await days(stage, 25)
    assert await prune(stage, policies) == set(long)
    await days(stage, 40)
    assert await prune(stage, policies) == set(long_bad)
    assert await ids_in(stage, "history") == {last[1]}
    await retention.tell({"last": None})
    assert await prune(stage, await retention.policies(WEEK)) == {last[1]}


async def test_by_hand_an_age_a_state_and_a_task_narrow_what_goes(stage: Stage) -> None:
    await stage.store.retention.tell({"u": Retention("60d", others="60d", keep_last=1)})
    good, bad = await ended(stage, n=2), await ended(stage, is_good=False, n=2)
    other = await ended(stage, "u", n=3)
    await stage.clock.advance(3 * 3600)
    policies = await stage.store.retention.policies(WEEK)
    hour = timedelta(hours=1)
    assert await prune(stage, policies) == set()
    assert await prune(stage, policies.only(older_than=timedelta(hours=4))) == set()
    assert await prune(stage, policies.only(older_than=hour, states=frozenset({RunState.FAILED}))) == set(bad)
    assert await prune(stage, policies.only(older_than=hour, task="u")) == set(other[:2])  # its newest one stays whatever its age
    assert await prune(stage, policies.only(older_than=hour)) == set(good)
    assert await prune(stage, policies.only(older_than=hour, states=frozenset({RunState.SKIPPED}), task="t")) == set()


async def test_for_ever_is_for_ever(stage: Stage) -> None:
    good, bad = await ended(stage), await ended(stage, is_good=False)
    await days(stage, 4000)
    assert await prune(stage, Policies(Keeping(None, None))) == set()
    assert await prune(stage, Policies(Keeping(None, timedelta(days=7)))) == set(bad)
    assert await ids_in(stage, "history") == set(good)


# -- pins and deletes


async def test_a_pin_is_put_once_on_what_exists(stage: Stage) -> None:
    retention = stage.store.retention
    run_id = await stage.add_one()
    assert await retention.pin(run_id, actor="ada", reason="why")
    assert not await retention.pin(run_id)
    pin = await retention.pin_of(run_id)
    assert pin is not None
    assert (pin.run_id, pin.actor, pin.reason, pin.at) == (run_id, "ada", "why", START)
    assert await retention.pins() == 1
    assert not await retention.pin(stage.new_id())
    await stage.finish_all()
    await days(stage, 30)
    assert await prune(stage, Policies(WEEK)) == set()
    assert await retention.unpin(run_id)
    assert not await retention.unpin(run_id)
    assert await retention.pin_of(run_id) is None
    assert await prune(stage, Policies(WEEK)) == {run_id}


async def test_only_finished_runs_without_a_pin_are_deleted(stage: Stage) -> None:
    finished, pinned = await ended(stage, n=2)
    waiting, running = await stage.add_one(delay=timedelta(days=1)), await stage.claim_new()
    await stage.store.retention.pin(pinned)
    assert await stage.store.retention.delete([finished, pinned, waiting, running.id]) == [finished]
    assert await stage.store.retention.delete([finished]) == []
    assert await stage.store.retention.delete([]) == []
    stage.forgotten = {finished}
    for table in ("attempts", "events"):
        rows = await stage.sql(f"select distinct run_id from mainspring.{table}")
        assert {row["run_id"] for row in rows} == {pinned}


@pytest.mark.scenario("S3-56", part="files")
async def test_files_and_search_terms_go_with_their_run_row_by_row_and_as_a_day(stage: Stage, tmp_path: Path) -> None:
    files = stage.store.files
    files.settle(lambda: DirectoryBlobs(tmp_path / "files"))

    async def with_file(task: str, name: str) -> str:
        run = stage.new(task=task)
        await files.hold(run.task, run.tenant, [(run.id, [await files.put(name.encode(), name=name)], Role.GIVEN)])
        await stage.add(run)
        return run.id

    short, plain, pinned = await with_file("short", "a"), await with_file("t", "b"), await with_file("t", "c")
    await stage.complete(*await stage.claim(await stage.node()))
    await stage.store.retention.pin(pinned)
    await stage.store.retention.tell({"short": Retention("1h")})
    policies = await stage.store.retention.policies(WEEK)

    def left() -> list[bytes]:
        return sorted(path.read_bytes() for path in (tmp_path / "files").rglob("*") if path.is_file())

    await stage.clock.advance(2 * 3600)
    assert await prune(stage, policies) == {short}
    assert left() == [b"b", b"c"]
    await days(stage, 9)
    assert await prune(stage, policies) == {plain}
    assert left() == [b"c"]
    await stage.store.retention.unpin(pinned)
    await stage.store.retention.delete([pinned])
    stage.forgotten.add(pinned)
    assert left() == []


# -- how they go


@pytest.mark.failure(54)
async def test_retention_drops_by_finish_time_and_never_unfinished_work(stage: Stage) -> None:
    node = await stage.node()
    old = await stage.claim_new(node)
    await stage.settle(old, Failed({"type": "E"}, is_terminal=True), entries=[Entry(0.0, EventKind.LOG, {"m": "x"})])
    unfinished = await stage.claim_new(node)
    await stage.runs.append([Appended(unfinished.id, unfinished.claim_id, [Entry(0.0, EventKind.LOG, {"m": "y"})])])
    retried = await stage.claim_new(node)
    await stage.settle(retried, Failed({"type": "E", "fingerprint": "cd" * 8}))
    waiting = await stage.add_one(delay=timedelta(days=60))
    await days(stage, 5)
    young = await stage.claim_new(node)
    await stage.complete(young)
    assert await prune(stage, Policies(WEEK)) == set()
    await days(stage, 3)
    assert await prune(stage, Policies(WEEK)) == {old.id}
    assert (await stage.get(unfinished.id)).state is RunState.RUNNING
    assert [str(event.kind) for event in await stage.store.events.after(unfinished.id, scope=EVERYTHING)][-1] == "log"
    assert (await stage.get(waiting)).state is RunState.PENDING
    assert len(await stage.runs.attempts(retried.id, scope=EVERYTHING)) == 1
    if stage.kind == "postgres":
        assert "history_20310304" not in await stage.store.upkeep.partitions()

    await stage.complete(unfinished)  # its day has fallen
    assert (await stage.get(unfinished.id)).state is RunState.COMPLETED
    await stage.runs.cancel([waiting, retried.id])
    await days(stage, 8)
    assert await prune(stage, Policies(WEEK)) == {unfinished.id, young.id, waiting, retried.id}
    for table in TABLES:
        assert await stage.sql(f"select * from mainspring.{table}") == []


@pytest.mark.failure(54)
@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_day_falls_as_a_partition_and_what_outlives_it_moves(stage: Stage, kind: Kind) -> None:
    retention = stage.store.retention
    await retention.tell({"long": Retention("30d"), "last": Retention(keep_last=1)})
    policies = await retention.policies(WEEK)
    gone, pinned, long = await ended(stage, n=4), await ended(stage), await ended(stage, "long")
    last = await ended(stage, "last", n=2)
    await retention.pin(pinned[0])
    late = await stage.claim_new()
    await days(stage, 6)
    await stage.complete(late)
    events = {each: await stage.store.events.after(each, scope=EVERYTHING) for each in (*pinned, *long, last[1], late.id)}
    await days(stage, 2)
    steps = [step async for step in retention.steps(policies)]
    assert Pruned(5, 1) in steps  # the day of all of them; that before it was empty
    stage.forgotten = {*gone, last[0]}
    assert {"history_20310304", "attempts_20310304", "events_20310304"}.isdisjoint(await stage.store.upkeep.partitions())
    rows = await stage.sql("select id, tableoid::regclass::text as place from mainspring.history")
    assert {row["id"]: row["place"] for row in rows} == dict.fromkeys([*pinned, *long, last[1], late.id], "mainspring.history_rest")
    for run_id, before in events.items():
        assert await stage.store.events.after(run_id, scope=EVERYTHING) == before
    assert await stage.sql("select to_regclass('mainspring.survivors') as left_over") == [{"left_over": None}]
    await days(stage, 6)
    assert await prune(stage, policies) == {late.id}


@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_loop_leaves_to_a_day_what_will_fall_with_it(stage: Stage, kind: Kind) -> None:
    (run_id,) = await ended(stage)
    await stage.clock.advance(7 * DAY + 3600)  # past its time; its day is not over by as much
    policies = Policies(WEEK)
    assert sum([step.runs async for step in stage.store.retention.steps(policies)]) == 0
    assert await would_go(stage, policies) == {run_id}
    await stage.clock.advance(DAY)
    assert sum([step.runs async for step in stage.store.retention.steps(policies)]) == 1
    stage.forgotten = {run_id}


@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_day_that_many_outlive_is_thinned_instead(stage: Stage, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.store.retention.MOST_MOVED", 3)
    gone, pinned = await ended(stage, n=2), await ended(stage, n=4)
    for each in pinned:
        await stage.store.retention.pin(each)
    await days(stage, 9)
    steps = [step async for step in stage.store.retention.steps(Policies(WEEK))]
    assert sum(step.runs for step in steps) == 2
    stage.forgotten = set(gone)
    assert "history_20310304" in await stage.store.upkeep.partitions()
    assert await ids_in(stage, "history") == set(pinned)
    for each in pinned[:2]:
        await stage.store.retention.unpin(each)
    assert await prune(stage, Policies(WEEK)) == set(pinned[:2])
    assert "history_20310304" not in await stage.store.upkeep.partitions()


@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_login_that_may_drop_nothing_deletes_rows(stage: Stage, kind: Kind) -> None:
    gone, pinned = await ended(stage, n=3), await ended(stage)
    await stage.store.retention.pin(pinned[0])
    await days(stage, 9)
    role = f"worker_{make_claim_id()[:8]}"
    assert isinstance(stage.database, PostgresDatabase)
    with psycopg.connect(stage.database.url, autocommit=True) as owner:
        owner.execute(f"create role {role} login".encode())
        for statement in (
            f"grant usage on schema mainspring, public to {role}",
            f"grant select, insert, update, delete on all tables in schema mainspring to {role}",
            f"grant select on all tables in schema public to {role}",
        ):
            owner.execute(statement.encode())
    parts = urlsplit(stage.database.url)
    place = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{role}@{place}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    worker = Store(PostgresDatabase(url, clock=CLOCK_FUNCTION))
    await worker.open()
    try:
        assert sum([step.runs async for step in worker.retention.steps(Policies(WEEK))]) == 3
    finally:
        await worker.close()
    stage.forgotten = set(gone)
    assert await ids_in(stage, "history") == set(pinned)
    assert "history_20310304" in await stage.store.upkeep.partitions()
    await stage.store.retention.prune(Policies(WEEK))  # by its owner
    assert "history_20310304" not in await stage.store.upkeep.partitions()
    with psycopg.connect(stage.database.url, autocommit=True) as owner:
        owner.execute(f"drop owned by {role}; drop role {role}".encode())


@pytest.mark.parametrize("kind", ["postgres"])
async def test_who_holds_a_table_for_long_only_delays_the_fall_of_a_day(stage: Stage, kind: Kind) -> None:
    (run_id,) = await ended(stage)
    await days(stage, 9)
    assert isinstance(stage.database, PostgresDatabase)
    async with await psycopg.AsyncConnection.connect(stage.database.url) as holder:
        await holder.execute("lock table mainspring.history in row exclusive mode")
        steps = [step async for step in stage.store.retention.steps(Policies(WEEK))]
        assert Pruned(1, 1) not in steps
        assert (await stage.get(run_id)).state is RunState.COMPLETED
        await holder.rollback()
    assert await prune(stage, Policies(WEEK)) == {run_id}


@pytest.mark.parametrize("kind", ["postgres"])
async def test_a_fall_that_was_broken_off_is_finished_by_the_next_round(stage: Stage, kind: Kind) -> None:
    gone, pinned = await ended(stage, n=2), await ended(stage)
    await stage.store.retention.pin(pinned[0])
    await days(stage, 9)
    execute: Any = stage.database.execute

    async def dies(sql: str) -> list[dict[str, Any]]:
        if "drop table mainspring.events_20310304" in sql:
            raise asyncio.CancelledError
        answer: list[dict[str, Any]] = await execute(sql)
        return answer

    stage.database.execute = dies  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await stage.store.retention.prune(Policies(WEEK))
    stage.database.execute = execute  # type: ignore[method-assign]
    assert "events_20310304" in await stage.store.upkeep.partitions()
    await stage.store.retention.prune(Policies(WEEK))
    stage.forgotten = set(gone)
    assert "events_20310304" not in await stage.store.upkeep.partitions()
    assert await stage.store.events.after(pinned[0], scope=EVERYTHING)


async def test_a_run_that_finishes_after_its_day_fell_is_kept_for_its_time(stage: Stage) -> None:
    await stage.add_new(1)
    await stage.clock.advance(20 * DAY)
    await prune(stage, Policies(WEEK))
    (run,) = await stage.claim(await stage.node())
    await stage.complete(run)
    assert await prune(stage, Policies(WEEK)) == set()
    await stage.clock.advance(8 * DAY)
    assert await prune(stage, Policies(WEEK)) == {run.id}


async def test_a_large_pass_goes_in_batches_and_lets_others_write_in_between(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainspring.store.retention.LOOKED_AT_TOGETHER", 4)
    await stage.clock.advance(10 * DAY)  # no partitions there: row by row on PostgreSQL too
    ids = await ended(stage, n=10)
    await stage.store.retention.pin(ids[1])
    await stage.clock.advance(9 * DAY)
    seen = []
    async for step in stage.store.retention.steps(Policies(WEEK)):
        seen.append(step.runs)
        await stage.add_one(delay=timedelta(days=1))
    assert [n for n in seen if n] == [3, 4, 2]
    stage.forgotten = set(ids) - {ids[1]}


async def test_two_passes_at_once_do_no_harm(stage: Stage) -> None:
    gone, pinned = await ended(stage, n=30), await ended(stage)
    await stage.store.retention.pin(pinned[0])
    await days(stage, 9)
    first, second = await asyncio.gather(*(stage.store.retention.prune(Policies(WEEK)) for _ in range(2)))
    assert first.runs + second.runs == 30
    assert await ids_in(stage, "history") == set(pinned)
    stage.forgotten = set(gone)


def test_policies_are_resolved_by_what_a_task_says() -> None:
    hour, day, week = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
    policies = Policies(Keeping(day, week, 5), {"a": Retention(hour), "b": Retention(others="2d", keep_last=9)})
    assert policies.of("a") == Keeping(hour, week, 5)
    assert policies.of("b") == Keeping(day, timedelta(days=2), 9)
    assert policies.of("c") == Keeping(day, week, 5)
    now = START
    assert policies.has_expired("c", RunState.COMPLETED, now - 2 * day, now)
    assert not policies.has_expired("c", RunState.CANCELLED, now - 2 * day, now)
    assert not policies.has_expired("c", RunState.COMPLETED, now - day, now)
    assert not policies.only(task="a").has_expired("c", RunState.COMPLETED, now - 2 * day, now)
    assert (Keeping(None, day).shortest, Keeping(None, day).longest) == (day, None)
    assert first_id_of(now) > first_id_of(now - day)
