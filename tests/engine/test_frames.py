"""Frames: what goes in comes out, however the bytes are cut, and fault points do nothing unless asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import Priority, Retry
from mainspring.core.run import (
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
from mainspring.core.task import CallOptions
from mainspring.engine.faults import FAULT, InjectedFault, arm_from, set_fault
from mainspring.engine.frames import (
    FrameReader,
    encode,
    pack_call,
    pack_outcome,
    tolerant,
    unpack_call,
    unpack_outcome,
)

messages = st.lists(st.lists(st.text(st.characters(codec="utf-8")) | st.integers(-(2**53), 2**53) | st.none()))


@given(messages, st.lists(st.integers(1, 40), min_size=1))
def test_messages_survive_any_cut(sent: list[list[Any]], cuts: list[int]) -> None:
    stream, reader, found, step = b"".join(map(encode, sent)), FrameReader(), [], 0
    while stream:
        size = cuts[step % len(cuts)]
        found += reader.feed(stream[:size])
        stream, step = stream[size:], step + 1
    assert found == sent


def test_large_message_arrives_in_pieces_in_linear_time() -> None:
    reader, frame = FrameReader(), encode(["x" * 30_000_000])
    found = [each for start in range(0, len(frame), 65536) for each in reader.feed(frame[start : start + 65536])]
    assert len(found[0][0]) == 30_000_000


@pytest.mark.parametrize(
    "outcome",
    [
        Completed(),
        Completed('{"a":1}'),
        Failed({"kind": "execution"}, True, timedelta(seconds=1.5), "invalid"),
        Failed({}),
        TimedOut({"kind": "timeout"}),
        CancelledByRequest(),
        CancelledByRequest({"kind": "execution"}),
        Skipped("why"),
        Snoozed(timedelta(minutes=5)),
        Snoozed(until=datetime(2030, 1, 1, tzinfo=UTC)),
        Released("shutdown", timedelta(seconds=3)),
        Lost("crashed", {"kind": "crash"}, True, False),
    ],
)
def test_outcomes_survive_the_way(outcome: Outcome) -> None:
    (message,) = FrameReader().feed(encode(["done", pack_outcome(outcome)]))
    assert unpack_outcome(message[1]) == outcome


@pytest.mark.parametrize(
    "call",
    [
        CallOptions(),
        CallOptions(delay=timedelta(0), key="k", priority=Priority.CRITICAL, queue="q", label="l"),
        CallOptions(
            run_at=datetime(2030, 1, 1, tzinfo=UTC),
            retry=Retry(retries=7, delay="5s", factor=2, cap="1m", jitter=False, seed="s"),
            timeout=timedelta(seconds=9),
            deadline=timedelta(days=1),
        ),
    ],
)
def test_options_survive_the_way(call: CallOptions) -> None:
    (message,) = FrameReader().feed(encode(["ask", pack_call(call)]))
    assert unpack_call(message[1]) == call


def test_lone_surrogates_are_replaced_and_nothing_else() -> None:
    (message,) = FrameReader().feed(tolerant("done", [[1, ("a\ud800b", {"\udfff": "grün"})]]))
    assert message == ["done", [[1, ["a?b", {"?": "grün"}]]]]


class TestFaults:
    @pytest.fixture(autouse=True)
    def disarm(self) -> Iterator[None]:
        yield
        set_fault(None)

    def test_nothing_happens_unless_asked(self) -> None:
        FAULT("anywhere")
        arm_from({})
        FAULT("anywhere")

    def test_environment_names_the_points(self) -> None:
        arm_from({"MAINSPRING_FAULT": "here=raise,there=raise:2"})
        FAULT("elsewhere")
        FAULT("there")
        for name in ("here", "there"):
            with pytest.raises(InjectedFault, match=name):
                FAULT(name)

    def test_what_is_no_fault_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="nonsense"):
            arm_from({"MAINSPRING_FAULT": "here=nonsense"})

    def test_kill_and_exit_end_the_process(self) -> None:
        for action, status in (("kill", -9), ("exit", 70)):
            pid = os.fork()
            if pid == 0:
                arm_from({"MAINSPRING_FAULT": f"here={action}"})
                FAULT("here")
                os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
