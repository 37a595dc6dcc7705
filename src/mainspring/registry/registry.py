"""The registry: every task by name, frozen once it is built."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from threading import Lock
from types import MappingProxyType
from typing import Any

from mainspring.core.capability import Facts, unmet
from mainspring.core.category import category_of
from mainspring.core.dependency import find_cycle
from mainspring.core.errors import DefinitionError, Problem, UnknownTask
from mainspring.core.task import Task

AnyTask = Task[..., Any]


@dataclass(frozen=True, slots=True, repr=False)
class Registry:
    """All tasks of an app, sorted by name; categories go by their order. Made by `Registry.build` or a `RegistryBuilder`.

    ``services`` are beside them: `get` finds them too, but they are in no list of what can be enqueued.
    ``unmet`` names the tasks that are not registered because something that they require is missing here, each with why and what to do.
    """

    by_name: Mapping[str, AnyTask] = field(default_factory=lambda: MappingProxyType({}))
    by_category: Mapping[str, tuple[AnyTask, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unmet: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    services: Mapping[str, AnyTask] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def build(
        cls, tasks: Iterable[AnyTask], problems: Sequence[Problem] = (), *, facts: Facts | None = None, remote: Iterable[AnyTask] = ()
    ) -> Registry:
        """Return a registry of the tasks; the same object twice is fine.

        What tasks require is compared with ``facts``, where they are given. ``remote`` are tasks of a manifest: one whose code is here, or
        would be if its requirements held, is left out.

        Raises one `DefinitionError` with everything that is wrong: ``problems`` (those of the discovery), then bad
        definitions and names that are taken twice, each with file and line.
        """
        builder = RegistryBuilder()
        for task in tasks:
            builder.add(task)
        return builder.build(problems, facts=facts, remote=remote)

    @property
    def all(self) -> tuple[AnyTask, ...]:
        """Every task, sorted by name."""
        return tuple(self.by_name.values())

    def get(self, name: str) -> AnyTask:
        """Return the task of a name; raises `UnknownTask` with the names that come close."""
        try:
            return self.by_name[name]
        except KeyError:
            if name in self.services:
                return self.services[name]
            if name in self.unmet:
                raise UnknownTask(f"the task {name!r} is not registered here: {'; '.join(self.unmet[name])}") from None
            raise UnknownTask(self._unknown(name)) from None

    def _unknown(self, name: str) -> str:
        if not self.by_name:
            return f"there is no task named {name!r}: no task is registered at all, name their packages in discover=[…]"
        folded = {known.casefold(): known for known in self.by_name}
        close = [folded[each] for each in get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
        guess = f", did you mean {' or '.join(repr(each) for each in close)}?" if close else ""
        return f"there is no task named {name!r}{guess}"

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[AnyTask]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)

    def __repr__(self) -> str:
        return f"<registry of {len(self)} tasks>"


class RegistryBuilder:
    """Collects tasks from any thread until `build`; nothing is checked before, so that all problems come at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tasks: dict[int, AnyTask] = {}

    def add(self, task: AnyTask) -> None:
        """Take a task; one that was added before is taken once."""
        with self._lock:
            self._tasks[id(task)] = task

    def build(self, problems: Sequence[Problem] = (), *, facts: Facts | None = None, remote: Iterable[AnyTask] = ()) -> Registry:
        """Check everything and return the registry; raises one `DefinitionError` with all that is wrong."""
        with self._lock:
            tasks = sorted(self._tasks.values(), key=_place)
        taken = [*_taken_twice(tasks), *_schedules_taken_twice(tasks)]
        found = [*problems, *(problem for task in tasks for problem in task.problems()), *taken]
        if found:
            count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            raise DefinitionError(f"{count} with the tasks; nothing was registered", found)
        if found := list(_dependencies_wrong(tasks, remote := list(remote))):
            raise DefinitionError("tasks depend on what cannot be; nothing was registered", found)
        missing = {} if facts is None else {task.name: tuple(why) for task in tasks if (why := unmet(task.spec.requires, facts))}
        here = {task.name: task for task in tasks}
        here |= {task.name: task for task in remote if task.name not in here}
        good = {name: here[name] for name in sorted(here) if name not in missing}
        by_name = {name: task for name, task in good.items() if not task.is_service}
        by_category: defaultdict[str, list[AnyTask]] = defaultdict(list)
        for task in by_name.values():
            by_category[task.spec.category].append(task)
        order = sorted(by_category, key=lambda category: (category_of(category).order, category))
        return Registry(
            MappingProxyType(by_name),
            MappingProxyType({category: tuple(by_category[category]) for category in order}),
            MappingProxyType(missing),
            MappingProxyType({name: task for name, task in good.items() if task.is_service}),
        )


def _place(task: AnyTask) -> tuple[str, str, int]:
    """Return what to sort by: the name, and for those of one name where they stand."""
    return task.name, task.spec.source.file, task.spec.source.line


def _taken_twice(tasks: Sequence[AnyTask]) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[str, AnyTask] = {}
    for task in tasks:
        other = first.setdefault(task.name, task)
        if other is not task:
            problems.append(Problem(f"{task.spec.source} {task.name}", _why_twice(task, other)))
    return problems


def _schedules_taken_twice(tasks: Sequence[AnyTask]) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[str, AnyTask] = {}
    for task in tasks:
        for schedule in task.spec.schedules:
            other = first.setdefault(schedule.name or task.name, task)
            if other.name != task.name:
                what = f"the schedule name {schedule.name!r} is taken by {other.name} at {other.spec.source}: give one of them name="
                problems.append(Problem(f"{task.spec.source} {task.name}", what))
    return problems


def _dependencies_wrong(tasks: Sequence[AnyTask], remote: Sequence[AnyTask]) -> Iterator[Problem]:
    """Yield a problem for each task that is needed and unknown, or that nobody can run; then one for a cycle, which prints itself."""
    known = {task.name: task for task in (*remote, *tasks)}
    for task in tasks:
        for name in (each.task for each in task.spec.depends_on):
            where = f"{task.spec.source} {task.name}"
            if name not in known:
                folded = {each.casefold(): each for each in known}
                close = [folded[each] for each in get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
                guess = f", did you mean {' or '.join(repr(each) for each in close)}?" if close else ""
                yield Problem(where, f"depends_on: there is no task named {name!r}{guess}")
            elif known[name].is_service:
                yield Problem(where, f"depends_on: {name!r} is a service, which does not end: only a task can have succeeded")
    edges = {task.name: [each.task for each in task.spec.depends_on] for task in known.values() if task.spec.depends_on}
    if (cycle := find_cycle(edges)) is not None:
        what = "depends_on goes round in a circle, so none of these could ever start: " + " -> ".join(cycle)
        yield Problem(f"{known[cycle[0]].spec.source} {cycle[0]}", what)


def _why_twice(task: AnyTask, other: AnyTask) -> str:
    here, there = task.spec.source, other.spec.source
    if (here.file, here.line) == (there.file, there.line) and here.module != there.module:
        return f"the same file was imported as {there.module} and as {here.module}: import it under one name only"
    return f"the name {task.name!r} is taken by {there.module}.{there.qualname} at {there}: give one of them name="
