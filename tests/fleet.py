"""Whole nodes side by side on virtual time: one store in memory, an app and a line to the store for each node.

The engine's tests tick the loops of such nodes by hand; the simulation lets them run, and hurts them.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from unittest.mock import patch

from mainspring import Mainspring, Task
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import StoreUnavailable
from mainspring.core.ids import IdMaker, seed_ids
from mainspring.core.role import Role
from mainspring.core.run import Run
from mainspring.engine.faults import set_fault
from mainspring.engine.runner import Runner
from mainspring.engine.worker import Worker
from mainspring.store.database import Database, Record, Row
from mainspring.store.queries import Query
from mainspring.store.store import Store, database_for
from mainspring.testing.clock import ManualClock
from mainspring.testing.kit import let_output_go
from mainspring.testing.virtual import Place, PlaceDied, VirtualLoop, place

T = TypeVar("T")
When = Literal["before", "after"]
STALL = 20.0  # virtual seconds that a packet may be stuck at most
PATIENCE = 5.0  # virtual seconds until a call to a database that does not answer gives up


@dataclass
class Weather:
    """What goes wrong between nodes and their database, drawn from a seed. Rates are parts of one."""

    chance: random.Random = field(default_factory=lambda: random.Random(0))
    latency: float = 0.0  # seconds that a call takes at most
    refused: float = 0.0  # calls that fail and are not carried out
    unanswered: float = 0.0  # calls that are carried out, and fail all the same
    lost_hints: float = 0.0
    stalls: float = 0.0  # ways to or from the database that take very long

    def way(self) -> float:
        """Return how many seconds a call or its answer is under way now."""
        if self.stalls and self.chance.random() < self.stalls:
            return STALL * self.chance.random()
        return self.latency * self.chance.random()


class Line:
    """A node's connection to the store: a `Database` that can be slow, cut, and deaf at any call."""

    dialect: Literal["sqlite"] = "sqlite"
    path = None

    def __init__(self, fleet: Fleet, node: str) -> None:
        self._fleet, self._node = fleet, node
        self.weather = fleet.weather
        self.is_cut = False
        self._planned: list[tuple[str, When]] = []
        self.hear: Callable[[str], None] | None = None
        self.context: contextvars.Context | None = None
        self.calls: Counter[str] = Counter()

    def fail(self, query: str, when: When) -> None:
        """Let the next call of a query fail: before it is carried out, or after."""
        self._planned.append((query, when))

    async def _through(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        if (where := place.get()) is not None and where.is_dead:
            raise PlaceDied(name)
        self.calls[name] += 1
        weather, chance = self.weather, self.weather.chance
        if self.is_cut:
            await asyncio.sleep(PATIENCE * chance.random())
            raise StoreUnavailable(f"the line of {self._node} is cut ({name})")
        for planned in self._planned:
            if planned[0] == name:
                self._planned.remove(planned)
                if planned[1] == "after":
                    await call()
                raise StoreUnavailable(f"{name} was to fail {planned[1]} it was carried out")
        if chance.random() < weather.refused:
            raise StoreUnavailable(f"{name} of {self._node} was refused")
        if weather.latency:
            # The server goes on with what it was told, whatever becomes of the node meanwhile.
            answer = await asyncio.shield(asyncio.get_running_loop().create_task(self._serve(call), context=self._fleet.server))
            await asyncio.sleep(weather.way())
        else:
            answer = await call()
        if self._broke_meanwhile() or chance.random() < weather.unanswered:
            raise StoreUnavailable(f"the answer to {name} of {self._node} was lost")
        return answer

    def _broke_meanwhile(self) -> bool:
        return self.is_cut

    async def _serve(self, call: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(self.weather.way())
        return await call()

    async def write(self, query: str, /, *, behind: str | None = None, **values: Any) -> list[Row]:
        async def call() -> list[Row]:
            rows = await self._fleet.database.write(query, **values)
            await self._fleet.on_write(self._node, query, values, rows)
            return rows

        rows = await self._through(query, call)
        if behind is not None:
            await self.notify(behind)
        return rows

    async def read(self, query: str, /, **values: Any) -> list[Record]:
        return await self._through(query, lambda: self._fleet.database.read(query, **values))

    async def execute(self, sql: str) -> list[Record]:
        return await self._fleet.database.execute(sql)

    async def notify(self, payload: str) -> None:
        for line in self._fleet.lines:
            is_lost = self.weather.chance.random() < self.weather.lost_hints
            if line is not self and line.hear is not None and not is_lost:
                asyncio.get_running_loop().call_later(
                    self.weather.latency * self.weather.chance.random(), line.hear, payload, context=line.context
                )

    async def listen(self, hear: Callable[[str], None]) -> None:
        self.hear = hear

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def exclusive(self, name: str) -> AbstractAsyncContextManager[None]:
        return self._fleet.database.exclusive(name)

    def query(self, name: str) -> Query:
        return self._fleet.database.query(name)

    def to_time(self, moment: datetime | None) -> Any:
        return self._fleet.database.to_time(moment)

    def to_list(self, values: list[Any] | None) -> Any:
        return self._fleet.database.to_list(values)

    def from_time(self, value: Any) -> datetime | None:
        return self._fleet.database.from_time(value)

    async def now(self) -> datetime:
        return self._fleet.clock.now()


class Node:
    """One simulated process: an app, its line to the store, and its runner."""

    def __init__(self, fleet: Fleet, name: str, app: Mainspring, line: Line, where: Place, context: contextvars.Context) -> None:
        self.fleet, self.name, self.app, self.line, self.place, self.context = fleet, name, app, line, where, context
        self._runner: Runner | None = None
        self.is_leaving = False

    @property
    def lives(self) -> bool:
        """Whether it runs: neither dead nor frozen, nor on its way out."""
        return self._runner is not None and not (self.place.is_dead or self.place.is_frozen or self.is_leaving)

    @property
    def runner(self) -> Runner:
        """The node's loops; only after `start`."""
        assert self._runner is not None
        return self._runner

    @property
    def worker(self) -> Worker:
        return self.runner.worker

    @property
    def id(self) -> str:
        return self.runner.presence.id

    async def start(self, *, drives: bool, host: str, queues: tuple[str, ...] = ()) -> None:
        """Make the runner and start it; with ``drives`` its loops run for ever."""

        async def begin() -> None:
            held = await self.app._opening.opened()
            self._runner = held.runner = self.app._make_runner(held, role=Role.ALL, name=self.name, queues=queues)
            self._runner.presence.host, self._runner.presence.locks = host, self.fleet.locks
            await self._runner.start(drives=drives)
            await held.bus.listen()

        await self.do(begin())

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Begin something inside this node."""
        return self.fleet.loop.create_task(work, context=self.context)

    async def do(self, work: Any) -> Any:
        """Do something inside this node; raises `PlaceDied` where the node does not live to see the end of it."""
        doing = self.spawn(work)
        while not doing.done():
            await asyncio.wait([doing], timeout=1.0)
            if self.place.is_dead and not doing.done():
                raise PlaceDied(self.name)
        return await doing

    async def tick(self, *names: str) -> list[float]:
        """Tick loops by hand, in the order given, each until it wants to rest and what follows from it has happened."""
        answers = []
        for name in names:
            for _ in range(1000):
                if (wait := await self.once(name)) > 0:
                    break
            else:
                raise AssertionError(f"{name} never rests")
            answers.append(wait)
        return answers

    async def once(self, name: str) -> float:
        """Do one round of a loop, and let happen what follows from it; answers after how long the next is useful."""
        loops = {loop.name: loop for loop in self.runner.loops()}
        await self.fleet.loop.settle()  # hints that are on their way arrive first
        wait: float = await self.do(loops[name].tick())
        await self.fleet.loop.settle()
        return wait

    def crash(self, *, host_stays: bool = True) -> None:
        """Kill the process. Its lock file is freed by the kernel; where the whole host is gone, nobody can ask for it."""
        self.fleet.loop.kill(self.place)
        lock = self.runner.heartbeat.lock
        if lock is not None:
            if host_stays:
                lock.close()
            else:
                lock.path.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop the process as SIGSTOP does: its lock file stays locked."""
        self.fleet.loop.freeze(self.place)

    def thaw(self) -> None:
        """Let it go on."""
        self.fleet.loop.thaw(self.place)


class _Ids(IdMaker):
    """Ids by the wall clock of one machine, which is wrong by up to two minutes: nothing may hang on it."""

    def __init__(self, clock: ManualClock, wrong_by: float) -> None:
        super().__init__()
        self._clock, self._wrong_by = clock, round(wrong_by * 1000)

    def make(self, milliseconds: int, entropy: bytes | None = None) -> str:
        return super().make(self._clock.microseconds() // 1000 + self._wrong_by, entropy)


async def _nobody_looks(node: str, query: str, values: dict[str, Any], rows: list[Row]) -> None: ...


class Fleet:
    """Nodes on one store. Use it inside `loop`; close it outside."""

    def __init__(self, *, seed: int | None = None) -> None:
        self.clock = ManualClock()
        self.loop = VirtualLoop(self.clock, seed=seed)
        self.loop.set_exception_handler(self._unhandled)
        self.database: Database = database_for("sqlite://", clock=self.clock.microseconds)
        self.weather = Weather()
        self.lines: list[Line] = []
        self.nodes: list[Node] = []
        self.server = contextvars.copy_context()
        self.locks = Path(tempfile.mkdtemp(prefix="mainspring-fleet-"))
        self.problems: list[str] = []
        self.on_write: Callable[[str, str, dict[str, Any], list[Row]], Awaitable[None]] = (
            _nobody_looks  # in the very moment of the commit: it may look at the store, but not wait
        )
        self.on_fault: Callable[[str], None] = lambda point: None
        # Ids come from the seed, so lock files in a folder shared with other processes would collide.
        self._own_folder = patch("mainspring.engine.runner.lock_folder", lambda beside: self.locks)
        self._own_folder.start()
        chance = random.Random(seed or 0)
        seed_ids(chance.randbytes)
        self._skews = random.Random(seed or 0)
        set_fault(lambda point: self.on_fault(point))

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), (PlaceDied, asyncio.CancelledError)):
            self.problems.append(f"{context.get('message')}: {context.get('exception')!r}")

    @property
    def store(self) -> Store:
        """The store, by a line of the test's own that never fails."""
        return Store(self.database, shard=0)

    def app(self, name: str, tasks: Iterable[Task[..., Any]], **settings: Any) -> tuple[Mainspring, Line]:
        """Return an app with a line of its own to the store."""
        line = Line(self, name)
        settings.setdefault("files", str(self.locks / "files"))  # one place for the whole fleet, and not that of another with the same seed
        app = Mainspring("sqlite://", tasks=tasks, isolation="inline", database=line, **settings)
        app._enqueuer.ids = _Ids(self.clock, self._skews.uniform(-120, 120))
        active.retire(app)
        self.lines.append(line)
        return app, line

    async def node(
        self,
        name: str,
        tasks: Iterable[Task[..., Any]] = (),
        *,
        drives: bool = False,
        host: str = "host",
        queues: tuple[str, ...] = (),
        **settings: Any,
    ) -> Node:
        """Start a node."""
        await self.database.open()
        app, line = self.app(name, tasks, **settings)
        where = Place(name)
        context = contextvars.copy_context()
        context.run(place.set, where)
        line.context = context
        node = Node(self, name, app, line, where, context)
        self.nodes.append(node)
        await node.start(drives=drives, host=host, queues=queues)
        return node

    async def client(self, tasks: Iterable[Task[..., Any]] = (), name: str = "client", **settings: Any) -> Mainspring:
        """Return an app that only enqueues and looks."""
        await self.database.open()
        return self.app(name, tasks, **settings)[0]

    async def advance(self, seconds: float) -> None:
        """Let time pass; whoever waits for it goes on."""
        await asyncio.sleep(seconds)
        await self.loop.settle()

    async def get(self, run: Any) -> Run:
        """Return a run as the store has it."""
        return await self.store.runs.get(run if isinstance(run, str) else run.id, scope=EVERYTHING)

    async def states(self, runs: Iterable[Any]) -> list[str]:
        """Return the states of runs as words."""
        return [str((await self.get(run)).state) for run in runs]

    async def rows(self, sql: str) -> list[Record]:
        """Ask the store a question in its own language."""
        return await self.database.execute(sql)

    def close(self) -> None:
        """Take everything down, the dead included."""
        try:
            self.on_fault = lambda point: None
            for line in self.lines:
                line.is_cut = True
            self.loop.bury()
            self.loop.run_until_complete(self.database.close())
        finally:
            self.loop.close()
            set_fault(None)
            self._own_folder.stop()
            seed_ids(None)
            let_output_go()
            for node in self.nodes:
                if node._runner is not None:
                    node._runner.heartbeat.let_go()
            shutil.rmtree(self.locks, ignore_errors=True)
