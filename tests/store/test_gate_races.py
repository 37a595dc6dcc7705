"""Many gatekeepers, workers and deaths at once: never two active runs of one key, told by a log that the database itself writes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.overlap import overlap_key, parse_overlap
from mainspring.core.policy import Retry
from mainspring.core.run import CancelledByRequest, ClaimedRun, Completed, Failed, Lost, NewRun, Outcome, Reason, Snoozed, decide
from mainspring.core.switch import Switches
from mainspring.engine.faults import InjectedFault, set_fault
from mainspring.engine.gatekeeper import Gatekeeper
from mainspring.store.postgres import PostgresDatabase
from mainspring.store.runs import Settlement
from mainspring.store.sqlite import SqliteDatabase
from mainspring.store.store import Store
from tests import postgres
from tests.store.harness import new_postgres

SLOTS, NODES = 1000, 3
POLICIES = ("skip", "queue:2", "replace", "skip", "queue", "replace")
ENDS: Sequence[Outcome] = (
    Completed(), Failed({"kind": "execution"}), Snoozed(timedelta(milliseconds=2)), Lost("lost", {"kind": "crash"}, is_alone=True),
)  # fmt: skip
RETRY = Retry(retries=2, delay=timedelta(milliseconds=3), jitter=False)

# An entry whenever a run becomes active, and when it leaves; in the transaction that does it, so that a second one is never in the log
# before the first has left, unless both were active.
ACTIVE = "{row}.overlap_key is not null and not ({row}.gate = 1 and {row}.state in (1, 2) and {row}.claim_seq is null)"
LOG = {
    "postgres": f"""
create table mainspring.activity (n bigint generated always as identity primary key, key text, run text, change integer);
create function mainspring.note() returns trigger language plpgsql as $$ begin
    if tg_op = 'DELETE' then
        if {ACTIVE.format(row="old")} then
            insert into mainspring.activity (key, run, change) values (old.overlap_key, old.id, -1);
        end if;
    elsif ({ACTIVE.format(row="new")}) and not ({ACTIVE.format(row="old")}) then
        insert into mainspring.activity (key, run, change) values (new.overlap_key, new.id, 1);
    end if;
    return null;
end $$;
create trigger note after update or delete on mainspring.hot_runs for each row execute function mainspring.note()""",
    "file": f"""
create table mainspring.activity (n integer primary key autoincrement, key text, run text, change integer);
create trigger note_end after delete on mainspring.hot_runs when {ACTIVE.format(row="old")} begin
    insert into mainspring.activity (key, run, change) values (old.overlap_key, old.id, -1);
end;
create trigger note_begin after update on mainspring.hot_runs when ({ACTIVE.format(row="new")}) and not ({ACTIVE.format(row="old")}) begin
    insert into mainspring.activity (key, run, change) values (new.overlap_key, new.id, 1);
end""",
}


@contextlib.asynccontextmanager
async def stores(kind: str, folder: Path) -> AsyncIterator[list[Store]]:
    """Open one database by as many processes' stores as there are nodes, on the real clock, with a log of what is active."""
    async with contextlib.AsyncExitStack() as stack:
        url = ""
        if kind == "postgres":
            url = await asyncio.to_thread(new_postgres)
            stack.push_async_callback(asyncio.to_thread, postgres.drop_database, url)
        opened = []
        for number in range(NODES):
            database = PostgresDatabase(url) if kind == "postgres" else SqliteDatabase(folder / "mainspring.db", durability="relaxed")
            store = Store(database, shard=number)
            await store.open()
            stack.push_async_callback(store.close)
            if number == 0:
                await store.migrations.apply()
                for part in [LOG[kind]]:
                    await store.database.execute(part)
            opened.append(store)
        yield opened


class Node:
    """A node as short as can be: a gatekeeper, and bodies that end in all the ways there are."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self.store, self.chance, self.id = store, chance, make_claim_id()
        self.gatekeeper = Gatekeeper(store.gates, store.runs, {}, Switches(), clock=asyncio.get_running_loop().time)
        self.bodies: set[asyncio.Task[None]] = set()

    async def work(self, over: asyncio.Event) -> None:
        await self.store.nodes.register(self.id, name=self.id, host="host", pid=1, lease=timedelta(hours=1), facts={})
        while not over.is_set():
            with contextlib.suppress(InjectedFault):
                await self.gatekeeper.tick()
            await self.store.runs.promote()
            lanes = [lane for lane, _ in await self.store.runs.lanes()]
            for run in await self.store.runs.claim(self.id, make_claim_id(), lanes, 20, timedelta(seconds=60)) if lanes else []:
                self.bodies.add(asyncio.create_task(self.carry_out(run)))
            await asyncio.sleep(self.chance.random() * 0.004)
        await asyncio.gather(*self.bodies)

    async def carry_out(self, run: ClaimedRun) -> None:
        await asyncio.sleep(self.chance.random() * 0.02)
        is_to_stop = (await self.store.runs.get(run.id, scope=EVERYTHING)).cancel_requested
        outcome: Outcome = CancelledByRequest() if is_to_stop else self.chance.choices(ENDS, [80, 10, 5, 5])[0]
        assert await self.store.runs.settle([Settlement(run.id, run.claim_id, decide(run, outcome, RETRY))])


@pytest.mark.scenario("C3")
@pytest.mark.failure(29)
@pytest.mark.parametrize("kind", ["postgres", "file"])
async def test_a_thousand_slots_race_over_three_nodes_and_never_two_of_a_key_are_active(kind: str, tmp_path: Path) -> None:
    chance = random.Random(29)
    ids = IdMaker()
    numbers = itertools.count(1)

    def die(name: str) -> None:
        if name in ("after_gate_commit", "after_replace_commit") and chance.random() < 0.05:
            raise InjectedFault(name)

    async with stores(kind, tmp_path) as opened:
        over = asyncio.Event()
        nodes = [Node(store, random.Random(number)) for number, store in enumerate(opened)]

        async def fire(store: Store, turn: int) -> None:
            for _ in range(SLOTS // NODES // 10 + 1):
                runs = []
                for n in itertools.islice(numbers, min(10, SLOTS)):
                    if n > SLOTS:
                        break
                    task = f"t{chance.randrange(len(POLICIES))}"
                    overlap = parse_overlap(POLICIES[int(task[1:])])
                    runs.append(NewRun(
                        ids.make(n), task, overlap=overlap, is_asked=True, overlap_key=overlap_key(task, ""), max_retries=2,
                        delay=timedelta(milliseconds=chance.randrange(3)) if n % 5 == 0 else None,
                    ))  # fmt: skip
                await store.runs.add_many(runs)
                await asyncio.sleep(chance.random() * 0.02)

        set_fault(die)
        try:
            async with asyncio.TaskGroup() as group:
                for node in nodes:
                    group.create_task(node.work(over))
                await asyncio.gather(*(fire(store, turn) for turn, store in enumerate(opened)))
                while await opened[0].database.execute("select 1 from mainspring.hot_runs limit 1"):
                    await asyncio.sleep(0.02)
                over.set()
        finally:
            set_fault(None)

        ended = await opened[0].database.execute("select task, state, reason, blocked_by from mainspring.history")
        assert len(ended) == SLOTS, "every slot is accounted for"
        active: dict[str, set[str]] = {}
        changes = Counter[int]()
        for row in await opened[0].database.execute("select key, run, change from mainspring.activity order by n"):
            running = active.setdefault(row["key"], set())
            changes[row["change"]] += 1
            if row["change"] > 0:
                assert not running, f"{row['run']} was let go beside {running}"
                running.add(row["run"])
            else:
                running.remove(row["run"])
        assert not any(active.values())
        assert changes[1] == changes[-1] >= len(POLICIES)
        skipped = [row for row in ended if row["state"] == 14]
        assert len(skipped) + changes[1] == SLOTS, "who was not let go was skipped"
        assert {row["reason"] for row in skipped} == {Reason.PREVIOUS_RUNNING, Reason.QUEUE_FULL, Reason.REPLACED}
        assert all(row["blocked_by"] is not None for row in skipped)
