"""Telling who started this process how it is doing: the protocol of systemd, by plain datagrams to ``NOTIFY_SOCKET``.

A parent of ours (``--processes``, ``dev``) listens in the same way as systemd does, so there is one way to be ready.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

PARENT = "_MAINSPRING_PARENT"  # in the environment of a child of ours: who started it, and is to stop it
MOST = 8192  # bytes of one message


class Notifier:
    """Says what it is told to; says nothing, and costs nothing, where nobody listens."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._every = _watchdog_of(environment)
        self.parent = environment.get(PARENT, "")  # the process id of the process of ours that started this one, if one did

    @classmethod
    def of_this_process(cls) -> Notifier:
        """Return that of this process, and take what it is made of out of the environment: programs that bodies start are not meant."""
        made = cls(os.environ)
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", PARENT):
            os.environ.pop(name, None)
        return made

    @property
    def is_watched(self) -> bool:
        """Whether signs of life are expected."""
        return self._every is not None and bool(self._address)

    def ready(self, status: str) -> None:
        """Say that work has begun."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        """Say in a line what is going on; ``systemctl status`` shows it."""
        self._send(f"STATUS={text}")

    def stopping(self, status: str) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1", f"STATUS={status}")

    async def feed(self, is_alive: Callable[[], bool]) -> None:
        """Give the watchdog a sign of life twice in its time, for ever, while ``is_alive`` says so: who hangs is killed."""
        if self._every is None or not self._address:
            await asyncio.Event().wait()
            return
        while True:
            if is_alive():
                self._send("WATCHDOG=1")
            await asyncio.sleep(self._every / 2)

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.connect(address)
                out.send("\n".join(line.replace("\n", " ") for line in lines).encode())
        except OSError:
            pass  # who no longer listens needs not be told


def _watchdog_of(environment: Mapping[str, str]) -> float | None:
    """Return the seconds within which a sign of life is expected, if of this process."""
    micros, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not micros.isdigit() or int(micros) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(micros) / 1e6


class Ear:
    """Hears what one child says of itself. Open it in the loop that is to hear; its socket lies in a folder of the caller's."""

    def __init__(self, path: Path, on_message: Callable[[dict[str, str]], None]) -> None:
        self.path, self._on_message = path, on_message
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Stop hearing."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            text = self._socket.recv(MOST).decode(errors="replace")
        except OSError:
            return
        self._on_message(dict(line.partition("=")[::2] for line in text.splitlines()))
