"""Verbs about presets, the values of forms that people keep under names, and about favourites, the tasks that they mark."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import UserRole, Verb
from mainspring.core.errors import NotFound
from mainspring.core.file import files_in
from mainspring.core.param import OURS, scalars
from mainspring.core.secret import PATTERN
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.permit import permit
from mainspring.operations.tasks import visible


class PresetView(View):
    """Values by parameter that somebody keeps; ``is_own`` says that the one who asks does."""

    id: int
    task: str
    name: str
    owner: str
    is_own: bool
    is_shared: bool
    params: dict[str, Any]
    changed_at: datetime


class PresetList(View):
    """Presets by name."""

    items: list[PresetView]


class PresetsRequest(Request):
    """Which task."""

    task: str = Field(description="the task's name")


class SavePresetRequest(Request):
    """Which values, and under which name."""

    task: str = Field(description="the task's name")
    name: str = Field(min_length=1, max_length=100, description="how the preset is called; one of the same name is replaced")
    params: dict[str, Any] = Field(default_factory=dict, description="parameters by name; files are left out")
    shared: bool = Field(False, description="whether everybody who sees the task may use it")


class PresetSaved(View):
    """What was kept, and what was left out of it."""

    id: int
    task: str
    name: str
    left_out: list[str]


class DeletePresetRequest(Request):
    """Which preset."""

    task: str = Field(description="the task's name")
    id: int = Field(description="the preset's id")


class PresetDeleted(View):
    """What is kept no longer."""

    task: str
    name: str


class FavouriteRequest(Request):
    """Which task."""

    task: str = Field(description="the task's name")


class FavouritesRequest(Request):
    """Nothing has to be said: each asks for their own."""


class FavouriteChanged(View):
    """Whether a task is marked now."""

    task: str
    is_favourite: bool


class FavouriteView(View):
    """A task that is marked."""

    task: str


class FavouriteList(View):
    """The marked tasks, sorted."""

    items: list[FavouriteView]


@operation("presets.list")
async def list_presets(app: Mainspring, request: PresetsRequest, caller: Caller) -> PresetList:
    """List the values that are kept for a task."""
    task = visible(app, request.task, caller)
    found = await (await app.store()).presets.list(task.name, caller.actor, tenant=caller.tenant)
    known = set(task.params.names)
    return PresetList(
        items=[
            PresetView(
                id=each.id, task=each.task, name=each.name, owner=each.owner, is_own=each.owner == caller.actor, is_shared=each.is_shared,
                params={name: value for name, value in each.params.items() if name in known}, changed_at=each.changed_at,
            )
            for each in found
        ]
    )  # fmt: skip


@operation("presets.save", changes="task:{task}", needs=Verb.START, asks_tasks=True)
async def save_preset(app: Mainspring, request: SavePresetRequest, caller: Caller) -> PresetSaved:
    """Keep values for a task under a name."""
    task = visible(app, request.task, caller)
    await permit(app, caller, Verb.START, task)
    # A file is swept when no run holds it, and what is called like a secret is not to lie about: neither is kept.
    named = set(task.params.marks.named)
    secret = {
        name
        for name, each in task.params.schema().get("properties", {}).items()
        if any(part.get(OURS, {}).get("secret") for part in scalars(each))
    }
    left_out = sorted(
        name
        for name, value in request.params.items()
        if name in named or any(True for _ in files_in(value)) or (name in secret and not re.fullmatch(PATTERN, str(value)))
    )
    kept = {name: value for name, value in request.params.items() if name not in left_out and name in task.params.names}
    made = await (await app.store()).presets.put(
        task.name, caller.actor, request.name, kept, is_shared=request.shared, tenant=caller.tenant
    )  # fmt: skip
    return PresetSaved(id=made, task=task.name, name=request.name, left_out=left_out)


@operation("presets.delete", changes="task:{task}", needs=Verb.START, asks_tasks=True)
async def delete_preset(app: Mainspring, request: DeletePresetRequest, caller: Caller) -> PresetDeleted:
    """Forget values that are kept for a task: one's own; an admin those of anybody."""
    task = visible(app, request.task, caller)
    await permit(app, caller, Verb.START, task)
    is_any = caller.user.role is UserRole.ADMIN
    name = await (await app.store()).presets.drop(task.name, request.id, caller.actor, is_any=is_any, tenant=caller.tenant)
    if name is None:
        raise NotFound(f"there is no preset {request.id} of yours for the task {task.name!r}")
    return PresetDeleted(task=task.name, name=name)


@operation("favourites.list")
async def list_favourites(app: Mainspring, request: FavouritesRequest, caller: Caller) -> FavouriteList:
    """List the tasks that one has marked."""
    return FavouriteList(items=[FavouriteView(task=each) for each in await (await app.store()).favourites.list(caller.actor)])


@operation("favourites.add", changes="task:{task}")
async def add_favourite(app: Mainspring, request: FavouriteRequest, caller: Caller) -> FavouriteChanged:
    """Mark a task for oneself."""
    task = visible(app, request.task, caller)
    await (await app.store()).favourites.add(caller.actor, task.name)
    return FavouriteChanged(task=task.name, is_favourite=True)


@operation("favourites.remove", changes="task:{task}")
async def remove_favourite(app: Mainspring, request: FavouriteRequest, caller: Caller) -> FavouriteChanged:
    """Take one's mark off a task."""
    task = visible(app, request.task, caller)
    await (await app.store()).favourites.remove(caller.actor, task.name)
    return FavouriteChanged(task=task.name, is_favourite=False)
