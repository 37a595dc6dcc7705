"""Edits that are safe: a call of a task of ours that was to run beside the request becomes an enqueue."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Edit
from mainspring.advisor.read.facts import Call, FileFacts, Function

if TYPE_CHECKING:
    from mainspring.advisor.project import Known, Project

TASK = frozenset({"mainspring.task", "mainspring.core.task.task"})
_APP = frozenset({"mainspring.Mainspring", "mainspring.app.Mainspring"})
_CONTEXT = frozenset({"mainspring.Context", "mainspring.core.context.Context"})


def is_task(project: Project, known: Known | None) -> bool:
    """Return whether a function is a task of ours already."""
    return known is not None and any(project.canonical(each.ref) in TASK for each in known.function.decorators)


def enqueue_instead(project: Project, file: FileFacts, function: Function, call: Call, known: Known) -> tuple[Edit, ...]:
    """Return the edit that makes a call of ``add_task`` or ``create_task`` an enqueue; nothing where an argument cannot be given a name."""
    try:
        body = ast.parse(call.statement).body
    except (SyntaxError, ValueError):
        return ()
    if len(body) != 1 or not isinstance(body[0], ast.Expr) or not isinstance(body[0].value, ast.Call):
        return ()
    outer = body[0].value
    if not outer.args or isinstance(outer.args[0], ast.Starred):
        return ()
    first = outer.args[0]
    if isinstance(first, ast.Call):
        name, positional, named = first.func, first.args, first.keywords
        if len(outer.args) > 1 or outer.keywords:
            return ()
    else:
        name, positional, named = first, outer.args[1:], outer.keywords
    given = _named(project, known, positional, named)
    if given is None or not isinstance(name, ast.Name | ast.Attribute):
        return ()
    if function.is_async:
        text = f"await {ast.unparse(name)}.enqueue({', '.join(given)})"
    elif app := _app_of(project, file):
        text = f"{app}.blocking.enqueue({', '.join([ast.unparse(name), *given])})"
    else:
        return ()
    return (Edit(call.place, text),)


def _named(project: Project, known: Known, positional: list[ast.expr], named: list[ast.keyword]) -> list[str] | None:
    """Return all arguments with their names, or None where one has none."""
    params = list(known.function.params)
    if any(each.name.startswith("*") for each in params) or (params and project.canonical(params[0].type) in _CONTEXT):
        return None
    if (
        len(positional) > len(params)
        or any(isinstance(each, ast.Starred) for each in positional)
        or any(each.arg is None for each in named)
    ):
        return None
    names = [each.name for each in params]
    given = [(param, ast.unparse(value)) for param, value in zip(names, positional, strict=False)]
    given += [(each.arg or "", ast.unparse(each.value)) for each in named]
    taken = [name for name, _ in given]
    required = {each.name for each in params if each.default is None}
    if len(set(taken)) < len(taken) or not set(taken) <= set(names) or not required <= set(taken):
        return None
    return [f"{param}={value}" for param, value in given]


def _app_of(project: Project, file: FileFacts) -> str:
    """Return what a file calls the engine's app, if it has it."""
    for name, kind in file.types:
        if project.canonical(kind) in _APP:
            return name
    for name, ref in file.names:
        module, _, last = ref.rpartition(".")
        other = project.file(module)
        if other is not None and any(each == last and project.canonical(kind) in _APP for each, kind in other.types):
            return name
    return ""
