"""Views of the runs that people save, in the store."""

from __future__ import annotations

from mainspring.core.errors import NotFound
from mainspring.core.ids import make_claim_id
from mainspring.core.run_view import RunView
from mainspring.store.database import Database, sure


class RunViewStore:
    """Keeps views: one's own, and those that others share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, owner: str) -> list[RunView]:
        """Return the views that somebody sees, by name."""
        rows = await self._database.read("runviews_list", owner=owner)
        return [
            RunView(
                row["id"], row["owner"], row["name"], row["query"], row["sort"], bool(row["is_shared"]),
                sure(self._database.from_time(row["created_at"])),
            )
            for row in rows
        ]  # fmt: skip

    async def save(self, owner: str, name: str, query: str, sort: str, *, is_shared: bool) -> str:
        """Save a view, or another content under the name of one's own; answers its id."""
        rows = await self._database.write(
            "runviews_save", id=make_claim_id(), owner=owner, name=name, query=query, sort=sort, is_shared=is_shared
        )
        return str(rows[0][0])

    async def remove(self, owner: str, view_id: str) -> str:
        """Remove a view of one's own and answer its name; raises `NotFound`."""
        rows = await self._database.write("runviews_remove", owner=owner, id=view_id)
        if not rows:
            raise NotFound(f"there is no saved view {view_id!r} of {owner!r}: only its owner can remove a view")
        return str(rows[0][0])
