"""Who this node is: its id, its lease, and its lock file. What the loops of a node share instead of knowing each other."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainspring.core.errors import ConfigurationError
from mainspring.core.ids import make_claim_id
from mainspring.store.files import private_folder

BEAT = 3.0
LEASE = 60.0
START_WITHIN = 10.0  # a node that has not renewed for this long starts nothing more


def host_key() -> str:
    """Name this machine and boot: processes with the same key can ask each other's lock files."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        boot = "?"
    return f"{socket.gethostname()}:{boot}"


def lock_folder(beside: Path | None) -> Path:
    """Return where lock files of nodes live: beside an SQLite file, else in a folder of this user for temporary files."""
    if beside is not None:
        return beside.with_name(beside.name + ".nodes")
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"mainspring-{user}"


@dataclass(slots=True)
class Presence:
    """A node's identity and how fresh its lease is; ``clock`` is monotonic seconds."""

    name: str
    locks: Path
    host: str = field(default_factory=host_key)
    id: str = field(default_factory=make_claim_id)
    lease: float = LEASE
    facts: Mapping[str, Any] = field(default_factory=dict)
    renewed_at: float = float("-inf")
    beating_since: float = float("inf")
    is_draining: bool = False  # it is leaving, and does not come back
    is_paused: bool = False  # an operator wants it to rest
    is_maintained: bool = False  # the whole fleet rests
    running: int = 0

    @property
    def is_quiet(self) -> bool:
        """Whether nothing new is begun here; what is in hand goes on."""
        return self.is_draining or self.is_paused or self.is_maintained

    def renewed(self, asked_at: float) -> None:
        """Note a successful renewal, by the time before it was asked for, which is earlier than the database's."""
        if asked_at - self.renewed_at > self.lease:
            self.beating_since = asked_at
        self.renewed_at = asked_at

    def may_start(self, now: float) -> bool:
        """Tell whether bodies may be started: the lease was renewed a short while ago, and nobody asked for quiet."""
        return not self.is_quiet and self.is_fresh(now)

    def may_rescue(self, now: float) -> bool:
        """Tell whether others may be judged by their leases: only after own renewals held for one, so that an outage is nobody's loss."""
        return self.is_fresh(now) and now - self.beating_since >= self.lease

    def is_fresh(self, now: float) -> bool:
        """Tell whether the lease was renewed a short while ago."""
        return now - self.renewed_at < min(START_WITHIN, self.lease * 2 / 3)

    def reborn(self) -> None:
        """Take a new identity, after others have declared this one dead."""
        self.id = make_claim_id()
        self.renewed_at, self.beating_since = float("-inf"), float("inf")

    def lock_path(self, node_id: str) -> Path:
        """Return the lock file of a node on this host."""
        return self.locks / f"{node_id}.lock"

    def make_folder(self) -> None:
        """Make the folder for lock files, for this user alone; raises `ConfigurationError` where it is somebody else's."""
        try:
            private_folder(self.locks)
        except PermissionError as error:
            raise ConfigurationError(
                f"the folder for lock files {self.locks} cannot be this user's alone ({error.strerror}): others could make this node look "
                "dead or alive; remove it, or set TMPDIR to a directory of this user's own"
            ) from error
