"""Verbs about definitions. They need no database."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.duration import describe
from mainspring.core.errors import InvalidParams
from mainspring.core.task import Task
from mainspring.operations.operation import Caller, Request, View, operation


class TaskView(View):
    """A definition as every face shows it. Durations are words that can be given back; ``schema`` is JSON Schema."""

    name: str
    title: str
    description: str
    category: str
    icon: str
    tags: list[str]
    danger: str | None
    is_expensive: bool
    is_enabled: bool
    is_repeatable: bool
    queue: str
    priority: str
    retries: int
    timeout: str | None
    deadline: str | None
    isolation: str
    is_async: bool
    max_rescues: int
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


def task_view(task: Task[..., Any], app: Mainspring) -> TaskView:
    """Return a definition with the app's defaults filled in."""
    spec, settings = task.spec, app.settings
    timeout = spec.timeout or settings.default_timeout
    return TaskView(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        category=spec.category,
        icon=spec.icon,
        tags=list(spec.tags),
        danger=spec.danger,
        is_expensive=spec.is_expensive,
        is_enabled=spec.is_enabled,
        is_repeatable=spec.is_repeatable,
        queue=spec.queue,
        priority=spec.priority.name.lower(),
        retries=settings.default_retries if spec.retry is None else spec.retry.retries,
        timeout=None if timeout is None else describe(timeout),
        deadline=None if spec.deadline is None else describe(spec.deadline),
        isolation=str(spec.isolation),
        is_async=spec.is_async,
        max_rescues=spec.max_rescues,
        module=spec.source.module,
        file=spec.source.file,
        line=spec.source.line,
        params=task.params.schema(),
        result=task.result.schema(),
    )


@operation("tasks.list")
async def list_tasks(app: Mainspring, request: TasksRequest, caller: Caller) -> TaskList:
    """List the tasks of the app."""
    return TaskList(
        items=[
            task_view(task, app)
            for task in app.registry
            if (request.category is None or task.spec.category == request.category)
            and (request.tag is None or request.tag in task.spec.tags)
        ]
    )


@operation("tasks.show")
async def show_task(app: Mainspring, request: TaskRequest, caller: Caller) -> TaskView:
    """Show a task with its parameters."""
    return task_view(app.task_named(request.name), app)


@operation("tasks.check")
async def check_params(app: Mainspring, request: CheckRequest, caller: Caller) -> Checked:
    """Check parameters without enqueueing anything."""
    try:
        app.task_named(request.name).params.load(json.dumps(request.params))
    except InvalidParams as error:
        return Checked(problems=[ProblemView(field=p.where, what=p.what, value=p.value) for p in error.problems])
    return Checked(problems=[])
