"""What waits: runs that somebody has asked for and nobody has begun or ended. Read in pages by id, so that their number costs no memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from mainspring.store.database import LOWEST, Database

PAGE = 500


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """One of them: its parameters as stored, which may be a reference to a file, and the version that they were stored under."""

    id: str
    task: str
    params: str
    params_version: int


class WaitingStore:
    """Reads runs that wait."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self) -> AsyncIterator[WaitingRun]:
        """Yield every one, the oldest first."""
        after = LOWEST
        while rows := await self._database.read("waiting_runs", after=after, n=PAGE):
            for row in rows:
                yield WaitingRun(str(row["id"]), row["task"], row["params"], row["params_version"])
            after = rows[-1]["id"]
