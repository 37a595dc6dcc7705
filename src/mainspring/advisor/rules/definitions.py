"""Definitions of tasks, services and steps as they stand in the code: decorators, variants and the module form become one value.

Rules about definitions see a `Definition` and never a decorator. With ``celery = true`` those of Celery, RQ, dramatiq, huey and arq are
read as well; what is found in them is a notice.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mainspring.advisor.finding import Place
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, Class, Decorator, FileFacts, Function, Param, Value, ValueForm
from mainspring.advisor.record import record
from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


class Sort(StrEnum):
    """What a definition makes of its function."""

    TASK = "task"
    SERVICE = "service"
    WORKFLOW = "workflow"
    STEP = "step"


class Unknown:
    """A value that only a running program knows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Plain = str | int | float | bool | None | Unknown
OURS = "mainspring"
_DECORATORS: Mapping[str, Sort] = {
    "task": Sort.TASK, "service": Sort.SERVICE, "workflow": Sort.WORKFLOW, "step": Sort.STEP,
}  # fmt: skip
_KINDS = ("cron", "every", "at", "when", "manual")
_MODULE_KEYS = {
    "defaultConfig": "default_config", "configSchema": "config_schema", "resultSchema": "result_schema", "retryDelay": "retry_delay",
    "dependencies": "depends_on", "retries": "retry",
}  # fmt: skip


@record(frozen=True, slots=True)
class ScheduleFact:
    """One schedule of a definition. ``text`` None: only a running program knows; ``tz`` None: nobody said."""

    kind: str  # cron every at when manual, or "?"
    text: str | None
    tz: str | Unknown | None
    options: Mapping[str, Value]
    place: Place

    @property
    def seconds(self) -> float | None:
        """The period of an interval."""
        if self.kind not in ("every", "when") or self.text is None:
            return None
        found = duration_of_text(self.text)
        return None if found is None else found.total_seconds()

    def says(self, option: str) -> bool:
        """Tell whether an option is given, and is more than None."""
        value = self.options.get(option)
        return value is not None and value.form is not ValueForm.NONE


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

    def place_of(self, each: Reached) -> Call | Place:
        """Return where to tell of a call that the body makes: there, or at the definition where it stands elsewhere."""
        return each.call if each.depth == 0 and self.home is None else self.place

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


def canonical(project: Project, ref: str) -> str:
    """Return the dotted name of what is meant; a public name of ours is told without the room that it stands in."""
    found = project.canonical(ref)
    if found.startswith("mainspring.core.") and len(parts := found.split(".")) >= 4:
        return ".".join((OURS, *parts[3:]))
    return found


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


def module_scope(file: FileFacts) -> Function | None:
    """Return the function that stands for a file's own level."""
    return file.outermost[0] if file.outermost else None


def scope_of(file: FileFacts, function: Function) -> Function:
    """Return the function in which another is defined: its decorators and defaults are evaluated there."""
    name = function.name
    outer = file.function(name.rpartition(".<locals>.")[0]) if ".<locals>." in name else module_scope(file)
    return outer or module_scope(file) or function


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
        schedules=tuple(_schedules(project, file, scope, options.get("schedule"), decorator.place)) if library == OURS else (),
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
            schedules=tuple(_schedules(project, file, scope, given.get("schedule"), call.place)),
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
            schedules=tuple(_schedules(project, file, scope, options.get("schedule"), assign.place)),
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


def constant(project: Project, file: FileFacts, value: Value | None) -> Value | None:
    """Return what a name stands for where it is a constant of a module; the value itself otherwise."""
    seen = 0
    while value is not None and value.form is ValueForm.REF and seen < 3:
        found = _assigned(project, file, value.text)
        if found is None:
            return value
        value, seen = found, seen + 1
    return value


def _assigned(project: Project, file: FileFacts, ref: str) -> Value | None:
    name = project.canonical(ref)
    module, _, attribute = name.rpartition(".")
    home = project.file(module) if module != file.module else file
    scope = None if home is None else module_scope(home)
    if scope is None:
        return None
    given = [assign.value for assign in scope.assigns if assign.attribute == attribute and assign.target == attribute]
    return given[0] if len(given) == 1 else None


def plain(value: Value | None) -> Plain:
    """Return the plain value that a literal is, also of ``60 * 5``; `UNKNOWN` where only a running program knows."""
    if value is None:
        return UNKNOWN
    match value.form:
        case ValueForm.TEXT:
            return value.text
        case ValueForm.NONE:
            return None
        case ValueForm.FLAG:
            return value.text == "True"
        case ValueForm.NUMBER | ValueForm.OTHER:
            return _number(value.text)
    return UNKNOWN


def _number(text: str) -> int | float | Unknown:
    if len(text) > 60:
        return UNKNOWN
    try:
        return _count(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError):
        return UNKNOWN


def _count(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_count(operand)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _count(left) * _count(right)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _count(left) + _count(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _count(left) - _count(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _count(left) / _count(right)
    raise ValueError


_SPANS = ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds")


def duration(project: Project, file: FileFacts, scope: Function, value: Value | None) -> timedelta | Unknown | None:
    """Return a duration as the engine would read it: seconds, ``"5m"`` or ``timedelta(…)``; None for None."""
    found = constant(project, file, value)
    if found is None or found.form is ValueForm.NONE:
        return None
    if found.form is ValueForm.CALL:
        calls = scope.calls if found is value else ((module_scope(file) or scope).calls)
        if found.text.rpartition(".")[2] != "timedelta" or not 0 <= found.call < len(calls):
            return UNKNOWN
        call, given = calls[found.call], {}
        if call.ref.rpartition(".")[2] != "timedelta":
            return UNKNOWN
        for name, part in (*zip(("days", "seconds"), call.args, strict=False), *call.keywords):
            number = plain(part)
            if name not in _SPANS or isinstance(number, (Unknown, str, bool)) or number is None:
                return UNKNOWN
            given[name] = number
        try:
            return timedelta(**given)
        except (OverflowError, TypeError):
            return UNKNOWN
    said = plain(found)
    if isinstance(said, (Unknown, bool)) or said is None:
        return UNKNOWN
    return duration_of_text(said) or UNKNOWN if said not in (0, "0", "0s") else timedelta(0)


def duration_of_text(said: str | float) -> timedelta | None:
    """Return a duration of words or seconds, None for what is none."""
    try:
        return parse_duration(said, "duration")
    except ConfigurationError:
        return None


# Schedules


def _schedules(project: Project, file: FileFacts, scope: Function, value: Value | None, place: Place) -> Iterator[ScheduleFact]:
    found = constant(project, file, value)
    if found is None or found.form is ValueForm.NONE:
        return
    where = scope if found is value else module_scope(file) or scope
    if found.form is ValueForm.LIST:
        for item in found.items:
            yield from _schedules(project, file, where, item, place)
    elif found.form is ValueForm.TEXT:
        yield schedule_of_text(found.text, place)
    elif found.form is ValueForm.CALL and 0 <= found.call < len(where.calls):
        made = schedule_of_call(project, file, where.calls[found.call])
        yield made or ScheduleFact("?", None, UNKNOWN, {}, place)
    else:
        yield ScheduleFact("?", None, UNKNOWN, {}, place)


def schedule_of_text(text: str, place: Place) -> ScheduleFact:
    """Return the schedule of a text, as a definition reads it."""
    head, _, rest = text.strip().partition(" ")
    kind = head.lower()
    if kind in ("every", "at") or (kind == "manual" and not rest):
        return ScheduleFact(kind, rest, None, {}, place)
    return ScheduleFact("cron", text, None, {}, place)


def schedule_of_call(project: Project, file: FileFacts, call: Call) -> ScheduleFact | None:
    """Return the schedule that a call of ``cron``, ``every``, ``at``, ``when`` or ``manual`` makes; None for another call."""
    ref = canonical(project, call.ref)
    head, _, kind = ref.rpartition(".")
    if head != OURS or kind not in _KINDS:
        return None
    options = dict(call.keywords)
    tz = plain(constant(project, file, options["tz"])) if "tz" in options else None
    said = call.argument(0, {"cron": "expression", "every": "period", "at": "moment"}.get(kind, ""))
    if kind == "when":
        said = options.get("every", Value(ValueForm.TEXT, "1m"))
    found = constant(project, file, said)
    given = plain(found)
    text = None if isinstance(given, (Unknown, bool)) or given is None else str(given)
    if kind in ("every", "when") and text is None and found is not None and found.form is ValueForm.CALL:
        owner = next((each for each in file.functions if any(other is call for other in each.calls)), None)
        length = duration(project, file, owner, found) if owner is not None else UNKNOWN
        text = f"{length.total_seconds()}s" if isinstance(length, timedelta) else None
    return ScheduleFact(kind, text, tz if isinstance(tz, (str, Unknown)) or tz is None else UNKNOWN, options, call.place)


# Enqueues

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


# What a body reaches

DEPTH = 3


@record(frozen=True, slots=True)
class Reached:
    """A call that a body makes, itself or by functions of the project that it calls."""

    file: FileFacts
    function: Function
    call: Call
    depth: int


def body_calls(project: Project, definition: Definition, depth: int = DEPTH) -> Iterator[Reached]:
    """Yield the calls that the body of a definition makes, see `reached`."""
    return reached(project, definition.home or definition.file, definition.function, depth)


def reached(project: Project, file: FileFacts, function: Function, depth: int = DEPTH) -> Iterator[Reached]:
    """Yield the calls of a body and of the project's functions that it calls, each function once, nearest first."""
    seen = {(file.module, function.name)}
    round_: list[tuple[FileFacts, Function]] = [(file, function)]
    for level in range(depth):
        following: list[tuple[FileFacts, Function]] = []
        for where, body in round_:
            for call in body.calls:
                yield Reached(where, body, call, level)
                if level + 1 == depth or call.ref.startswith("?") or _is_engine(call.ref, where):
                    continue
                known = project.function(call.ref)
                if known is None or (known.file.module, known.function.name) in seen:
                    continue
                seen.add((known.file.module, known.function.name))
                if not known.function.is_generator or call.loop >= 0 or known.function.calls:
                    following.append((known.file, known.function))
        round_ = following


def _is_engine(ref: str, file: FileFacts) -> bool:
    """Tell whether a call leaves the project for the engine, whose own source may stand beside it."""
    return ref.startswith(f"{OURS}.") and not file.module.startswith(OURS)


def handlers_named(inside: Iterable[str]) -> Sequence[str]:
    """Return the classes of the except clauses that a call stands in, as written; "" for a bare one."""
    return [each.partition(":")[2] for each in inside if each == "except" or each.startswith("except:")]
