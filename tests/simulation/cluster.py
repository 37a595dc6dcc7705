"""Whole clusters on virtual time, hurt by a seed, and the laws that hold whatever happens.

``simulate(scenario, seed)`` runs nodes, clients and faults in one event loop. Everything that is left to chance (latencies, crashes, the
order of steps, ids, jitter) is drawn from the seed: the same seed gives the same history, line by line. A breach raises `Breach` with
the command that replays it and the end of the history.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mainspring import Context, Dedupe, Fail, Limit, Mainspring, Retention, Retry, Skip, Snooze, Task, current_run, every, task
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import AlreadyEnqueued, MainspringError, StoreUnavailable, TaskDisabled
from mainspring.core.ids import short
from mainspring.core.limit import Maximum, parse_rate
from mainspring.engine import loop as engine_loop
from mainspring.store.database import Row
from mainspring.testing.clock import START
from mainspring.testing.virtual import Place, PlaceDied, place
from tests.fleet import Fleet, Node, Weather

QUIET_WITHIN = 3600.0  # virtual seconds after the last fault within which every run must have ended
KEPT_FOR = 20.0  # seconds that retention lets runs of `brief` stay
# Seconds after a switch within which a node may still begin a body of the task: it looks every two, give or take its jitter, and the look
# takes its time.
SWITCHED_WITHIN = 3.0
TAIL = 60  # lines of history that a breach shows
POINTS = (
    "before_claim",
    "after_claim_commit",
    "child_before_call",
    "child_after_call",
    "before_finish",
    "after_finish_commit",
    "after_reap",
    "before_fire",
    "after_fire_commit",
    "after_gate_commit",
)


class Breach(AssertionError):
    """A law did not hold."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong, and how often. Rates are a minute of the whole cluster, parts of one where a call is meant."""

    crashes: float = 0.0
    crashes_at_points: float = 0.0  # part of the passes of a fault point
    hosts: float = 0.5  # part of the crashes in which the host goes too, so that only the lease can tell
    freezes: float = 0.0
    cuts: float = 0.0
    outages: float = 0.0  # of the database, for everybody
    restarts: float = 0.0  # orderly: stop with a drain, and a fresh node
    latency: float = 0.0
    refused: float = 0.0
    unanswered: float = 0.0
    lost_hints: float = 0.0
    stalls: float = 0.0
    clock_steps: float = 0.0

    @property
    def can_part(self) -> bool:
        """Whether a node may be cut off from its lease while its bodies go on; only then may two bodies of a run overlap."""
        return bool(self.freezes or self.cuts or self.outages or self.clock_steps)

    @property
    def can_deafen(self) -> bool:
        """Whether a node's looks at the store may fail or take long, so that nothing says how soon it sees a switch."""
        return bool(self.can_part or self.refused or self.unanswered or self.stalls)


@dataclass(frozen=True)
class Scenario:
    """A workload on some nodes for a while."""

    nodes: int = 3
    runs: int = 40
    seconds: float = 90.0
    faults: Faults = Faults()
    tasks: tuple[str, ...] = ("quick", "slow", "flaky", "talking", "parent", "snoozing", "skipping", "broken")
    cancels: float = 0.1  # part of the runs that somebody asks to stop
    keys: float = 0.1
    throws: float = 0.0  # times a minute that an operator sets a limit or throws a switch
    unrepeatable: bool = True
    ticks: bool = False  # two tasks with schedules
    settings: Mapping[str, Any] = field(default_factory=dict)


# -- the workload -----------------------------------------------------------------------------------------------------


@task(retry=Retry(retries=2, delay=1))
async def quick(n: int) -> int:
    with _body():
        return n * 2


@task(retry=Retry(retries=2, delay=1), timeout="3m")
async def slow(n: int) -> int:
    with _body():
        await asyncio.sleep(n % 40)
        return n * 2


@task(retry=Retry(retries=2, delay=2, factor=2))
async def flaky(ctx: Context, n: int) -> int:
    with _body():
        await asyncio.sleep(n % 10)
        if ctx.attempt <= n % 4:
            raise ValueError("not this time")
        return n * 2


@task(timeout="3m")
async def talking(ctx: Context, n: int) -> int:
    with _body():
        for step in range(n % 20):
            ctx.log(f"step {step}")
            ctx.progress(step, n % 20)
            await asyncio.sleep(0.5)
        return n * 2


@task
async def parent(n: int) -> int:
    with _body():
        await _now[-1].app_here().enqueue(quick.options(key=f"child {n}"), n=n)
        return n * 2


@task
async def snoozing(ctx: Context, n: int) -> int:
    with _body():
        if ctx.attempt == 1:
            raise Snooze(n % 10 + 1)
        return n * 2


@task
async def skipping(n: int) -> int:
    with _body():
        raise Skip("nothing to do")


@task
async def broken(n: int) -> int:
    with _body():
        raise Fail("never")


@task(repeatable=False, timeout="2m", retry=Retry(retries=0))
async def once(n: int) -> int:
    with _body():
        await asyncio.sleep(n % 15)
        return n * 2


@task(concurrency=2, retry=Retry(retries=2, delay=1))
async def narrow(ctx: Context, n: int) -> int:
    with _body():
        await asyncio.sleep(n % 5)
        if ctx.attempt <= n % 3:
            raise ValueError("not this time")
        return n * 2


@task(limit=Limit("letter:{n}", concurrency=1), concurrency=3)
async def lettered(n: int) -> int:
    with _body():
        await asyncio.sleep(n)
        return n * 2


@task(rate="30/m")
async def paced(n: int) -> int:
    with _body():
        return n * 2


@task(dedupe=Dedupe("job:{n}", "reject"))
async def sole(ctx: Context, n: int) -> int:
    with _body():
        await asyncio.sleep(n * 3)
        if ctx.attempt == 1:
            raise ValueError("not this time")
        return n * 2


@task(dedupe=Dedupe("once:{n}", "once"))
async def ever(n: int) -> int:
    with _body():
        return n * 2


@task
async def switched(n: int) -> int:
    with _body():
        await asyncio.sleep(n % 3)
        return n * 2


@task(retention=Retention(KEPT_FOR, others=KEPT_FOR))
async def brief(n: int) -> int:
    with _body():
        return n * 2


TASKS = {
    each.name: each
    for each in (
        quick, slow, flaky, talking, parent, snoozing, skipping, broken, once, narrow, lettered, paced, sole, ever, switched, brief,
    )
}  # fmt: skip


def ticking(seconds: float) -> dict[str, Task[..., Any]]:
    """Return tasks with schedules that end with a scenario: one whose runs may overlap, and one whose runs may not."""
    end = START + timedelta(seconds=seconds)

    @task(schedule=every("3s", misfire="all", end=end, params={"n": 4}), overlap="allow", retry=Retry(retries=2, delay=1))
    async def often(n: int) -> int:
        with _body():
            return n * 2

    @task(schedule=every("7s", end=end, params={"n": 9}), timeout="3m")
    async def seldom(n: int) -> int:
        with _body():
            await asyncio.sleep(n)
            return n * 2

    return {each.name: each for each in (often, seldom)}


FEW = {"lettered": 4, "sole": 4, "ever": 8}  # tasks whose keys are made of n, with how many of them there are
MAXIMA = {"task:narrow": Maximum(2), "task:lettered": Maximum(3), "task:paced": Maximum(rate=parse_rate("30/m"))}
LETTER = Maximum(1)


def keys_of(name: str, n: int) -> tuple[str, ...]:
    """Return the limits of a run, told from its task and parameter and not from what the store says of it."""
    return {"narrow": ("task:narrow",), "lettered": ("task:lettered", f"key::letter:{n}"), "paced": ("task:paced",)}.get(name, ())


_now: list[Simulation] = []


@contextmanager
def _body() -> Iterator[None]:
    """Tell the simulation that a body runs. A killed node tells nothing of its end."""
    context, simulation = current_run(), _now[-1]
    assert context is not None
    simulation.begun(context)
    try:
        yield
    finally:
        simulation.active.pop(context.claim_id, None)


# -- the simulation ---------------------------------------------------------------------------------------------------


class Simulation:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario, self.seed = scenario, seed
        self.chance = random.Random(seed)
        engine_loop.chance.seed(self.chance.random())
        self.fleet = Fleet(seed=seed)
        self.fleet.on_write, self.fleet.on_fault = self._written, self._passed
        self.tasks_of_nodes = {**TASKS, **(ticking(scenario.seconds) if scenario.ticks else {})}
        self.history: list[str] = []
        self.finals: dict[str, str] = {}
        self.holders: dict[str, tuple[str, str]] = {}  # run: claim and node
        self.attempts: dict[str, int] = defaultdict(int)
        self.bodies: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
        self.active: dict[str, tuple[str, Place]] = {}  # claims whose bodies run: of which run, and where
        self.acknowledged: dict[str, tuple[str, int]] = {}
        self.ready_at: dict[str, float] = {}  # acknowledged runs that may begin at once
        self.limited: dict[str, tuple[str, ...]] = {}  # the limits of every run that was claimed
        self.maxima: dict[str, int] = {key: most.concurrency for key, most in MAXIMA.items() if most.concurrency is not None}
        self.highest = dict(self.maxima)  # ever allowed: what was let go under it may still go
        self.starts: dict[str, list[int]] = defaultdict(list)  # of limits with a rate, by the store's clock
        self.off_since: float | None = None  # `switched` is disabled
        self.unfinished: dict[tuple[str, str], set[str]] = defaultdict(set)  # runs by task and key
        self.keys: dict[str, tuple[str, str]] = {}  # by run: what it was added with
        self.ended_at: dict[str, int] = {}  # by the store's clock
        self.pruned: set[str] = set()
        self.counts: dict[str, int] = defaultdict(int)  # of what shows that a law was put to the test
        self.born = 0
        self.is_over = False
        self.rescued = 0
        self.is_off = False  # as the operator wants `switched`; whether it is, the store says
        self.breaches: list[Breach] = []  # kept, for the engine survives whatever is raised inside of it

    # -- what is written down

    def say(self, line: str) -> None:
        self.history.append(f"{self.fleet.clock.monotonic():10.3f} {line}")

    def app_here(self) -> Mainspring:
        """Return the app of the node whose body asks."""
        where = place.get()
        assert where is not None
        return next(node.app for node in self.fleet.nodes if node.place is where)

    def begun(self, context: Context) -> None:
        where = place.get()
        assert where is not None
        if not self.scenario.faults.can_part:
            others = [at.name for run_id, at in self.active.values() if run_id == context.run_id and not at.is_dead]
            self.require(not others, f"{context.run_id} begins at {where.name} while it runs at {others}")
            bodies = {run_id for run_id, at in self.active.values() if not at.is_dead}
            for key in self.limited.get(context.run_id, ()):
                going = sum(key in self.limited[each] for each in bodies)
                most = self._highest(key)
                self.require(going < most, f"{context.run_id} begins beside {going} others of {key}, which allows {most}")
        if context.task == "switched" and self.off_since is not None and not self.scenario.faults.can_deafen:
            late = self.fleet.clock.monotonic() - self.off_since
            self.require(late <= SWITCHED_WITHIN, f"{context.run_id} begins {late:.1f} s after its task was disabled")
        self.active[context.claim_id] = (context.run_id, where)
        self.bodies[context.run_id].append((self.fleet.clock.monotonic(), where.name, context.claim_id))
        self.say(f"{where.name} begins {short(context.run_id)} attempt {context.attempt}")

    async def _written(self, node: str, query: str, values: dict[str, Any], rows: list[Row]) -> None:
        if query in ("runs_claim", "runs_take"):
            for row in rows:
                self._claimed(node, row[0], values["claim"], row[3])
                self._bound(row[0], row[1], json.loads(row[2])["n"])
        elif query.startswith("runs_add") or query == "dedupe_add":
            await self._added()
        elif query in ("runs_complete", "runs_settle"):
            claims = _claims_in(values["batch"])
            for row in rows:
                self._ended(node, query, row[0], claims[row[0]], 10 if query == "runs_complete" else row[1])
            refused = claims.keys() - {row[0] for row in rows}
            for run_id in sorted(refused):
                self.say(f"{node} is refused {query} of {short(run_id)}")
        elif query == "runs_stop":
            for run_id, state, _ in rows:
                if state != 4:
                    self._final(node, run_id, values["final"])
                self.say(f"{node} stops {short(run_id)} in state {state}")
        elif query == "runs_append":
            claims = _claims_in(values["batch"])
            for row in rows:
                self._holds(node, row[0], claims[row[0]], "append")
        elif query == "nodes_reap" and rows:
            self.say(f"{node} declares {len(rows)} dead")
        elif query == "limits_admit":
            await self._admitted(node, [row[1] for row in rows if row[0] == "run"])
        elif query == "limits_set":
            self._allowed(values["key"], json.loads(values["override"])["concurrency"])
        elif query in ("switches_set", "switches_clear"):
            is_off = query == "switches_set" and not values["is_enabled"]
            self.off_since = self.fleet.clock.monotonic() if is_off else None
            self.say(f"{node} {'disables' if is_off else 'enables'} {values['task']}")
        elif query == "retention_delete":
            self._deleted(node, [row[0] for row in rows])
        elif query == "schedules_fire":
            self._fired(node, json.loads(values["records"]), rows)
        elif query == "gates_ask":
            for row in rows:
                if row[0] == "skipped":
                    self._final(node, row[1], 14)
                    self.counts["overlaps"] += 1
        if rows and query in ("runs_add", "runs_promote", "runs_unblock", "runs_hold", "nodes_stop"):
            told = f"{query} {values['reason']}" if query == "runs_unblock" else query
            self.counts[told] += len(rows)
            self.say(f"{node} {told} {len(rows)}")

    def _fired(self, node: str, records: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> None:
        won = {row[1] for row in rows if row[0] == "schedule"}
        runs = [row[1] for row in rows if row[0] == "run"]
        for record in records:
            if str(record["schedule"]) in won:
                self._final(node, record["id"], 14)
                self.counts[record["reason"]] += 1
        self.counts["fired"] += len(runs)
        if won:
            self.say(f"{node} fires {', '.join(short(each) for each in runs)} and records {len(records)}")

    def _bound(self, run_id: str, name: str, n: int) -> None:
        """Look at the limits of a run that was just claimed. What is claimed only ever becomes more here, so every moment is looked at."""
        self.limited[run_id] = keys_of(name, n)
        for key in self.limited[run_id]:
            running = sum(key in self.limited[each] for each in self.holders)
            most = self._highest(key)
            self.require(running <= most, f"{running} runs of {key} are claimed, which allows {most}")
            self.counts["full"] += running == most
            if (known := MAXIMA.get(key)) is not None and (rate := known.rate) is not None:
                now, interval = self.fleet.clock.microseconds(), rate.interval.total_seconds() * 1_000_000
                self.starts[key].append(now)
                for back, then in enumerate(reversed(self.starts[key]), 1):
                    allowed = rate.burst + (now - then) / interval
                    is_good = back <= allowed + 1e-6 or bool(self.scenario.faults.clock_steps)
                    self.require(is_good, f"{back} runs of {key} were claimed in {(now - then) / 1e6:.3f} s, which allows {allowed:.2f}")

    def _highest(self, key: str) -> float:
        return self.highest.get(key, float("inf")) if key in MAXIMA else float(LETTER.concurrency or 0)

    def _allowed(self, key: str, most: int) -> None:
        self.maxima[key], self.highest[key] = most, max(most, self.highest[key])
        self.say(f"somebody sets {key} to {most}")

    async def _admitted(self, node: str, ids: Sequence[str]) -> None:
        """Look at the limits of runs that were just let go: with all that go already they are as many as is allowed now, at most."""
        if not ids:
            return
        self.say(f"{node} lets {', '.join(short(each) for each in sorted(ids))} go")
        self.counts["admitted"] += len(ids)
        going = await self.fleet.rows("select id, task, params from mainspring.hot_runs where state in (3, 4)")
        keys = {row["id"]: keys_of(row["task"], json.loads(row["params"])["n"]) for row in going}
        for key in sorted({key for each in ids for key in keys[each]}):
            running = sum(key in each for each in keys.values())
            most = self.maxima.get(key, float("inf")) if key in MAXIMA else LETTER.concurrency or 0
            self.require(running <= most, f"{node} lets {running} runs of {key} go, which allows {most}")

    async def _added(self) -> None:
        """Look at runs that were just added: where a key is theirs alone, all that had it have ended."""
        for row in await self.fleet.rows("select id, task, key from mainspring.hot_runs where key is not null order by id"):
            if row["id"] not in self.keys:
                key = self.keys[row["id"]] = (row["task"], row["key"])
                others = self.unfinished[key]
                self.require(not others, f"{row['id']} was added with the key {key} while {others} had it")
                if row["task"] == "ever":
                    earlier = [each for each, its in self.keys.items() if its == key and each != row["id"]]
                    self.require(not earlier, f"{row['id']} was added after {earlier}, although {key} is to run once")
                others.add(row["id"])

    def _deleted(self, node: str, ids: Sequence[str]) -> None:
        if ids:
            self.say(f"{node} prunes {', '.join(short(each) for each in sorted(ids))}")
        for run_id in ids:
            self.require(run_id in self.finals and run_id not in self.pruned, f"{run_id} was pruned, but it has not ended, or was before")
            age = (self.fleet.clock.microseconds() - self.ended_at[run_id]) / 1_000_000
            self.require(age >= KEPT_FOR or self.scenario.faults.clock_steps, f"{run_id} was pruned {age:.1f} s after its end")
            self.pruned.add(run_id)

    def _claimed(self, node: str, run_id: str, claim: str, attempt: int) -> None:
        self.say(f"{node} claims {short(run_id)} attempt {attempt}")
        self.require(run_id not in self.finals, f"{run_id} was claimed after its end")
        self.require(run_id not in self.holders, f"{run_id} was claimed while {self.holders.get(run_id)} held it")
        self.require(attempt == self.attempts[run_id] + 1, f"{run_id} went from attempt {self.attempts[run_id]} to {attempt}")
        self.attempts[run_id] = attempt
        self.holders[run_id] = (claim, node)

    def _holds(self, node: str, run_id: str, claim: str, what: str) -> None:
        held = self.holders.get(run_id)
        self.require(held is not None and held[0] == claim, f"{what} of {run_id} by {node} under {claim} was accepted, but {held} holds it")

    def _ended(self, node: str, query: str, run_id: str, claim: str, state: int) -> None:
        self._holds(node, run_id, claim, query)
        del self.holders[run_id]
        self.say(f"{node} {query} {short(run_id)} to {state}")
        if state >= 10:
            self._final(node, run_id, state)

    def _final(self, node: str, run_id: str, state: int) -> None:
        self.require(run_id not in self.finals, f"{run_id} ended twice: {self.finals.get(run_id)} and {state} by {node}")
        self.finals[run_id] = f"{state} by {node}"
        self.ended_at[run_id] = self.fleet.clock.microseconds()
        if run_id in self.keys:
            self.unfinished[self.keys[run_id]].discard(run_id)

    def require(self, holds: object, what: str) -> None:
        if not holds:
            tail = "\n".join(self.history[-TAIL:])
            self.breaches.append(Breach(f"{what}\nreplay it with: make sim SEED={self.seed}\n{tail}"))
            raise self.breaches[-1]

    # -- what goes wrong

    def _passed(self, point: str) -> None:
        where = place.get()
        if where is None or where.is_dead or self.is_over or point not in POINTS:
            return
        if self.chance.random() < self.scenario.faults.crashes_at_points:
            node = next(node for node in self.fleet.nodes if node.place is where)
            self._crash(node, f"at {point}")
            raise PlaceDied(point)

    def _crash(self, node: Node, why: str) -> None:
        host_stays = self.chance.random() >= self.scenario.faults.hosts
        self.say(f"{node.name} dies {why}{'' if host_stays else ', and its host'}")
        node.crash(host_stays=host_stays)
        asyncio.get_running_loop().call_later(self.chance.uniform(0.5, 10), self._replace, context=self.fleet.server)

    def _replace(self) -> None:
        if not self.is_over:
            self._own(self._start_node())

    def _own(self, work: Any) -> asyncio.Task[Any]:
        """Begin something that belongs to no node, and whose errors are this simulation's."""
        begun = self.fleet.loop.create_task(work, context=self.fleet.server.copy())
        self.tasks.append(begun)
        return begun

    async def _start_node(self) -> None:
        while True:
            self.born += 1
            name = f"node-{self.born}"
            try:
                node = await self.fleet.node(
                    name, self.tasks_of_nodes.values(), drives=True, host=name if self.born % 3 else "shared", **self.scenario.settings
                )
            except StoreUnavailable:
                self.fleet.loop.kill(next(node.place for node in self.fleet.nodes if node.name == name))
                await asyncio.sleep(1)
            except PlaceDied:
                return  # it did not live to see its first round; another takes its place
            else:
                self.say(f"{node.name} lives as {short(node.id)}")
                return

    @property
    def waits(self) -> list[float]:
        """How long runs that could begin at once have waited for their first body, the longest last."""
        return sorted(self.bodies[run_id][0][0] - at for run_id, at in self.ready_at.items() if run_id in self.bodies)

    @property
    def living(self) -> list[Node]:
        return [node for node in self.fleet.nodes if node.lives]

    async def _now_and_then(self, rate: float, hurt: Callable[[], Any]) -> None:
        while rate and not self.is_over:
            await asyncio.sleep(self.chance.expovariate(rate / 60))
            if not self.is_over:
                hurt()

    def _any_crashes(self) -> None:
        if self.living:
            self._crash(self.chance.choice(self.living), "between two steps")

    def _any_freezes(self) -> None:
        if self.living:
            node, seconds = self.chance.choice(self.living), self.chance.choice((1, 5, 20, 100, 200))
            self.say(f"{node.name} freezes for {seconds} s")
            node.freeze()
            asyncio.get_running_loop().call_later(seconds, self._thaw, node)

    def _thaw(self, node: Node) -> None:
        if node.place.is_frozen and not node.place.is_dead:
            self.say(f"{node.name} thaws")
            node.thaw()

    def _any_is_cut(self) -> None:
        if self.living:
            node, seconds = self.chance.choice(self.living), self.chance.choice((2, 15, 40, 90, 150))
            self.say(f"{node.name} is cut off for {seconds} s")
            node.line.is_cut = True
            asyncio.get_running_loop().call_later(seconds, self._mend, [node])

    def _database_goes(self) -> None:
        seconds = self.chance.choice((3, 20, 70, 150))
        self.say(f"the database is gone for {seconds} s")
        for node in self.fleet.nodes:
            node.line.is_cut = True
        asyncio.get_running_loop().call_later(seconds, self._mend, list(self.fleet.nodes))

    def _mend(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            node.line.is_cut = False
        self.say(f"{len(nodes)} lines are whole again")

    def _any_restarts(self) -> None:
        if len(self.living) > 1:
            node = self.chance.choice(self.living)
            self.say(f"{node.name} is asked to stop")
            node.is_leaving = True
            self._own(self._restart(node))

    async def _restart(self, node: Node) -> None:
        stopping = node.spawn(node.runner.stop(self.chance.choice((0.0, 1.0, 25.0))))
        while not stopping.done() and not node.place.is_dead:
            await asyncio.wait([stopping], timeout=1)
        if not node.place.is_dead:
            await stopping
            self.say(f"{node.name} has stopped")
            self.fleet.loop.kill(node.place)
        if not self.is_over:
            await self._start_node()

    def _clock_steps(self) -> None:
        step = self.chance.uniform(-60, 60)
        self.say(f"the store's clock steps by {step:.0f} s")
        self.fleet.clock.step(step)

    def _operator_acts(self) -> None:
        if self.chance.random() < 0.5:
            self._own(self._set_limit(self.chance.choice((1, 2, 4))))
        else:
            self._own(self._throw(not self.is_off))

    async def _set_limit(self, most: int) -> None:
        with suppress(StoreUnavailable):
            store = await self.operator.store()
            await store.limits.set("task:narrow", {"concurrency": most}, actor="somebody")
            await self.operator.limits_changed("task:narrow")

    async def _throw(self, is_off: bool) -> None:
        self.is_off = is_off
        with suppress(StoreUnavailable):
            await self.operator.switch("switched", not is_off)

    # -- the clients

    async def _client(self, number: int, runs: int) -> None:
        scenario, chance = self.scenario, self.chance
        app = await self.fleet.client(TASKS.values(), f"client-{number}")
        names = [*scenario.tasks, *(["once"] if scenario.unrepeatable else [])]
        for _ in range(runs):
            await asyncio.sleep(chance.expovariate(runs / scenario.seconds))
            chosen, n = TASKS[chance.choice(names)], chance.randrange(1000)
            n %= FEW.get(chosen.name, 1000)
            bound = chosen.options(
                priority=chance.choice(("critical", "medium", "background")),
                delay=chance.choice((None, None, None, 0.5, 10)),
                key=f"key {n % 5}" if chance.random() < scenario.keys else None,
            )
            try:
                handle = await app.enqueue(bound, n=n)
            except (StoreUnavailable, AlreadyEnqueued, TaskDisabled) as error:
                self.counts[error.code] += 1
                continue  # nobody was promised anything
            if handle.is_new:
                self.acknowledged[handle.id] = (chosen.name, n)
                if bound.call.delay is None:
                    self.ready_at[handle.id] = self.fleet.clock.monotonic()
            if chance.random() < scenario.cancels:
                self._own(self._cancel(app, handle.id, chance.uniform(0, 20)))

    async def _cancel(self, app: Mainspring, run_id: str, wait: float) -> None:
        await asyncio.sleep(wait)
        for _ in range(20):
            try:
                answer = await app.cancel(run_id)
            except MainspringError:
                await asyncio.sleep(1)
            else:
                self.say(f"somebody cancels {short(run_id)}: {answer}")
                return

    # -- all of it

    async def run(self) -> None:
        """Start, hurt, heal, wait, and check."""
        self.tasks: list[asyncio.Task[Any]] = []
        faults, scenario = self.scenario.faults, self.scenario
        for _ in range(scenario.nodes):
            await self._start_node()
        self.fleet.weather.__dict__.update(
            vars(Weather(self.chance, faults.latency, faults.refused, faults.unanswered, faults.lost_hints, faults.stalls))
        )
        hurts = [
            (faults.crashes, self._any_crashes), (faults.freezes, self._any_freezes), (faults.cuts, self._any_is_cut),
            (faults.outages, self._database_goes), (faults.restarts, self._any_restarts), (faults.clock_steps, self._clock_steps),
        ]  # fmt: skip
        self.operator = await self.fleet.client(TASKS.values(), "operator")
        hurts.append((scenario.throws, self._operator_acts))
        clients = [self._own(self._client(number, scenario.runs // 2)) for number in range(2)]
        for rate, hurt in hurts:
            self._own(self._now_and_then(rate, hurt))
        await asyncio.gather(*clients)
        await self._heal()
        await self._until_quiet()
        await self._check()

    async def _heal(self) -> None:
        self.is_over = True
        self.say("everything heals")
        calm = Weather(self.chance)
        self.fleet.weather.__dict__.update(vars(calm))
        for node in self.fleet.nodes:
            node.line.is_cut = False
            self._thaw(node)
        if not self.living:
            await self._start_node()
        if self.scenario.throws:
            await self._throw(False)

    async def _until_quiet(self) -> None:
        end = self.fleet.clock.monotonic() + QUIET_WITHIN
        while await self.fleet.rows("select 1 from mainspring.hot_runs limit 1"):
            self._look_for_errors()
            if self.fleet.clock.monotonic() > end:
                left = await self.fleet.rows("select id, task, state, reason, node_id, attempt from mainspring.hot_runs")
                self.require(False, f"{len(left)} runs never ended: {left[:5]}")
            await asyncio.sleep(5)
        await asyncio.sleep(10)
        self._look_for_errors()

    def _look_for_errors(self) -> None:
        if self.breaches:
            raise self.breaches[0]
        self.require(not self.fleet.problems, f"errors that nobody took: {self.fleet.problems}")
        for begun in self.tasks:
            if begun.done() and not begun.cancelled() and (error := begun.exception()) is not None and not isinstance(error, PlaceDied):
                raise error

    # -- the laws

    async def _check(self) -> None:
        await self._check_slots()
        rows = await self.fleet.rows("select id, state from mainspring.history")
        kept = {row["id"] for row in rows}
        self.require(len(rows) == len(kept), "a run is in history twice")
        self.require(not kept & self.pruned, f"what was pruned is there: {kept & self.pruned}")
        self.require(kept | self.pruned == self.finals.keys(), f"what ended is not what is kept: {kept ^ self.finals.keys() ^ self.pruned}")
        forever = {id_ for id_ in self.pruned if self.acknowledged.get(id_, ("brief", 0))[0] != "brief"}
        self.require(not forever, f"retention took what it was to leave: {forever}")
        counted = await self.fleet.rows("select sum(n) as n from mainspring.stats where state >= 10")
        self.require(int(counted[0]["n"] or 0) == len(self.finals), f"{len(self.finals)} runs ended, but {counted[0]['n']} were counted")
        lost = self.acknowledged.keys() - kept - self.pruned
        self.require(not lost, f"acknowledged runs are gone: {lost}")
        running = await self.fleet.rows("select 1 from mainspring.hot_runs")
        self.require(not running, "the hot table is not empty")
        for run_id in sorted(kept):
            await self._check_run(run_id)
        for node in self.living:
            self.require(node.worker.in_hand == 0, f"{node.name} still holds runs: {node.worker.runs_in_hand()}")
            self.require(node.worker.recorder.is_idle, f"{node.name} still has something to write")
        self.rescued = sum(node.runner.rescuer.rescued for node in self.fleet.nodes)

    async def _check_slots(self) -> None:
        """Every slot has one row, a run or the record of why there is none."""
        schedules = await self.fleet.rows("select id, name, cursor_at from mainspring.schedules")
        for schedule in schedules:
            definition = self.tasks_of_nodes[schedule["name"]].spec.schedules[0]
            rows = await self.fleet.rows(f"select slot_at from mainspring.history where schedule_id = {schedule['id']}")
            time_of = self.fleet.database.from_time
            slots = sorted(slot for row in rows if (slot := time_of(row["slot_at"])) is not None)
            cursor = time_of(schedule["cursor_at"])
            assert cursor is not None
            expected = list(definition.slots_between(START, cursor, 10_000))
            self.require(
                slots == expected, f"slots of {schedule['name']}: {set(slots) ^ set(expected)} of {len(expected)}, {len(slots)} rows"
            )
            ends = definition.next_slot(cursor)
            self.require(ends is None, f"slots of {schedule['name']} from {ends} on are not accounted for")

    async def _check_run(self, run_id: str) -> None:
        store = self.fleet.store
        run = await store.runs.get(run_id, scope=EVERYTHING)
        events = await store.events.after(run_id, scope=EVERYTHING)
        while events and not events[-1].kind.is_final and (more := await store.events.after(run_id, events[-1].seq, scope=EVERYTHING)):
            events += more
        kinds = [event.kind.value for event in events]
        self.require([event.seq for event in events] == list(range(1, len(events) + 1)), f"{run_id} has gaps: {kinds}")
        self.require(bool(events) and events[-1].kind.is_final, f"the last event of {run_id} is not its end: {kinds}")
        self.require(sum(event.kind.is_final for event in events) == 1, f"{run_id} ends more than once: {kinds}")
        self.require(run.seq == len(events), f"{run_id} counts {run.seq} events, but has {len(events)}")
        tries = await store.runs.attempts(run_id, scope=EVERYTHING)
        if run.attempt:
            numbers = [each.number for each in tries]
            self.require(numbers == list(range(1, run.attempt + 1)), f"{run_id} has {run.attempt} attempts, but rows for {numbers}")
        self.require(run.attempt == self.attempts[run_id], f"{run_id} was claimed {self.attempts[run_id]} times, but counts {run.attempt}")
        self.require(run.retries <= run.max_retries, f"{run_id} was retried {run.retries} times")
        self.require(run.rescues <= 3, f"{run_id} was rescued {run.rescues} times")
        starts = self.bodies[run_id]
        self.require(len(starts) <= run.attempt, f"{run_id} began {len(starts)} times in {run.attempt} attempts")
        self.require(len({claim for _, _, claim in starts}) == len(starts), f"a claim of {run_id} began twice")
        n = json.loads(run.params)["n"]
        if run.state == "completed":
            self.require(run.result == str(n * 2), f"{run_id} {run.task}({n}) gave {run.result}")
            self.require(starts, f"{run_id} completed without a body")
        if run.task == "once":
            # A release before the body began is no repetition.
            self.require(len(starts) <= 1, f"{run_id} must not be repeated, but began {len(starts)} times")
        ends = {
            "quick": {"completed"}, "slow": {"completed", "timeout"}, "talking": {"completed", "timeout"}, "parent": {"completed"},
            "snoozing": {"completed"}, "skipping": {"skipped"}, "broken": {"failed"}, "flaky": {"completed", "failed"},
            "once": {"completed", "failed", "timeout"}, "narrow": {"completed"}, "lettered": {"completed"}, "paced": {"completed"},
            "sole": {"completed"}, "ever": {"completed"}, "switched": {"completed"}, "brief": {"completed"},
            "often": {"completed", "skipped"}, "seldom": {"completed", "skipped", "timeout"},
        }[run.task] | {"cancelled"}  # fmt: skip
        lost_for_good = run.state == "failed" and run.reason == "lost" and run.rescues == 3
        self.require(run.state in ends or lost_for_good, f"{run_id} {run.task}({n}) ended {run.state} ({run.reason}): {run.error}")


def _claims_in(batch: str) -> dict[str, str]:
    """Return the claims that a batch of writes names, by run; rows of it are objects or lists."""
    rows = json.loads(batch)
    return {row["id"]: row["claim"] for row in rows} if not rows or isinstance(rows[0], dict) else {row[0]: row[1] for row in rows}


def simulate(scenario: Scenario, seed: int) -> Simulation:
    """Run a scenario with a seed; raises `Breach`."""
    simulation = Simulation(scenario, seed)
    _now.append(simulation)
    try:
        simulation.fleet.loop.run_until_complete(simulation.run())
    finally:
        simulation.is_over = True
        _now.pop()
        simulation.fleet.close()
    return simulation
