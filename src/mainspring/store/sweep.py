"""The sweep in the store: rows that no other loop would ever look at again, found page by page and put right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mainspring.store.database import Database
from mainspring.store.runs import Grown, Lane

FIRST = "00000000-0000-0000-0000-000000000000"

Wrong = Literal["ended", "forgotten"]


@dataclass(frozen=True, slots=True)
class Found:
    """A run that is not as a run can be. ``ended``: it has a final record as well; ``forgotten``: it waits for nothing."""

    run_id: str
    task: str
    what: Wrong


@dataclass(frozen=True, slots=True)
class Page:
    """What one page has shown; ``last_id`` is where the next begins, None when this was the last."""

    found: tuple[Found, ...]
    last_id: str | None


class SweepStore:
    """Finding and repairing. A repair looks again under the row's lock, so that two sweepers repair once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: str = FIRST, n: int = 1000) -> Page:
        """Look at ``n`` unfinished runs past an id."""
        rows = await self._database.read("sweep_page", after=after, n=n)
        found = tuple(Found(row["id"], row["task"], row["what"]) for row in rows if row["id"] is not None)
        return Page(found, str(rows[0]["last_id"]) if rows[0]["n"] >= n else None)

    async def repair(self, found: Found) -> tuple[bool, set[Lane]]:
        """Put one right; answers whether this call did, and the lanes that grew."""
        if found.what == "ended":
            return bool(await self._database.write("sweep_ended", id=found.run_id)), set()
        rows = await self._database.write("sweep_forgotten", id=found.run_id)
        return bool(rows), Grown(rows)
