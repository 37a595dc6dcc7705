"""The supervisor: starts services, sees that they are ready and healthy, stops them, and starts them again after they have ended.

One on each node, and no leader: each looks at the rows of the services that it knows, asks `mainspring.core.service.next_move` what to do,
and does it by compare-and-set, so that of any number of supervisors one succeeds. What a node has in its hands the worker tells; everything
else is in the store, so that a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from mainspring.core.errors import StoreError
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.node import NodeState
from mainspring.core.notice import Severity
from mainspring.core.run import ClaimedRun, Decision, Lost, Outcome
from mainspring.core.service import (
    Ended,
    Instances,
    Me,
    Service,
    ServiceState,
    Standing,
    Start,
    Stop,
    StopReason,
    Switchover,
    after_end,
    decide_service,
    next_move,
)
from mainspring.core.task import Task
from mainspring.engine.loop import log
from mainspring.engine.presence import Presence
from mainspring.engine.records import Record
from mainspring.store.services import Answer, Declared
from mainspring.store.store import Store

if TYPE_CHECKING:
    from mainspring.engine.service_pools import ServicePools

EVERY = 2.0  # seconds between looks when nothing is due
RARELY = 60.0  # where there is nothing to supervise
PRUNE_EVERY = 600.0
START_SLACK = 5.0  # seconds that a process may take to begin before its probe is missed
MARGIN = 1.0  # seconds before the end of the lease at which what the fleet has one of is over here


class Hands(Protocol):
    """What the supervisor asks of the worker."""

    def take_service(self, run: ClaimedRun) -> None:
        """Carry out the run of an instance."""

    def holds(self, run_id: str) -> bool:
        """Tell whether a body of this run may still be here."""

    def runs_in_hand(self) -> list[ClaimedRun]:
        """Return the runs that this node is responsible for."""

    def cancel(self, run_ids: Sequence[str]) -> None:
        """Ask runs to stop."""


@dataclass(slots=True)
class _Mine:
    """An instance that was started under this node."""

    service: Service[..., Any]
    place: str
    at: Standing
    heard_at: float  # when its probe answered last, or is to be counted from
    why: StopReason | None = None
    is_ready: bool = False
    is_told: bool = False  # the store knows that it is ready
    failures: int = 0
    said: str | None = None


@dataclass(slots=True)
class _Try:
    """A start whose answer was lost."""

    at: Standing
    run_id: str
    claim_id: str
    node_id: str


class Supervisor:
    """One node's supervisor: a `Loop`, and the worker's `ServiceKeeper`. ``problem`` says why it starts nothing, as a code."""

    name = "supervisor"

    def __init__(
        self, store: Store, tasks: Mapping[str, Task[..., Any]], presence: Presence, hands: Hands, *, clock: Callable[[], float],
        problem: str | None = None,
    ) -> None:  # fmt: skip
        self._store, self._tasks, self._presence, self._hands, self._clock = store, tasks, presence, hands, clock
        self.problem = problem
        self.pool: ServicePools | None = None
        self.wake: Callable[[], None] = lambda: None
        self._ids = IdMaker()
        self._mine: dict[str, _Mine] = {}  # by run
        self._answers: list[tuple[float, Answer]] = []
        self._tries: list[_Try] = []
        self._declared: frozenset[str] = frozenset()
        self._pruned_at = float("-inf")
        self._dirty = False

    # -- what it knows

    @property
    def services(self) -> dict[str, Service[..., Any]]:
        """The services that may start here, by name; the most urgent first."""
        if self.problem is not None or self.pool is None:
            return {}
        found = [task for task in self._tasks.values() if isinstance(task, Service)]
        return {each.name: each for each in sorted(found, key=lambda each: (each.spec.priority, each.name))}

    def lease_left(self) -> float:
        """Return for how many seconds this node may still run what the fleet has one of."""
        presence = self._presence
        return presence.renewed_at + presence.lease - min(MARGIN, presence.lease / 10) - self._clock()

    def _place_of(self, service: Service[..., Any]) -> str:
        return "" if service.policy.instances is Instances.ONE else self._presence.name

    async def declare(self) -> None:
        """Write down what the code of this node says of its services."""
        services = self.services
        said = [
            Declared(each.name, place, each.policy.instances, each.spec.is_enabled, facts_of(each))
            for each in services.values() for place in dict.fromkeys(("", self._place_of(each)))
        ]  # fmt: skip
        await self._store.services.declare(said, by=self._presence.name)
        self._declared = frozenset(services)

    # -- the round

    async def tick(self) -> float:
        """Look at every service of this node once, and do what is to be done; answers at once when something was."""
        services = self.services
        if not services:
            return RARELY
        if self._declared != services.keys():
            await self.declare()
        now = self._clock()
        await self._adopt()
        await self._listen(now)
        in_hand = {run.id for run in self._hands.runs_in_hand()}
        for run_id in [each for each in self._mine if not self._hands.holds(each)]:
            del self._mine[run_id]
        mine = [run_id for run_id in self._mine if run_id in in_hand]
        self._dirty = False
        seen = {(each.standing.name, each.standing.place): each.standing for each in await self._store.services.look(self._presence.name)}
        me = Me(
            self._presence.id, may_start=self._presence.may_start(now), is_leaving=self._presence.is_draining,
            has_others=await self._has_others(services), runs=frozenset(mine),
        )  # fmt: skip
        wait = EVERY
        for service in services.values():
            at = seen.get((service.name, self._place_of(service)))
            if at is not None:
                wait = min(wait, await self._move(service, at, me))
        await self._stop_unknown(mine, seen)
        if now - self._pruned_at >= PRUNE_EVERY:
            self._pruned_at = now
            await self._store.services.prune()
        return 0.0 if self._dirty else wait

    async def _move(self, service: Service[..., Any], at: Standing, me: Me) -> float:
        """Do what is to be done about an instance; answers after how many seconds to look again."""
        if at.run_id is not None and (held := self._mine.get(at.run_id)) is not None:
            held.at = at
        match next_move(service.policy, at, me):
            case Start(succeeds):
                await self._start(service, at, succeeds=succeeds)
            case Stop(run_id, why):
                await self._stop(run_id, why)
            case Ended() as ended:
                await self._end(service, at, ended)
            case nothing:
                after = getattr(nothing, "after", None)
                return EVERY if after is None else max(after.total_seconds(), 0.01)
        return EVERY

    async def _start(self, service: Service[..., Any], at: Standing, *, succeeds: bool) -> None:
        if any(each.service.name == at.name and each.place == at.place and self._hands.holds(run) for run, each in self._mine.items()):
            return  # an old body of it is still cleaning up here
        run_id, claim_id = self._ids.make(int(at.now.timestamp() * 1000)), make_claim_id()
        is_ready = service.policy.ready_timeout is None
        try:
            begun = await self._store.services.start(
                at, run_id, claim_id, self._presence.id, priority=service.spec.priority, is_ready=is_ready, succeeds=succeeds
            )
        except StoreError:
            self._tries.append(_Try(at, run_id, claim_id, self._presence.id))
            raise
        if begun is not None:
            self._take(service, at, *begun)

    def _take(self, service: Service[..., Any], at: Standing, run: ClaimedRun, fence: int) -> None:
        run.extras = {"service": fence}
        is_ready = service.policy.ready_timeout is None
        standing = replace(at, run_id=run.id, fence=fence, version=at.version + 1, restart_of=None)
        self._mine[run.id] = _Mine(service, at.place, standing, self._clock() + START_SLACK, is_ready=is_ready, is_told=is_ready)
        log.info("the service %s starts%s (run %s, fence %d)", at.name, f" on {at.place}" if at.place else "", run.id, fence)
        self._hands.take_service(run)

    async def _adopt(self) -> None:
        """Take what a start began whose answer was lost: it is in this node's hands, and nobody else would ever look for it."""
        while self._tries:
            tried = self._tries[-1]
            runs = [] if tried.node_id != self._presence.id else await self._store.runs.claimed_under(tried.claim_id, tried.node_id)
            self._tries.pop()
            service = self.services.get(tried.at.name)
            if runs and service is not None and not self._hands.holds(tried.run_id):
                self._take(service, tried.at, runs[0], tried.at.fence + 1)

    async def _stop(self, run_id: str, why: StopReason) -> None:
        held = self._mine.get(run_id)
        if held is None or held.why is not None:
            return
        held.why = why
        log.info("the service %s is asked to stop: %s (run %s)", held.service.name, why, run_id)
        self._hands.cancel([run_id])
        await self._store.services.stopping(held.service.name, held.place, run_id)

    async def _stop_unknown(self, mine: Sequence[str], seen: Mapping[tuple[str, str], Standing]) -> None:
        """Stop what is here and no row speaks of any more: a successor has taken over, or it was replaced."""
        for run_id in mine:
            held = self._mine[run_id]
            at = seen.get((held.service.name, held.place))
            if at is None or run_id not in (at.run_id, at.leaving_id):
                is_ready = at is not None and at.state is ServiceState.RUNNING
                await self._stop(run_id, StopReason.HANDED_OVER if is_ready else StopReason.SUPERSEDED)

    async def _end(self, service: Service[..., Any], at: Standing, ended: Ended) -> None:
        if not await self._store.services.end(at, ended):
            return
        self._dirty = self._dirty or ended.state in (ServiceState.WAITING, ServiceState.BACKOFF)
        said = {
            "reason": ended.reason, "fence": at.fence, "place": at.place or None, "crashes": len(ended.crashes),
            "delay": None if ended.delay is None else ended.delay.total_seconds(), "error": (at.run_error or {}).get("message"),
        }  # fmt: skip
        data = {key: value for key, value in said.items() if value is not None}
        if ended.is_alert:
            log.error("the service %s has failed (%s): an operator has to start it", at.name, ended.reason)
            await self._tell(at, "service_failed", Severity.ALERT, data)
        elif ended.restarts:
            await self._tell(at, "service_restarts", Severity.WARNING, data)
        elif ended.state in (ServiceState.STOPPED, ServiceState.COMPLETED) and at.state.is_up:
            await self._tell(at, f"service_{ended.state}", Severity.INFO, data)

    async def _tell(self, at: Standing, kind: str, severity: Severity, data: Mapping[str, Any]) -> None:
        await self._store.notices.add(f"service:{at.name}", kind, severity=severity, data=data, run_id=at.run_id)

    async def _has_others(self, services: Mapping[str, Service[..., Any]]) -> bool:
        """Tell whether another node could take over what this one is to hand over; only a node that is leaving asks."""
        hands_over = any(each.policy.switch is Switchover.READY_FIRST for each in services.values())
        if not self._presence.is_draining or not hands_over:
            return True
        return any(
            node.state is NodeState.ALIVE and node.id != self._presence.id and services.keys() & set(node.facts.get("services", ()))
            for node in await self._store.nodes.list()
        )

    # -- health

    async def _listen(self, now: float) -> None:
        """Write down what instances have said, miss the answers that have not come, and stop who is not well."""
        for run_id, held in list(self._mine.items()):
            if held.is_ready and not held.is_told:
                await self._store.services.ready(held.service.name, held.place, run_id)
                held.is_told = True
            self._miss(run_id, held, now)
        answers, self._answers = self._answers, []
        if answers:
            try:
                await self._store.services.sample([replace(each, age=max(now - at, 0.0)) for at, each in answers])
            except StoreError:
                self._answers = [*answers, *self._answers][-1000:]
                raise
        for run_id, held in list(self._mine.items()):
            if held.failures >= held.service.policy.probe_failures and held.why is None:
                log.warning("the service %s is unhealthy: %s (run %s)", held.service.name, held.said, run_id)
                await self._stop(run_id, StopReason.UNHEALTHY)

    def _miss(self, run_id: str, held: _Mine, now: float) -> None:
        policy = held.service.policy
        if held.service.probe is None or not held.is_ready or held.why is not None:
            return
        every, most = policy.probe_every.total_seconds(), policy.probe_timeout.total_seconds()
        if now - held.heard_at > every + most + EVERY:
            self._heard(run_id, held, now, is_ok=False, ms=most * 1000, said="no answer")
            held.heard_at = now - most - EVERY  # the next is missed when another such while has passed

    def _heard(self, run_id: str, held: _Mine, at: float, *, is_ok: bool, ms: float, said: str | None) -> None:
        held.failures, held.said = 0 if is_ok else held.failures + 1, said
        memory, cpu = (None, None) if self.pool is None else self.pool.usage(run_id)
        self._answers.append((at, Answer(held.service.name, held.place, run_id, 0.0, is_ok, ms, said, memory, cpu)))
        if held.failures >= held.service.policy.probe_failures:
            self.wake()

    # -- what the worker asks

    def heard(self, run: ClaimedRun, records: list[Record]) -> list[Record]:
        """Take what an instance says of its health, and return the rest."""
        held = self._mine.get(run.id)
        for record in records if held is not None else ():
            if record.kind == "ready" and held is not None:
                held.is_ready, held.heard_at = True, self._clock()
                self.wake()
            elif record.kind == "probe" and held is not None and record.data is not None:
                held.heard_at = self._clock()
                data = record.data
                self._heard(run.id, held, record.at, is_ok=bool(data["ok"]), ms=float(data["ms"]), said=data["said"])
        return [record for record in records if record.kind not in ("ready", "probe")]

    def decide(self, run: ClaimedRun, outcome: Outcome) -> Decision:
        """Say how the run of an instance ends."""
        held = self._mine.get(run.id)
        why = None if held is None else held.why
        if why is None and isinstance(outcome, Lost) and outcome.is_innocent and self._presence.is_draining:
            why = StopReason.SHUTDOWN  # nobody took over in time, and the node has left
        self.wake()
        return decide_service(outcome, why)

    def is_followed(self, run: ClaimedRun, decision: Decision) -> bool:
        """Tell whether an instance is started again after this end, as far as is known here."""
        held = self._mine.get(run.id)
        if held is None:
            return False
        at = replace(held.at, run_state=decision.state, run_reason=decision.reason, run_error=decision.error)
        return after_end(held.service.policy, at).state is ServiceState.BACKOFF

    def may_outlive(self, run: ClaimedRun) -> bool:
        """Tell whether an instance may go on although this node's lease is ending: each node has its own."""
        held = self._mine.get(run.id)
        return held is not None and held.service.policy.instances is Instances.PER_NODE

    def ended(self, run_ids: Sequence[str]) -> None:
        """Hear that runs are over in the store, too."""
        if not self._mine.keys().isdisjoint(run_ids):
            self.wake()


def facts_of(service: Service[..., Any]) -> dict[str, Any]:
    """Return what people are told of a service where its code is not about."""
    spec, policy = service.spec, service.policy
    return {
        "title": spec.title, "description": spec.description, "category": spec.category, "icon": spec.icon, "tags": list(spec.tags),
        "priority": spec.priority.name.lower(), "restart": str(policy.restart), "max_restarts": policy.max_restarts,
        "backoff": policy.backoff.total_seconds(), "within": policy.within.total_seconds(), "switch": str(policy.switch),
        "stop_within": policy.stop_within.total_seconds(), "has_probe": service.beside.probe is not None,
        "probe_every": policy.probe_every.total_seconds(),
        "defined_at": str(spec.source),
    }  # fmt: skip
