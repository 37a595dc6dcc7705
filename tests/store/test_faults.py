"""Faults at every statement: it never arrives, its answer is lost, its connection breaks, or it fails half-way.

The caller here does what callers of the store are to do: an enqueue is repeated with the same id, a claim is looked up by its claim id, a
completion is repeated, and what is refused then is asked for. Whatever the fault, the books must balance in the end.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.errors import StoreError, StoreUnavailable
from mainspring.core.event import EventKind
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import Retry
from mainspring.core.run import ClaimedRun, Failed, NewRun, decide
from mainspring.core.state import RunState
from mainspring.store import sqlite
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.queries import Query
from mainspring.store.runs import Appended, Completion, Entry, Settlement
from mainspring.store.wire import Wire
from tests.store.harness import Kind, Stage

RETRY = Retry(delay=timedelta(0))
FAULTS = ("never arrives", "answer lost", "connection drops before", "connection drops after")


class Fault:
    """Strikes once, at the n-th of the statements that it watches."""

    WATCHED = ("runs_add", "runs_add_one", "runs_add_alike", "runs_claim", "runs_complete", "runs_settle")

    def __init__(self, at: int) -> None:
        self.at, self.seen, self.struck = at, 0, ""

    def strikes(self, query: str) -> bool:
        if query not in self.WATCHED:
            return False
        self.seen += 1
        if self.seen - 1 != self.at:
            return False
        self.struck = query
        return True


def inject(patch: pytest.MonkeyPatch, stage: Stage, kind: str, fault: Fault) -> None:
    """Let the fault strike between store and database, or on the wire to PostgreSQL."""
    is_before = kind in ("never arrives", "connection drops before")
    if kind in FAULTS[:2]:
        write = stage.database.write

        async def faulty(query: str, /, **values: Any) -> Any:
            if not fault.strikes(query):
                return await write(query, **values)
            if not is_before:
                await write(query, **values)
            raise StoreUnavailable("injected")

        patch.setattr(stage.database, "write", faulty)
    else:
        run, names = Wire.run, {stage.database.query(name).numbered: name for name in Fault.WATCHED}

        async def cut(wire: Wire, statement: str, values: Sequence[Any], *behind: Any) -> Any:
            if not fault.strikes(names.get(statement, "")):
                return await run(wire, statement, values, *behind)
            if not is_before:
                await run(wire, statement, values, *behind)
            await wire.close()
            raise psycopg.OperationalError("injected: the connection is gone")

        patch.setattr(Wire, "run", cut)


class Caller:
    """A node that does everything right."""

    def __init__(self, stage: Stage, node: str) -> None:
        self.stage, self.runs, self.node = stage, stage.runs, node

    async def enqueue(self, runs: list[NewRun]) -> None:
        try:
            answers = await self.runs.add_many(runs)
        except StoreUnavailable:
            answers = [await self.runs.add_again(run) for run in runs]
        assert [answer.id for answer in answers] == [run.id for run in runs]

    async def claim(self, n: int) -> list[ClaimedRun]:
        claim_id = make_claim_id()
        try:
            return await self.stage.claim(self.node, n, claim_id)
        except StoreUnavailable:
            return await self.runs.claimed_under(claim_id, self.node) or await self.stage.claim(self.node, n)

    async def complete(self, runs: list[ClaimedRun]) -> set[str]:
        batch = [Completion(run.id, run.claim_id, 1.0, "1", [Entry(0.0, EventKind.LOG, {})]) for run in runs]
        try:
            return await self.runs.complete(batch)
        except StoreUnavailable:
            accepted = await self.runs.complete(batch)
            return accepted | (await self._ours(runs, accepted)).keys()

    async def settle(self, runs: list[ClaimedRun], *, is_terminal: bool) -> dict[str, RunState]:
        outcome = Failed({"type": "E"}, is_terminal=is_terminal)
        batch = [Settlement(run.id, run.claim_id, decide(run, outcome, RETRY)) for run in runs]
        try:
            return await self.runs.settle(batch)
        except StoreUnavailable:
            states = await self.runs.settle(batch)
            return states | await self._ours(runs, set(states))

    async def _ours(self, runs: list[ClaimedRun], accepted: set[str]) -> dict[str, RunState]:
        return await self.runs.outcome_of(self.node, {run.id: run.attempt for run in runs if run.id not in accepted})


@pytest.mark.scenario("K2", part="enqueue, claim, complete")
@pytest.mark.failure(2, 14, 59)
@pytest.mark.parametrize("kind_of_fault", FAULTS)
async def test_a_fault_at_any_statement_neither_loses_nor_doubles(
    stage: Stage, kind: Kind, kind_of_fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind != "postgres" and kind_of_fault in FAULTS[2:]:
        return  # there is no connection that could drop
    at, has_struck = 0, True
    while has_struck:
        fault = Fault(at)
        with monkeypatch.context() as patch:
            inject(patch, stage, kind_of_fault, fault)
            await _life(stage)
        has_struck, at = bool(fault.struck), at + 1
    assert at > 8, "every statement of a life was struck once, and the last life had none left to strike"


async def _life(stage: Stage) -> None:
    caller = Caller(stage, await stage.node())
    runs = [[stage.new()], [stage.new(key=stage.new_id()), stage.new(max_retries=1)], [stage.new(), stage.new(), stage.new()]]
    for batch in runs:
        await caller.enqueue(batch)
        stage.added |= {run.id for run in batch}
    one, two, three, *rest = await caller.claim(6)
    assert [run.id for run in (one, two, three, *rest)] == [run.id for batch in runs for run in batch]
    assert await caller.complete([one, two]) == {one.id, two.id}
    assert (await caller.settle([three, rest[0]], is_terminal=False)).keys() == {three.id, rest[0].id}
    assert await caller.settle(rest[1:], is_terminal=True) == {run.id: RunState.FAILED for run in rest[1:]}
    again = await caller.claim(6)
    assert [(run.id, run.attempt, run.retries) for run in again] == [(three.id, 2, 1), (rest[0].id, 2, 1)]
    assert await caller.complete(again) == {three.id, rest[0].id}
    found = await stage.runs.get_many([run.id for batch in runs for run in batch], scope=EVERYTHING)
    assert [found[run.id].state for run in (one, two, three, rest[0])] == [RunState.COMPLETED] * 4
    for run in (one, two, three, rest[0]):
        assert len(await stage.runs.attempts(run.id, scope=EVERYTHING)) == found[run.id].attempt
        assert (await stage.kinds(run.id)).count("log") == 1


@pytest.mark.scenario("K2", part="half-way through a transaction")
@pytest.mark.parametrize("kind", ["memory", "file"])
@pytest.mark.parametrize("name", ["runs_add", "runs_complete", "runs_settle", "runs_stop", "runs_append", "runs_unblock"])
async def test_a_statement_that_fails_half_way_leaves_nothing_behind(
    stage: Stage, kind: Kind, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite one write is several statements in one transaction: each may be the last that the disk took."""
    node = await stage.node()
    first = await stage.claim_new(node)
    waiting = await stage.add_one(key="k", delay=timedelta(hours=1))
    calls: dict[str, Callable[[], Any]] = {
        "runs_add": lambda: stage.runs.add(stage.new(key="other")),
        "runs_complete": lambda: stage.complete(first, entries=[Entry(0.0, EventKind.LOG, {})]),
        "runs_settle": lambda: stage.settle(first, Failed({"type": "E"}), entries=[Entry(0.0, EventKind.LOG, {})]),
        "runs_stop": lambda: stage.runs.cancel([first.id, waiting]),
        "runs_append": lambda: stage.runs.append([Appended(first.id, first.claim_id, [Entry(0.0, EventKind.LOG, {})])]),
        "runs_unblock": lambda: stage.runs.unblock_known(["t"]),
    }
    before = await _everything(stage)
    statements = stage.database.query(name).statements
    assert len(statements) > 1
    for last in range(len(statements)):
        with monkeypatch.context() as patch:
            patch.setattr(sqlite, "_run", _failing_after(name, last))
            with pytest.raises(StoreError):
                await calls[name]()
        assert await _everything(stage) == before
    await calls[name]()
    stage.added |= {row["id"] for row in await stage.sql("select id from mainspring.hot_runs")}


def _failing_after(name: str, last: int) -> Callable[[sqlite3.Connection, Query, Any], Any]:
    def run(connection: sqlite3.Connection, query: Query, values: Any) -> Any:
        assert query.name == name
        for statement in query.statements[: last + 1]:
            connection.execute(statement, values)
        raise sqlite3.OperationalError("injected: disk I/O error")

    return run


async def _everything(stage: Stage) -> list[list[dict[str, Any]]]:
    tables = ("hot_runs", "history", "attempts", "events", "stats")
    return [await stage.sql(f"select * from mainspring.{table}") for table in tables]


@pytest.mark.failure(41)
@pytest.mark.parametrize("kind", ["postgres"])
async def test_broken_connections_are_replaced_and_callers_queue_for_few(stage: Stage, kind: Kind) -> None:
    assert isinstance(stage.database, PostgresDatabase)
    url = stage.database.url
    await asyncio.gather(*(stage.runs.page(scope=EVERYTHING) for _ in range(30)))

    def cut() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() "
                "and pid <> pg_backend_pid() and query not like '%manual_clock set%'"
            )

    cut()  # on the loop's thread: the wires have had no chance to notice
    values = stage.runs.one_values(stage.new())
    with pytest.raises(StoreUnavailable):
        await stage.database.write("runs_add_one", behind="a hint", **values)
    cut()
    answers = await asyncio.gather(*(stage.runs.page(scope=EVERYTHING) for _ in range(30)), return_exceptions=True)
    assert all(isinstance(answer, (list, StoreUnavailable)) for answer in answers)
    assert await stage.runs.page(scope=EVERYTHING) == []
