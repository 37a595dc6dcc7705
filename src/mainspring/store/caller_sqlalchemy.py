"""Callers' connections of SQLAlchemy: Session and Connection, their async twins, and the scoped ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mainspring.core.errors import ConfigurationError
from mainspring.store.caller import Answer, numbered
from mainspring.store.caller_drivers import opening_of
from mainspring.store.queries import Dialect, Query

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

_DIALECTS: Mapping[str, Dialect] = {"postgresql": "postgres", "sqlite": "sqlite"}
_NAMED, _NUMBERED = ("psycopg", "psycopg_async", "psycopg2"), ("asyncpg",)
_DRIVERS = (*_NAMED, *_NUMBERED, "pysqlite", "aiosqlite")
_WAITING = "mainspring_after_commit"  # where a session keeps what is to be called


class _Sqlalchemy:
    """What all have in common: the statement goes to the driver as it is, on the connection that the transaction uses."""

    def __init__(self, dialect: Any, title: str) -> None:
        self.title = title
        if dialect.driver not in _DRIVERS:
            raise ConfigurationError(f"{title} uses the driver {dialect.name}+{dialect.driver}: choose one of {', '.join(_DRIVERS)}")
        self.dialect: Dialect = _DIALECTS[dialect.name]
        self.takes_moments = dialect.driver in _NUMBERED
        self._is_numbered = dialect.driver in _NUMBERED
        self._driver: object | None = None

    def _run_on(self, connection: Connection, query: Query, values: Mapping[str, Any]) -> Answer:
        raw: Any = connection.connection.dbapi_connection
        driver: Any = getattr(raw, "driver_connection", raw)
        is_ours = False
        if self.dialect == "sqlite":
            opening, is_ours = opening_of(driver, query)
            if opening:
                connection.exec_driver_sql(opening)
        else:
            self._driver = driver
        answer: Answer = [], []
        ready: list[tuple[str, Any]] = [(statement, dict(values)) for statement in query.statements]
        try:
            for statement, given in numbered(query, values) if self._is_numbered else ready:
                result = connection.exec_driver_sql(statement, given)
                if result.returns_rows:
                    answer = [tuple(row) for row in result.fetchall()], list(result.keys())
            if is_ours:
                connection.exec_driver_sql("commit")
        except BaseException:
            if is_ours and driver.in_transaction:
                connection.exec_driver_sql("rollback")
            raise
        return answer

    @property
    def driver(self) -> object | None:
        return self._driver

    @property
    def is_committed(self) -> bool:
        return False  # it always has a transaction, but for the isolation level AUTOCOMMIT, of which it does not tell


class _OfConnection(_Sqlalchemy):
    def after_commit(self, call: Callable[[], None]) -> bool:
        return False  # its commit event comes before the commit


class _OfSession(_Sqlalchemy):
    _events: Session  # the session whose events are heard: an async one wraps it

    def after_commit(self, call: Callable[[], None]) -> bool:
        """Call once the session's outermost transaction is committed; what is rolled back is forgotten."""
        waiting = self._events.info.get(_WAITING)
        if waiting is None:
            from sqlalchemy import event

            waiting = self._events.info[_WAITING] = []
            event.listen(self._events, "after_commit", _committed)
            event.listen(self._events, "after_rollback", _rolled_back)
        waiting.append(call)
        return True


def _committed(session: Session) -> None:
    if not session.in_nested_transaction():  # the end of a savepoint is no commit
        waiting, session.info[_WAITING] = session.info[_WAITING], []
        for call in waiting:
            call()


def _rolled_back(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info[_WAITING] = []


class OfConnection(_OfConnection):
    """A Connection."""

    is_async = False

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.dialect, "a SQLAlchemy Connection")
        self._connection = connection

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        return self._run_on(self._connection, query, values)


class OfAsyncConnection(_OfConnection):
    """An AsyncConnection."""

    is_async = True

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection.dialect, "a SQLAlchemy AsyncConnection")
        self._connection = connection

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        return await self._connection.run_sync(self._run_on, query, values)


class OfSession(_OfSession):
    """A Session."""

    is_async = False

    def __init__(self, session: Session) -> None:
        super().__init__(session.get_bind().dialect, "a SQLAlchemy Session")
        self._events = session

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        return self._run_on(self._events.connection(), query, values)


class OfAsyncSession(_OfSession):
    """An AsyncSession."""

    is_async = True

    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session.get_bind().dialect, "a SQLAlchemy AsyncSession")
        self._session, self._events = session, session.sync_session

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        connection = await self._session.connection()
        return await connection.run_sync(self._run_on, query, values)


def adopt(given: object) -> OfConnection | OfAsyncConnection | OfSession | OfAsyncSession | None:
    """Return what a thing of SQLAlchemy's is as a caller, or None where nothing can be run on it."""
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session, scoped_session

    if isinstance(given, scoped_session):
        given = given()
    if isinstance(given, Session):
        return OfSession(given)
    if isinstance(given, Connection):
        return OfConnection(given)
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session

    if isinstance(given, async_scoped_session):
        given = given()
    if isinstance(given, AsyncSession):
        return OfAsyncSession(given)
    return OfAsyncConnection(given) if isinstance(given, AsyncConnection) else None
