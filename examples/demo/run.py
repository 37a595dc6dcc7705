"""The demo: a node, some work for it, a schedule, a service, the console, and a view of what happens. `make run` starts it.

On a terminal it goes on until Ctrl-C, with new work every few seconds. Elsewhere it does one round, prints what happens
line by line, and ends with a summary. Everything is kept in one SQLite file under `examples/demo/.demo`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tasks
from png import paint, write_png
from server import PAGES, FlakyServer

from mainspring import Event, EventKind, Mainspring, RunHandle, RunState
from mainspring.core.errors import ConfigurationError
from mainspring.web.hosting import serving

EVERY = 12.0  # seconds between two rounds on a terminal
CANCEL_AFTER = 2.0  # seconds that the run that takes too long is given
SHOWN_RUNS, SHOWN_LINES, LONGEST_LINE = 22, 12, 120
BAR = 14  # columns of a progress bar
LOOK_EVERY = 0.3  # seconds between looks for what has begun by itself
PORTS = (*range(8080, 8090), 0)  # for the console: the first that is free
LONGEST = 60.0  # seconds after which a round that does not end is given up


@dataclass
class Row:
    """What the view knows about a run."""

    id: str
    task: str
    is_asked_for: bool = True  # or else it has begun by itself
    began: float = field(default_factory=time.monotonic)
    took: float | None = None
    state: str = "pending"
    attempt: int = 0
    progress: dict[str, Any] = field(default_factory=dict)
    said: str = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began if self.took is None else self.took


class View:
    """Follows runs by their events, from the outside, as any other process could."""

    def __init__(self, app: Mainspring, *, is_live: bool, console: str) -> None:
        self._app, self.is_live, self._console = app, is_live, console
        self.rows: dict[str, Row] = {}
        self.lines: deque[str] = deque(maxlen=SHOWN_LINES)
        self.counts: Counter[str] = Counter()
        self._following: set[asyncio.Task[None]] = set()
        self._endless: set[asyncio.Task[None]] = set()
        self._known: set[str] = set()

    def follow(self, handle: RunHandle[Any], task: str, *, is_endless: bool = False) -> None:
        """Show a run from now on; nobody waits for the end of an endless one."""
        self.rows[handle.id] = row = Row(handle.id, task, is_asked_for=not is_endless)
        following = asyncio.create_task(self._follow(handle, row))
        followers = self._endless if is_endless else self._following
        followers.add(following)
        following.add_done_callback(followers.discard)

    async def look_back(self) -> None:
        """See what is there from demos before: it is not shown again."""
        self._known |= {run.id for run in await self._app.schedules.history(tasks.add_up.name)}
        self._known |= {row.run_id for row in await self._app.services.list() if row.run_id is not None}

    async def follow_others(self) -> None:
        """Show also what nobody has enqueued: the runs of the schedule, and each start of the service."""
        while True:
            for run in await self._app.schedules.history(tasks.add_up.name, n=5):
                if run.id not in self._known | self.rows.keys():
                    self.follow(self._app.handle(run), tasks.add_up.name, is_endless=True)
            for row in await self._app.services.list():
                if row.run_id is not None and row.run_id not in self._known | self.rows.keys():
                    self.follow(self._app.handle(await self._app.read_run(row.run_id)), row.name, is_endless=True)
            await asyncio.sleep(LOOK_EVERY)

    async def seen(self, task: str, state: str) -> None:
        """Wait until a run of a task is in a state."""
        while not any(row.task == task and row.state == state for row in self.rows.values()):
            await asyncio.sleep(LOOK_EVERY)

    async def all_ended(self) -> None:
        """Wait until every run that is shown has ended, those that were begun by others included."""
        while self._following:
            await asyncio.wait(self._following)

    def close(self) -> None:
        """Follow no more."""
        for each in (*self._following, *self._endless):
            each.cancel()

    async def _follow(self, handle: RunHandle[Any], row: Row) -> None:
        async for event in handle.events():
            self._take(row, event)
        run = await handle.status()
        row.state, row.took = str(run.state), time.monotonic() - row.began
        self._count(row, row.state)
        if run.state is RunState.COMPLETED and row.task == tasks.make_thumbnails.name:
            for run_id in await handle.result():
                self.follow(self._app.handle(await self._app.read_run(run_id)), tasks.thumbnail.name)
        result = f": {run.result}" if run.result is not None else ""
        self._say(row, f"{row.state} after {row.took:.1f} s, attempt {run.attempt}{result}")

    def _take(self, row: Row, event: Event) -> None:
        row.attempt = event.attempt or row.attempt
        error = event.data.get("error") or {}
        why = f"{error.get('type')}: {error.get('message')}" if error else event.data.get("reason") or ""
        match event.kind:
            case EventKind.STARTED:
                row.state = "running"
            case EventKind.PROGRESS:
                row.progress = dict(event.data)
            case EventKind.LOG:
                level = event.data["level"]
                if level == "warning":
                    self._count(row, "warnings")
                self._say(row, f"{'! ' if level != 'info' else ''}{event.data['message']}")
            case EventKind.RETRY_SCHEDULED:
                row.state = "waiting"
                self._count(row, "retries")
                self._say(row, f"tried again soon: {why}")
            case EventKind.LOST:
                row.state = "waiting"
                self._count(row, "crashes")
                self._say(row, f"its process died ({why}), it comes back")
            case EventKind.CANCEL_REQUESTED:
                self._say(row, "asked to stop")
            case EventKind.FAILED:
                self._say(row, why)

    def _count(self, row: Row, what: str) -> None:
        if row.is_asked_for:
            self.counts[what] += 1

    def _say(self, row: Row, text: str) -> None:
        shown = text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"
        line = f"{time.strftime('%H:%M:%S')}  {row.id[-8:]}  {row.task:<16}  {shown}"
        self.lines.append(line)
        if not self.is_live:
            print(line, flush=True)

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        colours = {"completed": "green", "running": "cyan", "failed": "red", "timeout": "red", "cancelled": "yellow", "waiting": "magenta"}
        table = Table(box=None, expand=True, pad_edge=False)
        for column, width in (("run", 8), ("task", 16), ("state", 9), ("try", 3), ("progress", BAR), ("", None), ("s", 6)):
            table.add_column(
                column,
                width=width,
                ratio=None if width else 1,
                no_wrap=True,
                overflow="ellipsis",
                justify="right" if column == "s" else "left",
            )
        for row in list(self.rows.values())[-SHOWN_RUNS:]:
            total, current = row.progress.get("total"), row.progress.get("current", 0)
            is_done = row.state == "completed"
            bar = ProgressBar(total=total or 1, completed=(total or 1) if is_done else min(current, total) if total else 0, width=BAR)
            state = Text(row.state, colours.get(row.state, ""))
            message = Text("" if row.took is not None else str(row.progress.get("message") or ""))
            table.add_row(row.id[-8:], row.task, state, str(row.attempt or ""), bar, message, f"{row.seconds:.1f}")
        words = ", ".join(f"{word} {count}" for word, count in sorted(self.counts.items())) or "starting"
        return Group(
            Text.assemble(" Console  ", (self._console, f"bold link {self._console}"), "  open it in a browser"),
            Panel(table, title="Mainspring demo: runs", border_style="blue"),
            Panel(
                Text("\n".join(self.lines), no_wrap=True, overflow="ellipsis"),
                title="what they say",
                subtitle="Ctrl-C ends the demo",
                border_style="blue",
            ),
            Text(words, "bold"),
        )


async def enqueue_round(app: Mainspring, view: View, server: FlakyServer) -> None:
    """Put one round of work into the store."""
    label = f"demo-{os.getpid()}"
    (tasks.WORKSHOP / "crashed").unlink(missing_ok=True)
    paint_pictures(tasks.WORKSHOP / "pictures")
    view.follow(await app.enqueue(tasks.import_customers.options(label=label)), tasks.import_customers.name)
    for path in (*PAGES, "/no-such-page"):
        handle = await app.enqueue(tasks.fetch.options(label=label), host=server.host, port=server.port, path=path)
        view.follow(handle, tasks.fetch.name)
    view.follow(await app.enqueue(tasks.find_primes.options(label=label)), tasks.find_primes.name)
    view.follow(await app.enqueue(tasks.make_thumbnails.options(label=label), label=label), tasks.make_thumbnails.name)
    view.follow(await app.enqueue(tasks.crash_once.options(label=label, priority="high")), tasks.crash_once.name)
    slow = await app.enqueue(tasks.dawdle.options(label=label))
    view.follow(slow, tasks.dawdle.name)
    await asyncio.sleep(CANCEL_AFTER)
    await slow.cancel("the demo has seen enough of it")


def paint_pictures(folder: Path) -> None:
    """Paint some pictures to work on, where there are none yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(6):
        path = folder / f"rings-{number}.png"
        if not path.exists():
            write_png(path, paint(160, 120, number))


def summary(view: View, seconds: float) -> str:
    """Return what happened, in a few lines."""
    by_task: dict[str, Counter[str]] = {}
    asked_for = [row for row in view.rows.values() if row.is_asked_for]
    for row in asked_for:
        by_task.setdefault(row.task, Counter())[row.state] += 1
    counts = view.counts
    lines = [f"{name:<18} {', '.join(f'{n} {state}' for state, n in sorted(states.items()))}" for name, states in by_task.items()]
    totals = f"{counts['completed']} completed, {counts['failed']} failed, {counts['cancelled']} cancelled"
    troubles = f"{counts['retries']} retries, {_crashes(counts['crashes'])} survived, {counts['warnings']} warnings"
    fired, started = _times(view, tasks.add_up.name), _times(view, tasks.watch_pictures.name)
    lines += [
        f"by its schedule, {tasks.add_up.name} ran {fired}; {tasks.watch_pictures.name} was started {started}",
        f"{len(asked_for)} runs in {seconds:.1f} s: {totals}; {troubles}",
        f"look closer: cd {os.path.relpath(tasks.HERE)} && {_command()} runs",
    ]
    return "\n".join(["", "Summary", *(f"  {line}" for line in lines)])


def _times(view: View, task: str) -> str:
    n = sum(row.task == task for row in view.rows.values())
    return "once" if n == 1 else f"{n} times"


def _crashes(n: int) -> str:
    return f"{n} crash{'' if n == 1 else 'es'}"


def _command() -> str:
    """Return what the command line is called from the demo's folder: by its name where the shell finds it, else by its path."""
    ours = Path(sys.executable).parent / "mainspring"
    return "mainspring" if shutil.which("mainspring") == str(ours) or not ours.exists() else os.path.relpath(ours, tasks.HERE)


async def demo(*, is_live: bool) -> None:
    """Work, and show it."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks.WORKSHOP.mkdir(parents=True, exist_ok=True)
    app = Mainspring(f"sqlite:///{tasks.WORKSHOP / 'mainspring.db'}", discover=["tasks"])
    (tasks.WORKSHOP / "luck").unlink(missing_ok=True)
    async with FlakyServer() as server, app, console(app) as address:
        print(f"The console is at {address}", flush=True)
        view = View(app, is_live=is_live, console=address)
        await view.look_back()
        await app.schedules.enable(tasks.add_up.name)
        async with app.runner(name="demo"):
            await show(app, view, server, stop)
        await app.schedules.disable(tasks.add_up.name)  # what passes until the next demo is nobody's fault


@contextlib.asynccontextmanager
async def console(app: Mainspring) -> AsyncIterator[str]:
    """Serve the console at the first port that is free."""
    async with contextlib.AsyncExitStack() as stack:
        for port in PORTS:
            try:
                address = await stack.enter_async_context(serving(app, port=port, page="/tasks"))
            except ConfigurationError:  # another program has it
                continue
            yield address
            return


async def show(app: Mainspring, view: View, server: FlakyServer, stop: asyncio.Event) -> None:
    """Work and show it, until the round is over or somebody has seen enough."""
    began = time.monotonic()
    working = asyncio.create_task(for_ever(app, view, server) if view.is_live else one_round(app, view, server))
    others, stopping = asyncio.create_task(view.follow_others()), asyncio.create_task(stop.wait())
    with live(view) if view.is_live else contextlib.nullcontext():
        await asyncio.wait({working, others, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for each in (working, others, stopping):
        each.cancel()
    for each in (working, others):
        if each.done() and not each.cancelled():
            each.result()
    print(summary(view, time.monotonic() - began), flush=True)
    view.close()


async def one_round(app: Mainspring, view: View, server: FlakyServer) -> None:
    """Do one round of work and see it end."""
    async with asyncio.timeout(LONGEST):
        await enqueue_round(app, view, server)
        await view.all_ended()
        await view.seen(tasks.add_up.name, "completed")
        await view.seen(tasks.watch_pictures.name, "running")


async def for_ever(app: Mainspring, view: View, server: FlakyServer) -> None:
    """Do a round every few seconds."""
    while True:
        began = time.monotonic()
        await one_round(app, view, server)
        await asyncio.sleep(max(EVERY - (time.monotonic() - began), 1.0))


def live(view: View) -> Any:
    """Return the live view for a terminal."""
    from rich.live import Live

    return Live(view, refresh_per_second=6, screen=True)


if __name__ == "__main__":
    asyncio.run(demo(is_live=sys.stdout.isatty()))
