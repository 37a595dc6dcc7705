"""Switches in the store: which tasks operators have enabled or disabled, and the runs that wait behind a switch."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.core.run import Reason
from mainspring.core.switch import Switch
from mainspring.store.database import Database, sure
from mainspring.store.runs import Grown, Lane


class SwitchStore:
    """Setting, reading, and holding what is ready."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[Switch]:
        """Return all switches, sorted by task."""
        time = self._database.from_time
        return [
            Switch(row["task"], bool(row["is_enabled"]), sure(time(row["changed_at"])), row["changed_by"], row["reason"])
            for row in await self._database.read("switches_list")
        ]

    async def put(self, task: str, is_enabled: bool, *, actor: str | None = None, reason: str | None = None) -> None:
        """Enable or disable a task, over what the code says and over an earlier switch."""
        await self._database.write("switches_set", task=task, is_enabled=is_enabled, actor=actor, reason=reason)

    async def clear(self, task: str) -> bool:
        """Let the code decide again; answers whether there was a switch."""
        return bool(await self._database.write("switches_clear", task=task))

    async def hold(self, task: str, n: int = 500) -> int:
        """Block runs of a task that are ready or wait for a limit, with the reason ``disabled``; answers how many."""
        return len(await self._database.write("runs_hold", task=task, n=n))

    async def free(self, tasks: Sequence[str], n: int = 500) -> tuple[int, set[Lane]]:
        """Let runs of these tasks go on that a switch had blocked; answers how many, and the lanes that grew."""
        rows = await self._database.write("runs_unblock", tasks=self._database.to_list(list(tasks)), reason=str(Reason.DISABLED), n=n)
        return len(rows), Grown(rows)
