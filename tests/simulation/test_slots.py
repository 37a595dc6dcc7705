"""Schedules over months under faults: whatever the seed, every slot is accounted for exactly once, and the rows and notices tell how.

``make test`` plays a month, ``make sim`` a year; ``make sim SEED=17 DAYS=40`` replays one.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from mainspring.core.preview import preview
from mainspring.testing.clock import START
from tests.simulation.cluster import Breach
from tests.simulation.slots import CALM, Calendar, Span, release, simulate
from tests.simulation.test_cluster import weaken

MONTH = 30.0
# As many schedulers as there may ever be in a fleet, which die at every turn.
CROWD = Span(days=2, nodes=16, kills=2, kills_at_points=0.05, freezes=1, outages=0, clock_steps=0.3, deploys=0, acts=0, latency=0.05)


def days() -> float:
    return float(os.environ.get("MAINSPRING_TEST_DAYS") or MONTH)


def seeds() -> list[int]:
    if one := os.environ.get("MAINSPRING_TEST_SEED"):
        return [int(one)]
    return list(range(int(os.environ.get("MAINSPRING_TEST_SEEDS") or 1)))


@pytest.mark.scenario("S1", part="simulation")
@pytest.mark.scenario("S2", part="simulation")
@pytest.mark.scenario("S3", part="simulation")
@pytest.mark.scenario("S16", part="simulation")
@pytest.mark.scenario("D7", part="simulation")
@pytest.mark.scenario("K1", part="slots in a cluster")
@pytest.mark.failure(24, 26, 28, 30)
@pytest.mark.parametrize("seed", seeds())
def test_every_slot_is_accounted_for_exactly_once(seed: int) -> None:
    simulate(Span(days=days()), seed)


@pytest.mark.failure(27)
@pytest.mark.parametrize("seed", seeds())
def test_sixteen_schedulers_that_die_at_every_turn(seed: int) -> None:
    crowd = simulate(CROWD, seed)
    assert crowd.counts["kills"] > 20
    assert crowd.counts["lost races"] > 100


def test_everything_goes_wrong_now_and_then() -> None:
    """A month is worth its time: every fault is met, and most of what people do."""
    counts: Counter[str] = Counter()
    rough = Span(days=6, kills_at_points=0.01, outages=0.3, clock_steps=0.8, deploys=1, freezes=1.5, acts=10)
    for seed in (1, 4):
        counts += simulate(rough, seed).counts
    met = (
        "kills", "outages", "jumps", "deploys", "frozen in a round", "lost races", "changes", "runs", "missed", "dropped", "maintenance",
        "task_disabled", "skipped_by_operator", "overlaps", "backfilled", "asked", "made ready", "pause", "resume",
    )  # fmt: skip
    assert not [each for each in met if not counts[each]]


@pytest.mark.scenario("S7", part="firing")
@pytest.mark.scenario("S1", part="calm simulation")
def test_without_faults_each_slot_of_the_preview_runs() -> None:
    """What a preview shows, in New York's time and in everybody's, is what fires: no more, no less."""
    calm = simulate(replace(CALM, days=7), 3)
    shown = {each.spec.name: each.spec.schedules for each in release(0)}
    for book in calm.accounts.values():
        schedule = next(each for schedules in shown.values() for each in schedules if (each.name or "") == book.name)
        upcoming = preview(schedule, len(book.slots(book.cursor)), START, "America/New_York", book.name)
        assert [each.slot for each in upcoming] == book.slots(book.cursor)
        assert [each.viewer for each in upcoming] == [each.slot.astimezone(ZoneInfo("America/New_York")) for each in upcoming]
        if book.name == "nightly":
            assert [each.slot for each in upcoming][:7] == [START + day * timedelta(days=1) for day in range(1, 8)]
    assert not calm.counts["missed"] and not calm.counts["dropped"]


def test_one_seed_is_one_history_and_another_seed_another() -> None:
    few = Span(days=1, kills=4, deploys=2, acts=4)
    first = simulate(few, 5)
    assert simulate(few, 5).history == first.history
    assert simulate(few, 6).history != first.history


# -- the laws can fail


def test_who_writes_with_an_old_view_is_a_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    weaken(monkeypatch, schedules_fire=("and s.cursor_at = value->>'was' ", ""))
    with pytest.raises(Breach, match=r"(?s)(were accounted for up to|was there already|goes back).*make sim SEED=\d+ DAYS="):
        for seed in range(10):
            simulate(CROWD, seed)


def test_a_question_that_two_give_up_is_a_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    weaken(monkeypatch, schedules_fire=("and coalesce(s.asked_slot = value->>'asked', value->>'asked' is null)", ""))
    with pytest.raises(Breach, match=r"gives up the question about"):
        for seed in range(10):
            simulate(replace(CALM, days=3, nodes=5, kills_at_points=0.8, points=("after_ask",), latency=0.05), seed)


def test_a_slot_that_gets_lost_is_a_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows alone tell it, too."""
    check = Calendar._check

    async def lose_one(self: Calendar) -> None:
        lost = "select max(id) from mainspring.history where task = 'changing'"
        await self.fleet.rows(f"delete from mainspring.history where id = ({lost})")
        await check(self)

    monkeypatch.setattr(Calendar, "_check", lose_one)
    with pytest.raises(Breach, match=r"changing has \d+ slots, but \d+ are told"):
        simulate(replace(CALM, days=1), 0)
