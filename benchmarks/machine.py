"""What the figures stand on: the machine, the interpreter, the servers, the packages."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import redis_server
from benchmarks.processes import machine_seconds, tree_seconds
from benchmarks.stores import Stores, file_system
from benchmarks.subjects import Subject

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
QUIET = 0.1  # cores that others may use meanwhile; more, and the figures say something about them, too


class Quiet:
    """Measures how many cores others used on this machine while the benchmark ran."""

    def __init__(self) -> None:
        self._began, self._all, self._ours = _used()

    def facts(self) -> dict[str, str]:
        """Say how quiet it was, from the making of this object until now."""
        now, everybody, ours = _used()
        others = max(0.0, (everybody - self._all) - (ours - self._ours)) / (now - self._began)
        return {"others used": f"{others:.2f} cores{'' if others <= QUIET else ' (THE MACHINE WAS NOT QUIET)'}"}


def _used() -> tuple[float, float, float]:
    return time.monotonic(), machine_seconds() or 0.0, tree_seconds(os.getpid()) or 0.0


def facts(stores: Stores) -> dict[str, str]:
    """Return what does not depend on who is measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": f"{os.cpu_count()} x {_cpu_model()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "file system": file_system(stores.folder),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "redis-server": redis_server.version() or "not on the PATH, so Celery is not measured",
    }


def postgres_facts(url: str) -> dict[str, str]:
    """Return the server's version, and what of its settings would make the figures undurable."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        found = {name: str(connection.execute("select current_setting(%s)", (name,)).fetchone()[0]) for name in DURABLE}  # type: ignore[index]
        server = connection.info.parameter_status("server_version") or "unknown"
    risks = [f"{name} = {value}" for name, value in found.items() if value != DURABLE[name]]
    return {"postgresql": server + (f" (NOT DURABLE: {', '.join(risks)})" if risks else ", durable settings")}


def versions(subjects: Iterable[Subject]) -> dict[str, str]:
    """Return the installed versions of everything measured."""
    names = {name for subject in subjects for name in subject.distributions} | {"uvloop"}
    return {name: found for name in sorted(names) if (found := _version(name))}


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
