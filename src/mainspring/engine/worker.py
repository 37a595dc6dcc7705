"""The worker: claims runs for free slots under the node's lease, hands them to pools, and decides what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

from mainspring.core.errors import MainspringError, StoreError
from mainspring.core.ids import make_claim_id
from mainspring.core.policy import Isolation, PoolKind, Retry
from mainspring.core.rollback import decide_whole, without_rollback
from mainspring.core.run import ClaimedRun, Completed, Decision, Failed, Lost, Outcome, Reason, Released, Suspicion
from mainspring.core.state import RunState
from mainspring.core.switch import Switches
from mainspring.core.task import EXPENSIVE_QUEUE, Task
from mainspring.engine.blame import said_by
from mainspring.engine.faults import FAULT
from mainspring.engine.lanes import Lanes
from mainspring.engine.loop import log
from mainspring.engine.pools import EnqueueReply, EnqueueRequest, Pool, PoolName, Unlocked, pool_for
from mainspring.engine.presence import Presence
from mainspring.engine.recorder import Recorder
from mainspring.engine.records import Record
from mainspring.engine.stages import Stages
from mainspring.engine.vault import Vault
from mainspring.store.runs import Lane, Within
from mainspring.store.store import Store

MOST_CLAIMED = 500
MOST_PREFETCHED = 1000
PREFETCH_SECONDS = 0.04  # work for one round trip to a busy database and back
SHORT_MS = 20.0  # a task is short when its mean is below this
PROVED = 20  # runs after which a mean counts
POLL = 1.0  # seconds between looks when nothing wakes the worker
WARM = 0.01  # seconds until the next look at a lane that gave something, but not all that was asked for
AUDIT_EVERY = 30.0
AUDIT_AGAIN = 5.0  # seconds until the second look at what seems to be here without the node's knowledge
UNKNOWN_DELAY = timedelta(seconds=5)
NEWER_DELAY = timedelta(seconds=15)  # a deployment is going on
QUARANTINE_DELAY = timedelta(seconds=1)
MOST_ROLLBACKS = 20  # taken in one claim
STOP_GRACE = timedelta(seconds=30)  # past timeout plus this, a rescuer takes a run even from a node that breathes

_POOL_OF: Mapping[PoolKind, PoolName] = {
    PoolKind.ASYNC: "async", PoolKind.DEF: "def", PoolKind.THREAD: "thread", PoolKind.INLINE: "inline", PoolKind.SOLO: "solo",
}  # fmt: skip


class OwnerBoard(Protocol):
    """What the worker asks about the owners of runs."""

    @property
    def lost(self) -> Mapping[str, object]:
        """Those who may do less than they once could; mostly nobody."""

    async def refused(self, runs: Sequence[ClaimedRun]) -> set[str]:
        """Return the ids of those of these runs whose owner may start them no more."""


Spawn = Callable[[EnqueueRequest, ClaimedRun], Awaitable[EnqueueReply]]


class ServiceKeeper(Protocol):
    """What the worker asks of the supervisor about runs of services."""

    def heard(self, run: ClaimedRun, records: list[Record]) -> list[Record]:
        """Take what only the supervisor understands, and return the rest."""

    def decide(self, run: ClaimedRun, outcome: Outcome) -> Decision:
        """Say how the run of an instance ends."""

    def is_followed(self, run: ClaimedRun, decision: Decision) -> bool:
        """Tell whether the instance is started again after this end."""

    def may_outlive(self, run: ClaimedRun) -> bool:
        """Tell whether an instance may go on although this node's lease is ending."""


@dataclass(slots=True)
class _Pace:
    """How long runs of a task take, as a moving mean."""

    n: int = 0
    mean_ms: float = 0.0

    def add(self, ran_ms: float) -> None:
        self.n += 1
        self.mean_ms += (ran_ms - self.mean_ms) * max(1 / self.n, 0.05)

    @property
    def is_short(self) -> bool:
        return self.n >= PROVED and self.mean_ms < SHORT_MS


@dataclass(slots=True)
class _Crew:
    """A pool with what the worker knows about its throughput."""

    pool: Pool
    kinds: tuple[PoolKind, ...]  # the pool numbers in lanes that it serves
    seen: set[str] = field(default_factory=set)  # tasks of the latest claim
    finished: int = 0
    rate: float = 0.0
    measured_at: float = 0.0
    expensive: int = 0  # expensive runs in hand, each in a slot that it brings along

    @property
    def own(self) -> int:
        """How many slots there are for all others."""
        return self.pool.size - self.expensive


class Worker:
    """One node's worker: a `Loop`, and the `Report` of its pools."""

    name = "worker"

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., Any]], presence: Presence, *, clock: Callable[[], float], spawn: Spawn,
        default_retry: Retry, isolation: Isolation = Isolation.PROCESS, queues: Sequence[str] = (), claims: bool = True,
        switches: Switches | None = None,
    ) -> None:  # fmt: skip
        self._store, self._tasks, self._presence, self._clock = store, tasks, presence, clock
        self._spawn, self._default_retry, self._isolation = spawn, default_retry, isolation
        self._queues, self._claims, self._switches = frozenset(queues), claims, switches or Switches()
        self.recorder = Recorder(store.runs, self, clock=clock, node_id=lambda: presence.id, files=store.files, notices=store.notices)
        self.stages = Stages(store.runs, tasks, clock)
        self.observe: Callable[[ClaimedRun, Outcome, float], None] | None = None  # hears of each attempt that ended here
        self.vault: Vault | None = None  # the way to secrets that the store keeps
        self.lanes = Lanes()
        self.within: Callable[[], Within] | None = None  # a pulse: what it may still begin, asked before each claim
        self.wake: Callable[[], None] = lambda: None
        self.on_ended: Callable[[Sequence[str]], None] = lambda ids: None
        self.on_put_back: Callable[[Sequence[ClaimedRun]], None] = lambda runs: None
        self.on_let_go: Callable[[Collection[str]], None] = lambda keys: None
        self._crews: dict[PoolName, _Crew] = {}
        self._in_hand: dict[str, tuple[ClaimedRun, PoolName]] = {}
        self._paces: dict[str, _Pace] = {}
        self._claiming = asyncio.Lock()  # held while a claim is under way
        self._uncertain: list[str] = []  # claims whose answer was lost
        self._known_elsewhere: tuple[float, frozenset[str]] = (float("-inf"), frozenset())
        self._audit_at = clock() + AUDIT_EVERY
        self._strangers: set[tuple[str, str]] = set()  # runs and claims that the latest audit did not know
        self._homeless: set[str] = set()  # tasks that came too late for a pool of their own
        self._suspected: set[str] = set()  # runs in hand that may have killed their nodes
        self._leaving: set[str] = set()  # runs that this node lost, and whose bodies here have not ended yet
        self._is_hungry = False  # there may be more than was claimed: a slot that frees is worth a look
        self._empty = asyncio.Event()
        self._empty.set()
        self._asking: set[asyncio.Task[None]] = set()
        self._asked = 0  # runs that the latest claim asked for
        self.keeper: ServiceKeeper | None = None  # of services; given by the runner
        self.owners: OwnerBoard | None = None  # who may do less than they once could; likewise
        self.claimed_at = clock()
        self.claimed = 0

    def equip(self, pools: Mapping[PoolName, Pool]) -> None:
        """Give the worker its pools, before the first round."""
        self._crews = {
            name: _Crew(pool, _kinds(name, set(pools), self._isolation), measured_at=self._clock()) for name, pool in pools.items()
        }  # fmt: skip

    @property
    def in_hand(self) -> int:
        """How many runs this node is responsible for."""
        return len(self._in_hand)

    def runs_in_hand(self) -> list[ClaimedRun]:
        """Return the runs that this node is responsible for."""
        return [run for run, _ in self._in_hand.values()]

    # -- claiming

    async def tick(self) -> float:
        """Claim for every pool that has room, and hand over; answers at once when there may be more."""
        now = self._clock()
        self._presence.running = len(self._in_hand)
        if not self._presence.may_start(now):
            return 0.2
        if self._uncertain:
            await self._adopt_uncertain()
        if now >= self._audit_at:
            await self._audit(now)
        if not self._claims:
            self.claimed_at = now
            return AUDIT_EVERY
        if self.recorder.is_full:
            return 0.05
        room = self._room(now)
        if not room and self.lanes.has_expensive(range(len(PoolKind))):
            await self._claim_expensive()
        if not room:
            self._is_hungry = True
            self.claimed_at = now  # full is healthy
            return POLL
        if self.lanes.is_empty and not self.lanes.is_full_pass_due(now):
            self.lanes.recall()
        if self.lanes.has(self._served(room)):  # what is known to wait goes first: somebody's latency hangs on it
            self._is_hungry = await self._claim_all(room)
            if not self.lanes.is_full_pass_due(self._clock()):  # due in a flood as well: it finds who would starve
                return 0.0 if self._is_hungry else WARM if self.lanes.has(self._served(room)) else POLL
        if self.lanes.is_full_pass_due(self._clock()):
            await self._look_everywhere()
            if self.lanes.has(self._served(room)):
                return 0.0
        self._is_hungry = not self.lanes.is_empty  # something waits for a place: each that frees is worth a look
        return POLL

    async def _claim_all(self, room: Mapping[PoolName, int]) -> bool:
        """Claim for every pool with room; answers whether one of them took all that it asked for, so that there may be more."""
        is_more = False
        for name, n in room.items():
            runs = await self._claim(self._crews[name].kinds, n, whole=self._crews[name].own)
            if runs:
                self._crews[name].seen = {run.task for run in runs}
            is_more |= bool(runs) and len(runs) == self._asked
        if self.lanes.has_expensive(range(len(PoolKind))):
            await self._claim_expensive()
        if PoolKind.QUARANTINE in self._served(room):  # one by one, so that never two of them go down with this node
            is_more |= len(await self._claim((PoolKind.QUARANTINE,), 1)) == 1
        if (n := self._room_for_rollbacks()) and self.lanes.has((PoolKind.ROLLBACK,)):
            is_more |= len(await self._claim((PoolKind.ROLLBACK,), n)) == n
        self.claimed_at = self._clock()
        return is_more

    def _room_for_rollbacks(self) -> int:
        """Return how many rollbacks may be taken now: their lane does not say whose slots they take, so they wait for any that are free."""
        return min(sum(crew.pool.free for name, crew in self._crews.items() if name != "solo"), MOST_ROLLBACKS)

    async def _claim_expensive(self) -> None:
        """Claim expensive runs: they take no slot of others, and each pool has as many for them as for the rest."""
        for crew in self._crews.values():
            n = crew.own - crew.expensive
            if n > 0 and crew.pool.slots:
                await self._claim(crew.kinds, n, is_expensive=True)

    async def _look_everywhere(self) -> None:
        """Find every lane with ready runs, from its beginning: late commits, lanes that nobody hinted at."""
        began = self._clock()
        found = [each for each in await self._store.runs.lanes() if not self._queues or each[0].queue in self._queues]
        self.claimed_at = self._clock()
        self.lanes.passed(found, self.claimed_at, self.claimed_at - began)

    def _room(self, now: float) -> dict[PoolName, int]:
        """Return how many runs each pool could take; a pool that is nearly full of short runs waits for a worthwhile batch."""
        room: dict[PoolName, int] = {}
        for name, crew in self._crews.items():
            ahead = self._prefetch(crew, now) if name != "solo" else 0
            capacity, holding = min(crew.pool.slots, crew.own) + ahead, crew.pool.holding - crew.expensive
            if not ahead and holding > capacity:
                self._release(crew.pool.surplus())  # what was short is so no more: others may have room for what waits here
            n = capacity - holding
            if n > 0 and (not ahead or n * 4 >= capacity):
                room[name] = min(n, MOST_CLAIMED)
        return room

    def _has_suspect(self) -> bool:
        """Tell whether a suspect is here: until its end is written, the store would take it for lost together with this node."""
        self._suspected = {each for each in self._suspected if each in self._in_hand or self.recorder.knows(each)}
        return bool(self._suspected)

    def _prefetch(self, crew: _Crew, now: float) -> int:
        """Return how many runs beyond the slots are worth holding: none until every task in the pool has proved short."""
        if self.within is not None:  # it might begin too late
            return 0
        if not crew.seen or not all((pace := self._paces.get(task)) is not None and pace.is_short for task in crew.seen):
            return 0
        passed = now - crew.measured_at
        if passed >= 0.05:
            crew.rate = crew.finished / passed
            crew.finished, crew.measured_at = 0, now
        return min(int(crew.rate * PREFETCH_SECONDS), MOST_PREFETCHED)

    def _served(self, room: Mapping[PoolName, int]) -> set[int]:
        """Return the pool numbers in lanes from which something could be taken now."""
        served: set[int] = {kind for name in room for kind in self._crews[name].kinds}
        if self.lanes.has((PoolKind.QUARANTINE,)) and not self._has_suspect():
            served.add(PoolKind.QUARANTINE)
        if self.lanes.has((PoolKind.ROLLBACK,)) and self._room_for_rollbacks():
            served.add(PoolKind.ROLLBACK)
        return served

    async def _claim(self, kinds: Sequence[PoolKind], n: int, *, whole: int = 0, is_expensive: bool = False) -> list[ClaimedRun]:
        """Claim up to ``n`` runs from the lanes of some pools; several tenants share the ``whole``, claim by claim."""
        if not self.lanes.has(kinds) or not (lanes := self.lanes.order(kinds, is_expensive=is_expensive)):
            return []
        self._asked = n = self.lanes.share(lanes, n, max(n, whole))
        claim_id = make_claim_id()
        FAULT("before_claim")
        async with self._claiming:
            try:
                within = None if self.within is None else self.within()
                runs = await self._store.runs.claim(self._presence.id, claim_id, lanes, n, STOP_GRACE, within=within)
            except (StoreError, asyncio.CancelledError):
                self._uncertain.append(claim_id)
                raise
            FAULT("after_claim_commit")
            self.lanes.claimed(lanes, runs, n)
            self._take(runs)
        return runs

    def take(self, runs: Sequence[ClaimedRun]) -> None:
        """Take runs that were claimed for this node in another way (``app.run``)."""
        self._take(runs)

    def take_service(self, run: ClaimedRun) -> None:
        """Take the run of an instance of a service that was started under this node."""
        self._in_hand[run.id] = (run, "service")
        self._empty.clear()
        self._crews["service"].pool.submit(run)

    def holds(self, run_id: str) -> bool:
        """Tell whether a body of this run may still be here."""
        return run_id in self._in_hand or run_id in self._leaving

    def _take(self, runs: Sequence[ClaimedRun]) -> None:
        self.claimed += len(runs)
        if self.owners is not None and self.owners.lost and runs:  # somebody may do less than they once could: whose are these?
            self._track(asyncio.get_running_loop().create_task(self._take_permitted(runs, self.owners)))
        else:
            self._begin(runs)

    async def _take_permitted(self, runs: Sequence[ClaimedRun], owners: OwnerBoard) -> None:
        """Begin what its owners may still start, and give the rest back."""
        try:
            refused = await owners.refused(runs)
            is_sure = self._presence.may_start(self._clock())
        except StoreError:
            refused, is_sure = set(), False
        for run in runs:
            if not is_sure:
                self._decide(run, Released(Reason.NOT_STARTED), 0.0, [])
            elif run.id in refused:
                self._decide(run, Released(Reason.OWNER_GONE), 0.0, [])
        self._begin([run for run in runs if is_sure and run.id not in refused])

    def _begin(self, runs: Sequence[ClaimedRun]) -> None:
        unclear: list[ClaimedRun] = []
        for run in runs:
            if self._presence.is_quiet:  # the claim was under way when the node was told to stop
                self._decide(run, Released(Reason.NOT_STARTED), 0.0, [])
                continue
            task = self._tasks.get(run.task)
            if task is None:
                self._track(asyncio.get_running_loop().create_task(self._release_unknown(run)))
                continue
            if self._switches.is_off(task.spec):  # it was on its way here when the task was disabled
                self._decide(run, Released(Reason.DISABLED), 0.0, [])
                continue
            if run.id in self._leaving:  # it came back while its old body here still cleans up
                self._decide(run, Released(Reason.NOT_STARTED, QUARANTINE_DELAY), 0.0, [])
                continue
            if run.suspicion == Suspicion.NODE:
                if self._has_suspect():
                    self._decide(run, Released(Reason.NOT_STARTED, QUARANTINE_DELAY), 0.0, [])
                    continue
                self._suspected.add(run.id)
            if run.params_version > task.spec.params_version:
                log.warning("the run %s waits for newer code: its parameters are of version %d", run.id, run.params_version)
                self._decide(run, Released(Reason.NEWER_PARAMS, NEWER_DELAY), 0.0, [])
                continue
            name = pool_for(task, run, self._isolation)
            if name not in self._crews:
                self._decline(run, name)
                continue
            self._in_hand[run.id] = (run, name)
            self._empty.clear()
            if run.queue == EXPENSIVE_QUEUE:
                self._brought(self._crews[name], 1)
            if self.stages.must_look(run, task):
                unclear.append(run)
                continue
            if run.params_version != task.spec.params_version:
                self.stages.enclose(run)
            self._crews[name].pool.submit(run)
        if unclear:
            self._track(asyncio.get_running_loop().create_task(self._look_and_submit(unclear)))

    async def _look_and_submit(self, runs: list[ClaimedRun]) -> None:
        """Read what is to be known about runs besides their claim, and hand them over; those that cannot be are given back."""
        try:
            running = await self.stages.look(runs)
        except StoreError:
            running = []
        for run in runs:
            held = self._in_hand.get(run.id)
            if held is None or held[0] is not run:
                self._leaving.discard(run.id)  # taken from this node meanwhile: there is no body whose end would say so
                continue
            if run not in running or self._presence.is_quiet:
                self._release([run])
            elif run.ending is not None and self._tasks[run.task].hooks.rollback is None:
                del self._in_hand[run.id]
                self._dropped(run, held[1])
                self._settle(run, without_rollback(run), 0.0, [])
                if not self._in_hand:
                    self._empty.set()
            else:
                self._crews[held[1]].pool.submit(run)

    def resize(self, name: PoolName, slots: int) -> None:
        """Give a pool so many slots from now on."""
        crew = self._crews[name]
        crew.pool.resize(slots + crew.expensive)
        self.wake()

    def _brought(self, crew: _Crew, slots: int) -> None:
        """Note that an expensive run has come with its slot, or has gone with it (-1)."""
        crew.expensive += slots
        crew.pool.resize(crew.pool.size + slots)

    def _dropped(self, run: ClaimedRun, name: PoolName) -> None:
        if run.queue == EXPENSIVE_QUEUE:
            self._brought(self._crews[name], -1)
            self.wake()  # the next one may come

    def _decline(self, run: ClaimedRun, name: PoolName) -> None:
        """Give a run back whose task was registered when this node had its pools already, and none of them is for it."""
        if run.task not in self._homeless:
            self._homeless.add(run.task)
            log.warning(
                "the task %r was registered after this node had started, without a pool for %s bodies: its runs are left to other nodes; "
                "start this one again to carry them out here", run.task, name,
            )  # fmt: skip
        self._decide(run, Released(Reason.UNKNOWN_TASK, UNKNOWN_DELAY), 0.0, [])

    async def _release_unknown(self, run: ClaimedRun) -> None:
        """Give a run back whose task this node does not know: later to others, or out of the lanes where no live node knows it."""
        read_at, known = self._known_elsewhere
        if self._clock() - read_at > 5:
            try:
                known = frozenset(await self._store.nodes.known_tasks())
                self._known_elsewhere = (self._clock(), known)
            except StoreError:
                known = frozenset({run.task})  # cannot tell now: let it wait a little
        outcome = Released(Reason.UNKNOWN_TASK, UNKNOWN_DELAY) if run.task in known else Released(Reason.NO_CAPABLE_NODE)
        if run.task not in known:
            log.warning("no live node knows the task %r: the run %s waits, blocked, until one does", run.task, run.id)
        self._decide(run, outcome, 0.0, [])

    async def _adopt_uncertain(self) -> None:
        """Take the runs of claims whose answer was lost: they are this node's, and nobody else would ever look for them."""
        while self._uncertain:
            runs = await self._store.runs.claimed_under(self._uncertain[-1], self._presence.id)
            self._uncertain.pop()
            self._take([run for run in runs if run.id not in self._in_hand])

    async def _audit(self, now: float) -> None:
        """Compare what the store says this node holds with what it knows; what it does not know in two looks is given back.

        One look proves nothing: a run may come to this node, or leave it, while the question is under way.
        """
        known = self._in_hand.keys() | self.recorder.unwritten()
        held = await self._store.runs.held_by(self._presence.id)
        known |= self._in_hand.keys() | self.recorder.unwritten()
        strangers = {(id_, claim_id) for id_, claim_id in held.items() if id_ not in known}
        sure = strangers & self._strangers
        self._strangers = strangers - sure
        self._audit_at = now + (AUDIT_AGAIN if self._strangers else AUDIT_EVERY)
        for claim_id in sorted({claim_id for _, claim_id in sure}):  # one question a claim: each walks over all that the node ever held
            for run in await self._store.runs.claimed_under(claim_id, self._presence.id):
                if (run.id, claim_id) in sure and run.id not in self._in_hand:
                    log.warning("the run %s was this node's without its knowledge: it is given back", run.id)
                    self._decide(run, Released(Reason.NOT_STARTED), 0.0, [])

    # -- the pools' report

    def finished(self, run: ClaimedRun, outcome: Outcome, ran_ms: float, tail: list[Record]) -> None:
        """Take the end of an attempt from a pool."""
        if run.id in self._leaving:
            self._leaving.discard(run.id)
            return  # the node lost the run meanwhile; nothing may be written about it
        held = self._in_hand.pop(run.id, None)
        if not self._in_hand:
            self._empty.set()
        if held is None:
            return
        crew = self._crews[held[1]]
        self._dropped(run, held[1])
        crew.finished += 1
        if run.extras is None or "stage" not in run.extras:
            pace = self._paces.get(run.task)
            if pace is None:
                pace = self._paces[run.task] = _Pace()
            pace.add(ran_ms)
        if self.observe is not None:
            self.observe(run, outcome, ran_ms)
        self._decide(run, outcome, ran_ms, tail)
        if self._is_hungry:
            self.wake()

    def _decide(self, run: ClaimedRun, outcome: Outcome, ran_ms: float, tail: list[Record]) -> None:
        if type(outcome) is Completed and run.extras is None:
            self.recorder.completed(run, outcome.result, ran_ms, tail)
            return
        if (told := self.stages.ends_on_error(run, outcome, tail)) is not None:
            self._settle(run, *told)
            return
        keeper = self.keeper if run.pool == PoolKind.SERVICE else None
        if keeper is not None:
            decision, tail = keeper.decide(run, outcome), keeper.heard(run, tail)
            if decision.state is RunState.FAILED and not isinstance(outcome, Lost):
                outcome = Failed(decision.error or {})
        elif type(outcome) is Completed and run.ending is None:
            self.recorder.completed(run, outcome.result, ran_ms, tail)
            return
        else:
            decision = self._decision(run, outcome)
        if self.stages.begins_on_error(run, outcome, decision, ran_ms):
            if keeper is not None and run.extras is not None:
                run.extras = {**run.extras, "will_retry": keeper.is_followed(run, decision)}
            if tail:
                self.recorder.said(run, tail)
            task = self._tasks[run.task]
            name = "solo" if isinstance(outcome, Lost) and "solo" in self._crews else pool_for(task, run, self._isolation)
            self._in_hand[run.id] = (run, name)
            self._empty.clear()
            if run.queue == EXPENSIVE_QUEUE:
                self._brought(self._crews[name], 1)
            self._crews[name].pool.submit(run)
            return
        self._settle(run, decision, ran_ms, tail)

    def _settle(self, run: ClaimedRun, decision: Decision, ran_ms: float, tail: list[Record]) -> None:
        if decision.pool is not None:
            run.pool = decision.pool
        if decision.ending is not None:
            run.pool = PoolKind.ROLLBACK  # the lane that it waits in now
        self.recorder.decided(run, decision, ran_ms, tail)

    def _decision(self, run: ClaimedRun, outcome: Outcome) -> Decision:
        task = self._tasks.get(run.task)
        retry = (task.spec.retry if task is not None else None) or self._default_retry
        decision = decide_whole(run, outcome, retry, may_owe=task is None or task.hooks.rollback is not None)
        if run.is_suspect and decision.suspicion is Suspicion.NONE and task is not None:
            decision = replace(decision, pool=self._home_of(task))
        return decision

    def _home_of(self, task: Task[..., Any]) -> PoolKind:
        """Return the pool in whose lanes runs of a task wait that are under no suspicion."""
        isolation = self._isolation if task.spec.isolation is Isolation.PROCESS else task.spec.isolation
        return PoolKind.of(isolation, is_async=task.spec.is_async, is_repeatable=task.spec.is_repeatable)

    def recorded(self, run: ClaimedRun, records: list[Record]) -> None:
        """Take what a running body says."""
        if run.id in self._in_hand:
            if run.pool == PoolKind.SERVICE and self.keeper is not None and not (records := self.keeper.heard(run, records)):
                return
            self.recorder.said(run, records)

    def finishing(self, run: ClaimedRun, records: list[Record], reply: Callable[[Sequence[Record]], None]) -> None:
        """Keep our hands off a run that its own body completes."""
        if run.pool == PoolKind.SERVICE and self.keeper is not None:
            records = self.keeper.heard(run, records)
        if run.id not in self._in_hand:
            reply([])  # the run is somebody else's, and its claim refuses what comes
        elif self.recorder.is_appending(run.id):
            self._track(asyncio.get_running_loop().create_task(self._make_way(run, records, reply)))
        else:
            reply(self.recorder.hold_back(run, records))

    async def _make_way(self, run: ClaimedRun, records: list[Record], reply: Callable[[Sequence[Record]], None]) -> None:
        under_way = await self.recorder.appended(run.id)
        reply([*under_way, *self.recorder.hold_back(run, records)])

    def unlocking(self, run: ClaimedRun, references: Sequence[str], reply: Unlocked) -> None:
        """Open secrets for a body."""

        async def answer() -> None:
            if self.vault is None:
                reply({}, dict.fromkeys(references, "this node has no vault"))
            else:
                reply(*await self.vault.open(references, run.task, run.tenant))

        self._track(asyncio.get_running_loop().create_task(answer()))

    def asked(self, run: ClaimedRun, request: EnqueueRequest, reply: Callable[[EnqueueReply], None]) -> None:
        """Enqueue for a body."""

        async def answer() -> None:
            try:
                answered = await self._spawn(request, run)
            except Exception as error:  # noqa: BLE001 - a task's validate may raise anything, and the body waits for an answer
                answered = EnqueueReply(
                    code=MainspringError.code, message=f"{request.task} is not enqueued: {type(error).__name__}: {said_by(error)}"
                )
            reply(answered)

        self._track(asyncio.get_running_loop().create_task(answer()))

    def _track(self, task: asyncio.Task[None]) -> None:
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    # -- the recorder's answer

    def accepted(self, ended: Sequence[str]) -> None:
        """Hear from the recorder of runs that have ended."""
        self.on_ended(ended)
        if self._suspected:
            self.wake()  # the next one may come

    def put_back(self, runs: Sequence[ClaimedRun]) -> None:
        """Hear from the recorder of runs that wait again, and not for long."""
        self.on_put_back(runs)

    def let_go(self, keys: Collection[str]) -> None:
        """Hear from the recorder of limits that may have room now."""
        self.on_let_go(keys)

    def refused(self, runs: Sequence[ClaimedRun]) -> None:
        """Hear from the recorder of runs that are no longer this node's: their bodies are cancelled."""
        for run in runs:
            held = self._in_hand.get(run.id)
            if held is None or held[0].claim_id == run.claim_id:  # it may have come back to this very node, under another claim
                self._lose(run.id)

    def _lose(self, run_id: str) -> None:
        held = self._in_hand.pop(run_id, None)
        self.recorder.forget(run_id)
        self.stages.forget(run_id)
        if held is not None:
            log.warning("the run %s is no longer this node's: its body is cancelled, nothing of it is written", run_id)
            self._leaving.add(run_id)
            self._crews[held[1]].pool.cancel(run_id, "shutdown")
            self._dropped(*held)
        if not self._in_hand:
            self._empty.set()

    # -- stopping

    def cancel(self, run_ids: Sequence[str]) -> None:
        """Stop runs that somebody asked to stop. Those that have failed already and are being rolled back go on."""
        for run_id in run_ids:
            held = self._in_hand.get(run_id)
            if held is not None and held[0].ending is None and not self.stages.is_telling(run_id):
                self._crews[held[1]].pool.cancel(run_id, "requested")

    def abandon(self) -> None:
        """Let go of everything: others have declared this node dead, so every write would be refused."""
        for run_id in list(self._in_hand):
            self._lose(run_id)

    def stop_unrepeatable(self) -> None:
        """Stop the bodies that must not run twice, while the lease still holds."""
        for run, name in list(self._in_hand.values()):
            if run.is_repeatable or (run.pool == PoolKind.SERVICE and self.keeper is not None and self.keeper.may_outlive(run)):
                continue
            self._crews[name].pool.cancel(run.id, "shutdown")

    def release_unstarted(self) -> None:
        """Give back what no body has begun."""
        for crew in self._crews.values():
            self._release(crew.pool.unstarted())

    def _release(self, runs: Sequence[ClaimedRun]) -> None:
        for run in runs:
            if (held := self._in_hand.pop(run.id, None)) is not None:
                self._dropped(*held)
                self._decide(run, Released(Reason.NOT_STARTED), 0.0, [])
        if not self._in_hand:
            self._empty.set()

    async def drained(self, timeout: float) -> bool:
        """Wait until nothing is in hand, or for the timeout; answers whether it is so."""
        try:
            async with asyncio.timeout(timeout):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    async def settled(self) -> None:
        """Wait until nothing is under way that could still bring a run here or say something about one."""
        async with self._claiming:
            pass
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def close(self) -> None:
        """Give up what is still under way: nobody waits for it any more, and the store may be closed next."""
        left = list(self._asking)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, self.recorder.close(), return_exceptions=True)

    def hint(self, lane: Lane | None) -> None:
        """Hear that a lane grew (None: somewhere), and look at once."""
        if lane is None:
            self.lanes.look_again()
        elif not self._queues or lane.queue in self._queues:
            self.lanes.hinted(lane)
        self.wake()


def _kinds(name: PoolName, there: set[PoolName], isolation: Isolation) -> tuple[PoolKind, ...]:
    """Return the kinds of lanes that a pool serves.

    A lane is named by whoever enqueued; what has no pool here (another default, an older definition) goes through the one that is always
    there, and each run is carried out where its task says.
    """
    if isolation is Isolation.INLINE:
        return tuple(_POOL_OF) if name == "inline" else ()
    otherwise: PoolName = "thread" if isolation is Isolation.THREAD and "thread" in there else "inline"
    return tuple(kind for kind in _POOL_OF if (_POOL_OF[kind] if _POOL_OF[kind] in there else otherwise) == name)
