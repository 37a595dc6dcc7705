"""Queues, retries, chains and states that somebody built by hand (MS301-MS306)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mainspring.advisor.finding import Evidence, Finding, Ground, Kind, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.project import Known, Project
from mainspring.advisor.read.facts import Assign, Call, Fate, FileFacts, Function, Loop, Value, ValueForm
from mainspring.advisor.rules import loops
from mainspring.advisor.rules.endless import endless, head, is_forever, line_of
from mainspring.advisor.rules.handles import Hold, hold_of
from mainspring.advisor.rules.kinds import LEAVES
from mainspring.advisor.rules.sources import pause_of
from mainspring.advisor.rules.spawn import HINTS, Spawn, Way
from mainspring.advisor.rules.steps import SHARED, functions_within, inside, steps_within


def judge(project: Project, file: FileFacts) -> Iterator[Finding]:
    """Yield what a file does that an engine is there for."""
    yield from (finding for finding in loops.found_in(project, file) if finding.code.startswith("MS3"))
    for function in project.telling(file, HINTS):
        spawned = list(_spawned(project, file, function))
        if not spawned:
            continue
        role = project.role(file, function)
        if role in (Role.VENDORED, Role.MIGRATION, Role.TASK, Role.CLI):
            continue
        for call, known in spawned:
            yield from _retries(project, file, function, call, known)
        yield from _chains(project, file, function, spawned)
        yield from _states(project, file, function, spawned)


def _spawned(project: Project, file: FileFacts, function: Function) -> Iterator[tuple[Call, Known | None]]:
    """Yield the calls that start work which nobody waits for, with the function that they start."""
    for call, spawn in loops.spawns_of(project, file, function):
        if spawn.way in (Way.PROCESS, Way.TIMER) or (spawn.is_waitable and not _is_left(function, call, spawn)):
            continue
        if hold_of(project, file, function, call, spawn) in (Hold.SAFE, Hold.MANAGED):
            continue
        yield call, loops.target_of(project, file, function, call, spawn)


def _is_left(function: Function, call: Call, spawn: Spawn) -> bool:
    if call.fate in (Fate.AWAITED, Fate.JOINED, Fate.CANCELLED, Fate.RETURNED, Fate.USED) or call.is_awaited:
        return False
    if call.passed_to >= 0 and function.calls[call.passed_to].is_awaited:
        return False
    return not spawn.start or spawn.start in call.binds or call.fate is Fate.KEPT or call.fate is Fate.DROPPED


# --- MS304 ---

_TRIES = pattern(r"attempt|retr(y|ies)|tries|backoff|^range\(", re.IGNORECASE)


def _retries(project: Project, file: FileFacts, function: Function, call: Call, known: Known | None) -> Iterator[Finding]:
    """Yield a detached target that repeats what failed, with pauses."""
    if known is None or known.function.is_generator or endless(project, known) is not None:
        return
    found = _retry(project, known, 1)
    if found is None:
        return
    where, number = found
    loop = where.function.loops[number]
    is_here = where.file.module == file.module
    finding = project.finding(
        "MS304", file, where.function if is_here else function, loop if is_here else call,
        kind=Kind.ADHOC, severity=Severity.WARNING, target=where.function.name,
    )  # fmt: skip
    line = line_of(loop)
    if is_here:
        finding = replace(finding, place=head(loop), statement=line)
    evidence = Evidence(file.path, call.place.line, call.statement) if is_here else Evidence(where.file.path, loop.place.line, line)
    yield replace(finding, evidence=(evidence,), contradicts=((Ground.SUB_SECOND, f"{where.file.path}:{loop.place.line}: {line}"),))


def _retry(project: Project, known: Known, depth: int) -> tuple[Known, int] | None:
    for number, loop in enumerate(known.function.loops):
        if is_forever(loop) or not (_TRIES.search(loop.head) or any(_TRIES.search(condition) for condition in loop.exits)):
            continue
        body = [call for call in known.function.calls if inside(known.function, call.loop, number)]
        tries = any("try" in call.inside for call in body) and _tries_within(known.file, loop)
        pauses = any(pause_of(project, call) and any(part.startswith("except") for part in call.inside) for call in body) or (
            any(pause_of(project, call) for call in body) and bool(_TRIES.search(loop.head))
        )
        if tries and pauses:
            return known, number
    if depth == 0:
        return None
    for call in known.function.calls:
        callee = project.function(call.ref)
        if callee is not None and LEAVES.search(callee.function.name.rpartition(".")[2]):
            continue  # to end something of one's own may take a few attempts
        if callee is not None and callee.function is not known.function and (found := _retry(project, callee, depth - 1)) is not None:
            return found
    return None


def _tries_within(file: FileFacts, loop: Loop) -> bool:
    """Whether a loop itself catches what fails: one that stands in a try as a whole repeats nothing."""
    if file.source is None:
        return True
    return any(line.strip().startswith("try:") for line in file.source.lines[loop.place.line : loop.place.end_line])


# --- MS305 ---


def _chains(project: Project, file: FileFacts, function: Function, spawned: list[tuple[Call, Known | None]]) -> Iterator[Finding]:
    """Yield callbacks that start the next piece of work when one is done."""
    for call in function.calls:
        if call.ref.rpartition(".")[2] not in ("add_done_callback", "then") or not call.args:
            continue
        known = project.target(file, function, call.args[0]).known
        if known is None:
            continue
        owner = call.source.rpartition(".")[0]
        before = next((each for each, _ in spawned if each.target and each.target == owner), None) or next(
            (each for each, _ in spawned if each.place.line == call.place.line or each.statement == call.statement), None
        )
        following = next(iter(_spawned(project, known.file, known.function)), None)
        if before is None or following is None:
            continue
        effects = project.effects(following[1]) if following[1] is not None else None
        is_shared = effects is None or effects.is_unknown or any(effects.has(effect) for effect in SHARED)
        if not is_shared or not _uses_the_result(known.function, following[0]):
            continue  # it forgets, logs or cleans up: nothing needs what the first one gave
        started = following[1].function.name if following[1] is not None else following[0].source
        finding = project.finding(
            "MS305",
            file,
            function,
            call,
            kind=Kind.WORKFLOW,
            severity=Severity.WARNING,
            variant="callback",
            target=_started_by(before),
            steps=started,
        )
        evidence = (
            Evidence(file.path, before.place.line, before.statement),
            Evidence(known.file.path, following[0].place.line, following[0].statement),
        )
        yield replace(finding, alternatives=(Kind.ADHOC,), evidence=evidence)


def _uses_the_result(function: Function, call: Call) -> bool:
    """Whether what is started is given what the first piece of work returned."""
    names = {each.target for each in function.calls if each.ref.rpartition(".")[2] == "result" and each.target}
    return ".result(" in call.statement or any(re.search(rf"\b{re.escape(name)}\b", call.statement.partition("(")[2]) for name in names)


def _started_by(call: Call) -> str:
    value = next((each for each in call.args if each.form in (ValueForm.REF, ValueForm.CALL)), None)
    return value.text.rpartition(".")[2] if value is not None else call.source


# --- MS306 ---

_STATUS = pattern(r"status|state|\w+_status|\w+_state", re.IGNORECASE)
_FIRST = pattern(r"\b(pending|queued|waiting|new|created|scheduled|submitted|requested|ready|none|draft|init\w*)\b", re.IGNORECASE)
_NO_ROWS = pattern(
    r"^(self|cls|app|request|response|resp|session|state|ctx|context|websocket|ws|g)$|^(self|app|request|g)\.\w+$", re.IGNORECASE
)


def _states(project: Project, file: FileFacts, function: Function, spawned: list[tuple[Call, Known | None]]) -> Iterator[Finding]:
    """Yield states that a function writes of the very row whose work it starts and leaves behind."""
    written = [(assign, owner) for assign in function.assigns if (owner := _row(assign))]
    if not written or project.role(file, function) not in (Role.HANDLER, Role.SERVICE, Role.STREAM):
        return
    for call, known in spawned:
        handed = set(_names(call))
        for assign, owner in written:
            if owner.partition(".")[0] not in handed or any(part.startswith("except") for part in assign.inside):
                continue
            also = known is not None and _writes(project, known, assign.attribute)
            finding = project.finding(
                "MS306", file, function, assign,
                kind=Kind.ADHOC, severity=Severity.ERROR if also else Severity.NOTICE, variant="" if also else "alone",
                status=assign.target, target=known.function.name.rpartition("<locals>.")[2] if known is not None else call.source,
            )  # fmt: skip
            yield replace(finding, evidence=(Evidence(file.path, call.place.line, call.statement),))
            return


def _row(assign: Assign) -> str:
    """Return what a state is written to, where it is a row: no object of the framework, and no first state."""
    if not _STATUS.fullmatch(assign.attribute) or "." not in assign.target:
        return ""
    owner = assign.target.rpartition(".")[0]
    if _NO_ROWS.match(owner) or _FIRST.search(_written(assign.value)):
        return ""
    if assign.value.form is ValueForm.NUMBER or assign.owner.startswith(("fastapi.", "starlette.", "flask.", "django.http.")):
        return ""
    return owner


def _written(value: Value) -> str:
    return re.sub(r"[_.]", " ", " ".join((value.text, *value.names)))


def _names(call: Call) -> Iterator[str]:
    waiting = [*call.given]
    while waiting:
        value = waiting.pop()
        yield from (name.partition(".")[0] for name in (value.text, *value.names))
        yield from re.findall(r"[A-Za-z_]\w*", value.text)
        yield from (name.rpartition(".")[2] for name in value.names)
        waiting.extend(value.items)


def _writes(project: Project, known: Known, attribute: str) -> bool:
    """Whether the work that is started writes this state as well."""
    for function in functions_within(project, known):
        if any(assign.attribute == attribute for assign in function.assigns):
            return True
    return any(
        any(name == attribute for name, _ in step.call.keywords) and step.call.source.endswith(("update", "values"))
        for step in steps_within(project, known)
    )
