"""Named points at which a test may hurt the engine; they cost one call and do nothing in production.

A worker and each of its children read ``MAINSPRING_FAULT`` once, when they start: ``before_finish=kill`` kills with SIGKILL at that point,
``…=stop`` freezes with SIGSTOP, ``…=raise`` raises `InjectedFault`, ``…=exit`` leaves the process at once. A number waits for that pass of
the process over the point (``after_claim_commit=kill:3``). Several are separated by commas.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping

from mainspring.core.errors import ConfigurationError

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


def arm_from(environment: Mapping[str, str]) -> str | None:
    """Set the hook that an environment asks for and answer what it asked; leaves everything as it is where it asks for nothing.

    Raises `ConfigurationError` for what is no fault: a test that hurts nobody proves nothing.
    """
    asked = environment.get(ENVIRONMENT)
    if not asked:
        return None
    planned = dict(_planned(part) for part in asked.split(","))
    passed: Counter[str] = Counter()

    def fault(name: str) -> None:
        if name in planned:
            passed[name] += 1
            action, number = planned[name]
            if passed[name] == number:
                _hurt(name, action)

    set_fault(fault)
    return asked


def _planned(part: str) -> tuple[str, tuple[str, int]]:
    name, _, told = part.strip().partition("=")
    action, _, number = told.partition(":")
    if not name or action not in ("kill", "stop", "exit", "raise") or not (number or "1").isdigit():
        raise ConfigurationError(f"{ENVIRONMENT}={part!r}: write point=action or point=action:pass, with kill, stop, exit or raise")
    return name, (action, int(number or "1"))


def _hurt(name: str, action: str) -> None:
    match action:
        case "kill":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        case "stop":
            os.kill(os.getpid(), getattr(signal, "SIGSTOP", signal.SIGTERM))
        case "exit":
            os._exit(70)
        case _:
            raise InjectedFault(name)
