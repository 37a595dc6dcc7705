"""Verbs about definitions. They need no database, but for the switches, which are left out where it cannot be reached."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import SYSTEM, Verb
from mainspring.core.category import category_of
from mainspring.core.duration import describe
from mainspring.core.errors import Forbidden, InvalidParams, StoreError, UnknownTask
from mainspring.core.overlap import parse_overlap
from mainspring.core.policy import Isolation, PoolKind
from mainspring.core.service import not_enqueued
from mainspring.core.switch import Switches
from mainspring.core.task import Surface, Task
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.operations.permit import may, permit

_PLACES = {Surface.CLI: "the command line", Surface.MCP: "agents", Surface.WEB: "the web"}
DOORS = {"cli": Surface.CLI, "mcp": Surface.MCP, "web": Surface.WEB, "http": Surface.WEB}  # by the source of a caller


class SwitchView(View):
    """What an operator says about a task, over the code."""

    is_enabled: bool
    changed_at: datetime
    changed_by: str | None
    reason: str | None


class TaskView(View):
    """A definition as every face shows it. Durations are words that can be given back; ``params`` and ``result`` are JSON Schema.

    ``is_enabled`` is what holds now: the code's ``is_enabled_by_default``, unless a ``switch`` says otherwise (then ``has_drifted``).
    ``overlap`` is what becomes of runs that would overlap, and holds now; ``overlap_by_default`` is what the code says.
    ``is_here`` is False for a task that only a manifest knows.
    """

    name: str
    title: str
    description: str
    category: str
    category_title: str
    icon: str
    tags: list[str]
    danger: str | None
    is_expensive: bool
    is_enabled: bool
    is_enabled_by_default: bool
    switch: SwitchView | None
    has_drifted: bool
    is_here: bool
    is_repeatable: bool
    queue: str
    priority: str
    retries: int
    timeout: str | None
    deadline: str | None
    isolation: str
    pool: str
    is_async: bool
    max_rescues: int
    concurrency: int | None
    rate: str | None
    overlap: str | None
    overlap_by_default: str | None
    depends_on: list[str]
    requires: list[str]
    surfaces: list[str]
    variant_of: str | None
    params_version: int
    module: str
    file: str
    line: int
    params: dict[str, Any]
    result: dict[str, Any]


class TaskList(View):
    """Tasks, sorted by name."""

    items: list[TaskView]


class TasksRequest(Request):
    """Which tasks."""

    category: str | None = Field(None, description="only this category")
    tag: str | None = Field(None, description="only with this tag")


class TaskRequest(Request):
    """Which task."""

    name: str = Field(description="the task's name")


class CheckRequest(Request):
    """Parameters that are to be checked."""

    name: str = Field(description="the task's name")
    params: dict[str, Any] = Field(default_factory=dict, description="parameters by name")


class ProblemView(View):
    """One thing that is wrong with parameters."""

    field: str
    what: str
    value: str | None


class Checked(View):
    """What is wrong with parameters, one entry a field; empty when they can be enqueued."""

    problems: list[ProblemView]


def visible(app: Mainspring, name: str, caller: Caller) -> Task[..., Any]:
    """Return a task that a caller may see by their door.

    Raises `UnknownTask`, also for one that is kept from them, and `Forbidden` for one whose definition is kept off the door.
    """
    if caller.user is not SYSTEM and (name not in app.registry or not may(app, caller.user, Verb.VIEW, name, owner=caller.user.name)):
        raise UnknownTask(f"there is no task named {name!r}")  # and no word of others that are called alike
    task = app.task_named(name)
    door = DOORS.get(caller.source)
    if door is not None and door in task.spec.hidden_from:
        raise Forbidden(f"the task {name!r} is kept off {_PLACES[door]} (no_{door}=True at {task.spec.source})")
    return task


async def read_switches(app: Mainspring) -> Switches | None:
    """Return the switches, or None where the store cannot be asked: a definition can be shown all the same."""
    try:
        return await app.switches()
    except StoreError:
        return None


def task_view(task: Task[..., Any], app: Mainspring, switches: Switches | None = None) -> TaskView:
    """Return a definition with the app's defaults filled in, and what operators have switched."""
    spec, settings = task.spec, app.settings
    timeout = spec.timeout or settings.default_timeout
    switch = None if switches is None else switches.of(spec.name)
    by_default = None if spec.overlap_policy is None else str(spec.overlap_policy)
    chosen = None if switches is None else switches.overlaps.get(spec.name)
    where = settings.isolation if spec.isolation is Isolation.PROCESS else spec.isolation
    return TaskView(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        category=spec.category,
        category_title=category_of(spec.category).title,
        icon=spec.icon,
        tags=list(spec.tags),
        danger=spec.danger,
        is_expensive=spec.is_expensive,
        is_enabled=spec.is_enabled if switch is None else switch.is_enabled,
        is_enabled_by_default=spec.is_enabled,
        switch=None if switch is None else SwitchView(
            is_enabled=switch.is_enabled, changed_at=switch.changed_at, changed_by=switch.changed_by, reason=switch.reason,
        ),
        has_drifted=switch is not None and switch.is_enabled is not spec.is_enabled,
        is_here=task.is_here,
        is_repeatable=spec.is_repeatable,
        queue=spec.queue,
        priority=spec.priority.name.lower(),
        retries=settings.default_retries if spec.retry is None else spec.retry.retries,
        timeout=None if timeout is None else describe(timeout),
        deadline=None if spec.deadline is None else describe(spec.deadline),
        isolation=str(spec.isolation),
        pool=PoolKind.of(where, is_async=spec.is_async, is_repeatable=spec.is_repeatable).name.lower(),
        is_async=spec.is_async,
        max_rescues=spec.max_rescues,
        concurrency=spec.concurrency,
        rate=None if spec.rate is None else str(spec.rate),
        overlap=by_default if chosen is None else str(chosen),
        overlap_by_default=by_default,
        depends_on=[each.task for each in spec.depends_on],
        requires=list(spec.requires),
        surfaces=[str(each) for each in Surface if each not in spec.hidden_from],
        variant_of=spec.variant_of,
        params_version=spec.params_version,
        module=spec.source.module,
        file=spec.source.file,
        line=spec.source.line,
        params=task.params.schema(),
        result=task.result.schema(),
    )  # fmt: skip


@operation("tasks.list")
async def list_tasks(app: Mainspring, request: TasksRequest, caller: Caller) -> TaskList:
    """List the tasks of the app."""
    door = DOORS.get(caller.source)
    found = [
        task
        for task in app.registry
        if (request.category is None or task.spec.category == request.category)
        and (request.tag is None or request.tag in task.spec.tags)
        and door not in task.spec.hidden_from
        and task.name not in caller.hidden
    ]
    switches = await read_switches(app) if found else None
    return TaskList(items=[task_view(task, app, switches) for task in found])


@operation("tasks.show")
async def show_task(app: Mainspring, request: TaskRequest, caller: Caller) -> TaskView:
    """Show a task with its parameters."""
    task = visible(app, request.name, caller)
    if task.is_service:
        raise not_enqueued(task.name)
    return task_view(task, app, await read_switches(app))


@operation("tasks.check")
async def check_params(app: Mainspring, request: CheckRequest, caller: Caller) -> Checked:
    """Check parameters without enqueueing anything."""
    try:
        await app.check(visible(app, request.name, caller), json.dumps(request.params))
    except InvalidParams as error:
        return Checked(problems=[ProblemView(field=p.where, what=p.what, value=p.value) for p in error.problems])
    return Checked(problems=[])


# -- switching


class SwitchRequest(Request):
    """Which task, and why."""

    name: str = Field(description="the task's name")
    reason: str | None = Field(None, max_length=2000, description="why; kept with the switch and in the audit trail")


class Switched(View):
    """What became of a task. ``moved``: how many waiting runs were held, or let go; ``has_drifted``: the code says otherwise."""

    name: str
    is_enabled: bool
    has_changed: bool
    has_drifted: bool
    moved: int


@operation("tasks.enable", changes="task:{name}", needs=Verb.CONFIGURE, asks_tasks=True)
async def enable_task(app: Mainspring, request: SwitchRequest, caller: Caller) -> Switched:
    """Let a task be enqueued and started; runs that were held go on."""
    return await _switch(app, request, caller, True)


@operation("tasks.disable", changes="task:{name}", dangerous=True, needs=Verb.CONFIGURE, asks_tasks=True)
async def disable_task(app: Mainspring, request: SwitchRequest, caller: Caller) -> Switched:
    """Let nothing of a task be enqueued or started; what waits is held, what runs goes on."""
    return await _switch(app, request, caller, False)


async def _switch(app: Mainspring, request: SwitchRequest, caller: Caller, is_enabled: bool) -> Switched:
    spec = app.task_named(request.name).spec
    await permit(app, caller, Verb.CONFIGURE, spec.name)
    was_off = (await app.switches()).is_off(spec)
    moved = await app.switch(spec.name, is_enabled, actor=caller.actor, reason=request.reason)
    has_changed, has_drifted = was_off is is_enabled, is_enabled is not spec.is_enabled
    return Switched(name=spec.name, is_enabled=is_enabled, has_changed=has_changed, has_drifted=has_drifted, moved=moved)


# -- overlaps


class OverlapRequest(Request):
    """Which task, what is to become of runs that would overlap, and why."""

    name: str = Field(description="the task's name")
    policy: str = Field(description="skip, queue, queue:3, replace, allow or allow:4; code lets the code say again")
    reason: str | None = Field(None, max_length=2000, description="why; kept with the choice and in the audit trail")


class OverlapSet(View):
    """What holds now. ``was`` held before; ``by_default`` is what the code says, None: nothing keeps runs apart there."""

    name: str
    policy: str | None
    was: str | None
    by_default: str | None
    has_changed: bool
    has_drifted: bool


@operation("tasks.overlap", changes="task:{name}", needs=Verb.CONFIGURE, asks_tasks=True)
async def set_overlap(app: Mainspring, request: OverlapRequest, caller: Caller) -> OverlapSet:
    """Say what becomes of a task's runs that would overlap, over what the code says; those that wait are asked by it at once."""
    spec = app.task_named(request.name).spec
    await permit(app, caller, Verb.CONFIGURE, spec.name)
    chosen = None if request.policy.strip() == "code" else parse_overlap(request.policy, "policy")
    before = (await app.switches()).overlaps.get(spec.name)
    await app.set_overlap(spec.name, chosen, actor=caller.actor, reason=request.reason)
    by_default = None if spec.overlap_policy is None else str(spec.overlap_policy)
    was, now = by_default if before is None else str(before), by_default if chosen is None else str(chosen)
    has_drifted = (now or "allow") != (by_default or "allow")
    return OverlapSet(name=spec.name, policy=now, was=was, by_default=by_default, has_changed=was != now, has_drifted=has_drifted)


# -- what each surface sees


class SurfacesView(View):
    """A task as each surface sees it; None where the definition keeps it off. ``http`` and ``mcp`` are JSON, ``form`` one entry a field."""

    name: str
    python: str
    cli: str | None
    http: dict[str, Any] | None
    form: list[dict[str, Any]] | None
    mcp: dict[str, Any] | None


class SurfacesList(View):
    """Tasks, sorted by name."""

    items: list[SurfacesView]


class SurfacesRequest(Request):
    """Which task."""

    name: str | None = Field(None, description="only this task")


@operation("tasks.types")
async def show_types(app: Mainspring, request: SurfacesRequest, caller: Caller) -> SurfacesList:
    """Show what each surface sees of the tasks: Python, command line, HTTP, form, agents."""
    seen = [each for each in app.registry.all if each.name not in caller.hidden]
    tasks = seen if request.name is None else [visible(app, request.name, caller)]
    return SurfacesList(items=[_surfaces(task) for task in tasks])


def _surfaces(task: Task[..., Any]) -> SurfacesView:
    spec, schema, hidden = task.spec, task.params.schema(), task.spec.hidden_from
    is_on_web = Surface.WEB not in hidden
    hints = {"title": spec.title, "destructiveHint": spec.danger is not None, "readOnlyHint": False}
    return SurfacesView(
        name=spec.name,
        python=_signature(task),
        cli=None if Surface.CLI in hidden else _usage(spec.name, schema),
        http={"name": spec.name, "params": schema, "result": task.result.schema()} if is_on_web else None,
        form=[_plain(each) for each in task.form()] if is_on_web else None,
        mcp=None if Surface.MCP in hidden else {
            "name": spec.name, "description": spec.description or spec.title, "inputSchema": schema, "annotations": hints,
        },
    )  # fmt: skip


def _signature(task: Task[..., Any]) -> str:
    """Return the call as Python has it: the annotations of the code, or for a task of a manifest what its schema says."""
    if not task.is_here:
        return f"{task.name}({', '.join(task.params.names)})"
    signature = inspect.signature(task.fn)
    kept = [each for name, each in signature.parameters.items() if name in task.params.names]
    return f"{task.fn.__name__}{signature.replace(parameters=kept)}"


def _usage(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    words = [f"--{option_of(each)}" if each in required else f"[--{option_of(each)}]" for each in schema.get("properties", {})]
    return " ".join(["mainspring run", name, *words])


def option_of(parameter: str) -> str:
    """Return how a parameter is written on a command line: ``dry_run`` as ``dry-run``, ``async_`` as ``async``."""
    return (parameter.rstrip("_") or parameter).replace("_", "-")


def _plain(field: Any) -> dict[str, Any]:
    """Return a form's field as JSON values; what is empty is left out."""
    from dataclasses import asdict

    def lean(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: lean(each) for key, each in value.items() if each not in (None, (), "", {}, [])}
        return [lean(each) for each in value] if isinstance(value, (tuple, list)) else value

    found: dict[str, Any] = lean(asdict(field))
    return found


# -- the manifest


class ManifestView(View):
    """The manifest and the index module, as `mainspring.registry.manifest` and `mainspring.registry.index` write them."""

    manifest: str
    index: str
    tasks: int


class ManifestRequest(Request):
    """How the manifest will be called beside the index."""

    file: str = Field("mainspring.json", description="the manifest's file name, as the index module will look for it")


@operation("tasks.manifest")
async def write_manifest(app: Mainspring, request: ManifestRequest, caller: Caller) -> ManifestView:
    """Write down every task and service, for nodes and programs without the code."""
    from mainspring.registry.index import index_text
    from mainspring.registry.manifest import manifest_text

    text = manifest_text(app.registry.all, app.settings.isolation, app.registry.services.values())
    return ManifestView(manifest=text, index=index_text(text, request.file), tasks=len(app.registry))
