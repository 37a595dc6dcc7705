"""Callers' connections of Django: ``django.db.connection``, one of ``connections``, or its alias."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mainspring.core.errors import ConfigurationError
from mainspring.store.caller import Answer
from mainspring.store.queries import Dialect, Query

_DIALECTS: Mapping[str, Dialect] = {"postgresql": "postgres", "sqlite": "sqlite"}
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")


class Django:
    """A connection of Django's, in whatever ``atomic`` block this thread is."""

    is_async = False
    takes_moments = False

    def __init__(self, connection: Any) -> None:  # a BaseDatabaseWrapper; Django may not be installed where we are checked
        self._connection = connection
        self.title = f"Django's connection {connection.alias!r}"
        if connection.vendor not in _DIALECTS:
            raise ConfigurationError(f"{self.title} is {connection.vendor}'s: PostgreSQL and SQLite are understood")
        self.dialect: Dialect = _DIALECTS[connection.vendor]

    async def run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        from django.db import transaction

        if len(query.statements) == 1 or self._connection.in_atomic_block or not self._connection.get_autocommit():
            return self._run(query, values)
        if self.dialect == "postgres":
            with transaction.atomic(using=self._connection.alias):
                return self._run(query, values)
        with self._connection.cursor() as cursor:  # for writing from the beginning, which `atomic` does not promise
            cursor.execute("begin immediate")
            try:
                answer = self._run(query, values)
                cursor.execute("commit")
            except BaseException:
                if self._connection.connection.in_transaction:  # a full disk has undone it already
                    cursor.execute("rollback")
                raise
        return answer

    def _run(self, query: Query, values: Mapping[str, Any]) -> Answer:
        rows: list[Any] = []
        columns: list[str] = []
        with self._connection.cursor() as cursor:  # Django's cursors want one style of parameters on every database
            for statement in query.statements:
                if self.dialect == "sqlite":
                    names = set(_PARAMETER.findall(statement))
                    statement = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
                    cursor.execute(statement, {name: values[name] for name in names})
                else:
                    cursor.execute(statement, dict(values))
                rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
                columns = [column[0] for column in cursor.description or ()]
        return rows, columns

    @property
    def driver(self) -> object | None:
        return None if self.dialect == "sqlite" else self._connection.connection

    @property
    def is_committed(self) -> bool:
        return not self._connection.in_atomic_block and bool(self._connection.get_autocommit())

    def after_commit(self, call: Callable[[], None]) -> bool:
        from django.db import transaction

        if not self._connection.in_atomic_block and not self._connection.get_autocommit():
            return False  # transactions by hand, of whose end Django does not tell
        transaction.on_commit(call, using=self._connection.alias, robust=True)
        return True


def adopt(given: Any) -> Django | None:
    """Return a connection of Django's as a caller; an alias is looked up on this thread. None for what is no connection."""
    from django.db import connections
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.utils.connection import ConnectionDoesNotExist, ConnectionProxy

    if isinstance(given, str):
        try:
            return Django(connections[given])
        except ConnectionDoesNotExist:
            known = ", ".join(map(repr, connections))
            raise ConfigurationError(f"connection={given!r} is no alias of Django's DATABASES: {known} are") from None
    if type(given) is ConnectionProxy:
        return Django(connections[given.alias])  # the proxy leads to the connection of this thread
    return Django(given) if isinstance(given, BaseDatabaseWrapper) else None
