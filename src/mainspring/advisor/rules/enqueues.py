"""Calls that make runs, of this engine and of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING

from mainspring.advisor.read.facts import Call, Function, Value, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.definitions import Definition, definition_at

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


@record(frozen=True, slots=True)
class Enqueue:
    """One call that makes runs. ``ref`` is the task's dotted name; ``options`` are those of ``.options(…)``, ``params`` the keywords."""

    call: Call
    ref: str
    definition: Definition | None
    params: tuple[tuple[str, Value], ...]
    args: tuple[Value, ...]
    options: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def name(self) -> str:
        """The task's name, as the engine knows it."""
        return self.ref.rpartition(".")[2] if self.definition is None else self.definition.name


_FOREIGN_ENQUEUES = ("delay", "apply_async", "send", "send_with_options")
ENQUEUES = ("enqueue", "enqueue_many", *_FOREIGN_ENQUEUES)
"""Names of calls that `enqueues` looks at."""


def enqueues(project: Project, function: Function) -> Iterator[Enqueue]:
    """Yield the calls of a function that make runs of a task of the project, or of one that is called so."""
    for call in function.calls:
        head, _, last = call.ref.rpartition(".")
        if last in ("enqueue", "enqueue_many"):
            found = _enqueue(project, function, call, head)
            if found is not None:
                yield found
        elif last in _FOREIGN_ENQUEUES and project.settings.is_celery and head and not head.startswith("?"):
            definition = definition_at(project, head)
            if definition is not None and not definition.is_ours:
                yield Enqueue(call, definition.ref, definition, call.keywords, call.args)


def _enqueue(project: Project, function: Function, call: Call, head: str) -> Enqueue | None:
    definition = _named(project, head)
    if definition is not None:  # charge.enqueue(…), charge.options(…).enqueue(…)
        options = _options_within(function, call) if head.endswith(".options()") else None
        return Enqueue(call, definition.ref, definition, call.keywords, call.args, options or MappingProxyType({}))
    if not call.args:
        return None
    first, rest = call.args[0], call.args[1:]
    if first.form is ValueForm.REF:  # app.enqueue(charge, …)
        definition = _named(project, first.type if first.type.endswith(".options()") else first.text)
        if definition is not None:
            bound = next((each for each in function.calls if each.target == first.text and each.ref.endswith(".options")), None)
            options = MappingProxyType({} if bound is None else dict(bound.keywords))
            return Enqueue(call, definition.ref, definition, call.keywords, rest, options)
    elif first.form is ValueForm.CALL and 0 <= first.call < len(function.calls):  # app.enqueue(charge.options(…), …)
        bound = function.calls[first.call]
        owner, _, verb = bound.ref.rpartition(".")
        definition = _named(project, owner) if verb == "options" else None
        if definition is not None:
            return Enqueue(call, definition.ref, definition, call.keywords, rest, MappingProxyType(dict(bound.keywords)))
    return None


def _named(project: Project, ref: str) -> Definition | None:
    name = ref.removesuffix(".options()")
    return None if not name or name.startswith("?") or name.endswith("()") else definition_at(project, name)


def _options_within(function: Function, call: Call) -> Mapping[str, Value] | None:
    """Return the options of ``task.options(…)`` that a call begins with, or that its name was bound to before."""
    name = call.source.partition(".")[0]
    bound: Call | None = None
    for each in function.calls:
        if not each.ref.endswith(".options"):
            continue
        if (each.place.line, each.place.column) == (call.place.line, call.place.column):
            return MappingProxyType(dict(each.keywords))
        if each.target == name and each.place.line <= call.place.line:
            bound = each
    return None if bound is None else MappingProxyType(dict(bound.keywords))
