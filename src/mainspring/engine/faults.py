"""Named points at which a test may hurt the engine; they cost one call and do nothing in production.

A child reads ``MAINSPRING_FAULT`` once, when it starts: ``child_before_send=kill`` kills it with SIGKILL at that point,
``…=raise`` raises `InjectedFault`, ``…=exit`` leaves the process at once. Several are separated by commas.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

ENVIRONMENT = "MAINSPRING_FAULT"

Fault = Callable[[str], None]


class InjectedFault(RuntimeError):
    """What a fault point raises when it was told to."""


_fault: Fault | None = None


def FAULT(name: str) -> None:  # noqa: N802 - shouts on purpose: whoever reads the code shall see the points
    """Mark a point; calls the hook, where a test has set one."""
    if _fault is not None:
        _fault(name)


def set_fault(fault: Fault | None) -> None:
    """Set the hook of this process, or take it away."""
    global _fault
    _fault = fault


def arm_from(environment: Mapping[str, str]) -> None:
    """Set the hook that an environment asks for; leaves everything as it is where it asks for none."""
    asked = environment.get(ENVIRONMENT)
    if asked:
        actions = dict(part.split("=", 1) for part in asked.split(",") if "=" in part)
        set_fault(lambda name: _hurt(name, actions.get(name)))


def _hurt(name: str, action: str | None) -> None:
    match action:
        case "kill":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        case "exit":
            os._exit(70)
        case "raise":
            raise InjectedFault(name)
        case _:
            pass
