"""Months of schedules on several nodes, hurt by a seed, in which every slot must be accounted for exactly once.

``simulate(Span(days=365), seed)`` plays a year: nodes die, freeze and come back, the database's clock jumps, releases with other schedules
roll out beside older ones, and operators do what operators do. A year of every loop's rounds would take a day, so nodes are ticked by hand:
time goes from one moment when something is due to the next, and there all living nodes do their rounds at once, statement by statement in
any order. What a scheduler writes is held against the laws in the very moment of its commit, and once more at the end, from the rows and
notices alone. Everything left to chance is drawn from the seed. A breach raises `Breach` with the command that replays it.
"""

from __future__ import annotations

import asyncio
import json
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from mainspring import Mainspring, Misfire, Schedule, Task, at, cron, every, task, when
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import Conflict, StoreUnavailable
from mainspring.core.firing import Firing, account
from mainspring.core.schedule import MisfirePolicy, ScheduleKind
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.engine import loop as engine_loop
from mainspring.engine import scheduler as engine_scheduler
from mainspring.engine.scheduler import JUMP
from mainspring.store import schedules as store_schedules
from mainspring.store.database import Row
from mainspring.store.schedules import ScheduleStore
from mainspring.testing.clock import START
from mainspring.testing.virtual import PlaceDied, place
from tests.fleet import Fleet, Node
from tests.simulation.cluster import Breach

MICROSECOND = timedelta(microseconds=1)
TOLERANCE = timedelta(seconds=120)  # after so long nothing that is due may be left
TAIL = 60  # lines of history that a breach shows
MOST_ROUNDS = 60  # rounds of one loop at one moment, until it wants to rest
SILENT = {"maintenance", "task_disabled"}  # reasons of slots that would have fired
UNMADE = {"missed", "dropped", "paused"}  # … and of those that would not
SKIPPED = 14  # the state's code in the store
DAY = 86_400.0
POINTS = (
    "before_fire", "after_fire_commit", "after_ask", "after_gate_commit", "before_claim", "after_claim_commit", "before_finish",
    "after_finish_commit",
)  # fmt: skip
ONE_SHOT = START + timedelta(days=17, hours=5)


@dataclass(frozen=True)
class Span:
    """How long, on how many nodes, and what goes wrong: rates are of a day of the whole cluster, parts of one where a point is meant."""

    days: float = 30.0
    nodes: int = 3
    kills: float = 0.5
    kills_at_points: float = 0.004
    hosts: float = 0.5  # part of the kills in which the host goes too, so that only the lease can tell
    freezes: float = 0.3
    outages: float = 0.08  # the whole cluster is down: for minutes, hours, or days
    clock_steps: float = 0.15
    deploys: float = 0.2
    acts: float = 1.5  # of operators
    latency: float = 0.02
    points: tuple[str, ...] = POINTS


CALM = Span(kills=0.0, kills_at_points=0.0, freezes=0.0, outages=0.0, clock_steps=0.0, deploys=0.0, acts=0.0)

# -- the code, release by release -----------------------------------------------------------------------------------------

_now: list[Calendar] = []


async def is_wanted() -> bool:
    """The predicate: as the time of day says, so that who checks can tell."""
    return _now[-1].answers_yes()


def _task(name: str, seconds: float, schedule: Schedule | list[Schedule], **options: Any) -> Task[..., None]:
    @task(name=name, schedule=schedule, timeout="2h", **options)
    async def body() -> None:
        if seconds:
            await asyncio.sleep(seconds)

    return body


def release(number: int) -> list[Task[..., Any]]:
    """Return the tasks of a release. From one to the next a schedule changes, and one comes and goes."""
    hours = ("0 */2 * * *", "30 */2 * * *", "0 */3 * * *")[number % 3]
    tasks = [
        _task("nightly", 91, cron("0 0 * * *", misfire="once")),
        _task("changing", 0, cron(hours, misfire="skip", tz="Europe/Berlin"), overlap="allow"),
        _task("summer", 0, [cron("30 2 * * *", tz="Europe/Berlin", name="gap"), cron("*/30 2-3 * * 0", tz="Europe/Berlin", name="fold")]),
        _task("office", 1500, cron("*/20 15-16 * * MON-FRI", tz="America/New_York")),
        _task("patient", 700, every("97m", misfire=Misfire("all", most=3), grace="8h"), overlap="queue:3"),
        _task("replaced", 4000, every("11h", misfire="all"), overlap="replace"),
        _task("spread", 0, every("5h", jitter="40m", misfire=Misfire("all", most=2)), overlap="allow"),
        _task("window", 0, cron("0 0 * * *", window="01:00-05:00", tz="Australia/Lord_Howe")),
        _task("monthly", 0, [cron("0 12 31 * *", name="last"), cron("0 0 L * *", name="end"), cron("0 6 * * 5#2", name="second-friday")]),
        _task("asked", 0, when(is_wanted, every="4h"), overlap="allow"),
        _task("shot", 0, at(ONE_SHOT)),
    ]
    if number % 3 != 1:
        tasks.append(_task("legacy", 0, cron("15 */6 * * *", misfire=Misfire("all", most=5)), overlap="allow"))
    return tasks


# -- what the laws know -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A definition that holds for the slots after ``since``."""

    since: datetime
    schedule: Schedule
    is_on: bool

    @property
    def has_slots(self) -> bool:
        return self.is_on and self.schedule.kind is not ScheduleKind.MANUAL


class Account:
    """What the laws know of one schedule: which definitions held when, and how far its slots are accounted for."""

    def __init__(self, id_: int, name: str, cursor: datetime, schedule: Schedule) -> None:
        self.id, self.name, self.cursor = id_, name, cursor
        self.code: Schedule | None = schedule
        self.history = [Held(cursor, schedule, schedule.is_enabled)]
        self.asks: datetime | None = None
        self.answered: dict[datetime, str] = {}  # a predicate's slots: what became of the question

    @property
    def held(self) -> Held:
        return self.history[-1]

    def slots(self, until: datetime) -> list[datetime]:
        """Return all slots up to a time, each by the definition that held."""
        found: list[datetime] = []
        for held, after in zip(self.history, [*self.history[1:], None], strict=True):
            if held.has_slots:
                end = until if after is None else min(after.since, until)
                found += held.schedule.slots_between(held.since, end, 10**7)
        return found


class Calendar:
    """One run of a span."""

    def __init__(self, span: Span, seed: int) -> None:
        self.span, self.seed = span, seed
        self.chance = random.Random(seed)
        engine_loop.chance.seed(self.chance.random())
        self.fleet = Fleet(seed=seed)
        self.fleet.weather.latency = span.latency
        self.fleet.weather.chance = random.Random(self.chance.random())
        self.fleet.on_write, self.fleet.on_fault = self._written, self._passed
        self.history: list[str] = []
        self.counts: Counter[str] = Counter()
        self.accounts: dict[int, Account] = {}
        self.decided: dict[tuple[int, datetime], set[tuple[datetime, timedelta]]] = defaultdict(set)  # when, and how late was on time then
        self.skips: set[tuple[int, datetime]] = set()  # slots that operators wanted left out
        self.release, self.born = 0, 0
        self.is_over = False
        self.down_until: float | None = None
        self.breaches: list[Breach] = []
        self.client: Mainspring
        self.owned: list[asyncio.Task[Any]] = []
        self.tasks = {number: release(number) for number in range(3)}
        self.steps = 0
        self.hurt_at = 0.0  # when somebody died or froze last

    # -- what is written down

    def say(self, line: str) -> None:
        self.history.append(f"{self.fleet.clock.now():%m-%d %H:%M:%S} {line}")

    def require(self, holds: object, what: str) -> None:
        if not holds:
            tail = "\n".join(self.history[-TAIL:])
            self.breaches.append(
                Breach(f"{what}\nreplay it with: make sim SEED={self.seed} DAYS={self.span.days:g}\n{tail}")
            )  # fmt: skip
            raise self.breaches[-1]

    def answers_yes(self) -> bool:
        self.counts["asked"] += 1
        return self.fleet.clock.now().hour % 8 < 4

    def look(self, record: ScheduleRecord, now: datetime, tolerance: timedelta, **options: Any) -> Firing:
        """Stand before `account`: remember by which time a look decided, for what it decided may be written much later."""
        self.decided[record.id, record.cursor_at].add((now, tolerance))
        self.counts["made ready"] += now > self.fleet.clock.now()
        return account(record, now, tolerance, **options)

    async def _written(self, node: str, query: str, values: Mapping[str, Any], rows: Sequence[Row]) -> None:
        if query == "schedules_declare":
            await self._declared(values)
        elif query == "schedules_fire":
            await self._fired(node, values, rows)
        elif query == "schedules_skip" and rows and values["slot"] is not None:
            self.skips.add((values["id"], self._time(values["slot"])))
        elif query == "gates_ask":
            await self._asked()
        elif query == "nodes_reap" and rows:
            self.say(f"{node} declares {len(rows)} dead")

    def _time(self, value: int) -> datetime:
        moment = self.fleet.database.from_time(value)
        assert moment is not None
        return moment

    async def _declared(self, values: Mapping[str, Any]) -> None:
        said = {each["name"]: Schedule.load(json.loads(each["code"])) for each in json.loads(values["batch"])}
        for row in await self.fleet.rows("select id, name, cursor_at from mainspring.schedules"):
            if row["id"] not in self.accounts:
                self.accounts[row["id"]] = Account(row["id"], row["name"], self._time(row["cursor_at"]), said[row["name"]])
                self.say(f"{row['name']} is new")

    async def _fired(self, node: str, values: Mapping[str, Any], rows: Sequence[Row]) -> None:
        """Hold one commit of a scheduler, or of somebody who changes a definition, against the laws."""
        won = {int(id_) for what, id_ in rows if what == "schedule"}
        added = {id_ for what, id_ in rows if what == "run"}
        runs: dict[int, list[datetime]] = defaultdict(list)
        for schedule, slot_at, run_id, *_ in json.loads(values["runs"]):
            if schedule in won:
                self.require(run_id in added, f"the run of slot {self._time(slot_at)} was there already")
                runs[schedule].append(self._time(slot_at))
        records: dict[int, list[tuple[datetime, str, dict[str, Any]]]] = defaultdict(list)
        for each in json.loads(values["records"]):
            if each["schedule"] in won:
                records[each["schedule"]].append((self._time(each["slot_at"]), each["reason"], json.loads(each["meta"] or "{}")))
        for each in json.loads(values["batch"]):
            if each["id"] not in won:
                self.counts["lost races"] += 1
                continue
            book = self.accounts[each["id"]]
            if each.get("answers") is not None:
                slot = self._time(each["answers"])
                self.require(book.asks == slot, f"{node} answers about slot {slot} of {book.name}, but the open question is {book.asks}")
                self.require(runs[book.id] in ([], [slot]), f"the answer about {slot} of {book.name} fires {runs[book.id]}")
                book.asks, book.answered[slot] = None, "run" if runs[book.id] else "no"
                continue
            self._accounted(node, book, each, sorted(runs[book.id]), records[book.id])

    def _accounted(
        self, node: str, book: Account, entry: Mapping[str, Any], runs: list[datetime], records: list[tuple[datetime, str, dict[str, Any]]]
    ) -> None:
        was, cursor = self._time(entry["was"]), self._time(entry["cursor"])
        told = f"{book.name} by {node}, slots after {was} up to {cursor}"
        self.require(was == book.cursor, f"{told}: they were accounted for up to {book.cursor}")
        self.require(cursor >= was, f"{told}: it goes back")
        late = [each for each in records if each[2].get("asked")]  # of a question that nobody has answered
        for slot, reason, _ in late:
            self.require(
                slot == book.asks and reason == "missed", f"{told}: gives up the question about {slot}, the open one is {book.asks}"
            )
            book.asks, book.answered[slot] = None, "given up"
            self.counts["given up"] += 1
        records = [each for each in records if not each[2].get("asked")]
        expected = list(book.held.schedule.slots_between(was, cursor, 10**7)) if book.held.has_slots else []
        asks = [] if entry.get("asks") is None else [self._time(entry["asks"])]
        singles = {slot: reason for slot, reason, meta in records if "slots" not in meta}
        self.require(len(singles) == sum("slots" not in meta for _, _, meta in records), f"{told}: a slot has two records")
        told_one_by_one = [*runs, *singles, *asks]
        summed: list[datetime] = []
        for _, reason, meta in records:
            if "slots" in meta:
                first, last = (datetime.fromisoformat(meta[key]) for key in ("from", "until"))
                these = [slot for slot in expected if first <= slot <= last and slot not in told_one_by_one]
                self.require(len(these) == meta["slots"] and reason in UNMADE, f"{told}: {meta} stands for {len(these)} slots, {reason}")
                summed += these
                self.counts["summed"] += meta["slots"]
        found = sorted([*told_one_by_one, *summed])
        self.require(found == expected, f"{told}: {expected} are due, {found} are accounted for: {runs=} {records=} {asks=}")
        if book.held.schedule.kind is not ScheduleKind.WHEN:
            self._judge(told, book, was, cursor, expected, runs, singles)
        elif asks:
            book.asks = asks[0]
        book.cursor = cursor
        self.counts["runs"] += len(runs)
        self.counts.update(singles.values())
        if entry.get("changes"):
            self._changed(book, entry, cursor)

    def _judge(
        self, told: str, book: Account, was: datetime, cursor: datetime, expected: list[datetime], runs: list[datetime],
        singles: Mapping[datetime, str],
    ) -> None:  # fmt: skip
        """Hold the verdicts against the misfire policy, which is written down here once more, otherwise than in the engine."""
        if not expected:
            return
        looks = self.decided.get((book.id, was), set())
        schedule, left_out = book.held.schedule, {slot for slot, reason in singles.items() if reason == "skipped_by_operator"}
        wanted = {schedule.next_slot(slot - MICROSECOND) for id_, slot in self.skips if id_ == book.id}  # by what holds now
        self.require(left_out <= wanted, f"{told}: nobody wanted {left_out} left out")
        fired = {*runs, *(slot for slot, reason in singles.items() if reason in SILENT)}
        slots = [slot for slot in expected if slot not in left_out]
        could = [_would_fire(schedule, book.name, slots, expected[-1], now, tolerance) for now, tolerance in looks]
        paused = {slot for slot, reason in singles.items() if reason == "paused"}
        self.require(
            any(fired == chosen or (fired < chosen and chosen - fired <= paused) for chosen in could),
            f"{told}: {sorted(fired)} fired (or would have), but by {schedule.misfire} of {sorted(looks)} it was {could}",
        )  # fmt: skip
        self.require(set(singles.values()) <= SILENT | UNMADE | {"skipped_by_operator"}, f"{told}: reasons {singles}")

    def _changed(self, book: Account, entry: Mapping[str, Any], cursor: datetime) -> None:
        code, override = (None if entry.get(key) is None else Schedule.load(json.loads(entry[key])) for key in ("code", "override"))
        held = override or code
        assert held is not None
        book.code = code
        book.history.append(Held(cursor, held, held.is_enabled if entry.get("is_enabled") is None else entry["is_enabled"]))
        self.counts["changes"] += 1
        self.say(f"{book.name} is {held.expression} now{'' if book.held.is_on else ', off'}{'' if override is None else ', overridden'}")

    async def _asked(self) -> None:
        """Look at the gates: of tasks whose runs must not overlap one is past them at the most."""
        found = await self.fleet.rows(
            "select overlap_key as key, count(*) as n from mainspring.hot_runs where gate = 0 and overlap in (1, 2, 3) group by 1 "
            "having count(*) > 1"
        )
        self.require(not found, f"runs that must not overlap are let through together: {[dict(row) for row in found]}")

    # -- what goes wrong

    def _passed(self, point: str) -> None:
        where = place.get()
        if where is None or where.is_dead or self.is_over or point not in self.span.points:
            return
        if self.chance.random() < self.span.kills_at_points:
            self._kill(next(node for node in self.fleet.nodes if node.place is where), f"at {point}")
            raise PlaceDied(point)

    def _kill(self, node: Node, why: str) -> None:
        host_stays = self.chance.random() >= self.span.hosts
        self.say(f"{node.name} dies {why}{'' if host_stays else ', and its host'}")
        self.counts["kills"] += 1
        self.hurt_at = self.fleet.clock.monotonic()
        node.crash(host_stays=host_stays)
        if node.line in self.fleet.lines:
            self.fleet.lines.remove(node.line)
        if self.down_until is None:
            self.fleet.loop.call_later(self.chance.choice((1, 20, 100, 1000, 20_000)), self._replace, context=self.fleet.server)

    def _replace(self) -> None:
        if not self.is_over and len(self.living) < self.span.nodes:
            self._own(self._start())

    def _own(self, work: Any) -> None:
        """Begin something that belongs to no node."""
        self.owned = [each for each in self.owned if not each.done()]
        self.owned.append(self.fleet.loop.create_task(work, context=self.fleet.server.copy()))

    @property
    def living(self) -> list[Node]:
        return [node for node in self.fleet.nodes if node.lives]

    async def _start(self, number: int | None = None) -> None:
        self.born += 1
        name = f"node-{self.born}"
        # Now and then a node comes back with the release before.
        chosen = number if number is not None else max(self.release - (self.chance.random() < 0.15), 0)
        host = name if self.born % 3 else "shared"
        with suppress(PlaceDied, StoreUnavailable):
            node = await self.fleet.node(name, self.tasks[chosen % 3], host=host)
            opened = node.app._opening.now
            assert opened is not None
            opened.bus_task.cancel()  # nobody waits for a run here, and its rounds would be most of what happens in a year
            self.say(f"{node.name} lives, release {chosen}")

    async def _now_and_then(self, rate: float, hurt: Callable[[], Awaitable[None]]) -> None:
        while rate and not self.is_over:
            await asyncio.sleep(self.chance.expovariate(rate / DAY))
            if self._is_up():
                with suppress(Conflict, PlaceDied):
                    await hurt()

    def _is_up(self) -> bool:
        return not self.is_over and self.down_until is None

    async def _any_dies(self) -> None:
        if self.living:
            self._kill(self.chance.choice(self.living), "between two steps")

    async def _any_freezes(self) -> None:
        """Stop a node for a while; mostly in the middle of a round, so that it goes on with what it has read."""
        if self.living:
            node, seconds = self.chance.choice(self.living), self.chance.choice((5.0, 100.0, 3000.0, 9000.0))
            self.fleet.weather.latency = self.span.latency
            round_ = node.spawn(self._turn(node, ("scheduler",)))
            await asyncio.wait([round_], timeout=self.chance.uniform(0, 4 * self.span.latency))
            if node.place.is_dead:
                return
            self.say(f"{node.name} freezes for {seconds:g} s{'' if round_.done() else ' in the middle of a round'}")
            self.counts["frozen in a round"] += not round_.done()
            node.freeze()
            self.hurt_at = self.fleet.clock.monotonic()
            self.fleet.loop.call_later(seconds, self._thaw, node, context=self.fleet.server)

    def _thaw(self, node: Node) -> None:
        if node.place.is_frozen and not node.place.is_dead:
            self.say(f"{node.name} thaws")
            node.thaw()

    async def _all_go(self) -> None:
        seconds = self.chance.choice((60.0, 600.0, 3600.0, 5 * 3600.0, DAY, 7 * DAY))
        self.say(f"the whole cluster is down for {seconds:g} s")
        self.down_until = self.fleet.clock.monotonic() + seconds
        self.counts["outages"] += 1
        for node in [*self.fleet.nodes]:
            if not node.place.is_dead:
                self._kill(node, "with all others")
        await asyncio.sleep(seconds)
        self.down_until = None
        for _ in range(self.span.nodes):
            await self._start()

    async def _clock_steps(self) -> None:
        step = self.chance.choice((-7200.0, -3600.0, -61.0, -1.5, 1.5, 61.0, 3600.0, 7200.0))
        self.say(f"the store's clock steps by {step:g} s")
        self.counts["jumps"] += abs(step) > JUMP
        self.fleet.clock.step(step)

    async def _deploy(self) -> None:
        """Roll a new release out: nodes are replaced one after the other, with minutes or hours between them."""
        self.release += 1
        self.say(f"release {self.release} rolls out")
        self.counts["deploys"] += 1
        pause = self.chance.choice((5.0, 300.0, 5000.0))
        for node in self.living:
            if node.lives and self.down_until is None:
                node.is_leaving = True
                await self._wait_for([node.spawn(node.runner.stop(0.0))], [node])
                self.fleet.loop.kill(node.place)
                if node.line in self.fleet.lines:
                    self.fleet.lines.remove(node.line)
                await self._start(self.release)
                await asyncio.sleep(pause)

    async def _operator_acts(self) -> None:
        """Do one of the things that people do to schedules."""
        held = await self.client._opening.opened()
        schedules, make = held.store.schedules, self.client._enqueuer.scheduled
        name = self.chance.choice([book.name for book in self.accounts.values()])
        act = self.chance.choice(("pause", "resume", "skip", "override", "reset", "enable", "run", "maintain", "switch", "backfill"))
        self.say(f"somebody does {act} to {name}")
        self.counts[act] += 1
        await self._act(act, name, schedules, make)

    async def _act(self, act: str, name: str, schedules: ScheduleStore, make: store_schedules.MakeRun) -> None:
        now = self.fleet.clock.now()
        match act:
            case "pause":
                until = self.chance.choice((None, timedelta(minutes=30), timedelta(hours=8)))
                await schedules.pause(name, until=None if until is None else now + until, actor="ada")
                self._later(self.chance.choice((600.0, 30_000.0, 90_000.0)), lambda: schedules.resume(name, actor="ada"))
            case "resume":
                await schedules.resume(name)
            case "skip":
                await schedules.skip(name)
            case "override":
                if name not in ("asked", "shot"):
                    await schedules.override(name, every("3h", misfire="all"), make)
            case "reset":
                await schedules.reset(name, make)
            case "enable":
                await schedules.enable(name, False, make)
                self._later(self.chance.choice((5000.0, 50_000.0)), lambda: schedules.enable(name, True, make))
            case "run":
                await schedules.run_now(name, make, actor="ada")
            case "backfill":
                if name != "asked":
                    await schedules.backfill(name, now - timedelta(hours=30), now, make)
            case "maintain":
                modes = self.fleet.store.modes
                await modes.put("maintenance", {"is_on": True})
                self._later(4000.0, lambda: modes.clear("maintenance"))
            case "switch":
                switches = self.fleet.store.switches
                await switches.put("changing", False)
                self._later(9000.0, lambda: switches.clear("changing"))

    def _later(self, seconds: float, act: Callable[[], Awaitable[Any]]) -> None:
        async def do() -> None:
            await asyncio.sleep(seconds)
            with suppress(Conflict):
                await act()

        self._own(do())

    # -- time

    async def run(self) -> None:
        await self.fleet.database.open()
        self.client = await self.fleet.client(self.tasks[0])
        for _ in range(self.span.nodes):
            await self._start(0)
        span = self.span
        for rate, hurt in (
            (span.kills, self._any_dies), (span.freezes, self._any_freezes), (span.outages, self._all_go),
            (span.clock_steps, self._clock_steps), (span.deploys, self._deploy), (span.acts, self._operator_acts),
        ):  # fmt: skip
            self._own(self._now_and_then(rate, hurt))
        until = self.fleet.clock.monotonic() + span.days * DAY
        while self.fleet.clock.monotonic() < until:
            await self._step(until)
        await self._come_to_rest()
        await self._check()

    async def _step(self, until: float) -> None:
        """Go to the next moment when something is due, and let all nodes do their rounds there."""
        self.steps += 1
        wait = min(await self._until_due(), max(until - self.fleet.clock.monotonic(), 0.0) + 0.001)
        if self.chance.random() < 0.3 and wait > 3:  # nodes look before, too, and may make ready what they are to fire
            early = self.chance.uniform(0.1, 3)
            await asyncio.sleep(wait - early)
            engine_scheduler.MANY = self.chance.choice((1, 200))
            await self._turn_all(("heartbeat", "scheduler"), self.living)
            wait = max(early - self.span.latency * 20, 0.0)
        await asyncio.sleep(wait)
        # Statements of several nodes mingle where they take time; where they take none, whole rounds follow each other, for less.
        self.fleet.weather.latency = self.span.latency if self.chance.random() < 0.4 else 0.0
        switches = ("switches",) if self.chance.random() < 0.1 else ()
        await self._turn_all(("heartbeat", *switches, "scheduler"), self.living)
        is_hurt = self.fleet.clock.monotonic() - self.hurt_at < 10_000 or self.chance.random() < 0.05
        for _ in range(3):
            [row] = await self.fleet.rows("select count(*) filter (where state <> 4) as waits, count(*) as n from mainspring.hot_runs")
            if not row["n"]:
                break
            if row["waits"] or is_hurt:
                few = self.chance.sample(self.living, min(2, len(self.living)))
                rescuer = ("heartbeat", "rescuer") if is_hurt else ()
                await self._turn_all((*rescuer, "promoter", "gatekeeper", "worker"), few)
                await asyncio.sleep(0.3)
            if not row["waits"]:
                break
        if self.breaches:
            raise self.breaches[0]
        self.require(not self.fleet.problems, f"errors that nobody took: {self.fleet.problems}")

    async def _until_due(self) -> float:
        """Return the seconds until something is due by the store's clock, and a little more, as nodes do not look at the same moment."""
        now = self.fleet.clock.microseconds()
        [row] = await self.fleet.rows(
            f"""select (select min(next_at) from mainspring.schedules where next_at > {now}) as slot,
                       (select count(*) from mainspring.schedules where next_at <= {now}) as late,
                       (select min(run_at) from mainspring.hot_runs where state = 2 and run_at > {now}) as due,
                       (select count(*) from mainspring.hot_runs where state = 3 or state = 2 and run_at <= {now}) as waits,
                       (select count(*) from mainspring.hot_runs where state in (1, 4)) as going"""
        )
        waits = [DAY / 4]
        waits += [max((at - now) / 1_000_000, 0.0) for at in (row["slot"], row["due"]) if at is not None]
        waits += [45.0] * bool(row["late"] or row["waits"]) + [700.0] * bool(row["going"])
        if not self.living and self.down_until is not None:
            return max(self.down_until - self.fleet.clock.monotonic(), 1.0)
        return min(waits) + self.chance.choice((0.0, 0.001, 0.7, 2.0))

    async def _turn_all(self, names: Sequence[str], nodes: Sequence[Node]) -> None:
        order = [*nodes]
        self.chance.shuffle(order)
        await self._wait_for([node.spawn(self._turn(node, names)) for node in order], order)

    async def _wait_for(self, rounds: Sequence[asyncio.Task[None]], nodes: Sequence[Node]) -> None:
        """Wait until each round has ended, or its node is dead or frozen."""
        pending = dict(zip(rounds, nodes, strict=True))
        while going := [each for each, node in pending.items() if not (each.done() or node.place.is_dead or node.place.is_frozen)]:
            await asyncio.wait(going, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            if each.done() and not each.cancelled() and (error := each.exception()) is not None and not isinstance(error, PlaceDied):
                raise error

    async def _turn(self, node: Node, names: Sequence[str]) -> None:
        loops = {loop.name: loop for loop in node.runner.loops()}
        for name in names:
            for _ in range(MOST_ROUNDS):
                if node.place.is_dead or await loops[name].tick() > 0:
                    break
            else:
                raise AssertionError(f"{name} of {node.name} never rests")

    async def _come_to_rest(self) -> None:
        """Nothing goes wrong any more: what is unfinished ends, and every slot up to now is accounted for."""
        self.is_over = True
        self.say("nothing goes wrong any more")
        self.down_until = None
        store = self.fleet.store
        await store.modes.clear("maintenance")
        await store.switches.clear("changing")
        for node in self.fleet.nodes:
            if not node.place.is_dead:
                self._thaw(node)
        while len(self.living) < 2:
            await self._start(self.release)
        # One of the nodes knows every schedule that there is, or a slot of what was taken out of the code would wait for ever.
        self.is_over = False
        await self._start(self.release if self.release % 3 != 1 else self.release + 1)
        self.is_over = True
        for book in self.accounts.values():
            with suppress(Conflict):
                await store.schedules.resume(book.name)
        until = self.fleet.clock.monotonic() + 3 * DAY
        while True:
            await self._turn_all(("heartbeat", "switches", "rescuer", "scheduler"), self.living)
            await self._turn_all(("heartbeat", "promoter", "gatekeeper", "worker"), self.living)
            await asyncio.sleep(40)
            left = await self.fleet.rows("select id, task, state, reason, run_at from mainspring.hot_runs")
            now = self.fleet.clock.microseconds()
            late = await self.fleet.rows(f"select name from mainspring.schedules where next_at <= {now}")
            if self.breaches:
                raise self.breaches[0]
            if not late and not [row for row in left if row["state"] != 2 or row["run_at"] <= now]:
                break
            if self.fleet.clock.monotonic() > until:
                self.require(False, f"what never ends: {[dict(row) for row in left][:5]}, {[dict(row) for row in late]}")
        self.require(not self.fleet.problems, f"errors that nobody took: {self.fleet.problems}")

    # -- the laws, from the rows and notices alone

    async def _check(self) -> None:
        rows = await self.fleet.rows(
            "select schedule_id, slot_at, state, reason, origin, meta, id, blocked_by, finished_at from mainspring.history "
            "where schedule_id is not null union all "
            "select schedule_id, slot_at, state, reason, origin, meta, id, blocked_by, null from mainspring.hot_runs "
            "where schedule_id is not null"
        )
        by_schedule: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            by_schedule[row["schedule_id"]].append(row)
        for book in self.accounts.values():
            self._check_slots(book, by_schedule[book.id])
        await self._check_ways([row for row in rows if row["reason"] == "previous_instance_running"])
        await self._check_notices(rows)

    def _check_slots(self, book: Account, rows: Sequence[Any]) -> None:
        """Compare one schedule's rows with the slots of its definitions: each once, and nothing else."""
        expected = book.slots(book.cursor)
        coming = book.held.schedule.next_slot(book.cursor) if book.held.has_slots else None
        is_late = coming is not None and book.held.schedule.due_at(coming, book.name) <= self.fleet.clock.now() - TOLERANCE
        self.require(not is_late, f"{book.name} has slots past {book.cursor} that nobody accounted for")
        singles: Counter[datetime] = Counter()
        runs: Counter[datetime] = Counter()
        summed = 0
        for row in rows:
            if row["slot_at"] is None:
                continue
            slot, meta = self._time(row["slot_at"]), json.loads(row["meta"] or "{}")
            is_run = row["state"] != SKIPPED  # what was skipped may be made up for
            if row["origin"] == "backfill":
                self.counts["backfilled"] += 1
                runs[slot] += is_run
            elif "slots" in meta:
                summed += meta["slots"]
            else:
                singles[slot] += 1
                runs[slot] += is_run
        twice = sorted(slot for slot, n in [*runs.items(), *singles.items()] if n > 1)
        self.require(not twice, f"slots of {book.name} that ran or are told more than once: {twice[:5]}")
        strange = sorted(slot for slot in singles if not _is_in(expected, slot))
        self.require(not strange, f"{book.name} told of what is no slot: {strange[:5]}")
        silent = sum(told == "no" for told in book.answered.values()) + (book.asks is not None)  # of a predicate: nothing is written down
        number = singles.total() + summed + silent
        self.require(number == len(expected), f"{book.name} has {len(expected)} slots, but {number} are told ({summed} of them in sums)")

    async def _check_ways(self, skipped: Sequence[Any]) -> None:
        """What was skipped because another run was going names that run, which had not ended then."""
        slack = timedelta(hours=5)  # the clock may have jumped between the two
        for row in skipped:
            self.require(row["blocked_by"] is not None, f"run {row['id']} was skipped for another that is not named")
            other = await self.fleet.store.runs.get(row["blocked_by"], scope=EVERYTHING)
            had_ended = other.finished_at is not None and other.finished_at < self._time(row["finished_at"]) - slack
            self.require(not had_ended, f"{row['id']} was skipped for {other.id}, which had ended")
        self.counts["overlaps"] = len(skipped)

    async def _check_notices(self, rows: Sequence[Any]) -> None:
        """Every slot that is told as paused lies within a pause that the notices tell of; every jump of the clock is noted."""
        names = {book.id: book.name for book in self.accounts.values()}
        pauses: dict[str, list[datetime]] = defaultdict(list)
        notices = await self.fleet.rows("select object, kind, at, data from mainspring.notices order by id")
        for notice in notices:
            kind, name, moment = notice["kind"], notice["object"].removeprefix("schedule:"), self._time(notice["at"])
            if kind == "paused":
                pauses[name].append(moment)
        for row in rows:
            if row["reason"] == "paused":
                slot, name = self._time(row["slot_at"]), names[row["schedule_id"]]
                is_told = any(since - timedelta(hours=5) <= slot for since in pauses[name])  # the clock may have jumped between the two
                self.require(is_told, f"slot {slot} of {name} is told as paused, but no notice tells of a pause")
        if (jumps := self.counts["jumps"]) >= 4:  # one that nobody lived through is nobody's to tell
            told = sum(notice["kind"] == "clock_jumped" for notice in notices)
            self.require(told, f"the clock jumped {jumps} times, and no notice tells of it")


def _would_fire(
    schedule: Schedule, name: str, slots: Sequence[datetime], newest: datetime, now: datetime, tolerance: timedelta
) -> set[datetime]:  # fmt: skip
    """Return what fires by the misfire policy."""
    policy, most = schedule.misfire.policy, schedule.misfire.most
    on_time = {slot for slot in slots if slot == newest and now - schedule.due_at(slot, name) <= tolerance}
    if policy is MisfirePolicy.SKIP:
        return on_time
    in_grace = [slot for slot in slots if slot in on_time or now - slot <= schedule.grace_at(slot)]
    if policy is MisfirePolicy.ALL:
        return set(in_grace[-most:])
    return on_time | set(slots[-1:]).intersection(in_grace)


def _is_in(slots: Sequence[datetime], slot: datetime) -> bool:
    place_ = bisect_right(slots, slot)
    return place_ > 0 and slots[place_ - 1] == slot


def simulate(span: Span, seed: int) -> Calendar:
    """Play a span with a seed; raises `Breach`."""
    calendar = Calendar(span, seed)
    _now.append(calendar)
    try:
        with (
            patch.object(engine_scheduler, "account", calendar.look),
            patch.object(store_schedules, "account", calendar.look),
            patch.object(engine_scheduler, "MANY", engine_scheduler.MANY),
        ):
            calendar.fleet.loop.run_until_complete(calendar.run())
    finally:
        calendar.is_over = True
        _now.pop()
        calendar.fleet.close()
    return calendar
