"""Statistics are what the log says: counted again by hand, for workloads drawn at random."""

import random
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring.core.access import EVERYTHING
from mainspring.core.limit import Maximum, Rate, task_key
from mainspring.core.policy import Retry
from mainspring.core.run import CancelledByRequest, ClaimedRun, Failed, Lost, Outcome, Skipped, Snoozed, TimedOut, decide
from mainspring.core.state import RunState
from mainspring.store import codes
from mainspring.store.runs import Completion, Settlement
from mainspring.store.stats import Durations, Spread, whole_minute
from tests.store.harness import EPOCH, Stage

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
THROTTLED = task_key("throttled")
OUTCOMES: tuple[Outcome, ...] = (
    Failed({"type": "E"}, is_terminal=True), Failed({"type": "E"}), TimedOut({"type": "TimeoutError"}), Skipped("nothing to do"),
    Snoozed(delay=timedelta(minutes=1)), CancelledByRequest(), Lost("lost", {"message": "the node vanished"}, is_alone=True),
)  # fmt: skip


class Workload:
    """Does at random what fleets do, and lets time pass between: some days of it. One of its tasks is throttled."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.random = stage, random.Random(seed)
        self.held: list[tuple[ClaimedRun, datetime]] = []

    async def play(self, steps: int) -> None:
        """Play some steps; runs are left in every state."""
        node = await self.stage.node(lease=timedelta(days=30))
        await self.stage.store.limits.declare({THROTTLED: Maximum(1, Rate(2, timedelta(minutes=10), burst=1))})
        for _ in range(steps):
            match self.random.choice(("add", "add", "add", "claim", "claim", "end", "end", "end", "cancel")):
                case "add":
                    task = self.random.choice(("quick", "slow", "throttled"))
                    delay = self.random.choice((None, None, timedelta(minutes=2)))
                    await self.stage.add_new(
                        self.random.randint(1, 4), task=task, delay=delay, max_retries=1,
                        limit_task=THROTTLED if task == "throttled" else None,
                    )  # fmt: skip
                case "claim":
                    await self.stage.runs.promote()
                    await self.stage.store.limits.admit([THROTTLED])
                    claimed = await self.stage.claim(node, self.random.randint(1, 6))
                    self.held += [(run, self.stage.clock.now) for run in claimed]
                case "end" if self.held:
                    await self._end(*self.held.pop(self.random.randrange(len(self.held))))
                case "cancel":
                    waiting = sorted(
                        run.id for run in await self.stage.runs.page(states=[RunState.PENDING, RunState.BLOCKED], n=500, scope=EVERYTHING)
                    )
                    await self.stage.runs.cancel(self.random.sample(waiting, min(len(waiting), 1)))
            await self.stage.clock.advance(self.random.choice((0.0, 0.25, 3.5, 61.0, 900.0, 7200.0)))

    async def _end(self, run: ClaimedRun, claimed_at: datetime) -> None:
        ms = (self.stage.clock.now - claimed_at) / timedelta(milliseconds=1)
        if self.random.random() < 0.6:
            await self.stage.runs.complete([Completion(run.id, run.claim_id, ms, None)])
        else:
            decision = decide(run, self.random.choice(OUTCOMES), Retry(delay=timedelta(seconds=30), jitter=False))
            await self.stage.runs.settle([Settlement(run.id, run.claim_id, decision, ms)])


async def read_log(stage: Stage, since: datetime) -> list[Mapping[str, Any]]:
    """Return the rows of the log that ended since a time, with their times read."""
    rows = await stage.sql("select task, state, ready_at, started_at, finished_at from mainspring.history")
    times = ("ready_at", "started_at", "finished_at")
    read = [{**row, **{name: _time(row[name]) for name in times}} for row in rows]
    return [row for row in read if row["finished_at"] >= since]


def _time(value: Any) -> datetime | None:
    return EPOCH + timedelta(microseconds=value) if isinstance(value, int) else None if value is None else value.astimezone(UTC)


def again(rows: Sequence[Mapping[str, Any]]) -> Durations | None:
    """Compute durations from rows of the log, with nothing but the standard library."""
    begun = [row for row in rows if row["started_at"] and row["ready_at"] and row["started_at"] >= row["ready_at"]]
    if not begun:
        return None
    ran = [(row["finished_at"] - row["started_at"]) / timedelta(milliseconds=1) for row in begun]
    waited = [(row["started_at"] - row["ready_at"]) / timedelta(milliseconds=1) for row in begun]
    return Durations(spread(ran), spread(waited))


def spread(values: Sequence[float]) -> Spread:
    """Return mean, percentiles and maximum."""
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else list(values) * 100
    return Spread(len(values), statistics.fmean(values), cuts[49], cuts[94], cuts[98], max(values))


def near(found: Durations | None, wanted: Durations | None) -> bool:
    """Whether two are the same but for the last bits of their numbers."""
    if found is None or wanted is None:
        return found is wanted
    return all(
        getattr(getattr(found, part), name) == pytest.approx(getattr(getattr(wanted, part), name), rel=1e-9, abs=1e-6)
        for part in ("ran", "waited")
        for name in ("n", "mean", "p50", "p95", "p99", "most")
    )


@pytest.mark.scenario("U10")
@pytest.mark.parametrize("seed", range(4))
async def test_statistics_equal_a_recomputation_from_the_log(stage: Stage, seed: int) -> None:
    await Workload(stage, seed).play(250)
    now, stats = stage.clock.now, stage.store.stats
    everything = await read_log(stage, EPOCH)
    assert {row["state"] for row in everything} >= {10, 11, 13, 14}
    assert {row["task"] for row in everything} == {"quick", "slow", "throttled"}
    for since in (EPOCH, now - DAY, now - HOUR):  # the last day is 24 hours, wherever midnight was
        rows = await read_log(stage, whole_minute(since))
        kept = {(stat.task, stat.state): stat for stat in await stats.by_task(since)}
        counted = Counter((row["task"], codes.STATE_OF[row["state"]]) for row in rows)
        assert {key: stat.n for key, stat in kept.items()} == counted
        found = await stats.durations(since)
        for task in ("quick", "slow", "throttled"):
            own = [row for row in rows if row["task"] == task]
            assert near(found.get(task), again(own)), (task, since)
            assert (await stats.durations(since, task)).get(task) == found.get(task)
        for (task, state), stat in kept.items():  # sums that were kept and the log agree on what completed
            own = [row for row in rows if (row["task"], codes.STATE_OF[row["state"]]) == (task, state)]
            if state is RunState.COMPLETED and (durations := again(own)) is not None:
                assert (stat.mean_ran_ms, stat.mean_waited_ms) == pytest.approx((durations.ran.mean, durations.waited.mean), abs=1e-3)
    assert len(await read_log(stage, now - DAY)) < len(everything), "the workload is to be longer than what is looked back at"


@pytest.mark.scenario("U10")
@pytest.mark.parametrize("width", [HOUR, DAY])
async def test_a_trend_is_the_log_cut_into_spans_of_utc(stage: Stage, width: timedelta) -> None:
    await Workload(stage, 11).play(250)
    for task in (None, "slow"):
        rows = [row for row in await read_log(stage, EPOCH) if task in (None, row["task"])]
        spans = await stage.store.stats.trend(EPOCH, width, task)
        assert [span.at for span in spans] == sorted({row["finished_at"] - (row["finished_at"] - EPOCH) % width for row in rows})
        assert len(spans) > 2
        for span in spans:
            own = [row for row in rows if span.at <= row["finished_at"] < span.at + width]
            assert span.counts == Counter(codes.STATE_OF[row["state"]] for row in own)
            assert near(span.durations, again(own))


async def test_a_run_that_was_stopped_between_two_tries_has_no_duration(stage: Stage) -> None:
    run = await stage.claim_new()
    await stage.clock.advance(5)
    await stage.settle(run, Failed({"type": "E"}))
    await stage.clock.advance(5)
    await stage.runs.promote()
    await stage.runs.cancel([run.id])
    assert await stage.store.stats.durations(EPOCH) == {}
    assert [span.counts for span in await stage.store.stats.trend(EPOCH, HOUR)] == [{RunState.CANCELLED: 1}]


async def test_counts_outlive_the_runs_and_durations_do_not(stage: Stage) -> None:
    run = await stage.claim_new()
    await stage.complete(run)
    assert (await stage.store.stats.durations(EPOCH))["t"].ran.n == 1
    await stage.sql(f"delete from mainspring.history where id = '{run.id}'")
    stage.forgotten.add(run.id)
    (span,) = await stage.store.stats.trend(EPOCH, DAY)
    assert (span.counts, span.durations) == ({RunState.COMPLETED: 1}, None)
    assert await stage.store.stats.durations(EPOCH) == {}


async def test_where_very_much_has_ended_durations_are_of_the_latest(stage: Stage) -> None:
    node = await stage.node(lease=timedelta(days=1))
    times = []
    for _ in range(5):  # three runs in each of five minutes
        await stage.add_new(3)
        times.append(whole_minute(stage.clock.now))
        await stage.complete(*await stage.claim(node))
        await stage.clock.advance(60)
    reach = stage.store.stats.reach
    assert await reach(EPOCH, most=15) == EPOCH
    assert await reach(times[2], most=9) == times[2]
    assert await reach(EPOCH, most=14) == times[1]
    assert await reach(EPOCH, most=6) == times[3]
    assert await reach(EPOCH, most=1) == times[4]  # a whole minute at least
    assert await reach(EPOCH, "unheard of", most=1) == EPOCH
    spans = await stage.store.stats.trend(EPOCH, timedelta(minutes=1), measured=times[3])
    assert [span.durations is None for span in spans] == [True, True, True, False, False]
