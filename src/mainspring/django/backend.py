"""The backend for Django's own tasks: ``task.enqueue()`` makes a durable run, within the transaction that is open."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from mainspring.core.errors import MainspringError, UnknownRun
from mainspring.core.ids import made_at
from mainspring.core.policy import Priority
from mainspring.core.run import Attempt, ErrorKind, Run
from mainspring.core.state import RunState
from mainspring.django import compat
from mainspring.django.project import database_alias, project_app
from mainspring.django.work import OPTIONS, as_task, django_task, remember

_LANES = ((67, Priority.CRITICAL), (34, Priority.HIGH), (-33, Priority.MEDIUM), (-66, Priority.LOW))  # from this number of Django's on
_STATUS = {RunState.RUNNING: compat.TaskResultStatus.RUNNING, RunState.COMPLETED: compat.TaskResultStatus.SUCCESSFUL}
# What stands for the class of an error that no exception made.
_CLASS_OF = {ErrorKind.TIMEOUT: "builtins.TimeoutError"}
_NO_CLASS = "mainspring.core.errors.RunFailed"


class MainspringBackend(compat.BaseTaskBackend):  # type: ignore[misc]  # Django has no types of its own
    """Keeps Django's tasks as runs: durable, rescued, with logs and history, and with ``run_after``, priorities and results.

    ``QUEUES`` is as Django says. ``OPTIONS`` holds policies for all tasks of the backend (``retry``, ``timeout``, ``isolation`` …, see
    `mainspring.task`); without ``retry`` a task that raises is not tried again, while one whose worker was lost is.
    """

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def validate_task(self, task: compat.Task) -> None:
        """Refuse what cannot be carried out, as Django says, and take note of the rest."""
        super().validate_task(task)
        remember(task)

    def enqueue(self, task: compat.Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> compat.TaskResult:
        """Add a run and return its result, which is ready; it exists once the open transaction is committed."""
        self.validate_task(task)
        given = {"args": compat.normalize_json(list(args)), "kwargs": compat.normalize_json(dict(kwargs)), "priority": task.priority}
        self._check_arguments(task, given)
        run_at = task.run_after
        if run_at is not None and timezone.is_naive(run_at):
            run_at = timezone.make_aware(run_at)
        ours = as_task(task.module_path).options(
            queue=task.queue_name, priority=_lane_of(task.priority), run_at=run_at, connection=database_alias()
        )
        handle = project_app().blocking.enqueue(ours, **given)
        result = compat.TaskResult(
            task=task, id=handle.id, status=compat.TaskResultStatus.READY, enqueued_at=made_at(handle.id), started_at=None,
            finished_at=None, last_attempted_at=None, args=given["args"], kwargs=given["kwargs"], backend=self.alias, errors=[],
            worker_ids=[],
        )  # fmt: skip
        compat.task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> compat.TaskResult:
        """Return the result as it is now; raises `TaskResultDoesNotExist`."""
        blocking = project_app().blocking
        try:
            run, attempts = blocking.status(str(result_id)), blocking.attempts(str(result_id))
            task = django_task(run.task)
        except (UnknownRun, ImportError) as error:
            raise compat.TaskResultDoesNotExist(str(result_id)) from error
        return self._result(run, attempts, task)

    def check(self, **kwargs: Any) -> Iterable[checks.CheckMessage]:
        """Yield what ``manage.py check`` is to say about the settings."""
        yield from super().check(**kwargs)
        for name in self.options:
            if name not in OPTIONS:
                known = ", ".join(OPTIONS)
                yield checks.Error(f"TASKS[{self.alias!r}]['OPTIONS'][{name!r}] is unknown", hint=f"one of {known}", id="mainspring.E001")
        try:
            project_app()
        except (ImproperlyConfigured, MainspringError) as error:
            yield checks.Error(str(error), id="mainspring.E002")

    def _check_arguments(self, task: compat.Task, given: Mapping[str, Any]) -> None:
        """Raise TypeError, as a call would, for arguments that the function does not take."""
        context = (None,) if task.takes_context else ()
        inspect.signature(task.func).bind(*context, *given["args"], **given["kwargs"])

    def _result(self, run: Run, attempts: Sequence[Attempt], task: compat.Task) -> compat.TaskResult:
        import json

        given = json.loads(run.params)
        plain = task.using(queue_name=run.queue, priority=given["priority"], run_after=run.run_at if _was_put_off(run) else None)
        failures = [each.error for each in attempts if each.error is not None]
        if not failures and run.error is not None:
            failures = [run.error]
        workers = [each.node_id or "" for each in attempts]
        if len(workers) < run.attempt:  # a first success leaves no row of its own, and neither does a try that goes on
            workers.append(run.node_id or "")
        status = _STATUS.get(run.state) or (compat.TaskResultStatus.FAILED if run.is_final else compat.TaskResultStatus.READY)
        first = attempts[0].started_at if attempts else run.started_at
        result = compat.TaskResult(
            task=plain, id=run.id, status=status, enqueued_at=run.created_at, started_at=first, finished_at=run.finished_at,
            last_attempted_at=run.started_at, args=given["args"], kwargs=given["kwargs"], backend=self.alias,
            errors=[_error(each) for each in failures] if status is not compat.TaskResultStatus.SUCCESSFUL else [], worker_ids=workers,
        )  # fmt: skip
        if run.state is RunState.COMPLETED:
            object.__setattr__(result, "_return_value", None if run.result is None else json.loads(run.result))
        return result


def _lane_of(priority: int) -> Priority:
    return next((lane for least, lane in _LANES if priority >= least), Priority.BACKGROUND)


def _was_put_off(run: Run) -> bool:
    return run.run_at is not None and run.run_at > run.created_at and run.attempt <= 1


def _error(error: Mapping[str, Any]) -> compat.TaskError:
    path = error.get("class") or _CLASS_OF.get(error["kind"], _NO_CLASS)
    return compat.TaskError(exception_class_path=path, traceback=error.get("traceback") or str(error.get("message", "")))
