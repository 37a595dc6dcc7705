"""Pulses in the store: their record, what is due, what may be claimed in little time, and whom a pulse may bury."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from mainspring.core.ids import make_claim_id
from mainspring.core.pulse import Deferred, PulseReport, PulseState, Why, judge
from mainspring.store.pulses import Due
from mainspring.store.runs import Within
from tests.store.harness import Stage

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
GRACE = timedelta(seconds=5)


def report(**fields: object) -> PulseReport:
    values: dict[str, object] = {"id": None, "source": "api", "budget": 10 * SECOND, "duration": SECOND} | fields
    return PulseReport(**values)  # type: ignore[arg-type]  # the fields of a test are its own business


async def test_a_pulse_is_known_from_its_beginning_and_told_at_its_end(stage: Stage) -> None:
    pulses, node = stage.store.pulses, await stage.node()
    assert await pulses.page() == []
    number = await pulses.begin("http", node, 10 * SECOND)
    assert number is not None
    (open_,) = await pulses.page()
    assert (open_.source, open_.node_id, open_.budget, open_.started_at) == ("http", node, 10 * SECOND, stage.clock.now)
    assert (open_.finished_at, open_.is_ok, open_.deferred) == (None, None, ())
    await stage.clock.advance(4)
    deferred = (Deferred("slow", 3, Why.TOO_LONG, MINUTE), Deferred("mail", 1, Why.NO_TIME))
    done = report(fired=2, executed=7, succeeded=5, failed=2, given_back=1, remaining=4, deferred=deferred, errors={"limiter": "no"})
    assert await pulses.end(number, done)
    assert not await pulses.end(number, done)
    (told,) = await pulses.page()
    assert told.duration == 4 * SECOND
    assert (told.fired, told.executed, told.succeeded, told.failed, told.given_back, told.remaining) == (2, 7, 5, 2, 1, 4)
    assert (told.is_ok, told.error, told.deferred) == (False, "limiter: no", deferred)


async def test_pages_go_back_in_time_and_old_ones_are_forgotten(stage: Stage) -> None:
    pulses = stage.store.pulses
    numbers = []
    for _ in range(5):
        numbers.append(await pulses.begin("api", None, SECOND))
        await stage.clock.advance(3600)
    assert [each.id for each in await pulses.page(n=2)] == [numbers[4], numbers[3]]
    assert [each.id for each in await pulses.page(before=numbers[3] or 0, n=2)] == [numbers[2], numbers[1]]
    latest, now = await pulses.latest()
    assert (len(latest), now) == (5, stage.clock.now)
    assert await pulses.prune(timedelta(hours=3), n=2) == 2
    assert await pulses.prune(timedelta(hours=3)) == 0
    assert [each.id for each in await pulses.page()] == numbers[:1:-1]


@pytest.mark.scenario("V6", part="store")
async def test_a_signed_request_counts_once_however_many_bring_it_at_once(stage: Stage) -> None:
    pulses = stage.store.pulses
    answers = await asyncio.gather(*(pulses.begin("http", None, SECOND, request="mark") for _ in range(8)))
    assert len([each for each in answers if each is not None]) == 1
    assert await pulses.begin("http", None, SECOND, request="another") is not None
    assert await pulses.begin("http", None, SECOND) is not None
    assert await pulses.begin("http", None, SECOND) is not None
    assert len(await pulses.page()) == 4


async def test_a_runner_covers_what_a_pulse_is_expected_to_do(stage: Stage) -> None:
    pulses = stage.store.pulses
    assert not await pulses.is_covered()
    for role in ("pulse", "worker", "serve", "local"):
        await stage.node(role, role=role)
    await stage.node("older release")
    assert not await pulses.is_covered()
    runner = await stage.node("runner", role="all")
    assert await pulses.is_covered()
    await stage.nodes.stop(runner)
    assert not await pulses.is_covered()
    await stage.node("scheduler", role="scheduler")
    assert await pulses.is_covered()
    await stage.clock.advance(61)
    assert not await pulses.is_covered()


@pytest.mark.scenario("V3", part="store")
async def test_a_pulse_past_its_lease_is_dead_and_others_get_time_to_come_back(stage: Stage) -> None:
    pulses = stage.store.pulses
    me = await stage.node("me", role="pulse", lease=timedelta(hours=1))
    killed = await stage.node("killed", role="pulse", lease=20 * SECOND)
    worker = await stage.node("worker", role="all", lease=20 * SECOND)
    await stage.clock.advance(20)
    assert await pulses.bury(me) == []
    await stage.clock.advance(1)
    assert await pulses.bury(me) == [killed]
    await stage.clock.advance(58)
    assert await pulses.bury(me) == []  # three leases past its own: maybe it was only cut off from the database
    await stage.clock.advance(2)
    assert await pulses.bury(me) == [worker]
    assert await pulses.bury(me) == []


@pytest.mark.scenario("V2", part="store")
async def test_only_what_fits_and_is_wanted_is_claimed(stage: Stage) -> None:
    node = await stage.node()
    short = await stage.add_new(2, task="short", timeout=timedelta(seconds=5))
    exact = await stage.add_new(1, task="short", timeout=timedelta(seconds=8))
    await stage.add_new(2, task="short", timeout=timedelta(milliseconds=8001))
    default = await stage.add_new(1, task="bare", timeout=None)
    await stage.add_new(1, task="other", timeout=SECOND)

    async def claim(room: float, default: timedelta, n: int = 10) -> list[str]:
        within = Within(("short", "bare"), timedelta(seconds=room), default)
        return [run.id for run in await stage.runs.claim(node, make_claim_id(), await stage.lanes(), n, GRACE, within=within)]

    assert await claim(4.999, 5 * MINUTE) == []
    assert await claim(8, 5 * MINUTE, n=1) == short[:1]
    assert await claim(8, 5 * MINUTE) == [*short[1:], *exact]
    assert await claim(8, 5 * SECOND) == default
    assert await claim(8, 5 * SECOND) == []


async def test_a_claim_within_a_bound_keeps_every_other_rule(stage: Stage) -> None:
    node = await stage.node()
    within = Within(("t",), MINUTE, MINUTE)
    await stage.add_new(1, queue="paused")
    await stage.store.queues.pause("paused")
    late = stage.new(deadline=SECOND)
    await stage.add(late)
    await stage.clock.advance(2)
    lanes = await stage.lanes()
    assert await stage.runs.claim(node, make_claim_id(), lanes, 10, GRACE, within=within) == []
    (run,) = await stage.add_new(1)
    stopped = await stage.node("stopped")
    await stage.nodes.stop(stopped)
    assert await stage.runs.claim(stopped, make_claim_id(), await stage.lanes(), 10, GRACE, within=within) == []
    (claimed,) = await stage.runs.claim(node, make_claim_id(), await stage.lanes(), 10, GRACE, within=within)
    assert (claimed.id, claimed.attempt) == (run, 1)
    await stage.complete(claimed)


async def test_what_is_due_is_counted_alike_by_alike(stage: Stage) -> None:
    pulses = stage.store.pulses
    assert await pulses.due() == []
    await stage.add_new(3, task="mail", timeout=SECOND)
    await stage.add_new(1, task="mail", timeout=MINUTE)
    await stage.add_new(1, task="mail", queue="slow", timeout=SECOND)
    await stage.store.queues.pause("slow")
    await stage.add_new(2, task="later", delay=10 * SECOND)
    assert [(each.task, each.queue, each.runs, each.is_paused) for each in await pulses.due()] == [
        ("mail", "default", 3, False), ("mail", "default", 1, False), ("mail", "slow", 1, True),
    ]  # fmt: skip
    await stage.clock.advance(11)
    later = [each for each in await pulses.due() if each.kind == "due"]
    assert [(each.task, each.runs) for each in later] == [("later", 2)]
    assert isinstance(later[0], Due)


@pytest.mark.scenario("V7", part="databases")
async def test_health_is_told_from_what_is_kept(stage: Stage) -> None:
    pulses, seen = stage.store.pulses, []
    for is_ok in [*[True] * 10, *[False] * 3, *[True] * 5]:
        await stage.clock.advance(60)
        number = await pulses.begin("http", None, 10 * SECOND)
        assert number is not None
        await stage.clock.advance(2)
        await pulses.end(number, report(errors={} if is_ok else {"promoter": "broken"}))
        latest, now = await pulses.latest()
        assert now is not None
        seen.append(judge(latest, now, MINUTE, is_expected=True))
    assert [str(health.state) for health in seen] == [*["healthy"] * 10, "warning", "warning", "critical", *["healthy"] * 5]
    assert (seen[-1].succeeded, seen[-1].judged, seen[-1].mean_duration) == (15, 18, 2 * SECOND)
    assert all(later.last_pulse_at > earlier.last_pulse_at for earlier, later in pairwise(seen))  # type: ignore[operator]
    await stage.clock.advance(120)
    latest, now = await pulses.latest()
    assert now is not None
    assert judge(latest, now, MINUTE, is_expected=not await pulses.is_covered()).state is PulseState.STALE
