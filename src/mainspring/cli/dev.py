"""``mainspring dev``: a whole node in a child process, and a new one whenever the code changes.

What runs is not interrupted: the new node starts beside the old one, which begins nothing more from then on and ends once its runs have, in
the code that they began with. Code that does not compile or start changes nothing: what runs goes on, and the trouble is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.children import Backoff, Child, how_it_ended, socket_folder
from mainspring.cli.exits import INTERRUPTED
from mainspring.cli.node import LISTEN, NodePlan, log_to_stderr, node_options, split_names, tell
from mainspring.cli.processes import Console, opened, words_of
from mainspring.cli.session import Session, command
from mainspring.cli.signals import Signals
from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError
from mainspring.core.role import Role
from mainspring.i18n import t
from mainspring.telemetry.address import parse_address

if TYPE_CHECKING:
    from watchfiles import PythonFilter

    from mainspring.config import Settings

DRAIN = "1h"  # for runs that began in old code; nobody waits for them but they themselves
LEAVE_AFTER = 10.0  # seconds after Ctrl-C at which bodies that still run are given back
TRIED = 20  # ports that are tried for the console, where none is asked for
SETTLE = 400  # milliseconds: an editor that saves several files is one change
SHOWN = 5  # changed files that are named


@command(name="dev", help=t("cli.command.dev"))
@node_options
@click.option("--listen", metavar="ADDRESS", help=t("cli.option.listen", default=LISTEN))
@click.option("--watch", "folders", multiple=True, metavar="FOLDER", type=click.Path(exists=True), help=t("cli.option.watch"))
@click.option("--ignore", multiple=True, metavar="PATTERN", help=t("cli.option.ignore"))
def dev(
    session: Session, queues: tuple[str, ...], concurrency: int | None, name: str | None, drain: str | None, log_level: str,
    listen: str | None, folders: tuple[str, ...], ignore: tuple[str, ...],
) -> int:  # fmt: skip
    """Work, and begin anew when the code changes, until stopped."""
    log_to_stderr(log_level, as_json=session.is_json)
    settings = _settings_without_the_app()
    url = session.flags.url or settings.url
    if url in ("sqlite://", "sqlite:///:memory:"):
        raise ConfigurationError(
            f"MAINSPRING_URL={url!r}: a store in memory is lost with its process, and dev begins new ones; name a file"
        )
    parse_duration(drain or DRAIN, "--drain")
    for each in ignore:
        try:
            re.compile(each)
        except re.error as error:
            raise ConfigurationError(f"--ignore {each!r} is no regular expression: {error}") from None
    watched = [Path(each) for each in folders] or [Path.cwd()]
    with socket_folder() as folder, _opened(listen or settings.listen, settings.access_token) as console:
        plan = NodePlan(Role.ALL, split_names(queues), console=console.word)

        def words(number: int) -> list[str]:
            return words_of(session.flags, replace(plan, name=f"{name or 'dev'}-{number}"), concurrency, drain or DRAIN, log_level)

        return asyncio.run(_Dev(session, words, console, watched, ignore, folder).live())


@contextlib.contextmanager
def _opened(address: str | None, token: str | None) -> Iterator[Console]:
    """Listen for as long as `dev` lives, whichever child answers: where one asks for, else where it is free."""
    host, port = parse_address(LISTEN)
    candidates = [f"{host}:{port + number}" for number in range(TRIED)] if address is None else [address]
    with contextlib.ExitStack() as stack:
        yield _first_opened(stack, candidates, token)


def _first_opened(stack: contextlib.ExitStack, candidates: Sequence[str], token: str | None) -> Console:
    for candidate in candidates[:-1]:
        with contextlib.suppress(ConfigurationError):  # another project is being worked on beside this one, perhaps since this moment
            return stack.enter_context(opened(candidate, token))
    return stack.enter_context(opened(candidates[-1], token))


def _settings_without_the_app() -> Settings:
    """Return the settings. The app itself is imported by children alone: what is broken in it must not end this process."""
    from mainspring.config import read_settings

    return read_settings()[0]


class _Dev:
    def __init__(
        self, session: Session, words: Callable[[int], list[str]], console: Console, watched: Sequence[Path],
        ignore: Sequence[str], folder: Path,
    ) -> None:  # fmt: skip
        self._session, self._words, self._watched, self._ignore, self._folder = session, words, watched, ignore, folder
        self._console = console
        self._number = 0
        self._current: Child | None = None
        self._leaving: set[Child] = set()
        self._living: dict[Child, asyncio.Task[int]] = {}
        self._backoff = Backoff()
        self._is_stopping = False

    async def live(self) -> int:
        """Live until told to stop; answers the exit code."""
        with Signals(is_last=True) as signals:
            watching = asyncio.create_task(self._watch(), name="dev-watch")
            first = asyncio.create_task(signals.next())
            await asyncio.wait({watching, first}, return_when=asyncio.FIRST_COMPLETED)
            self._is_stopping = True
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            first.cancel()
            tell(self._session, "stopping", t("dev.stopping"))
            codes = await self._end(signals)
            if not watching.cancelled() and (error := watching.exception()) is not None:
                raise error
        tell(self._session, "stopped", t("worker.stopped"))
        return INTERRUPTED if INTERRUPTED in codes else 0

    async def _end(self, signals: Signals) -> list[int]:
        """End every child: the second signal, or a while, ends those that still have bodies.

        A child that leaves already is not asked again at first: to be asked twice is to be hurried.
        """
        over = asyncio.gather(*self._living.values())
        for child in set(self._living) - self._leaving:
            child.signal(signal.SIGTERM)
        while not over.done():
            again = asyncio.create_task(signals.next())
            waiting: set[asyncio.Future[Any]] = {over, again}
            await asyncio.wait(waiting, timeout=LEAVE_AFTER, return_when=asyncio.FIRST_COMPLETED)
            again.cancel()
            if not over.done():
                for child in self._living:
                    child.signal(signal.SIGTERM)
        return [code for code in over.result() if code >= 0]

    async def _watch(self) -> None:
        from watchfiles import awatch

        changes = awatch(*self._watched, watch_filter=self._filter(), debounce=SETTLE, recursive=True)
        coming = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)  # from here on nothing is missed
        tell(self._session, "watching", t("dev.watching", folders=", ".join(map(str, self._watched))))
        try:
            await self._begin()
            while True:
                crashed = [self._living[self._current]] if self._current is not None else []
                await asyncio.wait({coming, *crashed}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    changed = sorted({Path(path) for _, path in coming.result()})
                    coming = asyncio.ensure_future(anext(changes))
                    await self._changed(changed)
                elif self._current is not None:
                    await self._came_to_an_end(self._current, coming)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await changes.aclose()

    def _filter(self) -> PythonFilter:
        from watchfiles import PythonFilter

        class Filter(PythonFilter):
            ignore_entity_patterns = (*PythonFilter.ignore_entity_patterns, *self._ignore)

        return Filter(extra_extensions=(".toml",))

    async def _changed(self, files: Sequence[Path]) -> None:
        names = _names(files)
        if (trouble := _trouble(files)) is not None:
            tell(self._session, "refused", t("dev.refused", trouble=trouble), files=[str(each) for each in files])
            return
        tell(self._session, "changed", t("dev.changed", names=names), files=[str(each) for each in files])
        await self._begin()

    async def _begin(self) -> None:
        """Start a node with the code as it is; once it works, the one before leaves."""
        self._number += 1
        child = Child(self._folder, str(self._number))
        await child.start(self._words(self._number), self._console.environment, descriptors=self._console.descriptors)
        ended = self._living[child] = asyncio.create_task(child.ended(), name=f"dev-{self._number}")
        ready = asyncio.create_task(child.is_ready.wait())
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        before = self._current
        if not child.is_ready.is_set():
            del self._living[child]
            key = "dev.not-started" if before is None else "dev.kept"
            tell(self._session, "refused", t(key, how=how_it_ended(ended.result())), files=[])
            return
        self._current = child
        if before is not None:
            before.signal(signal.SIGTERM)
            self._leaving.add(before)
            tell(self._session, "reloaded", t("dev.reloaded"), pid=child.pid)
        else:
            tell(self._session, "ready", t("dev.ready"), pid=child.pid)
        for each in [each for each, task in self._living.items() if task.done()]:
            del self._living[each]
            self._leaving.discard(each)

    async def _came_to_an_end(self, child: Child, coming: asyncio.Future[Any]) -> None:
        """Start the node again that ended unasked: after a while, or at once when the code changes."""
        code = self._living.pop(child).result()
        self._current = None
        wait = self._backoff.after(asyncio.get_running_loop().time() - child.started_at)
        tell(self._session, "crashed", t("dev.crashed", how=how_it_ended(code), seconds=f"{wait:g}"), how=how_it_ended(code))
        await asyncio.wait({coming}, timeout=wait)
        if not coming.done():
            await self._begin()


def _names(files: Sequence[Path]) -> str:
    here = Path.cwd()
    shown = [str(each.relative_to(here)) if each.is_relative_to(here) else str(each) for each in files[:SHOWN]]
    return ", ".join(shown) + (", …" if len(files) > SHOWN else "")


def _trouble(files: Iterable[Path]) -> str | None:
    """Say what keeps changed files from being compiled, if anything does."""
    for file in files:
        if file.suffix != ".py" or not file.exists():
            continue
        try:
            compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
        except SyntaxError as error:
            return f"{_names([file])}, line {error.lineno}: {error.msg}"
        except (ValueError, OSError) as error:
            return f"{_names([file])}: {error}"
    return None
