"""A real server with the console on a fresh store, for a browser: on the loop of the tests, or with a node in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from asyncio import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from mainspring import Mainspring
from mainspring.core.access import User, UserRole
from mainspring.web.hosting import under
from mainspring.web.server import Server
from tests.browser import shop

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn._types import ASGIApplication

ROOT = Path(__file__).parents[2]
ADA = User("ada", UserRole.ADMIN, kind="host")  # whom a stand takes everybody for, unless a test hands in another ``authenticate``


@dataclass
class Stand:
    """A console that answers at `origin` under `prefix`; ``stand.url("/runs")`` is the address of a page."""

    app: Mainspring
    origin: str
    prefix: str
    closing: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        """Return the whole address of a page of the console."""
        return f"{self.origin}{self.prefix}{path}"

    async def close(self) -> None:
        """End what belongs to it, the latest first."""
        for each in reversed(self.closing):
            await each()

    async def work(self) -> None:
        """Start a node in a process of its own, as a fleet has it; returns once it works."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        node = await subprocess.create_subprocess_exec(
            sys.executable, "-m", "mainspring", "-A", "tests.browser.node:app", "--url", self.app.settings.url, "--json", "runner", "run",
            "--drain", "1s", env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert node.stdout is not None
        while b'"started"' not in (line := await node.stdout.readline()):
            assert line, "the node ended before it worked"

        async def end() -> None:
            if node.returncode is None:
                node.send_signal(signal.SIGTERM)
            await node.communicate()

        self.closing.append(end)


async def open_stand(
    url: str, *, prefix: str = "", seed: Path | None = None, works: bool = False, settings: Mapping[str, Any] = MappingProxyType({}),
    is_node: bool = False, **options: Any,
) -> Stand:  # fmt: skip
    """Serve the console of a store; a SQLite store begins as a copy of ``seed``.

    ``works``: a node in a process of its own carries runs out. ``settings`` are those of the app, ``options`` those of the console;
    ``is_node``: it is hosted as nodes of ours are.
    """
    if seed is not None:
        shutil.copy(seed, url.removeprefix("sqlite:///"))
    app = Mainspring(url, tasks=shop.TASKS, **settings)
    await app.open()
    served = _console(app, prefix, **options)
    server = Server(cast("ASGIApplication", under(served, app.settings.base_path) if is_node else served), "127.0.0.1", 0)
    made = Stand(app, await server.open(), prefix, [app.close, server.close])
    if works:
        await made.work()
    return made


def _console(app: Mainspring, prefix: str, **options: Any) -> ASGIApp:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from mainspring.web.console import console

    made = console(app, **{"authenticate": lambda request: ADA, **options})
    return Starlette(routes=[Mount(prefix, app=made)]) if prefix else made
