"""The testing kit that ships to users: a whole engine in a test, on a store in memory and on time that the test moves.

The pytest plugin hands it over as the fixture ``ms``; ``with Kit() as ms`` does without pytest. The names are imported when they are first
used, because pytest imports the plugin in every session, also where nobody asks for a kit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mainspring.advisor.guard import Guard, Recorder, WSGIGuard
    from mainspring.core.depends import override
    from mainspring.testing.clock import ManualClock
    from mainspring.testing.kit import Kit, NoProgress
    from mainspring.testing.virtual import Deadlock, VirtualLoop

__all__ = ["Deadlock", "Guard", "Kit", "ManualClock", "NoProgress", "Recorder", "VirtualLoop", "WSGIGuard", "override"]

_ROOMS = {
    "Deadlock": "testing.virtual", "Kit": "testing.kit", "ManualClock": "testing.clock", "NoProgress": "testing.kit",
    "VirtualLoop": "testing.virtual", "override": "core.depends",
    **dict.fromkeys(("Guard", "Recorder", "WSGIGuard"), "advisor.guard"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mainspring.{_ROOMS[name]}"), name)
