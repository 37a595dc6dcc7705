"""Where a function starts work: each place with how it is started, what becomes of it and what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Role
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value, ValueForm
from mainspring.advisor.record import record
from mainspring.advisor.rules.handles import Hold, hold_of, is_handle_awaited
from mainspring.advisor.rules.spawn import RUNNERS, SPAWNS, Spawn, Way, may_make_a_task, may_spawn, spawn_of, stays_behind
from mainspring.advisor.rules.wrappers import Wrapper, Wrappers

if TYPE_CHECKING:
    from mainspring.advisor.project import Project, Target

_COROUTINES = frozenset({"create_task", "ensure_future", "add_task"})
_RUNS_COROUTINES = frozenset({"run", "run_until_complete", "async_to_sync", "run_coroutine_sync"})
CARRIERS = frozenset({"call_soon_threadsafe", "call_soon", "partial"})


@record(frozen=True, slots=True)
class Site:
    """A place that starts work."""

    file: FileFacts
    function: Function
    role: Role
    call: Call
    spawn: Spawn
    hold: Hold
    value: Value | None
    wrapper: Wrapper | None = None
    shell: str = ""


def sites(project: Project, file: FileFacts, function: Function, wrappers: Wrappers) -> Iterator[Site]:
    """Yield what a function starts, in source order."""
    role = Role.SERVICE  # asked for once there is a site
    for call in function.calls:
        is_wrapper = call.ref.rpartition(".")[2] in wrappers.names
        if not is_wrapper and call.source != "self.start" and not may_spawn(call):
            continue
        if shell := stays_behind(project, call):
            yield Site(file, function, role, call, SPAWNS["subprocess.Popen"], Hold.DROPPED, call.args[0], shell=shell)
            continue
        if (own := _starts_itself(project, file, function, call)) is not None:
            yield Site(file, function, role, call, *own)
            continue
        wrapper = wrappers.called.get(project.canonical(call.ref)) if is_wrapper else None
        if wrapper is not None:
            project.memory.noted.add(wrapper.file.module)
            hold = hold_of(project, file, function, call, wrapper.spawn) if wrapper.is_judged_by_caller else wrapper.hold
            if (call.is_awaited and not wrapper.function.is_async) or is_handle_awaited(function, call):
                hold = Hold.SAFE  # what a plain function gives to be awaited is what it has started
            yield Site(file, function, role, call, wrapper.spawn, hold, wrapper.argument(call) if wrapper.param else None, wrapper)
            continue
        if (spawn := _carried_spawn(project, call)) is None:
            may_take = call.source.rpartition(".")[2] in _COROUTINES or may_make_a_task(call)
            spawn = spawn_of(project, call, may_take and _is_coroutine(project, function, call))
        if spawn is not None:
            value = call.argument(spawn.target, spawn.keyword) if spawn.target >= 0 else None
            if value is not None and spawn.way is Way.COROUTINE and _runs_already(function, value):
                continue
            yield Site(file, function, role, call, spawn, hold_of(project, file, function, call, spawn), value)


def _runs_already(function: Function, value: Value) -> bool:
    """Whether what is to be started is a task that the function has made: asked for a future of it, a loop gives the task itself."""
    return value.form is ValueForm.REF and any(
        each.target == value.text
        and _COROUTINES & {name.rpartition(".")[2] for name in (each.source, *(given.text for given in each.args))}
        for each in function.calls
    )


def _starts_itself(project: Project, file: FileFacts, function: Function, call: Call) -> tuple[Spawn, Hold, Value] | None:
    """Return what a thread or a process starts that starts itself as soon as it is made, and that its class never waits for."""
    owner, _, method = function.name.rpartition(".")
    if call.source != "self.start" or method != "__init__" or not owner:
        return None
    spawn = next((RUNNERS[each] for each in project.ancestors(f"{file.module}.{owner}") if each in RUNNERS), None)
    methods = (each for each in file.speaking(("self.join",)) if each.name.startswith(f"{owner}."))
    if spawn is None or any(one.source == "self.join" for each in methods for one in each.calls):
        return None
    ref = f"{file.module}.{owner}.run"
    return replace(spawn, start=""), Hold.DROPPED, Value(ValueForm.REF, ref, names=(ref,))


def _carried_spawn(project: Project, call: Call) -> Spawn | None:
    """Return the spawn that a call hands on to somebody who will call it: ``call_soon_threadsafe(asyncio.create_task, f())``."""
    if call.source.rpartition(".")[2] not in CARRIERS or len(call.args) < 2 or call.args[0].form is not ValueForm.REF:
        return None
    if any(each.startswith("with:") and each.endswith(("Executor", "Pool")) for each in call.inside) and call.args[0].text.endswith(
        ".submit"
    ):
        return None  # a pool that is left waits for what it was given
    spawn = SPAWNS.get(project.canonical(call.args[0].text))
    return None if spawn is None or spawn.start or spawn.target < 0 else replace(spawn, target=spawn.target + 1, way=Way.AFTER)


def _is_coroutine(project: Project, function: Function, call: Call) -> bool:
    first = call.args[0] if call.args else None
    if first is None or first.form is not ValueForm.CALL or not 0 <= first.call < len(function.calls):
        return False
    known = project.function(function.calls[first.call].ref)
    return known is not None and known.function.is_async and not known.function.is_generator


def target_of(project: Project, site: Site) -> Target | None:
    """Return what a site starts, as far as somebody can say."""
    if site.shell:
        return None
    if site.value is not None and (inner := _run_to_its_end(project, site)) is not None:
        return project.target(site.file, site.function, inner)
    if site.wrapper is not None and site.wrapper.fixed is not None:
        return project.target(site.wrapper.file, site.wrapper.source or site.wrapper.function, site.wrapper.fixed)
    if site.value is not None:
        return project.target(site.file, site.function, _gathered(project, site) or site.value)
    if site.spawn.target < 0 and site.spawn.start:  # a class of the project that runs itself, or what it is made with
        for each in (*site.call.args, *(value for _, value in site.call.keywords)):
            if each.form is ValueForm.REF and not each.type and (given := project.target(site.file, site.function, each)).known is not None:
                return given
        ref = f"{project.canonical(site.call.ref)}.{'_run' if site.spawn.way is Way.GREENLET else 'run'}"
        return project.target(site.file, site.function, Value(ValueForm.REF, ref, names=(ref,)))
    return None


_GATHERS = frozenset({"asyncio.gather", "asyncio.wait", "asyncio.wait_for", "asyncio.shield"})


def _gathered(project: Project, site: Site) -> Value | None:
    """Return the first coroutine that a started ``gather`` waits for: it does itself what that does."""
    value, calls = site.value, site.function.calls
    if value is None or value.form is not ValueForm.CALL or not 0 <= value.call < len(calls):
        return None
    call = calls[value.call]
    if project.canonical(call.ref) not in _GATHERS:
        return None
    for each in call.args:
        if each.form is ValueForm.CALL:
            return each
        for name in each.names:
            if (known := project.function(name)) is not None and known.function.is_async:
                return Value(ValueForm.REF, name, names=(name,))
    return None


def _run_to_its_end(project: Project, site: Site) -> Value | None:
    """Return the coroutine that a thread runs in a loop of its own: ``Thread(target=asyncio.run, args=(f(),))``."""
    value = site.value
    if value is None or value.form is not ValueForm.REF or value.text.rpartition(".")[2] not in _RUNS_COROUTINES:
        return None
    given = site.call.keyword(site.spawn.args) if site.spawn.args else None
    items = given.items if given is not None else site.call.args[site.spawn.target + 1 :]
    return next((each for each in items if each.form is ValueForm.CALL), None)
