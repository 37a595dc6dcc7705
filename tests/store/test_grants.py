"""Roles of PostgreSQL: the printed statements are run, and real logins try what they may and what they may not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from mainspring import Mainspring, task
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.errors import StoreUnavailable
from mainspring.core.file import File
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.run import Beside, NewRun
from mainspring.store.blobs import DirectoryBlobs
from mainspring.store.grants import DatabaseRole, grants
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Completion
from mainspring.store.store import Store
from tests import postgres
from tests.aio import run
from tests.store.harness import new_postgres

_ids = IdMaker()
TABLES = "select tablename as name from pg_tables where schemaname = 'mainspring'"


@task
async def greet(name: str) -> str:
    return f"hello {name}"


class Logins:
    """A database with a login for each role."""

    def __init__(self, url: str) -> None:
        self.url = url

    def of(self, role: str) -> str:
        return self.url.replace("postgres@", f"login_{role}@", 1)

    @contextlib.asynccontextmanager
    async def store(self, role: str) -> AsyncIterator[Store]:
        store = Store(PostgresDatabase(self.of(role), connections=2))
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def sql(self, role: str, text: str) -> list[Any]:
        """Run a statement as a role, and take it back."""
        with psycopg.connect(self.of(role)) as connection:
            try:
                cursor = connection.execute(text.encode())
                return cursor.fetchall() if cursor.description is not None else []
            finally:
                connection.rollback()


def apply_all(url: str) -> None:
    """Run what ``migrate --grants`` prints, twice, and give each role a login."""
    with psycopg.connect(url, autocommit=True) as connection:
        for role in DatabaseRole:
            for _ in range(2):
                for statement in grants(role):
                    if not statement.startswith("--"):
                        connection.execute(statement.encode())
            connection.execute(f"create role login_{role} login in role mainspring_{role}".encode())


def drop_all(url: str) -> None:
    """Take roles and logins away: they belong to the server, not to the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        for role in DatabaseRole:
            for name in (f"login_{role}", f"mainspring_{role}"):
                connection.execute(f"reassign owned by {name} to postgres".encode())
                connection.execute(f"drop owned by {name}".encode())
                connection.execute(f"drop role {name}".encode())


@pytest.fixture(scope="module")
def logins() -> Iterator[Logins]:
    url = new_postgres()
    apply_all(url)
    yield Logins(url)
    drop_all(url)
    postgres.drop_database(url)


def new(name: str = "t", **fields: Any) -> NewRun:
    return NewRun(_ids.make(1_900_000_000_000), name, params='{"password": "x"}', **fields)


def test_whoever_enqueues_adds_by_every_policy(logins: Logins, tmp_path: Any) -> None:
    async def story() -> None:
        async with logins.store("enqueue") as store:
            store.files.settle(lambda: DirectoryBlobs(tmp_path))
            await store.migrations.check()
            assert (await store.runs.add(new())).is_new
            assert len(await store.runs.add_many([new() for _ in range(3)])) == 3
            await store.runs.add_alike(new(), [(new().id, "{}") for _ in range(3)])
            for policy, window, second in (
                (DedupePolicy.EXISTING, None, How.EXISTING), (DedupePolicy.REJECT, None, How.REJECTED),
                (DedupePolicy.REPLACE, None, How.REPLACED), (DedupePolicy.DEBOUNCE, timedelta(seconds=5), How.DEBOUNCED),
                (DedupePolicy.ONCE, None, How.EXISTING),
            ):  # fmt: skip
                key = f"key-{policy}"
                assert (await store.runs.add(new(key=key, dedupe=policy, window=window))).is_new
                assert (await store.runs.add(new(key=key, dedupe=policy, window=window))).how is second
            assert not (await store.runs.add_again(first := new(key="again"))).is_new or first.id
            file = await store.files.put(b"x", name="x.txt")
            held = new(beside=Beside((file,), (("colour", "red"),)))
            assert (await store.runs.add(held)).id == held.id
            await store.audit.add("runs.enqueue", f"run:{held.id}", actor="a", source="test")

    run(story())


@pytest.mark.parametrize(
    "statement",
    [
        "select params from mainspring.hot_runs",
        "select result from mainspring.history",
        "select * from mainspring.runs",
        "select data from mainspring.events",
        "select * from mainspring.audit",
        "select * from mainspring.nodes",
        "update mainspring.hot_runs set claim_id = gen_random_uuid(), node_id = gen_random_uuid(), state = 4",
        "update mainspring.hot_runs set cancel_requested = true",
        "delete from mainspring.hot_runs",
        "insert into mainspring.history select * from mainspring.history",
        "update mainspring.files set sha256 = 'x'",
        "delete from mainspring.files",
        "update mainspring.task_switches set is_enabled = true",
        "insert into mainspring.nodes (id) values (gen_random_uuid())",
        "create table mainspring.mine ()",
    ],
)
def test_whoever_enqueues_reads_and_takes_nothing(logins: Logins, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        logins.sql("enqueue", statement)


def test_whoever_enqueues_cannot_claim(logins: Logins) -> None:
    async def story() -> None:
        async with logins.store("work") as store:
            node = make_claim_id()
            await store.nodes.register(node, name="n", host="h", pid=1, lease=timedelta(minutes=1), facts={})
            await store.runs.add(new())
            lanes = [lane for lane, _ in await store.runs.lanes()]
        async with logins.store("enqueue") as store:
            with pytest.raises(StoreUnavailable, match="grant the role its rights"):
                await store.runs.claim(node, make_claim_id(), lanes, 10, timedelta(seconds=5))
            with pytest.raises(StoreUnavailable, match="refuses"):
                await store.runs.complete([Completion(new().id, make_claim_id(), 1.0, None)])
            with pytest.raises(StoreUnavailable, match="refuses"):
                await store.runs.get(new().id, scope=EVERYTHING)

    run(story())


def test_a_whole_node_works_with_the_role_for_work(logins: Logins, tmp_path: Any) -> None:
    """Every safety loop makes its first round, and the node neither makes nor drops tables."""

    async def story() -> None:
        app = Mainspring(logins.of("work"), tasks=[greet], isolation="inline", files=str(tmp_path), auto_migrate=False)
        try:
            async with app, app.worker() as runner:
                assert await (await app.enqueue(greet, name="you")).result(30) == "hello you"
                store = await app.store()
                assert not await store.upkeep.may_change_schema()
                assert await store.upkeep.make_partitions() == []
                assert runner.health().problems == ()
                ended = [each.id for each in await store.runs.page(task="greet", scope=EVERYTHING)]
                assert await store.retention.delete(ended) == ended
                await store.audit.add("runs.delete", "run:1", actor="a", source="test")
                assert (await store.audit.page(n=1, scope=EVERYTHING))[0]["verb"] == "runs.delete"
        finally:
            active.retire(app)

    run(story())


@pytest.mark.parametrize(
    "statement",
    [
        "update mainspring.audit set actor = 'nobody'",
        "delete from mainspring.audit",
        "truncate mainspring.audit",
        "drop table mainspring.audit",
        "alter table mainspring.audit disable trigger all",
        "delete from mainspring.migrations",
        "create table mainspring.mine ()",
        "drop table mainspring.hot_runs",
    ],
)
def test_work_changes_neither_schema_nor_the_audit_trail(logins: Logins, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        logins.sql("work", statement)


def test_not_even_the_owner_changes_the_audit_trail_by_accident(logins: Logins) -> None:
    with psycopg.connect(logins.url) as connection:
        connection.execute("insert into mainspring.audit (at, verb, object, source) values (now(), 'v', 'o', 's')")
        for statement in ("update mainspring.audit set verb = 'w'", "delete from mainspring.audit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only grows"), connection.transaction():
                connection.execute(statement)
        connection.rollback()


def test_whoever_reads_sees_everything_and_writes_nothing(logins: Logins) -> None:
    async def story() -> None:
        async with logins.store("work") as store:
            added = await store.runs.add(new("seen"))
        async with logins.store("read") as store:
            assert (await store.runs.get(added.id, scope=EVERYTHING)).task == "seen"
            assert [each.id for each in await store.runs.page(task="seen", scope=EVERYTHING)] == [added.id]
            assert len(await store.events.after(added.id, scope=EVERYTHING)) == 1
            with pytest.raises(StoreUnavailable, match="refuses"):
                await store.runs.add(new())
            with pytest.raises(StoreUnavailable, match="refuses"):
                await store.files.hold("t", "", [(added.id, [_strange()], 2)])  # type: ignore[list-item]  # Role.GIVEN

    run(story())
    with psycopg.connect(logins.url) as connection:
        for (table,) in connection.execute(TABLES.encode()).fetchall():
            for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
                asked = connection.execute("select has_table_privilege('login_read', %s, %s)", (f"mainspring.{table}", right)).fetchone()
                assert asked == (False,), (table, right)
                if table == "audit" and right in ("UPDATE", "DELETE", "TRUNCATE"):
                    for role in ("work", "enqueue"):
                        asked = connection.execute(
                            "select has_table_privilege(%s, 'mainspring.audit', %s)", (f"login_{role}", right)
                        ).fetchone()
                        assert asked == (False,), (role, right)


def _strange() -> File:
    return File(id=new().id, name="a", size=1, media_type="a/b", sha256="0" * 64)


def test_the_owner_makes_the_schema(logins: Logins) -> None:
    """In a database of its own: from nothing to partitions, with no more than the role says."""
    url = postgres.fresh_database(postgres.server())
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in grants(DatabaseRole.OWN):
                if not statement.startswith("--"):
                    connection.execute(statement.encode())
        own = Logins(url)

        async def story() -> None:
            async with own.store("own") as store:
                await store.migrations.apply()
                assert await store.upkeep.may_change_schema()
                assert await store.upkeep.make_partitions(1)

        run(story())
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            for name in ("login_own", "mainspring_own"):
                connection.execute(f"drop owned by {name} cascade".encode())
        asyncio.run(asyncio.to_thread(postgres.drop_database, url))
