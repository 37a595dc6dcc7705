"""Connections of every library whose transactions are joined, behind one small face: begin, say something, commit or roll back."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg
import django
import psycopg
import psycopg2
import sqlalchemy
from django.conf import settings as django_settings
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.store.harness import new_postgres

if not django_settings.configured:
    django_settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.dummy"}}, USE_TZ=True)
    django.setup()

# The application's own table, in which its own rows stand beside our runs.
ORDERS = "create table orders (id integer primary key)"
INSERT = "insert into orders values ({n})"

BLOCKING_POSTGRES = ("psycopg", "psycopg2", "sa-connection-psycopg", "sa-session-psycopg", "sa-session-psycopg2", "sa-scoped", "django")
BLOCKING_SQLITE = ("sqlite3", "sa-connection-pysqlite", "sa-session-pysqlite", "django")
ASYNC_POSTGRES = (
    "psycopg-async", "asyncpg", "asyncpg-pool", "sa-async-connection-asyncpg", "sa-async-session-asyncpg", "sa-async-session-psycopg",
    "sa-async-connection-psycopg",
)  # fmt: skip
ASYNC_SQLITE = ("aiosqlite", "sa-async-session-aiosqlite", "sa-async-connection-aiosqlite")


@dataclass
class Place:
    """A database of its own with our tables and the application's."""

    dialect: str
    url: str  # as the app wants it

    def new(self) -> Any:
        """Return a connection beside, which commits each statement."""
        if self.dialect == "postgres":
            return psycopg.connect(self.url, autocommit=True)
        return sqlite3.connect(self.path, isolation_level=None)

    @property
    def path(self) -> str:
        return self.url.removeprefix("sqlite:///")

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask, on a connection beside; ``mainspring.`` stands for our tables on both."""
        text = statement if self.dialect == "postgres" else statement.replace("mainspring.", "mainspring_")
        with contextlib.closing(self.new()) as connection:
            return [tuple(row) for row in connection.execute(text).fetchall()]

    def orders(self) -> list[int]:
        return [row[0] for row in self.rows("select id from orders order by id")]

    def runs(self) -> list[str]:
        return [str(row[0]) for row in self.rows("select id from mainspring.hot_runs order by id")]


def make_place(dialect: str, folder: Path) -> Place:
    """Make a database; without a running loop."""
    if dialect == "postgres":
        place = Place(dialect, new_postgres())
    else:
        from mainspring import Mainspring

        async def migrate() -> None:
            async with Mainspring(place.url):
                pass

        place = Place(dialect, f"sqlite:///{folder / 'shop.db'}")
        asyncio.run(migrate())
    with contextlib.closing(place.new()) as connection:
        connection.execute(ORDERS)
    return place


@dataclass
class BlockingCaller:
    """A blocking connection: what is given to an enqueue, and the transaction's verbs."""

    given: Any
    begin: Callable[[], Any]
    execute: Callable[[str], Any]
    commit: Callable[[], Any]
    rollback: Callable[[], Any]


@dataclass
class AsyncCaller:
    """The same, to be awaited."""

    given: Any
    begin: Callable[[], Awaitable[Any]]
    execute: Callable[[str], Awaitable[Any]]
    commit: Callable[[], Awaitable[Any]]
    rollback: Callable[[], Awaitable[Any]]


def _nothing() -> None: ...


async def _nothing_async() -> None: ...


def _engine(kind: str, place: Place) -> sqlalchemy.Engine:
    connect: dict[str, Callable[[], Any]] = {
        "psycopg": lambda: psycopg.connect(place.url), "psycopg2": lambda: psycopg2.connect(place.url),
        "pysqlite": lambda: sqlite3.connect(place.path),
    }  # fmt: skip
    driver = kind.rpartition("-")[2]
    return sqlalchemy.create_engine(f"{'sqlite' if 'sqlite' in driver else 'postgresql'}+{driver}://", creator=connect[driver])


@contextlib.contextmanager
def blocking_caller(kind: str, place: Place) -> Iterator[BlockingCaller]:
    """Open a blocking connection on a place's database, in a transaction of its own once something is said."""
    with contextlib.ExitStack() as stack:
        if kind in ("psycopg", "psycopg2", "sqlite3"):
            make: Any = {"psycopg": psycopg.connect, "psycopg2": psycopg2.connect, "sqlite3": sqlite3.connect}[kind]
            raw = stack.enter_context(contextlib.closing(make(place.path if kind == "sqlite3" else place.url)))
            yield BlockingCaller(raw, _nothing, lambda text: raw.cursor().execute(text), raw.commit, raw.rollback)
        elif kind == "django":
            with django_alias(place) as connection:
                yield _django(connection)
        elif "connection" in kind:
            engine = _engine(kind, place)
            stack.callback(engine.dispose)
            bare = stack.enter_context(engine.connect())
            yield BlockingCaller(bare, _nothing, lambda text: bare.execute(sqlalchemy.text(text)), bare.commit, bare.rollback)
        else:
            engine = _engine("psycopg" if kind == "sa-scoped" else kind, place)
            stack.callback(engine.dispose)
            session: Any = stack.enter_context(Session(engine))
            given: Any = session
            if kind == "sa-scoped":
                given = scoped_session(sessionmaker(engine))
                session = given()
            yield BlockingCaller(given, _nothing, lambda text: session.execute(sqlalchemy.text(text)), session.commit, session.rollback)


@contextlib.contextmanager
def django_alias(place: Place, alias: str = "shop") -> Iterator[Any]:
    """Make a place's database one of Django's, under an alias."""
    from django.db import connections

    if place.dialect == "sqlite":
        about: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": place.path}
    else:
        info = psycopg.conninfo.conninfo_to_dict(place.url)
        about = {"ENGINE": "django.db.backends.postgresql", "NAME": info["dbname"], "USER": info["user"]}
        about |= {"HOST": info["host"], "PORT": info["port"]}
    connections.settings[alias] = {**connections.settings["default"], **about}
    connection = connections[alias]
    try:
        yield connection
    finally:
        connection.close()
        del connections[alias]
        del connections.settings[alias]


def _django(connection: Any) -> BlockingCaller:
    from django.db import transaction

    blocks: list[Any] = []

    def begin() -> None:
        blocks.append(transaction.atomic(using=connection.alias))
        blocks[-1].__enter__()

    def end(*, is_commit: bool) -> None:
        error = None if is_commit else ValueError("rolled back")
        blocks.pop().__exit__(None if error is None else ValueError, error, None)

    def execute(text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(text)

    return BlockingCaller(connection, begin, execute, lambda: end(is_commit=True), lambda: end(is_commit=False))


@contextlib.asynccontextmanager
async def async_caller(kind: str, place: Place) -> AsyncIterator[AsyncCaller]:
    """Open an async connection on a place's database."""
    async with contextlib.AsyncExitStack() as stack:
        if kind == "psycopg-async":
            raw: Any = await stack.enter_async_context(await psycopg.AsyncConnection.connect(place.url))
            yield AsyncCaller(raw, _nothing_async, raw.execute, raw.commit, raw.rollback)
        elif kind == "aiosqlite":
            raw = await stack.enter_async_context(aiosqlite.connect(place.path))
            yield AsyncCaller(raw, _nothing_async, raw.execute, raw.commit, raw.rollback)
        elif kind.startswith("asyncpg"):
            if kind == "asyncpg-pool":
                pool = await stack.enter_async_context(asyncpg.create_pool(place.url, min_size=1, max_size=2))
                raw = await stack.enter_async_context(pool.acquire())
            else:
                raw = await asyncpg.connect(place.url)
                stack.push_async_callback(raw.close)
            yield AsyncCaller(
                raw, lambda: raw.execute("begin"), raw.execute, lambda: raw.execute("commit"), lambda: raw.execute("rollback")
            )
        else:
            connect: dict[str, Callable[[], Any]] = {
                "asyncpg": lambda: asyncpg.connect(place.url), "psycopg": lambda: psycopg.AsyncConnection.connect(place.url),
                "aiosqlite": lambda: aiosqlite.connect(place.path),
            }  # fmt: skip
            driver = kind.rpartition("-")[2]
            engine = create_async_engine(
                f"{'sqlite' if 'sqlite' in driver else 'postgresql'}+{driver}://", async_creator=connect[driver]
            )  # fmt: skip
            stack.push_async_callback(engine.dispose)
            held: Any = await stack.enter_async_context(AsyncSession(engine) if "session" in kind else engine.connect())
            yield AsyncCaller(held, _nothing_async, lambda text: held.execute(sqlalchemy.text(text)), held.commit, held.rollback)
