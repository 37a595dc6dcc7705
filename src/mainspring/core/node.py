"""Nodes: live processes and their leases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class NodeState(StrEnum):
    """``dead`` is decided by others (lock freed, backend gone, lease over); ``stopped`` by the node itself."""

    ALIVE = "alive"
    DRAINING = "draining"
    DEAD = "dead"
    STOPPED = "stopped"


class NodeCommand(StrEnum):
    """What operators want of a node. It reads that with every beat; who is to leave cannot be called back."""

    RUN = "run"
    PAUSE = "pause"  # begins nothing, until it is told to run
    QUIET = "quiet"  # begins nothing more: it is about to leave
    STOP = "stop"  # leaves


@dataclass(frozen=True, slots=True)
class Node:
    """A process that may hold runs.

    ``host`` names the machine and boot, so that a lock file is asked only where it lives. ``facts`` hold for its life, ``vitals`` are what
    it said of itself with its latest beat (empty: a node of an earlier release), ``command`` what an operator last wanted of it.
    """

    id: str
    name: str
    host: str
    pid: int
    state: NodeState
    started_at: datetime
    beat_at: datetime
    lease_until: datetime
    running: int
    facts: Mapping[str, Any]
    vitals: Mapping[str, Any] = field(default_factory=dict)
    command: NodeCommand | None = None
    commanded_at: datetime | None = None
    commanded_by: str | None = None
    command_reason: str | None = None
