"""``--processes N``: so many nodes under one parent, which starts those again that crash, hands signals on, and tells how many there are.

The parent executes nothing and opens no store. Each child is a whole node with a name of its own; which is ready and lives, it says to its
parent as it would to systemd, and the parent says it of all of them. A child that is told to stop (``runner stop``) stays stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mainspring.cli.children import Backoff, Child, how_it_ended, socket_folder
from mainspring.cli.exits import INTERRUPTED
from mainspring.cli.flags import Flags
from mainspring.cli.node import INHERITED, NodePlan, log, log_to_stderr, tell
from mainspring.cli.notify import Notifier
from mainspring.cli.session import Session
from mainspring.cli.signals import Signals
from mainspring.core.role import Role
from mainspring.i18n import t
from mainspring.telemetry.address import parse_address

SIGN_EVERY = 10.0  # seconds within which a child gives a sign of life


def live_in_many(session: Session, plan: NodePlan, n: int, *, concurrency: int | None, drain: str | None, log_level: str) -> int:
    """Be ``n`` nodes until told to stop; answers the exit code."""
    log_to_stderr(log_level, as_json=session.is_json)
    base = plan.name or socket.gethostname()
    listen = plan.listen or session.app.settings.health
    metrics = session.app.settings.metrics
    with socket_folder() as folder, opened(plan.console, session.app.settings.access_token) as console:
        kinds = []
        for number in range(n):
            own = replace(plan, name=f"{base}-{number + 1}", listen=_counted(listen, number), console=console.word)
            words = words_of(session.flags, own, concurrency, drain, log_level)
            told = {"MAINSPRING_METRICS": _counted(metrics, number), "MAINSPRING_HEALTH": own.listen}
            environment = {**{name: value for name, value in told.items() if value is not None}, **console.environment}
            kinds.append(_Kind(words, environment, console.descriptors))
        return asyncio.run(_Parent(session, kinds, folder).live())


@dataclass(frozen=True, slots=True)
class Console:
    """The socket at which all children of a parent answer: its word on their command lines, its descriptor, and what else they share."""

    word: str | None = None
    descriptors: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def opened(address: str | None, token: str | None) -> Iterator[Console]:
    """Listen at an address for as long as the block lasts; the children answer. Raises `ConfigurationError` where that is taken.

    ``token`` is the settings' own; without one the children get one in common, so that a browser that one of them has let in is let in.
    """
    if address is None:
        yield Console()
        return
    from mainspring.web.server import listen_at

    with listen_at(*parse_address(address, "--listen")) as listening:
        descriptor = listening.fileno()
        environment = {} if token is not None else {"MAINSPRING_ACCESS_TOKEN": secrets.token_urlsafe(24)}
        yield Console(f"{INHERITED}{descriptor}", (descriptor,), environment)


def _counted(address: str | None, number: int) -> str | None:
    """Return an address whose port is so many further: each process answers at its own."""
    if address is None:
        return None
    host, port = parse_address(address, "--health-port")
    return f"{f'[{host}]' if ':' in host else host}:{port + number if port else 0}"


def words_of(flags: Flags, plan: NodePlan, concurrency: int | None, drain: str | None, log_level: str) -> list[str]:
    """Return the command line of one child."""
    words = [] if flags.app is None else ["-A", flags.app]
    words += [word for each in flags.discover for word in ("--discover", each)]
    words += [] if flags.url is None else ["--url", flags.url]
    words += ["--json"] * flags.is_json + ["--debug"] * flags.is_debug
    if plan.console is not None:
        words += ["start", "--role", plan.role.value, "--listen", plan.console]
    else:
        words += ["worker"] if plan.role is Role.WORKER else ["runner", "run", "--role", plan.role.value]
    words += [] if plan.name is None else ["--name", plan.name]
    words += ["--log-level", log_level]
    words += [word for each in plan.queues for word in ("--queues", each)]
    words += [] if concurrency is None else ["--concurrency", str(concurrency)]
    words += [] if drain is None else ["--drain", drain]
    return words + ([] if plan.listen is None or plan.console is not None else ["--health-port", plan.listen])


class _Kind:
    """How one child is started."""

    def __init__(self, words: Sequence[str], environment: dict[str, str], descriptors: tuple[int, ...]) -> None:
        self.words, self.environment, self.descriptors = words, environment, descriptors


class _Parent:
    def __init__(self, session: Session, kinds: Sequence[_Kind], folder: Path) -> None:
        self._session, self._kinds, self._folder = session, kinds, folder
        self._notifier = Notifier.of_this_process()
        self._children: list[Child] = []
        self._stopping = asyncio.Event()
        self._restarts = 0

    async def live(self) -> int:
        """Be the parent until every child has ended; answers the exit code."""
        with Signals(is_last=True) as signals:
            self._children = [Child(self._folder, str(number)) for number in range(1, len(self._kinds) + 1)]
            keeping = [asyncio.create_task(self._keep(child, kind)) for child, kind in zip(self._children, self._kinds, strict=True)]
            telling = [asyncio.create_task(self._tell_ready()), asyncio.create_task(self._notifier.feed(self._are_alive))]
            over: asyncio.Future[list[int]] = asyncio.gather(*keeping)
            first = asyncio.create_task(signals.next())
            waiting: set[asyncio.Future[Any]] = {over, first}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if first.done():
                words = t("processes.stopping", n=sum(child.is_running for child in self._children))
                self._notifier.stopping(words)
                tell(self._session, "stopping", words)
                self._stopping.set()
                self._signal(signal.SIGTERM)
                insisting = asyncio.create_task(self._insist(signals))
                await asyncio.wait({over})
                insisting.cancel()
            first.cancel()
            for each in telling:
                each.cancel()
            codes = await over
        tell(self._session, "stopped", t("processes.stopped", n=len(codes), restarts=self._restarts), codes=codes, restarts=self._restarts)
        return INTERRUPTED if INTERRUPTED in codes else max(codes, default=0)

    async def _insist(self, signals: Signals) -> None:
        """Hand every further signal on: the second one ends a child at once."""
        while True:
            await signals.next()
            self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for child in self._children:
            child.signal(number)

    async def _keep(self, child: Child, kind: _Kind) -> int:
        """Keep one child alive until it ends by itself or all are to end; answers its exit code, 0 where it was killed while stopping."""
        backoff = Backoff()
        while True:
            watchdog = SIGN_EVERY if self._notifier.is_watched else None
            await child.start(kind.words, kind.environment, watchdog=watchdog, descriptors=kind.descriptors)
            code = await child.ended()
            if code == 0 or self._stopping.is_set():
                return max(code, 0)
            if code == 2 and not child.is_ready.is_set():  # usage: another try changes nothing
                log.error("%s", t("processes.unusable", key=child.key))
                self._stopping.set()
                self._signal(signal.SIGTERM)
                return code
            wait = backoff.after(asyncio.get_running_loop().time() - child.started_at)
            words = t("processes.crashed", key=child.key, how=how_it_ended(code), seconds=f"{wait:g}")
            tell(self._session, "crashed", words, process=int(child.key), how=how_it_ended(code))
            self._restarts += 1
            try:
                async with asyncio.timeout(wait):
                    await self._stopping.wait()
                return 0
            except TimeoutError:
                pass

    async def _tell_ready(self) -> None:
        await asyncio.gather(*(child.is_ready.wait() for child in self._children))
        words = t("processes.ready", n=len(self._children))
        self._notifier.ready(words)
        tell(self._session, "ready", words, pids=[child.pid for child in self._children])

    def _are_alive(self) -> bool:
        """Tell whether every child that lives has given a sign of life; one that has crashed is being seen to."""
        now = asyncio.get_running_loop().time()
        return all(now - child.fed_at < SIGN_EVERY * 1.5 for child in self._children if child.is_running)
