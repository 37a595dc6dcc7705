"""The module form: a module with ``task_definition`` and ``execute``, and optionally ``validate`` and ``rollback``, is a task.

``task_definition`` is a mapping or an object with attributes; its fields are the options of `mainspring.task`, and besides those of the
definition files that people bring along, in their spelling (``defaultConfig``) or ours (``default_config``):

==================  ===================================================================================================
name                the task's name; needed, for a function named ``execute`` says nothing
timeout             a bare number is milliseconds, as it is there; ``"5m"`` and timedelta mean what they say
retries             the retry policy's number; ``retry_delay`` its first delay, a bare number in milliseconds
priority            the last word of ``CronTaskPriority.MEDIUM`` or ``tasks.priority.medium``
default_config      defaults of parameters by name, or the default of the one parameter that ``config_schema`` types
config_schema       the type of a parameter of ``execute``; another one is a mistake, for nothing else would check it
result_schema       the type that ``execute`` returns; likewise
dependencies        ``depends_on``: names of tasks whose last run has to have succeeded
==================  ===================================================================================================

``execute`` is a function as any other task's: it may take a `Context` first, and its signature makes the form.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from mainspring.core.context import Context
from mainspring.core.errors import ConfigurationError, Problem
from mainspring.core.policy import Retry
from mainspring.core.signature import parameters_of, types_of
from mainspring.core.task import Task, TaskOptions, task

AnyTask = Task[..., Any]

_RENAMED = {"dependencies": "depends_on", "depends": "depends_on"}
_OURS = ("default_config", "config_schema", "result_schema", "retries", "retry_delay")
_SHORTEST = 1000  # milliseconds: a smaller bare number was meant in seconds


def has_form(module: ModuleType) -> bool:
    """Tell whether a module wants to be a task."""
    return "task_definition" in vars(module)


def task_of_module(module: ModuleType) -> AnyTask | list[Problem]:
    """Return the task that a module in this form is, or everything that is wrong with it, each with file and line."""
    problems: list[Problem] = []
    where = f"{module.__file__ or module.__name__}:{_line_of(module, 'task_definition')} {module.__name__}"

    def say(what: str) -> None:
        problems.append(Problem(where, what))

    fields = _fields_of(vars(module)["task_definition"])
    execute = vars(module).get("execute")
    if fields is None:
        say("task_definition is no mapping and has no attributes: write {'name': …}")
    if not inspect.isfunction(execute):
        say("task_definition without a function execute beside it: write def execute(…) in the same module")
    if fields is None or not inspect.isfunction(execute):
        return problems
    name = fields.get("name")
    if not isinstance(name, str) or not name:
        say("task_definition has no name: give it one, as {'name': 'prune_old_dumps'}")
        return problems
    for hook in ("validate", "rollback", "on_error"):
        if (found := vars(module).get(hook)) is not None and hook not in fields:
            fields[hook] = found
    for field in sorted(fields.keys() - TaskOptions.__annotations__.keys() - set(_OURS)):
        known = ", ".join(sorted((*TaskOptions.__annotations__, *_OURS)))
        say(f"task_definition: {field!r} is unknown, known are {known}")
    options = {option: value for option, value in fields.items() if option in TaskOptions.__annotations__}
    try:
        options |= _translated(fields)
        body = _with_defaults(execute, fields)
    except ConfigurationError as error:
        say(f"task_definition: {error}")
        return problems
    for what in _mismatches(execute, fields):
        say(what)
    return problems or cast("Any", task)(**options)(body)


def _fields_of(given: object) -> dict[str, Any] | None:
    """Return the fields of a definition in our spelling; what is None counts as not given."""
    if isinstance(given, Mapping):
        pairs = {str(key): value for key, value in given.items()}
    elif hasattr(given, "__dict__"):
        pairs = {key: value for key, value in vars(given).items() if not key.startswith("_")}
    else:
        return None
    spelt = {re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: f"_{found[0].lower()}", key): value for key, value in pairs.items()}
    return {_RENAMED.get(key, key): value for key, value in spelt.items() if value is not None}


def _translated(fields: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "timeout" in fields:
        options["timeout"] = _duration(fields["timeout"], "timeout")
    if "priority" in fields:
        given = fields["priority"]
        options["priority"] = given if isinstance(given, int) else str(given.value if isinstance(given, Enum) else given).rpartition(".")[2]
    if "retries" in fields or "retry_delay" in fields:
        if "retry" in fields:
            raise ConfigurationError("retry and retries say the same: keep one of them")
        policy: dict[str, Any] = {"retries": fields["retries"]} if "retries" in fields else {}
        if "retry_delay" in fields:
            policy["delay"] = _duration(fields["retry_delay"], "retry_delay")
        options["retry"] = Retry(**policy)
    return options


def _duration(value: object, field: str) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if 0 < value < _SHORTEST:
            raise ConfigurationError(
                f"{field}={value!r} would be {value} milliseconds: write {value * 1000:g} or '{value}s' if you mean seconds"
            )
        return timedelta(milliseconds=value)
    return value


def _own_parameters(execute: Callable[..., Any]) -> list[inspect.Parameter]:
    found = parameters_of(execute)
    hints, _ = types_of(execute, [each.name for each in found[:1]])
    return found[1:] if found and hints.get(found[0].name) is Context else found


def _mismatches(execute: Callable[..., Any], fields: Mapping[str, Any]) -> list[str]:
    """Say where the schemas of the definition are not those of the function: a schema that nothing checks would lie."""
    names = [each.name for each in _own_parameters(execute)]
    hints, _ = types_of(execute, [*names, "return"])
    said = []
    config, result = fields.get("config_schema"), fields.get("result_schema")
    if config is not None and config not in [hints.get(name) for name in names]:
        said.append(
            f"task_definition: config_schema is {_named(config)}, which no parameter of execute has: write config: {_named(config)}"
        )
    if result is not None and hints.get("return") != result:
        said.append(f"task_definition: result_schema is {_named(result)}, execute returns another: write -> {_named(result)}")
    return said


def _named(kind: object) -> str:
    return str(getattr(kind, "__name__", kind))


def _with_defaults(execute: Callable[..., Any], fields: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function with the definition's defaults for its parameters."""
    given = fields.get("default_config")
    if given is None:
        return execute
    own = _own_parameters(execute)
    defaults: dict[str, Any] = {}
    if (config := fields.get("config_schema")) is not None:
        hints, _ = types_of(execute, [each.name for each in own])
        defaults = {name: given for name in [each.name for each in own] if hints.get(name) is config}
    elif isinstance(given, Mapping):
        defaults = dict(given)
    else:
        raise ConfigurationError(f"default_config={given!r}: a mapping of parameters to their defaults is needed")
    if unknown := sorted(defaults.keys() - {each.name for each in own}):
        names = ", ".join(each.name for each in own) or "none"
        raise ConfigurationError(f"default_config names {unknown[0]!r}, execute has {names}")
    changed = [each.replace(default=defaults.get(each.name, each.default), kind=each.kind) for each in own]
    # A default may stand before parameters without one, which by position it may not.
    first = next((place for place, each in enumerate(changed) if each.default is not each.empty), len(changed))
    if any(each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD for each in changed[first:]):
        changed = [each.replace(kind=each.KEYWORD_ONLY) if place >= first else each for place, each in enumerate(changed)]
    context = parameters_of(execute)[: len(parameters_of(execute)) - len(own)]
    signature = inspect.signature(execute).replace(parameters=[*context, *changed])
    return _wrapped(execute, signature)


def _wrapped(execute: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    def filled(args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound

    body: Callable[..., Any]
    if inspect.iscoroutinefunction(execute):

        @functools.wraps(execute)
        async def run(*args: Any, **kwargs: Any) -> Any:
            return await execute(**filled(args, kwargs).arguments)

        body = run
    else:

        @functools.wraps(execute)
        def call(*args: Any, **kwargs: Any) -> Any:
            return execute(**filled(args, kwargs).arguments)

        body = call
    cast("Any", body).__signature__ = signature
    return body


def _line_of(module: ModuleType, name: str) -> int:
    try:
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return 0
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(each, ast.Name) and each.id == name for each in targets) or (
            isinstance(node, ast.ClassDef) and node.name == name
        ):
            return node.lineno
    return 0
