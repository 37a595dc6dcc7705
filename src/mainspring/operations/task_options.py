"""Suggestions for a parameter, made by the definition's own function from what stands in the form's other fields."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.errors import NotFound
from mainspring.core.form import text_of
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.permit import permit
from mainspring.operations.tasks import visible

KEPT = 30.0  # seconds for which suggestions are kept: people type letter by letter
PATIENCE = 5.0  # seconds that the function may take
MOST, MOST_KEPT = 500, 200
log = logging.getLogger("mainspring")


class OptionsRequest(Request):
    """For which parameter, beside which others."""

    name: str = Field(description="the task's name")
    field: str = Field(description="the parameter's name")
    values: dict[str, Any] = Field(default_factory=dict, description="what the other parameters are so far")


class OptionView(View):
    """One suggestion: the value as a form posts it, and what people read."""

    value: str
    label: str


class OptionList(View):
    """Suggestions; ``is_whole`` is False where there were more than 500, or the function did not answer."""

    items: list[OptionView]
    is_whole: bool


_HELD: WeakKeyDictionary[Mainspring, dict[str, tuple[float, OptionList]]] = WeakKeyDictionary()


@operation("tasks.options", needs=Verb.START, asks_tasks=True)
async def list_options(app: Mainspring, request: OptionsRequest, caller: Caller) -> OptionList:
    """List suggestions for a parameter whose definition has a function that makes them."""
    task = visible(app, request.name, caller)
    await permit(app, caller, Verb.START, task)
    path = task.params.schema().get("properties", {}).get(request.field, {}).get("x-ui", {}).get("options")
    if path is None or not task.is_here:
        raise NotFound(f"the parameter {request.field!r} of {task.name!r} has no function that makes suggestions here")
    held = _HELD.setdefault(app, {})
    key = json.dumps([caller.tenant, task.name, request.field, request.values], sort_keys=True, default=str)
    now = time.monotonic()
    if key in held and now - held[key][0] < KEPT:
        return held[key][1]
    found = await _asked(path, request.values)
    for old in [each for each, (at, _) in held.items() if now - at >= KEPT] or list(held)[: max(len(held) - MOST_KEPT, 0)]:
        del held[old]
    if found.is_whole or found.items:
        held[key] = now, found
    return found


async def _asked(path: str, values: Mapping[str, Any]) -> OptionList:
    try:
        function = _function(path)
        async with asyncio.timeout(PATIENCE):
            made = await function(values) if inspect.iscoroutinefunction(function) else await asyncio.to_thread(function, values)
    except Exception as error:  # noqa: BLE001 - a hook of the user's: a form is usable without suggestions
        log.warning("%s made no suggestions: %s: %s", path, type(error).__name__, error)
        return OptionList(items=[], is_whole=False)
    pairs = made.items() if isinstance(made, Mapping) else ((each, None) for each in made)
    items = [OptionView(value=text_of(value), label=text_of(value) if label is None else str(label)) for value, label in pairs]
    return OptionList(items=items[:MOST], is_whole=len(items) <= MOST)


def _function(path: str) -> Callable[[Mapping[str, Any]], Any]:
    module, _, name = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    made: Callable[[Mapping[str, Any]], Any] = found
    return made
