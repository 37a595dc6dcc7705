"""Verbs about views of the runs that people save: what is looked for, under a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.errors import InvalidParams, Problem
from mainspring.core.run_query import parse
from mainspring.operations.operation import Caller, Request, View, operation

SortWord = Literal["new", "old", "longest"]


class SavedRow(View):
    """A saved view; ``is_own``: whoever asks can change it, and remove it."""

    id: str
    name: str
    query: str
    sort: SortWord
    owner: str
    is_shared: bool
    is_own: bool


class SavedList(View):
    """The views that somebody sees: their own and shared ones, by name."""

    items: list[SavedRow]


class SavedRequest(Request):
    """Nothing has to be said."""


class SaveRequest(Request):
    """What is to be saved; a view of one's own with this name becomes this one."""

    name: str = Field(description="what it is called", min_length=1, max_length=80)
    query: str = Field("", description="the search, as task:backup status:failed", max_length=1000)
    sort: SortWord = Field("new", description="new or old ones first, or the longest")
    is_shared: bool = Field(False, description="others see it as well")


class RemoveRequest(Request):
    """Which view."""

    id: str = Field(description="its id, as a list shows it")


class Saved(View):
    """The view that was saved or removed."""

    id: str
    name: str


@operation("views.list")
async def list_views(app: Mainspring, request: SavedRequest, caller: Caller) -> SavedList:
    """List saved views of runs."""
    found = await (await app.store()).run_views.list(caller.actor)
    return SavedList(
        items=[
            SavedRow.model_validate(
                {
                    "id": each.id, "name": each.name, "query": each.query, "sort": each.sort, "owner": each.owner,
                    "is_shared": each.is_shared, "is_own": each.owner == caller.actor,
                }
            )
            for each in found
        ]
    )  # fmt: skip


@operation("views.save", changes="view:{name}")
async def save_view(app: Mainspring, request: SaveRequest, caller: Caller) -> Saved:
    """Save a search for runs under a name."""
    if problems := parse(request.query, datetime.now(UTC)).problems:
        raise InvalidParams("the search is not understood", [Problem("query", f"{each.token} {each.what}") for each in problems])
    views = (await app.store()).run_views
    saved = await views.save(caller.actor, request.name, request.query, request.sort, is_shared=request.is_shared)
    return Saved(id=saved, name=request.name)


@operation("views.remove", changes="view:{id}")
async def remove_view(app: Mainspring, request: RemoveRequest, caller: Caller) -> Saved:
    """Remove a saved view of one's own."""
    return Saved(id=request.id, name=await (await app.store()).run_views.remove(caller.actor, request.id))
