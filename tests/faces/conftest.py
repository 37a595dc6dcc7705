"""The command line, driven inside this process or as a process of its own, on a fresh SQLite file for each test."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mainspring.cli.main import root
from mainspring.core import active

ROOT = Path(__file__).parents[2]
SHOP = ("-A", "tests.faces.shop:app")
PATIENCE = 30.0  # seconds that anything may take on a loaded machine before a test gives up


@dataclass
class Cli:
    """``cli("runs", "list")`` calls the command line in this process; `start` in one of its own."""

    url: str
    cwd: Path
    app: Sequence[str] = SHOP
    started: list[Process] = field(default_factory=list)

    def __call__(self, *args: str, input: str | None = None) -> Result:
        return CliRunner().invoke(root, [*self.app, "--url", self.url, *args], prog_name="mainspring", input=input)

    def ok(self, *args: str) -> str:
        """Return the output of a call that must end well."""
        result = self(*args)
        assert result.exit_code == 0, result.output
        return result.stdout

    def objects(self, *args: str) -> list[dict[str, Any]]:
        """Return the JSON lines of a call that must end well."""
        return [json.loads(line) for line in self.ok("--json", *args).splitlines()]

    def object(self, *args: str) -> dict[str, Any]:
        """Return the one JSON object of a call that must end well."""
        (found,) = self.objects(*args)
        return found

    def run_object(self, *args: str) -> dict[str, Any]:
        """Return what ``run --json`` prints, whatever its exit code."""
        found: dict[str, Any] = json.loads(self("run", "--json", *args).stdout)
        return found

    def start(self, *args: str, env: Mapping[str, str] | None = None, terminal: bool = False) -> Process:
        """Start the command line as a process."""
        command = [sys.executable, "-m", "mainspring", *self.app, "--url", self.url, *args]
        process = Process(command, self.cwd, env or {}, terminal=terminal)
        self.started.append(process)
        return process

    def work(self, *args: str, env: Mapping[str, str] | None = None) -> Process:
        """Start a worker and wait until it works."""
        process = self.start("worker", *args, env=env)
        process.expect("works on")
        return process


class Process:
    """A child process whose output is awaited. Everything it says, on both streams, is in `said`."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str], *, terminal: bool = False) -> None:
        self.said = ""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **env}
        if terminal:
            self._out, theirs = pty.openpty()
            environment.setdefault("TERM", "xterm-256color")
        else:
            self._out, theirs = os.pipe()
        self._process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=theirs if terminal else subprocess.DEVNULL, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.pid = self._process.pid

    def expect(self, text: str, times: int = 1) -> None:
        """Wait until it has said something."""
        deadline = time.monotonic() + PATIENCE
        while self.said.count(text) < times:
            assert time.monotonic() < deadline, f"waited for {text!r}, it said:\n{self.said}"
            if not self._read(0.5) and self._process.poll() is not None:
                raise AssertionError(f"ended ({self._process.returncode}) before {text!r}, it said:\n{self.said}")

    def type(self, text: str) -> None:
        """Type into its terminal."""
        os.write(self._out, text.encode())

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def insist(self, number: int) -> int:
        """Send a signal again and again until it ends, and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"did not end, it said:\n{self.said}"
            self._process.send_signal(number)
            self._read(0.2)
        return self.end()

    def end(self) -> int:
        """Wait for its end and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"did not end, it said:\n{self.said}"
            self._read(0.1)
        while self._read(0):
            pass
        return self._process.returncode

    def kill(self) -> None:
        """Take it away, if it is still there."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def _read(self, timeout: float) -> bool:
        if not select.select([self._out], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._out, 65536)
        except OSError:  # a terminal whose other end is closed
            return False
        self.said += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """The command line on a fresh SQLite file, in a directory of its own."""
    for name in list(os.environ):
        if name.startswith(("MAINSPRING_", "TASK_")) and not name.startswith("MAINSPRING_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(active, "_apps", [])  # apps that are made here are not the active one of other tests
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    made = Cli(f"sqlite:///{tmp_path}/store.db", tmp_path)
    yield made
    for process in made.started:
        process.kill()
    made_here = {name for name in set(sys.modules) - before if any(place.startswith(str(tmp_path)) for place in _places(sys.modules[name]))}
    for name in made_here:  # modules that a test wrote: the next test writes others of the same name
        del sys.modules[name]


def _places(module: ModuleType) -> list[str]:
    return [str(getattr(module, "__file__", None) or ""), *map(str, getattr(module, "__path__", ()))]


@pytest.fixture
def project(cli: Cli) -> Cli:
    """The same without an app: a test writes its own modules into the directory."""
    cli.app = ()
    return cli
