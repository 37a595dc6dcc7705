"""Noticing a transaction of the caller's that is open, on our database, and was not given to an enqueue.

Such a run exists at once: a worker may carry it out before the caller's rows are there, and it stays when they are rolled back. Django is
asked for the atomic blocks of this thread. SQLAlchemy is asked for the session that began last in this thread or task, if it has
something to write; of bare connections, its own and the drivers', nobody knows, and nothing is said.
"""

from __future__ import annotations

import os
import sys
import weakref
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_LIBRARIES = ("sqlalchemy.orm", "django.db")
_session: ContextVar[weakref.ref[Any] | None] = ContextVar("mainspring_session", default=None)
_FLUSHED = "mainspring_flushed"
_is_watching = False
_HERE = ("", "localhost", "127.0.0.1", "::1")


def find(url: str) -> str | None:
    """Return what has a transaction open on the database of a URL, as a phrase and the remedy; None where nothing has."""
    if "sqlalchemy.orm" in sys.modules:
        watch_sessions()
        if (found := _open_session(url)) is not None:
            return found
    return _open_atomic(url) if "django.db" in sys.modules else None


def watch_sessions() -> None:
    """Begin to note which session began last, in each thread and task; what began before is not seen."""
    global _is_watching
    if _is_watching or "sqlalchemy.orm" not in sys.modules:
        return
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    _is_watching = True
    event.listen(Session, "after_transaction_create", _began)
    event.listen(Session, "after_flush", _flushed)


def _began(session: Any, transaction: Any) -> None:
    if transaction.parent is None:
        _session.set(weakref.ref(session))


def _flushed(session: Any, context: Any) -> None:
    session.info[_FLUSHED] = weakref.ref(session.get_transaction()) if session.in_transaction() else None


def _open_session(url: str) -> str | None:
    held = _session.get()
    session = None if held is None else held()
    if session is None or not session.in_transaction():
        return None
    flushed = session.info.get(_FLUSHED)
    if not (session.new or session.dirty or session.deleted) and (flushed is None or flushed() is not session.get_transaction()):
        return None  # it only reads
    from sqlalchemy.exc import UnboundExecutionError

    try:
        theirs = session.get_bind().url
    except UnboundExecutionError:
        return None  # it knows its database only by what it maps
    if not _is_same(url, theirs.database, theirs.host, theirs.port):
        return None
    return f"a {type(session).__name__} of SQLAlchemy has unsaved work in a transaction: enqueue with task.options(connection=session)"


def _open_atomic(url: str) -> str | None:
    from django.conf import settings
    from django.db import connections

    if not settings.configured:
        return None
    for connection in connections.all(initialized_only=True):
        # The blocks that a TestCase puts around every test are nobody's transaction.
        if not any(not getattr(block, "_from_testcase", False) for block in getattr(connection, "atomic_blocks", ())):
            continue
        about = connection.settings_dict
        if _is_same(url, str(about.get("NAME") or ""), about.get("HOST"), about.get("PORT")):
            alias = connection.alias
            return f"transaction.atomic() is open on Django's connection {alias!r}: enqueue with task.options(connection={alias!r})"
    return None


def _is_same(url: str, database: str | None, host: str | None, port: object) -> bool:
    """Tell whether a place is most probably that of our URL; where one side leaves something out, it counts as the same."""
    ours = urlsplit(url)
    path = unquote(ours.path[1:])
    if ours.scheme == "sqlite":
        return bool(database) and bool(path) and os.path.realpath(str(database)) == os.path.realpath(path)
    asked = parse_qs(ours.query)
    our_host = ours.hostname or asked.get("host", [""])[0]
    our_port = str(ours.port or asked.get("port", [""])[0])
    is_host = our_host == (host or "") or (our_host in _HERE and (host or "") in _HERE) or not our_host or not host
    return path == (database or "") and is_host and (not our_port or not port or our_port == str(port))
