"""MS101 to MS110: work that is started beside the request, the schedule or the service that needs it, and left to itself."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mainspring.advisor.finding import Edit, Evidence, Finding, Kind, Place, Role, Severity
from mainspring.advisor.read.facts import Call, Fate, FileFacts, Function, Value, ValueForm
from mainspring.advisor.rules import loops
from mainspring.advisor.rules.handles import STOPPERS, Hold, hold_of, is_awaited_by_signal, is_handle_awaited
from mainspring.advisor.rules.kinds import LEAVES, TENDS, UPKEEP, Body, Weight, contradictions, evidence_of, kind_of, weight_of
from mainspring.advisor.rules.rewrite import enqueue_instead, is_task
from mainspring.advisor.rules.spawn import (
    CALLBACK,
    COMMIT_HOOKS,
    COMMIT_SIGNALS,
    EXITS,
    LOOPS,
    RUNNERS,
    SERVERS,
    SPAWNS,
    Spawn,
    Way,
    may_spawn,
    seconds,
    spawn_of,
    stays_behind,
)
from mainspring.advisor.rules.wrappers import SILENT, Wrapper, Wrappers, carried_by, is_left_by_all, wrappers_of

if TYPE_CHECKING:
    from mainspring.advisor.effects import Effects
    from mainspring.advisor.project import Known, Project, Target

_COROUTINES = frozenset({"create_task", "ensure_future", "add_task"})
_RUNS_COROUTINES = frozenset({"run", "run_until_complete", "async_to_sync", "run_coroutine_sync"})
_CARRIERS = frozenset({"call_soon_threadsafe", "call_soon", "partial"})
_CALLERS_OF_LAMBDAS = _CARRIERS | {
    "call_later",
    "on_commit",
    "add_done_callback",
    "add_callback",
    "connect",
    "listen",
    "Timer",
    "Thread",
    "submit",
}
_OPENERS = frozenset({"open", "xdg-open", "explorer", "explorer.exe", "osascript", "notify-send", "say", "start", "cmd"})
_OF_REQUEST = (
    "Request", "HttpRequest", "Response", "AsyncSession", "Session", "UploadFile", "FileStorage",
    "InMemoryUploadedFile", "SpooledTemporaryFile",
)  # fmt: skip
_HOMES = (
    "starlette.", "fastapi.", "django.", "flask.", "quart.", "werkzeug.", "sqlalchemy.", "sqlmodel.", "aiohttp.", "sanic.",
    "litestar.", "tempfile.",
)  # fmt: skip
_RUNS_A_LOOP = re.compile(r"loop\.(start|run)$", re.IGNORECASE)
_WAITS_FOR_A_CHILD = re.compile(r"(^|[._])(proc(ess)?|child|popen)\.(wait|join)$", re.IGNORECASE)
_PIPED = re.compile(r"readline\b|\.std(out|err)\b|\bpipe\b")
_LONG = 40  # letters of a name that a sentence bears
_KEPT = frozenset({"MS101", "MS102", "MS103", "MS105", "MS106"})


@dataclass(frozen=True, slots=True)
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


def judge(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield what a file starts and leaves to itself."""
    wrappers = _wrappers(project)
    given: Mapping[str, Sequence[str]] | None = None
    for function in file.functions:
        sites = list(_sites(project, file, function, wrappers))
        if not sites or ((role := project.role(file, function)) in SILENT and role is not Role.TEST):
            continue
        sites = [replace(each, role=role) for each in sites]
        if given is None:
            given = _given_away(project, file)
        steps = _steps(project, sites)
        for site in sites:
            if site in steps[1:]:
                continue
            yield from _judge(project, site, given, steps if steps and site is steps[0] else ())
    yield from _judge_wrappers(project, file, wrappers)


_found: WeakKeyDictionary[Project, Wrappers] = WeakKeyDictionary()


def _wrappers(project: Project) -> Wrappers:
    if (found := _found.get(project)) is None:
        found = _found[project] = wrappers_of(project)
    return found


def _sites(project: Project, file: FileFacts, function: Function, wrappers: Wrappers) -> Iterator[Site]:
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
            hold = hold_of(project, file, function, call, wrapper.spawn) if wrapper.is_judged_by_caller else wrapper.hold
            if (call.is_awaited and not wrapper.function.is_async) or is_handle_awaited(function, call):
                hold = Hold.SAFE  # what a plain function gives to be awaited is what it has started
            yield Site(file, function, role, call, wrapper.spawn, hold, wrapper.argument(call) if wrapper.param else None, wrapper)
            continue
        if (spawn := _carried_spawn(project, call)) is None:
            method = call.source.rpartition(".")[2]
            spawn = spawn_of(project, call, method in _COROUTINES and _is_coroutine(project, function, call))
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
    methods = (each for each in file.functions if each.name.startswith(f"{owner}."))
    if spawn is None or any(one.source == "self.join" for each in methods for one in each.calls):
        return None
    ref = f"{file.module}.{owner}.run"
    return replace(spawn, start=""), Hold.DROPPED, Value(ValueForm.REF, ref, names=(ref,))


def _carried_spawn(project: Project, call: Call) -> Spawn | None:
    """Return the spawn that a call hands on to somebody who will call it: ``call_soon_threadsafe(asyncio.create_task, f())``."""
    if call.source.rpartition(".")[2] not in _CARRIERS or len(call.args) < 2 or call.args[0].form is not ValueForm.REF:
        return None
    spawn = SPAWNS.get(project.canonical(call.args[0].text))
    return None if spawn is None or spawn.start or spawn.target < 0 else replace(spawn, target=spawn.target + 1, way=Way.AFTER)


def _is_coroutine(project: Project, function: Function, call: Call) -> bool:
    first = call.args[0] if call.args else None
    if first is None or first.form is not ValueForm.CALL or not 0 <= first.call < len(function.calls):
        return False
    known = project.function(function.calls[first.call].ref)
    return known is not None and known.function.is_async and not known.function.is_generator


def _given_away(project: Project, file: FileFacts) -> Mapping[str, Sequence[str]]:
    """Return for each function of a file the calls that get it as an argument."""
    own = {f"{file.module}.{each.name}": each.name for each in file.functions}
    found: dict[str, list[str]] = {}
    for function in file.functions:
        for call in function.calls:
            for value in (*call.args, *(each for _, each in call.keywords)):
                for name in {value.text, *value.names}:
                    if name in own:
                        found.setdefault(own[name], []).append(project.canonical(call.ref) if not call.ref.startswith("?") else call.source)
    return found


def _receivers(given: Mapping[str, Sequence[str]], function: Function) -> Iterator[str]:
    name = function.name
    while name:
        yield from given.get(name, ())
        name = name.rpartition(".<locals>.")[0]


def _is_one_of(ref: str, names: frozenset[str]) -> bool:
    return ref in names or ref.rpartition(".")[2] in names


def _judge(project: Project, site: Site, given: Mapping[str, Sequence[str]], steps: Sequence[Site]) -> Iterator[Finding]:
    file, function, call, spawn = site.file, site.function, site.call, site.spawn
    hold = site.hold
    receivers = tuple(_receivers(given, function))
    if hold is Hold.RETURNED and "<lambda" in function.name and any(_is_one_of(each, _CALLERS_OF_LAMBDAS) for each in receivers):
        hold = Hold.DROPPED
    if hold is Hold.RETURNED and site.wrapper is None and is_left_by_all(project, file, function, call):
        hold = Hold.KEPT
    if hold in (Hold.SAFE, Hold.RETURNED) or any(_is_one_of(each, EXITS) for each in receivers):
        return
    if site.value is not None and not site.shell and carried_by(project, file, function, site.value) is not None:
        return  # the wrapper's own business
    target = _target(project, site)
    if target is not None and (_keeps_the_process_going(project, target) or loops.takes(project, file, function, call, target)):
        return
    if (
        _is_of_one_connection(site)
        or _is_awaited_by_signal(site, target)
        or _reads_a_pipe(site)
        or _is_soon(site)
        or _arms_itself(project, site, target)
    ):
        return
    if spawn.way is Way.TIMER and _is_of_a_connection(file, function):
        return
    if spawn == CALLBACK and (target is None or target.known is None or not target.known.function.is_async):
        return
    effects = _effects(project, target)
    name = _name(site, target)
    weight = (
        Weight.SHARED if spawn.way is Way.PROCESS else weight_of(effects, name, _body(target)) if effects is not None else Weight.UNKNOWN
    )
    if weight is Weight.LOCAL and _is_long(site, target):
        weight = Weight.LIKELY
    if site.role is not Role.HANDLER and _is_leaving(function) and LEAVES.search(name.rpartition(".")[2]):
        return
    hooked = _is_hooked(project, function, call, receivers)
    if weight is Weight.LOCAL or (weight is Weight.ENQUEUES and (hooked or spawn.way is Way.AFTER)):
        return
    if hold is Hold.KEPT and call.target.startswith("self.") and _tells_when_done(file, function, target):
        hold = Hold.MANAGED
    endless = loops.kind_of(project, target) if target is not None else None
    if hold is Hold.MANAGED and site.role is Role.HANDLER and not call.target.startswith("self."):
        hold = Hold.KEPT  # a global, which another request may call off
    if hold is Hold.MANAGED and (site.role is not Role.SERVICE or effects is None or endless is not None):
        return
    kind, alternatives = kind_of(effects) if effects is not None else (Kind.ADHOC, ())
    if endless is not None:
        kind, alternatives = endless, (Kind.SIDE,) if endless is Kind.CRON else ()
    elif _repeats(site):
        kind, alternatives = Kind.CRON, (Kind.ADHOC,)
    if steps:
        kind, alternatives = Kind.WORKFLOW, (Kind.ADHOC,)
    code = "MS107" if hooked and spawn.code in {"MS101", "MS102", "MS103", "MS105", "MS106"} else spawn.code
    severity = _severity(site, hold, weight)
    if weight is not Weight.SHARED and (
        (endless is not None and site.role is not Role.HANDLER)
        or _attends_a_child(project, target)
        or _is_of_a_connection(file, function)
        or _tends(site, hold, weight, name)
    ):
        severity = Severity.NOTICE
    evidence = evidence_of(effects) if effects is not None else ()
    here = f"{file.path}:{call.place.line} {call.statement}"
    finding = project.finding(
        code,
        file,
        function,
        call,
        kind=kind,
        severity=severity,
        variant=_variant(site, hold, code, steps),
        call=call.source,
        target=" → ".join(_name(each, _target(project, each)) for each in steps) if steps else name,
        wrapper=site.wrapper.ref if site.wrapper else "",
        count=str(len(steps)),
    )
    left_for_good = hold in (Hold.DROPPED, Hold.BOUND)
    yield replace(
        finding,
        alternatives=alternatives,
        evidence=(*(Evidence(file.path, each.call.place.line, each.call.statement) for each in steps[1:]), *evidence),
        contradicts=tuple(contradictions(effects, here if left_for_good else "")) if effects is not None else (),
        edits=_edits(project, site, target),
    )
    if severity is not Severity.NOTICE:
        yield from _captured(project, site, name)


def _target(project: Project, site: Site) -> Target | None:
    if site.shell:
        return None
    if site.value is not None and (inner := _run_to_its_end(project, site)) is not None:
        return project.target(site.file, site.function, inner)
    if site.wrapper is not None and site.wrapper.fixed is not None:
        return project.target(site.wrapper.file, site.wrapper.source or site.wrapper.function, site.wrapper.fixed)
    if site.value is not None:
        return project.target(site.file, site.function, site.value)
    if site.spawn.target < 0 and site.spawn.start:  # a class of the project that runs itself, or what it is made with
        for each in (*site.call.args, *(value for _, value in site.call.keywords)):
            if each.form is ValueForm.REF and not each.type and (given := project.target(site.file, site.function, each)).known is not None:
                return given
        ref = f"{project.canonical(site.call.ref)}.{'_run' if site.spawn.way is Way.GREENLET else 'run'}"
        return project.target(site.file, site.function, Value(ValueForm.REF, ref, names=(ref,)))
    return None


def _run_to_its_end(project: Project, site: Site) -> Value | None:
    """Return the coroutine that a thread runs in a loop of its own: ``Thread(target=asyncio.run, args=(f(),))``."""
    value = site.value
    if value is None or value.form is not ValueForm.REF or value.text.rpartition(".")[2] not in _RUNS_COROUTINES:
        return None
    given = site.call.keyword(site.spawn.args) if site.spawn.args else None
    items = given.items if given is not None else site.call.args[site.spawn.target + 1 :]
    return next((each for each in items if each.form is ValueForm.CALL), None)


def _effects(project: Project, target: Target | None) -> Effects | None:
    return None if target is None else project.effects(target.known or target.ref)


def _is_long(site: Site, target: Target | None) -> bool:
    """Whether a handler starts a thread of its own for something that goes through many: nobody does that for a moment's work."""
    known = target.known if target is not None else None
    return (
        known is not None and site.role is Role.HANDLER and site.spawn.way is Way.THREAD
        and "<locals>" in known.function.name and bool(known.function.loops)
    )  # fmt: skip


def _keeps_the_process_going(project: Project, target: Target) -> bool:
    """Whether a target is a server, an event loop or a watch over this process, or a function whose work is to run one."""
    calls = target.known.function.calls if target.known is not None else ()
    refs = [project.canonical(target.ref), *(project.canonical(each.ref) for each in calls)]
    return any(ref.rpartition(".")[2] in LOOPS or ref in SERVERS for ref in refs) or any(
        _RUNS_A_LOOP.search(each.source) or (each.loop >= 0 and each.source.endswith(".accept")) for each in calls
    )


def _attends_a_child(project: Project, target: Target | None) -> bool:
    """Whether a target reads from or waits for a process that somebody else has started."""
    if target is None or target.known is None:
        return False
    function = target.known.function
    if any(_starts_a_process(project, each) for each in function.calls):
        return False
    return any(_PIPED.search(each.head) for each in function.loops) or any(
        _WAITS_FOR_A_CHILD.search(each.source) for each in function.calls
    )


def _starts_a_process(project: Project, call: Call) -> bool:
    spawn = spawn_of(project, call, False) if may_spawn(call) else None
    return spawn is not None and spawn.way is Way.PROCESS


def _is_of_one_connection(site: Site) -> bool:
    """Whether a server starts it for a connection that it has accepted."""
    return any(each.source.rpartition(".")[2] == "accept" and each.loop == site.call.loop >= 0 for each in site.function.calls)


def _is_awaited_by_signal(site: Site, target: Target | None) -> bool:
    if site.spawn.way not in (Way.THREAD, Way.FUTURE, Way.GREENLET, Way.PROCESS, Way.COROUTINE):
        return False
    values = [*site.call.args, *(each for _, each in site.call.keywords)]
    names = {name.rpartition(".")[2] for each in values for name in (each.text, *each.names, *(one.text for one in each.items))}
    known = target.known.function if target is not None and target.known is not None else None
    if known is not None:
        names.update(known.captures)
        if site.spawn.way is not Way.COROUTINE:
            prefix = f"{site.function.name}.<locals>."
            names.update(name for each in site.file.functions if each.name.removeprefix(prefix) in known.captures for name in each.captures)
    return is_awaited_by_signal(site.file, site.function, site.call, known, names, is_awaiting=site.spawn.way is Way.COROUTINE)


def _reads_a_pipe(site: Site) -> bool:
    if site.spawn.way not in (Way.THREAD, Way.GREENLET, Way.COROUTINE):
        return False
    values = [*site.call.args, *(each for _, each in site.call.keywords)]
    for value in [*values, *(item for each in values for item in each.items)]:
        if any(name.endswith((".stdout", ".stderr", ".stdin")) for name in (value.text, *value.names)):
            return True
        if value.form is ValueForm.CALL and 0 <= value.call < len(site.function.calls):
            inner = site.function.calls[value.call]
            if any(name.endswith((".stdout", ".stderr", ".stdin")) for each in inner.args for name in (each.text, *each.names)):
                return True
    return False


def _is_soon(site: Site) -> bool:
    """Whether a delay is so short that nothing but a debounce can be meant."""
    if site.spawn.way is not Way.TIMER or site.spawn.delay < 0:
        return False
    delay = seconds(site.call.argument(site.spawn.delay, site.spawn.delay_keyword))
    return delay is not None and delay < 1


def _arms_itself(project: Project, site: Site, target: Target | None) -> bool:
    """Whether a timer's target arms the timer again, which is a schedule and another rule's."""
    if site.spawn.way is not Way.TIMER or target is None or target.known is None:
        return False
    known = target.known
    if _is_same(known, site.file, site.function):
        return True
    for call in known.function.calls:
        spawn = spawn_of(project, call, False)
        if spawn is not None and spawn.way is Way.TIMER and (value := call.argument(spawn.target, spawn.keyword)) is not None:
            again = project.target(known.file, known.function, value).known
            if again is not None and _is_same(again, known.file, known.function):
                return True
        if (callee := project.function(call.ref)) is not None and _is_same(callee, site.file, site.function):
            return True
    return False


def _is_same(known: Known, file: FileFacts, function: Function) -> bool:
    return known.file.module == file.module and known.function.name == function.name and known.function.place == function.place


_REPEATS = re.compile(r"Repeat|Periodic|Interval|Recurring", re.IGNORECASE)


def _repeats(site: Site) -> bool:
    """Whether a thread of the project's own making calls what it is given again and again, as its name says."""
    return site.spawn.target < 0 and bool(site.spawn.start) and _REPEATS.search(site.call.source) is not None


def _tells_when_done(file: FileFacts, function: Function, target: Target | None) -> bool:
    """Whether a thread of an object sets an event at its end for which another method of the object waits."""
    if target is None or target.known is None:
        return False
    owner = function.name.partition(".")[0]
    done = {each.source.rpartition(".")[0] for each in target.known.function.calls if each.source.endswith(".set")}
    waits = {f"{each}.wait" for each in done if each.startswith("self.")}
    return any(
        each.name.startswith(f"{owner}.") and each is not target.known.function and any(call.source in waits for call in each.calls)
        for each in file.functions
    )


def _is_leaving(function: Function) -> bool:
    """Whether a function ends something: what it starts then is the end of it."""
    return function.name.rpartition(".")[2] in _LEAVING or function.name.rpartition(".")[2].strip("_") in STOPPERS


_LEAVING = frozenset({"on_shutdown", "shutdown_event", "on_stop", "before_stop", "__exit__", "__aexit__", "__del__"})
_BEGINS = re.compile(r"^_*(a?enter|init|start|connect|open|run|setup|set_up|launch|resume|ensure|initialize|begin|on_start|schedule)")
_CONNECTIONS = frozenset({"on_close", "on_disconnect", "connection_lost", "connection_made", "websocket_disconnect", "on_connection_close"})


def _is_of_a_connection(file: FileFacts, function: Function) -> bool:
    """Whether an object is one connection, which is told when it ends."""
    owner = function.name.partition(".")[0]
    return owner != function.name and any(
        each.name.startswith(f"{owner}.") and each.name.rpartition(".")[2] in _CONNECTIONS for each in file.functions
    )


def _is_hooked(project: Project, function: Function, call: Call, receivers: Sequence[str]) -> bool:
    if any(_is_one_of(each, COMMIT_HOOKS) for each in receivers):
        return True
    if any(_is_one_of(each.ref, COMMIT_HOOKS) and each is not call and _holds(each.place, call.place) for each in function.calls):
        return True
    for each in function.decorators:
        names = {
            name.rpartition(".")[2] for value in each.args for name in (value.text, *value.names, *(item.text for item in value.items))
        }
        if names & COMMIT_SIGNALS:
            return True
    return any(each.rpartition(".")[0].rpartition(".")[2] in COMMIT_SIGNALS and each.endswith(".connect") for each in receivers)


def _holds(outer: Place, inner: Place) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) and (inner.end_line, inner.end_column) <= (
        outer.end_line,
        outer.end_column,
    )


def _severity(site: Site, hold: Hold, weight: Weight) -> Severity:
    if site.role is Role.TEST or weight is Weight.ENQUEUES:
        return Severity.NOTICE
    method = site.function.name.rpartition(".")[2]
    if hold is Hold.MANAGED and (weight is not Weight.SHARED or (_BEGINS.match(method) and not _is_a_job(site, method))):
        return Severity.NOTICE  # begins with its object, and ends with it
    if hold is Hold.HANDED and site.role is not Role.HANDLER:
        return Severity.NOTICE
    if site.wrapper is not None and not site.wrapper.param and hold in (Hold.KEPT, Hold.BOUND):
        return Severity.NOTICE  # what a maker of tasks gives is in somebody's hands
    if site.role is Role.WORKER or (site.shell == "" and site.spawn.way is Way.PROCESS and _opens_a_window(site.function, site.call)):
        return Severity.NOTICE
    if (
        weight in (Weight.LIKELY, Weight.UNKNOWN)  # nobody can say that nothing is lost
        or hold in (Hold.HANDED, Hold.MANAGED)
        or (site.role in (Role.STARTUP, Role.FRAMEWORK, Role.TASK) and site.spawn.way is not Way.AFTER)
    ):
        return Severity.WARNING
    return Severity.ERROR


def _is_a_job(site: Site, method: str) -> bool:
    """Whether an object is told to begin a piece of work that its caller describes, and not itself."""
    value = site.value
    if value is None or value.form is not ValueForm.CALL or not 0 <= value.call < len(site.function.calls) or not _RUNS.match(method):
        return False
    given = {param.name for param in site.function.params if param.name not in ("self", "cls")}
    return any(given & {name.rpartition(".")[2] for name in (each.text, *each.names)} for each in _values(site.function.calls[value.call]))


_RUNS = re.compile(r"_*(a?start|run|launch|schedule|begin)(_|$)")


def _values(call: Call) -> Iterator[Value]:
    yield from call.args
    yield from (each for _, each in call.keywords)


def _tends(site: Site, hold: Hold, weight: Weight, name: str) -> bool:
    """Whether work that nobody has seen to matter looks like the upkeep of this process: by its name, or as part of an object's life."""
    owner, _, method = site.function.name.rpartition(".")
    last = name.rpartition(".")[2]
    if UPKEEP.match(last) or (method == "__init__" and _is_told_to_leave(site.call)):
        return True
    if weight is Weight.UNKNOWN and TENDS.search(last) and last not in STOPPERS:  # to stop something of another object is to do something
        return True
    if site.role is Role.HANDLER or _repeats(site):
        return False
    return weight is Weight.UNKNOWN and bool(
        LEAVES.search(method)
        or method == "__init__"
        or _ENGINES.search(owner.partition(".")[0])
        or (hold is Hold.KEPT and _is_part_of_the_object(site.call, method))
    )


def _is_told_to_leave(call: Call) -> bool:
    """Whether a thread is given something of its object that tells it to end."""
    args = call.keyword("args")
    return args is not None and any(each.text.startswith("self.") and _LEAVES_BY.search(each.text) for each in args.items)


_LEAVES_BY = re.compile(r"(stop|exit|quit|cancel|shutdown|leave|done|finish)(_?(event|flag))?$|stopping$|exiting$", re.IGNORECASE)


def _is_part_of_the_object(call: Call, method: str) -> bool:
    """Whether what runs begins with an object that has one place for it, or a few that it fills as it starts."""
    if call.target.startswith("self.") and "[" not in call.target:
        return _BEGINS.match(method) is not None
    return _STARTS.fullmatch(method) is not None and any(bind.partition(":")[2].startswith("self.") for bind in call.binds)


_STARTS = re.compile(r"_*(?:a?start|connect|open|enter|aenter|init|setup)_*")
_ENGINES = re.compile(r"(Executor|Pool|Timer|Queue)\w*$")


def _opens_a_window(function: Function, call: Call) -> bool:
    """Whether a process only shows something on the desktop of whoever started the program."""
    first = call.args[0] if call.args else None
    if first is None:
        return False
    if "browser" in function.name.rpartition(".")[2].lower():
        return True
    head = first.items[0] if first.items else first
    return head.form is ValueForm.TEXT and head.text.strip("\"'").split(" ")[0].rpartition("/")[2] in _OPENERS


def _variant(site: Site, hold: Hold, code: str, steps: Sequence[Site]) -> str:
    if steps:
        return "steps"
    if site.wrapper is not None:
        return "wrapper"
    if site.shell:
        return "shell"
    if hold in (Hold.KEPT, Hold.MANAGED) and code in _KEPT:
        return "kept"
    is_seen_by_ruff = site.call.fate in (Fate.DROPPED, Fate.BOUND) and _is_known_to_ruff(site.call.ref)
    return "ruff" if code == "MS101" and is_seen_by_ruff else ""


def _is_known_to_ruff(ref: str) -> bool:
    """Whether ruff's RUF006 knows this call: it looks at asyncio's own functions and at loops that are asked for in place."""
    return ref in {"asyncio.create_task", "asyncio.ensure_future", "asyncio.AbstractEventLoop.create_task"}


def _name(site: Site, target: Target | None) -> str:
    if site.shell:
        return site.shell
    if target is None:
        first = site.call.args[0] if site.call.args else None
        return first.text if first is not None else site.call.source
    if target.known is not None and "<lambda" in target.known.function.name:
        calls = target.known.function.calls
        return calls[0].source if calls else "lambda"
    if target.known is not None:
        return target.known.function.name.rpartition("<locals>.")[2]
    source = target.source or target.ref
    return source if len(source) <= _LONG else source.rpartition(".")[2]


def _edits(project: Project, site: Site, target: Target | None) -> tuple[Edit, ...]:
    if target is None or target.known is None or site.wrapper is not None or site.spawn.code not in ("MS101", "MS104"):
        return ()
    if site.call.fate is not Fate.DROPPED or not is_task(project, target.known):
        return ()
    return enqueue_instead(project, site.file, site.function, site.call, target.known)


def _steps(project: Project, sites: Sequence[Site]) -> Sequence[Site]:
    """Return the calls of add_task that are one sequence: three or more in one block, on one object, each about what the one before was."""
    after = [each for each in sites if each.spawn.way is Way.AFTER and each.call.source.endswith(".add_task") and each.wrapper is None]
    groups: dict[tuple[object, ...], list[Site]] = {}
    for each in after:
        groups.setdefault((each.call.source, each.call.inside, each.call.loop), []).append(each)
    for group in groups.values():
        weighty = [each for each in group if _has_weight(project, each)]
        if len(weighty) >= 3 and all(_about(one) & _about(two) for one, two in itertools.pairwise(weighty)):
            return weighty
    return ()


def _body(target: Target | None) -> Body:
    if target is None or target.known is None:
        return Body.UNSEEN
    return Body.NESTED if "<locals>" in target.known.function.name else Body.SEEN


def _has_weight(project: Project, site: Site) -> bool:
    target = _target(project, site)
    effects = _effects(project, target)
    return effects is not None and weight_of(effects, _name(site, target), _body(target)) not in (Weight.LOCAL, Weight.ENQUEUES)


def _about(site: Site) -> set[str]:
    return {name for value in (*site.call.args[1:], *(each for _, each in site.call.keywords)) for name in (value.text, *value.names)}


def _captured(project: Project, site: Site, name: str) -> Iterator[Finding]:
    """Yield the first object of the request that goes along."""
    if site.role not in (Role.HANDLER, Role.STREAM) or site.shell or site.spawn.way is Way.PROCESS:
        return
    for value in _arguments(site):
        for param in site.function.params:
            if (
                value.form is not ValueForm.REF
                or value.text.rpartition(".")[2] != param.name
                or ("." in value.text and "<locals>" not in value.text)
            ):
                continue
            kind = project.canonical(param.type) if param.type else ""
            last = kind.rpartition(".")[2]
            if last in _OF_REQUEST and kind.startswith(_HOMES) and not (site.spawn.way is Way.AFTER and last in ("Request", "Response")):
                yield project.finding(
                    "MS110", site.file, site.function, site.call, kind=None, severity=None, target=name, object=param.name, type=last
                )
                return


def _arguments(site: Site) -> Iterator[Value]:
    """Yield what the target is given."""
    value = site.value
    if value is not None and value.form is ValueForm.CALL and 0 <= value.call < len(site.function.calls):
        inner = site.function.calls[value.call]
        yield from inner.args
        yield from (each for _, each in inner.keywords)
    for each in (*site.call.args, *(one for _, one in site.call.keywords)):
        if each is not value:
            yield each
            yield from each.items


def _judge_wrappers(project: Project, file: FileFacts, wrappers: Wrappers) -> Iterator[Finding]:
    for wrapper in wrappers.defined:
        if wrapper.file.module != file.module or not wrapper.param:
            continue
        if (
            wrapper.is_judged_by_caller
            and (not wrapper.is_decorator or wrapper.spawn.way is Way.COROUTINE)
            and not _runs_whoever_gets_it(wrapper)
        ):
            continue
        inner = wrapper.source or wrapper.function
        yield project.finding(
            "MS109",
            file,
            inner,
            wrapper.call,
            kind=None,
            severity=None,
            call=wrapper.call.source,
            target=wrapper.param,
            wrapper=wrapper.ref,
        )


def _runs_whoever_gets_it(wrapper: Wrapper) -> bool:
    """Whether a wrapper that gives the handle back keeps it as well, or gives back a thread that runs already."""
    keeps = any(bind.startswith(("add:", "append:", "set:")) for bind in wrapper.call.binds)
    return keeps or (wrapper.spawn.way is Way.THREAD and not wrapper.spawn.start)
