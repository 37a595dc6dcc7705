"""A stage for chaos: one store, real worker processes on it, and ways to hurt them."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from mainspring import Mainspring, Run, RunHandle
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.core.node import Node, NodeState
from mainspring.store.files import Gate
from mainspring.store.store import Store
from tests import postgres
from tests.chaos import checker
from tests.chaos.checker import Line

T = TypeVar("T")
Kind = Literal["sqlite", "postgres"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgres")

ROOT = Path(__file__).parents[2]
MODULE = "tests.chaos.chaos_tasks"
MARK = "CHAOS_MARK"
PATIENCE = 60.0  # seconds after which a test that waits for a state has failed; far more than a busy machine needs
LONG_PATIENCE = 600.0
SHORT_LEASE = {"MAINSPRING_LEASE": "3s", "MAINSPRING_BEAT": "500ms"}


class Process:
    """A process of the test's, with what it wrote to stderr and stdout."""

    def __init__(self, stage: Stage, name: str, command: list[str], env: Mapping[str, str]) -> None:
        self.stage, self.name = stage, name
        self.log = stage.folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={**stage.env, **env}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, or None while it lives."""
        return self._process.poll()

    @property
    def said(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it without a word."""
        self._process.kill()

    def freeze(self) -> None:
        """Stop it between two writes: a process that is stopped inside one keeps the file of a store to itself until it goes on."""
        while True:
            self.signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)
            if self.stage.is_free():
                return
            self.thaw()

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to stop, as service managers do."""
        self.signal(signal.SIGTERM)

    async def gone(self, patience: float = PATIENCE) -> int:
        """Wait until it has ended and return its exit code."""
        await until(lambda: self.code is not None, f"{self.name} to end", patience, self)
        assert self.code is not None
        return self.code


class WorkerProcess(Process):
    """A worker; its node is known by its name."""

    async def node(self) -> Node | None:
        """Return its latest node as the store has it."""
        return next((each for each in await self.stage.store.nodes.list() if each.name == self.name), None)

    async def alive(self) -> Node:
        """Wait until its node lives and its pools are ready."""
        found: list[Node] = []

        async def lives() -> bool:
            assert self.code is None, f"{self.name} ended with {self.code} before it lived:\n{self.said[-4000:]}"
            if " works on " not in self.said:
                return False
            node = await self.node()
            found[:] = [node] if node is not None and node.state is NodeState.ALIVE else []
            return bool(found)

        await until(lives, f"{self.name} to live", PATIENCE, self)
        return found[0]


async def until(holds: Callable[[], bool] | Callable[[], Awaitable[bool]], what: str, patience: float = PATIENCE, *told: Process) -> None:
    """Wait until something holds, looking at it again and again."""
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + patience, 0.02
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        if loop.time() > deadline:
            said = "\n".join(f"--- {each.name} ({each.code})\n{each.said[-3000:]}" for each in told)
            raise AssertionError(f"waited {patience:.0f} s in vain for {what}\n{said}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, 0.2)


class Stage:
    """One store and the processes on it."""

    def __init__(self, kind: Kind, url: str, folder: Path) -> None:
        self.kind, self.url, self.folder = kind, url, folder
        self.mark = secrets.token_hex(8)
        self.processes: list[Process] = []
        self.committed: set[str] = set()
        self.is_checked = True
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MAINSPRING_", "TASK_"))},
            "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(temporary), "CHAOS_FOLDER": str(folder), MARK: self.mark,
        }  # fmt: skip
        self.app = self.client()
        self.store: Store = None  # type: ignore[assignment]  # there once it is open

    def is_free(self) -> bool:
        """Tell whether nobody is writing into the file of the store; a server always is."""
        if self.kind != "sqlite":
            return True
        gate = Gate(Path(self.url.removeprefix("sqlite:///") + ".gate"))
        try:
            return gate.try_acquire()
        finally:
            gate.close()

    def client(self, url: str | None = None, **settings: Any) -> Mainspring:
        """Return an app of the test's own; it enqueues and looks."""
        made = Mainspring(url or self.url, discover=[MODULE], auto_migrate=True, **settings)
        active.retire(made)
        return made

    async def play(self, test: Awaitable[None], patience: float) -> None:
        """Open the store, carry out a test, take everything down and check what is left."""
        async with self.app:
            self.store = await self.app.store()
            try:
                await asyncio.wait_for(asyncio.ensure_future(test), patience)
            except BaseException:
                self.tell()
                raise
            finally:
                await self._take_down()
            if self.is_checked:
                await checker.check(self.store, self.url, self.folder, self.committed)
                await self._check_leftovers()

    def tell(self) -> None:
        """Print what the processes wrote, for whoever looks at a failure."""
        for each in self.processes:
            print(f"--- {each.name} ({each.code})\n{each.said[-4000:]}")

    async def _take_down(self) -> None:
        for each in self.processes:
            if each.code is None:
                each.thaw()
                each.kill()
        for each in self.processes:
            await each.gone()

    async def _check_leftovers(self) -> None:
        """No process of ours is left; a fresh node would find nothing but what killed nodes could not clean up themselves."""
        await until(lambda: not checker.processes_of(self.mark), f"everybody to go: {checker.processes_of(self.mark)}", 20)

    # -- workers

    def start(self, name: str, *options: str, url: str | None = None, fault: str | None = None, **env: str) -> WorkerProcess:
        """Start a worker and do not wait for it. ``fault`` hurts it where it says."""
        if fault is not None:
            env["MAINSPRING_FAULT"] = fault
        command = [sys.executable, "-m", "mainspring", "worker", "--url", url or self.url, "--discover", MODULE, "--name", name, *options]
        worker = WorkerProcess(self, name, command, env)
        self.processes.append(worker)
        return worker

    async def worker(self, name: str, *options: str, **more: Any) -> WorkerProcess:
        """Start a worker and wait until it lives."""
        worker = self.start(name, *options, **more)
        await worker.alive()
        return worker

    def script(self, name: str, *arguments: str, **env: str) -> Process:
        """Start ``python -m`` with arguments."""
        process = Process(self, name, [sys.executable, "-m", *arguments], env)
        self.processes.append(process)
        return process

    async def stopped(self, worker: WorkerProcess) -> int:
        """Stop a worker as a service manager does, and return its exit code."""
        worker.terminate()
        return await worker.gone()

    # -- runs

    async def enqueue(self, task: Any, *args: Any, **params: Any) -> RunHandle[Any]:
        handle: RunHandle[Any] = await self.app.enqueue(task, *args, **params)
        self.committed.add(handle.id)
        return handle

    async def enqueue_many(self, task: Any, params: Iterable[Mapping[str, Any]]) -> list[RunHandle[Any]]:
        handles: list[RunHandle[Any]] = await self.app.enqueue_many(task, params)
        self.committed |= {each.id for each in handles}
        return handles

    async def runs(self, handles: Iterable[RunHandle[Any]]) -> list[Run]:
        """Return runs as the store has them, in the order given."""
        wanted, found = [each.id for each in handles], dict[str, Run]()
        for start in range(0, len(wanted), 1000):
            found |= await self.store.runs.get_many(wanted[start : start + 1000], scope=EVERYTHING)
        return [found[each] for each in wanted]

    async def states(self, handles: Iterable[RunHandle[Any]]) -> Counter[str]:
        return Counter(str(run.state) for run in await self.runs(handles))

    async def until(self, holds: Callable[[], bool] | Callable[[], Awaitable[bool]], what: str, patience: float = PATIENCE) -> None:
        await until(holds, what, patience, *self.processes)

    async def until_states(self, handles: Iterable[RunHandle[Any]], patience: float = PATIENCE, **wanted: int) -> None:
        """Wait until runs are in these states, so many in each."""
        held = list(handles)

        async def are() -> bool:
            return await self.states(held) == Counter(wanted)

        try:
            await self.until(are, f"{wanted}", patience)
        except AssertionError:
            print("states:", await self.states(held))
            raise

    async def until_final(self, handles: Iterable[RunHandle[Any]], patience: float = PATIENCE) -> list[Run]:
        """Wait until runs are final and return them."""
        held = list(handles)

        async def are() -> bool:
            return all(run.is_final for run in await self.runs(held))

        await self.until(are, "every run to end", patience)
        return await self.runs(held)

    def open(self, gate: str) -> None:
        """Let the bodies go on that wait for a gate."""
        (self.folder / gate).touch()

    def journal(self, event: str | None = None) -> list[Line]:
        """Return what bodies wrote down."""
        return checker.journal(self.folder, event)

    async def until_journal(self, event: str, n: int = 1) -> list[Line]:
        """Wait until bodies have written something down so many times."""
        await self.until(lambda: len(self.journal(event)) >= n, f"{n} times {event!r} in the journal")
        return self.journal(event)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Ask the database itself."""
        return checker.rows(self.url, sql)


def make_stage(kind: Kind, url: str | None = None) -> Stage:
    """Make a stage on an empty store; the folder is short, for sockets stand in it."""
    folder = Path(tempfile.mkdtemp(prefix="ms-chaos-", dir="/tmp"))
    if url is None:
        url = f"sqlite:///{folder}/chaos.db" if kind == "sqlite" else postgres.fresh_database(postgres.server(), _template())
    return Stage(kind, url, folder)


def _template() -> str:
    return postgres.template_database(_migrate)


def _migrate(url: str) -> None:
    async def migrate() -> None:
        app = Mainspring(url, auto_migrate=True)
        active.retire(app)
        async with app:
            await app.store()

    asyncio.run(migrate())


def unmake_stage(stage: Stage, *, is_own: bool = True) -> None:
    """Take a stage's files and its database away."""
    shutil.rmtree(stage.folder, ignore_errors=True)
    if stage.kind == "postgres" and is_own:
        postgres.drop_database(stage.url)
