"""systemd's protocol: a node says when it is ready, how it is doing, that it leaves, and that its loops turn."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.cli.notify import Notifier
from tests.faces.conftest import PATIENCE, Cli


class Manager:
    """Listens as systemd does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.lines: list[str] = []

    def expect(self, text: str, times: int = 1) -> None:
        """Wait until a line has been told."""
        deadline = time.monotonic() + PATIENCE
        while sum(each.startswith(text) for each in self.lines) < times:
            assert time.monotonic() < deadline, f"waited for {text!r}, was told {self.lines}"
            if select.select([self._socket], [], [], 0.5)[0]:
                self.lines += self._socket.recv(8192).decode().splitlines()

    def hear_nothing(self) -> list[str]:
        """Return what has come by now."""
        while select.select([self._socket], [], [], 0)[0]:
            self.lines += self._socket.recv(8192).decode().splitlines()
        return self.lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    with tempfile.TemporaryDirectory(prefix="ms-") as folder:
        made = Manager(Path(folder) / "notify")
        yield made
        made.close()


@pytest.mark.parametrize("words", [["worker"], ["runner", "--processes", "2"]])
def test_a_node_tells_its_manager(cli: Cli, manager: Manager, words: list[str]) -> None:
    process = cli.start(*words, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000000"})
    manager.expect("READY=1")
    manager.expect("STATUS=")
    manager.expect("WATCHDOG=1", times=3)
    process.signal(signal.SIGTERM)
    manager.expect("STOPPING=1")
    assert process.end() == 0


def test_the_watchdog_starves_where_loops_hang(manager: Manager) -> None:
    async def feed(is_alive: bool) -> None:
        asked = asyncio.Event()

        def look() -> bool:
            asked.set()
            return is_alive

        notifier = Notifier({"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())})
        assert notifier.is_watched
        feeding = asyncio.create_task(notifier.feed(look))
        for _ in range(3):
            asked.clear()
            await asked.wait()
        feeding.cancel()

    asyncio.run(feed(False))
    assert manager.hear_nothing() == []
    asyncio.run(feed(True))
    assert manager.hear_nothing().count("WATCHDOG=1") >= 3


@pytest.mark.parametrize("environment", [
    {}, {"NOTIFY_SOCKET": "/nobody/there", "WATCHDOG_USEC": "0"},
    {"NOTIFY_SOCKET": "/nobody/there", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"},
])  # fmt: skip
def test_where_nobody_listens_nothing_is_told(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    assert not notifier.is_watched
    notifier.ready("well")
    notifier.stopping("leaving")
