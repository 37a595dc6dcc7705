"""A store under test on each of its databases, with a clock that only the test moves, and the checker that follows every test."""

import asyncio
import contextlib
import functools
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import psycopg

from mainspring.core.access import EVERYTHING
from mainspring.core.event import Event, EventKind
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.policy import Priority, Retry
from mainspring.core.run import Added, ClaimedRun, Completed, NewRun, Outcome, Run, decide
from mainspring.core.state import RunState
from mainspring.store.database import Database
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Completion, Entry, Lane, Settlement
from mainspring.store.sqlite import SqliteDatabase
from mainspring.store.store import Store
from tests import postgres

Kind = Literal["memory", "file", "postgres"]
KINDS: tuple[Kind, ...] = ("memory", "file", "postgres")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A fixed moment: far from midnight, so that no test crosses a day by chance.
START = datetime(2031, 3, 4, 9, 6, 7, 890123, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLOCK_FUNCTION = "public.manual_now()"
CLOCK_SQL = """
create table public.manual_clock (at timestamptz not null);
insert into public.manual_clock values ('{start}');
create function public.manual_now() returns timestamptz language sql stable as 'select at from public.manual_clock';
"""


class ManualClock:
    """The only clock of a store under test. It stands still until somebody moves it."""

    def __init__(self, start: datetime = START) -> None:
        self.now = start
        self.on_move: Callable[[datetime], Awaitable[None]] | None = None

    def read(self) -> int:
        """Return microseconds since 1970, as SQLite's clock does."""
        return (self.now - EPOCH) // timedelta(microseconds=1)

    async def advance(self, seconds: float) -> None:
        """Move on, or back."""
        self.now += timedelta(seconds=seconds)
        if self.on_move is not None:
            await self.on_move(self.now)


class Stage:
    """A store, its clock, and short ways to say what most tests say. Remembers every id that it added."""

    def __init__(self, kind: Kind, store: Store, clock: ManualClock) -> None:
        self.kind, self.store, self.clock = kind, store, clock
        self.runs, self.nodes = store.runs, store.nodes
        self.added: set[str] = set()
        self.forgotten: set[str] = set()  # what a test has pruned on purpose
        self._ids = IdMaker()

    @property
    def database(self) -> Database:
        return self.store.database

    def new_id(self) -> str:
        return self._ids.make((self.clock.now - EPOCH) // timedelta(milliseconds=1))

    def new(self, task: str = "t", **fields: Any) -> NewRun:
        """Return a run with a fresh id of this clock's time."""
        return NewRun(fields.pop("id", None) or self.new_id(), task, **fields)

    async def add(self, *runs: NewRun) -> list[Added]:
        answers = await self.runs.add_many(runs)
        self.added |= {answer.id for answer in answers}
        return answers

    async def add_new(self, n: int = 1, **fields: Any) -> list[str]:
        """Add some runs alike and return their ids."""
        return [answer.id for answer in await self.add(*(self.new(**fields) for _ in range(n)))]

    async def add_one(self, **fields: Any) -> str:
        run = self.new(**fields)
        answer = await self.runs.add(run)
        self.added.add(answer.id)
        return answer.id

    async def node(self, name: str = "node", lease: timedelta = MINUTE, **facts: Any) -> str:
        """Register a node and return its id."""
        node_id = make_claim_id()
        await self.nodes.register(node_id, name=name, host=facts.pop("host", "host"), pid=1, lease=lease, facts=facts)
        return node_id

    async def lanes(self) -> list[Lane]:
        """Return the lanes with ready runs, the most urgent first."""
        return sorted((lane for lane, _ in await self.runs.lanes()), key=lambda lane: (lane.priority, lane.queue))

    async def claim(self, node_id: str, n: int = 100, claim_id: str | None = None) -> list[ClaimedRun]:
        """Claim from every lane."""
        lanes = await self.lanes()
        return await self.runs.claim(node_id, claim_id or make_claim_id(), lanes, n, timedelta(seconds=5))

    async def claim_new(self, node_id: str | None = None, **fields: Any) -> ClaimedRun:
        """Add a run and claim it."""
        run_id = await self.add_one(**fields)
        claimed = await self.claim(node_id or await self.node())
        (run,) = [run for run in claimed if run.id == run_id]
        return run

    async def complete(self, *runs: ClaimedRun, result: str | None = None, entries: Sequence[Entry] = ()) -> set[str]:
        return await self.runs.complete([Completion(run.id, run.claim_id, 1.5, result, entries) for run in runs])

    async def settle(self, run: ClaimedRun, outcome: Outcome, retry: Retry | None = None, entries: Sequence[Entry] = ()) -> RunState | None:
        """Write what is decided after this outcome; None where it was refused."""
        decision = decide(run, outcome, retry or Retry(delay=timedelta(seconds=1), jitter=False))
        return (await self.runs.settle([Settlement(run.id, run.claim_id, decision, 2.0, entries)])).get(run.id)

    async def get(self, run_id: str) -> Run:
        return await self.runs.get(run_id, scope=EVERYTHING)

    async def kinds(self, run_id: str) -> list[str]:
        """Return the kinds of a run's events, in order."""
        return [str(event.kind) for event in await self.store.events.after(run_id, scope=EVERYTHING)]

    async def finish_all(self) -> None:
        """Complete whatever waits, whatever it waits for."""
        node = await self.node("finisher")
        await self.clock.advance(3600)
        while await self.runs.promote():
            pass
        while claimed := await self.claim(node, 500):
            await self.complete(*claimed)

    async def sql(self, text: str) -> list[dict[str, Any]]:
        """Ask the database itself; ``mainspring.`` stands for our tables on both."""
        return await self.database.execute(text)


def prepare_postgres(url: str) -> None:
    """Bring a template database to our schema, with a clock of its own and few partitions."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(CLOCK_SQL.format(start=START.isoformat()).encode())

    async def migrate() -> None:
        store = Store(PostgresDatabase(url, clock=CLOCK_FUNCTION))
        await store.open()
        try:
            await store.migrations.apply()
            await store.upkeep.make_partitions(1)
        finally:
            await store.close()

    asyncio.run(migrate())


def new_postgres() -> str:
    """Return the URL of a database of its own with our schema; to be called without a running loop, or in a thread."""
    return postgres.fresh_database(postgres.server(), postgres.template_database(prepare_postgres))


# A database costs a third of a second, emptying one a hundredth: those whose schema a test left alone are used again.
_free: list[str] = []
_RELATIONS = (
    "select array_agg(relname::text order by relname) from pg_class "
    "join pg_namespace space on space.oid = relnamespace where nspname = 'mainspring'"
)
_OPTIONS = "select array_agg(reloptions::text order by relname) from pg_class where relname in ('hot_runs', 'nodes', 'stats')"
_EMPTIED = [
    "hot_runs", "history", "attempts", "events", "nodes", "queues", "limits", "task_switches", "stats", "dedupe", "dedupe_requests",
    "files", "artifacts", "run_search", "kept", "definitions", "retention", "errors", "error_marks",
    "services", "service_samples", "samples", "task_overlaps", "pulses", "schedules", "notices", "modes", "idempotency",
    "users", "tokens", "sessions", "links", "sign_ins", "secrets", "ignored_errors", "discarded_runs", "tenants", "owners",
    "presets", "favourites",
]  # fmt: skip
# The audit trail refuses to be deleted from.
_WIPE = ";".join(f"delete from mainspring.{table}" for table in _EMPTIED) + "; truncate mainspring.audit"


def _borrow_postgres() -> str:
    return _free.pop() if _free else new_postgres()


def _return_postgres(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if _shape(connection) == _shape_of_template():
            connection.execute(f"{_WIPE}; update public.manual_clock set at = '{START.isoformat()}'".encode())
            _free.append(url)
            return
    postgres.drop_database(url)


def _shape(connection: psycopg.Connection) -> list[Any]:
    return [connection.execute(question.encode()).fetchall() for question in (_RELATIONS, _OPTIONS)]


@functools.cache
def _shape_of_template() -> list[Any]:
    url = new_postgres()
    with psycopg.connect(url, autocommit=True) as connection:
        shape = _shape(connection)
    _free.append(url)
    return shape


@contextlib.asynccontextmanager
async def open_stage(kind: Kind, folder: Path, *, is_fresh: bool = False) -> AsyncIterator[Stage]:
    """Open a store on a database of its own, check it in the end and take it away. A fresh one has no other test's statistics."""
    clock = ManualClock()
    url = await asyncio.to_thread(new_postgres if is_fresh else _borrow_postgres) if kind == "postgres" else ""
    store = Store(_database(kind, folder, clock, url), shard=0)
    await store.open()
    async with contextlib.AsyncExitStack() as stack:
        if kind == "postgres":
            stack.push_async_callback(asyncio.to_thread, postgres.drop_database if is_fresh else _return_postgres, url)
            await _connect_clock(clock, url, stack)
        stack.push_async_callback(store.close)
        if kind != "postgres":
            await store.migrations.apply()
        stage = Stage(kind, store, clock)
        yield stage
        await check_consistency(stage)


async def _connect_clock(clock: ManualClock, url: str, stack: contextlib.AsyncExitStack) -> None:
    connection = await stack.enter_async_context(await psycopg.AsyncConnection.connect(url, autocommit=True))

    async def move(now: datetime) -> None:
        await connection.execute("update public.manual_clock set at = %s", (now,))

    clock.on_move = move


def _database(kind: Kind, folder: Path, clock: ManualClock, url: str) -> Database:
    if kind == "postgres":
        return PostgresDatabase(url, clock=CLOCK_FUNCTION)
    path = folder / "mainspring.db" if kind == "file" else None
    return SqliteDatabase(path, clock=clock.read, durability="relaxed")


# -- the checker that follows every test -------------------------------------------------------------------------------

MOST_CHECKED = 60  # runs whose events are read one by one


async def check_consistency(stage: Stage) -> None:
    """Assert what must hold between any two statements, whatever a test has done."""
    hot = {row["id"]: row for row in await stage.sql("select * from mainspring.hot_runs")}
    history = {row["id"]: row for row in await stage.sql("select * from mainspring.history")}
    assert not hot.keys() & history.keys(), "a run is unfinished and finished"
    assert stage.added - stage.forgotten <= hot.keys() | history.keys(), "a run was lost"
    assert not stage.forgotten & (hot.keys() | history.keys()), "a run came back"

    nodes = {row["id"] for row in await stage.sql("select id from mainspring.nodes")}
    for row in hot.values():
        if row["state"] == 4:
            assert row["node_id"] in nodes and row["claim_id"] is not None, "a run is running without an owner"
        else:
            assert row["node_id"] is None and row["claim_id"] is None, "a waiting run has an owner"
            assert not row["cancel_requested"], "a cancelled run waits"
    keys = Counter((row["tenant"], row["task"], row["key"]) for row in hot.values() if row["key"] is not None)
    assert all(n == 1 for n in keys.values()), "a key is held twice"

    named = {row["run_id"] for table in ("dedupe", "dedupe_requests") for row in await stage.sql(f"select run_id from mainspring.{table}")}
    assert named <= hot.keys() | history.keys() | stage.forgotten, "the ledger of keys names a run that never was"

    await _check_attempts(stage, hot, history)
    await _check_stats(stage, history)
    for run_id in sorted(hot.keys() | history.keys(), reverse=True)[:MOST_CHECKED]:
        check_events(await stage.get(run_id), await stage.store.events.after(run_id, scope=EVERYTHING))
    await _check_transactions(stage)


def check_events(run: Run, events: Sequence[Event]) -> None:
    """Assert that a run's events are numbered without a gap and end with its end."""
    assert [event.seq for event in events] == list(range(1, run.seq + 1)), f"gaps in {events}"
    assert [event.kind.is_final for event in events[:-1]] == [False] * (len(events) - 1), "something follows the end"
    assert events[-1].kind.is_final == run.is_final
    assert events[0].kind is EventKind.QUEUED
    attempts = [event.attempt for event in events]
    assert attempts == sorted(attempts), "attempts are out of order"


async def _check_attempts(stage: Stage, hot: Mapping[str, Mapping[str, Any]], history: Mapping[str, Mapping[str, Any]]) -> None:
    numbers: dict[str, list[int]] = {}
    for row in await stage.sql("select run_id, number from mainspring.attempts order by run_id, number"):
        numbers.setdefault(row["run_id"], []).append(row["number"])
    for run_id, unfinished in hot.items():
        ended = unfinished["attempt"] - (1 if unfinished["state"] == 4 else 0)
        assert numbers.pop(run_id, []) == list(range(1, ended + 1)), "a try left no row"
    for run_id, finished in history.items():
        found = numbers.pop(run_id, [])
        is_first_success = finished["state"] == 10 and finished["attempt"] == 1
        assert found == list(range(1, finished["attempt"] + 1)) or (is_first_success and not found), "a try left no row"
    assert not numbers, "tries of unknown runs"


async def _check_stats(stage: Stage, history: Mapping[str, Mapping[str, Any]]) -> None:
    if stage.forgotten:
        return
    counted = Counter((row["task"], row["state"]) for row in history.values())
    rows = await stage.sql("select task, state, sum(n) as n from mainspring.stats group by task, state")
    assert {(row["task"], row["state"]): int(row["n"]) for row in rows} == dict(counted), "statistics went astray"


async def _check_transactions(stage: Stage) -> None:
    if stage.kind == "postgres":
        left = await stage.sql(
            "select pid, query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
            "and state like 'idle in transaction%'"
        )
        assert not left, f"open transactions: {left}"
    elif stage.kind == "file":
        assert isinstance(stage.database, SqliteDatabase) and stage.database.path is not None
        with contextlib.closing(sqlite3.connect(stage.database.path, timeout=0, isolation_level=None)) as other:
            other.execute("begin immediate")  # would raise at once if somebody held the file
            other.execute("rollback")


def completed(result: str | None = None) -> Completed:
    return Completed(result)


def priorities(runs: Sequence[ClaimedRun]) -> list[Priority]:
    return [Priority(run.priority) for run in runs]
