"""Presets in the store: values of forms under names, and the tasks that people have marked with a star."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mainspring.store.database import Database, sure


@dataclass(frozen=True, slots=True)
class Preset:
    """Values by parameter, and whose they are."""

    id: int
    task: str
    name: str
    owner: str
    is_shared: bool
    params: Mapping[str, Any]
    changed_at: datetime


class PresetStore:
    """Keeps, lists and forgets presets. A name is its owner's: two people may use one for different values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, task: str, owner: str, *, tenant: str) -> list[Preset]:
        """Return those that somebody may use, by name: their own, and what others of the tenant share; 200 at most."""
        time = self._database.from_time
        return [
            Preset(
                row["id"], row["task"], row["name"], row["owner"], bool(row["is_shared"]), json.loads(row["params"]),
                sure(time(row["changed_at"])),
            )
            for row in await self._database.read("presets_list", task=task, owner=owner, tenant=tenant)
        ]  # fmt: skip

    async def put(self, task: str, owner: str, name: str, params: Mapping[str, Any], *, is_shared: bool, tenant: str) -> int:
        """Keep values under a name, in place of what its owner has kept there; answers the id."""
        text = json.dumps(params, ensure_ascii=False)
        [row] = await self._database.write(
            "presets_put", task=task, owner=owner, name=name, params=text, is_shared=is_shared, tenant=tenant
        )  # fmt: skip
        return int(row[0])

    async def drop(self, task: str, preset_id: int, owner: str, *, is_any: bool, tenant: str) -> str | None:
        """Forget one, of anybody where ``is_any``; answers its name, None where there was none."""
        rows = await self._database.write("presets_drop", task=task, id=preset_id, owner=owner, is_any=is_any, tenant=tenant)
        return str(rows[0][0]) if rows else None


class FavouriteStore:
    """Marks tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, owner: str) -> list[str]:
        """Return the tasks that somebody has marked, sorted."""
        return [row["task"] for row in await self._database.read("favourites_list", owner=owner)]

    async def add(self, owner: str, task: str) -> None:
        """Mark a task; to ask twice changes nothing."""
        await self._database.write("favourites_add", owner=owner, task=task)

    async def remove(self, owner: str, task: str) -> None:
        """Take the mark off."""
        await self._database.write("favourites_remove", owner=owner, task=task)
