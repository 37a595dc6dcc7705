"""The pytest plugin: the fixtures ``ms`` (a kit) and ``ms_clock`` (its clock). It imports nothing until a test asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mainspring.testing import Kit, ManualClock


@pytest.fixture
def ms_clock() -> ManualClock:
    """Return the clock that moves the kit's time. Override this fixture for another start."""
    from mainspring.testing import ManualClock

    return ManualClock()


@pytest.fixture
def ms(ms_clock: ManualClock) -> Iterator[Kit]:
    """Hand over a kit, and take everything down after the test."""
    from mainspring.testing import Kit

    with Kit(clock=ms_clock) as kit:
        yield kit
