"""Who is measured: ourselves, the peers, the raw limits."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.place import StoreName, Synchronous


@dataclass(frozen=True)
class Subject:
    """One contestant. Its module holds a coroutine function for each row that it takes part in.

    ``distributions`` are the packages whose versions the report names; ``store`` overrules the row's.
    """

    key: str
    title: str
    module: str
    distributions: tuple[str, ...] = ()
    store: StoreName | None = None
    synchronous: Synchronous = "FULL"


OURS = Subject("ours", "Mainspring", "benchmarks.ours", ("mainspring", "psycopg", "pydantic"))
OURS_LIVE = Subject("ours", "Mainspring", "benchmarks.ours_live", ("mainspring", "uvicorn", "websockets"))
OURS_SCHEDULES = Subject("ours", "Mainspring", "benchmarks.ours_schedules", ("mainspring", "psycopg"))
OURS_CONSOLE = Subject("ours", "Mainspring", "benchmarks.ours_console", ("mainspring", "starlette", "jinja2"))
OURS_CHECK = Subject("ours", "Mainspring", "benchmarks.ours_check", ("mainspring",))
OURS_RELAXED = Subject("ours-relaxed", "Mainspring, relaxed", "benchmarks.ours", ("mainspring",), synchronous="NORMAL")

PGQUEUER = Subject("pgqueuer", "pgqueuer", "benchmarks.peers.pgqueuer", ("pgqueuer", "asyncpg"))
PROCRASTINATE = Subject("procrastinate", "Procrastinate", "benchmarks.peers.procrastinate", ("procrastinate", "psycopg"))
HUEY = Subject("huey", "huey, fsync on (its default)", "benchmarks.peers.huey", ("huey",))
HUEY_OFF = Subject("huey-off", "huey, fsync off", "benchmarks.peers.huey", ("huey",), synchronous="OFF")
CELERY = Subject("celery", "Celery prefork", "benchmarks.peers.celery", ("celery", "redis"), store="redis")

RAW_POSTGRES = Subject("raw", "raw PostgreSQL", "benchmarks.raw.postgres", ("psycopg",))
RAW_SQLITE = Subject("raw", "raw SQLite, FULL", "benchmarks.raw.sqlite")
RAW_SQLITE_NORMAL = Subject("raw-normal", "raw SQLite, NORMAL", "benchmarks.raw.sqlite", synchronous="NORMAL")
RAW_SQLITE_OFF = Subject("raw-off", "raw SQLite, OFF", "benchmarks.raw.sqlite", synchronous="OFF")
RUFF = Subject("ruff", "ruff RUF006,ASYNC, one thread", "benchmarks.peers.ruff", ("ruff",))
RAW_PARSER = Subject("raw", "ast.parse of every file", "benchmarks.raw.parser")
DISK = Subject("disk", "this disk", "benchmarks.raw.disk")
