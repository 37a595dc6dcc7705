"""Fresh places for measurements.

Servers are started when the first measurement needs them; each measurement gets a database and a folder of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

from benchmarks.cluster import cluster
from benchmarks.place import Place, StoreName, Synchronous
from benchmarks.redis_server import empty, redis

URL_VARIABLE = "MAINSPRING_BENCH_POSTGRES_URL"
FOLDER_VARIABLE = "MAINSPRING_BENCH_FOLDER"


class Stores:
    """All stores of one benchmark run, under one temporary folder."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._made = 0
        self._postgres: str | None = os.environ.get(URL_VARIABLE)
        self._redis: str | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="mainspring-bench-", dir=_disk()))

    def __enter__(self) -> Stores:
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    @contextmanager
    def place(self, store: StoreName, synchronous: Synchronous) -> Iterator[Place]:
        """Give a fresh place and remove it afterwards. Raises `Unavailable` where the store cannot be had."""
        self._made += 1
        name = f"bench_{os.getpid()}_{self._made}"
        folder = self.folder / name
        folder.mkdir()
        try:
            with self._url(store, name, folder) as url:
                yield Place(store, url, folder, synchronous, os.getpid())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _url(self, store: StoreName, name: str, folder: Path) -> Iterator[str]:
        match store:
            case "postgres":
                with _database(self.postgres(), name) as url:
                    yield url
            case "redis":
                url = self.redis()
                empty(url)
                yield url
            case "sqlite":
                yield f"sqlite:///{folder / 'bench.db'}"
            case "none":
                yield ""

    def postgres(self) -> str:
        """Return the URL of the server, starting it if nobody gave one."""
        if self._postgres is None:
            self._postgres = self._stack.enter_context(cluster(self.folder))
        return self._postgres

    def redis(self) -> str:
        """Return the URL of the server, starting it first."""
        if self._redis is None:
            self._redis = self._stack.enter_context(redis(self.folder))
        return self._redis


def file_system(folder: Path) -> str:
    """Return the kind of file system a folder is on, or ``unknown``."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except FileNotFoundError:
        return "unknown"
    above = [(len(point), kind) for _, point, kind, *_ in mounts if folder.resolve().is_relative_to(point)]
    return max(above)[1] if above else "unknown"


def _disk() -> str:
    """Return a folder on a real disk: a store in memory would flush in no time and flatter whoever commits most."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return chosen
    usual = tempfile.gettempdir()
    return "/var/tmp" if file_system(Path(usual)) == "tmpfs" and Path("/var/tmp").is_dir() else usual


@contextmanager
def _database(server: str, name: str) -> Iterator[str]:
    """Make a database and drop it afterwards; a checkpoint first, so that nobody pays for the writes of another."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        connection.execute("checkpoint")
        try:
            yield _with_database(server, name)
        finally:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _with_database(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
