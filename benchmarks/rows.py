"""What is measured: the table of measures, with what we want to reach in each.

A row calls one function of each of its subjects. ``count`` is how many runs, calls, samples or seconds; a target
speaks of our median against another's, or is absolute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from benchmarks.place import StoreName
from benchmarks.subjects import (
    CELERY,
    DISK,
    HUEY,
    HUEY_OFF,
    OURS,
    OURS_CHECK,
    OURS_CONSOLE,
    OURS_LIVE,
    OURS_RELAXED,
    OURS_SCHEDULES,
    PGQUEUER,
    PROCRASTINATE,
    RAW_PARSER,
    RAW_POSTGRES,
    RAW_SQLITE,
    RAW_SQLITE_NORMAL,
    RAW_SQLITE_OFF,
    RUFF,
    Subject,
)


@dataclass(frozen=True)
class Metric:
    """One number of a reading, and how it is shown."""

    title: str
    unit: str
    digits: int = 0
    is_better_higher: bool = False

    def show(self, value: float | None) -> str:
        """Return the value with its unit."""
        return "–" if value is None else f"{value:,.{self.digits}f}{self.unit}"


METRICS = {
    "per_second": Metric("rate", "/s", is_better_higher=True),
    "cpu_us": Metric("CPU a run", " µs"),
    "p50_ms": Metric("p50", " ms", 2),
    "p95_ms": Metric("p95", " ms", 2),
    "p99_ms": Metric("p99", " ms", 2),
    "longest_ms": Metric("longest frame", " ms"),
    "cpu_percent": Metric("of a core", " %", 2),
    "seconds": Metric("time", " s", 2),
    "cpu_seconds": Metric("CPU", " s", 2),
    "right_percent": Metric("right kind", " %", 1, is_better_higher=True),
    "asked_percent": Metric("asked", " %", 1),
    "silent": Metric("wrong in silence", ""),
    "memory_mb": Metric("memory", " MB", 1),
    "growth_percent": Metric("growth", " %", 1),
    "fdatasync_us": Metric("fdatasync", " µs"),
    "fsync_us": Metric("fsync", " µs"),
    "fsync_p99_us": Metric("fsync p99", " µs"),
}


@dataclass(frozen=True)
class Target:
    """What our median shall be: so many times another's, or so much in itself (``against`` None)."""

    metric: str
    way: Literal["at least", "at most"]
    factor: float
    against: Subject | None = None
    row: str | None = None  # the other's median is taken from this row instead of the target's own

    def is_met(self, reached: float) -> bool:
        """Say whether a value (a ratio where there is an ``against``) is good enough."""
        return reached >= self.factor if self.way == "at least" else reached <= self.factor


@dataclass(frozen=True)
class Row:
    """One measure. ``counts`` overrules ``count`` for slow subjects; ``is_long`` rows run only when asked for."""

    key: str
    title: str
    store: StoreName
    call: str
    subjects: tuple[Subject, ...]
    count: int
    quick: int
    targets: tuple[Target, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    is_long: bool = False
    limit: float = 240.0  # seconds until a measurement is given up

    def count_for(self, subject: Subject, is_quick: bool) -> int:
        """Return the size of one measurement."""
        full = self.counts.get(subject.key, self.count)
        return min(full, self.quick) if is_quick else full


def _alone(prefix: str, database: str, store: StoreName) -> tuple[Row, ...]:
    """Return what only we are measured in, the same on every database."""
    measures = (
        ("drain-limited", "drain through one limit of 100 at once", 20_000, 3_000),
        ("enqueue-within", "row and run in the caller's transaction", 10_000, 1_000),
        ("enqueue-keyed", "enqueue, one caller, a new key each", 10_000, 1_000),
        ("enqueue-colliding", "enqueue, one caller, one key that is held", 10_000, 1_000),
        ("enqueue-replacing", "enqueue, one caller, one key, replacing", 10_000, 1_000),
        ("enqueue-once", "enqueue, one caller, a new key each, once for ever", 10_000, 1_000),
    )
    return tuple(
        Row(f"{prefix}.{key}", f"{database}, {title}", store, key.replace("-", "_"), (OURS,), count, quick)
        for key, title, count, quick in measures
    )


def _scheduled(prefix: str, database: str, store: StoreName) -> tuple[Row, ...]:
    """Return what is measured of schedules and pulses, the same on every database."""
    many, is_little = Target("p99_ms", "at most", 1_000), Target("cpu_percent", "at most", 50)
    quick = Target("p99_ms", "at most", 50)
    return (
        Row(
            f"{prefix}.schedules", f"{database}, three nodes, 10,000 schedules of every minute, from slot to run", store, "minutely",
            (OURS_SCHEDULES,), 10_000, 1_000, (many, is_little), limit=420.0,
        ),
        Row(f"{prefix}.on-time", f"{database}, idle node, from slot to body", store, "on_time", (OURS_SCHEDULES,), 300, 100, (quick,)),
        Row(f"{prefix}.pulse", f"{database}, a pulse with nothing due", store, "empty_pulse", (OURS_SCHEDULES,), 100, 30, (quick,)),
    )  # fmt: skip


def _watched(prefix: str, database: str, store: StoreName) -> tuple[Row, ...]:
    """Return what is measured of those who watch runs, the same on every database; ``count`` is seconds."""
    core, soon = Target("cpu_percent", "at most", 100), Target("p95_ms", "at most", 250)
    return (
        Row(
            f"{prefix}.viewers-hundred", f"{database}, 100 viewers of a run, 2,000 lines a second", store, "viewers_hundred", (OURS_LIVE,),
            20, 5, (core,),
        ),
        Row(
            f"{prefix}.viewers-thousand", f"{database}, 1,000 viewers of a run of 10 lines a second", store, "viewers_thousand",
            (OURS_LIVE,), 20, 5, (core,),
        ),
        Row(f"{prefix}.paint", f"{database}, a line a tick, append to paint in Chromium", store, "paint", (OURS_LIVE,), 20, 5, (soon,)),
        Row(
            f"{prefix}.burst", f"{database}, a burst of 5,000 lines a second in Chromium", store, "burst", (OURS_LIVE,), 15, 5,
            (Target("longest_ms", "at most", 150), Target("per_second", "at least", 4_900)),
        ),
    )  # fmt: skip


def _shown(prefix: str, database: str, store: StoreName) -> tuple[Row, ...]:
    """Return what is measured of the console's pages, the same on every database."""
    return (
        Row(
            f"{prefix}.console", f"{database}, the console's slowest page over 1,000,000 runs, to its first byte", store, "first_byte",
            (OURS_CONSOLE,), 100, 20, (Target("p99_ms", "at most", 100),), is_long=True, limit=600,
        ),
        Row(
            f"{prefix}.upload", f"{database}, a file of 50 MB by a form, memory of the server", store, "upload", (OURS_CONSOLE,), 50, 50,
            (Target("memory_mb", "at most", 16),),
        ),
    )  # fmt: skip


ROWS = (
    Row("disk.flush", "Disk, 4 KiB written and flushed", "none", "flush", (DISK,), 2_000, 500),
    # PostgreSQL
    Row(
        "pg.drain",
        "PostgreSQL, drain, one worker",
        "postgres",
        "drain",
        (OURS, PGQUEUER, PROCRASTINATE, RAW_POSTGRES),
        50_000,
        10_000,
        (Target("per_second", "at least", 1.5, PGQUEUER),),
        {"procrastinate": 3_000},
    ),
    Row(
        "pg.drain-two",
        "PostgreSQL, drain, two workers",
        "postgres",
        "drain_two",
        (OURS, PGQUEUER, PROCRASTINATE),
        50_000,
        10_000,
        (Target("per_second", "at least", 1.0, PGQUEUER), Target("cpu_us", "at most", 55)),
        {"procrastinate": 3_000},
    ),
    Row(
        "pg.drain-logging",
        "PostgreSQL, drain, two log lines a run",
        "postgres",
        "drain_logging",
        (OURS,),
        50_000,
        10_000,
    ),
    Row(
        "pg.drain-processes",
        "Plain functions in child processes",
        "postgres",
        "drain_processes",
        (OURS, CELERY),
        50_000,
        5_000,
        (
            Target("per_second", "at least", 0.5, OURS, "pg.drain"),
            Target("per_second", "at least", 5.0, CELERY),
        ),
        {"celery": 5_000},
    ),
    Row(
        "pg.drain-beside",
        "PostgreSQL, drain beside an open transaction",
        "postgres",
        "drain_beside_transaction",
        (OURS, PGQUEUER),
        500_000,
        30_000,
        (Target("per_second", "at least", 0.6, OURS, "pg.drain"),),
        {"pgqueuer": 100_000},
        is_long=True,
    ),
    Row(
        "pg.drain-history",
        "PostgreSQL, drain among 5,000,000 finished and 1,000,000 future runs",
        "postgres",
        "drain_after_history",
        (OURS,),
        50_000,
        10_000,
        (Target("per_second", "at least", 0.85, OURS, "pg.drain"),),
        is_long=True,
        limit=1_800,
    ),
    Row("pg.drain-keyed", "PostgreSQL, drain through ten keys of 10 at once", "postgres", "drain_keyed", (OURS,), 20_000, 3_000),
    Row(
        "pg.drain-blocked",
        "PostgreSQL, drain beside 1,000,000 runs that wait for a limit",
        "postgres",
        "drain_beside_blocked",
        (OURS,),
        50_000,
        10_000,
        (Target("per_second", "at least", 0.85, OURS, "pg.drain"),),
        is_long=True,
        limit=1_800,
    ),
    Row(
        "pg.enqueue-one",
        "PostgreSQL, enqueue, one caller",
        "postgres",
        "enqueue_one",
        (OURS, PGQUEUER, PROCRASTINATE, RAW_POSTGRES),
        10_000,
        2_000,
        (Target("per_second", "at least", 1.1, PGQUEUER),),
        {"procrastinate": 2_000},
    ),
    Row(
        "pg.enqueue-many",
        "PostgreSQL, enqueue, 100 callers at once",
        "postgres",
        "enqueue_concurrent",
        (OURS, PGQUEUER, PROCRASTINATE, RAW_POSTGRES),
        20_000,
        5_000,
        (Target("per_second", "at least", 20_000),),
        {"procrastinate": 4_000},
    ),
    Row(
        "pg.enqueue-bulk",
        "PostgreSQL, enqueue in bulk",
        "postgres",
        "enqueue_bulk",
        (OURS, PGQUEUER, PROCRASTINATE, RAW_POSTGRES),
        100_000,
        20_000,
        (Target("per_second", "at least", 1.3, PGQUEUER),),
        {"procrastinate": 20_000},
    ),
    Row(
        "pg.latency",
        "PostgreSQL, idle worker, from the call to the body",
        "postgres",
        "latency",
        (OURS, PGQUEUER, PROCRASTINATE, RAW_POSTGRES),
        200,
        60,
        (Target("p50_ms", "at most", 0.6, PGQUEUER), Target("p99_ms", "at most", 0.7, PGQUEUER)),
    ),
    Row(
        "pg.idle",
        "PostgreSQL, idle worker, CPU",
        "postgres",
        "idle",
        (OURS, PGQUEUER, PROCRASTINATE),
        10,
        5,
        (Target("cpu_percent", "at most", 0.5),),
    ),
    Row(
        "pg.takeover",
        "PostgreSQL, worker killed with 50 runs in hand, until another has begun them all",
        "postgres",
        "takeover",
        (OURS,),
        50,
        50,
        (Target("seconds", "at most", 5),),
    ),
    *_alone("pg", "PostgreSQL", "postgres"),
    *_scheduled("pg", "PostgreSQL", "postgres"),
    *_watched("pg", "PostgreSQL", "postgres"),
    *_shown("pg", "PostgreSQL", "postgres"),
    # SQLite
    Row(
        "sqlite.drain",
        "SQLite, drain, one worker",
        "sqlite",
        "drain",
        (OURS, HUEY, HUEY_OFF, RAW_SQLITE, RAW_SQLITE_NORMAL),
        50_000,
        5_000,
        (Target("per_second", "at least", 4.0, HUEY),),
        {"huey": 10_000, "huey-off": 10_000},
    ),
    Row(
        "sqlite.enqueue-one",
        "SQLite, enqueue, one caller",
        "sqlite",
        "enqueue_one",
        (OURS, OURS_RELAXED, HUEY, HUEY_OFF, RAW_SQLITE, RAW_SQLITE_NORMAL, RAW_SQLITE_OFF),
        20_000,
        5_000,
        (
            Target("per_second", "at least", 0.7, RAW_SQLITE),
            Target("per_second", "at least", 1.0, HUEY),
        ),
    ),
    Row(
        "sqlite.enqueue-many",
        "SQLite, enqueue, 100 callers at once",
        "sqlite",
        "enqueue_concurrent",
        (OURS, HUEY, HUEY_OFF),
        20_000,
        5_000,
        (Target("per_second", "at least", 40_000),),
    ),
    Row(
        "sqlite.enqueue-bulk",
        "SQLite, enqueue in bulk",
        "sqlite",
        "enqueue_bulk",
        (OURS, RAW_SQLITE),
        100_000,
        20_000,
    ),
    Row(
        "sqlite.latency",
        "SQLite, idle worker, from the call to the body",
        "sqlite",
        "latency",
        (OURS, HUEY),
        200,
        60,
        (Target("p50_ms", "at most", 1), Target("p99_ms", "at most", 3)),
    ),
    Row(
        "sqlite.idle",
        "SQLite, idle worker, CPU",
        "sqlite",
        "idle",
        (OURS, HUEY),
        10,
        5,
        (Target("cpu_percent", "at most", 0.5),),
    ),
    Row(
        "sqlite.takeover",
        "SQLite, worker killed with 50 runs in hand, until another has begun them all",
        "sqlite",
        "takeover",
        (OURS,),
        50,
        50,
        (Target("seconds", "at most", 5),),
    ),
    *_alone("sqlite", "SQLite", "sqlite"),
    *_scheduled("sqlite", "SQLite", "sqlite"),
    *_watched("sqlite", "SQLite", "sqlite"),
    *_shown("sqlite", "SQLite", "sqlite"),
    # The program itself
    Row(
        "start.import",
        "Importing the package",
        "none",
        "import_time",
        (OURS, PGQUEUER, PROCRASTINATE),
        10,
        5,
        (Target("p50_ms", "at most", 150),),
    ),
    Row(
        "start.help",
        "The command line's --help",
        "none",
        "help_time",
        (OURS, PGQUEUER, PROCRASTINATE),
        10,
        5,
        (Target("p50_ms", "at most", 200),),
    ),
    # Governance: the checker over a tree (`--tree`, or the standard library), the advisor over descriptions
    Row(
        "check.cold",
        "Checker, whole tree, one process, nothing remembered",
        "none",
        "check_cold",
        (OURS_CHECK, RUFF, RAW_PARSER),
        50_000,
        300,
        (Target("cpu_seconds", "at most", 1, RAW_PARSER), Target("memory_mb", "at most", 300)),
        limit=600,
    ),
    Row(
        "check.warm",
        "Checker, the same tree again",
        "none",
        "check_warm",
        (OURS_CHECK,),
        10_000,
        300,
        (Target("seconds", "at most", 1),),
        limit=600,
    ),
    Row(
        "check.changed",
        "Checker, one changed file of a tree that is remembered",
        "none",
        "check_changed",
        (OURS_CHECK,),
        10_000,
        300,
        (Target("seconds", "at most", 0.15),),
        limit=600,
    ),
    Row("check.small", "Checker, one small file", "none", "check_small", (OURS_CHECK,), 1, 1, (Target("seconds", "at most", 0.12),)),
    Row(
        "advise.described",
        "Advisor, right about descriptions kept aside",
        "none",
        "advise_described",
        (OURS_CHECK,),
        1,
        1,
        (Target("right_percent", "at least", 80), Target("silent", "at most", 0)),
    ),
    Row(
        "memory",
        "Resident memory of a worker after 1,000,000 runs, against 10,000",
        "postgres",
        "memory",
        (OURS,),
        1_000_000,
        50_000,
        (Target("growth_percent", "at most", 20),),
        is_long=True,
        limit=600,
    ),
)
