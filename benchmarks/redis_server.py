"""A private Redis for the length of a benchmark, where `redis-server` is on the PATH (only Celery needs it)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.readings import Unavailable


def path() -> str | None:
    """Return where `redis-server` is, or None."""
    return shutil.which("redis-server")


def version() -> str | None:
    """Return what `redis-server --version` says of itself."""
    found = path()
    if found is None:
        return None
    words = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10).stdout.split()
    return next((word.removeprefix("v=") for word in words if word.startswith("v=")), None)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a server without persistence, which is its fastest (and forgets everything in a crash), and give its URL."""
    found = path()
    if found is None:
        raise Unavailable("no redis-server on the PATH")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        found,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(30)


def empty(url: str) -> None:
    """Forget everything that an earlier measurement left."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 5) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        connection.recv(64)
