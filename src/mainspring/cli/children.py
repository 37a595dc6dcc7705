"""Child processes of the command line: this very command again, in processes whose readiness and end a parent hears of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mainspring.cli.notify import PARENT, Ear
from mainspring.core.errors import ConfigurationError

HEALTHY_AFTER = 30.0  # seconds of life after which a crash counts as the first again
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before a crashed child is started again


class Child:
    """One process of ours. It is told to say how it is over a socket of its own, as systemd has it."""

    def __init__(self, folder: Path, key: str) -> None:
        self.key = key
        self._path = folder / f"{key}.sock"
        self._ear: Ear | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.is_ready = asyncio.Event()
        self.status = ""
        self.fed_at = asyncio.get_running_loop().time()
        self.started_at = self.fed_at

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return None if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.returncode is None

    async def start(
        self, words: Sequence[str], environment: Mapping[str, str], *, watchdog: float | None = None, descriptors: Sequence[int] = ()
    ) -> None:
        """Start it; its output goes where ours goes. Signals of the terminal reach it through its parent alone.

        ``descriptors`` are those of ours that it shall have too.
        """
        self.is_ready.clear()
        self.status = ""
        self._ear = Ear(self._path, self._heard)
        env = {**os.environ, **environment, "NOTIFY_SOCKET": str(self._path), PARENT: str(os.getpid())}
        for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
            env.pop(name, None)
        if watchdog is not None:
            env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.started_at = self.fed_at = asyncio.get_running_loop().time()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mainspring", *words, env=env, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
            pass_fds=descriptors,
        )  # fmt: skip

    async def ended(self) -> int:
        """Wait for its end and return its exit code; negative: the signal that killed it."""
        assert self._process is not None
        code = await self._process.wait()
        if self._ear is not None:
            self._ear.close()
            self._ear = None
        return code

    def signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self._process is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _heard(self, told: Mapping[str, str]) -> None:
        if "STATUS" in told:
            self.status = told["STATUS"]
        if "WATCHDOG" in told:
            self.fed_at = asyncio.get_running_loop().time()
        if "READY" in told:
            self.is_ready.set()


class Backoff:
    """How long to wait before something that crashed is started again: longer each time, until it has lived for a while."""

    def __init__(self) -> None:
        self._wait = FIRST_WAIT

    def after(self, lived: float) -> float:
        """Return the seconds to wait, given how long it lived."""
        if lived >= HEALTHY_AFTER:
            self._wait = FIRST_WAIT
        wait, self._wait = self._wait, min(self._wait * 2, LONGEST_WAIT)
        return wait


@contextlib.contextmanager
def socket_folder() -> Iterator[Path]:
    """Lend a short-named folder for sockets, of this user alone. Raises `ConfigurationError` where a system has no such sockets."""
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        raise ConfigurationError("this system has no sockets for talking to processes of ours: start each 'mainspring runner' by itself")
    folder = Path(tempfile.mkdtemp(prefix="ms-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def how_it_ended(code: int) -> str:
    """Return the end of a process in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
