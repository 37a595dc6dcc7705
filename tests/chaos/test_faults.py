"""The fault points themselves: what the environment may ask for, and that it asks for nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.core.errors import ConfigurationError
from mainspring.engine.faults import FAULT, InjectedFault, arm_from, set_fault
from tests.chaos.test_death import CHILD_POINTS, ENGINE_POINTS

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    set_fault(None)


@pytest.mark.failure(59)
def test_a_point_hurts_at_the_pass_that_was_asked_for_and_only_then() -> None:
    assert arm_from({}) is None
    FAULT("here")
    assert arm_from({"MAINSPRING_FAULT": "here=raise:2,there=raise"}) == "here=raise:2,there=raise"
    FAULT("here")
    FAULT("elsewhere")
    with pytest.raises(InjectedFault):
        FAULT("here")
    FAULT("here")
    with pytest.raises(InjectedFault):
        FAULT("there")


@pytest.mark.parametrize("asked", ["here", "here=", "=kill", "here=explode", "here=kill:often"])
def test_what_is_no_fault_is_refused(asked: str) -> None:
    with pytest.raises(ConfigurationError, match="MAINSPRING_FAULT"):
        arm_from({"MAINSPRING_FAULT": asked})


@pytest.mark.failure(59)
def test_every_point_of_a_worker_is_hurt_by_some_test() -> None:
    named = set(re.findall(r'FAULT\("(\w+)"\)', "".join(path.read_text() for path in SOURCE.rglob("*.py"))))
    killed = {point.partition(":")[0] for point in (*ENGINE_POINTS, *CHILD_POINTS)}
    elsewhere = {
        "after_reap", "after_rescue_commit",  # rescuers that die
        "before_fire", "after_fire_commit", "after_ask",  # schedulers that die: tests/simulation/slots.py, tests/engine/test_scheduler.py
        "after_replace_commit",  # gatekeepers that die: tests/store/test_gate_races.py
        "before_enqueue", "after_enqueue_commit", "after_enqueue_within",  # enqueuers that die
        "child_before_hook", "child_after_hook",  # tests/engine/test_rollback.py
        "child_before_complete", "child_after_complete",  # tests/transactions/test_complete.py, whose bodies kill themselves there
    }  # fmt: skip
    assert named - killed == elsewhere
