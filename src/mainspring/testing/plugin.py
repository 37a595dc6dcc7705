"""The pytest plugin: the fixtures ``ms`` (a kit), ``ms_clock`` (its clock) and ``ms_guard`` (who leaves work behind fails).

It imports nothing until a test asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mainspring.testing import Kit, ManualClock, Recorder


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


@pytest.fixture
def ms_guard() -> Iterator[Recorder]:
    """Watch every request of the test whose application has a guard, and fail it where a handler leaves work behind.

    ``ms_guard(app)`` and ``ms_guard.wsgi(app)`` put one around an application that has none.
    """
    from mainspring.testing import Recorder

    with Recorder() as recorder:
        yield recorder
    if found := recorder.left_behind():
        pytest.fail("\n".join(f"{each}\n{each.traceback()}" for each in found), pytrace=False)
