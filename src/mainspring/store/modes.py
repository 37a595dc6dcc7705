"""Modes: what operators switch for the whole fleet while it runs. Rows that loops read; the configuration gives what holds without one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mainspring.store.database import Database, sure

MAINTENANCE = "maintenance"  # {"is_on": true}: schedules skip their slots, nothing new is claimed


@dataclass(frozen=True, slots=True)
class Mode:
    """One switch and who threw it; ``value`` is plain JSON values."""

    key: str
    value: Any
    changed_at: datetime
    changed_by: str | None
    reason: str | None


class ModeStore:
    """Setting and reading. Reading is one small query; nobody reads a mode on the way of a run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Mode]:
        """Return everything that is set, sorted by key."""
        time = self._database.from_time
        return [
            Mode(row["key"], json.loads(row["value"]), sure(time(row["changed_at"])), row["changed_by"], row["reason"])
            for row in await self._database.read("modes_list")
        ]

    async def get(self, key: str) -> Mode | None:
        """Return what is set under a key, None where nothing is."""
        return next((mode for mode in await self.list() if mode.key == key), None)

    async def put(self, key: str, value: Any, *, actor: str | None = None, reason: str | None = None) -> None:
        """Set a key, whatever it was."""
        await self._database.write("modes_put", key=key, value=json.dumps(value), by=actor, reason=reason)

    async def clear(self, key: str) -> bool:
        """Take a key back; answers whether it was set."""
        return bool(await self._database.write("modes_clear", key=key))


def is_maintenance(value: Any) -> bool:
    """Tell whether what is kept under `MAINTENANCE` switches it on."""
    return isinstance(value, dict) and value.get("is_on") is True
