"""MS101 to MS110: work that is started beside the request, the schedule or the service that needs it, and left to itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mainspring.advisor.finding import Edit, Evidence, Finding, Kind, Place, Role, Severity
from mainspring.advisor.read.facts import Call, Fate, FileFacts, Function, Value, ValueForm
from mainspring.advisor.rules import loops
from mainspring.advisor.rules.handles import Hold, hold_of, is_only_called_off
from mainspring.advisor.rules.harmless import (
    BEGINS,
    arms_itself,
    attends_a_child,
    is_a_job,
    is_answer_to_come,
    is_given_a_connection,
    is_heard_of,
    is_leaving,
    is_logging,
    is_long,
    is_of_a_connection,
    is_of_one_connection,
    is_own_log,
    is_soon,
    is_the_program,
    is_upkeep_of_memory,
    keeps_the_process_going,
    opens_a_browser,
    opens_a_window,
    reads_a_pipe,
    removes_what_was_sent,
    repeats,
    speaks_to_its_own,
    tells_when_done,
    tends,
)
from mainspring.advisor.rules.kinds import LEAVES, Body, Weight, contradictions, evidence_of, kind_of, weight_of
from mainspring.advisor.rules.rewrite import enqueue_instead, is_task
from mainspring.advisor.rules.sites import CARRIERS, Site, sites, target_of
from mainspring.advisor.rules.spawn import (
    CALLBACK,
    COMMIT_HOOKS,
    COMMIT_SIGNALS,
    EXITS,
    HINTS,
    Way,
)
from mainspring.advisor.rules.wrappers import ENGINES, SILENT, Wrapper, Wrappers, carried_by, is_left_by_all, wrappers_of

if TYPE_CHECKING:
    from mainspring.advisor.effects import Effects
    from mainspring.advisor.project import Project, Target

_CALLERS_OF_LAMBDAS = CARRIERS | {
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
_OF_REQUEST = (
    "Request", "HttpRequest", "Response", "AsyncSession", "Session", "UploadFile", "FileStorage",
    "InMemoryUploadedFile", "SpooledTemporaryFile",
)  # fmt: skip
_HOMES = (
    "starlette.", "fastapi.", "django.", "flask.", "quart.", "werkzeug.", "sqlalchemy.", "sqlmodel.", "aiohttp.", "sanic.",
    "litestar.", "tempfile.",
)  # fmt: skip
_LONG = 40  # letters of a name that a sentence bears
_KEPT = frozenset({"MS101", "MS102", "MS103", "MS105", "MS106"})


def judge(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield what a file starts and leaves to itself."""
    wrappers = known_wrappers(project)
    found: list[list[Site]] = []
    for function in project.telling(file, HINTS | wrappers.names):
        started = list(sites(project, file, function, wrappers))
        if started and ((role := project.role(file, function)) not in SILENT or role is Role.TEST):
            found.append([replace(each, role=role) for each in started])
    given = _given_away(project, file, [started[0].function for started in found]) if found else {}
    for started in found:
        steps = _steps(project, started)
        for site in started:
            if site in steps[1:]:
                continue
            yield from _judge(project, site, given, steps if steps and site is steps[0] else ())
    yield from _judge_wrappers(project, file, wrappers)


_found: WeakKeyDictionary[Project, Wrappers] = WeakKeyDictionary()


def believe_wrappers(project: Project, wrappers: Wrappers) -> None:
    """Take over what an earlier look has found."""
    _found[project] = wrappers


def known_wrappers(project: Project) -> Wrappers:
    """Return the wrappers of a project, looked for once."""
    if (found := _found.get(project)) is None:
        found = _found[project] = wrappers_of(project)
    return found


def _given_away(project: Project, file: FileFacts, functions: Iterable[Function]) -> Mapping[str, Sequence[str]]:
    """Return for some functions of a file, and those around them, the calls that get them as an argument."""
    own: dict[str, str] = {}
    around: dict[str, Function] = {}
    for function in functions:
        name = function.name
        while name:
            own[f"{file.module}.{name}"] = name
            name = name.rpartition(".<locals>.")[0]
        if (outer := file.function(function.name.partition(".<locals>.")[0])) is not None:
            around |= {each.name: each for each in (outer, *outer.inner)}
    found: dict[str, list[str]] = {}
    naming = file.naming(*{name.rpartition(".")[2] for name in own.values()})
    for function in (*around.values(), *(each for each in naming if each.name not in around)):
        for call in function.calls:
            for value in call.given:
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
    if hold is Hold.RETURNED and site.wrapper is None and spawn.target < 0 and spawn.way is Way.THREAD:
        hold = _hold_of_callers(project, site) or hold
    if hold is Hold.SAFE and site.role is Role.STARTUP and is_only_called_off(call):
        hold = Hold.KEPT  # until the process ends, which is when it is lost
    if hold in (Hold.SAFE, Hold.RETURNED) or any(_is_one_of(each, EXITS) for each in receivers):
        return
    if site.value is not None and not site.shell and carried_by(project, file, function, site.value) is not None:
        return  # the wrapper's own business
    target = target_of(project, site)
    if target is not None and keeps_the_process_going(project, target):
        return
    if target is not None and site.wrapper is None and loops.takes(project, file, function, call, target):
        return  # what never ends is judged by other rules, where it is started without anybody's help
    if (
        is_of_one_connection(site)
        or is_heard_of(site, target)
        or reads_a_pipe(project, site, target)
        or is_soon(site)
        or arms_itself(project, site, target)
        or is_the_program(site)
        or opens_a_browser(project, site, target)
        or is_answer_to_come(function)
    ):
        return
    if spawn.way is Way.TIMER and is_of_a_connection(file, function):
        return
    if spawn == CALLBACK and (target is None or target.known is None or not target.known.function.is_async):
        return
    effects = _effects(project, target)
    name = _name(site, target)
    weight = (
        Weight.SHARED if spawn.way is Way.PROCESS else weight_of(effects, name, _body(target)) if effects is not None else Weight.UNKNOWN
    )
    if weight is Weight.LOCAL and is_long(site, target):
        weight = Weight.LIKELY
    if site.role is not Role.HANDLER and is_leaving(function) and LEAVES.search(name.rpartition(".")[2]):
        return
    hooked = _is_hooked(project, function, call, receivers)
    if weight is Weight.LOCAL or (weight is Weight.ENQUEUES and (hooked or spawn.way is Way.AFTER)):
        return
    if hold is Hold.KEPT and call.target.startswith("self.") and tells_when_done(file, function, target):
        hold = Hold.MANAGED
    endless = loops.kind_of(project, target) if target is not None else None
    if hold is Hold.MANAGED and _is_of_nobody(site, endless):
        hold = Hold.KEPT
    if hold is Hold.MANAGED and (site.role is not Role.SERVICE or effects is None or endless is not None):
        return
    kind, alternatives = kind_of(effects) if effects is not None else (Kind.ADHOC, ())
    if endless is not None:
        kind, alternatives = endless, (Kind.SIDE,) if endless is Kind.CRON else ()
    elif repeats(site):
        kind, alternatives = Kind.CRON, (Kind.ADHOC,)
    if steps:
        kind, alternatives = Kind.WORKFLOW, (Kind.ADHOC,)
    code = "MS107" if hooked and spawn.code in {"MS101", "MS102", "MS103", "MS105", "MS106"} else spawn.code
    severity = _severity(site, hold, weight)
    is_own = effects is not None and is_own_log(effects, name) and site.role is not Role.HANDLER
    if is_own or removes_what_was_sent(site, name):
        severity = Severity.NOTICE
    if weight is not Weight.SHARED and (
        (endless is not None and site.role is not Role.HANDLER)
        or attends_a_child(project, target)
        or is_of_a_connection(file, function)
        or (is_given_a_connection(call, spawn, function) and weight is Weight.UNKNOWN)
        or speaks_to_its_own(target)
        or (is_logging(function) and site.role is not Role.HANDLER)
        or is_upkeep_of_memory(target)
        or tends(site, hold, weight, name)
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
        target=" → ".join(_name(each, target_of(project, each)) for each in steps) if steps else name,
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


def _hold_of_callers(project: Project, site: Site) -> Hold | None:
    """Return who holds on to a thread that a function begins and gives back, where its callers leave it alone."""
    begun = replace(site.spawn, start="")
    is_kept = any(bind.startswith(("add:", "append:", "set:")) for bind in site.call.binds)
    for file, function, call in project.callers(site.file, site.function):
        if project.role(file, function) in SILENT:
            continue
        hold = hold_of(project, file, function, call, begun)
        if hold in (Hold.DROPPED, Hold.BOUND, Hold.KEPT) or (hold is Hold.HANDED and is_kept):
            return hold if hold is not Hold.HANDED else Hold.KEPT
    return None


def _is_of_nobody(site: Site, endless: Kind | None) -> bool:
    """Whether what could call work off is not what it belongs to: a global, the record of a run, a helper that keeps everybody's tasks."""
    owner = site.call.target.rpartition(".")[0]
    if site.role is Role.HANDLER:
        return owner != "self"
    if site.spawn.way in (Way.PROCESS, Way.TIMER):
        return False  # calling off a child or a delay is how they end
    return endless is None and (site.role is Role.STARTUP or (site.role is Role.SERVICE and _is_kept_by_another(site, owner)))


def _is_kept_by_another(site: Site, owner: str) -> bool:
    if site.wrapper is not None:
        return bool(site.wrapper.param) and not site.wrapper.is_judged_by_caller
    return owner.isidentifier() and owner not in ("self", "cls")


def _effects(project: Project, target: Target | None) -> Effects | None:
    return None if target is None else project.effects(target.known or target.ref)


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
    if hold is Hold.MANAGED and (weight is not Weight.SHARED or (BEGINS.match(method) and not is_a_job(site, method))):
        return Severity.NOTICE  # begins with its object, and ends with it
    if hold is Hold.HANDED and site.role is not Role.HANDLER:
        return Severity.NOTICE
    if site.wrapper is not None and not site.wrapper.param and hold in (Hold.KEPT, Hold.BOUND):
        return Severity.NOTICE  # what a maker of tasks gives is in somebody's hands
    if site.role is Role.WORKER or (site.shell == "" and site.spawn.way is Way.PROCESS and opens_a_window(site.function, site.call)):
        return Severity.NOTICE
    if (
        weight in (Weight.LIKELY, Weight.UNKNOWN)  # nobody can say that nothing is lost
        or hold in (Hold.HANDED, Hold.MANAGED)
        or (site.role in (Role.STARTUP, Role.FRAMEWORK, Role.TASK) and site.spawn.way is not Way.AFTER)
    ):
        return Severity.WARNING
    return Severity.ERROR


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
    target = target_of(project, site)
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
    for each in site.call.given:
        if each is not value:
            yield each
            yield from each.items


def _judge_wrappers(project: Project, file: FileFacts, wrappers: Wrappers) -> Iterator[Finding]:
    for wrapper in wrappers.defined.get(file.module, ()):
        if not wrapper.param or ENGINES.search(wrapper.function.name.partition(".")[0]):
            continue
        is_of_one = wrapper.spawn.way is Way.COROUTINE and wrapper.function.name.endswith("__init__")
        if wrapper.hold is Hold.MANAGED and not is_of_one:
            continue  # it calls off what it keeps: who gives it something is told
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
