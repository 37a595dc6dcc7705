"""Definitions of tasks, services and steps as they stand in the code: decorators, variants and the module form become one value.

Rules about definitions see a `Definition` and never a decorator. With ``celery = true`` those of Celery, RQ, dramatiq, huey and arq are
read as well; what is found in them is a notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Place
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, Class, Decorator, FileFacts, Function, Param, Value, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.literals import module_scope, scope_of
from mainspring.advisor.rules.ours import OURS, canonical
from mainspring.advisor.rules.schedule_facts import ScheduleFact, schedules_in

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


class Sort(StrEnum):
    """What a definition makes of its function."""

    TASK = "task"
    SERVICE = "service"
    WORKFLOW = "workflow"
    STEP = "step"


_DECORATORS: Mapping[str, Sort] = {
    "task": Sort.TASK, "service": Sort.SERVICE, "workflow": Sort.WORKFLOW, "step": Sort.STEP,
}  # fmt: skip
_MODULE_KEYS = {
    "defaultConfig": "default_config", "configSchema": "config_schema", "resultSchema": "result_schema", "retryDelay": "retry_delay",
    "dependencies": "depends_on", "retries": "retry",
}  # fmt: skip


@record(frozen=True, slots=True)
class Definition:
    """One definition. ``scope`` is the function whose calls the options' values count in; ``place`` is the decorator's."""

    ref: str
    name: str
    sort: Sort
    library: str
    file: FileFacts
    function: Function
    options: Mapping[str, Value]
    scope: Function
    place: Place
    schedules: tuple[ScheduleFact, ...] = ()
    fields: tuple[Param, ...] = ()  # of the module form: what its configuration holds
    home: FileFacts | None = None  # of a variant: the file in which its function stands, and its other findings are told

    @property
    def is_ours(self) -> bool:
        """Whether it is one of this engine."""
        return self.library == OURS

    @property
    def params(self) -> tuple[Param, ...]:
        """The parameters that travel: without the context and what is filled in."""
        return self.fields or tuple(travelling(self.function, self.library))

    @property
    def is_variant(self) -> bool:
        """Whether it is another definition around a function that has one."""
        return self.home is not None

    def option(self, name: str) -> Value | None:
        """Return an option as written; None where it is not given."""
        return self.options.get(name)

    def gives(self, *names: str) -> bool:
        """Tell whether one of these options is given, and is more than None."""
        return any((value := self.options.get(name)) is not None and value.form is not ValueForm.NONE for name in names)

    def call(self, value: Value | None) -> Call | None:
        """Return the call that an option is, such as ``Retry(…)``."""
        if value is None or value.form is not ValueForm.CALL or not 0 <= value.call < len(self.scope.calls):
            return None
        return self.scope.calls[value.call]


# Finding them


def may_define(file: FileFacts) -> bool:
    """Tell cheaply whether a file may hold definitions."""
    return not file.says.isdisjoint((*_DECORATORS, "task_definition"))


def definitions(project: Project, file: FileFacts) -> Iterator[Definition]:
    """Yield the definitions of one file, in source order."""
    if not may_define(file) and not project.settings.is_celery:
        return
    for function in file.decorated():
        for decorator in function.decorators:
            made = _decorated(project, file, function, decorator)
            if made is not None:
                yield made
                break
    yield from _of_module(project, file)
    yield from _variants(project, file)
    if project.settings.is_celery:
        yield from _of_arq(project, file)


def definition_at(project: Project, ref: str) -> Definition | None:
    """Return the definition that a dotted name stands for."""
    known = project.function(ref)
    if known is None:
        return None
    for decorator in known.function.decorators:
        made = _decorated(project, known.file, known.function, decorator)
        if made is not None:
            return made
    return None


def _decorated(project: Project, file: FileFacts, function: Function, decorator: Decorator) -> Definition | None:
    if decorator.ref.rpartition(".")[2] not in _DECORATORS and not project.settings.is_celery:
        return None
    ref = canonical(project, decorator.ref)
    head, _, last = ref.rpartition(".")
    scope = scope_of(file, function)
    if head == OURS and last in _DECORATORS:
        sort, library = _DECORATORS[last], OURS
        options = dict(decorator.keywords)
    else:
        if not project.settings.is_celery:
            return None
        foreign = _foreign(project, ref, decorator)
        if foreign is None:
            return None
        library, options = foreign
        sort = Sort.TASK
    name = options.get("name")
    return Definition(
        ref=f"{file.module}.{function.name}" if file.module else function.name,
        name=name.text if name is not None and name.form is ValueForm.TEXT else function.name.rpartition(".")[2],
        sort=sort,
        library=library,
        file=file,
        function=function,
        options=MappingProxyType(options),
        scope=scope,
        place=decorator.place,
        schedules=tuple(schedules_in(project, file, scope, options.get("schedule"), decorator.place)) if library == OURS else (),
    )


def _variants(project: Project, file: FileFacts) -> Iterator[Definition]:
    """Yield ``weekly = backup.variant(name="weekly", …)`` of the file's own level."""
    scope = module_scope(file)
    for call in scope.calls if scope is not None else ():
        head, _, last = call.ref.rpartition(".")
        if last != "variant" or not head:
            continue
        base = definition_at(project, head)
        if base is None or not base.is_ours or scope is None:
            continue
        given = dict(call.keywords)
        name = given.get("name")
        inherited = {key: value for key, value in base.options.items() if key not in ("schedule", "title")}
        if any(value.form is ValueForm.CALL for value in inherited.values()) and base.scope is not scope:
            inherited = {key: value for key, value in inherited.items() if value.form is not ValueForm.CALL}
        yield Definition(
            ref=f"{file.module}.{call.target}" if call.target else f"{file.module}.?",
            name=name.text if name is not None and name.form is ValueForm.TEXT else call.target,
            sort=base.sort,
            library=OURS,
            file=file,
            function=base.function,
            options=MappingProxyType({**inherited, **given}),
            scope=scope,
            place=call.place,
            schedules=tuple(schedules_in(project, file, scope, given.get("schedule"), call.place)),
            home=base.file,
        )


def _of_module(project: Project, file: FileFacts) -> Iterator[Definition]:
    """Yield the task that a whole module is: ``task_definition`` beside ``execute``."""
    scope = module_scope(file)
    execute = file.function("execute")
    if scope is None or execute is None:
        return
    for assign in scope.assigns:
        if assign.attribute != "task_definition" or assign.value.form is not ValueForm.DICT:
            continue
        options: dict[str, Value] = {}
        for key, value in zip(assign.value.keys, assign.value.items, strict=False):
            name = _MODULE_KEYS.get(key, re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", key))
            if name in ("timeout", "retry_delay") and value.form is ValueForm.NUMBER:
                value = Value(ValueForm.TEXT, f"{value.text}ms")  # a bare number is milliseconds there
            options[name] = value
        named = options.get("name")
        yield Definition(
            ref=f"{file.module}.execute",
            name=named.text if named is not None and named.form is ValueForm.TEXT else file.module,
            sort=Sort.TASK,
            library=OURS,
            file=file,
            function=execute,
            options=MappingProxyType(options),
            scope=scope,
            place=assign.place,
            schedules=tuple(schedules_in(project, file, scope, options.get("schedule"), assign.place)),
            fields=tuple(_fields_of(project, execute)),
        )


def _fields_of(project: Project, execute: Function) -> Iterator[Param]:
    """Yield what the configuration of a module's ``execute`` holds, where its class is of the project."""
    for param in travelling(execute, OURS):
        model = project.class_of(param.type) if param.type else None
        if model is None:
            yield param
        for name, type_ in model.attributes if model is not None else ():
            yield Param(name, type_, type_, place=param.place)


# Other engines

_NAMED_CELERY = pattern(r"(^|\.)(celery|celery_app|celery_worker)(\.(app|current_app))?\.(task|shared_task)$")  # an app that nobody types
_CELERY = ("celery.shared_task", "celery.Celery.task", "celery.app.base.Celery.task", "celery.task", "celery.app.shared_task")


def _foreign(project: Project, ref: str, decorator: Decorator) -> tuple[str, dict[str, Value]] | None:
    """Return library and options of another engine's decorator, the options under our names."""
    given = dict(decorator.keywords)
    last = ref.rpartition(".")[2]
    if ref in _CELERY or _NAMED_CELERY.search(ref):
        return "celery", _renamed(given, {"time_limit": "timeout", "soft_time_limit": "timeout", "max_retries": "retry",
                                          "autoretry_for": "retry_on"})  # fmt: skip
    if ref in ("rq.decorators.job", "django_rq.job", "django_rq.decorators.job"):
        return "rq", _renamed(given, {})
    if ref in ("dramatiq.actor", "dramatiq.actor.actor"):
        return "dramatiq", _renamed(given, {"time_limit": "timeout_ms", "max_retries": "retry", "retry_when": "retry_on"})
    if ref.startswith("huey.") and last in ("task", "db_task", "periodic_task", "db_periodic_task", "on_commit_task"):
        return "huey", _renamed(given, {"retries": "retry"})
    return None


def _of_arq(project: Project, file: FileFacts) -> Iterator[Definition]:
    """Yield the functions that a worker of arq lists: coroutines whose first parameter is the context."""
    for function in file.outermost:
        if not function.is_async or not function.params or function.params[0].name != "ctx" or "." in function.name:
            continue
        ref = f"{file.module}.{function.name}"
        for module in project.mentioning(function.name):
            if any(_lists(project, each, ref) for each in project.files[module].classes):
                yield Definition(
                    ref=ref, name=function.name, sort=Sort.TASK, library="arq", file=file, function=function, options=MappingProxyType({}),
                    scope=scope_of(file, function), place=function.place,
                )  # fmt: skip
                break


def _lists(project: Project, worker: Class, ref: str) -> bool:
    functions = dict(worker.keywords).get("functions")
    return functions is not None and any(project.canonical(name) == ref for item in functions.items for name in (item.text, *item.names))


def _renamed(given: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    return {names.get(key, key): value for key, value in given.items()}


# Parameters and options


def travelling(function: Function, library: str = OURS) -> Iterator[Param]:
    """Yield the parameters of a body that callers give: neither the context, nor what is filled in, nor stars."""
    for position, param in enumerate(function.params):
        if param.name.startswith("*") or param.depends:
            continue
        default = param.default
        if default is not None and default.form is ValueForm.CALL and default.text.rpartition(".")[2] in ("Depends", "command"):
            continue
        if position == 0 and (param.type.rpartition(".")[2] == "Context" or param.annotation.strip("\"' ").rpartition(".")[2] == "Context"):
            continue
        if position == 0 and param.name == "ctx" and library == "arq":
            continue
        if position == 0 and param.name in ("self", "cls") and (library != OURS or "." in function.name):
            continue
        yield param
