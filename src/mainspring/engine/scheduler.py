"""The scheduler: fires the slots of schedules. On every node whose role has it; no one of them is the leader, and nothing is handed over.

A round asks the database what is due by its clock, decides (`core.firing`) and writes what that comes to in one statement, in which the
first of any number of schedulers wins. Until the next slot it sleeps, and looks every two seconds for what others may have changed.

Besides it asks predicates (in child processes), notices when the clock jumps, and marks schedules whose code no living node has any more.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mainspring.core.errors import MainspringError
from mainspring.core.firing import Firing, SlotReason, account
from mainspring.core.notice import Severity
from mainspring.core.overlap import Gate
from mainspring.core.run import NewRun
from mainspring.core.schedule import Schedule, ScheduleKind
from mainspring.core.schedule_record import ScheduleRecord
from mainspring.core.switch import Switches
from mainspring.core.task import Task
from mainspring.engine.faults import FAULT
from mainspring.engine.loop import log
from mainspring.engine.presence import Presence
from mainspring.engine.prober import Prober
from mainspring.engine.ration import Ration
from mainspring.store.runs import Lane
from mainspring.store.schedules import Fired, Look, MakeRun, Prepared
from mainspring.store.store import Store

LONGEST = 2.0  # seconds between looks: what another process changed is seen within them, also where no hint arrives
TOGETHER = 500  # schedules in one statement
MOST = 2000  # read at once
AHEAD = timedelta(seconds=2.5)  # within which slots are prepared, where there are many: more than LONGEST, so that a look comes before
MANY = 200  # slots within that time, from which on they are prepared, and shared out among the nodes
MOST_AHEAD = 20_000
TOUCHING = timedelta(milliseconds=20)  # slots as close as that are written together
LEFT_AFTER = timedelta(milliseconds=300)  # what another node should have fired by then, any node does
STALE = timedelta(seconds=5)  # what was prepared so long before is thrown away: this process was asleep
MOST_LATE = timedelta(seconds=60)  # a slot that late is on time; more where rounds are further apart
JUMP = 5.0  # seconds by which the clock and the time that has passed may differ between two rounds
JUMP_TOLD_ONCE = timedelta(minutes=1)  # by whichever node is first
ORPHANS_EVERY, KNOWN_EVERY = 20.0, 300.0  # seconds between looks at what nodes know, and at all rows however little has changed
COMPLAIN_EVERY = timedelta(hours=1)
ORPHANED_AFTER = timedelta(minutes=1)
LAG_KEPT, LAG_SPAN = 20_000, 300.0  # samples of lag, and seconds that they count


def schedules_among(tasks: Mapping[str, Task[..., Any]]) -> dict[str, tuple[str, Schedule]]:
    """Return what the code of these tasks declares: the task and the definition of each schedule, by its name."""
    return {
        schedule.name or name: (name, schedule)
        for name, task in tasks.items()
        if task.is_here
        for schedule in task.spec.schedules
    }  # fmt: skip


class Scheduler:
    """One node's part in firing schedules: a `Loop`. Level-triggered; any number of nodes, and pulses, may do it at once."""

    name = "scheduler"
    is_punctual = True

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., Any]], presence: Presence, prober: Prober, *, make_run: MakeRun,
        switches: Switches, clock: Callable[[], float], longest: float = LONGEST, origin: str = "schedule",
    ) -> None:  # fmt: skip
        self._store, self._tasks, self._presence, self._prober = store, tasks, presence, prober
        self._make_run, self._switches, self._clock, self._origin = make_run, switches, clock, origin
        self._longest = min(longest, LONGEST)
        self._tolerance = max(MOST_LATE, timedelta(seconds=2 * longest))
        self._declared = schedules_among(tasks)
        self._others: set[int] = set()  # schedules that are due and that this node has no code for
        self._offset: float | None = None  # the database's clock less ours
        self._orphans = Ration(ORPHANS_EVERY, 10 * ORPHANS_EVERY)
        self._known_before: tuple[Collection[str], Collection[str]] | None = None
        self._known_at, self._has_unknown = float("-inf"), True
        self._lags: deque[tuple[float, float]] = deque(maxlen=LAG_KEPT)
        self._share = (0, 1)  # which part of many slots is this node's, of how many
        self._prepared: deque[tuple[datetime, list[Firing], Prepared]] = deque()
        self._asking: set[asyncio.Task[None]] = set()
        self.accepts: Callable[[ScheduleRecord], bool] = lambda record: True  # a pulse leaves some to the next
        self.counts: Counter[str] = Counter()  # of slots: ``fired``, and the reasons of those without a run
        self.on_ready: Callable[[Lane], None] = lambda lane: None
        self.on_waiting: Callable[[Collection[str]], None] = lambda keys: None
        self.on_gated: Callable[[], None] = lambda: None
        self.on_due_soon: Callable[[], None] = lambda: None

    @property
    def names(self) -> Collection[str]:
        """The names of the schedules that this node's code declares."""
        return self._declared.keys()

    @property
    def lag(self) -> float:
        """Seconds between the time when a slot was due and its run, at the 99th percentile of the last five minutes."""
        since = self._clock() - LAG_SPAN
        found = sorted(lag for at, lag in self._lags if at >= since)
        return found[max(math.ceil(len(found) * 0.99) - 1, 0)] if found else 0.0

    async def declare(self) -> None:
        """Write down what this node's code says, before it fires anything."""
        declared = await self._store.schedules.declare(self._declared, self._make_run, by=self._presence.name, origin=self._origin)
        self._hint(declared.runs)

    def look_again(self) -> None:
        """Hear that something was changed: schedules that were nobody's business here may be now."""
        self._others.clear()
        self._prepared.clear()
        self._orphans.renew()

    async def tick(self) -> float:
        """Fire what is due; answers when the next slot is, or when to look again."""
        if self._presence.is_draining or self._presence.is_paused:  # under maintenance slots are recorded, as skipped
            self._prepared.clear()
            return self._longest
        if self._prepared:
            return await self._fire_prepared()
        if self._orphans.is_due(self._clock()):
            await self._look_for_orphans(self._clock())
        look = await self._store.schedules.look(sorted(self._others), ahead=AHEAD, bound=MANY)
        looked_at = self._clock()
        await self._watch_clock(look.now, looked_at)
        if look.next_at is None:
            return self._longest
        if look.soon >= MANY:
            return await self._prepare_ahead(look)
        if look.next_at > look.now:
            return min(max((look.next_at - look.now).total_seconds() - (self._clock() - looked_at), 0.001), self._longest)
        mine = self._mine(await self._store.schedules.due(look.now, sorted(self._others), MOST))
        for start in range(0, len(mine), TOGETHER):
            some = mine[start : start + TOGETHER]
            firings = [self._account(record, look.now, is_maintained=look.is_maintenance) for record in some]
            self._hint(await self._commit(firings, await self._store.schedules.prepare(firings, self._make_run, origin=self._origin)))
        return 0.0

    @property
    def is_asking(self) -> bool:
        """Whether a question is open."""
        return bool(self._asking)

    async def settled(self) -> None:
        """Return when no question is open."""
        while self._asking:
            await asyncio.wait(self._asking)

    async def close(self) -> None:
        """Let go of questions that are open: their slots are recorded as missed."""
        for question in self._asking:
            question.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._prober.close()

    # -- firing

    def _is_mine(self, record: ScheduleRecord) -> bool:
        """Tell whether this node's code can say what becomes of a schedule."""
        task = self._tasks.get(record.task)
        if record.problem is not None or task is None or not task.is_here or task.is_service:
            return False
        schedule = record.effective
        if schedule.kind is ScheduleKind.WHEN and not self._prober.knows(record.task, schedule.predicate_name):
            return False
        return (record.code is None or record.name in self._declared) and self.accepts(record)

    def _mine(self, due: Sequence[ScheduleRecord]) -> list[ScheduleRecord]:
        """Return those that this node has the code for, and remember the others: they are not asked for again."""
        self._others.update(record.id for record in due if not self._is_mine(record))
        return [record for record in due if record.id not in self._others]

    async def _prepare_ahead(self, look: Look) -> float:
        """Make ready this node's share of many slots, before they are due; then their moment costs one statement for hundreds."""
        rank, parts = self._share
        due = self._mine(await self._store.schedules.due(look.now + AHEAD, sorted(self._others), MOST_AHEAD))
        mine = [(record.next_at, record) for record in due if record.next_at is not None and (
            record.id % parts == rank or look.now - record.next_at > LEFT_AFTER)]  # fmt: skip
        is_late = False
        while mine:
            first = max(mine[0][0], look.now)
            some = [record for at, record in mine[:TOGETHER] if at <= first + TOUCHING]
            due_at = max(look.now, mine[len(some) - 1][0])
            firings = [self._account(record, max(record.next_at or first, look.now), is_maintained=look.is_maintenance) for record in some]
            prepared = await self._store.schedules.prepare(firings, self._make_run, origin=self._origin)
            if due_at > self._now():
                self._prepared.append((due_at, firings, prepared))
            else:
                is_late = True
                self._hint(await self._commit(firings, prepared))
            if self._prepared and self._prepared[0][0] <= self._now():  # nothing waits until all the rest is ready, which may take long
                is_late = True
                await self._fire_prepared()
            del mine[: len(some)]
            await asyncio.sleep(0)  # others have something to do meanwhile
        if not self._prepared:
            return 0.0 if is_late else min(LEFT_AFTER.total_seconds() / 3, self._longest)
        return max((self._prepared[0][0] - self._now()).total_seconds(), 0.0)

    async def _fire_prepared(self) -> float:
        """Write what was prepared and is due now; answers when the next is.

        Whose turn it is with the runs hears of them once all are written: bodies that start meanwhile would make the last slots late.
        """
        made: list[NewRun] = []
        try:
            while self._prepared:
                due_at, firings, prepared = self._prepared[0]
                late = self._now() - due_at
                if late > STALE:
                    self._prepared.clear()
                elif late < timedelta(0):
                    return max(-late.total_seconds(), 0.001)
                else:
                    self._prepared.popleft()
                    made += await self._commit(firings, prepared)
            return 0.0
        finally:
            self._hint(made)

    def _account(self, record: ScheduleRecord, now: datetime, *, is_maintained: bool) -> Firing:
        return account(record, now, self._tolerance, silent=self._silence(record, is_maintained=is_maintained))

    async def _commit(self, firings: Sequence[Firing], prepared: Prepared) -> Sequence[NewRun]:
        """Write one batch, and do what follows from what was written; answers the runs that it made, of which nobody has heard yet."""
        FAULT("before_fire")
        fired = await self._store.schedules.commit(prepared)
        FAULT("after_fire_commit")
        self._count(fired)
        for firing in firings:
            if firing.record.id not in fired.won:
                continue
            if firing.asks is not None:
                question = asyncio.get_running_loop().create_task(self._ask(firing.record, firing.asks), name="mainspring-question")
                self._asking.add(question)
                question.add_done_callback(self._asking.discard)
            await self._tell(firing)
        for record, why in fired.refused:
            await self._complain(record, {"why": why})
        return fired.runs

    def _silence(self, record: ScheduleRecord, *, is_maintained: bool) -> SlotReason | None:
        if is_maintained:
            return SlotReason.MAINTENANCE
        return SlotReason.DISABLED if self._switches.is_off(self._tasks[record.task].spec) else None

    async def _tell(self, firing: Firing) -> None:
        name = f"schedule:{firing.record.name}"
        if firing.ends_pause and firing.record.resumed_at is None:
            await self._store.notices.add(name, "resumed", data={"by": None, "since": _text(firing.record.paused_at)})
        if firing.has_ended:
            await self._store.notices.add(name, "ended")

    async def _complain(self, record: ScheduleRecord, data: Mapping[str, Any]) -> None:
        """Note that a slot has no run by somebody's fault; what fails every minute is told once in a while."""
        await self._store.notices.add(f"schedule:{record.name}", "schedule_error", Severity.WARNING, data, once=COMPLAIN_EVERY)

    def _count(self, fired: Fired) -> None:
        self.counts["fired"] += len(fired.runs)
        for _, each in fired.unfired:
            self.counts[str(each.reason)] += 1 if each.meta is None else each.meta.get("slots", 1)
        at, now = self._clock(), self._now()
        for run in fired.runs:
            if run.run_at is not None and (late := now - run.run_at) <= self._tolerance:
                self._lags.append((at, max(late.total_seconds(), 0.0)))

    def _hint(self, runs: Sequence[NewRun]) -> None:
        """Let those loops look, here and elsewhere, whose turn it is with these runs."""
        lanes: set[Lane] = set()
        keys: set[str] = set()
        for run in runs:
            if run.gate is not Gate.OPEN:
                self.on_gated()
            elif (key := run.limit_queue or run.limit_task or run.limit_key) is not None:
                keys.add(key)
            elif run.run_at is not None and run.run_at > self._now():
                self.on_due_soon()
            else:
                lanes.add(Lane(run.queue, run.tenant, int(run.pool), int(run.priority)))
        for lane in sorted(lanes):
            self.on_ready(lane)
        if keys:
            self.on_waiting(keys)

    def _now(self) -> datetime:
        """Return the database's clock, as far as this node knows it."""
        return datetime.fromtimestamp(self._clock() + (self._offset or 0.0), UTC)

    # -- predicates

    async def _ask(self, record: ScheduleRecord, slot: datetime) -> None:
        schedule = record.effective
        try:
            answer = await self._prober.ask(record.task, schedule.predicate_name or "", schedule.timeout)
            FAULT("after_ask")
            make_run = self._make_run if answer.is_wanted and answer.error is None else None
            fired = await self._store.schedules.answer(record, slot, make_run, origin=self._origin)
            if answer.error is not None and fired.won:
                self.counts["schedule_error"] += 1
                data = {"why": answer.error, "slot": _text(slot)}
                await self._complain(record, data)
            self.counts["fired"] += len(fired.runs)
            self._hint(fired.runs)
            for refused, why in fired.refused:
                await self._complain(refused, {"why": why})
        except MainspringError:  # the slot is recorded as missed once the question is too old
            log.warning("the answer of the predicate of %s could not be written: its slot will be a missed one", record.name, exc_info=True)

    # -- the clock, and who knows what

    async def _watch_clock(self, now: datetime, at: float) -> None:
        """Notice when the database's clock has moved otherwise than time: slots may be late or early, and people want to know why."""
        offset = now.timestamp() - at
        before, self._offset = self._offset, offset
        if before is not None and abs(offset - before) > JUMP:
            data = {"seconds": round(offset - before, 3)}
            await self._store.notices.add("runner", "clock_jumped", Severity.WARNING, data, once=JUMP_TOLD_ONCE)

    async def _look_for_orphans(self, now: float) -> None:
        """Mark schedules that no living node's code knows, and those that one knows again."""
        began = self._clock()
        known = await self._store.nodes.known_schedules()
        firing = known.firing
        self._share = (firing.index(self._presence.id), len(firing)) if self._presence.id in firing else (0, 1)
        names, tasks = known.schedules | self._declared.keys(), known.tasks | self._tasks.keys()  # this node lives, too
        if self._has_unknown or (names, tasks) != self._known_before or now - self._known_at >= KNOWN_EVERY:
            changes = await self._store.schedules.mark_unknown(names, tasks, ORPHANED_AFTER)
            self._known_before, self._known_at, self._has_unknown = (names, tasks), now, changes.is_waiting
            for name in changes.orphaned:
                await self._store.notices.add(f"schedule:{name}", "schedule_orphaned", Severity.ALERT)
            for name in changes.back:
                await self._store.notices.add(f"schedule:{name}", "schedule_back")
        self._orphans.took(self._clock() - began, self._clock())


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
