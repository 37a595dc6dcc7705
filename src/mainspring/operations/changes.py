"""The verb that says whether anything has changed: what pages ask instead of looking at everything again."""

from __future__ import annotations

from mainspring.app import Mainspring
from mainspring.operations.operation import Caller, Request, View, operation


class ChangesRequest(Request):
    """Nothing has to be said."""


class ChangesView(View):
    """A token of the present state. It says nothing by itself: two that are equal say that no list looks different."""

    token: str


@operation("changes.show")
async def show_changes(app: Mainspring, request: ChangesRequest, caller: Caller) -> ChangesView:
    """Tell one state of runs, schedules, services and nodes from another, by a token that costs next to nothing."""
    return ChangesView(token=await (await app.store()).changes.token())
