"""Nodes: live processes and their leases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class NodeState(StrEnum):
    """``dead`` is decided by others (lock freed, backend gone, lease over); ``stopped`` by the node itself."""

    ALIVE = "alive"
    DRAINING = "draining"
    DEAD = "dead"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Node:
    """A process that may hold runs.

    ``host`` names the machine and boot, so that a lock file is asked only where it lives.
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
