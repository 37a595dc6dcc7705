"""Functions of the project that start what they are given, or always the same, and let their caller go on: spawns by another name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Role
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, Fate, FileFacts, Function, Param, Value, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.handles import Hold, hold_of, is_handle_awaited, is_started, may_be_awaited
from mainspring.advisor.rules.spawn import CALLBACK, SPAWNS, SURE, Spawn, Way, may_spawn, spawn_of
from mainspring.advisor.shelf import mentioning

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

_CALLABLE = pattern(r"Callable|Coroutine|Awaitable|Future\b|\bAny\b|^[A-Z]\w?$|Func|Coro|\bobject\b")
_CALLABLES = pattern(r"^_?(coro(utine)?s?|func(tion)?|fn|f|callable|awaitable|aw)(_?(fn|func|coro))?$", re.IGNORECASE)
_WORDS = sorted({each.rpartition(".")[2] for each in SPAWNS} | {*SURE, "create_task", "ensure_future", "start_soon", "add_task"})
_AWAITABLE = pattern(r"Coroutine|Awaitable")
# What a body may do beside calling what it was given: open a loop or a context for it, and say how it went.
_ASIDE = frozenset(
    {
        "debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print", "print_exc", "format_exc", "set",
        "set_result", "set_exception", "discard", "remove", "close", "new_event_loop", "set_event_loop", "get_event_loop",
        "run_until_complete", "run", "app_context", "test_request_context", "push", "pop", "acquire", "release", "sleep", "time",
        "monotonic", "perf_counter", "str", "repr", "getLogger", "wait_for", "close_old_connections", "close_all", "super",
        "capture_exception", "append", "add", "put", "shutdown_asyncgens",
    }
)  # fmt: skip
ENGINES = pattern(r"(Executor|Pool)$")  # of classes that are there to do what they are given: whoever calls them is judged
DEPTH = 2  # wrappers of wrappers of wrappers
SILENT = frozenset({Role.VENDORED, Role.TEST, Role.CLI, Role.MIGRATION})


@record(frozen=True, slots=True)
class Wrapper:
    """One such function. ``param``: what of its arguments is started, empty where it always starts the same (``fixed``)."""

    ref: str
    file: FileFacts
    function: Function
    call: Call  # the spawn inside
    spawn: Spawn
    hold: Hold
    param: str = ""
    position: int = 0
    is_decorator: bool = False
    fixed: Value | None = None
    source: Function | None = None  # the function that holds the call, where it is a nested one

    @property
    def is_judged_by_caller(self) -> bool:
        """Whether the handle goes back to the caller."""
        return self.hold is Hold.RETURNED

    def argument(self, call: Call) -> Value | None:
        """Return what a call of it has it start."""
        return call.argument(self.position, self.param)


@record(frozen=True, slots=True)
class Wrappers:
    """The wrappers of a project. ``called``: what starts work when it is called, by its dotted name; ``names``: the last parts of those."""

    defined: Mapping[str, Sequence[Wrapper]]  # by their modules
    called: Mapping[str, Wrapper]
    names: frozenset[str]
    levels: Mapping[str, int]  # how many others each hands on to
    decorated: Mapping[str, tuple[str, str]]  # what a wrapper makes of others: their modules, and its name

    def all(self) -> Iterator[Wrapper]:
        """Yield those that are defined."""
        return (each for several in self.defined.values() for each in several)


def wrappers_of(project: Project) -> Wrappers:
    """Return the wrappers of a project, and the functions that its decorators make of others."""
    with project.memory.noting():  # what a module gives is noted with it (`Project.part`), and the rest with what it comes to
        return _wrappers_of(project)


def _wrappers_of(project: Project) -> Wrappers:
    levels: dict[str, int] = {}
    defined = _defined(project, levels)
    decorated: dict[str, tuple[str, str]] = {}
    called = {ref: each for ref, each in defined.items() if not each.is_decorator}
    for wrapper in defined.values():
        if wrapper.is_decorator:
            for module, ref in _decorated(project, wrapper):
                decorated[ref] = module, wrapper.ref
                called[ref] = replace(wrapper, param="", fixed=Value(ValueForm.REF, ref, names=(ref,)))
    by_module: dict[str, list[Wrapper]] = {}
    for wrapper in defined.values():
        by_module.setdefault(wrapper.file.module, []).append(wrapper)
    return Wrappers(by_module, called, frozenset(each.rpartition(".")[2] for each in called), levels, decorated)


def _decorated(project: Project, wrapper: Wrapper) -> Iterator[tuple[str, str]]:
    for module in mentioning(project.files, wrapper.ref.rpartition(".")[2]):
        yield from ((module, ref) for ref in project.part(module, decorated_in(project, module, wrapper.ref)))


def decorated_in(project: Project, module: str, ref: str) -> Iterator[str]:
    """Yield the functions of a module that a wrapper stands over."""
    file = project.files[module]
    for function in file.naming(ref.rpartition(".")[2]):
        if any(project.canonical(each.ref) == ref for each in function.decorators):
            yield f"{file.module}.{function.name}"


def starting(project: Project, modules: Iterable[str]) -> list[str]:
    """Return those of the modules that define a wrapper without another one's help."""
    asked = set(modules)
    return [module for module in _speaking(project) if module in asked and project.part(module, starting_in(project, module))]


def _speaking(project: Project) -> Iterable[str]:
    return dict.fromkeys(module for word in _WORDS for module in mentioning(project.files, word))


def starting_in(project: Project, module: str) -> Iterator[Wrapper]:
    """Yield the wrappers of a module that need no other one's help."""
    file = project.files[module]
    for function in file.calling(*_WORDS):
        for call in function.calls:
            if not may_spawn(call) or ((spawn := spawn_of(project, call, False)) is None and not _hands_on(function, call)):
                continue
            spawn = spawn or spawn_of(project, call, True)
            if spawn is None or spawn.target < 0 or (wrapper := _wrapper(project, file, function, call, spawn)) is None:
                continue
            if project.role(file, function) not in SILENT:
                yield wrapper


def _defined(project: Project, levels: dict[str, int]) -> Mapping[str, Wrapper]:
    found: dict[str, Wrapper] = {}
    for module in _speaking(project):
        if project.starting is None or module in project.starting:
            for wrapper in project.part(module, starting_in(project, module)):
                found.setdefault(wrapper.ref, wrapper)
    for ref in project.settings.spawn_wrappers:
        found.setdefault(ref, _declared(ref))
    fresh: Mapping[str, Wrapper] = found
    levels |= dict.fromkeys(found, 0)
    for level in range(1, DEPTH + 1):
        fresh = {each.ref: each for each in _callers_that_hand_on(project, fresh) if each.ref not in found}
        found |= fresh
        levels |= dict.fromkeys(fresh, level)
    return found


def _callers_that_hand_on(project: Project, wrappers: Mapping[str, Wrapper]) -> Iterator[Wrapper]:
    """Yield the functions that give a parameter of theirs to a wrapper."""
    lasts = {ref.rpartition(".")[2] for ref in wrappers}
    modules = dict.fromkeys(module for last in sorted(lasts) for module in mentioning(project.files, last))
    for module in modules:
        yield from project.part(module, handing_on(project, module, wrappers, lasts))


def handing_on(project: Project, module: str, wrappers: Mapping[str, Wrapper], lasts: Set[str]) -> Iterator[Wrapper]:
    """Yield the functions of a module that give a parameter of theirs to one of these wrappers."""
    file = project.files[module]
    for function in file.calling(*lasts):
        for call in function.calls:
            inner = wrappers.get(project.canonical(call.ref)) if call.ref.rpartition(".")[2] in lasts else None
            if inner is None or not inner.param or inner.is_decorator or (value := inner.argument(call)) is None:
                continue
            if project.role(file, function) in SILENT or (carried := carried_by(project, file, function, value)) is None:
                continue
            hold = hold_of(project, file, function, call, inner.spawn) if inner.is_judged_by_caller else inner.hold
            if hold is not Hold.SAFE and not is_handle_awaited(function, call):
                owner, param, position = carried
                yield Wrapper(_ref_of(file, owner), file, owner, call, inner.spawn, hold, param, position, source=function)


def _hands_on(function: Function, call: Call) -> bool:
    """Whether an argument of a call is a parameter that can only be a coroutine: then the receiver need not be known."""
    first = call.args[0] if call.args else None
    return first is not None and any(
        is_name_of(first.text, each.name) and re.search(r"Coroutine|Awaitable", each.annotation) is not None for each in function.params
    )


def _declared(ref: str) -> Wrapper:
    from mainspring.advisor.finding import Place

    nowhere = Place(1, 1, 1, 1)
    call = Call(ref, ref, nowhere, ref, (), (), Fate.DROPPED)
    function = Function(ref.rpartition(".")[2], nowhere)
    return Wrapper(ref, FileFacts("", ""), function, call, Spawn("MS101", Way.COROUTINE), Hold.DROPPED, param="coro")


def _wrapper(project: Project, file: FileFacts, function: Function, call: Call, spawn: Spawn) -> Wrapper | None:
    value = call.argument(spawn.target, spawn.keyword)
    if value is None or spawn == CALLBACK:
        return None
    carried = carried_by(project, file, function, value)
    hold = hold_of(project, file, function, call, spawn)
    if hold is Hold.SAFE or (hold is Hold.MANAGED and (carried is None or may_be_awaited(file, function, call, spawn))):
        return None
    if spawn.start:
        if not is_started(function, call) and hold is not Hold.RETURNED:
            return None  # only made here
        spawn = replace(spawn, start="") if is_started(function, call) else spawn
    if carried is None:
        if call.fate is not Fate.RETURNED or "<locals>" in function.name or function.decorators:
            return None  # a decorated function that returns a task may be anything: a fixture, a property, a view
        if hold is Hold.RETURNED and is_left_by_all(project, file, function, call):
            return None  # judged where it stands
        return Wrapper(f"{file.module}.{function.name}", file, function, call, spawn, hold, fixed=value)
    owner, param, position = carried
    if "<locals>" in owner.name and (hold is Hold.KEPT or any(bind.startswith(("add:", "append:")) for bind in call.binds)):
        return None  # a closure that fills a collection of the function around it, which goes on with it
    is_decorator = owner is not function and any(is_name_of(each.text, function.name.rpartition(".")[2]) for each in owner.returns)
    if owner is not function and not is_decorator and hold is Hold.RETURNED:
        return None
    return Wrapper(_ref_of(file, owner), file, owner, call, spawn, hold, param, position, is_decorator, source=function)


def is_left_by_all(project: Project, file: FileFacts, function: Function, call: Call) -> bool:
    """Return whether a function keeps what it gives back and nobody in the project takes it: then it goes on whoever calls."""
    if not any(bind.startswith(("add:", "append:", "key:")) for bind in call.binds):
        return False
    callers = project.callers(file, function)
    return bool(callers) and all(each.fate is Fate.DROPPED and not each.is_awaited for _, _, each in callers)


def _ref_of(file: FileFacts, function: Function) -> str:
    """Return how a wrapper is called: a constructor by its class."""
    return f"{file.module}.{function.name.removesuffix('.__init__')}"


def carried_by(project: Project, file: FileFacts, function: Function, value: Value) -> tuple[Function, str, int] | None:
    """Return the parameter that a spawned value is or calls: its function (perhaps an enclosing one), its name and position."""
    for owner in _outwards(file, function):
        params = [each for each in owner.params if each.name not in ("self", "cls")]
        for position, param in enumerate(params):
            if not param.name.startswith("*") and _carries(project, file, function, value, param):
                return owner, param.name, position
    return None


def _carries(project: Project, file: FileFacts, function: Function, value: Value, param: Param) -> bool:
    if value.form is ValueForm.REF and is_name_of(value.text, param.name):
        return not param.annotation or _may_be_called(param)
    if value.form is ValueForm.REF and _is_work(param) and "." not in value.text:
        made = (call for call in function.calls if call.target == value.text)  # another name for it, or what is wrapped around it
        if any(is_name_of(given.text, param.name) for call in made for given in call.args):
            return True
    if value.form is ValueForm.CALL and 0 <= value.call < len(function.calls):
        call = function.calls[value.call]
        if is_name_of(call.source, param.name):
            return True
        given = call.args[:1] if call.source.rpartition(".")[2] == "partial" else call.args
        if any(is_name_of(each.text, param.name) for each in given if each.form is ValueForm.REF) and _is_work(param):
            return True
    body = _inner(file, function, value)
    return body is not None and _only_calls(body, param)


def _only_calls(body: Function, param: Param) -> bool:
    """Return whether a body does nothing but do what it was given: one that does more only tells somebody at its end."""
    others = [each for each in body.calls if each.source != param.name]
    if any(each.source.rpartition(".")[2] not in _ASIDE for each in others):
        return False
    return (
        len(others) < len(body.calls)
        or param.name in body.awaits
        or (_is_work(param) and any(is_name_of(given.text, param.name) for each in others for given in each.args))
    )


def _inner(file: FileFacts, function: Function, value: Value) -> Function | None:
    """Return the nested function or lambda that is started."""
    text = value.text
    if value.form is ValueForm.CALL and 0 <= value.call < len(function.calls):
        text = function.calls[value.call].ref
    if "<locals>" not in text and "<lambda" not in text:
        return None
    name = text.removeprefix(f"{file.module}.")
    return file.function(name)


def _is_work(param: Param) -> bool:
    """Whether a parameter is a piece of work by its name or its annotation, and no callback."""
    return bool(_AWAITABLE.search(param.annotation)) or bool(_CALLABLES.match(param.name))


def _may_be_called(param: Param) -> bool:
    return bool(_CALLABLE.search(param.annotation))


def is_name_of(text: str, name: str) -> bool:
    """Return whether a dotted text is just this local name."""
    head, _, last = text.rpartition(".")
    return last == name and (not head or head.endswith("<locals>"))


def _outwards(file: FileFacts, function: Function) -> Iterator[Function]:
    yield function
    yield from file.around(function)
