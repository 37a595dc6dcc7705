"""Roles: what a process of the fleet is there for. A node's role decides which loops it has; lists and health show it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a node does. ``all`` is what ``mainspring runner`` and ``start`` are unless told otherwise."""

    ALL = "all"  # everything: runs, schedules, services, and what keeps the fleet in order
    WORKER = "worker"  # carries out runs
    SCHEDULER = "scheduler"  # fires schedules and looks after services: what begins by itself
    SERVE = "serve"  # enqueues, answers health and pulses, and executes nothing
    PULSE = "pulse"  # one bounded round of everything but services
    LOCAL = "local"  # carries out what its own process waits for (app.run), and claims nothing

    @property
    def claims(self) -> bool:
        """Whether it takes runs that wait."""
        return self in (Role.ALL, Role.WORKER, Role.PULSE)

    @property
    def executes(self) -> bool:
        """Whether anything of the user's is executed there: bodies, predicates, services."""
        return self is not Role.SERVE

    @property
    def fires(self) -> bool:
        """Whether it fires the slots of schedules."""
        return self in (Role.ALL, Role.SCHEDULER, Role.PULSE)

    @property
    def supervises(self) -> bool:
        """Whether it starts services and looks after them, where the settings allow any."""
        return self in (Role.ALL, Role.SCHEDULER)

    @property
    def keeps(self) -> bool:
        """Whether it has the loops that keep the fleet in order: rescue, promotion, limits, gates, retention."""
        return self is not Role.SERVE
