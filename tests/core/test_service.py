"""Services as definitions, and what follows from what: pure, so every case is a line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring import Context, Depends, Priority, service
from mainspring.core.errors import ConfigurationError, Conflict
from mainspring.core.node import NodeState
from mainspring.core.run import (
    AttemptOutcome,
    CancelledByRequest,
    Completed,
    Failed,
    Lost,
    Outcome,
    Released,
    Skipped,
    Snoozed,
    TimedOut,
)
from mainspring.core.service import (
    Ended,
    Instances,
    Me,
    Nothing,
    Restart,
    Service,
    ServicePolicy,
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
from mainspring.core.state import RunState

NOW = datetime(2031, 3, 4, 9, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
USUAL = ServicePolicy()


# -- definitions


@service
async def watch(ctx: Context) -> None:
    """Watch the inbox."""


def well() -> bool:
    return True


@service(name="sweeper", category="maintenance", priority="high", restart="on-failure", instances="per-node", probe=well, stop_within="3s")
def sweep() -> int:
    return 3


def test_a_definition_is_inert_and_still_the_plain_function() -> None:
    assert (watch.name, watch.spec.title, watch.spec.description, watch.policy) == ("watch", "Watch", "Watch the inbox.", USUAL)
    assert (sweep.name, sweep.spec.category, sweep.spec.priority) == ("sweeper", "maintenance", Priority.HIGH)
    assert (sweep.policy.restart, sweep.policy.instances, sweep.policy.stop_within) == (Restart.ON_FAILURE, Instances.PER_NODE, 3 * SECOND)
    assert sweep.problems() == watch.problems() == ()
    assert sweep.probe is not None
    assert sweep() == 3
    assert isinstance(watch, Service)
    assert (watch.spec.is_repeatable, watch.spec.retry and watch.spec.retry.retries, watch.spec.timeout) == (False, 0, None)


def test_who_enqueues_a_service_is_told_that_it_is_started() -> None:
    with pytest.raises(Conflict, match="'watch' is a service: it is started, not enqueued.*mainspring services start watch"):
        asyncio.run(cast("Any", watch).enqueue())
    with pytest.raises(Conflict, match="is a service"):
        watch.options(delay="5s")
    with pytest.raises(ConfigurationError, match="no variants"):
        watch.variant(name="other")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"restart": "sometimes"}, "restart='sometimes' is unknown: choose one of always, on-failure, never"),
        ({"instances": "two"}, "instances='two' is unknown: choose one of one, per-node"),
        ({"switch": "later"}, "switch='later' is unknown"),
        ({"backoff": "soon"}, "backoff"),
        ({"stop_within": "0s"}, "stop_within='0s' is out of range"),
        ({"max_restarts": -1}, "max_restarts=-1"),
        ({"probe_failures": 0}, "probe_failures=0"),
        ({"probe": "no"}, "probe='no': a function is needed"),
        ({"switch": "ready-first", "instances": "per-node"}, "nobody to hand over to"),
        ({"name": "two words"}, "name='two words' is not allowed"),
        ({"requires": "speed>=3"}, "requires='speed>=3'"),
    ],
)
def test_everything_that_is_wrong_is_told_at_once_with_field_value_and_remedy(options: dict[str, Any], told: str) -> None:
    made = service(**options)(lambda: None) if "name" in options else service(name="x", **options)(lambda: None)
    assert any(told in problem.what for problem in made.problems()), [str(each) for each in made.problems()]


def test_parameters_that_nobody_gives_are_problems() -> None:
    def client() -> str:
        return "client"

    @service(on_shutdown=lambda where: None)
    async def bad(ctx: Context, folder: str, mail: str = Depends(client)) -> None: ...

    told = [str(each) for each in bad.problems()]
    assert any("bad(folder)" in each and "nobody gives a service parameters" in each for each in told)
    assert any("on_shutdown: where" in each for each in told)
    assert len(told) == 2


class Sink:
    """Where the words of a body go that hears more than words."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        self.told.append(kind)

    def rest(self, context: Context, seconds: float) -> Any:
        self.told.append(f"rests {seconds:g}")

    def log(self, level: str, message: str, data: Mapping[str, Any] | None) -> None: ...

    def progress(self, current: float, total: float | None, message: str | None, stage: str | None) -> None: ...

    def attach(self, source: Any, name: str | None, media_type: str | None) -> Any: ...


def test_what_a_context_says_of_a_service_and_what_it_says_elsewhere() -> None:
    sink = Sink()
    ctx = Context(run_id="r", task="t", attempt=1, claim_id="c", queue="q", tenant="", sink=sink)
    ctx.ready()
    assert (ctx.fence, ctx.is_ready, sink.told) == (None, False, [])
    ctx.serve(7)
    ctx.ready()
    ctx.ready()
    ctx.sleep("1m")
    assert (ctx.fence, ctx.is_ready, sink.told) == (7, True, ["ready", "rests 60"])
    woken: list[int] = []
    ctx.on_stop(lambda: woken.append(1))
    ctx.stop()
    assert (ctx.stopping, woken) == (True, [1])
    with pytest.raises(ConfigurationError, match="ctx.sleep"):
        ctx.sleep("soon")


# -- what follows the end of a run


def standing(**fields: Any) -> Standing:
    usual: dict[str, Any] = {
        "name": "mail", "place": "", "state": ServiceState.RUNNING, "is_wanted": True, "is_enabled": True, "now": NOW, "run_id": "r",
        "node_id": "a", "holder": NodeState.ALIVE, "run_state": RunState.RUNNING, "version": 1, "fence": 1, "started_at": NOW - MINUTE,
    }  # fmt: skip
    return Standing(**usual | fields)


def over(state: RunState | None = RunState.FAILED, reason: str | None = None, **fields: Any) -> Standing:
    return standing(run_state=state, run_reason=reason, **fields)


@pytest.mark.parametrize(
    ("policy", "at", "state", "delay"),
    [
        (USUAL, over(), ServiceState.BACKOFF, 5),
        (USUAL, over(reason="crashed"), ServiceState.BACKOFF, 5),
        (USUAL, over(reason="interrupted"), ServiceState.BACKOFF, 0),
        (USUAL, over(None), ServiceState.BACKOFF, 0),
        (USUAL, over(reason="interrupted", crashes=(NOW - MINUTE,)), ServiceState.BACKOFF, 10),
        (USUAL, over(run_error={"type": "Fail"}), ServiceState.FAILED, None),
        (USUAL, over(RunState.COMPLETED), ServiceState.BACKOFF, 5),
        (USUAL, over(RunState.CANCELLED, "requested"), ServiceState.WAITING, None),
        (USUAL, over(RunState.CANCELLED, "shutdown"), ServiceState.WAITING, None),
        (USUAL, over(RunState.CANCELLED, "restart"), ServiceState.WAITING, None),
        (USUAL, over(RunState.CANCELLED, "not_started"), ServiceState.BACKOFF, 5),
        (USUAL, over(is_wanted=False), ServiceState.STOPPED, None),
        (USUAL, over(is_enabled=False), ServiceState.STOPPED, None),
        (ServicePolicy(restart=Restart.ON_FAILURE), over(), ServiceState.BACKOFF, 5),
        (ServicePolicy(restart=Restart.ON_FAILURE), over(RunState.COMPLETED), ServiceState.COMPLETED, None),
        (ServicePolicy(restart=Restart.ON_FAILURE), over(RunState.SKIPPED), ServiceState.COMPLETED, None),
        (ServicePolicy(restart=Restart.ON_FAILURE), over(RunState.CANCELLED, "requested"), ServiceState.COMPLETED, None),
        (ServicePolicy(restart=Restart.NEVER), over(), ServiceState.FAILED, None),
        (ServicePolicy(restart=Restart.NEVER), over(RunState.COMPLETED), ServiceState.COMPLETED, None),
        (ServicePolicy(restart=Restart.NEVER), over(RunState.CANCELLED, "shutdown"), ServiceState.WAITING, None),
        (ServicePolicy(max_restarts=0), over(), ServiceState.FAILED, None),
    ],
)
def test_what_follows_an_end(policy: ServicePolicy, at: Standing, state: ServiceState, delay: float | None) -> None:
    ended = after_end(policy, at)
    assert (ended.state, ended.delay) == (state, None if delay is None else timedelta(seconds=delay))
    assert ended.is_alert is (state is ServiceState.FAILED)


@pytest.mark.scenario("P2", part="core")
def test_the_wait_doubles_and_after_five_restarts_in_the_window_it_has_failed() -> None:
    crashes: tuple[datetime, ...] = ()
    now, delays = NOW, []
    for _ in range(5):
        ended = after_end(USUAL, over(now=now, crashes=crashes))
        assert (ended.state, ended.restarts, ended.is_alert) == (ServiceState.BACKOFF, 1, False)
        assert ended.delay is not None
        delays.append(ended.delay.total_seconds())
        crashes, now = ended.crashes, now + ended.delay
    assert delays == [5, 10, 20, 40, 80]
    ended = after_end(USUAL, over(now=now, crashes=crashes))
    assert (ended.state, ended.reason, ended.is_alert, ended.restarts) == (ServiceState.FAILED, "crash_loop", True, 0)
    later = after_end(USUAL, over(now=now + timedelta(minutes=11), crashes=crashes))
    assert (later.state, later.delay, len(later.crashes)) == (ServiceState.BACKOFF, 5 * SECOND, 1)  # the window has passed


def test_the_wait_has_a_cap_whatever_is_asked() -> None:
    policy = ServicePolicy(backoff=timedelta(days=30), cap=timedelta(minutes=5), max_restarts=1000)
    assert {policy.delay_before(n) for n in (1, 2, 60, 1000)} == {timedelta(minutes=5)}


@given(
    steps=st.lists(st.tuples(st.sampled_from(["crash", "loss", "return"]), st.integers(0, 900)), max_size=40),
    most=st.integers(0, 8),
    within=st.integers(1, 1200),
)
def test_never_more_restarts_in_a_window_than_allowed(steps: list[tuple[str, int]], most: int, within: int) -> None:
    policy = ServicePolicy(max_restarts=most, within=timedelta(seconds=within))
    now, crashes, restarts = NOW, tuple[datetime, ...](), list[datetime]()
    ends = {"crash": over(), "loss": over(reason="interrupted"), "return": over(RunState.COMPLETED)}
    for kind, ran in steps:
        now += timedelta(seconds=ran)
        at = ends[kind]
        ended = after_end(policy, over(at.run_state, at.run_reason, now=now, crashes=crashes))
        if ended.state is ServiceState.FAILED:
            assert sum(now - each < policy.within for each in restarts) >= most
            return
        assert ended.delay is not None
        assert timedelta() <= ended.delay <= policy.cap
        restarts.append(now)
        crashes = ended.crashes
        assert sum(now - each < policy.within for each in restarts) <= most
        now += ended.delay


# -- what a node does next

HERE = Me("a", runs=frozenset({"r"}))
THERE = Me("b")
NEXT_DUE = {"state": ServiceState.BACKOFF, "run_state": RunState.FAILED}
READY_FIRST = ServicePolicy(switch=Switchover.READY_FIRST)


@pytest.mark.parametrize(
    ("policy", "at", "me", "move"),
    [
        (USUAL, standing(), HERE, Nothing()),
        (USUAL, standing(), THERE, Nothing()),
        (USUAL, standing(is_wanted=False), HERE, Stop("r", StopReason.STOPPED)),
        (USUAL, standing(is_enabled=False), HERE, Stop("r", StopReason.STOPPED)),
        (USUAL, standing(is_wanted=False), THERE, Nothing()),
        (USUAL, standing(is_wanted=False, state=ServiceState.STARTING), HERE, Stop("r", StopReason.STOPPED)),  # while it starts
        (USUAL, standing(is_wanted=False, state=ServiceState.STOPPING), HERE, Nothing()),
        (USUAL, standing(restart_of="r"), HERE, Stop("r", StopReason.RESTART)),
        (USUAL, standing(restart_of="older"), HERE, Nothing()),
        (USUAL, standing(), Me("a", runs=frozenset({"r"}), is_leaving=True), Stop("r", StopReason.SHUTDOWN)),
        (READY_FIRST, standing(), Me("a", runs=frozenset({"r"}), is_leaving=True), Nothing()),
        (READY_FIRST, standing(), Me("a", runs=frozenset({"r"}), is_leaving=True, has_others=False), Stop("r", StopReason.SHUTDOWN)),
        (READY_FIRST, standing(holder=NodeState.DRAINING), THERE, Start(succeeds=True)),
        (USUAL, standing(holder=NodeState.DRAINING), THERE, Nothing()),
        (READY_FIRST, standing(holder=NodeState.DRAINING), Me("b", may_start=False), Nothing()),
        (READY_FIRST, standing(holder=NodeState.DRAINING, state=ServiceState.STOPPING), THERE, Nothing()),
        (READY_FIRST, standing(holder=NodeState.DRAINING, leaving_id="o", leaving_is_running=True), THERE, Nothing()),
        (READY_FIRST, standing(**NEXT_DUE, leaving_id="o", leaving_is_running=True), THERE, Start(succeeds=True)),
        (READY_FIRST, standing(is_wanted=False, leaving_id="o", leaving_is_running=True), Me("c", runs=frozenset({"o"})),
         Stop("o", StopReason.STOPPED)),
        (ServicePolicy(ready_timeout=MINUTE), standing(state=ServiceState.STARTING), HERE, Stop("r", StopReason.NOT_READY)),
        (ServicePolicy(ready_timeout=2 * MINUTE), standing(state=ServiceState.STARTING), HERE, Nothing(MINUTE)),
        (USUAL, standing(state=ServiceState.WAITING, run_state=None, run_id=None, holder=None), THERE, Start()),
        (USUAL, standing(state=ServiceState.WAITING, run_state=None, run_id=None, holder=None), Me("b", may_start=False), Nothing()),
        (USUAL, standing(state=ServiceState.WAITING, run_state=None, run_id=None, is_enabled=False), THERE,
         Ended(ServiceState.STOPPED, StopReason.STOPPED)),
        (USUAL, standing(**NEXT_DUE, is_enabled=False), THERE, Ended(ServiceState.STOPPED, StopReason.STOPPED)),  # in backoff
        (USUAL, standing(**NEXT_DUE, next_start_at=NOW), THERE, Start()),
        (USUAL, standing(**NEXT_DUE, next_start_at=NOW + MINUTE), THERE, Nothing(MINUTE + timedelta(milliseconds=1))),
        (USUAL, standing(**NEXT_DUE, holder=NodeState.DEAD, holder_until=NOW + MINUTE), THERE, Nothing(MINUTE + timedelta(milliseconds=1))),
        (USUAL, standing(**NEXT_DUE, holder=NodeState.DEAD, holder_until=NOW - SECOND), THERE, Start()),
        (USUAL, standing(**NEXT_DUE, holder=NodeState.STOPPED, holder_until=NOW + MINUTE), THERE, Start()),
        (USUAL, standing(state=ServiceState.STOPPED, run_state=RunState.CANCELLED), THERE, Start()),  # it was wanted or enabled again
        (USUAL, standing(state=ServiceState.STOPPED, run_state=RunState.CANCELLED, is_wanted=False), THERE, Nothing()),
        (USUAL, standing(state=ServiceState.COMPLETED, run_state=RunState.COMPLETED), THERE, Nothing()),
        (USUAL, standing(state=ServiceState.FAILED, run_state=RunState.FAILED), THERE, Nothing()),
    ],
)  # fmt: skip
def test_what_a_node_does_next(policy: ServicePolicy, at: Standing, me: Me, move: object) -> None:
    assert next_move(policy, at, me) == move


def test_any_node_writes_down_an_end() -> None:
    for me in (HERE, THERE, Me("c", may_start=False)):
        assert isinstance(next_move(USUAL, over(RunState.CANCELLED, "shutdown"), me), Ended)


# -- how the run itself ends

OUTCOMES: list[Outcome] = [
    Completed("1"), Failed({"type": "ValueError"}), TimedOut({}), CancelledByRequest(None), Skipped("nothing"), Snoozed(SECOND),
    Lost("lost", {}, is_alone=True), Lost("crashed", {}, is_alone=True), Released("not_started"),
]  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("why", [None, *StopReason])
def test_a_run_of_a_service_always_ends_and_is_never_tried_again(outcome: Outcome, why: StopReason | None) -> None:
    decision = decide_service(outcome, why)
    assert decision.state.is_final
    if why is not None and why.is_failure:
        assert (decision.state, decision.reason) == (RunState.FAILED, why)
    elif why is not None and not isinstance(outcome, (Failed, TimedOut)):
        assert (decision.state, decision.reason, decision.outcome) == (RunState.CANCELLED, why, AttemptOutcome.CANCELLED)


def test_a_loss_says_whether_the_node_or_the_process_went() -> None:
    assert [decide_service(each, None).reason for each in OUTCOMES[6:8]] == ["interrupted", "crashed"]
