"""Clusters under faults: whatever the seed, no run is lost, none ends twice, and history tells it all.

``make sim SEED=17`` replays one seed in every scenario, ``make sim N=500`` tries that many.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.simulation.cluster import Breach, Faults, Scenario, Simulation, simulate

SHORT = {"lease": timedelta(seconds=30)}  # so that more leases end in less time
SCENARIOS = {
    "calm": Scenario(),
    "crashes": Scenario(faults=Faults(crashes=6, crashes_at_points=0.01, latency=0.05, lost_hints=0.5)),
    "points": Scenario(runs=30, seconds=40, faults=Faults(crashes_at_points=0.05, hosts=0.2, latency=0.05)),
    "lines": Scenario(faults=Faults(latency=0.2, refused=0.05, unanswered=0.05, lost_hints=0.5, stalls=0.03)),
    "freezes": Scenario(seconds=150, settings=SHORT, faults=Faults(freezes=4, latency=0.05, stalls=0.02)),
    "cuts": Scenario(seconds=150, settings=SHORT, faults=Faults(cuts=4, outages=1, latency=0.05, stalls=0.02)),
    "deploys": Scenario(faults=Faults(restarts=8, latency=0.05)),
    "clocks": Scenario(faults=Faults(clock_steps=4, crashes=2, latency=0.05)),
    "everything": Scenario(
        seconds=150, settings=SHORT,
        faults=Faults(
            crashes=3, crashes_at_points=0.005, freezes=2, cuts=2, outages=0.5, restarts=2, latency=0.2, refused=0.02, unanswered=0.02,
            lost_hints=0.3, clock_steps=1, stalls=0.01,
        ),
    ),
}  # fmt: skip
PROVES = {
    "crashes": ("S0-14", "L8", "L12", "B-20"), "freezes": ("L3", "S0-14"), "cuts": ("L5",), "deploys": ("X2", "L13"), "lines": ("K2",),
    "points": ("B-20",), "clocks": ("K3",), "everything": ("K1", "X3"), "calm": (),
}  # fmt: skip


def seeds() -> list[int]:
    """Return the seeds that are asked for: one to be replayed, so many, or the few of every day."""
    if one := os.environ.get("MAINSPRING_TEST_SEED"):
        return [int(one)]
    return list(range(int(os.environ.get("MAINSPRING_TEST_SEEDS") or 3)))


@pytest.mark.failure(24, 57, 58, 59)
@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.scenario(*PROVES[name])) for name in SCENARIOS])
def test_the_laws_hold(name: str, seed: int) -> None:
    simulate(SCENARIOS[name], seed)


def test_faults_hurt() -> None:
    """The scenarios are worth their time: nodes die, runs are rescued, late writes are refused."""
    crashes = simulate(SCENARIOS["crashes"], 0)
    assert crashes.rescued > 0
    everything = [simulate(SCENARIOS["everything"], seed) for seed in (1, 2)]
    assert any("is refused" in line for simulation in everything for line in simulation.history)


def test_one_seed_is_one_history_and_another_seed_another() -> None:
    scenario = SCENARIOS["everything"]
    first = simulate(scenario, 5).history
    assert simulate(scenario, 5).history == first
    assert simulate(scenario, 6).history != first


HISTORY = "from tests.simulation.test_cluster import *; print('\\n'.join(simulate(SCENARIOS['everything'], 7).history))"


def test_a_seed_is_the_same_history_in_every_process() -> None:
    """Nothing hangs on the order of sets or on addresses of objects, or no seed could be replayed."""
    told = [
        subprocess.run(
            [sys.executable, "-c", HISTORY], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        ).stdout.splitlines()
        for hash_seed in ("1", "2")
    ]  # fmt: skip
    assert told[0] == told[1]


def test_a_breach_is_seen_and_says_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The laws can fail: without the fence, a node that comes back after its lease ends runs a second time."""

    def forgetful(self: Simulation, node: str, run_id: str, claim: str, attempt: int) -> None:
        self.require(attempt == 1, f"{run_id} is tried again")

    monkeypatch.setattr(Simulation, "_claimed", forgetful)
    with pytest.raises(Breach, match=r"make sim SEED=0"):
        simulate(SCENARIOS["crashes"], 0)
