"""Who writes the rows that a loop works off: the request handlers of the same project, found by model or table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mainspring.advisor.finding import Role
from mainspring.advisor.project import Project
from mainspring.advisor.read.facts import Call, FileFacts, Function, ValueForm
from mainspring.advisor.rules.sources import is_insert

_CREATES = frozenset(
    {"create", "get_or_create", "bulk_create", "update_or_create", "acreate", "aget_or_create", "abulk_create", "insert", "insert_one"}
)
_REACH = 2  # callers that are asked whether a request is behind them


def writer_of(project: Project, models: Sequence[str], tables: Sequence[str]) -> str:
    """Return the handler that creates rows of one of these models or tables, by its dotted name, or nothing."""
    for model in dict.fromkeys(models):
        name = model.rpartition(".")[2]
        for file in _files(project, f"{name}.objects.", f"{name}(", f"insert({name}"):
            for function in _creators(project, file, model):
                if _serves(project, file, function, _REACH):
                    return f"{file.module}.{function.name}"
    for table in dict.fromkeys(tables):
        words = (f"INTO {table}", f"into {table}")
        for file in _files(project, *words):
            for function in file.speaking(words):
                if any(is_insert(text, table) for _, text in function.texts) and _serves(project, file, function, _REACH):
                    return f"{file.module}.{function.name}"
    return ""


def _files(project: Project, *words: str) -> Iterator[FileFacts]:
    """Yield the files whose text holds one of these words."""
    modules = dict.fromkeys(module for word in words for module in project.search(word))
    return (file for module in modules if (file := project.file(module)) is not None)


def _creators(project: Project, file: FileFacts, model: str) -> Iterator[Function]:
    named = file.naming(model.rpartition(".")[2])
    return (function for function in named if any(_creates(project, call, model) for call in function.calls))


def _creates(project: Project, call: Call, model: str) -> bool:
    owner, _, method = call.ref.rpartition(".")
    if method in _CREATES and (".objects" in call.ref or ".query" in call.ref):
        owner = owner.partition(".objects")[0].partition(".query")[0]
    if method in _CREATES and project.canonical(owner) == model:
        return True
    if method == "insert":
        return any(project.canonical(value.text) == model for value in call.args if value.form is ValueForm.REF)
    return project.canonical(call.ref) == model


def _serves(project: Project, file: FileFacts, function: Function, reach: int) -> bool:
    """Whether a request ends up in a function."""
    if project.role(file, function) in (Role.HANDLER, Role.STREAM):
        return True
    return reach > 0 and any(_serves(project, caller_file, caller, reach - 1) for caller_file, caller in _callers(project, file, function))


def _callers(project: Project, file: FileFacts, function: Function) -> Iterable[tuple[FileFacts, Function]]:
    return [(caller_file, caller) for caller_file, caller, _ in project.callers(file, function)]
