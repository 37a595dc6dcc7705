"""Where one measurement happens: a folder and a store that nothing else uses."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

StoreName = Literal["postgres", "sqlite", "redis", "none"]
Synchronous = Literal["FULL", "NORMAL", "OFF"]


@dataclass(frozen=True)
class Place:
    """A fresh place. ``url`` is ``postgresql://…``, ``redis://…``, ``sqlite:///…`` (no file yet) or empty."""

    store: StoreName
    url: str
    folder: Path
    synchronous: Synchronous = "FULL"  # SQLite's pragma; PostgreSQL is always fully durable here
    owner: int = 0  # the process that started all servers and measurements, whose descendants' CPU time is ours

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self.folder / "bench.db"

    @property
    def stamps(self) -> Path:
        """Where bodies write when they started."""
        return self.folder / "stamps"

    @property
    def gate(self) -> Path:
        """The file whose appearance lets waiting workers begin."""
        return self.folder / "go"

    def dump(self) -> str:
        """Return the place as one word for a command line."""
        return json.dumps([self.store, self.url, str(self.folder), self.synchronous, self.owner])

    @classmethod
    def load(cls, text: str) -> Place:
        """Return the place that `dump` wrote."""
        store, url, folder, synchronous, owner = json.loads(text)
        return cls(store, url, Path(folder), synchronous, owner)

    @classmethod
    def argument(cls) -> Place:
        """Return the place in a worker program's first argument."""
        return cls.load(sys.argv[1])
