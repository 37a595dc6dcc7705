"""Which lanes a node asks, in which order, and from where."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from mainspring.core.run import ClaimedRun
from mainspring.engine.lanes import AGEING, LONGEST_PASS, MOST_REMEMBERED, SHORTEST_PASS, Lanes
from mainspring.engine.ration import COST_FACTOR
from mainspring.store.runs import Lane

HIGH, LOW = Lane("default", "", 0, 1), Lane("default", "", 0, 3)
MAIL = Lane("mail", "", 0, 1)
DEF = Lane("default", "", 1, 1)


def run_of(lane: Lane, ready_at: int) -> ClaimedRun:
    return ClaimedRun(
        "id", "claim", "task", "{}", 1, 0, 3, 0, 3, None, True, 0, lane.queue, lane.tenant, lane.pool, lane.priority, ready_at
    )


def order_of(lanes: Lanes, pool: int = 0) -> list[Lane]:
    """The order in which a pool's lanes are asked, wherever each claim starts."""
    return [replace(lane, since=None) for lane in lanes.order([pool])]


def test_a_higher_priority_goes_first_and_only_the_pools_that_have_room() -> None:
    lanes = Lanes()
    lanes.passed([(LOW, 1), (HIGH, 2), (DEF, 1)], 0.0, 0.0)
    assert order_of(lanes) == [HIGH, LOW]
    assert order_of(lanes, 1) == [DEF]


def test_queues_and_tenants_of_one_priority_take_turns() -> None:
    lanes = Lanes()
    others = [Lane("default", tenant, 0, 1) for tenant in ("a", "b")]
    lanes.passed([(lane, 1) for lane in [HIGH, MAIL, *others]], 0.0, 0.0)
    first = Counter(order_of(lanes)[0] for _ in range(AGEING * 10))
    assert set(first) == {HIGH, MAIL, *others}
    assert max(first.values()) <= 2 * min(first.values())


@pytest.mark.scenario("C5")
def test_every_sixteenth_claim_takes_the_oldest_first() -> None:
    lanes = Lanes()
    lanes.passed([(LOW, 1), (HIGH, 2)], 0.0, 0.0)
    firsts = [order_of(lanes)[0] for _ in range(AGEING * 3)]
    assert [place for place, lane in enumerate(firsts, 1) if lane == LOW] == [AGEING, AGEING * 2, AGEING * 3]


@pytest.mark.failure(39)
def test_a_claim_starts_past_the_graveyard_and_a_full_pass_moves_its_start_back_to_the_oldest_that_it_saw() -> None:
    lanes = Lanes()
    lanes.passed([(HIGH, 5)], 0.0, 0.0)
    assert lanes.order([0])[0].since == 5  # what lies before it was walked over by the pass itself
    lanes.claimed([HIGH], [run_of(HIGH, 7)], 1)
    assert lanes.order([0])[0].since == 7
    lanes.passed([(HIGH, 6)], 1.0, 0.0)  # committed late
    assert lanes.order([0])[0].since == 6


def test_a_lane_that_nobody_has_looked_through_is_asked_from_its_beginning() -> None:
    lanes = Lanes()
    lanes.hinted(HIGH)
    assert lanes.order([0])[0].since is None


def test_lanes_that_gave_nothing_are_asked_again_from_their_watermarks() -> None:
    lanes = Lanes()
    lanes.passed([(HIGH, 5), (LOW, 5)], 0.0, 0.0)
    lanes.claimed([HIGH, LOW], [run_of(LOW, 6)], 10)
    lanes.claimed([LOW], [], 10)
    assert lanes.is_empty
    lanes.recall()
    assert [(lane.priority, lane.since) for lane in lanes.order([0])] == [(1, 5), (3, 6)]
    lanes.passed([], 1.0, 0.0)  # a pass that finds them empty takes nothing of that away
    lanes.recall()
    assert [(lane.priority, lane.since) for lane in lanes.order([0])] == [(1, 5), (3, 6)]


def test_lanes_of_tenants_long_gone_are_not_remembered_for_ever() -> None:
    lanes = Lanes()
    lanes.passed([(Lane("default", str(number), 0, 1), number) for number in range(MOST_REMEMBERED + 1)], 0.0, 0.0)
    lanes.passed([(HIGH, 5)], 1.0, 0.0)
    lanes.recall()
    assert lanes.order([0]) == [Lane("default", "", 0, 1, since=5)]


def test_a_lane_that_gave_nothing_is_left_out_until_somebody_names_it() -> None:
    lanes = Lanes()
    lanes.passed([(HIGH, 5), (LOW, 5)], 0.0, 0.0)
    lanes.claimed([HIGH, LOW], [run_of(LOW, 6)], 10)
    assert [lane.priority for lane in lanes.order([0])] == [3]
    lanes.hinted(HIGH)
    assert [lane.priority for lane in lanes.order([0])] == [1, 3]
    assert not lanes.is_empty


def test_a_lane_behind_one_that_gave_everything_stays_known() -> None:
    lanes = Lanes()
    lanes.passed([(HIGH, 5), (LOW, 5)], 0.0, 0.0)
    lanes.claimed([HIGH, LOW], [run_of(HIGH, 6)] * 3, 3)  # full: nobody has asked the second
    assert [lane.priority for lane in lanes.order([0])] == [1, 3]


def test_a_pass_costs_at_most_a_twentieth_of_the_time() -> None:
    lanes = Lanes()
    assert lanes.is_full_pass_due(0.0)
    for cost, wait in ((0.001, SHORTEST_PASS), (0.1, 0.1 * COST_FACTOR), (10.0, LONGEST_PASS)):
        lanes.passed([], 100.0, cost)
        assert not lanes.is_full_pass_due(100.0 + wait - 0.01)
        assert lanes.is_full_pass_due(100.0 + wait)
    lanes.passed([], 200.0, 0.0)
    lanes.look_again()
    assert lanes.is_full_pass_due(200.0)
