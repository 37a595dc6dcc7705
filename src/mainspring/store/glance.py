"""A glance at the store for shell completion: a few names, at once or not at all.

It opens no store: what that imports takes longer than people wait for a Tab. Nothing is written, and nothing is made where nothing is.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from mainspring.store.database import split_url
from mainspring.store.queries import load

What = Literal["runs", "queues", "errors", "schedules"]
_QUERIES = {"runs": "glance_runs", "queues": "glance_queues", "errors": "glance_errors", "schedules": "glance_schedules"}
WAIT = 1  # seconds for a file that somebody writes to


def glance(url: str, what: What) -> list[tuple[str, str]]:
    """Return names with a word about each, the likeliest first; nothing where the store cannot be read now."""
    if url.startswith("sqlite"):
        return _glance_at_file(Path(unquote(urlsplit(url).path[1:])), what)
    return _glance_at_server(url, what)


def _glance_at_file(path: Path, what: What) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    query = load("sqlite", _QUERIES[what], prefix="mainspring_", now="0", clock="0")
    with contextlib.suppress(sqlite3.Error):
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT)) as connection:
            return [(str(name), str(about)) for name, about in connection.execute(query.statements[0])]
    return []


def _glance_at_server(url: str, what: What) -> list[tuple[str, str]]:
    try:
        import psycopg
    except ImportError:
        return []
    address, ours = split_url(url)
    query = load("postgres", _QUERIES[what], prefix=f"{ours.get('schema', 'mainspring')}.", now="now()", clock="now()")
    with contextlib.suppress(psycopg.Error):
        with psycopg.connect(address, connect_timeout=2, autocommit=True) as connection:
            return [(str(name), str(about)) for name, about in connection.execute(query.statements[0].encode())]
    return []
