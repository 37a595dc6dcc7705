"""Timers that are set again by what they call, and classes and functions that call what they are given again and again (MS203)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mainspring.advisor.finding import Evidence, Finding, Ground, Kind, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Known, Project
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value, ValueForm
from mainspring.advisor.rules import loops
from mainspring.advisor.rules.kinds import Body, Weight, weight_of
from mainspring.advisor.rules.schedulers import is_own_care
from mainspring.advisor.rules.sources import pause_of
from mainspring.advisor.rules.spawn import RUNNERS, Way, mentions, seconds, spawn_of
from mainspring.advisor.rules.steps import SHARED, WRITES, inside

_GIVEN = frozenset({"function", "target", "callback", "func", "fn", "method", "action"})
_TIMERISH = pattern(r"Timer|Repeat|Period|Interval|Ticker|Schedul", re.IGNORECASE)
_OFTEN = pattern(
    r"_*(looping_call\w*|(call|run|do|execute|schedule|start|spawn|register)_(\w+_)?(every|periodic(ally)?|repeat(ed|edly|ing)?|recurring|interval)(_\w+)?)"
)
"""Names of functions that call what they are given again and again."""
_GIVEN_CALL = pattern(r"self\.\w+(?:\.(run|execute|perform|process|tick|work|call|update))?")
_ASKS_A_CHILD = frozenset({"poll", "is_alive"})
SHORTEST = 0.5  # seconds: what re-arms itself faster is an animation or a debounce, not a schedule
_SILENT = (Role.VENDORED, Role.MIGRATION, Role.TASK)


def timers(project: Project, file: FileFacts, function: Function) -> Iterator[Finding]:
    """Yield timers that call the function which sets them, at once or through one more function."""
    later = {id(call): (value, delay) for call, value, delay in _set_for_later(project, file, function)}
    for call in function.calls:
        if (found := later.get(id(call))) is not None:
            known = project.target(file, function, found[0]).known if found[0] is not None else None
            if known is not None and _leads_to(project, known, function, 2) and not _looks_after_a_child(function, call):
                length = seconds(found[1])
                if length is None or length >= SHORTEST:
                    is_sure = "if" not in call.inside  # else it may be a throttle, which sets no timer when all is quiet
                    yield from _rearmed(project, file, function, call, known, call.source, is_sure=is_sure)
        elif (known := _alarm(project, file, function, call)) is not None:
            yield from _rearmed(project, file, function, call, known, call.source, is_sure=False)
        else:
            yield from _repeated(project, file, function, call)


def _looks_after_a_child(function: Function, timer: Call) -> bool:
    """Whether a timer is set for as long as a process of one's own goes on: that is how a wait is written here, and no schedule."""
    is_until = any(part in ("if", "else") for part in timer.inside)
    return is_until and any(call.ref.rpartition(".")[2] in _ASKS_A_CHILD and not call.args for call in function.calls)


def _leads_to(project: Project, known: Known, function: Function, depth: int) -> bool:
    """Whether running a function sets the timer again, itself or through functions that it calls."""
    if known.function is function or (known.function.name == function.name and known.function.place == function.place):
        return True
    if depth == 0:
        return False
    for call in known.function.calls:
        spawn = spawn_of(project, call, loops.is_coroutine(project, known.function, call))
        if spawn is not None and spawn.way is Way.COROUTINE and call.args and call.args[0].form is ValueForm.CALL:
            continue
        is_started = spawn is not None and spawn.way is not Way.TIMER
        callee = loops.target_of(project, known.file, known.function, call, spawn) if is_started and spawn else project.function(call.ref)
        if callee is not None and callee.function is not known.function and _leads_to(project, callee, function, depth - 1):
            return True
    return False


def _alarm(project: Project, file: FileFacts, function: Function, call: Call) -> Known | None:
    """Return the handler of an alarm that rings again and again. One that ``alarm(0)`` takes back is a limit, and none."""
    if call.ref.rpartition(".")[2] not in ("setitimer", "alarm"):
        return None
    ref = project.canonical(call.ref)
    if ref not in ("signal.setitimer", "signal.alarm"):
        return None
    if any(
        project.canonical(other.ref) == ref
        and other is not call
        and (value := other.argument(0 if ref.endswith("alarm") else 1, "seconds")) is not None
        and value.text in ("0", "0.0")
        for other in function.calls
    ):
        return None
    handler = next(
        (
            project.target(file, each, value).known
            for each in file.naming("signal")
            for other in each.calls
            if project.canonical(other.ref) == "signal.signal"
            and len(other.args) > 1
            and mentions(other.args[0], ("SIGALRM", "SIGVTALRM", "SIGPROF"))
            for value in other.args[1:2]
        ),
        None,
    )
    if handler is None:
        return None
    interval = call.argument(2, "interval")
    again = (interval is not None and interval.text not in ("0", "0.0")) or any(
        project.canonical(each.ref) in ("signal.alarm", "signal.setitimer") for each in handler.function.calls
    )
    return handler if again and handler.function.calls else None


def _repeated(project: Project, file: FileFacts, function: Function, call: Call) -> Iterator[Finding]:
    """Yield what is handed to a class of the project that calls it again and again: a repeated timer."""
    name = call.ref.rpartition(".")[2]
    is_often = _OFTEN.fullmatch(name) is not None and not call.is_awaited and call.passed_to < 0
    if not (call.args or call.keywords) or not (is_often or "start" in call.binds or _TIMERISH.search(name)):
        return
    owner, values = _timer_made(project, call) if name[:1].isupper() else _timer_given(project, call)
    if not owner and is_often:
        owner, values = name, (*(value for word, value in call.keywords if word in _GIVEN), *call.args[:2])
    method = _method_called(project, owner) if owner else ""
    for value in values if owner else ():
        if value.form not in (ValueForm.REF, ValueForm.OTHER, ValueForm.CALL):
            continue
        known = project.function(f"{value.type.removesuffix('()') or value.text}.{method}") if method else None
        known = known or project.target(file, function, value).known
        if known is not None and known.function.name != "__init__":
            is_sure = weight_of(project.effects(known), known.function.name, Body.SEEN) is Weight.LIKELY
            yield from _rearmed(project, file, function, call, known, owner.rpartition(".")[2], is_sure=is_sure)
            return


def _timer_made(project: Project, call: Call) -> tuple[str, Sequence[Value]]:
    """Return the repeated timer that a call makes, and what may be its work; nothing for what is none."""
    owner = project.canonical(call.ref)
    ancestors = project.ancestors(owner)
    if any(base in RUNNERS or base == "threading.Timer" for base in ancestors):
        run = project.function(f"{owner}.run")
        is_one = run is not None and any(_calls_again(project, run.function, number) for number in range(len(run.function.loops)))
    else:
        is_one = _sets_itself(project, owner)
    named = [value for name, value in call.keywords if name in _GIVEN]
    return (owner, (*named, *call.args[1:3], *call.args[:1])) if is_one else ("", ())  # the pause stands first, and may be a function


def _timer_given(project: Project, call: Call) -> tuple[str, Sequence[Value]]:
    """Return the repeated timer that a function makes of a parameter, and what it is given as that: ``loop.register_timer(f)``."""
    maker = project.function(call.ref)
    if maker is None:
        return "", ()
    params = [param.name for param in maker.function.params if param.name not in ("self", "cls")]
    for made in maker.function.calls:
        handed = [value.text for value in (*made.args, *(each for _, each in made.keywords)) if value.text in params]
        if handed and made.ref.rpartition(".")[2][:1].isupper() and (owner := _timer_made(project, made)[0]):
            given = (call.argument(params.index(name), name) for name in handed)
            return owner, [value for value in given if value is not None]
    return "", ()


def _sets_itself(project: Project, owner: str) -> bool:
    """Whether a class calls what its constructor was given, and sets a timer for the next time."""
    found = project.class_in(owner)
    start = project.function(f"{owner}.__init__") if found is not None else None
    if found is None or start is None:
        return False
    file, made = found
    params = {param.name for param in start.function.params}
    given = {f"self.{assign.attribute}" for assign in start.function.assigns if assign.value.text in params}
    methods = [each for each in file.functions if each.name.startswith(f"{made.name}.")]
    if not any(call.source in given for method in methods for call in method.calls):
        return False
    for method in methods:
        for _, value, _ in _set_for_later(project, file, method):
            known = project.target(file, method, value).known if value is not None else None
            if known is not None and _leads_to(project, known, method, 2):
                return True
    return False


_LATER = {"call_later": 0, "callLater": 0, "call_at": -1}
"""Methods of event loops, and of what people have around them or are given as one: where their delay stands."""


def _set_for_later(project: Project, file: FileFacts, function: Function) -> Iterator[tuple[Call, Value | None, Value | None]]:
    """Yield the timers that a function sets: the call, what it is set for, and its delay."""
    timers = {id(call): spawn for call, spawn in loops.spawns_of(project, file, function) if spawn.way is Way.TIMER}
    for call in function.calls:
        if (spawn := timers.get(id(call))) is not None:
            delay = call.argument(spawn.delay, spawn.delay_keyword) if spawn.delay >= 0 else None
            yield call, call.argument(spawn.target, spawn.keyword), delay
        elif (place := _LATER.get(call.ref.rpartition(".")[2])) is not None:
            yield call, call.argument(1, "callback"), call.argument(place, "delay") if place >= 0 else None


def _calls_again(project: Project, function: Function, number: int) -> bool:
    """Whether a loop pauses and calls what its object was given."""
    loop = function.loops[number]
    body = [call for call in function.calls if inside(function, call.loop, number)]
    pauses = ".wait(" in loop.head or any(pause_of(project, call) or call.ref.rpartition(".")[2] in ("wait", "sleep") for call in body)
    return loop.is_while and pauses and any(_GIVEN_CALL.fullmatch(call.source) and project.function(call.ref) is None for call in body)


def _method_called(project: Project, owner: str) -> str:
    """Return the method of what it was given that a repeated timer calls: ``run`` of ``self.action.run()``, else nothing."""
    run = project.function(f"{owner}.run")
    found = (_GIVEN_CALL.fullmatch(call.source) for call in run.function.calls) if run is not None else ()
    return next((each[1] for each in found if each is not None and each[1]), "")


def _rearmed(
    project: Project, file: FileFacts, function: Function, call: Call, known: Known, timer: str, *, is_sure: bool
) -> Iterator[Finding]:
    """Yield the finding for work that a timer does again and again. ``is_sure``: what nobody knows of it counts as well."""
    role = project.role(file, function)
    if role in _SILENT or role is Role.CLI:  # whoever started the command looks at it
        return
    effects = project.effects(known)
    shared = [effect for effect in SHARED if effects.has(effect)]
    counts = bool(shared) or (is_sure and effects.is_unknown and not loops.is_of_a_connection(project, file, function))
    counts = counts and not is_own_care(effects, known.function.name)
    severity, variant = (Severity.WARNING, "") if counts else (Severity.NOTICE, "local")
    finding = project.finding(
        "MS203", file, function, call, kind=Kind.CRON, severity=severity, variant=variant, target=known.function.name, timer=timer
    )
    evidence = tuple(each for effect in shared for each in effects.evidence(effect)[:1])
    yield replace(
        finding,
        evidence=evidence[:4],
        contradicts=contradicted(effects_of=evidence, is_write=any(effect in WRITES for effect in shared)),
    )


def contradicted(effects_of: tuple[Evidence, ...], *, is_write: bool) -> tuple[tuple[Ground, str], ...]:
    """Return the grounds that cannot be true of work that is done again and again."""
    found = [(Ground.REQUEST_SCOPED, "it goes on after the request")]
    if is_write and effects_of:
        found.append((Ground.PROCESS_LOCAL, f"{effects_of[0].path}:{effects_of[0].line}: {effects_of[0].text}"))
    return tuple(found)
