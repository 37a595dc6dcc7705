"""Services: side tasks that run until somebody stops them. The decorator, the frozen policy behind it, and what follows from what.

A service is not enqueued: nodes start it, watch it and start it again. Each start is a run (origin ``service``) of one attempt, so that its
log, its outcome and its history are those of runs. What is to be done next is decided here, by functions from values to values; the
supervisor of each node carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Never, ParamSpec, Protocol, TypeVar, cast, overload

from mainspring.core.category import DEFAULT_CATEGORY
from mainspring.core.depends import Call, plan_hook
from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError, Conflict, Problem
from mainspring.core.node import NodeState
from mainspring.core.policy import Isolation, Priority, Retry, check_whole
from mainspring.core.run import (
    AttemptOutcome,
    CancelledByRequest,
    Completed,
    Decision,
    ErrorKind,
    Failed,
    Lost,
    Outcome,
    Reason,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
)
from mainspring.core.state import RunState
from mainspring.core.task import Task, TaskSpec, task

if TYPE_CHECKING:
    from mainspring.core.params import Params

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

ORIGIN = "service"  # of the runs that supervisors make
QUEUE = "services"  # a word for lists: these runs wait in no lane
PROBE_TIMEOUT = timedelta(seconds=10)  # a probe that takes longer has failed; the time between two probes where that is shorter
SHORTEST, LONGEST = timedelta(milliseconds=1), timedelta(days=30)


class Restart(StrEnum):
    """When an instance that has ended by itself is followed by another."""

    ALWAYS = "always"  # also when it returned
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Instances(StrEnum):
    """How many there are of a service."""

    ONE = "one"  # one in the whole fleet
    PER_NODE = "per-node"


class Switchover(StrEnum):
    """What comes first when the node of the fleet's one instance is leaving."""

    STOP_FIRST = "stop-first"  # the old one ends, then another begins: never two
    READY_FIRST = "ready-first"  # the old one goes on until the new one says that it is ready: never none


class ServiceState(StrEnum):
    """What an instance of a service is doing."""

    WAITING = "waiting"  # for a node that starts it
    STARTING = "starting"  # its body runs and has not said yet that it is ready
    RUNNING = "running"
    STOPPING = "stopping"
    BACKOFF = "backoff"  # it has ended, and is started again after a while
    STOPPED = "stopped"  # by an operator, or disabled
    COMPLETED = "completed"  # it returned, and its policy leaves it at that
    FAILED = "failed"  # it failed, and its policy leaves it at that: an operator has to start it

    @property
    def is_up(self) -> bool:
        """Tell whether there is, or was just now, a run."""
        return self in (ServiceState.STARTING, ServiceState.RUNNING, ServiceState.STOPPING)


class StopReason(StrEnum):
    """Why an instance is asked to stop; the run that ends so carries it as its reason."""

    STOPPED = "stopped"  # an operator stopped or disabled it
    RESTART = "restart"  # an operator wants a fresh one
    SHUTDOWN = "shutdown"  # its node is leaving
    HANDED_OVER = "handed_over"  # the one that takes over is ready
    SUPERSEDED = "superseded"  # another instance has its place
    UNHEALTHY = "unhealthy"  # its probe failed too often
    NOT_READY = "not_ready"  # it did not become ready in time

    @property
    def is_failure(self) -> bool:
        """Tell whether it is the instance's own fault."""
        return self in (StopReason.UNHEALTHY, StopReason.NOT_READY)


CRASH_LOOP = "crash_loop"  # the reason of a service that was started again too often within its window


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """How a service is supervised. ``ready_timeout`` None: it counts as ready when its body begins."""

    restart: Restart = Restart.ALWAYS
    backoff: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(minutes=5)
    max_restarts: int = 5
    within: timedelta = timedelta(minutes=10)
    instances: Instances = Instances.ONE
    probe_every: timedelta = timedelta(seconds=30)
    probe_failures: int = 3
    ready_timeout: timedelta | None = None
    switch: Switchover = Switchover.STOP_FIRST
    stop_within: timedelta = timedelta(seconds=10)

    @property
    def probe_timeout(self) -> timedelta:
        """How long one probe may take."""
        return min(self.probe_every, PROBE_TIMEOUT)

    def delay_before(self, restart: int) -> timedelta:
        """Return how long to wait before the restart with this number within the window (from 1): doubling, up to the cap."""
        seconds = self.backoff.total_seconds() * 2.0 ** min(restart - 1, 60)
        return timedelta(seconds=min(seconds, self.cap.total_seconds()))


# -- what a node knows of an instance, and what it does about it


@dataclass(frozen=True, slots=True)
class Standing:
    """An instance as the store has it at ``now`` (its clock). ``place`` is empty for the one of the fleet, else the name of a node.

    ``run_state`` is None where ``run_id`` is neither running nor remembered. ``holder`` is the state of the node that it was started on
    last, ``holder_until`` the end of that one's lease. ``crashes`` are the ends that were followed by a restart, ``restart_of`` the run
    that an operator wants replaced, ``leaving_id`` the run that a successor takes over from.
    """

    name: str
    place: str
    state: ServiceState
    is_wanted: bool
    is_enabled: bool
    now: datetime
    version: int = 0
    fence: int = 0
    run_id: str | None = None
    run_state: RunState | None = None
    run_reason: str | None = None
    run_error: Mapping[str, Any] | None = None
    node_id: str | None = None
    holder: NodeState | None = None
    holder_until: datetime | None = None
    started_at: datetime | None = None
    next_start_at: datetime | None = None
    crashes: tuple[datetime, ...] = ()
    restart_of: str | None = None
    leaving_id: str | None = None
    leaving_is_running: bool = False

    @property
    def may_run(self) -> bool:
        """Whether operators and code want it to run."""
        return self.is_wanted and self.is_enabled

    @property
    def is_running(self) -> bool:
        """Whether a node has it in hand, as far as the store knows."""
        return self.run_state is RunState.RUNNING


@dataclass(frozen=True, slots=True)
class Me:
    """The node that asks. ``runs`` are the service runs in its hands, ``has_others``: another node could take over."""

    node_id: str
    may_start: bool = True
    is_leaving: bool = False
    has_others: bool = True
    runs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is to be done now; ``after`` says in how long there may be, if that is known."""

    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start it here, if nobody is faster. ``succeeds``: the one that is leaving goes on until this one is ready."""

    succeeds: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a run in this node's hands to stop."""

    run_id: str
    why: StopReason


@dataclass(frozen=True, slots=True)
class Ended:
    """Write down that its run is over, and what follows from that.

    ``restarts`` is 1 where another start follows after a crash; ``is_alert``: somebody has to look.
    """

    state: ServiceState
    reason: str | None = None
    delay: timedelta | None = None
    crashes: tuple[datetime, ...] = ()
    restarts: int = 0
    is_alert: bool = False


Move = Nothing | Start | Stop | Ended


def next_move(policy: ServicePolicy, at: Standing, me: Me) -> Move:
    """Say what a node does about an instance now. Pure: any number of nodes may ask, the store lets one of them do it."""
    if at.run_id is not None and at.is_running and at.run_id in me.runs:
        return _own(policy, at, me)
    if at.leaving_id is not None and at.leaving_id in me.runs and not at.may_run:
        return Stop(at.leaving_id, StopReason.STOPPED)
    if at.state.is_up and not at.is_running:
        return after_end(policy, at)
    if not at.may_run:
        if at.state in (ServiceState.WAITING, ServiceState.BACKOFF):
            return Ended(ServiceState.STOPPED, StopReason.STOPPED)
        return Nothing()
    if at.is_running:
        is_left = policy.switch is Switchover.READY_FIRST and at.holder is NodeState.DRAINING and not at.leaving_is_running
        takes_over = is_left and at.state is not ServiceState.STOPPING and me.may_start and at.restart_of != at.run_id
        return Start(succeeds=True) if takes_over else Nothing()
    if at.state in (ServiceState.COMPLETED, ServiceState.FAILED) or not me.may_start:
        return Nothing()
    if at.leaving_is_running:  # its successor ended before it was ready; it is still there, and another successor may come
        return Start(succeeds=True) if _is_due(at) else Nothing(_wait(at))
    return Start() if _is_due(at) and _is_free(at) else Nothing(_wait(at))


def _own(policy: ServicePolicy, at: Standing, me: Me) -> Move:
    assert at.run_id is not None
    if at.state is ServiceState.STOPPING:
        return Nothing()
    if not at.may_run:
        return Stop(at.run_id, StopReason.STOPPED)
    if at.restart_of == at.run_id:
        return Stop(at.run_id, StopReason.RESTART)
    if me.is_leaving and (policy.switch is Switchover.STOP_FIRST or policy.instances is Instances.PER_NODE or not me.has_others):
        return Stop(at.run_id, StopReason.SHUTDOWN)
    if at.state is ServiceState.STARTING and policy.ready_timeout is not None and at.started_at is not None:
        late = at.now - at.started_at - policy.ready_timeout
        return Stop(at.run_id, StopReason.NOT_READY) if late >= timedelta() else Nothing(-late)
    return Nothing()


def _is_due(at: Standing) -> bool:
    return at.next_start_at is None or at.next_start_at <= at.now


def _is_free(at: Standing) -> bool:
    """Tell whether nobody can still be running it: a node that was declared dead may go on until its lease is over."""
    return at.holder is not NodeState.DEAD or at.holder_until is None or at.holder_until < at.now


def _wait(at: Standing) -> timedelta | None:
    times = [at.next_start_at, None if _is_free(at) else at.holder_until]
    known = [each - at.now for each in times if each is not None and each > at.now]
    return max(known) + timedelta(milliseconds=1) if known else None


def after_end(policy: ServicePolicy, at: Standing) -> Ended:
    """Say what follows when the run of an instance is over: nothing more, or another start, at once or after a while.

    What was stopped on purpose costs nothing. A failure, a loss with its node and, under ``always``, a return count towards
    ``max_restarts`` within the window; the first loss within it is followed by a start at once.
    """
    if not at.may_run:
        return Ended(ServiceState.STOPPED, StopReason.STOPPED)
    state, reason = at.run_state, at.run_reason
    if state is RunState.CANCELLED and reason == Reason.REQUESTED and policy.restart is not Restart.ALWAYS:
        return Ended(ServiceState.COMPLETED, reason)
    if state is RunState.CANCELLED and reason == Reason.NOT_STARTED:  # no child could be had, or it was stopped before one was
        return Ended(ServiceState.BACKOFF, reason, policy.backoff, at.crashes)
    if state is RunState.CANCELLED or (state is None and at.run_id is None):
        return Ended(ServiceState.WAITING, reason, crashes=at.crashes)
    if state in (RunState.COMPLETED, RunState.SKIPPED):
        if policy.restart is not Restart.ALWAYS:
            return Ended(ServiceState.COMPLETED, reason)
    elif policy.restart is Restart.NEVER or (at.run_error or {}).get("type") == "Fail":
        return Ended(ServiceState.FAILED, reason, is_alert=True)
    recent = tuple(each for each in at.crashes if at.now - each < policy.within)
    if len(recent) >= policy.max_restarts:
        return Ended(ServiceState.FAILED, CRASH_LOOP, crashes=recent, is_alert=True)
    is_loss = state is None or not state.is_final or reason in (Reason.INTERRUPTED, Reason.LOST)
    is_first_loss = is_loss and not recent
    delay = timedelta() if is_first_loss else policy.delay_before(len(recent) + 1)
    return Ended(ServiceState.BACKOFF, reason, delay, (*recent, at.now), restarts=1)


# -- how a run of a service ends


def decide_service(outcome: Outcome, why: StopReason | None) -> Decision:
    """Say how the run of an instance ends; ``why`` it was asked to stop, if it was. There is no other attempt: a restart is a new run."""
    if why is not None and why.is_failure:
        said = "its probe failed too often" if why is StopReason.UNHEALTHY else "it did not become ready in time"
        told = {"kind": ErrorKind.SYSTEM, "type": "ServiceUnhealthy", "message": f"the service was stopped: {said}", "traceback": ""}
        return Decision(RunState.FAILED, AttemptOutcome.FAILED, why, error=told)
    if why is not None and not isinstance(outcome, (Failed, TimedOut)):
        return Decision(RunState.CANCELLED, AttemptOutcome.CANCELLED, why)
    match outcome:
        case Completed(result):
            return Decision(RunState.COMPLETED, AttemptOutcome.COMPLETED, result=result)
        case Skipped(said):
            return Decision(RunState.SKIPPED, AttemptOutcome.SKIPPED, said)
        case Failed(error, _, _, reason):
            return Decision(RunState.FAILED, AttemptOutcome.FAILED, reason, error=error)
        case TimedOut(error):
            return Decision(RunState.FAILED, AttemptOutcome.TIMEOUT, error=error)
        case CancelledByRequest(error):
            return Decision(RunState.CANCELLED, AttemptOutcome.CANCELLED, Reason.REQUESTED, error=error)
        case Lost(reason, error):
            lost = Reason.INTERRUPTED if reason in (Reason.LOST, Reason.SHUTDOWN) else reason
            return Decision(RunState.FAILED, AttemptOutcome.LOST, lost, error=error)
        case Snoozed():
            return Decision(RunState.SKIPPED, AttemptOutcome.SKIPPED, "snoozed")
        case Released(reason, _):
            return Decision(RunState.CANCELLED, AttemptOutcome.RELEASED, reason)


# -- the definition


@dataclass(frozen=True, slots=True)
class ServiceHooks:
    """Functions of a service beside its body and ``on_error``."""

    probe: Callable[..., Any] | None = None
    on_shutdown: Callable[..., Any] | None = None


class Service(Task[P, R_co]):
    """A definition of a side task: inert, frozen, and callable as the plain function that it wraps. It is started, never enqueued."""

    is_service: ClassVar[bool] = True

    def __init__(
        self, made: Task[..., Any], spec: TaskSpec, problems: Sequence[Problem], policy: ServicePolicy, beside: ServiceHooks
    ) -> None:
        super().__init__(made.fn, spec, problems, made.hooks, made.given)
        self.policy, self.beside = policy, beside
        self.probe: Call | None = None
        self.on_shutdown: Call | None = None

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        if self.filled:
            self._demand_filled(args, kwargs)
        return cast("R_co", self.fn(*args, **kwargs))

    def __repr__(self) -> str:
        return f"<service {self.spec.name} at {self.spec.source}>"

    def options(self, **options: Any) -> Never:
        """Refuse: a service has no options of a call."""
        raise not_enqueued(self.name)

    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Never:
        """Refuse: a service is started."""
        raise not_enqueued(self.name)

    def variant(self, **overrides: Any) -> Never:
        """Refuse: write a second service around the same function instead."""
        raise ConfigurationError(
            f"a service has no variants: write service(name=…)({self.spec.source.qualname}) for a second one like {self.name!r}"
        )

    def _plan(self, params: Params | None) -> Iterator[Problem]:
        yield from super()._plan(params)
        if params is not None and params.names:
            what = "nobody gives a service parameters: take the context and what Depends(…) fills in, or read settings"
            yield from (Problem(name, what) for name in params.names)
        for name in ("probe", "on_shutdown"):
            function = getattr(self.beside, name)
            if function is not None:
                plan, found = plan_hook(function, ())
                setattr(self, name, plan)
                yield from (Problem(f"{name}: {parameter}", what) for parameter, what in found)


def not_enqueued(name: str) -> Conflict:
    """Return the error of who enqueues a service, or takes it for a task."""
    return Conflict(
        f"{name!r} is a service: it is started, not enqueued; nodes do that by themselves, or 'mainspring services start {name}' "
        f"('mainspring services show {name}' tells of it)"
    )


class ServiceDecorator(Protocol):
    """What ``@service(...)`` returns."""

    def __call__(self, fn: Callable[P, R], /) -> Service[P, R]: ...


@overload
def service(fn: Callable[P, R], /) -> Service[P, R]: ...
@overload
def service(
    *, name: str | None = None, title: str | None = None, description: str | None = None, category: str = ..., icon: str | None = None,
    tags: Sequence[str] = (), danger: str | None = None, priority: Priority | str = ..., enabled: bool = True,
    requires: Sequence[str] | str = (), isolation: Isolation | str = ...,
    restart: Restart | str = ..., backoff: Duration = ..., cap: Duration = ..., max_restarts: int = 5, within: Duration = ...,
    instances: Instances | str = ..., switch: Switchover | str = ..., ready_timeout: Duration | None = None,
    stop_within: Duration = ..., probe: Callable[..., Any] | None = None, probe_every: Duration = ..., probe_failures: int = 3,
    on_error: Callable[..., Any] | None = None, on_shutdown: Callable[..., Any] | None = None,
) -> ServiceDecorator: ...  # fmt: skip


def service(
    fn: Callable[..., Any] | None = None, /, *, name: str | None = None, title: str | None = None, description: str | None = None,
    category: str = DEFAULT_CATEGORY, icon: str | None = None, tags: Sequence[str] = (), danger: str | None = None,
    priority: Priority | str = Priority.MEDIUM, enabled: bool = True, requires: Sequence[str] | str = (),
    isolation: Isolation | str = Isolation.PROCESS,
    restart: Restart | str = Restart.ALWAYS, backoff: Duration = "5s", cap: Duration = "5m", max_restarts: int = 5,
    within: Duration = "10m", instances: Instances | str = Instances.ONE, switch: Switchover | str = Switchover.STOP_FIRST,
    ready_timeout: Duration | None = None, stop_within: Duration = "10s",
    probe: Callable[..., Any] | None = None, probe_every: Duration = "30s", probe_failures: int = 3,
    on_error: Callable[..., Any] | None = None, on_shutdown: Callable[..., Any] | None = None,
) -> Any:  # fmt: skip
    """Make a function a service: nodes start it, keep it running and stop it. It takes the context first, or nothing.

    The body goes on until ``ctx.stopping``; ``await ctx.sleep(seconds)`` returns early then. It has ``stop_within`` to return, together
    with ``on_shutdown``, which is called once when it is asked to stop; then it is cancelled (SIGTERM for a ``def``), and at last killed.

    ``instances`` is ``"one"`` in the whole fleet, with a fencing number in ``ctx.fence`` that grows with every start, or ``"per-node"``.
    ``restart`` is ``"always"``, ``"on-failure"`` or ``"never"``: after ``backoff``, doubling up to ``cap``; after ``max_restarts`` within
    ``within`` it has failed, which is an alert, and an operator starts it again. ``priority`` orders what a node starts first.

    ``ready_timeout``: the body says ``ctx.ready()`` within that time, or is started anew; without it, it is ready when it begins.
    ``switch="ready-first"`` lets the instance of a leaving node go on until its successor is ready; ``"stop-first"`` never has two.
    ``probe`` is asked every ``probe_every``, in the service's own process, whether all is well: it raises or returns False where not.
    After ``probe_failures`` in a row the service is started anew. ``on_error`` hears of each failure, as with tasks.

    A bad definition does not raise here but when the registry is built, together with all others.
    """
    common: dict[str, Any] = {
        "name": name, "title": title, "description": description, "category": category, "icon": icon, "tags": tags, "danger": danger,
        "priority": priority, "enabled": enabled, "requires": requires, "isolation": isolation, "on_error": on_error, "queue": QUEUE,
    }  # fmt: skip

    def decorate(function: Callable[..., Any]) -> Service[..., Any]:
        made = cast("Any", task)(**common)(function)
        where = f"{made.spec.source} {made.name}"
        problems = list(made.problems_told())

        def check(make: Callable[..., T], *values: Any, otherwise: T) -> T:
            try:
                return make(*values)
            except ConfigurationError as error:
                problems.append(Problem(where, str(error)))
                return otherwise

        usual = ServicePolicy()
        check(check_whole, max_restarts, 0, 1000, "max_restarts", otherwise=None)
        check(check_whole, probe_failures, 1, 1000, "probe_failures", otherwise=None)
        hooks = {"probe": probe, "on_shutdown": on_shutdown}
        policy = ServicePolicy(
            restart=check(_word, Restart, restart, "restart", otherwise=usual.restart),
            backoff=check(_time, backoff, "backoff", otherwise=usual.backoff),
            cap=check(_time, cap, "cap", otherwise=usual.cap),
            max_restarts=max_restarts,
            within=check(_time, within, "within", otherwise=usual.within),
            instances=check(_word, Instances, instances, "instances", otherwise=usual.instances),
            probe_every=check(_time, probe_every, "probe_every", otherwise=usual.probe_every),
            probe_failures=probe_failures,
            ready_timeout=None if ready_timeout is None else check(_time, ready_timeout, "ready_timeout", otherwise=None),
            switch=check(_word, Switchover, switch, "switch", otherwise=usual.switch),
            stop_within=check(_time, stop_within, "stop_within", otherwise=usual.stop_within),
        )
        if policy.switch is Switchover.READY_FIRST and policy.instances is Instances.PER_NODE:
            said = "switch='ready-first' hands the fleet's one instance over: with instances='per-node' there is nobody to hand over to"
            problems.append(Problem(where, said))
        beside = ServiceHooks(**{each: check(_function, given, each, otherwise=None) for each, given in hooks.items()})
        spec = replace(made.spec, is_repeatable=False, retry=Retry(retries=0), timeout=None, deadline=None)
        return Service(made, spec, problems, policy, beside)

    return decorate if fn is None else decorate(fn)


def _time(value: Duration, name: str) -> timedelta:
    found = parse_duration(value, name)
    if not SHORTEST <= found <= LONGEST:
        raise ConfigurationError(f"{name}={value!r} is out of range: from 1ms to 30 days")
    return found


E = TypeVar("E", bound=StrEnum)


def _word(kind: type[E], value: E | str, name: str) -> E:
    try:
        return kind(value)
    except ValueError:
        raise ConfigurationError(f"{name}={value!r} is unknown: choose one of {', '.join(kind)}") from None


def _function(value: object, name: str) -> Callable[..., Any] | None:
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name}={value!r}: a function is needed")
    return cast("Callable[..., Any] | None", value)


# -- as people read it


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """An instance as the store tells it to people; ``place`` is empty for the fleet's one, and ``facts`` what the code says of it."""

    name: str
    place: str
    instances: Instances
    state: ServiceState
    is_wanted: bool
    is_enabled: bool
    is_enabled_in_code: bool
    reason: str | None
    error: Mapping[str, Any] | None
    run_id: str | None
    is_running: bool
    node_id: str | None
    node: str | None
    fence: int
    starts: int
    restarts: int
    crashes: int
    started_at: datetime | None
    ready_at: datetime | None
    ended_at: datetime | None
    next_start_at: datetime | None
    is_healthy: bool | None
    probed_at: datetime | None
    changed_at: datetime
    changed_by: str | None
    change_reason: str | None
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of a probe; ``ms`` is how long it took, ``memory`` bytes and ``cpu`` processor seconds of the process so far."""

    at: datetime
    is_ok: bool
    ms: float
    message: str | None
    memory: int | None
    cpu: float | None
    run_id: str | None
