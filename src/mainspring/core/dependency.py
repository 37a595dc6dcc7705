"""Dependencies: tasks whose last run has to have succeeded before a run of another may start. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mainspring.core.duration import Duration, parse_duration
from mainspring.core.errors import ConfigurationError

MOST = 50
SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, init=False)
class Dependency:
    """A task that has to have succeeded: ``Dependency("load", within="24h")``.

    What counts is the run of it that was due last, for the same tenant; skipped ones are left out. ``within``: how long ago it may have
    ended.
    """

    task: str
    within: timedelta | None

    def __init__(self, task: str, *, within: Duration | None = None) -> None:
        given: object = task
        if not isinstance(given, str) or not given:
            raise ConfigurationError(f"Dependency(task)={task!r}: the name of a task is needed")
        length = None if within is None else parse_duration(within, "Dependency(within)")
        if length is not None and length < SHORTEST:
            raise ConfigurationError(f"Dependency(within)={within!r} is too short: a second is the least")
        object.__setattr__(self, "task", task)
        object.__setattr__(self, "within", length)

    def __str__(self) -> str:
        return self.task


def parse_dependencies(value: object, field_name: str = "depends_on") -> tuple[Dependency, ...]:
    """Return dependencies from names, tasks and `Dependency` values, each task once; raises `ConfigurationError`."""
    given = (value,) if isinstance(value, (str, Dependency)) or hasattr(value, "spec") else value
    if not isinstance(given, Sequence):
        raise ConfigurationError(
            f"{field_name}={value!r}: names of tasks are needed, as {field_name}=['backup', Dependency('load', within='24h')]"
        )
    found = tuple(each if isinstance(each, Dependency) else Dependency(_name_of(each, field_name)) for each in given)
    names = [each.task for each in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigurationError(f"{field_name} names {twice!r} twice: once is enough")
    if len(found) > MOST:
        raise ConfigurationError(f"{field_name} names {len(found)} tasks: {MOST} at most")
    return found


def _name_of(value: object, field_name: str) -> str:
    name = value if isinstance(value, str) else getattr(getattr(value, "spec", None), "name", None)
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{field_name}: {value!r} is neither a task, its name nor a Dependency")
    return name


def dump_dependencies(dependencies: Iterable[Dependency]) -> str | None:
    """Return dependencies as the store keeps them with a run; None where there are none."""
    rows = [
        {"task": each.task} if each.within is None else {"task": each.task, "within_ms": round(each.within.total_seconds() * 1000)}
        for each in dependencies
    ]
    return json.dumps(rows) if rows else None


def dump_wait(task: str) -> str:
    """Return what a body waits for that raised `WaitFor`: a success that came after its attempt began."""
    return json.dumps([{"task": task, "is_next": True}])


def find_cycle(edges: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return the names of one cycle, the first again at the end, or None; the same graph always gives the same answer."""
    done: set[str] = set()
    for start in sorted(edges):
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        on_path: set[str] = set()
        while stack:
            name, is_left = stack.pop()
            if is_left:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif name in on_path:
                return [*path[path.index(name) :], name]
            elif name not in done:
                path.append(name)
                on_path.add(name)
                stack.append((name, True))
                stack += [(each, False) for each in sorted(edges.get(name, ()), reverse=True)]
    return None
