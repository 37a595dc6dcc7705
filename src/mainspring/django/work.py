"""Django's tasks as tasks of ours: one of each function, found by its path in whatever process carries it out.

Executor children import this module and ask it for each task by an attribute that is a path; only what the app has registered is ever asked
for, so a row cannot name a function of its choice.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from traceback import format_exception
from typing import Any

from django.utils.module_loading import autodiscover_modules, import_string

from mainspring.core.context import Context
from mainspring.core.errors import RetryLater, Skip, Snooze
from mainspring.core.task import Source, Task, task
from mainspring.core.words import humanise
from mainspring.django import compat

PREFIX = "at/"  # of the attributes by which children ask: no attribute of a module is called so

_found: dict[str, compat.Task] = {}  # Django's tasks of our backends, by the path of their function
_ours: dict[str, Task[..., Any]] = {}


def remember(found: compat.Task) -> None:
    """Take note of a Django task that was defined for a backend of ours; copies made by ``using()`` change nothing."""
    _found.setdefault(found.module_path, found)


def project_tasks() -> list[Task[..., Any]]:
    """Return what the ``tasks`` modules of the installed apps define for our backends, as tasks of ours."""
    autodiscover_modules("tasks")
    return [as_task(path) for path in sorted(_found)]


def django_task(path: str) -> compat.Task:
    """Return Django's task of a path; raises ImportError where there is none any more."""
    if path not in _found:
        found = import_string(path)
        if not isinstance(found, compat.Task):
            raise ImportError(f"{path} is no task of Django's")
        remember(found)
    return _found[path]


def as_task(path: str) -> Task[..., Any]:
    """Return the task of ours that carries out Django's task of a path."""
    if path not in _ours:
        _ours[path] = _make(path, django_task(path))
    return _ours[path]


def __getattr__(name: str) -> Any:
    """Answer an executor child that asks for a task by its path."""
    if name.startswith(PREFIX):
        return as_task(name.removeprefix(PREFIX).replace("/", "."))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _make(path: str, found: compat.Task) -> Task[..., Any]:
    options = compat.task_backends[found.backend].options
    described = inspect.getdoc(found.func) or ""
    policies: dict[str, Any] = {"name": path, "title": humanise(found.func.__name__), "description": described}
    # Django's tasks are tried once unless their backend says otherwise, and their authors count on it.
    policies |= {"retry": 0, "category": "django"} | {name: options[name] for name in OPTIONS if name in options}
    made: Task[..., Any] = task(**policies)(_async_body(path) if inspect.iscoroutinefunction(found.func) else _body(path))
    code = inspect.unwrap(found.func).__code__
    source = Source(__name__, PREFIX + path.replace(".", "/"), code.co_filename, code.co_firstlineno)
    return type(made)(made.fn, replace(made.spec, source=source), hooks=made.hooks)


# What OPTIONS of a backend may say about its tasks; the rest of OPTIONS is refused by the backend's check.
OPTIONS = ("retry", "timeout", "deadline", "isolation", "repeatable", "max_rescues", "concurrency", "rate", "retention", "category")


def _body(path: str) -> Any:
    def carry_out(ctx: Context, args: list[Any], kwargs: dict[str, Any], priority: int = 0) -> Any:
        from django.db import close_old_connections

        close_old_connections()
        attempt = _Attempt(path, ctx, args, kwargs, priority)
        try:
            return attempt.ended(attempt.task.func(*attempt.given, **kwargs))
        except BaseException as error:
            attempt.failed(error)
            raise
        finally:
            close_old_connections()

    return carry_out


def _async_body(path: str) -> Any:
    async def carry_out(ctx: Context, args: list[Any], kwargs: dict[str, Any], priority: int = 0) -> Any:
        attempt = _Attempt(path, ctx, args, kwargs, priority)
        try:
            return attempt.ended(await attempt.task.func(*attempt.given, **kwargs))
        except BaseException as error:
            attempt.failed(error)
            raise

    return carry_out


class _Attempt:
    """One try, as Django's signals and its context tell of it."""

    def __init__(self, path: str, ctx: Context, args: list[Any], kwargs: Mapping[str, Any], priority: int) -> None:
        self.task = django_task(path)
        now = datetime.now(UTC)
        self.result = compat.TaskResult(
            task=replace(self.task, priority=priority, queue_name=ctx.queue), id=ctx.run_id, status=compat.TaskResultStatus.RUNNING,
            enqueued_at=None, started_at=now, finished_at=None, last_attempted_at=now, args=args, kwargs=dict(kwargs),
            backend=self.task.backend, errors=[], worker_ids=[ctx.claim_id] * ctx.attempt,
        )  # fmt: skip
        self.given = [compat.TaskContext(task_result=self.result), *args] if self.task.takes_context else args
        compat.task_started.send(sender=type(compat.task_backends[self.task.backend]), task_result=self.result)

    def ended(self, value: object) -> Any:
        """Take the value that the function returned; raises TypeError for what is no JSON, as Django says."""
        plain = compat.normalize_json(value)
        object.__setattr__(self.result, "_return_value", plain)
        self._finish(compat.TaskResultStatus.SUCCESSFUL)
        return plain

    def failed(self, error: BaseException) -> None:
        """Tell of a failure that is the end; one that is followed by another try is none."""
        retry = as_task(self.task.module_path).spec.retry
        is_last = retry is None or len(self.result.worker_ids) > retry.retries
        if is_last and not isinstance(error, (RetryLater, Skip, Snooze)) and self.result.finished_at is None:
            path = f"{type(error).__module__}.{type(error).__qualname__}"
            self.result.errors.append(compat.TaskError(exception_class_path=path, traceback="".join(format_exception(error))))
            self._finish(compat.TaskResultStatus.FAILED)

    def _finish(self, status: compat.TaskResultStatus) -> None:
        object.__setattr__(self.result, "finished_at", datetime.now(UTC))
        object.__setattr__(self.result, "status", status)
        compat.task_finished.send(sender=type(compat.task_backends[self.task.backend]), task_result=self.result)
