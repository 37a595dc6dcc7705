"""The asking host: a child process that answers what predicates of schedules are asked, one question at a time."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from typing import Any

from mainspring.core.schedule import Predicate
from mainspring.core.task import Task
from mainspring.engine.frames import Wire

MOST_TEXT = 2000  # characters of what a predicate raised


def predicate_of(tasks: Mapping[str, Task[..., Any]], task: str, name: str) -> Predicate | None:
    """Return the function behind a task's predicate of a qualified name, None where this code has none of it."""
    held = tasks.get(task)
    for schedule in () if held is None else held.spec.schedules:
        if schedule.predicate is not None and schedule.predicate_name == name:
            return schedule.predicate
    return None


async def ask(predicate: Predicate) -> bool:
    """Return what a predicate says; raises `TypeError` for what is neither True nor False."""
    answer = await predicate()
    if not isinstance(answer, bool):
        raise TypeError(f"the predicate returned {type(answer).__name__} {answer!r:.100}: True or False is needed")
    return answer


def told(error: BaseException) -> str:
    """Return an error as people are told of it, with where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames and frames[-1].filename != __file__ else ""
    return f"{traceback.format_exception_only(error)[-1].strip()[:MOST_TEXT]}{where}"


def serve_questions(wire: Wire, tasks: Mapping[str, Task[..., Any]]) -> None:
    """Answer until the engine closes the socket. Who takes too long is killed from outside."""
    with asyncio.Runner() as runner:
        while (message := wire.receive()) is not None:
            _, serial, task, name = message
            answer, error = None, None
            predicate = predicate_of(tasks, task, name)
            try:
                if predicate is None:
                    raise LookupError(f"the task {task!r} has no predicate {name!r} in this code")
                answer = runner.run(ask(predicate))
            except BaseException as problem:  # noqa: BLE001 - a call into user code: it may raise what it likes
                error = told(problem)
            wire.send(["answer", serial, answer, error])
